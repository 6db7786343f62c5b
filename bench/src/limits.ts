/**
 * Measures what each kind of limiter adds to a task, with permits free and with as many callers in line as there are permits.
 */
import * as Limiter from "@skein/core/Limiter"
import { parallelMap } from "@skein/parallel"
import * as AdaptiveLimiter from "@skein/parallel/AdaptiveLimiter"
import * as KeyedLimiter from "@skein/parallel/KeyedLimiter"
import * as ThrottledLimiter from "@skein/parallel/ThrottledLimiter"
import * as Effect from "effect/Effect"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { type Comparison, main, size } from "./kit/bench.ts"
import { answerOf, items } from "./kit/work.ts"

const n = size(50_000)
const list = items(n)
const permits = 16

/** Counts, and never says no: what is measured is the asking. */
const rate = Effect.runSync(Effect.provide(RateLimiter.make, RateLimiter.layerStoreMemory))

const kinds: Readonly<Record<string, () => ((i: number) => Limiter.Limiter) | undefined>> = {
  "no limiter": () => undefined,
  Limiter: () => always(Limiter.makeUnsafe({ permits })),
  AdaptiveLimiter: () => always(AdaptiveLimiter.makeUnsafe({ min: permits, initial: permits, max: permits })),
  "KeyedLimiter, one key": () => always(KeyedLimiter.makeUnsafe({ permits }).for("a")),
  "KeyedLimiter, 1,000 keys": () => {
    const keyed = KeyedLimiter.makeUnsafe({ permits })
    const keys = Array.from({ length: 1_000 }, (_, i) => keyed.for(`tenant ${i}`))
    return (i) => keys[i % 1_000]!
  },
  ThrottledLimiter: () =>
    always(
      ThrottledLimiter.makeUnsafe({
        limiter: Limiter.makeUnsafe({ permits }),
        rate: { limiter: rate, key: "bench", limit: 1_000_000_000, window: 1, onStoreFailure: "die" }
      })
    )
}

const always =
  (limiter: Limiter.Limiter): ((i: number) => Limiter.Limiter) =>
  () =>
    limiter

/** Each task asks for its permit itself: so all kinds are asked in the same way, the keyed one too. */
const run = (limiterOf: ((i: number) => Limiter.Limiter) | undefined, concurrency: number): Promise<number> =>
  Effect.runPromise(
    Effect.suspend(() => {
      let sum = 0
      const task = (i: number): Effect.Effect<void> =>
        Effect.map(Effect.yieldNow, () => {
          sum += answerOf(i)
        })
      const limited = limiterOf === undefined ? task : (i: number) => limiterOf(i).withPermit(task(i))
      return Effect.map(parallelMap(list, limited, { concurrency }), () => sum)
    })
  )

const comparison = (title: string, concurrency: number): Comparison<number> => ({
  title,
  n,
  baseline: "Limiter",
  check: (sum) => (sum === (n * (n + 1)) / 2 ? undefined : `the sum is ${sum}`),
  subjects: Object.entries(kinds).map(([name, make]) => ({ name, run: () => run(make(), concurrency) }))
})

await main([comparison("a permit is free", permits), comparison("as many stand in line as run", 2 * permits)])
