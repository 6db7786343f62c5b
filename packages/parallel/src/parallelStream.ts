/**
 * Runs an effect for each item of a source, a bounded number at once, and streams the outcomes.
 *
 * The stream owns what it starts: the first pull starts the call, and the stream ends, is left early (`Stream.take`) or is interrupted only after each task has ended with its finalizers run, or the `grace` is
 * over. It is an entry of its own because `effect/Stream` is heavy; the main entry does not load it.
 *
 * **When to use**
 *
 * Use where outcomes shall be used as they come, where there are too many to keep, or where the source never ends. If you want all of them in one value, use `parallelMap`.
 *
 * **Details**
 *
 * Takes the options of `parallelMap` but `onTimeout`, and two of its own, `order` and `buffer`. Outcomes come in chunks of what is there, at most `buffer` long.
 *
 * When the time is over or `stop` says so, the stream gives the outcomes of what was running, then, of an array, a set or a map, those of the items that never started, and ends. With `onFailure: "interrupt"` it gives
 * the outcomes of all that started, then fails with the original error alone. A source that fails stops the pulling and lets running tasks end; when their outcomes have been read the stream fails with
 * `SourceFailed`.
 *
 * **Guarantees**
 *
 * - Ownership: no task outlives the stream, abandoned ones aside.
 * - Interruption: ending the stream from outside interrupts each running task once and waits for its cleanup, up to the grace.
 * - Failure: one outcome per item, whatever the others do. The stream fails only as said above.
 * - Order: by default that of completion; with `order: "input"` that of the input, where an item that takes long holds back at most `concurrency + buffer - 1` others.
 * - Bounds: at most `concurrency` tasks run. At most `concurrency + buffer` items have been pulled and not consumed; a chunk is consumed when the next one is asked for.
 * - Cost: constant memory, on endless input too; no fiber, timer or closure a task; see bench/README.md.
 *
 * **Gotchas**
 *
 * A generator, an async iterable or a Stream that was cut off by a `timeout` ends in the same way as one that was read to its end, if nothing was running at that moment. Where the difference matters, look at the clock
 * or count the items.
 *
 * **Example** (Using each answer as soon as it is there)
 *
 * ```ts
 * import { parallelStream } from "@skein/parallel/parallelStream"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const ask = (millis: number) => Effect.as(Effect.sleep(millis), `after ${millis} ms`)
 * const answers = parallelStream([60, 1, 30], ask).pipe(
 *   Stream.map((outcome) => outcome._tag === "Completed" ? outcome.value : outcome.status)
 * )
 * console.log(await Effect.runPromise(Stream.runCollect(answers))) // => [ 'after 1 ms', 'after 30 ms', 'after 60 ms' ]
 *
 * const first = answers.pipe(Stream.take(1), Stream.runCollect)
 * console.log(await Effect.runPromise(first)) // => [ 'after 1 ms' ]
 * ```
 *
 * @since 0.1.0
 */
import type * as Outcome from "@skein/core/Outcome"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import * as streamCall from "./internal/streamCall.ts"
import * as work from "./internal/work.ts"
import type { ItemOf, MapOptions, OnFailure, Source, SourceError, SourceServices } from "./Options.ts"

/**
 * The options of a stream of outcomes. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category options
 * @since 0.1.0
 */
export interface StreamOptions<in T, in A, in E, F extends OnFailure = OnFailure> extends Omit<MapOptions<T, A, E, F>, "onTimeout"> {
  /**
   * In which order outcomes come: as tasks end, or as their items stand in the input.
   *
   * @default "completion"
   */
  readonly order?: "completion" | "input" | undefined
  /**
   * How many outcomes may wait for their reader (or for one before them) while all places are taken: a whole number of at least 0. With 0 a place is taken from the pull of an item until its outcome is
   * consumed.
   *
   * @default concurrency
   */
  readonly buffer?: number | undefined
}

/**
 * Runs `f` for each item of a source, at most `concurrency` at once, and streams the outcomes.
 *
 * @throws RangeError if an option is wrong or unknown; TypeError if `items` is not iterable, async iterable or a Stream, or `f` not a function
 * @category constructors
 * @since 0.1.0
 */
export const parallelStream = <Items extends Source<unknown>, A, E, R, F extends "isolate" | "interrupt" = "isolate">(
  items: Items,
  f: (item: ItemOf<Items>, index: number) => Effect.Effect<A, E, R>,
  options?: StreamOptions<ItemOf<Items>, NoInfer<A>, NoInfer<E>, F>
): Stream.Stream<Outcome.Outcome<A, E>, ("interrupt" extends F ? E : never) | SourceError<Items, A, E>, R | SourceServices<Items>> => {
  const where = "parallelStream"
  const todo = work.ofItems(where, items, f)
  const { flow, plan } = streamCall.read(where, options)
  return streamCall.make((start) => Effect.withFiber((fiber) => start(fiber, plan, flow)), todo)
}
