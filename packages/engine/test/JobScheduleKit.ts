/** What the tests of schedules and sentinels share. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import type { Tick } from "../src/internal/schedule/model.ts"
import * as Job from "../src/Job.ts"
import type * as JobSchedule from "../src/JobSchedule.ts"
import type { Json } from "../src/JobStore.ts"

/** Jobs that note when they begin and end, in seconds, each after the instant of its tick. */
export const worker =
  (log: Array<string>, millis: number, timed = true) =>
  (tick: Tick): Job.Job<void> => {
    const note = (sign: string): Effect.Effect<void> =>
      Effect.map(Clock.currentTimeMillis, (now) => void log.push(`${sign}${tick.at / 1_000}${timed ? ` at ${now / 1_000}` : ""}`))
    return Job.make("work", {
      run: Effect.onExit(Effect.andThen(note("+"), Effect.sleep(millis)), (exit) => note(exit._tag === "Success" ? "-" : "x"))
    })
  }

/** Runs with a wall clock that can be set, while timers go on as if nothing had been. */
export const withWallClock = <A, E, R>(
  program: (set: (forward: number) => Effect.Effect<void>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.clockWith((real) => {
    let offset = 0
    const clock: Clock.Clock = {
      ...bound(real),
      currentTimeMillisUnsafe: () => real.currentTimeMillisUnsafe() + offset,
      currentTimeMillis: Effect.sync(() => real.currentTimeMillisUnsafe() + offset)
    }
    return Effect.provideContext(
      program((forward) => Effect.sync(() => void (offset += forward))),
      Context.make(Clock.Clock, clock)
    ) as Effect.Effect<A, E, R>
  })

const bound = (clock: Clock.Clock): Clock.Clock => ({
  currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe(),
  currentTimeMillis: clock.currentTimeMillis,
  currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
  currentTimeNanos: clock.currentTimeNanos,
  monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
  monotonicTimeNanos: clock.monotonicTimeNanos,
  sleep: (duration) => clock.sleep(duration)
})

/** A memory that needs a moment to write. */
export class Memory implements JobSchedule.Memory {
  state: Json | undefined
  saves = 0
  readonly load = Effect.sync(() => this.state)
  readonly save = (next: Json): Effect.Effect<void> =>
    Effect.andThen(
      Effect.yieldNow,
      Effect.sync(() => {
        this.state = next
        this.saves++
      })
    )

  constructor(state?: Json) {
    this.state = state
  }
}

export const memory = (state?: Json): Memory => new Memory(state)

/** What is kept by a schedule that has had no tick yet, at the beginning of 1970. */
export const untouched: Json = { last: "1969-12-31T23:59:59.999Z", runs: 0, paused: false }

/** Without the warnings of schedules that end by an error. */
export const quiet = Effect.provide(Logger.layer([]))
