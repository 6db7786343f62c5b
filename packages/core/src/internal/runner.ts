/** Runs tasks of a pump one after the other in one fiber, and keeps their clocks. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Outcome from "../Outcome.ts"
import type { TaskPump } from "../TaskPump.ts"
import * as fiberState from "./fiberState.ts"
import * as lineage from "./lineage.ts"
import type { Again, Cut, FailedAttempt, Task } from "./task.ts"
import { type Entry, slack } from "./timers.ts"

/** How long cleanup may take before it is said who is waited for, in milliseconds (law 2). */
export const slowCleanup = 10_000

/**
 * One fiber of a pump. It is itself the description of its loop, so that a runner costs one object and no closures.
 *
 * @internal
 */
export class Runner<A, E> {
  readonly pump: TaskPump<A, E>
  private ownNode: lineage.TaskNode | undefined = undefined
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  task: Task<A, E> | undefined = undefined
  spare: Task<A, E> | undefined = undefined
  /** How deep the fiber's stack is under the running task. */
  base = 0
  /** A value whose task has forked children: they are interrupted and awaited before it counts. */
  held: { readonly value: A } | undefined = undefined
  deciding: FailedAttempt | undefined = undefined
  /** When its last task ended, in microseconds since the pump was made; -1 if none has. */
  ended = -1
  hasPlace = true
  /** The fiber was interrupted by us: it must take no other task. */
  spent = false
  /** Its first task was given to it before its fiber was there. */
  private adopted = false
  private entered = false
  /** What the fiber runs. */
  readonly loop: Effect.Effect<void, E> = Effect.whileLoop<A, E, never>(this)
  /** When the current task's time is over, in milliseconds; -1 if never. A virtual clock starts at 0. */
  private limitAt = -1
  private limitEntry: Entry | undefined = undefined
  private stopEntry: Entry | undefined = undefined
  /** The current task is to stop when the calls inside it have answered, and a moment later. */
  private holding = false

  constructor(pump: TaskPump<A, E>) {
    this.pump = pump
  }

  /** The node of tasks that bring none. */
  get node(): lineage.TaskNode {
    return (this.ownNode ??= makeNode(this.pump.node, this.pump.node, (at) => this.moveLimit(at)))
  }

  while(): boolean {
    if (!this.entered) {
      this.entered = true
      this.fiber = Fiber.getCurrent()!
      if (this.adopted) return this.task!.cut === undefined
    }
    if (this.spent || !this.hasPlace || this.held !== undefined) return false
    const task = this.pump.take(this)
    if (task === undefined) return false
    this.task = task
    task.runner = this
    // The fiber itself moves into the task's context: a frame that provides it, or a fiber of its own, would cost more than most tasks.
    if (task.context !== undefined) this.fiber!.setContext(task.context)
    if (task.node === undefined) {
      const { node } = this
      node.index = task.index
      node.name = task.name
    }
    if (task.queued < 0) task.queued = this.ended < 0 ? this.pump.micros() : this.ended
    const { queueTimeout } = this.pump.settings
    if (task.started >= 0) {
      // A task that is tried again has its clock running while it waits for a permit.
      if (this.pump.hasTaskLimits) this.limit(this.pump.taskLimit(task))
    } else if (queueTimeout < Infinity) this.limit(this.pump.instantOf(task.queued) + queueTimeout)
    return true
  }

  body(): Effect.Effect<A, E> {
    const task = this.task!
    if (this.adopted) {
      this.adopted = false
      return this.pump.attemptOf(this, task)
    }
    const failed = task.undecided
    if (failed !== undefined) {
      task.undecided = undefined
      this.deciding = failed
      return this.pump.decide(task, failed) as Effect.Effect<never>
    }
    return this.pump.attempt(this, task)
  }

  step(value: A): void {
    const task = this.task!
    const failed = this.deciding
    if (failed !== undefined) {
      this.deciding = undefined
      // Deciding took its time, which is nobody's.
      this.ended = -1
      this.pump.decided(this, task, failed, value as Again | Exit.Exit<never, E>)
    } else if (fiberState.hasChildren(this.fiber!)) this.held = { value }
    else {
      this.held = undefined
      this.pump.completed(this, task, value)
    }
  }

  /** Starts the task's running clock and gives its effect. */
  begin(task: Task<A, E>): Effect.Effect<A, E> {
    this.start(task)
    this.measureDepth()
    return this.pump.attemptOf(this, task)
  }

  /** Notes how deep the stack is right under the task: whatever is pushed from here on is the task's own. */
  measureDepth(): void {
    this.base = fiberState.depth(this.fiber!)
  }

  /**
   * Nothing on the stack is the task's own while it waits for a permit. With the depth of the task before it an interruption that comes in an uninterruptible step of that wait would be hidden from all that follows, and
   * the task would begin and never be stopped.
   */
  forgetDepth(): void {
    this.base = 0
  }

  /** Takes a first task before the fiber is there. */
  adopt(task: Task<A, E>): void {
    this.adopted = true
    // The loop is all that is under the task.
    this.base = 1
    this.task = task
    task.runner = this
    this.start(task)
  }

  private start(task: Task<A, E>): void {
    const { settings } = this.pump
    this.holding = false
    task.attempts++
    if (task.started < 0) {
      // A task begins in the very step in which the last one ended: one reading of the clock serves both.
      const { ended, pump } = this
      const node = task.node ?? this.ownNode
      if (node?.waited !== undefined) node.waited = 0
      task.started = ended >= 0 ? Math.max(ended, task.queued) : pump.instant >= 0 ? pump.instant : pump.micros()
      this.pump.instant = -1
    }
    if (!this.pump.hasTaskLimits && task.timeout < 0 && this.limitAt < 0) return
    const taskLimit = this.pump.taskLimit(task)
    const at = settings.attemptTimeout < Infinity ? Math.min(taskLimit, this.pump.now() + settings.attemptTimeout) : taskLimit
    ;(task.node ?? this.node).at = at
    this.limit(at)
  }

