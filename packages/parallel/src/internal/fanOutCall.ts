/** One call of a fan-out: stands between the gather, which runs the tasks, and the joiner's state. */
import * as GatherResult from "@skein/core/GatherResult"
import type * as Outcome from "@skein/core/Outcome"
import * as Settings from "@skein/core/Settings"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Fold, Joiner } from "../Joiner.ts"
import { type Options, SourceFailed } from "../Options.ts"
import * as gather from "./gather.ts"
import { Halt } from "./gatherPlan.ts"
import type { Input } from "./source.ts"
import { identity, ofEffects } from "./work.ts"

type AnyEffect = Effect.Effect<any, any, any>

/** What a fan-out was given, as it was checked. */
export interface Call {
  readonly effects: Input<AnyEffect>
  readonly joiner: Joiner<unknown, unknown, unknown, unknown>
}

/** Checks what is to be joined and how; what is wrong throws at once. */
export const read = (where: string, effects: unknown, joiner: unknown): Call => {
  const input = ofEffects(where, effects)
  if (typeof joiner !== "function") throw new TypeError(Settings.mustBe(where, "joiner", "a Joiner", joiner).message)
  return { effects: input, joiner: joiner as Call["joiner"] }
}

/** Reads the options; wrong ones throw at once. */
export const plan = (where: string, options: object | undefined): gather.Plan => {
  const given = (options ?? {}) as Options<never, never>
  for (const option of ["onFailure", "onTimeout"] as const) {
    if (given[option] !== undefined) throw Settings.mustBe(where, option, "left out, for the joiner decides that", given[option])
  }
  return gather.plan(where, options)
}

export const run = (plan: gather.Plan, call: Call): AnyEffect => new FanOut(plan, call).run

/** Whether an outcome tells that the whole call is being stopped. */
const isStopping = (outcome: Outcome.Outcome<unknown, unknown>): boolean =>
  outcome._tag === "NotStarted" ||
  (outcome._tag === "TimedOut" && (outcome.limit === "call" || outcome.limit === "deadline")) ||
  (outcome._tag === "Cancelled" && outcome.reason._tag !== "Interrupted")

class FanOut {
  private readonly plan: gather.Plan
  private readonly effects: Input<AnyEffect>
  private readonly joiner: Call["joiner"]
  private readonly halt = new Halt()
  private fold: Fold<unknown, unknown, unknown, unknown> | undefined
  /** How many inputs there are; `Infinity` while that is not known. */
  private total: number
  private settled = 0
  /** The joiner has decided, or thrown. */
  private over = false
  private broken: { readonly defect: unknown } | undefined

  constructor(plan: gather.Plan, { effects, joiner }: Call) {
    this.plan = plan
    this.joiner = joiner
    this.effects = effects
    this.total = Array.isArray(effects) ? effects.length : effects instanceof Set || effects instanceof Map ? effects.size : Infinity
  }

  get run(): AnyEffect {
    const { plan } = this
    const { where } = plan
    this.ask(() => {
      const fold: unknown = (this.fold = this.joiner({ total: this.total }))
      // `Joiner.first` in the place of `Joiner.first()`.
      if (typeof fold === "function") throw new TypeError(Settings.mustBe(where, "joiner", "a Joiner", this.joiner).message)
      return false
    })
    const { onOutcome } = plan
    const observed: gather.Plan = {
      ...plan,
      halts: [...(plan.halts ?? []), this.halt],
      onOutcome: (outcome) => {
        // The user's observer comes first: a decision may end other tasks at once, and their outcomes come after this one. What it throws or gives is the gather's to deal with (law 13).
        try {
          return onOutcome?.(outcome)
        } finally {
          this.settled++
          this.ask(() => this.fold!.onOutcome(outcome), isStopping(outcome))
        }
      }
    }
    const work: gather.Work<AnyEffect, unknown, unknown> = {
      items: this.effects,
      f: identity,
      onExhausted: (pulled) => {
        // Of an input of unknown size it is known now how many are left: a quorum may be out of reach from here on.
        this.total = pulled
        this.ask(() => false)
      }
    }
    return Effect.matchCauseEffect(gather.run(observed, work), {
      onFailure: (cause) => this.unanswered(cause),
      onSuccess: (result: GatherResult.GatherResult<unknown, unknown>) => this.answer(result)
    })
  }

  /**
   * Lets the joiner judge. Whatever it decides, and whatever it throws, stops the rest in this very turn: before the gather can start another task. A call that is being stopped already keeps the reason it has, and
   * inner calls their chance to answer a deadline.
   */
  private ask(decides: () => boolean, stopping = false): void {
    if (this.over) return
    const left = this.total - this.settled
    try {
      if (!decides() && this.fold!.isPossible(left)) return
    } catch (defect) {
      this.broken = { defect }
    }
    this.over = true
    if (left > 0 && !stopping) this.halt.ask({ _tag: "Decided", value: this.broken?.defect })
  }

  /**
   * The gather fails only as its source does. An answer that was decided stands, whatever the source does then, and its failure is logged; a defect is a bug, and must not be hidden by an answer. Without a decision there is
   * no answer to be had: the joiner was not shown what the source failed to give.
   */
  private unanswered(cause: Cause.Cause<unknown>): AnyEffect {
    const { broken, over, plan } = this
    if (broken !== undefined) return Effect.failCause(Cause.combine(Cause.die(broken.defect), cause))
    const failed = over ? cause.reasons.find(Cause.isFailReason)?.error : undefined
    if (!(failed instanceof SourceFailed)) return Effect.failCause(cause)
    const said = `skein: ${plan.settings.name ?? plan.where}: its source failed, and its joiner had decided`
    return Effect.andThen(Effect.logWarning(said, cause), this.answer(failed.partial as GatherResult.GatherResult<unknown, unknown>))
  }

  private answer(result: GatherResult.GatherResult<unknown, unknown>): AnyEffect {
    const answer = Effect.suspend(() => {
      if (this.broken !== undefined) throw this.broken.defect
      const answer: unknown = this.fold!.onEnd(result)
      if (!Effect.isEffect(answer))
        throw new TypeError(Settings.mustBe(this.plan.where, "what the joiner's onEnd gives", "an Effect", answer).message)
      return answer as AnyEffect
    })
    return Effect.catchCause(answer, (cause) => Effect.failCause(GatherResult.annotateCause(cause, result)))
  }
}
