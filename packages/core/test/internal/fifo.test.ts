import assert from "node:assert/strict"
import { describe, expect, it } from "vitest"
import { Fifo } from "../../src/internal/fifo.ts"

describe("Fifo", () => {
  it("gives items in the order in which they came, and undefined when it is empty", () => {
    const fifo = new Fifo<number>()
    expect(fifo.shift()).toBe(undefined)
    for (const n of [1, 2, 3]) fifo.push(n)
    expect([fifo.shift(), fifo.size, fifo.shift(), fifo.shift(), fifo.shift(), fifo.size]).toEqual([1, 2, 2, 3, undefined, 0])
  })

  it("does as an array does, whatever is pushed, taken, removed and drained", () => {
    let random = 7
    const next = (n: number): number => (random = (random * 48_271) % 2_147_483_647) % n
    const fifo = new Fifo<number>()
    let model: Array<number> = []
    const push = (i: number): unknown => [fifo.push(i), model.push(i)]
    const shift = (): unknown => [fifo.shift(), model.shift()]
    const remove = (): unknown => {
      const item = model[next(Math.max(1, model.length))] ?? -1
      const at = model.indexOf(item)
      return [fifo.remove(item), at >= 0 && model.splice(at, 1).length === 1]
    }
    const drain = (): unknown => {
      const pair = [fifo.drain(), model]
      model = []
      return pair
    }
    for (let i = 0; i < 20_000; i++) {
      const what = next(1_000)
      const [did, expected] = (what < 550 ? push(i) : what < 950 ? shift() : what < 999 ? remove() : drain()) as [unknown, unknown]
      if (what >= 550) assert.deepEqual(did, expected)
      assert.equal(fifo.size, model.length)
    }
    expect([...fifo]).toEqual(model)
  })

  it("does not find what it has given away", () => {
    const fifo = new Fifo<string>()
    fifo.push("a")
    fifo.push("b")
    fifo.shift()
    expect(fifo.remove("a")).toBe(false)
  })

  it("does not keep what it has given away", () => {
    const fifo = new Fifo<object>()
    for (let i = 0; i < 5_000; i++) fifo.push({})
    for (let i = 0; i < 4_999; i++) fifo.shift()
    const { items } = fifo as unknown as { items: ReadonlyArray<unknown> }
    expect(items.filter((item) => item !== undefined)).toHaveLength(1)
    expect(items.length).toBeLessThan(2_100)
  })
})
