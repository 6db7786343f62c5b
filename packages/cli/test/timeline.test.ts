import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { describe, expect, it } from "vitest"
import type { Job, JobRecord, Observer } from "../src/job.ts"
import * as timeline from "../src/timeline.ts"
import { jobOf, recordOf } from "./fixtures/records.ts"
import { scratch } from "./fixtures/scratch.ts"

const path = scratch()

interface Event {
  readonly ph: string
  readonly name: string
  readonly [field: string]: unknown
}

const tell = (observer: Observer, record: JobRecord): void => {
  for (const attempt of record.attempts) observer.attempted?.(record.job, attempt)
  observer.finished?.(record)
}

const record = (at: string, records: ReadonlyArray<JobRecord>): Promise<void> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(timeline.make(at), ({ end, observer }) => {
        for (const one of records) tell(observer, one)
        return end
      })
    )
  )

const events = async (...records: ReadonlyArray<JobRecord>): Promise<ReadonlyArray<Event>> => {
  const at = path("timeline.json")
  await record(at, records)
  return JSON.parse(fs.readFileSync(at, "utf8")) as ReadonlyArray<Event>
}

const of = (kind: string, all: ReadonlyArray<Event>): ReadonlyArray<Event> => all.filter(({ ph }) => ph === kind)

describe("timeline", () => {
  it("has a track for each slot, and a span for each attempt on it", async () => {
    const all = await events(recordOf(jobOf(1)), recordOf(jobOf(2), { slot: 2, exitCode: 3 }), recordOf(jobOf(3), { slot: 2 }))
    expect(of("M", all).flatMap(({ args, name }) => (name === "thread_name" ? [args] : []))).toEqual([
      { name: "slot 1" },
      { name: "slot 2" }
    ])
    expect(of("X", all).map(({ args: _, ...event }) => event)).toEqual([
      { ph: "X", pid: 1, tid: 1, cat: "run", name: "#1 echo 1", ts: 2_000_000, dur: 500_000 },
      { ph: "X", pid: 1, tid: 2, cat: "run", name: "#2 echo 2", ts: 2_000_000, dur: 500_000 },
      { ph: "X", pid: 1, tid: 2, cat: "run", name: "#3 echo 3", ts: 2_000_000, dur: 500_000 }
    ])
    expect(of("X", all)[1]!["args"]).toEqual({ command: "echo 2", attempt: 1, why: "exit", exit: 3, signal: 0 })
  })

  it("shows the wait in the queue and between attempts", async () => {
    const all = await events(recordOf(jobOf(1), { exitCode: 1, endedAt: 2100 }, { startedAt: 4000, endedAt: 4100 }))
    expect([...of("b", all), ...of("e", all)].map(({ id, name, ph, ts }) => [ph, id, name, ts])).toEqual([
      ["b", 1, "queued #1", 1_000_000],
      ["b", 1, "waits to be tried again #1", 2_100_000],
      ["e", 1, "queued #1", 2_000_000],
      ["e", 1, "waits to be tried again #1", 4_000_000]
    ])
  })

  it("marks what was killed", async () => {
    const all = await events(
      recordOf(jobOf(1)),
      recordOf(jobOf(2), { why: "timeout", signal: 15 }),
      recordOf(jobOf(3), { why: "stopped", slot: 3 })
    )
    expect(of("i", all).map(({ name, tid, ts }) => [name, tid, ts])).toEqual([
      ["timeout #2", 1, 2_500_000],
      ["stopped #3", 3, 2_500_000]
    ])
  })

  it("is an array that is valid when it has ended, and can be read up to its last whole event when it has not", async () => {
    const at = path("timeline.json")
    const cut = await Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const { observer } = yield* timeline.make(at)
          for (let seq = 1; seq <= 2000; seq++) tell(observer, recordOf(jobOf(seq)))
          return fs.readFileSync(at, "utf8")
        })
      )
    )
    expect(cut.length).toBeGreaterThan(100_000)
    const whole = cut.slice(0, cut.lastIndexOf(",\n"))
    expect(of("X", JSON.parse(`${whole}]`) as ReadonlyArray<Event>).length).toBeGreaterThan(100)
    const closed = fs.readFileSync(at, "utf8")
    expect(of("X", JSON.parse(`${closed}]`) as ReadonlyArray<Event>)).toHaveLength(2000)
  })

  it("ends once, however often it is ended", async () => {
    const at = path("timeline.json")
    await Effect.runPromise(Effect.scoped(Effect.flatMap(timeline.make(at), ({ end }) => Effect.andThen(end, end))))
    expect(JSON.parse(fs.readFileSync(at, "utf8"))).toHaveLength(1)
  })

  it("shows a long command in full in the details only", async () => {
    const job: Job = jobOf(1, `echo ${"x\n".repeat(300)}`)
    const [event] = of("X", await events(recordOf(job)))
    expect([event!.name.length < 110, event!.name.includes("\n"), (event!["args"] as { readonly command: string }).command]).toEqual([
      true,
      false,
      job.text
    ])
  })

  it("fails at the end where it could not be written, and not before", async () => {
    const error = await Effect.runPromise(
      Effect.flip(
        Effect.scoped(
          Effect.flatMap(timeline.make("/dev/full"), ({ end, observer }) => {
            for (let seq = 1; seq <= 2000; seq++) tell(observer, recordOf(jobOf(seq)))
            return end
          })
        )
      )
    )
    expect([error._tag, error.message]).toEqual(["TimelineError", "timeline /dev/full: the disk is full"])
  })

  it("fails at once where it cannot be opened", async () => {
    const error = await Effect.runPromise(Effect.flip(Effect.scoped(timeline.make(path("none/timeline.json")))))
    expect(error.code).toBe("ENOENT")
  })
})
