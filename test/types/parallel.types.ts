/** What the types of maps and gathers promise: the error channel is empty unless an option adds to it, and callbacks infer what they are given. */
import type { GatherResult, Outcome, Settings } from "@skein/core"
import { type GatherTimeout, type OnFailure, type OnTimeout, parallelGather, parallelMap } from "@skein/parallel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

class Port extends Context.Service<Port, number>()("Port") {}
class Busy {
  readonly _tag = "Busy"
}
declare const f: (n: number) => Effect.Effect<string, Busy, Port>

// Exactly this type, not a wider or a narrower one.
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Same<A, B>): void => {}
type ErrorOf<Eff> = Eff extends Effect.Effect<infer _A, infer E, infer _R> ? E : never
type ServicesOf<Eff> = Eff extends Effect.Effect<infer _A, infer _E, infer R> ? R : never
type ValueOf<Eff> = Eff extends Effect.Effect<infer A, infer _E, infer _R> ? A : never

// --- the error channel -------------------------------------------------------

const plain = parallelMap([1, 2], f)
same<ErrorOf<typeof plain>, never>(true)
same<ValueOf<typeof plain>, GatherResult.GatherResult<string, Busy>>(true)
// @ts-expect-error a failure of a task is not a failure of the call
same<ErrorOf<typeof plain>, Busy>(true)

const limited = parallelMap([1, 2], f, {
  concurrency: 2,
  timeout: 10,
  taskTimeout: 5,
  retry: { times: 1 },
  grace: 1,
  onTimeout: "partial",
  onFailure: "isolate"
})
same<ErrorOf<typeof limited>, never>(true)

const failFast = parallelMap([1, 2], f, { onFailure: "interrupt" })
same<ErrorOf<typeof failFast>, Busy>(true)

const failLate = parallelMap([1, 2], f, { timeout: 10, onTimeout: "fail" })
same<ErrorOf<typeof failLate>, GatherTimeout<string, Busy>>(true)

const both = parallelMap([1, 2], f, { onFailure: "interrupt", onTimeout: "fail" })
same<ErrorOf<typeof both>, Busy | GatherTimeout<string, Busy>>(true)

// A policy that is known only at run time may be either word.
declare const onFailure: OnFailure
declare const onTimeout: OnTimeout
const widened = parallelMap([1, 2], f, { onFailure, onTimeout })
same<ErrorOf<typeof widened>, Busy | GatherTimeout<string, Busy>>(true)
// @ts-expect-error so it cannot be run as one that never fails
export const cannotFail: Effect.Effect<unknown, never, Port> = widened

// @ts-expect-error a policy is one of its words
parallelMap([1, 2], f, { onFailure: "collect" })
// @ts-expect-error an option is one that is known
parallelMap([1, 2], f, { concurency: 2 })
// @ts-expect-error "unbounded" is the only word for a bound
parallelMap([1, 2], f, { concurrency: "all" })

// --- inference ---------------------------------------------------------------

parallelMap(["a"], (item, index) => {
  same<typeof item, string>(true)
  same<typeof index, number>(true)
  return Effect.succeed(item.length + index)
})
parallelMap(new Map([["a", 1]]), ([key, value]) => Effect.succeed(key.length + value))
// @ts-expect-error a mapper gives an effect
parallelMap(["a"], (item) => item)
// @ts-expect-error items are iterable
parallelMap(5, () => Effect.void)

parallelMap([1], f, {
  onOutcome: (outcome) => {
    same<typeof outcome, Outcome.Outcome<string, Busy>>(true)
  },
  // @ts-expect-error an observer takes outcomes of this call
  onProgress: (n: number) => n
})

// --- services ----------------------------------------------------------------

same<ServicesOf<typeof plain>, Port>(true)
// @ts-expect-error the tasks' services are still to be given
export const complete: Effect.Effect<unknown> = plain
export const provided: Effect.Effect<unknown> = Effect.provideService(plain, Port, 8080)

// --- retry -------------------------------------------------------------------

// A schedule must take the tasks' errors, and attempts that hit their time limit.
parallelMap([1], f, {
  retry: { times: 2, while: (error) => (same<typeof error, Busy | Settings.AttemptTimedOut>(true), error._tag === "Busy") }
})
parallelMap([1], f, { retry: Schedule.recurs(2) })
declare const onlyBusy: Schedule.Schedule<unknown, Busy>
// @ts-expect-error AttemptTimedOut is missing from what it takes
parallelMap([1], f, { retry: onlyBusy })
// @ts-expect-error a schedule does not make the error type of the tasks wider
parallelMap([1], f, { retry: { times: 1, while: (error: string) => error === "" } })

// --- parallelGather ----------------------------------------------------------

const tuple = parallelGather([Effect.succeed(1), Effect.fail("no"), f(1)])
same<ErrorOf<typeof tuple>, never>(true)
same<ServicesOf<typeof tuple>, Port>(true)
export const positions = Effect.map(tuple, ({ outcomes: [one, two, three] }) => {
  same<typeof one, Outcome.Outcome<number>>(true)
  same<typeof two, Outcome.Outcome<never, string>>(true)
  same<typeof three, Outcome.Outcome<string, Busy>>(true)
  return [one, two, three]
})
// @ts-expect-error there is no fourth place
export const fourth = Effect.map(tuple, ({ outcomes }) => outcomes[3])

const record = parallelGather({ user: Effect.succeed("ada"), orders: Effect.fail(new Busy()) }, { onFailure: "interrupt" })
same<ErrorOf<typeof record>, Busy>(true)
export const keys = Effect.map(record, ({ outcomes }) => {
  same<typeof outcomes.user, Outcome.Outcome<string>>(true)
  same<typeof outcomes.orders, Outcome.Outcome<never, Busy>>(true)
  // @ts-expect-error there is no such key
  return outcomes.news
})

const list = parallelGather(new Set([f(1), f(2)]), { onTimeout: "fail" })
same<ErrorOf<typeof list>, GatherTimeout<string, Busy>>(true)
export const elements = Effect.map(list, ({ outcomes }) => {
  same<typeof outcomes, ReadonlyArray<Outcome.Outcome<string, Busy>>>(true)
  // @ts-expect-error outcomes do not change
  outcomes[0] = outcomes[1]!
})

// An effect is iterable for the sake of yield*, so the compiler takes one for a collection; it is refused when it is called.
export const refused = () => parallelGather(Effect.succeed(1))
// @ts-expect-error what is gathered are effects
parallelGather([1, 2])

// --- keys --------------------------------------------------------------------

// The keyed form is a record, in which no key is there twice; what a Map iterates over is no effect.
const keyed = new Map([["ada", f(1)]])
// @ts-expect-error entries are no effects
parallelGather(keyed)
same<keyof ValueOf<ReturnType<typeof fromKeyed>>["outcomes"], string | number>(true)
const fromKeyed = () => parallelGather(Object.fromEntries(keyed))
