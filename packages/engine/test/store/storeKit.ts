/** Runs, changes, and the plainest store there is, to compare with. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { expect } from "vitest"
import type * as JobStore from "../../src/JobStore.ts"

export type Open = Effect.Effect<JobStore.JobStore, JobStore.StoreError, Scope.Scope>

export const runOf = (id: string, more: Partial<JobStore.StoredRun> = {}): JobStore.StoredRun => ({
  id,
  name: "build",
  job: id,
  description: { task: "compile", payload: [id] },
  state: "waiting",
  key: undefined,
  labels: {},
  upstream: [],
  rerunOf: undefined,
  createdAt: 1_700_000_000_000.25,
  submittedAt: 1_700_000_000_001,
  startedAt: undefined,
  endedAt: undefined,
  attempts: 0,
  attemptCauses: [],
  end: undefined,
  ...more
})

export const submitted = (id: string, more: Partial<JobStore.StoredRun> = {}): JobStore.StoredChange => ({
  type: "submitted",
  run: runOf(id, more)
})

export const running = (id: string, attempts = 1, startedAt = 1_700_000_000_002): JobStore.StoredChange => ({
  type: "running",
  id,
  attempts,
  startedAt
})

export const ended = (id: string, more: Partial<Extract<JobStore.StoredChange, { type: "ended" }>> = {}): JobStore.StoredChange => ({
  type: "ended",
  id,
  state: "completed",
  endedAt: 1_700_000_000_003,
  attempts: 1,
  attemptCauses: [],
  end: { value: id },
  ...more
})

/** Owns the store for as long as the effect runs. */
export const owning = <A, E, R>(
  store: JobStore.JobStore,
  use: (owner: JobStore.Owner) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | JobStore.StoreError, Exclude<R, Scope.Scope>> => Effect.scoped(Effect.flatMap(store.own, use))

export const idsOf = (runs: ReadonlyArray<JobStore.StoredRun>): ReadonlyArray<string> => runs.map(({ id }) => id)

export const reasonOf = <A>(effect: Effect.Effect<A, JobStore.StoreError, Scope.Scope>): Effect.Effect<string, A, Scope.Scope> =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason._tag)

/** A store as one would write it down on paper: the changes one after the other, and every question answered by looking at all. */
export class Paper {
  runs: Array<JobStore.StoredRun> = []
  readonly schedules = new Map<string, JobStore.Json>()

  change(change: JobStore.StoredChange): void {
    switch (change.type) {
      case "submitted":
        this.runs.push(change.run)
        break
      case "removed":
        this.runs = this.runs.filter(({ id }) => id !== change.id)
        break
      case "schedule":
        if (change.state === undefined) this.schedules.delete(change.name)
        else this.schedules.set(change.name, change.state)
        break
      case "answered":
        break
      default: {
        const { type, ...rest } = change
        const state = type === "ended" ? change.state : type
        this.runs = this.runs.map((run) => (run.id === change.id ? { ...run, ...rest, state } : run))
      }
    }
  }

  list({ ended, key, labels = {}, limit = Infinity, name, state, submitted }: JobStore.Query): ReadonlyArray<JobStore.StoredRun> {
    const within = (at: number | undefined, range: JobStore.Query["ended"]): boolean =>
      range === undefined || (at !== undefined && !(at < (range.from ?? -Infinity)) && !(at >= (range.to ?? Infinity)))
    const found = this.runs.filter(
      (run) =>
        (name === undefined || run.name === name) &&
        (key === undefined || run.key === key) &&
        (state === undefined || state.includes(run.state)) &&
        Object.keys(labels).every((label) => run.labels[label] === labels[label]) &&
        within(run.submittedAt, submitted) &&
        within(run.endedAt, ended)
    )
    return found.filter((_, i) => i >= found.length - limit)
  }
}

/** That both keep the same, and give the same for each question. */
export const compare = Effect.fnUntraced(function* (
  store: JobStore.JobStore,
  owner: JobStore.Owner,
  paper: Paper,
  queries: ReadonlyArray<JobStore.Query>
) {
  const loaded = yield* owner.load
  expect(loaded.runs).toStrictEqual(paper.runs)
  expect(loaded.schedules).toStrictEqual(paper.schedules)
  for (const query of queries) expect({ query, runs: yield* store.list(query) }).toStrictEqual({ query, runs: paper.list(query) })
})
