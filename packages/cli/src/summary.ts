/** Says at the end what became of the jobs, and with which code the program exits. */
import * as os from "node:os"
import { styleText } from "node:util"
import type { Attempt, JobRecord } from "./job.ts"
import { bytes, count, counted, rate, time } from "./quantities.ts"
import { lastAttempt } from "./records.ts"
import type { Halt } from "./sizes.ts"
import type { Quantiles, Totals } from "./tally.ts"
import { fitted, oneLine, width } from "./terminalText.ts"

/** How the whole ended. */
export type Ending =
  /** All input was read, all jobs are over. */
  | { readonly _tag: "Done" }
  /** A halt policy stopped it; `record` is the job that did. */
  | { readonly _tag: "Halted"; readonly record: JobRecord }
  | { readonly _tag: "Deadline" }
  | { readonly _tag: "Signal"; readonly signal: "SIGINT" | "SIGTERM" | "SIGHUP" }
  /** Nobody reads our output any more. */
  | { readonly _tag: "Closed" }
  /** Input that cannot be read, a job log that cannot be written … */
  | { readonly _tag: "Broken"; readonly message: string }

export interface Result {
  readonly ending: Ending
  /** The policy that was in force. */
  readonly halt?: Halt | undefined
  readonly totals: Totals
  /** Jobs that an earlier run had done. */
  readonly skipped: number
  /** Jobs that were read and not started; undefined where the input was not read to its end. */
  readonly notStarted: number | undefined
  readonly slots: number
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly endedAt: number
}

/**
 * Gives the exit code. GNU parallel's are:
 *
 * | code | when |
 * | --- | --- |
 * | 0 | all jobs went well, or a halt policy had the successes that it waited for |
 * | 1 to 100 | so many jobs failed; with a halt policy that counts in percent, that percentage failed |
 * | 101 | more jobs failed |
 * | of the job | a halt policy waited for one failure or one end; 128 + n after signal n |
 * | 255 | something else went wrong |
 *
 * Ours are 124 at the deadline (and for a job that ran into its time limit, where the code is that of the job), 129, 130 and 143 after SIGHUP, SIGINT and SIGTERM, and 141 where our output was closed, since a shell says so of
 * programs that SIGPIPE ended.
 */
export const exitCode = ({ ending, halt, totals }: Result): number => {
  switch (ending._tag) {
    case "Done":
      return Math.min(totals.failed, 101)
    case "Halted":
      return halted(ending.record, halt, totals)
    case "Deadline":
      return 124
    case "Signal":
      return 128 + os.constants.signals[ending.signal]
    case "Closed":
      return 141
    case "Broken":
      return 255
  }
}

const halted = (record: JobRecord, halt: Halt | undefined, totals: Totals): number => {
  if (halt === undefined || halt.when === "never") return codeOf(record)
  if (halt.on === "success") return 0
  const { limit } = halt
  if (limit.kind === "share") return Math.ceil((100 * totals.failed) / Math.max(1, totals.ok + totals.failed))
  return limit.count === 1 ? codeOf(record) : Math.min(totals.failed, 101)
}

/** A shell's code for how a job ended. */
const codeOf = (record: JobRecord): number => {
  const { exitCode, signal, why } = lastAttempt(record)
  if (why === "timeout") return 124
  if (signal !== 0) return 128 + signal
  return exitCode === 0 && !record.ok ? 255 : exitCode
}

export interface Options {
  /** @default "never" */
  readonly color?: "never" | "always" | undefined
  /** @default 80 */
  readonly columns?: number | undefined
  /** The command that does what is left; shown if something is. */
  readonly resume?: string | undefined
}

/** The lines for a person, without a newline at the end. */
export const text = (result: Result, options: Options = {}): string => {
  const { color = "never", columns = 80, resume } = options
  const paint: Paint = (style, part) => (color === "always" ? styleText(style, part, { validateStream: false }) : part)
  const { failed } = result.totals
  const well = result.ending._tag === "Done" && failed === 0
  const lines = [paint(well ? "green" : "red", `${well ? "✔" : "✘"} ${head(result)}`), ...counts(result)]
  lines.push(...failures(result.totals, columns, paint), ...pace(result))
  if (resume !== undefined && isLeft(result)) lines.push(`${label("resume")}${resume}`)
  return lines.join("\n")
}

type Paint = (style: "green" | "red" | "dim", text: string) => string

const label = (name: string): string => `  ${name.padEnd(9)}`

