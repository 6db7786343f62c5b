/** Makes the runs of an engine again from what its store keeps. */
import * as Outcome from "@skein/core/Outcome"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { type Loaded, StoreError, type StoredRun } from "../JobStore.ts"
import type * as Job from "../Job.ts"
import { waitingOf } from "./durable.ts"
import { JobLost, Unreadable } from "./ends.ts"
import type { EngineCore } from "./engineCore.ts"
import { SubmitError } from "./errors.ts"
import { type BoundGroup, Run, type Slot } from "./run.ts"
import { decodeCause, decodeEnd } from "./store/ends.ts"
import * as stored from "./stored.ts"
import { Refusal, type Registrar } from "./submit.ts"
import type { Codecs } from "./work.ts"
import type { Works } from "./works.ts"

/** After so many losses an attempt more would most likely be lost too. */
const mostLosses = 3

interface Found {
  readonly kept: StoredRun
  readonly form: stored.Form
}

/** Takes in what was kept: the ended as they ended, the others as if they were submitted now, those that were lost as their jobs say. */
export const restore = (
  core: EngineCore,
  registrar: Registrar,
  works: Works,
  loaded: Loaded,
  context: Context.Context<never>
): Effect.Effect<void, StoreError> =>
  Effect.gen(function* () {
    const found: Array<Found> = []
    for (const kept of loaded.runs) {
      try {
        found.push({ kept, form: stored.read(kept.description) })
      } catch (error) {
        const detail = `job ${JSON.stringify(kept.id)} is kept in a form that is not known: ${(error as Error).message}`
        return yield* new StoreError({ store: core.durable!.store.name, reason: { _tag: "NotAStore", detail } })
      }
    }
    for (const [name, state] of loaded.schedules) core.memories.set(name, state)
    yield* works.load(found.map(({ form }) => form.work))
    yield* Effect.sync(() => new Restoration(core, works, context).take(found, registrar))
  })

class Restoration {
  private readonly core: EngineCore
  private readonly works: Works
  private readonly context: Context.Context<never>
  private readonly slots = new Map<string, Slot>()
  private readonly runs = new Map<string, Run>()

  constructor(core: EngineCore, works: Works, context: Context.Context<never>) {
    this.core = core
    this.works = works
    this.context = context
  }

  take(found: ReadonlyArray<Found>, registrar: Registrar): void {
    const { core } = this
    const runs = found.map((one) => this.runOf(one))
    for (const slot of this.slots.values()) this.bind(slot)
    const lost: Array<Run> = []
    for (const [i, run] of runs.entries()) {
      const { kept } = found[i]!
      core.runs.set(run.id, run)
      if (kept.end !== undefined) core.names.take(run)
      run.past = {
        submittedAt: kept.submittedAt,
        startedAt: kept.startedAt,
        upstream: kept.upstream.map((id) => this.runs.get(id))
      }
      run.attempts = kept.attempts
      run.attempt = kept.attempts + 1
      const codecs = run.slot.job.work.portable as Codecs
      if (kept.attemptCauses.length > 0) run.attemptCauses = kept.attemptCauses.map((cause) => decodeCause(cause, codecs))
      if (kept.end !== undefined) this.end(run, kept)
      else if (run.slot.missing !== undefined) run.lost = new Outcome.Failed(run.info(core.pump.now()), Cause.die(gone(run.slot.missing)))
      else {
        const why = misfit(registrar, run)
        if (why !== undefined) run.lost = new Outcome.Failed(run.info(core.pump.now()), Cause.die(why))
        else if (kept.state === "running") lost.push(run)
      }
    }
    for (const run of lost) this.lose(run)
    registrar.restore(runs)
    // In the order in which they ended: the oldest are forgotten first.
    const over = runs.filter((_, i) => found[i]!.kept.end !== undefined)
    for (const run of over.toSorted((a, b) => (a.end!.endedAt ?? 0) - (b.end!.endedAt ?? 0))) core.retention.keep(run)
    core.commit()
  }

