/**
 * Bounds how many effects run at once by a limit that follows how the server behind them is doing.
 *
 * An `AdaptiveLimiter` is a `Limiter` whose size is set by what it measures: it grows while runs stay as fast as they were without load, and shrinks when they become slower or
 * fail. It owns no fibers and no timers, needs no scope, and is collected when nobody refers to it. It can be passed wherever a `Limiter` can.
 *
 * The module holds `make`, its options, and the `AdaptiveLimiter` with `limit` and `stats` beside what every limiter has.
 *
 * **When to use**
 *
 * Use when nobody knows the right bound, or it changes: a service that scales, a database shared with others. Where the bound is known (a pool of ten connections), a plain `Limiter` is better.
 *
 * **Details**
 *
 * | algorithm | grows | shrinks | knows |
 * | --- | --- | --- | --- |
 * | `gradient2` (default) | while latency is below `tolerance` × the latency without load | as latency rises above that; by `backoffRatio` at a drop | what a run usually takes |
 * | `aimd` | by 1 a window | by `backoffRatio` at a drop | nothing: for servers that reject, or with `slowAfter` |
 *
 * Both are after Netflix's concurrency-limits (https://github.com/Netflix/concurrency-limits, `Gradient2Limit` and `AIMDLimit`). Where they depart is said in `docs/decisions/050-adaptive-limits.md`.
 *
 * Measured is the time from the permit to the end of the run; waiting in line is not. What a run says depends on how it ended:
 *
 * | it ended by | counts as |
 * | --- | --- |
 * | success | its latency; a drop if it took longer than `slowAfter` |
 * | typed failure | a drop: the server refused, or timed out |
 * | interruption | a latency of at least so long, if that is longer than usual; else it is ignored |
 * | defect | ignored: a bug of the caller says nothing about the server |
 *
 * `classify` says otherwise, for example that a `NotFound` is a success.
 *
 * **Guarantees**
 *
 * - Ownership, Interruption, Order, Fairness, Nesting: those of `Limiter`, which it is made of.
 * - Failure: the effect's own failures pass unchanged, whatever `classify` says or throws.
 * - Bounds: `min` ≤ `limit` ≤ `max` at any time. Permits in use exceed the limit only after it has shrunk below them; then nobody is admitted until they are back under it.
 * - Rest: nothing changes while nobody runs, and there is no growth while less than half of the limit is in use.
 * - Once: many failures of one overload cut the limit once. Runs that began before the cut are not counted.
 * - Cost: two readings of the clock a run, and O(1) bookkeeping; a new limit costs what `resize` does, at most once a window or drop.
 *
 * **Gotchas**
 *
 * `gradient2` takes the latency at `initial` for that without load. Where `initial` is already too much for the server, it will settle too high: start low.
 *
 * With `aimd`, failures that have nothing to do with load shrink the limit as well, down to `min` if there are some all the time. Say with `classify` which ones do not count.
 *
 * A timeout belongs inside of the run, `limiter.withPermit(Effect.timeout(call, "1 second"))`: outside, it counts the waiting in line too.
 *
 * A run that waits for another run of the same limiter is not measured: the one inside is. Nor is work that came in through `Limiter.request`.
 *
 * **Example** (Finding the capacity of a server)
 *
 * ```ts
 * import { Simulator } from "@skein/core/testing"
 * import { parallelMap } from "@skein/parallel"
 * import * as AdaptiveLimiter from "@skein/parallel/AdaptiveLimiter"
 * import * as Effect from "effect/Effect"
 *
 * // Takes 100 ms for up to 30 calls at once, and longer for more.
 * let calls = 0
 * const call = Effect.acquireUseRelease(
 *   Effect.sync(() => ++calls),
 *   (n) => Effect.sleep(100 * Math.max(1, n / 30)),
 *   () => Effect.sync(() => void calls--)
 * )
 *
 * const program = Effect.gen(function*() {
 *   const limiter = yield* AdaptiveLimiter.make({ initial: 10, max: 500 })
 *   yield* parallelMap(Array(20_000).keys(), () => call, { concurrency: 200, limiter })
 *   return yield* limiter.limit
 * })
 *
 * // The simulator's clock is virtual: a minute of calls passes in a moment.
 * const run = await Simulator.run(program, { maxSteps: 20_000_000 })
 * const limit = run.exit?._tag === "Success" ? run.exit.value : NaN
 * console.log(limit >= 30 && limit <= 55) // => true
 * ```
 *
 * @since 0.1.0
 */
