/**
 * Describes a piece of work for an engine: what to run, after what, with what, and within which limits.
 *
 * A `Job` is an immutable value that owns nothing and runs nothing. An `Engine` takes it and gives a `Handle`, by which one waits for its end or cancels it. This module holds the description, the ways in which one job refers to
 * another, and the words for how a job stands and how it ended.
 *
 * **When to use**
 *
 * Use jobs where work depends on other work, waits for conditions, shares limits, or is to be listed, cancelled and run again by its id. For a collection that is at hand use `parallelMap`, for tasks that end together `TaskGroup`.
 *
 * **Details**
 *
 * A job refers to another by the `Job` itself (its latest run in the engine), by a handle, or by an id.
 *
 * | reference | waits until the other | the other ended otherwise |
 * | --- | --- | --- |
 * | `Job.result(other)` in `input` | completed; `run` gets its value | skipped, always |
 * | `Job.outcome(other)` in `input` | ended in any way; `run` gets its end | cannot be |
 * | `after: other` | completed | skipped, or run with `onUpstream: "run"` |
 * | `after: Job.on(other, "failed")` | ended in one of the ways named | skipped, or run with `onUpstream: "run"` |
 * | `after: Job.afterAny([a, b])` | one of them ended so | skipped when none can any more |
 *
 * The states of a job:
 *
 * ```
 * Waiting { upstream } ─▶ Waiting { condition } ─▶ Waiting { limit } ─▶ Running { 1 } ─▶ Ended
 *          │                       │                    │  ▲               │
 *          └───────────────────────┴──────── Ended ◀────┘  └─ Waiting { retry } ◀─┘   (a failed attempt that is followed by another)
 * ```
 *
 * **Example** (Giving the result of one job to another)
 *
 * ```ts
 * import { Engine, Job } from "@skein/engine"
 * import * as Effect from "effect/Effect"
 *
 * const users = Job.make("users", { run: Effect.succeed(["ada", "grace"]) })
 * const letters = Job.make("letters", {
 *   input: { to: Job.result(users), subject: "hello" },
 *   run: ({ subject, to }) => Effect.succeed(to.map((name) => `${subject} ${name}`))
 * })
 *
 * const program = Effect.gen(function*() {
 *   const engine = yield* Engine.make()
 *   const [, sent] = yield* engine.submitAll([users, letters])
 *   return yield* sent.join
 * })
 *
 * console.log(await Effect.runPromise(Effect.scoped(program))) // => [ 'hello ada', 'hello grace' ]
 * ```
 *
 * @since 0.1.0
 */
import type * as Outcome from "@skein/core/Outcome"
import type * as Progress from "@skein/core/Progress"
import type * as TaskGroup from "@skein/core/TaskGroup"
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Task from "@skein/parallel/Task"
import type * as TaskRunner from "@skein/parallel/TaskRunner"
import * as construct from "./internal/construct.ts"
import * as inside from "./internal/inside.ts"
import type { JobOutput } from "./JobOutput.ts"
import type * as references from "./internal/references.ts"

// -------------------------------------------------------------------------------------------------------------------------------------
// How a job stands and how it ended
// -------------------------------------------------------------------------------------------------------------------------------------

/**
 * How a job ended, in one word. A job that was cancelled before it ran is `cancelled`.
 *
 * @category models
 * @since 0.1.0
 */
export type EndWord = "completed" | "failed" | "timeout" | "cancelled" | "skipped"

/**
 * How a job ended: an outcome, or skipped because of another job.
 *
 * @category models
 * @since 0.1.0
 */
export type End<A, E = never> = Outcome.Outcome<A, E> | Skipped

/**
 * One link of the chain that says why a job was skipped: the upstream job, how it ended, and which ends would have done. `because` goes on to the root where that job was skipped itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface Because {
  readonly id: string
  readonly name: string
  readonly status: EndWord
  /** The ends that were waited for. */
  readonly wanted: ReadonlyArray<EndWord>
  /** The end in words: the message of the error, the limit, the reason of the cancellation. */
  readonly detail: string
  readonly because?: Because | undefined
}

