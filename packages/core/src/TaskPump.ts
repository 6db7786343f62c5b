/**
 * Pulls tasks from a source and runs them under a bound: the engine under `TaskGroup` and `parallelMap`, public for those who build operators of their own.
 *
 * A pump owns its runners: fibers that each run one task after the other. They are gone when the pump is idle or, after `stop`, when the last task has ended
 * or was abandoned. What a pump does not decide (where tasks come from, what becomes of outcomes) is left to a subclass.
 *
 * **Details**
 *
 * A fiber per task costs 1.6 times what p-map does; N runner fibers that pull make no fiber in the common case. The price is that a runner dies with the
 * task that had to be cut out of it, and is replaced. A task's life:
 *
 * ```
 * queued ──pull──▶ running ──exit──▶ settled
 *    │                │  ▲
 *    │       failed, to be retried
 *    │                ▼  │
 *    │             back-off (no place, no permit, no fiber)
 *    └──stop──▶ settled (NotStarted)
 *
 * running ──cut──▶ stopping ──exit──▶ settled
 *                     └──grace over──▶ settled (abandoned; the place stays taken until the real end)
 * ```
 *
 * **Guarantees**
 *
 * - Ownership: every fiber is started by the pump and is in `runners` until it has ended.
 * - Failure: each task is settled exactly once, whatever throws. A late success is `Completed` and `late`.
 * - Interruption: a task is asked to stop once. Its cleanup is waited for up to the grace.
 * - Bounds: `running` never exceeds `concurrency`; abandoned tasks count.
 * - Cost: O(1) a task; no clock, timer or fiber of its own unless an option asks for one.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { CallLimits } from "./internal/callLimits.ts"
import { clockOf, type Now } from "./internal/clock.ts"
import { type Dump, dumpOf } from "./internal/dump.ts"
import { Fifo } from "./internal/fifo.ts"
import * as lineage from "./internal/lineage.ts"
import * as retry from "./internal/retry.ts"
import { Runner, slowCleanup } from "./internal/runner.ts"
import { Again, type Cut, type FailedAttempt, Task } from "./internal/task.ts"
import { Scratch } from "./internal/scratch.ts"
import { type Recorder, recorder } from "./internal/telemetry.ts"
import { type Entry, type Timers, timersOf } from "./internal/timers.ts"
import * as Outcome from "./Outcome.ts"
import type { Progress } from "./Progress.ts"
import { AttemptTimedOut, type Settings } from "./Settings.ts"

export { awaitEnd, type Cut, Task } from "./internal/task.ts"

const isInterruption = (cause: Cause.Cause<unknown>): boolean => cause.reasons.length > 0 && Cause.hasInterruptsOnly(cause)

const keptAttempts = 16

/**
 * Runs what `pull` gives, `concurrency` at once.
 *
 * @category models
 * @since 0.1.0
 */
export abstract class TaskPump<A, E> implements lineage.Answerer {
  readonly settings: Settings
  /** The fiber that made the pump. */
  readonly owner: Fiber.Fiber<unknown, unknown>
  readonly now: Now
  /** @internal */
  readonly timers: Timers
  /** @internal */
  readonly node: lineage.CallNode
  readonly startedAt: number
  /** Places taken, abandoned tasks among them. */
  running = 0
  /** Tasks that did not end within their grace and have still not ended. */
  abandoned = 0
  /** Why nothing starts any more. */
  stopped: Cut | undefined = undefined
  /** @internal The time as it was read a moment ago in the same turn, for the next task that starts, in microseconds; else -1. */
  instant = -1
  /** @internal Whether each task has a limit of its own. */
  readonly hasTaskLimits: boolean
  /** @internal */
  readonly runners: Set<Runner<A, E>> = new Set()
  /** @internal */
  readonly baseContext: Context.Context<never>
  /** Tasks that were tried and shall be tried again, in the order in which their back-off ended. */
  private readonly ready = new Fifo<Task<A, E>>()
  private readonly backingOff = new Map<Task<A, E>, Entry>()
  /** Tasks that lent their place and want it back. */
  private readonly returning = new Fifo<() => void>()
  private readonly scratch: Scratch
  private stopping = false
  private stopAgain: { readonly cut: Cut; readonly hold: boolean } | undefined = undefined
  private filling = false
  private refill = false
  private idle = false
  private slowEntry: Entry | undefined = undefined
  /** Counts an outcome in the metrics that were asked for; `settle` does it by itself. */
  protected readonly record: Recorder | undefined
  private readonly limits: CallLimits

