import { Deadline, GatherResult, Limiter, Outcome } from "@skein/core"
import { parallelGather, parallelMap } from "@skein/parallel"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { describe, expect } from "vitest"
import { after, countedSignal, failsAfter, rule, stubborn, tidiesUp, told, word } from "./kit.ts"

describe("parallelMap: interrupting the caller", () => {
  // D-B1, D-B4
  rule("interrupts each task once, and is over when the last one has cleaned up", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const child = yield* Effect.forkChild(parallelMap([20, 10], (ms) => tidiesUp(ms, () => void events.push(`cleaned up in ${ms}`))))
      yield* Effect.sleep(5)
      yield* Fiber.interrupt(child)
      events.push("over")
      expect(events).toEqual(["cleaned up in 10", "cleaned up in 20", "over"])
    })
  )

  // D-B1
  rule("leaves nothing running under Effect.timeout", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      yield* Effect.timeoutOption(
        parallelMap([1, 2], (n) => tidiesUp(30, () => void events.push(`cleaned up ${n}`))),
        10
      )
      expect([...events].sort()).toEqual(["cleaned up 1", "cleaned up 2"])
    })
  )

  rule("asks once, however often the caller is interrupted", () =>
    Effect.gen(function* () {
      let asked = 0
      const task = Effect.onInterrupt(Effect.never, () =>
        Effect.andThen(
          Effect.sync(() => void asked++),
          Effect.sleep(20)
        )
      )
      const child = yield* Effect.forkChild(parallelMap([1], () => task))
      yield* Effect.sleep(5)
      child.interruptUnsafe()
      yield* Effect.sleep(5)
      child.interruptUnsafe()
      yield* Fiber.await(child)
      expect(asked).toBe(1)
    })
  )

  rule("says to each task and observer who asked and why, also to what never started", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const inner = parallelMap([1, 2], () => Effect.never, { concurrency: 1, onOutcome: (outcome) => void seen.push(word(outcome)) })
      yield* Effect.exit(parallelGather({ inner, billing: failsAfter(10, "no") }, { onFailure: "interrupt" }))
      expect(seen).toEqual([
        `cancelled (caller interrupted ← sibling 1 "billing" failed) Interrupt`,
        `notStarted (caller interrupted ← sibling 1 "billing" failed)`
      ])
    })
  )

  rule("lets a task's cleanup read why it was asked to stop", () =>
    Effect.gen(function* () {
      let reason: Outcome.Reason | undefined
      const task = Effect.onExit(Effect.never, (exit) =>
        Effect.sync(() => {
          if (Exit.isFailure(exit)) reason = Outcome.reasonFromCause(exit.cause)
        })
      )
      yield* parallelMap([1], () => task, { timeout: 10 })
      expect(reason).toMatchObject({ _tag: "CallTimeout" })
    })
  )

  rule("goes on under a caller that cannot be interrupted, and its limits still count", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const call = parallelMap([1, 2], (n) => (n === 1 ? after(20, n) : Effect.never), {
        timeout: 30,
        onOutcome: (outcome) => void seen.push(word(outcome))
      })
      const child = yield* Effect.forkChild(Effect.uninterruptible(call), { startImmediately: true })
      yield* Effect.sleep(10)
      yield* Fiber.interrupt(child)
      expect(seen).toEqual(["completed 1", "timeout call Interrupt"])
    })
  )

  rule("waits without limit for a task that cannot be interrupted when there is no grace", () =>
    Effect.gen(function* () {
      const [spent] = yield* Effect.timed(
        Effect.timeoutOption(
          parallelMap([1], () => stubborn(5000, "paid")),
          10
        )
      )
      expect(Duration.toMillis(spent)).toBe(5000)
    })
  )
})

