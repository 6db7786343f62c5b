/** What the tests of groups share. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import { expect } from "vitest"
import type * as GatherResult from "../src/GatherResult.ts"
import * as Outcome from "../src/Outcome.ts"
import type * as TaskGroup from "../src/TaskGroup.ts"
import { Simulator } from "../src/testing/index.ts"

export type Group<E = never> = TaskGroup.TaskGroup<E>

/** Gives the same value under many schedules. */
export const always = async <A>(program: () => Effect.Effect<A, unknown>, expected: NoInfer<A>, seeds = 60): Promise<void> => {
  await Simulator.check(program, {
    seeds,
    after: (run) => expect(run.exit !== undefined && Exit.isSuccess(run.exit) ? run.exit.value : run.exit).toEqual(expected)
  })
}

export const words = (result: GatherResult.GatherResult<unknown, unknown> | undefined): Array<string> =>
  result?.list.map((outcome) => `${outcome.index} ${outcome.status}`) ?? []

export const reasons = (exit: Exit.Exit<unknown, unknown>): Array<string> =>
  Exit.isSuccess(exit)
    ? ["success"]
    : exit.cause.reasons.map((reason) =>
        reason._tag === "Fail" ? `fail ${String(reason.error)}` : reason._tag === "Die" ? `die ${String(reason.defect)}` : "interrupt"
      )

export const reasonOf = (outcome: Outcome.Outcome<unknown, unknown>): string =>
  outcome._tag === "Cancelled" || outcome._tag === "NotStarted" ? Outcome.formatReason(outcome.reason) : outcome.status

export const failLater = (error: string, millis = 1) => Effect.andThen(Effect.sleep(millis), Effect.fail(error))

/** Collects log lines in the place of printing them. */
export const logged = <A, E, R>(lines: Array<string>, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(
    effect,
    Logger.CurrentLoggers,
    new Set([
      Logger.make(({ cause, logLevel, message }) => {
        const causes = cause.reasons.map((reason) => (reason._tag === "Fail" ? String(reason.error) : reason._tag))
        lines.push([logLevel, String(message), ...causes].join(" | "))
      })
    ])
  )
