import { GatherResult } from "@skein/core"
import { SourceFailed } from "@skein/parallel"
import * as Joiner from "@skein/parallel/Joiner"
import * as ParallelExecutor from "@skein/parallel/ParallelExecutor"
import * as ParallelExecutorStream from "@skein/parallel/ParallelExecutorStream"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { after, failsAfter, Meter, reasons, rule, told } from "./kit.ts"

const { make } = ParallelExecutor

/** The items one after the other, and then a failure if there is one; notes what is asked of it. */
const lazily = async function* <T>(items: Iterable<T>, events: Array<string> = [], broken?: unknown): AsyncGenerator<T> {
  try {
    for (const item of items) {
      events.push("pull")
      yield item
    }
    if (broken !== undefined) throw broken
  } finally {
    events.push("closed")
  }
}

const scopedRule = (title: string, program: () => Effect.Effect<unknown, unknown, Scope.Scope>): void =>
  rule(title, () => Effect.scoped(program()))

const endless = function* (): Generator<number> {
  for (let n = 1; ; n++) yield n
}

describe("ParallelExecutor over any source", () => {
  scopedRule("maps async iterables and Streams, in input order, and is never more than its places ahead", () =>
    Effect.gen(function* () {
      const executor = yield* make({ concurrency: 2 })
      const events: Array<string> = []
      let ahead = 0
      let ended = 0
      const mapped = yield* executor.map(lazily([5, 1, 3], events), (n) => after(n, n), {
        onOutcome: () => {
          ahead = Math.max(ahead, events.filter((event) => event === "pull").length - ended++)
        }
      })
      expect([GatherResult.values(mapped), mapped.exhausted, ahead]).toEqual([[5, 1, 3], true, 2])
      const streamed = yield* executor.map(Stream.fromIterable([5, 1, 3]), (n) => after(n, n))
      expect(GatherResult.values(streamed)).toEqual([5, 1, 3])
    })
  )

  scopedRule("gathers effects from a source, and lets a joiner judge them", () =>
    Effect.gen(function* () {
      const executor = yield* make({ concurrency: 2 })
      const meter = new Meter()
      const effects = () => lazily([meter.count(after(5, "a")), meter.count(failsAfter(1, "no")), meter.count(after(2, "b"))])
      const [gathered, quorum] = yield* Effect.all(
        [executor.gather(effects()), executor.fanOut(Stream.fromAsyncIterable(effects(), String), Joiner.quorum(2))],
        { concurrency: 2 }
      )
      expect(told(gathered)).toEqual(["completed a", "failed Fail(no)", "completed b"])
      expect([[...quorum].sort(), meter.peak]).toEqual([["a", "b"], 2])
    })
  )

  scopedRule("names its tasks", () =>
    Effect.gen(function* () {
      const executor = yield* make()
      const result = yield* executor.map(["ada", "bob"], () => Effect.void, { nameOf: (name, index) => `${index} ${name}` })
      expect(result.list.map(({ name }) => name)).toEqual(["0 ada", "1 bob"])
    })
  )

  scopedRule("fails with the source's failure and what there is, typed as in parallelMap", () =>
    Effect.gen(function* () {
      const executor = yield* make()
      const error = yield* Effect.flip(executor.map(lazily([10, 20], [], "torn"), (ms) => after(ms, ms)))
      expect(error).toBeInstanceOf(SourceFailed)
      expect([error.message, told(error.partial!)]).toEqual([
        "the source of items failed after 2 items: torn",
        ["completed 10", "completed 20"]
      ])
      const joined = yield* Effect.flip(executor.fanOut(Stream.fail("torn"), Joiner.all()))
      expect(joined).toMatchObject({ _tag: "SourceFailed", cause: "torn" })
      expect(yield* executor.stats).toMatchObject({ calls: 0, running: 0, tasks: { completed: 2 } })
    })
  )

  rule("closing stops the pulling, closes the source after the last cleanup, and says that the executor was closed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const executor = yield* Scope.provide(make({ concurrency: 2, name: "api" }), scope)
      const events: Array<string> = []
      const task = (n: number) =>
        n === 1
          ? after(1, n)
          : Effect.onInterrupt(Effect.never, () =>
              Effect.delay(
                Effect.sync(() => void events.push("cleaned up")),
                5
              )
            )
      const call = yield* Effect.forkChild(Effect.exit(executor.map(lazily(endless(), events), task)))
      yield* Effect.sleep(10)
      yield* Effect.uninterruptible(Scope.close(scope, Exit.void))
      events.push("all closed")
      expect(events).toEqual(["pull", "pull", "pull", "cleaned up", "cleaned up", "closed", "all closed"])
      const exit = yield* Fiber.join(call)
      expect(Exit.isFailure(exit) && reasons(exit.cause)).toBe('Fail(executor "api" is closed; 1 of 3 tasks had completed)')
      const { partial } = (exit as Exit.Failure<never, ParallelExecutor.ExecutorClosed>).cause.reasons.map(
        (reason) => (reason as { readonly error: ParallelExecutor.ExecutorClosed }).error
      )[0]!
      expect(told(partial!)).toEqual([
        "completed 1",
        'cancelled (executor "api" closed) Interrupt',
        'cancelled (executor "api" closed) Interrupt'
      ])
      expect([partial!.exhausted, partial!.stopped]).toEqual([false, { _tag: "ExecutorClosed", name: "api" }])
    })
  )

  rule("what a joiner decided keeps its reason when the executor closes during the cleanup", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const executor = yield* Scope.provide(make(), scope)
      const reasonsSeen: Array<string> = []
      const loser = Effect.onInterrupt(Effect.never, () => Effect.sleep(20))
      const call = yield* Effect.forkChild(
        executor.fanOut([loser, after(5, "quick")], Joiner.first(), {
          onOutcome: (outcome) => void (outcome._tag === "Cancelled" && reasonsSeen.push(outcome.reason._tag))
        })
      )
      yield* Effect.sleep(10)
      yield* Effect.uninterruptible(Scope.close(scope, Exit.void))
      expect([yield* Fiber.join(call), reasonsSeen]).toEqual(["quick", ["Decided"]])
    })
  )
})

