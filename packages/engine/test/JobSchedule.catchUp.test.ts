import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { describe, expect, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import * as JobSchedule from "../src/JobSchedule.ts"
import { always } from "./engineKit.ts"
import { memory, withWallClock, worker } from "./JobScheduleKit.ts"

type Options = Omit<JobSchedule.Options<void>, "every" | "cron" | "zone" | "job">

const hour = 3_600_000

/** A schedule of every ten seconds in a process that sleeps from second 25 for so long, and is looked at after 20 seconds more of its own. */
const slept = (options: Options, millis: number, work = 1_000) =>
  withWallClock((set) =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const engine = yield* Engine.make()
      const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", { every: 10_000, job: worker(log, work, false), ...options }))
      yield* Effect.sleep(25_000)
      yield* set(millis)
      yield* Effect.sleep(20_000)
      const { missed, skipped } = handle.status
      return [...log.filter((line) => line.startsWith("+")), `missed ${missed}`, `skipped ${skipped}`]
    })
  )

describe("a process that slept", () => {
  it("runs only what comes in time", () =>
    always(() => slept({}, 24 * hour + 3_000), ["+0", "+10", "+20", "+86430", "+86440", "missed 8640", "skipped 0"]))

  it("runs one job for all that was missed, where that is asked for", () =>
    always(
      () => slept({ catchUp: "last", lateAfter: 0 }, 24 * hour + 3_000),
      ["+0", "+10", "+20", "+86430", "+86440", "missed 8640", "skipped 0"]
    ))

  it("runs what was missed, oldest first and no more than is allowed to wait", () =>
    always(
      () => slept({ catchUp: "all", queueLimit: 3 }, 24 * hour + 3_000),
      ["+0", "+10", "+20", "+86410", "+86420", "+86430", "+86440", "missed 8638", "skipped 0"]
    ))

  it("makes no more jobs at once for what was missed than may run at once", () =>
    always(
      // Two that begin at one instant do so in any order.
      () => Effect.map(slept({ catchUp: "all", overlap: { allow: 2 }, queueLimit: 4 }, 3_000 + 40_000, 4_000), (told) => told.toSorted()),
      ["+0", "+10", "+20", "+40", "+50", "+60", "+70", "missed 1", "skipped 1"]
    ))

  it("lets what comes due wait behind what is caught up, also where it would be skipped otherwise", () =>
    always(
      () => slept({ catchUp: "all", overlap: "skip" }, 3_000 + 20_000, 4_000),
      ["+0", "+10", "+20", "+30", "+40", "+50", "+60", "missed 0", "skipped 0"]
    ))

  it("cancels nothing of what is caught up", () =>
    always(
      () => slept({ catchUp: "all", overlap: "cancel" }, 3_000 + 20_000, 4_000),
      ["+0", "+10", "+20", "+30", "+40", "+50", "+60", "missed 0", "skipped 0"]
    ))

  it("takes a tick that is late by less than is allowed for one in time", () =>
    always(() => slept({ lateAfter: "5 seconds" }, 4_000), ["+0", "+10", "+20", "+30", "+40", "missed 0", "skipped 0"]))

  it("takes a tick that is too late for missed", () =>
    always(() => slept({ lateAfter: "3 seconds" }, 4_000), ["+0", "+10", "+20", "+40", "missed 1", "skipped 0"]))
})

describe("a clock that is set back", () => {
  it("brings no tick twice", () => always(() => slept({}, -12_000), ["+0", "+10", "+20", "+30", "missed 0", "skipped 0"]))

  it("begins anew where it was far ahead before the schedule was started", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make()
          const kept = memory({ last: "2050-01-01T00:00:00Z", runs: 3, paused: false })
          yield* JobSchedule.start(engine, JobSchedule.make("s", { every: 10_000, job: worker(log, 0, false) }), { memory: kept })
          yield* Effect.sleep(11_000)
          return log
        }),
      ["+0", "-0", "+10", "-10"]
    ))
})

describe("jitter", () => {
  it("makes ticks due later by chance, within its bound and never after the next tick, and does not let them drift", async () => {
    const late: Array<number> = []
    await always(
      () =>
        Effect.gen(function* () {
          const begun: Array<readonly [number, number]> = []
          const engine = yield* Engine.make()
          for (const [name, jitter] of [
            ["short", 4_000],
            ["long", 60_000]
          ] as const) {
            const log: Array<string> = []
            const job = worker(log, 0)
            const handle = yield* JobSchedule.start(
              engine,
              JobSchedule.make(name, { every: 10_000, jitter, overlap: "queue", job, runs: 30 })
            )
            yield* handle.await
            for (const line of log.filter((line) => line.startsWith("+"))) {
              const [, at, now] = /^\+(\S+) at (\S+)$/.exec(line)!
              begun.push([Number(at), Number(now) - Number(at)])
              late.push(Number(now) - Number(at))
            }
          }
          const short = begun.slice(0, 30)
          const long = begun.slice(30)
          return {
            ticks: begun.every(([at], i) => i === 0 || i === 30 || at === begun[i - 1]![0] + 10),
            short: short.every(([, late]) => late >= 0 && late < 4),
            long: long.every(([, late]) => late >= 0 && late < 10)
          }
        }),
      { ticks: true, short: true, long: true },
      20
    )
    expect(late.some((seconds) => seconds > 3 && seconds < 4)).toBe(true)
    expect(late.some((seconds) => seconds > 9)).toBe(true)
    expect(late.some((seconds) => seconds < 0.5)).toBe(true)
  })

  it("does not make a tick late", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make()
          const options = { every: 10_000, jitter: "9 seconds", lateAfter: 0, job: worker(log, 0, false), runs: 20 } as const
          const handle = yield* JobSchedule.start(engine, JobSchedule.make("s", options))
          yield* handle.await
          return handle.status.missed
        }).pipe(Random.withSeed("a seed")),
      0
    ))
})
