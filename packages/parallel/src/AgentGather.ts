/**
 * Runs agents and tools for an agent: what finished by the deadline is kept, the rest is stopped and accounted for, and one cap holds for the whole tree of calls.
 *
 * An `AgentGather` owns one limiter and belongs to a `Scope`. Each gather runs in the fiber that calls it and owns its tasks: it returns when all have ended, or when those that were asked to stop have had their
 * grace. When the scope closes, what runs is stopped and awaited, and every later gather fails with `Closed`.
 *
 * The module holds `make`, `layer` and the service `AgentGather`. A ready tool for Effect's AI modules is `AgentToolkit`; the same as plain async functions, for every other framework, is `AgentFunction`.
 *
 * **When to use**
 *
 * Use where an agent starts other agents or slow tools, and an answer with three of four parts is better than none. For work of your own code without names, resuming and words for a model, `ParallelExecutor` and
 * `parallelGather` are simpler.
 *
 * **Details**
 *
 * A gather gives an `Account`: a report for each task in input order, and a `text` for the model that says what finished, what did not and why.
 *
 * | limit | default | what happens then |
 * | --- | --- | --- |
 * | `concurrency` | 8, over the whole tree | tasks wait for their turn; no clock of theirs runs |
 * | `timeout` | 60 s for each gather | nothing more starts, what runs is stopped, the gather returns what it has |
 * | `taskTimeout` | none | that task is stopped; its clock runs from its start |
 * | `grace` | 5 s | a task that does not stop is left behind, listed as abandoned, and keeps its place until it ends |
 *
 * With `resume`, each result is written to the store as soon as it is there, under the key, the task's id, its agent and its input. Another run with the same key takes what is there and runs the rest. Gathers that tasks
 * make keep theirs under the same key; a result built on calls of which some did not finish is given, marked (`missing`), and not kept, so that the next run goes down to what is missing.
 *
 * **Guarantees**
 *
 * - Ownership: no task outlives its gather, but for those that are listed as abandoned.
 * - Interruption: interrupting a gather interrupts each of its tasks once and waits for them up to the grace. `cancel` does that to one task and nobody else.
 * - Failure: a failing, crashing or hanging task is a report. A gather fails only if it could not begin, or was cut short by closing; what it had is then in `Closed`.
 * - Order: tasks start in input order; gathers take turns, as the calls of a `ParallelExecutor` do.
 * - Bounds: at most `concurrency` tasks run in the whole tree; a task that waits for a gather of its own counts as waiting. The text is bounded by `textLimit`.
 * - Nesting: a task may gather at any depth, whatever it waits with. Deadlines are answered from the inside out: each level has a second to use what the level below it had.
 * - Resume: a value is kept before its task's place in the account is; interrupting or killing the run loses only what had not finished. A store that fails, hangs or holds rubbish costs no result: the account notes it.
 * - Cost: two calls, two fibers and a permit for each task.
 *
 * **Gotchas**
 *
 * An agent that goes on working while a gather of its own runs in the background shares one place with it.
 *
 * Only what JSON keeps is kept for another run: a `Map`, a `Date` or a class instance is not, and the account says so. Id, agent and input must say all that a result depends on: a task with the same ones is not run
 * again. In gathers inside of a kept task only those with an input are kept.
 *
 * Work that cannot be interrupted goes on after the grace, and so does a promise that ignores its signal. It is listed, and holds its permit.
 *
 * **Example** (Keeping what finished)
 *
 * ```ts
 * import * as AgentGather from "@skein/parallel/AgentGather"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const agents = yield* AgentGather.make({ concurrency: 4, timeout: "50 millis" })
 *   const account = yield* agents.gather([
 *     { id: "trees", run: Effect.succeed("Oaks grow old.") },
 *     { id: "birds", run: Effect.never },
 *     { id: "bugs", run: Effect.fail(new Error("no route to the archive")) }
 *   ])
 *   console.log(account.values) // => [ 'Oaks grow old.' ]
 *   console.log(account.completed, account.missing) // => 1 2
 *   for (const { id, why } of account.unfinished) console.log(`${id}: ${why}`) // => birds: still running when the time was over, and stopped, bugs: failed: no route to the archive
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 0.1.0
 */
import type * as GatherResult from "@skein/core/GatherResult"
import type * as Limiter from "@skein/core/Limiter"
import type * as Outcome from "@skein/core/Outcome"
import type * as Settings from "@skein/core/Settings"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { KeyValueStore } from "effect/persistence/KeyValueStore"
import * as Scope from "effect/Scope"
import type { AgentGatherError } from "./internal/agentError.ts"
import { Gatherer } from "./internal/agentGatherer.ts"
import { defaultsOf } from "./internal/agentOptions.ts"

export {
  /**
   * A gather could not begin, was cut short by closing, or there was nothing to cancel. `message` says it in words that a model can act on. In all cases but `Closed` with an account nothing has started, and
   * another call is safe.
   *
   * @category errors
   * @since 0.1.0
   */
  AgentGatherError
} from "./internal/agentError.ts"

