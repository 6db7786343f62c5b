/** The instants of a schedule: a grid that lies still, whatever happens to whoever looks at it. */
import { changeAfter, holdsAt } from "../condition/occurrence.ts"
import type { Cron } from "../condition/model.ts"

/** The ticks of a stretch of time. */
export interface Ticks {
  readonly count: number
  /** The newest of them, oldest first. */
  readonly newest: ReadonlyArray<number>
}

export interface Grid {
  /** The first tick later than an instant; `Infinity` if there is none. */
  readonly after: (instant: number) => number
  /** The ticks later than `from` up to `to`, of which `keep` are wanted. */
  readonly between: (from: number, to: number, keep: number) => Ticks
}

export const none: Ticks = { count: 0, newest: [] }

/** The ticks of cron in one stretch are counted up to this many: to find one costs up to a tenth of a millisecond. */
const mostCounted = 1_000

/** A stretch whose ticks are simply gone through, in milliseconds. */
const short = 60_000

/** Multiples of a period, counted from `origin`. */
export const everyGrid = (period: number, origin: number): Grid => {
  const indexOf = (instant: number): number => Math.floor((instant - origin) / period)
  return {
    after: (instant) => origin + (indexOf(instant) + 1) * period,
    between: (from, to, keep) => {
      const last = indexOf(to)
      const count = Math.max(0, last - indexOf(from))
      const kept = Math.min(count, keep)
      return { count, newest: Array.from({ length: kept }, (_, i) => origin + (last - kept + 1 + i) * period) }
    }
  }
}

/** The occurrences of a cron expression, each of which is taken to last for a millisecond. */
export const cronGrid = (cron: Cron): Grid => {
  const after = (instant: number): number => (holdsAt(cron, instant + 1) ? instant + 1 : changeAfter(cron, instant + 1))
  const upTo = (from: number, to: number, most: number): Array<number> => {
    const found: Array<number> = []
    for (let at = after(from); at <= to && found.length < most; at = after(at)) found.push(at)
    return found
  }
  /** The newest ticks of a long gap, looked for from its end: stretches in which there is none cost one search each. */
  const newestOf = (from: number, to: number, keep: number): ReadonlyArray<number> => {
    if (keep <= 0 || after(from) > to) return []
    if (to - from <= short) return upTo(from, to, Infinity).slice(-keep)
    const middle = from + Math.floor((to - from) / 2)
    const late = newestOf(middle, to, keep)
    return [...newestOf(from, middle, keep - late.length), ...late]
  }
  return {
    after,
    between: (from, to, keep) => {
      const found = upTo(from, to, mostCounted)
      const last = found.at(-1)
      if (last === undefined || after(last) > to) return { count: found.length, newest: found.slice(-keep) }
      return { count: mostCounted, newest: newestOf(from, to, keep) }
    }
  }
}

/** The part of a grid from `start` on and before `end`. */
export const bounded = (grid: Grid, start: number, end: number): Grid => ({
  after: (instant) => {
    const at = grid.after(Math.max(instant, start - 1))
    return at < end ? at : Infinity
  },
  between: (from, to, keep) => {
    const first = Math.max(from, start - 1)
    const last = Math.min(to, end - 1)
    return first < last ? grid.between(first, last, keep) : none
  }
})
