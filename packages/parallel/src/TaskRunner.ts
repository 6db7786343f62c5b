/**
 * Says where portable tasks run: in this fiber, in a worker thread, in a child process.
 *
 * A `Task` asks the service `TaskRunner` of its fiber for the place to run in. Without one it runs inline. A flavour is a layer of this service (`Workers.layer` and `Processes.layer` of `@skein/node`); the
 * program does not change. The module holds the service, `TaskRunnerError`, and the contract between tasks and flavours.
 *
 * **When to use**
 *
 * Use `inline` to keep one call in this fiber while the rest of a program runs elsewhere, and `TaskRunnerError` to tell what a call did not do from what it may have done. The contract is for those who
 * write a flavour.
 *
 * **Guarantees**
 *
 * - Failure: a call fails with the task's own error or with a `TaskRunnerError`, whose `mayHaveRun` says whether the work may have happened.
 * - Ownership: a call returns after its task has ended, or after the place it ran in has been given up.
 *
 * **Example** (Trying again what has surely not run)
 *
 * ```ts
 * import { TaskRunner } from "@skein/parallel"
 *
 * const lost = new TaskRunner.TaskRunnerError({
 *   task: "resize",
 *   flavour: "process",
 *   reason: { _tag: "Lost", worker: 2, exitCode: null, signal: "SIGKILL", culprit: true }
 * })
 * console.log(lost.message) // => task "resize": process 2 ended by SIGKILL while it ran
 * console.log(lost.mayHaveRun) // => maybe
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"

/**
 * Why a call of a portable task has no answer of its own.
 *
 * | reason | what happened | the work |
 * | --- | --- | --- |
 * | `Rejected` | the payload does not fit its schema, or cannot leave this thread | has not run |
 * | `Full` | the flavour's queue is full | has not run |
 * | `MainModule` | the task is defined in the module that starts the program, which a worker would start again | has not run |
 * | `ModuleNotFound` | the task's module cannot be loaded, or does not export the task | has not run |
 * | `NotReady` | no worker became ready | has not run |
 * | `Closed` | the flavour's layer is closed | has not run |
 * | `Lost` | the worker ended while it ran the task | may have run |
 * | `Unserializable` | the result cannot travel, or does not fit its schema | has run |
 *
 * @category errors
 * @since 0.1.0
 */
export type Reason =
  | { readonly _tag: "Rejected"; readonly message: string }
  | { readonly _tag: "Full"; readonly queued: number }
  | { readonly _tag: "MainModule"; readonly module: string }
  | { readonly _tag: "ModuleNotFound"; readonly module: string; readonly message: string }
  | { readonly _tag: "NotReady"; readonly message: string }
  | { readonly _tag: "Closed" }
  | {
      readonly _tag: "Lost"
      /** The number of the worker, counted from 1. */
      readonly worker: number
      readonly exitCode: number | null
      readonly signal: string | null
      /** Whether the task ran alone in its worker, so that nobody else can have ended it. */
      readonly culprit: boolean
      /** What is known beyond that, such as the error that nobody caught. */
      readonly message?: string | undefined
    }
  | { readonly _tag: "Unserializable"; readonly message: string }

const workedBy = {
  Rejected: "no",
  Full: "no",
  MainModule: "no",
  ModuleNotFound: "no",
  NotReady: "no",
  Closed: "no",
  Lost: "maybe",
  Unserializable: "yes"
} as const

/**
 * A portable task could not be run, or its answer is lost. To try again is safe where `mayHaveRun` is `"no"`, and where the task is idempotent.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskRunnerError extends Data.TaggedError("TaskRunnerError")<{
  /** The name of the task. */
  readonly task: string
  readonly flavour: string
  readonly reason: Reason
}> {
  /** Whether the work may have happened. */
  get mayHaveRun(): "no" | "maybe" | "yes" {
    return workedBy[this.reason._tag]
  }

  override get message(): string {
    return `task ${JSON.stringify(this.task)}: ${textOf(this.flavour, this.reason)}`
  }
}