  constructor(owner: Fiber.Fiber<unknown, unknown>, settings: Settings, onProgress?: (progress: Progress) => void) {
    this.owner = owner
    this.settings = settings
    this.timers = timersOf(owner)
    this.now = this.timers.now
    this.startedAt = this.now()
    this.scratch = new Scratch(this.startedAt)
    this.hasTaskLimits = settings.taskTimeout < Infinity || settings.attemptTimeout < Infinity
    this.limits = new CallLimits(owner, settings, this.timers, this.startedAt, {
      onProgress: onProgress === undefined ? undefined : (progress) => this.observe("onProgress", onProgress, progress),
      dump: () => this.dump()
    })
    this.node = this.limits.node
    this.baseContext = owner.context
    this.record = settings.metrics === undefined ? undefined : recorder(settings.metrics, this.baseContext)
  }

  /** Gives the next task, or `undefined` when there is none now. `spare` may be filled and given back. Must not throw. */
  protected abstract pull(spare: Task<A, E> | undefined): Task<A, E> | undefined
  /** Whether `pull` may have a task now. */
  protected abstract hasNext(): boolean
  /** Gives the effect of a task; what it throws is the task's defect. */
  abstract effectOf(task: Task<A, E>): Effect.Effect<A, E>
  /** Takes the outcome of a task, once each. Must not throw. */
  protected abstract onSettled(task: Task<A, E>, outcome: Outcome.Outcome<A, E>): void
  /** Called each time nothing runs or waits any more (abandoned tasks aside). */
  protected abstract onIdle(): void
  /** Whether tasks come with a node and a context of their own, and so get a fiber of their own; else they share their runner's. */
  protected tasksHaveNodes = false
  /** Wraps an attempt from outside, for example in a permit; time inside `around` and outside the attempt counts as queued. */
  protected around: ((attempt: Effect.Effect<A, E>, task: Task<A, E>) => Effect.Effect<A, E>) | undefined = undefined

  /** Starts the clocks: arms the call's own limit and answers inherited deadlines from now on. */
  protected open(): void {
    const over = this.limits.open(this)
    if (over !== undefined) this.stop(over, true)
  }

  /** Ends the clocks. Deadlines do not wait for this call any more. */
  protected close(): void {
    this.limits.close()
    if (this.slowEntry !== undefined) this.timers.cancel(this.slowEntry)
    this.slowEntry = undefined
  }

  /** Says that this call has given its answer to the deadlines around it, while it may still be in use. */
  protected answered(): void {
    this.limits.answered()
  }

  onDeadline(node: lineage.LimitNode): void {
    this.stop(this.limits.cutOf(node), true)
  }

  /** Says that the owner waits for this call until the function it gives is called: the permits it holds may be lent meanwhile, and a cycle through it is seen (law 14). */
  protected ownerWaits(what: string): () => void {
    return lineage.enterWait(this.owner, lineage.current(this.owner), () => ({
      what,
      holders: () => [...this.runners].flatMap((runner) => runner.fiber ?? [])
    }))
  }

  /** Why the work around this call was asked to stop, for the chain. */
  because(): Outcome.Reason | undefined {
    return lineage.reasonOf(this.node.parent)
  }

  /**
   * Starts nothing more and asks what runs to stop. The first reason stands for what never started. With `hold`, a task that contains calls which can answer by themselves
   * (law 10) is asked only after they have, and a moment for what follows them.
   */
  stop(cut: Cut, hold: boolean): void {
    this.stopped ??= cut
    // Observers of the outcomes below may stop the call too: theirs is a second reason, and waits until the first has reached every task.
    if (this.stopping) {
      this.stopAgain = { cut, hold }
      return
    }
    this.stopping = true
    this.stopWaiting(cut)
    if (this.runners.size > this.abandoned) {
      if (this.slowEntry === undefined) {
        this.slowEntry = this.timers.add(Infinity, () => this.warnSlow([...this.runners]))
        this.timers.move(this.slowEntry, this.now() + slowCleanup)
      }
      for (const runner of [...this.runners]) runner.cut(cut, hold)
    }
    this.stopping = false
    const again = this.stopAgain
    this.stopAgain = undefined
    if (again !== undefined) this.stop(again.cut, again.hold)
    this.fill()
  }

