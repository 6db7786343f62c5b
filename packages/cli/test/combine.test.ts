import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { collect, cross, link, pack } from "../src/combine.ts"
import type { Input } from "../src/job.ts"

/** A stream of one-valued inputs that says when it is closed. */
const stream = (values: Iterable<string>, log: Array<string> = [], name = "") =>
  (async function* (): AsyncGenerator<Input> {
    try {
      for (const value of values) yield { values: [value] }
    } finally {
      log.push(`${name} closed`)
    }
  })()
const inputs = (...values: ReadonlyArray<string>): ReadonlyArray<Input> => values.map((value) => ({ values: [value] }))
const texts = async (all: AsyncIterable<Input>) => (await collect(all)).map((input) => input.values.join(" "))

const endless = function* () {
  for (let i = 1; ; i++) yield String(i)
}

describe("cross", () => {
  it("gives each with each, the second turning fastest", async () => {
    expect(await texts(cross(stream(["a", "b"]), inputs("1", "2")))).toEqual(["a 1", "a 2", "b 1", "b 2"])
  })

  it("is empty where the second is, without a look at the first", async () => {
    expect(await texts(cross(stream(endless()), []))).toEqual([])
  })

  it("takes the first one at a time", async () => {
    const all = cross(stream(endless()), inputs("x"))
    expect([(await all.next()).value, (await all.next()).value]).toEqual([{ values: ["1", "x"] }, { values: ["2", "x"] }])
    await all.return(undefined)
  })

  it("joins fields, the second's where both have one", async () => {
    const one = (async function* (): AsyncGenerator<Input> {
      yield { values: ["a"], fields: { x: "1", y: "1" } }
    })()
    const [found] = await collect(cross(one, [{ values: ["b"], fields: { y: "2" } }]))
    expect([found!.values, { ...found!.fields }]).toEqual([["a", "b"], { x: "1", y: "2" }])
  })
})

describe("link", () => {
  it("goes step by step, and ends with the shorter", async () => {
    expect([await texts(link(stream(["a", "b", "c"]), stream(["1", "2"]))), await texts(link(stream(["a"]), stream(endless())))]).toEqual([
      ["a 1", "b 2"],
      ["a 1"]
    ])
  })

  it("closes both when it ends, whichever ended", async () => {
    const log: Array<string> = []
    await collect(link(stream(["a"], log, "first"), stream(["1", "2"], log, "second")))
    await collect(link(stream(["a", "b"], log, "first"), stream(["1"], log, "second")))
    expect(log).toEqual(["first closed", "second closed", "second closed", "first closed"])
  })
})

describe("pack", () => {
  it("makes one of so many, the last of what is left", async () => {
    expect((await collect(pack(stream(["a", "b", "c"]), 2))).map((input) => input.values)).toEqual([["a", "b"], ["c"]])
  })

  it("loses nothing and changes no order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string()), fc.integer({ min: 1, max: 5 }), async (values, count) => {
        const packed = await collect(pack(stream(values), count))
        expect(packed.flatMap((input) => input.values)).toEqual(values)
        expect(packed.slice(0, -1).every((input) => input.values.length === count)).toBe(true)
      })
    )
  })
})
