/**
 * The engine of one call: pulls items from a source, runs a task for each, and ends when all have ended and the source is closed.
 */
import * as GatherResult from "@skein/core/GatherResult"
import type * as Outcome from "@skein/core/Outcome"
import * as Settings from "@skein/core/Settings"
import * as TaskPump from "@skein/core/TaskPump"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { SourceFailed } from "../Options.ts"
import { isAbortSignal, type Plan } from "./gatherPlan.ts"
import { type Input, make as makeSource, none, type Problem, type Source } from "./source.ts"

/** Where items come from and what is done with each. */
export interface Work<T, A, E> {
  readonly items: Input<T>
  readonly f: (item: T, index: number) => Effect.Effect<A, E, any>
  /** Names of the tasks by index, where the input has names. */
  readonly names?: ReadonlyArray<string> | undefined
  /** Told when the source was read to its end. */
  readonly onExhausted?: ((pulled: number) => void) | undefined
  /** Gives `outcomes` its shape. */
  readonly shape?: ((list: ReadonlyArray<Outcome.Outcome<A, E>>) => unknown) | undefined
}

/** How long a source may take to stop before it is said who is waited for, in milliseconds (law 2). */
const slowSource = 10_000

/** A call up to its end; what becomes of outcomes, and what the call answers with, is left to a subclass. */
export abstract class Gather<T, A, E> extends TaskPump.TaskPump<A, E> {
  protected readonly plan: Plan
  private readonly work: Work<T, A, E>
  private readonly array: ReadonlyArray<T> | undefined
  protected readonly source: Source<T>
  protected readonly size: number | undefined
  protected pulled = 0
  /** How many items may be pulled so far. */
  protected mayPull = Infinity
  protected firstFailure: Outcome.Failed<E> | undefined
  /** Why the call ended before everything was done. */
  protected endedBy: TaskPump.Cut | undefined
  /** What `nameOf` threw, by index. */
  private misnamed: Map<number, { readonly defect: unknown }> | undefined
  private endHalts: (() => void) | undefined
  private endStop: (() => Fiber.Fiber<unknown, unknown> | undefined) | undefined
  private endPatience: (() => void) | undefined
  private sourceIsWatched = false
  private closed = false

  constructor(owner: Fiber.Fiber<any, any>, plan: Plan, work: Work<T, A, E>) {
    super(owner, plan.settings, plan.onProgress)
    this.plan = plan
    this.work = work
    const { items } = work
    this.array = Array.isArray(items) ? items : undefined
    this.source = makeSource(items, {
      wake: () => this.fill(),
      exhausted: () => work.onExhausted?.(this.pulled),
      fork: (effect) => Effect.runForkWith(this.baseContext)(effect),
      note: (what, cause) => this.warn(what, cause)
    })
    this.size = this.source.size
    const { limiter } = plan
    if (limiter !== undefined) {
      this.around = (attempt, task) => limiter.withPermit(attempt, { priority: plan.priority, name: task.name ?? plan.settings.name })
    }
  }

  /** Keeps or passes on an outcome. */
  protected abstract keep(outcome: Outcome.Outcome<A, E>): void
  /** Everything has ended, the source too: answers. */
  protected abstract finish(): void
  /** Called where the call has its first place to wait in. */
  protected onOpen(): void {}

  protected get callName(): string {
    return this.plan.settings.name ?? this.plan.where
  }

  protected start(): void {
    this.source.open()
    this.open()
    // A deadline that has passed has answered already: whatever were set up now would never be taken down.
    if (this.closed) return
    this.onOpen()
    this.watchStop()
    this.fill()
  }

