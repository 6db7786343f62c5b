import { Limiter } from "@skein/core"
import { parallelMap } from "@skein/parallel"
import * as AdaptiveLimiter from "@skein/parallel/AdaptiveLimiter"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import { after, failsAfter, logged, rule } from "./kit.ts"

const aimd = (options: AdaptiveLimiter.Options<"wait", undefined> = {}) =>
  AdaptiveLimiter.make({ algorithm: "aimd", initial: 10, window: 10, minSamples: 1, ...options })

describe("AdaptiveLimiter.make", () => {
  it("refuses options that make no sense, at once and by name", () => {
    const refused: ReadonlyArray<readonly [options: unknown, message: string]> = [
      [null, "options must be an object, got null"],
      [
        { permits: 3 },
        'unknown option "permits", known are algorithm, initial, min, max, window, minSamples, backoffRatio, slowAfter, classify, name, queue, queueSize, smoothing, tolerance, longWindow'
      ],
      [{ algorithm: "vegas" }, 'algorithm must be "gradient2" | "aimd", got "vegas"'],
      ...[0, -1, 2.5, NaN, Infinity, "4"].flatMap((value): Array<readonly [unknown, string]> => {
        const got = typeof value === "string" ? '"4"' : String(value)
        return [
          [{ min: value }, `min must be a whole number of at least 1, got ${got}`],
          [{ max: value }, `max must be a whole number of at least 1 (min), got ${got}`],
          [{ initial: value }, `initial must be a whole number from 1 (min) to 200 (max), got ${got}`],
          [{ minSamples: value }, `minSamples must be a whole number of at least 1, got ${got}`],
          [{ longWindow: value }, `longWindow must be a whole number of at least 1, got ${got}`]
        ]
      }),
      ...[0, -1, 0.4, 1, NaN].map((value) => [{ backoffRatio: value }, `backoffRatio must be from 0.5 to below 1, got ${value}`] as const),
      ...[0, -1, 2.5, NaN].map((value) => [{ smoothing: value }, `smoothing must be above 0 and up to 1, got ${value}`] as const),
      ...[0, -1, 0.9, NaN, Infinity].map(
        (value) => [{ tolerance: value }, `tolerance must be a number of at least 1, got ${value}`] as const
      ),
      ...[0, -1, NaN, Infinity].map((value) => [{ queueSize: value }, `queueSize must be a number above 0, got ${value}`] as const),
      ...[0, -1, NaN].flatMap((value) => [
        [{ window: value }, `window must be a duration above 0, got ${value}`] as const,
        [{ slowAfter: value }, `slowAfter must be a duration above 0, got ${value}`] as const
      ]),
      [{ window: "soon" }, 'window must be a duration above 0, got "soon"'],
      [{ min: 5, max: 4 }, "max must be a whole number of at least 5 (min), got 4"],
      [{ min: 5, initial: 4 }, "initial must be a whole number from 5 (min) to 200 (max), got 4"],
      [{ classify: true }, "classify must be a function, got true"],
      [{ name: 7 }, "name must be a string, got 7"],
      [{ algorithm: "aimd", tolerance: 2 }, 'tolerance must be left out where algorithm is "aimd", got 2']
    ]
    for (const [options, message] of refused) {
      const exit = Effect.runSyncExit(AdaptiveLimiter.make(options as never))
      expect(Exit.isFailure(exit) && String(exit.cause.reasons.map((reason) => (reason._tag === "Die" ? reason.defect : reason)))).toBe(
        `RangeError: AdaptiveLimiter.make: ${message}`
      )
    }
  })

  it("starts with 20, or with the nearest of min and max", () => {
    const limitOf = (options: AdaptiveLimiter.Options<"wait", undefined>) => Effect.runSync(AdaptiveLimiter.makeUnsafe(options).limit)
    expect([limitOf({}), limitOf({ max: 5 }), limitOf({ min: 30 }), limitOf({ initial: 7 }), limitOf({ min: 500 })]).toEqual([
      20, 5, 30, 7, 500
    ])
  })
})

