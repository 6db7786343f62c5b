// Real here: the programs that are run and all they leave behind, the signals, and /proc. Needs Linux.
import * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type ChildProcess, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import * as fs from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import * as Command from "../src/Command.ts"
import * as CommandStream from "../src/CommandStream.ts"
import * as ProcessTree from "../src/ProcessTree.ts"
import { backends } from "./fixtures/commandBackends.ts"
import { carriers, childrenOf, killIfThere, until } from "./fixtures/processes.ts"

let directory = ""
beforeAll(() => {
  directory = fs.mkdtempSync(join(tmpdir(), "skein-test-"))
})
afterAll(() => fs.rmSync(directory, { recursive: true }))

/** A mark in the environment, by which a test finds whom its command started, whatever the tree says. */
let mark = ""
const marks: Array<string> = []
const freshMark = (): string => {
  mark = `skein-test-${randomUUID()}`
  marks.push(mark)
  return mark
}
beforeEach(() => void freshMark())
afterEach(() => {
  for (const old of marks.splice(0)) for (const pid of carriers(old)) killIfThere(pid)
})

const script = (text: string, options: Command.Options = {}): Command.Command =>
  Command.make(text, [], { shell: "bash", env: { MARK: mark }, ...options })

const refuses = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy()
      resolve(false)
    }).on("error", () => resolve(true))
  })

/** A daemon as they are made: in a session of its own, its parent gone. */
const daemon = "(setsid sh -c 'setsid sleep 300 >/dev/null 2>&1 </dev/null & exit 0')"

const stubborn = `trap '' TERM INT HUP`

