import { Deadline, GatherResult } from "@skein/core"
import { parallelMap } from "@skein/parallel"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import { describe, expect, it } from "vitest"
import { after, failsAfter, logged, Meter, rule, stubborn, tidiesUp, told } from "./kit.ts"

const nothing = { total: 0, completed: 0, failed: 0, timedOut: 0, cancelled: 0, notStarted: 0 }

describe("parallelMap: outcomes", () => {
  // D-B2 (for results of all): never in the order of completion.
  rule("gives one outcome per item in input order, whatever the order of completion", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([30, 10, 20], (ms) => after(ms, ms))
      expect(told(result)).toEqual(["completed 30", "completed 10", "completed 20"])
      expect(result).toMatchObject({ total: 3, completed: 3, allSucceeded: true, successRate: 1, exhausted: true })
    })
  )

  // D-B9
  rule("answers an empty input with an empty result", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([], () => Effect.die("never called"))
      expect(result).toMatchObject({ ...nothing, outcomes: [], allSucceeded: true, successRate: 0, exhausted: true, abandoned: [] })
    })
  )

  // D-B8, D-B16
  rule("keeps the values of the others, whatever one task does", () =>
    Effect.gen(function* () {
      const tasks: ReadonlyArray<Effect.Effect<string, string>> = [
        after(10, "first"),
        failsAfter(5, "no"),
        Effect.die("bug"),
        Effect.interrupt,
        after(20, "last")
      ]
      const result = yield* parallelMap(tasks, (task) => task)
      expect(told(result)).toEqual([
        "completed first",
        "failed Fail(no)",
        "failed Die(bug)",
        "cancelled (interrupted) Interrupt",
        "completed last"
      ])
      expect(result).toMatchObject({ total: 5, completed: 2, failed: 2, cancelled: 1, allSucceeded: false, successRate: 0.4 })
    })
  )

  rule("keeps a defect as it is, also undefined and what is no error", () =>
    Effect.gen(function* () {
      const defects = [undefined, null, 0, "text", { own: "object" }]
      const result = yield* parallelMap(defects, (defect) => Effect.die(defect))
      expect(result.list.map((outcome) => (outcome._tag === "Failed" ? (outcome.cause.reasons[0] as Cause.Die).defect : outcome))).toEqual(
        defects
      )
    })
  )

  rule("keeps every error of a cause, with the task's index", () =>
    Effect.gen(function* () {
      const both = Cause.combine(Cause.fail("one"), Cause.fail("two"))
      const result = yield* parallelMap([1, 2], (n) => (n === 1 ? Effect.succeed(n) : Effect.failCause(both)))
      expect(GatherResult.errors(result)).toEqual([{ index: 1, name: undefined, cause: both }])
    })
  )

  // D-B14
  rule("fails the item whose mapper throws, with what it threw", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1, 2, 3], (n) => {
        if (n === 2) throw new Error("mapper broke")
        return Effect.succeed(n)
      })
      expect(told(result)).toEqual(["completed 1", "failed Die(mapper broke)", "completed 3"])
    })
  )

  rule("fails the item whose mapper returns something that is no effect, and names the item", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1, 2, 3], (n) => (n === 2 ? (undefined as unknown as Effect.Effect<number>) : Effect.succeed(n)))
      expect(told(result)).toEqual([
        "completed 1",
        "failed Die(parallelMap: each task must be an Effect, got undefined for item 1)",
        "completed 3"
      ])
    })
  )

  rule("tells a task whose fiber somebody else interrupted as cancelled, and goes on", () =>
    Effect.gen(function* () {
      let victim: Fiber.Fiber<unknown, unknown> | undefined
      const result = yield* parallelMap(
        ["victim", "culprit", "next"],
        (who) =>
          who === "victim"
            ? Effect.withFiber((fiber) => {
                victim = fiber
                return Effect.never
              })
            : Effect.andThen(
                Effect.sleep(10),
                Effect.sync(() => void (who === "culprit" && victim!.interruptUnsafe(1)))
              ),
        { concurrency: 2 }
      )
      expect(told(result)).toEqual(["cancelled (interrupted) Interrupt", "completed undefined", "completed undefined"])
    })
  )

  // D-B13
  rule("gives the mapper, the outcome and the list the same index", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap(["a", "b", "c"], (item, index) => Effect.succeed(`${index}${item}`))
      expect(GatherResult.values(result)).toEqual(["0a", "1b", "2c"])
      expect(result.list.map((outcome) => outcome.index)).toEqual([0, 1, 2])
    })
  )

  // D-B7
  rule("counts running from the start of a task, not from the start of the call", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([10, 20, 30], (ms) => after(ms, ms), { concurrency: 1 })
      expect(result.list.map(({ ranFor }) => Duration.toMillis(ranFor!))).toEqual([10, 20, 30])
      expect(Duration.toMillis(result.elapsed)).toBe(60)
      expect(result.list.map(({ attempts }) => attempts)).toEqual([1, 1, 1])
    })
  )

  // D-B3, D-B4
  rule("never changes an outcome after it was returned", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1, 2], (n) => (n === 1 ? stubborn(100, "shrugged it off") : Effect.never), {
        timeout: 10,
        grace: 10
      })
      const before = JSON.stringify(result.list)
      expect(told(result)).toEqual(["timeout call Interrupt", "timeout call Interrupt"])
      yield* Effect.sleep(200)
      expect(JSON.stringify(result.list)).toBe(before)
      expect(result.timedOut).toBe(2)
      expect(Object.isFrozen(result)).toBe(true)
    })
  )

  rule("runs anew each time the effect it gave is run", () =>
    Effect.gen(function* () {
      let runs = 0
      const both = parallelMap([1, 2], (n) => Effect.sync(() => n + runs++), { concurrency: 1 })
      expect(GatherResult.values(yield* both)).toEqual([1, 3])
      expect(GatherResult.values(yield* both)).toEqual([3, 5])
    })
  )

  it("runs 100,000 tasks that never suspend without filling the stack", async () => {
    const items = Array.from({ length: 100_000 }, (_, i) => i)
    const result = await Effect.runPromise(parallelMap(items, (n) => Effect.succeed(n)))
    expect(result).toMatchObject({ total: 100_000, completed: 100_000 })
  })

  it("runs 100,000 tasks that fail without filling the stack", async () => {
    const items = Array.from({ length: 100_000 }, (_, i) => i)
    const result = await Effect.runPromise(parallelMap(items, (n) => Effect.fail(n), { concurrency: 1 }))
    expect(result).toMatchObject({ total: 100_000, failed: 100_000 })
  })

  it("lists 100,000 tasks that never started", async () => {
    const items = Array.from({ length: 100_000 }, (_, i) => i)
    const result = await Effect.runPromise(parallelMap(items, () => Effect.never, { stop: AbortSignal.abort("at once") }))
    expect(result).toMatchObject({ total: 100_000, notStarted: 100_000 })
  })
})

