/**
 * Measures what a call of a `ParallelExecutor` costs over one of `parallelMap`: many tasks in one call, calls of one task each, and calls of none.
 */
import * as Limiter from "@skein/core/Limiter"
import { ParallelExecutor, parallelMap } from "@skein/parallel"
import * as Effect from "effect/Effect"
import { type Comparison, main, size } from "./kit/bench.ts"
import { checkAnswer, items, valuesOf, work } from "./kit/work.ts"

const concurrency = 16
const task = (i: number): Effect.Effect<number> => Effect.promise(() => work(i))

/** Runs with an executor that is made before the watch starts and closed after it has stopped. */
const withExecutor = <A>(f: (executor: ParallelExecutor.ParallelExecutor) => Effect.Effect<A, unknown>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(ParallelExecutor.make({ concurrency }), f)))

const many = size(100_000)
const list = items(many)

const oneCall: Comparison<ReadonlyArray<number>> = {
  title: "one call of many promise tasks, 16 at once",
  n: many,
  baseline: "parallelMap",
  check: (got) => checkAnswer(got, many),
  subjects: [
    { name: "parallelMap", run: async () => valuesOf(await Effect.runPromise(parallelMap(list, task, { concurrency }))) },
    {
      name: "parallelMap under a Limiter",
      run: async () =>
        valuesOf(await Effect.runPromise(parallelMap(list, task, { concurrency, limiter: Limiter.makeUnsafe({ permits: concurrency }) })))
    },
    { name: "ParallelExecutor.map", run: async () => valuesOf(await withExecutor((executor) => executor.map(list, task))) }
  ]
}

const few = size(10_000)

/** One call after the other; the sum of what they gave. */
const calls = <E>(call: (i: number) => Effect.Effect<number, E>): Effect.Effect<number, E> =>
  Effect.suspend(() => {
    let sum = 0
    return Effect.as(
      Effect.forEach(items(few), (i) => Effect.map(call(i), (n) => (sum += n)), { discard: true }),
      sum
    ).pipe(Effect.map(() => sum))
  })

const single: Comparison<number> = {
  title: "calls of one task each, one after the other",
  n: few,
  unit: "ns a call",
  baseline: "parallelMap",
  check: (sum) => (sum === (few * (few + 1)) / 2 ? undefined : `the sum is ${sum}`),
  subjects: [
    { name: "the task alone", run: () => Effect.runPromise(calls(task)) },
    {
      name: "Limiter.withPermit",
      run: () => {
        const limiter = Limiter.makeUnsafe({ permits: concurrency })
        return Effect.runPromise(calls((i) => limiter.withPermit(task(i))))
      }
    },
    {
      name: "parallelMap",
      run: () => Effect.runPromise(calls((i) => Effect.map(parallelMap([i], task, { concurrency }), (result) => valuesOf(result)[0]!)))
    },
    {
      name: "parallelMap under a Limiter",
      run: () => {
        const limiter = Limiter.makeUnsafe({ permits: concurrency })
        return Effect.runPromise(
          calls((i) => Effect.map(parallelMap([i], task, { concurrency, limiter }), (result) => valuesOf(result)[0]!))
        )
      }
    },
    {
      name: "ParallelExecutor.map",
      run: () => withExecutor((executor) => calls((i) => Effect.map(executor.map([i], task), (result) => valuesOf(result)[0]!)))
    }
  ]
}

const none: Comparison<number> = {
  title: "calls of no task",
  n: few,
  unit: "ns a call",
  baseline: "parallelMap",
  check: (sum) => (sum === 0 ? undefined : `${sum} outcomes of nothing`),
  subjects: [
    { name: "parallelMap", run: () => Effect.runPromise(calls(() => Effect.map(parallelMap([], task), ({ total }) => total))) },
    {
      name: "ParallelExecutor.map",
      run: () => withExecutor((executor) => calls(() => Effect.map(executor.map([], task), ({ total }) => total)))
    }
  ]
}

await main([oneCall, single, none])
