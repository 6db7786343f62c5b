import { Deadline, Limiter, Settings } from "@skein/core"
import { parallelGather, parallelMap } from "@skein/parallel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { describe, expect } from "vitest"
import { after, failsAfter, Meter, reasons, rule, told } from "./kit.ts"

/** Fails until its `n`th attempt. */
const succeedsAt = (n: number): Effect.Effect<string, string> => {
  let attempt = 0
  return Effect.suspend(() => (++attempt < n ? Effect.fail(`attempt ${attempt}`) : Effect.succeed(`attempt ${attempt}`)))
}

// D-B6: retrying is real, bounded and told.
describe("Options.retry", () => {
  // D-B6
  rule("tries again until it succeeds, and keeps why the attempts before it failed", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([succeedsAt(3)], (task) => task, { retry: { times: 5 } })
      expect(told(result)).toEqual(["completed attempt 3"])
      expect(result.list[0]!.attempts).toBe(3)
      expect(result.list[0]!.attemptCauses.map(reasons)).toEqual(["Fail(attempt 1)", "Fail(attempt 2)"])
    })
  )

  rule("gives up after `times` more attempts, with the last cause", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([succeedsAt(4), succeedsAt(9)], (task) => task, { retry: { times: 2 } })
      expect(told(result)).toEqual(["failed Fail(attempt 3)", "failed Fail(attempt 3)"])
      const never = yield* parallelMap([succeedsAt(2)], (task) => task, { retry: { times: 0 } })
      expect([told(never), never.list[0]!.attempts]).toEqual([["failed Fail(attempt 1)"], 1])
    })
  )

  rule("waits as its schedule says, and not after the last attempt", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([succeedsAt(9)], (task) => task, { retry: { times: 3, schedule: Schedule.exponential(10) } })
      expect([told(result), Duration.toMillis(result.elapsed)]).toEqual([["failed Fail(attempt 4)"], 10 + 20 + 40])
      expect(Duration.toMillis(result.list[0]!.ranFor!)).toBe(70)
    })
  )

  rule("calls the mapper again for each attempt, with the same item and index", () =>
    Effect.gen(function* () {
      const calls: Array<string> = []
      const f = (item: string, index: number) => {
        calls.push(`${item}${index}`)
        return calls.length < 3 ? Effect.fail("no") : Effect.succeed(item)
      }
      yield* parallelMap(["a"], f, { retry: { times: 5 } })
      expect(calls).toEqual(["a0", "a0", "a0"])
    })
  )

  rule("ends when its schedule ends", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([succeedsAt(9)], (task) => task, { retry: Schedule.recurs(2) })
      expect(told(result)).toEqual(["failed Fail(attempt 3)"])
    })
  )

  rule("gives each task a schedule of its own", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([succeedsAt(3), succeedsAt(3), succeedsAt(3)], (task) => task, { retry: Schedule.recurs(2) })
      expect(told(result)).toEqual(Array(3).fill("completed attempt 3"))
    })
  )

  rule("tries only errors that are worth it", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap(["busy", "broken"], (error) => Effect.fail(error), {
        retry: { times: 3, while: (error) => error === "busy" }
      })
      expect(result.list.map(({ attempts }) => attempts)).toEqual([4, 1])
    })
  )

  rule("tries neither a defect nor an interruption again", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap(
        [Effect.die("bug"), Effect.interrupt, Effect.sync(() => JSON.parse("{") as never)],
        (task) => task,
        { retry: { times: 3 } }
      )
      expect(result.list.map(({ attempts, status }) => `${status} ${attempts}`)).toEqual(["failed 1", "cancelled 1", "failed 1"])
    })
  )

  rule("ends with the cause of both when its predicate or its schedule breaks", () =>
    Effect.gen(function* () {
      const broken = new Error("predicate broke")
      const byPredicate = yield* parallelMap([1], () => Effect.fail("no"), {
        retry: {
          times: 3,
          while: () => {
            throw broken
          }
        }
      })
      const bySchedule = yield* parallelMap([1], () => Effect.fail("no"), {
        retry: Schedule.recurs(3).pipe(Schedule.addDelay(() => Effect.die("schedule broke")))
      })
      expect([told(byPredicate), told(bySchedule)]).toEqual([
        ["failed Fail(no)+Die(predicate broke)"],
        ["failed Fail(no)+Die(schedule broke)"]
      ])
    })
  )

  rule("keeps the causes of the last 16 attempts before the last one", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([succeedsAt(99)], (task) => task, { retry: { times: 20 } })
      const [outcome] = result.list
      expect(outcome!.attempts).toBe(21)
      expect(outcome!.attemptCauses.map(reasons)).toEqual(Array.from({ length: 16 }, (_, i) => `Fail(attempt ${i + 5})`))
    })
  )

  rule("gives its place to another item while it waits", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const note = (event: string) => Effect.sync(() => void events.push(event))
      const flaky = succeedsAt(2)
      const result = yield* parallelGather(
        [
          Effect.andThen(note("first"), flaky),
          Effect.andThen(note("second"), after(20, "second")),
          Effect.andThen(note("third"), after(50, "third"))
        ],
        { concurrency: 1, retry: Schedule.spaced(10) }
      )
      expect(events).toEqual(["first", "second", "first", "third"])
      expect(result.completed).toBe(3)
    })
  )

  rule("keeps to the bound all the same", () =>
    Effect.gen(function* () {
      const meter = new Meter()
      const tasks = Array.from({ length: 6 }, () => meter.count(Effect.andThen(Effect.sleep(3), succeedsAt(3))))
      yield* parallelMap(tasks, (task) => task, { concurrency: 2, retry: { times: 5, schedule: Schedule.spaced(2) } })
      expect(meter).toMatchObject({ peak: 2, running: 0 })
    })
  )

  rule("counts `taskTimeout` over all attempts and the waits between them", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1], () => failsAfter(10, "no"), { taskTimeout: 35, retry: Schedule.spaced(10) })
      const [outcome] = result.list
      // 0-10, 20-30, and the third would start at 40.
      expect([told(result), outcome!.attempts, Duration.toMillis(outcome!.ranFor!)]).toEqual([["failed Fail(no)"], 2, 30])
    })
  )

  rule("cuts an attempt when the task's time is over", () =>
    Effect.gen(function* () {
      let attempt = 0
      const task = Effect.suspend(() => (++attempt === 1 ? Effect.fail("no") : Effect.never))
      const result = yield* parallelMap([1], () => task, { taskTimeout: 30, retry: Schedule.spaced(10) })
      expect([told(result), result.list[0]!.attempts, result.list[0]!.attemptCauses.map(reasons)]).toEqual([
        ["timeout task Interrupt"],
        2,
        ["Fail(no)"]
      ])
    })
  )

  // Proposed patch E: TaskPump.take starts what waited for a place although its time is over.
  rule("starts no attempt of a task whose time was over while it waited for a place", () =>
    Effect.gen(function* () {
      let attempts = 0
      const flaky = Effect.suspend(() => Effect.andThen(Effect.sleep(10), Effect.fail(++attempts)))
      const result = yield* parallelGather([flaky, Effect.uninterruptible(Effect.sleep(500))], {
        concurrency: 1,
        taskTimeout: 100,
        retry: Schedule.spaced(10)
      })
      expect([attempts, told(result)[0]]).toEqual([1, "timeout task Fail(1)"])
    })
  )

  // Proposed patch E: Runner.while arms no limit for a task that is tried again and waits for its permit.
  rule("ends a task whose time is over while it waits for a permit for its next attempt", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      yield* Effect.forkChild(Effect.andThen(Effect.sleep(5), limiter.withPermit(Effect.sleep(500))))
      const result = yield* parallelMap([1], () => failsAfter(10, "no"), { limiter, taskTimeout: 100, retry: Schedule.spaced(10) })
      expect([result.list[0]!.status, Duration.toMillis(result.elapsed)]).toEqual(["timeout", 100])
    })
  )

  rule("starts no attempt that could not begin before the call's time or a deadline is over", () =>
    Effect.gen(function* () {
      const flaky = () => failsAfter(1, "no")
      const byCall = yield* parallelMap([1], flaky, { timeout: 50, retry: Schedule.spaced(100) })
      const byDeadline = yield* Deadline.within(parallelMap([1], flaky, { retry: Schedule.spaced(100) }), 50)
      expect([byCall, byDeadline].map((result) => [told(result), Duration.toMillis(result.elapsed)])).toEqual([
        [["failed Fail(no)"], 1],
        [["failed Fail(no)"], 1]
      ])
    })
  )

  rule("starts no attempt that has less left than it needs", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1], () => Effect.fail("no"), { timeout: 100, retry: { schedule: Schedule.spaced(30), needs: 50 } })
      expect([result.list[0]!.attempts, Duration.toMillis(result.elapsed)]).toEqual([2, 30])
    })
  )

  rule("ends at once when the call is stopped while it waits, and keeps its last cause", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([succeedsAt(9)], (task) => task, { stop: Effect.sleep(25), retry: Schedule.spaced(10) })
      expect(told(result)).toEqual(["cancelled (stopped) Fail(attempt 3)"])
      expect(result.list[0]!.attemptCauses.map(reasons)).toEqual(["Fail(attempt 1)", "Fail(attempt 2)"])
      expect(Duration.toMillis(result.elapsed)).toBe(25)
    })
  )

  rule("is not a failure before the last attempt, for siblings", () =>
    Effect.gen(function* () {
      const result = yield* parallelGather([succeedsAt(3), after(50, "sibling")], { onFailure: "interrupt", retry: Schedule.spaced(10) })
      expect(told(result)).toEqual(["completed attempt 3", "completed sibling"])
    })
  )

  rule("loses no cause, wherever a sibling's failure finds the task", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const call = parallelGather([succeedsAt(3), failsAfter(10, "sibling")], {
        onFailure: "interrupt",
        retry: { schedule: Schedule.spaced(10), while: (error) => error !== "sibling" },
        onOutcome: ({ attemptCauses, index, ...outcome }) => {
          if (index === 0) seen.push(...attemptCauses.map(reasons), "cause" in outcome ? reasons(outcome.cause as never) : "completed")
        }
      })
      yield* Effect.exit(call)
      expect(seen[0]).toBe("Fail(attempt 1)")
    })
  )
})

