/**
 * Runs agents and tools for an agent as plain async functions: an `AgentGather` for frameworks that are not Effect.
 *
 * What `create` gives owns one limit for the whole tree of calls and what runs under it. It is over when it is closed; it holds nothing while nothing runs.
 *
 * The module holds `create`. Limits, resuming, the account and what is promised are those of `AgentGather`; there is no Effect in the signatures.
 *
 * **Gotchas**
 *
 * A task that gathers must do it with the `gather` that it is given. A promise does not say from where it was asked for, so to the `gather` from outside it is a stranger: it gets a clock of its own, is not stopped with
 * the task, and waits for a place that the task may be holding.
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import * as Effect from "effect/Effect"
import type * as AgentGather from "./AgentGather.ts"
import { Gatherer } from "./internal/agentGatherer.ts"
import { defaultsOf } from "./internal/agentOptions.ts"
import { plain, plainAccount, plainStore } from "./internal/agentPromise.ts"

/**
 * A length of time: milliseconds, or a number with a unit.
 *
 * @category models
 * @since 0.1.0
 */
export type Time = number | "Infinity" | `${number} ${"millis" | "second" | "seconds" | "minute" | "minutes" | "hour" | "hours"}`

/**
 * What an async function gets that runs as a task.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskContext {
  /** Fires when the task is to stop, with the reason. It has the `grace` to end; a value that it gives even then counts, and is `late`. */
  readonly signal: AbortSignal
  /** Gathers from inside of the task: under the same limit, inside its time, and stopped with it. The `gather` from outside does not know of the task, and with all places taken would wait for itself. */
  readonly gather: AgentFunction["gather"]
}

/**
 * An agent of a registry.
 *
 * @category models
 * @since 0.1.0
 */
export type Agent = (input: unknown, context: TaskContext) => unknown

/**
 * A task that is an async function, or the name of an agent of the registry and its input.
 *
 * @category models
 * @since 0.1.0
 */
export interface Task<out A = unknown> extends Pick<AgentGather.Task, "id" | "agent" | "input"> {
  /**
   * @default the agent of that name
   */
  readonly run?: ((input: unknown, context: TaskContext) => PromiseLike<A> | A) | undefined
}

/**
 * Where results are kept: a `Map`, or anything with these two operations.
 *
 * @category models
 * @since 0.1.0
 */
export interface Store {
  readonly get: (key: string) => PromiseLike<string | null | undefined> | string | null | undefined
  readonly set: (key: string, value: string) => unknown
}

/**
 * The options of `create`: those of `make`, with times, retries and the store in plain words.
 *
 * @category models
 * @since 0.1.0
 */
export interface CreateOptions extends Pick<AgentGather.MakeOptions, "concurrency" | "maxTasks" | "textLimit" | "name"> {
  /** @default "60 seconds" */
  readonly timeout?: Time | undefined
  /** @default none */
  readonly taskTimeout?: Time | undefined
  /** @default "5 seconds" */
  readonly grace?: Time | undefined
  /**
   * How many times a failed task is tried again, and of which errors.
   *
   * @default never
   */
  readonly retry?: { readonly times: number; readonly while?: ((error: unknown) => boolean) | undefined } | undefined
  /** @default none */
  readonly store?: Store | undefined
  /** @default "5 seconds" */
  readonly storeTimeout?: Time | undefined
  /**
   * Agents by name, for tasks that are a name and an input.
   *
   * @default none
   */
  readonly agents?: Readonly<Record<string, Agent>> | undefined
}

/**
 * The options of one gather.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<in A = never> extends Pick<AgentGather.GatherOptions, "concurrency" | "resume" | "name"> {
  readonly timeout?: Time | undefined
  readonly taskTimeout?: Time | undefined
  readonly grace?: Time | undefined
  /**
   * Ends the gather with what it has. The promise resolves, with what was cut short reported as cancelled for the signal's reason.
   *
   * @default never
   */
  readonly signal?: AbortSignal | undefined
  /** Sees each report as soon as its task has ended. What it throws is logged and changes nothing. */
  readonly onReport?: ((report: Report<A>) => void) | undefined
}

