/**
 * Submits a job again and again: at the ticks of an interval or of a cron expression.
 *
 * A schedule is an immutable description. Started, it owns two fibers and at most one alarm, which end with the scope; its jobs belong to the engine, which decides what becomes of them when it is closed.
 *
 * **When to use**
 *
 * Use it for work that time calls for. For work that a state of the world calls for use a `Sentinel`, for one job that waits for a time its `when`, and to repeat an effect inside of a job Effect's own `Schedule`.
 *
 * **Details**
 *
 * *The ticks* lie on a grid: `every` counts from `start`, or from the beginning of 1970 in UTC, and `cron` follows the clock of a zone. They never drift, whatever jobs and timers do. When the clocks change, an occurrence that is skipped comes
 * as much later as the clocks jump; one that comes twice counts once, the first time, unless a `Cron` value says otherwise.
 *
 * *A tick that comes while a job still runs* is skipped, waits, or replaces that job, as `overlap` says. One at the very instant at which a job ends does not overlap with it.
 *
 * *A tick is missed* when nobody was there: the process was not running, or it was suspended, or its clock was set forward. Of several ticks that are due at once only the newest can be in time, and only until `lateAfter`. What becomes of those that
 * were missed is said by `catchUp`; those that are caught up take their turns under `overlap` one after the other and wait for them, and what comes due meanwhile waits behind them.
 *
 * **Guarantees**
 *
 * - Ownership: when the scope closes the fibers and the alarm are gone, and nothing more is submitted.
 * - Interruption: at any step, and after a crash too where the engine has a store, no tick has two jobs, and under `"all"` none is lost: the id of a job is made of the name of the schedule and the instant of the tick.
 * - Failure: what a job fails with is seen in the status. Code that throws is a failure of its tick. What ends the schedule is what `await` fails with.
 * - Order: ticks become jobs in their order.
 * - Bounds: never more jobs at once than `overlap` allows, triggered ones aside, and never more ticks waiting than `queueLimit`.
 * - Cost: one alarm behind the shared timer of all alarms, none while there is no place for a job; a schedule that waits does nothing.
 *
 * **Gotchas**
 *
 * Under `"queue"` what comes due while a job runs waits for it, however long that takes: `catchUp` is for ticks that come due while none runs.
 *
 * With an engine in memory and a `memory` of one's own that outlives it jobs are submitted at least once: the engine forgets its jobs with its process, and a crash between a submission and its note repeats it.
 *
 * **Example** (Running a job every second)
 *
 * ```ts
 * import { Engine, Job, JobSchedule } from "@skein/engine"
 * import * as Effect from "effect/Effect"
 * import * as TestClock from "effect/testing/TestClock"
 *
 * const beats: Array<string> = []
 * const heart = JobSchedule.make("heart", {
 *   every: "1 second",
 *   job: (tick) => Job.make("beat", { run: Effect.sync(() => beats.push(tick.id)) }),
 *   runs: 2
 * })
 *
 * const program = Effect.gen(function*() {
 *   const engine = yield* Engine.make()
 *   const beating = yield* JobSchedule.start(engine, heart)
 *   yield* TestClock.adjust("5 seconds")
 *   return yield* beating.await
 * })
 *
 * console.log(await Effect.runPromise(Effect.scoped(program).pipe(Effect.provide(TestClock.layer())))) // => runs
 * console.log(beats) // => [ 'heart@1970-01-01T00:00:00Z', 'heart@1970-01-01T00:00:01Z' ]
 * ```
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import * as Cause from "effect/Cause"
import * as Cron from "effect/Cron"
import * as Data from "effect/Data"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type * as Engine from "./Engine.ts"
import { alarms } from "./internal/alarms.ts"
import * as read from "./internal/condition/read.ts"
import { bounded, cronGrid, everyGrid, type Grid } from "./internal/schedule/grid.ts"
import type { EndedBy, Failure, Handle as SharedHandle, SharedOptions } from "./internal/schedule/model.ts"
import { readShared, sharedNames } from "./internal/schedule/options.ts"
import { type Kept, readKept, Timetable, type TimetableSettings } from "./internal/schedule/timetable.ts"
import type { Json } from "./JobStore.ts"

export type { EndedBy, Failure, JobOf, OnFailure, Overlap, SharedOptions, Status, StopOptions, Tick } from "./internal/schedule/model.ts"

/**
 * When the ticks are: at each multiple of a period, or when a cron expression comes true.
 *
 * @category options
 * @since 0.1.0
 */
export type Times =
  | {
      /** A period in whole milliseconds. */
      readonly every: Duration.Input
      readonly cron?: undefined
      readonly zone?: undefined
    }
  | {
      readonly every?: undefined
      readonly cron: string | Cron.Cron
      /**
       * Whose clock: a name such as `"Europe/Berlin"`, an offset such as `"+05:30"`. A `Cron` value brings its own.
       *
       * @default the zone of this machine when the schedule is made, by its name
       */
      readonly zone?: string | undefined
    }

