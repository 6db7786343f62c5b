/**
 * Collects the runs of an adaptive limiter into windows and asks its algorithm for a new limit when one is full.
 *
 * Everything happens when a run begins or ends, so there is no timer, no fiber, and nothing changes while nobody runs.
 */
import type { Algorithm } from "./adaptiveAlgorithm.ts"

/** What a run that has ended says of the server; `interrupted`: that it takes at least so long. */
export type Verdict = "success" | "drop" | "ignore" | "interrupted"

/** One run under the limiter. */
export interface Run {
  readonly sampler: Sampler
  /** The run inside which this one was started, of this limiter or another adaptive one. */
  readonly parent: Run | undefined
  readonly weight: number
  startedAt: number
  /** Counts the drops that the limit had answered when it began. */
  epoch: number
  state: "idle" | "running" | "nested" | "ended"
}

export interface Window {
  /** The shortest length of a window, in milliseconds. */
  readonly length: number
  readonly samples: number
  /** Runs longer than so many milliseconds are drops. */
  readonly slowAfter: number
}

export class Sampler {
  readonly algorithm: Algorithm
  readonly window: Window
  /** The limit in force. */
  limit: number
  successes = 0
  drops = 0
  ignored = 0
  /** Mean latency of the last full window. */
  latency: number | undefined = undefined

  /** Permits of runs that are measured now. */
  private running = 0
  private epoch = 0
  private lastEnd = -Infinity
  // The window that is being filled.
  private since = -Infinity
  private count = 0
  private cut = 0
  private sum = 0
  private peak = 0

  constructor(algorithm: Algorithm, window: Window) {
    this.algorithm = algorithm
    this.window = window
    this.limit = algorithm.estimate
  }

  begin(run: Run, now: number): void {
    // A run that waits for another one of the same limiter is no work of the server's: that other one is.
    for (let above = run.parent; above !== undefined; above = above.parent) {
      if (above.sampler === this && above.state === "running") {
        above.state = "nested"
        this.running -= above.weight
      }
    }
    // Samples from before a pause are of another time.
    if (this.running === 0 && now - this.lastEnd > this.window.length) this.clear(now)
    run.state = "running"
    run.startedAt = now
    run.epoch = this.epoch
    this.running += run.weight
    if (this.running > this.peak) this.peak = this.running
  }

  /** Notes the end of a run; says whether the limit has changed. */
  end(run: Run, now: number, verdict: Verdict): boolean {
    const { state } = run
    run.state = "ended"
    if (state === "running") this.running -= run.weight
    this.lastEnd = now
    const latency = now - run.startedAt
    const kind = state === "running" ? this.judge(verdict, latency) : "ignore"
    if (kind === "ignore") this.ignored++
    else if (kind === "drop") this.drops++
    else this.successes++
    // It began under a higher limit that a drop has cut since: what it tells is known, and to act on it again would be to overreact.
    if (kind === "ignore" || run.epoch !== this.epoch) return false
    if (kind === "drop") {
      this.epoch++
      this.clear(now)
      this.algorithm.onDrop()
      return this.settle()
    }
    this.sum += latency
    this.count++
    if (verdict === "interrupted") this.cut++
    if (this.count < this.window.samples || now - this.since < this.window.length) return false
    const mean = this.sum / this.count
    // At least two round trips, or the next decision would be taken before this one shows.
    if (now - this.since < 2 * mean) return false
    this.latency = mean
    this.algorithm.onWindow({ latency: mean, peak: this.peak, whole: this.cut * 2 <= this.count })
    this.clear(now)
    return this.settle()
  }

  /** Sets the limit by hand. */
  set(limit: number): void {
    this.algorithm.estimate = this.limit = limit
  }

  private judge(verdict: Verdict, latency: number): "success" | "drop" | "ignore" {
    if (verdict === "success" || verdict === "interrupted") {
      if (latency > this.window.slowAfter) return "drop"
      if (verdict === "success") return "success"
      // It would have taken longer still. Where so long is already longer than usual it counts: leaving it out would make a server look fast that lets everybody run into timeouts.
      const usual = this.count > 0 ? this.sum / this.count : this.algorithm.base
      return usual !== undefined && latency >= usual ? "success" : "ignore"
    }
    return verdict
  }

  private clear(now: number): void {
    this.since = now
    this.count = this.cut = this.sum = 0
    this.peak = this.running
  }

  private settle(): boolean {
    const limit = Math.floor(this.algorithm.estimate)
    if (limit === this.limit) return false
    this.limit = limit
    return true
  }
}
