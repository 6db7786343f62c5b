/** Says outcomes and results of the engine in plain objects. Lists are made when they are first read: a caller who wants values alone pays for no more. */
import type * as Core from "@skein/core/Outcome"
import * as CoreOutcome from "@skein/core/Outcome"
import * as TaskPump from "@skein/core/TaskPump"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { TaskStopped } from "./promiseErrors.ts"
import { skip, stop } from "./promiseMarks.ts"
import type { Abandoned, GatherResult, Outcome, Reason, TaskError } from "./promiseTypes.ts"

export type CoreOutcomeOf<A> = Core.Outcome<A, unknown>

const between = (from: number | undefined, to: number | undefined): number | undefined =>
  from === undefined || to === undefined ? undefined : Math.max(0, to - from)

export const reasonOf = (reason: Core.Reason): Reason => {
  const { after, because, ...rest } = reason
  return {
    ...rest,
    ...(after === undefined ? undefined : { after: Duration.toMillis(after) }),
    ...(because === undefined ? undefined : { because: reasonOf(because) })
  }
}

/** The error that says why a task was asked to stop: the caller's own reason where there is one. */
export const stopError = (cut: TaskPump.Cut, started: boolean): unknown => {
  if (cut.reason._tag === "Aborted" || cut.reason._tag === "Requested") return cut.reason.value
  return new TaskStopped(CoreOutcome.formatReason(cut.reason), reasonOf(cut.reason), cut.limit, started)
}

/** What a cause says beside interruptions: what was thrown. */
export const errorsOf = (cause: Cause.Cause<unknown>): Array<unknown> => {
  const errors: Array<unknown> = []
  for (const reason of cause.reasons) {
    if (Cause.isFailReason(reason)) errors.push(reason.error)
    else if (Cause.isDieReason(reason)) errors.push(reason.defect)
  }
  return errors
}

const none: ReadonlyArray<never> = []

const isMark = (value: unknown): boolean => value === skip || value === stop

export const outcomeOf = <A>(outcome: CoreOutcomeOf<A>): Outcome<A> => {
  const { attemptCauses, endedAt, queuedAt, startedAt } = outcome
  const info = {
    index: outcome.index,
    name: outcome.name,
    attempts: outcome.attempts,
    attemptErrors: attemptCauses.length === 0 ? none : attemptCauses.flatMap(errorsOf),
    abandoned: outcome.abandoned,
    queuedAt,
    startedAt,
    endedAt,
    queuedFor: between(queuedAt, startedAt ?? endedAt),
    ranFor: between(startedAt, endedAt)
  }
  switch (outcome._tag) {
    case "Completed":
      return isMark(outcome.value)
        ? { status: "skipped", late: outcome.late, ...info }
        : { status: "completed", value: outcome.value, late: outcome.late, ...info }
    case "Failed": {
      const [error, ...otherErrors] = errorsOf(outcome.cause)
      return { status: "failed", error, otherErrors, ...info }
    }
    case "TimedOut":
      return {
        status: "timeout",
        limit: outcome.limit,
        after: Duration.toMillis(outcome.after),
        ...errorIn(outcome.cause),
        ...info
      }
    case "Cancelled":
      return { status: "cancelled", reason: reasonOf(outcome.reason), ...errorIn(outcome.cause), ...info }
    case "NotStarted":
      return { status: "notStarted", reason: reasonOf(outcome.reason), ...info }
  }
}

const errorIn = (cause: Cause.Cause<unknown>): { readonly error?: unknown } => {
  const errors = errorsOf(cause)
  return errors.length === 0 ? {} : { error: errors[0] }
}

export interface ResultInfo {
  readonly elapsed: number
  readonly exhausted: boolean
  readonly stopped: Core.Reason | undefined
  readonly stoppedAt: number | undefined
  readonly left: ReadonlyArray<TaskPump.Task<any, unknown>>
  /** Names of the outcomes where the input was a record. */
  readonly keys?: ReadonlyArray<string> | undefined
}

/** The result of one call. What it is read from never changes. */
export class Result<A> implements GatherResult<A, any, any> {
  readonly total: number
  readonly completed: number
  readonly skipped: number
  readonly failed: number
  readonly timedOut: number
  readonly cancelled: number
  readonly notStarted: number
  readonly elapsed: number
  readonly exhausted: boolean
  readonly stopped: Reason | undefined
  readonly stoppedAt: number | undefined
  readonly abandoned: ReadonlyArray<Abandoned<A>>
  readonly #outcomes: ReadonlyArray<CoreOutcomeOf<A>>
  readonly #keys: ReadonlyArray<string> | undefined
  #list: ReadonlyArray<Outcome<A>> | undefined
  #shaped: unknown
  #values: unknown
  #errors: ReadonlyArray<TaskError> | undefined