export {
  /**
   * It never ran, for a job that it depends on ended otherwise than it needs.
   *
   * @category models
   * @since 0.1.0
   */
  Skipped
} from "./internal/ends.ts"
import type { Skipped } from "./internal/ends.ts"

export {
  /**
   * Says on one line how a job ended: `completed`, the message of its error, its limit, the reason of its cancellation, the chain by which it was skipped.
   *
   * @category formatting
   * @since 0.1.0
   */
  formatEnd,
  /**
   * Gives the word for an end.
   *
   * @category getters
   * @since 0.1.0
   */
  endWord,
  /**
   * Writes why a job was skipped on one line, the nearest link first, links separated by ` ← `.
   *
   * @category formatting
   * @since 0.1.0
   */
  formatBecause
} from "./internal/ends.ts"

/**
 * How a job stands.
 *
 * @category models
 * @since 0.1.0
 */
export type State<A = unknown, E = unknown> = Waiting | Running | Ended<A, E>

/**
 * It waits: for jobs that it depends on, for its condition, for its limits, or for its next attempt.
 *
 * @category models
 * @since 0.1.0
 */
export interface Waiting {
  readonly _tag: "Waiting"
  readonly for: "upstream" | "condition" | "limit" | "retry"
}

/**
 * Its attempt number `attempt`, from 1, has its limits and runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Running {
  readonly _tag: "Running"
  readonly attempt: number
}

/**
 * It has ended, for good.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ended<out A = unknown, out E = unknown> {
  readonly _tag: "Ended"
  readonly outcome: End<A, E>
}

/**
 * What an engine knows of one run of a job, at one moment.
 *
 * @category models
 * @since 0.1.0
 */
export interface Run {
  readonly id: string
  readonly name: string
  readonly state: State
  readonly priority: TaskGroup.Priority
  readonly needs: Readonly<Record<string, number>>
  readonly labels: Readonly<Record<string, string>>
  readonly key: string | undefined
  /** The ids of the jobs that it refers to. */
  readonly upstream: ReadonlyArray<string>
  /** The run that this one repeats. */
  readonly rerunOf: string | undefined
  /** When its description was made, in milliseconds since the Unix epoch, as all instants here. */
  readonly createdAt: number
  readonly submittedAt: number
  /** When its first attempt started. */
  readonly startedAt: number | undefined
  readonly endedAt: number | undefined
  /** How many attempts have started. */
  readonly attempts: number
  /** Why the attempts before the last one ended, oldest first; the last 16. */
  readonly attemptCauses: ReadonlyArray<Cause.Cause<unknown>>
  /** What it reported last with `Progress.report`. */
  readonly progress: Progress.Report | undefined
}

/**
 * The job that a fiber runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Current {
  readonly id: string
  readonly name: string
  /** The number of the attempt, from 1. It goes on to count after a crash. */
  readonly attempt: number
  /**
   * The fencing token of the engine: larger than that of every engine before it on the same store, 0 without a store. A resource that refuses a token smaller than one that it has seen cannot be changed by an engine that was taken for dead.
   */
  readonly token: number
}

/**
 * Gives the job that the calling fiber runs; nothing outside of jobs.
 *
 * @category getters
 * @since 0.1.0
 */
export const current: Effect.Effect<Option.Option<Current>> = inside.current

/**
 * One submitted job.
 *
 * **Details**
 *
 * What a job holds of the engine's limits is lent to others while it waits for another job of the same engine by `await`, `join` or `cancel`, and taken back before it goes on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handle<out A, out E = never> {
  readonly [references.HandleTypeId]: { readonly _A: (_: never) => A; readonly _E: (_: never) => E }
  readonly id: string
  readonly name: string
  readonly state: State<A, E>
  /** What is known of this run now. */
  readonly run: Run
  /** Waits for its end: after the last attempt, never between two. */
  readonly await: Effect.Effect<End<A, E>>
  /** Waits for its value, or fails with its own error, or with the error that says why there is none. */
  readonly join: Effect.Effect<A, E | JobSkipped | JobCancelled | JobTimedOut | JobLost>
  /** What it has written so far: the last of each output, and where all of it is. */
  readonly output: Effect.Effect<JobOutput>
  /** Asks it to stop, and waits for its end. One that waits ends at once. A job that cancels itself is interrupted at once. */
  readonly cancel: (reason?: unknown) => Effect.Effect<End<A, E>>
  /** Calls back after each change of its state, until the function it gives is called. What it throws is logged. */
  readonly subscribe: (listener: (run: Run) => void) => () => void
}