describe("AdaptiveLimiter is a Limiter", () => {
  rule("bounds a parallelMap that gets it as its limiter", () =>
    Effect.gen(function* () {
      const limiter = yield* AdaptiveLimiter.make({ initial: 3, max: 3 })
      const result = yield* parallelMap([1, 2, 3, 4, 5, 6, 7, 8], (n) => after(10, n), { limiter })
      const { peak, running, successes, waiting } = yield* limiter.stats
      expect({ completed: result.completed, peak, running, waiting, successes }).toEqual({
        completed: 8,
        peak: 3,
        running: 0,
        waiting: 0,
        successes: 8
      })
    })
  )

  rule("has the errors, the name, pause and resume of the limiter inside", () =>
    Effect.gen(function* () {
      const limiter = yield* AdaptiveLimiter.make({ initial: 1, max: 1, name: "api", queue: { max: 0, onFull: "reject" } })
      expect(limiter.name).toBe("api")
      yield* limiter.pause
      const error = yield* Effect.flip(limiter.withPermit(Effect.void))
      expect([error._tag, error.reason._tag, error.reason.limiter]).toEqual(["LimiterError", "QueueFull", "api"])
      expect((yield* limiter.stats).paused).toBe(true)
      yield* limiter.resume
      yield* limiter.withPermit(Effect.void)
    })
  )

  rule("lends a holder's seat to the work below it", () =>
    Effect.gen(function* () {
      const limiter = yield* AdaptiveLimiter.make({ initial: 1, max: 1 })
      const nest = (depth: number): Effect.Effect<number> =>
        limiter.withPermit(
          depth === 0
            ? after(1, 0)
            : Effect.map(
                parallelMap([0, 1], () => nest(depth - 1), { limiter }),
                ({ completed }) => completed
              )
        )
      expect(yield* nest(3)).toBe(2)
      expect(yield* limiter.stats).toMatchObject({ running: 0, waiting: 0 })
    })
  )

  rule("is one line with what comes through Limiter.request", () =>
    Effect.gen(function* () {
      const limiter = yield* AdaptiveLimiter.make({ initial: 1, max: 1 })
      const fiber = yield* Effect.withFiber((fiber) => Effect.succeed(fiber))
      const ticket = Limiter.request(limiter, fiber, { onSettled: () => {} })
      const waiting = yield* Effect.forkChild(limiter.withPermit(Effect.succeed("served")))
      yield* Effect.sleep(1)
      expect([ticket.state, (yield* limiter.stats).waiting]).toEqual(["granted", 1])
      ticket.release()
      expect(yield* Fiber.join(waiting)).toBe("served")
    })
  )

  rule("refuses requests for more permits than it may shrink to", () =>
    Effect.gen(function* () {
      const limiter = yield* AdaptiveLimiter.make({ min: 3 })
      yield* limiter.withPermits(3)(Effect.void)
      for (const count of [0, -1, 2.5, NaN, 4]) {
        const defect = yield* Effect.catchDefect(limiter.withPermits(count)(Effect.void), (defect) => Effect.succeed(String(defect)))
        expect(defect).toBe(
          `RangeError: AdaptiveLimiter.withPermits: permits must be a whole number from 1 to 3, the least that the limit may shrink to, got ${count}`
        )
      }
    })
  )

  rule("goes on from where it was resized to, within its bounds", () =>
    Effect.gen(function* () {
      const limiter = yield* aimd({ min: 2, max: 50 })
      yield* limiter.resize(40)
      expect([yield* limiter.limit, (yield* limiter.stats).permits]).toEqual([40, 40])
      yield* Effect.ignore(limiter.withPermit(Effect.fail("busy")))
      expect(yield* limiter.limit).toBe(36)
      for (const count of [1, 51, NaN]) {
        const defect = yield* Effect.catchDefect(limiter.resize(count), (defect) => Effect.succeed(String(defect)))
        expect(defect).toBe(
          `RangeError: AdaptiveLimiter.resize: permits must be a whole number from 2 to 50, the bounds of the limiter, got ${count}`
        )
      }
    })
  )
})

/** Counts after one run of each effect. */
const counted = (options: AdaptiveLimiter.Options<"wait", undefined>, ...runs: ReadonlyArray<Effect.Effect<unknown, unknown>>) =>
  Effect.gen(function* () {
    const limiter = yield* aimd(options)
    for (const run of runs) yield* Effect.exit(limiter.withPermit(run))
    const { drops, ignored, successes } = yield* limiter.stats
    return { successes, drops, ignored, limit: yield* limiter.limit }
  })

