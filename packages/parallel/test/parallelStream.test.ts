import { Deadline, GatherResult, Limiter, type Outcome } from "@skein/core"
import { Simulator } from "@skein/core/testing"
import { SourceFailed } from "@skein/parallel"
import { parallelStream } from "@skein/parallel/parallelStream"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { after, failsAfter, logged, Meter, reasons, rule, tidiesUp, word } from "./kit.ts"

const words = <A, E, E2>(stream: Stream.Stream<Outcome.Outcome<A, E>, E2>) => Stream.runCollect(Stream.map(stream, word))

/** What a stream gives before it fails, and how it fails. */
const split = <A, E, E2>(stream: Stream.Stream<Outcome.Outcome<A, E>, E2>) =>
  Effect.gen(function* () {
    const given: Array<string> = []
    const exit = yield* Effect.exit(Stream.runForEach(stream, (outcome) => Effect.sync(() => given.push(word(outcome)))))
    return [given, Exit.isFailure(exit) ? exit.cause : Cause.empty] as const
  })

/** Numbers from 1, without end; notes what is asked of it. */
const numbers = function* (events: Array<string> = []): Generator<number> {
  try {
    for (let n = 1; ; n++) {
      events.push(`pull ${n}`)
      yield n
    }
  } finally {
    events.push("closed")
  }
}

describe("parallelStream: order", () => {
  rule("gives outcomes as tasks end", () =>
    Effect.gen(function* () {
      expect(yield* words(parallelStream([30, 10, 20], (ms) => after(ms, ms)))).toEqual(["completed 10", "completed 20", "completed 30"])
    })
  )

  rule("gives them in input order where that is asked for", () =>
    Effect.gen(function* () {
      const task = (ms: number) => (ms === 10 ? failsAfter(ms, "no") : after(ms, ms))
      expect(yield* words(parallelStream([30, 10, 20], task, { order: "input" }))).toEqual([
        "completed 30",
        "failed Fail(no)",
        "completed 20"
      ])
    })
  )

  rule("gives each outcome as soon as it is there, and in a chunk what is there", () =>
    Effect.gen(function* () {
      const chunks: Array<ReadonlyArray<number>> = []
      yield* Stream.runForEachArray(
        parallelStream([5, 5, 9, 5], (ms) => after(ms, ms)),
        (chunk) => Effect.sync(() => chunks.push(chunk.map(({ index }) => index)))
      )
      expect(chunks.length).toBeGreaterThan(1)
      expect(chunks.flat().at(-1)).toBe(2)
    })
  )

  rule("ends at once over nothing", () =>
    Effect.gen(function* () {
      expect(yield* words(parallelStream([], () => Effect.void))).toEqual([])
    })
  )
})

