/**
 * Runs jobs: pulls them one by one, keeps as many running as the bound allows, tries again what failed, hands each result on in the order that was asked for, and ends in steps.
 *
 * ```
 * running ──drain──▶ draining ──stop──▶ stopping
 *    └──────────────stop──────────────▶
 * ```
 *
 * While it is draining nothing starts, and what runs goes on to its end; while it is stopping, what runs is taken through the stop sequence. Neither is ever taken back, and the first reason is the one that is told.
 * A run owns every program that it starts: it returns only when they are gone.
 */
import type * as Limiter from "@skein/core/Limiter"
import { parallelStream } from "@skein/parallel/parallelStream"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Captured } from "./capture.ts"
import type { Ended, Executor, Output, StopStep } from "./executor.ts"
import { Halting } from "./halt.ts"
import type { Attempt, Job, JobRecord, Observer } from "./job.ts"
import type { JobLogError } from "./jobLog.ts"
import { Median } from "./median.ts"
import type { OutputError, Outputs } from "./outputs.ts"
import type { Halt, TimeLimit } from "./sizes.ts"

export interface Plan {
  /** A source that fails ends the starting; what runs goes on to its end. */
  readonly jobs: AsyncIterable<Job>
  readonly executor: Executor
  /** Bounds how many run. It may be resized, paused and throttled by others at any time. */
  readonly limiter: Limiter.Limiter
  /** The most that the limiter may ever be resized to; so many jobs are pulled ahead at most. */
  readonly most: number
  readonly outputs: Outputs
  /** `inherit`: programs have our own standard output and error. `outputs`: what they write is given to `outputs`. */
  readonly output: "outputs" | "inherit"
  /** Asked once for each job, in the order of the input. What is skipped is not started, and no job of this run. */
  readonly skip?: ((job: Job) => "run" | "skip") | undefined
  readonly env?: ((job: Job, slot: number) => Readonly<Record<string, string>>) | undefined
  /** For each attempt. */
  readonly timeout?: TimeLimit | undefined
  /** Milliseconds for the whole. */
  readonly deadline?: number | undefined
  /** How often a job that failed is tried again, and the milliseconds before the first time; they double with each. */
  readonly retries: number
  readonly backoff: number
  readonly halt: Halt
  /** How many jobs there are in all, where that is known: what a share in `halt` is a share of. */
  readonly total?: (() => number | undefined) | undefined
  /** The system has no room for more than so many; the limiter is lowered to that. */
  readonly crowded?: ((running: number, message: string | undefined) => void) | undefined
  readonly stop: ReadonlyArray<StopStep>
  readonly observer: Observer
  /** Keeps the record of a job that is over, before anything of it is shown. */
  readonly record: (record: JobRecord) => Effect.Effect<void, JobLogError>
}

type Failure = JobLogError | OutputError

/** Why nothing more was started. */
export type Reason =
  | { readonly _tag: "Halted"; readonly record: JobRecord }
  | { readonly _tag: "Signal"; readonly signal: "SIGINT" | "SIGTERM" | "SIGHUP" }
  | { readonly _tag: "Deadline" }
  | { readonly _tag: "Failed"; readonly error: Failure }

/** How the whole ended. */
export interface Verdict {
  /** Absent when all jobs were run. */
  readonly reason: Reason | undefined
  /** Were pulled, and not started. What had not been pulled is not counted. */
  readonly notStarted: number
  /** The source was read to its end. */
  readonly exhausted: boolean
}

/** The source of jobs failed. */
export class InputFailed {
  readonly _tag = "InputFailed"
  readonly cause: unknown
  constructor(cause: unknown) {
    this.cause = cause
  }
}

export interface Runner {
  /** Starts nothing more. */
  readonly drain: (reason: Reason) => void
  /** Ends what runs, by the steps of the plan or by quicker ones. */
  readonly stop: (reason: Reason, steps?: ReadonlyArray<StopStep>) => void
  readonly phase: () => "running" | "draining" | "stopping"
  readonly run: Effect.Effect<Verdict, InputFailed>
}

interface Running {
  readonly startedAt: number
}

/** How often programs are compared with a limit that moves, in milliseconds. */
const watchEvery = 100
/** The longest pause before another attempt, in milliseconds. */
const longestBackoff = 60_000

