import { Limiter, type Outcome } from "@skein/core"
import { Simulator } from "@skein/core/testing"
import * as ParallelExecutor from "@skein/parallel/ParallelExecutor"
import * as ParallelExecutorStream from "@skein/parallel/ParallelExecutorStream"
import { parallelStream } from "@skein/parallel/parallelStream"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { after, failsAfter, logged, Meter, rule, stubborn, tidiesUp, word } from "./kit.ts"

const millis = Effect.clockWith((clock) => clock.currentTimeMillis)

const { make } = ParallelExecutor
const { stream } = ParallelExecutorStream

const scopedRule = (title: string, program: () => Effect.Effect<unknown, unknown, Scope.Scope>): void =>
  rule(title, () => Effect.scoped(program()))

const closeable = (options?: ParallelExecutor.MakeOptions) =>
  Effect.flatMap(Scope.make(), (scope) =>
    Effect.map(Scope.provide(make(options), scope), (executor) => ({
      executor,
      close: Effect.uninterruptible(Scope.close(scope, Exit.void))
    }))
  )

const words = <E, R>(outcomes: Stream.Stream<Outcome.Outcome<unknown, unknown>, E, R>): Effect.Effect<ReadonlyArray<string>, E, R> =>
  Effect.map(Stream.runCollect(outcomes), (seen) => seen.map(word))

/** The outcomes that came, and what the stream ended with. */
const split = <E>(outcomes: Stream.Stream<Outcome.Outcome<unknown, unknown>, E>) =>
  Effect.suspend(() => {
    const seen: Array<string> = []
    return Effect.map(Effect.exit(Stream.runForEach(outcomes, (outcome) => Effect.sync(() => void seen.push(word(outcome))))), (exit) => [
      seen,
      Exit.isSuccess(exit) ? undefined : Cause.squash(exit.cause)
    ])
  })

const endless = function* (): Generator<number> {
  for (let n = 1; ; n++) yield n
}

