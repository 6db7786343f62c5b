// Real here: the programs that are run, and the pipes to and from them.
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import * as fs from "node:fs"
import { describe, expect, it } from "vitest"
import * as Command from "../src/Command.ts"
import * as CommandStream from "../src/CommandStream.ts"
import { backends } from "./fixtures/commandBackends.ts"
import { carriers, until } from "./fixtures/processes.ts"

const script = (text: string, options: Command.Options = {}): Command.Command => Command.make(text, [], { shell: "bash", ...options })

describe.each(backends)("a stream of a command that is started $name", ({ provide }) => {
  const collect = <A, E>(stream: Stream.Stream<A, E>): Promise<ReadonlyArray<A>> => Effect.runPromise(provide(Stream.runCollect(stream)))
  const text = async (stream: Stream.Stream<Uint8Array, unknown>): Promise<string> => Buffer.concat(await collect(stream)).toString()
  const fail = <E>(stream: Stream.Stream<unknown, E>): Promise<E> => Effect.runPromise(provide(Effect.flip(Stream.runDrain(stream))))

  describe("CommandStream.bytes", () => {
    it("gives all of 20 MB", async () => {
      const pieces = await collect(CommandStream.bytes(Command.make("head", ["-c", "20000000", "/dev/zero"])))
      expect(pieces.reduce((sum, piece) => sum + piece.length, 0)).toBe(20_000_000)
    })

    it("gives what was written before it fails, with the reason", async () => {
      const seen: Array<string> = []
      const command = script("echo out; echo why >&2; exit 3")
      const error = await fail(Stream.tap(CommandStream.lines(command), (line) => Effect.sync(() => seen.push(line))))
      expect([seen, error.reason]).toMatchObject([["out"], { _tag: "NonZeroExit", code: 3, stderr: "why\n" }])
    })

    it.each([
      ["a program that is not there", Command.make("no-such-program-here"), "NotFound"],
      ["one that a signal ends", script("kill -KILL $$"), "Signaled"],
      ["one that is late", script("sleep 300", { timeout: "50 millis" }), "TimedOut"],
      ["one that is late and hides its output", script("exec >&-; sleep 300", { timeout: "50 millis" }), "TimedOut"]
    ])("fails for %s", async (_name, command, tag) => {
      expect((await fail(CommandStream.bytes(command))).reason._tag).toBe(tag)
    })

    it("asks for no more than is taken", async () => {
      const mark = randomUUID()
      const stream = CommandStream.bytes(script("yes", { env: { MARK: mark } }))
      await collect(
        Stream.take(
          Stream.tap(stream, () => Effect.sleep("5 millis")),
          3
        )
      )
      expect(carriers(mark)).toEqual([])
    })

    it("stops the program when it is interrupted", async () => {
      const mark = randomUUID()
      const fiber = Effect.runFork(
        provide(Stream.runDrain(CommandStream.bytes(script("(setsid sleep 300 &); cat /dev/zero", { env: { MARK: mark } }))))
      )
      await until(() => carriers(mark).length >= 2)
      await Effect.runPromise(Fiber.interrupt(fiber))
      expect(carriers(mark)).toEqual([])
    })

    it("ends with the program, though a process that was left behind keeps the pipe", async () => {
      const mark = randomUUID()
      expect(await collect(CommandStream.lines(script("echo out; setsid sleep 300 & echo more", { env: { MARK: mark } })))).toEqual([
        "out",
        "more"
      ])
      for (const pid of carriers(mark)) process.kill(pid, "SIGKILL")
    })

    it("reads the input that its options name", async () => {
      expect(await collect(CommandStream.lines(Command.make("cat", [], { stdin: { chunks: ["a\nb", "c\n"] } })))).toEqual(["a", "bc"])
    })

    it("refuses a command whose output goes elsewhere", () => {
      expect(() => CommandStream.bytes(Command.make("true", [], { stdout: "ignore" }))).toThrow(
        'CommandStream.bytes: stdout must be "capture"'
      )
    })
  })

  describe("CommandStream.through", () => {
    it("sends a stream through a program", async () => {
      expect(await text(Stream.make("b\n", "a\n").pipe(CommandStream.through(Command.make("sort"))))).toBe("a\nb\n")
    })

    it("sends one through several, as far as the last reads", async () => {
      let pulled = 0
      const source = Stream.fromEffectRepeat(Effect.sync(() => `${++pulled} ${"x".repeat(1000)}\n`))
      const stream = source.pipe(CommandStream.through(Command.make("cat")), CommandStream.through(Command.make("head", ["-n", "3"])))
      expect((await text(stream)).split("\n").map((line) => line.split(" ")[0])).toEqual(["1", "2", "3", ""])
      expect(pulled).toBeLessThan(5_000)
    })

    it("fails with what the stream fails with, and the program sees no end of its input", async () => {
      const path = `/tmp/skein-test-${randomUUID()}`
      const command = script(`cat > /dev/null; echo whole > ${path}`)
      const error = await fail(Stream.concat(Stream.make("half"), Stream.fail("broken")).pipe(CommandStream.through(command)))
      expect([error, fs.existsSync(path)]).toEqual(["broken", false])
    })

    it("fails with what the program fails with, and the stream is ended", async () => {
      const ended: Array<string> = []
      const source = Stream.concat(Stream.make("x"), Stream.never).pipe(Stream.ensuring(Effect.sync(() => ended.push("ended"))))
      const error = await fail(source.pipe(CommandStream.through(script("exit 7"))))
      expect([(error as Command.CommandError).reason, ended]).toMatchObject([{ _tag: "NonZeroExit", code: 7 }, ["ended"]])
    })

    it("refuses a command whose input is said already", () => {
      expect(() => CommandStream.through(Command.make("cat", [], { stdin: { text: "" } }))).toThrow(
        'CommandStream.through: stdin must be "pipe" or left out'
      )
    })
  })
})
