/** Says whether a condition holds at an instant, and up to when nothing about that can change. */
import * as daily from "./daily.ts"
import type { All, Any, Condition, Data, Live } from "./model.ts"
import * as occurrence from "./occurrence.ts"
import { neverFrom } from "./possible.ts"

/** What the leaves with code say now. */
export type Read = (leaf: Live) => boolean

/** For conditions that are data: there is nothing to read. */
export const nothing: Read = () => false

const data = new WeakMap<Condition, boolean>()

/** Whether there is no code in it. */
export const isData = (condition: Condition): condition is Data => {
  switch (condition._tag) {
    case "Ref":
    case "Custom":
      return false
    case "Not":
      return isData(condition.condition)
    case "All":
    case "Any": {
      // A part may be shared by many, and a whole is asked at each look.
      let known = data.get(condition)
      if (known === undefined) data.set(condition, (known = condition.conditions.every(isData)))
      return known
    }
    default:
      return true
  }
}

export const holdsAt = (condition: Condition, at: number, read: Read): boolean => {
  switch (condition._tag) {
    case "Always":
      return true
    case "Never":
      return false
    case "After":
      return at >= condition.atMillis
    case "Before":
      return at < condition.atMillis
    case "Window":
      return daily.holdsAt(daily.dailyOf(condition), at)
    case "Cron":
      return occurrence.holdsAt(condition, at)
    case "All":
      return condition.conditions.every((part) => holdsAt(part, at, read))
    case "Any":
      return condition.conditions.some((part) => holdsAt(part, at, read))
    case "Not":
      return !holdsAt(condition.condition, at, read)
    case "Ref":
    case "Custom":
      return read(condition)
  }
}

/** How many steps of its parts one answer may look through, in all. */
const steps = 2_000

/** The last answer for a whole that is data: 100,000 who wait for one value compute it once. */
const known = new WeakMap<Condition, { readonly from: number; readonly until: number }>()

/**
 * The instant up to which time alone changes nothing; `Infinity` if it never does. It is the next change itself, unless more steps of the parts than `steps` cancel each other out before it.
 */
export const changeAfter = (condition: Condition, at: number, read: Read): number => {
  const until = search(condition, at, read, { left: steps })
  // A near change is one. To look at it would cost a search of cron that nobody asked for.
  if (until === Infinity || until - at < far || !isData(condition)) return until
  // Where so many changes have changed nothing, it may be that none ever does.
  const truth = holdsAt(condition, at, read)
  if (holdsAt(condition, until, read) !== truth || !neverFrom(truth ? { _tag: "Not", condition } : condition, until)) return until
  known.set(condition, { from: at, until: Infinity })
  return Infinity
}

const far = 30 * 86_400_000

interface Budget {
  left: number
}

const search = (condition: Condition, at: number, read: Read, budget: Budget): number => {
  switch (condition._tag) {
    case "After":
    case "Before":
      return at < condition.atMillis ? condition.atMillis : Infinity
    case "Window":
      return daily.changeAfter(daily.dailyOf(condition), at)
    case "Cron":
      return occurrence.changeAfter(condition, at)
    case "Not":
      return search(condition.condition, at, read, budget)
    case "All":
    case "Any": {
      if (!isData(condition)) return searchParts(condition, at, read, budget)
      const before = known.get(condition)
      if (before !== undefined && at >= before.from && at < before.until) return before.until
      const until = searchParts(condition, at, read, budget)
      known.set(condition, { from: at, until })
      return until
    }
    default:
      return Infinity
  }
}

const searchParts = (condition: All | Any, from: number, read: Read, budget: Budget): number => {
  const truth = holdsAt(condition, from, read)
  // The parts that decide alone: one false part makes an `All` false, one true part an `Any` true.
  const decisive = condition._tag === "Any"
  for (let at = from; ;) {
    // While the whole is decided, it stays so until the last of those parts has changed; otherwise a single change may turn it.
    let next = truth === decisive ? -Infinity : Infinity
    for (const part of condition.conditions) {
      if (truth !== decisive) next = Math.min(next, search(part, at, read, budget))
      else if (holdsAt(part, at, read) === decisive) next = Math.max(next, search(part, at, read, budget))
    }
    if (next === Infinity || budget.left-- <= 0 || holdsAt(condition, next, read) !== truth) return next
    at = next
  }
}
