import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { nearest } from "../src/suggest.ts"

const flags = ["jobs", "joblog", "keep-order", "timeout", "retries", "dry-run", "rate"]

describe("nearest", () => {
  it("finds the word behind a swap, a slip, a letter too many or too few, and other letter case", () => {
    expect(["jbos", "timeouts", "retires", "dryrun", "keep-oder", "JOBS", "rat"].map((word) => nearest(word, flags))).toEqual([
      "jobs",
      "timeout",
      "retries",
      "dry-run",
      "keep-order",
      "jobs",
      "rate"
    ])
  })

  it("suggests nothing where nothing is near", () => {
    expect([nearest("color", flags), nearest("xyz", flags), nearest("jobs", [])]).toEqual([undefined, undefined, undefined])
  })

  it("takes the nearest, and of equally near ones the first", () => {
    expect([nearest("jobsx", ["jobslog", "jobs"]), nearest("cat", ["car", "cut"])]).toEqual(["jobs", "car"])
  })

  it("finds any word of four letters or more from which one letter is gone", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."abcdef"), minLength: 4, maxLength: 12 }), fc.nat(), (word, at) => {
        const i = at % word.length
        expect(nearest(word.slice(0, i) + word.slice(i + 1), [word])).toBe(word)
      })
    )
  })

  it("is not held up by very long words", () => {
    expect(nearest("x".repeat(1_000_000), flags)).toBe(undefined)
  })
})
