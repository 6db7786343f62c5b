import { stripVTControlCharacters } from "node:util"
import { describe, expect, it } from "vitest"
import type { Attempt, JobRecord } from "../src/job.ts"
import type { Halt } from "../src/sizes.ts"
import { type Ending, exitCode, type Result, text } from "../src/summary.ts"
import * as tally from "../src/tally.ts"
import { jobOf, recordOf } from "./fixtures/records.ts"

const resultOf = (records: ReadonlyArray<JobRecord>, fields: Partial<Result> = {}): Result => {
  const { observer, totals } = tally.make()
  for (const record of records) {
    observer.finished?.(record)
    for (const attempt of record.attempts) observer.attempted?.(record.job, attempt)
  }
  return {
    ending: { _tag: "Done" },
    totals: totals(),
    skipped: 0,
    notStarted: 0,
    slots: 4,
    startedAt: 0,
    endedAt: 12_500,
    ...fields
  }
}

/** So many that ended well, and so many that failed. */
const jobs = (ok: number, failed = 0): ReadonlyArray<JobRecord> => [
  ...Array.from({ length: ok }, (_, index) => recordOf(jobOf(index + 1))),
  ...Array.from({ length: failed }, (_, index) => recordOf(jobOf(ok + index + 1), { exitCode: 3 }))
]

describe("summary.exitCode", () => {
  it.each([
    [0, 0],
    [1, 1],
    [100, 100],
    [101, 101],
    [5000, 101]
  ])("of %i failed jobs is %i", (failed, code) => expect(exitCode(resultOf(jobs(1, failed)))).toBe(code))

  it("does not count what was stopped", () => {
    expect(exitCode(resultOf([recordOf(jobOf(1), { why: "stopped", signal: 15 })]))).toBe(0)
  })

  it.each([
    [{ _tag: "Signal", signal: "SIGINT" }, 130],
    [{ _tag: "Signal", signal: "SIGTERM" }, 143],
    [{ _tag: "Signal", signal: "SIGHUP" }, 129],
    [{ _tag: "Deadline" }, 124],
    [{ _tag: "Closed" }, 141],
    [{ _tag: "Broken", message: "no" }, 255]
  ] satisfies ReadonlyArray<[Ending, number]>)("is the same whatever failed before %o", (ending, code) => {
    expect([exitCode(resultOf(jobs(1), { ending })), exitCode(resultOf(jobs(1, 7), { ending }))]).toEqual([code, code])
  })

  const halted = (halt: Halt, end: Partial<Attempt>, others: ReadonlyArray<JobRecord> = []): number => {
    const record = recordOf(jobOf(1), end)
    return exitCode(resultOf([record, ...others], { ending: { _tag: "Halted", record }, halt }))
  }
  const after = (on: "fail" | "success" | "done", count: number): Halt => ({ when: "now", on, limit: { kind: "count", count } })

  it.each([
    ["an exit code", { exitCode: 3 }, 3],
    ["a signal", { why: "signal", signal: 9 }, 137],
    ["a time limit", { why: "timeout", signal: 15 }, 124],
    ["a program that is not there", { why: "not-found", exitCode: 127 }, 127],
    ["output that was lost", { why: "broken" }, 255]
  ] satisfies ReadonlyArray<[string, Partial<Attempt>, number]>)(
    "is that of the job where the first failure halts: %s",
    (_what, end, code) => {
      expect(halted(after("fail", 1), end, jobs(0, 4))).toBe(code)
    }
  )

  // GNU parallel 20221122 with -j1 over jobs that exit with 3, 0, 4 and 5, and the same policies.
  it.each([
    ["fail=2", after("fail", 2), [3, 0, 4], 2],
    ["fail=30%", { when: "soon", on: "fail", limit: { kind: "share", share: 0.3 } }, [3, 0], 50],
    ["success=1", after("success", 1), [3, 0], 0],
    ["success=2", after("success", 2), [3, 0, 4, 0], 0],
    ["done=2", after("done", 2), [3, 0], 1]
  ] satisfies ReadonlyArray<[string, Halt, ReadonlyArray<number>, number]>)(
    "is that of parallel with the policy %s",
    (_what, halt, codes, code) => {
      const records = codes.map((exitCode, index) => recordOf(jobOf(index + 1), { exitCode }))
      expect(exitCode(resultOf(records, { halt, ending: { _tag: "Halted", record: records.at(-1)! } }))).toBe(code)
    }
  )
})

