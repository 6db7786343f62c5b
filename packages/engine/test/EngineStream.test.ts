import { Simulator } from "@skein/core/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import * as Condition from "../src/Condition.ts"
import * as Engine from "../src/Engine.ts"
import * as EngineStream from "../src/EngineStream.ts"
import { make } from "../src/internal/engine.ts"
import * as Job from "../src/Job.ts"
import { always, flaky, stands } from "./engineKit.ts"

const states = (handle: Job.Handle<any, any>) =>
  EngineStream.ofJob(handle).pipe(
    Stream.map((run) => stands(run.state)),
    Stream.runCollect
  )

const names = (handles: ReadonlyArray<Job.Handle<any, any>>) =>
  EngineStream.outcomes(handles).pipe(
    Stream.map(({ end, handle }) => `${handle.name} ${Job.endWord(end)}`),
    Stream.runCollect
  )

const lines = <F extends EngineStream.OnFull = "slide">(engine: Engine.Engine, options?: EngineStream.ChangesOptions<F>) =>
  Stream.map(EngineStream.changes(engine, options), (run) => `${run.name} ${stands(run.state)}`)

describe("EngineStream.ofJob", () => {
  it("gives how the run stands and then each state up to its end", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const first = yield* engine.submit(Job.make("first", { run: Effect.sleep(5) }))
          const job = Job.make("job", { after: first, retry: { times: 1, schedule: Schedule.spaced(3) }, run: flaky(1) })
          return yield* states(yield* engine.submit(job))
        }),
      ["waiting upstream", "waiting limit", "running 1", "waiting retry", "waiting limit", "running 2", "completed"]
    ))

  it("gives the end alone of a run that has ended", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("job", { run: Effect.fail("no") }))
          yield* handle.await
          return yield* states(handle)
        }),
      ["failed"]
    ))

  it("loses nothing for a reader that is slow", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const first = yield* engine.submit(Job.make("first", { run: Effect.sleep(5) }))
          const handle = yield* engine.submit(Job.make("job", { after: first, retry: { times: 400 }, run: flaky(300) }))
          let seen = 0
          yield* Stream.runForEach(EngineStream.ofJob(handle), () =>
            Effect.suspend(() => (seen++ === 0 ? Effect.sleep(10_000) : Effect.void))
          )
          return seen
        }),
      // Upstream, limit and running of each attempt, the retry after each but the last, the end.
      1 + 2 * 301 + 300 + 1,
      5
    ))

  it("lends the place of a job that reads another one", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const parent = Job.make("parent", {
            run: Effect.gen(function* () {
              return yield* states(yield* engine.submit(Job.make("child", { run: Effect.sleep(1) })))
            })
          })
          return yield* (yield* engine.submit(parent)).join
        }),
      ["waiting limit", "running 1", "completed"]
    ))

  it("dies with the circle written out when a job waits for itself", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle: Job.Handle<unknown> = yield* engine.submit(
            Job.make("self", { run: Effect.andThen(Effect.sleep(1), () => Stream.runDrain(EngineStream.ofJob(handle))) })
          )
          const exit = yield* Effect.exit(handle.join)
          return String(exit).includes("jobs wait for each other: self#1 → self#1")
        }),
      true
    ))

  it("never goes back where others are still to be told of changes before its first", () =>
    always(
      () =>
        Effect.gen(function* () {
          // A slow journal: observers hear of a change when it has been written.
          const engine = yield* Effect.orDie(make("Engine.make", {}, { append: () => Effect.sleep(5) }))
          engine.subscribe(() => {})
          const submit = engine.submit(Job.make("job", { id: "job", run: Effect.sleep(1) }))
          const submitting = yield* Effect.forkChild(submit, { startImmediately: true })
          yield* Effect.sleep(1)
          const seen = yield* states(Option.getOrThrow(yield* engine.get("job")))
          yield* Fiber.join(submitting)
          return seen
        }),
      ["running 1", "completed"]
    ))

  it("does not hold up a job whose states nobody reads to the end", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("job", { run: Effect.as(Effect.sleep(5), "done") }))
          const first = yield* EngineStream.ofJob(handle).pipe(Stream.take(1), Stream.runCollect)
          return [first.length, yield* handle.join]
        }),
      [1, "done"]
    ))

  it("refuses what is no handle", () => {
    expect(() => EngineStream.ofJob("job#1" as never)).toThrow(
      new TypeError('EngineStream.ofJob: handle must be the handle of a job, got "job#1"')
    )
  })
})

