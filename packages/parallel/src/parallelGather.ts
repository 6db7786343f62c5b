/**
 * Runs a collection of effects, a bounded number at once, and gives one outcome for each in the shape of the input.
 *
 * It is `parallelMap` for effects that are already at hand: the call owns its fibers in the same way, and takes the same options. A tuple gives a tuple of outcomes, a record gives a record with the same
 * keys (which name the tasks), any other source an array.
 *
 * **Example** (Asking three services at once)
 *
 * ```ts
 * import { parallelGather } from "@skein/parallel"
 * import * as Effect from "effect/Effect"
 *
 * const result = await Effect.runPromise(
 *   parallelGather({
 *     user: Effect.succeed("ada"),
 *     orders: Effect.fail("orders are down"),
 *     news: Effect.never
 *   }, { timeout: "10 millis" })
 * )
 * const { news, orders, user } = result.outcomes
 * console.log(user.status, orders.status, news.status) // => completed failed timeout
 * ```
 *
 * @since 0.1.0
 */
import type * as GatherResult from "@skein/core/GatherResult"
import type * as Outcome from "@skein/core/Outcome"
import type * as Effect from "effect/Effect"
import * as gather from "./internal/gather.ts"
import * as work from "./internal/work.ts"
import type { GatherTimeout, ItemOf, Options, Source, SourceError, SourceServices } from "./Options.ts"

type ErrorOf<Eff> = [Eff] extends [Effect.Effect<infer _A, infer E, infer _R>] ? E : never
type Result<Eff, Outcomes> = GatherResult.GatherResult<Effect.Success<Eff>, ErrorOf<Eff>, Outcomes>
type Errors<Eff, F, D> =
  | ("interrupt" extends F ? ErrorOf<Eff> : never)
  | ("fail" extends D ? GatherTimeout<Effect.Success<Eff>, ErrorOf<Eff>> : never)
type OutcomeOf<Eff> = Eff extends Effect.Effect<infer A, infer E, infer _R> ? Outcome.Outcome<A, E> : never

/**
 * The outcomes of a gather in the shape of its input.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcomes<Input> =
  Input extends ReadonlyArray<Effect.Effect<any, any, any>>
    ? { readonly [K in keyof Input]: OutcomeOf<Input[K]> }
    : Input extends Source<infer _Eff>
      ? ReadonlyArray<OutcomeOf<ItemOf<Input>>>
      : { readonly [K in keyof Input]: OutcomeOf<Input[K]> }

/**
 * Any effect of the input.
 *
 * @category models
 * @since 0.1.0
 */
export type EffectsOf<Input> = Input extends Source<infer _Eff> ? ItemOf<Input> : Input[keyof Input]

/**
 * Runs effects, at most `concurrency` at once, and gives one outcome for each in the shape of the input.
 *
 * @throws RangeError if an option is wrong or unknown; TypeError if `effects` is no source and no record
 * @category combinators
 * @since 0.1.0
 */
export const parallelGather = <
  const Input extends Source<Effect.Effect<any, any, any>> | Readonly<Record<string, Effect.Effect<any, any, any>>>,
  F extends "isolate" | "interrupt" = "isolate",
  D extends "partial" | "fail" = "partial"
>(
  effects: Input,
  options?: Options<Effect.Success<EffectsOf<NoInfer<Input>>>, ErrorOf<EffectsOf<NoInfer<Input>>>, F, D>
): Effect.Effect<
  Result<EffectsOf<Input>, Outcomes<Input>>,
  Errors<EffectsOf<Input>, F, D> | SourceError<Input, Effect.Success<EffectsOf<Input>>, ErrorOf<EffectsOf<Input>>>,
  Effect.Services<EffectsOf<Input>> | SourceServices<Input>
> => {
  const todo = work.ofEffectsOrRecord("parallelGather", effects)
  return gather.run(gather.plan("parallelGather", options), todo)
}
