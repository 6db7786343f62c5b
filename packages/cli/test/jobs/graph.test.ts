import { describe, expect, it } from "vitest"
import { graph } from "../../src/jobs/graph.ts"
import { ended, run, tell, withStore } from "./deskKit.ts"

const jobs = [
  ended("fetch", "completed"),
  run("build", { upstream: ["fetch"], state: "running" }),
  run("lint", { upstream: ["fetch"] }),
  run("publish", { upstream: ["build", "lint"] }),
  run("alone")
]

describe("jobs graph", () => {
  it("puts each job below the last of those that it comes after, and names the others", async () => {
    const { stdout } = await withStore(jobs, (store) => tell("graph", graph, { store }))
    expect(stdout.split("\n")).toEqual([
      "fetch  fetch  completed",
      "├─ build  build  running",
      "└─ lint  lint  waiting",
      "   └─ publish  publish  waiting  also after build",
      "alone  alone  waiting",
      ""
    ])
  })

  it("shows all that is linked with a job, and nothing else", async () => {
    const { stdout } = await withStore(jobs, (store) => tell("graph", graph, { store }, [], ["lint"]))
    expect(stdout.split("\n")).toEqual(["fetch  fetch  completed", "└─ lint  lint  waiting", "   └─ publish  publish  waiting", ""])
  })

  it("draws a Mermaid diagram", async () => {
    const { stdout } = await withStore(jobs.slice(0, 2), (store) => tell("graph", graph, { store }, ["--mermaid"]))
    expect(stdout.split("\n").slice(0, 4)).toEqual(["flowchart TD", `  n0["fetch"]:::completed`, `  n1["build"]:::running`, "  n0 --> n1"])
  })

  it("gives nodes and edges as JSON", async () => {
    const { stdout } = await withStore(jobs.slice(0, 2), (store) => tell("graph", graph, { store }, ["--json"]))
    expect(JSON.parse(stdout)).toEqual({
      nodes: [
        { id: "fetch", name: "fetch", state: "completed" },
        { id: "build", name: "build", state: "running" }
      ],
      edges: [{ from: "fetch", to: "build", wants: ["completed"], kind: "after" }]
    })
  })

  it("takes a chain of 20,000 jobs, and keeps to the window", async () => {
    const chain = Array.from({ length: 20_000 }, (_, i) => run(`j${i}`, { upstream: i === 0 ? [] : [`j${i - 1}`] }))
    const { stdout } = await withStore(chain, (store) => tell("graph", graph, { store, columns: 60 }))
    const lines = stdout.split("\n")
    expect(lines.length).toBe(20_001)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60)
  })
})
