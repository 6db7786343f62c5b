// Real here: files, folders, a device that is always full, and programs that write.
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as Command from "../src/Command.ts"
import * as OutputFile from "../src/OutputFile.ts"

let directory = ""
beforeEach(() => {
  directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "skein-test-")))
})
afterEach(() => fs.rmSync(directory, { recursive: true }))

const at = (...names: ReadonlyArray<string>): string => join(directory, ...names)
const read = (...names: ReadonlyArray<string>): string => fs.readFileSync(at(...names), "utf8")
const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> => Effect.runPromise(Effect.scoped(effect))
const openFiles = (): number => fs.readdirSync("/proc/self/fd").length

describe("an output file", () => {
  it("makes its folder and its file when the first byte comes", () =>
    run(
      Effect.gen(function* () {
        const output = yield* OutputFile.make(at("a", "b", "out.txt"))
        yield* output.write("")
        expect(fs.existsSync(at("a"))).toBe(false)
        yield* output.write("x")
        expect(fs.existsSync(at("a", "b", "out.txt"))).toBe(true)
      })
    ))

  it("has everything in its order when the scope is closed, whoever wrote it and how", async () => {
    const lines = Array.from({ length: 3_000 }, (_, i) => `line ${i}\n`)
    await run(
      Effect.gen(function* () {
        const output = yield* OutputFile.make(at("out.txt"), { buffer: 500 })
        for (const [i, line] of lines.entries()) {
          if (i % 3 === 0) output.push(line)
          else yield* output.write(i % 3 === 1 ? line : new TextEncoder().encode(line))
        }
      })
    )
    expect(read("out.txt")).toBe(lines.join(""))
  })

  it("writes at once what comes from somebody who cannot wait, as soon as the buffer is full", () =>
    run(
      Effect.gen(function* () {
        const output = yield* OutputFile.make(at("out.txt"), { buffer: 100 })
        for (let i = 0; i < 100; i++) output.push("0123456789")
        // No turn of the event loop has passed, and all but a buffer and the first piece are there.
        expect(fs.statSync(at("out.txt")).size).toBeGreaterThanOrEqual(900)
        yield* output.flush
        expect(read("out.txt")).toBe("0123456789".repeat(100))
      })
    ))

  it("lets who writes wait while the buffer is full", () =>
    run(
      Effect.gen(function* () {
        const output = yield* OutputFile.make(at("out.txt"), { buffer: 10 })
        expect(output.take(new Uint8Array(1_000))).toBe(true)
        expect(output.take(new Uint8Array(11))).toBe(false)
        yield* output.write("x")
        expect(output.take("y")).toBe(true)
      })
    ))

  it("takes what was given, whatever becomes of the caller's bytes afterwards", async () => {
    await run(
      Effect.gen(function* () {
        const output = yield* OutputFile.make(at("out.txt"))
        const bytes = new TextEncoder().encode("good")
        output.push("first")
        output.push(bytes)
        bytes.fill(0)
      })
    )
    expect(read("out.txt")).toBe("firstgood")
  })

  it("adds to what is there", async () => {
    fs.writeFileSync(at("out.txt"), "before, ")
    const size = await run(
      Effect.gen(function* () {
        const output = yield* OutputFile.make(at("out.txt"))
        yield* output.write("after")
        return output.size
      })
    )
    expect([read("out.txt"), size]).toEqual(["before, after", 13])
  })

  it("leaves no descriptor, and takes nothing after the close", async () => {
    const before = openFiles()
    const output = await run(
      Effect.tap(OutputFile.make(at("out.txt")), (output) =>
        Effect.andThen(
          output.write("x"),
          Effect.sync(() => openFiles())
        )
      )
    )
    output.push("y")
    await Effect.runPromise(output.write("z"))
    await Effect.runPromise(output.close)
    expect([read("out.txt"), openFiles()]).toEqual(["x", before])
  })

  it("writes what was taken when who waits for it is interrupted", async () => {
    await run(
      Effect.gen(function* () {
        const output = yield* OutputFile.make(at("out.txt"), { buffer: 1 })
        const fiber = yield* Effect.forkChild(Effect.forever(output.write("0123456789")))
        while (output.size < 1_000) yield* Effect.yieldNow
        fiber.interruptUnsafe()
      })
    )
    expect(fs.statSync(at("out.txt")).size % 10).toBe(0)
    expect(fs.statSync(at("out.txt")).size).toBeGreaterThanOrEqual(1_000)
  })
})

