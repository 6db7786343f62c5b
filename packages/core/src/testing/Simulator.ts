/**
 * Runs a program under a schedule that a seed decides and a clock that moves by itself, and says how it ended.
 *
 * A run owns everything its program starts: fibers, virtual timers and order of events live inside the run and end with it. Nothing is
 * left to chance, so a seed that shows a bug shows it each time.
 *
 * `run` and `runSync` run one seed; `check` asserts that many seeds pass; `explore` counts what many seeds give; `sweep` interrupts at every step.
 *
 * **When to use**
 *
 * For whatever forks, waits, holds or times out. Programs that read files or sockets cannot be simulated: they are found out and told `external`.
 *
 * **Details**
 *
 * - *Schedule.* Before each primitive that a fiber evaluates (a **step**), the run may preempt the fiber and go on with another. Which one, and how often,
 *   is drawn from the seed. Seed 1 never preempts and keeps the order of the live runtime.
 * - *Time.* It starts at 1970-01-01T00:00:00Z and moves to the next timer when nothing can run; hours cost nothing. Timers due at the same instant fire in
 *   an order drawn from the seed. Tasks scheduled with a priority number above 0 run when nothing with a lower one can.
 * - *Randomness.* Effect's `Random` is drawn from the seed too. `Math.random` and `Date.now` are not, and make replays differ.
 * - *Promises* that need nothing but microtasks are part of the program: they settle before time moves and before a verdict.
 *
 * **Guarantees**
 *
 * - Ownership: when a run is over none of its fibers takes another step. A run that used the real world interrupts what is left first.
 * - Order: one seed, one program and one set of options give one trace.
 * - Bounds: a run ends after `maxSteps`, `maxStepsPerInstant`, or `realTime` spent waiting.
 * - Cost: 10 to 20 µs for a small program, about half a microsecond a step; no event loop turn unless the program uses promises.
 *
 * **Gotchas**
 *
 * A JavaScript loop without end, and a fiber under `Effect.provideService(PreventSchedulerYield, true)` that never waits, cannot be stopped from outside.
 * A real wait with a virtual timeout around it always times out: virtual time does not wait for real time.
 *
 * **Example** (Finding a lost update)
 *
 * ```ts
 * import { Simulator } from "@skein/core/testing"
 * import * as Effect from "effect/Effect"
 *
 * // Reads, yields, writes: two of these at once may both read 0.
 * const program = Effect.suspend(() => {
 *   let balance = 0
 *   const deposit = Effect.gen(function*() {
 *     const read = balance
 *     yield* Effect.yieldNow
 *     balance = read + 10
 *   })
 *   return Effect.map(Effect.all([deposit, deposit], { concurrency: 2 }), () => balance)
 * })
 *
 * const found = await Simulator.explore(program, { reach: ["10", "20"] })
 * console.log(Object.keys(found.labels).sort().join(" and ")) // => 10 and 20
 *
 * const replayed = await Simulator.run(program, { seed: found.seeds["10"] })
 * console.log(String(replayed.exit)) // => Success(10)
 * ```
 *
 * @since 0.1.0
 */
import * as check_ from "../internal/check.ts"
import { execute, executeSync } from "./internal/execute.ts"
import { leftBehind } from "./internal/finding.ts"
import { many } from "./internal/many.ts"
import type { CheckOptions, Exploration, ManyOptions, Program, Run, RunOptions, Sweep, SweepOptions } from "./internal/model.ts"
import { known, realTimeOf, seedOf, settingsOf } from "./internal/options.ts"
import { watch } from "./internal/outside.ts"
import { sweepAll } from "./internal/sweep.ts"

export { SimulationError } from "./internal/finding.ts"
export type {
  CheckOptions,
  Exploration,
  FiberReport,
  ManyOptions,
  Program,
  Run,
  RunOptions,
  SharedOptions,
  Sweep,
  SweepOptions,
  Verdict
} from "./internal/model.ts"

/**
 * Runs one seed. Never rejects because of what the program does: that is the verdict.
 *
 * @throws RangeError for a wrong option, at once
 * @category running
 * @since 0.1.0
 */
