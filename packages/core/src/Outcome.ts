/**
 * Says how one task ended, once and for ever.
 *
 * An `Outcome` is a plain immutable value: it owns nothing, and nothing changes it after it was made. Each input of a gather and each
 * task of a group gets exactly one. There are five cases: `Completed`, `Failed`, `TimedOut`, `Cancelled`, `NotStarted`. A success is never thrown away (a task
 * that completed although it was asked to stop is `Completed` and `late`), and a failure never changes its kind (a task that failed while it
 * was being stopped stays `TimedOut` or `Cancelled` and carries the cause).
 *
 * **Details**
 *
 * Instants are milliseconds since the Unix epoch on a clock that never goes back. `queuedFor` and `ranFor` are two clocks: waiting is never counted as
 * running.
 *
 * **Example** (Telling the five cases apart)
 *
 * ```ts
 * import { Outcome } from "@skein/core"
 *
 * const describe = (outcome: Outcome.Outcome<number, Error>): string =>
 *   Outcome.match(outcome, {
 *     onCompleted: ({ value, late }) => `${value}${late ? " (late)" : ""}`,
 *     onFailed: ({ cause }) => `failed: ${cause.reasons.length} reason(s)`,
 *     onTimedOut: ({ limit }) => `hit the ${limit} limit`,
 *     onCancelled: ({ reason }) => `cancelled: ${Outcome.formatReason(reason)}`,
 *     onNotStarted: ({ reason }) => `never ran: ${Outcome.formatReason(reason)}`
 *   })
 *
 * const outcome: Outcome.Outcome<number, Error> = new Outcome.Completed({ index: 0, attempts: 1 }, 42, false)
 * console.log(describe(outcome)) // => 42
 * console.log(outcome.status) // => completed
 * ```
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Equal from "effect/Equal"

/**
 * How one task ended.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome<A, E = never> = Completed<A> | Failed<E> | TimedOut<E> | Cancelled<E> | NotStarted

/**
 * An outcome in one word. A handle's status also knows `pending` and `running`.
 *
 * @category models
 * @since 0.1.0
 */
export type Status = "completed" | "failed" | "timeout" | "cancelled" | "notStarted"

/**
 * Which limit a timed-out task hit: its own time (`task`), one attempt's (`attempt`), its time in the queue (`queue`), the whole call's
 * (`call`), or a deadline inherited from around the call (`deadline`).
 *
 * @category models
 * @since 0.1.0
 */
export type Limit = "task" | "attempt" | "queue" | "call" | "deadline"

/**
 * Who asked a task to stop, and why. `because` is the next link: why that one stopped.
 *
 * | tag | meaning |
 * | --- | --- |
 * | `SiblingFailed` | another task failed and the policy is to stop the rest |
 * | `CallerInterrupted` | the fiber that owns the call was interrupted |
 * | `CallTimeout` | the call's own `timeout` was over |
 * | `TaskTimeout` | the task's own time limit was over |
 * | `DeadlineReached` | a deadline around the call was reached (`at`: ms since the epoch) |
 * | `QueueTimeout` | it waited longer for its turn than its queue limit |
 * | `Requested` | somebody called `cancel(value)` |
 * | `Aborted` | an `AbortSignal` fired; `value` is the signal's own reason |
 * | `Stopped` | the call's `stop` effect ended, or whoever collects results had enough |
 * | `SourceFailed` | the source of items failed; nothing more was pulled |
 * | `Decided` | the joiner of its fan-out had seen enough, or threw (`value`) |
 * | `Closed` | its group was closed |
 * | `ExecutorClosed` | the executor of its call was closed (`name`) |
 * | `Interrupted` | the task's own fiber was interrupted by somebody else, or interrupted itself |
 *
 * @category models
 * @since 0.1.0
 */
export interface Reason {
  readonly _tag:
    | "SiblingFailed"
    | "CallerInterrupted"
    | "CallTimeout"
    | "TaskTimeout"
    | "DeadlineReached"
    | "QueueTimeout"
    | "Requested"
    | "Aborted"
    | "Stopped"
    | "SourceFailed"
    | "Decided"
    | "Closed"
    | "ExecutorClosed"
    | "Interrupted"
  /** `SiblingFailed`: which one. */
  readonly index?: number | undefined
  /** `SiblingFailed`, `ExecutorClosed`: its name. */
  readonly name?: string | undefined
  /** `DeadlineReached`: the instant, in milliseconds since the Unix epoch. */
  readonly at?: number | undefined
  /** `CallTimeout`, `TaskTimeout`, `QueueTimeout`: the limit. */
  readonly after?: Duration.Duration | undefined
  /** `Requested`, `Aborted`: what was given as the reason, as it was given. `Decided`: what the joiner threw, if it did. */
  readonly value?: unknown
  /** The next link of the chain. */
  readonly because?: Reason | undefined
}