const textOf = (flavour: string, reason: Reason): string => {
  switch (reason._tag) {
    case "Rejected":
      return `its payload was refused: ${reason.message}`
    case "Full":
      return `the queue of the ${flavour} flavour is full with ${reason.queued} calls`
    case "MainModule":
      return `it is defined in ${reason.module}, which starts the program: move it to a module of its own, or guard the start by import.meta.main`
    case "ModuleNotFound":
      return `${reason.module} cannot be used: ${reason.message}`
    case "NotReady":
      return `no ${flavour} became ready: ${reason.message}`
    case "Closed":
      return `the ${flavour} flavour is closed`
    case "Lost": {
      const { culprit, exitCode, message, signal, worker } = reason
      const end = signal !== null ? ` by ${signal}` : exitCode !== null ? ` with exit code ${exitCode}` : ""
      return `${flavour} ${worker} ended${end}${message === undefined ? "" : ` (${message})`} while it ran${culprit ? "" : ", with others"}`
    }
    case "Unserializable":
      return `its result cannot travel: ${reason.message}`
  }
}

/**
 * A worker, or a command, that was ended by force because it did not stop in time: cleanup was skipped.
 *
 * @category models
 * @since 0.1.0
 */
export interface Killed {
  readonly flavour: string
  /** The number of the worker, counted from 1; of a command, its process id. */
  readonly worker: number
}

const Mark: Context.Service<Killed, Killed> = Context.Service("@skein/parallel/TaskRunner/Killed")

/**
 * The cause with which a call that was interrupted ends when its worker had to be ended by force: an interruption that says so.
 *
 * @category contract
 * @since 0.1.0
 */
export const killed = (what: Killed): Cause.Cause<never> => Cause.annotate(Cause.interrupt(), Context.make(Mark, what))

/**
 * Whether cleanup was skipped because a worker had to be ended by force, read from the cause of an outcome.
 *
 * @category getters
 * @since 0.1.0
 */
export const killedIn = (cause: Cause.Cause<unknown>): Killed | undefined => {
  for (const reason of cause.reasons) {
    const found = reason.annotations.get(Mark.key)
    if (found !== undefined) return found as Killed
  }
  return undefined
}

/**
 * What travels between a caller and a worker: a text, and values that it refers to by their position, which keep their form (bytes, shared memory).
 *
 * @category contract
 * @since 0.1.0
 */
export interface Wire {
  readonly text: string
  readonly parts?: ReadonlyArray<unknown> | undefined
  /** The buffers among the parts that are given away rather than copied. */
  readonly transfer?: ReadonlyArray<ArrayBuffer> | undefined
}

/**
 * What a flavour has to know of a task.
 *
 * @category contract
 * @since 0.1.0
 */
export interface Definition {
  readonly name: string
  /** The URL of the module that exports it. */
  readonly module: string
  /** The name it is exported by. */
  readonly export: string
  /** `effect`: the export is a Task, which carries out its own calls (`Host`). `handler`: the export is a plain function. */
  readonly kind: "effect" | "handler"
  /** Its module is the one that started the program. */
  readonly main: boolean
  readonly idempotent: boolean
}

/**
 * What a call tells its worker beside the payload; all of it may be absent.
 *
 * @category contract
 * @since 0.1.0
 */
export interface Meta {
  /** The name of the calling task. */
  readonly name?: string | undefined
  /** Milliseconds until the deadline around the call, when it was made. */
  readonly remaining?: number | undefined
  /** The lowest level of log lines that are of interest. */
  readonly level?: string | undefined
  /** The span around the call. */
  readonly span?: { readonly traceId: string; readonly spanId: string; readonly sampled: boolean } | undefined
  /** The payload is a chunk of a bulk call. */
  readonly chunk?: Chunk | undefined
  /** The call is answered by a stream of elements, of which so many may be on their way. */
  readonly stream?: { readonly buffer: number } | undefined
}

/**
 * What a worker has to know of a chunk: its payload holds many items, which it runs one after the other.
 *
 * @category contract
 * @since 0.1.0
 */
export interface Chunk {
  readonly items: number
  /** The items are numbers, and travel as they are. */
  readonly numbers?: boolean | undefined
  /** The items are typed arrays of this type, so many bytes each, one after the other in the first part, each at a multiple of 8. */
  readonly bytes?: { readonly type: string; readonly lengths: ReadonlyArray<number> } | undefined
  /** The results are numbers, and travel as they are. */
  readonly gives?: boolean | undefined
  /** The items that must be decoded by the schema although it is plain. */
  readonly coded?: ReadonlyArray<number> | undefined
  readonly names?: ReadonlyArray<string | undefined> | undefined
  /** Milliseconds that each item may take. */
  readonly limit?: number | undefined
  /** The last part is shared memory, into which results are written. */
  readonly journal?: boolean | undefined
}

