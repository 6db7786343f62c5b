/**
 * The façade can do what p-map, p-limit and p-queue do: each has an adapter of a few lines on ours, and the same cases hold for the library and for its adapter.
 *
 * Real timers and promises: what is asserted is order and outcome, never how long something took.
 */
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises"
import { skip, stop } from "@skein/parallel/promise"
import realLimit from "p-limit"
import realMap, { pMapIterable, pMapKeyed, pMapSettled, pMapSkip, pMapStop } from "p-map"
import RealQueue from "p-queue"
import { describe, expect, it } from "vitest"
import { gate, rejection, watchRejections } from "./promise.kit.ts"
import { ownLimit, ownMap, ownMapIterable, ownMapKeyed, ownMapSettled, OwnQueue } from "./promise.adapters.ts"

// ------------------------------------------------------------------------------------------------------------------------------------
// What the cases share
// ------------------------------------------------------------------------------------------------------------------------------------

watchRejections()

const bothOf = (name: string, libraries: ReadonlyArray<readonly [string, any]>, cases: (library: any) => void): void => {
  for (const [which, library] of libraries) describe(`${name}: ${which}`, () => void cases(library))
}

// ------------------------------------------------------------------------------------------------------------------------------------
// p-map
// ------------------------------------------------------------------------------------------------------------------------------------

const maps = [
  ["the library", { map: realMap, settled: pMapSettled, keyed: pMapKeyed, iterable: pMapIterable, skip: pMapSkip, stop: pMapStop }],
  ["on ours", { map: ownMap, settled: ownMapSettled, keyed: ownMapKeyed, iterable: ownMapIterable, skip, stop }]
] as const

