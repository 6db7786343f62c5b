/**
 * The core of a flavour: gives calls to workers, and answers each exactly once, whatever becomes of the worker.
 *
 * A worker is given more calls than it can run at once only while these are short: as many as it will run within a window of time, by what earlier calls of the same task took. So it never waits for its next call, and a
 * call hardly ever waits behind a long one; where it does, it is taken back and given to another worker. A worker marks each call that it starts. When it dies, calls that it had not started go elsewhere, and only
 * those that were running are lost.
 */
import { TaskRunnerError } from "@skein/parallel/TaskRunner"
import type * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Effect from "effect/Effect"
import type { Event, Stats } from "../../Flavour.ts"
import { Crew, type Start, textOf } from "./crew.ts"
import { kind } from "./frame.ts"
import { type Job, Queue } from "./job.ts"
import type { End, Received } from "./seat.ts"
import type { Plan } from "./settings.ts"
import type { Worker } from "./worker.ts"

/** How long a call that was asked to stop may leave that unanswered, in milliseconds: a plain function to end, an effect to be interrupted. */
const patience = 250
/** How long it may take to end a function by the inspector, in milliseconds: it takes one, unless the machine is very busy or the function is in a native call. */
const cutTime = 1_000
/** How often it is looked at whether a short call waits behind a long one, in milliseconds. */
const look = 5

/** Whether a call cannot be sent again, because memory of its payload is in the hands of a worker. */
const isGone = ({ call }: Job): boolean => call.payload.transfer?.some(({ detached }) => detached) === true

export class Pool {
  private readonly plan: Plan
  private readonly crew: Crew
  private readonly queue = new Queue()
  /** What calls of a task took on the average, in microseconds. */
  private readonly means = new WeakMap<TaskRunner.Definition, number>()
  private jobs = 0
  private sent = 0
  private draining = false
  private closed = false
  private lookTimer: NodeJS.Timeout | undefined
  private readonly counts = { completed: 0, failed: 0, cancelled: 0, lost: 0 }

  constructor(plan: Plan, start: Start) {
    this.plan = plan
    this.crew = new Crew(plan, start, {
      onFrame: (...frame) => {
        this.draining = true
        try {
          this.onFrame(...frame)
        } finally {
          this.draining = false
        }
      },
      onChange: () => this.dispatch(),
      takeBack: (worker) => this.takeBack(worker),
      onEnd: (worker, end) => this.onEnd(worker, end),
      onNotReady: (message) => this.failQueued({ _tag: "NotReady", message })
    })
  }

  // Calls

  submit(call: TaskRunner.Call, resume: Job["resume"]): Job {
    const job: Job = {
      id: this.nextId(),
      call,
      resume,
      state: "queued",
      worker: undefined,
      slot: -1,
      estimate: 0,
      losses: 0,
      stopping: undefined,
      stopped: undefined,
      timer: undefined,
      heard: false,
      killed: undefined,
      told: undefined
    }
    if (this.closed) this.fail(job, { _tag: "Closed" })
    else if (this.queue.size >= this.plan.queueMax && !this.hasRoom(call)) this.fail(job, { _tag: "Full", queued: this.queue.size })
    else {
      this.queue.add(job)
      if (!this.draining) this.dispatch()
    }
    return job
  }

  /** Stops a call; `done` is called when it is over: at once if it has not started. */
  stop(job: Job, stopping: "caller" | "closing", done: () => void): void {
    if (job.state === "over") return done()
    if (job.state === "queued") {
      this.queue.remove()
      this.over(job)
      this.counts.cancelled++
      return done()
    }
    const worker = job.worker!
    const { stopped } = job
    // Closing may have asked already; now the caller does not wait for an answer any more.
    const asked = job.stopping !== undefined
    if (job.stopping !== "caller") job.stopping = stopping
    job.stopped = () => {
      stopped?.()
      done()
    }
    if (asked) return
    if (worker.link.revoke(job, job.slot)) {
      this.release(job)
      if (stopping === "closing") return this.fail(job, { _tag: "Closed" })
      this.over(job)
      this.counts.cancelled++
      done()
      return this.dispatch()
    }
    worker.link.interrupt(job.id)
    this.losePatienceAfter(job, Math.min(patience, this.plan.grace), 1)
  }