/**
 * What stood in the way.
 *
 * | tag | meaning |
 * | --- | --- |
 * | `NoTasks` | a tool was called without tasks |
 * | `TooManyTasks` | more than `maxTasks` |
 * | `DuplicateId` | two tasks of one gather have the same id |
 * | `UnknownAgent` | no such name in the registry |
 * | `NoSuchTask` | `cancel` found no task of that name, or several: `known` holds the paths that may be meant |
 * | `Closed` | the scope is closed; `account` is what the gather had, `undefined` if it never began |
 *
 * @category errors
 * @since 0.1.0
 */
export type Reason =
  | { readonly _tag: "NoTasks" }
  | { readonly _tag: "TooManyTasks"; readonly max: number; readonly got: number }
  | { readonly _tag: "DuplicateId"; readonly id: string }
  | { readonly _tag: "UnknownAgent"; readonly agent: string; readonly known: ReadonlyArray<string> }
  | { readonly _tag: "NoSuchTask"; readonly id: string; readonly known: ReadonlyArray<string> }
  | { readonly _tag: "Closed"; readonly account: Account | undefined }

/**
 * One task of a gather.
 *
 * @category models
 * @since 0.1.0
 */
export interface Task<out Eff extends Effect.Effect<any, any, any> = Effect.Effect<any, any, any>> {
  /**
   * Names the task among those of its gather, in the account, for `cancel` and in the store.
   *
   * @default the agent's name, or "task", and its position from 1: `reader-2`
   */
  readonly id?: string | undefined
  /**
   * Who does it.
   *
   * @default none
   */
  readonly agent?: string | undefined
  /**
   * What the result depends on besides the id: a changed input is run again. Anything that JSON can hold.
   *
   * @default none
   */
  readonly input?: unknown
  readonly run: Eff
}

/**
 * Where results are kept: a `KeyValueStore`, of which two operations are used. Give several users or programs their own part of it with `KeyValueStore.prefix`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Store extends Pick<KeyValueStore, "get" | "set"> {}

/**
 * How a gather for agents is made. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category options
 * @since 0.1.0
 */
export interface MakeOptions {
  /**
   * How many tasks run at once in all gathers: a whole number of at least 1.
   *
   * @default 8
   */
  readonly concurrency?: number | undefined
  /**
   * Time for a gather, reading the store included. The tighter of this and what is left of the gather around it counts.
   *
   * @default "60 seconds"
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * Time for a task, from its start over all its attempts.
   *
   * @default none
   */
  readonly taskTimeout?: Duration.Input | undefined
  /**
   * Time for one attempt of a task.
   *
   * @default none
   */
  readonly attemptTimeout?: Duration.Input | undefined
  /**
   * How long a task that was asked to stop may take for it.
   *
   * @default "5 seconds"
   */
  readonly grace?: Duration.Input | undefined
  /**
   * When to try a failed task again. A task that waits for its next attempt holds no permit.
   *
   * @default never
   */
  readonly retry?: Settings.RetryOptions<unknown> | undefined
  /**
   * Where results are kept for gathers with a `resume` key.
   *
   * @default none
   */
  readonly store?: Store | undefined
  /**
   * How long the store may take for one answer before the gather goes on without it: above 0.
   *
   * @default "5 seconds"
   */
  readonly storeTimeout?: Duration.Input | undefined
  /**
   * How many tasks one gather may have: a whole number of at least 1.
   *
   * @default 100
   */
  readonly maxTasks?: number | undefined
  /**
   * How long the text of an account may be, in characters: a whole number of at least 200. Long values are cut, and where there are very many tasks the rest is counted.
   *
   * @default 8000
   */
  readonly textLimit?: number | undefined
  /**
   * Names the limit in dumps and reports, and gathers that have no name of their own.
   *
   * @default none
   */
  readonly name?: string | undefined
}

/**
 * The options of one gather: those of `make` override its own, and `undefined` is the default.
 *
 * @category options
 * @since 0.1.0
 */
export interface GatherOptions<in A = never, in E = never> extends Pick<
  MakeOptions,
  "timeout" | "taskTimeout" | "attemptTimeout" | "grace" | "retry" | "name"
> {
  /**
   * How many tasks of this gather run at once: a whole number of at least 1, or `"unbounded"`, which is up to the common limit.
   *
   * @default "unbounded"
   */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * Ends the gather with what it has: an `AbortSignal`, or an effect that ends.
   *
   * @default never
   */
  readonly stop?: AbortSignal | Effect.Effect<unknown> | undefined
  /**
   * Keeps each result under this key, and takes what an earlier run has kept. Below a task that is kept it adds to that one's key.
   *
   * @default the key of the task around it; none outside
   */
  readonly resume?: string | undefined
  /** Sees each report as soon as its task has ended. What it throws is logged and changes nothing. */
  readonly onReport?: ((report: Report<A, E>) => void) | undefined
}

