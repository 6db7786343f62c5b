import * as Result from "effect/Result"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { split } from "../src/commandLine.ts"
import * as flags from "../src/flags.ts"
import { read } from "../src/settings.ts"
import { version } from "../src/version.ts"

const settings = (...words: ReadonlyArray<string>) => {
  const found = split([...words, "--", "true"], flags.shapes(flags.run))
  return read(Result.getOrThrow(found).flags)
}

describe("the flags of skein run", () => {
  it("have defaults that need no flag", () => {
    const given = settings()
    expect([given.retries, given.output, given.order, given.halt, given.start, given.source.format]).toEqual([
      0,
      "group",
      "finished",
      { when: "never" },
      "slots",
      "lines"
    ])
    expect(given.jobs).toBeGreaterThanOrEqual(1)
    expect(given.stop).toEqual([{ signal: "SIGTERM", for: 1000 }])
  })

  it("are read in every spelling", () => {
    for (const words of [["-j4"], ["-j", "4"], ["--jobs=4"], ["--jobs", "4"], ["-kj4"]]) expect(settings(...words).jobs).toBe(4)
  })

  it("take the last of what is said twice, and all files", () => {
    expect(settings("-j2", "-j3").jobs).toBe(3)
    expect(settings("-a", "one", "-a", "two").source.files).toEqual(["one", "two"])
  })

  it("know the escapes of a delimiter", () => {
    expect(settings("-d", "\\t").source.delimiter).toBe("\t")
    expect(settings("-d", "\\x2c").source.delimiter).toBe(",")
    expect(settings("-0").source.delimiter).toBe("\0")
  })

  it("can all be explained", () => {
    for (const entry of [...flags.run, ...flags.map]) {
      expect(entry.help).not.toBe("")
      expect(entry.value === "one" && entry.choices === undefined ? entry.metavar : "").not.toBe(undefined)
    }
    const names = flags.run.flatMap(({ alias, name }) => (alias === undefined ? [name] : [name, alias]))
    expect(new Set(names).size).toBe(names.length)
  })
})

describe("what makes no sense", () => {
  it.each([
    [["--jobs", "many"], /^--jobs must be a number such as 8/],
    [["--timeout", "soon"], /^--timeout must be a time such as 10/],
    [["--halt", "sometimes"], /^--halt must be never, or when and on what/],
    [["--retries", "-1"], /^--retries must be a whole number of at least 0, got "-1"/],
    [["--max-load", "no"], /^--max-load must be a load such as 1.5/],
    [["--colsep", "("], /^--colsep must be a regular expression, got "\("/],
    [["--delimiter", ""], /^--delimiter must be one or more characters/],
    [["--output", "loud"], /^--output must be group, line, json, none or inherit, got "loud"/],
    [["-0", "-d", ","], /^--null and --delimiter cannot be used together/],
    [["--resume", "--resume-failed", "--joblog", "x"], /^--resume and --resume-failed cannot/],
    [["--resume"], /^--resume needs --joblog/],
    [["--backoff", "1s"], /^--backoff needs --retries/],
    [["--format", "csv", "-0"], /^--null and --format=csv cannot/],
    [["-o", "inherit", "-k"], /^--keep-order and --output=inherit cannot/]
  ] as const)("%j is refused with what was expected", (words, message) => {
    expect(() => settings(...words)).toThrow(message)
  })
})

it("the version is that of the package", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { readonly version: string }
  expect(version).toBe(manifest.version)
})
