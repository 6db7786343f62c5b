/**
 * Puts the output of jobs where it goes: in blocks, line by line, in the order of the input, tagged, as JSON records, into files.
 *
 * What a job wrote comes out in one piece, standard output before standard error, and nothing of another job within it; line by line, nothing of another job within a line.
 * Captured output belongs to this module from `finished` and `retried` on, and is given back however it ends.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Captured, CaptureLost, Part } from "./capture.ts"
import type { Which } from "./executor.ts"
import type { Job, JobRecord } from "./job.ts"
import { jsonRecord } from "./jsonRecord.ts"
import { endsWithin, prefixed, type WholeLines, wholeLines } from "./lineParts.ts"
import * as order from "./order.ts"
import * as results from "./results.ts"
import { OutputError, type Sink } from "./sink.ts"

export type { OutputError } from "./sink.ts"

export interface Options {
  readonly stdout: Sink
  readonly stderr: Sink
  /**
   * `group`: all of a job's output when it is over. `line`: whole lines as they come; with the order of the input they come when the job is over, each ended. `json`: one record a job on standard output. `none`: nothing.
   * Output that jobs inherit never comes here.
   *
   * @default "group"
   */
  readonly mode?: "group" | "line" | "json" | "none" | undefined
  /** @default "finished" */
  readonly order?: "finished" | "input" | undefined
  /**
   * With the order of the input: how many jobs may be started that are not out yet.
   *
   * @default 1000
   */
  readonly ahead?: number | undefined
  /**
   * Stands before each line, followed by a tab.
   *
   * @default no tag
   */
  readonly tag?: ((job: Job) => string) | undefined
  /**
   * A directory that gets a directory for each job: `stdout`, `stderr`, `job.json`.
   *
   * @default none
   */
  readonly results?: string | undefined
  /**
   * What these directories are named by.
   *
   * @default "seq"
   */
  readonly resultsBy?: "seq" | "input" | undefined
}

export interface Outputs {
  /** What is to be asked of the executor. */
  readonly wants: "capture" | "chunks"
  /** Waits until a job may start, where the order is that of the input. Call it before the job takes a slot. */
  readonly admit: (job: Job) => Effect.Effect<void>
  /** It is skipped, or will never be started. */
  readonly skip: (job: Job) => Effect.Effect<void, OutputError>
  /** Where chunks are wanted: a piece of the output of a running job. Waits where the reader is slow. */
  readonly chunk: (job: Job, which: Which, bytes: Uint8Array) => Effect.Effect<void, OutputError>
  /** The job is over; `output` is that of its last attempt. Done when the sink took it, or others must come first; waits where the reader is slow. */
  readonly finished: (record: JobRecord, output: Captured | undefined) => Effect.Effect<void, OutputError>
  /** An attempt failed and another follows: what it wrote is thrown away, except for lines that are out already. */
  readonly retried: (job: Job, output: Captured | undefined) => Effect.Effect<void, OutputError>
  /** Nothing more comes. Lets out what waits, past the gaps, and waits until the sinks have written it. */
  readonly end: Effect.Effect<void, OutputError>
}

/** Makes the directory of results, where one is wanted. */
export const make = (options: Options): Effect.Effect<Outputs, OutputError> =>
  Effect.map(
    options.results === undefined ? Effect.succeed(undefined) : results.make(options.results, options.resultsBy ?? "seq"),
    (kept) => withResults(options, kept)
  )

const withResults = (options: Options, kept: results.Results | undefined): Outputs => {
  const inOrder = options.order === "input" ? order.make<OutputError>(options.ahead ?? 1000) : undefined
  const chunks = options.mode === "line" && inOrder === undefined
  const one = Semaphore.makeUnsafe(1)
  const out = writing(options)
  const live = liveLines(options)
  const folders = new Map<number, results.Folder>()

  const folderOf = (job: Job, kept: results.Results): Effect.Effect<results.Folder, OutputError> =>
    Effect.suspend(() => {
      const known = folders.get(job.seq)
      if (known !== undefined) return Effect.succeed(known)
      return Effect.tap(kept.folder(job), (folder) => Effect.sync(() => void folders.set(job.seq, folder)))
    })

  const keep = (record: JobRecord, output: Captured | undefined): Effect.Effect<void, OutputError> => {
    if (kept === undefined) return Effect.void
    return Effect.flatMap(folderOf(record.job, kept), (folder) => {
      folders.delete(record.job.seq)
      // Chunks are in the files already.
      return folder.finish(record, chunks ? undefined : output)
    })
  }

  return {
    wants: chunks ? "chunks" : "capture",
    admit: (job) => inOrder?.admit(job.seq) ?? Effect.void,
    skip: (job) => inOrder?.skip(job.seq) ?? Effect.void,
    chunk: (job, which, bytes) =>
      kept === undefined
        ? live.chunk(job, which, bytes)
        : Effect.andThen(
            Effect.flatMap(folderOf(job, kept), (folder) => folder.append(which, bytes)),
            live.chunk(job, which, bytes)
          ),
    finished: (record, output) =>
      Effect.suspend(() => {
        const dispose = Effect.sync(() => output?.dispose())
        const write = Effect.ensuring(chunks ? live.end(record.job) : out(record, output), dispose)
        const kept = Effect.onError(keep(record, output), () => dispose)
        if (inOrder !== undefined)
          return Effect.andThen(
            kept,
            inOrder.done(record.job.seq, write, () => output?.dispose())
          )
        if (chunks || isSilent(options, output)) return Effect.andThen(kept, write)
        return Effect.andThen(
          kept,
          Effect.onError(one.withPermit(write), () => dispose)
        )
      }),
    retried: (job, output) =>
      Effect.suspend(() => {
        output?.dispose()
        folders.get(job.seq)?.clear()
        return chunks ? live.end(job) : Effect.void
      }),
    end: Effect.gen(function* () {
      yield* inOrder?.end ?? Effect.void
      yield* options.stdout.flush
      yield* options.stderr.flush
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          for (const folder of folders.values()) folder.close()
          folders.clear()
        })
      )
    )
  }
}

