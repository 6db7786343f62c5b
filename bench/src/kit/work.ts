/** The work of the benches: as little as possible, so that what is measured is the machinery around it. */
import * as Outcome from "@skein/core/Outcome"
import type * as GatherResult from "@skein/core/GatherResult"
import { inOrder } from "./bench.ts"

export const items = (n: number): Array<number> => Array.from({ length: n }, (_, i) => i)

/** One turn through the microtask queue. */
export const work = async (i: number): Promise<number> => i + 1
export const answerOf = (i: number): number => i + 1
export const checkAnswer = (got: ReadonlyArray<number>, n: number): string | undefined => inOrder(got, n, answerOf)

/** Reads a full result: every outcome is in its place, completed in one attempt, with times that make sense. */
export const valuesOf = (result: GatherResult.GatherResult<number, unknown>): Array<number> => {
  const { list } = result
  if (result.completed !== list.length) throw new Error(`${result.completed} of ${list.length} completed`)
  return list.map((outcome, i) => {
    if (!Outcome.isCompleted(outcome)) throw new Error(`task ${i} is ${outcome.status}`)
    if (outcome.index !== i || outcome.attempts !== 1)
      throw new Error(`outcome ${i} is of task ${outcome.index}, attempt ${outcome.attempts}`)
    const { endedAt, queuedAt, startedAt } = outcome
    if (queuedAt! > startedAt! || startedAt! > endedAt!) throw new Error(`times of task ${i}: ${queuedAt} ${startedAt} ${endedAt}`)
    return outcome.value
  })
}
