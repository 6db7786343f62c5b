/**
 * Decides whether and when a task is tried again. The waiting itself is done by the pump, without a fiber and without a permit (law 12).
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as check from "./check.ts"

/** What the step of a schedule looks like to us. */
type Step = (now: number, input: unknown) => Effect.Effect<[unknown, Duration.Duration], unknown>

export interface RetryPolicy {
  /** How many times at most after the first attempt. */
  readonly times: number
  readonly schedule: Schedule.Schedule<unknown, unknown> | undefined
  readonly while: ((error: unknown) => boolean) | undefined
  /** Milliseconds that must be left before a deadline for an attempt to be worth starting. */
  readonly needs: number
}

/** What a task keeps between its attempts. */
export interface Driver {
  step: Step | undefined
}

const known: ReadonlySet<string> = new Set(["times", "schedule", "while", "needs"])

/** Reads the `retry` option of a public function: a `Schedule`, or a record of bounds. */
export const normalize = (where: string, retry: unknown): RetryPolicy | undefined => {
  if (retry === undefined) return undefined
  if (Schedule.isSchedule(retry)) return { times: Infinity, schedule: retry as RetryPolicy["schedule"], while: undefined, needs: 0 }
  if (typeof retry !== "object" || retry === null) throw check.mustBe(where, "retry", "a Schedule or an object", retry)
  check.options(`${where}: retry`, retry, known)
  const { needs, schedule, times, while: predicate } = retry as Record<string, unknown>
  if (times === undefined && schedule === undefined) throw check.mustBe(where, "retry", "bounded by times or by a schedule", retry)
  if (schedule !== undefined && !Schedule.isSchedule(schedule)) throw check.mustBe(where, "retry.schedule", "a Schedule", schedule)
  if (predicate !== undefined && typeof predicate !== "function") throw check.mustBe(where, "retry.while", "a function", predicate)
  return {
    times: times === undefined ? Infinity : check.positiveInt(where, "retry.times", times, 0),
    schedule: schedule as RetryPolicy["schedule"],
    while: predicate as RetryPolicy["while"],
    needs: needs === undefined ? 0 : check.millis(where, "retry.needs", needs)
  }
}

/** The decision: milliseconds to wait before the next attempt, or the cause to end with. */
export type Decision = { readonly delay: number } | { readonly cause: Cause.Cause<unknown> }

/**
 * Decides after a failed attempt (`timedOut`: the error that stands for an attempt that hit its time limit). Only typed failures and attempts that hit `attemptTimeout` are tried again; a defect is a bug, not bad luck. A schedule or predicate that
 * throws ends the retrying, and its own error joins the cause.
 */
export const decide = (
  policy: RetryPolicy,
  driver: Driver,
  attempts: number,
  cause: Cause.Cause<unknown>,
  timedOut: unknown,
  wallClock: () => number
): Effect.Effect<Decision> => {
  if (attempts > policy.times) return Effect.succeed({ cause })
  let input: unknown
  if (timedOut !== undefined) input = timedOut
  else {
    if (cause.reasons.length === 0 || !cause.reasons.every(Cause.isFailReason)) return Effect.succeed({ cause })
    input = (cause.reasons[0] as Cause.Fail<unknown>).error
  }
  return Effect.matchCause(
    Effect.suspend((): Effect.Effect<number | undefined, unknown> => {
      if (policy.while !== undefined && !policy.while(input)) return Effect.succeed(undefined)
      if (policy.schedule === undefined) return Effect.succeed(0)
      return Effect.flatMap(
        driver.step === undefined
          ? Effect.map(Schedule.toStep(policy.schedule), (step) => (driver.step = step as Step))
          : Effect.succeed(driver.step),
        (step) => Effect.map(step(wallClock(), input), ([_, delay]) => Duration.toMillis(delay))
      )
    }),
    {
      onSuccess: (delay): Decision => (delay === undefined ? { cause } : { delay }),
      onFailure: (problem): Decision => ({ cause: Pull.isDoneCause(problem) ? cause : Cause.combine(cause, problem) })
    }
  )
}
