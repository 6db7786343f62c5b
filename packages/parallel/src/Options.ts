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
