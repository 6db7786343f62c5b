import { Simulator } from "@skein/core/testing"
import * as AgentGather from "@skein/parallel/AgentGather"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import type * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import { after, Meter, rule, stubborn } from "./kit.ts"

const millis = Effect.clockWith((clock) => clock.currentTimeMillis)
const { make } = AgentGather

const scopedRule = (title: string, program: () => Effect.Effect<unknown, unknown, Scope.Scope>): void =>
  rule(title, () => Effect.scoped(program()))

/** A store in memory whose entries outlive an interrupted run. Each write takes a moment, so that it can be interrupted in it. */
const stored = (entries = new Map<string, string>(), overrides: Partial<AgentGather.Store> = {}) => ({
  entries,
  store: {
    get: (key: string) =>
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => entries.get(key))
      ),
    set: (key: string, value: string | Uint8Array) =>
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => void entries.set(key, String(value)))
      ),
    ...overrides
  } satisfies AgentGather.Store
})

const failing = Effect.fail(new KeyValueStore.KeyValueStoreError({ key: "k", method: "set", message: "disk full" }))

describe("AgentGather: resume", () => {
  scopedRule("a second run with the same key runs only what is missing", () =>
    Effect.gen(function* () {
      const { store } = stored()
      const agents = yield* make({ store, timeout: 20 })
      const ran: Array<string> = []
      const task = (id: string, works: boolean) => ({
        id,
        run: Effect.suspend(() => (ran.push(id), works ? Effect.succeed({ id, tags: [1, null, "x"] }) : Effect.never))
      })
      const first = yield* agents.gather([task("a", true), task("b", false), task("c", true)], { resume: "survey" })
      expect(first.reports.map(({ kept, resumed }) => [kept, resumed])).toEqual([
        [true, false],
        [false, false],
        [true, false]
      ])
      expect(first.text.split("\n").at(-1)).toBe(
        'To run only what is missing (1 of 3), call again with the same tasks and resume "survey".'
      )
      const second = yield* agents.gather([task("a", true), task("b", true), task("c", true)], { resume: "survey" })
      expect([...ran].sort()).toEqual(["a", "b", "b", "c"])
      expect(second.values).toEqual([first.values[0], { id: "b", tags: [1, null, "x"] }, first.values[1]])
      expect(second.reports.map(({ outcome, resumed }) => [resumed, outcome.attempts])).toEqual([
        [true, 0],
        [false, 1],
        [true, 0]
      ])
      expect(second.text).toContain("- a, from an earlier run: {")
      expect((yield* agents.stats).tasks).toMatchObject({ completed: 3, timedOut: 1, resumed: 2 })
      yield* agents.gather([task("a", true)], { resume: "another" })
      yield* agents.gather([task("a", true)])
      expect(ran.length).toBe(6)
    })
  )

  scopedRule("writes each result when it is there, while others still run", () =>
    Effect.gen(function* () {
      const { entries, store } = stored()
      const agents = yield* make({ store })
      const tasks = [5, 15, 25].map((ms) => ({ id: `${ms}`, run: after(ms, ms) }))
      const call = yield* Effect.forkChild(agents.gather(tasks, { resume: "k" }))
      const sizes: Array<number> = []
      for (let n = 0; n < 3; n++) {
        yield* Effect.sleep(10)
        sizes.push(entries.size)
      }
      expect(sizes).toEqual([1, 2, 3])
      yield* Fiber.join(call)
    })
  )

  scopedRule("runs a task again whose input has changed, and knows one without an id by its agent and input", () =>
    Effect.gen(function* () {
      const { store } = stored()
      const agents = yield* make({ store })
      const ran: Array<unknown> = []
      const gather = (...tasks: ReadonlyArray<Omit<AgentGather.Task, "run">>) =>
        agents.gather(
          tasks.map((task) => ({ ...task, run: Effect.sync(() => ran.push(task.input)) })),
          { resume: "k" }
        )
      yield* gather({ id: "a", input: { x: 1, y: [2] } }, { agent: "reader", input: "oak" }, { agent: "reader", input: "oak" })
      expect(ran.length).toBe(3)
      const again = yield* gather(
        { agent: "reader", input: "oak" },
        { id: "a", input: { y: [2], x: 1 } },
        { id: "a2", input: { x: 1, y: [2] } }
      )
      expect(again.reports.map(({ resumed }) => resumed)).toEqual([true, true, false])
      const changed = yield* gather({ id: "a", input: { x: 1, y: [3] } }, { agent: "writer", input: "oak" })
      expect(changed.reports.map(({ resumed }) => resumed)).toEqual([false, false])
    })
  )

  scopedRule("says what it could not keep, and why", () =>
    Effect.gen(function* () {
      const { entries, store } = stored()
      const agents = yield* make({ store })
      const cyclic: Record<string, unknown> = { name: "x" }
      cyclic["self"] = cyclic
      const account = yield* agents.gather(
        [
          { id: "map", run: Effect.succeed({ found: [new Map()] }) },
          { id: "date", run: Effect.succeed(new Date(0)) },
          { id: "nan", run: Effect.succeed([1, Number.NaN]) },
          { id: "cycle", run: Effect.succeed(cyclic) },
          { id: "big", run: Effect.succeed(1n) },
          { run: Effect.succeed("unnamed") },
          { id: "input", input: () => 1, run: Effect.succeed("odd input") },
          { id: "void", run: Effect.void },
          { id: "optional", run: Effect.succeed({ a: undefined, b: 1 }) }
        ],
        { resume: "k" }
      )
      expect(account.notes).toEqual([
        "the result of map was not kept: it holds a Map at .found[0], which JSON does not keep",
        "the result of date was not kept: it holds a Date, which JSON does not keep",
        "the result of nan was not kept: it holds NaN at [1], which JSON does not keep",
        "the result of cycle was not kept: it holds itself at .self, which JSON does not keep",
        "the result of big was not kept: it holds a bigint, which JSON does not keep",
        "the result of task-6 was not kept: it has neither an id nor an input that JSON can hold",
        "the result of input was not kept: it has neither an id nor an input that JSON can hold"
      ])
      expect([account.completed, account.missing, entries.size]).toEqual([9, 0, 2])
      expect(account.text).toContain("\nNote: the result of map was not kept: ")
      const again = yield* agents.gather([{ id: "void", run: Effect.never }], { resume: "k" })
      expect(again.values).toEqual([undefined])
    })
  )

  scopedRule("keeps the result of a task that finished although it was asked to stop", () =>
    Effect.gen(function* () {
      const { store } = stored()
      const agents = yield* make({ store, timeout: 10 })
      const late = yield* agents.gather([{ id: "pay", run: stubborn(30, "paid") }], { resume: "k" })
      expect([late.values, late.reports[0]!.kept]).toEqual([["paid"], true])
      const again = yield* agents.gather([{ id: "pay", run: Effect.never }], { resume: "k" })
      expect(again.values).toEqual(["paid"])
    })
  )

  scopedRule("says that nothing is kept where there is no store", () =>
    Effect.gen(function* () {
      const agents = yield* make()
      const account = yield* agents.gather([{ id: "a", run: Effect.succeed(1) }], { resume: "k" })
      expect([account.values, account.notes]).toEqual([[1], ["there is no store, so nothing is kept to resume"]])
    })
  )
})

