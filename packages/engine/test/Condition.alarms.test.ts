import { Simulator } from "@skein/core/testing"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"
import { describe, expect, it } from "vitest"
import { Alarms, alarms, look } from "../src/internal/alarms.ts"

/** Runs under many schedules, and gives what was noted, the same each time. */
const always = async (
  program: (alarms: Alarms, note: (what: string) => () => void) => Effect.Effect<unknown>,
  expected: ReadonlyArray<string>
) => {
  let events: Array<string> = []
  await Simulator.check(
    () => {
      events = []
      return Effect.flatMap(alarms, (alarms) => program(alarms, (what) => () => void events.push(`${what} at ${alarms.now()}`)))
    },
    { seeds: 60, after: () => expect(events).toEqual(expected) }
  )
}

/** A wall clock that is set by hand, and a list of the sleeps that were asked for. */
const wallClock = () => {
  let now = 0
  const sleeps: Array<{ readonly millis: number; readonly resume: () => void }> = []
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: () => BigInt(now) * 1_000_000n,
    currentTimeNanos: Effect.sync(() => BigInt(now) * 1_000_000n),
    monotonicTimeNanosUnsafe: () => 0n,
    monotonicTimeNanos: Effect.succeed(0n),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        const sleep = { millis: Duration.toMillis(duration), resume: () => resume(Effect.void) }
        sleeps.push(sleep)
        return Effect.sync(() => void sleeps.splice(sleeps.indexOf(sleep), 1))
      })
  }
  return {
    clock,
    get asked() {
      return sleeps.map((sleep) => sleep.millis)
    },
    /** The wall clock shows another time; timers know nothing of it. */
    set: (at: number) => void (now = at),
    /** The sleeps are over, whatever the wall clock shows. */
    wake: () => {
      for (const sleep of sleeps.splice(0)) sleep.resume()
    }
  }
}

describe("Alarms", () => {
  it("fires each alarm at its instant, whatever the order in which they were set", () =>
    always(
      (alarms, note) => {
        for (const at of [50, 10, 40, 20, 30]) alarms.add(at, note("fire"))
        return Effect.sleep(100)
      },
      ["fire at 10", "fire at 20", "fire at 30", "fire at 40", "fire at 50"]
    ))

  it("fires those of one instant in the order in which they were set", () =>
    always(
      (alarms, note) => {
        for (const name of ["a", "b", "c", "d"]) alarms.add(10, note(name))
        return Effect.sleep(100)
      },
      ["a at 10", "b at 10", "c at 10", "d at 10"]
    ))

  it("fires one of the past soon, but not inside the call", () =>
    always(
      (alarms, note) =>
        Effect.andThen(
          Effect.sleep(10),
          Effect.suspend(() => {
            alarms.add(5, note("fire"))
            note("set")()
            return Effect.sleep(10)
          })
        ),
      ["set at 10", "fire at 10"]
    ))

  it("never fires one that was taken back, also by another of the same instant", () =>
    always(
      (alarms, note) => {
        const cancels: Array<() => void> = []
        alarms.add(10, () => {
          note("first")()
          for (const cancel of cancels) cancel()
        })
        cancels.push(alarms.add(10, note("second")), alarms.add(20, note("third")))
        return Effect.sleep(100)
      },
      ["first at 10"]
    ))

  it("never fires one that is set for no time", () =>
    always((alarms, note) => {
      alarms.add(Infinity, note("fire"))
      return Effect.sleep(100)
    }, []))

  it("holds no timer while there are no alarms", () =>
    // What is left behind when the program ends would be a finding.
    always(
      (alarms, note) => {
        const cancels = Array.from({ length: 1_000 }, (_, i) => alarms.add(1_000 - i, note("fire")))
        for (const cancel of [...cancels, ...cancels]) cancel()
        note(`${alarms.size} left`)()
        return Effect.void
      },
      ["0 left at 0"]
    ))

  it("keeps the order of 500 random alarms, some taken back, against a sorted list", async () => {
    let random = 1
    const next = (n: number): number => (random = (random * 48_271) % 2_147_483_647) % n
    for (let round = 0; round < 20; round++) {
      const fired: Array<string> = []
      const model = new Map<number, number>()
      await Simulator.run(() =>
        Effect.flatMap(alarms, (alarms) => {
          const cancels: Array<() => void> = []
          for (let i = 0; i < 500; i++) {
            const at = 1 + next(50)
            model.set(i, at)
            cancels.push(alarms.add(at, () => void fired.push(`${i} at ${alarms.now()}`)))
            const other = next(cancels.length * 3)
            if (other >= cancels.length) continue
            cancels[other]!()
            model.delete(other)
          }
          return Effect.sleep(100)
        })
      )
      const expected = [...model].sort(([i, a], [j, b]) => a - b || i - j).map(([i, at]) => `${i} at ${at}`)
      expect(fired).toEqual(expected)
    }
  })

  it("fires those that are due although one of them throws, and says so", async () => {
    const { clock, set, wake } = wallClock()
    const fired: Array<string> = []
    const bugs: Array<unknown> = []
    const alarms = new Alarms(clock, new Scheduler.MixedScheduler("sync"))
    const onBug = (error: unknown): void => void bugs.push(error)
    alarms.add(1, () => {
      throw new Error("bug")
    })
    alarms.add(1, () => void fired.push("second"))
    set(1)
    process.once("uncaughtException", onBug)
    try {
      wake()
    } catch (error) {
      bugs.push(error)
    }
    process.off("uncaughtException", onBug)
    expect(fired).toEqual(["second"])
    expect(bugs.map(String)).toEqual(["Error: bug"])
  })
})

describe("Alarms and the wall clock", () => {
  const setup = (longest?: number) => {
    const wall = wallClock()
    const fired: Array<number> = []
    const alarms = new Alarms(wall.clock, new Scheduler.MixedScheduler("sync"), longest)
    return { ...wall, wall, fired, alarms, add: (at: number) => alarms.add(at, () => void fired.push(at)) }
  }

  it("sleeps once for all, and not longer than a minute where the clock may be set", () => {
    const { add, wall } = setup(look)
    for (let i = 0; i < 1_000; i++) add(1e9 + i)
    expect(wall.asked).toEqual([60_000])
  })

  it("sleeps in one piece on a clock that has one time only", () => {
    const { add, wall } = setup()
    add(1e12)
    expect(wall.asked).toEqual([1e12])
  })

  it("does not fire before the wall clock says so, however long it slept", () => {
    const { add, fired, set, wake, wall } = setup(look)
    add(50_000)
    set(20_000)
    wake()
    expect({ fired, asked: wall.asked }).toEqual({ fired: [], asked: [30_000] })
    set(50_000)
    wake()
    expect({ fired, asked: wall.asked }).toEqual({ fired: [50_000], asked: [] })
  })

  it("fires at the next look when the wall clock was put forward", () => {
    const { add, fired, set, wake } = setup(look)
    add(1e9)
    set(2e9)
    wake()
    expect(fired).toEqual([1e9])
  })

  it("arms again for one that is earlier than all others", () => {
    const { add, wall } = setup()
    add(1_000)
    add(2_000)
    add(500)
    expect(wall.asked).toEqual([500])
  })
})