  private runOf({ form, kept }: Found): Run {
    const { core } = this
    let slot = this.slots.get(kept.job)
    if (slot === undefined) {
      const job = stored.decode(kept.name, form, this.works.of(form.work))
      slot = { id: kept.job, job, form: kept.description, context: this.context, groups: [], latest: undefined as never }
      this.slots.set(kept.job, slot)
      core.slots.set(job, slot)
    }
    const run = new Run(core, slot, kept.id, kept.rerunOf)
    slot.latest = run
    this.runs.set(kept.id, run)
    return run
  }

  /** Finds the jobs that a job refers to. */
  private bind(slot: Slot): void {
    const groups: Array<BoundGroup> = []
    for (const { kind, members } of slot.job.groups) {
      const bound: Array<BoundGroup["members"][number]> = []
      for (const { mask, ref } of members) {
        const upstream = this.slots.get(ref as string)
        if (upstream === undefined) (slot as { missing?: string }).missing = ref as string
        else bound.push({ mask, slot: upstream })
      }
      groups.push({ kind, members: bound })
    }
    slot.groups = groups
  }

  private end(run: Run, kept: StoredRun): void {
    run.record = kept.end
    run.phase = "ended"
    run.end = endOf(run, kept)
    run.told = true
    let place = 0
    for (const { kind, members } of run.slot.job.groups) {
      for (const { mask } of members) {
        const upstream = run.past!.upstream[place++]
        const group = { left: 0, waivable: false, kind, decided: true }
        if (upstream !== undefined) (run.edges ??= []).push({ run, upstream, mask, group })
      }
    }
  }

  /** A run that had an attempt when its engine ended: another attempt, or the end. */
  private lose(run: Run): void {
    const { core } = this
    const loss = new JobLost({ id: run.id, attempt: run.attempts })
    const losses = (run.attemptCauses ?? []).filter(tellsOfLoss)
    if (run.slot.job.onLost === "resume" && losses.length < mostLosses - 1) {
      ;(run.attemptCauses ??= []).push(Cause.die(loss))
      core.note({ type: "other", change: waitingOf(run) })
    } else run.lost = new Outcome.Failed(run.info(core.pump.now()), Cause.die(loss))
  }
}

/** Why a job that is kept cannot run in this engine. One that needs too much of a limit waits until there is more. */
const misfit = (registrar: Registrar, run: Run): SubmitError | undefined => {
  try {
    registrar.fits(run.slot.job)
    return undefined
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal
    return refusal.reason._tag === "NeverFits" ? undefined : new SubmitError({ reason: refusal.reason })
  }
}

const gone = (id: string): Error => new Error(`job ${JSON.stringify(id)}, which it depends on, is not kept any more`)

/** A loss of an earlier process is read as an error of that name. */
const tellsOfLoss = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) => reason._tag === "Die" && reason.defect instanceof Error && reason.defect.name === "JobLost")

/** What an older version of the task gave, and this one cannot read, stands there unread. */
const endOf = (run: Run, kept: StoredRun): Job.End<unknown, unknown> => {
  const { portable } = run.slot.job.work
  const codecs = portable as Codecs
  try {
    const end = decodeEnd(kept.end!, codecs, run.index)
    if (end._tag !== "Failed") return end
    return tellsOfLoss(end.cause)
      ? new Outcome.Failed(run.info(end.endedAt), Cause.die(new JobLost({ id: run.id, attempt: run.attempts })))
      : end
  } catch (error) {
    const raw = { encode: codecs.success.encode, decode: (json: unknown) => new Unreadable(json, error as Error) }
    const end = decodeEnd(kept.end!, { success: raw, error: raw }, run.index)
    return end._tag === "Failed" && end.cause.reasons.some((reason) => reason._tag === "Fail" && reason.error instanceof Unreadable)
      ? new Outcome.Failed(run.info(end.endedAt), Cause.die(error))
      : end
  }
}
