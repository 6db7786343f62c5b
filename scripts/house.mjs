/**
 * Checks the house rules that no linter knows. Prints `file:line: rule`, and fails if there is any.
 *
 * - No test is skipped, focused or left for later, in any of the spellings that `@effect/vitest` adds (`it.effect.skip`, …).
 * - No unfinished work in sources: a mark such as the one for things left to do belongs in an issue.
 * - A module stays under 600 lines; past that it is two modules. No file is called utils, helpers, common or misc.
 * - Public modules are PascalCase or a function's own camelCase name, internals camelCase.
 * - Every package has its README, and no committed file names a machine's own path or a package registry.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { basename } from "node:path"

// Tracked files and new ones that are not ignored: a file is checked before it is committed.
const listed = spawnSync("git", ["ls-files", "-co", "--exclude-standard"], { encoding: "utf8" })
if (listed.status !== 0) throw new Error(`git ls-files failed: ${listed.stderr}`)
const files = listed.stdout.split("\n").filter((file) => file !== "" && existsSync(file))

const problems = []
const report = (file, line, text) => problems.push(`${file}:${line}: ${text}`)

/** Reports every line of a file that matches. */
const forbid = (file, pattern, text) => {
  readFileSync(file, "utf8")
    .split("\n")
    .forEach((line, index) => {
      if (pattern.test(line)) report(file, index + 1, text)
    })
}

const isSource = (file) => /^packages\/[^/]+\/src\/.*\.ts$/.test(file)
const isTest = (file) => file.endsWith(".test.ts") || /^test\/.*\.ts$/.test(file)
const self = "scripts/house.mjs"

for (const file of files) {
  if (isTest(file)) {
    forbid(
      file,
      /\b(?:it|test|describe)(?:\.\w+)*\.(?:skip|only|todo|fails|skipIf|runIf)\b/,
      "a test is skipped, focused or expected to fail"
    )
    forbid(file, /\bx(?:it|test|describe)\s*\(/, "a test is skipped")
  }
  if (isSource(file)) {
    forbid(file, /\b(?:TODO|FIXME|XXX|HACK)\b/, "unfinished work: write an issue, or finish it")
    const lines = readFileSync(file, "utf8").split("\n").length
    if (lines > 600) report(file, lines, `${lines} lines: past 600 it is two modules`)
    const name = basename(file, ".ts")
    if (/^(?:utils?|helpers?|common|misc)$/i.test(name)) report(file, 1, "a name that says nothing")
    if (file.includes("/internal/") && !/^[a-z][A-Za-z0-9]*$/.test(name)) report(file, 1, "internals are camelCase")
  }
  if (/^packages\/[^/]+\/package\.json$/.test(file) && !existsSync(file.replace("package.json", "README.md"))) {
    report(file, 1, "the package has no README.md")
  }
  if (/\.(?:ts|mts|mjs|js|json|jsonc|md|ya?ml|sh)$/.test(file) && file !== self) {
    forbid(file, /(?:^|[\s"'`(=])\/(?:work|home|root|Users)\/[\w.-]+/, "a path of somebody's machine")
    forbid(file, /\bregistry\.[a-z]+\.(?:org|com|dev)\b/, "the name of a package registry")
  }
}

if (existsSync("pnpm-lock.yaml"))
  forbid("pnpm-lock.yaml", /https?:|tarball:/, "an address in the lockfile: it must install from any registry")

for (const problem of problems) console.log(problem)
console.log(problems.length === 0 ? `${files.length} files keep the house rules` : `${problems.length} against the house rules`)
process.exitCode = problems.length === 0 ? 0 : 1
