/**
 * Where the limit goes, in virtual time, against a server whose capacity is known. The bands were measured with some slack added; `docs/decisions/050-adaptive-limits.md` has the table.
 */
import type * as AdaptiveLimiter from "@skein/parallel/AdaptiveLimiter"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { Gradient2 } from "../src/internal/adaptiveAlgorithm.ts"
import { type Overload, Server, story } from "./AdaptiveLimiter.server.ts"

const jittery = (capacity: number, overload: Overload, jitter = 0.3): Server => {
  const server = new Server(capacity, overload)
  server.jitter = jitter
  return server
}

/** The ends of a band that lie outside of what is allowed. */
const outside = (band: readonly [number, number], from: number, to: number): ReadonlyArray<number> =>
  band.filter((limit) => limit < from || limit > to)

/** Where `gradient2` comes to rest by its formula: limit = limit × tolerance × capacity ÷ limit + queueSize. */
const rest = (capacity: number, tolerance = 1.5): number => capacity * tolerance + 4

describe("AdaptiveLimiter: gradient2 under steady pressure", () => {
  for (const overload of ["slower", "queue"] as const) {
    for (const capacity of [10, 50]) {
      it(`stays within 10 % of 1.5 × ${capacity} + 4 and loses no throughput, on a server that answers overload by "${overload}"`, async () => {
        const server = jittery(capacity, overload)
        const { band, goodput } = await story(server, { initial: 10, max: 1_000 }, ({ band, press }) =>
          Effect.gen(function* () {
            yield* press(capacity * 4, 60_000)
            const before = server.done
            const measured = yield* band(capacity * 4, 30_000)
            return { band: measured, goodput: (server.done - before) / 30 / (capacity * 10) }
          })
        )
        expect(outside(band, rest(capacity) * 0.9, rest(capacity) * 1.1)).toEqual([])
        expect(goodput).toBeGreaterThan(0.97)
      })
    }
  }

  it("comes closer to the capacity with a tolerance of 1.1", async () => {
    const server = jittery(40, "slower", 0.05)
    const band = await story(server, { initial: 10, max: 1_000, tolerance: 1.1 }, ({ band, press }) =>
      Effect.andThen(press(160, 60_000), band(160, 30_000))
    )
    expect(outside(band, 40, rest(40, 1.1) * 1.1)).toEqual([])
  })

  it("keeps a server that rejects between 0.85 × and 1.05 × its capacity", async () => {
    const band = await story(jittery(40, "reject"), { initial: 10, max: 1_000 }, ({ band, press }) =>
      Effect.andThen(press(160, 30_000), band(160, 30_000))
    )
    expect(outside(band, 34, 42)).toEqual([])
  })

  it("does not drift in 200,000 windows of saturation, where the original formula creeps to the maximum", () => {
    const capacity = 50
    const options = { backoffRatio: 0.9, queueSize: 4, smoothing: 0.2, tolerance: 1, longWindow: 600 }
    const ours = new Gradient2({ min: 1, max: 2_000 }, 10, options)
    // Gradient2Limit of Netflix, in the four lines that matter here: the long mean learns from every window.
    let original = 10
    let long = 100
    const seen = { low: Infinity, high: 0 }
    for (let n = 0; n < 200_000; n++) {
      ours.onWindow({ latency: 100 * Math.max(1, Math.floor(ours.estimate) / capacity), peak: Math.floor(ours.estimate), whole: true })
      const short = 100 * Math.max(1, Math.floor(original) / capacity)
      long += (short - long) * (2 / 601)
      original = Math.min(2_000, original * 0.8 + (original * Math.max(0.5, Math.min(1, long / short)) + 4) * 0.2)
      if (n > 1_000) {
        seen.low = Math.min(seen.low, ours.estimate)
        seen.high = Math.max(seen.high, ours.estimate)
      }
    }
    expect([Math.floor(seen.low), Math.ceil(seen.high)]).toEqual([54, 55])
    expect(original).toBeGreaterThan(1_000)
  })
})

describe("AdaptiveLimiter: gradient2 when things change", () => {
  it("follows a capacity that triples within 30 s, and one that falls to a quarter within 15 s", async () => {
    const server = jittery(20, "slower", 0.2)
    const told = await story(server, { initial: 10, max: 500 }, ({ limiter, press }) =>
      Effect.gen(function* () {
        yield* press(200, 40_000)
        const before = yield* limiter.limit
        server.capacity = 60
        yield* press(200, 30_000)
        const up = yield* limiter.limit
        server.capacity = 15
        yield* press(200, 15_000)
        return { before, up, down: yield* limiter.limit }
      })
    )
    expect(outside([told.before, told.before], rest(20) * 0.9, rest(20) * 1.1)).toEqual([])
    expect(outside([told.up, told.up], rest(60) * 0.9, rest(60) * 1.1)).toEqual([])
    expect(outside([told.down, told.down], rest(15) * 0.9, rest(15) * 1.15)).toEqual([])
  })

  it("is not starved by a server that became 4 times slower for good", async () => {
    const server = jittery(50, "slower", 0.2)
    const limit = await story(server, { initial: 10, max: 500 }, ({ limiter, press }) =>
      Effect.gen(function* () {
        yield* press(200, 60_000)
        server.base = 400
        yield* press(200, 180_000)
        return yield* limiter.limit
      })
    )
    expect(limit).toBeGreaterThanOrEqual(50)
    expect(limit).toBeLessThanOrEqual(rest(50) * 1.25)
  })

  it("learns from light use that the server became slower, and is not surprised when the load comes", async () => {
    const server = jittery(30, "slower", 0.1)
    const told = await story(server, { initial: 30, max: 500, longWindow: 50 }, ({ band, limiter, press }) =>
      Effect.gen(function* () {
        yield* press(60, 30_000)
        server.base = 300
        yield* press(10, 120_000)
        const { baseLatency } = yield* limiter.stats
        return { base: baseLatency === undefined ? 0 : Duration.toMillis(baseLatency), band: yield* band(120, 30_000) }
      })
    )
    expect(told.base).toBeGreaterThan(280)
    expect(outside(told.band, 30, rest(30) * 1.2)).toEqual([])
  })

  it("is down at twice queueSize within 90 s when every call hangs until the timeout around it", async () => {
    const server = jittery(20, "slower", 0.1)
    const limit = await story(server, { initial: 10, max: 500 }, ({ limiter, press }) =>
      Effect.gen(function* () {
        yield* press(100, 30_000)
        const slow = Effect.forever(Effect.timeoutOption(limiter.withPermit(Effect.sleep(60_000)), 1_000))
        const fibers = yield* Effect.all(Array.from({ length: 34 }, () => Effect.forkChild(slow)))
        yield* Effect.sleep(90_000)
        const limit = yield* limiter.limit
        for (const fiber of fibers) fiber.interruptUnsafe()
        return limit
      })
    )
    expect(limit).toBeLessThanOrEqual(9)
  })
})

