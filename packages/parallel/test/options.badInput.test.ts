/** What a user may get wrong, or be given wrong, on each function that fans out: one table, so that all answer alike. */
import { Deadline, GatherResult, type Outcome } from "@skein/core"
import { fanOut, Joiner, type Options, parallelGather, parallelMap, ParallelExecutor, type Source } from "@skein/parallel"
import * as ParallelExecutorStream from "@skein/parallel/ParallelExecutorStream"
import { parallelStream } from "@skein/parallel/parallelStream"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { describe, expect } from "vitest"
import { after, failsAfter, Meter, reasons, rule, word } from "./kit.ts"

type Items = ReadonlyArray<number> | AsyncIterable<number>
type Task = (n: number) => Effect.Effect<number, string>
type Seen = ReadonlyArray<Outcome.Outcome<unknown, unknown>>

interface Answer {
  readonly outcomes: Seen
  /** The reasons of the failure in words; empty if the call succeeded. */
  readonly failure: string
}

const isArray = (items: Items): items is ReadonlyArray<number> => Array.isArray(items)

/** The effects of items, one when it is asked for. */
const effectsOf = (items: Items, f: Task): Source<Effect.Effect<number, string>, never, never> => {
  if (isArray(items)) return items.map((n) => f(n))
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = items[Symbol.asyncIterator]()
      return {
        next: () =>
          iterator
            .next()
            .then((next) =>
              next.done === true ? { done: true as const, value: undefined } : { done: false as const, value: f(next.value) }
            ),
        return: () => Promise.resolve(iterator.return?.()).then(() => ({ done: true as const, value: undefined }))
      }
    }
  }
}

/** All outcomes of a call, whether it succeeds or fails. */
const listed = (call: Effect.Effect<GatherResult.GatherResult<unknown, unknown, unknown>, unknown>): Effect.Effect<Answer> =>
  Effect.map(Effect.exit(call), (exit) =>
    Exit.isSuccess(exit)
      ? { outcomes: exit.value.list, failure: "" }
      : { outcomes: GatherResult.fromCause(exit.cause)?.list ?? [], failure: reasons(exit.cause) }
  )

const collected = (stream: Stream.Stream<Outcome.Outcome<unknown, unknown>, unknown>): Effect.Effect<Answer> =>
  Effect.suspend(() => {
    const outcomes: Array<Outcome.Outcome<unknown, unknown>> = []
    return Effect.map(Effect.exit(Stream.runForEach(stream, (outcome) => Effect.sync(() => void outcomes.push(outcome)))), (exit) => ({
      outcomes: outcomes.sort((a, b) => a.index - b.index),
      failure: Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? "" : reasons(exit.cause)
    }))
  })

const everything = Joiner.until<number, string>(() => false)

const withExecutor = (use: (executor: ParallelExecutor.ParallelExecutor) => Effect.Effect<Answer>): Effect.Effect<Answer> =>
  Effect.scoped(Effect.flatMap(ParallelExecutor.make({ concurrency: 4 }), use))

const entries: Record<string, (items: Items, f: Task, options?: Options<never, never>) => Effect.Effect<Answer>> = {
  parallelMap: (items, f, options) => listed(parallelMap(items, f, options as object)),
  parallelGather: (items, f, options) => listed(parallelGather(effectsOf(items, f), options as object)),
  parallelStream: (items, f, options) => collected(parallelStream(items, f, options as object)),
  fanOut: (items, f, options) => listed(fanOut(effectsOf(items, f), everything, options as object)),
  "ParallelExecutor.map": (items, f, options) => withExecutor((executor) => listed(executor.map(items, f, options as object))),
  "ParallelExecutor.gather": (items, f, options) =>
    withExecutor((executor) => listed(executor.gather(effectsOf(items, f), options as object))),
  "ParallelExecutor.fanOut": (items, f, options) =>
    withExecutor((executor) => listed(executor.fanOut(effectsOf(items, f), everything, options as object))),
  "ParallelExecutorStream.stream": (items, f, options) =>
    withExecutor((executor) => collected(ParallelExecutorStream.stream(executor, items, f, options as object)))
}

