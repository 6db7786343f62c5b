/**
 * Runs programs as effects: arguments that no shell reads, captured output, typed failures, and an end that takes the whole tree of processes with it.
 *
 * A running command owns its program and everything that descends from it, daemons included, until it ends well. When it fails, is interrupted or is late, nothing of that is left when it returns; when this process dies, by SIGKILL too,
 * a watchdog ends it. What a program that ended well left running on purpose is left alone, unless you ask.
 *
 * The module holds `make` and `template`, the `Command` they make, `start` for a program to talk to, and `CommandError` with its reasons.
 *
 * **When to use**
 *
 * `yield*` a command to have its output. Use `start` to write to it and read from it while it runs, `CommandStream` for streams, and `ServedApp` for a server.
 *
 * **Details**
 *
 * How it is stopped: SIGTERM to everybody in its tree, a second for all of them to end, then SIGKILL until nobody is left. The option `stop` changes signals and times.
 *
 * What is found, and so ended:
 *
 * | `tree` | how | who escapes |
 * | --- | --- | --- |
 * | `"tag"`, Linux | a variable of the environment, `SKEIN_TREE`, which descendants inherit | who clears its environment, writes over it or becomes another user, and has left the process group, too |
 * | `"namespace"`, Linux | a PID namespace, which ends with its program | nobody |
 * | `"tag"`, other systems | the process group | who has left the group |
 *
 * In a namespace a shell waits for the program, and tells its end as shells do: an exit code of 128 + n is read as signal n, also when the program chose it. `unshare` must be installed and allowed; otherwise the command fails with `NoNamespace`.
 *
 * **Guarantees**
 *
 * - Ownership: the program, its descendants, the pipes to them, and the iterator of `stdin: { chunks }`.
 * - Interruption: runs the stop sequence and waits for it, for as long as `stop` says and some milliseconds more. A program in the middle of its input sees no end of it before it is gone. If somebody in its tree had to be killed, so that cleanup was
 *   skipped, the interruption says so: `TaskRunner.killedIn` of its cause is there, with the flavour `"command"` and the process id as `worker`. The reasons of a command that was stopped, such as `TimedOut`, say it in `ended`.
 * - Failure: an end by a signal or with another exit code is never a success. A program that reads no more, or closes its output, has done nothing wrong.
 * - Bounds: `maxBytes` of each stream are held, and a piece more. A source of chunks that does not hear that it is over is waited for a second.
 * - Cost: that of `spawn` of Node, and a sixth more of this process's time; a look at all processes of the machine only when it was not a success.
 *
 * **Gotchas**
 *
 * - The program leads a session of its own: Ctrl-C in the terminal does not reach it. Interrupt the fiber (see `Signals`), and the whole tree hears of it.
 * - A program that runs commands of its own with this module, and does not handle SIGTERM, dies of it at once; its watchdog then kills its commands before their cleanup has ended. `Signals` and `NodeRuntime.runMain` handle it.
 * - Its pipes are sockets, as always in Node: a program that opens `/dev/stdout` or `/dev/stderr` by name fails. `>&1` works.
 * - A process that was left behind and still writes to the captured output finds it closed. Send its output elsewhere before it goes to the background.
 * - Its times are those of the machine, whatever `Clock` the fiber has: programs take no part in a simulation.
 * - A file without `#!` that may be executed is run by `/bin/sh`: the system does that, not we.
 *
 * **Example** (Telling failures apart)
 *
 * ```ts
 * import { Command } from "@skein/node"
 * import * as Effect from "effect/Effect"
 *
 * const words = ["it's", "two words", "$HOME"]
 * const { stdout } = await Effect.runPromise(Command.template`printf '%s\\n' ${words}`)
 * console.log(stdout.split("\n")) // => [ "it's", 'two words', '$HOME', '' ]
 *
 * const say = (command: Command.Command) =>
 *   command.pipe(
 *     Effect.map(() => "fine"),
 *     Effect.catchTag("CommandError", ({ message, reason }) => Effect.succeed(`${reason._tag}: ${message}`))
 *   )
 *
 * const script = Command.make(`echo "no $1" >&2; exit 3`, ["such thing"], { shell: "sh" })
 * console.log(await Effect.runPromise(say(script))) // => NonZeroExit: 'echo "no $1" >&2; exit 3' 'such thing': exit code 3: no such thing
 * console.log(await Effect.runPromise(say(Command.make("sleep", ["60"], { timeout: "50 millis" })))) // => TimedOut: sleep 60: took longer than 50ms
 * console.log(await Effect.runPromise(say(Command.make("no-such-program")))) // => NotFound: no-such-program: no such program: no-such-program
 * ```
 *
 * **Example** (Talking to a program)
 *
 * ```ts
 * import { Command } from "@skein/node"
 * import * as Effect from "effect/Effect"
 * import { once } from "node:events"
 *
 * const program = Effect.gen(function*() {
 *   const { exit, stdin, stdout } = yield* Command.start(Command.make("cat", [], { stdin: "pipe" }))
 *   stdin?.end("hello")
 *   const [answer] = yield* Effect.promise(() => once(stdout!, "data"))
 *   console.log(String(answer), yield* exit) // => hello { exitCode: 0, signal: null }
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Predicate from "effect/Predicate"
import * as CommandLine from "effect/process/CommandLine"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { CommandError } from "./internal/command/failure.ts"
import { defaults, type Options, plain, read, type Spec } from "./internal/command/options.ts"
import { type Output, run } from "./internal/command/run.ts"
import { type Running, start as startRunning } from "./internal/command/running.ts"

export {
  CommandError,
  FileFailed,
  Lost,
  NoDirectory,
  NoNamespace,
  NonZeroExit,
  NotFound,
  OutputTooLarge,
  PermissionDenied,
  type Reason,
  Signaled,
  SpawnFailed,
  StdinFailed,
  TimedOut
} from "./internal/command/failure.ts"
export type { Options, Stdin, Stdout, StopStep } from "./internal/command/options.ts"
export type { Output } from "./internal/command/run.ts"
export type { Ended, Running } from "./internal/command/running.ts"

const TypeId = "~@skein/node/Command"

/**
 * An argument: a text, or a secret that is shown in no message.
 *
 * @category models
 * @since 0.1.0
 */
