import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { list } from "../../src/jobs/list.ts"
import { description, ended, minute, now, run, storeOf, tell, withStore } from "./deskKit.ts"

const three = [
  ended("one", "completed"),
  run("two", { name: "build it", state: "running", startedAt: now - 65_000, attempts: 2, upstream: ["one"] }),
  run("three", { upstream: ["one", "two"], labels: { team: "a" } })
]

describe("jobs list", () => {
  it("aligns columns, the newest job last", async () => {
    const { stdout } = await withStore(three, (store) => tell("list", list, { store }))
    expect(stdout).toBe(
      [
        "ID     NAME      STATE      AGE    TOOK  WHY",
        "one    one       completed  10m  1m 00s",
        "two    build it  running    10m  1m 05s  attempt 2",
        "three  three     waiting    10m          after two",
        ""
      ].join("\n")
    )
  })

  it("cuts what does not fit into the window, the reasons first", async () => {
    const { stdout } = await withStore([run("a", { name: "a name of some length", upstream: ["b"] }), run("b")], (store) =>
      tell("list", list, { store, columns: 40 })
    )
    expect(stdout.split("\n")[1]).toBe("a   a name of so…  waiting  10m  after b")
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(40)
  })

  it("makes control characters of names visible", async () => {
    const { stdout } = await withStore([run("a", { name: "x\u001b[31m\ny" })], (store) => tell("list", list, { store }))
    expect(stdout.split("\n")[1]).toMatch(/^a {3}x⏎y/)
  })

  it.each([
    [["--state=running"], ["two"]],
    [
      ["--state=running", "--state=completed"],
      ["one", "two"]
    ],
    [["--state=ended"], ["one"]],
    [["--name=build it"], ["two"]],
    [["--label=team=a"], ["three"]],
    [["--label=team=b"], []],
    [["--since=5m"], []],
    [["--since=11m"], ["one", "two", "three"]],
    [["--since=2026-11-20T11:00Z"], ["one", "two", "three"]],
    [["--limit=2"], ["two", "three"]]
  ])("chooses by %j", async (flags, ids) => {
    const { stdout } = await withStore(three, (store) => tell("list", list, { store }, [...flags, "--json"]))
    const found = stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => (JSON.parse(line) as { readonly id: string }).id)
    expect(found).toEqual(ids)
  })

  it("gives records of one shape, null where there is nothing to say", async () => {
    const { stdout } = await withStore([run("a")], (store) => tell("list", list, { store }, ["--json"]))
    expect(JSON.parse(stdout)).toEqual({
      id: "a",
      name: "a",
      state: "waiting",
      what: "make 'it'\\''s' all",
      labels: {},
      key: null,
      upstream: [],
      rerunOf: null,
      submittedAt: new Date(now - 10 * minute).toISOString(),
      startedAt: null,
      endedAt: null,
      attempts: 0,
      asked: null,
      detail: null,
      value: null
    })
  })

  it("tells that there are more than it shows", async () => {
    const { stderr, stdout } = await withStore(three, (store) => tell("list", list, { store }, ["--limit=2"]))
    expect(stdout).not.toContain("one ")
    expect(stderr).toBe("the newest 2 jobs; there are more, --limit 0 shows all\n")
  })

  it("shows what no engine has taken in yet, and what is asked of others", async () => {
    const told = await withStore([run("a")], (store) =>
      Effect.gen(function* () {
        yield* store.request({ _tag: "Submit", jobs: [{ id: "b", name: "later", description: description() }] })
        yield* store.request({ _tag: "Cancel", id: "a", reason: undefined })
        return yield* tell("list", list, { store })
      })
    )
    expect(told.stdout.split("\n").slice(1, 3)).toEqual([
      "a   a      waiting  10m  to be cancelled",
      "b   later  waiting   0s  not taken in yet"
    ])
  })

  it("counts what no engine has taken in yet among the newest", async () => {
    const told = await withStore(three, (store) =>
      Effect.gen(function* () {
        yield* store.request({ _tag: "Submit", jobs: [{ id: "b", name: "b", description: description() }] })
        return yield* tell("list", list, { store }, ["--json", "--limit=2"])
      })
    )
    expect(told.stdout.match(/"id":"\w+"/g)).toEqual([`"id":"three"`, `"id":"b"`])
  })

  it("shows what was refused, with the reason", async () => {
    const told = await withStore([], (store) =>
      Effect.gen(function* () {
        const number = yield* store.request({ _tag: "Submit", jobs: [{ id: "b", name: "b", description: description() }] })
        yield* Effect.scoped(
          Effect.flatMap(store.own, (owner) => owner.append([{ type: "answered", request: number, refusal: "no such limit" }]))
        )
        return yield* tell("list", list, { store }, ["--state=refused"])
      })
    )
    expect(told.stdout.split("\n")[1]).toBe("b   b     refused   0s  no such limit")
  })

  it("says that there are none, which is no failure", async () => {
    const told = await Effect.runPromise(Effect.flatMap(storeOf(), (store) => tell("list", list, { store })))
    expect(told).toMatchObject({ code: 0, stdout: "", stderr: "no jobs in jobs.db\n" })
  })

  it.each([
    [
      ["--since=yesterday"],
      `--since must be a time ago such as 30s, 2h or 7d, or an instant such as 2026-11-20 or 2026-11-20T08:00, got "yesterday"`
    ],
    [["--label=team"], `--label must be a word and its value, such as branch=main, got "team"`],
    [["--limit=many"], `--limit must be a whole number such as 100, or 0 for all, got "many"`]
  ])("refuses %j", async (flags, message) => {
    expect(await withStore([], (store) => tell("list", list, { store }, flags))).toMatchObject({ code: undefined, message })
  })

  it("refuses words", async () => {
    expect((await withStore([], (store) => tell("list", list, { store }, [], ["x"]))).message).toBe(
      `"x" means nothing here; what is chosen is said with flags`
    )
  })
})
