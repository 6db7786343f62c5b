import { Deadline, GatherResult } from "@skein/core"
import * as Task from "@skein/parallel/Task"
import * as TaskRunner from "@skein/parallel/TaskRunner"
import { parallelMap } from "@skein/parallel/parallelMap"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { after, reasons, rule, stubborn, tidiesUp, told } from "./kit.ts"
import { defects, inMemory, refusal, seen } from "./Task.kit.ts"

class TooSmall extends Schema.TaggedError<TooSmall>()("TooSmall", { n: Schema.Number }) {}

const half = Task.make("half", {
  module: import.meta,
  payload: Schema.Number,
  success: Schema.Number,
  error: TooSmall,
  run: (n) => (n < 0 ? Effect.fail(new TooSmall({ n })) : Effect.succeed(n / 2))
})

/** A task of which only `run` matters. */
const running = (run: () => Effect.Effect<any, any>) =>
  Task.make("running", { payload: Schema.Void, success: Schema.Any, error: Schema.Any, run })

describe("Task.make", () => {
  const ok = { payload: Schema.Number, success: Schema.Number, run: Effect.succeed }
  const refused: ReadonlyArray<readonly [string, unknown, string]> = [
    ["", ok, 'Task.make: name must be a string that is not empty, got ""'],
    ["a", undefined, "Task.make: options must be an object, got undefined"],
    ["a", { ...ok, payload: Number }, "Task.make: payload must be a Schema, got function Number"],
    ["a", { ...ok, success: undefined }, "Task.make: success must be a Schema, got undefined"],
    ["a", { ...ok, error: "x" }, 'Task.make: error must be a Schema, got "x"'],
    ["a", { ...ok, run: Effect.void }, "Task.make: run must be a function, got an object"],
    ["a", { ...ok, layer: {} }, "Task.make: layer must be a Layer, got an object"],
    ["a", { ...ok, idempotent: 1 }, "Task.make: idempotent must be a boolean, got 1"],
    ["a", { ...ok, module: "./a.js" }, 'Task.make: module must be import.meta, a URL, or the text of an absolute one, got "./a.js"'],
    ["a", { ...ok, export: "" }, 'Task.make: export must be the name of an export, got ""'],
    [
      "a",
      { ...ok, handlers: 1 },
      'Task.make: unknown option "handlers", known are module, export, run, layer, payload, success, error, idempotent'
    ],
    ["a", { ...ok, handler: {} }, 'Task.make: unknown option "run", known are handler, payload, success, error, idempotent'],
    ["a", { ...ok, run: undefined, handler: "x" }, 'Task.make: unknown option "run"'],
    ["a", { payload: Schema.Null, success: Schema.Null, handler: "x" }, 'Task.make: handler must be { module, export }, got "x"'],
    [
      "a",
      { payload: Schema.Null, success: Schema.Null, handler: { module: "x", export: "y" } },
      "Task.make: handler.module must be import.meta, a URL"
    ]
  ]
  it.each(refused)("refuses wrong options at once: %s %#", (name, options, message) => {
    expect(() => Task.make(name, options as never)).toThrow(message)
    expect(() => Task.make(name, options as never)).toThrow(RangeError)
  })

  it("says of a task what a flavour has to know", () => {
    expect(half.name).toBe("half")
    expect(half.definition).toEqual({
      name: "half",
      module: import.meta.url,
      export: "half",
      kind: "effect",
      main: false,
      idempotent: false
    })
    const main = Task.make("a", { ...ok, module: { url: "file:///a.ts", main: true }, export: "b", idempotent: true })
    expect(main.definition).toMatchObject({ module: "file:///a.ts", export: "b", main: true, idempotent: true })
    const handler = { module: new URL("file:///h.js"), export: "h" }
    const plain = Task.make("a", { handler, payload: Schema.Null, success: Schema.Null })
    expect(plain.definition).toMatchObject({ module: "file:///h.js", export: "h", kind: "handler", main: false })
  })

  it("refuses wrong options of a call at once", () => {
    expect(() => half(1, { priority: "urgent" as never })).toThrow('task: priority must be "normal" | "high" | "low", got "urgent"')
    expect(() => half(1, { timeout: 1 } as never)).toThrow('task: unknown option "timeout", known are priority')
  })
})

