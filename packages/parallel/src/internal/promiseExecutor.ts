/**
 * The places of an executor, and who waits for them: single runs, which are tasks of this pump, and tasks of calls, which run in the pumps of their calls and hold a place here meanwhile.
 *
 * ```
 * run    queued ──▶ running (a task of this pump) ──▶ settled
 * ticket waiting ──▶ held (a task of some call) ──▶ released        lent: a task gives its place to calls that it waits for
 * ```
 *
 * Both stand in one queue, so that a call of 10,000 items and a single run take turns. Places in use are `running` of the pump, whoever holds them.
 */
import type * as Limiter from "@skein/core/Limiter"
import type * as Outcome from "@skein/core/Outcome"
import type * as Settings from "@skein/core/Settings"
import * as TaskPump from "@skein/core/TaskPump"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { counterOf } from "./counterOf.ts"
import { Call, type Caller, type Seat } from "./promiseCall.ts"
import { ExecutorClosed } from "./promiseErrors.ts"
import { RankedQueue } from "./promiseQueue.ts"
import { errorsOf, stopError } from "./promiseResult.ts"
import type { TaskContext } from "./promiseTypes.ts"

/**
 * A single run. 100,000 of them may wait at once, so it holds little: what most runs do not have lies in `rare`, and its task is made when it starts (a runner uses one task again and again).
 */
class Run {
  gone = false
  readonly index: number
  readonly f: (task: TaskContext) => unknown
  /** In microseconds since the pump was made. */
  readonly queued: number
  readonly rare: Rare | undefined
  resolve!: (value: any) => void
  reject!: (error: unknown) => void
  promise!: Promise<any>
  task: TaskPump.Task<any, unknown> | undefined
  /** Starts it in the async context of its caller, where it had to wait. */
  private open: ((task: TaskContext) => void) | undefined
  private opened: Promise<unknown> | undefined
  /** Ends the clock of its waiting. */
  endWait: (() => void) | undefined

  constructor(index: number, f: (task: TaskContext) => unknown, queued: number, rare: Rare | undefined) {
    this.index = index
    this.f = f
    this.queued = queued
    this.rare = rare
  }

  /** It waits, and will be started in somebody else's turn. A promise that is made here takes it back to where it was asked for (`AsyncLocalStorage`). */
  wait(): void {
    this.opened = new Promise<TaskContext>((open) => {
      this.open = open
    }).then(this.f)
  }

  call(task: TaskContext): unknown {
    const { f, open, opened } = this
    if (open === undefined) return f(task)
    this.open = this.opened = undefined
    open(task)
    return opened
  }
}

interface Rare extends RunOptions {
  /** Called when it is settled. */
  readonly ends: Array<() => void>
  /** It was told to stop between two attempts. */
  cancelled: TaskPump.Cut | undefined
}

/** What a task of a call holds a place with. */
class Ticket {
  gone = false
  state: "waiting" | "held" | "lent" | "returning" | "released" = "waiting"
  readonly rank: number
  readonly resume: () => void
  withdraw: (() => void) | undefined
  constructor(rank: number, resume: () => void) {
    this.rank = rank
    this.resume = resume
  }
}

export interface Rate {
  readonly limit: number
  readonly per: number
}

/** The pump's settings, of which the bound may change. */
export type Bound = { -readonly [K in keyof Settings.Settings]: Settings.Settings[K] }

export interface RunOptions {
  readonly rank: number
  readonly name: string | undefined
  readonly timeout: number
  readonly signal: AbortSignal | undefined
  readonly within: Call | undefined
}

export class Places extends TaskPump.TaskPump<any, unknown> {
  readonly bound: Bound
  private readonly rate: Rate | undefined
  private readonly queue = new RankedQueue<Run | Ticket>()
  /** When the last starts were, of which there may be `rate.limit` within `rate.per`; a ring. */
  private readonly starts: Array<number> = []
  private started = 0
  private startCount = 0
  private rateEntry: ReturnType<TaskPump.TaskPump<any, unknown>["timers"]["add"]> | undefined
  /** Single runs that are not over. */
  private active = 0
  private readonly calls = new Set<{ readonly end: (cut: TaskPump.Cut) => void }>()
  private readonly watchers = new Set<() => void>()
  private filled = false
  private again = false
  private count = 0
  peak = 0
  paused = false
  closed = false
  readonly tasks = { completed: 0, failed: 0, timedOut: 0, cancelled: 0, notStarted: 0 }

  constructor(owner: Fiber.Fiber<any, any>, bound: Bound, rate: Rate | undefined) {
    super(owner, bound)
    this.bound = bound
    this.rate = rate
    this.open()
  }

