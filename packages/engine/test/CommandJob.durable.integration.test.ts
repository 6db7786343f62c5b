// Real here: the programs that are run, their files and folders, and once a process with an engine that is killed; the other stores are in memory and outlive their engines.
import * as Command from "@skein/node/Command"
import * as OutputFile from "@skein/node/OutputFile"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as CommandJob from "../src/CommandJob.ts"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import * as JobOutput from "../src/JobOutput.ts"
import * as JobStore from "../src/JobStore.ts"
import * as SqliteStore from "../src/SqliteStore.ts"
import { live, reasonOf, told } from "./engineKit.ts"

let directory = ""
beforeEach(() => {
  directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "skein-test-")))
})
afterEach(() => fs.rmSync(directory, { recursive: true }))

const script = (text: string, args: ReadonlyArray<CommandJob.Argument> = []): CommandJob.Parts => ({
  program: text,
  args,
  options: { shell: "sh" }
})

const found = (engine: Engine.Engine, id: string): Effect.Effect<Job.Handle<any, any>> => Effect.map(engine.get(id), Option.getOrThrow)

/** One that has ended may not have been collected yet. */
const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}

const folders = (): ReadonlyArray<string> => fs.readdirSync(directory).toSorted()
const folderOf = (id: string): string => join(directory, OutputFile.folderName(id))

describe("command jobs in a store", () => {
  it("have their value, their error and their output when the store is opened again", async () => {
    const store = JobStore.memory()
    await live(
      Effect.gen(function* () {
        const engine = yield* Engine.make({ store, directory })
        const good = CommandJob.make("good", script("echo out; printf '\\377'; echo err >&2"), { id: "good" })
        const bad = CommandJob.make("bad", script("echo no such thing >&2; exit 3"), { id: "bad" })
        yield* engine.submitAll([good, bad])
        yield* engine.awaitIdle
      })
    )
    await live(
      Effect.gen(function* () {
        const engine = yield* Engine.make({ store, directory })
        const good = yield* found(engine, "good")
        const value = (yield* good.join) as Command.Output
        expect([value.stdout, [...value.stdoutBytes.slice(-1)], value.stderr]).toEqual(["out\n\ufffd", [255], "err\n"])
        const bad = yield* found(engine, "bad")
        const error = (yield* Effect.flip(bad.join)) as Command.CommandError
        expect(error).toBeInstanceOf(Command.CommandError)
        expect(error.reason).toMatchObject({ _tag: "NonZeroExit", code: 3, stderr: "no such thing\n" })
        const output = yield* bad.output
        expect(output.stderr).toMatchObject({ text: "no such thing\n", path: join(folderOf("bad"), "stderr.txt") })
        expect(output.log.text).toContain("attempt 1 failed")
      })
    )
  })

  it("that wait run when the store is opened again, with places filled by what was kept", async () => {
    const store = JobStore.memory()
    await live(
      Effect.gen(function* () {
        const engine = yield* Engine.make({ store, onClose: "finish", limits: { jobs: 1 } })
        const first = CommandJob.make("first", script("echo it\\'s"), { id: "first" })
        const second = CommandJob.make("second", script(`printf '<%s>' "$1"`, [Job.result(first)]), { id: "second", needs: { jobs: 1 } })
        const slow = CommandJob.make("slow", Command.make("sleep", ["0.2"]), { after: first })
        yield* engine.submitAll([first, slow, second])
        yield* engine.awaitState("first", "ended")
      }).pipe(Effect.orDie)
    )
    const said = await live(
      Effect.gen(function* () {
        const engine = yield* Engine.make({ store })
        const second = yield* found(engine, "second")
        return ((yield* second.join) as Command.Output).stdout
      })
    )
    expect(said).toBe("<it's>")
  })

  it("go on in their folder when they are run again after a loss", async () => {
    const store = JobStore.memory()
    const up = join(directory, "up")
    const lasting = CommandJob.make("a", script(`echo try; if [ -e ${up} ]; then echo done; else touch ${up}; exec sleep 300; fi`), {
      id: "a",
      onLost: "resume",
      workingDirectory: "job"
    })
    await live(
      Effect.gen(function* () {
        const engine = yield* Engine.make({ store, directory })
        yield* engine.submit(lasting)
        while (!fs.existsSync(up)) yield* Effect.sleep(5)
      })
    )
    await live(
      Effect.gen(function* () {
        const engine = yield* Engine.make({ store, directory })
        const handle = yield* found(engine, "a")
        expect(told(yield* handle.await)).toMatch(/^completed/)
        expect((yield* handle.output).stdout.text).toBe("try\ntry\ndone\n")
        expect(fs.readdirSync(folderOf("a")).toSorted()).toEqual(["command.sh", "stdout.txt"])
      })
    )
  })

  it("leave nothing running when their process is killed, and go on where it was", async () => {
    const up = join(directory, "up")
    const store = join(directory, "jobs.sqlite")
    const runs = join(directory, "runs")
    const child = `
      import { Engine } from "@skein/engine"
      import * as CommandJob from "@skein/engine/CommandJob"
      import * as SqliteStore from "@skein/engine/SqliteStore"
      import * as Effect from "effect/Effect"
      const [up, path, directory] = process.argv.slice(1)
      const command = { program: "echo try $$; if [ -e $1 ]; then echo done; else touch $1; exec sleep 300; fi", args: [up], options: { shell: "sh" } }
      await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
        const engine = yield* Engine.make({ store: yield* SqliteStore.make({ path }), directory })
        yield* engine.submit(CommandJob.make("a", command, { id: "a", onLost: "resume" }))
        yield* Effect.never
      })))
    `
    const text = await live(
      Effect.gen(function* () {
        const args = ["--input-type=module", "--eval", child, up, store, runs]
        const running = yield* Command.start(
          Command.make(process.execPath, args, { directory: join(import.meta.dirname, ".."), stdout: "ignore", stderr: "inherit" })
        )
        while (!fs.existsSync(up)) yield* Effect.sleep(5)
        const first = yield* Effect.repeat(JobOutput.read(runs, "a"), { until: ({ stdout }) => stdout.text.endsWith("\n") })
        process.kill(running.pid, "SIGKILL")
        const pid = Number(/\d+/.exec(first.stdout.text)![0])
        while (isAlive(pid)) yield* Effect.sleep(5)
        const engine = yield* Engine.make({ store: yield* SqliteStore.make({ path: store }), directory: runs })
        const handle = yield* found(engine, "a")
        yield* handle.await
        return (yield* handle.output).stdout.text
      })
    )
    expect(text.replaceAll(/\d+/g, "n")).toBe("try n\ntry n\ndone\n")
  })

  it("are refused where they are no data, and run where they are ephemeral", () =>
    live(
      Effect.gen(function* () {
        const engine = yield* Engine.make({ store: JobStore.memory() })
        const secret = CommandJob.make("a", Command.make("echo", [Redacted.make("x")]))
        expect(yield* reasonOf(engine.submit(secret))).toMatchObject({
          _tag: "NotStorable",
          why: "its input cannot be written: args[0] is a secret, which a store would keep for everybody to read"
        })
        const other = CommandJob.make("b", Command.make("echo"), { id: "b" })
        yield* engine.submit(other)
        const beside = CommandJob.make("a", { program: "echo", args: [Redacted.make("x"), Job.result(other)] })
        expect(yield* reasonOf(engine.submit(beside))).toMatchObject({ _tag: "NotStorable" })
        const handle = yield* engine.submit(Job.with(secret, { durability: "ephemeral" }))
        expect((yield* handle.join).stdout).toBe("x\n")
      })
    ))
})

