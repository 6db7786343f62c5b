/**
 * Says when something may start: a time, a window of the day, days of the week, a cron expression, a value that one watches, and all, any or none of those.
 *
 * A condition is an immutable value that owns nothing. `await` owns what it waits with, a place in a heap of alarms and one fiber for each condition of one's own, and gives it back when it returns. All alarms of a clock share one timer, and all who wait for one `SubscriptionRef` one subscription.
 *
 * The module holds the constructors, the questions `holds`, `nextChange` and `satisfiable`, the effects `await` and `changes`, and the schema `Data`.
 *
 * **When to use**
 *
 * Use it as the `when` of a job, and with `await` for whatever else has to start at the right time. To do something again and again use a schedule.
 *
 * **Details**
 *
 * | condition | holds |
 * | --- | --- |
 * | `after`, `before` | from an instant on, up to an instant |
 * | `window` | while a zone's clock shows a time of the day, also over midnight, also on some days only |
 * | `weekdays` | on days of the week, also over Sunday |
 * | `cron` | for a time from each occurrence on |
 * | `ref`, `make` | while a value or an effect says so |
 * | `all`, `any`, `not`, `always`, `never` | as in logic |
 *
 * All but `ref` and `make` are `Data`: plain objects that a store can keep. They are half open: a window from 22:00 to 06:00 holds at 22:00 and does not at 06:00.
 *
 * *When the clocks change*, a window follows the clock on the wall. A window within the hour that is skipped does not hold that day. One within the hour that comes twice holds twice, and one around it is an hour longer. An occurrence
 * of cron that is skipped comes as much later as the clocks jump; of one that comes twice `onOverlap` says which counts.
 *
 * **Guarantees**
 *
 * - Ownership: what `await` and `changes` wait with is gone when they are.
 * - Interruption: at any step, nothing is left behind.
 * - Failure: code that throws or fails, and a condition that can hold no more, are a `ConditionError`. Nothing waits in silence for what cannot come.
 * - Order: those who wait for one instant are woken in the order in which they came.
 * - Cost: no polling. A waiter costs O(log n) to come and to go. On a live clock, which people and networks set, the one timer looks at the clock once a minute.
 *
 * **Gotchas**
 *
 * A condition is a state, not an event: what changes forth and back while nobody looks has not been.
 *
 * `window` with `on: "fri"` from 22:00 to 06:00 ends on Saturday morning. `all(window(…), weekdays("fri"))` holds on Friday only, early and late.
 *
 * **Example** (Waiting for the night)
 *
 * ```ts
 * import { Condition } from "@skein/engine"
 *
 * const night = Condition.window({ from: "22:00", to: "06:00", on: "mon-fri", zone: "Europe/Berlin" })
 * const quiet = Condition.all(night, Condition.not(Condition.cron("0 3 * * *", { for: "10 minutes", zone: "Europe/Berlin" })))
 *
 * console.log(Condition.holds(quiet, "2026-11-27T23:30:00Z")) // => true
 * console.log(Condition.holds(quiet, "2026-11-27T02:05:00Z")) // => false
 * console.log(String(Condition.nextChange(quiet, "2026-11-27T02:05:00Z"))) // => some(DateTime.Utc(2026-11-27T02:10:00.000Z))
 * console.log(Condition.describe(night)) // => mon, tue, wed, thu, fri 22:00 to 06:00 in Europe/Berlin
 * ```
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import type * as Cron_ from "effect/Cron"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { codec } from "./internal/condition/codec.ts"
import { ConditionError, NeverHolds } from "./internal/condition/error.ts"
import type * as model from "./internal/condition/model.ts"
import { neverFrom } from "./internal/condition/possible.ts"
import * as read from "./internal/condition/read.ts"
import { type Satisfiable, satisfiable as satisfiable_ } from "./internal/condition/satisfiable.ts"
import * as truth from "./internal/condition/truth.ts"
import { unwatched, watch, type Watch } from "./internal/condition/watch.ts"
import { words } from "./internal/condition/words.ts"

export { ConditionError, Failed, NeverHolds } from "./internal/condition/error.ts"
export type {
  After,
  All,
  Always,
  Any,
  Before,
  Condition,
  Cron,
  CronOptions,
  Custom,
  CustomOptions,
  Never,
  Not,
  Overlap,
  Ref,
  RefOptions,
  Weekday,
  Weekdays,
  WeekdaysOptions,
  Window,
  WindowOptions
} from "./internal/condition/model.ts"
export type { Satisfiable } from "./internal/condition/satisfiable.ts"

/**
 * A condition without code: plain frozen data, which `JSON.stringify` writes and the schema of this name reads.
 *
 * @category models
 * @since 0.1.0
 */
