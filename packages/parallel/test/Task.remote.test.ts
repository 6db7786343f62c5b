import { Deadline, GatherResult, Progress } from "@skein/core"
import * as Task from "@skein/parallel/Task"
import type * as TaskRunner from "@skein/parallel/TaskRunner"
import { TaskRunner as Service } from "@skein/parallel/TaskRunner"
import { parallelMap } from "@skein/parallel/parallelMap"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { after, rule, stubborn, told } from "./kit.ts"
import { defects, inMemory, refusal, remotely, seen } from "./Task.kit.ts"

class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { id: Schema.Number, at: Schema.Date }) {}
class Refused extends Schema.TaggedError<Refused>()("Refused", { why: Schema.String }) {}

const module = import.meta
const millis = Effect.clockWith((clock) => clock.currentTimeMillis)

/** A task of which only `run` matters. */
const running = <A, E>(run: () => Effect.Effect<A, E>) =>
  Task.make("running", {
    module,
    payload: Schema.Void,
    success: Schema.Any as Schema.Any,
    error: Schema.Union([NotFound, Refused]),
    run: run as never
  })

const causeOf = <E>(effect: Effect.Effect<unknown, E>): Effect.Effect<Cause.Cause<E>> =>
  Effect.flatMap(Effect.exit(effect), (exit) => (Exit.isFailure(exit) ? Effect.succeed(exit.cause) : Effect.die(new Error("it succeeded"))))

describe("a task that runs elsewhere", () => {
  rule("gives the value, and no meta data where there is nothing to say", () =>
    Effect.gen(function* () {
      const told = seen()
      const task = Task.make("twice", { module, payload: Schema.Number, success: Schema.Number, run: (n) => Effect.succeed(2 * n) })
      expect(yield* remotely(task, task(21), told)).toBe(42)
      expect([told.payloads, told.metas, told.up, told.down]).toEqual([["21"], [undefined], [], []])
    })
  )

  rule("refuses a payload before it leaves", () =>
    Effect.gen(function* () {
      const told = seen()
      const task = Task.make("open", {
        module,
        payload: Schema.Struct({ n: Schema.Number, any: Schema.Any }),
        success: Schema.Void,
        run: () => Effect.void
      })
      const wrong = yield* Effect.flip(remotely(task, task({ n: "1" as never, any: 1 }), told))
      expect(refusal(wrong)).toEqual(["Rejected", "no", 'task "open": its payload was refused: Expected number\n  at ["n"]'])
      const open = yield* Effect.flip(remotely(task, task({ n: 1, any: { list: [new Map()] } }), told))
      expect(refusal(open)[2]).toContain('an object (Map) cannot travel\n  at ["any"]["list"][0]')
      expect(told.payloads).toEqual([])
    })
  )

  rule("fails where its result cannot travel, and says that it has run", () =>
    Effect.gen(function* () {
      const results = [() => 1, { a: [1n] }, new (class Point {})(), Symbol("s")]
      for (const result of results) {
        const task = running(() => Effect.succeed(result))
        expect(refusal(yield* Effect.flip(remotely(task, task()))).slice(0, 2)).toEqual(["Unserializable", "yes"])
      }
      const typed = Task.make("typed", {
        module,
        payload: Schema.Void,
        success: Schema.Struct({ list: Schema.Array(Schema.Number) }),
        run: () => Effect.succeed({ list: [1, "2" as never] })
      })
      expect(refusal(yield* Effect.flip(remotely(typed, typed())))[2]).toBe(
        'task "typed": its result cannot travel: Expected number\n  at ["list"][1]'
      )
    })
  )

  rule("cannot leave this thread without a module", () =>
    Effect.gen(function* () {
      const task = Task.make("here", { payload: Schema.Void, success: Schema.Void, run: () => Effect.void })
      const error = yield* Effect.flip(remotely(task, task()))
      expect(refusal(error)).toEqual([
        "ModuleNotFound",
        "no",
        'task "here": its module cannot be used: Task.make was given none, so it runs inline only'
      ])
    })
  )

  rule(
    "hands its priority and its definition to the flavour",
    () =>
      Effect.gen(function* () {
        const calls: Array<TaskRunner.Call> = []
        const task = Task.make("id", { module, payload: Schema.Number, success: Schema.Number, run: Effect.succeed })
        const runner = inMemory(task)
        const watched = { ...runner, run: (call: TaskRunner.Call) => (calls.push(call), runner.run!(call)) }
        const { TaskRunner: service } = yield* Effect.promise(() => import("@skein/parallel/TaskRunner"))
        yield* Effect.provideService(Effect.andThen(task(1), task(2, { priority: "high" })), service, watched)
        expect(calls.map(({ priority }) => priority)).toEqual(["normal", "high"])
        expect(calls[0]!.task).toBe(task.definition)
      }),
    { seeds: 1 }
  )
})

