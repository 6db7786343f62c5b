/**
 * Reads text files whose contents nobody has vouched for: found by a walk, named by a user, left behind by another program.
 *
 * A read owns one file descriptor, which is closed when the read ends, however it ends. Nothing is cached and nothing is written.
 *
 * The module holds `read`, `TextFile` and `TextFileError` with its reasons.
 *
 * **When to use**
 *
 * Use it in a fan-out over many files. For one file that you know, `FileSystem.readFileString` of Effect does; it waits for the last byte of a 100 MB binary, and a named pipe without a writer
 * takes one of Node's four file threads away for ever.
 *
 * **Details**
 *
 * | what lies at the path | what you get |
 * | --- | --- |
 * | a regular file without a NUL in its first 8,000 bytes | its text, decoded as UTF-8; wrong bytes become `U+FFFD` |
 * | one with a NUL there | `Binary`, after one read |
 * | a directory, a socket, a device | `NotAFile` |
 * | a named pipe | what its writer sends, up to the end; as long as there is no writer, the read waits |
 * | nothing, or a link to nothing | `NotFound` |
 *
 * **Guarantees**
 *
 * - Ownership: the descriptor is opened and closed by the read; no other is made.
 * - Interruption: a read of a regular file ends after the chunk that is being read, at most half a megabyte; waiting for a named pipe ends at once.
 * - Failure: everything the system may say is a `TextFileError`. Reading changes nothing, so trying again is always safe; it helps where the reason is `Busy`.
 * - Bounds: no more than `maxBytes` are held.
 * - Cost: four trips to Node's file threads for a file up to 64 KB.
 *
 * **Example** (Telling text from what only looks like it)
 *
 * ```ts
 * import { TextFile } from "@skein/node"
 * import * as Effect from "effect/Effect"
 *
 * const describe = (path: string) =>
 *   TextFile.read(path).pipe(
 *     Effect.map(({ text }) => `${text.split("\n").length > 1 ? "lines of text" : "text"}`),
 *     Effect.catchTag("TextFileError", ({ reason }) => Effect.succeed(`${reason._tag}: ${reason.message}`))
 *   )
 *
 * console.log(await Effect.runPromise(describe("package.json"))) // => lines of text
 * console.log(await Effect.runPromise(describe(process.execPath))) // => Binary: a NUL in the first 8,000 bytes
 * console.log(await Effect.runPromise(describe("node_modules"))) // => NotAFile: it is a directory
 * console.log(await Effect.runPromise(describe("no such file"))) // => NotFound: nothing there
 * ```
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as net from "node:net"
import { isMainThread } from "node:worker_threads"

/**
 * A file as it was read.
 *
 * @category models
 * @since 0.1.0
 */
export interface TextFile {
  readonly path: string
  readonly bytes: Uint8Array
  /** `bytes` as UTF-8, without a byte order mark. */
  readonly text: string
}

/**
 * How a file is read.
 *
 * @category options
 * @since 0.1.0
 */
export interface ReadOptions {
  /**
   * A file that is longer fails with `TooLarge`: a whole number of bytes of at least 1.
   *
   * @default 67108864 (64 MiB)
   */
  readonly maxBytes?: number | undefined
}

/**
 * Nothing is there: neither a file nor what a link points to. Trying again helps only if somebody makes it.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotFound extends Data.TaggedError("NotFound")<{ readonly message: string }> {}

/**
 * This user may not read it. Trying again does not help.
 *
 * @category errors
 * @since 0.1.0
 */
export class Denied extends Data.TaggedError("Denied")<{ readonly message: string; readonly code: string }> {}

/**
 * It is something else than a file: `kind` says what. Trying again does not help.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotAFile extends Data.TaggedError("NotAFile")<{
  readonly message: string
  readonly kind: "directory" | "socket" | "device"
}> {}

/**
 * It holds no text. Only its first bytes were read.
 *
 * @category errors
 * @since 0.1.0
 */
export class Binary extends Data.TaggedError("Binary")<{ readonly message: string }> {}

/**
 * It is longer than `maxBytes`. Of a regular file the first bytes were read; what was read of a pipe is lost.
 *
 * @category errors
 * @since 0.1.0
 */
export class TooLarge extends Data.TaggedError("TooLarge")<{ readonly message: string; readonly maxBytes: number }> {}

/**
 * The system had no room for it: too many open files, or somebody holds it for themselves. The one reason for which trying again soon may help.
 *
 * @category errors
 * @since 0.1.0
 */
export class Busy extends Data.TaggedError("Busy")<{ readonly message: string; readonly code: string }> {}

