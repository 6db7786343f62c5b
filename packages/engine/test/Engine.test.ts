import { Simulator } from "@skein/core/testing"
import * as Cause from "effect/Cause"
import * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { describe, expect, it } from "vitest"
import * as Condition from "../src/Condition.ts"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import { always, live, noted, reasonOf, stands, tell, told } from "./engineKit.ts"

describe("Engine.submit", () => {
  it("gives the value of a job by its handle", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("a", { run: Effect.as(Effect.sleep(5), 42) }))
          return yield* handle.join
        }),
      42
    ))

  it("returns before the job begins", async () => {
    const log: Array<string> = []
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make()
      const handle = yield* engine.submit(Job.make("a", { run: Effect.sync(() => log.push("ran")) }))
      log.push("submitted")
      yield* handle.await
    })
    await live(program)
    expect(log).toEqual(["submitted", "ran"])
  })

  it("refuses a job whose last run has not ended", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const job = Job.make("a", { run: Effect.sleep(5) })
          const { id } = yield* engine.submit(job)
          const reason = yield* reasonOf(engine.submit(job))
          return [reason._tag, reason._tag === "AlreadyRunning" && reason.id === id]
        }),
      ["AlreadyRunning", true]
    ))

  it("takes a job again that has ended", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const job = Job.make("a", { run: Effect.succeed(1) })
          const first = yield* engine.submit(job)
          yield* first.await
          const second = yield* engine.submit(job)
          return [yield* second.join, first.id !== second.id]
        }),
      [1, true]
    ))

  it("refuses an id that is taken", async () => {
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make()
      yield* engine.submit(Job.make("a", { id: "x", run: Effect.void }))
      return yield* reasonOf(engine.submit(Job.make("b", { id: "x", run: Effect.void })))
    })
    expect(await live(program)).toEqual({ _tag: "DuplicateId", id: "x" })
  })

  it("refuses a reference to a job that it does not have", async () => {
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make()
      return yield* reasonOf(engine.submit(Job.make("b", { after: "nobody", run: Effect.void })))
    })
    expect(await live(program)).toEqual({ _tag: "UnknownJob", job: "nobody", by: "b" })
  })

  it("refuses a handle of another engine", async () => {
    const program = Effect.gen(function* () {
      const [one, two] = [yield* Engine.make(), yield* Engine.make()]
      const handle = yield* one.submit(Job.make("a", { run: Effect.void }))
      return (yield* reasonOf(two.submit(Job.make("b", { after: handle, run: Effect.void }))))._tag
    })
    expect(await live(program)).toBe("UnknownJob")
  })

  it("refuses a job that waits for itself", async () => {
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make()
      return yield* reasonOf(engine.submit(Job.make("a", { id: "x", after: "x", run: Effect.void })))
    })
    expect(await live(program)).toEqual({ _tag: "Cycle", path: ["x", "x"] })
  })

  it("refuses needs that are above a limit", async () => {
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make({ limits: { gpu: 2 } })
      return yield* reasonOf(engine.submit(Job.make("a", { needs: { gpu: 3 }, run: Effect.void })))
    })
    expect(await live(program)).toEqual({ _tag: "NeverFits", job: "a", resource: "gpu", needs: 3, limit: 2 })
  })

  it("refuses a condition that cannot hold any more", async () => {
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make()
      const when = Condition.all(Condition.before(0), Condition.window({ from: "09:00", to: "17:00", zone: "UTC" }))
      return yield* Effect.flip(engine.submit(Job.make("a", { run: Effect.void, when })))
    })
    expect((await live(program)).message).toMatch(/^job "a" would wait for ever: .*1970.*: does not hold at any time from/)
  })

  it("refuses a flavour that it does not have, and one that is only a limit", async () => {
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make({ limits: { gpu: 2 }, flavours: { inline: Layer.empty } })
      const reason = (flavour: string) => reasonOf(engine.submit(Job.make("a", { run: Effect.void, flavour })))
      return [yield* reason("process"), yield* reason("gpu")]
    })
    const refused = (flavour: string) => ({ _tag: "UnknownFlavour", job: "a", flavour, known: ["inline"] })
    expect(await live(program)).toEqual([refused("process"), refused("gpu")])
  })

  it("runs the tasks of a job where its flavour says, and takes one of the limit of that name", () =>
    always(
      () =>
        Effect.gen(function* () {
          const flavours = { there: Layer.succeed(TaskRunner.TaskRunner, { flavour: "there" }) }
          const engine = yield* Engine.make({ flavours, limits: { there: 1 } })
          const where = Effect.map(TaskRunner.TaskRunner, ({ flavour }) => flavour)
          const used = Effect.map(engine.stats, ({ limits }) => limits["there"]!.used)
          const run = Effect.zip(where, used)
          const there = yield* engine.submit(Job.make("a", { run, flavour: "there" }))
          const here = yield* engine.submit(Job.make("b", { run: where, after: there }))
          return [yield* there.join, yield* here.join]
        }),
      [["there", 1], "inline"]
    ))

  it("refuses needs of a limit that it does not have", async () => {
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make({ limits: { gpu: 2 } })
      return yield* reasonOf(engine.submit(Job.make("a", { needs: { gpus: 1 }, run: Effect.void })))
    })
    expect(await live(program)).toEqual({ _tag: "UnknownLimit", job: "a", resource: "gpus", known: ["jobs", "gpu"] })
  })

  it("gives the job that runs to whoever submits another with its key", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          let runs = 0
          const make = () => Job.make("a", { key: "k", run: Effect.as(Effect.sleep(5), ++runs) })
          const [one, two] = [yield* engine.submit(make()), yield* engine.submit(make())]
          yield* one.await
          const three = yield* engine.submit(make())
          return [one.id === two.id, one.id === three.id, yield* two.join, yield* three.join]
        }),
      [true, false, 1, 3]
    ))

  it("dies of what is no job", async () => {
    const program = Effect.flatMap(Engine.make(), (engine) => Effect.exit(Effect.suspend(() => engine.submit({} as Job.Job<void>))))
    expect(String(await live(program))).toContain("Engine.submit: job must be a Job, got an object")
  })
})

