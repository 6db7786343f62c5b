/**
 * What schedules and sentinels have in common: ticks come, wait or give way, become jobs, and the ends of those are looked at.
 *
 * One fiber decides and acts, one action at a time; everything else changes memory and wakes it. While there is no place for another job it has no timer: what came due meanwhile is worked out when a job ends. So a tick at
 * the very instant at which a job ends does not overlap with it, in whatever order the two happen.
 */
import * as Settings from "@skein/core/Settings"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Engine from "../../Engine.ts"
import * as Job from "../../Job.ts"
import type { Alarms } from "../alarms.ts"
import { detailOf } from "../ends.ts"
import { JobCycle, type SubmitError } from "../errors.ts"
import { CurrentJob } from "../inside.ts"
import { idOf, instantOf, isOfGrid, isOwn } from "./ids.ts"
import type { EndedBy, Failure, Handle, Status, StopOptions, Tick } from "./model.ts"
import type { Shared } from "./options.ts"
import { Told } from "./told.ts"

type AnyHandle = Job.Handle<unknown, unknown>
type HowToStop = NonNullable<StopOptions["running"]>

/** From the mildest to the hardest: a second `stop` makes the first one harder, never milder. */
const waysToStop: readonly [HowToStop, ...ReadonlyArray<HowToStop>] = ["drain", "interrupt", "leave"]

/** What may be wrong with any recurrence. */
export type Fault =
  | { readonly _tag: "TooManyFailures"; readonly failures: ReadonlyArray<Failure> }
  | { readonly _tag: "JobThrew"; readonly cause: Cause.Cause<unknown> }
  | { readonly _tag: "Ended"; readonly by: EndedBy }
  | { readonly _tag: "AlreadyStarted" }

/** The names that are in use: jobs are known by them. */
const started = new WeakMap<Engine.Engine, Set<string>>()

class Threw extends Data.TaggedError("Threw")<{ readonly cause: Cause.Cause<unknown> }> {}

/** What everything that runs needs. */
export interface Around {
  readonly engine: Engine.Engine
  readonly alarms: Alarms
  readonly context: Context.Context<never>
}

const keptFailures = 16

export abstract class Recurrence<F> extends Told implements Handle<any, any, F> {
  readonly name: string
  protected readonly settings: Shared
  protected readonly alarms: Alarms
  private readonly engine: Engine.Engine
  private readonly context: Context.Context<never>
  private readonly running = new Map<AnyHandle, { readonly tick: Tick; readonly leave: () => void; asked: boolean }>()
  private starting = 0
  /** Ticks that wait for a place, oldest first. */
  protected waiting: Array<Tick> = []
  /** What waits was missed: what comes until all of that has its place waits behind it. */
  protected catchingUp = false
  protected runs = 0
  protected skipped = 0
  protected missed = 0
  protected paused = false
  private failed = 0
  private failedInARow = 0
  private failures: ReadonlyArray<Failure> = []
  private ending: { readonly by: EndedBy; readonly running: HowToStop; readonly cause?: Cause.Cause<F> } | undefined
  private ended: Exit.Exit<Exclude<EndedBy, "error">, F> | undefined
  private news = false
  private wakeUp: (() => void) | undefined
  private toSave = 0
  private saved = 0

  constructor(around: Around, settings: Shared) {
    super()
    this.name = settings.name
    this.settings = settings
    this.engine = around.engine
    this.alarms = around.alarms
    // Its jobs are not the business of a job that happens to have started it.
    this.context = Context.add(around.context, CurrentJob, undefined)
  }

  /** Begins to listen for ticks, in the fiber that decides. */
  protected abstract readonly begin: Effect.Effect<void>
  /** Takes in what has come due, when there is room for it. */
  protected abstract collect(now: number): void
  /** Takes in what came due before `now`, up to which there was no room. */
  protected abstract pass(now: number): void
  /** Skips what came due before `now`. */
  protected abstract forget(now: number): void
  /** When to look again. */
  protected abstract wakesAt(): number
  protected abstract next(now: number): number | undefined
  /** No tick can come any more. */
  protected abstract readonly isOver: boolean
  /** Keeps what has to be known after a restart. */
  protected abstract readonly save: Effect.Effect<void, F>
  protected abstract fault(fault: Fault): F