export type Word = CommandLine.Word

/**
 * A program with its arguments and options: data, and an effect that runs it once each time it is run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Command extends Effect.Effect<Output, CommandError> {
  readonly [TypeId]: typeof TypeId
  readonly program: string
  readonly args: ReadonlyArray<Word>
  readonly options: Options
}

interface Made extends Command {
  readonly spec: Spec
}

const Proto = {
  ...Effectable.Prototype<Made>({
    label: "Command",
    evaluate() {
      return run(this)
    }
  }),
  [TypeId]: TypeId,
  toJSON(this: Made) {
    return { _id: "Command", command: display(this) }
  }
}

/** What is read from the options is no part of the data. */
const build = (where: string, program: string, args: ReadonlyArray<Word>, options: Options): Command => {
  if (plain(where, "program", program) === "") throw new RangeError(`${where}: program must be a string that is not empty, got ""`)
  if (!Array.isArray(args)) throw new RangeError(`${where}: args must be an array, got ${typeof args}`)
  args.forEach((arg: Word, index) => plain(where, `args[${index}]`, Redacted.isRedacted(arg) ? Redacted.value(arg) : arg))
  const command = Object.create(Proto) as Made
  void Object.defineProperty(command, "spec", { value: read(where, options) })
  return Object.freeze(Object.assign(command, { program, args: Object.freeze([...args]), options }))
}

/**
 * Makes a command of a program, which is looked for along `PATH`, and its arguments.
 *
 * @throws RangeError if something holds a NUL, or an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const make = (program: string, args: ReadonlyArray<Word> = [], options: Options = defaults): Command =>
  build("Command.make", program, args, options)

/**
 * What may stand in a hole of a template: one argument, or an array with several.
 *
 * @category models
 * @since 0.1.0
 */
export type Hole = CommandLine.TemplateExpression

/**
 * Makes a command of a line as one would type it. There is no shell: the text is split into words, and each hole is one argument, whatever it holds; an array is several.
 *
 * @throws RangeError if the text needs a shell or a quote is not closed, or for what `make` refuses
 * @category constructors
 * @since 0.1.0
 */
export const template: {
  /** Makes a command of a line as one would type it. */
  (text: TemplateStringsArray, ...holes: ReadonlyArray<Hole>): Command
  /** Gives the template that makes commands with these options. */
  (options: Options): (text: TemplateStringsArray, ...holes: ReadonlyArray<Hole>) => Command
} = (first: TemplateStringsArray | Options, ...rest: ReadonlyArray<Hole>): never => {
  const of =
    (options: Options) =>
    (text: TemplateStringsArray, ...holes: ReadonlyArray<Hole>): Command => {
      const words = CommandLine.template(text, ...holes)
      if (Result.isFailure(words))
        throw new RangeError(`Command.template: the text must be a line without shell syntax, got: ${words.failure.message}`)
      const [program, ...args] = words.success
      if (typeof program !== "string") throw new RangeError("Command.template: program must be a string, got a secret or nothing")
      return build("Command.template", program, args, options)
    }
  return (Array.isArray(first) ? of(defaults)(first as unknown as TemplateStringsArray, ...rest) : of(first as Options)) as never
}

/**
 * Starts a command for as long as the scope lives: with its streams, its end, and signals.
 *
 * @category running
 * @since 0.1.0
 */
export const start = (command: Command): Effect.Effect<Running, CommandError, Scope.Scope> => startRunning(command as Made)

/**
 * Whether a value is a command.
 *
 * @category guards
 * @since 0.1.0
 */
export const isCommand = (value: unknown): value is Command => Predicate.hasProperty(value, TypeId)

/**
 * The command line as one would type it, secrets hidden and control characters escaped: for people, not for shells.
 *
 * @category formatting
 * @since 0.1.0
 */
export const display = (command: Command): string => CommandLine.display([command.program, ...command.args])
