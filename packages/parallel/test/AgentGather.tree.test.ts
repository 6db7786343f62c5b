import { Deadline } from "@skein/core"
import * as AgentGather from "@skein/parallel/AgentGather"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { describe, expect } from "vitest"
import { after, Meter, rule } from "./kit.ts"

const millis = Effect.clockWith((clock) => clock.currentTimeMillis)
const { make } = AgentGather

const scopedRule = (title: string, program: () => Effect.Effect<unknown, unknown, Scope.Scope>): void =>
  rule(title, () => Effect.scoped(program()))

describe("AgentGather: one cap for the tree", () => {
  // D-B10
  for (const [how, wait] of Object.entries({
    "in its own fiber": <A, E>(effect: Effect.Effect<A, E>) => effect,
    "through a Deferred": <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.gen(function* () {
        const answer = yield* Deferred.make<A, E>()
        yield* Effect.forkChild(Deferred.into(effect, answer))
        return yield* Deferred.await(answer)
      }),
    "through a Queue": <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.gen(function* () {
        const answers = yield* Queue.unbounded<Exit.Exit<A, E>>()
        yield* Effect.forkDetach(Effect.flatMap(Effect.exit(effect), (exit) => Queue.offer(answers, exit)))
        return yield* yield* Queue.take(answers)
      })
  })) {
    scopedRule(`serves three levels with a limit of 1, where a task waits for its gather ${how}`, () =>
      Effect.gen(function* () {
        const agents = yield* make({ concurrency: 1 })
        const meter = new Meter()
        const level = (depth: number): Effect.Effect<number, AgentGather.AgentGatherError> =>
          depth === 0
            ? meter.count(after(1, 1))
            : Effect.map(wait(agents.gather([{ run: level(depth - 1) }, { run: level(depth - 1) }])), ({ values }) =>
                values.reduce((a, b) => a + b, 0)
              )
        expect(yield* level(4)).toBe(16)
        const { gathers, peak, running, tasks, waiting } = yield* agents.stats
        expect([meter.peak, peak, running, waiting, gathers, tasks.completed]).toEqual([1, 1, 0, 0, 0, 30])
      })
    )
  }

  scopedRule("gathers take turns: a late one of 2 does not wait for an early one of 50", () =>
    Effect.gen(function* () {
      const agents = yield* make({ concurrency: 2 })
      const work = (n: number) => Array.from({ length: n }, () => ({ run: Effect.sleep(10) }))
      const early = yield* Effect.forkChild(agents.gather(work(50)))
      yield* Effect.sleep(15)
      yield* agents.gather(work(2))
      expect(yield* millis).toBeLessThanOrEqual(40)
      expect((yield* Fiber.join(early)).completed).toBe(50)
      expect(yield* millis).toBe(260)
    })
  )
})

// Law 10
describe("AgentGather: deadlines in a tree", () => {
  scopedRule("a hanging grandchild costs only itself: each level answers with what the level below had", () =>
    Effect.gen(function* () {
      const agents = yield* make({ concurrency: 3, timeout: 100 })
      const read = (topic: string) => (topic === "hangs" ? Effect.never : after(1, `read ${topic}`))
      const research = (topics: ReadonlyArray<string>) =>
        Effect.map(
          agents.gather(
            topics.map((topic) => ({ id: topic, run: read(topic) })),
            { timeout: "Infinity" }
          ),
          ({ values }) => values.join()
        )
      const account = yield* agents.gather([
        { id: "left", run: research(["a", "hangs", "b"]) },
        { id: "right", run: research(["c", "d"]) }
      ])
      expect(account.values).toEqual(["read a,read b", "read c,read d"])
      expect(account.reports.map(({ missing }) => missing)).toEqual([1, 0])
      expect([account.completed, account.missing]).toEqual([2, 1])
      expect(account.text).toContain("- left, 1 of the calls it made did not finish: read a,read b\n- right: read c,read d")
      expect(yield* millis).toBe(100)
    })
  )

  // Found by the random trees: the limits of the gathers in between, all of the same length, come a little later, and must not cut off who is using an answer.
  scopedRule("each level has a second for what the level below had, whatever limits come in it", () =>
    Effect.gen(function* () {
      const agents = yield* make({ timeout: 100 })
      const agent = (depth: number): Effect.Effect<string, AgentGather.AgentGatherError> =>
        Effect.gen(function* () {
          yield* Effect.sleep(10)
          if (depth === 0) return yield* Effect.never
          const { completed } = yield* agents.gather([{ run: agent(depth - 1) }, { run: Effect.void }])
          yield* Effect.sleep(900)
          return `${depth}: ${completed}`
        })
      const account = yield* agents.gather([{ run: agent(3) }])
      expect([account.values, yield* millis]).toEqual([["3: 2"], 2_800])
    })
  )

  scopedRule("a time limit of one task is answered from the inside too", () =>
    Effect.gen(function* () {
      const agents = yield* make({ timeout: "Infinity" })
      const inner = agents.gather([{ run: after(1, "quick") }, { run: Effect.never }])
      const account = yield* agents.gather([{ run: Effect.map(inner, ({ values }) => values) }], { taskTimeout: 50 })
      expect(account.values).toEqual([["quick"]])
      expect(yield* millis).toBe(50)
    })
  )

  scopedRule("a deadline around a gather gives the account back", () =>
    Effect.gen(function* () {
      const agents = yield* make()
      const account = yield* Deadline.within(agents.gather([{ run: after(1, "quick") }, { run: Effect.never }]), 20)
      expect([account.values, account.missing]).toEqual([["quick"], 1])
    })
  )
})
