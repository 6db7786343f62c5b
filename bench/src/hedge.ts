/**
 * Measures what hedging costs a call that does not need it, and shows on the simulator's clock what it does to the tail of a service: never full, busy, and hedged too early.
 */
import * as Limiter from "@skein/core/Limiter"
import { Simulator } from "@skein/core/testing"
import { Hedge } from "@skein/parallel"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { type Comparison, main, size, smoke } from "./kit/bench.ts"
import { items } from "./kit/work.ts"

const n = size(20_000)
const list = items(n)

const sumOf = (f: (i: number) => Effect.Effect<number>): Promise<number> =>
  Effect.runPromise(
    Effect.suspend(() => {
      let sum = 0
      return Effect.map(
        Effect.forEach(list, (i) => Effect.map(f(i), (value) => (sum += value)), { discard: true }),
        () => sum
      )
    })
  )

const call = (i: number): Effect.Effect<number> => Effect.as(Effect.yieldNow, i)

const cost: Comparison<number> = {
  title: "calls that answer before they are hedged",
  n,
  unit: "ns a call",
  baseline: "the call alone",
  check: (sum) => (sum === (n * (n - 1)) / 2 ? undefined : `the sum is ${sum}`),
  subjects: [
    { name: "the call alone", run: () => sumOf(call) },
    { name: "Effect.timeout", run: () => sumOf((i) => Effect.orDie(Effect.timeout(call(i), 60_000))) },
    { name: "Hedge.run", run: () => sumOf((i) => Hedge.run(call(i), { after: 60_000 })) },
    { name: "Hedge.run, copies: 1", run: () => sumOf((i) => Hedge.run(call(i), { after: 60_000, copies: 1 })) }
  ]
}

/** Numbers from 0 to 1, the same for every run: mulberry32. */
const random = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Milliseconds that one call takes: 8 to 12 for most; a pause of 50 to 100 for one in 50; 500 to 1,000 for one in 500. Whatever was asked, another copy draws anew. */
const latency = (draw: () => number): number => {
  const which = draw()
  const spread = draw()
  return which < 0.002 ? 500 + 500 * spread : which < 0.022 ? 50 + 50 * spread : 8 + 4 * spread
}

interface Tail {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  /** Calls that reached the server, for each one that was made. */
  readonly load: number
}

type Hedging = (limiter: Limiter.Limiter, budget: Hedge.Budget) => Omit<Hedge.Options, "after"> | undefined

interface Service {
  readonly title: string
  /** How many calls the server works on at once; others wait in its line. */
  readonly places: number
  /** Milliseconds until a call is hedged. */
  readonly after: number
  /** It does not notice that a caller has gone, and works on for nobody. */
  readonly deaf: boolean
}

/** Calls that come one each millisecond, whatever became of those before. */
const simulate = (calls: number, { after, deaf, places }: Service, hedging: Hedging): Tail => {
  const took: Array<number> = []
  let served = 0
  const program = Effect.gen(function* () {
    const draw = random(1)
    const server = Limiter.makeUnsafe({ permits: places })
    const options = hedging(Limiter.makeUnsafe({ permits: places }), yield* Hedge.budget({ ratio: 0.05 }))
    const work = server.withPermit(
      Effect.suspend(() => {
        served++
        return Effect.sleep(latency(draw))
      })
    )
    const copy = deaf ? Effect.flatMap(Effect.forkDetach(work), Fiber.join) : work
    const one = Effect.gen(function* () {
      const from = yield* Clock.currentTimeMillis
      yield* options === undefined ? copy : Hedge.run(copy, { after, ...options })
      took.push((yield* Clock.currentTimeMillis) - from)
    })
    yield* Effect.forEach(items(calls), (i) => Effect.andThen(Effect.sleep(i), one), { concurrency: "unbounded", discard: true })
  })
  const { verdict } = Simulator.runSync(program, { maxSteps: 100_000_000 })
  if (verdict !== "passed" || took.length !== calls) throw new Error(`the simulation ${verdict}, ${took.length} of ${calls} calls`)
  took.sort((a, b) => a - b)
  const at = (share: number): number => took[Math.min(calls - 1, Math.floor(share * calls))]!
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), load: served / calls }
}

const ways: Readonly<Record<string, Hedging>> = {
  "no hedge": () => undefined,
  hedged: () => ({}),
  "hedged, budget 5 %": (_, budget) => ({ budget }),
  "hedged, with a limiter": (limiter) => ({ limiter }),
  "hedged, budget and limiter": (limiter, budget) => ({ limiter, budget })
}

const services: ReadonlyArray<Service> = [
  { title: "never full, hedged after 15 ms", places: 1_000, after: 15, deaf: false },
  { title: "15 places, 85 % busy without hedges, hedged after 15 ms", places: 15, after: 15, deaf: false },
  {
    title: "15 places, 85 % busy, hedged far too early, after 9 ms, and it works on for callers that have gone",
    places: 15,
    after: 9,
    deaf: true
  }
]

const tails = (calls: number): ReadonlyArray<string> => {
  const row = (cells: ReadonlyArray<string | number>): string =>
    `| ${cells.map((cell) => (typeof cell === "number" ? cell.toFixed(0) : cell)).join(" | ")} |`
  return services.flatMap((service) => [
    `\n### ${service.title} · ${calls.toLocaleString("en-US")} calls, one a millisecond, ms of the simulated clock\n`,
    row(["", "p50", "p99", "p99.9", "further load"]),
    row(["---", "---", "---", "---", "---"]),
    ...Object.entries(ways).map(([name, hedging]) => {
      const { load, p50, p99, p999 } = simulate(calls, service, hedging)
      return row([name, p50, p99, p999, `${((load - 1) * 100).toFixed(1)} %`])
    })
  ])
}

// In the small mode nothing else would run it.
if (smoke) tails(200)
await main([cost], () => tails(20_000))
