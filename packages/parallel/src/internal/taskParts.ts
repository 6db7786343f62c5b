/**
 * Carries values beside the JSON text of a call: bytes and shared memory keep their form and are referred to by their position.
 *
 * The codec of such a value puts it down while the text is made, and picks it up while the text is read. Both happen in one go, so one place each is enough. It knows nothing of Effect.
 */
import type { Wire } from "../TaskRunner.ts"

/** The key of a reference in the text: `{ "~part": 0 }`. */
export const key = "~part"

export interface Reference {
  readonly [key]: number
}

type View = { readonly buffer: ArrayBufferLike; readonly byteOffset: number; readonly byteLength: number }

class Load {
  readonly parts: Array<unknown> = []
  readonly transfer = new Set<ArrayBuffer>()
  /** Views whose buffer must be alone in it. */
  readonly copied: Array<number> = []
  /** How many were given away, so that they can be sent once only. */
  given = 0

  /** What was put down without being given away must not go away with the buffer of another part. */
  finish(text: string): Wire {
    for (const index of this.copied) {
      const part = this.parts[index] as ArrayBuffer | View
      if (this.transfer.has(bufferOf(part) as ArrayBuffer)) this.parts[index] = copyOf(part)
    }
    return { text, parts: this.parts, transfer: this.transfer.size === 0 ? undefined : [...this.transfer] }
  }
}

let load: Load | undefined
let unload: ReadonlyArray<unknown> | undefined

const bufferOf = (part: ArrayBufferLike | View): ArrayBufferLike => (ArrayBuffer.isView(part) ? part.buffer : part) as ArrayBufferLike

const isSharedBuffer = (buffer: unknown): boolean => typeof SharedArrayBuffer === "function" && buffer instanceof SharedArrayBuffer

/** Whether a value is a view of shared memory. */
export const isShared = (value: unknown): boolean => ArrayBuffer.isView(value) && isSharedBuffer(value.buffer)

/** Schemas of typed arrays that are copied on their way, and the names of their constructors. */
export const copiedArrays = new WeakMap<object, string>()

/** What makes the codecs of schemas whose values travel beside the text. */
export const links = new WeakSet<object>()

/** A number of bytes, with those between it and where any kind of number may begin. */
export const aligned = (bytes: number): number => (bytes + 7) & ~7

/** Takes typed arrays apart that were joined: each has its bytes for itself. */
export const apart = (
  bytes: ArrayBuffer,
  { lengths, type }: { readonly lengths: ReadonlyArray<number>; readonly type: string }
): ReadonlyArray<unknown> => {
  const Type = (globalThis as Record<string, unknown>)[type] as new (buffer: ArrayBuffer) => unknown
  let at = 0
  return lengths.map((length) => {
    const value = new Type(bytes.slice(at, at + length))
    at += aligned(length)
    return value
  })
}

const copyOf = (part: ArrayBuffer | View): ArrayBuffer | View => {
  if (part instanceof ArrayBuffer) return part.slice(0)
  const { buffer, byteLength, byteOffset } = part
  const bytes = buffer.slice(byteOffset, byteOffset + byteLength)
  const Type = typeOf(part)
  return new Type(bytes)
}

/** A Buffer is a Uint8Array to all but Node. */
const typeOf = (part: View): new (buffer: ArrayBufferLike) => View => {
  const tag = (part as { readonly [Symbol.toStringTag]?: string })[Symbol.toStringTag]
  return (tag === undefined ? DataView : (globalThis as Record<string, unknown>)[tag]) as new (buffer: ArrayBufferLike) => View
}

/** Makes the wire of a text; whatever `make` puts down travels beside it. */
export const collect = (make: () => string): Wire => {
  const outer = load
  const mine = (load = new Load())
  try {
    const text = make()
    return mine.parts.length === 0 ? { text } : mine.finish(text)
  } finally {
    load = outer
  }
}

/**
 * Makes one text of several whose parts are collected together. If it throws, what it put down is picked up again: nothing of it is given away. So it is, and there is no text, where it gives memory away although it is not
 * the `first`: such a value travels alone, for it can be sent once only.
 */
export const attempt = (make: () => string, first: boolean): string | undefined => {
  if (load === undefined) return make()
  const { copied, given, parts, transfer } = load
  const [partsBefore, copiedBefore, transferBefore] = [parts.length, copied.length, transfer.size]
  const pickUp = (): void => {
    parts.length = partsBefore
    copied.length = copiedBefore
    load!.given = given
    ;[...transfer].slice(transferBefore).forEach((buffer) => transfer.delete(buffer))
  }
  try {
    const text = make()
    if (first || load.given === given) return text
    pickUp()
    return undefined
  } catch (error) {
    pickUp()
    throw error
  }
}

/** Whether memory is given away by what is being collected. */
export const gives = (): boolean => load !== undefined && load.given > 0

/** Reads a wire; `take` picks its parts up. */
export const deliver = <A>(wire: Wire, take: (text: string) => A): A => {
  if (wire.parts === undefined) return take(wire.text)
  const outer = unload
  unload = wire.parts
  try {
    return take(wire.text)
  } finally {
    unload = outer
  }
}

/** Puts a value down. Where nothing is being collected (a value is only looked at) it stays where it is. */
export const put = (part: ArrayBufferLike | View, giveAway: boolean): Reference => {
  if (load === undefined) return { [key]: 0 }
  const index = load.parts.length
  const buffer = bufferOf(part)
  if (isSharedBuffer(buffer)) load.parts.push(part)
  else if (ArrayBuffer.isView(part) && part.byteLength < buffer.byteLength) {
    // Only its own bytes travel; the copy belongs to nobody else and can be given away.
    const copy = copyOf(part) as View
    load.parts.push(copy)
    load.transfer.add(copy.buffer as ArrayBuffer)
  } else {
    load.parts.push(part)
    if (giveAway) {
      load.transfer.add(buffer as ArrayBuffer)
      load.given++
    } else load.copied.push(index)
  }
  return { [key]: index }
}

/** Picks a value up. */
export const get = (reference: Reference): unknown => unload?.[reference[key]]

/** Whether the memory has been given away already. */
export const isGone = (part: unknown): boolean => {
  const buffer = bufferOf(part as View)
  return (buffer as { readonly detached?: boolean }).detached === true
}

const isReference = (value: unknown): value is Reference => {
  if (typeof value !== "object" || value === null || !(key in value)) return false
  return typeof value[key] === "number" && Object.keys(value).length === 1
}

/** Parses the text of a wire, with its parts in their places. */
export const parse = (wire: Wire): unknown => {
  const { parts, text } = wire
  return parts === undefined ? JSON.parse(text) : JSON.parse(text, (_, value: unknown) => (isReference(value) ? parts[value[key]] : value))
}
