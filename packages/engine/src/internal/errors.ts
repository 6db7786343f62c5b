/** What an engine refuses, in tagged words. */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type { StateWord } from "../Engine.ts"
import type { JournalError } from "./journal.ts"

export type SubmitReason =
  | { readonly _tag: "UnknownJob"; readonly job: string; readonly by: string | undefined }
  | { readonly _tag: "Cycle"; readonly path: ReadonlyArray<string> }
  | { readonly _tag: "DuplicateId"; readonly id: string }
  | { readonly _tag: "AlreadyRunning"; readonly id: string }
  | { readonly _tag: "NeverFits"; readonly job: string; readonly resource: string; readonly needs: number; readonly limit: number }
  | { readonly _tag: "UnknownLimit"; readonly job: string; readonly resource: string; readonly known: ReadonlyArray<string> }
  | { readonly _tag: "UnknownFlavour"; readonly job: string; readonly flavour: string; readonly known: ReadonlyArray<string> }
  | { readonly _tag: "NeverHolds"; readonly job: string; readonly because: string }
  | { readonly _tag: "NotStorable"; readonly job: string; readonly why: string }
  | { readonly _tag: "Closed" }
  | { readonly _tag: "NotRecorded"; readonly error: JournalError }

export class SubmitError extends Data.TaggedError("SubmitError")<{ readonly reason: SubmitReason }> {
  override get message(): string {
    const { reason } = this
    const quoted = JSON.stringify
    switch (reason._tag) {
      case "UnknownJob":
        return reason.by === undefined
          ? `there is no job ${quoted(reason.job)}`
          : `job ${quoted(reason.by)} refers to ${quoted(reason.job)}, which this engine does not have`
      case "Cycle":
        return `jobs wait for each other: ${reason.path.join(" → ")}`
      case "DuplicateId":
        return `id ${quoted(reason.id)} is taken`
      case "AlreadyRunning":
        return `job ${quoted(reason.id)} has not ended`
      case "NeverFits":
        return `job ${quoted(reason.job)} needs ${reason.needs} of ${quoted(reason.resource)}, of which there are ${reason.limit}`
      case "UnknownLimit":
        return `job ${quoted(reason.job)} needs ${quoted(reason.resource)}, which is no limit of this engine: ${reason.known.join(", ")}`
      case "UnknownFlavour":
        return `job ${quoted(reason.job)} needs the flavour ${quoted(reason.flavour)}, and this engine has ${reason.known.join(", ") || "none"}`
      case "NeverHolds":
        return `job ${quoted(reason.job)} would wait for ever: ${reason.because}`
      case "NotStorable":
        return `job ${quoted(reason.job)} cannot be kept in the engine's store: ${reason.why}`
      case "Closed":
        return "the engine is closed"
      case "NotRecorded":
        return `the job could not be recorded: ${reason.error.message}`
    }
  }
}

export class StateNotReached extends Data.TaggedError("StateNotReached")<{
  readonly id: string
  readonly wanted: StateWord
  /** How it stands or ended instead; left out where there is no such run. */
  readonly state?: StateWord | undefined
  /** The time that was over. */
  readonly after?: Duration.Duration | undefined
}> {
  override get message(): string {
    const { after, id, state, wanted } = this
    if (state === undefined) return `there is no job ${JSON.stringify(id)}`
    const how = after === undefined ? `is ${state}` : `is still ${state} after ${Duration.format(after)}`
    return `job ${JSON.stringify(id)} ${how}, not ${wanted}`
  }
}

export class JobCycle extends Error {
  override readonly name = "JobCycle"
  readonly path: ReadonlyArray<string>
  constructor(path: ReadonlyArray<string>) {
    super(`jobs wait for each other: ${path.join(" → ")}`)
    this.path = path
  }
}
