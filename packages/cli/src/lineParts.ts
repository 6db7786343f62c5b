/** Cuts what comes in pieces into whole lines, and puts a prefix before each. */

export interface WholeLines {
  /** Gives the lines that are complete now, in one piece. A line longer than the limit is given in parts. The bytes are kept, and must not be changed. */
  readonly feed: (bytes: Uint8Array) => Uint8Array | undefined
  /** Gives what is left, and forgets it. */
  readonly rest: () => Uint8Array | undefined
}

export const wholeLines = (limit = 1 << 20): WholeLines => {
  let pieces: Array<Uint8Array> = []
  let held = 0
  const rest = (): Uint8Array | undefined => {
    const all = held === 0 ? undefined : Buffer.concat(pieces)
    pieces = []
    held = 0
    return all
  }
  const keep = (bytes: Uint8Array): void => {
    if (bytes.length === 0) return
    pieces.push(bytes)
    held += bytes.length
  }
  return {
    rest,
    feed: (bytes) => {
      const end = bytes.lastIndexOf(newline) + 1
      if (end === 0) {
        keep(bytes)
        return held > limit ? rest() : undefined
      }
      const lines = bytes.subarray(0, end)
      const before = rest()
      keep(bytes.subarray(end))
      return before === undefined ? lines : Buffer.concat([before, lines])
    }
  }
}

const newline = 10

/** Puts the prefix before each line of what comes in pieces; a line that goes on in the next piece gets one only. */
export const prefixed = (prefix: string): ((bytes: Uint8Array) => Uint8Array) => {
  const before = Buffer.from(prefix)
  let atStart = true
  return (bytes) => {
    const parts: Array<Uint8Array> = []
    for (let from = 0; from < bytes.length;) {
      if (atStart) parts.push(before)
      const end = bytes.indexOf(newline, from)
      const to = end < 0 ? bytes.length : end + 1
      parts.push(bytes.subarray(from, to))
      atStart = end >= 0
      from = to
    }
    return Buffer.concat(parts)
  }
}

/** Whether bytes end within a line. */
export const endsWithin = (bytes: Uint8Array): boolean => bytes.length > 0 && bytes[bytes.length - 1] !== newline
