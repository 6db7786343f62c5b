/** Flaws of other engines of jobs that no other test of this package speaks of; the table of all of them is test/laws/flaws.ts. */
import * as Progress from "@skein/core/Progress"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { describe, expect, it } from "vitest"
import * as Condition from "../src/Condition.ts"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import * as JobSchedule from "../src/JobSchedule.ts"
import * as Sentinel from "../src/Sentinel.ts"
import { always, flaky, live, stands, told } from "./engineKit.ts"

describe("an observer", () => {
  it("may submit, cancel and rerun from inside of its call, which does not lock the engine up", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const context = yield* Effect.context()
          const run = Effect.runForkWith(context)
          const log: Array<string> = []
          const once = new Set<string>()
          engine.subscribe((seen) => {
            log.push(`${seen.name} ${stands(seen.state)}`)
            if (seen.state._tag !== "Ended" || once.has(seen.name)) return
            once.add(seen.name)
            if (seen.name === "first") run(engine.submit(Job.make("second", { run: Effect.never })))
            if (seen.name === "first") run(engine.cancel({ name: "second" }, "enough"))
            if (seen.name === "second") run(engine.rerun(seen.id))
          })
          yield* engine.submit(Job.make("first", { run: Effect.void }))
          yield* Effect.sleep(10)
          yield* engine.cancel({})
          return log.filter((line) => /completed|cancelled/.test(line))
        }),
      ["first completed", "second cancelled", "second cancelled"]
    ))

  it("that is slow or never answers holds nobody up but by its own time", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ onChange: (async () => new Promise(() => {})) as never })
          const handle = yield* engine.submit(Job.make("a", { run: Effect.succeed(1) }))
          return yield* handle.join
        }),
      1
    ))
})

describe("a job that failed and then succeeded", () => {
  it("has no error left, and lists why the attempts before failed", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("a", { retry: { times: 2 }, run: flaky(2) }))
          const end = yield* handle.await
          return [told(end), "cause" in end, handle.run.attemptCauses.length]
        }),
      ["completed at last", false, 2]
    ))

  it("has all of its attempts again when it is run again", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          let attempts = 0
          const run = Effect.suspend(() => (++attempts % 3 === 0 ? Effect.succeed(attempts) : Effect.fail("no")))
          const first = yield* engine.submit(Job.make("a", { retry: { times: 2 }, run }))
          yield* first.await
          const second = yield* engine.rerun(first)
          return [yield* first.join, yield* second.join, second.run.attempts]
        }),
      [3, 6, 3]
    ))
})

describe("a cancel", () => {
  it("that comes in the very turn of the submission ends the job, whether it has begun or not", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          let starts = 0
          const run = Effect.andThen(
            Effect.sync(() => starts++),
            Effect.never
          )
          const end = yield* Effect.flatMap(engine.submit(Job.make("a", { run })), (handle) => handle.cancel("too early"))
          // Who is interrupted before its first step has started all the same.
          return [Job.endWord(end), starts <= end.attempts, end.attempts <= 1]
        }),
      ["cancelled", true, true]
    ))

  it("of an id that was never submitted ends nobody, and of a job that has ended changes nothing", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("a", { run: Effect.succeed(1) }))
          yield* handle.await
          return [yield* engine.cancel("b#7"), told(yield* handle.cancel("too late"))]
        }),
      [0, "completed 1"]
    ))
})

describe("a job that says how far it is", () => {
  it("is heard by observers of the engine and seen in its run, whatever they throw", () =>
    always(
      () =>
        Effect.gen(function* () {
          const heard: Array<string> = []
          const engine = yield* Engine.make({
            onProgress: ({ id, progress }) => {
              heard.push(`${id} ${progress?.done} of ${progress?.total}`)
              throw new Error("a bad observer")
            }
          })
          const half = Effect.andThen(Progress.report({ done: 1, total: 2 }), Effect.sleep(1))
          const handle = yield* engine.submit(Job.make("copy", { run: Effect.andThen(half, Progress.report({ done: 2, total: 2 })) }))
          yield* handle.await
          return [...heard, handle.run.progress?.done]
        }).pipe(Effect.provideService(Logger.CurrentLoggers, new Set())),
      ["copy#1 1 of 2", "copy#1 2 of 2", 2]
    ))
})

