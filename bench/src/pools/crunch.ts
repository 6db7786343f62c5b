/** Work of about a millisecond: rounds of an integer hash. */
export const crunch = ({ rounds, seed }: { readonly seed: number; readonly rounds: number }): number => {
  let hash = seed | 0
  for (let i = 0; i < rounds; i++) {
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39)
    hash ^= hash >>> 15
  }
  return hash >>> 0
}
