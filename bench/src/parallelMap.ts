/**
 * Measures `parallelMap` with full outcomes, 16 at once, over promise tasks and over synchronous effects, against p-map, p-limit, p-queue and `Effect.forEach`.
 *
 * The others give values only; `Effect.forEach` with `Effect.exit` keeps failures too. `parallelMap` gives for each task its outcome with its times.
 */
import type * as GatherResult from "@skein/core/GatherResult"
import { parallelMap } from "@skein/parallel/parallelMap"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import pLimit from "p-limit"
import pMap from "p-map"
import PQueue from "p-queue"
import { type Comparison, main, size } from "./kit/bench.ts"
import { answerOf, checkAnswer, items, valuesOf, work } from "./kit/work.ts"

const n = size(100_000)
const input = items(n)
const concurrency = 16

type Answer = ReadonlyArray<number> | ReadonlyArray<Exit.Exit<number>> | GatherResult.GatherResult<number>

/** Outcomes and exits are read when the time has been taken, and all of them. */
const numbersOf = (answer: Answer): ReadonlyArray<number> => {
  if ("list" in answer) return valuesOf(answer)
  return answer.map((value) => {
    if (typeof value === "number") return value
    if (Exit.isFailure(value)) throw new Error("an exit is a failure")
    return value.value
  })
}

const check = (answer: Answer): string | undefined => checkAnswer(numbersOf(answer), n)

const promise = (i: number): Effect.Effect<number> => Effect.promise(() => work(i))
const sync = (i: number): Effect.Effect<number> => Effect.sync(() => answerOf(i))

const comparison = (
  title: string,
  effect: (i: number) => Effect.Effect<number>,
  plain: (i: number) => number | Promise<number>
): Comparison<Answer> => ({
  title,
  n,
  baseline: "p-map",
  check,
  subjects: [
    { name: "parallelMap", run: () => Effect.runPromise(parallelMap(input, effect, { concurrency })) },
    { name: "p-map", run: () => pMap(input, plain, { concurrency }) },
    { name: "Effect.forEach", run: () => Effect.runPromise(Effect.forEach(input, effect, { concurrency })) },
    {
      name: "Effect.forEach + Effect.exit",
      run: () => Effect.runPromise(Effect.forEach(input, (i) => Effect.exit(effect(i)), { concurrency }))
    },
    {
      name: "p-limit",
      run: () => {
        const limit = pLimit(concurrency)
        return Promise.all(input.map((i) => limit(plain, i)))
      }
    },
    {
      name: "p-queue",
      run: () => {
        const queue = new PQueue({ concurrency })
        return Promise.all(input.map((i) => queue.add(async () => plain(i))))
      }
    }
  ]
})

await main([comparison("promise tasks", promise, work), comparison("sync effects", sync, answerOf)])
