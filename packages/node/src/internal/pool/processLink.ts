/** The way to a worker process. */
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import type { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { serialize } from "node:v8"
import { kind } from "./frame.ts"
import type { ProcessTree } from "../../ProcessTree.ts"
import { encode, Frames, partsOf } from "./frameBytes.ts"
import { answersFd, callsFd, loadingAt, revokedAt, slotBytes, startedAt } from "./processBoard.ts"
import type { End, Link, Listener } from "./seat.ts"
import type { Plan } from "./settings.ts"
import { slotCount } from "./worker.ts"

export interface ProcessOptions {
  readonly boot: URL
  readonly plan: Plan
  /** Flags of Node beyond those of the plan. */
  readonly flags: ReadonlyArray<string>
  readonly stdout: "inherit" | "stderr"
  /** Ends what a process leaves behind, and the process itself with this one. */
  readonly tree: ProcessTree
}

/** How long a process has after SIGTERM, and its pipes after its end, in milliseconds. */
const patience = 1_000

/** A file without a name, which ends with its last descriptor. */
const openBoard = (): number => {
  const path = join(fs.mkdtempSync(join(tmpdir(), "skein-")), "board")
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL, 0o600)
  fs.rmSync(join(path, ".."), { recursive: true })
  fs.ftruncateSync(fd, slotCount * slotBytes)
  return fd
}

export const open = ({ boot, flags, plan, stdout, tree }: ProcessOptions, listener: Listener): Link => {
  const board = openBoard()
  const branch = tree.branch()
  const [tagName, tag] = branch.variable
  const config = JSON.stringify({ concurrency: plan.concurrency, heap: plan.recycle.heap < Infinity })
  const child = spawn(process.execPath, [...(plan.execArgv ?? process.execArgv), ...flags, fileURLToPath(boot), config], {
    env: { ...(plan.env ?? process.env), [tagName]: tag },
    stdio: ["ignore", stdout === "stderr" ? 2 : "inherit", "inherit", "pipe", "pipe", board],
    // A group of its own, so that its descendants can be killed with it.
    detached: true
  })
  const pid = child.pid
  if (pid !== undefined) branch.lead(pid)
  const outbox = child.stdio[callsFd] as Socket
  const inbox = child.stdio[answersFd] as unknown as Socket
  const word = Buffer.alloc(4)
  let unsent: Array<Buffer> = []
  let ended = false
  let killTimer: NodeJS.Timeout | undefined
  let message: string | undefined

  const write = (bytes: Buffer): void => {
    if (unsent.push(bytes) === 1) queueMicrotask(flush)
  }
  const flush = (): void => {
    const all = unsent
    unsent = []
    if (!ended && outbox.writable) outbox.write(all.length === 1 ? all[0]! : Buffer.concat(all))
  }
  // A pipe that breaks says nothing that the end of the process does not say.
  outbox.on("error", () => {})
  inbox.on("error", () => {})
  const frames = new Frames((kindOf, call, slot, number, text, parts) =>
    listener.onFrame(kindOf, call, slot, number, text, parts === undefined ? undefined : partsOf(parts))
  )
  inbox.on("data", (bytes: Buffer) => {
    frames.add(bytes)
    listener.onDrained()
  })
  const read = (slot: number, at: number): number => {
    fs.readSync(board, word, 0, 4, slot * slotBytes + at)
    return word.readInt32LE()
  }
  const finish = (end: End): void => {
    if (ended) return
    ended = true
    clearTimeout(killTimer)
    // What it left behind, in its group and beyond. The tree waits for that when it closes.
    Effect.runFork(branch.kill(pid))
    listener.onEnd(end)
    fs.closeSync(board)
    outbox.destroy()
    inbox.destroy()
  }
  child.on("error", (error) => {
    message = error.message
    if (pid === undefined) finish({ exitCode: null, signal: null, message })
  })
  child.on("exit", (exitCode, signalName) => {
    const end: End = { exitCode, signal: signalName, message }
    // Whatever it has written comes first; a descendant that keeps the pipe open is not waited for.
    clearTimeout(killTimer)
    killTimer = setTimeout(() => finish(end), patience)
    if (inbox.closed || inbox.readableEnded) finish(end)
    else inbox.once("close", () => finish(end))
  })
  return {
    define: (number, definition) => {
      const { export: name, kind: kindOf, module } = definition
      write(encode(kind.define, 0, 0, number, JSON.stringify({ name: definition.name, module, export: name, kind: kindOf })))
      return true
    },
    call: (job, slot, definition, text) => {
      const { parts } = job.call.payload
      write(encode(kind.call, job.id, slot, definition, text, parts === undefined ? undefined : serialize(parts)))
      return true
    },
    revoke: (job, slot) => {
      word.writeInt32LE(job.id)
      fs.writeSync(board, word, 0, 4, slot * slotBytes + revokedAt)
      return read(slot, startedAt) !== job.id
    },
    stateOf: (job, slot) => {
      if (read(slot, startedAt) !== job.id) return "queued"
      return read(slot, loadingAt) === job.id ? "loading" : "running"
    },
    interrupt: (call) => write(encode(kind.interrupt, call, 0, 0, "")),
    tell: (call, text) => write(encode(kind.tell, call, 0, 0, text)),
    end: () => write(encode(kind.end, 0, 0, 0, "")),
    kill: () => {
      signal(child, "SIGTERM")
      killTimer ??= setTimeout(() => signal(child, "SIGKILL"), patience)
    },
    hold: (alive) => {
      for (const part of [child, outbox, inbox]) {
        if (alive) part.ref()
        else part.unref()
      }
    }
  }
}

const signal = (child: ChildProcess, name: "SIGTERM" | "SIGKILL"): void => {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, name)
  } catch {
    // There is nobody left in its group.
  }
}
