/**
 * Measures a fan-out that takes the first value and cuts off the others, against Effect's races, and one that wants all values.
 */
import { fanOut, Joiner, parallelGather } from "@skein/parallel"
import * as GatherResult from "@skein/core/GatherResult"
import * as Effect from "effect/Effect"
import { type Comparison, main, size } from "./kit/bench.ts"
import { checkAnswer } from "./kit/work.ts"

const n = size(1_000)

/** The last one answers; the others would wait for ever, and have to be stopped. */
const racers = (ends: (i: number) => boolean): ReadonlyArray<Effect.Effect<number>> =>
  Array.from({ length: n }, (_, i) => (ends(i) ? Effect.as(Effect.yieldNow, i) : Effect.never))

const last = racers((i) => i === n - 1)
const first = racers((i) => i === 0)

const race = (title: string, effects: ReadonlyArray<Effect.Effect<number>>, winner: number): Comparison<number> => ({
  title,
  n,
  baseline: "Effect.raceAll",
  unit: "ns a racer",
  runs: 15,
  warmUps: 5,
  check: (got) => (got === winner ? undefined : `${got} won instead of ${winner}`),
  subjects: [
    { name: "fanOut, Joiner.first", run: () => Effect.runPromise(fanOut(effects, Joiner.first(), { concurrency: "unbounded" })) },
    { name: "Effect.raceAll", run: () => Effect.runPromise(Effect.raceAll(effects)) },
    { name: "Effect.raceAllFirst", run: () => Effect.runPromise(Effect.raceAllFirst(effects)) }
  ]
})

const all = Array.from({ length: n }, (_, i) => Effect.as(Effect.yieldNow, i + 1))

const everything: Comparison<ReadonlyArray<number>> = {
  title: `all values of ${n.toLocaleString("en-US")}`,
  n,
  baseline: "Effect.all",
  runs: 15,
  warmUps: 5,
  check: (got) => checkAnswer(got, n),
  subjects: [
    { name: "fanOut, Joiner.all", run: () => Effect.runPromise(fanOut(all, Joiner.all(), { concurrency: "unbounded" })) },
    { name: "fanOut, Joiner.all, 16 at once", run: () => Effect.runPromise(fanOut(all, Joiner.all(), { concurrency: 16 })) },
    {
      name: "parallelGather",
      run: () => Effect.runPromise(Effect.map(parallelGather(all, { concurrency: "unbounded" }), GatherResult.values))
    },
    { name: "Effect.all", run: () => Effect.runPromise(Effect.all(all, { concurrency: "unbounded" })) },
    { name: "Effect.all, 16 at once", run: () => Effect.runPromise(Effect.all(all, { concurrency: 16 })) }
  ]
}

await main([
  race(`first of ${n.toLocaleString("en-US")}: the last one answers, the others are stopped`, last, n - 1),
  race(`first of ${n.toLocaleString("en-US")}: the first one answers`, first, 0),
  everything
])
