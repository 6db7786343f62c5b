/**
 * Random programs against a reference model: everything that can be done to groups, gathers, limiters and deadlines, in every combination, under the simulator. The language is in
 * `test/kit/random/language.ts`, the model in `judge.ts`.
 */
import { programs, schedulesPerProgram, soak } from "@skein/test/kit"
import { runProgram } from "@skein/test/kit/random/interpret"
import { found } from "@skein/test/kit/random/found"
import { contendedProgram, hangingProgram, program, type Program } from "@skein/test/kit/random/language"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"

const describeFinding = (problem: string, tried: Program, how: object): Error =>
  new Error(`${problem}\n\nreplay: runProgram(${JSON.stringify(tried)}, ${JSON.stringify(how)})`)

/** Runs programs until one is wrong, and then looks for a smaller one that is wrong too. */
const explore = (from: fc.Arbitrary<Program>, count: number, interrupts: boolean): Map<string, number> => {
  const met = new Map<string, number>()
  const seed = Number(process.env["SKEIN_SEED"] ?? (soak ? Date.now() % 1_000_000_000 : 20_260_101))
  const run = (tried: Program, how: Parameters<typeof runProgram>[1]): number => {
    const { met: all, problem, steps } = runProgram(tried, how)
    if (problem !== undefined) throw describeFinding(problem, tried, how)
    for (const word of all) met.set(word, (met.get(word) ?? 0) + 1)
    return steps
  }
  fc.assert(
    fc.property(from, fc.nat(1_000_000), fc.nat(1_000_000), (tried, schedule, at) => {
      for (let i = 0; i < schedulesPerProgram; i++) {
        const steps = run(tried, { seed: schedule + i })
        if (interrupts) {
          const step = 1 + ((at + i * 7_919) % Math.max(1, steps))
          run(tried, { seed: schedule + i, interrupt: { step, target: "main", moment: i % 2 === 0 ? "before" : "during" } })
        }
      }
    }),
    { numRuns: count, seed, ...(soak ? { interruptAfterTimeLimit: 3_000_000 } : {}) }
  )
  return met
}

describe("random programs", () => {
  it("keep every invariant at every step and end as the model allows, and none of them hangs", () => {
    const met = explore(program, programs, false)
    // What is not met is not tested.
    const wanted = [
      "Completed",
      "late",
      "Failed",
      "abandoned",
      "Cancelled",
      "NotStarted",
      "TimedOut task",
      "TimedOut attempt",
      "TimedOut queue",
      "TimedOut call",
      "TimedOut deadline",
      "SiblingFailed",
      "CallerInterrupted",
      "CallTimeout",
      "DeadlineReached",
      "Requested",
      "Stopped",
      "Closed",
      "Interrupted"
    ]
    expect(wanted.filter((word) => (met.get(word) ?? 0) < 20)).toEqual([])
  })

  it("keep every promise when they are interrupted at any step", () => {
    const met = explore(program, programs / 3, true)
    expect(met.get("CallerInterrupted")).toBeGreaterThan(100)
  })

  it("that fight for permits in every order never wait for ever", () => {
    const met = explore(contendedProgram, programs / 2, false)
    expect(met.get("Failed")).toBeGreaterThan(100)
    expect(met.get("Completed")).toBeGreaterThan(100)
  })

  it("that contain cleanup which hangs may hang, and keep every other promise", () => {
    const met = explore(hangingProgram, programs / 6, false)
    expect(met.get("hang")).toBeGreaterThan(20)
    expect(met.get("abandoned")).toBeGreaterThan(20)
  })
})

describe("programs that were wrong once", () => {
  for (const [what, tried] of Object.entries(found)) {
    it(what, () => {
      const problems = new Set<string>()
      const schedules = soak ? 5_000 : 300
      for (let seed = 0; seed < schedules; seed++) {
        const { problem, steps } = runProgram(tried, { seed })
        if (problem !== undefined) problems.add(`seed ${seed}: ${problem}`)
        if (seed >= schedules / 100) continue
        for (let step = 1; step <= steps; step++) {
          for (const moment of ["before", "during"] as const) {
            const { problem } = runProgram(tried, { seed, interrupt: { step, target: "main", moment } })
            if (problem !== undefined) problems.add(`seed ${seed}, interrupted ${moment} step ${step}: ${problem}`)
          }
        }
      }
      expect([...problems].slice(0, 3)).toEqual([])
    })
  }
})
