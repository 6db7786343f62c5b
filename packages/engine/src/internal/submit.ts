/** Takes jobs in: finds what they refer to, refuses what cannot be, and lets all of them in or none. */
import * as Settings from "@skein/core/Settings"
import type * as Context from "effect/Context"
import type * as Job from "../Job.ts"
import type { Json } from "../JobStore.ts"
import { satisfiable } from "./condition/satisfiable.ts"
import { Description } from "./description.ts"
import type { EngineCore } from "./engineCore.ts"
import type { SubmitReason } from "./errors.ts"
import { isHandle, isJob } from "./references.ts"
import { type BoundGroup, Run, type Slot } from "./run.ts"
import { NotStorable } from "./stored.ts"

/** Why the jobs were not taken. */
export class Refusal {
  readonly reason: SubmitReason
  constructor(reason: SubmitReason) {
    this.reason = reason
  }
}

const noGroups: ReadonlyArray<BoundGroup> = []

export class Registrar {
  private readonly engine: EngineCore
  private submitted = 0
  /** Of the ids that are made here: what other owners of a store have made is never made again. */
  private readonly prefix: number | undefined

  constructor(engine: EngineCore) {
    this.engine = engine
    this.prefix = engine.durable?.owner.token
  }

  /** Gives a run for each job, in order; one that shares its key with an active one gets that. Throws a `Refusal`. */
  submit(
    where: string,
    jobs: ReadonlyArray<unknown>,
    context: Context.Context<never>,
    ids: ReadonlyArray<string> = []
  ): ReadonlyArray<Run> {
    const batch = new Batch()
    const runs: Array<Run> = []
    const fresh: Array<Run> = []
    for (const [i, job] of jobs.entries()) {
      if (!(job instanceof Description)) throw new TypeError(Settings.mustBe(where, "job", "a Job", job).message)
      if (batch.slots.has(job)) throw new Refusal({ _tag: "AlreadyRunning", id: job.id ?? job.name })
      const shared = job.key === undefined ? undefined : (this.engine.byKey.get(job.key) ?? batch.keys.get(job.key))
      if (shared !== undefined) {
        batch.slots.set(job, shared.slot)
        runs.push(shared)
        continue
      }
      this.check(job)
      const given = ids[i] ?? job.id
      if (given !== undefined && (this.engine.isTaken(given) || batch.ids.has(given))) throw new Refusal({ _tag: "DuplicateId", id: given })
      const id = given ?? this.freshId(job.name, batch)
      const run = this.runOf({ id, job, context, form: undefined, groups: noGroups }, id, undefined)
      run.slot.latest = run
      batch.add(run)
      runs.push(run)
      fresh.push(run)
    }
    for (const { slot } of fresh) if (slot.job.groups.length > 0) slot.groups = this.bind(slot.job, batch)
    if (fresh.some(({ slot }) => slot.groups.length > 0)) refuseCycles(fresh)
    for (const { slot } of fresh) slot.form = this.formOf(slot)
    for (const run of fresh) this.engine.slots.set(run.slot.job, run.slot)
    this.admit(fresh)
    return runs
  }

  /** Gives a new run of a job that has ended. Throws a `Refusal`. */
  rerun(which: unknown, as?: string): Run {
    const { engine } = this
    const id = isHandle(which) ? which.id : (which as string)
    const old = engine.runs.get(id)
    if (old === undefined || (isHandle(which) && (which as unknown) !== old))
      throw new Refusal({ _tag: "UnknownJob", job: id, by: undefined })
    const { slot } = old
    if (slot.latest.end === undefined) throw new Refusal({ _tag: "AlreadyRunning", id: slot.latest.id })
    if (slot.missing !== undefined) throw new Refusal({ _tag: "UnknownJob", job: slot.missing, by: id })
    for (const { members } of slot.groups) {
      const gone = slot.form === undefined ? undefined : members.find((member) => member.slot.latest.removed)
      if (gone !== undefined) throw new Refusal({ _tag: "UnknownJob", job: gone.slot.id, by: id })
    }
    const holder = slot.job.key === undefined ? undefined : engine.byKey.get(slot.job.key)
    if (holder !== undefined) throw new Refusal({ _tag: "AlreadyRunning", id: holder.id })
    if (as !== undefined && engine.isTaken(as)) throw new Refusal({ _tag: "DuplicateId", id: as })
    this.fits(slot.job)
    const run = this.runOf(slot, as ?? this.freshId(slot.job.name, undefined), old.id)
    slot.latest = run
    this.admit([run])
    return run
  }

  private runOf(slot: Omit<Slot, "latest">, id: string, rerunOf: string | undefined): Run {
    return new Run(this.engine, slot, id, rerunOf)
  }

  /** Takes in runs that were found in a store. */
  restore(runs: ReadonlyArray<Run>): void {
    this.number(runs)
    this.engine.admit(runs.filter((run) => run.end === undefined))
  }

  private admit(runs: ReadonlyArray<Run>): void {
    this.number(runs)
    this.engine.admit(runs)
  }

