/** Makes settings of the flags of `skein run`: read, checked, and put together with what the machine says. */
import * as Result from "effect/Result"
import { availableParallelism } from "node:os"
import type { StopStep } from "./executor.ts"
import { type Conflict, run as entries, UsageError, type Values, valuesOf } from "./flags.ts"
import * as sizes from "./sizes.ts"
import type { Options as SourceOptions } from "./sources.ts"

const onlyLines = "it is about lines of text"

const conflicts: ReadonlyArray<Conflict> = [
  ["null", "delimiter", "each says what ends an input"],
  ["resume", "resume-failed", "one runs what failed again, the other does not"],
  ["quiet", "progress", "quiet shows no progress"],
  ["quiet", "summary", "quiet shows no summary"],
  ["tag", "tagstring", "each says what stands before a line"],
  ["exact", "dry-run", "nothing is started"],
  ["dry-run", "joblog", "nothing is run"],
  ["adaptive", "jobs-file", "each sets how many run at once"]
]

/** Needs the other one. */
const needs: ReadonlyArray<readonly [one: string, other: string]> = [
  ["resume", "joblog"],
  ["resume-failed", "joblog"],
  ["joblog-format", "joblog"],
  ["joblog-sync", "joblog"],
  ["results-by", "results"],
  ["backoff", "retries"]
]

/** Says of a whole number what `sizes` says of other things. */
const whole =
  (least: number) =>
  (text: string): sizes.Read<number> =>
    /^\d+$/.test(text) && Number(text) >= least && Number.isSafeInteger(Number(text))
      ? Result.succeed(Number(text))
      : Result.fail(`must be a whole number of at least ${least}, got ${JSON.stringify(text)}`)

const load = (text: string): sizes.Read<number> => {
  const found = /^(\d+(?:\.\d+)?)(%?)$/.exec(text)
  const value = found === null ? 0 : found[2] === "%" ? (Number(found[1]) / 100) * availableParallelism() : Number(found[1])
  return value > 0
    ? Result.succeed(value)
    : Result.fail(`must be a load such as 1.5, or a share of the cores such as 80%, got ${JSON.stringify(text)}`)
}

const pattern = (text: string): sizes.Read<RegExp> => {
  try {
    return Result.succeed(new RegExp(text, "u"))
  } catch (error) {
    return Result.fail(`must be a regular expression, got ${JSON.stringify(text)}: ${(error as Error).message}`)
  }
}

const nonEmpty = (text: string): sizes.Read<string> => (text === "" ? Result.fail("must not be empty") : Result.succeed(text))

/** The most that the number of jobs can be raised to while they run. */
const headroom = 256
/** "As many as possible": what a process may have of files and children. */
const unbounded = 1_000

const stepsOf = (steps: ReadonlyArray<sizes.StopStep>): ReadonlyArray<StopStep> =>
  // The last one is KILL, with which every sequence ends.
  steps.slice(0, -1).map(({ signal, waitMillis }) => ({ signal, for: waitMillis }))

export type Settings = ReturnType<typeof read>

/** The part of them that `skein map` has, too. */
export const readShared = (values: Values) => {
  const quiet = values.has("quiet")
  const mode = values.read("jobs", sizes.jobs)
  const jobs = Math.min(unbounded, mode === undefined ? availableParallelism() : sizes.jobsOn(mode, availableParallelism()))
  return {
    jobs,
    most: Math.max(headroom, 2 * jobs),
    deadline: values.read("deadline", sizes.duration),
    retries: values.read("retries", whole(0), "0"),
    backoff: values.read("backoff", sizes.duration, "1s"),
    progress: quiet ? "off" : values.word("progress", "auto" as "auto" | "live" | "plain" | "off"),
    summary: quiet ? "never" : values.word("summary", "auto" as "auto" | "always" | "never"),
    report: values.text("report")
  }
}

/** @throws UsageError */
export const read = (flags: ReadonlyArray<string>) => {
  const values = valuesOf(entries, flags, conflicts)
  for (const [one, other] of needs)
    if (values.has(one) && !values.has(other)) throw new UsageError({ message: `--${one} needs --${other}` })
  const format = values.word("format", "lines" as "lines" | "ndjson" | "csv" | "tsv")
  for (const name of ["null", "delimiter", "colsep"]) {
    if (values.has(name) && format !== "lines")
      throw new UsageError({ message: `--${name} and --format=${format} cannot be used together: ${onlyLines}` })
  }
  const output = values.word("output", "group" as "group" | "line" | "json" | "none" | "inherit")
  for (const name of ["keep-order", "tag", "tagstring", "results", "to-stdin"]) {
    if (output === "inherit" && values.has(name))
      throw new UsageError({
        message: `--${name} and --output=inherit cannot be used together: what jobs inherit does not pass through here`
      })
  }
  const source: Omit<SourceOptions, "groups" | "signal" | "skipped"> = {
    files: values.has("arg-file") ? values.all("arg-file") : undefined,
    format,
    delimiter: values.has("null") ? "\0" : values.read("delimiter", sizes.delimiter),
    columns: values.read("colsep", pattern),
    header: values.has("header") ? values.word("header", "none" as "none" | "names") : undefined,
    trim: values.word("trim", "none" as "none" | "left" | "right" | "both"),
    empty: values.word("empty", "keep" as "keep" | "skip"),
    perJob: values.read("max-args", whole(1), "1"),
    maxLine: values.read("max-line", sizes.size, "16M"),
    onBad: values.word("on-bad-input", "stop" as "stop" | "skip")
  }
  return {
    ...readShared(values),
    source,
    replacement: values.read("replacement", nonEmpty),
    shell: values.has("shell") ? values.text("shell") || "sh" : undefined,
    pass: values.has("to-stdin") ? ("stdin" as const) : ("arguments" as const),
    start: values.has("exact") ? ("exact" as const) : ("slots" as const),
    action: values.has("dry-run") ? ("print" as const) : ("run" as const),
    jobsFile: values.text("jobs-file"),
    rate: values.read("rate", sizes.rate),
    maxLoad: values.read("max-load", load),
    minMemory: values.read("min-memory", sizes.size),
    limit: values.has("adaptive") ? ("adaptive" as const) : ("fixed" as const),
    timeout: values.read("timeout", sizes.timeLimit),
    halt: values.read("halt", sizes.halt, "never"),
    stop: stepsOf(values.read("stop-sequence", sizes.stopSequence, "TERM,1000,KILL")),
    onStop: values.word("on-stop", "finish" as "finish" | "stop"),
    output,
    order: values.has("keep-order") ? ("input" as const) : ("finished" as const),
    tag: values.has("tag") ? "{}" : values.text("tagstring"),
    results: values.text("results"),
    resultsBy: values.word("results-by", "seq" as "seq" | "input"),
    jobLog: values.text("joblog"),
    jobLogFormat: values.has("joblog-format") ? values.word("joblog-format", "json" as "json" | "parallel") : undefined,
    jobLogSync: values.word("joblog-sync", "never" as "never" | "each"),
    resume: values.has("resume") ? ("resume" as const) : values.has("resume-failed") ? ("resume-failed" as const) : undefined,
    timeline: values.text("timeline")
  }
}