describe("what a task fails with elsewhere", () => {
  rule("is the same class with its fields, for typed errors", () =>
    Effect.gen(function* () {
      const at = new Date(86_400_000)
      const task = running(() => Effect.fail(new NotFound({ id: 7, at })))
      const error = yield* Effect.flip(remotely(task, task()))
      expect(error).toBeInstanceOf(NotFound)
      expect(error).toEqual(new NotFound({ id: 7, at }))
      const other = running(() => Effect.fail(new Refused({ why: "closed" })))
      expect(yield* Effect.flip(remotely(other, other()))).toBeInstanceOf(Refused)
    })
  )

  rule("keeps each reason of a cause", () =>
    Effect.gen(function* () {
      const task = running(() =>
        Effect.failCause(
          Cause.fromReasons<unknown>([
            Cause.makeFailReason(new Refused({ why: "a" })),
            Cause.makeDieReason("b"),
            Cause.makeInterruptReason(3)
          ])
        )
      )
      const cause = yield* causeOf(remotely(task, task()))
      expect(cause.reasons.map((reason) => reason._tag)).toEqual(["Fail", "Die", "Interrupt"])
      expect(defects(cause)).toEqual(["b"])
    })
  )

  rule("is a defect that says so where the error does not fit its schema", () =>
    Effect.gen(function* () {
      const task = running(() => Effect.fail({ secret: () => 1 }))
      const [defect] = defects(yield* causeOf(remotely(task, task())))
      expect(String(defect)).toContain('Error: task "running" failed with an error that does not fit its error schema: Expected')
    })
  )

  rule("keeps name, message, stack, cause and fields of defects", () =>
    Effect.gen(function* () {
      class Broken extends Data.TaggedError("Broken")<{ readonly part: string }> {}
      const root = new RangeError("too far")
      const error = new TypeError("no such thing", { cause: root })
      const all = new AggregateError([error, new Broken({ part: "wheel" })], "both")
      const task = running(() => Effect.die(all))
      const [defect] = defects(yield* causeOf(remotely(task, task()))) as [AggregateError]
      expect(defect).toBeInstanceOf(AggregateError)
      expect(defect.message).toBe("both")
      const [first, second] = defect.errors as [TypeError, Error & { readonly part: string; readonly _tag: string }]
      expect(first).toBeInstanceOf(TypeError)
      expect([first.message, first.stack, (first.cause as Error).message]).toEqual([error.message, error.stack, root.message])
      expect(first.cause).toBeInstanceOf(RangeError)
      expect([second.name, second._tag, second.part]).toEqual(["Broken", "Broken", "wheel"])
    })
  )

  rule("never breaks on what was thrown", () =>
    Effect.gen(function* () {
      const cyclic: { self?: unknown; n: number } = { n: 1 }
      cyclic.self = cyclic
      const revoked = Proxy.revocable({}, {})
      revoked.revoke()
      const getter = {
        get bad(): never {
          throw new Error("a getter")
        },
        good: 1
      }
      const own = new Error("x")
      Object.defineProperty(own, "message", {
        get: () => {
          throw new Error("no message")
        }
      })
      const thrown = [
        cyclic,
        revoked.proxy,
        getter,
        own,
        undefined,
        null,
        Symbol("s"),
        () => 1,
        10n,
        Number.NaN,
        -0,
        new Date(0),
        { "~": 1 },
        [1, [2]]
      ]
      const arrived: Array<unknown> = []
      for (const one of thrown) {
        const task = running(() => Effect.die(one))
        arrived.push(defects(yield* causeOf(remotely(task, task())))[0])
      }
      expect(arrived[0]).toEqual({ n: 1, self: "[circular]" })
      expect(typeof arrived[1]).toBe("string")
      expect(arrived[2]).toEqual({ bad: undefined, good: 1 })
      expect((arrived[3] as Error).message).toBe("")
      expect(arrived.slice(4)).toEqual([
        undefined,
        null,
        "Symbol(s)",
        "[function without a name]",
        10n,
        Number.NaN,
        -0,
        new Date(0),
        { "~": 1 },
        [1, [2]]
      ])
    })
  )
})

