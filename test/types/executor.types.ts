/** Each call of an executor has the type of its free-standing twin, and may fail because the executor is closed. */
import type * as GatherResult from "@skein/core/GatherResult"
import type * as Limiter from "@skein/core/Limiter"
import type * as Outcome from "@skein/core/Outcome"
import type { GatherTimeout, SourceFailed } from "@skein/parallel"
import * as Joiner from "@skein/parallel/Joiner"
import * as ParallelExecutor from "@skein/parallel/ParallelExecutor"
import * as ParallelExecutorStream from "@skein/parallel/ParallelExecutorStream"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"

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

const mixed = executor.fanOut([Effect.sleep(1), Effect.succeed("value")], Joiner.first())
is<Exactly<Effect.Success<typeof mixed>, string | void>>()

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

// Any source, with what reading it adds.
class Torn {
  readonly _tag = "Torn"
}
declare const lines: AsyncIterable<string>
declare const torn: Stream.Stream<string, Torn, "disk">
declare const effects: AsyncIterable<typeof ada>

const fromLines = executor.map(lines, (line) => Effect.succeed(line.length), { nameOf: (line) => line.trim() })
is<Exactly<typeof fromLines, Effect.Effect<GatherResult.GatherResult<number>, Closed | SourceFailed<number, never>>>>()
const fromTorn = executor.map(torn, () => ada)
is<Exactly<Effect.Error<typeof fromTorn>, Closed | SourceFailed<number, "no route", Torn>>>()
is<Exactly<Effect.Services<typeof fromTorn>, Db | "disk">>()
is<Exactly<Effect.Error<ReturnType<typeof gatheredLazily>>, Closed | SourceFailed<number, "no route">>>()
const gatheredLazily = () => executor.gather(effects)
const quorum = executor.fanOut(effects, Joiner.quorum(2))
is<Exactly<Effect.Error<typeof quorum>, Closed | Joiner.JoinError<number, "no route"> | SourceFailed<number, "no route">>>()
// @ts-expect-error the item is a string
executor.map(lines, (line: number) => Effect.succeed(line))
// @ts-expect-error numbers have no names of their own
executor.map([1, 2], () => ada, { nameOf: (n) => n.name })

// A stream of outcomes.
const streamed = ParallelExecutorStream.stream(executor, torn, () => ada, { order: "input", buffer: 0 })
type Streamed = Stream.Stream<Outcome.Outcome<number, "no route">, Closed | SourceFailed<number, "no route", Torn>, Db | "disk">
is<Exactly<typeof streamed, Streamed>>()
const strictly = ParallelExecutorStream.stream(executor, [1], () => ada, { onFailure: "interrupt" })
is<Exactly<typeof strictly, Stream.Stream<Outcome.Outcome<number, "no route">, "no route" | Closed, Db>>>()
// @ts-expect-error the limit is the executor's
ParallelExecutorStream.stream(executor, [1], () => ada, { limiter })
// @ts-expect-error a stream has given away what it had
ParallelExecutorStream.stream(executor, [1], () => ada, { onTimeout: "fail" })