const words = ({ outcomes }: Answer): ReadonlyArray<string> => outcomes.map(word)

/** Gives the answers of `next` in turn; notes what is asked of it. */
const source = (next: (n: number) => Promise<IteratorResult<number>>): AsyncIterable<number> & { readonly asked: Array<string> } => {
  const asked: Array<string> = []
  let n = 0
  return {
    asked,
    [Symbol.asyncIterator]: () => ({
      next: () => (asked.push("next"), next(++n)),
      return: () => (asked.push("return"), Promise.resolve({ done: true, value: undefined }))
    })
  }
}
const item = (value: number) => Promise.resolve({ done: false, value })

/** What a signal may be aborted with. */
const strange: ReadonlyArray<readonly [reason: unknown, text: string]> = [
  [42, "aborted: 42"],
  [null, "aborted: null"],
  ["", "aborted: "],
  [Symbol("enough"), "aborted: Symbol(enough)"],
  [{ why: "because" }, "aborted: [object Object]"],
  [Object.create(null), "aborted: a reason that cannot be shown"],
  [{ toString: () => 1 / 0 + Symbol.iterator.description!.repeat(-1) }, "aborted: a reason that cannot be shown"]
]

describe.each(Object.entries(entries))("%s", (_, entry) => {
  rule("starts nothing when its signal was aborted before, keeps the reason, and asks nothing of a source", () =>
    Effect.gen(function* () {
      for (const [reason, text] of [...strange, [new TypeError("gone"), "aborted: TypeError: gone"] as const]) {
        const meter = new Meter()
        const stop = AbortSignal.abort(reason)
        const answer = yield* entry([1, 2], (n) => meter.count(after(1, n)), { stop })
        expect(words(answer)).toEqual([`notStarted (${text})`, `notStarted (${text})`])
        expect(answer.outcomes.map((outcome) => outcome._tag === "NotStarted" && outcome.reason.value)).toEqual([reason, reason])
        expect([answer.failure, meter.total]).toEqual(["", 0])
        const items = source(item)
        expect(yield* entry(items, (n) => after(1, n), { stop })).toEqual({ outcomes: [], failure: "" })
        expect(items.asked).toEqual([])
      }
    })
  )

  rule("carries whatever its signal is aborted with, as it is, and keeps what was done", () =>
    Effect.gen(function* () {
      for (const [reason, text] of strange) {
        const controller = new AbortController()
        yield* Effect.forkChild(
          Effect.delay(
            Effect.sync(() => controller.abort(reason)),
            5
          )
        )
        const answer = yield* entry([1, 2], (n) => (n === 1 ? after(1, n) : Effect.never), { stop: controller.signal })
        expect(words(answer)).toEqual(["completed 1", `cancelled (${text}) Interrupt`])
        const cut = answer.outcomes[1]!
        expect(cut._tag === "Cancelled" && cut.reason.value).toBe(reason)
      }
    })
  )

  rule("fails with SourceFailed when an async iterable throws midway, after what runs has ended, and keeps it all", () =>
    Effect.gen(function* () {
      const items = source((n) => (n < 3 ? item(n) : Promise.reject(new Error("torn"))))
      const answer = yield* entry(items, (n) => (n === 1 ? after(20, n) : failsAfter(10, "no")))
      expect(words(answer)).toEqual(["completed 1", "failed Fail(no)"])
      expect(answer.failure).toBe("Fail(the source of items failed after 2 items: torn)")
      expect(items.asked).toEqual(["next", "next", "next"])
    })
  )

  rule("ends by its timeout over an async iterable that never ends, and closes it", () =>
    Effect.gen(function* () {
      const items = source(item)
      const answer = yield* entry(items, (n) => (n < 3 ? after(n, n) : Effect.never), { concurrency: 2, timeout: 10 })
      const cut = "timeout call Interrupt"
      expect([words(answer), answer.failure]).toEqual([["completed 1", "completed 2", cut, cut], ""])
      expect(items.asked.at(-1)).toBe("return")
    })
  )

  rule("answers a deadline over an async iterable that never answers, with what it has", () =>
    Effect.gen(function* () {
      const items = source((n) => (n < 3 ? item(n) : new Promise(() => {})))
      const answer = yield* Deadline.within(
        entry(items, (n) => after(n, n)),
        10
      )
      expect([words(answer), answer.failure]).toEqual([["completed 1", "completed 2"], ""])
      expect(items.asked).toEqual(["next", "next", "next", "return"])
    })
  )

  rule("ends a retry schedule that never ends by the deadline, and keeps every attempt that it lists", () =>
    Effect.gen(function* () {
      for (const schedule of [Schedule.spaced(3), Schedule.forever]) {
        let attempts = 0
        const flaky = () =>
          Effect.andThen(
            Effect.sleep(1),
            Effect.suspend(() => Effect.fail(`no ${++attempts}`))
          )
        const answer = yield* Deadline.within(entry([1], flaky, { retry: schedule }), 10)
        const [outcome] = answer.outcomes
        // No attempt begins that the deadline would cut, or whose back-off ends after it; how it ended is in the outcome.
        expect(outcome?._tag === "Failed" || (outcome?._tag === "TimedOut" && outcome.limit === "deadline")).toBe(true)
        expect(outcome!.attemptCauses.map((cause) => reasons(cause)).at(0)).toBe("Fail(no 1)")
        expect([outcome!.attempts >= attempts, answer.failure]).toEqual([true, ""])
      }
    })
  )

  rule("ends a retry schedule that never ends by the time of its task", () =>
    Effect.gen(function* () {
      const answer = yield* entry([1, 2], (n) => (n === 1 ? failsAfter(1, "no") : after(1, n)), {
        retry: Schedule.spaced(3),
        taskTimeout: 10
      })
      const [flaky, fine] = answer.outcomes
      expect([flaky!.status === "failed" || flaky!.status === "timeout", flaky!.attempts]).toEqual([true, 3])
      expect(word(fine!)).toBe("completed 2")
    })
  )

  rule("takes tasks that throw, and what is no effect, for the defects of their items", () =>
    Effect.gen(function* () {
      const isLazy = (n: number) => Effect.suspend(() => after(1, n))
      const bad = Effect.suspend((): Effect.Effect<number> => {
        throw new Error("bug")
      })
      const answer = yield* entry([1, 2, 3], (n) => (n === 1 ? bad : n === 2 ? (undefined as never) : isLazy(n)))
      expect([words(answer)[0], words(answer)[2]]).toEqual(["failed Die(bug)", "completed 3"])
      expect(words(answer)[1]).toMatch(/^failed Die\(.+: each task must be an Effect, got undefined for item 1\)$/)
    })
  )
})