  /** The time is only counted against the worker if this thread was there to hear it: after a stall of its own it waits once more, and what has come meanwhile is read first. */
  private losePatienceAfter(job: Job, millis: number, again: number, lose = (): void => this.losePatience(job)): void {
    const from = performance.now()
    job.timer = setTimeout(() => {
      if (again > 0 && performance.now() - from > 2 * millis + look) return this.losePatienceAfter(job, millis, again - 1, lose)
      setImmediate(() => {
        if (job.state !== "sent") return
        // Its module is being loaded: nothing of the task runs that could be stopped, and it will hear when that is done.
        if (job.worker!.link.stateOf(job, job.slot) === "loading") this.losePatienceAfter(job, millis, again, lose)
        else lose()
      })
    }, millis)
  }

  private losePatience(job: Job): void {
    const { grace } = this.plan
    if (job.heard && job.call.task.kind === "effect" && grace > patience) {
      if (grace < Infinity) job.timer = setTimeout(() => this.force(job), grace - patience)
    } else if (!this.cut(job)) this.force(job)
  }

  /** Ends the function of a call in a worker that lives on, to release what it holds and end as others do; false if that cannot be. */
  private cut(job: Job): boolean {
    const worker = job.worker!
    const force = (): void => {
      if (job.state !== "sent") return
      clearTimeout(job.timer)
      this.force(job)
    }
    if (worker.link.cut?.(job, job.slot, force) !== true) return false
    job.killed = worker.number
    this.crew.soil(worker)
    this.losePatienceAfter(job, cutTime, 1, force)
    return true
  }

  /** The worker of a call that does not stop is given up. */
  private force(job: Job): void {
    const { worker } = job
    if (worker === undefined) return
    job.killed = worker.number
    this.crew.kill(worker, `${JSON.stringify(job.call.task.name)} did not stop when it was asked to`)
    // A thread that is stuck in a native call ends only when that returns. The caller does not wait for it without a bound.
    job.timer = setTimeout(() => {
      this.crew.emit({ _tag: "Stuck", worker: worker.number, task: job.call.task.name })
      this.release(job)
      this.over(job)
      this.counts.cancelled++
      this.settleStopped(job)
    }, this.lastGrace)
  }

  /** How long the end of a worker that was ended by force is waited for, in milliseconds. */
  private get lastGrace(): number {
    return Math.max(1_000, Math.min(this.plan.grace, 60_000))
  }

  /** Says something to a call: now if a worker has it, else when one has. */
  tell(job: Job, text: string): void {
    if (job.state === "sent") job.worker!.link.tell(job.id, text)
    if (job.state === "queued") (job.told ??= []).push(text)
  }

  /** Takes back all calls that a worker has not started. */
  private takeBack(worker: Worker): void {
    for (const job of worker.jobs.slice().reverse()) {
      if (job === undefined || job.stopping !== undefined || !worker.link.revoke(job, job.slot)) continue
      this.release(job)
      this.requeue(job)
    }
  }

  private nextId(): number {
    return (this.jobs = (this.jobs + 1) | 0)
  }

  private requeue(job: Job): void {
    if (isGone(job)) return this.fail(job, { _tag: "Rejected", message: "its memory was given to a worker that did not come to run it" })
    job.id = this.nextId()
    job.state = "queued"
    job.call.onWaits?.(true)
    this.queue.addFirst(job)
  }

  private release(job: Job): void {
    job.worker!.forget(job)
    this.sent--
  }

  private over(job: Job): void {
    job.state = "over"
    if (job.timer !== undefined) clearTimeout(job.timer)
  }

  private settleStopped(job: Job): void {
    if (job.stopping === "closing") {
      const lost: TaskRunner.Reason = {
        _tag: "Lost",
        worker: 0,
        exitCode: null,
        signal: null,
        culprit: true,
        message: "its layer was closed"
      }
      job.resume(Effect.fail(this.error(job, lost)))
    }
    job.stopped?.()
  }