describe("EngineStream.outcomes", () => {
  it("gives ends in the order of completion and is over after the last", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handles = yield* engine.submitAll([30, 10, 20].map((millis) => Job.make(String(millis), { run: Effect.sleep(millis) })))
          return yield* names(handles)
        }),
      ["10 completed", "20 completed", "30 completed"]
    ))

  it("is over at once without handles", () => always(() => names([]), []))

  it("gives first those that had ended, in the order of the handles", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handles = yield* engine.submitAll([3, 2, 9].map((millis) => Job.make(String(millis), { run: Effect.sleep(millis) })))
          yield* Effect.sleep(5)
          return yield* names(handles)
        }),
      ["3 completed", "2 completed", "9 completed"]
    ))

  it("tells failed, cancelled and skipped jobs as ends", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const failed = Job.make("failed", { run: Effect.andThen(Effect.sleep(1), Effect.fail("no")) })
          const skipped = Job.make("skipped", { after: failed, run: Effect.void })
          const cancelled = Job.make("cancelled", { run: Effect.never })
          const handles = yield* engine.submitAll([cancelled, skipped, failed])
          yield* Effect.forkChild(Effect.andThen(Effect.sleep(5), handles[0].cancel()))
          return yield* names(handles)
        }),
      ["failed failed", "skipped skipped", "cancelled cancelled"]
    ))

  it("lends the place of a job that reads it, and holds it while an end is worked on", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          let running = 0
          let most = 0
          const work = Effect.acquireUseRelease(
            Effect.sync(() => (most = Math.max(most, ++running))),
            () => Effect.sleep(1),
            () => Effect.sync(() => running--)
          )
          const parent = Job.make("parent", {
            run: Effect.gen(function* () {
              const handles = yield* engine.submitAll([1, 2, 3].map((n) => Job.make(String(n), { run: work })))
              return yield* EngineStream.outcomes(handles).pipe(
                Stream.mapEffect(({ handle }) => Effect.as(work, handle.name)),
                Stream.runCollect
              )
            })
          })
          return [yield* (yield* engine.submit(parent)).join, most]
        }),
      [["1", "2", "3"], 1]
    ))

  it("dies when nothing is left but a job that waits for its reader", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const parent: Job.Handle<unknown, unknown> = yield* engine.submit(
            Job.make("parent", {
              run: Effect.gen(function* () {
                const back = yield* engine.submit(
                  Job.make("back", {
                    run: Effect.andThen(
                      Effect.sleep(1),
                      Effect.suspend(() => parent.await)
                    )
                  })
                )
                const other = yield* engine.submit(Job.make("other", { run: Effect.sleep(2) }))
                return yield* names([other, back])
              })
            })
          )
          return String(yield* Effect.exit(parent.join)).includes("jobs wait for each other: parent#1 → back#2 → parent#1")
        }),
      true
    ))

  it("works beside ends that others wait for, and leaves no waiter behind", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handles = yield* engine.submitAll([1, 9].map((millis) => Job.make(String(millis), { run: Effect.sleep(millis) })))
          const first = yield* EngineStream.outcomes(handles).pipe(Stream.take(1), Stream.runCollect)
          const left = (handles[1] as unknown as { readonly waiters: Set<unknown> }).waiters.size
          return [first.map(({ handle }) => handle.name), left, yield* names(handles)]
        }),
      [["1"], 0, ["1 completed", "9 completed"]]
    ))

  it("refuses what is no handle, with its place", () => {
    expect(() => EngineStream.outcomes([{} as never])).toThrow(
      new TypeError("EngineStream.outcomes: handles[0] must be the handle of a job, got an object")
    )
    expect(() => EngineStream.outcomes(1 as never)).toThrow(new TypeError("EngineStream.outcomes: handles must be handles of jobs, got 1"))
  })
})

