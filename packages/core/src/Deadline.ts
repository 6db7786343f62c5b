/**
 * Bounds a piece of work by an instant that everything inside can read, and that is answered from the inside out.
 *
 * `within` owns the fiber it runs the work in; the fiber is gone, its finalizers run, when `within` returns. A deadline is inherited through the context by whatever is forked inside;
 * the tightest one wins. All deadlines of a clock share one timer.
 *
 * **When to use**
 *
 * Use `Deadline.within` in the place of `Effect.timeout` around code that fans out: a gather inside notices the deadline, stops, and still returns what it has. Use `remaining` to decide whether
 * to begin something at all.
 *
 * **Details**
 *
 * When the instant comes, calls inside that can answer with a partial result (gathers, maps, task groups) are told first and are not interrupted; when the last of them has answered, the code behind
 * them has one second to use the answer, and only then is the rest interrupted. Work that holds no such call is interrupted at once. At an exact tie the work wins.
 *
 * **Guarantees**
 *
 * - Ownership: the work runs in a fiber of its own that has ended before `within` returns.
 * - Interruption: interrupting `within` interrupts the work once and waits for its cleanup.
 * - Failure: a value that the work still gives after it was asked to stop (an uninterruptible payment) is the result; what it fails with then is at `DeadlineExceeded.cause`.
 * - Bounds: the tighter of outer and inner wins; the outer is never reported as the inner.
 * - Cost: one fiber and one heap entry; no timer of its own.
 *
 * **Gotchas**
 *
 * `Effect.timeout` around a gather interrupts it, and what had finished is lost. `Deadline.within` around the same gather gives it back.
 *
 * **Example** (Keeping what finished by the deadline)
 *
 * ```ts
 * import { Deadline, TaskGroup } from "@skein/core"
 * import * as Effect from "effect/Effect"
 *
 * const program = TaskGroup.run({ onFailure: "isolate" }, (group) =>
 *   Effect.gen(function*() {
 *     const quick = yield* group.spawn(Effect.succeed("done"))
 *     const stuck = yield* group.spawn(Effect.never)
 *     return [(yield* quick.await).status, (yield* stuck.await).status]
 *   })
 * ).pipe(Deadline.within("20 millis"))
 *
 * console.log(await Effect.runPromise(program)) // => [ 'completed', 'timeout' ]
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Scheduler from "effect/Scheduler"
import * as check from "./internal/check.ts"
import * as fiberState from "./internal/fiberState.ts"
import * as lineage from "./internal/lineage.ts"
import { slowCleanup } from "./internal/runner.ts"
import { type Entry, type Timers, timersFor, timersOf } from "./internal/timers.ts"
import * as Outcome from "./Outcome.ts"
import type { Report } from "./Progress.ts"

/**
 * The deadline was reached before the work was done. The work may have happened in part; whether to try again depends on it.
 *
 * @category errors
 * @since 0.1.0
 */
export class DeadlineExceeded extends Data.TaggedError("DeadlineExceeded")<{
  /** The length that was given to `within`, extensions included. */
  readonly after: Duration.Duration
  /** The instant, in milliseconds since the Unix epoch: that of a deadline around it where that had been reached before the work could start. */
  readonly at: number
  /** How the work ended when it was asked to stop. Holds what its cleanup failed with, if it did. */
  readonly cause: Cause.Cause<unknown>
}> {
  override get message(): string {
    return `${Duration.format(this.after)} were over before the work was done`
  }
}

/**
 * Runs an effect that must be done within a length of time from now, or fails with `DeadlineExceeded`.
 *
 * @throws RangeError if `duration` is negative or not a duration
 * @category combinators
 * @since 0.1.0
 */
export const within: {
  (duration: Duration.Input): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DeadlineExceeded, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, duration: Duration.Input): Effect.Effect<A, E | DeadlineExceeded, R>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, duration: Duration.Input): Effect.Effect<A, E | DeadlineExceeded, R> => {
  const length = check.millis("Deadline.within", "duration", duration)
  if (!Effect.isEffect(self)) throw new TypeError(check.mustBe("Deadline.within", "self", "an Effect", self).message)
  return Effect.withFiber((parent) =>
    Effect.callback<A, E | DeadlineExceeded>((resume) => {
      const work = new Work<A, E, R>(parent, self, length)
      work.start(resume)
      return work.interrupted
    })
  )
})

