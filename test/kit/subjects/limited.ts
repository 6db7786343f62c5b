/** Maps under the limiters of `@skein/parallel`, and maps of hedged tasks, as subjects. */
import * as Limiter from "@skein/core/Limiter"
import { parallelMap } from "@skein/parallel"
import * as AdaptiveLimiter from "@skein/parallel/AdaptiveLimiter"
import * as Hedge from "@skein/parallel/Hedge"
import * as KeyedLimiter from "@skein/parallel/KeyedLimiter"
import * as ThrottledLimiter from "@skein/parallel/ThrottledLimiter"
import * as Effect from "effect/Effect"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { answer, gatherResult, type Subject } from "../subject.ts"
import { toEffect, type Work } from "../work.ts"

/** Limiters of so many permits; each is made anew for each run. */
export const limiters: Readonly<Record<string, (permits: number) => Limiter.Limiter>> = {
  Limiter: (permits) => Limiter.makeUnsafe({ permits }),
  // Held at its size: what it measures must change nothing but that.
  AdaptiveLimiter: (permits) => AdaptiveLimiter.makeUnsafe({ min: permits, initial: permits, max: permits }),
  KeyedLimiter: (permits) => KeyedLimiter.makeUnsafe({ permits }).for("a tenant"),
  // A rate that is never reached: what waits for tokens is the matter of its own tests.
  ThrottledLimiter: (permits) =>
    ThrottledLimiter.makeUnsafe({
      limiter: Limiter.makeUnsafe({ permits }),
      rate: {
        limiter: Effect.runSync(Effect.provide(RateLimiter.make, RateLimiter.layerStoreMemory)),
        key: "service",
        limit: 1_000_000,
        window: 1,
        onStoreFailure: "die"
      }
    })
}

const map = (
  name: string,
  engine: "limiter" | "hedge",
  onFailure: "isolate" | "interrupt",
  around: (permits: number) => {
    readonly limiter?: Limiter.Limiter
    readonly task?: (
      effect: Effect.Effect<string, string>,
      work: Work,
      again: (work: Work) => Effect.Effect<string, string>
    ) => Effect.Effect<string, string>
  }
): Subject => ({
  name: `${name}, onFailure: ${onFailure}`,
  flavour: "inline",
  engine,
  onFailure,
  kind: "gather",
  size: "known",
  run: (works, options, recorder) =>
    Effect.suspend(() => {
      const { concurrency = 8 } = options
      const { limiter, task = (effect) => effect } = around(concurrency === "unbounded" ? 64 : concurrency)
      return answer(
        parallelMap(works, (work) => task(toEffect(work, recorder), work, (other) => toEffect(other, recorder)), {
          ...options,
          onFailure,
          limiter
        } as object) as Effect.Effect<any, unknown>,
        gatherResult
      )
    })
})

const under = (name: string, onFailure: "isolate" | "interrupt"): Subject =>
  map(`parallelMap with limiter: ${name}`, "limiter", onFailure, (permits) => ({ limiter: limiters[name]!(permits) }))

/** Every task has a copy that waits for its time, which does not come while a law looks on. */
const hedged = (onFailure: "isolate" | "interrupt"): Subject =>
  map("Hedge.run in parallelMap", "hedge", onFailure, () => ({
    task: (effect) => Hedge.run(effect, { after: "100 days" })
  }))

export const hedges: ReadonlyArray<Subject> = [hedged("isolate"), hedged("interrupt")]

/**
 * A second copy of each task starts before the first one has ended. What comes out depends on the copies, so this is no subject of every law: only of those that ask who owns whom.
 */
export const racing: Subject = map("Hedge.run in parallelMap, copies running", "hedge", "isolate", () => ({
  task: (effect, work, again) => {
    let copies = 0
    return Hedge.run(
      Effect.suspend(() => (copies++ === 0 ? effect : again({ ...work, name: `${work.name} again ${copies}` }))),
      { after: 1, copies: 3 }
    )
  }
}))

export const limited: ReadonlyArray<Subject> = [
  under("AdaptiveLimiter", "isolate"),
  under("KeyedLimiter", "interrupt"),
  under("KeyedLimiter", "isolate"),
  under("ThrottledLimiter", "isolate")
]
