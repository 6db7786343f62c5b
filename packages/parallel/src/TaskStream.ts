/**
 * Makes tasks that give many values: streams that run where a program wants them, in the fiber that reads them, in a worker thread, in a child process.
 *
 * A stream task is a `Task` whose `run` gives a Stream. Called it gives a Stream, which runs inline unless a layer of the service `TaskRunner` moves it. The stream owns the call: it has ended, was left early or interrupted only when what ran elsewhere has
 * ended with its finalizers run. It is an entry of its own because `effect/Stream` is heavy; `@skein/parallel/Task` does not load it. The module holds `make`.
 *
 * **When to use**
 *
 * Use for results that do not fit in memory together, that are of use before the last one is there, or of which a reader may have enough early. For one value use `Task`; for a value for each of many payloads `Task.map`.
 *
 * **Details**
 *
 * The call starts with the first pull, and each run of the stream is a call of its own. Elements travel as JSON text, as results of tasks do, in batches of what the stream gives together. The end of the stream is the call's answer: it comes after all elements, whatever it says.
 *
 * The worker sends no more than the reader has room for: at first `buffer` elements, and as many more as the reader takes. When there is no room the stream is not asked for its next elements.
 *
 * Payload, typed errors, defects, `layer`, deadline, progress, log lines, spans and the name of the caller are as for `Task`.
 *
 * **Guarantees**
 *
 * - Ownership: a stream that has ended, or was left, has no call that runs.
 * - Interruption: leaving the stream early (`Stream.take`) or interrupting its reader interrupts the stream in the worker once and waits for its finalizers, by the same steps as for a task. A defect of theirs is a defect of the stream.
 * - Failure: the elements that arrived before a failure are given first. Then the stream fails with its own error, or with `TaskRunnerError`: `Lost` if its worker died, `Unserializable` if an element cannot travel.
 * - Order: elements arrive in the order in which the stream gives them, each once.
 * - Bounds: at most `buffer` elements have been sent and not been handed to the reader.
 *
 * **Gotchas**
 *
 * There is no `idempotent` here. A flavour does not run a stream again whose worker was lost while it ran, for its elements may have been used. To try again is for the program, which knows what it has seen: `Stream.retry`.
 *
 * Elsewhere the stream runs ahead of its reader by up to `buffer` elements: what it did for those that nobody takes has happened.
 *
 * The bound is a number of elements. Where they are large, choose a small `buffer`. A Stream computes its elements in chunks of its own: one that makes 4,096 at once has them in the worker's memory, and sends them as the reader has room.
 *
 * Memory of `Task.buffer` has no way to travel in an element: `make` refuses such a schema. Bytes travel as `Schema.Uint8Array`, as text.
 *
 * **Example** (Leaving a stream when enough is there)
 *
 * ```ts
 * import * as TaskStream from "@skein/parallel/TaskStream"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 * import * as Stream from "effect/Stream"
 *
 * class Empty extends Schema.TaggedError<Empty>()("Empty", {}) {}
 *
 * // In a module of its own, which exports it.
 * const words = TaskStream.make("words", {
 *   module: import.meta,
 *   payload: Schema.String,
 *   success: Schema.String,
 *   error: Empty,
 *   run: (text) => text === "" ? Stream.fail(new Empty()) : Stream.fromIterable(text.split(" "))
 * })
 *
 * const two = words("as they come").pipe(Stream.take(2), Stream.runCollect)
 * console.log(await Effect.runPromise(two)) // => [ 'as', 'they' ]
 *
 * const none = words("").pipe(Stream.catchTag("Empty", () => Stream.make("nothing")), Stream.runCollect)
 * console.log(await Effect.runPromise(none)) // => [ 'nothing' ]
 * ```
 *
 * @see Task for tasks that give one value
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as Stream from "effect/Stream"
import { codecOf } from "./internal/taskCodec.ts"
import { SharedLayer } from "./internal/taskLayer.ts"
import * as taskOptions from "./internal/taskOptions.ts"
import * as parts from "./internal/taskParts.ts"
import { hostOf, type Streaming } from "./internal/taskStreamHost.ts"
import * as reader from "./internal/taskStreamRead.ts"
import type { AnySchema } from "./Task.ts"
import * as TaskRunner from "./TaskRunner.ts"

/**
 * How to make one call.
 *
 * @category options
 * @since 0.1.0
 */
export interface CallOptions {
  /**
   * Which calls a worker takes first when there are more than it can run. Says nothing inline.
   *
   * @default "normal"
   */
  readonly priority?: "high" | "normal" | "low" | undefined
  /**
   * How many elements may have been sent and not been handed to the reader: a whole number of at least 1. Says nothing inline.
   *
   * @default 64
   */
  readonly buffer?: number | undefined
}

