import { describe, expect, it } from "vitest"
import { bytes, clock, count, counted, percent, rate, time } from "../src/quantities.ts"
import { fitted, oneLine, width } from "../src/terminalText.ts"

describe("quantities", () => {
  it.each([
    [0, "0 s"],
    [-5, "0 s"],
    [3.21, "3.2 ms"],
    [9.96, "10 ms"],
    [99.6, "0.10 s"],
    [420, "0.42 s"],
    [9994, "9.99 s"],
    [9996, "10.0 s"],
    [59_949, "59.9 s"],
    [59_951, "1m 00s"],
    [188_000, "3m 08s"],
    [3_599_400, "59m 59s"],
    [3_599_600, "1h 00m"],
    [7_500_000, "2h 05m"],
    [86_399_000_0, "10d 00h"],
    [86_399_999, "1d 00h"]
  ])("writes %i ms as %s", (millis, text) => expect(time(millis)).toBe(text))

  it("writes a time that runs in whole seconds", () => {
    expect([0, 999, 1000, 59_999, 60_000, 3_600_000].map(clock)).toEqual(["0s", "0s", "1s", "59s", "1m 00s", "1h 00m"])
  })

  it("counts with commas, and one in the singular", () => {
    expect([count(12_345), counted(1, "job"), counted(1234, "job"), counted(2, "retry", "retries")]).toEqual([
      "12,345",
      "1 job",
      "1,234 jobs",
      "2 retries"
    ])
  })

  it("chooses for a rate the shortest time in which one happens", () => {
    expect([1480.4, 9.94, 3, 1, 0.5, 1 / 60, 0.01, 0].map(rate)).toEqual([
      "1,480/s",
      "9.9/s",
      "3/s",
      "1/s",
      "30/min",
      "1/min",
      "36/h",
      "0/h"
    ])
  })

  it("writes sizes in steps of a thousand", () => {
    expect([0, 999, 1000, 1500, 999_499, 999_500, 12_345_678, 5e9, 7e12, 7e15].map(bytes)).toEqual([
      "0 B",
      "999 B",
      "1 kB",
      "1.5 kB",
      "999 kB",
      "1 MB",
      "12 MB",
      "5 GB",
      "7 TB",
      "7,000 TB"
    ])
  })

  it("says 100% only when all is done", () => {
    expect([percent(0, 3), percent(1999, 2000), percent(3, 3), percent(0, 0)]).toEqual(["0%", "99%", "100%", "100%"])
  })
})

describe("terminalText", () => {
  it("counts the columns that letters take", () => {
    expect(["", "abc", "é", "e\u0301", "漢字", "😀", "ａ"].map(width)).toEqual([0, 3, 1, 1, 4, 2, 2])
  })

  it("cuts what does not fit, and never within a letter", () => {
    expect([fitted("abc", 3), fitted("abcd", 3), fitted("漢字", 4), fitted("漢字x", 4), fitted("😀😀", 3), fitted("abc", 0)]).toEqual([
      "abc",
      "ab…",
      "漢字",
      "漢…",
      "😀…",
      ""
    ])
  })

  it("makes one line of anything", () => {
    expect(oneLine("a\r\n\tb\u001b[31mc\u0000\u202e")).toBe("a⏎bc��")
  })
})
