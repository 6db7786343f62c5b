import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Limiter from "../src/Limiter.ts"
import { Simulator } from "../src/testing/index.ts"
const p = Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 1 })
        const slow = yield* Effect.forkChild(
          limiter.withPermit(
            Effect.onInterrupt(Effect.never, () => Effect.sleep(10))
          ))
        yield* Effect.sleep(1)
        yield* Fiber.interrupt(slow)
        console.log(String(slow.pollUnsafe()), yield* limiter.stats)
      })
console.log(Simulator.runSync(p).report)
const q = Effect.gen(function* () {
        const slow = yield* Effect.forkChild(
          Effect.onExitPrimitive(Effect.andThen(Effect.void, 
            Effect.onInterrupt(Effect.never, () => Effect.sleep(10))
          ), () => { console.log("frame"); return undefined }, true))
        yield* Effect.sleep(1)
        yield* Fiber.interrupt(slow)
        console.log(String(slow.pollUnsafe()))
      })
console.log(Simulator.runSync(q).report)
