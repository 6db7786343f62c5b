/** Reads the options that the functions of `Simulator` share, and refuses wrong ones at once. */
import * as check from "../../internal/check.ts"
import type { RunOptions } from "./model.ts"
import { type Chooser, seeded } from "./choice.ts"
import { written } from "./enumeration.ts"
import type { Interrupt, Settings } from "./simulation.ts"

const shared = ["maxSteps", "maxStepsPerInstant", "preemption", "invariant", "trace", "realTime"] as const
export const known = {
  run: new Set<string>(["seed", "schedule", "interrupt", ...shared]),
  check: new Set<string>(["seed", "seeds", "schedules", "preemptions", "maxRuns", "leaks", "label", "reach", "after", ...shared]),
  explore: new Set<string>(["seed", "seeds", "schedules", "preemptions", "maxRuns", "label", "reach", "after", ...shared]),
  sweep: new Set<string>(["seed", "seeds", "target", "moment", "after", "defects", "maxRuns", ...shared])
}

/** The seed of a run that was given none: the order of the live runtime. */
const firstSeed = 1

export const seedOf = (where: string, seed: number | undefined): number =>
  seed === undefined ? firstSeed : check.positiveInt(where, "seed", seed, 0)

/** The seeds of a loop: `seed` alone means just that one. */
export const seedsOf = (
  where: string,
  options: { readonly seed?: number | undefined; readonly seeds?: number | undefined },
  otherwise: number
): { readonly from: number; readonly to: number } => {
  const from = seedOf(where, options.seed)
  const n = options.seeds === undefined ? (options.seed === undefined ? otherwise : 1) : check.positiveInt(where, "seeds", options.seeds)
  return { from, to: from + n - 1 }
}

/** Everything but the seed, checked once for a whole loop. */
export const settingsOf = (where: string, options: RunOptions): ((seed: number, interrupt?: Interrupt, chooser?: Chooser) => Settings) => {
  const { preemption, invariant, interrupt, trace = false } = options
  const maxSteps = options.maxSteps === undefined ? 2_000_000 : check.positiveInt(where, "maxSteps", options.maxSteps)
  const maxStepsPerInstant =
    options.maxStepsPerInstant === undefined ? 500_000 : check.positiveInt(where, "maxStepsPerInstant", options.maxStepsPerInstant)
  if (preemption !== undefined && !(typeof preemption === "number" && preemption >= 0 && preemption <= 1)) {
    throw check.mustBe(where, "preemption", "a number from 0 to 1", preemption)
  }
  callback(where, "invariant", invariant)
  if (typeof trace !== "boolean") throw check.mustBe(where, "trace", "true or false", trace)
  realTimeOf(where, options.realTime)
  const own = interrupt === undefined ? undefined : interruptOf(where, interrupt)
  const { schedule } = options
  if (schedule !== undefined && (typeof schedule !== "string" || written(schedule) === undefined)) {
    throw check.mustBe(where, "schedule", 'a schedule such as "1:0.2"', schedule)
  }
  return (seed, given = own, chooser) => ({
    seed,
    schedule,
    chooser: chooser ?? (schedule === undefined ? seeded(seed, preemption) : written(schedule)!),
    maxSteps,
    maxStepsPerInstant,
    interrupt: given,
    invariant,
    trace
  })
}

export const realTimeOf = (where: string, value: RunOptions["realTime"]): number =>
  value === undefined ? 2_000 : check.millis(where, "realTime", value)

export const callback = (where: string, option: string, value: unknown): void => {
  if (value !== undefined && typeof value !== "function") throw check.mustBe(where, option, "a function", value)
}

const interruptOf = (where: string, value: NonNullable<RunOptions["interrupt"]>): Interrupt => {
  check.options(`${where}: interrupt`, value, new Set(["step", "target", "moment"]))
  return {
    step: check.positiveInt(where, "interrupt.step", value.step),
    target: value.target === undefined ? "main" : check.word(where, "interrupt.target", value.target, ["main", "running", "other"]),
    moment: value.moment === undefined ? "before" : check.word(where, "interrupt.moment", value.moment, ["before", "during"])
  }
}