describe.each(backends)("the tree of a command that is started $name", ({ provide }) => {
  const begin = (command: Command.Command): Fiber.Fiber<Command.Output, Command.CommandError> => Effect.runFork(provide(command))
  const interrupt = (fiber: Fiber.Fiber<unknown, unknown>): Promise<void> => Effect.runPromise(Fiber.interrupt(fiber))
  const fail = async (command: Command.Command): Promise<Command.Reason> => (await Effect.runPromise(provide(Effect.flip(command)))).reason

  describe("when it is interrupted", () => {
    it.each([
      ["a program", "sleep 300", 1],
      ["a shell that waits for a program", "sleep 300 & wait", 2],
      ["a daemon that left the session", `${daemon}; sleep 300`, 2],
      ["programs in sessions of their own", "setsid sleep 300 & setsid -w sleep 300 & wait", 3],
      ["who ignores SIGTERM", `${stubborn}; while :; do sleep 300; done`, 2]
    ])("leaves nothing of %s", async (_name, text, processes) => {
      const fiber = begin(script(text, { stop: [{ signal: "SIGTERM", wait: "100 millis" }] }))
      await until(() => carriers(mark).length >= processes)
      await interrupt(fiber)
      expect(carriers(mark)).toEqual([])
    })

    it.each([0, 1, 2, 3, 5, 8, 13, 21])("leaves nothing %s turns after its beginning", async (turns) => {
      const fiber = begin(script(`${daemon}; sleep 300`, { stdin: { chunks: [Buffer.alloc(300_000)] } }))
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
      await interrupt(fiber)
      expect(carriers(mark)).toEqual([])
    })

    it("leaves nothing while it is being stopped by its timeout", async () => {
      const fiber = begin(
        script(`${stubborn}; echo > stopping; while :; do sleep 0.01; done`, {
          directory,
          timeout: "50 millis",
          stop: [{ signal: "SIGTERM", wait: "300 millis" }]
        })
      )
      await until(() => carriers(mark).length > 0)
      await new Promise((resolve) => setTimeout(resolve, 100))
      await interrupt(fiber)
      expect(carriers(mark)).toEqual([])
    })

    it("leaves nothing while its output is read", async () => {
      const fiber = begin(script("yes", { maxBytes: 100, overflow: "tail" }))
      await until(() => carriers(mark).length > 0)
      await interrupt(fiber)
      expect(carriers(mark)).toEqual([])
    })

    it("gives it the time to clean up, and its descendants too", async () => {
      const path = join(directory, randomUUID())
      const clean = (name: string): string =>
        `trap 'sleep 0.15; echo ${name} >> ${path}; exit' TERM; echo ready >> ${path}; while :; do sleep 0.01; done`
      const fiber = begin(script(`(${clean("child")}) & ${clean("parent").replace("sleep 0.15; ", "")}`))
      await until(() => fs.existsSync(path) && fs.readFileSync(path, "utf8") === "ready\nready\n")
      await interrupt(fiber)
      expect(fs.readFileSync(path, "utf8").split("\n").slice(2, -1).sort()).toEqual(["child", "parent"])
    })

    it("sends the signals that were asked for, in order, until nobody is left", async () => {
      const path = join(directory, randomUUID())
      const text = `for s in INT HUP TERM; do trap "echo $s >> ${path}" $s; done; trap "echo QUIT >> ${path}; exit" QUIT; echo ready >> ${path}; while :; do sleep 0.01; done`
      const stop = (["SIGINT", "SIGHUP", "SIGQUIT", "SIGTERM"] as const).map((signal) => ({ signal, wait: "200 millis" as const }))
      const fiber = begin(script(text, { stop }))
      await until(() => fs.existsSync(path))
      await interrupt(fiber)
      expect(fs.readFileSync(path, "utf8")).toBe("ready\nINT\nHUP\nQUIT\n")
    })

    it.each<[name: string, stop: Command.Options["stop"]]>([
      ["was asked to stop", undefined],
      ["was killed", []]
    ])("has given back the port of a grandchild that %s, though that has much memory to give back first", async (_name, stop) => {
      const program = fileURLToPath(new URL("fixtures/server.ts", import.meta.url))
      const path = join(directory, randomUUID())
      const options: Command.Options = { env: { MARK: mark }, stdout: { file: path }, stop }
      const fiber = begin(Command.make(process.execPath, [program, "127.0.0.1", "0", "child", "heavy"], options))
      await until(() => fs.existsSync(path) && fs.readFileSync(path, "utf8").endsWith("\n"))
      const port = Number(/\d+/.exec(fs.readFileSync(path, "utf8"))![0])
      await interrupt(fiber)
      expect(await refuses(port)).toBe(true)
    })

    it("does not show an end of its input before it is gone", async () => {
      const path = join(directory, randomUUID())
      const chunks = async function* () {
        yield "half"
        await new Promise(() => {})
      }
      const fiber = begin(
        script(`${stubborn}; echo ready > ${path}; cat > /dev/null; echo whole > ${path}; sleep 300`, {
          stdin: { chunks: chunks() },
          stop: [{ signal: "SIGTERM", wait: "100 millis" }]
        })
      )
      await until(() => fs.existsSync(path))
      await interrupt(fiber)
      expect(fs.readFileSync(path, "utf8")).toBe("ready\n")
    })
  })

  describe("when it had to be stopped", () => {
    const stop = [{ signal: "SIGTERM", wait: "100 millis" }] as const
    const polite = `trap 'exit 0' TERM; echo ready >&2; while :; do sleep 0.01; done`
    const deaf = `${stubborn}; echo ready >&2; while :; do sleep 0.01; done`
    const withDeafChild = `(${deaf}) & trap 'exit 0' TERM; while :; do sleep 0.01; done`

    it.each([
      ["no mark where it ended when it was asked to", polite, false],
      ["the mark of a skipped cleanup where it had to be killed", deaf, true],
      ["the mark of a skipped cleanup where a descendant had to be killed", withDeafChild, true]
    ])("gives who interrupted it %s", async (_name, text, marked) => {
      const path = join(directory, randomUUID())
      const fiber = begin(script(text, { stop, stderr: { file: path } }))
      await until(() => fs.existsSync(path) && fs.readFileSync(path, "utf8") === "ready\n")
      await interrupt(fiber)
      const exit = await Effect.runPromise(Fiber.await(fiber))
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      expect([Cause.hasInterruptsOnly(cause), TaskRunner.killedIn(cause)?.flavour]).toEqual([true, marked ? "command" : undefined])
    })

    it.each([
      ["ended when it was asked to", polite, false],
      ["had to be killed", deaf, true]
    ])("marks a scope that is interrupted, of Command.start and of CommandStream, where the program %s", async (_name, text, marked) => {
      const path = join(directory, randomUUID())
      const command = script(text, { stop, stderr: { file: path } })
      const starts = [
        Effect.scoped(Effect.flatMap(Command.start(command), ({ exit }) => exit)),
        Stream.runDrain(CommandStream.bytes(command))
      ]
      const found: Array<string | undefined> = []
      for (const start of starts) {
        fs.rmSync(path, { force: true })
        const fiber = Effect.runFork(provide(start))
        await until(() => fs.existsSync(path) && fs.readFileSync(path, "utf8") === "ready\n")
        await interrupt(fiber)
        const exit = await Effect.runPromise(Fiber.await(fiber))
        found.push(Exit.isFailure(exit) ? TaskRunner.killedIn(exit.cause)?.flavour : "success")
      }
      expect(found).toEqual(marked ? ["command", "command"] : [undefined, undefined])
    })

    it.each<[name: string, text: string, options: Command.Options, ended: string]>([
      ["is late and ends when it is asked to", polite, { timeout: "500 millis" }, "signal"],
      ["is late and has to be killed", deaf, { timeout: "500 millis" }, "killed"],
      ["writes too much and ends when it is asked to", `trap 'exit 0' TERM; while :; do echo y; done`, { maxBytes: 100 }, "signal"],
      ["writes too much and has to be killed", `${stubborn}; while :; do echo y; done`, { maxBytes: 100 }, "killed"]
    ])("says in the error of a command that %s how it ended", async (_name, text, options, ended) => {
      const reason = await fail(script(text, { stop, ...options }))
      expect("ended" in reason ? reason.ended : reason).toBe(ended)
    })

    it("says in the error of a command whose input failed how it ended", async () => {
      const path = join(directory, randomUUID())
      const chunks = async function* () {
        yield "first"
        await until(() => fs.existsSync(path))
        throw new Error("no more")
      }
      const reason = await fail(script(`${stubborn}; echo > ${path}; while :; do sleep 0.01; done`, { stop, stdin: { chunks: chunks() } }))
      expect(reason).toMatchObject({ _tag: "StdinFailed", ended: "killed" })
    })

    it("says in the error of Command.start how it ended, too", async () => {
      const command = script(deaf, { stop, timeout: "500 millis" })
      const error = await Effect.runPromise(provide(Effect.scoped(Effect.flatMap(Command.start(command), ({ exit }) => Effect.flip(exit)))))
      expect(error.reason).toMatchObject({ _tag: "TimedOut", ended: "killed" })
    })

    it("counts a SIGKILL among its signals", async () => {
      const command = script(deaf, { timeout: "500 millis", stop: [{ signal: "SIGKILL", wait: "5 seconds" }] })
      expect(await fail(command)).toMatchObject({ _tag: "TimedOut", ended: "killed" })
    })
  })

  describe("when it ends well", () => {
    it("keeps what it left running", async () => {
      await Effect.runPromise(provide(script(daemon)))
      expect(await until(() => carriers(mark).length === 1)).toBe(true)
    })

    it("loses that if it was asked for", async () => {
      await Effect.runPromise(provide(script(daemon, { leftovers: "kill" })))
      expect(carriers(mark)).toEqual([])
    })
  })

  describe("when it ends otherwise", () => {
    it.each<[name: string, text: string, options: Command.Options, tag: string]>([
      ["fails", "exit 3", {}, "NonZeroExit"],
      ["is killed", "kill -KILL $$", {}, "Signaled"],
      ["is late", "sleep 300", { timeout: "100 millis" }, "TimedOut"],
      ["writes too much", "yes", { maxBytes: 100 }, "OutputTooLarge"]
    ])("is gone before a command that %s gives its error", async (_name, text, options, tag) => {
      expect((await fail(script(`${daemon}; ${text}`, options)))._tag).toBe(tag)
      expect(carriers(mark)).toEqual([])
    })
  })

  describe("Command.start", () => {
    const withRunning = <A>(command: Command.Command, use: (running: Command.Running) => Promise<A>): Promise<A> =>
      Effect.runPromise(provide(Effect.scoped(Effect.flatMap(Command.start(command), (running) => Effect.promise(() => use(running))))))

    it("gives a program to talk to, and its end", () =>
      withRunning(Command.make("cat", [], { stdin: "pipe" }), async ({ exit, stdin, stdout }) => {
        stdin!.write("hello")
        expect(String((await once(stdout!, "data"))[0])).toBe("hello")
        stdin!.end()
        expect(await Effect.runPromise(exit)).toEqual({ exitCode: 0, signal: null })
      }))

    it("gives the end as it is, be it a failure or a signal", () =>
      withRunning(script("exit 3"), async ({ exit }) => {
        expect(await Effect.runPromise(exit)).toEqual({ exitCode: 3, signal: null })
        await withRunning(script("kill -INT $$; sleep 1"), async ({ exit }) => {
          expect(await Effect.runPromise(exit)).toEqual({ exitCode: null, signal: "SIGINT" })
        })
      }))

    it("fails for what cannot be started", async () => {
      const error = await Effect.runPromise(provide(Effect.flip(Effect.scoped(Command.start(Command.make("no-such-program-here"))))))
      expect(error.reason._tag).toBe("NotFound")
    })

    it("leaves nothing when its scope closes, of a program whose output nobody reads either", async () => {
      await withRunning(script(`${daemon}; yes`), () => until(() => carriers(mark).length >= 2))
      expect(carriers(mark)).toEqual([])
    })

    it("keeps what a program that ended well left running", async () => {
      await withRunning(script(daemon), ({ exit }) => Effect.runPromise(exit))
      expect(await until(() => carriers(mark).length === 1)).toBe(true)
    })

    it("signals the whole tree", () =>
      withRunning(script("sleep 300 & wait"), async ({ exit, signal }) => {
        await until(() => carriers(mark).length === 2)
        expect(await Effect.runPromise(signal("SIGKILL"))).toBeGreaterThanOrEqual(1)
        await until(() => carriers(mark).length === 0)
        expect(await Effect.runPromise(exit)).toEqual({ exitCode: null, signal: "SIGKILL" })
      }))

    it("stops it once, whoever asks", () =>
      withRunning(
        script(`trap 'echo TERM' TERM; echo ready; while :; do sleep 0.01; done`, { stop: [{ signal: "SIGTERM", wait: "200 millis" }] }),
        async ({ stdout, stop }) => {
          let text = ""
          stdout!.on("data", (data) => (text += data))
          await once(stdout!, "data")
          const first = Effect.runPromise(stop)
          await until(() => text.includes("TERM"))
          await Promise.all([first, Effect.runPromise(stop)])
          expect(carriers(mark)).toEqual([])
          expect(text).toBe("ready\nTERM\n")
        }
      ))

    it("fails at its timeout, when nobody is left", () =>
      withRunning(script(`${daemon}; sleep 300`, { timeout: "100 millis" }), async ({ exit }) => {
        const error = await Effect.runPromise(Effect.flip(exit))
        expect([error.reason._tag, carriers(mark)]).toEqual(["TimedOut", []])
      }))
  })

  it("is gone although its daemons are just becoming other programs, 300 times", async () => {
    const command = script(`${daemon}; exit 1`)
    await Effect.runPromise(
      provide(Effect.forEach(Array.from({ length: 300 }), () => Effect.exit(command), { concurrency: 6, discard: true }))
    )
    expect(carriers(mark)).toEqual([])
  })

  it("leaves no descriptor, no child and no zombie after 200 commands", async () => {
    const descriptors = (): number => fs.readdirSync("/proc/self/fd").length
    const commands = (n: number): Promise<unknown> =>
      Effect.runPromise(
        provide(
          Effect.forEach(
            Array.from({ length: n }, (_, i) => i),
            (i) =>
              Effect.exit(
                i % 4 === 0
                  ? script("exit 1")
                  : i % 4 === 1
                    ? Command.make("no-such-program-here")
                    : Command.make("cat", [], { stdin: { text: "x" } })
              ),
            { concurrency: 4 }
          )
        )
      )
    await commands(8)
    await Effect.runPromise(Effect.sleep("1 second"))
    const [before, children] = [descriptors(), childrenOf(process.pid).length]
    await commands(200)
    expect(await until(() => descriptors() <= before && childrenOf(process.pid).length <= children)).toBe(true)
  })
})

