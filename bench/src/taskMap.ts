/**
 * Measures `Task.map` in two workers over many items that take no time: small objects, numbers, typed arrays of 16 numbers. One outcome for each item, against piscina item by item at its best setting (32 tasks a worker, 64
 * in flight), and piscina with chunks of 256 that its user makes and takes apart by hand, four in flight; both give bare values.
 */
import * as Processes from "@skein/node/Processes"
import * as Workers from "@skein/node/Workers"
import * as Task from "@skein/parallel/Task"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Piscina } from "piscina"
import { type Comparison, main, size, type Subject, type Watch } from "./kit/bench.ts"
import * as tasks from "./pools/bulk.ts"

const threads = 2
const filename = new URL("./pools/bulkPlain.ts", import.meta.url).href

interface Kind<T, A> {
  readonly title: string
  readonly n: number
  readonly item: (i: number) => T
  readonly task: Task.Task<T, A>
  /** What the workers of piscina call it, for one item and for a chunk. */
  readonly one: string
  readonly many: string
  /** What a value adds to the sum, and what that shall be for `n` items. */
  readonly weigh: (value: A) => number
  readonly sum: (n: number) => number
  readonly transfer?: ((chunk: ReadonlyArray<T>) => ReadonlyArray<ArrayBuffer>) | undefined
}

const lanes = async (n: number, run: () => Promise<void>): Promise<void> => {
  await Promise.all(Array.from({ length: n }, run))
}

const piscina = (tasksEach: number) =>
  new Piscina({ filename, minThreads: threads, maxThreads: threads, concurrentTasksPerWorker: tasksEach, atomics: "async" })

type Run<T> = (items: ReadonlyArray<T>) => Promise<number>
interface Pool<T> {
  readonly run: Run<T>
  readonly close: () => Promise<unknown>
}

const itemByItem = <T, A>({ one, weigh }: Kind<T, A>): Pool<T> => {
  const pool = piscina(32)
  return {
    run: async (items) => {
      let next = 0
      let sum = 0
      await lanes(64, async () => {
        while (next < items.length) {
          const value = (await pool.run(items[next++], { name: one })) as A
          sum += weigh(value)
        }
      })
      return sum
    },
    close: () => pool.destroy()
  }
}

const byHand = <T, A>({ many, transfer, weigh }: Kind<T, A>): Pool<T> => {
  const pool = piscina(2)
  return {
    run: async (items) => {
      const results: Array<A> = []
      let next = 0
      await lanes(4, async () => {
        while (next < items.length) {
          const from = next
          const chunk = items.slice(from, (next += 256))
          const transferList = transfer?.(chunk)
          const values = (await pool.run(chunk, {
            name: many,
            ...(transferList === undefined ? {} : { transferList: [...transferList] })
          })) as ReadonlyArray<A>
          for (let i = 0; i < values.length; i++) results[from + i] = values[i]!
        }
      })
      return results.reduce((sum, value) => sum + weigh(value), 0)
    },
    close: () => pool.destroy()
  }
}

const flavour = <T, A>(layer: Layer.Layer<any>, { task, weigh }: Kind<T, A>): Pool<T> => {
  const runtime = ManagedRuntime.make(layer)
  return {
    run: (items) =>
      runtime.runPromise(
        Effect.map(Task.map(task, items), (result) =>
          result.outcomes.reduce((sum, outcome) => sum + (outcome._tag === "Completed" ? weigh(outcome.value as A) : NaN), 0)
        )
      ),
    close: () => runtime.dispose()
  }
}

const comparison = <T, A>(kind: Kind<T, A>): Comparison<number> => {
  const subject = (name: string, n: number, make: () => Pool<T>): Subject<number> => ({
    name,
    n,
    run: async (watch: Watch) => {
      const pool = make()
      try {
        // The first items load the module in each worker.
        await pool.run(Array.from({ length: Math.min(n, 5_000) }, (_, i) => kind.item(i)))
        const items = Array.from({ length: n }, (_, i) => kind.item(i))
        watch.start()
        const sum = await pool.run(items)
        watch.stop()
        return sum
      } finally {
        await pool.close()
      }
    }
  })
  const fewer = size(50_000)
  return {
    title: kind.title,
    n: kind.n,
    unit: "ns an item",
    baseline: "piscina, item by item",
    warmUps: 1,
    runs: 3,
    check: (sum, { n = kind.n }) => (sum === kind.sum(n) ? undefined : `the sum is ${sum}, not ${kind.sum(n)}`),
    subjects: [
      subject("piscina, item by item", fewer, () => itemByItem(kind)),
      subject("piscina, chunks of 256 by hand", kind.n, () => byHand(kind)),
      subject("Task.map, worker flavour", kind.n, () => flavour(Workers.layer({ size: threads, minimum: threads }), kind)),
      subject("Task.map, process flavour", fewer, () => flavour(Processes.layer({ size: threads, minimum: threads }), kind))
    ]
  }
}

const sumTo = (n: number): number => (n * (n - 1)) / 2

await main([
  comparison({
    title: "1M small objects",
    n: size(1_000_000),
    item: (i) => ({ id: i, x: i / 2, y: -i, tag: `point ${i}` }),
    task: tasks.move,
    one: "move",
    many: "moves",
    weigh: ({ id }) => id,
    sum: sumTo
  }),
  comparison({
    title: "1M numbers",
    n: size(1_000_000),
    item: (i) => i * 2,
    task: tasks.half,
    one: "half",
    many: "halves",
    weigh: (value) => value,
    sum: sumTo
  }),
  comparison({
    title: "200k typed arrays of 16 numbers",
    n: size(200_000),
    item: (i) => new Float64Array(16).fill(i / 16),
    task: tasks.total,
    one: "total",
    many: "totals",
    weigh: (value) => value,
    sum: sumTo
  })
])