describe("parallelStream: backpressure", () => {
  for (const order of ["completion", "input"] as const)
    for (const [concurrency, buffer] of [
      [1, 0],
      [2, 0],
      [3, 1],
      [2, 5],
      [2, undefined]
    ] as const)
      rule(`has never pulled more than ${concurrency} + ${buffer ?? concurrency} that were not consumed, in ${order} order`, () =>
        Effect.gen(function* () {
          let pulled = 0
          let consumed = 0
          let most = 0
          const meter = new Meter()
          const items = function* () {
            for (; pulled < 40;) {
              most = Math.max(most, ++pulled - consumed)
              yield pulled
            }
          }
          const outcomes = parallelStream(items(), (n) => meter.count(after((n * 7) % 5, n)), { concurrency, buffer, order })
          const indices: Array<number> = []
          yield* Stream.runForEachArray(outcomes, (chunk) =>
            Effect.andThen(
              Effect.sleep((consumed * 3) % 4),
              Effect.sync(() => {
                consumed += chunk.length
                indices.push(...chunk.map(({ index }) => index))
              })
            )
          )
          expect(most).toBeLessThanOrEqual(concurrency + (buffer ?? concurrency))
          expect([meter.peak, consumed]).toEqual([concurrency, 40])
          expect(order === "input" ? indices : [...indices].sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i))
        })
      )

  rule("stops pulling when nobody reads", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const outcomes = parallelStream(numbers(events), (n) => Effect.succeed(n), { concurrency: 2, buffer: 3 })
      yield* Stream.runForEach(outcomes, () => Effect.never).pipe(Effect.timeoutOption(1000))
      expect(events).toEqual(["pull 1", "pull 2", "pull 3", "pull 4", "pull 5", "closed"])
    })
  )

  rule("does not let the first item hold back more than the window in input order", () =>
    Effect.gen(function* () {
      let pulled = 0
      const items = function* () {
        for (;;) yield pulled++
      }
      const outcomes = parallelStream(items(), (n) => after(n === 0 ? 1000 : 1, n), { concurrency: 2, buffer: 3, order: "input" })
      const seen = yield* Stream.runForEach(outcomes, () => Effect.sync(() => pulled)).pipe(Effect.timeoutOption(900))
      expect([seen._tag, pulled]).toEqual(["None", 5])
    })
  )

  rule("counts a task that waits for its next attempt", () =>
    Effect.gen(function* () {
      let pulled = 0
      const items = function* () {
        for (; pulled < 10;) yield pulled++
      }
      const flaky = () => Effect.fail("no")
      const outcomes = parallelStream(items(), flaky, { concurrency: 1, buffer: 2, retry: { times: 1, schedule: Schedule.spaced(100) } })
      yield* Effect.raceFirst(
        Stream.runDrain(outcomes),
        Effect.delay(
          Effect.sync(() => expect(pulled).toBe(3)),
          50
        )
      )
    })
  )

  it("takes no stack for 200,000 items whose tasks end at once", async () => {
    const items = function* () {
      for (let n = 0; n < 200_000; n++) yield n
    }
    let sum = 0
    await Effect.runPromise(
      Stream.runForEach(
        parallelStream(items(), (n) => Effect.succeed(n)),
        (outcome) => Effect.sync(() => void (sum += outcome.index))
      )
    )
    expect(sum).toBe((200_000 * 199_999) / 2)
  })
})

describe("parallelStream: ending early", () => {
  rule("interrupts the rest and waits for its cleanup when the reader has enough", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const outcomes = parallelStream(
        numbers(events),
        (n) => (n === 2 ? after(5, n) : tidiesUp(20, () => events.push(`cleaned up ${n}`))),
        {
          concurrency: 2
        }
      )
      expect(yield* words(Stream.take(outcomes, 1))).toEqual(["completed 2"])
      expect(events.slice(-2)).toEqual([expect.stringMatching("cleaned up"), "closed"])
      expect(events.filter((event) => event.startsWith("cleaned up")).length).toBeGreaterThan(0)
    })
  )

  rule("interrupts its tasks once and waits for them when the reader is interrupted", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const told: Array<string> = []
      const outcomes = parallelStream(numbers(events), () => tidiesUp(20, () => events.push("cleaned up")), {
        concurrency: 1,
        onOutcome: (outcome) => void told.push(word(outcome))
      })
      const fiber = yield* Effect.forkChild(Stream.runDrain(outcomes))
      yield* Effect.sleep(10)
      yield* Fiber.interrupt(fiber)
      expect(events).toEqual(["pull 1", "cleaned up", "closed"])
      expect(told).toEqual(["cancelled (caller interrupted) Interrupt"])
    })
  )

  rule("starts nothing before it is read", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      yield* Stream.runDrain(
        Stream.take(
          parallelStream(numbers(events), () => Effect.void),
          0
        )
      )
      expect(events).toEqual([])
    })
  )

  rule("can be read again, from the beginning", () =>
    Effect.gen(function* () {
      const outcomes = parallelStream([1, 2], (n) => Effect.succeed(n), { order: "input" })
      expect(yield* words(Stream.concat(outcomes, outcomes))).toEqual(["completed 1", "completed 2", "completed 1", "completed 2"])
    })
  )
})