describe("the folders of an engine's runs", () => {
  const quiet = Effect.provide(Logger.layer([]))
  const writes = (id: string): Job.Job<void, never> => Job.make(id, { id, run: JobOutput.stdout(id) })

  it("are there for the runs that the engine keeps, and for no others", async () => {
    await live(
      Effect.gen(function* () {
        const engine = yield* Engine.make({ directory, retention: 3 })
        for (const id of ["a", "b", "c", "d", "e"]) yield* Effect.flatMap(engine.submit(writes(id)), ({ await: end }) => end)
        const again = yield* engine.submit(Job.with(writes("a"), {}))
        yield* again.await
        expect((yield* again.output).stdout.text).toBe("a")
      }).pipe(quiet)
    )
    expect(folders()).toEqual(["a", "d", "e"].map((id) => OutputFile.folderName(id)))
  })

  it("are removed by another process that finds runs forgotten, those of no run too", async () => {
    const store = JobStore.memory()
    const durable = (id: string): Job.Job<Command.Output, Command.CommandError> => CommandJob.make(id, script(`echo ${id}`), { id })
    await live(
      Effect.gen(function* () {
        const engine = yield* Engine.make({ store, directory })
        yield* engine.submitAll([durable("a"), durable("b")])
        yield* engine.awaitIdle
      })
    )
    fs.mkdirSync(folderOf("lost"))
    await live(Effect.asVoid(Engine.make({ store, directory, retention: 1 })))
    expect(folders()).toHaveLength(1)
  })

  it("hold no file open when the engine has closed, that of a job that was interrupted neither", async () => {
    const before = fs.readdirSync("/proc/self/fd").length
    await live(
      Effect.gen(function* () {
        const engine = yield* Engine.make({ directory })
        yield* engine.submit(Job.make("a", { id: "a", run: Effect.andThen(JobOutput.stdout("begun"), Effect.never) }))
        while ((yield* (yield* found(engine, "a")).output).stdout.size === 0) yield* Effect.yieldNow
      })
    )
    expect(fs.readFileSync(join(folderOf("a"), "stdout.txt"), "utf8")).toBe("begun")
    expect(fs.readdirSync("/proc/self/fd")).toHaveLength(before)
  })
})
