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
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Schedule from "effect/Schedule"
import * as check from "./internal/check.ts"
import { clockOf, type Now } from "./internal/clock.ts"
import { type Dump, dumpOf } from "./internal/dump.ts"
import * as fiberState from "./internal/fiberState.ts"
import { Fifo } from "./internal/fifo.ts"
import * as lineage from "./internal/lineage.ts"
import * as retry from "./internal/retry.ts"
import { type Entry, type Timers, timersOf } from "./internal/timers.ts"
import * as Outcome from "./Outcome.ts"
import type { Progress } from "./Progress.ts"

/**
 * Why a task is asked to stop: with a `limit` it ends `TimedOut`, else `Cancelled`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cut {
  readonly reason: Outcome.Reason
  readonly limit?: Outcome.Limit | undefined
  /** Milliseconds, with `limit`. */
  readonly after?: number | undefined
}

/**
 * An attempt hit `attemptTimeout`. Given to the retry schedule and predicate in the place of a typed error. The attempt's work may have happened in part.
 *
 * @category errors
 * @since 0.1.0
 */
export class AttemptTimedOut extends Data.TaggedError("AttemptTimedOut")<{ readonly after: Duration.Duration }> {
  override get message(): string {
    return `attempt took longer than ${Duration.format(this.after)}`
  }
}

/**
 * A pump's settings, already checked: all times in milliseconds, `Infinity` for none.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settings {
  readonly name: string | undefined
  readonly concurrency: number
  readonly timeout: number
  readonly taskTimeout: number
  readonly attemptTimeout: number
  readonly queueTimeout: number
  readonly grace: number
  readonly retry: retry.RetryPolicy | undefined
}

const shared = ["name", "concurrency", "timeout", "taskTimeout", "attemptTimeout", "queueTimeout", "grace", "retry"] as const

/**
 * Checks the options that every operator shares and reads them into settings. `own` names the operator's further options; any other name is refused.
 *
 * @throws RangeError `where: option must be …, got …`
 * @category options
 * @since 0.1.0
 */
export const readSettings = (where: string, options: unknown, own: ReadonlyArray<string>): Settings => {
  check.options(where, options, new Set([...shared, ...own]))
  const o = (options ?? {}) as { readonly [K in (typeof shared)[number]]?: unknown }
  const time = (option: (typeof shared)[number]): number => o[option] === undefined ? Infinity : check.millis(where, option, o[option])
  if (o.name !== undefined && typeof o.name !== "string") throw check.mustBe(where, "name", "a string", o.name)
  return {
    name: o.name,
    concurrency: o.concurrency === undefined ? 8 : check.bound(where, "concurrency", o.concurrency),
    timeout: time("timeout"),
    taskTimeout: time("taskTimeout"),
    attemptTimeout: time("attemptTimeout"),
    queueTimeout: time("queueTimeout"),
    grace: time("grace"),
    retry: retry.normalize(where, o.retry)
  }
}

/**
 * Makes the error of a refused option: `where: option must be expected, got …`.
 *
 * @category options
 * @since 0.1.0
 */
export const mustBe: (where: string, option: string, expected: string, got: unknown) => RangeError = check.mustBe

/**
 * Reads an option that is one of a few words; the first is the default.
 *
 * @throws RangeError if it is none of them
 * @category options
 * @since 0.1.0
 */
export const oneOf = <const W extends string>(where: string, option: string, value: unknown, words: readonly [W, ...ReadonlyArray<W>]): W =>
  value === undefined ? words[0] : check.word(where, option, value, words)

/**
 * When to try a task again: a `Schedule` alone, or bounds of which at least `times` or `schedule` is given.
 *
 * @category options
 * @since 0.1.0
 */
export type RetryOptions<E> = Schedule.Schedule<unknown, E | AttemptTimedOut> | {
  /** How many times at most after the first attempt. */
  readonly times?: number | undefined
  /**
   * How long to wait before each further attempt, and when to give up.
   *
   * @default no wait
   */
  readonly schedule?: Schedule.Schedule<unknown, E | AttemptTimedOut> | undefined
  /**
   * Which errors are worth another attempt. Defects never are.
   *
   * @default all
   */
  readonly while?: ((error: E | AttemptTimedOut) => boolean) | undefined
  /**
   * The time an attempt needs: none is started when less than this is left before a deadline.
   *
   * @default 0
   */
  readonly needs?: Duration.Input | undefined
}