describe("parallelStream: limits", () => {
  rule("gives what was running when its time is over, then what never started, and ends", () =>
    Effect.gen(function* () {
      expect(yield* words(parallelStream([5, 100, 100, 1], (ms) => after(ms, ms), { concurrency: 2, timeout: 10 }))).toEqual([
        "completed 5",
        "timeout call Interrupt",
        "timeout call Interrupt",
        "notStarted (call timed out after 10ms)"
      ])
    })
  )

  rule("gives no outcome to what was never pulled from a source of unknown size", () =>
    Effect.gen(function* () {
      expect(yield* words(parallelStream(numbers(), () => Effect.never, { concurrency: 1, stop: Effect.sleep(5) }))).toEqual([
        "cancelled (stopped) Interrupt"
      ])
    })
  )

  rule("answers a deadline around its reader, who keeps what he got", () =>
    Effect.gen(function* () {
      const reader = words(parallelStream([5, 100], (ms) => after(ms, ms)))
      expect(yield* Deadline.within(reader, 10)).toEqual(["completed 5", "timeout deadline Interrupt"])
    })
  )

  rule("shows late successes", () =>
    Effect.gen(function* () {
      const task = (ms: number) => Effect.uninterruptible(after(ms, ms))
      expect(yield* words(parallelStream([20], task, { timeout: 10 }))).toEqual(["completed 20 late"])
    })
  )

  rule("does not wait for a task longer than the grace", () =>
    Effect.gen(function* () {
      const outcomes = parallelStream([1], () => Effect.uninterruptible(Effect.sleep(1000)), { timeout: 10, grace: 5 })
      const given = yield* Stream.runCollect(outcomes)
      expect(given.map((outcome) => [word(outcome), outcome.abandoned])).toEqual([["timeout call Interrupt", true]])
      yield* Effect.sleep(2000)
    })
  )
})

describe("parallelStream: failing", () => {
  rule("gives what finished, then fails with the original error alone", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const task = (n: number) => (n === 2 ? failsAfter(5, "no") : n === 1 ? after(1, n) : tidiesUp(10, () => events.push("cleaned up")))
      const [given, cause] = yield* split(parallelStream(numbers(events), task, { concurrency: 3, onFailure: "interrupt" }))
      expect(given.slice(0, 2)).toEqual(["completed 1", "failed Fail(no)"])
      expect(given.slice(2).every((line) => line === "cancelled (sibling 1 failed) Interrupt")).toBe(true)
      expect([reasons(cause), events.slice(-2)]).toEqual(["Fail(no)", ["cleaned up", "closed"]])
    })
  )

  rule("gives the outcomes of what ran, then fails with its async source", () =>
    Effect.gen(function* () {
      const items = async function* () {
        yield 10
        yield 20
        throw new Error("torn")
      }
      const [given, cause] = yield* split(parallelStream(items(), (ms) => after(ms, ms)))
      expect(given).toEqual(["completed 10", "completed 20"])
      const error = Cause.squash(cause)
      expect(error).toBeInstanceOf(SourceFailed)
      expect([(error as Error).message, GatherResult.fromCause(cause)?.stopped?._tag]).toEqual([
        "the source of items failed after 2 items: torn",
        "SourceFailed"
      ])
    })
  )

  rule("gives nothing of what never started when it fails", () =>
    Effect.gen(function* () {
      const [given] = yield* split(parallelStream([1, 2, 3], () => Effect.fail("no"), { concurrency: 1, onFailure: "interrupt" }))
      expect(given).toEqual(["failed Fail(no)"])
    })
  )

  rule("fails with the source, not with the task that failed after it", () =>
    Effect.gen(function* () {
      const items = Stream.concat(Stream.make(1), Stream.fail("torn"))
      const [given, cause] = yield* split(parallelStream(items, () => failsAfter(10, "no"), { onFailure: "interrupt" }))
      expect([given, (Cause.squash(cause) as SourceFailed<never, never>).cause]).toEqual([["failed Fail(no)"], "torn"])
    })
  )

  rule("dies of a generator that throws", () =>
    Effect.gen(function* () {
      const items = function* () {
        yield 1
        throw new Error("bug")
      }
      const [given, cause] = yield* split(parallelStream(items(), (n) => Effect.succeed(n)))
      expect([given, reasons(cause)]).toEqual([["completed 1"], "Die(the source of items failed after 1 items: bug)"])
    })
  )

  rule("reads a Stream, and closes it last", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const items = Stream.range(1, 4).pipe(Stream.ensuring(Effect.sync(() => events.push("closed"))))
      const task = (n: number) => Effect.tap(after(n, n), () => Effect.sync(() => events.push(`${n}`)))
      yield* words(Stream.take(parallelStream(items, task, { concurrency: 1, buffer: 0 }), 2))
      expect(events).toEqual(["1", "2", "closed"])
    })
  )

  rule("dies with its reader when the source throws as it is closed", () =>
    Effect.gen(function* () {
      const items: Iterable<number> = {
        [Symbol.iterator]: () => ({
          next: () => ({ done: false, value: 1 }),
          return: () => {
            throw new Error("lid")
          }
        })
      }
      const [, cause] = yield* split(
        Stream.take(
          parallelStream(items, (n) => Effect.succeed(n)),
          1
        )
      )
      expect(reasons(cause)).toMatch("lid")
    })
  )

  rule("logs an async source that fails as it is closed for a reader who has gone", () =>
    Effect.gen(function* () {
      const items: AsyncIterable<number> = {
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.resolve({ done: false, value: 1 }),
          return: () => Promise.reject(new Error("lid"))
        })
      }
      const [, lines] = yield* logged(
        Stream.runDrain(
          Stream.take(
            parallelStream(items, (n) => after(1, n), { concurrency: 1, buffer: 0 }),
            1
          )
        )
      )
      expect(lines.filter((line) => line.includes("lid")).length).toBeLessThanOrEqual(1)
    })
  )
})

