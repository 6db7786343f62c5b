import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { basename, dirname } from "node:path"
import { describe, expect, it } from "vitest"
import type { Job, JobRecord } from "../src/job.ts"
import * as jobLog from "../src/jobLog.ts"
import { jobOf, recordOf } from "./fixtures/records.ts"
import { scratch } from "./fixtures/scratch.ts"

const path = scratch()

const header = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n"

/** What GNU parallel 20221122 wrote for a job that ended well, one that failed, and one that its time limit ended. */
const line1 = "1\t:\t1795310792.013\t     0.000\t0\t2\t0\t0\techo 1\n"
const line2 = "2\t:\t1795310792.016\t     0.016\t0\t2\t1\t0\techo 2\n"
const line3 = "3\t:\t1795310794.649\t     1.481\t0\t0\t-1\t15\tsleep 3\n"

const json = (seq: number): string => JSON.stringify({ seq, key: `key of echo ${seq}`, exit: 0, signal: 0, why: "exit" })

const file = (name: string, text: string): string => {
  const at = path(name)
  fs.writeFileSync(at, text)
  return at
}

const read = (at: string): string => fs.readFileSync(at, "utf8")

interface Opened {
  readonly log: jobLog.JobLog
  readonly entries: ReadonlyArray<jobLog.Entry>
}

/** Opens a log, appends records, and closes it. */
const run = (options: jobLog.Options, ...records: ReadonlyArray<JobRecord>): Promise<Opened> => {
  const entries: Array<jobLog.Entry> = []
  return Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const log = yield* jobLog.open({ ...options, onEntry: (entry) => entries.push(entry) })
        for (const record of records) yield* log.append(record)
        return { log, entries }
      })
    )
  )
}

const refused = (options: jobLog.Options, ...records: ReadonlyArray<JobRecord>): Promise<jobLog.JobLogError> =>
  run(options, ...records).then(
    () => Promise.reject(new Error("it was opened")),
    (error: jobLog.JobLogError) => error
  )

const leftBeside = (at: string): ReadonlyArray<string> =>
  fs.readdirSync(dirname(at)).filter((name) => name.startsWith(basename(at)) && name !== basename(at))

describe("jobLog in GNU parallel's format", () => {
  it("writes the columns as parallel does", async () => {
    const at = path("log")
    await run({ path: at }, recordOf(jobOf(7), { startedAt: 1795310792013.4, endedAt: 1795310804518.4 }))
    expect(read(at)).toBe(`${header}7\t:\t1795310792.013\t    12.505\t0\t3\t0\t0\techo 7\n`)
  })

  it.each([
    ["an exit code", { why: "exit", exitCode: 3 }, "3\t0"],
    ["a signal", { why: "signal", signal: 9 }, "0\t9"],
    ["a time limit", { why: "timeout", signal: 15 }, "-1\t15"],
    ["a program that is not there", { why: "not-found", exitCode: 127 }, "127\t0"],
    ["output that could not be kept", { why: "broken", exitCode: 0 }, "-1\t0"]
  ] as const)("writes %s where parallel does, and never as a success", async (_what, end, columns) => {
    const at = path("log")
    await run({ path: at }, recordOf(jobOf(1), end))
    expect(read(at).split("\n")[1]!.split("\t").slice(6, 8).join("\t")).toBe(columns)
    expect((await run({ path: at })).entries).toEqual([{ id: "echo 1", ok: false }])
  })

  it("keeps a record on one line whatever the command holds, and reads the same command again", async () => {
    const at = path("log")
    const text = "printf 'a\nb\tc\r' \\\n'ü'"
    await run({ path: at }, recordOf(jobOf(1, text)))
    expect(read(at).split("\n")).toHaveLength(3)
    expect(read(at).slice(header.length)).toContain("printf 'a\0b\tc\r' \\\0'ü'")
    expect((await run({ path: at })).entries).toEqual([{ id: text, ok: true }])
  })

  it("reads what parallel wrote", async () => {
    const { entries, log } = await run({ path: file("log", header + line1 + line2 + line3) })
    expect(entries).toEqual([
      { id: "echo 1", ok: true },
      { id: "echo 2", ok: false },
      { id: "sleep 3", ok: false }
    ])
    expect([log.format, log.entries, log.notices]).toEqual(["parallel", 3, []])
  })

  it("moves a record that was cut off at any byte aside, and goes on after the one before it", async () => {
    const cut = Array.from(line2.slice(0, -1), (_, index) => line2.slice(0, index + 1))
    for (const torn of cut) {
      const at = file("log", header + line1 + torn)
      const { entries, log } = await run({ path: at }, recordOf(jobOf(3)))
      expect(entries).toEqual([{ id: "echo 1", ok: true }])
      expect(read(at).startsWith(header + line1)).toBe(true)
      expect((await run({ path: at })).entries.map(({ id }) => id)).toEqual(["echo 1", "echo 3"])
      expect(read(`${at}.torn`)).toBe(`${torn}\n`)
      expect(log.notices).toEqual([`its last line was written in part: ${torn.length} bytes were moved to ${at}.torn`])
    }
  })

  it.each([header.slice(0, 20), header.slice(0, -1)])("completes a header that was cut off", async (start) => {
    const at = file("log", start)
    await run({ path: at }, recordOf(jobOf(1), { startedAt: 0, endedAt: 0 }))
    expect(read(at)).toBe(`${header}1\t:\t0.000\t     0.000\t0\t3\t0\t0\techo 1\n`)
  })
})