/**
 * The system could not read it, for a reason that has no name here; `code` is the system's own, such as `ELOOP` or `EIO`.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unreadable extends Data.TaggedError("Unreadable")<{
  readonly message: string
  readonly code: string
  readonly cause: unknown
}> {}

/**
 * Why a file could not be read.
 *
 * @category errors
 * @since 0.1.0
 */
export type Reason = NotFound | Denied | NotAFile | Binary | TooLarge | Busy | Unreadable

/**
 * A file could not be read; `reason` says why. Nothing was changed, and trying again is safe.
 *
 * @category errors
 * @since 0.1.0
 */
export class TextFileError extends Data.TaggedError("TextFileError")<{ readonly path: string; readonly reason: Reason }> {
  override get message(): string {
    return `${this.path}: ${this.reason.message}`
  }
}

/** What git looks at, too, to tell text from data. */
const looksAt = 8000
const firstChunk = 64 * 1024
const nextChunk = 512 * 1024
const defaultMaxBytes = 64 * 1024 * 1024

/**
 * Reads a text file.
 *
 * @throws RangeError if `maxBytes` is not a whole number of at least 1
 * @category constructors
 * @since 0.1.0
 */
export const read = (path: string, options?: ReadOptions): Effect.Effect<TextFile, TextFileError> => {
  const maxBytes = options?.maxBytes ?? defaultMaxBytes
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1) {
    throw new RangeError(`TextFile.read: maxBytes must be a whole number of at least 1, got ${String(maxBytes)}`)
  }
  return Effect.acquireUseRelease(open(path), (handle) => readAll(handle, maxBytes), close).pipe(
    Effect.map((bytes) => ({ path, bytes, text: decoder.decode(bytes) })),
    Effect.mapError((reason) => new TextFileError({ path, reason }))
  )
}

const decoder = new TextDecoder()

interface Handle {
  readonly fd: number
  /** A socket closes its own descriptor; closing it a second time could hit a file that has got the same number since. */
  owner: "us" | "socket"
}

/** How often a pipe is asked in a worker thread, in milliseconds. */
const pollEvery = 20

// Without O_NONBLOCK, opening a named pipe blocks a thread until there is a writer. Regular files do not care; Windows does not know it.
const flags = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0)

/** Calls a callback function of `node:fs`. Not interruptible: the descriptor must not be closed under a call that runs. */
const call = <A>(start: (done: (error: NodeJS.ErrnoException | null, value?: A) => void) => void): Effect.Effect<A, Reason> =>
  Effect.uninterruptible(
    Effect.callback<A, Reason>((resume) => {
      try {
        start((error, value) => resume(error === null ? Effect.succeed(value as A) : Effect.fail(reasonOf(error))))
      } catch (error) {
        // Node checks its arguments at once: a path with a NUL in it, say.
        resume(Effect.fail(reasonOf(error as NodeJS.ErrnoException)))
      }
    })
  )

const open = (path: string): Effect.Effect<Handle, Reason> =>
  Effect.map(
    call<number>((done) => fs.open(path, flags, done)),
    (fd) => ({ fd, owner: "us" })
  )

// A descriptor that only read has nothing to lose when it is closed, so an error here concerns nobody.
const close = (handle: Handle): Effect.Effect<void> =>
  handle.owner === "us" ? Effect.ignore(call<void>((done) => fs.close(handle.fd, done))) : Effect.void

const readAll = Effect.fnUntraced(function* (handle: Handle, maxBytes: number): Effect.fn.Return<Uint8Array, Reason> {
  const stats = yield* call<fs.Stats>((done) => fs.fstat(handle.fd, done))
  if (stats.isFIFO()) return yield* isMainThread ? readPipe(handle, maxBytes) : pollPipe(handle, maxBytes)
  if (!stats.isFile()) return yield* Effect.fail(notAFile(stats.isDirectory() ? "directory" : stats.isSocket() ? "socket" : "device"))
  const chunks: Array<Uint8Array> = []
  let length = 0
  // The size is a hint: files under /proc say 0, and another program may be writing. The end is a read that gives nothing.
  for (let size = Math.min(stats.size + 1, firstChunk); ; size = Math.min(Math.max(stats.size - length, 0) + 1, nextChunk)) {
    const buffer = Buffer.allocUnsafe(Math.max(size, 4096))
    const got = yield* call<number>((done) => fs.read(handle.fd, buffer, 0, buffer.length, null, done))
    if (got === 0) return join(chunks, length)
    if (length === 0 && isBinary(buffer.subarray(0, got))) return yield* Effect.fail(binary())
    chunks.push(buffer.subarray(0, got))
    length += got
    // After the first chunk, not before: what is no text is `Binary`, however long it is.
    if (length > maxBytes || stats.size > maxBytes) return yield* Effect.fail(tooLarge(maxBytes))
    // A read that brought less than there was room for, and the rest of the size: the last trip can be saved.
    if (got < buffer.length && length === stats.size) return join(chunks, length)
  }
})

