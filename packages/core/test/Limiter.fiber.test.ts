import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import { isAwaited, onAwaited, onResumed } from "../src/internal/limiterFiber.ts"

/** What we read of the runtime's fibers is not in their public type. These fail if a new version of Effect changes it. */
describe("limiterFiber", () => {
  it.each([
    ["Fiber.join", (fiber: Fiber.Fiber<void>) => Fiber.join(fiber)],
    ["Fiber.await", (fiber: Fiber.Fiber<void>) => Effect.asVoid(Fiber.await(fiber))],
    ["Fiber.joinAll", (fiber: Fiber.Fiber<void>) => Effect.asVoid(Fiber.joinAll([fiber]))],
    ["Fiber.awaitAll", (fiber: Fiber.Fiber<void>) => Effect.asVoid(Fiber.awaitAll([fiber]))]
  ])("sees a fiber that is awaited by %s, before and after", (_, wait) =>
    Effect.runPromise(
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Effect.sleep(20))
        let seen = 0
        const unwatch = onAwaited(fiber, () => seen++)
        expect(isAwaited(fiber)).toBe(false)
        const waiter = yield* Effect.forkChild(wait(fiber))
        yield* Effect.yieldNow
        yield* Effect.yieldNow
        expect([seen, isAwaited(fiber)]).toEqual([1, true])
        unwatch()
        expect(Object.hasOwn(fiber, "addObserver")).toBe(false)
        yield* Fiber.join(waiter)
        expect(seen).toBe(1)
      })
    )
  )

  it("sees the children of forEach, race and timeout", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const seen: Array<boolean> = []
        const look = Effect.andThen(
          Effect.yieldNow,
          Effect.withFiber((fiber) => Effect.sync(() => seen.push(isAwaited(fiber))))
        )
        yield* Effect.forEach([1, 2], () => look, { concurrency: 2 })
        yield* Effect.race(look, Effect.never)
        yield* Effect.timeout(look, 1_000)
        expect(seen).toEqual([true, true, true, true])
      })
    ))

  it("sees a suspended fiber go on before it does, and leaves it as it was", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const log: Array<string> = []
        const fiber = yield* Effect.forkChild(
          Effect.andThen(
            Effect.sleep(5),
            Effect.sync(() => log.push("goes on"))
          ),
          { startImmediately: true }
        )
        const unwatch = [onResumed(fiber, () => log.push("a")), onResumed(fiber, () => log.push("b"))]
        expect(unwatch).not.toContain(undefined)
        yield* Fiber.join(fiber)
        expect([...new Set(log)]).toEqual(["a", "b", "goes on"])
        expect(log.at(-1)).toBe("goes on")
        for (const end of unwatch) end?.()
        expect(Object.hasOwn(fiber, "evaluate")).toBe(false)
      })
    ))
})
