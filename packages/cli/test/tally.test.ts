import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as tally from "../src/tally.ts"
import { attemptOf, jobOf, recordOf } from "./fixtures/records.ts"

const timesOf = (millis: ReadonlyArray<number>): tally.Quantiles => {
  const { observer, totals } = tally.make()
  for (const time of millis) observer.finished?.(recordOf(jobOf(1), { startedAt: 5000, endedAt: 5000 + time }))
  return totals().run!
}

describe("tally", () => {
  it("counts how jobs ended", () => {
    const { observer, totals } = tally.make()
    const records = [
      recordOf(jobOf(1)),
      recordOf(jobOf(2), { exitCode: 1 }),
      recordOf(jobOf(3), { why: "timeout", signal: 15 }),
      recordOf(jobOf(4), { why: "stopped", signal: 15 }),
      recordOf(jobOf(5), { exitCode: 1 }, { exitCode: 1 }, {})
    ]
    for (const record of records) {
      observer.queued?.(record.job, 0)
      observer.finished?.(record)
    }
    expect(totals()).toMatchObject({ queued: 5, done: 5, ok: 2, failed: 2, timedOut: 1, stopped: 1, retried: 1, retries: 2, received: 15 })
  })

  it("keeps the first failures, and those that were stopped are none", () => {
    const { observer, totals } = tally.make(2)
    for (const why of ["stopped", "timeout", "broken", "not-found"] as const) observer.finished?.(recordOf(jobOf(1), { why }))
    expect(totals().failures.map(({ attempts }) => attempts[0]!.why)).toEqual(["timeout", "broken"])
  })

  it("sums up what all attempts took, and knows how many ran at once", () => {
    const { observer, totals } = tally.make()
    const start = (seq: number) => observer.started?.(jobOf(seq), 1, 1, 0)
    const end = (seq: number) => observer.attempted?.(jobOf(seq), attemptOf())
    start(1)
    start(2)
    end(1)
    start(3)
    end(2)
    end(3)
    expect(totals()).toMatchObject({ busy: 1500, peak: 2 })
  })

  it("says nothing of times as long as nothing is done", () => {
    expect([tally.make().totals().run, tally.make().totals().wait]).toEqual([undefined, undefined])
  })

  it("knows the times of the last attempts and of the wait before the first", () => {
    const { observer, totals } = tally.make()
    observer.finished?.(recordOf(jobOf(1), { startedAt: 1200, endedAt: 1300 }, { startedAt: 2000, endedAt: 2050 }))
    expect([totals().run!.max, totals().wait!.max]).toEqual([50, 200])
  })

  it("gives quantiles within one percent, whatever the times", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.001, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 200 }), (times) => {
        const sorted = times.map((time) => 5000 + time - 5000).toSorted((a, b) => a - b)
        const seen = timesOf(times)
        const exact = (q: number): number => sorted[Math.ceil(q * sorted.length) - 1]!
        for (const [value, q] of [
          [seen.p50, 0.5],
          [seen.p95, 0.95],
          [seen.p99, 0.99]
        ] as const) {
          expect(Math.abs(value - exact(q))).toBeLessThanOrEqual(0.01 * exact(q) + 1e-6)
        }
        expect([seen.min, seen.max]).toEqual([sorted[0], sorted.at(-1)])
      })
    )
  })

  it("takes a clock that went backwards for no time at all", () => {
    expect(timesOf([-3, 0])).toEqual({ min: 0, p50: 0, p95: 0, p99: 0, max: 0, mean: 0 })
  })
})
