/**
 * Runs one program once under one way of choosing.
 *
 * The simulation is the `Scheduler` of its program. The runtime asks it before each primitive whether the fiber should yield; that question
 * is a step, and everything here hangs on it: counting, preempting, interrupting at a chosen step, checking an invariant. Tasks that the runtime
 * hands over go to one list for all fibers, and `advance` takes from it as the chooser says. When the list is empty the virtual clock moves.
 *
 * ```
 *            task left              none left, timer pending
 * advance ──▶ run it ──▶ …          go to it, wake all due
 *        └──▶ promises used: "settle" (the caller waits for microtasks, then calls again)
 *        └──▶ main ended, or nothing can happen any more: over
 * ```
 *
 * **What is never done.** The first primitive after a fiber was started or woken is always evaluated at once, as in the live runtime, where no budget
 * that lets a fiber move at all ends there. Effect counts on it: whoever resumes a waiter has handed it over, and a fiber that is
 * interrupted before its start and then yielded would be started all the same, with its interruption lost.
 *
 * A preempted fiber yields through `scheduleTask`, and two questions of the runtime follow when it resumes: for the `void` it resumes with, and for
 * the primitive it was about to evaluate. Neither is a step of its own, and a second preemption there would never let the fiber
 * move; `skip` answers both with no.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as lineage from "../../internal/lineage.ts"
import { type Chooser, Prng, randomService } from "./choice.ts"
import { enter, Outside } from "./outside.ts"
import { Runnable, type Task } from "./runnable.ts"
import { VirtualClock } from "./virtualClock.ts"

export interface Settings {
  readonly seed: number
  /** What `chooser` follows, where that is not the seed. */
  readonly schedule: string | undefined
  readonly chooser: Chooser
  readonly maxSteps: number
  readonly maxStepsPerInstant: number
  readonly interrupt: Interrupt | undefined
  readonly invariant: (() => void) | undefined
  readonly trace: boolean
}

export interface Interrupt {
  readonly step: number
  readonly target: "main" | "running" | "other"
  readonly moment: "before" | "during"
}

export interface FiberState {
  readonly fiber: lineage.AnyFiber
  /** Counted from 1 in the order in which the fibers took their first step, so that it means the same in each replay. */
  readonly number: number
  steps: number
  skip: number
  /** It was preempted and has not gone on. */
  queued: boolean
  wait: lineage.Wait | undefined
}

/** How it stands: `settle` asks for a drain of the real queues, `stuck` says that only something real can go on. */
export type Progress = "over" | "settle" | "stuck"

export class Simulation implements Scheduler.Scheduler, lineage.WaitObserver {
  readonly executionMode = "async"
  readonly clock: VirtualClock = new VirtualClock()
  readonly outside: Outside = new Outside()
  readonly trace: Array<string> = []
  readonly fibers: Map<lineage.AnyFiber, FiberState> = new Map()
  steps = 0
  main: lineage.AnyFiber | undefined
  /** The fiber that the sweep interrupted. */
  interrupted: FiberState | undefined
  /** Fibers that were alive when the main fiber ended. */
  outlived: ReadonlyArray<FiberState> = []
  /** What broke the run from outside its fibers: a violated invariant, an observer that threw. */
  broken: { readonly error: unknown; readonly step: number } | undefined
  /** The step budget that was used up. */
  exhausted: "total" | "instant" | undefined
  /** Something other than microtasks woke a fiber. */
  wokenFromOutside = false
  /** Called when a task arrives while the loop is not running. */
  onWake: (() => void) | undefined

  private readonly settings: Settings
  private readonly runnable = new Runnable()
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private instantStart = 0
  private settled = false
  private stopped = false
  private looping = false
  private seen = 0
  private sweepAt = 4096
  private pendingInterrupt: FiberState | undefined
  private preempted: FiberState | undefined
  /** The fiber of the last step, and the first fiber of this turn of the loop: another one runs nested inside its step. */
  private last: FiberState | undefined
  private first: FiberState | undefined

  constructor(settings: Settings) {
    this.settings = settings
    this.dispatcher = {
      scheduleTask: (task, priority) => this.schedule(task, priority),
      flush: () => this.drain()
    }
  }