  private watchStop(): void {
    const { halts, stop } = this.plan
    if (halts !== undefined) {
      const asked = halts.find((halt) => halt.reason !== undefined)
      if (asked !== undefined) return this.stop({ reason: asked.reason! }, false)
      const ends = halts.map((halt) => halt.watch((reason) => this.stop({ reason }, false)))
      this.endHalts = () => {
        for (const end of ends) end()
      }
    }
    if (stop === undefined) return
    if (isAbortSignal(stop)) {
      const abort = (): void => this.stop({ reason: { _tag: "Aborted", value: stop.reason } }, false)
      if (stop.aborted) return abort()
      stop.addEventListener("abort", abort, { once: true })
      this.endStop = () => {
        stop.removeEventListener("abort", abort)
        return undefined
      }
      return
    }
    const fiber = Effect.runForkWith(this.baseContext)(stop)
    let over = false
    this.endStop = () => {
      over = true
      fiber.interruptUnsafe(this.owner.id)
      return fiber
    }
    fiber.addObserver((exit) => {
      if (over) return
      if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) this.warn("its `stop` effect failed", exit.cause)
      this.stop({ reason: { _tag: "Stopped" } }, false)
    })
  }

  protected override hasNext(): boolean {
    return this.pulled < this.mayPull && this.source.ready()
  }

  /** A source that is not over is waited for; after a stop, only a pull that is being interrupted. */
  override busy(): boolean {
    return super.busy() || (this.stopped === undefined ? !this.source.over : this.source.ending)
  }

  /** Runs what is there, then asks for what is not, if there is a place for it. A source that answers at once comes back to here, but no deeper: its puller goes round in its own loop, and lets others have a turn. */
  override fill(): void {
    super.fill()
    if (this.closed) return
    const { source } = this
    if (this.stopped !== undefined) this.stopSource()
    else if (this.running < this.settings.concurrency && this.pulled < this.mayPull && !source.ready()) source.want()
  }

  private stopSource(): void {
    const { source } = this
    source.stop(this.owner.id)
    if (!source.ending || this.sourceIsWatched) return
    this.sourceIsWatched = true
    const end = this.patience(() => {
      source.giveUp()
      this.fill()
    })
    // To set a timer a fiber takes a step, in which the pull may have ended, and the call with it.
    if (source.ending && !this.closed) this.endPatience = end
    else end()
  }

  protected override pull(spare: TaskPump.Task<A, E> | undefined): TaskPump.Task<A, E> | undefined {
    const { array } = this
    const index = this.pulled
    if (index >= this.mayPull) return undefined
    let item: T
    if (array !== undefined) {
      if (index >= this.size!) {
        this.source.done = true
        return undefined
      }
      item = array[index]!
    } else {
      const next = this.source.take()
      if (next === none) return undefined
      item = next
    }
    this.pulled++
    const task = spare!.reset(index, item)
    // The user's iterator may have taken its time; the item is queued from now.
    if (array === undefined) task.queued = this.micros()
    task.name = this.work.names?.[index]
    if (this.plan.nameOf !== undefined) this.nameTask(task, this.plan.nameOf)
    // The source's own code may have ended the call while it made the item: nothing starts after that.
    if (this.stopped !== undefined) {
      this.onSettled(task, this.notStarted(task, this.stopped))
      return undefined
    }
    return task
  }

  private nameTask(task: TaskPump.Task<A, E>, nameOf: NonNullable<Plan["nameOf"]>): void {
    try {
      const name: unknown = nameOf(task.work, task.index)
      if (typeof name !== "string") throw new TypeError(Settings.mustBe(this.plan.where, "what nameOf gives", "a string", name).message)
      task.name = name
    } catch (defect) {
      task.name = undefined
      ;(this.misnamed ??= new Map()).set(task.index, { defect })
    }
  }

  override effectOf(task: TaskPump.Task<A, E>): Effect.Effect<A, E> {
    const misnamed = this.misnamed?.get(task.index)
    if (misnamed !== undefined) throw misnamed.defect
    const effect = this.work.f(task.work as T, task.index)
    if (!Effect.isEffect(effect)) {
      const got = Settings.mustBe(this.plan.where, "each task", "an Effect", effect).message
      throw new TypeError(`${got} for item ${task.index}`)
    }
    // Services come from the caller's context, in which every runner runs.
    return effect as Effect.Effect<A, E>
  }

  protected warn(what: string, cause?: Cause.Cause<unknown>): void {
    const message = `skein: ${this.callName}: ${what}`
    Effect.runForkWith(this.baseContext)(cause === undefined ? Effect.logWarning(message) : Effect.logWarning(message, cause))
  }

  protected override onSettled(task: TaskPump.Task<A, E>, outcome: Outcome.Outcome<A, E>): void {
    this.misnamed?.delete(task.index)
    this.keep(outcome)
    if (this.plan.onOutcome !== undefined) this.observe("onOutcome", this.plan.onOutcome, outcome)
    if (outcome._tag === "Failed" && this.plan.onFailure === "interrupt" && this.firstFailure === undefined && this.stopped === undefined) {
      this.firstFailure = outcome
      this.stop({ reason: { _tag: "SiblingFailed", index: outcome.index, name: outcome.name } }, false)
    }
  }

  private never: TaskPump.Task<A, E> | undefined
  private neverAt = -1

  /** The outcome of an item that was never pulled, from an input of known size; observers see it too. */
  protected neverPulled(index: number, cut: TaskPump.Cut): Outcome.Outcome<A, E> {
    const { plan } = this
    // One record and one instant serve for all: none of them ever was a task.
    const task = (this.never ??= new TaskPump.Task<A, E>()).reset(index, this.array?.[index])
    if (this.neverAt < 0) this.neverAt = this.micros()
    task.name = this.work.names?.[index]
    if (plan.nameOf !== undefined && this.array !== undefined) {
      this.nameTask(task, plan.nameOf)
      // It never started, so it has no end of its own in which a throw could show.
      this.misnamed?.delete(index)
    }
    const outcome = this.notStarted(task, cut, this.neverAt)
    this.record?.(outcome)
    if (plan.onOutcome !== undefined) this.observe("onOutcome", plan.onOutcome, outcome)
    return outcome
  }

  protected override onIdle(): void {
    if (this.closed) return
    this.closed = true
    this.endPatience?.()
    const { source } = this
    const cut = (this.endedBy = this.stopped ?? (source.problem === undefined ? undefined : { reason: { _tag: "SourceFailed" } }))
    const exit =
      source.problem !== undefined ? Exit.fail(source.problem.cause) : cut === undefined ? Exit.void : Exit.interrupt(this.owner.id)
    // Tasks may use what the source holds open, so it is told last.
    const closing = source.close(exit as Exit.Exit<void>)
    if (closing === undefined) return this.wrapUp()
    const fiber = Effect.runForkWith(this.baseContext)(closing, { uninterruptible: true })
    let waits = true
    const end = (): void => {
      if (!waits) return
      waits = false
      this.endPatience?.()
      this.wrapUp()
    }
    this.endPatience = this.patience(() => {
      end()
      fiber.interruptUnsafe(this.owner.id)
    })
    fiber.addObserver(end)
  }

  private wrapUp(): void {
    this.close()
    this.endHalts?.()
    const stopFiber = this.endStop?.()
    if (stopFiber === undefined) this.finish()
    else stopFiber.addObserver(() => this.finish())
  }

  /** Bounds the wait for the source by the grace, and says after a while what is waited for. The function it gives ends the wait. */
  private patience(giveUp: () => void): () => void {
    const { timers } = this
    const { grace } = this.settings
    let left = grace
    const entry = timers.add(Infinity, () => {
      this.warn(
        left <= slowSource
          ? "its source did not stop within the grace"
          : `has waited ${slowSource / 1000} s for its source, which was told to stop`
      )
      if (left <= slowSource) return giveUp()
      left -= slowSource
      if (left < Infinity) wait(left)
    })
    const wait = (millis: number): void => timers.move(entry, this.now() + millis)
    wait(Math.min(left, slowSource))
    return () => timers.cancel(entry)
  }

  /** What the source threw. Where an item was asked for, it goes before all else; where it was told to stop, it must not hide the typed failure for which it was. */
  protected problemFor(failure: Cause.Cause<unknown> | undefined): Problem | undefined {
    const { closeProblem, problem } = this.source
    if (closeProblem !== undefined && (problem !== undefined || failure !== undefined)) {
      this.warn("its source failed when it was told to stop", Cause.die(closeProblem.cause))
      return problem
    }
    return problem ?? closeProblem
  }

  protected sourceFailure(problem: Problem, partial: GatherResult.GatherResult<A, E, unknown>): Cause.Cause<unknown> {
    const error = new SourceFailed({ cause: problem.cause, partial, pulled: this.pulled })
    return GatherResult.annotateCause(problem.typed ? Cause.fail(error) : Cause.die(error), partial)
  }
}
