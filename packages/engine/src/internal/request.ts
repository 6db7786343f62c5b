/** Reads what others ask for: whoever may write to a store may write anything. */
import * as Schema from "effect/Schema"
import type { Request } from "../JobStore.ts"

const Id = Schema.String.check(
  Schema.makeFilter((id) => (id === "" ? "an id that is not empty" : id.isWellFormed() ? undefined : "an id of well-formed text"))
)

const Form = Schema.Union([
  Schema.TaggedStruct("Submit", {
    jobs: Schema.NonEmptyArray(Schema.Struct({ id: Id, name: Id, description: Schema.Json }))
  }),
  Schema.TaggedStruct("Cancel", { id: Id, reason: Schema.optional(Schema.String) }),
  Schema.TaggedStruct("Rerun", { id: Id, as: Id }),
  Schema.TaggedStruct("Remove", { id: Id })
])

/** Throws for what is none. */
export const read: (json: unknown) => Request = Schema.decodeUnknownSync(Form) as never
