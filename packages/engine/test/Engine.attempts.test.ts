import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { describe, expect, it } from "vitest"
import * as Condition from "../src/Condition.ts"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import { always, flaky, live, noted, stands, tell, told } from "./engineKit.ts"

describe("cancel", () => {
  it("ends a job that waits at once", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          yield* engine.submit(Job.make("a", { run: Effect.sleep(10) }))
          const b = yield* engine.submit(Job.make("b", { run: Effect.sleep(10) }))
          const end = yield* b.cancel("why not")
          return [told(end), b.run.endedAt]
        }),
      ["not started: cancelled on request: why not", 0]
    ))

  it("interrupts a job that runs, and waits for its cleanup", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(
            Job.make("a", {
              run: Effect.onInterrupt(Effect.never, () =>
                Effect.andThen(
                  Effect.sleep(5),
                  Effect.sync(() => log.push("clean"))
                )
              )
            })
          )
          yield* engine.awaitState(handle, "running")
          yield* Effect.sleep(1)
          const end = yield* handle.cancel("stop")
          return [told(end), ...log]
        }),
      ["cancelled: cancelled on request: stop", "clean"]
    ))

  it("abandons a job that does not end within the grace, whose limits stay taken until it really ends", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ grace: 5, limits: { jobs: 1 } })
          const handle = yield* engine.submit(Job.make("a", { run: Effect.uninterruptible(Effect.sleep(50)) }))
          yield* Effect.sleep(1)
          const end = yield* handle.cancel()
          const next = yield* engine.submit(Job.make("b", { run: Effect.void }))
          const { abandoned, limits } = yield* engine.stats
          yield* next.await
          const after = yield* engine.stats
          return [
            end._tag,
            end._tag !== "Skipped" && end.abandoned,
            handle.run.endedAt,
            abandoned,
            limits["jobs"]?.used,
            next.run.startedAt,
            after.abandoned
          ]
        }),
      ["Cancelled", true, undefined, 1, 1, 50, 0]
    ))

  it("keeps the value of a job that completes all the same", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("a", { run: Effect.uninterruptible(Effect.as(Effect.sleep(5), "paid")) }))
          yield* Effect.sleep(1)
          return told(yield* handle.cancel())
        }),
      "completed paid late"
    ))

  it("ends a job between two attempts", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("a", { run: flaky(5), retry: Schedule.spaced(1000) }))
          yield* Effect.sleep(10)
          const state = stands(handle.state)
          const end = yield* handle.cancel("no")
          return [state, told(end), end.attempts, handle.run.endedAt]
        }),
      ["waiting retry", "cancelled: cancelled on request: no", 1, 10]
    ))

  // Found by the model: the attempt had been asked to stop already, and the job was tried again.
  it("is not forgotten while an attempt whose time is over cleans up", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const run = Effect.onInterrupt(Effect.never, () => Effect.sleep(10))
          const handle = yield* engine.submit(Job.make("a", { run, attemptTimeout: 5, retry: { times: 3 } }))
          yield* Effect.sleep(8)
          const end = yield* handle.cancel("enough")
          return [told(end), end.attempts, handle.run.endedAt]
        }),
      ["cancelled: cancelled on request: enough", 1, 15]
    ))

  it("interrupts a job that cancels itself", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          return yield* tell(yield* engine.submit(Job.make("a", { id: "a", run: Effect.as(engine.cancel("a", "myself"), "went on") })))
        }),
      "cancelled: cancelled on request: myself"
    ))

  it("takes a filter, and counts what it ended", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const make = (name: string, team: string) => Job.make(name, { labels: { team }, run: Effect.as(Effect.sleep(10), name) })
          const [a, b, c] = yield* engine.submitAll([make("a", "red"), make("b", "blue"), make("c", "red")])
          const count = yield* engine.cancel({ labels: { team: "red" } })
          return [count, Job.endWord(yield* a.await), Job.endWord(yield* b.await), Job.endWord(yield* c.await)]
        }),
      [2, "cancelled", "completed", "cancelled"]
    ))

  it("ends nobody for an id that is unknown", async () => {
    expect(await live(Effect.flatMap(Engine.make(), (engine) => engine.cancel("nobody")))).toBe(0)
  })
})

describe("retry", () => {
  it("is part of the job: waits end after the last attempt", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("a", { run: flaky(2), retry: { times: 3, schedule: Schedule.spaced(10) } }))
          const value = yield* handle.join
          return [value, handle.run.attempts, handle.run.endedAt]
        }),
      ["at last", 3, 20]
    ))

  it("lists why the attempts before ended", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("a", { run: flaky(2), retry: { times: 3 } }))
          const end = yield* handle.await
          const causes = end._tag === "Skipped" ? [] : end.attemptCauses
          return causes.map((cause) => Cause.prettyErrors(cause)[0]!.message)
        }),
      ["no 1", "no 2"]
    ))

  it("keeps the causes of the last 16 attempts", async () => {
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make()
      const handle = yield* engine.submit(Job.make("a", { run: flaky(30), retry: { times: 40 } }))
      yield* handle.await
      return [handle.run.attempts, handle.run.attemptCauses.length]
    })
    expect(await live(program)).toEqual([31, 16])
  })

  it("gives the limits back while it waits for the next attempt", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const a = yield* engine.submit(
            Job.make("a", { run: Effect.andThen(noted(log, "a", 1), flaky(1)), retry: { times: 1, schedule: Schedule.spaced(10) } })
          )
          yield* engine.submit(Job.make("b", { run: noted(log, "b", 3) }))
          yield* a.await
          return log.slice(0, 4)
        }),
      ["+a", "-a", "+b", "-b"]
    ))

  it("does not try a defect again", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("a", { run: Effect.die("bug"), retry: { times: 3 } }))
          const end = yield* handle.await
          return [end._tag, end.attempts]
        }),
      ["Failed", 1]
    ))

  it("ends with the last error when the attempts are used up", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          return yield* tell(yield* engine.submit(Job.make("a", { run: flaky(5), retry: { times: 2 } })))
        }),
      "failed no 3"
    ))

  it("tells of a predicate that throws together with the error", async () => {
    const retry = {
      times: 2,
      while: () => {
        throw new Error("predicate")
      }
    }
    const program = Effect.flatMap(Engine.make(), (engine) =>
      Effect.flatMap(engine.submit(Job.make("a", { run: Effect.fail("own"), retry })), tell)
    )
    expect(await live(program)).toBe("failed own + predicate")
  })

  it("starts no attempt after the time for all of them", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("a", { run: flaky(5), timeout: 25, retry: Schedule.spaced(10) }))
          const end = yield* handle.await
          return [told(end), end.attempts, handle.run.endedAt]
        }),
      ["failed no 3", 3, 20]
    ))
})

