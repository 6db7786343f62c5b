/**
 * Measures what the size of a payload costs, from 100 bytes to 16 MB, one call after the other in one worker that gives back a number: lists of small objects, and bytes that are copied, given away, or shared.
 *
 * Ours sends objects as JSON text after its schema has looked at each; piscina clones them and checks nothing. Bytes that are given away are made anew for each call, before its time is taken.
 */
import * as Processes from "@skein/node/Processes"
import * as Workers from "@skein/node/Workers"
import type { Task } from "@skein/parallel/Task"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Piscina } from "piscina"
import { type Comparison, main, smoke, type Subject, type Watch } from "./kit/bench.ts"
import type { Entry } from "./pools/payload.ts"
import * as tasks from "./pools/payloadTasks.ts"

interface Pool<T> {
  readonly call: (payload: T) => Promise<number>
  readonly close: () => Promise<unknown>
}

const flavour = <T>(layer: Layer.Layer<any>, task: Task<T, number>): Pool<T> => {
  const runtime = ManagedRuntime.make(layer)
  return { call: (payload) => runtime.runPromise(task(payload)), close: () => runtime.dispose() }
}

const piscina = <T>(name: string, transfer = false): Pool<T> => {
  const pool = new Piscina<T, number>({ filename: new URL("./pools/payload.ts", import.meta.url).href, minThreads: 1, maxThreads: 1 })
  return {
    call: (payload) =>
      pool.run(payload, { name, ...(transfer ? { transferList: [(payload as unknown as Uint8Array).buffer as ArrayBuffer] } : {}) }),
    close: () => pool.destroy()
  }
}

const worker = () => Workers.layer({ size: 1, minimum: 1 })
const child = () => Processes.layer({ size: 1, minimum: 1 })

interface Kind<T> {
  readonly calls: number
  readonly make: () => T
  readonly expected: number
  /** Whether each call needs a payload of its own. */
  readonly fresh?: boolean
}

const subject = <T>(name: string, { calls, expected, fresh = false, make }: Kind<T>, open: () => Pool<T>): Subject<string | undefined> => ({
  name,
  run: async (watch: Watch) => {
    const pool = open()
    let taken = 0
    let wrong: string | undefined
    try {
      let payload = make()
      for (let i = -Math.min(20, calls); i < calls; i++) {
        if (fresh) payload = make()
        const from = performance.now()
        const answer = await pool.call(payload)
        if (i >= 0) taken += performance.now() - from
        if (answer !== expected) wrong = `a call gave ${answer}, not ${expected}`
      }
      watch.record(taken * 1_000)
      return wrong
    } finally {
      await pool.close()
    }
  }
})

const entry = (id: number): Entry => ({ id, name: `entry number ${id}`, tags: ["one", "two"], at: 1_700_000_000_000 + id })
/** One is about 80 bytes of JSON text. */
const entriesOf = (bytes: number): Array<Entry> => Array.from({ length: Math.max(1, Math.round(bytes / 84)) }, (_, i) => entry(i))

const table = (
  title: string,
  calls: number,
  baseline: string,
  subjects: Comparison<string | undefined>["subjects"]
): Comparison<string | undefined> => ({
  title,
  n: calls,
  unit: "µs a call",
  baseline,
  warmUps: smoke ? 0 : 1,
  runs: 3,
  check: (wrong) => wrong,
  subjects
})

const tables = (name: string, bytes: number, measured: number): ReadonlyArray<Comparison<string | undefined>> => {
  const calls = smoke ? 2 : measured
  const list: Kind<Array<Entry>> = {
    calls,
    make: () => entriesOf(bytes),
    expected: entriesOf(bytes).length * 2 - 1
  }
  const filled = (view: Uint8Array): Uint8Array => view.fill(7)
  const own: Kind<Uint8Array> = { calls, make: () => filled(new Uint8Array(bytes)), expected: bytes + 7 }
  const fresh = { ...own, fresh: true }
  const shared = { ...own, make: () => filled(new Uint8Array(new SharedArrayBuffer(bytes))) }
  return [
    table(`${name} of objects`, calls, "piscina", [
      subject("piscina", list, () => piscina("entries")),
      subject("worker flavour", list, () => flavour(worker(), tasks.entries)),
      subject("process flavour", list, () => flavour(child(), tasks.entries))
    ]),
    table(`${name} of bytes`, calls, "piscina, copied", [
      subject("piscina, copied", own, () => piscina("bytes")),
      subject("piscina, given away", fresh, () => piscina("bytes", true)),
      subject("piscina, shared", shared, () => piscina("bytes")),
      subject("worker flavour, copied", own, () => flavour(worker(), tasks.copied)),
      subject("worker flavour, given away", fresh, () => flavour(worker(), tasks.transferred)),
      subject("worker flavour, shared", shared, () => flavour(worker(), tasks.copied)),
      subject("process flavour, copied", own, () => flavour(child(), tasks.copied))
    ])
  ]
}

const all = [
  tables("100 B", 100, 2_000),
  tables("10 kB", 10_000, 1_000),
  tables("100 kB", 100_000, 300),
  tables("1 MB", 1_000_000, 40),
  tables("16 MB", 16_000_000, 4)
]

await main((smoke ? all.slice(1, 2) : all).flat())