  private fail(job: Job, reason: TaskRunner.Reason): void {
    this.over(job)
    this.counts[reason._tag === "Lost" ? "lost" : "failed"]++
    if (job.stopping !== "caller") job.resume(Effect.fail(this.error(job, reason)))
    job.stopped?.()
  }

  private error(job: Job, reason: TaskRunner.Reason): TaskRunnerError {
    return new TaskRunnerError({ task: job.call.task.name, flavour: this.plan.flavour, reason })
  }

  // Giving calls to workers

  private hasRoom(call: TaskRunner.Call): boolean {
    return this.queue.size === 0 && this.crew.pick(this.estimateOf(call), call.items) !== undefined
  }

  private estimateOf(call: TaskRunner.Call): number {
    const mean = this.means.get(call.task)
    return mean === undefined ? Infinity : mean * (call.items ?? 1)
  }

  private dispatch(): void {
    for (;;) {
      const job = this.queue.peek()
      if (job === undefined) break
      const estimate = this.estimateOf(job.call)
      // Memory that is given away could not be sent to another worker: such a call goes to one that can run it now.
      const { items, payload } = job.call
      const worker = payload.transfer === undefined ? this.crew.pick(estimate, items) : this.crew.pick(Infinity)
      if (worker === undefined || !this.give(worker, job, Math.min(estimate, 1e9))) break
    }
    if (this.queue.size > 0) this.crew.grow(this.queue.size)
    if (this.lookTimer === undefined && this.sent > 0) this.watch()
  }

  /** False if there is no room for it now. */
  private give(worker: Worker, job: Job, estimate: number): boolean {
    try {
      if (!worker.send(job, estimate)) return false
    } catch (error) {
      // A part that cannot be cloned: only this call has to do with it.
      this.queue.remove()
      this.fail(job, { _tag: "Rejected", message: error instanceof Error ? error.message : String(error) })
      return true
    }
    this.queue.remove()
    this.sent++
    job.call.onWaits?.(false)
    // It may have to be said again to another worker, so it is kept.
    if (job.told !== undefined) for (const text of job.told) worker.link.tell(job.id, text)
    return true
  }

  /** Looks from time to time whether a worker that is busy with one call keeps others waiting which could run elsewhere, and gives them back. */
  private watch(): void {
    this.lookTimer = setTimeout(() => {
      this.lookTimer = undefined
      const { concurrency, size } = this.plan
      const { workers } = this.crew
      let ahead = false
      let late = false
      for (const worker of workers) {
        if (worker.inHand > concurrency) {
          ahead = true
          const elsewhere = workers.size < size || [...workers].some((other) => other.state === "ready" && other.inHand < concurrency)
          if (worker.served === worker.servedBefore && worker.state === "ready" && elsewhere) {
            late = true
            // From now on nobody knows how long it takes.
            worker.backlog = 1e9
            this.takeBack(worker)
          }
        }
        worker.servedBefore = worker.served
      }
      if (late) this.dispatch()
      if (ahead && this.lookTimer === undefined) this.watch()
    }, look)
  }

  // What workers tell

  private onFrame(worker: Worker, ...[kindOf, call, slot, number, text, parts]: Received): void {
    switch (kindOf) {
      case kind.ready:
        return this.crew.onReady(worker)
      case kind.heap:
        return this.crew.onHeap(worker, number)
      case kind.skipped:
        return this.onSkipped(worker, call, slot)
    }
    const job = worker.jobs[slot]
    if (job === undefined || job.id !== call) return
    if (kindOf === kind.success || kindOf === kind.failure) this.onAnswer(worker, job, kindOf === kind.success, number, text, parts)
    else if (kindOf === kind.told) {
      // Of a chunk that is asked to stop it still matters what became of its items.
      if (job.stopping !== "caller" || job.call.items !== undefined) job.call.onMessage(text)
    } else if (kindOf === kind.loading) job.call.onWaits?.(number === 1)
    else if (kindOf === kind.heard) job.heard = true
    else if (kindOf === kind.cut) {
      this.free(worker, job)
      this.over(job)
      this.counts.cancelled++
      this.settleStopped(job)
      this.crew.wear(worker)
    } else if (kindOf === kind.broken) {
      this.free(worker, job)
      this.fail(job, { _tag: "ModuleNotFound", module: job.call.task.module, message: text })
    }
  }

