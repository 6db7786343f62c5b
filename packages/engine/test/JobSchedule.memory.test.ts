import { Simulator } from "@skein/core/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import * as JobSchedule from "../src/JobSchedule.ts"
import type { Json } from "../src/JobStore.ts"
import { always } from "./engineKit.ts"
import { memory, quiet, untouched, worker } from "./JobScheduleKit.ts"

// Set by `pnpm soak`: the same suite at full size.
const soak = process.env["SKEIN_SOAK"] === "1"
const patience = soak ? 3_600_000 : 60_000

const make = (log: Array<string>, options: Partial<JobSchedule.Options<void>> = {}, millis = 1_000): JobSchedule.JobSchedule<void> =>
  JobSchedule.make("s", { every: 10_000, job: worker(log, millis, false), ...options } as JobSchedule.Options<void>)

/** Starts a schedule for so many seconds on an engine of its own. */
const once = (
  schedule: JobSchedule.JobSchedule<void>,
  seconds: number,
  kept: JobSchedule.Memory,
  body: (handle: JobSchedule.Handle<void>) => Effect.Effect<unknown> = () => Effect.void
): Effect.Effect<void, JobSchedule.JobScheduleError> =>
  Effect.scoped(
    Effect.gen(function* () {
      const engine = yield* Engine.make()
      const handle = yield* JobSchedule.start(engine, schedule, { memory: kept })
      yield* body(handle)
      yield* Effect.sleep(seconds * 1_000)
    })
  )

/** What a schedule does that was stopped from second 15 to second 45. */
const restarted = (options: Partial<JobSchedule.Options<void>>) =>
  Effect.gen(function* () {
    const log: Array<string> = []
    const kept = memory()
    yield* once(make(log, options), 15, kept)
    yield* Effect.sleep(30_000)
    yield* once(make(log, options), 10, kept)
    return log.filter((line) => line.startsWith("+"))
  })

describe("a schedule with a memory", () => {
  it("takes what was missed before it is started for the first time for nothing", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          yield* Effect.sleep(35_000)
          yield* once(make(log, { catchUp: "all", start: 0 }), 10, memory())
          return log
        }),
      ["+40", "-40"]
    ))

  it("knows what was missed since it was started for the first time, also if there was no tick before it died", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const kept = memory()
          yield* Effect.sleep(5_000)
          yield* once(make(log, { catchUp: "all" }), 3, kept)
          yield* Effect.sleep(20_000)
          yield* once(make(log, { catchUp: "all" }), 10, kept)
          return log.filter((line) => line.startsWith("+"))
        }),
      ["+10", "+20", "+30"]
    ))

  it("has noted what it submitted when its scope has closed", () =>
    always(
      () =>
        Effect.gen(function* () {
          const kept = memory(untouched)
          const slow: JobSchedule.Memory = { load: kept.load, save: (state) => Effect.delay(kept.save(state), 2_000) }
          yield* once(make([]), 1, slow)
          return kept.state as Json
        }),
      { last: "1970-01-01T00:00:00Z", runs: 1, paused: false }
    ))

  it("skips what was missed while it was down", () => always(() => restarted({ lateAfter: 0 }), ["+0", "+10", "+50"]))

  it("runs one job for what was missed while it was down", () =>
    always(() => restarted({ lateAfter: 0, catchUp: "last" }), ["+0", "+10", "+40", "+50"]))

  it("runs what was missed while it was down", () => always(() => restarted({ catchUp: "all" }), ["+0", "+10", "+20", "+30", "+40", "+50"]))

  it("counts runs over restarts", () => always(() => restarted({ catchUp: "all", runs: 4 }), ["+0", "+10", "+20", "+30"]))

  it("runs what was waiting in its queue", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const kept = memory()
          yield* once(make(log, { overlap: "queue", catchUp: "all" }, 25_000), 55, kept)
          return [log, kept.state as Json]
        }),
      [["+0", "-0", "+10", "-10", "+20", "x20"], { last: "1970-01-01T00:00:29.999Z", runs: 3, paused: false }]
    ))

  it("stays paused", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const kept = memory()
          yield* once(make(log), 5, kept, (handle) => Effect.andThen(Effect.sleep(5_000), handle.pause))
          yield* once(make(log), 25, kept, (handle) => Effect.sync(() => log.push(handle.status.state)))
          yield* once(make(log, { catchUp: "all" }), 20, kept, (handle) => handle.resume)
          return log
        }),
      ["+0", "-0", "paused", "+40", "-40", "+50", "-50"]
    ))

  it("refuses a memory that holds something else, and leaves it alone", () =>
    always(
      () =>
        Effect.gen(function* () {
          const states: ReadonlyArray<Json> = [
            1,
            null,
            [],
            { last: 3 },
            { ...(untouched as object), runs: -1 },
            { last: "no", runs: 0, paused: false }
          ]
          const told: Array<string> = []
          for (const state of states) {
            const kept = memory(state)
            const error = yield* Effect.flip(once(make([]), 1, kept))
            if (kept.state === state && kept.saves === 0) told.push(error.reason._tag)
          }
          return told
        }),
      Array.from({ length: 6 }, () => "MemoryUnreadable")
    ))

  it("fails to start where the memory cannot be read", () =>
    always(() => {
      const kept = { load: Effect.fail("no disk"), save: () => Effect.void }
      return Effect.map(Effect.flip(once(make([]), 1, kept)), (error) => error.message)
    }, `schedule "s" could not use its memory: no disk`))

  it("ends where the memory cannot be written, and leaves what runs to the engine", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make()
          const kept: JobSchedule.Memory = {
            load: Effect.succeed(untouched),
            save: (state) => ((state as { readonly runs: number }).runs === 2 ? Effect.die(new Error("full")) : Effect.void)
          }
          const handle = yield* JobSchedule.start(engine, make(log), { memory: kept })
          const error = yield* Effect.flip(handle.await)
          yield* Effect.sleep(30_000)
          return [error.message, handle.status.endedBy, log]
        }).pipe(quiet),
      [`schedule "s" could not use its memory: Error: full`, "error", ["+0", "-0", "+10", "-10"]],
      3
    ))
})

