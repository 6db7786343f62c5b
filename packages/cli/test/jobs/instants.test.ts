import * as Result from "effect/Result"
import { describe, expect, it } from "vitest"
import { age, instant, past } from "../../src/jobs/instants.ts"

describe("instant", () => {
  it.each([
    ["2026-11-20T08:00Z", Date.UTC(2026, 10, 20, 8)],
    ["2026-11-20 08:00:30Z", Date.UTC(2026, 10, 20, 8, 0, 30)],
    ["2026-11-20T08:00+01:00", Date.UTC(2026, 10, 20, 7)],
    ["2026-11-20T08:00", new Date(2026, 10, 20, 8).getTime()],
    ["2026-11-20", new Date(2026, 10, 20).getTime()]
  ])("reads %s", (text, at) => {
    expect(instant(text)).toBe(at)
  })

  it.each(["", "today", "2026-02-30", "2026-13-01", "2026-11-20T25:00", "20261120", "2026"])("does not read %j", (text) => {
    expect(instant(text)).toBeUndefined()
  })
})

describe("past", () => {
  it("takes a length of time as one up to now", () => {
    expect(past(100_000)("1m")).toEqual(Result.succeed(40_000))
  })
})

describe("age", () => {
  it.each([
    [-5, "0s"],
    [59_999, "59s"],
    [60_000, "1m"],
    [7_199_999, "1h"],
    [86_400_000, "1d"]
  ])("writes %d in its largest unit", (millis, text) => {
    expect(age(millis)).toBe(text)
  })
})
