import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { cut, type CutOptions, type InputError } from "../src/lines.ts"

async function* pieces(...parts: ReadonlyArray<string | Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === "string" ? Buffer.from(part) : part
}

const options = (own?: Partial<CutOptions>): CutOptions => ({
  source: "f",
  delimiter: "\n",
  maxLine: 1000,
  onBad: (error) => {
    throw error
  },
  ...own
})

/** All lines with their numbers. */
const numbered = async (
  parts: ReadonlyArray<string | Uint8Array>,
  own?: Partial<CutOptions>
): Promise<ReadonlyArray<readonly [number, string]>> => {
  const all: Array<readonly [number, string]> = []
  for await (const { first, lines } of cut(pieces(...parts), options(own))) all.push(...lines.map((line, i) => [first + i, line] as const))
  return all
}
const lines = async (parts: ReadonlyArray<string | Uint8Array>, own?: Partial<CutOptions>) =>
  (await numbered(parts, own)).map(([, line]) => line)

/** What was skipped, and what was not. */
const skipping = async (parts: ReadonlyArray<string | Uint8Array>, own?: Partial<CutOptions>) => {
  const errors: Array<InputError> = []
  const kept = await numbered(parts, { ...own, onBad: (error) => void errors.push(error) })
  return { kept, skipped: errors.map(({ line, reason }) => [line, reason]) }
}

/** The bytes in pieces of any size. */
const inPieces = (bytes: Uint8Array, sizes: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const parts: Array<Uint8Array> = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!
    parts.push(bytes.subarray(at, at + size))
    at += size
  }
  return parts
}
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 })

describe("cut", () => {
  it("counts a last line without its delimiter, and no line after the last delimiter", async () => {
    expect([await lines(["a\nb"]), await lines(["a\nb\n"]), await lines(["\n\n"]), await lines([]), await lines([""])]).toEqual([
      ["a", "b"],
      ["a", "b"],
      ["", ""],
      [],
      []
    ])
  })

  it("cuts at the delimiter only, and keeps carriage returns", async () => {
    expect([
      await lines(["a\r\nb\n"]),
      await lines(["a\nb\0c"], { delimiter: "\0" }),
      await lines(["a, b,\n"], { delimiter: "," })
    ]).toEqual([
      ["a\r", "b"],
      ["a\nb", "c"],
      ["a", " b", "\n"]
    ])
  })

  it("gives what cutting the whole text gives, whatever the pieces and the delimiter", async () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", ",", "\n", "é", "😀") })
    const delimiter = fc.constantFrom("\n", ",", "aa", "ab", "aba", "é", "b\n")
    await fc.assert(
      fc.asyncProperty(text, delimiter, sizes, async (text, delimiter, sizes) => {
        const expected = text.split(delimiter)
        if (expected.at(-1) === "") expected.pop()
        expect(await lines(inPieces(Buffer.from(text), sizes), { delimiter })).toEqual(expected)
      }),
      { numRuns: 1000 }
    )
  })

  it("refuses bytes that are no UTF-8, and names the line", async () => {
    const bad = lines(["a\nb\n", Buffer.from([0x78, 0xff, 0x0a])])
    await expect(bad).rejects.toMatchObject({
      _tag: "InputError",
      reason: "encoding",
      source: "f",
      line: 3,
      message: "f, line 3: bytes that are no UTF-8; an argument cannot carry them"
    })
  })

  it("refuses a NUL that it was not asked to cut at", async () => {
    await expect(lines(["a\nb\0c\n"])).rejects.toMatchObject({ reason: "encoding", line: 2 })
  })

  it("refuses a line above the bound, and allows one at the bound", async () => {
    expect(await lines(["a".repeat(10), "\nb"], { maxLine: 10 })).toEqual(["a".repeat(10), "b"])
    expect(await lines(["a".repeat(10)], { maxLine: 10 })).toEqual(["a".repeat(10)])
    await expect(lines(["x\n", "a".repeat(11), "\nb"], { maxLine: 10 })).rejects.toMatchObject({
      reason: "too-long",
      line: 2,
      message: "f, line 2: a line of more than 10 bytes (--max-line)"
    })
    await expect(lines(["x\n", "a".repeat(11)], { maxLine: 10 })).rejects.toMatchObject({ reason: "too-long", line: 2 })
  })

  it("holds no more of a line that never ends than the bound and a piece", async () => {
    let read = 0
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        read++
        yield Buffer.alloc(100, "a")
      }
    }
    const all = async () => {
      for await (const _ of cut(endless(), options()));
    }
    await expect(all()).rejects.toMatchObject({ reason: "too-long" })
    expect(read).toBeLessThanOrEqual(11)
  })

  it("skips bad lines, keeps the others and their numbers", async () => {
    expect(await skipping(["ok\n", Buffer.from([0xff]), "\nlong long\nlast\nx\0"], { maxLine: 5 })).toEqual({
      kept: [
        [1, "ok"],
        [4, "last"]
      ],
      skipped: [
        [2, "encoding"],
        [3, "too-long"],
        [5, "encoding"]
      ]
    })
  })

  it("skips the same lines whatever the pieces", async () => {
    const line = fc.constantFrom(
      Buffer.from("a"),
      Buffer.from(""),
      Buffer.from("12345"),
      Buffer.from("123456"),
      Buffer.alloc(30, "x"),
      Buffer.from([0xc3]),
      Buffer.from("é")
    )
    await fc.assert(
      fc.asyncProperty(fc.array(line), sizes, fc.constantFrom("\n", "--"), async (parts, sizes, delimiter) => {
        const bytes = Buffer.concat(parts.flatMap((part) => [part, Buffer.from(delimiter)]))
        const good = (part: Buffer) => part.length <= 5 && part.toString("hex") !== "c3"
        expect(await skipping(inPieces(bytes, sizes), { maxLine: 5, delimiter })).toEqual({
          kept: parts.map((part, i) => [i + 1, part.toString()] as const).filter((_, i) => good(parts[i]!)),
          skipped: parts.map((part, i) => [i + 1, part.length > 5 ? "too-long" : "encoding"] as const).filter((_, i) => !good(parts[i]!))
        })
      }),
      { numRuns: 500 }
    )
  })
})
