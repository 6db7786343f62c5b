/** One call of `@skein/parallel/promise`: the engine of gathers, with async functions for tasks and a promise for its answer. */
import type * as Outcome from "@skein/core/Outcome"
import type * as TaskPump from "@skein/core/TaskPump"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { Gather } from "./gatherPump.ts"
import { Call, type Caller, handleLater, type Seat } from "./promiseCall.ts"
import { GatherTimeout, remember, SourceFailed, TasksFailed } from "./promiseErrors.ts"
import { stop } from "./promiseMarks.ts"
import type { CallPlan } from "./promiseOptions.ts"
import { errorsOf, Result } from "./promiseResult.ts"
import type { Progress, TaskContext } from "./promiseTypes.ts"
import type { Input } from "./source.ts"

type Task = TaskPump.Task<any, unknown>
type AnyOutcome = Outcome.Outcome<any, unknown>

export interface Job {
  readonly items: Input<unknown>
  readonly f: (item: any, index: number, task: TaskContext) => unknown
  readonly keys?: ReadonlyArray<string> | undefined
  /** Finds the place of a task on the executor that the call belongs to. */
  readonly seatOf?: ((task: Task) => Seat | undefined) | undefined
  /** Hears that the call has begun; the function it gives, that it is over. */
  readonly onBegin?: ((call: { readonly end: (cut: TaskPump.Cut) => void }) => () => void) | undefined
  /** What a call rejects with that was cut short by the closing of its executor. */
  readonly closed?: ((result: Result<any> | undefined) => unknown) | undefined
}

export abstract class PromiseGather extends Gather<unknown, any, unknown> implements Caller {
  protected readonly call: CallPlan
  protected readonly job: Job
  readonly pump = this
  readonly endsAt: number
  readonly within: TaskContext | undefined
  readonly onProgress: ((progress: Progress) => void) | undefined
  /** The first item whose task returned `stop`. */
  protected stoppedAt: number | undefined
  /** Pulled and not settled; kept only where a task may be neither running nor over. */
  private readonly unsettled: Set<Task> | undefined
  readonly seatOf: Job["seatOf"]
  private onOver: (() => void) | undefined

  constructor(owner: Fiber.Fiber<any, any>, call: CallPlan, job: Job) {
    super(owner, call.plan, { items: job.items, f: (attempt: unknown) => (attempt as Call).run(job.f), names: job.keys })
    this.call = call
    this.job = job
    this.endsAt = this.startedAt + this.settings.timeout
    this.within = call.within
    this.seatOf = job.seatOf
    const { onProgress } = call.plan
    this.onProgress = onProgress === undefined ? undefined : (progress) => this.observe("onProgress", onProgress, progress)
    this.unsettled = call.plan.settings.retry === undefined ? undefined : new Set()
    const { items } = job
    // Promises in an array are there already, and may reject before it is their turn.
    if (Array.isArray(items)) for (let i = 0; i < items.length; i++) handleLater(items[i])
  }

  protected override start(): void {
    this.onOver = this.job.onBegin?.({ end: (cut) => this.stop(cut, false) })
    super.start()
  }

  protected override pull(spare: Task | undefined): Task | undefined {
    const task = super.pull(spare)
    if (task !== undefined) {
      handleLater(task.work)
      this.unsettled?.add(task)
    }
    return task
  }

  override effectOf(task: Task): Effect.Effect<any, unknown> {
    const { work } = task
    task.work = new Call(this, task, work instanceof Call ? work.item : work)
    return super.effectOf(task)
  }

  override onCut(task: Task): void {
    if (task.work instanceof Call) task.work.ask(task.cut!)
  }

  protected override onSettled(task: Task, outcome: AnyOutcome): void {
    this.unsettled?.delete(task)
    super.onSettled(task, outcome)
    if (outcome._tag === "Completed" && outcome.value === stop) this.breakAt(outcome.index)
    else if (this.stoppedAt !== undefined) this.endIfBroken()
  }

  /** As a loop that is left by `break`: items before this one are not concerned, those behind it are not wanted any more. */
  private breakAt(index: number): void {
    if (this.stoppedAt !== undefined && this.stoppedAt < index) return this.endIfBroken()
    this.stoppedAt = index
    this.mayPull = this.pulled
    for (const runner of [...this.runners]) {
      if (runner.task !== undefined && runner.task.index > index) runner.cut({ reason: { _tag: "Stopped" } }, false)
    }
    this.endIfBroken()
  }

