/** Holds the public types that `JobSchedule` and `Sentinel` share and re-export. */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { SubmitError } from "../errors.ts"
import type * as Job from "../../Job.ts"

/**
 * One occasion for a job.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tick {
  /** Its instant in milliseconds since the Unix epoch: the one it was due at, whenever its job starts. */
  readonly at: number
  /**
   * Why there is a job: its time has come, it was missed and is caught up, a condition turned true, or somebody asked for it.
   */
  readonly cause: "due" | "late" | "edge" | "trigger"
  /** The id that its job is submitted by. */
  readonly id: string
}

/**
 * The job of each tick: the same one, or one made for the tick. Its own id gives way to that of the tick.
 *
 * @category models
 * @since 0.1.0
 */
export type JobOf<A, E, R> = Job.Job<A, E, R> | ((tick: Tick) => Job.Job<A, E, R>)

/**
 * What happens to a tick while the job of an earlier one has not ended: it is skipped, it waits, or that job is cancelled for it. `{ allow: n }` lets `n` jobs run at once and skips beyond that.
 *
 * @category models
 * @since 0.1.0
 */
export type Overlap = "skip" | "queue" | "cancel" | { readonly allow: number }

/**
 * What follows when jobs fail: nothing but that it can be seen, or the end, after one failure or after so many without a success between them.
 *
 * @category models
 * @since 0.1.0
 */
export type OnFailure = "continue" | "stop" | { readonly stopAfter: number }

/**
 * The options that schedules and sentinels share.
 *
 * @category options
 * @since 0.1.0
 */
export interface SharedOptions<A, E, R> {
  /** What is submitted. Code that throws is a failure of that tick. */
  readonly job: JobOf<A, E, R>
  /** @default "skip" */
  readonly overlap?: Overlap | undefined
  /**
   * How many ticks may wait at most, under `"queue"` or to be caught up; of more than that the newest wait.
   *
   * @default 100
   */
  readonly queueLimit?: number | undefined
  /**
   * It ends after so many ticks, those whose job could not be submitted included.
   *
   * @default unbounded
   */
  readonly runs?: number | undefined
  /**
   * A job fails when it ends as failed, timed out or skipped, when it cannot be made, and when the engine refuses it. One that was cancelled has not failed.
   *
   * @default "continue"
   */
  readonly onFailure?: OnFailure | undefined
}

/**
 * A job that failed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failure {
  readonly tick: Tick
  /** How the job ended; `threw` says that there was none, and `refused` that the engine did not take it. */
  readonly how: "failed" | "timeout" | "skipped" | "threw" | "refused"
  readonly detail: string
}

/**
 * What ended a schedule or a sentinel.
 *
 * | word | meaning |
 * | --- | --- |
 * | `runs` | it has had as many ticks as it was to have |
 * | `over` | no tick can come any more |
 * | `stopped` | somebody stopped it |
 * | `scope` | its scope was closed |
 * | `engine` | its engine takes no jobs any more |
 * | `error` | `await` fails with it |
 *
 * @category models
 * @since 0.1.0
 */
export type EndedBy = "runs" | "over" | "stopped" | "scope" | "engine" | "error"

/**
 * How a schedule or a sentinel stands at one moment.
 *
 * @category models
 * @since 0.1.0
 */
export interface Status {
  /** It is `stopping` while the last jobs end. */
  readonly state: "active" | "paused" | "stopping" | "ended"
  /** What has ended it, or is about to. */
  readonly endedBy: EndedBy | undefined
  /** The next tick in milliseconds since the Unix epoch, where that is known. */
  readonly next: number | undefined
  /** The ids of the jobs that have not ended. */
  readonly running: ReadonlyArray<string>
  /** How many ticks wait for their turn. */
  readonly waiting: number
  /** How many ticks have had their turn, those of earlier processes included where there is a memory. */
  readonly runs: number
  /** How many ticks gave way, to jobs that ran, to newer ticks or to a pause. */
  readonly skipped: number
  /** How many ticks were missed and not caught up. Of one gap in a cron schedule 1,000 are counted at most. */
  readonly missed: number
  /** How many jobs failed. */
  readonly failed: number
  /** How many failed since one completed. */
  readonly failedInARow: number
  /** The last 16 failures, oldest first. */
  readonly failures: ReadonlyArray<Failure>
}

/**
 * How to stop.
 *
 * @category options
 * @since 0.1.0
 */
export interface StopOptions {
  /**
   * What becomes of the jobs that have not ended: they are waited for, they are cancelled and waited for, or they are left to the engine.
   *
   * @default "drain"
   */
  readonly running?: "drain" | "interrupt" | "leave" | undefined
}

/**
 * A schedule or a sentinel that was started.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handle<out A, out E, out F> {
  readonly name: string
  /** How it stands now. */
  readonly status: Status
  /** How it stands, first as it is and then after each change, up to the end. Whoever is slow sees the newest only. */
  readonly changes: Stream.Stream<Status>
  /** Waits for its end, which comes after that of its last job, and says what ended it; fails if that was an error. */
  readonly await: Effect.Effect<Exclude<EndedBy, "error">, F>
  /** Lets ticks pass until `resume`: those that wait and those that come are skipped. What runs goes on. A memory keeps it. */
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
  /** Ends it, and waits for that. What waits is dropped. */
  readonly stop: (options?: StopOptions) => Effect.Effect<void>
  /** Submits a job now, whatever else runs, also in a pause. It is none of the ticks that `runs` counts, but later ticks see it run. */
  readonly trigger: Effect.Effect<Job.Handle<A, E>, SubmitError | F>
}
