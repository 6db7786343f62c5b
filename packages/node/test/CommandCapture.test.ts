import { Buffer } from "node:buffer"
import { Readable } from "node:stream"
import { finished } from "node:stream/promises"
import { describe, expect, it } from "vitest"
import { Capture } from "../src/internal/command/capture.ts"

/** What is kept of pieces of these lengths; each byte tells its place. */
const keep = async (lengths: ReadonlyArray<number>, max: number, which: "head" | "tail") => {
  let at = 0
  const pieces = lengths.map((length) => Buffer.from(Array.from({ length }, () => at++ % 251)))
  const stream = Readable.from(pieces, { objectMode: false })
  const capture = new Capture(stream, max, which)
  let overflows = 0
  capture.onOverflow = () => overflows++
  await finished(stream)
  const all = Buffer.concat(pieces)
  const expected = which === "head" ? all.subarray(0, max) : all.subarray(Math.max(0, all.length - max))
  return {
    got: [capture.bytes.toString("hex"), capture.dropped, overflows],
    expected: [expected.toString("hex"), Math.max(0, all.length - max), all.length > max ? 1 : 0]
  }
}

describe("Capture", () => {
  it.each(["head", "tail"] as const)("keeps exactly the %s of whatever comes in whatever pieces", async (which) => {
    let seed = 7
    const random = (n: number): number => (seed = (seed * 48_271) % 2_147_483_647) % n
    for (let round = 0; round < 150; round++) {
      const lengths = Array.from({ length: random(40) }, () => 1 + random(12))
      const { expected, got } = await keep(lengths, 1 + random(60), which)
      expect(got).toEqual(expected)
    }
  })

  it.each(["head", "tail"] as const)("keeps the %s of thousands of small pieces", async (which) => {
    for (const max of [10, 300, 5_000]) {
      const { expected, got } = await keep(
        Array.from({ length: 2_000 }, (_, i) => 1 + (i % 3)),
        max,
        which
      )
      expect(got).toEqual(expected)
    }
  })

  it("keeps nothing of a stream that is not there", () => {
    const capture = new Capture(null, 10, "head")
    expect([capture.ended, capture.bytes.length]).toEqual([true, 0])
  })
})
