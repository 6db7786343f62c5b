/** The portable tasks of `taskMap.ts`. */
import * as Task from "@skein/parallel/Task"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const Point = Schema.Struct({ id: Schema.Number, x: Schema.Number, y: Schema.Number, tag: Schema.String })

export const move = Task.make("move", {
  module: import.meta,
  payload: Point,
  success: Point,
  run: ({ id, tag, x, y }) => Effect.succeed({ id, x: x + 1, y: y - 1, tag })
})

export const half = Task.make("half", {
  module: import.meta,
  payload: Schema.Number,
  success: Schema.Number,
  run: (n) => Effect.succeed(n / 2)
})

export const total = Task.make("total", {
  module: import.meta,
  payload: Task.buffer(Float64Array),
  success: Schema.Number,
  run: (numbers) => Effect.succeed(numbers.reduce((sum, n) => sum + n, 0))
})