describe("parallelMap: concurrency", () => {
  rule("runs never more than the bound at once, and that many when there is enough to do", () =>
    Effect.gen(function* () {
      const meter = new Meter()
      yield* parallelMap([5, 1, 4, 2, 3, 5, 1, 4], (ms) => meter.count(Effect.sleep(ms)), { concurrency: 3 })
      expect(meter).toMatchObject({ peak: 3, running: 0, total: 8 })
    })
  )

  rule("runs 8 at once by default", () =>
    Effect.gen(function* () {
      const meter = new Meter()
      yield* parallelMap(Array(20).fill(0), () => meter.count(Effect.sleep(1)))
      expect(meter.peak).toBe(8)
    })
  )

  rule("starts everything at once when unbounded", () =>
    Effect.gen(function* () {
      const meter = new Meter()
      yield* parallelMap(Array(100).fill(0), () => meter.count(Effect.sleep(1)), { concurrency: "unbounded" })
      expect(meter.peak).toBe(100)
    })
  )

  rule("with a bound of 1 ends each task, children and finalizers included, before the next one starts", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const note = (event: string) => Effect.sync(() => void events.push(event))
      yield* parallelMap(
        [1, 2],
        (n) =>
          Effect.gen(function* () {
            yield* note(`start ${n}`)
            yield* Effect.forkChild(
              tidiesUp(5, () => void events.push(`child of ${n} is gone`)),
              { startImmediately: true }
            )
            yield* Effect.addFinalizer(() => note(`finalizer of ${n}`))
            yield* Effect.sleep(1)
            yield* note(`end ${n}`)
          }).pipe(Effect.scoped),
        { concurrency: 1, onOutcome: ({ index, status }) => void events.push(`${index + 1} ${status}`) }
      )
      const of = (n: number) => [`start ${n}`, `end ${n}`, `finalizer of ${n}`, `child of ${n} is gone`, `${n} completed`]
      expect(events).toEqual([...of(1), ...of(2)])
    })
  )
})

