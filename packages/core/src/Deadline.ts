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
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as check from "./internal/check.ts"
import * as fiberState from "./internal/fiberState.ts"
import * as lineage from "./internal/lineage.ts"
import { slowCleanup } from "./internal/runner.ts"
import { type Entry, type Timers, timersOf } from "./internal/timers.ts"
import * as Outcome from "./Outcome.ts"

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
    for (let n = lineage.current(fiber); n !== undefined; n = n.parent) {
      if ((n.kind === "deadline" || n.kind === "task") && !n.ended && n.at < Infinity) {
        if (n.at > timersOf(fiber).now()) n.move?.(n.at + length)
        break
      }
    }
    return remaining
  })
}