  private number(runs: ReadonlyArray<Run>): void {
    for (const run of runs) {
      const { needs, signature } = run.slot.job
      run.index = this.submitted++
      // What cannot be given out is not asked for.
      if (run.lost !== undefined) run.queue = this.engine.limits.queueOf("", {})
      else if (run.end === undefined) run.queue = this.engine.limits.queueOf(signature, needs)
    }
  }

  private check(job: Description): void {
    const { engine } = this
    const before = engine.slots.get(job)
    if (before !== undefined && before.latest.end === undefined) throw new Refusal({ _tag: "AlreadyRunning", id: before.latest.id })
    this.fits(job)
    if (job.when !== undefined) {
      const could = satisfiable(job.when, engine.pump.now())
      if (could.answer === "no") throw new Refusal({ _tag: "NeverHolds", job: job.id ?? job.name, because: could.because })
    }
  }

  /** What the engine's store keeps of a job. */
  private formOf({ groups, job }: Slot): Json | undefined {
    try {
      return this.engine.durable?.formOf(job, groups)
    } catch (error) {
      if (error instanceof NotStorable) throw new Refusal({ _tag: "NotStorable", job: job.id ?? job.name, why: error.message })
      throw error
    }
  }

  /** Refuses a job that needs what this engine does not have. */
  fits(job: Description): void {
    const { resources } = this.engine.limits
    const { flavours } = this.engine.settings
    if (job.flavour !== undefined && !flavours.has(job.flavour)) {
      throw new Refusal({ _tag: "UnknownFlavour", job: job.id ?? job.name, flavour: job.flavour, known: [...flavours.keys()] })
    }
    if (job.signature === "jobs:1") return
    for (const [resource, needs] of Object.entries(job.needs)) {
      const found = resources.get(resource)
      const id = job.id ?? job.name
      if (found === undefined) throw new Refusal({ _tag: "UnknownLimit", job: id, resource, known: [...resources.keys()] })
      if (needs > found.limit) throw new Refusal({ _tag: "NeverFits", job: id, resource, needs, limit: found.limit })
    }
  }

  private freshId(name: string, batch: Batch | undefined): string {
    for (let n = this.submitted + (batch?.ids.size ?? 0) + 1; ; n++) {
      const id = this.prefix === undefined ? `${name}#${n}` : `${name}#${this.prefix}.${n}`
      if (!this.engine.isTaken(id) && batch?.ids.has(id) !== true) return id
    }
  }

  private bind(job: Description, batch: Batch): ReadonlyArray<BoundGroup> {
    return job.groups.map(({ kind, members }) => ({
      kind,
      members: members.map(({ mask, ref }) => {
        const slot = this.find(ref, batch)
        if (slot !== undefined) return { slot, mask }
        throw new Refusal({ _tag: "UnknownJob", job: typeof ref === "string" ? ref : (ref.id ?? ref.name), by: job.id ?? job.name })
      })
    }))
  }

  private find(ref: Job.Ref<any, any>, batch: Batch): Slot | undefined {
    if (typeof ref === "string") return batch.ids.get(ref)?.slot ?? this.engine.runs.get(ref)?.slot
    if (isJob(ref)) return batch.slots.get(ref as never) ?? this.engine.slots.get(ref as never)
    return ref instanceof Run && ref.engine === this.engine ? ref.slot : undefined
  }
}

/** What is being submitted together. */
class Batch {
  readonly slots = new Map<Description, Slot>()
  readonly ids = new Map<string, Run>()
  readonly keys = new Map<string, Run>()
  add(run: Run): void {
    const { job } = run.slot
    this.slots.set(job, run.slot)
    this.ids.set(run.id, run)
    if (job.key !== undefined) this.keys.set(job.key, run)
  }
}

/** Jobs refer to what is there or comes with them, so a circle lies within what comes. Walks with a stack of its own, for chains may be long. */
const refuseCycles = (runs: ReadonlyArray<Run>): void => {
  const coming = new Set(runs.map((run) => run.slot))
  const done = new Set<Slot>()
  for (const { slot: start } of runs) {
    if (done.has(start)) continue
    const path: Array<{ readonly slot: Slot; readonly next: Iterator<Slot> }> = [{ slot: start, next: upstreamOf(start) }]
    const above = new Set<Slot>([start])
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { done: over, value: upstream } = top.next.next() as IteratorResult<Slot, undefined>
      if (over === true) {
        done.add(top.slot)
        above.delete(top.slot)
        path.pop()
      } else if (above.has(upstream)) {
        const from = path.findIndex((step) => step.slot === upstream)
        const names = path.slice(from).map((step) => nameOf(step.slot))
        throw new Refusal({ _tag: "Cycle", path: [...names, nameOf(upstream)] })
      } else if (coming.has(upstream) && !done.has(upstream)) {
        above.add(upstream)
        path.push({ slot: upstream, next: upstreamOf(upstream) })
      }
    }
  }
}

const nameOf = (slot: Slot): string => slot.job.id ?? slot.job.name

const upstreamOf = function* (slot: Slot): Generator<Slot> {
  for (const { members } of slot.groups) for (const member of members) yield member.slot
}
