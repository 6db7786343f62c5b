/**
 * Turns what a window of runs measured into a limit. Pure: no clock, no effects.
 *
 * Both algorithms are those of Netflix's concurrency-limits (`AIMDLimit`, `Gradient2Limit`); each class says where it departs and why.
 */

/** What the runs of one window say. */
export interface Measured {
  /** Mean running time in milliseconds. */
  readonly latency: number
  /** At least half of them came to their end; otherwise most were cut off, and `latency` tells more of somebody's timeout than of the server. */
  readonly whole: boolean
  /** The most permits that ran at once. */
  readonly peak: number
}

export interface Bounds {
  readonly min: number
  readonly max: number
}

export interface Algorithm {
  /** The limit before it is cut to a whole number. */
  estimate: number
  /** What a run takes when the server is not loaded; `undefined` where the algorithm does not know. */
  readonly base: number | undefined
  readonly onWindow: (measured: Measured) => void
  /** Overload was seen: a run was rejected, failed or took too long. Called once per round trip. */
  readonly onDrop: () => void
}

const clamp = ({ max, min }: Bounds, value: number): number => Math.max(min, Math.min(max, value))

/**
 * Additive increase, multiplicative decrease: one more per window without a drop, a part less at a drop.
 *
 * Netflix adds one per sample; per window, the climb does not depend on how short the runs are.
 */
export class Aimd implements Algorithm {
  estimate: number
  readonly base = undefined
  readonly bounds: Bounds
  readonly backoffRatio: number

  constructor(bounds: Bounds, initial: number, backoffRatio: number) {
    this.bounds = bounds
    this.estimate = initial
    this.backoffRatio = backoffRatio
  }

  onWindow({ peak }: Measured): void {
    // Who uses less than half of the limit says nothing about what lies above it.
    if (peak * 2 >= this.estimate) this.estimate = clamp(this.bounds, this.estimate + 1)
  }

  onDrop(): void {
    const { backoffRatio, bounds, estimate } = this
    this.estimate = clamp(bounds, Math.min(estimate - 1, Math.floor(estimate * backoffRatio)))
  }
}

export interface GradientOptions {
  readonly backoffRatio: number
  readonly queueSize: number
  readonly smoothing: number
  readonly tolerance: number
  readonly longWindow: number
}

/** Windows whose plain mean is the first base. */
const warmUp = 10
/** How much of a lower latency is believed at once. */
const downward = 0.2
/** A fall is over when there was no new low for so many windows: one outlier does not end it. */
const settled = 10

/**
 * Compares the latency of a window with the base, the latency without load:
 *
 * ```
 * gradient = clamp(tolerance × base ÷ latency, 0.5, 1)
 * limit   ← limit × (1 − smoothing) + (limit × gradient + queueSize) × smoothing
 * ```
 *
 * Two departures, both about the base. In the original it is an exponential mean over all windows, so the queueing that the limit itself causes teaches it that slow
 * is normal, and under steady saturation the limit creeps up for ever (by queueSize ÷ longWindow a window; a test has the figures). Here
 *
 * - a window teaches a higher base only if it used at most half of the limit; a lower one is always believed;
 * - a server that became slower for good must not starve the limit either. That is seen while the limit falls: load that is ours takes the latency down with it. Where
 *   a good part of the limit is gone and the latency has stayed, it is not our queueing, and becomes the base.
 *
 * Not chosen: to probe, that is to cut the limit now and then and look. Work of mixed length would stand behind the few long runs that hold what is left.
 *
 * A drop takes `backoffRatio`; the original looks at latency alone, and rejections are quick.
 */
export class Gradient2 implements Algorithm {
  estimate: number
  base: number | undefined = undefined
  readonly bounds: Bounds
  readonly options: GradientOptions
  private taught = 0
  /** The present fall of the limit: where it began, the highest latency since, its lowest point and how many windows ago that was. */
  private fall: { readonly from: number; latency: number; lowest: number; since: number } | undefined = undefined

  constructor(bounds: Bounds, initial: number, options: GradientOptions) {
    this.bounds = bounds
    this.estimate = initial
    this.options = options
  }

  onWindow({ latency, peak, whole }: Measured): void {
    const { estimate, options } = this
    const light = peak * 2 <= estimate && whole
    const base = this.teach(latency, light)
    if (peak * 2 < estimate) return
    // 0 is a run on a virtual clock: as fast as can be.
    const gradient = latency > 0 ? Math.max(0.5, Math.min(1, (options.tolerance * base) / latency)) : 1
    const target = estimate * gradient + options.queueSize
    this.estimate = clamp(this.bounds, estimate * (1 - options.smoothing) + target * options.smoothing)
    if (whole) this.watchFall(latency, estimate)
  }

  onDrop(): void {
    this.estimate = clamp(this.bounds, this.estimate * this.options.backoffRatio)
    // Rejections made it fall, not latency: nothing can be learned from how latency went along.
    this.fall = undefined
  }

  private teach(latency: number, light: boolean): number {
    let base = this.base ?? latency
    if (this.taught === 0 || light || latency < base) {
      this.taught++
      const slow = this.taught <= warmUp ? 1 / this.taught : 2 / (this.options.longWindow + 1)
      // A window below the base shows that the base is too high, and until it is down the limit grows: Netflix takes 0.9 at twice the latency for the same reason.
      base += (latency - base) * (latency < base ? Math.max(slow, downward) : slow)
    }
    this.base = base
    return base
  }

  /**
   * Lets the base follow a server that became slower for good. Latency that is ours falls in proportion to the limit, other latency stays; half-way between the two decides. Asked each
   * time the limit has fallen to 0.6, where what is measured lags too little to matter, and where it comes to rest. The first stretch is often ours, for the limit settles above the
   * capacity, so each stretch is compared with its own beginning.
   */
  private watchFall(latency: number, before: number): void {
    const { estimate, fall } = this
    if (fall === undefined) {
      if (estimate < before) this.fall = { from: before, latency, lowest: estimate, since: 0 }
      return
    }
    if (latency > fall.latency) fall.latency = latency
    if (estimate < fall.lowest) {
      fall.lowest = estimate
      fall.since = 0
    } else fall.since++
    const left = estimate / fall.from
    const atRest = fall.since > settled
    if (left > 0.6 && !atRest) return
    if (left <= 0.8 && latency >= (fall.latency * (1 + left)) / 2) {
      this.base = latency
      this.fall = undefined
    } else this.fall = atRest ? undefined : { from: estimate, latency, lowest: estimate, since: 0 }
  }
}
