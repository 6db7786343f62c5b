import { Deadline, GatherResult } from "@skein/core"
import { GatherTimeout, parallelGather } from "@skein/parallel"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describe, expect, it } from "vitest"
import { after, failsAfter, Meter, rule, told } from "./kit.ts"

describe("parallelGather: shapes", () => {
  // D-B15: one type for one shape of input, whatever the options.
  rule("gives a tuple of outcomes for a tuple", () =>
    Effect.gen(function* () {
      const result = yield* parallelGather([after(20, 1), after(10, "two"), Effect.fail(true)])
      expect(result.outcomes.length).toBe(3)
      const [one, two, three] = result.outcomes
      expect([one.status, two.status, three.status]).toEqual(["completed", "completed", "failed"])
    })
  )

  // D-B13
  rule("gives a record of outcomes for a record, and names the tasks by its keys", () =>
    Effect.gen(function* () {
      const result = yield* parallelGather({ user: after(20, "ada"), orders: Effect.fail("down"), news: Effect.never }, { timeout: 30 })
      expect(Object.entries(result.outcomes).map(([key, { name, status }]) => [key, name, status])).toEqual([
        ["user", "user", "completed"],
        ["orders", "orders", "failed"],
        ["news", "news", "timeout"]
      ])
      expect(GatherResult.errors(result)).toMatchObject([{ index: 1, name: "orders" }])
      expect(GatherResult.summarize(result)).toBe(
        `1 of 3 tasks completed (1 completed, 1 failed, 1 timed out); first: task 1 "orders" failed: Error: down`
      )
    })
  )

  rule("gives an array for any other iterable", () =>
    Effect.gen(function* () {
      const effects = function* () {
        yield after(10, "a")
        yield after(5, "b")
      }
      const fromGenerator = yield* parallelGather(effects())
      const fromSet = yield* parallelGather(new Set([Effect.succeed("a"), Effect.succeed("b")]))
      expect([fromGenerator, fromSet].map((result) => [Array.isArray(result.outcomes), GatherResult.values(result)])).toEqual(
        Array(2).fill([true, ["a", "b"]])
      )
    })
  )

  // D-B9
  rule("answers empty inputs with empty results of their shape", () =>
    Effect.gen(function* () {
      const results = [yield* parallelGather([]), yield* parallelGather({}), yield* parallelGather(new Set<Effect.Effect<number>>())]
      expect(results.map(({ outcomes, successRate, total }) => [outcomes, total, successRate])).toEqual([
        [[], 0, 0],
        [{}, 0, 0],
        [[], 0, 0]
      ])
    })
  )

  // D-B9: in the other modes too.
  rule("answers an empty input whatever the options", () =>
    Effect.gen(function* () {
      const result = yield* parallelGather([], { onFailure: "interrupt", onTimeout: "fail", timeout: 0, concurrency: 1 })
      expect(result.total).toBe(0)
    })
  )

  rule("takes keys such as __proto__ for keys like any other", () =>
    Effect.gen(function* () {
      const keys = ["__proto__", "constructor", "toString", "length", "0", ""]
      const effects = Object.defineProperties(
        {},
        Object.fromEntries(keys.map((key) => [key, { value: Effect.succeed(key), enumerable: true }]))
      )
      const result = yield* parallelGather(effects as Record<string, Effect.Effect<string>>)
      expect(Object.getPrototypeOf(result.outcomes)).toBe(Object.prototype)
      expect(Object.keys(result.outcomes).sort()).toEqual([...keys].sort())
      const values = yield* GatherResult.toEffect(result)
      expect(Object.entries(values).every(([key, value]) => key === value)).toBe(true)
    })
  )

  rule("runs one effect as often as it is in the input", () =>
    Effect.gen(function* () {
      let runs = 0
      const effect = Effect.sync(() => ++runs)
      const result = yield* parallelGather([effect, effect, effect], { concurrency: 1 })
      expect(GatherResult.values(result)).toEqual([1, 2, 3])
    })
  )

  rule("fails the place of what is no effect, and keeps the others", () =>
    Effect.gen(function* () {
      const result = yield* parallelGather([Effect.succeed(1), "text", undefined, Effect.succeed(4)] as unknown as ReadonlyArray<
        Effect.Effect<number>
      >)
      expect(told(result)).toEqual([
        "completed 1",
        `failed Die(parallelGather: each task must be an Effect, got "text" for item 1)`,
        "failed Die(parallelGather: each task must be an Effect, got undefined for item 2)",
        "completed 4"
      ])
    })
  )

  it.each([
    [undefined, "undefined"],
    [null, "null"],
    ["text", `"text"`],
    [5, "5"],
    [() => [], "a function"]
  ])("refuses %o at once", (effects, got) => {
    expect(() => parallelGather(effects as never)).toThrow(
      new TypeError(`parallelGather: effects must be an iterable, an async iterable, a Stream or a record of effects, got ${got}`)
    )
  })

  it("refuses a single effect, which is no collection", () => {
    expect(() => parallelGather(Effect.succeed(1) as never)).toThrow(TypeError)
  })
})

