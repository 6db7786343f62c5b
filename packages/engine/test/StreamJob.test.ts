import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import * as JobStore from "../src/JobStore.ts"
import * as StreamJob from "../src/StreamJob.ts"
import { always, stands, told } from "./engineKit.ts"

const numbers = (n: number, millis = 0): Stream.Stream<number> =>
  Stream.fromIterable(Array.from({ length: n }, (_, i) => i)).pipe(
    Stream.rechunk(1),
    Stream.tap(() => (millis === 0 ? Effect.void : Effect.sleep(millis)))
  )

const endless = Stream.iterate(0, (n) => n + 1).pipe(Stream.rechunk(1))

/** What a stream gave, and how it ended. */
const readAll = <A, E>(stream: Stream.Stream<A, E>): Effect.Effect<ReadonlyArray<unknown>> =>
  Effect.suspend(() => {
    const seen: Array<unknown> = []
    return Effect.map(Effect.exit(Stream.runForEach(stream, (a) => Effect.sync(() => seen.push(a)))), (exit) => {
      const error = Exit.isSuccess(exit)
        ? undefined
        : exit.cause.reasons.map((r) => (r._tag === "Fail" ? r.error : r._tag === "Die" ? r.defect : r._tag))[0]
      return error === undefined ? seen : [...seen, error instanceof Error ? error.message : error]
    })
  })

/** Runs a program and gives the warnings that were logged too. */
const warned = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<readonly [A, ReadonlyArray<string>], E, R> =>
  Effect.suspend(() => {
    const warnings: Array<string> = []
    const logger = Logger.make(({ message }) => void warnings.push(String(message)))
    return Effect.map(Effect.provideService(program, Logger.CurrentLoggers, new Set([logger])), (value) => [value, warnings] as const)
  })

const started = <A, M, B, E, R>(job: StreamJob.StreamJob<A, M, B, E, R>, options: Engine.Options = {}) =>
  Effect.gen(function* () {
    const engine = yield* Engine.make(options)
    return yield* StreamJob.submit(engine, job)
  })

