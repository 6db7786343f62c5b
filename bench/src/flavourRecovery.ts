/**
 * Measures how long a pool of one worker takes to answer the next call when the worker ends by `process.exit` in the middle of a task: from the death's being known to the caller.
 *
 * tinypool is left out: the call whose worker exits is never answered.
 */
import * as Processes from "@skein/node/Processes"
import * as Workers from "@skein/node/Workers"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Piscina } from "piscina"
import workerpool from "workerpool"
import { main, smoke, type Subject, type Watch } from "./kit/bench.ts"
import { die } from "./pools/dieTask.ts"
import * as tasks from "./pools/tasks.ts"

interface Pool {
  readonly die: () => Promise<unknown>
  readonly next: () => Promise<number>
  readonly close: () => Promise<unknown>
}

const flavour = (layer: Layer.Layer<any>, task: typeof tasks.add): Pool => {
  const runtime = ManagedRuntime.make(layer)
  return {
    die: () => runtime.runPromise(Effect.flip(die(null))),
    next: () => runtime.runPromise(task({ a: 1, b: 2 })),
    close: () => runtime.dispose()
  }
}

const piscina = (): Pool => {
  const filename = new URL("./pools/stopAll.ts", import.meta.url).href
  const pool = new Piscina({ filename, minThreads: 1, maxThreads: 1 })
  return {
    die: () => pool.run(null, { name: "die" }).catch(() => undefined),
    next: () => pool.run({ a: 1, b: 2 }, { name: "add" }) as Promise<number>,
    close: () => pool.destroy()
  }
}

const ofWorkerpool = (): Pool => {
  const pool = workerpool.pool(new URL("./pools/workerpoolStop.mjs", import.meta.url).pathname, { maxWorkers: 1, workerType: "thread" })
  return {
    die: () => Promise.resolve(pool.exec("die", [])).catch(() => undefined),
    next: async () => (await pool.exec("add", [{ a: 1, b: 2 }])) as number,
    close: async () => pool.terminate(true)
  }
}

const subject = (name: string, make: () => Pool): Subject<number> => ({
  name,
  run: async (watch: Watch) => {
    const pool = make()
    try {
      await pool.next()
      // A spare worker has had the time to start.
      await new Promise((resolve) => setTimeout(resolve, smoke ? 0 : 300))
      await pool.die()
      const from = performance.now()
      const sum = await pool.next()
      watch.record(performance.now() - from)
      return sum
    } finally {
      await pool.close()
    }
  }
})

const options = { size: 1, minimum: 1 }

const subjects: ReadonlyArray<Subject<number>> = [
  subject("piscina", piscina),
  subject("workerpool", ofWorkerpool),
  subject("worker flavour, plain function", () => flavour(Workers.layer(options), tasks.addPlain)),
  subject("worker flavour, plain function, a spare", () => flavour(Workers.layer({ ...options, spare: 1 }), tasks.addPlain)),
  subject("worker flavour, effect", () => flavour(Workers.layer(options), tasks.add)),
  subject("worker flavour, effect, a spare", () => flavour(Workers.layer({ ...options, spare: 1 }), tasks.add)),
  subject("process flavour, plain function", () => flavour(Processes.layer(options), tasks.addPlain)),
  subject("process flavour, plain function, a spare", () => flavour(Processes.layer({ ...options, spare: 1 }), tasks.addPlain)),
  subject("process flavour, effect", () => flavour(Processes.layer(options), tasks.add)),
  subject("process flavour, effect, a spare", () => flavour(Processes.layer({ ...options, spare: 1 }), tasks.add))
]

await main([
  {
    title: "from the death of the only worker to the next answer",
    n: 1,
    unit: "ms",
    baseline: "piscina",
    warmUps: smoke ? 0 : 1,
    check: (sum: number) => (sum === 3 ? undefined : `the next call gave ${sum}`),
    subjects: smoke ? subjects.slice(0, 6) : subjects
  }
])