  /** @internal Called when a running task has been asked to stop. */
  onCut(_task: Task<A, E>): void {}

  /** Gives up what waits for a place or for its next attempt. */
  private stopWaiting(cut: Cut): void {
    for (const [task, entry] of [...this.backingOff]) {
      // To take a timer back a fiber takes a step, in which somebody may stop this call again: each task is given up by who takes it off the list.
      if (!this.backingOff.delete(task)) continue
      this.giveUp(task, cut)
      this.timers.cancel(entry)
    }
    for (const task of this.ready.drain()) this.giveUp(task, cut)
    this.onStop(cut)
  }

  /** Settles what was queued and never started, when the pump stops. */
  protected onStop(_cut: Cut): void {}

  /** Ends a task that is between two attempts. */
  private giveUp(task: Task<A, E>, cut: Cut): void {
    task.cut = cut
    const last = task.undecided?.cause ?? task.attemptCauses?.pop() ?? Cause.empty
    this.settle(task, this.stoppedOutcome(task, cut, last as Cause.Cause<E>, this.micros()))
  }

  private stoppedOutcome(task: Task<A, E>, cut: Cut, cause: Cause.Cause<E>, ended: number): Outcome.Outcome<A, E> {
    const info = this.scratch.of(task, ended)
    if (cut.limit === "queue") return new Outcome.TimedOut(info, "queue", Duration.millis(cut.after!), cause)
    if (task.started < 0) return new Outcome.NotStarted(info, cut.reason)
    return cut.limit === undefined
      ? new Outcome.Cancelled(info, cut.reason, cause)
      : new Outcome.TimedOut(info, cut.limit, Duration.millis(cut.after!), cause)
  }

  /** The outcome of a task that nobody pulled or that was queued when the pump stopped. */
  notStarted(task: Task<A, E>, cut: Cut, ended = this.micros()): Outcome.Outcome<A, E> {
    return this.stoppedOutcome(task, cut, Cause.empty, ended)
  }

  private settle(task: Task<A, E>, outcome: Outcome.Outcome<A, E>): void {
    task.outcome = outcome
    this.record?.(outcome)
    this.onSettled(task, outcome)
  }

  /** Starts runners while there are places and tasks. Safe to call at any time, also from inside a task. */
  fill(): void {
    if (this.filling) {
      this.refill = true
      return
    }
    // A task that ends at once ends its runner inside this loop; the flag turns that recursion into another round.
    this.filling = true
    do {
      this.refill = false
      while (this.running < this.settings.concurrency) {
        const back = this.returning.shift()
        if (back !== undefined) {
          this.running++
          back()
        } else if (this.stopped === undefined && (this.ready.size > 0 || this.hasNext())) this.startRunner()
        else break
      }
    } while (this.refill)
    this.filling = false
    if (this.busy()) this.idle = false
    else if (!this.idle) {
      this.idle = true
      if (this.slowEntry !== undefined) this.timers.cancel(this.slowEntry)
      this.onIdle()
    }
  }

  /** Whether any task has not been settled yet. */
  busy(): boolean {
    return (
      this.runners.size > this.abandoned ||
      this.backingOff.size > 0 ||
      this.ready.size > 0 ||
      this.returning.size > 0 ||
      (this.stopped === undefined && this.hasNext())
    )
  }

  /** Gives a value to an observer of the user's. What it throws is logged and changes nothing (law 13). */
  protected observe<X>(option: string, observer: (value: X) => void, value: X): void {
    const log = (defect: unknown): void => {
      Effect.runForkWith(this.baseContext)(
        Effect.logWarning(`skein: ${option} of ${this.settings.name ?? "a call"} threw`, Cause.die(defect))
      )
    }
    try {
      // An async function fits the type too, and a rejection that nobody handles would end the process.
      const result: unknown = observer(value)
      if (result instanceof Promise) result.catch(log)
    } catch (defect) {
      log(defect)
    }
  }

  /** The live tree under this call. */
  dump(): Dump {
    return dumpOf(this, this.queued())
  }

