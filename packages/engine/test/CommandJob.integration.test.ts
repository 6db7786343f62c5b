// Real here: the programs that are run, and the files and folders that they write to.
import * as Command from "@skein/node/Command"
import * as OutputFile from "@skein/node/OutputFile"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as CommandJob from "../src/CommandJob.ts"
import * as Engine from "../src/Engine.ts"
import type { Description } from "../src/internal/description.ts"
import { openOutputs, type RunOutput } from "../src/internal/output/outputs.ts"
import * as Job from "../src/Job.ts"
import { live, tell } from "./engineKit.ts"
import { inRun } from "./outputKit.ts"

let directory = ""
beforeEach(() => {
  directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "skein-test-")))
})
afterEach(() => fs.rmSync(directory, { recursive: true }))

const script = (text: string, args: ReadonlyArray<CommandJob.Argument> = [], options: CommandJob.PartOptions = {}): CommandJob.Parts => ({
  program: text,
  args,
  options: { shell: "sh", ...options }
})

/** Submits jobs and gives the value of the last one. */
const lastOf = <A, E>(...jobs: readonly [...ReadonlyArray<Job.Job<any, any>>, Job.Job<A, E>]): Promise<A> =>
  live(
    Effect.gen(function* () {
      const engine = yield* Engine.make()
      const handles = yield* engine.submitAll(jobs)
      return yield* (handles.at(-1) as Job.Handle<A, E>).join
    })
  )

const told = (job: Job.Job<any, any>): Promise<string> =>
  live(Effect.flatMap(Engine.make(), (engine) => Effect.flatMap(engine.submit(job), tell)))

/** Runs the work of a command job as its engine does. */
const work = (job: Job.Job<Command.Output, Command.CommandError>): Effect.Effect<Command.Output, Command.CommandError> => {
  const description = job as unknown as Description
  return description.work.start(description.input) as Effect.Effect<Command.Output, Command.CommandError>
}

const opened = (id = "a", where: string | null = directory): Effect.Effect<RunOutput, never, Scope.Scope> =>
  Effect.map(openOutputs({ directory: where ?? undefined, tail: 100, kept: 1_000 }), (outputs) => outputs.of(id, "fresh"))

const at = (...names: ReadonlyArray<string>): string => join(directory, OutputFile.folderName("a"), ...names)

/** One that has ended may not have been collected yet. */
const runs = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}

describe("a command job", () => {
  it("gives what the command wrote and how it ended", async () => {
    const output = await lastOf(CommandJob.make("a", Command.make("sh", ["-c", "echo out; echo err >&2"])))
    expect(output).toMatchObject({ exitCode: 0, stdout: "out\n", stderr: "err\n" })
  })

  it.each<readonly [string, CommandJob.Parts, string]>([
    ["exits with another code than 0", script("echo bad >&2; exit 3"), "failed 'echo bad >&2; exit 3': exit code 3: bad"],
    ["is ended by a signal", script("kill -9 $$"), "failed 'kill -9 $$': ended by SIGKILL"],
    ["is not there", { program: "no-such-program" }, "failed no-such-program: no such program: no-such-program"]
  ])("fails when its program %s", async (_what, parts, expected) => {
    expect(await told(CommandJob.make("a", parts))).toBe(expected)
  })

  it("gives the last 64 KiB of a long output, and fails for it where the command has a bound of its own", async () => {
    const long = script("head -c 100000 /dev/zero")
    const { dropped, stdoutBytes } = await lastOf(CommandJob.make("a", long))
    expect([stdoutBytes.length, dropped.stdout]).toEqual([65_536, 100_000 - 65_536])
    expect(await told(CommandJob.make("a", { ...long, options: { ...long.options, maxBytes: 10 } }))).toContain(
      "more than 10 bytes on stdout"
    )
  })

  it("runs again where it failed, as its retries say", async () => {
    const once = script(`test -e ${join(directory, "seen")} || { touch ${join(directory, "seen")}; exit 1; }; echo again`)
    expect((await lastOf(CommandJob.make("a", once, { retry: { times: 1 } }))).stdout).toBe("again\n")
  })

  it("leaves nothing of its tree when it is cancelled", () =>
    live(
      Effect.gen(function* () {
        const engine = yield* Engine.make()
        const pidFile = join(directory, "pid")
        const handle = yield* engine.submit(
          CommandJob.make("a", script(`sleep 300 & echo $! > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; wait`))
        )
        while (!fs.existsSync(pidFile)) yield* Effect.sleep(5)
        const pid = Number(fs.readFileSync(pidFile, "utf8"))
        const end = yield* handle.cancel("enough")
        expect(end._tag).toBe("Cancelled")
        expect(runs(pid)).toBe(false)
      })
    ))
})