describe("a process that dies between a submission and its note", () => {
  for (const lost of [0, 1, 2, 3]) {
    it(`has no tick twice when it is started again: ${lost} notes of 3 were made`, () =>
      always(
        () =>
          Effect.gen(function* () {
            const log: Array<string> = []
            // The engine knows all that was submitted, as one with a store does.
            const engine = yield* Engine.make()
            const first = memory(untouched)
            const dying: JobSchedule.Memory = {
              load: first.load,
              save: (state) => (first.saves < lost ? first.save(state) : Effect.void)
            }
            const schedule = make(log, { catchUp: "all" })
            yield* Effect.scoped(Effect.andThen(JobSchedule.start(engine, schedule, { memory: dying }), Effect.sleep(25_000)))
            const handle = yield* JobSchedule.start(engine, schedule, { memory: memory(first.state) })
            yield* Effect.sleep(20_000)
            return [log.filter((line) => line.startsWith("+")), handle.status.runs, handle.status.failures]
          }),
        [["+0", "+10", "+20", "+30", "+40"], 5, []]
      ))
  }

  it("leaves a tick to the next start that a closing engine did not take", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const kept = memory(untouched)
          const schedule = make(log, { catchUp: "all", overlap: { allow: 2 } }, 15_000)
          const scope = yield* Scope.make()
          const engine = yield* Scope.provide(Engine.make({ onClose: "drain" }), scope)
          const handle = yield* JobSchedule.start(engine, schedule, { memory: kept })
          yield* Effect.sleep(5_000)
          yield* Scope.close(scope, Exit.void)
          const by = yield* handle.await
          yield* once(schedule, 10, kept)
          return [by, ...log.filter((line) => line.startsWith("+"))]
        }),
      ["engine", "+0", "+10", "+20"]
    ))

  it("takes a tick whose job is forgotten for one that had its turn", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make()
          const refusing: Engine.Engine = Object.assign(Object.create(engine) as Engine.Engine, {
            submit: (job: Job.Job<unknown, unknown, unknown>) =>
              job.id === "s@1970-01-01T00:00:00Z"
                ? Effect.fail(new Engine.SubmitError({ reason: { _tag: "DuplicateId", id: job.id } }))
                : engine.submit(job)
          })
          const handle = yield* JobSchedule.start(refusing, make(log, { runs: 2 }), { memory: memory(untouched) })
          return [yield* handle.await, handle.status.failed, ...log]
        }),
      ["runs", 0, "+10", "-10"]
    ))
})

