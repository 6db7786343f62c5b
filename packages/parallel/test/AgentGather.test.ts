import { Simulator } from "@skein/core/testing"
import * as AgentGather from "@skein/parallel/AgentGather"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import { after, failsAfter, logged, Meter, rule, stubborn, tidiesUp } from "./kit.ts"

const millis = Effect.clockWith((clock) => clock.currentTimeMillis)
const { make } = AgentGather

const scopedRule = (title: string, program: () => Effect.Effect<unknown, unknown, Scope.Scope>): void =>
  rule(title, () => Effect.scoped(program()))

/** Each report in a few words. */
const told = ({ reports }: AgentGather.Account): ReadonlyArray<string> => reports.map(({ id, status, why }) => `${id} ${status}: ${why}`)

describe("AgentGather: what became of each task", () => {
  scopedRule("reports each task in input order, whatever the others do, and keeps what finished", () =>
    Effect.gen(function* () {
      const agents = yield* make({ timeout: 50 })
      const account = yield* agents.gather([
        { id: "slow", run: after(20, "late bird") },
        { id: "hangs", agent: "reader", run: Effect.never },
        { id: "fails", run: failsAfter(5, new Error("no route")) },
        { id: "crashes", run: Effect.die(new TypeError("x is undefined\n    at file.ts:1")) },
        { agent: "reader", run: Effect.succeed(42) }
      ])
      expect(told(account)).toEqual([
        "slow completed: finished",
        "hangs timeout: still running when the time was over, and stopped",
        "fails failed: failed: no route",
        "crashes failed: crashed: x is undefined at file.ts:1",
        "reader-5 completed: finished"
      ])
      expect(account.values).toEqual(["late bird", 42])
      expect([account.total, account.completed, account.missing]).toEqual([5, 2, 3])
      expect(account.text).toBe(
        [
          "2 of 5 tasks finished.",
          "",
          "Finished:",
          "- slow: late bird",
          "- reader-5 (reader): 42",
          "",
          "Not finished:",
          "- hangs (reader): still running when the time was over, and stopped",
          "- fails: failed: no route",
          "- crashes: crashed: x is undefined at file.ts:1",
          "",
          "To try again, call with the 3 missing tasks."
        ].join("\n")
      )
      expect(yield* millis).toBe(50)
    })
  )

  // Law 11
  scopedRule("counts a task's time from its start, not from when it was queued", () =>
    Effect.gen(function* () {
      const agents = yield* make({ concurrency: 1, taskTimeout: 10 })
      const account = yield* agents.gather([8, 8, 8, 30, 8].map((ms) => ({ run: after(ms, ms) })))
      expect(account.reports.map(({ status }) => status)).toEqual(["completed", "completed", "completed", "timeout", "completed"])
      expect(account.unfinished[0]!.why).toBe("timed out after 10ms")
      expect(yield* millis).toBe(42)
    })
  )

  scopedRule("a time of nothing is over before the first step, and called what it is", () =>
    Effect.gen(function* () {
      const agents = yield* make()
      const account = yield* agents.gather([{ id: "a", run: Effect.void }], { taskTimeout: 0 })
      expect(told(account)).toEqual(["a timeout: timed out after 0"])
    })
  )

  // Law 9
  scopedRule("starts nothing after the deadline, and says so", () =>
    Effect.gen(function* () {
      const agents = yield* make({ concurrency: 1, timeout: 10 })
      const meter = new Meter()
      const account = yield* agents.gather([1, 2, 3].map((n) => ({ id: `${n}`, run: meter.count(after(8, n)) })))
      expect(told(account)).toEqual([
        "1 completed: finished",
        "2 timeout: still running when the time was over, and stopped",
        "3 notStarted: never started: the time was over before its turn came"
      ])
      expect(meter.total).toBe(2)
    })
  )

  scopedRule("says that a task which waited for a permit of another gather never started", () =>
    Effect.gen(function* () {
      const agents = yield* make({ concurrency: 1 })
      const first = yield* Effect.forkChild(agents.gather([{ run: after(30, 1) }]))
      yield* Effect.sleep(5)
      const account = yield* agents.gather([{ id: "a", run: Effect.void }], { timeout: 10 })
      expect(told(account)).toEqual(["a notStarted: never started: the time was over before its turn came"])
      expect((yield* Fiber.join(first)).values).toEqual([1])
    })
  )

  scopedRule("keeps the value of a task that finishes although it was asked to stop", () =>
    Effect.gen(function* () {
      const agents = yield* make({ timeout: 10 })
      const account = yield* agents.gather([{ id: "pay", run: stubborn(30, "paid") }])
      expect(account.values).toEqual(["paid"])
      expect(account.text).toBe("The task finished.\n\nFinished:\n- pay, late: paid")
    })
  )

  scopedRule("leaves behind what does not stop within the grace, lists it, and keeps its permit until it ends", () =>
    Effect.gen(function* () {
      const agents = yield* make({ timeout: 10, grace: 20, concurrency: 1 })
      const account = yield* agents.gather([{ id: "stuck", run: stubborn(100, "at last") }])
      expect(yield* millis).toBe(30)
      expect(account.unfinished[0]!.why).toBe(
        "still running when the time was over, and stopped; it did not stop within 20ms and may still be running"
      )
      expect(account.abandoned.map(({ path }) => path)).toEqual(["stuck"])
      expect(yield* agents.stats).toMatchObject({ running: 1, abandoned: 1 })
      const end = yield* account.abandoned[0]!.await
      expect([Exit.isSuccess(end) && end.value, yield* millis]).toEqual(["at last", 100])
      expect(yield* agents.stats).toMatchObject({ running: 0, abandoned: 0 })
    })
  )

  scopedRule("tells what a task failed with while it was being stopped", () =>
    Effect.gen(function* () {
      const agents = yield* make({ timeout: 10 })
      const run = Effect.onInterrupt(Effect.never, () => Effect.die("cannot clean up"))
      const { unfinished } = yield* agents.gather([{ run }])
      expect(unfinished[0]!.why).toBe("still running when the time was over, and stopped; when it was stopped it crashed: cannot clean up")
    })
  )

  // Law 12
  scopedRule("tries again as it is told, with the permit given back in between", () =>
    Effect.gen(function* () {
      const agents = yield* make({ concurrency: 1, retry: { times: 2 } })
      let attempts = 0
      const flaky = Effect.suspend(() => (++attempts < 3 ? Effect.fail("flaky") : Effect.succeed("third time")))
      const account = yield* agents.gather([{ run: flaky }, { id: "never", run: Effect.fail("no") }])
      expect(account.values).toEqual(["third time"])
      expect(account.unfinished[0]!.why).toBe("failed: no (3 attempts)")
      expect(account.reports.map(({ outcome }) => outcome.attempts)).toEqual([3, 3])
    })
  )

  // Law 13
  scopedRule("shows each report once to its observer, whose failure is logged and changes nothing", () =>
    Effect.gen(function* () {
      const agents = yield* make({ timeout: 10 })
      const seen: Array<string> = []
      const [account, lines] = yield* logged(
        agents.gather(
          [
            { id: "a", run: after(5, 1) },
            { id: "b", run: Effect.never },
            { id: "c", run: Effect.void }
          ],
          {
            onReport: ({ id }) => {
              seen.push(id)
              throw new Error("observer")
            }
          }
        )
      )
      expect([...seen].sort()).toEqual(["a", "b", "c"])
      expect([account.completed, lines.length]).toEqual([2, 3])
    })
  )

  scopedRule("gives an empty account for no tasks", () =>
    Effect.gen(function* () {
      const agents = yield* make()
      const account = yield* agents.gather([])
      expect([account.text, account.total, account.missing]).toEqual(["There were no tasks.", 0, 0])
    })
  )
})