describe("the stream of a stream job", () => {
  it("can be read while the job runs", () =>
    always(
      () =>
        Effect.gen(function* () {
          const { job, stream } = yield* started(
            StreamJob.make("numbers", { run: Stream.concat(numbers(3, 5), Stream.drain(Stream.fromEffect(Effect.sleep(5)))) })
          )
          const seen: Array<string> = []
          yield* Stream.runForEach(stream, (n) => Effect.sync(() => seen.push(`${n} ${stands(job.state)}`)))
          return [seen, told(yield* job.await)]
        }),
      [["0 running 1", "1 running 1", "2 running 1"], "completed 3"]
    ))

  it("gives its elements from the first, also to a reader that comes when the job has ended", () =>
    always(
      () =>
        Effect.gen(function* () {
          const { job, stream } = yield* started(StreamJob.make("numbers", { run: numbers(3) }))
          yield* job.await
          return yield* readAll(stream)
        }),
      [0, 1, 2]
    ))

  it("holds the job up while its buffer is full", () =>
    always(
      () =>
        Effect.gen(function* () {
          let made = 0
          const run = Stream.tap(endless, () => Effect.sync(() => made++))
          const { counts, job, stream } = yield* started(StreamJob.make("endless", { run, buffer: 4 }))
          yield* Effect.sleep(1)
          const before = [made, counts().waiting, stands(job.state)]
          yield* Stream.runDrain(Stream.take(stream, 10))
          yield* job.await
          return [before, made <= 10 + 4 + 1]
        }),
      // The fifth waits for room.
      [[5, 4, "running 1"], true]
    ))

  it("gives what came before a failure, and then the failure", () =>
    always(
      () =>
        Effect.gen(function* () {
          const run = Stream.concat(numbers(3), Stream.fail(new Error("no more")))
          const { job, stream } = yield* started(StreamJob.make("failing", { run }))
          return [yield* readAll(stream), told(yield* job.await)]
        }),
      [[0, 1, 2, "no more"], "failed no more"]
    ))

  it("fails with the reason where there is none or no more", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const failed = yield* engine.submit(Job.make("failed", { run: Effect.fail("no") }))
          const skipped = yield* StreamJob.submit(engine, StreamJob.make("skipped", { after: failed, run: numbers(1) }))
          const late = yield* StreamJob.submit(engine, StreamJob.make("late", { timeout: 5, run: Stream.concat(numbers(1), Stream.never) }))
          const gone = yield* StreamJob.submit(engine, StreamJob.make("gone", { run: Stream.concat(numbers(1), Stream.never) }))
          const reader = yield* Effect.forkChild(readAll(gone.stream))
          yield* Effect.sleep(1)
          yield* gone.job.cancel("enough")
          return [yield* readAll(skipped.stream), yield* readAll(late.stream), yield* Fiber.join(reader)]
        }),
      [
        ['job "skipped#2" was skipped: "failed" failed: no'],
        [0, 'job "late#3" hit its task limit of 5ms'],
        [0, 'job "gone#4" was cancelled: cancelled on request: enough']
      ]
    ))

  it("has one reader at a time: a second one dies", () =>
    always(
      () =>
        Effect.gen(function* () {
          const { stream } = yield* started(StreamJob.make("job", { run: Stream.never }))
          yield* Effect.forkChild(Stream.runDrain(stream), { startImmediately: true })
          yield* Effect.sleep(1)
          return yield* readAll(stream)
        }),
      ["StreamJob: job job#1 is being read by somebody else"]
    ))

  it("runs the finalizers of the job's stream inside the job", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const run = Stream.ensuring(
            numbers(2),
            Effect.andThen(
              Effect.sleep(5),
              Effect.sync(() => log.push("closed"))
            )
          )
          const { job, stream } = yield* started(StreamJob.make("job", { run }))
          yield* Effect.forkChild(
            Effect.andThen(
              job.await,
              Effect.sync(() => log.push("ended"))
            )
          )
          yield* Stream.runDrain(stream)
          yield* Effect.sleep(1)
          return log
        }),
      ["closed", "ended"]
    ))

  it("is another one for each run of the job", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const job = StreamJob.make("job", { run: numbers(2) })
          const first = yield* StreamJob.submit(engine, job)
          yield* first.job.await
          const second = StreamJob.output(job, yield* engine.rerun(first.job))
          return [yield* readAll(second.stream), yield* readAll(first.stream), yield* readAll(first.stream)]
        }),
      [[0, 1], [0, 1], []]
    ))

  it("runs by turns with a job of its engine that reads it, under a limit of 1", () =>
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
          const child = StreamJob.make("child", { run: Stream.tap(numbers(9), () => work), buffer: 2 })
          const parent = Job.make("parent", {
            run: Effect.gen(function* () {
              const { job, stream } = yield* StreamJob.submit(engine, child)
              const read = yield* Stream.runFold(
                Stream.tap(stream, () => work),
                () => 0,
                (n) => n + 1
              )
              return [read, yield* job.join, most]
            })
          })
          return yield* (yield* engine.submit(parent)).join
        }),
      [9, 9, 1]
    ))

  it("says so when its reader waits for the job before reading it", () =>
    always(
      () =>
        warned(
          Effect.gen(function* () {
            const engine = yield* Engine.make({ limits: { jobs: 1 } })
            const parent = Job.make("parent", {
              timeout: "2 minutes",
              run: Effect.gen(function* () {
                const { job, stream } = yield* StreamJob.submit(engine, StreamJob.make("child", { run: endless, buffer: 2 }))
                return yield* Stream.runForEach(stream, () => Effect.asVoid(job.join))
              })
            })
            return told(yield* (yield* engine.submit(parent)).await)
          })
        ),
      ["timed out by its task limit", ["skein: job child#2 has waited for 1m, for its buffer is full and its reader is slow"]]
    ))
})

