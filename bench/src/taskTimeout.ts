/**
 * Measures what `taskTimeout` adds to `parallelMap`, against itself without, and against `Effect.forEach` with an `Effect.timeout` for each task.
 */
import type * as GatherResult from "@skein/core/GatherResult"
import { parallelMap } from "@skein/parallel/parallelMap"
import * as Effect from "effect/Effect"
import { type Comparison, main, size } from "./kit/bench.ts"
import { checkAnswer, items, valuesOf, work } from "./kit/work.ts"

const n = size(100_000)
const input = items(n)
const concurrency = 16
const limit = "10 seconds"

type Answer = ReadonlyArray<number> | GatherResult.GatherResult<number, unknown>

const promise = (i: number): Effect.Effect<number> => Effect.promise(() => work(i))

const comparison: Comparison<Answer> = {
  title: "a time limit for each of the promise tasks",
  n,
  baseline: "parallelMap without",
  check: (answer) => checkAnswer("list" in answer ? valuesOf(answer) : answer, n),
  subjects: [
    { name: "parallelMap without", run: () => Effect.runPromise(parallelMap(input, promise, { concurrency })) },
    { name: "parallelMap + taskTimeout", run: () => Effect.runPromise(parallelMap(input, promise, { concurrency, taskTimeout: limit })) },
    {
      name: "parallelMap + taskTimeout + timeout",
      run: () => Effect.runPromise(parallelMap(input, promise, { concurrency, taskTimeout: limit, timeout: "1 hour" }))
    },
    { name: "Effect.forEach without", run: () => Effect.runPromise(Effect.forEach(input, promise, { concurrency })) },
    {
      name: "Effect.forEach + Effect.timeout",
      run: () => Effect.runPromise(Effect.forEach(input, (i) => Effect.timeout(promise(i), limit), { concurrency }))
    }
  ]
}

await main([comparison])