/**
 * A report, all of which JSON can hold but what the task gave or threw.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report<out A = unknown> extends Omit<AgentGather.Report<A>, "outcome"> {
  /** Where `status` is `completed`. */
  readonly value?: A
  /** Where `status` is `failed`: what it threw. */
  readonly error?: unknown
  /** 0 for a task that was resumed or never started. */
  readonly attempts: number
  /** In milliseconds, from its start to its end. */
  readonly ranFor: number | undefined
}

/**
 * An account, all of which JSON can hold but what tasks gave or threw.
 *
 * @category models
 * @since 0.1.0
 */
export interface Account<out A = unknown> extends Pick<
  AgentGather.Account<A>,
  "text" | "total" | "completed" | "missing" | "values" | "notes" | "resume"
> {
  readonly reports: ReadonlyArray<Report<A>>
  /** In milliseconds. */
  readonly elapsed: number
}

/**
 * A gather for agents without Effect.
 *
 * @category models
 * @since 0.1.0
 */
export interface AgentFunction {
  /**
   * Runs tasks and gives an account of them. Rejects with an `AgentGather.AgentGatherError` only if it cannot begin (its `message` is for the model) or is closed meanwhile; wrong options are thrown at once.
   */
  readonly gather: <A = unknown>(tasks: Iterable<Task<A>>, options?: Options<A>) => Promise<Account<A>>
  /** Stops one task, by its id or path, and gives its report; the others go on. */
  readonly cancel: (id: string, reason?: unknown) => Promise<Report>
  readonly stats: () => AgentGather.Stats
  /** Stops what runs, and resolves when it has ended. */
  readonly close: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/**
 * Makes a gather for agents to be used without Effect. It holds nothing while nothing runs; `close` it, or use `await using`, to stop what does.
 *
 * **Details**
 *
 * Effect waits for no promise that it has interrupted. A gather does: for the grace, after the signal has fired. A promise that has not settled by then is reported as abandoned, and keeps its place until it does.
 *
 * **Example** (Gathering async functions)
 *
 * ```ts
 * import * as AgentFunction from "@skein/parallel/AgentFunction"
 *
 * const agents = AgentFunction.create({
 *   concurrency: 4,
 *   timeout: "50 millis",
 *   agents: {
 *     upper: (input) => String(input).toUpperCase(),
 *     hang: (_, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))
 *   }
 * })
 *
 * const account = await agents.gather([
 *   { agent: "upper", input: "oak" },
 *   { agent: "hang" },
 *   { id: "three", run: async () => 1 + 2 }
 * ])
 * console.log(account.values) // => [ 'OAK', 3 ]
 * console.log(account.reports[1]?.why) // => still running when the time was over, and stopped
 * await agents.close()
 * ```
 *
 * @throws RangeError if an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const create = (options?: CreateOptions): AgentFunction => {
  const { agents, store, ...rest } = options ?? {}
  if (agents !== undefined) {
    if (typeof agents !== "object" || agents === null)
      throw Settings.mustBe("AgentFunction.create", "agents", "a record of functions", agents)
    for (const [name, agent] of Object.entries(agents)) {
      if (typeof agent !== "function") throw Settings.mustBe("AgentFunction.create", `agents.${name}`, "a function", agent)
    }
  }
  const known = defaultsOf("AgentFunction.create", { ...rest, store: store as AgentGather.Store | undefined })
  const gatherer = new Gatherer({ ...known, store: store === undefined ? undefined : plainStore(store) }, "AgentFunction")
  let closing: Promise<void> | undefined
  return plain(gatherer, agents ?? {}, () => (closing ??= Effect.runPromise(gatherer.close)))
}

/**
 * Gives an account without Effect's types.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromAccount: <A, E>(account: AgentGather.Account<A, E>) => Account<A> = plainAccount
