/** What a command of `skein jobs` works with: a store, the words it was given, and where its answers go. No behaviour beyond that of its parts, so that tests lay a desk of their own. */
import type * as JobStore from "@skein/engine/JobStore"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Values } from "../flags.ts"
import type { OutputError } from "../sink.ts"

export type Style = "bold" | "cyan" | "dim" | "green" | "magenta" | "red" | "yellow"

/** What answers may look like. */
export interface Look {
  /** Lines are cut to so many columns; undefined where nobody looks, for then nothing is cut. */
  readonly columns: number | undefined
  readonly paint: (style: Style, text: string) => string
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

/** Where there is no store. */
export interface Bare {
  readonly values: Values
  /** The words that are no flags. */
  readonly words: ReadonlyArray<string>
  /** Whether they stood behind `--`. */
  readonly dashed: boolean
  readonly look: Look
  /** Writes bytes to standard output or standard error. */
  readonly write: (which: "stdout" | "stderr", bytes: Uint8Array) => Effect.Effect<void, OutputError>
  /** Writes an answer: text with its newlines. */
  readonly print: (text: string) => Effect.Effect<void, OutputError>
  /** Tells a person something beside the answer: a line on standard error. */
  readonly say: (line: string) => Effect.Effect<void>
}

export interface Desk extends Bare {
  readonly store: JobStore.JobStore
  /** The path of the store. */
  readonly path: string
}

/** Gives the exit code. Its failures have messages for people. */
export type Handler<D extends Bare = Desk> = (desk: D) => Effect.Effect<number, { readonly message: string }, Scope.Scope>