  /** Tasks that wait for a place. */
  queued(): Iterable<Task<A, E>> {
    return []
  }

  /** @internal Tasks between two attempts. */
  waitingToRetry(): Iterable<Task<A, E>> {
    return this.backingOff.keys()
  }

  private startRunner(): void {
    this.idle = false
    const runner = new Runner<A, E>(this)
    this.runners.add(runner)
    this.running++
    if (this.tasksHaveNodes) {
      const task = this.pull(undefined)
      if (task === undefined) this.onRunnerEnd(runner, Exit.void)
      else this.runOne(runner, task)
      return
    }
    const fiber = Effect.runForkWith(Context.add(this.baseContext, lineage.Current, runner.node))(runner.loop)
    fiber.addObserver((exit) => this.onRunnerEnd(runner, exit))
  }

  /** Starts a task past the queue if there is a place and nobody before it; says whether it did. */
  protected startAtOnce(task: Task<A, E>): boolean {
    if (this.filling || this.running >= this.settings.concurrency || this.returning.size > 0) return false
    this.idle = false
    const runner = new Runner<A, E>(this)
    this.runners.add(runner)
    this.running++
    // What the task spawns before it first waits goes through the queue, else a chain of spawns would be a recursion.
    this.filling = true
    this.runOne(runner, task)
    this.filling = false
    if (this.refill) this.fill()
    return true
  }

  /** Starts a runner with a first task in that task's own context. */
  private runOne(runner: Runner<A, E>, task: Task<A, E>): void {
    runner.adopt(task)
    const fiber = Effect.runForkWith(task.context!)(runner.loop)
    runner.fiber ??= fiber
    fiber.addObserver((exit) => this.onRunnerEnd(runner, exit))
  }

  private onRunnerEnd(runner: Runner<A, E>, exit: Exit.Exit<void, E>): void {
    this.runners.delete(runner)
    const { held, task } = runner
    if (task !== undefined) {
      if (held !== undefined) this.completed(runner, task, held.value)
      else if (Exit.isFailure(exit)) {
        const failure = exit as Exit.Failure<never, E>
        if (runner.deciding === undefined) this.failed(runner, task, failure)
        else
          this.decided(runner, task, runner.deciding, Exit.failCause(Cause.combine(runner.deciding.cause as Cause.Cause<E>, failure.cause)))
      } else {
        runner.leaveTask()
        this.settle(task, this.notStarted(task, task.cut!))
      }
    }
    runner.free()
    this.fill()
  }

  /** Tasks that never suspend keep timers from firing. Nothing starts after a deadline all the same; what runs is left to the timer, for at a tie it wins (law 9). */
  private overdue(runner: Runner<A, E>): boolean {
    if (lineage.deadlineOf(this.node) === Infinity) return false
    const cut = this.limits.overAt(runner.ended < 0 ? this.now() : this.instantOf(runner.ended))
    if (cut === undefined) return false
    this.stopped = cut
    // The timer may never tell: a deadline whose work was interrupted before it says nothing any more, and what cannot be interrupted goes on.
    this.stopWaiting(cut)
    return true
  }

  /** @internal Takes the next task for a runner that has a place. */
  take(runner: Runner<A, E>): Task<A, E> | undefined {
    if (this.stopped !== undefined || this.returning.size > 0 || this.overdue(runner)) return undefined
    while (this.ready.size > 0) {
      const task = this.ready.shift()!
      // Its time was over while it waited for a place: no attempt starts after that (law 12).
      if (task.undecided !== undefined || this.taskLimit(task) > this.now()) return task
      const after = this.toldLength(task, task.node)
      this.giveUp(task, { limit: "task", after, reason: { _tag: "TaskTimeout", after: Duration.millis(after) } })
    }
    return this.pull(this.tasksHaveNodes ? undefined : (runner.spare ??= new Task()))
  }

  /** @internal The effect of one attempt, in its span if one was asked for. */
  attemptOf(runner: Runner<A, E>, task: Task<A, E>): Effect.Effect<A, E> {
    const { span } = this.settings
    if (span === undefined) return this.effectOf(task)
    const inside = Effect.suspend(() => {
      runner.measureDepth()
      return this.effectOf(task)
    })
    return Effect.withSpan(inside, span, {
      attributes: { "task.index": task.index, "task.name": task.name, "task.attempt": task.attempts }
    })
  }

