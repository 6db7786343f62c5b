/** States a law once and shows it for each subject: under thousands of schedules, and with an interruption at every step. */
import { Simulator } from "@skein/core/testing"
import type { Effect } from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Provide from "effect/Effect"
import { describe, expect, it } from "vitest"
import { excuseOf } from "./excuses.ts"
import { derivedShare, seeds, soakFactor, sweepRuns, sweepSeeds } from "./seeds.ts"
import type { Subject } from "./subject.ts"
import { sharers, subjects } from "./subjects.ts"

/** A law as tests: the title states it, and each subject shows it, or shows that it is excused for a reason: then the same text must be broken in the way that the excuse says. */
export const law = (title: string, over: ReadonlyArray<Subject>, text: (subject: Subject) => Promise<unknown>): void => {
  describe(title, () => {
    for (const subject of over) {
      const excuse = excuseOf(title, subject)
      if (excuse === undefined) it(subject.name, async () => expect(await text(subject).then(() => "kept")).toBe("kept"))
      else it(`${subject.name} is excused: ${excuse.why}`, () => expect(text(subject)).rejects.toThrow(excuse.shows))
    }
  })
}

/** A law for every entry point. */
export const lawForAll = (title: string, text: (subject: Subject) => Promise<unknown>): void => law(title, subjects, text)

/** What log lines there are is not printed: a thousand schedules would print them a thousand times. */
export const quiet = <A, E>(effect: Effect<A, E>): Effect<A, E> => Provide.provideService(effect, Logger.CurrentLoggers, new Set())

export interface Case {
  /** Makes the program anew for each run, with its state. */
  readonly program: () => Effect<unknown, unknown>
  /** Throws if what the run left is against the law. */
  readonly after: (run: Simulator.Run<unknown, unknown>) => void
  /** At each step. */
  readonly invariant?: (() => void) | undefined
  /** Says which case a run was, where more than one must be met. */
  readonly label?: (() => string) | undefined
  readonly reach?: ReadonlyArray<string> | undefined
  /** How many schedules for each engine, if not as many as usual; `pnpm soak` runs as many times more of them as of all others. */
  readonly seeds?: number | undefined
}

/** What stands on the engines of the foundation has its own share of schedules, but a smaller one: the machinery below it was tried at full size. */
const weightOf = ({ engine }: Subject): number => (engine === "gather" || engine === "group" ? 1 : derivedShare)

/** The seeds that are a subject's share: the shares of one engine do not overlap. */
const shareOf = (subject: Subject | undefined, total: number): { readonly seed: number; readonly seeds: number } => {
  if (subject === undefined) return { seed: 1, seeds: total }
  const share = Math.ceil((total * weightOf(subject)) / sharers(subject))
  return { seed: 1 + Math.max(0, subjects.indexOf(subject)) * share, seeds: share }
}

/** Runs a program under many schedules; none may leave a fiber or a timer behind. */
export const underEverySchedule = (
  subject: Subject | undefined,
  { after, invariant, label, program, reach, seeds: own }: Case
): Promise<Simulator.Exploration> =>
  Simulator.check(() => quiet(program()), {
    ...shareOf(subject, own === undefined ? seeds : own * soakFactor),
    after,
    invariant,
    label,
    reach
  })

/**
 * Interrupts a program at each of its steps, its children too, before and during the step. None of these runs may hang, or leave a fiber or a timer behind, and each must be right
 * in the end. A sweep that hit nobody is an error.
 */
export const interruptAtEveryStep = async (
  subject: Subject | undefined,
  { after, invariant, program }: Case,
  options: { readonly target?: "main" | "children" | "all" | undefined; readonly seeds?: number | undefined } = {}
): Promise<Simulator.Sweep> => {
  const swept = await Simulator.sweep(() => quiet(program()), {
    seed: 1 + (subject === undefined ? 0 : Math.max(0, subjects.indexOf(subject))) * 1_000,
    seeds: options.seeds ?? sweepSeeds,
    target: options.target,
    defects: "ignore",
    maxRuns: subject === undefined ? sweepRuns : Math.ceil(sweepRuns * weightOf(subject)),
    after,
    invariant
  })
  if (swept.interrupted.main + swept.interrupted.children < swept.steps / swept.every / 2) {
    throw new Error(`the sweep of ${swept.steps} steps interrupted hardly anybody: ${JSON.stringify(swept.interrupted)}`)
  }
  return swept
}

/** Both of them. */
export const everywhere = async (subject: Subject | undefined, text: Case): Promise<void> => {
  await underEverySchedule(subject, text)
  await interruptAtEveryStep(subject, text)
}
