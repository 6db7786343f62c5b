import * as Result from "effect/Result"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Input } from "../src/job.ts"
import { parse, type Scope } from "../src/template.ts"

const values: Scope = { kind: "values" }
const records: Scope = { kind: "records", names: ["name", "path", "user.id", "First Name"] }
const ndjson: Scope = { kind: "records" }

const render = (command: ReadonlyArray<string>, input: Input | ReadonlyArray<string>, scope = values) =>
  Result.getOrThrow(parse(command, scope, "input")).render("length" in input ? { values: input } : input, 7, 3)
const message = (command: ReadonlyArray<string>, scope = values) => Result.getOrThrow(Result.flip(parse(command, scope, "input"))).message
const record: Input = { values: ["n", "/a/b.c"], fields: { name: "n", path: "/a/b.c", "user.id": "5", "First Name": "F N" } }

describe("parse", () => {
  it("puts the input behind a command that does not name it", () => {
    expect([render(["echo"], ["a b"]), render(["echo", "-n"], ["a", "b"])]).toEqual([
      ["echo", "a b"],
      ["echo", "-n", "a", "b"]
    ])
  })

  it("leaves the command alone where it is told to, or where it names the number", () => {
    expect(Result.getOrThrow(parse(["echo"], values, "nothing")).render({ values: ["a"] }, 1, 1)).toEqual(["echo"])
    expect(render(["echo", "{#}"], ["a"])).toEqual(["echo", "7"])
  })

  it("replaces {} anywhere in a word, with all values joined there, and as arguments of their own alone", () => {
    expect(render(["x{}y", "{}", "{}{}"], ["a b", "c"])).toEqual(["xa b cy", "a b", "c", "a b ca b c"])
  })

  it("knows values by their number, from both ends, and takes what is not there for empty", () => {
    expect(render(["{1}", "{2}-{1}", "{-1}", "{-2.}", "{3}"], ["a.b", "c"])).toEqual(["a.b", "c-a.b", "c", "a", ""])
  })

  it("knows the number of the job and of its slot", () => {
    expect(render(["{#}/{%}"], ["a"])).toEqual(["7/3"])
  })

  it("cuts paths as GNU parallel does", () => {
    const cut = (value: string) => render(["{.}", "{/}", "{//}", "{/.}"], [value])
    expect(["foo.tar.gz", "a/b.c/d", "/x", ".", "/", "a//b", "a.", "./x.c", "x..c", "a b.c d"].map(cut)).toEqual([
      ["foo.tar", "foo.tar.gz", ".", "foo.tar"],
      ["a/b.c/d", "d", "a/b.c", "d"],
      ["/x", "x", "/", "x"],
      [".", ".", ".", "."],
      ["/", "", "/", ""],
      ["a//b", "b", "a", "b"],
      ["a", "a.", ".", "a"],
      ["./x", "x.c", ".", "x"],
      ["x.", "x..c", ".", "x."],
      ["a b", "a b.c d", ".", "a b"]
    ])
  })

  it("takes a hidden file for no extension, and a folder by its name", () => {
    const cut = (value: string) => render(["{.}", "{/}", "{//}", "{/.}"], [value])
    expect([".bashrc", "dir/.hidden", "dir/", "..", "a/b.d//"].map(cut)).toEqual([
      [".bashrc", ".bashrc", ".", ".bashrc"],
      ["dir/.hidden", ".hidden", "dir", ".hidden"],
      ["dir/", "dir", ".", "dir"],
      ["..", "..", ".", ".."],
      ["a/b.d//", "b.d", "a", "b"]
    ])
  })

  it("cuts each of several values", () => {
    expect(render(["{.}", "[{/}]"], ["a.x", "b/c.y"])).toEqual(["a", "b/c", "[a.x c.y]"])
  })

  it("leaves other braces to the program", () => {
    const words = [
      "{print}",
      "{print $1}",
      "a{1,3}",
      "{a,b}",
      "{x.}",
      "{",
      "}",
      "{ }",
      "{0}",
      "{+1}",
      "{01}",
      "{}}".slice(1),
      "{{",
      "${x}",
      '{"a":1}',
      "{;}"
    ]
    expect(render([...words, "{}"], ["v"])).toEqual([...words, "v"])
  })

  it("makes one pair of doubled braces where they would be a replacement, and leaves them elsewhere", () => {
    expect(render(["{{}}", "{{.}}", "{{1}}", "{{.Names}}", "{{x}}", "{{{}}}", "{}"], ["v"])).toEqual([
      "{}",
      "{.}",
      "{1}",
      "{{.Names}}",
      "{{x}}",
      "{{}}",
      "v"
    ])
  })

  it("replaces a string of one's own, and then leaves {} alone", () => {
    expect(render(["echo", ",,", "a,,b", "{}", "{.}"], ["v.x"], { kind: "values", replacement: ",," })).toEqual([
      "echo",
      "v.x",
      "av.xb",
      "{}",
      "v"
    ])
  })

  it("replaces fields, their paths, and names with dots and spaces", () => {
    expect(render(["{name}", "{path/}", "{path/.}", "{user.id}", "{First Name}", "{1}", "{}"], record, records)).toEqual([
      "n",
      "b.c",
      "b",
      "5",
      "F N",
      "n",
      "n",
      "/a/b.c"
    ])
  })

  it("replaces any name where records have names of their own", () => {
    expect(render(["{user.id}-{file.}-{{file}}"], { values: ["{…}"], fields: { "user.id": "1", file: "a.b" } }, ndjson)).toEqual([
      "1-a-{file}"
    ])
  })

  it("names an unknown field, and the one that was probably meant", () => {
    expect(message(["{nmae}"], records)).toBe(
      'no field is called "nmae"; did you mean {name}?; there are {name} {path} {user.id} {First Name}; write {{nmae}} to keep the braces'
    )
    expect(render(["{{nmae}}", "{ nmae }", "{name}"], record, records)).toEqual(["{nmae}", "{ nmae }", "n"])
  })

  it("asks for a field where none of the records' is named", () => {
    expect([message(["echo"], records), message(["echo"], ndjson)]).toEqual([
      "the command names no field of the records; there are {name} {path} {user.id} {First Name}; {} is the whole record",
      "the command names no field of the records; {} is the whole record"
    ])
  })

  it("refuses a value that no input has", () => {
    expect([message(["{2}"], { kind: "values", width: 1 }), message(["{-3}"], { kind: "values", width: 2 })]).toEqual([
      "{2} asks for value 2, and an input has one value; write {{2}} to keep the braces",
      "{-3} asks for value -3, and an input has 2 values; write {{-3}} to keep the braces"
    ])
  })

  it("refuses a replacement that would become code of an inner shell, unless it is all of it", () => {
    expect(message(["sh", "-c", "rm {}"])).toBe(
      "a replacement inside the script of sh -c would make code of the input; use --shell, or sh -c 'command \"$1\"' sh {}"
    )
    expect(Result.isFailure(parse(["env", "/bin/bash", "-ec", "x {1}"], values, "input"))).toBe(true)
    expect([
      render(["sh", "-c", "{}"], ["id"]),
      render(["sh", "-c", 'rm "$1"', "sh", "x{}"], ["a"]),
      render(["grep", "-c", "x{}"], ["a"])
    ]).toEqual([
      ["sh", "-c", "id"],
      ["sh", "-c", 'rm "$1"', "sh", "xa"],
      ["grep", "-c", "xa"]
    ])
  })

  it("refuses no command, and an empty string to replace", () => {
    expect([message([]), message(["x"], { kind: "values", replacement: "" })]).toEqual([
      "there is no command to run",
      "the replacement string (-I) is empty"
    ])
  })

  it("passes any value unchanged, and reads no value for a template", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom("{}", "{1}", "{{}}", "-x")), { minLength: 1 }), (input) => {
        expect(render(["p", "{}", "{1}", "<{}>"], input)).toEqual(["p", ...input, input[0], `<${input.join(" ")}>`])
      })
    )
  })
})
