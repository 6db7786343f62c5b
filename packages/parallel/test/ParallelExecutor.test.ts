import { GatherResult, Outcome } from "@skein/core"
import { Simulator } from "@skein/core/testing"
import * as Joiner from "@skein/parallel/Joiner"
import * as ParallelExecutor from "@skein/parallel/ParallelExecutor"
import * as ParallelExecutorStream from "@skein/parallel/ParallelExecutorStream"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { after, failsAfter, Meter, type Program, rule, stubborn, tidiesUp, told } from "./kit.ts"

const millis = Effect.clockWith((clock) => clock.currentTimeMillis)

const { make } = ParallelExecutor

/** A rule for programs that hold an executor in their own scope. */
const scopedRule = (title: string, program: () => Effect.Effect<unknown, unknown, Scope.Scope>): void =>
  rule(title, () => Effect.scoped(program()))

/** An executor and the closing of its scope. Whoever is interrupted in `Scope.close` may leave a scope that says it is closed and has run no finalizer: Effect itself closes where nothing interrupts. */
const closeable = (options?: ParallelExecutor.MakeOptions) =>
  Effect.map(Scope.make(), (scope) => scope).pipe(
    Effect.flatMap((scope) =>
      Effect.map(Scope.provide(make(options), scope), (executor) => ({
        executor,
        close: Effect.uninterruptible(Scope.close(scope, Exit.void))
      }))
    )
  )

/** What a call that closing cut short tells. */
const refused = <A>(effect: Effect.Effect<A, ParallelExecutor.ExecutorClosed>) =>
  Effect.map(Effect.flip(effect), ({ message, partial }) => [
    message,
    ...(partial === undefined ? [] : told(partial).map((text) => text.split(" (")[0]!))
  ])

describe("ParallelExecutor: one limit", () => {
  scopedRule("never runs more tasks than its limit, over all calls", () =>
    Effect.gen(function* () {
      const executor = yield* make({ concurrency: 3 })
      const meter = new Meter()
      const task = (n: number) => meter.count(after(n, n))
      const [mapped, gathered, first] = yield* Effect.all(
        [
          executor.map([1, 2, 3, 4], task, { concurrency: "unbounded" }),
          executor.gather({ a: task(1), b: Effect.fail("no") }),
          executor.fanOut([task(5), task(2)], Joiner.first())
        ],
        { concurrency: 3 }
      )
      expect(GatherResult.values(mapped)).toEqual([1, 2, 3, 4])
      expect([gathered.outcomes.a.status, gathered.outcomes.b.status]).toEqual(["completed", "failed"])
      expect([2, 5]).toContain(first)
      expect([meter.peak, (yield* executor.stats).peak]).toEqual([3, 3])
    })
  )

  // D-B10
  scopedRule("serves a task that calls its own executor, three levels deep, with a limit of 1", () =>
    Effect.gen(function* () {
      const executor = yield* make({ concurrency: 1 })
      const meter = new Meter()
      const level = (depth: number): Effect.Effect<number, ParallelExecutor.ExecutorClosed> =>
        depth === 0
          ? meter.count(after(1, 1))
          : Effect.map(
              executor.map([1, 2], () => level(depth - 1)),
              (result) => GatherResult.values(result).reduce((a, b) => a + b, 0)
            )
      expect(yield* level(4)).toBe(16)
      const { peak, running, waiting } = yield* executor.stats
      expect([meter.peak, peak, running, waiting]).toEqual([1, 1, 0, 0])
    })
  )

  scopedRule("serves nested calls of several kinds under a limit of 2", () =>
    Effect.gen(function* () {
      const executor = yield* make({ concurrency: 2 })
      const inner = (n: number) => executor.fanOut([after(9, n), after(1, n)], Joiner.first())
      const middle = (n: number) => Effect.map(executor.gather([inner(n), inner(n + 1)]), GatherResult.values)
      expect(GatherResult.values(yield* executor.map([1, 3, 5], middle))).toEqual([
        [1, 2],
        [3, 4],
        [5, 6]
      ])
    })
  )

  for (const concurrency of [undefined, "unbounded"] as const) {
    it(`does not let a late call of 3 wait for an early one of 10,000 (${concurrency ?? "the default"} of places)`, () => {
      const program = Effect.gen(function* () {
        const executor = yield* make({ concurrency: 8 })
        const huge = yield* Effect.forkChild(
          executor.map(
            Array.from({ length: 10_000 }, (_, n) => n),
            () => Effect.sleep(10),
            { concurrency }
          )
        )
        yield* Effect.sleep(100)
        const from = yield* millis
        yield* executor.map([1, 2, 3], () => Effect.sleep(10))
        const small = (yield* millis) - from
        const done = (yield* executor.stats).tasks.completed
        yield* Fiber.join(huge)
        return { small, done }
      })
      const { exit } = Simulator.runSync(Effect.scoped(program), { maxSteps: 20_000_000 })
      const { done, small } = (exit as Exit.Success<{ readonly small: number; readonly done: number }>).value
      // A turn of those before it, and its own.
      expect(small).toBeLessThanOrEqual(30)
      expect(done).toBeLessThan(120)
    })
  }

  scopedRule("lets a call of high priority that always has a task in line go before all others", () =>
    Effect.gen(function* () {
      const executor = yield* make({ concurrency: 1 })
      const order: Array<string> = []
      const call = (priority: "high" | "normal" | "low") =>
        executor.map(
          [1, 2],
          () =>
            Effect.andThen(
              Effect.sleep(5),
              Effect.sync(() => void order.push(priority))
            ),
          { priority, concurrency: "unbounded" }
        )
      const holder = yield* Effect.forkChild(
        executor.map([1], () => Effect.sleep(9)),
        { startImmediately: true }
      )
      yield* Effect.delay(Effect.all([call("normal"), call("low"), Effect.delay(call("high"), 2)], { concurrency: 3 }), 2)
      yield* Fiber.join(holder)
      expect(order).toEqual(["high", "high", "normal", "normal", "low", "low"])
    })
  )

  scopedRule("follows a limit that is resized while it works", () =>
    Effect.gen(function* () {
      const executor = yield* make({ concurrency: 4 })
      const meter = new Meter()
      const call = yield* Effect.forkChild(executor.map([1, 2, 3, 4, 5, 6], () => meter.count(Effect.sleep(10))))
      yield* Effect.sleep(5)
      yield* executor.limiter.resize(1)
      yield* Fiber.join(call)
      expect([meter.peak, yield* millis]).toEqual([4, 30])
    })
  )
})

