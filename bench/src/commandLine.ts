/**
 * Measures `skein run` against GNU parallel and `xargs -P`, and `skein map` against a Node for each item and against piscina. Whole processes, start-up included, as people use them.
 *
 * GNU parallel comes from Debian: it is installed where this may be done (root, and apt-get), else it is left out. The command is the bundled file that is published; a quick run takes the sources.
 */
import { spawn, spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Comparison, main, size, smoke, type Subject } from "./kit/bench.ts"

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const sources = at("../../packages/cli/src/main.ts")
const bundle = at("../../packages/cli/dist/skein.js")
const skein = smoke || !existsSync(bundle) ? sources : bundle
if (skein === sources && !smoke)
  console.log("packages/cli/dist is missing, `pnpm build` makes it: these are the figures of the sources, which start more slowly\n")

const has = (program: string): boolean => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0
const mayInstall = !smoke && process.getuid?.() === 0 && has("apt-get")
if (!has("parallel") && mayInstall) spawnSync("apt-get", ["install", "-y", "parallel"], { stdio: "ignore" })
const others = { parallel: has("parallel"), xargs: has("xargs") }

/** Runs a program with the numbers from 1 as lines of its standard input; gives what it wrote. */
const feed = (
  program: string,
  args: ReadonlyArray<string>,
  lines: number
): Promise<{ readonly code: number | null; readonly out: string }> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] })
    let out = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text))
    child.on("error", reject)
    child.on("close", (code) => resolve({ code, out }))
    child.stdin.on("error", () => {})
    child.stdin.end(Array.from({ length: lines }, (_, i) => `${i + 1}\n`).join(""))
  })

interface Work {
  readonly title: string
  readonly n: number
  readonly jobs: number
  readonly command: ReadonlyArray<string>
  /** What all of them write together. */
  readonly writes?: (lines: number) => string
}

/** The same work through each program. */
const compared = ({ command, jobs, n, title, writes }: Work): Comparison<string | undefined> => {
  const through = (name: string, program: string, args: ReadonlyArray<string>): Subject<string | undefined> => ({
    name,
    run: async () => {
      const { code, out } = await feed(program, args, n)
      const expected = writes?.(n) ?? ""
      const sorted = out.split("\n").toSorted().join("\n")
      if (code !== 0) return `exit code ${code}`
      return sorted === expected ? undefined : `it wrote ${JSON.stringify(out.slice(0, 100))}`
    }
  })
  const own = [skein, "run", `-j${jobs}`]
  return {
    title: `${title}, ${jobs} at once`,
    n,
    unit: "ms a job",
    baseline: others.parallel ? "GNU parallel" : "skein run --exact",
    // Whole processes need no warming up; ten thousand jobs are an average of their own.
    warmUps: 0,
    runs: smoke || n > 1_000 ? 1 : 3,
    check: (wrong) => wrong,
    subjects: [
      ...(others.parallel ? [through("GNU parallel", "parallel", ["--will-cite", `-j${jobs}`, ...command, "{}"])] : []),
      ...(others.xargs ? [through("xargs -P", "xargs", [`-P${jobs}`, "-I{}", ...command, "{}"])] : []),
      through("skein run", process.execPath, [...own, "--", ...command, "{}"]),
      through("skein run --exact", process.execPath, [...own, "--exact", "--", ...command, "{}"])
    ].map(inMillis)
  }
}

/** Milliseconds read better than millions of nanoseconds. */
const inMillis = <A>(subject: Subject<A>): Subject<A> => ({
  ...subject,
  run: async (watch) => {
    const from = performance.now()
    const answer = await subject.run(watch)
    watch.record(performance.now() - from)
    return answer
  }
})

const lines = (n: number): string => ["", ...Array.from({ length: n }, (_, i) => `${i + 1}`).toSorted()].join("\n")