describe("the places in a command", () => {
  it("take texts, numbers, arrays as several arguments, and what other commands wrote as a shell does", async () => {
    const name = Job.make("name", { run: Effect.succeed("it's") })
    const many = Job.make("many", { run: Effect.succeed(["a b", 2] as const) })
    const wrote = CommandJob.make("wrote", script(`printf 'one\\ntwo\\n\\n'`))
    const { stdout } = await lastOf(
      name,
      many,
      wrote,
      CommandJob.make("last", script(`printf '<%s>' "$@"`, [Job.result(name), Job.result(many), 3, Job.result(wrote)]))
    )
    expect(stdout).toBe("<it's><a b><2><3><one\ntwo>")
  })

  it("may be the program, in its environment, and in its input, which is whole", async () => {
    const wrote = CommandJob.make("wrote", script("printf 'cat\\n'"))
    const { stdout } = await lastOf(
      wrote,
      CommandJob.make("last", {
        program: Job.result(wrote),
        options: { stdin: { text: Job.result(wrote) } }
      })
    )
    expect(stdout).toBe("cat\n")
    const other = await lastOf(wrote, CommandJob.make("last", script("echo $VALUE", [], { env: { VALUE: Job.result(wrote) } })))
    expect(other.stdout).toBe("cat\n")
  })

  it.each<readonly [string, Effect.Effect<unknown>, string]>([
    [
      "what is no text",
      Effect.succeed({}),
      "CommandJob.make: args[0] must be a string, a number or the output of a command, got an object"
    ],
    ["a text with a NUL", Effect.succeed("a\0b"), "Command.make: args[0] must be a string without a NUL"]
  ])("fail the job for %s", async (_what, run, message) => {
    const other = Job.make("other", { run })
    const exit = await Effect.runPromiseExit(
      Effect.promise(() => lastOf(other, CommandJob.make("last", { program: "echo", args: [Job.result(other as Job.Job<string>)] })))
    )
    expect(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "").toContain(message)
  })

  it("fail the job for an output that is not whole", async () => {
    const other = CommandJob.make("other", script("echo 0123456789", [], { maxBytes: 4, overflow: "tail" }))
    const last = CommandJob.make("last", { program: "echo", args: [Job.result(other)] })
    await expect(lastOf(other, last)).rejects.toThrow("args[0] must be the whole output of a command")
  })
})