describe("summary.text", () => {
  const lines = (result: Result, options?: Parameters<typeof text>[1]): ReadonlyArray<string> => text(result, options).split("\n")

  it("says in few lines that all went well", () => {
    expect(lines(resultOf(jobs(50)))).toEqual([
      "✔ 50 jobs done in 12.5 s",
      "  times    median 0.50 s, 95% within 0.50 s, longest 0.50 s",
      "  pace     4/s, 150 B of output, 4 slots 50% busy, about 2.0 × as fast as one at a time"
    ])
  })

  it("shows the first failures, and counts the others", () => {
    const failures = [
      recordOf(jobOf(7, "gzip -9 'a b'"), { exitCode: 2 }),
      recordOf(jobOf(8), { why: "signal", signal: 11 }),
      recordOf(jobOf(9), { why: "timeout", signal: 15 }),
      recordOf(jobOf(10), { why: "not-found", exitCode: 127 }),
      recordOf(jobOf(11), { why: "broken", message: "the disk\nis full" }),
      recordOf(jobOf(12), { exitCode: 1 }),
      recordOf(jobOf(13), { exitCode: 1 })
    ]
    expect(lines(resultOf([...jobs(3), ...failures]), { resume: "skein run --resume-failed" })).toEqual([
      "✘ 7 of 10 jobs failed in 12.5 s",
      "  jobs     1 timed out",
      "  failed   #7    exit 2              gzip -9 'a b'",
      "           #8    SIGSEGV             echo 8",
      "           #9    timed out (0.50 s)  echo 9",
      "           #10   not found           echo 10",
      "           #11   the disk⏎is full    echo 11",
      "           and 2 more",
      "  times    median 0.50 s, 95% within 0.50 s, longest 0.50 s",
      "  pace     48/min, 30 B of output, 4 slots 10% busy",
      "  resume   skein run --resume-failed"
    ])
  })

  it("keeps commands within the window", () => {
    const [, line] = lines(resultOf([recordOf(jobOf(1, "x".repeat(500)), { exitCode: 1 })]), { columns: 60 })
    expect([line!.length, line!.endsWith("x…")]).toEqual([60, true])
  })

  it("shows what the system said rather than the end of a command", () => {
    const record = recordOf(jobOf(1, "x".repeat(500)), { why: "broken", message: "its shell cannot be started: spawn sh EMFILE" })
    const [, line] = lines(resultOf([record]), { columns: 80 })
    expect(line).toMatch(/its shell cannot be started: spawn sh EMFILE {2}x+…$/)
    expect(line!.length).toBe(80)
  })

  it("says what was left, and how to do it", () => {
    const ending: Ending = { _tag: "Signal", signal: "SIGINT" }
    const stopped = recordOf(jobOf(9), { why: "stopped", signal: 15 })
    expect(lines(resultOf([...jobs(1), stopped], { ending, skipped: 3, notStarted: 12 }), { resume: "again" }).slice(0, 2)).toEqual([
      "✘ stopped by SIGINT after 12.5 s: 1 job done",
      "  jobs     3 done earlier, 1 stopped while they ran, 12 not started"
    ])
    expect(lines(resultOf([stopped], { ending }), { resume: "again" }).at(-1)).toBe("  resume   again")
    expect(lines(resultOf(jobs(1)), { resume: "again" })).toEqual(["✔ 1 job done in 12.5 s"])
  })

  it.each([
    [{ _tag: "Halted", record: recordOf(jobOf(4), { exitCode: 3 }) }, "✘ halted after job 4 exit 3: 1 of 2 jobs failed in 12.5 s"],
    [{ _tag: "Deadline" }, "✘ the deadline came after 12.5 s: 1 of 2 jobs failed"],
    [{ _tag: "Closed" }, "✘ stopped, since nobody reads the output any more: 1 of 2 jobs failed in 12.5 s"],
    [{ _tag: "Broken", message: "input.csv: line 7 is no CSV" }, "✘ input.csv: line 7 is no CSV; 1 of 2 jobs failed in 12.5 s"]
  ] satisfies ReadonlyArray<[Ending, string]>)("says why it ended early: %o", (ending, line) => {
    expect(lines(resultOf(jobs(1, 1), { ending, notStarted: undefined })).slice(0, 2)).toEqual([
      line,
      "  jobs     the input was not read to its end"
    ])
  })

  it("says that there was nothing to do", () => {
    expect([lines(resultOf([])), lines(resultOf([], { skipped: 5 }))]).toEqual([
      ["✔ nothing to do: no input"],
      ["✔ nothing left to do: 5 jobs done earlier"]
    ])
  })

  it("counts attempts beyond the first", () => {
    expect(lines(resultOf([...jobs(1), recordOf(jobOf(2), { exitCode: 1 }, { exitCode: 1 }, {})]))[1]).toBe(
      "  jobs     1 tried more than once (2 retries)"
    )
  })

  it("has colours where they are asked for, and the same words", () => {
    const result = resultOf(jobs(1, 1))
    const colored = text(result, { color: "always" })
    expect([colored === text(result), stripVTControlCharacters(colored) === text(result)]).toEqual([false, true])
  })
})
