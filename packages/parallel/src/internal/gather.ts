/**
 * One call of a gather: pulls items from an iterable, keeps one outcome for each, and decides what the call returns.
 */
import * as GatherResult from "@skein/core/GatherResult"
import type * as Limiter from "@skein/core/Limiter"
import type * as Outcome from "@skein/core/Outcome"
import type * as Progress from "@skein/core/Progress"
import * as Settings from "@skein/core/Settings"
import * as TaskPump from "@skein/core/TaskPump"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { GatherTimeout, type OnFailure, type OnTimeout, type Options, SourceFailed } from "../Options.ts"

/** Options as they were read and checked. */
export interface Plan {
  readonly where: string
  readonly settings: Settings.Settings
  readonly onFailure: OnFailure
  readonly onTimeout: OnTimeout
  readonly stop: AbortSignal | Effect.Effect<unknown> | undefined
  readonly limiter: Limiter.Limiter<never> | undefined
  readonly priority: Limiter.Priority | undefined
  readonly onOutcome: ((outcome: Outcome.Outcome<unknown, unknown>) => void) | undefined
  readonly onProgress: ((progress: Progress.Progress) => void) | undefined
}

const own = ["onFailure", "onTimeout", "stop", "limiter", "priority", "onOutcome", "onProgress"]

/** Reads the options of a public function; wrong ones throw at once. */
export const plan = (where: string, options: Options<never, never> | undefined): Plan => {
  const settings = Settings.read(where, options, own)
  const { limiter, onOutcome, onProgress, stop } = options ?? {}
  if (onProgress !== undefined && typeof onProgress !== "function") throw Settings.mustBe(where, "onProgress", "a function", onProgress)
  if (onOutcome !== undefined && typeof onOutcome !== "function") throw Settings.mustBe(where, "onOutcome", "a function", onOutcome)
  if (stop !== undefined && !isAbortSignal(stop) && !Effect.isEffect(stop)) {
    throw Settings.mustBe(where, "stop", "an AbortSignal or an Effect", stop)
  }
  if (limiter !== undefined && typeof limiter?.withPermit !== "function") throw Settings.mustBe(where, "limiter", "a Limiter", limiter)
  return {
    where,
    settings,
    onFailure: Settings.oneOf(where, "onFailure", options?.onFailure, ["isolate", "interrupt"]),
    onTimeout: Settings.oneOf(where, "onTimeout", options?.onTimeout, ["partial", "fail"]),
    stop: stop as Plan["stop"],
    limiter,
    priority: options?.priority === undefined ? undefined : Settings.oneOf(where, "priority", options.priority, ["normal", "high", "low"]),
    onOutcome: onOutcome as Plan["onOutcome"],
    onProgress
  }
}

const isAbortSignal = (value: unknown): value is AbortSignal =>
  typeof value === "object" && value !== null && "aborted" in value && typeof (value as AbortSignal).addEventListener === "function"

/** Where items come from and what is done with each. */
export interface Work<T, A, E> {
  readonly items: Iterable<T>
  readonly f: (item: T, index: number) => Effect.Effect<A, E, any>
  /** Names of the tasks by index, where the input has names. */
  readonly names?: ReadonlyArray<string> | undefined
  /** Gives `outcomes` its shape. */
  readonly shape?: ((list: ReadonlyArray<Outcome.Outcome<A, E>>) => unknown) | undefined
}

/** Runs a gather in the calling fiber. */
export const run = <T, A, E>(plan: Plan, work: Work<T, A, E>): Effect.Effect<any, any, any> =>
  Effect.withFiber((owner) =>
    Effect.callback((resume) => {
      const gather = new Gather<T, A, E>(owner, plan, work)
      gather.start(resume)
      return gather.interrupt
    })
  )