describe("an output file that cannot be written", () => {
  const broken: ReadonlyArray<readonly [string, () => string, string]> = [
    ["there is no room", () => "/dev/full", "Full"],
    ["a folder lies there", () => directory, "NotAFile"],
    ["a file lies in the place of the folder", () => at("file", "out.txt"), "NotAFile"]
  ]

  it.each(broken)("does not fail the work when %s, and says why", async (_why, path, tag) => {
    fs.writeFileSync(at("file"), "")
    await run(
      Effect.gen(function* () {
        const output = yield* OutputFile.make(path(), { buffer: 5 })
        for (let i = 0; i < 10; i++) {
          output.push("0123456789")
          yield* output.write("0123456789")
        }
        const error = yield* Effect.flip(output.flush)
        expect([error._tag, error.reason._tag, output.failure]).toEqual(["OutputFileError", tag, error])
      })
    )
  })

  // Real here: a process that may write files of 4 KiB, which hits the bound in the middle of a piece.
  it("keeps the beginning without a gap when the room ends in the middle", async () => {
    const program = `
      import * as OutputFile from "@skein/node/OutputFile"
      import * as Effect from "effect/Effect"
      process.on("SIGXFSZ", () => {})
      const result = await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
        const output = yield* OutputFile.make(process.argv[1], { buffer: 100 })
        for (let i = 0; i < 2_000; i++) i % 2 ? output.push(i + " ") : yield* output.write(i + " ")
        return (yield* Effect.flip(output.flush)).reason._tag
      })))
      process.stdout.write(result)
    `
    const command = Command.make(`ulimit -f 4; exec "$@"`, [process.execPath, "--input-type=module", "--eval", program, at("out.txt")], {
      shell: "bash",
      directory: join(import.meta.dirname, "..")
    })
    expect((await Effect.runPromise(command)).stdout).toBe("Full")
    const all = Array.from({ length: 2_000 }, (_, i) => `${i} `).join("")
    const kept = read("out.txt")
    expect([all.startsWith(kept), kept.length <= 4 * 1024, kept.length > 3 * 1024]).toEqual([true, true, true])
  })
})