describe("a layer of ProcessTree", () => {
  it("gives its commands a tree whose watchdog ends with it", async () => {
    const before = childrenOf(process.pid)
    await Effect.runPromise(Effect.provide(script(daemon), ProcessTree.layer()))
    await until(() => carriers(mark).length === 1)
    expect(childrenOf(process.pid).filter((pid) => !before.includes(pid))).toEqual([])
  })
})

describe("a namespace", () => {
  const run = (command: Command.Command) => Effect.runPromise(Effect.exit(command))

  it("holds even who cleared its environment, or is refused with a reason", async () => {
    const exit = await run(script(`setsid env -i MARK=${mark} sleep 300 >/dev/null 2>&1 & sleep 0.1`, { tree: "namespace" }))
    if (Exit.isFailure(exit)) expect(String(exit.cause)).toContain("NoNamespace")
    expect(carriers(mark)).toEqual([])
  })

  it("leaves nothing when it is interrupted", async () => {
    const fiber = Effect.runFork(
      script(`env -i MARK=${mark} setsid sleep 300 & ${stubborn}; sleep 300`, {
        tree: "namespace",
        stop: [{ signal: "SIGTERM", wait: "50 millis" }]
      })
    )
    const settled = Effect.runPromise(Effect.exit(Fiber.join(fiber)))
    await Promise.race([until(() => carriers(mark).length >= 4), settled])
    await Effect.runPromise(Fiber.interrupt(fiber))
    expect(carriers(mark)).toEqual([])
  })

  it.each([
    ["exit 3", { _tag: "NonZeroExit", code: 3 }],
    ["kill -KILL $$", { _tag: "Signaled", signal: "SIGKILL" }],
    ["exit 127", { _tag: "NonZeroExit", code: 127 }]
  ])("tells the end of %s", async (text, reason) => {
    const error = await Effect.runPromise(Effect.flip(script(text, { tree: "namespace" })))
    expect(error.reason._tag === "NoNamespace" ? reason : error.reason).toMatchObject(reason)
  })

  it("tells a program that is not there", async () => {
    const error = await Effect.runPromise(Effect.flip(Command.make("no-such-program-here", [], { tree: "namespace" })))
    expect(error.reason._tag).toBe("NotFound")
  })
})

