/** Answers whether a condition can hold from an instant on, as far as that can be known. */
import * as DateTime from "effect/DateTime"
import type { Condition } from "./model.ts"
import { neverFrom } from "./possible.ts"
import { changeAfter, holdsAt, isData, nothing } from "./truth.ts"
import { words } from "./words.ts"

/**
 * Whether a condition can hold.
 *
 * @category models
 * @since 0.1.0
 */
export type Satisfiable =
  | {
      readonly answer: "yes"
      /** The first instant at which it holds. */
      readonly from: DateTime.Utc
    }
  | { readonly answer: "no"; readonly because: string }
  | { readonly answer: "unknown"; readonly because: string }

/** How many changes are looked at beyond those that cancel each other out: a few years of windows. */
const most = 4

export const satisfiable = (condition: Condition, now: number): Satisfiable => {
  if (neverFrom(condition, now)) return no(condition, now)
  if (!isData(condition)) return { answer: "unknown", because: `${words(condition)}: depends on more than the time` }
  let at = now
  for (let i = 0; i <= most; i++) {
    if (holdsAt(condition, at, nothing)) return { answer: "yes", from: DateTime.makeUnsafe(at) }
    const next = changeAfter(condition, at, nothing)
    if (next === Infinity) return no(condition, now)
    at = next
  }
  return { answer: "unknown", because: `${words(condition)}: does not hold before ${new Date(at).toISOString()}` }
}

const no = (condition: Condition, now: number): Satisfiable => ({
  answer: "no",
  because: `${words(culprit(condition, now))}: does not hold at any time from ${new Date(now).toISOString()} on`
})

/** The smallest part that is to blame alone. */
const culprit = (condition: Condition, now: number): Condition => {
  const part = condition._tag === "All" ? condition.conditions.find((part) => neverFrom(part, now)) : undefined
  return part === undefined ? condition : culprit(part, now)
}
