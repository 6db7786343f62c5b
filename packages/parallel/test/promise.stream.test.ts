/** What `parallelStream` promises to code without Effect. Real promises and timers: what is asserted is order and outcome. */
import { setImmediate as turn } from "node:timers/promises"
import { createExecutor, type Outcome, parallelStream, SourceFailed, stop } from "@skein/parallel/promise"
import { describe, expect, it } from "vitest"
import { forEver, gate, soon, watchRejections } from "./promise.kit.ts"

watchRejections()

/** All outcomes in a word each, and what it failed with. */
const read = async (stream: AsyncIterable<Outcome<unknown>>): Promise<{ readonly words: Array<string>; readonly error?: unknown }> => {
  const words: Array<string> = []
  try {
    for await (const outcome of stream) words.push(`${outcome.index} ${outcome.status}`)
    return { words }
  } catch (error) {
    return { words, error }
  }
}

function* naturals(pulled: Array<number> = []) {
  for (let n = 0; ; n++) {
    pulled.push(n)
    yield n
  }
}

describe("parallelStream", () => {
  it("gives outcomes as they come, or in input order", async () => {
    for (const [order, expected] of [
      ["completion", [2, 0, 1]],
      ["input", [0, 1, 2]]
    ] as const) {
      const doors = [gate(), gate(), gate()]
      const seen: Array<number> = []
      const reading = (async () => {
        for await (const { index } of parallelStream(doors, ({ promise }) => promise, { order })) seen.push(index)
      })()
      for (const n of [2, 0, 1]) {
        doors[n]!.resolve()
        await turn()
      }
      await reading
      expect(seen).toEqual(expected)
    }
  })

  it("failures are outcomes, and the others go on", async () => {
    const failing = parallelStream([0, 1, 2], (n) => (n === 1 ? Promise.reject(new Error("one")) : n), { order: "input" })
    expect(await read(failing)).toEqual({ words: ["0 completed", "1 failed", "2 completed"] })
  })

  it("`interrupt` gives what started, then throws the error itself", async () => {
    const error = new Error("one")
    const work = async (n: number, _i: number, task: { readonly signal: AbortSignal }) => {
      if (n === 1) throw error
      return n === 0 ? n : forEver(task)
    }
    const stream = parallelStream([0, 1, 2, 3, 4], work, { onFailure: "interrupt", concurrency: 3, order: "input" })
    const found = await read(stream)
    expect(found.words.slice(0, 3)).toEqual(["0 completed", "1 failed", "2 cancelled"])
    expect(found.error).toBe(error)
  })

  it("leaving the loop stops what runs, waits for it, and closes the source", async () => {
    const events: Array<string> = []
    function* source() {
      try {
        yield* naturals()
      } finally {
        events.push("source closed")
      }
    }
    const work = async (n: number, _i: number, { signal }: { readonly signal: AbortSignal }) => {
      if (n === 0) return n
      await forEver({ signal }).catch(() => {})
      await turn()
      events.push(`${n} clean`)
      throw signal.reason
    }
    for await (const _ of parallelStream(source(), work, { concurrency: 3 })) break
    events.push("left")
    expect(events.slice(-2)).toEqual(["source closed", "left"])
    expect(events.filter((event) => event.endsWith("clean")).length).toBeGreaterThanOrEqual(2)
  })

  it("a loop that throws is left in the same way", async () => {
    let clean = 0
    const work = (n: number, _i: number, task: { readonly signal: AbortSignal }) => (n === 0 ? n : forEver(task).finally(() => clean++))
    const error = await (async () => {
      for await (const _ of parallelStream([0, 1], work)) throw new Error("reader")
    })().catch((thrown: unknown) => thrown)
    expect([String(error), clean]).toEqual(["Error: reader", 1])
  })

  it("pulls no more than `concurrency + buffer` ahead of its reader", async () => {
    for (const [concurrency, buffer] of [
      [1, 0],
      [2, 0],
      [2, 3],
      [4, 1]
    ] as const) {
      const pulled: Array<number> = []
      let ahead = 0
      let read = 0
      for await (const _ of parallelStream(naturals(pulled), async (n) => n, { concurrency, buffer })) {
        for (let i = 0; i < 3; i++) await turn()
        ahead = Math.max(ahead, pulled.length - read)
        if (++read === 30) break
      }
      expect(ahead).toBe(concurrency + buffer)
    }
  })

  it("starts nothing before it is asked, and each iteration is a call of its own", async () => {
    const started: Array<number> = []
    const stream = parallelStream([1, 2], (n) => void started.push(n), { order: "input" })
    await turn()
    expect(started).toEqual([])
    expect((await read(stream)).words).toEqual(["0 completed", "1 completed"])
    expect((await read(stream)).words).toEqual(["0 completed", "1 completed"])
    expect(started).toEqual([1, 2, 1, 2])
    const unused = stream[Symbol.asyncIterator]()
    expect(await unused.return!()).toEqual({ done: true, value: undefined })
    expect(await unused.next()).toEqual({ done: true, value: undefined })
  })

  it("several `next` at once are answered in turn, and after the end for ever with the end", async () => {
    const iterator = parallelStream([0, 1, 2], async (n) => n, { order: "input" })[Symbol.asyncIterator]()
    const answers = await Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next(), iterator.next()])
    expect(answers.map(({ done, value }) => (done === true ? "end" : value.index))).toEqual([0, 1, 2, "end", "end"])
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  it("`return` answers readers that wait with the end", async () => {
    const iterator = parallelStream([0], (_n, _i, task) => forEver(task))[Symbol.asyncIterator]()
    const waiting = iterator.next()
    await turn()
    const left = iterator.return!()
    expect([await waiting, await left]).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined }
    ])
  })

  it("a source that throws: what ran is given first", async () => {
    function* broken() {
      yield 0
      throw new Error("source")
    }
    const found = await read(parallelStream(broken(), async (n) => n))
    expect(found.words).toEqual(["0 completed"])
    expect(found.error).toBeInstanceOf(SourceFailed)
    expect((found.error as SourceFailed).cause).toEqual(new Error("source"))
  })

  it("timeout, signal and stop: what ran, then what never started, then the end", async () => {
    const work = (n: number, _i: number, task: { readonly signal: AbortSignal }) => (n === 0 ? n : forEver(task))
    const cut = await read(parallelStream([0, 1, 2, 3], work, { timeout: soon, concurrency: 1, order: "input" }))
    expect(cut.words).toEqual(["0 completed", "1 timeout", "2 notStarted", "3 notStarted"])
    const controller = new AbortController()
    const reading = read(parallelStream(naturals(), work, { signal: controller.signal, concurrency: 2, order: "input" }))
    await turn()
    controller.abort()
    expect((await reading).words.slice(0, 2)).toEqual(["0 completed", "1 cancelled"])
    const ended = await read(parallelStream([0, 1, 2, 3], (n) => (n === 1 ? stop : n), { concurrency: 1, order: "input" }))
    expect(ended.words).toEqual(["0 completed", "1 skipped", "2 notStarted", "3 notStarted"])
  })

  it("closing its executor ends it with ExecutorClosed, after what it had", async () => {
    const executor = createExecutor({ concurrency: 2 })
    const stream = executor.stream([0, 1], (n, _i, task) => (n === 0 ? n : forEver(task)), { order: "input" })
    const reading = read(stream)
    await turn()
    await executor.close()
    const { error, words } = await reading
    expect([words, (error as Error).name]).toEqual([["0 completed", "1 cancelled"], "ExecutorClosed"])
  })

  it("refuses wrong options at once", () => {
    const refused = (options: object, message: string | RegExp): void =>
      expect(() => parallelStream([1], () => 1, options)).toThrow(message)
    refused({ buffer: -1 }, "parallelStream: buffer must be a whole number of at least 0, got -1")
    refused({ order: "any" }, 'parallelStream: order must be "completion" | "input", got "any"')
    refused({ onFailure: "collect" }, 'parallelStream: onFailure must be "isolate" | "interrupt", got "collect"')
    refused({ onTimeout: "fail" }, /unknown option "onTimeout"/)
  })
})
