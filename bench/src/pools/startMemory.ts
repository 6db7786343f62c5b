/**
 * Prints how many bytes of memory one worker takes, of four, in a process of its own: `startMemory.ts NAME`, a name of `starters`.
 *
 * What this process holds more than before, and what its children hold that nobody shares with them.
 */
import { readdirSync, readFileSync } from "node:fs"
import { starters } from "./starters.ts"

const size = 4

const collect = (): void => {
  globalThis.gc?.()
  globalThis.gc?.()
}

const privateOf = (pid: string): number => {
  const lines = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8").matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB$/gm)
  return [...lines].reduce((sum, [, kB]) => sum + Number(kB) * 1024, 0)
}

const ofChildren = (): number =>
  readdirSync("/proc/self/task")
    .flatMap((thread) => readFileSync(`/proc/self/task/${thread}/children`, "utf8").split(" "))
    .filter((pid) => pid !== "")
    .reduce((sum, pid) => sum + privateOf(pid), 0)

collect()
const before = process.memoryUsage.rss()
const pool = await starters[process.argv[2]!]!(size)
await Promise.all(Array.from({ length: size }, () => pool.call(1_000)))
collect()
console.log((process.memoryUsage.rss() - before + ofChildren()) / size)
await pool.close()
process.exit()
