/**
 * One task of an agent's gather: what it is, what became of it, and the effect that runs it.
 */
import * as Deadline from "@skein/core/Deadline"
import * as Outcome from "@skein/core/Outcome"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Report } from "../AgentGather.ts"

export interface Given {
  readonly id: string
  readonly path: string
  readonly agent: string | undefined
  readonly run: Effect.Effect<any, any, any>
  readonly index: number
}

export class Entry {
  readonly id: string
  readonly path: string
  readonly agent: string | undefined
  readonly run: Effect.Effect<any, any, any>
  readonly index: number
  /** Asks it alone to stop. */
  readonly stop = new AbortController()
  /** Why `stop` was used. */
  private cut: Outcome.Reason | undefined
  /** What makes it the same as another one; `undefined` where it cannot be told. */
  key: string | undefined
  /** What makes it the same in another run; `undefined` where it is not kept. */
  identity: string | undefined
  /** The keys of what is kept for gathers inside of it begin with this; `undefined` if nothing is kept. */
  scope: string | undefined
  /** Its turn has come: from now on it is settled by who runs it. */
  started = false
  outcome: Outcome.Outcome<any, any> | undefined
  resumed = false
  kept = false
  /** Why a finished task is not kept for another run, where one was asked for. */
  problem: string | undefined
  /** The value of an attempt that has ended, as soon as there is one. */
  held: { readonly value: unknown } | undefined
  /** The tasks of gathers inside of it that did not finish. */
  readonly missing = new Set<string | symbol>()
  /** How many times gathers inside of it have asked for the same task. */
  readonly asked = new Map<string, number>()
  report: Report<any, any> | undefined
  private readonly waiters = new Set<(report: Report<any, any>) => void>()

  constructor({ agent, id, index, path, run }: Given) {
    this.id = id
    this.path = path
    this.agent = agent
    this.run = run
    this.index = index
  }

  /** What an attempt before has asked for does not count. */
  beforeAttempt(): void {
    this.held = undefined
    this.missing.clear()
    this.asked.clear()
  }

  /** Takes the outcome as the engine tells it: there it is the only task of its call, and was stopped by a signal that is nobody's business. */
  heard(outcome: Outcome.Outcome<any, any>): void {
    const { cut, held } = this
    const about: Outcome.Info = {
      index: this.index,
      name: this.id,
      attempts: outcome.attempts,
      attemptCauses: outcome.attemptCauses,
      queuedAt: outcome.queuedAt,
      startedAt: outcome.startedAt,
      endedAt: outcome.endedAt,
      abandoned: outcome.abandoned
    }
    const mine = (reason: Outcome.Reason): Outcome.Reason => (reason._tag === "Aborted" && cut !== undefined ? cut : reason)
    // It was asked to stop when it had its value and was on its way out.
    if (held !== undefined && outcome._tag !== "Completed") {
      this.outcome = new Outcome.Completed(about, held.value, true)
      return
    }
    this.outcome = Outcome.match<any, any, Outcome.Outcome<any, any>>(outcome, {
      onCompleted: ({ late, value }) => new Outcome.Completed(about, value, late),
      onFailed: ({ cause }) => new Outcome.Failed(about, cause),
      onTimedOut: ({ after, cause, limit }) => new Outcome.TimedOut(about, limit, after, cause),
      onCancelled: ({ cause, reason }) => new Outcome.Cancelled(about, mine(reason), cause),
      onNotStarted: ({ reason }) => new Outcome.NotStarted(about, mine(reason))
    })
  }

  /** Gives it the outcome of a task that nobody ran in this run. */
  never(reason: Outcome.Reason): void {
    this.outcome ??= new Outcome.NotStarted({ index: this.index, name: this.id, attempts: 0 }, reason)
  }

  /** Takes the value of an earlier run, unless it was cancelled while that was looked for. */
  resume(value: unknown): void {
    if (this.outcome !== undefined) return
    this.outcome = new Outcome.Completed({ index: this.index, name: this.id, attempts: 0 }, value, false)
    this.resumed = true
    this.kept = true
  }

  /** Asks it to stop; says whether that settles it at once. */
  cancel(reason: Outcome.Reason): boolean {
    if (this.report !== undefined || this.cut !== undefined) return false
    this.cut = reason
    if (this.started || this.outcome !== undefined) {
      this.stop.abort(reason.value)
      return false
    }
    this.never(reason)
    return true
  }

  /** Says for good how it ended. */
  settle(report: Report<any, any>): void {
    if (this.report !== undefined) return
    this.report = report
    for (const wake of this.waiters) wake(report)
    this.waiters.clear()
  }

  readonly awaitReport: Effect.Effect<Report<any, any>> = Effect.callback((resume) => {
    if (this.report !== undefined) return resume(Effect.succeed(this.report))
    const wake = (report: Report<any, any>): void => resume(Effect.succeed(report))
    this.waiters.add(wake)
    return Effect.sync(() => void this.waiters.delete(wake))
  })
}

/**
 * Runs an attempt of a task in a fiber of its own, while the fiber that holds the permit does nothing but wait for it: so its seat may be lent to whatever asks for a permit inside, by whatever way the agent waits for
 * that. Frameworks wait through queues and promises, which the limiter cannot see, and a tree of such agents would hang as soon as all permits were held by agents that wait. `Deadline.within` without a limit is that wait.
 */
export const attemptOf = (
  entry: Entry,
  provide: (attempt: Effect.Effect<any, any, any>) => Effect.Effect<any, any, any>
): Effect.Effect<any, any, any> =>
  Effect.suspend(() => {
    let entered = false
    entry.beforeAttempt()
    // A value is noted where it arises: what asks the task to stop after that comes too late (law 9). By a finalizer, and not by a step that follows: a region that cannot be interrupted keeps its value only if nothing
    // comes after it. And by the innermost one: between two frames a fiber may yield, and be interrupted.
    const inside = Effect.onExitPrimitive(
      Effect.suspend(() => {
        entered = true
        return entry.run
      }),
      (exit) => {
        if (exit._tag === "Success") entry.held = { value: exit.value }
        return undefined
      }
    )
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.exit(restore(Deadline.within(provide(inside), "Infinity"))), (exit) => {
        if (entry.held !== undefined) return Effect.succeed(entry.held.value)
        const ended = exit as Exit.Failure<never, any>
        return entered ? ended : restore(neverBegun(ended))
      })
    )
  })

/** A limit was over before the first step: whoever keeps that limit is about to ask for the stop, and says which one it was. */
const neverBegun = (exit: Exit.Failure<never, any>): Effect.Effect<never, any> =>
  exit.cause.reasons.some((reason) => reason._tag === "Fail") ? Effect.never : exit
