/**
 * One call of a gather: keeps one outcome for each item, and decides what the call returns.
 */
import * as GatherResult from "@skein/core/GatherResult"
import type * as Outcome from "@skein/core/Outcome"
import * as TaskPump from "@skein/core/TaskPump"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { GatherTimeout } from "../Options.ts"
import type { Plan } from "./gatherPlan.ts"
import { Gather, type Work } from "./gatherPump.ts"

export { type Plan, plan } from "./gatherPlan.ts"
export type { Work } from "./gatherPump.ts"

/** Runs a gather in the calling fiber. */
export const run = <T, A, E>(plan: Plan, work: Work<T, A, E>): Effect.Effect<any, any, any> =>
  Effect.withFiber((owner) =>
    Effect.callback((resume) => {
      const gather = new ListGather<T, A, E>(owner, plan, work)
      gather.answerTo(resume)
      return gather.interrupt
    })
  )

/** Keeps all outcomes and answers with a result. */
export class ListGather<T, A, E> extends Gather<T, A, E> {
  private readonly shape: Work<T, A, E>["shape"]
  protected readonly list: Array<Outcome.Outcome<A, E>> = []
  /** Items that were abandoned. */
  protected readonly left: Array<GatherResult.Abandoned<A, E>> = []
  private resume: ((effect: Effect.Effect<any, any>) => void) | undefined
  private interrupted = false
  private endWait: (() => void) | undefined

  constructor(owner: Fiber.Fiber<any, any>, plan: Plan, work: Work<T, A, E>) {
    super(owner, plan, work)
    this.shape = work.shape
  }

  answerTo(resume: (effect: Effect.Effect<any, any>) => void): void {
    this.resume = resume
    this.start()
  }

  protected override onOpen(): void {
    this.endWait = this.ownerWaits(`the tasks of ${this.callName}`)
  }

  readonly interrupt: Effect.Effect<void> = Effect.callback<void>((done) => {
    if (this.resume === undefined) return done(Effect.void)
    this.interrupted = true
    this.resume = done as (effect: Effect.Effect<any, any>) => void
    this.stop({ reason: { _tag: "CallerInterrupted", because: this.because() } }, false)
  })

  protected override keep(outcome: Outcome.Outcome<A, E>): void {
    this.list[outcome.index] = outcome
  }

  protected override onAbandoned(task: TaskPump.Task<A, E>): void {
    this.left.push({ index: task.index, name: task.name, await: TaskPump.awaitEnd(task) })
  }

  /** Called once everything has ended, before the answer. */
  protected onFinish(): void {}

  protected finish(): void {
    this.endWait?.()
    this.onFinish()
    const resume = this.resume!
    this.resume = undefined
    resume(this.answer())
  }

  private answer(): Effect.Effect<any, any> {
    const { endedBy, interrupted, list, size } = this
    if (size !== undefined && endedBy !== undefined) {
      for (let index = this.pulled; index < size; index++) list[index] = this.neverPulled(index, endedBy)
    }
    const result = GatherResult.make<A, E, unknown>(list, {
      elapsed: Duration.millis(this.now() - this.startedAt),
      exhausted: this.source.done || (size !== undefined && list.length >= size),
      stopped: endedBy?.reason,
      abandoned: this.left.sort((a, b) => a.index - b.index),
      shape: this.shape === undefined ? list : this.shape(list)
    })
    const failure = this.typedFailureOf(result)
    const problem = this.problemFor(failure)
    if (problem !== undefined) {
      const cause = this.sourceFailure(problem, result)
      if (!interrupted || !problem.typed) return Effect.failCause(cause)
      // Nobody is there to take a typed failure. A defect joins the interruption.
      this.warn("its source failed when the call was interrupted", cause)
    }
    if (interrupted) return this.untold(result)
    return failure === undefined ? Effect.succeed(result) : Effect.failCause(failure)
  }

  /** As in plain Effect: what cleanup failed with joins the interruption, for nobody gets the outcomes. */
  private untold(result: GatherResult.GatherResult<A, E, unknown>): Effect.Effect<void, E> {
    const reasons = result.list.flatMap((outcome) =>
      outcome._tag === "Cancelled" && outcome.reason === this.stopped?.reason
        ? outcome.cause.reasons.filter((reason) => reason._tag !== "Interrupt")
        : []
    )
    return reasons.length === 0 ? Effect.void : Effect.failCause(GatherResult.annotateCause(Cause.fromReasons(reasons), result))
  }

  private typedFailureOf(result: GatherResult.GatherResult<A, E, unknown>): Cause.Cause<unknown> | undefined {
    const { endedBy, firstFailure, plan } = this
    if (firstFailure !== undefined) return GatherResult.annotateCause(GatherResult.firstError(firstFailure.cause), result)
    const late = endedBy?.limit === "call" || endedBy?.limit === "deadline"
    if (plan.onTimeout === "fail" && late && !(result.allSucceeded && result.exhausted)) return Cause.fail(new GatherTimeout({ result }))
    return undefined
  }
}