describe("a task that runs inline", () => {
  rule("gives the value, or the task's own error", () =>
    Effect.gen(function* () {
      expect(yield* half(8)).toBe(4)
      expect(yield* Effect.flip(half(-1))).toEqual(new TooSmall({ n: -1 }))
    })
  )

  rule("may run any number of times: a call is a description", () =>
    Effect.gen(function* () {
      let ran = 0
      const task = running(() => Effect.sync(() => ++ran))
      const call = task()
      expect([ran, yield* call, yield* call]).toEqual([0, 1, 2])
    })
  )

  rule("refuses a payload that does not fit its schema, before it runs", () =>
    Effect.gen(function* () {
      const ran: Array<unknown> = []
      const task = Task.make("read", {
        payload: Schema.Struct({ at: Schema.Array(Schema.Finite) }),
        success: Schema.Void,
        run: (payload) => Effect.sync(() => void ran.push(payload))
      })
      const error = yield* Effect.flip(task({ at: [1, Number.NaN] }))
      expect(refusal(error)).toEqual(["Rejected", "no", 'task "read": its payload was refused: Expected a finite number\n  at ["at"][1]'])
      expect(ran).toEqual([])
    })
  )

  rule("refuses functions where a schema lets anything through", () =>
    Effect.gen(function* () {
      const task = Task.make("any", { payload: Schema.Unknown, success: Schema.Any, run: () => Effect.succeed({ f: [() => 1] }) })
      expect(refusal(yield* Effect.flip(task({ a: () => 1 })))[0]).toBe("Rejected")
      const given = refusal(yield* Effect.flip(task({ a: 1 })))
      expect(given).toEqual(["Unserializable", "yes", 'task "any": its result cannot travel: a function cannot travel\n  at ["f"][0]'])
    })
  )

  rule("refuses a result that does not fit its schema", () =>
    Effect.gen(function* () {
      const task = Task.make("bad", { payload: Schema.Void, success: Schema.Number, run: () => Effect.succeed("x" as never) })
      expect(refusal(yield* Effect.flip(task()))).toEqual([
        "Unserializable",
        "yes",
        'task "bad": its result cannot travel: Expected number'
      ])
    })
  )

  rule("makes a defect of a typed error that does not fit its schema", () =>
    Effect.gen(function* () {
      const task = Task.make("odd", { payload: Schema.Void, success: Schema.Void, error: TooSmall, run: () => Effect.fail("x" as never) })
      const exit = yield* Effect.exit(task())
      expect(Exit.isFailure(exit) && Cause.hasFails(exit.cause)).toBe(false)
      expect(Exit.isFailure(exit) && defects(exit.cause).map(String)).toEqual([
        "x",
        'Error: task "odd" failed with an error that does not fit its error schema: Expected TooSmall'
      ])
    })
  )

  rule("has the defect of a run that throws", () =>
    Effect.gen(function* () {
      const throws = running(() => {
        throw new Error("thrown")
      })
      expect(reasons(Cause.fromReasons((yield* causeOf(throws())).reasons))).toBe("Die(thrown)")
    })
  )

  rule("may have a run that gives its value, or a promise of it", () =>
    Effect.gen(function* () {
      const make = (run: () => number | PromiseLike<number>) => Task.make("value", { payload: Schema.Void, success: Schema.Number, run })
      expect(yield* make(() => 1)()).toBe(1)
      expect(yield* make(() => Promise.resolve(2))()).toBe(2)
      const rejects = make(() => Promise.reject(new Error("no")))
      expect(reasons(yield* causeOf(rejects()))).toBe("Die(no)")
      const wrong = make(() => "3" as never)
      expect((yield* Effect.flip(wrong()))._tag).toBe("TaskRunnerError")
    })
  )

  rule("waits for a promise when it is interrupted, and keeps its value where a limit asked it to stop", () =>
    Effect.gen(function* () {
      const { promise, resolve } = Promise.withResolvers<number>()
      const events: Array<string> = []
      const task = Task.make("value", { payload: Schema.Void, success: Schema.Number, run: () => promise })
      const map = Task.map(task, [undefined], { taskTimeout: 10, onOutcome: () => void events.push("outcome") })
      const fiber = yield* Effect.forkChild(map)
      yield* Effect.sleep(20)
      events.push("settles")
      resolve(5)
      const { outcomes } = yield* Fiber.join(fiber)
      expect(events).toEqual(["settles", "outcome"])
      expect(outcomes.map((outcome) => outcome._tag === "Completed" && [outcome.value, outcome.late])).toEqual([[5, true]])
    })
  )

  rule("is interrupted once, and its cleanup is waited for", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const fiber = yield* Effect.forkChild(running(() => tidiesUp(300, () => void events.push("cleaned up")))())
      yield* Effect.sleep(10)
      yield* Fiber.interrupt(fiber)
      expect(events).toEqual(["cleaned up"])
    })
  )

  rule("keeps a value that it gives although it was asked to stop", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap(
        [undefined],
        running(() => stubborn(50, "paid")),
        { timeout: 20 }
      )
      expect(told(result)).toEqual(["completed paid late"])
    })
  )

  rule("answers a deadline around it", () =>
    Effect.gen(function* () {
      const task = running(() =>
        Effect.map(
          parallelMap([5, 500], (n) => after(n, n)),
          GatherResult.values
        )
      )
      expect(yield* Deadline.within(task(), 20)).toEqual([5])
    })
  )

  rule("is a function for a map as it is", () =>
    Effect.gen(function* () {
      expect(told(yield* parallelMap([2, 4], half))).toEqual(["completed 1", "completed 2"])
    })
  )

  it("runs in this fiber when `inline` is provided, whatever is around", async () => {
    const told = seen()
    const program = Effect.provideService(half(2), TaskRunner.TaskRunner, TaskRunner.inline)
    expect(await Effect.runPromise(Effect.provideService(program, TaskRunner.TaskRunner, inMemory(half, told)))).toBe(1)
    expect(told.payloads).toEqual([])
  })
})