describe("AgentGather.cancel", () => {
  scopedRule("stops one task, waits for its cleanup, gives its report, and the others go on", () =>
    Effect.gen(function* () {
      const agents = yield* make()
      const events: Array<string> = []
      const call = yield* Effect.forkChild(
        agents.gather([
          { id: "a", run: after(50, "a") },
          { id: "b", run: tidiesUp(5, () => void events.push("cleaned up")) }
        ])
      )
      yield* Effect.sleep(10)
      const report = yield* agents.cancel("b", "the user closed the tab")
      events.push(`${report.status} at ${yield* millis}`)
      expect(events).toEqual(["cleaned up", "cancelled at 15"])
      expect(report.why).toBe("cancelled: the user closed the tab")
      expect(report.outcome._tag === "Cancelled" && report.outcome.reason).toMatchObject({
        _tag: "Requested",
        value: "the user closed the tab"
      })
      const account = yield* Fiber.join(call)
      expect(account.values).toEqual(["a"])
      expect(account.reports[1]).toBe(report)
    })
  )

  scopedRule("settles at once what has not started: in line for a place or for a permit", () =>
    Effect.gen(function* () {
      const agents = yield* make({ concurrency: 1 })
      const meter = new Meter()
      const busy = yield* Effect.forkChild(agents.gather([{ id: "busy", run: after(50, 0) }]))
      yield* Effect.sleep(5)
      const call = yield* Effect.forkChild(agents.gather([1, 2].map((n) => ({ id: `${n}`, run: meter.count(after(1, n)) }))))
      yield* Effect.sleep(5)
      const reports = [yield* agents.cancel("1", "changed my mind"), yield* agents.cancel("2")]
      expect(reports.map(({ why }) => why)).toEqual(["never started: cancelled: changed my mind", "never started: cancelled"])
      expect(yield* millis).toBe(10)
      const account = yield* Fiber.join(call)
      expect([account.completed, meter.total]).toEqual([0, 0])
      yield* Fiber.join(busy)
    })
  )

  scopedRule("reaches a task of a gather inside by its path, from another agent", () =>
    Effect.gen(function* () {
      const agents = yield* make()
      const inner = Effect.map(agents.gather([{ id: "x", run: Effect.never }]), ({ unfinished }) => unfinished[0]!.path)
      const account = yield* agents.gather([
        { id: "one", run: inner },
        { id: "two", run: inner },
        {
          id: "boss",
          run: Effect.gen(function* () {
            yield* Effect.sleep(5)
            const error = yield* Effect.flip(agents.cancel("x"))
            yield* agents.cancel("one/x")
            yield* agents.cancel("two/x")
            return error.message
          })
        }
      ])
      expect(account.values).toEqual(["one/x", "two/x", '"x" is not the id of one task, there are one/x, two/x'])
      expect(yield* millis).toBe(5)
    })
  )

  scopedRule("interrupts a task that cancels itself, and finds nothing where nothing runs", () =>
    Effect.gen(function* () {
      const agents = yield* make()
      const account = yield* agents.gather([{ id: "me", run: agents.cancel("me", "tired") }])
      expect(told(account)).toEqual(["me cancelled: cancelled: tired"])
      expect((yield* Effect.flip(agents.cancel("me"))).message).toBe('no task "me" is running')
    })
  )

  scopedRule("gives the report of a task that has ended, and answers when the gather is interrupted meanwhile", () =>
    Effect.gen(function* () {
      const agents = yield* make()
      const call = yield* Effect.forkChild(
        agents.gather([
          { id: "done", run: Effect.succeed(1) },
          { id: "tidy", run: tidiesUp(20, () => {}) }
        ])
      )
      yield* Effect.sleep(5)
      expect((yield* agents.cancel("done")).status).toBe("completed")
      const cancelled = yield* Effect.forkChild(agents.cancel("tidy", "first"))
      yield* Effect.sleep(5)
      yield* Fiber.interrupt(call)
      expect((yield* Fiber.join(cancelled)).why).toBe("cancelled: first")
    })
  )
})