  start(program: Effect.Effect<unknown, unknown>): void {
    const root: lineage.RootNode = { kind: "root", parent: undefined, observer: this, ended: false }
    const context = Context.make(Scheduler.Scheduler, this as Scheduler.Scheduler).pipe(
      Context.add(Clock.Clock, this.clock),
      Context.add(lineage.Current, root),
      Context.add(Random.Random, randomService(this.settings.seed))
    )
    this.schedule(() => {
      const fiber = Effect.runForkWith(context)(program)
      this.main = fiber
      fiber.addObserver(() => this.mainEnded())
    }, 0)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this.dispatcher
  }

  shouldYield(fiber: lineage.AnyFiber): boolean {
    this.preempted = undefined
    const state = this.last !== undefined && this.last.fiber === fiber ? this.last : this.enter(fiber)
    if (state.skip > 0) {
      state.skip--
      return false
    }
    if (this.stopped) return this.preempt(state)
    const woken = fiber.currentOpCount === 1
    // Whatever wakes a fiber from outside hands it to the loop, which decides when it goes on.
    if (!this.looping) {
      this.onWake?.()
      return !woken && this.preempt(state)
    }
    const step = ++this.steps
    state.steps++
    const { settings } = this
    if (settings.invariant !== undefined && !this.holds(settings.invariant)) return this.preempt(state)
    if (step >= settings.maxSteps || step - this.instantStart >= settings.maxStepsPerInstant) {
      this.exhausted = step >= settings.maxSteps ? "total" : "instant"
      this.stopped = true
      return this.preempt(state)
    }
    if (settings.interrupt !== undefined && step === settings.interrupt.step) return this.inject(settings.interrupt, state, woken)
    if (woken) return false
    if (this.pendingInterrupt !== undefined) return this.preempt(state)
    // Alone, a fiber that yields goes on at once: nothing could come between.
    if (this.runnable.ordinarySize === 0 && state === this.first) return false
    return settings.chooser.preempts() && this.preempt(state)
  }

  /** Goes on until it is over or the real world is needed. */
  advance(): Progress {
    this.looping = true
    const previous = enter(this.outside)
    try {
      for (;;) {
        this.drain()
        if (this.stopped) return "over"
        if (this.outside.touched && !this.settled) {
          this.settled = true
          return "settle"
        }
        if (this.ended) return "over"
        const due = this.clock.advance()
        if (due.length === 0) return this.outside.touched ? "stuck" : "over"
        this.instantStart = this.steps
        if (this.settings.trace) this.note(`time is ${this.clock.now} ms`)
        for (const timer of due) this.schedule(timer.resume, 0)
      }
    } finally {
      enter(previous)
      this.looping = false
    }
  }

  get ended(): boolean {
    return this.main !== undefined && this.main.pollUnsafe() !== undefined
  }

  /** The fibers that have taken a step and have not ended, the main fiber too. */
  alive(): Array<FiberState> {
    const alive: Array<FiberState> = []
    for (const state of this.fibers.values()) if (state.fiber.pollUnsafe() === undefined) alive.push(state)
    return alive
  }

  /**
   * Interrupts what is left and lets it clean up, so that a run that used the real world does not keep its handles. What it does has no part in the
   * verdict.
   */
  abandon(): void {
    const left = this.alive()
    this.stopped = false
    this.exhausted = undefined
    this.instantStart = this.steps
    this.pendingInterrupt = undefined
    this.looping = true
    try {
      for (const { fiber } of left) fiber.interruptUnsafe()
      this.drain()
    } finally {
      this.looping = false
      this.stopped = true
    }
  }

  /** From here on no fiber takes another step. */
  stop(): void {
    this.stopped = true
  }

  onWait(fiber: lineage.AnyFiber, wait: lineage.Wait): void {
    this.enterUncounted(fiber).wait = wait
  }

  onResume(fiber: lineage.AnyFiber, wait: lineage.Wait): void {
    const state = this.fibers.get(fiber)
    if (state !== undefined && state.wait === wait) state.wait = undefined
  }