  get waiting(): number {
    return this.queue.size
  }

  /** Single runs and calls that are not over. */
  get unsettled(): number {
    return this.active + this.calls.size
  }

  get callCount(): number {
    return this.calls.size
  }

  // ---------------------------------------------------------------------------------------------------------------------------------
  // Single runs
  // ---------------------------------------------------------------------------------------------------------------------------------

  run(f: (task: TaskContext) => unknown, options: RunOptions | undefined): Promise<any> {
    if (this.closed) return Promise.reject(this.refusal(undefined))
    const signal = options?.signal
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    const rare: Rare | undefined = options === undefined ? undefined : { ...options, ends: [], cancelled: undefined }
    const run = new Run(this.count++, f, this.micros(), rare)
    const leave = options === undefined ? undefined : this.enter(options.within)
    run.promise = new Promise((resolve, reject) => {
      run.resolve = leave === undefined ? resolve : (value) => leave(() => resolve(value))
      run.reject = leave === undefined ? reject : (error) => leave(() => reject(error))
    })
    this.active++
    if (signal !== undefined) {
      const abort = (): void => this.cancel(run, { reason: { _tag: "Aborted", value: signal.reason } })
      signal.addEventListener("abort", abort, { once: true })
      rare!.ends.push(() => signal.removeEventListener("abort", abort))
    }
    this.queue.push(options?.rank ?? 0, run)
    this.fill()
    if (run.task === undefined && !run.gone) {
      run.wait()
      if (this.settings.queueTimeout < Infinity) this.limitQueue(run)
    }
    return run.promise
  }

  private limitQueue(run: Run): void {
    const after = this.settings.queueTimeout
    const entry = this.timers.add(Infinity, () => {
      if (run.task === undefined)
        this.cancel(run, { limit: "queue", after, reason: { _tag: "QueueTimeout", after: Duration.millis(after) } })
    })
    this.timers.move(entry, this.instantOf(run.queued) + after)
    run.endWait = () => this.timers.cancel(entry)
  }

  private cancel(run: Run, cut: TaskPump.Cut): void {
    const { task } = run
    if (task === undefined) {
      if (run.gone) return
      this.queue.drop(run)
      this.refuse(run, cut)
      this.fill()
    } else if (task.runner?.task === task) task.runner.cut(cut, false)
    else if (task.outcome === undefined && run.rare !== undefined) {
      // Between two attempts: its caller need not wait for the back-off to end.
      run.rare.cancelled ??= cut
      run.reject(stopError(cut, true))
    }
  }

  /** Settles one that waited, and was taken off the queue. */
  private refuse(run: Run, cut: TaskPump.Cut): void {
    const task = this.taskOf(run, new TaskPump.Task())
    task.cut = cut
    task.outcome = this.notStarted(task, cut)
    this.onSettled(task, task.outcome)
  }

  private taskOf(run: Run, spare: TaskPump.Task<any, unknown>): TaskPump.Task<any, unknown> {
    const task = (run.task = spare.reset(run.index, run))
    task.queued = run.queued
    task.name = run.rare?.name
    if (run.rare !== undefined) task.timeout = run.rare.timeout
    return task
  }

  protected override pull(spare: TaskPump.Task<any, unknown> | undefined): TaskPump.Task<any, unknown> | undefined {
    // A runner that goes on has its place already, of which there may now be too many.
    if (!this.mayStart(this.running - 1)) return undefined
    const head = this.queue.peek()
    if (!(head instanceof Run)) return undefined
    this.queue.shift()
    this.starting()
    this.notifyLater()
    return this.taskOf(head, spare!)
  }

  protected override hasNext(): boolean {
    return this.mayStart(this.running) && this.queue.peek() instanceof Run
  }

  private readonly caller: Caller = {
    pump: this,
    endsAt: Infinity,
    within: undefined,
    onProgress: undefined,
    seatOf: (task) => ({ owner: this, lend: () => this.lendPlace(task), takeBack: (resume) => void this.takePlace(task, resume) })
  }

  override effectOf(task: TaskPump.Task<any, unknown>): Effect.Effect<any, unknown> {
    const { work } = task
    const run = (work instanceof Call ? work.item : work) as Run
    const { rare } = run
    run.endWait?.()
    if (rare?.cancelled !== undefined) return Effect.interrupt
    const attempt = new Call(rare?.within === undefined ? this.caller : { ...this.caller, within: rare.within }, task, run)
    task.work = attempt
    return attempt.run(callIt)
  }

  override onCut(task: TaskPump.Task<any, unknown>): void {
    if (task.work instanceof Call) task.work.ask(task.cut!)
  }

