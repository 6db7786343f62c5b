/**
 * Runs the tests and ends with the plain line `N passed, N failed`, counted by vitest itself. Arguments go to vitest: a name, `--project unit`, `-t text`.
 * `--soak` runs laws and integration tests at full size instead (SKEIN_SOAK=1 tells them).
 *
 * Why a wrapper: vitest's own last lines are made for people, and differ with the terminal.
 */
import { spawn } from "node:child_process"
import { mkdirSync, rmSync } from "node:fs"
import { countsFile, printCounts } from "./counts.mjs"

const args = process.argv.slice(2).filter((arg) => arg !== "--soak" && arg !== "--")
const soak = process.argv.includes("--soak")
const onlySome = args.length > 0 || soak
// A partial run must not leave its numbers where the whole run's are expected.
const report = onlySome ? countsFile.replace(".json", ".part.json") : countsFile

mkdirSync(".cache", { recursive: true })
rmSync(report, { force: true })
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
if (process.stdin.isTTY !== true) process.on("SIGINT", () => child.kill("SIGINT"))
else process.on("SIGINT", () => {})
process.on("SIGTERM", () => child.kill("SIGTERM"))
child.on("exit", (code) => {
  const failed = printCounts(report)
  process.exitCode = code === null ? 1 : code === 0 && failed > 0 ? 1 : code
})
