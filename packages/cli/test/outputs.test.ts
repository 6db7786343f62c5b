import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as outputs from "../src/outputs.ts"
import { Closed, OutputError } from "../src/sink.ts"
import { capturedOf, sinks, type Tracked } from "./fixtures/captured.ts"
import { jobOf, recordOf } from "./fixtures/records.ts"
import { scratch } from "./fixtures/scratch.ts"

const path = scratch()

type Options = Omit<outputs.Options, "stdout" | "stderr">

const make = (options: Options = {}, pair = sinks()) =>
  Effect.map(outputs.make({ ...options, stdout: pair.stdout, stderr: pair.stderr }), (made) => ({ ...made, notes: pair.notes }))

/** Ends jobs in this order, and gives what was written. */
const written = (options: Options, ends: ReadonlyArray<readonly [seq: number, output: Tracked]>): Promise<ReadonlyArray<string>> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const { end, finished, notes } = yield* make(options)
      for (const [seq, output] of ends) yield* finished(recordOf(jobOf(seq)), output)
      yield* end
      expect(ends.map(([, output]) => output.disposed())).toEqual(ends.map(() => true))
      return notes
    })
  )

const tag = { tag: (job: { readonly seq: number }) => `job\n${job.seq}` }

describe("outputs in groups", () => {
  it("writes what a job wrote as it is, standard output first", async () => {
    expect(
      await written({}, [
        [2, capturedOf(["a\nb", "c"], ["oops"])],
        [1, capturedOf(["d"])]
      ])
    ).toEqual(["out: a\nb", "out: c", "err: oops", "out: d"])
  })

  it("lets nothing of another job in between", async () => {
    const notes = await Effect.runPromise(
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const { finished, notes } = yield* make(
          {},
          sinks((text) => (text === "slow" ? Deferred.await(gate) : Effect.void))
        )
        const first = yield* Effect.forkChild(finished(recordOf(jobOf(1)), capturedOf(["slow", "1"], ["1"])), { startImmediately: true })
        const second = yield* Effect.forkChild(finished(recordOf(jobOf(2)), capturedOf(["2"], ["2"])), { startImmediately: true })
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(first)
        yield* Fiber.join(second)
        return notes
      })
    )
    expect(notes).toEqual(["out: slow", "out: 1", "err: 1", "out: 2", "err: 2"])
  })

  it("writes in the order of the input where that is asked for", async () => {
    expect(
      await written({ order: "input" }, [
        [3, capturedOf(["3"])],
        [1, capturedOf(["1"])],
        [5, capturedOf(["5"])]
      ])
    ).toEqual(["out: 1", "out: 3", "out: 5"])
  })

  it("puts the tag before each line, and ends a last line that was not ended", async () => {
    expect(await written(tag, [[1, capturedOf(["a\nb", "c\n\nd"], ["e\n"])]])).toEqual([
      "out: job 1\ta\njob 1\tb",
      "out: c\njob 1\t\njob 1\td",
      "out: \n",
      "err: job 1\te\n"
    ])
  })

  it("writes nothing where nothing is wanted, and gives back what was captured", async () => {
    expect(await written({ mode: "none" }, [[1, capturedOf(["a"], ["b"])]])).toEqual([])
  })

  it("throws away what a failed attempt wrote", async () => {
    const output = capturedOf(["a"])
    const notes = await Effect.runPromise(
      Effect.gen(function* () {
        const { notes, retried } = yield* make()
        yield* retried(jobOf(1), output)
        return notes
      })
    )
    expect([notes, output.disposed()]).toEqual([[], true])
  })

  it.each(["finished", "input"] as const)("gives back what was captured when writing fails, in the order %s", async (order) => {
    const all = [capturedOf(["2"]), capturedOf(["1"]), capturedOf(["3"])] as const
    const error = new OutputError({ target: "standard output", reason: new Closed({ message: "its reader is gone" }) })
    const pair = sinks()
    const exits = await Effect.runPromise(
      Effect.gen(function* () {
        const { end, finished } = yield* outputs.make({
          order,
          stdout: { ...pair.stdout, write: () => Effect.fail(error) },
          stderr: pair.stderr
        })
        yield* Effect.exit(finished(recordOf(jobOf(2)), all[0]))
        const failed = yield* Effect.flip(finished(recordOf(jobOf(1)), all[1]))
        yield* Effect.exit(finished(recordOf(jobOf(3)), all[2]))
        yield* Effect.exit(end)
        return failed
      })
    )
    expect(exits).toBe(error)
    expect(all.map((output) => output.disposed())).toEqual([true, true, true])
  })

  it("gives back what was captured when it is interrupted while the reader is slow", async () => {
    const output = capturedOf(["a"])
    await Effect.runPromise(
      Effect.gen(function* () {
        const { finished } = yield* make(
          {},
          sinks(() => Effect.never)
        )
        const fiber = yield* Effect.forkChild(finished(recordOf(jobOf(1)), output), { startImmediately: true })
        yield* Fiber.interrupt(fiber)
      })
    )
    expect(output.disposed()).toBe(true)
  })
})