const trues = [2, 8].flatMap((jobs) =>
  (smoke ? [8] : [1_000, 10_000]).map((n) => compared({ title: `${n.toLocaleString("en")} × /bin/true`, n, jobs, command: ["/bin/true"] }))
)
const dir = mkdtempSync(join(tmpdir(), "skein-bench-"))
process.on("exit", () => rmSync(dir, { recursive: true, force: true }))
const nap = join(dir, "nap.sh")
writeFileSync(nap, "#!/bin/sh\nexec sleep 0.01\n", { mode: 0o755 })
const naps = [2, 8].map((jobs) => compared({ title: "a job of 10 ms", n: size(400, 4), jobs, command: [nap] }))
const echoes = [compared({ title: "jobs that write a line", n: size(1_000, 8), jobs: 2, command: ["/bin/echo"], writes: lines })]

const version = (name: string, args: ReadonlyArray<string>): Subject<string | undefined> => ({
  name,
  run: () => {
    const { status } = spawnSync(process.execPath, args, { stdio: "ignore" })
    return status === 0 ? undefined : `exit code ${status}`
  }
})
const starts: Comparison<string | undefined> = {
  title: "starting",
  n: 1,
  unit: "ms",
  baseline: "node",
  warmUps: smoke ? 0 : 2,
  runs: smoke ? 1 : 10,
  check: (wrong) => wrong,
  subjects: [
    version("node", ["-e", "0"]),
    version("skein --version", [skein, "--version"]),
    version("skein run -- true ::: a", [skein, "run", "-q", "--", "true", ":::", "a"])
  ].map(inMillis)
}

const tasks = join(dir, "tasks.mjs")
const one = join(dir, "one.mjs")
const pool = join(dir, "pool.mjs")
// Some milliseconds of arithmetic.
writeFileSync(
  tasks,
  `export const crunch = (n) => { let x = n; for (let i = 0; i < ${smoke ? 1e4 : 5e6}; i++) x = (Math.imul(x, 1103515245) + 12345) >>> 0; return x }\nexport default crunch\n`
)
writeFileSync(one, `import { crunch } from "./tasks.mjs"\nconsole.log(crunch(Number(process.argv[2])))\n`)
writeFileSync(
  pool,
  `import { Piscina } from ${JSON.stringify(import.meta.resolve("piscina"))}
import { createInterface } from "node:readline"
const piscina = new Piscina({ filename: ${JSON.stringify(tasks)}, minThreads: ${availableParallelism()}, maxThreads: ${availableParallelism()} })
const all = []
for await (const line of createInterface({ input: process.stdin })) all.push(piscina.run(Number(line)).then((x) => process.stdout.write(x + "\\n")))
await Promise.all(all)
await piscina.destroy()
`
)
const crunched = size(200, 4)
const crunch = ((): string => {
  const { stdout } = spawnSync(process.execPath, [pool], {
    input: Array.from({ length: crunched }, (_, i) => `${i + 1}\n`).join(""),
    encoding: "utf8"
  })
  return stdout.split("\n").toSorted().join("\n")
})()
const mapped = (name: string, program: string, args: ReadonlyArray<string>): Subject<string | undefined> => ({
  name,
  run: async () => {
    const { code, out } = await feed(program, args, crunched)
    return code === 0 && out.split("\n").toSorted().join("\n") === crunch ? undefined : `exit code ${code}, or another answer`
  }
})
const maps: Comparison<string | undefined> = {
  title: "a function that computes, for each line",
  n: crunched,
  unit: "ms a line",
  baseline: others.parallel ? "GNU parallel, a node each" : "piscina",
  warmUps: smoke ? 0 : 1,
  runs: smoke ? 1 : 3,
  check: (wrong) => wrong,
  subjects: [
    ...(others.parallel ? [mapped("GNU parallel, a node each", "parallel", ["--will-cite", process.execPath, one])] : []),
    mapped("piscina", process.execPath, [pool]),
    mapped("skein map", process.execPath, [skein, "map", "-o", "values", `${tasks}#crunch`]),
    mapped("skein map --flavour process", process.execPath, [skein, "map", "--flavour", "process", "-o", "values", `${tasks}#crunch`])
  ].map(inMillis)
}

await main([starts, ...trues, ...naps, ...echoes, maps])
