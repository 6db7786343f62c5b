/**
 * Decides what a fan-out returns, and when it has seen enough.
 *
 * A `Joiner` is a fold over outcomes that may stop early. It is a description: it owns nothing, and one joiner may serve many calls at once, since each call of `fanOut` begins a state
 * of its own. Once it has decided, the fan-out interrupts what still runs, waits for its cleanup, and asks the joiner for the answer.
 *
 * The module holds the joiners `all`, `first`, `firstN`, `quorum`, `merge`, `reduce`, `best` and `until`, `make` for one's own, and `JoinError`, which is what they fail with.
 *
 * **Details**
 *
 * | joiner | gives | stops early | fails with `JoinError` | no input |
 * | --- | --- | --- | --- | --- |
 * | `all()` | all values, in input order | at the first task that does not complete | if not every task completed | `[]` |
 * | `first()` | the first value to arrive | then | if no task completed | fails |
 * | `firstN(n)` | up to `n` values, in the order of arrival | at the `n`th value | if no task completed | fails |
 * | `quorum(n)` | `n` values, in the order of arrival | at the `n`th value, and as soon as `n` cannot be met | if fewer than `n` tasks completed | fails |
 * | `merge(f)` | `f` of all values there are, in input order | as soon as `atLeast` cannot be met | if fewer than `atLeast` (1) tasks completed | fails |
 * | `best(order)` | the greatest value | never | if no task completed | fails |
 * | `reduce(initial, f)` | the fold of all outcomes, in the order of arrival | never | never | `initial()` |
 * | `until(predicate)` | the whole `GatherResult` | at the first outcome that `predicate` accepts | never | an empty result |
 *
 * A task that timed out or was cancelled has not completed. A value that arrives although its task was asked to stop counts like any other, as long as the joiner has not decided.
 *
 * **Guarantees**
 *
 * - Ownership: a joiner holds no fiber and nothing to close. Its state is gone with the call.
 * - Failure: nothing that finished is lost. `JoinError` holds the whole result; on any other failure of a fan-out `GatherResult.fromCause` reads it from the cause. A joiner that throws is a defect that
 *   carries the result in the same way.
 * - Order: `onOutcome` sees each outcome once, in the order in which tasks end, until it has decided; then none.
 * - Cost: O(1) an outcome.
 *
 * **Gotchas**
 *
 * `first()` takes the first *value*. To take whatever ends first, failures included, use `until(() => true)` or `Effect.raceAllFirst`.
 *
 * **Example** (Writing a joiner of one's own)
 *
 * ```ts
 * import type { Outcome } from "@skein/core"
 * import { fanOut, Joiner } from "@skein/parallel"
 * import * as Effect from "effect/Effect"
 *
 * // Adds up prices until the sum is above 100.
 * const shopping = Joiner.make({
 *   name: "shopping",
 *   initial: () => 0,
 *   onOutcome: (sum: number, outcome: Outcome.Outcome<number, string>) => {
 *     const next = outcome._tag === "Completed" ? sum + outcome.value : sum
 *     return next > 100 ? Joiner.decided(next) : Joiner.next(next)
 *   },
 *   onEnd: (sum) => sum > 100 ? Effect.succeed(sum) : Effect.fail("not enough" as const)
 * })
 *
 * const prices = [40, 50, 60, 70].map((price) => Effect.succeed(price))
 * console.log(await Effect.runPromise(fanOut(prices, shopping, { concurrency: 1 }))) // => 150
 * console.log(await Effect.runPromise(Effect.flip(fanOut(prices.slice(0, 2), shopping)))) // => not enough
 * ```
 *
 * @since 0.1.0
 */
import * as GatherResult from "@skein/core/GatherResult"
import type * as Outcome from "@skein/core/Outcome"
import * as Settings from "@skein/core/Settings"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Order from "effect/Order"

/**
 * How to join outcomes of tasks that give `A` or fail with `E`: into `B`, or a failure `E2`. A function that begins one fan-out, with a state of its own.
 *
 * **Details**
 *
 * It is a function so that TypeScript finds `A` and `E` last, from the effects it is used with: `first()` is `<A, E>(start: Start<A, E>) => …`, whatever the effects are.
 *
 * @category models
 * @since 0.1.0
 */
export type Joiner<A, E, B, E2 = never> = (start: Start<A, E>) => Fold<A, E, B, E2>

/**
 * What a joiner is told when a fan-out begins.
 *
 * @category models
 * @since 0.1.0
 */
export interface Start<out A, out E> {
  /** How many inputs there are; `Infinity` where that is not known. */
  readonly total: number
  /** The types of the tasks; not there at run time. */
  readonly "~types"?: { readonly value: A; readonly error: E }
}

