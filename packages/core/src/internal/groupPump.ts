/**
 * The group behind `TaskGroup`: a pump whose source is a queue that `spawn` fills, and whose tasks are their own handles.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"
import { DeadlineExceeded } from "../Deadline.ts"
import * as GatherResult from "../GatherResult.ts"
import * as Outcome from "../Outcome.ts"
import type { Progress } from "../Progress.ts"
import type { Settings } from "../Settings.ts"
import type * as TaskGroup from "../TaskGroup.ts"
import * as TaskPump from "../TaskPump.ts"
import * as check from "./check.ts"
import type { Dump } from "./dump.ts"
import * as fiberState from "./fiberState.ts"
import { Fifo } from "./fifo.ts"
import { bodyFailures, failuresOf } from "./groupCauses.ts"
import { ask, copyOf, GroupTask } from "./groupTask.ts"
import { GroupOutcomes } from "./groupOutcomes.ts"
import { suspendIn } from "./groupWait.ts"
import * as lineage from "./lineage.ts"
import { slowCleanup } from "./runner.ts"
import type { Entry } from "./timers.ts"

export interface GroupSettings {
  readonly where: string
  readonly pump: Settings
  readonly onFailure: TaskGroup.OnFailure
  readonly keep: boolean
  readonly onOutcome: ((outcome: Outcome.Outcome<unknown, unknown>) => void) | undefined
  readonly onProgress: ((progress: Progress) => void) | undefined
}

type AnyTask = GroupTask<any, any>

export class GroupPump<E> extends TaskPump.TaskPump<any, E> {
  private readonly group: GroupSettings
  private readonly queues = [new Fifo<AnyTask>(), new Fifo<AnyTask>(), new Fifo<AnyTask>()] as const
  /** Queued tasks that are still to be run: the queues also hold some that were settled while they waited. */
  private waiting = 0
  private spawned = 0
  private readonly counts = { completed: 0, failed: 0, timedOut: 0, cancelled: 0, notStarted: 0 }
  private readonly settled = new GroupOutcomes<E>(this)
  private readonly left: Array<GatherResult.Abandoned<any, E>> = []
  private readonly failures: Array<Outcome.Failed<E>> = []
  /** Failures that nobody has seen yet, for the log when a scope closes. */
  private readonly unseen = new Set<Outcome.Outcome<any, E>>()
  private closed = false
  /** The scope was closed by a member, which cannot wait for itself: the last task to end closes the group. */
  private closing = false
  private readonly idleWaiters = new Set<() => void>()
  private body:
    | { fiber: Fiber.Fiber<any, any>; exit: Exit.Exit<any, any> | undefined; asked: boolean; late: boolean; isOver: () => boolean }
    | undefined
  private bodyEntry: Entry | undefined
  private resume: ((effect: Effect.Effect<any, any>) => void) | undefined
  private endWait: (() => void) | undefined
  protected override tasksHaveNodes = true

  constructor(owner: Fiber.Fiber<any, any>, settings: GroupSettings) {
    super(owner, settings.pump, settings.onProgress)
    this.group = settings
  }

  get name(): string | undefined {
    return this.settings.name
  }

  // ---------------------------------------------------------------------------------------------------------------------------------
  // Forms
  // ---------------------------------------------------------------------------------------------------------------------------------

  openScoped(): this {
    this.open()
    return this
  }

  readonly closeScope: Effect.Effect<void> = Effect.withFiber((fiber) => {
    this.stop({ reason: { _tag: "Closed" } }, false)
    if (this.member(lineage.current(fiber)) === undefined)
      return Effect.andThen(
        this.whenIdle,
        Effect.sync(() => this.closeNow())
      )
    this.closing = true
    return Effect.void
  })

  private closeNow(): void {
    if (this.closed) return
    this.closed = true
    this.close()
    if (this.unseen.size === 0) return
    const unseen = [...this.unseen]
    this.unseen.clear()
    this.log(
      "Error",
      `${unseen.length} ${unseen.length === 1 ? "task" : "tasks"} of ${this.name ?? "a group"} failed and nobody joined`,
      Cause.fromReasons(failuresOf(unseen))
    )
  }

  private log(level: "Error" | "Warn", message: string, cause: Cause.Cause<unknown> = Cause.empty): void {
    Effect.runForkWith(this.baseContext)(
      level === "Error" ? Effect.logError(`skein: ${message}`, cause) : Effect.logWarning(`skein: ${message}`)
    )
  }

  /** Runs the body in a fiber of its own, so that a failing task can interrupt it. */
  runBody(body: (group: TaskGroup.TaskGroup<E>) => Effect.Effect<any, any, any>, resume: (effect: Effect.Effect<any, any>) => void): void {
    this.resume = resume
    this.open()
    // The owner does nothing but wait: its permits are for the tasks, and a cycle through it is seen.
    this.endWait = this.ownerWaits(`the tasks of group ${this.name ?? "without a name"}`)
    const context = Context.add(this.baseContext as Context.Context<any>, lineage.Current, this.node)
    let entered = false
    let held: { readonly value: unknown } | undefined
    // A loop of one round, by which it is seen whether the body has ended and only its children are waited for: then its own end stands.
    const loop = Effect.whileLoop<unknown, unknown, never>({
      while: () => !entered && (entered = true),
      body: () => {
        const effect = body(this.face)
        if (!Effect.isEffect(effect))
          throw new TypeError(check.mustBe(this.group.where, "body", "a function that gives an Effect", effect).message)
        return effect as Effect.Effect<unknown, unknown>
      },
      step: (value) => {
        held = { value }
      }
    })
    const fiber = Effect.runForkWith(context)(loop)
    this.body = { fiber, exit: undefined, asked: false, late: false, isOver: () => entered && fiberState.hasLeft(fiber, loop) }
    if (this.stopped !== undefined) this.stopBody()
    fiber.addObserver((exit) => {
      this.body!.exit = Exit.isSuccess(exit) ? Exit.succeed(held!.value) : exit
      if (this.bodyEntry !== undefined) this.timers.cancel(this.bodyEntry)
      // A body that was asked to stop ends for the reason that it was asked for.
      if (Exit.isFailure(exit))
        this.stop(
          this.body!.asked ? this.stopped! : { reason: { _tag: "SiblingFailed", name: "the group's body", because: this.because() } },
          false
        )
      this.finish()
    })
  }

  readonly interruptOwner: Effect.Effect<void> = Effect.callback<void>((done) => {
    if (this.resume === undefined) return done(Effect.void)
    // As in plain Effect: what the cleanup failed with joins the interruption.
    this.resume = () => {
      const outcomes = this.group.keep ? this.settled.list : this.failures
      const own = this.body?.exit === undefined ? [] : bodyFailures(this.body.exit, outcomes)
      const failures = [...own, ...failuresOf(outcomes.filter((outcome) => this.isUntold(outcome)))]
      done(failures.length === 0 ? Effect.void : (this.failWith(Cause.fromReasons(failures)) as Effect.Effect<never>))
    }
    const reason: Outcome.Reason = { _tag: "CallerInterrupted", because: this.because() }
    this.stop({ reason }, false)
    this.askBody(reason)
  })

  /** Whether nobody but the owner would be told of this outcome: the task failed for the group, or was stopped with it. */
  private isUntold(outcome: Outcome.Outcome<any, E>): boolean {
    switch (outcome._tag) {
      case "Failed":
        return this.group.onFailure !== "isolate"
      case "Cancelled":
        return outcome.reason === this.stopped?.reason
      case "TimedOut":
        return outcome.limit === "call" || outcome.limit === "deadline"
      default:
        return false
    }
  }

  private askBody(reason: Outcome.Reason): void {
    const { body } = this
    if (body === undefined || body.exit !== undefined || body.asked) return
    body.asked = !body.isOver()
    this.node.reason = reason
    this.alarmBody(slowCleanup, () => {
      this.log("Warn", `${this.name ?? "a group"} has waited ${slowCleanup / 1000} s for its body, which was asked to stop`)
    })
    // The loop is all that is under the body.
    if (body.asked) fiberState.interrupt(body.fiber, this.owner.id, 1, Outcome.annotations(reason))
  }

  /** The group has stopped: a failed sibling interrupts the body at once, a limit when the body had its moment after the tasks' end. */
  private stopBody(): void {
    const cut = this.stopped!
    if (this.body === undefined || this.body.exit !== undefined) return
    if (cut.limit === undefined) {
      if (cut.reason._tag === "SiblingFailed" || cut.reason._tag === "CallerInterrupted") this.askBody(cut.reason)
    } else if (cut.limit === "call" && !this.busy() && this.bodyEntry === undefined) {
      this.alarmBody(lineage.afterAnswer, () => {
        this.body!.late = !this.body!.isOver()
        this.askBody(cut.reason)
      })
    }
  }

  private alarmBody(length: number, fire: () => void): void {
    if (this.bodyEntry !== undefined) this.timers.cancel(this.bodyEntry)
    this.bodyEntry = this.timers.add(Infinity, fire)
    this.timers.move(this.bodyEntry, this.now() + length)
  }

  private finish(): void {
    if (this.closed || this.body?.exit === undefined || this.busy()) return
    this.closed = true
    this.stopped ??= { reason: { _tag: "Closed" } }
    this.close()
    this.endWait?.()
    const resume = this.resume!
    this.resume = undefined
    resume(this.answer(this.body.exit))
  }

  private answer(exit: Exit.Exit<any, any>): Effect.Effect<any, any> {
    const { body, failures } = this
    const { onFailure } = this.group
    if (onFailure !== "isolate" && failures.length > 0) {
      const own = bodyFailures(exit, failures)
      if (onFailure === "collect") return this.failWith(Cause.fromReasons([...own, ...failuresOf(failures)]))
      // There is one error only (law 5), and the body has no outcome that could carry its own.
      if (own.length > 0)
        this.log("Error", `the body of ${this.name ?? "a group"} failed too, after a task had failed`, Cause.fromReasons(own))
      return this.failWith(GatherResult.firstError(failures[0]!.cause))
    }
    if (Exit.isSuccess(exit)) return exit
    if (body!.late) {
      const after = this.stopped!.after!
      return Effect.fail(new DeadlineExceeded({ after: Duration.millis(after), at: this.startedAt + after, cause: exit.cause }))
    }
    return this.failWith(exit.cause)
  }

  private failWith(cause: Cause.Cause<any>): Effect.Effect<never, any> {
    return Effect.failCause(GatherResult.annotateCause(cause, this.snapshot()))
  }

  // ---------------------------------------------------------------------------------------------------------------------------------
  // Spawning
  // ---------------------------------------------------------------------------------------------------------------------------------

  spawn<A, E1 extends E, R>(
    effect: Effect.Effect<A, E1, R>,
    options?: TaskGroup.SpawnOptions
  ): Effect.Effect<TaskGroup.Handle<A, E1>, never, R> {
    const { level, task } = ask(new GroupTask<A, E1>(this), effect, options)
    return Effect.withFiber((fiber) => this.accept(fiber, task, effect, level))
  }

  private accept<A, E1>(
    fiber: Fiber.Fiber<unknown, unknown>,
    prototype: GroupTask<A, E1>,
    effect: Effect.Effect<A, E1, any>,
    level: number
  ): Effect.Effect<TaskGroup.Handle<A, E1>> {
    // The same spawn effect may run many times; each run is a task of its own.
    const task = prototype.queued < 0 ? prototype : copyOf(prototype)
    const here = lineage.current(fiber)
    const spawner = this.member(here)
    if (spawner !== undefined) spawner.parent = lineage.skipEnded(spawner.parent)
    const below = spawner !== undefined || lineage.isInside(here, this.node)
    task.index = this.spawned++
    task.parent = below ? lineage.skipEnded(here!) : this.node
    task.work = effect
    task.context = Context.add(fiber.context as Context.Context<never>, lineage.Current, task)
    task.queued = this.instant = this.micros()
    if (this.stopped !== undefined || this.closed) {
      this.refuse(task, this.stopped ?? { reason: { _tag: "Closed" } })
      return Effect.succeed(task)
    }
    if (this.waiting > 0 || !this.startAtOnce(task as AnyTask)) {
      this.queues[level]!.push(task as AnyTask)
      this.waiting++
      if (this.running >= this.settings.concurrency && this.settings.queueTimeout < Infinity) this.limitQueue(task)
      this.fill()
    }
    this.instant = -1
    if (spawner !== undefined || task.started >= 0 || task.outcome !== undefined) return Effect.succeed(task)
    return this.waitForPlace(fiber, here, task)
  }

  private waitForPlace<A, E1>(
    fiber: Fiber.Fiber<unknown, unknown>,
    here: lineage.Node | undefined,
    task: GroupTask<A, E1>
  ): Effect.Effect<TaskGroup.Handle<A, E1>> {
    return Effect.callback((resume) => {
      // The fiber may have been preempted since it was put in the queue.
      if (task.started >= 0 || task.outcome !== undefined) return resume(Effect.succeed(task))
      const endWait = lineage.enterWait(fiber, here, this.describePlace)
      task.onStart = () => {
        endWait()
        resume(Effect.succeed(task))
      }
      // The spawner never got the handle: nobody could ever ask for this task.
      return Effect.sync(() => {
        endWait()
        task.onStart = undefined
        this.cancelTask(task as AnyTask, { reason: { _tag: "CallerInterrupted", because: this.because() } })
      })
    })
  }

  private readonly describePlace = (): lineage.Wait => ({
    what: `a place in group ${this.name ?? "without a name"} (${this.running} of ${this.settings.concurrency} taken)`,
    holders: () => this.fibers()
  })

  private limitQueue(task: GroupTask<any, any>): void {
    const after = this.settings.queueTimeout
    task.queueEntry = this.timers.add(Infinity, () => {
      if (task.started >= 0 || task.outcome !== undefined) return
      this.waiting--
      this.refuse(task, { limit: "queue", after, reason: { _tag: "QueueTimeout", after: Duration.millis(after) } })
      this.fill()
    })
    this.timers.move(task.queueEntry, this.instantOf(task.queued) + after)
  }

  private refuse(task: GroupTask<any, any>, cut: TaskPump.Cut, ended = this.micros()): void {
    if (task.queueEntry !== undefined) this.timers.cancel(task.queueEntry)
    task.cut = cut
    task.outcome = this.notStarted(task, cut, ended)
    this.record?.(task.outcome)
    this.onSettled(task, task.outcome)
  }

  cancelTask(task: AnyTask, cut: TaskPump.Cut): void {
    if (task.outcome !== undefined) return
    if (task.runner?.task === task) task.runner.cut(cut, false)
    else if (task.started < 0) {
      this.waiting--
      this.refuse(task, cut)
      this.fill()
    }
  }

  // ---------------------------------------------------------------------------------------------------------------------------------
  // The pump's questions
  // ---------------------------------------------------------------------------------------------------------------------------------

  protected override hasNext(): boolean {
    return this.waiting > 0
  }

  /** While `onStop` settles what was queued, waking one spawner may run the body to its end: the group has not ended before the last of them is settled. */
  override busy(): boolean {
    return this.waiting > 0 || super.busy()
  }

  protected override pull(): AnyTask | undefined {
    for (const queue of this.queues) {
      for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
        if (task.outcome !== undefined) continue
        this.waiting--
        return task
      }
    }
    return undefined
  }

  override effectOf(task: TaskPump.Task<any, E>): Effect.Effect<any, E> {
    const { onStart, queueEntry } = task as AnyTask
    // Not in `pull`: to take a timer back a fiber takes a step, and in that step a task that is neither queued nor running could be missed by who stops the group.
    if (queueEntry !== undefined) this.timers.cancel(queueEntry)
    if (onStart !== undefined) {
      ;(task as AnyTask).onStart = undefined
      onStart()
    }
    return task.work as Effect.Effect<any, E>
  }

  protected override onStop(cut: TaskPump.Cut): void {
    const ended = this.micros()
    for (const queue of this.queues) {
      for (const task of queue.drain()) {
        if (task.outcome !== undefined) continue
        this.waiting--
        this.refuse(task, cut, ended)
      }
    }
    // A group that was idle already has no moment of becoming idle in which it would give its answer.
    if (!this.busy()) this.answered()
    this.stopBody()
  }

  override onCut(task: TaskPump.Task<any, E>): void {
    const { places } = task as AnyTask
    if (places !== undefined) for (const giveUp of [...places]) giveUp()
  }

  protected override onSettled(task: TaskPump.Task<any, E>, outcome: Outcome.Outcome<any, E>): void {
    const { counts, group } = this
    if (!task.abandoned) (task as AnyTask).ended = true
    const { queueEntry } = task as AnyTask
    if (queueEntry !== undefined) this.timers.cancel(queueEntry)
    switch (outcome._tag) {
      case "Completed":
        counts.completed++
        break
      case "Failed":
        counts.failed++
        if (group.onFailure === "collect" || this.failures.length === 0) this.failures.push(outcome)
        if (group.onFailure !== "isolate") this.unseen.add(outcome)
        break
      case "TimedOut":
        counts.timedOut++
        break
      case "Cancelled":
        counts.cancelled++
        break
      case "NotStarted":
        counts.notStarted++
    }
    if (group.keep) this.settled.list.push(outcome)
    if (group.onOutcome !== undefined) this.observe("onOutcome", group.onOutcome, outcome)
    // A handle may be kept for long: it must not keep the work alive. (It also halves the time of a bounded group, most of which was garbage that survived.)
    task.work = undefined
    task.context = undefined
    // Before anybody hears of it: a body that joins the failed task would fail by itself, and stand there as the one whose failure stopped the others.
    if (outcome._tag === "Failed" && group.onFailure === "interrupt" && this.stopped === undefined) {
      this.stop({ reason: { _tag: "SiblingFailed", index: outcome.index, name: outcome.name } }, false)
    }
    ;(task as AnyTask).wake(outcome)
    this.settled.look()
  }

  protected override onAbandoned(task: TaskPump.Task<any, E>): void {
    this.left.push({ index: task.index, name: task.name, await: TaskPump.awaitEnd(task) })
  }

  protected override onIdle(): void {
    for (const wake of [...this.idleWaiters]) wake()
    this.settled.look()
    if (this.stopped !== undefined) {
      this.answered()
      this.stopBody()
    }
    if (this.closing) this.closeNow()
    this.finish()
  }

  override *queued(): Iterable<TaskPump.Task<any, E>> {
    for (const queue of this.queues) for (const task of queue) if (task.outcome === undefined) yield task
  }

  // ---------------------------------------------------------------------------------------------------------------------------------
  // Waiting
  // ---------------------------------------------------------------------------------------------------------------------------------

  /** The task of this group that work at `node` belongs to. What a task left behind when it ended (a detached fiber) is outside. */
  member(node: lineage.Node | undefined): AnyTask | undefined {
    for (let n = node; n !== undefined; n = n.parent) {
      if (n.kind === "task" && n.call === this.node && !n.ended) return n as AnyTask
    }
    return undefined
  }

  /** Whether `fiber` is part of the task. */
  isInside(fiber: Fiber.Fiber<unknown, unknown>, task: AnyTask): boolean {
    return this.member(lineage.current(fiber)) === task
  }

  /** Somebody has been given this outcome. */
  saw(outcome: Outcome.Outcome<any, any>): void {
    if (this.unseen.size > 0) this.unseen.delete(outcome)
  }

  fibers(): Array<Fiber.Fiber<unknown, unknown>> {
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    for (const runner of this.runners) if (runner.fiber !== undefined) fibers.push(runner.fiber)
    return fibers
  }

  waitInside<A, E1>(
    fiber: Fiber.Fiber<unknown, unknown>,
    task: GroupTask<A, E1>,
    subscribe: (wake: (outcome: Outcome.Outcome<A, E1>) => void) => () => void
  ): Effect.Effect<Outcome.Outcome<A, E1>> {
    if (this.isInside(fiber, task as AnyTask)) {
      return Effect.die(new Error(`TaskGroup: task ${task.label} waits for its own end, which would never come`))
    }
    return suspendIn(
      this,
      fiber,
      () => `task ${task.label} of group ${this.name ?? "without a name"}`,
      () => task.outcome,
      subscribe
    )
  }

  private readonly whenIdle: Effect.Effect<true> = Effect.withFiber((fiber) =>
    suspendIn<true>(
      this,
      fiber,
      () => `the tasks of group ${this.name ?? "without a name"}`,
      () => (this.busy() ? undefined : true),
      (wake) => {
        const onIdle = (): void => wake(true)
        this.idleWaiters.add(onIdle)
        return () => this.idleWaiters.delete(onIdle)
      }
    )
  )

  private refuseInside(fiber: Fiber.Fiber<unknown, unknown>, where: string): Effect.Effect<never> | undefined {
    const member = this.member(lineage.current(fiber))
    if (member === undefined) return undefined
    return Effect.die(new Error(`${where}: task ${member.label} of the same group waits for the whole group and so for itself`))
  }

  readonly join: Effect.Effect<void, E> = Effect.withFiber((fiber) => {
    const refused = this.refuseInside(fiber, "TaskGroup.join")
    if (refused !== undefined) return refused
    return Effect.andThen(this.whenIdle, (): Effect.Effect<void, E> => {
      this.unseen.clear()
      if (this.group.onFailure === "isolate" || this.failures.length === 0) return Effect.void
      return this.failWith(
        this.group.onFailure === "collect" ? Cause.fromReasons(failuresOf(this.failures)) : GatherResult.firstError(this.failures[0]!.cause)
      )
    })
  })

  cancel(reason?: unknown): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      const inside = this.member(lineage.current(fiber)) !== undefined
      this.stop({ reason: { _tag: "Requested", value: reason } }, false)
      // From inside, the caller is among those that were asked to stop: it must not wait for itself.
      return inside ? Effect.void : this.whenIdle
    })
  }

  readonly next: Effect.Effect<Option.Option<Outcome.Outcome<unknown, E>>> = Effect.suspend(() =>
    this.group.keep ? this.settled.next : Effect.die(check.mustBe("TaskGroup.next", "outcomes", `"keep"`, "drop"))
  )

  /** Tasks that run in a place; a runner that is between two tasks when somebody looks does not count. */
  private executing(): number {
    let n = 0
    for (const runner of this.runners) if (runner.task !== undefined && runner.hasPlace) n++
    return n
  }

  /** How many tasks have no outcome yet. */
  unsettled(): number {
    const { cancelled, completed, failed, notStarted, timedOut } = this.counts
    return this.spawned - completed - failed - timedOut - cancelled - notStarted
  }

  private snapshot(): GatherResult.GatherResult<any, E> {
    const outcomes = this.group.keep ? [...this.settled.list] : [...this.failures]
    return GatherResult.make<any, E>(
      outcomes.sort((a, b) => a.index - b.index),
      {
        elapsed: Duration.millis(this.now() - this.startedAt),
        exhausted: this.group.keep && this.unsettled() === 0,
        abandoned: [...this.left].sort((a, b) => a.index - b.index)
      }
    )
  }

  readonly result: Effect.Effect<GatherResult.GatherResult<unknown, E>> = Effect.sync(() => this.snapshot())

  readonly stats: Effect.Effect<TaskGroup.Stats> = Effect.sync(() => ({
    queued: this.waiting,
    running: this.executing(),
    ...this.counts,
    abandoned: this.abandoned
  }))

  readonly dumpNow: Effect.Effect<Dump> = Effect.sync(() => this.dump())

  /** What the user holds: the pump itself has more methods than a group should show. */
  readonly face: TaskGroup.TaskGroup<E> = {
    name: this.settings.name,
    spawn: (effect, options) => this.spawn(effect, options),
    join: this.join,
    cancel: (reason) => this.cancel(reason),
    next: this.next,
    result: this.result,
    stats: this.stats,
    dump: this.dumpNow
  }
}
