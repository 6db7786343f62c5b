/**
 * Writes about runs side by side: how fast each was, which worker was killed in it, and that nothing is lost.
 */
import type { Event } from "@skein/node/Flavour"
import { verdict } from "./compare.ts"
import type { Run } from "./run.ts"
import { count, paint, short, table, time } from "./text.ts"

const rateOf = ({ summary }: Run): number => summary.bytes / 1e3 / Math.max(summary.working, 1)

const outcomesOf = ({ summary }: Run): string =>
  [
    [summary.completed, "completed"],
    [summary.failed, "failed"],
    [summary.timedOut, "timed out"],
    [summary.cancelled, "cancelled"],
    [summary.notStarted, "not started"]
  ]
    .filter(([n]) => n !== 0)
    .map(([n, what]) => `${typeof n === "number" ? count(n) : n} ${what}`)
    .join(", ")

const head = ["flavour", "workers", "ready in", "at once", "files", "MB/s", "time", "speed-up", "digest", "outcomes"]

const rowOf = (run: Run, first: Run): ReadonlyArray<string> => {
  const { concurrency, flavour, size, summary, warmUp } = run
  // With less than all files done there is nothing to compare.
  const faster = summary.partial || first.summary.partial || rateOf(first) === 0 ? "–" : `${(rateOf(run) / rateOf(first)).toFixed(2)} ×`
  return [
    flavour,
    size === 0 ? "–" : count(size),
    size === 0 ? "–" : time(warmUp),
    count(concurrency),
    count(summary.total),
    rateOf(run).toFixed(1),
    time(summary.working),
    faster,
    summary.digest.slice(0, 16),
    outcomesOf(run)
  ]
}

/** A table with a line for each run, compared with the first; what they found out is compared below it. */
export const formatTable = (runs: ReadonlyArray<Run>): string => {
  const rows = table(
    runs.map((run) => rowOf(run, runs[0]!)),
    [],
    head
  )
  return `${paint("cyan", "Side by side")}\n${rows.map((row) => `  ${row}`).join("\n")}\n\n${verdict(runs)}\n`
}

const endOf = ({ exitCode, signal }: Extract<Event, { readonly _tag: "Crashed" }>): string =>
  signal === null ? `ended with exit code ${exitCode}` : `ended by ${signal}`

/** How a worker was killed on purpose, what ran in it, and what became of that. Empty where none was. */
export const formatDeath = ({ answers, death, events, flavour, summary }: Run): string => {
  if (death === undefined) return ""
  const { others, poisoned, takers } = death
  const ends = events.flatMap((event) =>
    event._tag === "Crashed"
      ? [`${flavour} ${event.worker} ${endOf(event)}`]
      : event._tag === "Killed"
        ? [`${flavour} ${event.worker} was ended by force: ${event.why}`]
        : []
  )
  const later = events.slice(events.findIndex(({ _tag }) => _tag === "Crashed") + 1)
  const successors = later.flatMap((event) => (event._tag === "Started" ? [`${flavour} ${event.worker} took its place`] : []))
  const lost = summary.failures.filter(({ kind }) => kind === "Lost").reduce((sum, { names }) => sum + names.length, 0)
  const answered = summary.completed + summary.failed - lost
  const limited = summary.total - answered - lost
  const became = (name: string): string => {
    const answer = answers.get(name)
    return `${short(name)}  ${paint("dim", answer === "Lost" ? "lost" : answer === undefined ? "not done in time" : "ran again, answered")}`
  }
  const rows = [
    `${[...ends, ...successors].join("; ")}`,
    `poisoned   ${became(poisoned)}: ${takers.join(", then ")}`,
    ...others.map((name) => `ran in it  ${became(name)}`),
    `all files  ${count(answered)} of ${count(summary.total)} answered${limited === 0 ? "" : `, ${count(limited)} ended by a clock or a signal`}; ${count(lost)} lost`
  ]
  return `${paint("cyan", `One ${flavour === "worker" ? "thread" : "process"} was killed on purpose, half-way`)}\n${rows.map((row) => `  ${row}`).join("\n")}\n\n`
}

/** One line a run, for `--verify`. */
export const formatRun = ({ concurrency, flavour, summary: { completed, digest, working } }: Run): string =>
  `${flavour.padEnd(7)}  ${count(concurrency).padStart(2)} at once  ${time(working).padStart(8)}  ${count((completed * 1000) / Math.max(working, 1)).padStart(6)} files/s  digest ${digest.slice(0, 16)}\n`