describe("time limits", () => {
  it("end the job when the time for all attempts is over", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("a", { run: Effect.never, timeout: 10 }))
          return [yield* tell(handle), handle.run.endedAt]
        }),
      ["timed out by its task limit", 10]
    ))

  it("end an attempt, which is tried again", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          let attempts = 0
          const run = Effect.suspend(() => (++attempts === 1 ? Effect.never : Effect.succeed("second")))
          const handle = yield* engine.submit(Job.make("a", { run, attemptTimeout: 10, retry: { times: 1 } }))
          return [yield* tell(handle), handle.run.endedAt, attempts]
        }),
      ["completed second", 10, 2]
    ))

  it("tell that it was the last attempt's", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("a", { run: Effect.never, attemptTimeout: 10, timeout: 100, retry: { times: 1 } }))
          return [yield* tell(handle), handle.run.endedAt]
        }),
      ["timed out by its attempt limit", 20]
    ))

  it("keep what an attempt took that does not end within the grace", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ grace: 5, limits: { jobs: 1 } })
          const run = Effect.uninterruptible(Effect.sleep(50))
          const handle = yield* engine.submit(Job.make("a", { run, attemptTimeout: 10, retry: { times: 3 } }))
          const end = yield* handle.await
          const { limits } = yield* engine.stats
          yield* Effect.sleep(100)
          return [told(end), end._tag !== "Skipped" && end.abandoned, end.attempts, limits["jobs"]?.used]
        }),
      ["timed out by its attempt limit", true, 1, 1]
    ))

  it("end the job while it waits for its limits again", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const a = yield* engine.submit(Job.make("a", { run: flaky(1), timeout: 20, retry: { times: 1, schedule: Schedule.spaced(5) } }))
          yield* engine.submit(Job.make("b", { run: Effect.sleep(100) }))
          return [yield* tell(a), a.run.endedAt]
        }),
      ["timed out by its task limit", 20]
    ))

  it("end the wait for its limits, which counts from when its dependencies hold", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const a = Job.make("a", { run: Effect.sleep(20) })
          const b = Job.make("b", { after: a, queueTimeout: 10, run: Effect.void })
          const c = Job.make("c", { run: Effect.sleep(50) })
          const handles = yield* engine.submitAll([a, c, b])
          return [yield* tell(handles[2]), handles[2].run.endedAt]
        }),
      ["timed out by its queue limit", 30]
    ))

  it("leave no alarm behind for a job that got its limits", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          yield* engine.submit(Job.make("a", { run: Effect.sleep(5) }))
          const b = yield* engine.submit(Job.make("b", { queueTimeout: 10, run: Effect.sleep(50) }))
          return [yield* tell(b), b.run.startedAt]
        }),
      ["completed undefined", 5]
    ))
})

describe("conditions", () => {
  it("hold a job up until they hold", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const ref = yield* SubscriptionRef.make(0)
          const handle = yield* engine.submit(Job.make("a", { when: Condition.ref(ref, (n) => n > 1), run: Effect.void }))
          yield* Effect.sleep(5)
          const before = stands(handle.state)
          yield* SubscriptionRef.set(ref, 2)
          yield* handle.await
          return [before, handle.run.startedAt]
        }),
      ["waiting condition", 5]
    ))

  it("take no limits while they do not hold", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const ref = yield* SubscriptionRef.make(false)
          yield* engine.submit(Job.make("a", { when: Condition.ref(ref, (on) => on), run: Effect.void }))
          const b = yield* engine.submit(Job.make("b", { run: Effect.succeed("b") }))
          return yield* b.join
        }),
      "b"
    ))

  it("fail the job when they throw", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const ref = yield* SubscriptionRef.make(0)
          const when = Condition.ref(ref, () => {
            throw new Error("predicate")
          })
          const handle = yield* engine.submit(Job.make("a", { when, run: Effect.void }))
          const end = yield* handle.await
          return [end._tag, end.attempts, told(end).includes("predicate")]
        }),
      ["Failed", 0, true]
    ))

  it("fail the job when they can hold no more", async () => {
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make()
      const over = Date.now() + 20
      const late = yield* engine.submit(Job.make("late", { when: Condition.after(over), run: Effect.void }))
      const when = Condition.before(over)
      return (yield* (yield* engine.submit(Job.make("a", { after: late, when, run: Effect.void }))).await)._tag
    })
    expect(await live(program)).toBe("Failed")
  })
})