describe("parallelGather: results", () => {
  rule("bounds what runs, and keeps the order of the input", () =>
    Effect.gen(function* () {
      const meter = new Meter()
      const result = yield* parallelGather(
        [3, 1, 2, 1].map((ms) => meter.count(after(ms, ms))),
        { concurrency: 2 }
      )
      expect([GatherResult.values(result), meter.peak]).toEqual([[3, 1, 2, 1], 2])
    })
  )

  rule("gives all values in the input's shape when everything completed, else fails with the result", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flatMap(parallelGather({ a: after(2, 1), b: after(1, "two") }), GatherResult.toEffect)).toEqual({
        a: 1,
        b: "two"
      })
      expect(yield* Effect.flatMap(parallelGather([after(2, 1), after(1, "two")]), GatherResult.toEffect)).toEqual([1, "two"])
      const error = yield* Effect.flip(Effect.flatMap(parallelGather({ a: after(1, 1), b: Effect.fail("no") }), GatherResult.toEffect))
      expect([error._tag, error.result.completed, error.message]).toEqual([
        "GatherIncomplete",
        1,
        `1 of 2 tasks completed (1 completed, 1 failed); first: task 1 "b" failed: Error: no`
      ])
    })
  )

  // D-B5, D-B13
  rule("names the sibling that failed in the outcomes of the others", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        parallelGather(
          { slow: Effect.never, billing: failsAfter(10, "no"), later: Effect.never },
          { concurrency: 2, onFailure: "interrupt" }
        )
      )
      const partial = GatherResult.fromCause(Exit.isFailure(exit) ? exit.cause : Cause.empty)!
      expect(told(partial)).toEqual([
        `cancelled (sibling 1 "billing" failed) Interrupt`,
        "failed Fail(no)",
        `notStarted (sibling 1 "billing" failed)`
      ])
      expect(partial.outcomes).toMatchObject({ slow: { name: "slow" }, later: { name: "later" } })
    })
  )

  // D-B17
  rule("keeps the shape on the partial result of a time-out that fails", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(parallelGather({ done: after(1, 1), slow: Effect.never }, { timeout: 10, onTimeout: "fail" }))
      expect(error).toBeInstanceOf(GatherTimeout)
      expect(error.result.outcomes).toMatchObject({ done: { status: "completed" }, slow: { status: "timeout" } })
    })
  )

  rule("nests: an inner record is a value of the outer one", () =>
    Effect.gen(function* () {
      const result = yield* parallelGather({ page: parallelGather({ head: after(5, "head"), body: Effect.never }, { taskTimeout: 20 }) })
      const { page } = result.outcomes
      expect(page._tag === "Completed" && page.value.outcomes).toMatchObject({ head: { value: "head" }, body: { limit: "task" } })
    })
  )

  rule("gives five of six to a deadline around it", () =>
    Effect.gen(function* () {
      const result = yield* Deadline.within(parallelGather([1, 2, 3, 4, 5].map((n) => after(n, n)).concat(Effect.never)), 10)
      expect([GatherResult.values(result), result.timedOut, Duration.toMillis(result.elapsed)]).toEqual([[1, 2, 3, 4, 5], 1, 10])
    })
  )
})
