/** The way to a worker thread. */
import { Worker as Thread } from "node:worker_threads"
import { flag, kind, type Kind } from "./frame.ts"
import { allocate, Ring } from "./ring.ts"
import type { End, Link, Listener } from "./seat.ts"
import { slotState, type ThreadData, type ToThread } from "./threadMessages.ts"
import type { Memory, Plan } from "./settings.ts"
import type { SoftKill } from "./softKill.ts"
import { slotCount, type Worker } from "./worker.ts"

export interface ThreadOptions {
  readonly boot: URL
  readonly plan: Plan
  readonly memory: Memory
  /** How functions are ended whose thread shall live. */
  readonly soft: SoftKill | undefined
}

/** What a thread sends beside its ring: a frame that did not fit; nothing at all means that the ring is to be read. */
type FromThread =
  | undefined
  | {
      readonly kind: Kind
      readonly call: number
      readonly slot: number
      readonly number: number
      readonly text: string
      readonly parts: ReadonlyArray<unknown> | undefined
    }

const callBytes = 128 * 1024
const answerBytes = 256 * 1024

export const open = (worker: Worker, { boot, memory, plan, soft }: ThreadOptions, listener: Listener): Link => {
  const data: ThreadData = {
    calls: allocate(callBytes),
    answers: allocate(answerBytes),
    slots: new SharedArrayBuffer(slotCount * 4),
    config: { concurrency: plan.concurrency, heap: plan.recycle.heap < Infinity },
    soft: soft !== undefined
  }
  const inbox = new Ring(data.answers)
  const outbox = new Ring(data.calls)
  const slots = new Int32Array(data.slots)
  const { env, execArgv } = plan
  const thread = new Thread(boot, {
    workerData: data,
    name: `skein ${worker.number}`,
    ...(env === undefined ? {} : { env: { ...env } }),
    ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
    resourceLimits: {
      ...(memory.heap === undefined ? {} : { maxOldGenerationSizeMb: memory.heap / 2 ** 20 }),
      ...(memory.stack === undefined ? {} : { stackSizeMb: memory.stack / 2 ** 20 })
    }
  })
  let message: string | undefined
  let ended = false
  let stopCut: (() => void) | undefined
  const post = (what: ToThread, transfer?: ReadonlyArray<ArrayBuffer>): void => {
    if (!ended) thread.postMessage(what, (transfer ?? []) as never)
  }
  // Calls come in bursts: one bell for all that are given in one turn.
  let willRing = false
  const ring = (): void => {
    willRing = false
    if (outbox.shallRing()) post(undefined)
  }
  const wake = (): void => {
    if (willRing) return
    willRing = true
    queueMicrotask(ring)
  }
  const take = (kindOf: Kind, _flags: number, call: number, slot: number, number: number, text: string): void =>
    listener.onFrame(kindOf, call, slot, number, text, undefined)
  const drain = (): void => {
    do while (inbox.readOne(take));
    while (!inbox.sleep())
  }
  thread.on("message", (frame: FromThread) => {
    // What it wrote into the ring before it sent this comes first.
    drain()
    if (frame !== undefined) listener.onFrame(frame.kind, frame.call, frame.slot, frame.number, frame.text, frame.parts)
    drain()
    listener.onDrained()
  })
  thread.on("error", (error: unknown) => {
    message = describe(error)
  })
  thread.on("exit", (exitCode) => {
    ended = true
    stopCut?.()
    drain()
    const end: End = { exitCode, signal: null, message }
    listener.onEnd(end)
  })
  return {
    define: (number, definition) => {
      const { export: name, kind: kindOf, module } = definition
      const text = JSON.stringify({ name: definition.name, module, export: name, kind: kindOf })
      return outbox.write(kind.define, 0, 0, number, text)
    },
    call: (job, slot, definition, text) => {
      const { parts, transfer } = job.call.payload
      Atomics.store(slots, slot, slotState.queued)
      if (parts === undefined && outbox.write(kind.call, job.id, slot, definition, text)) {
        wake()
        return true
      }
      // A frame that is small, and has no room now: the call waits with the others.
      if (parts === undefined && text.length * 3 < callBytes >> 3) return false
      if (!outbox.hasRoom()) return false
      post({ is: "beside", call: job.id, text, parts }, transfer)
      outbox.write((kind.call | flag.external) as Kind, job.id, slot, definition, "")
      wake()
      return true
    },
    revoke: (_job, slot) => Atomics.compareExchange(slots, slot, slotState.queued, slotState.revoked) === slotState.queued,
    stateOf: (_job, slot) => {
      const state = Atomics.load(slots, slot)
      if (state === slotState.running || state === slotState.inside || state === slotState.condemned) return "running"
      return state === slotState.loading ? "loading" : "queued"
    },
    interrupt: (call) => post({ is: "interrupt", call }),
    tell: (call, text) => {
      // In the ring it comes behind its call. A message beside it has no order with the ring, but there is a call in it that runs or waits: it is kept for that.
      if (outbox.write(kind.tell, call, 0, 0, text)) post({ is: "look" })
      else post({ is: "tell", call, text })
    },
    end: () => post({ is: "end" }),
    cut:
      soft &&
      ((job, slot, onFailed) => {
        if (ended || !soft.isFree()) return false
        if (Atomics.compareExchange(slots, slot, slotState.inside, slotState.condemned) !== slotState.inside) return false
        stopCut = soft.cut(thread.threadId, (was) => (was ? post({ is: "cut", call: job.id, slot }) : onFailed()))
        return true
      }),
    kill: () => {
      stopCut?.()
      void thread.terminate()
    },
    hold: (alive) => (alive ? thread.ref() : thread.unref())
  }
}

const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return `${String(error)} was thrown and not caught`
  if ((error as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY") return "out of memory"
  return `${error.name}: ${error.message}`
}
