/** Counts ends of jobs against a halt policy. */
import type { Halt } from "./sizes.ts"

/** A share says nothing before so many jobs are over. */
const least = 3

export class Halting {
  private readonly policy: Halt
  private done = 0
  private counted = 0

  constructor(policy: Halt) {
    this.policy = policy
  }

  /** Takes in the end of one job, and says what follows from it. A share is one of the jobs that are over. */
  after(ok: boolean): "go on" | "soon" | "now" {
    const { policy } = this
    if (policy.when === "never") return "go on"
    this.done++
    if (policy.on === "done" || (policy.on === "success") === ok) this.counted++
    const { limit } = policy
    const reached = limit.kind === "count" ? this.counted >= limit.count : this.done >= least && this.counted >= limit.share * this.done
    return reached ? policy.when : "go on"
  }
}
