/**
 * Reads and checks the options that every operator of Skein shares.
 *
 * It owns nothing. Operators call `read` when they are made, so that a wrong option is refused at once and by one wording: `where: option must be …, got …`.
 *
 * **Example** (Refusing a wrong option)
 *
 * ```ts
 * import { Settings } from "@skein/core"
 *
 * try {
 *   Settings.read("myOperator", { concurrency: 0 }, [])
 * } catch (error) {
 *   console.log(String(error)) // => RangeError: myOperator: concurrency must be a whole number of at least 1, or "unbounded", got 0
 * }
 * ```
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import * as check from "./internal/check.ts"
import { normalize, type RetryPolicy } from "./internal/retry.ts"

export { decide as decideRetry } from "./internal/retry.ts"

/**
 * An attempt hit `attemptTimeout`. Given to the retry schedule and predicate in the place of a typed error. The attempt's work may have happened in part.
 *
 * @category errors
 * @since 0.1.0
 */
export class AttemptTimedOut extends Data.TaggedError("AttemptTimedOut")<{ readonly after: Duration.Duration }> {
  override get message(): string {
    return `attempt took longer than ${Duration.format(this.after)}`
  }
}

/**
 * The options that every operator shares, already checked: all times in milliseconds, `Infinity` for none.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settings {
  readonly name: string | undefined
  /** Names the span that each attempt of a task runs in. */
  readonly span: string | undefined
  /** The prefix of the metrics that count and time the tasks. */
  readonly metrics: string | undefined
  readonly concurrency: number
  readonly timeout: number
  readonly taskTimeout: number
  readonly attemptTimeout: number
  readonly queueTimeout: number
  readonly grace: number
  readonly retry: RetryPolicy | undefined
}

const shared = [
  "name",
  "concurrency",
  "timeout",
  "taskTimeout",
  "attemptTimeout",
  "queueTimeout",
  "grace",
  "retry",
  "span",
  "metrics"
] as const

/**
 * Checks the options that every operator shares and reads them into settings. `own` names the operator's further options; any other name is refused.
 *
 * @throws RangeError `where: option must be …, got …`
 * @category options
 * @since 0.1.0
 */
export const read = (where: string, options: unknown, own: ReadonlyArray<string>): Settings => {
  check.options(where, options, new Set([...shared, ...own]))
  const o = (options ?? {}) as { readonly [K in (typeof shared)[number]]?: unknown }
  const time = (option: (typeof shared)[number]): number => (o[option] === undefined ? Infinity : check.millis(where, option, o[option]))
  return {
    name: text(where, "name", o.name),
    span: text(where, "span", o.span),
    metrics: text(where, "metrics", o.metrics),
    concurrency: o.concurrency === undefined ? 8 : check.bound(where, "concurrency", o.concurrency),
    timeout: time("timeout"),
    taskTimeout: time("taskTimeout"),
    attemptTimeout: time("attemptTimeout"),
    queueTimeout: time("queueTimeout"),
    grace: time("grace"),
    retry: normalize(where, o.retry)
  }
}

/**
 * Makes the error of a refused option: `where: option must be expected, got …`.
 *
 * @category options
 * @since 0.1.0
 */
export const mustBe: (where: string, option: string, expected: string, got: unknown) => RangeError = check.mustBe

/**
 * Reads an option that is one of a few words; the first is the default.
 *
 * @throws RangeError if it is none of them
 * @category options
 * @since 0.1.0
 */
export const oneOf = <const W extends string>(where: string, option: string, value: unknown, words: readonly [W, ...ReadonlyArray<W>]): W =>
  value === undefined ? words[0] : check.word(where, option, value, words)

/**
 * Reads an option that is a whole number of at least `minimum`.
 *
 * @throws RangeError if it is none
 * @category options
 * @since 0.1.0
 */
export const whole = (where: string, option: string, value: unknown, minimum = 1): number =>
  check.positiveInt(where, option, value, minimum)

/**
 * Reads an option that is a number which `ok` accepts; `expected` says in words which these are.
 *
 * @throws RangeError if it is none
 * @category options
 * @since 0.1.0
 */
export const number = (where: string, option: string, value: unknown, expected: string, ok: (value: number) => boolean): number => {
  if (typeof value === "number" && ok(value)) return value
  throw check.mustBe(where, option, expected, value)
}

/**
 * Reads an option that is a length of time, in milliseconds: not negative, `"Infinity"` gives `Infinity`.
 *
 * @throws RangeError if it is none
 * @category options
 * @since 0.1.0
 */
export const millis = (where: string, option: string, value: unknown): number => check.millis(where, option, value)

/**
 * Reads an option that is a length of time above 0, in milliseconds; `"Infinity"` gives `Infinity`.
 *
 * @throws RangeError if it is none
 * @category options
 * @since 0.1.0
 */
export const positiveMillis = (where: string, option: string, value: unknown): number => check.positiveMillis(where, option, value)

/**
 * Reads an option that is a string or left out.
 *
 * @throws RangeError if it is anything else
 * @category options
 * @since 0.1.0
 */
export const text = (where: string, option: string, value: unknown): string | undefined => {
  if (value === undefined || typeof value === "string") return value
  throw check.mustBe(where, option, "a string", value)
}

/**
 * Refuses options that are not an object, and names that are not among `names`.
 *
 * @throws RangeError for the first wrong name
 * @category options
 * @since 0.1.0
 */
export const known = (where: string, options: unknown, names: ReadonlyArray<string>): void => {
  if (options === undefined) throw check.mustBe(where, "options", "an object", options)
  let set = sets.get(names)
  if (set === undefined) sets.set(names, (set = new Set(names)))
  check.options(where, options, set)
}

/** Most lists are made once, and asked each time something is described. */
const sets = new WeakMap<ReadonlyArray<string>, ReadonlySet<string>>()

/**
 * When to try a task again: a `Schedule` alone, or bounds of which at least `times` or `schedule` is given.
 *
 * @category options
 * @since 0.1.0
 */
export type RetryOptions<E> =
  | Schedule.Schedule<unknown, E | AttemptTimedOut>
  | {
      /** How many times at most after the first attempt. */
      readonly times?: number | undefined
      /**
       * How long to wait before each further attempt, and when to give up.
       *
       * @default no wait
       */
      readonly schedule?: Schedule.Schedule<unknown, E | AttemptTimedOut> | undefined
      /**
       * Which errors are worth another attempt. Defects never are.
       *
       * @default all
       */
      readonly while?: ((error: E | AttemptTimedOut) => boolean) | undefined
      /**
       * The time an attempt needs: none is started when less than this is left before a deadline.
       *
       * @default 0
       */
      readonly needs?: Duration.Input | undefined
    }
