/**
 * Writes bytes to a descriptor without ever blocking the event loop, and lets who writes wait where the reader is slow.
 *
 * Up to 64 kB are on their way to the system and as many wait; who has more waits. Each write is given out in one piece: of two that wait, all bytes of the first come before any of the second.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as net from "node:net"
import { isatty } from "node:tty"
import type { CaptureLost } from "./capture.ts"

/** Where output goes. */
export interface Sink {
  /** Takes bytes; done when they may be changed again. */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, OutputError>
  /** Done when everything was written. */
  readonly flush: Effect.Effect<void, OutputError>
}

/** The reader is gone, as with `| head`. What was written before may have been read. */
export class Closed extends Data.TaggedError("Closed")<{ readonly message: string }> {}

/** The system did not take it: a full disk, say. */
export class NotWritten extends Data.TaggedError("NotWritten")<{ readonly message: string; readonly code: string }> {}

/** Output was lost. A sink that has failed once fails for ever. */
export class OutputError extends Data.TaggedError("OutputError")<{
  readonly target: string
  readonly reason: Closed | NotWritten | CaptureLost
}> {
  override get message(): string {
    return `${this.target}: ${this.reason.message}`
  }
}

export interface Options {
  /** It stays open: it is not ours. */
  readonly fd: number
  /** What messages call it. */
  readonly name: string
  /** May add to what is written, for a live region below it. */
  readonly around?: ((bytes: Uint8Array) => Uint8Array) | undefined
}

/** The scope closes: it waits for what was taken, at most a second. */
export const make = (options: Options): Effect.Effect<Sink, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const writer = writerOf(options.fd)
        return { writer, sink: sinkOf(options, writer.write) }
      }),
      ({ sink, writer }) => Effect.andThen(Effect.ignore(Effect.timeoutOption(sink.flush, 1000)), Effect.sync(writer.close))
    ),
    ({ sink }) => sink
  )

/** Gives bytes to the system; never called again before it is done. */
type Write = (bytes: Uint8Array, done: (error: NodeJS.ErrnoException | undefined) => void) => void

const size = 64 * 1024

interface Waiting {
  readonly bytes: Uint8Array
  at: number
  readonly resume: (result: Effect.Effect<void, OutputError>) => void
}

const sinkOf = ({ around = (bytes) => bytes, fd, name }: Options, give: Write): Sink => {
  let filling = Buffer.allocUnsafe(size)
  let flying = Buffer.allocUnsafe(size)
  let filled = 0
  let busy = false
  let failed: OutputError | undefined
  const waiting = new Set<Waiting>()
  const flushes = new Set<(result: Effect.Effect<void, OutputError>) => void>()

  const fill = (from: Waiting): boolean => {
    const length = Math.min(size - filled, from.bytes.length - from.at)
    filling.set(from.bytes.subarray(from.at, from.at + length), filled)
    filled += length
    from.at += length
    return from.at === from.bytes.length
  }

  const pump = (): void => {
    if (busy || filled === 0) return
    busy = true
    const bytes = filling.subarray(0, filled)
    ;[filling, flying] = [flying, filling]
    filled = 0
    give(around(bytes), landed)
  }

  const landed = (error: NodeJS.ErrnoException | undefined): void => {
    busy = false
    if (error !== undefined) {
      failed = new OutputError({ target: name, reason: reasonOf(error, fd) })
      for (const { resume } of waiting) resume(Effect.fail(failed))
      waiting.clear()
    } else {
      for (const one of waiting) {
        if (!fill(one)) break
        waiting.delete(one)
        one.resume(Effect.void)
      }
      pump()
    }
    if (busy) return
    for (const resume of flushes) resume(failed === undefined ? Effect.void : Effect.fail(failed))
    flushes.clear()
  }

  return {
    write: (bytes) =>
      Effect.suspend(() => {
        if (failed !== undefined) return Effect.fail(failed)
        const rest: Waiting = { bytes, at: 0, resume: () => {} }
        if (waiting.size === 0 && fill(rest)) {
          pump()
          return Effect.void
        }
        pump()
        return Effect.callback<void, OutputError>((resume) => {
          const one = { ...rest, resume }
          waiting.add(one)
          return Effect.sync(() => void waiting.delete(one))
        })
      }),
    flush: Effect.suspend(() => {
      if (failed !== undefined) return Effect.fail(failed)
      if (!busy) return Effect.void
      return Effect.callback<void, OutputError>((resume) => {
        flushes.add(resume)
        return Effect.sync(() => void flushes.delete(resume))
      })
    })
  }
}

const reasonOf = (error: NodeJS.ErrnoException, fd: number): Closed | NotWritten => {
  const { code = "UNKNOWN" } = error
  // A terminal that is gone answers EIO.
  if (code === "EPIPE" || code === "ECONNRESET" || (code === "EIO" && isatty(fd))) return new Closed({ message: "its reader is gone" })
  return new NotWritten({ message: code === "ENOSPC" ? "the disk is full" : `cannot be written: ${error.message}`, code })
}

interface Writer {
  readonly write: Write
  readonly close: () => void
}

/**
 * Writing to a pipe in one of Node's file threads would hold that thread until the reader comes, and `process.exit` waits for it. So a pipe is opened once more, for us alone and without blocking, which leaves the mode of the
 * descriptor as it is for those who share it.
 */
const writerOf = (fd: number): Writer => {
  try {
    if (fs.fstatSync(fd).isFIFO()) return pipeWriter(fs.openSync(`/proc/self/fd/${fd}`, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK))
  } catch {
    // Not Linux, not ours to open, or nobody reads it: the plain way says so.
  }
  // To a terminal at once, so that nothing else gets between these bytes and the region that they were made for.
  const write = isatty(fd) ? writeNow : writeAll
  return { write: (bytes, done) => write(fd, bytes, done), close: () => {} }
}

const pipeWriter = (fd: number): Writer => {
  const socket = new net.Socket({ fd, readable: false, writable: true })
  socket.on("error", () => {})
  return { write: (bytes, done) => void socket.write(bytes, (error) => done(error ?? undefined)), close: () => void socket.destroy() }
}

const writeNow: typeof writeAll = (fd, bytes, done) => {
  let at = 0
  try {
    while (at < bytes.length) at += fs.writeSync(fd, bytes, at)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return writeAll(fd, bytes.subarray(at), done)
    return done(error as NodeJS.ErrnoException)
  }
  done(undefined)
}

const writeAll: (fd: number, ...rest: Parameters<Write>) => void = (fd, bytes, done) => {
  fs.write(fd, bytes, 0, bytes.length, null, (error, written) => {
    // Somebody who shares it has made it non-blocking.
    if (error?.code === "EAGAIN") return void setTimeout(() => writeAll(fd, bytes, done), 5)
    if (error !== null) return done(error)
    if (written === bytes.length) return done(undefined)
    writeAll(fd, bytes.subarray(written), done)
  })
}
