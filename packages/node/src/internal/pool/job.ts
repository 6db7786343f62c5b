/** One call in a pool, from its submission to its answer. */
import type * as TaskRunner from "@skein/parallel/TaskRunner"
import type * as Effect from "effect/Effect"
import type { Worker } from "./worker.ts"

export type Priority = TaskRunner.Call["priority"]

export interface Job {
  /** Numbers the sendings of a pool's calls. A call that was taken back gets another number: what a worker has noted of the old one says nothing of the new one, be it in the same slot. */
  id: number
  readonly call: TaskRunner.Call
  readonly resume: (answer: Effect.Effect<TaskRunner.Answer, TaskRunner.TaskRunnerError>) => void
  state: "queued" | "sent" | "over"
  worker: Worker | undefined
  slot: number
  /** How long it will take, in microseconds, as far as one can know. */
  estimate: number
  /** How often it was lost and is tried again. */
  losses: number
  /** Why it shall stop: its caller was interrupted (`caller`), or the pool closes. */
  stopping: "caller" | "closing" | undefined
  /** Called once when a call that was asked to stop is over. */
  stopped: (() => void) | undefined
  timer: NodeJS.Timeout | undefined
  /** The worker has seen that it shall stop. */
  heard: boolean
  /** The worker that was ended by force because it did not stop. */
  killed: number | undefined
  /** What it was told while it waited. */
  told: Array<string> | undefined
}

/** Calls that wait for a worker: first in, first out within a priority. A call that is over stays in its line until its turn, and is passed by. */
export class Queue {
  private readonly lines: Readonly<Record<Priority, Line>> = { high: new Line(), normal: new Line(), low: new Line() }
  /** How many wait. */
  size = 0

  add(job: Job): void {
    this.lines[job.call.priority].jobs.push(job)
    this.size++
  }

  /** Puts a call that was taken back in front of all others of its priority. */
  addFirst(job: Job): void {
    this.lines[job.call.priority].returned.push(job)
    this.size++
  }

  /** A call that waited is given to a worker, or is over: its state says so. */
  remove(): void {
    this.size--
  }

  /** The call whose turn it is. */
  peek(): Job | undefined {
    const { high, low, normal } = this.lines
    return high.peek() ?? normal.peek() ?? low.peek()
  }

  *all(): Iterable<Job> {
    for (const line of Object.values(this.lines)) for (const job of [...line.returned, ...line.jobs]) if (job?.state === "queued") yield job
  }
}

class Line {
  readonly jobs: Array<Job | undefined> = []
  readonly returned: Array<Job> = []
  private head = 0

  peek(): Job | undefined {
    while (this.returned.length > 0) {
      const job = this.returned[this.returned.length - 1]!
      if (job.state === "queued") return job
      this.returned.pop()
    }
    while (this.head < this.jobs.length) {
      const job = this.jobs[this.head]!
      if (job.state === "queued") return job
      this.drop()
    }
    return undefined
  }

  private drop(): void {
    this.jobs[this.head++] = undefined
    if (this.head >= 1_024 && this.head * 2 >= this.jobs.length) {
      this.jobs.splice(0, this.head)
      this.head = 0
    }
  }
}
