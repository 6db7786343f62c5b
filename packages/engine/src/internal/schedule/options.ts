/** Reads the options that schedules and sentinels share, and refuses what is wrong at once. */
import * as Settings from "@skein/core/Settings"
import type * as Job from "../../Job.ts"
import { isJob } from "../references.ts"
import type { SharedOptions, Tick } from "./model.ts"

export interface Shared {
  readonly name: string
  readonly jobOf: (tick: Tick) => Job.Job<unknown, unknown, unknown>
  readonly overlap: "skip" | "queue" | "cancel"
  /** How many jobs may run at once. */
  readonly places: number
  readonly queueLimit: number
  readonly runs: number
  /** After how many failures in a row it ends. */
  readonly stopAfter: number
}

export const sharedNames = ["job", "overlap", "queueLimit", "runs", "onFailure"] as const

export const readShared = (where: string, name: unknown, options: SharedOptions<any, any, any>): Shared => {
  if (typeof name !== "string" || name === "") throw Settings.mustBe(where, "name", "a string that is not empty", name)
  const { overlap } = options
  const allowed = typeof overlap === "object" && (overlap as unknown) !== null
  if (allowed) Settings.known(where, overlap, ["allow"])
  return {
    name,
    jobOf: readJob(where, options.job),
    overlap: allowed ? "skip" : Settings.oneOf(where, "overlap", overlap, ["skip", "queue", "cancel"]),
    places: allowed ? Settings.whole(where, "overlap.allow", overlap.allow) : 1,
    queueLimit: options.queueLimit === undefined ? 100 : Settings.whole(where, "queueLimit", options.queueLimit),
    runs: options.runs === undefined ? Infinity : Settings.whole(where, "runs", options.runs),
    stopAfter: readFailures(where, options.onFailure)
  }
}

const readJob = (where: string, job: unknown): Shared["jobOf"] => {
  if (isJob(job)) {
    if (job.id !== undefined) throw Settings.mustBe(where, "job", "a Job without an id, for it is submitted many times", job.id)
    return () => job
  }
  if (typeof job !== "function") throw new TypeError(Settings.mustBe(where, "job", "a Job or a function that gives one", job).message)
  return (tick) => {
    const made: unknown = (job as (tick: Tick) => unknown)(tick)
    if (isJob(made)) return made
    throw new TypeError(Settings.mustBe(where, "job", "a function that gives a Job", made).message)
  }
}

const readFailures = (where: string, value: unknown): number => {
  if (typeof value === "object" && value !== null) {
    Settings.known(where, value, ["stopAfter"])
    return Settings.whole(where, "onFailure.stopAfter", (value as { readonly stopAfter?: unknown }).stopAfter)
  }
  return Settings.oneOf(where, "onFailure", value, ["continue", "stop"]) === "stop" ? 1 : Infinity
}
