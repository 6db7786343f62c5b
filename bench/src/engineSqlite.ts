/**
 * Measures jobs that survive their process: `{ a, b } -> a + b` from submission until the last one has ended and its end is in a file of SQLite. The engine with `SqliteStore` against Effect's own `PersistedQueue` over `SqliteClient`, in one run, with the same
 * settings of SQLite (write-ahead log, `synchronous` normal), each run with a file of its own.
 *
 * An engine writes each job when it is submitted, starts and ends, and keeps what it gave; a `PersistedQueue` writes each element when it is offered, taken and settled, and keeps no result. Both may do 64 at a time. A queue has no way to offer several: its
 * batches are offers in one transaction of 256, and the takers begin when all is offered, for they share the connection.
 */
import * as Engine from "@skein/engine/Engine"
import * as Job from "@skein/engine/Job"
import * as JobStore from "@skein/engine/JobStore"
import * as SqliteStore from "@skein/engine/SqliteStore"
import * as SqliteClient from "@skein/node/SqliteClient"
import * as Task from "@skein/parallel/Task"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Comparison, main, size, type Subject, type Watch } from "./kit/bench.ts"
import { items } from "./kit/work.ts"

const n = size(10_000)
const input = items(n)
const inFlight = 64
const batch = 256

const Pair = Schema.Struct({ a: Schema.Number, b: Schema.Number })
const add = Task.make("add", { payload: Pair, success: Schema.Number, run: ({ a, b }) => Effect.succeed(a + b) })
const pair = (i: number): typeof Pair.Type => ({ a: i, b: 1 })

/** The sum of what all jobs gave. */
type Answer = number
const right = input.reduce((sum, i) => sum + i + 1, 0)

const folder = (use: (path: string) => Promise<Answer>): Promise<Answer> => {
  const directory = mkdtempSync(join(tmpdir(), "skein-bench-"))
  return use(join(directory, "bench.db")).finally(() => rmSync(directory, { recursive: true }))
}

const valueOf = ({ state }: Job.Handle<number, unknown>): number => {
  if (state._tag !== "Ended" || state.outcome._tag !== "Completed") throw new Error(`a job is ${state._tag}`)
  return state.outcome.value
}

type Submit = (engine: Engine.Engine) => Effect.Effect<number, unknown>

/** 64 fibers that each submit a job, wait for its end, and submit the next. */
const inFlightEach: Submit = (engine) =>
  Effect.map(
    Effect.forEach(input, (i) => Effect.flatMap(engine.submit(Job.task(add, pair(i))), ({ join }) => join), { concurrency: inFlight }),
    (values) => values.reduce((sum, value) => sum + value, 0)
  )

const inBatches: Submit = (engine) =>
  Effect.gen(function* () {
    const all: Array<Job.Handle<number, unknown>> = []
    for (let from = 0; from < n; from += batch) {
      const jobs = input.slice(from, from + batch).map((i) => Job.task(add, pair(i)))
      for (const handle of yield* engine.submitAll(jobs)) all.push(handle)
    }
    yield* engine.awaitIdle
    return all.reduce((sum, handle) => sum + valueOf(handle), 0)
  })

const inStore = (
  watch: Watch,
  open: (path: string) => Effect.Effect<JobStore.JobStore | undefined, unknown, Scope.Scope>,
  submit: Submit
): Promise<Answer> =>
  folder((path) =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const store = yield* open(path)
          const engine = yield* Engine.make({ limits: { jobs: inFlight }, store })
          watch.start()
          const sum = yield* submit(engine)
          watch.stop()
          return sum
        })
      )
    )
  )

const sqlite = (path: string): Effect.Effect<JobStore.JobStore, unknown, Scope.Scope> => SqliteStore.make({ path })
const memory = (): Effect.Effect<JobStore.JobStore> => Effect.sync(JobStore.memory)
const nowhere = (): Effect.Effect<undefined> => Effect.succeed(undefined)

const engine = (name: string, open: Parameters<typeof inStore>[1], submit: Submit): Subject<Answer> => ({
  name,
  run: (watch) => inStore(watch, open, submit)
})

type Queue = PersistedQueue.PersistedQueue<typeof Pair.Type>

/** Offers with 64 in flight, or all of 256 in one transaction. */
const offer = (queue: Queue, how: "each" | "batches"): Effect.Effect<void, unknown, SqliteClient.SqliteClient> =>
  how === "each"
    ? Effect.forEach(input, (i) => queue.offer(pair(i)), { concurrency: inFlight, discard: true })
    : Effect.gen(function* () {
        const sql = yield* SqliteClient.SqliteClient
        for (let from = 0; from < n; from += batch) {
          yield* sql.withTransaction(Effect.forEach(input.slice(from, from + batch), (i) => queue.offer(pair(i)), { discard: true }))
        }
      })

const inQueue = (
  watch: Watch,
  how: "each" | "batches",
  store: Layer.Layer<PersistedQueue.PersistedQueueStore, unknown, SqliteClient.SqliteClient>
): Promise<Answer> =>
  folder((path) => {
    const client = SqliteClient.layer({ path })
    const queues = Layer.provide(PersistedQueue.layer, store)
    return Effect.runPromise(
      Effect.gen(function* () {
        const queue = yield* PersistedQueue.make({ name: "bench", schema: Pair })
        const done = yield* Deferred.make<void>()
        let sum = 0
        let left = n
        const take = queue.take(({ a, b }) =>
          Effect.sync(() => {
            sum += a + b
          })
        )
        // A taker is done when what it took is settled.
        const taken = Effect.flatMap(take, () => (--left === 0 ? Deferred.succeed(done, undefined) : Effect.void))
        watch.start()
        const offering = offer(queue, how)
        if (how === "batches") yield* offering
        const takers = yield* Effect.forEach(items(inFlight), () => Effect.forkChild(Effect.forever(taken)))
        if (how === "each") yield* offering
        yield* Deferred.await(done)
        watch.stop()
        yield* Fiber.interruptAll(takers)
        return sum
      }).pipe(Effect.provide(Layer.provideMerge(queues, client)))
    )
  })

const persisted = (name: string, how: "each" | "batches"): Subject<Answer> => ({
  name,
  run: (watch) => inQueue(watch, how, PersistedQueue.layerStoreSql() as never)
})

const check = (sum: Answer): string | undefined => (sum === right ? undefined : `the sum is ${sum} instead of ${right}`)
const shared = { n, unit: "ns a job", check, warmUps: 1, runs: 3 } as const

const each: Comparison<Answer> = {
  ...shared,
  title: "one by one, 64 in flight",
  baseline: "PersistedQueue, SQLite",
  subjects: [
    engine("Engine, SQLite", sqlite, inFlightEach),
    engine("Engine, store in memory", memory, inFlightEach),
    engine("Engine, no store", nowhere, inFlightEach),
    persisted("PersistedQueue, SQLite", "each")
  ]
}

const batches: Comparison<Answer> = {
  ...shared,
  title: "batches of 256, 64 places",
  baseline: "PersistedQueue, SQLite",
  subjects: [
    engine("Engine, SQLite", sqlite, inBatches),
    engine("Engine, store in memory", memory, inBatches),
    engine("Engine, no store", nowhere, inBatches),
    persisted("PersistedQueue, SQLite", "batches")
  ]
}

await main([each, batches], (tables) =>
  tables.map(
    ({ rows, title }) =>
      `${title}: ${rows.map(({ name, value }) => `${name} ${Math.round(1e9 / value).toLocaleString("en-US")}`).join(", ")} jobs a second (goal: not slower than PersistedQueue)`
  )
)
