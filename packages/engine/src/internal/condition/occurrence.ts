/**
 * Finds out when a cron expression came true not long ago.
 *
 * `Cron.next` searches the calendar. Near a gap in a zone's time its answer depends on where one asks from: an occurrence that the clocks jump over is known before the gap and forgotten behind it. So it is asked on clocks that never
 * change, one for each offset of the zone, and what a change means is said here, once for all instants.
 */
import * as Cron_ from "effect/Cron"
import * as DateTime from "effect/DateTime"
import * as Result from "effect/Result"
import type { Cron } from "./model.ts"
import { endOfTime, type Zone, zoneOf } from "./zone.ts"

/** What is known of a condition: its truth from one instant up to another. */
interface Known {
  readonly from: number
  readonly until: number
  readonly truth: boolean
}

interface Reader {
  readonly zone: Zone
  /** The expression on the clock of each offset that was met. */
  readonly clocks: Map<number, Cron_.Cron>
  /** The last answer: whoever waits asks about the same hours again and again, and a search costs a tenth of a millisecond. */
  known: Known
}

const readers = new WeakMap<Cron, Reader>()

const readerOf = (cron: Cron): Reader => {
  let reader = readers.get(cron)
  if (reader === undefined) {
    reader = { zone: zoneOf(cron.zone)!, clocks: new Map(), known: { from: Infinity, until: -Infinity, truth: false } }
    readers.set(cron, reader)
  }
  return reader
}

/** The first occurrence from an instant on, on a clock that never changes. */
const firstOn = (cron: Cron, offset: number, from: number): number => {
  const { clocks } = readerOf(cron)
  let clock = clocks.get(offset)
  if (clock === undefined) {
    // It was parsed before when the condition was made, so it can be.
    clock = Result.getOrThrow(Cron_.parse(cron.expression, DateTime.zoneMakeOffset(offset)))
    clocks.set(offset, clock)
  }
  return next(clock, from - 1)
}

/** The next occurrence by the calendar; none if it is searched in vain. */
export const next = (cron: Cron_.Cron, at: number): number => {
  try {
    const next = Cron_.next(cron, new Date(at)).getTime()
    return Number.isNaN(next) ? Infinity : next
  } catch {
    return Infinity
  }
}

/** The first occurrence from an instant on. */
const firstFrom = (cron: Cron, instant: number): number => {
  const { zone } = readerOf(cron)
  for (let from = instant; from < endOfTime;) {
    const { from: begin, offset, until } = zone.spanAt(from)
    const before = zone.spanAt(begin - 1).offset
    let first = firstOn(cron, offset, from)
    // The clocks went forward: the times that were jumped over come when the old clock would have shown them.
    if (from < begin + offset - before) {
      const jumpedOver = firstOn(cron, before, from)
      if (jumpedOver < begin + offset - before) first = Math.min(first, jumpedOver)
    }
    if (first === Infinity) return first
    // The clocks went back, or are about to: the times between the two shown come twice.
    const secondPassEnds = begin + before - offset
    const firstPassBegins = until - (offset - zone.spanAt(until).offset)
    if (first < secondPassEnds && cron.onOverlap === "earlier") from = Math.min(secondPassEnds, until)
    else if (first >= firstPassBegins && first < until && cron.onOverlap === "later") from = until
    else if (first < until) return first
    else from = until
  }
  return Infinity
}

/** Occurrences that prolong each other are followed this far: nothing changes before the instant that is given then. */
const mostProlonging = 100

const knownAt = (cron: Cron, at: number): Known => {
  const reader = readerOf(cron)
  if (at >= reader.known.from && at < reader.known.until) return reader.known
  let last = firstFrom(cron, at - cron.forMillis + 1)
  if (last > at) return (reader.known = { from: at, until: last, truth: false })
  for (let i = 0; i < mostProlonging; i++) {
    const following = firstFrom(cron, last + 1)
    if (following > last + cron.forMillis) break
    last = following
  }
  return (reader.known = { from: at, until: last + cron.forMillis, truth: true })
}

export const holdsAt = (cron: Cron, at: number): boolean => knownAt(cron, at).truth

export const changeAfter = (cron: Cron, at: number): number => knownAt(cron, at).until
