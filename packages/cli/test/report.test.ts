import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { dirname } from "node:path"
import { describe, expect, it } from "vitest"
import * as report from "../src/report.ts"
import type { Result } from "../src/summary.ts"
import * as tally from "../src/tally.ts"
import { attemptOf, jobOf, recordOf } from "./fixtures/records.ts"
import { scratch } from "./fixtures/scratch.ts"

const path = scratch()

const result = (): Result => {
  const { observer, totals } = tally.make()
  const failed = recordOf(jobOf(2), { exitCode: 3 })
  for (const record of [recordOf(jobOf(1)), failed]) {
    observer.started?.(record.job, 1, 1, 0)
    observer.attempted?.(record.job, attemptOf())
    observer.finished?.(record)
  }
  const ending = { _tag: "Halted", record: failed } as const
  return { ending, totals: totals(), skipped: 5, notStarted: undefined, slots: 4, startedAt: 1000, endedAt: 13_500 }
}

const write = (at: string, of: Result = result()): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(report.make({ path: at, argv: ["run", "-j4"] }), (made) => made.write(of))))

describe("report", () => {
  it("says as data what became of the jobs", async () => {
    const at = path("report.json")
    await write(at)
    const times = (seconds: number) => ({ min: seconds, p50: seconds, p95: seconds, p99: seconds, max: seconds, mean: seconds })
    expect(JSON.parse(fs.readFileSync(at, "utf8"))).toEqual({
      version: 1,
      argv: ["run", "-j4"],
      started: "1970-01-01T00:00:01.000Z",
      ended: "1970-01-01T00:00:13.500Z",
      seconds: 12.5,
      slots: 4,
      exit: 3,
      ending: { reason: "halted", seq: 2 },
      jobs: { done: 2, ok: 1, failed: 1, timedOut: 0, stopped: 0, retried: 0, retries: 0, skipped: 5, notStarted: null },
      run: times(0.5),
      wait: times(1),
      busy: 1,
      peak: 1,
      received: 6,
      failures: [
        {
          seq: 2,
          key: "key of echo 2",
          command: "echo 2",
          input: ["2"],
          exit: 3,
          signal: 0,
          why: "exit",
          start: 2,
          seconds: 0.5,
          attempts: 1
        }
      ]
    })
  })

  it.each([
    [{ _tag: "Done" }, { reason: "done" }],
    [{ _tag: "Deadline" }, { reason: "deadline" }],
    [{ _tag: "Closed" }, { reason: "closed" }],
    [
      { _tag: "Signal", signal: "SIGINT" },
      { reason: "signal", signal: "SIGINT" }
    ],
    [
      { _tag: "Broken", message: "no" },
      { reason: "broken", message: "no" }
    ]
  ] as const)("says how the whole ended: %o", async (ending, said) => {
    const at = path("report.json")
    await write(at, { ...result(), ending })
    expect((JSON.parse(fs.readFileSync(at, "utf8")) as { readonly ending: unknown }).ending).toEqual(said)
  })

  it("keeps what was there before until it is written, and leaves nothing beside it", async () => {
    const directory = path("directory")
    fs.mkdirSync(directory)
    const at = `${directory}/report.json`
    fs.writeFileSync(at, "before")
    await Effect.runPromise(Effect.scoped(report.make({ path: at, argv: [] })))
    expect([fs.readFileSync(at, "utf8"), fs.readdirSync(directory)]).toEqual(["before", ["report.json"]])
    await write(at)
    expect([fs.readFileSync(at, "utf8") === "before", fs.readdirSync(directory)]).toEqual([false, ["report.json"]])
  })

  it.each([
    ["a directory that is not there", () => path("none/report.json"), "ENOENT"],
    ["a directory in its place", () => dirname(path("x")), "EISDIR"]
  ])("fails at once with %s", async (_what, at, code) => {
    const error = await Effect.runPromise(Effect.flip(Effect.scoped(report.make({ path: at(), argv: [] }))))
    expect([error._tag, error.code]).toEqual(["ReportError", code])
  })
})
