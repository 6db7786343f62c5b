import { Deadline, Progress } from "@skein/core"
import { Simulator } from "@skein/core/testing"
import * as Task from "@skein/parallel/Task"
import * as TaskStream from "@skein/parallel/TaskStream"
import * as TaskRunner from "@skein/parallel/TaskRunner"
import { parallelMap } from "@skein/parallel/parallelMap"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { reasons, rule } from "./kit.ts"
import { defects, inMemory, refusal, remotely, seen, type MemoryOptions, type Seen } from "./Task.kit.ts"

const module = import.meta

class Torn extends Schema.TaggedError<Torn>()("Torn", { at: Schema.Date }) {}
class Db extends Context.Service<Db, { readonly factor: number }>()("test/StreamDb") {}

const numbers = <A, E>(stream: () => Stream.Stream<A, E>, name = "numbers") =>
  TaskStream.make(name, { module, payload: Schema.Void, success: Schema.Number, error: Torn, run: stream as never })

const odd = [0, -0, NaN, Infinity, 1e308, 5e-324, 0.1]

/** Reads a stream elsewhere; gives what came, and how it ended. */
const read = <A, E>(task: object, stream: Stream.Stream<A, E>, told?: Seen, options?: MemoryOptions) => {
  const came: Array<A> = []
  const ran = Stream.runForEach(stream, (element) => Effect.sync(() => void came.push(element)))
  return Effect.map(Effect.exit(remotely(task, ran, told, options)), (exit) => ({ came, exit }))
}

const errorOf = (exit: Exit.Exit<unknown, unknown>): unknown => (Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined)
const lengths = (told: Seen): ReadonlyArray<number> =>
  told.up.flatMap((text) => {
    const [word, _, list] = JSON.parse(text) as [string, number, ReadonlyArray<unknown>]
    return word === "some" ? [list.length] : []
  })

/** Where the stream runs. */
const places: ReadonlyArray<readonly [string, <A, E>(task: object, effect: Effect.Effect<A, E>) => Effect.Effect<A, E>]> = [
  ["inline", (_, effect) => effect],
  ["elsewhere", (task, effect) => remotely(task, effect)]
]

