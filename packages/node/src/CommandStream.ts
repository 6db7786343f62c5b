/**
 * Reads and writes commands as streams.
 *
 * A stream owns its program, as a command does: when the stream is over, left early or interrupted, nothing is left of it that must not be. It is an entry of its own because `effect/Stream` is heavy; the main entry does not load it.
 *
 * The module holds `bytes` and `lines` of a command, and `through`, which sends a stream through one.
 *
 * **Details**
 *
 * What a program writes is given as it comes; how it ended shows afterwards: the stream ends if it ended well, and fails with the `CommandError` otherwise. Its standard error is read all the time, and the error has the last 4 kB of it.
 * `maxBytes` and `overflow` do not count here.
 *
 * **Guarantees**
 *
 * - Ownership: the program and its tree, the pipes, and for `through` a fiber that runs the stream that is its input.
 * - Interruption: stops the program and waits for that.
 * - Failure: that of the program, or of the stream that is its input; then the program sees no end of its input, and is stopped. Leaving early is no failure.
 * - Order: that of the bytes.
 * - Bounds: a program whose output is not taken stands still when its pipe is full, and so does the stream whose program reads no more; some 200 kB are under way.
 *
 * **Gotchas**
 *
 * The time that the reader takes is part of the time that `timeout` counts.
 *
 * **Example** (Sending a stream through two programs)
 *
 * ```ts
 * import { Command } from "@skein/node"
 * import * as CommandStream from "@skein/node/CommandStream"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const sorted = Stream.make("pear\n", "apple\n", "pear\n").pipe(
 *   CommandStream.through(Command.make("sort")),
 *   CommandStream.through(Command.make("uniq", ["-c"])),
 *   Stream.decodeText,
 *   Stream.splitLines
 * )
 * console.log((await Effect.runPromise(Stream.runCollect(sorted))).map((line) => line.trim())) // => [ '1 apple', '2 pear' ]
 *
 * const first = CommandStream.lines(Command.make("yes")).pipe(Stream.take(2), Stream.runCollect)
 * console.log(await Effect.runPromise(first)) // => [ 'y', 'y' ]
 * ```
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import * as Stream from "effect/Stream"
import { type Command, type CommandError, make } from "./Command.ts"
import { open } from "./internal/command/stream.ts"
import type { Line } from "./internal/command/plan.ts"

/**
 * What a command writes to its standard output, as it comes. The stream ends when the command has ended well, and fails otherwise.
 *
 * @throws RangeError if the command's `stdout` is not "capture"
 * @category streams
 * @since 0.1.0
 */
export const bytes = (command: Command): Stream.Stream<Uint8Array, CommandError> => {
  const line = lineOf("CommandStream.bytes", command)
  return Stream.scoped(Stream.fromPull(open<never, never>(line, undefined)))
}

/**
 * The lines that a command writes to its standard output, as UTF-8, without their ends.
 *
 * @throws RangeError if the command's `stdout` is not "capture"
 * @category streams
 * @since 0.1.0
 */
export const lines = (command: Command): Stream.Stream<string, CommandError> => {
  const line = lineOf("CommandStream.lines", command)
  return Stream.splitLines(Stream.decodeText(Stream.scoped(Stream.fromPull(open<never, never>(line, undefined)))))
}

/**
 * Sends a stream through a command: the stream is its input, the result its output.
 *
 * @throws RangeError if the command's `stdout` is not "capture", or its `stdin` says something
 * @category streams
 * @since 0.1.0
 */
export const through = (
  command: Command
): (<E, R>(self: Stream.Stream<string | Uint8Array, E, R>) => Stream.Stream<Uint8Array, CommandError | E, R>) => {
  const where = "CommandStream.through"
  const { stdin } = command.options
  if (stdin !== undefined && stdin !== "pipe") throw Settings.mustBe(where, "stdin", `"pipe" or left out`, stdin)
  const line = lineOf(where, make(command.program, command.args, { ...command.options, stdin: "pipe" }))
  return (self) => Stream.scoped(Stream.fromPull(open(line, (write) => Stream.runForEachWhile(self, write))))
}

const lineOf = (where: string, command: Command): Line => {
  const { stdout } = command.options
  if (stdout !== undefined && stdout !== "capture") throw Settings.mustBe(where, "stdout", `"capture"`, stdout)
  return command as Command & Line
}
