/**
 * What a worker thread starts with.
 *
 * Calls come through one ring, answers go through another. What does not fit in a ring, or keeps its form, comes as a message beside it, and is asked for when its frame has been read.
 */
import { MessageChannel, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads"
import { flag, kind, type Kind } from "../internal/pool/frame.ts"
import { Ring } from "../internal/pool/ring.ts"
import { slotState, type ThreadData, type ToThread } from "../internal/pool/threadMessages.ts"
import { type Config, Host, type Line, type Parts } from "./host.ts"

const { answers, calls, config, slots, soft } = workerData as ThreadData
const port = parentPort!
const inbox = new Ring(calls)
const outbox = new Ring(answers)
const states = new Int32Array(slots)

/** Texts and parts whose frame has not been read yet. */
const beside = new Map<number, { readonly text: string; readonly parts: Parts }>()

/** Running calls of which something has gone beside the ring: whatever else they say goes there too, so that it keeps its order. */
const overflowed = new Set<number>()

/** Calls that were read before their turn. */
const waiting: Array<() => void> = []
let head = 0

/**
 * What makes it possible to end a function from outside.
 *
 * Node keeps a stack of what runs on whose behalf, and ends the whole process when that is not as it left it. So a function can be ended only where this stack is in the hands of native code: in the handler of a message, not
 * in an immediate, a timer or a promise's continuation, for which turns begin with a message to itself; and not inside an `AsyncResource`, for which the mark is taken back there.
 */
const guards = (): Pick<Line, "enter" | "exit" | "later"> => {
  const rest = new Int32Array(new SharedArrayBuffer(4))
  const enter = (slot: number): void => {
    guarded = slot
    Atomics.store(states, slot, slotState.inside)
  }
  const exit = (slot: number): void => {
    guarded = undefined
    if (Atomics.compareExchange(states, slot, slotState.inside, slotState.running) === slotState.inside) return
    // The pool was first: the end of this call is on its way, and nothing else may be there to meet it.
    for (;;) Atomics.wait(rest, 0, 0)
  }
  const { prototype } = process.getBuiltinModule("node:async_hooks").AsyncResource as unknown as { readonly prototype: Scoped }
  const { runInAsyncScope } = prototype
  prototype.runInAsyncScope = function (...args) {
    const slot = guarded
    if (slot === undefined) return runInAsyncScope.apply(this, args)
    exit(slot)
    try {
      return runInAsyncScope.apply(this, args)
    } finally {
      enter(slot)
    }
  }
  const { port1, port2 } = new MessageChannel()
  const turns: Array<() => void> = []
  port2.on("message", () => turns.shift()?.())
  port2.unref()
  return {
    enter,
    exit,
    later: (run) => {
      turns.push(run)
      port1.postMessage(undefined)
    }
  }
}

interface Scoped {
  runInAsyncScope(...args: Array<unknown>): unknown
}

/** The slot of the function that may be ended now. */
let guarded: number | undefined

const line: Line = {
  next: () => {
    const first = waiting[head]
    if (first === undefined) return inbox.readOne(take)
    if (++head === waiting.length) waiting.length = head = 0
    first()
    return true
  },
  sleep: () => inbox.sleep(),
  claim: (slot) => Atomics.compareExchange(states, slot, slotState.queued, slotState.running) === slotState.queued,
  loading: (slot, _call, is) => void Atomics.store(states, slot, is ? slotState.loading : slotState.running),
  send: (kindOf, call, slot, number, text, parts, transfer) => {
    const last = kindOf !== kind.told
    if (parts !== undefined || (overflowed.size > 0 && overflowed.has(call)) || !outbox.write(kindOf, call, slot, number, text)) {
      if (last) overflowed.delete(call)
      else overflowed.add(call)
      port.postMessage({ kind: kindOf, call, slot, number, text, parts }, transfer as never)
    } else if (outbox.shallRing()) port.postMessage(undefined)
  },
  end: () => process.exit(0),
  ...(soft ? guards() : undefined)
}

const host = new Host(line, config as Config)

/** Reads what is there, so that running calls hear what they are told; the other calls wait. */
const intake = (): void => {
  while (inbox.readOne(keep));
}

const keep = (kindOf: Kind, flags: number, call: number, slot: number, number: number, text: string): void => {
  if (kindOf === kind.call) {
    host.expect(call)
    waiting.push(() => take(kindOf, flags, call, slot, number, text))
  } else take(kindOf, flags, call, slot, number, text)
}

const take = (kindOf: Kind, flags: number, call: number, slot: number, number: number, text: string): void => {
  if (kindOf === kind.define) return host.define(number, text)
  if (kindOf === kind.tell) return host.tell(call, text)
  if ((flags & flag.external) === 0) return host.call(call, slot, number, text, undefined)
  const { parts, text: whole } = bring(call)
  host.call(call, slot, number, whole, parts)
}

/** The message that belongs to a frame: it was sent before the frame, so it is here or on its way. */
const bring = (call: number): { readonly text: string; readonly parts: Parts } => {
  for (;;) {
    const here = beside.get(call)
    if (here !== undefined) {
      beside.delete(call)
      return here
    }
    const message = receiveMessageOnPort(port)
    if (message !== undefined) hear(message.message as ToThread)
  }
}

const hear = (message: ToThread): void => {
  if (message === undefined) return
  if (message.is === "beside") beside.set(message.call, message)
  else if (message.is === "end") host.end()
  else if (message.is === "look") intake()
  else if (message.is === "tell") {
    intake()
    host.tell(message.call, message.text)
  } else if (message.is === "cut") {
    guarded = undefined
    host.cut(message.call, message.slot)
    // It may have been ended between a frame and its bell.
    port.postMessage(undefined)
  } else {
    line.send(kind.heard, message.call, 0, 0, "")
    host.tell(message.call, undefined)
  }
}

port.on("message", (message: ToThread) => {
  hear(message)
  host.pump()
})
line.send(kind.ready, 0, 0, 0, "")
