/** The portable tasks of `flavourCancel.ts`. */
import * as Task from "@skein/parallel/Task"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { writeFileSync } from "node:fs"

const payload = Schema.Struct({ file: Schema.String, seconds: Schema.Number })
const handler = (name: string) =>
  Task.make(name, {
    handler: { module: new URL("./stopPlain.ts", import.meta.url), export: name },
    payload,
    success: Schema.Number
  })

export const suspended = Task.make("suspended", {
  module: import.meta,
  payload,
  success: Schema.Number,
  run: ({ file, seconds }) =>
    Effect.suspend(() => {
      writeFileSync(file, "")
      return Effect.as(Effect.sleep(seconds * 1000), 0)
    })
})

export const loop = handler("loop")
export const listens = handler("listens")
export const locked = handler("locked")
export const command = handler("command")
