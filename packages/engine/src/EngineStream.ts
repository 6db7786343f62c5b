/**
 * Streams what happens in an engine: changes of its runs, the states of one, and ends in the order in which they come.
 *
 * A stream owns nothing but its subscription, from its first pull until it is over. The jobs belong to their engine; nobody who reads can change how they end, or hold them up. It is an entry of its own because `effect/Stream` is heavy; the
 * main entry does not load it.
 *
 * The module holds `changes`, `ofJob` and `outcomes`.
 *
 * **When to use**
 *
 * Use them to show, log or count what an engine does, and to go on with each result as soon as it is there. To wait for one job `handle.await` is enough; a callback for each change is `engine.subscribe`.
 *
 * **Details**
 *
 * | stream | gives | is over | when its reader is slow |
 * | --- | --- | --- | --- |
 * | `changes(engine)` | each change from now on, before that with `from: "start"` each run as it stands | when the engine has closed | the oldest give way, or it fails |
 * | `ofJob(handle)` | how a run stands, then each of its states | after its end | nothing is lost |
 * | `outcomes(handles)` | each end | after the last one | nothing is lost |
 *
 * **Guarantees**
 *
 * - Ownership: no fiber of a job and no job; a subscription, and the changes that wait for the reader.
 * - Interruption: ending a stream ends its subscription, and concerns no job.
 * - Failure: a job that fails does not fail a stream, its end is told like any other.
 * - Order: the changes of an engine in the order in which it tells them, those of a run never backwards; ends in the order of completion.
 * - Bounds: `buffer` changes for `changes`; four states an attempt for `ofJob`; one element a handle for `outcomes`.
 * - Nesting: a job that reads `ofJob` or `outcomes` lends what it holds of its engine's limits while it waits for the next element. One that waits for itself dies of `JobCycle`.
 *
 * **Gotchas**
 *
 * A job that reads `changes` of its own engine keeps what it holds, for nobody knows what it waits for. With `onClose: "drain"` the engine waits for it, and it for the engine.
 *
 * **Example** (Going on with each result as soon as it is there)
 *
 * ```ts
 * import { Engine, Job } from "@skein/engine"
 * import * as EngineStream from "@skein/engine/EngineStream"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = Effect.gen(function*() {
 *   const engine = yield* Engine.make()
 *   const handles = yield* engine.submitAll([
 *     Job.make("slow", { run: Effect.sleep("20 millis") }),
 *     Job.make("broken", { run: Effect.fail("no luck") }),
 *     Job.make("quick", { run: Effect.sleep("1 millis") })
 *   ])
 *   return yield* EngineStream.outcomes(handles).pipe(
 *     Stream.map(({ end, handle }) => `${handle.name} ${Job.endWord(end)}`),
 *     Stream.runCollect
 *   )
 * })
 *
 * console.log(await Effect.runPromise(Effect.scoped(program))) // => [ 'broken failed', 'quick completed', 'slow completed' ]
 * ```
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Stream from "effect/Stream"
import type * as Engine from "./Engine.ts"
import * as observe from "./internal/streams/observe.ts"
import type * as Job from "./Job.ts"

/**
 * What becomes of changes that the buffer has no room for: the oldest that wait give way, with one warning in the log, or the stream fails once its reader has got what waited.
 *
 * @category options
 * @since 0.1.0
 */
export type OnFull = "slide" | "fail"

/**
 * Which changes to give: those after which the run is chosen by the filter. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category options
 * @since 0.1.0
 */
export interface ChangesOptions<F extends OnFull = OnFull> extends Omit<Engine.Filter, "submitted" | "ended"> {
  /**
   * Where to begin: with the next change, or with each run that is kept, as it stands.
   *
   * @default "now"
   */
  readonly from?: "now" | "start" | undefined
  /**
   * How many changes may wait for the reader.
   *
   * @default 1_024
   */
  readonly buffer?: number | undefined
  /** @default "slide" */
  readonly onFull?: F | undefined
}

/**
 * The reader of `changes` with `onFull: "fail"` left more unread than there is room for. It may begin again, with `from: "start"` if it has to know how everything stands.
 *
 * @category errors
 * @since 0.1.0
 */
export class ReaderTooSlow extends Data.TaggedError("ReaderTooSlow")<{ readonly buffer: number }> {
  override get message(): string {
    return `more than ${this.buffer} changes of an engine were left unread`
  }
}

/**
 * Gives the changes of an engine's runs until it has closed.
 *
 * **Details**
 *
 * It subscribes at its first pull. With `from: "start"` there is no gap between the runs as they stand and the changes after that, and none is told twice.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const changes = <F extends OnFull = "slide">(
  engine: Engine.Engine,
  options: ChangesOptions<F> = {}
): Stream.Stream<Job.Run, "fail" extends F ? ReaderTooSlow : never> =>
  observe.changes("EngineStream.changes", engine, options, (buffer) => new ReaderTooSlow({ buffer })) as never

/**
 * Gives how a run stands, and then each of its states up to its end.
 *
 * @throws TypeError if it is no handle
 * @category constructors
 * @since 0.1.0
 */
export const ofJob = (handle: Job.Handle<unknown, unknown>): Stream.Stream<Job.Run> => observe.ofJob("EngineStream.ofJob", handle)

/**
 * A job that has ended, and how.
 *
 * @category models
 * @since 0.1.0
 */
export type Finished<H> = H extends Job.Handle<infer A, infer E> ? { readonly handle: H; readonly end: Job.End<A, E> } : never

/**
 * Gives the ends of jobs in the order of completion. Those that have ended already come first, in the order of the handles.
 *
 * @throws TypeError if one is no handle
 * @category constructors
 * @since 0.1.0
 */
export const outcomes = <H extends Job.Handle<unknown, unknown>>(handles: Iterable<H>): Stream.Stream<Finished<H>> =>
  observe.outcomes("EngineStream.outcomes", handles)
