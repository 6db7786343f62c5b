/** Law 17: misuse is refused at once. */
import * as Deadline from "@skein/core/Deadline"
import * as Limiter from "@skein/core/Limiter"
import * as TaskGroup from "@skein/core/TaskGroup"
import { Simulator } from "@skein/core/testing"
import { fanOut, Hedge, Joiner, parallelGather, ParallelExecutor, parallelMap } from "@skein/parallel"
import * as AdaptiveLimiter from "@skein/parallel/AdaptiveLimiter"
import * as KeyedLimiter from "@skein/parallel/KeyedLimiter"
import { parallelStream } from "@skein/parallel/parallelStream"
import * as ThrottledLimiter from "@skein/parallel/ThrottledLimiter"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"

const works = [Effect.void]

const executor = Effect.runSync(Effect.scoped(ParallelExecutor.make()))

/** Each makes something with one option, and must throw before anything runs. */
const makers: Record<string, (options: any) => unknown> = {
  parallelMap: (options) => parallelMap([1], () => Effect.void, options),
  parallelGather: (options) => parallelGather(works, options),
  parallelStream: (options) => parallelStream([1], () => Effect.void, options),
  fanOut: (options) => fanOut(works, Joiner.first(), options),
  "ParallelExecutor.map": (options) => executor.map([1], () => Effect.void, options),
  "ParallelExecutor.gather": (options) => executor.gather(works, options),
  "ParallelExecutor.fanOut": (options) => executor.fanOut(works, Joiner.first(), options),
  "TaskGroup.run": (options) => TaskGroup.run(options, () => Effect.void),
  "TaskGroup.make": (options) => TaskGroup.make(options)
}

const bounds: ReadonlyArray<unknown> = [0, -1, 2.5, NaN, Infinity, -Infinity, "8", "unlimited", null, {}, 2n]
const times: ReadonlyArray<unknown> = [-1, NaN, "soon", {}, null, "-1 seconds", true]

