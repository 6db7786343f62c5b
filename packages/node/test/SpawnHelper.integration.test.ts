// Real here: the helper's process, the programs that it starts, their sockets, and processes that are killed.
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as Command from "../src/Command.ts"
import * as SpawnHelper from "../src/SpawnHelper.ts"

const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(Effect.provide(effect, SpawnHelper.layer()))

const script = (text: string, options: Command.Options = {}): Command.Command => Command.make(text, [], { shell: "sh", ...options })

const said = (command: Command.Command) => Effect.map(command, (output) => output.stdout.trim())

/** The process that starts the commands. */
const starter = Effect.map(said(script("echo $PPID")), Number)

/** Runs, or could: one that has ended and that nobody has waited for does not count. */
const alive = (pid: number): boolean => {
  try {
    return !fs.readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z ")
  } catch {
    return false
  }
}

const until = async (condition: () => boolean): Promise<void> => {
  const late = performance.now() + 20_000
  while (!condition()) {
    if (performance.now() > late) throw new Error(`not within 20 s: ${String(condition)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const commandLine = (pid: number): string => fs.readFileSync(`/proc/${pid}/cmdline`, "latin1")

describe("the spawn helper", () => {
  it("is one process that starts with the first command, and not this one", async () => {
    const pids = await run(Effect.all([starter, starter, starter]))
    expect([new Set(pids).size, pids.includes(process.pid)]).toEqual([1, false])
  })

  it("is gone when its layer closes", async () => {
    const pid = await run(starter)
    expect(alive(pid)).toBe(false)
  })

  it("is gone when this process is killed", async () => {
    const parent = spawn(process.execPath, [join(import.meta.dirname, "fixtures/helperParent.ts")], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    try {
      let text = ""
      parent.stdout.setEncoding("utf8").on("data", (more: string) => (text += more))
      await until(() => text.includes("\n"))
      const pid = Number(text)
      expect(commandLine(pid)).toContain("spawner")
      parent.kill("SIGKILL")
      await until(() => !alive(pid))
    } finally {
      parent.kill("SIGKILL")
    }
  })

  it("that dies takes down what runs, with a typed failure and nobody left, and the next command gets another", async () => {
    await run(
      Effect.gen(function* () {
        const first = yield* starter
        const running = yield* Effect.scoped(
          Effect.gen(function* () {
            const started = yield* Command.start(script("setsid sleep 4321.5 & echo $!; sleep 4321.5"))
            let daemon = ""
            started.stdout!.on("data", (bytes: Buffer) => (daemon += bytes.toString()))
            yield* Effect.promise(() => until(() => daemon.includes("\n")))
            process.kill(first, "SIGKILL")
            const error = yield* Effect.flip(started.exit)
            expect(error.reason).toMatchObject({ _tag: "Lost", message: expect.stringContaining("SIGKILL") })
            return { program: started.pid, daemon: Number(daemon) }
          })
        )
        // They have been killed; the last moments of a dying process are the system's.
        yield* Effect.promise(() => until(() => !alive(running.program) && !alive(running.daemon)))
        const second = yield* starter
        expect([second === first, alive(first)]).toEqual([false, false])
      })
    )
  })

  it("that cannot run is a typed failure", async () => {
    const boot = new URL("./fixtures/brokenSpawner.ts", import.meta.url)
    const error = await Effect.runPromise(Effect.provide(Effect.flip(Command.make("true")), SpawnHelper.layer({ boot })))
    expect([error.reason._tag, error.message]).toEqual(["SpawnFailed", expect.stringContaining("it ended with exit code 3")])
  })

  it("that stands still is given up after a while", async () => {
    const program = Effect.gen(function* () {
      const first = yield* starter
      process.kill(first, "SIGSTOP")
      const error = yield* Effect.flip(Command.make("true"))
      expect([error.reason._tag, error.message]).toEqual(["SpawnFailed", expect.stringContaining("does not answer")])
      yield* Effect.promise(() => until(() => !alive(first)))
      expect(yield* starter).not.toBe(first)
    })
    await Effect.runPromise(Effect.provide(program, SpawnHelper.layer({ patience: "2 seconds" })))
  })

  it("refuses options that are wrong or unknown", () => {
    const wrong = (options: object) => () => SpawnHelper.layer(options)
    expect(wrong({ patience: 0 })).toThrow("SpawnHelper.layer: patience must be")
    expect(wrong({ boot: "here" })).toThrow('SpawnHelper.layer: boot must be a URL, got "here"')
    expect(wrong({ size: 2 })).toThrow("SpawnHelper.layer: ")
  })

  it("starts with the directory, mask and environment that this process has then", async () => {
    const directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "skein-test-")))
    const [before, mask] = [process.cwd(), process.umask()]
    try {
      await run(
        Effect.gen(function* () {
          yield* starter
          process.chdir(directory)
          process.umask(0o027)
          process.env["SKEIN_TEST_LATE"] = "late"
          expect(yield* said(script("pwd; umask; echo $SKEIN_TEST_LATE"))).toBe(`${directory}\n0027\nlate`)
          yield* Command.make("true", [], { stdout: { file: join(directory, "made") } })
          expect(fs.statSync(join(directory, "made")).mode & 0o777).toBe(0o640)
        })
      )
    } finally {
      process.chdir(before)
      process.umask(mask)
      delete process.env["SKEIN_TEST_LATE"]
      fs.rmSync(directory, { recursive: true })
    }
  })

  it("is not told apart from this process by what a program inherits", async () => {
    const text = `ls -l /proc/self/fd | wc -l; id -u; cat /proc/self/status | grep -E "SigBlk|SigIgn"`
    const direct = await Effect.runPromise(said(script(text)))
    expect(await run(said(script(text)))).toBe(direct)
  })

  it("starts 300 at once", async () => {
    const codes = await run(
      Effect.forEach(
        Array.from({ length: 300 }, (_, i) => i),
        (i) => Effect.map(script(`exit ${i % 2}`, { okCodes: [0, 1] }), (output) => output.exitCode),
        { concurrency: "unbounded" }
      )
    )
    expect(codes).toEqual(Array.from({ length: 300 }, (_, i) => i % 2))
  })

  it("leaves no descriptor here or there", async () => {
    const open = (pid: number | "self"): number => fs.readdirSync(`/proc/${pid}/fd`).length
    await run(
      Effect.gen(function* () {
        const pid = yield* starter
        const counts = (): ReadonlyArray<number> => [open("self"), open(pid)]
        const before = counts()
        for (let i = 0; i < 100; i++) yield* script("cat; echo out; echo err >&2", { stdin: { text: "in" } })
        yield* Effect.promise(() => until(() => counts().every((count, i) => count <= before[i]!)))
        expect(counts().some(Number.isNaN)).toBe(false)
      })
    )
  })

  it("gives no stream to whoever does not know its secret", async () => {
    await run(
      Effect.gen(function* () {
        const pid = yield* starter
        const address = JSON.parse(commandLine(pid).split("\0")[2]!).address as string
        const stranger = connect(address)
        let closed = false
        stranger.on("error", () => {}).on("close", () => (closed = true))
        stranger.end(Buffer.alloc(64, 1))
        yield* Effect.promise(() => until(() => closed))
        expect(yield* said(Command.make("echo", ["still there"]))).toBe("still there")
      })
    )
  })

  it("leaves nothing when the program is interrupted at any moment of its start", async () => {
    await run(
      Effect.gen(function* () {
        const pid = yield* starter
        const children = (): string => fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1")
        for (let round = 0; round < 25; round++) {
          const fiber = yield* Effect.forkChild(Command.make("sleep", ["4322.5"]), { startImmediately: true })
          const at = performance.now() + round / 5
          while (performance.now() < at) yield* Effect.promise(() => new Promise(setImmediate))
          yield* Fiber.interrupt(fiber)
        }
        expect(children().trim()).toBe("")
      })
    )
  })

  it("runs commands beside those that another helper runs", async () => {
    const pids = await Effect.runPromise(
      Effect.all([Effect.provide(starter, SpawnHelper.layer()), Effect.provide(starter, SpawnHelper.layer())], { concurrency: 2 })
    )
    expect(new Set(pids).size).toBe(2)
  })
})
