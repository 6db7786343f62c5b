/** What the tests of engines share. */
import * as Outcome from "@skein/core/Outcome"
import { Simulator } from "@skein/core/testing"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { expect } from "vitest"
import type * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"

/** Gives the same value under many schedules, in a scope of its own. */
export const always = async <A>(program: () => Effect.Effect<A, unknown, Scope.Scope>, expected: NoInfer<A>, seeds = 60): Promise<void> => {
  await Simulator.check(() => Effect.scoped(program()), {
    seeds,
    after: (run) =>
      expect(run.exit !== undefined && Exit.isSuccess(run.exit) ? run.exit.value : (run.exit ?? run.verdict)).toEqual(expected)
  })
}

/** Runs once on the live clock, in a scope of its own. */
export const live = <A>(program: Effect.Effect<A, unknown, Scope.Scope>): Promise<A> => Effect.runPromise(Effect.scoped(program))

/** An end in words, with its reason. */
export const told = (end: Job.End<unknown, unknown>): string => {
  switch (end._tag) {
    case "Completed":
      return `completed ${String(end.value)}${end.late ? " late" : ""}`
    case "Failed":
      return `failed ${Cause.prettyErrors(end.cause)
        .map((error) => error.message)
        .join(" + ")}`
    case "TimedOut":
      return `timed out by its ${end.limit} limit`
    case "Cancelled":
    case "NotStarted":
      return `${end._tag === "Cancelled" ? "cancelled" : "not started"}: ${Outcome.formatReason(end.reason)}`
    case "Skipped":
      return `skipped: ${Job.formatBecause(end.because)}`
  }
}

export const tell = (handle: Job.Handle<any, any>): Effect.Effect<string> => Effect.map(handle.await, told)

/** How it stands, in words. */
export const stands = (state: Job.State): string =>
  state._tag === "Waiting" ? `waiting ${state.for}` : state._tag === "Running" ? `running ${state.attempt}` : Job.endWord(state.outcome)

/** Notes when it began and ended. */
export const noted = (log: Array<string>, name: string, millis: number): Effect.Effect<string> =>
  Effect.acquireUseRelease(
    Effect.sync(() => log.push(`+${name}`)),
    () => Effect.as(Effect.sleep(millis), name),
    () => Effect.sync(() => log.push(`-${name}`))
  )

/** Fails so often before it succeeds. */
export const flaky = (failures: number): Effect.Effect<string, string> => {
  let attempts = 0
  return Effect.suspend(() => (++attempts <= failures ? Effect.fail(`no ${attempts}`) : Effect.succeed("at last")))
}

export const reasonOf = <A>(effect: Effect.Effect<A, Engine.SubmitError>): Effect.Effect<Engine.SubmitReason, A> =>
  Effect.map(Effect.flip(effect), (error) => error.reason)
