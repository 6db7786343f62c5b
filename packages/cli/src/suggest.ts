/** Finds the known word that was probably meant. */

/** The number of insertions, deletions, replacements and swaps of neighbours from one word to the other (optimal string alignment), or `Infinity` where it is above the bound. */
const distance = (a: string, b: string, bound: number): number => {
  if (Math.abs(a.length - b.length) > bound) return Infinity
  let before: Array<number> = []
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    let least = i
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1)
      row.push(cost)
      if (cost < least) least = cost
    }
    if (least > bound) return Infinity
    before = above
    above = row
  }
  return above[b.length]! <= bound ? above[b.length]! : Infinity
}

/** The nearest of the known words, letter case aside; of equally near ones the first. Nothing, where more than a third of the letters would have to change. */
export const nearest = (word: string, known: Iterable<string>): string | undefined => {
  const lower = word.toLowerCase()
  // The bound keeps a field name of a megabyte from costing more than its lengths' comparison.
  let bound = Math.min(4, Math.max(1, Math.floor(word.length / 3)))
  let best: string | undefined
  for (const candidate of known) {
    const steps = distance(lower, candidate.toLowerCase(), bound)
    if (steps > bound || (best !== undefined && steps === bound)) continue
    best = candidate
    bound = steps
  }
  return best
}