describe("outputs of several jobs at once", () => {
  it("gives back what was captured when it is interrupted while another job writes", async () => {
    const output = capturedOf(["b"])
    await Effect.runPromise(
      Effect.gen(function* () {
        const { finished } = yield* make(
          {},
          sinks(() => Effect.never)
        )
        yield* Effect.forkChild(finished(recordOf(jobOf(1)), capturedOf(["a"])), { startImmediately: true })
        const waits = yield* Effect.forkChild(finished(recordOf(jobOf(2)), output), { startImmediately: true })
        yield* Fiber.interrupt(waits)
      })
    )
    expect(output.disposed()).toBe(true)
  })

  it("has written what a job said on one stream before it writes to the other", async () => {
    const pair = sinks()
    const flush = (name: string) => Effect.sync(() => void pair.notes.push(`${name} flushed`))
    await Effect.runPromise(
      Effect.gen(function* () {
        const stdout = { ...pair.stdout, flush: flush("out") }
        const stderr = { ...pair.stderr, flush: flush("err") }
        const { finished } = yield* outputs.make({ stdout, stderr })
        yield* finished(recordOf(jobOf(1)), capturedOf(["a"], ["b"]))
      })
    )
    expect(pair.notes).toEqual(["out: a", "out flushed", "err: b", "err flushed"])
  })
})

describe("outputs line by line", () => {
  const lines = (options: Options, ...chunks: ReadonlyArray<readonly [seq: number, text: string]>): Promise<ReadonlyArray<string>> =>
    Effect.runPromise(
      Effect.gen(function* () {
        const { chunk, end, finished, notes, wants } = yield* make({ mode: "line", ...options })
        expect(wants).toBe("chunks")
        for (const [seq, text] of chunks) yield* chunk(jobOf(seq), "stdout", Buffer.from(text))
        for (const seq of new Set(chunks.map(([seq]) => seq))) yield* finished(recordOf(jobOf(seq)), undefined)
        yield* end
        return notes
      })
    )

  it("writes whole lines as they come", async () => {
    expect(await lines({}, [1, "a"], [2, "x\ny"], [1, "b\nc"], [1, "\n"], [2, "z\n"])).toEqual([
      "out: x\n",
      "out: ab\n",
      "out: c\n",
      "out: yz\n"
    ])
  })

  it("ends a last line that was not ended", async () => {
    expect(await lines({}, [1, "a"], [2, "b"])).toEqual(["out: a\n", "out: b\n"])
  })

  it("puts the tag before each line", async () => {
    expect(await lines(tag, [1, "a\nb"], [1, "c\nd"])).toEqual(["out: job 1\ta\n", "out: job 1\tbc\n", "out: job 1\td\n"])
  })

  it("writes a line that is too long to be kept in parts, and still ends it", async () => {
    const long = "x".repeat(2 ** 20 + 1)
    expect(await lines(tag, [1, long], [1, "y\nz"], [2, long])).toEqual([
      `out: job 1\t${long}`,
      "out: y\n",
      `out: job 2\t${long}`,
      "out: job 1\tz\n",
      "out: \n"
    ])
  })

  it("waits for the end of the job where the order is that of the input, and ends each block", async () => {
    const { notes, wants } = await Effect.runPromise(
      Effect.gen(function* () {
        const made = yield* make({ mode: "line", order: "input" })
        yield* made.finished(recordOf(jobOf(2)), capturedOf(["b"]))
        yield* made.finished(recordOf(jobOf(1)), capturedOf(["a"]))
        return made
      })
    )
    expect([wants, notes]).toEqual(["capture", ["out: a", "out: \n", "out: b", "out: \n"]])
  })
})

describe("outputs as JSON records", () => {
  const record = async (output: Tracked): Promise<Readonly<Record<string, unknown>>> => {
    const notes = await written({ mode: "json" }, [[1, output]])
    const text = notes.map((note) => note.slice("out: ".length)).join("")
    expect(text.indexOf("\n")).toBe(text.length - 1)
    return JSON.parse(text) as Readonly<Record<string, unknown>>
  }

  it("says how the job ended and what it wrote", async () => {
    expect(await record(capturedOf(['a "ü"\n', "\u2028"], ["e\0"]))).toEqual({
      seq: 1,
      input: ["1"],
      exit: 0,
      signal: 0,
      why: "exit",
      start: 2,
      seconds: 0.5,
      attempts: 1,
      stdout: 'a "ü"\n\u2028',
      stderr: "e\0"
    })
  })

  it.each(["memory", "file"] as const)("puts letters together that were cut into pieces (%s)", async (where) => {
    const bytes = Buffer.from("\ufeffaé😀z")
    const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte))
    expect((await record(capturedOf(pieces, [], where)))["stdout"]).toBe("\ufeffaé😀z")
  })

  it.each(["memory", "file"] as const)("writes Base64 where there is no text, and says so (%s)", async (where) => {
    const output = capturedOf([Uint8Array.of(255), Uint8Array.of(0, 1, 2), Uint8Array.of(3)], ["fine"], where)
    expect(await record(output)).toMatchObject({ encoding: "base64", stdout: "/wABAgM=", stderr: "ZmluZQ==" })
  })

  it("sees that text ends within a letter", async () => {
    expect(await record(capturedOf(["a", Uint8Array.of(0xc3)], [], "file"))).toMatchObject({ encoding: "base64", stdout: "YcM=" })
  })
})

