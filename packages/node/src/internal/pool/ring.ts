/**
 * A queue of frames in shared memory, with one writer and one reader, each in a thread of its own.
 *
 * Writing never waits: a frame that does not fit is refused, and the writer sends it by other means. The reader says when it goes to sleep, so that the writer rings at most once for each time it slept; frames that come while it
 * is awake cost no message. What was written stays readable when the writer's thread has died.
 */
import { Buffer } from "node:buffer"
import { flag, headBytes, kind, type Kind, type Take } from "./frame.ts"

/** What Node's buffers can do beyond their types: read and write at a place without a view in between. */
interface RawBuffer {
  utf8Write(text: string, at: number): number
  utf8Slice(from: number, to: number): string
  latin1Slice(from: number, to: number): string
}

/** Words at the start of the memory. */
const written = 0
const read = 1
const asleep = 2
const wordBytes = 16

/** Memory for a ring of `bytes`, a power of two. The reader counts as asleep. */
export const allocate = (bytes: number): SharedArrayBuffer => {
  const memory = new SharedArrayBuffer(wordBytes + bytes)
  new Int32Array(memory, 0, 4)[asleep] = 1
  return memory
}

/** The ends of a ring. Positions grow without end and are taken modulo 2³² as words, modulo the size as places. */
export class Ring {
  private readonly words: Int32Array
  private readonly heads: Int32Array
  private readonly bytes: RawBuffer
  private readonly size: number

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory, 0, 4)
    this.heads = new Int32Array(memory, wordBytes)
    this.bytes = Buffer.from(memory, wordBytes) as unknown as RawBuffer
    this.size = memory.byteLength - wordBytes
  }

  /** Writes a frame; false if there is no room, or it is too large for this ring. */
  write(kindOf: Kind, call: number, slot: number, number: number, text: string): boolean {
    const { bytes, heads, size, words } = this
    // UTF-8 takes three bytes at most for each unit of a JavaScript string.
    const most = headBytes + text.length * 3
    if (most > size >> 2) return false
    let end = words[written]!
    const free = size - ((end - Atomics.load(words, read)) | 0)
    let place = end & (size - 1)
    const toEnd = size - place
    if (toEnd < most + 4) {
      if (free < toEnd + most + 4) return false
      heads[(place >> 2) + 1] = kind.wrap
      heads[place >> 2] = toEnd
      end = (end + toEnd) | 0
      place = 0
    } else if (free < most + 4) return false
    const length = text.length === 0 ? 0 : bytes.utf8Write(text, place + headBytes)
    const whole = (headBytes + length + 7) & ~7
    const at = place >> 2
    heads[at] = headBytes + length
    heads[at + 1] = kindOf | (length === text.length ? flag.ascii : 0)
    heads[at + 2] = call
    heads[at + 3] = slot
    heads[at + 4] = number
    Atomics.store(words, written, (end + whole) | 0)
    return true
  }

  /** Whether a frame without text fits. */
  hasRoom(): boolean {
    return this.size - ((this.words[written]! - Atomics.load(this.words, read)) | 0) >= 4 * headBytes
  }

  /** Whether the reader sleeps and is to be woken; true once for each time it went to sleep. */
  shallRing(): boolean {
    return Atomics.load(this.words, asleep) === 1 && Atomics.compareExchange(this.words, asleep, 1, 0) === 1
  }

  /** Reads one frame; false if there is none. */
  readOne(take: Take): boolean {
    const { bytes, heads, size, words } = this
    const end = Atomics.load(words, written)
    let start = words[read]!
    if (start === end) return false
    let at = (start & (size - 1)) >> 2
    if (heads[at + 1] === kind.wrap) {
      start = (start + heads[at]!) | 0
      at = (start & (size - 1)) >> 2
    }
    const whole = heads[at]!
    const word = heads[at + 1]!
    const call = heads[at + 2]!
    const slot = heads[at + 3]!
    const number = heads[at + 4]!
    const from = (at << 2) + headBytes
    const to = (at << 2) + whole
    const text = from === to ? "" : (word & flag.ascii) !== 0 ? bytes.latin1Slice(from, to) : bytes.utf8Slice(from, to)
    // From here on the writer may use the place again.
    Atomics.store(words, read, (start + ((whole + 7) & ~7)) | 0)
    take((word & 0xff) as Kind, word & ~0xff, call, slot, number, text)
    return true
  }

  /** Puts the reader to sleep; false if a frame came meanwhile: then it stays awake. */
  sleep(): boolean {
    const { words } = this
    Atomics.store(words, asleep, 1)
    if (Atomics.load(words, written) === words[read]) return true
    Atomics.store(words, asleep, 0)
    return false
  }
}