  private endIfBroken(): void {
    const at = this.stoppedAt!
    if (this.stopped !== undefined) return
    if (this.unsettled !== undefined) {
      for (const task of this.unsettled) if (task.index < at) return
    } else {
      for (const { task } of this.runners) if (task !== undefined && task.outcome === undefined && task.index < at) return
    }
    this.stop({ reason: { _tag: "Stopped" } }, false)
  }

  protected override finish(): void {
    this.onOver?.()
    this.end()
  }

  protected abstract end(): void

  /** The error of the task that stopped the rest, if one did. */
  protected firstError(): { readonly error: unknown } | undefined {
    const { firstFailure } = this
    return firstFailure === undefined ? undefined : { error: errorsOf(firstFailure.cause)[0] }
  }

  /** What the source threw, unless it only did so when it was told to stop and there is something worse. */
  protected sourceError(result: Result<any> | undefined): SourceFailed | undefined {
    const problem = this.problemFor(this.firstFailure?.cause)
    return problem === undefined ? undefined : new SourceFailed(problem.cause, this.pulled, result)
  }
}

/** Keeps all outcomes and settles a promise with a result. */
export class PromiseList extends PromiseGather {
  protected readonly list: Array<AnyOutcome> = []
  private readonly left: Array<Task> = []
  private readonly resolve: (value: any) => void
  private readonly reject: (error: unknown) => void

  constructor(owner: Fiber.Fiber<any, any>, call: CallPlan, job: Job, resolve: (value: any) => void, reject: (error: unknown) => void) {
    super(owner, call, job)
    this.resolve = resolve
    this.reject = reject
  }

  begin(): void {
    this.start()
  }

  protected override keep(outcome: AnyOutcome): void {
    this.list[outcome.index] = outcome
  }

  protected override onAbandoned(task: Task): void {
    this.left.push(task)
  }

  protected end(): void {
    const result = this.result()
    const failure = this.failureOf(result)
    if (failure === undefined) this.answer(result, this.resolve, this.reject)
    else {
      remember(failure.error, result)
      this.reject(failure.error)
    }
  }

  protected answer(result: Result<any>, resolve: (value: any) => void, _reject: (error: unknown) => void): void {
    resolve(result)
  }

  private result(): Result<any> {
    const { endedBy, list, pulled, size } = this
    if (size !== undefined && endedBy !== undefined) {
      for (let index = pulled; index < size; index++) list[index] = this.neverPulled(index, endedBy)
    }
    return new Result(list, {
      elapsed: this.now() - this.startedAt,
      exhausted: this.source.done || (size !== undefined && list.length >= size),
      stopped: endedBy?.reason,
      stoppedAt: this.stoppedAt,
      left: this.left.sort((a, b) => a.index - b.index),
      keys: this.job.keys
    })
  }

  private failureOf(result: Result<any>): { readonly error: unknown } | undefined {
    const { call, endedBy } = this
    const source = this.sourceError(result)
    if (source !== undefined) return { error: source }
    const first = this.firstError()
    if (first !== undefined) return first
    const done = result.allSucceeded && result.exhausted
    if (endedBy !== undefined && !done) {
      const { limit, reason } = endedBy
      if (reason._tag === "ExecutorClosed" && this.job.closed !== undefined) return { error: this.job.closed(result) }
      if (call.onTimeout === "fail" && (limit === "call" || limit === "deadline")) return { error: new GatherTimeout(result) }
      if (call.onAbort === "fail" && reason._tag === "Aborted") return { error: reason.value }
    }
    return call.onFailure === "collect" && result.failed > 0 ? { error: new TasksFailed(result) } : undefined
  }
}

/** Runs a call in a fiber of its own, which is its owner and lives as long as it does. A bug in ours rejects. */
export const launch = (begin: (owner: Fiber.Fiber<any, any>, over: () => void) => void, reject: (error: unknown) => void): void => {
  Effect.runFork(Effect.withFiber((owner) => Effect.callback<void>((resume) => begin(owner, () => resume(Effect.void))))).addObserver(
    (exit: Exit.Exit<void>) => {
      if (exit._tag === "Failure") reject(Cause.squash(exit.cause))
    }
  )
}

/** Runs a call that gives a result. */
export const gather = (
  call: CallPlan,
  job: Job,
  make: new (...args: ConstructorParameters<typeof PromiseList>) => PromiseList = PromiseList
): Promise<any> =>
  new Promise((resolve, reject) => {
    launch((owner, over) => {
      const settle =
        (how: (value: any) => void) =>
        (value: unknown): void => {
          over()
          how(value)
        }
      new make(owner, call, job, settle(resolve), settle(reject)).begin()
    }, reject)
  })