  /** Runs tasks until none is left. */
  private drain(): void {
    while (!this.stopped) {
      const { pendingInterrupt } = this
      if (pendingInterrupt !== undefined) {
        this.pendingInterrupt = undefined
        this.newTurn()
        pendingInterrupt.fiber.interruptUnsafe()
        continue
      }
      const task = this.runnable.take(this.settings.chooser)
      if (task === undefined) return
      this.newTurn()
      try {
        task()
      } catch (error) {
        // Fibers catch what their effects throw. This came from an observer or a task of the program's own, which would have ended the process.
        this.break(error)
      }
      // No step comes after the last one of a fiber.
      if (this.settings.invariant !== undefined && !this.stopped) this.holds(this.settings.invariant)
    }
  }

  private newTurn(): void {
    this.first = undefined
    this.last = undefined
  }

  private schedule(task: Task, priority: number): void {
    const state = this.preempted
    this.preempted = undefined
    this.settled = false
    if (state === undefined) this.runnable.push(task, priority)
    else {
      state.queued = true
      this.runnable.push(() => {
        state.queued = false
        state.skip = 2
        task()
        // Interrupted meanwhile, it did not resume here.
        state.skip = 0
      }, priority)
    }
    // Woken without a fiber, e.g. by a task that a callback handed over.
    if (!this.looping) this.onWake?.()
  }

  /** Answers the runtime with yes. The yield that follows comes back through `schedule` before anything else does. */
  private preempt(state: FiberState): true {
    this.preempted = state
    return true
  }

  private enter(fiber: lineage.AnyFiber): FiberState {
    const state = this.enterUncounted(fiber)
    this.last = state
    this.first ??= state
    if (this.settings.trace) this.note(`${state.number === 1 ? "main" : `fiber ${state.number}`} runs`)
    return state
  }

  private enterUncounted(fiber: lineage.AnyFiber): FiberState {
    let state = this.fibers.get(fiber)
    if (state === undefined) {
      if (this.fibers.size >= this.sweepAt) this.forgetEnded()
      this.fibers.set(fiber, (state = { fiber, number: ++this.seen, steps: 0, skip: 0, queued: false, wait: undefined }))
    }
    return state
  }

  /** A program of a million short fibers must not keep them all. */
  private forgetEnded(): void {
    for (const state of this.fibers.values()) {
      if (state.fiber.pollUnsafe() !== undefined && state !== this.last && state.number !== 1) this.fibers.delete(state.fiber)
    }
    this.sweepAt = Math.max(4096, this.fibers.size * 2)
  }

  private inject(interrupt: Interrupt, running: FiberState, woken: boolean): boolean {
    const target = this.targetOf(interrupt, running)
    if (target === undefined) return false
    this.interrupted = target
    if (this.settings.trace) this.note(`interrupt of ${target.number === 1 ? "main" : `fiber ${target.number}`}`)
    // A waiter that was just resumed is interrupted at its next step instead: nothing comes between a resume and its first primitive.
    if (interrupt.moment === "during" && !(woken && target === running && running.steps > 1)) {
      // Running, it takes the interruption after this primitive was evaluated and before what follows it.
      target.fiber.interruptUnsafe()
      return false
    }
    this.pendingInterrupt = target
    // The first step of the main fiber is an exception: it stands for an interruption before the start, and no task to start it is under way.
    return (!woken || this.steps === 1) && this.preempt(running)
  }

  private targetOf(interrupt: Interrupt, running: FiberState): FiberState | undefined {
    switch (interrupt.target) {
      case "main":
        return this.alive().find((state) => state.number === 1)
      case "running":
        return running.number === 1 ? undefined : running
      case "other": {
        const others = this.alive().filter((state) => state !== running && state.number !== 1)
        return others[new Prng(this.settings.seed * 1_000_003 + interrupt.step).below(others.length)]
      }
    }
  }

  private mainEnded(): void {
    this.outlived = this.alive()
    if (this.settings.trace) this.note("main has ended")
  }

  private holds(invariant: () => void): boolean {
    try {
      invariant()
      return true
    } catch (error) {
      this.break(error)
      return false
    }
  }

  private break(error: unknown): void {
    this.broken ??= { error, step: this.steps }
    this.stopped = true
  }

  private note(what: string): void {
    this.trace.push(`step ${this.steps}: ${what}`)
  }

  /** The cause of a run that was broken from outside its fibers. */
  get brokenCause(): Cause.Cause<never> | undefined {
    return this.broken === undefined ? undefined : Cause.die(this.broken.error)
  }
}
