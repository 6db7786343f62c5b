/** The options that every kind of job has. */
import type * as Settings from "@skein/core/Settings"
import type * as TaskGroup from "@skein/core/TaskGroup"
import type * as Duration from "effect/Duration"
import type * as Condition from "../Condition.ts"
import type { After } from "../Job.ts"

export interface Options<in E = never> {
  /**
   * What it is known by in its engine. A description with an id can be submitted once.
   *
   * @default a fresh one at each submit
   */
  readonly id?: string | undefined
  /**
   * What has to have ended before it starts.
   *
   * @default nothing
   */
  readonly after?: After | ReadonlyArray<After> | undefined
  /**
   * What has to hold before it starts, looked at when its dependencies hold. That it held once is enough: it is not looked at again while the job waits for its limits or for another attempt.
   *
   * @default nothing
   */
  readonly when?: Condition.Condition | undefined
  /**
   * How much of each of the engine's limits it takes while it runs: whole numbers. Each job takes 1 of `jobs` unless it says otherwise here.
   *
   * @default { jobs: 1 }
   */
  readonly needs?: Readonly<Record<string, number>> | undefined
  /** @default "normal" */
  readonly priority?: TaskGroup.Priority | undefined
  /**
   * When to try it again. Its limits are given back while it waits for the next attempt. A durable engine keeps retries that are a `Backoff`, and no others.
   *
   * @default never
   */
  readonly retry?: Settings.RetryOptions<NoInfer<E>> | Backoff | undefined
  /**
   * Time for all its attempts, from the start of the first.
   *
   * @default none
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * Time for one attempt.
   *
   * @default none
   */
  readonly attemptTimeout?: Duration.Input | undefined
  /**
   * How long it may wait for its limits, from the moment its dependencies and its condition hold to its first start.
   *
   * @default none
   */
  readonly queueTimeout?: Duration.Input | undefined
  /**
   * What becomes of it when a job in `after` ended otherwise than it needs: it is skipped at once, or it runs when all in `after` are decided.
   *
   * @default "skip"
   */
  readonly onUpstream?: "skip" | "run" | undefined
  /**
   * What becomes of it when its process died while it ran: another attempt when an engine opens the store again, or an end as failed with `JobLost`. After three losses it fails with either. When its engine is closed while it runs, it waits in the store
   * for the next engine, or is cancelled.
   *
   * @default "resume" for tasks that are `idempotent`, else "fail"
   */
  readonly onLost?: "resume" | "fail" | undefined
  /**
   * Whether a durable engine keeps it in its store. An ephemeral job is gone with the process, and no stored one may depend on it.
   *
   * @default "stored"
   */
  readonly durability?: "stored" | "ephemeral" | undefined
  /**
   * Which of the engine's `flavours` the tasks inside run on. It takes 1 of the limit of that name.
   *
   * @default none: the `TaskRunner` of who submits
   */
  readonly flavour?: string | undefined
  /**
   * Free words to find it by.
   *
   * @default none
   */
  readonly labels?: Readonly<Record<string, string>> | undefined
  /**
   * While a job with this key has not ended, to submit another with the same key starts nothing and gives the handle of the first.
   *
   * @default none
   */
  readonly key?: string | undefined
}

export interface Backoff {
  /** How many times at most after the first attempt. */
  readonly times: number
  /**
   * The wait before the second attempt.
   *
   * @default none
   */
  readonly delay?: Duration.Input | undefined
  /**
   * How much longer each wait is than the one before it.
   *
   * @default 1
   */
  readonly factor?: number | undefined
  /**
   * The longest wait.
   *
   * @default none
   */
  readonly maxDelay?: Duration.Input | undefined
  /**
   * By which part of itself a wait may be shorter, at random: 0 to 1.
   *
   * @default 0
   */
  readonly jitter?: number | undefined
  /**
   * The time an attempt needs: none is started when less than this is left before a deadline.
   *
   * @default 0
   */
  readonly needs?: Duration.Input | undefined
}
