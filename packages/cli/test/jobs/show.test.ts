import { describe, expect, it } from "vitest"
import { show } from "../../src/jobs/show.ts"
import { ended, minute, now, run, tell, withStore } from "./deskKit.ts"

const jobs = [
  ended("fetch", "completed"),
  run("build", {
    name: "build all",
    key: "nightly",
    labels: { team: "a", branch: "main" },
    upstream: ["fetch", "gone"],
    rerunOf: "older",
    state: "running",
    startedAt: now - 2 * minute,
    attempts: 1
  })
]

describe("jobs show", () => {
  it("shows what is known, and leaves out what is not", async () => {
    const { stdout } = await withStore(jobs, (store) => tell("show", show, { store }, [], ["build"]))
    expect(stdout.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "TIME").split("\n")).toEqual([
      "id         build",
      "name       build all",
      "state      running",
      "runs       make 'it'\\''s' all",
      "key        nightly",
      "labels     team=a  branch=main",
      "rerun of   older",
      "submitted  TIME  10m ago",
      "started    TIME  2m ago",
      "took       2m 00s",
      "after      fetch  fetch  completed",
      "           gone  not kept any more",
      ""
    ])
  })

  it("shows several jobs, each once", async () => {
    const { stdout } = await withStore(jobs, (store) => tell("show", show, { store }, ["--json"], ["build", "fetch", "build"]))
    expect(stdout.match(/"id":"[^"]*"/g)).toEqual([`"id":"build"`, `"id":"fetch"`])
  })

  it.each([
    ["biuld", `there is no job "biuld" in jobs.db; did you mean build?`],
    ["build all", `there is no job "build all" in jobs.db; the last one of that name is build`],
    ["something", `there is no job "something" in jobs.db`]
  ])("says what was meant by %s", async (id, message) => {
    expect(await withStore(jobs, (store) => tell("show", show, { store }, [], [id]))).toMatchObject({ code: undefined, message })
  })

  it("says of an empty store that it is empty", async () => {
    expect((await withStore([], (store) => tell("show", show, { store }, [], ["a"]))).message).toBe(
      `there is no job "a" in jobs.db; the store is empty`
    )
  })

  it("asks for an id", async () => {
    expect((await withStore([], (store) => tell("show", show, { store }))).message).toBe(
      "which job? Its id is expected; skein jobs list shows them"
    )
  })
})