describe.each(places)("a stream task %s", (place, at) => {
  rule("gives its elements in their order, and ends", () =>
    Effect.gen(function* () {
      const task = TaskStream.make("range", {
        module,
        payload: Schema.Number,
        success: Schema.Number,
        run: (n) => Stream.range(1, n).pipe(Stream.rechunk(7))
      })
      for (const n of [0, 1, 63, 64, 65, 300]) {
        const all = yield* at(task, Stream.runCollect(task(n)))
        expect(all).toEqual(Array.from({ length: n }, (_, i) => i + 1))
      }
      expect([task.name, task.definition.kind, task.definition.export]).toEqual(["range", "effect", "range"])
    })
  )

  rule("keeps what JSON has no form for", () =>
    Effect.gen(function* () {
      const task = numbers(() => Stream.fromIterable(odd))
      expect(yield* at(task, Stream.runCollect(task()))).toEqual(odd)
      const dates = TaskStream.make("dates", {
        module,
        payload: Schema.Date,
        success: Schema.Struct({ at: Schema.Date, big: Schema.BigInt }),
        run: (date) => Stream.make({ at: date, big: 1n }, { at: date, big: 2n })
      })
      const date = new Date(5)
      expect(yield* at(dates, Stream.runCollect(dates(date)))).toEqual([
        { at: date, big: 1n },
        { at: date, big: 2n }
      ])
    })
  )

  rule("fails with its own error after its elements", () =>
    Effect.gen(function* () {
      const task = numbers(() => Stream.concat(Stream.make(1, 2, 3), Stream.fail(new Torn({ at: new Date(7) }))))
      const came: Array<number> = []
      const error = yield* Effect.flip(
        at(
          task,
          Stream.runForEach(task(), (n) => Effect.sync(() => void came.push(n)))
        )
      )
      expect(came).toEqual([1, 2, 3])
      expect(error).toBeInstanceOf(Torn)
      expect(error).toEqual(new Torn({ at: new Date(7) }))
    })
  )

  rule("keeps defects, and makes one of an error that does not fit its schema", () =>
    Effect.gen(function* () {
      const broken = numbers(() => Stream.concat(Stream.make(1), Stream.die(new RangeError("too far"))))
      const cause = yield* Effect.flip(Effect.sandbox(at(broken, Stream.runDrain(broken()))))
      expect(String(defects(cause)[0])).toBe("RangeError: too far")
      const wrong = numbers(() => Stream.fail({ no: "class" }))
      const other = yield* Effect.flip(Effect.sandbox(at(wrong, Stream.runDrain(wrong()))))
      expect(String(defects(other)[0])).toContain('task "numbers" failed with an error that does not fit its error schema')
      const none = numbers(() => 7 as never)
      const third = yield* Effect.flip(Effect.sandbox(at(none, Stream.runDrain(none()))))
      expect(String(defects(third)[0])).toBe('TypeError: task "numbers": run must give a Stream, got number')
      const thrown = numbers(() => {
        throw new Error("early")
      })
      const fourth = yield* Effect.flip(Effect.sandbox(at(thrown, Stream.runDrain(thrown()))))
      expect(String(defects(fourth)[0])).toBe("Error: early")
    })
  )

  rule("gives the good elements before one that cannot travel, and ends the stream behind it", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      for (const chunk of [1, 2, 10]) {
        const task = numbers(() =>
          Stream.fromIterable([1, 2, 3, "4", 5]).pipe(
            Stream.rechunk(chunk),
            Stream.ensuring(
              Effect.andThen(
                Effect.yieldNow,
                Effect.sync(() => void told.push("end"))
              )
            )
          )
        )
        const came: Array<number> = []
        const error = yield* Effect.flip(
          at(
            task,
            Stream.runForEach(task(), (n) => Effect.sync(() => void came.push(n)))
          )
        )
        told.push("failed")
        expect(came).toEqual([1, 2, 3])
        expect(refusal(error)).toEqual(["Unserializable", "yes", 'task "numbers": its result cannot travel: Expected number'])
      }
      expect(told).toEqual(["end", "failed", "end", "failed", "end", "failed"])
    })
  )

  rule("refuses a payload that does not fit", () =>
    Effect.gen(function* () {
      const task = TaskStream.make("range", { module, payload: Schema.Number, success: Schema.Number, run: (n) => Stream.range(1, n) })
      const error = yield* Effect.flip(at(task, Stream.runDrain(task("3" as never))))
      expect(refusal(error)).toEqual(["Rejected", "no", 'task "range": its payload was refused: Expected number'])
    })
  )

  rule("has the services of its layer until it ends or is left", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const acquired = Effect.acquireRelease(
        Effect.sync(() => (told.push("open"), { factor: 3 })),
        () => Effect.sync(() => void told.push("close"))
      )
      const task = TaskStream.make("scaled", {
        module,
        payload: Schema.Number,
        success: Schema.Number,
        layer: Layer.effect(Db, acquired),
        run: (n) => Stream.mapEffect(Stream.range(1, n), (i) => Effect.map(Effect.andThen(Effect.sleep(5), Db), ({ factor }) => i * factor))
      })
      const both = Effect.all([Stream.runCollect(task(3)), task(9).pipe(Stream.take(1), Stream.runCollect)], { concurrency: 2 })
      expect(yield* at(task, both)).toEqual([[3, 6, 9], [3]])
      // A worker keeps it.
      expect(told).toEqual(place === "inline" ? ["open", "close"] : ["open"])
      const none: Layer.Layer<Db, string> = Layer.effect(Db, Effect.fail("no database"))
      const broken = TaskStream.make("broken", {
        module,
        payload: Schema.Void,
        success: Schema.Number,
        layer: none,
        run: () => Stream.fromEffect(Effect.map(Db, ({ factor }) => factor))
      })
      const cause = yield* Effect.flip(Effect.sandbox(at(broken, Stream.runDrain(broken()))))
      expect(String(defects(cause)[0])).toContain('task "broken": its layer could not be built')
    })
  )

  rule("runs its finalizers before it ends, when it is left early and when its reader is interrupted", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const task = numbers(() =>
        Stream.concat(Stream.make(1, 2), Stream.never).pipe(
          Stream.ensuring(
            Effect.andThen(
              Effect.sleep(50),
              Effect.sync(() => void told.push("end"))
            )
          )
        )
      )
      expect(yield* at(task, task().pipe(Stream.take(1), Stream.runCollect))).toEqual([1])
      told.push("left")
      const fiber = yield* Effect.forkChild(at(task, Stream.runDrain(task())))
      yield* Effect.sleep(5)
      yield* Fiber.interrupt(fiber)
      told.push("interrupted")
      const gone = yield* Effect.exit(at(task, Deadline.within(Stream.runDrain(task()), 20)))
      told.push("late")
      expect(errorOf(gone)).toBeInstanceOf(Deadline.DeadlineExceeded)
      expect(told).toEqual(["end", "left", "end", "interrupted", "end", "late"])
    })
  )

  rule("tells of a finalizer that breaks when it is left early", () =>
    Effect.gen(function* () {
      const task = numbers(() => Stream.concat(Stream.make(1), Stream.never).pipe(Stream.ensuring(Effect.die(new Error("cleanup")))))
      const exit = yield* Effect.exit(at(task, task().pipe(Stream.take(1), Stream.runDrain)))
      expect(Exit.isFailure(exit) ? reasons(exit.cause) : "none").toBe("Die(cleanup)")
    })
  )

  rule("is a new call each time that it is run", () =>
    Effect.gen(function* () {
      let calls = 0
      const task = numbers(() => Stream.sync(() => ++calls))
      const stream = task()
      expect(calls).toBe(0)
      expect(yield* at(task, Effect.all([Stream.runCollect(stream), Stream.runCollect(stream)]))).toEqual([[1], [2]])
    })
  )

  rule("has the deadline, the name, the progress and the log of its caller", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const reports: Array<unknown> = []
      const logger = Logger.make(({ message }) => void lines.push(message))
      const task = numbers(() =>
        Stream.fromEffect(
          Effect.gen(function* () {
            yield* Effect.logInfo("reading")
            yield* Progress.report({ done: 1, total: 2 })
            return Duration.toMillis(Option.getOrThrow(yield* Deadline.remaining))
          })
        )
      )
      const onProgress = (progress: unknown): void => void reports.push(progress)
      const reads = parallelMap(["a"], () => Effect.delay(Stream.runCollect(task()), 10), {
        timeout: 1_000,
        onProgress,
        nameOf: (item) => item
      })
      const { outcomes } = yield* at(task, Effect.provide(reads, Logger.layer([logger])))
      expect(outcomes.map((outcome) => outcome._tag === "Completed" && outcome.value)).toEqual([[990]])
      expect(lines).toEqual([["reading"]])
      expect(reports).toEqual([{ done: 1, total: 2, message: undefined, index: 0, name: "a" }])
    })
  )
})