class Gather<T, A, E> extends TaskPump.TaskPump<A, E> {
  private readonly plan: Plan
  private readonly work: Work<T, A, E>
  private readonly array: ReadonlyArray<T> | undefined
  private readonly size: number | undefined
  private iterator: Iterator<T> | undefined
  private readonly list: Array<Outcome.Outcome<A, E>> = []
  private pulled = 0
  private exhausted = false
  /** What the source threw when it was asked for its iterator or for an item. */
  private sourceError: { readonly cause: unknown } | undefined
  /** What the source threw when it was told that nothing more will be asked for. */
  private returnError: { readonly cause: unknown } | undefined
  private firstFailure: Outcome.Failed<E> | undefined
  private readonly left: Array<{ readonly task: TaskPump.Task<A, E>; readonly await: GatherResult.Abandoned<A, E> }> = []
  private resume: ((effect: Effect.Effect<any, any>) => void) | undefined
  private endWait: (() => void) | undefined
  private endStop: (() => Fiber.Fiber<unknown, unknown> | undefined) | undefined

  constructor(owner: Fiber.Fiber<any, any>, plan: Plan, work: Work<T, A, E>) {
    super(owner, plan.settings, plan.onProgress)
    this.plan = plan
    this.work = work
    const { items } = work
    // Arrays are read by index: no iterator protocol, and no code of the user's between two tasks.
    this.array = Array.isArray(items) ? items : undefined
    this.size = this.array !== undefined ? this.array.length : items instanceof Set || items instanceof Map ? items.size : undefined
    const { limiter } = plan
    if (limiter !== undefined) {
      this.around = (attempt, task) => limiter.withPermit(attempt, { priority: plan.priority, name: task.name ?? plan.settings.name })
    }
  }

  start(resume: (effect: Effect.Effect<any, any>) => void): void {
    this.resume = resume
    if (this.array === undefined) {
      try {
        this.iterator = this.work.items[Symbol.iterator]()
      } catch (cause) {
        this.sourceError = { cause }
      }
    }
    this.open()
    // A deadline that has passed has answered already: whatever were set up now would never be taken down.
    if (this.closed) return
    this.endWait = this.ownerWaits(`the tasks of ${this.plan.settings.name ?? this.plan.where}`)
    this.watchStop()
    this.fill()
  }

