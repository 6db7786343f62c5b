/**
 * Makes tasks that run where a program wants them: in the calling fiber, in a worker thread, in a child process.
 *
 * A task is a function with a name, a schema for what goes in, one for what comes out and one for its errors. Called it gives an effect, which runs inline unless a layer of the service `TaskRunner` moves it; the
 * program does not change. A call owns what it starts: it returns when the task has ended with its finalizers run. The module holds `make`, `map` (the bulk form) and `buffer` (a schema of bytes that travel beside the text).
 *
 * **When to use**
 *
 * Use for work that keeps a thread busy, that may crash, or that has to be stopped by force. Work that waits for others (requests, timers) gains nothing elsewhere: leave it an effect.
 *
 * **Details**
 *
 * | you have | write |
 * | --- | --- |
 * | an effect, or a function beside effects | `run`, in a module that exports the task; its worker loads Effect |
 * | services that it needs | `layer`: built once a worker; inline, once for the calls that run at the same time |
 * | a plain function | `handler`: a module of its own, whose worker loads neither Effect nor schemas |
 * | bytes, shared memory | `Task.buffer(Float64Array)` in the place of `Schema.Uint8Array` |
 *
 * A payload or a result travels as JSON text, by `Schema.toCodecJson`: what comes out equals what went in, NaN, infinities, -0, Dates, bigints, Options, classes and errors among them. Fields that a schema does not know do not
 * travel. Functions, and objects of classes that no schema describes, are refused with their place in the value, inline too.
 *
 * A defect keeps its name, message, stack, `cause`, the `errors` of an `AggregateError` and its own fields that JSON can hold. What annotates a cause stays behind. A layer that cannot be built is a defect of the calls that waited for it;
 * the next call tries again.
 *
 * The deadline around a call holds for the task too: it can be read and extended inside, and a gather inside answers it with what it has. Progress reports go to the observers of the calling task, log lines to the loggers of the
 * caller, spans hang below the span of the caller.
 *
 * **Guarantees**
 *
 * - Ownership: a call returns after its task has ended, or after the place it ran in has been given up.
 * - Interruption: interrupting a call interrupts the task once and waits for its cleanup. A value that the task still gives is kept where a limit or a deadline of Skein interrupted it.
 * - Failure: a typed error arrives as the same class with its fields. A call that has no answer of its own fails with `TaskRunnerError`, whose `mayHaveRun` says whether the work may have happened.
 * - Cost: inline a call costs a look at payload and result, some 0.2 µs; elsewhere each side has a cost of its own of some 0.5 µs beside JSON and the travel; see bench/README.md.
 *
 * **Gotchas**
 *
 * A worker loads the module of the task again, with all that it imports: start no servers and open no connections at its top level, and do not define tasks in the module that starts the program.
 *
 * Inline the value itself is handed over. Elsewhere it is a copy: what the task changes in its payload, its caller does not see.
 *
 * **Example** (A task with a typed error)
 *
 * ```ts
 * import * as Task from "@skein/parallel/Task"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 *
 * class NotPositive extends Schema.TaggedError<NotPositive>()("NotPositive", { n: Schema.Number }) {}
 *
 * // In a module of its own, which exports it.
 * const root = Task.make("root", {
 *   module: import.meta,
 *   payload: Schema.Number,
 *   success: Schema.Number,
 *   error: NotPositive,
 *   run: (n) => n < 0 ? Effect.fail(new NotPositive({ n })) : Effect.succeed(Math.sqrt(n))
 * })
 *
 * console.log(await Effect.runPromise(root(9))) // => 3
 * const recovered = Effect.catchTag(root(-4), "NotPositive", ({ n }) => Effect.succeed(n))
 * console.log(await Effect.runPromise(recovered)) // => -4
 *
 * const wrong = root("nine" as never)
 * const refused = await Effect.runPromise(Effect.flip(wrong))
 * console.log(refused._tag === "TaskRunnerError" && refused.mayHaveRun) // => no
 * ```
 *
 * @see TaskRunner for the places where tasks run
 * @since 0.1.0
 */
