import { Simulator } from "@skein/core/testing"
import * as AgentGather from "@skein/parallel/AgentGather"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { after, Meter, stubborn } from "./kit.ts"

/** A tree of agents: leaves do something, branches gather what is below them. */
type Tree =
  | { readonly kind: "works" | "hangs" | "fails" | "crashes" | "pays"; readonly name: string; readonly millis: number }
  | { readonly kind: "branch"; readonly name: string; readonly below: ReadonlyArray<Tree> }

/** Mulberry32, by Tommy Ettinger, in the public domain. */
const random = (seed: number): ((below: number) => number) => {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

const grow = (next: (below: number) => number, name: string, depth: number): Tree => {
  if (depth > 0 && next(3) > 0) {
    return { kind: "branch", name, below: Array.from({ length: 1 + next(3) }, (_, n) => grow(next, `${name}.${n}`, depth - 1)) }
  }
  return { kind: (["works", "works", "works", "hangs", "fails", "crashes", "pays"] as const)[next(7)]!, name, millis: next(4) }
}

const leavesOf = (tree: Tree): ReadonlyArray<Exclude<Tree, { readonly kind: "branch" }>> =>
  tree.kind === "branch" ? tree.below.flatMap(leavesOf) : [tree]

const trees = 120

describe("AgentGather, random trees", () => {
  it("keep the bound and every value, account for each task, leave nothing, and a second run does only what is missing", async () => {
    const seen = new Set<string>()
    for (let seed = 1; seed <= trees; seed++) {
      const next = random(seed)
      const forest = Array.from({ length: 1 + next(3) }, (_, n) => grow(next, `${n}`, 3))
      const leaves = forest.flatMap(leavesOf)
      const concurrency = 1 + next(4)
      let meter = new Meter()
      const program = () =>
        Effect.gen(function* () {
          meter = new Meter()
          const entries = new Map<string, string>()
          const store = {
            get: (key: string) => Effect.sync(() => entries.get(key)),
            set: (key: string, value: string | Uint8Array) => Effect.sync(() => void entries.set(key, String(value)))
          }
          const agents = yield* AgentGather.make({ concurrency, store, timeout: 1_000 })
          let repaired = false
          let ran: Array<string> = []
          const run = (tree: Tree): Effect.Effect<ReadonlyArray<string>, unknown> => {
            if (tree.kind === "branch") return Effect.map(gather(tree.below, undefined), ({ values }) => values.flat())
            const { kind, millis, name } = tree
            const work = {
              works: after(millis, [name]),
              pays: stubborn(millis, [name]),
              hangs: Effect.never,
              fails: Effect.fail("no"),
              crashes: Effect.die("bug")
            }[repaired ? "works" : kind]
            return meter.count(Effect.suspend(() => (ran.push(name), work)))
          }
          const gather = (
            below: ReadonlyArray<Tree>,
            resume: string | undefined
          ): Effect.Effect<AgentGather.Account<ReadonlyArray<string>>, AgentGather.AgentGatherError> =>
            Effect.tap(
              agents.gather(
                below.map((tree) => ({ id: tree.name, input: tree.name, run: run(tree) })),
                { resume }
              ),
              ({ completed, missing, reports, unfinished }) =>
                Effect.sync(() => {
                  expect(reports.map(({ id }) => id)).toEqual(below.map(({ name }) => name))
                  expect(completed + unfinished.length).toBe(below.length)
                  expect(missing).toBe(reports.filter((report) => report.status !== "completed" || report.missing > 0).length)
                })
            )
          const first = yield* gather(forest, "k")
          const values = first.values.flat()
          // Where something hangs, what waits behind it may never start; whatever ran and could work has its value in the account.
          const kinds = new Map(leaves.map(({ kind, name }) => [name, kind]))
          const worked = ran.filter((name) => ["works", "pays"].includes(kinds.get(name)!))
          expect([...values].sort()).toEqual([...worked].sort())
          expect(new Set(ran).size).toBe(ran.length)
          expect(first.missing === 0).toBe(values.length === leaves.length)
          repaired = true
          ran = []
          const second = yield* gather(forest, "k")
          expect(second.values.flat()).toEqual(leaves.map(({ name }) => name))
          expect([...ran].sort()).toEqual(
            leaves
              .map(({ name }) => name)
              .filter((name) => !values.includes(name))
              .sort()
          )
          expect(yield* agents.stats).toMatchObject({ running: 0, waiting: 0, gathers: 0, abandoned: 0 })
          return first.missing === 0 ? "whole" : leaves.length > ran.length ? "part" : "nothing"
        }).pipe(Effect.scoped)
      const { labels } = await Simulator.check(program, {
        seeds: 3,
        seed,
        label: (run) => (run.exit?._tag === "Success" ? String(run.exit.value) : "failed"),
        invariant: () => void expect(meter.running).toBeLessThanOrEqual(concurrency)
      })
      for (const label of Object.keys(labels)) seen.add(label)
    }
    expect([...seen].sort()).toEqual(["nothing", "part", "whole"])
  })
})