describe("OutputFile.run", () => {
  const script = (text: string, options: Command.Options = {}): Command.Command => Command.make(text, [], { shell: "sh", ...options })

  it("has what a command writes in the files while it runs", () =>
    run(
      Effect.gen(function* () {
        const stdout = yield* OutputFile.make(at("out.txt"))
        const stderr = yield* OutputFile.make(at("err.txt"))
        const command = script(`echo one; echo bad >&2; while [ ! -e ${at("go")} ]; do sleep 0.01; done; echo two`)
        const fiber = yield* Effect.forkChild(OutputFile.run(command, { stdout, stderr }))
        while (stdout.size < 4 || stderr.size < 4) yield* Effect.sleep(5)
        yield* stdout.flush
        expect(read("out.txt")).toBe("one\n")
        fs.writeFileSync(at("go"), "")
        const exit = yield* Fiber.await(fiber)
        expect(exit).toMatchObject({ _tag: "Success", value: { stdout: "one\ntwo\n", stderr: "bad\n" } })
        yield* Effect.andThen(stdout.flush, stderr.flush)
        expect([read("out.txt"), read("err.txt")]).toEqual(["one\ntwo\n", "bad\n"])
      })
    ))

  it("loses nothing of what a command writes faster than the target takes it, up to its last byte", async () => {
    const bytes = 3_000_000
    const taken: Array<number> = []
    let waits = 0
    let overruns = 0
    let isFull = false
    const slow: OutputFile.Target = {
      take: (piece) => {
        taken.push(piece.length)
        if (isFull) overruns++
        isFull = true
        return false
      },
      onRoom: (listener) => {
        waits++
        setTimeout(() => {
          isFull = false
          listener()
        }, 1)
      },
      push: (piece) => void taken.push(piece.length)
    }
    const output = await Effect.runPromise(
      OutputFile.run(script(`head -c ${bytes} /dev/zero`, { overflow: "tail", maxBytes: 10 }), { stdout: slow })
    )
    expect([taken.reduce((sum, n) => sum + n, 0), output.dropped.stdout, waits > 0, overruns]).toEqual([bytes, bytes - 10, true, 0])
  })

  it("lets a command that is stopped write its last words, however slow the target is", async () => {
    let text = ""
    const stuck: OutputFile.Target = {
      take: (piece) => {
        text += new TextDecoder().decode(piece)
        return false
      },
      onRoom: () => {},
      push: (piece) => void (text += new TextDecoder().decode(piece))
    }
    const command = script(`trap 'head -c 1000000 /dev/zero | tr "\\0" x; echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done`, {
      maxBytes: 10_000_000,
      stop: [{ signal: "SIGTERM", wait: "20 seconds" }]
    })
    await run(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        yield* Effect.forkIn(OutputFile.run(command, { stdout: stuck }), scope)
        while (text === "") yield* Effect.sleep(5)
        yield* Scope.close(scope, Exit.void)
      })
    )
    expect([text.length, text.endsWith("bye\n")]).toEqual([1_000_007, true])
  })
})

describe("folders of output", () => {
  it("are made, listed and removed, and what else lies there is left alone", async () => {
    const names = [OutputFile.folderName("a#1"), OutputFile.folderName("b#1")]
    fs.writeFileSync(at("mine.txt"), "")
    fs.mkdirSync(at("mine"))
    await run(
      Effect.gen(function* () {
        for (const name of names) yield* OutputFile.makeFolder(at(name, "deep"))
        expect(yield* OutputFile.listFolders(directory)).toEqual(names)
        yield* OutputFile.removeFolder(at(names[0]!))
        yield* OutputFile.removeFolder(at(names[0]!))
        const aside = (yield* OutputFile.moveAside(at(names[1]!)))!
        expect(yield* OutputFile.listFolders(directory)).toEqual([aside.slice(directory.length + 1)])
        yield* OutputFile.removeFolder(aside)
        expect(yield* OutputFile.moveAside(at(names[1]!))).toBe(undefined)
        expect(yield* OutputFile.listFolders(at("nowhere"))).toEqual([])
      })
    )
    expect(fs.readdirSync(directory).toSorted()).toEqual(["mine", "mine.txt"])
  })

  it("are removed without what links in them lead to", async () => {
    fs.mkdirSync(at("kept"))
    fs.writeFileSync(at("kept", "file"), "")
    fs.mkdirSync(at("gone"))
    fs.symlinkSync(at("kept"), at("gone", "link"))
    await Effect.runPromise(OutputFile.removeFolder(at("gone")))
    expect(fs.readdirSync(at("kept"))).toEqual(["file"])
  })

  it("are read from their end", async () => {
    fs.writeFileSync(at("out.txt"), "0123456789")
    const { bytes, size } = await Effect.runPromise(OutputFile.readTail(at("out.txt"), { bytes: 4 }))
    expect([new TextDecoder().decode(bytes), size]).toEqual(["6789", 10])
    expect(await Effect.runPromise(Effect.flip(OutputFile.readTail(at("none"))))).toMatchObject({ reason: { _tag: "NotFound" } })
  })
})