import type * as GatherResult from "@skein/core/GatherResult"
import * as Settings from "@skein/core/Settings"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as gather from "./internal/gatherPlan.ts"
import { execute as executeBulk } from "./internal/taskBulkHost.ts"
import * as call from "./internal/taskCall.ts"
import { codecOf } from "./internal/taskCodec.ts"
import { type Hosted, hostOf } from "./internal/taskHost.ts"
import * as inline from "./internal/taskInline.ts"
import { SharedLayer } from "./internal/taskLayer.ts"
import * as bulk from "./internal/taskMap.ts"
import * as taskOptions from "./internal/taskOptions.ts"
import * as parts from "./internal/taskParts.ts"
import * as work from "./internal/work.ts"
import type { GatherTimeout, ItemOf, MapOptions, Source, SourceError, SourceServices } from "./Options.ts"
import { parallelMap } from "./parallelMap.ts"
import * as TaskHandler from "./TaskHandler.ts"
import * as TaskRunner from "./TaskRunner.ts"

/**
 * A schema that needs no services to encode or decode.
 *
 * @category models
 * @since 0.1.0
 */
export type AnySchema = Schema.ConstraintCodec<unknown, unknown>

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
}

/**
 * A portable task: called with a payload it gives an effect, which runs where the `TaskRunner` of its fiber says.
 *
 * @category models
 * @since 0.1.0
 */
export interface Task<in P, out A, out E = never> {
  /** Describes a call. A number in the place of options says nothing: it is the index that a map hands over, so `parallelMap(items, task)` is a program. */
  (payload: P, options?: CallOptions | number): Effect.Effect<A, E | TaskRunner.TaskRunnerError>
  readonly name: string
  /** What a flavour has to know of it. */
  readonly definition: TaskRunner.Definition
  /** Reads and writes what it is called with, gives and fails with as JSON text. */
  readonly json: Json
}

/**
 * The JSON texts of a task, by its own schemas: for programs that get payloads as text and keep or pass on results as text, and may stand on another copy of Effect than the task's module.
 *
 * @category models
 * @since 0.1.0
 */
export interface Json {
  readonly payload: JsonText
  readonly success: JsonText
  /** Of its typed errors. */
  readonly error: JsonText
}

/**
 * Reads and writes the values of one schema as JSON text. Both functions throw an `Error` for what does not fit.
 *
 * @category models
 * @since 0.1.0
 */
export interface JsonText {
  readonly read: (text: string) => unknown
  readonly write: (value: unknown) => string
}

/**
 * How to make a task of an effect.
 *
 * @category options
 * @since 0.1.0
 */
export interface EffectOptions<P extends AnySchema, A extends AnySchema, E extends AnySchema, R> {
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
  readonly success: A
  /**
   * The errors of `run`.
   *
   * @default none
   */
  readonly error?: E | undefined
  /**
   * The work: an effect, or a function that gives its value or a promise of it.
   *
   * What such a function throws, and what its promise rejects with, is a defect: typed errors are failures of effects. A promise cannot be told to stop: a call that is interrupted waits for it, and its value is kept. A
   * `handler` gets a signal.
   */
  readonly run: (
    payload: P["Type"]
  ) => Effect.Effect<A["Type"], NoInfer<E>["Type"], NoInfer<R>> | NoInfer<A>["Type"] | PromiseLike<NoInfer<A>["Type"]>
  /**
   * The services that `run` needs. Built once a worker; inline, once for all calls that run at the same time. One that cannot be built is a defect of the call.
   *
   * @default none
   */
  readonly layer?: Layer.Layer<R, unknown> | undefined
  /**
   * Whether a call may run twice without harm. Then a flavour may run it again after its worker was lost.
   *
   * @default false
   */
  readonly idempotent?: boolean | undefined
}

/**
 * How to make a task of a plain function in a module of its own.
 *
 * @category options
 * @since 0.1.0
 */
export interface HandlerOptions<P extends AnySchema, A extends AnySchema, E extends AnySchema> {
  /** Where the function is. It is called with the JSON form of the payload and a `Context` of `@skein/parallel/TaskHandler`. */
  readonly handler: { readonly module: URL | string; readonly export: string }
  readonly payload: P
  readonly success: A
  /**
   * What the function may throw: a thrown value whose fields this schema accepts is the typed error, any other is a defect.
   *
   * @default none
   */
  readonly error?: E | undefined
  /**
   * Whether a call may run twice without harm. Then a flavour may run it again after its worker was lost.
   *
   * @default false
   */
  readonly idempotent?: boolean | undefined
}