describe("parallelMap: grace and abandoned tasks", () => {
  // D-B3
  rule("returns when the grace is over, lists the task, and tells its real end", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1, 2], (n) => (n === 1 ? stubborn(100, "paid after all") : after(1, String(n))), {
        timeout: 10,
        grace: 20
      })
      expect(Duration.toMillis(result.elapsed)).toBe(30)
      expect(told(result)).toEqual(["timeout call Interrupt", "completed 2"])
      expect(result.list[0]).toMatchObject({ abandoned: true, endedAt: undefined })
      expect(result.abandoned.map(({ index }) => index)).toEqual([0])
      const end = yield* result.abandoned[0]!.await
      expect(Exit.isSuccess(end) && end.value).toBe("paid after all")
      expect(yield* result.abandoned[0]!.await).toBe(end)
      expect(told(result)).toEqual(["timeout call Interrupt", "completed 2"])
    })
  )

  rule("tells the failure of an abandoned task's cleanup at its real end", () =>
    Effect.gen(function* () {
      const task = Effect.onInterrupt(Effect.never, () => Effect.andThen(Effect.sleep(100), Effect.die("cleanup broke")))
      const result = yield* parallelMap([1], () => task, { timeout: 10, grace: 10 })
      const end = yield* result.abandoned[0]!.await
      expect(Exit.isFailure(end) && Cause.hasDies(end.cause)).toBe(true)
    })
  )

  rule("keeps the place of an abandoned task taken until it has really ended", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const note = (event: string) => Effect.sync(() => void events.push(event))
      const result = yield* parallelMap(
        [1, 2],
        (n) => (n === 1 ? Effect.uninterruptible(Effect.andThen(Effect.sleep(100), note("ended"))) : note("started 2")),
        {
          concurrency: 1,
          taskTimeout: 10,
          grace: 10,
          onOutcome: ({ index, status }) => void events.push(`${index + 1} ${status}`)
        }
      )
      expect(events).toEqual(["1 timeout", "ended", "started 2", "2 completed"])
      expect(result.abandoned.length).toBe(1)
    })
  )

  rule("keeps the permit of an abandoned task taken, and the limiter counts it", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 2 })
      const result = yield* parallelMap([1], () => stubborn(100, "late"), { limiter, timeout: 10, grace: 10 })
      const during = yield* limiter.stats
      yield* result.abandoned[0]!.await
      yield* Effect.yieldNow
      const afterwards = yield* limiter.stats
      expect([during.running, during.abandoned, afterwards.running, afterwards.abandoned]).toEqual([1, 1, 0, 0])
    })
  )

  rule("abandons at once with a grace of 0", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1], () => tidiesUp(50, () => {}), { timeout: 10, grace: 0 })
      expect([Duration.toMillis(result.elapsed), result.abandoned.length]).toEqual([10, 1])
      yield* result.abandoned[0]!.await
    })
  )

  rule("abandons nobody who ends at the very instant at which the grace is over", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1], () => tidiesUp(20, () => {}), { timeout: 10, grace: 20 })
      expect(result.abandoned).toEqual([])
    })
  )

  rule("counts for the children of a task that has its value, and keeps the value", () =>
    Effect.gen(function* () {
      const child = Effect.forkChild(stubborn(100, "child"), { startImmediately: true })
      const result = yield* parallelMap([1], () => Effect.as(child, "value"), { timeout: 10, grace: 20 })
      expect([told(result), Duration.toMillis(result.elapsed), result.abandoned.length]).toEqual([["completed value late"], 30, 1])
      const end = yield* result.abandoned[0]!.await
      expect(Exit.isSuccess(end) && end.value).toBe("value")
    })
  )

  rule("counts for an interrupted caller too", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const call = parallelMap([1], () => stubborn(100, "late"), {
        grace: 20,
        onOutcome: ({ abandoned, status }) => void seen.push(`${status} ${abandoned}`)
      })
      const child = yield* Effect.forkChild(call)
      yield* Effect.sleep(10)
      const [spent] = yield* Effect.timed(Fiber.interrupt(child))
      expect([seen, Duration.toMillis(spent)]).toEqual([["cancelled true"], 20])
      yield* Effect.sleep(100)
    })
  )

  rule("leaves the others their time when one is abandoned", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1, 2], (n) => (n === 1 ? stubborn(100, "late") : after(80, "in time")), {
        taskTimeout: 90,
        attemptTimeout: 85,
        grace: 5
      })
      expect(result.completed).toBe(1)
      yield* Effect.sleep(100)
    })
  )
})