/**
 * One task and what has become of it so far.
 *
 * @category models
 * @since 0.1.0
 */
export class Task<A, E> {
  index = 0
  name: string | undefined = undefined
  /** The work, or what a subclass makes it from. */
  work: unknown = undefined
  /** The context to run in, where it is not the pump's. */
  context: Context.Context<never> | undefined = undefined
  node: lineage.TaskNode | undefined = undefined
  /** Its own limit in milliseconds. */
  timeout = Infinity
  queuedAt = 0
  /** 0: it has not started. */
  startedAt = 0
  attempts = 0
  attemptCauses: Array<Cause.Cause<unknown>> | undefined = undefined
  cut: Cut | undefined = undefined
  outcome: Outcome.Outcome<A, E> | undefined = undefined
  /** @internal */
  runner: Runner<A, E> | undefined = undefined
  abandoned = false
  /** @internal */
  driver: retry.Driver | undefined = undefined
  /** @internal A failed attempt that waits for the decision to retry. */
  undecided: FailedAttempt | undefined = undefined
  onEnd: ((exit: Exit.Exit<A, E>) => void) | undefined = undefined

  /** Makes a spare fresh for the next item. */
  reset(index: number, work: unknown): this {
    this.index = index
    this.work = work
    this.queuedAt = 0
    this.startedAt = 0
    this.attempts = 0
    this.attemptCauses = undefined
    this.cut = undefined
    this.outcome = undefined
    this.abandoned = false
    this.driver = undefined
    return this
  }
}

/** An attempt that failed and may be followed by another; `timedOut` stands for it where the attempt's time was over. */
interface FailedAttempt {
  readonly cause: Cause.Cause<unknown>
  readonly timedOut: AttemptTimedOut | undefined
}

const isInterruption = (cause: Cause.Cause<unknown>): boolean => cause.reasons.length > 0 && Cause.hasInterruptsOnly(cause)

/** The task shall be tried again after `delay` milliseconds. */
class Again {
  readonly delay: number
  readonly cause: Cause.Cause<unknown>
  constructor(delay: number, cause: Cause.Cause<unknown>) {
    this.delay = delay
    this.cause = cause
  }
}

