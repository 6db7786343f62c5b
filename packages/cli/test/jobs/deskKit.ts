/** A desk in memory: a store with jobs in it, and what was written. */
import * as Command from "@skein/node/Command"
import * as CommandJob from "@skein/engine/CommandJob"
import type * as Job from "@skein/engine/Job"
import * as JobStore from "@skein/engine/JobStore"
import * as StoredJob from "@skein/engine/StoredJob"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import { valuesOf } from "../../src/flags.ts"
import type { Desk, Handler } from "../../src/jobs/desk.ts"
import { subcommands } from "../../src/jobs/flags.ts"

/** Now, in all tests: 2026-11-20T12:00:00Z. */
export const now = Date.UTC(2026, 10, 20, 12)

export const minute = 60_000

/** What is kept of a command that comes after others. */
export const description = (upstream: ReadonlyArray<string> = [], options: Job.Options = {}): JobStore.Json =>
  StoredJob.of(CommandJob.make("x", Command.make("make", ["it's", "all"]), { ...options, after: upstream } as CommandJob.Options))
    .description

/** A run that was submitted ten minutes ago. */
export const run = (id: string, more: Partial<JobStore.StoredRun> = {}): JobStore.StoredRun => ({
  id,
  name: id,
  job: id,
  description: description(more.upstream),
  state: "waiting",
  key: undefined,
  labels: {},
  upstream: [],
  rerunOf: undefined,
  createdAt: now - 10 * minute,
  submittedAt: now - 10 * minute,
  startedAt: undefined,
  endedAt: undefined,
  attempts: 0,
  attemptCauses: [],
  end: undefined,
  ...more
})

/** One that ran for a minute and ended five minutes ago. */
export const ended = (id: string, state: "completed" | "failed", more: Partial<JobStore.StoredRun> = {}): JobStore.StoredRun =>
  run(id, { state, startedAt: now - 6 * minute, endedAt: now - 5 * minute, attempts: 1, end: null, ...more })

export interface Told {
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
  /** The message of its failure. */
  readonly message: string | undefined
}

export interface Setting {
  readonly store: JobStore.JobStore
  readonly columns?: number | undefined
  readonly path?: string | undefined
}

/** Does a command with these flags, as they are split, and words. */
export const tell = (
  name: string,
  handler: Handler,
  { columns, path = "jobs.db", store }: Setting,
  flags: ReadonlyArray<string> = [],
  words: ReadonlyArray<string> = []
): Effect.Effect<Told> =>
  Effect.suspend(() => {
    let stdout = ""
    let stderr = ""
    const desk: Desk = {
      store,
      path,
      values: valuesOf(subcommands[name]!.entries, flags, []),
      words,
      dashed: false,
      look: { columns, paint: (_, text) => text, now: () => now },
      write: (which, bytes) =>
        Effect.sync(() => {
          if (which === "stdout") stdout += Buffer.from(bytes).toString()
          else stderr += Buffer.from(bytes).toString()
        }),
      print: (text) => Effect.sync(() => void (stdout += text)),
      say: (line) => Effect.sync(() => void (stderr += `${line}\n`))
    }
    return Effect.scoped(handler(desk)).pipe(
      Effect.map((code): Told => ({ code, stdout, stderr, message: undefined })),
      Effect.catch(({ message }) => Effect.succeed<Told>({ code: undefined, stdout, stderr, message }))
    )
  })

/** A store with these runs, that nobody owns. */
export const storeOf = (...runs: ReadonlyArray<JobStore.StoredRun>): Effect.Effect<JobStore.JobStore> =>
  Effect.gen(function* () {
    const store = JobStore.memory({ name: "jobs.db" })
    yield* Effect.scoped(keep(store, runs))
    return store
  }).pipe(Effect.orDie)

const keep = (store: JobStore.JobStore, runs: ReadonlyArray<JobStore.StoredRun>) =>
  Effect.flatMap(store.own, (owner) => owner.append(runs.map((one) => ({ type: "submitted", run: one }))))

/** Runs a test with a store of these runs. */
export const withStore = <A>(
  runs: ReadonlyArray<JobStore.StoredRun>,
  use: (store: JobStore.JobStore) => Effect.Effect<A, JobStore.StoreError, Scope>
): Promise<A> => Effect.runPromise(Effect.scoped(Effect.orDie(Effect.flatMap(storeOf(...runs), use))))
