import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import * as Limiter from "../src/Limiter.ts"
import { Simulator } from "../src/testing/index.ts"

describe("Limiter.resize", () => {
  // Cause: a wait is checked for cycles when it begins, and a smaller limiter can close one later.
  it("refuses a wait that a smaller size makes endless", () =>
    Simulator.check(
      () =>
        Effect.gen(function* () {
          const a = yield* Limiter.make({ permits: 3, name: "a" })
          const b = yield* Limiter.make({ permits: 1, name: "b" })
          const first = yield* Effect.forkChild(a.withPermit(Effect.andThen(Effect.sleep(3), b.withPermit(Effect.void))))
          const other = yield* Effect.forkChild(a.withPermit(Effect.sleep(10)))
          const second = yield* Effect.forkChild(
            Effect.andThen(Effect.sleep(1), b.withPermit(Effect.andThen(Effect.sleep(1), a.withPermits(2)(Effect.void))))
          )
          yield* Effect.sleep(5)
          yield* a.resize(2)
          const exits = [yield* Fiber.await(first), yield* Fiber.await(other), yield* Fiber.await(second)]
          return exits.filter((exit) => Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof Limiter.LimiterCycle).length
        }),
      { seeds: 500, after: (run) => expect(run.exit).toEqual(Exit.succeed(1)) }
    ))
})