const causeOf = <E>(effect: Effect.Effect<unknown, E>): Effect.Effect<Cause.Cause<E>> =>
  Effect.flatMap(Effect.exit(effect), (exit) => (Exit.isFailure(exit) ? Effect.succeed(exit.cause) : Effect.die(new Error("it succeeded"))))

describe("a task with a layer, inline", () => {
  class Db extends Context.Service<Db, { readonly number: number }>()("test/Db") {}

  /** A task whose layer notes when it is built and released. */
  const withLayer = (
    build: Effect.Effect<{ readonly number: number }, string>,
    run: (n: number) => Effect.Effect<void> = () => Effect.void
  ) => {
    const events: Array<string> = []
    const layer = Layer.effect(
      Db,
      Effect.acquireRelease(
        Effect.tap(build, ({ number }) => Effect.sync(() => void events.push(`built ${number}`))),
        ({ number }) =>
          Effect.andThen(
            Effect.sleep(5),
            Effect.sync(() => void events.push(`released ${number}`))
          )
      )
    )
    const task = Task.make("db", {
      payload: Schema.Number,
      success: Schema.Number,
      layer,
      run: (n) =>
        Effect.gen(function* () {
          const { number } = yield* Db
          yield* run(n)
          return number * 100 + n
        })
    })
    return { task, events }
  }

  const counter = () => {
    let built = 0
    return Effect.delay(
      Effect.sync(() => ({ number: ++built })),
      3
    )
  }

  rule("is built at the first call, and released when it is over", () =>
    Effect.gen(function* () {
      const { events, task } = withLayer(counter())
      expect(yield* task(1)).toBe(101)
      expect(events).toEqual(["built 1", "released 1"])
      expect(yield* task(1)).toBe(201)
    })
  )

  rule("is shared by calls that overlap", () =>
    Effect.gen(function* () {
      const { events, task } = withLayer(counter(), Effect.sleep)
      const result = yield* parallelMap([1, 20, 30], (n) => task(n))
      expect(told(result)).toEqual(["completed 101", "completed 120", "completed 130"])
      expect(events).toEqual(["built 1", "released 1"])
    })
  )

  rule("is a defect of the call where it cannot be built, and is tried again", () =>
    Effect.gen(function* () {
      let tries = 0
      const { task } = withLayer(Effect.suspend(() => (++tries === 1 ? Effect.fail("no database") : Effect.succeed({ number: 7 }))))
      const cause = yield* causeOf(task(1))
      expect(defects(cause).map(String)[0]).toContain('Error: task "db": its layer could not be built: ')
      expect(defects(cause).map(String)[0]).toContain("no database")
      expect(yield* task(1)).toBe(701)
    })
  )

  rule("is built anew for who asks again while another has not seen yet that it could not be built", () =>
    Effect.gen(function* () {
      let tries = 0
      const build = Effect.suspend(() => (++tries === 1 ? Effect.fail("no database") : Effect.succeed({ number: 7 })))
      const { task } = withLayer(Effect.delay(build, 3))
      const persistent = Effect.catchCause(task(1), () => task(1))
      expect(yield* Effect.all([persistent, persistent], { concurrency: 2 })).toEqual([701, 701])
    })
  )

  rule("is not taken away from others by a caller that goes", () =>
    Effect.gen(function* () {
      const { events, task } = withLayer(counter(), Effect.sleep)
      const first = yield* Effect.forkChild(task(50))
      const second = yield* Effect.forkChild(task(10))
      yield* Effect.sleep(1)
      yield* Fiber.interrupt(first)
      expect(yield* Fiber.join(second)).toBe(110)
      expect(events).toEqual(["built 1", "released 1"])
    })
  )

  rule("is released when all callers have gone before it was built", () =>
    Effect.gen(function* () {
      const { events, task } = withLayer(counter())
      const only = yield* Effect.forkChild(task(50))
      yield* Effect.sleep(1)
      yield* Fiber.interrupt(only)
      expect(events).toEqual(["built 1", "released 1"])
      expect(yield* task(2)).toBe(202)
    })
  )
})

