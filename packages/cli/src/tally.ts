/** Counts what happens to jobs, in constant memory: what the summary and the report are written from. */
import type { JobRecord, Observer } from "./job.ts"
import { lastAttempt } from "./records.ts"

/** Times in milliseconds; within 1 % except for the least, the greatest and the mean, which are exact. */
export interface Quantiles {
  readonly min: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
  readonly mean: number
}

/** Times in milliseconds. */
export interface Totals {
  readonly queued: number
  /** Jobs that are over: `ok`, `failed` and `stopped` together. */
  readonly done: number
  readonly ok: number
  readonly failed: number
  /** Of those that failed: their last attempt ran into its time limit. */
  readonly timedOut: number
  /** Jobs that we stopped; they are no failures. */
  readonly stopped: number
  /** Jobs that took more than one attempt. */
  readonly retried: number
  /** Attempts beyond the first ones. */
  readonly retries: number
  /** Bytes of output. */
  readonly received: number
  /** The first failures, in the order of their ends. */
  readonly failures: ReadonlyArray<JobRecord>
  /** Of last attempts. Undefined as long as nothing is done. */
  readonly run: Quantiles | undefined
  /** From being read to the first start. */
  readonly wait: Quantiles | undefined
  /** The sum of all attempts' times. */
  readonly busy: number
  /** The highest number of jobs that ran at once. */
  readonly peak: number
}

export interface Tally {
  readonly observer: Observer
  readonly totals: () => Totals
}

/** Keeps the first `keep` records of failures. */
export const make = (keep = 10): Tally => {
  const failures: Array<JobRecord> = []
  const run = times()
  const wait = times()
  let [queued, ok, failed, timedOut, stopped, retried, retries, received, busy, running, peak] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
  return {
    observer: {
      queued: () => {
        queued++
      },
      started: () => {
        running++
        peak = Math.max(peak, running)
      },
      attempted: (_job, attempt) => {
        running--
        busy += attempt.endedAt - attempt.startedAt
      },
      finished: (record) => {
        const first = record.attempts[0]!
        const last = lastAttempt(record)
        wait.add(first.startedAt - record.queuedAt)
        run.add(last.endedAt - last.startedAt)
        received += record.received
        if (record.attempts.length > 1) retried++
        retries += record.attempts.length - 1
        if (record.ok) ok++
        else if (last.why === "stopped") stopped++
        else {
          failed++
          if (last.why === "timeout") timedOut++
          if (failures.length < keep) failures.push(record)
        }
      }
    },
    totals: () => ({
      queued,
      done: ok + failed + stopped,
      ok,
      failed,
      timedOut,
      stopped,
      retried,
      retries,
      received,
      failures: [...failures],
      run: run.quantiles(),
      wait: wait.quantiles(),
      busy,
      peak
    })
  }
}

/** Steps within a doubling: a step is 1.1 % wide, and its middle at most 0.6 % away. */
const steps = 64

/** Counts times in classes that widen with the time, from a microsecond on. */
const times = () => {
  const classes = new Float64Array(64 * steps)
  let n = 0
  let sum = 0
  let min = Infinity
  let max = 0
  const quantile = (q: number): number => {
    let left = Math.ceil(q * n)
    for (let index = 0; index < classes.length; index++) {
      left -= classes[index]!
      if (left <= 0) return Math.min(max, Math.max(min, 2 ** ((index + 0.5) / steps) / 1000))
    }
    return max
  }
  return {
    add: (millis: number): void => {
      const time = Math.max(0, millis)
      n++
      sum += time
      min = Math.min(min, time)
      max = Math.max(max, time)
      const index = Math.min(classes.length - 1, Math.max(0, Math.floor(Math.log2(time * 1000) * steps)))
      classes[index]!++
    },
    quantiles: (): Quantiles | undefined =>
      n === 0 ? undefined : { min, p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), max, mean: sum / n }
  }
}
