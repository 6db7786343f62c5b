/**
 * Writes a line for each job that is over, and reads what an earlier run wrote: GNU parallel's job log, or JSON lines.
 *
 * A record is one append by one system call, made when the job is over, so it survives our death at any later moment. Of a log that was cut off within a record, the torn end is moved to `FILE.torn` when the log is opened next.
 *
 * In GNU parallel's format a newline within a command is written as a NUL, as parallel does, and tabs stay, since the command is the last column. A record without its newline is taken as torn there, even if all columns are
 * there: nobody can tell whether its command is whole, and the beginning of a command may be another job's command.
 *
 * A log that is a regular file belongs to one process at a time; `FILE.lock` says to which.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import type { Job, JobRecord } from "./job.ts"
import { type Entry, type Format, formatOf, header, lineOf, named, parse } from "./jobLogFormat.ts"
import * as lock from "./lock.ts"
import { lastAttempt } from "./records.ts"

export type { Entry } from "./jobLogFormat.ts"

export interface Options {
  readonly path: string
  /** @default that of what the file holds; of an empty one "json" where its name ends in `.json`, `.jsonl` or `.ndjson`, else "parallel" */
  readonly format?: Format | undefined
  /**
   * `append` keeps the records that are there, `replace` begins anew. Neither touches a file that is no job log.
   *
   * @default "append"
   */
  readonly existing?: "append" | "replace" | undefined
  /**
   * `each`: a record is on the disk before its job counts as done, which survives a loss of power, too.
   *
   * @default "never"
   */
  readonly sync?: "never" | "each" | undefined
  /** Is told each record that is there, in the order of the file, before `open` is done. */
  readonly onEntry?: ((entry: Entry) => void) | undefined
}

export interface JobLog {
  readonly format: Format
  /** How many records were there. */
  readonly entries: number
  /** What was found and repaired, or left as it is: sentences for people. */
  readonly notices: ReadonlyArray<string>
  /** What a job is known by in this format. */
  readonly id: (job: Job) => string
  /** Writes the record of a job that is over; of one that we stopped it writes nothing, so that a resumed run does it. Done: the record survives our death. */
  readonly append: (record: JobRecord) => Effect.Effect<void, JobLogError>
}

/** What is there is something else, or has the other format. Nothing was changed. */
export class NotAJobLog extends Data.TaggedError("NotAJobLog")<{ readonly message: string }> {}

/** Another process writes it. Nothing was changed; trying again helps when that one is done. */
export class Locked extends Data.TaggedError("Locked")<{ readonly message: string }> {}

/** It cannot be opened or read. Nothing was changed. */
export class Unreadable extends Data.TaggedError("Unreadable")<{ readonly message: string; readonly code: string }> {}

/** It cannot be written. A record that was not written is not there in part either. */
export class NotWritten extends Data.TaggedError("NotWritten")<{ readonly message: string; readonly code: string }> {}

export class JobLogError extends Data.TaggedError("JobLogError")<{
  readonly path: string
  readonly reason: NotAJobLog | Locked | Unreadable | NotWritten
}> {
  override get message(): string {
    return `job log ${this.path}: ${this.reason.message}`
  }
}

/** Opens it, and locks it until the scope closes. */
export const open = (options: Options): Effect.Effect<JobLog, JobLogError, Scope.Scope> =>
  Effect.gen(function* () {
    const { path } = options
    const file = yield* Effect.acquireRelease(opened(path), (file) => Effect.sync(() => fs.closeSync(file.fd)))
    const notices: Array<string> = []
    if (!file.regular) return make(options, file, options.format ?? named(path), 0, notices)
    const owner = yield* Effect.acquireRelease(locked(path), (owner) => Effect.sync(owner.release))
    if (owner.from !== undefined) notices.push(`process ${owner.from.pid}, which had it locked, is gone`)
    const log = yield* scan(path, file.fd, options.existing === "replace" ? undefined : options.onEntry)
    const format = log.format ?? options.format ?? named(path)
    const wrote = <A>(write: () => A): Effect.Effect<A, JobLogError> =>
      Effect.try({ try: write, catch: (error) => fault(path, error, NotWritten) })
    if (options.existing === "replace") {
      yield* wrote(() => fs.ftruncateSync(file.fd, 0))
      return yield* begun(make(options, file, options.format ?? format, 0, notices), wrote, file, 0)
    }
    if (options.format !== undefined && options.format !== format) {
      const message = `it holds ${name(format)}, and ${name(options.format)} are asked for`
      return yield* new JobLogError({ path, reason: new NotAJobLog({ message }) })
    }
    yield* wrote(() => repair(path, file.fd, log, notices))
    if (log.wrong.count > 0) notices.push(wrongLines(log.wrong))
    return yield* begun(make(options, file, format, log.entries, notices), wrote, file, log.complete ? log.size : log.whole)
  })

