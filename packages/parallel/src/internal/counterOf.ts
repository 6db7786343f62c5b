/** The name under which statistics count an outcome. */
import type * as Outcome from "@skein/core/Outcome"

export const counterOf = {
  Completed: "completed",
  Failed: "failed",
  TimedOut: "timedOut",
  Cancelled: "cancelled",
  NotStarted: "notStarted"
} as const satisfies Record<Outcome.Outcome<unknown, unknown>["_tag"], string>