describe("an end", () => {
  it("says why, whichever way it came", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const bad = Job.make("bad", { run: Effect.fail(new Error("disk full")) })
          const handles = yield* engine.submitAll([
            bad,
            Job.make("after", { after: bad, run: Effect.void }),
            Job.make("slow", { timeout: 5, run: Effect.never }),
            Job.make("queued", { queueTimeout: 3, run: Effect.void }),
            Job.make("over", {
              after: Job.on(bad, "ended"),
              when: Condition.all(Condition.after(5), Condition.before(6)),
              needs: { jobs: 0 },
              run: Effect.void
            }),
            Job.make("late", { after: Job.afterAny(["over#5"]), when: Condition.before(5), run: Effect.void })
          ])
          const past = yield* Effect.flip(engine.submit(Job.make("past", { when: Condition.before(-1), run: Effect.void })))
          return [...(yield* Effect.forEach(handles, (handle) => Effect.map(handle.await, told))), past.reason._tag]
        }),
      [
        "failed disk full",
        'skipped: "bad" failed: disk full',
        "timed out by its task limit",
        "timed out by its queue limit",
        "completed undefined",
        "failed before 1970-01-01T00:00:00.005Z: can never hold any more",
        "NeverHolds"
      ]
    ))

  it("of waiting says whether the time was over", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("a", { run: Effect.sleep(10) }))
          const early = yield* Effect.flip(engine.awaitState(handle, "ended", { within: 5 }))
          const late = yield* engine.awaitState(handle, "ended", { within: 50 })
          return [early.message, stands(late.state)]
        }),
      ['job "a#1" is still running after 5ms, not ended', "completed"]
    ))
})

describe("an option", () => {
  it.each<[string, () => unknown]>([
    ["retrys", () => Job.make("a", { run: Effect.void, retrys: 3 } as never)],
    ["retry.time", () => Job.make("a", { run: Effect.void, retry: { time: 3 } } as never)],
    ["max_jobs", () => Engine.make({ max_jobs: 0 } as never)],
    ["timeout", () => Engine.make({ timeout: 3 } as never)]
  ])("that is misspelt or not there is refused: %s", (name, make) => {
    expect(make).toThrow(RangeError)
    expect(make).toThrow(name.replace("retry.", ""))
  })
})

describe("an engine that is left", () => {
  it("takes nothing from another one, around it or after it", async () => {
    const words = await live(
      Effect.gen(function* () {
        const outer = yield* Engine.make({ name: "outer" })
        const inner = yield* Effect.scoped(
          Effect.flatMap(Engine.make({ name: "inner" }), (engine) =>
            Effect.tap(engine.submit(Job.make("a", { run: Effect.never })), () => Effect.yieldNow)
          )
        )
        const job = Job.make("b", { run: Effect.succeed("here") })
        const first = yield* (yield* outer.submit(job)).join
        const again = yield* Effect.scoped(
          Effect.flatMap(Engine.make(), (engine) => Effect.flatMap(engine.submit(job), (handle) => handle.join))
        )
        return [inner.state._tag, first, again]
      })
    )
    expect(words).toEqual(["Ended", "here", "here"])
  })
})

describe("a sentinel", () => {
  it("has one job for a condition that stays true, tells that it failed, and does not keep the engine from being idle", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const load = yield* SubscriptionRef.make(0)
          const job = Job.make("shed", { run: Effect.delay(Effect.fail("no"), 5) })
          const guard = yield* Sentinel.start(engine, Sentinel.make("guard", { when: Condition.ref(load, (value) => value > 1), job }))
          yield* Effect.sleep(1)
          for (const value of [2, 3, 4]) yield* Effect.andThen(SubscriptionRef.set(load, value), Effect.sleep(10))
          yield* engine.awaitIdle
          const { failed, runs } = guard.status
          return [runs, failed, (yield* engine.stats).ended.failed]
        }),
      [1, 1, 1]
    ))
})

describe("a period", () => {
  it("is nobody else's: two schedules of one period have each tick, however long their jobs take", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const ticks: Array<string> = []
          const every = (name: string, millis: number) =>
            JobSchedule.start(
              engine,
              JobSchedule.make(name, {
                every: 10,
                job: (tick) =>
                  Job.make(name, {
                    run: Effect.andThen(
                      Effect.sync(() => ticks.push(`${name}${tick.at}`)),
                      Effect.sleep(millis)
                    )
                  }),
                runs: 3
              })
            )
          yield* Effect.sleep(1)
          const a = yield* every("a", 9)
          yield* Effect.sleep(1)
          const b = yield* every("b", 0)
          yield* a.await
          yield* b.await
          return ticks.toSorted().join(" ")
        }),
      "a10 a20 a30 b10 b20 b30"
    ))

  it("that is shorter than its job never has two of them at once, and drops no failure", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          let [running, peak] = [0, 0]
          const run = Effect.acquireUseRelease(
            Effect.sync(() => (peak = Math.max(peak, ++running))),
            () => Effect.delay(Effect.fail("no"), 25),
            () => Effect.sync(() => running--)
          )
          const beat = JobSchedule.make("beat", { every: 10, job: Job.make("beat", { run }), runs: 3 })
          const started = yield* JobSchedule.start(engine, beat)
          yield* started.await
          return [peak, started.status.failed, started.status.failures.length]
        }),
      [1, 3, 3]
    ))
})
