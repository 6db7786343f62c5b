/** The calls of one executor: what they share, and how they end together. */
import type * as GatherResult from "@skein/core/GatherResult"
import * as Limiter from "@skein/core/Limiter"
import * as Settings from "@skein/core/Settings"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Options } from "../Options.ts"
import type { ExecutorClosed, MakeOptions, ParallelExecutor, Stats } from "../ParallelExecutor.ts"
import { counterOf } from "./counterOf.ts"
import * as fanOutCall from "./fanOutCall.ts"
import * as gather from "./gather.ts"
import { Halt } from "./gatherPlan.ts"
import type * as streamGather from "./streamGather.ts"
import * as work from "./work.ts"

type AnyEffect = Effect.Effect<any, any, any>
type AnyResult = GatherResult.GatherResult<unknown, unknown, unknown>

/** Makes the error of a closed executor: nothing of the call has started, or it had `partial`; a stream had `pulled` so many items. */
type Refuse = (partial: AnyResult | undefined, pulled: number | undefined) => ExecutorClosed

/** The options of an executor, with a bound. */
export type Defaults = Omit<MakeOptions, "concurrency"> & { readonly concurrency: number }

const forCallsOnly = ["onFailure", "onTimeout", "stop", "limiter", "priority", "onOutcome", "onProgress"] as const

/** Reads the options of an executor; wrong ones throw at once. */
export const defaultsOf = (where: string, options: MakeOptions | undefined): Defaults => {
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
  readonly outer: Call | undefined
}

/** The innermost call around the running fiber, of whatever executor. */
const Inside = Context.Reference<Call | undefined>("@skein/parallel/ParallelExecutor/call", { defaultValue: () => undefined })

export class Executor implements ParallelExecutor {
  readonly name: string | undefined
  readonly limiter: Limiter.Limiter
  private readonly defaults: Defaults
  private readonly refuse: Refuse
  private readonly calls = new Set<Call>()
  private readonly tasks = { completed: 0, failed: 0, timedOut: 0, cancelled: 0, notStarted: 0 }
  private readonly closing = new Halt()
  /** Called at the end of each call, and on closing. */
  private readonly watchers = new Set<() => void>()

  constructor(defaults: Defaults, refuse: Refuse) {
    this.defaults = defaults
    this.refuse = refuse
    this.name = defaults.name
    this.limiter = Limiter.makeUnsafe({ permits: defaults.concurrency, name: defaults.name })
  }

  readonly gather: ParallelExecutor["gather"] = (effects, options) => {
    const where = "ParallelExecutor.gather"
    const todo = work.ofEffectsOrRecord(where, effects)
    const planOf = this.planner(where, options, (own) => gather.plan(where, own))
    return this.call(planOf, (plan) => gather.run(plan, todo), this.whole)
  }

  readonly map: ParallelExecutor["map"] = (items, f, options) => {
    const where = "ParallelExecutor.map"
    const todo = work.ofItems(where, items, f)
    const planOf = this.planner(where, options, (own) => gather.plan(where, own, ["nameOf"]))
    return this.call(planOf, (plan) => gather.run(plan, todo), this.whole)
  }

  readonly fanOut: ParallelExecutor["fanOut"] = (effects, joiner, options) => {
    const where = "ParallelExecutor.fanOut"
    const todo = fanOutCall.read(where, effects, joiner)
    const planOf = this.planner(where, options, (own) => fanOutCall.plan(where, own))
    return this.call(planOf, (plan) => fanOutCall.run(plan, todo), Effect.succeed)
  }

  /** Refuses wrong options of a call at once and under the executor's own name; gives what reads them over the defaults, when the call begins and it is known how many permits there are. */
  planner<P>(where: string, options: object | undefined, read: (own: Options<any, any> | undefined) => P): (permits: number) => P {
    const limiter = (options as Options<never, never> | undefined)?.limiter
    if (limiter !== undefined) throw Settings.mustBe(where, "limiter", "left out, for the limit is the executor's", limiter)
    read(options as Options<any, any> | undefined)
    return (permits) => read(this.optionsOf(options, permits))
  }