/**
 * One call of a task, on its way to a worker.
 *
 * @category contract
 * @since 0.1.0
 */
export interface Call {
  readonly task: Definition
  readonly payload: Wire
  readonly meta: Meta | undefined
  readonly priority: "high" | "normal" | "low"
  /**
   * How many items the payload holds, for a chunk of a bulk call.
   *
   * @default 1
   */
  readonly items?: number | undefined
  /** Takes what the running task sends: a progress report, a log line. Never after the call has ended. */
  readonly onMessage: (text: string) => void
  /** Takes a function that sends a message to the running task; what it is given before the task runs is kept for it. */
  readonly onOpen?: ((send: (text: string) => void) => void) | undefined
  /** Told `false` when a worker can run the call, and `true` when it waits again. It waits at first. */
  readonly onWaits?: ((waits: boolean) => void) | undefined
  /** Takes what a call still answered after it was interrupted, before its end is reported: a value that came although it was asked to stop, what its cleanup failed with. */
  readonly onLate?: ((answer: Answer) => void) | undefined
}

/**
 * What a worker answered: a value, or a cause; encoded.
 *
 * @category contract
 * @since 0.1.0
 */
export interface Answer extends Wire {
  readonly ok: boolean
}

/**
 * A place to run portable tasks in. Interrupting a `run` stops its task and waits for that.
 *
 * @category contract
 * @since 0.1.0
 */
export interface TaskRunner {
  readonly flavour: string
  /** Absent: tasks run in the fiber that calls them. */
  readonly run?: ((call: Call) => Effect.Effect<Answer, TaskRunnerError>) | undefined
  /** Runs many calls of one task in chunks; absent where that gains nothing. */
  readonly chunks?: Chunks | undefined
}

/**
 * The bulk form of a flavour: how many items a chunk shall have, and how many chunks may be on their way.
 *
 * @category contract
 * @since 0.1.0
 */
export interface Chunks {
  /** How many calls can be executed at once: workers times the tasks of each. */
  readonly width: number
  /** How many items the next chunk of this task shall have, by what earlier ones took; at most `left`. */
  readonly size: (task: Definition, left: number) => number
  /**
   * Whether workers share memory with their caller, which stays readable when they die.
   *
   * @default false
   */
  readonly shared?: boolean | undefined
}

/**
 * What the export of an `effect` task offers to the worker that loaded it, under the key `Symbol.for("@skein/parallel/Task")`.
 *
 * @category contract
 * @since 0.1.0
 */
export interface Host {
  /** Runs one call. Calls `port.settle` exactly once, perhaps before it returns. */
  readonly execute: (payload: Wire, meta: Meta | undefined, port: HostPort) => HostHandle
  /** Releases what the task's layer holds, before a worker is put away in good order. */
  readonly close?: (() => Promise<void>) | undefined
}

/**
 * How a running call speaks to its caller.
 *
 * @category contract
 * @since 0.1.0
 */
export interface HostPort {
  readonly settle: (answer: Answer) => void
  readonly send: (text: string) => void
  /** The clock, the scheduler and other references that calls in this thread run with; a worker has none to give. */
  readonly context?: Context.Context<never> | undefined
}

/**
 * How the worker speaks to a running call.
 *
 * @category contract
 * @since 0.1.0
 */
export interface HostHandle {
  /** Asks the call to stop; it still settles. */
  readonly interrupt: () => void
  readonly receive: (text: string) => void
}

/**
 * Tasks run in the fiber that calls them: the default.
 *
 * @category flavours
 * @since 0.1.0
 */
export const inline: TaskRunner = { flavour: "inline" }

/**
 * The place where portable tasks run, as a service; `inline` unless a flavour's layer provides another.
 *
 * @category services
 * @since 0.1.0
 */
export const TaskRunner: Context.Reference<TaskRunner> = Context.Reference<TaskRunner>("@skein/parallel/TaskRunner", {
  defaultValue: () => inline
})
