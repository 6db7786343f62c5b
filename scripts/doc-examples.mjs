/**
 * Type-checks and runs every ```ts fence of the doc comments, README files and guides, and compares what they print.
 *
 * Why: an example that does not run is worse than none, and nobody reruns them by hand.
 *
 * - A fence is a complete program. ` ```ts no-run ` is type-checked only; ` ```ts no-check ` is neither (for code that shows a mistake, and says which).
 * - `console.log(…) // => text`: this line must print exactly that, each time it runs; if it runs several times, `// => a, b, c` gives each in
 *   turn. White space is compared loosely, so that an inspected object may break its lines. For Effect's `Console.log` the same comment asks that the text is printed at some time.
 * - Examples run one after the other in two processes that have Effect loaded already: an example ends when the event loop is empty. So one that
 *   leaves a timer or a fiber running is seen (it times out), and 200 of them take seconds.
 * - Each extracted file has blank lines up to the fence, so compiler errors and stack traces name the line of the source.
 */
import { spawn, spawnSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

const work = ".cache/doc-examples"
const timeLimit = 20_000 // ms for one example
const lanes = 2

const walk = (dir, wanted) =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && wanted.test(entry.name) && !entry.parentPath.includes("node_modules"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()

const exists = (path) => statSync(path, { throwIfNoEntry: false }) !== undefined
const packages = readdirSync("packages")
const sources = [
  ...packages.flatMap((name) => (exists(`packages/${name}/src`) ? walk(`packages/${name}/src`, /\.ts$/) : [])),
  ...["README.md", ...packages.map((name) => `packages/${name}/README.md`)].filter(exists),
  ...(exists("docs") ? walk("docs", /\.md$/) : [])
]

/** The fences of a file, each with the line on which its code starts (from 1) and the words after `ts`. */
const fencesOf = (file) => {
  const found = []
  let open
  readFileSync(file, "utf8")
    .split("\n")
    .forEach((raw, index) => {
      // In a doc comment a line starts with ` * `; the star goes, the code's own indentation stays.
      const line = file.endsWith(".ts") ? raw.replace(/^\s*\*(?: |$)/, "") : raw
      if (open === undefined) {
        const start = /^\s*```(?:ts|typescript)(?:\s+(.*))?$/.exec(line)
        if (start !== null) open = { file, line: index + 2, words: (start[1] ?? "").split(/\s+/), code: [] }
        else if (/^\s*```\S/.test(line)) open = { other: true }
      } else if (/^\s*```\s*$/.test(line)) {
        if (!open.other) found.push(open)
        open = undefined
      } else if (!open.other) open.code.push(line)
    })
  if (open !== undefined) throw new Error(`${file}: a fence is not closed`)
  return found
}

const only = process.argv.slice(2)
const examples = sources
  .filter((file) => only.length === 0 || only.some((part) => file.includes(part)))
  .flatMap(fencesOf)
  .filter((example) => !example.words.includes("no-check"))

rmSync(work, { recursive: true, force: true })
for (const example of examples) {
  example.path = `${work}/${example.file.replace(/\.(?:ts|md)$/, "")}.${example.line}.ts`
  mkdirSync(dirname(example.path), { recursive: true })
  writeFileSync(example.path, `${"\n".repeat(example.line - 1)}${example.code.join("\n")}\n\nexport {}\n`)
}
if (examples.length === 0) {
  console.log("no examples")
  process.exit(0)
}

// ---- type-check, all in one project -------------------------------------------------------------------------------------------------

writeFileSync(
  `${work}/tsconfig.json`,
  JSON.stringify({
    extends: "../../tsconfig.json",
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false, incremental: false, tsBuildInfoFile: null },
    include: ["**/*.ts"],
    exclude: [],
    references: ["core", "parallel", "node", "engine"].map((name) => ({ path: `../../packages/${name}` }))
  })
)
const checked = spawnSync("node_modules/.bin/tsc", ["-b", work], { encoding: "utf8" })
const inSource = (text) =>
  text.replaceAll(/\.cache\/doc-examples\/(\S+?)\.\d+\.ts/g, (_, path) => (exists(`${path}.ts`) ? `${path}.ts` : `${path}.md`))
if (checked.status !== 0) {
  console.log(inSource(`${checked.stdout}${checked.stderr}`))
  console.log("examples do not type-check")
  process.exit(1)
}

// ---- run ----------------------------------------------------------------------------------------------------------------------------

const runnable = examples.filter((example) => !example.words.includes("no-run"))

/** Runs examples in one process until it ends; gives what it reported. What is left is run by the next process. */
const runSome = (some) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, ["scripts/doc-examples-runner.mjs", ...some.map((example) => example.path)], {
      stdio: ["ignore", "ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined }
    })
    const results = []
    let stderr = ""
    let rest = ""
    let timer
    let tooLong = false
    const arm = () => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        tooLong = true
        child.kill("SIGKILL")
      }, timeLimit)
    }
    arm()
    child.stderr.on("data", (chunk) => (stderr += chunk))
    child.stdio[3].on("data", (chunk) => {
      arm()
      const lines = (rest + chunk).split("\n")
      rest = lines.pop()
      for (const line of lines) results.push(JSON.parse(line))
    })
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      // The one during which the process ended is not reported by the process itself.
      if (results.length < some.length) {
        const how = tooLong ? `still running after ${timeLimit / 1000} s` : `ended its process (${signal ?? `exit code ${code}`})`
        results.push({ printed: [], error: `${how}\n${stderr}` })
      }
      resolve(results)
    })
  })

const normal = (text) => text.replaceAll(/\s+/g, " ").trim()

/** What is wrong with an example, given what it printed: `[{ line, text }]`. */
const faults = (example, { printed, error }) => {
  const out = error === undefined ? [] : [error]
  const code = example.code
  // Whether a line of the source file calls `console` itself; Effect's `Console` prints later, or with a stack that ends in whatever ran it.
  const prints = (line) => /(?<!\w)console\.\w+\(/.test(code[line - example.line] ?? "")
  const strays = printed.filter((print) => print.line === undefined || !prints(print.line)).map((print) => normal(print.text))
  code.forEach((text, index) => {
    const expected = /\/\/ => (.*)$/.exec(text)?.[1]
    if (expected === undefined) return
    const at = example.line + index
    // The statement starts on this line, or above if this line closes it.
    let start = at
    if (/^\s*[)\]}]/.test(text)) while (start > example.line && !prints(start)) start--
    const here = printed.filter((print) => print.line === start).map((print) => normal(print.text))
    const want = normal(expected)
    if (prints(start)) {
      const right = here.length > 0 && (here.every((print) => print === want) || here.join(", ") === want)
      if (!right && error === undefined) {
        out.push(
          `${example.file}:${at}: expected ${want}\n${" ".repeat(`${example.file}:${at}`.length)}  printed  ${here.length === 0 ? "nothing" : here.join(", ")}`
        )
      }
    } else {
      const place = strays.indexOf(want)
      if (place < 0) {
        if (error === undefined)
          out.push(`${example.file}:${at}: expected ${want}, which was not printed; printed: ${strays.join(" | ") || "nothing"}`)
      } else strays.splice(place, 1)
    }
  })
  return out
}

let suspects = []
let compared = 0
const runLane = async (queue) => {
  while (queue.length > 0) {
    const results = await runSome(queue)
    for (const result of results) {
      const example = queue.shift()
      compared += example.code.filter((text) => text.includes("// => ")).length
      const wrong = faults(example, result)
      if (wrong.length > 0) suspects.push({ example, wrong })
    }
  }
}
await Promise.all(Array.from({ length: lanes }, (_, lane) => runLane(runnable.filter((_, index) => index % lanes === lane))))

// Examples sleep for milliseconds to show who is first. On a machine that stands still for that long they print something else: each gets two further chances, alone.
for (let chance = 0; chance < 2 && suspects.length > 0; chance++) {
  const left = []
  for (const { example } of suspects) {
    const [result] = await runSome([example])
    const wrong = faults(example, result)
    if (wrong.length > 0) left.push({ example, wrong })
  }
  suspects = left
}

const failures = suspects.map(
  ({ example, wrong }) => `${example.file}:${example.line}\n${wrong.map((text) => `  ${inSource(text)}`).join("\n")}`
)
for (const failure of failures) console.log(`${failure}\n`)
console.log(
  `${examples.length} examples type-checked, ${runnable.length} run, ${compared} printed lines compared, ${failures.length} failed`
)
process.exitCode = failures.length === 0 ? 0 : 1