describe("interrupting a task that runs elsewhere", () => {
  rule("waits for its finalizers", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const task = running(() =>
        Effect.onInterrupt(Effect.never, () =>
          Effect.andThen(
            Effect.sleep(300),
            Effect.sync(() => events.push("cleaned up"))
          )
        )
      )
      const fiber = yield* Effect.forkChild(remotely(task, task()))
      yield* Effect.sleep(10)
      yield* Fiber.interrupt(fiber)
      expect([...events, yield* millis]).toEqual(["cleaned up", 310])
    })
  )

  rule("interrupts nobody else", () =>
    Effect.gen(function* () {
      const task = Task.make("wait", { module, payload: Schema.Number, success: Schema.Number, run: (n) => after(n, n) })
      const result = yield* remotely(task, parallelMap([5, 500, 30], task, { taskTimeout: 100 }))
      expect(told(result)).toEqual(["completed 5", "timeout task Interrupt", "completed 30"])
    })
  )
})

describe("a deadline around a task that runs elsewhere", () => {
  rule("can be read there", () =>
    Effect.gen(function* () {
      const task = running(() => Effect.delay(Effect.map(Deadline.remaining, Option.map(Duration.toMillis)), 10))
      const encoded = Effect.map(task(), (left) => left as unknown)
      const program = Deadline.within(remotely(task, encoded), 100)
      expect(refusal(yield* Effect.flip(program))[0]).toBe("Unserializable")
      const plain = running(() =>
        Effect.delay(
          Effect.map(Deadline.remaining, (left) => Duration.toMillis(Option.getOrThrow(left))),
          10
        )
      )
      expect(yield* Deadline.within(remotely(plain, plain()), 100)).toBe(90)
    })
  )

  rule("interrupts what could not answer it, at once", () =>
    Effect.gen(function* () {
      const task = running(() => Effect.never)
      const error = yield* Effect.flip(Deadline.within(remotely(task, task()), 20))
      expect([(error as Deadline.DeadlineExceeded)._tag, yield* millis]).toEqual(["DeadlineExceeded", 20])
    })
  )

  rule("is answered by a gather inside, and what the gather had is kept", () =>
    Effect.gen(function* () {
      const task = running(() =>
        Effect.map(
          parallelMap([5, 500], (n) => after(n, n)),
          GatherResult.values
        )
      )
      expect(yield* Deadline.within(remotely(task, task()), 20)).toEqual([5])
      expect(yield* millis).toBe(20)
    })
  )

  rule("is answered at the caller's instant, though the call was long on its way", () =>
    Effect.gen(function* () {
      const told = seen()
      const task = running(() =>
        Effect.map(
          parallelMap([5, 500], (n) => after(n, n)),
          GatherResult.values
        )
      )
      const call = remotely(task, task(), told, { latency: 60 })
      expect(yield* Deadline.within(call, 100)).toEqual([5])
      expect([yield* millis, told.down]).toEqual([100, ['["deadline"]']])
    })
  )

  rule("moves for both when the work extends it", () =>
    Effect.gen(function* () {
      const task = running(() => Effect.andThen(Deadline.extend("50 millis"), after(60, "done")))
      expect(yield* Deadline.within(remotely(task, task()), 20)).toBe("done")
      expect(yield* millis).toBe(60)
    })
  )

  rule("does not move beyond an outer one for which nobody asked", () =>
    Effect.gen(function* () {
      const task = running(() =>
        Effect.andThen(
          Deadline.extend("1 second"),
          Effect.map(
            parallelMap([5, 500], (n) => after(n, n)),
            GatherResult.values
          )
        )
      )
      expect(yield* Deadline.within(Deadline.within(remotely(task, task()), 20), 50)).toEqual([5])
      expect(yield* millis).toBe(50)
    })
  )

  rule("moves for both when the caller extends it", () =>
    Effect.gen(function* () {
      const told = seen()
      const task = running(() =>
        Effect.map(
          parallelMap([5, 60, 500], (n) => after(n, n)),
          GatherResult.values
        )
      )
      const program = Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(remotely(task, task(), told))
        yield* Effect.sleep(10)
        yield* Deadline.extend(80)
        return yield* Fiber.join(fiber)
      })
      expect(yield* Deadline.within(program, 20)).toEqual([5, 60])
      expect(yield* millis).toBe(100)
    })
  )

  rule("keeps a value that comes although the work was asked to stop, as the limit of a map does", () =>
    Effect.gen(function* () {
      const task = running(() => stubborn(50, "paid"))
      expect(yield* Deadline.within(remotely(task, task()), 20)).toBe("paid")
      expect(yield* millis).toBe(50)
      expect(told(yield* remotely(task, parallelMap([undefined], task, { taskTimeout: 20 })))).toEqual(["completed paid late"])
    })
  )

  rule("keeps what the cleanup failed with", () =>
    Effect.gen(function* () {
      const task = running(() => Effect.onInterrupt(Effect.never, () => Effect.die(new Error("cleanup broke"))))
      expect(told(yield* remotely(task, parallelMap([undefined], task, { taskTimeout: 20 })))).toEqual([
        "timeout task Interrupt+Die(cleanup broke)"
      ])
    })
  )
})