describe("a stream task elsewhere", () => {
  rule(
    "has sent no more than its reader has room for",
    () =>
      Effect.gen(function* () {
        for (const buffer of [1, 2, 5, 64]) {
          for (const chunk of [1, 3, 200]) {
            let made = 0
            let handed = 0
            let most = 0
            const told = seen()
            const task = numbers(() =>
              Stream.range(1, 200).pipe(
                Stream.rechunk(chunk),
                Stream.tap(() => Effect.sync(() => void made++)),
                Stream.rechunk(chunk)
              )
            )
            const slow = Stream.runForEachArray(task(undefined, { buffer }), (elements) => {
              handed += elements.length
              return Effect.andThen(
                Effect.sleep(10),
                Effect.sync(() => {
                  most = Math.max(most, lengths(told).reduce((sum, length) => sum + length, 0) - handed)
                  if (chunk === 1) expect(made - handed).toBeLessThanOrEqual(buffer)
                })
              )
            })
            yield* remotely(task, slow, told)
            expect([handed, made]).toEqual([200, 200])
            // The reader has as much ahead as was allowed, and never more.
            expect(most).toBe(buffer)
            expect(Math.max(...lengths(told))).toBeLessThanOrEqual(Math.min(buffer, Math.max(chunk, 1)))
          }
        }
      }),
    { seeds: 3 }
  )

  rule("grants room in portions, and says how much there is at first", () =>
    Effect.gen(function* () {
      const told = seen()
      const task = numbers(() => Stream.range(1, 300).pipe(Stream.rechunk(1)))
      yield* remotely(task, Stream.runDrain(task(undefined, { buffer: 100 })), told)
      expect(told.metas).toEqual([{ stream: { buffer: 100 } }])
      expect(told.down.length).toBeLessThanOrEqual(7)
      expect(told.down.at(-1)).toBe('["got"]')
      const other = seen()
      yield* remotely(task, Stream.runDrain(task()), other)
      expect(other.metas).toEqual([{ stream: { buffer: 64 } }])
    })
  )

  rule("gives what came before its worker died, then fails", () =>
    Effect.gen(function* () {
      let sent = 0
      const task = numbers(() =>
        Stream.range(1, 100).pipe(
          Stream.rechunk(1),
          Stream.tap(() => Effect.sleep(1))
        )
      )
      const { came, exit } = yield* read(task, task(), seen(), { dies: () => ++sent === 5 })
      expect(came).toEqual([1, 2, 3, 4, 5])
      expect(refusal(errorOf(exit)).slice(0, 2)).toEqual(["Lost", "maybe"])
    })
  )

  rule("fails where there is no module, or no room in the queue", () =>
    Effect.gen(function* () {
      const here = TaskStream.make("here", { payload: Schema.Void, success: Schema.Number, run: () => Stream.make(1) })
      const { exit } = yield* read(here, here())
      expect(refusal(errorOf(exit))[2]).toBe(
        'task "here": its module cannot be used: TaskStream.make was given none, so it runs inline only'
      )
      expect(yield* Stream.runCollect(here())).toEqual([1])
    })
  )

  rule("hands its priority and its definition to the flavour", () =>
    Effect.gen(function* () {
      const calls: Array<TaskRunner.Call> = []
      const task = numbers(() => Stream.make(1))
      const runner = inMemory(task)
      const watched = { ...runner, run: (call: TaskRunner.Call) => (calls.push(call), runner.run!(call)) }
      const both = Effect.all([Stream.runDrain(task()), Stream.runDrain(task(undefined, { priority: "low" }))])
      yield* Effect.provideService(both, TaskRunner.TaskRunner, watched)
      expect(calls.map(({ priority, task: { idempotent } }) => [priority, idempotent])).toEqual([
        ["normal", false],
        ["low", false]
      ])
    })
  )

  rule("keeps the order where messages come out of turn, and waits for the last", () =>
    Effect.gen(function* () {
      const task = numbers(() => Stream.concat(Stream.rechunk(Stream.range(1, 29), 2), Stream.fail(new Torn({ at: new Date(1) }))))
      const runner = inMemory(task)
      let swapped = 0
      const swapping: TaskRunner.TaskRunner = {
        ...runner,
        run: (call) => {
          let held: string | undefined
          const onMessage = (text: string): void => {
            if (held === undefined && text.startsWith('["some"')) {
              held = text
              return
            }
            call.onMessage(text)
            if (held !== undefined) call.onMessage(held)
            held = undefined
            swapped++
          }
          return runner.run!({ ...call, onMessage })
        }
      }
      const came: Array<number> = []
      const ran = Stream.runForEach(task(), (n) => Effect.sync(() => void came.push(n)))
      const error = yield* Effect.flip(Effect.provideService(ran, TaskRunner.TaskRunner, swapping))
      expect(came).toEqual(Array.from({ length: 29 }, (_, i) => i + 1))
      expect(error).toBeInstanceOf(Torn)
      expect(swapped).toBeGreaterThan(1)
    })
  )

  rule("says of an element that came in no form of ours that it cannot travel", () =>
    Effect.gen(function* () {
      const dates = TaskStream.make("dates", {
        module,
        payload: Schema.Void,
        success: Schema.Date,
        run: () => Stream.make(new Date(1), new Date(2))
      })
      const runner = inMemory(dates)
      const torn: TaskRunner.TaskRunner = {
        ...runner,
        run: (call) => runner.run!({ ...call, onMessage: (text) => call.onMessage(text.replace("1970-01-01T00:00:00.002Z", "soon")) })
      }
      const came: Array<Date> = []
      const ran = Stream.runForEach(dates(), (date) => Effect.sync(() => void came.push(date)))
      const error = yield* Effect.flip(Effect.provideService(ran, TaskRunner.TaskRunner, torn))
      expect(came).toEqual([new Date(1)])
      expect(refusal(error).slice(0, 2)).toEqual(["Unserializable", "yes"])
    })
  )

  rule("keeps the call under the deadline of its reader, and answers a gather inside", () =>
    Effect.gen(function* () {
      const inner = (n: number) => Effect.as(Effect.sleep(n), n)
      const task = numbers(() =>
        Stream.concat(Stream.make(7), Stream.fromEffect(Effect.map(parallelMap([5, 50], inner), ({ completed }) => completed)))
      )
      const came: Array<number> = []
      const ran = Stream.runForEach(task(), (n) => Effect.sync(() => void came.push(n)))
      yield* Effect.exit(Deadline.within(remotely(task, ran), 10))
      expect(came).toEqual([7, 1])
    })
  )
})

