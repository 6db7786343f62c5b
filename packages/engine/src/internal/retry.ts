/** Decides whether and when a job is tried again. The waiting is done by the engine, without a fiber and without limits. */
import type * as Settings from "@skein/core/Settings"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"

type Step = (now: number, input: unknown) => Effect.Effect<[unknown, Duration.Duration], unknown>

/** What is kept of a schedule between attempts. */
export interface Tried {
  step: unknown
}

/** Milliseconds to wait before the next attempt, or the cause to end with. What a schedule or a predicate throws ends the retrying and joins the cause. */
export const decide = (
  policy: NonNullable<Settings.Settings["retry"]>,
  tried: Tried,
  input: unknown,
  cause: Cause.Cause<unknown>
): Effect.Effect<number | Cause.Cause<unknown>> =>
  Effect.matchCause(
    Effect.gen(function* () {
      if (policy.while !== undefined && !policy.while(input)) return cause
      if (policy.schedule === undefined) return 0
      const step = (tried.step ??= yield* Schedule.toStep(policy.schedule)) as Step
      const [, delay] = yield* step(yield* Clock.currentTimeMillis, input)
      return Duration.toMillis(delay)
    }),
    {
      onSuccess: (answer): number | Cause.Cause<unknown> => answer,
      onFailure: (problem) => (Pull.isDoneCause(problem) ? cause : Cause.combine(cause, problem))
    }
  )