describe("ParallelExecutor: what it keeps", () => {
  scopedRule("forgets each call that is over, however it ended", () =>
    Effect.gen(function* () {
      const executor = yield* make({ concurrency: 2 })
      // Nobody else sees who waits for its closing, and a list that only grows is a leak.
      const { closing } = executor as unknown as { readonly closing: { readonly calls: ReadonlySet<unknown> } }
      const running = yield* Effect.forkChild(executor.map([1], () => Effect.never))
      yield* Effect.sleep(1)
      expect(closing.calls.size).toBe(1)
      yield* Fiber.interrupt(running)
      yield* executor.map([1, 2], (n) => after(n, n))
      yield* executor.fanOut([after(5, 1), Effect.never], Joiner.first())
      yield* executor.map([1], () => Effect.never, { timeout: 5 })
      yield* Effect.exit(executor.map(lazily([1], [], "torn"), (n) => after(n, n)))
      yield* Stream.runDrain(
        Stream.take(
          ParallelExecutorStream.stream(executor, endless(), (n) => after(n, n)),
          2
        )
      )
      expect(closing.calls.size).toBe(0)
    })
  )
})

describe("ParallelExecutor: a joiner that throws", () => {
  scopedRule("is a defect that carries what there was, under the joiner's reason, and leaves the executor at work", () =>
    Effect.gen(function* () {
      const executor = yield* make()
      const bug = (): never => {
        throw new Error("bug")
      }
      const merged = yield* Effect.exit(executor.fanOut([after(1, 1)], Joiner.merge(bug)))
      expect(Exit.isFailure(merged) && reasons(merged.cause)).toBe("Die(bug)")
      const judged = yield* Effect.exit(executor.fanOut([after(1, 1), Effect.never], Joiner.until(bug)))
      const partial = Exit.isFailure(judged) ? GatherResult.fromCause(judged.cause) : undefined
      expect(told(partial!)).toEqual(["completed 1", "cancelled (joiner threw: Error: bug) Interrupt"])
      expect(GatherResult.values(yield* executor.map([1], (n) => after(n, n)))).toEqual([1])
    })
  )
})

describe("ParallelExecutor: priority", () => {
  scopedRule("a call of high priority goes before all others, whatever places it has by default", () =>
    Effect.gen(function* () {
      const executor = yield* make({ concurrency: 1 })
      const order: Array<string> = []
      const call = (priority: "high" | "normal") =>
        executor.map(
          [1, 2, 3],
          () =>
            Effect.delay(
              Effect.sync(() => void order.push(priority)),
              5
            ),
          { priority }
        )
      const normal = yield* Effect.forkChild(call("normal"), { startImmediately: true })
      yield* Effect.sleep(2)
      yield* Effect.all([call("high"), Fiber.join(normal)], { concurrency: 2 })
      expect(order).toEqual(["normal", "high", "high", "high", "normal", "normal"])
    })
  )
})

describe("ParallelExecutor: wrong input", () => {
  it("refuses what is no source, no mapper and no joiner at once, under its own name", async () => {
    const executor = await Effect.runPromise(Effect.scoped(make()))
    const kinds = "an iterable, an async iterable or a Stream"
    const wrong: ReadonlyArray<unknown> = [undefined, null, 7, {}, Effect.void]
    for (const given of wrong) {
      const items = given as never
      expect(() => executor.map(items, () => Effect.void)).toThrow(new RegExp(`^ParallelExecutor.map: items must be ${kinds}, got `))
      expect(() => executor.fanOut(items, Joiner.first())).toThrow(
        new RegExp(`^ParallelExecutor.fanOut: effects must be ${kinds} of effects, got `)
      )
    }
    expect(() => executor.gather(Effect.void as never)).toThrow(/^ParallelExecutor.gather: effects must be .* or a record of effects, got /)
    expect(() => executor.map([1], 3 as never)).toThrow(new TypeError("ParallelExecutor.map: f must be a function, got 3"))
    expect(() => executor.fanOut([Effect.void], 3 as never)).toThrow(
      new TypeError("ParallelExecutor.fanOut: joiner must be a Joiner, got 3")
    )
    expect(() => executor.map([1], () => Effect.void, { nameOf: 3 as never })).toThrow(
      new RangeError("ParallelExecutor.map: nameOf must be a function, got 3")
    )
  })
})
