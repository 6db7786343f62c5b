/** Holds the public types of `Simulator`, which re-exports them. */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

/**
 * A program, or a function that makes one. A function gives each run fresh state; an effect is only right where it makes all its state itself.
 *
 * @category models
 * @since 0.1.0
 */
export type Program<A, E> = Effect.Effect<A, E> | (() => Effect.Effect<A, E>)

/**
 * How a simulated run ended.
 *
 * | verdict | meaning |
 * | --- | --- |
 * | `passed` | the main fiber succeeded |
 * | `failed` | the main fiber failed, or the `invariant` was violated |
 * | `deadlock` | the main fiber has not ended, nothing can run, and no timer is pending |
 * | `livelock` | the main fiber has not ended, and the budget of steps is used up |
 * | `external` | it waits for something real, or something real decided how it went on |
 *
 * @category models
 * @since 0.1.0
 */
export type Verdict = "passed" | "failed" | "deadlock" | "livelock" | "external"

export const noVerdicts = (): Record<Verdict, number> => ({ passed: 0, failed: 0, deadlock: 0, livelock: 0, external: 0 })

/**
 * What one fiber was doing when the run was over.
 *
 * @category models
 * @since 0.1.0
 */
export interface FiberReport {
  /** `main`, `fiber 3`, or `fiber 3 "billing"`. */
  readonly label: string
  /** Its Skein task's name, else its span's, else that of its `Effect.fn`. */
  readonly name: string | undefined
  /** Counted from 1 in the order of first steps; the same in each replay. */
  readonly number: number
  readonly steps: number
  /** Reads after the label: `waits for a permit of limiter "db" (1 of 1 taken)`, `sleeps until 3,000 ms`, `sleeps for ever`, `could go on`, `is suspended`. */
  readonly state: string
  /** Labels of the fibers that can end its wait; empty where that is not known. */
  readonly holders: ReadonlyArray<string>
}

/**
 * The result of one simulated run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Run<out A, out E = never> {
  readonly verdict: Verdict
  /** The seed that replays it. */
  readonly seed: number
  /** The schedule that replays it, where it was not the seed that chose. */
  readonly schedule: string | undefined
  /** How the main fiber ended; `undefined` if it did not. */
  readonly exit: Exit.Exit<A, E> | undefined
  /** Why it failed; after a violated `invariant`, what that threw. */
  readonly cause: Cause.Cause<E> | undefined
  /** How many primitives the runtime was about to evaluate, over all fibers. */
  readonly steps: number
  /** Virtual time from start to end. */
  readonly elapsed: Duration.Duration
  /** The verdict with its reasons, in several lines. */
  readonly report: string
  /** All living fibers of a run that did not end: who waits for what, and for whom. */
  readonly waits: ReadonlyArray<FiberReport>
  /** Labels of fibers that wait for each other in a ring, the first one again at the end. Known for waits in Skein's own primitives. */
  readonly cycle: ReadonlyArray<string> | undefined
  /** Of a livelock: the fibers that took most steps, busiest first. */
  readonly busiest: ReadonlyArray<FiberReport>
  /** Fibers still alive after the main fiber had ended and everything that could run without time passing had run. */
  readonly leaks: ReadonlyArray<FiberReport>
  /** Instants, in virtual milliseconds, of timers nobody took back. */
  readonly timers: ReadonlyArray<number>
  /** Labels of the fibers that were alive at the moment the main fiber ended, though they may have ended by themselves at once. */
  readonly outlived: ReadonlyArray<string>
  /** Kinds of real work that were under way at the end, e.g. `Timeout`. */
  readonly underWay: ReadonlyArray<string>
  /** Label of the fiber that the option `interrupt` hit; `undefined` if it hit none. */
  readonly interrupted: string | undefined
  /** Each scheduling decision, in order; empty without the option `trace`. */
  readonly trace: ReadonlyArray<string>
}

/**
 * Options of every simulated run.
 *
 * @category options
 * @since 0.1.0
 */
export interface SharedOptions {
  /**
   * Steps before the run counts as a livelock.
   *
   * @default 2_000_000
   */
  readonly maxSteps?: number | undefined
  /**
   * Steps without virtual time moving before the run counts as a livelock.
   *
   * @default 500_000
   */
  readonly maxStepsPerInstant?: number | undefined
  /** Probability of a preemption at each step, from 0 to 1. Without it the seed decides, from never to at every step. */
  readonly preemption?: number | undefined
  /** Called at each step; what it throws makes the run `failed`. It must not change anything. */
  readonly invariant?: (() => void) | undefined
  /**
   * Keeps the list of scheduling decisions.
   *
   * @default false
   */
  readonly trace?: boolean | undefined
  /**
   * How long to wait, in real time, for something real that the program waits for.
   *
   * @default "2 seconds"
   */
  readonly realTime?: Duration.Input | undefined
}

/**
 * Options of `run` and `runSync`.
 *
 * @category options
 * @since 0.1.0
 */
