/**
 * Compiles the type tests, and refuses a file that tests nothing: each `test/types/*.types.ts` must expect at least one error.
 *
 * An error that is expected and does not come is an error for the compiler, so the compiler is the whole test runner.
 */
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"

const files = readdirSync("test/types").filter((file) => file.endsWith(".ts"))
const problems = files.flatMap((file) => {
  if (!file.endsWith(".types.ts")) return [`test/types/${file}: a type test is called *.types.ts`]
  return readFileSync(`test/types/${file}`, "utf8").includes("@ts-expect-error")
    ? []
    : [`test/types/${file}: expects no error, so it tests only half`]
})
const done = spawnSync("node_modules/.bin/tsc", ["-b", "test/types", "--pretty", "false"], { stdio: "inherit" })
for (const problem of problems) console.log(problem)
if (files.length === 0) console.log("no type tests")
const expected = files.reduce((sum, file) => sum + readFileSync(`test/types/${file}`, "utf8").split("@ts-expect-error").length - 1, 0)
const ok = done.status === 0 && problems.length === 0 && files.length > 0
if (ok) console.log(`${files.length} files, ${expected} expected errors, all there`)
process.exitCode = ok ? 0 : 1
