/**
 * Runs portable tasks in child processes: the process flavour of `TaskRunner`.
 *
 * A process has memory of its own, and its end concerns nobody else, be it a native crash, the kernel's hand when memory is short, or a signal. Payloads and results are copied through pipes; shared memory is refused.
 *
 * Each process leads a process group, so that its descendants are killed with it. When this process ends without closing the layer, by SIGKILL too, a watchdog ends all of them.
 *
 * **When to use**
 *
 * Use for work that may crash natively, leak or take memory without a bound, or call what cannot be stopped otherwise. Where a thread will do it is cheaper to start and to talk to.
 *
 * **Guarantees**
 *
 * - Ownership: no process outlives the layer, and no task its call; a process that cannot be ended is reported as `Stuck`.
 * - Interruption: a call that is interrupted returns when its task has ended, with its finalizers, or its process has been ended by force (see `Flavour` for the times).
 * - Failure: a process that dies fails the tasks that ran in it, with exit code or signal. Calls it had not started run in another one, and none runs twice unless it declares itself idempotent and `retryLost` allows it.
 * - Order: first in, first out within a priority.
 * - Bounds: at most `size` child processes with `concurrency` tasks each.
 * - Cost: see bench/README.md.
 *
 * **Gotchas**
 *
 * A process has its own environment and standard streams: it inherits standard output and error, and has no standard input.
 *
 * The watchdog needs `/bin/sh`, and `/proc` to find descendants that left their group. Without these, processes end when they notice that their pipe is closed, which a busy loop does not.
 *
 * **Example** (Moving a program off its thread)
 *
 * ```ts
 * import { Processes } from "@skein/node"
 * import { TaskRunner } from "@skein/parallel"
 * import * as Effect from "effect/Effect"
 *
 * const where = Effect.map(TaskRunner.TaskRunner, ({ flavour }) => `tasks run in flavour ${flavour}`)
 *
 * console.log(await Effect.runPromise(where)) // => tasks run in flavour inline
 * console.log(await Effect.runPromise(Effect.provide(where, Processes.layer({ size: 2 })))) // => tasks run in flavour process
 * ```
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Flavour from "./Flavour.ts"
import { Pool } from "./internal/pool/pool.ts"
import * as processLink from "./internal/pool/processLink.ts"
import { servicesOf } from "./internal/pool/runner.ts"
import { bootOf, read, readMemory } from "./internal/pool/settings.ts"
import * as ProcessTree from "./ProcessTree.ts"

/**
 * The options of the layer. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Flavour.Options {
  /**
   * The size of a process's JavaScript heap in bytes. Buffers are not counted.
   *
   * @default that of Node
   */
  readonly memory?: { readonly heap?: number | undefined } | undefined
  /**
   * Where what tasks print goes: to the standard output of this process, or to its standard error, so that its own output is not mixed with theirs.
   *
   * @default "inherit"
   */
  readonly stdout?: "inherit" | "stderr" | undefined
}

/**
 * The pool of child processes, as a service.
 *
 * @category services
 * @since 0.1.0
 */
export const Processes: Context.Service<Processes, Flavour.Flavour> = Context.Service("@skein/node/Processes")

/**
 * Identifies the service in types.
 *
 * @category services
 * @since 0.1.0
 */
export interface Processes {
  readonly _: unique symbol
}

/**
 * Runs the tasks of a program in child processes.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Processes> => {
  const where = "Processes.layer"
  const plan = read(where, "process", options, ["memory", "stdout"])
  const stdout = Settings.oneOf(where, "stdout", options.stdout, ["inherit", "stderr"])
  const { heap } = readMemory(where, options.memory, ["heap"])
  const boot = bootOf("process", plan)
  const flags = heap === undefined ? [] : [`--max-old-space-size=${Math.max(1, Math.round(heap / 2 ** 20))}`]
  const make = (tree: ProcessTree.ProcessTree): Pool =>
    new Pool(plan, (_worker, listener) => processLink.open({ boot, plan, flags, stdout, tree }, listener))
  return Layer.effectContext(
    Effect.map(
      // The tree closes after the pool, and waits until what the last workers left behind is gone.
      Effect.flatMap(ProcessTree.make(), (tree) =>
        Effect.acquireRelease(
          Effect.sync(() => make(tree)),
          (pool) => pool.close
        )
      ),
      (pool) => servicesOf(Processes, plan, pool)
    )
  )
}
