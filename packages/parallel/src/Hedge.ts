/**
 * Starts another copy of slow work, and takes the answer that comes first.
 *
 * `run` owns its copies: when it returns, all but the winner have been interrupted and their finalizers have run. A `Budget` is shared by many calls and owns no more than two numbers.
 *
 * The module holds `run`, and `budget`, which bounds the share of calls that are hedged.
 *
 * **When to use**
 *
 * Use for reads against services that are slow once in a hundred times for no reason of yours (a pause, a bad replica). Set `after` near the 95th percentile of the latency: then some 5 % more work cuts the tail. The
 * idea and that figure are from Dean and Barroso, The Tail at Scale, 2013.
 *
 * **Details**
 *
 * Copy k starts when the first one has run for k × `after` without anybody having answered. Time that the first one waits for a permit of `limiter` does not count.
 *
 * | what happens | answer |
 * | --- | --- |
 * | a copy succeeds | its value; the others are interrupted and awaited |
 * | a copy fails while another runs | goes on; further copies start as planned |
 * | a copy fails and no other runs | fails: hedging is no retry |
 * | it fails | with the cause of the first copy, the original; `GatherResult.fromCause` lists how each copy ended |
 *
 * **Guarantees**
 *
 * - Ownership: no copy outlives the call.
 * - Interruption: interrupting the call interrupts each copy once and waits for its cleanup. A deadline around it does the same.
 * - Failure: `E` is that of the effect. A defect counts as a failure of its copy. The defect of a copy that lost is logged as a warning, its typed failure is dropped.
 * - Bounds: at most `copies` run; of all calls that share a budget, at most `min` + `ratio` × calls are further copies; with a `limiter`, a further copy starts only where a permit is free and nobody waits for one.
 * - Cost: one waiting fiber for each further copy, from the start.
 *
 * **Gotchas**
 *
 * The work runs more than once, and a loser is cut off somewhere in the middle. That is right for reads and wrong for payments, unless those are idempotent.
 *
 * The copies are fibers of their own. What one of them gives or fails with after it was asked to stop is lost, as in plain Effect: a hedged call in a task is never `late`, and what its cleanup fails with is only logged where it is a
 * defect.
 *
 * **Example** (Not waiting for a bad replica)
 *
 * ```ts
 * import { Hedge } from "@skein/parallel"
 * import * as Effect from "effect/Effect"
 *
 * let calls = 0
 * const read = Effect.suspend(() => ++calls === 1 ? Effect.as(Effect.sleep("1 minute"), "slow") : Effect.succeed("quick"))
 *
 * const program = Effect.gen(function*() {
 *   const budget = yield* Hedge.budget({ ratio: 0.05 })
 *   const answer = yield* Hedge.run(read, { after: "20 millis", budget })
 *   console.log(answer, calls) // => quick 2
 *   console.log((yield* budget.stats).hedges) // => 1
 * })
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @since 0.1.0
 */
import * as GatherResult from "@skein/core/GatherResult"
import type * as Limiter from "@skein/core/Limiter"
import * as Outcome from "@skein/core/Outcome"
import * as Settings from "@skein/core/Settings"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/**
 * How to hedge a call.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** How long to wait for an answer before each further copy. 0 starts all at once; `"Infinity"` never starts one. */
  readonly after: Duration.Input
  /**
   * How many copies run at most, the first among them: a whole number of at least 1. 1 turns hedging off.
   *
   * @default 2
   */
  readonly copies?: number | undefined
  /**
   * What all calls together may spend on further copies.
   *
   * @default none: every slow call is hedged
   */
  readonly budget?: Budget | undefined
  /**
   * Runs each copy with a permit. The first one waits for it; further ones start only where one is free, so they switch themselves off under load.
   *
   * @default none
   */
  readonly limiter?: Limiter.Limiter | undefined
  /**
   * Names the copies among the limiter's holders, and the call in warnings.
   *
   * @default none
   */
  readonly name?: string | undefined
}

/**
 * What a budget has seen.
 *
 * @category models
 * @since 0.1.0
 */
export interface BudgetStats {
  /** Calls that were made with it. */
  readonly calls: number
  /** Further copies that it has let start. */
  readonly hedges: number
  /** Further copies that it has not let start. */
  readonly refused: number
  /** How many it would let start now; may hold a fraction. */
  readonly credit: number
}

