/**
 * Goes through all schedules with at most so many preemptions, depth first.
 *
 * Every run repeats the choices of the one before it up to some point and takes the next alternative there, so nothing has to be undone: the program
 * simply runs again. The bound on preemptions is what keeps this small; most bugs need one or two (Musuvathi and Qadeer, "Iterative
 * context bounding for systematic testing of multithreaded programs", PLDI 2007).
 *
 * A schedule is written as `bound:choices`, e.g. `1:0.0.2`: at each decision the number of the alternative, 0 for all that follow. Alternative 0 is the oldest
 * task, and no preemption.
 */
import type { Chooser } from "./choice.ts"

interface Decision {
  chosen: number
  readonly of: number
}

export class Enumeration implements Chooser {
  private readonly bound: number
  private readonly path: Array<Decision> = []
  private depth = 0
  private preemptions = 0

  constructor(bound: number) {
    this.bound = bound
  }

  pick(n: number): number {
    return this.decide(n)
  }

  preempts(): boolean {
    if (this.preemptions >= this.bound) return false
    const yes = this.decide(2) === 1
    if (yes) this.preemptions++
    return yes
  }

  /** The schedule of the run that just ended. */
  get schedule(): string {
    let last = this.depth
    while (last > 0 && this.path[last - 1]!.chosen === 0) last--
    return `${this.bound}:${this.path
      .slice(0, last)
      .map((decision) => decision.chosen)
      .join(".")}`
  }

  /** Moves to the next schedule; `false` if that was the last. */
  next(): boolean {
    this.path.length = this.depth
    this.depth = 0
    this.preemptions = 0
    for (let last = this.path.pop(); last !== undefined; last = this.path.pop()) {
      if (last.chosen + 1 >= last.of) continue
      this.path.push({ chosen: last.chosen + 1, of: last.of })
      return true
    }
    return false
  }

  private decide(n: number): number {
    const decision = (this.path[this.depth] ??= { chosen: 0, of: n })
    this.depth++
    // A program that is not deterministic may offer fewer alternatives than it did before.
    return Math.min(decision.chosen, n - 1)
  }
}

/** The way of choosing that a written schedule stands for; `undefined` if it is not one. */
export const written = (schedule: string): Chooser | undefined => {
  const parts = /^(\d+):((?:\d+(?:\.\d+)*)?)$/.exec(schedule)
  if (parts === null) return undefined
  const bound = Number(parts[1])
  const choices = parts[2] === "" ? [] : parts[2]!.split(".").map(Number)
  let at = 0
  let preemptions = 0
  return {
    pick: (n) => Math.min(choices[at++] ?? 0, n - 1),
    preempts: () => {
      if (preemptions >= bound) return false
      const yes = (choices[at++] ?? 0) === 1
      if (yes) preemptions++
      return yes
    }
  }
}
