import { Limiter } from "@skein/core"
import { parallelMap } from "@skein/parallel"
import * as ThrottledLimiter from "@skein/parallel/ThrottledLimiter"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { describe, expect, it } from "vitest"
import { Meter, rule } from "./kit.ts"

const rateLimiter = Effect.provide(RateLimiter.make, RateLimiter.layerStoreMemory)
const now = Effect.clockWith((clock) => Effect.succeed(clock.currentTimeMillisUnsafe()))

const throttled = (permits: number, limit: number, window: number, more: Partial<ThrottledLimiter.RateOptions<"die">> = {}) =>
  Effect.gen(function* () {
    return yield* ThrottledLimiter.make({
      limiter: yield* Limiter.make({ permits, name: "api" }),
      rate: { limiter: yield* rateLimiter, key: "api", limit, window, onStoreFailure: "die", ...more }
    })
  })

/** A rate limiter whose store does not answer. */
const broken: RateLimiter.RateLimiter = {
  ...Effect.runSync(rateLimiter),
  consume: () =>
    Effect.fail(new RateLimiter.RateLimiterError({ reason: new RateLimiter.RateLimitStoreError({ message: "store is down" }) }))
}

describe("ThrottledLimiter.make", () => {
  it("refuses options that make no sense, at once and by name", () => {
    const limiter = Limiter.makeUnsafe({ permits: 1 })
    const rate = { limiter: Effect.runSync(rateLimiter), key: "api", limit: 1, window: 1 }
    const refused: ReadonlyArray<readonly [options: unknown, message: string]> = [
      [undefined, "ThrottledLimiter.make: options must be an object, got undefined"],
      [{ limiter, rate, permits: 1 }, 'ThrottledLimiter.make: unknown option "permits", known are limiter, rate'],
      [{ rate }, "ThrottledLimiter.make: limiter must be a Limiter, got undefined"],
      [{ limiter }, "ThrottledLimiter.make: rate must be an object, got undefined"],
      [{ limiter, rate: { ...rate, key: undefined } }, "ThrottledLimiter.make: rate.key must be a string, got undefined"],
      [{ limiter, rate: { ...rate, key: 1 } }, "ThrottledLimiter.make: rate.key must be a string, got 1"],
      ...[0, -1, 2.5, NaN].map(
        (limit) =>
          [
            { limiter, rate: { ...rate, limit } },
            `ThrottledLimiter.make: rate.limit must be a whole number of at least 1, got ${limit}`
          ] as const
      ),
      ...[0, -1, NaN].map(
        (window) =>
          [{ limiter, rate: { ...rate, window } }, `ThrottledLimiter.make: rate.window must be a duration above 0, got ${window}`] as const
      ),
      [
        { limiter, rate: { ...rate, burst: 3 } },
        'ThrottledLimiter.make (rate): unknown option "burst", known are limiter, limit, window, algorithm, onStoreFailure, key'
      ]
    ]
    for (const [options, message] of refused) {
      const exit = Effect.runSyncExit(ThrottledLimiter.make(options as never))
      expect(
        Exit.isFailure(exit) && String(exit.cause.reasons.map((reason) => (reason._tag === "Die" ? reason.defect : reason._tag)))
      ).toBe(`RangeError: ${message}`)
    }
  })
})

