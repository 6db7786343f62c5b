// Real here: the main program of `examples` as a process of its own, its threads and processes, of which it kills one each.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const files = 40

let dir: string
let tree: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "skein-main-flavours-"))
  tree = join(dir, "tree")
  mkdirSync(tree)
  for (let i = 0; i < files; i++) {
    const name = `file-${String(i).padStart(2, "0")}`
    writeFileSync(join(tree, `${name}.ts`), `const constructor_${i} = "__proto__ constructor"\n`.repeat(i + 1))
  }
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

interface Summary {
  readonly total: number
  readonly completed: number
  readonly failed: number
  readonly timedOut: number
  readonly cancelled: number
  readonly notStarted: number
  readonly digest: string
  readonly words: number
  readonly failures: ReadonlyArray<{ readonly kind: string; readonly why: string; readonly names: ReadonlyArray<string> }>
  readonly topWords: ReadonlyArray<{ readonly word: string; readonly count: number }>
}

interface Run {
  readonly flavour: string
  readonly size: number
  readonly concurrency: number
  readonly summary: Summary
  readonly events: ReadonlyArray<{ readonly _tag: string; readonly worker: number; readonly exitCode?: number; readonly signal?: string }>
  readonly death?: { readonly poisoned: string; readonly others: ReadonlyArray<string>; readonly takers: ReadonlyArray<string> }
}

/** The pipe that nobody writes to is waited for so long; every other file has an answer by then, however slow the machine is. */
const patience = "5s"

let reports = 0
const run = async (...args: ReadonlyArray<string>) => {
  const json = join(dir, `report-${reports++}.json`)
  const temporary = mkdtempSync(join(dir, "tmp-"))
  const child = spawn(
    process.execPath,
    ["examples/src/main.ts", "--quiet", "--dir", tree, "--timeout", patience, "--json", json, ...args],
    {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, TMPDIR: temporary, SKEIN_SMOKE: undefined, FORCE_COLOR: undefined }
    }
  )
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (chunk) => (stdout += chunk))
  child.stderr.setEncoding("utf8").on("data", (chunk) => (stderr += chunk))
  const [code] = (await once(child, "close")) as [number | null]
  return {
    code,
    stdout,
    stderr,
    left: readdirSync(temporary),
    runs: () => (JSON.parse(readFileSync(json, "utf8")) as { readonly flavours: ReadonlyArray<Run> }).flavours
  }
}

