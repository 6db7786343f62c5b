/** The bulk form: items travel in chunks, and nobody can tell by their outcomes. */
import { Deadline, GatherResult, Progress } from "@skein/core"
import * as Task from "@skein/parallel/Task"
import { SourceFailed } from "@skein/parallel"
import { parallelMap } from "@skein/parallel/parallelMap"
import { TaskRunnerError } from "@skein/parallel/TaskRunner"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { describe, expect } from "vitest"
import { after, Meter, rule, stubborn, told } from "./kit.ts"
import { type MemoryOptions, remotely, seen } from "./Task.kit.ts"

const module = import.meta

class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Number }) {}

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

/** A task of numbers; `run` is all that matters. */
const numbers = (run: (n: number) => Effect.Effect<number, Odd>) =>
  Task.make("numbers", { module, payload: Schema.Number, success: Schema.Number, error: Odd, run })

/** Payload and result are objects, and not all of them are plain. */
const Thing = Schema.Struct({ n: Schema.Number, at: Schema.optional(Schema.Number), note: Schema.UndefinedOr(Schema.String) })
const things = (run: (n: number) => Effect.Effect<number, Odd>) =>
  Task.make("things", {
    module,
    payload: Thing,
    success: Thing,
    error: Odd,
    run: ({ n }) => Effect.map(run(n), (n) => ({ n, note: n % 3 === 0 ? undefined : "x" }))
  })

const ways: ReadonlyArray<readonly [string, boolean]> = [
  ["by messages", false],
  ["in shared memory", true]
]

