/** The words of `@skein/parallel/promise`: what tasks get, what calls give, and the options of both. No type of Effect is among them. */
import type * as Core from "@skein/core/Outcome"
import type { SkipMark, StopMark } from "./promiseMarks.ts"

/**
 * A length of time: milliseconds, or a number with its unit.
 *
 * @category models
 * @since 0.1.0
 */
export type Time =
  | number
  | "Infinity"
  | `${number} ${"milli" | "millis" | "second" | "seconds" | "minute" | "minutes" | "hour" | "hours" | "day" | "days"}`

/**
 * How far a task is, in units of its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly done?: number | undefined
  readonly total?: number | undefined
  readonly message?: string | undefined
}

/**
 * A report as `onProgress` sees it: with the task it came from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Progress extends Report {
  readonly index: number
  readonly name: string | undefined
}

/**
 * What a running task knows of itself. Each attempt gets one of its own. It may be taken apart (`{ signal }`).
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskContext {
  /**
   * Fires when this attempt is asked to stop, with the reason: the caller's own where a `signal` of his did it, else a `TaskStopped`. It is made when it is first read; a task that never reads it costs none.
   */
  readonly signal: AbortSignal
  readonly index: number
  readonly name: string | undefined
  /** 1 for the first attempt. */
  readonly attempt: number
  /** Milliseconds until the nearest time limit of this attempt, its task, its call, or the task around it (`within`); `Infinity` without one. */
  readonly remaining: () => number
  /** Tells `onProgress` how far it is. */
  readonly report: (report: Report) => void
}

/**
 * An async function without arguments but the context: what `parallelGather` and `fanOut` take.
 *
 * @category models
 * @since 0.1.0
 */
export type TaskFunction<A = unknown> = (task: TaskContext) => A | SkipMark | StopMark | PromiseLike<A | SkipMark | StopMark>

/**
 * Who asked a task to stop, and why. `because` is the next link: why that one stopped. The words are those of `Outcome.Reason` in `@skein/core`.
 *
 * | tag | meaning |
 * | --- | --- |
 * | `SiblingFailed` | task `index` failed, and `onFailure: "interrupt"` stops the rest |
 * | `CallTimeout` | the call's `timeout` was over |
 * | `TaskTimeout` | the task's own limit was over |
 * | `QueueTimeout` | it waited longer for its turn than `queueTimeout` |
 * | `Aborted` | the `signal` of the call fired; `value` is the signal's reason, as it was given |
 * | `Requested` | `executor.clear(value)` took it off the queue |
 * | `Stopped` | a task returned `stop`, or the reader of a stream went away |
 * | `Decided` | the joiner of its fan-out had seen enough, or threw (`value`) |
 * | `SourceFailed` | the source of items failed |
 * | `ExecutorClosed` | its executor was closed (`name`) |
 * | `Interrupted` | the task was given up by the engine between two attempts |
 *
 * @category models
 * @since 0.1.0
 */
export interface Reason {
  readonly _tag: Core.Reason["_tag"]
  readonly index?: number | undefined
  readonly name?: string | undefined
  /** Milliseconds since the Unix epoch. */
  readonly at?: number | undefined
  /** The limit, in milliseconds. */
  readonly after?: number | undefined
  readonly value?: unknown
  readonly because?: Reason | undefined
}

/**
 * Which limit a timed-out task hit.
 *
 * @category models
 * @since 0.1.0
 */
export type Limit = "task" | "attempt" | "queue" | "call" | "deadline"

/**
 * What every outcome knows of its task. Instants are milliseconds since the Unix epoch, lengths are milliseconds; `undefined` where there never was one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Info {
  /** Position in the input, from 0. */
  readonly index: number
  readonly name: string | undefined
  /** How many times it was started: 0 if never, more than 1 after retries. */
  readonly attempts: number
  /** What the attempts before the last one failed with, oldest first; the last 16. */
  readonly attemptErrors: ReadonlyArray<unknown>
  /** It had not ended when the grace was over; `abandoned` of the result tells its real end. */
  readonly abandoned: boolean
  readonly queuedAt: number | undefined
  readonly startedAt: number | undefined
  readonly endedAt: number | undefined
  readonly queuedFor: number | undefined
  readonly ranFor: number | undefined
}

/**
 * It gave a value. `late`: it did so although it had been asked to stop.
 *
 * @category models
 * @since 0.1.0
 */
export interface Completed<out A> extends Info {
  readonly status: "completed"
  readonly value: A
  readonly late: boolean
}

/**
 * It returned `skip` or `stop`: done, and no value.
 *
 * @category models
 * @since 0.1.0
 */
export interface Skipped extends Info {
  readonly status: "skipped"
  readonly late: boolean
}

/**
 * It threw or rejected by itself, before anybody asked it to stop. `otherErrors`: what else went wrong in the same end, for example a `retry.while` that threw.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failed extends Info {
  readonly status: "failed"
  readonly error: unknown
  readonly otherErrors: ReadonlyArray<unknown>
}

/**
 * A limit was over before it was done. `after` is the limit in milliseconds. `error` is there if it then rejected with something of its own, not with the reason of its signal.
 *
 * @category models
 * @since 0.1.0
 */
