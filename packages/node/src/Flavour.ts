/**
 * Holds what the flavours of `TaskRunner` share: their options, and what they tell of their workers.
 *
 * A flavour is a pool of workers that belongs to a layer. `Workers` has threads, `Processes` has child processes; both stand on one core, so they differ only in what a worker survives and costs.
 *
 * **Details**
 *
 * Workers start when there is work for them and end when they were idle for a while. A worker is given short tasks ahead of time, by what earlier calls of the same task took, so that it never waits for its next one;
 * a call that waits behind a long one is taken back and goes elsewhere.
 *
 * A call that is interrupted before it has started is dropped. One that runs is asked to stop: an effect is interrupted and may take `grace` for its finalizers; a plain function sees its `signal` abort and has 250 ms
 * to end. A worker that does not hear the request within 250 ms (a loop that never waits), or whose task does not end in time, is ended by force, and another takes its place. Calls it had not started run
 * elsewhere; others that ran in it, where `concurrency` is above 1, fail with `Lost`.
 *
 * When the layer closes, queued calls fail with `Closed`, running ones are stopped in the same way, and the layer waits for its workers to end.
 *
 * **Example** (What became of the workers)
 *
 * ```ts
 * import type { Event } from "@skein/node/Flavour"
 *
 * const say = (event: Event) => event._tag === "Crashed" ? `worker ${event.worker} crashed: ${event.message}` : event._tag
 * console.log(say({ _tag: "Crashed", worker: 2, exitCode: 1, signal: null, message: "out of memory" })) // => worker 2 crashed: out of memory
 * ```
 *
 * @since 0.1.0
 */
import type * as TaskRunner from "@skein/parallel/TaskRunner"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * How a flavour keeps its workers.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * How many workers there are at most: a whole number of at least 1.
   *
   * @default the machine's available parallelism
   */
  readonly size?: number | undefined
  /**
   * How many tasks run at once in one worker. More than 1 is for tasks that wait; when such a worker dies, all that ran in it are lost.
   *
   * @default 1
   */
  readonly concurrency?: number | undefined
  /**
   * How many workers are started at once and kept, however idle.
   *
   * @default 0
   */
  readonly minimum?: number | undefined
  /**
   * How many further workers are kept ready, so that the next call finds one at once when a worker was lost or recycled.
   *
   * @default 0
   */
  readonly spare?: number | undefined
  /**
   * How long an idle worker is kept.
   *
   * @default "30 seconds"
   */
  readonly idleTimeToLive?: Duration.Input | undefined
  /**
   * When a worker is replaced by a fresh one: after so many tasks, at an age, or when its heap has more bytes in use than this after a task. What runs in it ends first.
   *
   * @default never
   */
  readonly recycle?:
    | { readonly tasks?: number | undefined; readonly age?: Duration.Input | undefined; readonly heap?: number | undefined }
    | undefined
  /**
   * How many calls may wait for a worker. With `reject` one more fails with `Full`; with `wait`, the default, any number may wait.
   *
   * @default unbounded
   */
  readonly queue?: { readonly max: number; readonly onFull?: "wait" | "reject" | undefined } | undefined
  /**
   * How long a worker may take to become ready.
   *
   * @default "10 seconds"
   */
  readonly readyTimeout?: Duration.Input | undefined
  /**
   * How long a task that was asked to stop may take for its cleanup, before its worker is ended by force.
   *
   * @default "5 seconds"
   */
  readonly grace?: Duration.Input | undefined
  /**
   * How often a task that declares itself idempotent is run again when its worker was lost.
   *
   * @default 0
   */
  readonly retryLost?: number | undefined
  /**
   * The environment of the workers.
   *
   * @default that of this process
   */
  readonly env?: Readonly<Record<string, string>> | undefined
  /**
   * Flags of Node for the workers.
   *
   * @default those of this process
   */
  readonly execArgv?: ReadonlyArray<string> | undefined
  /**
   * The file that workers start with, where a bundler has put it elsewhere: a bundle of `@skein/node/boot/thread` or `@skein/node/boot/process`.
   *
   * @default the one of this package
   */
  readonly boot?: URL | undefined
  /** Sees what becomes of the workers. What it throws changes nothing. */
  readonly onEvent?: ((event: Event) => void) | undefined
}

/**
 * What becomes of workers; each by its number, counted from 1.
 *
 * @category models
 * @since 0.1.0
 */
export type Event =
  | { readonly _tag: "Started"; readonly worker: number }
  | {
      readonly _tag: "Crashed"
      readonly worker: number
      readonly exitCode: number | null
      readonly signal: string | null
      readonly message: string | undefined
    }
  /** It was ended by force, because a task did not stop. */
  | { readonly _tag: "Killed"; readonly worker: number; readonly why: string }
  /** It takes no further task, and ends when it is done. Dirty: a plain function was ended in it (`force: "call"` of `Workers`). */
  | { readonly _tag: "Recycled"; readonly worker: number; readonly why: "tasks" | "age" | "heap" | "dirty" }
  | { readonly _tag: "Ended"; readonly worker: number; readonly why: "idle" | "recycled" | "killed" | "closed" | "crashed" }
  /** It has not ended although it was told to by force: it is in a native call, most likely. */
  | { readonly _tag: "Stuck"; readonly worker: number; readonly task: string | undefined }

/**
 * What a flavour does at this moment, and has done.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  /** Workers by what they do; those that leave or are spare are not counted among the busy and the idle. */
  readonly starting: number
  readonly busy: number
  readonly idle: number
  readonly spare: number
  readonly leaving: number
  /** Calls that wait for a worker. */
  readonly queued: number
  /** Calls that were given to a worker and are not over. */
  readonly sent: number
  /** Calls that were answered (with a value or the task's own failure), that could not be run, that were stopped, and that were lost with their worker. */
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
  readonly lost: number
  /** Workers that ended by themselves, were replaced as asked, and were ended by force. */
  readonly crashed: number
  readonly recycled: number
  readonly killed: number
  readonly closed: boolean
}

/**
 * A pool of workers, as its layer provides it.
 *
 * @category services
 * @since 0.1.0
 */
export interface Flavour {
  /** To run single calls here (`Effect.provideService(call, TaskRunner.TaskRunner, flavour.runner)`) where the program runs elsewhere. */
  readonly runner: TaskRunner.TaskRunner
  readonly stats: Effect.Effect<Stats>
  /** Calls `listener` with what becomes of the workers, until the scope closes. What it throws changes nothing. */
  readonly listen: (listener: (event: Event) => void) => Effect.Effect<void, never, Scope.Scope>
}
