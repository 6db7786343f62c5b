/** Reads records of jobs as logs, reports and summaries need them. */
import type { Attempt, Job, JobRecord } from "./job.ts"

export const lastAttempt = (record: JobRecord): Attempt => record.attempts[record.attempts.length - 1]!

/** What files show of an input: the fields of a record, else the values. */
export const inputOf = (job: Job): Readonly<Record<string, string>> | ReadonlyArray<string> => job.input.fields ?? job.input.values

/** Milliseconds in seconds, to the microsecond. */
export const seconds = (millis: number): number => Math.round(millis * 1000) / 1e6

/** How a job ended, as records and files say it. */
export const endOf = (record: JobRecord) => {
  const { endedAt, exitCode, message, signal, startedAt, why } = lastAttempt(record)
  return {
    exit: exitCode,
    signal,
    why,
    ...(message === undefined ? {} : { message }),
    start: seconds(startedAt),
    seconds: seconds(endedAt - startedAt)
  }
}

/** What the system says when it refuses to write. */
export const refusal = (error: unknown): { readonly code: string; readonly detail: string } => {
  const { code = "UNKNOWN", message } = error as NodeJS.ErrnoException
  return { code, detail: code === "ENOSPC" ? "the disk is full" : message }
}
