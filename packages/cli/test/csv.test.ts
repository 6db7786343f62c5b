import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Row, type RowOptions, rows } from "../src/csv.ts"
import type { Batch, InputError } from "../src/lines.ts"

/** Batches of so many lines each. */
async function* batches(text: string, size: number): AsyncGenerator<Batch> {
  const lines = text.split("\n")
  if (lines.at(-1) === "") lines.pop()
  for (let i = 0; i < lines.length; i += size) yield { first: i + 1, lines: lines.slice(i, i + size) }
}

const read = async (text: string, own?: Partial<RowOptions>, size = 100): Promise<ReadonlyArray<Row>> => {
  const all: Array<Row> = []
  const options: RowOptions = {
    source: "f",
    separator: ",",
    quotes: "double",
    maxLine: 1000,
    onBad: (error) => {
      throw error
    },
    ...own
  }
  for await (const found of rows(batches(text, size), options)) all.push(...found)
  return all
}
const cells = async (text: string, own?: Partial<RowOptions>, size?: number) => (await read(text, own, size)).map((row) => row.cells)

/** The place and the message. */
const failure = async (text: string, own?: Partial<RowOptions>): Promise<string> => {
  try {
    await read(text, own)
    return "none"
  } catch (error) {
    return (error as InputError).message
  }
}

describe("rows", () => {
  it("reads quotes, doubled quotes, separators and line breaks in them", async () => {
    expect(await cells('a,"b ""c"", d",\n"x\ny\n\nz","",w\n')).toEqual([
      ["a", 'b "c", d', ""],
      ["x\ny\n\nz", "", "w"]
    ])
  })

  it("names the line that a row begins at", async () => {
    expect((await read('a\n"b\nc"\nd\n')).map((row) => row.line)).toEqual([1, 2, 4])
  })

  it("takes no carriage return for a value, and keeps those inside quotes", async () => {
    expect(await cells('a,b\r\n"c\r\nd",e\r\n')).toEqual([
      ["a", "b"],
      ["c\r\nd", "e"]
    ])
  })

  it("drops a byte order mark at the beginning, and only there", async () => {
    expect(await cells('\uFEFFa,b\n\uFEFFc\n"\uFEFF"')).toEqual([["a", "b"], ["\uFEFFc"], ["\uFEFF"]])
  })

  it("knows no quotes where none are meant", async () => {
    expect(await cells('a "b"\t"c\n', { separator: "\t", quotes: "none" })).toEqual([['a "b"', '"c']])
  })

  it("says where a quote is wrong", async () => {
    expect([await failure('a\nb,c"d\n'), await failure('"a"x,b\n'), await failure('x\ny,"a\nb\n'), await failure('"a" ,b')]).toEqual([
      "f, line 2, column 4: a quote inside a value that does not begin with one",
      "f, line 1, column 4: something between a closing quote and the next separator",
      "f, line 2, column 3: a quote that is never closed",
      "f, line 1, column 4: something between a closing quote and the next separator"
    ])
  })

  it("bounds a row whose quote is not closed", async () => {
    expect(await failure(`x\n"${"a\n".repeat(100)}`, { maxLine: 50 })).toBe(
      "f, line 2, column 1: a row of more than 50 characters; is the quote closed?"
    )
  })

  it("skips a bad row and goes on behind it", async () => {
    const errors: Array<InputError> = []
    expect(await cells('a\nb"\nc\n"d"e\nf\n', { onBad: (error) => void errors.push(error) })).toEqual([["a"], ["c"], ["f"]])
    expect(errors.map((error) => error.line)).toEqual([2, 4])
  })

  it("reads back whatever was written, however the lines come", async () => {
    const cell = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r", " ", "é") })
    const quote = (cell: string, always: boolean) => (always || /[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(cell, { minLength: 1, maxLength: 4 }), { maxLength: 5 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom("\n", "\r\n"),
        async (table, always, size, end) => {
          const text = table.map((row) => row.map((cell) => quote(cell, always)).join(",") + end).join("")
          expect(await cells(text, {}, size)).toEqual(table)
        }
      ),
      { numRuns: 1000 }
    )
  })
})
