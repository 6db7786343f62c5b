/** The two values that a task may give in the place of one of its own. */

/**
 * Drops the item: its outcome is `skipped`, and it has no value.
 *
 * @category marks
 * @since 0.1.0
 */
export const skip: unique symbol = Symbol("@skein/parallel/promise/skip")

/**
 * Ends the call like `break` in a loop: nothing more starts, items before this one run to their end, those behind it are asked to stop. Its own outcome is `skipped`.
 *
 * @category marks
 * @since 0.1.0
 */
export const stop: unique symbol = Symbol("@skein/parallel/promise/stop")

export type SkipMark = typeof skip
export type StopMark = typeof stop