/** A pipe is read by the event loop, not by a thread: it may never say anything, and there are four threads. */
const readPipe = (handle: Handle, maxBytes: number): Effect.Effect<Uint8Array, Reason> =>
  Effect.callback((resume) => {
    const socket = new net.Socket({ fd: handle.fd, readable: true, writable: false })
    handle.owner = "socket"
    const chunks: Array<Uint8Array> = []
    let length = 0
    let end: Effect.Effect<Uint8Array, Reason> | undefined
    const finish = (answer: Effect.Effect<Uint8Array, Reason>): void => {
      end ??= answer
      socket.destroy()
    }
    socket.on("data", (chunk: Buffer) => {
      if (length === 0 && isBinary(chunk)) return finish(Effect.fail(binary()))
      chunks.push(chunk)
      length += chunk.length
      if (length > maxBytes) finish(Effect.fail(tooLarge(maxBytes)))
    })
    socket.on("error", (error: NodeJS.ErrnoException) => finish(Effect.fail(reasonOf(error))))
    socket.on("end", () => finish(Effect.sync(() => join(chunks, length))))
    // `close` comes last: then the descriptor is gone, and only then is the read over.
    socket.on("close", () => resume(end ?? Effect.sync(() => join(chunks, length))))
    return Effect.callback<void>((done) => {
      if (socket.closed) return done(Effect.void)
      socket.on("close", () => done(Effect.void))
      socket.destroy()
    })
  })

/**
 * In a worker thread a socket must not be given a descriptor: Node closes those that `fs.open` gave when the thread ends, also one that a socket has closed already and that belongs to somebody else by then. So the pipe is asked from time to
 * time. What gives nothing at first may have no writer yet.
 */
const pollPipe = Effect.fnUntraced(function* (handle: Handle, maxBytes: number): Effect.fn.Return<Uint8Array, Reason> {
  const chunks: Array<Uint8Array> = []
  let length = 0
  for (;;) {
    const buffer = Buffer.allocUnsafe(firstChunk)
    const got = yield* Effect.catchTag(
      call<number>((done) => fs.read(handle.fd, buffer, 0, buffer.length, null, done)),
      "Busy",
      () => Effect.succeed(-1)
    )
    if (got === 0 && length > 0) return join(chunks, length)
    if (got <= 0) yield* Effect.sleep(pollEvery)
    else {
      if (length === 0 && isBinary(buffer.subarray(0, got))) return yield* Effect.fail(binary())
      chunks.push(buffer.subarray(0, got))
      length += got
      if (length > maxBytes) return yield* Effect.fail(tooLarge(maxBytes))
    }
  }
})

const join = (chunks: ReadonlyArray<Uint8Array>, length: number): Uint8Array =>
  chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length)

const isBinary = (start: Buffer): boolean => start.subarray(0, looksAt).includes(0)

const binary = (): Binary => new Binary({ message: "a NUL in the first 8,000 bytes" })
const notAFile = (kind: NotAFile["kind"]): NotAFile => new NotAFile({ message: `it is a ${kind}`, kind })
const tooLarge = (maxBytes: number): TooLarge => new TooLarge({ message: `longer than ${maxBytes.toLocaleString("en")} bytes`, maxBytes })

const reasonOf = (error: NodeJS.ErrnoException): Reason => {
  const code = error.code ?? "UNKNOWN"
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return new NotFound({ message: "nothing there" })
    case "EACCES":
    case "EPERM":
      return new Denied({ message: "not readable by this user", code })
    case "EISDIR":
      return notAFile("directory")
    case "ENXIO":
      return notAFile("socket")
    case "EMFILE":
    case "ENFILE":
    case "EBUSY":
    case "EAGAIN":
      return new Busy({ message: code.endsWith("FILE") ? "too many open files" : "in use", code })
    default:
      return new Unreadable({ message: messages[code] ?? code, code, cause: error })
  }
}

const messages: Record<string, string> = {
  ELOOP: "its links lead in a circle",
  ENAMETOOLONG: "its name is too long",
  ERR_INVALID_ARG_VALUE: "its name holds a NUL",
  EIO: "the device failed"
}
