import { GatherResult } from "@skein/core"
import { parallelMap, SourceFailed } from "@skein/parallel"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import { after, failsAfter, logged, Meter, rule, told } from "./kit.ts"

/** Numbers from 1, without end or up to `last`; notes what is asked of it. */
const numbers = function* (events: Array<string>, last = Infinity): Generator<number> {
  try {
    for (let n = 1; n <= last; n++) {
      events.push(`pull ${n}`)
      yield n
    }
    events.push("end")
  } finally {
    events.push("closed")
  }
}

/** An endless source whose `return` throws. */
const unclosable = (): Iterable<number> => ({
  [Symbol.iterator]: () => {
    let n = 0
    return {
      next: () => ({ done: false, value: n++ }),
      return: () => {
        throw new Error("return broke")
      }
    }
  }
})

const sourceFailed = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.catchDefect(effect, (defect) => (defect instanceof SourceFailed ? Effect.succeed(defect) : Effect.die(defect)))

describe("parallelMap: pulling", () => {
  // D-B14
  rule("pulls an item only when there is a place for it", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const task = (n: number) => after(n * 10, n)
      yield* parallelMap(numbers(events, 4), task, { concurrency: 2, onOutcome: ({ index }) => void events.push(`ended ${index + 1}`) })
      expect(events).toEqual(["pull 1", "pull 2", "ended 1", "pull 3", "ended 2", "pull 4", "ended 3", "end", "closed", "ended 4"])
    })
  )

  rule("is never more than the bound ahead of what has ended", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      let ended = 0
      let ahead = 0
      const meter = new Meter()
      yield* parallelMap(numbers(events, 30), (n) => meter.count(after((n * 7) % 5, n)), {
        concurrency: 3,
        onOutcome: () => {
          ahead = Math.max(ahead, events.filter((event) => event.startsWith("pull")).length - ended++)
        }
      })
      expect([ahead, meter.peak, meter.total]).toEqual([3, 3, 30])
    })
  )

  // D-B14
  rule("reads an endless source until its time is over, and says that it was not exhausted", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const result = yield* parallelMap(numbers(events), (n) => after(10, n), { concurrency: 2, timeout: 25 })
      expect(told(result)).toEqual([
        "completed 1",
        "completed 2",
        "completed 3",
        "completed 4",
        "timeout call Interrupt",
        "timeout call Interrupt"
      ])
      expect(result.exhausted).toBe(false)
      expect(events.at(-1)).toBe("closed")
    })
  )

  rule("reads an endless source until it is told to stop", () =>
    Effect.gen(function* () {
      const controller = new AbortController()
      const task = (n: number) => Effect.tap(after(10, n), () => Effect.sync(() => void (n === 3 && controller.abort("enough"))))
      const result = yield* parallelMap(numbers([]), task, { concurrency: 1, stop: controller.signal })
      expect(told(result).slice(0, 2)).toEqual(["completed 1", "completed 2"])
      expect([result.total, result.exhausted]).toEqual([3, false])
    })
  )

  rule("is exhausted when a source of unknown size was read to its end", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap(numbers([], 3), (n) => Effect.succeed(n), { concurrency: 3 })
      expect([result.total, result.exhausted]).toEqual([3, true])
    })
  )

  rule("gives no outcome to what was never pulled from a source of unknown size", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const result = yield* parallelMap(numbers(events, 5), () => Effect.never, { concurrency: 2, stop: Effect.sleep(10) })
      expect(told(result)).toEqual(["cancelled (stopped) Interrupt", "cancelled (stopped) Interrupt"])
      expect(events).toEqual(["pull 1", "pull 2", "closed"])
    })
  )

  // D-B7
  const sources: Record<string, () => Iterable<unknown>> = {
    "an array": () => [1, 2, 3],
    "a set": () => new Set([1, 2, 3]),
    "a map": () => new Map([1, 2, 3].map((n) => [n, n]))
  }
  for (const [what, source] of Object.entries(sources))
    rule(`gives an outcome to each item of ${what}, also to those that never started`, () =>
      Effect.gen(function* () {
        const result = yield* parallelMap(source(), () => Effect.never, { concurrency: 1, timeout: 10 })
        expect(told(result)).toEqual([
          "timeout call Interrupt",
          "notStarted (call timed out after 10ms)",
          "notStarted (call timed out after 10ms)"
        ])
        expect(result.exhausted).toBe(true)
        expect(result.list.map(({ index, startedAt, attempts }) => [index, startedAt === undefined, attempts])).toEqual([
          [0, false, 1],
          [1, true, 0],
          [2, true, 0]
        ])
      })
    )

  rule("gives the entries of a map and the elements of a set in their order", () =>
    Effect.gen(function* () {
      const entries = yield* parallelMap(
        new Map([
          ["a", 1],
          ["b", 2]
        ]),
        ([key, value]) => Effect.succeed(key + value)
      )
      const elements = yield* parallelMap(new Set(["x", "y"]), (element) => Effect.succeed(element))
      expect([GatherResult.values(entries), GatherResult.values(elements)]).toEqual([
        ["a1", "b2"],
        ["x", "y"]
      ])
    })
  )

  rule("reads an array as long as it was at the start, whatever happens to it meanwhile", () =>
    Effect.gen(function* () {
      const items = [1, 2]
      const result = yield* parallelMap(items, (n) => Effect.sync(() => items.push(n + 10)), { concurrency: 1 })
      expect([result.total, result.exhausted]).toEqual([2, true])
    })
  )

  rule("reads a string by its characters", () =>
    Effect.gen(function* () {
      expect(GatherResult.values(yield* parallelMap("abc", (c) => Effect.succeed(c)))).toEqual(["a", "b", "c"])
    })
  )

  it("reads 100,000 items of a generator without filling the stack", async () => {
    const result = await Effect.runPromise(parallelMap(numbers([], 100_000), (n) => Effect.succeed(n)))
    expect(result).toMatchObject({ total: 100_000, completed: 100_000, exhausted: true })
  })

  it("stops an endless source of tasks that never suspend", async () => {
    const controller = new AbortController()
    const task = (n: number) => Effect.sync(() => void (n === 50_000 && controller.abort("enough")))
    const result = await Effect.runPromise(parallelMap(numbers([]), task, { stop: controller.signal }))
    expect(result.total).toBeGreaterThanOrEqual(50_000)
    expect(result.exhausted).toBe(false)
  })
})

