// Real here: shells, the programs that are run, their processes and files.
import * as ProcessTree from "@skein/node/ProcessTree"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import type { Ended, Executor, Run, StopStep } from "../src/executor.ts"
import type { Program } from "../src/job.ts"
import * as slots from "../src/slots.ts"
import { type Backend, backends, running, textOf, until, using, usual } from "./fixtures/executors.ts"

/** `pnpm soak` runs it at full size. */
const rounds = process.env["SKEIN_SOAK"] === "1" ? 100 : 10

let names = 0
/** A length of sleep that no other test uses, so that its processes can be told apart. */
const sleepTime = (): string => `${3000 + ((process.pid * 64 + ++names) % 1_000_000)}.5`

const sh = (script: string, ...args: ReadonlyArray<string>): Program => ({ program: "sh", args: ["-c", script, "sh", ...args] })

describe.each(backends)("a program that is run $name", (backend) => {
  const run = (program: Program, options: Partial<Run> = {}): Promise<Ended> =>
    using(backend, (executor) => executor.run(program, { ...usual, ...options }))

  /** Runs a script, whose `$1` is a file that it makes when it is ready, and stops it then. */
  const stopped = (script: string, steps: ReadonlyArray<StopStep>, ...args: ReadonlyArray<string>): Promise<Ended> =>
    using(backend, (executor, directory) =>
      Effect.gen(function* () {
        const ready = join(directory, "ready")
        const fiber = yield* Effect.forkChild(executor.run(sh(script, ready, ...args), usual))
        yield* Effect.promise(() => until(() => fs.existsSync(ready)))
        executor.stop(1, steps, "stopped")
        return yield* Fiber.join(fiber)
      })
    )

  describe("its end", () => {
    it("is an exit with its code, times and output", async () => {
      const before = Date.now()
      const ended = await run(sh("echo out; echo err >&2; exit 3"))
      expect(ended).toMatchObject({ why: "exit", exitCode: 3, signal: 0, received: 8 })
      expect([textOf(ended), textOf(ended, "stderr")]).toEqual(["out\n", "err\n"])
      expect([ended.startedAt >= before - 1, ended.endedAt >= ended.startedAt, ended.endedAt <= Date.now() + 1]).toEqual([true, true, true])
    })

    it("is a signal, and nobody writes a remark on it to the program's output", async () => {
      const ended = await run(sh("kill -9 $$"))
      expect(ended).toMatchObject({ why: "signal", exitCode: 0, signal: 9, received: 0 })
    })

    it.each([1, 2, 126, 127, 128, 255])("is an exit also with code %i", async (code) => {
      expect(await run(sh(`exit ${code}`))).toMatchObject({ why: "exit", exitCode: code, signal: 0 })
    })

    it("is not found, with 127, where there is no such program", async () => {
      expect(await run({ program: "no-such-program", args: [] })).toMatchObject({ why: "not-found", exitCode: 127, received: 0 })
      expect(await run({ program: "/no/such/program", args: [] })).toMatchObject({ why: "not-found", exitCode: 127 })
    })

    it("is denied, with 126, where the file may not be run", async () => {
      expect(await run({ program: "/etc/passwd", args: [] })).toMatchObject({ why: "denied", exitCode: 126, received: 0 })
    })

    it("is broken where something holds a NUL", async () => {
      const ended = await run({ program: "echo", args: ["a\0b"] })
      expect(ended.why).toBe("broken")
      expect(ended.message).toContain("NUL")
    })
  })

  describe("what it is given", () => {
    it("arrives unchanged: arguments of any characters", async () => {
      const random = randomTexts(7)
      await using(backend, (executor) =>
        Effect.gen(function* () {
          for (let round = 0; round < 40; round++) {
            const args = Array.from({ length: 1 + (round % 7) }, random)
            const ended = yield* executor.run({ program: "printf", args: ["%s\\0", ...args] }, usual)
            expect(textOf(ended)).toBe(args.map((arg) => `${arg}\0`).join(""))
          }
        })
      )
    })

    it("arrives unchanged: variables of any characters", async () => {
      const random = randomTexts(11)
      await using(backend, (executor) =>
        Effect.gen(function* () {
          for (let round = 0; round < 20; round++) {
            const value = random()
            const ended = yield* executor.run(sh('printf %s "$GIVEN"'), { ...usual, env: { GIVEN: value } })
            expect(textOf(ended)).toBe(value)
          }
        })
      )
    })

    it("is seen by one program, not by the next", async () => {
      await using(backend, (executor) =>
        Effect.gen(function* () {
          yield* executor.run(sh(":"), { ...usual, env: { GIVEN: "x" } })
          expect(textOf(yield* executor.run(sh("echo [$GIVEN]"), usual))).toBe("[]\n")
        })
      )
    })

    it.each([0, 10, 1_000_000])("comes on its standard input: %i bytes", async (size) => {
      const stdin = Buffer.alloc(size, "0123456789\n")
      const ended = await run({ program: "cksum", args: [], stdin })
      expect(textOf(ended)).toBe(execFileSync("cksum", { input: stdin }).toString())
    })

    it("is an empty standard input otherwise", async () => {
      expect(textOf(await run({ program: "cat", args: [] }))).toBe("")
    })

    it("may be an argument of 100,000 characters", async () => {
      expect(await run({ program: "printf", args: ["%s", "x".repeat(100_000)] })).toMatchObject({
        why: "exit",
        exitCode: 0,
        received: 100_000
      })
    })

    it("is refused in words where the system does not take it", async () => {
      const ended = await run({ program: "printf", args: ["%s", "x".repeat(10_000_000)] })
      expect([ended.why, (ended.message ?? "").length > 0]).toEqual(["broken", true])
    })

    it("is its own name as it was asked for", async () => {
      expect(textOf(await run(sh("tr '\\0' ' ' < /proc/$$/cmdline", "a")))).toMatch(/^sh -c /)
    })
  })

  describe("its output", () => {
    it("is kept whole and in order, however long", async () => {
      const expected = execFileSync("seq", ["200000"], { maxBuffer: 2 ** 24 })
      await using(backend, (executor) =>
        Effect.gen(function* () {
          const ended = yield* executor.run({ program: "seq", args: ["200000"] }, usual)
          const pieces: Array<Buffer> = []
          const gather = ended.output.stdout.writeTo((bytes) => Effect.sync(() => void pieces.push(Buffer.from(bytes))))
          yield* gather
          expect(ended.output.stdout.bytes).toBeUndefined()
          expect(Buffer.concat(pieces).equals(expected)).toBe(true)
          pieces.length = 0
          yield* gather
          expect(Buffer.concat(pieces).equals(expected)).toBe(true)
          ended.output.dispose()
          ended.output.dispose()
        })
      )
    })

    it("goes to files, which are emptied first", async () => {
      await using(backend, (executor, directory) =>
        Effect.gen(function* () {
          const paths = { stdout: join(directory, "it's out"), stderr: join(directory, "err") }
          fs.writeFileSync(paths.stdout, "old and long")
          const ended = yield* executor.run(sh("echo new; echo bad >&2"), { ...usual, output: paths })
          expect(ended).toMatchObject({ why: "exit", exitCode: 0, received: 0 })
          expect([fs.readFileSync(paths.stdout, "utf8"), fs.readFileSync(paths.stderr, "utf8")]).toEqual(["new\n", "bad\n"])
        })
      )
    })

    it("makes the end broken, in words, where its file cannot be made", async () => {
      const ended = await run(sh("exit 0"), { output: { stdout: "/no/such/directory/out", stderr: "/dev/null" } })
      expect([ended.why, ended.message]).toEqual(["broken", expect.stringContaining("/no/such/directory/out")])
    })

    it("comes as it is written, and the next is not read while the last is taken", async () => {
      const events: Array<string> = []
      let busy = 0
      const ended = await run(sh("head -c 500000 /dev/zero; echo x >&2"), {
        output: {
          onChunk: (which, bytes) => {
            if (which === "stderr") return void events.push("stderr")
            expect(++busy).toBe(1)
            return Effect.promise(async () => {
              await new Promise(setImmediate)
              busy--
              events.push(String(bytes.length))
            })
          }
        }
      })
      expect(ended).toMatchObject({ why: "exit", exitCode: 0, received: 500_002 })
      expect(events.filter((event) => event !== "stderr").reduce((sum, size) => sum + Number(size), 0)).toBe(500_000)
      expect(events).toContain("stderr")
    })

    it("is given chunk by chunk also when it has ended meanwhile", async () => {
      const time = sleepTime()
      let taking = 0
      let most = 0
      // So much stays in the pipe when the program ends, which is while its first bytes are being taken.
      const ended = await run(sh(`: ${time}; echo; sleep 0.1; head -c 60000 /dev/zero`), {
        output: {
          onChunk: () => {
            most = Math.max(most, ++taking)
            return Effect.promise(async () => {
              await until(() => running(time) === 0)
              for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
              taking--
            })
          }
        }
      })
      expect([most, ended.received, ended.exitCode]).toEqual([1, 60_001, 0])
    })

    it("of one who was left running is not taken for that of the next", async () => {
      await using(backend, (executor, directory) =>
        Effect.gen(function* () {
          const go = join(directory, "go")
          yield* executor.run(sh('{ while [ ! -e "$1" ]; do sleep 0.01; done; (echo late); touch "$1.done"; } &', go), usual)
          const second = yield* executor.run(sh('touch "$1"; while [ ! -e "$1.done" ]; do sleep 0.01; done; echo mine', go), usual)
          expect(textOf(second)).toBe("mine\n")
        })
      )
    })
  })

  describe("stopping it", () => {
    it("ends it and its daemons when its time is over", async () => {
      const time = sleepTime()
      const ended = await run(sh(`setsid sleep ${time} & sleep ${time}`), { timeout: 200 })
      expect(ended).toMatchObject({ why: "timeout", signal: 15 })
      expect(running(time)).toBe(0)
    })

    it("kills who does not listen", async () => {
      const time = sleepTime()
      const ended = await stopped(`trap '' TERM; touch "$1"; sleep ${time}; sleep ${time}`, [{ signal: "SIGTERM", for: 100 }])
      expect(ended).toMatchObject({ why: "stopped", signal: 9 })
      expect(running(time)).toBe(0)
    })

    it("lets descendants finish within the step's time when the program has ended", async () => {
      const child = `trap 'sleep 0.2; echo cleaned; exit' TERM; touch "$1"; while :; do sleep 0.01; done`
      const script = `trap 'exit 1' TERM; sh -c "$2" sh "$1" & while :; do sleep 0.01; done`
      const ended = await stopped(script, [{ signal: "SIGTERM", for: 10_000 }], child)
      expect([ended.why, ended.exitCode, textOf(ended)]).toEqual(["stopped", 1, "cleaned\n"])
    })

    it("ends who has cleared its environment", async () => {
      const time = sleepTime()
      expect(await run({ program: "env", args: ["-i", "sleep", time] }, { timeout: 200 })).toMatchObject({ why: "timeout", signal: 15 })
      expect(running(time)).toBe(0)
    })

    it("keeps what it had written", async () => {
      const ended = await stopped(`echo before; touch "$1"; exec sleep ${sleepTime()}`, usual.stop)
      expect([ended.why, textOf(ended)]).toEqual(["stopped", "before\n"])
    })

    it("takes a code that it exits with, but calls it stopped", async () => {
      const ended = await stopped(`trap 'exit 5' TERM; touch "$1"; while :; do sleep 0.01; done`, usual.stop)
      expect(ended).toMatchObject({ why: "stopped", exitCode: 5, signal: 0 })
    })

    it("happens when it is interrupted, and is over when that returns", async () => {
      const time = sleepTime()
      await using(backend, (executor) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(executor.run(sh(`setsid sleep ${time} & sleep ${time}`), usual))
          yield* Effect.promise(() => until(() => running(`sleep\0${time}`) === 2))
          yield* Fiber.interrupt(fiber)
          expect(running(time)).toBe(0)
          expect(textOf(yield* executor.run(sh("echo next"), usual))).toBe("next\n")
        })
      )
    })

    it("happens at any moment of its start", async () => {
      const time = sleepTime()
      await using(backend, (executor) =>
        Effect.gen(function* () {
          for (let round = 0; round < 25; round++) {
            const fiber = yield* Effect.forkChild(executor.run({ program: "sleep", args: [time] }, usual), { startImmediately: true })
            const at = performance.now() + round / 5
            while (performance.now() < at) yield* Effect.promise(() => new Promise(setImmediate))
            yield* Fiber.interrupt(fiber)
            expect(running(`sleep\0${time}`)).toBe(0)
          }
        })
      )
    })

    it("by force leaves nobody at any moment of its start", async () => {
      const time = sleepTime()
      await using(backend, (executor) =>
        Effect.gen(function* () {
          for (let round = 0; round < 25; round++) {
            const fiber = yield* Effect.forkChild(executor.run({ program: "sleep", args: [time] }, { ...usual, stop: [] }), {
              startImmediately: true
            })
            const at = performance.now() + round / 10
            while (performance.now() < at) yield* Effect.promise(() => new Promise(setImmediate))
            yield* Fiber.interrupt(fiber)
            expect(running(`sleep\0${time}`)).toBe(0)
          }
          // Whoever was about to start would have by now.
          yield* executor.run(sh("sleep 0.05"), usual)
          expect(running(`sleep\0${time}`)).toBe(0)
        })
      )
    })

    it("is asked for by slot, and gives the end", async () => {
      const time = sleepTime()
      await using(backend, (executor) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(executor.run({ program: "sleep", args: [time] }, { ...usual, slot: 3 }))
          yield* Effect.promise(() => until(() => running(`sleep\0${time}`) === 1))
          executor.stop(3, usual.stop, "stopped")
          expect(yield* Fiber.join(fiber)).toMatchObject({ why: "stopped", signal: 15 })
        })
      )
    })

    it("is made quicker by asking again, and keeps the first reason", async () => {
      await using(backend, (executor, directory) =>
        Effect.gen(function* () {
          const ready = join(directory, "ready")
          const program = sh(`trap ': > "$1.asked"' TERM; touch "$1"; while :; do sleep 0.01; done`, ready)
          const fiber = yield* Effect.forkChild(executor.run(program, usual))
          yield* Effect.promise(() => until(() => fs.existsSync(ready)))
          executor.stop(1, [{ signal: "SIGTERM", for: 3_600_000 }], "timeout")
          yield* Effect.promise(() => until(() => fs.existsSync(`${ready}.asked`)))
          executor.stop(1, [], "stopped")
          expect(yield* Fiber.join(fiber)).toMatchObject({ why: "timeout", signal: 9 })
          expect(running(ready)).toBe(0)
        })
      )
    })

    it("does nothing where nothing runs", async () => {
      const after = await using(backend, (executor) => {
        executor.stop(1, [], "stopped")
        return executor.run(sh("echo runs"), usual)
      })
      expect(textOf(after)).toBe("runs\n")
    })
  })

  it("leaves alone what it left running when it ended by itself, whatever its code", async () => {
    const time = sleepTime()
    try {
      expect(await run(sh(`setsid sleep ${time} > /dev/null 2>&1 & exit 1`))).toMatchObject({ why: "exit", exitCode: 1 })
      await until(() => running(`sleep\0${time}`) === 1)
    } finally {
      execFileSync("pkill", ["-f", `^sleep ${time}$`])
    }
  })

  it("refuses a slot that is taken", async () => {
    await using(backend, (executor) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(executor.run({ program: "sleep", args: ["30"] }, usual), { startImmediately: true })
        const second = yield* Effect.exit(executor.run({ program: "true", args: [] }, usual))
        expect(String(second)).toContain("slot must be free, got 1")
        yield* Fiber.interrupt(fiber)
      })
    )
  })

  it("runs beside others in other slots", async () => {
    const ends = await using(backend, (executor) =>
      Effect.forEach([1, 2, 3, 4], (slot) => executor.run(sh(`echo $(( $1 * 2 ))`, String(slot)), { ...usual, slot }), {
        concurrency: "unbounded"
      })
    )
    expect(ends.map((ended) => textOf(ended))).toEqual(["2\n", "4\n", "6\n", "8\n"])
  })
})