export type Data = model.Data

/**
 * Reads conditions that were written as JSON, and refuses those that no constructor would have made.
 *
 * **Example** (Keeping a condition)
 *
 * ```ts
 * import { Condition } from "@skein/engine"
 * import * as Schema from "effect/Schema"
 *
 * const text = JSON.stringify(Condition.weekdays("sat-sun", { zone: "UTC" }))
 * console.log(text) // => {"_tag":"Window","from":"00:00","to":"24:00","on":["sat","sun"],"zone":"UTC"}
 *
 * const weekend = Schema.decodeUnknownSync(Condition.Data)(JSON.parse(text))
 * console.log(Condition.holds(weekend, "2026-11-22T12:00:00Z")) // => true
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const Data: Schema.Codec<Data> = codec

/**
 * Holds at any time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const always: model.Always = Object.freeze({ _tag: "Always" })

/**
 * Holds at no time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const never: model.Never = Object.freeze({ _tag: "Never" })

/**
 * Holds from an instant on. A text without an offset is in UTC.
 *
 * @throws RangeError if it is no instant
 * @category constructors
 * @since 0.1.0
 */
export const after = (instant: DateTime.DateTime.Input): model.After =>
  Object.freeze({ _tag: "After", atMillis: read.instant("Condition.after", instant) })

/**
 * Holds up to an instant, and no longer at it. A text without an offset is in UTC.
 *
 * @throws RangeError if it is no instant
 * @category constructors
 * @since 0.1.0
 */
export const before = (instant: DateTime.DateTime.Input): model.Before =>
  Object.freeze({ _tag: "Before", atMillis: read.instant("Condition.before", instant) })

/**
 * Holds while a zone's clock shows a time of the day from `from` on and before `to`. With `to` before `from` it goes over midnight, and `on` means the days on which it begins.
 *
 * @throws RangeError if `from` or `to` is no time of the day, both are the same, `on` names no days, or `zone` no zone
 * @category constructors
 * @since 0.1.0
 */
export const window = (options: model.WindowOptions): model.Window => read.window("Condition.window", options)

/**
 * Holds on days of the week: `"sat"`, `"fri-mon"`, `["tue", "thu-fri"]`.
 *
 * @throws RangeError if `days` names no days, or `zone` no zone
 * @category constructors
 * @since 0.1.0
 */
export const weekdays = (days: model.Weekdays, options: model.WeekdaysOptions = {}): model.Window => {
  const where = "Condition.weekdays"
  Settings.known(where, options, ["zone"])
  // A left out list would mean every day, which is what `on` means and not what was asked here.
  const on = read.days(where, "days", days ?? null)
  return read.window(where, { from: "00:00", to: "24:00", on, zone: options.zone })
}

/**
 * Holds for a time from each occurrence of a cron expression on.
 *
 * @throws RangeError if the expression is none, or one that never comes true such as `0 0 30 2 *`, or an option is wrong
 * @category constructors
 * @since 0.1.0
 */
export const cron = (expression: string | Cron_.Cron, options: model.CronOptions): model.Cron =>
  read.cron("Condition.cron", expression, options)

/**
 * Holds while all conditions hold; without any, always.
 *
 * @throws RangeError if it is certain that they never hold at the same time, as two windows without a common minute
 * @category combinators
 * @since 0.1.0
 */
export const all = <C extends ReadonlyArray<model.Condition>>(...conditions: C): model.All<C[number]> => {
  const where = "Condition.all"
  const made: model.All<C[number]> = Object.freeze({ _tag: "All", conditions: parts(where, conditions) })
  // A part that never holds alone is meant so.
  if (neverFrom(made, -Infinity) && !conditions.some((part) => neverFrom(part, -Infinity))) {
    throw Settings.mustBe(where, "conditions", "able to hold at the same time", words(made))
  }
  return made
}

