import { Deadline, GatherResult } from "@skein/core"
import { parallelGather, parallelMap, SourceFailed } from "@skein/parallel"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describe, expect, it } from "vitest"
import { after, failsAfter, logged, Meter, reasons, rule, tidiesUp, told } from "./kit.ts"

/** Numbers from 1, without end or up to `last`; notes what is asked of it. */
const numbers = async function* (events: Array<string>, last = Infinity): AsyncGenerator<number> {
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

/** An async iterable by its two methods. */
const source = (next: (n: number) => unknown, close?: () => unknown): AsyncIterable<number> & { readonly asked: Array<string> } => {
  const asked: Array<string> = []
  let n = 0
  return {
    asked,
    [Symbol.asyncIterator]: () => ({
      next: () => {
        asked.push("next")
        return next(n++) as Promise<IteratorResult<number>>
      },
      return: () => {
        asked.push("return")
        return (close === undefined ? Promise.resolve({ done: true, value: undefined }) : close()) as Promise<IteratorResult<number>>
      }
    })
  }
}

const item = (value: number) => Promise.resolve({ done: false, value })
const end = () => Promise.resolve({ done: true, value: undefined })
const never = () => new Promise<never>(() => {})

/** The failure of a call whose source failed. */
const failed = <A, E>(effect: Effect.Effect<A, E | SourceFailed<unknown, unknown>>) =>
  Effect.flip(effect).pipe(Effect.map((error) => error as SourceFailed<unknown, unknown>))

describe("parallelMap over an async iterable: pulling", () => {
  rule("gives one outcome per item, in input order, and is exhausted", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap(numbers([], 4), (n) => after(10 - n, n), { concurrency: 3 })
      expect(GatherResult.values(result)).toEqual([1, 2, 3, 4])
      expect([result.exhausted, result.stopped]).toEqual([true, undefined])
    })
  )

  // p-map#76
  rule("is never more than the bound ahead of what has ended, and never runs more", () =>
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

  rule("has one pull under way at a time, and asks only when a place is free", () =>
    Effect.gen(function* () {
      let open = 0
      let most = 0
      let running = 0
      const items = source(async (n) => {
        most = Math.max(most, ++open)
        expect(running).toBeLessThan(2)
        await Promise.resolve()
        open--
        return n < 8 ? { done: false, value: n } : { done: true, value: undefined }
      })
      const task = (n: number) =>
        Effect.ensuring(
          Effect.suspend(() => (running++, after(n % 3, n))),
          Effect.sync(() => running--)
        )
      yield* parallelMap(items, task, { concurrency: 2 })
      expect([most, items.asked.length]).toEqual([1, 9])
    })
  )

  rule("counts the time that an item takes to come as nobody's", () =>
    Effect.gen(function* () {
      const items = source((n) => (n === 0 ? Effect.runPromise(Effect.as(Effect.void, { done: false, value: 1 })) : end()))
      const result = yield* parallelMap(items, (n) => after(5, n), { queueTimeout: 1, taskTimeout: 6 })
      expect(told(result)).toEqual(["completed 1"])
    })
  )

  rule("takes answers that are no promises as they are", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap(
        source((n) => (n < 2 ? { done: false, value: n } : { done: true, value: 0 })),
        (n) => Effect.succeed(n)
      )
      expect(GatherResult.values(result)).toEqual([0, 1])
    })
  )

  rule("ends at once over one that is empty", () =>
    Effect.gen(function* () {
      expect(yield* parallelMap(source(end), () => Effect.void)).toMatchObject({ total: 0, exhausted: true, allSucceeded: true })
    })
  )

  it("reads 100,000 items without filling the stack, whatever answers at once", async () => {
    const result = await Effect.runPromise(parallelMap(numbers([], 100_000), (n) => Effect.succeed(n)))
    expect(result).toMatchObject({ total: 100_000, completed: 100_000, exhausted: true })
  })

  // A real timer, which promises that are settled already would keep waiting for ever.
  it("lets timers fire while it reads an endless one that never waits", async () => {
    const controller = new AbortController()
    setTimeout(() => controller.abort("enough"), 5)
    const result = await Effect.runPromise(parallelMap(numbers([]), (n) => Effect.succeed(n), { stop: controller.signal }))
    expect(result).toMatchObject({ exhausted: false, stopped: { _tag: "Aborted", value: "enough" } })
  })

  rule("gives a gather its effects", () =>
    Effect.gen(function* () {
      const effects = async function* () {
        yield after(2, "a")
        yield Effect.fail("no")
      }
      expect(told(yield* parallelGather(effects()))).toEqual(["completed a", "failed Fail(no)"])
    })
  )
})

