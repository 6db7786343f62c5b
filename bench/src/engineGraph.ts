/**
 * Measures 100,000 jobs in one graph, submitted at once, each with the results of those before it as its input: a chain, layers of 100 in which each job needs two of the layer before, and one job that needs all others.
 *
 * Promises that wait for the same promises are the baseline. They start as soon as they are made, know no limit, no state and no failure of what is upstream, and what is wrong in the graph (a circle, an unknown job) cannot be written with them.
 */
import * as Engine from "@skein/engine/Engine"
import * as Job from "@skein/engine/Job"
import * as Effect from "effect/Effect"
import { type Comparison, main, size, type Subject } from "./kit/bench.ts"
import { items, work } from "./kit/work.ts"

const n = size(100_000)

/** The jobs that job `i` needs; those before it only. */
type Shape = (i: number) => ReadonlyArray<number>

/** Small enough for sums along a long chain. */
const modulus = 1_000_003
const next = (i: number, before: ReadonlyArray<number>): number => before.reduce((sum, value) => (sum + value) % modulus, i)

const width = Math.min(100, n / 4)
const chain: Shape = (i) => (i === 0 ? [] : [i - 1])
const layers: Shape = (i) => {
  const layer = Math.floor(i / width)
  if (layer === 0) return []
  const first = (layer - 1) * width
  return [first + (i % width), first + ((i + 1) % width)]
}
const others = items(n - 1)
const none: ReadonlyArray<number> = []
const fan: Shape = (i) => (i === n - 1 ? others : none)

const answers = (shape: Shape): ReadonlyArray<number> => {
  const values: Array<number> = []
  for (let i = 0; i < n; i++) {
    const before = shape(i).map((at) => values[at]!)
    values.push(next(i, before))
  }
  return values
}

type Answer = ReadonlyArray<number>

const engine = (shape: Shape, limit: number | "unbounded"): Subject<Answer> => ({
  name: limit === "unbounded" ? "Engine" : `Engine, ${limit} places`,
  run: () =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: limit } })
          const jobs: Array<Job.Job<number, never, never>> = []
          for (let i = 0; i < n; i++) {
            const input = shape(i).map((at) => Job.result(jobs[at]!))
            jobs.push(
              Job.make("job", {
                input,
                run: (before: ReadonlyArray<number>) => Effect.promise(() => work(next(i, before) - 1))
              }) as Job.Job<number, never, never>
            )
          }
          const handles = yield* engine.submitAll(jobs)
          yield* engine.awaitIdle
          return handles.map(({ state }) => {
            if (state._tag !== "Ended" || state.outcome._tag !== "Completed") throw new Error(`a job is ${state._tag}`)
            return state.outcome.value
          })
        })
      )
    )
})

const promises = (shape: Shape): Subject<Answer> => ({
  name: "promises",
  run: () => {
    const all: Array<Promise<number>> = []
    for (let i = 0; i < n; i++) {
      const before = shape(i).map((at) => all[at]!)
      all.push(Promise.all(before).then((values) => work(next(i, values) - 1)))
    }
    return Promise.all(all)
  }
})

const comparison = (title: string, shape: Shape): Comparison<Answer> => {
  const right = answers(shape)
  return {
    title,
    n,
    unit: "ns a job",
    baseline: "promises",
    check: (answer) => {
      const wrong = right.findIndex((value, i) => value !== answer[i])
      return wrong < 0 && answer.length === n ? undefined : `job ${wrong} gave ${answer[wrong]} instead of ${right[wrong]}`
    },
    warmUps: 1,
    runs: 3,
    subjects: [engine(shape, "unbounded"), engine(shape, 16), promises(shape)]
  }
}

await main([comparison("a chain", chain), comparison("layers of 100, two upstream each", layers), comparison("one after all others", fan)])
