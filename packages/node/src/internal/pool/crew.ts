/** The workers of a pool: who starts, who leaves and why, and who takes whose place. */
import type { Event } from "../../Flavour.ts"
import type { End, Link, Listener, Received } from "./seat.ts"
import type { Plan } from "./settings.ts"
import { Worker } from "./worker.ts"

/** Starts a worker. */
export type Start = (worker: Worker, listener: Listener) => Link

/** What the pool does when something becomes of a worker. */
export interface Pool {
  readonly onFrame: (worker: Worker, ...frame: Received) => void
  /** There may be something to do. */
  readonly onChange: () => void
  /** Calls that a worker has not started are to go elsewhere. */
  readonly takeBack: (worker: Worker) => void
  /** A worker has ended, with these calls in its hands. */
  readonly onEnd: (worker: Worker, end: End) => void
  /** Workers do not get ready. */
  readonly onNotReady: (message: string) => void
}

/** How much work a worker is given ahead for each call it can run at once, in microseconds. */
const window = 1_000
/** After so many workers in a row that did not get ready, whoever waits is told. */
const bootFailures = 3

export class Crew {
  readonly workers = new Set<Worker>()
  readonly counts = { crashed: 0, recycled: 0, killed: 0 }
  private readonly plan: Plan
  private readonly start: Start
  private readonly pool: Pool
  /** Workers beyond the pool's size, ready to take the place of one that is lost. */
  private readonly spares = new Set<Worker>()
  /** Workers on their way out, no longer counted. */
  private readonly leavers = new Set<Worker>()
  private readonly listeners = new Set<(event: Event) => void>()
  private started = 0
  private failedBoots = 0
  private closed = false
  private idleTimer: NodeJS.Timeout | undefined
  private whenEnded: (() => void) | undefined

  constructor(plan: Plan, start: Start, pool: Pool) {
    this.plan = plan
    this.start = start
    this.pool = pool
    if (plan.onEvent !== undefined) this.listeners.add(plan.onEvent)
    for (let i = 0; i < plan.minimum; i++) this.add(this.workers)
    if (plan.minimum > 0) this.keepSpares()
  }

  /** All that have not ended. */
  get all(): ReadonlyArray<Worker> {
    return [...this.workers, ...this.spares, ...this.leavers]
  }

  /** The worker that will be free first, if one can take a call that takes so many microseconds. Of chunks it may have one more than it runs: their caller sees to their size. */
  pick(estimate: number, items = 1): Worker | undefined {
    const { concurrency } = this.plan
    let best: Worker | undefined
    for (const worker of this.workers) {
      if (worker.state !== "ready" || !worker.hasSlot) continue
      if (
        worker.inHand >= concurrency &&
        !(worker.backlog + estimate <= window * concurrency) &&
        (items === 1 || worker.inHand >= 2 * concurrency)
      )
        continue
      if (best === undefined || worker.inHand < best.inHand) best = worker
    }
    return best
  }

  // Who comes

  /** As many workers start as calls wait, up to the pool's size. */
  grow(waiting: number): void {
    if (this.closed) return
    let starting = 0
    for (const { state } of this.workers) if (state === "starting") starting++
    for (let size = this.workers.size; size < this.plan.size && starting < waiting; size++, starting++) this.adopt()
  }

  /** A worker joins the pool: a spare one if there is one. */
  private adopt(): void {
    const [spare] = this.spares
    if (spare === undefined) this.add(this.workers)
    else {
      this.spares.delete(spare)
      this.workers.add(spare)
    }
    this.keepSpares()
  }

  private keepSpares(): void {
    while (this.spares.size < this.plan.spare) this.add(this.spares)
  }

  private add(to: Set<Worker>): void {
    const worker = new Worker(++this.started)
    const { pool } = this
    const { readyTimeout } = this.plan
    to.add(worker)
    worker.link = this.start(worker, {
      onFrame: (...frame) => pool.onFrame(worker, ...frame),
      onDrained: pool.onChange,
      onEnd: (end) => this.onEnd(worker, end)
    })
    if (readyTimeout === Infinity) return
    worker.bootTimer = setTimeout(() => {
      worker.killedFor = `it was not ready after ${readyTimeout} ms`
      worker.link.kill()
    }, readyTimeout)
    worker.bootTimer.unref()
  }

  onReady(worker: Worker): void {
    if (worker.state !== "starting") return
    clearTimeout(worker.bootTimer)
    worker.state = "ready"
    worker.idleSince = performance.now()
    worker.link.hold(false)
    this.failedBoots = 0
    this.emit({ _tag: "Started", worker: worker.number })
    this.watchIdle()
  }

  // Who leaves

  /** Ends a worker by force. What it has not started goes elsewhere, and another takes its place before it is gone. */
  kill(worker: Worker, why: string): void {
    if (worker.state === "ended" || worker.killedFor !== undefined) return
    worker.killedFor = why
    this.counts.killed++
    this.emit({ _tag: "Killed", worker: worker.number, why })
    this.leave(worker, "killed")
    worker.link.kill()
    this.pool.onChange()
  }