/** One run of `within`: the fiber it owns, and the limit node that the fiber's work reads. */
class Work<A, E, R> {
  private readonly parent: lineage.AnyFiber
  private readonly self: Effect.Effect<A, E, R>
  private readonly timers: Timers
  private readonly startedAt: number
  private readonly node: lineage.DeadlineNode
  /** What the fiber runs: a loop of one round, by which it is seen whether the code has ended and only children are waited for. */
  private readonly frame: Effect.Effect<void, E, R> = Effect.whileLoop<A, E, R>(this)
  private entered = false
  private held: { readonly value: A } | undefined
  private fiber: lineage.AnyFiber | undefined
  private entry: Entry | undefined
  /** The deadline asked the work to stop. */
  private asked = false
  private resume: ((effect: Effect.Effect<A, E | DeadlineExceeded>) => void) | undefined
  private endWait: (() => void) | undefined
  private abandonedByCaller: ((_: Effect.Effect<void>) => void) | undefined

  constructor(parent: lineage.AnyFiber, self: Effect.Effect<A, E, R>, length: number) {
    const outer = lineage.current(parent)
    this.parent = parent
    this.self = self
    this.timers = timersOf(parent)
    this.startedAt = this.timers.now()
    this.node = {
      kind: "deadline",
      parent: outer,
      observer: outer?.observer,
      ended: false,
      at: this.startedAt + length,
      move: (at) => {
        if (this.asked || this.node.ended) return
        this.node.at = at
        if (this.entry !== undefined) this.timers.move(this.entry, at)
      },
      listeners: undefined,
      answering: 0,
      onAnswered: undefined
    }
  }

  while(): boolean {
    if (this.entered) return false
    this.entered = true
    return true
  }

  body(): Effect.Effect<A, E, R> {
    return this.self
  }

  step(value: A): void {
    this.held = { value }
  }

  start(resume: (effect: Effect.Effect<A, E | DeadlineExceeded>) => void): void {
    const { node, parent } = this
    // Nothing starts after a deadline, be it this one (a length of 0) or one around it, which is then the one that is reported.
    const at = lineage.deadlineOf(node)
    if (at <= this.startedAt) return resume(Effect.fail(this.exceeded(Cause.empty, at)))
    this.resume = resume
    // Who called does nothing but wait: its permits are for the work, and a cycle through it is seen.
    this.endWait = lineage.enterWait(parent, node.parent, () => ({
      what: "work under a deadline",
      holders: () => (this.fiber === undefined ? [] : [this.fiber])
    }))
    const fiber = Effect.runForkWith(Context.add(parent.context as Context.Context<R>, lineage.Current, node))(this.frame)
    this.fiber = fiber
    if (fiber.pollUnsafe() === undefined) this.alarm(node.at, () => this.reached())
    fiber.addObserver((exit) => this.ended(exit))
  }

  private reached(): void {
    const { node } = this
    const reason: Outcome.Reason = { _tag: "DeadlineReached", at: node.at }
    if (node.answering === 0) return this.askForDeadline(reason)
    node.onAnswered = () => {
      if (!node.ended) this.alarm(this.timers.now() + lineage.afterAnswer, () => this.askForDeadline(reason))
    }
    lineage.announce(node)
  }

  private askForDeadline(reason: Outcome.Reason): void {
    // The work is done and only its children are cleaned up: its own end stands.
    if (this.entered && fiberState.hasLeft(this.fiber!, this.frame)) this.warnLater()
    else {
      this.asked = true
      this.ask(reason)
    }
  }

  private ask(reason: Outcome.Reason): void {
    this.node.reason = reason
    this.node.onAnswered = undefined
    this.warnLater()
    // The loop is all that is under the work.
    fiberState.interrupt(this.fiber!, this.parent.id, 1, Outcome.annotations(reason))
  }

  /** Nothing waits in silence (law 2). */
  private warnLater(): void {
    this.alarm(this.timers.now() + slowCleanup, () => {
      Effect.runForkWith(this.parent.context)(
        Effect.logWarning(`skein: Deadline.within has waited ${slowCleanup / 1000} s for the cleanup of work that was asked to stop`)
      )
    })
  }

