/** Reads what a command of `skein jobs` was given. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { UsageError } from "../flags.ts"
import type { Read } from "../sizes.ts"
import type { Bare } from "./desk.ts"

/** Turns the error that reading throws into a failure. */
export const given = <A>(read: () => A): Effect.Effect<A, UsageError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(read())
    } catch (error) {
      if (error instanceof UsageError) return Effect.fail(error)
      throw error
    }
  })

/** Refuses words that mean nothing here. */
export const noWords = ({ words }: Pick<Bare, "words">): Effect.Effect<void, UsageError> =>
  words.length === 0
    ? Effect.void
    : Effect.fail(new UsageError({ message: `${JSON.stringify(words[0])} means nothing here; what is chosen is said with flags` }))

/** A whole number, 0 for as many as there are. */
export const limit = (text: string): Read<number> =>
  /^\d{1,15}$/.test(text)
    ? Result.succeed(text === "0" ? Infinity : Number(text))
    : Result.fail(`must be a whole number such as 100, or 0 for all, got ${JSON.stringify(text)}`)

/** A whole number. */
export const count = (text: string): Read<number> =>
  /^\d{1,15}$/.test(text) ? Result.succeed(Number(text)) : Result.fail(`must be a whole number such as 3, got ${JSON.stringify(text)}`)

/** What the engine refuses to describe is the mistake of who asked for it. */
export const refusable = <A>(make: () => A): Effect.Effect<A, UsageError> =>
  Effect.try({ try: make, catch: (error) => new UsageError({ message: error instanceof Error ? error.message : String(error) }) })
