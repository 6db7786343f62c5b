/**
 * Runs tasks that are spawned one by one and end together: a nursery.
 *
 * A group owns the fibers of its tasks. `run` returns only after the last of them has ended with its finalizers run (or is abandoned after the grace); a group from `make` does the same when its
 * `Scope` closes. Tasks may spawn further tasks into their own group.
 *
 * **When to use**
 *
 * Use a group when the tasks are not known in advance: connections of a server, links of a crawl, agents that start agents. For a collection that is at hand, use `parallelMap`
 * or `parallelGather` from `@skein/parallel`.
 *
 * **Details**
 *
 * | `onFailure` | a task fails | the group |
 * | --- | --- | --- |
 * | `"interrupt"` (default) | the others and the body are interrupted and awaited | fails with that task's error |
 * | `"collect"` | all finish | then fails with every cause |
 * | `"isolate"` | nothing | never fails by a task; any error type may be spawned |
 *
 * From outside `spawn` waits while the group is full; from inside one of its tasks it never waits, the task is queued. Awaiting a member from inside a task lends the task's place until it
 * resumes, so a group with one place cannot lock itself up.
 *
 * **Guarantees**
 *
 * - Ownership: no task outlives the group, abandoned ones aside. After the group is closed nothing starts: `spawn` gives a handle whose outcome is `NotStarted`.
 * - Interruption: interrupting the owner interrupts each task once and waits for its cleanup, up to the grace.
 * - Failure: with `"interrupt"` the group fails with exactly the original typed error; outcomes of the others are read with `GatherResult.fromCause`. A task that times out or is cancelled has
 *   not failed.
 * - Order: tasks start in the order of spawning within a priority.
 * - Fairness: a higher priority may starve a lower one.
 * - Bounds: at most `concurrency` tasks run, abandoned ones counted.
 * - Cost: O(1) to spawn and to end; a queued task is its closure and a record, no fiber.
 *
 * **Gotchas**
 *
 * A group keeps the outcomes of its tasks for `next`, `result` and the partial result of a failure. A group that lives as long as its program should say `outcomes: "drop"`.
 *
 * A task that stops waiting for a member (`Effect.timeout(handle.await, …)`) goes on when it has its place back, and in a full group that may be as late as the member's end. To bound the member itself
 * say `spawn(…, { timeout })`.
 *
 * **Example** (Crawling links that lead to links)
 *
 * ```ts
 * import { TaskGroup } from "@skein/core"
 * import * as Effect from "effect/Effect"
 *
 * const links: Record<string, ReadonlyArray<string>> = { "/": ["/a", "/b"], "/a": ["/c"], "/b": [], "/c": [] }
 *
 * const crawl = Effect.gen(function*() {
 *   const seen: Array<string> = []
 *   yield* TaskGroup.run({ concurrency: 2 }, (group: TaskGroup.TaskGroup<string>) => {
 *     const visit = (page: string): Effect.Effect<void, string> =>
 *       Effect.gen(function*() {
 *         seen.push(page)
 *         for (const next of links[page] ?? []) yield* group.spawn(visit(next), { name: next })
 *       })
 *     return group.spawn(visit("/"))
 *   })
 *   return seen
 * })
 *
 * console.log(await Effect.runPromise(crawl)) // => [ '/', '/a', '/b', '/c' ]
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { DeadlineExceeded } from "./Deadline.ts"
import type * as GatherResult from "./GatherResult.ts"
import type { Dump } from "./internal/dump.ts"
import { GroupPump, type GroupSettings } from "./internal/groupPump.ts"
import type { TaskNotCompleted } from "./internal/groupTask.ts"
import type * as Outcome from "./Outcome.ts"
import type { Progress } from "./Progress.ts"
import * as Settings from "./Settings.ts"

export type { Dump, DumpTask } from "./internal/dump.ts"

/**
 * What a task's failure does to the group.
 *
 * @category models
 * @since 0.1.0
 */
export type OnFailure = "interrupt" | "collect" | "isolate"

/**
 * The order in which queued tasks start: all `high` ones before the first `normal` one, and so on.
 *
 * @category models
 * @since 0.1.0
 */
export type Priority = "high" | "normal" | "low"

