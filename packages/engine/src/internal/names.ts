/** The ids that a store has: of runs, and of the first runs of their jobs. Those that were forgotten in memory are among them, as long as others depend on them. */
import type { Run } from "./run.ts"

export class Names {
  private readonly uses = new Map<string, number>()

  has(id: string): boolean {
    return this.uses.has(id)
  }

  take(run: Run): void {
    for (const name of [run.id, run.slot.id]) this.uses.set(name, (this.uses.get(name) ?? 0) + 1)
  }

  release(run: Run): void {
    for (const name of [run.id, run.slot.id]) {
      const uses = this.uses.get(name)! - 1
      if (uses === 0) this.uses.delete(name)
      else this.uses.set(name, uses)
    }
  }
}
