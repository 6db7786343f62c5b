/**
 * Runs the benches one after the other, each in a process of its own: `pnpm bench`, or `pnpm bench limiter map` for those whose name holds a word.
 *
 * Why one by one: two at a time would measure each other. `--expose-gc` is for those that measure memory.
 * Arguments after `--` go to the benches.
 */
import { spawnSync } from "node:child_process"
import { readdirSync } from "node:fs"

const args = process.argv.slice(2)
const split = args.indexOf("--")
const words = split < 0 ? args : args.slice(0, split)
const rest = split < 0 ? [] : args.slice(split + 1)

const benches = readdirSync("bench/src")
  .filter((file) => file.endsWith(".ts"))
  .filter((file) => words.length === 0 || words.some((word) => file.toLowerCase().includes(word.toLowerCase())))
  .sort()
if (benches.length === 0) {
  console.log(`no bench in bench/src${words.length === 0 ? "" : ` with ${words.join(" or ")} in its name`}`)
  process.exitCode = 1
}
for (const file of benches) {
  console.log(`\n## ${file}\n`)
  const done = spawnSync(process.execPath, ["--expose-gc", `bench/src/${file}`, ...rest], { stdio: "inherit" })
  if (done.signal !== null) process.kill(process.pid, done.signal)
  if (done.status !== 0) process.exitCode = 1
}
