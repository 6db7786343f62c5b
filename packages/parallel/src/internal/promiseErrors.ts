/** The errors of `@skein/parallel/promise`: plain classes that hold all there is. */
import type { GatherResult, Limit, Reason } from "./promiseTypes.ts"

type AnyResult = GatherResult<unknown, unknown, unknown>

/**
 * Why a task was asked to stop: the reason of its signal, and what a run on an executor rejects with. Its `name` is that of the platform's own errors, `TimeoutError` after a time limit, else `AbortError`. The work may
 * have happened in part; where `started` is false, nothing of it has.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskStopped extends Error {
  readonly _tag = "TaskStopped"
  readonly reason: Reason
  /** The time limit, where it was one. */
  readonly limit: Limit | undefined
  readonly started: boolean
  constructor(message: string, reason: Reason, limit: Limit | undefined, started: boolean) {
    super(message)
    this.name = limit === undefined ? "AbortError" : "TimeoutError"
    this.reason = reason
    this.limit = limit
    this.started = started
  }
}

/**
 * Some tasks failed, and the caller asked for `onFailure: "collect"`. `errors` are what they failed with, in input order; `result` is everything.
 *
 * @category errors
 * @since 0.1.0
 */
export class TasksFailed extends AggregateError {
  readonly _tag = "TasksFailed"
  override readonly name = "TasksFailed"
  readonly result: AnyResult
  constructor(result: AnyResult) {
    super(
      result.errors.map(({ error }) => error),
      `${result.failed} of ${result.total} tasks failed`
    )
    this.result = result
  }
}

/**
 * The time for a call was over before everything was done, and the caller asked for `onTimeout: "fail"`. `result` says what was done.
 *
 * @category errors
 * @since 0.1.0
 */
export class GatherTimeout extends Error {
  readonly _tag = "GatherTimeout"
  override readonly name = "TimeoutError"
  readonly result: AnyResult
  constructor(result: AnyResult) {
    super(`${result.completed + result.skipped} of ${result.total} tasks were done when the time was over`)
    this.result = result
  }
}

/**
 * The source of items threw or rejected: `cause` is what it threw. Running tasks were let finish; `result` holds their outcomes, and nothing where they were given away by a stream.
 *
 * @category errors
 * @since 0.1.0
 */
export class SourceFailed extends Error {
  readonly _tag = "SourceFailed"
  override readonly name = "SourceFailed"
  readonly result: AnyResult | undefined
  /** How many items it gave before. */
  readonly pulled: number
  constructor(cause: unknown, pulled: number, result: AnyResult | undefined) {
    super(`the source of items failed after ${pulled} items: ${textOf(cause)}`, { cause })
    this.pulled = pulled
    this.result = result
  }
}

/**
 * The executor is closed. `result` holds what a call had that was cut short; where there is none, nothing of it has started, or it was a single run that was asked to stop.
 *
 * @category errors
 * @since 0.1.0
 */
export class ExecutorClosed extends Error {
  readonly _tag = "ExecutorClosed"
  override readonly name = "ExecutorClosed"
  readonly result: AnyResult | undefined
  constructor(executor: string | undefined, result: AnyResult | undefined) {
    const had = result === undefined ? "" : `; ${result.completed} of ${result.total} tasks had completed`
    super(`executor${executor === undefined ? "" : ` ${JSON.stringify(executor)}`} is closed${had}`)
    this.result = result
  }
}

/**
 * `unwrap` was given a result in which not every task is done. `errors` are the failures in input order; `result` says the rest.
 *
 * @category errors
 * @since 0.1.0
 */
export class GatherIncomplete extends AggregateError {
  readonly _tag = "GatherIncomplete"
  override readonly name = "GatherIncomplete"
  readonly result: AnyResult
  constructor(result: AnyResult) {
    const counts = [
      [result.failed, "failed"],
      [result.timedOut, "timed out"],
      [result.cancelled, "cancelled"],
      [result.notStarted, "not started"]
    ] as const
    const missing = counts
      .filter(([n]) => n > 0)
      .map(([n, what]) => `${n} ${what}`)
      .join(", ")
    super(
      result.errors.map(({ error }) => error),
      `${result.completed} of ${result.total} tasks completed${missing === "" ? "" : ` (${missing})`}${result.exhausted ? "" : ", and the source was not read to its end"}`
    )
    this.result = result
  }
}

/**
 * The outcomes do not give what a joiner wants. `errors` are the failures in input order, `result` holds every outcome.
 *
 * @category errors
 * @since 0.1.0
 */
export class JoinError extends AggregateError {
  readonly _tag = "JoinError"
  override readonly name = "JoinError"
  /** The joiner, for example `quorum(2)`. */
  readonly joiner: string
  readonly reason: "NoInput" | "TooFew" | "Incomplete"
  readonly result: AnyResult
  constructor(joiner: string, needed: number | undefined, result: AnyResult) {
    const reason = needed === undefined ? "Incomplete" : result.total === 0 && result.exhausted ? "NoInput" : "TooFew"
    const what = {
      NoInput: "there was no input",
      TooFew: `${result.completed} of the ${needed} values needed`,
      Incomplete: `not all values, ${result.completed} of ${result.total}`
    }
    super(
      result.errors.map(({ error }) => error),
      `${joiner}: ${what[reason]}`
    )
    this.joiner = joiner
    this.reason = reason
    this.result = result
  }
}

const textOf = (value: unknown): string => {
  try {
    return value instanceof Error ? value.message : String(value)
  } catch {
    return "something that cannot be shown"
  }
}

const results = new WeakMap<object, AnyResult>()

/** Lets `resultOf` find what a call had that rejected with an error of somebody else's. */
export const remember = (error: unknown, result: AnyResult): void => {
  if ((typeof error === "object" && error !== null) || typeof error === "function") results.set(error, result)
}

/**
 * Gives all that a call had which rejected with this error, whoever made the error; `undefined` if there is nothing, or if the error is no object.
 *
 * @category getters
 * @since 0.1.0
 */
export const resultOf = (error: unknown): AnyResult | undefined => {
  if ((typeof error !== "object" || error === null) && typeof error !== "function") return undefined
  // The last call that rejected with it.
  return results.get(error) ?? (error instanceof Error && "result" in error ? (error.result as AnyResult | undefined) : undefined)
}