describe("the main job on every flavour", () => {
  it("finds out the same everywhere, although a thread and a process are killed half-way; nothing is lost, nothing is left", async () => {
    const { code, left, runs, stdout } = await run("--size", "2")
    const all = runs()
    expect({ code, left, flavours: all.map(({ flavour }) => flavour) }).toEqual({
      code: 0,
      left: [],
      flavours: ["inline", "worker", "process"]
    })
    const [inline, worker, process] = all as [Run, Run, Run]

    for (const { summary } of all) {
      const { cancelled, completed, digest, failed, failures, notStarted, timedOut, total, topWords } = summary
      expect({ completed, cancelled, notStarted, timedOut, sum: completed + failed + timedOut }).toEqual({
        completed: files,
        cancelled: 0,
        notStarted: 0,
        timedOut: 1,
        sum: total
      })
      expect({ digest, failures, topWords }).toEqual({
        digest: inline.summary.digest,
        failures: inline.summary.failures,
        topWords: inline.summary.topWords
      })
    }
    // Words that are keys of every object are words like any others.
    expect(inline.summary.topWords.map(({ count, word }) => `${word} ${count}`)).toEqual(
      expect.arrayContaining(["__proto__ 820", "constructor 820", "const 820"])
    )

    expect(inline.death).toBeUndefined()
    const crashes = ({ events }: Run) => events.filter(({ _tag }) => _tag === "Crashed")
    expect(crashes(worker)).toMatchObject([{ exitCode: 9, signal: null }])
    expect(crashes(process)).toMatchObject([{ exitCode: null, signal: "SIGKILL" }])
    for (const { death, flavour } of [worker, process]) {
      // It was taken up again, by another worker, and has an answer: see above.
      const [first, second] = death?.takers ?? []
      expect(second).toMatch(/^(thread|process) \d+$/)
      expect(second).not.toBe(first)
      expect(stdout).toContain(`One ${flavour === "worker" ? "thread" : "process"} was killed on purpose, half-way`)
      expect(stdout).toContain(death?.poisoned)
    }
    expect(stdout.match(/; 0 lost\n/g)).toHaveLength(2)
    expect(stdout).toMatch(/^ +inline .*1\.00 × .*\n +worker .* × .*\n +process .* × /m)
  })

  it.each(["worker", "process"])("runs on the %s flavour alone, and typed failures arrive by their names", async (flavour) => {
    const { code, runs, stdout } = await run("--flavour", flavour, "--size", "1", "--concurrency", "3")
    expect({ code, runs: runs().map((one) => [one.flavour, one.size, one.concurrency]) }).toEqual({ code: 0, runs: [[flavour, 1, 3]] })
    const kinds = runs()[0]!.summary.failures.map(({ kind, names }) => `${kind} ${names.join(" ")}`)
    expect(kinds).toEqual(
      expect.arrayContaining([
        "NotFound trouble/missing.md trouble/link-to-nothing.ts",
        "NotAFile trouble/folder.ts",
        "Binary trouble/node-itself",
        "TimedOut trouble/pipe-nobody-writes-to.md"
      ])
    )
    expect(stdout).not.toContain("Side by side")
  })

  it("keeps what was done when the time is over on each, and compares what there was time for", async () => {
    const { code, left, runs, stdout } = await run("--deadline", "2s", "--timeout", "1m")
    expect({ code, left }).toEqual({ code: 0, left: [] })
    for (const { summary } of runs()) {
      const { cancelled, completed, failed, notStarted, timedOut, total } = summary
      expect({ sum: completed + failed + timedOut + cancelled + notStarted, cancelled }).toEqual({ sum: total, cancelled: 0 })
      // The pipe, at least.
      expect(timedOut + notStarted).toBeGreaterThan(0)
    }
    expect(stdout).toMatch(/^the same answer (each time|wherever there was time for one)$/m)
  })

  it("compares concurrencies and flavours with --verify", async () => {
    const { code, stdout } = await run("--verify", "--timeout", "1s")
    const lines = stdout.trimEnd().split("\n")
    expect({ code, runs: lines.slice(0, -1).map((line) => line.split(" at once")[0]), last: lines.at(-1) }).toEqual({
      code: 0,
      runs: ["inline", "worker", "process"].flatMap((flavour) => [" 1", " 8", "64"].map((n) => `${flavour.padEnd(7)}  ${n}`)),
      last: expect.stringMatching(/^the same answer (each time|wherever there was time for one)$/)
    })
  })

  it("stops on SIGINT while threads run, with what is done", async () => {
    const json = join(dir, "stopped.json")
    const child = spawn(
      process.execPath,
      ["examples/src/main.ts", "--flavour", "worker", "--dir", tree, "--timeout", "1m", "--json", json],
      { cwd: root, stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, SKEIN_SMOKE: undefined } }
    )
    // A line of progress: the run has begun, and the pipe holds it.
    await once(child.stderr, "data")
    child.kill("SIGINT")
    const [code] = (await once(child, "close")) as [number | null]
    const { flavours, stoppedBy } = JSON.parse(readFileSync(json, "utf8")) as { flavours: ReadonlyArray<Run>; stoppedBy: string }
    const { cancelled, completed, failed, notStarted, timedOut, total } = flavours[0]!.summary
    expect({ code, stoppedBy, sum: completed + failed + timedOut + cancelled + notStarted }).toEqual({
      code: 130,
      stoppedBy: "SIGINT",
      sum: total
    })
    expect(cancelled).toBeGreaterThan(0)
  })

  it.each([
    [["--flavour", "cloud"], `--flavour must be inline, worker, process or all, got "cloud"`],
    [["--size", "0"], `--size must be a whole number from 1 to 100, got "0"`]
  ])("refuses %j", async (args, message) => {
    const { code, stderr, stdout } = await run(...args)
    expect({ code, stderr, stdout }).toEqual({ code: 2, stderr: `skein: ${message}\nnpm start -- --help lists the flags\n`, stdout: "" })
  })
})
