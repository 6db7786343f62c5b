/**
 * Measures what importing the main entries loads, against `effect/Effect` alone, and fails when it is too much.
 *
 * Why: every worker and every command line pays its imports again, and one careless import of `effect/Schema` or of the barrel doubles them.
 * The gate counts bytes, and modules of others, which are the same on every machine and every run; times are printed as information.
 * Our own modules count by their bytes only: many small ones read better, and what they cost is in the bytes.
 * Each measurement is a fresh process on the built files; the timed ones have no counting hook, and alternate.
 */
import { spawnSync } from "node:child_process"
import { build } from "./build.mjs"

/** The entries that promise to stay light. What needs Stream or Schema has an entry of its own, which is not in this list. */
const entries = ["@skein/core", "@skein/parallel"]
const mostTimes = 1.3
/** Heavy parts of Effect, modules or whole folders: each alone breaks the budget, and is named when it does. */
const forbidden = [
  ...["index", "Stream", "Channel", "Sink", "Schema", "SchemaAST", "SchemaParser", "Config", "ManagedRuntime"],
  ...["testing/", "rpc/", "workers/", "http/", "ai/", "cluster/", "sql/", "platform/"]
]
const rounds = 7

const run = (mode, entry) => {
  const done = spawnSync(process.execPath, ["scripts/import-cost-one.mjs", mode, entry], {
    encoding: "utf8",
    env: { ...process.env, NODE_COMPILE_CACHE: undefined }
  })
  if (done.status !== 0) throw new Error(`importing ${entry} failed:\n${done.stderr}`)
  return JSON.parse(done.stdout)
}
const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]

if (!build()) process.exit(1)
const baseline = "effect/Effect"
const all = [baseline, ...entries]
const loaded = new Map(all.map((entry) => [entry, run("count", entry)]))
const times = new Map(all.map((entry) => [entry, []]))
for (let round = 0; round < rounds; round++) for (const entry of all) times.get(entry).push(run("time", entry).ms)

const base = loaded.get(baseline)
const problems = []
const row = (...cells) =>
  console.log(cells.map((cell, column) => (column === 0 ? String(cell).padEnd(18) : String(cell).padStart(11))).join(""))
row("entry", "ours", "others'", "×", "kB", "×", "ms, median", "×")
for (const entry of all) {
  const { modules, bytes, effect } = loaded.get(entry)
  const ours = modules.filter((file) => file.includes("/packages/")).length
  const others = modules.length - ours
  const byModules = others / base.modules.length
  const byBytes = bytes / base.bytes
  const ms = median(times.get(entry))
  const byTime = ms / median(times.get(baseline))
  row(entry, ours, others, byModules.toFixed(2), Math.round(bytes / 1024), byBytes.toFixed(2), ms.toFixed(0), byTime.toFixed(2))
  if (byModules > mostTimes)
    problems.push(`${entry} loads ${byModules.toFixed(2)} × the modules of ${baseline}, the budget is ${mostTimes}`)
  if (byBytes > mostTimes) problems.push(`${entry} loads ${byBytes.toFixed(2)} × the bytes of ${baseline}, the budget is ${mostTimes}`)
  if (entry === baseline) continue
  const extra = effect.filter((name) => !base.effect.includes(name))
  const heavy = extra.filter((name) => forbidden.some((part) => (part.endsWith("/") ? name.startsWith(part) : name === part)))
  if (extra.length > 0)
    console.log(
      `  of effect, beyond ${baseline}: ${extra.slice(0, 12).join(", ")}${extra.length > 12 ? ` and ${extra.length - 12} more` : ""}`
    )
  if (heavy.length > 0) problems.push(`${entry} loads ${heavy.map((name) => `effect/${name}`).join(", ")}`)
}
for (const problem of problems) console.log(problem)
process.exitCode = problems.length === 0 ? 0 : 1
