/** An outcome is a closed sum: five cases, words for limits and reasons, nothing else. */
import * as Outcome from "@skein/core/Outcome"

declare const outcome: Outcome.Outcome<number, Error>

export const limit: Outcome.Limit = "queue"
// @ts-expect-error a limit is one of five words
export const noLimit: Outcome.Limit = "never"

// @ts-expect-error only a completed task has a value
export const value = outcome.value

// Narrowing by tag reaches the value, with its type.
export const narrowed = (): number => (outcome._tag === "Completed" ? outcome.value : 0)

// Every case must be answered.
export const matched: string = Outcome.match(outcome, {
  onCompleted: ({ value }) => value.toFixed(1),
  onFailed: ({ cause }) => String(cause),
  onTimedOut: ({ limit }) => limit,
  onCancelled: ({ reason }) => reason._tag,
  onNotStarted: ({ reason }) => reason._tag
})
// @ts-expect-error onNotStarted is missing
export const unmatched: string = Outcome.match(outcome, {
  onCompleted: () => "",
  onFailed: () => "",
  onTimedOut: () => "",
  onCancelled: () => ""
})

// A task that cannot fail is also one that might: outcomes are covariant.
export const wider: Outcome.Outcome<number | string, Error | TypeError> = outcome
// @ts-expect-error … and not the other way round
export const narrower: Outcome.Outcome<1, Error> = outcome

// @ts-expect-error an outcome never changes
outcome.index = 3
