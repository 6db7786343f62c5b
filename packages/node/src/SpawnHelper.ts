/**
 * Has commands started by a small process, so that a start costs the event loop the same however much memory this process has.
 *
 * A helper belongs to the layer. It starts with the first command and is gone when the layer closes, or when this process ends in any way.
 *
 * The module holds `layer`.
 *
 * **When to use**
 *
 * Use it where a process holds hundreds of megabytes and must answer while it runs commands. To start a process the system copies the tables of the memory of the one who asks, and Node's event loop waits: 10 ms at 250 MB, 40 ms at 1 GB, for each
 * command. With little memory a direct start is quicker.
 *
 * **Details**
 *
 * Nothing else changes: directory, mask, environment and user are those that this process has when a command starts. The streams of a command are connected to this process without the helper in between, so no byte is copied and a slow
 * reader slows the program.
 *
 * **Guarantees**
 *
 * - Ownership: one process and one socket, gone when the layer has closed. They do not keep this process running while no command does.
 * - Failure: if the helper dies, what runs fails with `Lost` and its tree is killed, and the next command gets another helper. If it does not answer within its patience, it is killed, and the command fails with `SpawnFailed`: it did not run.
 * - Cost: some 40 MB and 40 ms of processor time for the helper; for a command a line of JSON, and a connection for each of its pipes.
 *
 * **Gotchas**
 *
 * The helper is the parent of the commands: their `PPID` is not this process, and tools that show a tree of processes show them below it.
 *
 * **Example** (Running a command beside much memory)
 *
 * ```ts
 * import { Command, SpawnHelper } from "@skein/node"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.map(Command.make("echo", ["hello"]), ({ stdout }) => stdout.trim())
 * console.log(await Effect.runPromise(Effect.provide(program, SpawnHelper.layer()))) // => hello
 * ```
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import type * as Duration from "effect/Duration"
import type * as Layer from "effect/Layer"
import * as internal from "./internal/command/spawnHelper.ts"

/**
 * How a helper is started.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * The file that it starts with, where a bundler has put it elsewhere: a bundle of `@skein/node/boot/spawner`.
   *
   * @default the one of this package
   */
  readonly boot?: URL | undefined
  /**
   * How long one start may take until the helper is taken for dead.
   *
   * @default "30 seconds"
   */
  readonly patience?: Duration.Input | undefined
}

/**
 * Commands that run with this layer are started by a helper of their own.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never> => {
  const where = "SpawnHelper.layer"
  Settings.known(where, options, ["boot", "patience"])
  const { boot, patience } = options
  if (boot !== undefined && !(boot instanceof URL)) throw Settings.mustBe(where, "boot", "a URL", boot)
  return internal.layer({ boot, patience: patience === undefined ? undefined : Settings.positiveMillis(where, "patience", patience) })
}