describe("ParallelExecutor: settings", () => {
  scopedRule("gives its settings to each call, and a call's own go first", () =>
    Effect.gen(function* () {
      const executor = yield* make({ timeout: 10, retry: { times: 1 }, name: "api" })
      const slow = () => Effect.sleep(30)
      expect(told(yield* executor.map([1], slow))).toEqual(["timeout call Interrupt"])
      expect(told(yield* executor.map([1], slow, { timeout: 5 }))).toEqual(["timeout call Interrupt"])
      // D-B11: `undefined` is the default, and there is a word for no limit at all.
      expect(told(yield* executor.map([1], slow, { timeout: undefined }))).toEqual(["timeout call Interrupt"])
      expect(told(yield* executor.map([1], slow, { timeout: "Infinity" }))).toEqual(["completed undefined"])
      expect(yield* millis).toBe(55)
      let attempts = 0
      const flaky = () => Effect.suspend(() => (attempts++, Effect.fail("no")))
      yield* executor.map([1], flaky)
      yield* executor.map([1], flaky, { retry: { times: 0 } })
      expect(attempts).toBe(3)
    })
  )

  scopedRule("keeps the policies of a call, and their errors", () =>
    Effect.gen(function* () {
      const executor = yield* make()
      const broken = executor.map([1, 2], (n) => (n === 1 ? failsAfter(5, "broken") : Effect.never), { onFailure: "interrupt" })
      expect(yield* Effect.flip(broken)).toBe("broken")
      const late = yield* Effect.flip(executor.map([1], () => Effect.never, { timeout: 5, onTimeout: "fail" }))
      expect(late._tag).toBe("GatherTimeout")
    })
  )

  scopedRule("obeys a call's own stop, with its reason", () =>
    Effect.gen(function* () {
      const executor = yield* make()
      const controller = new AbortController()
      yield* Effect.forkChild(
        Effect.andThen(
          Effect.sleep(5),
          Effect.sync(() => controller.abort("enough"))
        )
      )
      expect(told(yield* executor.map([1], () => Effect.never, { stop: controller.signal }))).toEqual([
        "cancelled (aborted: enough) Interrupt"
      ])
      expect(told(yield* executor.map([1], () => Effect.never, { stop: Effect.sleep(5) }))).toEqual(["cancelled (stopped) Interrupt"])
    })
  )

  scopedRule("counts what its tasks came to, and shows every outcome to the call's observer", () =>
    Effect.gen(function* () {
      const executor = yield* make({ concurrency: 2 })
      const seen: Array<string> = []
      const tasks = [after(1, 1), failsAfter(1, "no"), Effect.never, Effect.never, Effect.void]
      const call = yield* Effect.forkChild(executor.gather(tasks, { timeout: 10, onOutcome: (outcome) => void seen.push(outcome.status) }))
      const waiting = yield* Effect.forkChild(
        Effect.delay(
          executor.map([1], () => Effect.void),
          5
        )
      )
      yield* Effect.sleep(6)
      expect(yield* executor.stats).toMatchObject({
        permits: 2,
        running: 2,
        waiting: 1,
        calls: 2,
        tasks: { completed: 1, failed: 1 },
        closed: false
      })
      yield* Fiber.joinAll([call, waiting])
      expect(yield* executor.stats).toEqual({
        permits: 2,
        running: 0,
        waiting: 0,
        peak: 2,
        abandoned: 0,
        calls: 0,
        tasks: { completed: 2, failed: 1, timedOut: 2, cancelled: 0, notStarted: 1 },
        closed: false
      })
      expect([...seen].sort()).toEqual(["completed", "failed", "notStarted", "timeout", "timeout"])
    })
  )

  // D-B1
  scopedRule("interrupting one caller concerns nobody else", () =>
    Effect.gen(function* () {
      const executor = yield* make({ concurrency: 3 })
      const events: Array<string> = []
      const one = yield* Effect.forkChild(executor.map([1], () => tidiesUp(5, () => void events.push("cleaned up"))))
      const other = yield* Effect.forkChild(executor.map([1, 2], (n) => after(10, n)))
      yield* Effect.sleep(2)
      yield* Fiber.interrupt(one)
      events.push(`over at ${yield* millis}`)
      expect(GatherResult.values(yield* Fiber.join(other))).toEqual([1, 2])
      expect(events).toEqual(["cleaned up", "over at 7"])
    })
  )
})