  private watchStop(): void {
    const { stop } = this.plan
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

  readonly interrupt: Effect.Effect<void> = Effect.callback<void>((done) => {
    if (this.resume === undefined) return done(Effect.void)
    // A source that breaks is a defect, and joins the interruption; everything else goes to observers only.
    this.resume = (answer) =>
      done(this.typedFailure === undefined && this.sourceProblem !== undefined ? (answer as Effect.Effect<never>) : Effect.void)
    if (this.closed) return
    this.stop({ reason: { _tag: "CallerInterrupted", because: this.because() } }, false)
  })

  protected override hasNext(): boolean {
    return !this.exhausted && this.sourceError === undefined
  }

  protected override pull(spare: TaskPump.Task<A, E> | undefined): TaskPump.Task<A, E> | undefined {
    const { array } = this
    const index = this.pulled
    let item: T
    if (array !== undefined) {
      if (index >= this.size!) {
        this.exhausted = true
        return undefined
      }
      item = array[index]!
    } else {
      if (this.exhausted || this.sourceError !== undefined) return undefined
      try {
        const next = this.iterator!.next()
        if (next.done === true) {
          this.exhausted = true
          return undefined
        }
        item = next.value
      } catch (cause) {
        this.sourceError = { cause }
        return undefined
      }
    }
    this.pulled++
    const task = spare!.reset(index, item)
    // The user's iterator may have taken its time; the item is queued from now.
    if (array === undefined) task.queued = this.micros()
    task.name = this.work.names?.[index]
    // The source's own code may have ended the call while it made the item: nothing starts after that.
    if (this.stopped !== undefined) {
      this.onSettled(task, this.notStarted(task, this.stopped))
      return undefined
    }
    return task
  }

  override effectOf(task: TaskPump.Task<A, E>): Effect.Effect<A, E> {
    const effect = this.work.f(task.work as T, task.index)
    if (!Effect.isEffect(effect)) {
      const got = Settings.mustBe(this.plan.where, "each task", "an Effect", effect).message
      throw new TypeError(`${got} for item ${task.index}`)
    }
    // Services come from the caller's context, in which every runner runs.
    return effect as Effect.Effect<A, E>
  }

  private get sourceProblem(): { readonly cause: unknown } | undefined {
    return this.sourceError ?? this.returnError
  }

  private warn(what: string, cause: Cause.Cause<unknown>): void {
    Effect.runForkWith(this.baseContext)(Effect.logWarning(`skein: ${this.plan.settings.name ?? this.plan.where}: ${what}`, cause))
  }

  protected override onSettled(task: TaskPump.Task<A, E>, outcome: Outcome.Outcome<A, E>): void {
    this.list[task.index] = outcome
    if (this.plan.onOutcome !== undefined) this.observe("onOutcome", this.plan.onOutcome, outcome)
    if (outcome._tag === "Failed" && this.plan.onFailure === "interrupt" && this.firstFailure === undefined && this.stopped === undefined) {
      this.firstFailure = outcome
      this.stop({ reason: { _tag: "SiblingFailed", index: outcome.index, name: outcome.name } }, false)
    }
  }

  protected override onAbandoned(task: TaskPump.Task<A, E>): void {
    this.left.push({ task, await: { index: task.index, name: task.name, await: TaskPump.awaitEnd(task) } })
  }

  private closed = false

  protected override onIdle(): void {
    if (this.closed) return
    this.closed = true
    this.closeSource()
    this.close()
    this.endWait?.()
    const stopFiber = this.endStop?.()
    const answer = (): void => {
      const resume = this.resume!
      this.resume = undefined
      resume(this.answer())
    }
    if (stopFiber === undefined) answer()
    else stopFiber.addObserver(answer)
  }

  /** A source that was not read to its end is told so. */
  private closeSource(): void {
    if (this.iterator === undefined || this.exhausted || this.sourceError !== undefined) return
    try {
      this.iterator.return?.()
    } catch (cause) {
      this.returnError = { cause }
    }
  }

  private answer(): Effect.Effect<GatherResult.GatherResult<A, E, unknown>, unknown> {
    const { list, plan, stopped } = this
    if (this.size !== undefined && this.pulled < this.size && stopped !== undefined) {
      for (let index = this.pulled; index < this.size; index++) {
        const task = new TaskPump.Task<A, E>()
        task.reset(index, undefined).name = this.work.names?.[index]
        const outcome = this.notStarted(task, stopped)
        list[index] = outcome
        this.record?.(outcome)
        if (plan.onOutcome !== undefined) this.observe("onOutcome", plan.onOutcome, outcome)
      }
    }
    const result = GatherResult.make<A, E, unknown>(list, {
      elapsed: Duration.millis(this.now() - this.startedAt),
      exhausted: this.exhausted || (this.size !== undefined && list.length >= this.size),
      abandoned: this.left.sort((a, b) => a.task.index - b.task.index).map((entry) => entry.await),
      shape: this.work.shape === undefined ? list : this.work.shape(list)
    })
    // A source that throws where it should give an item is a defect of the call. One that throws when it is told to stop must not hide the typed failure for which it was stopped.
    const problem = this.sourceProblem
    const failure = this.sourceError === undefined ? (this.typedFailure = this.typedFailureOf(result)) : undefined
    if (problem !== undefined) {
      if (failure === undefined) return Effect.die(new SourceFailed({ cause: problem.cause, partial: result }))
      this.warn("its source failed when it was told to stop", Cause.die(problem.cause))
    }
    return failure === undefined ? Effect.succeed(result) : Effect.failCause(failure)
  }

  private typedFailure: Cause.Cause<unknown> | undefined

  private typedFailureOf(result: GatherResult.GatherResult<A, E, unknown>): Cause.Cause<unknown> | undefined {
    const { firstFailure, plan, stopped } = this
    if (firstFailure !== undefined) return GatherResult.annotateCause(GatherResult.firstError(firstFailure.cause), result)
    const late = stopped?.limit === "call" || stopped?.limit === "deadline"
    if (plan.onTimeout === "fail" && late && !(result.allSucceeded && result.exhausted)) return Cause.fail(new GatherTimeout({ result }))
    return undefined
  }
}