describe("AgentGather: stopping and closing", () => {
  scopedRule("ends with what it has when its signal fires, with the signal's reason", () =>
    Effect.gen(function* () {
      const agents = yield* make({ concurrency: 2 })
      const controller = new AbortController()
      yield* Effect.forkChild(
        Effect.delay(
          Effect.sync(() => controller.abort("enough")),
          10
        )
      )
      const tasks = [
        { id: "a", run: after(5, 1) },
        { id: "b", run: Effect.never },
        { id: "c", run: Effect.never },
        { id: "d", run: Effect.never }
      ]
      const account = yield* agents.gather(tasks, { stop: controller.signal })
      expect(told(account)).toEqual([
        "a completed: finished",
        "b cancelled: cancelled: enough",
        "c cancelled: cancelled: enough",
        "d notStarted: never started: cancelled: enough"
      ])
      const nothing = yield* agents.gather(tasks, { stop: controller.signal })
      expect(nothing.reports.map(({ status }) => status)).toEqual(["notStarted", "notStarted", "notStarted", "notStarted"])
    })
  )

  // D-B1, D-B4
  scopedRule("interrupting the caller interrupts each task once and waits for it, up to the grace", () =>
    Effect.gen(function* () {
      const agents = yield* make({ grace: 30 })
      const events: Array<string> = []
      const call = yield* Effect.forkChild(
        agents.gather([{ run: tidiesUp(10, () => void events.push("cleaned up")) }, { run: stubborn(200, "paid") }])
      )
      yield* Effect.sleep(5)
      yield* Fiber.interrupt(call)
      events.push(`over at ${yield* millis}`)
      expect(events).toEqual(["cleaned up", "over at 35"])
      yield* Effect.sleep(200)
    })
  )

  // Law 15
  rule("closing stops what runs, waits for it, and nothing runs later", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const agents = yield* Scope.provide(make({ concurrency: 2 }), scope)
      const events: Array<string> = []
      const call = yield* Effect.forkChild(
        Effect.flip(
          agents.gather([
            { id: "a", run: after(5, "a") },
            { id: "b", run: tidiesUp(20, () => void events.push("cleaned up")) },
            { id: "c", run: Effect.never },
            { id: "d", run: Effect.never }
          ])
        )
      )
      yield* Effect.sleep(10)
      yield* Effect.uninterruptible(Scope.close(scope, Exit.void))
      events.push(`closed at ${yield* millis}`)
      expect(events).toEqual(["cleaned up", "closed at 30"])
      const { message, reason } = yield* Fiber.join(call)
      expect(message).toBe("the agent gather is closed; 1 of 4 tasks had finished")
      expect(reason._tag === "Closed" && told(reason.account!)).toEqual([
        "a completed: finished",
        "b cancelled: cancelled: the gather was closed",
        "c cancelled: cancelled: the gather was closed",
        "d notStarted: never started: cancelled: the gather was closed"
      ])
      const meter = new Meter()
      const refused = yield* Effect.flip(agents.gather([{ run: meter.count(Effect.void) }]))
      expect([refused.message, meter.total]).toEqual(["the agent gather is closed; nothing has started", 0])
      expect(yield* agents.stats).toMatchObject({ closed: true, running: 0, gathers: 0 })
    })
  )

  rule("a task may close the gather it runs in: the others are cleaned up, and it is interrupted itself", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const agents = yield* Scope.provide(make(), scope)
      const events: Array<string> = []
      const suicide = Effect.delay(Effect.andThen(Effect.uninterruptible(Scope.close(scope, Exit.void)), Effect.never), 5)
      const inner = agents.gather([{ run: suicide }])
      const error = yield* Effect.flip(agents.gather([{ run: inner }, { run: tidiesUp(20, () => void events.push("cleaned up")) }]))
      expect([error.message, ...events]).toEqual(["the agent gather is closed; 0 of 2 tasks had finished", "cleaned up"])
      // The one who closes does not wait for the gather that waits for him.
      expect(yield* millis).toBe(25)
    })
  )

  it("is a service that lives as long as its layer", async () => {
    const program = Effect.flatMap(AgentGather.AgentGather, (agents) => agents.gather([{ run: Effect.succeed(1) }]))
    const account = await Effect.runPromise(Effect.provide(program, AgentGather.layer({ concurrency: 2 })))
    expect(account.values).toEqual([1])
  })
})

