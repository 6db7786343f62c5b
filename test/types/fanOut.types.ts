/** A fan-out has the type that its joiner makes of its effects; errors and services are those of all of them. */
import type * as GatherResult from "@skein/core/GatherResult"
import type * as Outcome from "@skein/core/Outcome"
import type { SourceFailed } from "@skein/parallel"
import { fanOut } from "@skein/parallel/fanOut"
import * as Hedge from "@skein/parallel/Hedge"
import * as Joiner from "@skein/parallel/Joiner"
import * as Effect from "effect/Effect"
import * as Order from "effect/Order"
import type * as Stream from "effect/Stream"

class Db {
  readonly db = 1
}
class NoRoute {
  readonly _tag = "NoRoute"
}
declare const ada: Effect.Effect<number, NoRoute, Db>
declare const bob: Effect.Effect<string, "timeout">

type Exactly<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never
const is = <_T extends true>(): void => {}

// Values, errors and services are the unions of those of the effects, for any collection.
const first = fanOut([ada, bob], Joiner.first())
is<Exactly<typeof first, Effect.Effect<number | string, Joiner.JoinError<number | string, NoRoute | "timeout">, Db>>>()
const all = fanOut(new Set([ada]), Joiner.all({ onFailure: "collect" }))
is<Exactly<typeof all, Effect.Effect<Array<number>, Joiner.JoinError<number, NoRoute>, Db>>>()
const quorum = fanOut([bob], Joiner.quorum(1))
is<Exactly<typeof quorum, Effect.Effect<Array<string>, Joiner.JoinError<string, "timeout">>>>()
const empty = fanOut([], Joiner.all())
is<Exactly<typeof empty, Effect.Effect<Array<never>, Joiner.JoinError<never, never>>>>()

// One that gives nothing does not hide what others give.
const mixed = fanOut([Effect.sleep(1), Effect.succeed("value")], Joiner.first())
is<Exactly<Effect.Success<typeof mixed>, string | void>>()

// Effects written in place are inferred first, whatever callbacks they hold.
const inline = fanOut([Effect.never, Effect.map(ada, (n) => n > 1)], Joiner.first())
is<Exactly<typeof inline, Effect.Effect<boolean, Joiner.JoinError<boolean, NoRoute>, Db>>>()
const inlineMerged = fanOut(
  [Effect.flatMap(ada, (n) => Effect.succeed(n))],
  Joiner.merge((values) => values[0]!.toFixed())
)
is<Exactly<typeof inlineMerged, Effect.Effect<string, Joiner.JoinError<number, NoRoute>, Db>>>()
const inlineBest = fanOut([Effect.map(ada, (n) => n + 1), Effect.succeed(3 as const)], Joiner.best(Order.Number))
is<Exactly<typeof inlineBest, Effect.Effect<number, Joiner.JoinError<number, NoRoute>, Db>>>()

// What a joiner adds nothing to cannot fail.
const until = fanOut(
  [bob],
  Joiner.until((outcome) => outcome._tag === "Completed" && outcome.value.length > 3)
)
is<Exactly<typeof until, Effect.Effect<GatherResult.GatherResult<string, "timeout">>>>()
const reduced = fanOut(
  [ada, bob],
  Joiner.reduce(
    () => 0,
    (n, outcome) => (outcome._tag === "Failed" ? n + 1 : n)
  )
)
is<Exactly<typeof reduced, Effect.Effect<number, never, Db>>>()

// A callback sees the types of the effects.
const merged = fanOut(
  [ada],
  Joiner.merge((values, result) => ({ sum: values.map((n) => n.toFixed()), failed: result.failed }))
)
is<Exactly<Effect.Success<typeof merged>, { sum: Array<string>; failed: number }>>()
const mergeAda = <B>(f: (values: Array<number>) => B) => fanOut([ada], Joiner.merge(f))
// @ts-expect-error numbers have no length
mergeAda((values) => values[0]!.length)