describe("law 17: a wrong option is refused at once, and the message says what it must be and what it was", () => {
  for (const [where, make] of Object.entries(makers)) {
    const refuses = (option: string, value: unknown): void =>
      it(`${where}: ${option} ${typeof value === "bigint" ? `${value}n` : (JSON.stringify(value) ?? String(value))}`, () => {
        let error: unknown
        try {
          make({ [option]: value })
        } catch (thrown) {
          error = thrown
        }
        expect(error).toBeInstanceOf(RangeError)
        expect(String(error)).toMatch(new RegExp(`^RangeError: ${where.replace(".", "\\.")}: ${option} must be .+, got .+`))
      })
    for (const bound of bounds) refuses("concurrency", bound)
    for (const time of times) for (const option of ["timeout", "taskTimeout", "queueTimeout", "grace"]) refuses(option, time)
    refuses("onFailure", "ignore")
    refuses("onOutcome", "log")
    refuses("name", 7)

    it(`${where}: an unknown option is named`, () => {
      expect(() => make({ concurency: 2 })).toThrow(/concurency/)
      expect(() => make({ concurency: 2 })).toThrow(RangeError)
    })

    it(`${where}: nothing of it is refused that means no limit`, () => {
      expect(() => make({ concurrency: "unbounded", timeout: "Infinity", grace: undefined })).not.toThrow()
    })
  }

  const refusals: ReadonlyArray<readonly [where: string, option: string, values: ReadonlyArray<unknown>, make: (value: any) => unknown]> = [
    ["ParallelExecutor.make", "concurrency", [...bounds, "unbounded"], (concurrency) => ParallelExecutor.make({ concurrency })],
    ["ParallelExecutor.make", "taskTimeout", times, (taskTimeout) => ParallelExecutor.make({ taskTimeout })],
    [
      "ParallelExecutor.map",
      "limiter",
      [Limiter.makeUnsafe({ permits: 1 })],
      (limiter) => executor.map([1], () => Effect.void, { limiter } as never)
    ],
    ["parallelStream", "order", ["random", 1, null], (order) => parallelStream([1], () => Effect.void, { order })],
    ["parallelStream", "buffer", [-1, 2.5, NaN, "8"], (buffer) => parallelStream([1], () => Effect.void, { buffer })],
    ["parallelStream", "onTimeout", ["partial", "fail"], (onTimeout) => parallelStream([1], () => Effect.void, { onTimeout } as never)],
    ["fanOut", "onTimeout", ["partial", "fail"], (onTimeout) => fanOut(works, Joiner.first(), { onTimeout } as never)],
    ["Joiner.firstN", "n", [0, -1, 2.5, NaN, "2"], (n) => Joiner.firstN(n)],
    ["Joiner.quorum", "n", [0, -1, 2.5, NaN, "2"], (n) => Joiner.quorum(n)],
    ["Joiner.merge", "atLeast", [-1, 2.5, NaN], (atLeast) => Joiner.merge((values) => values, { atLeast })],
    ["Joiner.all", "onFailure", ["isolate", 1], (onFailure) => Joiner.all({ onFailure })],
    ["Hedge.run", "after", [undefined, ...times], (after) => Hedge.run(Effect.void, { after })],
    ["Hedge.run", "copies", [0, -1, 2.5, NaN, "unbounded"], (copies) => Hedge.run(Effect.void, { after: 1, copies })],
    ["Hedge.budget", "ratio", [0, -1, 1.5, NaN, undefined], (ratio) => Hedge.budget({ ratio })],
    ["AdaptiveLimiter.make", "min", bounds.filter((bound) => bound !== null), (min) => AdaptiveLimiter.makeUnsafe({ min })],
    ["AdaptiveLimiter.make", "backoffRatio", [0, 1, NaN], (backoffRatio) => AdaptiveLimiter.makeUnsafe({ backoffRatio })],
    ["KeyedLimiter.make", "permits", bounds, (permits) => KeyedLimiter.makeUnsafe({ permits })],
    ["KeyedLimiter.make", "perKey", bounds.filter((bound) => bound !== null), (perKey) => KeyedLimiter.makeUnsafe({ permits: 1, perKey })],
    ["ThrottledLimiter.make", "limiter", [undefined, {}, 3], (limiter) => ThrottledLimiter.makeUnsafe({ limiter, rate: {} as never })]
  ]
  for (const [where, option, values, make] of refusals) {
    it(`${where}: ${option}, each in its own words`, () => {
      for (const value of values)
        expect(() => make(value)).toThrow(new RegExp(`^${where.replace(".", "\\.")}: ${option} must be .+, got .+`))
      for (const value of values) expect(() => make(value)).toThrow(RangeError)
    })
  }

  it("what is no effect, no iterable, no function", () => {
    expect(() => parallelStream(undefined as never, () => Effect.void)).toThrow(/^parallelStream: items must be an iterable/)
    expect(() => parallelStream([1], undefined as never)).toThrow(/^parallelStream: f must be a function, got undefined/)
    expect(() => fanOut(3 as never, Joiner.first())).toThrow(/^fanOut: effects must be an iterable.*, got 3/)
    expect(() => fanOut(works, 3 as never)).toThrow(/^fanOut: joiner must be a Joiner, got 3/)
    expect(() => Hedge.run(3 as never, { after: 1 })).toThrow(/^Hedge\.run: effect must be an Effect, got 3/)
    expect(() => KeyedLimiter.makeUnsafe({ permits: 1 }).for(3 as never)).toThrow(/^KeyedLimiter\.for: key must be a string, got 3/)
    expect(() => parallelMap(undefined as never, () => Effect.void)).toThrow(
      /^parallelMap: items must be an iterable, an async iterable or a Stream, got undefined/
    )
    expect(() => parallelMap([1], undefined as never)).toThrow(/^parallelMap: f must be a function, got undefined/)
    expect(() => parallelGather(3 as never)).toThrow(/^parallelGather: effects must be/)
    expect(() => parallelGather(Effect.void as never)).toThrow(TypeError)
    expect(() => TaskGroup.run({}, undefined as never)).toThrow(/^TaskGroup.run: body must be a function/)
    expect(() => Deadline.within(Effect.void, -1)).toThrow(RangeError)
    expect(() => Deadline.extend(-1)).toThrow(RangeError)
  })

  for (const permits of [0, -1, 2.5, NaN, "3", undefined]) {
    it(`Limiter.make: permits ${String(permits)}`, () => {
      expect(() => Limiter.makeUnsafe({ permits: permits as never })).toThrow(
        /^Limiter.make: permits must be a whole number of at least 1, got /
      )
    })
  }

  it("a defect of the option's effect form, not a failure that could be caught by mistake", () => {
    const run = Simulator.runSync(Limiter.make({ permits: 0 }))
    expect(String(run.cause)).toMatch(/Die\(RangeError: Limiter.make: permits must be/)
  })
})
