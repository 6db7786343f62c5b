/** Reads runs. */
import type { Query, StoredRun } from "../../JobStore.ts"
import { type Row, toRun } from "./rows.ts"
import type { Bound } from "./sqliteAppend.ts"

type Found = { readonly [K in keyof Row]: Exclude<Row[K], undefined> | null } & { readonly seq: number }

const columns = `
  runs.seq, id, name, job, key, labels, upstream, rerun_of AS rerunOf, created_at AS createdAt, submitted_at AS submittedAt, description,
  state, attempts, started_at AS startedAt, ended_at AS endedAt, attempt_causes AS attemptCauses, ending AS "end"`
const from = `FROM runs JOIN progress ON progress.seq = runs.seq`

/** What SQLite has no value for is absent, not null. */
export const runOf = (row: object): StoredRun => {
  const found = row as Found
  return toRun({
    ...(found as Row),
    key: found.key ?? undefined,
    rerunOf: found.rerunOf ?? undefined,
    startedAt: found.startedAt ?? undefined,
    endedAt: found.endedAt ?? undefined,
    end: found.end ?? undefined
  })
}

export const seqOf = (row: object): number => (row as Found).seq

export const byId = (id: string): Bound => [`SELECT ${columns} ${from} WHERE id = ?`, [id]]

/** Some runs after another, in the order of submission. */
export const page = (after: number, size: number): Bound => [
  `SELECT ${columns} ${from} WHERE runs.seq > ? ORDER BY runs.seq LIMIT ?`,
  [after, size]
]

/** The newest first. */
export const list = (query: Query): Bound => {
  const { ended, key, labels, limit, name, state, submitted } = query
  const all: Array<string> = []
  const params: Array<unknown> = []
  const add = (condition: string, ...values: ReadonlyArray<unknown>): void => {
    all.push(condition)
    params.push(...values)
  }
  if (name !== undefined) add("name = ?", name)
  if (key !== undefined) add("key = ?", key)
  if (state !== undefined) {
    // The indices are those of the runs that have ended, and of those that have not.
    const active = state.filter((word) => word === "waiting" || word === "running")
    if (active.length === state.length) add("ended_at IS NULL")
    else if (active.length === 0) add("ended_at IS NOT NULL")
    add(`state IN (${state.map(() => "?").join(",")})`, ...state)
  }
  for (const [label, value] of Object.entries(labels ?? {})) {
    add("runs.seq IN (SELECT seq FROM labels WHERE labels.name = ? AND labels.value = ?)", label, value)
  }
  for (const [column, range] of [
    ["submitted_at", submitted],
    ["ended_at", ended]
  ] as const) {
    if (range === undefined) continue
    if (column === "ended_at") add("ended_at IS NOT NULL")
    if (range.from !== undefined) add(`${column} >= ?`, range.from)
    if (range.to !== undefined) add(`${column} < ?`, range.to)
  }
  const where = all.length === 0 ? "" : `WHERE ${all.join(" AND ")}`
  // The numbers are the same. An index of the one table gives them in order, where SQLite does not know that it does for the other, and would sort all of them.
  const byProgress = state !== undefined && name === undefined && key === undefined && labels === undefined && submitted === undefined
  const order = byProgress ? "progress.seq" : "runs.seq"
  return [`SELECT ${columns} ${from} ${where} ORDER BY ${order} DESC LIMIT ?`, [...params, limit ?? -1]]
}
