import { describe, expect, it } from "vitest"
import * as OutputFile from "../src/OutputFile.ts"

const { folderName } = OutputFile

describe("OutputFile.make", () => {
  it.each([
    ["a path that is empty", () => OutputFile.make(""), "OutputFile.make: path must be a string that is not empty"],
    ["a path with a NUL", () => OutputFile.make("a\0b"), "OutputFile.make: path must be a string without a NUL"],
    ["a buffer of no bytes", () => OutputFile.make("a", { buffer: 0 }), "OutputFile.make: buffer must be a whole number of at least 1"],
    ["an unknown option", () => OutputFile.make("a", { size: 1 } as never), `OutputFile.make: unknown option "size"`]
  ])("refuses %s", (_what, make, message) => {
    expect(make).toThrow(RangeError)
    expect(make).toThrow(message)
  })
})

describe("OutputFile.folderName", () => {
  const texts = [
    "a",
    "A",
    "a/b",
    "a-b",
    "a b",
    "../..",
    ".",
    "",
    "#1",
    "é",
    "e\u0301",
    "\ud800",
    "\ud801",
    "x".repeat(300),
    "x".repeat(301)
  ]

  it("gives different names to different texts, also where case does not count", () => {
    expect(new Set(texts.map((text) => folderName(text).toLowerCase())).size).toBe(texts.length)
  })

  it("gives names of plain characters that lead nowhere else, of at most 93 of them", () => {
    for (const text of texts) expect(folderName(text)).toMatch(/^[a-z0-9][a-z0-9-]{0,92}$/)
  })

  it("shows what the text says, and is the same each time", () => {
    expect(folderName("Build: core#12")).toMatch(/^build-core-12-[0-9a-f]{32}$/)
    expect(folderName("Build: core#12")).toBe(folderName("Build: core#12"))
  })
})