  protected override onSettled(task: TaskPump.Task<any, unknown>, outcome: Outcome.Outcome<any, unknown>): void {
    const { work } = task
    const run = (work instanceof Call ? work.item : work) as Run
    const { rare } = run
    this.active--
    this.counted(outcome)
    run.endWait?.()
    if (rare !== undefined) for (const end of rare.ends) end()
    switch (outcome._tag) {
      case "Completed":
        run.resolve(outcome.value)
        break
      case "Failed":
        run.reject(errorsOf(outcome.cause)[0])
        break
      default: {
        const cut = rare?.cancelled ?? task.cut ?? { reason: { _tag: "Interrupted" } as const }
        const { _tag } = cut.reason
        run.reject(_tag === "ExecutorClosed" ? this.refusal(undefined) : stopError(cut, outcome._tag !== "NotStarted" && task.started >= 0))
        // Who clears a queue or closes it need not look after every promise that anybody has dropped.
        if (_tag === "ExecutorClosed" || _tag === "Requested") run.promise.catch(() => {})
      }
    }
    this.notifyLater()
  }

  // ---------------------------------------------------------------------------------------------------------------------------------
  // Calls
  // ---------------------------------------------------------------------------------------------------------------------------------

  /** A call begins; the function it gives says that it is over. */
  readonly begin = (call: { readonly end: (cut: TaskPump.Cut) => void }): (() => void) => {
    this.calls.add(call)
    return () => {
      this.calls.delete(call)
      this.notifyLater()
    }
  }

  counted(outcome: Outcome.Outcome<unknown, unknown>): void {
    this.tasks[counterOf[outcome._tag]]++
  }

  private readonly tickets = new WeakMap<object, Ticket>()

  /** A limiter for the engine of calls whose permits are places of this executor. */
  limiter(rank: number): Limiter.Limiter<never> {
    const withPermit = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.withFiber((fiber) => {
        let granted: () => void
        const ticket = new Ticket(rank, () => granted())
        const wait = Effect.callback<void>((resume) => {
          granted = () => resume(Effect.void)
          this.queue.push(rank, ticket)
          this.fill()
          if (ticket.state !== "waiting") return
          // As for single runs: the call goes on in its own async context.
          const turn = new Promise<void>((open) => {
            granted = open
          })
          void turn.then(() => resume(Effect.void))
        })
        this.tickets.set(fiber, ticket)
        return Effect.onExitPrimitive(
          Effect.flatMap(wait, () => self),
          () => {
            this.release(ticket)
            return undefined
          }
        )
      })
    return { withPermit } as Limiter.Limiter<never>
  }

  /** The place of a task of a call. */
  readonly seatOf = (task: TaskPump.Task<any, unknown>): Seat | undefined => {
    const { fiber } = task.runner ?? {}
    const ticket = fiber === undefined ? undefined : this.tickets.get(fiber)
    if (ticket === undefined) return undefined
    return {
      owner: this,
      lend: () => {
        if (ticket.state !== "held") return
        ticket.state = "lent"
        this.running--
        this.fill()
      },
      takeBack: (resume) => {
        if (ticket.state !== "lent") return resume()
        ticket.state = "returning"
        ticket.withdraw = this.takePlace(task, () => {
          if (ticket.state === "returning") ticket.state = "held"
          resume()
        })
      }
    }
  }

  private release(ticket: Ticket): void {
    const { state } = ticket
    ticket.state = "released"
    if (state === "waiting") {
      if (!ticket.gone) this.queue.drop(ticket)
    } else if (state === "held") this.running--
    else if (state === "returning") ticket.withdraw?.()
    this.fill()
    this.notifyLater()
  }

  private grant(): void {
    while (this.mayStart(this.running)) {
      const head = this.queue.peek()
      if (!(head instanceof Ticket)) return
      this.queue.shift()
      head.gone = true
      head.state = "held"
      this.running++
      this.starting()
      this.notifyLater()
      head.resume()
    }
  }

  // ---------------------------------------------------------------------------------------------------------------------------------
  // Places
  // ---------------------------------------------------------------------------------------------------------------------------------

  /** Both kinds stand in one queue: what the pump itself cannot start is granted between its rounds. */
  override fill(): void {
    if (this.filled) {
      this.again = true
      return
    }
    this.filled = true
    do {
      this.again = false
      // First those who want back what they lent, which the pump knows.
      super.fill()
      this.grant()
    } while (this.again || this.mayStart(this.running))
    this.filled = false
    this.notifyLater()
  }

