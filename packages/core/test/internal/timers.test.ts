import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { type Entry, type Timers, timersOf } from "../../src/internal/timers.ts"
import { Simulator } from "../../src/testing/index.ts"

const timers: Effect.Effect<Timers> = Effect.withFiber((fiber) => Effect.sync(() => timersOf(fiber)))

/** Runs under many schedules, and gives what was noted, the same each time. */
const always = async (
  program: (timers: Timers, note: (what: string) => () => void) => Effect.Effect<unknown>,
  expected: ReadonlyArray<string>
) => {
  let events: Array<string> = []
  await Simulator.check(
    () => {
      events = []
      return Effect.flatMap(timers, (timers) => program(timers, (what) => () => void events.push(`${what} ${timers.now()}`)))
    },
    { seeds: 60, after: () => expect(events).toEqual(expected) }
  )
}

describe("Timers", () => {
  it("fires each entry at its instant, whatever the order in which they were set", () =>
    always(
      (timers, note) => {
        for (const at of [50, 10, 40, 20, 30]) timers.add(at, note("fire"))
        return Effect.sleep(100)
      },
      ["fire 10", "fire 20", "fire 30", "fire 40", "fire 50"]
    ))

  it("keeps the order of 500 random entries, moved and cancelled at random, against a sorted list", async () => {
    let random = 1
    const next = (n: number): number => (random = (random * 48_271) % 2_147_483_647) % n
    for (let round = 0; round < 20; round++) {
      const fired: Array<string> = []
      await Simulator.run(() =>
        Effect.gen(function* () {
          const t = yield* timers
          const model = new Map<number, { at: number; set: number }>()
          const entries: Array<Entry> = []
          let set = 0
          for (let i = 0; i < 500; i++) {
            const at = 1 + next(50)
            entries.push(t.add(at, () => void fired.push(`${i} at ${t.now()}`)))
            model.set(i, { at, set: set++ })
            const other = next(entries.length)
            if (next(3) === 0) {
              const moved = 1 + next(50)
              t.move(entries[other]!, moved)
              model.set(other, { at: moved, set: set++ })
            } else if (next(4) === 0) {
              t.cancel(entries[other]!)
              model.delete(other)
            }
          }
          yield* Effect.sleep(100)
          const expected = [...model].sort(([, a], [, b]) => a.at - b.at || a.set - b.set).map(([i, { at }]) => `${i} at ${at}`)
          expect(fired).toEqual(expected)
        })
      ).then((run) => expect(run.report).toBe("passed"))
    }
  })

  it("fires those of one instant in the order in which they were set", () =>
    always(
      (timers, note) => {
        for (const name of ["a", "b", "c", "d", "e"]) timers.add(10, note(name))
        return Effect.sleep(20)
      },
      ["a 10", "b 10", "c 10", "d 10", "e 10"]
    ))

  it("never fires inside the call that sets, also for an instant that has passed", () =>
    always(
      (timers, note) =>
        Effect.gen(function* () {
          yield* Effect.sleep(5)
          timers.add(1, note("late"))
          note("set")()
          yield* Effect.sleep(1)
        }),
      ["set 5", "late 5"]
    ))

  it("fires after the other timers of that instant and what they woke", () =>
    always(
      (timers, note) => {
        timers.add(10, note("deadline"))
        const work = Effect.andThen(Effect.sleep(10), Effect.andThen(Effect.yieldNow, Effect.sync(note("work"))))
        return Effect.andThen(Effect.all([work, work], { concurrency: 2 }), Effect.sleep(1))
      },
      ["work 10", "work 10", "deadline 10"]
    ))

  it("moves an entry forward and back", () =>
    always(
      (timers, note) => {
        const a = timers.add(10, note("a"))
        const b = timers.add(20, note("b"))
        timers.move(a, 30)
        timers.move(b, 5)
        return Effect.sleep(50)
      },
      ["b 5", "a 30"]
    ))

  it("moves one that has fired, and one that was cancelled", () =>
    always(
      (timers, note) =>
        Effect.gen(function* () {
          const fired = timers.add(10, note("fired"))
          const cancelled = timers.add(10, note("cancelled"))
          timers.cancel(cancelled)
          yield* Effect.sleep(15)
          timers.move(fired, 20)
          timers.move(cancelled, 25)
          yield* Effect.sleep(15)
        }),
      ["fired 10", "fired 20", "cancelled 25"]
    ))

  it("does not fire what another entry of the same instant cancels or moves", () =>
    always(
      (timers, note) => {
        const later: Array<Entry> = []
        timers.add(10, () => {
          note("first")()
          timers.cancel(later[0]!)
          timers.move(later[1]!, 20)
        })
        later.push(timers.add(10, note("cancelled")), timers.add(10, note("moved")))
        return Effect.sleep(30)
      },
      ["first 10", "moved 20"]
    ))

  it("waits with entries that are set by what fires for the next alarm, so that nothing can keep the loop alive", () =>
    always(
      (timers, note) => {
        let n = 0
        const again = (): void => {
          note("fire")()
          if (++n < 3) timers.add(timers.now(), again)
        }
        timers.add(10, again)
        return Effect.sleep(20)
      },
      ["fire 10", "fire 10", "fire 10"]
    ))

  it("holds one timer of the clock for all, and none when no entry is left", async () => {
    const run = await Simulator.run(() =>
      Effect.gen(function* () {
        const t = yield* timers
        const entries = Array.from({ length: 100 }, (_, i) => t.add(1_000 + i, () => {}))
        yield* Effect.yieldNow
        for (const entry of entries) t.cancel(entry)
      })
    )
    expect([run.verdict, run.leaks, run.timers]).toEqual(["passed", [], []])
    const left = await Simulator.run(() =>
      Effect.map(timers, (t) => void Array.from({ length: 100 }, (_, i) => t.add(1_000 + i, () => {})))
    )
    expect(left.timers).toEqual([1_000])
  })

  it("takes no timer for an entry that is never due", async () => {
    const run = await Simulator.run(() => Effect.map(timers, (t) => void t.add(Infinity, () => {})))
    expect(run.timers).toEqual([])
  })

  it("fires the others when one throws, and then says so: it is a bug of ours", async () => {
    const fired: Array<string> = []
    const run = await Simulator.run(() =>
      Effect.gen(function* () {
        const t = yield* timers
        t.add(10, () => void fired.push("a"))
        t.add(10, () => {
          throw new Error("a bug")
        })
        t.add(10, () => void fired.push("c"))
        yield* Effect.sleep(20)
      })
    )
    expect(fired).toEqual(["a", "c"])
    expect([run.verdict, run.report.includes("a bug")]).toEqual(["failed", true])
  })

  describe("when entries come and go in the first step of the fiber that sleeps for them", () => {
    /** Timers on a clock that lets something happen each time it is asked to sleep. */
    const reentrant = (program: (timers: Timers, onSleep: (then: () => void) => void, note: (what: string) => () => void) => void) =>
      Simulator.run(() =>
        Effect.gen(function* () {
          const clock = yield* Clock.Clock
          const events: Array<string> = []
          let pending: (() => void) | undefined
          const hooked: Clock.Clock = Object.setPrototypeOf(
            {
              sleep: (duration: Duration.Duration) =>
                Effect.suspend(() => {
                  const then = pending
                  pending = undefined
                  then?.()
                  return clock.sleep(duration)
                })
            },
            clock
          )
          const t = yield* Effect.provideService(timers, Clock.Clock, hooked)
          program(
            t,
            (then) => void (pending = then),
            (what) => () => void events.push(`${what} ${t.now()}`)
          )
          yield* Effect.sleep(100)
          return events
        })
      )

    it("keeps an earlier one that comes, and the first one too", async () => {
      const run = await reentrant((timers, onSleep, note) => {
        onSleep(() => timers.add(10, note("earlier")))
        timers.add(20, note("first"))
      })
      expect(run.exit).toMatchObject({ value: ["earlier 10", "first 20"] })
      expect([run.leaks, run.timers]).toEqual([[], []])
    })

    it("leaves no timer for one that goes", async () => {
      const run = await reentrant((timers, onSleep, note) => {
        const entry = timers.add(Infinity, note("gone"))
        onSleep(() => timers.cancel(entry))
        timers.move(entry, 1_000)
      })
      expect(run.exit).toMatchObject({ value: [] })
      expect([run.leaks, run.timers]).toEqual([[], []])
    })
  })

  it("goes on when its sleeping fiber is interrupted from outside", async () => {
    const swept = await Simulator.sweep(
      () =>
        Effect.gen(function* () {
          const t = yield* timers
          let fired = 0
          t.add(10, () => fired++)
          yield* Effect.sleep(1)
          t.add(5, () => fired++)
          const last = t.add(30, () => fired++)
          yield* Effect.sleep(20)
          t.cancel(last)
          expect(fired).toBe(2)
        }),
      { target: "children" }
    )
    expect(swept.verdicts.passed).toBe(swept.runs)
  })
})
