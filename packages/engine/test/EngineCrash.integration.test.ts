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

/** Starts the program, and kills it so long after it was ready, or before. Gives what it said. */
const runFor = async (args: ReadonlyArray<string>, millis: number): Promise<string> => {
  const program = fileURLToPath(new URL("fixtures/crashProgram.ts", import.meta.url))
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "inherit"] })
  let said = ""
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text))
  if (millis === Infinity) await ended
  else {
    while (!said.includes("ready") && child.exitCode === null) await sleep(1)
    await Promise.race([sleep(millis), ended])
    child.kill("SIGKILL")
    await ended
  }
  return said
}

const runsIn = (file: string): Promise<ReadonlyArray<StoredRun>> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(SqliteStore.make({ path: file, access: "read" }), (store) => store.list())))

const isOver = ({ state }: StoredRun): boolean => state !== "waiting" && state !== "running"

const linesOf = (ledger: string): ReadonlyArray<string> => (existsSync(ledger) ? readFileSync(ledger, "utf8").split("\n").slice(0, -1) : [])

const count = (lines: ReadonlyArray<string>, line: string): number => lines.filter((one) => one === line).length

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
        for (const [id, times] of starts) expect(count(lines, `+${id}`), `${id}, whose end was recorded`).toBe(times)
        if (said.includes("idle") || killed % deaths === 0) break
      }
      expect(await runFor(args, Infinity)).toContain("idle")
      const [runs, lines] = [await runsIn(file), linesOf(ledger)]
      expect(runs.map(({ id }) => id)).toEqual(Array.from({ length: 60 }, (_, n) => `j${n}`))
      expect(runs.filter((run) => !isOver(run))).toEqual([])
      for (const run of runs) {
        const starts = count(lines, `+${run.id}`)
        const isOnce = JSON.stringify(run.description).includes('"once"')
        expect(starts, `starts of ${run.id}`).toBeLessThanOrEqual(isOnce ? 1 : 3)
        expect(starts, `attempts of ${run.id}`).toBeLessThanOrEqual(run.attempts)
        if (run.state === "completed") expect(count(lines, `-${run.id}`), `ends of ${run.id}`).toBeGreaterThanOrEqual(1)
        if (run.state === "failed") expect(JSON.stringify(run.end)).toContain("JobLost")
      }
    }
  }, 900_000)
})
