import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as read from "../src/internal/condition/read.ts"
import { bounded, cronGrid, everyGrid, type Grid } from "../src/internal/schedule/grid.ts"
import { minute, minutes, type Minutes } from "./conditionKit.ts"

const cron = (expression: string, zone = "UTC"): Grid => cronGrid(read.cron("test", expression, { for: 1, zone }))

const all = (grid: Grid, from: number, to: number): Array<number> => {
  const found: Array<number> = []
  for (let at = grid.after(from); at <= to; at = grid.after(at)) found.push(at)
  return found
}

/** The ticks of a daily list of times: each once, and those that the clocks jump over as much later as they jump. */
const reference = ({ clock, count, local, start }: Minutes, wanted: (time: number) => boolean): Array<number> => {
  const found = new Set<number>()
  const shown = new Set<number>()
  for (let i = 0; i < count; i++) {
    if (wanted(clock[i]!) && !shown.has(local[i]!)) found.add(start + i * minute)
    shown.add(local[i]!)
    for (let skipped = i === 0 ? local[0]! : local[i - 1]! + 1; skipped < local[i]!; skipped++) {
      if (wanted(skipped % 1_440)) found.add(start + (i + skipped - local[i - 1]! - 1) * minute)
    }
  }
  return [...found].toSorted((a, b) => a - b)
}

const changes = {
  "Europe/Berlin, forward": minutes("Europe/Berlin", "2026-03-27T00:00:00Z", "2026-03-31T00:00:00Z"),
  "Europe/Berlin, back": minutes("Europe/Berlin", "2026-10-23T00:00:00Z", "2026-10-27T00:00:00Z"),
  "America/New_York, forward": minutes("America/New_York", "2026-03-06T00:00:00Z", "2026-03-10T00:00:00Z"),
  "America/New_York, back": minutes("America/New_York", "2026-10-30T00:00:00Z", "2026-11-03T00:00:00Z"),
  "Australia/Lord_Howe, forward": minutes("Australia/Lord_Howe", "2026-10-02T00:00:00Z", "2026-10-06T00:00:00Z"),
  "Australia/Lord_Howe, back": minutes("Australia/Lord_Howe", "2026-04-03T00:00:00Z", "2026-04-07T00:00:00Z")
}

describe("the grid of a schedule", () => {
  for (const [name, days] of Object.entries(changes)) {
    it(`has each time of the day once when the clocks change: ${name}`, () => {
      const from = days.start - 1
      const to = days.start + (days.count - 1) * minute
      fc.assert(
        fc.property(
          fc.uniqueArray(fc.integer({ min: 0, max: 23 }), { minLength: 1, maxLength: 4 }),
          fc.uniqueArray(fc.integer({ min: 0, max: 59 }), { minLength: 1, maxLength: 4 }),
          (hours, mins) => {
            const grid = cron(`${mins.join(",")} ${hours.join(",")} * * *`, days.zone)
            const expected = reference(days, (time) => hours.includes(Math.floor(time / 60)) && mins.includes(time % 60))
            expect(all(grid, from, to).map((at) => new Date(at).toISOString())).toEqual(expected.map((at) => new Date(at).toISOString()))
          }
        ),
        { numRuns: 40 }
      )
    })
  }

  it("counts a period from its origin, before and after it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: -100, max: 100 }),
        fc.integer({ min: -200, max: 200 }),
        (period, origin, from) => {
          const grid = everyGrid(period, origin)
          const expected = Array.from({ length: 300 }, (_, i) => from + 1 + i).filter((at) => (at - origin) % period === 0)
          expect(all(grid, from, from + 300)).toEqual(expected)
        }
      )
    )
  })

  it("gives the ticks between two instants that one by one would be found", () => {
    const grids = fc.oneof(
      fc
        .tuple(fc.integer({ min: 1, max: 400_000 }), fc.integer({ min: -1e6, max: 1e6 }))
        .map(([period, origin]) => everyGrid(period, origin)),
      fc.constantFrom("*/7 * * * * *", "* * * * *", "*/20 3 * * *", "0 0 1 * *").map((expression) => cron(expression))
    )
    fc.assert(
      fc.property(
        grids,
        fc.integer({ min: 0, max: 1e9 }),
        fc.integer({ min: -10, max: 4_000_000 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: -1e6, max: 5e6 }),
        fc.integer({ min: 1, max: 5e6 }),
        (grid, from, length, keep, startsAfter, lasts) => {
          const within = bounded(grid, from + startsAfter, from + startsAfter + lasts)
          const expected = all(within, from, from + Math.min(length, 60_000))
          const { count, newest } = within.between(from, from + Math.min(length, 60_000), keep)
          expect(newest).toEqual(expected.slice(-keep))
          expect(count).toBe(expected.length)
        }
      )
    )
  })

  it("finds the newest ticks of a long gap, and counts 1,000 of those of cron", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("* * * * * *", "* * 3 * * *", "*/10 * * * *", "0 0 1 1 *"),
        fc.integer({ min: 0, max: 3e11 }),
        fc.integer({ min: 1, max: 40 }),
        (expression, length, keep) => {
          const grid = cron(expression)
          const to = Date.parse("2026-11-22T12:34:56.789Z")
          const { count, newest } = grid.between(to - length, to, keep)
          expect(newest).toHaveLength(Math.min(count, keep))
          expect(newest.toSorted((a, b) => a - b)).toEqual(newest)
          expect(count).toBeLessThanOrEqual(1_000)
          let last = to
          for (const at of newest.toReversed()) {
            expect(grid.after(at - 1)).toBe(at)
            expect(grid.after(at)).toBeGreaterThan(last)
            last = at - 1
          }
        }
      ),
      { numRuns: 40 }
    )
  })

  it("counts ten years of seconds without going through them", () => {
    const { count, newest } = everyGrid(1_000, 0).between(0, 315_360_000_000, 3)
    expect(count).toBe(315_360_000)
    expect(newest).toEqual([315_359_998_000, 315_359_999_000, 315_360_000_000])
  })
})
