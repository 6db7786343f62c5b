/**
 * Measures what a worker costs to start: the time from nothing to the first answer, and memory. A thread or a process that answers messages, without a pool around it, is the floor.
 *
 * Memory is that of four workers which have all run a task, in a process of its own for each row; of child processes it is what they share with nobody (Linux only).
 */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { main, smoke, type Subject } from "./kit/bench.ts"
import { starters } from "./pools/starters.ts"

const names = smoke ? Object.keys(starters).slice(-3) : Object.keys(starters)

const time = (name: string): Subject<boolean> => ({
  name,
  run: async (watch) => {
    const from = performance.now()
    const pool = await starters[name]!(1)
    const answer = await pool.call(1)
    watch.record(performance.now() - from)
    await pool.close()
    return answer === 1
  }
})

const memory = (name: string): Subject<boolean> => ({
  name,
  run: (watch) => {
    const file = fileURLToPath(new URL("./pools/startMemory.ts", import.meta.url))
    const { status, stdout } = spawnSync(process.execPath, ["--expose-gc", file, name], { encoding: "utf8" })
    watch.record(Number(stdout) / 2 ** 20)
    return status === 0 && Number(stdout) > 0
  }
})

const check = (answered: boolean): string | undefined => (answered ? undefined : "no answer")
const warmUps = smoke ? 0 : 1

const inTime = {
  title: "from nothing to the first answer, one worker",
  n: 1,
  unit: "ms",
  baseline: "a thread, no pool",
  check,
  warmUps,
  runs: 5,
  subjects: names.map(time)
}
const inMemory = { ...inTime, title: "memory a worker", unit: "MB", warmUps: 0, runs: 1, subjects: names.map(memory) }

await main(process.platform === "linux" && !smoke ? [inTime, inMemory] : [inTime])