  private mayStart(running: number): boolean {
    if (this.queue.size === 0) {
      if (this.rateEntry !== undefined) this.timers.move(this.rateEntry, Infinity)
      if (this.watched) this.watch(false)
      return false
    }
    if (!this.watched) this.watch(true)
    if (this.paused || running >= this.bound.concurrency || this.stopped !== undefined) return false
    const { rate } = this
    if (rate === undefined) return true
    const free = (this.starts[this.started % rate.limit] ?? -Infinity) + rate.per - this.now()
    if (free <= 0) return true
    this.rateEntry ??= this.timers.add(Infinity, () => this.fill())
    this.timers.move(this.rateEntry, this.now() + free)
    return false
  }

  private watched = false
  private stallEntry: Places["rateEntry"]
  private startsBefore = 0

  /** While somebody waits, looks now and then whether anybody starts. If not, it is said: nothing hangs in silence. */
  private watch(on: boolean): void {
    this.watched = on
    if (on) this.stallEntry ??= this.timers.add(Infinity, () => this.lookForStall())
    this.startsBefore = this.startCount
    this.timers.move(this.stallEntry!, on ? this.now() + stall : Infinity)
  }

  private lookForStall(): void {
    const { name } = this.settings
    const stalled = this.startCount === this.startsBefore && !this.paused && this.rate === undefined
    this.watch(!stalled)
    if (!stalled) return
    this.watched = true
    const { concurrency } = this.bound
    Effect.runForkWith(this.baseContext)(
      Effect.logWarning(
        `skein: executor${name === undefined ? "" : ` ${JSON.stringify(name)}`}: ${this.queue.size} wait, and none of its ${concurrency} ${concurrency === 1 ? "place has" : "places has"} come free for ${stall / 1000} s. ` +
          "A task that calls its own executor and waits for it says so with `within`."
      )
    )
  }

  /** One starts now. */
  private starting(): void {
    const { rate } = this
    this.startCount++
    if (rate !== undefined) this.starts[this.started++ % rate.limit] = this.now()
    if (this.running > this.peak) this.peak = this.running
  }

  /** Gives the place of a task of this executor to what it waits for. The function it gives takes it back, then goes on. */
  enter(within: Call | undefined): ((then: () => void) => void) | undefined {
    // What a task left behind when it ended has no place to give.
    const seat = within?.seat
    if (seat === undefined || seat.owner !== this) return undefined
    const nested = this.nested.get(within!) ?? { seat, count: 0 }
    this.nested.set(within!, nested)
    if (nested.count++ === 0) seat.lend()
    let over = false
    return (then) => {
      if (over) return
      over = true
      if (--nested.count > 0) return then()
      this.nested.delete(within!)
      nested.seat.takeBack(then)
    }
  }

  private readonly nested = new WeakMap<Call, { readonly seat: Seat; count: number }>()

  resize(concurrency: number): void {
    this.bound.concurrency = concurrency
    this.fill()
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    this.fill()
  }

  /** Takes all single runs off the queue. */
  clear(reason: unknown): number {
    const runs = this.queue.drain((item) => item instanceof Run) as Array<Run>
    for (const run of runs) this.refuse(run, { reason: { _tag: "Requested", value: reason } })
    this.fill()
    this.notifyLater()
    return runs.length
  }

  refusal(result: ExecutorClosed["result"]): ExecutorClosed {
    return new ExecutorClosed(this.settings.name, result)
  }

  shut(): Promise<void> {
    const cut: TaskPump.Cut = { reason: { _tag: "ExecutorClosed", name: this.settings.name } }
    if (!this.closed) {
      this.closed = true
      for (const run of this.queue.drain((item) => item instanceof Run)) this.refuse(run as Run, cut)
      for (const call of [...this.calls]) call.end(cut)
      this.stop(cut, false)
    }
    return this.when(() => this.unsettled === 0)
  }

  protected override onIdle(): void {
    if (this.closed) this.close()
    this.notifyLater()
  }

  // ---------------------------------------------------------------------------------------------------------------------------------
  // Waiting
  // ---------------------------------------------------------------------------------------------------------------------------------

  when(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return
        this.watchers.delete(look)
        resolve()
      }
      this.watchers.add(look)
    })
  }

  private told = false

  /** Looks when the turn is over in which something changed: whoever waits does not see states in between. */
  private notifyLater(): void {
    if (this.watchers.size === 0 || this.told) return
    this.told = true
    queueMicrotask(() => {
      this.told = false
      for (const look of [...this.watchers]) look()
    })
  }
}

/** How long nobody may start while somebody waits before that is said, in milliseconds. */
const stall = 10_000

const callIt = (run: unknown, _index: number, task: TaskContext): unknown => (run as Run).call(task)