/**
 * The options of a group. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<F extends OnFailure = OnFailure, T extends Duration.Input | undefined = Duration.Input | undefined> {
  /**
   * What a task's failure does to the group.
   *
   * @default "interrupt"
   */
  readonly onFailure?: F | undefined
  /**
   * How many tasks run at once: a whole number of at least 1. Tasks that wait for each other by other means than their handles need room for all of them.
   *
   * @default "unbounded"
   */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * Time for the whole group, its body included. Tasks are then `TimedOut` with limit `call`; a body that does not end within a second after that is interrupted, and `run` fails with `DeadlineExceeded`.
   *
   * @default none
   */
  readonly timeout?: T
  /**
   * Time for each task, from its start.
   *
   * @default none
   */
  readonly taskTimeout?: Duration.Input | undefined
  /**
   * How long a task may wait for its turn.
   *
   * @default none
   */
  readonly queueTimeout?: Duration.Input | undefined
  /**
   * How long a task that was asked to stop may take for its cleanup before it is abandoned.
   *
   * @default unlimited, as in Effect
   */
  readonly grace?: Duration.Input | undefined
  /**
   * Whether outcomes are kept for `next`, `result` and the partial result of a failure. Failures are always kept until the group has failed with them.
   *
   * @default "keep"
   */
  readonly outcomes?: "keep" | "drop" | undefined
  /**
   * Names the group in logs, dumps and deadlock reports.
   *
   * @default none
   */
  readonly name?: string | undefined
  /**
   * Runs each attempt of a task in a span of this name, with the attributes `task.index`, `task.name` and `task.attempt`.
   *
   * @default no spans
   */
  readonly span?: string | undefined
  /**
   * Counts and times the tasks with Effect's metrics under this prefix: `<prefix>_tasks` by status, and the histograms `<prefix>_queued` and `<prefix>_ran`.
   *
   * @default no metrics
   */
  readonly metrics?: string | undefined
  /** Sees each outcome as soon as it is known. What it throws is logged and changes nothing. */
  readonly onOutcome?: ((outcome: Outcome.Outcome<unknown, unknown>) => void) | undefined
  /** Sees what running tasks report with `Progress.report`. What it throws is logged and changes nothing. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/**
 * What may be said of one task.
 *
 * @category models
 * @since 0.1.0
 */
export interface SpawnOptions {
  /** @default none */
  readonly name?: string | undefined
  /**
   * Time for this task, from its start. The tighter of this and the group's `taskTimeout` counts.
   *
   * @default none
   */
  readonly timeout?: Duration.Input | undefined
  /** @default "normal" */
  readonly priority?: Priority | undefined
}

/**
 * A group of tasks that may fail with `E`. Annotate the parameter of a callback with it: an error type cannot be inferred from the callback's body.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskGroup<in out E> {
  readonly name: string | undefined
  /**
   * Starts a task, or queues it. From outside the group it waits while the group is full; interrupting that wait takes the task back.
   *
   * After the group has stopped (a sibling failed, a limit was over, it was cancelled or closed) the handle's outcome is `NotStarted`.
   */
  readonly spawn: <A, E1 extends E, R>(effect: Effect.Effect<A, E1, R>, options?: SpawnOptions) => Effect.Effect<Handle<A, E1>, never, R>
  /** Waits until no task is left, those spawned meanwhile included; fails as the group's policy says. */
  readonly join: Effect.Effect<void, E>
  /** Cancels all tasks and starts no more. Waits for their cleanup, up to the grace. */
  readonly cancel: (reason?: unknown) => Effect.Effect<void>
  /** Gives the next outcome in the order of completion, waiting for it; `None` when nothing is left to wait for. */
  readonly next: Effect.Effect<Option.Option<Outcome.Outcome<unknown, E>>>
  /** Gives the outcomes so far, in the order of spawning; tasks that have not ended are missing, and `exhausted` is then false. */
  readonly result: Effect.Effect<GatherResult.GatherResult<unknown, E>>
  readonly stats: Effect.Effect<Stats>
  /** Gives the live tree of this group: names, states and what each waits for. `format(dump)` makes text of it. */
  readonly dump: Effect.Effect<Dump>
}

/**
 * A group in which tasks may fail with anything and concern nobody else.
 *
 * @category models
 * @since 0.1.0
 */
export interface IsolatedGroup extends Omit<TaskGroup<unknown>, "spawn" | "join"> {
  readonly spawn: <A, E, R>(effect: Effect.Effect<A, E, R>, options?: SpawnOptions) => Effect.Effect<Handle<A, E>, never, R>
  /** Waits until no task is left, those spawned meanwhile included. */
  readonly join: Effect.Effect<void>
}

/**
 * What a group is doing right now.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  /** Tasks that wait for their turn. */
  readonly queued: number
  /** Places taken, abandoned tasks among them. */
  readonly running: number
  readonly completed: number
  readonly failed: number
  readonly timedOut: number
  readonly cancelled: number
  readonly notStarted: number
  /** Tasks that did not end within the grace and have still not ended. */
  readonly abandoned: number
}

/**
 * One spawned task.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handle<out A, out E> {
  readonly index: number
  readonly name: string | undefined
  readonly status: Outcome.Status | "pending" | "running"
  /** Waits for the outcome. From inside a task of the same group the task's place is lent meanwhile. */
  readonly await: Effect.Effect<Outcome.Outcome<A, E>>
  /** Waits for the value, or fails with the task's own error, or with `TaskNotCompleted`. */
  readonly join: Effect.Effect<A, E | TaskNotCompleted>
  /** Asks this task to stop, and waits for its outcome. The others go on. A task that cancels itself is interrupted at once. */
  readonly cancel: (reason?: unknown) => Effect.Effect<Outcome.Outcome<A, E>>
}

