import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as check from "../../src/internal/check.ts"

describe("check.show", () => {
  it.each<[unknown, string]>([
    ["word", `"word"`],
    ["x".repeat(100), `"${"x".repeat(77)}..."`],
    [1.5, "1.5"],
    [-0, "0"],
    [5n, "5n"],
    [Symbol("s"), "Symbol(s)"],
    [undefined, "undefined"],
    [null, "null"],
    [[1, 2], "an array of 2"],
    [{}, "an object"],
    [new Map(), "an object (Map)"],
    [Object.create(null), "an object"],
    [() => 1, "a function"],
    [function named() {}, "function named"],
    [class Named {}, "function Named"]
  ])("shows %o", (value, text) => expect(check.show(value)).toBe(text))
})

describe("check.bound", () => {
  it.each([
    [1, 1],
    [64, 64],
    ["unbounded", Infinity]
  ])("reads %o", (value, n) => expect(check.bound("f", "n", value)).toBe(n))

  it.each([0, -1, 2.5, Number.NaN, Infinity, 2 ** 53, "8", null, true, 1n])("refuses %o", (value) => {
    expect(() => check.bound("f", "n", value)).toThrow(
      new RangeError(`f: n must be a whole number of at least 1, or "unbounded", got ${check.show(value)}`)
    )
  })
})

describe("check.positiveInt", () => {
  it("takes whole numbers from its minimum", () => {
    expect([check.positiveInt("f", "n", 1), check.positiveInt("f", "n", 0, 0)]).toEqual([1, 0])
    expect(() => check.positiveInt("f", "n", 0)).toThrow(new RangeError("f: n must be a whole number of at least 1, got 0"))
    expect(() => check.positiveInt("f", "n", 1.5, 0)).toThrow(new RangeError("f: n must be a whole number of at least 0, got 1.5"))
  })
})

describe("check.millis", () => {
  it.each<[unknown, number]>([
    [0, 0],
    [1.5, 1.5],
    ["2 seconds", 2_000],
    ["Infinity", Infinity],
    [Infinity, Infinity],
    [Duration.minutes(1), 60_000],
    [1_500_000n, 1.5]
  ])("reads %o", (value, millis) => expect(check.millis("f", "t", value)).toBe(millis))

  it.each([
    [-1],
    [-Infinity],
    [Number.NaN],
    ["-1 second"],
    [" -5 millis"],
    [-1n],
    ["soon"],
    [null],
    [{}],
    [[]],
    [true],
    [Duration.millis(-5)],
    [{ seconds: -1 }]
  ])("refuses %o", (value) => {
    expect(() => check.millis("f", "t", value)).toThrow(RangeError)
    expect(() => check.millis("f", "t", value)).toThrow("f: t must be a duration that is not negative, got ")
  })
})

describe("check.word", () => {
  it("takes one of a few words and names them all when it refuses", () => {
    expect(check.word("f", "w", "a", ["a", "b"])).toBe("a")
    expect(() => check.word("f", "w", "c", ["a", "b"])).toThrow(new RangeError(`f: w must be "a" | "b", got "c"`))
    expect(() => check.word("f", "w", "constructor", ["a", "b"])).toThrow(RangeError)
  })
})

describe("check.options", () => {
  const known = new Set(["a", "b"])

  it("takes known names and nothing at all", () => {
    for (const value of [undefined, {}, { a: 1 }, { b: undefined }]) expect(() => check.options("f", value, known)).not.toThrow()
  })

  it("refuses unknown names, inherited ones too, and what is no object", () => {
    expect(() => check.options("f", { c: 1 }, known)).toThrow(new RangeError(`f: unknown option "c", known are a, b`))
    expect(() => check.options("f", Object.create({ c: 1 }), known)).toThrow(RangeError)
    expect(() => check.options("f", 7, known)).toThrow(new RangeError("f: options must be an object, got 7"))
    expect(() => check.options("f", null, known)).toThrow(new RangeError("f: options must be an object, got null"))
  })

  it("refuses an effect in the place of options", () => {
    expect(() => check.options("f", Effect.succeed(1), known)).toThrow(RangeError)
  })
})