describe("Task.map", () => {
  rule("gives one outcome per item, in input order", () =>
    Effect.gen(function* () {
      expect(told(yield* Task.map(half, [2, -1, Number.NaN]))).toEqual([
        "completed 1",
        `failed Fail(${new TooSmall({ n: -1 }).message})`,
        "completed NaN"
      ])
    })
  )

  rule("takes the options of parallelMap", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Task.map(half, [2, -1, 4], { onFailure: "interrupt", concurrency: 1 }))
      expect(error).toEqual(new TooSmall({ n: -1 }))
    })
  )

  it("refuses what is no task, and wrong options, at once", () => {
    expect(() => Task.map((() => Effect.void) as never, [1])).toThrow(TypeError)
    expect(() => Task.map(half, [1], { concurrency: 0 })).toThrow("concurrency must be a whole number of at least 1")
  })

  it("has enough calls under way for a flavour to have no pause", async () => {
    let running = 0
    let peak = 0
    const count = (call: TaskRunner.Call) =>
      Effect.suspend(() => {
        peak = Math.max(peak, ++running)
        return Effect.ensuring(
          Effect.as(Effect.yieldNow, { ok: true, text: call.payload.text }),
          Effect.sync(() => running--)
        )
      })
    const runner = { flavour: "memory", run: count, chunks: { width: 2, size: () => 1 } }
    const program = Effect.provideService(
      Task.map(
        half,
        Array.from({ length: 200 }, (_, i) => i),
        // Items with such an option travel alone.
        { attemptTimeout: "1 minute" }
      ),
      TaskRunner.TaskRunner,
      runner
    )
    expect((await Effect.runPromise(program)).completed).toBe(200)
    expect(peak).toBe(32)
  })
})
