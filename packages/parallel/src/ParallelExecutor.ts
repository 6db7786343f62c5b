/**
 * Runs gathers, maps and fan-outs of a whole program under one shared limit.
 *
 * A `ParallelExecutor` owns one limiter and belongs to a `Scope`. Its calls run in the fibers that make them and own their tasks as `parallelMap` does. When the scope closes, calls that still run are stopped, their tasks
 * interrupted and awaited, and from then on every call fails with `ExecutorClosed`.
 *
 * The module holds `make`, `layer`, the service `ParallelExecutor`, and `ExecutorClosed`. Calls that are streams, and its stats as a stream, are an entry of their own, `ParallelExecutorStream`.
 *
 * **When to use**
 *
 * Use to share one bound, and settings, between calls that do not know of each other: everything that asks one API, or the tree of calls of an agent that starts agents. For a single call `parallelMap` with
 * `concurrency` is enough.
 *
 * **Details**
 *
 * The options of `make` are the defaults of each call; those of a call override them one by one. An option that is `undefined` means the default: a call without a time limit has `timeout: "Infinity"`, one without
 * retries `retry: { times: 0 }`. `concurrency` of a call is what it may take of the shared limit, by default all of it.
 *
 * **Guarantees**
 *
 * - Ownership: no task outlives its call, and no call its executor. Closing waits for the calls it stops, except for those it is called from inside of.
 * - Interruption: as in `parallelMap`; interrupting a caller concerns nobody else.
 * - Failure: a call that closing cut short fails with `ExecutorClosed`, which holds what it had; one that was complete succeeds. `fanOut` gives what its joiner makes of it.
 * - Order: tasks of different calls take turns, first come, first served. A call has at most as many tasks in line as there are permits, so one of 3 behind one of 10,000 waits for a turn or two, not for 10,000 tasks.
 * - Bounds: at most `concurrency` tasks run over all calls, abandoned ones counted.
 * - Nesting: a task may call its own executor, at any depth: it lends its permit to one task of the inner call at a time while it waits for it.
 * - Cost: that of a call of `parallelMap` with a `limiter`.
 *
 * **Gotchas**
 *
 * Priority decides among tasks that stand in line. A call of `priority: "high"` has twice as many places as there are permits, so that it always has a task in line, and all others wait until it is done; the time in which a task stands behind its
 * own siblings counts for `queueTimeout`. A call of normal priority has nobody in line when one of its tasks ends, so a low one gets that turn; with `concurrency: "unbounded"` it has as many places as a high one.
 *
 * A task that waits for an inner call by other means than waiting for its fiber (through a `Deferred` or a `Queue`) does not lend its permit. With a limit of 1 that hangs.
 *
 * **Example** (One limit for two calls)
 *
 * ```ts
 * import { GatherResult } from "@skein/core"
 * import { ParallelExecutor } from "@skein/parallel"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const executor = yield* ParallelExecutor.make({ concurrency: 2, name: "api" })
 *   const fetchUser = (id: number) => Effect.as(Effect.sleep(5), `user ${id}`)
 *   const [users, admins] = yield* Effect.all([
 *     executor.map([1, 2, 3], fetchUser),
 *     executor.map([7, 8], fetchUser)
 *   ], { concurrency: 2 })
 *   console.log(GatherResult.values(users)) // => [ 'user 1', 'user 2', 'user 3' ]
 *   console.log(GatherResult.values(admins)) // => [ 'user 7', 'user 8' ]
 *   const { peak, tasks } = yield* executor.stats
 *   console.log(peak, tasks.completed) // => 2 5
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 0.1.0
 */
import type * as GatherResult from "@skein/core/GatherResult"
import type * as Limiter from "@skein/core/Limiter"
import type * as Settings from "@skein/core/Settings"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { FanOutOptions } from "./fanOut.ts"
import { defaultsOf, Executor } from "./internal/executorCalls.ts"
import type { Joiner } from "./Joiner.ts"
import type { GatherTimeout, ItemOf, MapOptions, Options, Source, SourceError, SourceServices } from "./Options.ts"
import type { EffectsOf, Outcomes } from "./parallelGather.ts"

/**
 * The executor is closed. `partial` holds what a call had that was cut short; where there is none, nothing of the call has started. To try again takes another executor.
 *
 * @category errors
 * @since 0.1.0
 */
export class ExecutorClosed extends Data.TaggedError("ExecutorClosed")<{
  readonly executor: string | undefined
  readonly partial: GatherResult.GatherResult<unknown, unknown, unknown> | undefined
  /** How many items a stream had pulled; their outcomes have gone to its reader, so `partial` has none. */
  readonly pulled?: number | undefined
}> {
  override get message(): string {
    const { executor, partial, pulled } = this
    const had =
      partial === undefined
        ? "nothing has started"
        : pulled === undefined
          ? `${partial.completed} of ${partial.total} tasks had completed`
          : `its stream had pulled ${pulled} items`
    return `executor${executor === undefined ? "" : ` ${JSON.stringify(executor)}`} is closed; ${had}`
  }
}

/**
 * How an executor is made: its limit, and what its calls do unless they say otherwise.
 *
 * @category options
 * @since 0.1.0
 */
export interface MakeOptions extends Pick<
  Options<never, never>,
  "timeout" | "taskTimeout" | "attemptTimeout" | "queueTimeout" | "grace" | "span" | "metrics"
> {
  /**
   * How many tasks run at once over all calls: a whole number of at least 1.
   *
   * @default 8
   */
  readonly concurrency?: number | undefined
  /**
   * Names the executor and its limit in errors, logs and dumps; and calls that have no name of their own.
   *
   * @default none
   */
  readonly name?: string | undefined
  /** @default never */
  readonly retry?: Settings.RetryOptions<unknown> | undefined
}