export {
  /**
   * A joined task gave no value because it timed out, was cancelled, or never started. Its work may have happened in part unless the outcome is `NotStarted`.
   *
   * @category errors
   * @since 0.1.0
   */
  TaskNotCompleted
} from "./internal/groupTask.ts"

const own = ["onFailure", "outcomes", "onOutcome", "onProgress"]

const settingsOf = (where: string, given: Options<OnFailure, Duration.Input | undefined> | undefined): GroupSettings => {
  const options = given === undefined ? {} : given
  const pump = Settings.read(where, options, own)
  if (options.onOutcome !== undefined && typeof options.onOutcome !== "function") {
    throw Settings.mustBe(where, "onOutcome", "a function", options.onOutcome)
  }
  if (options.onProgress !== undefined && typeof options.onProgress !== "function") {
    throw Settings.mustBe(where, "onProgress", "a function", options.onProgress)
  }
  // A group tries each task once.
  if ("attemptTimeout" in options)
    throw Settings.mustBe(where, "attemptTimeout", "given as taskTimeout", (options as { readonly attemptTimeout: unknown }).attemptTimeout)
  if ("retry" in options)
    throw Settings.mustBe(where, "retry", "given to Effect.retry around the task", (options as { readonly retry: unknown }).retry)
  return {
    where,
    pump: options.concurrency === undefined ? { ...pump, concurrency: Infinity } : pump,
    onFailure: Settings.oneOf(where, "onFailure", options.onFailure, ["interrupt", "collect", "isolate"]),
    keep: Settings.oneOf(where, "outcomes", options.outcomes, ["keep", "drop"]) === "keep",
    onOutcome: options.onOutcome,
    onProgress: options.onProgress
  }
}

/**
 * Runs a body with a group, and returns the body's value after the last task has ended.
 *
 * A body that fails cancels the tasks. Services that tasks need are taken from where `spawn` is called.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const run: {
  /** Runs a body with a group in which failures concern nobody else, and returns the body's value after the last task has ended. */
  <A, E2, R, T extends Duration.Input | undefined = undefined>(
    options: Options<"isolate", T> & { readonly onFailure: "isolate" },
    body: (group: IsolatedGroup) => Effect.Effect<A, E2, R>
  ): Effect.Effect<A, E2 | TimeoutOf<T>, R>
  /** Runs a body with a group, and returns the body's value after the last task has ended. */
  <A, E2, R, E = never, T extends Duration.Input | undefined = undefined>(
    options: Options<"interrupt" | "collect", T>,
    body: (group: TaskGroup<E>) => Effect.Effect<A, E2, R>
  ): Effect.Effect<A, E | E2 | TimeoutOf<T>, R>
} = <A, E2, R, E>(
  options: Options<any, any>,
  body: (group: any) => Effect.Effect<A, E2, R>
): Effect.Effect<A, E | E2 | DeadlineExceeded, R> => {
  const settings = settingsOf("TaskGroup.run", options)
  if (typeof body !== "function") throw new TypeError(Settings.mustBe("TaskGroup.run", "body", "a function", body).message)
  return Effect.withFiber((owner) =>
    Effect.callback((resume) => {
      const group = new GroupPump<E>(owner, settings)
      group.runBody(body, resume)
      return group.interruptOwner
    })
  )
}

/**
 * The error that a group's own `timeout` adds.
 *
 * @category models
 * @since 0.1.0
 */
export type TimeoutOf<T> = [T] extends [undefined] ? never : DeadlineExceeded

/**
 * Makes a group that lives in a `Scope`: when the scope closes, its tasks are cancelled and awaited. Failures that nobody joined are then logged.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  /** Makes a group in a `Scope` in which failures concern nobody else. */
  (
    options: Options<"isolate", Duration.Input | undefined> & { readonly onFailure: "isolate" }
  ): Effect.Effect<IsolatedGroup, never, Scope.Scope>
  /** Makes a group that lives in a `Scope`: when the scope closes, its tasks are cancelled and awaited. */
  <E = never>(options?: Options<"interrupt" | "collect", Duration.Input | undefined>): Effect.Effect<TaskGroup<E>, never, Scope.Scope>
} = (options: Options<any, any> = {}): Effect.Effect<any, never, Scope.Scope> => {
  const settings = settingsOf("TaskGroup.make", options)
  // Not `acquireRelease`, which runs the release in the context of the acquisition: who closes the scope would not be seen, and a member that does must not wait for itself.
  return Effect.uninterruptible(
    Effect.withFiber((owner) => {
      const scope = Context.get(owner.context as Context.Context<Scope.Scope>, Scope.Scope)
      const group = new GroupPump<any>(owner, settings).openScoped()
      return Effect.as(Scope.addFinalizer(scope, group.closeScope), group.face)
    })
  )
}

export {
  /**
   * Writes a dump as an indented text, one task a line.
   *
   * @category formatting
   * @since 0.1.0
   */
  format
} from "./internal/dump.ts"