/**
 * What every outcome knows of its task, as given to a constructor.
 *
 * @category models
 * @since 0.1.0
 */
export interface Info {
  /** Position in the input, from 0. */
  readonly index: number
  readonly name?: string | undefined
  /** How many times it was started: 0 if never, more than 1 after retries. */
  readonly attempts: number
  /** Why the attempts before the last one ended, oldest first; the last 16. */
  readonly attemptCauses?: ReadonlyArray<Cause.Cause<unknown>> | undefined
  /** When it was handed over (for lazy sources: pulled), in milliseconds since the Unix epoch. */
  readonly queuedAt?: number | undefined
  /** When its first attempt started, in milliseconds since the Unix epoch. */
  readonly startedAt?: number | undefined
  /** When its last attempt ended, in milliseconds since the Unix epoch. */
  readonly endedAt?: number | undefined
  /** It had not ended when the grace was over. Its outcome stays as it is; its real end is reported by the owner's `abandoned` list. */
  readonly abandoned?: boolean | undefined
  /** The three instants in compact form, in the place of `queuedAt`, `startedAt` and `endedAt`: for engines that make many outcomes. */
  readonly stamp?: Stamp | undefined
}

/**
 * Instants in compact form: microseconds since an origin that many outcomes share; -1 where there is none.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stamp {
  readonly origin: { readonly at: number }
  readonly queued: number
  readonly started: number
  readonly ended: number
}

const none: ReadonlyArray<never> = []

/**
 * Instants are kept as whole microseconds since `origin`: small integers live inside the object, while each double would be an object of its own, and
 * 100,000 outcomes are kept at once. For the same reason what is rarely used shares one field.
 */
abstract class Base {
  readonly index: number
  readonly name: string | undefined
  private readonly origin: Stamp["origin"]
  private readonly queued: number
  private readonly started: number
  private readonly ended: number
  private readonly rare: Rare
  constructor(info: Info) {
    const stamp = info.stamp ?? stampOf(info)
    this.index = info.index
    this.name = info.name
    this.origin = stamp.origin
    this.queued = stamp.queued
    this.started = stamp.started
    this.ended = stamp.ended
    this.rare =
      info.attemptCauses === undefined && info.abandoned !== true && info.attempts <= 1
        ? info.attempts === 1
          ? once
          : notAtAll
        : { attempts: info.attempts, attemptCauses: info.attemptCauses ?? none, abandoned: info.abandoned === true }
  }
  /** How many times it was started: 0 if never, more than 1 after retries. */
  get attempts(): number {
    return this.rare.attempts
  }
  /** Why the attempts before the last one ended, oldest first; the last 16. */
  get attemptCauses(): ReadonlyArray<Cause.Cause<unknown>> {
    return this.rare.attemptCauses
  }
  /** It had not ended when the grace was over. */
  get abandoned(): boolean {
    return this.rare.abandoned
  }
  /** When it was handed over, in milliseconds since the Unix epoch. */
  get queuedAt(): number | undefined {
    return this.queued < 0 ? undefined : this.origin.at + this.queued / 1000
  }
  /** When its first attempt started, in milliseconds since the Unix epoch. */
  get startedAt(): number | undefined {
    return this.started < 0 ? undefined : this.origin.at + this.started / 1000
  }
  /** When its last attempt ended, in milliseconds since the Unix epoch. */
  get endedAt(): number | undefined {
    return this.ended < 0 ? undefined : this.origin.at + this.ended / 1000
  }
  /** How long it waited before its first attempt, or until it was given up; `undefined` where that is unknown. */
  get queuedFor(): Duration.Duration | undefined {
    return between(this.queuedAt, this.startedAt ?? this.endedAt)
  }
  /** From the start of its first attempt to the end of its last; `undefined` if it never started or has not ended. */
  get ranFor(): Duration.Duration | undefined {
    return between(this.startedAt, this.endedAt)
  }
  toJSON(): object {
    const { attempts, endedAt, index, name, queuedAt, startedAt } = this
    const { _tag, cause, late, limit, reason, value } = this as {
      readonly _tag?: string
      readonly value?: unknown
      readonly late?: boolean
      readonly cause?: unknown
      readonly limit?: string
      readonly reason?: unknown
    }
    const abandoned = this.abandoned ? true : undefined
    return { _tag, index, name, value, late, limit, reason, cause, attempts, queuedAt, startedAt, endedAt, abandoned }
  }
  [Symbol.for("nodejs.util.inspect.custom")](): object {
    return Object.fromEntries(Object.entries(this.toJSON()).filter(([_, value]) => value !== undefined))
  }
}