/**
 * What became of one task.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report<out A = unknown, out E = unknown> {
  readonly id: string
  /** The ids from the outermost gather to this task, with slashes between. */
  readonly path: string
  readonly agent: string | undefined
  readonly status: Outcome.Status
  /** In words: `timed out after 5s`, `failed: …`, `cancelled: …`, `never started: …`. At most some 400 characters. */
  readonly why: string
  /** The value or cause, the clocks, the attempts. A resumed task has made no attempt. */
  readonly outcome: Outcome.Outcome<A, E>
  /** An earlier run had finished it. */
  readonly resumed: boolean
  /** The store has it: another run with the same key does not run it. */
  readonly kept: boolean
  /** How many tasks of its own gathers did not finish. */
  readonly missing: number
}

/**
 * A task that had not ended when its grace was over. `await` waits for its real end.
 *
 * @category models
 * @since 0.1.0
 */
export interface Abandoned<out A = unknown, out E = unknown> extends Pick<GatherResult.Abandoned<A, E>, "await"> {
  readonly id: string
  readonly path: string
}

/**
 * What became of all tasks of a gather.
 *
 * @category models
 * @since 0.1.0
 */
export interface Account<out A = unknown, out E = unknown> {
  /** For the model: what finished, what did not and why, and how to run what is missing. Without times of the clock: the same ends give the same text. */
  readonly text: string
  readonly total: number
  /** How many gave a value. */
  readonly completed: number
  /** How many another run with the same `resume` key has to run: those that did not finish, and those built on calls that did not. */
  readonly missing: number
  /** One for each task, in input order. */
  readonly reports: ReadonlyArray<Report<A, E>>
  /** Those that gave a value. */
  readonly finished: ReadonlyArray<Report<A, E>>
  /** Those that did not. */
  readonly unfinished: ReadonlyArray<Report<A, E>>
  /** The values of those that finished, in input order. */
  readonly values: ReadonlyArray<A>
  /** What went wrong beside the tasks: results that could not be read or kept. */
  readonly notes: ReadonlyArray<string>
  readonly resume: string | undefined
  /** From the call to its return. */
  readonly elapsed: Duration.Duration
  /** Tasks that did not stop within the grace. */
  readonly abandoned: ReadonlyArray<Abandoned<A, E>>
}

/**
 * What a gather for agents does at this moment, and has done.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  /** How many tasks may run at once. */
  readonly permits: number
  /** Permits in use: tasks that run, those that wait for a gather of their own with it not counted twice. */
  readonly running: number
  /** Tasks that wait for a permit. */
  readonly waiting: number
  /** The most permits ever in use. */
  readonly peak: number
  /** Tasks that were asked to stop, whose gather is over, and that have not ended. */
  readonly abandoned: number
  /** Gathers that run. */
  readonly gathers: number
  /** How tasks have ended so far; `resumed` ones are in no other number. */
  readonly tasks: Readonly<Record<"completed" | "failed" | "timedOut" | "cancelled" | "notStarted" | "resumed", number>>
  readonly closed: boolean
}

/**
 * A gather for agents.
 *
 * @category models
 * @since 0.1.0
 */
export interface AgentGather {
  readonly name: string | undefined
  /** The limit of the tree, to `resize` or `pause` it, and for work that is no task. */
  readonly limiter: Limiter.Limiter
  /** Runs tasks and gives an account of them. No tasks give an empty account. */
  readonly gather: <const T extends Task>(
    tasks: Iterable<T>,
    options?: GatherOptions<Effect.Success<T["run"]>, Effect.Error<T["run"]>>
  ) => Effect.Effect<Account<Effect.Success<T["run"]>, Effect.Error<T["run"]>>, AgentGatherError, Effect.Services<T["run"]>>
  /**
   * Stops one task of a gather that runs, and waits for its report; the others go on. `id` is its path, or its id where only one task has that. One that has ended keeps its report. A task that cancels itself is
   * interrupted.
   */
  readonly cancel: (id: string, reason?: unknown) => Effect.Effect<Report, AgentGatherError>
  readonly stats: Effect.Effect<Stats>
}

/**
 * The gather for agents of a program, as a service.
 *
 * @category services
 * @since 0.1.0
 */
export const AgentGather: Context.Service<AgentGather, AgentGather> = Context.Service("@skein/parallel/AgentGather")

/**
 * Makes a gather for agents that lives as long as the scope.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const make = (options?: MakeOptions): Effect.Effect<AgentGather, never, Scope.Scope> => {
  const defaults = defaultsOf("AgentGather.make", options)
  return Effect.flatMap(Effect.scope, (scope) =>
    Effect.suspend(() => {
      const gatherer = new Gatherer(defaults)
      return Effect.as(Scope.addFinalizer(scope, gatherer.close), gatherer)
    })
  )
}

/**
 * Provides a gather for agents that lives as long as the layer.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: MakeOptions): Layer.Layer<AgentGather> => Layer.effect(AgentGather, make(options))
