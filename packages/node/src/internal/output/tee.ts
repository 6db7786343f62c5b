/** Hands what a program writes to somebody else too, no faster than they can take it. */
import type { Readable } from "node:stream"

/**
 * Somebody who takes what a program writes: an `OutputFile`, say.
 *
 * @category models
 * @since 0.1.0
 */
export interface Target {
  /** Takes bytes, and says whether there is room for more. Without room the program is made to wait until `onRoom` calls back. */
  readonly take: (bytes: Uint8Array) => boolean
  /** Calls once, when there is room, after this returned. */
  readonly onRoom: (listener: () => void) => void
  /** Takes bytes of a program that cannot be made to wait, for it has ended or is to end. */
  readonly push: (bytes: Uint8Array) => void
}

/** Where a program's streams go to, beside what is captured of them. */
export interface Targets {
  readonly stdout?: Target | undefined
  readonly stderr?: Target | undefined
}

export class Tee {
  readonly #stream: Readable
  readonly #target: Target
  #rushed = false

  constructor(stream: Readable, target: Target) {
    this.#stream = stream
    this.#target = target
    stream.on("data", this.#add)
  }

  /** The program has ended, or is to end: a stream that stands still now would lose its last bytes, or hold up its cleanup. */
  rush(): void {
    this.#rushed = true
    this.#stream.resume()
  }

  readonly #add = (piece: Uint8Array): void => {
    if (this.#rushed) return this.#target.push(piece)
    if (this.#target.take(piece)) return
    this.#stream.pause()
    this.#target.onRoom(() => this.#stream.resume())
  }
}

export const tee = (stream: Readable | null, target: Target | undefined): Tee | undefined =>
  stream === null || target === undefined ? undefined : new Tee(stream, target)
