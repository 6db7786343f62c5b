/** The joiners of `@skein/parallel/promise`: folds over outcomes that may stop early. The words are those of `Joiner`. */
import * as Settings from "@skein/core/Settings"
import { mustBeFunction } from "./promiseCall.ts"
import { JoinError } from "./promiseErrors.ts"
import type { GatherResult, Outcome } from "./promiseTypes.ts"

/**
 * How to join outcomes of tasks that give `A` into `B`. It begins one fan-out, with a state of its own.
 *
 * @category models
 * @since 0.1.0
 */
export type Joiner<A, B> = (start: Start<A>) => Fold<A, B>

/**
 * What a joiner is told when a fan-out begins.
 *
 * @category models
 * @since 0.1.0
 */
export interface Start<out A> {
  /** How many inputs there are; `Infinity` where that is not known. */
  readonly total: number
  /** The type of the values; not there at run time. */
  readonly "~value"?: A
}

/**
 * The state of one fan-out. `make` writes it for you.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fold<in A, out B> {
  /** Takes one outcome; says whether that decided. */
  readonly onOutcome: (outcome: Outcome<A>) => boolean
  /** Whether `left` more outcomes may still bring what is wanted. */
  readonly isPossible: (left: number) => boolean
  /** Gives the answer, or throws, when every task has ended. */
  readonly onEnd: (result: GatherResult<A>) => B | PromiseLike<B>
}

/**
 * What `onOutcome` says: go on with this state, or decided with it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Step<out S> {
  readonly decided: boolean
  readonly state: S
}

/**
 * Goes on with this state.
 *
 * @category steps
 * @since 0.1.0
 */
export const next = <S>(state: S): Step<S> => ({ decided: false, state })

/**
 * Has seen enough: what still runs is asked to stop, nothing more starts, and `onEnd` gets this state.
 *
 * @category steps
 * @since 0.1.0
 */
export const decided = <S>(state: S): Step<S> => ({ decided: true, state })

/**
 * How to make a joiner. `S` is its state, which belongs to one call.
 *
 * @category options
 * @since 0.1.0
 */
export interface JoinerOptions<S, in A, out B> {
  readonly initial: () => S
  /** Takes the next outcome, of tasks that were cut short or never started too. */
  readonly onOutcome: (state: S, outcome: Outcome<A>) => Step<S>
  /**
   * Whether what is wanted can still be had when `left` more outcomes come: `Infinity` until the size of the input is known. `false` decides.
   *
   * @default always
   */
  readonly isPossible?: ((state: S, left: number) => boolean) | undefined
  /** Gives the answer from the state and the whole result, or throws, when every task has ended: also after a timeout or an abort. */
  readonly onEnd: (state: S, result: GatherResult<A>) => B | PromiseLike<B>
}

/**
 * Makes a joiner from a fold.
 *
 * @throws TypeError if `initial`, `onOutcome` or `onEnd` is not a function; RangeError for an unknown option
 * @category joiners
 * @since 0.1.0
 */
export const make = <S, A, B>(options: JoinerOptions<S, A, B>): Joiner<A, B> => {
  const where = "Joiner.make"
  Settings.known(where, options, ["initial", "onOutcome", "isPossible", "onEnd"])
  for (const option of ["initial", "onOutcome", "onEnd"] as const) mustBeFunction(where, option, options[option])
  if (options.isPossible !== undefined) mustBeFunction(where, "isPossible", options.isPossible)
  return () => begin(options)
}

const begin = <S, A, B>({ initial, isPossible, onEnd, onOutcome }: JoinerOptions<S, A, B>): Fold<A, B> => {
  let state = initial()
  return {
    onOutcome: (outcome) => {
      const step = onOutcome(state, outcome)
      if (typeof step?.decided !== "boolean") {
        throw new TypeError(Settings.mustBe("joiner", "what onOutcome gives", "Joiner.next(state) or Joiner.decided(state)", step).message)
      }
      state = step.state
      return step.decided
    },
    isPossible: (left) => isPossible === undefined || isPossible(state, left),
    onEnd: (result) => onEnd(state, result)
  }
}

/**
 * Wants every task to complete, and gives the values in input order. The first that does not ends the call; with `onFailure: "collect"` the others run to their end first. Else it throws a `JoinError`. No input gives `[]`.
 *
 * @throws RangeError if `onFailure` is another word
 * @category joiners
 * @since 0.1.0
 */
export const all = (options?: {
  /** @default "interrupt" */
  readonly onFailure?: "interrupt" | "collect" | undefined
}): (<A>(start: Start<A>) => Fold<A, ReadonlyArray<A>>) => {
  Settings.known("Joiner.all", options ?? {}, ["onFailure"])
  const collect = Settings.oneOf("Joiner.all", "onFailure", options?.onFailure, ["interrupt", "collect"]) === "collect"
  return <A>(): Fold<A, ReadonlyArray<A>> => ({
    onOutcome: ({ status }) => status !== "completed" && status !== "skipped" && !collect,
    isPossible: always,
    onEnd: (result) => {
      if (result.allSucceeded && result.exhausted) return result.values
      throw new JoinError("all", undefined, result)
    }
  })
}

