/** Reaches by descent whom a tag does not reach: a job that is about to start, or that has cleared its environment. */
import * as fs from "node:fs"

const childrenOf = (pid: number): ReadonlyArray<number> => {
  try {
    return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ").map(Number).filter(Boolean)
  } catch {
    return []
  }
}

/** Signals everybody below a process, not the process itself. Nobody where the system does not list children. */
export const signalBelow = (pid: number, signal: NodeJS.Signals): number => {
  let reached = 0
  for (const child of childrenOf(pid)) {
    reached += 1 + signalBelow(child, signal)
    try {
      process.kill(child, signal)
    } catch {
      // It ended meanwhile.
    }
  }
  return reached
}
