/** Writes the items of a chunk: numbers and typed arrays as they are, all else as one JSON text. */
import type * as TaskPump from "@skein/core/TaskPump"
import type { Chunk, Wire } from "../TaskRunner.ts"
import type { Callee } from "./taskCall.ts"
import * as parts from "./taskParts.ts"

type Item = TaskPump.Task<unknown, unknown>

export interface Packed {
  readonly kept: Array<Item>
  readonly refused: ReadonlyArray<{ readonly item: Item; readonly message: string }>
  /** Numbers are not in it yet: where they go depends on the flavour. */
  readonly wire: Wire
  readonly chunk: Partial<Chunk>
}

/** Writes items up to the first one that has to travel alone. */
export const pack = (callee: Callee, items: ReadonlyArray<Item>): Packed => {
  const { payload } = callee
  if (payload.isNumber) {
    const { kept, refused } = sort(items, (value) => payload.fitsNumber(value), payload)
    return { kept, refused, wire: { text: "" }, chunk: { numbers: true } }
  }
  if (payload.bytes !== undefined && items.every(({ work }) => !parts.isShared(work))) {
    const { kept, refused } = sort(items, (value) => payload.fitsBytes(value), payload)
    const { bytes, lengths } = joined(kept)
    return { kept, refused, wire: { text: "", parts: [bytes], transfer: [bytes] }, chunk: { bytes: { type: payload.bytes, lengths } } }
  }
  if (items.every(({ work }) => payload.isPlain(work))) {
    return { kept: [...items], refused: [], wire: { text: JSON.stringify(items.map(({ work }) => work)) }, chunk: {} }
  }
  return written(callee, items)
}

const sort = (
  items: ReadonlyArray<Item>,
  fits: (value: unknown) => boolean,
  payload: Callee["payload"]
): Pick<Packed, "kept" | "refused"> => {
  const kept: Array<Item> = []
  const refused: Array<{ readonly item: Item; readonly message: string }> = []
  for (const item of items) {
    if (fits(item.work)) kept.push(item)
    else refused.push({ item, message: payload.check(item.work) ?? "it does not fit" })
  }
  return { kept, refused }
}

/** One after the other, each where any kind of number may begin. */
const joined = (items: ReadonlyArray<Item>): { readonly bytes: ArrayBuffer; readonly lengths: ReadonlyArray<number> } => {
  const lengths = items.map(({ work }) => (work as Uint8Array).byteLength)
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + parts.aligned(length), 0))
  let at = 0
  for (const { work } of items) {
    const { buffer, byteLength, byteOffset } = work as Uint8Array
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at)
    at += parts.aligned(byteLength)
  }
  return { bytes: bytes.buffer, lengths }
}

const written = ({ payload }: Callee, items: ReadonlyArray<Item>): Packed => {
  const kept: Array<Item> = []
  const refused: Array<{ readonly item: Item; readonly message: string }> = []
  const coded: Array<number> = []
  const wire = parts.collect(() => {
    const texts: Array<string> = []
    for (let i = 0; i < items.length && !parts.gives(); i++) {
      const item = items[i]!
      try {
        const isPlain = payload.isPlain(item.work)
        const text = isPlain ? JSON.stringify(item.work) : payload.writeOne(item.work, kept.length === 0)
        if (text === undefined) break
        if (!isPlain && payload.mayBePlain) coded.push(texts.length)
        texts.push(text)
        kept.push(item)
      } catch (error) {
        refused.push({ item, message: error instanceof Error ? error.message : String(error) })
      }
    }
    return `[${texts.join(",")}]`
  })
  return { kept, refused, wire, chunk: coded.length === 0 ? {} : { coded } }
}