describe("parallelMap over an async iterable: ending early", () => {
  rule("closes one that it has not read to its end, once, after the last task has ended", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const result = yield* parallelMap(numbers(events), () => tidiesUp(20, () => events.push("cleaned up")), {
        concurrency: 1,
        timeout: 10
      })
      expect(events).toEqual(["pull 1", "cleaned up", "closed"])
      expect([result.exhausted, result.stopped?._tag]).toEqual([false, "CallTimeout"])
    })
  )

  rule("closes it when the caller is interrupted, before he goes on", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      yield* Effect.timeoutOption(
        parallelMap(numbers(events), () => Effect.never, { concurrency: 1 }),
        10
      )
      expect(events).toEqual(["pull 1", "closed"])
    })
  )

  rule("answers a deadline with what it has, while the source has nothing to say", () =>
    Effect.gen(function* () {
      const items = source((n) => (n < 2 ? item(n) : never()))
      const result = yield* Deadline.within(
        parallelMap(items, (n) => after(5, n)),
        10
      )
      expect(told(result)).toEqual(["completed 0", "completed 1"])
      expect([result.exhausted, result.stopped?._tag]).toEqual([false, "DeadlineReached"])
    })
  )

  rule("tells one whose next never resolves that it may stop, and does not wait for its answer", () =>
    Effect.gen(function* () {
      const items = source((n) => (n === 0 ? item(n) : never()), never)
      const result = yield* parallelMap(items, (n) => after(5, n), { timeout: 10 })
      expect(told(result)).toEqual(["completed 0"])
      expect(items.asked).toEqual(["next", "next", "return"])
    })
  )

  rule("waits for a return that never resolves no longer than the grace, and says so", () =>
    Effect.gen(function* () {
      const [result, lines] = yield* logged(
        parallelMap(source(item, never), () => Effect.never, { concurrency: 1, timeout: 10, grace: 50 })
      )
      expect(told(result)).toEqual(["timeout call Interrupt"])
      expect(lines).toEqual(["skein: parallelMap: its source did not stop within the grace"])
    })
  )

  rule("says after ten seconds whom it waits for", () =>
    Effect.gen(function* () {
      let answer = (): void => {}
      const close = () => new Promise<unknown>((resolve) => void (answer = () => resolve(undefined)))
      const call = logged(parallelMap(source(item, close), () => Effect.never, { concurrency: 1, timeout: 10 }))
      const [[, lines]] = yield* Effect.all(
        [
          call,
          Effect.delay(
            Effect.sync(() => answer()),
            30_000
          )
        ],
        { concurrency: 2 }
      )
      expect(lines).toEqual(["skein: parallelMap: has waited 10 s for its source, which was told to stop"])
    })
  )

  rule("does not ask for anything when its time was over before it began", () =>
    Effect.gen(function* () {
      const items = source(item)
      yield* parallelMap(items, () => Effect.void, { timeout: 0 })
      expect(items.asked).toEqual([])
    })
  )

  rule("closes nothing that has ended", () =>
    Effect.gen(function* () {
      const items = source((n) => (n < 3 ? item(n) : end()))
      yield* parallelMap(items, () => Effect.void)
      expect(items.asked).toEqual(["next", "next", "next", "next"])
    })
  )

  rule("stops at the first failure with that failure, and closes the source first", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const exit = yield* Effect.exit(
        parallelMap(numbers(events), (n) => (n === 2 ? failsAfter(5, "no") : Effect.never), { concurrency: 2, onFailure: "interrupt" })
      )
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      expect([reasons(cause), GatherResult.fromCause(cause)?.stopped?._tag, events.at(-1)]).toEqual(["Fail(no)", "SiblingFailed", "closed"])
    })
  )
})

