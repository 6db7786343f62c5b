import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Semaphore from "effect/Semaphore"
import * as Limiter from "../src/Limiter.ts"
const n = Number(process.argv[2]), rounds = Number(process.argv[3])
const body: Effect.Effect<void> = process.argv[4] === "yield" ? Effect.yieldNow : Effect.void
const which = process.argv[5]!.split(",")
const run = (k: string) => Effect.gen(function*() {
  const open = Latch.makeUnsafe(false)
  const l = Limiter.makeUnsafe({ permits: 16 })
  const s = Semaphore.makeUnsafe(16)
  const holder = yield* Effect.forkChild(k === "semaphore" ? s.withPermits(16)(open.await) : l.withPermits(16)(open.await))
  yield* Effect.yieldNow
  const eff = k === "plain" ? body : k === "latch" ? Effect.andThen(open.await, body) : k === "semaphore" ? s.withPermit(body) : l.withPermit(body)
  const fibers: Array<Fiber.Fiber<void>> = new Array(n)
  for (let i = 0; i < n; i++) fibers[i] = yield* Effect.forkChild(eff)
  yield* Effect.yieldNow
  yield* open.open
  for (let i = 0; i < n; i++) yield* Fiber.join(fibers[i]!)
  yield* Fiber.join(holder)
})
const times: Record<string, Array<number>> = {}
for (let r = 0; r < rounds; r++) for (const k of which) {
  globalThis.gc?.(); const t = performance.now(); await Effect.runPromise(run(k)); (times[k] ??= []).push(performance.now() - t)
}
for (const k of which) { const a = times[k]!.sort((x, y) => x - y); console.log(n, process.argv[4], k.padEnd(10), "min", (a[0]! / n * 1000).toFixed(2), "med", (a[a.length >> 1]! / n * 1000).toFixed(2)) }
