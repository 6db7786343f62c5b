/** What the workers of all pools run in `flavourCancel.ts` and `flavourRecovery.ts`: work that does not end by itself for a long time. Each writes a file when it begins. */
import type { Context } from "@skein/parallel/TaskHandler"
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"

export interface Work {
  /** Is written when the work begins. */
  readonly file: string
  readonly seconds: number
}

const began = ({ file }: Work): void => writeFileSync(file, "")

/** A loop that never waits. */
export const loop = (work: Work): number => {
  began(work)
  const end = performance.now() + work.seconds * 1000
  let turns = 0
  while (performance.now() < end) turns++
  return turns
}

/** Stops when it is told to. */
export const listens = (work: Work, { signal }: Pick<Context, "signal">): Promise<number> =>
  new Promise((resolve, reject) => {
    began(work)
    const timer = setTimeout(resolve, work.seconds * 1000, 0)
    signal.addEventListener("abort", () => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    })
  })

/** A native call that the engine can end. */
export const locked = (work: Work): number => {
  began(work)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, work.seconds * 1000)
  return 0
}

/** A native call that the engine cannot end. */
export const command = (work: Work): number => {
  began(work)
  execFileSync("sleep", [String(work.seconds)])
  return 0
}

export const die = (): number => process.exit(1)
