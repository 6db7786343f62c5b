/**
 * Streams the stats of a `ParallelExecutor`: now, at intervals, and once more when it is closed.
 *
 * The stream owns nothing but the wait of its reader. It is an entry of its own because `effect/Stream` is heavy; the main entry does not load it.
 *
 * **Guarantees**
 *
 * - Ownership: no fiber and no timer outside of a pull.
 * - Failure: the stream never fails.
 * - Order: each element is read when it is asked for. A reader that is slow misses moments and never sees an old one.
 * - Bounds: no buffer.
 *
 * **Gotchas**
 *
 * What happens between two elements is not seen, except for what adds up: `peak` and `tasks`.
 *
 * **Example** (Watching an executor at work)
 *
 * ```ts
 * import { ParallelExecutor } from "@skein/parallel"
 * import * as ParallelExecutorStream from "@skein/parallel/ParallelExecutorStream"
 * import * as Effect from "effect/Effect"
 * import * as Fiber from "effect/Fiber"
 * import * as Stream from "effect/Stream"
 *
 * const program = Effect.gen(function*() {
 *   const watching = yield* Effect.scoped(Effect.gen(function*() {
 *     const executor = yield* ParallelExecutor.make({ concurrency: 2 })
 *     const watching = yield* ParallelExecutorStream.stats(executor, { every: "1 minute" }).pipe(
 *       Stream.runCollect,
 *       Effect.forkDetach({ startImmediately: true })
 *     )
 *     yield* executor.map([1, 2, 3], () => Effect.void)
 *     return watching
 *   }))
 *   return yield* Fiber.join(watching)
 * })
 *
 * const seen = await Effect.runPromise(program)
 * console.log(seen.map(({ closed, tasks }) => `${tasks.completed} ${closed}`)) // => [ '0 false', '3 true' ]
 * ```
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ParallelExecutor, Stats } from "./ParallelExecutor.ts"

/**
 * Gives the stats of an executor: at once, then `every` so often, and for the last time when it is closed and its last call is over.
 *
 * @throws RangeError if `every` is not a duration above 0
 * @category constructors
 * @since 0.1.0
 */
export const stats = (
  executor: Pick<ParallelExecutor, "stats" | "awaitClosed">,
  options?: {
    /** @default "1 second" */
    readonly every?: Duration.Input | undefined
  }
): Stream.Stream<Stats> => {
  const where = "ParallelExecutorStream.stats"
  Settings.known(where, options ?? {}, ["every"])
  const every = Duration.millis(options?.every === undefined ? 1_000 : Settings.positiveMillis(where, "every", options.every))
  // Closed is what `awaitClosed` says: by then the calls that closing has to wait for are over.
  const step = Effect.raceFirst(Effect.as(executor.awaitClosed, "over" as const), Effect.as(Effect.sleep(every), "next" as const))
  return Stream.unfold("first" as "first" | "next" | "over", (at) => {
    if (at === "over") return Effect.succeed(undefined)
    return Effect.flatMap(at === "first" ? Effect.succeed("next" as const) : step, (then) =>
      Effect.map(executor.stats, (stats) => [stats, then] as const)
    )
  })
}
