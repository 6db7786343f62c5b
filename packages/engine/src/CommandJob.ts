/**
 * Describes jobs that run programs.
 *
 * A command job owns, while it runs, what a `Command` owns: the program and everything that descends from it. What it writes goes to the output of its run while it writes it.
 *
 * **When to use**
 *
 * For programs that are steps of a graph, or whose output is to be found later. A program that is one line of a job's code is better run as a `Command` there; a server is a `ServedJob`.
 *
 * **Details**
 *
 * Its value is the `Output` of the command, with the last 64 KiB of each stream, unless its options say otherwise by `maxBytes` or `overflow`. An exit code that is not among `okCodes`, or an end by a signal, is a failure.
 *
 * In an engine with a `directory` the command line is kept in the run's folder as `command.sh`, secrets hidden, beside `stdout.txt` and `stderr.txt`.
 *
 * A durable engine keeps command jobs. It refuses those that are no data: with secrets among the arguments, or with `stdin: { chunks }`.
 *
 * **Gotchas**
 *
 * A command job whose process died while it ran has failed, for nobody knows how much of it has happened. `onLost: "resume"` runs it again.
 *
 * **Example** (The output of one command in another)
 *
 * ```ts
 * import { Engine, Job } from "@skein/engine"
 * import * as CommandJob from "@skein/engine/CommandJob"
 * import * as Effect from "effect/Effect"
 *
 * const who = CommandJob.make("who", { program: "echo", args: ["it's", "me"] })
 * const greet = CommandJob.make("greet", { program: "printf", args: ["<%s>", Job.result(who)] })
 *
 * const program = Effect.gen(function*() {
 *   const engine = yield* Engine.make()
 *   const [, greeting] = yield* engine.submitAll([who, greet])
 *   return (yield* greeting.join).stdout
 * })
 *
 * console.log(await Effect.runPromise(Effect.scoped(program))) // => <it's me>
 * ```
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import * as Command from "@skein/node/Command"
import { Description, type Given, known } from "./internal/description.ts"
import { commandWork } from "./internal/output/commandData.ts"
import { commandOf, type Form, formOf } from "./internal/output/commandForm.ts"
import { Place } from "./internal/references.ts"
import type * as Job from "./Job.ts"

/**
 * A text, or the place of one: the text or the number that another job gives, or what another command wrote, without the line ends at its end.
 *
 * @category models
 * @since 0.1.0
 */
export type Text = string | Job.ResultOf<string | number | Command.Output>

/**
 * An argument: a text or its place, a secret, a number, or the place of an array, which is several arguments.
 *
 * @category models
 * @since 0.1.0
 */
export type Argument = Command.Word | Text | number | Job.ResultOf<ReadonlyArray<string | number>>

/**
 * A command with places for the results of other jobs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Parts {
  readonly program: Text
  /** @default none */
  readonly args?: ReadonlyArray<Argument> | undefined
  /** @default those of a `Command` */
  readonly options?: PartOptions | undefined
}

/**
 * The options of a `Command`, with places in its environment and its input.
 *
 * @category options
 * @since 0.1.0
 */
export interface PartOptions extends Omit<Command.Options, "env" | "stdin"> {
  readonly env?: Readonly<Record<string, Text | undefined>> | undefined
  /** What another command wrote is read whole. */
  readonly stdin?: Command.Stdin | { readonly text: Text } | undefined
}

/**
 * The options of a command job beside its command.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Job.Options<Command.CommandError> {
  /**
   * Where it runs: in the folder of its run, which the engine's `directory` has to be there for (`"job"`), where its own option `directory` says (`"inherit"`), or at a path.
   *
   * @default "inherit"
   */
  readonly workingDirectory?: "job" | "inherit" | (string & {}) | undefined
}

const where = "CommandJob.make"

/**
 * Describes a job that runs a command.
 *
 * @throws RangeError if an option of the job or of the command is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  name: string,
  command: Command.Command | Parts,
  options: Options = {}
): Job.Job<Command.Output, Command.CommandError> => {
  Settings.known(where, options, ["workingDirectory", ...known])
  const { workingDirectory = "inherit", ...given } = options
  if (Settings.text(where, "workingDirectory", workingDirectory) === "" || workingDirectory.includes("\0")) {
    throw Settings.mustBe(where, "workingDirectory", `"job", "inherit" or a path`, workingDirectory)
  }
  const form = Command.isCommand(command) ? formOf(command.program, command.args, command.options) : formOfParts(command)
  if (workingDirectory !== "inherit" && form.options["directory"] !== undefined) {
    throw Settings.mustBe(where, "workingDirectory", `"inherit" for a command with a directory`, workingDirectory)
  }
  // Wrong options of the command are refused now, not when it runs.
  void commandOf(where, filled(form) as Form)
  return new Description(where, name, commandWork(workingDirectory), form, given as Given) as never
}

const formOfParts = (parts: Parts): Form => {
  Settings.known(where, parts, ["program", "args", "options"])
  const { args = [], options = {}, program } = parts
  if (!Array.isArray(args)) throw Settings.mustBe(where, "args", "an array", args)
  if (typeof options !== "object" || (options as unknown) === null) throw Settings.mustBe(where, "options", "an object", options)
  return formOf(program, args, { ...options })
}

/** The form with a text in each place. */
const filled = (value: unknown): unknown => {
  if (value instanceof Place) return "x"
  if (Array.isArray(value)) return value.map(filled)
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, filled(item)]))
}