  /** What a call answers with that closing cut short: all it has, as a failure, unless nothing is missing. */
  private readonly whole = (result: AnyResult): AnyEffect =>
    result.allSucceeded && result.exhausted ? Effect.succeed(result) : Effect.fail(this.refuse(result, undefined))

  private get closed(): boolean {
    return this.closing.reason !== undefined
  }

  private call(
    planOf: (permits: number) => gather.Plan,
    run: (plan: gather.Plan) => AnyEffect,
    whenCut: (value: any) => AnyEffect
  ): AnyEffect {
    return Effect.withFiber((fiber) => {
      let call: Call | undefined
      // The frame comes first and the call is listed inside it: listed before, a caller that is interrupted in between would hold up the closing for ever.
      return Effect.onExitPrimitive(
        Effect.suspend(() => {
          if (this.closed) return Effect.fail(this.refuse(undefined, undefined))
          this.calls.add((call = { outer: Context.get(fiber.context, Inside) }))
          const answer = Effect.flatMap(this.limiter.stats, ({ permits }) => run({ ...planOf(permits), halts: [this.closing] }))
          return Effect.flatMap(Effect.provideService(answer, Inside, call), (value) =>
            this.closed ? whenCut(value) : Effect.succeed(value)
          )
        }),
        () => {
          this.ended(call)
          return undefined
        }
      )
    })
  }

  /** A call that is a stream: it begins with the first pull, and is over when nothing of it runs any more, however long its outcomes wait for their reader. */
  begin<A, E>(planOf: (permits: number) => { readonly plan: gather.Plan; readonly flow: streamGather.Flow }): streamGather.Begin<A, E> {
    return (start) =>
      Effect.flatMap(this.limiter.stats, ({ permits }) =>
        Effect.withFiber((fiber) => {
          const call: Call = { outer: Context.get(fiber.context, Inside) }
          const { flow, plan } = planOf(permits)
          const within = {
            ended: () => this.ended(call),
            refusal: (partial: AnyResult, pulled: number) => (this.closed ? this.refuse(partial, pulled) : undefined)
          }
          const first = Effect.withFiber<any, unknown, never>((owner) => {
            if (this.closed) return Effect.fail(this.refuse(undefined, undefined))
            // Listed in the very step in which it starts; from then on its scope sees to its end.
            this.calls.add(call)
            return start(owner, { ...plan, halts: [this.closing], within }, flow)
          })
          return Effect.provideService(first, Inside, call)
        })
      )
  }

  private ended(call: Call | undefined): void {
    if (call !== undefined) this.calls.delete(call)
    this.notify()
  }

  /**
   * The options of a call over the defaults. However many places a call asks for, no more of its tasks than there are permits stand in line behind those that run: more would only keep later calls waiting, and fewer would let
   * a call of lower priority slip in between two of its tasks. So much has a call of high priority even if it does not ask.
   */
  private optionsOf(options: object | undefined, permits: number): Options<any, any> {
    const own: Record<string, unknown> = { ...this.defaults, concurrency: undefined }
    for (const [option, value] of Object.entries(options ?? {})) if (value !== undefined) own[option] = value
    const { concurrency, onOutcome, priority } = own as Options<any, any>
    const places = concurrency ?? (priority === "high" ? "unbounded" : permits)
    return {
      ...own,
      concurrency: Math.min(places === "unbounded" ? Infinity : places, 2 * permits),
      limiter: this.limiter,
      onOutcome: (outcome) => {
        this.tasks[counterOf[outcome._tag]]++
        return onOutcome?.(outcome)
      }
    }
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
    const inside = new Set<Call>()
    for (let call = Context.get(fiber.context, Inside); call !== undefined; call = call.outer) inside.add(call)
    this.closing.ask({ _tag: "ExecutorClosed", name: this.name })
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
