/** The portable tasks of the benches. */
import * as Task from "@skein/parallel/Task"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const Pair = Schema.Struct({ a: Schema.Number, b: Schema.Number })

export const add = Task.make("add", {
  module: import.meta,
  payload: Pair,
  success: Schema.Number,
  run: ({ a, b }) => Effect.succeed(a + b)
})

export const addPlain = Task.make("addPlain", {
  handler: { module: new URL("./add.ts", import.meta.url), export: "add" },
  payload: Pair,
  success: Schema.Number
})