/**
 * A share of calls that may be hedged, made by `budget`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Budget {
  readonly stats: Effect.Effect<BudgetStats>
}

/**
 * Makes a budget for many calls: each call earns `ratio` of a further copy, each further copy costs a whole one.
 *
 * **Details**
 *
 * It begins with a credit of `min` and saves up no more than `max`, so that a long quiet time does not pay for a storm. It knows no time: an idle program earns nothing. The idea is that of Finagle's `RetryBudget` and of gRPC's retry throttling.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const budget = (options: {
  /** The share of calls that may be hedged: above 0 and at most 1. */
  readonly ratio: number
  /**
   * The credit to begin with: a whole number of at least 0.
   *
   * @default 1
   */
  readonly min?: number | undefined
  /**
   * The most credit that is saved up: a whole number of at least 1 and `min`.
   *
   * @default 100, or `min` if that is more
   */
  readonly max?: number | undefined
}): Effect.Effect<Budget> => {
  const where = "Hedge.budget"
  Settings.known(where, options, ["ratio", "min", "max"])
  const { ratio } = options
  if (!(typeof ratio === "number" && ratio > 0 && ratio <= 1))
    throw Settings.mustBe(where, "ratio", "a number above 0 and at most 1", ratio)
  const min = options.min === undefined ? 1 : Settings.whole(where, "min", options.min, 0)
  const max = options.max === undefined ? Math.max(100, min) : Settings.whole(where, "max", options.max, Math.max(1, min))
  return Effect.sync(() => new BudgetImpl(ratio, min, max))
}

/** Ten times 0.1 is a little less than 1. */
const rounding = 1e-9

class BudgetImpl implements Budget {
  private readonly ratio: number
  private readonly max: number
  private credit: number
  private calls = 0
  private hedges = 0
  private refused = 0

  constructor(ratio: number, min: number, max: number) {
    this.ratio = ratio
    this.max = max
    this.credit = min
  }

  earn(): void {
    this.calls++
    this.credit = Math.min(this.max, this.credit + this.ratio)
  }

  spend(): boolean {
    if (this.credit < 1 - rounding) {
      this.refused++
      return false
    }
    this.credit = Math.max(0, this.credit - 1)
    this.hedges++
    return true
  }

  readonly stats: Effect.Effect<BudgetStats> = Effect.sync(() => {
    const { calls, credit, hedges, refused } = this
    return { calls, hedges, refused, credit }
  })
}

/**
 * Runs an effect, and another copy of it each time `after` has passed without an answer, at most `copies` at once. The first success wins.
 *
 * @throws RangeError if an option is wrong or unknown; TypeError if `effect` is no effect
 * @category combinators
 * @since 0.1.0
 */
export const run = <A, E, R>(effect: Effect.Effect<A, E, R>, options: Options): Effect.Effect<A, E, R> => {
  const where = "Hedge.run"
  if (!Effect.isEffect(effect)) throw new TypeError(Settings.mustBe(where, "effect", "an Effect", effect).message)
  Settings.known(where, options, ["after", "copies", "budget", "limiter", "name"])
  const { budget, limiter, name } = options
  if (options.after === undefined) throw Settings.mustBe(where, "after", "a duration that is not negative", undefined)
  const after = afterOf(where, options.after)
  const copies = options.copies === undefined ? 2 : Settings.whole(where, "copies", options.copies, 1)
  if (budget !== undefined && !(budget instanceof BudgetImpl)) throw Settings.mustBe(where, "budget", "a Budget", budget)
  if (limiter !== undefined && typeof limiter?.withPermit !== "function") throw Settings.mustBe(where, "limiter", "a Limiter", limiter)
  Settings.text(where, "name", name)
  return Effect.suspend(() => new Call(effect, { after, copies: after === Infinity ? 1 : copies, budget, limiter, name }).run)
}

interface Plan {
  readonly after: number
  readonly copies: number
  readonly budget: BudgetImpl | undefined
  readonly limiter: Limiter.Limiter | undefined
  readonly name: string | undefined
}

/** One hedged call: its copies race, and a copy ends the race only where its end decides. */
class Call<A, E, R> {
  private readonly effect: Effect.Effect<A, E, R>
  private readonly plan: Plan
  /** Copies that run, the first one from the beginning. */
  private running = 1
  private readonly failures: Array<Outcome.Outcome<A, E>> = []
  /** Defects in the order in which they came: those of copies that lost would be seen by nobody. */
  private readonly defects: Array<Cause.Cause<E>> = []
  private failed = false

