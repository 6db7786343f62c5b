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
 * - Accounting: a token is taken only by the request that is next. Waiting costs none, and interrupting a request at most the one that it was just taking.
 * - Cost: O(1) a request in the number of keys and of waiting requests; O(running of the key) for nested ones. Memory is held for keys that have requests, are paused or were resized.
 *
 * **Gotchas**
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
 *   const limiter = yield* KeyedLimiter.make({ permits: 1, name: "db" })
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
import * as Effect from "effect/Effect"
import type { RateLimiterError } from "effect/persistence/RateLimiter"
import { type Read, read } from "./internal/keyedOptions.ts"
import * as rates from "./internal/keyedRate.ts"
import { type Key, Keys, type Visit } from "./internal/keyedState.ts"
import type { RateOptions } from "./ThrottledLimiter.ts"

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
export interface Stats extends Limiter.Stats {
  /** The keys that have requests, are paused, or have a bound of their own. */
  readonly keys: ReadonlyMap<string, KeyStats>
}

/**
 * A bound shared fairly between keys. `E` is what its options add to the errors of the effects.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeyedLimiter<out E = never> {
  readonly name: string | undefined
  /**
   * The limiter of one key: to call, or to pass where a `Limiter` is asked for. Nothing is kept for a key until it is used. Its `resize` sets how many runs of this key there may be at once, its `pause` and
   * `resume` concern this key alone, and its `stats` show this key, with the permits of its runs as holders.
   */
  readonly for: (key: string) => Limiter.Limiter<E>
  /** Sets the number of permits that all keys share, as `Limiter.resize`. */
  readonly resize: (permits: number) => Effect.Effect<void>
  /** Admits nobody from now on. */
  readonly pause: Effect.Effect<void>
  /** Ends `pause`. */
  readonly resume: Effect.Effect<void>
  readonly stats: Effect.Effect<Stats>
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
 * import * as Duration from "effect/Duration"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as RateLimiter from "effect/persistence/RateLimiter"
 *
 * const program = Effect.gen(function*() {
 *   const rate = { limiter: yield* RateLimiter.RateLimiter, limit: 2, window: "100 millis" } as const
 *   const limiter = yield* KeyedLimiter.make({ permits: 10, perKey: 3, rate, name: "api" })
 *   const call = (user: string) => limiter.for(user).withPermit(Effect.succeed(user))
 *   // The first two of ada go at once, the third 50 ms later. Grace does not wait for that.
 *   return yield* Effect.timed(Effect.forEach(["ada", "ada", "ada", "grace"], call, { concurrency: 4 }))
 * })
 *
 * const [took, users] = await Effect.runPromise(
 *   Effect.provide(program, RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory)))
 * )
 * console.log(users.join(" ")) // => ada ada ada grace
 * console.log(Duration.toMillis(took) >= 40) // => true
 * ```
 *
 * @throws A `RangeError`, as a defect, for options that make no sense.
 * @category constructors
 * @since 0.1.0
 */
export const make = <const F extends "wait" | "reject" = "wait", const Rt extends RateOptions | undefined = undefined>(
  options: Options<F, Rt>
): Effect.Effect<KeyedLimiter<ErrorOf<F, Rt>>> => Effect.sync(() => makeUnsafe(options))

/**
 * Makes a keyed limiter at once, outside of an effect.
 *
 * @throws A `RangeError` for options that make no sense.
 * @category constructors
 * @since 0.1.0
 */
export const makeUnsafe = <const F extends "wait" | "reject" = "wait", const Rt extends RateOptions | undefined = undefined>(
  options: Options<F, Rt>
): KeyedLimiter<ErrorOf<F, Rt>> => new KeyedLimiterImpl(read(options)) as KeyedLimiter<AnyError> as KeyedLimiter<never>

type AnyError = Limiter.LimiterError | RateLimiterError

class KeyedLimiterImpl implements KeyedLimiter<AnyError> {
  readonly name: string | undefined
  readonly resize: (permits: number) => Effect.Effect<void>
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
  readonly stats: Effect.Effect<Stats>
  private readonly options: Read
  private readonly keys: Keys
  private readonly common: Limiter.Limiter

  constructor(options: Read) {
    const { name, perKey, permits } = options
    this.name = name
    const common = Limiter.makeUnsafe({ permits, name })
    const keys = new Keys(permits, perKey, (id) => Limiter.makeUnsafe({ permits: 1, name: this.nameOf(id) }))
    this.options = options
    this.common = common
    this.keys = keys
    this.resize = (count) =>
      Effect.suspend(() => {
        keys.permits = Settings.whole("KeyedLimiter.resize", "permits", count)
        return common.resize(count)
      })
    this.pause = Effect.suspend(() => {
      keys.paused = true
      return common.pause
    })
    this.resume = Effect.suspend(() => {
      keys.paused = false
      return common.resume
    })
    this.stats = Effect.map(common.stats, (stats) => ({
      ...stats,
      waiting: keys.inside - keys.running,
      keys: new Map([...keys.map].map(([id, key]) => [id, statsOf(key, keys.permits)]))
    }))
  }

  for(id: string): Limiter.Limiter<AnyError> {
    if (typeof id !== "string") throw new TypeError(Settings.mustBe("KeyedLimiter.for", "key", "a string", id).message)
    const { keys } = this
    /** Does something to the key, which may not have existed before and may not be needed afterwards. */
    const touch = (f: (key: Key) => void): Effect.Effect<void> =>
      Effect.sync(() => {
        const key = keys.get(id)
        f(key)
        keys.tidy(key)
      })
    const setPaused = (paused: boolean): Effect.Effect<void> =>
      touch((key) => {
        key.paused = paused
        Effect.runSync(paused ? key.line.pause : key.line.resume)
      })
    return {
      name: this.nameOf(id),
      withPermit: (self, options) => this.visit(id, self, 1, options),
      withPermits: (permits, options) => (self) => this.visit(id, self, permits, options),
      resize: (count) =>
        Effect.suspend(() => {
          const bound = Settings.whole("KeyedLimiter.resize", "permits", count)
          return touch((key) => keys.setBound(key, bound))
        }),
      pause: setPaused(true),
      resume: setPaused(false),
      stats: Effect.suspend(() => {
        const key = keys.map.get(id)
        if (key === undefined) return Effect.succeed(idle(Math.min(keys.bound, keys.permits)))
        return Effect.map(key.line.stats, (line) => {
          const { bound, paused, peak, running, waiting } = statsOf(key, keys.permits)
          // Who stands in the common line has a place in the key's too, and is the last to have got it.
          return {
            permits: bound,
            running,
            waiting,
            peak,
            abandoned: line.abandoned,
            paused,
            holders: line.holders.slice(0, running + key.nested)
          }
        })
      })
    }
  }

  private visit<A, E, R>(
    id: string,
    self: Effect.Effect<A, E, R>,
    weight: number,
    options: Limiter.PermitOptions | undefined
  ): Effect.Effect<A, E | AnyError, R> {
    const { common, keys } = this
    const { rate } = this.options
    return Effect.withFiber((fiber) => {
      const parent = Context.get(fiber.context, CurrentVisit)
      const visit: Visit = { keys, key: undefined, parent, nested: false, step: "idle" }
      const run = Effect.suspend(() => {
        keys.start(visit)
        return Effect.provideService(self, CurrentVisit, visit)
      })
      const admitted = common.withPermits(weight, options?.name === undefined ? undefined : { name: options.name })(run)
      // Each frame is there before anything is counted, and what was counted is taken back in the very step in which it is left, as in the limiters of the core.
      const inLine = Effect.onExitPrimitive(
        Effect.suspend((): Effect.Effect<A, E | AnyError, R> => {
          keys.enter(visit)
          return rate === undefined ? admitted : Effect.andThen(rates.take(rate, this.nameOf(id)), admitted)
        }),
        () => {
          keys.end(visit)
          return undefined
        }
      )
      return Effect.onExitPrimitive(
        Effect.suspend((): Effect.Effect<A, E | AnyError, R> => {
          // Nested work stands in the line of the run that it belongs to: that run's seat can be lent there. In the line of another key it could wait for somebody who waits for this run.
          const above = runningAbove(parent, keys)
          visit.nested = above !== undefined
          const key = above === undefined ? keys.get(id) : above.key!
          const refusal = above === undefined ? this.refusal(key, weight) : undefined
          if (refusal !== undefined) {
            keys.tidy(key)
            return Effect.fail(refusal)
          }
          keys.join(visit, key)
          return key.line.withPermit(inLine, options)
        }),
        () => {
          keys.leave(visit)
          return undefined
        }
      )
    })
  }

  private nameOf(id: string): string {
    return this.name === undefined ? id : `${this.name}/${id}`
  }

  private refusal(key: Key, weight: number): Limiter.LimiterError | undefined {
    const { max, maxPerKey } = this.options
    if ((max === Infinity && maxPerKey === Infinity) || !this.keys.wouldWait(key, weight)) return undefined
    const { name } = this
    const mine = key.inside - key.running
    const all = this.keys.inside - this.keys.running
    const full = (what: string, waiting: number, bound: number): Limiter.LimiterError => {
      const message = `${what}: the queue is full (${waiting} waiting); the work has not started, trying again is safe`
      return new Limiter.LimiterError({ message, reason: new Limiter.QueueFull({ message, limiter: name, max: bound }) })
    }
    const limiter = name === undefined ? "limiter" : `limiter ${JSON.stringify(name)}`
    if (mine >= maxPerKey) return full(`${limiter}, key ${JSON.stringify(key.id)}`, mine, maxPerKey)
    return all >= max ? full(`${limiter}, all keys`, all, max) : undefined
  }
}

/** The nearest run of this limiter around a fiber that has not ended. */
const runningAbove = (visit: Visit | undefined, keys: Keys): Visit | undefined => {
  for (let above = visit; above !== undefined; above = above.parent) if (above.keys === keys && above.step === "running") return above
  return undefined
}

const statsOf = ({ bound, inside, paused, peak, running }: Key, permits: number): KeyStats => ({
  bound: Math.min(bound, permits),
  running,
  waiting: inside - running,
  peak,
  paused
})

const idle = (permits: number): Limiter.Stats => ({ permits, running: 0, waiting: 0, peak: 0, abandoned: 0, paused: false, holders: [] })