describe("AgentGather: bad input", () => {
  scopedRule("refuses equal ids and too many tasks with a typed error, and starts nothing", () =>
    Effect.gen(function* () {
      const agents = yield* make({ maxTasks: 3 })
      const meter = new Meter()
      const run = meter.count(Effect.void)
      const twice = yield* Effect.flip(
        agents.gather([
          { id: "a", run },
          { id: "a", run }
        ])
      )
      expect(twice.message).toBe('two tasks have the id "a", each needs one of its own; nothing has started')
      const many = yield* Effect.flip(agents.gather([{ run }, { run }, { run }, { run }]))
      expect([many.reason, many.message]).toEqual([
        { _tag: "TooManyTasks", max: 3, got: 4 },
        "4 tasks are too many for one call, at most 3 are allowed; nothing has started"
      ])
      expect(meter.total).toBe(0)
    })
  )

  const bound = `a whole number of at least 1, or "unbounded"`
  const wrong: ReadonlyArray<readonly [options: object, message: string]> = [
    ...[0, -1, 2.5, Number.NaN].map((n) => [{ concurrency: n }, `concurrency must be ${bound}, got ${n}`] as const),
    [{ concurrency: "unbounded" }, 'concurrency must be a whole number of at least 1, got "unbounded"'],
    [{ timeout: -1 }, "timeout must be a duration that is not negative, got -1"],
    [{ grace: "soon" }, 'grace must be a duration that is not negative, got "soon"'],
    [{ maxTasks: 0 }, "maxTasks must be a whole number of at least 1, got 0"],
    [{ textLimit: 10 }, "textLimit must be a whole number of at least 200, got 10"],
    [{ storeTimeout: 0 }, "storeTimeout must be a duration above 0, got 0"],
    [{ store: {} }, "store must be a KeyValueStore, got an object"],
    [{ retry: 3 }, "retry must be a Schedule or an object, got 3"]
  ]
  it.each(wrong)("make refuses %o at once", (options, message) => {
    expect(() => make(options)).toThrow(new RangeError(`AgentGather.make: ${message}`))
    expect(() => AgentGather.layer(options)).toThrow(new RangeError(`AgentGather.make: ${message}`))
  })

  it("refuses an unknown option and a wrong option of a gather at once", async () => {
    expect(() => make({ max_concurrent: 8 } as never)).toThrow(/^AgentGather.make: unknown option "max_concurrent", known are /)
    const agents = await Effect.runPromise(Effect.scoped(make()))
    for (const [options, message] of [
      [{ resume: "" }, 'resume must be a string that is not empty, got ""'],
      [{ stop: 3 }, "stop must be an AbortSignal or an Effect, got 3"],
      [{ onReport: 3 }, "onReport must be a function, got 3"],
      [{ taskTimeout: -1 }, "taskTimeout must be a duration that is not negative, got -1"]
    ] as const) {
      expect(() => agents.gather([], options as never)).toThrow(new RangeError(`AgentGather.gather: ${message}`))
    }
  })

  scopedRule("a task that has no effect to run crashes alone", () =>
    Effect.gen(function* () {
      const agents = yield* make()
      const account = yield* agents.gather([
        { id: "a", run: undefined as never },
        { id: "b", run: Effect.succeed(1) }
      ])
      expect(account.reports.map(({ status }) => status)).toEqual(["failed", "completed"])
    })
  )
})