describe("ParallelExecutorStream.stream", () => {
  scopedRule("gives what parallelStream gives, in both orders, and as lazily", () =>
    Effect.gen(function* () {
      const executor = yield* make({ concurrency: 2 })
      for (const order of ["completion", "input"] as const) {
        const task = (n: number) => (n === 2 ? failsAfter(n, "no") : after(n, n))
        const options = { order, concurrency: 2, buffer: 1 } as const
        const expected = yield* words(parallelStream([4, 1, 2, 3], task, options))
        expect(yield* words(stream(executor, [4, 1, 2, 3], task, options))).toEqual(expected)
      }
      let pulled = 0
      const counted = (function* () {
        for (const n of endless()) yield (pulled++, n)
      })()
      yield* Stream.runDrain(
        Stream.take(
          stream(executor, counted, (n) => after(1, n), { buffer: 1 }),
          2
        )
      )
      expect(pulled).toBeLessThanOrEqual(6)
    })
  )

  scopedRule("shares the limit with other calls, and takes the executor's settings where it has none of its own", () =>
    Effect.gen(function* () {
      const executor = yield* make({ concurrency: 2, taskTimeout: 10 })
      const meter = new Meter()
      const task = (n: number) => meter.count(after(n, n))
      const [streamed, longer] = yield* Effect.all(
        [
          words(stream(executor, [3, 30], task, { order: "input" })),
          words(stream(executor, [30], task, { taskTimeout: "Infinity" })),
          executor.map([1, 2, 3], task)
        ],
        { concurrency: 3 }
      )
      expect(streamed).toEqual(["completed 3", "timeout task Interrupt"])
      expect(longer).toEqual(["completed 30"])
      expect([meter.peak, (yield* executor.stats).peak]).toEqual([2, 2])
    })
  )

  scopedRule("counts as a call while anything of it runs, and counts its outcomes", () =>
    Effect.gen(function* () {
      const executor = yield* make({ concurrency: 2 })
      const seen: Array<number> = []
      const outcomes = stream(executor, [1, 2], (n) => (n === 1 ? failsAfter(5, "no") : after(5, n)))
      expect((yield* executor.stats).calls).toBe(0)
      const count = Effect.map(executor.stats, ({ calls }) => void seen.push(calls))
      yield* Effect.forkChild(Effect.delay(count, 2))
      yield* Stream.runForEach(outcomes, () => Effect.delay(count, 100))
      expect(seen).toEqual([1, 0, 0])
      expect(yield* executor.stats).toMatchObject({ calls: 0, running: 0, waiting: 0, tasks: { completed: 1, failed: 1 } })
    })
  )

  scopedRule("serves a task that streams from its own executor, with a limit of 1", () =>
    Effect.gen(function* () {
      const executor = yield* make({ concurrency: 1 })
      const inner = (n: number) => words(stream(executor, [n, n + 1], (m) => after(1, m)))
      expect(yield* words(stream(executor, [1, 5], inner))).toEqual([
        "completed completed 1,completed 2",
        "completed completed 5,completed 6"
      ])
    })
  )

  scopedRule("fails at the first failure if it is asked to, with that failure alone", () =>
    Effect.gen(function* () {
      const executor = yield* make()
      const outcomes = stream(executor, [1, 2], (n) => (n === 1 ? failsAfter(5, "no") : Effect.never), { onFailure: "interrupt" })
      expect(yield* split(outcomes)).toEqual([["failed Fail(no)", "cancelled (sibling 0 failed) Interrupt"], "no"])
    })
  )

  scopedRule("leaving it early interrupts what runs and waits for its cleanup, and concerns no other call", () =>
    Effect.gen(function* () {
      const executor = yield* make()
      const events: Array<string> = []
      const other = yield* Effect.forkChild(executor.map([20], (ms) => after(ms, "other")))
      const task = (n: number) => (n === 1 ? after(5, n) : tidiesUp(5, () => void events.push("cleaned up")))
      yield* Stream.runDrain(Stream.take(stream(executor, [1, 2], task), 1))
      expect([...events, yield* millis]).toEqual(["cleaned up", 10])
      expect((yield* Fiber.join(other)).completed).toBe(1)
    })
  )

  // Law 15
  rule("is refused by a closed executor when it is read, and reads nothing", () =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable({ name: "api" })
      let pulled = 0
      const items = (function* () {
        pulled++
        yield 1
      })()
      const outcomes = stream(executor, items, () => Effect.void)
      yield* close
      const [seen, error] = yield* split(outcomes)
      expect([seen, pulled]).toEqual([[], 0])
      expect(error).toMatchObject({ _tag: "ExecutorClosed", message: 'executor "api" is closed; nothing has started', partial: undefined })
    })
  )

  rule("gives the outcomes of all that started and then fails when the executor closes, which waits for its tasks", () =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable({ concurrency: 2 })
      const events: Array<string> = []
      const task = (n: number) => (n === 1 ? after(1, n) : tidiesUp(20, () => void events.push(`cleaned up ${n}`)))
      const reading = yield* Effect.forkChild(split(stream(executor, endless(), task, { order: "input" })))
      yield* Effect.sleep(10)
      yield* close
      expect([[...events].sort(), yield* millis]).toEqual([["cleaned up 2", "cleaned up 3"], 30])
      const [seen, error] = yield* Fiber.join(reading)
      const cut = "cancelled (executor closed) Interrupt"
      expect(seen).toEqual(["completed 1", cut, cut])
      expect(error).toMatchObject({
        _tag: "ExecutorClosed",
        pulled: 3,
        message: "executor is closed; its stream had pulled 3 items",
        partial: { total: 0, exhausted: false, stopped: { _tag: "ExecutorClosed" } }
      })
    })
  )

  rule("closing does not wait for a reader who takes his time, and he gets all there was", () =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable({ concurrency: 2 })
      const seen: Array<string> = []
      const slowly = Stream.runForEach(
        stream(executor, endless(), (n) => after(1, n)),
        (outcome) =>
          Effect.delay(
            Effect.sync(() => void seen.push(word(outcome))),
            1_000
          )
      )
      const reading = yield* Effect.forkChild(Effect.flip(slowly))
      yield* Effect.sleep(10)
      yield* close
      expect(yield* millis).toBe(10)
      expect((yield* Fiber.join(reading))._tag).toBe("ExecutorClosed")
      expect(seen.slice(0, 2).sort()).toEqual(["completed 1", "completed 2"])
      expect(seen.every((text) => text.startsWith("completed"))).toBe(true)
    })
  )

  rule("just ends when it was complete all the same", () =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable()
      const reading = yield* Effect.forkChild(split(stream(executor, [1], () => stubborn(20, "paid"))))
      const done = yield* Effect.forkChild(split(stream(executor, [1], () => after(1, "done"))))
      yield* Effect.sleep(5)
      yield* close
      expect(yield* Fiber.join(reading)).toEqual([["completed paid late"], undefined])
      expect(yield* Fiber.join(done)).toEqual([["completed done"], undefined])
    })
  )

  rule("a task may close its own executor from inside of a stream", () =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable()
      const [seen, error] = yield* split(stream(executor, [1, 2], (n) => (n === 1 ? Effect.andThen(Effect.sleep(5), close) : Effect.never)))
      expect(seen).toHaveLength(2)
      expect(error).toMatchObject({ _tag: "ExecutorClosed", pulled: 2 })
      yield* executor.awaitClosed
    })
  )

  rule("fails with its source's failure before all else, when it closes as well", () =>
    Effect.gen(function* () {
      const { close, executor } = yield* closeable()
      const items = Stream.concat(Stream.make(1), Stream.fail("torn"))
      const reading = yield* Effect.forkChild(split(stream(executor, items, () => Effect.never)))
      yield* Effect.sleep(5)
      yield* close
      expect(yield* Fiber.join(reading)).toEqual([
        ["cancelled (executor closed) Interrupt"],
        expect.objectContaining({ _tag: "SourceFailed", cause: "torn" })
      ])
    })
  )

  it("refuses wrong options, items, mappers and executors at once, under its own name", async () => {
    const executor = await Effect.runPromise(Effect.scoped(make()))
    const where = "ParallelExecutorStream.stream"
    const call = (options: object) => () => stream(executor, [1], () => Effect.void, options)
    expect(call({ concurrency: 0 })).toThrow(
      new RangeError(`${where}: concurrency must be a whole number of at least 1, or "unbounded", got 0`)
    )
    expect(call({ buffer: -1 })).toThrow(new RangeError(`${where}: buffer must be a whole number of at least 0, got -1`))
    expect(call({ order: "any" })).toThrow(new RegExp(`^${where}: order must be `))
    expect(call({ limiter: executor.limiter })).toThrow(new RegExp(`^${where}: limiter must be left out, for the limit is the executor's`))
    expect(call({ onTimeout: "fail" })).toThrow(new RegExp(`^${where}: onTimeout must be left out`))
    expect(call({ concurency: 1 })).toThrow(new RegExp(`^${where}: unknown option "concurency", known are `))
    expect(() => stream(executor, 7 as never, () => Effect.void)).toThrow(
      new TypeError(`${where}: items must be an iterable, an async iterable or a Stream, got 7`)
    )
    expect(() => stream(executor, [1], 7 as never)).toThrow(new TypeError(`${where}: f must be a function, got 7`))
    const copy = { ...executor }
    expect(() => stream(copy as never, [1], () => Effect.void)).toThrow(
      new TypeError(`${where}: executor must be made by ParallelExecutor.make, got an object`)
    )
  })
})