describe("parallelMap: the tasks' surroundings", () => {
  class Port extends Context.Service<Port, number>()("Port") {}

  rule("lets tasks see the services, references and log annotations of the caller", () =>
    Effect.gen(function* () {
      const see = Effect.gen(function* () {
        const port = yield* Port
        const { user } = yield* References.CurrentLogAnnotations
        return `${port} ${String(user)}`
      })
      const result = yield* parallelMap([1, 2], () => see).pipe(Effect.annotateLogs("user", "ada"), Effect.provideService(Port, 8080))
      expect(GatherResult.values(result)).toEqual(["8080 ada", "8080 ada"])
    })
  )

  rule("makes the spans of tasks children of the caller's span", () =>
    Effect.gen(function* () {
      const parentName = Effect.map(Effect.currentSpan, (span) =>
        span.parent._tag === "Some" && span.parent.value._tag === "Span" ? span.parent.value.name : "none"
      )
      const result = yield* parallelMap([1, 2], () => Effect.withSpan(parentName, "task")).pipe(Effect.withSpan("caller"))
      expect(GatherResult.values(result)).toEqual(["caller", "caller"])
    })
  )

  rule("keeps what one task provides to itself from the task after it", () =>
    Effect.gen(function* () {
      const user = Effect.map(References.CurrentLogAnnotations, (annotations) => annotations["user"])
      const result = yield* parallelMap([1, 2], (n) => (n === 1 ? Effect.annotateLogs(user, "user", "ada") : user), { concurrency: 1 })
      expect(GatherResult.values(result)).toEqual(["ada", undefined])
    })
  )

  rule("can be called from inside its own tasks", () =>
    Effect.gen(function* () {
      const inner = (n: number) =>
        Effect.map(
          parallelMap([1, 2], (m) => after(m, n * m), { concurrency: 1 }),
          GatherResult.values
        )
      const result = yield* parallelMap([1, 10], inner, { concurrency: 1 })
      expect(GatherResult.values(result)).toEqual([
        [1, 2],
        [10, 20]
      ])
    })
  )

  rule("gives a detached call in one task nothing to do with the task after it", () =>
    Effect.gen(function* () {
      const detached = Effect.forkDetach(
        parallelMap([1], () => Effect.sleep(500)),
        { startImmediately: true }
      )
      const result = yield* parallelMap([1, 2], (n) => (n === 1 ? Effect.andThen(detached, Effect.sleep(1)) : Effect.never), {
        concurrency: 1,
        taskTimeout: 10
      })
      expect(told(result)).toEqual(["completed undefined", "timeout task Interrupt"])
      expect(Duration.toMillis(result.elapsed)).toBe(11)
      yield* Effect.sleep(1000)
    })
  )
})