/** Texts with what shells and terminals take for something else. */
const randomTexts = (seed: number): (() => string) => {
  const special = [
    "'",
    '"',
    "\\",
    "\n",
    "$",
    "`",
    "!",
    "*",
    " ",
    "\t",
    "-",
    "~",
    "#",
    ";",
    "&",
    "|",
    "(",
    ")",
    "{",
    "}",
    "\r",
    "\u0001",
    "\u007f",
    "\u0081",
    "Á",
    "ü",
    "€",
    "𝄞",
    "%s",
    "\\n",
    "''",
    "$(id)"
  ]
  let state = seed
  const next = (bound: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % bound
  }
  return () => {
    let text = ""
    for (let left = next(30); left > 0; left--) {
      text += next(2) === 0 ? special[next(special.length)]! : String.fromCodePoint(1 + next(0x2ff))
    }
    return text
  }
}

describe("slots", () => {
  const backend = backends[0] as Backend
  const inSlots = <A>(use: (executor: Executor, directory: string) => Effect.Effect<A, unknown>): Promise<A> => using(backend, use)

  it("use one shell for many programs", async () => {
    await inSlots((executor) =>
      Effect.gen(function* () {
        const parents = new Set<string>()
        for (let i = 0; i < 5; i++) parents.add(textOf(yield* executor.run(sh("echo $PPID"), usual)))
        expect(parents.size).toBe(1)
      })
    )
  })

  it("get another shell when theirs is killed, and say that the program's end is unknown", async () => {
    const time = sleepTime()
    await inSlots((executor) =>
      Effect.gen(function* () {
        const ended = yield* executor.run(sh(`kill -9 $PPID; sleep ${time}`), usual)
        expect(ended).toMatchObject({ why: "signal", signal: 9, message: expect.stringContaining("shell") })
        expect(running(time)).toBe(0)
        expect(textOf(yield* executor.run(sh("echo next"), usual))).toBe("next\n")
      })
    )
  })

  it("keep their shell when a program signals its process group", async () => {
    await inSlots((executor) =>
      Effect.gen(function* () {
        const before = textOf(yield* executor.run(sh("echo $PPID"), usual))
        expect(yield* executor.run(sh("kill 0; sleep 20"), usual)).toMatchObject({ why: "signal", signal: 15 })
        expect(textOf(yield* executor.run(sh("echo $PPID"), usual))).toBe(before)
      })
    )
  })

  it("take 128 + n for the signal n, and other codes for codes", async () => {
    await inSlots((executor) =>
      Effect.gen(function* () {
        expect(yield* executor.run(sh("exit 143"), usual)).toMatchObject({ why: "signal", exitCode: 0, signal: 15 })
        expect(yield* executor.run(sh("exit 200"), usual)).toMatchObject({ why: "exit", exitCode: 200, signal: 0 })
      })
    )
  })

  it("stop a program that hangs before it has started", async () => {
    await inSlots((executor, directory) =>
      Effect.gen(function* () {
        const fifo = join(directory, "fifo")
        execFileSync("mkfifo", [fifo])
        // The shell opens it for the program, and waits there for somebody who reads.
        const output = { stdout: fifo, stderr: "/dev/null" }
        const fiber = yield* Effect.forkChild(executor.run(sh("echo never"), { ...usual, output, timeout: 200 }))
        expect(yield* Fiber.join(fiber)).toMatchObject({ why: "timeout" })
      })
    )
  })

  it("keep variables whose names no shell accepts", async () => {
    process.env["odd-name.of%%"] = "kept"
    try {
      await inSlots((executor) =>
        Effect.gen(function* () {
          const ended = yield* executor.run({ program: "env", args: [] }, usual)
          expect(textOf(ended)).toContain("odd-name.of%%=kept\n")
        })
      )
    } finally {
      delete process.env["odd-name.of%%"]
    }
  })

  it("notice a program that came or went between two jobs", async () => {
    await inSlots((executor, directory) =>
      Effect.gen(function* () {
        const program = join(directory, "program")
        const ends: Array<unknown> = []
        const step = Effect.map(executor.run({ program, args: [] }, usual), (ended) => ends.push(ended.why, ended.exitCode, ended.received))
        yield* step
        fs.writeFileSync(program, "#!/bin/sh\nexit 4\n", { mode: 0o755 })
        yield* step
        fs.rmSync(program)
        yield* step
        expect(ends).toEqual(["not-found", 127, 0, "exit", 4, 0, "not-found", 127, 0])
      })
    )
  })

  it("are refused in words where no directory can be made", async () => {
    const attempt = Effect.scoped(
      Effect.flatMap(ProcessTree.make(), (tree) => slots.acquire({ tree, directory: "/no/such/directory", exact: undefined as never }))
    )
    const error = await Effect.runPromise(Effect.flip(attempt))
    expect([error._tag, error.message]).toEqual(["SlotsFailed", expect.stringContaining("/no/such/directory")])
  })

  it("are gone with their scope, shells and files", async () => {
    let shell = ""
    await inSlots((executor) => Effect.map(executor.run(sh("echo $PPID"), usual), (ended) => (shell = textOf(ended).trim())))
    expect(fs.existsSync(`/proc/${shell}`)).toBe(false)
  })

  it("leave nothing behind at whatever moment this process is killed", async () => {
    for (let round = 0; round < rounds; round++) {
      const time = sleepTime()
      const directory = fs.mkdtempSync(join(tmpdir(), "skein-test-"))
      const parent = spawn(process.execPath, [join(import.meta.dirname, "fixtures/slotsChurn.ts"), directory, time], { stdio: "inherit" })
      try {
        await until(() => running(`sleep\0${time}`) > 0)
        // A fixed sequence that spreads over a few lives of a job.
        await new Promise((resolve) => setTimeout(resolve, (round * 37) % 101))
        parent.kill("SIGKILL")
        await until(() => running(time) === 0 && running(directory) === 0)
        expect(fs.readdirSync(directory)).toEqual([])
      } finally {
        parent.kill("SIGKILL")
        fs.rmSync(directory, { recursive: true })
      }
    }
  })

  it("leave nothing behind when this process is killed, but what was left running on purpose", async () => {
    const time = sleepTime()
    const kept = sleepTime()
    const directory = fs.mkdtempSync(join(tmpdir(), "skein-test-"))
    const parent = spawn(process.execPath, [join(import.meta.dirname, "fixtures/slotsParent.ts"), directory, time, kept], {
      stdio: "inherit"
    })
    try {
      await until(() => running(`sleep\0${time}`) === 4)
      expect(fs.readdirSync(directory).length).toBe(1)
      parent.kill("SIGKILL")
      await until(() => running(time) === 0 && running(directory) === 0 && fs.readdirSync(directory).length === 0)
      expect(running(`sleep\0${kept}`)).toBe(1)
    } finally {
      parent.kill("SIGKILL")
      execFileSync("pkill", ["-f", `^sleep ${kept}$`])
      fs.rmSync(directory, { recursive: true })
    }
  })
})
