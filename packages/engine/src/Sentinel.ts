/**
 * Submits a job each time a condition turns true.
 *
 * A sentinel is an immutable description. Started, it owns three fibers and what its condition waits with, all of which end with the scope; its jobs belong to the engine, which decides what becomes of them when it is closed.
 *
 * **When to use**
 *
 * Use it to answer the world: a value that exceeds something, a window of time that opens, anything that a `Condition` can say. For ticks of a clock use a `JobSchedule`: it can catch up after a restart.
 *
 * **Guarantees**
 *
 * - Ownership: when the scope closes all of it is gone, and nothing more is submitted. `awaitIdle` of the engine does not wait for sentinels.
 * - Interruption: at any step, nothing is left behind.
 * - Failure: what a job fails with is seen in the status. A condition that fails ends the sentinel after its last job, and `await` fails with it.
 * - Order: edges become jobs in their order.
 * - Bounds: one job for each time the condition turns true, however long it stays so, and never more at once than `overlap` allows, triggered ones aside.
 * - Cost: that of `Condition.changes`; nothing is asked again and again.
 *
 * **Gotchas**
 *
 * A condition that turns forth and back before anybody can look has not turned: see `Condition.changes`.
 *
 * **Example** (Answering a value)
 *
 * ```ts
 * import { Condition, Engine, Job, Sentinel } from "@skein/engine"
 * import * as Effect from "effect/Effect"
 * import * as SubscriptionRef from "effect/SubscriptionRef"
 *
 * const program = Effect.gen(function*() {
 *   const engine = yield* Engine.make()
 *   const load = yield* SubscriptionRef.make(0.2)
 *   const guard = yield* Sentinel.start(
 *     engine,
 *     Sentinel.make("guard", {
 *       when: Condition.ref(load, (value) => value > 0.9),
 *       job: Job.make("shed", { run: SubscriptionRef.set(load, 0.5) }),
 *       runs: 2
 *     })
 *   )
 *   for (const value of [0.95, 0.99]) {
 *     yield* Effect.sleep("10 millis")
 *     yield* SubscriptionRef.set(load, value)
 *   }
 *   return yield* guard.await
 * })
 *
 * console.log(await Effect.runPromise(Effect.scoped(program))) // => runs
 * ```
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Condition from "./Condition.ts"
import type * as Engine from "./Engine.ts"
import { alarms } from "./internal/alarms.ts"
import * as read from "./internal/condition/read.ts"
import { Edges, type EdgeSettings } from "./internal/schedule/edges.ts"
import type { EndedBy, Failure, Handle as SharedHandle, SharedOptions } from "./internal/schedule/model.ts"
import { readShared, sharedNames } from "./internal/schedule/options.ts"

export type { EndedBy, Failure, JobOf, OnFailure, Overlap, SharedOptions, Status, StopOptions, Tick } from "./internal/schedule/model.ts"

/**
 * The options of a sentinel. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<A, E = never, R = never> extends SharedOptions<A, E, R> {
  /** What is watched. */
  readonly when: Condition.Condition
  /**
   * Whether a condition that is true from the start has its job: under `"edge"` it has to turn true first.
   *
   * @default "edge"
   */
  readonly initially?: "edge" | "level" | undefined
}

const TypeId: unique symbol = Symbol.for("@skein/engine/Sentinel")

/**
 * Says for which condition to submit a job, again and again.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sentinel<out A, out E = never, out R = never> {
  readonly [TypeId]: { readonly _A: (_: never) => A; readonly _E: (_: never) => E; readonly _R: (_: never) => R }
  readonly name: string
}

/**
 * A sentinel that was started.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handle<out A, out E = never> extends SharedHandle<A, E, SentinelError> {}

/**
 * Why a sentinel ended, or did not do as asked.
 *
 * | tag | meaning | again |
 * | --- | --- | --- |
 * | `ConditionFailed` | its condition failed; it has ended | as the error says |
 * | `TooManyFailures` | so many jobs failed in a row as `onFailure` says; it has ended | when the reason of the last one is gone |
 * | `JobThrew` | the function that makes the job threw when it was triggered; nothing was submitted | as the cause says |
 * | `Ended` | it was triggered when it had ended or was stopping | never |
 * | `AlreadyStarted` | a schedule or sentinel of this name runs on the engine | when that has ended, or with another name |
 *
 * @category errors
 * @since 0.1.0
 */
export type SentinelReason =
  | { readonly _tag: "ConditionFailed"; readonly error: Condition.ConditionError }
  | { readonly _tag: "TooManyFailures"; readonly failures: ReadonlyArray<Failure> }
  | { readonly _tag: "JobThrew"; readonly cause: Cause.Cause<unknown> }
  | { readonly _tag: "Ended"; readonly by: EndedBy }
  | { readonly _tag: "AlreadyStarted" }

/**
 * A sentinel has ended for a reason, or could not do what it was asked for. `reason` says why, and whether to try again.
 *
 * @category errors
 * @since 0.1.0
 */
export class SentinelError extends Data.TaggedError("SentinelError")<{
  readonly sentinel: string
  readonly reason: SentinelReason
}> {
  override get message(): string {
    const { reason } = this
    const sentinel = `sentinel ${JSON.stringify(this.sentinel)}`
    switch (reason._tag) {
      case "ConditionFailed":
        return `${sentinel} cannot watch its condition: ${reason.error.message}`
      case "TooManyFailures": {
        const { failures } = reason
        const last = failures.at(-1)
        return `${sentinel} stopped after ${failures.length === 1 ? "a failure" : "failures in a row"}: ${last?.tick.id} ${last?.how}: ${last?.detail}`
      }
      case "JobThrew":
        return `${sentinel} has no job: ${String(Cause.squash(reason.cause))}`
      case "Ended":
        return `${sentinel} has ended: ${reason.by}`
      case "AlreadyStarted":
        return `${sentinel} is not started, for one of this name runs`
    }
  }
}

class Description {
  readonly [TypeId]: never = undefined as never
  readonly settings: EdgeSettings
  constructor(settings: EdgeSettings) {
    this.settings = settings
  }
  get name(): string {
    return this.settings.name
  }
}

/**
 * Describes a sentinel.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, E = never, R = never>(name: string, options: Options<A, E, R>): Sentinel<A, E, R> => {
  const where = "Sentinel.make"
  Settings.known(where, options, [...sharedNames, "when", "initially"])
  return new Description({
    ...readShared(where, name, options),
    when: read.condition(where, "when", options.when),
    initially: Settings.oneOf(where, "initially", options.initially, ["edge", "level"])
  })
}

/**
 * Starts a sentinel on an engine, until the scope closes.
 *
 * **Details**
 *
 * Its jobs run with the services that are there where it is started. Jobs of earlier starts that have not ended count as running. It fails with `AlreadyStarted` only.
 *
 * @category starting
 * @since 0.1.0
 */
export const start = <A, E, R>(
  engine: Engine.Engine,
  sentinel: Sentinel<A, E, R>
): Effect.Effect<Handle<A, E>, SentinelError, R | Scope.Scope> => {
  if (!(sentinel instanceof Description)) throw new TypeError(Settings.mustBe("Sentinel.start", "sentinel", "a Sentinel", sentinel).message)
  const { name, settings } = sentinel
  return Effect.gen(function* () {
    const context = yield* Effect.context<R>()
    const shared = yield* alarms
    const fault = (reason: SentinelReason): SentinelError => new SentinelError({ sentinel: name, reason })
    return yield* new Edges({ engine, alarms: shared, context }, settings, fault).start
  })
}
