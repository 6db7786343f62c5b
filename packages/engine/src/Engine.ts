/**
 * Runs jobs that depend on each other, wait for conditions and share limits.
 *
 * An engine owns all that it runs. It lives in a `Scope`: when the scope closes nothing new starts, what is there is drained or interrupted as `onClose` says, and the close ends after the last job has ended (or was abandoned after
 * the grace). Any number of engines may live side by side; there is none by default.
 *
 * **When to use**
 *
 * Use an engine for work that is a graph, that waits for times or states of the world, or that is to be watched, cancelled and repeated while the program goes on. For work that ends with the call that started it use `TaskGroup`.
 *
 * **Guarantees**
 *
 * - Ownership: no job outlives the engine, abandoned ones aside. After the close `submit` fails with `Closed`.
 * - Interruption: whoever waits may be interrupted at any step; the job goes on. A job is interrupted by `cancel`, by its time limits and by the close, once, and its cleanup is waited for up to `grace`.
 * - Failure: each run ends exactly once. What a job does, dies of or throws concerns its own dependents only, and observers change nothing.
 * - Order: first in, first out among jobs of one priority with the same needs. A job that waits for a scarce limit does not hold up jobs that need others, and nobody who needs that limit overtakes it.
 * - Fairness: a higher priority may starve a lower one.
 * - Bounds: what runs never takes more of a limit than there is, across `resize`; abandoned jobs keep what they took until they really end.
 * - Durability: with a store, a job is recorded before `submit` answers, an attempt before its work begins, an end before anybody is told of it. Whoever opens the store after a crash finds all of it, and runs no recorded end again; what had begun and not ended is tried again, or ends as `JobLost`, as the job's
 *   `onLost` says. An engine whose store fails stops (`awaitFailure`).
 * - Cost: a waiting job is a record, no fiber unless it waits for a condition, and no timer. O(1) to submit and to end, O(distinct needs) to choose who starts.
 *
 * **Gotchas**
 *
 * What a store keeps is data: tasks and commands with their inputs, and no functions. Others are refused (`NotStorable`) unless they are `ephemeral`.
 *
 * A job that waits for another job of its own engine lends what it holds of the limits until it goes on. What must not be shared even then (the memory of a graphics card) is better held by a `Limiter` of one's own.
 *
 * A job that needs two limits may wait for long where others need only the one or only the other and these are free by turns. What is always needed together is better made one limit.
 *
 * **Example** (Running a small graph under a limit)
 *
 * ```ts
 * import { Engine, Job } from "@skein/engine"
 * import * as Effect from "effect/Effect"
 *
 * const compile = Job.make("compile", { run: Effect.succeed("app.js") })
 * const test = Job.make("test", { after: compile, run: Effect.fail("2 of 30 tests failed") })
 * const publish = Job.make("publish", { after: [compile, test], run: Effect.void })
 *
 * const program = Effect.gen(function*() {
 *   const engine = yield* Engine.make({ limits: { jobs: 2 } })
 *   const { publish: published } = yield* engine.submitAll({ compile, test, publish })
 *   const end = yield* published.await
 *   return end._tag === "Skipped" ? Job.formatBecause(end.because) : end.status
 * })
 *
 * console.log(await Effect.runPromise(Effect.scoped(program))) // => "test" failed: 2 of 30 tests failed
 * ```
 *
 * @since 0.1.0
 */
import type * as Task from "@skein/parallel/Task"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Graph from "./Graph.ts"
import * as internal from "./internal/engine.ts"
import type { StateNotReached, SubmitError } from "./internal/errors.ts"
import type * as Job from "./Job.ts"
import type { JobStore, Json, StoreError } from "./JobStore.ts"

