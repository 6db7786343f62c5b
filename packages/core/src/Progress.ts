/**
 * Lets a running task say how far it is.
 *
 * A report goes to the observers of the call that the task belongs to (`onProgress` of a group or a gather) and is gone when they return; nothing is stored or owned. Outside of
 * a task a report goes nowhere.
 *
 * **Guarantees**
 *
 * - Failure: an observer that throws is logged; it cannot change the task's outcome.
 * - Cost: without an observer a report costs a look at the context.
 *
 * **Example** (Reporting from inside a task)
 *
 * ```ts
 * import { Progress, TaskGroup } from "@skein/core"
 * import * as Effect from "effect/Effect"
 *
 * const copy = Effect.gen(function*() {
 *   for (const done of [50, 100]) yield* Progress.report({ done, total: 100, message: "bytes" })
 * })
 *
 * const program = TaskGroup.run(
 *   { onProgress: ({ done, name, total }) => console.log(`${name}: ${done} of ${total}`) }, // => copy: 50 of 100, copy: 100 of 100
 *   (group: TaskGroup.TaskGroup<never>) => group.spawn(copy, { name: "copy" })
 * )
 * await Effect.runPromise(program)
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as lineage from "./internal/lineage.ts"

/**
 * How far a task is, in units of its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly done?: number | undefined
  readonly total?: number | undefined
  readonly message?: string | undefined
}

/**
 * A report as observers see it: with the task it came from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Progress extends Report {
  readonly index: number
  readonly name: string | undefined
}

/**
 * Reports progress of the running task to the observers of its call.
 *
 * @category combinators
 * @since 0.1.0
 */
export const report = (report: Report): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const task = lineage.taskOf(lineage.current(fiber))
    // What a task left behind when it ended (a detached fiber) does not speak for it any more.
    if (task?.call.onProgress !== undefined && !task.ended) task.call.onProgress({ ...report, index: task.index, name: task.name })
    return Effect.void
  })
