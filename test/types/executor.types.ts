/** Each call of an executor has the type of its free-standing twin, and may fail because the executor is closed. */
import type * as GatherResult from "@skein/core/GatherResult"
import type * as Limiter from "@skein/core/Limiter"
import type * as Outcome from "@skein/core/Outcome"
import type { GatherTimeout } from "@skein/parallel"
import * as Joiner from "@skein/parallel/Joiner"
import * as ParallelExecutor from "@skein/parallel/ParallelExecutor"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

class Db {
  readonly db = 1
}
declare const ada: Effect.Effect<number, "no route", Db>
declare const executor: ParallelExecutor.ParallelExecutor

type Exactly<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never
const is = <_T extends true>(): void => {}
type Closed = ParallelExecutor.ExecutorClosed

const made = ParallelExecutor.make({ concurrency: 3 })
is<Exactly<typeof made, Effect.Effect<ParallelExecutor.ParallelExecutor, never, Scope.Scope>>>()
const layer = ParallelExecutor.layer()
is<Exactly<typeof layer, Layer.Layer<ParallelExecutor.ParallelExecutor>>>()
export const service: Context.Service<ParallelExecutor.ParallelExecutor, ParallelExecutor.ParallelExecutor> =
  ParallelExecutor.ParallelExecutor

const mapped = executor.map([1, 2], () => ada)
is<Exactly<typeof mapped, Effect.Effect<GatherResult.GatherResult<number, "no route">, Closed, Db>>>()

// A policy adds its error, and only then.
const strict = executor.map([1], () => ada, { onFailure: "interrupt", onTimeout: "fail" })
is<Exactly<Effect.Error<typeof strict>, "no route" | GatherTimeout<number, "no route"> | Closed>>()

// The shape of the input is kept.
const gathered = executor.gather({ ada, bob: Effect.succeed("bob") })
type Shape = Effect.Success<typeof gathered>["outcomes"]
is<Exactly<Shape["ada"], Outcome.Outcome<number, "no route">>>()
is<Exactly<Shape["bob"], Outcome.Outcome<string>>>()
// @ts-expect-error there is no such task
export type None = Shape["carol"]

const joined = executor.fanOut([ada], Joiner.quorum(1), { timeout: 10 })
is<Exactly<typeof joined, Effect.Effect<Array<number>, Joiner.JoinError<number, "no route"> | Closed, Db>>>()

declare const limiter: Limiter.Limiter
// @ts-expect-error the limit is the executor's
executor.map([1], () => ada, { limiter })
// @ts-expect-error the limit is the executor's
executor.fanOut([ada], Joiner.first(), { limiter })
// @ts-expect-error the joiner decides that
executor.fanOut([ada], Joiner.first(), { onFailure: "interrupt" })
// @ts-expect-error an executor is bounded
ParallelExecutor.make({ concurrency: "unbounded" })
// @ts-expect-error a policy belongs to a call
ParallelExecutor.make({ onFailure: "interrupt" })
// @ts-expect-error closing is not forgotten
export const never: Effect.Effect<unknown, never, Db> = executor.map([1], () => ada)
