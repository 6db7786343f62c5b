import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { describe, it } from "vitest"
import * as Condition from "../src/Condition.ts"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import * as JobSchedule from "../src/JobSchedule.ts"
import * as Sentinel from "../src/Sentinel.ts"
import { always, reasonOf } from "./engineKit.ts"
import { worker } from "./JobScheduleKit.ts"

const job = Job.make("j", { run: Effect.void })

describe("the handle of a schedule", () => {
  const started = (log: Array<string>, millis: number, options: Partial<JobSchedule.Options<void>> = {}) =>
    Effect.gen(function* () {
      const engine = yield* Engine.make()
      const made = JobSchedule.make("s", { every: 10_000, job: worker(log, millis), ...options } as JobSchedule.Options<void>)
      return { engine, handle: yield* JobSchedule.start(engine, made) }
    })

  it("says how it stands", () =>
    always(
      () =>
        Effect.gen(function* () {
          const { handle } = yield* started([], 15_000, { overlap: "queue", runs: 3 })
          yield* Effect.sleep(17_000)
          const during = handle.status
          yield* handle.await
          return [handle.name, during, { ...handle.status, failures: [] }]
        }),
      [
        "s",
        {
          state: "active",
          endedBy: undefined,
          next: 20_000,
          running: ["s@1970-01-01T00:00:10Z"],
          waiting: 0,
          runs: 2,
          skipped: 0,
          missed: 0,
          failed: 0,
          failedInARow: 0,
          failures: []
        },
        {
          state: "ended",
          endedBy: "runs",
          next: undefined,
          running: [],
          waiting: 0,
          runs: 3,
          skipped: 0,
          missed: 0,
          failed: 0,
          failedInARow: 0,
          failures: []
        }
      ]
    ))

  it("tells changes, the newest only to who is slow, and the end", () =>
    always(
      () =>
        Effect.gen(function* () {
          const { handle } = yield* started([], 1_000, { runs: 3 })
          const slow = yield* Effect.forkChild(Stream.runCollect(Stream.tap(handle.changes, () => Effect.sleep(25_000))))
          const seen = yield* Stream.runCollect(handle.changes)
          yield* Fiber.await(slow)
          const all = [...seen]
          return [
            all.at(-1)!.endedBy,
            all.every((status, i) => i === 0 || status.runs >= all[i - 1]!.runs),
            [...(yield* Fiber.join(slow))].length
          ]
        }),
      ["runs", true, 2]
    ))

  it("lets ticks pass in a pause, and goes on after it", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const { handle } = yield* started(log, 15_000, { overlap: "queue" })
          yield* Effect.sleep(5_000)
          yield* handle.pause
          yield* handle.pause
          const { next, state } = handle.status
          yield* Effect.sleep(30_000)
          yield* handle.resume
          yield* Effect.sleep(10_000)
          return [state, next, [...log], handle.status.skipped]
        }),
      ["paused", undefined, ["+0 at 0", "-0 at 15", "+40 at 40"], 3]
    ))

  it("skips what waits when it is paused", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const { handle } = yield* started(log, 35_000, { overlap: "queue" })
          yield* Effect.sleep(36_000)
          const before = handle.status.waiting
          yield* handle.pause
          yield* Effect.sleep(40_000)
          return [before, handle.status.waiting, log.length, handle.status.skipped]
        }),
      [2, 0, 4, 2]
    ))

  it("drains what runs when it is stopped", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const { handle } = yield* started(log, 15_000)
          yield* Effect.sleep(12_000)
          const stopping = yield* Effect.forkChild(handle.stop())
          yield* Effect.sleep(1_000)
          log.push(handle.status.state)
          yield* Fiber.join(stopping)
          log.push(handle.status.state)
          return [...log, yield* handle.await]
        }),
      ["+0 at 0", "stopping", "-0 at 15", "ended", "stopped"]
    ))

  it("cancels what runs when it is stopped so, also after a milder stop", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const { handle } = yield* started(log, 15_000)
          yield* Effect.sleep(2_000)
          yield* Effect.forkChild(handle.stop())
          yield* Effect.sleep(1_000)
          yield* handle.stop({ running: "interrupt" })
          return log
        }),
      ["+0 at 0", "x0 at 3"]
    ))

  it("is not stopped more mildly than was asked for before", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const { handle } = yield* started(log, 15_000)
          yield* Effect.sleep(2_000)
          yield* Effect.all([handle.stop({ running: "interrupt" }), Effect.andThen(Effect.sleep(0), handle.stop())], { concurrency: 2 })
          return log
        }),
      ["+0 at 0", "x0 at 2"]
    ))

  it("leaves what runs to the engine when it is stopped so, and when its scope closes", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const { engine, handle } = yield* started(log, 15_000)
          yield* Effect.sleep(2_000)
          yield* handle.stop({ running: "leave" })
          const scope = yield* Scope.make()
          const other = yield* Scope.provide(
            JobSchedule.start(engine, JobSchedule.make("o", { every: 10_000, job: worker(log, 5_000) })),
            scope
          )
          yield* Effect.sleep(9_000)
          yield* Scope.close(scope, Exit.void)
          log.push(yield* other.await)
          yield* engine.awaitIdle
          yield* Effect.sleep(60_000)
          return [...log]
        }),
      ["+0 at 0", "+10 at 10", "scope", "-0 at 15", "-10 at 15"],
      1
    ))

  it("is refused to a job of its own that would wait for itself", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const told: Array<string> = []
          const own = (tick: JobSchedule.Tick) =>
            Job.make("j", {
              run: Effect.gen(function* () {
                if (tick.at === 1_000) told.push(String(yield* Effect.exit(handle.await)))
                else told.push(String(yield* Effect.exit(handle.stop())))
              })
            })
          const handle: JobSchedule.Handle<void> = yield* JobSchedule.start(
            engine,
            JobSchedule.make("s", { every: 1_000, start: 1_000, job: own })
          )
          yield* handle.await
          return told.map((text) => /wait for each other: .*?(?=[,)"]|$)/.exec(text)?.[0])
        }),
      [
        "wait for each other: s@1970-01-01T00:00:01Z → s → s@1970-01-01T00:00:01Z",
        "wait for each other: s@1970-01-01T00:00:02Z → s@1970-01-01T00:00:02Z"
      ],
      200
    ))

  it("stops from inside of a job that needs the place of what it waits for", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const log: Array<string> = []
          const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", { every: 10_000, start: 5_000, job: worker(log, 1_000) }))
          const other = yield* engine.submit(Job.make("other", { run: Effect.andThen(Effect.sleep(7_000), handle.stop()) }))
          yield* other.join
          return log
        }),
      ["+5 at 7", "-5 at 8"]
    ))

  it("submits a job when it is triggered, whatever else runs, which later ticks see", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const { handle } = yield* started(log, 15_000)
          yield* Effect.sleep(12_000)
          yield* handle.pause
          const [first, second] = yield* Effect.all([handle.trigger, handle.trigger])
          yield* handle.resume
          yield* Effect.sleep(23_000)
          return [first.id, second.id, log.toSorted(), handle.status.runs, handle.status.skipped]
        }),
      [
        "s!1970-01-01T00:00:12Z",
        "s!1970-01-01T00:00:12Z/2",
        ["+0 at 0", "+12 at 12", "+12 at 12", "+30 at 30", "-0 at 15", "-12 at 27", "-12 at 27"],
        2,
        2
      ]
    ))

  it("says why there is no job when it is triggered", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const make = (made: () => Job.Job<void>) => JobSchedule.make("s", { every: 10_000, start: 5_000, job: made })
          const broken = yield* JobSchedule.start(
            engine,
            make(() => {
              throw new Error("no job")
            })
          )
          const threw = yield* Effect.flip(broken.trigger)
          yield* broken.stop()
          const ended = yield* Effect.flip(broken.trigger)
          const greedy = yield* JobSchedule.start(
            engine,
            make(() => Job.make("j", { needs: { gold: 1 }, run: Effect.void }))
          )
          const refused = yield* reasonOf(greedy.trigger as Effect.Effect<unknown, Engine.SubmitError>)
          return [threw.message, ended.message, refused._tag]
        }),
      [`schedule "s" has no job: Error: no job`, `schedule "s" has ended: stopped`, "UnknownLimit"]
    ))

  it("ends by the engine when that is closed", () =>
    always(
      () =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const engine = yield* Scope.provide(Engine.make(), scope)
          const handle = yield* JobSchedule.start(
            engine,
            JobSchedule.make("s", { every: 10_000, job: Job.make("j", { run: Effect.never }) })
          )
          yield* Effect.sleep(5_000)
          yield* Scope.close(scope, Exit.void)
          return [yield* handle.await, handle.status.failed]
        }),
      ["engine", 0]
    ))

  it("ends by the engine when that is closed between two ticks", () =>
    always(
      () =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const engine = yield* Scope.provide(Engine.make(), scope)
          const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", { every: "1 day", start: 5_000, job }))
          yield* Scope.close(scope, Exit.void)
          const by = yield* handle.await
          return [by, yield* Effect.clockWith((clock) => clock.currentTimeMillis)]
        }),
      ["engine", 0]
    ))

  it("ends by an engine that drains also where one of its jobs has started it", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const scope = yield* Scope.make()
          const engine = yield* Scope.provide(Engine.make({ onClose: "drain" }), scope)
          const starter = Effect.scoped(
            Effect.gen(function* () {
              const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", { every: 10_000, start: 0, job: worker(log, 0) }))
              yield* Effect.sleep(25_000)
              return handle.status.endedBy
            })
          )
          const outer = yield* engine.submit(Job.make("outer", { run: starter }))
          yield* Effect.sleep(5_000)
          yield* Scope.close(scope, Exit.void)
          return [yield* outer.join, ...log]
        }),
      ["engine", "+0 at 0", "-0 at 0"]
    ))

  it("is the only one of its name on its engine, until it has ended", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const made = JobSchedule.make("s", { every: 10_000, start: 5_000, job })
          const first = yield* JobSchedule.start(engine, made)
          const again = yield* Effect.flip(JobSchedule.start(engine, made))
          const sentinel = Sentinel.make("s", { when: Condition.always, job })
          const other = yield* Effect.flip(Sentinel.start(engine, sentinel))
          yield* first.stop()
          yield* Sentinel.start(engine, sentinel)
          yield* JobSchedule.start(yield* Engine.make(), made)
          return [again.message, other.message]
        }),
      [`schedule "s" is not started, for one of this name runs`, `sentinel "s" is not started, for one of this name runs`]
    ))

  it("ends by its scope together with an engine in the same one", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const scope = yield* Scope.make()
          const { handle } = yield* Scope.provide(started(log, 15_000), scope)
          yield* Effect.sleep(5_000)
          yield* Scope.close(scope, Exit.void)
          return [handle.status.endedBy, ...log]
        }),
      ["scope", "+0 at 0", "x0 at 5"]
    ))
})