/**
 * A portable task that gives many values: called with a payload it gives a Stream, which runs where the `TaskRunner` of its fiber says.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskStream<in P, out A, out E = never> {
  /** Describes a call. A number in the place of options says nothing: it is the index that a map hands over. */
  (payload: P, options?: CallOptions | number): Stream.Stream<A, E | TaskRunner.TaskRunnerError>
  readonly name: string
  /** What a flavour has to know of it. */
  readonly definition: TaskRunner.Definition
}

/**
 * How to make a task of a stream.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<P extends AnySchema, A extends AnySchema, E extends AnySchema, R> {
  /**
   * The module that exports the task: `import.meta`, or its absolute URL. It is loaded again in each worker.
   *
   * @default none: the task runs inline only
   */
  readonly module?: { readonly url: string; readonly main?: boolean | undefined } | URL | string | undefined
  /**
   * The name it is exported by.
   *
   * @default the name of the task
   */
  readonly export?: string | undefined
  readonly payload: P
  /** The schema of one element. */
  readonly success: A
  /**
   * The errors of the stream.
   *
   * @default none
   */
  readonly error?: E | undefined
  /** Gives the stream of a call. What it throws is a defect. */
  readonly run: (payload: P["Type"]) => Stream.Stream<A["Type"], NoInfer<E>["Type"], NoInfer<R>>
  /**
   * The services that the stream needs. Built once a worker; inline, once for all calls that run at the same time. One that cannot be built is a defect of the call.
   *
   * @default none
   */
  readonly layer?: Layer.Layer<R, unknown> | undefined
}

/** Under this key a worker finds the host of a task. */
const hostKey = Symbol.for("@skein/parallel/Task")

/**
 * Makes a task of a stream.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const make = <P extends AnySchema, A extends AnySchema, E extends AnySchema = typeof Schema.Never, R = never>(
  name: string,
  options: Options<P, A, E, R>
): TaskStream<P["Type"], A["Type"], E["Type"]> => {
  const { definition, error, layer, payload, run, success } = taskOptions.readStream(name, options)
  if (holdsMemory(success.ast, new Set())) {
    throw Settings.mustBe("TaskStream.make", "success", "a Schema without Task.buffer, for elements travel as text", success)
  }
  const codecs = { payload: codecOf(payload), success: codecOf(Schema.Null), error: codecOf(error) }
  const element = codecOf(success)
  const hosted: Streaming = { name, ...codecs, element, run: run as Streaming["run"], layer: undefined }
  const sharing = (keep: boolean): Streaming => (layer === undefined ? hosted : { ...hosted, layer: new SharedLayer(name, layer, keep) })
  const here = sharing(false)
  const callee = { definition, ...codecs }
  const task = (payload: unknown, options?: CallOptions | number): Stream.Stream<unknown, unknown> => {
    const { buffer, priority } = read(typeof options === "number" ? undefined : options)
    return Stream.unwrap(
      Effect.withFiber((fiber) => {
        const runner = Context.get(fiber.context, TaskRunner.TaskRunner)
        if (runner.run === undefined) return Effect.succeed(reader.inline(here, payload))
        if (definition.module === "") return Effect.fail(homeless(name, runner.flavour))
        return Effect.succeed(reader.elsewhere({ runner, run: runner.run, callee, element, payload, priority, buffer }))
      })
    )
  }
  Object.defineProperty(task, "name", { value: name, configurable: true })
  return Object.assign(task, { definition, [hostKey]: hostOf(sharing(true)) }) as never
}

const read = (options: CallOptions = {}): { readonly priority: "high" | "normal" | "low"; readonly buffer: number } => {
  Settings.known("task", options, ["priority", "buffer"])
  return {
    priority: Settings.oneOf("task", "priority", options.priority, ["normal", "high", "low"]),
    buffer: options.buffer === undefined ? 64 : Settings.whole("task", "buffer", options.buffer)
  }
}

const homeless = (task: string, flavour: string): TaskRunner.TaskRunnerError =>
  new TaskRunner.TaskRunnerError({
    task,
    flavour,
    reason: { _tag: "ModuleNotFound", module: "its module", message: "TaskStream.make was given none, so it runs inline only" }
  })

/** Whether a value of a schema may hold memory that travels beside the text. */
const holdsMemory = (ast: SchemaAST.AST, seen: Set<SchemaAST.AST>): boolean => {
  if (seen.has(ast)) return false
  seen.add(ast)
  const holds = (one: SchemaAST.AST): boolean => holdsMemory(one, seen)
  switch (ast._tag) {
    case "Declaration": {
      const link = ast.annotations?.["toCodecJson"]
      return (typeof link === "function" && parts.links.has(link)) || ast.typeParameters.some(holds)
    }
    case "Objects":
      return ast.propertySignatures.some(({ type }) => holds(type)) || ast.indexSignatures.some(({ type }) => holds(type))
    case "Arrays":
      return ast.elements.some(holds) || ast.rest.some(holds)
    case "Union":
      return ast.types.some(holds)
    case "Suspend":
      return holds(ast.thunk())
    default:
      return false
  }
}