bothOf("p-map", maps, (lib) => {
  it("gives values in input order, whichever comes first", async () => {
    const doors = [gate(), gate(), gate()]
    const ended: Array<number> = []
    const mapped = lib.map([0, 1, 2], async (n: number) => {
      await doors[n]!.promise
      ended.push(n)
      return n * 10
    })
    for (const n of [2, 0, 1]) {
      doors[n]!.resolve()
      await turn()
    }
    expect(await mapped).toEqual([0, 10, 20])
    expect(ended).toEqual([2, 0, 1])
  })

  it("runs never more than `concurrency`, and no fewer while there is work", async () => {
    let running = 0
    let peak = 0
    await lib.map(
      Array.from({ length: 20 }),
      async () => {
        peak = Math.max(peak, ++running)
        await turn()
        running--
      },
      { concurrency: 3 }
    )
    expect(peak).toBe(3)
  })

  it("passes item and index, and awaits items that are promises", async () => {
    const seen: Array<unknown> = []
    await lib.map([Promise.resolve("a"), "b"], (item: string, i: number) => void seen.push([item, i]), { concurrency: 1 })
    expect(seen).toEqual([
      ["a", 0],
      ["b", 1]
    ])
  })

  it("takes what is no promise, iterables and async iterables", async () => {
    async function* numbers() {
      yield 1
      yield 2
    }
    expect(await lib.map(new Set([1, 2]), (n: number) => n + 1)).toEqual([2, 3])
    expect(await lib.map(numbers(), (n: number) => n + 1, { concurrency: 1 })).toEqual([2, 3])
    expect(await lib.map([], (n: number) => n)).toEqual([])
  })

  it("rejects with the first error itself, and starts nothing after it", async () => {
    const error = new Error("two")
    const started: Array<number> = []
    const mapped = lib.map(
      [1, 2, 3, 4],
      async (n: number) => {
        started.push(n)
        if (n === 2) throw error
      },
      { concurrency: 1 }
    )
    expect(await rejection(mapped)).toBe(error)
    await turn()
    expect(started).toEqual([1, 2])
  })

  it("without `stopOnError` does everything, then rejects with all errors in input order", async () => {
    const doors = [gate(), gate(), gate()]
    const mapped = lib.map(
      [0, 1, 2],
      async (n: number) => {
        await doors[n]!.promise
        if (n !== 1) throw new Error(`error ${n}`)
      },
      { stopOnError: false }
    )
    const rejected = rejection(mapped)
    for (const n of [2, 1, 0]) {
      doors[n]!.resolve()
      await turn()
    }
    const error = await rejected
    expect(error).toBeInstanceOf(AggregateError)
    expect(error.errors.map(String)).toEqual(["Error: error 0", "Error: error 2"])
  })

  it("an item that rejects is as an error of the mapper, which is not called for it", async () => {
    const called: Array<unknown> = []
    const items = [Promise.reject(new Error("item")), 2]
    expect(String(await rejection(lib.map(items, (item: unknown) => void called.push(item), { concurrency: 1 })))).toBe("Error: item")
    expect(called).toEqual([])
  })

  it("a mapper that throws at once rejects too", async () => {
    expect(
      String(
        await rejection(
          lib.map([1], () => {
            throw new Error("at once")
          })
        )
      )
    ).toBe("Error: at once")
  })

  it("leaves out what is skipped", async () => {
    expect(await lib.map([1, 2, 3], async (n: number) => (n === 2 ? lib.skip : n))).toEqual([1, 3])
  })

  it("a stop keeps what is before it, waits for it, and pulls no more", async () => {
    const pulled: Array<number> = []
    function* numbers() {
      for (let n = 0; ; n++) {
        pulled.push(n)
        yield n
      }
    }
    const slow = gate()
    const mapped = lib.map(
      numbers(),
      async (n: number) => {
        if (n === 0) await slow.promise
        return n === 2 ? lib.stop : n
      },
      { concurrency: 3 }
    )
    await turn()
    slow.resolve()
    expect(await mapped).toEqual([0, 1])
    const before = pulled.length
    await turn()
    expect(pulled.length).toBe(before)
    expect(before).toBeLessThan(8)
  })

  it("an abort rejects with the signal's reason, whatever it is", async () => {
    const controller = new AbortController()
    const mapped = lib.map([1, 2, 3], async () => turn(), { concurrency: 1, signal: controller.signal })
    controller.abort("enough")
    expect(await rejection(mapped)).toBe("enough")
    const called: Array<unknown> = []
    const reason = new Error("before")
    expect(await rejection(lib.map([1], (n: number) => void called.push(n), { signal: AbortSignal.abort(reason) }))).toBe(reason)
    expect(called).toEqual([])
  })

  it("a source that throws midway rejects with what it threw", async () => {
    function* broken() {
      yield 1
      throw new Error("source")
    }
    async function* brokenLater() {
      yield 1
      throw new Error("source")
    }
    // One at a time: p-map asks an async generator for several items at once, and takes the answer after the error for its end.
    const one = { concurrency: 1 }
    expect(String(await rejection(lib.map(broken(), (n: number) => n, one)))).toBe("Error: source")
    expect(String(await rejection(lib.map(brokenLater(), (n: number) => n, one)))).toBe("Error: source")
  })

  it("settled: values and errors side by side", async () => {
    const error = new Error("two")
    const settled = await lib.settled(
      [1, 2, 3, 4],
      async (n: number) => {
        if (n === 2) throw error
        return n === 3 ? lib.skip : n
      },
      { concurrency: 2 }
    )
    expect(settled).toEqual([
      { status: "fulfilled", value: 1 },
      { status: "rejected", reason: error },
      { status: "fulfilled", value: 4 }
    ])
  })

  it("keyed: an object gives an object, a map a map", async () => {
    const mapper = async (n: number, key: string) => (n === 2 ? lib.skip : `${key}${n}`)
    const found = await lib.keyed({ a: 1, b: 2, c: Promise.resolve(3) }, mapper, { concurrency: 2 })
    expect({ ...found }).toEqual({ a: "a1", c: "c3" })
    expect(Object.getPrototypeOf(found)).toBe(null)
    expect(await lib.keyed(new Map([["x", 1]]), mapper)).toEqual(new Map([["x", "x1"]]))
  })

  it("iterable: gives values in order, and as they come without it", async () => {
    const doors = [gate(), gate(), gate()]
    const read = async (preserveOrder: boolean): Promise<Array<number>> => {
      const doors = [gate(), gate(), gate()]
      const found: Array<number> = []
      const reading = (async () => {
        const mapper = async (n: number) => (await doors[n]!.promise, n)
        for await (const n of lib.iterable([0, 1, 2], mapper, { concurrency: 3, preserveOrder })) found.push(n)
      })()
      for (const n of [2, 0, 1]) {
        doors[n]!.resolve()
        await turn()
      }
      await reading
      return found
    }
    for (const door of doors) door.resolve()
    expect(await read(true)).toEqual([0, 1, 2])
    expect(await read(false)).toEqual([2, 0, 1])
  })

  it("iterable: pulls no further ahead of its reader than `backpressure`", async () => {
    let pulled = 0
    function* numbers() {
      for (let n = 0; n < 40; n++) {
        pulled++
        yield n
      }
    }
    let read = 0
    let ahead = 0
    for await (const _ of lib.iterable(numbers(), async (n: number) => n, { concurrency: 2, backpressure: 4 })) {
      read++
      for (let i = 0; i < 3; i++) await turn()
      ahead = Math.max(ahead, pulled - read)
    }
    expect(read).toBe(40)
    expect(ahead).toBeLessThanOrEqual(4)
    expect(ahead).toBeGreaterThanOrEqual(2)
  })

  it("iterable: leaving the loop closes the source", async () => {
    let closed = false
    function* numbers() {
      try {
        for (let n = 0; ; n++) yield n
      } finally {
        closed = true
      }
    }
    for await (const n of lib.iterable(numbers(), async (n: number) => n, { concurrency: 2 })) if (n === 3) break
    expect(closed).toBe(true)
  })

  it("iterable: an error comes where its value would have been", async () => {
    const found: Array<number> = []
    const reading = (async () => {
      const mapper = async (n: number) => {
        if (n === 2) throw new Error("two")
        return n
      }
      for await (const n of lib.iterable([0, 1, 2, 3], mapper, { concurrency: 2 })) found.push(n)
    })()
    expect(String(await rejection(reading))).toBe("Error: two")
    expect(found).toEqual([0, 1])
  })

  it("refuses what is no iterable, no function, no bound", async () => {
    const refused = async (call: () => Promise<unknown>): Promise<boolean> => {
      try {
        await call()
        return false
      } catch (error) {
        return error instanceof TypeError || error instanceof RangeError
      }
    }
    expect(await refused(() => lib.map(3, () => 1))).toBe(true)
    expect(await refused(() => lib.map([1], 3))).toBe(true)
    expect(await refused(() => lib.map([1], () => 1, { concurrency: 0 }))).toBe(true)
    expect(await refused(() => lib.map([1], () => 1, { concurrency: 1.5 }))).toBe(true)
  })
})

