/** Forgets the oldest runs that have ended, so that an engine that runs for ever stays as large as it is. */
import type { Description } from "./description.ts"
import type { Run, Slot } from "./run.ts"

export class Retention {
  private readonly runs: Map<string, Run>
  private readonly slots: WeakMap<Description, Slot>
  private readonly size: number
  private readonly onForget: (run: Run) => void
  /** In the order in which they ended. */
  private readonly kept = new Set<Run>()

  constructor(runs: Map<string, Run>, slots: WeakMap<Description, Slot>, size: number, onForget: (run: Run) => void) {
    this.runs = runs
    this.slots = slots
    this.size = size
    this.onForget = onForget
  }

  /** Keeps one that has ended. */
  keep(run: Run): void {
    this.kept.add(run)
    for (const old of this.kept) {
      if (this.kept.size <= this.size) break
      this.forget(old)
    }
  }

  /** Forgets one that has ended. */
  forget(run: Run): void {
    const { slot } = run
    this.kept.delete(run)
    if (this.runs.get(run.id) !== run) return
    this.runs.delete(run.id)
    this.onForget(run)
    // The last one of a chain without end would keep all the others.
    run.edges = undefined
    if (slot.latest !== run) return
    slot.groups = []
    if (this.slots.get(slot.job) === slot) this.slots.delete(slot.job)
  }
}
