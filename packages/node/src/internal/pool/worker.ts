/** What a pool knows of one worker. */
import type * as TaskRunner from "@skein/parallel/TaskRunner"
import type { Job } from "./job.ts"
import type { Link } from "./seat.ts"

/** How many calls a worker may know of at once. */
export const slotCount = 128

export class Worker {
  /** Counted from 1. */
  readonly number: number
  readonly startedAt = performance.now()
  link: Link = undefined as never
  state: "starting" | "ready" | "leaving" | "ended" = "starting"
  readonly jobs: Array<Job | undefined> = Array.from({ length: slotCount }, () => undefined)
  /** Slots that no call has. A call that was taken back keeps its slot until the worker has passed by it. */
  private readonly free: Array<number> = Array.from({ length: slotCount }, (_, i) => slotCount - 1 - i)
  private readonly definitions = new Map<TaskRunner.Definition, number>()
  /** How many calls it has, and how long these will take by estimate, in microseconds. */
  inHand = 0
  backlog = 0
  /** How many calls it has answered, all in all and when somebody last looked. */
  served = 0
  servedBefore = 0
  idleSince = performance.now()
  /** Why it is leaving, if it was told to. */
  leaving: "idle" | "recycled" | "killed" | "closed" | undefined
  /** Why it was killed: told to the calls that are lost with it. */
  killedFor: string | undefined
  bootTimer: NodeJS.Timeout | undefined

  constructor(number: number) {
    this.number = number
  }

  get hasSlot(): boolean {
    return this.free.length > 0
  }

  /** Sends a call; false if the worker cannot take it now. */
  send(job: Job, estimate: number): boolean {
    let definition = this.definitions.get(job.call.task)
    if (definition === undefined) {
      definition = this.definitions.size
      if (!this.link.define(definition, job.call.task)) return false
      this.definitions.set(job.call.task, definition)
    }
    const { meta, payload } = job.call
    const slot = this.free[this.free.length - 1]!
    const text = meta === undefined ? `\n${payload.text}` : `${JSON.stringify(meta)}\n${payload.text}`
    if (!this.link.call(job, slot, definition, text)) return false
    // As long as it has to tell of a slot, be it that it passed by a call that was taken back, it keeps the process alive.
    if (this.free.length === slotCount) this.link.hold(true)
    this.free.pop()
    this.inHand++
    this.backlog += estimate
    this.jobs[slot] = job
    job.state = "sent"
    job.worker = this
    job.slot = slot
    job.estimate = estimate
    return true
  }

  /** The call in a slot is no longer this worker's. */
  forget(job: Job): void {
    this.jobs[job.slot] = undefined
    this.backlog -= job.estimate
    job.worker = undefined
    if (--this.inHand === 0) {
      this.backlog = 0
      this.idleSince = performance.now()
    }
  }

  freeSlot(slot: number): void {
    if (this.free.push(slot) === slotCount) this.link.hold(false)
  }
}
