/**
 * Maps the whole package to plain async functions: the same calls, options and outcomes, for code that does not use Effect.
 *
 * A call owns every task that it starts. A task is an async function that gets `{ signal }`; when it is asked to stop, its signal fires with the reason, and the call *waits* for its promise, up to the `grace`: no task outlives its
 * call, unless it is listed as abandoned. No type of Effect appears here.
 *
 * The module holds `parallelMap`, `parallelGather`, `parallelStream`, `fanOut` with its joiners (`all`, `first`, `firstN`, `quorum`, `merge`, `reduce`, `best`, `until`, `make`), `createExecutor`, the marks `skip` and `stop`, and
 * `backoff`, `unwrap`, `resultOf`.
 *
 * **When to use**
 *
 * Use in code that awaits promises. Code that composes effects uses `@skein/parallel` itself, which this stands on.
 *
 * **Details**
 *
 * | you want | call or option |
 * | --- | --- |
 * | every outcome, whatever happens | `parallelMap(items, f)`, then look at the result |
 * | the plain values, or an error | `unwrap(await parallelMap(items, f))`; at the first failure: `onFailure: "interrupt"`; with all failures: `onFailure: "collect"` |
 * | whatever is done by then | `timeout: "5 seconds"` |
 * | outcomes as they come, with backpressure | `for await (const outcome of parallelStream(items, f))` |
 * | one limit for many calls, a queue, a rate | `createExecutor({ concurrency: 4, rate: { limit: 10, per: "1 second" } })` |
 * | the fastest answer, a majority, the best | `fanOut(functions, first())` |
 * | to leave an item out, or to break off | `return skip`, `return stop` |
 *
 * An item that is a promise is awaited inside its task; one that rejects fails its task, and `f` is not called. `f` may return a value instead of a promise, or throw.
 *
 * **Guarantees**
 *
 * - Ownership: no task outlives its call, abandoned ones aside, which are listed until they end.
 * - Interruption: each running task is asked once, through its signal, and waited for up to the grace (5 seconds). A value that it gives in spite of that is kept: its outcome is `completed` and `late`.
 * - Failure: one outcome per item; a failing task changes no other, unless an option says so. No promise of ours is ever rejected without a handler.
 * - Order: results are in input order. Items start in input order.
 * - Bounds: at most `concurrency` tasks run, abandoned ones counted. Items are pulled one by one, when a place is free.
 * - Cost: one object a task, and a signal only for a task that reads it; see bench/README.md.
 *
 * **Gotchas**
 *
 * A task that never looks at its `signal` cannot be stopped: the call waits for it for the length of the grace, and then goes on without it. Pass the signal on, to `fetch` and to calls of your own.
 *
 * A result is no exception: without `onFailure` or `unwrap` a call in which everything fails resolves.
 *
 * **Example** (Keeping what is done by a deadline)
 *
 * ```ts
 * import { parallelMap } from "@skein/parallel/promise"
 *
 * const answer = (ms: number, _index: number, { signal }: { signal: AbortSignal }) =>
 *   new Promise<string>((resolve, reject) => {
 *     const timer = setTimeout(() => resolve(`after ${ms} ms`), ms)
 *     signal.addEventListener("abort", () => {
 *       clearTimeout(timer)
 *       reject(signal.reason)
 *     })
 *   })
 *
 * const result = await parallelMap([1, 60_000, 2], answer, { timeout: 400 })
 * console.log(result.values) // => [ 'after 1 ms', 'after 2 ms' ]
 * console.log(result.outcomes.map(({ status }) => status)) // => [ 'completed', 'timeout', 'completed' ]
 * ```
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import { mustBeFunction } from "./internal/promiseCall.ts"
import { GatherIncomplete } from "./internal/promiseErrors.ts"
import { makeExecutor } from "./internal/promiseExecutorCalls.ts"
import type { Executor, ExecutorOptions } from "./internal/promiseExecutorTypes.ts"
import { gather } from "./internal/promiseGather.ts"
import { joined } from "./internal/promiseJoined.ts"
import type { Joiner } from "./internal/promiseJoiner.ts"
import type { SkipMark, StopMark } from "./internal/promiseMarks.ts"
import { callPlan, known } from "./internal/promiseOptions.ts"
import { functionsOf, itemsOf, streamPlan } from "./internal/promiseSources.ts"
import { stream } from "./internal/promiseStream.ts"
import type {
  CallOptions,
  Functions,
  GatherOptions,
  GatherResult,
  Items,
  MapOptions,
  Outcome,
  OutcomesOf,
  StreamOptions,
  TaskContext,
  TaskFunction,
  ValuesIn,
  ValuesOf
} from "./internal/promiseTypes.ts"

export { backoff } from "./internal/promiseBackoff.ts"
export {
  ExecutorClosed,
  GatherIncomplete,
  GatherTimeout,
  JoinError,
  resultOf,
  SourceFailed,
  TasksFailed,
  TaskStopped
} from "./internal/promiseErrors.ts"
export type * from "./internal/promiseExecutorTypes.ts"
export {
  all,
  best,
  decided,
  first,
  firstN,
  type Fold,
  type Joiner,
  type JoinerOptions,
  make,
  merge,
  next,
  quorum,
  reduce,
  type Start,
  type Step,
  until
} from "./internal/promiseJoiner.ts"
export { skip, type SkipMark, stop, type StopMark } from "./internal/promiseMarks.ts"
export type * from "./internal/promiseTypes.ts"

/**
 * Calls `f` for each item, at most `concurrency` at once, and gives one outcome per item.
 *
 * **Example** (Values and failures side by side)
 *
 * ```ts
 * import { parallelMap, skip, unwrap } from "@skein/parallel/promise"
 *
 * const result = await parallelMap([1, 2, 3, 4], async (n) => {
 *   if (n === 3) throw new Error("three is broken")
 *   return n === 4 ? skip : n * 10
 * }, { concurrency: 2 })
 * console.log(result.values, result.failed, result.skipped) // => [ 10, 20 ] 1 1
 * console.log(result.errors.map(({ error, index }) => `${index}: ${error}`)) // => [ '2: Error: three is broken' ]
 * console.log(unwrap(await parallelMap(new Set(["a", "b"]), (name) => name.toUpperCase()))) // => [ 'A', 'B' ]
 * ```
 *
 * @throws RangeError, at once, if an option is wrong or unknown; TypeError if `items` is not iterable or `f` no function. It rejects with `SourceFailed` if the source throws, and as `onFailure`, `onTimeout` and `onAbort` say.
 * @category functions
 * @since 0.1.0
 */
