import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Tail, textOf } from "../src/internal/output/tail.ts"

describe("the tail of a stream", () => {
  it("is the end of all that was added, however it came", () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 4_000 }), { maxLength: 30 })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6_000 }), pieces, (bound, pieces) => {
        const tail = new Tail(bound)
        let all: ReadonlyArray<number> = []
        for (const piece of pieces) {
          tail.add(piece)
          all = [...all, ...piece]
          const expected = bound === 0 ? [] : all.slice(-bound)
          expect([...tail.bytes]).toEqual(expected)
          expect(tail.length).toBe(expected.length)
        }
      }),
      { numRuns: 100 }
    )
  })

  it("begins with a whole character where something came before it", () => {
    const bytes = new TextEncoder().encode("aé€😀z")
    const cuts = Array.from(bytes, (_, from) => textOf(bytes.subarray(from), from > 0))
    expect(cuts).toEqual(["aé€😀z", "é€😀z", "€😀z", "€😀z", "😀z", "😀z", "😀z", "z", "z", "z", "z"])
  })

  it("shows bytes that are no text as such when nothing came before them", () => {
    expect(textOf(new Uint8Array([0x80, 0x61]), false)).toBe("\ufffda")
  })
})
