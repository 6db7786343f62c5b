/** The state of an engine and every change of it: from submission through dependencies, conditions and limits to the end. */
import * as Outcome from "@skein/core/Outcome"
import type * as Progress from "@skein/core/Progress"
import * as Settings from "@skein/core/Settings"
import type * as TaskPump from "@skein/core/TaskPump"
import type * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Condition from "../Condition.ts"
import type * as Job from "../Job.ts"
import type { Json } from "../JobStore.ts"
import { Bell } from "./bell.ts"
import { type Durable, isLeaving, leaves } from "./durable.ts"
import { maskOfEnd, Skipped } from "./ends.ts"
import { EnginePump } from "./enginePump.ts"
import { JobCycle } from "./errors.ts"
import { jobOf } from "./inside.ts"
import type { Change, Journal, JournalError } from "./journal.ts"
import { Limits } from "./limits.ts"
import type { Description } from "./description.ts"
import type { Outputs } from "./output/outputs.ts"
import { Retention } from "./retention.ts"
import { Names } from "./names.ts"
import { type Edge, legal, type OpenGroup, type Phase, type Run, type Slot } from "./run.ts"
import { Steps } from "./steps.ts"

export interface CoreSettings {
  readonly pump: Settings.Settings
  readonly limits: Readonly<Record<string, number>>
  readonly onClose: "drain" | "finish" | "interrupt"
  readonly retention: number
  readonly onChange: ((run: Job.Run) => void) | undefined
  readonly onProgress: ((run: Job.Run) => void) | undefined
  readonly outputs: Outputs
  /** Where the tasks of jobs run, by name. */
  readonly flavours: ReadonlyMap<string, TaskRunner.TaskRunner>
}

/** The phases that are written down. What a run waits for is found out again. */
const kept: ReadonlySet<Phase> = new Set<Phase>(["running", "retry", "ended"])
/** How many causes of earlier attempts are kept. */
const keptAttempts = 16
/** How far a clock may be off, in milliseconds. */
const rounding = 0.001
/** A close that waits longer than this says for whom, in milliseconds. */
const slowClose = 10_000

export class EngineCore extends Steps {
  readonly owner: Fiber.Fiber<unknown, unknown>
  readonly settings: CoreSettings
  readonly pump: EnginePump
  readonly durable: Durable | undefined
  readonly limits: Limits<Run>
  /** Runs that are kept, in the order in which they were submitted. */
  readonly runs = new Map<string, Run>()
  readonly active = new Set<Run>()
  /** What is meant by a description. */
  readonly slots = new WeakMap<Description, Slot>()
  readonly byKey = new Map<string, Run>()
  readonly memories = new Map<string, Json>()
  readonly names = new Names()
  readonly counts = { completed: 0, failed: 0, timeout: 0, cancelled: 0, skipped: 0 }
  readonly listeners = new Set<(run: Job.Run) => void>()
  /** Only jobs of its own may submit. */
  draining = false
  stopped: TaskPump.Cut | undefined
  private readonly conditions = new Set<Fiber.Fiber<unknown, unknown>>()
  private readonly idlers = new Set<() => void>()
  private ended: Array<Run> = []
  readonly retention: Retention
  /** Whether requests of others are being carried out. */
  reading = false

  constructor(
    owner: Fiber.Fiber<unknown, unknown>,
    settings: CoreSettings,
    journal: Journal | undefined,
    durable: Durable | undefined = undefined
  ) {
    super(durable ?? journal)
    this.durable = durable
    this.owner = owner
    this.settings = settings
    this.retention = new Retention(this.runs, this.slots, settings.retention, this.forgotten)
    this.limits = new Limits(settings.limits, (run) => this.granted(run))
    this.pump = new EnginePump(this, owner, settings.pump)
    if (settings.onChange !== undefined) this.listeners.add(settings.onChange)
  }

  get name(): string | undefined {
    return this.settings.pump.name
  }

