/** Says of a job in words how it stands, and as a record for programs. */
import * as Job from "@skein/engine/Job"
import { clock, time } from "../quantities.ts"
import type { Entry } from "./board.ts"
import type { Style } from "./desk.ts"
import type { Json } from "@skein/engine/JobStore"
import * as StoredJob from "@skein/engine/StoredJob"

/** The colour of a state. */
export const styleOf = ({ state }: Pick<Entry, "state">): Style | undefined => styles[state]

const styles: Readonly<Record<Entry["state"], Style | undefined>> = {
  waiting: undefined,
  running: "cyan",
  completed: "green",
  failed: "red",
  timeout: "red",
  refused: "red",
  cancelled: "yellow",
  skipped: "dim"
}

/** How long it has run: to its end, or up to now. */
export const took = ({ run, state }: Entry, now: number): string => {
  if (run.startedAt === undefined) return ""
  if (run.endedAt !== undefined) return time(run.endedAt - run.startedAt)
  return state === "running" ? clock(now - run.startedAt) : ""
}

/** Why it stands so, on one line; empty where there is nothing to say. */
export const why = (entry: Entry, hasEnded: (id: string) => boolean): string => {
  const { asked, refusal, run, state } = entry
  if (refusal !== undefined) return refusal
  const wanted =
    asked === "cancel" ? ["to be cancelled"] : asked === "remove" ? ["to be removed"] : asked === "submit" ? ["not taken in yet"] : []
  if (state === "waiting") {
    const open = run.upstream.filter((id) => !hasEnded(id))
    if (open.length > 0) wanted.push(`after ${listed(open)}`)
    if (run.attempts > 0) wanted.push(`tried ${times(run.attempts)}`)
  } else if (state === "running" && run.attempts > 1) wanted.push(`attempt ${run.attempts}`)
  else if (run.end !== undefined && state !== "completed") wanted.push(StoredJob.detailOf(run.end))
  return wanted.join(", ")
}

const most = 3

const listed = (ids: ReadonlyArray<string>): string =>
  ids.length <= most ? ids.join(", ") : `${ids.slice(0, most - 1).join(", ")} and ${ids.length - most + 1} more`

/** Why a run of this process ended so; empty for one that completed. */
export const endDetail = (end: Job.End<unknown, unknown>): string => (end._tag === "Completed" ? "" : Job.formatEnd(end))

/** `once`, `twice`, `3 times`. */
export const times = (n: number): string => (n === 1 ? "once" : n === 2 ? "twice" : `${n} times`)

const instant = (at: number | undefined): string | null => (at === undefined ? null : new Date(at).toISOString())

/** A job for programs: the same fields always, null where there is nothing to say. */
export const record = (entry: Entry) => {
  const { refusal, run, state } = entry
  return {
    id: run.id,
    name: run.name,
    state,
    what: StoredJob.what(run.description),
    labels: run.labels,
    key: run.key ?? null,
    upstream: run.upstream,
    rerunOf: run.rerunOf ?? null,
    submittedAt: instant(run.submittedAt),
    startedAt: instant(run.startedAt),
    endedAt: instant(run.endedAt),
    attempts: run.attempts,
    asked: entry.asked ?? null,
    detail: refusal ?? (run.end === undefined || state === "completed" ? null : StoredJob.detailOf(run.end)),
    value: run.end === undefined || state !== "completed" ? null : (StoredJob.valueOf(run.end) ?? null)
  }
}

/** The same of a run of this process. */
export const recordOfRun = (run: Job.Run, what: string, value: Json): ReturnType<typeof record> => ({
  id: run.id,
  name: run.name,
  state: run.state._tag === "Waiting" ? "waiting" : run.state._tag === "Running" ? "running" : Job.endWord(run.state.outcome),
  what,
  labels: run.labels,
  key: run.key ?? null,
  upstream: run.upstream,
  rerunOf: run.rerunOf ?? null,
  submittedAt: instant(run.submittedAt),
  startedAt: instant(run.startedAt),
  endedAt: instant(run.endedAt),
  attempts: run.attempts,
  asked: null,
  detail: run.state._tag === "Ended" ? endDetail(run.state.outcome) || null : null,
  value
})

/** A record as a line. */
export const json = (entry: Entry): string => `${JSON.stringify(record(entry))}\n`
