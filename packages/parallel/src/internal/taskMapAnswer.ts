/** Keeps the outcomes of a bulk call, and answers with its result: as a gather does whose tasks are its items. */
import * as GatherResult from "@skein/core/GatherResult"
import type * as Outcome from "@skein/core/Outcome"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { GatherTimeout } from "../Options.ts"
import type { Plan } from "./gatherPlan.ts"
import { Gather, type Work } from "./gatherPump.ts"

export abstract class ItemGather extends Gather<unknown, unknown, unknown> {
  private readonly list: Array<Outcome.Outcome<unknown, unknown>> = []
  /** Items that were abandoned. */
  protected readonly left: Array<GatherResult.Abandoned<unknown, unknown>> = []
  private resume: ((effect: Effect.Effect<any, any>) => void) | undefined
  private interrupted = false
  private endWait: (() => void) | undefined

  constructor(owner: Fiber.Fiber<any, any>, plan: Plan, work: Work<unknown, unknown, unknown>) {
    super(owner, plan, work)
    // Chunks end in any order. An array always has all of its outcomes in the end.
    if (Array.isArray(work.items) && work.items.length < 2 ** 24) this.list.length = work.items.length
  }

  /** Everything has ended. */
  protected abstract onFinish(): void

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

  protected override keep(outcome: Outcome.Outcome<unknown, unknown>): void {
    this.list[outcome.index] = outcome
  }

  protected finish(): void {
    this.endWait?.()
    this.onFinish()
    const resume = this.resume!
    this.resume = undefined
    resume(this.result())
  }

  private result(): Effect.Effect<any, any> {
    const { endedBy, interrupted, list, size } = this
    if (size !== undefined && endedBy !== undefined) {
      for (let index = this.pulled; index < size; index++) list[index] = this.neverPulled(index, endedBy)
    }
    const result = GatherResult.make<unknown, unknown, unknown>(list, {
      elapsed: Duration.millis(this.now() - this.startedAt),
      exhausted: this.source.done || (size !== undefined && list.length >= size),
      stopped: endedBy?.reason,
      abandoned: this.left.sort((a, b) => a.index - b.index),
      shape: list
    })
    const failure = this.typedFailureOf(result)
    const problem = this.problemFor(failure)
    if (problem !== undefined) {
      const cause = this.sourceFailure(problem, result)
      if (!interrupted || !problem.typed) return Effect.failCause(cause)
      this.warn("its source failed when the call was interrupted", cause)
    }
    if (interrupted) return this.untold(result)
    return failure === undefined ? Effect.succeed(result) : Effect.failCause(failure)
  }

  private untold(result: GatherResult.GatherResult<unknown, unknown, unknown>): Effect.Effect<void, unknown> {
    const reasons = result.list.flatMap((outcome) =>
      outcome._tag === "Cancelled" && outcome.reason === this.stopped?.reason
        ? outcome.cause.reasons.filter((reason) => reason._tag !== "Interrupt")
        : []
    )
    return reasons.length === 0 ? Effect.void : Effect.failCause(GatherResult.annotateCause(Cause.fromReasons(reasons), result))
  }

  private typedFailureOf(result: GatherResult.GatherResult<unknown, unknown, unknown>): Cause.Cause<unknown> | undefined {
    const { endedBy, firstFailure, plan } = this
    if (firstFailure !== undefined) return GatherResult.annotateCause(GatherResult.firstError(firstFailure.cause), result)
    const late = endedBy?.limit === "call" || endedBy?.limit === "deadline"
    if (plan.onTimeout === "fail" && late && !(result.allSucceeded && result.exhausted)) return Cause.fail(new GatherTimeout({ result }))
    return undefined
  }
}
