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
import { type Entry, timersOf } from "./internal/timers.ts"
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
  /** The instant, in milliseconds since the Unix epoch. */
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
  return Effect.withFiber((parent) => {
    const timers = timersOf(parent)
    const outer = lineage.current(parent)
    const startedAt = timers.now()
    let entry: Entry | undefined
    let asked = false
    let child: lineage.AnyFiber | undefined
    const node: lineage.DeadlineNode = {
      kind: "deadline",
      parent: outer,
      observer: outer?.observer,
      ended: false,
      at: startedAt + length,
      move: (at) => {
        if (asked || node.ended) return
        node.at = at
        if (entry !== undefined) timers.move(entry, at)
      },
      listeners: undefined,
      answering: 0,
      onAnswered: undefined
    }
    const exceeded = (cause: Cause.Cause<unknown>): DeadlineExceeded =>
      new DeadlineExceeded({ after: Duration.millis(node.at - startedAt), at: node.at, cause })
    // Nothing starts after a deadline, be it this one (a length of 0) or one around it.
    if (lineage.deadlineOf(node) <= startedAt) return Effect.fail(exceeded(Cause.empty))

    const ask = (reason: Outcome.Reason): void => {
      asked = true
      fiberState.interrupt(child!, parent.id, 0, Outcome.annotations(reason))
    }
    const reached = (): void => {
      const reason: Outcome.Reason = { _tag: "DeadlineReached", at: node.at }
      if (node.answering === 0) return ask(reason)
      node.onAnswered = () => {
        if (!node.ended) entry = timers.add(timers.now() + lineage.afterAnswer, () => ask(reason))
      }
      lineage.announce(node)
    }

    return Effect.callback<A, E | DeadlineExceeded>((resume) => {
      const fiber = Effect.runForkWith(Context.add(parent.context as Context.Context<R>, lineage.Current, node))(self)
      child = fiber
      if (fiber.pollUnsafe() === undefined) entry = timers.add(node.at, reached)
      let abandonedByCaller: ((_: Effect.Effect<void>) => void) | undefined
      fiber.addObserver((exit) => {
        node.ended = true
        if (entry !== undefined) timers.cancel(entry)
        if (abandonedByCaller !== undefined) abandonedByCaller(Effect.void)
        else if (asked && Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)) resume(Effect.fail(exceeded(exit.cause)))
        else resume(exit)
      })
      return Effect.callback<void>((done) => {
        if (fiber.pollUnsafe() !== undefined) return done(Effect.void)
        abandonedByCaller = done
        if (!asked) ask({ _tag: "CallerInterrupted", because: lineage.reasonOf(outer) })
      })
    })
  })
})

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