describe("Engine.submitAll", () => {
  it("takes jobs that refer to each other in any order", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const a = Job.make("a", { run: Effect.succeed(2) })
          const b = Job.make("b", { input: Job.result(a), run: (n) => Effect.succeed(n * 21) })
          const { first } = yield* engine.submitAll({ first: b, second: a })
          return yield* first.join
        }),
      42
    ))

  it("takes all or none", async () => {
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make()
      const a = Job.make("a", { run: Effect.succeed(2) })
      yield* reasonOf(engine.submitAll([a, Job.make("b", { after: "nobody", run: Effect.void })]))
      const none = (yield* engine.list()).length
      return [none, yield* Effect.flatMap(engine.submit(a), (h) => h.join)]
    })
    expect(await live(program)).toEqual([0, 2])
  })

  it("refuses a circle, written out", async () => {
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make()
      const make = (id: string, after: string) => Job.make(`job ${id}`, { id, after, run: Effect.void })
      return yield* Effect.flip(engine.submitAll([make("z", "a"), make("a", "b"), make("b", "c"), make("c", "a")]))
    })
    expect((await live(program)).message).toBe("jobs wait for each other: a → b → c → a")
  })

  it("takes a diamond, which is no circle", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const top = Job.make("top", { run: Effect.succeed(1) })
          const left = Job.make("left", { input: [Job.result(top)], run: ([n]) => Effect.succeed(n + 1) })
          const right = Job.make("right", { input: [Job.result(top)], run: ([n]) => Effect.succeed(n + 2) })
          const sum = Job.make("sum", { input: [Job.result(left), Job.result(right)], run: ([l, r]) => Effect.succeed(l + r) })
          const handles = yield* engine.submitAll([top, left, right, sum])
          return yield* handles[3].join
        }),
      5
    ))

  it("refuses one job twice", async () => {
    const job = Job.make("a", { run: Effect.void })
    expect((await live(Effect.flatMap(Engine.make(), (engine) => reasonOf(engine.submitAll([job, job])))))._tag).toBe("AlreadyRunning")
  })

  it("follows a chain of 20,000 jobs", async () => {
    const jobs: Array<Job.Job<number, never>> = [Job.make("0", { run: Effect.succeed(0) })]
    for (let i = 1; i < 20_000; i++) jobs.push(Job.make(String(i), { input: Job.result(jobs[i - 1]!), run: (n) => Effect.succeed(n + 1) }))
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make({ retention: 20_000 })
      const handles = yield* engine.submitAll(jobs)
      return yield* handles.at(-1)!.join
    })
    expect(await live(program)).toBe(19_999)
  })

  it("skips a chain of 20,000 jobs", async () => {
    const jobs: Array<Job.Job<void, string>> = [Job.make("0", { run: Effect.fail("no") })]
    for (let i = 1; i < 20_000; i++) jobs.push(Job.make(String(i), { after: jobs[i - 1]!, run: Effect.void }))
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make()
      const handles = yield* engine.submitAll(jobs)
      const end = yield* handles.at(-1)!.await
      return end._tag
    })
    expect(await live(program)).toBe("Skipped")
  })
})