describe("AgentGather: resume in a tree", () => {
  scopedRule("a second run goes down to the one task that is missing", () =>
    Effect.gen(function* () {
      const { store } = stored()
      const agents = yield* make({ store, timeout: 50 })
      const ran: Array<string> = []
      let hangs = true
      const read = (page: string) => Effect.suspend(() => (ran.push(page), page === "b2" && hangs ? Effect.never : after(1, page)))
      const research = (topic: string) =>
        Effect.gen(function* () {
          ran.push(topic)
          const pages = [`${topic}1`, `${topic}2`, `${topic}3`]
          const { values } = yield* agents.gather(pages.map((page) => ({ agent: "reader", input: page, run: read(page) })))
          return values.join()
        })
      const run = agents.gather(
        ["a", "b"].map((topic) => ({ id: topic, run: research(topic) })),
        { resume: "k" }
      )
      const first = yield* run
      expect(first.values).toEqual(["a1,a2,a3", "b1,b3"])
      expect(first.reports.map(({ kept, missing }) => [kept, missing])).toEqual([
        [true, 0],
        [false, 1]
      ])
      expect([...ran].sort()).toEqual(["a", "a1", "a2", "a3", "b", "b1", "b2", "b3"])
      ran.length = 0
      hangs = false
      const second = yield* run
      expect(second.values).toEqual(["a1,a2,a3", "b1,b2,b3"])
      expect([ran, second.missing]).toEqual([["b", "b2"], 0])
      ran.length = 0
      yield* run
      expect(ran).toEqual([])
    })
  )

  scopedRule("a task that tries its missing calls again with success is whole, and one that asks the same twice is answered twice", () =>
    Effect.gen(function* () {
      const { store } = stored()
      const agents = yield* make({ store })
      let asked = 0
      const flaky = {
        agent: "reader",
        input: "page",
        run: Effect.suspend(() => (++asked === 1 ? Effect.fail("busy") : Effect.succeed(asked)))
      }
      const twice = Effect.gen(function* () {
        const failed = yield* agents.gather([flaky])
        const [one] = (yield* agents.gather([flaky])).values
        const [two] = (yield* agents.gather([flaky])).values
        return [failed.missing, one, two]
      })
      const account = yield* agents.gather([{ id: "a", run: twice }], { resume: "k" })
      expect([account.values, account.missing, account.reports[0]!.kept]).toEqual([[[1, 2, 3]], 0, true])
    })
  )

  scopedRule("an attempt that is made again finds what the one before had finished", () =>
    Effect.gen(function* () {
      const { store } = stored()
      const agents = yield* make({ store, retry: { times: 1 } })
      const ran: Array<string> = []
      let attempts = 0
      const read = (page: string) => ({ input: page, run: Effect.sync(() => (ran.push(page), page)) })
      const flaky = Effect.flatMap(agents.gather([read("a"), read("b")]), ({ values }) =>
        ++attempts === 1 ? Effect.fail("broken pen") : Effect.succeed(values)
      )
      const account = yield* agents.gather([{ id: "x", run: flaky }], { resume: "k" })
      expect([account.values, [...ran].sort()]).toEqual([[["a", "b"]], ["a", "b"]])
    })
  )

  scopedRule("in a gather inside without a key, a task that has only an id is not taken for one of an earlier call", () =>
    Effect.gen(function* () {
      const { store } = stored()
      const agents = yield* make({ store, timeout: 20 })
      let run = 0
      const steps = Effect.gen(function* () {
        run++
        const one = yield* agents.gather([{ id: "1", run: Effect.succeed(`first of run ${run}`) }])
        const two = yield* agents.gather([{ id: "1", run: Effect.succeed(`second of run ${run}`) }])
        return run === 1 ? yield* Effect.never : [...one.values, ...two.values]
      })
      const tasks = [{ id: "x", run: steps }]
      yield* agents.gather(tasks, { resume: "k" })
      const account = yield* agents.gather(tasks, { resume: "k" })
      expect(account.values).toEqual([["first of run 2", "second of run 2"]])
    })
  )

  scopedRule("a key of a gather inside belongs to the task around it", () =>
    Effect.gen(function* () {
      const { entries, store } = stored()
      const agents = yield* make({ store })
      const inner = (value: string) =>
        Effect.map(agents.gather([{ id: "x", run: Effect.succeed(value) }], { resume: "same" }), ({ values }) => values[0])
      const account = yield* agents.gather(
        [
          { id: "a", run: inner("of a") },
          { id: "b", run: inner("of b") }
        ],
        { resume: "k" }
      )
      expect(account.values).toEqual(["of a", "of b"])
      expect([...entries.keys()].every((key) => key.startsWith("agents/k/"))).toBe(true)
      expect(entries.size).toBe(4)
    })
  )
})