describe("parallelMap: closing the source", () => {
  rule("closes a source that it has not read to its end, once, after the last task has ended", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const task = () =>
        Effect.onInterrupt(Effect.never, () =>
          Effect.andThen(
            Effect.sleep(20),
            Effect.sync(() => void events.push("cleaned up"))
          )
        )
      yield* parallelMap(numbers(events), task, { concurrency: 1, timeout: 10 })
      expect(events).toEqual(["pull 1", "cleaned up", "closed"])
    })
  )

  rule("closes it when the caller is interrupted", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      yield* Effect.timeoutOption(
        parallelMap(numbers(events), () => Effect.never, { concurrency: 1 }),
        10
      )
      expect(events).toEqual(["pull 1", "closed"])
    })
  )

  rule("does not close a source that has ended or has thrown", () =>
    Effect.gen(function* () {
      let closed = 0
      const source = (end: () => IteratorResult<number>): Iterable<number> => ({
        [Symbol.iterator]: () => ({
          next: end,
          return: () => {
            closed++
            return { done: true, value: undefined }
          }
        })
      })
      yield* parallelMap(
        source(() => ({ done: true, value: undefined })),
        () => Effect.void
      )
      yield* sourceFailed(
        parallelMap(
          source(() => {
            throw new Error("next broke")
          }),
          () => Effect.void
        )
      )
      expect(closed).toBe(0)
    })
  )

  rule("starts nothing after its own code has ended the call", () =>
    Effect.gen(function* () {
      const controller = new AbortController()
      const source = function* () {
        yield 1
        controller.abort("enough")
        yield 2
        yield 3
      }
      const started: Array<number> = []
      const task = (n: number) => Effect.suspend(() => Effect.as(Effect.sleep(10), started.push(n)))
      const result = yield* parallelMap(source(), task, { stop: controller.signal })
      expect(told(result)).toEqual(["cancelled (aborted: enough) Interrupt", "notStarted (aborted: enough)"])
      expect([started.includes(2), result.exhausted]).toEqual([false, false])
    })
  )
})

