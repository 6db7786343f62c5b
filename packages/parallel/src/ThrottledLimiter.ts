/**
 * Bounds how often effects start, together with how many run at once.
 *
 * A `ThrottledLimiter` is a `Limiter` around another one: each run holds its permits and has taken a token of a `RateLimiter` of Effect just before it started. It owns no fibers and needs no scope.
 *
 * The module holds `make` and its options. What it makes can be passed wherever a `Limiter` can.
 *
 * **When to use**
 *
 * Use for a service with two bounds, such as 50 requests a second and 8 at once. For a rate alone `RateLimiter` is enough, for a rate per tenant see `rate` of `KeyedLimiter`.
 *
 * **Guarantees**
 *
 * - Ownership, Interruption, Order, Nesting: those of the limiter inside.
 * - Failure: the effect's own failures pass unchanged. `RateLimiterError` is added only where `onStoreFailure` is `"fail"`.
 * - Bounds: both, at the start of each run: it has its permits before it asks for a token, and starts as soon as it has that. Never more starts than tokens, nested runs and retries included.
 * - Fairness: whoever has a permit gets tokens first in, first out. Between processes that share a store there is no order.
 * - Accounting: waiting takes no token. An interruption costs at most the token that was just being taken, and never gives one too many.
 * - Cost: one call of the rate limiter a run, and one more for each wait of the first in line, however many wait.
 *
 * **Gotchas**
 *
 * A run that waits for its token holds its permit: do not put it around a limiter that others use too, or they wait for your rate. Give it a limiter of its own, or use `rate` of `KeyedLimiter`.
 *
 * A rate is no spacing: a bucket of 50 that was full lets 50 start at once, and up to twice the limit within one window. For even spacing divide both: 1 in 20 ms instead of 50 in a second.
 *
 * Work that comes in through `Limiter.request` takes permits and no token.
 *
 * **Example** (Ten a second, two at once)
 *
 * ```ts
 * import { Limiter } from "@skein/core"
 * import { parallelMap } from "@skein/parallel"
 * import * as ThrottledLimiter from "@skein/parallel/ThrottledLimiter"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as RateLimiter from "effect/persistence/RateLimiter"
 *
 * const program = Effect.gen(function*() {
 *   const limiter = yield* ThrottledLimiter.make({
 *     limiter: yield* Limiter.make({ permits: 2 }),
 *     rate: { limiter: yield* RateLimiter.RateLimiter, key: "api", limit: 10, window: "100 millis", onStoreFailure: "die" }
 *   })
 *   const begin = Date.now()
 *   const result = yield* parallelMap(Array(15).keys(), () => Effect.yieldNow, { limiter })
 *   return { completed: result.completed, waited: Date.now() - begin >= 40 }
 * })
 *
 * // 10 at once, and 5 more one by one, each 10 ms later.
 * const layer = RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))
 * console.log(await Effect.runPromise(Effect.provide(program, layer))) // => { completed: 15, waited: true }
 * ```
 *
 * @since 0.1.0
 */
import * as Limiter from "@skein/core/Limiter"
import * as Settings from "@skein/core/Settings"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { RateLimiter, RateLimiterError } from "effect/persistence/RateLimiter"
import * as rates from "./internal/keyedRate.ts"

/**
 * What a failure of the rate limiter's store does to a request: `"fail"` fails it with `RateLimiterError`, `"die"` makes that a defect, `"admit"` lets it run uncounted. Whichever, the work has not started when
 * the store fails.
 *
 * @category models
 * @since 0.1.0
 */
export type OnStoreFailure = "fail" | "die" | "admit"

/**
 * A rate: `limit` starts per `window`, counted by a `RateLimiter` of Effect.
 *
 * @category options
 * @since 0.1.0
 */
export interface RateOptions<S extends OnStoreFailure = OnStoreFailure> {
  /** Made by `RateLimiter.make` of `effect/persistence`, with its memory or Redis store. */
  readonly limiter: RateLimiter
  /** How many starts a window: a whole number of at least 1. */
  readonly limit: number
  readonly window: Duration.Input
  /**
   * `"token-bucket"` gives tokens back one by one, `"fixed-window"` all at once.
   * @default "token-bucket"
   */
  readonly algorithm?: "token-bucket" | "fixed-window" | undefined
  /** @default "fail" */
  readonly onStoreFailure?: S | undefined
}

/**
 * How a throttled limiter is made. Wrong values and unknown names are refused by a `RangeError`, as a defect.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<out E = unknown, S extends OnStoreFailure = OnStoreFailure> {
  /** Whose permits the runs hold. */
  readonly limiter: Limiter.Limiter<E>
  /** The rate, and the `key` under which the rate limiter counts it: whoever uses the same key of the same store shares the rate. */
  readonly rate: RateOptions<S> & { readonly key: string }
}

/**
 * Makes a limiter of permits and a rate. Everything but `withPermit` and `withPermits` is that of the limiter inside; a request for several permits is one start.
 *
 * @throws A `RangeError`, as a defect, for options that make no sense.
 * @category constructors
 * @since 0.1.0
 */
export const make = <E, const S extends OnStoreFailure = "fail">(
  options: Options<E, S>
): Effect.Effect<Limiter.Limiter<E | ("fail" extends S ? RateLimiterError : never)>> => Effect.sync(() => makeUnsafe(options))

/**
 * Makes it at once, outside of an effect.
 *
 * @throws A `RangeError` for options that make no sense.
 * @category constructors
 * @since 0.1.0
 */
export const makeUnsafe = <E, const S extends OnStoreFailure = "fail">(
  options: Options<E, S>
): Limiter.Limiter<E | ("fail" extends S ? RateLimiterError : never)> => {
  const where = "ThrottledLimiter.make"
  Settings.known(where, options, ["limiter", "rate"])
  const inner = options.limiter as Limiter.Limiter<E> | undefined
  if (typeof inner?.withPermit !== "function") throw Settings.mustBe(where, "limiter", "a Limiter", inner)
  const rate = rates.read(where, options.rate, true)
  const { key } = rate
  if (key === undefined) throw Settings.mustBe(where, "rate.key", "a string", key)
  // One at a time asks, so that a hundred who wait are one timer and one question, and are served in order.
  const gate = Limiter.makeUnsafe({ permits: 1, name: `rate ${key}` })
  const token = gate.withPermit(rates.take(rate, key))
  type Own = Pick<Limiter.Limiter<E | RateLimiterError>, "withPermit" | "withPermits">
  const own: Own = {
    withPermit: (self, permitOptions) => inner.withPermit(Effect.andThen(token, self), permitOptions),
    withPermits: (permits, permitOptions) => (self) => inner.withPermits(permits, permitOptions)(Effect.andThen(token, self))
  }
  // The rest, also what `Limiter.request` finds there, is that of the limiter inside.
  return Object.assign(Object.create(inner) as Limiter.Limiter<never>, own as Pick<Limiter.Limiter<never>, "withPermit" | "withPermits">)
}