/** Most jobs of the kind that comes in tens of thousands say nothing. */
const isSilent = (options: Options, output: Captured | undefined): boolean =>
  options.mode === "none" || (options.mode !== "json" && (output === undefined || output.size === 0))

/** Writes all of a job's output; the caller sees to it that nobody else does meanwhile. */
const writing = (options: Options): ((record: JobRecord, output: Captured | undefined) => Effect.Effect<void, OutputError>) => {
  const { mode = "group", stderr, stdout } = options
  if (mode === "none") return () => Effect.void
  if (mode === "json") return (record, output) => lost(record.job, jsonRecord(record, output, stdout.write))
  const block = (job: Job, part: Part, sink: Sink): Effect.Effect<void, OutputError> => {
    const tag = tagOf(options, job)
    if (tag === undefined && mode === "group") return lost(job, part.writeTo(sink.write))
    const prefix = prefixed(tag ?? "")
    let within = false
    const lines = part.writeTo((bytes) => {
      within = endsWithin(bytes)
      return sink.write(prefix(bytes))
    })
    return Effect.andThen(
      lost(job, lines),
      Effect.suspend(() => (within ? sink.write(newline) : Effect.void))
    )
  }
  return (record, output) =>
    Effect.gen(function* () {
      if (output === undefined) return
      if (output.stdout.size > 0) yield* block(record.job, output.stdout, stdout)
      if (output.stderr.size === 0) return
      // The two may be one terminal: there, what is said first appears first.
      yield* stdout.flush
      yield* block(record.job, output.stderr, stderr)
      yield* stderr.flush
    })
}

const newline = Buffer.from("\n")

/** A tag is one line. */
const tagOf = ({ tag }: Options, job: Job): string | undefined => (tag === undefined ? undefined : `${tag(job).replaceAll("\n", " ")}\t`)

const lost = <A>(job: Job, effect: Effect.Effect<A, OutputError | CaptureLost>): Effect.Effect<A, OutputError> =>
  Effect.catchTag(effect, "CaptureLost", (reason) => Effect.fail(new OutputError({ target: `output of job ${job.seq}`, reason })))

interface Live {
  readonly lines: WholeLines
  readonly prefix: (bytes: Uint8Array) => Uint8Array
  readonly sink: Sink
  /** What came out last ended within a line: a line was too long to be kept whole. */
  within: boolean
}

/** Lines of running jobs. A last line that was not ended is ended, or the next job's would go on in it. */
const liveLines = (options: Options) => {
  const streams = new Map<string, Live>()
  const streamOf = (job: Job, which: Which): Live => {
    const name = `${job.seq} ${which}`
    const known = streams.get(name)
    if (known !== undefined) return known
    const tag = tagOf(options, job)
    const made: Live = { lines: wholeLines(), prefix: tag === undefined ? same : prefixed(tag), sink: options[which], within: false }
    streams.set(name, made)
    return made
  }
  const rest = (job: Job, which: Which): Effect.Effect<void, OutputError> => {
    const name = `${job.seq} ${which}`
    const stream = streams.get(name)
    streams.delete(name)
    if (stream === undefined) return Effect.void
    const bytes = stream.lines.rest()
    if (bytes === undefined) return stream.within ? stream.sink.write(newline) : Effect.void
    return stream.sink.write(stream.prefix(Buffer.concat([bytes, newline])))
  }
  return {
    chunk: (job: Job, which: Which, bytes: Uint8Array): Effect.Effect<void, OutputError> =>
      Effect.suspend(() => {
        const stream = streamOf(job, which)
        const whole = stream.lines.feed(bytes)
        if (whole === undefined) return Effect.void
        stream.within = endsWithin(whole)
        return stream.sink.write(stream.prefix(whole))
      }),
    end: (job: Job): Effect.Effect<void, OutputError> => Effect.suspend(() => Effect.andThen(rest(job, "stdout"), rest(job, "stderr")))
  }
}

const same = (bytes: Uint8Array): Uint8Array => bytes
