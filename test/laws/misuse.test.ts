/** Law 17: misuse is refused at once. */
import * as Deadline from "@skein/core/Deadline"
import * as Limiter from "@skein/core/Limiter"
import * as TaskGroup from "@skein/core/TaskGroup"
import { Simulator } from "@skein/core/testing"
import { parallelGather, parallelMap } from "@skein/parallel"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"

const works = [Effect.void]

/** Each makes something with one option, and must throw before anything runs. */
const makers: Record<string, (options: any) => unknown> = {
  parallelMap: (options) => parallelMap([1], () => Effect.void, options),
  parallelGather: (options) => parallelGather(works, options),
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

  it("what is no effect, no iterable, no function", () => {
    expect(() => parallelMap(undefined as never, () => Effect.void)).toThrow(/^parallelMap: items must be an iterable, got undefined/)
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
