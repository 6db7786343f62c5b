/** Keeps what a program writes, up to a bound. */
import { Buffer } from "node:buffer"
import type { Readable } from "node:stream"

const nothing = Buffer.alloc(0)

/** So many pieces become one: a piece costs more than a byte. */
const mergeAfter = 256

export class Capture {
  /** How many bytes came, kept or not. */
  received = 0
  /** Everything that will come has come. */
  ended: boolean
  /** Calls when it has ended, and when there is more than the bound. */
  onEnd: () => void = () => {}
  onOverflow: () => void = () => {}
  readonly #stream: Readable | null
  readonly #max: number
  readonly #keep: "head" | "tail"
  #pieces: Array<Buffer> = []
  #small = 0
  #kept = 0

  constructor(stream: Readable | null, max: number, keep: "head" | "tail") {
    this.#stream = stream
    this.#max = max
    this.#keep = keep
    this.ended = stream === null
    if (stream === null) return
    const end = (): void => {
      if (this.ended) return
      this.ended = true
      this.onEnd()
    }
    stream.on("data", (piece: Buffer) => this.#add(piece))
    stream.on("end", end)
    // Without an `end` if it broke.
    stream.on("close", end)
  }

  get dropped(): number {
    return this.received - Math.min(this.received, this.#max)
  }

  /** What was kept, in one piece. */
  get bytes(): Buffer {
    if (this.#kept > this.#max) {
      const all = Buffer.concat(this.#pieces)
      this.#pieces = [all.subarray(all.length - this.#max)]
      this.#kept = this.#max
    } else if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces)]
    return this.#pieces[0] ?? nothing
  }

  /** Stops reading. Who still writes to it finds it closed. */
  close(): void {
    this.#stream?.destroy()
  }

  #add(piece: Buffer): void {
    const before = this.received
    this.received += piece.length
    if (before <= this.#max && this.received > this.#max) this.onOverflow()
    if (this.#keep === "head") {
      const room = this.#max - this.#kept
      if (room <= 0) return
      this.#push(piece.length > room ? piece.subarray(0, room) : piece)
      return
    }
    this.#push(piece)
    let drop = 0
    while (this.#kept - this.#pieces[drop]!.length >= this.#max) this.#kept -= this.#pieces[drop++]!.length
    if (drop > 0) {
      this.#pieces.splice(0, drop)
      this.#small = Math.min(this.#small, this.#pieces.length)
    }
  }

  #push(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#kept += piece.length
    if (++this.#small < mergeAfter) return
    const last = this.#pieces.splice(this.#pieces.length - this.#small)
    this.#pieces.push(Buffer.concat(last))
    this.#small = 0
  }
}
