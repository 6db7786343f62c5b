/** Counts and times the tasks of a call with Effect's own metrics, when it was asked to. */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Metric from "effect/Metric"
import type * as Outcome from "../Outcome.ts"

export type Recorder = (outcome: Outcome.Outcome<unknown, unknown>) => void

/** `<prefix>_tasks` counts outcomes by status, `<prefix>_queued` and `<prefix>_ran` are histograms of the two clocks. */
export const recorder = (prefix: string, context: Context.Context<never>): Recorder => {
  const counters = new Map<string, Metric.Counter<number>>()
  const queued = Metric.timer(`${prefix}_queued`)
  const ran = Metric.timer(`${prefix}_ran`)
  const time = (timer: Metric.Histogram<Duration.Duration>, duration: Duration.Duration | undefined): void => {
    if (duration !== undefined && Duration.isFinite(duration)) timer.updateUnsafe(duration, context)
  }
  return (outcome) => {
    const { status } = outcome
    let counter = counters.get(status)
    if (counter === undefined) counters.set(status, (counter = Metric.counter(`${prefix}_tasks`, { attributes: { status } })))
    counter.updateUnsafe(1, context)
    time(queued, outcome.queuedFor)
    time(ran, outcome.ranFor)
  }
}
