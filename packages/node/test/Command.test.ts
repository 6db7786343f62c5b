import * as Redacted from "effect/Redacted"
import { describe, expect, it } from "vitest"
import * as Command from "../src/Command.ts"

describe("Command.make", () => {
  it("is data that nobody changes", () => {
    const args = ["status"]
    const command = Command.make("git", args, { directory: "/tmp" })
    args.push("--short")
    expect([command.program, command.args, command.options]).toEqual(["git", ["status"], { directory: "/tmp" }])
    expect(Object.isFrozen(command) && Object.isFrozen(command.args)).toBe(true)
  })

  it.each([
    ["an empty program", () => Command.make(""), "Command.make: program must be a string that is not empty"],
    ["a NUL in the program", () => Command.make("a\0b"), "Command.make: program must be a string without a NUL"],
    ["a NUL in an argument", () => Command.make("a", ["b", "c\0d"]), "Command.make: args[1] must be a string without a NUL"],
    ["a NUL in a secret", () => Command.make("a", [Redacted.make("c\0d")]), "Command.make: args[0] must be a string without a NUL"],
    ["a number as an argument", () => Command.make("a", [1 as never]), "Command.make: args[0] must be a string without a NUL, got 1"],
    ["arguments in one string", () => Command.make("a", "b" as never), "Command.make: args must be an array"],
    ["an unknown option", () => Command.make("a", [], { cwd: "/" } as never), 'Command.make: unknown option "cwd"'],
    ["a NUL in the environment", () => Command.make("a", [], { env: { A: "\0" } }), "Command.make: env.A must be a string without a NUL"],
    ["a variable's name with =", () => Command.make("a", [], { env: { "A=B": "" } }), "Command.make: env must be an object whose names"],
    ["a umask out of range", () => Command.make("a", [], { umask: 0o1000 }), "Command.make: umask must be a whole number from 0 to 0o777"],
    ["a timeout of 0", () => Command.make("a", [], { timeout: 0 }), "Command.make: timeout must be a duration above 0"],
    ["maxBytes of 0", () => Command.make("a", [], { maxBytes: 0 }), "Command.make: maxBytes must be a whole number of at least 1"],
    ["no code that is a success", () => Command.make("a", [], { okCodes: [] }), "Command.make: okCodes must be an array of at least one"],
    ["a code above 255", () => Command.make("a", [], { okCodes: [256] }), "Command.make: okCodes must be"],
    [
      "a signal that is none",
      () => Command.make("a", [], { stop: [{ signal: "TERM" as never, wait: 1 }] }),
      "Command.make: stop[0].signal must be"
    ],
    [
      "an endless wait",
      () => Command.make("a", [], { stop: [{ signal: "SIGTERM", wait: "Infinity" }] }),
      "Command.make: stop[0].wait must be"
    ],
    ["a text for stdin", () => Command.make("a", [], { stdin: "hello" as never }), "Command.make: stdin must be"],
    ["two sources for stdin", () => Command.make("a", [], { stdin: { text: "", file: "" } as never }), "Command.make: stdin must be"],
    ["a word for stdout that is none", () => Command.make("a", [], { stdout: "pipe" as never }), "Command.make: stdout must be"],
    ["leftovers of a namespace", () => Command.make("a", [], { tree: "namespace", leftovers: "leave" }), "Command.make: leftovers must be"]
  ])("refuses %s", (_name, make, message) => {
    expect(make).toThrow(RangeError)
    expect(make).toThrow(message)
  })
})

describe("Command.template", () => {
  it("makes one argument of a hole, whatever it holds", () => {
    const text = "two words; $(rm) 'quoted' \n-x"
    const command = Command.template`git commit -m ${text} --file=${"a b"}`
    expect([command.program, command.args]).toEqual(["git", ["commit", "-m", text, "--file=a b"]])
  })

  it("makes several arguments of an array, and none of an empty one", () => {
    expect(Command.template`rm -- ${["a b", "-f"]} ${[]} ${7}`.args).toEqual(["--", "a b", "-f", "7"])
  })

  it("takes options first", () => {
    const command = Command.template({ directory: "/tmp" })`ls -l`
    expect([command.program, command.args, command.options]).toEqual(["ls", ["-l"], { directory: "/tmp" }])
  })

  it("refuses what needs a shell", () => {
    expect(() => Command.template`ls | wc`).toThrow("Command.template: the text must be a line without shell syntax")
  })

  it("refuses an empty line", () => {
    expect(() => Command.template`   `).toThrow("Command.template: program must be a string")
  })
})

describe("Command.display", () => {
  it("quotes what a shell would take apart, and hides secrets", () => {
    expect(Command.display(Command.make("psql", ["-c", "select 1", Redacted.make("hunter2")]))).toBe("psql -c 'select 1' <redacted>")
  })

  it("shows no secret when a command is inspected or sent as JSON", () => {
    const command = Command.make("psql", [Redacted.make("hunter2")])
    expect(JSON.stringify(command) + String(command)).not.toContain("hunter2")
  })
})

describe("Command.isCommand", () => {
  it("knows a command from another thing", () => {
    expect([Command.make("a"), {}, undefined].map(Command.isCommand)).toEqual([true, false, false])
  })
})
