/** What the types of sources promise: items are inferred from each kind, a source that can fail says so in the error channel, a Stream's services are required. */
import type { GatherResult, Outcome } from "@skein/core"
import { type GatherTimeout, parallelGather, parallelMap, type SourceFailed } from "@skein/parallel"
import { parallelStream } from "@skein/parallel/parallelStream"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"

class Port extends Context.Service<Port, number>()("Port") {}
class Disk extends Context.Service<Disk, number>()("Disk") {}
class Busy {
  readonly _tag = "Busy"
}
class Torn {
  readonly _tag = "Torn"
}
declare const f: (n: number) => Effect.Effect<string, Busy, Port>
declare const lines: AsyncIterable<number>
declare const torn: Stream.Stream<number, Torn, Disk>
declare const whole: Stream.Stream<number>

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Same<A, B>): void => {}
type ErrorOf<Eff> = Eff extends Effect.Effect<infer _A, infer E, infer _R> ? E : never
type ServicesOf<Eff> = Eff extends Effect.Effect<infer _A, infer _E, infer R> ? R : never
type ValueOf<Eff> = Eff extends Effect.Effect<infer A, infer _E, infer _R> ? A : never
type StreamOf<S> = S extends Stream.Stream<infer A, infer E, infer R> ? [A, E, R] : never

// --- the error channel -------------------------------------------------------

const fromAsync = parallelMap(lines, f)
same<ErrorOf<typeof fromAsync>, SourceFailed<string, Busy>>(true)
same<ValueOf<typeof fromAsync>, GatherResult.GatherResult<string, Busy>>(true)
same<ServicesOf<typeof fromAsync>, Port>(true)
// @ts-expect-error an async iterable may fail
export const cannotFail: Effect.Effect<unknown, never, Port> = fromAsync

const fromStream = parallelMap(torn, f)
same<ErrorOf<typeof fromStream>, SourceFailed<string, Busy, Torn>>(true)
same<ServicesOf<typeof fromStream>, Port | Disk>(true)
// @ts-expect-error the stream's own services are still to be given
export const needsDisk: Effect.Effect<unknown, unknown, Port> = fromStream

// What cannot fail adds nothing.
same<ErrorOf<ReturnType<typeof overWhole>>, never>(true)
const overWhole = () => parallelMap(whole, f)

const all = parallelMap(torn, f, { onFailure: "interrupt", onTimeout: "fail" })
same<ErrorOf<typeof all>, Busy | GatherTimeout<string, Busy> | SourceFailed<string, Busy, Torn>>(true)

// A source whose kind is known only at run time may be any of them.
declare const either: ReadonlyArray<number> | AsyncIterable<number>
const widened = parallelMap(either, f)
same<ErrorOf<typeof widened>, SourceFailed<string, Busy>>(true)

// --- inference ---------------------------------------------------------------

parallelMap(
  lines,
  (item, index) => {
    same<typeof item, number>(true)
    same<typeof index, number>(true)
    return f(item)
  },
  {
    nameOf: (item, index) => {
      same<typeof item, number>(true)
      return `${item} at ${index}`
    },
    onOutcome: (outcome) => {
      same<typeof outcome, Outcome.Outcome<string, Busy>>(true)
    }
  }
)
parallelMap(torn, (item) => (same<typeof item, number>(true), f(item)))
parallelMap([{ id: "a" }], ({ id }) => Effect.succeed(id.length), { nameOf: ({ id }) => id })
// @ts-expect-error a name is a string
parallelMap([1], f, { nameOf: (item) => item })
// @ts-expect-error a mapper takes the items that there are
parallelMap(lines, (item: string) => Effect.succeed(item))
// @ts-expect-error a promise of items is no source
parallelMap(Promise.resolve([1]), f)
export const generic = <T>(items: Iterable<T>, g: (item: T) => Effect.Effect<string>): Effect.Effect<GatherResult.GatherResult<string>> =>
  parallelMap(items, g)

// --- parallelGather ----------------------------------------------------------

declare const effects: AsyncIterable<Effect.Effect<string, Busy, Port>>
declare const effectStream: Stream.Stream<Effect.Effect<string, Busy, Port>, Torn, Disk>
const gathered = parallelGather(effects)
same<ErrorOf<typeof gathered>, SourceFailed<string, Busy>>(true)
same<ValueOf<typeof gathered>["outcomes"], ReadonlyArray<Outcome.Outcome<string, Busy>>>(true)
const streamed = parallelGather(effectStream, { onFailure: "interrupt" })
same<ErrorOf<typeof streamed>, Busy | SourceFailed<string, Busy, Torn>>(true)
same<ServicesOf<typeof streamed>, Port | Disk>(true)
// @ts-expect-error what is gathered are effects
parallelGather(lines)
// @ts-expect-error effects have no items to take names from
parallelGather([Effect.void], { nameOf: () => "a" })

// --- parallelStream ----------------------------------------------------------

const plain = parallelStream([1, 2], f)
same<StreamOf<typeof plain>, [Outcome.Outcome<string, Busy>, never, Port]>(true)
const failFast = parallelStream(torn, f, { onFailure: "interrupt", order: "input", buffer: 2, nameOf: String })
same<StreamOf<typeof failFast>, [Outcome.Outcome<string, Busy>, Busy | SourceFailed<string, Busy, Torn>, Port | Disk]>(true)
// @ts-expect-error a stream has given away what it had
parallelStream([1], f, { onTimeout: "fail" })
// @ts-expect-error an order is one of its words
parallelStream([1], f, { order: "sorted" })
