/**
 * Holds the outcomes of a whole fan-out: one per input, in input order, with their counts.
 *
 * A `GatherResult` is an immutable value made when a gather returns. It owns nothing and nothing in it changes later: a task that was abandoned keeps the outcome it
 * had, and its real end is found at `abandoned[i].await`.
 *
 * **Details**
 *
 * `outcomes` has the shape of the input: an array for an iterable, a tuple for a tuple, a record for a record. The functions here work on all of them, in input order.
 *
 * **Example** (Reading what a gather brought back)
 *
 * ```ts
 * import { GatherResult, Outcome } from "@skein/core"
 *
 * const result = GatherResult.make<number, string>([
 *   new Outcome.Completed({ index: 0, attempts: 1 }, 10, false),
 *   new Outcome.NotStarted({ index: 1, attempts: 0 }, { _tag: "Requested", value: "enough" })
 * ])
 * console.log(GatherResult.values(result)) // => [ 10 ]
 * console.log(result.total, result.completed, result.notStarted, result.successRate) // => 2 1 1 0.5
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type * as Exit from "effect/Exit"
import * as Outcome from "./Outcome.ts"

/**
 * The outcomes of a fan-out in the shape of its input, and their counts.
 *
 * @category models
 * @since 0.1.0
 */
export interface GatherResult<out A, out E = never, out Outcomes = ReadonlyArray<Outcome.Outcome<A, E>>> {
  /** One outcome per input, in the input's own shape and order. */
  readonly outcomes: Outcomes
  /** How many outcomes there are. */
  readonly total: number
  /** How many gave a value, late ones too. */
  readonly completed: number
  readonly failed: number
  readonly timedOut: number
  readonly cancelled: number
  readonly notStarted: number
  /** From the start of the call to its return. */
  readonly elapsed: Duration.Duration
  /** Whether every outcome is `Completed`; true when there are none. */
  readonly allSucceeded: boolean
  /** `completed / total`, from 0 to 1; 0 when there are no outcomes. */
  readonly successRate: number
  /** False where the source of items was not read to its end. */
  readonly exhausted: boolean
  /** Why the call ended before everything was done: who stopped it. `undefined` where it came to its own end. */
  readonly stopped: Outcome.Reason | undefined
  /** Tasks that had not ended when the grace was over, in input order. */
  readonly abandoned: ReadonlyArray<Abandoned<A, E>>
  /** The same outcomes as a plain array in input order, whatever the shape of `outcomes`. */
  readonly list: ReadonlyArray<Outcome.Outcome<A, E>>
}

/**
 * A task that had not ended when the grace was over. `await` waits for its real end.
 *
 * @category models
 * @since 0.1.0
 */
export interface Abandoned<out A, out E = never> {
  readonly index: number
  readonly name: string | undefined
  readonly await: Effect.Effect<Exit.Exit<A, E>>
}

/**
 * One failure of a result: which task, and the whole cause.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskError<out E> {
  readonly index: number
  readonly name: string | undefined
  readonly cause: Cause.Cause<E>
}

/**
 * The values of a result in the shape of its outcomes, when every task completed.
 *
 * @category models
 * @since 0.1.0
 */
export type Values<Outcomes> = { readonly [K in keyof Outcomes]: Outcomes[K] extends Outcome.Outcome<infer A, infer _E> ? A : never }

/**
 * Not every task completed. `result` holds all there is: nothing that finished is lost. The work of tasks that did not complete may have happened in part;
 * whether it is safe to try again is for their outcomes to say.
 *
 * @category errors
 * @since 0.1.0
 */
export class GatherIncomplete<A, E> extends Data.TaggedError("GatherIncomplete")<{
  readonly result: GatherResult<A, E, unknown>
}> {
  override get message(): string {
    return summarize(this.result)
  }
}