describe("jobLog in JSON lines", () => {
  it("writes a record with all that is known of it", async () => {
    const at = path("log.jsonl")
    const failed = { why: "exit", exitCode: 1, startedAt: 1000, endedAt: 1100 } as const
    await run({ path: at }, recordOf(jobOf(7, "echo 'a\nb'", ["a\nb"]), failed, { startedAt: 2000, endedAt: 2500.5 }))
    expect(JSON.parse(read(at).trimEnd())).toEqual({
      seq: 7,
      key: "key of echo 'a\nb'",
      start: 2,
      seconds: 0.5005,
      exit: 0,
      signal: 0,
      why: "exit",
      attempts: 2,
      received: 3,
      command: "echo 'a\nb'",
      input: ["a\nb"]
    })
    expect(read(at).split("\n")).toHaveLength(2)
  })

  it("shows the fields of an input that is a record", async () => {
    const at = path("log.jsonl")
    const job: Job = { ...jobOf(1), input: { values: ["x"], fields: { name: "x" } } }
    await run({ path: at }, recordOf(job))
    expect((JSON.parse(read(at)) as { readonly input: unknown }).input).toEqual({ name: "x" })
  })

  it("moves a record that was cut off at any byte aside", async () => {
    for (let length = 1; length < json(2).length; length++) {
      const at = file("log.jsonl", `${json(1)}\n${json(2).slice(0, length)}`)
      await run({ path: at }, recordOf(jobOf(3)))
      expect((await run({ path: at })).entries.map(({ id }) => id)).toEqual(["key of echo 1", "key of echo 3"])
      expect(read(`${at}.torn`)).toBe(`${json(2).slice(0, length)}\n`)
    }
  })

  it("ends a last record that lacks only its newline", async () => {
    const at = file("log.jsonl", `${json(1)}\n${json(2)}`)
    const { entries, log } = await run({ path: at }, recordOf(jobOf(3)))
    expect(entries).toHaveLength(2)
    expect((await run({ path: at })).entries).toHaveLength(3)
    expect(log.notices).toEqual(["its last line lacked the newline, and has it now"])
    expect(leftBeside(at)).toEqual([])
  })

  it("takes no record for a success that another reason ended", async () => {
    const line = JSON.stringify({ key: "k", exit: 0, signal: 0, why: "broken" })
    expect((await run({ path: file("log", `${line}\n`) })).entries).toEqual([{ id: "k", ok: false }])
  })
})

