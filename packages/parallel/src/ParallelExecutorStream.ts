/**
 * Makes the calls of a `ParallelExecutor` that are streams: of outcomes, under its limit, and of its stats.
 *
 * A stream of outcomes owns what it starts, as `parallelStream` does, and is a call of its executor from its first pull until nothing of it runs any more. A stream of stats owns nothing but the wait of its reader. They are an
 * entry of their own because `effect/Stream` is heavy; the main entry does not load it.
 *
 * The module holds `stream` and `stats`.
 *
 * **Guarantees**
 *
 * - Ownership: no task outlives its stream, and no stream's tasks the executor. Closing waits for the tasks of a stream and not for its reader, who may take his time.
 * - Interruption: ending a stream from outside interrupts each of its running tasks once and waits for its cleanup; it concerns no other call.
 * - Failure: a stream of outcomes that closing cut short gives the outcomes of all that started, then fails with `ExecutorClosed`; one that was complete just ends. `stats` never fails.
 * - Order: outcomes as in `parallelStream`; tasks take turns with those of other calls. Stats are read when they are asked for: a reader that is slow misses moments and never sees an old one.
 * - Bounds: outcomes as in `parallelStream`, tasks under the executor's limit; no buffer for stats.
 * - Nesting: a task of a stream may call its own executor. The reader may not hold a permit of it that his stream's tasks need, unless he is the fiber that pulls: then he lends it.
 *
 * **Gotchas**
 *
 * A stream whose reader has stopped pulling keeps the permits of what runs, and no more: outcomes wait without one.
 *
 * What happens between two elements of `stats` is not seen, except for what adds up: `peak` and `tasks`.
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
import type * as Outcome from "@skein/core/Outcome"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Executor } from "./internal/executorCalls.ts"
import * as streamCall from "./internal/streamCall.ts"
import * as work from "./internal/work.ts"
import type { ItemOf, OnFailure, Source, SourceError, SourceServices } from "./Options.ts"
import type { ExecutorClosed, ParallelExecutor, Stats } from "./ParallelExecutor.ts"
import type { StreamOptions } from "./parallelStream.ts"

/**
 * The options of a stream of outcomes under an executor: those of `parallelStream` but `limiter`, which is the executor's own.
 *
 * @category options
 * @since 0.1.0
 */
export interface CallStreamOptions<in T, in A, in E, F extends OnFailure = OnFailure> extends Omit<StreamOptions<T, A, E, F>, "limiter"> {}

/**
 * Runs `f` for each item of a source under the limit of an executor, and streams the outcomes. As `parallelStream`.
 *
 * **Details**
 *
 * The options of the executor are the defaults. The call begins with the first pull: on an executor that is closed by then the stream fails with `ExecutorClosed` and reads nothing of the source. When the executor closes
 * later, running tasks are interrupted and awaited, and the stream gives their outcomes before it fails; the error's `partial` has no outcomes, for they have gone to the reader.
 *
 * **Example** (Two streams under one limit)
 *
 * ```ts
 * import { ParallelExecutor } from "@skein/parallel"
 * import * as ParallelExecutorStream from "@skein/parallel/ParallelExecutorStream"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = Effect.gen(function*() {
 *   const executor = yield* ParallelExecutor.make({ concurrency: 2 })
 *   const double = (n: number) => Effect.as(Effect.sleep(5), n * 2)
 *   const doubled = (items: ReadonlyArray<number>) =>
 *     ParallelExecutorStream.stream(executor, items, double, { order: "input" }).pipe(
 *       Stream.map((outcome) => outcome._tag === "Completed" ? outcome.value : outcome.status),
 *       Stream.runCollect
 *     )
 *   console.log(yield* Effect.all([doubled([1, 2, 3]), doubled([10, 20])], { concurrency: 2 })) // => [ [ 2, 4, 6 ], [ 20, 40 ] ]
 *   console.log((yield* executor.stats).peak) // => 2
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @throws RangeError if an option is wrong or unknown; TypeError if `executor` was not made by `ParallelExecutor.make`, `items` is not iterable, async iterable or a Stream, or `f` not a function
 * @category constructors
 * @since 0.1.0
 */
export const stream = <Items extends Source<unknown>, A, E, R, F extends "isolate" | "interrupt" = "isolate">(
  executor: ParallelExecutor,
  items: Items,
  f: (item: ItemOf<Items>, index: number) => Effect.Effect<A, E, R>,
  options?: CallStreamOptions<ItemOf<Items>, NoInfer<A>, NoInfer<E>, F>
): Stream.Stream<
  Outcome.Outcome<A, E>,
  ("interrupt" extends F ? E : never) | SourceError<Items, A, E> | ExecutorClosed,
  R | SourceServices<Items>
> => {
  const where = "ParallelExecutorStream.stream"
  if (!(executor instanceof Executor)) {
    throw new TypeError(Settings.mustBe(where, "executor", "made by ParallelExecutor.make", executor).message)
  }
  const todo = work.ofItems(where, items, f)
  return streamCall.make(executor.begin(executor.planner(where, options, (own) => streamCall.read(where, own))), todo)
}

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