describe("AgentGather: a store that does not work", () => {
  const gather = (store: AgentGather.Store, options: AgentGather.MakeOptions = {}) =>
    Effect.flatMap(make({ store, storeTimeout: 100, grace: 20, ...options }), (agents) =>
      agents.gather(
        [
          { id: "a", run: after(5, 1) },
          { id: "b", run: after(5, 2) }
        ],
        { resume: "k" }
      )
    )

  scopedRule("costs no result when it fails or crashes, and is told of", () =>
    Effect.gen(function* () {
      const { store } = stored(undefined, { get: () => failing, set: () => Effect.die(new Error("bug in the store")) })
      const account = yield* gather(store)
      expect(account.values).toEqual([1, 2])
      expect(account.notes).toEqual([
        "earlier results could not be read for 2 of 2 tasks: disk full",
        "the result of a was not kept: bug in the store",
        "the result of b was not kept: bug in the store"
      ])
      expect(account.reports.some(({ kept }) => kept)).toBe(false)
    })
  )

  scopedRule("costs no result when it hangs, whatever it hangs in", () =>
    Effect.gen(function* () {
      for (const stuck of [Effect.never, stubborn(400, undefined)]) {
        const { store } = stored(undefined, { get: () => stuck, set: () => stuck })
        const from = yield* millis
        const account = yield* gather(store)
        expect([account.values, account.notes.length]).toEqual([[1, 2], 3])
        expect(account.notes[1]).toBe("the result of a was not kept: the store did not answer within 100ms")
        // Reading and keeping had their time, and the grace where they did not stop.
        expect((yield* millis) - from).toBeLessThanOrEqual(2 * (100 + 20) + 5)
      }
      yield* Effect.sleep(400)
    })
  )

  scopedRule("takes rubbish for nothing", () =>
    Effect.gen(function* () {
      const { entries, store } = stored()
      yield* gather(store)
      for (const key of entries.keys()) entries.set(key, key.length % 2 === 0 ? "{" : "[1]")
      const account = yield* gather(store)
      expect(account.values).toEqual([1, 2])
      expect(account.notes.length).toBeGreaterThan(0)
      expect((yield* gather(store)).reports.map(({ resumed }) => resumed)).toEqual([true, true])
    })
  )

  scopedRule("does not give one task the entry of another that fell on the same key", () =>
    Effect.gen(function* () {
      const { entries, store } = stored()
      yield* gather(store)
      const [[a, one], [b, two]] = [...entries] as [[string, string], [string, string]]
      entries.set(a, two).set(b, one)
      expect((yield* gather(store)).reports.map(({ resumed }) => resumed)).toEqual([false, false])
    })
  )

  scopedRule("a deadline is answered while results are being read", () =>
    Effect.gen(function* () {
      const { store } = stored(undefined, { get: () => Effect.never })
      const account = yield* gather(store, { timeout: 30 })
      expect(account.reports.map(({ why }) => why)).toEqual(
        Array.from({ length: 2 }, () => "never started: the time was over before its turn came")
      )
      expect(yield* millis).toBe(30)
    })
  )

  scopedRule("a task that is cancelled while results are being read stays cancelled", () =>
    Effect.gen(function* () {
      const { entries, store } = stored()
      yield* gather(store)
      const agents = yield* make({ store: { ...store, get: (key) => Effect.delay(store.get(key), 10) } })
      const tasks = [
        { id: "a", run: Effect.succeed(1) },
        { id: "b", run: Effect.succeed(2) }
      ]
      const call = yield* Effect.forkChild(agents.gather(tasks, { resume: "k" }))
      yield* Effect.sleep(5)
      expect((yield* agents.cancel("a", "not needed")).why).toBe("never started: cancelled: not needed")
      expect(yield* millis).toBe(10)
      const account = yield* Fiber.join(call)
      expect(account.reports.map(({ status }) => status)).toEqual(["notStarted", "completed"])
      expect([account.values, entries.size]).toEqual([[2], 2])
    })
  )

  it("works with Effect's own stores", async () => {
    const program = Effect.gen(function* () {
      const store = yield* KeyValueStore.KeyValueStore
      const agents = yield* make({ store: KeyValueStore.prefix(store, "tenant-1/") })
      yield* agents.gather([{ id: "a", run: Effect.succeed("once") }], { resume: "a/b c" })
      const { values } = yield* agents.gather([{ id: "a", run: Effect.succeed("twice") }], { resume: "a/b c" })
      return [values, (yield* store.keys).map((key) => key.replace(/[^/]*$/, ""))]
    })
    expect(await Effect.runPromise(Effect.scoped(Effect.provide(program, KeyValueStore.layerMemory)))).toEqual([
      ["once"],
      ["tenant-1/agents/a%2Fb%20c/"]
    ])
  })
})

