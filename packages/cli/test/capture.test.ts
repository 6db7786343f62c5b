import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type Captured, CaptureLost, empty, fromFiles, Litter, type Part, recorder } from "../src/capture.ts"

let directory = ""
beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), "skein-test-"))
})
afterEach(() => fs.rmSync(directory, { recursive: true }))

const pathOf = (which: string): string => join(directory, which)

const read = (part: Part): Promise<string> => {
  const pieces: Array<Buffer> = []
  return Effect.runPromise(
    Effect.map(
      part.writeTo((bytes) => Effect.sync(() => void pieces.push(Buffer.from(bytes)))),
      () => Buffer.concat(pieces).toString()
    )
  )
}

const contents = async ({ stderr, stdout }: Captured): Promise<ReadonlyArray<string>> => [await read(stdout), await read(stderr)]

describe("recorder", () => {
  const record = (limit: number, chunks: ReadonlyArray<readonly ["stdout" | "stderr", string]>) => {
    const taker = recorder(pathOf, limit)
    for (const [which, text] of chunks) taker.add(which, Buffer.from(text))
    return taker
  }

  it("keeps what is short in memory, the streams apart", async () => {
    const captured = record(8, [
      ["stdout", "one "],
      ["stderr", "bad"],
      ["stdout", "two"]
    ]).end()
    expect(await contents(captured)).toEqual(["one two", "bad"])
    expect([captured.size, captured.stdout.bytes?.length, fs.readdirSync(directory)]).toEqual([10, 7, []])
  })

  it("keeps what is longer in a file, and the other stream in memory", async () => {
    const captured = record(8, [
      ["stdout", "12345678"],
      ["stdout", "9"],
      ["stderr", "12345678"],
      ["stdout", "0"]
    ]).end()
    expect(await contents(captured)).toEqual(["1234567890", "12345678"])
    expect([captured.size, captured.stdout.bytes, fs.readdirSync(directory)]).toEqual([18, undefined, ["stdout"]])
  })

  it("makes files that nobody else can read", () => {
    const captured = record(0, [["stdout", "secret"]]).end()
    expect(fs.statSync(pathOf("stdout")).mode & 0o777).toBe(0o600)
    captured.dispose()
  })

  it("says in words what it could not keep, and then holds nothing", () => {
    fs.rmSync(directory, { recursive: true })
    const taker = record(2, [
      ["stdout", "123"],
      ["stdout", "456"]
    ])
    expect(taker.failure()).toMatch(/^its output cannot be kept: ENOENT/)
    expect(taker.end()).toBe(empty)
    fs.mkdirSync(directory)
  })

  it("removes the file of one stream when the other cannot be kept", () => {
    fs.mkdirSync(pathOf("stderr"))
    const taker = record(2, [
      ["stdout", "123"],
      ["stderr", "456"]
    ])
    expect(taker.failure()).toMatch(/EEXIST/)
    expect([taker.end(), fs.readdirSync(directory)]).toEqual([empty, ["stderr"]])
  })
})

describe("fromFiles", () => {
  const take = (stdout: string, stderr: string, limit?: number) => {
    fs.writeFileSync(pathOf("stdout"), stdout)
    fs.writeFileSync(pathOf("stderr"), stderr)
    const litter = new Litter()
    return { captured: fromFiles(pathOf("stdout"), pathOf("stderr"), litter, limit), litter }
  }

  it("reads what is short, and its files are litter", async () => {
    const { captured, litter } = take("out", "")
    expect(await contents(captured)).toEqual(["out", ""])
    litter.clear()
    expect(fs.readdirSync(directory)).toEqual([])
  })

  it("leaves what is long in its file until it is disposed of", async () => {
    const { captured, litter } = take("0123456789", "bad", 8)
    litter.clear()
    expect(await contents(captured)).toEqual(["0123456789", "bad"])
    expect(fs.readdirSync(directory)).toEqual(["stdout"])
    captured.dispose()
    captured.dispose()
    expect(fs.readdirSync(directory)).toEqual([])
  })

  it("holds what was written until then, and nothing that comes later", async () => {
    const { captured } = take("0123456789", "", 8)
    fs.appendFileSync(pathOf("stdout"), "late")
    expect(await read(captured.stdout)).toBe("0123456789")
    captured.dispose()
  })

  it("gives pieces one after the other, each when the last is done with", async () => {
    const { captured } = take("x".repeat(600_000), "", 8)
    const events: Array<string> = []
    await Effect.runPromise(
      captured.stdout.writeTo((bytes) =>
        Effect.promise(async () => {
          events.push(`take ${bytes.length}`)
          await new Promise(setImmediate)
          events.push("done")
        })
      )
    )
    expect(events).toEqual(["take 262144", "done", "take 262144", "done", "take 75712", "done"])
    captured.dispose()
  })

  it("throws where there is no file, and leaves the other one not behind", () => {
    fs.writeFileSync(pathOf("stdout"), "out")
    expect(() => fromFiles(pathOf("stdout"), pathOf("stderr"), new Litter())).toThrow("ENOENT")
    expect(fs.readdirSync(directory)).toEqual([])
  })

  it("fails in a typed way when its file is gone or cut off", async () => {
    const { captured } = take("0123456789", "", 8)
    const reason = () => Effect.runPromise(Effect.flip(captured.stdout.writeTo(() => Effect.void)))
    fs.truncateSync(pathOf("stdout"), 4)
    expect(await reason()).toEqual(new CaptureLost({ message: "captured output is cut off: 4 of 10 bytes" }))
    fs.rmSync(pathOf("stdout"))
    expect((await reason()).message).toMatch(/^captured output cannot be read: ENOENT/)
  })
})

describe("Litter", () => {
  it("is cleared by itself when there is much of it, by number or by size", () => {
    const litter = new Litter()
    for (let i = 0; i < 256; i++) {
      fs.writeFileSync(pathOf(String(i)), "")
      litter.add(pathOf(String(i)), 0)
    }
    expect(fs.readdirSync(directory)).toEqual([])
    fs.writeFileSync(pathOf("large"), "")
    litter.add(pathOf("large"), 10_000_000)
    expect(fs.readdirSync(directory)).toEqual([])
  })
})
