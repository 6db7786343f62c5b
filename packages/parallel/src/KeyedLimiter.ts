/**
 * Bounds how many effects run at once, and shares that bound fairly between keys: tenants, users, hosts.
 *
 * A `KeyedLimiter` owns a number of permits and one line per key. Keys that wait are served in turn, whatever number of requests each has. It owns no fibers and needs no scope; what it knows of
 * a key goes when the key's last request ends.
 *
 * The module holds `make`, and the `KeyedLimiter` whose `for(key)` gives an ordinary `Limiter` for one key.
 *
 * **When to use**
 *
 * Use where many callers share one resource and one of them must not be able to take it all. A `Limiter` serves first come, first served: whoever sends ten thousand requests is ahead of all who come later.
 *
 * **Details**
 *
 * | you want | option |
 * | --- | --- |
 * | fair turns | nothing: always |
 * | at most n of one key at once | `perKey` |
 * | at most n a second of one key | `rate` |
 * | refuse what would wait too long | `queue` |
 *
 * `rate` counts with a `RateLimiter` of Effect, which may be shared between processes. Its tokens are taken by the one request of each key that is next, before it waits for a permit: a key that has used
 * up its rate holds no permit while it waits.
 *
 * **Guarantees**
 *
 * - Ownership, Interruption, Failure: those of `Limiter`.
 * - Order: within a key, first in, first out within a priority.
 * - Fairness: keys take turns. A request that is the first of its key waits for at most one start of each other key that waits, nested work aside, whatever they have queued and with whatever priority.
 * - Bounds: permits in use never exceed `permits`, runs of one key never exceed its `perKey`, as `Limiter` has it; starts of a key exceed its rate by at most one that was waiting for its permit.
 * - Nesting: work under a run asks in the line of that run's key, whatever key it names, and is lent its seat: it belongs to what was admitted, and is refused nothing.
 * - Accounting: a token is taken only by the request that is next. Waiting costs none, and an interruption at most the one that was just being taken.
 * - Cost: O(1) a request in the number of keys and of waiting requests; O(running of the key) for nested ones. Memory is held for keys that have requests, are paused or were resized.
 *
 * **Gotchas**
 *
 * Keys are compared as those of a `Map`: two objects that look alike are two keys.
 *
 * `for(key).pause` and `for(key).resize` are remembered until they are undone: for a key that never comes back, for ever.
 *
 * There is no limit on waiting time: `queueTimeout` of the fan-out functions is one, and `Deadline.within` around the whole.
 *
 * **Example** (A small tenant beside a large one)
 *
 * ```ts
 * import { parallelMap } from "@skein/parallel"
 * import * as KeyedLimiter from "@skein/parallel/KeyedLimiter"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const served: Array<string> = []
 *   const limiter = yield* KeyedLimiter.make<string>({ permits: 1, name: "db" })
 *   const query = (name: string) => Effect.andThen(Effect.yieldNow, Effect.sync(() => served.push(name)))
 *   const load = (tenant: string, count: number) =>
 *     parallelMap(Array(count).keys(), (n) => query(`${tenant}${n}`), { concurrency: "unbounded", limiter: limiter.for(tenant) })
 *   yield* Effect.all([load("large", 1_000), load("small", 3)], { concurrency: 2 })
 *   return served
 * })
 *
 * const served = await Effect.runPromise(program)
 * console.log(served.length, served.indexOf("small2") < 10) // => 1003 true
 * ```
 *
 * @since 0.1.0
 */
import * as Limiter from "@skein/core/Limiter"
import * as Settings from "@skein/core/Settings"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { RateLimiter, RateLimiterError } from "effect/persistence/RateLimiter"
import * as check from "./internal/keyedCheck.ts"
import * as rates from "./internal/keyedRate.ts"
import { type Key, Keys, type Visit } from "./internal/keyedState.ts"

/**
 * A rate: `limit` starts per `window`, counted by a `RateLimiter` of Effect.
 *
 * @category options
 * @since 0.1.0
 */
export interface RateOptions {
  /** Made by `RateLimiter.make` of `effect/persistence`, with its memory or Redis store. */
  readonly limiter: RateLimiter
  /** How many starts a window: a whole number of at least 1. */
  readonly limit: number
  readonly window: Duration.Input
  /** @default "token-bucket" */
  readonly algorithm?: "token-bucket" | "fixed-window" | undefined
  /**
   * What a failure of the store does to a request: `"fail"` fails it with `RateLimiterError`, `"die"` makes that a defect, `"admit"` lets it run uncounted.
   * @default "fail"
   */
  readonly onStoreFailure?: "fail" | "die" | "admit" | undefined
}