/**
 * The options of a schedule. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category options
 * @since 0.1.0
 */
export type Options<A, E = never, R = never> = Times &
  SharedOptions<A, E, R> & {
    /**
     * What becomes of ticks that were missed: nothing, one job for the newest, or a job for each of the newest `queueLimit`.
     *
     * @default "skip"
     */
    readonly catchUp?: "skip" | "last" | "all" | undefined
    /**
     * How late a tick may be and still be in time.
     *
     * @default "1 minute"
     */
    readonly lateAfter?: Duration.Input | undefined
    /**
     * Each tick is due so much later at most, by chance, but never later than the next tick.
     *
     * @default 0
     */
    readonly jitter?: Duration.Input | undefined
    /**
     * The first instant at which there may be a tick, and the one from which `every` counts.
     *
     * @default none
     */
    readonly start?: DateTime.DateTime.Input | undefined
    /**
     * The instant from which on there are no ticks.
     *
     * @default none
     */
    readonly end?: DateTime.DateTime.Input | undefined
  }

const TypeId: unique symbol = Symbol.for("@skein/engine/JobSchedule")

/**
 * Says when to submit a job, again and again.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobSchedule<out A, out E = never, out R = never> {
  readonly [TypeId]: { readonly _A: (_: never) => A; readonly _E: (_: never) => E; readonly _R: (_: never) => R }
  readonly name: string
}

/**
 * A schedule that was started.
 *
 * @category models
 * @since 0.1.0
 */
export interface Handle<out A, out E = never> extends SharedHandle<A, E, JobScheduleError> {}

/**
 * Where a schedule keeps over a restart which ticks have had their turn, how many, and whether it is paused.
 *
 * @category models
 * @since 0.1.0
 */
export interface Memory {
  /** Gives what was kept last; `undefined` if nothing was. */
  readonly load: Effect.Effect<Json | undefined, unknown>
  /** Keeps a state in the place of the last one. */
  readonly save: (state: Json) => Effect.Effect<void, unknown>
}

/**
 * Why a schedule ended, or did not do as asked.
 *
 * | tag | meaning | again |
 * | --- | --- | --- |
 * | `TooManyFailures` | so many jobs failed in a row as `onFailure` says; it has ended | when the reason of the last one is gone |
 * | `MemoryFailed` | its memory could not be read or written; it has ended, and the job of the last tick may have been submitted | start it: no tick is lost |
 * | `MemoryUnreadable` | its memory holds something else; it has not started | with another memory |
 * | `JobThrew` | the function that makes the job threw when it was triggered; nothing was submitted | as the cause says |
 * | `Ended` | it was triggered when it had ended or was stopping | never |
 * | `AlreadyStarted` | a schedule or sentinel of this name runs on the engine | when that has ended, or with another name |
 *
 * @category errors
 * @since 0.1.0
 */
export type JobScheduleReason =
  | { readonly _tag: "TooManyFailures"; readonly failures: ReadonlyArray<Failure> }
  | { readonly _tag: "MemoryFailed"; readonly cause: Cause.Cause<unknown> }
  | { readonly _tag: "MemoryUnreadable"; readonly state: Json }
  | { readonly _tag: "JobThrew"; readonly cause: Cause.Cause<unknown> }
  | { readonly _tag: "Ended"; readonly by: EndedBy }
  | { readonly _tag: "AlreadyStarted" }

/**
 * A schedule has ended for a reason, or could not do what it was asked for. `reason` says why, and whether to try again.
 *
 * @category errors
 * @since 0.1.0
 */
export class JobScheduleError extends Data.TaggedError("JobScheduleError")<{
  readonly schedule: string
  readonly reason: JobScheduleReason
}> {
  override get message(): string {
    const { reason } = this
    const schedule = `schedule ${JSON.stringify(this.schedule)}`
    switch (reason._tag) {
      case "TooManyFailures": {
        const { failures } = reason
        const last = failures.at(-1)
        return `${schedule} stopped after ${failures.length === 1 ? "a failure" : "failures in a row"}: ${last?.tick.id} ${last?.how}: ${last?.detail}`
      }
      case "MemoryFailed":
        return `${schedule} could not use its memory: ${String(Cause.squash(reason.cause))}`
      case "MemoryUnreadable":
        return `${schedule} cannot read its memory: ${JSON.stringify(reason.state)}`
      case "JobThrew":
        return `${schedule} has no job: ${String(Cause.squash(reason.cause))}`
      case "Ended":
        return `${schedule} has ended: ${reason.by}`
      case "AlreadyStarted":
        return `${schedule} is not started, for one of this name runs`
    }
  }
}

const own = ["every", "cron", "zone", "catchUp", "lateAfter", "jitter", "start", "end"]

