/** Keeps the output of a program until it is wanted: in memory while it is short, in a file beyond that. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"

/** Captured output cannot be read any more. */
export class CaptureLost extends Data.TaggedError("CaptureLost")<{ readonly message: string }> {}

/** What one of the two streams brought. */
export interface Part {
  /** Bytes. */
  readonly size: number
  /** All of it, while it is in memory; otherwise it comes through `writeTo` only. */
  readonly bytes: Uint8Array | undefined
  /** Gives it piece by piece, as often as it is asked to; the next piece is read when the effect is done. Bytes are valid until then. */
  readonly writeTo: <E>(write: (bytes: Uint8Array) => Effect.Effect<void, E>) => Effect.Effect<void, E | CaptureLost>
}

export interface Captured {
  readonly stdout: Part
  readonly stderr: Part
  /** Bytes of both. */
  readonly size: number
  /** Gives back what it holds. It can be called again. */
  readonly dispose: () => void
}

/** A stream that brings more than this many bytes is kept in a file. */
/** The system's words for having no room for one more process or open file. */
export const noRoom: ReadonlySet<unknown> = new Set(["EMFILE", "ENFILE", "EAGAIN", "ENOMEM"])

const inMemory = 64 * 1024

/** Bytes that are read from a file at once. */
const pieceBytes = 256 * 1024

const noBytes = new Uint8Array(0)

const kept = (bytes: Uint8Array): Part => ({
  size: bytes.length,
  bytes,
  writeTo: (write) => (bytes.length === 0 ? Effect.void : write(bytes))
})

const nothing = kept(noBytes)

/** No output. */
export const empty: Captured = { stdout: nothing, stderr: nothing, size: 0, dispose: () => {} }

/** The first `size` bytes of a file: who still writes to it cannot add to them. */
const inFile = (path: string, size: number): Part => ({
  size,
  bytes: undefined,
  writeTo: (write) =>
    Effect.acquireUseRelease(
      attempt(() => fs.openSync(path, "r")),
      (fd) =>
        Effect.gen(function* () {
          const piece = new Uint8Array(Math.min(size, pieceBytes))
          for (let at = 0; at < size;) {
            const got = yield* attempt(() => fs.readSync(fd, piece, 0, Math.min(piece.length, size - at), at))
            if (got === 0) return yield* new CaptureLost({ message: `captured output is cut off: ${at} of ${size} bytes` })
            at += got
            yield* write(piece.subarray(0, got))
          }
        }),
      (fd) => Effect.sync(() => fs.closeSync(fd))
    )
})

const attempt = <A>(action: () => A): Effect.Effect<A, CaptureLost> =>
  Effect.try({ try: action, catch: (error) => new CaptureLost({ message: `captured output cannot be read: ${messageOf(error)}` }) })

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const unlink = (path: string): void => {
  try {
    fs.unlinkSync(path)
  } catch {
    // It was never made, or its directory is gone already.
  }
}

const pair = (stdout: Part, stderr: Part, files: ReadonlyArray<string>): Captured => ({
  stdout,
  stderr,
  size: stdout.size + stderr.size,
  dispose: files.length === 0 ? () => {} : () => files.forEach(unlink)
})

/** Files of no further use, removed many at once: one at a time, each removal costs a busy machine as much as a small read. */
export class Litter {
  private paths: Array<string> = []
  private bytes = 0

  add(path: string, size: number): void {
    this.bytes += size
    if (this.paths.push(path) >= 256 || this.bytes > 4 * inMemory) this.clear()
  }

  clear(): void {
    this.paths.forEach(unlink)
    this.paths = []
    this.bytes = 0
  }
}

/** Takes over two files that a program wrote. Short ones are read now and are litter then. Throws when there is none, or it cannot be read. */
export const fromFiles = (stdout: string, stderr: string, litter: Litter, limit: number = inMemory): Captured => {
  const files: Array<string> = []
  const take = (path: string): Part => {
    const { size } = fs.lstatSync(path)
    if (size > limit) {
      files.push(path)
      return inFile(path, size)
    }
    const part = size === 0 ? nothing : kept(fs.readFileSync(path).subarray(0, size))
    litter.add(path, size)
    return part
  }
  try {
    const out = take(stdout)
    const err = take(stderr)
    return out === nothing && err === nothing ? empty : pair(out, err, files)
  } catch (error) {
    discard(stdout, stderr)
    throw error
  }
}

/** Removes the files of a program whose output nobody wants. */
export const discard = (stdout: string, stderr: string): void => {
  unlink(stdout)
  unlink(stderr)
}

/** Takes chunks, as they come from pipes. */
export interface Recorder {
  /** What could not be kept is lost, and `failure` says why. */
  readonly add: (which: "stdout" | "stderr", bytes: Uint8Array) => void
  readonly failure: () => string | undefined
  /** No more comes. */
  readonly end: () => Captured
}

/** Writes to the paths only what has no place in memory. */
export const recorder = (pathOf: (which: "stdout" | "stderr") => string, limit: number = inMemory): Recorder => {
  let failure: string | undefined
  const track = (which: "stdout" | "stderr") => {
    let path = ""
    let chunks: Array<Uint8Array> = []
    let size = 0
    let fd: number | undefined
    const put = (bytes: Uint8Array): void => {
      for (let at = 0; at < bytes.length;) at += fs.writeSync(fd!, bytes, at)
    }
    return {
      add: (bytes: Uint8Array): void => {
        if (failure !== undefined) return
        size += bytes.length
        try {
          if (fd !== undefined) return put(bytes)
          chunks.push(bytes)
          if (size <= limit) return
          path = pathOf(which)
          fd = fs.openSync(path, "wx", 0o600)
          chunks.forEach(put)
          chunks = []
        } catch (error) {
          failure = `its output cannot be kept: ${messageOf(error)}`
        }
      },
      end: (files: Array<string>): Part => {
        if (fd === undefined) return size === 0 ? nothing : kept(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
        fs.closeSync(fd)
        files.push(path)
        return inFile(path, size)
      }
    }
  }
  const tracks = { stdout: track("stdout"), stderr: track("stderr") }
  return {
    add: (which, bytes) => tracks[which].add(bytes),
    failure: () => failure,
    end: () => {
      const files: Array<string> = []
      const captured = pair(tracks.stdout.end(files), tracks.stderr.end(files), files)
      if (failure === undefined) return captured
      captured.dispose()
      return empty
    }
  }
}