describe("parallelStream: nesting", () => {
  it("says what its reader waits for when nothing can come any more", async () => {
    const run = await Simulator.run(Stream.runDrain(parallelStream([1], () => Effect.never)))
    expect([run.verdict, run.waits.map(({ label }) => label)[0]]).toEqual(["deadlock", "main"])
    expect(run.report).toContain("main waits for an outcome of parallelStream")
  })

  // Law 14
  rule("lends its tasks the permit that its reader holds while he waits", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      const reader = words(parallelStream([1, 2, 3], (n) => after(n, n), { limiter, order: "input" }))
      expect(yield* limiter.withPermit(reader)).toEqual(["completed 1", "completed 2", "completed 3"])
    })
  )
})

describe("parallelStream: options", () => {
  const call = (options: object) => () => parallelStream([1], () => Effect.void, options)
  it("refuses wrong ones at once", () => {
    expect(call({ order: "sorted" })).toThrow(new RangeError(`parallelStream: order must be "completion" | "input", got "sorted"`))
    for (const buffer of [-1, 2.5, NaN, Infinity, "2"])
      expect(call({ buffer })).toThrow(/^parallelStream: buffer must be a whole number of at least 0, got /)
    expect(call({ onTimeout: "fail" })).toThrow(/^parallelStream: onTimeout must be left out/)
    expect(call({ concurency: 1 })).toThrow(/^parallelStream: unknown option "concurency"/)
    expect(call({ nameOf: "x" })).toThrow(/^parallelStream: nameOf must be a function/)
    expect(() => parallelStream(5 as never, () => Effect.void)).toThrow(TypeError)
    expect(() => parallelStream([], 5 as never)).toThrow(TypeError)
  })

  rule("names tasks", () =>
    Effect.gen(function* () {
      const given = yield* Stream.runCollect(parallelStream(["a"], () => Effect.void, { nameOf: (item) => `${item}!` }))
      expect(given.map(({ name }) => name)).toEqual(["a!"])
    })
  )

  rule("runs everything at once when it is unbounded", () =>
    Effect.gen(function* () {
      const meter = new Meter()
      yield* words(parallelStream([1, 2, 3], (n) => meter.count(after(n, n)), { concurrency: "unbounded" }))
      expect(meter.peak).toBe(3)
    })
  )
})