const head = (result: Result): string => {
  const { ending, skipped, totals } = result
  const took = time(result.endedAt - result.startedAt)
  const done = totals.ok + totals.failed
  const all = totals.failed === 0 ? `${counted(done, "job")} done` : `${count(totals.failed)} of ${counted(done, "job")} failed`
  switch (ending._tag) {
    case "Done":
      if (done > 0) return `${all} in ${took}`
      return skipped > 0 ? `nothing left to do: ${counted(skipped, "job")} done earlier` : "nothing to do: no input"
    case "Halted":
      return `halted after job ${ending.record.job.seq} ${manner(lastAttempt(ending.record))}: ${all} in ${took}`
    case "Deadline":
      return `the deadline came after ${took}: ${all}`
    case "Signal":
      return `stopped by ${ending.signal} after ${took}: ${all}`
    case "Closed":
      return `stopped, since nobody reads the output any more: ${all} in ${took}`
    case "Broken":
      return `${ending.message}; ${all} in ${took}`
  }
}

/** What the first line does not say. */
const counts = ({ ending, notStarted, skipped, totals }: Result): ReadonlyArray<string> => {
  const parts = [
    skipped > 0 && totals.done > 0 ? `${count(skipped)} done earlier` : "",
    totals.stopped > 0 ? `${count(totals.stopped)} stopped while they ran` : "",
    notStarted !== undefined && notStarted > 0 ? `${count(notStarted)} not started` : "",
    notStarted === undefined && ending._tag !== "Done" ? "the input was not read to its end" : "",
    totals.timedOut > 0 ? `${count(totals.timedOut)} timed out` : "",
    totals.retried > 0 ? `${count(totals.retried)} tried more than once (${counted(totals.retries, "retry", "retries")})` : ""
  ].filter((part) => part !== "")
  return parts.length === 0 ? [] : [`${label("jobs")}${parts.join(", ")}`]
}

const isLeft = ({ ending, notStarted, totals }: Result): boolean =>
  totals.failed > 0 || totals.stopped > 0 || (notStarted ?? 0) > 0 || (ending._tag !== "Done" && notStarted === undefined)

const shown = 5

const failures = ({ failed, failures }: Totals, columns: number, paint: Paint): ReadonlyArray<string> => {
  // What the system says is worth more than the end of a command.
  const room = Math.max(32, columns - 30)
  const first = failures.slice(0, shown).map((record) => ({ record, how: fitted(manner(lastAttempt(record)), room) }))
  const longest = Math.max(0, ...first.map(({ how }) => width(how)))
  const lines = first.map(({ how, record }, index) => {
    const before = `${label(index === 0 ? "failed" : "")}${`#${record.job.seq}`.padEnd(5)} ${how}${" ".repeat(longest - width(how))}  `
    return `${before}${paint("dim", fitted(oneLine(record.job.text), Math.max(10, columns - width(before))))}`
  })
  if (failed > lines.length && lines.length > 0) lines.push(`${label("")}and ${count(failed - lines.length)} more`)
  return lines
}

/** How a job ended, in few words. */
const manner = ({ endedAt, exitCode, message, signal, startedAt, why }: Attempt): string => {
  switch (why) {
    case "timeout":
      return `timed out (${time(endedAt - startedAt)})`
    case "not-found":
      return "not found"
    case "denied":
      return "not allowed"
    case "stopped":
      return "stopped"
    case "broken":
      return message === undefined ? "broken" : oneLine(message)
    default:
      return signal === 0 ? `exit ${exitCode}` : (signalNames.get(signal) ?? `signal ${signal}`)
  }
}

const signalNames = new Map(Object.entries(os.constants.signals).map(([name, number]) => [number as number, name]))

/** Times, and what running several at once was good for. */
const pace = ({ endedAt, slots, startedAt, totals }: Result): ReadonlyArray<string> => {
  const { busy, done, received, run } = totals
  const wall = endedAt - startedAt
  if (run === undefined || done < 2 || wall <= 0) return []
  const use = [
    rate((done * 1000) / wall),
    received > 0 ? `${bytes(received)} of output` : "",
    slots > 1 ? `${counted(slots, "slot")} ${Math.min(100, Math.round((100 * busy) / (wall * slots)))}% busy` : "",
    slots > 1 && busy / wall >= 1.05 ? `about ${(busy / wall).toFixed(1)} × as fast as one at a time` : ""
  ]
  return [`${label("times")}${spread(run)}`, `${label("pace")}${use.filter((part) => part !== "").join(", ")}`]
}

const spread = ({ max, p50, p95 }: Quantiles): string => `median ${time(p50)}, 95% within ${time(p95)}, longest ${time(max)}`
