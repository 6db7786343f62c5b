import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import * as Graph from "../src/Graph.ts"
import * as Job from "../src/Job.ts"
import { always, live } from "./engineKit.ts"

const build = Effect.gen(function* () {
  const engine = yield* Engine.make()
  const a = Job.make("build", { id: "a", run: Effect.succeed(1) })
  const b = Job.make("test", { id: "b", after: a, run: Effect.fail("no") })
  const c = Job.make("report", { id: "c", input: { n: Job.result(a), end: Job.outcome(b) }, run: () => Effect.void })
  const d = Job.make("page", { id: "d", after: Job.on(b, ["failed", "timeout"]), run: Effect.never })
  const e = Job.make("any", { id: "e", after: Job.afterAny(["x", b]), run: Effect.void })
  const x = Job.make("x", { id: "x", after: b, run: Effect.void })
  yield* engine.submitAll([a, b, c, d, e, x])
  yield* engine.awaitState("d", "running")
  yield* engine.awaitState("c", "ended")
  return yield* engine.graph
})

describe("Engine.graph", () => {
  it("gives the runs and how they stand", () =>
    always(
      () => Effect.map(build, (graph) => graph.nodes.map(({ id, state }) => `${id} ${state}`)),
      ["a completed", "b failed", "c completed", "d running", "e skipped", "x skipped"]
    ))

  it("gives what depends on what, and in which way", async () => {
    expect((await live(build)).edges).toEqual([
      { from: "a", to: "b", wants: ["completed"], kind: "after" },
      { from: "a", to: "c", wants: ["completed"], kind: "result" },
      { from: "b", to: "c", wants: ["completed", "failed", "timeout", "cancelled", "skipped"], kind: "outcome" },
      { from: "b", to: "d", wants: ["failed", "timeout"], kind: "after" },
      { from: "x", to: "e", wants: ["completed"], kind: "either" },
      { from: "b", to: "e", wants: ["completed"], kind: "either" },
      { from: "b", to: "x", wants: ["completed"], kind: "after" }
    ])
  })
})

describe("Graph.toMermaid", () => {
  it("draws a flowchart", async () => {
    const lines = Graph.toMermaid(await live(build)).split("\n")
    expect(lines.slice(0, 14)).toEqual([
      "flowchart TD",
      '  n0["build"]:::completed',
      '  n1["test"]:::failed',
      '  n2["report"]:::completed',
      '  n3["page"]:::running',
      '  n4["any"]:::skipped',
      '  n5["x"]:::skipped',
      "  n0 --> n1",
      "  n0 ==> n2",
      "  n1 -->|ended| n2",
      "  n1 -->|failed or timeout| n3",
      "  n5 -.-> n4",
      "  n1 -.-> n4",
      "  n1 --> n5"
    ])
  })

  it("lets no name break out of its box", () => {
    const text = Graph.toMermaid({ nodes: [{ id: "1", name: 'a"] --> x\n%% <b>', state: "waiting" }], edges: [] })
    expect(text.split("\n")).toHaveLength(3)
    expect(text.split("\n")[1]).toBe('  n0["a#34;#93; --#62; x#10;#37;#37; #60;b#62;"]:::waiting')
  })

  it("leaves out an edge to a run that is not kept any more", () => {
    const text = Graph.toMermaid({
      nodes: [{ id: "1", name: "a", state: "waiting" }],
      edges: [{ from: "0", to: "1", wants: ["completed"], kind: "after" }]
    })
    expect(text).not.toContain("-->")
  })
})