describe("a stream job that nobody reads to the end", () => {
  it("is cancelled when its reader leaves, unless it is told otherwise", () =>
    always(
      () =>
        Effect.gen(function* () {
          const { job, stream } = yield* started(StreamJob.make("job", { run: endless }), { limits: { jobs: 1 } })
          const seen = yield* Stream.runCollect(Stream.take(stream, 3))
          return [seen, told(yield* job.await)]
        }),
      [[0, 1, 2], "cancelled: cancelled on request: its reader left"]
    ))

  it("is cancelled when its reader is interrupted", () =>
    always(
      () =>
        Effect.gen(function* () {
          const { job, stream } = yield* started(StreamJob.make("job", { run: Stream.never }))
          yield* Effect.timeoutOption(Stream.runDrain(stream), 5)
          return told(yield* job.await)
        }),
      "cancelled: cancelled on request: its reader left"
    ))

  it("is cancelled after its patience when nobody came", () =>
    always(
      () =>
        Effect.gen(function* () {
          const { job } = yield* started(StreamJob.make("job", { run: endless, patience: "5 seconds" }))
          return told(yield* job.await)
        }),
      "cancelled: cancelled on request: nobody read it for 5s"
    ))

  it("is not cancelled for a reader that is slow, but says so", () =>
    always(
      () =>
        warned(
          Effect.gen(function* () {
            const { job, stream } = yield* started(StreamJob.make("job", { run: numbers(4), buffer: 1, patience: 5 }))
            yield* Stream.runForEach(stream, (n) => Effect.sleep(n === 1 ? 100 : 0))
            return told(yield* job.await)
          })
        ),
      ["completed 4", ["skein: job job#1 has waited for 5ms, for its buffer is full and its reader is slow"]]
    ))

  it("waits for another reader where it is told to, who goes on where the first one left", () =>
    always(
      () =>
        warned(
          Effect.gen(function* () {
            const { job, stream } = yield* started(StreamJob.make("job", { run: numbers(8), buffer: 2, onUnread: "wait", patience: 5 }))
            const first = yield* Stream.runCollect(Stream.take(stream, 3))
            yield* Effect.sleep(50)
            const state = stands(job.state)
            return [first, state, yield* readAll(stream), told(yield* job.await)]
          })
        ),
      [
        [[0, 1, 2], "running 1", [3, 4, 5, 6, 7], "completed 8"],
        ["skein: job job#1 has waited for 5ms, for its buffer is full and nobody reads it"]
      ]
    ))

  it("lets its oldest elements give way where it is told to, and runs to its end", () =>
    always(
      () =>
        Effect.gen(function* () {
          const { counts, job, stream } = yield* started(StreamJob.make("job", { run: numbers(9), buffer: 2, onUnread: "drop" }))
          const end = told(yield* job.await)
          return [end, counts(), yield* readAll(stream), counts()]
        }),
      ["completed 9", { given: 9, read: 0, waiting: 2, dropped: 7 }, [7, 8], { given: 9, read: 2, waiting: 0, dropped: 7 }]
    ))

  it("gives its place back", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const { stream } = yield* StreamJob.submit(engine, StreamJob.make("left", { run: endless }))
          const next = yield* engine.submit(Job.make("next", { run: Effect.succeed("ran") }))
          yield* Stream.runDrain(Stream.take(stream, 2))
          return yield* next.join
        }),
      "ran"
    ))
})