/**
 * The options of an engine. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * How much there is of each limit: whole numbers of at least 1, or `"unbounded"`. `jobs` is what every job takes 1 of. A job that needs a limit which is not listed is refused.
   *
   * @default { jobs: "unbounded" }
   */
  readonly limits?: Limits | undefined
  /**
   * What closing the scope does: it interrupts what runs, or lets that finish, and gives up what waits; or it drains, which lets all of it end first, and only jobs of the engine itself may submit meanwhile.
   *
   * What is given up waits on in the engine's store, where there is one. So does what was interrupted, if its `onLost` is `"resume"`.
   *
   * @default "interrupt"
   */
  readonly onClose?: "interrupt" | "finish" | "drain" | undefined
  /**
   * How long a job that was asked to stop may take for its cleanup before it is abandoned.
   *
   * @default unlimited, as in Effect
   */
  readonly grace?: Duration.Input | undefined
  /**
   * How many ended runs can still be found by their id; the oldest are forgotten, by the store too, unless others that have not ended depend on them. Handles keep what they have.
   *
   * @default 10_000
   */
  readonly retention?: number | undefined
  /**
   * Names the engine in logs and dumps.
   *
   * @default none
   */
  readonly name?: string | undefined
  /**
   * Where the tasks of jobs run that name a flavour: layers of a `TaskRunner` by name, built with the engine. Each name is that of a limit too, which has no bound unless `limits` gives it one.
   *
   * @default none
   */
  readonly flavours?: Readonly<Record<string, Layer.Layer<never>>> | undefined
  /**
   * Where jobs are kept, so that they survive this process. The engine owns it until its scope is closed, and runs what it finds there.
   *
   * @default none: jobs live in memory
   */
  readonly store?: JobStore | undefined
  /**
   * Tasks that stored jobs may name. Others are loaded from their modules, which must be the program's own: who may write to the store decides what is loaded.
   *
   * @default none
   */
  readonly tasks?: ReadonlyArray<Task.Task<never, unknown, unknown>> | undefined
  /**
   * The folder in which each run that writes something has a folder of its own, with `stdout.txt`, `stderr.txt`, `log.txt`, and what its commands are told to write there. It goes when the run is forgotten. A folder is for one engine at a time, as a store is.
   *
   * @default none: what runs write is kept in memory, as far as `outputTail` goes
   */
  readonly directory?: string | undefined
  /**
   * How much of the end of each of a run's outputs is kept in memory, in bytes.
   *
   * @default 65_536
   */
  readonly outputTail?: number | undefined
  /** Sees each change of a run's state. What it throws is logged and changes nothing. */
  readonly onChange?: ((run: Job.Run) => void) | undefined
  /** Sees each run whose job reports progress with `Progress.report`. What it throws is logged and changes nothing. */
  readonly onProgress?: ((run: Job.Run) => void) | undefined
}

/**
 * Limits by name.
 *
 * @category models
 * @since 0.1.0
 */
export type Limits = Readonly<Record<string, number | "unbounded">>

/**
 * Chooses runs: all that is said must hold, an empty filter chooses every run that is kept.
 *
 * @category models
 * @since 0.1.0
 */
export interface Filter {
  readonly name?: string | undefined
  /** One word or several for how it stands or ended. */
  readonly state?: StateWord | ReadonlyArray<StateWord> | undefined
  /** Each of these labels with its value. */
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly key?: string | undefined
  /** When it was submitted. */
  readonly submitted?: Range | undefined
  /** When it ended. One that has not ended is not chosen. */
  readonly ended?: Range | undefined
}

/**
 * A range of instants: the first belongs to it, the second does not.
 *
 * @category models
 * @since 0.1.0
 */
export interface Range {
  readonly from?: DateTime.DateTime.Input | undefined
  readonly to?: DateTime.DateTime.Input | undefined
}

/**
 * How a run stands, in one word; `ended` means any end.
 *
 * @category models
 * @since 0.1.0
 */
export type StateWord = "waiting" | "running" | "ended" | Job.EndWord

/**
 * An engine.
 *
 * @category models
 * @since 0.1.0
 */
