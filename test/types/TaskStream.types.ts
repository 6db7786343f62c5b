/** A stream task has the types of its schemas; what runs must fit them, and its services come from its layer. */
import * as TaskStream from "@skein/parallel/TaskStream"
import type { TaskRunnerError } from "@skein/parallel/TaskRunner"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

type Exactly<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never
const is = <_T extends true>(): void => {}

class Db extends Context.Service<Db, { readonly get: (id: number) => string }>()("types/StreamDb") {}
class Missing extends Schema.TaggedError<Missing>()("Missing", { id: Schema.Number }) {}
declare const dbLayer: Layer.Layer<Db, "no database">
declare const otherLayer: Layer.Layer<never>
const User = Schema.Struct({ id: Schema.Number, at: Schema.Date })

// Payload, element and error are the types of the schemas.
const users = TaskStream.make("users", {
  module: import.meta,
  payload: Schema.String,
  success: User,
  error: Missing,
  run: (name) => (name === "" ? Stream.fail(new Missing({ id: 0 })) : Stream.make({ id: 1, at: new Date() }))
})
is<Exactly<typeof users, TaskStream.TaskStream<string, { readonly id: number; readonly at: Date }, Missing>>>()
const all = users("a", { buffer: 16, priority: "low" })
is<Exactly<typeof all, Stream.Stream<{ readonly id: number; readonly at: Date }, Missing | TaskRunnerError>>>()

// Without an error schema it cannot fail by itself.
const safe = TaskStream.make("safe", { payload: Schema.Void, success: Schema.Number, run: () => Stream.make(1) })
const safely = safe()
is<Exactly<typeof safely, Stream.Stream<number, TaskRunnerError>>>()

// Services come from the layer; whatever makes that fail is no error of the task.
const query = TaskStream.make("query", {
  payload: Schema.Number,
  success: Schema.String,
  layer: dbLayer,
  run: (id) => Stream.fromEffect(Effect.map(Db, (db) => db.get(id)))
})
is<Exactly<typeof query, TaskStream.TaskStream<number, string>>>()

// @ts-expect-error the payload has to fit
users(1)
// @ts-expect-error unknown priority
users("a", { priority: "urgent" })
// @ts-expect-error unknown option
users("a", { chunk: 2 })
// @ts-expect-error the elements have to fit
TaskStream.make("a", { payload: Schema.Void, success: Schema.Number, run: () => Stream.make("1") })
// @ts-expect-error a stream, not an effect
TaskStream.make("a", { payload: Schema.Void, success: Schema.Number, run: () => Effect.succeed(1) })
// @ts-expect-error an error without a schema
TaskStream.make("a", { payload: Schema.Void, success: Schema.Number, run: () => Stream.fail(new Missing({ id: 1 })) })
// @ts-expect-error another error than that of the schema
TaskStream.make("a", { payload: Schema.Void, success: Schema.Number, error: Missing, run: () => Stream.fail("missing") })
// @ts-expect-error a service without a layer
TaskStream.make("a", { payload: Schema.Void, success: Schema.String, run: () => Stream.fromEffect(Effect.map(Db, (db) => db.get(1))) })
TaskStream.make("a", {
  payload: Schema.Void,
  success: Schema.String,
  layer: otherLayer,
  // @ts-expect-error a layer that does not give the service
  run: () => Stream.fromEffect(Effect.map(Db, (db) => db.get(1)))
})
// @ts-expect-error a stream is not run again by a flavour
TaskStream.make("a", { payload: Schema.Void, success: Schema.Number, run: () => Stream.make(1), idempotent: true })
