/** Reads what a store says of jobs: the runs it keeps, and those that somebody asked for and no engine has taken in yet, or has refused. */
import type * as JobStore from "@skein/engine/JobStore"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as StoredJob from "@skein/engine/StoredJob"
import type { Values } from "../flags.ts"
import { UsageError } from "../flags.ts"
import * as instants from "./instants.ts"

type StoredRun = JobStore.StoredRun

/** One job as it is shown. */
export interface Entry {
  /** Of one that is not taken in: what it will be. */
  readonly run: StoredRun
  readonly state: StoredRun["state"] | "refused"
  /** What is asked of it and not done yet. */
  readonly asked: "submit" | "cancel" | "remove" | undefined
  /** Why it was refused. */
  readonly refusal: string | undefined
}

/** What is asked of a store and not done. */
interface Asked {
  /** By the id that is to be. */
  readonly submitted: ReadonlyMap<string, Entry>
  /** By the id of a run. */
  readonly of: ReadonlyMap<string, "cancel" | "remove">
  /** How many requests wait for an engine. */
  readonly waiting: number
}

const asked = (store: JobStore.JobStore): Effect.Effect<Asked, JobStore.StoreError> =>
  Effect.gen(function* () {
    const submitted = new Map<string, Entry>()
    const of = new Map<string, "cancel" | "remove">()
    let waiting = 0
    for (const { at, refusal, request } of yield* store.requests) {
      if (refusal === undefined) waiting++
      const add = (run: StoredRun): void => {
        submitted.set(run.id, {
          run,
          state: refusal === undefined ? "waiting" : "refused",
          asked: refusal === undefined ? "submit" : undefined,
          refusal
        })
      }
      switch (request._tag) {
        case "Submit":
          for (const job of request.jobs) add(unborn(job, at))
          break
        case "Rerun": {
          const old = Option.getOrUndefined(yield* store.get(request.id))
          add({
            ...unborn({ id: request.as, name: old?.name ?? request.id, description: old?.description ?? null }, at),
            job: old?.job ?? request.id,
            rerunOf: request.id
          })
          break
        }
        case "Cancel":
        case "Remove":
          if (refusal === undefined) of.set(request.id, request._tag === "Cancel" ? "cancel" : "remove")
      }
    }
    return { submitted, of, waiting }
  })

const unborn = (job: { readonly id: string; readonly name: string; readonly description: JobStore.Json }, at: number): StoredRun => ({
  ...job,
  job: job.id,
  state: "waiting",
  key: StoredJob.key(job.description),
  labels: StoredJob.labels(job.description),
  upstream: StoredJob.edges({ ...job, upstream: [] }).map(({ from }) => from),
  rerunOf: undefined,
  createdAt: at,
  submittedAt: at,
  startedAt: undefined,
  endedAt: undefined,
  attempts: 0,
  attemptCauses: [],
  end: undefined
})

const entryOf = (run: StoredRun, { of }: Asked): Entry => ({ run, state: run.state, asked: of.get(run.id), refusal: undefined })

const submittedAs = (id: string, { of, submitted }: Asked): Entry | undefined => {
  const entry = submitted.get(id)
  return entry === undefined ? undefined : { ...entry, asked: entry.asked === undefined ? undefined : (of.get(id) ?? entry.asked) }
}

/** Which jobs are meant. */
export interface Filter extends Omit<JobStore.Query, "state" | "limit"> {
  readonly state?: ReadonlyArray<Entry["state"]> | undefined
}

export const ends = ["completed", "failed", "timeout", "cancelled", "skipped"] as const

/** Reads the flags that choose jobs. @throws UsageError */
export const filterOf = (values: Values, now: number): Filter => {
  const state = values.all("state").flatMap((word) => (word === "ended" ? ends : [word as Entry["state"]]))
  const from = values.read("since", instants.past(now))
  const before = values.read("older-than", instants.past(now))
  return {
    state: state.length === 0 ? undefined : state,
    name: values.text("name"),
    labels: values.has("label") ? labelsOf(values) : undefined,
    submitted: from === undefined ? undefined : { from },
    ended: before === undefined ? undefined : { to: before + 1 }
  }
}

/** @throws UsageError */
export const labelsOf = (values: Values): Readonly<Record<string, string>> =>
  Object.fromEntries(
    values.all("label").map((text) => {
      const equals = text.indexOf("=")
      if (equals < 1)
        throw new UsageError({ message: `--label must be a word and its value, such as branch=main, got ${JSON.stringify(text)}` })
      return [text.slice(0, equals), text.slice(equals + 1)]
    })
  )

const chosen = ({ run, state }: Entry, filter: Filter): boolean =>
  (filter.state === undefined || filter.state.includes(state)) &&
  (filter.name === undefined || filter.name === run.name) &&
  // It never ended otherwise.
  (filter.ended?.to === undefined || (state === "refused" && run.submittedAt < filter.ended.to)) &&
  (filter.submitted?.from === undefined || run.submittedAt >= filter.submitted.from) &&
  Object.entries(filter.labels ?? {}).every(([key, value]) => Object.hasOwn(run.labels, key) && run.labels[key] === value)

/** Gives jobs in the order of their submission, those that no engine has taken in last. `limit` keeps the newest. */
export const list = (
  store: JobStore.JobStore,
  filter: Filter = {},
  limit = Infinity
): Effect.Effect<ReadonlyArray<Entry>, JobStore.StoreError> =>
  Effect.gen(function* () {
    // The requests first: what is taken in meanwhile is then seen twice, not never.
    const open = yield* asked(store)
    const states = filter.state?.filter((state): state is StoredRun["state"] => state !== "refused")
    const runs = states?.length === 0 ? [] : yield* store.list({ ...filter, state: states, ...(limit === Infinity ? {} : { limit }) })
    const taken = new Set(runs.map(({ id }) => id))
    const rest = [...open.submitted.keys()]
      .map((id) => submittedAs(id, open)!)
      .filter((entry) => !taken.has(entry.run.id) && chosen(entry, filter))
    const unknown = yield* Effect.filter(rest, ({ run }) => Effect.map(store.get(run.id), Option.isNone))
    const all = [...runs.map((run) => entryOf(run, open)), ...unknown]
    return all.length > limit ? all.slice(-limit) : all
  })

/** Finds one job. */
export const get = (store: JobStore.JobStore, id: string): Effect.Effect<Entry | undefined, JobStore.StoreError> =>
  Effect.gen(function* () {
    const open = yield* asked(store)
    const run = Option.getOrUndefined(yield* store.get(id))
    return run === undefined ? submittedAs(id, open) : entryOf(run, open)
  })

/** Finds out which of the jobs that others wait for have ended; one that is not kept any more has. */
export const hasEnded = (
  store: JobStore.JobStore,
  entries: ReadonlyArray<Entry>
): Effect.Effect<(id: string) => boolean, JobStore.StoreError> =>
  Effect.gen(function* () {
    const open = new Map(entries.map(({ run }) => [run.id, run.endedAt === undefined]))
    for (const { run } of entries) {
      if (run.endedAt !== undefined) continue
      for (const id of run.upstream) {
        if (open.has(id)) continue
        const found = yield* get(store, id)
        open.set(id, found !== undefined && found.run.endedAt === undefined)
      }
    }
    return (id) => open.get(id) !== true
  })