/**
 * The state of one fan-out: what its engine calls. `make` writes it for you.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fold<in A, in E, out B, out E2 = never> {
  /** Takes one outcome; says whether that decided. */
  readonly onOutcome: (outcome: Outcome.Outcome<A, E>) => boolean
  /** Whether `left` more outcomes may still bring what is wanted. */
  readonly isPossible: (left: number) => boolean
  /** Gives the answer, when every task has ended. */
  readonly onEnd: (result: GatherResult.GatherResult<A, E>) => Effect.Effect<B, E2>
}

/**
 * What `onOutcome` says: go on with this state, or decided with it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Step<out S> {
  readonly _tag: "Next" | "Decided"
  readonly state: S
}

/**
 * Goes on with this state.
 *
 * @category steps
 * @since 0.1.0
 */
export const next = <S>(state: S): Step<S> => ({ _tag: "Next", state })

/**
 * Has seen enough: the tasks that still run are interrupted, nothing more starts, and `onEnd` gets this state.
 *
 * @category steps
 * @since 0.1.0
 */
export const decided = <S>(state: S): Step<S> => ({ _tag: "Decided", state })

/**
 * Why the outcomes do not give what a joiner wants.
 *
 * | tag | meaning | has the work happened | try again |
 * | --- | --- | --- | --- |
 * | `NoInput` | there was no input | no | gives the same |
 * | `TooFew` | `got` tasks completed, and `needed` had to | that of completed tasks; of others perhaps in part | as their outcomes say |
 * | `Incomplete` | every task had to complete, and one did not | the same | as their outcomes say |
 *
 * @category errors
 * @since 0.1.0
 */
export type Reason =
  | { readonly _tag: "NoInput" | "Incomplete" }
  | { readonly _tag: "TooFew"; readonly needed: number; readonly got: number }

/**
 * The outcomes do not give what the joiner wants. `reason` says why, `result` holds every outcome: values, causes, and what never started.
 *
 * @category errors
 * @since 0.1.0
 */
export class JoinError<A, E> extends Data.TaggedError("JoinError")<{
  /** The joiner, for example `quorum(2)`. */
  readonly joiner: string
  readonly reason: Reason
  readonly result: GatherResult.GatherResult<A, E>
}> {
  override get message(): string {
    const { joiner, reason, result } = this
    if (reason._tag === "NoInput") return `${joiner}: there was no input`
    const what = reason._tag === "TooFew" ? `${reason.got} of the ${reason.needed} values needed` : "not all values"
    return `${joiner}: ${what}; ${GatherResult.summarize(result)}`
  }
  /** Every failure with the task it belongs to, in input order. */
  get causes(): ReadonlyArray<GatherResult.TaskError<E>> {
    return GatherResult.errors(this.result)
  }
}

/**
 * How to make a joiner. `S` is its state, which `onOutcome` may replace or change in place: it belongs to one call.
 *
 * @category options
 * @since 0.1.0
 */
export interface MakeOptions<S, in A, in E, out B, out E2 = never> {
  /**
   * Names it in errors.
   *
   * @default "joiner"
   */
  readonly name?: string | undefined
  /** Makes the state of one call. */
  readonly initial: () => S
  /** Takes the next outcome: `Joiner.next(state)` or `Joiner.decided(state)`. Tasks that were cut short or never started have outcomes too. */
  readonly onOutcome: (state: S, outcome: Outcome.Outcome<A, E>) => Step<S>
  /**
   * Whether what is wanted can still be had when `left` more outcomes come: `Infinity` until the size of the input is known. Asked before anything starts, after each outcome, and when a lazy source has ended;
   * `false` decides.
   *
   * @default always
   */
  readonly isPossible?: ((state: S, left: number) => boolean) | undefined
  /** Gives the answer from the state and the whole result, as an effect or an `Exit`, when every task has ended: also after a timeout or a `stop`. */
  readonly onEnd: (state: S, result: GatherResult.GatherResult<A, E>) => Effect.Effect<B, E2>
}

/**
 * Makes a joiner from a fold.
 *
 * @throws TypeError if `initial`, `onOutcome` or `onEnd` is not a function; RangeError for an unknown option
 * @category constructors
 * @since 0.1.0
 */
export const make = <S, A, E, B, E2 = never>(options: MakeOptions<S, A, E, B, E2>): Joiner<A, E, B, E2> => {
  const where = "Joiner.make"
  Settings.known(where, options, ["name", "initial", "onOutcome", "isPossible", "onEnd"])
  Settings.text(where, "name", options.name)
  for (const option of ["initial", "onOutcome", "onEnd"] as const) mustBeFunction(where, option, options[option])
  if (options.isPossible !== undefined) mustBeFunction(where, "isPossible", options.isPossible)
  return () => begin(options)
}