import * as Limiter from "@skein/core/Limiter"
import * as Settings from "@skein/core/Settings"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { type Algorithm, Aimd, Gradient2 } from "./internal/adaptiveAlgorithm.ts"
import { type Run, Sampler, type Verdict } from "./internal/adaptiveSampler.ts"

/**
 * What a run says of the server: its latency counts (`success`), it was refused or came to nothing because of load (`drop`), or it says nothing (`ignore`).
 *
 * @category models
 * @since 0.1.0
 */
export type Sample = "success" | "drop" | "ignore"

/**
 * How an adaptive limiter is made. Wrong values and unknown names are refused by a `RangeError`, as a defect.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<
  F extends "wait" | "reject" = "wait" | "reject",
  T extends Duration.Input | undefined = Duration.Input | undefined
> {
  /** @default "gradient2" */
  readonly algorithm?: "gradient2" | "aimd" | undefined
  /**
   * The limit to start with, from `min` to `max`. The server must bear it: it is where `gradient2` learns what a run takes.
   * @default 20, or the nearest of `min` and `max`
   */
  readonly initial?: number | undefined
  /**
   * The lowest limit, and the most permits that one run may ask for.
   * @default 1
   */
  readonly min?: number | undefined
  /** @default 200 */
  readonly max?: number | undefined
  /**
   * The shortest time between two decisions. One is taken only after `minSamples` runs and twice their mean latency.
   * @default "250 millis"
   */
  readonly window?: Duration.Input | undefined
  /** @default 10 */
  readonly minSamples?: number | undefined
  /**
   * What a drop leaves of the limit: from 0.5 to below 1.
   * @default 0.9
   */
  readonly backoffRatio?: number | undefined
  /**
   * A run that takes longer counts as a drop.
   * @default "Infinity"
   */
  readonly slowAfter?: Duration.Input | undefined
  /**
   * `gradient2`: how many runs more than needed may queue at the server; also how fast the limit grows, by `queueSize` × `smoothing` a window. Latency alone
   * does not take the limit below twice this: choose less for a server that bears only a few.
   * @default 4
   */
  readonly queueSize?: number | undefined
  /**
   * `gradient2`: how much of the way to a new limit is gone at once, above 0 up to 1.
   * @default 0.2
   */
  readonly smoothing?: number | undefined
  /**
   * `gradient2`: how many times the latency without load is still fine: at least 1. The limit settles at about `tolerance` × the capacity.
   * @default 1.5
   */
  readonly tolerance?: number | undefined
  /**
   * `gradient2`: over how many windows the latency without load is averaged.
   * @default 600
   */
  readonly longWindow?: number | undefined
  /**
   * Says what a run counts as; `undefined` for what it counts as by default. What it throws is logged, and the default holds.
   */
  readonly classify?: ((exit: Exit.Exit<unknown, unknown>, took: Duration.Duration) => Sample | undefined) | undefined
  /** Names it in messages and dumps. */
  readonly name?: string | undefined
  /** As that of `Limiter.make`. */
  readonly queue?: Limiter.Options<F, T>["queue"]
}

/**
 * What an adaptive limiter does at this moment, and what it has learned.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats extends Limiter.Stats {
  /** The limit in force, the same as `permits`. */
  readonly limit: number
  /** Mean running time in the last window. */
  readonly latency: Duration.Duration | undefined
  /** What a run takes without load, as far as `gradient2` knows. */
  readonly baseLatency: Duration.Duration | undefined
  /** Runs that counted as successes, as drops, and not at all. */
  readonly successes: number
  readonly drops: number
  readonly ignored: number
}

/**
 * A `Limiter` that sets its size itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface AdaptiveLimiter<out E = never> extends Limiter.Limiter<E> {
  /**
   * As that of `Limiter`, but for at most `min` permits: the limit may shrink to that, and a request for more would wait for ever. More is refused by a `RangeError` as a defect.
   */
  readonly withPermits: Limiter.Limiter<E>["withPermits"]
  /** Sets the limit by hand, from `min` to `max`; it goes on adapting from there. */
  readonly resize: (permits: number) => Effect.Effect<void>
  /** The limit in force. */
  readonly limit: Effect.Effect<number>
  readonly stats: Effect.Effect<Stats>
}

