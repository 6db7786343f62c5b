// Real here: files and folders.
import * as OutputFile from "@skein/node/OutputFile"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { openOutputs, type Outputs } from "../src/internal/output/outputs.ts"
import * as JobOutput from "../src/JobOutput.ts"
import { live } from "./engineKit.ts"
import { inRun } from "./outputKit.ts"

let directory = ""
beforeEach(() => {
  directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "skein-test-")))
})
afterEach(() => fs.rmSync(directory, { recursive: true }))

const at = (id: string, ...names: ReadonlyArray<string>): string => join(directory, OutputFile.folderName(id), ...names)
const read = (id: string, name: string): string => fs.readFileSync(at(id, name), "utf8")
const opened = (tail = 1_000): Effect.Effect<Outputs, never, Scope.Scope> => openOutputs({ directory, tail, kept: 1_000 })
const openFiles = (): number => fs.readdirSync("/proc/self/fd").length
const silent = Effect.provide(Logger.layer([]))

describe("the output of runs in a directory", () => {
  it("is in a folder for each, with a file for each stream that has something", async () => {
    const ids = ["a#1", "A#1", "../../etc", "x".repeat(300)]
    const before = openFiles()
    await live(
      Effect.gen(function* () {
        const outputs = yield* opened()
        for (const id of ids) {
          const output = outputs.of(id, "fresh")
          yield* inRun(output, Effect.andThen(JobOutput.stdout(`out of ${id}`), Effect.log("said"))).pipe(silent)
        }
      })
    )
    for (const id of ids) {
      expect(fs.readdirSync(at(id)).toSorted()).toEqual(["log.txt", "stdout.txt"])
      expect(read(id, "stdout.txt")).toBe(`out of ${id}`)
      expect(read(id, "log.txt")).toMatch(/^timestamp=\S+ level=INFO fiber=#\d+ message=said\n$/)
    }
    expect([fs.readdirSync(directory).length, openFiles()]).toEqual([ids.length, before])
  })

  it("does not mix where fifty write at once more than the buffers take", async () => {
    const ids = Array.from({ length: 50 }, (_, i) => `run ${i}`)
    const line = (id: string, n: number): string => `${id}: ${n} ${"x".repeat(1_000)}\n`
    await live(
      Effect.gen(function* () {
        const outputs = yield* opened()
        const work = (id: string): Effect.Effect<void> =>
          Effect.forEach(
            Array.from({ length: 40 }, (_, n) => n),
            (n) => Effect.andThen(JobOutput.stdout(line(id, n)), Effect.log(`${id} ${n}`)),
            { discard: true }
          )
        yield* Effect.forEach(ids, (id) => inRun(outputs.of(id, "fresh"), work(id)), { concurrency: "unbounded", discard: true })
      }).pipe(silent)
    )
    for (const id of ids) {
      expect(read(id, "stdout.txt")).toBe(Array.from({ length: 40 }, (_, n) => line(id, n)).join(""))
      const logged = [...read(id, "log.txt").matchAll(/message="([^"]*)"/g)].map((match) => match[1])
      expect(logged).toEqual(Array.from({ length: 40 }, (_, n) => `${id} ${n}`))
    }
  })

  it("is not there for a run that wrote nothing", () =>
    live(
      Effect.gen(function* () {
        const outputs = yield* opened()
        const output = outputs.of("a", "fresh")
        yield* inRun(output, Effect.void)
        output.end()
        const { directory: folder, stdout } = yield* output.view
        expect([folder, stdout.path, stdout.text, fs.readdirSync(directory)]).toEqual([undefined, undefined, "", []])
      })
    ))

  it("is told by the files when the run has ended, and its last bytes are waited for", () =>
    live(
      Effect.gen(function* () {
        const output = (yield* opened(10)).of("a", "fresh")
        yield* inRun(output, JobOutput.stdout("0123456789abcdef"))
        const running = (yield* output.view).stdout
        output.end()
        const path = at("a", "stdout.txt")
        expect([running, (yield* output.view).stdout]).toEqual(
          Array.from({ length: 2 }, () => ({ text: "6789abcdef", size: 16, dropped: 6, path, failure: undefined }))
        )
        expect(fs.readFileSync(path, "utf8")).toBe("0123456789abcdef")
      })
    ))

  it("goes on where it was when its process died, and is read by others meanwhile", () =>
    live(
      Effect.gen(function* () {
        yield* Effect.scoped(Effect.flatMap(opened(), (outputs) => inRun(outputs.of("a", "fresh"), JobOutput.stdout("one, "))))
        const outputs = yield* opened(3)
        const output = outputs.of("a", "kept")
        expect((yield* output.view).stdout).toMatchObject({ text: "e, ", size: 5, dropped: 2 })
        yield* inRun(output, Effect.andThen(JobOutput.stdout("two"), JobOutput.flush))
        expect((yield* output.view).stdout).toMatchObject({ text: "two", size: 8, dropped: 5 })
        expect((yield* JobOutput.read(directory, "a")).stdout).toMatchObject({ text: "one, two", size: 8, dropped: 0 })
        expect((yield* JobOutput.read(directory, "b")).stdout).toMatchObject({ text: "", size: 0 })
      }).pipe(Effect.orDie)
    ))

  it("takes the place of that of another run with its id", () =>
    live(
      Effect.gen(function* () {
        yield* Effect.scoped(Effect.flatMap(opened(), (outputs) => inRun(outputs.of("a", "fresh"), JobOutput.stdout("old"))))
        fs.writeFileSync(at("a", "file"), "")
        const output = (yield* opened()).of("a", "fresh")
        expect((yield* output.view).stdout.text).toBe("")
        yield* inRun(output, JobOutput.stderr("new"))
        const { stderr, stdout } = yield* output.view
        expect([stdout.text, stderr.text, fs.readdirSync(at("a"))]).toEqual(["", "new", ["stderr.txt"]])
      })
    ))

  it("has why an attempt failed in its log", async () => {
    await live(Effect.map(opened(), (outputs) => outputs.of("a", "fresh").failed(0, 2, Cause.fail(new Error("no\nluck")))))
    expect(read("a", "log.txt")).toMatch(
      /^timestamp=1970-01-01T00:00:00.000Z level=ERROR message="attempt 2 failed" cause="Error: no\\nluck.*"\n$/
    )
  })
})

describe("the folder of a run", () => {
  it("is made for who asks for it, and has room for files of its own", () =>
    live(
      Effect.gen(function* () {
        const output = (yield* opened()).of("a", "fresh")
        const folder = Option.getOrThrow(yield* inRun(output, JobOutput.directory))
        expect([folder, fs.readdirSync(folder)]).toEqual([at("a"), []])
      }).pipe(Effect.orDie)
    ))

  it("is gone with all that is in it when the engine that forgot the run has closed, and a run with the same id may follow at once", async () => {
    await live(
      Effect.gen(function* () {
        const outputs = yield* opened()
        for (let round = 0; round < 5; round++) {
          const output = outputs.of("a", "fresh")
          yield* inRun(output, Effect.andThen(JobOutput.stdout(`round ${round}`), JobOutput.directory))
          for (let i = 0; i < 50; i++) fs.writeFileSync(at("a", `file ${i}`), "x")
          if (round < 4) output.forget()
        }
      }).pipe(Effect.orDie)
    )
    expect(fs.readdirSync(directory)).toEqual([OutputFile.folderName("a")])
    expect(read("a", "stdout.txt")).toBe("round 4")
  })

  it("is gone when a run that ended in another process is forgotten", async () => {
    await live(Effect.flatMap(opened(), (outputs) => inRun(outputs.of("a", "fresh"), JobOutput.stdout("x"))))
    await live(Effect.map(opened(), (outputs) => outputs.of("a", "kept").forget()))
    expect(fs.readdirSync(directory)).toEqual([])
  })

  it("is swept away when nobody knows the run, and what else lies there stays", async () => {
    await live(
      Effect.gen(function* () {
        const outputs = yield* opened()
        for (const id of ["a", "b"]) yield* inRun(outputs.of(id, "fresh"), JobOutput.stdout("x"))
      })
    )
    fs.mkdirSync(join(directory, `.removed-${"0".repeat(24)}`))
    fs.writeFileSync(join(directory, "mine"), "")
    await live(Effect.flatMap(opened(), (outputs) => outputs.sweep(["b", "c"])))
    expect(fs.readdirSync(directory).toSorted()).toEqual([OutputFile.folderName("b"), "mine"])
  })
})

describe("a directory that cannot be written to", () => {
  it("does not fail the job, keeps the tail, and says why in the output, to who flushes and in the log of the engine", () => {
    const warned: Array<unknown> = []
    fs.writeFileSync(join(directory, "file"), "")
    return live(
      Effect.gen(function* () {
        const outputs = yield* openOutputs({ directory: join(directory, "file"), tail: 100, kept: 1_000 })
        const output = outputs.of("a", "fresh")
        yield* inRun(output, JobOutput.stdout("all the same"))
        const error = yield* Effect.flip(inRun(output, JobOutput.flush))
        output.end()
        const { stdout } = yield* output.view
        expect([error.reason._tag, stdout.text, stdout.failure]).toEqual(["NotAFile", "all the same", error])
        expect(warned).toHaveLength(1)
        expect(String(warned)).toMatch(/^skein: output of job a is lost: .*stdout.txt: something else is there$/)
      }).pipe(
        Effect.provide(
          Logger.layer([Logger.make<unknown, void>(({ message }) => void warned.push(...(message as ReadonlyArray<unknown>)))])
        )
      )
    )
  })
})