describe("AdaptiveLimiter: aimd", () => {
  for (const capacity of [10, 60]) {
    it(`stays between 0.85 × ${capacity} and ${capacity} + 1 on a server that rejects, with 90 % of its throughput`, async () => {
      const server = jittery(capacity, "reject")
      const { band, goodput } = await story(server, { algorithm: "aimd", initial: 10, max: 1_000 }, ({ band, press }) =>
        Effect.gen(function* () {
          yield* press(capacity * 4, 40_000)
          const before = server.done
          const measured = yield* band(capacity * 4, 30_000)
          return { band: measured, goodput: (server.done - before) / 30 / (capacity * 10) }
        })
      )
      expect(outside(band, Math.floor(capacity * 0.85), capacity + 1)).toEqual([])
      expect(goodput).toBeGreaterThan(0.9)
    })
  }

  it("follows a capacity that triples within 20 s, and one that falls to a quarter within 2 s", async () => {
    const server = jittery(20, "reject", 0.2)
    const told = await story(server, { algorithm: "aimd", initial: 10, max: 500 }, ({ limiter, press }) =>
      Effect.gen(function* () {
        yield* press(200, 10_000)
        server.capacity = 60
        yield* press(200, 20_000)
        const up = yield* limiter.limit
        server.capacity = 15
        yield* press(200, 2_000)
        return { up, down: yield* limiter.limit }
      })
    )
    expect(outside([told.up, told.up], 51, 61)).toEqual([])
    expect(outside([told.down, told.down], 12, 16)).toEqual([])
  })

  it("holds a server that only becomes slower at the load that `slowAfter` allows", async () => {
    const band = await story(jittery(20, "slower", 0), { algorithm: "aimd", initial: 5, slowAfter: 200 }, ({ band, press }) =>
      Effect.andThen(press(100, 30_000), band(100, 30_000))
    )
    expect(outside(band, 35, 41)).toEqual([])
  })
})

for (const algorithm of ["gradient2", "aimd"] as const) {
  describe(`AdaptiveLimiter: ${algorithm} at rest`, () => {
    const options: AdaptiveLimiter.Options<"wait", undefined> = { algorithm, initial: 20, max: 500 }
    const server = () => jittery(15, algorithm === "aimd" ? "reject" : "slower", 0.2)

    it("changes nothing while nobody runs, for however long", async () => {
      const limits = await story(server(), options, ({ limiter, press }) =>
        Effect.gen(function* () {
          yield* press(100, 20_000)
          const before = yield* limiter.limit
          yield* Effect.sleep("30 days")
          return [before, yield* limiter.limit]
        })
      )
      expect(limits[1]).toBe(limits[0])
    })

    it("does not grow while less than half of the limit is used", async () => {
      const band = await story(new Server(100, "slower"), options, ({ band }) => band(9, 120_000))
      expect(band).toEqual([20, 20])
    })

    it("does not grow past twice what is used", async () => {
      const [, high] = await story(new Server(1_000, "slower"), options, ({ band }) => band(30, 120_000))
      expect(high).toBeGreaterThan(50)
      expect(high).toBeLessThanOrEqual(62)
    })

    it("finds one limit for short bursts with pauses between them, at most 4 × the capacity, and stays there for 200 bursts", async () => {
      const told = await story(server(), options, ({ limiter, press }) =>
        Effect.gen(function* () {
          const bursts = (count: number) => Effect.replicateEffect(Effect.andThen(press(100, 700), Effect.sleep(5_000)), count)
          yield* press(100, 30_000)
          yield* bursts(60)
          const before = yield* limiter.limit
          yield* bursts(200)
          return { before, after: yield* limiter.limit }
        })
      )
      expect(told.before).toBeLessThanOrEqual(60)
      expect(outside([told.after, told.after], told.before * 0.85, told.before * 1.15)).toEqual([])
    })

    it("moves by less than 15 % in ten minutes of even load", async () => {
      const told = await story(server(), options, ({ limiter, press }) =>
        Effect.gen(function* () {
          yield* press(40, 60_000)
          const before = yield* limiter.limit
          yield* press(40, 600_000)
          return { before, after: yield* limiter.limit }
        })
      )
      expect(outside([told.after, told.after], told.before * 0.85, told.before * 1.15)).toEqual([])
    })
  })
}