/**
 * Makes a result from outcomes in input order. `shape` gives `outcomes` when the input was no array.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  <A, E = never>(list: ReadonlyArray<Outcome.Outcome<A, E>>, options?: MakeOptions<A, E>): GatherResult<A, E>
  <A, E, Outcomes>(
    list: ReadonlyArray<Outcome.Outcome<A, E>>,
    options: MakeOptions<A, E> & { readonly shape: Outcomes }
  ): GatherResult<A, E, Outcomes>
} = <A, E>(
  list: ReadonlyArray<Outcome.Outcome<A, E>>,
  options?: MakeOptions<A, E> & { readonly shape?: unknown }
): GatherResult<A, E, never> => {
  let completed = 0
  let failed = 0
  let timedOut = 0
  let cancelled = 0
  for (let i = 0; i < list.length; i++) {
    switch (list[i]!._tag) {
      case "Completed":
        completed++
        break
      case "Failed":
        failed++
        break
      case "TimedOut":
        timedOut++
        break
      case "Cancelled":
        cancelled++
        break
    }
  }
  const total = list.length
  // A result equals itself alone. Effect hashes errors and annotations when it combines causes (an interruption while a call fails is enough), and a walk through all that a
  // result reaches took ten seconds for fifteen tasks.
  return Equal.byReferenceUnsafe(
    Object.freeze({
      outcomes: (options?.shape ?? list) as never,
      total,
      completed,
      failed,
      timedOut,
      cancelled,
      notStarted: total - completed - failed - timedOut - cancelled,
      elapsed: options?.elapsed ?? Duration.zero,
      allSucceeded: completed === total,
      successRate: total === 0 ? 0 : completed / total,
      exhausted: options?.exhausted ?? true,
      stopped: options?.stopped,
      abandoned: options?.abandoned ?? [],
      list
    })
  )
}

/**
 * What a result knows beside its outcomes.
 *
 * @category models
 * @since 0.1.0
 */
export interface MakeOptions<A, E> {
  readonly elapsed?: Duration.Duration | undefined
  /** @default true */
  readonly exhausted?: boolean | undefined
  /** @default undefined */
  readonly stopped?: Outcome.Reason | undefined
  readonly abandoned?: ReadonlyArray<Abandoned<A, E>> | undefined
}

/**
 * Gives the values of the completed tasks, in input order.
 *
 * @category getters
 * @since 0.1.0
 */
export const values = <A, E>(self: GatherResult<A, E, unknown>): Array<A> => {
  const out: Array<A> = []
  for (const outcome of self.list) if (outcome._tag === "Completed") out.push(outcome.value)
  return out
}

/**
 * Gives every failure of a result, in input order: of tasks that failed, and of tasks that failed while they were being stopped. Plain interruptions are no failures. Each cause appears
 * once.
 *
 * @category getters
 * @since 0.1.0
 */
export const errors = <A, E>(self: GatherResult<A, E, unknown>): Array<TaskError<E>> => {
  const out: Array<TaskError<E>> = []
  for (const outcome of self.list) {
    const cause = Outcome.cause(outcome)
    if (cause === undefined) continue
    if (outcome._tag === "Failed" || (!Cause.hasInterruptsOnly(cause) && cause.reasons.length > 0)) {
      out.push({ index: outcome.index, name: outcome.name, cause })
    }
  }
  return out
}

/**
 * Demands that everything completed: gives all values in the shape of the input, or fails with `GatherIncomplete`, which holds the whole result.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toEffect = <A, E, Outcomes>(self: GatherResult<A, E, Outcomes>): Effect.Effect<Values<Outcomes>, GatherIncomplete<A, E>> => {
  if (!self.allSucceeded) return Effect.fail(new GatherIncomplete({ result: self }))
  if (Array.isArray(self.outcomes)) return Effect.succeed(values(self) as never)
  const shape = self.outcomes as Readonly<Record<string, Outcome.Completed<A>>>
  const out: Record<string, A> = {}
  for (const key of Object.keys(shape)) define(out, key, shape[key]!.value)
  return Effect.succeed(out as never)
}

/** A key such as `__proto__` must become an own property like any other. */
const define = (target: object, key: string, value: unknown): void => {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
}

