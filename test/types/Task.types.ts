/** A task has the types of its schemas; what runs must fit them, and its services come from its layer. */
import type * as GatherResult from "@skein/core/GatherResult"
import { parallelMap } from "@skein/parallel/parallelMap"
import type { GatherTimeout } from "@skein/parallel"
import * as Task from "@skein/parallel/Task"
import type { Context as HandlerContext } from "@skein/parallel/TaskHandler"
import type { TaskRunnerError } from "@skein/parallel/TaskRunner"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

type Exactly<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never
const is = <_T extends true>(): void => {}

class Db extends Context.Service<Db, { readonly get: (id: number) => string }>()("types/Db") {}
class Cache extends Context.Service<Cache, { readonly size: number }>()("types/Cache") {}
class Missing extends Schema.TaggedError<Missing>()("Missing", { id: Schema.Number }) {}
declare const dbLayer: Layer.Layer<Db, "no database">
declare const needyLayer: Layer.Layer<Db, never, Cache>
const User = Schema.Struct({ id: Schema.Number, at: Schema.Date })

// Payload, value and error are the types of the schemas.
const find = Task.make("find", {
  module: import.meta,
  payload: User,
  success: Schema.String,
  error: Missing,
  run: ({ at, id }) => (id > 0 ? Effect.succeed(at.toISOString()) : Effect.fail(new Missing({ id })))
})
is<Exactly<typeof find, Task.Task<{ readonly id: number; readonly at: Date }, string, Missing>>>()
const found = find({ id: 1, at: new Date() }, { priority: "high" })
is<Exactly<typeof found, Effect.Effect<string, Missing | TaskRunnerError>>>()

// Without an error schema it cannot fail by itself.
const safe = Task.make("safe", { payload: Schema.Void, success: Schema.Number, run: () => Effect.succeed(1) })
const safely = safe()
is<Exactly<typeof safely, Effect.Effect<number, TaskRunnerError>>>()

// @ts-expect-error the payload has to fit
find({ id: "1", at: new Date() })
// @ts-expect-error the payload is the decoded form, not the text of a Date
find({ id: 1, at: "2020-01-01" })
// @ts-expect-error unknown priority
find({ id: 1, at: new Date() }, { priority: "urgent" })
// @ts-expect-error the value has to fit
Task.make("a", { payload: Schema.Void, success: Schema.Number, run: () => Effect.succeed("1") })
// @ts-expect-error an error without a schema
Task.make("a", { payload: Schema.Void, success: Schema.Number, run: () => Effect.fail(new Missing({ id: 1 })) })
// @ts-expect-error another error than that of the schema
Task.make("a", { payload: Schema.Void, success: Schema.Number, error: Missing, run: () => Effect.fail("missing") })
// What runs is an effect, or gives a value or a promise of it.
const plain = Task.make("a", { payload: Schema.Void, success: Schema.Number, run: () => 1 })
is<Exactly<typeof plain, Task.Task<void, number>>>()
const promised = Task.make("a", { payload: Schema.String, success: Schema.Number, error: Missing, run: async (text) => text.length })
is<Exactly<typeof promised, Task.Task<string, number, Missing>>>()
// @ts-expect-error the value has to fit
Task.make("a", { payload: Schema.Void, success: Schema.Number, run: () => "1" })
// @ts-expect-error the value of the promise has to fit
Task.make("a", { payload: Schema.Void, success: Schema.Number, run: async () => "1" })
// @ts-expect-error a schema must be given
Task.make("a", { payload: Schema.Void, run: () => Effect.void })
// @ts-expect-error unknown option
Task.make("a", { payload: Schema.Void, success: Schema.Void, run: () => Effect.void, timeout: 1 })

// Services come from the layer; whatever makes that fail is no error of the task.
const query = Task.make("query", {
  module: new URL("file:///tasks.js"),
  payload: Schema.Number,
  success: Schema.String,
  layer: dbLayer,
  run: (id) => Effect.map(Db, (db) => db.get(id))
})
is<Exactly<typeof query, Task.Task<number, string, never>>>()
// @ts-expect-error a task that needs a service must give its layer
Task.make("a", { payload: Schema.Number, success: Schema.String, run: (id) => Effect.map(Db, (db) => db.get(id)) })
// @ts-expect-error the layer does not give that service
Task.make("a", { payload: Schema.Void, success: Schema.Number, layer: dbLayer, run: () => Effect.map(Cache, (cache) => cache.size) })
// @ts-expect-error a layer that needs something itself
Task.make("a", { payload: Schema.Void, success: Schema.Void, layer: needyLayer, run: () => Effect.void })
// @ts-expect-error a schema that needs services
Task.make("a", { payload: {} as Schema.Codec<string, string, Db>, success: Schema.Void, run: () => Effect.void })

// A plain function has the types of the schemas too; a task has either.
const handler = { module: new URL("file:///resize.js"), export: "resize" }
const resize = Task.make("resize", { handler, payload: Task.buffer(Uint8Array, { transfer: true }), success: User, error: Missing })
is<Exactly<Parameters<typeof resize>[0], Uint8Array<ArrayBufferLike>>>()
is<Exactly<ReturnType<typeof resize>, Effect.Effect<{ readonly id: number; readonly at: Date }, Missing | TaskRunnerError>>>()
// @ts-expect-error a handler has no layer
Task.make("a", { handler, payload: Schema.Void, success: Schema.Void, layer: dbLayer })
// @ts-expect-error a handler names its export
Task.make("a", { handler: { module: handler.module }, payload: Schema.Void, success: Schema.Void })
const work = (n: number, { log, remaining, report, signal }: HandlerContext): number | undefined => {
  report({ done: n })
  log("half", { level: "Debug" })
  return signal.aborted ? 0 : remaining()
}
// @ts-expect-error unknown level
;({} as HandlerContext).log("x", { level: "Loud" })
// @ts-expect-error no kind of memory
Task.buffer(Array)

// A task is a function for a map, and has a bulk form of its own.
const mapped = parallelMap([1, 2], query)
const bulk = Task.map(query, [1, 2])
is<Exactly<typeof mapped, Effect.Effect<GatherResult.GatherResult<string, TaskRunnerError>>>>()
is<Exactly<typeof bulk, typeof mapped>>()
const strict = Task.map(find, new Set<{ readonly id: number; readonly at: Date }>(), { onFailure: "interrupt", onTimeout: "fail" })
is<Exactly<Effect.Error<typeof strict>, Missing | TaskRunnerError | GatherTimeout<string, Missing | TaskRunnerError>>>()
// @ts-expect-error the items have to fit the payload
Task.map(query, ["1"])
// @ts-expect-error the options are those of a map
Task.map(query, [1], { chunk: 2 })

// A union of errors keeps them apart.
class Late extends Schema.TaggedError<Late>()("Late", {}) {}
const two = Task.make("two", {
  payload: Schema.Boolean,
  success: Schema.Void,
  error: Schema.Union([Missing, Late]),
  run: (late) => Effect.fail(late ? new Late() : new Missing({ id: 1 }))
})
const handled = Effect.catchTag(two(true), "Late", () => Effect.void)
is<Exactly<Effect.Error<typeof handled>, Missing | TaskRunnerError>>()