export const parallelMap = <T, A>(
  items: Items<T>,
  f: (item: T, index: number, task: TaskContext) => A | SkipMark | StopMark | PromiseLike<A | SkipMark | StopMark>,
  options?: MapOptions<T, A>
): Promise<GatherResult<A>> => {
  const call = callPlan("parallelMap", options, known.map)
  return gather(call, itemsOf("parallelMap", items, f))
}

/**
 * Calls async functions, at most `concurrency` at once, and gives one outcome for each in the shape of the input: a tuple for a tuple, a record for a record.
 *
 * **Example** (Asking three services at once)
 *
 * ```ts
 * import { parallelGather } from "@skein/parallel/promise"
 *
 * const { outcomes, values } = await parallelGather({
 *   user: async () => "ada",
 *   orders: async () => { throw new Error("orders are down") },
 *   news: () => 3
 * })
 * console.log(values) // => { user: 'ada', news: 3 }
 * console.log(outcomes.orders.status) // => failed
 * ```
 *
 * @throws As `parallelMap`.
 * @category functions
 * @since 0.1.0
 */
export const parallelGather = <const Input extends Functions>(
  functions: Input,
  options?: GatherOptions<ValuesIn<NoInfer<Input>>>
): Promise<GatherResult<ValuesIn<Input>, OutcomesOf<Input>, ValuesOf<Input>>> => {
  const call = callPlan("parallelGather", options, known.gather)
  return gather(call, functionsOf("parallelGather", functions))
}

/**
 * Calls `f` for each item and gives the outcomes while it runs. At most `concurrency + buffer` items have been pulled and not consumed; an outcome is consumed when its reader asks for the next one. To leave the loop stops what
 * runs, and waits for it. Each iteration is a call of its own.
 *
 * **Example** (Leaving early)
 *
 * ```ts
 * import { parallelStream } from "@skein/parallel/promise"
 *
 * function* naturals() {
 *   for (let n = 1; ; n++) yield n
 * }
 *
 * for await (const outcome of parallelStream(naturals(), async (n) => n * n, { concurrency: 2, order: "input" })) {
 *   if (outcome.status !== "completed" || outcome.value > 10) break
 *   console.log(outcome.value) // => 1, 4, 9
 * }
 * ```
 *
 * @throws As `parallelMap`, while it is read.
 * @category functions
 * @since 0.1.0
 */
