/**
 * Keeps the jobs of an engine outside of its process, so that they survive it.
 *
 * A `JobStore` is what an engine is given to write to. One engine at a time owns a store and runs what is in it; anybody may read it, watch it, and leave requests that the owner takes in. This module holds the contract, the failures, and
 * `memory`, a store in this process. A store in a file is in `SqliteStore`.
 *
 * **Details**
 *
 * What is kept is JSON throughout: a store knows nothing of schemas, tasks or effects. What it is handed it copies, and what it gives belongs to who asked.
 *
 * **Guarantees**
 *
 * - Ownership: a store is owned until the scope of `own` closes or the process ends, however it ends. Each owner has a larger token than all before it.
 * - Interruption: an `append` is kept as a whole or not at all, also where it is interrupted.
 * - Failure: what failed has changed nothing. A change of a run that is not there changes nothing; to submit a run that is kept already fails with `Unavailable`.
 * - Order: runs are given in the order in which they were submitted, requests in that of their numbers. A run that is removed and submitted again is a new one.
 * - Bounds: requests that were carried out are forgotten. Of those that were refused the last 1,000 are kept.
 *
 * **Example** (Leaving a request for the owner)
 *
 * ```ts
 * import { JobStore } from "@skein/engine"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const store = JobStore.memory()
 *   yield* store.request({ _tag: "Cancel", id: "letters#1", reason: "not today" })
 *
 *   const owner = yield* store.own
 *   const [first] = yield* store.requests
 *   yield* owner.append([{ type: "answered", request: first!.number, refusal: "it has ended" }])
 *   console.log((yield* store.requests).map(({ refusal }) => refusal)) // => [ 'it has ended' ]
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Job from "./Job.ts"

/**
 * A value of JSON.
 *
 * @category models
 * @since 0.1.0
 */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/**
 * A run as it is kept.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredRun {
  readonly id: string
  readonly name: string
  /** The id of the first run of its job: what its reruns share, and what others mean when they refer to the job. */
  readonly job: string
  /** What it is to do, and after what: enough to make it again in another process. */
  readonly description: Json
  readonly state: "waiting" | "running" | Job.EndWord
  readonly key: string | undefined
  readonly labels: Readonly<Record<string, string>>
  /** The runs that it depends on, in the order of its description. */
  readonly upstream: ReadonlyArray<string>
  readonly rerunOf: string | undefined
  /** Instants in milliseconds since the Unix epoch. */
  readonly createdAt: number
  readonly submittedAt: number
  readonly startedAt: number | undefined
  readonly endedAt: number | undefined
  /** How many attempts have started, in all processes together. */
  readonly attempts: number
  /** Why the attempts before the last one ended, oldest first; the last 16. */
  readonly attemptCauses: ReadonlyArray<Json>
  /** How it ended; there where `state` is the word of an end. */
  readonly end: Json | undefined
}

/**
 * One change of what is kept. Those of one `append` are kept together or not at all.
 *
 * @category models
 * @since 0.1.0
 */
export type StoredChange =
  | { readonly type: "submitted"; readonly run: StoredRun }
  | { readonly type: "running"; readonly id: string; readonly attempts: number; readonly startedAt: number }
  /** It waits again: for its next attempt, or because its process died. */
  | { readonly type: "waiting"; readonly id: string; readonly attempts: number; readonly attemptCauses: ReadonlyArray<Json> }
  | {
      readonly type: "ended"
      readonly id: string
      readonly state: Job.EndWord
      readonly endedAt: number
      readonly attempts: number
      readonly attemptCauses: ReadonlyArray<Json>
      readonly end: Json
    }
  | { readonly type: "removed"; readonly id: string }
  /** What a schedule has to know after a restart; `undefined` forgets it. */
  | { readonly type: "schedule"; readonly name: string; readonly state: Json | undefined }
  /** A request was carried out, or refused with a reason. */
  | { readonly type: "answered"; readonly request: number; readonly refusal: string | undefined }

/**
 * What somebody who does not own the store wants of the engine that does.
 *
 * @category models
 * @since 0.1.0
 */
export type Request =
  /** `id` is the id of the run that is to be; the descriptions are those of `StoredRun`. Those of one request are taken all or none. */
  | { readonly _tag: "Submit"; readonly jobs: ReadonlyArray<{ readonly id: string; readonly name: string; readonly description: Json }> }
  | { readonly _tag: "Cancel"; readonly id: string; readonly reason: string | undefined }
  /** `as` is the id of the new run. */
  | { readonly _tag: "Rerun"; readonly id: string; readonly as: string }
  | { readonly _tag: "Remove"; readonly id: string }

