/** A recurrence whose ticks are the edges of a condition. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Condition from "../../Condition.ts"
import type { Shared } from "./options.ts"
import { type Around, type Fault, Recurrence } from "./recurrence.ts"

export interface EdgeSettings extends Shared {
  readonly when: Condition.Condition
  readonly initially: "edge" | "level"
}

export type EdgeFault = Fault | { readonly _tag: "ConditionFailed"; readonly error: Condition.ConditionError }

export class Edges<F> extends Recurrence<F> {
  protected override readonly settings: EdgeSettings
  protected readonly save = Effect.void
  /** The condition cannot change any more. */
  protected isOver = false
  private isFirst = true
  private readonly faultOf: (fault: EdgeFault) => F

  constructor(around: Around, settings: EdgeSettings, faultOf: (fault: EdgeFault) => F) {
    super(around, settings)
    this.settings = settings
    this.faultOf = faultOf
  }

  protected fault(fault: Fault): F {
    return this.faultOf(fault)
  }

  protected get begin(): Effect.Effect<void> {
    const seen = Stream.runForEach(Condition.changes(this.settings.when), (truth) => Effect.sync(() => this.see(truth)))
    return Effect.map(Effect.forkChild(seen, { startImmediately: true }), (fiber) => {
      fiber.addObserver((exit) => {
        if (Exit.isSuccess(exit)) this.isOver = true
        else if (Cause.hasInterruptsOnly(exit.cause)) this.end({ by: "scope", running: "drain" })
        else {
          const cause = Cause.map(exit.cause, (error) => this.faultOf({ _tag: "ConditionFailed", error }))
          this.end({ by: "error", running: "drain", cause })
        }
        this.wake()
      })
    })
  }

  private see(truth: boolean): void {
    const counts = truth && !(this.isFirst && this.settings.initially === "edge")
    this.isFirst = false
    if (!counts || !this.isListening) return
    this.arrive([this.tickAt(this.alarms.now(), "edge")], 0)
    this.tell()
    this.wake()
  }

  protected collect(): void {}
  protected pass(): void {}
  protected forget(): void {}
  protected wakesAt(): number {
    return Infinity
  }
  protected next(): undefined {
    return undefined
  }
}
