/**
 * Writes at the end what became of the jobs as one JSON file, whole or not at all. Of many failures it holds the first ones; what became of each job is in the job log.
 *
 * Times are seconds, instants ISO 8601 in UTC. `version` grows when a field changes its meaning or goes; fields may be added without.
 *
 * ```
 * { "version": 1,
 *   "argv": ["run", "--jobs", "8", …],
 *   "started": "2026-…Z", "ended": "2026-…Z", "seconds": 12.3, "slots": 8, "exit": 2,
 *   "ending": { "reason": "done" | "halted" | "deadline" | "signal" | "closed" | "broken", "seq"?: 42, "signal"?: "SIGINT", "message"?: "…" },
 *   "jobs": { "done", "ok", "failed", "timedOut", "stopped", "retried", "retries", "skipped", "notStarted": number or null },
 *   "run": { "min", "p50", "p95", "p99", "max", "mean" } or null, "wait": the same, "busy": seconds of all attempts, "peak": jobs at once, "received": bytes,
 *   "failures": [{ "seq", "key", "command", "input", "exit", "signal", "why", "message"?, "start", "seconds", "attempts" }, …] }
 * ```
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import * as fs from "node:fs"
import type { JobRecord } from "./job.ts"
import { endOf, inputOf, refusal, seconds } from "./records.ts"
import { type Ending, exitCode, type Result } from "./summary.ts"
import type { Quantiles } from "./tally.ts"

/** The report was not written; what was at its place before is still there. */
export class ReportError extends Data.TaggedError("ReportError")<{
  readonly path: string
  readonly code: string
  readonly detail: string
}> {
  override get message(): string {
    return `report ${this.path}: ${this.detail}`
  }
}

export interface Report {
  readonly write: (result: Result) => Effect.Effect<void, ReportError>
}

export interface Options {
  readonly path: string
  /** The words of the command line. */
  readonly argv: ReadonlyArray<string>
}

/** Makes sure now that it can be written then: the new file is made beside its place, and removed with the scope if it did not get there. */
export const make = ({ argv, path }: Options): Effect.Effect<Report, ReportError, Scope.Scope> =>
  Effect.gen(function* () {
    const draft = `${path}.${randomUUID()}`
    yield* attempt(path, () => {
      if (fs.existsSync(path) && !fs.statSync(path).isFile()) throw Object.assign(new Error("it is no file"), { code: "EISDIR" })
    })
    yield* Effect.acquireRelease(
      attempt(path, () => fs.writeFileSync(draft, "", { flag: "wx" })),
      () => Effect.sync(() => fs.rmSync(draft, { force: true }))
    )
    return {
      write: (result) =>
        attempt(path, () => {
          fs.writeFileSync(draft, `${JSON.stringify(described(argv, result), undefined, 2)}\n`)
          fs.renameSync(draft, path)
        })
    }
  })

const attempt = (path: string, run: () => void): Effect.Effect<void, ReportError> =>
  Effect.try({
    try: run,
    catch: (error) => new ReportError({ path, ...refusal(error) })
  })

const described = (argv: ReadonlyArray<string>, result: Result) => {
  const { busy, done, failed, failures, ok, peak, received, retried, retries, run, stopped, timedOut, wait } = result.totals
  const { skipped } = result
  return {
    version: 1,
    argv,
    started: new Date(result.startedAt).toISOString(),
    ended: new Date(result.endedAt).toISOString(),
    seconds: seconds(result.endedAt - result.startedAt),
    slots: result.slots,
    exit: exitCode(result),
    ending: ending(result.ending),
    jobs: { done, ok, failed, timedOut, stopped, retried, retries, skipped, notStarted: result.notStarted ?? null },
    run: inSeconds(run),
    wait: inSeconds(wait),
    busy: seconds(busy),
    peak,
    received,
    failures: failures.map(failure)
  }
}

const ending = (ending: Ending) => {
  switch (ending._tag) {
    case "Halted":
      return { reason: "halted", seq: ending.record.job.seq }
    case "Signal":
      return { reason: "signal", signal: ending.signal }
    case "Broken":
      return { reason: "broken", message: ending.message }
    default:
      return { reason: ending._tag.toLowerCase() }
  }
}

const failure = (record: JobRecord) => {
  const { job } = record
  return { seq: job.seq, key: job.key, command: job.text, input: inputOf(job), ...endOf(record), attempts: record.attempts.length }
}

const inSeconds = (quantiles: Quantiles | undefined) =>
  quantiles === undefined ? null : Object.fromEntries(Object.entries(quantiles).map(([name, millis]) => [name, seconds(millis as number)]))
