/** The portable tasks of `flavourCpu.ts`. */
import * as Task from "@skein/parallel/Task"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { crunch } from "./crunch.ts"

const payload = Schema.Struct({ seed: Schema.Number, rounds: Schema.Number })

export const hash = Task.make("hash", {
  module: import.meta,
  payload,
  success: Schema.Number,
  run: (work) => Effect.sync(() => crunch(work))
})

export const hashPlain = Task.make("hashPlain", {
  handler: { module: new URL("./crunch.ts", import.meta.url), export: "crunch" },
  payload,
  success: Schema.Number
})
