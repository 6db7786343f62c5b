/**
 * Shows what depends on what in an engine, as data and as a Mermaid diagram.
 *
 * A `Graph` is a plain immutable value, taken at one moment by `engine.graph`; it owns nothing.
 *
 * **Example** (Drawing a graph)
 *
 * ```ts
 * import { Graph } from "@skein/engine"
 *
 * const graph: Graph.Graph = {
 *   nodes: [{ id: "1", name: "build", state: "completed" }, { id: "2", name: "test", state: "running" }],
 *   edges: [{ from: "1", to: "2", wants: ["completed"], kind: "after" }]
 * }
 * console.log(Graph.toMermaid(graph).split("\n")[1]) // =>   n0["build"]:::completed
 * ```
 *
 * @since 0.1.0
 */
import type * as Job from "./Job.ts"

/**
 * The runs of an engine and their dependencies.
 *
 * @category models
 * @since 0.1.0
 */
export interface Graph {
  readonly nodes: ReadonlyArray<Node>
  readonly edges: ReadonlyArray<Edge>
}

/**
 * One run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Node {
  readonly id: string
  readonly name: string
  readonly state: "waiting" | "running" | Job.EndWord
}

/**
 * `to` waits until `from` has ended in one of the ways in `wants`; of edges of kind `any` one is enough.
 *
 * @category models
 * @since 0.1.0
 */
export interface Edge {
  readonly from: string
  readonly to: string
  readonly wants: ReadonlyArray<Job.EndWord>
  readonly kind: "result" | "outcome" | "after" | "either"
}

const colours: ReadonlyArray<readonly [Node["state"], string]> = [
  ["waiting", "fill:#eee,stroke:#999"],
  ["running", "fill:#cfe2ff,stroke:#36c"],
  ["completed", "fill:#d5f0d5,stroke:#393"],
  ["failed", "fill:#f8d0d0,stroke:#c33"],
  ["timeout", "fill:#fde3c0,stroke:#c72"],
  ["cancelled", "fill:#e6dcf5,stroke:#75a"],
  ["skipped", "fill:#fff,stroke:#aaa,stroke-dasharray:4"]
]

/**
 * Writes a graph as a Mermaid flowchart: results as thick arrows, orders as plain ones with the ends that they wait for, alternatives dotted.
 *
 * @category formatting
 * @since 0.1.0
 */
export const toMermaid = (graph: Graph): string => {
  const lines = ["flowchart TD"]
  const names = new Map<string, string>()
  const used = new Set<Node["state"]>()
  for (const [i, node] of graph.nodes.entries()) {
    names.set(node.id, `n${i}`)
    used.add(node.state)
    lines.push(`  n${i}["${escaped(node.name)}"]:::${node.state}`)
  }
  for (const { from, kind, to, wants } of graph.edges) {
    // An upstream run that is not kept any more has no box.
    const source = names.get(from)
    const target = names.get(to)
    if (source === undefined || target === undefined) continue
    const label =
      kind === "outcome" || wants.length === 5 ? "|ended|" : wants.length === 1 && wants[0] === "completed" ? "" : `|${wants.join(" or ")}|`
    lines.push(`  ${source} ${kind === "result" ? "==>" : kind === "either" ? "-.->" : "-->"}${label} ${target}`)
  }
  for (const [state, style] of colours) if (used.has(state)) lines.push(`  classDef ${state} ${style}`)
  return lines.join("\n")
}

/** Mermaid reads entities by number, and nothing else that could end a label. */
const escaped = (text: string): string => text.replace(/[^\p{L}\p{N} _.,:/()+=*-]/gu, (char) => `#${char.codePointAt(0)!};`).slice(0, 200)
