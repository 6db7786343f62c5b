/** `skein jobs graph`: what comes after what, as an outline or as a Mermaid diagram. */
import * as Graph from "@skein/engine/Graph"
import * as Effect from "effect/Effect"
import { fitted, oneLine, width } from "../terminalText.ts"
import * as board from "./board.ts"
import type { Handler, Look } from "./desk.ts"
import { named } from "./find.ts"
import { given } from "./reading.ts"
import * as StoredJob from "@skein/engine/StoredJob"
import { styleOf } from "./words.ts"

export const graph: Handler = (desk) =>
  Effect.gen(function* () {
    const { look, print, say, store, values, words } = desk
    const filter = yield* given(() => board.filterOf(values, look.now()))
    const wanted = words.length === 0 ? undefined : new Set((yield* named(desk)).map(({ run }) => run.id))
    const all = (yield* board.list(store, wanted === undefined ? filter : {})).filter(({ state }) => state !== "refused")
    const edges = all.flatMap(({ run }) => StoredJob.edges(run))
    const entries = wanted === undefined ? all : linked(all, edges, wanted)
    const ids = new Set(entries.map(({ run }) => run.id))
    const shown: Graph.Graph = {
      nodes: entries.map(({ run }) => ({ id: run.id, name: run.name, state: run.state })),
      edges: edges.filter(({ from, to }) => ids.has(from) && ids.has(to))
    }
    if (values.has("mermaid")) yield* print(`${Graph.toMermaid(shown)}\n`)
    else if (values.has("json")) yield* print(`${JSON.stringify(shown)}\n`)
    else if (entries.length === 0) yield* say(`no jobs in ${store.name}`)
    else yield* print(`${outline(shown, look).join("\n")}\n`)
    return 0
  })

/** Those wanted, and all that come before or after them over any number of steps. */
const linked = (
  all: ReadonlyArray<board.Entry>,
  edges: ReadonlyArray<Graph.Edge>,
  wanted: ReadonlySet<string>
): ReadonlyArray<board.Entry> => {
  const reached = (from: "from" | "to", to: "from" | "to"): ReadonlySet<string> => {
    const next = Map.groupBy(edges, (edge) => edge[from])
    const seen = new Set(wanted)
    // A set gives what is added while one goes through it.
    for (const id of seen) for (const edge of next.get(id) ?? []) seen.add(edge[to])
    return seen
  }
  const before = reached("to", "from")
  const after = reached("from", "to")
  return all.filter(({ run }) => before.has(run.id) || after.has(run.id))
}

/** A line for each job, below the last of those it comes after; the others that it comes after stand behind it. */
const outline = ({ edges, nodes }: Graph.Graph, look: Look): ReadonlyArray<string> => {
  const places = new Map(nodes.map(({ id }, i) => [id, i]))
  const upstream = Map.groupBy(edges, ({ to }) => to)
  const parents = new Map<string, string>()
  for (const { id } of nodes) {
    const from = (upstream.get(id) ?? []).map((edge) => edge.from)
    if (from.length > 0)
      parents.set(
        id,
        from.reduce((last, one) => (places.get(one)! > places.get(last)! ? one : last))
      )
  }
  const children = Map.groupBy(
    nodes.filter(({ id }) => parents.has(id)),
    ({ id }) => parents.get(id)!
  )
  const lines: Array<string> = []
  // A chain may be longer than the stack is deep.
  const open: Array<Place> = nodes.filter(({ id }) => !parents.has(id)).map((node) => ({ node, head: "", below: "" }))
  open.reverse()
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const { below, head, node } = place
    const others = (upstream.get(node.id) ?? []).map(({ from }) => from).filter((from) => from !== parents.get(node.id))
    lines.push(lineOf(node, head, others, look))
    const next = children.get(node.id) ?? []
    for (let i = next.length - 1; i >= 0; i--) {
      const isLast = i === next.length - 1
      const deeper = below.length < deepest ? below + (isLast ? "   " : "│  ") : below
      open.push({ node: next[i]!, head: below + (isLast ? "└─ " : "├─ "), below: deeper })
    }
  }
  return lines
}

/** Columns of branches; what lies deeper is not moved further to the right. */
const deepest = 150

interface Place {
  readonly node: Graph.Node
  /** What stands before it, and before those below it. */
  readonly head: string
  readonly below: string
}

/** The branches take no more than half of the window, the name what is left of it. */
const lineOf = (node: Graph.Node, head: string, others: ReadonlyArray<string>, { columns = Infinity, paint }: Look): string => {
  const branch = fitted(head, Math.floor(columns / 2))
  const text = fitted(`${node.id}  ${oneLine(node.name)}`, columns - width(branch) - node.state.length - 2)
  const left = columns - width(branch) - width(text) - node.state.length - 2
  const also = others.length === 0 ? "" : fitted(`  also after ${others.join(", ")}`, left)
  return `${paint("dim", branch)}${text}  ${paint(styleOf(node) ?? "bold", node.state)}${paint("dim", also)}`
}