describe("jobLog.open", () => {
  it("takes the format of a new log from its name, and that of an old one from what it holds", async () => {
    const formats = [
      (await run({ path: path("a.log") })).log.format,
      (await run({ path: path("a.jsonl") })).log.format,
      (await run({ path: path("a.jsonl"), format: "parallel" })).log.format,
      (await run({ path: file("a.log", `${json(1)}\n`) })).log.format,
      (await run({ path: file("a.jsonl", header) })).log.format
    ]
    expect(formats).toEqual(["parallel", "json", "parallel", "json", "parallel"])
  })

  it("leaves lines that it cannot read as they are, and says which", async () => {
    const at = file("log", `${header}${line1}what\n${line2}1\t2\n${"\0".repeat(9)}\n`)
    const { entries, log } = await run({ path: at })
    expect(entries).toHaveLength(2)
    expect(log.notices).toEqual(["3 lines cannot be read and are left as they are: 3, 5, 6"])
    expect(read(at)).toContain("what\n")
  })

  it("reads a record that is longer than what it reads at once", async () => {
    const text = `echo ${"x".repeat(3_000_000)}`
    const at = path("log")
    await run({ path: at }, recordOf(jobOf(1)), recordOf(jobOf(2, text)), recordOf(jobOf(3)))
    expect((await run({ path: at })).entries.map(({ id }) => id.length)).toEqual([6, text.length, 6])
  })

  it("begins anew when it is asked to, and tells nothing of what was there", async () => {
    const at = file("log", header + line1 + line2)
    const { entries } = await run({ path: at, existing: "replace" }, recordOf(jobOf(3)))
    expect(entries).toEqual([])
    expect((await run({ path: at })).entries).toEqual([{ id: "echo 3", ok: true }])
  })

  it.each(["append", "replace"] as const)("does not touch a file that is no job log, to %s", async (existing) => {
    const at = file("thesis.txt", "It was a dark and stormy night.\n")
    const error = await refused({ path: at, existing })
    expect(error.message).toBe(`job log ${at}: it is no job log: its first line is neither the header of one nor JSON`)
    expect(read(at)).toBe("It was a dark and stormy night.\n")
    expect(leftBeside(at)).toEqual([])
  })

  it("does not touch a log of the other format", async () => {
    const at = file("log", header + line1)
    const error = await refused({ path: at, format: "json" })
    expect(error.message).toBe(`job log ${at}: it holds lines of GNU parallel's format, and JSON lines are asked for`)
    expect(read(at)).toBe(header + line1)
  })

  it("says what is wrong with a path", async () => {
    const directory = path("directory")
    fs.mkdirSync(directory)
    const errors = await Promise.all([
      refused({ path: directory }),
      refused({ path: path("none/log") }),
      refused({ path: `${file("x", "")}/log` })
    ])
    expect(errors.map(({ reason }) => `${reason._tag}: ${reason.message.split(":")[0]}`)).toEqual([
      "Unreadable: it is a directory",
      "Unreadable: its directory does not exist",
      "Unreadable: cannot be read"
    ])
  })

  it("refuses a log that is open already, also by another name, and leaves nothing when it is closed", async () => {
    const at = path("log")
    const other = path("link")
    const message = await Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          yield* jobLog.open({ path: at })
          fs.symlinkSync(at, other)
          const error = yield* Effect.flip(Effect.scoped(jobLog.open({ path: other })))
          return error.message
        })
      )
    )
    expect(message).toMatch(new RegExp(`^job log .*link: process ${process.pid} on .+ writes it \\(if not, remove .*log\\.lock\\)$`))
    expect(leftBeside(at)).toEqual([])
    expect((await run({ path: at })).log.entries).toBe(0)
  })

  it("is interrupted between reads, and lets go of the lock", async () => {
    const at = file("log", header + line1.repeat(200_000))
    const entries = { count: 0 }
    await Effect.runPromise(
      Effect.scoped(
        jobLog.open({
          path: at,
          onEntry: () => {
            entries.count++
          }
        })
      ).pipe(Effect.timeoutOption("1 millis"))
    )
    expect(entries.count).toBeLessThan(200_000)
    expect(leftBeside(at)).toEqual([])
  })
})

describe("jobLog.append", () => {
  it("writes nothing of a job that was stopped", async () => {
    const at = path("log")
    await run({ path: at }, recordOf(jobOf(1), { why: "stopped", signal: 15 }))
    expect(read(at)).toBe(header)
  })

  it("has written the record when it is done", async () => {
    for (const sync of ["never", "each"] as const) {
      const at = path("log")
      const seen = await Effect.runPromise(
        Effect.scoped(
          Effect.gen(function* () {
            const log = yield* jobLog.open({ path: at, sync })
            yield* log.append(recordOf(jobOf(1)))
            return read(at)
          })
        )
      )
      expect(seen.endsWith("\techo 1\n")).toBe(true)
    }
  })

  it("fails when the disk is full", async () => {
    const error = await refused({ path: "/dev/full" }, recordOf(jobOf(1)))
    expect([error.reason._tag, error.message]).toEqual(["NotWritten", "job log /dev/full: the disk is full"])
  })

  it("knows jobs by their command in parallel's format, and by their key in JSON", async () => {
    const [parallel, lines] = [await run({ path: path("log") }), await run({ path: path("log.json") })]
    expect([parallel.log.id(jobOf(1)), lines.log.id(jobOf(1))]).toEqual(["echo 1", "key of echo 1"])
  })
})