interface File {
  readonly fd: number
  readonly regular: boolean
}

const opened = (path: string): Effect.Effect<File, JobLogError> =>
  Effect.try({
    try: () => {
      const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_APPEND | fs.constants.O_CREAT, 0o666)
      return { fd, regular: fs.fstatSync(fd).isFile() }
    },
    catch: (error) => fault(path, error, Unreadable)
  })

const locked = (path: string): Effect.Effect<Extract<lock.Taken, { readonly _tag: "Mine" }>, JobLogError> =>
  Effect.gen(function* () {
    // One log may have several names.
    const beside = `${fs.realpathSync(path)}.lock`
    const taken = yield* Effect.try({ try: () => lock.take(beside), catch: (error) => fault(path, error, NotWritten) })
    if (taken._tag === "Mine") return taken
    const who = taken.by === undefined ? "somebody" : `process ${taken.by.pid} on ${taken.by.host}`
    const message = `${who} writes it (if not, remove ${beside})`
    return yield* new JobLogError({ path, reason: new Locked({ message }) })
  })

const name = (format: Format): string => (format === "json" ? "JSON lines" : "lines of GNU parallel's format")

/** What was found in a log. */
interface Scan {
  readonly format: Format | undefined
  readonly size: number
  readonly entries: number
  /** The number of bytes up to the end of the last line that has its newline. */
  readonly whole: number
  /** What follows it. */
  readonly rest: Buffer
  /** The rest is a record that lacks only its newline. */
  readonly complete: boolean
  readonly wrong: Wrong
}

interface Wrong {
  count: number
  readonly first: Array<number>
}

const chunkSize = 1 << 20

/** Takes in a log piece by piece. Throws `NotAJobLog`. */
const scanner = (onEntry: ((entry: Entry) => void) | undefined) => {
  const wrong: Wrong = { count: 0, first: [] }
  let pieces: Array<Buffer> = []
  let format: Format | undefined
  let entries = 0
  let size = 0
  let whole = 0
  let number = 0

  const line = (bytes: Buffer): void => {
    number++
    if (format === undefined) {
      format = formatOf(bytes.toString())
      if (format === undefined) throw new NotAJobLog({ message: "it is no job log: its first line is neither the header of one nor JSON" })
      if (format === "parallel") return
    }
    const entry = parse(format, bytes.toString())
    if (entry === undefined) {
      wrong.count++
      if (wrong.first.length < 5) wrong.first.push(number)
    } else {
      entries++
      onEntry?.(entry)
    }
  }

  return {
    feed: (chunk: Buffer): void => {
      let from = 0
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
        line(pieces.length === 0 ? chunk.subarray(from, end) : Buffer.concat([...pieces, chunk.subarray(from, end)]))
        pieces = []
        from = end + 1
        whole = size + from
      }
      if (from < chunk.length) pieces.push(Buffer.from(chunk.subarray(from)))
      size += chunk.length
    },
    end: (): Scan => {
      const rest = Buffer.concat(pieces)
      const text = rest.toString()
      const alone = format === undefined && rest.length > 0
      if (alone) {
        format = header.startsWith(text) ? "parallel" : formatOf(text)
        if (format === undefined) throw new NotAJobLog({ message: "it is no job log: it holds neither the header of one nor JSON" })
      }
      const last = format === "json" && rest.length > 0 ? parse(format, text) : undefined
      if (last !== undefined) {
        entries++
        onEntry?.(last)
      }
      return { format, size, entries, whole, rest, complete: last !== undefined || (alone && text === header), wrong }
    }
  }
}

const scan = (path: string, fd: number, onEntry: ((entry: Entry) => void) | undefined): Effect.Effect<Scan, JobLogError> =>
  Effect.gen(function* () {
    const chunk = Buffer.allocUnsafe(chunkSize)
    const found = scanner(onEntry)
    const checked = <A>(step: () => A): Effect.Effect<A, JobLogError> =>
      Effect.try({ try: step, catch: (error) => fault(path, error, Unreadable) })
    for (let at = 0; ;) {
      // Between reads it can be interrupted, within one the descriptor must stay open.
      const length = yield* Effect.uninterruptible(readAt(path, fd, chunk, at))
      if (length === 0) return yield* checked(found.end)
      yield* checked(() => found.feed(chunk.subarray(0, length)))
      at += length
    }
  })

