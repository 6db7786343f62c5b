/** The record of one task as it goes through a pump. */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Outcome from "../Outcome.ts"
import type { AttemptTimedOut } from "../Settings.ts"
import type { TaskNode } from "./lineage.ts"
import type { Driver } from "./retry.ts"
import type { Runner } from "./runner.ts"

/**
 * Why a task is asked to stop: with a `limit` it ends `TimedOut`, else `Cancelled`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cut {
  readonly reason: Outcome.Reason
  readonly limit?: Outcome.Limit | undefined
  /** Milliseconds, with `limit`. */
  readonly after?: number | undefined
}

/** An attempt that failed and may be followed by another; `timedOut` stands for it where the attempt's time was over. */
export interface FailedAttempt {
  readonly cause: Cause.Cause<unknown>
  readonly timedOut: AttemptTimedOut | undefined
}

/** The task shall be tried again after `delay` milliseconds. */
export class Again {
  readonly delay: number
  readonly cause: Cause.Cause<unknown>
  constructor(delay: number, cause: Cause.Cause<unknown>) {
    this.delay = delay
    this.cause = cause
  }
}

/**
 * One task and what has become of it so far.
 *
 * @category models
 * @since 0.1.0
 */
export class Task<A, E> {
  index = 0
  name: string | undefined = undefined
  /** The work, or what a subclass makes it from. */
  work: unknown = undefined
  /** The context to run in, where it is not the pump's. */
  context: Context.Context<never> | undefined = undefined
  node: TaskNode | undefined = undefined
  /** Its own limit in milliseconds, which stands in the place of the pump's `taskTimeout`; -1 for none. */
  timeout = -1
  /** When it was handed over and when it started, in microseconds since the pump was made: small integers, which need no object of their own. -1: not yet. */
  queued = -1
  started = -1
  attempts = 0
  attemptCauses: Array<Cause.Cause<unknown>> | undefined = undefined
  cut: Cut | undefined = undefined
  outcome: Outcome.Outcome<A, E> | undefined = undefined
  /** @internal */
  runner: Runner<A, E> | undefined = undefined
  abandoned = false
  /** @internal */
  driver: Driver | undefined = undefined
  /** @internal A failed attempt that waits for the decision to retry. */
  undecided: FailedAttempt | undefined = undefined
  onEnd: ((exit: Exit.Exit<A, E>) => void) | undefined = undefined

  /** Makes a spare fresh for the next item. */
  reset(index: number, work: unknown): this {
    this.index = index
    this.work = work
    this.timeout = -1
    this.queued = -1
    this.started = -1
    this.attempts = 0
    this.attemptCauses = undefined
    this.cut = undefined
    this.outcome = undefined
    this.abandoned = false
    this.driver = undefined
    return this
  }
}

/**
 * Waits for the real end of a task that was abandoned.
 *
 * @category combinators
 * @since 0.1.0
 */
export const awaitEnd = <A, E>(task: Task<A, E>): Effect.Effect<Exit.Exit<A, E>> => {
  let exit: Exit.Exit<A, E> | undefined
  const waiting = new Set<(exit: Exit.Exit<A, E>) => void>()
  task.onEnd = (end) => {
    exit = end
    for (const wake of waiting) wake(end)
    waiting.clear()
  }
  return Effect.callback<Exit.Exit<A, E>>((resume) => {
    if (exit !== undefined) return resume(Effect.succeed(exit))
    const wake = (end: Exit.Exit<A, E>): void => resume(Effect.succeed(end))
    waiting.add(wake)
    return Effect.sync(() => {
      waiting.delete(wake)
    })
  })
}
