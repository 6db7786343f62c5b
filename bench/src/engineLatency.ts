/**
 * Measures how long a job takes to start in an engine that has nothing else to do: from the call of `submit` to the first step of the job, one job after the other. In a chain it is from the last step of one job to the first of the next.
 *
 * With 100,000 other jobs that wait in the engine it should be the same: nothing walks over them. With a store the job is written before it starts. `PersistedQueue` wakes its own takers when something is offered.
 */
import * as Engine from "@skein/engine/Engine"
import * as Job from "@skein/engine/Job"
import * as JobStore from "@skein/engine/JobStore"
import * as SqliteStore from "@skein/engine/SqliteStore"
import * as SqliteClient from "@skein/node/SqliteClient"
import * as Task from "@skein/parallel/Task"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import PQueue from "p-queue"
import { type Comparison, main, size, type Subject, type Watch } from "./kit/bench.ts"
import { items } from "./kit/work.ts"

const n = size(2_000)
const waiting = size(100_000)

/** How many jobs have run, each once. */
type Answer = number

/** Distances of time. What counts is the median: a collection, or another process that has the core, makes few of them very long. */
class Distances {
  private readonly all: Array<number> = []
  private from = 0
  begin(): void {
    this.from = performance.now()
  }
  readonly end = (): void => {
    this.all.push(performance.now() - this.from)
  }
  get count(): number {
    return this.all.length
  }
  /** The median in microseconds, as often as there are jobs: the kit divides by these. */
  get micros(): number {
    return this.all.toSorted((a, b) => a - b)[this.count >> 1]! * 1000 * n
  }
}

let distances = new Distances()
const mark = Task.make("mark", { payload: Schema.Number, success: Schema.Number, run: (i) => Effect.sync(() => (distances.end(), i)) })
const closure = (i: number): Job.Job<number, never, never> => Job.make("mark", { run: Effect.sync(() => (distances.end(), i)) })
const portable = (i: number): Job.Job<number, unknown, never> => Job.task(mark, i)

type Open = Effect.Effect<JobStore.JobStore | undefined, unknown, Scope.Scope>
const nowhere: Open = Effect.succeed(undefined)
const memory: Open = Effect.sync(JobStore.memory)
const sqlite: Open = Effect.flatMap(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "skein-bench-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
  ),
  (directory) => SqliteStore.make({ path: join(directory, "jobs.db") })
)

const start = (name: string, open: Open, job: (i: number) => Job.Job<number, unknown, never>, others = 0): Subject<Answer> => ({
  name,
  run: (watch) =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { gate: 1 }, store: yield* open })
          if (others > 0) yield* crowd(engine, others)
          const from = (distances = new Distances())
          for (let i = 0; i < n; i++) {
            from.begin()
            const handle = yield* engine.submit(job(i))
            if ((yield* handle.join) !== i) return -1
          }
          watch.record(from.micros)
          return from.count
        })
      )
    )
})

/** One job holds the gate, the others wait for it. */
const crowd = (engine: Engine.Engine, others: number): Effect.Effect<void, Engine.SubmitError> =>
  Effect.gen(function* () {
    const holds = yield* engine.submit(Job.make("holds the gate", { needs: { gate: 1 }, run: Effect.never }))
    yield* Effect.orDie(engine.awaitState(holds, "running"))
    yield* engine.submitAll(items(others).map(() => Job.make("waits", { needs: { gate: 1 }, run: Effect.void })))
  })

const byQueue: Subject<Answer> = {
  name: "p-queue",
  run: async (watch) => {
    const queue = new PQueue({ concurrency: 64 })
    const from = new Distances()
    for (let i = 0; i < n; i++) {
      from.begin()
      await queue.add(async () => from.end())
    }
    watch.record(from.micros)
    return from.count
  }
}

const persisted: Subject<Answer> = {
  name: "PersistedQueue, SQLite",
  run: (watch) => Effect.runPromise(Effect.scoped(persistedProgram(watch)) as Effect.Effect<Answer>)
}

const persistedProgram = (watch: Watch): Effect.Effect<Answer, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "skein-bench-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
    )
    const store = Layer.provide(PersistedQueue.layerStoreSql(), SqliteClient.layer({ path: join(directory, "queue.db") }))
    const context = yield* Layer.build(Layer.provide(PersistedQueue.layer, store))
    return yield* Effect.provide(
      Effect.gen(function* () {
        const queue = yield* PersistedQueue.make({ name: "bench", schema: Schema.Number })
        const from = new Distances()
        for (let i = 0; i < n; i++) {
          const taker = yield* Effect.forkChild(
            queue.take((i) => Effect.sync(() => (from.end(), i))),
            { startImmediately: true }
          )
          // It is to wait already when something is offered, as the engine does.
          for (let turn = 0; turn < 4; turn++) yield* Effect.yieldNow
          from.begin()
          yield* queue.offer(i)
          if ((yield* Fiber.join(taker)) !== i) return -1
        }
        watch.record(from.micros)
        return from.count
      }),
      context
    )
  })

/** From the last step of a job to the first of the one that needs it, along a chain. */
const dependent: Subject<Answer> = {
  name: "Engine, from the end of one job to the start of the next",
  run: (watch) =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const from = new Distances()
          const jobs: Array<Job.Job<void, never, never>> = []
          for (let i = 0; i <= n; i++) {
            const step = Effect.sync(() => {
              if (i > 0) from.end()
              from.begin()
            })
            jobs.push(Job.make("step", i === 0 ? { run: step } : { after: jobs[i - 1]!, run: step }))
          }
          yield* engine.submitAll(jobs)
          yield* engine.awaitIdle
          watch.record(from.micros)
          return from.count
        })
      )
    )
}

const latency: Comparison<Answer> = {
  title: "from submit to the first step of the job",
  n,
  unit: "µs a job",
  baseline: "p-queue",
  check: (count) => (count === n ? undefined : `${count} jobs instead of ${n}`),
  warmUps: 1,
  runs: 3,
  subjects: [
    start("Engine", nowhere, closure),
    start("Engine, beside 100,000 that wait", nowhere, closure, waiting),
    start("Engine, store in memory", memory, portable),
    start("Engine, SQLite", sqlite, portable),
    dependent,
    byQueue,
    persisted
  ]
}

await main([latency])