// A program that runs commands, each with a daemon; it is killed at a moment that differs from run to run and is the same in every run of this test.
describe("a parent that is killed", () => {
  const rounds = process.env["SKEIN_SOAK"] === "1" ? 100 : 10
  const program = `
    import * as Effect from "effect/Effect"
    import * as Command from "./src/Command.ts"
    process.stdout.write("ready")
    const command = Command.make(${JSON.stringify(`${daemon}; sleep 0.0$((RANDOM % 5)); exit 1`)}, [], { shell: "bash" })
    const other = Command.make(${JSON.stringify(`${daemon}; ${stubborn}; sleep 300`)}, [], { shell: "bash", timeout: "30 millis", stop: [{ signal: "SIGTERM", wait: "20 millis" }] })
    await Effect.runPromise(Effect.forEach(Array.from({ length: 1e6 }), (_, i) => Effect.exit(i % 2 ? command : other), { concurrency: 4, discard: true }))
  `
  const cwd = fileURLToPath(new URL("..", import.meta.url))
  const start = async (): Promise<ChildProcess> => {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      cwd,
      env: { ...process.env, MARK: freshMark() },
      stdio: ["ignore", "pipe", "inherit"]
    })
    await once(child.stdout, "data")
    return child
  }

  it(`leaves nothing at ${rounds} moments`, async () => {
    let seed = 20_261
    let alive = 0
    for (let round = 0; round < rounds; round++) {
      seed = (seed * 48_271) % 2_147_483_647
      const child = await start()
      await new Promise((resolve) => setTimeout(resolve, seed % 200))
      alive += carriers(mark).length
      child.kill("SIGKILL")
      await until(() => carriers(mark).length === 0)
    }
    // Otherwise it would have tested nothing.
    expect(alive).toBeGreaterThan(rounds)
  })

  it("that ends by itself is not held up by the watchdog", async () => {
    const child = spawn(
      process.execPath,
      [
        "--input-type=module",
        "--eval",
        `import * as Effect from "effect/Effect"; import * as Command from "./src/Command.ts"; await Effect.runPromise(Command.make("true")); console.log(performance.now())`
      ],
      { cwd, stdio: ["ignore", "pipe", "inherit"] }
    )
    expect(await once(child, "exit")).toEqual([0, null])
  })
})

describe("a scope that closes while a command starts", () => {
  it("leaves nothing", async () => {
    for (let turns = 0; turns < 6; turns++) {
      const scope = Effect.runSync(Scope.make())
      const fiber = Effect.runFork(Effect.exit(Scope.provide(Command.start(script("sleep 300")), scope)))
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
      await Effect.runPromise(Effect.andThen(Fiber.interrupt(fiber), Scope.close(scope, Exit.void)))
      expect(carriers(mark)).toEqual([])
    }
  })
})
