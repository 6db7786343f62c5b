/**
 * Measures `parallelStream` over a long generator, outcomes read and dropped, against `Stream.mapEffect` and p-map's `pMapIterable` over the same items: time, and how far the heap grows meanwhile.
 */
import { parallelStream } from "@skein/parallel/parallelStream"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { pMapIterable } from "p-map"
import { collect, type Comparison, main, size, type Subject } from "./kit/bench.ts"
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

/** Each reads all values one by one. */
const readers: Readonly<Record<string, (read: (value: number) => void) => Promise<void>>> = {
  "Stream.mapEffect": (read) =>
    Effect.runPromise(
      Stream.fromIterable(items()).pipe(
        Stream.mapEffect(promise, { concurrency }),
        Stream.runForEachArray((values) => Effect.sync(() => values.forEach(read)))
      )
    ),
  "p-map, pMapIterable": async (read) => {
    for await (const value of pMapIterable(items(), work, { concurrency, backpressure: 2 * concurrency })) read(value)
  },
  ...Object.fromEntries(
    (["completion", "input"] as const).map((order) => [
      `parallelStream, ${order} order`,
      (read: (value: number) => void) =>
        Effect.runPromise(
          parallelStream(items(), promise, { concurrency, order }).pipe(
            Stream.runForEachArray((outcomes) =>
              Effect.sync(() => {
                for (const outcome of outcomes) read(outcome._tag === "Completed" ? outcome.value : Number.NaN)
              })
            )
          )
        )
    ])
  )
}

const subjects = (run: (read: (typeof readers)[string]) => Subject<number>["run"]): ReadonlyArray<Subject<number>> =>
  Object.entries(readers).map(([name, read]) => ({ name, run: run(read) }))

const check = (sum: number): string | undefined => (sum === expected ? undefined : `the sum is ${sum}, it should be ${expected}`)

const time: Comparison<number> = {
  title: "outcomes of promise tasks as a stream",
  n,
  baseline: "Stream.mapEffect",
  warmUps: 1,
  runs: 3,
  check,
  subjects: subjects((reader) => async () => {
    let sum = 0
    await reader((value) => (sum += value))
    return sum
  })
}

const heap: Comparison<number> = {
  title: "how far the heap grows meanwhile, looked at ten times after a collection",
  n: 1,
  unit: "kB",
  baseline: "Stream.mapEffect",
  warmUps: 1,
  runs: 1,
  check,
  subjects: subjects((reader) => async (watch) => {
    let sum = 0
    let read = 0
    let [from, most] = [Infinity, 0]
    await reader((value) => {
      sum += value
      if (++read % Math.ceil(n / 11) !== 0) return
      collect()
      const { heapUsed } = process.memoryUsage()
      // The first tenth is for what the runtime makes once.
      if (from === Infinity) from = heapUsed
      most = Math.max(most, heapUsed - from)
    })
    watch.record(most / 1_000)
    return sum
  })
}

await main([time, heap])
