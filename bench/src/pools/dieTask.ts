/** The portable tasks of `flavourRecovery.ts`. */
import * as Task from "@skein/parallel/Task"
import * as Schema from "effect/Schema"

export const die = Task.make("die", {
  handler: { module: new URL("./stopPlain.ts", import.meta.url), export: "die" },
  payload: Schema.Null,
  success: Schema.Number
})
