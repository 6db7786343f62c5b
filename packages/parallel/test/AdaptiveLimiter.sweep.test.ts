import { Simulator } from "@skein/core/testing"
import { parallelMap } from "@skein/parallel"
import * as AdaptiveLimiter from "@skein/parallel/AdaptiveLimiter"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { after, failsAfter, Meter } from "./kit.ts"

/** `after` runs in real time: a clock that goes on by 5 ms each time it is read needs none. */
const ticking = (): Clock.Clock => {
  let now = 1_000_000_000_000n
  return Object.assign(Object.create(Context.get(Context.empty(), Clock.Clock)) as Clock.Clock, {
    monotonicTimeNanosUnsafe: () => (now += 5_000_000n)
  })
}

const world = (options: AdaptiveLimiter.Options<"wait", undefined>) => {
  const limiter = AdaptiveLimiter.makeUnsafe({ window: 1, minSamples: 1, ...options })
  const meter = new Meter()
  /** Nothing is held, every run is counted once, and the limit in force is the one that was decided. */
  const settled = Effect.gen(function* () {
    const stats = yield* limiter.stats
    expect(stats).toMatchObject({ running: 0, waiting: 0, holders: [] })
    expect(stats.permits).toBe(stats.limit)
    expect(meter.running).toBe(0)
    // Runs that were interrupted between their permit and their first step were never begun for the meter.
    expect(stats.successes + stats.drops + stats.ignored).toBeGreaterThanOrEqual(meter.total)
    // Nothing that was interrupted is still believed to be running: alone, a run is at a peak of 1 and below half of a limit of 3, so the limit rests.
    yield* limiter.resize(3)
    yield* Effect.provideService(Effect.replicateEffect(limiter.withPermit(Effect.void), 5), Clock.Clock, ticking())
    expect(yield* limiter.limit).toBe(3)
  })
  return { limiter, meter, settled }
}

const programs: Record<string, (w: ReturnType<typeof world>) => Effect.Effect<unknown, unknown>> = {
  "runs that succeed, fail and wait": ({ limiter, meter }) =>
    Effect.forEach(
      [1, 2, 3, 4, 5],
      (n) => Effect.exit(limiter.withPermit(meter.count(n % 2 === 0 ? failsAfter(n, "busy") : after(n, n)))),
      { concurrency: "unbounded" }
    ),
  "a parallelMap with time limits": ({ limiter, meter }) =>
    parallelMap([1, 20, 2, 20, 3], (ms) => meter.count(after(ms, ms)), { limiter, queueTimeout: 15 }),
  "nested runs": ({ limiter, meter }) =>
    limiter.withPermit(
      Effect.all(
        [1, 2].map((ms) => limiter.withPermit(meter.count(after(ms, ms)))),
        { concurrency: 2 }
      )
    )
}

describe("AdaptiveLimiter interrupted at every step", () => {
  for (const [name, program] of Object.entries(programs)) {
    for (const algorithm of ["aimd", "gradient2"] as const) {
      it(`${algorithm}, ${name}: gives every permit back and counts no run for ever`, async () => {
        let last = world({})
        const swept = await Simulator.sweep(() => program((last = world({ algorithm, initial: 2, max: 4 }))), {
          seeds: 3,
          maxRuns: 3_000,
          after: () => last.settled
        })
        expect(swept.interrupted.main).toBeGreaterThan(30)
        expect(swept.interrupted.children).toBeGreaterThan(30)
      })
    }
  }
})

describe("AdaptiveLimiter under 2,000 schedules", () => {
  it("never runs more than its limit allowed when the run was admitted, and ends with nothing held", async () => {
    let last = world({})
    const result = await Simulator.check(
      () => {
        const w = (last = world({ algorithm: "aimd", initial: 3, max: 4 }))
        return Effect.as(
          Effect.forEach(
            [1, 2, 1, 2, 1, 3, 1, 2],
            (n, i) => Effect.exit(w.limiter.withPermit(w.meter.count(i === 2 ? failsAfter(n, "busy") : after(n, n)))),
            { concurrency: "unbounded" }
          ),
          w.meter.peak
        )
      },
      {
        seeds: 2_000,
        invariant: () => {
          if (last.meter.running > 4) throw new Error(`${last.meter.running} run`)
        },
        after: () => last.settled,
        label: () => String(Effect.runSync(last.limiter.stats).drops),
        reach: ["1"]
      }
    )
    expect(result.verdicts.passed).toBe(2_000)
  })
})
