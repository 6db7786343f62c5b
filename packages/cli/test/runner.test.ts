import * as Limiter from "@skein/core/Limiter"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import { empty } from "../src/capture.ts"
import type { Executor, StopStep } from "../src/executor.ts"
import type { End, Job, JobRecord } from "../src/job.ts"
import { JobLogError, NotWritten } from "../src/jobLog.ts"
import type { Outputs } from "../src/outputs.ts"
import * as runner from "../src/runner.ts"

const job = (seq: number): Job => ({
  seq,
  input: { values: [`${seq}`] },
  text: `work ${seq}`,
  key: `${seq}`,
  program: () => ({ program: "work", args: [`${seq}`] })
})

async function* jobs(count: number): AsyncGenerator<Job> {
  for (let seq = 1; seq <= count; seq++) yield job(seq)
}

const exit = (exitCode: number): End => ({ why: "exit", exitCode, signal: 0 })

/** Programs that end when they are told to: `end(seq)`, or at once by `ends`. What happened is noted. */
const world = (
  ends: (seq: number, attempt: number) => End | undefined = () => exit(0),
  heeds: "any signal" | "nothing but KILL" = "any signal"
) => {
  const notes: Array<string> = []
  const running = new Map<number, { readonly slot: number; readonly over: Deferred.Deferred<End> }>()
  const attempts = new Map<number, number>()
  let peak = 0
  const executor: Executor = {
    run: (program, { slot }) =>
      Effect.gen(function* () {
        const seq = Number(program.args[0])
        const attempt = (attempts.get(seq) ?? 0) + 1
        attempts.set(seq, attempt)
        const over = yield* Deferred.make<End>()
        running.set(seq, { slot, over })
        peak = Math.max(peak, running.size)
        notes.push(`${seq} starts in ${slot}`)
        const end = ends(seq, attempt)
        if (end !== undefined) yield* Effect.yieldNow
        const how = end ?? (yield* Deferred.await(over))
        running.delete(seq)
        return { ...how, output: empty, received: 0, startedAt: 0, endedAt: 1 }
      }),
    stop: (slot, steps: ReadonlyArray<StopStep>, why) => {
      for (const [seq, one] of running) {
        if (one.slot !== slot) continue
        notes.push(`${seq} is asked to stop:${["", ...steps.map(({ signal }) => signal)].join(" ")}`)
        if (heeds === "nothing but KILL" && steps.length > 0) continue
        Deferred.doneUnsafe(one.over, Effect.succeed({ why, exitCode: 0, signal: 15 }))
      }
    }
  }
  return {
    executor,
    notes,
    peak: () => peak,
    running: () => [...running.keys()],
    end: (seq: number, how = exit(0)) => Deferred.doneUnsafe(running.get(seq)!.over, Effect.succeed(how))
  }
}

const nothing: Outputs = {
  wants: "capture",
  admit: () => Effect.void,
  skip: () => Effect.void,
  chunk: () => Effect.void,
  finished: () => Effect.void,
  retried: () => Effect.void,
  end: Effect.void
}

type Some = Partial<runner.Plan> & { readonly permits?: number }

const make = (executor: Executor, { permits = 2, ...some }: Some) =>
  Effect.map(Limiter.make({ permits }), (limiter) =>
    runner.make({
      jobs: jobs(4),
      executor,
      limiter,
      most: 8,
      outputs: nothing,
      output: "outputs",
      retries: 0,
      backoff: 0,
      halt: { when: "never" },
      stop: [{ signal: "SIGTERM", for: 1 }],
      observer: {},
      record: () => Effect.void,
      ...some
    })
  )

const runToEnd = (executor: Executor, some: Some): Promise<runner.Verdict> =>
  Effect.runPromise(Effect.flatMap(make(executor, some), (made) => Effect.mapError(made.run, ({ cause }) => cause)))

/** Real promises bring the jobs, so this waits in real time for what will happen. */
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

