/**
 * Runs portable tasks in worker threads: the worker flavour of `TaskRunner`.
 *
 * A thread shares the memory of the process (buffers can be given away or shared, not copied) and survives `process.exit`, a throw that nobody catches, and a JavaScript heap that is full. A native crash, or memory
 * beyond the heap, takes the whole process with it: for that there is `Processes`.
 *
 * **When to use**
 *
 * Use for work that keeps a core busy, and where a loop that never waits shall not stop the rest of the program. Work that mostly waits needs no thread.
 *
 * **Guarantees**
 *
 * - Ownership: no thread outlives the layer, and no task its call; a thread that cannot be ended is reported as `Stuck`.
 * - Interruption: a call that is interrupted returns when its task has ended, with its finalizers, or its thread has been ended by force (see `Flavour` for the times).
 * - Failure: a thread that dies fails the tasks that ran in it, with exit code or signal. Calls it had not started run in another one, and none runs twice unless it declares itself idempotent and `retryLost` allows it.
 * - Order: first in, first out within a priority.
 * - Bounds: at most `size` worker threads with `concurrency` tasks each.
 * - Cost: see bench/README.md.
 *
 * **Gotchas**
 *
 * A thread that is in a native call which does not return cannot be ended. Its caller is answered after `max(1 s, grace)`, at most a minute, and the event `Stuck` says which one it is.
 *
 * Standard output of threads passes through the main thread: it comes late while that is busy.
 *
 * **Example** (Moving a program off its thread)
 *
 * ```ts
 * import { Workers } from "@skein/node"
 * import { TaskRunner } from "@skein/parallel"
 * import * as Effect from "effect/Effect"
 *
 * const where = Effect.map(TaskRunner.TaskRunner, ({ flavour }) => `tasks run in flavour ${flavour}`)
 *
 * console.log(await Effect.runPromise(where)) // => tasks run in flavour inline
 * console.log(await Effect.runPromise(Effect.provide(where, Workers.layer({ size: 2 })))) // => tasks run in flavour worker
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Flavour from "./Flavour.ts"
import { Pool } from "./internal/pool/pool.ts"
import { servicesOf } from "./internal/pool/runner.ts"
import { bootOf, read, readMemory, readForce } from "./internal/pool/settings.ts"
import * as softKill from "./internal/pool/softKill.ts"
import * as threadLink from "./internal/pool/threadLink.ts"

/**
 * The options of the layer. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Flavour.Options {
  /**
   * The size of a thread's JavaScript heap and stack in bytes. Buffers are not counted.
   *
   * @default those of Node
   */
  readonly memory?: { readonly heap?: number | undefined; readonly stack?: number | undefined } | undefined
  /**
   * What is ended by force when a task does not stop: its `worker`, or at first the `call` alone, where it is a plain function in a loop that never waits. That is done by the inspector; the thread takes no further call, releases what the layers of its tasks hold, and ends as others do;
   * `finally` blocks of the function are skipped either way. Only what has the stack since the function was called is ended so, not what it does after an `await` or inside an `AsyncResource`. Needs a `concurrency` of 1.
   * Without effect while a debugger is attached or `NODE_V8_COVERAGE` is set, and in layers that are built inside a worker thread.
   *
   * @default "worker"
   */
  readonly force?: "worker" | "call" | undefined
}

/**
 * The pool of worker threads, as a service.
 *
 * @category services
 * @since 0.1.0
 */
export const Workers: Context.Service<Workers, Flavour.Flavour> = Context.Service("@skein/node/Workers")

/**
 * Identifies the service in types.
 *
 * @category services
 * @since 0.1.0
 */
export interface Workers {
  readonly _: unique symbol
}

/**
 * Runs the tasks of a program in worker threads.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Workers> => {
  const where = "Workers.layer"
  const plan = read(where, "worker", options, ["memory", "force"])
  const memory = readMemory(where, options.memory, ["heap", "stack"])
  const soft = readForce(where, options.force, plan) ? softKill.make() : undefined
  const boot = bootOf("thread", plan)
  const make = Effect.sync(() => new Pool(plan, (worker, listener) => threadLink.open(worker, { boot, plan, memory, soft }, listener)))
  return Layer.effectContext(
    Effect.map(
      Effect.acquireRelease(make, (pool) => pool.close),
      (pool) => servicesOf(Workers, plan, pool)
    )
  )
}
