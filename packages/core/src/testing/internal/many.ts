/** Runs one program under many schedules. */
import * as Exit from "effect/Exit"
import * as check from "../../internal/check.ts"
import { breather } from "./breather.ts"
import { Enumeration } from "./enumeration.ts"
import { execute } from "./execute.ts"
import { finding, runAfter, text } from "./finding.ts"
import { type CheckOptions, type Exploration, type ManyOptions, noVerdicts, type Program, type Run } from "./model.ts"
import { callback, realTimeOf, seedsOf, settingsOf } from "./options.ts"
import { watch } from "./outside.ts"
import { count } from "./report.ts"
import type { Settings } from "./simulation.ts"

const defaultLabel = (run: Run<unknown, unknown>): string => {
  if (run.verdict !== "passed" || run.exit === undefined || Exit.isFailure(run.exit)) return run.verdict
  const { value } = run.exit
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : run.verdict
}

const validateMany = (where: string, options: ManyOptions<never, never>): void => {
  callback(where, "label", options.label)
  callback(where, "after", options.after)
  const { reach } = options
  if (reach !== undefined && !(Array.isArray(reach) && reach.length > 0 && reach.every((label) => typeof label === "string"))) {
    throw check.mustBe(where, "reach", "an array of labels that is not empty", reach)
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
  const settings = settingsOf(where, options)
  const realTime = realTimeOf(where, options.realTime)
  const label = options.label ?? defaultLabel
  return loop(where, program, options, wrong, { cases: casesOf(where, options, settings), realTime, label })
}

/** The runs to make: one after the other, because which schedule comes next may depend on what the last one met. */
interface Cases {
  readonly next: () => Settings | undefined
  readonly complete: () => boolean
}

const casesOf = <A, E>(where: string, options: CheckOptions<A, E>, settings: ReturnType<typeof settingsOf>): Cases => {
  const schedules = options.schedules === undefined ? "seeded" : check.word(where, "schedules", options.schedules, ["seeded", "all"])
  const preemptions = options.preemptions === undefined ? 1 : check.positiveInt(where, "preemptions", options.preemptions, 0)
  const maxRuns = options.maxRuns === undefined ? 20_000 : check.positiveInt(where, "maxRuns", options.maxRuns)
  const { from, to } = seedsOf(where, options, 200)
  if (schedules === "seeded") {
    let seed = from
    return { next: () => (seed <= to ? settings(seed++) : undefined), complete: () => false }
  }
  const enumeration = new Enumeration(preemptions)
  let runs = 0
  let left = true
  return {
    next: () => {
      if (runs > 0) left = enumeration.next()
      return left && runs++ < maxRuns ? settings(from, undefined, enumeration) : undefined
    },
    complete: () => !left
  }
}

const loop = async <A, E>(
  where: string,
  program: Program<A, E>,
  options: CheckOptions<A, E>,
  wrong: (run: Run<A, E>) => string | undefined,
  {
    cases,
    realTime,
    label
  }: {
    readonly cases: Cases
    readonly realTime: number
    readonly label: (run: Run<A, E>) => string
  }
): Promise<Exploration> => {
  const verdicts = noVerdicts()
  const labels: Record<string, number> = Object.create(null)
  const seeds: Record<string, number> = Object.create(null)
  const schedules: Record<string, string> = Object.create(null)
  let runs = 0
  let steps = 0
  const breathe = breather()
  const unwatch = watch()
  try {
    for (let settings = cases.next(); settings !== undefined; settings = cases.next()) {
      const started = execute(program, settings, realTime)
      const run = started instanceof Promise ? await started : started
      const { seed, schedule } = run
      const subject = schedule === undefined ? `seed ${seed}` : `schedule ${schedule}`
      runs++
      verdicts[run.verdict]++
      steps += run.steps
      const kind = label(run)
      labels[kind] = (labels[kind] ?? 0) + 1
      seeds[kind] ??= seed
      if (schedule !== undefined) schedules[kind] ??= schedule
      const what = wrong(run)
      if (what !== undefined) throw finding(where, `${subject} ${what}`, run, options, undefined)
      if (options.after !== undefined) {
        const failed = await runAfter(options.after, run)
        if (failed !== undefined) throw finding(where, `after ${subject}: ${text(failed.thrown)}`, run, options, undefined, failed.thrown)
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
    throw new Error(`${where}: ${count(runs, "run")} never reached ${missed.map((m) => JSON.stringify(m)).join(", ")}; reached: ${reached}`)
  }
  return { runs, steps, verdicts, labels, seeds, schedules, complete: cases.complete() }
}
