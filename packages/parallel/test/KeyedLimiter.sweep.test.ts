import { Simulator } from "@skein/core/testing"
import { parallelMap } from "@skein/parallel"
import * as KeyedLimiter from "@skein/parallel/KeyedLimiter"
import * as Effect from "effect/Effect"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { describe, expect, it } from "vitest"
import { after, failsAfter, Meter } from "./kit.ts"

type World = ReturnType<typeof world>

const world = (options: { readonly permits: number; readonly perKey?: number; readonly max?: number; readonly rate?: boolean }) => {
  const tokens = { taken: 0 }
  const memory = Effect.runSync(Effect.provide(RateLimiter.make, RateLimiter.layerStoreMemory))
  const counting: RateLimiter.RateLimiter = {
    ...memory,
    consume: (ask) =>
      Effect.tap(
        memory.consume(ask),
        Effect.sync(() => void tokens.taken++)
      )
  }
  const given: KeyedLimiter.Options = {
    permits: options.permits,
    perKey: options.perKey,
    name: "db",
    queue: options.max === undefined ? undefined : { max: options.max, onFull: "reject" },
    rate: options.rate === true ? { limiter: counting, limit: 2, window: 10, onStoreFailure: "die" } : undefined
  }
  // Refusals are seen as exits; the type would forbid to pass it to parallelMap.
  const limiter = KeyedLimiter.makeUnsafe(given) as KeyedLimiter.KeyedLimiter<never>
  const meter = new Meter()
  const keys = new Map<string, Meter>()
  const work = (key: string, ms: number) => {
    let own = keys.get(key)
    if (own === undefined) keys.set(key, (own = new Meter()))
    return limiter.for(key).withPermit(meter.count(own.count(ms === 0 ? Effect.yieldNow : ms < 0 ? failsAfter(-ms, "no") : after(ms, ms))))
  }
  /** Never more than may run. */
  const invariant = () => {
    if (meter.running > options.permits) throw new Error(`${meter.running} run`)
    for (const [key, own] of keys) if (own.running > (options.perKey ?? Infinity)) throw new Error(`${own.running} of ${key} run`)
  }
  /** Everything is given back, every key is forgotten, and all permits can be had at once, by one key or by several. */
  const settled = Effect.gen(function* () {
    expect(yield* limiter.stats).toMatchObject({ running: 0, waiting: 0, holders: [], keys: new Map() })
    expect(meter.running).toBe(0)
    if (options.rate === true) return
    yield* Effect.timeout(limiter.for("a").withPermits(options.permits)(Effect.void), 1_000)
    const count = Math.min(options.permits, options.perKey ?? Infinity)
    let here = 0
    yield* Effect.timeout(
      Effect.all(
        Array.from({ length: count }, () =>
          limiter.for("b").withPermit(
            Effect.andThen(
              Effect.sync(() => void here++),
              Effect.suspend(function wait(): Effect.Effect<void> {
                return here === count ? Effect.void : Effect.andThen(Effect.yieldNow, Effect.suspend(wait))
              })
            )
          )
        ),
        { concurrency: "unbounded" }
      ),
      1_000
    )
    expect((yield* limiter.stats).keys.size).toBe(0)
  })
  return { limiter, meter, work, settled, invariant, tokens }
}

const all = (...effects: ReadonlyArray<Effect.Effect<unknown, unknown>>) =>
  Effect.all(effects.map(Effect.exit), { concurrency: "unbounded" })

