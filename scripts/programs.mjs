/**
 * Runs every program of `examples/src` or `bench/src` once, quickly: `programs.mjs examples` sets SKEIN_SMOKE=1 and passes `--smoke`,
 * `programs.mjs bench` sets SKEIN_BENCH_SMOKE=1. A program must end with exit code 0 within its limit.
 *
 * Why: programs that nobody runs rot. Benches are run for their check that baseline and subject give the same answer, never for their times.
 * A program is a file directly in the folder; modules that programs share lie in folders under it.
 */
import { spawn } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"

const kinds = {
  examples: { folder: "examples/src", env: { SKEIN_SMOKE: "1" }, flags: [], args: ["--smoke"], limit: 90_000, lanes: 2 },
  bench: { folder: "bench/src", env: { SKEIN_BENCH_SMOKE: "1" }, flags: ["--expose-gc"], args: [], limit: 90_000, lanes: 2 }
}
const kind = kinds[process.argv[2]]
if (kind === undefined) throw new Error(`programs.mjs: say one of ${Object.keys(kinds).join(", ")}`)

const programs = existsSync(kind.folder)
  ? readdirSync(kind.folder)
      .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"))
      .sort()
  : []

const runOne = (file) =>
  new Promise((resolve) => {
    const started = performance.now()
    const child = spawn(process.execPath, [...kind.flags, `${kind.folder}/${file}`, ...kind.args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...kind.env }
    })
    let output = ""
    const keep = (chunk) => (output = (output + chunk).slice(-8_000))
    child.stdout.on("data", keep)
    child.stderr.on("data", keep)
    let tooLong = false
    const timer = setTimeout(() => {
      tooLong = true
      child.kill("SIGKILL")
    }, kind.limit)
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      const how = tooLong ? `not done after ${kind.limit / 1000} s` : (signal ?? `exit code ${code}`)
      resolve({ file, ok: code === 0, how, seconds: (performance.now() - started) / 1000, output })
    })
  })

const queue = [...programs]
let failed = 0
const lane = async () => {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const result = await runOne(file)
    console.log(
      `${result.ok ? "ok  " : "FAIL"} ${kind.folder}/${file}  ${result.seconds.toFixed(1)} s${result.ok ? "" : `  ${result.how}`}`
    )
    if (!result.ok) {
      failed++
      console.log(result.output.replaceAll(/^/gm, "  "))
    }
  }
}
await Promise.all(Array.from({ length: kind.lanes }, lane))
console.log(`${programs.length} programs, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