  private alarm(at: number, fire: () => void): void {
    if (this.entry !== undefined) this.timers.cancel(this.entry)
    this.entry = this.timers.add(Infinity, fire)
    this.timers.move(this.entry, at)
  }

  private ended(exit: Exit.Exit<void, E>): void {
    const { abandonedByCaller, held } = this
    this.node.ended = true
    this.endWait?.()
    if (this.entry !== undefined) this.timers.cancel(this.entry)
    if (abandonedByCaller !== undefined) {
      // As in plain Effect: what the cleanup failed with joins the interruption.
      const failures = Exit.isFailure(exit) ? exit.cause.reasons.filter((reason) => reason._tag !== "Interrupt") : []
      abandonedByCaller(failures.length === 0 ? Effect.void : Effect.failCause(Cause.fromReasons(failures) as Cause.Cause<never>))
    } else if (Exit.isSuccess(exit)) this.resume!(Effect.succeed(held!.value))
    else this.resume!(this.asked ? Effect.fail(this.exceeded(exit.cause, this.node.at)) : Effect.failCause(exit.cause))
  }

  private exceeded(cause: Cause.Cause<unknown>, at: number): DeadlineExceeded {
    return new DeadlineExceeded({ after: Duration.millis(this.node.at - this.startedAt), at, cause })
  }

  readonly interrupted: Effect.Effect<void> = Effect.callback<void>((done) => {
    if (this.fiber === undefined || this.fiber.pollUnsafe() !== undefined) return done(Effect.void)
    this.abandonedByCaller = done
    if (!this.asked) this.ask({ _tag: "CallerInterrupted", because: lineage.reasonOf(this.node.parent) })
  })
}

/**
 * The instant by which the running work must be done: the tightest of all around it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Deadline {
  /** Milliseconds since the Unix epoch, on a clock that never goes back. */
  readonly at: number
}

/**
 * Gives the deadline that binds the running fiber, `None` if there is none.
 *
 * @category getters
 * @since 0.1.0
 */
export const current: Effect.Effect<Option.Option<Deadline>> = Effect.withFiber((fiber) => {
  const at = lineage.deadlineOf(lineage.current(fiber))
  return Effect.succeed(at === Infinity ? Option.none() : Option.some({ at }))
})

/**
 * Gives the time left before the deadline that binds the running fiber, not less than zero; `None` if there is none.
 *
 * @category getters
 * @since 0.1.0
 */
export const remaining: Effect.Effect<Option.Option<Duration.Duration>> = Effect.withFiber((fiber) => {
  const at = lineage.deadlineOf(lineage.current(fiber))
  return Effect.succeed(at === Infinity ? Option.none() : Option.some(Duration.millis(Math.max(0, at - timersOf(fiber).now()))))
})

/**
 * Moves the innermost deadline around the running fiber later, and gives the time that is left then. An outer deadline that comes before it still binds. Does nothing when there is no deadline or
 * when it has been reached.
 *
 * @throws RangeError if `by` is negative or not a duration
 * @category combinators
 * @since 0.1.0
 */
export const extend = (by: Duration.Input): Effect.Effect<Option.Option<Duration.Duration>> => {
  const length = check.millis("Deadline.extend", "by", by)
  return Effect.withFiber((fiber) => {
    lineage.extend(lineage.current(fiber), timersOf(fiber).now(), length)
    return remaining
  })
}

/**
 * What a piece of work takes along that its caller waits for somewhere else: in another thread, in another process.
 *
 * @category remote
 * @since 0.1.0
 */
export interface Inheritance {
  /** The name of the calling task. */
  readonly name?: string | undefined
  /** Milliseconds that are left before the caller's deadline; left out where there is none. */
  readonly remaining?: number | undefined
  /** Takes what the work reports as its progress. */
  readonly onProgress?: ((report: Report) => void) | undefined
  /** The work has moved its deadline by so many milliseconds: the caller has to move its own. */
  readonly onExtend?: ((by: number) => void) | undefined
  /** Whether there is something inside that would answer the deadline by itself: told at each change, the first one to `true`. */
  readonly onAnswering?: ((answering: boolean) => void) | undefined
  /** Takes the hold by which the caller keeps the deadline right, before the work starts. Not called without a deadline. */
  readonly onOpen?: ((hold: Hold) => void) | undefined
}

/**
 * Keeps the deadline of work right that is done for a caller somewhere else.
 *
 * @category remote
 * @since 0.1.0
 */
