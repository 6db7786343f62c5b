/**
 * Knows a zone's offset at any instant without asking for it each time.
 *
 * A zone is asked once a day of 64, and the changes between two days are searched by halves. Two changes within one day that cancel each other out would be missed; no zone has had any.
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"

/** A stretch of time with one offset. Neighbours may have the same. */
interface Span {
  readonly from: number
  readonly until: number
  /** What is to be added to an instant to get the local time, in milliseconds. */
  readonly offset: number
}

export interface Zone {
  readonly spanAt: (at: number) => Span
}

export const day = 86_400_000
const stretch = 64 * day

/** The last instant that a `Date` can be. */
export const endOfTime = 8.64e15

/** Enough for twenty zones over thirty years. */
const mostStretches = 4_096

const zones = new Map<string, Zone>()

/** The zone of a name or an offset, if there is one. */
export const zoneOf = (name: string): Zone | undefined => {
  let zone = zones.get(name)
  if (zone === undefined) {
    const found = Option.getOrUndefined(DateTime.zoneFromString(name))
    if (found === undefined) return undefined
    zones.set(name, (zone = make(found)))
  }
  return zone
}

/** The name of the machine's own zone. */
export const localZone = (): string => DateTime.zoneToString(DateTime.zoneMakeLocal())

const make = (zone: DateTime.TimeZone): Zone => {
  const stretches = new Map<number, ReadonlyArray<Span>>()
  const offsetAt = (at: number): number =>
    DateTime.zonedOffset(DateTime.makeZonedUnsafe(Math.max(-endOfTime, Math.min(at, endOfTime)), { timeZone: zone }))

  const spansOf = (from: number): ReadonlyArray<Span> => {
    const spans: Array<Span> = []
    let start = from
    let offset = offsetAt(from)
    for (let at = from; at < from + stretch; at += day) {
      const after = offsetAt(at + day)
      if (after === offset) continue
      let low = at
      let high = at + day
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2)
        if (offsetAt(middle) === offset) low = middle
        else high = middle
      }
      spans.push({ from: start, until: high, offset })
      start = high
      offset = after
    }
    spans.push({ from: start, until: from + stretch, offset })
    return spans
  }

  return {
    spanAt: (at) => {
      const index = Math.floor(at / stretch)
      let spans = stretches.get(index)
      if (spans === undefined) {
        if (stretches.size >= mostStretches) stretches.clear()
        stretches.set(index, (spans = spansOf(index * stretch)))
      }
      // The last one reaches to the end of the stretch.
      return spans.find((span) => at < span.until)!
    }
  }
}
