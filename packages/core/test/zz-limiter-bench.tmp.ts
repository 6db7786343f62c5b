import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Semaphore from "effect/Semaphore"
import * as Limiter from "../src/Limiter.ts"

const n = Number(process.argv[2] ?? 100000)
const rounds = Number(process.argv[3] ?? 7)
const permits = Number(process.argv[4] ?? 16)
const bodyName = process.argv[5] ?? "yield"
const body: Effect.Effect<void> = bodyName === "yield" ? Effect.yieldNow : Effect.void
const variants: Record<string, () => Effect.Effect<void>> = {
  unbounded: () => body,
  limiter: () => { const l = Limiter.makeUnsafe({ permits }); return l.withPermit(body) }
}
if (process.argv.includes("sem")) variants["semaphore"] = () => Semaphore.makeUnsafe(permits).withPermit(body)
const run = (eff: Effect.Effect<void>) => Effect.runPromise(Effect.gen(function*() {
  const fibers: Array<Fiber.Fiber<void>> = new Array(n)
  for (let i = 0; i < n; i++) fibers[i] = yield* Effect.forkChild(eff)
  for (let i = 0; i < n; i++) yield* Fiber.join(fibers[i]!)
}))
const times: Record<string, Array<number>> = {}
for (let r = 0; r < rounds; r++) {
  for (const k of Object.keys(variants)) {
    globalThis.gc?.()
    const t = performance.now()
    await run(variants[k]!())
    ;(times[k] ??= []).push(performance.now() - t)
  }
}
const med = (a: Array<number>) => a.sort((x, y) => x - y)[a.length >> 1]!
const base = med(times["unbounded"]!)
for (const k of Object.keys(times)) console.log(n, bodyName, permits, k, (med(times[k]!) / n * 1000).toFixed(2), "us", (med(times[k]!) / base).toFixed(2), "x")