export interface Hold {
  /** The caller's deadline is now so many milliseconds away. */
  readonly moved: (remaining: number) => void
  /** The caller's deadline has come: what can answer does so now. */
  readonly reached: () => void
}

/**
 * What `inherit` gives.
 *
 * @category remote
 * @since 0.1.0
 */
export interface Inherited {
  /** What the work is to run with. */
  readonly context: Context.Context<never>
  /** The work is over. What its deadline and its progress were to say is of no interest any more. */
  readonly end: () => void
}

/**
 * Puts work under the deadline and the name of a caller that is somewhere else: what runs with the context that it gives.
 *
 * **Details**
 *
 * The deadline can be read and extended inside, nothing starts after it, and calls that can answer with a partial result answer when it comes. It does not interrupt the work and fails nothing: that
 * is for the caller, whose own deadline goes on. Who inherits says by `end` when the work is over.
 *
 * @see follow for the caller's side
 * @category remote
 * @since 0.1.0
 */
export const inherit = (context: Context.Context<never>, inheritance: Inheritance): Inherited => new Heir(context, inheritance)

/**
 * Asks a fiber to stop that was started for a caller somewhere else. A value that its last step still gives, because that cannot be interrupted, is the fiber's result (law 9).
 *
 * @category remote
 * @since 0.1.0
 */
export const interrupt = (fiber: Fiber.Fiber<unknown, unknown>): void => fiberState.interrupt(fiber, fiber.id, 0)

/** Where work runs that was inherited: the deadline if there is one, a call that takes progress, and its one task. */
class Heir implements Hold, Inherited {
  readonly context: Context.Context<never>
  private readonly task: lineage.TaskNode
  private readonly inheritance: Inheritance
  private readonly deadline: lineage.DeadlineNode | undefined
  private timers: Timers | undefined
  private entry: Entry | undefined
  private announced = false

  constructor(context: Context.Context<never>, inheritance: Inheritance) {
    this.inheritance = inheritance
    const parent = Context.get(context, lineage.Current)
    const observer = parent?.observer
    const { name, remaining } = inheritance
    this.deadline = remaining === undefined || remaining === Infinity ? undefined : this.limit(context, parent, remaining)
    const call: lineage.CallNode = {
      kind: "call",
      parent: this.deadline ?? parent,
      observer,
      ended: false,
      name: undefined,
      onProgress: (progress) => inheritance.onProgress?.(progress),
      dump: noTasks
    }
    this.task = {
      kind: "task",
      parent: call,
      observer,
      ended: false,
      name,
      index: 0,
      reason: undefined,
      call,
      calls: undefined,
      waits: undefined,
      at: Infinity,
      move: undefined,
      listeners: undefined,
      answering: 0,
      onAnswered: undefined
    }
    this.context = Context.add(context, lineage.Current, this.task)
    if (this.deadline === undefined) return
    this.entry = this.timers!.add(Infinity, () => this.reached())
    this.timers!.move(this.entry, this.deadline.at)
    inheritance.onOpen?.(this)
  }

  private limit(context: Context.Context<never>, parent: lineage.Node | undefined, remaining: number): lineage.DeadlineNode {
    this.timers = timersFor(Context.get(context, Scheduler.Scheduler), Context.get(context, Clock.Clock))
    return {
      kind: "deadline",
      parent,
      observer: parent?.observer,
      ended: false,
      at: this.timers.now() + Math.max(0, remaining),
      move: (at) => this.extended(at),
      listeners: undefined,
      answering: 0,
      onAnswered: undefined,
      onAnswering: (answering) => this.inheritance.onAnswering?.(answering)
    }
  }

  private set(at: number): void {
    this.deadline!.at = at
    this.announced = false
    this.timers!.move(this.entry!, at)
  }

  /** From inside. The caller is told by how much, for its clock is another one, and answers with what is left. */
  private extended(at: number): void {
    const by = at - this.deadline!.at
    this.set(at)
    this.inheritance.onExtend?.(by)
  }

  moved(remaining: number): void {
    if (!this.task.ended) this.set(this.timers!.now() + Math.max(0, remaining))
  }

