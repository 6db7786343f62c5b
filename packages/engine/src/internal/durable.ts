/** What an engine keeps in its store: turns the changes of each turn into what is kept, and says what a store cannot keep. */
import * as Outcome from "@skein/core/Outcome"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { type JobStore, type Json, type Owner, type StoredChange, StoreError, type StoredRun } from "../JobStore.ts"
import type * as Job from "../Job.ts"
import type { Description } from "./description.ts"
import type { EngineCore } from "./engineCore.ts"
import { type Change, type Journal, JournalError } from "./journal.ts"
import type { BoundGroup, Run } from "./run.ts"
import { encodeCause, encodeEnd } from "./store/ends.ts"
import * as stored from "./stored.ts"
import type { Codecs } from "./work.ts"

export class Durable implements Journal {
  readonly store: JobStore
  readonly owner: Owner

  constructor(store: JobStore, owner: Owner) {
    this.store = store
    this.owner = owner
  }

  /** What is kept of a job, or why it cannot be. An ephemeral one is not kept. */
  formOf(job: Description, groups: ReadonlyArray<BoundGroup>): Json | undefined {
    return job.ephemeral ? undefined : stored.encode(job, groups)
  }

  /** Writes down how a run ended. Where that cannot be written, the end is a failure that says so. */
  endOf(run: Run, end: Job.End<unknown, unknown>): Job.End<unknown, unknown> {
    if (!run.isKept) return end
    const codecs = codecsOf(run)
    try {
      run.record = encodeEnd(end, codecs)
      return end
    } catch (error) {
      const failed = new Outcome.Failed<unknown>(run.info(end.endedAt), Cause.die(error))
      run.record = encodeEnd(failed, codecs)
      return failed
    }
  }

  append(changes: ReadonlyArray<Change>): Effect.Effect<void, JournalError> {
    const kept: Array<StoredChange> = []
    const seen = new Set<Run>()
    for (const change of changes) {
      if (change.type === "other") kept.push(change.change)
      else if (change.run.isKept && !seen.has(change.run)) {
        // What became of it in this turn is read from the run: one change says all.
        seen.add(change.run)
        if (change.type === "state" && change.run.phase === "running" && change.run.attemptCauses !== undefined)
          kept.push(waitingOf(change.run))
        const one = change.type === "submitted" ? ({ type: "submitted", run: storedOf(change.run) } as const) : changeOf(change.run)
        if (one !== undefined) kept.push(one)
      }
    }
    if (kept.length === 0) return Effect.void
    return Effect.suspend(() => this.owner.append(kept)).pipe(
      Effect.catchDefect((cause) => Effect.fail(new StoreError({ store: this.store.name, reason: { _tag: "Unavailable", cause } }))),
      Effect.mapError((cause) => new JournalError({ cause }))
    )
  }
}

/** Whether what a run has left to do waits in a store for the next engine. */
export const isLeaving = (engine: EngineCore, run: Run): boolean => run.isKept && engine.stopped?.reason._tag === "Closed"

/** Whether a run ends only here: the engine was closed before it came to its own end, and another attempt may follow. */
export const leaves = (engine: EngineCore, run: Run, end: Job.End<unknown, unknown>): boolean => {
  if (!isLeaving(engine, run)) return false
  if (end._tag !== "NotStarted" && (end._tag !== "Cancelled" || end.abandoned || run.asked !== undefined)) return false
  const hasBegun = run.phase === "running" && run.attempts >= run.attempt
  const mayFollow = !hasBegun || run.slot.job.onLost === "resume"
  return mayFollow && end.reason._tag === "Closed"
}

const codecsOf = (run: Run): Codecs => run.slot.job.work.portable as Codecs

const attemptsOf = (run: Run): number => (run.phase === "running" ? run.attempt : run.attempts)

const causesOf = (run: Run): ReadonlyArray<Json> =>
  run.attemptCauses === undefined ? [] : run.attemptCauses.map((cause) => encodeCause(cause, codecsOf(run)))

/** A run waits again. */
export const waitingOf = (run: Run): StoredChange => ({
  type: "waiting",
  id: run.id,
  attempts: run.attempts,
  attemptCauses: causesOf(run)
})

const changeOf = (run: Run): StoredChange | undefined => {
  const { id } = run
  const attempts = attemptsOf(run)
  if (run.phase === "running") {
    run.isToldOf = true
    return { type: "running", id, attempts, startedAt: run.startedAt ?? run.engine.pump.now() }
  }
  // One that was given its limits, and then its engine was closed, is known to run.
  if (run.end === undefined || run.left) return attempts === 0 && !run.isToldOf ? undefined : waitingOf(run)
  const state = run.status as Job.EndWord
  return { type: "ended", id, state, endedAt: endedAt(run), attempts, attemptCauses: causesOf(run), end: run.record! }
}

const endedAt = (run: Run): number => run.end!.endedAt ?? run.engine.pump.now()

const storedOf = (run: Run): StoredRun => {
  const { slot } = run
  const isOver = run.end !== undefined && !run.left
  run.isToldOf = run.phase === "running"
  return {
    id: run.id,
    name: run.name,
    job: slot.id,
    description: slot.form!,
    state: isOver ? run.status : run.phase === "running" ? "running" : "waiting",
    key: slot.job.key,
    labels: slot.job.labels,
    upstream: run.edges === undefined ? [] : run.edges.map(({ upstream }) => upstream.id),
    rerunOf: run.rerunOf,
    createdAt: slot.job.createdAt,
    submittedAt: run.submittedAt,
    startedAt: run.phase === "running" ? (run.startedAt ?? run.engine.pump.now()) : run.startedAt,
    endedAt: isOver ? endedAt(run) : undefined,
    attempts: attemptsOf(run),
    attemptCauses: causesOf(run),
    end: isOver ? run.record : undefined
  }
}
