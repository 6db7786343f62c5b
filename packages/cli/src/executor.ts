/** How a program is run in a slot: what the shells of `slots.ts` and the exact commands of `exact.ts` have in common. No behaviour. */
import type * as Effect from "effect/Effect"
import type { Captured } from "./capture.ts"
import type { End, Program, Why } from "./job.ts"

export type Which = "stdout" | "stderr"

/** One step of stopping: a signal to the job's whole tree, then the time that it has. The time of the last step says when it is killed; without steps it is killed at once. */
export interface StopStep {
  readonly signal: NodeJS.Signals
  /**
   * Milliseconds.
   *
   * @default 1000
   */
  readonly for?: number | undefined
}

export type Output =
  /** Kept, and given with the end. */
  | "capture"
  /** The program has our own standard output and error. */
  | "inherit"
  /** Written to these files, which are made or emptied. */
  | { readonly stdout: string; readonly stderr: string }
  /** Given as it comes. While an effect of `onChunk` runs, that stream of the program is not read on. The end comes after the last chunk. It must not fail; the bytes are the receiver's to keep. */
  | { readonly onChunk: (which: Which, bytes: Uint8Array) => Effect.Effect<void> | void }

export interface Run {
  /** From 1. One program at a time in a slot. */
  readonly slot: number
  /** Variables on top of this process's own environment. */
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly output: Output
  /** Milliseconds from its start; then it is stopped, and ends with `timeout`. */
  readonly timeout?: number | undefined
  readonly stop: ReadonlyArray<StopStep>
}

export interface Ended extends End {
  /** Empty unless the output was captured. Whoever got it disposes of it. */
  readonly output: Captured
  /** Bytes that came out of it, captured or streamed: standard output and standard error. What went to files is not counted. */
  readonly received: number
  /** Milliseconds since the epoch, with fractions. */
  readonly startedAt: number
  readonly endedAt: number
}

export interface Executor {
  /** Runs it to its end. Never fails. Interruption runs the stop sequence, and returns when nobody of the job's tree is left. */
  readonly run: (program: Program, run: Run) => Effect.Effect<Ended>
  /**
   * Stops what runs in a slot: its `run` returns when the steps have done it, with this reason. Takes the place of steps that are under way, so that a second call with other steps makes it quicker; the first reason stays.
   * Nothing runs there: does nothing.
   */
  readonly stop: (slot: number, steps: ReadonlyArray<StopStep>, why: Extract<Why, "stopped" | "timeout">) => void
}