export const make = (plan: Plan): Runner => {
  const { executor, observer, outputs } = plan
  const slots: Array<Running | undefined> = []
  const halting = new Halting(plan.halt, plan.total ?? (() => undefined))
  const median = new Median()
  const alarm = new Alarm()
  let phase: "running" | "draining" | "stopping" = "running"
  let reason: Reason | undefined
  let stopSteps = plan.stop
  let notStarted = 0
  let exhausted = false

  const drain = (why: Reason): void => {
    reason ??= why
    if (phase !== "running") return
    phase = "draining"
    alarm.ring()
  }
  const stop = (why: Reason, steps: ReadonlyArray<StopStep> = plan.stop): void => {
    drain(why)
    phase = "stopping"
    stopSteps = steps
    slots.forEach((running, slot) => {
      if (running !== undefined) executor.stop(slot, steps, "stopped")
    })
  }
  const broken = (): boolean => reason?._tag === "Failed"
  /** What cannot be kept or shown is nothing to go on with. */
  const orStop = (effect: Effect.Effect<void, Failure>): Effect.Effect<void> =>
    Effect.catch(effect, (error) => Effect.sync(() => stop({ _tag: "Failed", error })))

  /** The lowest number that is free, so that as many numbers are in use as programs run. */
  const take = (): number => {
    let slot = 1
    while (slots[slot] !== undefined) slot++
    return slot
  }

  const outputOf = (job: Job): Output =>
    plan.output === "inherit"
      ? "inherit"
      : outputs.wants === "capture"
        ? "capture"
        : { onChunk: (which, bytes) => (broken() ? Effect.void : orStop(outputs.chunk(job, which, bytes))) }

  /** Gives nothing where it did not come to a start: a place that is waited for may never come while the limiter is paused. */
  const attempt = (job: Job, number: number): Effect.Effect<{ readonly ended: Ended; readonly slot: number } | undefined> =>
    Effect.suspend(() => {
      const bell = alarm.bell()
      const run = Effect.suspend(() => {
        bell.mute()
        if (phase !== "running") return Effect.undefined
        const slot = take()
        slots[slot] = { startedAt: performance.now() }
        observer.started?.(job, number, slot, Date.now())
        return executor
          .run(job.program(slot), {
            slot,
            env: plan.env?.(job, slot),
            output: outputOf(job),
            timeout: plan.timeout?.kind === "millis" ? plan.timeout.millis : undefined,
            stop: stopSteps
          })
          .pipe(
            Effect.map((ended) => ({ ended, slot })),
            Effect.ensuring(Effect.sync(() => (slots[slot] = undefined)))
          )
      })
      return Effect.raceFirst(plan.limiter.withPermit(run), Effect.as(bell.rings, undefined))
    })

  const again = (ended: Ended, attempts: number): boolean =>
    phase === "running" &&
    attempts <= plan.retries &&
    (ended.why === "exit" ? ended.exitCode !== 0 : ended.why === "signal" || ended.why === "timeout")

  const runOne = (job: Job): Effect.Effect<void> => {
    if (plan.skip?.(job) === "skip") return orStop(outputs.skip(job))
    return Effect.gen(function* () {
      const queuedAt = Date.now()
      observer.queued?.(job, queuedAt)
      yield* outputs.admit(job)
      const attempts: Array<Attempt> = []
      let output: Captured | undefined
      let received = 0
      for (;;) {
        // The place is taken for an attempt, not for the job: whoever waits to try again holds none.
        const one = yield* attempt(job, attempts.length + 1)
        if (one === undefined) break
        const { ended, slot } = one
        if (ended.why === "no-room") {
          const others = slots.filter((running) => running !== undefined).length
          if (others > 0) {
            // It counts as no attempt. Whoever ends next makes room.
            observer.attempted?.(job, { ...ended, number: attempts.length + 1, slot })
            ended.output.dispose()
            plan.crowded?.(others, ended.message)
            yield* plan.limiter.resize(others)
            continue
          }
        }
        if (attempts.length > 0) yield* orStop(outputs.retried(job, output))
        output = ended.output
        received = ended.received
        const { endedAt, exitCode, message, signal, startedAt, why } = ended
        const done: Attempt = { number: attempts.length + 1, slot, startedAt, endedAt, why, exitCode, signal, message }
        attempts.push(done)
        observer.attempted?.(job, done)
        if (!again(ended, attempts.length)) break
        yield* alarm.within(Math.min(plan.backoff * 2 ** (attempts.length - 1), longestBackoff))
      }
      const last = attempts.at(-1)
      if (last === undefined) {
        notStarted++
        return yield* orStop(outputs.skip(job))
      }
      const record: JobRecord = { job, queuedAt, attempts, ok: last.why === "exit" && last.exitCode === 0, received }
      if (record.ok) median.add(last.endedAt - last.startedAt)
      if (!broken()) yield* orStop(plan.record(record))
      observer.finished?.(record)
      if (last.why !== "stopped") halt(record)
      yield* orStop(outputs.finished(record, output))
    })
  }

  const halt = (record: JobRecord): void => {
    const verdict = halting.after(record.ok)
    if (verdict === "soon") drain({ _tag: "Halted", record })
    if (verdict === "now") stop({ _tag: "Halted", record })
  }

  const jobs: AsyncIterable<Job> = {
    [Symbol.asyncIterator]: () => {
      const iterator = plan.jobs[Symbol.asyncIterator]()
      const end = { done: true, value: undefined } as const
      return {
        next: async () => {
          const next = await alarm.race(iterator.next())
          if (next === undefined) return end
          if (next.done === true) exhausted = true
          return next
        },
        // A source that waits for input would not answer; it ends with the process.
        return: async () => {
          void Promise.resolve(iterator.return?.()).catch(() => {})
          return end
        }
      }
    }
  }

  const factor = plan.timeout?.kind === "median" ? plan.timeout.factor : Infinity
  /** Watches over a limit that moves with the median. */
  const watch =
    plan.timeout?.kind !== "median"
      ? Effect.never
      : Effect.forever(
          Effect.andThen(
            Effect.sleep(watchEvery),
            Effect.sync(() => {
              const limit = median.value === undefined ? Infinity : factor * median.value
              const now = performance.now()
              slots.forEach((running, slot) => {
                if (running !== undefined && now - running.startedAt > limit) executor.stop(slot, plan.stop, "timeout")
              })
            })
          )
        )

  const deadline =
    plan.deadline === undefined
      ? Effect.never
      : Effect.andThen(
          Effect.sleep(plan.deadline),
          Effect.sync(() => stop({ _tag: "Deadline" }))
        )

  /** What a task of ours cannot do is fail: a failure is a fault of the program. */
  const all = parallelStream(jobs, runOne, { concurrency: plan.most }).pipe(
    Stream.runForEach((outcome) => (outcome._tag === "Failed" ? Effect.failCause(outcome.cause) : Effect.void))
  )

  return {
    drain,
    stop,
    phase: () => phase,
    run: Effect.gen(function* () {
      yield* Effect.forkScoped(watch)
      yield* Effect.forkScoped(deadline)
      yield* Effect.catch(all, (failure) => Effect.fail(new InputFailed(failure.cause))).pipe(Effect.ensuring(orStop(outputs.end)))
      return { reason, notStarted, exhausted }
    }).pipe(Effect.scoped)
  }
}

