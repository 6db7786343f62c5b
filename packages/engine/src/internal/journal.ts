/** Where an engine writes what changes before it acts upon it. In memory there is nothing to write. */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { StoredChange } from "../JobStore.ts"
import type { Run } from "./run.ts"

/** One change of one run: it was submitted, or it stands differently. The run is read when the change is appended, in the same turn. Or something else that is to be kept together with what changes in this turn. */
export type Change = { readonly type: "submitted" | "state"; readonly run: Run } | { readonly type: "other"; readonly change: StoredChange }

export class JournalError extends Data.TaggedError("JournalError")<{ readonly cause: unknown }> {
  override get message(): string {
    return this.cause instanceof Error ? this.cause.message : String(this.cause)
  }
}

/** Takes the changes of one turn, all or none. The next are given when it is done. */
export interface Journal {
  readonly append: (changes: ReadonlyArray<Change>) => Effect.Effect<void, JournalError>
}
