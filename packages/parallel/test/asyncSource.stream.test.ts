import { GatherResult } from "@skein/core"
import { parallelGather, parallelMap, SourceFailed } from "@skein/parallel"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { after, logged, Meter, reasons, rule, tidiesUp, told } from "./kit.ts"

/** An endless stream, item by item, whose scope notes how it was closed. */
const endless = (events: Array<string>): Stream.Stream<number> =>
  Stream.unfold(1, (n) =>
    Effect.as(
      Effect.sync(() => events.push(`pull ${n}`)),
      [n, n + 1] as const
    )
  ).pipe(Stream.onExit((exit) => Effect.sync(() => void events.push(Exit.isSuccess(exit) ? "closed" : `closed by ${reasons(exit.cause)}`))))

const failed = <A, E>(effect: Effect.Effect<A, E>) => Effect.flip(effect)

describe("parallelMap over a Stream", () => {
  rule("gives one outcome per item, in input order, and is exhausted", () =>
    Effect.gen(function* () {
      const stream = Stream.fromIterable([1, 2, 3, 4]).pipe(Stream.rechunk(3))
      const result = yield* parallelMap(stream, (n) => after(10 - n, n), { concurrency: 2 })
      expect(GatherResult.values(result)).toEqual([1, 2, 3, 4])
      expect([result.exhausted, result.stopped]).toEqual([true, undefined])
    })
  )

  rule("pulls a chunk when a place is free and the one before is used up, and keeps its bound", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const meter = new Meter()
      const result = yield* parallelMap(endless(events), (n) => meter.count(after(10, n)), { concurrency: 2, timeout: 25 })
      expect(events.filter((event) => event.startsWith("pull")).length).toBe(6)
      expect([meter.peak, result.total, result.exhausted]).toEqual([2, 6, false])
    })
  )

  rule("takes the services of the stream from the caller", () =>
    Effect.gen(function* () {
      class Port extends Context.Service<Port, number>()("Port") {}
      const result = yield* parallelMap(Stream.fromEffect(Port), (n) => Effect.succeed(n)).pipe(Effect.provideService(Port, 8080))
      expect(GatherResult.values(result)).toEqual([8080])
    })
  )

  rule("runs operators that pull in fibers of their own", () =>
    Effect.gen(function* () {
      const stream = Stream.merge(
        Stream.range(1, 3).pipe(Stream.buffer({ capacity: 2 })),
        Stream.fromSchedule(Schedule.spaced(1)).pipe(
          Stream.take(2),
          Stream.map(() => 9)
        )
      )
      const result = yield* parallelMap(stream, (n) => after(n, n), { concurrency: 2 })
      expect([...GatherResult.values(result)].sort()).toEqual([1, 2, 3, 9, 9])
    })
  )

  rule("gives a gather its effects", () =>
    Effect.gen(function* () {
      expect(told(yield* parallelGather(Stream.make(after(1, "a"), Effect.fail("no"))))).toEqual(["completed a", "failed Fail(no)"])
    })
  )

  it("reads 100,000 chunks of one item without filling the stack", async () => {
    const stream = Stream.range(1, 100_000).pipe(Stream.rechunk(1))
    expect(await Effect.runPromise(parallelMap(stream, (n) => Effect.succeed(n)))).toMatchObject({ completed: 100_000, exhausted: true })
  })

  // A real timer, which a stream and tasks that never wait would keep waiting for ever.
  it("lets timers fire while it reads an endless one that never waits", async () => {
    const controller = new AbortController()
    setTimeout(() => controller.abort("enough"), 5)
    const result = await Effect.runPromise(
      parallelMap(Stream.forever(Stream.succeed(1)), (n) => Effect.succeed(n), { stop: controller.signal })
    )
    expect(result).toMatchObject({ exhausted: false, stopped: { _tag: "Aborted" } })
  })

  rule("closes it after the last task has ended, and says that it was interrupted", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      yield* parallelMap(endless(events), () => tidiesUp(20, () => events.push("cleaned up")), { concurrency: 1, timeout: 10 })
      expect(events).toEqual(["pull 1", "cleaned up", "closed by Interrupt"])
    })
  )

  rule("waits for the finalizers of the stream", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const stream = Stream.concat(
        Stream.scoped(
          Stream.fromEffect(
            Effect.acquireRelease(Effect.succeed(1), () =>
              Effect.delay(
                Effect.sync(() => events.push("released")),
                30
              )
            )
          )
        ),
        Stream.never
      )
      yield* Effect.timeoutOption(
        parallelMap(stream, () => Effect.never),
        10
      )
      expect(events).toEqual(["released"])
    })
  )

  rule("interrupts a pull under way and waits for it, up to the grace", () =>
    Effect.gen(function* () {
      const ended: Array<string> = []
      const slow = Stream.fromEffect(Effect.uninterruptible(Effect.tap(after(40, 1), () => Effect.sync(() => ended.push("pull")))))
      const whole = yield* parallelMap(slow, (n) => Effect.succeed(n), { timeout: 10 })
      expect([ended, whole.total, whole.exhausted]).toEqual([["pull"], 0, false])
      const [, lines] = yield* logged(parallelMap(slow, (n) => Effect.succeed(n), { timeout: 10, grace: 5 }))
      expect([ended, lines]).toEqual([["pull"], ["skein: parallelMap: its source did not stop within the grace"]])
      yield* Effect.sleep(50)
    })
  )

  rule("is stopped by what its own first pull does", () =>
    Effect.gen(function* () {
      const controller = new AbortController()
      const stream = Stream.fromEffect(
        Effect.andThen(
          Effect.sync(() => controller.abort("enough")),
          Effect.never
        )
      )
      const result = yield* parallelMap(stream, () => Effect.void, { stop: controller.signal })
      expect([result.total, result.stopped?._tag]).toEqual([0, "Aborted"])
    })
  )

  rule("fails with the stream's typed failure when what ran has ended", () =>
    Effect.gen(function* () {
      const stream = Stream.concat(Stream.make(1, 2), Stream.fail("torn"))
      const error = yield* failed(parallelMap(stream, (n) => after(10, n)))
      expect(error).toBeInstanceOf(SourceFailed)
      expect([error.cause, told(error.partial), error.partial.stopped?._tag]).toEqual([
        "torn",
        ["completed 1", "completed 2"],
        "SourceFailed"
      ])
    })
  )

  rule("dies of the stream's defect, with what it had", () =>
    Effect.gen(function* () {
      const stream = Stream.concat(Stream.make(1, 2), Stream.die(new Error("bug")))
      const exit = yield* Effect.exit(parallelMap(stream, (n) => after(10, n)))
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      expect([reasons(cause), GatherResult.fromCause(cause)?.completed]).toEqual(["Die(the source of items failed after 2 items: bug)", 2])
    })
  )

  rule("dies of a stream that interrupts itself", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(parallelMap(Stream.fromEffect(Effect.interrupt), () => Effect.void))
      expect(reasons(Exit.isFailure(exit) ? exit.cause : Cause.empty)).toMatch(/^Die\(the source of items failed after 0 items/)
    })
  )

  // Effect itself turns the typed failure of a stream into a defect when a finalizer dies after it.
  rule("loses neither the failure of a stream nor the defect of its finalizer", () =>
    Effect.gen(function* () {
      const stream = Stream.ensuring(Stream.concat(Stream.make(1), Stream.fail("torn")), Effect.die("lid"))
      const [exit, lines] = yield* logged(Effect.exit(parallelMap(stream, (n) => Effect.succeed(n))))
      expect(reasons(Exit.isFailure(exit) ? exit.cause : Cause.empty)).toBe("Die(the source of items failed after 1 items: torn)")
      expect(lines).toEqual(["skein: parallelMap: its source failed in more than one way Die(torn)+Die(lid)"])
    })
  )

  rule("dies with the whole result of a finalizer that dies as it is closed", () =>
    Effect.gen(function* () {
      const stream = Stream.ensuring(Stream.concat(Stream.make(1), Stream.never), Effect.die("lid"))
      const exit = yield* Effect.exit(parallelMap(stream, (n) => Effect.succeed(n), { timeout: 10 }))
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      expect([reasons(cause), GatherResult.fromCause(cause)?.completed]).toEqual(["Die(the source of items failed after 1 items: lid)", 1])
    })
  )

  it("is read by the function that Effect's own Channel reads it by", () => {
    const stream = Stream.make(1)
    expect(Stream.isStream(stream)).toBe(true)
    expect("~effect/Stream" in stream).toBe(true)
    const { transform } = stream.channel as unknown as { readonly transform: unknown }
    expect(transform).toBeTypeOf("function")
    expect(Channel.toTransform(stream.channel)).toBe(transform)
  })
})