/** The innermost run of any adaptive limiter around a fiber. */
const CurrentRun = Context.Reference<Run | undefined>("@skein/parallel/AdaptiveLimiter/CurrentRun", { defaultValue: () => undefined })

/**
 * Makes an adaptive limiter. The errors of its effects are widened by `LimiterError` only if `queue.onFull` is `"reject"` or `queue.timeout` is set.
 *
 * **Example** (Choosing what counts as overload)
 *
 * ```ts
 * import * as AdaptiveLimiter from "@skein/parallel/AdaptiveLimiter"
 * import * as Effect from "effect/Effect"
 * import * as Exit from "effect/Exit"
 *
 * const program = Effect.gen(function*() {
 *   const limiter = yield* AdaptiveLimiter.make({
 *     algorithm: "aimd",
 *     initial: 10,
 *     // Whatever the client did wrong says nothing about load.
 *     classify: (exit) => Exit.isFailure(exit) && String(exit.cause).includes("404") ? "ignore" : undefined
 *   })
 *   yield* Effect.ignore(limiter.withPermit(Effect.fail("404 not found")))
 *   const before = yield* limiter.limit
 *   yield* Effect.ignore(limiter.withPermit(Effect.fail("503 overloaded")))
 *   return [before, yield* limiter.limit]
 * })
 *
 * console.log(await Effect.runPromise(program)) // => [ 10, 9 ]
 * ```
 *
 * @throws A `RangeError`, as a defect, for options that make no sense.
 * @category constructors
 * @since 0.1.0
 */
export const make = <const F extends "wait" | "reject" = "wait", T extends Duration.Input | undefined = undefined>(
  options: Options<F, T> = {}
): Effect.Effect<AdaptiveLimiter<Limiter.ErrorOf<F, T>>> => Effect.sync(() => makeUnsafe(options))

/**
 * Makes an adaptive limiter at once, outside of an effect.
 *
 * @throws A `RangeError` for options that make no sense.
 * @category constructors
 * @since 0.1.0
 */
export const makeUnsafe = <const F extends "wait" | "reject" = "wait", T extends Duration.Input | undefined = undefined>(
  options: Options<F, T> = {}
): AdaptiveLimiter<Limiter.ErrorOf<F, T>> => {
  const { classify, max, min, sampler } = read(options)
  const inner = Limiter.makeUnsafe<F, T>({ permits: sampler.limit, name: options.name, queue: options.queue })
  // `resize` is one synchronous step. Run at once, not given to the fiber as its next step: before that another run might decide, and then the later decision would be undone by
  // the earlier one (found by the simulator in 1 of 1,000 schedules).
  const follow = (): void => Effect.runSync(inner.resize(sampler.limit))
  const measured = measure(sampler, classify, follow)
  const permits = (where: string, value: unknown, least: number, most: number, why: string): number =>
    Settings.number(
      where,
      "permits",
      value,
      `a whole number from ${least} to ${most}, ${why}`,
      (n) => Number.isSafeInteger(n) && n >= least && n <= most
    )

  type Own = Omit<AdaptiveLimiter<Limiter.ErrorOf<F, T>>, "name" | "pause" | "resume">
  const own: Own = {
    withPermit: (self, permitOptions) => inner.withPermit(measured(self, 1), permitOptions),
    withPermits: (count, permitOptions) => (self) =>
      Effect.suspend(() => {
        const weight = permits("AdaptiveLimiter.withPermits", count, 1, min, "the least that the limit may shrink to")
        return inner.withPermits(weight, permitOptions)(measured(self, weight))
      }),
    resize: (count) =>
      Effect.sync(() => {
        sampler.set(permits("AdaptiveLimiter.resize", count, min, max, "the bounds of the limiter"))
        follow()
      }),
    limit: Effect.sync(() => sampler.limit),
    stats: Effect.map(inner.stats, (stats) => ({
      ...stats,
      limit: sampler.limit,
      latency: durationOf(sampler.latency),
      baseLatency: durationOf(sampler.algorithm.base),
      successes: sampler.successes,
      drops: sampler.drops,
      ignored: sampler.ignored
    }))
  }
  // Everything else is that of the limiter inside, also what `Limiter.request` finds there: it stays one line and one count for all who come.
  return Object.assign(Object.create(inner) as typeof inner, own)
}

const durationOf = (millis: number | undefined): Duration.Duration | undefined =>
  millis === undefined ? undefined : Duration.millis(millis)

