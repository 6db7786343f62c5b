import * as Progress from "@skein/core/Progress"
import * as Engine from "@skein/engine/Engine"
import * as Job from "@skein/engine/Job"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { stripVTControlCharacters } from "node:util"
import { describe, expect, it } from "vitest"
import * as liveView from "../../src/jobs/liveView.ts"

/** A terminal, or what is none, that remembers what it was given. */
const stream = (isTTY: boolean, columns = 60, rows = 24) => {
  const written: Array<string> = []
  return { isTTY, columns, rows, hasColors: () => false, written, write: (text: string) => void written.push(text) }
}

const env = { CI: undefined, TERM: "xterm" }

/** An engine that is looked at. */
const viewed = (view: liveView.LiveView) => Engine.make({ onChange: view.changed })

describe("the live view of jobs", () => {
  it("writes a line for each start and each end where there is no terminal", async () => {
    const out = stream(false)
    await Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const view = yield* liveView.make({ mode: "auto", stream: out, env })
          const engine = yield* viewed(view)
          const good = Job.make("good", { id: "good", run: Effect.void })
          const bad = Job.make("bad one", { id: "bad", run: Effect.fail(new Error("no room")), after: good })
          yield* engine.submitAll([good, bad, Job.make("late", { id: "late", run: Effect.void, after: bad })])
          yield* engine.awaitIdle
          expect(view.totals()).toEqual({
            running: 0,
            waiting: 0,
            ended: { completed: 1, failed: 1, timeout: 0, cancelled: 0, skipped: 1 }
          })
        })
      )
    )
    expect(out.written.map((line) => line.replace(/in [\d.]+ m?s/, "in TIME"))).toEqual([
      "good  started\n",
      "good  completed in TIME\n",
      "bad  bad one  started\n",
      "bad  bad one  failed in TIME: no room\n",
      `late  skipped: "bad one" failed: no room\n`,
      "3 jobs: 1 completed, 1 failed, 1 skipped\n"
    ])
  })

  it("shows on a terminal what runs, keeps to the window, and leaves what went wrong above", async () => {
    const out = stream(true, 50, 5)
    await Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const view = yield* liveView.make({ mode: "auto", stream: out, env })
          expect(view.mode).toBe("live")
          const engine = yield* viewed(view)
          const gate = yield* Deferred.make<void>()
          const jobs = Array.from({ length: 6 }, (_, i) =>
            Job.make(`a job with a rather long name, number ${i}`, { id: `j${i}`, run: Deferred.await(gate) })
          )
          yield* engine.submitAll([...jobs, Job.make("x", { id: "x", run: Effect.fail("broken") })])
          yield* engine.awaitState("x", "failed")
          yield* TestClock.adjust("100 millis")
          const table = stripVTControlCharacters(out.written.at(-1)!).replace("\r", "").split("\n")
          expect(table[0]).toMatch(/1 \/ 7 {2}14% {3}1 failed {3}6 running$/)
          expect(table.slice(1).map((line) => line.replace(/^ +\d+s/, "TIME"))).toEqual([
            "TIME  j0  a job with a rather long name, num…",
            "TIME  j1  a job with a rather long name, num…",
            "          and 4 more"
          ])
          expect(table.length).toBeLessThanOrEqual(4)
          for (const line of table) expect(line.length).toBeLessThan(50)
          yield* Deferred.succeed(gate, undefined)
          yield* engine.awaitIdle
        })
      ).pipe(Effect.provide(TestClock.layer()))
    )
    const all = stripVTControlCharacters(out.written.join(""))
    expect(all).toContain("x  failed")
    expect(all).not.toContain("j0  a job with a rather long name, number 0  completed")
  })

  it("shows how far a job is", async () => {
    const out = stream(true)
    await Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const view = yield* liveView.make({ mode: "auto", stream: out, env })
          const engine = yield* Engine.make({ onChange: view.changed, onProgress: view.progressed })
          const told = yield* Deferred.make<void>()
          const far = Progress.report({ done: 3, total: 1000, message: "un\npacking" })
          yield* engine.submit(
            Job.make("a", { id: "a", run: Effect.andThen(far, Effect.andThen(Deferred.succeed(told, undefined), Effect.never)) })
          )
          yield* Deferred.await(told)
          yield* TestClock.adjust("100 millis")
        })
      ).pipe(Effect.provide(TestClock.layer()))
    )
    expect(stripVTControlCharacters(out.written.join(""))).toContain("a  3 / 1,000  un⏎packing")
  })

  it("wipes the table when its scope closes", async () => {
    const out = stream(true)
    await Effect.runPromise(Effect.scoped(liveView.make({ mode: "live", stream: out, env })))
    expect(out.written).toEqual(["no jobs   0 running", "\r\u001b[J"])
  })

  it.each([
    [true, { ...env, TERM: "dumb" }],
    [true, { ...env, CI: "1" }],
    [false, env]
  ])("is plain where a table cannot be (terminal %s, %j)", async (isTTY, env) => {
    const view = await Effect.runPromise(Effect.scoped(liveView.make({ mode: "auto", stream: stream(isTTY), env })))
    expect(view.mode).toBe("plain")
  })
})
