import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { describe, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import { alarms } from "../src/internal/alarms.ts"
import type { Run } from "../src/internal/run.ts"
import * as Job from "../src/Job.ts"
import * as JobSchedule from "../src/JobSchedule.ts"
import { always } from "./engineKit.ts"
import { worker } from "./JobScheduleKit.ts"

/** What a schedule of every ten seconds does with jobs of so many seconds. */
const jobs = (overlap: JobSchedule.Overlap, seconds: number, options: { readonly runs: number; readonly queueLimit?: number }) =>
  Effect.gen(function* () {
    const log: Array<string> = []
    const engine = yield* Engine.make()
    const made = JobSchedule.make("s", { every: 10_000, overlap, job: worker(log, seconds * 1_000), ...options })
    const handle = yield* JobSchedule.start(engine, made)
    yield* handle.await
    return [...log, `skipped ${handle.status.skipped}`]
  })

describe("a tick that comes while a job runs", () => {
  it("is skipped", () =>
    always(() => jobs("skip", 15, { runs: 3 }), ["+0 at 0", "-0 at 15", "+20 at 20", "-20 at 35", "+40 at 40", "-40 at 55", "skipped 2"]))

  it("waits in a queue", () =>
    always(
      () => jobs("queue", 15, { runs: 4 }),
      ["+0 at 0", "-0 at 15", "+10 at 15", "-10 at 30", "+20 at 30", "-20 at 45", "+30 at 45", "-30 at 60", "skipped 0"]
    ))

  it("takes the place of an older one where too many wait", () =>
    always(
      () => jobs("queue", 45, { runs: 3, queueLimit: 2 }),
      ["+0 at 0", "-0 at 45", "+30 at 45", "-30 at 90", "+70 at 90", "-70 at 135", "skipped 5"]
    ))

  it("cancels that job and waits for its cleanup", () =>
    always(() => jobs("cancel", 15, { runs: 3 }), ["+0 at 0", "x0 at 10", "+10 at 10", "x10 at 20", "+20 at 20", "-20 at 35", "skipped 0"]))

  it("gives way to the newest one while a cancelled job cleans up", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make()
          const job = (tick: JobSchedule.Tick) => {
            const slow = Job.make("slow", { run: Effect.onInterrupt(Effect.never, () => Effect.sleep(7_000)) })
            return tick.at === 0 ? slow : worker(log, 1_000)(tick)
          }
          const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", { every: 2_000, overlap: "cancel", job, runs: 2 }))
          yield* handle.await
          return [...log, handle.status.skipped]
        }),
      ["+8 at 9", "-8 at 10", 3]
    ))

  it("runs beside up to as many as are allowed", () =>
    always(
      () => jobs({ allow: 2 }, 25, { runs: 4 }),
      ["+0 at 0", "+10 at 10", "-0 at 25", "+30 at 30", "-10 at 35", "+40 at 40", "-30 at 55", "-40 at 65", "skipped 1"]
    ))

  for (const overlap of ["skip", "queue", { allow: 1 }] as const) {
    it(`does not overlap at the very instant at which that job ends, under ${JSON.stringify(overlap)}`, () =>
      always(
        () => jobs(overlap, 10, { runs: 3 }),
        ["+0 at 0", "-0 at 10", "+10 at 10", "-10 at 20", "+20 at 20", "-20 at 30", "skipped 0"]
      ))
  }

  it("needs no timer while it waits", () =>
    always(
      () =>
        Effect.gen(function* () {
          const timers = yield* alarms
          const sizes: Array<number> = []
          for (const overlap of ["skip", "queue", { allow: 2 }] as const) {
            const engine = yield* Engine.make()
            const handle = yield* JobSchedule.start(
              engine,
              JobSchedule.make("s", { every: 10_000, overlap, job: Job.make("j", { run: Effect.never }) })
            )
            yield* Effect.sleep(35_000)
            sizes.push(timers.size)
            yield* handle.stop({ running: "interrupt" })
          }
          return sizes
        }),
      [0, 0, 0]
    ))
})

describe("jobs that a schedule has submitted", () => {
  it("count as running when the schedule is started again", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make()
          const made = JobSchedule.make("s", { every: 10_000, job: worker(log, 15_000) })
          yield* Effect.scoped(Effect.andThen(JobSchedule.start(engine, made), Effect.sleep(5_000)))
          const other = JobSchedule.make("s@s", { every: 10_000, start: 5_000, job: worker(log, 1_000), runs: 1 })
          yield* JobSchedule.start(engine, other)
          yield* Effect.sleep(500)
          const again = yield* JobSchedule.start(engine, made)
          const { running } = again.status
          yield* Effect.sleep(17_000)
          return [running, [...log]]
        }),
      [["s@1970-01-01T00:00:00Z"], ["+0 at 0", "+5 at 5", "-5 at 6", "-0 at 15", "+20 at 20"]]
    ))

  it("may share a key with each other: then there is one", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const job = Job.make("j", { key: "k", run: Effect.sleep(15_000) })
          const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", { every: 10_000, overlap: { allow: 2 }, job, runs: 2 }))
          yield* Effect.sleep(11_000)
          const { running } = handle.status
          yield* handle.await
          return [running, (yield* engine.stats).ended.completed]
        }),
      [["s@1970-01-01T00:00:00Z"], 1]
    ))

  it("are listened to until they end, or the schedule does", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const listeners = () =>
            Effect.map(engine.list(), (runs) =>
              Effect.forEach(runs, ({ id }) =>
                Effect.map(engine.get(id), (run) => (Option.getOrThrow(run) as unknown as Run).listeners?.size)
              )
            ).pipe(Effect.flatten)
          const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", { every: 10_000, job: worker([], 15_000) }))
          yield* Effect.sleep(21_000)
          const before = yield* listeners()
          yield* handle.stop({ running: "leave" })
          return [before, yield* listeners()]
        }),
      [
        [0, 1],
        [0, 0]
      ]
    ))
})