class Description {
  readonly [TypeId]: never = undefined as never
  readonly settings: TimetableSettings
  constructor(settings: TimetableSettings) {
    this.settings = settings
  }
  get name(): string {
    return this.settings.name
  }
}

/**
 * Describes a schedule.
 *
 * @throws RangeError if an option is wrong or unknown, or no tick can ever come
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, E = never, R = never>(name: string, options: Options<A, E, R>): JobSchedule<A, E, R> => {
  const where = "JobSchedule.make"
  Settings.known(where, options, [...sharedNames, ...own])
  const shared = readShared(where, name, options)
  const start = options.start === undefined ? undefined : readInstant(where, "start", options.start)
  const end = options.end === undefined ? Infinity : readInstant(where, "end", options.end)
  const grid = bounded(readGrid(where, options, start ?? 0), start ?? -Infinity, end)
  if (grid.after(start ?? 0) === Infinity && grid.after((start ?? 0) - 1) === Infinity) {
    throw Settings.mustBe(where, "end", "later than the first tick", options.end)
  }
  return new Description({
    ...shared,
    grid,
    catchUp: Settings.oneOf(where, "catchUp", options.catchUp, ["skip", "last", "all"]),
    lateAfter: options.lateAfter === undefined ? 60_000 : Settings.millis(where, "lateAfter", options.lateAfter),
    jitter: options.jitter === undefined ? 0 : Settings.millis(where, "jitter", options.jitter)
  })
}

const readInstant = (where: string, option: string, value: unknown): number => {
  try {
    return read.instant(where, value)
  } catch {
    throw Settings.mustBe(where, option, "a DateTime, a Date, milliseconds or an ISO text", value)
  }
}

const readGrid = (where: string, options: Times, origin: number): Grid => {
  if (options.every === undefined) {
    const { cron, zone } = options
    if (!Cron.isCron(cron)) return cronGrid(read.cron(where, cron, { for: 1, zone }))
    if (zone !== undefined) throw Settings.mustBe(where, "zone", "left out beside a Cron, which has its own", zone)
    return cronGrid(read.cron(where, cron, { for: 1 }))
  }
  for (const name of ["cron", "zone"] as const) {
    if (options[name] !== undefined) throw Settings.mustBe(where, name, "left out beside every", options[name])
  }
  const period = Settings.positiveMillis(where, "every", options.every)
  if (Number.isSafeInteger(period)) return everyGrid(period, origin)
  throw Settings.mustBe(where, "every", "whole milliseconds", options.every)
}

/**
 * Starts a schedule on an engine, until the scope closes.
 *
 * **Details**
 *
 * Its jobs run with the services that are there where it is started.
 *
 * What has to be known when it is started again is kept under its name by the engine: with a store, over restarts of the process. When it is started for the first time no tick has been missed; later it goes on where it was, as paused if it was, and
 * jobs of earlier starts that have not ended count as running. `memory` keeps all that elsewhere.
 *
 * It fails with `MemoryFailed`, `MemoryUnreadable` or `AlreadyStarted`.
 *
 * @throws RangeError if an option is unknown
 * @category starting
 * @since 0.1.0
 */
export const start = <A, E, R>(
  engine: Engine.Engine,
  schedule: JobSchedule<A, E, R>,
  options: { readonly memory?: Memory | undefined } = {}
): Effect.Effect<Handle<A, E>, JobScheduleError, R | Scope.Scope> => {
  const where = "JobSchedule.start"
  Settings.known(where, options, ["memory"])
  if (!(schedule instanceof Description)) throw new TypeError(Settings.mustBe(where, "schedule", "a JobSchedule", schedule).message)
  const { name, settings } = schedule
  const memory: Memory = options.memory ?? engine.memory(`schedule:${name}`)
  const fault = (reason: JobScheduleReason): JobScheduleError => new JobScheduleError({ schedule: name, reason })
  const used = <T>(effect: Effect.Effect<T, unknown>): Effect.Effect<T, JobScheduleError> =>
    Effect.catchCause(effect, (cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.failCause(cause as Cause.Cause<never>) : Effect.fail(fault({ _tag: "MemoryFailed", cause }))
    )
  return Effect.gen(function* () {
    const context = yield* Effect.context<R>()
    const shared = yield* alarms
    const random = yield* Random.Random
    const state = yield* used(Effect.suspend(() => memory.load))
    let kept: Kept | undefined
    if (state !== undefined) {
      kept = readKept(state)
      if (kept === undefined) return yield* fault({ _tag: "MemoryUnreadable", state })
    }
    const write = (state: Json): Effect.Effect<void, JobScheduleError> => used(Effect.suspend(() => memory.save(state)))
    const timetable = new Timetable({ engine, alarms: shared, context }, settings, () => random.nextDoubleUnsafe(), kept, write, fault)
    return yield* timetable.start
  })
}