describe("outputs with results", () => {
  const kept = (directory: string): Readonly<Record<string, ReadonlyArray<string>>> =>
    Object.fromEntries(
      fs
        .readdirSync(directory)
        .map((name) => [
          name,
          ["stdout", "stderr"]
            .map((stream) => fs.readFileSync(join(directory, name, stream), "utf8"))
            .concat(fs.readdirSync(join(directory, name)).toSorted())
        ])
    )

  it("keeps what each job wrote in a directory of its own, and shows it too", async () => {
    const results = path("results")
    const notes = await written({ results }, [
      [1, capturedOf(["a"], ["b"])],
      [12, capturedOf([])]
    ])
    const files = ["job.json", "stderr", "stdout"]
    expect(kept(results)).toEqual({ 1: ["a", "b", ...files], 12: ["", "", ...files] })
    expect(notes).toEqual(["out: a", "err: b"])
    expect(JSON.parse(fs.readFileSync(join(results, "12/job.json"), "utf8"))).toEqual({
      seq: 12,
      key: "key of echo 12",
      command: "echo 12",
      input: ["12"],
      exit: 0,
      signal: 0,
      why: "exit",
      start: 2,
      seconds: 0.5,
      attempts: 1,
      received: 3
    })
  })

  it("keeps lines as they come, those of the last attempt only", async () => {
    const results = path("results")
    await Effect.runPromise(
      Effect.gen(function* () {
        const { chunk, end, finished, retried } = yield* make({ mode: "line", results })
        yield* chunk(jobOf(1), "stdout", Buffer.from("first"))
        yield* retried(jobOf(1), undefined)
        yield* chunk(jobOf(1), "stdout", Buffer.from("sec"))
        yield* chunk(jobOf(1), "stdout", Buffer.from("ond"))
        yield* finished(recordOf(jobOf(1)), undefined)
        yield* end
      })
    )
    expect(kept(results)).toEqual({ 1: ["second", "", "job.json", "stderr", "stdout"] })
  })

  it("names directories by the input where that is asked for, safely and each by its own name", async () => {
    const results = path("results")
    const inputs = [["a b"], ["../x"], ["a", "b"], ["a,b"], [""], ["."], ["é"], ["x/".repeat(300)], ["x/".repeat(301)], ["same"], ["same"]]
    await Effect.runPromise(
      Effect.gen(function* () {
        const { end, finished } = yield* make({ results, resultsBy: "input" })
        for (const [index, values] of inputs.entries()) yield* finished(recordOf(jobOf(index + 1, "x", values)), undefined)
        yield* end
      })
    )
    const names = fs.readdirSync(results)
    expect(names).toHaveLength(inputs.length)
    expect(names).toEqual(expect.arrayContaining(["a%20b", "%2E.%2Fx", "a,b", "a%2Cb", "%", "%2E", "é", "same", "same~2"]))
  })

  it("never writes over the results of another job, and replaces those of the same", async () => {
    const results = path("results")
    const go = (text: string, output: string) =>
      Effect.runPromise(
        Effect.gen(function* () {
          const { end, finished } = yield* make({ results })
          yield* finished(recordOf(jobOf(1, text)), capturedOf([output]))
          yield* end
        })
      )
    await go("echo a", "a")
    await go("echo b", "b")
    await go("echo a", "a again")
    expect(Object.entries(kept(results)).map(([name, [stdout]]) => [name, stdout])).toEqual([
      ["1", "a again"],
      ["1~2", "b"]
    ])
  })

  it("gives back what was captured when it cannot be kept", async () => {
    const results = path("results")
    const output = capturedOf(["a"])
    const error = await Effect.runPromise(
      Effect.gen(function* () {
        const { finished } = yield* make({ results })
        fs.rmdirSync(results)
        return yield* Effect.flip(finished(recordOf(jobOf(1)), output))
      })
    )
    expect([error.target, output.disposed()]).toEqual([results, true])
  })

  it("fails with the name of the directory where it cannot be made", async () => {
    const file = path("file")
    fs.writeFileSync(file, "")
    const error = await Effect.runPromise(Effect.flip(make({ results: join(file, "results") })))
    expect([error.target, error.reason._tag]).toEqual([join(file, "results"), "NotWritten"])
  })
})
