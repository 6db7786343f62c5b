/**
 * Measures what running commands does to the event loop of a large program: how late its timers are while 200 × /bin/true run, eight at once; through `Command` as it is, and with a spawn helper. Linux; the parent holds 1 GB.
 *
 * Starting a process copies the tables of the parent's memory, and Node does that in its own thread. Each row is a process of its own.
 */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { type Comparison, main, smoke, type Subject } from "./kit/bench.ts"

const program = fileURLToPath(new URL("./pools/spawnFromLarge.ts", import.meta.url))
const commands = smoke ? 8 : 200

interface Measured {
  readonly done: number
  readonly p99: number
  readonly wall: number
}

const measured = (how: string): Measured => {
  const { stderr, stdout } = spawnSync(process.execPath, ["--expose-gc", program, how, `${commands}`, smoke ? "16" : "1024"], {
    encoding: "utf8"
  })
  if (stdout === "") throw new Error(stderr)
  return JSON.parse(stdout) as Measured
}

const subject = (name: string, how: string, of: keyof Measured): Subject<number> => ({
  name,
  run: (watch) => {
    const found = measured(how)
    watch.record(found[of])
    return found.done
  }
})

const table = (title: string, of: keyof Measured, unit: string, n: number): Comparison<number> => ({
  title,
  n,
  unit,
  baseline: "a spawn loop of Node",
  warmUps: 0,
  runs: smoke ? 1 : 3,
  check: (done) => (done === commands ? undefined : `${done} of ${commands} commands ended well`),
  subjects: [
    subject("a spawn loop of Node", "node", of),
    subject("Command", "direct", of),
    subject("Command with a spawn helper", "helper", of)
  ]
})

await main([
  table("how late timers are, 99th percentile", "p99", "ms", 1),
  table("commands, eight at once, from a program of 1 GB", "wall", "ms a command", commands)
])
