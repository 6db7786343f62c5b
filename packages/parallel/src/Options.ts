/**
 * Holds the options that all fan-out functions share.
 *
 * @since 0.1.0
 */
import type * as GatherResult from "@skein/core/GatherResult"
import type * as Limiter from "@skein/core/Limiter"
import type * as Outcome from "@skein/core/Outcome"
import type * as Progress from "@skein/core/Progress"
import type * as Settings from "@skein/core/Settings"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"

/**
 * Where the items of a call may come from. Each kind is read lazily: one pull when a place is free, never two at a time, and none ahead. What is both, iterable and async iterable, is read as an iterable.
 *
 * | kind | read by | when it fails |
 * | --- | --- | --- |
 * | array, set, map | index or iterator; each item gets an outcome | a `next` that throws: defect |
 * | other iterables | iterator | a `next` that throws: defect |
 * | async iterables | async iterator | `SourceFailed` |
 * | Streams | chunk by chunk | its typed failure: `SourceFailed`; its defect: defect |
 *
 * @category models
 * @since 0.1.0
 */
export type Source<T, E = unknown, R = unknown> = Iterable<T> | AsyncIterable<T> | Stream.Stream<T, E, R>

/**
 * The items of a source.
 *
 * @category models
 * @since 0.1.0
 */
export type ItemOf<S> =
  S extends Iterable<infer T> ? T : S extends Stream.Stream<infer T, infer _E, infer _R> ? T : S extends AsyncIterable<infer T> ? T : never

/**
 * What reading a source adds to the errors of a call: nothing for an iterable and for a Stream that cannot fail.
 *
 * @category models
 * @since 0.1.0
 */
export type SourceError<S, A, E> =
  S extends Iterable<unknown>
    ? never
    : S extends Stream.Stream<infer _T, infer C, infer _R>
      ? [C] extends [never]
        ? never
        : SourceFailed<A, E, C>
      : S extends AsyncIterable<unknown>
        ? SourceFailed<A, E>
        : never

/**
 * The services that reading a source takes.
 *
 * @category models
 * @since 0.1.0
 */
export type SourceServices<S> = S extends Iterable<unknown> ? never : S extends Stream.Stream<infer _T, infer _E, infer R> ? R : never

/**
 * What the first failure of a task does to the others: nothing (`isolate`), or it stops them and fails the call (`interrupt`).
 *
 * @category models
 * @since 0.1.0
 */
export type OnFailure = "isolate" | "interrupt"

/**
 * What a call does when its `timeout` or a deadline around it is reached: return what it has (`partial`), or fail with it (`fail`).
 *
 * @category models
 * @since 0.1.0
 */
export type OnTimeout = "partial" | "fail"

/**
 * The options of a fan-out. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<in A, in E, F extends OnFailure = OnFailure, D extends OnTimeout = OnTimeout> {
  /**
   * How many tasks run at once: a whole number of at least 1, or `"unbounded"`, which starts everything that the source gives.
   *
   * @default 8
   */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * Time for the whole call. Running tasks are then `TimedOut` with limit `call`, the rest is `NotStarted`. Inherited by everything inside as a deadline.
   *
   * @default none
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * Time for one task, from its start over all its attempts. Waiting is not counted.
   *
   * @default none
   */
  readonly taskTimeout?: Duration.Input | undefined
  /**
   * Time for one attempt of a task.
   *
   * @default none
   */
  readonly attemptTimeout?: Duration.Input | undefined
  /**
   * How long a task may wait for its turn (for a permit of `limiter`), from the moment its item was pulled.
   *
   * @default none
   */
  readonly queueTimeout?: Duration.Input | undefined
  /**
   * What the first failure does to the other tasks. A task that times out has not failed.
   *
   * @default "isolate"
   */
  readonly onFailure?: F | undefined
  /**
   * What the call does when its time is over and not every task completed.
   *
   * @default "partial"
   */
  readonly onTimeout?: D | undefined
  /**
   * When to try a failed task again. Waits end after the last attempt; a task that waits for its next attempt holds no place and no permit.
   *
   * @default never
   */
  readonly retry?: Settings.RetryOptions<E> | undefined
  /**
   * How long a task that was asked to stop may take for its cleanup. After it the task is `abandoned`: listed, and its place stays taken until it really ends.
   *
   * @default unlimited, as in Effect
   */
  readonly grace?: Duration.Input | undefined
  /**
   * Ends the call with what it has: an `AbortSignal`, or an effect that ends.
   *
   * @default never
   */
  readonly stop?: AbortSignal | Effect.Effect<unknown> | undefined
  /**
   * A limiter shared with other work: each attempt holds one of its permits.
   *
   * @default none
   */
  readonly limiter?: Limiter.Limiter<never> | undefined
  /**
   * The priority of this call's tasks at `limiter`.
   *
   * @default "normal"
   */
  readonly priority?: Limiter.Priority | undefined
  /**
   * Names the call in logs, dumps and deadlock reports.
   *
   * @default none
   */
  readonly name?: string | undefined
  /**
   * Runs each attempt of a task in a span of this name, with the attributes `task.index`, `task.name` and `task.attempt`.
   *
   * @default no spans
   */
  readonly span?: string | undefined
  /**
   * Counts and times the tasks with Effect's metrics under this prefix: `<prefix>_tasks` by status, and the histograms `<prefix>_queued` and `<prefix>_ran`.
   *
   * @default no metrics
   */
  readonly metrics?: string | undefined
  /**
   * Sees each outcome as soon as it is known, those of tasks that never started too. What it throws is logged and changes nothing.
   */
  readonly onOutcome?: ((outcome: Outcome.Outcome<A, E>) => void) | undefined
  /** Sees what running tasks report with `Progress.report`. What it throws is logged and changes nothing. */
  readonly onProgress?: ((progress: Progress.Progress) => void) | undefined
}

/**
 * The options of a map: those of a fan-out, and what needs the items.
 *
 * @category models
 * @since 0.1.0
 */
export interface MapOptions<in T, in A, in E, F extends OnFailure = OnFailure, D extends OnTimeout = OnTimeout> extends Options<
  A,
  E,
  F,
  D
> {
  /**
   * Names the task of an item, in outcomes, reasons, spans and logs. What it throws is that item's defect.
   *
   * @default no names
   */
  readonly nameOf?: ((item: T, index: number) => string) | undefined
}

/**
 * The time for a call was over (`timeout`, or a deadline around it) before every task had completed. `result` holds all there is. Some of the work has happened; `result` says which.
 *
 * @category errors
 * @since 0.1.0
 */
export class GatherTimeout<A, E> extends Data.TaggedError("GatherTimeout")<{
  readonly result: GatherResult.GatherResult<A, E, unknown>
}> {
  override get message(): string {
    const { completed, total } = this.result
    return `${completed} of ${total} tasks had completed when the time was over`
  }
}

/**
 * The source of items failed: `cause` is what it failed with or threw. Running tasks were let finish; `partial` holds their outcomes (none of `parallelStream`, which has given them to its reader). What was
 * pulled is done; whether the source can be read again is for it to say.
 *
 * @category errors
 * @since 0.1.0
 */
export class SourceFailed<A, E, C = unknown> extends Data.TaggedError("SourceFailed")<{
  readonly cause: C
  readonly partial: GatherResult.GatherResult<A, E, unknown>
  /** How many items it gave before; `partial.total` if left out. */
  readonly pulled?: number | undefined
}> {
  override get message(): string {
    const { cause, partial, pulled = partial.total } = this
    return `the source of items failed after ${pulled} items: ${cause instanceof Error ? cause.message : String(cause)}`
  }
}
