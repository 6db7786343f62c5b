/** The last bytes of a stream: a ring that grows up to its bound. */

const smallest = 1024

export class Tail {
  readonly #bound: number
  #ring: Uint8Array = new Uint8Array(0)
  #start = 0
  #length = 0

  constructor(bound: number) {
    this.#bound = bound
  }

  get length(): number {
    return this.#length
  }

  add(piece: Uint8Array): void {
    const bytes = piece.length > this.#bound ? piece.subarray(piece.length - this.#bound) : piece
    if (bytes.length === 0) return
    this.#grow(Math.min(this.#length + bytes.length, this.#bound))
    const size = this.#ring.length
    const at = (this.#start + this.#length) % size
    const first = Math.min(bytes.length, size - at)
    this.#ring.set(bytes.subarray(0, first), at)
    this.#ring.set(bytes.subarray(first), 0)
    const over = Math.max(0, this.#length + bytes.length - size)
    this.#start = (this.#start + over) % size
    this.#length += bytes.length - over
  }

  /** What is kept, in a copy of its own. */
  get bytes(): Uint8Array {
    const out = new Uint8Array(this.#length)
    const first = Math.min(this.#length, this.#ring.length - this.#start)
    out.set(this.#ring.subarray(this.#start, this.#start + first))
    out.set(this.#ring.subarray(0, this.#length - first), first)
    return out
  }

  /** A ring below the bound has lost nothing and starts at 0, so that it grows by a copy. */
  #grow(needed: number): void {
    if (needed <= this.#ring.length) return
    const ring = new Uint8Array(Math.min(this.#bound, Math.max(smallest, needed, this.#ring.length * 2)))
    ring.set(this.bytes)
    this.#ring = ring
    this.#start = 0
  }
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** The bytes as text. If something came before them, the rest of a character that was cut there is left out. */
export const textOf = (bytes: Uint8Array, isCut: boolean): string => {
  let from = 0
  if (isCut) while (from < Math.min(3, bytes.length) && (bytes[from]! & 0xc0) === 0x80) from++
  return decoder.decode(bytes.subarray(from))
}