describe("sending to a stream job", () => {
  const words = (inbox: StreamJob.Inbox<string>): Stream.Stream<string> => Stream.map(inbox.stream, (word) => `${word}!`)

  it("gives each message to the stream, in order", () =>
    always(
      () =>
        Effect.gen(function* () {
          const { endInbox, send, stream } = yield* started(StreamJob.make("job", { run: words }))
          const reader = yield* Effect.forkChild(readAll(stream))
          for (const word of ["a", "b", "c"]) yield* send(word)
          yield* endInbox
          return yield* Fiber.join(reader)
        }),
      ["a!", "b!", "c!"]
    ))

  it("works before the job has started", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const first = yield* engine.submit(Job.make("first", { run: Effect.sleep(5) }))
          const { endInbox, send, stream } = yield* StreamJob.submit(engine, StreamJob.make("job", { after: first, run: words }))
          yield* send("early")
          yield* endInbox
          return yield* readAll(stream)
        }),
      ["early!"]
    ))

  it("lets each message decide what comes next", () =>
    always(
      () =>
        Effect.gen(function* () {
          const ask = (inbox: StreamJob.Inbox<number>) =>
            Stream.unfold(1, (n) =>
              Effect.map(
                Effect.orElseSucceed(inbox.take, () => 0),
                (by) => (by === 0 ? undefined : ([n * by, n * by] as const))
              )
            )
          const { endInbox, send, stream } = yield* started(StreamJob.make("job", { run: ask }))
          const seen: Array<number> = []
          yield* send(2)
          yield* Stream.runForEach(stream, (n) => {
            seen.push(n)
            return n < 20 ? send(n) : endInbox
          })
          return seen
        }),
      [2, 4, 16, 256]
    ))

  it("waits while the inbox is full", () =>
    always(
      () =>
        Effect.gen(function* () {
          const gate = yield* Deferred.make<void>()
          const run = (inbox: StreamJob.Inbox<number>) => Stream.drain(Stream.unwrap(Effect.as(Deferred.await(gate), inbox.stream)))
          const { endInbox, job, send } = yield* started(StreamJob.make("job", { run, inbox: 2 }))
          let sent = 0
          const sender = yield* Effect.forkChild(
            Effect.forEach([1, 2, 3, 4], (n) =>
              Effect.andThen(
                send(n),
                Effect.sync(() => sent++)
              )
            )
          )
          yield* Effect.sleep(1)
          const before = sent
          yield* Deferred.succeed(gate, undefined)
          yield* Fiber.join(sender)
          yield* endInbox
          yield* job.await
          return [before, sent]
        }),
      [2, 4]
    ))

  it("fails with a typed error once the job has ended, also for one that waits", () =>
    always(
      () =>
        Effect.gen(function* () {
          const run = (_: StreamJob.Inbox<number>) => Stream.never
          const { job, send } = yield* started(StreamJob.make("job", { run, inbox: 1 }))
          yield* send(1)
          const waits = yield* Effect.forkChild(Effect.flip(send(2)))
          yield* Effect.sleep(1)
          yield* job.cancel()
          const after = yield* Effect.flip(send(3))
          return [(yield* Fiber.join(waits))._tag, after.message]
        }),
      ["InboxClosed", 'job "job#1" takes no more messages']
    ))

  it("runs by turns with a job of its engine that sends and reads at once, under a limit of 1", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const parent = Job.make("parent", {
            run: Effect.gen(function* () {
              const child = yield* StreamJob.submit(engine, StreamJob.make("child", { run: words, inbox: 1, buffer: 1 }))
              const send = Effect.forEach(["a", "b", "c", "d", "e"], (word) => Effect.andThen(Effect.sleep(1), child.send(word)))
              const read = readAll(Stream.tap(child.stream, () => Effect.sleep(2)))
              const [, seen] = yield* Effect.all([Effect.andThen(send, child.endInbox), read], { concurrency: 2 })
              return seen
            })
          })
          return yield* (yield* engine.submit(parent)).join
        }),
      ["a!", "b!", "c!", "d!", "e!"]
    ))

  it("lends the place of a job of the engine that sends", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const parent = Job.make("parent", {
            run: Effect.gen(function* () {
              const child = yield* StreamJob.submit(engine, StreamJob.make("child", { run: words, inbox: 1, buffer: 9 }))
              for (const word of ["a", "b", "c", "d"]) yield* child.send(word)
              yield* child.endInbox
              return yield* readAll(child.stream)
            })
          })
          return yield* (yield* engine.submit(parent)).join
        }),
      ["a!", "b!", "c!", "d!"]
    ))
})

describe("the value of a stream job for other jobs", () => {
  it("is the number of its elements", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const many = StreamJob.make("many", { run: numbers(5) })
          const twice = Job.make("twice", { input: Job.result(many), run: (n) => Effect.succeed(n * 2) })
          const [, handle] = yield* engine.submitAll([many, twice])
          return yield* handle.join
        }),
      10
    ))

  it("is what collect makes of them, anew for each run", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const collect: StreamJob.Fold<number, Array<number>> = { initial: () => [], step: (all, n) => (all.push(n), all) }
          const { job } = yield* StreamJob.submit(engine, StreamJob.make("job", { run: numbers(3), collect }))
          yield* job.await
          return [yield* job.join, yield* (yield* engine.rerun(job)).join]
        }),
      [
        [0, 1, 2],
        [0, 1, 2]
      ]
    ))

  it("takes results of other jobs in its input", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const three = yield* engine.submit(Job.make("three", { run: Effect.succeed(3) }))
          const job = StreamJob.make("job", { input: { n: Job.result(three) }, run: ({ n }, _: StreamJob.Inbox<never>) => numbers(n) })
          return yield* readAll((yield* StreamJob.submit(engine, job)).stream)
        }),
      [0, 1, 2]
    ))
})

