/** A group's error type is what its tasks may fail with; a time limit adds to it only where it is given. The same for limiters. */
import { type Deadline, Limiter, TaskGroup } from "@skein/core"
import * as Effect from "effect/Effect"

class Busy {
  readonly _tag = "Busy"
}
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Same<A, B>): void => {}
type ErrorOf<Eff> = Eff extends Effect.Effect<infer _A, infer E, infer _R> ? E : never
declare const busy: Effect.Effect<number, Busy>

// --- spawn -------------------------------------------------------------------

const typed = TaskGroup.run({}, (group: TaskGroup.TaskGroup<Busy>) => group.spawn(busy))
same<ErrorOf<typeof typed>, Busy>(true)

// @ts-expect-error the group was not made for this error
TaskGroup.run({}, (group: TaskGroup.TaskGroup<string>) => group.spawn(busy))
// @ts-expect-error a group without an error type takes no task that fails
TaskGroup.run({}, (group) => group.spawn(busy))

// An isolated group takes any task and never fails by one.
const isolated = TaskGroup.run({ onFailure: "isolate" }, (group) => Effect.andThen(group.spawn(busy), group.spawn(Effect.fail("other"))))
same<ErrorOf<typeof isolated>, never>(true)

// A handle has the error of its own task.
export const joined = TaskGroup.run({ onFailure: "isolate" }, (group) => Effect.flatMap(group.spawn(busy), (handle) => handle.join))
same<ErrorOf<typeof joined>, Busy | TaskGroup.TaskNotCompleted>(true)

// --- the group's time --------------------------------------------------------

const untimed = TaskGroup.run({ taskTimeout: "1 second" }, (group: TaskGroup.TaskGroup<never>) => group.join)
same<ErrorOf<typeof untimed>, never>(true)
const timed = TaskGroup.run({ timeout: "1 second" }, (group: TaskGroup.TaskGroup<never>) => group.join)
same<ErrorOf<typeof timed>, Deadline.DeadlineExceeded>(true)
// @ts-expect-error it may take too long
export const neverLate: Effect.Effect<void> = timed

// @ts-expect-error a policy is one of its words
TaskGroup.run({ onFailure: "ignore" }, (group: TaskGroup.TaskGroup<never>) => group.join)

// --- Limiter -----------------------------------------------------------------

const held = <E>(made: Effect.Effect<Limiter.Limiter<E>>) => Effect.flatMap(made, (limiter) => limiter.withPermit(busy))
const silent = held(Limiter.make({ permits: 1 }))
same<ErrorOf<typeof silent>, Busy>(true)
const waiting = held(Limiter.make({ permits: 1, queue: { max: 3, onFull: "wait" } }))
same<ErrorOf<typeof waiting>, Busy>(true)
const rejecting = held(Limiter.make({ permits: 1, queue: { max: 3, onFull: "reject" } }))
same<ErrorOf<typeof rejecting>, Busy | Limiter.LimiterError>(true)
const impatient = held(Limiter.make({ permits: 1, queue: { timeout: "1 second" } }))
same<ErrorOf<typeof impatient>, Busy | Limiter.LimiterError>(true)
// @ts-expect-error it may refuse
export const neverRefused: Effect.Effect<number, Busy> = rejecting
