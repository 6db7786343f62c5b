/** Compares what a store keeps of jobs with what was told of them. */
import { Job } from "@skein/engine"
import type * as JobStore from "@skein/engine/JobStore"
import * as Effect from "effect/Effect"

/** What a store has is what was told; of what the close gave up it has that it waits. */
export const checkKept = (store: JobStore.JobStore, handles: ReadonlyArray<Job.Handle<unknown, unknown>>): void => {
  const kept = new Map(Effect.runSync(store.list()).map(({ id, state }) => [id, state]))
  for (const { id, state } of handles) {
    if (state._tag !== "Ended") continue
    const { outcome } = state
    const word = Job.endWord(outcome)
    const found = kept.get(id)
    // What the close gave up waits on: before its start, and between two attempts.
    const isGivenUp = "reason" in outcome && outcome.reason._tag === "Closed"
    const isRight = (isGivenUp && found === "waiting") || (found === word && !(isGivenUp && outcome._tag === "NotStarted"))
    if (!isRight) throw new Error(`${id} is ${word}, and ${found} in the store`)
  }
}
