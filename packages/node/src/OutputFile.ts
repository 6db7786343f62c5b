/**
 * Keeps what a piece of work writes in a file, as it comes.
 *
 * An output file owns one file descriptor, from the first byte that it takes until its scope closes. It has one owner at a time, who adds to it and never empties it.
 *
 * The module holds `make`, the `OutputFile` that it makes, `run` for commands whose output goes to such files, and what there is to do with the folders they lie in.
 *
 * **When to use**
 *
 * Use it for output that is to be looked at while it grows, or found after the process has died. What is small and read once is better captured by `Command`.
 *
 * **Details**
 *
 * The file and its folder are made when the first byte comes. What lies there already stays, and the new bytes come after it.
 *
 * A disk that fails does not fail the work: the bytes that come then are lost, and `failure` and `flush` say why. The file keeps the beginning, without gaps.
 *
 * **Guarantees**
 *
 * - Ownership: the descriptor is closed with the scope, after what was taken has been written.
 * - Interruption: who waits in `write` or `flush` may be interrupted at any step; what was taken is written all the same.
 * - Failure: `OutputFileError` says what the system said. No byte is written after one that was lost.
 * - Order: bytes are in the file in the order in which they were taken.
 * - Bounds: twice `buffer` is held for a disk that is slower, and a piece more for each who waits in `write`.
 * - Cost: one trip to Node's file threads for all that came during the one before.
 *
 * **Gotchas**
 *
 * What was written has been handed to the system: it outlives this process, not the machine.
 *
 * **Example** (Keeping what comes)
 *
 * ```ts
 * import { OutputFile } from "@skein/node"
 * import * as Effect from "effect/Effect"
 * import { mkdtempSync, rmSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 *
 * const folder = mkdtempSync(join(tmpdir(), "output-"))
 * const path = join(folder, "words.txt")
 *
 * const program = Effect.gen(function*() {
 *   const output = yield* OutputFile.make(path)
 *   for (const word of ["one ", "two ", "three ", "four"]) yield* output.write(word)
 *   yield* output.flush
 *   const { bytes, size } = yield* OutputFile.readTail(path, { bytes: 10 })
 *   return `${size} bytes, the last are "${new TextDecoder().decode(bytes)}"`
 * })
 *
 * console.log(await Effect.runPromise(Effect.scoped(program))) // => 18 bytes, the last are "three four"
 * rmSync(folder, { recursive: true })
 * ```
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { resolve } from "node:path"
import type * as Command from "./Command.ts"
import { run as runLine } from "./internal/command/run.ts"
import { plain } from "./internal/command/options.ts"
import type { Line } from "./internal/command/plan.ts"
import type { OutputFileError } from "./internal/output/failure.ts"
import * as folder from "./internal/output/folder.ts"
import { Sink } from "./internal/output/sink.ts"
import type { Target } from "./internal/output/tee.ts"

export { OutputFileError, type Reason } from "./internal/output/failure.ts"
export type { FileTail } from "./internal/output/folder.ts"
export type { Target } from "./internal/output/tee.ts"

/**
 * How output is kept.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * How many bytes may wait for the disk before who writes has to wait: a whole number of at least 1.
   *
   * @default 1048576 (1 MiB)
   */
  readonly buffer?: number | undefined
}

/**
 * A file that output is added to.
 *
 * @category models
 * @since 0.1.0
 */
export interface OutputFile extends Target {
  readonly path: string
  /** How many bytes there are: those that the file had before, and those that were taken since. 0 until the first is taken. */
  readonly size: number
  /** Why the file does not have all of it. */
  readonly failure: OutputFileError | undefined
  /** Adds a text or bytes, and waits while too many wait for the disk. After the close it does nothing. */
  readonly write: (data: string | Uint8Array) => Effect.Effect<void>
  /** Adds a text or bytes for somebody who cannot wait, such as a logger: when too many wait for the disk they are written before it returns. After the close it does nothing. */
  readonly push: (data: string | Uint8Array) => void
  /** Adds a text or bytes, and says whether there is room for more. */
  readonly take: (data: string | Uint8Array) => boolean
  /** Waits until the system has all that was taken; fails if it could not take it. */
  readonly flush: Effect.Effect<void, OutputFileError>
  /** Writes what is left and closes the file. Who made it by `makeUnsafe` calls this; otherwise the scope does. */
  readonly close: Effect.Effect<void>
}