describe("a run", () => {
  it("runs every job once, no more at once than the limiter admits, in the lowest free slots", async () => {
    const { executor, notes, peak } = world()
    const verdict = await runToEnd(executor, { jobs: jobs(20), permits: 3 })
    expect(verdict).toEqual({ reason: undefined, notStarted: 0, exhausted: true })
    expect(notes.map((note) => Number(note.split(" ")[0])).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    expect(new Set(notes.map((note) => note.split(" in ")[1]))).toEqual(new Set(["1", "2", "3"]))
    expect(peak()).toBe(3)
  })

  it("tries again what failed, so often and no more, and gives its place to others while it waits", async () => {
    const { executor, notes } = world((seq, attempt) => exit(seq === 1 && attempt < 3 ? 7 : seq === 2 ? 9 : 0))
    const records: Array<JobRecord> = []
    const verdict = await runToEnd(executor, {
      jobs: jobs(3),
      permits: 1,
      retries: 2,
      backoff: 20,
      record: (record) => Effect.sync(() => void records.push(record))
    })
    expect(verdict.reason).toBe(undefined)
    const codes = records.map(({ attempts, job: { seq }, ok }) => [seq, ok, ...attempts.map(({ exitCode }) => exitCode)])
    expect(codes.toSorted()).toEqual([
      [1, true, 7, 7, 0],
      [2, false, 9, 9, 9],
      [3, true, 0]
    ])
    // Job 1 waits to try again, and there is one place.
    expect(notes.slice(0, 3)).toEqual(["1 starts in 1", "2 starts in 1", "3 starts in 1"])
  })

  it("lowers its bound where the system has no room for more, and starts what had none when there is", async () => {
    // Two fit, whatever is asked for.
    const { executor, notes, peak } = world()
    let inside = 0
    const narrow: Executor = {
      ...executor,
      run: (program, run) =>
        Effect.suspend(() => {
          if (inside === 2) {
            notes.push("no room")
            return Effect.succeed({ why: "no-room", exitCode: 0, signal: 0, output: empty, received: 0, startedAt: 0, endedAt: 0 } as const)
          }
          inside++
          return Effect.ensuring(
            executor.run(program, run),
            Effect.sync(() => inside--)
          )
        })
    }
    const bounds: Array<number> = []
    const records: Array<JobRecord> = []
    await runToEnd(narrow, {
      jobs: jobs(9),
      permits: 4,
      crowded: (running) => bounds.push(running),
      record: (record) => Effect.sync(() => void records.push(record))
    })
    expect(notes).toContain("no room")
    expect([peak(), new Set(bounds)]).toEqual([2, new Set([2])])
    expect(records.map(({ attempts, ok }) => [ok, attempts.length])).toEqual(Array(9).fill([true, 1]))
  })

  it("says that there is no room where nothing runs that could make any", async () => {
    const { executor } = world(() => ({ why: "no-room", exitCode: 0, signal: 0, message: "EMFILE" }))
    const records: Array<JobRecord> = []
    await runToEnd(executor, { jobs: jobs(1), record: (record) => Effect.sync(() => void records.push(record)) })
    expect(records.map(({ attempts, ok }) => [ok, attempts.at(-1)?.message])).toEqual([[false, "EMFILE"]])
  })

  it("does not try again what cannot be started", async () => {
    const { executor, notes } = world(() => ({ why: "not-found", exitCode: 127, signal: 0 }))
    await runToEnd(executor, { jobs: jobs(1), retries: 5 })
    expect(notes).toEqual(["1 starts in 1"])
  })

  it("starts nothing more once it drains, and lets what runs end", async () => {
    const { end, executor, notes, running } = world(() => undefined)
    const verdict = await Effect.runPromise(
      Effect.gen(function* () {
        const made = yield* make(executor, { jobs: jobs(5) })
        const fiber = yield* Effect.forkChild(made.run)
        yield* Effect.promise(() => until(() => running().length === 2))
        made.drain({ _tag: "Signal", signal: "SIGINT" })
        end(1)
        end(2, exit(3))
        return yield* Fiber.join(fiber)
      })
    )
    expect(notes).toEqual(["1 starts in 1", "2 starts in 2"])
    expect(verdict.reason).toEqual({ _tag: "Signal", signal: "SIGINT" })
  })

  it("takes what runs through the stop sequence when it is stopped, and a quicker one the next time", async () => {
    const { executor, notes, running } = world(() => undefined, "nothing but KILL")
    await Effect.runPromise(
      Effect.gen(function* () {
        const made = yield* make(executor, { jobs: jobs(5) })
        const fiber = yield* Effect.forkChild(made.run)
        yield* Effect.promise(() => until(() => running().length === 2))
        made.stop({ _tag: "Signal", signal: "SIGINT" })
        made.stop({ _tag: "Signal", signal: "SIGTERM" }, [])
        const verdict = yield* Fiber.join(fiber)
        expect(verdict.reason).toEqual({ _tag: "Signal", signal: "SIGINT" })
      })
    )
    expect(notes.slice(2)).toEqual([
      "1 is asked to stop: SIGTERM",
      "2 is asked to stop: SIGTERM",
      "1 is asked to stop:",
      "2 is asked to stop:"
    ])
  })

  it("does not wait for input that does not come, once it drains", async () => {
    const { executor } = world()
    async function* silent(): AsyncGenerator<Job> {
      yield job(1)
      await new Promise(() => {})
    }
    let finished = 0
    const verdict = await Effect.runPromise(
      Effect.gen(function* () {
        const made = yield* make(executor, { jobs: silent(), observer: { finished: () => void finished++ } })
        const fiber = yield* Effect.forkChild(made.run)
        yield* Effect.promise(() => until(() => finished === 1))
        made.drain({ _tag: "Deadline" })
        return yield* Fiber.join(fiber)
      })
    )
    expect(verdict).toEqual({ reason: { _tag: "Deadline" }, notStarted: 0, exhausted: false })
  })

  it("cuts the wait for another attempt short when it drains", async () => {
    const { executor, notes } = world(() => exit(1))
    const verdict = await Effect.runPromise(
      Effect.gen(function* () {
        const made = yield* make(executor, { jobs: jobs(1), retries: 3, backoff: 1e6 })
        const fiber = yield* Effect.forkChild(made.run)
        yield* Effect.promise(() => until(() => notes.length === 1))
        yield* Effect.sleep(5)
        made.drain({ _tag: "Deadline" })
        return yield* Fiber.join(fiber)
      })
    )
    expect(notes).toHaveLength(1)
    expect(verdict.notStarted).toBe(0)
  })

  it("ends early by its halt policy, and says by which job", async () => {
    const { executor, notes } = world((seq) => exit(seq === 2 ? 5 : 0))
    const verdict = await runToEnd(executor, {
      jobs: jobs(50),
      permits: 1,
      halt: { when: "soon", on: "fail", limit: { kind: "count", count: 1 } }
    })
    expect(notes).toEqual(["1 starts in 1", "2 starts in 1"])
    expect(verdict.reason?._tag === "Halted" && verdict.reason.record.job.seq).toBe(2)
    expect(verdict.notStarted).toBeGreaterThan(0)
  })

  it("stops the others where the policy says now", async () => {
    const { executor, notes } = world((seq) => (seq === 2 ? exit(0) : undefined))
    await runToEnd(executor, { jobs: jobs(2), halt: { when: "now", on: "success", limit: { kind: "count", count: 1 } } })
    expect(notes.at(-1)).toBe("1 is asked to stop: SIGTERM")
  })

  it("stops at its deadline", async () => {
    const { executor, notes } = world(() => undefined)
    const verdict = await runToEnd(executor, { jobs: jobs(3), permits: 1, deadline: 20 })
    expect(verdict.reason).toEqual({ _tag: "Deadline" })
    expect(notes).toEqual(["1 starts in 1", "1 is asked to stop: SIGTERM"])
  })

  it("does not wait for a place that does not come, once it drains", async () => {
    const { executor, notes } = world()
    const verdict = await Effect.runPromise(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 1 })
        yield* limiter.pause
        const made = yield* make(executor, { limiter, jobs: jobs(3), deadline: 20 })
        return yield* made.run
      })
    )
    expect(notes).toEqual([])
    expect(verdict).toEqual({ reason: { _tag: "Deadline" }, notStarted: 3, exhausted: true })
  })

  it("stops what takes many times the median, once there is one", async () => {
    const { executor, notes } = world((seq) => (seq <= 5 ? exit(0) : undefined))
    const verdict = await runToEnd(executor, { jobs: jobs(6), permits: 1, timeout: { kind: "median", factor: 3 } })
    expect(notes.at(-1)).toBe("6 is asked to stop: SIGTERM")
    expect(verdict.reason).toBe(undefined)
  })

  it("stops all when a record cannot be kept, and keeps no more of them", async () => {
    const { executor } = world()
    const error = new JobLogError({ path: "log", reason: new NotWritten({ message: "no space", code: "ENOSPC" }) })
    let asked = 0
    const verdict = await runToEnd(executor, {
      jobs: jobs(50),
      permits: 1,
      record: () => Effect.suspend(() => (++asked === 3 ? Effect.fail(error) : Effect.void))
    })
    expect(verdict.reason).toEqual({ _tag: "Failed", error })
    expect(asked).toBe(3)
  })

  it("lets what runs end when its source fails, and fails with that", async () => {
    const { executor, notes } = world()
    async function* broken(): AsyncGenerator<Job> {
      yield job(1)
      throw new Error("line 2 is no line")
    }
    const failed = runToEnd(executor, { jobs: broken() })
    await expect(failed).rejects.toThrow("line 2 is no line")
    expect(notes).toEqual(["1 starts in 1"])
  })

  it("asks once for each job whether to skip it, in the order of the input", async () => {
    const { executor, notes } = world()
    const asked: Array<number> = []
    await runToEnd(executor, {
      jobs: jobs(6),
      skip: ({ seq }) => {
        asked.push(seq)
        return seq % 2 === 0 ? "skip" : "run"
      }
    })
    expect(asked).toEqual([1, 2, 3, 4, 5, 6])
    expect(notes.map((note) => note[0]).toSorted()).toEqual(["1", "3", "5"])
  })
})
