/** Says in words what the fibers of a simulation are doing. */
import * as lineage from "../../internal/lineage.ts"
import type { FiberReport } from "./model.ts"
import type { FiberState, Simulation } from "./simulation.ts"

/** The name somebody gave to a fiber's work: its task's, else its span's, else that of the `Effect.fn` it is in. */
const nameOf = (fiber: lineage.AnyFiber): string | undefined => {
  const task = lineage.taskOf(lineage.current(fiber))?.name
  if (task !== undefined) return task
  const { span, stackFrame } = fiber.cache
  if (span !== undefined && span._tag === "Span") return span.name
  return stackFrame?.name
}

export const labelOf = (state: FiberState): string => {
  if (state.number === 1) return "main"
  const name = nameOf(state.fiber)
  return name === undefined ? `fiber ${state.number}` : `fiber ${state.number} "${name}"`
}

/** Describes fibers that are alive. */
export const describe = (simulation: Simulation, states: ReadonlyArray<FiberState>): ReadonlyArray<FiberReport> => {
  if (states.length === 0) return []
  const sleeping = new Map<lineage.AnyFiber, number>()
  for (const timer of simulation.clock.pending) if (timer.fiber !== undefined) sleeping.set(timer.fiber, timer.at / 1e6)
  return states.map((state) => {
    const { fiber, wait } = state
    const at = sleeping.get(fiber)
    return {
      label: labelOf(state),
      name: nameOf(fiber),
      number: state.number,
      steps: state.steps,
      state:
        wait !== undefined
          ? `waits for ${wait.what}`
          : at !== undefined
            ? `sleeps until ${formatMillis(at)}`
            : simulation.clock.forever.has(fiber)
              ? "sleeps for ever"
              : state.queued
                ? "could go on"
                : "is suspended",
      holders: wait === undefined ? [] : holdersOf(simulation, wait).map(labelOf)
    }
  })
}

const holdersOf = (simulation: Simulation, wait: lineage.Wait): ReadonlyArray<FiberState> => {
  const holders: Array<FiberState> = []
  for (const fiber of wait.holders()) {
    const state = simulation.fibers.get(fiber)
    if (state !== undefined) holders.push(state)
  }
  return holders
}

/** A ring of fibers each of which waits for the next, if the waits that are known hold one. */
export const cycleOf = (simulation: Simulation, states: ReadonlyArray<FiberState>): ReadonlyArray<string> | undefined => {
  const done = new Set<FiberState>()
  for (const start of states) {
    const path: Array<FiberState> = []
    const found = walk(simulation, start, path, done)
    if (found !== undefined) return found.map(labelOf)
  }
  return undefined
}

const walk = (
  simulation: Simulation,
  state: FiberState,
  path: Array<FiberState>,
  done: Set<FiberState>
): ReadonlyArray<FiberState> | undefined => {
  const at = path.indexOf(state)
  if (at >= 0) return [...path.slice(at), state]
  if (done.has(state) || state.wait === undefined) return undefined
  path.push(state)
  for (const next of holdersOf(simulation, state.wait)) {
    const found = walk(simulation, next, path, done)
    if (found !== undefined) return found
  }
  path.pop()
  done.add(state)
  return undefined
}

export const formatFiber = (report: FiberReport): string =>
  `${report.label} ${report.state}${report.holders.length === 0 ? "" : `, held by ${report.holders.join(", ")}`}`

export const formatMillis = (ms: number): string => `${ms.toLocaleString("en-US", { maximumFractionDigits: 6 })} ms`

export const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`