export {
  /**
   * A joined job gave no value because it was cancelled. Its work may have happened in part unless the outcome is `NotStarted`.
   *
   * @category errors
   * @since 0.1.0
   */
  JobCancelled,
  /**
   * A job that a store keeps failed because its process ended while it ran, and it is not to be tried again. Its work may have happened in part.
   *
   * @category errors
   * @since 0.1.0
   */
  JobLost,
  /**
   * A joined job gave no value because a job that it depends on ended otherwise than it needs. Its work has not started.
   *
   * @category errors
   * @since 0.1.0
   */
  JobSkipped,
  /**
   * A joined job gave no value because its time was over. Its work may have happened in part unless the limit is `queue`.
   *
   * @category errors
   * @since 0.1.0
   */
  JobTimedOut,
  /**
   * Stands for a value that a store keeps and its task cannot read any more, for its schema is another one. Who depends on it fails.
   *
   * @category models
   * @since 0.1.0
   */
  Unreadable
} from "./internal/ends.ts"
import type { JobCancelled, JobLost, JobSkipped, JobTimedOut } from "./internal/ends.ts"

// -------------------------------------------------------------------------------------------------------------------------------------
// References
// -------------------------------------------------------------------------------------------------------------------------------------

/**
 * Another job: its description (then its latest run in the engine is meant), a handle, or an id.
 *
 * @category references
 * @since 0.1.0
 */
export type Ref<A = unknown, E = unknown> = Job<A, E, unknown> | Handle<A, E> | string

/**
 * Stands in an input for the value of another job.
 *
 * @category references
 * @since 0.1.0
 */
export interface ResultOf<out A> {
  readonly [references.ResultTypeId]: { readonly _A: (_: never) => A }
}

/**
 * Stands in an input for the end of another job, however it ends.
 *
 * @category references
 * @since 0.1.0
 */
export interface OutcomeOf<out A, out E> {
  readonly [references.OutcomeTypeId]: { readonly _A: (_: never) => A; readonly _E: (_: never) => E }
}

/**
 * What becomes of an input: each `ResultOf` is the value, each `OutcomeOf` the end, at any depth of arrays, tuples and plain records. All else is handed over as it is.
 *
 * @category references
 * @since 0.1.0
 */
export type Resolved<I> =
  I extends ResultOf<infer A>
    ? A
    : I extends OutcomeOf<infer A, infer E>
      ? End<A, E>
      : I extends Opaque
        ? I
        : I extends ReadonlyArray<unknown>
          ? { readonly [K in keyof I]: Resolved<I[K]> }
          : I extends object
            ? { readonly [K in keyof I]: Resolved<I[K]> }
            : I

type Opaque =
  | ((...args: Array<never>) => unknown)
  | Date
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | RegExp
  | URL
  | Uint8Array
  | Error
  | PromiseLike<unknown>

export {
  /**
   * Puts the value of another job into an input. The job that holds it runs after the other completed, and is skipped if the other ended otherwise.
   *
   * @category references
   * @since 0.1.0
   */
  result,
  /**
   * Puts the end of another job into an input. The job that holds it runs after the other ended, however that was.
   *
   * @category references
   * @since 0.1.0
   */
  outcome,
  /**
   * Depends on another job that ends in one of the ways named.
   *
   * @throws RangeError if a word is none of them
   * @category references
   * @since 0.1.0
   */
  on,
  /**
   * Depends on all of several jobs, each ending in one of the ways named.
   *
   * @category references
   * @since 0.1.0
   */
  afterAll,
  /**
   * Depends on at least one of several jobs ending in one of the ways named.
   *
   * @throws RangeError for no jobs, for that could never hold
   * @category references
   * @since 0.1.0
   */
  afterAny
} from "./internal/references.ts"