describe("parallelMap: a source that throws", () => {
  rule("pulls no more, lets running tasks end, and dies with what it has", () =>
    Effect.gen(function* () {
      const source = function* () {
        yield 10
        yield 20
        throw new Error("next broke")
      }
      const failed = yield* sourceFailed(parallelMap(source(), (ms) => after(ms, ms)))
      if (!(failed instanceof SourceFailed)) throw new Error("did not die")
      expect(told(failed.partial)).toEqual(["completed 10", "completed 20"])
      expect(failed.message).toBe("the source of items failed after 2 items: next broke")
      expect(failed.partial.exhausted).toBe(false)
    })
  )

  rule("dies with an empty partial result when it gives no iterator", () =>
    Effect.gen(function* () {
      const source = {
        [Symbol.iterator]: () => {
          throw new Error("no iterator")
        }
      }
      const failed = yield* sourceFailed(parallelMap(source as unknown as Iterable<number>, () => Effect.void))
      expect(failed).toMatchObject({ _tag: "SourceFailed", partial: { total: 0 } })
    })
  )

  rule("takes a broken iterator for one that throws", () =>
    Effect.gen(function* () {
      for (const iterator of [undefined, {}, { next: () => undefined }]) {
        const source = { [Symbol.iterator]: () => iterator } as unknown as Iterable<number>
        expect(yield* sourceFailed(parallelMap(source, () => Effect.void))).toMatchObject({
          _tag: "SourceFailed",
          cause: expect.any(TypeError)
        })
      }
    })
  )

  rule("dies with the whole result when it throws as it is closed", () =>
    Effect.gen(function* () {
      const failed = yield* sourceFailed(parallelMap(unclosable(), () => Effect.never, { concurrency: 2, timeout: 10 }))
      expect(failed).toMatchObject({ _tag: "SourceFailed", partial: { timedOut: 2 } })
    })
  )

  rule("does not hide the typed failure for which it was closed, and is logged", () =>
    Effect.gen(function* () {
      const failing = parallelMap(unclosable(), (n) => (n === 1 ? failsAfter(10, "typed") : Effect.never), {
        concurrency: 2,
        onFailure: "interrupt"
      })
      const late = parallelMap(unclosable(), () => Effect.never, { concurrency: 2, timeout: 10, onTimeout: "fail" })
      const [errors, lines] = yield* logged(Effect.all([Effect.flip(failing), Effect.flip(late)]))
      expect([errors[0], errors[1]._tag]).toEqual(["typed", "GatherTimeout"])
      expect(lines).toEqual(Array(2).fill("skein: parallelMap: its source failed when it was told to stop Die(return broke)"))
    })
  )

  rule("joins the interruption of the caller when it throws as it is closed", () =>
    Effect.gen(function* () {
      const child = yield* Effect.forkChild(parallelMap(unclosable(), () => Effect.never, { concurrency: 1 }))
      yield* Effect.sleep(10)
      yield* Fiber.interrupt(child)
      const exit = yield* Fiber.await(child)
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      expect([Cause.hasInterrupts(cause), Cause.hasDies(cause)]).toEqual([true, true])
    })
  )
})