export interface RunOptions extends SharedOptions {
  /**
   * Which schedule to run: any whole number from 0.
   *
   * @default 1
   */
  readonly seed?: number | undefined
  /** A schedule as a run of all schedules has reported it, in place of the one that the seed stands for. */
  readonly schedule?: string | undefined
  /** Interrupts a fiber at a step, as a sweep does. */
  readonly interrupt?:
    | {
        /** Counted over all fibers, from 1. */
        readonly step: number
        /**
         * `main`, the child that is `running` at that step, or some `other` living child, chosen by the seed.
         *
         * @default "main"
         */
        readonly target?: "main" | "running" | "other" | undefined
        /**
         * `before` the step's primitive is evaluated, as if the fiber had been preempted there, or `during` it: after it was evaluated, before what follows it.
         *
         * @default "before"
         */
        readonly moment?: "before" | "during" | undefined
      }
    | undefined
}

/**
 * Options of what runs a program under many seeds.
 *
 * @category options
 * @since 0.1.0
 */
export interface ManyOptions<in A, in E = never> extends SharedOptions {
  /** The first seed; without `seeds`, the only one. */
  readonly seed?: number | undefined
  /**
   * How many seeds, counted up from `seed` (or 1).
   *
   * @default 200
   */
  readonly seeds?: number | undefined
  /**
   * Which schedules to run: those that the seeds stand for, or all that there are with at most `preemptions` preemptions. Only small programs have few enough.
   *
   * @default "seeded"
   */
  readonly schedules?: "seeded" | "all" | undefined
  /**
   * With `schedules: "all"`, how often one run may preempt a fiber.
   *
   * @default 1
   */
  readonly preemptions?: number | undefined
  /**
   * With `schedules: "all"`, the most runs; the result says whether it was `complete`.
   *
   * @default 20_000
   */
  readonly maxRuns?: number | undefined
  /**
   * Sorts runs into kinds, for `reach` and for the counts that come back. Without it a run that passed is labelled with its value where that is a
   * string, number or boolean, and each other one with its verdict.
   */
  readonly label?: ((run: Run<A, E>) => string) | undefined
  /** Labels that must each be reached by some seed: a check that never meets the interesting case tests nothing. */
  readonly reach?: ReadonlyArray<string> | undefined
  /** Called after each run; what it throws, or the effect it gives fails with, is a failure of that run. */
  readonly after?: ((run: Run<A, E>) => void | Effect.Effect<unknown, unknown>) | undefined
}

/**
 * Options of `check`.
 *
 * @category options
 * @since 0.1.0
 */
export interface CheckOptions<in A, in E = never> extends ManyOptions<A, E> {
  /**
   * Whether a fiber or timer that is left behind fails the check.
   *
   * @default "fail"
   */
  readonly leaks?: "fail" | "ignore" | undefined
}

/**
 * What many seeds gave.
 *
 * @category models
 * @since 0.1.0
 */
export interface Exploration {
  readonly runs: number
  readonly steps: number
  readonly verdicts: Readonly<Record<Verdict, number>>
  /** How many runs had each label. */
  readonly labels: Readonly<Record<string, number>>
  /** The first seed of each label, to replay it. */
  readonly seeds: Readonly<Record<string, number>>
  /** With `schedules: "all"`, the first schedule of each label, to replay it. */
  readonly schedules: Readonly<Record<string, string>>
  /** Whether no schedule is left: `false` for seeds, and where `maxRuns` ended the search. */
  readonly complete: boolean
}

/**
 * Options of `sweep`.
 *
 * @category options
 * @since 0.1.0
 */
export interface SweepOptions<in A, in E = never> extends SharedOptions {
  /** The first seed; without `seeds`, the only one. */
  readonly seed?: number | undefined
  /**
   * How many schedules are swept, counted up from `seed` (or 1).
   *
   * @default 6
   */
  readonly seeds?: number | undefined
  /**
   * Who is interrupted: the main fiber, its children (at each step the one that runs, and another one), or each of them in turn.
   *
   * @default "all"
   */
  readonly target?: "main" | "children" | "all" | undefined
  /**
   * Interrupt before a step's primitive, during it, or both in turn.
   *
   * @default "both"
   */
  readonly moment?: "before" | "during" | "both" | undefined
  /**
   * Whether a defect in the main fiber's cause is a finding.
   *
   * @default "fail"
   */
  readonly defects?: "fail" | "ignore" | undefined
  /** Called after each run; what it throws, or the effect it gives fails with, is a finding. */
  readonly after?: ((run: Run<A, E>) => void | Effect.Effect<unknown, unknown>) | undefined
  /**
   * The most runs a seed may take. A longer program is interrupted at every second, third, … step only, which the result says.
   *
   * @default 20_000
   */
  readonly maxRuns?: number | undefined
}

/**
 * What a sweep did.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sweep {
  readonly runs: number
  /** Steps of the longest schedule without an interruption. */
  readonly steps: number
  /** How many runs interrupted the main fiber, and how many a child; the rest had nobody to interrupt at their step. */
  readonly interrupted: { readonly main: number; readonly children: number }
  /** 1 if each step was tried, 2 if every second one, and so on. */
  readonly every: number
  readonly verdicts: Readonly<Record<Verdict, number>>
}
