/**
 * Runs effects at once and returns what a joiner makes of their outcomes, as soon as that is decided.
 *
 * The call owns every fiber it starts. When the joiner has decided, nothing more starts, what still runs is interrupted, and the call returns after the last cleanup, or when the `grace` is over.
 *
 * **When to use**
 *
 * Use where not every answer is needed, or where one answer is to be made of many: the first of three mirrors, two of three replicas, the best offer by the deadline. If you want all outcomes, use
 * `parallelGather`; `Joiner` lists what there is to choose from.
 *
 * **Details**
 *
 * Takes the options of `parallelGather` but `onFailure` and `onTimeout`: what failures and missing outcomes mean is for the joiner to say. After a `timeout`, a deadline or a `stop` the joiner is asked for its
 * answer with the outcomes there are. A task with `retry` has one outcome, that of its last attempt. Effects are pulled lazily, one when a place is free.
 *
 * **Guarantees**
 *
 * - Ownership: no task outlives the call, abandoned ones aside, which are listed in the result.
 * - Interruption: interrupting the call interrupts each running task once and waits for its cleanup; the joiner is not asked then.
 * - Failure: the call fails only as its joiner does. Whatever it fails with, `GatherResult.fromCause` reads the whole result from the cause. A joiner that throws is a defect, after everything was stopped and
 *   cleaned up.
 * - Order: the joiner sees outcomes in the order in which tasks end, each once, and none after it has decided. Its answer is computed in the calling fiber.
 * - Bounds: at most `concurrency` tasks run.
 * - Cost: that of `parallelGather`, and O(1) for each outcome.
 *
 * **Gotchas**
 *
 * A loser whose cleanup takes a minute makes the call take a minute. A `grace` bounds that.
 *
 * **Example** (Two of three replicas)
 *
 * ```ts
 * import { fanOut, Joiner } from "@skein/parallel"
 * import * as Effect from "effect/Effect"
 *
 * const replica = (name: string, millis: number) =>
 *   Effect.as(Effect.sleep(millis), name).pipe(Effect.onInterrupt(() => Effect.sync(() => console.log(`${name} stopped`)))) // => slow stopped, c stopped
 *
 * const written = fanOut([replica("slow", 5_000), replica("a", 20), replica("b", 5)], Joiner.quorum(2))
 * console.log(await Effect.runPromise(written)) // => [ 'b', 'a' ]
 *
 * const broken = fanOut([replica("c", 5_000), Effect.fail("disk full"), Effect.fail("no route")], Joiner.quorum(2))
 * const error = await Effect.runPromise(Effect.flip(broken))
 * console.log(error.joiner, error.reason._tag) // => quorum(2) TooFew
 * console.log(error.causes.map(({ index }) => index)) // => [ 1, 2 ]
 * ```
 *
 * @since 0.1.0
 */
import * as GatherResult from "@skein/core/GatherResult"
import type * as Outcome from "@skein/core/Outcome"
import * as Settings from "@skein/core/Settings"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as gather from "./internal/gather.ts"
import type { Fold, Joiner } from "./Joiner.ts"
import type { Options } from "./Options.ts"

/**
 * The options of a fan-out: those of a gather without what is for the joiner to say. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category options
 * @since 0.1.0
 */
export interface FanOutOptions<in A, in E> extends Omit<Options<A, E>, "onFailure" | "onTimeout"> {}

/**
 * Runs effects, at most `concurrency` at once, and returns what `joiner` makes of their outcomes.
 *
 * @throws RangeError if an option is wrong or unknown; TypeError if `effects` is not iterable or `joiner` not a joiner
 * @category combinators
 * @since 0.1.0
 */
export const fanOut = <Eff extends Effect.Effect<any, any, any>, B, E2>(
  effects: Iterable<Eff>,
  joiner: Joiner<Effect.Success<Eff>, Effect.Error<Eff>, B, E2>,
  options?: FanOutOptions<Effect.Success<NoInfer<Eff>>, Effect.Error<NoInfer<Eff>>>
): Effect.Effect<B, E2, Effect.Services<Eff>> => {
  const plan = planOf("fanOut", options)
  if (effects === null || effects === undefined || typeof effects[Symbol.iterator] !== "function" || Effect.isEffect(effects)) {
    throw new TypeError(Settings.mustBe("fanOut", "effects", "an iterable of effects", effects).message)
  }
  if (typeof joiner !== "function") throw new TypeError(Settings.mustBe("fanOut", "joiner", "a Joiner", joiner).message)
  return Effect.suspend(() => new FanOut(plan, effects, joiner).run)
}

/** @internal Reads the options; wrong ones throw at once. */
export const planOf = (where: string, options: FanOutOptions<never, never> | undefined): gather.Plan => {
  const given = (options ?? {}) as Options<never, never>
  for (const option of ["onFailure", "onTimeout"] as const) {
    if (given[option] !== undefined) throw Settings.mustBe(where, option, "left out, for the joiner decides that", given[option])
  }
  return gather.plan(where, options)
}

