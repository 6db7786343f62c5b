/**
 * Makes a fingerprint of a text that is nearly the same for texts that are nearly the same: SimHash (Charikar, 2002) over runs of three words, 64 bits.
 */

const bits = 64

export class Fingerprint {
  /** Of each bit, how many more runs have it set than not. */
  private readonly votes = new Int32Array(bits)
  private before = 0
  private last = 0

  add(word: string): void {
    const hash = hashOf(word)
    const run = Math.imul(this.before, 31) + Math.imul(this.last, 17) + hash
    this.before = this.last
    this.last = hash
    let low = mix(run)
    let high = mix(run ^ 0x9e3779b9)
    for (let bit = 0; bit < 32; bit++, low >>>= 1, high >>>= 1) {
      this.votes[bit]! += (low & 1) * 2 - 1
      this.votes[bit + 32]! += (high & 1) * 2 - 1
    }
  }

  /** In hexadecimal. */
  end(): string {
    let text = ""
    for (let from = 0; from < bits; from += 4) {
      let digit = 0
      for (let bit = from; bit < from + 4; bit++) digit = digit * 2 + (this.votes[bit]! > 0 ? 1 : 0)
      text += digit.toString(16)
    }
    return text
  }
}

/** FNV-1a, over UTF-16 units. */
const hashOf = (word: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193)
  return hash
}

/** The last steps of MurmurHash3: every bit of the input reaches every bit of the output. */
const mix = (n: number): number => {
  n = Math.imul(n ^ (n >>> 16), 0x85ebca6b)
  n = Math.imul(n ^ (n >>> 13), 0xc2b2ae35)
  return n ^ (n >>> 16)
}