/** Wakes whoever waits, once. A promise would keep a reaction for each that ever waited. */
class Alarm {
  private rung = false
  private readonly waiting = new Set<() => void>()

  ring(): void {
    this.rung = true
    for (const wake of this.waiting) wake()
    this.waiting.clear()
  }

  /** `undefined` if it rings first. */
  race<A>(promise: Promise<A>): Promise<A | undefined> {
    if (this.rung) {
      promise.catch(() => {})
      return Promise.resolve(undefined)
    }
    return new Promise((resolve, reject) => {
      const wake = (): void => resolve(undefined)
      this.waiting.add(wake)
      promise.then(
        (value) => {
          this.waiting.delete(wake)
          resolve(value)
        },
        (error: unknown) => {
          this.waiting.delete(wake)
          reject(error as Error)
        }
      )
    })
  }

  /** Waits so long, or until it rings. */
  within(millis: number): Effect.Effect<void> {
    return Effect.raceFirst(Effect.sleep(millis), this.bell().rings)
  }

  /** One who waits. Once it is muted it waits for ever. */
  bell(): { readonly rings: Effect.Effect<void>; readonly mute: () => void } {
    let wake: (() => void) | undefined
    let muted = false
    const mute = (): void => {
      muted = true
      if (wake !== undefined) this.waiting.delete(wake)
    }
    const rings = Effect.callback<void>((resume) => {
      if (muted) return
      if (this.rung) return resume(Effect.void)
      wake = () => resume(Effect.void)
      this.waiting.add(wake)
      return Effect.sync(mute)
    })
    return { rings, mute }
  }
}
