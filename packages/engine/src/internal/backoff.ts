/** Retries as data: how often, and how the waits between attempts grow. */
import * as Settings from "@skein/core/Settings"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"

/** Times are in milliseconds. */
export interface Backoff {
  readonly times: number
  readonly delay: number
  readonly factor: number
  readonly maxDelay: number
  readonly jitter: number
  readonly needs: number
}

const known = ["times", "delay", "factor", "maxDelay", "jitter", "needs"]

/** Whether retries were given as data: a record with `times`, and in it neither a `Schedule` nor a predicate. */
export const isBackoff = (retry: unknown): boolean =>
  typeof retry === "object" &&
  retry !== null &&
  !Schedule.isSchedule(retry) &&
  "times" in retry &&
  !("schedule" in retry) &&
  !("while" in retry)

export const readBackoff = (where: string, retry: unknown): Backoff => {
  Settings.known(`${where}: retry`, retry, known)
  const { delay, factor, jitter, maxDelay, needs, times } = retry as { readonly [K in keyof Backoff]?: unknown }
  return {
    times: Settings.whole(where, "retry.times", times, 0),
    delay: delay === undefined ? 0 : Settings.millis(where, "retry.delay", delay),
    factor:
      factor === undefined
        ? 1
        : Settings.number(where, "retry.factor", factor, "a number of at least 1", (value) => value >= 1 && value < Infinity),
    maxDelay: maxDelay === undefined ? Infinity : Settings.millis(where, "retry.maxDelay", maxDelay),
    jitter:
      jitter === undefined
        ? 0
        : Settings.number(where, "retry.jitter", jitter, "a number from 0 to 1", (value) => value >= 0 && value <= 1),
    needs: needs === undefined ? 0 : Settings.millis(where, "retry.needs", needs)
  }
}

/** The same as core takes it. */
export const scheduleOf = (backoff: Backoff): Settings.RetryOptions<unknown> => {
  const { delay, factor, jitter, maxDelay, needs, times } = backoff
  const bounds = { times, needs: Duration.millis(needs) }
  if (delay === 0) return bounds
  const step = ({ attempt }: Schedule.InputMetadata<unknown>): Effect.Effect<[number, Duration.Duration]> => {
    const longest = Math.min(delay * factor ** (attempt - 1), maxDelay)
    if (jitter === 0) return Effect.succeed([attempt, Duration.millis(longest)])
    return Effect.map(Random.next, (random) => [attempt, Duration.millis(longest * (1 - jitter * random))])
  }
  return { ...bounds, schedule: Schedule.fromStepWithMetadata(Effect.succeed(step)) }
}