describe("the state of a job", () => {
  it("goes from waiting to running to its end", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make({ limits: { jobs: 1 }, onChange: (run) => void log.push(`${run.name} ${stands(run.state)}`) })
          const a = Job.make("a", { run: Effect.sleep(5) })
          const b = Job.make("b", { after: a, when: Condition.always, run: Effect.sleep(5) })
          yield* engine.submitAll([a, b])
          yield* engine.awaitIdle
          return log.filter((line) => line.startsWith("b"))
        }),
      ["b waiting upstream", "b waiting condition", "b waiting limit", "b running 1", "b completed"]
    ))

  it("knows when it was submitted, started and ended", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          yield* Effect.sleep(1)
          const a = yield* engine.submit(Job.make("a", { run: Effect.sleep(10) }))
          const b = yield* engine.submit(Job.make("b", { run: Effect.sleep(10) }))
          const end = yield* b.await
          const { endedAt, startedAt, submittedAt } = b.run
          return [submittedAt, startedAt, endedAt, a.run.endedAt, end._tag === "Completed" ? end.queuedAt : 0]
        }),
      [1, 11, 21, 11, 1]
    ))

  it("is told to those who subscribed to its handle", async () => {
    const log: Array<string> = []
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make()
      const handle = yield* engine.submit(Job.make("a", { run: Effect.sleep(1) }))
      const unsubscribe = handle.subscribe((run) => log.push(stands(run.state)))
      yield* handle.await
      unsubscribe()
      yield* engine.rerun(handle).pipe(Effect.flatMap((again) => again.await))
    })
    await live(program)
    expect(log).toEqual(["completed"])
  })

  it("is not changed by an observer that throws", async () => {
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make({
        onChange: () => {
          throw new Error("observer")
        }
      })
      const handle = yield* engine.submit(Job.make("a", { run: Effect.succeed(1) }))
      return yield* tell(handle)
    })
    expect(await live(program)).toBe("completed 1")
  })

  it("does not change any more once it has ended", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("a", { run: Effect.succeed(1) }))
          yield* handle.await
          return told(yield* handle.cancel("too late"))
        }),
      "completed 1"
    ))
})

describe("join", () => {
  const joined = (options: { readonly run: Effect.Effect<unknown, string>; readonly timeout?: number }): Effect.Effect<string> =>
    Effect.scoped(
      Effect.gen(function* () {
        const engine = yield* Engine.make()
        const exit = yield* Effect.exit(Effect.flatMap(engine.submit(Job.make("a", { id: "a", ...options })), (handle) => handle.join))
        return Exit.isSuccess(exit) ? "success" : Cause.prettyErrors(exit.cause)[0]!.message
      })
    )

  it("fails with the job's own error", () => always(() => joined({ run: Effect.fail("mine") }), "mine"))

  it("dies of the job's defect", () => always(() => joined({ run: Effect.die(new Error("bug")) }), "bug"))

  it("tells that the time was over", () => always(() => joined({ run: Effect.never, timeout: 10 }), 'job "a" hit its task limit of 10ms'))

  it("tells that the job was cancelled", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("a", { id: "a", run: Effect.never }))
          yield* handle.cancel("enough")
          return (yield* Effect.flip(handle.join)).message
        }),
      'job "a" was cancelled: cancelled on request: enough',
      1
    ))
})

