/** A spawned task of a group, which is its own handle and its own node in the tree: one object a task. */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Outcome from "../Outcome.ts"
import type * as TaskGroup from "../TaskGroup.ts"
import * as TaskPump from "../TaskPump.ts"
import * as check from "./check.ts"
import type { GroupPump } from "./groupPump.ts"
import type * as lineage from "./lineage.ts"
import type { Entry } from "./timers.ts"

/**
 * A joined task gave no value because it timed out, was cancelled, or never started. Its work may have happened in part unless the outcome is `NotStarted`.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskNotCompleted extends Data.TaggedError("TaskNotCompleted")<{
  readonly outcome: Outcome.TimedOut<unknown> | Outcome.Cancelled<unknown> | Outcome.NotStarted
}> {
  override get message(): string {
    const { outcome } = this
    const who = `task ${outcome.index}${outcome.name === undefined ? "" : ` "${outcome.name}"`}`
    return outcome._tag === "TimedOut"
      ? `${who} hit its ${outcome.limit} limit`
      : `${who} ${outcome._tag === "Cancelled" ? "was cancelled" : "never started"}: ${Outcome.formatReason(outcome.reason)}`
  }
}

export class GroupTask<A, E> extends TaskPump.Task<A, E> implements TaskGroup.Handle<A, E>, lineage.TaskNode {
  readonly kind = "task"
  readonly group: GroupPump<any>
  readonly call: lineage.CallNode
  readonly observer: lineage.WaitObserver | undefined
  parent: lineage.Node
  ended = false
  reason: Outcome.Reason | undefined = undefined
  at = Infinity
  listeners: Set<lineage.Answerer> | undefined = undefined
  answering = 0
  onAnswered: (() => void) | undefined = undefined
  calls: Set<lineage.CallNode> | undefined = undefined
  waits: Set<() => lineage.Wait> | undefined = undefined
  /** Wakes the spawner that waits for this task's place. */
  onStart: (() => void) | undefined = undefined
  queueEntry: Entry | undefined = undefined
  private waiters: Array<(outcome: Outcome.Outcome<A, E>) => void> | undefined = undefined
  /** How many of this task's fibers wait for members of the group; above 0 the place is lent. */
  lent = 0
  /** How many of its fibers wait in `next`. */
  inNext = 0
  /** Ends the waits of its fibers for the lent place, when it is asked to stop. */
  places: Set<() => void> | undefined = undefined

  constructor(group: GroupPump<any>) {
    super()
    this.group = group
    this.call = this.parent = group.node
    this.observer = group.node.observer
    this.node = this
  }

  move(at: number): void {
    this.runner?.moveLimit(at)
  }

  get status(): Outcome.Status | "pending" | "running" {
    return this.outcome !== undefined ? this.outcome.status : this.started < 0 ? "pending" : "running"
  }

  get await(): Effect.Effect<Outcome.Outcome<A, E>> {
    return Effect.withFiber((fiber) => {
      const { group, outcome } = this
      if (outcome === undefined) return group.waitInside(fiber, this, (wake) => this.onOutcome(wake))
      group.saw(outcome)
      return Effect.succeed(outcome)
    })
  }

  get join(): Effect.Effect<A, E | TaskNotCompleted> {
    return Effect.flatMap(this.await, (outcome): Effect.Effect<A, E | TaskNotCompleted> => {
      switch (outcome._tag) {
        case "Completed":
          return Effect.succeed(outcome.value)
        case "Failed":
          return Effect.failCause(outcome.cause)
        default:
          return Effect.fail(new TaskNotCompleted({ outcome }))
      }
    })
  }

  cancel(reason?: unknown): Effect.Effect<Outcome.Outcome<A, E>> {
    return Effect.withFiber((fiber) => {
      const why: Outcome.Reason = { _tag: "Requested", value: reason }
      const inside = this.outcome === undefined && this.group.isInside(fiber, this)
      this.group.cancelTask(this, { reason: why })
      // A task cannot wait for its own end. Not `Effect.never`: where it cannot be interrupted, that would be the end of it.
      return inside ? Effect.failCause(Cause.annotate(Cause.interrupt(fiber.id), Outcome.annotations(why))) : this.await
    })
  }

  private onOutcome(wake: (outcome: Outcome.Outcome<A, E>) => void): () => void {
    const waiters = (this.waiters ??= [])
    waiters.push(wake)
    return () => {
      const i = waiters.indexOf(wake)
      if (i >= 0) waiters.splice(i, 1)
    }
  }

  wake(outcome: Outcome.Outcome<A, E>): void {
    const { onStart, waiters } = this
    this.onStart = undefined
    this.waiters = undefined
    onStart?.()
    if (waiters !== undefined) this.group.saw(outcome)
    if (waiters !== undefined) for (const waiter of waiters) waiter(outcome)
  }

  get label(): string {
    return this.name === undefined ? `#${this.index}` : `#${this.index} "${this.name}"`
  }
}

/** A task for another run of the same `spawn` effect. */
export const copyOf = <A, E>(task: GroupTask<A, E>): GroupTask<A, E> => {
  const copy = new GroupTask<A, E>(task.group)
  copy.name = task.name
  copy.timeout = task.timeout
  return copy
}

const levels = { high: 0, normal: 1, low: 2 } as const
const spawnOptions: ReadonlySet<string> = new Set(["name", "timeout", "priority"])

/** Reads what is asked of a new task; what is wrong throws. */
export const ask = <A, E>(
  task: GroupTask<A, E>,
  effect: Effect.Effect<A, E, unknown>,
  options: TaskGroup.SpawnOptions | undefined
): { readonly task: GroupTask<A, E>; readonly level: number } => {
  const where = "TaskGroup.spawn"
  let level: number = levels.normal
  if (options !== undefined) {
    check.options(where, options, spawnOptions)
    if (options.name !== undefined && typeof options.name !== "string") throw check.mustBe(where, "name", "a string", options.name)
    task.name = options.name
    if (options.timeout !== undefined) {
      task.timeout = Math.min(check.millis(where, "timeout", options.timeout), task.group.settings.taskTimeout)
    }
    if (options.priority !== undefined) level = levels[check.word(where, "priority", options.priority, ["high", "normal", "low"])]
  }
  if (!Effect.isEffect(effect)) throw new TypeError(check.mustBe(where, "effect", "an Effect", effect).message)
  return { task, level }
}
