/** The two formats of a job log, line by line: GNU parallel's own, and JSON. */
import type { JobRecord } from "./job.ts"
import { inputOf, lastAttempt, seconds } from "./records.ts"

export type Format = "parallel" | "json"

/** A record of an earlier run. */
export interface Entry {
  /** What a job is known by: its `key` in JSON lines, its `text` in GNU parallel's format. */
  readonly id: string
  readonly ok: boolean
}

/** The first line in parallel's format. */
export const header = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand"

/** By its name, where nothing else says it. */
export const named = (path: string): Format => (/\.(json|jsonl|ndjson)$/i.test(path) ? "json" : "parallel")

/** Tells the format by the first line. */
export const formatOf = (first: string): Format | undefined => (first === header ? "parallel" : first.startsWith("{") ? "json" : undefined)

/** Its own columns, and those of parallel for jobs on other machines. */
const columns = /^\d+\t[^\t]*\t *[-\d.]+\t *[-\d.]+\t *\d+\t *\d+\t(-?\d+)\t(-?\d+)\t(.*)$/s

/** Reads a line; gives nothing where it is no record. */
export const parse = (format: Format, line: string): Entry | undefined => {
  if (format === "parallel") {
    const match = columns.exec(line)
    if (match === null) return undefined
    return { id: match[3]!.replaceAll("\0", "\n"), ok: match[1] === "0" && match[2] === "0" }
  }
  try {
    const { exit, key, signal, why } = JSON.parse(line) as { readonly [field: string]: unknown }
    if (typeof key !== "string" || typeof exit !== "number" || typeof signal !== "number") return undefined
    return { id: key, ok: exit === 0 && signal === 0 && (why === "exit" || why === undefined) }
  } catch {
    return undefined
  }
}

/** Writes a record as a line, without its newline. */
export const lineOf = (format: Format, record: JobRecord): string => (format === "json" ? jsonLine(record) : parallelLine(record))

/** As parallel writes it, with `:` for this machine. What parallel gives -1 for, we do: a timeout, and whatever is no exit and no signal. */
const parallelLine = (record: JobRecord): string => {
  const { endedAt, exitCode, signal, startedAt, why } = lastAttempt(record)
  const exit = why === "exit" || why === "not-found" || why === "denied" || (why === "signal" && signal !== 0) ? exitCode : -1
  const runtime = ((endedAt - startedAt) / 1000).toFixed(3).padStart(10)
  const { job, received } = record
  return [job.seq, ":", (startedAt / 1000).toFixed(3), runtime, 0, received, exit, signal, job.text.replaceAll("\n", "\0")].join("\t")
}

const jsonLine = (record: JobRecord): string => {
  const { endedAt, exitCode, signal, startedAt, why } = lastAttempt(record)
  const { job, received } = record
  return JSON.stringify({
    seq: job.seq,
    key: job.key,
    start: seconds(startedAt),
    seconds: seconds(endedAt - startedAt),
    exit: exitCode,
    signal,
    why,
    attempts: record.attempts.length,
    received,
    command: job.text,
    input: inputOf(job)
  })
}
