import { Simulator } from "@skein/core/testing"
import * as Task from "@skein/parallel/Task"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import * as Launcher from "../src/Launcher.ts"
import { always as alwaysScoped, flaky, told } from "./engineKit.ts"

/** Gives the same value under many schedules, beside an engine that is provided. */
const always = <A>(
  program: () => Effect.Effect<A, unknown, Engine.Engine | Scope.Scope>,
  expected: NoInfer<A>,
  options: Engine.Options = {}
): Promise<void> => alwaysScoped(() => Effect.provide(program(), Engine.layer(options)), expected)

const refusalOf = (make: () => unknown): string => {
  try {
    make()
    return "taken"
  } catch (error) {
    return String(error)
  }
}

class Broken extends Data.TaggedError("Broken")<{ readonly part: string }> {}

describe("a call of a launcher", () => {
  const double = Launcher.define("double", { run: (n: number) => Effect.as(Effect.sleep(1), n * 2) })

  it("runs as a job of the engine that is there, and gives its value", () =>
    always(
      () =>
        Effect.gen(function* () {
          const value = yield* double(21)
          const engine = yield* Effect.service(Engine.Engine)
          return [value, (yield* engine.list()).map((run) => `${run.id} ${run.state._tag}`)]
        }),
      [42, ["double#1 Ended"]]
    ))

  it("fails with the job's own error", () =>
    always(
      () =>
        Effect.gen(function* () {
          const fails = Launcher.define("fails", { run: (part: string) => Effect.fail(new Broken({ part })) })
          return yield* Effect.catchTag(fails("left"), "Broken", ({ part }) => Effect.succeed(part))
        }),
      "left"
    ))

  it("waits for the last attempt", () =>
    always(
      () =>
        Effect.suspend(() => {
          const work = flaky(2)
          return Launcher.define("flaky", { run: () => work, retry: { times: 3 } })()
        }),
      "at last"
    ))

  it("fails with the reason where there is no value", () =>
    always(
      () =>
        Effect.gen(function* () {
          const never = Launcher.define("never", { run: () => Effect.never, timeout: 5 })
          const failed = yield* Effect.flip(never())
          const other = yield* never.submit()
          const waits = yield* Effect.forkChild(
            Effect.flip(Launcher.define("after", { run: (_: unknown) => Effect.void })(Job.result(other)))
          )
          yield* Effect.sleep(1)
          yield* other.cancel("enough")
          return [failed._tag, (yield* Fiber.join(waits))._tag]
        }),
      ["JobTimedOut", "JobSkipped"]
    ))

  it("fails with SubmitError where the engine does not take it", () =>
    always(
      () =>
        Effect.gen(function* () {
          const big = Launcher.define("big", { run: () => Effect.void, needs: { jobs: 3 } })
          const error = yield* Effect.flip(big())
          return [error._tag, error.message, big.meta.calls]
        }),
      ["SubmitError", 'job "big" needs 3 of "jobs", of which there are 2', 0],
      { limits: { jobs: 2 } }
    ))

  it("counts against the limits of the engine", () =>
    always(
      () =>
        Effect.gen(function* () {
          let running = 0
          let most = 0
          const work = Launcher.define("work", {
            run: () =>
              Effect.acquireUseRelease(
                Effect.sync(() => (most = Math.max(most, ++running))),
                () => Effect.sleep(1),
                () => Effect.sync(() => running--)
              )
          })
          yield* Effect.all(
            [1, 2, 3, 4].map(() => work()),
            { concurrency: "unbounded" }
          )
          return most
        }),
      2,
      { limits: { jobs: 2 } }
    ))

  it("finds the engine anew each time, so a launcher outlives engines", () =>
    always(
      () =>
        Effect.gen(function* () {
          const names: Array<string | undefined> = []
          const where = Launcher.define("where", {
            run: () => Effect.map(Effect.service(Engine.Engine), (engine) => void names.push(engine.name))
          })
          const inside = (name: string, work: Effect.Effect<unknown, unknown, Engine.Engine>) =>
            Effect.scoped(Effect.flatMap(Engine.make({ name }), (engine) => Effect.provideService(work, Engine.Engine, engine)))
          yield* inside("outer", Effect.andThen(inside("inner", where()), where()))
          yield* inside("later", where())
          return names
        }),
      ["inner", "outer", "later"]
    ))

  it("lends the place of the job that it is made in", () =>
    always(() => Launcher.define("outer", { run: (n: number) => Effect.map(double(n), (twice) => twice + 1) })(4), 9, {
      limits: { jobs: 1 }
    }))

  it("cancels its job when it is interrupted, and waits for the job's cleanup", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const slow = Launcher.define("slow", {
            run: () =>
              Effect.onInterrupt(Effect.never, () =>
                Effect.andThen(
                  Effect.sleep(5),
                  Effect.sync(() => log.push("cleaned"))
                )
              )
          })
          const fiber = yield* Effect.forkChild(slow())
          yield* Effect.sleep(1)
          yield* Fiber.interrupt(fiber)
          log.push("interrupted")
          const engine = yield* Effect.service(Engine.Engine)
          const [run] = yield* engine.list()
          return [log, run!.state._tag === "Ended" ? told(run!.state.outcome) : ""]
        }),
      [["cleaned", "interrupted"], "cancelled: cancelled on request: its caller was interrupted"]
    ))

  it("leaves its job when it is interrupted where it is told to", () =>
    always(
      () =>
        Effect.gen(function* () {
          const slow = Launcher.define("slow", { run: () => Effect.as(Effect.sleep(5), "done"), onInterrupt: "leave" })
          yield* Effect.timeoutOption(slow(), 1)
          const engine = yield* Effect.service(Engine.Engine)
          yield* engine.awaitIdle
          return (yield* engine.stats).ended.completed
        }),
      1
    ))

  it("does not cancel a job that it shares by a key", () =>
    always(
      () =>
        Effect.gen(function* () {
          const shared = Launcher.define("shared", { run: () => Effect.as(Effect.sleep(5), "done"), key: "one" })
          const first = yield* Effect.forkChild(shared())
          const second = yield* Effect.forkChild(shared.with({ labels: { n: "2" } })())
          yield* Effect.sleep(1)
          yield* Fiber.interrupt(first)
          const engine = yield* Effect.service(Engine.Engine)
          return [yield* Fiber.join(second), (yield* engine.list()).length]
        }),
      ["done", 1]
    ))

  it("does not cancel the job of another call even where it cancels its own", () =>
    always(
      () =>
        Effect.gen(function* () {
          const shared = Launcher.define("shared", { run: () => Effect.as(Effect.sleep(5), "done"), key: "one", onInterrupt: "cancel" })
          const first = yield* shared.submit()
          yield* Effect.timeoutOption(shared(), 1)
          return yield* first.join
        }),
      "done"
    ))
})