export const parallelStream = <T, A>(
  items: Items<T>,
  f: (item: T, index: number, task: TaskContext) => A | SkipMark | StopMark | PromiseLike<A | SkipMark | StopMark>,
  options?: StreamOptions<T, A>
): AsyncIterable<Outcome<A>> => {
  const { call, flow } = streamPlan("parallelStream", options)
  return stream(call, itemsOf("parallelStream", items, f), flow)
}

/**
 * Calls async functions at once and gives what a joiner makes of their outcomes, as soon as that is decided. What is decided early asks the rest to stop, and waits for it.
 *
 * **Example** (The first of three mirrors)
 *
 * ```ts
 * import { fanOut, first, quorum } from "@skein/parallel/promise"
 *
 * const mirror = (name: string, ms: number) => ({ signal }: { signal: AbortSignal }) =>
 *   new Promise<string>((resolve, reject) => {
 *     const timer = setTimeout(() => resolve(name), ms)
 *     signal.addEventListener("abort", () => {
 *       clearTimeout(timer)
 *       reject(signal.reason)
 *     })
 *   })
 * const broken = async (): Promise<string> => { throw new Error("no route") }
 *
 * console.log(await fanOut([mirror("far", 60_000), broken, mirror("near", 1)], first())) // => near
 * const error = await fanOut([mirror("far", 60_000), broken, broken], quorum(2)).catch((error) => error)
 * console.log(error.message) // => quorum(2): 0 of the 2 values needed
 * console.log(error.errors.length) // => 2
 * ```
 *
 * @throws As `parallelMap`; what the joiner throws: `JoinError`, or its own.
 * @category functions
 * @since 0.1.0
 */
export const fanOut = <A, B>(
  functions: Iterable<TaskFunction<A>> | AsyncIterable<TaskFunction<A>>,
  joiner: Joiner<A, B>,
  options?: CallOptions<A>
): Promise<Awaited<B>> => {
  const call = callPlan("fanOut", options, known.call)
  mustBeFunction("fanOut", "joiner", joiner)
  return gather(call, functionsOf("fanOut", functions as Iterable<TaskFunction>), joined(joiner))
}

/**
 * Makes an executor: one limit, one queue and one set of defaults for many calls that do not know of each other. `close` it, or declare it with `await using`.
 *
 * **Example** (A queue with priorities)
 *
 * ```ts
 * import { createExecutor } from "@skein/parallel/promise"
 *
 * await using queue = createExecutor({ concurrency: 1 })
 * const order: Array<string> = []
 * queue.pause()
 * const last = queue.run(async () => order.push("backup"), { priority: -1 })
 * const job = queue.run(async () => order.push("job"))
 * const mail = queue.run(async () => order.push("mail"), { priority: 10 })
 * queue.resume()
 * await Promise.all([last, job, mail])
 * console.log(order) // => [ 'mail', 'job', 'backup' ]
 *
 * const { values } = await queue.map([1, 2, 3], async (n) => n * 2)
 * console.log(values, queue.stats.peak) // => [ 2, 4, 6 ] 1
 * ```
 *
 * @throws RangeError if an option is wrong or unknown
 * @category functions
 * @since 0.1.0
 */
export const createExecutor = (options?: ExecutorOptions): Executor => makeExecutor("createExecutor", options)

/**
 * Demands that everything completed: gives the values in the shape of the input, or throws `GatherIncomplete`, an `AggregateError` which holds the whole result.
 *
 * @category functions
 * @since 0.1.0
 */
export const unwrap = <Values>(result: GatherResult<unknown, unknown, Values>): Required<Values> => {
  if (typeof result !== "object" || result === null || !("allSucceeded" in result)) {
    throw new TypeError(Settings.mustBe("unwrap", "result", "a GatherResult", result).message)
  }
  // After a `stop` the rest is not wanted.
  const done = result.stoppedAt !== undefined ? result.failed + result.timedOut === 0 : result.allSucceeded && result.exhausted
  if (!done) throw new GatherIncomplete(result)
  return result.values as Required<Values>
}