// ------------------------------------------------------------------------------------------------------------------------------------
// p-limit
// ------------------------------------------------------------------------------------------------------------------------------------

const limits = [
  ["the library", (concurrency: number) => realLimit({ concurrency, rejectOnClear: true })],
  ["on ours", ownLimit]
] as const

bothOf("p-limit", limits, (make) => {
  it("runs at most so many, first come, first served, with their arguments", async () => {
    const limit = make(2)
    const started: Array<string> = []
    let running = 0
    let peak = 0
    const task = async (a: string, b: number) => {
      started.push(a + b)
      peak = Math.max(peak, ++running)
      await turn()
      running--
      return a + b
    }
    expect(await Promise.all(["a", "b", "c", "d"].map((name, i) => limit(task, name, i)))).toEqual(["a0", "b1", "c2", "d3"])
    expect(started).toEqual(["a0", "b1", "c2", "d3"])
    expect(peak).toBe(2)
  })

  it("an error rejects its own promise and no other", async () => {
    const limit = make(1)
    const bad = limit(async () => {
      throw new Error("bad")
    })
    const worse = limit(() => {
      throw new Error("worse")
    })
    const good = limit(() => "good")
    expect(String(await rejection(bad))).toBe("Error: bad")
    expect(String(await rejection(worse))).toBe("Error: worse")
    expect(await good).toBe("good")
  })

  it("counts what runs and what waits", async () => {
    const limit = make(2)
    const door = gate()
    const all = [1, 2, 3, 4, 5].map(() => limit(() => door.promise))
    await turn()
    expect([limit.activeCount, limit.pendingCount]).toEqual([2, 3])
    door.resolve()
    await Promise.all(all)
    await turn()
    expect([limit.activeCount, limit.pendingCount]).toEqual([0, 0])
  })

  it("clearing rejects what waits with an AbortError, and leaves what runs", async () => {
    const limit = make(1)
    const door = gate<string>()
    const first = limit(() => door.promise)
    const second = rejection(limit(() => "never"))
    await turn()
    limit.clearQueue()
    expect((await second).name).toBe("AbortError")
    expect(limit.pendingCount).toBe(0)
    door.resolve("done")
    expect(await first).toBe("done")
    expect(await limit(() => "later")).toBe("later")
  })

  it("its bound may be changed: more start at once", async () => {
    const limit = make(1)
    const door = gate()
    const all = [1, 2, 3].map(() => limit(() => door.promise))
    await turn()
    expect(limit.activeCount).toBe(1)
    limit.concurrency = 3
    await turn()
    expect([limit.concurrency, limit.activeCount]).toEqual([3, 3])
    door.resolve()
    await Promise.all(all)
  })

  it("maps with item and index", async () => {
    expect(await make(2).map(new Set(["a", "b"]), async (item: string, i: number) => item + i)).toEqual(["a0", "b1"])
  })

  it("a task runs in the async context of its caller", async () => {
    const { AsyncLocalStorage } = await import("node:async_hooks")
    const storage = new AsyncLocalStorage<string>()
    const limit = make(1)
    const names = ["a", "b", "c"]
    const seen = await Promise.all(names.map((name) => storage.run(name, () => limit(async () => (await turn(), storage.getStore())))))
    expect(seen).toEqual(names)
  })
})

