// Real here: the main program of `examples` as a process of its own, its files, its signals, and so the time it takes.
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("../../..", import.meta.url))

let dir: string
const children: Array<ChildProcess> = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "skein-main-"))
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
  rmSync(dir, { recursive: true, force: true })
})

/** What the JSON report holds of interest here. */
interface Report {
  readonly stoppedBy: string | null
  readonly total: number
  readonly completed: number
  readonly failed: number
  readonly timedOut: number
  readonly cancelled: number
  readonly notStarted: number
  readonly lines: number
  readonly words: number
  readonly digest: string
  readonly failures: ReadonlyArray<{ readonly kind: string; readonly names: ReadonlyArray<string> }>
  readonly topWords: ReadonlyArray<{ readonly word: string; readonly count: number }>
}

/** Starts the program in a process group of its own, with an empty folder for its temporary files. */
const start = (args: ReadonlyArray<string>) => {
  const temporary = mkdtempSync(join(dir, "tmp-"))
  const json = join(dir, `report-${children.length}.json`)
  const child = spawn(process.execPath, ["examples/src/main.ts", ...args, "--json", json], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    env: { ...process.env, TMPDIR: temporary, SKEIN_SMOKE: undefined, FORCE_COLOR: undefined }
  })
  children.push(child)
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (chunk) => (stdout += chunk))
  child.stderr.setEncoding("utf8").on("data", (chunk) => (stderr += chunk))
  const ended = once(child, "close").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    stdout,
    stderr,
    /** What it did not clean up. */
    left: readdirSync(temporary),
    report: () => JSON.parse(readFileSync(json, "utf8")) as Report
  }))
  return { child, ended }
}

const run = (...args: ReadonlyArray<string>) => start(args).ended

/** A small tree in which everything is known. */
const makeTree = (): string => {
  const tree = join(dir, "tree")
  mkdirSync(join(tree, "deep", "er"), { recursive: true })
  writeFileSync(join(tree, "a.ts"), "const one = 1\nconst two = one\n")
  writeFileSync(join(tree, "deep", "b.md"), "one two\nthree, grün")
  writeFileSync(join(tree, "deep", "er", "c.d.ts"), "")
  writeFileSync(join(tree, "deep", "data.md"), "text\0")
  writeFileSync(join(tree, "deep", "picture.png"), Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0]))
  writeFileSync(join(tree, "deep", "made.ts"), `export const x = "${"y".repeat(30_000)}"`)
  writeFileSync(join(tree, "ignored.txt"), "not looked at")
  symlinkSync(tree, join(tree, "deep", "circle"))
  return tree
}

describe("the main job: its answer", () => {
  it("counts what is there and groups what failed by kind", async () => {
    const { code, left, report, stdout } = await run("--dir", makeTree(), "--timeout", "1s")
    const { completed, failed, failures, lines, timedOut, topWords, total, words } = report()
    expect({ code, left, completed, total, lines, words }).toEqual({
      code: 0,
      left: [],
      completed: 3,
      total: 3 + failed + timedOut,
      lines: 4,
      words: 9
    })
    const kinds = Object.fromEntries(failures.map(({ kind, names }) => [kind, names]))
    expect(kinds).toMatchObject({
      Binary: ["trouble/node-itself", "deep/picture.png", "deep/data.md"],
      Generated: ["deep/made.ts"],
      NotFound: ["trouble/missing.md", "trouble/link-to-nothing.ts"],
      NotAFile: ["trouble/folder.ts"],
      TimedOut: ["trouble/pipe-nobody-writes-to.md"]
    })
    for (const kind of Object.keys(kinds)) expect(stdout).toContain(kind)
    expect(topWords.map(({ count, word }) => `${word} ${count}`)).toEqual(["one 3", "const 2", "two 2", "grün 1", "three 1"])
  })

  it("is the same with 1 at once and with 16", async () => {
    const one = await run("--concurrency", "1", "--limit", "500")
    const sixteen = await run("--concurrency", "16", "--limit", "500")
    expect(one.report().completed).toBeGreaterThan(450)
    expect(sixteen.report().digest).toBe(one.report().digest)
  })

  it("is not the same when one byte of one file is another", async () => {
    const tree = makeTree()
    const before = await run("--dir", tree, "--timeout", "1s")
    writeFileSync(join(tree, "a.ts"), "const one = 1\nconst two = onE\n")
    const after = await run("--dir", tree, "--timeout", "1s")
    expect(after.report().digest).not.toBe(before.report().digest)
  })

  it("says itself that it is the same", async () => {
    const { code, stdout } = await run("--verify", "--dir", makeTree(), "--timeout", "1s")
    expect({ code, last: stdout.trimEnd().split("\n").at(-1) }).toEqual({
      code: 0,
      last: expect.stringMatching(/^the same answer (each time|wherever there was time for one)$/)
    })
  })

  it("holds what was done when the deadline came, and one outcome for every file", async () => {
    const { code, left, report, stdout } = await run("--deadline", "1s", "--timeout", "1m")
    const { cancelled, completed, failed, notStarted, timedOut, total } = report()
    expect(completed + failed + timedOut + cancelled + notStarted).toBe(total)
    expect({ code, left, cancelled, some: completed > 0 }).toEqual({ code: 0, left: [], cancelled: 0, some: true })
    expect(stdout).toContain("Time is over")
  })
})

