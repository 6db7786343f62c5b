import { describe, expect, it } from "vitest"
import * as Condition from "../src/Condition.ts"
import { check, type Minutes, minute, minutes, truths } from "./conditionKit.ts"

/** One year each, with both changes of the clocks in it: by an hour in March and October, in November and March, by half an hour in April and October. */
const years = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"].map((zone) =>
  minutes(zone, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
)
const week = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const

/** Times of the day in minutes, and whether a window begins on a weekday. */
const inWindow = ({ clock, weekday }: Minutes, from: number, to: number, on: ReadonlyArray<number>) => {
  const today = (i: number): boolean => on.includes(weekday[i]!)
  const yesterday = (i: number): boolean => on.includes((weekday[i]! + 6) % 7)
  return (i: number): boolean =>
    from < to ? clock[i]! >= from && clock[i]! < to && today(i) : (clock[i]! >= from && today(i)) || (clock[i]! < to && yesterday(i))
}

describe.each(years)("a year of minutes in $zone", (year) => {
  const { zone } = year

  it("has both changes of the clocks in it", () => {
    let forward = 0
    let back = 0
    for (let i = 1; i < year.count; i++) {
      const step = year.local[i]! - year.local[i - 1]!
      if (step > 1) forward++
      if (step < 1) back++
    }
    expect({ forward, back }).toEqual({ forward: 1, back: 1 })
  })

  it.each([
    { from: "09:00", to: "17:00", on: [0, 1, 2, 3, 4], what: "office hours", every: 3 },
    { from: "22:00", to: "06:00", on: [0, 1, 2, 3, 4, 5, 6], what: "over midnight", every: 1 },
    { from: "21:30", to: "02:15", on: [4, 6], what: "over midnight on some days", every: 3 },
    { from: "01:30", to: "02:30", on: [0, 1, 2, 3, 4, 5, 6], what: "where the clocks change", every: 1 },
    { from: "02:05", to: "02:25", on: [0, 1, 2, 3, 4, 5, 6], what: "within the hour that is skipped", every: 3 },
    { from: "00:00", to: "24:00", on: [5, 6, 0], what: "days over Sunday", every: 3 }
  ])("a window holds and changes as the clock on the wall says: $what", ({ every, from, on, to }) => {
    const minuteOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
    const condition = Condition.window({ from, to, on: on.map((i) => week[i]!), zone })
    check(condition, year, truths(year, inWindow(year, minuteOf(from), minuteOf(to), on)), every)
  })

  it("parts that are combined hold and change as their minutes do", () => {
    const office = inWindow(year, 540, 1020, [0, 1, 2, 3, 4])
    const night = inWindow(year, 1320, 360, [0, 1, 2, 3, 4, 5, 6])
    const change = inWindow(year, 90, 150, [6])
    const summer = (i: number): boolean => year.start + i * minute >= Date.UTC(2026, 4, 1) && year.start + i * minute < Date.UTC(2026, 8, 1)
    const condition = Condition.any(
      Condition.all(
        Condition.window({ from: "09:00", to: "17:00", on: "mon-fri", zone }),
        Condition.not(Condition.all(Condition.after("2026-05-01"), Condition.before("2026-09-01")))
      ),
      Condition.all(
        Condition.window({ from: "22:00", to: "06:00", zone }),
        Condition.not(Condition.window({ from: "01:30", to: "02:30", on: "sun", zone }))
      )
    )
    check(
      condition,
      year,
      truths(year, (i) => (office(i) && !summer(i)) || (night(i) && !change(i)))
    )
  })

  it.each([
    { expression: "30 2 * * *", minutes: [30], hours: [2], for: 20 },
    { expression: "15,45 1-3 * * *", minutes: [15, 45], hours: [1, 2, 3], for: 10 },
    { expression: "5,20 2 * * *", minutes: [5, 20], hours: [2], for: 7 },
    { expression: "0 2,12,22 * * *", minutes: [0], hours: [2, 12, 22], for: 60 },
    { expression: "50 1 * * *", minutes: [50], hours: [1], for: 90 }
  ])("cron holds from each occurrence on, and knows those that are skipped or come twice: $expression", (cron) => {
    for (const onOverlap of ["earlier", "later", "both"] as const) {
      const condition = Condition.cron(cron.expression, { for: `${cron.for} minutes`, zone, onOverlap })
      check(condition, year, lasting(year, occurrences(year, cron, onOverlap), cron.for), 3)
    }
  })
})

/** The minutes at which an expression comes true: those that are skipped come as much later as the clocks jump. */
const occurrences = (
  { clock, count, local }: Minutes,
  cron: { readonly minutes: ReadonlyArray<number>; readonly hours: ReadonlyArray<number> },
  onOverlap: Condition.Overlap
): ReadonlySet<number> => {
  const matches = (ofDay: number): boolean => cron.minutes.includes(ofDay % 60) && cron.hours.includes(Math.floor(ofDay / 60))
  const passes = new Map<number, Array<number>>()
  const found = new Set<number>()
  for (let i = 0; i < count; i++) {
    if (matches(clock[i]!)) passes.set(local[i]!, [...(passes.get(local[i]!) ?? []), i])
    for (let skipped = i === 0 ? local[0]! : local[i - 1]! + 1; skipped < local[i]!; skipped++) {
      if (matches(((skipped % 1440) + 1440) % 1440)) found.add(i + skipped - local[i - 1]! - 1)
    }
  }
  for (const at of passes.values()) {
    if (onOverlap !== "later") found.add(at[0]!)
    if (onOverlap !== "earlier") found.add(at[at.length - 1]!)
  }
  return found
}

const lasting = (year: Minutes, occurrences: ReadonlySet<number>, length: number): Uint8Array => {
  const expected = new Uint8Array(year.count)
  for (const at of occurrences) expected.fill(1, at, at + length)
  return expected
}
