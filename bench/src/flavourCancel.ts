/**
 * Measures how long a running call takes to be cancelled, in a pool of one worker: until its caller has its answer, and until the pool has answered a further call, which had to wait for the worker or for another in its place.
 *
 * Ours answers the caller when the work has ended, finalizers included; the others answer at once and end their worker meanwhile. A loop that never waits hears no request: ours gives its worker 250 ms to answer, then ends it.
 */
import * as Processes from "@skein/node/Processes"
import * as Workers from "@skein/node/Workers"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Piscina } from "piscina"
import { Tinypool } from "tinypool"
import workerpool from "workerpool"
import { type Comparison, main, smoke, type Subject, type Watch } from "./kit/bench.ts"
import type { Work } from "./pools/stopPlain.ts"
import { command, listens, locked, loop, suspended } from "./pools/stopTasks.ts"
import { add, addPlain } from "./pools/tasks.ts"

interface Pool {
  /** Starts the work. What is given stops it, and is kept when the caller has its answer. */
  readonly start: (work: Work) => () => Promise<unknown>
  /** A call of a task that takes no time. */
  readonly next: () => Promise<number>
  readonly close: () => Promise<unknown>
}

const tasks = { suspended, listens, loop, locked, command }
type Kind = keyof typeof tasks
type When = "answered" | "next"

const flavour = (layer: Layer.Layer<any>, kind: Kind): Pool => {
  const runtime = ManagedRuntime.make(layer)
  // The next call is of the same kind of task, so that it needs nothing that its worker would not have loaded anyway.
  const further = kind === "suspended" ? add : addPlain
  return {
    start: (work) => {
      const fiber = runtime.runFork(tasks[kind](work))
      return () => Effect.runPromise(Fiber.interrupt(fiber))
    },
    next: () => runtime.runPromise(further({ a: 1, b: 2 })),
    close: () => runtime.dispose()
  }
}

const filename = new URL("./pools/stopAll.ts", import.meta.url).href

const bySignal = (
  run: (work: unknown, options: { readonly name: string; readonly signal?: AbortSignal }) => Promise<unknown>,
  name: Kind
) => ({
  start: (work: Work) => {
    const controller = new AbortController()
    const call = run(work, { name, signal: controller.signal }).catch(() => undefined)
    return () => {
      controller.abort()
      return call
    }
  },
  next: () => run({ a: 1, b: 2 }, { name: "add" }) as Promise<number>
})

const others: Readonly<Record<string, (kind: Kind) => Pool>> = {
  piscina: (kind) => {
    const pool = new Piscina({ filename, minThreads: 1, maxThreads: 1 })
    return { ...bySignal((work, options) => pool.run(work, options), kind), close: () => pool.destroy() }
  },
  tinypool: (kind) => {
    const pool = new Tinypool({ filename, minThreads: 1, maxThreads: 1 })
    return { ...bySignal((work, options) => pool.run(work, options), kind), close: () => pool.destroy() }
  },
  workerpool: (kind) => {
    const pool = workerpool.pool(new URL("./pools/workerpoolStop.mjs", import.meta.url).pathname, { maxWorkers: 1, workerType: "thread" })
    return {
      start: (work) => {
        const call = pool.exec(kind, [work])
        return () => {
          call.cancel()
          return Promise.resolve(call).catch(() => undefined)
        }
      },
      next: async () => (await pool.exec("add", [{ a: 1, b: 2 }])) as number,
      close: async () => pool.terminate(true)
    }
  }
}

const folder = mkdtempSync(join(tmpdir(), "skein-bench-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
let works = 0

const begun = async (file: string): Promise<void> => {
  while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 2))
  // From the file to the loop, the wait or the command.
  await new Promise((resolve) => setTimeout(resolve, smoke ? 5 : 40))
}

const subject = (name: string, when: When, seconds: number, make: () => Pool): Subject<number> => ({
  name,
  run: async (watch: Watch) => {
    const pool = make()
    try {
      await pool.next()
      const file = join(folder, String(works++))
      const cancel = pool.start({ file, seconds })
      await begun(file)
      const from = performance.now()
      const cancelled = cancel()
      if (when === "answered") {
        await cancelled
        watch.record(performance.now() - from)
        return await pool.next()
      }
      const sum = await pool.next()
      watch.record(performance.now() - from)
      await cancelled
      return sum
    } finally {
      await pool.close()
    }
  }
})

const options = { size: 1, minimum: 1 }
const worker = (spare: number) => Workers.layer({ ...options, spare, grace: "1 second" })
const child = (spare: number) => Processes.layer({ ...options, spare, grace: "1 second" })

const titles: Readonly<Record<Kind, string>> = {
  suspended: "an effect that waits",
  listens: "a function that listens to its signal",
  loop: "a loop that never waits",
  locked: "a native call that the engine can end (Atomics.wait)",
  command: "a native call that it cannot end (execFileSync)"
}

const comparison = (kind: Kind, when: When): Comparison<number> => {
  // A thread in a command cannot be ended: it is let go when the command ends.
  const seconds = kind === "command" ? 3 : 30
  const ours = (name: string, layer: Layer.Layer<any>) => subject(name, when, seconds, () => flavour(layer, kind))
  const thread = [ours("worker flavour", worker(0)), ...(when === "next" ? [ours("worker flavour, a spare", worker(1))] : [])]
  const process = [ours("process flavour", child(0)), ...(when === "next" ? [ours("process flavour, a spare", child(1))] : [])]
  const inline = kind === "suspended" ? [ours("this fiber", Layer.empty as Layer.Layer<any>)] : []
  const contenders = kind === "loop" ? Object.entries(others).map(([name, make]) => subject(name, when, seconds, () => make(kind))) : []
  return {
    title: `${titles[kind]}: until ${when === "answered" ? "its caller has its answer" : "the next call has its answer"}`,
    n: 1,
    unit: "ms",
    baseline: "worker flavour",
    warmUps: smoke ? 0 : 1,
    runs: kind === "command" ? 2 : 5,
    check: (sum) => (sum === 3 ? undefined : `the next call gave ${sum}`),
    subjects: [...thread, ...process, ...inline, ...contenders]
  }
}

const kinds: ReadonlyArray<Kind> = smoke ? ["suspended"] : ["suspended", "listens", "loop", "locked", "command"]

await main(kinds.flatMap((kind) => [comparison(kind, "answered"), comparison(kind, "next")]))
