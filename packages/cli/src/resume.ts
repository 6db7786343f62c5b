/**
 * Says which jobs an earlier run has done, from its job log.
 *
 * A job is known by what it does, never by its number: changed or reordered input runs what is new and skips what is done. A record serves for one job, so of three jobs with the same command, one of which has a record, two run. A job that failed
 * and was run again has two records, which `resume` cannot tell from those of two jobs.
 */
import { digestCounts } from "./digests.ts"
import type { Job } from "./job.ts"
import type { Entry, JobLog } from "./jobLog.ts"

/** `resume` skips what has a record, `resume-failed` what has a record of success. */
export type Mode = "resume" | "resume-failed"

export interface Resume {
  /** Takes in a record of the earlier run: `jobLog.open({ onEntry: resume.add })`. */
  readonly add: (entry: Entry) => void
  /** Says what becomes of a job. Ask once a job, in the order of the input. */
  readonly decide: (job: Job, log: Pick<JobLog, "id">) => "run" | "skip"
}

export const make = (mode: Mode): Resume => {
  const left = digestCounts()
  return {
    add: ({ id, ok }) => {
      if (ok || mode === "resume") left.add(id)
    },
    decide: (job, log) => (left.take(log.id(job)) ? "skip" : "run")
  }
}
