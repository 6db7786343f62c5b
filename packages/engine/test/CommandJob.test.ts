import * as Command from "@skein/node/Command"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as CommandJob from "../src/CommandJob.ts"
import type { Description } from "../src/internal/description.ts"
import { workOf } from "../src/internal/output/commandData.ts"
import { codecs } from "../src/internal/output/commandEnds.ts"
import { decodeCommand, encodeCommand } from "../src/internal/output/commandForm.ts"
import type { Portable } from "../src/internal/work.ts"
import * as Job from "../src/Job.ts"
import type { Json } from "../src/JobStore.ts"

/** As a store keeps it. */
const kept = (json: Json): Json => JSON.parse(JSON.stringify(json)) as Json

const portableOf = (job: Job.Job<any, any>): Portable & { readonly input: Portable["input"] } =>
  (job as unknown as Description).work.portable as Portable

describe("CommandJob.make", () => {
  const echo = Command.make("echo", ["x"])

  it.each<readonly [string, () => unknown, string]>([
    ["no name", () => CommandJob.make("", echo), "CommandJob.make: name must be a string that is not empty"],
    ["an unknown option", () => CommandJob.make("a", echo, { directory: "x" } as never), `CommandJob.make: unknown option "directory"`],
    [
      "an unknown option of the command",
      () => CommandJob.make("a", { program: "x", options: { cwd: "x" } as never }),
      `Command.make: unknown option "cwd"`
    ],
    [
      "a wrong option of the command beside places",
      () => CommandJob.make("a", { program: "x", args: [Job.result<string>("b" as never)], options: { timeout: "x" as never } }),
      "Command.make: timeout must be"
    ],
    [
      "an argument that is no text",
      () => CommandJob.make("a", { program: "x", args: [{} as never] }),
      "CommandJob.make: args[0] must be a string"
    ],
    ["an empty program", () => CommandJob.make("a", { program: "" }), "Command.make: program must be a string that is not empty"],
    [
      "an empty working directory",
      () => CommandJob.make("a", echo, { workingDirectory: "" }),
      `workingDirectory must be "job", "inherit" or a path`
    ],
    [
      "two directories",
      () => CommandJob.make("a", Command.make("x", [], { directory: "/" }), { workingDirectory: "job" }),
      `workingDirectory must be "inherit" for a command with a directory`
    ]
  ])("refuses %s", (_what, make, message) => {
    expect(make).toThrow(message)
  })
})

describe("a command as data", () => {
  it("is the same when it is read again", () => {
    const options: Command.Options = {
      directory: "/tmp",
      env: { A: "1", GONE: undefined, __proto__: "x" },
      environment: "replace",
      umask: 0o22,
      shell: "sh",
      stdin: { bytes: new Uint8Array([0, 255, 10]) },
      stdout: { file: "out", write: "append" },
      stderr: "ignore",
      maxBytes: 5,
      overflow: "head",
      okCodes: [0, 3],
      timeout: "2 minutes",
      stop: [{ signal: "SIGINT", wait: Duration.seconds(2) }],
      leftovers: "kill",
      tree: "tag",
      record: "/tmp/record"
    }
    const command = Command.make("echo 'it' $1", ["a b", "\u0001", ""], options)
    const again = decodeCommand(kept(encodeCommand(command)))
    const specOf = (of: Command.Command): unknown => (of as unknown as { readonly spec: unknown }).spec
    expect([again.program, again.args, specOf(again)]).toEqual([command.program, command.args, specOf(command)])
  })

  it("keeps any arguments and any text of its input", () => {
    const text = fc.string({ unit: "grapheme" }).filter((word) => !word.includes("\0"))
    fc.assert(
      fc.property(fc.array(text), text, (args, stdin) => {
        const again = decodeCommand(kept(encodeCommand(Command.make("x", args, { stdin: { text: stdin }, timeout: "Infinity" }))))
        expect([again.args, again.options.stdin]).toEqual([args, { text: stdin }])
      })
    )
  })

  it.each<readonly [string, Command.Command, string]>([
    ["a secret", Command.make("x", ["a", Redacted.make("b")]), "args[1] is a secret, which a store would keep for everybody to read"],
    ["a source of its input", Command.make("x", [], { stdin: { chunks: ["a"] } }), "options.stdin is a source of this process, and no data"]
  ])("refuses %s", (_what, command, message) => {
    expect(() => encodeCommand(command)).toThrow(message)
  })

  it.each<readonly [string, Json]>([
    ["nothing", null],
    ["a list", []],
    ["a command without arguments", { program: "x", options: {} }],
    ["a command without options", { program: "x", args: [] }],
    ["a command with an unknown option", { program: "x", args: [], options: { cwd: "x" } }],
    ["a command with an argument that is none", { program: "x", args: [null], options: {} }]
  ])("is not read from %s", (_what, json) => {
    expect(() => decodeCommand(json)).toThrow()
  })
})

