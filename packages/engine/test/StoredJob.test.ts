import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Condition from "../src/Condition.ts"
import * as Job from "../src/Job.ts"
import * as JobStore from "../src/JobStore.ts"
import * as StoredJob from "../src/StoredJob.ts"
import { session } from "./durableKit.ts"
import { add, again, fails } from "./fixtures/jobTasks.ts"

/** The ends of jobs, as a store keeps them. */
const endsOf = async (...jobs: ReadonlyArray<Job.Job<unknown, unknown>>): Promise<Readonly<Record<string, JobStore.StoredRun>>> => {
  const store = JobStore.memory()
  await Effect.runPromise(session(store, (engine) => Effect.andThen(engine.submitAll(jobs), engine.awaitIdle)))
  return Object.fromEntries((await Effect.runPromise(store.list())).map((run) => [run.id, run]))
}

describe("StoredJob.of", () => {
  it("writes a job with its references, conditions and options as JSON that an engine takes", async () => {
    const job = Job.task(
      add,
      { a: Job.result("first") as Job.ResultOf<number>, b: 5 },
      { after: Job.on("other", ["failed", "completed"]), when: Condition.after(0), labels: { of: "x" }, key: "k", retry: { times: 2 } }
    )
    const written = JSON.parse(JSON.stringify(StoredJob.of(job))) as StoredJob.StoredJob
    const store = JobStore.memory()
    const program = Effect.gen(function* () {
      yield* store.request({ _tag: "Submit", jobs: [{ id: "second", ...written }] })
      return yield* session(store, (engine) =>
        Effect.gen(function* () {
          yield* engine.awaitIdle
          yield* engine.submitAll([Job.task(add, { a: 1, b: 1 }, { id: "first" }), Job.task(fails, "x", { id: "other" })])
          yield* engine.awaitIdle
          yield* store.request({ _tag: "Submit", jobs: [{ id: "second", ...written }] })
          yield* engine.awaitIdle
          return Effect.runSync(store.list()).find(({ id }) => id === "second")
        })
      )
    })
    const run = await Effect.runPromise(program)
    expect([run?.state, StoredJob.valueOf(run!.end!), run?.labels, run?.key]).toEqual(["completed", 7, { of: "x" }, "k"])
    expect(StoredJob.edges(run!)).toEqual([
      { from: "first", to: "second", wants: ["completed"], kind: "result" },
      { from: "other", to: "second", wants: ["completed", "failed"], kind: "after" }
    ])
    expect(StoredJob.when(run!.description)).toEqual(Condition.after(0))
  })

  it("refuses a job that refers to another by anything but its id", () => {
    const job = Job.task(add, { a: 1, b: 1 }, { after: Job.task(add, { a: 1, b: 1 }) })
    expect(() => StoredJob.of(job)).toThrow('StoredJob.of: job must be a job that refers to others by their ids, got "add"')
  })

  it("refuses a job that is no data", () => {
    expect(() => StoredJob.of(Job.make("x", { run: Effect.void }))).toThrow('StoredJob.of: job "x" is no data: its work is a function')
  })
})

describe("What StoredJob says of an end", () => {
  it("is what the engine says of it", async () => {
    const runs = await endsOf(
      Job.task(fails, "no luck", { id: "fails" }),
      Job.task(add, { a: 1, b: 1 }, { id: "skipped", after: "fails" }),
      Job.task(again, { name: "slow", millis: 5000 }, { id: "slow", timeout: "5 millis" }),
      Job.task(add, { a: 1, b: 1 }, { id: "fine" })
    )
    const said = Object.fromEntries(Object.entries(runs).map(([id, { end }]) => [id, StoredJob.detailOf(end!)]))
    expect(said).toEqual({ fails: "Broken why no luck", skipped: '"fails" failed: Broken', slow: "task limit of 5ms", fine: "" })
  })

  it("is a word for what it cannot read", () => {
    expect(StoredJob.detailOf({ end: "TimedOut", limit: "moon" })).toBe("TimedOut")
    expect(StoredJob.detailOf("what?")).toBe("")
    expect(StoredJob.what({ form: 9 })).toBe("")
  })

  it("says why a command failed", () => {
    const cause = { reasons: [{ fail: { command: "make", reason: { _tag: "NonZeroExit", code: 2, stdout: "", stderr: "a\nno rule\n" } } }] }
    expect(StoredJob.causeDetail(cause)).toBe("make: exit code 2: no rule")
  })
})
