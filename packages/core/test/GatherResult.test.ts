import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as GatherResult from "../src/GatherResult.ts"
import * as Outcome from "../src/Outcome.ts"

const info = (index: number): Outcome.Info => ({ index, name: `task ${index}`, attempts: 1 })
const completed = (index: number, late = false) => new Outcome.Completed(info(index), index * 10, late)
const failed = (index: number) => new Outcome.Failed(info(index), Cause.fail(`boom ${index}`))
const interrupted = (index: number) => new Outcome.Cancelled(info(index), { _tag: "Requested" }, Cause.interrupt(1))
const messy = (index: number) =>
  new Outcome.TimedOut(info(index), "task", Duration.seconds(1), Cause.combine(Cause.interrupt(1), Cause.die("broken cleanup")))
const never = (index: number) => new Outcome.NotStarted(info(index), { _tag: "Closed" })

const mixed = GatherResult.make<number, string>([completed(0), failed(1), messy(2), interrupted(3), never(4), completed(5, true)])

describe("GatherResult.make", () => {
  it("counts each outcome in one kind, late values as completed", () => {
    const { cancelled, completed, failed, notStarted, timedOut, total } = mixed
    expect({ total, completed, failed, timedOut, cancelled, notStarted }).toEqual({
      total: 6,
      completed: 2,
      failed: 1,
      timedOut: 1,
      cancelled: 1,
      notStarted: 1
    })
  })

  it("knows whether everything succeeded, and how much", () => {
    expect([mixed.allSucceeded, mixed.successRate]).toEqual([false, 2 / 6])
    const good = GatherResult.make([completed(0), completed(1)])
    expect([good.allSucceeded, good.successRate]).toEqual([true, 1])
  })

  it("has a success rate of 0 when it is empty, though nothing failed", () => {
    const empty = GatherResult.make([])
    expect([empty.total, empty.allSucceeded, empty.successRate, empty.exhausted]).toEqual([0, true, 0, true])
  })

  it("cannot be changed", () => {
    expect(() => Object.assign(mixed, { total: 7 })).toThrow(TypeError)
  })

  it("keeps the shape it is given beside the plain list", () => {
    const list = [completed(0), completed(1)]
    const result = GatherResult.make(list, { shape: { a: list[0]!, b: list[1]! }, exhausted: false, elapsed: Duration.seconds(2) })
    expect([Object.keys(result.outcomes), result.list, result.exhausted, result.elapsed]).toEqual([
      ["a", "b"],
      list,
      false,
      Duration.seconds(2)
    ])
  })
})

describe("GatherResult.values", () => {
  it("gives the values of the completed tasks in input order", () => expect(GatherResult.values(mixed)).toEqual([0, 50]))
})

describe("GatherResult.errors", () => {
  it("gives each failure once with index and name, also of tasks that failed while they were stopped; plain interruptions are none", () => {
    expect(GatherResult.errors(mixed).map(({ cause, index, name }) => [index, name, cause.reasons.map((reason) => reason._tag)])).toEqual([
      [1, "task 1", ["Fail"]],
      [2, "task 2", ["Interrupt", "Die"]]
    ])
  })
})

describe("GatherResult.toEffect", () => {
  it("gives all values of an array", async () => {
    expect(await Effect.runPromise(GatherResult.toEffect(GatherResult.make([completed(0), completed(1, true)])))).toEqual([0, 10])
  })

  it("gives all values of a record under its keys, also such as __proto__", async () => {
    const list = [completed(0), completed(1)]
    const shape = Object.fromEntries([["a", list[0]!]])
    Object.defineProperty(shape, "__proto__", { value: list[1]!, enumerable: true, configurable: true, writable: true })
    const values = await Effect.runPromise(GatherResult.toEffect(GatherResult.make(list, { shape })))
    expect(Object.entries(values)).toEqual([
      ["a", 0],
      ["__proto__", 10]
    ])
  })

  it("fails with the whole result when not everything completed, and says the first that did not", async () => {
    const error = await Effect.runPromise(Effect.flip(GatherResult.toEffect(mixed)))
    expect(error.result).toBe(mixed)
    expect(error.message).toBe(
      `2 of 6 tasks completed (2 completed, 1 failed, 1 timed out, 1 cancelled, 1 not started); first: task 1 "task 1" failed: Error: boom 1`
    )
  })
})

describe("GatherResult.fromCause", () => {
  it("reads the result that was attached, and leaves the error to Effect.catch", async () => {
    const cause = GatherResult.annotateCause(Cause.fail("boom"), mixed)
    expect(GatherResult.fromCause(cause)).toBe(mixed)
    expect(await Effect.runPromise(Effect.catch(Effect.failCause(cause), Effect.succeed))).toBe("boom")
  })

  it("survives the combination with other causes, and a new result replaces the old one", () => {
    const cause = GatherResult.annotateCause(Cause.fail("boom"), mixed)
    expect(GatherResult.fromCause(Cause.combine(Cause.die("other"), cause))).toBe(mixed)
    const other = GatherResult.make([])
    expect(GatherResult.fromCause(GatherResult.annotateCause(cause, other))).toBe(other)
  })

  it("is undefined where there is none", () => {
    expect(GatherResult.fromCause(Cause.fail("boom"))).toBe(undefined)
    expect(GatherResult.fromCause(Cause.empty)).toBe(undefined)
  })
})

describe("GatherResult.firstError", () => {
  it("keeps exactly the first typed failure", () => {
    const cause = Cause.fromReasons([...Cause.die("bug").reasons, ...Cause.fail("one").reasons, ...Cause.fail("two").reasons])
    expect(GatherResult.firstError(cause).reasons.map((reason) => reason._tag === "Fail" && reason.error)).toEqual(["one"])
  })

  it("keeps the defects of a task that only died", () => {
    const cause = Cause.combine(Cause.interrupt(1), Cause.die("bug"))
    expect(GatherResult.firstError(cause).reasons.map((reason) => reason._tag)).toEqual(["Die"])
  })
})

describe("GatherResult.summarize", () => {
  it.each([
    [GatherResult.make([]), "0 of 0 tasks completed"],
    [GatherResult.make([completed(0)]), "1 of 1 tasks completed (1 completed)"],
    [GatherResult.make([never(0)]), `0 of 1 tasks completed (1 not started); first: task 0 "task 0" never started: group closed`],
    [GatherResult.make([messy(0)]), `0 of 1 tasks completed (1 timed out); first: task 0 "task 0" hit the task limit of 1s`],
    [
      GatherResult.make([interrupted(0)]),
      `0 of 1 tasks completed (1 cancelled); first: task 0 "task 0" was cancelled: cancelled on request`
    ]
  ])("says in one line how it went", (result, line) => expect(GatherResult.summarize(result)).toBe(line))
})