describe("AdaptiveLimiter samples", () => {
  rule("counts a typed failure as a drop, a defect not at all", () =>
    Effect.gen(function* () {
      expect(yield* counted({}, failsAfter(5, "busy"))).toEqual({ successes: 0, drops: 1, ignored: 0, limit: 9 })
      expect(yield* counted({}, Effect.die(new Error("bug")))).toEqual({ successes: 0, drops: 0, ignored: 1, limit: 10 })
    })
  )

  rule("counts what takes longer than slowAfter as a drop, interrupted or not", () =>
    Effect.gen(function* () {
      expect(yield* counted({ slowAfter: 100 }, after(101, 0))).toMatchObject({ drops: 1, limit: 9 })
      expect(yield* counted({ slowAfter: 100 }, after(99, 0))).toMatchObject({ successes: 1 })
      const limiter = yield* aimd({ slowAfter: 100 })
      yield* Effect.timeoutOption(limiter.withPermit(Effect.never), 101)
      yield* Effect.timeoutOption(limiter.withPermit(Effect.never), 99)
      expect(yield* limiter.stats).toMatchObject({ drops: 1, ignored: 1 })
    })
  )

  rule("asks classify first, and for undefined does as without it", () =>
    Effect.gen(function* () {
      const classify = (exit: Exit.Exit<unknown, unknown>, took: Duration.Duration) =>
        Exit.isSuccess(exit)
          ? undefined
          : String(exit.cause).includes("404")
            ? ("ignore" as const)
            : Duration.toMillis(took) > 50
              ? ("drop" as const)
              : ("success" as const)
      expect(yield* counted({ classify }, Effect.fail("404"), failsAfter(60, "503"), failsAfter(40, "400"), after(5, 0))).toMatchObject({
        successes: 2,
        drops: 1,
        ignored: 1
      })
    })
  )

  rule("logs what classify throws, and the run keeps its value", () =>
    Effect.gen(function* () {
      const broken = () => {
        throw new Error("broken")
      }
      const limiter = yield* aimd({ classify: broken })
      const [value, lines] = yield* logged(Effect.tap(limiter.withPermit(Effect.succeed("kept")), Effect.yieldNow))
      yield* Effect.sleep(1)
      expect([value, lines]).toEqual(["kept", ["skein: AdaptiveLimiter: its `classify` failed Die(broken)"]])
      expect((yield* limiter.stats).successes).toBe(1)
    })
  )

  rule("answers many failures of one overload once: runs that began before the cut do not cut again", () =>
    Effect.gen(function* () {
      const limiter = yield* aimd({ initial: 100, max: 100 })
      yield* Effect.all(
        Array.from({ length: 100 }, (_, n) => Effect.ignore(limiter.withPermit(failsAfter(10 + n, "busy")))),
        { concurrency: "unbounded" }
      )
      expect(yield* limiter.stats).toMatchObject({ drops: 100, limit: 90 })
      yield* Effect.ignore(limiter.withPermit(failsAfter(10, "busy")))
      expect(yield* limiter.limit).toBe(81)
    })
  )

  rule("measures the run and not the wait for its permit", () =>
    Effect.gen(function* () {
      const limiter = yield* AdaptiveLimiter.make({ initial: 1, max: 1, window: 1, minSamples: 5 })
      yield* parallelMap([1, 2, 3, 4, 5, 6, 7], (n) => after(100, n), { limiter })
      const { latency } = yield* limiter.stats
      expect(latency).toEqual(Duration.millis(100))
    })
  )

  rule("measures the inner one of nested runs", () =>
    Effect.gen(function* () {
      const limiter = yield* AdaptiveLimiter.make({ initial: 4, max: 4, window: 1, minSamples: 1 })
      yield* limiter.withPermit(Effect.andThen(Effect.sleep(1_000), limiter.withPermit(Effect.sleep(10))))
      expect(yield* limiter.stats).toMatchObject({ successes: 1, ignored: 1 })
    })
  )

  rule("never leaves min and max", () =>
    Effect.gen(function* () {
      const limiter = yield* aimd({ min: 3, max: 12 })
      const seen = new Set<number>()
      const run = (effect: Effect.Effect<unknown, unknown>) =>
        Effect.andThen(
          Effect.ignore(
            Effect.all(
              Array.from({ length: 12 }, () => Effect.ignore(limiter.withPermit(effect))),
              { concurrency: "unbounded" }
            )
          ),
          Effect.map(limiter.limit, (limit) => seen.add(limit))
        )
      for (let n = 0; n < 8; n++) yield* run(after(20, 0))
      expect(yield* limiter.limit).toBe(12)
      for (let n = 0; n < 30; n++) yield* run(failsAfter(20, "busy"))
      expect(yield* limiter.limit).toBe(3)
      expect([Math.min(...seen), Math.max(...seen)]).toEqual([3, 12])
    })
  )
})