describe("Launcher.submit", () => {
  const add = Launcher.define("add", { run: (a: number, b: { readonly of: ReadonlyArray<number> }) => Effect.succeed(a + b.of[0]!) })

  it("gives the handle at once, and the job goes on without its caller", () =>
    always(
      () =>
        Effect.gen(function* () {
          const slow = Launcher.define("slow", { run: () => Effect.as(Effect.sleep(5), "done") })
          const gate = yield* Deferred.make<Job.Handle<string>>()
          yield* Effect.forkChild(Effect.andThen(slow.submit(), (handle) => Deferred.succeed(gate, handle)))
          const handle = yield* Deferred.await(gate)
          return [handle.id, yield* handle.join]
        }),
      ["slow#1", "done"]
    ))

  it("takes results of other jobs in the places of arguments and inside of them", () =>
    always(
      () =>
        Effect.gen(function* () {
          const one = yield* add.submit(0, { of: [1] })
          const sum = yield* add.submit(Job.result(one), { of: [Job.result(one)] })
          return [yield* sum.join, sum.run.upstream]
        }),
      [2, ["add#1"]]
    ))
})

describe("Launcher.job", () => {
  it("describes the job of a call, for a graph", () =>
    always(
      () =>
        Effect.gen(function* () {
          const double = Launcher.define("double", { run: (n: number) => Effect.succeed(n * 2) })
          const engine = yield* Effect.service(Engine.Engine)
          const one = double.job(1)
          const two = double.job(Job.result(one))
          const [second] = yield* engine.submitAll([two, one])
          return yield* second.join
        }),
      4
    ))
})

