/** Takes bytes at once and writes them to a file in their order. */
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import * as fs from "node:fs"
import { dirname } from "node:path"
import { errorOf, type OutputFileError } from "./failure.ts"

const encoder = new TextEncoder()

// A named pipe without a reader is refused instead of holding up the event loop.
const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT | (fs.constants.O_NONBLOCK ?? 0)

/**
 * Each byte has its place in the file from the moment it is handed to the system, so that a write that waits (one at a time) and one that does not may overlap.
 *
 * ```
 * file: │ written │ flying: given to a thread of Node │ waiting: in memory │
 * ```
 */
export class Sink {
  readonly path: string
  failure: OutputFileError | undefined
  readonly #buffer: number
  #taken = 0
  /** How long the file was when it was opened. */
  #before = 0
  #fd: number | undefined
  /** Where the next byte that is handed to the system belongs. */
  #position = 0
  #waiting: Array<Uint8Array> = []
  #backlog = 0
  #flying = false
  #closing = false
  #closed = false
  /** Those who wait for room or for the end: they look again after each write. */
  readonly #watchers = new Set<() => void>()

  constructor(path: string, buffer: number) {
    this.path = path
    this.#buffer = buffer
  }

  /** How long the file is, with what has not been written yet. */
  get size(): number {
    return this.#before + this.#taken
  }

  get hasRoom(): boolean {
    return this.#backlog <= this.#buffer
  }

  /** Takes bytes however many there are already, and says whether there is room for more. */
  take(data: string | Uint8Array): boolean {
    if (this.#closing) return true
    if (data.length === 0) return this.hasRoom
    // Before the bytes are counted: a file that was there has its own.
    if (this.#fd === undefined && this.failure === undefined) this.#open()
    if (this.#fd === undefined || this.failure !== undefined) return true
    // What the caller does with its bytes afterwards is its own affair.
    const bytes = typeof data === "string" ? encoder.encode(data) : new Uint8Array(data)
    this.#taken += bytes.length
    this.#waiting.push(bytes)
    this.#backlog += bytes.length
    this.#write()
    return this.hasRoom
  }

  /** Takes bytes from somebody who cannot wait: when too many are there they are written before it returns. */
  push(data: string | Uint8Array): void {
    if (this.take(data)) return
    const fd = this.#fd!
    const at = this.#position
    const bytes = this.#handOver()
    let done = 0
    try {
      while (done < bytes.length) done += fs.writeSync(fd, bytes, done, bytes.length - done, at + done)
    } catch (error) {
      this.#fail(error, at + done)
    }
    this.#wake()
  }

  write(data: string | Uint8Array): Effect.Effect<void> {
    return Effect.suspend(() => (this.take(data) ? Effect.void : this.#until(() => this.hasRoom)))
  }

  get flush(): Effect.Effect<void, OutputFileError> {
    return Effect.andThen(
      this.#until(() => this.#isIdle),
      Effect.suspend(() => (this.failure === undefined ? Effect.void : Effect.fail(this.failure)))
    )
  }

  get close(): Effect.Effect<void> {
    const begin = Effect.sync(() => {
      if (this.#closing) return
      this.#closing = true
      this.#closeIfIdle()
    })
    return Effect.uninterruptible(
      Effect.andThen(
        begin,
        this.#until(() => this.#closed)
      )
    )
  }

  /** Calls once when there is room, in a later turn at the earliest. */
  onRoom(listener: () => void): void {
    const look = (): void => {
      if (!this.hasRoom) return
      this.#watchers.delete(look)
      listener()
    }
    this.#watchers.add(look)
  }

  get #isIdle(): boolean {
    return !this.#flying && this.#backlog === 0
  }

  #until(ready: () => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const look = (): void => {
        if (!ready()) return
        this.#watchers.delete(look)
        resume(Effect.void)
      }
      this.#watchers.add(look)
      look()
      return Effect.sync(() => this.#watchers.delete(look))
    })
  }

  #wake(): void {
    for (const look of [...this.#watchers]) look()
  }

  /** At once, not in a thread: who writes does not know yet whether there is a file, and most have a handful of bytes. */
  #open(): void {
    const { path } = this
    try {
      fs.mkdirSync(dirname(path), { recursive: true })
      this.#fd = fs.openSync(path, flags, 0o666)
      this.#position = this.#before = fs.fstatSync(this.#fd).size
    } catch (error) {
      this.failure = errorOf(path, error)
    }
  }

  #handOver(): Uint8Array {
    const bytes = this.#waiting.length === 1 ? this.#waiting[0]! : Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#backlog = 0
    this.#position += bytes.length
    return bytes
  }

  #write(): void {
    if (this.#flying || this.#backlog === 0) return
    this.#flying = true
    const at = this.#position
    const bytes = this.#handOver()
    const next = (done: number): void => {
      fs.write(this.#fd!, bytes, done, bytes.length - done, at + done, (error, count) => {
        if (error !== null) this.#fail(error, at + done)
        else if (done + count < bytes.length) return next(done + count)
        this.#flying = false
        this.#write()
        this.#wake()
        if (this.#closing) this.#closeIfIdle()
      })
    }
    next(0)
  }

  /** Nothing is written after a gap: the file ends where the first byte is missing. */
  #fail(error: unknown, at: number): void {
    this.#waiting = []
    this.#backlog = 0
    this.failure ??= errorOf(this.path, error)
    this.#position = Math.min(this.#position, at)
    try {
      fs.ftruncateSync(this.#fd!, this.#position)
    } catch {
      // A device cannot be cut, and has no gaps.
    }
  }

  #closeIfIdle(): void {
    if (!this.#isIdle) return
    const done = (): void => {
      this.#closed = true
      this.#fd = undefined
      this.#wake()
    }
    if (this.#fd === undefined) return done()
    fs.close(this.#fd, (error) => {
      // Some file systems say only now that there was no room.
      if (error !== null && error !== undefined) this.failure ??= errorOf(this.path, error)
      done()
    })
  }
}