describe("a stream task, interrupted at every step", () => {
  const sweep = async (elsewhere: boolean, make: (task: TaskStream.TaskStream<void, number, Torn>) => Effect.Effect<unknown, unknown>) => {
    let state = { running: 0, told: seen() }
    const swept = await Simulator.sweep(
      () => {
        const own = (state = { running: 0, told: seen() })
        const task = numbers(() =>
          Stream.unwrap(
            Effect.as(
              Effect.acquireRelease(
                Effect.sync(() => own.running++),
                () =>
                  Effect.andThen(
                    Effect.yieldNow,
                    Effect.sync(() => own.running--)
                  )
              ),
              Stream.range(1, 12).pipe(
                Stream.rechunk(2),
                Stream.tap((n) => Effect.sleep(n % 3))
              )
            )
          )
        ) as TaskStream.TaskStream<void, number, Torn>
        return elsewhere ? remotely(task, make(task), own.told) : make(task)
      },
      {
        seeds: 3,
        after: () => {
          expect(state.running).toBe(0)
          expect(state.told.answers.length).toBe(state.told.payloads.length)
        }
      }
    )
    expect(swept.interrupted.main).toBeGreaterThan(0)
  }

  it.each([false, true])("leaves nothing (elsewhere: %s)", (elsewhere) =>
    sweep(elsewhere, (task) => Stream.runForEach(task(undefined, { buffer: 3 }), () => Effect.sleep(1)))
  )

  it.each([false, true])("leaves nothing when it is left early (elsewhere: %s)", (elsewhere) =>
    sweep(elsewhere, (task) => task(undefined, { buffer: 2 }).pipe(Stream.take(5), Stream.runDrain))
  )
})