describe("StreamJob.make", () => {
  const refusalOf = (make: () => unknown): string => {
    try {
      make()
      return "taken"
    } catch (error) {
      return String(error).replace(/known are.*/, "")
    }
  }

  it("refuses what cannot be, at once", () => {
    const run = numbers(1)
    const all: ReadonlyArray<unknown> = [
      { run: 1 },
      { run, input: 1 },
      { run, retry: { times: 1 } },
      { run, attemptTimeout: 5 },
      { run, buffer: 0 },
      { run, inbox: 0 },
      { run, onUnread: "keep" },
      { run, patience: 0 },
      { run, collect: { initial: 0, step: Math.max } }
    ]
    expect(all.map((options) => refusalOf(() => StreamJob.make("job", options as never)))).toEqual([
      "TypeError: StreamJob.make: run must be a Stream or a function that gives one, got 1",
      "TypeError: StreamJob.make: run must be a function of the input, got an object",
      'RangeError: StreamJob.make: unknown option "retry", ',
      'RangeError: StreamJob.make: unknown option "attemptTimeout", ',
      "RangeError: StreamJob.make: buffer must be a whole number of at least 1, got 0",
      "RangeError: StreamJob.make: inbox must be a whole number of at least 1, got 0",
      'RangeError: StreamJob.make: onUnread must be "stop" | "wait" | "drop", got "keep"',
      "RangeError: StreamJob.make: patience must be a duration above 0, got 0",
      "TypeError: StreamJob.make: collect must be two functions, initial and step, got an object"
    ])
  })

  it("fails the job of a function that gives no stream, or throws", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const wrong = yield* StreamJob.submit(engine, StreamJob.make("wrong", { run: (() => 1) as never }))
          const throws = yield* StreamJob.submit(
            engine,
            StreamJob.make("throws", {
              run: (): Stream.Stream<number> => {
                throw new Error("no")
              }
            })
          )
          return [told(yield* wrong.job.await), yield* readAll(throws.stream)]
        }),
      ["failed StreamJob.make: run must be a function that gives a Stream, got 1", ["no"]]
    ))

  it("is tried once, also with the retries that Job.with gives it", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const job = StreamJob.make("job", { run: Stream.concat(numbers(1), Stream.fail("no")) })
          const handle = yield* engine.submit(Job.with(job, { retry: { times: 3 } }))
          const end = told(yield* handle.await)
          return [end, handle.run.attempts]
        }),
      ["failed StreamJob: job job#1 cannot be tried again, for its elements have been given out", 2]
    ))

  it("knows its runs among others", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const plain = Job.make("plain", { run: Effect.succeed(1) })
          const job = StreamJob.make("job", { run: numbers(1) })
          const handle = yield* engine.submit(plain)
          return [refusalOf(() => StreamJob.output(plain as never, handle)), refusalOf(() => StreamJob.output(job, handle))]
        }),
      [
        "TypeError: StreamJob.output: job must be made by StreamJob.make, got an object (Description)",
        "TypeError: StreamJob.output: handle must be the handle of a stream job, got an object (Run)"
      ]
    ))

  it("is refused by a durable engine, unless it is ephemeral", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ store: JobStore.memory() })
          const job = StreamJob.make("job", { run: numbers(2) })
          const refusal = yield* Effect.flip(StreamJob.submit(engine, job))
          const { stream } = yield* StreamJob.submit(engine, StreamJob.make("job", { run: numbers(2), durability: "ephemeral" }))
          return [refusal.message.includes("its results are a stream of this process"), yield* readAll(stream)]
        }),
      [true, [0, 1]]
    ))
})
