/** What the tests of this package share: rules that hold under many schedules, and words to write them with. */
import { Outcome } from "@skein/core"
import type { GatherResult } from "@skein/core"
import { Simulator } from "@skein/core/testing"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { expect, it } from "vitest"

/** The program of a rule: makes all its state itself, and holds its own expectations. */
export type Program = () => Effect.Effect<unknown, unknown>

/**
 * A test that asserts a rule under many schedules, in virtual time: the program passes under each seed and leaves no fiber and no timer behind. Seed 1 is the order of the
 * live runtime.
 */
export const rule = (title: string, program: Program, options: Simulator.CheckOptions<unknown, unknown> = {}): void => {
  it(title, async () => {
    const { runs, verdicts } = await Simulator.check(program, { seeds: 30, ...options })
    expect(verdicts.passed).toBe(runs)
  })
}

/** Succeeds after a time. */
export const after = <A>(millis: number, value: A): Effect.Effect<A> => Effect.as(Effect.sleep(millis), value)

/** Fails after a time. */
export const failsAfter = <E>(millis: number, error: E): Effect.Effect<never, E> => Effect.andThen(Effect.sleep(millis), Effect.fail(error))

/** Succeeds after a time, whoever asks it to stop. */
export const stubborn = <A>(millis: number, value: A): Effect.Effect<A> => Effect.uninterruptible(after(millis, value))

/** Never ends by itself; its cleanup takes a time and is noted. */
export const tidiesUp = (millis: number, done: () => void): Effect.Effect<never> =>
  Effect.onInterrupt(Effect.never, () => Effect.andThen(Effect.sleep(millis), Effect.sync(done)))

/** Each outcome in a few words, in input order. */
export const told = (result: GatherResult.GatherResult<unknown, unknown, unknown>): ReadonlyArray<string> => result.list.map(word)

export const word = (outcome: Outcome.Outcome<unknown, unknown>): string =>
  Outcome.match(outcome, {
    onCompleted: ({ late, value }) => `completed ${String(value)}${late ? " late" : ""}`,
    onFailed: ({ cause }) => `failed ${reasons(cause)}`,
    onTimedOut: ({ cause, limit }) => `timeout ${limit} ${reasons(cause)}`,
    onCancelled: ({ cause, reason }) => `cancelled (${Outcome.formatReason(reason)}) ${reasons(cause)}`,
    onNotStarted: ({ reason }) => `notStarted (${Outcome.formatReason(reason)})`
  })

/** The reasons of a cause in a few words; interruptions are not told apart. */
export const reasons = (cause: Cause.Cause<unknown>): string => {
  const words = cause.reasons.map((reason) =>
    Cause.isFailReason(reason) ? `Fail(${text(reason.error)})` : Cause.isDieReason(reason) ? `Die(${text(reason.defect)})` : "Interrupt"
  )
  return [...new Set(words)].join("+")
}

const text = (value: unknown): string => (value instanceof Error ? value.message : String(value))

/** Counts what runs. */
export class Meter {
  running = 0
  peak = 0
  total = 0
  readonly count = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        this.total++
        this.peak = Math.max(this.peak, ++this.running)
      }),
      () => self,
      () => Effect.sync(() => void this.running--)
    )
}

/** Runs with a logger that keeps messages in the place of the console. */
export const logged = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<readonly [A, ReadonlyArray<string>], E, R> =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ cause, message }) => {
      lines.push([...(Array.isArray(message) ? message : [message]), reasons(cause)].filter((part) => part !== "").join(" "))
    })
    return Effect.map(Effect.provideService(effect, Logger.CurrentLoggers, new Set([logger])), (value) => [value, lines] as const)
  })

/** A signal that counts its listeners. */
export const countedSignal = (
  signal: AbortSignal
): { readonly signal: AbortSignal; readonly listeners: () => number; readonly added: () => number } => {
  let added = 0
  let removed = 0
  const proxy = new Proxy(signal, {
    get: (target, key) => {
      const value = Reflect.get(target, key, target) as unknown
      if (typeof value !== "function") return value
      return (...args: ReadonlyArray<unknown>) => {
        if (key === "addEventListener") added++
        if (key === "removeEventListener") removed++
        return Reflect.apply(value, target, args) as unknown
      }
    }
  })
  return { signal: proxy, listeners: () => added - removed, added: () => added }
}
