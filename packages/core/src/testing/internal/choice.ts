/**
 * Decides what a scheduler may choose: which of the runnable tasks goes next, and whether the running fiber is preempted.
 *
 * A seed stands for one way of choosing. Neighbouring seeds differ in style as well as in luck, because a bug that needs a preemption at every
 * step and one that needs long undisturbed stretches are hardly ever found by the same coin:
 *
 * | seed mod 6 | preempts | next task |
 * | --- | --- | --- |
 * | 1 | never | first in, first out: the order of the live runtime |
 * | 2 | never | any |
 * | 3 | at every second step | any |
 * | 4 | at one step in 64 | any |
 * | 5 | at one step in 5 | mostly the youngest |
 * | 0 | at every step | any |
 *
 * "Mostly the youngest" starves old tasks for long stretches, but not for ever: a program that spins until another fiber has run would
 * otherwise look like a livelock.
 */

/** A source of choices. */
export interface Chooser {
  /** An index below `n`, which is at least 1. */
  readonly pick: (n: number) => number
  readonly preempts: () => boolean
}

/** Mulberry32 by Tommy Ettinger (public domain): 32 bits of state, so a run is made in nanoseconds, and good enough to choose schedules. */
export class Prng {
  private state: number
  constructor(seed: number) {
    // Neighbouring seeds must not give neighbouring streams; the two words of a large seed both count.
    this.state = mix((seed >>> 0) ^ mix(Math.floor(seed / 0x1_0000_0000) + 0x9e37_79b9))
  }
  /** A number in [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b_79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1)
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000
  }
  below(n: number): number {
    return Math.floor(this.next() * n)
  }
}

/** The finalizer of MurmurHash3. */
const mix = (n: number): number => {
  let h = n | 0
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35)
  return h ^ (h >>> 16)
}

/** Effect's `Random` service drawn from a seed, so that a program that rolls dice replays too. */
export const randomService = (seed: number): { nextIntUnsafe(): number; nextDoubleUnsafe(): number } => {
  const prng = new Prng(seed)
  return {
    nextIntUnsafe: () => Math.floor(prng.next() * (Number.MAX_SAFE_INTEGER - Number.MIN_SAFE_INTEGER)) + Number.MIN_SAFE_INTEGER,
    nextDoubleUnsafe: () => prng.next()
  }
}

const styles: ReadonlyArray<readonly [preemption: number, order: "fifo" | "random" | "recent"]> = [
  [1, "random"],
  [0, "fifo"],
  [0, "random"],
  [0.5, "random"],
  [1 / 64, "random"],
  [0.2, "recent"]
]

/** The way of choosing that `seed` stands for. */
export const seeded = (seed: number, preemption: number | undefined): Chooser => {
  const prng = new Prng(seed)
  const style = styles[seed % styles.length]!
  const p = preemption ?? style[0]
  const order = style[1]
  return {
    pick: (n) => {
      if (order === "fifo") return 0
      if (n === 1) return 0
      if (order === "recent" && prng.next() < 0.875) return n - 1
      return prng.below(n)
    },
    preempts: p === 0 ? () => false : p === 1 ? () => true : () => prng.next() < p
  }
}