/**
 * Makes an output file that its scope closes.
 *
 * @throws RangeError if the path is no path, or an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const make = (path: string, options?: Options): Effect.Effect<OutputFile, never, Scope.Scope> => {
  const settings = read("OutputFile.make", path, options)
  return Effect.acquireRelease(
    Effect.sync(() => new Sink(...settings)),
    (sink) => sink.close
  )
}

/**
 * Makes an output file that whoever made it has to close.
 *
 * @throws RangeError if the path is no path, or an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const makeUnsafe = (path: string, options?: Options): OutputFile => new Sink(...read("OutputFile.makeUnsafe", path, options))

const read = (where: string, path: string, options: Options = {}): [path: string, buffer: number] => {
  if (plain(where, "path", path) === "") throw Settings.mustBe(where, "path", "a string that is not empty", path)
  Settings.known(where, options, ["buffer"])
  return [path, options.buffer === undefined ? 1024 * 1024 : Settings.whole(where, "buffer", options.buffer)]
}

/**
 * Runs a command, what it writes going to output files (or other targets) while it runs, beside what the command captures of it.
 *
 * **Details**
 *
 * A stream that the command sends elsewhere than to `capture` brings nothing. A program that writes faster than the disk waits for it; one that is being stopped does not.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (
  command: Command.Command,
  to: { readonly stdout?: Target | undefined; readonly stderr?: Target | undefined }
): Effect.Effect<Command.Output, Command.CommandError> => {
  Settings.known("OutputFile.run", to, ["stdout", "stderr"])
  return runLine(command as unknown as Line, to)
}

/**
 * Gives a name for a folder that no other text gives, also where names that differ in case only are the same: readable words of the text, and a digest of it. It has at most 93 characters.
 *
 * @category folders
 * @since 0.1.0
 */
export const folderName = (text: string): string => folder.folderName(text)

/**
 * The path from the root that a path means now, which may start at the working directory.
 *
 * @category folders
 * @since 0.1.0
 */
export const absolutePath = (path: string): string => resolve(path)

/**
 * Makes a folder, and those above it. One that is there already is fine.
 *
 * @category folders
 * @since 0.1.0
 */
export const makeFolder: (path: string) => Effect.Effect<void, OutputFileError> = folder.makeFolder

/**
 * Removes a folder with all that is in it. Links in it are removed, not followed. None there is fine.
 *
 * @category folders
 * @since 0.1.0
 */
export const removeFolder: (path: string) => Effect.Effect<void, OutputFileError> = folder.removeFolder

/**
 * Gives a folder another name in one step, beside the old one, and gives its path: the place is free while `removeFolder` takes the time it needs. `undefined` if nothing was there.
 *
 * @category folders
 * @since 0.1.0
 */
export const moveAside: (path: string) => Effect.Effect<string | undefined, OutputFileError> = folder.moveAside

/**
 * Lists the names in a folder that `folderName` or `moveAside` gave; what else lies there is not named. Nothing there is none.
 *
 * @category folders
 * @since 0.1.0
 */
export const listFolders: (path: string) => Effect.Effect<ReadonlyArray<string>, OutputFileError> = folder.listFolders

/**
 * Reads the last bytes of a file, also while somebody adds to it.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category reading
 * @since 0.1.0
 */
export const readTail = (
  path: string,
  options: {
    /**
     * How many at most: a whole number.
     *
     * @default 65536 (64 KiB)
     */
    readonly bytes?: number | undefined
  } = {}
): Effect.Effect<folder.FileTail, OutputFileError> => {
  Settings.known("OutputFile.readTail", options, ["bytes"])
  return folder.readTail(path, options.bytes === undefined ? 64 * 1024 : Settings.whole("OutputFile.readTail", "bytes", options.bytes, 0))
}
