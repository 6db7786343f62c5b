/** The portable tasks of `flavourPayload.ts`: plain functions, so that what is measured is the travel, with the schema's part of it on the caller's side. */
import * as Task from "@skein/parallel/Task"
import * as Schema from "effect/Schema"

const Entry = Schema.Struct({ id: Schema.Number, name: Schema.String, tags: Schema.Array(Schema.String), at: Schema.Number })
const module = new URL("./payload.ts", import.meta.url)

export const entries = Task.make("entries", {
  handler: { module, export: "entries" },
  payload: Schema.Array(Entry),
  success: Schema.Number
})

/** Shared memory is as good: the schema's type says `Uint8Array<ArrayBuffer>`, which is narrower than what it takes. */
const ofBytes = (name: string, transfer: boolean): Task.Task<Uint8Array, number> =>
  Task.make(name, {
    handler: { module, export: "bytes" },
    payload: Task.buffer(Uint8Array, { transfer }),
    success: Schema.Number
  }) as Task.Task<Uint8Array, number>

export const copied = ofBytes("copied", false)
export const transferred = ofBytes("transferred", true)
