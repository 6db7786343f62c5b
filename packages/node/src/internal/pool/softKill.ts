/**
 * Ends what JavaScript a thread runs, and leaves the thread alive: by the inspector, from the main thread.
 *
 * A session lives only as long as one attempt: it costs half a millisecond, and nothing while nobody is ended. Who calls this has made sure, by the mark of the slot, that the thread is inside the function that is meant and
 * does not leave it before it is ended.
 *
 * Node calls back while it still works on the session: inside `enable`, and, where the answer of a thread is faster, in the middle of whatever this thread runs. A session that is closed there is freed under its own feet, and the
 * process dies. So it is closed, and whoever waits is told, in a turn of the event loop.
 */
import type * as Inspector from "node:inspector"
import { isMainThread } from "node:worker_threads"

export interface SoftKill {
  /** Whether nobody else uses the inspector: a debugger would see its sessions end, and coverage would miss what the thread ran. */
  readonly isFree: () => boolean
  /** Ends what the thread runs. `done` is called once: true when it has been ended, false when that cannot be. Returns what gives the attempt up; `done` is not called after that. */
  readonly cut: (thread: number, done: (ended: boolean) => void) => () => void
}

/** Nothing where there is no inspector, and inside a worker thread, whose inspector does not reach other threads. */
export const make = (): SoftKill | undefined => {
  if (!isMainThread) return undefined
  let inspector: typeof Inspector
  try {
    inspector = process.getBuiltinModule("node:inspector")
  } catch {
    return undefined
  }
  return {
    isFree: () => inspector.url() === undefined && (process.env["NODE_V8_COVERAGE"] ?? "") === "",
    cut: (thread, done) => cut(inspector, thread, done)
  }
}

const cut = (inspector: typeof Inspector, thread: number, done: (ended: boolean) => void): (() => void) => {
  const session = new inspector.Session()
  let isWaiting = true
  let isClosing = false
  const close = (): void => {
    if (isClosing) return
    isClosing = true
    setImmediate(() => session.disconnect())
  }
  const finish = (ended: boolean): void => {
    close()
    setImmediate(() => {
      if (!isWaiting) return
      isWaiting = false
      done(ended)
    })
  }
  const check = (error: Error | null): void => {
    if (error !== null) finish(false)
  }
  try {
    session.connect()
    session.on("NodeWorker.attachedToWorker", ({ params }) => {
      // The title is all that tells which thread it is; the id counts what this session has seen.
      if (!params.workerInfo.title.startsWith(`[worker ${thread}]`)) return
      const message = JSON.stringify({ id: 1, method: "Runtime.terminateExecution" })
      session.post("NodeWorker.sendMessageToWorker", { sessionId: params.sessionId, message }, check)
    })
    // It answers when the last frame of the function is gone.
    session.on("NodeWorker.receivedMessageFromWorker", ({ params }) => {
      const answer = JSON.parse(params.message) as { readonly id?: number; readonly error?: unknown }
      if (answer.id === 1) finish(answer.error === undefined)
    })
    session.post("NodeWorker.enable", { waitForDebuggerOnStart: false }, check)
  } catch {
    // Refused, by a permission for example. Nothing was sent to the thread.
    finish(false)
  }
  return () => {
    isWaiting = false
    close()
  }
}