describe("what a store keeps of a command job", () => {
  it("is enough to make its work again", () => {
    const job = CommandJob.make("a", Command.make("echo", ["x"], { timeout: "1 second" }), { workingDirectory: "job" })
    const { data, input } = portableOf(job)
    const form = (job as unknown as Description).input
    expect(kept(data)).toEqual({ kind: "command", workingDirectory: "job" })
    const again = workOf(kept(data)).portable as Portable
    expect(again.data).toEqual(data)
    expect(again.input.decode(kept(input.encode(form)))).toEqual(form)
    expect(kept(input.encode(form))).toEqual({ program: "echo", args: ["x"], options: { timeout: 1_000 } })
  })

  it("is not read from the data of other work", () => {
    expect(() => workOf({ kind: "task", name: "x" })).toThrow("CommandJob.make: data must be the data of a command")
    expect(() => workOf({ kind: "command" })).toThrow("CommandJob.make: data must be the data of a command")
  })
})

describe("what a command gave, as data", () => {
  const output = (stdoutBytes: Uint8Array): Command.Output => ({
    exitCode: 3,
    stdout: new TextDecoder("utf-8", { ignoreBOM: true }).decode(stdoutBytes),
    stdoutBytes,
    stderr: "",
    stderrBytes: new Uint8Array(0),
    dropped: { stdout: 7, stderr: 0 },
    pid: 4711,
    ranFor: Duration.millis(12.5)
  })

  it("is the same when it is read again, whatever the bytes are", () => {
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.string({ unit: "grapheme" }).map((text) => new TextEncoder().encode(text)),
      fc.constant(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]))
    )
    fc.assert(
      fc.property(bytes, (bytes) => {
        expect(codecs.success.decode(kept(codecs.success.encode(output(bytes))))).toEqual(output(bytes))
      })
    )
  })

  it("is not read from what is no output", () => {
    for (const json of [null, "x", {}, { ...(kept(codecs.success.encode(output(new Uint8Array(1)))) as object), pid: "x" }]) {
      expect(() => codecs.success.decode(json as Json)).toThrow()
    }
  })
})

describe("why a command failed, as data", () => {
  const tails = { stdout: "out\n", stderr: "no such thing\n" }
  const reasons: { readonly [Tag in Command.Reason["_tag"]]: Command.Reason & { readonly _tag: Tag } } = {
    NotFound: new Command.NotFound({ program: "x", message: "no such program: x" }),
    NoDirectory: new Command.NoDirectory({ directory: "/x", message: "no such directory: /x" }),
    PermissionDenied: new Command.PermissionDenied({ path: "/x", message: "not to be run by this user: /x" }),
    FileFailed: new Command.FileFailed({ of: "stdout", path: "/x", code: "EISDIR", message: "it is a directory" }),
    NoNamespace: new Command.NoNamespace({ message: "unshare: not permitted" }),
    SpawnFailed: new Command.SpawnFailed({ code: "E2BIG", message: "too long" }),
    NonZeroExit: new Command.NonZeroExit({ code: 3, ...tails }),
    Signaled: new Command.Signaled({ signal: "SIGKILL", ...tails }),
    TimedOut: new Command.TimedOut({ after: Duration.seconds(2), ended: "killed", ...tails }),
    OutputTooLarge: new Command.OutputTooLarge({ stream: "stderr", maxBytes: 10, ended: "signal" }),
    StdinFailed: new Command.StdinFailed({ cause: new TypeError("no more"), ended: "signal" }),
    Lost: new Command.Lost({ message: "the one who started it is gone" })
  }

  it.each(Object.entries(reasons))("is the same when it is read again: %s", (_tag, reason) => {
    const error = new Command.CommandError({ command: "x 'y z'", reason })
    const again = codecs.error.decode(kept(codecs.error.encode(error))) as Command.CommandError
    expect(again).toBeInstanceOf(Command.CommandError)
    expect(again.reason).toBeInstanceOf(reason.constructor)
    expect([again.message, { ...again.reason }]).toEqual([error.message, { ...reason }])
  })

  it("keeps of the cause of a failed input what it says", () => {
    const said = (cause: unknown): string => {
      const error = new Command.CommandError({ command: "x", reason: new Command.StdinFailed({ cause, ended: "signal" }) })
      const again = codecs.error.decode(kept(codecs.error.encode(error))) as Command.CommandError
      return String((again.reason as Command.StdinFailed).cause)
    }
    expect([new TypeError("no more"), "text", undefined, Object.create(null)].map(said)).toEqual([
      "TypeError: no more",
      "text",
      "undefined",
      "an object without a text"
    ])
  })

  it.each<readonly [string, Json]>([
    ["nothing", null],
    ["an unknown reason", { command: "x", reason: { _tag: "toString" } }],
    ["a reason without its fields", { command: "x", reason: { _tag: "NonZeroExit", code: 1 } }],
    ["an error without its command", { reason: { _tag: "Lost", message: "x" } }]
  ])("is not read from %s", (_what, json) => {
    expect(() => codecs.error.decode(json)).toThrow()
  })
})