/**
 * Measures the runs.
 *
 * The frame is there before the run is counted and takes it back in the very step in which it is left, before the permit goes back: there is no step at which an interruption could
 * leave a run behind.
 */
const measure = (sampler: Sampler, classify: Options["classify"], follow: () => void) => {
  const verdictOf = (fiber: Fiber.Fiber<unknown, unknown>, exit: Exit.Exit<unknown, unknown>, millis: number): Verdict => {
    if (classify !== undefined) {
      try {
        const sample = classify(exit, Duration.millis(millis))
        if (sample !== undefined)
          return Settings.oneOf("AdaptiveLimiter.make", "what classify returns", sample, ["success", "drop", "ignore"])
      } catch (error) {
        Effect.runForkWith(fiber.context as Context.Context<never>)(
          Effect.logWarning("skein: AdaptiveLimiter: its `classify` failed", Cause.die(error))
        )
      }
    }
    if (exit._tag === "Success") return "success"
    if (exit.cause.reasons.some(Cause.isFailReason)) return "drop"
    return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "ignore"
  }
  return <A, E, R>(self: Effect.Effect<A, E, R>, weight: number): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) => {
      const clock = Context.get(fiber.context, Clock.Clock)
      const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
      const run: Run = { sampler, parent: Context.get(fiber.context, CurrentRun), weight, startedAt: 0, epoch: 0, state: "idle" }
      return Effect.onExitPrimitive(
        Effect.suspend(() => {
          sampler.begin(run, now())
          return Effect.provideService(self, CurrentRun, run)
        }),
        (exit) => {
          if (run.state === "idle") return undefined
          const at = now()
          if (sampler.end(run, at, verdictOf(fiber, exit, at - run.startedAt))) follow()
          return undefined
        }
      )
    })
}

const shared = ["algorithm", "initial", "min", "max", "window", "minSamples", "backoffRatio", "slowAfter", "classify", "name", "queue"]
const gradientOnly = ["queueSize", "smoothing", "tolerance", "longWindow"] as const

const read = (options: Options) => {
  const where = "AdaptiveLimiter.make"
  Settings.known(where, options, [...shared, ...gradientOnly])
  const kind = Settings.oneOf(where, "algorithm", options.algorithm, ["gradient2", "aimd"])
  const { classify } = options
  Settings.text(where, "name", options.name)
  const min = Settings.whole(where, "min", options.min ?? 1)
  const max = Settings.number(
    where,
    "max",
    options.max ?? Math.max(200, min),
    `a whole number of at least ${min} (min)`,
    (n) => Number.isSafeInteger(n) && n >= min
  )
  const initial = Settings.number(
    where,
    "initial",
    options.initial ?? Math.max(min, Math.min(max, 20)),
    `a whole number from ${min} (min) to ${max} (max)`,
    (n) => Number.isSafeInteger(n) && n >= min && n <= max
  )
  const backoffRatio = Settings.number(where, "backoffRatio", options.backoffRatio ?? 0.9, "from 0.5 to below 1", (n) => n >= 0.5 && n < 1)
  const window = {
    length: Settings.positiveMillis(where, "window", options.window ?? 250),
    samples: Settings.whole(where, "minSamples", options.minSamples ?? 10),
    slowAfter: Settings.positiveMillis(where, "slowAfter", options.slowAfter ?? Infinity)
  }
  if (classify !== undefined && typeof classify !== "function") throw Settings.mustBe(where, "classify", "a function", classify)
  let algorithm: Algorithm
  if (kind === "aimd") {
    for (const name of gradientOnly) {
      if (options[name] !== undefined) throw Settings.mustBe(where, name, `left out where algorithm is "aimd"`, options[name])
    }
    algorithm = new Aimd({ min, max }, initial, backoffRatio)
  } else {
    algorithm = new Gradient2({ min, max }, initial, {
      backoffRatio,
      queueSize: Settings.number(where, "queueSize", options.queueSize ?? 4, "a number above 0", (n) => n > 0 && n < Infinity),
      smoothing: Settings.number(where, "smoothing", options.smoothing ?? 0.2, "above 0 and up to 1", (n) => n > 0 && n <= 1),
      tolerance: Settings.number(where, "tolerance", options.tolerance ?? 1.5, "a number of at least 1", (n) => n >= 1 && n < Infinity),
      longWindow: Settings.whole(where, "longWindow", options.longWindow ?? 600)
    })
  }
  return { sampler: new Sampler(algorithm, window), classify, min, max }
}