// Law 15
describe("ParallelExecutor: closing", () => {
  rule("every later call fails with a typed error, and nothing of it starts", () =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable({ name: "api" })
      yield* close
      let started = 0
      const task = Effect.sync(() => started++)
      const message = 'executor "api" is closed; nothing has started'
      expect(yield* refused(executor.map([1], () => task))).toEqual([message])
      expect(yield* refused(executor.gather([task]))).toEqual([message])
      expect(yield* Effect.flip(executor.fanOut([task], Joiner.first()))).toMatchObject({ _tag: "ExecutorClosed", message })
      expect([started, (yield* executor.stats).closed]).toEqual([0, true])
    })
  )

  rule("a call that runs is stopped, cleaned up and fails with what it had, and closing waits for it", () =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable({ concurrency: 2 })
      const events: Array<string> = []
      const items = [1, 2, 3]
      const call = yield* Effect.forkChild(
        refused(executor.map(items, (n) => (n === 1 ? after(5, n) : tidiesUp(20, () => void events.push(`cleaned up ${n}`)))))
      )
      yield* Effect.sleep(10)
      yield* close
      events.push(`closed at ${yield* millis}`)
      expect([...events].sort()).toEqual(["cleaned up 2", "cleaned up 3", "closed at 30"])
      expect(yield* Fiber.join(call)).toEqual(["executor is closed; 1 of 3 tasks had completed", "completed 1", "cancelled", "cancelled"])
    })
  )

  rule("a call that was complete all the same succeeds", () =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable()
      const call = yield* Effect.forkChild(executor.map([1], () => stubborn(20, "paid")))
      yield* Effect.sleep(5)
      yield* close
      expect(told(yield* Fiber.join(call))).toEqual(["completed paid late"])
    })
  )

  rule("a fan-out that runs gives what its joiner makes of it", () =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable()
      const tasks = [after(5, 1), Effect.never]
      const merged = yield* Effect.forkChild(
        executor.fanOut(
          tasks,
          Joiner.merge((values) => values)
        )
      )
      const all = yield* Effect.forkChild(Effect.flip(executor.fanOut(tasks, Joiner.all())))
      yield* Effect.sleep(10)
      yield* close
      expect(yield* Fiber.join(merged)).toEqual([1])
      expect((yield* Fiber.join(all))._tag).toBe("JoinError")
    })
  )

  rule("tells the cleanup of tasks that the executor was closed", () =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable()
      const call = yield* Effect.forkChild(Effect.flip(executor.map([1], () => Effect.never)))
      yield* Effect.sleep(5)
      yield* close
      const { partial } = yield* Fiber.join(call)
      const outcome = partial!.list[0]!
      expect(outcome._tag === "Cancelled" && Outcome.formatReason(outcome.reason)).toBe("executor closed")
    })
  )

  rule("a task may close its own executor: the others are cleaned up, and it is interrupted itself", () =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable({ concurrency: 2 })
      const events: Array<string> = []
      const inner = () =>
        executor.map([1], () =>
          Effect.delay(
            Effect.andThen(
              close,
              Effect.sync(() => void events.push("went on"))
            ),
            5
          )
        )
      const call = refused(executor.gather([inner(), tidiesUp(20, () => void events.push("cleaned up"))]))
      expect((yield* call)[0]).toBe("executor is closed; 0 of 2 tasks had completed")
      expect(events).toEqual(["cleaned up"])
      yield* executor.awaitClosed
    })
  )

  rule("a call made and interrupted in one breath does not hold up the closing", () =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable()
      const calls = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(executor.map([1], () => Effect.never)))
      yield* Effect.forEach(calls, (call) => Effect.forkChild(Fiber.interrupt(call)))
      yield* close
      expect((yield* executor.stats).calls).toBe(0)
    })
  )

  rule("tells those who wait for it, also when nothing ran", () =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable()
      const waiting = yield* Effect.forkChild(executor.awaitClosed, { startImmediately: true })
      yield* Effect.sleep(5)
      yield* close
      yield* Fiber.join(waiting)
      yield* executor.awaitClosed
    })
  )

  rule("the service of a layer lives as long as the layer", () =>
    Effect.gen(function* () {
      const leaked = yield* Effect.gen(function* () {
        const executor = yield* ParallelExecutor.ParallelExecutor
        expect((yield* executor.map([1, 2], (n) => after(1, n))).completed).toBe(2)
        expect((yield* executor.stats).permits).toBe(3)
        return executor
      }).pipe(Effect.provide(ParallelExecutor.layer({ concurrency: 3 })))
      expect((yield* refused(leaked.map([1], () => Effect.void)))[0]).toBe("executor is closed; nothing has started")
    })
  )

  it("builds one executor for all that share a layer", async () => {
    const shared = await Effect.runPromise(
      Effect.scoped(
        Effect.map(Layer.build(ParallelExecutor.layer()), (context) => Context.get(context, ParallelExecutor.ParallelExecutor).name)
      )
    )
    expect(shared).toBeUndefined()
  })
})