describe("the output of a command job", () => {
  it("is in its tails and files while the command runs", () =>
    live(
      Effect.gen(function* () {
        const output = yield* opened()
        const go = join(directory, "go")
        const command = script(`echo one; echo bad >&2; while [ ! -e ${go} ]; do sleep 0.01; done; echo two`)
        const fiber = yield* Effect.forkChild(inRun(output, work(CommandJob.make("a", command))))
        const stdout = Effect.map(output.view, (view) => view.stdout)
        while ((yield* stdout).text !== "one\n" || (yield* output.view).stderr.text !== "bad\n") yield* Effect.sleep(5)
        yield* output.flush
        expect(fs.readFileSync(at("stdout.txt"), "utf8")).toBe("one\n")
        fs.writeFileSync(go, "")
        yield* Fiber.join(fiber)
        output.end()
        expect(yield* stdout).toMatchObject({ text: "one\ntwo\n", path: at("stdout.txt") })
        expect(fs.readFileSync(at("stderr.txt"), "utf8")).toBe("bad\n")
      })
    ))

  it("has that of all attempts, and of each command in a job", () =>
    live(
      Effect.gen(function* () {
        const output = yield* opened()
        const failing = CommandJob.make("a", script("echo try; exit 1"))
        for (let i = 0; i < 2; i++) yield* Effect.flip(inRun(output, work(failing)))
        yield* inRun(output, work(CommandJob.make("a", script("echo done"))))
        expect((yield* output.view).stdout.text).toBe("try\ntry\ndone\n")
      })
    ))

  it("does not mix where twenty commands write at once", () =>
    live(
      Effect.gen(function* () {
        const outputs = yield* openOutputs({ directory, tail: 1_000_000, kept: 1_000_000 })
        const ids = Array.from({ length: 20 }, (_, i) => `c${i}`)
        const all = ids.map((id) => outputs.of(id, "fresh"))
        const job = (id: string): Effect.Effect<unknown, Command.CommandError> =>
          work(CommandJob.make(id, script(`for i in $(seq 500); do echo "$1 $i"; done`, [id])))
        yield* Effect.forEach(ids, (id, i) => inRun(all[i]!, job(id)), { concurrency: "unbounded", discard: true })
        for (const [i, id] of ids.entries()) {
          const { stdout } = yield* all[i]!.view
          expect(stdout.text).toBe(Array.from({ length: 500 }, (_, n) => `${id} ${n + 1}\n`).join(""))
        }
      })
    ))

  it("is kept in memory where the engine has no directory", () =>
    live(
      Effect.gen(function* () {
        const output = yield* opened("a", null)
        yield* inRun(output, work(CommandJob.make("a", script("echo out"))))
        expect((yield* output.view).stdout).toMatchObject({ text: "out\n", path: undefined })
      })
    ))

  it("does not fail the command when the disk fails", () => {
    fs.writeFileSync(join(directory, "file"), "")
    return live(
      Effect.gen(function* () {
        const output = yield* opened("a", join(directory, "file"))
        const { exitCode } = yield* inRun(output, work(CommandJob.make("a", script("echo out"))))
        const { stdout } = yield* output.view
        expect([exitCode, stdout.text, stdout.failure?.reason._tag]).toEqual([0, "out\n", "NotAFile"])
      }).pipe(Effect.provide(Logger.layer([])))
    )
  })
})

describe("the directory of a command job", () => {
  it("holds the command line, secrets hidden", () =>
    live(
      Effect.gen(function* () {
        const output = yield* opened()
        yield* inRun(output, work(CommandJob.make("a", Command.make("echo", ["it's", Redacted.make("hunter2")]))))
        expect(fs.readFileSync(at("command.sh"), "utf8")).toBe("#!/bin/sh\nexec echo 'it'\\''s' '<redacted>'\n")
      })
    ))

  const where = (job: Job.Job<Command.Output, Command.CommandError>): Promise<string> =>
    live(Effect.flatMap(opened(), (output) => Effect.map(inRun(output, work(job)), ({ stdout }) => stdout.trim())))

  it("is where the command runs, if asked for", async () => {
    const pwd = Command.make("pwd")
    expect(await where(CommandJob.make("a", pwd, { workingDirectory: "job" }))).toBe(at())
    expect(await where(CommandJob.make("a", pwd, { workingDirectory: directory }))).toBe(directory)
    expect(await where(CommandJob.make("a", pwd))).toBe(process.cwd())
    expect(await where(CommandJob.make("a", Command.make("pwd", [], { directory })))).toBe(directory)
  })

  it("fails the job that is to run there when there is none", async () => {
    const job = CommandJob.make("a", Command.make("pwd"), { workingDirectory: "job" })
    expect(await told(job)).toBe("failed pwd: no folder of the job: the engine has no directory")
  })
})