/**
 * A request as it is kept.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredRequest {
  /** Increases from request to request. */
  readonly number: number
  readonly at: number
  readonly request: Request
  /** Why it was refused. Those that were carried out are gone. */
  readonly refusal: string | undefined
}

/**
 * Chooses runs: all that is said must hold. `limit` keeps the newest; the result is in the order of submission.
 *
 * @category models
 * @since 0.1.0
 */
export interface Query {
  readonly name?: string | undefined
  readonly state?: ReadonlyArray<StoredRun["state"]> | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly key?: string | undefined
  /** Instants in milliseconds since the Unix epoch; the first belongs to the range, the second does not. */
  readonly submitted?: { readonly from?: number | undefined; readonly to?: number | undefined } | undefined
  readonly ended?: { readonly from?: number | undefined; readonly to?: number | undefined } | undefined
  readonly limit?: number | undefined
}

/**
 * What may have changed: runs and schedules, requests, or something that another process or another handle has written.
 *
 * @category models
 * @since 0.1.0
 */
export type Changed = "runs" | "requests" | "unknown"

/**
 * Where jobs are kept.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobStore {
  /** What it is called in messages: the path of a file, say. */
  readonly name: string
  /** Takes the store, until the scope closes or the process ends. Fails with `Owned` while somebody else has it. */
  readonly own: Effect.Effect<Owner, StoreError, Scope.Scope>
  readonly get: (id: string) => Effect.Effect<Option.Option<StoredRun>, StoreError>
  readonly list: (query?: Query) => Effect.Effect<ReadonlyArray<StoredRun>, StoreError>
  /** Leaves a request for the engine that owns the store, now or later, and gives its number. */
  readonly request: (request: Request) => Effect.Effect<number, StoreError>
  /** The requests that are not carried out, in their order: those that wait, and those that were refused. */
  readonly requests: Effect.Effect<ReadonlyArray<StoredRequest>, StoreError>
  /** Calls back, until the scope closes, when somebody may have changed what is kept: another process, or another user of this store. */
  readonly watch: (listener: (changed: Changed) => void) => Effect.Effect<void, StoreError, Scope.Scope>
  /** Whether an engine owns it now. */
  readonly isOwned: Effect.Effect<boolean, StoreError>
}

/**
 * What the engine that owns a store may do with it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Owner {
  /** The fencing token: larger than that of every owner before. */
  readonly token: number
  /** Everything that is kept, in the order of submission. */
  readonly load: Effect.Effect<Loaded, StoreError>
  /** Keeps changes, all or none. Fails with `Fenced` once somebody else has taken the store. */
  readonly append: (changes: ReadonlyArray<StoredChange>) => Effect.Effect<void, StoreError>
}

/**
 * What an engine finds when it opens a store.
 *
 * @category models
 * @since 0.1.0
 */
export interface Loaded {
  readonly runs: ReadonlyArray<StoredRun>
  readonly schedules: ReadonlyMap<string, Json>
}

/**
 * Why a store could not do what was asked. Nothing of it has been done.
 *
 * | tag | meaning | again |
 * | --- | --- | --- |
 * | `Owned` | another engine has it | when that one has ended |
 * | `Fenced` | another engine has taken it over | never with this owner |
 * | `Newer` | it was written by a newer version, and is untouched | with that version |
 * | `NotAStore` | the file is something else, or damaged; it is untouched | never |
 * | `Full` | there is no room | when there is |
 * | `Unavailable` | it cannot be read or written | as the cause says |
 *
 * @category errors
 * @since 0.1.0
 */
export type StoreReason =
  | { readonly _tag: "Owned" }
  | { readonly _tag: "Fenced" }
  | { readonly _tag: "Newer"; readonly version: number; readonly known: number }
  | { readonly _tag: "NotAStore"; readonly detail: string }
  | { readonly _tag: "Full" }
  | { readonly _tag: "Unavailable"; readonly cause: unknown }

export {
  /**
   * A store could not do what was asked. `reason` says why, and whether to try again.
   *
   * @category errors
   * @since 0.1.0
   */
  StoreError
} from "./internal/store/storeError.ts"
import type { StoreError } from "./internal/store/storeError.ts"

export {
  /**
   * Makes a store in this process. Engines own it one after the other; it is gone with the last reference to it.
   *
   * @throws RangeError `JobStore.memory: option must be …, got …`
   * @category constructors
   * @since 0.1.0
   */
  memory
} from "./internal/store/memory.ts"
