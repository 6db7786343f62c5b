/**
 * Gives jobs streams of their own: what a job writes to its standard output, its standard error and its log is kept by its engine, apart from that of every other job.
 *
 * The engine owns the output of its runs. It keeps the last bytes of each stream, and all of them in the run's own folder if it has a `directory`; the folder goes when the engine forgets the run, which its `retention` says.
 *
 * The module holds what a job calls to write, `JobOutput`, which is what a handle gives of it, and `read` for runs of other processes.
 *
 * **When to use**
 *
 * Inside a job, for what is to be found by who looks at the job. What other jobs need is better given as a result. For programs see `CommandJob`.
 *
 * **Details**
 *
 * Lines of `Effect.log` go to the log of the job that writes them, its fibers included, and to the loggers that were there before. A job that replaces its loggers without `mergeWithExisting` replaces this one too.
 *
 * The folder of a run holds `stdout.txt`, `stderr.txt`, `log.txt` and, for a command, `command.sh`; each is there once something is in it. All attempts of a run write to the same ones, those after a crash too.
 *
 * **Guarantees**
 *
 * - Ownership: files are closed when the run has ended, folders go with the run, and both before the engine has closed.
 * - Failure: a disk that fails does not fail the job; `failure` of the stream and `flush` say why, and the engine logs it.
 * - Order: the bytes of a stream are kept in the order in which they were written.
 * - Bounds: a tail for each stream of a run that has not ended; 64 MiB for those that have and are in no file, the oldest going first.
 * - Cost: a job that writes nothing costs a record, and no file.
 *
 * **Gotchas**
 *
 * `console.log` belongs to the process, not to a job.
 *
 * A directory belongs to one engine at a time. An engine without a store leaves the folders of its last runs there, and a later run with the same id takes the place of one.
 *
 * **Example** (Two jobs that write at once)
 *
 * ```ts
 * import { Engine, Job, JobOutput } from "@skein/engine"
 * import * as Effect from "effect/Effect"
 *
 * const count = (name: string) =>
 *   Job.make(name, {
 *     run: Effect.forEach([1, 2, 3], (n) => Effect.andThen(JobOutput.stdout(`${name} ${n}\n`), Effect.sleep(1)), { discard: true })
 *   })
 *
 * const program = Effect.gen(function*() {
 *   const engine = yield* Engine.make()
 *   const [a, b] = yield* engine.submitAll([count("a"), count("b")])
 *   yield* engine.awaitIdle
 *   return [(yield* a.output).stdout.text, (yield* b.output).stdout.text]
 * })
 *
 * console.log(await Effect.runPromise(Effect.scoped(program))) // => [ 'a 1\na 2\na 3\n', 'b 1\nb 2\nb 3\n' ]
 * ```
 *
 * @since 0.1.0
 */
import type * as OutputFile from "@skein/node/OutputFile"
import * as Settings from "@skein/core/Settings"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { Name } from "./internal/output/channel.ts"
import { CurrentOutput } from "./internal/output/current.ts"
import { readOutput } from "./internal/output/outputs.ts"
import type { RunOutput } from "./internal/output/runOutput.ts"

/**
 * What one run has written.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobOutput {
  /** The folder of the run, where its files are if it has written any. */
  readonly directory: string | undefined
  readonly stdout: Stream
  readonly stderr: Stream
  /** The lines of `Effect.log`, in the form of `Logger.formatLogFmt`, and why attempts failed. */
  readonly log: Stream
}

/**
 * What one run has written to one of its streams.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stream {
  /** The last of it, as UTF-8. */
  readonly text: string
  /** How many bytes there are in all. */
  readonly size: number
  /** How many of them came before `text`. */
  readonly dropped: number
  /** The file that has all of it. */
  readonly path: string | undefined
  /** Why the file does not have all of it, or could not be read. */
  readonly failure: OutputFile.OutputFileError | undefined
}

const withOutput = <A, E>(use: (output: RunOutput) => Effect.Effect<A, E>, otherwise: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) => {
    const output = Context.get(fiber.context, CurrentOutput)
    return output === undefined ? otherwise : use(output)
  })

const write =
  (name: Name) =>
  (data: string | Uint8Array): Effect.Effect<void> =>
    withOutput((output) => output.write(name, data), Effect.void)

/**
 * Writes to the standard output of the job, as it is: no line end is added. Waits while too much waits for the disk. Outside of a job it does nothing.
 *
 * @category writing
 * @since 0.1.0
 */
export const stdout: (data: string | Uint8Array) => Effect.Effect<void> = write("stdout")

/**
 * Writes to the standard error of the job, as `stdout` does to its standard output.
 *
 * @category writing
 * @since 0.1.0
 */
export const stderr: (data: string | Uint8Array) => Effect.Effect<void> = write("stderr")

/**
 * Waits until the system has all that the job has written; fails if it could not take it. For a job that is to fail with its output.
 *
 * @category writing
 * @since 0.1.0
 */
export const flush: Effect.Effect<void, OutputFile.OutputFileError> = withOutput((output) => output.flush, Effect.void)

/**
 * Gives the folder of the run, which is there afterwards: for files of the job's own, too. None outside of a job, or if the engine has no directory.
 *
 * @category getters
 * @since 0.1.0
 */
export const directory: Effect.Effect<Option.Option<string>, OutputFile.OutputFileError> = withOutput(
  (output) => output.directory,
  Effect.succeedNone
)

/**
 * Reads what a run has written so far that an engine of another process has, or had: from the directory of that engine and the id of the run. For a run that wrote nothing the streams are empty.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category reading
 * @since 0.1.0
 */
export const read = (
  directory: string,
  id: string,
  options: {
    /**
     * How many of the last bytes of each stream: a whole number.
     *
     * @default 65536 (64 KiB)
     */
    readonly tail?: number | undefined
  } = {}
): Effect.Effect<JobOutput> => {
  const where = "JobOutput.read"
  Settings.known(where, options, ["tail"])
  return readOutput(directory, id, options.tail === undefined ? 64 * 1024 : Settings.whole(where, "tail", options.tail, 0))
}