const always = (): boolean => true

/**
 * Takes the first value to arrive. Throws a `JoinError` with every error if there is none.
 *
 * @category joiners
 * @since 0.1.0
 */
export const first = (): (<A>(start: Start<A>) => Fold<A, A>) => () => take("first", 1, 1, ([value]) => value!)

/**
 * Takes the first `n` values to arrive, in that order; fewer if fewer come. Throws a `JoinError` if there is none.
 *
 * @throws RangeError if `n` is not a whole number of at least 1
 * @category joiners
 * @since 0.1.0
 */
export const firstN = (n: number): (<A>(start: Start<A>) => Fold<A, ReadonlyArray<A>>) => {
  const name = `firstN(${Settings.whole("Joiner.firstN", "n", n)})`
  return () => take(name, n, 1, same)
}

/**
 * Insists on `n` values, and gives them in the order of arrival. As soon as they cannot come any more it stops the rest and throws a `JoinError`.
 *
 * @throws RangeError if `n` is not a whole number of at least 1
 * @category joiners
 * @since 0.1.0
 */
export const quorum = (n: number): (<A>(start: Start<A>) => Fold<A, ReadonlyArray<A>>) => {
  const name = `quorum(${Settings.whole("Joiner.quorum", "n", n)})`
  return () => take(name, n, n, same)
}

const same = <A>(values: Array<A>): ReadonlyArray<A> => values

const take = <A, B>(name: string, most: number, least: number, f: (values: Array<A>) => B): Fold<A, B> => {
  const values: Array<A> = []
  return {
    onOutcome: (outcome) => {
      if (outcome.status === "completed") values.push(outcome.value)
      return values.length >= most
    },
    isPossible: (left) => values.length + left >= least,
    onEnd: (result) => {
      if (values.length >= least) return f(values)
      throw new JoinError(name, least, result)
    }
  }
}

/**
 * Waits for all tasks and merges the values there are, in input order. `f` also gets the whole result. With fewer than `atLeast` values it throws a `JoinError`, as soon as that is certain.
 *
 * @throws TypeError if `f` is not a function; RangeError if `atLeast` is not a whole number of at least 0
 * @category joiners
 * @since 0.1.0
 */
export const merge = <A, B>(
  f: (values: ReadonlyArray<A>, result: GatherResult<A>) => B | PromiseLike<B>,
  options?: {
    /** @default 1 */
    readonly atLeast?: number | undefined
  }
): Joiner<A, B> => {
  const where = "Joiner.merge"
  mustBeFunction(where, "f", f)
  Settings.known(where, options ?? {}, ["atLeast"])
  const atLeast = options?.atLeast === undefined ? 1 : Settings.whole(where, "atLeast", options.atLeast, 0)
  return make({
    initial: () => 0,
    onOutcome: (completed, { status }) => next(status === "completed" ? completed + 1 : completed),
    isPossible: (completed, left) => completed + left >= atLeast,
    onEnd: (_, result) => {
      if (result.completed >= atLeast) return f(result.values, result)
      throw new JoinError("merge", atLeast, result)
    }
  })
}

/**
 * Folds every outcome in the order in which tasks end. Never stops early and never throws by itself.
 *
 * @throws TypeError if `initial` or `f` is not a function
 * @category joiners
 * @since 0.1.0
 */
export const reduce = <A, B>(initial: () => B, f: (accumulated: B, outcome: Outcome<A>) => B): Joiner<A, B> => {
  mustBeFunction("Joiner.reduce", "initial", initial)
  mustBeFunction("Joiner.reduce", "f", f)
  return make({
    initial,
    onOutcome: (accumulated, outcome) => next(f(accumulated, outcome)),
    onEnd: (accumulated) => accumulated
  })
}

/**
 * Waits for all tasks and takes the greatest value; of equals, that of the earliest input. Throws a `JoinError` if there is none. With a `timeout`: the best answer by then.
 *
 * @throws TypeError if `compare` is not a function
 * @category joiners
 * @since 0.1.0
 */
export const best = <O>(compare: (a: O, b: O) => number): (<A extends O>(start: Start<A>) => Fold<A, A>) => {
  mustBeFunction("Joiner.best", "compare", compare)
  return <A extends O>(): Fold<A, A> => ({
    onOutcome: () => false,
    isPossible: always,
    onEnd: (result) => {
      const { values } = result
      if (values.length === 0) throw new JoinError("best", 1, result)
      return values.reduce((best, value) => (compare(value, best) > 0 ? value : best))
    }
  })
}

/**
 * Stops at the first outcome that `predicate` accepts, and gives the whole result. Never throws by itself.
 *
 * @throws TypeError if `predicate` is not a function
 * @category joiners
 * @since 0.1.0
 */
export const until = <A>(predicate: (outcome: Outcome<A>) => boolean): Joiner<A, GatherResult<A>> => {
  mustBeFunction("Joiner.until", "predicate", predicate)
  return make({
    initial: () => undefined,
    onOutcome: (state, outcome) => (predicate(outcome) ? decided(state) : next(state)),
    onEnd: (_, result) => result
  })
}