  // What it does, one thing after the other

  /** Runs it in a scope. */
  get start(): Effect.Effect<this, F, Scope.Scope> {
    const close = Effect.sync(() => this.finish(Exit.succeed("scope")))
    const forked = Effect.forkScoped(Effect.provideContext(this.drive, this.context), { startImmediately: true })
    return Effect.andThen(
      Effect.acquireRelease(Effect.andThen(this.register, this.adopt), () => close),
      Effect.map(forked, (fiber) => {
        // However it ended: also when a stranger interrupted it before its first step.
        fiber.addObserver((exit) => this.finish(this.told(exit)))
        return this
      })
    )
  }

  private get register(): Effect.Effect<void, F> {
    return Effect.suspend(() => {
      let names = started.get(this.engine)
      if (names === undefined) started.set(this.engine, (names = new Set()))
      if (names.has(this.name)) return Effect.fail(this.fault({ _tag: "AlreadyStarted" }))
      names.add(this.name)
      return Effect.void
    })
  }

  /** What is told of the end of the fiber. */
  private told(exit: Exit.Exit<void, F>): Exit.Exit<Exclude<EndedBy, "error">, F> {
    if (Exit.isFailure(exit)) return Cause.hasInterruptsOnly(exit.cause) ? Exit.succeed("scope") : Exit.failCause(exit.cause)
    const { by, cause } = this.ending!
    return by === "error" ? Exit.failCause(cause!) : Exit.succeed(by)
  }

  /** Jobs of an earlier start that have not ended. */
  private get adopt(): Effect.Effect<void> {
    const ids = Effect.map(this.engine.list({ state: ["waiting", "running"] }), (runs) => runs.map((run) => run.id))
    return Effect.flatMap(ids, (all) =>
      Effect.forEach(
        all.filter((id) => isOwn(this.name, id)),
        (id) =>
          Effect.map(this.engine.get(id), (found) => {
            if (Option.isSome(found)) this.track(found.value, { id, at: instantOf(this.name, id), cause: "due" })
          }),
        { discard: true }
      )
    )
  }

  private get drive(): Effect.Effect<void, F> {
    const closed = Effect.map(this.engine.awaitClosed, () => this.end({ by: "engine", running: "drain" }))
    const loop = Effect.gen({ self: this }, function* () {
      yield* Effect.forkChild(closed, { startImmediately: true })
      yield* this.begin
      for (;;) {
        this.news = false
        const act = this.decide()
        if (act === undefined) return
        yield* act
      }
    })
    // Maybe nobody waits for it.
    return Effect.onExit(loop, (exit) => {
      const told = this.told(exit)
      return Exit.isFailure(told) ? Effect.logWarning(`skein: ${detailOfCause(told.cause)}`) : Effect.void
    })
  }

  /** The next thing to be done; nothing when it is over. */
  private decide(): Effect.Effect<void, F> | undefined {
    const { running, settings } = this
    const { overlap, places } = settings
    if (this.toSave > this.saved) return this.keep
    if (this.ending !== undefined) {
      if (running.size === 0 || this.ending.running === "leave") return undefined
      return this.ending.running === "interrupt" ? this.cancelRunning("it was stopped") : this.wait(Infinity)
    }
    if (this.paused) return this.wait(Infinity)
    const now = this.alarms.now()
    const looks = running.size < places || overlap === "cancel"
    const isSpent = this.runs >= settings.runs
    if (looks && this.waiting.length === 0 && !isSpent) this.collect(now)
    if (isSpent || (this.waiting.length === 0 && this.isOver)) {
      this.end({ by: isSpent ? "runs" : "over", running: "drain" })
      return this.decide()
    }
    if (this.waiting.length === 0) return this.wait(looks ? this.wakesAt() : Infinity)
    if (running.size < places) return this.run(this.waiting.shift()!)
    return overlap === "cancel" && !this.catchingUp ? this.cancelRunning("its next tick has come") : this.wait(Infinity)
  }

