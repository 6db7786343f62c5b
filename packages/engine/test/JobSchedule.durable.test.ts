import { Simulator } from "@skein/core/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { beforeEach, describe, expect, it } from "vitest"
import type * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import * as JobSchedule from "../src/JobSchedule.ts"
import * as JobStore from "../src/JobStore.ts"
import { killed, session } from "./durableKit.ts"
import { always } from "./engineKit.ts"
import { log, slow } from "./fixtures/jobTasks.ts"

// Set by `pnpm soak`: the same suite at full size.
const programs = process.env["SKEIN_SOAK"] === "1" ? 5_000 : 150

beforeEach(() => {
  log.length = 0
})

const schedule = (millis: number, options: Partial<JobSchedule.Options<string>> = {}): JobSchedule.JobSchedule<string, unknown> =>
  JobSchedule.make("s", {
    every: 10,
    job: (tick) => Job.task(slow, { name: String(tick.at), millis }),
    overlap: "queue",
    ...options
  } as JobSchedule.Options<string>)

/** Starts a schedule until an instant. */
const until =
  (made: JobSchedule.JobSchedule<string, unknown>, instant: number) =>
  (engine: Engine.Engine): Effect.Effect<JobSchedule.Status, JobSchedule.JobScheduleError, Scope.Scope> =>
    Effect.gen(function* () {
      const handle = yield* JobSchedule.start(engine, made)
      yield* Effect.clockWith((clock) => Effect.sleep(Math.max(0, instant - clock.currentTimeMillisUnsafe())))
      yield* handle.stop()
      return handle.status
    })

/** A store that takes its time to write, so that an engine may die meanwhile. */
const writingSlowly = (store: JobStore.JobStore, millis: number): JobStore.JobStore => ({
  ...store,
  own: Effect.map(store.own, (owner) => ({
    ...owner,
    append: (changes) => Effect.andThen(Effect.sleep(millis), owner.append(changes))
  }))
})

const fresh =
  <A, E>(program: (store: JobStore.JobStore) => Effect.Effect<A, E>) =>
  (): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      log.length = 0
      return program(JobStore.memory())
    })

describe("a schedule on an engine with a store", () => {
  it("goes on where it was when the store is opened again", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          const made = schedule(1, { catchUp: "all", runs: 6 })
          yield* session(store, until(made, 15))
          yield* Effect.sleep(20)
          const status = yield* session(store, until(made, 65))
          return [log.filter((line) => line.startsWith("+")), status.runs, status.endedBy]
        })
      ),
      [["+0", "+10", "+20", "+30", "+40", "+50"], 6, "runs"]
    ))

  it("counts a job that the engine takes up again as running", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          const job = (tick: JobSchedule.Tick) => Job.task(slow, { name: String(tick.at), millis: 100 }, { onLost: "resume" })
          const made = JobSchedule.make("s", { every: 10, job })
          yield* killed(store, 15, (engine) => JobSchedule.start(engine, made))
          const status = yield* session(store, (engine) =>
            Effect.gen(function* () {
              const handle = yield* JobSchedule.start(engine, made)
              yield* Effect.sleep(50)
              return handle.status
            })
          )
          return [status.running, status.runs, log.filter((line) => line.startsWith("+"))]
        })
      ),
      [["s@1970-01-01T00:00:00Z"], 1, ["+0", "+0"]],
      20
    ))

  it("shows that a job which cannot be stored was refused", () =>
    always(
      fresh((store) =>
        session(store, (engine) =>
          Effect.gen(function* () {
            const made = JobSchedule.make("s", { every: 10, job: Job.make("j", { run: Effect.void }), runs: 1 })
            const handle = yield* JobSchedule.start(engine, made)
            yield* handle.await
            return handle.status.failures.map(({ how }) => how)
          })
        )
      ),
      ["refused"],
      5
    ))
})

const random = (seed: number): (() => number) => {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const program = (seed: number) =>
  Effect.gen(function* () {
    log.length = 0
    const draw = random(seed)
    const kept = JobStore.memory()
    const store = writingSlowly(kept, draw() < 0.5 ? 1 : 3)
    const made = schedule(Math.floor(draw() * 8), {
      catchUp: "all",
      lateAfter: 0,
      overlap: draw() < 0.5 ? "queue" : { allow: 20 },
      ...(draw() < 0.3 ? { jitter: 9 } : {})
    })
    let isNoted = false
    let first = 0
    for (let death = 0; death < 4; death++) {
      if (!isNoted) first = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      yield* killed(store, Math.floor(draw() * 45), (engine) => JobSchedule.start(engine, made))
      // What it keeps first is from when on it counts.
      isNoted ||= (yield* noted(kept)) !== undefined
      yield* Effect.sleep(Math.floor(draw() * 45))
    }
    if (!isNoted) first = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const end = Math.ceil((now + 200) / 10) * 10 + 9
    yield* session(store, until(made, end))
    const ids = new Set((yield* kept.list()).map((run) => run.id))
    const problems: Array<string> = []
    // The first tick may lie at the instant at which it began; the last may be due later, or wait.
    for (let at = Math.floor(first / 10) * 10 + 10; at < now; at += 10) {
      if (!ids.has(`s@${new Date(at).toISOString().replace(".000Z", "Z")}`)) problems.push(`${at} is lost`)
    }
    const starts = log.filter((line) => line.startsWith("+"))
    if (new Set(starts).size !== starts.length) problems.push(`twice: ${starts.join(" ")}`)
    return { problems, starts: starts.length }
  })

/** The state of the schedule in a store. */
const noted = (store: JobStore.JobStore) =>
  Effect.scoped(
    Effect.map(
      Effect.flatMap(store.own, (owner) => owner.load),
      (loaded) => loaded.schedules.get("schedule:s")
    )
  )

describe("a schedule whose process is killed", () => {
  it(`loses no tick and runs none twice, in ${programs} random programs`, async () => {
    let starts = 0
    for (let seed = 1; seed <= programs; seed++) {
      const run = await Simulator.run(program(seed), { seed })
      const found = run.exit !== undefined && Exit.isSuccess(run.exit) ? run.exit.value : { problems: [run.report], starts: 0 }
      expect(found.problems, `seed ${seed}`).toEqual([])
      starts += found.starts
    }
    expect(starts).toBeGreaterThan(20 * programs)
  }, 600_000)
})