export const run = <A, E>(program: Program<A, E>, options: RunOptions = {}): Promise<Run<A, E>> => {
  const where = "Simulator.run"
  check_.options(where, options, known.run)
  const settings = settingsOf(where, options)(seedOf(where, options.seed))
  const realTime = realTimeOf(where, options.realTime)
  const unwatch = watch()
  return Promise.resolve(execute(program, settings, realTime)).finally(unwatch)
}

/**
 * Runs one seed before it returns.
 *
 * **Details**
 *
 * A program that waits for a promise ends as `external`, whatever the promise needs.
 *
 * @throws RangeError for a wrong option
 * @category running
 * @since 0.1.0
 */
export const runSync = <A, E>(program: Program<A, E>, options: RunOptions = {}): Run<A, E> => {
  const where = "Simulator.runSync"
  check_.options(where, options, known.run)
  const settings = settingsOf(where, options)(seedOf(where, options.seed))
  const unwatch = watch()
  try {
    return executeSync(program, settings)
  } finally {
    unwatch()
  }
}

/**
 * Asserts that the program passes under each of many seeds and leaves nothing behind.
 *
 * **Details**
 *
 * Rejects at the first seed that does not, with a `SimulationError` that says what happened and how to replay it. With `schedules: "all"` it goes
 * through every schedule with at most `preemptions` preemptions instead, which for a small program is a proof within that bound.
 *
 * **Example** (A test in one line)
 *
 * ```ts
 * import { Simulator } from "@skein/core/testing"
 * import * as Deferred from "effect/Deferred"
 * import * as Effect from "effect/Effect"
 *
 * const handshake = Effect.gen(function*() {
 *   const ready = yield* Deferred.make<string>()
 *   yield* Effect.forkChild(Deferred.succeed(ready, "ready"))
 *   return yield* Deferred.await(ready)
 * })
 *
 * // In a test file: it("becomes ready", () => Simulator.check(handshake))
 * const result = await Simulator.check(handshake)
 * console.log(result.labels.ready) // => 200
 * ```
 *
 * @throws RangeError for a wrong option, at once
 * @category running
 * @since 0.1.0
 */
export const check = <A, E>(program: Program<A, E>, options: CheckOptions<A, E> = {}): Promise<Exploration> => {
  const where = "Simulator.check"
  check_.options(where, options, known.check)
  const leaks = options.leaks === undefined ? "fail" : check_.word(where, "leaks", options.leaks, ["fail", "ignore"])
  return many(where, program, options, (run) =>
    run.verdict !== "passed" ? `gave ${run.verdict}` : leaks === "fail" ? leftBehind(run) : undefined
  )
}

/**
 * Counts what many seeds give, without judging.
 *
 * @throws RangeError for a wrong option, at once
 * @category running
 * @since 0.1.0
 */
export const explore = <A, E>(program: Program<A, E>, options: ManyOptions<A, E> = {}): Promise<Exploration> => {
  const where = "Simulator.explore"
  check_.options(where, options, known.explore)
  return many(where, program, options, () => undefined)
}

/**
 * Interrupts the program at every step, one run each, and asserts that it ends and leaves nothing behind.
 *
 * **Details**
 *
 * For each seed the schedule is first run without an interruption, which must pass, then again once for each of its steps, target and moment. A run is
 * a finding if it deadlocks, livelocks, waits for something real, leaves fibers or timers behind, dies, or if `after` objects. That it fails is none: it was interrupted.
 *
 * **Gotchas**
 *
 * The program is best given as a function, so that each run starts from fresh state which `after` can look at.
 *
 * Children are interrupted as if by a stranger. Where nobody but the owner can do that, and others wait for what the child would have given, the
 * deadlock is real but cannot happen: use `target: "main"`.
 *
 * @throws RangeError for a wrong option, at once
 * @category running
 * @since 0.1.0
 */
export const sweep = <A, E>(program: Program<A, E>, options: SweepOptions<A, E> = {}): Promise<Sweep> => {
  check_.options("Simulator.sweep", options, known.sweep)
  return sweepAll(program, options)
}