  /** @internal */
  attempt(runner: Runner<A, E>, task: Task<A, E>): Effect.Effect<A, E> {
    if (this.around === undefined) return runner.begin(task)
    // What comes before the attempt is waiting: the instant at which the last task ended is not the one at which this one starts (law 11).
    runner.ended = -1
    runner.forgetDepth()
    // The value is safe as soon as the attempt has given it: what asks the task to stop while the wrapping is left comes too late (law 9).
    const inside = Effect.map(
      Effect.suspend(() => runner.begin(task)),
      (value) => {
        runner.held = { value }
        return value
      }
    )
    return this.around(inside, task)
  }

  /** @internal Decides what becomes of a failed attempt: another one after a delay, or the end. */
  decide(task: Task<A, E>, failed: FailedAttempt): Effect.Effect<Again | Exit.Exit<never, E>> {
    const policy = this.settings.retry!
    const { cause, timedOut } = failed
    const clock = clockOf(this.owner)
    return Effect.map(
      retry.decide(policy, (task.driver ??= { step: undefined }), task.attempts, cause, timedOut, () => clock.currentTimeMillisUnsafe()),
      (decision): Again | Exit.Exit<never, E> => {
        if (!("delay" in decision)) return Exit.failCause(decision.cause as Cause.Cause<E>)
        const startsAt = this.now() + decision.delay
        const limit = Math.min(lineage.deadlineOf(task.node?.parent ?? this.node), this.taskLimit(task))
        // No attempt that could not be finished is started (law 12).
        if (startsAt >= limit || limit - startsAt < policy.needs) return Exit.failCause(cause as Cause.Cause<E>)
        return new Again(decision.delay, cause)
      }
    )
  }

  /** @internal When the task's own time is over. */
  taskLimit(task: Task<A, E>): number {
    return task.started < 0 ? Infinity : this.instantOf(task.started) + this.taskLength(task)
  }

  /** @internal How long the task may run, in milliseconds. */
  taskLength(task: Task<A, E>): number {
    return task.timeout < 0 ? this.settings.taskTimeout : task.timeout
  }

  /** @internal The same as it is told: without the time in which its clock stood still. */
  toldLength(task: Task<A, E>, node: lineage.TaskNode | undefined): number {
    const waited = node?.waited ?? 0
    return waited === 0 ? this.taskLength(task) : Math.round((this.taskLength(task) - waited) * 1e6) / 1e6
  }

  /** Microseconds since the pump was made. */
  micros(): number {
    return Math.round((this.now() - this.startedAt) * 1000)
  }

  /** The instant of a time in microseconds since the pump was made. */
  instantOf(micros: number): number {
    return this.startedAt + micros / 1000
  }

  /** @internal The task gave a value. */
  completed(runner: Runner<A, E>, task: Task<A, E>, value: A): void {
    runner.leaveTask()
    if (task.abandoned) this.reallyEnded(task, Exit.succeed(value))
    else {
      const outcome = new Outcome.Completed(this.scratch.of(task, (runner.ended = this.micros())), value, task.cut !== undefined)
      this.settle(task, outcome)
    }
  }

  /** @internal The runner's fiber ended inside the task. */
  failed(runner: Runner<A, E>, task: Task<A, E>, exit: Exit.Failure<A, E>): void {
    runner.leaveTask()
    const { cause } = exit
    const { cut } = task
    if (task.abandoned) this.reallyEnded(task, exit)
    else if (this.settings.retry !== undefined && this.stopped === undefined && this.mayRetry(task, cause)) {
      const timedOut = cut === undefined ? undefined : new AttemptTimedOut({ after: Duration.millis(this.settings.attemptTimeout) })
      task.undecided = { cause, timedOut }
      task.cut = undefined
      this.ready.push(task)
    } else if (cut !== undefined) this.settle(task, this.stoppedOutcome(task, cut, cause, this.micros()))
    else this.settle(task, this.failure(task, cause))
  }

  private mayRetry(task: Task<A, E>, cause: Cause.Cause<E>): boolean {
    if (task.started < 0) return false
    return task.cut === undefined ? !isInterruption(cause) : task.cut.limit === "attempt"
  }