/** Under this key a worker finds the host of a task. */
const hostKey = Symbol.for("@skein/parallel/Task")

/** Under this key `map` finds how a task's items travel. */
const calleeKey = Symbol.for("@skein/parallel/Task/callee")

/**
 * Makes a task of an effect, or of a plain function in a module of its own.
 *
 * **Example** (Services that are built once)
 *
 * ```ts
 * import * as Task from "@skein/parallel/Task"
 * import * as Context from "effect/Context"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as Schema from "effect/Schema"
 *
 * class Words extends Context.Service<Words, { readonly has: (word: string) => boolean }>()("app/Words") {}
 *
 * const read = Effect.sync(() => {
 *   console.log("reading") // => reading
 *   return new Set(["skein", "thread"])
 * })
 *
 * const check = Task.make("check", {
 *   module: import.meta,
 *   payload: Schema.String,
 *   success: Schema.Boolean,
 *   layer: Layer.effect(Words, read),
 *   run: (word) => Effect.map(Words, (words) => words.has(word))
 * })
 *
 * const result = await Effect.runPromise(Task.map(check, ["skein", "skien"]))
 * console.log(result.outcomes.map((outcome) => outcome._tag === "Completed" && outcome.value)) // => [ true, false ]
 * ```
 *
 * @throws RangeError if an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  /** Makes a task of a plain function in a module of its own. */
  <P extends AnySchema, A extends AnySchema, E extends AnySchema = typeof Schema.Never>(
    name: string,
    options: HandlerOptions<P, A, E>
  ): Task<P["Type"], A["Type"], E["Type"]>
  /** Makes a task of an effect. */
  <P extends AnySchema, A extends AnySchema, E extends AnySchema = typeof Schema.Never, R = never>(
    name: string,
    options: EffectOptions<P, A, E, R>
  ): Task<P["Type"], A["Type"], E["Type"]>
} = (name: string, options: unknown): Task<any, any, any> => {
  const read = taskOptions.read(name, options)
  const { definition } = read
  const codecs = { payload: codecOf(read.payload), success: codecOf(read.success), error: codecOf(read.error) }
  const callee: call.Callee = { definition, ...codecs }
  const inFiber = read.run === undefined ? undefined : effectsOf(read, codecs)
  const inThread = read.run === undefined ? inline.ofHandler(name, () => load(definition)) : undefined
  const task = (payload: unknown, options?: CallOptions | number): Effect.Effect<unknown, unknown> => {
    const priority = options === undefined || typeof options === "number" ? "normal" : priorityOf(options)
    return Effect.withFiber((fiber) => {
      const runner = Context.get(fiber.context, TaskRunner.TaskRunner)
      if (runner.run === undefined) {
        if (inFiber !== undefined) return inline.ofEffect(inFiber.inline, payload)
        return call.make(fiber, runner, inThread!, callee, payload, priority)
      }
      if (definition.module === "") return Effect.fail(homeless(name, runner.flavour))
      return call.make(fiber, runner, runner.run, callee, payload, priority)
    })
  }
  Object.defineProperty(task, "name", { value: name, configurable: true })
  return Object.assign(task, {
    definition,
    json: jsonOf(codecs),
    [calleeKey]: callee,
    ...(inFiber === undefined ? undefined : { [hostKey]: inFiber.host })
  }) as never
}

const jsonOf = ({ error, payload, success }: Pick<call.Callee, "payload" | "success" | "error">): Json => ({
  payload: textOf(payload),
  success: textOf(success),
  error: textOf(error)
})

const textOf = (codec: call.Callee["payload"]): JsonText => ({
  read: (text) => codec.fromPlainWire({ text }),
  write: (value) => codec.write(value)
})