for (const [way, shared] of ways) {
  const on = (size = 4, width = 2): MemoryOptions => ({ chunks: { width, size, shared } })

  describe(`Task.map in chunks, results ${way}`, () => {
    rule("gives each item the outcome it has alone", () =>
      Effect.gen(function* () {
        const run = (n: number) =>
          n === 3
            ? Effect.fail(new Odd({ n }))
            : n === 5
              ? Effect.die(new Error("five"))
              : n === 7
                ? after(3, n)
                : n === 8
                  ? Effect.interrupt
                  : Effect.succeed(n)
        for (const task of [numbers(run), things(run)] as const) {
          const items = (task.name === "numbers" ? range(10) : range(10).map((n) => ({ n, note: n % 2 === 0 ? undefined : "y" }))) as never
          const seenBy = seen()
          const bulk = yield* remotely(task, Task.map(task as never, items), seenBy, on())
          const alone = yield* remotely(task, parallelMap(items, task as never))
          expect(told(bulk)).toEqual(told(alone as never))
          expect(GatherResult.values(bulk)).toEqual(GatherResult.values(alone))
          const causes = (result: GatherResult.GatherResult<unknown, unknown, unknown>) =>
            result.list.map((outcome) => (outcome._tag === "Failed" ? Cause.squash(outcome.cause) : undefined))
          expect(causes(bulk)).toEqual(causes(alone as never))
          expect(seenBy.payloads.length).toBeLessThan(6)
        }
      })
    )

    rule("has the clocks of the worker", () =>
      Effect.gen(function* () {
        const task = numbers((n) => after(n, n))
        const result = yield* remotely(task, Task.map(task, [5, 2, 1, 1]), seen(), on(4, 1))
        expect(result.outcomes.map(({ ranFor }) => Duration.toMillis(ranFor!))).toEqual([5, 2, 1, 1])
        expect(result.outcomes.map(({ queuedFor }) => Duration.toMillis(queuedFor!))).toEqual([0, 5, 7, 8])
        expect(result.outcomes.map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1])
      })
    )

    rule("sends each number as it is", () =>
      Effect.gen(function* () {
        const odd = [NaN, -0, Infinity, -Infinity, 5e-324]
        const task = numbers(Effect.succeed)
        const seenBy = seen()
        const result = yield* remotely(task, Task.map(task, odd), seenBy, on(8))
        expect(GatherResult.values(result)).toEqual(odd)
        expect(seenBy.payloads).toEqual([""])
      })
    )

    rule("refuses the items that do not fit, and no others", () =>
      Effect.gen(function* () {
        const task = things(Effect.succeed)
        const result = yield* remotely(
          task,
          Task.map(task, [
            { n: 1, note: "a" },
            { n: "2" as never, note: "b" },
            { n: 3, note: undefined }
          ]),
          seen(),
          on()
        )
        expect(result.outcomes.map(({ status }) => status)).toEqual(["completed", "failed", "completed"])
        const [, refused] = result.outcomes
        const error = refused?._tag === "Failed" ? Cause.squash(refused.cause) : undefined
        expect(error instanceof TaskRunnerError && [error.reason._tag, error.mayHaveRun]).toEqual(["Rejected", "no"])
      })
    )

    rule("fails what cannot be told apart from the others by itself: a result that does not travel, a name that throws", () =>
      Effect.gen(function* () {
        const open = Task.make("open", {
          module,
          payload: Schema.Number,
          success: Schema.Any,
          run: (n) => Effect.succeed(n === 1 ? () => n : [n])
        })
        const result = yield* remotely(open, Task.map(open, [0, 1, 2]), seen(), on())
        expect(result.outcomes.map(({ status }) => status)).toEqual(["completed", "failed", "completed"])
        const task = numbers(Effect.succeed)
        const nameOf = (n: number): string => {
          if (n === 1) throw new Error("no name")
          return `#${n}`
        }
        const named = yield* remotely(task, Task.map(task, [0, 1, 2], { nameOf }), seen(), on())
        expect(named.outcomes.map(({ name, status }) => [name, status])).toEqual([
          ["#0", "completed"],
          [undefined, "failed"],
          ["#2", "completed"]
        ])
      })
    )

    rule("stops at the first failure where it shall, and says it alone", () =>
      Effect.gen(function* () {
        const outcomes: Array<string> = []
        const task = numbers((n) => (n === 2 ? Effect.fail(new Odd({ n })) : after(1, n)))
        const exit = yield* Effect.exit(
          remotely(
            task,
            Task.map(task, range(20), {
              onFailure: "interrupt",
              onOutcome: ({ index, status }) => void outcomes.push(`${index} ${status}`)
            }),
            seen(),
            on(4, 1)
          )
        )
        const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
        expect(cause.reasons.filter(Cause.isFailReason).map(({ error }) => error)).toEqual([new Odd({ n: 2 })])
        const partial = GatherResult.fromCause(cause)
        expect(partial?.total).toBe(20)
        expect(outcomes.length).toBe(20)
        expect(outcomes.filter((outcome) => outcome.endsWith("failed"))).toEqual(["2 failed"])
        expect(partial?.notStarted).toBeGreaterThan(10)
      })
    )

    rule("ends the items that take too long, and only these", () =>
      Effect.gen(function* () {
        const task = numbers((n) => (n === 4 ? stubborn(60, n) : after(n, n)))
        const result = yield* remotely(task, Task.map(task, [1, 500, 2, 4, 30, 700, 3], { taskTimeout: 40 }), seen(), on(7, 1))
        expect(told(result)).toEqual([
          "completed 1",
          "timeout task Interrupt",
          "completed 2",
          "completed 4 late",
          "completed 30",
          "timeout task Interrupt",
          "completed 3"
        ])
      })
    )

    rule("lets a gather inside answer before the time of its item is over", () =>
      Effect.gen(function* () {
        const task = numbers((n) =>
          Effect.map(
            parallelMap([5, n], (ms) => Effect.onInterrupt(after(ms, ms), () => Effect.sleep(0.5))),
            ({ completed }) => completed
          )
        )
        const result = yield* remotely(task, Task.map(task, [10, 500, 11], { taskTimeout: 40 }), seen(), on(3, 1))
        expect(result.outcomes.map((outcome) => outcome._tag === "Completed" && outcome.value)).toEqual([2, 1, 2])
      })
    )

    rule("answers a deadline with what it has", () =>
      Effect.gen(function* () {
        const task = numbers((n) => after(n, n))
        const result = yield* Deadline.within(remotely(task, Task.map(task, [5, 6, 30, 7, 8, 9]), seen(), on(6, 1)), 20)
        expect(told(result).slice(0, 2)).toEqual(["completed 5", "completed 6"])
        expect(result.outcomes.map(({ status }) => status).slice(2)).toEqual(["timeout", "notStarted", "notStarted", "notStarted"])
        const paid = numbers((n) => (n === 6 ? stubborn(40, n) : after(n, n)))
        const late = yield* Deadline.within(remotely(paid, Task.map(paid, [5, 6, 7]), seen(), on(3, 1)), 20)
        expect(told(late).slice(0, 2)).toEqual(["completed 5", "completed 6 late"])
      })
    )

    rule("lets a gather inside answer the deadline around the call", () =>
      Effect.gen(function* () {
        const task = numbers((n) =>
          Effect.map(
            parallelMap([5, n], (ms) => after(ms, ms)),
            ({ completed }) => completed
          )
        )
        const result = yield* Deadline.within(remotely(task, Task.map(task, [6, 500, 7]), seen(), on(3, 1)), 20)
        expect(result.outcomes.map((outcome) => (outcome._tag === "Completed" ? outcome.value : outcome.status))).toEqual([
          2,
          1,
          "notStarted"
        ])
      })
    )

    rule("lists an item that does not end within the grace, and its real end", () =>
      Effect.gen(function* () {
        const task = numbers((n) => (n === 2 ? stubborn(100, n) : after(n, n)))
        const result = yield* remotely(task, Task.map(task, [1, 2, 3], { timeout: 20, grace: 30 }), seen(), on(3, 1))
        expect(result.outcomes.map(({ abandoned, status }) => [abandoned, status])).toEqual([
          [false, "completed"],
          [true, "timeout"],
          [false, "notStarted"]
        ])
        expect(Duration.toMillis(result.elapsed)).toBe(50)
        expect(result.abandoned.map(({ index }) => index)).toEqual([1])
        expect(yield* result.abandoned[0]!.await).toEqual(Exit.succeed(2))
      })
    )

    rule("gives back what waits behind a long item, so that others run it", () =>
      Effect.gen(function* () {
        const task = numbers((n) => after(n, n))
        const result = yield* remotely(
          task,
          Task.map(
            task,
            range(16).map(() => 6)
          ),
          seen(),
          { chunks: { width: 2, size: 16, least: 4, shared } }
        )
        expect(result.completed).toBe(16)
        // One worker alone would take 96 ms; each of two takes half of what it gives back.
        expect(Duration.toMillis(result.elapsed)).toBeLessThan(70)
      })
    )

    rule("executes no more than it may at once", () =>
      Effect.gen(function* () {
        const meter = new Meter()
        const task = numbers((n) => meter.count(after(2, n)))
        yield* remotely(task, Task.map(task, range(30), { concurrency: 2 }), seen(), on(3, 4))
        expect([meter.peak, meter.total]).toEqual([2, 30])
        yield* remotely(task, Task.map(task, range(30)), seen(), on(3, 4))
        expect([meter.peak, meter.total]).toEqual([4, 60])
      })
    )

    rule("pulls no more of a lazy source than two chunks for each worker", () =>
      Effect.gen(function* () {
        let pulled = 0
        let ended = 0
        let ahead = 0
        const task = numbers((n) => Effect.sync(() => (ended++, n)))
        const items = (function* () {
          for (let n = 0; n < 50; n++) {
            ahead = Math.max(ahead, ++pulled - ended)
            yield n
          }
        })()
        const result = yield* remotely(task, Task.map(task, items), seen(), on(3, 2))
        expect([result.completed, result.exhausted, ahead <= 12]).toEqual([50, true, true])
      })
    )

    rule("fails with its source, and keeps what was done", () =>
      Effect.gen(function* () {
        const task = numbers((n) => after(n, n))
        const items = async function* () {
          yield 1
          yield 2
          await Promise.resolve()
          throw new Error("source")
        }
        const error = yield* Effect.flip(remotely(task, Task.map(task, items()), seen(), on(3, 2)))
        expect(error).toBeInstanceOf(SourceFailed)
        expect((error as SourceFailed<unknown, unknown>).partial.completed).toBe(2)
      })
    )

    rule("says whose progress it is", () =>
      Effect.gen(function* () {
        const reports: Array<string> = []
        const task = numbers((n) => Effect.as(Effect.andThen(Effect.yieldNow, Progress.report({ done: n })), n))
        yield* remotely(
          task,
          Task.map(task, [7, 8, 9], {
            nameOf: (n) => `n${n}`,
            onProgress: ({ done, index, name }) => void reports.push(`${index} ${name} ${done}`)
          }),
          seen(),
          on(3, 1)
        )
        expect(reports).toEqual(["0 n7 7", "1 n8 8", "2 n9 9"])
      })
    )

    rule("waits for the cleanup of the items that run, when it is interrupted", () =>
      Effect.gen(function* () {
        const meter = new Meter()
        const task = numbers((n) => meter.count(Effect.onInterrupt(Effect.never, () => Effect.sleep(30)).pipe(Effect.as(n))))
        const fiber = yield* Effect.forkChild(remotely(task, Task.map(task, range(20)), seen(), on(4, 2)))
        yield* Effect.sleep(5)
        expect(meter.running).toBe(2)
        yield* Fiber.interrupt(fiber)
        expect([meter.running, meter.total]).toEqual([0, 2])
      })
    )

    rule("tries each item again by itself, where it shall", () =>
      Effect.gen(function* () {
        const tries = new Map<number, number>()
        const task = numbers((n) =>
          Effect.suspend(() => {
            const before = tries.get(n) ?? 0
            tries.set(n, before + 1)
            return n % 2 === 1 && before < 2 ? Effect.fail(new Odd({ n })) : Effect.succeed(n)
          })
        )
        const result = yield* remotely(
          task,
          Task.map(task, range(6), { retry: { times: 3, schedule: Schedule.spaced(10) } }),
          seen(),
          on(3, 2)
        )
        expect(result.outcomes.map(({ attempts, status }) => [attempts, status])).toEqual(
          range(6).map((n) => [n % 2 === 1 ? 3 : 1, "completed"])
        )
      })
    )
  })
}

describe("Task.map whose worker dies", () => {
  rule("loses the item that ran, and runs the others elsewhere, none twice", () =>
    Effect.gen(function* () {
      const ran: Array<number> = []
      const task = numbers((n) =>
        Effect.andThen(
          Effect.sync(() => ran.push(n)),
          after(1, n)
        )
      )
      // The worker dies right after the ends of items 2 and 9 have left it: the next item of its chunk has begun by then.
      const dies = (text: string) => /^#\d+ 1 .*\n(2|9)$/.test(text)
      const result = yield* remotely(task, Task.map(task, range(16)), seen(), { chunks: { width: 2, size: 6 }, dies })
      const lost = result.outcomes.filter(({ status }) => status === "failed")
      expect(lost.length).toBe(2)
      for (const outcome of lost) {
        const error = outcome._tag === "Failed" ? Cause.squash(outcome.cause) : undefined
        expect(error instanceof TaskRunnerError && [error.reason._tag, error.mayHaveRun]).toEqual(["Lost", "maybe"])
      }
      const done = GatherResult.values(result)
      expect(done.length).toBe(14)
      expect(done.every((n) => ran.filter((m) => m === n).length === 1)).toBe(true)
    })
  )
})
