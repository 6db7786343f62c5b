import { it as effectIt } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { describe, expect, it } from "vitest"
import { nowOf } from "../../src/internal/clock.ts"
import { Simulator } from "../../src/testing/index.ts"

const now = Effect.clockWith((clock) => Effect.sync(nowOf(clock)))

describe("clock.nowOf", () => {
  effectIt.live("reads the live clock, which is real here, in milliseconds since the epoch that never go back", () =>
    Effect.gen(function* () {
      const first = yield* now
      expect(Math.abs(first - Date.now())).toBeLessThan(5_000)
      yield* Effect.sleep(2)
      expect((yield* now) - first).toBeGreaterThan(0.5)
    })
  )

  it("reads virtual clocks through their service, from zero", async () => {
    const run = await Simulator.run(
      Effect.gen(function* () {
        const start = yield* now
        yield* Effect.sleep(Duration.micros(1_500n))
        return [start, yield* now]
      })
    )
    expect(run.exit).toMatchObject({ value: [0, 1.5] })
  })

  effectIt.effect("follows the clock of a test", () =>
    Effect.gen(function* () {
      const start = yield* now
      yield* TestClock.adjust("1 hour")
      expect((yield* now) - start).toBe(3_600_000)
    })
  )

  it("does not go back when the wall clock does", async () => {
    const live = await Effect.runPromise(Clock.Clock)
    let wall = 1_000_000
    const drifting: Clock.Clock = Object.setPrototypeOf(
      { currentTimeMillisUnsafe: () => wall, monotonicTimeNanosUnsafe: live.monotonicTimeNanosUnsafe.bind(live) },
      Object.create(null)
    )
    const read = nowOf(drifting)
    const first = read()
    wall -= 500_000
    expect(read()).toBeGreaterThanOrEqual(first)
    expect(first).toBeGreaterThanOrEqual(1_000_000)
  })

  it("keeps one reader for each clock", async () => {
    const clock: Clock.Clock = Object.setPrototypeOf(
      { currentTimeMillisUnsafe: () => 5, monotonicTimeNanosUnsafe: () => 0n },
      Object.create(null)
    )
    expect(nowOf(clock)).toBe(nowOf(clock))
  })
})