const keptAttempts = 16
const slowCleanup = 10_000

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
  /** @internal The time as it was read a moment ago in the same turn, for the next task that starts. */
  instant: number | undefined = undefined
  /** @internal */
  readonly runners: Set<Runner<A, E>> = new Set()
  /** @internal */
  readonly baseContext: Context.Context<never>
  /** Tasks that were tried and shall be tried again, in the order in which their back-off ended. */
  private readonly ready = new Fifo<Task<A, E>>()
  private readonly backingOff = new Map<Task<A, E>, Entry>()
  /** Tasks that lent their place and want it back. */
  private readonly returning = new Fifo<() => void>()
  private readonly scratch: { -readonly [K in keyof Outcome.Info]: Outcome.Info[K] }
  private filling = false
  private refill = false
  private idle = false
  private ownLimit: lineage.DeadlineNode | undefined = undefined
  private ownEntry: Entry | undefined = undefined
  private slowEntry: Entry | undefined = undefined
  private answeredDeadlines: (() => void) | undefined = undefined
  private unlist: (() => void) | undefined = undefined

  constructor(owner: Fiber.Fiber<any, any>, settings: Settings, onProgress?: (progress: Progress) => void) {
    this.owner = owner
    this.settings = settings
    this.timers = timersOf(owner)
    this.now = this.timers.now
    this.startedAt = this.now()
    this.scratch = {
      index: 0,
      name: undefined,
      attempts: 0,
      attemptCauses: undefined,
      queuedAt: undefined,
      startedAt: undefined,
      endedAt: undefined,
      abandoned: false,
      origin: this.startedAt
    }
    const outer = lineage.current(owner)
    const observer = outer?.observer
    let parent = outer
    if (settings.timeout < Infinity) {
      parent = this.ownLimit = {
        kind: "deadline",
        parent: outer,
        observer,
        ended: false,
        at: this.startedAt + settings.timeout,
        move: (at) => this.moveOwnLimit(at),
        listeners: undefined,
        answering: 0,
        onAnswered: undefined
      }
    }
    this.node = {
      kind: "call",
      parent,
      observer,
      ended: false,
      name: settings.name,
      onProgress: onProgress === undefined ? undefined : (progress) => this.observe("onProgress", onProgress, progress),
      dump: () => this.dump()
    }
    this.baseContext = owner.context
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
    const outerAt = lineage.deadlineOf(this.ownLimit === undefined ? this.node.parent : this.ownLimit.parent)
    this.answeredDeadlines = lineage.registerAnswerer(this.node.parent, this)
    this.unlist = lineage.listCall(this.node)
    if (outerAt <= this.startedAt) {
      this.stop(this.deadlineCut(outerAt), true)
      return
    }
    const own = this.ownLimit
    if (own === undefined) return
    if (own.at <= this.startedAt) this.stop(this.callCut(), true)
    else this.ownEntry = this.timers.add(own.at, () => lineage.announce(own))
  }

  private moveOwnLimit(at: number): void {
    if (this.ownLimit === undefined || this.ownLimit.ended || this.stopped !== undefined) return
    this.ownLimit.at = at
    if (this.ownEntry !== undefined) this.timers.move(this.ownEntry, at)
  }

  /** Ends the clocks. Deadlines do not wait for this call any more. */
  protected close(): void {
    if (this.ownEntry !== undefined) this.timers.cancel(this.ownEntry)
    if (this.slowEntry !== undefined) this.timers.cancel(this.slowEntry)
    this.slowEntry = undefined
    this.node.ended = true
    this.unlist?.()
    if (this.ownLimit !== undefined) this.ownLimit.ended = true
    this.answeredDeadlines?.()
  }

  /** Says that this call has given its answer to the deadlines around it, while it may still be in use. */
  protected answered(): void {
    this.answeredDeadlines?.()
  }

  onDeadline(node: lineage.LimitNode): void {
    this.stop(node === this.ownLimit ? this.callCut() : this.deadlineCut(node.at), true)
  }

  private callCut(): Cut {
    const { timeout } = this.settings
    return { limit: "call", after: timeout, reason: { _tag: "CallTimeout", after: Duration.millis(timeout) } }
  }

  private deadlineCut(at: number): Cut {
    return { limit: "deadline", after: Math.max(0, at - this.startedAt), reason: { _tag: "DeadlineReached", at } }
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
    for (const [task, entry] of [...this.backingOff]) {
      this.timers.cancel(entry)
      this.backingOff.delete(task)
      this.giveUp(task, cut)
    }
    for (const task of this.ready.drain()) this.giveUp(task, cut)
    this.onStop(cut)
    if (this.runners.size > 0) {
      if (this.slowEntry === undefined) this.slowEntry = this.timers.add(this.now() + slowCleanup, () => this.warnSlow([...this.runners]))
      for (const runner of [...this.runners]) runner.cut(cut, hold)
    }
    this.fill()
  }

  /** Settles what was queued and never started, when the pump stops. */
  protected onStop(_cut: Cut): void {}

  /** Ends a task that is between two attempts. */
  private giveUp(task: Task<A, E>, cut: Cut): void {
    task.cut = cut
    const last = task.attemptCauses?.pop() ?? Cause.empty
    this.settle(task, this.stoppedOutcome(task, cut, last as Cause.Cause<E>, this.now()))
  }

  private stoppedOutcome(task: Task<A, E>, cut: Cut, cause: Cause.Cause<E>, endedAt: number | undefined): Outcome.Outcome<A, E> {
    const info = this.info(task, endedAt)
    if (cut.limit === "queue") return new Outcome.TimedOut(info, "queue", Duration.millis(cut.after!), cause)
    if (task.startedAt === 0) return new Outcome.NotStarted(info, cut.reason)
    return cut.limit === undefined
      ? new Outcome.Cancelled(info, cut.reason, cause)
      : new Outcome.TimedOut(info, cut.limit, Duration.millis(cut.after!), cause)
  }

  /** Fills the one record that outcomes copy from; at 100,000 outcomes a record each is a tenth of the time. */
  private info(task: Task<A, E>, endedAt: number | undefined): Outcome.Info {
    const { scratch } = this
    scratch.index = task.index
    scratch.name = task.name
    scratch.attempts = task.attempts
    scratch.attemptCauses = task.attemptCauses
    scratch.queuedAt = task.queuedAt === 0 ? undefined : task.queuedAt
    scratch.startedAt = task.startedAt === 0 ? undefined : task.startedAt
    scratch.endedAt = endedAt
    scratch.abandoned = task.abandoned
    return scratch
  }

  /** The outcome of a task that nobody pulled or that was queued when the pump stopped. */
  notStarted(task: Task<A, E>, cut: Cut): Outcome.Outcome<A, E> {
    return this.stoppedOutcome(task, cut, Cause.empty, this.now())
  }

  private settle(task: Task<A, E>, outcome: Outcome.Outcome<A, E>): void {
    task.outcome = outcome
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
    return this.runners.size > this.abandoned || this.backingOff.size > 0 || this.ready.size > 0 || this.returning.size > 0 ||
      this.stopped === undefined && this.hasNext()
  }

  /** Gives a value to an observer of the user's. What it throws is logged and changes nothing (law 13). */
  protected observe<X>(option: string, observer: (value: X) => void, value: X): void {
    try {
      observer(value)
    } catch (defect) {
      Effect.runForkWith(this.baseContext)(Effect.logWarning(`skein: ${option} of ${this.settings.name ?? "a call"} threw`, Cause.die(defect)))
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
    const fiber = Effect.runForkWith(Context.add(this.baseContext, lineage.Current, runner.node))(Effect.whileLoop<A, E, never>(runner))
    fiber.addObserver((exit) => this.onRunnerEnd(runner, exit))
  }

  /** Gives a task that has a context of its own a fiber of its own: cheaper than to change the context of one that goes on. */
  private runOne(runner: Runner<A, E>, task: Task<A, E>): void {
    runner.adopt(task)
    const effect = Effect.withFiber<A, E>((fiber) => {
      runner.fiber = fiber
      return this.effectOf(task)
    })
    const fiber = Effect.runForkWith(task.context!)(effect)
    runner.fiber ??= fiber
    fiber.addObserver((exit) => {
      if (Exit.isSuccess(exit)) runner.held = exit as { readonly value: A }
      this.onRunnerEnd(runner, exit as Exit.Exit<any, E>)
    })
  }

  private onRunnerEnd(runner: Runner<A, E>, exit: Exit.Exit<void, E>): void {
    this.runners.delete(runner)
    const { held, task } = runner
    if (task !== undefined) {
      if (held !== undefined) this.completed(runner, task, held.value)
      else if (Exit.isFailure(exit)) {
        const failure = exit as Exit.Failure<never, E>
        if (runner.deciding === undefined) this.failed(runner, task, failure)
        else this.decided(runner, task, runner.deciding, failure)
      }
    }
    runner.free()
    this.fill()
  }

  /** @internal Takes the next task for a runner that has a place. */
  take(runner: Runner<A, E>): Task<A, E> | undefined {
    if (this.stopped !== undefined || this.returning.size > 0) return undefined
    if (this.ready.size > 0) return this.ready.shift()
    return this.pull(runner.spare ??= new Task())
  }

  /** @internal */
  attempt(runner: Runner<A, E>, task: Task<A, E>): Effect.Effect<A, E> {
    return this.around === undefined ? runner.begin(task) : this.around(Effect.suspend(() => runner.begin(task)), task)
  }

  /** @internal Decides what becomes of a failed attempt: another one after a delay, or the end. */
  decide(task: Task<A, E>, failed: FailedAttempt): Effect.Effect<Again | Exit.Exit<never, E>> {
    const policy = this.settings.retry!
    const { cause, timedOut } = failed
    const clock = clockOf(this.owner)
    return Effect.map(
      retry.decide(policy, task.driver ??= { step: undefined }, task.attempts, cause, timedOut, () => clock.currentTimeMillisUnsafe()),
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
    const length = Math.min(task.timeout, this.settings.taskTimeout)
    return task.startedAt === 0 ? Infinity : task.startedAt + length
  }

  /** @internal The task gave a value. */
  completed(runner: Runner<A, E>, task: Task<A, E>, value: A): void {
    runner.leaveTask()
    if (task.abandoned) this.reallyEnded(task, Exit.succeed(value))
    else {
      const outcome = new Outcome.Completed(this.info(task, runner.endedAt = this.now()), value, task.cut !== undefined)
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
    } else if (cut !== undefined) this.settle(task, this.stoppedOutcome(task, cut, cause, this.now()))
    else this.settle(task, this.failure(task, cause))
  }

  private mayRetry(task: Task<A, E>, cause: Cause.Cause<E>): boolean {
    if (task.startedAt === 0) return false
    return task.cut === undefined ? !isInterruption(cause) : task.cut.limit === "attempt"
  }

  private failure(task: Task<A, E>, cause: Cause.Cause<E>): Outcome.Outcome<A, E> {
    const info = this.info(task, this.now())
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
    if (cut !== undefined) this.settle(task, this.stoppedOutcome(task, cut, failed.cause as Cause.Cause<E>, this.now()))
    else if (decision instanceof Again) this.backOff(task, decision)
    else if (Exit.isSuccess(decision)) return
    else if (failed.timedOut === undefined) this.settle(task, this.failure(task, decision.cause))
    else {
      const after = this.settings.attemptTimeout
      const reason: Outcome.Reason = { _tag: "TaskTimeout", after: failed.timedOut.after }
      this.settle(task, this.stoppedOutcome(task, { limit: "attempt", after, reason }, decision.cause, this.now()))
    }
  }

  private backOff(task: Task<A, E>, again: Again): void {
    const causes = task.attemptCauses ??= []
    causes.push(again.cause)
    if (causes.length > keptAttempts) causes.shift()
    if (again.delay <= 0) {
      this.ready.push(task)
      return
    }
    this.backingOff.set(
      task,
      this.timers.add(this.now() + again.delay, () => {
        this.backingOff.delete(task)
        this.ready.push(task)
        this.fill()
      })
    )
  }

  /** @internal The grace is over: the task is settled as it stands and listed until it really ends. */
  abandon(task: Task<A, E>): void {
    if (task.abandoned || task.outcome !== undefined) return
    task.abandoned = true
    this.abandoned++
    this.onAbandoned(task)
    this.settle(task, this.stoppedOutcome(task, task.cut!, Cause.interrupt(this.owner.id), undefined))
    this.fill()
  }

  /** Lists a task that did not end within its grace, just before it is settled. */
  protected onAbandoned(_task: Task<A, E>): void {}

  /** Gives the place of a running task to others while it waits for one of them. */
  lendPlace(task: Task<A, E>): void {
    task.runner?.free()
    this.fill()
  }

  /** Asks for a lent place; `resume` is called, perhaps at once, when it is there. The function it gives withdraws the request. */
  takePlace(task: Task<A, E>, resume: () => void): () => void {
    const take = (): void => {
      // The task may have ended meanwhile, for it was cancelled: then the place is not its own any more.
      if (task.runner !== undefined && task.outcome === undefined) task.runner.hasPlace = true
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
    const names = runners.slice(0, 8).map((runner) => runner.task === undefined ? "?" : runner.task.name ?? `#${runner.task.index}`)
    const more = runners.length > names.length ? ` and ${runners.length - names.length} more` : ""
    Effect.runForkWith(this.baseContext)(
      Effect.logWarning(
        `skein: ${this.settings.name ?? "a call"} has waited ${slowCleanup / 1000} s for tasks that were asked to stop: ${names.join(", ")}${more}`
      )
    )
  }
}

/**
 * One fiber of a pump. It is itself the description of its loop, so that a runner costs one object and no closures.
 *
 * @internal
 */
export class Runner<A, E> {
  readonly pump: TaskPump<A, E>
  private ownNode: lineage.TaskNode | undefined = undefined
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  task: Task<A, E> | undefined = undefined
  spare: Task<A, E> | undefined = undefined
  /** How deep the fiber's stack is under the running task. */
  base = 0
  /** A value whose task has forked children: they are interrupted and awaited before it counts. */
  held: { readonly value: A } | undefined = undefined
  deciding: FailedAttempt | undefined = undefined
  endedAt = 0
  hasPlace = true
  /** The fiber was interrupted by us: it must take no other task. */
  spent = false
  private limitAt = Infinity
  private limitEntry: Entry | undefined = undefined
  private stopEntry: Entry | undefined = undefined

  constructor(pump: TaskPump<A, E>) {
    this.pump = pump
  }

  /** The node of tasks that bring none. */
  get node(): lineage.TaskNode {
    return this.ownNode ??= makeNode(this.pump.node, this.pump.node, (at) => this.moveLimit(at))
  }

  while(): boolean {
    this.fiber ??= Fiber.getCurrent()!
    if (this.spent || !this.hasPlace || this.held !== undefined) return false
    const task = this.pump.take(this)
    if (task === undefined) return false
    this.task = task
    task.runner = this
    if (task.node === undefined) {
      const { node } = this
      node.index = task.index
      node.name = task.name
    }
    if (task.queuedAt === 0) task.queuedAt = this.endedAt === 0 ? this.pump.now() : this.endedAt
    const { queueTimeout } = this.pump.settings
    if (queueTimeout < Infinity && task.startedAt === 0) this.limit(task.queuedAt + queueTimeout)
    return true
  }

  body(): Effect.Effect<A, E> {
    const task = this.task!
    const failed = task.undecided
    if (failed !== undefined) {
      task.undecided = undefined
      this.deciding = failed
      return this.pump.decide(task, failed) as Effect.Effect<never>
    }
    return this.pump.attempt(this, task)
  }

  step(value: A): void {
    const task = this.task!
    const failed = this.deciding
    if (failed !== undefined) {
      this.deciding = undefined
      this.pump.decided(this, task, failed, value as Again | Exit.Exit<never, E>)
    } else if (fiberState.hasChildren(this.fiber!)) this.held = { value }
    else this.pump.completed(this, task, value)
  }

  /** Starts the task's running clock and gives its effect. */
  begin(task: Task<A, E>): Effect.Effect<A, E> {
    this.start(task)
    this.base = fiberState.depth(this.fiber!)
    return this.pump.effectOf(task)
  }

  /** Takes a task that gets this runner's whole fiber. */
  adopt(task: Task<A, E>): void {
    this.task = task
    task.runner = this
    this.start(task)
  }

  private start(task: Task<A, E>): void {
    const { settings } = this.pump
    task.attempts++
    const now = task.startedAt === 0 && this.endedAt === task.queuedAt ? this.endedAt : this.pump.instant ?? this.pump.now()
    this.pump.instant = undefined
    if (task.startedAt === 0) task.startedAt = now
    const taskLimit = this.pump.taskLimit(task)
    const at = settings.attemptTimeout < Infinity ? Math.min(taskLimit, now + settings.attemptTimeout) : taskLimit
    if (at < Infinity || this.limitAt < Infinity) {
      ;(task.node ?? this.node).at = at
      this.limit(at)
    }
  }

  /**
   * Sets when the current task's time is over. The timer is lazy: it is moved forward only when a limit comes before it, and looks again when it fires. Short tasks under a
   * long limit therefore never touch it.
   */
  private limit(at: number): void {
    this.limitAt = at
    if (this.limitEntry === undefined) {
      if (at < Infinity) this.limitEntry = this.pump.timers.add(at, () => this.onLimit())
    } else if (at < this.limitEntry.at || this.limitEntry.position < 0) this.pump.timers.move(this.limitEntry, at)
  }

  /** Moves the limit of the running task. */
  moveLimit(at: number): void {
    const { task } = this
    if (task === undefined || task.cut !== undefined) return
    ;(task.node ?? this.node).at = at
    task.timeout = at - task.startedAt
    this.limit(at)
  }

  private onLimit(): void {
    const { pump, task } = this
    if (task === undefined || task.cut !== undefined) return
    if (this.limitAt > pump.now() + 0.0005) {
      pump.timers.move(this.limitEntry!, this.limitAt)
      return
    }
    const { attemptTimeout, queueTimeout } = pump.settings
    if (task.startedAt === 0) {
      this.cut({ limit: "queue", after: queueTimeout, reason: { _tag: "QueueTimeout", after: Duration.millis(queueTimeout) } }, false)
      return
    }
    const own = this.limitAt >= pump.taskLimit(task)
    const after = own ? Math.min(task.timeout, pump.settings.taskTimeout) : attemptTimeout
    this.cut({ limit: own ? "task" : "attempt", after, reason: { _tag: "TaskTimeout", after: Duration.millis(after) } }, true)
    lineage.announce(task.node ?? this.node)
  }

  /** Asks the running task to stop; with `hold` after the calls inside it have answered. */
  cut(cut: Cut, hold: boolean): void {
    const { pump, task } = this
    if (task === undefined || task.cut !== undefined) return
    const node = task.node ?? this.node
    if (hold && node.answering > 0) {
      node.onAnswered = () => {
        if (this.task !== task || task.cut !== undefined) return
        this.stopAt(pump.now() + lineage.afterAnswer, () => this.cut(cut, false))
      }
      return
    }
    task.cut = cut
    node.reason = cut.reason
    this.spent = true
    this.clearStop()
    // A held value is safe already; the children that it waits for are being interrupted.
    if (this.held !== undefined) return
    fiberState.interrupt(this.fiber!, pump.owner.id, this.base, Outcome.annotations(cut.reason))
    if (this.task !== task) return
    if (pump.settings.grace < Infinity) this.stopAt(pump.now() + pump.settings.grace, () => pump.abandon(task))
    else if (pump.stopped === undefined) this.stopAt(pump.now() + slowCleanup, () => pump.warnSlow([this]))
  }

  private stopAt(at: number, then: () => void): void {
    this.clearStop()
    this.stopEntry = this.pump.timers.add(at, then)
  }

  private clearStop(): void {
    if (this.stopEntry !== undefined) this.pump.timers.cancel(this.stopEntry)
    this.stopEntry = undefined
  }

  leaveTask(): void {
    this.task = undefined
    if (this.stopEntry !== undefined) this.clearStop()
    if (this.ownNode !== undefined) {
      this.ownNode.onAnswered = undefined
      this.ownNode.reason = undefined
    }
    this.limitAt = Infinity
  }

  /** Gives the place back, once. */
  free(): void {
    if (this.limitEntry !== undefined && this.task === undefined) this.pump.timers.cancel(this.limitEntry)
    if (!this.hasPlace) return
    this.hasPlace = false
    this.pump.running--
  }
}

/**
 * Reduces the cause of a failed task to exactly one typed failure, the original (law 5). A task that only died keeps its defects.
 *
 * @category causes
 * @since 0.1.0
 */
export const original = <E>(cause: Cause.Cause<E>): Cause.Cause<E> => {
  const fail = cause.reasons.find(Cause.isFailReason)
  return Cause.fromReasons(fail === undefined ? cause.reasons.filter(Cause.isDieReason) : [fail])
}

/** @internal */
export const makeNode = (
  call: lineage.CallNode,
  parent: lineage.Node,
  move: ((at: number) => void) | undefined
): lineage.TaskNode => ({
  kind: "task",
  parent,
  call,
  observer: call.observer,
  ended: false,
  name: undefined,
  index: 0,
  reason: undefined,
  at: Infinity,
  move,
  listeners: undefined,
  answering: 0,
  onAnswered: undefined,
  calls: undefined,
  waits: undefined
})

/**
 * Waits for the real end of a task that was abandoned.
 *
 * @category combinators
 * @since 0.1.0
 */
export const awaitEnd = <A, E>(task: Task<A, E>): Effect.Effect<Exit.Exit<A, E>> => {
  let exit: Exit.Exit<A, E> | undefined
  const waiting = new Set<(exit: Exit.Exit<A, E>) => void>()
  task.onEnd = (end) => {
    exit = end
    for (const wake of waiting) wake(end)
    waiting.clear()
  }
  return Effect.callback<Exit.Exit<A, E>>((resume) => {
    if (exit !== undefined) return resume(Effect.succeed(exit))
    const wake = (end: Exit.Exit<A, E>): void => resume(Effect.succeed(end))
    waiting.add(wake)
    return Effect.sync(() => {
      waiting.delete(wake)
    })
  })
}