describe("parallelMap: deadlines around it", () => {
  const fiveOfSix = () => parallelMap([1, 2, 3, 4, 5, 6], (n) => (n < 6 ? after(n, n) : Effect.never))

  // D-B17
  rule("gives what had finished to a deadline around it", () =>
    Effect.gen(function* () {
      const result = yield* Deadline.within(fiveOfSix(), 10)
      expect(GatherResult.values(result)).toEqual([1, 2, 3, 4, 5])
      expect(result.list[5]).toMatchObject({ _tag: "TimedOut", limit: "deadline" })
    })
  )

  rule("lets what follows it use the answer, for a second", () =>
    Effect.gen(function* () {
      const report = Effect.flatMap(fiveOfSix(), (result) => after(900, `${result.completed} of ${result.total}`))
      expect(yield* Deadline.within(report, 10)).toBe("5 of 6")
      const slow = Effect.flatMap(fiveOfSix(), (result) => after(1100, result))
      expect(yield* Effect.flip(Deadline.within(slow, 10))).toMatchObject({ _tag: "DeadlineExceeded" })
    })
  )

  rule("answers from the inside out when calls are nested", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const inner = (n: number) =>
        Effect.tap(fiveOfSix(), (result) => Effect.sync(() => void events.push(`inner ${n}: ${result.completed}`)))
      const result = yield* parallelMap([1, 2], inner, { timeout: 10 })
      events.push("outer")
      expect([...events.slice(0, 2)].sort()).toEqual(["inner 1: 5", "inner 2: 5"])
      expect(events[2]).toBe("outer")
      expect(result.list.map((outcome) => (outcome._tag === "Completed" ? outcome.value.completed : outcome.status))).toEqual([5, 5])
    })
  )

  rule("does not fail fast with what follows an answer after the time is over, and keeps it", () =>
    Effect.gen(function* () {
      const late = Effect.andThen(fiveOfSix(), Effect.fail("after the answer"))
      const result = yield* parallelMap([1, 2], (n) => (n === 1 ? late : Effect.never), { timeout: 10, onFailure: "interrupt" })
      expect(told(result)).toEqual(["failed Fail(after the answer)", "timeout call Interrupt"])
    })
  )

  rule("answers the time limit of its task in the same way", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1, 2], (n) => (n === 1 ? Effect.map(fiveOfSix(), ({ completed }) => completed) : Effect.never), {
        taskTimeout: 10
      })
      expect(told(result)).toEqual(["completed 5", "timeout task Interrupt"])
    })
  )

  rule("interrupts at once the tasks that hold no call, and holds the others only as long as they need", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const plain = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void events.push("plain is gone")))
      const slowInner = parallelMap([1], () => tidiesUp(50, () => void events.push("inner is gone")))
      const result = yield* parallelGather([plain, Effect.map(slowInner, told)], { timeout: 10 })
      expect(events).toEqual(["plain is gone", "inner is gone"])
      expect([told(result), Duration.toMillis(result.elapsed)]).toEqual([
        ["timeout call Interrupt", "completed timeout deadline Interrupt"],
        60
      ])
    })
  )

  rule("does not lose the answer of an inner call whose outer one is abandoned late", () =>
    Effect.gen(function* () {
      const inner = parallelMap([1, 2], (n) => (n === 1 ? Effect.succeed(n) : stubborn(100, n)), { grace: 20 })
      const result = yield* parallelGather(
        [Effect.map(inner, ({ abandoned, completed }) => `${completed} and ${abandoned.length} abandoned`)],
        { timeout: 10, grace: 5 }
      )
      expect(told(result)).toEqual(["completed 1 and 1 abandoned"])
      yield* Effect.sleep(200)
    })
  )

  rule("takes the tightest of all limits, and names the one that it was", () =>
    Effect.gen(function* () {
      const tight = yield* Deadline.within(
        parallelMap([1], () => Effect.never, { timeout: 100 }),
        10
      )
      const wide = yield* Deadline.within(
        parallelMap([1], () => Effect.never, { timeout: 10 }),
        100
      )
      const task = yield* Deadline.within(
        parallelMap([1], () => Effect.never, { taskTimeout: 5, timeout: 10 }),
        100
      )
      expect([tight, wide, task].map(told)).toEqual([
        ["timeout deadline Interrupt"],
        ["timeout call Interrupt"],
        ["timeout task Interrupt"]
      ])
    })
  )

  rule("starts nothing under a deadline that has passed", () =>
    Effect.gen(function* () {
      const late = Effect.uninterruptible(
        Effect.andThen(
          Effect.sleep(20),
          parallelMap([1], () => Effect.die("started"))
        )
      )
      const result = yield* parallelGather([late], { taskTimeout: 10 })
      const [outcome] = result.list
      expect(outcome!._tag === "Completed" ? told(outcome!.value).map((text) => text.split(" at ")[0]) : outcome).toEqual([
        "notStarted (deadline reached"
      ])
    })
  )

  rule("sets up nothing to stop a call whose time is over before it begins", () =>
    Effect.gen(function* () {
      const { added, signal } = countedSignal(new AbortController().signal)
      yield* parallelMap([1], () => Effect.never, { timeout: 0, stop: signal })
      yield* parallelMap([1], () => Effect.never, { timeout: 0, stop: Effect.never })
      expect(added()).toBe(0)
    })
  )

  rule("gives the tasks its own time as their deadline, and lets them extend it", () =>
    Effect.gen(function* () {
      const left: Array<number> = []
      const note = Effect.map(
        Deadline.remaining,
        (remaining) => void left.push(remaining._tag === "Some" ? Duration.toMillis(remaining.value) : Infinity)
      )
      const result = yield* parallelMap(
        [1, 2],
        (n) => (n === 1 ? Effect.andThen(note, Effect.andThen(Deadline.extend(100), note)) : after(50, "in time")),
        { timeout: 20, concurrency: 2 }
      )
      expect(left).toEqual([20, 120])
      expect(told(result)).toEqual(["completed undefined", "completed in time"])
    })
  )

  rule("follows a deadline around it that is extended from inside", () =>
    Effect.gen(function* () {
      const call = parallelMap([1, 2], (n) => (n === 1 ? Effect.as(Deadline.extend(100), "extended") : after(50, "in time")))
      const result = yield* Deadline.within(call, 10)
      expect(told(result)[1]).toBe("completed in time")
    })
  )

  rule("lets a task extend its own time", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1, 2], (n) => Effect.andThen(n === 1 ? Deadline.extend(100) : Effect.void, after(50, n)), {
        taskTimeout: 20
      })
      expect(told(result)).toEqual(["completed 1", "timeout task Interrupt"])
    })
  )
})

describe("parallelMap: cleanup that fails while the caller is interrupted", () => {
  rule("joins the interruption, once each", () =>
    Effect.gen(function* () {
      const child = yield* Effect.forkChild(parallelMap([1, 2], (n) => Effect.onInterrupt(Effect.never, () => Effect.die(`broken ${n}`))))
      yield* Effect.sleep(5)
      yield* Fiber.interrupt(child)
      const exit = yield* Fiber.await(child)
      const defects = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason).map((reason) => reason.defect) : []
      expect(defects.sort()).toEqual(["broken 1", "broken 2"])
    })
  )
})
