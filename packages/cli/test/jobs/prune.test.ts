import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { prune } from "../../src/jobs/prune.ts"
import { description, ended, minute, now, run, tell, withStore } from "./deskKit.ts"

const jobs = [
  ended("old", "completed", { endedAt: now - 60 * minute }),
  ended("new", "completed"),
  ended("bad", "failed"),
  ended("needed", "completed"),
  run("waits", { upstream: ["needed"] })
]

describe("jobs prune", () => {
  it.each([
    [[], ["needed", "waits"]],
    [["--state=completed"], ["bad", "needed", "waits"]],
    [["--older-than=30m"], ["new", "bad", "needed", "waits"]],
    [["--name=bad"], ["old", "new", "needed", "waits"]],
    [["--dry-run"], ["old", "new", "bad", "needed", "waits"]]
  ])("removes with %j what has ended, and keeps what a waiting job comes after", async (flags, left) => {
    const ids = await withStore(jobs, (store) =>
      Effect.gen(function* () {
        yield* tell("prune", prune, { store, path: "/nowhere/jobs.db" }, flags)
        return (yield* store.list()).map(({ id }) => id)
      })
    )
    expect(ids).toEqual(left)
  })

  it("says how many went, and why others stayed", async () => {
    const { stdout } = await withStore(jobs, (store) => tell("prune", prune, { store, path: "/nowhere/jobs.db" }))
    expect(stdout).toBe("3 jobs removed; 1 job stayed, since jobs that have not ended come after it\n")
  })

  it("keeps what is to be run again", async () => {
    const ids = await withStore([ended("a", "failed")], (store) =>
      Effect.gen(function* () {
        yield* store.request({ _tag: "Rerun", id: "a", as: "b" })
        yield* tell("prune", prune, { store, path: "/nowhere/jobs.db" })
        return (yield* store.list()).map(({ id }) => id)
      })
    )
    expect(ids).toEqual(["a"])
  })

  it("forgets what was refused", async () => {
    const open = await withStore([], (store) =>
      Effect.gen(function* () {
        const number = yield* store.request({ _tag: "Submit", jobs: [{ id: "b", name: "b", description: description() }] })
        yield* Effect.scoped(Effect.flatMap(store.own, (owner) => owner.append([{ type: "answered", request: number, refusal: "no" }])))
        yield* tell("prune", prune, { store, path: "/nowhere/jobs.db" })
        return yield* store.requests
      })
    )
    expect(open).toEqual([])
  })

  it("asks the engine where one works on the store", async () => {
    const asked = await withStore([ended("a", "completed")], (store) =>
      Effect.gen(function* () {
        yield* store.own
        yield* tell("prune", prune, { store })
        return (yield* store.requests).map(({ request }) => request)
      })
    )
    expect(asked).toEqual([{ _tag: "Remove", id: "a" }])
  })

  it("refuses states that are no ends", async () => {
    expect((await withStore([], (store) => tell("prune", prune, { store }, ["--state=running"]))).message).toBe(
      `--state must be that of an end, got "running"; skein jobs cancel ends what has not ended`
    )
  })
})