export interface TimedOut extends Info {
  readonly status: "timeout"
  readonly limit: Limit
  readonly after: number
  readonly error?: unknown
}

/**
 * It had started and was asked to stop for another reason than a time limit. `error` as in `TimedOut`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cancelled extends Info {
  readonly status: "cancelled"
  readonly reason: Reason
  readonly error?: unknown
}

/**
 * It never ran.
 *
 * @category models
 * @since 0.1.0
 */
export interface NotStarted extends Info {
  readonly status: "notStarted"
  readonly reason: Reason
}

/**
 * How one task ended: a plain object.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome<A> = Completed<A> | Skipped | Failed | TimedOut | Cancelled | NotStarted

/**
 * One failure of a result and the task it belongs to.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskError {
  readonly index: number
  readonly name: string | undefined
  readonly error: unknown
}

/**
 * A task that had not ended when the grace was over. `ended` is made when it is first read; it waits for the real end, and never rejects.
 *
 * @category models
 * @since 0.1.0
 */
export interface Abandoned<out A> {
  readonly index: number
  readonly name: string | undefined
  readonly ended: Promise<PromiseSettledResult<A>>
}

/**
 * All there is when a call returns, in the shape and order of its input. Immutable; lists are made when they are first read.
 *
 * @category models
 * @since 0.1.0
 */
export interface GatherResult<out A, out Outcomes = ReadonlyArray<Outcome<A>>, out Values = ReadonlyArray<A>> {
  readonly outcomes: Outcomes
  /** The values of completed tasks in input order; for a record those keys that have one. After a `stop`, only those before it. */
  readonly values: Values
  /** Every failure in input order, each once: of tasks that failed, and of tasks that failed otherwise while they were being stopped. */
  readonly errors: ReadonlyArray<TaskError>
  readonly total: number
  /** How many gave a value, late ones too. */
  readonly completed: number
  readonly skipped: number
  readonly failed: number
  readonly timedOut: number
  readonly cancelled: number
  readonly notStarted: number
  /** Milliseconds from the start of the call to its return. */
  readonly elapsed: number
  /** Whether every task completed or skipped; true when there are none. */
  readonly allSucceeded: boolean
  /** `completed / total`, from 0 to 1; 0 when there are no outcomes. */
  readonly successRate: number
  /** False where the source of items was not read to its end. */
  readonly exhausted: boolean
  /** Why the call ended before everything was done; `undefined` where it came to its own end. */
  readonly stopped: Reason | undefined
  /** The position of the item whose task returned `stop`; of several, the first. */
  readonly stoppedAt: number | undefined
  readonly abandoned: ReadonlyArray<Abandoned<A>>
  /** The outcomes as an array in input order, whatever the shape of `outcomes`. */
  readonly list: ReadonlyArray<Outcome<A>>
}

/**
 * When to try a failed task again.
 *
 * @category options
 * @since 0.1.0
 */
export interface RetryOptions {
  /** How many times at most after the first attempt: a whole number of at least 0. Left out: for as long as `while` says and a time limit allows. */
  readonly times?: number | undefined
  /**
   * How long to wait before the next attempt, or a function of the number of attempts so far (1 after the first) and of what the last one failed with: `backoff()` makes one. The task holds no place meanwhile.
   *
   * @default 0
   */
  readonly delay?: Time | ((attempts: number, error: unknown) => Time) | undefined
  /**
   * Whether an error is worth another attempt. An attempt that hit `attemptTimeout` comes as a `TaskStopped` with the name `TimeoutError`.
   *
   * @default every error
   */
  readonly while?: ((error: unknown) => boolean) | undefined
  /**
   * The least time that must be left before a limit for another attempt to start.
   *
   * @default 0
   */
  readonly needs?: Time | undefined
}

/**
 * What all tasks of a call or an executor have in common.
 *
 * @category options
 * @since 0.1.0
 */
export interface TaskOptions {
  /**
   * Time for one task, from its start over all its attempts. Waiting is not counted.
   *
   * @default none
   */
  readonly taskTimeout?: Time | undefined
  /**
   * Time for one attempt.
   *
   * @default none
   */
  readonly attemptTimeout?: Time | undefined
  /**
   * How long a task may wait for its turn on an executor. Without an executor nothing waits: an item is pulled when a place is free.
   *
   * @default none
   */
  readonly queueTimeout?: Time | undefined
  /** @default never */
  readonly retry?: RetryOptions | undefined
  /**
   * How long a task that was asked to stop may take. After it the task is `abandoned`: listed, and its place stays taken until it really ends.
   *
   * @default "5 seconds"
   */
  readonly grace?: Time | undefined
  /** Names the call or the executor in errors and logs. */
  readonly name?: string | undefined
}

/**
 * What the first failure of a task does: nothing (`isolate`); it stops the others and the call rejects with that very error (`interrupt`); the others run to their end, then the call rejects with a `TasksFailed`, an
 * `AggregateError` with the errors in input order (`collect`). A task that timed out has not failed.
 *
 * @category options
 * @since 0.1.0
 */
