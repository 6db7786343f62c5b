/** The words of executors in `@skein/parallel/promise`. */
import type { Joiner } from "./promiseJoiner.ts"
import type { SkipMark, StopMark } from "./promiseMarks.ts"
import type {
  CallOptions,
  Functions,
  GatherOptions,
  GatherResult,
  Items,
  MapOptions,
  Outcome,
  OutcomesOf,
  PriorityOption,
  StreamOptions,
  TaskContext,
  TaskFunction,
  TaskOptions,
  Time,
  ValuesIn,
  ValuesOf
} from "./promiseTypes.ts"

/**
 * How an executor is made: its limits, and what its calls and runs do unless they say otherwise.
 *
 * @category options
 * @since 0.1.0
 */
export interface ExecutorOptions extends TaskOptions {
  /**
   * How many tasks run at once over all calls and runs: a whole number of at least 1, or `"unbounded"`.
   *
   * @default 8
   */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * At most `limit` starts within any stretch of time as long as `per`. Further attempts of a task that is tried again are not held back.
   *
   * @default none
   */
  readonly rate?: { readonly limit: number; readonly per: Time } | undefined
}

/**
 * The options of a single run.
 *
 * @category options
 * @since 0.1.0
 */
export interface RunOptions extends PriorityOption {
  /** Takes it off the queue, or asks it to stop; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** As in a call. */
  readonly within?: TaskContext | undefined
  /**
   * In the place of the executor's own.
   *
   * @default that of the executor
   */
  readonly taskTimeout?: Time | undefined
  readonly name?: string | undefined
}

/**
 * What an executor does at this moment, and has done.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  /** How many tasks may run at once; `Infinity` for `"unbounded"`. */
  readonly concurrency: number
  readonly running: number
  /** Single runs, and tasks of calls, that wait for a place. Of a call only as many wait as it has places of its own. */
  readonly waiting: number
  /** The most that ever ran at once. */
  readonly peak: number
  /** Calls that are not over. */
  readonly calls: number
  /** How tasks have ended so far; one that returned `skip` has completed. */
  readonly tasks: Readonly<Record<"completed" | "failed" | "timedOut" | "cancelled" | "notStarted", number>>
  readonly paused: boolean
  readonly closed: boolean
}

/**
 * A bound, a queue and settings that many calls share. Its methods need no `this`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Executor {
  readonly name: string | undefined
  readonly stats: Stats
  /**
   * Runs one function when its turn comes, in the async context of its caller. It rejects with what the function throws; a `TaskStopped` after a time limit; the reason of a `signal` or a `clear`; `ExecutorClosed`. A function that
   * gives a value although it was asked to stop has succeeded.
   */
  readonly run: <A>(f: (task: TaskContext) => A | PromiseLike<A>, options?: RunOptions) => Promise<A>
  /** As `parallelMap`. `concurrency` is what this call may take of the places. */
  readonly map: <T, A>(
    items: Items<T>,
    f: (item: T, index: number, task: TaskContext) => A | SkipMark | StopMark | PromiseLike<A | SkipMark | StopMark>,
    options?: MapOptions<T, A> & PriorityOption
  ) => Promise<GatherResult<A>>
  /** As `parallelGather`. */
  readonly gather: <const Input extends Functions>(
    functions: Input,
    options?: GatherOptions<ValuesIn<NoInfer<Input>>> & PriorityOption
  ) => Promise<GatherResult<ValuesIn<Input>, OutcomesOf<Input>, ValuesOf<Input>>>
  /** As `parallelStream`. */
  readonly stream: <T, A>(
    items: Items<T>,
    f: (item: T, index: number, task: TaskContext) => A | SkipMark | StopMark | PromiseLike<A | SkipMark | StopMark>,
    options?: StreamOptions<T, A> & PriorityOption
  ) => AsyncIterable<Outcome<A>>
  /** As `fanOut`. */
  readonly fanOut: <A, B>(
    functions: Iterable<TaskFunction<A>> | AsyncIterable<TaskFunction<A>>,
    joiner: Joiner<A, B>,
    options?: CallOptions<A> & PriorityOption
  ) => Promise<Awaited<B>>
  /** Starts nothing more until `resume`. What runs goes on. */
  readonly pause: () => void
  readonly resume: () => void
  /** Sets how many may run at once. Fewer takes nothing from those who run. */
  readonly resize: (concurrency: number | "unbounded") => void
  /** Takes all single runs off the queue and gives their number; they reject with `reason`, an `AbortError` if left out, which need not be handled. Calls keep their tasks: end them by their own `signal`. */
  readonly clear: (reason?: unknown) => number
  /** Waits until no run and no call is under way. */
  readonly whenIdle: () => Promise<void>
  /** Waits until fewer than so many wait for a place: with 1 until nobody does. */
  readonly whenWaitingBelow: (count: number) => Promise<void>
  /** Waits until fewer than so many run: with 1, and after `pause`, until nothing does. */
  readonly whenRunningBelow: (count: number) => Promise<void>
  /** Asks everything to stop and waits for it, up to the grace. From now on every call and run rejects with `ExecutorClosed`. */
  readonly close: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}
