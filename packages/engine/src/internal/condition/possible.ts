/** Proves that a condition can never hold, where that can be proved. */
import { dailyOf, holdsLocally } from "./daily.ts"
import type { Condition, Live } from "./model.ts"
import { day } from "./zone.ts"

/** What may still be seen of a condition. `false` is certain, `true` is not: where a proof is out of reach, both may be. */
export interface Possible {
  readonly true: boolean
  readonly false: boolean
}

type Leaf = Exclude<Condition, { readonly _tag: "All" | "Any" | "Not" }>

const both: Possible = { true: true, false: true }
const one = (truth: boolean): Possible => ({ true: truth, false: !truth })

const combine = (condition: Condition, leaf: (leaf: Leaf) => Possible): Possible => {
  switch (condition._tag) {
    case "All": {
      const parts = condition.conditions.map((part) => combine(part, leaf))
      return { true: parts.every((part) => part.true), false: parts.some((part) => part.false) }
    }
    case "Any": {
      const parts = condition.conditions.map((part) => combine(part, leaf))
      return { true: parts.some((part) => part.true), false: parts.every((part) => part.false) }
    }
    case "Not": {
      const part = combine(condition.condition, leaf)
      return { true: part.false, false: part.true }
    }
    default:
      return leaf(condition)
  }
}

const timeless = (leaf: Leaf): Possible => (leaf._tag === "Always" || leaf._tag === "Never" ? one(leaf._tag === "Always") : both)

/** What may be seen from an instant on. `live` says what may be seen of leaves with code. */
export const fromOn = (condition: Condition, at: number, live: (leaf: Live) => Possible = () => both): Possible =>
  combine(condition, (leaf) => {
    switch (leaf._tag) {
      case "After":
        return { true: true, false: at < leaf.atMillis }
      case "Before":
        return { true: at < leaf.atMillis, false: true }
      case "Ref":
      case "Custom":
        return live(leaf)
      default:
        return timeless(leaf)
    }
  })

/** A proof takes this many looks at leaves at most; a larger condition is left alone. */
const most = 200_000

/**
 * Whether it is certain that it holds at no instant from `at` on.
 *
 * Between two of its instants `After` and `Before` are constant, and windows of one zone say the same each week. So it is enough to look at each time of one week at which a window begins or ends, for each of these stretches of
 * time. The clocks of a zone may jump over a time, but they show none that this week has not.
 */
export const neverFrom = (condition: Condition, at: number): boolean => {
  const leaves = leavesOf(condition)
  const instants = [at]
  const zones = new Set<string>()
  const times = new Set([0])
  for (const leaf of leaves) {
    if ((leaf._tag === "After" || leaf._tag === "Before") && leaf.atMillis > at) instants.push(leaf.atMillis)
    if (leaf._tag !== "Window") continue
    zones.add(leaf.zone)
    times.add(dailyOf(leaf).from).add(dailyOf(leaf).to % day)
  }
  const week = zones.size === 1 ? 7 : 0
  if (instants.length * Math.max(1, week * times.size) * leaves.length > most) return false

  const seen = (now: number, local: number | undefined): boolean =>
    combine(condition, (leaf) => {
      switch (leaf._tag) {
        case "After":
          return one(now >= leaf.atMillis)
        case "Before":
          return one(now < leaf.atMillis)
        case "Window":
          return local === undefined ? both : one(holdsLocally(dailyOf(leaf), local))
        default:
          return timeless(leaf)
      }
    }).true

  return instants.every((now) => {
    if (week === 0) return !seen(now, undefined)
    for (let date = 0; date < week; date++) for (const time of times) if (seen(now, date * day + time)) return false
    return true
  })
}

/** Its leaves, from left to right. One that stands in several places is listed as often. */
export const leavesOf = (condition: Condition): ReadonlyArray<Leaf> => {
  switch (condition._tag) {
    case "All":
    case "Any":
      return condition.conditions.flatMap(leavesOf)
    case "Not":
      return leavesOf(condition.condition)
    default:
      return [condition]
  }
}