export type OnFailure = "isolate" | "interrupt" | "collect"

/**
 * The options that all calls share. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category options
 * @since 0.1.0
 */
export interface CallOptions<in A> extends TaskOptions {
  /**
   * How many tasks run at once: a whole number of at least 1, or `"unbounded"`.
   *
   * @default 8; in a call of an executor as many as it has places
   */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * Time for the whole call.
   *
   * @default none
   */
  readonly timeout?: Time | undefined
  /** Ends the call with what it has. Outcomes and the tasks' own signals carry its reason. */
  readonly signal?: AbortSignal | undefined
  /** The task that makes this call: its signal and its time limits hold for the call, and on its own executor it gives its place to the call while it waits for it. */
  readonly within?: TaskContext | undefined
  /** Sees each outcome as soon as it is known, those of tasks that never started too. What it throws is logged and changes nothing. */
  readonly onOutcome?: ((outcome: Outcome<A>) => void) | undefined
  /** Sees what tasks `report`. What it throws is logged and changes nothing. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/**
 * The options of calls that give a result.
 *
 * @category options
 * @since 0.1.0
 */
export interface GatherOptions<in A> extends CallOptions<A> {
  /** @default "isolate" */
  readonly onFailure?: OnFailure | undefined
  /**
   * What the call does when its `timeout` is over and not everything is done: return what it has, or reject with a `GatherTimeout`, which holds it.
   *
   * @default "partial"
   */
  readonly onTimeout?: "partial" | "fail" | undefined
  /**
   * What the call does when its `signal` fired and not everything is done: return what it has, or reject with the signal's reason.
   *
   * @default "partial"
   */
  readonly onAbort?: "partial" | "fail" | undefined
}

/**
 * The options of a map.
 *
 * @category options
 * @since 0.1.0
 */
export interface MapOptions<in T, in A> extends GatherOptions<A> {
  /** Names the task of an item. What it throws fails the item. */
  readonly nameOf?: ((item: T, index: number) => string) | undefined
}

/**
 * The options of a stream of outcomes.
 *
 * @category options
 * @since 0.1.0
 */
export interface StreamOptions<in T, in A> extends CallOptions<A> {
  /** As in a map. */
  readonly nameOf?: ((item: T, index: number) => string) | undefined
  /**
   * What the first failure does: nothing, or it stops the rest; the stream gives the outcomes of all that started, then throws that error.
   *
   * @default "isolate"
   */
  readonly onFailure?: "isolate" | "interrupt" | undefined
  /**
   * In which order outcomes come: as tasks end, or as their items stand in the input.
   *
   * @default "completion"
   */
  readonly order?: "completion" | "input" | undefined
  /**
   * How many outcomes may wait for their reader (or for one before them) while all places are taken: a whole number of at least 0.
   *
   * @default concurrency
   */
  readonly buffer?: number | undefined
}

/**
 * What a call on an executor may say in addition.
 *
 * @category options
 * @since 0.1.0
 */
export interface PriorityOption {
  /**
   * Who goes first when several wait: the greater number. Within a number: first come, first served. A high one may starve a low one.
   *
   * @default 0
   */
  readonly priority?: number | undefined
}

/**
 * The items of a source.
 *
 * @category models
 * @since 0.1.0
 */
export type Items<T> = Iterable<T | PromiseLike<T>> | AsyncIterable<T | PromiseLike<T>>

type ValueOf<F> = F extends (task: TaskContext) => infer Out ? Exclude<Awaited<Out>, SkipMark | StopMark> : never

/**
 * The functions that a gather takes: an iterable, an async iterable, or a record, whose keys name the tasks.
 *
 * @category models
 * @since 0.1.0
 */
export type Functions = Iterable<TaskFunction> | AsyncIterable<TaskFunction> | Readonly<Record<string, TaskFunction>>

/**
 * Any value of the input's functions.
 *
 * @category models
 * @since 0.1.0
 */
export type ValuesIn<Input> =
  Input extends Iterable<infer F> ? ValueOf<F> : Input extends AsyncIterable<infer F> ? ValueOf<F> : ValueOf<Input[keyof Input]>

/**
 * The outcomes of a gather in the shape of its input: a tuple for a tuple, a record for a record.
 *
 * @category models
 * @since 0.1.0
 */
export type OutcomesOf<Input> =
  Input extends ReadonlyArray<unknown>
    ? { readonly [K in keyof Input]: Outcome<ValueOf<Input[K]>> }
    : Input extends Iterable<unknown> | AsyncIterable<unknown>
      ? ReadonlyArray<Outcome<ValuesIn<Input>>>
      : { readonly [K in keyof Input]: Outcome<ValueOf<Input[K]>> }

/**
 * The values of a gather: an array, or for a record those keys whose task completed.
 *
 * @category models
 * @since 0.1.0
 */
export type ValuesOf<Input> = Input extends Iterable<unknown> | AsyncIterable<unknown>
  ? ReadonlyArray<ValuesIn<Input>>
  : { readonly [K in keyof Input]?: ValueOf<Input[K]> }
