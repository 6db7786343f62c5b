/**
 * Prints `N passed, N failed` from vitest's last report. CI reads that line, so it is the last one of `.ci/run`.
 *
 * A file that could not be loaded has no tests to count: it counts as one failure. So does a report that was never written.
 */
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

export const countsFile = ".cache/vitest.json"

/** Prints the line, and gives the number of failures. */
export const printCounts = (file = countsFile) => {
  if (!existsSync(file)) {
    console.log("0 passed, 1 failed")
    return 1
  }
  const report = JSON.parse(readFileSync(file, "utf8"))
  const broken = report.testResults.filter(
    (result) => result.status === "failed" && result.assertionResults.every((test) => test.status !== "failed")
  )
  const failed = report.numFailedTests + broken.length
  console.log(`${report.numPassedTests} passed, ${failed} failed`)
  return failed
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = printCounts() === 0 ? 0 : 1
