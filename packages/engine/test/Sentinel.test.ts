import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { describe, expect, it } from "vitest"
import * as Condition from "../src/Condition.ts"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import * as Sentinel from "../src/Sentinel.ts"
import { always } from "./engineKit.ts"
import { quiet, worker } from "./JobScheduleKit.ts"

/** A sentinel over a value that is set to each of the numbers in turn, one a second; odd ones are true. */
const watched = (values: ReadonlyArray<number>, options: Partial<Sentinel.Options<void>> = {}, millis = 100) =>
  Effect.gen(function* () {
    const log: Array<string> = []
    const ref = yield* SubscriptionRef.make(values[0]!)
    const engine = yield* Engine.make()
    const when = Condition.ref(ref, (value) => value % 2 === 1)
    const handle = yield* Sentinel.start(engine, Sentinel.make("s", { when, job: worker(log, millis), ...options }))
    for (const value of values.slice(1)) {
      yield* Effect.sleep(1_000)
      yield* SubscriptionRef.set(ref, value)
    }
    yield* Effect.sleep(10_000)
    return { log, handle, engine }
  })

const begun = (values: ReadonlyArray<number>, options: Partial<Sentinel.Options<void>> = {}, millis = 100) =>
  Effect.map(watched(values, options, millis), ({ handle, log }) => [
    ...log.filter((line) => line.startsWith("+")),
    `skipped ${handle.status.skipped}`
  ])

describe("Sentinel.make", () => {
  it("refuses wrong options at once, and says what they must be", () => {
    const refused = (options: object, name = "s") => {
      try {
        const job = Job.make("j", { run: Effect.void })
        Sentinel.make(name, { when: Condition.always, job, ...options } as Sentinel.Options<void>)
        return "taken"
      } catch (error) {
        return String(error)
      }
    }
    expect([
      refused({}, ""),
      refused({ every: 1 }),
      refused({ when: true }),
      refused({ initially: "now" }),
      refused({ job: undefined }),
      refused({ overlap: 2 })
    ]).toMatchInlineSnapshot(`
      [
        "RangeError: Sentinel.make: name must be a string that is not empty, got """,
        "RangeError: Sentinel.make: unknown option "every", known are job, overlap, queueLimit, runs, onFailure, when, initially",
        "RangeError: Sentinel.make: when must be a condition, got true",
        "RangeError: Sentinel.make: initially must be "edge" | "level", got "now"",
        "TypeError: Sentinel.make: job must be a Job or a function that gives one, got undefined",
        "RangeError: Sentinel.make: overlap must be "skip" | "queue" | "cancel", got 2",
      ]
    `)
  })
})

