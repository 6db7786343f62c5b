/**
 * Measures `parallelStream` over a long generator, outcomes read and dropped, against `Stream.mapEffect` over the same items.
 */
import { parallelStream } from "@skein/parallel/parallelStream"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Comparison, main, size } from "./kit/bench.ts"
import { work } from "./kit/work.ts"

const n = size(1_000_000)
const concurrency = 16

function* items(): Generator<number> {
  for (let i = 0; i < n; i++) yield i
}

/** The sum of what `work` makes of each item: the same whatever the order. */
const expected = await (async () => {
  let sum = 0
  for (const i of items()) sum += await work(i)
  return sum
})()

const promise = (i: number): Effect.Effect<number> => Effect.promise(() => work(i))

const comparison: Comparison<number> = {
  title: "outcomes of promise tasks as a stream",
  n,
  baseline: "Stream.mapEffect",
  check: (sum) => {
    if (sum !== expected) throw new Error(`the sum is ${sum}, it should be ${expected}`)
  },
  subjects: [
    {
      name: "Stream.mapEffect",
      run: () =>
        Effect.runPromise(
          Stream.fromIterable(items()).pipe(
            Stream.mapEffect(promise, { concurrency }),
            Stream.runFold(
              () => 0,
              (sum, value) => sum + value
            )
          )
        )
    },
    ...(["completion", "input"] as const).map((order) => ({
      name: `parallelStream, ${order} order`,
      run: () =>
        Effect.runPromise(
          parallelStream(items(), promise, { concurrency, order }).pipe(
            Stream.runFold(
              () => 0,
              (sum, outcome) => sum + (outcome._tag === "Completed" ? outcome.value : Number.NaN)
            )
          )
        )
    }))
  ]
}

await main([comparison])