const programs: Record<string, readonly [options: Parameters<typeof world>[0], program: (w: World) => Effect.Effect<unknown, unknown>]> = {
  "three keys in line": [{ permits: 1 }, ({ work }) => all(work("a", 1), work("a", 0), work("b", 2), work("b", -1), work("c", 0))],
  "a bound per key": [{ permits: 2, perKey: 1 }, ({ work }) => all(work("a", 1), work("a", 1), work("a", 0), work("b", 1), work("c", 2))],
  "a queue that refuses": [{ permits: 1, max: 1 }, ({ work }) => all(work("a", 1), work("a", 0), work("b", 2), work("c", 0))],
  "nested work of other keys": [
    { permits: 2 },
    ({ limiter, work }) =>
      all(limiter.for("a").withPermit(all(work("a", 1), work("b", 1))), limiter.for("b").withPermit(all(work("a", 1), work("b", 0))))
  ],
  "resizes and pauses in between": [
    { permits: 2 },
    ({ limiter, work }) =>
      all(
        work("a", 2),
        work("a", 2),
        work("b", 2),
        Effect.ensuring(
          Effect.andThen(Effect.andThen(limiter.resize(1), limiter.for("a").pause), Effect.sleep(1)),
          Effect.andThen(limiter.resize(2), limiter.for("a").resume)
        )
      )
  ],
  "two parallelMaps": [
    { permits: 2 },
    ({ limiter, meter }) =>
      all(...["a", "b"].map((key) => parallelMap([1, 2, 1], (ms) => meter.count(after(ms, ms)), { limiter: limiter.for(key) })))
  ]
}

describe("KeyedLimiter interrupted at every step", () => {
  for (const [name, [options, program]] of Object.entries(programs)) {
    it(`${name}: gives every permit back, keeps its bounds and forgets its keys`, async () => {
      let last = world(options)
      const swept = await Simulator.sweep(() => program((last = world(options))), {
        seeds: 2,
        invariant: () => last.invariant(),
        after: () => last.settled
      })
      expect(swept.interrupted.main).toBeGreaterThan(50)
      expect(swept.interrupted.children).toBeGreaterThan(50)
      expect(swept.every).toBe(1)
    }, 60_000)
  }

  it("with a rate: loses at most the token that each key was taking", async () => {
    let last = world({ permits: 2, rate: true })
    let lost = 0
    await Simulator.sweep(
      () => {
        last = world({ permits: 2, rate: true })
        return all(last.work("a", 1), last.work("a", 1), last.work("a", 1), last.work("b", 1))
      },
      {
        seeds: 3,
        maxRuns: 3_000,
        target: "children",
        after: (run) =>
          Effect.andThen(
            Effect.sync(() => {
              // What was started, and what was interrupted with a token in its hand: only the next of each of the two keys can be.
              const over = last.tokens.taken - last.meter.total
              expect(over).toBeGreaterThanOrEqual(0)
              expect(over).toBeLessThanOrEqual(run.interrupted === undefined ? 0 : 2)
              lost = Math.max(lost, over)
            }),
            last.settled
          )
      }
    )
    expect(lost).toBeGreaterThan(0)
  })
})

describe("KeyedLimiter under 2,000 schedules", () => {
  it("serves a late key after at most one start of each other one that waits, whoever runs when", async () => {
    const result = await Simulator.check(
      () =>
        Effect.gen(function* () {
          const { limiter } = world({ permits: 1 })
          const starts: Array<string> = []
          const ask = (key: string) =>
            Effect.forkChild(
              limiter.for(key).withPermit(
                Effect.andThen(
                  Effect.sync(() => starts.push(key)),
                  Effect.sleep(1)
                )
              )
            )
          for (const key of ["a", "a", "a", "a", "b", "b", "b"]) yield* ask(key)
          yield* Effect.sleep(1.5)
          const before = starts.length
          yield* ask("late")
          yield* Effect.sleep(20)
          return starts.slice(before).indexOf("late")
        }),
      {
        seeds: 2_000,
        label: (run) => (run.exit?._tag === "Success" && run.exit.value <= 3 && run.exit.value >= 0 ? "in turn" : "starved"),
        reach: ["in turn"]
      }
    )
    expect(result.labels).toEqual({ "in turn": 2_000 })
  })

  it("keeps every bound and leaves nothing while keys come, are refused, fail and are resized", async () => {
    let last = world({ permits: 2 })
    const result = await Simulator.check(
      () => {
        last = world({ permits: 2, perKey: 1, max: 2 })
        const { limiter, work } = last
        return all(
          work("a", 2),
          work("a", 1),
          work("b", -1),
          work("c", 0),
          work("b", 1),
          Effect.andThen(Effect.andThen(limiter.for("c").resize(2), Effect.yieldNow), limiter.for("c").resize(1)),
          Effect.timeoutOption(work("d", 5), 1)
        )
      },
      { seeds: 2_000, invariant: () => last.invariant(), after: () => last.settled }
    )
    expect(result.verdicts.passed).toBe(2_000)
  })
})