describe("a sentinel", () => {
  it("submits one job each time the condition turns true, however long it stays so", () =>
    always(() => begun([0, 1, 3, 5, 2, 7, 9]), ["+1 at 1", "+5 at 5", "skipped 0"]))

  it("waits for the condition to turn true where it is true from the start", () =>
    always(() => begun([1, 3, 2, 5]), ["+3 at 3", "skipped 0"]))

  it("counts a condition that is true from the start where that is asked for", () =>
    always(() => begun([1, 3, 2, 5], { initially: "level" }), ["+0 at 0", "+3 at 3", "skipped 0"]))

  it("skips an edge while the job of another runs", () =>
    always(() => begun([0, 1, 2, 3, 4, 5], {}, 3_000), ["+1 at 1", "+5 at 5", "skipped 1"]))

  it("lets an edge wait for the job of another", () =>
    always(() => begun([0, 1, 2, 3, 4, 5], { overlap: "queue" }, 3_000), ["+1 at 1", "+3 at 4", "+5 at 7", "skipped 0"]))

  it("cancels the job of another edge", () =>
    always(
      () => Effect.map(watched([0, 1, 2, 3], { overlap: "cancel" }, 3_000), ({ log }) => log),
      ["+1 at 1", "x1 at 3", "+3 at 3", "-3 at 6"]
    ))

  it("lets as many jobs run at once as are allowed", () =>
    always(() => begun([0, 1, 2, 3, 4, 5], { overlap: { allow: 2 } }, 5_000), ["+1 at 1", "+3 at 3", "skipped 1"]))

  it("ends after so many edges", () =>
    always(
      () =>
        Effect.gen(function* () {
          const { handle, log } = yield* watched([0, 1, 2, 3, 4, 5], { runs: 2 })
          return [yield* handle.await, log.length]
        }),
      ["runs", 4]
    ))

  it("opens with a window of time", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make()
          const when = Condition.window({ from: "22:00", to: "06:00", zone: "UTC" })
          yield* Sentinel.start(engine, Sentinel.make("s", { when, job: worker(log, 0) }))
          yield* Effect.sleep("2 days")
          return log.filter((line) => line.startsWith("+"))
        }),
      [`+${22 * 3_600} at ${22 * 3_600}`, `+${46 * 3_600} at ${46 * 3_600}`]
    ))

  it("is over when the condition can change no more, after its last job", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make()
          const handle = yield* Sentinel.start(engine, Sentinel.make("s", { when: Condition.after(3_000), job: worker(log, 2_000) }))
          return [yield* handle.await, ...log]
        }),
      ["over", "+3 at 3", "-3 at 5"]
    ))

  it("ends with the error of its condition, after its last job", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make()
          const changes = Stream.concat(
            Stream.fromEffect(Effect.delay(Effect.void, 1_000)),
            Stream.fromEffect(Effect.delay(Effect.fail("gone"), 1_000))
          )
          let asked = 0
          const when = Condition.make({ name: "the sensor", holds: Effect.sync(() => asked++ > 0), changes })
          const handle = yield* Sentinel.start(engine, Sentinel.make("s", { when, job: worker(log, 5_000) }))
          const error = yield* Effect.flip(handle.await)
          return [error.message, error.reason._tag, handle.status.endedBy, ...log]
        }).pipe(quiet),
      [`sentinel "s" cannot watch its condition: the sensor: failed with gone`, "ConditionFailed", "error", "+1 at 1", "-1 at 6"],
      5
    ))

  it("shows what its jobs fail with, and ends after as many failures as are allowed", () =>
    always(
      () =>
        Effect.gen(function* () {
          const { handle } = yield* watched([0, 1, 2, 3, 4, 5], {
            job: () => Job.make("j", { run: Effect.die(new Error("oops")) }),
            onFailure: { stopAfter: 2 }
          })
          const error = yield* Effect.flip(handle.await)
          return [error.message, handle.status.runs]
        }).pipe(quiet),
      [`sentinel "s" stopped after failures in a row: s@1970-01-01T00:00:03Z failed: died: oops`, 2],
      5
    ))

  it("does not keep its engine from being idle", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const when = Condition.after(10_000)
          const handle = yield* Sentinel.start(engine, Sentinel.make("s", { when, job: Job.make("j", { run: Effect.void }) }))
          yield* engine.awaitIdle
          return [handle.status.state, yield* Effect.clockWith((clock) => clock.currentTimeMillis)]
        }),
      ["active", 0]
    ))

  it("does not count edges in a pause", () =>
    always(
      () =>
        Effect.gen(function* () {
          const { engine, handle } = yield* watched([0])
          const ref = yield* SubscriptionRef.make(false)
          const when = Condition.ref(ref, (on) => on)
          const other = yield* Sentinel.start(engine, Sentinel.make("o", { when, job: Job.make("j", { run: Effect.void }) }))
          yield* other.pause
          yield* SubscriptionRef.set(ref, true)
          yield* Effect.sleep(1_000)
          yield* other.resume
          yield* Effect.sleep(1_000)
          const { runs } = other.status
          yield* SubscriptionRef.set(ref, false)
          yield* Effect.sleep(1_000)
          yield* SubscriptionRef.set(ref, true)
          yield* Effect.sleep(1_000)
          return [runs, other.status.runs, handle.status.state]
        }),
      [0, 1, "active"]
    ))
})