interface Rare {
  readonly attempts: number
  readonly attemptCauses: ReadonlyArray<Cause.Cause<unknown>>
  readonly abandoned: boolean
}
const once: Rare = { attempts: 1, attemptCauses: none, abandoned: false }
const notAtAll: Rare = { attempts: 0, attemptCauses: none, abandoned: false }

const stampOf = (info: Info): Stamp => {
  const at = info.queuedAt ?? info.startedAt ?? info.endedAt ?? 0
  const micros = (instant: number | undefined): number => (instant === undefined ? -1 : Math.max(0, Math.round((instant - at) * 1000)))
  return { origin: { at }, queued: micros(info.queuedAt), started: micros(info.startedAt), ended: micros(info.endedAt) }
}

const between = (from: number | undefined, to: number | undefined): Duration.Duration | undefined =>
  from === undefined || to === undefined ? undefined : Duration.millis(Math.max(0, to - from))

/**
 * It gave a value. `late`: it did so although it had been asked to stop.
 *
 * @category models
 * @since 0.1.0
 */
export class Completed<out A> extends Base {
  readonly _tag = "Completed"
  readonly value: A
  readonly late: boolean
  constructor(info: Info, value: A, late: boolean) {
    super(info)
    this.value = value
    this.late = late
  }
  get status(): "completed" {
    return "completed"
  }
}

/**
 * It failed or died by itself, before anybody asked it to stop.
 *
 * @category models
 * @since 0.1.0
 */
export class Failed<out E> extends Base {
  readonly _tag = "Failed"
  readonly cause: Cause.Cause<E>
  constructor(info: Info, cause: Cause.Cause<E>) {
    super(info)
    this.cause = cause
  }
  get status(): "failed" {
    return "failed"
  }
}

/**
 * A limit was over before it was done. `cause` is how it then ended: an interruption, and whatever its cleanup failed with.
 *
 * @category models
 * @since 0.1.0
 */
export class TimedOut<out E> extends Base {
  readonly _tag = "TimedOut"
  readonly limit: Limit
  /** The length of the limit; for a deadline, the time from the start of the call to the deadline. */
  readonly after: Duration.Duration
  readonly cause: Cause.Cause<E>
  constructor(info: Info, limit: Limit, after: Duration.Duration, cause: Cause.Cause<E>) {
    super(info)
    this.limit = limit
    this.after = after
    this.cause = cause
  }
  get status(): "timeout" {
    return "timeout"
  }
}

/**
 * It had started and was asked to stop for another reason than a time limit.
 *
 * @category models
 * @since 0.1.0
 */
export class Cancelled<out E> extends Base {
  readonly _tag = "Cancelled"
  readonly reason: Reason
  readonly cause: Cause.Cause<E>
  constructor(info: Info, reason: Reason, cause: Cause.Cause<E>) {
    super(info)
    this.reason = reason
    this.cause = cause
  }
  get status(): "cancelled" {
    return "cancelled"
  }
}

/**
 * It never ran.
 *
 * @category models
 * @since 0.1.0
 */
export class NotStarted extends Base {
  readonly _tag = "NotStarted"
  readonly reason: Reason
  constructor(info: Info, reason: Reason) {
    super(info)
    this.reason = reason
  }
  get status(): "notStarted" {
    return "notStarted"
  }
}

/**
 * Chooses by case.
 *
 * @category matching
 * @since 0.1.0
 */
export const match = <A, E, B>(
  self: Outcome<A, E>,
  cases: {
    readonly onCompleted: (outcome: Completed<A>) => B
    readonly onFailed: (outcome: Failed<E>) => B
    readonly onTimedOut: (outcome: TimedOut<E>) => B
    readonly onCancelled: (outcome: Cancelled<E>) => B
    readonly onNotStarted: (outcome: NotStarted) => B
  }
): B => {
  switch (self._tag) {
    case "Completed":
      return cases.onCompleted(self)
    case "Failed":
      return cases.onFailed(self)
    case "TimedOut":
      return cases.onTimedOut(self)
    case "Cancelled":
      return cases.onCancelled(self)
    case "NotStarted":
      return cases.onNotStarted(self)
  }
}

