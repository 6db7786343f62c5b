/**
 * Runs the tests and ends with the plain line `N passed, N failed`, counted by vitest itself. Arguments go to vitest: part of a file's name,
 * `--project unit`, `-t text`, `--coverage`. `--soak` runs laws and integration tests at full size instead (SKEIN_SOAK=1 tells them).
 *
 * Why a wrapper: vitest's own last lines are made for people, and differ with the terminal.
 */
import { spawn } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { count, countsFile, show } from "./counts.mjs"

const args = process.argv.slice(2).filter((arg) => arg !== "--soak" && arg !== "--")
const soak = process.argv.includes("--soak")
// A partial run must not leave its numbers where the whole run's are expected, and several runs may go on at a time.
const whole = args.length === 0 && !soak
const report = `.cache/vitest.${process.pid}.json`

mkdirSync(".cache", { recursive: true })
if (whole) rmSync(countsFile, { force: true })
const child = spawn(
  process.execPath,
  [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...(soak ? ["--project", "laws", "--project", "integration"] : []),
    ...args
  ],
  { stdio: "inherit", env: { ...process.env, ...(soak ? { SKEIN_SOAK: "1" } : {}) } }
)
// Vitest closes its workers by itself when it is told to stop; we only wait for it, and leave with its answer. Ctrl-C in a terminal has
// reached it already (see run.mjs), and a second one would make it drop its workers.
process.on("SIGINT", () => {
  if (process.stdin.isTTY !== true) child.kill("SIGINT")
})
process.on("SIGTERM", () => child.kill("SIGTERM"))
child.on("exit", (code) => {
  const counts = count(report, code)
  rmSync(report, { force: true })
  if (whole) writeFileSync(countsFile, JSON.stringify(counts))
  console.log(show(counts))
  process.exitCode = code ?? 1
})
