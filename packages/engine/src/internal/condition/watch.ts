/**
 * Follows the truth of one condition for one who waits: looks, and then sleeps until something can have changed.
 *
 * A `SubscriptionRef` is listened to by one fiber for all, a condition of one's own by one fiber in the caller's scope; they only say that there is news. What they ask runs where the look is, one after the other, so no older answer
 * can come after a newer one, and news that come during a look lead to another one.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { type Alarms, alarms } from "../alarms.ts"
import { ConditionError, Failed } from "./error.ts"
import { hubOf } from "./hub.ts"
import type { Condition, Live } from "./model.ts"
import { fromOn, leavesOf, type Possible } from "./possible.ts"
import { changeAfter, holdsAt, isData, type Read } from "./truth.ts"

/** What is known of a leaf with code. */
interface Leaf {
  value: boolean
  /** There was news since it was last asked. */
  stale: boolean
  /** Its changes are over: what it says now it says for ever. */
  over: boolean
  error: ConditionError | undefined
}

export class Watch {
  private readonly condition: Condition
  private readonly alarms: Alarms
  private readonly leaves = new Map<Live, Leaf>()
  private wake: (() => void) | undefined
  private news = false
  private lookedAt = 0
  /** Where there is code, it may hide that the time is over: then one has to look at these instants, though they change nothing alone. */
  private readonly instants: ReadonlyArray<number>

  constructor(condition: Condition, shared: Alarms) {
    this.condition = condition
    this.alarms = shared
    const leaves = isData(condition) ? [] : leavesOf(condition)
    for (const leaf of leaves) {
      if (leaf._tag === "Ref" || leaf._tag === "Custom") this.leaves.set(leaf, { value: false, stale: true, over: false, error: undefined })
    }
    this.instants = leaves.flatMap((leaf) => (leaf._tag === "After" || leaf._tag === "Before" ? [leaf.atMillis] : []))
  }

  /** Begins to listen. It comes before the first look, or a change between the two would be lost. */
  get start(): Effect.Effect<void, never, Scope.Scope> {
    return Effect.forEach(this.leaves, ([live, leaf]) => this.listen(live, leaf), { discard: true })
  }

  private listen(live: Live, leaf: Leaf): Effect.Effect<void, never, Scope.Scope> {
    const news = (): void => {
      leaf.stale = true
      this.tell()
    }
    const over = (exit: Exit.Exit<void, unknown>): void => {
      if (Exit.isFailure(exit)) leaf.error = failed(live, exit.cause)
      leaf.over = true
      this.tell()
    }
    if (live._tag === "Ref") {
      return Effect.acquireRelease(
        Effect.sync(() => hubOf(live.ref, this.alarms).join({ news, over })),
        (leave) => Effect.sync(leave)
      )
    }
    const changes = Effect.suspend(() => Stream.runForEach(live.changes, () => Effect.sync(news)))
    return Effect.forkScoped(
      Effect.onExit(changes, (exit) => Effect.sync(() => over(exit))),
      { startImmediately: true }
    )
  }

  private tell(): void {
    this.news = true
    this.wake?.()
  }

  /** Whether it holds now. */
  get look(): Effect.Effect<boolean, ConditionError> {
    return Effect.suspend(() => {
      this.news = false
      return this.leaves.size === 0 ? this.decide : Effect.andThen(this.ask, this.decide)
    })
  }

  private readonly decide: Effect.Effect<boolean> = Effect.sync(() => {
    this.lookedAt = this.alarms.now()
    return holdsAt(this.condition, this.lookedAt, this.read)
  })

  private get ask(): Effect.Effect<void, ConditionError> {
    return Effect.forEach(
      this.leaves,
      ([live, leaf]) => {
        if (leaf.error !== undefined) return Effect.fail(leaf.error)
        if (!leaf.stale) return Effect.void
        leaf.stale = false
        return Effect.matchCauseEffect(answerOf(live), {
          onFailure: (cause) => Effect.fail((leaf.error = failed(live, cause))),
          onSuccess: (value) => {
            leaf.value = value
            return Effect.void
          }
        })
      },
      { discard: true }
    )
  }

  private readonly read: Read = (live) => this.leaves.get(live)!.value

  private readonly possible = (live: Live): Possible => {
    const { error, over, stale, value } = this.leaves.get(live)!
    return over && !stale && error === undefined ? { true: value, false: !value } : { true: true, false: true }
  }

  /** Whether what the last look saw may ever turn into `truth`. */
  mayBe(truth: boolean): boolean {
    return fromOn(this.condition, this.lookedAt, this.possible)[truth ? "true" : "false"] && (this.next < Infinity || this.mayHear)
  }

  private get mayHear(): boolean {
    for (const leaf of this.leaves.values()) if (!leaf.over || leaf.stale || leaf.error !== undefined) return true
    return false
  }

  private get next(): number {
    let next = changeAfter(this.condition, this.lookedAt, this.read)
    for (const at of this.instants) if (at > this.lookedAt && at < next) next = at
    return next
  }

  /** Until another look may see something else. */
  readonly wait: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (this.news) return resume(Effect.void)
    let cancel = (): void => {}
    let over = false
    const end = (): void => {
      over = true
      this.wake = undefined
      cancel()
    }
    this.wake = () => {
      end()
      resume(Effect.void)
    }
    // A scheduler may let anything happen while an alarm is set, also what wakes us.
    cancel = this.alarms.add(this.next, this.wake)
    if (over) cancel()
    return Effect.sync(end)
  })
}

/** A watch that listens already; its fibers end with the scope. */
export const watch = (condition: Condition): Effect.Effect<Watch, never, Scope.Scope> =>
  Effect.flatMap(unwatched(condition), (made) => Effect.as(made.start, made))

/** A watch that has nothing to listen to: for data. */
export const unwatched = (condition: Condition): Effect.Effect<Watch> => Effect.map(alarms, (shared) => new Watch(condition, shared))

const failed = (live: Live, cause: Cause.Cause<unknown>): ConditionError =>
  new ConditionError({ reason: new Failed({ condition: live.name, cause }) })

const answerOf = (live: Live): Effect.Effect<boolean, unknown> =>
  Effect.flatMap(
    Effect.suspend(() => (live._tag === "Custom" ? live.holds : Effect.succeed(live.predicate(SubscriptionRef.getUnsafe(live.ref))))),
    (answer) => (typeof answer === "boolean" ? Effect.succeed(answer) : Effect.die(new TypeError(`${live.name}: must say true or false`)))
  )
