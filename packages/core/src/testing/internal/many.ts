/** Runs one program under many seeds, or once for each step at which it can be interrupted. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as check from "../../internal/check.ts"
import { execute } from "./execute.ts"
import type { CheckOptions, Exploration, ManyOptions, Program, Run, RunOptions, Sweep, SweepOptions, Verdict } from "./model.ts"
import { callback, realTimeOf, seedsOf, settingsOf } from "./options.ts"
import { macrotask, watch } from "./outside.ts"
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

const finding = (
  where: string,
  what: string,
  run: Run<unknown, unknown>,
  options: RunOptions,
  interrupt: Interrupt | undefined,
  thrown?: unknown
): SimulationError => {
  const replay: RunOptions = { ...given(options), seed: run.seed, ...(interrupt === undefined ? {} : { interrupt }) }
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

/** Hands the event loop a turn now and then: timeouts of a test runner and interrupts by its user must get through. */
const breather = (): (() => Promise<void> | undefined) => {
  let last = performance.now()
  let calls = 0
  return () => {
    if ((++calls & 15) !== 0 || performance.now() - last < 50) return undefined
    return macrotask().then(() => {
      last = performance.now()
    })
  }
}

const defaultLabel = (run: Run<unknown, unknown>): string => {
  if (run.verdict !== "passed" || run.exit === undefined || Exit.isFailure(run.exit)) return run.verdict
  const { value } = run.exit
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : run.verdict
}

const noVerdicts = (): Record<Verdict, number> => ({ passed: 0, failed: 0, deadlock: 0, livelock: 0, external: 0 })

const validateMany = (where: string, options: ManyOptions<never, never>): void => {
  callback(where, "label", options.label)
  callback(where, "after", options.after)
  const { reach } = options
  if (reach !== undefined && !(Array.isArray(reach) && reach.length > 0 && reach.every((label) => typeof label === "string"))) {
    throw check.mustBe(where, "reach", "an array of labels that is not empty", reach)
  }
}

/** Runs `after`, and gives what it threw or failed with. */
const runAfter = async <A, E>(
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

/** Checks the options at once, then runs. */
export const many = <A, E>(
  where: string,
  program: Program<A, E>,
  options: CheckOptions<A, E>,
  /** Says what is wrong with a run, if anything is. */
  wrong: (run: Run<A, E>) => string | undefined
): Promise<Exploration> => {
  validateMany(where, options)
  const { from, to } = seedsOf(where, options, 200)
  const settings = settingsOf(where, options)
  const realTime = realTimeOf(where, options.realTime)
  const label = options.label ?? defaultLabel
  return manySeeds(where, program, options, wrong, { from, to, settings, realTime, label })
}

const manySeeds = async <A, E>(
  where: string,
  program: Program<A, E>,
  options: CheckOptions<A, E>,
  wrong: (run: Run<A, E>) => string | undefined,
  {
    from,
    to,
    settings,
    realTime,
    label
  }: {
    readonly from: number
    readonly to: number
    readonly settings: ReturnType<typeof settingsOf>
    readonly realTime: number
    readonly label: (run: Run<A, E>) => string
  }
): Promise<Exploration> => {
  const verdicts = noVerdicts()
  const labels: Record<string, number> = Object.create(null)
  const seeds: Record<string, number> = Object.create(null)
  let steps = 0
  const breathe = breather()
  const unwatch = watch()
  try {
    for (let seed = from; seed <= to; seed++) {
      const started = execute(program, settings(seed), realTime)
      const run = started instanceof Promise ? await started : started
      verdicts[run.verdict]++
      steps += run.steps
      const kind = label(run)
      labels[kind] = (labels[kind] ?? 0) + 1
      seeds[kind] ??= seed
      const what = wrong(run)
      if (what !== undefined) throw finding(where, `seed ${seed} ${what}`, run, options, undefined)
      if (options.after !== undefined) {
        const failed = await runAfter(options.after, run)
        if (failed !== undefined) throw finding(where, `after seed ${seed}: ${text(failed.thrown)}`, run, options, undefined, failed.thrown)
      }
      const pause = breathe()
      if (pause !== undefined) await pause
    }
  } finally {
    unwatch()
  }
  const missed = (options.reach ?? []).filter((wanted) => labels[wanted] === undefined)
  if (missed.length > 0) {
    const reached = Object.entries(labels)
      .map(([kind, n]) => `${kind} ${n}`)
      .join(", ")
    throw new Error(
      `${where}: ${count(to - from + 1, "seed")} never reached ${missed.map((m) => JSON.stringify(m)).join(", ")}; reached: ${reached}`
    )
  }
  return { runs: to - from + 1, steps, verdicts, labels, seeds }
}

/** What is left behind after a run, in words. */
export const leftBehind = (run: Run<unknown, unknown>): string | undefined =>
  run.leaks.length > 0
    ? `left ${count(run.leaks.length, "fiber")} behind: ${run.leaks.slice(0, 5).map(formatFiber).join("; ")}`
    : run.timers.length > 0
      ? `left ${count(run.timers.length, "timer")} behind`
      : undefined

const text = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : check.show(thrown))

