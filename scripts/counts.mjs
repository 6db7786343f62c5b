/**
 * Counts tests for the plain line `N passed, N failed`, which CI reads: it is the last line of `npm test` and of `.ci/run`.
 *
 * The numbers are vitest's own, from its JSON report. What has no number there counts as one failure, so that the line never says
 * "0 failed" of a run that failed: a file that could not be loaded, an error outside of any test, a report that was never written.
 */
import { existsSync, readFileSync } from "node:fs"
import { pathToFileURL } from "node:url"

/** What the last whole run counted; `scripts/test.mjs` writes it. */
export const countsFile = ".cache/counts.json"

/** From vitest's report and exit code. */
export const count = (reportFile, exitCode) => {
  if (!existsSync(reportFile)) return { passed: 0, failed: 1 }
  const report = JSON.parse(readFileSync(reportFile, "utf8"))
  const unloaded = report.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed")
  )
  const failed = report.numFailedTests + unloaded.length
  return { passed: report.numPassedTests, failed: failed === 0 && exitCode !== 0 ? 1 : failed }
}

export const show = ({ passed, failed }) => `${passed} passed, ${failed} failed`

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const counts = existsSync(countsFile) ? JSON.parse(readFileSync(countsFile, "utf8")) : { passed: 0, failed: 1 }
  console.log(show(counts))
  process.exitCode = counts.failed === 0 ? 0 : 1
}