const readAt = (path: string, fd: number, chunk: Buffer, position: number): Effect.Effect<number, JobLogError> =>
  Effect.callback((resume) => {
    fs.read(fd, chunk, 0, chunk.length, position, (error, length) =>
      resume(error === null ? Effect.succeed(length) : Effect.fail(fault(path, error, Unreadable)))
    )
  })

/** The torn end is kept elsewhere before it is cut off here: dying in between leaves it twice, which is noticed, and not lost, which is not. */
const repair = (path: string, fd: number, log: Scan, notices: Array<string>): void => {
  if (log.rest.length === 0) return
  if (log.complete) {
    writeAll(fd, newline)
    notices.push("its last line lacked the newline, and has it now")
    return
  }
  const torn = `${path}.torn`
  fs.appendFileSync(torn, Buffer.concat([log.rest, newline]))
  fs.ftruncateSync(fd, log.whole)
  notices.push(`its last line was written in part: ${log.rest.length} bytes were moved to ${torn}`)
}

const newline = Buffer.from("\n")

const wrongLines = ({ count, first }: Wrong): string =>
  count === 1
    ? `line ${first[0]} cannot be read and is left as it is`
    : `${count} lines cannot be read and are left as they are: ${first.join(", ")}${count > first.length ? " …" : ""}`

/** A log of GNU parallel's format has its header from the beginning. */
const begun = (
  log: JobLog,
  wrote: (write: () => void) => Effect.Effect<void, JobLogError>,
  file: File,
  size: number
): Effect.Effect<JobLog, JobLogError> =>
  Effect.as(log.format === "parallel" && size === 0 ? wrote(() => writeRecord(file, Buffer.from(`${header}\n`))) : Effect.void, log)

const make = (options: Options, file: File, format: Format, entries: number, notices: ReadonlyArray<string>): JobLog => {
  const { path, sync = "never" } = options
  const write = (record: JobRecord): Effect.Effect<void, JobLogError> =>
    Effect.try({
      try: () => writeRecord(file, Buffer.from(`${lineOf(format, record)}\n`)),
      catch: (error) => fault(path, error, NotWritten)
    })
  return {
    format,
    entries,
    notices,
    id: format === "json" ? (job) => job.key : (job) => job.text,
    append: (record) => {
      if (lastAttempt(record).why === "stopped") return Effect.void
      return sync === "each" ? Effect.andThen(write(record), synced(path, file.fd)) : write(record)
    }
  }
}

/** Of a record that did not fit, nothing stays: the next one must not be glued to its beginning. */
const writeRecord = (file: File, bytes: Buffer): void => {
  const before = file.regular ? fs.fstatSync(file.fd).size : 0
  try {
    writeAll(file.fd, bytes)
  } catch (error) {
    if (file.regular && fs.fstatSync(file.fd).size > before) fs.ftruncateSync(file.fd, before)
    throw error
  }
}

const writeAll = (fd: number, bytes: Buffer): void => {
  for (let at = 0; at < bytes.length;) at += fs.writeSync(fd, bytes, at)
}

const synced = (path: string, fd: number): Effect.Effect<void, JobLogError> =>
  Effect.callback((resume) => {
    fs.fdatasync(fd, (error) => resume(error === null ? Effect.void : Effect.fail(fault(path, error, NotWritten))))
  })

const fault = (path: string, error: unknown, Kind: typeof Unreadable | typeof NotWritten): JobLogError => {
  if (error instanceof NotAJobLog) return new JobLogError({ path, reason: error })
  const { code = "UNKNOWN" } = error as NodeJS.ErrnoException
  const message = sentences[code] ?? `${Kind === Unreadable ? "cannot be read" : "cannot be written"}: ${String((error as Error).message)}`
  return new JobLogError({ path, reason: new Kind({ message, code }) })
}

const sentences: { readonly [code: string]: string | undefined } = {
  EISDIR: "it is a directory",
  ENOENT: "its directory does not exist",
  EACCES: "this user may not read and write it, or the directory it is in",
  EROFS: "it lies on a file system that is only for reading",
  ENOSPC: "the disk is full",
  EDQUOT: "this user's share of the disk is used up"
}
