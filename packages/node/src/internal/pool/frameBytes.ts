/** Frames as bytes in a pipe. */
import { Buffer } from "node:buffer"
import { deserialize } from "node:v8"
import { flag, headBytes, type Kind } from "./frame.ts"

/** A frame with its parts, which are bytes already, behind its text. */
export const encode = (kindOf: Kind, call: number, slot: number, number: number, text: string, parts?: Buffer): Buffer => {
  const length = Buffer.byteLength(text)
  const whole = headBytes + length + (parts === undefined ? 0 : 4 + parts.length)
  const bytes = Buffer.allocUnsafe(whole)
  bytes.writeUInt32LE(whole, 0)
  bytes.writeUInt32LE(kindOf | (parts === undefined ? 0 : flag.parts) | (length === text.length ? flag.ascii : 0), 4)
  bytes.writeInt32LE(call, 8)
  bytes.writeUInt32LE(slot, 12)
  bytes.writeUInt32LE(number, 16)
  if (parts === undefined) bytes.write(text, headBytes)
  else {
    bytes.writeUInt32LE(length, headBytes)
    bytes.write(text, headBytes + 4)
    parts.copy(bytes, headBytes + 4 + length)
  }
  return bytes
}

/** Cuts a stream of bytes into frames. */
export class Frames {
  private readonly take: (kind: Kind, call: number, slot: number, number: number, text: string, parts: Buffer | undefined) => void
  private rest: Array<Buffer> = []
  private restBytes = 0
  private wanted = headBytes

  constructor(take: (kind: Kind, call: number, slot: number, number: number, text: string, parts: Buffer | undefined) => void) {
    this.take = take
  }

  add(chunk: Buffer): void {
    let bytes = chunk
    if (this.restBytes > 0) {
      this.rest.push(chunk)
      this.restBytes += chunk.length
      // A large frame comes in many chunks: they are joined once, when it is whole.
      if (this.restBytes < this.wanted) return
      bytes = Buffer.concat(this.rest)
      this.rest = []
      this.restBytes = 0
    }
    let at = 0
    this.wanted = headBytes
    while (bytes.length - at >= headBytes) {
      const whole = bytes.readUInt32LE(at)
      if (bytes.length - at < whole) {
        this.wanted = whole
        break
      }
      this.give(bytes, at, whole)
      at += whole
    }
    if (at < bytes.length) {
      this.rest = [at === 0 ? bytes : bytes.subarray(at)]
      this.restBytes = bytes.length - at
    }
  }

  private give(bytes: Buffer, at: number, whole: number): void {
    const word = bytes.readUInt32LE(at + 4)
    const withParts = (word & flag.parts) !== 0
    const from = at + headBytes + (withParts ? 4 : 0)
    const to = withParts ? from + bytes.readUInt32LE(at + headBytes) : at + whole
    const text = from === to ? "" : bytes.toString((word & flag.ascii) !== 0 ? "latin1" : "utf8", from, to)
    const parts = withParts ? bytes.subarray(to, at + whole) : undefined
    this.take((word & 0xff) as Kind, bytes.readInt32LE(at + 8), bytes.readUInt32LE(at + 12), bytes.readUInt32LE(at + 16), text, parts)
  }
}

/** The parts of a frame. Those that hold bytes are given memory of their own, for what they were read into holds other frames too. */
export const partsOf = (bytes: Buffer): ReadonlyArray<unknown> => {
  const parts = deserialize(bytes) as ReadonlyArray<unknown>
  return parts.map((part) => (ArrayBuffer.isView(part) && part.byteLength !== part.buffer.byteLength ? copyOf(part) : part))
}

const copyOf = (view: ArrayBufferView): ArrayBufferView => {
  const own = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength)
  if (Buffer.isBuffer(view)) return Buffer.from(own)
  return new (view.constructor as new (bytes: ArrayBufferLike) => ArrayBufferView)(own)
}
