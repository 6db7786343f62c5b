/**
 * Measures `@skein/parallel/promise` against p-map, p-limit and p-queue, over the same async function: a whole input at once, and tasks that are handed over one by one.
 *
 * The others give values or settled results; ours keeps for each task its outcome with its times. Of outcomes that are also read (`outcomes read`) each becomes a plain object.
 */
import { createExecutor, type GatherResult, parallelMap, parallelStream } from "@skein/parallel/promise"
import pLimit from "p-limit"
import pMap, { pMapIterable, pMapSettled } from "p-map"
import PQueue from "p-queue"
import { type Comparison, main, size } from "./kit/bench.ts"
import { checkAnswer, items, work } from "./kit/work.ts"

const n = size(100_000)
const input = items(n)
const concurrency = 16

type Answer = ReadonlyArray<number> | ReadonlyArray<PromiseSettledResult<number>> | GatherResult<number>

/** Results are read when the time has been taken. */
const numbersOf = (answer: Answer): ReadonlyArray<number> => {
  if ("values" in answer && typeof answer.values !== "function") return answer.values
  return (answer as ReadonlyArray<number | PromiseSettledResult<number>>).map((value) => {
    if (typeof value === "number") return value
    if (value.status === "rejected") throw new Error("a task was rejected")
    return value.value
  })
}

const check = (answer: Answer): string | undefined => checkAnswer(numbersOf(answer), n)

/** A signal costs whoever reads it. */
const withSignal = async (i: number, _index: number, { signal }: { readonly signal: AbortSignal }): Promise<number> =>
  signal.aborted ? 0 : i + 1

const whole: Comparison<Answer> = {
  title: "a whole input",
  n,
  baseline: "p-map",
  check,
  subjects: [
    { name: "parallelMap", run: () => parallelMap(input, work, { concurrency }) },
    { name: "parallelMap, values read", run: async () => (await parallelMap(input, work, { concurrency })).values },
    {
      name: "parallelMap, outcomes read",
      run: async () => {
        const result = await parallelMap(input, work, { concurrency })
        for (const outcome of result.outcomes) if (outcome.status !== "completed") throw new Error(outcome.status)
        return result
      }
    },
    { name: "parallelMap, signal read", run: () => parallelMap(input, withSignal, { concurrency }) },
    { name: "parallelMap, taskTimeout", run: () => parallelMap(input, work, { concurrency, taskTimeout: "1 minute" }) },
    { name: "p-map", run: () => pMap(input, work, { concurrency }) },
    { name: "pMapSettled", run: () => pMapSettled(input, work, { concurrency }) }
  ]
}

const oneByOne: Comparison<Answer> = {
  title: "tasks handed over one by one",
  n,
  baseline: "p-limit",
  check,
  subjects: [
    {
      name: "executor.run",
      run: async () => {
        await using executor = createExecutor({ concurrency })
        return await Promise.all(input.map((i) => executor.run(() => work(i))))
      }
    },
    {
      name: "executor.map",
      run: async () => {
        await using executor = createExecutor({ concurrency })
        return await executor.map(input, work)
      }
    },
    {
      name: "p-limit",
      run: () => {
        const limit = pLimit(concurrency)
        return Promise.all(input.map((i) => limit(work, i)))
      }
    },
    {
      name: "p-queue",
      run: () => {
        const queue = new PQueue({ concurrency })
        return Promise.all(input.map((i) => queue.add(() => work(i))))
      }
    }
  ]
}

const streamed: Comparison<Answer> = {
  title: "read as they come",
  n,
  baseline: "pMapIterable",
  check,
  subjects: [
    {
      name: "parallelStream",
      run: async () => {
        const values: Array<number> = []
        for await (const outcome of parallelStream(input, work, { concurrency, order: "input" })) {
          if (outcome.status === "completed") values.push(outcome.value)
        }
        return values
      }
    },
    {
      name: "pMapIterable",
      run: async () => {
        const values: Array<number> = []
        for await (const value of pMapIterable(input, work, { concurrency, backpressure: 2 * concurrency })) values.push(value)
        return values
      }
    }
  ]
}

await main([whole, oneByOne, streamed])
