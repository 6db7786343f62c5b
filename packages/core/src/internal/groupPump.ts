/**
 * The group behind `TaskGroup`: a pump whose source is a queue that `spawn` fills, and whose tasks are their own handles.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { DeadlineExceeded } from "../Deadline.ts"
import * as GatherResult from "../GatherResult.ts"
import type * as Outcome from "../Outcome.ts"
import type { Progress } from "../Progress.ts"
import type { Settings } from "../Settings.ts"
import type * as TaskGroup from "../TaskGroup.ts"
import * as TaskPump from "../TaskPump.ts"
import * as check from "./check.ts"
import type { Dump } from "./dump.ts"
import * as fiberState from "./fiberState.ts"
import { Fifo } from "./fifo.ts"
import { copyOf, GroupTask } from "./groupTask.ts"
import * as lineage from "./lineage.ts"
import type { Entry } from "./timers.ts"

export interface GroupSettings {
  readonly where: string
  readonly pump: Settings
  readonly onFailure: TaskGroup.OnFailure
  readonly keep: boolean
  readonly onOutcome: ((outcome: Outcome.Outcome<unknown, unknown>) => void) | undefined
  readonly onProgress: ((progress: Progress) => void) | undefined
}

const levels = { high: 0, normal: 1, low: 2 } as const
const spawnOptions: ReadonlySet<string> = new Set(["name", "timeout", "priority"])

type AnyTask = GroupTask<any, any>

export class GroupPump<E> extends TaskPump.TaskPump<any, E> {
  private readonly group: GroupSettings
  private readonly queues = [new Fifo<AnyTask>(), new Fifo<AnyTask>(), new Fifo<AnyTask>()] as const
  /** Queued tasks that are still to be run: the queues also hold some that were settled while they waited. */
  private waiting = 0
  private spawned = 0
  private readonly counts = { completed: 0, failed: 0, timedOut: 0, cancelled: 0, notStarted: 0 }
  private readonly order: Array<Outcome.Outcome<any, E>> = []
  private read = 0
  private readonly left: Array<GatherResult.Abandoned<any, E>> = []
  private readonly failures: Array<Outcome.Failed<E>> = []
  private joined = false
  private closed = false
  private readonly idleWaiters = new Set<() => void>()
  private readonly nextWaiters = new Set<() => void>()
  /** Members of the group that wait in `next`: when nobody else is left, they get `None`. */
  private membersInNext = 0
  private body: { fiber: Fiber.Fiber<any, any>; exit: Exit.Exit<any, any> | undefined; asked: boolean; late: boolean } | undefined
  private bodyEntry: Entry | undefined
  private resume: ((effect: Effect.Effect<any, any>) => void) | undefined
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

  readonly closeScope: Effect.Effect<void> = Effect.suspend(() => {
    this.stop({ reason: { _tag: "Closed" } }, false)
    return Effect.andThen(this.whenIdle, () => {
      this.closed = true
      this.close()
      const unseen = this.joined || this.group.onFailure === "isolate" ? [] : this.failures
      return unseen.length === 0
        ? Effect.void
        : Effect.logError(`skein: ${unseen.length} task(s) of ${this.name ?? "a group"} failed and nobody joined it`, this.allCauses(unseen))
    })
  })

  /** Runs the body in a fiber of its own, so that a failing task can interrupt it. */
  runBody(body: (group: TaskGroup.TaskGroup<E>) => Effect.Effect<any, any, any>, resume: (effect: Effect.Effect<any, any>) => void): void {
    this.resume = resume
    this.open()
    const context = Context.add(this.baseContext as Context.Context<any>, lineage.Current, this.node)
    const fiber = Effect.runForkWith(context)(Effect.suspend(() => body(this.face)))
    this.body = { fiber, exit: undefined, asked: false, late: false }
    if (this.stopped !== undefined) this.stopBody()
    fiber.addObserver((exit) => {
      this.body!.exit = exit
      if (this.bodyEntry !== undefined) this.timers.cancel(this.bodyEntry)
      if (Exit.isFailure(exit)) this.stop({ reason: { _tag: "SiblingFailed", name: "the group's body", because: this.because() } }, false)
      this.finish()
    })
  }

  readonly interruptOwner: Effect.Effect<void> = Effect.callback<void>((done) => {
    if (this.resume === undefined) return done(Effect.void)
    this.resume = () => done(Effect.void)
    const reason: Outcome.Reason = { _tag: "CallerInterrupted", because: this.because() }
    this.askBody(reason)
    this.stop({ reason }, false)
  })

  private askBody(_reason: Outcome.Reason): void {
    const { body } = this
    if (body === undefined || body.exit !== undefined || body.asked) return
    body.asked = true
    fiberState.interrupt(body.fiber, this.owner.id, 0)
  }

  /** The group has stopped: a failed sibling interrupts the body at once, a limit when the body had its moment after the tasks' end. */
  private stopBody(): void {
    const cut = this.stopped!
    if (this.body === undefined || this.body.exit !== undefined) return
    if (cut.limit === undefined) {
      if (cut.reason._tag === "SiblingFailed" || cut.reason._tag === "CallerInterrupted") this.askBody(cut.reason)
    } else if (cut.limit === "call" && !this.busy() && this.bodyEntry === undefined) {
      this.bodyEntry = this.timers.add(this.now() + lineage.afterAnswer, () => {
        this.body!.late = true
        this.askBody(cut.reason)
      })
    }
  }

  private finish(): void {
    if (this.closed || this.body?.exit === undefined || this.busy()) return
    this.closed = true
    this.stopped ??= { reason: { _tag: "Closed" } }
    this.close()
    const resume = this.resume!
    this.resume = undefined
    resume(this.answer(this.body.exit))
  }

  private answer(exit: Exit.Exit<any, any>): Effect.Effect<any, any> {
    const { body, failures } = this
    const { onFailure } = this.group
    if (onFailure === "interrupt" && failures.length > 0) return this.failWith(GatherResult.firstError(failures[0]!.cause))
    if (onFailure === "collect" && failures.length > 0) {
      const own = Exit.isFailure(exit) && !body!.asked ? exit.cause : Cause.empty
      return this.failWith(Cause.combine(own, this.allCauses(failures)))
    }
    if (Exit.isSuccess(exit)) return exit
    if (body!.late) {
      const after = this.settings.timeout
      return Effect.fail(new DeadlineExceeded({ after: Duration.millis(after), at: this.startedAt + after, cause: exit.cause }))
    }
    return this.failWith(exit.cause)
  }

  private failWith(cause: Cause.Cause<any>): Effect.Effect<never, any> {
    return Effect.failCause(GatherResult.annotateCause(cause, this.snapshot()))
  }

  private allCauses(failures: ReadonlyArray<Outcome.Failed<E>>): Cause.Cause<E> {
    return Cause.fromReasons(failures.flatMap((failed) => failed.cause.reasons.filter((reason) => reason._tag !== "Interrupt")))
  }

  // ---------------------------------------------------------------------------------------------------------------------------------
  // Spawning
  // ---------------------------------------------------------------------------------------------------------------------------------

  spawn<A, E1 extends E, R>(
    effect: Effect.Effect<A, E1, R>,
    options?: TaskGroup.SpawnOptions
  ): Effect.Effect<TaskGroup.Handle<A, E1>, never, R> {
    const task = new GroupTask<A, E1>(this)
    let level: number = levels.normal
    if (options !== undefined) {
      const where = "TaskGroup.spawn"
      check.options(where, options, spawnOptions)
      if (options.name !== undefined && typeof options.name !== "string") throw check.mustBe(where, "name", "a string", options.name)
      task.name = options.name
      if (options.timeout !== undefined) task.timeout = check.millis(where, "timeout", options.timeout)
      if (options.priority !== undefined) level = levels[check.word(where, "priority", options.priority, ["high", "normal", "low"])]
    }
    if (!Effect.isEffect(effect)) throw new TypeError(check.mustBe("TaskGroup.spawn", "effect", "an Effect", effect).message)
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
    const below = lineage.isInside(here, this.node)
    task.index = this.spawned++
    task.parent = below ? here! : this.node
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
    if (this.member(here) !== undefined || task.started >= 0 || task.outcome !== undefined) return Effect.succeed(task)
    return this.waitForPlace(fiber, here, task)
  }

  private waitForPlace<A, E1>(
    fiber: Fiber.Fiber<unknown, unknown>,
    here: lineage.Node | undefined,
    task: GroupTask<A, E1>
  ): Effect.Effect<TaskGroup.Handle<A, E1>> {
    return Effect.callback((resume) => {
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
    task.queueEntry = this.timers.add(this.instantOf(task.queued) + after, () => {
      if (task.started >= 0 || task.outcome !== undefined) return
      this.waiting--
      this.refuse(task, { limit: "queue", after, reason: { _tag: "QueueTimeout", after: Duration.millis(after) } })
      this.fill()
    })
  }

  private refuse(task: GroupTask<any, any>, cut: TaskPump.Cut): void {
    task.cut = cut
    task.outcome = this.notStarted(task, cut)
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

  protected override pull(): AnyTask | undefined {
    for (const queue of this.queues) {
      for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
        if (task.outcome !== undefined) continue
        this.waiting--
        if (task.queueEntry !== undefined) this.timers.cancel(task.queueEntry)
        return task
      }
    }
    return undefined
  }

  override effectOf(task: TaskPump.Task<any, E>): Effect.Effect<any, E> {
    const { onStart } = task as AnyTask
    if (onStart !== undefined) {
      ;(task as AnyTask).onStart = undefined
      onStart()
    }
    return task.work as Effect.Effect<any, E>
  }

  protected override onStop(cut: TaskPump.Cut): void {
    for (const queue of this.queues) {
      for (const task of queue.drain()) {
        if (task.outcome !== undefined) continue
        this.waiting--
        if (task.queueEntry !== undefined) this.timers.cancel(task.queueEntry)
        this.refuse(task, cut)
      }
    }
    this.stopBody()
  }

  protected override onSettled(task: TaskPump.Task<any, E>, outcome: Outcome.Outcome<any, E>): void {
    const { counts, group } = this
    switch (outcome._tag) {
      case "Completed":
        counts.completed++
        break
      case "Failed":
        counts.failed++
        if (group.onFailure === "collect" || this.failures.length === 0) this.failures.push(outcome)
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
    if (group.keep) this.order.push(outcome)
    if (group.onOutcome !== undefined) this.observe("onOutcome", group.onOutcome, outcome)
    // A handle may be kept for long: it must not keep the work alive. (It also halves the time of a bounded group, most of which was garbage that survived.)
    task.work = undefined
    task.context = undefined
    ;(task as AnyTask).wake(outcome)
    if (this.nextWaiters.size > 0) for (const wake of [...this.nextWaiters]) wake()
    if (outcome._tag === "Failed" && group.onFailure === "interrupt" && this.stopped === undefined) {
      this.stop({ reason: { _tag: "SiblingFailed", index: outcome.index, name: outcome.name } }, false)
    }
  }

  protected override onAbandoned(task: TaskPump.Task<any, E>): void {
    this.left.push({ index: task.index, name: task.name, await: TaskPump.awaitEnd(task) })
  }

  protected override onIdle(): void {
    for (const wake of [...this.idleWaiters]) wake()
    for (const wake of [...this.nextWaiters]) wake()
    if (this.stopped !== undefined) {
      this.answered()
      this.stopBody()
    }
    this.finish()
  }

  override *queued(): Iterable<TaskPump.Task<any, E>> {
    for (const queue of this.queues) for (const task of queue) if (task.outcome === undefined) yield task
  }

  // ---------------------------------------------------------------------------------------------------------------------------------
  // Waiting
  // ---------------------------------------------------------------------------------------------------------------------------------

  /** The task of this group that work at `node` belongs to. */
  private member(node: lineage.Node | undefined): AnyTask | undefined {
    for (let n = node; n !== undefined; n = n.parent) {
      if (n.kind === "task" && n.call === this.node) return n as AnyTask
    }
    return undefined
  }

  private fibers(): Array<Fiber.Fiber<unknown, unknown>> {
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    for (const runner of this.runners) if (runner.fiber !== undefined) fibers.push(runner.fiber)
    return fibers
  }

  /**
   * Suspends `fiber` until `subscribe` wakes it. If it belongs to a task of this group, the task's place is lent meanwhile and taken back before it resumes; when the wait is interrupted too,
   * unless the task itself is being stopped: its end must not wait for a place.
   */
  private suspendIn<X>(
    fiber: Fiber.Fiber<unknown, unknown>,
    what: () => string,
    subscribe: (wake: (value: X) => void) => () => void
  ): Effect.Effect<X> {
    const node = lineage.current(fiber)
    const self = this.member(node)
    return Effect.callback<X>((resume) => {
      const endWait = lineage.enterWait(fiber, node, () => ({ what: what(), holders: () => this.fibers() }))
      if (self !== undefined) self.lent++
      const back = (then: () => void): (() => void) => {
        endWait()
        // Another fiber of the same task still waits: the place stays lent until that one is back too.
        if (self === undefined || --self.lent > 0) {
          then()
          return () => {}
        }
        return this.takePlace(self, then)
      }
      let withdraw: (() => void) | undefined
      const unsubscribe = subscribe((value) => {
        if (withdraw === undefined) withdraw = back(() => resume(Effect.succeed(value)))
      })
      // Last, for the place may start the very task that is waited for, and that may end at once.
      if (self !== undefined && self.lent === 1) this.lendPlace(self)
      return Effect.suspend(() => {
        unsubscribe()
        const restore = Effect.callback<void>((done) => {
          withdraw?.()
          if (self === undefined || self.cut !== undefined) {
            if (withdraw === undefined) {
              endWait()
              if (self !== undefined) self.lent--
            }
            done(Effect.void)
          } else if (withdraw === undefined) back(() => done(Effect.void))
          else this.takePlace(self, () => done(Effect.void))
        })
        return restore
      })
    })
  }

  waitInside<A, E1>(
    fiber: Fiber.Fiber<unknown, unknown>,
    task: GroupTask<A, E1>,
    subscribe: (wake: (outcome: Outcome.Outcome<A, E1>) => void) => () => void
  ): Effect.Effect<Outcome.Outcome<A, E1>> {
    if (this.member(lineage.current(fiber)) === (task as AnyTask)) {
      // A task that cancelled itself has been interrupted already and only comes by here on its way out.
      if (task.cut !== undefined) return Effect.never
      return Effect.die(new Error(`TaskGroup: task ${task.label} waits for its own end, which would never come`))
    }
    return this.suspendIn(fiber, () => `task ${task.label} of group ${this.name ?? "without a name"}`, subscribe)
  }

  private readonly whenIdle: Effect.Effect<void> = Effect.withFiber((fiber) =>
    this.busy()
      ? this.suspendIn<void>(fiber, () => `the tasks of group ${this.name ?? "without a name"}`, (wake) => {
        this.idleWaiters.add(wake)
        return () => this.idleWaiters.delete(wake)
      })
      : Effect.void
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
      this.joined = true
      if (this.group.onFailure === "isolate" || this.failures.length === 0) return Effect.void
      return this.failWith(this.group.onFailure === "collect" ? this.allCauses(this.failures) : GatherResult.firstError(this.failures[0]!.cause))
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

  readonly next: Effect.Effect<Option.Option<Outcome.Outcome<unknown, E>>> = Effect.withFiber((fiber) => {
    if (!this.group.keep) return Effect.die(check.mustBe("TaskGroup.next", "outcomes", `"keep"`, "drop"))
    const inside = this.member(lineage.current(fiber)) !== undefined
    const take = (): Option.Option<Outcome.Outcome<unknown, E>> | undefined => {
      if (this.read < this.order.length) return Option.some(this.order[this.read++]!)
      return this.unsettled() <= this.membersInNext ? Option.none() : undefined
    }
    if (inside) this.membersInNext++
    const found = take()
    const leave = (): void => {
      if (inside) this.membersInNext--
    }
    if (found !== undefined) {
      leave()
      return Effect.succeed(found)
    }
    if (inside) for (const wake of [...this.nextWaiters]) wake()
    return this.suspendIn(fiber, () => `the next outcome of group ${this.name ?? "without a name"}`, (wake) => {
      const look = (): void => {
        const found = take()
        if (found === undefined) return
        this.nextWaiters.delete(look)
        leave()
        wake(found)
      }
      this.nextWaiters.add(look)
      return () => {
        if (this.nextWaiters.delete(look)) leave()
      }
    })
  })

  /** Tasks that run in a place; a runner that is between two tasks when somebody looks does not count. */
  private executing(): number {
    let n = 0
    for (const runner of this.runners) if (runner.task !== undefined && runner.hasPlace) n++
    return n
  }

  private unsettled(): number {
    const { cancelled, completed, failed, notStarted, timedOut } = this.counts
    return this.spawned - completed - failed - timedOut - cancelled - notStarted
  }

  private snapshot(): GatherResult.GatherResult<any, E> {
    const outcomes = this.group.keep ? [...this.order] : [...this.failures]
    return GatherResult.make<any, E>(outcomes.sort((a, b) => a.index - b.index), {
      elapsed: Duration.millis(this.now() - this.startedAt),
      exhausted: this.group.keep && this.unsettled() === 0,
      abandoned: [...this.left].sort((a, b) => a.index - b.index)
    })
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