  /**
   * Sets when the current task's time is over. The timer is lazy: it is moved forward only when a limit comes before it, and looks again when it fires. Short tasks under a
   * long limit therefore never touch it.
   */
  private limit(at: number): void {
    this.limitAt = at < Infinity ? at : -1
    if (this.limitEntry === undefined) {
      if (at < Infinity) this.limitEntry = this.pump.timers.add(at, () => this.onLimit())
    } else if (at < this.limitEntry.at || this.limitEntry.position < 0) this.pump.timers.move(this.limitEntry, at)
  }

  /** Moves the limit of the running task. */
  moveLimit(at: number): void {
    const { task } = this
    if (task === undefined || task.cut !== undefined) return
    const taskLimit = this.pump.taskLimit(task)
    // An attempt's limit is inside the task's, which still binds it.
    const moved = this.limitAt < taskLimit ? Math.min(at, taskLimit) : at
    if (this.limitAt >= taskLimit) task.timeout = at - this.pump.instantOf(task.started)
    ;(task.node ?? this.node).at = moved
    this.limit(moved)
  }

  private onLimit(): void {
    const { pump, task } = this
    if (task === undefined || this.limitAt < 0) return
    if (this.limitAt > pump.now() + slack) {
      pump.timers.move(this.limitEntry!, this.limitAt)
      return
    }
    // Asked to stop already, for another reason, and still at it: what it has started is under this limit all the same.
    if (task.cut !== undefined) return lineage.announce(task.node ?? this.node)
    const { attemptTimeout, queueTimeout } = pump.settings
    if (task.started < 0) {
      this.cut({ limit: "queue", after: queueTimeout, reason: { _tag: "QueueTimeout", after: Duration.millis(queueTimeout) } }, false)
      return
    }
    const own = this.limitAt >= pump.taskLimit(task)
    const after = own ? pump.toldLength(task, task.node ?? this.node) : attemptTimeout
    this.cut({ limit: own ? "task" : "attempt", after, reason: { _tag: "TaskTimeout", after: Duration.millis(after) } }, true)
    lineage.announce(task.node ?? this.node)
  }

  /** Asks the running task to stop; with `hold` after the calls inside it have answered. */
  cut(cut: Cut, hold: boolean): void {
    const { pump, task } = this
    if (task === undefined || task.cut !== undefined) return
    const node = task.node ?? this.node
    // A second limit that comes while the first one is being answered changes nothing: the code behind the answer keeps its moment.
    if (hold && this.holding) return
    if (hold && node.answering > 0) {
      this.holding = true
      node.onAnswered = () => {
        if (this.task !== task || task.cut !== undefined) return
        this.stopAt(pump.now() + lineage.afterAnswer, () => this.cut(cut, false))
      }
      return
    }
    task.cut = cut
    node.reason = cut.reason
    this.spent = true
    this.clearStop()
    if (!this.entered) {
      // Its fiber has been made and has not made its first step: it will not.
      task.started = -1
      task.attempts = 0
      return
    }
    // A task whose code has ended keeps its value or failure; the children that it waits for are being interrupted, and have the grace for it like all cleanup.
    if (!this.isOver()) fiberState.interrupt(this.fiber!, pump.owner.id, this.base, Outcome.annotations(cut.reason))
    pump.onCut(task)
    if (this.task !== task) return
    const { grace } = pump.settings
    const abandon = (): void => pump.abandon(task)
    if (grace <= slowCleanup || (grace < Infinity && pump.stopped !== undefined)) this.stopAt(pump.now() + grace, abandon)
    else if (pump.stopped === undefined) {
      this.stopAt(pump.now() + slowCleanup, () => {
        pump.warnSlow([this])
        if (grace < Infinity) this.stopAt(pump.now() + grace - slowCleanup, abandon)
      })
    }
  }

  /** Whether the running task's own code has ended, so that only its children are waited for. */
  private isOver(): boolean {
    return this.held !== undefined || fiberState.hasLeft(this.fiber!, this.loop)
  }

  private stopAt(at: number, then: () => void): void {
    this.clearStop()
    this.pump.timers.move((this.stopEntry = this.pump.timers.add(Infinity, then)), at)
  }

  private clearStop(): void {
    if (this.stopEntry !== undefined) this.pump.timers.cancel(this.stopEntry)
    this.stopEntry = undefined
  }

  leaveTask(): void {
    this.task = undefined
    if (this.stopEntry !== undefined) this.clearStop()
    if (this.ownNode !== undefined) {
      this.ownNode.onAnswered = undefined
      this.ownNode.reason = undefined
      // A detached call of this task is still inside this node: the next task must not answer for it, so another runner takes it.
      if (this.ownNode.answering > 0) this.spent = true
    }
    this.limitAt = -1
  }

  /** Gives the place back, once. */
  free(): void {
    if (this.limitEntry !== undefined && this.task === undefined) this.pump.timers.cancel(this.limitEntry)
    if (!this.hasPlace) return
    this.hasPlace = false
    this.pump.running--
  }
}

/** @internal */
const makeNode = (call: lineage.CallNode, parent: lineage.Node, move: ((at: number) => void) | undefined): lineage.TaskNode => ({
  kind: "task",
  parent,
  call,
  observer: call.observer,
  ended: false,
  name: undefined,
  index: 0,
  reason: undefined,
  at: Infinity,
  move,
  listeners: undefined,
  answering: 0,
  onAnswered: undefined,
  calls: undefined,
  waits: undefined
})