// ------------------------------------------------------------------------------------------------------------------------------------
// p-queue
// ------------------------------------------------------------------------------------------------------------------------------------

bothOf(
  "p-queue",
  [
    ["the library", RealQueue],
    ["on ours", OwnQueue]
  ] as const,
  (Queue) => {
    it("serves by priority, and by arrival within one", async () => {
      const queue = new Queue({ concurrency: 1, autoStart: false })
      const order: Array<string> = []
      const add = (name: string, priority?: number) =>
        queue.add(async () => void order.push(name), priority === undefined ? {} : { priority })
      const all = [add("b"), add("z", -1), add("c"), add("a", 1), add("a2", 1)]
      expect([queue.size, queue.pending, queue.isPaused]).toEqual([5, 0, true])
      queue.start()
      await Promise.all(all)
      expect(order).toEqual(["a", "a2", "b", "c", "z"])
    })

    it("gives results, of many in their order", async () => {
      const queue = new Queue({ concurrency: 2 })
      expect(await queue.add(() => "one")).toBe("one")
      expect(await queue.addAll([async () => 1, async () => 2, () => 3])).toEqual([1, 2, 3])
      expect(
        String(
          await rejection(
            queue.add(async () => {
              throw new Error("bad")
            })
          )
        )
      ).toBe("Error: bad")
    })

    it("pauses and goes on", async () => {
      const queue = new Queue({ concurrency: 1 })
      const door = gate()
      const first = queue.add(() => door.promise)
      queue.pause()
      let ran = false
      const second = queue.add(async () => (ran = true))
      door.resolve()
      await first
      await queue.onPendingZero()
      await turn()
      expect([ran, queue.size, queue.pending]).toEqual([false, 1, 0])
      queue.start()
      await second
      expect(ran).toBe(true)
    })

    it("tells when nothing waits, when little waits, and when nothing is left", async () => {
      const queue = new Queue({ concurrency: 1 })
      const doors = [gate(), gate(), gate()]
      const events: Array<string> = []
      for (const [i, { promise }] of doors.entries()) void queue.add(() => promise.then(() => events.push(`task ${i}`)))
      const waits = [
        queue.onSizeLessThan(2).then(() => events.push("less than 2")),
        queue.onEmpty().then(() => events.push("empty")),
        queue.onIdle().then(() => events.push("idle"))
      ]
      for (const { resolve } of doors) {
        for (let i = 0; i < 3; i++) await turn()
        resolve()
      }
      await Promise.all(waits)
      expect(events).toEqual(["task 0", "less than 2", "task 1", "empty", "task 2", "idle"])
      await Promise.all([queue.onIdle(), queue.onEmpty()])
    })

    it("clearing rejects what waits with an AbortError, which need not be handled", async () => {
      const queue = new Queue({ concurrency: 1 })
      const door = gate()
      const first = queue.add(() => door.promise)
      const second = queue.add(() => "never")
      void queue.add(() => "never, and nobody asks")
      queue.clear()
      expect((await rejection(second)).name).toBe("AbortError")
      expect(queue.size).toBe(0)
      door.resolve()
      await first
    })

    it("a signal takes off the queue what waits, with its reason", async () => {
      const queue = new Queue({ concurrency: 1 })
      const door = gate()
      const first = queue.add(() => door.promise)
      const controller = new AbortController()
      let ran = false
      const second = queue.add(async () => (ran = true), { signal: controller.signal })
      controller.abort("not wanted")
      expect(await rejection(second)).toBe("not wanted")
      expect(await rejection(queue.add(() => 1, { signal: AbortSignal.abort("never was") }))).toBe("never was")
      expect(queue.size).toBe(0)
      door.resolve()
      await first
      expect(ran).toBe(false)
    })

    it("a signal reaches what runs", async () => {
      const queue = new Queue({ concurrency: 1 })
      const controller = new AbortController()
      const running = queue.add(async ({ signal }: { signal: AbortSignal }) => sleep(3_600_000, undefined, { signal }), {
        signal: controller.signal
      })
      await turn()
      controller.abort(new Error("stop it"))
      expect(String(await rejection(running))).toBe("Error: stop it")
      expect(await queue.add(() => "next")).toBe("next")
    })

    it("a timeout counts from the start of a task, and rejects with a TimeoutError", async () => {
      const queue = new Queue({ concurrency: 1, timeout: 20 })
      let error: unknown
      const running = queue.add(async ({ signal }: { signal: AbortSignal }) => {
        await sleep(3_600_000, undefined, { signal }).catch(() => {})
        error = signal.reason
        throw signal.reason
      })
      expect((await rejection(running)).name).toBe("TimeoutError")
      await turn()
      expect((error as Error).name).toBe("TimeoutError")
      expect(await queue.add(() => "in time")).toBe("in time")
      const patient = queue.add(() => sleep(40, "patient"), { timeout: 3_600_000 })
      expect(await patient).toBe("patient")
    })

    it("its bound may be changed while it works", async () => {
      const queue = new Queue({ concurrency: 1 })
      const doors = [gate(), gate(), gate(), gate()]
      const all = doors.map(({ promise }) => queue.add(() => promise))
      await turn()
      queue.concurrency = 3
      await turn()
      expect([queue.concurrency, queue.pending, queue.size]).toEqual([3, 3, 1])
      queue.concurrency = 1
      doors[0]!.resolve()
      doors[1]!.resolve()
      await Promise.all([all[0], all[1]])
      await turn()
      expect([queue.pending, queue.size]).toEqual([1, 1])
      for (const { resolve } of doors) resolve()
      await Promise.all(all)
    })

    it("starts no more within an interval than `intervalCap`, and the rest later", async () => {
      const queue = new Queue({ concurrency: 10, intervalCap: 2, interval: 3_600_000 })
      const started: Array<number> = []
      for (let i = 0; i < 5; i++) void queue.add(async () => void started.push(i)).catch(() => {})
      for (let i = 0; i < 5; i++) await turn()
      expect(started).toEqual([0, 1])
      expect(queue.size).toBe(3)
      queue.clear()
      await queue.onIdle()
      const quick = new Queue({ concurrency: 10, intervalCap: 2, interval: 15 })
      const starts: Array<number> = []
      await Promise.all(Array.from({ length: 6 }, () => quick.add(async () => void starts.push(performance.now()))))
      // Of any three that follow each other the last is an interval after the first, whatever the machine does; a millisecond for the rounding of timers.
      for (let i = 4; i < starts.length; i += 2) expect(starts[i]! - starts[i - 4]!).toBeGreaterThanOrEqual(14)
      expect(starts.length).toBe(6)
    })
  }
)
