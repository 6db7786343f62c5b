import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Input, Job } from "../src/job.ts"
import * as jobs from "../src/jobs.ts"

const make = (command: ReadonlyArray<string>, own?: Partial<jobs.Options>) =>
  Result.getOrThrow(jobs.make({ command, kind: "values", ...own }))
const job = (command: ReadonlyArray<string>, input: Input | ReadonlyArray<string>, own?: Partial<jobs.Options>, seq = 1): Job =>
  Result.getOrThrow(make(command, own)("length" in input ? { values: input } : input, seq))

describe("make", () => {
  it("gives an argument list where no shell was asked for", () => {
    expect(job(["cp", "{}", "{.}.bak-{%}"], ["a b.c"]).program(2)).toEqual({ program: "cp", args: ["a b.c", "a b.bak-2"] })
  })

  it("gives a shell the script and the values apart where one was", () => {
    const { args, program } = job(["cat", "{}", "|", "wc"], ["a'b"], { shell: "/bin/sh" }).program(1)
    expect([program, args]).toEqual(["/bin/sh", ["-c", 'skein_1=${1}; shift 1; cat "${skein_1}" | wc', "skein", "a'b"]])
  })

  it("shows the command as one would type it, the slot left open", () => {
    expect(job(["cp", "{}", "x {%}"], ["it's"]).text).toBe("cp 'it'\\''s' 'x {%}'")
    expect(job(["cat {} | wc"], ["a b"], { shell: "sh" }).text).toBe("cat 'a b' | wc")
  })

  it("gives the same key to the same work, wherever it stands", () => {
    const made = make(["echo", "{}", "{#}"])
    const key = (input: ReadonlyArray<string>, seq: number) => Result.getOrThrow(made({ values: input }, seq)).key
    expect(key(["a"], 1)).toBe(key(["a"], 9))
    expect(key(["a"], 1)).toBe(job(["echo", "{}", "{#}"], ["a"]).key)
    expect(key(["a"], 1)).toMatch(/^[0-9a-f]{64}$/)
  })

  it("gives another key to another template, mode, value or field", () => {
    const keys = [
      job(["echo", "{}"], ["a"]),
      job(["echo", " {}"], ["a"]),
      job(["echo {}"], ["a"]),
      job(["echo"], ["a"]),
      job(["echo", "{}"], ["a"], { shell: "sh" }),
      job(["echo", "{}"], ["a"], { shell: "bash" }),
      job(["echo", "{}"], ["a", ""]),
      job(["echo", "{}"], ["a,"]),
      job(["echo", "{}"], { values: ["a"], fields: {} }, { kind: "records" }),
      job(["echo", "{}"], { values: ["a"], fields: { x: "a" } }, { kind: "records" }),
      job(["echo", "{}"], { values: ["a"], fields: { y: "a" } }, { kind: "records" })
    ].map(({ key }) => key)
    expect(new Set(keys).size).toBe(keys.length)
  })

  it("gives different keys to different values, however these are cut", () => {
    const value = fc.array(fc.string({ unit: fc.constantFrom("a", '"', ",", "[", "\\", "\n"), maxLength: 4 }), {
      minLength: 1,
      maxLength: 3
    })
    const made = make(["x"])
    const key = (values: ReadonlyArray<string>) => Result.getOrThrow(made({ values }, 1)).key
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(key(a) === key(b)).toBe(JSON.stringify(a) === JSON.stringify(b))
      })
    )
  })

  it("fails for the input that lacks a field, and says which it has", () => {
    const made = make(["echo", "{name}"], { kind: "records" })
    const failure = (input: Input) => Result.getOrThrow(Result.flip(made(input, 5))).message
    expect(Result.getOrThrow(made({ values: ["{}"], fields: { name: "n" } }, 1)).text).toBe("echo n")
    expect([failure({ values: ["{}"], fields: { nam: "n", x: "y" } }), failure({ values: ["1"] })]).toEqual([
      'input 5 has no field "name"; did you mean {nam}?; there are {nam} {x}; write {{name}} to keep the braces',
      'input 5 is no object, and has no field "name"'
    ])
  })

  it("fails for the input that lacks a value, where their number was not known before", () => {
    const made = make(["mv", "{1}", "{2}"])
    expect(Result.getOrThrow(Result.flip(made({ values: ["a"] }, 3))).message).toBe(
      "input 3 has one value, and {2} asks for value 2; write {{2}} to keep the braces"
    )
    expect(job(["mv", "{1}", "{2}"], ["a"], { width: 2 }).program(1).args).toEqual(["a", ""])
    expect(Result.isFailure(make(["mv {1} {-2}"], { shell: "sh" })({ values: ["a"] }, 3))).toBe(true)
  })

  it("does not take what every object inherits for a field", () => {
    expect(Result.isFailure(make(["echo", "{constructor}"], { kind: "records" })({ values: ["{}"], fields: {} }, 1))).toBe(true)
  })

  it("fails where the template does", () => {
    expect(Result.getOrThrow(Result.flip(jobs.make({ command: [], kind: "values" }))).reason).toBe("no-command")
    expect(Result.getOrThrow(Result.flip(jobs.make({ command: ["eval {}"], shell: "sh", kind: "values" }))).reason).toBe("unsafe")
  })

  it("appends nothing where it is told so", () => {
    expect(job(["echo", "hi"], ["1"], { append: "nothing" }).text).toBe("echo hi")
  })
})