/**
 * Holds while at least one condition holds; without any, never.
 *
 * @throws RangeError if one is no condition
 * @category combinators
 * @since 0.1.0
 */
export const any = <C extends ReadonlyArray<model.Condition>>(...conditions: C): model.Any<C[number]> =>
  Object.freeze({ _tag: "Any", conditions: parts("Condition.any", conditions) })

const parts = <C extends model.Condition>(where: string, conditions: ReadonlyArray<C>): ReadonlyArray<C> => {
  for (const part of conditions) read.condition(where, "conditions", part)
  return Object.freeze(conditions.slice())
}

/**
 * Holds while the condition does not.
 *
 * @throws RangeError if it is no condition
 * @category combinators
 * @since 0.1.0
 */
export const not = <C extends model.Condition>(condition: C): model.Not<C> => {
  read.condition("Condition.not", "condition", condition)
  return Object.freeze({ _tag: "Not", condition })
}

/**
 * Holds while the value of a `SubscriptionRef` satisfies the predicate, which must be pure. It is code: a store cannot keep it.
 *
 * **Example** (Waiting for a value)
 *
 * ```ts
 * import { Condition } from "@skein/engine"
 * import * as Effect from "effect/Effect"
 * import * as SubscriptionRef from "effect/SubscriptionRef"
 *
 * const program = Effect.gen(function*() {
 *   const free = yield* SubscriptionRef.make(0)
 *   yield* Effect.forkChild(Effect.delay(SubscriptionRef.set(free, 3), "10 millis"))
 *   yield* Condition.await(Condition.ref(free, (n) => n > 2))
 *   return yield* SubscriptionRef.get(free)
 * })
 *
 * console.log(await Effect.runPromise(program)) // => 3
 * ```
 *
 * @throws RangeError if `ref` is none, or an option is wrong
 * @category constructors
 * @since 0.1.0
 */
export const ref = <A>(
  ref: SubscriptionRef.SubscriptionRef<A>,
  predicate: (value: A) => boolean,
  options: model.RefOptions = {}
): model.Ref => {
  const where = "Condition.ref"
  Settings.known(where, options, ["name"])
  if (!SubscriptionRef.isSubscriptionRef(ref)) throw Settings.mustBe(where, "ref", "a SubscriptionRef", ref)
  if (typeof predicate !== "function") throw Settings.mustBe(where, "predicate", "a function", predicate)
  const name = Settings.text(where, "name", options.name) ?? "a value"
  // The predicate is only ever given values of this ref.
  return Object.freeze({ _tag: "Ref", name, ref, predicate }) as unknown as model.Ref
}

/**
 * Makes a condition of one's own: `holds` says whether it holds, `changes` when to ask again. It is code: a store cannot keep it.
 *
 * **Gotchas**
 *
 * A change that `changes` does not tell is not seen. A stream that begins to listen late should begin with an element, as `SubscriptionRef.changes` does. An answer that never comes is waited for; bound it with `Effect.timeout`.
 *
 * @throws RangeError if an option is wrong
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: model.CustomOptions): model.Custom => {
  const where = "Condition.make"
  Settings.known(where, options, ["holds", "changes", "name"])
  const { changes, holds } = options
  if (!Effect.isEffect(holds)) throw Settings.mustBe(where, "holds", "an Effect", holds)
  if (!Stream.isStream(changes)) throw Settings.mustBe(where, "changes", "a Stream", changes)
  return Object.freeze({ _tag: "Custom", name: Settings.text(where, "name", options.name) ?? "a condition", holds, changes })
}

/**
 * Whether there is no code in a condition: its truth is a matter of the time alone, and a store can keep it.
 *
 * @category guards
 * @since 0.1.0
 */
export const isData = (condition: model.Condition): condition is Data => truth.isData(condition)

/**
 * Whether a condition holds at an instant.
 *
 * @throws RangeError if there is code in it, or `now` is no instant
 * @category questions
 * @since 0.1.0
 */
export const holds = (condition: Data, now: DateTime.DateTime.Input): boolean =>
  truth.holdsAt(timed("Condition.holds", condition), read.instant("Condition.holds", now), truth.nothing)

