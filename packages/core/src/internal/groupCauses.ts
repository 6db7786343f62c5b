/** Puts together what a group fails with, so that each failure is in it once. */
import type * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Outcome from "../Outcome.ts"

const isFailure = (reason: Cause.Reason<unknown>): boolean => reason._tag !== "Interrupt"

/** All that went wrong in these tasks, interruptions aside, in their order. */
export const failuresOf = <E>(outcomes: ReadonlyArray<Outcome.Outcome<unknown, E>>): Array<Cause.Reason<E>> =>
  outcomes.flatMap((outcome) => Outcome.cause(outcome)?.reasons.filter(isFailure) ?? [])

/** What a body failed with by itself: not the interruption it was asked to stop with, and not a task's failure that it joined. */
export const bodyFailures = (
  exit: Exit.Exit<unknown, any>,
  failures: ReadonlyArray<Outcome.Outcome<unknown, unknown>>
): Array<Cause.Reason<any>> => {
  if (Exit.isSuccess(exit)) return []
  const theirs = new Set<unknown>()
  for (const reason of failuresOf(failures)) theirs.add(reason).add(errorOf(reason))
  return exit.cause.reasons.filter((reason) => isFailure(reason) && !theirs.has(reason) && !theirs.has(errorOf(reason)))
}

/** The error of a reason where it can stand for the reason: an object is itself wherever it is seen, two equal words may be two failures. */
const errorOf = (reason: Cause.Reason<unknown>): unknown => {
  const error = reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : undefined
  return typeof error === "object" && error !== null ? error : reason
}
