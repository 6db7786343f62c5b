/**
 * Measures what a task costs beside its work: inline, and on both sides of a flavour without the travel between them.
 */
import * as Task from "@skein/parallel/Task"
import * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type Comparison, main, size } from "./kit/bench.ts"

const n = size(100_000)

interface Pair {
  readonly a: number
  readonly b: number
}

const add = Task.make("add", {
  module: import.meta,
  payload: Schema.Struct({ a: Schema.Number, b: Schema.Number }),
  success: Schema.Number,
  run: ({ a, b }) => Effect.succeed(a + b)
})

const host = (add as unknown as { readonly [key: symbol]: TaskRunner.Host })[Symbol.for("@skein/parallel/Task")]!

/** A flavour that answers every call at once with the same text. */
const answered: TaskRunner.TaskRunner = { flavour: "none", run: () => Effect.succeed({ ok: true, text: "1" }) }

/** A flavour that hosts each call in this thread. */
const hosted: TaskRunner.TaskRunner = {
  flavour: "hosted",
  run: ({ meta, payload }) =>
    Effect.callback<TaskRunner.Answer>((resume) => {
      host.execute(payload, meta, { settle: (answer) => resume(Effect.succeed(answer)), send: () => {} })
    })
}

const sumOf = (f: (pair: Pair) => Effect.Effect<number, unknown>, runner = TaskRunner.inline): Promise<number> => {
  let i = 0
  let sum = 0
  const all = Effect.whileLoop({
    while: () => i < n,
    body: () => f({ a: i++, b: 1 - i }),
    step: (value) => {
      sum += value
    }
  })
  return Effect.runPromise(Effect.map(Effect.provideService(all, TaskRunner.TaskRunner, runner), () => sum))
}

const plus = ({ a, b }: Pair): Effect.Effect<number> => Effect.succeed(a + b)
const throughJson = (pair: Pair): Effect.Effect<number> =>
  Effect.map(plus(JSON.parse(JSON.stringify(pair)) as Pair), (value) => JSON.parse(JSON.stringify(value)) as number)

const check = (sum: number): string | undefined => (Math.abs(sum) <= n ? undefined : `the sum is ${sum}`)

const cost: Comparison<number> = {
  title: "one call after the other, { a, b } -> a + b",
  n,
  unit: "ns a call",
  baseline: "the effect alone",
  check,
  subjects: [
    { name: "the effect alone", run: () => sumOf(plus) },
    { name: "JSON there and back", run: () => sumOf(throughJson) },
    { name: "Task, inline", run: () => sumOf(add) },
    { name: "Task, the caller's side alone", run: () => sumOf(add, answered) },
    { name: "Task, caller and host", run: () => sumOf(add, hosted) }
  ]
}

await main([cost])
