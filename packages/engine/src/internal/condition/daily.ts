/** Finds out when a zone's clock is within a window of the day. */
import type { Weekday, Window } from "./model.ts"
import { day, endOfTime, type Zone, zoneOf } from "./zone.ts"

/** As `Date` counts them. */
export const weekdays: ReadonlyArray<Weekday> = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

/** A window that was read: times of the day in milliseconds, and the days on which it begins. */
export interface Daily {
  readonly from: number
  readonly to: number
  readonly on: ReadonlyArray<boolean>
  readonly zone: Zone
}

const clock = /^([01]\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?$/

/** Reads `22:00` or `22:00:00` as milliseconds since midnight; `24:00` is the end of the day. */
export const timeOfDay = (text: unknown): number | undefined => {
  const match = typeof text === "string" ? clock.exec(text) : null
  if (match === null) return undefined
  const millis = (Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3] ?? 0)) * 1000
  return millis <= day ? millis : undefined
}

const read = new WeakMap<Window, Daily>()

export const dailyOf = (window: Window): Daily => {
  let daily = read.get(window)
  if (daily === undefined) {
    daily = {
      from: timeOfDay(window.from)!,
      to: timeOfDay(window.to)!,
      on: weekdays.map((name) => window.on.includes(name)),
      zone: zoneOf(window.zone)!
    }
    read.set(window, daily)
  }
  return daily
}

/** Whether it holds at a local time, written as the instant at which UTC shows it. */
export const holdsLocally = ({ from, on, to }: Daily, local: number): boolean => {
  const date = Math.floor(local / day)
  const time = local - date * day
  if (from < to) return time >= from && time < to && beginsOn(on, date)
  return (time >= from && beginsOn(on, date)) || (time < to && beginsOn(on, date - 1))
}

// The first of January 1970 was a Thursday.
const beginsOn = (on: ReadonlyArray<boolean>, date: number): boolean => on[(((date + 4) % 7) + 7) % 7]!

export const holdsAt = (daily: Daily, at: number): boolean => holdsLocally(daily, at + daily.zone.spanAt(at).offset)

/** The next instant at which it holds no longer or again. A change of the clocks can be one. */
export const changeAfter = (daily: Daily, from: number): number => {
  const truth = holdsAt(daily, from)
  for (let at = from; at < endOfTime;) {
    const { offset, until } = daily.zone.spanAt(at)
    const local = at + offset
    if (holdsLocally(daily, local) !== truth) return at
    const edge = edgeAfter(daily, local)
    if (edge === undefined) return Infinity
    if (edge - offset < until) return edge - offset
    at = until
  }
  return Infinity
}

/** The next local time at which it begins or ends, if no clock were changed before. Within a week and a day there is one, or there is none at all. */
const edgeAfter = (daily: Daily, local: number): number | undefined => {
  const truth = holdsLocally(daily, local)
  const first = Math.min(daily.from, daily.to)
  const second = Math.max(daily.from, daily.to)
  for (let date = Math.floor(local / day), i = 0; i < 9; i++, date++) {
    for (const time of [first, second]) {
      const edge = date * day + time
      if (edge > local && holdsLocally(daily, edge) !== truth) return edge
    }
  }
  return undefined
}
