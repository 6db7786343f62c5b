/**
 * Measures 100,000 jobs of an engine in memory, from the first description to the last end: submitted one by one, in batches of 256, and all at once, with 16 places and without a bound, against p-queue, p-limit and `TaskGroup`.
 *
 * A job does what a task of the other benches does: one turn through the microtask queue. The engine keeps a state, times, and an end for each; p-queue and p-limit keep a value, and `TaskGroup` an outcome. Jobs that only give a value, without
 * a turn, show what the engine takes by itself. All handles are held, and the value of each is read at the end.
 */
import * as TaskGroup from "@skein/core/TaskGroup"
import * as Engine from "@skein/engine/Engine"
import * as Job from "@skein/engine/Job"
import * as Effect from "effect/Effect"
import pLimit from "p-limit"
import PQueue from "p-queue"
import { type Comparison, main, size, type Subject } from "./kit/bench.ts"
import { answerOf, checkAnswer, items, work } from "./kit/work.ts"

const n = size(100_000)
const input = items(n)
const batch = 256

type Answer = ReadonlyArray<number>
type Make = (i: number) => Effect.Effect<number>
type Handles = ReadonlyArray<Job.Handle<number, never>>

const promise: Make = (i) => Effect.promise(() => work(i))
const value: Make = (i) => Effect.succeed(answerOf(i))

const valueOf = ({ state }: Job.Handle<number, never>): number => {
  if (state._tag !== "Ended" || state.outcome._tag !== "Completed") throw new Error(`a job is ${state._tag}`)
  return state.outcome.value
}

const inEngine = (limit: number | "unbounded", submit: (engine: Engine.Engine) => Effect.Effect<Handles, unknown>): Promise<Answer> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const engine = yield* Engine.make({ limits: { jobs: limit } })
        const handles = yield* submit(engine)
        yield* engine.awaitIdle
        return handles.map(valueOf)
      })
    )
  )

const oneByOne =
  (make: Make) =>
  (engine: Engine.Engine): Effect.Effect<Handles, unknown> =>
    Effect.forEach(input, (i) => engine.submit(Job.make("job", { run: make(i) })))

const inBatches =
  (make: Make, size: number) =>
  (engine: Engine.Engine): Effect.Effect<Handles, unknown> =>
    Effect.gen(function* () {
      const handles: Array<Job.Handle<number, never>> = []
      for (let from = 0; from < n; from += size) {
        for (const handle of yield* engine.submitAll(input.slice(from, from + size).map((i) => Job.make("job", { run: make(i) })))) {
          handles.push(handle)
        }
      }
      return handles
    })

const engine = (name: string, limit: number | "unbounded", submit: ReturnType<typeof oneByOne>): Subject<Answer> => ({
  name,
  run: () => inEngine(limit, submit)
})

const group = (concurrency: number | "unbounded"): Subject<Answer> => ({
  name: "TaskGroup",
  run: () =>
    Effect.runPromise(
      TaskGroup.run({ concurrency, onFailure: "isolate" }, (group) =>
        Effect.gen(function* () {
          const handles = yield* Effect.forEach(input, (i) => group.spawn(promise(i)))
          return yield* Effect.forEach(handles, (handle) => handle.join)
        })
      )
    )
})

const limit = (concurrency: number): Subject<Answer> => ({
  name: "p-limit",
  run: () => {
    const limit = pLimit(concurrency)
    return Promise.all(input.map((i) => limit(work, i)))
  }
})

const queue = (concurrency: number): Subject<Answer> => ({
  name: "p-queue",
  run: async () => {
    const queue = new PQueue({ concurrency })
    const values = input.map((i) => queue.add(() => work(i)))
    await queue.onIdle()
    return Promise.all(values)
  }
})

const comparison = (title: string, subjects: ReadonlyArray<Subject<Answer>>): Comparison<Answer> => ({
  title,
  n,
  unit: "ns a job",
  baseline: "p-queue",
  check: (answer) => checkAnswer(answer, n),
  warmUps: 1,
  runs: 3,
  subjects
})

await main(
  [
    comparison("16 places", [
      engine("Engine, one by one", 16, oneByOne(promise)),
      engine("Engine, in batches of 256", 16, inBatches(promise, batch)),
      engine("Engine, all at once", 16, inBatches(promise, n)),
      engine("Engine, in batches of 256, jobs without a turn", 16, inBatches(value, batch)),
      group(16),
      limit(16),
      queue(16)
    ]),
    comparison("no bound", [
      engine("Engine, one by one", "unbounded", oneByOne(promise)),
      engine("Engine, in batches of 256", "unbounded", inBatches(promise, batch)),
      engine("Engine, all at once", "unbounded", inBatches(promise, n)),
      engine("Engine, in batches of 256, jobs without a turn", "unbounded", inBatches(value, batch)),
      group("unbounded"),
      limit(Number.POSITIVE_INFINITY),
      queue(Number.POSITIVE_INFINITY)
    ])
  ],
  (tables) =>
    tables.flatMap(({ rows, title }) =>
      rows
        .filter(({ name }) => name.startsWith("Engine"))
        .map(({ name, value }) => `${title}: ${name}: ${Math.round(1e9 / value).toLocaleString("en-US")} jobs a second (goal 50,000)`)
    )
)
