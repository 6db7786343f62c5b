/**
 * Measures how much heap a job takes that waits, and one that has ended: bytes that are still there after a collection, divided by the number of jobs.
 *
 * A description is made by the caller and may be held by him; the engine keeps it as long as it keeps the run. So the descriptions alone are the baseline, and all bytes of a row hold them too. A job that waits for a condition has a fiber; one that waits for a
 * limit or for another job is a record.
 */
import * as Condition from "@skein/engine/Condition"
import * as Engine from "@skein/engine/Engine"
import * as Job from "@skein/engine/Job"
import * as JobStore from "@skein/engine/JobStore"
import * as SqliteStore from "@skein/engine/SqliteStore"
import * as Task from "@skein/parallel/Task"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import PQueue from "p-queue"
import { collect, type Comparison, main, size, type Subject } from "./kit/bench.ts"
import { items, work } from "./kit/work.ts"

const n = size(100_000)
const input = items(n)

/** How many jobs wait or have ended in what was measured. */
type Answer = number
type Jobs = ReadonlyArray<Job.Job<number, unknown, never>>

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 8; turn++) await new Promise((resume) => setImmediate(resume))
}

const heap = Effect.promise(async () => {
  await settle()
  collect()
  return process.memoryUsage().heapUsed
})

/** A job with an effect of its own, as in real code. */
const promise = (i: number): Effect.Effect<number> => Effect.promise(() => work(i))
const same = Task.make("same", { payload: Schema.Number, success: Schema.Number, run: (i) => Effect.succeed(i) })
const day = 86_400_000

type Fill = Effect.Effect<{ readonly held: unknown; readonly count: Effect.Effect<number> }, unknown, Scope.Scope>

const subject = (name: string, fill: Fill): Subject<Answer> => ({
  name,
  run: (watch) =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const before = yield* heap
          const filled = yield* fill
          const after = yield* heap
          watch.record(after - before)
          return filled.held === undefined ? 0 : yield* filled.count
        })
      )
    )
})

const descriptions = subject(
  "the descriptions alone",
  Effect.sync(() => {
    const held = input.map((i) => Job.make("job", { run: promise(i) }))
    return { held, count: Effect.succeed(held.length) }
  })
)

/** All wait behind what the first job needs, holds or is. */
const waitFor = (name: string, jobs: (first: Job.Job<never, never, never>) => Jobs, word: keyof Engine.Stats["waiting"]): Subject<Answer> =>
  subject(
    name,
    Effect.gen(function* () {
      const engine = yield* Engine.make({ limits: { gate: 1 } })
      const first = Job.make("first", { needs: { gate: 1 }, run: Effect.never })
      yield* engine.awaitState(yield* engine.submit(first), "running")
      yield* engine.submitAll(jobs(first))
      return { held: engine, count: Effect.map(engine.stats, ({ waiting }) => waiting[word]) }
    })
  )

const limited = (): Jobs => input.map((i) => Job.make("job", { needs: { gate: 1 }, run: promise(i) }))
const after = (first: Job.Job<never, never, never>): Jobs => input.map((i) => Job.make("job", { after: first, run: promise(i) }))
const chained = (first: Job.Job<never, never, never>): Jobs => {
  let last: Job.Job<number, never, never> = first
  return input.map((i) => (last = Job.make("job", { after: last, run: promise(i) })))
}
const tomorrow = (): Jobs => {
  const when = Condition.after(Date.now() + day)
  return input.map((i) => Job.make("job", { when, run: promise(i) }))
}

const onRef = subject(
  "waits for a SubscriptionRef",
  Effect.gen(function* () {
    const ref = yield* SubscriptionRef.make(0)
    const when = Condition.ref(ref, (value) => value > 0)
    const engine = yield* Engine.make()
    yield* engine.submitAll(input.map((i) => Job.make("job", { when, run: promise(i) })))
    return { held: engine, count: Effect.map(engine.stats, ({ waiting }) => waiting.condition) }
  })
)

const pQueue: Subject<Answer> = {
  name: "p-queue",
  run: async (watch) => {
    const before = await Effect.runPromise(heap)
    const queue = new PQueue({ concurrency: 1 })
    const { promise, resolve } = Promise.withResolvers<number>()
    const first = queue.add(() => promise)
    const held = input.map((i) => queue.add(() => work(i)))
    watch.record((await Effect.runPromise(heap)) - before)
    const count = queue.size
    resolve(0)
    await Promise.all([first, ...held])
    return count
  }
}

const ended = (
  name: string,
  options: { readonly retention: number; readonly keep: boolean; readonly store?: Effect.Effect<JobStore.JobStore, unknown, Scope.Scope> },
  job: (i: number) => Job.Job<number, unknown, never>
): Subject<Answer> =>
  subject(
    name,
    Effect.gen(function* () {
      const store = options.store === undefined ? undefined : yield* options.store
      const engine = yield* Engine.make({ retention: options.retention, store })
      const held: Array<unknown> = [engine]
      for (let from = 0; from < n; from += 1_000) {
        const handles = yield* engine.submitAll(input.slice(from, from + 1_000).map(job))
        if (options.keep) held.push(handles)
        yield* engine.awaitIdle
      }
      return { held, count: Effect.map(engine.stats, ({ ended }) => ended.completed) }
    })
  )

const closure = (i: number): Job.Job<number, unknown, never> => Job.make("job", { run: promise(i) })
const portable = (i: number): Job.Job<number, unknown, never> => Job.task(same, i)

const check = (count: Answer): string | undefined => (count === n ? undefined : `${count} jobs instead of ${n}`)
const shared = { n, unit: "bytes a job", check, warmUps: 1, runs: 2, baseline: "the descriptions alone" } as const

await main([
  {
    ...shared,
    title: "a waiting job",
    subjects: [
      descriptions,
      waitFor("waits for a limit", limited, "limit"),
      waitFor("waits for one job", after, "upstream"),
      waitFor("waits for the one before, in a chain", chained, "upstream"),
      waitFor("waits for tomorrow", tomorrow, "condition"),
      onRef,
      pQueue
    ]
  },
  {
    ...shared,
    title: "an ended job",
    subjects: [
      descriptions,
      ended("kept by the engine", { retention: n, keep: false }, closure),
      ended("forgotten by the engine", { retention: 0, keep: false }, closure),
      ended("forgotten by the engine, its handle kept", { retention: 0, keep: true }, closure),
      ended("kept, in a store in memory too", { retention: n, keep: false, store: Effect.sync(JobStore.memory) }, portable),
      ended("kept, in SQLite too", { retention: n, keep: false, store: SqliteStore.make({ path: ":memory:" }) }, portable)
    ]
  }
] satisfies ReadonlyArray<Comparison<Answer>>)