  private failure(task: Task<A, E>, cause: Cause.Cause<E>): Outcome.Outcome<A, E> {
    const info = this.scratch.of(task, this.micros())
    return isInterruption(cause)
      ? new Outcome.Cancelled(info, { _tag: "Interrupted", because: this.because() }, cause)
      : new Outcome.Failed(info, cause)
  }

  private reallyEnded(task: Task<A, E>, exit: Exit.Exit<A, E>): void {
    this.abandoned--
    task.onEnd?.(exit)
  }

  /** @internal It is decided whether a failed attempt is followed by another. */
  decided(runner: Runner<A, E>, task: Task<A, E>, failed: FailedAttempt, decision: Again | Exit.Exit<never, E>): void {
    runner.leaveTask()
    const cut = task.cut ?? this.stopped
    if (cut !== undefined) this.settle(task, this.stoppedOutcome(task, cut, failed.cause as Cause.Cause<E>, this.micros()))
    else if (decision instanceof Again) this.backOff(task, decision)
    else if (Exit.isSuccess(decision)) return
    else if (failed.timedOut === undefined) this.settle(task, this.failure(task, decision.cause))
    else {
      const after = this.settings.attemptTimeout
      const reason: Outcome.Reason = { _tag: "TaskTimeout", after: failed.timedOut.after }
      this.settle(task, this.stoppedOutcome(task, { limit: "attempt", after, reason }, decision.cause, this.micros()))
    }
  }

  private backOff(task: Task<A, E>, again: Again): void {
    const causes = (task.attemptCauses ??= [])
    causes.push(again.cause)
    if (causes.length > keptAttempts) causes.shift()
    if (again.delay <= 0) {
      this.ready.push(task)
      return
    }
    const entry = this.timers.add(this.now() + again.delay, () => {
      this.backingOff.delete(task)
      this.ready.push(task)
      this.fill()
    })
    this.backingOff.set(task, entry)
    // To arm the timer a fiber took a step, in which the call may have been stopped: then nobody else looks here any more.
    if (this.stopped !== undefined && this.backingOff.delete(task)) {
      this.giveUp(task, this.stopped)
      this.timers.cancel(entry)
    }
  }

  /** @internal The grace is over: the task is settled as it stands and listed until it really ends. */
  abandon(task: Task<A, E>): void {
    if (task.abandoned || task.outcome !== undefined) return
    task.abandoned = true
    this.abandoned++
    this.onAbandoned(task)
    const held = task.runner?.held
    this.settle(
      task,
      held === undefined
        ? this.stoppedOutcome(task, task.cut!, Cause.interrupt(this.owner.id), -1)
        : new Outcome.Completed(this.scratch.of(task, -1), held.value, true)
    )
    this.fill()
  }

  /** Lists a task that did not end within its grace, just before it is settled. */
  protected onAbandoned(_task: Task<A, E>): void {}

  /** Gives the place of a running task to others while it waits for one of them. */
  lendPlace(task: Task<A, E>): void {
    if (task.runner?.task === task) task.runner.free()
    this.fill()
  }

  /** Asks for a lent place; `resume` is called, perhaps at once, when it is there. The function it gives withdraws the request. */
  takePlace(task: Task<A, E>, resume: () => void): () => void {
    const take = (): void => {
      // The task may have ended meanwhile, for it was cancelled: then the place is not its own any more. An abandoned one has not ended.
      if (task.runner?.task === task) task.runner.hasPlace = true
      else this.running--
      resume()
    }
    this.returning.push(take)
    this.fill()
    return () => {
      if (this.returning.remove(take)) this.fill()
    }
  }

  /** @internal Nothing waits in silence (law 2). */
  warnSlow(runners: ReadonlyArray<Runner<A, E>>): void {
    const names = runners.slice(0, 8).map((runner) => (runner.task === undefined ? "?" : (runner.task.name ?? `#${runner.task.index}`)))
    const more = runners.length > names.length ? ` and ${runners.length - names.length} more` : ""
    Effect.runForkWith(this.baseContext)(
      Effect.logWarning(
        `skein: ${this.settings.name ?? "a call"} has waited ${slowCleanup / 1000} s for tasks that were asked to stop: ${names.join(", ")}${more}`
      )
    )
  }
}
