/**
 * Random programs on an engine against a reference model, under the simulator. The language is in `model/language.ts`, the model in `model/judge.ts`.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { found } from "./model/found.ts"
import { runProgram, type RunOptions } from "./model/interpret.ts"
import { type Program, program } from "./model/language.ts"

const soak = process.env["SKEIN_SOAK"] === "1"
const seed = Number(process.env["SKEIN_SEED"] ?? (soak ? Date.now() % 1_000_000_000 : 20_260_101))

/** A program that is wrong, as code for a test of its own. */
const finding = (problem: string, tried: Program, how: RunOptions): Error =>
  new Error(`${problem}\n\nreplay: runProgram(${JSON.stringify(tried)}, ${JSON.stringify(how)})`)

/** Runs programs until one is wrong, and then looks for a smaller one that is wrong too. */
const explore = (count: number, interrupts: boolean): Map<string, number> => {
  const met = new Map<string, number>()
  const run = (tried: Program, how: RunOptions): number => {
    const found = runProgram(tried, how)
    if (found.problem !== undefined) throw finding(found.problem, tried, how)
    for (const word of [...found.met, ...(found.jobs >= 40 ? ["40 jobs"] : [])]) met.set(word, (met.get(word) ?? 0) + 1)
    return found.steps
  }
  fc.assert(
    fc.property(program, fc.nat(1_000_000), fc.nat(1_000_000), (tried, schedule, at) => {
      const steps = run(tried, { seed: schedule })
      if (!interrupts) return
      for (const moment of ["before", "during"] as const) {
        run(tried, { seed: schedule, interrupt: { step: 1 + (at % Math.max(1, steps)), moment } })
      }
    }),
    { numRuns: count, seed, ...(soak ? { interruptAfterTimeLimit: 3_000_000 } : {}) }
  )
  return met
}

describe("an engine with random jobs", () => {
  it(
    "starts, ends, skips and repeats each as the model says, at the instant at which it must",
    { timeout: soak ? 3_600_000 : 300_000 },
    () => {
      const met = explore(soak ? 100_000 : 2_000, false)
      // What is not met is not tested.
      const wanted = [
        "Completed",
        "late",
        "Failed",
        "died",
        "TimedOut task",
        "TimedOut attempt",
        "TimedOut queue",
        "Cancelled",
        "Cancelled by close",
        "NotStarted",
        "Skipped",
        "skipped by a skipped one",
        "ran all the same",
        "abandoned",
        "retried",
        "rerun",
        "AlreadyRunning",
        "narrowed",
        "lent",
        "got results",
        "waited for upstream",
        "waited for condition",
        "waited for limit",
        "closed with jobs to drain",
        "closed with jobs to interrupt",
        "40 jobs"
      ]
      expect(wanted.filter((word) => (met.get(word) ?? 0) < 20)).toEqual([])
    }
  )

  it("keeps every promise when its owner is interrupted at any step", { timeout: soak ? 3_600_000 : 300_000 }, () => {
    const met = explore(soak ? 30_000 : 300, true)
    expect(met.get("interrupted")).toBeGreaterThan(300)
  })
})

describe("programs on which an engine was wrong once", () => {
  for (const [what, tried] of Object.entries(found)) {
    it(what, () => {
      const problems = new Set<string>()
      for (let schedule = 0; schedule < (soak ? 5_000 : 100); schedule++) {
        const { problem } = runProgram(tried, { seed: schedule })
        if (problem !== undefined) problems.add(`seed ${schedule}: ${problem}`)
      }
      expect([...problems].slice(0, 3)).toEqual([])
    })
  }

  it("keep every promise when their owner is interrupted at each step", () => {
    const problems = new Set<string>()
    for (const [what, tried] of Object.entries(found)) {
      const { steps } = runProgram(tried, { seed: 1 })
      for (let step = 1; step <= steps; step++) {
        for (const moment of ["before", "during"] as const) {
          const { problem } = runProgram(tried, { seed: 1, interrupt: { step, moment } })
          if (problem !== undefined) problems.add(`${what}, ${moment} step ${step}: ${problem}`)
        }
      }
    }
    expect([...problems].slice(0, 3)).toEqual([])
  })
})