export interface Engine {
  readonly name: string | undefined
  /** Takes a job and gives its handle. Never waits for a place; the job starts in a later turn. */
  readonly submit: <A, E, R>(job: Job.Job<A, E, R>) => Effect.Effect<Job.Handle<A, E>, SubmitError, R>
  /** Takes several jobs, which may refer to each other in any order, all or none. */
  readonly submitAll: <
    const Jobs extends ReadonlyArray<Job.Job<unknown, unknown, unknown>> | Readonly<Record<string, Job.Job<unknown, unknown, unknown>>>
  >(
    jobs: Jobs
  ) => Effect.Effect<HandlesOf<Jobs>, SubmitError, ServicesOf<Jobs[keyof Jobs]>>
  /** Finds a run by its id. */
  readonly get: (id: string) => Effect.Effect<Option.Option<Job.Handle<unknown, unknown>>>
  /** Lists the runs that are kept, in the order in which they were submitted. */
  readonly list: (filter?: Filter) => Effect.Effect<ReadonlyArray<Job.Run>>
  /** Cancels what has not ended of one id or of a filter, waits until each has ended, and gives how many there were. */
  readonly cancel: (which: string | Filter, reason?: unknown) => Effect.Effect<number>
  /** Runs a job again that has ended: a new run, with what its upstream jobs give now. */
  readonly rerun: <A = unknown, E = unknown>(which: Job.Handle<A, E> | string) => Effect.Effect<Job.Handle<A, E>, SubmitError>
  /** Forgets runs that have ended, all of a filter, and gives how many there were. One that a job which has not ended depends on stays. */
  readonly prune: (filter?: Filter) => Effect.Effect<number, StoreError>
  /** Starts nothing more and interrupts what runs, as the close does, and waits for the ends. */
  readonly interrupt: Effect.Effect<void>
  /** Changes limits. A smaller one stops nobody: what runs ends first. Limits that are not named stay as they are. */
  readonly resize: (limits: Limits) => Effect.Effect<void>
  readonly stats: Effect.Effect<Stats>
  /** What is kept under a name beside the jobs, in the store where there is one: what a schedule has to know after a restart. */
  readonly memory: (name: string) => Memory
  /** Waits until every job has ended, those that others have asked for by the engine's store among them. */
  readonly awaitIdle: Effect.Effect<void>
  /** Waits until the store has failed, and gives why: the engine has stopped then, and its jobs are interrupted, for how they end could not be kept. Never ends otherwise. */
  readonly awaitFailure: Effect.Effect<StoreError>
  /** Waits until the close of the engine's scope is over. */
  readonly awaitClosed: Effect.Effect<void>
  /** Waits until a run stands so; fails if it ends otherwise or the time is over. */
  readonly awaitState: (
    which: Job.Handle<unknown, unknown> | string,
    state: StateWord,
    options?: { readonly within?: Duration.Input | undefined }
  ) => Effect.Effect<Job.Run, StateNotReached>
  /** Gives the runs that are kept and what depends on what. */
  readonly graph: Effect.Effect<Graph.Graph>
  /** Gives what has not ended and what each waits for. `format(dump)` makes text of it. */
  readonly dump: Effect.Effect<Dump>
  /** Calls back after each change of a run's state, until the function it gives is called. What it throws is logged. */
  readonly subscribe: (listener: (run: Job.Run) => void) => () => void
}

/**
 * Keeps one value of JSON.
 *
 * @category models
 * @since 0.1.0
 */
export interface Memory {
  readonly load: Effect.Effect<Json | undefined>
  /** Keeps a value in the place of the last one, or none. It is kept when this is done. */
  readonly save: (value: Json | undefined) => Effect.Effect<void, StoreError>
}

/**
 * The handles of several jobs, in their places.
 *
 * @category models
 * @since 0.1.0
 */
export type HandlesOf<Jobs> = {
  readonly [K in keyof Jobs]: Jobs[K] extends Job.Job<infer A, infer E, infer _R> ? Job.Handle<A, E> : never
}

/**
 * The services of a job.
 *
 * @category models
 * @since 0.1.0
 */