describe("Engine.layer", () => {
  it("provides an engine that ends with the layer", async () => {
    const log: Array<string> = []
    const program = Effect.gen(function* () {
      const engine = yield* Engine.Engine
      const handle = yield* engine.submit(Job.make("a", { run: noted(log, "a", 10_000) }))
      yield* engine.awaitState(handle, "running")
      yield* Effect.sleep(5)
    })
    await Effect.runPromise(Effect.provide(program, Engine.layer()))
    expect(log).toEqual(["+a", "-a"])
  })

  it("gives several engines that do not know each other", async () => {
    const program = Effect.gen(function* () {
      const [one, two] = [yield* Engine.make(), yield* Engine.make()]
      yield* one.submit(Job.make("a", { id: "x", run: Effect.void }))
      yield* two.submit(Job.make("b", { id: "x", run: Effect.void }))
      return [(yield* one.list()).length, (yield* two.list()).length]
    })
    expect(await live(program)).toEqual([1, 1])
  })

  it("is a layer without needs", () => {
    const layer: Layer.Layer<Engine.Engine> = Engine.layer({ limits: { jobs: 2 } })
    expect(Layer.isLayer(layer)).toBe(true)
  })
})

describe("the options of an engine", () => {
  it.each<[string, object, string]>([
    ["an unknown one", { limit: {} }, 'unknown option "limit"'],
    ["a limit of 0", { limits: { jobs: 0 } }, 'limits.jobs must be a whole number of at least 1, or "unbounded", got 0'],
    ["a limit of 2.5", { limits: { jobs: 2.5 } }, "limits.jobs must be a whole number of at least 1"],
    ["limits that are no record", { limits: 3 }, "limits must be a record, got 3"],
    ["a word for onClose that is none", { onClose: "kill" }, 'onClose must be "interrupt" | "finish" | "drain", got "kill"'],
    ["a negative retention", { retention: -1 }, "retention must be a whole number of at least 0, got -1"],
    ["a negative grace", { grace: -1 }, "grace must be a duration that is not negative"],
    ["an observer that is none", { onChange: 1 }, "onChange must be a function, got 1"],
    ["an option of other operators", { concurrency: 3 }, 'unknown option "concurrency"']
  ])("refuse %s", (_, options, message) => {
    expect(() => Engine.make(options as never)).toThrow(`Engine.make: ${message}`)
  })
})

describe("an idle engine", () => {
  it("does nothing for waiting jobs while nothing happens", async () => {
    const steps = async (waiting: number, idle: string): Promise<number> => {
      const program = Effect.gen(function* () {
        const engine = yield* Engine.make({ limits: { jobs: 1 } })
        yield* engine.submit(Job.make("blocker", { run: Effect.never }))
        for (let i = 0; i < waiting; i++) yield* engine.submit(Job.make("waits", { run: Effect.void }))
        yield* Effect.sleep(idle as "1 hour")
      })
      let taken = 0
      const run = await Simulator.run(() => Effect.scoped(program), { maxSteps: 1_000_000, invariant: () => void taken++ })
      expect(run.verdict).toBe("passed")
      return taken
    }
    // A day costs no step more than an instant, however many wait.
    for (const waiting of [1, 1_000]) expect(await steps(waiting, "1 day")).toBe(await steps(waiting, "1 milli"))
  })
})

describe("the simulator", () => {
  it("finds no deadlock in an engine that is left alone", async () => {
    await Simulator.check(() => Effect.scoped(Engine.make()), { seeds: 20 })
  })
})
