/** Runs the attempts of jobs that have their limits: core's pump, fed by the engine. It starts in turns of its own, some at a time, so that a large graph does not hold up the event loop. */
import type * as Outcome from "@skein/core/Outcome"
import * as Settings from "@skein/core/Settings"
import * as TaskPump from "@skein/core/TaskPump"
import * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import { Unreadable } from "./ends.ts"
import type { EngineCore } from "./engineCore.ts"
import { CurrentJob } from "./inside.ts"
import { provide } from "./output/outputs.ts"
import { type Place, resolve } from "./references.ts"
import type { Run } from "./run.ts"

/** How many jobs start in one turn of the event loop. */
const batch = 512

export class EnginePump extends TaskPump.TaskPump<any, any> {
  private readonly engine: EngineCore
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private granted: Array<Run> = []
  private next = 0
  private room = Infinity
  private scheduled = false
  /** The runs that have an attempt, by index. */
  private readonly begun = new Map<number, Run>()
  /** What the pump itself puts into the context of a task. */
  private own: ReadonlyArray<string> | undefined

  constructor(engine: EngineCore, owner: Fiber.Fiber<unknown, unknown>, settings: Settings.Settings) {
    super(owner, settings, (progress) => {
      const run = this.begun.get(progress.index)
      if (run !== undefined) engine.reported(run, progress)
    })
    this.engine = engine
    this.dispatcher = Context.get(owner.context, Scheduler.Scheduler).makeDispatcher()
  }

  begin(): void {
    this.open()
  }

  /** Takes a run that has its limits; it starts in a later turn. */
  start(run: Run): void {
    this.granted.push(run)
    this.schedule()
  }

  end(): void {
    this.close()
  }

  later(act: () => void): void {
    this.dispatcher.scheduleTask(act, 0)
  }

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.dispatcher.scheduleTask(this.turn, 0)
  }

  private readonly turn = (): void => {
    this.scheduled = false
    this.room = batch
    this.fill()
    this.room = Infinity
    if (this.stopped === undefined && this.next < this.granted.length) this.schedule()
  }

  protected override hasNext(): boolean {
    return this.room > 0 && this.next < this.granted.length
  }

  override busy(): boolean {
    return this.next < this.granted.length || super.busy()
  }

  protected override pull(): Run | undefined {
    if (this.room <= 0) return undefined
    while (this.next < this.granted.length) {
      const run = this.granted[this.next]!
      this.granted[this.next++] = undefined as never
      if (this.next === this.granted.length || this.next > 1024) {
        this.granted = this.granted.slice(this.next)
        this.next = 0
      }
      if (run.end !== undefined || run.phase !== "running") continue
      this.room--
      return run
    }
    return undefined
  }

  override effectOf(task: TaskPump.Task<any, any>): Effect.Effect<any, any> {
    const run = task as Run
    this.begun.set(run.index, run)
    const { context, job } = run.slot
    const input = job.places.size > 0 ? resolve(job.input, (place) => inputOf(run, place)) : job.input
    const effect = job.work.start(input)
    if (!Effect.isEffect(effect)) {
      throw new TypeError(Settings.mustBe("Job.make", "run", "a function that gives an Effect", effect).message)
    }
    return Effect.withFiber((fiber) => {
      // Nothing is put back: a frame behind the work would lose its value to an interruption that comes between the two.
      fiber.setContext(this.contextOf(run, context, fiber.context))
      return effect as Effect.Effect<any, any>
    })
  }

  /** The job runs with the services of who submitted it, at its place among the tasks of the engine. */
  private contextOf(run: Run, submitted: Context.Context<never>, here: Context.Context<never>): Context.Context<never> {
    const own = (this.own ??= [...here.mapUnsafe.keys()].filter((key) => here.mapUnsafe.get(key) !== this.baseContext.mapUnsafe.get(key)))
    const map = new Map<string, any>(submitted.mapUnsafe)
    for (const key of own) map.set(key, here.mapUnsafe.get(key))
    map.set(CurrentJob.key, run)
    provide(map, run.outputOf())
    const { flavour } = run.slot.job
    if (flavour !== undefined) map.set(TaskRunner.TaskRunner.key, this.engine.settings.flavours.get(flavour))
    return Context.makeUnsafe(map)
  }

  override taskLimit(task: TaskPump.Task<any, any>): number {
    const run = task as Run
    const total = super.taskLimit(task)
    const { attemptTimeout } = run.slot.job
    if (attemptTimeout === Infinity) return total
    if (run.attemptSeen !== run.attempts) {
      run.attemptSeen = run.attempts
      run.attemptAt = this.now()
    }
    return Math.min(total, run.attemptAt + attemptTimeout)
  }

  override toldLength(task: TaskPump.Task<any, any>, node: Parameters<TaskPump.TaskPump<any, any>["toldLength"]>[1]): number {
    const run = task as Run
    const { attemptTimeout } = run.slot.job
    return this.taskLimit(run) < this.totalLimit(run) ? attemptTimeout : super.toldLength(task, node)
  }

  /** When the time for all attempts of a run is over. */
  totalLimit(run: Run): number {
    return super.taskLimit(run)
  }

  protected override onStop(cut: TaskPump.Cut): void {
    this.granted = []
    this.next = 0
    this.engine.stopWaiting(cut)
    if (!this.busy()) this.answered()
  }

  override onCut(task: TaskPump.Task<any, any>): void {
    const { returns } = task as Run
    if (returns !== undefined) for (const giveUp of [...returns]) giveUp()
  }

  protected override onSettled(task: TaskPump.Task<any, any>, outcome: Outcome.Outcome<any, any>): void {
    this.begun.delete(task.index)
    this.engine.attemptEnded(task as Run, outcome)
  }

  protected override onIdle(): void {}

  /** Asks a run to stop that has its limits. Says whether that is for the pump: one that has not begun is not. */
  cut(run: Run, cut: TaskPump.Cut): boolean {
    if (run.runner?.task !== run) return false
    run.runner.cut(cut, false)
    return true
  }

  /** Tells of an observer that threw. */
  observed<X>(what: string, observer: (value: X) => void, value: X): void {
    this.observe(what, observer, value)
  }

  log(message: string): void {
    Effect.runForkWith(this.baseContext)(Effect.logWarning(`skein: ${message}`))
  }
}

/** What stands in the place of a reference in the input of a run. */
const inputOf = (run: Run, place: Place): unknown => {
  // The groups of places come first and have one member each: the edges stand in the same order.
  const { end } = run.edges![run.slot.job.places.get(place)!]!.upstream
  if (!place.isResult) return end
  const { value } = end as Outcome.Completed<unknown>
  if (value instanceof Unreadable) throw value.cause
  return value
}