const begin = <S, A, E, B, E2>(options: MakeOptions<S, A, E, B, E2>): Fold<A, E, B, E2> => {
  const { isPossible, name = "joiner", onEnd, onOutcome } = options
  let state = options.initial()
  return {
    onOutcome: (outcome) => {
      const step = onOutcome(state, outcome)
      if (step?._tag !== "Next" && step?._tag !== "Decided") {
        throw new TypeError(Settings.mustBe(name, "what onOutcome gives", "Joiner.next(state) or Joiner.decided(state)", step).message)
      }
      state = step.state
      return step._tag === "Decided"
    },
    isPossible: isPossible === undefined ? always : (left) => isPossible(state, left),
    onEnd: (result) => onEnd(state, result)
  }
}

const always = (): boolean => true

/**
 * Wants every task to complete, and gives the values in input order. No input gives `[]`.
 *
 * **Details**
 *
 * The first task that does not complete ends the call. With `onFailure: "collect"` the others run to their end first, and the error holds all of their outcomes. Both give an array: for a tuple or a record with
 * a type for each position use `parallelGather`.
 *
 * @throws RangeError if `onFailure` is another word
 * @category joiners
 * @since 0.1.0
 */
export const all = (options?: {
  /** @default "interrupt" */
  readonly onFailure?: "interrupt" | "collect" | undefined
}): (<A, E>(start: Start<A, E>) => Fold<A, E, Array<A>, JoinError<A, E>>) => {
  Settings.known("Joiner.all", options ?? {}, ["onFailure"])
  const onFailure = Settings.oneOf("Joiner.all", "onFailure", options?.onFailure, ["interrupt", "collect"])
  return <A, E>(): Fold<A, E, Array<A>, JoinError<A, E>> =>
    begin({
      name: "all",
      initial: () => undefined,
      onOutcome: (state, { _tag }) => (_tag === "Completed" || onFailure === "collect" ? next(state) : decided(state)),
      onEnd: (_, result) =>
        result.allSucceeded && result.exhausted
          ? Effect.succeed(GatherResult.values(result))
          : Effect.fail(new JoinError({ joiner: "all", reason: { _tag: "Incomplete" }, result }))
    })
}

/**
 * Takes the first value to arrive. Fails with every cause if no task completes; no input fails at once.
 *
 * @category joiners
 * @since 0.1.0
 */
export const first = (): (<A, E>(start: Start<A, E>) => Fold<A, E, A, JoinError<A, E>>) => () => take("first", 1, 1, ([value]) => value!)

/**
 * Takes the first `n` values to arrive, in that order; fewer if fewer come. Fails with every cause if no task completes; no input fails at once. To insist on `n`, use `quorum`.
 *
 * @throws RangeError if `n` is not a whole number of at least 1
 * @category joiners
 * @since 0.1.0
 */
export const firstN = (n: number): (<A, E>(start: Start<A, E>) => Fold<A, E, Array<A>, JoinError<A, E>>) => {
  const name = `firstN(${Settings.whole("Joiner.firstN", "n", n)})`
  return () => take(name, n, 1, identity)
}

/**
 * Insists on `n` values, and gives them in the order of arrival. As soon as `n` values can no longer come it stops the rest and fails with every cause; with fewer than `n` inputs nothing starts.
 *
 * @throws RangeError if `n` is not a whole number of at least 1
 * @category joiners
 * @since 0.1.0
 */
export const quorum = (n: number): (<A, E>(start: Start<A, E>) => Fold<A, E, Array<A>, JoinError<A, E>>) => {
  const name = `quorum(${Settings.whole("Joiner.quorum", "n", n)})`
  return () => take(name, n, n, identity)
}

const identity = <A>(values: Array<A>): Array<A> => values

/** Collects up to `most` values in the order of arrival, and fails with fewer than `least`. */
const take = <A, E, B>(name: string, most: number, least: number, f: (values: Array<A>) => B): Fold<A, E, B, JoinError<A, E>> =>
  begin({
    name,
    initial: (): Array<A> => [],
    onOutcome: (values, outcome) => {
      if (outcome._tag === "Completed") values.push(outcome.value)
      return values.length === most ? decided(values) : next(values)
    },
    isPossible: (values, left) => values.length + left >= least,
    onEnd: (values, result) => (values.length >= least ? Effect.succeed(f(values)) : tooFew(name, least, values.length, result))
  })

