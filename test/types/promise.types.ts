/** The façade for promises: values, tuples, records and joiners keep their types, and no type of Effect is needed to write any of them. */
import {
  all,
  best,
  createExecutor,
  fanOut,
  first,
  type GatherResult,
  type Joiner,
  make,
  merge,
  next,
  type Outcome,
  parallelGather,
  parallelMap,
  parallelStream,
  quorum,
  reduce,
  skip,
  stop,
  type Time,
  until,
  unwrap
} from "@skein/parallel/promise"

type Exactly<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never
const is = <_T extends true>(): void => {}

const mapped = parallelMap(["a"], async (item, index, { signal }) => `${item}${index}${signal.aborted}`)
is<Exactly<typeof mapped, Promise<GatherResult<string>>>>()

// Values, promises and marks mix; marks are no values.
const marked = parallelMap([1, Promise.resolve(2)], async (n) => {
  is<Exactly<typeof n, number>>()
  if (n === 1) return skip
  return n === 2 ? stop : n
})
is<Exactly<typeof marked, Promise<GatherResult<number>>>>()
const plain = parallelMap(new Set([1]), (n) => n)
is<Exactly<typeof plain, Promise<GatherResult<number>>>>()
declare const lines: AsyncIterable<string>
const later = parallelMap(lines, (line) => line.length, {
  nameOf: (line) => line.toUpperCase(),
  onOutcome: (outcome) => void is<Exactly<typeof outcome, Outcome<number>>>()
})
is<Exactly<typeof later, Promise<GatherResult<number>>>>()

// The shape of the input is kept.
const record = await parallelGather({ user: async () => "ada", age: () => 36, none: () => skip })
is<Exactly<typeof record.outcomes.user, Outcome<string>>>()
is<Exactly<typeof record.values.age, number | undefined>>()
const whole = unwrap(record)
is<Exactly<typeof whole.age, number>>()
const tuple = await parallelGather([async () => "ada", () => 36])
is<Exactly<(typeof tuple.outcomes)[0], Outcome<string>>>()
is<Exactly<(typeof tuple.outcomes)[1], Outcome<number>>>()
is<Exactly<(typeof tuple.values)[number], string | number>>()

const stream = parallelStream([1], (n) => String(n))
is<Exactly<typeof stream, AsyncIterable<Outcome<string>>>>()

// Joiners find their types from the functions they are used with.
const numbers = [async () => 1, () => 2]
const one = fanOut(numbers, first())
is<Exactly<typeof one, Promise<number>>>()
const some = fanOut(numbers, quorum(2))
is<Exactly<typeof some, Promise<ReadonlyArray<number>>>>()
const every = fanOut(numbers, all({ onFailure: "collect" }))
is<Exactly<typeof every, Promise<ReadonlyArray<number>>>>()
const top = fanOut(
  numbers,
  best((a: number, b: number) => a - b)
)
is<Exactly<typeof top, Promise<number>>>()
const sum = fanOut(
  numbers,
  merge((values) => values.reduce((a, b) => a + b, 0))
)
is<Exactly<typeof sum, Promise<number>>>()
const count = fanOut(
  numbers,
  reduce(
    () => 0,
    (n) => n + 1
  )
)
is<Exactly<typeof count, Promise<number>>>()
const found = fanOut(
  numbers,
  until(({ status }) => status === "failed")
)
is<Exactly<typeof found, Promise<GatherResult<number>>>>()
export const own: Joiner<number, string> = make({
  initial: () => 0,
  onOutcome: (n: number, outcome: Outcome<number>) => next(outcome.status === "completed" ? n + outcome.value : n),
  onEnd: async (n) => String(n)
})
const joined = fanOut(numbers, own)
is<Exactly<typeof joined, Promise<string>>>()

const executor = createExecutor({ concurrency: 2, rate: { limit: 10, per: "1 second" } })
const run = executor.run(async ({ attempt }) => attempt)
is<Exactly<typeof run, Promise<number>>>()
const run2 = executor.run(() => "x", { priority: 3 })
is<Exactly<typeof run2, Promise<string>>>()
const viaMap = executor.map([1], (n) => n, { priority: 1 })
is<Exactly<typeof viaMap, Promise<GatherResult<number>>>>()

// One case tells which fields there are.
declare const outcome: Outcome<number>
if (outcome.status === "completed") is<Exactly<typeof outcome.value, number>>()
if (outcome.status === "failed") is<Exactly<typeof outcome.error, unknown>>()
// @ts-expect-error a failed outcome has no value
if (outcome.status === "failed") outcome.value

export const times: ReadonlyArray<Time> = [5, "5 seconds", "0.5 minutes", "Infinity"]
// @ts-expect-error no unit of that name
export const noTime: Time = "5 sec"
// @ts-expect-error results are read only
;(await plain).completed = 3
// @ts-expect-error outcomes are read only
;(await plain).outcomes[0] = outcome
// @ts-expect-error a promise is no task: it runs already
parallelGather([Promise.resolve(1)])
// @ts-expect-error a value of another type
parallelMap([1], (n) => n, { onOutcome: (o: Outcome<string>) => void o })
// @ts-expect-error the executor's own limit
executor.map([1], (n) => n, { limiter: undefined })
// @ts-expect-error no such policy
parallelMap([1], (n) => n, { onFailure: "ignore" })
// @ts-expect-error a stream has given away what it had
parallelStream([1], (n) => n, { onTimeout: "fail" })
// @ts-expect-error a joiner, not what makes one
fanOut(numbers, first)