describe("what a task says on its way", () => {
  rule("reaches the observers of the calling task: progress", () =>
    Effect.gen(function* () {
      const seenProgress: Array<unknown> = []
      const task = running(() => Effect.forEach([1, 2], (done) => Progress.report({ done, total: 2, message: "parts" }), { discard: true }))
      const onProgress = (progress: unknown): void => void seenProgress.push(progress)
      yield* remotely(
        task,
        parallelMap(["a"], () => task(), { onProgress, nameOf: (item) => item })
      )
      expect(seenProgress).toEqual([1, 2].map((done) => ({ done, total: 2, message: "parts", index: 0, name: "a" })))
    })
  )

  rule("is written by the caller's loggers, below the caller's annotations and spans: log lines", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const logger = Logger.make<unknown, void>((line) => {
        const annotations = Context.get(line.fiber.context, References.CurrentLogAnnotations)
        const spans = Context.get(line.fiber.context, References.CurrentLogSpans).map(([label]) => label)
        lines.push([line.logLevel, line.message, { ...annotations }, spans])
      })
      const speak = Effect.gen(function* () {
        yield* Effect.logDebug("not of interest")
        yield* Effect.log("hello", { n: 1 })
        yield* Effect.annotateLogs(Effect.logError("bad"), { inner: 1 })
        yield* Effect.withLogSpan(Effect.logWarning("slow"), "inside")
        return null
      })
      const task = running(() => speak)
      const call = Effect.withLogSpan(Effect.annotateLogs(task(), { outer: true }), "outside")
      yield* Effect.provideService(remotely(task, call), Logger.CurrentLoggers, new Set([logger]))
      expect(lines).toEqual([
        ["Info", ["hello", { n: 1 }], { outer: true }, ["outside"]],
        ["Error", ["bad"], { outer: true, inner: 1 }, ["outside"]],
        ["Warn", ["slow"], { outer: true }, ["inside", "outside"]]
      ])
      lines.length = 0
      const debug = Effect.provideService(remotely(task, task()), References.MinimumLogLevel, "Debug")
      yield* Effect.provideService(debug, Logger.CurrentLoggers, new Set([logger]))
      expect(lines.length).toBe(4)
      lines.length = 0
      const none = Effect.provideService(remotely(task, task()), References.MinimumLogLevel, "None")
      yield* Effect.provideService(none, Logger.CurrentLoggers, new Set([logger]))
      expect(lines).toEqual([])
    })
  )

  rule("hangs below the caller's span, and knows the caller's name", () =>
    Effect.gen(function* () {
      const told = seen()
      const task = running(() =>
        Effect.flatMap(Effect.currentParentSpan, ({ spanId, traceId }) =>
          Effect.withFiber((fiber) => Effect.succeed({ spanId, traceId, ...Deadline.outlook(fiber), remaining: 0 }))
        )
      )
      const ids = Effect.map(Effect.currentSpan, ({ spanId, traceId }) => ({ spanId, traceId }))
      const call = () => Effect.withSpan(Effect.all([ids, task()]), "outer")
      const result = yield* remotely(task, parallelMap([1], call, { nameOf: () => "resize" }), told)
      const [[outer, inner]] = GatherResult.values(result) as [[object, object]]
      expect(inner).toEqual({ ...outer, name: "resize", remaining: 0 })
      expect(told.metas[0]?.span?.sampled).toBe(true)
    })
  )

  rule("is of no more interest when the call is over, and nothing is said to it any more", () =>
    Effect.gen(function* () {
      const told = seen()
      const late = Effect.andThen(Progress.report({ done: 1 }), Effect.log("late"))
      const task = running(() => Effect.as(Effect.forkDetach(Effect.delay(late, 10)), null))
      const program = Effect.gen(function* () {
        yield* remotely(task, task(), told)
        yield* Effect.sleep(5)
        yield* Deadline.extend(1_000)
        yield* Effect.sleep(50)
      })
      yield* Deadline.within(program, 20)
      expect([told.up, told.down]).toEqual([[], []])
    })
  )
})

