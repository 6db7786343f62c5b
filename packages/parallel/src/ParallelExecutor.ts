/**
 * Runs gathers, maps and fan-outs of a whole program under one shared limit.
 *
 * A `ParallelExecutor` owns one limiter and belongs to a `Scope`. Its calls run in the fibers that make them and own their tasks as `parallelMap` does. When the scope closes, calls that still run are stopped, their tasks
 * interrupted and awaited, and from then on every call fails with `ExecutorClosed`.
 *
 * The module holds `make`, `layer`, the service `ParallelExecutor`, and `ExecutorClosed`. Its stats as a stream are an entry of their own, `ParallelExecutorStream`.
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
 * Priority decides among tasks that stand in line. A call with as many places as there are permits has nobody in line when one of its tasks ends, so one of a lower priority gets that turn. With `concurrency: "unbounded"` it always has, and
 * those below wait until it is done.
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
import * as Limiter from "@skein/core/Limiter"
import type * as Outcome from "@skein/core/Outcome"
import * as Settings from "@skein/core/Settings"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { either, fanOut, type FanOutOptions, planOf } from "./fanOut.ts"
import * as gather from "./internal/gather.ts"
import type { Joiner } from "./Joiner.ts"
import type { GatherTimeout, Options } from "./Options.ts"
import { type EffectsOf, type Outcomes, parallelGather } from "./parallelGather.ts"
import { parallelMap } from "./parallelMap.ts"

/**
 * The executor is closed. `partial` holds what a call had that was cut short; where there is none, nothing of the call has started. To try again takes another executor.
 *
 * @category errors
 * @since 0.1.0
 */
