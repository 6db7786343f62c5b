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
    for (let i = 0; i < 50_000; i++) {
      const what = next(100)
      if (what < 55) {
        fifo.push(i)
        model.push(i)
      } else if (what < 95) expect(fifo.shift()).toBe(model.shift())
      else if (what < 99) {
        const item = model[next(Math.max(1, model.length))] ?? -1
        const at = model.indexOf(item)
        expect(fifo.remove(item)).toBe(at >= 0)
        if (at >= 0) model.splice(at, 1)
      } else if (next(20) === 0) {
        expect(fifo.drain()).toEqual(model)
        model = []
      }
      if (i % 1_000 === 0) expect([...fifo]).toEqual(model)
      expect(fifo.size).toBe(model.length)
    }
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