  private free(worker: Worker, job: Job): void {
    const { slot } = job
    this.release(job)
    worker.freeSlot(slot)
    worker.served++
  }

  private onAnswer(worker: Worker, job: Job, ok: boolean, micros: number, text: string, parts: ReadonlyArray<unknown> | undefined): void {
    this.free(worker, job)
    const { items = 1, task } = job.call
    const mean = this.means.get(task)
    const each = micros / items
    this.means.set(task, mean === undefined ? each : mean + (each - mean) / 8)
    this.over(job)
    if (job.stopping === "caller") {
      this.counts.cancelled++
      job.call.onLate?.({ ok, text, parts })
    } else {
      this.counts.completed++
      job.resume(Effect.succeed({ ok, text, parts }))
    }
    job.stopped?.()
    this.crew.wear(worker)
  }

  private onSkipped(worker: Worker, call: number, slot: number): void {
    const job = worker.jobs[slot]
    worker.freeSlot(slot)
    // It was not known whether it had started: now it is.
    if (job === undefined || job.id !== call) return
    this.release(job)
    if (job.stopping === undefined) return this.requeue(job)
    this.over(job)
    this.counts.cancelled++
    this.settleStopped(job)
  }

  private onEnd(worker: Worker, end: End): void {
    const running = worker.jobs.filter((job) => job !== undefined && worker.link.stateOf(job, job.slot) === "running").length
    for (const job of worker.jobs.slice().reverse()) if (job !== undefined) this.leftBehind(worker, job, end, running === 1)
  }

  /** A call whose worker has ended. */
  private leftBehind(worker: Worker, job: Job, end: End, culprit: boolean): void {
    const state = worker.link.stateOf(job, job.slot)
    this.release(job)
    if (job.stopping !== undefined) {
      this.over(job)
      this.counts.cancelled++
      return this.settleStopped(job)
    }
    if (state === "queued" && !this.closed) return this.requeue(job)
    const retry = state === "loading" ? job.losses < 1 : job.call.task.idempotent && job.losses < this.plan.retryLost
    if (retry && !this.closed && !isGone(job)) {
      job.losses++
      return this.requeue(job)
    }
    const why = worker.killedFor ?? end.message
    if (state === "loading") {
      const message = `${textOf(end)} while it was loaded${why === undefined ? "" : `: ${why}`}`
      return this.fail(job, { _tag: "ModuleNotFound", module: job.call.task.module, message })
    }
    const { exitCode, signal } = end
    this.fail(job, {
      _tag: "Lost",
      worker: worker.number,
      exitCode,
      signal,
      culprit: culprit && worker.killedFor === undefined,
      message: why
    })
  }

  private failQueued(reason: TaskRunner.Reason): void {
    for (const job of [...this.queue.all()]) {
      this.queue.remove()
      this.fail(job, reason)
    }
  }

  // Looking at it, and its end

  listen(listener: (event: Event) => void): () => void {
    return this.crew.listen(listener)
  }

  stats(): Stats {
    const { closed, counts, crew, queue, sent } = this
    return { ...crew.census(), queued: queue.size, sent, ...counts, ...crew.counts, closed }
  }

  get width(): number {
    return this.plan.size * this.plan.concurrency
  }

  /** What an item of a task takes on the average, in microseconds, if that is known. */
  meanOf(task: TaskRunner.Definition): number | undefined {
    return this.means.get(task)
  }

  /** Ends everything; resumes when no worker is left. */
  readonly close: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (this.closed) return resume(Effect.void)
    this.closed = true
    this.crew.stop()
    this.failQueued({ _tag: "Closed" })
    const calls = this.crew.all.flatMap(({ jobs }) => jobs.filter((job) => job !== undefined))
    let left = calls.length + 1
    const oneLess = (): void => {
      if (--left === 0) this.crew.close(this.lastGrace, () => resume(Effect.void))
    }
    for (const job of calls) this.stop(job, "closing", oneLess)
    oneLess()
  })
}