  reached(): void {
    if (this.task.ended || this.announced) return
    const now = this.timers!.now()
    this.announced = true
    this.timers!.cancel(this.entry!)
    // The caller's clock was first: nothing starts here any more either.
    if (this.deadline!.at > now) this.deadline!.at = now
    lineage.announce(this.deadline!)
  }

  readonly end = (): void => {
    this.task.ended = true
    this.task.call.ended = true
    if (this.deadline === undefined) return
    this.deadline.ended = true
    this.timers!.cancel(this.entry!)
  }
}

/** What runs inside is listed where it is called. */
const noTasks: lineage.CallNode["dump"] = () => ({ name: undefined, state: "running", running: 1, abandoned: 0, tasks: [], more: 0 })

/**
 * What a call wants to know of the deadlines around it while its work is done somewhere else.
 *
 * @category remote
 * @since 0.1.0
 */
export interface Follower {
  /** A deadline around the call has been extended: so many milliseconds are left. */
  readonly onMoved: (remaining: number) => void
  /** A deadline around the call has come, and the work shall answer it: see `answering`. */
  readonly onReached: () => void
}

/**
 * How a call stands to the deadlines around it while its work is done somewhere else.
 *
 * @category remote
 * @since 0.1.0
 */
export interface Following {
  /** Says whether something in the work would answer a deadline by itself: then what is around the call waits for the answer, as law 10 has it. */
  readonly answering: (answering: boolean) => void
  /** Moves the innermost deadline by so many milliseconds, for the work that asked for it. `onMoved` tells what is left then. */
  readonly extend: (by: number) => void
  /** The call is over. */
  readonly end: () => void
}

/**
 * Gives the name of the task that a fiber runs, and the milliseconds before the deadline that binds it, `Infinity` if there is none.
 *
 * @category remote
 * @since 0.1.0
 */
export const outlook = (fiber: Fiber.Fiber<unknown, unknown>): { readonly name: string | undefined; readonly remaining: number } => {
  const node = lineage.current(fiber)
  if (node === undefined) return nothing
  const at = lineage.deadlineOf(node)
  const task = lineage.taskOf(node)
  const name = task === undefined || task.ended ? undefined : task.name
  return { name, remaining: at === Infinity ? Infinity : Math.max(0, at - timersOf(fiber).now()) }
}

const nothing = { name: undefined, remaining: Infinity }

/**
 * Follows the deadlines around a fiber whose work is done somewhere else, until `end`.
 *
 * @see inherit for the side of the work
 * @category remote
 * @since 0.1.0
 */
export const follow = (fiber: Fiber.Fiber<unknown, unknown>, follower: Follower): Following => {
  const node = lineage.current(fiber)
  const timers = timersOf(fiber)
  const endMoves = lineage.onMoved(node, () => {
    const at = lineage.deadlineOf(node)
    if (at < Infinity) follower.onMoved(Math.max(0, at - timers.now()))
  })
  let answered: (() => void) | undefined
  const answering = (value: boolean): void => {
    if (value) answered ??= lineage.registerAnswerer(node, { onDeadline: () => follower.onReached() })
    else {
      answered?.()
      answered = undefined
    }
  }
  return {
    answering,
    extend: (by) => lineage.extend(node, timers.now(), by),
    end: () => {
      endMoves()
      answering(false)
    }
  }
}

/** As good as for ever, and still a length of time. */
const held = 2 ** 40

/**
 * Stops the clock of the task that a fiber runs while its work waits for a place somewhere else: waiting is not running (law 11). Gives a function that says whether it still waits, or nothing if the task has no
 * limit of its own. It waits at first. A limit of one attempt is held within that of the whole task.
 *
 * @category remote
 * @since 0.1.0
 */
export const waits = (fiber: Fiber.Fiber<unknown, unknown>): ((waiting: boolean) => void) | undefined => {
  const task = lineage.taskOf(lineage.current(fiber))
  if (task === undefined || task.ended || task.at === Infinity || task.move === undefined) return undefined
  const timers = timersOf(fiber)
  let since = timers.now()
  let left = task.at - since
  let waiting = true
  task.move(task.at + held)
  return (waits) => {
    if (waits === waiting || task.ended) return
    waiting = waits
    const now = timers.now()
    if (waits) {
      since = now
      left = task.at - now
      task.move?.(task.at + held)
    } else {
      task.waited = (task.waited ?? 0) + now - since
      task.move?.(now + left)
    }
  }
}