describe("a schedule that is stopped at any step and started again", () => {
  const programs: Record<string, { readonly millis: number; readonly options: Partial<JobSchedule.Options<void>> }> = {
    "one at a time": { millis: 1_000, options: { overlap: "queue" } },
    "several at a time": { millis: 8_000, options: { overlap: { allow: 5 } } },
    "with jitter": { millis: 1_000, options: { overlap: "queue", jitter: "9 seconds" } }
  }
  for (const [name, { millis, options }] of Object.entries(programs)) {
    it(
      `runs each tick once: ${name}`,
      async () => {
        let ticks: Array<number> = []
        let submitted = new Set<string>()
        let started = false
        let endedBy: JobSchedule.EndedBy | undefined
        const ways = new Set<string>()
        /** The engine outlives the schedule, as one with a store outlives its process. */
        const program = (): Effect.Effect<unknown, unknown> => {
          ticks = []
          submitted = new Set()
          started = false
          const kept = memory(untouched)
          const job = (tick: JobSchedule.Tick): Job.Job<void> =>
            Job.make("work", {
              run: Effect.andThen(
                Effect.sync(() => ticks.push(tick.at / 1_000)),
                Effect.sleep(millis)
              )
            })
          const schedule = JobSchedule.make("s", {
            every: 10_000,
            catchUp: "all",
            lateAfter: 0,
            job,
            ...options
          } as JobSchedule.Options<void>)
          const run = (engine: Engine.Engine, until: number): Effect.Effect<void, unknown, Scope.Scope> =>
            Effect.gen(function* () {
              const handle = yield* JobSchedule.start(engine, schedule, { memory: kept })
              yield* Effect.clockWith((clock) => Effect.sleep(until - clock.currentTimeMillisUnsafe()))
              yield* handle.stop()
              endedBy = handle.status.endedBy
            })
          return Effect.scoped(
            Effect.flatMap(Engine.make({ onChange: (run) => void submitted.add(run.id) }), (engine) =>
              Effect.ensuring(
                Effect.suspend(() => {
                  started = true
                  return Effect.scoped(run(engine, 25_000))
                }),
                Effect.suspend(() =>
                  started ? Effect.orDie(Effect.andThen(Effect.sleep(13_000), Effect.scoped(run(engine, 69_500)))) : Effect.void
                )
              )
            )
          )
        }
        const sweep = await Simulator.sweep(program, {
          seeds: soak ? 40 : 2,
          maxRuns: soak ? 20_000 : 600,
          after: (run) => {
            if (!started) return
            ways.add(run.exit !== undefined && Exit.isSuccess(run.exit) ? "ended" : "interrupted")
            const expected = [0, 10, 20, 30, 40, 50, 60].map(
              (second) => `s@1970-01-01T00:${second === 60 ? "01:00" : `00:${second || "00"}`}Z`
            )
            // With jitter the last one may be due after all of it has ended; and the second start may be the one that is hit.
            const isComplete = submitted.size >= expected.length - (options.jitter === undefined ? 0 : 1)
            expect(isComplete || endedBy === "scope").toBe(true)
            expected.length = submitted.size
            expect([...submitted]).toEqual(expected)
            // A stranger may have interrupted a job before it did anything; none does it twice.
            expect(new Set(ticks).size).toBe(ticks.length)
          }
        })
        expect(sweep.runs).toBeGreaterThan(50)
        expect(ways).toContain("interrupted")
      },
      patience
    )
  }
})