  private wait(at: number): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.news) return resume(Effect.void)
      let cancel = (): void => {}
      let over = false
      const stop = (): void => {
        over = true
        this.wakeUp = undefined
        cancel()
      }
      this.wakeUp = () => {
        stop()
        resume(Effect.void)
      }
      // To set an alarm a fiber takes a step, in which anything may happen.
      cancel = this.alarms.add(at, this.wakeUp)
      if (over) cancel()
      return Effect.sync(stop)
    })
  }

  protected wake(): void {
    this.news = true
    this.wakeUp?.()
  }

  private get keep(): Effect.Effect<void, F> {
    return Effect.suspend(() => {
      const mark = this.toSave
      return Effect.map(this.save, () => {
        this.saved = Math.max(this.saved, mark)
        this.tell()
      })
    })
  }

  private cancelRunning(reason: string): Effect.Effect<void> {
    const fresh = [...this.running].filter(([, { asked }]) => !asked)
    if (fresh.length === 0) return this.wait(Infinity)
    return Effect.forEach(
      fresh,
      ([handle, entry]) => {
        entry.asked = true
        return Effect.forkChild(handle.cancel(`${this.name}: ${reason}`), { startImmediately: true })
      },
      { discard: true }
    )
  }

  // From a tick to its job and its end

  /** Submits the job of a tick, and then keeps that it did: a crash between the two is found out by the id. */
  private run(tick: Tick): Effect.Effect<void, F> {
    this.starting++
    const submitted = Effect.matchCause(this.submit(tick), {
      onFailure: (cause) => this.refused(tick, cause),
      onSuccess: (handle) => {
        if (handle !== undefined) this.track(handle, tick)
        return true
      }
    })
    const kept = Effect.flatMap(submitted, (hadItsTurn) => {
      this.starting--
      if (hadItsTurn) this.runs++
      this.tell()
      return hadItsTurn ? this.keep : Effect.void
    })
    return Effect.uninterruptible(kept)
  }

  /** Gives no handle where the job was submitted before and is forgotten by now. */
  private submit(tick: Tick): Effect.Effect<AnyHandle | undefined, SubmitError | Threw> {
    return Effect.flatMap(this.named(tick), (tick) => {
      const made = Effect.try({
        try: () => Job.with(this.settings.jobOf(tick) as Job.Job<unknown, unknown>, { id: tick.id }),
        catch: (error) => new Threw({ cause: Cause.die(error) })
      })
      return Effect.flatMap(made, (job) =>
        Effect.catch(this.engine.submit(job), (error): Effect.Effect<AnyHandle | undefined, SubmitError> =>
          error.reason._tag === "DuplicateId" && error.reason.id === tick.id && isOfGrid(tick)
            ? Effect.map(this.engine.get(tick.id), Option.getOrUndefined)
            : Effect.fail(error)
        )
      )
    })
  }

  /** Ticks of a grid have the ids they had before a crash; others may share an instant. */
  private named(tick: Tick): Effect.Effect<Tick> {
    if (isOfGrid(tick)) return Effect.succeed(tick)
    const free = (n: number): Effect.Effect<Tick> => {
      const id = n === 1 ? tick.id : `${tick.id}/${n}`
      return Effect.flatMap(this.engine.get(id), (found) => (Option.isSome(found) ? free(n + 1) : Effect.succeed({ ...tick, id })))
    }
    return free(1)
  }

  /** Says whether that was the turn of the tick: where the engine takes no jobs any more, it is one for the next start. */
  private refused(tick: Tick, cause: Cause.Cause<SubmitError | Threw>): boolean {
    const error: unknown = Cause.squash(cause)
    const reason = isSubmitError(error) ? error.reason._tag : undefined
    if (reason === "Closed" || reason === "NotRecorded") {
      this.end({ by: "engine", running: "drain" })
      return false
    }
    const detail = error instanceof Threw ? detailOfCause(error.cause) : detailOfCause(cause)
    this.fail({ tick, how: reason === undefined ? "threw" : "refused", detail })
    return true
  }

  private track(handle: AnyHandle, tick: Tick): void {
    if (this.ended !== undefined || this.running.has(handle)) return
    const leave = handle.subscribe(({ state }) => {
      if (state._tag === "Ended") this.over(handle, state.outcome)
    })
    this.running.set(handle, { tick, leave, asked: false })
    if (handle.state._tag === "Ended") this.over(handle, handle.state.outcome)
  }

  private over(handle: AnyHandle, end: Job.End<unknown, unknown>): void {
    const entry = this.running.get(handle)
    if (entry === undefined) return
    if (this.isFull && !this.paused && this.ending === undefined) this.pass(this.alarms.now())
    this.running.delete(handle)
    entry.leave()
    const how = Job.endWord(end)
    if (how === "completed") this.failedInARow = 0
    else if (how !== "cancelled") {
      const detail = end._tag === "Skipped" ? Job.formatBecause(end.because) : detailOf(end)
      this.fail({ tick: entry.tick, how, detail })
    }
    this.tell()
    this.wake()
  }

  private fail(failure: Failure): void {
    this.failed++
    this.failedInARow++
    this.failures = [...this.failures.slice(1 - keptFailures), failure]
    if (this.failedInARow < this.settings.stopAfter) return
    const failures = this.failures.slice(-this.failedInARow)
    this.end({ by: "error", running: "drain", cause: Cause.fail(this.fault({ _tag: "TooManyFailures", failures })) })
  }

  // Ticks that come

  /** Whether each place has its job or its tick. */
  protected get isFull(): boolean {
    return this.running.size + this.starting + this.waiting.length >= this.settings.places
  }

  /** Takes in ticks, oldest first, and `more` that are older and not wanted in detail. */
  protected arrive(ticks: ReadonlyArray<Tick>, more: number): void {
    const { overlap, queueLimit } = this.settings
    this.skipped += more
    if (this.waiting.length === 0) this.catchingUp = false
    if (overlap === "queue" || this.catchingUp || !this.isFull) {
      this.waiting.push(...ticks)
      this.skipped += this.waiting.splice(0, Math.max(0, this.waiting.length - queueLimit)).length
    } else if (overlap === "cancel" && ticks.length > 0) {
      this.skipped += this.waiting.length + ticks.length - 1
      this.waiting = ticks.slice(-1)
    } else this.skipped += ticks.length
  }

  protected tickAt(at: number, cause: Tick["cause"]): Tick {
    return { at, cause, id: idOf(this.name, at, cause) }
  }

  protected get isListening(): boolean {
    return !this.paused && this.ending === undefined && this.ended === undefined
  }

  // Its end

  protected end(ending: NonNullable<typeof this.ending>): void {
    if (this.ending !== undefined || this.ended !== undefined) return
    this.ending = ending
    this.waiting = []
    this.tell()
    this.wake()
  }

  private finish(exit: Exit.Exit<Exclude<EndedBy, "error">, F>): void {
    if (this.ended !== undefined) return
    this.ended = exit
    started.get(this.engine)?.delete(this.name)
    for (const { leave } of this.running.values()) leave()
    this.running.clear()
    this.waiting = []
    this.tell()
  }

  // The handle

  private get endedBy(): EndedBy | undefined {
    if (this.ended === undefined) return this.ending?.by
    return Exit.isSuccess(this.ended) ? this.ended.value : "error"
  }

  get status(): Status {
    const { ended, ending, failed, failedInARow, failures, missed, paused, runs, skipped, waiting } = this
    return {
      state: ended !== undefined ? "ended" : ending !== undefined ? "stopping" : paused ? "paused" : "active",
      endedBy: this.endedBy,
      next: this.isListening && runs < this.settings.runs ? (waiting[0]?.at ?? this.next(this.alarms.now())) : undefined,
      running: [...this.running.keys()].map((handle) => handle.id),
      waiting: waiting.length,
      runs,
      skipped,
      missed,
      failed,
      failedInARow,
      failures
    }
  }

  /** A job may run before whoever submitted it has its handle. */
  private get allKnown(): Effect.Effect<void> {
    return this.until(() => this.starting === 0 || this.ended !== undefined)
  }

  get await(): Effect.Effect<Exclude<EndedBy, "error">, F> {
    const ended = Effect.flatMap(
      this.until(() => this.ended !== undefined),
      () => this.ended!
    )
    const checked = Effect.withFiber<Exclude<EndedBy, "error">, F>((fiber) => {
      const self: unknown = Context.get(fiber.context, CurrentJob)
      const own = [...this.running.keys()].find((handle) => handle === self)
      return own === undefined ? ended : Effect.die(new JobCycle([own.id, this.name, own.id]))
    })
    return Effect.andThen(this.allKnown, checked)
  }

  /** Changes what a memory keeps, and waits until it has been kept. */
  private change(change: () => void): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.ended !== undefined || this.ending !== undefined) return Effect.void
      change()
      const mark = ++this.toSave
      this.tell()
      this.wake()
      return this.until(() => this.saved >= mark || this.ended !== undefined)
    })
  }

  /** Something is to be kept before anything else is done. */
  protected mustSave(): void {
    this.toSave++
  }

  readonly pause = this.change(() => {
    if (this.paused) return
    this.paused = true
    this.skipped += this.waiting.length
    this.waiting = []
  })

  readonly resume = this.change(() => {
    if (!this.paused) return
    this.paused = false
    this.forget(this.alarms.now())
  })

  readonly stop = (options: StopOptions = {}): Effect.Effect<void> => {
    Settings.known("Handle.stop", options, ["running"])
    const how = Settings.oneOf("Handle.stop", "running", options.running, waysToStop)
    return Effect.suspend(() => {
      this.end({ by: "stopped", running: how })
      const { ending } = this
      if (ending !== undefined && waysToStop.indexOf(how) > waysToStop.indexOf(ending.running)) this.ending = { ...ending, running: how }
      this.wake()
      // A job that stops the schedule lends its place to those that it waits for, and is refused to wait for itself.
      const jobs = Effect.suspend(() => Effect.forEach([...this.running.keys()], (handle) => handle.await, { discard: true }))
      return Effect.andThen(
        how === "leave" ? Effect.void : Effect.andThen(this.allKnown, jobs),
        this.until(() => this.ended !== undefined)
      )
    })
  }

  get trigger(): Effect.Effect<Job.Handle<any, any>, SubmitError | F> {
    const submitted = Effect.suspend((): Effect.Effect<AnyHandle, SubmitError | F> => {
      const by = this.endedBy
      if (by !== undefined) return Effect.fail(this.fault({ _tag: "Ended", by }))
      const tick = this.tickAt(this.alarms.now(), "trigger")
      this.starting++
      return Effect.onExit(this.submit(tick), (exit) => {
        this.starting--
        if (Exit.isSuccess(exit)) this.track(exit.value!, tick)
        this.tell()
        return Effect.void
      }).pipe(
        Effect.mapBoth({
          onFailure: (error) => (error instanceof Threw ? this.fault({ _tag: "JobThrew", cause: error.cause }) : error),
          onSuccess: (handle) => handle!
        })
      )
    })
    return Effect.uninterruptible(Effect.provideContext(submitted, this.context))
  }
}

const isSubmitError = (error: unknown): error is SubmitError => (error as { readonly _tag?: unknown } | undefined)?._tag === "SubmitError"

const detailOfCause = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  try {
    return error instanceof Error && error.message !== "" ? error.message : String(error)
  } catch {
    return "an error that cannot be shown"
  }
}
