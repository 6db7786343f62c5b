/**
 * Describes an entry point of Skein generically: something that runs pieces of work, a bounded number at once, and gives one outcome for each. A law is written once, over subjects; a
 * new entry point or flavour that wants to keep the laws is added to `subjects.ts`.
 */
import * as GatherResult from "@skein/core/GatherResult"
import type * as Outcome from "@skein/core/Outcome"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Recorder } from "./recorder.ts"
import type { Work } from "./work.ts"

/** Where the tasks run. Others come with their packages. */
export type Flavour = "inline"

/** What every subject understands; the words are those of Skein. */
export interface SubjectOptions {
  readonly concurrency?: number | "unbounded" | undefined
  readonly timeout?: number | undefined
  readonly taskTimeout?: number | undefined
  readonly queueTimeout?: number | undefined
  readonly grace?: number | undefined
  readonly onOutcome?: ((outcome: Outcome.Outcome<unknown, unknown>) => void) | undefined
}

/** What a subject came back with. */
export interface Answer {
  readonly exit: Exit.Exit<unknown, unknown>
  /** From the value, from the cause of the failure, or from the group itself. */
  readonly result: GatherResult.GatherResult<unknown, unknown> | undefined
}

/** Subjects that stand on the same machinery share the schedules of a law. */
export type Engine = "gather" | "group" | "source" | "stream" | "executor" | "fanOut" | "hedge" | "limiter" | "engine"

export interface Subject {
  readonly name: string
  readonly flavour: Flavour
  readonly engine: Engine
  readonly onFailure: "isolate" | "interrupt" | "collect"
  /** Whether it hands over one outcome for each piece of work also when it is interrupted: groups know only what was spawned. */
  readonly kind: "gather" | "group"
  /** Whether it knows how much work there is before all of it has been pulled: what never started has an outcome only then. */
  readonly size: "known" | "unknown"
  /** How many calls stand around each other, if not one. */
  readonly levels?: number
  /** Runs the work. Interrupting it interrupts the subject. */
  readonly run: (works: ReadonlyArray<Work>, options: SubjectOptions, recorder: Recorder) => Effect.Effect<Answer>
}

/** Runs an entry point to its exit, and looks for the result in it. */
export const answer = <A>(
  effect: Effect.Effect<A, unknown>,
  resultOf: (exit: Exit.Exit<A, unknown>) => Answer["result"]
): Effect.Effect<Answer> =>
  Effect.catchCause(
    Effect.map(effect, (value): Answer => ({ exit: Exit.succeed(value), result: resultOf(Exit.succeed(value)) })),
    (cause) => Effect.succeed<Answer>({ exit: Exit.failCause(cause), result: resultOf(Exit.failCause(cause)) })
  )

/** The result is the value, or rides on the cause. */
export const gatherResult = (exit: Exit.Exit<GatherResult.GatherResult<unknown, unknown, unknown>, unknown>): Answer["result"] =>
  Exit.isSuccess(exit) ? (exit.value as Answer["result"]) : GatherResult.fromCause(exit.cause)

/** Makes a result of outcomes that were met one by one. They came without the handles of abandoned tasks. */
export const resultOf = (outcomes: ReadonlyArray<Outcome.Outcome<unknown, unknown>>, total: number): NonNullable<Answer["result"]> =>
  GatherResult.make(
    outcomes.toSorted((a, b) => a.index - b.index),
    { exhausted: outcomes.length === total }
  )