/**
 * The next instant at which the condition holds no longer, or again; none if there is none.
 *
 * **Details**
 *
 * It is exact, also where the clocks change. Only where very many changes cancel each other out (occurrences of cron that prolong each other, parts that never meet) is it an instant before which nothing changes.
 *
 * @throws RangeError if there is code in it, or `now` is no instant
 * @category questions
 * @since 0.1.0
 */
export const nextChange = (condition: Data, now: DateTime.DateTime.Input): Option.Option<DateTime.Utc> => {
  const at = truth.changeAfter(timed("Condition.nextChange", condition), read.instant("Condition.nextChange", now), truth.nothing)
  // Far enough away an instant is no date any more, and nobody waits for it.
  return at === Infinity ? Option.none() : DateTime.make(at)
}

const timed = (where: string, condition: Data): Data => {
  if (truth.isData(read.condition(where, "condition", condition))) return condition
  throw Settings.mustBe(where, "condition", "one without code in it", words(condition))
}

/**
 * Whether a condition can hold from an instant on: `yes` and when first, `no`, or `unknown` with the reason.
 *
 * **Example** (Asking before waiting)
 *
 * ```ts
 * import { Condition } from "@skein/engine"
 *
 * const sales = Condition.before("2026-11-28T00:00:00Z")
 * console.log(Condition.satisfiable(sales, "2026-12-01").answer) // => no
 * ```
 *
 * @throws RangeError if `now` is no instant
 * @category questions
 * @since 0.1.0
 */
export const satisfiable = (condition: model.Condition, now: DateTime.DateTime.Input): Satisfiable =>
  satisfiable_(read.condition("Condition.satisfiable", "condition", condition), read.instant("Condition.satisfiable", now))

/**
 * A condition in words, for messages and lists.
 *
 * @category questions
 * @since 0.1.0
 */
export const describe = (condition: model.Condition): string => words(read.condition("Condition.describe", "condition", condition))

/**
 * Waits until the condition holds, and not at all if it does.
 *
 * **Details**
 *
 * It sleeps until the next instant at which the time may change something, and wakes up for changes of the values. When it returns, the condition held a moment ago.
 *
 * It fails with `ConditionError` as soon as the condition can hold no more, or some code in it throws or fails, even where the other parts would do without it.
 *
 * @category waiting
 * @since 0.1.0
 */
const await_ = (condition: model.Condition): Effect.Effect<void, ConditionError> =>
  truth.isData(read.condition("Condition.await", "condition", condition))
    ? Effect.flatMap(unwatched(condition), (watch) => until(watch, condition))
    : Effect.scoped(Effect.flatMap(watch(condition), (watch) => until(watch, condition)))

const until = (watch: Watch, condition: model.Condition): Effect.Effect<void, ConditionError> =>
  Effect.gen(function* () {
    while (!(yield* watch.look)) {
      if (!watch.mayBe(true)) return yield* new ConditionError({ reason: new NeverHolds({ condition: words(condition) }) })
      yield* watch.wait
    }
  })

export { await_ as await }

/**
 * Says whether the condition holds, first as it is and then on each change: `true` and `false` in turn.
 *
 * **Details**
 *
 * The stream ends when nothing can change any more. It is looked at when somebody pulls: changes forth and back while the consumer is busy are none, so a slow one is never flooded. It fails as `await` does, but not because the
 * condition can hold no more.
 *
 * @category waiting
 * @since 0.1.0
 */
export const changes = (condition: model.Condition): Stream.Stream<boolean, ConditionError> => {
  read.condition("Condition.changes", "condition", condition)
  return Stream.unwrap(
    Effect.map(watch(condition), (watch) =>
      Stream.unfold<boolean | undefined, boolean, ConditionError, never>(undefined, (last) => edge(watch, last))
    )
  )
}

/** The next truth that is another one than the last. */
const edge = (watch: Watch, last: boolean | undefined): Effect.Effect<readonly [boolean, boolean] | undefined, ConditionError> =>
  Effect.gen(function* () {
    for (;;) {
      const truth = yield* watch.look
      if (truth !== last) return [truth, truth] as const
      if (!watch.mayBe(!truth)) return undefined
      yield* watch.wait
    }
  })
