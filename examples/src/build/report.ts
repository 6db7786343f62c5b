/** Writes the books of a build for people. */
import * as Graph from "@skein/engine/Graph"
import type { StoredRun } from "@skein/engine/JobStore"
import * as StoredJob from "@skein/engine/StoredJob"
import { count, paint, plural, table, time } from "../main/text.ts"
import { type Books, chainOf, digestOf, isOver, linesOf, lossOf, peaks } from "./books.ts"
import { limits } from "./engine.ts"

export interface Times {
  readonly untilKill: number
  readonly untilEnd: number
}

export const formatBooks = (folder: string, books: Books, times: Times): string => {
  const { after, before, ledger } = books
  const then = Map.groupBy(before.values(), (run) => (isOver(run) ? "ended" : run.state))
  const of = (state: "ended" | "running" | "waiting"): number => then.get(state)?.length ?? 0
  const { disk, jobs } = peaks(ledger)
  const head = ["job", "state", "attempts", "at the kill", "afterwards", "why"]
  const rows = after.map((run) => rowOf(folder, run, before.get(run.id)))
  return [
    `killed   by SIGKILL after ${time(times.untilKill)}: ${plural(of("ended"), "job")} had ended, ${of("running")} ran, ${of("waiting")} waited`,
    `resumed  by another process, which had done the rest after ${time(times.untilEnd)}`,
    "",
    ...table(rows, ["bold"], head).map((line) => `  ${line}`.trimEnd()),
    "",
    `${paint("cyan", "Why announce was skipped")}  ${plain(folder, chainOf(after))}`,
    "",
    paint("cyan", "What lint wrote last"),
    ...indented(plain(folder, books.lint)),
    "",
    paint("cyan", "The graph, for Mermaid"),
    ...indented(Graph.toMermaid(graphOf(after))),
    "",
    `${paint("cyan", "The release")}  ${count(linesOf(after))} lines of source in 4 archives, digest ${digestOf(after).slice(0, 16)}; at most ${jobs} of ${limits.jobs} jobs at once, ${disk} of ${limits.disk} on the disk`,
    ""
  ].join("\n")
}

/** What became of a run after the kill, given how it stood then. */
const afterwardsOf = ({ attempts }: StoredRun, then: StoredRun | undefined): string => {
  if (then !== undefined && isOver(then)) return "not run again"
  if (then?.state === "running") return "run again"
  if (attempts === 0) return "not run"
  return (then?.attempts ?? 0) > 0 ? "tried again" : "run"
}

const whyOf = (run: StoredRun): string => {
  const [first] = run.attemptCauses
  if (lossOf(run) !== undefined) return "its process died while it ran"
  if (run.state !== "completed") return run.end === undefined ? "" : StoredJob.detailOf(run.end)
  return first === undefined ? "" : `attempt 1: ${StoredJob.causeDetail(first)}`
}

const widest = 60

const rowOf = (folder: string, run: StoredRun, then: StoredRun | undefined): ReadonlyArray<string> => {
  const at = then === undefined ? "unknown" : isOver(then) ? "ended" : then.state
  const why = plain(folder, whyOf(run))
  const cut = why.length > widest ? `${why.slice(0, widest - 1)}…` : why
  return [run.id, run.state, String(run.attempts), at, afterwardsOf(run, then), cut]
}

const graphOf = (runs: ReadonlyArray<StoredRun>): Graph.Graph => ({
  nodes: runs.map(({ id, name, state }) => ({ id, name, state })),
  edges: runs.flatMap((run) => StoredJob.edges(run))
})

/** Without the folder, whose name is another each time, without the place of Node, and without the version that Node puts below what it complains about. */
const plain = (folder: string, text: string): string =>
  text
    .replaceAll(`${folder}/`, "")
    .replaceAll(process.execPath, "node")
    .replaceAll(/(?:: |\n+)Node\.js v[\d.]+/g, "")

const indented = (text: string): ReadonlyArray<string> =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => `  ${line}`.trimEnd())