// A joiner of one's own has the types it is written with, and takes effects that give less.
const own = Joiner.make({
  initial: () => 0,
  onOutcome: (n, outcome: Outcome.Outcome<string | number, NoRoute | "timeout">) =>
    outcome._tag === "Completed" ? Joiner.decided(n + 1) : Joiner.next(n),
  onEnd: (n) => (n > 0 ? Effect.succeed(n) : Effect.fail("none" as const))
})
const joined = fanOut([bob], own)
is<Exactly<typeof joined, Effect.Effect<number, "none">>>()
const inlineOwn = fanOut(
  [Effect.map(ada, (n) => n + 1)],
  Joiner.make({
    initial: () => 0,
    onOutcome: (n, outcome) => (outcome._tag === "Completed" ? Joiner.decided(n + outcome.value) : Joiner.next(n)),
    onEnd: (n) => Effect.succeed(n)
  })
)
is<Exactly<typeof inlineOwn, Effect.Effect<number, never, Db>>>()
// @ts-expect-error it does not take effects that give something else
fanOut([Effect.succeed(true)], own)
// @ts-expect-error an order of strings does not compare numbers
fanOut([ada], Joiner.best(Order.String))
// @ts-expect-error onOutcome gives a step, not a state
Joiner.make({ initial: () => 0, onOutcome: (n: number) => n, onEnd: Effect.succeed })

// @ts-expect-error a joiner is made by a call
fanOut([ada], Joiner.first)

// Options are those of a gather without what the joiner decides.
fanOut([bob], Joiner.first(), {
  concurrency: 2,
  timeout: "1 second",
  onOutcome: (outcome) => outcome._tag === "Completed" && outcome.value.length
})
// @ts-expect-error the joiner decides what a failure does
fanOut([bob], Joiner.first(), { onFailure: "interrupt" })
// @ts-expect-error the joiner decides what a missing outcome means
fanOut([bob], Joiner.first(), { onTimeout: "fail" })
// @ts-expect-error unknown option
fanOut([bob], Joiner.first(), { max: 2 })
// @ts-expect-error numbers are no effects
fanOut([1, 2], Joiner.first())

// A failed join knows its outcomes.
Effect.catchTag(first, "JoinError", (error) => {
  is<Exactly<typeof error.result, GatherResult.GatherResult<number | string, NoRoute | "timeout">>>()
  return Effect.succeed(error.reason._tag satisfies "NoInput" | "TooFew" | "Incomplete")
})

// Hedging changes no type.
const hedged = Hedge.run(ada, { after: "10 millis" })
is<Exactly<typeof hedged, typeof ada>>()
// @ts-expect-error after must be given
Hedge.run(ada, {})
// @ts-expect-error a budget is made by Hedge.budget
Hedge.run(ada, { after: 1, budget: { ratio: 0.1 } })

// Any source, with what reading it adds.
declare const mirrors: AsyncIterable<typeof ada>
declare const torn: Stream.Stream<typeof bob, NoRoute, "disk">
declare const whole: Stream.Stream<typeof bob>
const lazily = fanOut(mirrors, Joiner.first())
is<Exactly<typeof lazily, Effect.Effect<number, Joiner.JoinError<number, NoRoute> | SourceFailed<number, NoRoute>, Db>>>()
const streamed = fanOut(torn, Joiner.all())
type Torn = Joiner.JoinError<string, "timeout"> | SourceFailed<string, "timeout", NoRoute>
is<Exactly<typeof streamed, Effect.Effect<Array<string>, Torn, "disk">>>()
const certain = fanOut(
  whole,
  Joiner.reduce(
    () => 0,
    (n, outcome) => (outcome._tag === "Completed" ? n + outcome.value.length : n)
  )
)
is<Exactly<typeof certain, Effect.Effect<number>>>()
// A function over any collection keeps the types of its effects.
const generic = <A, E>(effects: Iterable<Effect.Effect<A, E>>) => fanOut(effects, Joiner.first())
is<Exactly<ReturnType<typeof generic<number, "no">>, Effect.Effect<number, Joiner.JoinError<number, "no">>>>()
// @ts-expect-error a stream of numbers has no effects to run
fanOut({} as Stream.Stream<number>, Joiner.first())
// @ts-expect-error the source may fail
export const cannotFail: Effect.Effect<unknown, Joiner.JoinError<number, NoRoute>, Db> = lazily