it("gives every element once, in order, under many schedules", async () => {
  const { runs, verdicts } = await Simulator.check(
    () => {
      const told = seen()
      const task = numbers(() =>
        Stream.range(1, 40).pipe(
          Stream.rechunk(3),
          Stream.tap((n) => (n % 4 === 0 ? Effect.yieldNow : Effect.void))
        )
      )
      const reads = Effect.forEach([1, 3, 7, 64], (buffer) =>
        Stream.runCollect(Stream.tap(task(undefined, { buffer }), (n) => (n % 5 === 0 ? Effect.yieldNow : Effect.void)))
      )
      return Effect.map(remotely(task, reads, told), (all) => {
        for (const one of all) expect(one).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
      })
    },
    { seeds: 200 }
  )
  expect(verdicts.passed).toBe(runs)
})

describe("TaskStream.make", () => {
  const good = { payload: Schema.Void, success: Schema.Number, run: () => Stream.make(1) }
  it.each([
    ["", good, "TaskStream.make: name must be a string that is not empty"],
    ["a", undefined, "TaskStream.make: options must be an object"],
    ["a", { ...good, run: 1 }, "TaskStream.make: run must be a function"],
    ["a", { ...good, success: 1 }, "TaskStream.make: success must be a Schema"],
    ["a", { ...good, layer: 1 }, "TaskStream.make: layer must be a Layer"],
    ["a", { ...good, module: "./here.ts" }, "TaskStream.make: module must be import.meta"],
    ["a", { ...good, idempotent: true }, "idempotent"],
    ["a", { ...good, success: Schema.Struct({ a: Schema.Array(Task.buffer(Uint8Array)) }) }, "success must be a Schema without Task.buffer"]
  ])("refuses what is wrong (%s, %o)", (name, options, message) => {
    expect(() => TaskStream.make(name, options as never)).toThrow(RangeError)
    expect(() => TaskStream.make(name, options as never)).toThrow(message)
  })

  it.each([
    [{ buffer: 0 }, "task: buffer must be"],
    [{ buffer: NaN }, "task: buffer must be"],
    [{ buffer: 1.5 }, "task: buffer must be"],
    [{ priority: "urgent" }, "task: priority must be"],
    [{ chunk: 1 }, "chunk"]
  ])("refuses wrong options of a call (%o)", (options, message) => {
    const task = TaskStream.make("a", good)
    expect(() => task(undefined, options as never)).toThrow(RangeError)
    expect(() => task(undefined, options as never)).toThrow(message)
  })

  it("takes the index that a map hands over", async () => {
    const task = TaskStream.make("a", { ...good, payload: Schema.Number, run: (n) => Stream.make(n) })
    const streams = [4, 5].map(task)
    expect(await Effect.runPromise(Stream.runCollect(Stream.concat(streams[0]!, streams[1]!)))).toEqual([4, 5])
  })
})