/**
 * The options of one call: those of `parallelMap` but `limiter`, which is the executor's own.
 *
 * @category options
 * @since 0.1.0
 */
export interface CallOptions<
  in A,
  in E,
  F extends "isolate" | "interrupt" = "isolate",
  D extends "partial" | "fail" = "partial"
> extends Omit<Options<A, E, F, D>, "limiter"> {}

/**
 * The options of a `map`: those of `parallelMap` but `limiter`.
 *
 * @category options
 * @since 0.1.0
 */
export interface CallMapOptions<
  in T,
  in A,
  in E,
  F extends "isolate" | "interrupt" = "isolate",
  D extends "partial" | "fail" = "partial"
> extends Omit<MapOptions<T, A, E, F, D>, "limiter"> {}

/**
 * What an executor does at this moment, and has done.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  /** How many tasks may run at once. */
  readonly permits: number
  /** Tasks that run. */
  readonly running: number
  /** Tasks that were pulled and wait for a permit. */
  readonly waiting: number
  /** The most tasks that ever ran at once. */
  readonly peak: number
  /** Tasks that were told to stop, whose call is over, and that have not ended. */
  readonly abandoned: number
  /** Calls that run. */
  readonly calls: number
  /** How the tasks of all calls have ended so far. */
  readonly tasks: Readonly<Record<"completed" | "failed" | "timedOut" | "cancelled" | "notStarted", number>>
  readonly closed: boolean
}

/**
 * A bound and settings that many calls share.
 *
 * @category models
 * @since 0.1.0
 */
export interface ParallelExecutor {
  readonly name: string | undefined
  /** The shared limit, to `resize` or `pause` it, and for work that is no call of the executor. It outlives the executor. */
  readonly limiter: Limiter.Limiter
  /** As `parallelGather`. */
  readonly gather: <
    const Input extends Source<Effect.Effect<any, any, any>> | Readonly<Record<string, Effect.Effect<any, any, any>>>,
    F extends "isolate" | "interrupt" = "isolate",
    D extends "partial" | "fail" = "partial"
  >(
    effects: Input,
    options?: CallOptions<Effect.Success<EffectsOf<NoInfer<Input>>>, Effect.Error<EffectsOf<NoInfer<Input>>>, F, D>
  ) => Effect.Effect<
    GatherResult.GatherResult<Effect.Success<EffectsOf<Input>>, Effect.Error<EffectsOf<Input>>, Outcomes<Input>>,
    | Failure<Effect.Success<EffectsOf<Input>>, Effect.Error<EffectsOf<Input>>, F, D>
    | SourceError<Input, Effect.Success<EffectsOf<Input>>, Effect.Error<EffectsOf<Input>>>,
    Effect.Services<EffectsOf<Input>> | SourceServices<Input>
  >
  /** As `parallelMap`. */
  readonly map: <
    Items extends Source<unknown>,
    A,
    E,
    R,
    F extends "isolate" | "interrupt" = "isolate",
    D extends "partial" | "fail" = "partial"
  >(
    items: Items,
    f: (item: ItemOf<Items>, index: number) => Effect.Effect<A, E, R>,
    options?: CallMapOptions<ItemOf<Items>, NoInfer<A>, NoInfer<E>, F, D>
  ) => Effect.Effect<GatherResult.GatherResult<A, E>, Failure<A, E, F, D> | SourceError<Items, A, E>, R | SourceServices<Items>>
  /** As `fanOut`. */
  readonly fanOut: <const Effects extends Source<Effect.Effect<any, any, any>>, B, E2>(
    effects: Effects,
    joiner: Joiner<Effect.Success<ItemOf<Effects>>, Effect.Error<ItemOf<Effects>>, B, E2>,
    options?: Omit<FanOutOptions<Effect.Success<ItemOf<NoInfer<Effects>>>, Effect.Error<ItemOf<NoInfer<Effects>>>>, "limiter">
  ) => Effect.Effect<
    B,
    E2 | ExecutorClosed | SourceError<Effects, Effect.Success<ItemOf<Effects>>, Effect.Error<ItemOf<Effects>>>,
    Effect.Services<ItemOf<Effects>> | SourceServices<Effects>
  >
  readonly stats: Effect.Effect<Stats>
  /** Waits until its scope is closed and its last call is over. */
  readonly awaitClosed: Effect.Effect<void>
}

/**
 * What a call of an executor fails with.
 *
 * @category models
 * @since 0.1.0
 */
export type Failure<A, E, F, D> = ("interrupt" extends F ? E : never) | ("fail" extends D ? GatherTimeout<A, E> : never) | ExecutorClosed

/**
 * The executor of a program, as a service.
 *
 * @category services
 * @since 0.1.0
 */
export const ParallelExecutor: Context.Service<ParallelExecutor, ParallelExecutor> = Context.Service("@skein/parallel/ParallelExecutor")

/**
 * Makes an executor that lives as long as the scope.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const make = (options?: MakeOptions): Effect.Effect<ParallelExecutor, never, Scope.Scope> => {
  const defaults = defaultsOf("ParallelExecutor.make", options)
  return Effect.flatMap(Effect.scope, (scope) =>
    Effect.suspend(() => {
      const executor = new Executor(defaults, (partial, pulled) => new ExecutorClosed({ executor: defaults.name, partial, pulled }))
      return Effect.as(Scope.addFinalizer(scope, executor.close), executor)
    })
  )
}

/**
 * Provides an executor that lives as long as the layer.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: MakeOptions): Layer.Layer<ParallelExecutor> => Layer.effect(ParallelExecutor, make(options))
