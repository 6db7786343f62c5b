/** Writes what a batch of changes comes to. */
import type { Batch, Patch } from "./batch.ts"
import { keptRefusals } from "./requests.ts"
import type { Row } from "./rows.ts"

/** A statement and its values. */
export type Bound = readonly [sql: string, params: ReadonlyArray<unknown>]

/** The token of the owner, and the number of the last run. */
export const standing = `SELECT value AS token, (SELECT max(seq) FROM runs) AS last FROM meta WHERE name = 'token'`

/** Rows of one statement: many are as one to the engine of SQLite, and few forms of the statement are to be kept. */
const sizes = [64, 8, 1]

const texts = new Map<string, string>()
const textFor = (head: string, columns: number, rows: number, tail: string): string => {
  const key = `${rows} ${head}`
  let text = texts.get(key)
  if (text === undefined) {
    const row = `(${Array.from({ length: columns }, () => "?").join(",")})`
    text = `${head} ${Array.from({ length: rows }, () => row).join(",")}${tail}`
    texts.set(key, text)
  }
  return text
}

const many = (head: string, rows: ReadonlyArray<ReadonlyArray<unknown>>, tail = ""): ReadonlyArray<Bound> => {
  const bound: Array<Bound> = []
  let at = 0
  for (const size of sizes) {
    for (; rows.length - at >= size; at += size) bound.push([textFor(head, rows[at]!.length, size, tail), rows.slice(at, at + size).flat()])
  }
  return bound
}

const heads = (seq: number, row: Row): ReadonlyArray<unknown> => [
  seq,
  row.id,
  row.name,
  row.job,
  row.key,
  row.labels,
  row.upstream,
  row.rerunOf,
  row.createdAt,
  row.submittedAt,
  row.description
]

const progress = (seq: number, row: Row): ReadonlyArray<unknown> => [
  seq,
  row.state,
  row.attempts,
  row.startedAt,
  row.endedAt,
  row.attemptCauses,
  row.end
]

const added = (rows: Iterable<Row>, last: number): ReadonlyArray<Bound> => {
  const numbered = Array.from(rows, (row, index) => ({ row, seq: last + 1 + index }))
  if (numbered.length === 0) return []
  const labels = numbered.flatMap(({ row, seq }) =>
    row.labels === "{}" ? [] : Object.entries(JSON.parse(row.labels) as object).map((entry) => [...entry, seq])
  )
  return [
    ...many(
      "INSERT INTO runs (seq, id, name, job, key, labels, upstream, rerun_of, created_at, submitted_at, description) VALUES",
      numbered.map(({ row, seq }) => heads(seq, row))
    ),
    ...many(
      "INSERT INTO progress (seq, state, attempts, started_at, ended_at, attempt_causes, ending) VALUES",
      numbered.map(({ row, seq }) => progress(seq, row))
    ),
    ...many("INSERT INTO labels (name, value, seq) VALUES", labels)
  ]
}

const seqOf = "(SELECT seq FROM runs WHERE id = ?)"

/** A statement touches the indices of the columns that it names, also where they stay as they are. */
const patched = (id: string, patch: Patch): Bound =>
  patch.endedAt === undefined
    ? [
        `UPDATE progress SET state = ?, attempts = ?, started_at = coalesce(?, started_at), attempt_causes = coalesce(?, attempt_causes) WHERE seq = ${seqOf}`,
        [patch.state, patch.attempts, patch.startedAt, patch.attemptCauses, id]
      ]
    : [
        `UPDATE progress SET state = ?, attempts = ?, started_at = coalesce(?, started_at), attempt_causes = coalesce(?, attempt_causes), ended_at = ?, ending = ? WHERE seq = ${seqOf}`,
        [patch.state, patch.attempts, patch.startedAt, patch.attemptCauses, patch.endedAt, patch.end, id]
      ]

/** The labels are found by the text that is kept with the run. */
const removed = (id: string): ReadonlyArray<Bound> => [
  [
    `DELETE FROM labels WHERE (name, value, seq) IN (SELECT j.key, j.value, runs.seq FROM runs, json_each(runs.labels) AS j WHERE runs.id = ?)`,
    [id]
  ],
  [`DELETE FROM progress WHERE seq = ${seqOf}`, [id]],
  [`DELETE FROM runs WHERE id = ?`, [id]]
]

const scheduled = (name: string, state: string | undefined): Bound =>
  state === undefined
    ? [`DELETE FROM schedules WHERE name = ?`, [name]]
    : [`INSERT INTO schedules (name, state) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state`, [name, state]]

const answered = (number: number, refusal: string | undefined): Bound =>
  refusal === undefined
    ? [`DELETE FROM requests WHERE number = ?`, [number]]
    : [`UPDATE requests SET refusal = ? WHERE number = ?`, [refusal, number]]

const forgetRefusals: Bound = [
  `DELETE FROM requests WHERE number IN (SELECT number FROM requests WHERE refusal IS NOT NULL ORDER BY number DESC LIMIT -1 OFFSET ${keptRefusals})`,
  []
]

/** What is to be run in one transaction. `last` is the number of the last run. */
export const statements = (batch: Batch, last: number): ReadonlyArray<Bound> => [
  ...Array.from(batch.removed, removed).flat(),
  ...added(batch.added.values(), last),
  ...Array.from(batch.patched, ([id, patch]) => patched(id, patch)),
  ...Array.from(batch.schedules, ([name, state]) => scheduled(name, state)),
  ...Array.from(batch.answered, ([number, refusal]) => answered(number, refusal)),
  ...(Array.from(batch.answered.values()).some((refusal) => refusal !== undefined) ? [forgetRefusals] : [])
]
