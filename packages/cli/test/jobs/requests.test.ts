import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { cancel, retry } from "../../src/jobs/requests.ts"
import { ended, run, tell, withStore } from "./deskKit.ts"

describe("jobs cancel", () => {
  it("leaves a request for each job that has not ended, with the reason", async () => {
    const [told, open] = await withStore([run("a"), ended("b", "completed"), run("c")], (store) =>
      Effect.gen(function* () {
        const told = yield* tell("cancel", cancel, { store }, ["--reason=too late"], ["a", "b", "c"])
        return [told, yield* store.requests] as const
      })
    )
    expect(told).toMatchObject({ code: 0, stdout: "" })
    expect(told.stderr).toBe("b has ended: completed\nno engine works on jobs.db now; the next one will see to it\n")
    expect(open.map(({ request }) => request)).toEqual([
      { _tag: "Cancel", id: "a", reason: "too late" },
      { _tag: "Cancel", id: "c", reason: "too late" }
    ])
  })

  it("leaves nothing if one of the ids is unknown", async () => {
    const [told, open] = await withStore([run("a")], (store) =>
      Effect.gen(function* () {
        const told = yield* tell("cancel", cancel, { store }, [], ["a", "b"])
        return [told, yield* store.requests] as const
      })
    )
    expect(told.message).toContain(`there is no job "b"`)
    expect(open).toEqual([])
  })

  it("says nothing of engines where one works on the store", async () => {
    const told = await withStore([run("a")], (store) => Effect.andThen(store.own, tell("cancel", cancel, { store }, [], ["a"])))
    expect(told).toMatchObject({ code: 0, stderr: "" })
  })
})

describe("jobs retry", () => {
  it("asks for a new run and prints its id", async () => {
    const [told, open] = await withStore([ended("a", "failed")], (store) =>
      Effect.gen(function* () {
        const told = yield* tell("retry", retry, { store }, [], ["a"])
        return [told, yield* store.requests] as const
      })
    )
    expect(told.stdout).toMatch(/^[a-z][a-z0-9]{7}\n$/)
    expect(open.map(({ request }) => request)).toEqual([{ _tag: "Rerun", id: "a", as: told.stdout.trim() }])
  })

  it("refuses what has not ended, and then asks for none of them", async () => {
    const [told, open] = await withStore([ended("a", "failed"), run("b", { state: "running" })], (store) =>
      Effect.gen(function* () {
        const told = yield* tell("retry", retry, { store }, [], ["a", "b"])
        return [told, yield* store.requests] as const
      })
    )
    expect(told.message).toBe("b has not ended: it is running")
    expect(open).toEqual([])
  })
})