  /** Looks whether a worker has served long enough. */
  wear(worker: Worker): void {
    const { age, tasks } = this.plan.recycle
    if (worker.served >= tasks) this.recycle(worker, "tasks")
    else if (age < Infinity && performance.now() - worker.startedAt > age) this.recycle(worker, "age")
    this.endIfIdle(worker)
  }

  /** Takes note of a worker's heap, in kB. */
  onHeap(worker: Worker, size: number): void {
    if (size * 1024 > this.plan.recycle.heap) this.recycle(worker, "heap")
  }

  /** A function was, or is being, ended in it: nobody knows in which state that left it. */
  soil(worker: Worker): void {
    this.recycle(worker, "dirty")
  }

  private recycle(worker: Worker, why: "tasks" | "age" | "heap" | "dirty"): void {
    if (worker.state !== "ready") return
    this.counts.recycled++
    this.emit({ _tag: "Recycled", worker: worker.number, why })
    this.leave(worker, "recycled")
    this.endIfIdle(worker)
  }

  private leave(worker: Worker, why: NonNullable<Worker["leaving"]>): void {
    worker.state = "leaving"
    worker.leaving = why
    this.spares.delete(worker)
    const counted = this.workers.delete(worker)
    this.leavers.add(worker)
    this.pool.takeBack(worker)
    const { minimum, size } = this.plan
    if (counted && !this.closed && why !== "idle" && this.workers.size < size && (worker.inHand > 0 || this.workers.size < minimum))
      this.adopt()
  }

  private endIfIdle(worker: Worker): void {
    if (worker.state === "leaving" && worker.inHand === 0 && worker.killedFor === undefined) worker.link.end()
  }

  private watchIdle(): void {
    const { idleTimeToLive, minimum } = this.plan
    if (this.idleTimer !== undefined || idleTimeToLive === Infinity || this.closed) return
    this.idleTimer = setTimeout(
      () => {
        this.idleTimer = undefined
        const now = performance.now()
        for (const worker of [...this.workers]) {
          if (this.workers.size <= minimum) break
          if (worker.state !== "ready" || worker.inHand > 0 || now - worker.idleSince < idleTimeToLive) continue
          this.leave(worker, "idle")
          worker.link.end()
        }
        if (this.workers.size > minimum) this.watchIdle()
      },
      Math.max(10, idleTimeToLive / 2)
    )
    this.idleTimer.unref()
  }

  private onEnd(worker: Worker, end: End): void {
    const { leaving, state } = worker
    clearTimeout(worker.bootTimer)
    worker.state = "ended"
    for (const set of [this.workers, this.spares, this.leavers]) set.delete(worker)
    if (leaving === undefined) {
      this.counts.crashed++
      this.emit({ _tag: "Crashed", worker: worker.number, ...end })
    }
    this.pool.onEnd(worker, end)
    this.emit({ _tag: "Ended", worker: worker.number, why: leaving ?? "crashed" })
    if (state === "starting" && leaving === undefined) this.bootFailed(worker.killedFor ?? end.message ?? textOf(end))
    this.whenEnded?.()
    if (!this.closed) while (this.workers.size < this.plan.minimum && this.failedBoots < bootFailures) this.adopt()
    this.pool.onChange()
  }

  private bootFailed(message: string): void {
    this.failedBoots++
    if (this.failedBoots < bootFailures || [...this.workers].some(({ state }) => state === "ready")) return
    this.pool.onNotReady(message)
    this.failedBoots = 0
  }

  /** Ends all; `done` is called when none is left, or those that are left cannot be ended. */
  close(grace: number, done: () => void): void {
    const check = (): void => {
      if (this.all.length === 0) finish()
    }
    const finish = (): void => {
      this.whenEnded = undefined
      clearTimeout(force)
      clearTimeout(give)
      done()
    }
    // They have nothing to do but to release what their tasks' layers hold.
    const force = setTimeout(() => {
      for (const worker of this.all) worker.link.kill()
    }, this.plan.grace)
    const give = setTimeout(() => {
      for (const worker of this.all) this.emit({ _tag: "Stuck", worker: worker.number, task: undefined })
      finish()
    }, this.plan.grace + grace)
    this.whenEnded = check
    for (const worker of this.all) {
      worker.leaving ??= "closed"
      if (worker.state === "starting") worker.link.kill()
      else if (worker.killedFor === undefined) {
        worker.state = "leaving"
        worker.link.end()
      }
    }
    check()
  }

  /** From now on nobody starts. */
  stop(): void {
    this.closed = true
    clearTimeout(this.idleTimer)
  }

  emit(event: Event): void {
    for (const listener of [...this.listeners]) {
      try {
        listener(event)
      } catch {
        // An observer changes nothing (law 13).
      }
    }
  }

  listen(listener: (event: Event) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** How many there are, by what they do. */
  census(): { readonly starting: number; readonly busy: number; readonly idle: number; readonly spare: number; readonly leaving: number } {
    let starting = 0
    let busy = 0
    for (const { inHand, state } of this.workers) {
      if (state === "starting") starting++
      else if (inHand > 0) busy++
    }
    return { starting, busy, idle: this.workers.size - starting - busy, spare: this.spares.size, leaving: this.leavers.size }
  }
}

export const textOf = (end: End): string => (end.signal === null ? `it ended with exit code ${end.exitCode}` : `it ended by ${end.signal}`)
