/** The portable tasks of `flavourStart.ts`. */
import * as Task from "@skein/parallel/Task"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export const nap = Task.make("nap", {
  module: import.meta,
  payload: Schema.Number,
  success: Schema.Number,
  run: (ms) => Effect.as(Effect.sleep(ms), ms)
})

export const napPlain = Task.make("napPlain", {
  handler: { module: new URL("./nap.ts", import.meta.url), export: "nap" },
  payload: Schema.Number,
  success: Schema.Number
})
