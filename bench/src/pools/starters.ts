/** Pools that are opened from nothing, for `flavourStart.ts`. */
import * as Processes from "@skein/node/Processes"
import * as Workers from "@skein/node/Workers"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Effect from "effect/Effect"
import { fork } from "node:child_process"
import { once } from "node:events"
import { Worker } from "node:worker_threads"
import { Piscina } from "piscina"
import { Tinypool } from "tinypool"
import workerpool from "workerpool"
import { nap, napPlain } from "./napTasks.ts"
import { open as openRpc } from "./rpcClient.ts"

export interface Pool {
  /** A call that takes so many milliseconds. */
  readonly call: (ms: number) => Promise<number>
  readonly close: () => Promise<unknown>
}

const flavour = (layer: Layer.Layer<any>, task: typeof nap): Pool => {
  const runtime = ManagedRuntime.make(layer)
  return { call: (ms) => runtime.runPromise(task(ms)), close: () => runtime.dispose() }
}

/** Gives each call to the next worker. */
const inTurn = (calls: ReadonlyArray<(ms: number) => Promise<number>>) => {
  let next = 0
  return (ms: number): Promise<number> => calls[next++ % calls.length]!(ms)
}

export const starters: Readonly<Record<string, (size: number) => Pool | Promise<Pool>>> = {
  "a thread, no pool": (size) => {
    const threads = Array.from({ length: size }, () => new Worker(new URL("./rawThread.ts", import.meta.url)))
    const call = inTurn(
      threads.map((thread) => async (ms) => {
        thread.postMessage(ms)
        return ((await once(thread, "message")) as [number])[0]
      })
    )
    return { call, close: () => Promise.all(threads.map((thread) => thread.terminate())) }
  },
  piscina: (size) => {
    const pool = new Piscina<number, number>({ filename: new URL("./nap.ts", import.meta.url).href, minThreads: size, maxThreads: size })
    return { call: (ms) => pool.run(ms, { name: "nap" }), close: () => pool.destroy() }
  },
  tinypool: (size) => {
    const pool = new Tinypool({ filename: new URL("./nap.ts", import.meta.url).href, minThreads: size, maxThreads: size })
    return { call: (ms) => pool.run(ms, { name: "nap" }) as Promise<number>, close: () => pool.destroy() }
  },
  workerpool: (size) => {
    const pool = workerpool.pool(new URL("./workerpoolNap.mjs", import.meta.url).pathname, {
      minWorkers: size,
      maxWorkers: size,
      workerType: "thread"
    })
    return { call: async (ms) => (await pool.exec("nap", [ms])) as number, close: async () => pool.terminate() }
  },
  "Effect RPC over workers": async (size) => {
    const { add, close } = await openRpc(size)
    return { call: (ms) => Effect.runPromise(add({ a: ms, b: 0 })), close }
  },
  "worker flavour, plain function": (size) => flavour(Workers.layer({ size, minimum: size }), napPlain),
  "worker flavour, effect": (size) => flavour(Workers.layer({ size, minimum: size }), nap),
  "a process, no pool": (size) => {
    const processes = Array.from({ length: size }, () => fork(new URL("./rawProcess.ts", import.meta.url)))
    const call = inTurn(
      processes.map((child) => async (ms) => {
        child.send(ms)
        return ((await once(child, "message")) as [number])[0]
      })
    )
    const end = async (child: (typeof processes)[number]): Promise<void> => {
      child.kill("SIGKILL")
      await once(child, "exit")
    }
    return { call, close: () => Promise.all(processes.map(end)) }
  },
  "process flavour, plain function": (size) => flavour(Processes.layer({ size, minimum: size }), napPlain),
  "process flavour, effect": (size) => flavour(Processes.layer({ size, minimum: size }), nap)
}
