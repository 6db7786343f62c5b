/** A call of `@skein/parallel/promise` that a joiner decides. */
import * as Settings from "@skein/core/Settings"
import type * as TaskPump from "@skein/core/TaskPump"
import type * as Fiber from "effect/Fiber"
import { isThenable } from "./promiseCall.ts"
import { remember } from "./promiseErrors.ts"
import { type Job, PromiseList } from "./promiseGather.ts"
import type { Fold, Joiner } from "./promiseJoiner.ts"
import type { CallPlan } from "./promiseOptions.ts"
import { outcomeOf, type Result } from "./promiseResult.ts"

/** Gives the class of a call that this joiner decides. */
export const joined = (joiner: Joiner<any, any>): typeof PromiseList =>
  class Joined extends PromiseList {
    private fold: Fold<any, any> | undefined
    private settled = 0
    /** How many inputs there are; `Infinity` while that is not known. */
    private expected = Infinity
    private over = false
    private broken: { readonly error: unknown } | undefined

    constructor(owner: Fiber.Fiber<any, any>, call: CallPlan, job: Job, resolve: (value: any) => void, reject: (error: unknown) => void) {
      super(owner, call, job, resolve, reject)
      if (this.size !== undefined) this.expected = this.size
    }

    protected override start(): void {
      try {
        const fold: unknown = (this.fold = joiner({ total: this.expected }))
        // `Joiner.first` in the place of `Joiner.first()`.
        if (typeof fold === "function") throw new TypeError(Settings.mustBe("fanOut", "joiner", "a joiner", joiner).message)
      } catch (error) {
        this.broken = { error }
      }
      super.start()
    }

    /** The first moment in which the call can be stopped, and before it starts anything. */
    protected override onOpen(): void {
      super.onOpen()
      this.ask(() => this.broken !== undefined)
    }

    protected override neverPulled(...args: Parameters<PromiseList["neverPulled"]>): ReturnType<PromiseList["neverPulled"]> {
      const outcome = super.neverPulled(...args)
      this.settled++
      this.ask(() => this.fold!.onOutcome(outcomeOf(outcome)))
      return outcome
    }

    protected override onSettled(task: TaskPump.Task<any, unknown>, outcome: Parameters<typeof outcomeOf>[0]): void {
      super.onSettled(task, outcome)
      this.settled++
      this.ask(() => this.fold!.onOutcome(outcomeOf(outcome)))
    }

    override fill(): void {
      // A source of unknown size tells how many are left when it ends.
      if (this.expected === Infinity && this.source.done) {
        this.expected = this.pulled
        this.ask(() => false)
      }
      super.fill()
    }

    /** Lets the joiner judge. Whatever it decides, and whatever it throws, stops the rest in this very turn. */
    private ask(decides: () => boolean): void {
      if (this.over || this.fold === undefined) return
      const left = this.expected - this.settled
      try {
        if (!decides() && this.fold!.isPossible(left)) return
      } catch (error) {
        this.broken = { error }
      }
      this.over = true
      if (left > 0 && this.stopped === undefined) this.stop({ reason: { _tag: "Decided", value: this.broken?.error } }, false)
    }

    protected override answer(result: Result<any>, resolve: (value: any) => void, reject: (error: unknown) => void): void {
      const failed = (error: unknown): void => {
        remember(error, result)
        reject(error)
      }
      if (this.broken !== undefined) return failed(this.broken.error)
      try {
        const answer: unknown = this.fold!.onEnd(result)
        if (isThenable(answer)) void Promise.resolve(answer).then(resolve, failed)
        else resolve(answer)
      } catch (error) {
        failed(error)
      }
    }
  }
