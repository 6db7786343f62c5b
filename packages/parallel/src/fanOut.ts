/**
 * Runs effects at once and returns what a joiner makes of their outcomes, as soon as that is decided.
 *
 * The call owns every fiber it starts. When the joiner has decided, nothing more starts, what still runs is interrupted, and the call returns after the last cleanup, or when the `grace` is over.
 *
 * **When to use**
 *
 * Use where not every answer is needed, or where one answer is to be made of many: the first of three mirrors, two of three replicas, the best offer by the deadline. If you want all outcomes, use
 * `parallelGather`; `Joiner` lists what there is to choose from.
 *
 * **Details**
 *
 * Takes the options of `parallelGather` but `onFailure` and `onTimeout`: what failures and missing outcomes mean is for the joiner to say. After a `timeout`, a deadline or a `stop` the joiner is asked for its
 * answer with the outcomes there are. A task with `retry` has one outcome, that of its last attempt.
 *
 * Effects may come from an iterable, an async iterable or a Stream, and are pulled lazily, one when a place is free. Of an input that is no array, set or map the joiner does not know the size: `left` is `Infinity` until the
 * source has ended, and what can no longer be had is found out then. An early decision ends the pulling; the source is closed after the last cleanup, and that is waited for as in `parallelMap`.
 *
 * When the source fails, running tasks are let end and shown to the joiner. If they make it decide, its answer stands, and what the source failed with is logged; so it is when an unfinished source fails at its closing. Without
 * a decision the call fails with `SourceFailed`, as the types say, and the joiner is not asked.
 *
 * **Guarantees**
 *
 * - Ownership: no task outlives the call, abandoned ones aside, which are listed in the result.
 * - Interruption: interrupting the call interrupts each running task once and waits for its cleanup; the joiner is not asked then. What a decision stops has the reason `Decided`.
 * - Failure: the call fails only as its joiner or its source does. Whatever it fails with, `GatherResult.fromCause` reads the whole result from the cause. A joiner that throws is a defect, after everything was stopped and
 *   cleaned up.
 * - Order: the joiner sees outcomes in the order in which tasks end, each once, and none after it has decided. Its answer is computed in the calling fiber.
 * - Bounds: at most `concurrency` tasks run.
 * - Cost: that of `parallelGather`, and O(1) for each outcome.
 *
 * **Gotchas**
 *
 * A loser whose cleanup takes a minute makes the call take a minute. A `grace` bounds that.
 *
 * **Example** (Two of three replicas)
 *
 * ```ts
 * import { fanOut, Joiner } from "@skein/parallel"
 * import * as Effect from "effect/Effect"
 *
 * const replica = (name: string, millis: number) =>
 *   Effect.as(Effect.sleep(millis), name).pipe(Effect.onInterrupt(() => Effect.sync(() => console.log(`${name} stopped`)))) // => slow stopped, c stopped
 *
 * const written = fanOut([replica("slow", 5_000), replica("a", 20), replica("b", 5)], Joiner.quorum(2))
 * console.log(await Effect.runPromise(written)) // => [ 'b', 'a' ]
 *
 * const broken = fanOut([replica("c", 5_000), Effect.fail("disk full"), Effect.fail("no route")], Joiner.quorum(2))
 * const error = await Effect.runPromise(Effect.flip(broken))
 * console.log(error.joiner, error.reason._tag) // => quorum(2) TooFew
 * console.log(error.causes.map(({ index }) => index)) // => [ 1, 2 ]
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as fanOutCall from "./internal/fanOutCall.ts"
import type { Joiner } from "./Joiner.ts"
import type { ItemOf, Options, Source, SourceError, SourceServices } from "./Options.ts"

/**
 * The options of a fan-out: those of a gather without what is for the joiner to say. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category options
 * @since 0.1.0
 */
export interface FanOutOptions<in A, in E> extends Omit<Options<A, E>, "onFailure" | "onTimeout"> {}

/**
 * Runs effects, at most `concurrency` at once, and returns what `joiner` makes of their outcomes.
 *
 * @throws RangeError if an option is wrong or unknown; TypeError if `effects` is not iterable, async iterable or a Stream, or `joiner` not a joiner
 * @category combinators
 * @since 0.1.0
 */
export const fanOut = <const Effects extends Source<Effect.Effect<any, any, any>>, B, E2>(
  effects: Effects,
  joiner: Joiner<Effect.Success<ItemOf<Effects>>, Effect.Error<ItemOf<Effects>>, B, E2>,
  options?: FanOutOptions<Effect.Success<ItemOf<NoInfer<Effects>>>, Effect.Error<ItemOf<NoInfer<Effects>>>>
): Effect.Effect<
  B,
  E2 | SourceError<Effects, Effect.Success<ItemOf<Effects>>, Effect.Error<ItemOf<Effects>>>,
  Effect.Services<ItemOf<Effects>> | SourceServices<Effects>
> => {
  const where = "fanOut"
  const call = fanOutCall.read(where, effects, joiner)
  const plan = fanOutCall.plan(where, options)
  return Effect.suspend(() => fanOutCall.run(plan, call)) as Effect.Effect<any, any, any>
}