describe("AgentGather: resume after an interruption at every step", () => {
  for (const [target, title] of [
    ["main", "runs each task that had completed once in all, and each other one again"],
    ["children", "comes to the whole result, whichever fiber is interrupted, the one that writes to the store too"]
  ] as const) {
    it(title, async () => {
      let entries = new Map<string, string>()
      let completed: Array<string> = []
      let meter = new Meter()
      const run = Effect.scoped(
        Effect.gen(function* () {
          const agents = yield* make({ store: stored(entries).store, concurrency: 2 })
          // Its last step both does the work and says so: nothing can come in between.
          const leaf = (id: string) =>
            Effect.andThen(
              meter.count(Effect.sleep(1)),
              Effect.sync(() => (completed.push(id), id))
            )
          const reads = ["x", "y"].map((id) => ({ id, input: id, run: leaf(id) }))
          const tree = Effect.map(agents.gather(reads), ({ values }) => values)
          return yield* agents.gather([...["a", "b"].map((id) => ({ id, run: leaf(id) })), { id: "tree", run: tree }], { resume: "k" })
        })
      )
      const before = new Set<number>()
      const swept = await Simulator.sweep(
        () =>
          Effect.suspend(() => {
            entries = new Map()
            completed = []
            meter = new Meter()
            return run
          }),
        {
          seeds: 1,
          maxRuns: 1500,
          target,
          // Interrupted in the very step that does its work a task has not completed: only the task itself could bring that about.
          moment: "before",
          after: () =>
            Effect.gen(function* () {
              expect(meter.running).toBe(0)
              before.add(completed.length)
              const account = yield* run
              expect(account.values).toEqual(["a", "b", ["x", "y"]])
              if (target === "main") expect([...completed].sort()).toEqual(["a", "b", "x", "y"])
            })
        }
      )
      expect(swept.interrupted[target]).toBeGreaterThan(0)
      if (target === "main") expect([...before].sort()).toEqual([0, 1, 2, 3, 4])
    })
  }

  it("under many schedules, a run that is interrupted in the middle leaves what it finished", async () => {
    const program = () =>
      Effect.gen(function* () {
        const { store } = stored()
        const done: Array<string> = []
        const task = (id: string, ms: number) => ({ id, run: Effect.map(after(ms, id), (value) => (done.push(id), value)) })
        const run = Effect.scoped(
          Effect.flatMap(make({ store, concurrency: 2 }), (agents) =>
            agents.gather([task("a", 2), task("b", 5), task("c", 9)], { resume: "k" })
          )
        )
        const fiber = yield* Effect.forkChild(run)
        yield* Effect.sleep(6)
        yield* Fiber.interrupt(fiber)
        const left = [...done]
        const account = yield* run
        expect(account.reports.filter(({ resumed }) => resumed).map(({ id }) => id)).toEqual(left)
        expect([...done].sort()).toEqual(["a", "b", "c"])
      })
    const { runs, verdicts } = await Simulator.check(program, { seeds: 300 })
    expect(verdicts.passed).toBe(runs)
  })
})
