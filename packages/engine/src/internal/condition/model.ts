/** Holds the public types of `Condition`, which re-exports them. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as SubscriptionRef from "effect/SubscriptionRef"

/**
 * A day of the week.
 *
 * @category models
 * @since 0.1.0
 */
export type Weekday = "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun"

/**
 * Days of the week: a day, a range from the first to the last that may go over Sunday (`"fri-mon"`), or a list of those.
 *
 * @category models
 * @since 0.1.0
 */
export type Weekdays = Weekday | `${Weekday}-${Weekday}` | ReadonlyArray<Weekday | `${Weekday}-${Weekday}`>

/**
 * Which of two passes through the same hour a cron expression means, when the clocks go back.
 *
 * @category models
 * @since 0.1.0
 */
export type Overlap = "earlier" | "later" | "both"

/**
 * Holds at any time.
 *
 * @category models
 * @since 0.1.0
 */
export interface Always {
  readonly _tag: "Always"
}

/**
 * Holds at no time.
 *
 * @category models
 * @since 0.1.0
 */
export interface Never {
  readonly _tag: "Never"
}

/**
 * Holds from an instant on.
 *
 * @category models
 * @since 0.1.0
 */
export interface After {
  readonly _tag: "After"
  /** Milliseconds since the Unix epoch. */
  readonly atMillis: number
}

/**
 * Holds up to an instant, and no longer at it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Before {
  readonly _tag: "Before"
  /** Milliseconds since the Unix epoch. */
  readonly atMillis: number
}

/**
 * Holds while a zone's clock shows a time of the day from `from` on and before `to`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Window {
  readonly _tag: "Window"
  readonly from: string
  readonly to: string
  /** The days on which the window begins. */
  readonly on: ReadonlyArray<Weekday>
  readonly zone: string
}

/**
 * Holds for a time from each occurrence of a cron expression on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cron {
  readonly _tag: "Cron"
  readonly expression: string
  readonly forMillis: number
  readonly zone: string
  readonly onOverlap: Overlap
}

/**
 * Holds while all of its conditions hold; without any, always.
 *
 * @category models
 * @since 0.1.0
 */
export interface All<out C extends Condition = Condition> {
  readonly _tag: "All"
  readonly conditions: ReadonlyArray<C>
}

/**
 * Holds while at least one of its conditions holds; without any, never.
 *
 * @category models
 * @since 0.1.0
 */
export interface Any<out C extends Condition = Condition> {
  readonly _tag: "Any"
  readonly conditions: ReadonlyArray<C>
}

/**
 * Holds while its condition does not.
 *
 * @category models
 * @since 0.1.0
 */
export interface Not<out C extends Condition = Condition> {
  readonly _tag: "Not"
  readonly condition: C
}

/**
 * Holds while the value of a `SubscriptionRef` satisfies a predicate.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ref {
  readonly _tag: "Ref"
  readonly name: string
  readonly ref: SubscriptionRef.SubscriptionRef<unknown>
  readonly predicate: (value: unknown) => boolean
}

/**
 * Holds while an effect says so.
 *
 * @category models
 * @since 0.1.0
 */
export interface Custom {
  readonly _tag: "Custom"
  readonly name: string
  readonly holds: Effect.Effect<boolean, unknown>
  readonly changes: Stream.Stream<unknown, unknown>
}

/**
 * A condition without code: plain frozen data, which `JSON.stringify` writes and the schema `Data` reads.
 *
 * @category models
 * @since 0.1.0
 */
export type Data = Always | Never | After | Before | Window | Cron | All<Data> | Any<Data> | Not<Data>

/**
 * Says when something may start.
 *
 * @category models
 * @since 0.1.0
 */
export type Condition = Always | Never | After | Before | Window | Cron | All | Any | Not | Ref | Custom

/** A leaf with code in it. */
export type Live = Ref | Custom

/**
 * How a window is made.
 *
 * @category options
 * @since 0.1.0
 */
export interface WindowOptions {
  /** The time of the day at which it begins: `"22:00"` or `"22:00:00"`. */
  readonly from: string
  /** The time of the day at which it is over, up to `"24:00"`; earlier than `from`, it is one of the next day. */
  readonly to: string
  /**
   * The days on which it begins: one that goes over midnight holds in the first hours of the next day too.
   *
   * @default every day
   */
  readonly on?: Weekdays | undefined
  /**
   * Whose clock: a name such as `"Europe/Berlin"`, an offset such as `"+05:30"`.
   *
   * @default the zone of this machine when the window is made, by its name
   */
  readonly zone?: string | undefined
}

/**
 * How a condition by weekdays is made.
 *
 * @category options
 * @since 0.1.0
 */
export interface WeekdaysOptions {
  /**
   * Whose days: a name such as `"Europe/Berlin"`, an offset such as `"+05:30"`.
   *
   * @default the zone of this machine when the condition is made, by its name
   */
  readonly zone?: string | undefined
}

/**
 * How a condition by cron is made.
 *
 * @category options
 * @since 0.1.0
 */
export interface CronOptions {
  /** How long it holds from each occurrence on. Occurrences that come sooner prolong it. */
  readonly for: Duration.Input
  /**
   * Whose clock. A `Cron` value brings its own.
   *
   * @default the zone of this machine when the condition is made, by its name
   */
  readonly zone?: string | undefined
  /**
   * Which occurrence counts when the clocks go back and a time comes twice. A `Cron` value brings its own.
   *
   * @default "earlier"
   */
  readonly onOverlap?: Overlap | undefined
}

/**
 * How a condition with code is named.
 *
 * @category options
 * @since 0.1.0
 */
export interface RefOptions {
  /**
   * What it is called in messages.
   *
   * @default "a value"
   */
  readonly name?: string | undefined
}

/**
 * How a condition of one's own is made.
 *
 * @category options
 * @since 0.1.0
 */
export interface CustomOptions {
  /** Says whether it holds. It is asked when somebody begins to wait and after each element of `changes`, and not otherwise. */
  readonly holds: Effect.Effect<boolean, unknown>
  /** An element, whatever it is, says that `holds` may answer differently now. Its end says that the last answer stays. */
  readonly changes: Stream.Stream<unknown, unknown>
  /**
   * What it is called in messages.
   *
   * @default "a condition"
   */
  readonly name?: string | undefined
}
