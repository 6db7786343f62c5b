/**
 * Measures single calls of a task that does nothing, in two workers, with so many in flight: the worker and process flavours with schemas inside fibers, against piscina (as it comes, and at its best setting: 32 tasks a worker),
 * tinypool and workerpool, which take promises and check nothing.
 */
import * as Processes from "@skein/node/Processes"
import * as Workers from "@skein/node/Workers"
import { parallelMap } from "@skein/parallel/parallelMap"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Piscina } from "piscina"
import { Tinypool } from "tinypool"
import workerpool from "workerpool"
import { type Comparison, main, size, type Watch } from "./kit/bench.ts"
import * as tasks from "./pools/tasks.ts"

const threads = 2
const filename = new URL("./pools/add.ts", import.meta.url).href

/** Keeps so many calls in flight, without anything around them that would cost more than the loop. */
const inFlight = async (n: number, width: number, call: (i: number) => Promise<number>): Promise<number> => {
  let next = 0
  let sum = 0
  const lane = async (): Promise<void> => {
    while (next < n) {
      const value = await call(next++)
      sum += value
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, n) }, lane))
  return sum
}

const sumOf = (n: number): number => (n * (n + 1)) / 2

const flavour = (layer: Layer.Layer<any>, task: typeof tasks.add) => {
  const runtime = ManagedRuntime.make(layer)
  return {
    run: (n: number, width: number) =>
      runtime.runPromise(
        Effect.map(
          parallelMap(
            Array.from({ length: n }, (_, i) => i),
            (a) => task({ a, b: 1 }),
            { concurrency: width }
          ),
          (result) => result.outcomes.reduce((sum, outcome) => sum + (outcome._tag === "Completed" ? outcome.value : NaN), 0)
        )
      ),
    close: () => runtime.dispose()
  }
}

interface Pool {
  readonly run: (n: number, width: number) => Promise<number>
  readonly close: () => Promise<unknown>
}

const pools: Readonly<Record<string, () => Pool>> = {
  "piscina, 32 tasks a worker": () => {
    const pool = new Piscina<{ a: number; b: number }, number>({
      filename,
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 32,
      atomics: "async"
    })
    return { run: (n, width) => inFlight(n, width, (a) => pool.run({ a, b: 1 }, { name: "add" })), close: () => pool.destroy() }
  },
  piscina: () => {
    const pool = new Piscina<{ a: number; b: number }, number>({ filename, minThreads: threads, maxThreads: threads })
    return { run: (n, width) => inFlight(n, width, (a) => pool.run({ a, b: 1 }, { name: "add" })), close: () => pool.destroy() }
  },
  tinypool: () => {
    const pool = new Tinypool({ filename, minThreads: threads, maxThreads: threads })
    return {
      run: (n, width) => inFlight(n, width, (a) => pool.run({ a, b: 1 }, { name: "add" }) as Promise<number>),
      close: () => pool.destroy()
    }
  },
  workerpool: () => {
    const pool = workerpool.pool(new URL("./pools/workerpoolAdd.mjs", import.meta.url).pathname, {
      minWorkers: threads,
      maxWorkers: threads,
      workerType: "thread"
    })
    return {
      run: (n, width) => inFlight(n, width, async (a) => (await pool.exec("add", [{ a, b: 1 }])) as number),
      close: async () => pool.terminate()
    }
  },
  "worker flavour": () => flavour(Workers.layer({ size: threads, minimum: threads }), tasks.add),
  "worker flavour, plain function": () => flavour(Workers.layer({ size: threads, minimum: threads }), tasks.addPlain),
  "process flavour": () => flavour(Processes.layer({ size: threads, minimum: threads }), tasks.add)
}

const comparison = (width: number, n: number): Comparison<number> => ({
  title: `single calls, ${width} in flight`,
  n,
  baseline: "piscina, 32 tasks a worker",
  check: (sum) => (sum === sumOf(n) ? undefined : `the sum is ${sum}, not ${sumOf(n)}`),
  unit: "ns a call",
  subjects: Object.entries(pools).map(([name, make]) => ({
    name,
    run: async (watch: Watch) => {
      const pool = make()
      try {
        // The first calls load the task's module in each worker.
        await pool.run(Math.min(n, 2_000), 64)
        watch.start()
        const sum = await pool.run(n, width)
        watch.stop()
        return sum
      } finally {
        await pool.close()
      }
    }
  }))
})

await main([
  comparison(1, size(4_000)),
  comparison(4, size(10_000)),
  comparison(16, size(40_000)),
  comparison(64, size(60_000)),
  comparison(512, size(60_000))
])