describe("ParallelExecutorStream.stats", () => {
  rule("gives the stats at once, at intervals, and for the last time when the executor is closed", () =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable({ concurrency: 1 })
      const watching = yield* ParallelExecutorStream.stats(executor, { every: 10 }).pipe(
        Stream.map(({ closed, running, tasks, waiting }) => `${running} ${waiting} ${tasks.completed} ${closed}`),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      const calls = yield* Effect.forkChild(
        Effect.exit(
          Effect.all([executor.map([1, 2], () => Effect.sleep(8)), executor.map([1], () => tidiesUp(4, () => {}))], { concurrency: 2 })
        )
      )
      yield* Effect.sleep(25)
      yield* close
      yield* Fiber.join(calls)
      const seen = yield* Fiber.join(watching)
      expect([seen.length, seen[0]!.endsWith("0 false"), seen.at(-1)!.endsWith("true")]).toEqual([4, true, true])
      expect(yield* millis).toBe(29)
    })
  )

  it("refuses wrong options at once", () => {
    const executor = { stats: Effect.never, awaitClosed: Effect.never }
    const where = "ParallelExecutorStream.stats"
    for (const [every, got] of [
      [0, "0"],
      [-1, "-1"],
      [Number.NaN, "NaN"],
      ["soon", '"soon"']
    ] as const) {
      expect(() => ParallelExecutorStream.stats(executor, { every: every as number })).toThrow(
        new RangeError(`${where}: every must be a duration above 0, got ${got}`)
      )
    }
    expect(() => ParallelExecutorStream.stats(executor, { each: 1 } as never)).toThrow(
      new RangeError(`${where}: unknown option "each", known are every`)
    )
  })
})