  protected override broke(cause: Cause.Cause<JournalError>, changes: ReadonlyArray<Change>): void {
    const failure = cause.reasons.find(Cause.isFailReason)
    this.broken = failure?.error ?? (Cause.squash(cause) as JournalError)
    // Nobody is told of an end that is not kept: the next engine will not know of it.
    for (const change of changes) {
      if (change.type === "other" || change.run.end === undefined || !change.run.isKept) continue
      const { run } = change
      run.end = new Outcome.Failed(run.info(run.end!.endedAt), Cause.die(this.broken.cause))
    }
    this.failed.ring()
    this.pump.log(`${this.name ?? "an engine"} stops, for its journal failed: ${this.broken.message}`)
    this.after(() => this.pump.stop({ reason: { _tag: "Closed" } }, false))
  }

  protected override later(act: () => void): void {
    this.pump.later(act)
  }

  private fork<A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.pump.baseContext)(effect)
  }

  protected override write(effect: Effect.Effect<void, JournalError>): Fiber.Fiber<void, JournalError> {
    // Nobody may interrupt it, also not before its first step.
    return Effect.runForkWith(this.pump.baseContext)(effect, { uninterruptible: true })
  }

  private to(run: Run, phase: Phase): void {
    if (!legal[run.phase].includes(phase)) {
      throw new Error(`skein: a bug, please report it: job ${run.id} went from ${run.phase} to ${phase}`)
    }
    const isNew = run.phase === "new" && run.past === undefined
    run.phase = phase
    if (isNew || kept.has(phase)) this.note({ type: isNew ? "submitted" : "state", run })
    if (this.listeners.size === 0 && run.listeners === undefined) return
    const view = run.run
    this.after(() => {
      for (const listener of [...this.listeners, ...(run.listeners ?? [])]) this.pump.observed("onChange", listener, view)
    })
  }

  /** What a running job says of itself. */
  reported(run: Run, { done, message, total }: Progress.Progress): void {
    run.progress = { done, total, message }
    const { onProgress } = this.settings
    if (onProgress !== undefined) this.pump.observed("onProgress", onProgress, run.run)
  }

  // From submission to the limits

  /** Takes in runs whose slots are bound: all of them are known before the first is looked at. */
  admit(runs: ReadonlyArray<Run>): void {
    for (const run of runs) {
      const { job } = run.slot
      run.queued = this.pump.micros()
      // The pump looks at the clock for those only that have a limit, of whatever kind.
      if (job.timeout < Infinity || job.attemptTimeout < Infinity) run.timeout = job.timeout
      this.runs.set(run.id, run)
      if (run.isKept) this.names.take(run)
      this.active.add(run)
      if (job.key !== undefined && !this.byKey.has(job.key)) this.byKey.set(job.key, run)
    }
    const early: Array<Edge> = []
    for (const run of runs) this.link(run, early)
    for (const run of runs) {
      if (run.lost !== undefined) this.finish(run, run.lost)
      else if (run.open > 0) this.to(run, "upstream")
      else this.advance(run)
    }
    for (const edge of early) this.apply(edge)
  }

  /** Whether a new job cannot have this id. */
  isTaken(id: string): boolean {
    return this.runs.has(id) || this.names.has(id)
  }

  /** Finds the runs that a run depends on. Those that have ended already are left in `early`: the others tell by themselves. */
  private link(run: Run, early: Array<Edge>): void {
    const before = run.past?.upstream
    let place = 0
    for (const { kind, members } of run.slot.groups) {
      const group: OpenGroup = { left: members.length, waivable: kind === "after" || kind === "either", kind, decided: false }
      run.open++
      for (const { mask, slot } of members) {
        const edge: Edge = { run, upstream: before?.[place++] ?? slot.latest, mask, group }
        ;(run.edges ??= []).push(edge)
        edge.upstream.holders++
        if (edge.upstream.end === undefined) (edge.upstream.dependents ??= []).push(edge)
        else early.push(edge)
      }
    }
  }

  /** An upstream run has ended: is the group decided by that? */
  private apply(edge: Edge): void {
    const { group, mask, run, upstream } = edge
    if (run.end !== undefined || group.decided) return
    if ((maskOfEnd(upstream.end!) & mask) === 0) {
      if (--group.left > 0) return
      if (!group.waivable || !run.slot.job.waives) {
        const now = this.pump.now()
        const submitted = this.pump.instantOf(run.queued)
        return this.finish(run, new Skipped(run.index, run.name, upstream.because(mask), submitted, now))
      }
    }
    group.decided = true
    if (--run.open === 0) this.advance(run)
  }

  private advance(run: Run): void {
    const { when } = run.slot.job
    if (when === undefined) return this.ready(run)
    this.to(run, "condition")
    this.after(() => {
      if (run.phase !== "condition") return
      const fiber = this.fork(Condition.await(when))
      this.conditions.add(fiber)
      run.conditionFiber = fiber
      fiber.addObserver((exit) => {
        this.conditions.delete(fiber)
        run.conditionFiber = undefined
        if (run.phase === "condition") {
          if (Exit.isSuccess(exit)) this.ready(run)
          // Its own errors are the work's; this one is told as a defect.
          else this.finish(run, new Outcome.Failed(run.info(this.pump.now()), Cause.die(Cause.squash(exit.cause))))
        }
        this.commit()
      })
      // It was taken back in the first step of the fiber.
      if (run.phase !== "condition") fiber.interruptUnsafe()
    })
  }

  private ready(run: Run): void {
    const { queueTimeout } = run.slot.job
    this.to(run, "limit")
    if (queueTimeout < Infinity) {
      const cut: TaskPump.Cut = {
        limit: "queue",
        after: queueTimeout,
        reason: { _tag: "QueueTimeout", after: Duration.millis(queueTimeout) }
      }
      this.arm(run, this.pump.now() + queueTimeout, () => this.finish(run, this.stoppedEnd(run, cut)))
    }
    this.limits.request(run.queue, run)
  }

  private granted(run: Run): void {
    this.disarm(run)
    run.holds = true
    run.attempt = run.attempts + 1
    this.to(run, "running")
    this.after(() => {
      if (run.end === undefined && this.broken === undefined) this.pump.start(run)
    })
  }

  // Alarms: one a run, for what it waits for now

  private arm(run: Run, at: number, fire: () => void): void {
    const { attempts, phase } = run
    const isStill = (): boolean => run.phase === phase && run.attempts === attempts
    this.after(() => {
      if (!isStill()) return
      const timer = this.pump.timers.add(Infinity, () => {
        if (run.timer !== timer) return
        run.timer = undefined
        if (!isStill()) return
        fire()
        this.commit()
      })
      run.timer = timer
      this.pump.timers.move(timer, at)
      // To set an alarm a fiber takes a step, in which anything may happen.
      if (!isStill()) this.pump.timers.cancel(timer)
    })
  }

  private disarm(run: Run): void {
    const { timer } = run
    if (timer === undefined) return
    run.timer = undefined
    this.after(() => this.pump.timers.cancel(timer))
  }

  // The end of an attempt

  attemptEnded(run: Run, outcome: Outcome.Outcome<any, any>): void {
    if (run.end !== undefined) return
    if (outcome._tag === "Failed") run.out?.failed(outcome.endedAt ?? this.pump.now(), run.attempts, outcome.cause)
    const { attemptTimeout, retry } = run.slot.job
    let end = outcome
    let timedOut: Settings.AttemptTimedOut | undefined
    if (
      outcome._tag === "TimedOut" &&
      outcome.limit === "task" &&
      attemptTimeout < Infinity &&
      this.pump.totalLimit(run) - this.pump.now() > rounding
    ) {
      const after = Duration.millis(attemptTimeout)
      timedOut = new Settings.AttemptTimedOut({ after })
      end = new Outcome.TimedOut({ ...run.info(outcome.endedAt), abandoned: outcome.abandoned }, "attempt", after, outcome.cause)
    }
    const wouldRetry =
      retry !== undefined &&
      !outcome.abandoned &&
      run.attempts <= retry.times &&
      (timedOut !== undefined || (end._tag === "Failed" && end.cause.reasons.every(Cause.isFailReason)))
    const mayRetry = wouldRetry && this.stopped === undefined
    if (wouldRetry && !mayRetry && run.asked === undefined) run.left = isLeaving(this, run)
    // It was asked to stop while its attempt, whose time was over, cleaned up: there would have been another.
    if (mayRetry && run.asked !== undefined)
      this.finish(run, new Outcome.Cancelled(run.info(end.endedAt), run.asked.reason, (end as Outcome.TimedOut<unknown>).cause))
    else if (mayRetry) this.consider(run, retry, end as Outcome.Failed<unknown> | Outcome.TimedOut<unknown>, timedOut)
    else this.finish(run, end)
    this.commit()
  }

  /** Gives the limits back and asks whether there is to be another attempt. */
  private consider(
    run: Run,
    policy: NonNullable<Settings.Settings["retry"]>,
    end: Outcome.Failed<unknown> | Outcome.TimedOut<unknown>,
    timedOut: Settings.AttemptTimedOut | undefined
  ): void {
    this.to(run, "retry")
    run.attempt = run.attempts + 1
    run.outcome = undefined
    run.cut = undefined
    run.lastCause = end.cause
    this.giveBack(run)
    this.after(() => {
      if (run.phase !== "retry") return
      const driver = (run.driver ??= { step: undefined })
      const fiber = this.fork(
        Effect.clockWith((clock) =>
          Settings.decideRetry(policy, driver, run.attempts, end.cause, timedOut, () => clock.currentTimeMillisUnsafe())
        )
      )
      run.conditionFiber = fiber
      this.conditions.add(fiber)
      fiber.addObserver((exit) => {
        this.conditions.delete(fiber)
        run.conditionFiber = undefined
        if (run.phase === "retry") this.decided(run, policy.needs, end, exit)
        this.commit()
      })
      if (run.phase !== "retry") fiber.interruptUnsafe()
    })
  }

  private decided(
    run: Run,
    needs: number,
    end: Outcome.Failed<unknown> | Outcome.TimedOut<unknown>,
    exit: Exit.Exit<Effect.Success<ReturnType<typeof Settings.decideRetry>>>
  ): void {
    const answer = Exit.isSuccess(exit) ? exit.value : { cause: exit.cause }
    if ("cause" in answer) {
      const at = end.endedAt ?? this.pump.now()
      return this.finish(run, answer.cause === end.cause || end._tag === "TimedOut" ? end : new Outcome.Failed(run.info(at), answer.cause))
    }
    const startsAt = this.pump.now() + answer.delay
    const limit = this.pump.totalLimit(run)
    // No attempt that could not be finished is started.
    if (startsAt >= limit || limit - startsAt < needs) return this.finish(run, end)
    const causes = (run.attemptCauses ??= [])
    causes.push(end.cause)
    if (causes.length > keptAttempts) causes.shift()
    this.note({ type: "state", run })
    if (answer.delay <= 0) this.again(run)
    else this.arm(run, startsAt, () => this.again(run))
  }

  private again(run: Run): void {
    this.to(run, "limit")
    const limit = this.pump.totalLimit(run)
    if (limit < Infinity) {
      const after = run.slot.job.timeout
      const cut: TaskPump.Cut = { limit: "task", after, reason: { _tag: "TaskTimeout", after: Duration.millis(after) } }
      this.arm(run, limit, () => this.finish(run, this.stoppedEnd(run, cut)))
    }
    this.limits.request(run.queue, run)
  }

  // Ends

  private giveBack(run: Run): void {
    if (!run.holds) return
    run.holds = false
    this.limits.release(run.queue)
  }

  /** The end of a run that is not running and was asked to stop. */
  private stoppedEnd(run: Run, cut: TaskPump.Cut): Job.End<any, any> {
    if (run.attempts === 0) return this.pump.notStarted(run, cut)
    const info = run.info(this.pump.now())
    const cause = (run.lastCause ?? Cause.empty) as Cause.Cause<any>
    return cut.limit === undefined
      ? new Outcome.Cancelled(info, cut.reason, cause)
      : new Outcome.TimedOut(info, cut.limit, Duration.millis(cut.after!), cause)
  }

  finish(run: Run, how: Job.End<any, any>): void {
    if (run.end !== undefined) return
    run.left ||= leaves(this, run, how)
    const end = this.durable === undefined || run.left ? how : this.durable.endOf(run, how)
    run.end = end
    this.to(run, "ended")
    // One that waits on in the store is not over there.
    if (run.edges !== undefined && !run.left) {
      for (const { upstream } of run.edges) if (--upstream.holders === 0 && upstream.forgotten) this.remove(upstream)
    }
    for (const request of run.answers ?? []) this.note({ type: "other", change: { type: "answered", request, refusal: undefined } })
    this.counts[run.status as Job.EndWord]++
    this.active.delete(run)
    const { key } = run.slot.job
    if (key !== undefined && this.byKey.get(key) === run) this.byKey.delete(key)
    this.disarm(run)
    this.limits.withdraw(run)
    if (end._tag !== "Skipped" && end.abandoned) {
      run.onEnd = () => {
        this.giveBack(run)
        this.limits.leave(run.queue)
        this.commit()
      }
    } else {
      this.giveBack(run)
      this.limits.leave(run.queue)
    }
    const fiber = run.conditionFiber
    if (fiber !== undefined) this.after(() => fiber.interruptUnsafe())
    this.ended.push(run)
    if (!run.left) this.retention.keep(run)
    this.after(() => {
      run.told = true
      run.out?.end()
      const { returns, waiters } = run
      run.waiters = undefined
      if (returns !== undefined) for (const giveUp of [...returns]) giveUp()
      if (waiters !== undefined) for (const wake of waiters) wake()
    })
  }

  private readonly forgotten = (run: Run): void => {
    run.forgotten = true
    if (run.out !== undefined || this.settings.outputs.files !== undefined) run.outputOf().forget()
    if (run.holders === 0) this.remove(run)
  }

  /** A store keeps a run as long as others depend on it that have not ended. */
  private remove(run: Run): void {
    if (!run.isKept || run.left || run.removed) return
    run.removed = true
    this.note({ type: "other", change: { type: "removed", id: run.id } })
    this.names.release(run)
  }

  /** Tells those who depend on what has ended. */
  protected override propagate(): void {
    for (let i = 0; i < this.ended.length; i++) {
      const run = this.ended[i]!
      const { dependents } = run
      run.dependents = undefined
      if (dependents !== undefined) for (const edge of dependents) this.apply(edge)
    }
    if (this.ended.length > 0) this.ended = []
  }

  /** Whether nothing is left to run and all that has ended has been told. */
  private isIdle(): boolean {
    return this.active.size === 0 && this.isSettled && !this.reading
  }

  override tellIdle(): void {
    if (this.idlers.size === 0 || !this.isIdle()) return
    for (const wake of [...this.idlers]) wake()
  }

  // Stopping

  /** Starts nothing more and gives up what waits. What has begun is for the pump. */
  stopWaiting(cut: TaskPump.Cut): void {
    this.stopped ??= cut
    for (const run of [...this.active]) if (run.phase !== "running" || run.runner?.task !== run) this.finish(run, this.stoppedEnd(run, cut))
    this.commit()
  }

  cancelRuns(select: () => ReadonlyArray<Run>, reason: unknown): Effect.Effect<ReadonlyArray<Run>> {
    return Effect.withFiber((fiber) => {
      const why: Outcome.Reason = { _tag: "Requested", value: reason }
      const cut: TaskPump.Cut = { reason: why }
      const runs = select().filter((run) => run.end === undefined)
      const self = jobOf(this, fiber)
      const isInside = self !== undefined && runs.includes(self)
      for (const run of runs) {
        if (run.phase !== "running") this.finish(run, this.stoppedEnd(run, cut))
        else {
          run.asked ??= cut
          this.after(() => {
            if (run.end !== undefined || run.phase !== "running" || this.pump.cut(run, cut)) return
            this.finish(run, this.stoppedEnd(run, cut))
            this.commit()
          })
        }
      }
      this.commit()
      // A job cannot wait for its own end.
      return isInside ? Effect.failCause(Cause.annotate(Cause.interrupt(fiber.id), Outcome.annotations(why))) : Effect.succeed(runs)
    })
  }

  /** Starts nothing more, and asks what runs to stop. */
  interrupt(): void {
    this.pump.stop({ reason: { _tag: "Closed" } }, false)
  }

  /** Closes the scope: nothing more is submitted, and what is there ends. */
  readonly close: Effect.Effect<void> = Effect.withFiber((fiber) => {
    this.draining = true
    const self = jobOf(this, fiber)
    const inside = self !== undefined && self.end === undefined
    if (this.settings.onClose === "interrupt" || inside) this.interrupt()
    else if (this.settings.onClose === "finish") this.stopWaiting({ reason: { _tag: "Closed" } })
    // A job that closes the engine it runs in cannot wait for its own end.
    if (!inside) return Effect.andThen(this.awaitEmpty, Effect.sync(this.closed))
    this.idlers.add(this.closed)
    return Effect.void
  })

  private readonly closed = (): void => {
    this.idlers.delete(this.closed)
    this.over.ring()
    this.stopped ??= { reason: { _tag: "Closed" } }
    this.pump.end()
  }

  private readonly failed = new Bell()
  readonly awaitFailure: Effect.Effect<JournalError> = Effect.map(this.failed.await, () => this.broken!)
  private readonly over = new Bell()
  readonly awaitClosed: Effect.Effect<void> = this.over.await

  private readonly awaitEmpty = Effect.callback<void>((resume) => {
    const isEmpty = (): boolean => this.isIdle() && this.conditions.size === 0
    if (isEmpty()) return resume(Effect.void)
    const slow = this.pump.timers.add(Infinity, () => {
      // Of those that were asked to stop the pump tells.
      if (this.stopped !== undefined && this.active.size > 0) return
      const names = this.active.size === 0 ? ["its store"] : [...this.active].slice(0, 8).map((run) => run.id)
      const more = this.active.size > names.length ? ` and ${this.active.size - names.length} more` : ""
      this.pump.log(`${this.name ?? "an engine"} has waited ${slowClose / 1000} s to close for: ${names.join(", ")}${more}`)
    })
    let over = false
    const wake = (): void => {
      if (over || !isEmpty()) return
      over = true
      this.idlers.delete(wake)
      this.pump.timers.cancel(slow)
      resume(Effect.void)
    }
    this.idlers.add(wake)
    this.pump.timers.move(slow, this.pump.now() + slowClose)
    wake()
  })

  // Waiting

  readonly awaitIdle: Effect.Effect<void> = Effect.withFiber((fiber) => {
    const self = jobOf(this, fiber)
    if (self !== undefined && self.end === undefined) return Effect.die(new JobCycle([self.id, self.id]))
    return Effect.callback<void>((resume) => {
      if (this.isIdle()) return resume(Effect.void)
      const wake = (): void => {
        this.idlers.delete(wake)
        resume(Effect.void)
      }
      this.idlers.add(wake)
      return Effect.sync(() => void this.idlers.delete(wake))
    })
  })

  lend(run: Run): void {
    this.giveBack(run)
    this.commit()
  }

  /** Calls `then` when a run has back what it lent. Gives a function that withdraws the wish. */
  takeBack(run: Run, then: () => void): () => void {
    const withdraw = this.limits.takeBack(run.queue, () => {
      run.holds = true
      this.after(then)
    })
    this.commit()
    return () => {
      withdraw()
      this.commit()
    }
  }
}
