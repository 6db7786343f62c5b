/**
 * What a worker process starts with.
 *
 * It reads frames from one pipe and writes to another, at once and whole: whatever it has answered reaches the pool, however it ends. A file that both have open says which calls have started.
 */
import { Buffer } from "node:buffer"
import * as fs from "node:fs"
import { Socket } from "node:net"
import { serialize } from "node:v8"
import { encode, Frames, partsOf } from "../internal/pool/frameBytes.ts"
import { kind, type Kind } from "../internal/pool/frame.ts"
import { answersFd, boardFd, callsFd, loadingAt, revokedAt, slotBytes, startedAt } from "../internal/pool/processBoard.ts"
import { type Config, Host, type Line } from "./host.ts"

const config = JSON.parse(process.argv[2]!) as Config
const word = Buffer.alloc(4)

const mark = (place: number, call: number): void => {
  word.writeInt32LE(call)
  fs.writeSync(boardFd, word, 0, 4, place)
}

/** Waits without turning the event loop. */
const rest = new Int32Array(new SharedArrayBuffer(4))

const write = (bytes: Buffer): void => {
  for (let at = 0; at < bytes.length;) {
    try {
      at += fs.writeSync(answersFd, bytes, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error
      Atomics.wait(rest, 0, 0, 1)
    }
  }
}

interface Call {
  readonly kind: Kind
  readonly call: number
  readonly slot: number
  readonly number: number
  readonly text: string
  readonly parts: Buffer | undefined
}

const waiting: Array<Call> = []
let head = 0

const line: Line = {
  next: () => {
    const frame = waiting[head]
    if (frame === undefined) return false
    if (++head === waiting.length) waiting.length = head = 0
    if (frame.kind === kind.define) host.define(frame.number, frame.text)
    else host.call(frame.call, frame.slot, frame.number, frame.text, frame.parts === undefined ? undefined : partsOf(frame.parts))
    return true
  },
  sleep: () => true,
  claim: (slot, call) => {
    // First the mark, then the look: the pool does it the other way round, so that one of the two sees the other.
    mark(slot * slotBytes + startedAt, call)
    fs.readSync(boardFd, word, 0, 4, slot * slotBytes + revokedAt)
    return word.readInt32LE() !== call
  },
  loading: (slot, call, is) => mark(slot * slotBytes + loadingAt, is ? call : 0),
  send: (kindOf, call, slot, number, text, parts) =>
    write(encode(kindOf, call, slot, number, text, parts === undefined ? undefined : serialize(parts))),
  end: () => process.exit(0)
}

const host = new Host(line, config)

const frames = new Frames((kindOf, call, slot, number, text, parts) => {
  if (kindOf === kind.call) host.expect(call)
  if (kindOf === kind.call || kindOf === kind.define) waiting.push({ kind: kindOf, call, slot, number, text, parts })
  else if (kindOf === kind.tell) host.tell(call, text)
  else if (kindOf === kind.interrupt) {
    line.send(kind.heard, call, slot, 0, "")
    host.tell(call, undefined)
  } else if (kindOf === kind.end) host.end()
})

const calls = new Socket({ fd: callsFd, readable: true, writable: false })
calls.on("data", (bytes: Buffer) => {
  frames.add(bytes)
  host.pump()
})
// The pool's process is gone.
calls.on("close", () => process.exit(0))
line.send(kind.ready, 0, 0, 0, "")
