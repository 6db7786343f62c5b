/** Says what was found, and how to see it again. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as check from "../../internal/check.ts"
import type { Run, RunOptions } from "./model.ts"
import { count, formatFiber } from "./report.ts"
import type { Interrupt } from "./simulation.ts"

/**
 * A finding: the program did not behave under some seed.
 *
 * @category errors
 * @since 0.1.0
 */
export class SimulationError extends Error {
  override readonly name = "SimulationError"
  /** The run that showed it. */
  readonly run: Run<unknown, unknown>
  /** The options that replay it with `Simulator.run`. */
  readonly replay: RunOptions
  constructor(message: string, run: Run<unknown, unknown>, replay: RunOptions, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.run = run
    this.replay = replay
  }
}

export const finding = (
  where: string,
  what: string,
  run: Run<unknown, unknown>,
  options: RunOptions,
  interrupt: Interrupt | undefined,
  thrown?: unknown
): SimulationError => {
  const replay: RunOptions = {
    ...given(options),
    seed: run.seed,
    ...(run.schedule === undefined ? {} : { schedule: run.schedule }),
    ...(interrupt === undefined ? {} : { interrupt })
  }
  const cause = thrown ?? (run.cause === undefined ? undefined : Cause.squash(run.cause))
  return new SimulationError(
    `${where}: ${what}\n\n${run.report}\n\nreplay: Simulator.run(program, ${formatOptions(replay)})`,
    run,
    replay,
    cause
  )
}

/** The options that a replay needs too. */
const given = (options: RunOptions): RunOptions => {
  const { maxSteps, maxStepsPerInstant, preemption, invariant } = options
  return {
    ...(maxSteps === undefined ? {} : { maxSteps }),
    ...(maxStepsPerInstant === undefined ? {} : { maxStepsPerInstant }),
    ...(preemption === undefined ? {} : { preemption }),
    ...(invariant === undefined ? {} : { invariant })
  }
}

const formatOptions = (value: unknown): string =>
  typeof value === "object" && value !== null
    ? `{ ${Object.entries(value)
        .map(([key, v]) => (typeof v === "function" ? key : `${key}: ${formatOptions(v)}`))
        .join(", ")} }`
    : JSON.stringify(value)

/** Runs `after`, and gives what it threw or failed with. */
export const runAfter = async <A, E>(
  after: (run: Run<A, E>) => void | Effect.Effect<unknown, unknown>,
  run: Run<A, E>
): Promise<{ readonly thrown: unknown } | undefined> => {
  try {
    const result = after(run)
    if (!Effect.isEffect(result)) return undefined
    const exit = await Effect.runPromiseExit(result)
    return Exit.isFailure(exit) ? { thrown: Cause.squash(exit.cause) } : undefined
  } catch (thrown) {
    return { thrown }
  }
}

/** What is left behind after a run, in words. */
export const leftBehind = (run: Run<unknown, unknown>): string | undefined =>
  run.leaks.length > 0
    ? `left ${count(run.leaks.length, "fiber")} behind: ${run.leaks.slice(0, 5).map(formatFiber).join("; ")}`
    : run.timers.length > 0
      ? `left ${count(run.timers.length, "timer")} behind`
      : undefined

export const text = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : check.show(thrown))