export class ExecutorClosed extends Data.TaggedError("ExecutorClosed")<{
  readonly executor: string | undefined
  readonly partial: GatherResult.GatherResult<unknown, unknown, unknown> | undefined
}> {
  override get message(): string {
    const { executor, partial } = this
    const had = partial === undefined ? "nothing has started" : `${partial.completed} of ${partial.total} tasks had completed`
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
    const Input extends Iterable<Effect.Effect<any, any, any>> | Readonly<Record<string, Effect.Effect<any, any, any>>>,
    F extends "isolate" | "interrupt" = "isolate",
    D extends "partial" | "fail" = "partial"
  >(
    effects: Input,
    options?: CallOptions<Effect.Success<EffectsOf<NoInfer<Input>>>, Effect.Error<EffectsOf<NoInfer<Input>>>, F, D>
  ) => Effect.Effect<
    GatherResult.GatherResult<Effect.Success<EffectsOf<Input>>, Effect.Error<EffectsOf<Input>>, Outcomes<Input>>,
    Failure<Effect.Success<EffectsOf<Input>>, Effect.Error<EffectsOf<Input>>, F, D>,
    Effect.Services<EffectsOf<Input>>
  >
  /** As `parallelMap`. */
  readonly map: <T, A, E, R, F extends "isolate" | "interrupt" = "isolate", D extends "partial" | "fail" = "partial">(
    items: Iterable<T>,
    f: (item: T, index: number) => Effect.Effect<A, E, R>,
    options?: CallOptions<NoInfer<A>, NoInfer<E>, F, D>
  ) => Effect.Effect<GatherResult.GatherResult<A, E>, Failure<A, E, F, D>, R>
  /** As `fanOut`. */
  readonly fanOut: <Eff extends Effect.Effect<any, any, any>, B, E2>(
    effects: Iterable<Eff>,
    joiner: Joiner<Effect.Success<Eff>, Effect.Error<Eff>, B, E2>,
    options?: Omit<FanOutOptions<Effect.Success<NoInfer<Eff>>, Effect.Error<NoInfer<Eff>>>, "limiter">
  ) => Effect.Effect<B, E2 | ExecutorClosed, Effect.Services<Eff>>
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
  const defaults = defaultsOf(options)
  return Effect.flatMap(Effect.scope, (scope) =>
    Effect.suspend(() => {
      const executor = new Executor(defaults)
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

type Defaults = Omit<MakeOptions, "concurrency"> & { readonly concurrency: number }

const forCallsOnly = ["onFailure", "onTimeout", "stop", "limiter", "priority", "onOutcome", "onProgress"] as const

const defaultsOf = (options: MakeOptions | undefined): Defaults => {
  const where = "ParallelExecutor.make"
  const { settings } = gather.plan(where, options as Options<never, never>)
  for (const option of forCallsOnly) {
    const got = (options as Options<never, never> | undefined)?.[option]
    if (got !== undefined) throw Settings.mustBe(where, option, "an option of a call", got)
  }
  if (settings.concurrency === Infinity) throw Settings.mustBe(where, "concurrency", "a whole number of at least 1", "unbounded")
  return { ...options, concurrency: settings.concurrency }
}

/** One call that runs. `outer` is the call of the same program from inside of which it was made. */
interface Call {
  readonly stop: AbortController
  readonly outer: Call | undefined
}

/** The innermost call around the running fiber, of whatever executor. */
const Inside = Context.Reference<Call | undefined>("@skein/parallel/ParallelExecutor/call", { defaultValue: () => undefined })

class Executor implements ParallelExecutor {
  readonly name: string | undefined
  readonly limiter: Limiter.Limiter
  private readonly defaults: Defaults
  private readonly calls = new Set<Call>()
  private readonly tasks = { completed: 0, failed: 0, timedOut: 0, cancelled: 0, notStarted: 0 }
  private closed = false
  /** Called at the end of each call, and on closing. */
  private readonly watchers = new Set<() => void>()

  constructor(defaults: Defaults) {
    this.defaults = defaults
    this.name = defaults.name
    this.limiter = Limiter.makeUnsafe({ permits: defaults.concurrency, name: defaults.name })
  }

  readonly gather: ParallelExecutor["gather"] = (effects, options) => {
    this.check("gather", options)
    return this.call((own) => parallelGather(effects as Iterable<Effect.Effect<any, any, any>>, own), options, this.whole) as never
  }

  readonly map: ParallelExecutor["map"] = (items, f, options) => {
    this.check("map", options)
    return this.call((own) => parallelMap(items, f, own), options, this.whole) as never
  }

  readonly fanOut: ParallelExecutor["fanOut"] = (effects, joiner, options) => {
    this.check("fanOut", options)
    return this.call((own) => fanOut(effects, joiner as never, own), options, Effect.succeed) as never
  }

  /** Refuses wrong options of a call under the executor's own name. */
  private check(method: "gather" | "map" | "fanOut", options: object | undefined): void {
    const where = `ParallelExecutor.${method}`
    const limiter = (options as Options<never, never> | undefined)?.limiter
    if (limiter !== undefined) throw Settings.mustBe(where, "limiter", "left out, for the limit is the executor's", limiter)
    if (method === "fanOut") planOf(where, options)
    else gather.plan(where, options)
  }

  /** What a call answers with that closing cut short: all it has, as a failure, unless nothing is missing. */
  private readonly whole = (result: GatherResult.GatherResult<unknown, unknown, unknown>): Effect.Effect<any, any, any> =>
    result.allSucceeded && result.exhausted ? Effect.succeed(result) : Effect.fail(this.refusal(result))

  private call<A>(
    run: (own: Options<any, any>) => Effect.Effect<A, unknown, unknown>,
    options: object | undefined,
    whenCut: (value: A) => Effect.Effect<any, any, any>
  ): Effect.Effect<any, any, any> {
    return Effect.withFiber((fiber) => {
      let call: Call | undefined
      // The frame comes first and the call is listed inside it: listed before, a caller that is interrupted in between would hold up the closing for ever.
      return Effect.onExitPrimitive(
        Effect.suspend(() => {
          if (this.closed) return Effect.fail(this.refusal(undefined))
          const own = { stop: new AbortController(), outer: Context.get(fiber.context, Inside) }
          this.calls.add((call = own))
          const answer = Effect.flatMap(this.limiter.stats, ({ permits }) => run(this.optionsOf(options, permits, own.stop.signal)))
          return Effect.flatMap(Effect.provideService(answer, Inside, own), (value) =>
            own.stop.signal.aborted ? whenCut(value) : Effect.succeed(value)
          )
        }),
        () => {
          if (call !== undefined) this.calls.delete(call)
          this.notify()
          return undefined
        }
      )
    })
  }

  /**
   * The options of a call over the defaults. However many places a call asks for, no more of its tasks than there are permits stand in line behind those that run: more would only keep later calls waiting, and fewer would let
   * a call of lower priority slip in between two of its tasks.
   */
  private optionsOf(options: object | undefined, permits: number, closing: AbortSignal): Options<any, any> {
    const own: Record<string, unknown> = { ...this.defaults, concurrency: permits }
    for (const [option, value] of Object.entries(options ?? {})) if (value !== undefined) own[option] = value
    const { concurrency, onOutcome, stop } = own as Options<any, any>
    return {
      ...own,
      concurrency: Math.min(concurrency === "unbounded" ? Infinity : concurrency!, 2 * permits),
      limiter: this.limiter,
      stop: either(stop, closing),
      onOutcome: (outcome) => {
        this.tasks[counterOf[outcome._tag]]++
        return onOutcome?.(outcome)
      }
    }
  }

  private refusal(partial: ExecutorClosed["partial"]): ExecutorClosed {
    return new ExecutorClosed({ executor: this.name, partial })
  }

  readonly stats: Effect.Effect<Stats> = Effect.suspend(() =>
    Effect.map(this.limiter.stats, ({ abandoned, peak, permits, running, waiting }) => {
      const { calls, closed, tasks } = this
      return { permits, running, waiting, peak, abandoned, calls: calls.size, tasks: { ...tasks }, closed }
    })
  )

  /**
   * Stops all calls and waits for them. Whoever closes from inside a call does not wait for that call, which waits for him: he is interrupted with it when the closing is done.
   */
  readonly close: Effect.Effect<void> = Effect.withFiber((fiber) => {
    this.closed = true
    const inside = new Set<Call>()
    for (let call = Context.get(fiber.context, Inside); call !== undefined; call = call.outer) inside.add(call)
    for (const call of [...this.calls]) call.stop.abort(this.refusal(undefined))
    this.notify()
    return this.until(() => [...this.calls].every((call) => inside.has(call)))
  })

  readonly awaitClosed: Effect.Effect<void> = Effect.suspend(() => this.until(() => this.closed && this.calls.size === 0))

  private until(holds: () => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (holds()) return resume(Effect.void)
      const look = (): void => {
        if (!holds()) return
        this.watchers.delete(look)
        resume(Effect.void)
      }
      this.watchers.add(look)
      return Effect.sync(() => this.watchers.delete(look))
    })
  }

  private notify(): void {
    if (this.closed) for (const look of [...this.watchers]) look()
  }
}

const counterOf = {
  Completed: "completed",
  Failed: "failed",
  TimedOut: "timedOut",
  Cancelled: "cancelled",
  NotStarted: "notStarted"
} as const satisfies Record<Outcome.Outcome<unknown, unknown>["_tag"], keyof Stats["tasks"]>
