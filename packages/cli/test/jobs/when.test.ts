import * as Condition from "@skein/engine/Condition"
import * as Result from "effect/Result"
import { describe, expect, it } from "vitest"
import { when } from "../../src/jobs/when.ts"

const now = Date.UTC(2026, 10, 20, 12)

describe("when", () => {
  it.each([
    ["2026-11-20T13:00Z", Condition.after("2026-11-20T13:00:00Z")],
    ["+30m", Condition.after(now + 1_800_000)],
    ["22:00-06:00", Condition.window({ from: "22:00", to: "06:00" })],
    ["mon-fri", Condition.weekdays("mon-fri")],
    ["sat,tue-thu 22:00-06:00", Condition.window({ from: "22:00", to: "06:00", on: ["sat", "tue-thu"] })],
    ["0 3 * * *", Condition.cron("0 3 * * *", { for: "1 minute" })]
  ])("reads %s", (text, condition) => {
    expect(when(now)(text)).toEqual(Result.succeed(condition))
  })

  it.each(["", "soon", "+soon", "mon-fri at noon", "2026-02-30T08:00"])("does not read %j", (text) => {
    const read = when(now)(text)
    expect(Result.isFailure(read) && read.failure).toMatch(/^must be an instant such as .*, got "/)
  })

  it.each(["25:00-06:00", "22:00-22:00", "mo-fri 22:00-06:00", "0 0 30 2 *", "61 * * * *", "xyz"])("says what is wrong with %j", (text) => {
    const read = when(now)(text)
    expect(Result.isFailure(read) && read.failure).toContain(JSON.stringify(text))
  })
})
