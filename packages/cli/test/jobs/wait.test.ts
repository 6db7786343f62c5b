import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import { wait } from "../../src/jobs/wait.ts"
import { ended, now, run, tell, withStore } from "./deskKit.ts"

describe("jobs wait", () => {
  it("ends at once with 0 where all have completed", async () => {
    const told = await withStore([ended("a", "completed"), ended("b", "completed")], (store) =>
      tell("wait", wait, { store }, [], ["a", "b"])
    )
    expect(told).toMatchObject({ code: 0, stdout: "a  a  completed in 1m 00s\nb  b  completed in 1m 00s\n" })
  })

  it("ends with 1 where one has not completed", async () => {
    const told = await withStore([ended("a", "completed"), ended("b", "failed")], (store) =>
      tell("wait", wait, { store }, ["--json"], ["a", "b"])
    )
    expect(told.code).toBe(1)
  })

  it("waits for the ends, and tells them as they come", async () => {
    const told = await withStore([run("a"), run("b")], (store) =>
      Effect.gen(function* () {
        const owner = yield* store.own
        const waiting = yield* Effect.forkChild(tell("wait", wait, { store }, [], ["a", "b"]))
        for (const id of ["b", "a"]) {
          yield* owner.append([{ type: "ended", id, state: "completed", endedAt: now, attempts: 1, attemptCauses: [], end: null }])
          yield* Effect.yieldNow
        }
        return yield* Fiber.join(waiting)
      })
    )
    expect(told).toMatchObject({ code: 0, stderr: "" })
    expect(
      told.stdout
        .split("\n")
        .map((line) => line.slice(0, 1))
        .sort()
    ).toEqual(["", "a", "b"])
  })

  it("ends with 124 when the time is over, and says for whom it waited", async () => {
    const told = await withStore([run("a"), ended("b", "completed")], (store) =>
      Effect.andThen(store.own, tell("wait", wait, { store }, ["--timeout=0.05"], ["a", "b"]))
    )
    expect(told).toMatchObject({ code: 124, stdout: "b  b  completed in 1m 00s\n", stderr: "the time is over, still waiting for a\n" })
  })

  it("says that nobody is there to run them", async () => {
    const told = await withStore([run("a")], (store) => tell("wait", wait, { store }, ["--timeout=0.05"], ["a"]))
    expect(told.stderr.split("\n")[0]).toBe("no engine works on jobs.db; skein jobs work runs what waits there")
  })

  it("counts one that is forgotten meanwhile as one that did not complete", async () => {
    const told = await withStore([run("a")], (store) =>
      Effect.gen(function* () {
        const owner = yield* store.own
        const waiting = yield* Effect.forkChild(tell("wait", wait, { store }, [], ["a"]))
        yield* Effect.yieldNow
        yield* owner.append([{ type: "removed", id: "a" }])
        return yield* Fiber.join(waiting)
      })
    )
    expect(told).toMatchObject({ code: 1 })
  })
})