const tooFew = <A, E>(
  joiner: string,
  needed: number,
  got: number,
  result: GatherResult.GatherResult<A, E>
): Effect.Effect<never, JoinError<A, E>> => {
  const reason: Reason = result.total === 0 && result.exhausted ? { _tag: "NoInput" } : { _tag: "TooFew", needed, got }
  return Effect.fail(new JoinError({ joiner, reason, result }))
}

/**
 * Waits for all tasks and merges the values there are, in input order. `f` also gets the whole result: nothing that is missing is hidden from it.
 *
 * **Details**
 *
 * With fewer than `atLeast` values it fails with every cause, as soon as that is certain. To insist on all values, use `all` and `Effect.map`.
 *
 * @throws TypeError if `f` is not a function; RangeError if `atLeast` is not a whole number of at least 0
 * @category joiners
 * @since 0.1.0
 */
export const merge = <A, E, B>(
  f: (values: Array<A>, result: GatherResult.GatherResult<A, E>) => B,
  options?: {
    /** @default 1 */
    readonly atLeast?: number | undefined
  }
): Joiner<A, E, B, JoinError<A, E>> => {
  const where = "Joiner.merge"
  mustBeFunction(where, "f", f)
  Settings.known(where, options ?? {}, ["atLeast"])
  const atLeast = options?.atLeast === undefined ? 1 : Settings.whole(where, "atLeast", options.atLeast, 0)
  return make({
    name: "merge",
    initial: () => 0,
    onOutcome: (completed, { _tag }) => next(_tag === "Completed" ? completed + 1 : completed),
    isPossible: (completed, left) => completed + left >= atLeast,
    // Counted anew: a value may have come after it was decided that there are too few, but not enough of them.
    onEnd: (_, result): Effect.Effect<B, JoinError<A, E>> =>
      result.completed >= atLeast
        ? Effect.succeed(f(GatherResult.values(result), result))
        : tooFew("merge", atLeast, result.completed, result)
  })
}

/**
 * Folds every outcome in the order in which tasks end, those that failed or never started too. Never stops early and never fails; no input gives `initial()`.
 *
 * **Gotchas**
 *
 * The order of arrival differs from run to run. Where that matters, use `merge`.
 *
 * @throws TypeError if `initial` or `f` is not a function
 * @category joiners
 * @since 0.1.0
 */
export const reduce = <A, E, B>(initial: () => B, f: (accumulated: B, outcome: Outcome.Outcome<A, E>) => B): Joiner<A, E, B> => {
  mustBeFunction("Joiner.reduce", "initial", initial)
  mustBeFunction("Joiner.reduce", "f", f)
  return make({
    name: "reduce",
    initial,
    onOutcome: (accumulated, outcome) => next(f(accumulated, outcome)),
    onEnd: (accumulated) => Effect.succeed(accumulated)
  })
}

/**
 * Waits for all tasks and takes the greatest value by `order`; of equals, that of the earliest input. Fails with every cause if no task completes; no input fails at once.
 *
 * **When to use**
 *
 * With a `timeout`: the best answer by then.
 *
 * @throws TypeError if `order` is not a function
 * @category joiners
 * @since 0.1.0
 */
export const best = <O>(order: Order.Order<O>): (<A extends O, E>(start: Start<A, E>) => Fold<A, E, A, JoinError<A, E>>) => {
  mustBeFunction("Joiner.best", "order", order)
  return <A extends O, E>(): Fold<A, E, A, JoinError<A, E>> =>
    begin({
      name: "best",
      initial: () => undefined,
      onOutcome: next,
      onEnd: (_, result): Effect.Effect<A, JoinError<A, E>> => {
        const values = GatherResult.values(result)
        if (values.length === 0) return tooFew("best", 1, 0, result)
        return Effect.succeed(values.reduce((best, value) => (order(value, best) > 0 ? value : best)))
      }
    })
}

/**
 * Stops at the first outcome that `predicate` accepts, and gives the whole result, whatever it holds. Never fails.
 *
 * @throws TypeError if `predicate` is not a function
 * @category joiners
 * @since 0.1.0
 */
export const until = <A, E>(predicate: (outcome: Outcome.Outcome<A, E>) => boolean): Joiner<A, E, GatherResult.GatherResult<A, E>> => {
  mustBeFunction("Joiner.until", "predicate", predicate)
  return make({
    name: "until",
    initial: () => undefined,
    onOutcome: (state, outcome) => (predicate(outcome) ? decided(state) : next(state)),
    onEnd: (_, result) => Effect.succeed(result)
  })
}

const mustBeFunction = (where: string, option: string, value: unknown): void => {
  if (typeof value !== "function") throw new TypeError(Settings.mustBe(where, option, "a function", value).message)
}
