import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Limiter from "../src/Limiter.ts"
const [,, which, N, R, bodyName] = process.argv
const n = Number(N)
const body: Effect.Effect<void> = bodyName === "yield" ? Effect.yieldNow : Effect.void
const floor = () => {
  let running = 0
  const waiting: Array<any> = []
  let at = 0
  let scheduled = false
  const drain = () => { scheduled = false; while (running < 16 && at < waiting.length) { running++; const r = waiting[at]; waiting[at++] = undefined; r(eff) } }
  const release = () => { running--; if (!scheduled && at < waiting.length) { scheduled = true; setImmediate(drain) } return undefined }
  const eff = Effect.onExitPrimitive(body, release, true)
  return Effect.callback<void>((resume) => { if (running < 16) { running++; resume(eff) } else waiting.push(resume) })
}
const hold = () => Limiter.makeUnsafe({ permits: 100000000 }).withPermit(body)
const make = (): Effect.Effect<void> => which === "unbounded" ? body : which === "floor" ? floor() : which === "permit" ? hold() : Limiter.makeUnsafe({ permits: 16 }).withPermit(body)
const run = (eff: Effect.Effect<void>) => Effect.runPromise(Effect.gen(function*() {
  const fibers: Array<Fiber.Fiber<void>> = new Array(n)
  for (let i = 0; i < n; i++) fibers[i] = yield* Effect.forkChild(eff)
  for (let i = 0; i < n; i++) yield* Fiber.join(fibers[i]!)
}))
const ts = []
for (let r = 0; r < Number(R); r++) { globalThis.gc?.(); const t = performance.now(); await run(make()); ts.push(performance.now() - t) }
ts.sort((a, b) => a - b)
console.log(which, n, bodyName, "min", (ts[0]! / n * 1000).toFixed(2), "med", (ts[ts.length >> 1]! / n * 1000).toFixed(2))
