import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as commandLine from "../src/commandLine.ts"

const shapes: ReadonlyArray<commandLine.FlagShape> = [
  { name: "jobs", alias: ["j", "P", "max-procs"], value: "one" },
  { name: "keep-order", alias: "k", value: "none" },
  { name: "null", alias: "0", value: "none" },
  { name: "tag", value: "none" },
  { name: "replace", alias: "i", value: "optional" }
]

const split = (...argv: ReadonlyArray<string>) => Result.getOrThrow(commandLine.split(argv, shapes))
const message = (...argv: ReadonlyArray<string>) => Result.getOrThrow(Result.flip(commandLine.split(argv, shapes))).message

describe("split", () => {
  it("takes flags up to the first word that is none", () => {
    expect(split("--tag", "-j", "4", "gzip", "-k", "--tag", "{}")).toEqual({
      flags: ["--tag", "--jobs=4"],
      command: ["gzip", "-k", "--tag", "{}"],
      groups: []
    })
  })

  it("takes them behind words, too, where words are no command", () => {
    const among = (...argv: ReadonlyArray<string>) => Result.getOrThrow(commandLine.split(argv, shapes, "among words"))
    expect(among("a", "-j", "4", "b", "--", "--tag", ":::", "-k")).toEqual({
      flags: ["--jobs=4"],
      command: ["a", "b", "--tag"],
      groups: [{ kind: "arguments", linked: false, words: ["-k"] }]
    })
  })

  it("gives every spelling of a flag one form", () => {
    expect(split("-j4", "-j", "4", "-j=4", "--jobs=4", "--jobs", "4", "-P4", "--max-procs", "4", "x").flags).toEqual(
      Array.from({ length: 7 }, () => "--jobs=4")
    )
  })

  it("reads clusters of short flags, the last one with its value", () => {
    expect([split("-k0j4", "x").flags, split("-0kj", "-1", "x").flags, split("-ki", "x").flags]).toEqual([
      ["--keep-order", "--null", "--jobs=4"],
      ["--null", "--keep-order", "--jobs=-1"],
      ["--keep-order", "--replace"]
    ])
  })

  it("gives an optional value only where it is in the same word", () => {
    expect(
      [split("--replace", "R", "x"), split("--replace=R", "x"), split("-iR", "x")].map(({ command, flags }) => [flags, command])
    ).toEqual([
      [["--replace"], ["R", "x"]],
      [["--replace=R"], ["x"]],
      [["--replace=R"], ["x"]]
    ])
  })

  it("keeps equals signs, empty values and line breaks of values", () => {
    expect(split("--jobs=a=b", "--jobs=", "--jobs", "", "--jobs=a\nb", "x").flags).toEqual([
      "--jobs=a=b",
      "--jobs=",
      "--jobs=",
      "--jobs=a\nb"
    ])
  })

  it("ends flags at --, and cuts the rest at ::: all the same", () => {
    expect(split("--tag", "--", "--odd-program", "--", ":::", "-a", "--")).toEqual({
      flags: ["--tag"],
      command: ["--odd-program", "--"],
      groups: [{ kind: "arguments", linked: false, words: ["-a", "--"] }]
    })
  })

  it("reads the four kinds of groups", () => {
    expect(split("x", ":::", "a", "b", ":::+", "c", "::::", "f", "-", "::::+", "g").groups).toEqual([
      { kind: "arguments", linked: false, words: ["a", "b"] },
      { kind: "arguments", linked: true, words: ["c"] },
      { kind: "files", linked: false, words: ["f", "-"] },
      { kind: "files", linked: true, words: ["g"] }
    ])
  })

  it("keeps empty groups, and a command that is not there", () => {
    expect([split(":::", ":::", "a"), split("--tag"), split()]).toEqual([
      {
        flags: [],
        command: [],
        groups: [
          { kind: "arguments", linked: false, words: [] },
          { kind: "arguments", linked: false, words: ["a"] }
        ]
      },
      { flags: ["--tag"], command: [], groups: [] },
      { flags: [], command: [], groups: [] }
    ])
  })

  it("takes a dash alone for a word", () => {
    expect(split("-k", "-", "x").command).toEqual(["-", "x"])
  })

  it("names an unknown flag, and the one that was probably meant", () => {
    expect([
      message("--job", "4"),
      message("--keep_order"),
      message("-kx"),
      message("-x"),
      message("--colour", "x"),
      message("--k")
    ]).toEqual([
      "unknown flag --job; did you mean --jobs?",
      "unknown flag --keep_order; did you mean --keep-order?",
      "unknown flag -x in -kx",
      "unknown flag -x",
      "unknown flag --colour",
      "unknown flag --k; did you mean -k?"
    ])
  })

  it("says what a flag misses, or has too much", () => {
    expect([message("--jobs"), message("-j", "--", "x"), message("-kj", ":::", "x"), message("--tag=yes", "x")]).toEqual([
      "--jobs needs a value, as in --jobs=VALUE",
      "-j needs a value, as in --jobs=VALUE",
      "-j needs a value, as in --jobs=VALUE",
      '--tag takes no value, got "yes"'
    ])
  })

  it("refuses to link to nothing", () => {
    expect(message("x", ":::+", "a")).toBe(":::+ goes step by step with the group before it, and there is none; write :::")
  })

  it("does not look into the command or the groups, whatever is in them", () => {
    const word = fc.string().filter((word) => !/^:{3,4}\+?$/.test(word))
    fc.assert(
      fc.property(fc.array(word), fc.array(word), (command, words) => {
        expect(split("-k", "--", ...command, ":::", ...words)).toEqual({
          flags: ["--keep-order"],
          command,
          groups: [{ kind: "arguments", linked: false, words }]
        })
      })
    )
  })

  it("splits 100,000 arguments", () => {
    const words = Array.from({ length: 100_000 }, (_, i) => `file ${i}`)
    expect(split("x", ":::", ...words).groups[0]!.words).toHaveLength(100_000)
  })
})