/**
 * @internal One `stop` for two who may end a call. An `AbortSignal` acts at once and keeps its reason; an effect acts when its fiber has been resumed.
 */
export const either = (stop: gather.Plan["stop"], own: AbortSignal): NonNullable<gather.Plan["stop"]> => {
  if (stop === undefined) return own
  return Effect.isEffect(stop) ? Effect.raceFirst(stop, aborted(own)) : AbortSignal.any([stop, own])
}

const aborted = (signal: AbortSignal): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const abort = (): void => resume(Effect.void)
    if (signal.aborted) return abort()
    signal.addEventListener("abort", abort, { once: true })
    return Effect.sync(() => signal.removeEventListener("abort", abort))
  })

const identity = (effect: Effect.Effect<any, any, any>): Effect.Effect<any, any, any> => effect

/** Whether an outcome tells that the whole call is being stopped. */
const isStopping = (outcome: Outcome.Outcome<unknown, unknown>): boolean =>
  outcome._tag === "NotStarted" ||
  (outcome._tag === "TimedOut" && (outcome.limit === "call" || outcome.limit === "deadline")) ||
  (outcome._tag === "Cancelled" && outcome.reason._tag !== "Interrupted")

/** One call: stands between the gather, which runs the tasks, and the joiner's state. */
class FanOut<B, E2> {
  private readonly plan: gather.Plan
  private readonly items: Iterable<Effect.Effect<any, any, any>>
  private readonly joiner: Joiner<unknown, unknown, B, E2>
  private readonly stop = new AbortController()
  private fold: Fold<unknown, unknown, B, E2> | undefined
  /** How many inputs there are; `Infinity` while that is not known. */
  private total: number
  private settled = 0
  /** The joiner has decided, or thrown. */
  private over = false
  private broken: { readonly defect: unknown } | undefined

  constructor(plan: gather.Plan, effects: Iterable<Effect.Effect<any, any, any>>, joiner: Joiner<never, never, B, E2>) {
    const size = Array.isArray(effects) ? effects.length : effects instanceof Set || effects instanceof Map ? effects.size : undefined
    this.plan = plan
    this.joiner = joiner as Joiner<unknown, unknown, B, E2>
    this.total = size ?? Infinity
    this.items = size === undefined ? this.counted(effects) : effects
  }

  get run(): Effect.Effect<B, E2, any> {
    const { plan } = this
    this.ask(() => {
      const fold: unknown = (this.fold = this.joiner({ total: this.total }))
      // `Joiner.first` in the place of `Joiner.first()`.
      if (typeof fold === "function") throw new TypeError(Settings.mustBe("fanOut", "joiner", "a Joiner", this.joiner).message)
      return false
    })
    const { onOutcome } = plan
    const observed: gather.Plan = {
      ...plan,
      stop: either(plan.stop, this.stop.signal),
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
    return Effect.matchCauseEffect(gather.run(observed, { items: this.items, f: identity }), {
      onFailure: (cause) => Effect.failCause(this.broken === undefined ? cause : Cause.combine(Cause.die(this.broken.defect), cause)),
      onSuccess: (result: GatherResult.GatherResult<unknown, unknown>) => this.answer(result)
    }) as Effect.Effect<B, E2, any>
  }

  /**
   * Lets the joiner judge. Whatever it decides, and whatever it throws, stops the rest in this very turn: before the gather can start another task.
   *
   * The reason in the outcomes is then that of an abort: the gather knows no other way to be stopped at once. A call that is being stopped already keeps the reason it has, and inner calls their chance to answer a
   * deadline.
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
    if (left > 0 && !stopping) this.stop.abort("the joiner has decided")
  }

  /** An input of unknown size tells how many are left when it ends: a quorum may be out of reach from then on. */
  private counted(effects: Iterable<Effect.Effect<any, any, any>>): Iterable<Effect.Effect<any, any, any>> {
    return {
      [Symbol.iterator]: () => {
        const source = effects[Symbol.iterator]()
        let pulled = 0
        return {
          next: () => {
            const item = source.next()
            if (item.done !== true) pulled++
            else {
              this.total = pulled
              this.ask(() => false)
            }
            return item
          },
          return: (value) => source.return?.(value) ?? { done: true, value }
        }
      }
    }
  }

  private answer(result: GatherResult.GatherResult<unknown, unknown>): Effect.Effect<B, E2> {
    const answer = Effect.suspend(() => {
      if (this.broken !== undefined) throw this.broken.defect
      const answer = this.fold!.onEnd(result)
      if (!Effect.isEffect(answer))
        throw new TypeError(Settings.mustBe("fanOut", "what the joiner's onEnd gives", "an Effect", answer).message)
      return answer
    })
    return Effect.catchCause(answer, (cause) => Effect.failCause(GatherResult.annotateCause(cause, result)))
  }
}
