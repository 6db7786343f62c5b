/** A reference for conditions in time that shares nothing with them: `Intl` says what each minute of a zone is called, and lists of booleans are compared. */
import * as Condition from "../src/Condition.ts"
import { expect } from "vitest"

export const minute = 60_000

/** Whole minutes of one zone: what its clock shows at each. */
export interface Minutes {
  readonly zone: string
  readonly start: number
  readonly count: number
  /** 0 is Monday. */
  readonly weekday: Uint8Array
  /** The minute of the day. */
  readonly clock: Uint16Array
  /** Minutes since 1970 as the zone counts them. */
  readonly local: Int32Array
}

const names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

export const minutes = (zone: string, from: string, to: string): Minutes => {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hourCycle: "h23",
    weekday: "short",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit"
  })
  const start = Date.parse(from)
  const count = (Date.parse(to) - start) / minute
  const weekday = new Uint8Array(count)
  const clock = new Uint16Array(count)
  const local = new Int32Array(count)
  for (let i = 0; i < count; i++) {
    // Such as "Sun, 29/03/2026, 03:00".
    const text = format.format(start + i * minute)
    weekday[i] = names.indexOf(text.slice(0, 3))
    clock[i] = Number(text.slice(17, 19)) * 60 + Number(text.slice(20, 22))
    local[i] = Date.UTC(Number(text.slice(11, 15)), Number(text.slice(8, 10)) - 1, Number(text.slice(5, 7))) / minute + clock[i]!
  }
  return { zone, start, count, weekday, clock, local }
}

export const truths = (minutes: Minutes, holds: (i: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: minutes.count }, (_, i) => Number(holds(i)))

/** Compares what a condition says at each minute, and when it says that it changes, with a list. */
export const check = (condition: Condition.Data, minutes: Minutes, expected: Uint8Array, every = 1): void => {
  const { count, start } = minutes
  // The next change after each minute: -1 behind the last one that the list shows.
  const next = new Int32Array(count).fill(-1)
  for (let i = count - 2; i >= 0; i--) next[i] = expected[i + 1] === expected[i] ? next[i + 1]! : i + 1
  const wrong: Array<string> = []
  for (let i = 0; i < count && wrong.length < 5; i += every) {
    const at = start + i * minute
    const say = (what: string): void => void wrong.push(`${new Date(at).toISOString()}: ${what}`)
    const holds = Condition.holds(condition, at)
    if (Number(holds) !== expected[i]) say(`holds is ${holds}`)
    const change = Condition.nextChange(condition, at)
    const found = change._tag === "Some" ? change.value.epochMilliseconds : Infinity
    const known = next[i]!
    if (known >= 0 ? found !== start + known * minute : found < start + count * minute) {
      say(`next change is ${found === Infinity ? "none" : new Date(found).toISOString()}`)
    }
  }
  expect(wrong).toEqual([])
}
