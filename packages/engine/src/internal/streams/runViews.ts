/** Compares what was told of runs: which of two views is the later one, and whether a view is chosen by a filter. */
import * as Settings from "@skein/core/Settings"
import type * as Engine from "../../Engine.ts"
import type * as Job from "../../Job.ts"
import { endWord, words } from "../ends.ts"

const stateWords = ["waiting", "running", "ended", ...words] as const

/**
 * How far a run is: more in each of its states than in the one before.
 *
 * Who begins to watch reads how a run stands, and may still be told of changes before that: observers hear of a change when it has been recorded.
 */
export const progressOf = ({ attempts, state }: Job.Run): number => {
  if (state._tag === "Ended") return Infinity
  if (state._tag === "Running") return 4 * state.attempt
  switch (state.for) {
    case "upstream":
      return 0
    case "condition":
      return 1
    case "retry":
      return 4 * attempts + 1
    case "limit":
      return 4 * attempts + 2
  }
}

const stands = ({ state }: Job.Run, word: Engine.StateWord): boolean =>
  state._tag === "Ended" ? word === "ended" || endWord(state.outcome) === word : word === (state._tag === "Running" ? "running" : "waiting")

export const matcher = (where: string, filter: Engine.Filter): ((run: Job.Run) => boolean) => {
  const name = Settings.text(where, "name", filter.name)
  const key = Settings.text(where, "key", filter.key)
  const states = filter.state === undefined ? undefined : [filter.state].flat()
  for (const word of states ?? []) {
    if (!stateWords.includes(word))
      throw Settings.mustBe(where, "state", stateWords.map((known) => JSON.stringify(known)).join(" | "), word)
  }
  if (filter.labels !== undefined && (typeof filter.labels !== "object" || (filter.labels as unknown) === null))
    throw Settings.mustBe(where, "labels", "a record", filter.labels)
  const labels = Object.entries(filter.labels ?? {})
  return (run) =>
    (name === undefined || run.name === name) &&
    (key === undefined || run.key === key) &&
    (states === undefined || states.some((word) => stands(run, word))) &&
    labels.every(([label, value]) => run.labels[label] === value)
}