describe("ParallelExecutor: bad input", () => {
  const bound = `a whole number of at least 1, or "unbounded"`
  const wrong: ReadonlyArray<readonly [options: object, message: string]> = [
    ...[0, -1, 2.5, Number.NaN, null].map((n) => [{ concurrency: n }, `concurrency must be ${bound}, got ${n}`] as const),
    [{ concurrency: "unbounded" }, 'concurrency must be a whole number of at least 1, got "unbounded"'],
    [{ timeout: -1 }, "timeout must be a duration that is not negative, got -1"],
    [{ retry: 3 }, "retry must be a Schedule or an object, got 3"],
    [{ name: 3 }, "name must be a string, got 3"],
    [{ onFailure: "interrupt" }, 'onFailure must be an option of a call, got "interrupt"'],
    [{ stop: Effect.void }, "stop must be an option of a call, got an object"]
  ]
  it.each(wrong)("make refuses %o at once", (options, message) => {
    expect(() => make(options)).toThrow(new RangeError(`ParallelExecutor.make: ${message}`))
    expect(() => ParallelExecutor.layer(options)).toThrow(new RangeError(`ParallelExecutor.make: ${message}`))
  })

  it("make refuses an unknown option", () => {
    expect(() => make({ max_concurrent: 8 } as never)).toThrow(/^ParallelExecutor.make: unknown option "max_concurrent", known are /)
  })

  it("a call refuses wrong options at once, under the executor's name", async () => {
    const executor = await Effect.runPromise(Effect.scoped(make()))
    const calls = {
      gather: (options: object) => executor.gather([Effect.void], options),
      map: (options: object) => executor.map([1], () => Effect.void, options),
      fanOut: (options: object) => executor.fanOut([Effect.void], Joiner.first(), options)
    }
    for (const [name, call] of Object.entries(calls)) {
      const where = `ParallelExecutor.${name}`
      expect(() => call({ concurrency: 0 })).toThrow(new RangeError(`${where}: concurrency must be ${bound}, got 0`))
      expect(() => call({ limiter: executor.limiter })).toThrow(
        /^ParallelExecutor.\w+: limiter must be left out, for the limit is the executor's, got /
      )
      expect(() => call({ concurency: 1 })).toThrow(new RegExp(`^${where}: unknown option "concurency", known are `))
    }
    expect(() => calls.fanOut({ onFailure: "isolate" })).toThrow(/^ParallelExecutor.fanOut: onFailure must be left out/)
  })
})

// -----------------------------------------------------------------------------
// Law 18
// -----------------------------------------------------------------------------

const programs: Record<string, (meter: Meter) => ReturnType<Program>> = {
  "two calls and a nested one": (meter) =>
    Effect.scoped(
      Effect.gen(function* () {
        const executor = yield* make({ concurrency: 1 })
        const work = (n: number) => meter.count(Effect.andThen(Effect.yieldNow, after(n, n)))
        yield* Effect.all([executor.map([1, 2], work), executor.map([1, 2], () => executor.map([1], work))], { concurrency: 2 })
      })
    ),
  "a scope that closes while calls run": (meter) =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable({ concurrency: 2 })
      const call = yield* Effect.forkChild(Effect.exit(executor.map([1, 2, 30], (n) => meter.count(after(n, n)))))
      yield* Effect.forkChild(Effect.exit(executor.fanOut([meter.count(Effect.never), meter.count(stubborn(4, 4))], Joiner.all())))
      yield* Effect.sleep(3)
      yield* close
      expect(meter.running).toBe(0)
      yield* Fiber.join(call)
    }),
  "a task that closes its own executor": (meter) =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable({ concurrency: 1 })
      const inner = executor.map([1], () => meter.count(close))
      yield* Effect.exit(executor.gather([meter.count(inner), meter.count(after(5, 5))]))
      // The one who closes may have been interrupted before.
      yield* close
      yield* executor.awaitClosed
    })
}

describe("ParallelExecutor, interrupted at every step", () => {
  for (const [name, program] of Object.entries(programs)) {
    it(`${name}: gives back all that it took`, async () => {
      let meter = new Meter()
      const swept = await Simulator.sweep(() => program((meter = new Meter())), {
        seeds: 3,
        defects: "ignore",
        maxRuns: 6000,
        after: () => void expect(meter.running).toBe(0)
      })
      expect(swept.interrupted.main).toBeGreaterThan(0)
      expect(swept.interrupted.children).toBeGreaterThan(0)
      expect(swept.verdicts.passed).toBeGreaterThan(0)
    })

    it(`${name}: leaves nothing behind, under many schedules`, async () => {
      let meter = new Meter()
      await Simulator.check(() => program((meter = new Meter())), {
        seeds: 2_000,
        label: () => "any",
        after: () => void expect(meter.running).toBe(0)
      })
    })
  }
})