// Law 18
describe("ParallelExecutorStream.stream, at every step", () => {
  const programs: Record<string, (meter: Meter) => Effect.Effect<unknown, unknown>> = {
    "two streams and a nested one": (meter) =>
      Effect.scoped(
        Effect.gen(function* () {
          const executor = yield* make({ concurrency: 1 })
          const work = (n: number) => meter.count(Effect.andThen(Effect.yieldNow, after(n, n)))
          const inner = () => Stream.runDrain(stream(executor, [1], work))
          yield* Effect.all([words(stream(executor, [1, 2], work)), words(stream(executor, [1], inner))], { concurrency: 2 })
          expect(yield* executor.stats).toMatchObject({ calls: 0, running: 0, waiting: 0 })
        })
      ),
    "a scope that closes while a stream is read": (meter) =>
      Effect.gen(function* () {
        const { close, executor } = yield* closeable({ concurrency: 2 })
        const work = (n: number) => meter.count(after(n, n))
        const reading = yield* Effect.forkChild(split(stream(executor, endless(), work)))
        yield* Effect.sleep(3)
        yield* close
        expect(meter.running).toBe(0)
        yield* Fiber.join(reading)
        yield* executor.awaitClosed
      }),
    "a stream that is left early, beside a limiter of its reader's": (meter) =>
      Effect.scoped(
        Effect.gen(function* () {
          const executor = yield* make({ concurrency: 2 })
          const limiter = yield* Limiter.make({ permits: 1 })
          const work = (n: number) => limiter.withPermit(meter.count(after(n, n)))
          yield* Stream.runDrain(Stream.take(stream(executor, endless(), work), 2))
          expect(yield* limiter.stats).toMatchObject({ running: 0, waiting: 0 })
        })
      )
  }
  for (const [name, program] of Object.entries(programs)) {
    it(`${name}: gives back all that it took when it is interrupted`, async () => {
      let meter = new Meter()
      const swept = await Simulator.sweep(() => logged(program((meter = new Meter()))), {
        seeds: 3,
        defects: "ignore",
        maxRuns: 4_000,
        after: () => void expect(meter.running).toBe(0)
      })
      expect(swept.interrupted.main).toBeGreaterThan(0)
      expect(swept.interrupted.children).toBeGreaterThan(0)
      expect(swept.verdicts.passed).toBeGreaterThan(0)
    })

    it(`${name}: leaves nothing behind, under many schedules`, async () => {
      let meter = new Meter()
      const { verdicts } = await Simulator.check(() => program((meter = new Meter())), {
        seeds: 1_000,
        label: () => "any",
        after: () => void expect(meter.running).toBe(0)
      })
      expect(verdicts.passed).toBe(1_000)
    })
  }
})