describe("Launcher.with", () => {
  it("gives the same function with other options, which go before its own", () =>
    always(
      () =>
        Effect.gen(function* () {
          const base = Launcher.define("base", { run: () => Effect.void, priority: "low", labels: { a: "1" } })
          const handle = yield* base.with({ id: "mine", priority: "high" }).submit()
          const { id, labels, priority } = handle.run
          return [id, priority, labels, base.meta.calls]
        }),
      ["mine", "high", { a: "1" }, 1]
    ))
})

describe("Launcher.meta", () => {
  it("tells name, description, tags, what kind it is and how often it was taken", () =>
    always(
      () =>
        Effect.gen(function* () {
          const f = Launcher.define("f", { call: (n: number) => n, description: "gives it back", tags: ["small"] })
          yield* f(1)
          yield* f.with({ priority: "low" })(2)
          return [f.meta, f.name]
        }),
      [{ name: "f", description: "gives it back", tags: ["small"], kind: "call", calls: 2 }, "f"]
    ))
})

describe("Launcher.define", () => {
  it("takes every kind of callable for a call", async () => {
    class Counter {
      n = 40
      add(by = 1): number {
        return (this.n += by)
      }
    }
    const counter = new Counter()
    const program = Effect.gen(function* () {
      return [
        yield* Launcher.define("builtin", { call: Math.max })(1, 3, 2),
        yield* Launcher.define("parse", { call: JSON.parse })("[1]"),
        yield* Launcher.define("bound", { call: counter.add.bind(counter) })(),
        yield* Launcher.define("promise", { call: async (n: number) => n + 1 })(1),
        yield* Launcher.define("rest", { call: (...all: ReadonlyArray<string>) => all.join("") })("a", "b"),
        yield* Launcher.define("proxy", { call: new Proxy((n: number) => n, {}) })(5),
        yield* Launcher.define("own", { call: Object.assign((n: number) => n, { engine: 1, job: 2 }) })(6)
      ]
    })
    expect(await Effect.runPromise(Effect.provide(program, Engine.layer()))).toEqual([3, [1], 41, 2, "ab", 5, 6])
  })

  it("gives what a function throws, or a promise rejects with, as a typed error that is tried again", async () => {
    let calls = 0
    const program = Effect.gen(function* () {
      const throws = Launcher.define("throws", {
        call: () => {
          calls++
          throw new Error("no luck")
        },
        retry: { times: 2 }
      })
      const rejects = Launcher.define("rejects", { call: () => Promise.reject(new Error("bad day")) })
      const errors = [yield* Effect.flip(throws()), yield* Effect.flip(rejects())]
      return errors.map((error) => `${error._tag} ${error.message}`)
    })
    expect(await Effect.runPromise(Effect.provide(program, Engine.layer()))).toEqual(["UnknownError no luck", "UnknownError bad day"])
    expect(calls).toBe(3)
  })

  it("waits for the promise of a cancelled call, and keeps its value", () =>
    always(
      () =>
        Effect.gen(function* () {
          let settle = (_: string): void => {}
          const promise = new Promise<string>((resolve) => (settle = resolve))
          const handle = yield* Launcher.define("promise", { call: () => promise }).submit()
          yield* Effect.sleep(1)
          const cancelled = yield* Effect.forkChild(handle.cancel())
          yield* Effect.sleep(50)
          const before = handle.state._tag
          settle("value")
          return [before, told(yield* Fiber.join(cancelled))]
        }),
      ["Running", "completed value late"]
    ))

  it("runs a portable task as a job", async () => {
    const task = Task.make("twice", { payload: Schema.Number, success: Schema.Number, run: (n) => Effect.succeed(n * 2) })
    const twice = Launcher.define("double", { task, priority: "high" })
    const program = Effect.gen(function* () {
      const first = yield* twice.submit(4)
      return [yield* twice(Job.result(first)), first.name, first.run.priority]
    })
    expect(await Effect.runPromise(Effect.provide(program, Engine.layer()))).toEqual([16, "double", "high"])
  })

  it("takes jobs of other constructors, and gives them its options", () =>
    always(
      () =>
        Effect.gen(function* () {
          const f = Launcher.define("f", {
            job: (n: number) => Job.make("inner", { labels: { n: String(n) }, run: Effect.succeed(n) }),
            priority: "low"
          })
          const handle = yield* f.submit(3)
          return [handle.name, handle.run.priority, handle.run.labels, yield* handle.join]
        }),
      ["inner", "low", { n: "3" }, 3]
    ))

  it("fails the job of a function that throws or gives no effect", () =>
    always(
      () =>
        Effect.gen(function* () {
          const throws = Launcher.define("throws", {
            run: (): Effect.Effect<void> => {
              throw new Error("no")
            }
          })
          const wrong = Launcher.define("wrong", { run: (() => 1) as never })
          const ends = [yield* (yield* throws.submit()).await, yield* (yield* wrong.submit()).await]
          return ends.map(told)
        }),
      ["failed no", "failed Launcher.define: run must be a function that gives an Effect, got 1"]
    ))

  it("refuses what cannot be, at once", () => {
    const run = (): Effect.Effect<void> => Effect.void
    const all: ReadonlyArray<readonly [string, unknown]> = [
      ["", { run }],
      ["f", {}],
      ["f", { run, call: run }],
      ["f", { run: 1 }],
      ["f", { call: Effect.void }],
      ["f", { task: run }],
      ["f", { job: Job.make("job", { run: Effect.void }) }],
      ["f", { run, id: "mine" }],
      ["f", { run, retrys: 3 }],
      ["f", { run, timeout: -1 }],
      ["f", { run, tags: "one" }],
      ["f", { run, description: 1 }],
      ["f", { run, onInterrupt: "stop" }]
    ]
    const known = "known are run, call, task, job, description, tags, onInterrupt, after, when, needs,"
    const refusals = all.map(([name, options]) =>
      refusalOf(() => Launcher.define(name, options as never)).replace(/known are.*/, (text) => text.slice(0, known.length))
    )
    expect(refusals).toEqual([
      'RangeError: Launcher.define: name must be a string that is not empty, got ""',
      "RangeError: Launcher.define: options must be with one of run, call, task, job, got none",
      "RangeError: Launcher.define: options must be with one of run, call, task, job, got run and call",
      "TypeError: Launcher.define: run must be a function, got 1",
      "TypeError: Launcher.define: call must be a function, got an object",
      "TypeError: Launcher.define: task must be a Task, got function run",
      "TypeError: Launcher.define: job must be a function, got an object (Description)",
      `RangeError: Launcher.define: unknown option "id", ${known}`,
      `RangeError: Launcher.define: unknown option "retrys", ${known}`,
      "RangeError: Launcher.define: timeout must be a duration that is not negative, got -1",
      'RangeError: Launcher.define: tags must be an array of strings, got "one"',
      "RangeError: Launcher.define: description must be a string, got 1",
      'RangeError: Launcher.define: onInterrupt must be "cancel" | "leave", got "stop"'
    ])
    expect(refusalOf(() => Launcher.define("f", { run }).with({ prio: 1 } as never))).toMatch(
      /^RangeError: Launcher.with: unknown option "prio"/
    )
  })
})

