/**
 * Streams the outcomes of a task group in the order of completion.
 *
 * The stream owns nothing: the tasks belong to their group, and go on when the stream is no longer read. It is an entry of its own because `effect/Stream` is heavy; the
 * main entry does not load it.
 *
 * **Guarantees**
 *
 * - Ownership: no fiber and no buffer; each pull is one `group.next`.
 * - Interruption: interrupting a pull takes nothing: the outcome goes to whoever asks next.
 * - Failure: the stream never fails. A failed task is an outcome like any other; what it does to the group is the group's policy.
 * - Order: the order of completion. Several readers share the outcomes: each goes to one of them.
 *
 * **Gotchas**
 *
 * The stream ends when no task is left at that moment, also if somebody spawns another one later. Spawn before you read, or from inside the tasks. A group with
 * `outcomes: "drop"` has none to give, and the stream dies.
 *
 * **Example** (Using each result as soon as it is there)
 *
 * ```ts
 * import { TaskGroup } from "@skein/core"
 * import * as TaskGroupStream from "@skein/core/TaskGroupStream"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = TaskGroup.run({ onFailure: "isolate" }, (group) =>
 *   Effect.gen(function*() {
 *     yield* group.spawn(Effect.sleep("20 millis"), { name: "slow" })
 *     yield* group.spawn(Effect.fail("no luck"), { name: "broken" })
 *     yield* group.spawn(Effect.sleep("1 millis"), { name: "quick" })
 *     return yield* TaskGroupStream.outcomes(group).pipe(
 *       Stream.map((outcome) => `${outcome.name} ${outcome.status}`),
 *       Stream.runCollect
 *     )
 *   })
 * )
 *
 * console.log(await Effect.runPromise(program)) // => [ 'broken failed', 'quick completed', 'slow completed' ]
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Outcome from "./Outcome.ts"
import type { TaskGroup } from "./TaskGroup.ts"

/**
 * Gives the outcomes of a group in the order of completion, and ends when nothing is left. From inside a task of the group its place is lent while the stream waits.
 *
 * @category constructors
 * @since 0.1.0
 */
export const outcomes = <E>(group: Pick<TaskGroup<E>, "next">): Stream.Stream<Outcome.Outcome<unknown, E>> =>
  Stream.fromPull(
    Effect.succeed(
      Effect.flatMap(group.next, (next): Effect.Effect<readonly [Outcome.Outcome<unknown, E>], Cause.Done> =>
        Option.isNone(next) ? Cause.done() : Effect.succeed([next.value])
      )
    )
  )