describe("parallelMap: onFailure interrupt", () => {
  // D-B5
  rule("fails with the original typed error alone, once the siblings have cleaned up", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const failing = parallelMap(
        [1, 2, 3],
        (n) => (n === 2 ? failsAfter(10, "original") : tidiesUp(n * 10, () => void events.push(`cleaned up ${n}`))),
        { onFailure: "interrupt" }
      )
      const caught = yield* Effect.catch(failing, (error) => Effect.sync(() => void events.push(`caught ${error}`)))
      expect(caught).toBe(undefined)
      expect(events).toEqual(["cleaned up 1", "cleaned up 3", "caught original"])
    })
  )

  // D-B5, D-B17
  rule("hands over the partial result on the cause, siblings cancelled with who failed", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        parallelMap([1, 2, 3, 4], (n) => (n === 1 ? Effect.succeed("kept") : n === 3 ? failsAfter(10, "original") : Effect.never), {
          concurrency: 2,
          onFailure: "interrupt"
        })
      )
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      expect(cause.reasons.length).toBe(1)
      expect(told(GatherResult.fromCause(cause)!)).toEqual([
        "completed kept",
        "cancelled (sibling 2 failed) Interrupt",
        "failed Fail(original)",
        "notStarted (sibling 2 failed)"
      ])
    })
  )

  rule("keeps what siblings' cleanup failed with in the partial result, not in the error", () =>
    Effect.gen(function* () {
      const dirty = Effect.onInterrupt(Effect.never, () => Effect.die("cleanup broke"))
      const exit = yield* Effect.exit(
        parallelMap([1, 2], (n) => (n === 1 ? dirty : failsAfter(10, "original")), { onFailure: "interrupt" })
      )
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      expect(Cause.hasDies(cause)).toBe(false)
      expect(told(GatherResult.fromCause(cause)!)[0]).toMatch(/^cancelled \(sibling 1 failed\) .*Die\(cleanup broke\)/)
    })
  )

  rule("keeps a sibling that completes although it was asked to stop", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        parallelMap([1, 2], (n) => (n === 1 ? stubborn(100, "paid") : failsAfter(10, "original")), { onFailure: "interrupt" })
      )
      const partial = GatherResult.fromCause(Exit.isFailure(exit) ? exit.cause : Cause.empty)!
      expect(told(partial)).toEqual(["completed paid late", "failed Fail(original)"])
    })
  )

  rule("reports one failure when several tasks fail at once, and the others in the partial result", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(parallelMap([1, 2, 3], (n) => failsAfter(10, `no ${n}`), { onFailure: "interrupt" }))
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      expect(cause.reasons.length).toBe(1)
      const partial = GatherResult.fromCause(cause)!
      // None is lost, whichever came first: each was asked to stop at most after it had failed.
      expect(partial.list.map((outcome) => outcome._tag === "Failed" || outcome._tag === "Cancelled")).toEqual([true, true, true])
      expect(partial.failed).toBeGreaterThanOrEqual(1)
    })
  )

  rule("dies with the defect of a task that died", () =>
    Effect.gen(function* () {
      const defect = yield* parallelMap([1, 2], (n) => (n === 1 ? Effect.never : Effect.die("bug")), { onFailure: "interrupt" }).pipe(
        Effect.catchDefect((defect) => Effect.succeed(defect))
      )
      expect(defect).toBe("bug")
    })
  )

  rule("lets Effect.catch see the typed error of a cause that also holds a defect", () =>
    Effect.gen(function* () {
      const both = Effect.failCause(Cause.combine(Cause.die("cleanup"), Cause.fail("typed")))
      const caught = yield* parallelMap([1], () => both, { onFailure: "interrupt" }).pipe(
        Effect.catch((error) => Effect.succeed(`caught ${error}`))
      )
      expect(caught).toBe("caught typed")
    })
  )

  rule("takes neither a time-out nor a cancelled task for a failure", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1, 2, 3], (n) => (n === 1 ? Effect.never : n === 2 ? Effect.interrupt : after(50, n)), {
        onFailure: "interrupt",
        taskTimeout: 20,
        concurrency: 3
      })
      expect(told(result)).toEqual(["timeout task Interrupt", "cancelled (interrupted) Interrupt", "timeout task Interrupt"])
    })
  )

  rule("keeps the partial result of an inner call on the cause of its task", () =>
    Effect.gen(function* () {
      const inner = parallelMap([1, 2], (n) => (n === 1 ? Effect.succeed("inner value") : failsAfter(5, "inner")), {
        onFailure: "interrupt"
      })
      const exit = yield* Effect.exit(parallelMap([1], () => inner, { onFailure: "interrupt" }))
      const outer = GatherResult.fromCause(Exit.isFailure(exit) ? exit.cause : Cause.empty)!
      const [failed] = outer.list
      const within = GatherResult.fromCause(failed!._tag === "Failed" ? failed!.cause : Cause.empty)!
      expect([told(outer), told(within)]).toEqual([["failed Fail(inner)"], ["completed inner value", "failed Fail(inner)"]])
    })
  )
})