describe("a call that is interrupted at any step", () => {
  it("has left no job of its own that has not ended, though the engine goes on", async () => {
    let running = 0
    let left: Array<string> = []
    const ways = new Set<string>()
    const f = Launcher.define("f", {
      run: (n: number) =>
        Effect.acquireUseRelease(
          Effect.sync(() => void running++),
          () => Effect.as(Effect.sleep(2), n),
          () =>
            Effect.andThen(
              Effect.yieldNow,
              Effect.sync(() => running--)
            )
        )
    })
    const sweep = await Simulator.sweep(
      () => {
        left = []
        const program = Effect.gen(function* () {
          const engine = yield* Effect.service(Engine.Engine)
          const first = yield* f.with({ id: "first" }).submit(1)
          const call = yield* Effect.forkChild(f(Job.result(first)))
          const exit = yield* Fiber.await(call)
          ways.add(Exit.isSuccess(exit) ? "ended" : "interrupted")
          left = (yield* engine.list()).filter((run) => run.id !== "first" && run.state._tag !== "Ended").map((run) => run.id)
        })
        return Effect.provide(program, Engine.layer({ limits: { jobs: 1 } }))
      },
      {
        seeds: 2,
        maxRuns: 1_500,
        after: () => {
          expect(running).toBe(0)
          expect(left).toEqual([])
        }
      }
    )
    expect(sweep.runs).toBeGreaterThan(50)
    expect([...ways].toSorted()).toEqual(["ended", "interrupted"])
  }, 60_000)
})