describe("ThrottledLimiter", () => {
  rule("keeps both bounds at the start of each run", () =>
    Effect.gen(function* () {
      const limiter = yield* throttled(3, 5, 1_000)
      const meter = new Meter()
      const begin = yield* now
      const starts: Array<number> = []
      const work = Effect.andThen(
        Effect.map(now, (at) => void starts.push(at - begin)),
        Effect.sleep(300)
      )
      yield* parallelMap(Array(12).keys(), () => meter.count(work), { concurrency: "unbounded", limiter })
      expect(meter.peak).toBeLessThanOrEqual(3)
      // Three at once; two tokens were left, and three were back by 600 ms; from then on one each 200 ms.
      expect(starts).toEqual([0, 0, 0, 300, 300, 300, 600, 600, 800, 1000, 1200, 1400])
    })
  )

  rule("starts at most twice the limit within any window, and the limit per window in the long run", () =>
    Effect.gen(function* () {
      for (const algorithm of ["token-bucket", "fixed-window"] as const) {
        const limiter = yield* throttled(20, 10, 1_000, { algorithm })
        const begin = yield* now
        const starts: Array<number> = []
        const work = Effect.map(now, (at) => void starts.push(at - begin))
        yield* Effect.all(
          Array.from({ length: 60 }, (_, n) => Effect.delay(limiter.withPermit(work), n * 37)),
          { concurrency: "unbounded" }
        )
        const most = Math.max(...starts.map((from) => starts.filter((at) => at >= from && at < from + 1_000).length))
        expect(most).toBeLessThanOrEqual(20)
        expect(starts.at(-1)).toBeGreaterThanOrEqual(4_000)
        expect(starts.length).toBe(60)
      }
    })
  )

  rule("saves up no tokens for requests that wait for a permit", () =>
    Effect.gen(function* () {
      const inner = yield* Limiter.make({ permits: 3 })
      const rate = { limiter: yield* rateLimiter, key: "api", limit: 1, window: 100, onStoreFailure: "die" } as const
      const limiter = yield* ThrottledLimiter.make({ limiter: inner, rate })
      const begin = yield* now
      const holder = yield* Effect.forkChild(inner.withPermits(3)(Effect.sleep(1_000)))
      yield* Effect.sleep(1)
      const starts = yield* Effect.all(
        [now, now, now].map((effect) => limiter.withPermit(effect)),
        { concurrency: 3 }
      )
      yield* Fiber.join(holder)
      expect(starts.map((at) => at - begin).sort((a, b) => a - b)).toEqual([1_000, 1_100, 1_200])
    })
  )

  rule("takes no token for those who wait, so that cancelled requests do not hold up later ones", () =>
    Effect.gen(function* () {
      const limiter = yield* throttled(100, 1, 100)
      const begin = yield* now
      yield* limiter.withPermit(Effect.void)
      const cancelled = yield* Effect.forEach(Array(50).keys(), () => Effect.forkChild(limiter.withPermit(Effect.void)))
      yield* Effect.sleep(10)
      yield* Fiber.interruptAll(cancelled)
      yield* limiter.withPermit(Effect.void)
      expect((yield* now) - begin).toBe(100)
    })
  )

  rule("serves those who hold a permit first in, first out", () =>
    Effect.gen(function* () {
      const limiter = yield* throttled(10, 1, 100)
      const order: Array<number> = []
      const fibers: Array<Fiber.Fiber<void>> = []
      for (let n = 0; n < 6; n++) {
        fibers.push(yield* Effect.forkChild(limiter.withPermit(Effect.sync(() => void order.push(n)))))
        yield* Effect.sleep(1)
      }
      yield* Fiber.awaitAll(fibers)
      expect(order).toEqual([0, 1, 2, 3, 4, 5])
    })
  )

  rule("counts nested runs and retries as starts, and does not wait for itself", () =>
    Effect.gen(function* () {
      const limiter = yield* throttled(1, 2, 1_000)
      const begin = yield* now
      const result = yield* parallelMap([1], () => limiter.withPermit(Effect.fail("again")), { limiter, retry: { times: 1 } })
      expect([result.failed, (yield* now) - begin]).toEqual([1, 1_000])
    })
  )

  rule("fails, dies or goes on when the store fails, as it was told", () =>
    Effect.gen(function* () {
      const inner = yield* Limiter.make({ permits: 1 })
      const rate = { limiter: broken, key: "api", limit: 1, window: 1 }
      const failing = yield* ThrottledLimiter.make({ limiter: inner, rate })
      const error = yield* Effect.flip(failing.withPermit(Effect.succeed("ran")))
      expect([error._tag, error.reason._tag]).toEqual(["RateLimiterError", "RateLimitStoreError"])
      const dying = yield* ThrottledLimiter.make({ limiter: inner, rate: { ...rate, onStoreFailure: "die" } })
      expect(yield* Effect.catchDefect(dying.withPermit(Effect.succeed("ran")), () => Effect.succeed("died"))).toBe("died")
      const open = yield* ThrottledLimiter.make({ limiter: inner, rate: { ...rate, onStoreFailure: "admit" } })
      expect(yield* open.withPermit(Effect.succeed("ran"))).toBe("ran")
      expect((yield* inner.stats).running).toBe(0)
    })
  )

  rule("is the limiter inside in everything else", () =>
    Effect.gen(function* () {
      const inner = yield* Limiter.make({ permits: 2, name: "db", queue: { max: 0, onFull: "reject" } })
      const limiter = yield* ThrottledLimiter.make({
        limiter: inner,
        rate: { limiter: yield* rateLimiter, key: "db", limit: 100, window: 1, onStoreFailure: "die" }
      })
      yield* limiter.resize(1)
      expect([limiter.name, (yield* inner.stats).permits]).toEqual(["db", 1])
      const holder = yield* Effect.forkChild(limiter.withPermits(1)(Effect.never))
      yield* Effect.sleep(1)
      const refused = yield* Effect.flip(limiter.withPermit(Effect.void))
      yield* Fiber.interrupt(holder)
      expect(refused._tag).toBe("LimiterError")
    })
  )
})
