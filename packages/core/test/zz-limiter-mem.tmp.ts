import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Limiter from "../src/Limiter.ts"
const which = process.argv[2]
const n = 100000
const body = Effect.void
const gate: Array<any> = []
const floor = Effect.callback<void>((r) => { gate.push(r) })
const l = Limiter.makeUnsafe({ permits: 1 })
await Effect.runPromise(Effect.gen(function*() {
  yield* Effect.forkChild(l.withPermit(Effect.never))
  yield* Effect.yieldNow
  const eff = which === "floor" ? floor : l.withPermit(body)
  const fibers: Array<Fiber.Fiber<void>> = new Array(n)
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < n; i++) fibers[i] = yield* Effect.forkChild(eff)
  yield* Effect.sleep(200)
  globalThis.gc?.()
  console.log(which, ((process.memoryUsage().heapUsed - before) / n).toFixed(0), "bytes per waiting fiber", (yield* l.stats).waiting)
}))
