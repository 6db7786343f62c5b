/** Runs one program once for each step at which it can be interrupted. */
import * as Cause from "effect/Cause"
import * as check from "../../internal/check.ts"
import { breather } from "./breather.ts"
import { execute } from "./execute.ts"
import { finding, leftBehind, runAfter, text } from "./finding.ts"
import { noVerdicts, type Program, type Run, type Sweep, type SweepOptions } from "./model.ts"
import { callback, realTimeOf, seedsOf, settingsOf } from "./options.ts"
import { watch } from "./outside.ts"
import type { Interrupt } from "./simulation.ts"

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