/** Checks the options at once, then runs. */
export const sweepAll = <A, E>(program: Program<A, E>, options: SweepOptions<A, E>): Promise<Sweep> => {
  const where = "Simulator.sweep"
  callback(where, "after", options.after)
  const { from, to } = seedsOf(where, options, 6)
  const settings = settingsOf(where, options)
  const realTime = realTimeOf(where, options.realTime)
  const target = options.target === undefined ? "all" : check.word(where, "target", options.target, ["main", "children", "all"])
  const moment = options.moment === undefined ? "both" : check.word(where, "moment", options.moment, ["before", "during", "both"])
  const defects = options.defects === undefined ? "fail" : check.word(where, "defects", options.defects, ["fail", "ignore"])
  const maxRuns = options.maxRuns === undefined ? 20_000 : check.positiveInt(where, "maxRuns", options.maxRuns)
  const targets: ReadonlyArray<Interrupt["target"]> =
    target === "main" ? ["main"] : target === "children" ? ["running", "other"] : ["main", "running", "other"]
  const moments: ReadonlyArray<Interrupt["moment"]> = moment === "both" ? ["before", "during"] : [moment]
  return sweepSeeds(program, options, { where, from, to, settings, realTime, targets, moments, defects, maxRuns })
}

const sweepSeeds = async <A, E>(
  program: Program<A, E>,
  options: SweepOptions<A, E>,
  {
    where,
    from,
    to,
    settings,
    realTime,
    targets,
    moments,
    defects,
    maxRuns
  }: {
    readonly where: string
    readonly from: number
    readonly to: number
    readonly settings: ReturnType<typeof settingsOf>
    readonly realTime: number
    readonly targets: ReadonlyArray<Interrupt["target"]>
    readonly moments: ReadonlyArray<Interrupt["moment"]>
    readonly defects: "fail" | "ignore"
    readonly maxRuns: number
  }
): Promise<Sweep> => {
  const verdicts = noVerdicts()
  const interrupted = { main: 0, children: 0 }
  let runs = 0
  let longest = 0
  let every = 1
  const breathe = breather()

  const once = async (seed: number, interrupt: Interrupt | undefined): Promise<Run<A, E>> => {
    const started = execute(program, settings(seed, interrupt), realTime)
    const run = started instanceof Promise ? await started : started
    runs++
    verdicts[run.verdict]++
    const who = interrupt === undefined ? undefined : run.interrupted
    if (who === "main") interrupted.main++
    else if (who !== undefined) interrupted.children++
    const subject =
      who === undefined
        ? `seed ${seed} without an interruption`
        : `seed ${seed}, ${who} interrupted ${interrupt!.moment} step ${interrupt!.step},`
    const what = wrongWith(run, who !== undefined, defects)
    if (what !== undefined) throw finding(where, `${subject} ${what}`, run, options, interrupt)
    if (options.after !== undefined) {
      const failed = await runAfter(options.after, run)
      if (failed !== undefined)
        throw finding(where, `${subject} left things wrong: ${text(failed.thrown)}`, run, options, interrupt, failed.thrown)
    }
    const pause = breathe()
    if (pause !== undefined) await pause
    return run
  }

  const unwatch = watch()
  try {
    for (let seed = from; seed <= to; seed++) {
      const { steps } = await once(seed, undefined)
      longest = Math.max(longest, steps)
      const stride = Math.max(1, Math.ceil((steps * targets.length * moments.length) / maxRuns))
      every = Math.max(every, stride)
      for (let step = 1; step <= steps; step += stride) {
        for (const who of targets) {
          for (const when of moments) await once(seed, { step, target: who, moment: when })
        }
      }
    }
  } finally {
    unwatch()
  }
  return { runs, steps: longest, interrupted, every, verdicts }
}

const wrongWith = (run: Run<unknown, unknown>, interrupted: boolean, defects: "fail" | "ignore"): string | undefined => {
  // Interrupted, a program may fail: with an interruption, or with what its children's interruption means to it.
  if (run.verdict !== "passed" && !(interrupted && run.verdict === "failed" && run.exit !== undefined)) return `gave ${run.verdict}`
  if (defects === "fail" && run.cause !== undefined && Cause.hasDies(run.cause)) return "died"
  return leftBehind(run)
}
