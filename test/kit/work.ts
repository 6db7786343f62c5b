/**
 * Describes what a task does as data, so that the same task can run wherever a flavour runs it: in this fiber, in a thread, in a process.
 *
 * A piece of work takes its time, ends as it says, and cleans up. It notes `a starts`, then `a gives`, `a fails`, `a dies` or `a is asked to stop`, and `a is clean` when its cleanup is
 * over, after which nothing of it is left.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Recorder } from "./recorder.ts"

export interface Work {
  readonly name: string
  /** Milliseconds of the flavour's clock; `Infinity` for ever. None: it ends at once. */
  readonly takes?: number | undefined
  /** How it ends by itself. */
  readonly ends?: "value" | "fail" | "die" | undefined
  /** What it fails or dies with, if it is nothing usual. */
  readonly error?: { readonly is: unknown } | undefined
  readonly cleanup?:
    | {
        /** Milliseconds; `Infinity` hangs. */
        readonly takes?: number | undefined
        readonly ends?: "value" | "fail" | "die" | undefined
      }
    | undefined
  /** It cannot be interrupted. */
  readonly uninterruptible?: boolean | undefined
}

/** What a task of this work gives, fails with, dies with, and what its cleanup fails or dies with. */
export const valueOf = (name: string): string => `value of ${name}`
export const errorOf = (name: string): string => `error of ${name}`
export const cleanupErrorOf = (name: string): string => `cleanup error of ${name}`

const wait = (ms: number | undefined): Effect.Effect<void> =>
  ms === undefined || ms === 0 ? Effect.yieldNow : ms === Infinity ? Effect.never : Effect.sleep(ms)

const end = (how: "value" | "fail" | "die" | undefined, value: string, error: unknown): Effect.Effect<string, string> =>
  how === "fail" ? Effect.fail(error as string) : how === "die" ? Effect.die(error) : Effect.succeed(value)

const words = { value: "gives", fail: "fails", die: "dies" }

/** Makes an effect of a piece of work: the inline flavour. */
export const toEffect = (work: Work, recorder: Recorder): Effect.Effect<string, string> => Effect.suspend(() => once(work, recorder))

const once = (work: Work, { mark, note }: Recorder): Effect.Effect<string, string> => {
  const { cleanup, ends, error, name, takes, uninterruptible } = work
  const body = Effect.andThen(wait(takes), end(ends, valueOf(name), error === undefined ? errorOf(name) : error.is))
  // What is interrupted before its first step has done nothing and has nothing to clean up.
  let started = false
  const noted = Effect.suspend(() => {
    started = true
    note(`${name} starts`)
    return Effect.onExit(body, (exit) => mark(`${name} ${Exit.hasInterrupts(exit) ? "is asked to stop" : words[ends ?? "value"]}`))
  })
  const clean = mark(`${name} is clean`)
  const whole = Effect.onExit(noted, () =>
    !started
      ? Effect.void
      : cleanup === undefined
        ? clean
        : Effect.andThen(
            cleanup.takes === undefined ? Effect.void : wait(cleanup.takes),
            Effect.andThen(clean, end(cleanup.ends, "", cleanupErrorOf(name)))
          )
  )
  // The last thing that the task does, so that its value stands whoever asks it to stop.
  return uninterruptible === true ? Effect.uninterruptible(whole) : whole
}