export type ServicesOf<J> = J extends Job.Job<infer _A, infer _E, infer R> ? R : never

/**
 * What an engine is doing right now.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  readonly waiting: { readonly upstream: number; readonly condition: number; readonly limit: number; readonly retry: number }
  /** Jobs that run, those that wait for another job inside and have lent what they hold among them. */
  readonly running: number
  /** Jobs that did not end within the grace and have still not ended. */
  readonly abandoned: number
  /** How many have ended so far, by word. */
  readonly ended: Readonly<Record<Job.EndWord, number>>
  readonly limits: Readonly<Record<string, { readonly limit: number; readonly used: number }>>
}

/**
 * What has not ended in an engine.
 *
 * @category models
 * @since 0.1.0
 */
export interface Dump {
  readonly name: string | undefined
  readonly limits: Stats["limits"]
  readonly jobs: ReadonlyArray<{
    readonly id: string
    readonly name: string
    readonly state: string
    readonly waitsFor: string | undefined
  }>
}

export {
  /**
   * A job waits in a circle for itself: a defect of who called `await`, `join`, `cancel` or `awaitIdle`, with the circle written out.
   *
   * @category errors
   * @since 0.1.0
   */
  JobCycle,
  /**
   * A run was not found, ended otherwise, or did not stand so in time. Says nothing of its work; to wait again is safe.
   *
   * @category errors
   * @since 0.1.0
   */
  StateNotReached,
  /**
   * An engine did not take a job, or none of several. Nothing of it has started. `reason` says why.
   *
   * @category errors
   * @since 0.1.0
   */
  SubmitError
} from "./internal/errors.ts"

export type {
  /**
   * Why a job was not taken.
   *
   * | tag | meaning | again |
   * | --- | --- | --- |
   * | `UnknownJob` | it refers to a job that the engine does not have | after that one was submitted |
   * | `Cycle` | jobs wait for each other; `path` names them, the first again at the end | never |
   * | `DuplicateId` | another run has that id | with another id |
   * | `AlreadyRunning` | its last run has not ended | after that |
   * | `NeverHolds` | its condition cannot hold at any time from now on | never |
   * | `NotStorable` | the engine has a store, and the job is no data; `why` says what is not | with `durability: "ephemeral"` |
   * | `UnknownFlavour` | the engine has no such flavour | never |
   * | `NeverFits` | it needs more of a limit than there is | after a `resize` |
   * | `UnknownLimit` | it needs a limit that the engine does not have | never |
   * | `Closed` | the engine is closing or closed | never |
   * | `NotRecorded` | the journal could not take it | as the journal's error says |
   *
   * @category errors
   * @since 0.1.0
   */
  SubmitReason
} from "./internal/errors.ts"

/**
 * The service of an engine, for programs that have one.
 *
 * @category services
 * @since 0.1.0
 */
export const Engine: Context.Service<Engine, Engine> = Context.Service<Engine>("@skein/engine/Engine")

/**
 * Makes an engine that lives in a `Scope`.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  /** Makes an engine in memory. */
  (options?: Options & { readonly store?: undefined }): Effect.Effect<Engine, never, Scope.Scope>
  /** Makes an engine that keeps its jobs in a store, and goes on with what it finds there. */
  (options: Options): Effect.Effect<Engine, StoreError, Scope.Scope>
} = (options?: Options) => internal.make("Engine.make", options) as never

/**
 * Provides an engine as the service `Engine`.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category layers
 * @since 0.1.0
 */
export const layer: {
  /** Provides an engine in memory. */
  (options?: Options & { readonly store?: undefined }): Layer.Layer<Engine>
  /** Provides an engine that keeps its jobs in a store. */
  (options: Options): Layer.Layer<Engine, StoreError>
} = (options?: Options) => Layer.effect(Engine, internal.make("Engine.layer", options)) as never

export {
  /**
   * Writes a dump as text, one job a line.
   *
   * @category formatting
   * @since 0.1.0
   */
  format
} from "./internal/dump.ts"