const Partial = Context.Reference<GatherResult<unknown, unknown, unknown> | undefined>("@skein/core/GatherResult/partial", {
  defaultValue: () => undefined
})

/**
 * Attaches a result to each reason of a cause, so that a call can fail with one typed error and still hand over all it had.
 *
 * @category causes
 * @since 0.1.0
 */
export const annotateCause = <E>(cause: Cause.Cause<E>, result: GatherResult<unknown, unknown, unknown>): Cause.Cause<E> =>
  Cause.annotate(cause, Context.make(Partial, result) as Context.Context<never>, { overwrite: true })

/**
 * Reads the partial result that rides on the cause of a call that failed fast; `undefined` if there is none.
 *
 * **Example** (Keeping what finished before one task failed)
 *
 * ```ts
 * import { GatherResult, Outcome } from "@skein/core"
 * import * as Cause from "effect/Cause"
 *
 * const partial = GatherResult.make([new Outcome.Completed({ index: 0, attempts: 1 }, "kept", false)])
 * const cause = GatherResult.annotateCause(Cause.fail("one task failed"), partial)
 * console.log(GatherResult.fromCause(cause)?.completed) // => 1
 * ```
 *
 * @category causes
 * @since 0.1.0
 */
export const fromCause = <E>(cause: Cause.Cause<E>): GatherResult<unknown, unknown> | undefined => {
  for (const reason of cause.reasons) {
    const found = reason.annotations.get(Partial.key)
    if (found !== undefined) return found as GatherResult<unknown, unknown>
  }
  return undefined
}

/**
 * Reduces the cause of a failed task to exactly one typed failure, the original (law 5). A task that only died keeps its defects.
 *
 * @category causes
 * @since 0.1.0
 */
export const firstError = <E>(cause: Cause.Cause<E>): Cause.Cause<E> => {
  const fail = cause.reasons.find(Cause.isFailReason)
  return Cause.fromReasons(fail === undefined ? cause.reasons.filter(Cause.isDieReason) : [fail])
}

/**
 * Says in one line how many tasks ended how, and names the first that did not complete.
 *
 * @category formatting
 * @since 0.1.0
 */
export const summarize = (self: GatherResult<unknown, unknown, unknown>): string => {
  const parts = [
    [self.completed, "completed"],
    [self.failed, "failed"],
    [self.timedOut, "timed out"],
    [self.cancelled, "cancelled"],
    [self.notStarted, "not started"]
  ] as const
  const counts = parts
    .filter(([n]) => n > 0)
    .map(([n, what]) => `${n} ${what}`)
    .join(", ")
  const first = self.list.find((outcome) => outcome._tag !== "Completed")
  const detail =
    first === undefined ? "" : `; first: task ${first.index}${first.name === undefined ? "" : ` "${first.name}"`} ${detailOf(first)}`
  return `${self.completed} of ${self.total} tasks completed${counts === "" ? "" : ` (${counts})`}${detail}`
}

const detailOf = (outcome: Outcome.Outcome<unknown, unknown>): string => {
  switch (outcome._tag) {
    case "Completed":
      return "completed"
    case "Failed":
      return `failed: ${firstLine(outcome.cause)}`
    case "TimedOut":
      return `hit the ${outcome.limit} limit of ${Duration.format(outcome.after)}`
    case "Cancelled":
      return `was cancelled: ${Outcome.formatReason(outcome.reason)}`
    case "NotStarted":
      return `never started: ${Outcome.formatReason(outcome.reason)}`
  }
}

const firstLine = (cause: Cause.Cause<unknown>): string => Cause.pretty(cause).split("\n", 1)[0]!
