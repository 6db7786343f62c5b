/** The form in which stores keep runs: JSON as text, so that what was handed in can be changed by nobody. */
import type { Json, StoredRun } from "../../JobStore.ts"

/** What changes after the submission. */
export interface Progress {
  readonly state: StoredRun["state"]
  readonly attempts: number
  readonly startedAt: number | undefined
  readonly endedAt: number | undefined
  readonly attemptCauses: string
  readonly end: string | undefined
}

/** What a run was submitted with, and how it stands. */
export interface Row extends Progress {
  readonly id: string
  readonly name: string
  readonly job: string
  readonly key: string | undefined
  readonly labels: string
  readonly upstream: string
  readonly rerunOf: string | undefined
  readonly createdAt: number
  readonly submittedAt: number
  readonly description: string
}

/** Throws for what JSON has no text for. */
export const textOf = (json: Json | object): string => {
  const text = JSON.stringify(json) as string | undefined
  if (text === undefined) throw new TypeError(`a store keeps JSON, got ${typeof json}`)
  return text
}

/** Nearly all runs have no causes, no labels and nothing upstream. */
const none = "[]"
const listText = (list: ReadonlyArray<Json>): string => (list.length === 0 ? none : textOf(list))

export const causesText = listText

export const toRow = (run: StoredRun): Row => ({
  id: run.id,
  name: run.name,
  job: run.job,
  key: run.key,
  labels: textOf(run.labels),
  upstream: listText(run.upstream),
  rerunOf: run.rerunOf,
  createdAt: run.createdAt,
  submittedAt: run.submittedAt,
  description: textOf(run.description),
  state: run.state,
  attempts: run.attempts,
  startedAt: run.startedAt,
  endedAt: run.endedAt,
  attemptCauses: listText(run.attemptCauses),
  end: run.end === undefined ? undefined : textOf(run.end)
})

export const toRun = (row: Row): StoredRun => ({
  id: row.id,
  name: row.name,
  job: row.job,
  description: JSON.parse(row.description) as Json,
  state: row.state,
  key: row.key,
  labels: JSON.parse(row.labels) as Record<string, string>,
  upstream: JSON.parse(row.upstream) as ReadonlyArray<string>,
  rerunOf: row.rerunOf,
  createdAt: row.createdAt,
  submittedAt: row.submittedAt,
  startedAt: row.startedAt,
  endedAt: row.endedAt,
  attempts: row.attempts,
  attemptCauses: JSON.parse(row.attemptCauses) as ReadonlyArray<Json>,
  end: row.end === undefined ? undefined : (JSON.parse(row.end) as Json)
})