  constructor(outcomes: ReadonlyArray<CoreOutcomeOf<A>>, info: ResultInfo) {
    const counts = { Completed: 0, Failed: 0, TimedOut: 0, Cancelled: 0, NotStarted: 0 }
    let skipped = 0
    for (let i = 0; i < outcomes.length; i++) {
      const outcome = outcomes[i]!
      counts[outcome._tag]++
      if (outcome._tag === "Completed" && isMark(outcome.value)) skipped++
    }
    this.#outcomes = outcomes
    this.#keys = info.keys
    this.total = outcomes.length
    this.completed = counts.Completed - skipped
    this.skipped = skipped
    this.failed = counts.Failed
    this.timedOut = counts.TimedOut
    this.cancelled = counts.Cancelled
    this.notStarted = counts.NotStarted
    this.elapsed = info.elapsed
    this.exhausted = info.exhausted
    this.stopped = info.stopped === undefined ? undefined : reasonOf(info.stopped)
    this.stoppedAt = info.stoppedAt
    this.abandoned = Object.freeze(info.left.map((task) => new Left<A>(task)))
    Object.freeze(this)
  }

  get allSucceeded(): boolean {
    return this.completed + this.skipped === this.total
  }

  get successRate(): number {
    return this.total === 0 ? 0 : this.completed / this.total
  }

  get list(): ReadonlyArray<Outcome<A>> {
    return (this.#list ??= Object.freeze(this.#outcomes.map(outcomeOf)))
  }

  get outcomes(): any {
    if (this.#keys === undefined) return this.list
    return (this.#shaped ??= this.#record(this.list, () => true))
  }

  get values(): any {
    return (this.#values ??= this.#keys === undefined ? this.#valueList() : this.#valueRecord())
  }

  #valueList(): ReadonlyArray<A> {
    const outcomes = this.#outcomes
    const end = this.stoppedAt ?? outcomes.length
    const values: Array<A> = []
    for (let i = 0; i < end; i++) {
      const outcome = outcomes[i]!
      if (outcome._tag === "Completed" && !isMark(outcome.value)) values.push(outcome.value)
    }
    return Object.freeze(values)
  }

  #valueRecord(): object {
    const end = this.stoppedAt ?? this.total
    const values = this.#outcomes.map((outcome) => (outcome._tag === "Completed" ? outcome.value : undefined))
    return this.#record(values, (i) => {
      const outcome = this.#outcomes[i]!
      return i < end && outcome._tag === "Completed" && !isMark(outcome.value)
    })
  }

  /** `defineProperty`, so that a key such as `__proto__` is a key like any other. */
  #record(list: ReadonlyArray<unknown>, has: (i: number) => boolean): object {
    const record = {}
    this.#keys!.forEach((key, i) => {
      if (has(i)) Object.defineProperty(record, key, { value: list[i], enumerable: true, configurable: true, writable: true })
    })
    return Object.freeze(record)
  }

  get errors(): ReadonlyArray<TaskError> {
    return (this.#errors ??= Object.freeze(
      this.#outcomes.flatMap((outcome) => {
        if (outcome._tag === "Completed" || outcome._tag === "NotStarted") return []
        const { index, name } = outcome
        return errorsOf(outcome.cause).map((error) => ({ index, name, error }))
      })
    ))
  }

  toJSON(): object {
    const { cancelled, completed, elapsed, exhausted, failed, notStarted, outcomes, skipped, stopped, stoppedAt, timedOut, total } = this
    const abandoned = this.abandoned.map(({ index, name }) => ({ index, name }))
    const counts = { total, completed, skipped, failed, timedOut, cancelled, notStarted }
    return { outcomes, ...counts, elapsed, exhausted, stopped, stoppedAt, abandoned }
  }

  [Symbol.for("nodejs.util.inspect.custom")](): object {
    return { ...this.toJSON(), values: this.values, errors: this.errors }
  }
}

class Left<A> implements Abandoned<A> {
  readonly index: number
  readonly name: string | undefined
  readonly #await: Effect.Effect<Exit.Exit<A, unknown>>
  #ended: Promise<PromiseSettledResult<A>> | undefined
  constructor(task: TaskPump.Task<A, unknown>) {
    this.index = task.index
    this.name = task.name
    // At once: the end may come before anybody asks.
    this.#await = TaskPump.awaitEnd(task)
  }
  get ended(): Promise<PromiseSettledResult<A>> {
    return (this.#ended ??= Effect.runPromise(
      Effect.map(this.#await, (exit): PromiseSettledResult<A> =>
        Exit.isSuccess(exit) ? { status: "fulfilled", value: exit.value } : { status: "rejected", reason: errorsOf(exit.cause)[0] }
      )
    ))
  }
}
