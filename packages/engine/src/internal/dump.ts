/** Shows what has not ended in an engine, and the whole as a graph. */
import * as Outcome from "@skein/core/Outcome"
import * as Condition from "../Condition.ts"
import type * as Engine from "../Engine.ts"
import type * as Graph from "../Graph.ts"
import { wordsOf } from "./ends.ts"
import type { EngineCore } from "./engineCore.ts"
import type { Run } from "./run.ts"

export const limitsOf = (engine: EngineCore): Engine.Stats["limits"] =>
  Object.fromEntries([...engine.limits.resources.values()].map(({ limit, name, used }) => [name, { limit, used }]))

export const dumpOf = (engine: EngineCore): Engine.Dump => ({
  name: engine.name,
  limits: limitsOf(engine),
  jobs: [...engine.active].map((run) => ({ id: run.id, name: run.name, state: stateOf(run), waitsFor: waitsFor(run) }))
})

const stateOf = (run: Run): string => (run.phase === "running" ? `running attempt ${run.attempt}` : "waiting")

const waitsFor = (run: Run): string | undefined => {
  switch (run.phase) {
    case "upstream": {
      const open = (run.edges ?? []).filter(({ group, upstream }) => !group.decided && upstream.end === undefined)
      return `the end of ${some(open.map(({ upstream }) => upstream.id))}`
    }
    case "condition":
      return `its condition: ${Condition.describe(run.slot.job.when!)}`
    case "retry":
      return `attempt ${run.attempt}`
    case "limit":
      return some(
        run.queue.needs
          .filter(([resource, amount]) => resource.used + amount > resource.limit)
          .map(([{ limit, name, used }, amount]) => `${amount} of ${name} (${used} of ${limit} taken)`),
        "those before it"
      )
    default:
      if (run.cut !== undefined) return `its cleanup (${Outcome.formatReason(run.cut.reason)})`
      if (run.returns !== undefined && run.returns.size > 0) return "what it lent of the limits"
      return run.waitsFor === undefined || run.waitsFor.length === 0 ? undefined : `the end of ${some(run.waitsFor.map(({ id }) => id))}`
  }
}

const some = (words: ReadonlyArray<string>, none = ""): string =>
  words.length === 0 ? none : words.slice(0, 5).join(", ") + (words.length > 5 ? ` and ${words.length - 5} more` : "")

export const format = (dump: Engine.Dump): string => {
  const limits = Object.entries(dump.limits).map(([name, { limit, used }]) => `${name} ${used} of ${limit === Infinity ? "any" : limit}`)
  const lines = dump.jobs.map(({ id, state, waitsFor }) => `  ${id}: ${state}${waitsFor === undefined ? "" : `, waits for ${waitsFor}`}`)
  return [`${dump.name ?? "engine"}: ${limits.join(", ")}`, ...lines].join("\n")
}

export const graphOf = (engine: EngineCore): Graph.Graph => {
  const edges = new Map<string, Graph.Edge>()
  for (const run of engine.runs.values()) {
    for (const { group, mask, upstream } of run.edges ?? []) {
      const edge: Graph.Edge = { from: upstream.id, to: run.id, wants: wordsOf(mask), kind: group.kind }
      edges.set(`${edge.from}\n${edge.to}\n${mask}${group.kind}`, edge)
    }
  }
  return {
    nodes: [...engine.runs.values()].map((run) => ({ id: run.id, name: run.name, state: run.status })),
    edges: [...edges.values()]
  }
}