/**
 * An end that a dependency may wait for; `"ended"` means any.
 *
 * @category references
 * @since 0.1.0
 */
export type WantedEnd = EndWord | "ended"

/**
 * A dependency: a job that has to complete, or what `on`, `afterAll` and `afterAny` give.
 *
 * @category references
 * @since 0.1.0
 */
export type After = Ref | references.Dependency

// -------------------------------------------------------------------------------------------------------------------------------------
// The description
// -------------------------------------------------------------------------------------------------------------------------------------

export type {
  /**
   * Retries as data.
   *
   * @category models
   * @since 0.1.0
   */
  Backoff,
  /**
   * The options of a job beside its input and its work. Wrong values and unknown names are refused at once by a `RangeError`.
   *
   * @category models
   * @since 0.1.0
   */
  Options
} from "./internal/jobOptions.ts"
import type { Options } from "./internal/jobOptions.ts"

/**
 * A piece of work that an engine can run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Job<out A, out E = never, out R = never> {
  readonly [references.JobTypeId]: { readonly _A: (_: never) => A; readonly _E: (_: never) => E; readonly _R: (_: never) => R }
  readonly name: string
  readonly id: string | undefined
}

/**
 * Describes a job.
 *
 * **Details**
 *
 * `run` is an effect, or a function that gives one. With an `input` it gets that input, the results of other jobs in their places. It runs with the services that are there where the job is submitted.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  /** Describes a job whose work gets an input. */
  <const I, A, E = never, R = never>(
    name: string,
    options: Options<E> & { readonly input: I; readonly run: (input: Resolved<I>) => Effect.Effect<A, E, R> }
  ): Job<A, E, R>
  /** Describes a job without an input. */
  <A, E = never, R = never>(
    name: string,
    options: Options<E> & { readonly input?: undefined; readonly run: Effect.Effect<A, E, R> | (() => Effect.Effect<A, E, R>) }
  ): Job<A, E, R>
} = construct.make as never

/**
 * The payload of a task, with the results of other jobs in any of its places.
 *
 * @category models
 * @since 0.1.0
 */
export type Placed<P> =
  | P
  | ResultOf<P>
  | (P extends Opaque | string | number | boolean | bigint | symbol | null | undefined ? never : { readonly [K in keyof P]: Placed<P[K]> })

/**
 * Describes a job that runs a portable task: in this fiber, or where its `flavour` says. A durable engine keeps such jobs.
 *
 * **Details**
 *
 * A payload without places is kept as the task's schema writes it. One with places is kept as it is, so it has to be plain data beside them: numbers, texts, booleans, `null`, arrays and records.
 *
 * **Example** (A task with the result of another)
 *
 * ```ts
 * import { Engine, Job } from "@skein/engine"
 * import * as Task from "@skein/parallel/Task"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * const Pair = Schema.Struct({ a: Schema.Number, b: Schema.Number })
 * const add = Task.make("add", { payload: Pair, success: Schema.Number, run: ({ a, b }) => Effect.succeed(a + b) })
 *
 * const three = Job.task(add, { a: 1, b: 2 })
 * const ten = Job.task(add, { a: Job.result(three), b: 7 }, { name: "ten" })
 *
 * const program = Effect.gen(function*() {
 *   const engine = yield* Engine.make()
 *   const [, handle] = yield* engine.submitAll([three, ten])
 *   return yield* handle.join
 * })
 * console.log(await Effect.runPromise(Effect.scoped(program))) // => 10
 * ```
 *
 * @throws RangeError if an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const task: <P, A, E>(
  task: Task.Task<P, A, E>,
  payload: Placed<P>,
  options?: Options<E | TaskRunner.TaskRunnerError> & {
    /** @default the name of the task */
    readonly name?: string | undefined
  }
) => Job<A, E | TaskRunner.TaskRunnerError> = construct.task as never

export {
  /**
   * Gives a copy of a description with other options, which may be submitted beside it.
   *
   * @throws RangeError if an option is wrong or unknown
   * @category combinators
   * @since 0.1.0
   */
  with_ as with
}
const with_: <A, E, R>(job: Job<A, E, R>, options: Options<E>) => Job<A, E, R> = construct.withOptions as never
