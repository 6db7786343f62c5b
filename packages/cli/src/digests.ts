/** Counts texts by 128 bits of their hash, 20 bytes each and some air, so that millions fit; two texts that share them are not expected in this world's lifetime. */
import { hash } from "node:crypto"

export interface DigestCounts {
  /** Counts one more; gives how many there are now. */
  readonly add: (text: string) => number
  /** Counts one less, where there is one. */
  readonly take: (text: string) => boolean
}

export const digestCounts = (): DigestCounts => {
  let mask = (1 << 10) - 1
  let words = new Uint32Array(4 * (mask + 1))
  let counts = new Uint32Array(mask + 1)
  // A slot is free while its mark is 0; one whose count came down to 0 stays taken.
  let taken = new Uint8Array(mask + 1)
  let size = 0

  const slotOf = (a: number, b: number, c: number, d: number): number => {
    for (let slot = a & mask; ; slot = (slot + 1) & mask) {
      if (taken[slot] === 0) return slot
      const at = 4 * slot
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return slot
    }
  }

  const put = (slot: number, a: number, b: number, c: number, d: number, count: number): void => {
    taken[slot] = 1
    words.set([a, b, c, d], 4 * slot)
    counts[slot] = count
  }

  const grow = (): void => {
    const [oldWords, oldCounts, oldTaken] = [words, counts, taken]
    mask = 2 * mask + 1
    words = new Uint32Array(4 * (mask + 1))
    counts = new Uint32Array(mask + 1)
    taken = new Uint8Array(mask + 1)
    for (let slot = 0; slot < oldTaken.length; slot++) {
      if (oldTaken[slot] === 0) continue
      const [a, b, c, d] = oldWords.subarray(4 * slot, 4 * slot + 4) as unknown as [number, number, number, number]
      put(slotOf(a, b, c, d), a, b, c, d, oldCounts[slot]!)
    }
  }

  const find = (text: string): { readonly slot: number; readonly digest: Buffer } => {
    const digest = hash("sha256", text, "buffer")
    return { digest, slot: slotOf(word(digest, 0), word(digest, 4), word(digest, 8), word(digest, 12)) }
  }

  return {
    add: (text) => {
      if (4 * size > 3 * mask) grow()
      const { digest, slot } = find(text)
      if (taken[slot] === 0) {
        size++
        put(slot, word(digest, 0), word(digest, 4), word(digest, 8), word(digest, 12), 0)
      }
      return ++counts[slot]!
    },
    take: (text) => {
      const { slot } = find(text)
      if (taken[slot] === 0 || counts[slot] === 0) return false
      counts[slot]!--
      return true
    }
  }
}

const word = (digest: Buffer, at: number): number => digest.readUInt32LE(at)