describe("EngineStream.changes", () => {
  /** Reads until the engine is idle. */
  const during = <A, E>(engine: Engine.Engine, stream: Stream.Stream<A, E>, work: Effect.Effect<unknown, unknown>) =>
    Effect.gen(function* () {
      const seen: Array<A> = []
      const reader = yield* Effect.forkChild(
        Stream.runForEach(stream, (line) => Effect.sync(() => seen.push(line))),
        { startImmediately: true }
      )
      yield* Effect.sleep(1)
      yield* work
      yield* engine.awaitIdle
      yield* Effect.sleep(1)
      yield* Fiber.interrupt(reader)
      return seen
    })

  it("gives each change from its first pull on", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          yield* (yield* engine.submit(Job.make("before", { run: Effect.void }))).await
          const a = Job.make("a", { run: Effect.sleep(1) })
          const b = Job.make("b", { after: a, run: Effect.sleep(1) })
          return yield* during(engine, lines(engine), engine.submitAll([a, b]))
        }),
      ["a waiting limit", "a running 1", "b waiting upstream", "a completed", "b waiting limit", "b running 1", "b completed"]
    ))

  it("gives those after which the run is chosen by the filter", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const jobs = ["a", "b"].map((name) => Job.make(name, { labels: { of: name }, key: name, run: Effect.fail("no") }))
          const filter = { name: "b", labels: { of: "b" }, key: "b", state: ["running", "failed"] } as const
          return yield* during(engine, lines(engine, filter), engine.submitAll(jobs))
        }),
      ["b running 1", "b failed"]
    ))

  it("begins with each run as it stands where it is told to, without a gap and without telling one twice", async () => {
    await Simulator.check(
      () =>
        Effect.scoped(
          Effect.gen(function* () {
            const engine = yield* Engine.make({ limits: { jobs: 1 } })
            const stream = EngineStream.changes(engine, { from: "start" })
            const told = new Map<string, Array<string>>()
            const reader = yield* Effect.forkChild(
              Stream.runForEach(stream, (run) => Effect.sync(() => void told.set(run.id, [...(told.get(run.id) ?? []), stands(run.state)])))
            )
            yield* engine.submitAll(["a", "b", "c"].map((name) => Job.make(name, { run: Effect.yieldNow })))
            yield* engine.awaitIdle
            yield* Effect.sleep(1)
            yield* Fiber.interrupt(reader)
            return [...told.values()]
          })
        ),
      {
        seeds: 150,
        after: ({ exit }) => {
          const told = exit !== undefined && Exit.isSuccess(exit) ? exit.value : []
          expect(told.length).toBe(3)
          const all = ["waiting limit", "running 1", "completed"]
          // Each is a tail of the way of a run.
          for (const states of told) expect(states).toEqual(all.slice(-states.length))
        }
      }
    )
  })

  it("lets the oldest that wait give way when its buffer is full, and says so once", () =>
    always(
      () =>
        Effect.suspend(() => {
          const warnings: Array<string> = []
          const logger = Logger.make(({ message }) => void warnings.push(String(message)))
          const program = Effect.gen(function* () {
            const engine = yield* Engine.make()
            const slow = Stream.mapEffect(lines(engine, { buffer: 2 }), (line) =>
              Effect.as(Effect.sleep(line === "a waiting condition" ? 100 : 0), line)
            )
            const a = Job.make("a", { when: Condition.after(9), run: Effect.sleep(1) })
            const b = Job.make("b", { after: a, run: Effect.sleep(200) })
            const seen = yield* during(
              engine,
              slow,
              Effect.andThen(engine.submit(a), Effect.andThen(Effect.sleep(1), Effect.andThen(engine.submit(b), Effect.sleep(1_000))))
            )
            return [seen, warnings]
          })
          return Effect.provideService(program, Logger.CurrentLoggers, new Set([logger]))
        }),
      [
        ["a waiting condition", "b waiting limit", "b running 1", "b completed"],
        ["skein: a reader of an engine's changes is slow, and misses 4 or more that it had no room for"]
      ]
    ))

  it("fails when its buffer is full where it is told to, after what its reader had not read", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const seen: Array<string> = []
          const read = Stream.runForEach(lines(engine, { buffer: 3, onFull: "fail" }), (line) =>
            Effect.andThen(
              Effect.sleep(100),
              Effect.sync(() => void seen.push(line))
            )
          )
          const reader = yield* Effect.forkChild(Effect.flip(read), { startImmediately: true })
          yield* Effect.sleep(1)
          const a = Job.make("a", { when: Condition.after(9), run: Effect.sleep(1) })
          yield* engine.submit(a)
          yield* Effect.sleep(1)
          yield* engine.submit(Job.make("b", { after: a, run: Effect.void }))
          const error = yield* Fiber.join(reader)
          return [seen, error._tag, error.message]
        }),
      [
        ["a waiting condition", "b waiting upstream", "a waiting limit", "a running 1"],
        "ReaderTooSlow",
        "more than 3 changes of an engine were left unread"
      ]
    ))

  it("is over when the engine has closed, after the last change", () =>
    always(
      () =>
        Effect.gen(function* () {
          const seen = yield* Effect.scoped(
            Effect.gen(function* () {
              const engine = yield* Engine.make()
              yield* engine.submit(Job.make("job", { run: Effect.never }))
              const reader = yield* Effect.forkDetach(Stream.runCollect(lines(engine, { from: "start" })), { startImmediately: true })
              yield* Effect.sleep(1)
              return reader
            })
          )
          const all = yield* Fiber.join(seen)
          return all.at(-1)
        }),
      "job cancelled"
    ))

  it("is over at once on an engine that has closed, and tells how its runs ended", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Effect.scoped(
            Effect.gen(function* () {
              const engine = yield* Engine.make()
              yield* (yield* engine.submit(Job.make("job", { run: Effect.void }))).await
              return engine
            })
          )
          return yield* Stream.runCollect(lines(engine, { from: "start" }))
        }),
      ["job completed"]
    ))

  it("cannot hold up or change a job", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          yield* Effect.forkChild(
            Stream.runForEach(EngineStream.changes(engine), () => Effect.never),
            { startImmediately: true }
          )
          yield* Effect.forkChild(Effect.exit(Stream.runForEach(EngineStream.changes(engine), () => Effect.die("reader"))), {
            startImmediately: true
          })
          return yield* (yield* engine.submit(Job.make("job", { run: Effect.as(Effect.sleep(1), "done") }))).join
        }),
      "done"
    ))

  it("refuses options that it does not know and values that are wrong", () => {
    const refused = (options: unknown): string => {
      try {
        void EngineStream.changes({} as Engine.Engine, options as EngineStream.ChangesOptions)
        return "taken"
      } catch (error) {
        return String(error)
      }
    }
    expect([{ nme: "a" }, { buffer: 0 }, { onFull: "stop" }, { from: "here" }, { state: "gone" }, { labels: 1 }].map(refused)).toEqual([
      'RangeError: EngineStream.changes: unknown option "nme", known are name, state, labels, key, from, buffer, onFull',
      "RangeError: EngineStream.changes: buffer must be a whole number of at least 1, got 0",
      'RangeError: EngineStream.changes: onFull must be "slide" | "fail", got "stop"',
      'RangeError: EngineStream.changes: from must be "now" | "start", got "here"',
      'RangeError: EngineStream.changes: state must be "waiting" | "running" | "ended" | "completed" | "failed" | "timeout" | "cancelled" | "skipped", got "gone"',
      "RangeError: EngineStream.changes: labels must be a record, got 1"
    ])
  })
})

describe("the engine's streams", () => {
  it("are not loaded by the main entry", async () => {
    const main = await import("../src/index.ts")
    expect(Object.keys(main)).not.toContain("EngineStream")
  })
})