describe("Options.attemptTimeout", () => {
  rule("without retry ends the task, and says that it was the attempt", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1], () => Effect.never, { attemptTimeout: 10, taskTimeout: 50 })
      expect(told(result)).toEqual(["timeout attempt Interrupt"])
    })
  )

  rule("is for the schedule and the predicate an error like others", () =>
    Effect.gen(function* () {
      const errors: Array<unknown> = []
      let attempt = 0
      const task = Effect.suspend(() => (++attempt < 3 ? Effect.never : Effect.succeed("third")))
      const result = yield* parallelMap([1], () => task, {
        attemptTimeout: 10,
        retry: {
          times: 5,
          while: (error) => {
            errors.push(error)
            return error instanceof Settings.AttemptTimedOut
          }
        }
      })
      expect([told(result), Duration.toMillis(result.elapsed)]).toEqual([["completed third"], 20])
      expect(errors).toEqual(Array(2).fill(expect.objectContaining({ _tag: "AttemptTimedOut", after: Duration.millis(10) })))
    })
  )

  rule("stays the limit of the last attempt, and the causes of the others are kept", () =>
    Effect.gen(function* () {
      const dirty = Effect.onInterrupt(Effect.never, () => Effect.die("cleanup broke"))
      const result = yield* parallelMap([1], () => dirty, { attemptTimeout: 10, retry: { times: 1 } })
      const [outcome] = result.list
      expect([outcome!.status, outcome!.attempts]).toEqual(["timeout", 2])
      expect(told(result)[0]).toMatch(/^timeout attempt .*Die\(cleanup broke\)/)
      expect(outcome!.attemptCauses.map(reasons)[0]).toContain("Die(cleanup broke)")
    })
  )

  rule("waits for the cleanup of an attempt before the next one starts", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const task = Effect.onInterrupt(
        Effect.andThen(
          Effect.sync(() => void events.push("start")),
          Effect.never
        ),
        () =>
          Effect.andThen(
            Effect.sleep(20),
            Effect.sync(() => void events.push("cleaned up"))
          )
      )
      yield* parallelMap([1], () => task, { attemptTimeout: 10, retry: { times: 1 } })
      expect(events).toEqual(["start", "cleaned up", "start", "cleaned up"])
    })
  )

  rule("may be extended for one attempt without a limit on those that follow, of this item or the next", () =>
    Effect.gen(function* () {
      const tries = [0, 0]
      const task = (i: number) =>
        Effect.suspend(() => {
          tries[i]!++
          return tries[i] === 1 ? Effect.andThen(Deadline.extend(5), Effect.never) : after(30, "second")
        })
      const result = yield* parallelMap([0, 1], task, { concurrency: 1, attemptTimeout: 40, retry: { times: 1 } })
      expect(told(result)).toEqual(["completed second", "completed second"])
    })
  )

  rule("lets an extended `taskTimeout` count for the attempts that follow", () =>
    Effect.gen(function* () {
      let tries = 0
      const task = Effect.suspend(() => (++tries === 1 ? Effect.andThen(Deadline.extend(100), failsAfter(40, "no")) : after(60, "second")))
      const result = yield* parallelMap([1], () => task, { taskTimeout: 50, retry: { times: 1 } })
      expect(told(result)).toEqual(["completed second"])
    })
  )
})
