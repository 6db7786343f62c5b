/** Counts ends of jobs against a halt policy. */
import type { Halt } from "./sizes.ts"

/** A share says nothing before so many jobs are over. */
const least = 3

export class Halting {
  private readonly policy: Halt
  private readonly total: () => number | undefined
  private done = 0
  private counted = 0

  constructor(policy: Halt, total: () => number | undefined) {
    this.policy = policy
    this.total = total
  }

  /** Takes in the end of one job, and says what follows from it. A share is one of all jobs where their number is known, else of those that are over. */
  after(ok: boolean): "go on" | "soon" | "now" {
    const { policy } = this
    if (policy.when === "never") return "go on"
    this.done++
    if (policy.on === "done" || (policy.on === "success") === ok) this.counted++
    const { limit } = policy
    if (limit.kind === "count") return this.counted >= limit.count ? policy.when : "go on"
    const total = this.total()
    return (total !== undefined || this.done >= least) && this.counted >= limit.share * (total ?? this.done) ? policy.when : "go on"
  }
}