describe("the main job: stopping it", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143]
  ] as const)("answers %s within 2 seconds with what was done, and leaves nothing behind", async (signal, expected) => {
    // The pipe would hold it for a minute, so it is certainly still running.
    const { child, ended } = start(["--timeout", "1m"])
    await once(child.stderr!, "data")
    const asked = performance.now()
    child.kill(signal)
    const { code, left, report, stdout } = await ended
    expect(performance.now() - asked).toBeLessThan(2000)
    const { cancelled, completed, failed, notStarted, stoppedBy, timedOut, total } = report()
    expect({ code, left, stoppedBy }).toEqual({ code: expected, left: [], stoppedBy: signal })
    expect(completed + failed + timedOut + cancelled + notStarted).toBe(total)
    expect(completed).toBeGreaterThan(0)
    expect(stdout).toContain(`Stopped by ${signal}: ${completed.toLocaleString("en")} of ${total.toLocaleString("en")} files done`)
    // Nobody is left in its process group.
    expect(() => process.kill(-child.pid!, 0)).toThrow("ESRCH")
  })
})

describe("the main job: what it prints", () => {
  it("writes plain lines and no escape codes where there is no terminal", async () => {
    const { stderr, stdout } = await run("--dir", makeTree(), "--timeout", "1s")
    expect(stdout + stderr).not.toContain("\u001b")
    // A slow machine has time for more than one line.
    expect(stderr).toMatch(/^(\d+ of \d+ files .*\n)*\d+ of \d+ files \(100%\).*, \d+ failed, 1 timed out\n$/)
  })

  it("writes no progress when it is to be quiet", async () => {
    const { stderr } = await run("--quiet", "--dir", makeTree(), "--timeout", "1s")
    expect(stderr).toBe("")
  })

  it("lists every flag it knows", async () => {
    const { code, stdout } = await run("--help")
    const flags = ["concurrency", "dir", "limit", "timeout", "deadline", "json", "verify", "quiet", "smoke", "help"]
    expect({ code, missing: flags.filter((flag) => !stdout.includes(`--${flag} `)) }).toEqual({ code: 0, missing: [] })
  })

  it.each([
    [["--concurrency", "0"], `--concurrency must be a whole number from 1 to 1,000,000, got "0"`],
    [["--concurrency", "many"], `--concurrency must be a whole number from 1 to 1,000,000, got "many"`],
    [["--limit", "2.5"], `--limit must be a whole number from 1 to 1,000,000, got "2.5"`],
    [["--timeout", "5"], `--timeout must be a time such as 500ms, 2s or 1m, got "5"`],
    [["--deadline", "0s"], `--deadline must be a time such as 500ms, 2s or 1m, got "0s"`],
    [["--dir", "no/such/folder"], `--dir must be a folder, got "no/such/folder"`],
    [["--fast"], "Unknown option '--fast'"],
    [["now"], "Unexpected argument 'now'"]
  ])("refuses %j with one sentence and exit code 2", async (args, message) => {
    const { code, stderr, stdout } = await run(...args)
    expect({ code, stderr, stdout }).toEqual({ code: 2, stderr: `skein: ${message}\nnpm start -- --help lists the flags\n`, stdout: "" })
  })
})
