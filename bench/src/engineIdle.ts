/**
 * Measures the processor time that 100,000 waiting jobs take while nothing happens: of the whole process, all threads, in two seconds.
 *
 * The baseline is what executor-engine does unless told otherwise, written out by hand in its cheapest form: each waiting job looks at its condition every 10 ms (`wait_time_delta`), here by one timer for all of them and one comparison for each. A process with an
 * engine that has no jobs at all is the floor, for Node and the sleep of the bench take something too.
 */
import * as Condition from "@skein/engine/Condition"
import * as Engine from "@skein/engine/Engine"
import * as Job from "@skein/engine/Job"
import * as SqliteStore from "@skein/engine/SqliteStore"
import * as Task from "@skein/parallel/Task"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { collect, type Comparison, main, size, smoke, type Subject } from "./kit/bench.ts"
import { items } from "./kit/work.ts"

const n = size(100_000)
const input = items(n)
const seconds = smoke ? 0.02 : 2
/** What was put off while the jobs were submitted is to be over, and so is the collection, whose other threads go on for about a second after it returned. */
const calm = smoke ? 10 : 3_000

/** How many jobs wait. */
type Answer = number

const sleep = (millis: number): Effect.Effect<void> => Effect.promise(() => new Promise((resume) => setTimeout(resume, millis)))

type Idle = Effect.Effect<Effect.Effect<number>, unknown, Scope.Scope>

const subject = (name: string, begin: Idle): Subject<Answer> => ({
  name,
  run: (watch) =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const waiting = yield* begin
          collect()
          yield* sleep(calm)
          const before = process.cpuUsage()
          yield* sleep(seconds * 1000)
          const { system, user } = process.cpuUsage(before)
          watch.record((system + user) / seconds / 1000)
          return yield* waiting
        })
      )
    )
})

const waitingIn = (engine: Engine.Engine): Effect.Effect<number> =>
  Effect.map(engine.stats, ({ waiting }) => waiting.condition + waiting.limit + waiting.upstream)

const inEngine = (jobs: Effect.Effect<ReadonlyArray<Job.Job<unknown, unknown, never>>, never, Scope.Scope>): Idle =>
  Effect.gen(function* () {
    const engine = yield* Engine.make({ limits: { gate: 1 } })
    yield* engine.awaitState(yield* engine.submit(Job.make("first", { needs: { gate: 1 }, run: Effect.never })), "running")
    yield* engine.submitAll(yield* jobs)
    return waitingIn(engine)
  })

const polled: Idle = Effect.gen(function* () {
  const at = Date.now() + 86_400_000
  const conditions = input.map((i) => ({ holds: (now: number) => now >= at + i }))
  let held = 0
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      setInterval(() => {
        const now = Date.now()
        for (const condition of conditions) if (condition.holds(now)) held++
      }, 10)
    ),
    (timer) => Effect.sync(() => clearInterval(timer))
  )
  return Effect.sync(() => conditions.length - held)
})

const limited = Effect.sync(() => input.map(() => Job.make("job", { needs: { gate: 1 }, run: Effect.void })))
const chained = Effect.sync(() => {
  let last: Job.Job<void, never, never> = Job.make("job", { needs: { gate: 1 }, run: Effect.void })
  return input.map((i) => (i === 0 ? last : (last = Job.make("job", { after: last, run: Effect.void }))))
})
const tomorrow = Effect.sync(() => {
  const now = Date.now()
  return input.map((i) => Job.make("job", { when: Condition.after(now + 86_400_000 + i), run: Effect.void }))
})
const onRef = Effect.map(SubscriptionRef.make(0), (ref) => {
  const when = Condition.ref(ref, (value) => value > 0)
  return input.map(() => Job.make("job", { when, run: Effect.void }))
})

const same = Task.make("same", { payload: Schema.Number, success: Schema.Number, run: (i) => Effect.succeed(i) })

/** Beside what waits the store itself is watched for requests of other processes. */
const stored: Idle = Effect.gen(function* () {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "skein-bench-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
  )
  const engine = yield* Engine.make({ store: yield* SqliteStore.make({ path: join(directory, "jobs.db") }) })
  const when = Condition.after(Date.now() + 86_400_000)
  yield* engine.submitAll(input.map((i) => Job.task(same, i, { when })))
  return waitingIn(engine)
})

const idle: Comparison<Answer> = {
  title: "while nothing happens",
  // Not divided by the number of jobs: they are to cost nothing together.
  n: 1,
  unit: "ms of CPU a second",
  baseline: "100,000 conditions, asked every 10 ms",
  check: (waiting) => (waiting === n || waiting === -1 ? undefined : `${waiting} jobs wait instead of ${n}`),
  warmUps: 0,
  runs: 1,
  subjects: [
    subject(
      "an engine without jobs",
      Effect.map(Engine.make(), () => Effect.succeed(-1))
    ),
    subject("100,000 jobs wait for a limit", inEngine(limited)),
    subject("100,000 jobs wait for each other, in a chain", inEngine(chained)),
    subject("100,000 jobs wait for tomorrow", inEngine(tomorrow)),
    subject("100,000 jobs wait for a SubscriptionRef", inEngine(onRef)),
    subject("100,000 jobs in SQLite wait for tomorrow", stored),
    subject("100,000 conditions, asked every 10 ms", polled)
  ]
}

await main([idle])
