/**
 * Measures a map over work that keeps a core busy, about a millisecond a call, in two workers, against the same work in one thread without anything around it.
 *
 * On a machine of two cores the main thread shares them with the workers: what it spends on sending and gathering is missing from the two times that one could have.
 */
import * as Processes from "@skein/node/Processes"
import * as Workers from "@skein/node/Workers"
import { parallelMap } from "@skein/parallel/parallelMap"
import * as Task from "@skein/parallel/Task"
import * as Effect from "effect/Effect"
import type * as GatherResult from "@skein/core/GatherResult"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Piscina } from "piscina"
import { main, size, type Subject, type Table, type Watch } from "./kit/bench.ts"
import { crunch } from "./pools/crunch.ts"
import * as tasks from "./pools/crunchTasks.ts"

const n = size(1_000)
const rounds = size(320_000, 1_000)
const threads = 2
const seeds = Array.from({ length: n }, (_, seed) => ({ seed, rounds }))

const sum = (hashes: Iterable<number>): number => {
  let total = 0
  for (const hash of hashes) total += hash
  return total
}
let expected: number | undefined

interface Pool {
  readonly run: (works: typeof seeds) => Promise<number>
  readonly close: () => Promise<unknown>
}

const subject = (name: string, make: () => Pool): Subject<number> => ({
  name,
  run: async (watch: Watch) => {
    const pool = make()
    try {
      // The workers load the task's module and compile it.
      await pool.run(seeds.slice(0, 40))
      watch.start()
      const total = await pool.run(seeds)
      watch.stop()
      return total
    } finally {
      await pool.close()
    }
  }
})

type Result = GatherResult.GatherResult<number, unknown>

const flavour = (layer: Layer.Layer<any>, run: (works: typeof seeds) => Effect.Effect<Result, unknown>): Pool => {
  const runtime = ManagedRuntime.make(layer)
  return {
    run: (works) =>
      runtime.runPromise(
        Effect.map(run(works), ({ outcomes }) => sum(outcomes.map((outcome) => (outcome._tag === "Completed" ? outcome.value : NaN))))
      ),
    close: () => runtime.dispose()
  }
}

const worker = () => Workers.layer({ size: threads, minimum: threads })
const child = () => Processes.layer({ size: threads, minimum: threads })
const each = (task: typeof tasks.hash) => (works: typeof seeds) => parallelMap(works, (work) => task(work), { concurrency: 8 })

const piscina = (tasksEach: number): Pool => {
  const pool = new Piscina<(typeof seeds)[number], number>({
    filename: new URL("./pools/crunch.ts", import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: tasksEach
  })
  return {
    run: async (works) => {
      let next = 0
      let total = 0
      const lane = async (): Promise<void> => {
        while (next < works.length) {
          const hash = await pool.run(works[next++]!, { name: "crunch" })
          total += hash
        }
      }
      await Promise.all(Array.from({ length: 8 }, lane))
      return total
    },
    close: () => pool.destroy()
  }
}

const speedUps = ([table]: ReadonlyArray<Table>): ReadonlyArray<string> =>
  (table?.rows ?? []).map(({ name, ratio }) => `${name}: ${(1 / ratio.median).toFixed(2)} × one thread`)

await main(
  [
    {
      title: "work of a millisecond, two workers",
      n,
      unit: "ns a call",
      baseline: "one thread",
      warmUps: 1,
      runs: 3,
      check: (total: number) =>
        total === (expected ??= sum(seeds.map(crunch))) ? undefined : `the hashes add up to ${total}, not ${expected}`,
      subjects: [
        subject("one thread", () => ({ run: async (works) => sum(works.map(crunch)), close: async () => {} })),
        subject("piscina", () => piscina(1)),
        subject("piscina, 4 tasks a worker", () => piscina(4)),
        subject("worker flavour", () => flavour(worker(), each(tasks.hash))),
        subject("worker flavour, plain function", () => flavour(worker(), each(tasks.hashPlain))),
        subject("worker flavour, Task.map", () => flavour(worker(), (works) => Task.map(tasks.hash, works))),
        subject("process flavour", () => flavour(child(), each(tasks.hash))),
        subject("process flavour, Task.map", () => flavour(child(), (works) => Task.map(tasks.hash, works)))
      ]
    }
  ],
  speedUps
)