const effectsOf = (
  { definition, layer, run }: taskOptions.Read,
  codecs: Pick<Hosted, "payload" | "success" | "error">
): { readonly inline: Hosted; readonly host: TaskRunner.Host } => {
  const { name } = definition
  const effectOf = (payload: unknown): Effect.Effect<unknown, unknown, any> => {
    const given = run!(payload)
    if (Effect.isEffect(given)) return given
    return isPromise(given) ? Effect.uninterruptible(Effect.promise(() => given)) : Effect.succeed(given)
  }
  const hosted = { name, ...codecs, run: effectOf }
  return {
    inline: { ...hosted, layer: layer === undefined ? undefined : new SharedLayer(name, layer, false) },
    host: hostOf({ ...hosted, layer: layer === undefined ? undefined : new SharedLayer(name, layer, true) }, executeBulk)
  }
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && typeof (value as { readonly then?: unknown }).then === "function"

const priorityOf = (options: CallOptions): call.Priority => {
  Settings.known("task", options, ["priority"])
  return Settings.oneOf("task", "priority", options.priority, ["normal", "high", "low"])
}

const homeless = (task: string, flavour: string): TaskRunner.TaskRunnerError =>
  new TaskRunner.TaskRunnerError({
    task,
    flavour,
    reason: { _tag: "ModuleNotFound", module: "its module", message: "Task.make was given none, so it runs inline only" }
  })

const load = async (definition: TaskRunner.Definition): Promise<TaskRunner.Host["execute"]> => {
  const module = (await import(/* @vite-ignore */ definition.module)) as { readonly [key: string]: unknown }
  const value = module[definition.export]
  if (typeof value === "function") return TaskHandler.execute(value as never)
  throw new TypeError(`it exports no function named ${JSON.stringify(definition.export)}`)
}

type BufferType =
  | typeof ArrayBuffer
  | typeof SharedArrayBuffer
  | typeof DataView
  | typeof Int8Array
  | typeof Uint8Array
  | typeof Uint8ClampedArray
  | typeof Int16Array
  | typeof Uint16Array
  | typeof Int32Array
  | typeof Uint32Array
  | typeof Float32Array
  | typeof Float64Array
  | typeof BigInt64Array
  | typeof BigUint64Array

/**
 * Makes a schema of bytes or shared memory, which keep their form on their way: they travel beside the JSON text instead of in it.
 *
 * **Details**
 *
 * It may stand anywhere in a payload or a result. Memory is copied unless it is shared. With `transfer` it is given away: the sender's view is empty afterwards. A view of a part of a larger buffer is copied in any case, and only
 * that part travels. Inline nothing is copied and nothing given away: the value itself is handed over. A `Buffer` of Node arrives as a `Uint8Array`.
 *
 * @throws RangeError if `type` or an option is wrong
 * @category constructors
 * @since 0.1.0
 */
export const buffer = <T extends BufferType>(
  type: T,
  options?: {
    /**
     * Gives the memory away instead of copying it.
     *
     * @default false
     */
    readonly transfer?: boolean | undefined
  }
): Schema.declare<InstanceType<T>> => {
  const where = "Task.buffer"
  if (typeof type !== "function" || !isBufferType(type)) {
    throw Settings.mustBe(where, "type", "ArrayBuffer, SharedArrayBuffer, DataView or the constructor of a typed array", type)
  }
  if (options !== undefined) Settings.known(where, options, ["transfer"])
  const transfer = options?.transfer ?? false
  if (typeof transfer !== "boolean") throw Settings.mustBe(where, "transfer", "a boolean", transfer)
  const toCodecJson = () =>
    Schema.link<InstanceType<T>>()(
      Reference,
      SchemaTransformation.transform({
        decode: (reference: parts.Reference) => parts.get(reference) as InstanceType<T>,
        encode: (value: InstanceType<T>) => parts.put(value as ArrayBuffer, transfer)
      })
    )
  parts.links.add(toCodecJson)
  const schema = Schema.declare((value): value is InstanceType<T> => value instanceof type && !parts.isGone(value), {
    expected: `${type.name} whose memory has not been given away`,
    toCodecJson
  })
  if (!transfer && Object.getPrototypeOf(type) === Object.getPrototypeOf(Uint8Array)) parts.copiedArrays.set(schema, type.name)
  return schema
}

const Reference = Schema.Struct({ [parts.key]: Schema.Int })

const isBufferType = (type: BufferType): boolean =>
  type === ArrayBuffer ||
  type === DataView ||
  (typeof SharedArrayBuffer === "function" && type === SharedArrayBuffer) ||
  Object.getPrototypeOf(type) === Object.getPrototypeOf(Uint8Array)

/**
 * Runs a task for each item of a source, at most `concurrency` at once, and gives one outcome per item in input order.
 *
 * **Details**
 *
 * The options are those of `parallelMap`, and so are the outcomes: each item has its own, with the clocks of the worker that ran it. Inline this is `parallelMap`.
 *
 * On a flavour items travel in chunks, two for each call that can be executed at once, so that a worker that ends one has the next. How many items a chunk has follows from what earlier ones took: some 2 ms of work. In a chunk
 * items run one after the other; one that has run for 10 ms gives the rest back, to be sent again. `concurrency` bounds what executes; left out, all of the flavour is used.
 *
 * Numbers and typed arrays (`Task.buffer` without `transfer`, not on shared memory) travel as they are, objects as one JSON text a chunk. With `retry`, `attemptTimeout`, `queueTimeout`, `span` or a `limiter` each item travels alone, and 16 times as
 * many calls are under way as can be executed at once.
 *
 * **Guarantees**
 *
 * - Failure: a worker that dies takes the item with it that ran: it fails with `Lost`. Those before it keep their outcomes, those behind it run elsewhere, none runs twice unless the task is idempotent.
 * - Interruption: an item whose `taskTimeout` is over is asked to stop alone. If it does not hear that, its worker is ended by force, and the rest of its chunk runs elsewhere.
 *
 * **Gotchas**
 *
 * An item that gives memory away (`Task.buffer` with `transfer`) travels alone, for it can be sent once only. A result that has such memory in it, or is longer than 16,384 characters, ends its chunk.
 *
 * An outcome from a worker thread may be seen (`onOutcome`, `onFailure: "interrupt"`) up to 10 ms after its end. A worker process writes to its pipe for each item, some microseconds each: for items that take no time threads are faster.
 *
 * @throws RangeError if an option is wrong or unknown; TypeError if `items` is not iterable, async iterable or a Stream, or `task` no task
 * @category combinators
 * @since 0.1.0
 */
export const map = <
  Items extends Source<unknown>,
  A,
  E,
  F extends "isolate" | "interrupt" = "isolate",
  D extends "partial" | "fail" = "partial"
>(
  task: Task<ItemOf<Items>, A, E>,
  items: Items,
  options?: MapOptions<ItemOf<Items>, NoInfer<A>, NoInfer<E> | TaskRunner.TaskRunnerError, F, D>
): Effect.Effect<
  GatherResult.GatherResult<A, E | TaskRunner.TaskRunnerError>,
  | ("interrupt" extends F ? E | TaskRunner.TaskRunnerError : never)
  | ("fail" extends D ? GatherTimeout<A, E | TaskRunner.TaskRunnerError> : never)
  | SourceError<Items, A, E | TaskRunner.TaskRunnerError>,
  SourceServices<Items>
> => {
  if (typeof task !== "function" || !("definition" in task))
    throw new TypeError(Settings.mustBe("Task.map", "task", "a Task", task).message)
  const run = (item: ItemOf<Items>) => task(item)
  const inline = parallelMap(items, run, options)
  return Effect.withFiber((fiber) => {
    const runner = Context.get(fiber.context, TaskRunner.TaskRunner)
    const { chunks } = runner
    if (chunks === undefined) return inline
    const callee = (task as { readonly [calleeKey]?: call.Callee })[calleeKey]
    const plan = gather.plan("Task.map", options as never, ["nameOf"])
    if (callee !== undefined && callee.definition.module !== "" && bulk.mayTravelTogether(plan)) {
      return bulk.run(
        plan,
        options?.concurrency === undefined ? undefined : plan.settings.concurrency,
        work.ofItems("Task.map", items, unused),
        { callee, runner, chunks }
      ) as typeof inline
    }
    if (options?.concurrency !== undefined) return inline
    return parallelMap(items, run, { ...options, concurrency: chunks.width * ahead } as typeof options)
  })
}

/** How many calls for each that can be executed at once are made, so that no worker waits for the next. */
const ahead = 16

const unused = (): Effect.Effect<void> => Effect.void
