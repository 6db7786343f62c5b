import { Simulator } from "@skein/core/testing"
import { ProgressLine } from "@skein/node"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { stripVTControlCharacters } from "node:util"
import { afterEach, describe, expect, it, vi } from "vitest"

/** Keeps what is written to it; a terminal of a given width, if one is given. */
const recorder = (columns?: number) => {
  const written: Array<string> = []
  return { written, isTTY: columns !== undefined, columns, write: (text: string) => written.push(text) }
}

/** Runs it in virtual time with all finalizers; it may leave no fiber and no timer. */
const run = <A>(program: Effect.Effect<A, never, Scope.Scope>): A => {
  const result = Simulator.runSync(Effect.scoped(program))
  if (result.verdict !== "passed" || result.exit === undefined || !Exit.isSuccess(result.exit)) throw new Error(result.report)
  expect(result.timers).toEqual([])
  return result.exit.value
}

/** Says every 100 ms that ten more are done, for `seconds`. */
const work = (line: ProgressLine.ProgressLine, seconds: number, note?: string) =>
  Effect.gen(function* () {
    for (let done = 10; done <= seconds * 100; done += 10) {
      yield* Effect.sleep("100 millis")
      line.update({ done, note })
    }
  })

afterEach(() => vi.unstubAllEnvs())

describe("ProgressLine.make without a terminal", () => {
  it("writes a plain line every second, and one at the end", () => {
    const stream = recorder()
    run(
      Effect.gen(function* () {
        const line = yield* ProgressLine.make({ total: 250, unit: "files", stream })
        yield* Effect.sleep("1 millis")
        yield* work(line, 2.5)
      })
    )
    expect(stream.written).toEqual([
      "90 of 250 files (36%), 90 files/s, about 2 s left\n",
      "190 of 250 files (76%), 95 files/s, about 1 s left\n",
      "250 of 250 files (100%), 100 files/s\n"
    ])
  })

  it("writes no escape codes", () => {
    const stream = recorder()
    run(Effect.flatMap(ProgressLine.make({ total: 100, stream }), (line) => work(line, 1, "1 failed")))
    expect(stream.written.join("")).not.toContain("\u001b")
  })

  it("says nothing twice", () => {
    const stream = recorder()
    run(
      Effect.gen(function* () {
        const line = yield* ProgressLine.make({ stream })
        line.update({ done: 0 })
        yield* Effect.sleep("1 minute")
      })
    )
    expect(stream.written).toEqual(["0 done\n"])
  })

  it("counts without a total", () => {
    const stream = recorder()
    run(Effect.flatMap(ProgressLine.make({ stream, unit: "rows" }), (line) => Effect.sync(() => line.update({ done: 7, note: "2 odd" }))))
    expect(stream.written).toEqual(["7 rows, 2 odd\n"])
  })

  it("writes what is logged on a line of its own", () => {
    const stream = recorder()
    run(Effect.flatMap(ProgressLine.make({ stream }), (line) => line.log("retrying")))
    expect(stream.written).toEqual(["retrying\n", "0 done\n"])
  })

  it("treats a dumb terminal as none", () => {
    vi.stubEnv("TERM", "dumb")
    const stream = recorder(80)
    run(ProgressLine.make({ stream }))
    expect(stream.written).toEqual(["0 done\n"])
  })
})

describe("ProgressLine.make on a terminal", () => {
  const wipe = "\r\u001b[2K"

  it("redraws one line and wipes it at the end", () => {
    vi.stubEnv("TERM", "xterm")
    const stream = recorder(80)
    run(Effect.flatMap(ProgressLine.make({ total: 100, unit: "files", stream }), (line) => work(line, 1, "3 failed")))
    expect(stream.written.every((text) => text.startsWith(wipe) && !text.includes("\n"))).toBe(true)
    expect(stripVTControlCharacters(stream.written.at(-2)!)).toMatch(/^\r━+─*   +\d+ \/ 100 files   +\d+%   \d+\/s   1 s left   3 failed$/)
    expect(stream.written.at(-1)).toBe(wipe)
  })

  it.each([10, 20, 30, 40, 60, 80, 200])("is narrower than a window of %i columns", (columns) => {
    vi.stubEnv("TERM", "xterm")
    const stream = recorder(columns)
    run(Effect.flatMap(ProgressLine.make({ total: 1_234_567, unit: "files", stream }), (line) => work(line, 3, "99 failed, 3 timed out")))
    const widths = stream.written.map((text) => stripVTControlCharacters(text).replaceAll("\r", "").length)
    expect(Math.max(...widths)).toBeLessThan(columns)
  })

  it("puts what is logged above the line and draws the line again", () => {
    vi.stubEnv("TERM", "xterm")
    const stream = recorder(80)
    run(Effect.flatMap(ProgressLine.make({ total: 9, stream }), (line) => line.log("retrying")))
    expect(stream.written[1]).toBe(`${wipe}retrying\n${stream.written[0]}`)
  })

  it("has no colours when NO_COLOR is set", () => {
    vi.stubEnv("TERM", "xterm")
    const draw = () => {
      const stream = recorder(80)
      run(ProgressLine.make({ total: 9, stream }))
      return stream.written.join("").replaceAll(wipe, "")
    }
    vi.stubEnv("NO_COLOR", "")
    expect(draw()).toContain("\u001b[")
    vi.stubEnv("NO_COLOR", "1")
    expect(draw()).not.toContain("\u001b[")
  })

  it("wipes the line, and leaves no fiber, wherever it is interrupted", async () => {
    vi.stubEnv("TERM", "xterm")
    let stream = recorder(80)
    const program = () => {
      stream = recorder(80)
      return Effect.scoped(Effect.flatMap(ProgressLine.make({ total: 100, stream }), (line) => work(line, 0.3)))
    }
    const seen = { drawn: 0, untouched: 0 }
    const swept = await Simulator.sweep(program, {
      after: () =>
        Effect.suspend(() => {
          if (stream.written.length === 0) seen.untouched++
          else seen.drawn++
          return stream.written.length === 0 || stream.written.at(-1) === wipe
            ? Effect.void
            : Effect.fail(new Error("the line is still there"))
        })
    })
    expect(swept.interrupted.main).toBeGreaterThan(10)
    expect(seen.drawn).toBeGreaterThan(0)
    expect(seen.untouched).toBeGreaterThan(0)
  })
})

describe("ProgressLine.make: options", () => {
  it("writes nothing in mode off", () => {
    const stream = recorder(80)
    run(Effect.flatMap(ProgressLine.make({ mode: "off", total: 3, stream }), (line) => work(line, 1)))
    expect(stream.written).toEqual([])
  })

  it("draws as often as it is told", () => {
    const stream = recorder()
    run(Effect.flatMap(ProgressLine.make({ every: "250 millis", stream }), (line) => work(line, 0.9)))
    expect(stream.written.length).toBe(4) // at 250, 500 and 750 ms, and at the end
  })

  it.each([
    [{ total: -1 }, "ProgressLine.make: total must be a number of at least 0, got -1"],
    [{ total: Number.NaN }, "ProgressLine.make: total must be a number of at least 0, got NaN"],
    [{ every: 0 }, "ProgressLine.make: every must be a positive duration, got 0"],
    [{ mode: "loud" as "live" }, `ProgressLine.make: mode must be "auto", "live", "plain" or "off", got "loud"`]
  ])("refuses %j at once", (options, message) => {
    expect(() => ProgressLine.make(options)).toThrow(new RangeError(message))
  })
})
