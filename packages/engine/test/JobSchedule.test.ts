import { Simulator } from "@skein/core/testing"
import * as Context from "effect/Context"
import * as Cron from "effect/Cron"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describe, expect, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import * as JobSchedule from "../src/JobSchedule.ts"
import { always } from "./engineKit.ts"
import { quiet } from "./JobScheduleKit.ts"

const job = Job.make("j", { run: Effect.void })

/** The instants, in seconds, of the ticks up to a second. */
const ticks = (times: Partial<JobSchedule.Options<void>>, seconds: number, from = 0) =>
  Effect.gen(function* () {
    const at: Array<number> = []
    yield* Effect.sleep(from * 1_000)
    const engine = yield* Engine.make()
    const noted = (tick: JobSchedule.Tick) => Job.make("j", { run: Effect.sync(() => void at.push(tick.at / 1_000)) })
    yield* JobSchedule.start(engine, JobSchedule.make("s", { job: noted, ...times } as JobSchedule.Options<void>))
    yield* Effect.sleep((seconds - from) * 1_000)
    return at
  })

describe("JobSchedule.make", () => {
  const refused = (options: object, name = "s") => {
    try {
      JobSchedule.make(name, { every: 1_000, job, ...options } as JobSchedule.Options<void>)
      return "taken"
    } catch (error) {
      return String(error)
    }
  }

  it("refuses wrong options at once, and says what they must be", () => {
    expect([
      refused({}, ""),
      refused({ evry: 1 }),
      refused({ every: 0 }),
      refused({ every: "Infinity" }),
      refused({ every: 1.5 }),
      refused({ cron: "* * * * *" }),
      refused({ zone: "UTC" }),
      refused({ every: undefined, cron: Cron.parseUnsafe("* * * * *", "UTC"), zone: "UTC" }),
      refused({ every: undefined }),
      refused({ every: undefined, cron: "never" }),
      refused({ every: undefined, cron: "0 0 30 2 *" }),
      refused({ every: undefined, cron: "0 0 * * *", zone: "Nowhere" }),
      refused({ overlap: "both" }),
      refused({ overlap: { allow: 0 } }),
      refused({ overlap: { alow: 1 } }),
      refused({ catchUp: "some" }),
      refused({ queueLimit: 0 }),
      refused({ runs: 0 }),
      refused({ onFailure: "explode" }),
      refused({ onFailure: { stopAfter: 1.5 } }),
      refused({ jitter: -1 }),
      refused({ lateAfter: "soon" }),
      refused({ start: "tomorrow" }),
      refused({ start: 5_000, end: 5_000 }),
      refused({ job: "work" }),
      refused({ job: Job.make("j", { id: "1", run: Effect.void }) })
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: JobSchedule.make: name must be a string that is not empty, got """,
        "RangeError: JobSchedule.make: unknown option "evry", known are job, overlap, queueLimit, runs, onFailure, every, cron, zone, catchUp, lateAfter, jitter, start, end",
        "RangeError: JobSchedule.make: every must be a duration above 0, got 0",
        "RangeError: JobSchedule.make: every must be whole milliseconds, got "Infinity"",
        "RangeError: JobSchedule.make: every must be whole milliseconds, got 1.5",
        "RangeError: JobSchedule.make: cron must be left out beside every, got "* * * * *"",
        "RangeError: JobSchedule.make: zone must be left out beside every, got "UTC"",
        "RangeError: JobSchedule.make: zone must be left out beside a Cron, which has its own, got "UTC"",
        "RangeError: JobSchedule.make: cron must be a Cron or an expression such as "0 3 * * mon-fri", got undefined",
        "RangeError: JobSchedule.make: cron must be a Cron or an expression such as "0 3 * * mon-fri", got "never"",
        "RangeError: JobSchedule.make: cron must be an expression that comes true, got "0 0 30 2 *"",
        "RangeError: JobSchedule.make: zone must be the name of a time zone or an offset such as "+05:30", got "Nowhere"",
        "RangeError: JobSchedule.make: overlap must be "skip" | "queue" | "cancel", got "both"",
        "RangeError: JobSchedule.make: overlap.allow must be a whole number of at least 1, got 0",
        "RangeError: JobSchedule.make: unknown option "alow", known are allow",
        "RangeError: JobSchedule.make: catchUp must be "skip" | "last" | "all", got "some"",
        "RangeError: JobSchedule.make: queueLimit must be a whole number of at least 1, got 0",
        "RangeError: JobSchedule.make: runs must be a whole number of at least 1, got 0",
        "RangeError: JobSchedule.make: onFailure must be "continue" | "stop", got "explode"",
        "RangeError: JobSchedule.make: onFailure.stopAfter must be a whole number of at least 1, got 1.5",
        "RangeError: JobSchedule.make: jitter must be a duration that is not negative, got -1",
        "RangeError: JobSchedule.make: lateAfter must be a duration that is not negative, got "soon"",
        "RangeError: JobSchedule.make: start must be a DateTime, a Date, milliseconds or an ISO text, got "tomorrow"",
        "RangeError: JobSchedule.make: end must be later than the first tick, got 5000",
        "TypeError: JobSchedule.make: job must be a Job or a function that gives one, got "work"",
        "RangeError: JobSchedule.make: job must be a Job without an id, for it is submitted many times, got "1"",
      ]
    `)
  })
})

describe("the ticks of a schedule", () => {
  it("are the multiples of a period, from the one of its start on", () =>
    always(() => ticks({ every: "10 seconds" }, 45, 20), [20, 30, 40]))

  it("count from the start that was asked for", () => always(() => ticks({ every: "10 seconds", start: 3_000 }, 45, 20), [23, 33, 43]))

  it("lie from the start on and before the end", () =>
    always(() => ticks({ every: "10 seconds", start: "1970-01-01T00:00:20Z", end: "1970-01-01T00:00:50Z" }, 100), [20, 30, 40]))

  it("follow a cron expression on the clock of a zone", () =>
    always(() => ticks({ cron: "0 9 * * *", zone: "+02:00" }, 86_400 * 2), [7 * 3_600, 31 * 3_600], 5))

  it("follow a Cron value with what it says of times that come twice", () => {
    // In Berlin 02:30 comes twice on that day.
    const cron = Cron.parseUnsafe("30 2 * * *", "Europe/Berlin", { onDstOverlap: "both" })
    const from = Date.parse("2026-10-24T12:00:00Z") / 1_000
    return always(
      () => Effect.map(ticks({ cron }, from + 86_400, from), (at) => at.map((second) => new Date(second * 1_000).toISOString())),
      ["2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z"],
      5
    )
  })

  for (const [what, from, expected] of [
    ["come where the clocks jump over them", "2026-03-28T12:00:00Z", ["03-29T01:30", "03-30T00:30"]],
    ["come once where the clocks show them twice", "2026-10-24T12:00:00Z", ["10-25T00:30", "10-26T01:30"]]
  ] as const) {
    it(what, () => {
      const first = Date.parse(from) / 1_000
      return always(
        () =>
          Effect.map(ticks({ cron: "30 2 * * *", zone: "Europe/Berlin" }, first + 2 * 86_400, first), (at) =>
            at.map((second) => new Date(second * 1_000).toISOString().slice(5, 16))
          ),
        [...expected],
        5
      )
    })
  }

  it("do not drift, whatever jobs do", () =>
    always(
      () =>
        Effect.gen(function* () {
          const at: Array<number> = []
          const engine = yield* Engine.make()
          const run = (tick: JobSchedule.Tick) =>
            Job.make("j", {
              run: Effect.andThen(
                Effect.sync(() => at.push(tick.at)),
                Effect.sleep(tick.at % 977)
              )
            })
          const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", { every: 1_000, job: run, runs: 1_000 }))
          yield* handle.await
          return at.every((instant, i) => instant === i * 1_000)
        }),
      true,
      3
    ))

  it("are the same for everybody who starts the schedule: it has no state", () =>
    always(
      () =>
        Effect.gen(function* () {
          const made = JobSchedule.make("s", { every: 10_000, job, runs: 3 })
          const told: Array<number> = []
          for (const wait of [0, 4_000]) {
            yield* Effect.sleep(wait)
            const handle = yield* JobSchedule.start(yield* Engine.make(), made)
            yield* Effect.forkChild(
              Effect.andThen(
                Effect.sleep(25_000),
                Effect.sync(() => told.push(handle.status.runs))
              )
            )
          }
          yield* Effect.sleep(60_000)
          return told
        }),
      [3, 2]
    ))

  it("cost nothing between them: a century of New Years is few steps", async () => {
    const run = await Simulator.run(() =>
      Effect.scoped(
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", { cron: "0 0 1 1 *", zone: "UTC", job, runs: 100 }))
          yield* handle.await
          return yield* Effect.clockWith((clock) => clock.currentTimeMillis)
        })
      )
    )
    expect(run.exit).toEqual(Exit.succeed(Date.parse("2069-01-01T00:00:00Z")))
    expect(run.steps).toBeLessThan(100 * 150)
  })
})

describe("the jobs of a schedule", () => {
  it("have ids made of its name and the instant of the tick", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", { every: 1_500, job, runs: 2 }))
          yield* handle.await
          return (yield* engine.list()).map((run) => run.id)
        }),
      ["s@1970-01-01T00:00:00Z", "s@1970-01-01T00:00:01.500Z"]
    ))

  it("run with the services that are there where it is started", () =>
    always(
      () =>
        Effect.gen(function* () {
          const Name = Context.Service<string>("Name")
          const seen: Array<string> = []
          const named = Job.make("j", { run: Effect.map(Name, (name) => void seen.push(name)) })
          const engine = yield* Engine.make()
          const start = JobSchedule.start(engine, JobSchedule.make("s", { every: 1_000, job: named, runs: 2 }))
          const handle = yield* Effect.provideService(start, Name, "ada")
          yield* (yield* handle.trigger).await
          yield* handle.await
          return seen
        }),
      ["ada", "ada", "ada"]
    ))

  it("leave the engine idle between them", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          yield* JobSchedule.start(engine, JobSchedule.make("s", { every: 10_000, start: 5_000, job }))
          yield* engine.awaitIdle
          return (yield* engine.stats).ended.completed
        }),
      0
    ))
})

describe("a job that fails", () => {
  const failing = Job.make("j", { run: Effect.fail("no luck") })
  const seconds = (handle: JobSchedule.Handle<unknown, unknown>) =>
    handle.status.failures.map(({ detail, how, tick }) => `${tick.at / 1_000} ${how}: ${detail}`)

  it("is seen in the status, and its schedule goes on", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const broken = (tick: JobSchedule.Tick): Job.Job<unknown, string> => {
            if (tick.at === 1_000) throw new Error("no job")
            if (tick.at === 2_000) return 2 as never
            if (tick.at === 3_000) return Job.make("j", { after: "nobody", run: Effect.void })
            if (tick.at === 4_000) return Job.make("j", { run: Effect.never, timeout: 10 })
            if (tick.at === 5_000) return Job.make("j", { after: "s@1970-01-01T00:00:00Z", run: Effect.void })
            return tick.at === 6_000 ? job : failing
          }
          const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", { every: 1_000, job: broken, runs: 8 }))
          const by = yield* handle.await
          const { failed, failedInARow, runs } = handle.status
          return [by, runs, failed, failedInARow, ...seconds(handle)]
        }),
      [
        "runs",
        8,
        7,
        1,
        "0 failed: no luck",
        "1 threw: no job",
        "2 threw: JobSchedule.make: job must be a function that gives a Job, got 2",
        `3 refused: job "s@1970-01-01T00:00:03Z" refers to "nobody", which this engine does not have`,
        "4 timeout: task limit of 10ms",
        `5 skipped: "j" failed: no luck`,
        "7 failed: no luck"
      ]
    ))

  it("of which only the last 16 are kept", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", { every: 1_000, job: failing, runs: 20 }))
          yield* handle.await
          return [handle.status.failed, handle.status.failures.length, handle.status.failures[0]!.tick.at]
        }),
      [20, 16, 4_000]
    ))

  it("ends the schedule where that is asked for, and await fails", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", { every: 1_000, job: failing, onFailure: "stop" }))
          const error = yield* Effect.flip(handle.await)
          return [error.message, error.reason._tag, handle.status.endedBy, handle.status.runs]
        }).pipe(quiet),
      [`schedule "s" stopped after a failure: s@1970-01-01T00:00:00Z failed: no luck`, "TooManyFailures", "error", 1],
      5
    ))

  it("ends it after so many in a row, not with a success between them", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const turns = (tick: JobSchedule.Tick): Job.Job<void, string> => (tick.at === 2_000 ? job : failing)
          const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", { every: 1_000, job: turns, onFailure: { stopAfter: 3 } }))
          const { reason } = yield* Effect.flip(handle.await)
          return reason._tag === "TooManyFailures" ? reason.failures.map(({ tick }) => tick.at) : []
        }).pipe(quiet),
      [3_000, 4_000, 5_000],
      5
    ))

  it("is none where it was cancelled", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const slow = Job.make("j", { run: Effect.sleep(500) })
          const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", { every: 1_000, job: slow, runs: 2, onFailure: "stop" }))
          yield* Effect.sleep(100)
          yield* engine.cancel("s@1970-01-01T00:00:00Z")
          return [yield* handle.await, handle.status.failed]
        }),
      ["runs", 0]
    ))
})
