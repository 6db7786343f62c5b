/** Folds the changes of one append to what they come to, so that a run that is submitted, starts and ends in one batch is written once. */
import type { StoredChange } from "../../JobStore.ts"
import { causesText, type Progress, type Row, textOf, toRow } from "./rows.ts"

/** What is new of a run that was kept before; what is left out stays. */
export type Patch = Pick<Progress, "state" | "attempts"> & Partial<Progress>

/** To be carried out in this order: first the removals, then the runs that are new, then the patches of runs that were there before. */
export interface Batch {
  readonly removed: ReadonlySet<string>
  readonly added: ReadonlyMap<string, Row>
  readonly patched: ReadonlyMap<string, Patch>
  readonly schedules: ReadonlyMap<string, string | undefined>
  readonly answered: ReadonlyMap<number, string | undefined>
}

export const alreadyThere = (id: string): Error => new Error(`run ${JSON.stringify(id)} is kept already`)

/** Throws for what is no JSON, and for a run that is submitted twice. */
export const fold = (changes: ReadonlyArray<StoredChange>): Batch => {
  const removed = new Set<string>()
  const added = new Map<string, Row>()
  const patched = new Map<string, Patch>()
  const schedules = new Map<string, string | undefined>()
  const answered = new Map<number, string | undefined>()

  const patch = (id: string, what: Patch): void => {
    const row = added.get(id)
    if (row !== undefined) added.set(id, { ...row, ...what })
    else if (!removed.has(id)) patched.set(id, { ...patched.get(id), ...what })
  }

  for (const change of changes) {
    switch (change.type) {
      case "submitted": {
        const { id } = change.run
        if (added.has(id)) throw alreadyThere(id)
        // Either it was not there when it was to be changed, or it is refused by the store.
        patched.delete(id)
        added.set(id, toRow(change.run))
        break
      }
      case "running":
        patch(change.id, { state: "running", attempts: change.attempts, startedAt: change.startedAt })
        break
      case "waiting":
        patch(change.id, { state: "waiting", attempts: change.attempts, attemptCauses: causesText(change.attemptCauses) })
        break
      case "ended":
        patch(change.id, {
          state: change.state,
          attempts: change.attempts,
          endedAt: change.endedAt,
          attemptCauses: causesText(change.attemptCauses),
          end: textOf(change.end)
        })
        break
      case "removed":
        removed.add(change.id)
        added.delete(change.id)
        patched.delete(change.id)
        break
      case "schedule":
        schedules.set(change.name, change.state === undefined ? undefined : textOf(change.state))
        break
      case "answered":
        answered.set(change.request, change.refusal)
        break
    }
  }
  return { removed, added, patched, schedules, answered }
}