// -----------------------------------------------------------------------------
// Law 18
// -----------------------------------------------------------------------------

/** What the programs below need, which takes and gives back. */
const trees: Record<string, (meter: Meter) => Effect.Effect<unknown, unknown>> = {
  "three levels, a limit of 1": (meter) =>
    Effect.scoped(
      Effect.gen(function* () {
        const agents = yield* make({ concurrency: 1 })
        const work = (n: number) => meter.count(after(n, n))
        const middle = agents.gather([{ run: work(1) }, { run: work(2) }])
        const account = yield* agents.gather([{ run: middle }, { run: work(1) }])
        expect(account.missing).toBe(0)
        expect(yield* agents.stats).toMatchObject({ running: 0, waiting: 0, gathers: 0, abandoned: 0 })
      })
    ),
  "one hangs, one crashes, one is cancelled": (meter) =>
    Effect.scoped(
      Effect.gen(function* () {
        const agents = yield* make({ concurrency: 2, timeout: 20 })
        yield* Effect.forkChild(Effect.exit(Effect.delay(agents.cancel("c", "enough"), 3)))
        yield* agents.gather([
          { id: "a", run: agents.gather([{ run: meter.count(Effect.never) }, { run: meter.count(after(1, 1)) }]) },
          { id: "b", run: meter.count(Effect.die("bug")) },
          { id: "c", run: meter.count(after(9, 9)) }
        ])
        expect(yield* agents.stats).toMatchObject({ running: 0, waiting: 0, gathers: 0, abandoned: 0 })
      })
    ),
  "a scope that closes while a tree runs": (meter) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const agents = yield* Scope.provide(make({ concurrency: 1 }), scope)
      const inner = agents.gather([{ run: meter.count(after(5, 5)) }, { run: meter.count(stubborn(4, 4)) }])
      const call = yield* Effect.forkChild(Effect.exit(agents.gather([{ run: inner }, { run: inner }])))
      yield* Effect.sleep(3)
      yield* Effect.uninterruptible(Scope.close(scope, Exit.void))
      expect(meter.running).toBe(0)
      yield* Fiber.join(call)
    })
}

describe("AgentGather, interrupted at every step", () => {
  for (const [name, program] of Object.entries(trees)) {
    it(`${name}: gives back all that it took`, async () => {
      let meter = new Meter()
      const swept = await Simulator.sweep(() => program((meter = new Meter())), {
        seeds: 1,
        defects: "ignore",
        maxRuns: 3000,
        after: () => void expect(meter.running).toBe(0)
      })
      expect(swept.interrupted.main).toBeGreaterThan(0)
      expect(swept.interrupted.children).toBeGreaterThan(0)
    })
  }
})

describe("AgentGather, under many schedules", () => {
  for (const [name, program] of Object.entries(trees)) {
    it(`${name}: keeps its bound and leaves nothing behind`, async () => {
      let meter = new Meter()
      const { runs, verdicts } = await Simulator.check(() => program((meter = new Meter())), {
        seeds: 300,
        invariant: () => void expect(meter.running).toBeLessThanOrEqual(name.includes("one hangs") ? 2 : 1)
      })
      expect(verdicts.passed).toBe(runs)
    })
  }
})
