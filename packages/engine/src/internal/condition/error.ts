/** Holds the error of `Condition`, which re-exports it. */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"

/**
 * The condition can hold at no time any more, whatever happens: to wait would have been for ever. To try again is pointless.
 *
 * @category errors
 * @since 0.1.0
 */
export class NeverHolds extends Data.TaggedClass("NeverHolds")<{
  /** The condition in words. */
  readonly condition: string
}> {}

/**
 * A predicate threw, or an effect or a stream of a condition failed. Whether to try again depends on it: nothing has been started.
 *
 * @category errors
 * @since 0.1.0
 */
export class Failed extends Data.TaggedClass("Failed")<{
  /** The name of the condition whose code it was. */
  readonly condition: string
  readonly cause: Cause.Cause<unknown>
}> {}

/**
 * A condition cannot be waited for. What waited for it has not started.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConditionError extends Data.TaggedError("ConditionError")<{ readonly reason: NeverHolds | Failed }> {
  override get message(): string {
    const { reason } = this
    return reason._tag === "NeverHolds"
      ? `${reason.condition}: can never hold any more`
      : `${reason.condition}: failed with ${firstLine(reason.cause)}`
  }
}

const firstLine = (cause: Cause.Cause<unknown>): string => String(Cause.squash(cause)).split("\n", 1)[0]!
