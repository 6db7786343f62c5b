/**
 * Runs the gates and prints one line each: `pnpm check` runs all, `pnpm check lint docs` those, `pnpm check --without tests` all but those.
 * Exit code 1 if any fails. What a gate prints is shown if it fails, or if it is the only one asked for; all of it is kept in `.cache/gates`.
 *
 * The order: what is cheap and fails often comes first and alone gives its answer within seconds; `typecheck` builds `dist`, so that those after it find
 * it built and can run two at a time, which is what a machine of two cores bears. `tests` has the machine for itself.
 */
import { spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"

const bin = (name) => `node_modules/.bin/${name}`
const script = (name, ...args) => [process.execPath, `scripts/${name}.mjs`, ...args]

const gates = [
  { stage: 1, name: "format", what: "sources are formatted", run: [bin("oxfmt"), "--check"] },
  {
    stage: 1,
    name: "lint",
    what: "type imports, no barrel, no node: in core and parallel",
    run: [bin("oxlint"), "--deny-warnings"]
  },
  {
    stage: 1,
    name: "cycles",
    what: "no import circles",
    run: [bin("oxlint"), "-c", "scripts/cycles.oxlintrc.json", "packages", "test", "examples", "bench"]
  },
  { stage: 1, name: "house", what: "no skipped tests, no unfinished work, sizes and names", run: script("house") },
  { stage: 2, name: "typecheck", what: "tsc over everything", run: [bin("tsc"), "-b", "--pretty", "false"] },
  {
    stage: 3,
    name: "effect",
    what: "Effect's own diagnostics: floating effects, missing context, …",
    run: [bin("effect-tsgo"), "diagnostics", "--project", "tsconfig.json", "--format", "text", "--strict", "--severity", "error,warning"]
  },
  { stage: 3, name: "types", what: "type tests", run: script("types") },
  { stage: 3, name: "unused", what: "no unused code, files or dependencies", run: [bin("knip"), "--no-progress"] },
  { stage: 3, name: "docs", what: "doc examples type-check, run and print what they say", run: script("doc-examples") },
  { stage: 3, name: "api", what: "the public API is as committed, and holds no any", run: script("api", "--check") },
  { stage: 3, name: "import-cost", what: "main entries are as light as effect/Effect", run: script("import-cost") },
  { stage: 3, name: "packages", what: "tarballs are valid", run: script("packages") },
  { stage: 3, name: "examples", what: "examples run", run: script("programs", "examples") },
  { stage: 3, name: "benches", what: "benches run once", run: script("programs", "bench") },
  { stage: 4, name: "tests", what: "unit tests, laws, integration (with the packed tarballs)", run: script("test") }
]

const args = process.argv.slice(2)
const without = args.includes("--without") ? args.slice(args.indexOf("--without") + 1) : []
const only = args.includes("--without") ? [] : args
for (const name of [...without, ...only]) {
  if (!gates.some((gate) => gate.name === name)) {
    console.error(`no gate is called ${name}; there are ${gates.map((gate) => gate.name).join(", ")}`)
    process.exit(2)
  }
}
const chosen = gates.filter((gate) => (only.length === 0 || only.includes(gate.name)) && !without.includes(gate.name))

mkdirSync(".cache/gates", { recursive: true })

const runGate = (gate) =>
  new Promise((resolve) => {
    const started = performance.now()
    const [command, ...rest] = gate.run
    const child = spawn(command, rest, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, FORCE_COLOR: undefined, NO_COLOR: "1" }
    })
    let output = ""
    const keep = (chunk) => (output += chunk)
    child.stdout.setEncoding("utf8").on("data", keep)
    child.stderr.setEncoding("utf8").on("data", keep)
    child.on("error", (error) => keep(error.message))
    child.on("close", (code) => {
      const seconds = (performance.now() - started) / 1000
      const ok = code === 0
      writeFileSync(`.cache/gates/${gate.name}.log`, output)
      if (!ok || only.length === 1) console.log(`\n---- ${gate.name}\n${output.trimEnd()}\n`)
      console.log(`${ok ? "ok  " : "FAIL"} ${gate.name.padEnd(12)} ${seconds.toFixed(1).padStart(6)} s  ${gate.what}`)
      resolve({ gate, ok })
    })
  })

const results = []
const started = performance.now()
for (const stage of new Set(chosen.map((gate) => gate.stage))) {
  const queue = chosen.filter((gate) => gate.stage === stage)
  const lane = async () => {
    for (let gate = queue.shift(); gate !== undefined; gate = queue.shift()) results.push(await runGate(gate))
  }
  await Promise.all([lane(), lane()])
}
const failed = results.filter((result) => !result.ok).map((result) => result.gate.name)
const seconds = ((performance.now() - started) / 1000).toFixed(1)
console.log(
  `\n${results.length - failed.length} of ${results.length} gates passed in ${seconds} s${failed.length === 0 ? "" : `; failed: ${failed.join(", ")} (output in .cache/gates)`}`
)
process.exitCode = failed.length === 0 ? 0 : 1