  constructor(effect: Effect.Effect<A, E, R>, plan: Plan) {
    this.effect = effect
    this.plan = plan
  }

  get run(): Effect.Effect<A, E, R> {
    const { budget, copies } = this.plan
    budget?.earn()
    if (copies === 1) return this.permitted(0, this.effect)
    return Effect.clockWith((clock) => {
      const startedAt = clock.currentTimeMillisUnsafe()
      const started = Deferred.makeUnsafe<void>()
      const first = Effect.suspend(() => {
        Deferred.doneUnsafe(started, Exit.void)
        return this.effect
      })
      const all = [this.copy(0, first)]
      for (let index = 1; index < copies; index++) all.push(this.further(index, started))
      // The race waits for the cleanup of those that lost before it goes on to the winner's exit.
      const answer = Effect.flatMap(Effect.raceAllFirst(all), (exit) => {
        if (Exit.isSuccess(exit)) return exit
        this.failed = true
        const list = this.failures.sort((a, b) => a.index - b.index)
        const elapsed = Duration.millis(clock.currentTimeMillisUnsafe() - startedAt)
        return Effect.failCause(GatherResult.annotateCause(Outcome.cause(list[0]!)!, GatherResult.make(list, { elapsed })))
      })
      return Effect.onExit(answer, () => (this.defects.length === 0 || this.failed ? Effect.void : this.warn))
    })
  }

  /** Starts when its time has come, if there is credit and room for it; else waits to be interrupted. */
  private further(index: number, started: Deferred.Deferred<void>): Effect.Effect<Exit.Exit<A, E>, never, R> {
    const { after, budget, limiter } = this.plan
    return Deferred.await(started).pipe(
      Effect.andThen(Effect.sleep(after * index)),
      Effect.andThen(limiter === undefined ? Effect.succeed(true) : Effect.map(limiter.stats, hasRoom)),
      Effect.flatMap((room) => {
        // Nothing runs any more: the call is about to fail, and a copy now would be a retry.
        if (!room || this.running === 0 || (budget !== undefined && !budget.spend())) return Effect.never
        this.running++
        return this.copy(index, this.effect)
      })
    )
  }

  private copy(index: number, effect: Effect.Effect<A, E, R>): Effect.Effect<Exit.Exit<A, E>, never, R> {
    const noted = Effect.onExit(this.permitted(index, effect), (exit) => {
      if (Exit.isFailure(exit) && Cause.hasDies(exit.cause)) this.defects.push(exit.cause)
      return Effect.void
    })
    return Effect.flatMap(Effect.exit(noted), (exit): Effect.Effect<Exit.Exit<A, E>> => {
      this.running--
      if (Exit.isSuccess(exit)) return Effect.succeed(exit)
      this.failures.push(this.outcomeOf(index, exit.cause))
      return this.running === 0 ? Effect.succeed(exit) : Effect.never
    })
  }

  private outcomeOf(index: number, cause: Cause.Cause<E>): Outcome.Outcome<A, E> {
    const info = { index, name: this.plan.name, attempts: 1 }
    return Cause.hasInterruptsOnly(cause) ? new Outcome.Cancelled(info, { _tag: "Interrupted" }, cause) : new Outcome.Failed(info, cause)
  }

  /** Between the look at the limiter and the request somebody else may have taken the room: a further copy then stands behind all others. */
  private permitted(index: number, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const { limiter, name } = this.plan
    return limiter === undefined ? effect : limiter.withPermit(effect, { priority: index === 0 ? "normal" : "low", name })
  }

  private get warn(): Effect.Effect<void> {
    const causes = this.defects
    return Effect.logWarning(
      `skein: ${this.plan.name ?? "Hedge.run"}: a copy whose answer was not needed died`,
      Cause.fromReasons(causes.flatMap((cause) => cause.reasons.filter(Cause.isDieReason)))
    )
  }
}

const hasRoom = ({ paused, permits, running, waiting }: Limiter.Stats): boolean => !paused && waiting === 0 && running < permits

const afterOf = (where: string, after: Duration.Input): number => {
  try {
    return Settings.read(where, { timeout: after }, []).timeout
  } catch {
    throw Settings.mustBe(where, "after", "a duration that is not negative", after)
  }
}
