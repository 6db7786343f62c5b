/**
 * Compares runs over the same files: each must have found out the same.
 */
import type { Run } from "./run.ts"

/** An input that two runs have answered, and not in the same way. */
export interface Difference {
  readonly name: string
  readonly answers: ReadonlyArray<string>
}

/** Where any run differs from the first. What a clock or a person ended is no answer: a slow machine finds out less, not something else. */
export const differences = ([first, ...others]: ReadonlyArray<Run>): ReadonlyArray<Difference> =>
  [...(first?.answers ?? [])].flatMap(([name, expected]) => {
    const answers = [expected, ...others.flatMap((other) => other.answers.get(name) ?? [])]
    return answers.every((answer) => answer === expected) ? [] : [{ name, answers: [...new Set(answers)] }]
  })

/** What a comparison says in one line. */
export const verdict = (runs: ReadonlyArray<Run>): string => {
  const found = differences(runs)
  if (found.length > 0) return `the answers differ, first at ${found[0]!.name}: ${found[0]!.answers.join(", or ")}`
  return new Set(runs.map(({ summary }) => summary.digest)).size === 1
    ? "the same answer each time"
    : "the same answer wherever there was time for one"
}