/**
 * How a keyed limiter is made. Wrong values and unknown names are refused by a `RangeError`, as a defect.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<F extends "wait" | "reject" = "wait" | "reject", Rt extends RateOptions | undefined = RateOptions | undefined> {
  /** How many permits all keys share: a whole number of at least 1. */
  readonly permits: number
  /**
   * How many runs of one key there may be at once.
   * @default as many as there are permits
   */
  readonly perKey?: number | undefined
  /**
   * How often runs of one key may start. Tokens are counted under the key `<name>/<key>`, so give a `name` where the store is shared.
   * @default no bound
   */
  readonly rate?: Rt
  /** Names it in messages and dumps. */
  readonly name?: string | undefined
  readonly queue?:
    | {
        /**
         * How many requests of all keys may wait. Nested ones do not count and are not refused.
         * @default Infinity
         */
        readonly max?: number | undefined
        /**
         * How many requests of one key may wait.
         * @default Infinity
         */
        readonly maxPerKey?: number | undefined
        /**
         * What happens to a request beyond them: `"reject"` fails it with `LimiterError` (`QueueFull`), `"wait"` lets it wait too, and they have no effect.
         * @default "wait"
         */
        readonly onFull?: F | undefined
      }
    | undefined
}

/**
 * What the options of a keyed limiter add to the errors of its effects.
 *
 * @category models
 * @since 0.1.0
 */
export type ErrorOf<F extends "wait" | "reject", Rt extends RateOptions | undefined> =
  | ("reject" extends F ? Limiter.LimiterError : never)
  | ([Rt] extends [undefined] ? never : Rt extends { readonly onStoreFailure: "die" | "admit" } ? never : RateLimiterError)

/**
 * What one key does at this moment.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyStats {
  /** How many of its runs there may be at once. */
  readonly bound: number
  readonly running: number
  /** Requests that have not started. */
  readonly waiting: number
  /** The most that ran at once since it was last without any request. */
  readonly peak: number
  readonly paused: boolean
}

/**
 * What a keyed limiter does at this moment.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats<K> extends Limiter.Stats {
  /** The keys that have requests, are paused, or have a bound of their own. */
  readonly keys: ReadonlyMap<K, KeyStats>
}

/**
 * A bound shared fairly between keys. `E` is what its options add to the errors of the effects.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyedLimiter<in out K, out E = never> {
  readonly name: string | undefined
  /**
   * The limiter of one key: to call, or to pass where a `Limiter` is asked for. Nothing is kept for a key until it is used. Its `resize` sets how many runs of this key there may be at once, its `pause` and
   * `resume` concern this key alone, and its `stats` show this key, with the permits of its runs as holders.
   */
  readonly for: (key: K) => Limiter.Limiter<E>
  /** Sets the number of permits that all keys share, as `Limiter.resize`. */
  readonly resize: (permits: number) => Effect.Effect<void>
  /** Admits nobody from now on. */
  readonly pause: Effect.Effect<void>
  /** Ends `pause`. */
  readonly resume: Effect.Effect<void>
  readonly stats: Effect.Effect<Stats<K>>
}

/** The innermost run of any keyed limiter around a fiber. */
const CurrentVisit = Context.Reference<Visit | undefined>("@skein/parallel/KeyedLimiter/CurrentVisit", { defaultValue: () => undefined })

/**
 * Makes a keyed limiter. The errors of its effects are widened by `LimiterError` only if `queue.onFull` is `"reject"`, and by `RateLimiterError` only if there is a `rate` whose
 * `onStoreFailure` is `"fail"`.
 *
 * **Example** (A rate for each user)
 *
 * ```ts
 * import * as KeyedLimiter from "@skein/parallel/KeyedLimiter"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as RateLimiter from "effect/persistence/RateLimiter"
 *
 * const program = Effect.gen(function*() {
 *   const rate = { limiter: yield* RateLimiter.RateLimiter, limit: 2, window: "100 millis" } as const
 *   const limiter = yield* KeyedLimiter.make<string>({ permits: 10, perKey: 3, rate, name: "api" })
 *   const call = (user: string) => limiter.for(user).withPermit(Effect.succeed(user))
 *   // The first two of ada go at once, the third 50 ms later. Grace does not wait for that.
 *   return yield* Effect.timed(Effect.forEach(["ada", "ada", "ada", "grace"], call, { concurrency: 4 }))
 * })
 *
 * const [took, users] = await Effect.runPromise(
 *   Effect.provide(program, RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory)))
 * )
 * console.log(users.join(" ")) // => ada ada ada grace
 * console.log(took._tag) // => Duration
 * ```
 *
 * @throws A `RangeError`, as a defect, for options that make no sense.
 * @category constructors
 * @since 0.1.0
 */
export const make = <K, const F extends "wait" | "reject" = "wait", const Rt extends RateOptions | undefined = undefined>(
  options: Options<F, Rt>
): Effect.Effect<KeyedLimiter<K, ErrorOf<F, Rt>>> => Effect.sync(() => makeUnsafe(options))
