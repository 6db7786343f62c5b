// Real here: a process with an engine on a file of SQLite that is killed by SIGKILL again and again, and the file that its jobs write to. The full size runs with SKEIN_SOAK=1.
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import type { StoredRun } from "../src/JobStore.ts"
import * as SqliteStore from "../src/SqliteStore.ts"

const moments = process.env["SKEIN_SOAK"] === "1" ? 200 : 10

const folder = mkdtempSync(join(tmpdir(), "skein-crash-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const crashProgram = new URL("fixtures/crashProgram.ts", import.meta.url)
const scheduleProgram = new URL("fixtures/scheduleProgram.ts", import.meta.url)

const start = (args: ReadonlyArray<string>, program = crashProgram) => {
  const child = spawn(process.execPath, [fileURLToPath(program), ...args], { stdio: ["ignore", "pipe", "pipe"] })
  let said = ""
  let errors = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text))
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve))
  const has = async (word: string): Promise<void> => {
    while (!said.includes(word) && child.exitCode === null && child.signalCode === null) await sleep(1)
  }
  return { child, ended, has, said: () => said, errors: () => errors }
}

/** Starts the program, and kills it so long after it was ready, or before. Gives what it said. */
const runFor = async (args: ReadonlyArray<string>, millis: number): Promise<string> => {
  const { child, ended, errors, has, said } = start(args)
  if (millis < Infinity) {
    await has("ready")
    await Promise.race([sleep(millis), ended])
    child.kill("SIGKILL")
  }
  await ended
  expect(errors()).toBe("")
  return said()
}

const runsIn = (file: string): Promise<ReadonlyArray<StoredRun>> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(SqliteStore.make({ path: file, access: "read" }), (store) => store.list())))

const isOver = ({ state }: StoredRun): boolean => state !== "waiting" && state !== "running"

const linesOf = (ledger: string): ReadonlyArray<string> => (existsSync(ledger) ? readFileSync(ledger, "utf8").split("\n").slice(0, -1) : [])

const mayRunTwice = ({ description }: StoredRun): boolean => JSON.stringify(description).includes('"twice"')

const count = (lines: ReadonlyArray<string>, line: string): number => lines.filter((one) => one === line).length

describe("A second process on the same file", () => {
  it("runs nothing while the first has it, and goes on at once when that is killed", async () => {
    const args = [join(folder, "two.db"), join(folder, "two.txt"), "5"]
    const first = start([...args, "1000"])
    await first.has("ready")
    const second = start(args)
    const refused = await second.ended
    expect(second.errors()).toContain("is in use by another engine")
    expect(refused).not.toBe(0)
    first.child.kill("SIGKILL")
    await first.ended
    const third = start(args)
    // What the first has submitted takes its time; the lock is what is looked at here.
    await third.has("ready")
    third.child.kill("SIGKILL")
    await third.ended
    expect(third.errors()).toBe("")
    const lines = linesOf(args[1]!)
    const tooOften = (await runsIn(args[0]!)).filter((run) => count(lines, `+${run.id}`) > (mayRunTwice(run) ? 2 : 1))
    expect(tooOften).toEqual([])
  }, 60_000)
})

describe("A process with a schedule that is killed", () => {
  it("loses no tick, and has none twice", async () => {
    const [file, ledger] = [join(folder, "ticks.db"), join(folder, "ticks.txt")]
    for (const millis of [250, 130, 310]) {
      const { child, ended, errors, has } = start([file, ledger], scheduleProgram)
      await has("ready")
      await sleep(millis)
      child.kill("SIGKILL")
      await ended
      expect(errors()).toBe("")
    }
    expect(await start([file, ledger, "300"], scheduleProgram).ended).toBe(0)
    const runs = await runsIn(file)
    expect(runs.filter(({ state }) => state !== "completed")).toEqual([])
    const done = [...new Set(linesOf(ledger).flatMap((line) => (line.startsWith("-") ? [Number(line.slice(1))] : [])))].toSorted(
      (a, b) => a - b
    )
    expect(done.length).toBe(runs.length)
    expect(done).toEqual(Array.from(done, (_, n) => done[0]! + n * 100))
  }, 60_000)
})

describe("A process with an engine that is killed", () => {
  it(`loses no job, repeats no recorded end, and runs twice only what may, at ${moments} moments`, async () => {
    for (let killed = 0, round = 0; killed < moments; round++) {
      const file = join(folder, `${round}.db`)
      const ledger = join(folder, `${round}.txt`)
      const args = [file, ledger, String(round + 1)]
      // Some rounds are killed often and some once: what is left is another thing each time.
      for (const deaths = 1 + (round % 5); killed < moments;) {
        const before = existsSync(file) ? (await runsIn(file)).filter(isOver) : []
        const starts = new Map(before.map(({ id }) => [id, count(linesOf(ledger), `+${id}`)] as const))
        const said = await runFor(args, ((round * 13 + killed * 29) % 97) + 1)
        killed++
        const lines = linesOf(ledger)
        expect([...starts].filter(([id, times]) => count(lines, `+${id}`) !== times)).toEqual([])
        if (said.includes("idle") || killed % deaths === 0) break
      }
      expect(await runFor(args, Infinity)).toContain("idle")
      const [runs, lines] = [await runsIn(file), linesOf(ledger)]
      expect(runs.map(({ id }) => id)).toEqual(Array.from({ length: 60 }, (_, n) => `j${n}`))
      expect(runs.filter((run) => !isOver(run))).toEqual([])
      const starts = (run: StoredRun): number => count(lines, `+${run.id}`)
      expect(runs.filter((run) => starts(run) > (mayRunTwice(run) ? 3 : 1))).toEqual([])
      expect(runs.filter((run) => starts(run) > run.attempts)).toEqual([])
      expect(runs.filter((run) => run.state === "completed" && count(lines, `-${run.id}`) === 0)).toEqual([])
      expect(runs.filter((run) => run.state === "failed" && !JSON.stringify(run.end).includes("JobLost"))).toEqual([])
    }
  }, 900_000)
})