/**
 * Tells whether it gave a value, late or not.
 *
 * @category guards
 * @since 0.1.0
 */
export const isCompleted = <A, E>(self: Outcome<A, E>): self is Completed<A> => self._tag === "Completed"

/**
 * Gives the cause that an outcome carries: of its failure, or of how it ended after it was asked to stop.
 *
 * @category getters
 * @since 0.1.0
 */
export const cause = <A, E>(self: Outcome<A, E>): Cause.Cause<E> | undefined =>
  self._tag === "Completed" || self._tag === "NotStarted" ? undefined : self.cause

/** It equals itself alone: Effect hashes annotations when it combines causes, and what a user gave as the reason may be anything. */
interface Carried {
  readonly reason: Reason
}

const ReasonKey = Context.Reference<Carried | undefined>("@skein/core/Outcome/reason", { defaultValue: () => undefined })

/**
 * Gives the annotations to interrupt a fiber with, so that its cleanup can ask why.
 *
 * @category causes
 * @since 0.1.0
 */
export const annotations = (reason: Reason): Context.Context<never> =>
  Context.make(ReasonKey, Equal.byReferenceUnsafe<Carried>({ reason })) as Context.Context<never>

/**
 * Reads from a cause why a task was asked to stop; `undefined` if the cause does not say. Use it in a finalizer, where the outcome does not exist yet.
 *
 * @category causes
 * @since 0.1.0
 */
export const reasonFromCause = (cause: Cause.Cause<unknown>): Reason | undefined => {
  for (const reason of cause.reasons) {
    const found = reason.annotations.get(ReasonKey.key)
    if (found !== undefined) return (found as Carried).reason
  }
  return undefined
}

/**
 * Writes a reason chain on one line, the nearest link first, links separated by ` ← `.
 *
 * **Example** (Reading why a task was cancelled)
 *
 * ```ts
 * import { Outcome } from "@skein/core"
 *
 * const reason: Outcome.Reason = { _tag: "CallerInterrupted", because: { _tag: "SiblingFailed", index: 3, name: "billing" } }
 * console.log(Outcome.formatReason(reason)) // => caller interrupted ← sibling 3 "billing" failed
 * ```
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatReason = (reason: Reason): string => {
  const links: Array<string> = []
  for (let r: Reason | undefined = reason; r !== undefined && links.length < 32; r = r.because) links.push(formatLink(r))
  return links.join(" ← ")
}

const formatLink = (reason: Reason): string => {
  switch (reason._tag) {
    case "SiblingFailed":
      // A group's body has a name and no index.
      if (reason.index === undefined) return `${reason.name ?? "a sibling"} failed`
      return `sibling ${reason.index}${reason.name === undefined ? "" : ` ${JSON.stringify(reason.name)}`} failed`
    case "CallerInterrupted":
      return "caller interrupted"
    case "CallTimeout":
      return `call timed out${afterText(reason.after)}`
    case "TaskTimeout":
      return `task timed out${afterText(reason.after)}`
    case "DeadlineReached":
      return reason.at === undefined || !Number.isFinite(reason.at)
        ? "deadline reached"
        : `deadline reached at ${new Date(reason.at).toISOString()}`
    case "QueueTimeout":
      return `waited too long in the queue${afterText(reason.after)}`
    case "Requested":
      return reason.value === undefined ? "cancelled on request" : `cancelled on request: ${text(reason.value)}`
    case "Aborted":
      return reason.value === undefined ? "aborted" : `aborted: ${text(reason.value)}`
    case "Stopped":
      return "stopped"
    case "SourceFailed":
      return "source failed"
    case "Decided":
      return reason.value === undefined ? "joiner decided" : `joiner threw: ${text(reason.value)}`
    case "Closed":
      return "group closed"
    case "ExecutorClosed":
      return `executor${reason.name === undefined ? "" : ` ${JSON.stringify(reason.name)}`} closed`
    case "Interrupted":
      return "interrupted"
  }
}

const afterText = (after: Duration.Duration | undefined): string => (after === undefined ? "" : ` after ${Duration.format(after)}`)

/** A reason given by a user may be anything, also something whose `toString` throws. */
const text = (value: unknown): string => {
  try {
    return value instanceof Error ? `${value.name}: ${value.message}` : typeof value === "string" ? value : String(value)
  } catch {
    return "a reason that cannot be shown"
  }
}
