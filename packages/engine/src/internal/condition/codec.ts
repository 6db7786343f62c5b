/** Reads conditions that were written, and refuses those that nobody could have made. */
import * as Schema from "effect/Schema"
import type { Data } from "./model.ts"
import * as read from "./read.ts"
import { weekdays } from "./daily.ts"

const Instant = Schema.Finite.check(Schema.makeFilter((at) => accepts(() => read.instant("instant", at))))

const Window = Schema.TaggedStruct("Window", {
  from: Schema.String,
  to: Schema.String,
  on: Schema.Array(Schema.Literals(weekdays)),
  zone: Schema.String
}).check(Schema.makeFilter(({ from, on, to, zone }) => accepts(() => read.window("window", { from, to, on, zone }))))

const Cron = Schema.TaggedStruct("Cron", {
  expression: Schema.String,
  forMillis: Schema.Number,
  zone: Schema.String,
  onOverlap: Schema.Literals(["earlier", "later", "both"])
}).check(
  Schema.makeFilter(({ expression, forMillis, onOverlap, zone }) =>
    accepts(() => read.cron("cron", expression, { for: forMillis, zone, onOverlap }))
  )
)

/** `undefined` is the schema's word for "nothing is wrong". */
const accepts = (make: () => unknown): string | undefined => {
  try {
    make()
    return undefined
  } catch (error) {
    return (error as RangeError).message
  }
}

const Part = Schema.suspend((): Schema.Codec<Data> => codec)

export const codec: Schema.Codec<Data> = Schema.Union([
  Schema.TaggedStruct("Always", {}),
  Schema.TaggedStruct("Never", {}),
  Schema.TaggedStruct("After", { atMillis: Instant }),
  Schema.TaggedStruct("Before", { atMillis: Instant }),
  Window,
  Cron,
  Schema.TaggedStruct("All", { conditions: Schema.Array(Part) }),
  Schema.TaggedStruct("Any", { conditions: Schema.Array(Part) }),
  Schema.TaggedStruct("Not", { condition: Part })
])