describe("names", () => {
  const named = { nameOf: () => "twin" }
  const twins = (answer: Answer) => answer.outcomes.map(({ index, name, status }) => `${index} ${name} ${status}`)
  const task = (n: number) => (n === 2 ? Effect.fail("no") : Effect.succeed(n))
  rule("may be there twice: an outcome is known by its index, and none is lost", () =>
    Effect.gen(function* () {
      for (const call of [
        listed(parallelMap([1, 2, 3], task, named)),
        collected(parallelStream([1, 2, 3], task, named)),
        withExecutor((executor) => listed(executor.map([1, 2, 3], task, named))),
        withExecutor((executor) => collected(ParallelExecutorStream.stream(executor, [1, 2, 3], task, named)))
      ])
        expect(twins(yield* call)).toEqual(["0 twin completed", "1 twin failed", "2 twin completed"])
    })
  )

  rule("a Map is no keyed input: each of its entries is an item, and in a gather one that is no effect", () =>
    Effect.gen(function* () {
      const keyed = new Map([["a", Effect.succeed(1)]])
      const mapped = yield* listed(parallelMap(keyed, ([, effect]) => effect))
      expect(words(mapped)).toEqual(["completed 1"])
      const gathered = yield* listed(parallelGather(keyed as never))
      expect(words(gathered)).toEqual(["failed Die(parallelGather: each task must be an Effect, got an array of 2 for item 0)"])
    })
  )
})