describe("parallelMap over an async iterable: failing", () => {
  rule("pulls no more, lets running tasks end, and fails with what it has", () =>
    Effect.gen(function* () {
      const items = async function* () {
        yield 10
        yield 20
        throw new Error("torn")
      }
      const error = yield* failed(parallelMap(items(), (ms) => after(ms, ms)))
      expect(error).toBeInstanceOf(SourceFailed)
      expect(told(error.partial)).toEqual(["completed 10", "completed 20"])
      expect(error.message).toBe("the source of items failed after 2 items: torn")
      expect([error.partial.exhausted, error.partial.stopped?._tag]).toEqual([false, "SourceFailed"])
    })
  )

  const broken: Record<string, AsyncIterable<number>> = {
    "a next that rejects": source(() => Promise.reject(new Error("no"))),
    "a next that throws": source(() => {
      throw new Error("no")
    }),
    "an answer that is no object": source(() => Promise.resolve(5)),
    "an iterator that is none": { [Symbol.asyncIterator]: () => undefined as never },
    "an iterator that cannot be had": {
      [Symbol.asyncIterator]: () => {
        throw new Error("no")
      }
    }
  }
  for (const [what, items] of Object.entries(broken))
    rule(`takes ${what} for a failure, and closes nothing`, () =>
      Effect.gen(function* () {
        const error = yield* failed(parallelMap(items, () => Effect.void))
        expect(error).toMatchObject({ _tag: "SourceFailed", cause: expect.any(Error), partial: { total: 0 } })
        if ("asked" in items) expect(items.asked).not.toContain("return")
      })
    )

  rule("finds the partial result on the cause too", () =>
    Effect.gen(function* () {
      const cause = yield* Effect.catchCause(
        Effect.as(
          parallelMap(
            source((n) => (n === 0 ? item(1) : Promise.reject("torn"))),
            (n) => after(1, n)
          ),
          Cause.empty
        ),
        Effect.succeed
      )
      expect(GatherResult.fromCause(cause)?.completed).toBe(1)
    })
  )

  rule("fails with the source, not with the task that failed after it", () =>
    Effect.gen(function* () {
      const items = source((n) => (n === 0 ? item(1) : Promise.reject("torn")))
      const error = yield* failed(parallelMap(items, () => failsAfter(10, "no"), { onFailure: "interrupt" }))
      expect([error.cause, told(error.partial)]).toEqual(["torn", ["failed Fail(no)"]])
    })
  )

  for (const [what, close] of Object.entries({
    rejects: () => Promise.reject(new Error("stuck lid")),
    throws: () => {
      throw new Error("stuck lid")
    }
  })) {
    rule(`fails with the whole result when its return ${what}`, () =>
      Effect.gen(function* () {
        const error = yield* failed(parallelMap(source(item, close), () => Effect.never, { concurrency: 2, timeout: 10 }))
        expect(error).toMatchObject({ _tag: "SourceFailed", partial: { timedOut: 2 } })
      })
    )

    rule(`hides no typed failure by a return that ${what}, which is logged`, () =>
      Effect.gen(function* () {
        const call = parallelMap(source(item, close), () => failsAfter(5, "no"), { concurrency: 1, onFailure: "interrupt" })
        const [error, lines] = yield* logged(Effect.flip(call))
        expect([error, lines]).toEqual(["no", ["skein: parallelMap: its source failed when it was told to stop Die(stuck lid)"]])
      })
    )

    rule(`stays interrupted when its return ${what}, which is logged`, () =>
      Effect.gen(function* () {
        const call = parallelMap(source(item, close), () => Effect.never, { concurrency: 1 })
        const [left, lines] = yield* logged(Effect.timeoutOption(call, 10))
        expect(left._tag).toBe("None")
        expect(lines).toEqual([
          expect.stringContaining(
            "its source failed when the call was interrupted Fail(the source of items failed after 1 items: stuck lid)"
          )
        ])
      })
    )
  }

  rule("logs a next that fails after all was over", () =>
    Effect.gen(function* () {
      let reject = (_: Error): void => {}
      const items = source((n) => (n === 0 ? item(0) : new Promise((_, no) => void (reject = no))))
      const [, lines] = yield* logged(
        Effect.andThen(
          parallelMap(items, () => Effect.void, { timeout: 10 }),
          Effect.andThen(
            Effect.sync(() => reject(new Error("too late"))),
            Effect.promise(() => Promise.resolve().then(() => {}))
          )
        )
      )
      expect(lines).toEqual(["skein: parallelMap: its source failed after it was told to stop Fail(too late)"])
    })
  )
})