describe("parallelMap: late endings", () => {
  rule("keeps the value of a task that cannot be interrupted, whatever asked it to stop", () =>
    Effect.gen(function* () {
      const controller = new AbortController()
      yield* Effect.forkChild(
        Effect.andThen(
          Effect.sleep(10),
          Effect.sync(() => controller.abort("enough"))
        )
      )
      const pay = () => stubborn(50, "paid")
      const [byTask, byCall, bySignal, byEffect] = yield* Effect.all(
        [
          parallelMap([1], pay, { taskTimeout: 10 }),
          parallelMap([1], pay, { timeout: 10 }),
          parallelMap([1], pay, { stop: controller.signal }),
          parallelMap([1], pay, { stop: Effect.sleep(10) })
        ],
        { concurrency: "unbounded" }
      )
      expect([byTask, byCall, bySignal, byEffect].map(told)).toEqual(Array(4).fill(["completed paid late"]))
      expect(byTask).toMatchObject({ completed: 1, timedOut: 0, allSucceeded: true })
    })
  )

  rule("keeps the late value of a task that the caller's interruption asked to stop, for observers", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const call = parallelMap([1], () => stubborn(50, "paid"), {
        onOutcome: (outcome) => void seen.push(outcome._tag === "Completed" ? `${outcome.value} ${outcome.late}` : outcome._tag)
      })
      yield* Effect.timeoutOption(call, 10)
      expect(seen).toEqual(["paid true"])
    })
  )

  // Proposed patch I: internal/fiberState.ts hides the interruption only from the very last frame of a task, and a span is one more frame.
  rule("keeps the late value through a span, a provided reference and a finalizer", () =>
    Effect.gen(function* () {
      const pay = stubborn(50, "paid")
      const result = yield* parallelMap(
        [Effect.withSpan(pay, "pay"), Effect.annotateLogs(pay, "user", "ada"), Effect.ensuring(pay, Effect.sleep(1))],
        (task) => task,
        { timeout: 10 }
      )
      expect(told(result)).toEqual(Array(3).fill("completed paid late"))
    })
  )

  rule("does not run on what follows an uninterruptible region", () =>
    Effect.gen(function* () {
      let went = false
      const task = Effect.tap(stubborn(50, "paid"), () => Effect.sync(() => void (went = true)))
      const result = yield* parallelMap([1], () => task, { timeout: 10 })
      expect([told(result), went]).toEqual([["timeout call Interrupt"], false])
    })
  )

  rule("interrupts what an uninterruptible task restored", () =>
    Effect.gen(function* () {
      const task = Effect.uninterruptibleMask((restore) => restore(Effect.sleep(1000)))
      const result = yield* parallelMap([1], () => task, { timeout: 10 })
      expect([told(result), Duration.toMillis(result.elapsed)]).toEqual([["timeout call Interrupt"], 10])
    })
  )

  rule("keeps the cause of a task that fails or dies after it was asked to stop, without calling it failed", () =>
    Effect.gen(function* () {
      const tasks: ReadonlyArray<Effect.Effect<never, string>> = [
        Effect.uninterruptible(failsAfter(50, "late failure")),
        Effect.onInterrupt(Effect.never, () => Effect.die("cleanup broke"))
      ]
      const result = yield* parallelMap(tasks, (task) => task, { stop: Effect.sleep(10) })
      expect(result).toMatchObject({ cancelled: 2, failed: 0 })
      expect(told(result)[0]).toContain("Fail(late failure)")
      expect(told(result)[1]).toContain("Die(cleanup broke)")
      expect(GatherResult.errors(result).map(({ index }) => index)).toEqual([0, 1])
    })
  )

  rule("lets the task win when it ends at the very instant of a limit", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1, 2], (n) => (n === 1 ? after(10, "task") : after(20, "call")), { taskTimeout: 20, timeout: 20 })
      expect(told(result)).toEqual(["completed task", "completed call"])
      const tie = yield* parallelMap([1], () => Effect.andThen(Effect.yieldNow, after(10, "tie")), { taskTimeout: 10 })
      expect(told(tie)).toEqual(["completed tie"])
      const within = yield* Deadline.within(
        parallelMap([1], () => after(10, "within")),
        10
      )
      expect(told(within)).toEqual(["completed within"])
    })
  )

  // Proposed patch F: TaskPump.take does not look at the clock.
  rule("starts nothing at the instant of the deadline", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1, 2], () => after(10, "in time"), { concurrency: 1, timeout: 10 })
      expect(told(result)).toEqual(["completed in time", "notStarted (call timed out after 10ms)"])
    })
  )

  // What is real: the clock, and the time that the tasks take. Proposed patch F, as above: timers cannot fire between tasks that never suspend.
  it("starts nothing after the deadline, though no task ever suspends", async () => {
    const busy = Effect.sync(() => {
      for (const until = performance.now() + 1; performance.now() < until;);
    })
    const result = await Effect.runPromise(parallelMap(Array(200).fill(0), () => busy, { timeout: 20 }))
    expect(result.completed).toBeLessThan(100)
    expect(result.notStarted).toBeGreaterThan(100)
  })
})

describe("parallelMap: in silence", () => {
  rule("logs who is waited for when cleanup takes more than 10 s", () =>
    Effect.gen(function* () {
      const [result, lines] = yield* logged(
        parallelMap([1, 2], (n) => tidiesUp(n === 1 ? 1 : 15_000, () => {}), { timeout: 10, name: "crawl" })
      )
      expect(told(result)).toEqual(["timeout call Interrupt", "timeout call Interrupt"])
      expect(lines).toEqual(["skein: crawl has waited 10 s for tasks that were asked to stop: #1"])
    })
  )

  rule("logs nothing when all is well", () =>
    Effect.gen(function* () {
      const [, lines] = yield* logged(parallelMap([1, 2], (n) => after(n, n), { timeout: 1000, taskTimeout: 100, grace: 10 }))
      expect(lines).toEqual([])
    })
  )
})