describe("a task with a layer, elsewhere", () => {
  class Db extends Context.Service<Db, number>()("test/RemoteDb") {}

  rule(
    "builds it once for all its calls, tries again where that failed, and keeps it until it is closed",
    () =>
      Effect.gen(function* () {
        const events: Array<string> = []
        let tries = 0
        const build = Effect.suspend(() => (++tries === 1 ? Effect.fail("down") : Effect.succeed(tries)))
        const layer = Layer.effect(
          Db,
          Effect.acquireRelease(build, () => Effect.sync(() => events.push("released")))
        )
        const task = Task.make("db", { module, payload: Schema.Void, success: Schema.Number, layer, run: () => Effect.map(Db, (n) => n) })
        const host = (task as unknown as { readonly [key: symbol]: TaskRunner.Host })[Symbol.for("@skein/parallel/Task")]!
        const cause = yield* causeOf(remotely(task, task()))
        expect((defects(cause)[0] as Error).message).toContain('task "db": its layer could not be built')
        const result = yield* remotely(task, parallelMap([undefined, undefined], task))
        expect([told(result), yield* remotely(task, task()), events]).toEqual([["completed 2", "completed 2"], 2, []])
        yield* Effect.promise(() => host.close!())
        expect(events).toEqual(["released"])
      }),
    { seeds: 1 }
  )
})

describe("an answer that nobody of ours wrote", () => {
  rule("is a defect that shows it, or no result", () =>
    Effect.gen(function* () {
      const task = Task.make("strict", { module, payload: Schema.Void, success: Schema.Date, run: () => Effect.succeed(new Date(0)) })
      const answered = (answer: TaskRunner.Answer) =>
        Effect.provideService(task(), Service, { flavour: "odd", run: () => Effect.succeed(answer) })
      for (const text of ["", "[]", "null", '{"what":1}']) {
        const [defect] = defects(yield* causeOf(answered({ ok: false, text })))
        expect((defect as Error).message).toBe(`a worker gave an answer of no known shape: ${text}`)
      }
      for (const text of ["", '"no date"']) expect(refusal(yield* Effect.flip(answered({ ok: true, text })))[0]).toBe("Unserializable")
    })
  )
})

describe("the host of a task", () => {
  const host = (task: object): TaskRunner.Host => (task as { readonly [key: symbol]: TaskRunner.Host })[Symbol.for("@skein/parallel/Task")]!

  it("answers a text that it cannot read", () => {
    const task = Task.make("strict", { module, payload: Schema.Date, success: Schema.Void, run: () => Effect.void })
    const answers: Array<TaskRunner.Answer> = []
    const port = { settle: (answer: TaskRunner.Answer) => void answers.push(answer), send: () => {} }
    for (const text of ["", "{", '"no date"', "7"]) host(task).execute({ text }, undefined, port)
    expect(answers.map(({ ok, text }) => [ok, (JSON.parse(text) as { readonly refused: string }).refused])).toEqual(
      Array.from({ length: 4 }, () => [false, "Rejected"])
    )
  })

  it("answers once, whatever comes after that", async () => {
    const task = Task.make("quick", { module, payload: Schema.Void, success: Schema.Number, run: () => Effect.succeed(1) })
    const answers: Array<string> = []
    const handle = host(task).execute(
      { text: "null" },
      { remaining: 10 },
      { settle: ({ text }) => void answers.push(text), send: () => {} }
    )
    handle.interrupt()
    handle.receive('["deadline"]')
    handle.receive('["left",5]')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(answers).toEqual(["1"])
  })
})
