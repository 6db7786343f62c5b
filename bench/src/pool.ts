/**
 * Measures single calls of a task that does nothing, in two workers, with so many in flight: the worker and process flavours with schemas inside fibers, against Effect RPC over worker
 * threads, and against piscina (as it comes, and at its best setting: 32 tasks a worker), tinypool and workerpool, which take promises and check nothing.
 *
 * "Cancellation armed": each call can be stopped. Ours and Effect RPC run under `taskTimeout`; piscina and tinypool get a signal of their own for each call, workerpool a `timeout`.
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
import { type Comparison, main, size, smoke } from "./kit/bench.ts"
import { open as openRpc } from "./pools/rpcClient.ts"
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

interface Pool {
  readonly run: (n: number, width: number) => Promise<number>
  readonly close: () => Promise<unknown>
}

const inFibers = (call: (a: number) => Effect.Effect<number, unknown>, armed: boolean, n: number, width: number) =>
  Effect.map(
    parallelMap(
      Array.from({ length: n }, (_, i) => i),
      call,
      { concurrency: width, taskTimeout: armed ? "1 minute" : undefined }
    ),
    (result) => result.outcomes.reduce((sum, outcome) => sum + (outcome._tag === "Completed" ? outcome.value : NaN), 0)
  )

const flavour = (layer: Layer.Layer<any>, task: typeof tasks.add, armed: boolean): Pool => {
  const runtime = ManagedRuntime.make(layer)
  return {
    run: (n, width) => runtime.runPromise(inFibers((a) => task({ a, b: 1 }), armed, n, width)),
    close: () => runtime.dispose()
  }
}

const signalled = (armed: boolean): { readonly signal?: AbortSignal } => (armed ? { signal: new AbortController().signal } : {})

const piscina = (armed: boolean, tasksEach: number): Pool => {
  const pool = new Piscina<{ a: number; b: number }, number>({
    filename,
    minThreads: threads,
    maxThreads: threads,
    ...(tasksEach === 1 ? {} : { concurrentTasksPerWorker: tasksEach, atomics: "async" })
  })
  return {
    run: (n, width) => inFlight(n, width, (a) => pool.run({ a, b: 1 }, { name: "add", ...signalled(armed) })),
    close: () => pool.destroy()
  }
}

const pools: Readonly<Record<string, (armed: boolean) => Pool | Promise<Pool>>> = {
  "piscina, 32 tasks a worker": (armed) => piscina(armed, 32),
  piscina: (armed) => piscina(armed, 1),
  tinypool: (armed) => {
    const pool = new Tinypool({ filename, minThreads: threads, maxThreads: threads })
    return {
      run: (n, width) => inFlight(n, width, (a) => pool.run({ a, b: 1 }, { name: "add", ...signalled(armed) }) as Promise<number>),
      close: () => pool.destroy()
    }
  },
  workerpool: (armed) => {
    const pool = workerpool.pool(new URL("./pools/workerpoolAdd.mjs", import.meta.url).pathname, {
      minWorkers: threads,
      maxWorkers: threads,
      workerType: "thread"
    })
    const call = (a: number) => (armed ? pool.exec("add", [{ a, b: 1 }]).timeout(60_000) : pool.exec("add", [{ a, b: 1 }]))
    return {
      run: (n, width) => inFlight(n, width, async (a) => (await call(a)) as number),
      close: async () => pool.terminate()
    }
  },
  "Effect RPC over workers": async (armed) => {
    const { add, close } = await openRpc(threads)
    return { run: (n, width) => Effect.runPromise(inFibers((a) => add({ a, b: 1 }), armed, n, width)), close }
  },
  "worker flavour": (armed) => flavour(Workers.layer({ size: threads, minimum: threads }), tasks.add, armed),
  "worker flavour, plain function": (armed) => flavour(Workers.layer({ size: threads, minimum: threads }), tasks.addPlain, armed),
  "process flavour": (armed) => flavour(Processes.layer({ size: threads, minimum: threads }), tasks.add, armed)
}

/** A pool lives as long as this process: engines of threads warm up slowly. Those that are not in use have nothing to do. */
const opened = new Map<string, Pool>()

const comparison = (width: number, n: number, armed: boolean): Comparison<number> => ({
  title: `single calls, ${width} in flight${armed ? ", cancellation armed" : ""}`,
  n,
  baseline: "piscina, 32 tasks a worker",
  check: (sum) => (sum === sumOf(n) ? undefined : `the sum is ${sum}, not ${sumOf(n)}`),
  unit: "ns a call",
  warmUps: 3,
  runs: 3,
  subjects: Object.entries(pools).map(([name, make]) => ({
    name,
    run: async () => {
      const key = `${name}, ${armed}`
      if (!opened.has(key)) opened.set(key, await make(armed))
      return await opened.get(key)!.run(n, width)
    }
  }))
})

const calls = new Map([
  [1, 2_000],
  [4, 5_000],
  [16, 12_000],
  [64, 20_000],
  [512, 20_000]
])
const widths = smoke ? [4] : [...calls.keys()]

await main([false, true].flatMap((armed) => widths.map((width) => comparison(width, size(calls.get(width)!), armed))))
await Promise.all([...opened.values()].map(({ close }) => close()))
