import { it as effectIt } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import { describe, expect, it } from "vitest"
import * as Deadline from "../src/Deadline.ts"
import type * as GatherResult from "../src/GatherResult.ts"
import * as Limiter from "../src/Limiter.ts"
import * as Outcome from "../src/Outcome.ts"
import * as TaskGroup from "../src/TaskGroup.ts"
import { always, type Group } from "./groupKit.ts"

const now = Effect.clockWith((clock) => clock.currentTimeMillis)

const text = (outcome: Outcome.Outcome<unknown, unknown>): string =>
  outcome._tag === "TimedOut"
    ? `${outcome.limit} ${Duration.format(outcome.after)}`
    : outcome._tag === "NotStarted"
      ? `never: ${Outcome.formatReason(outcome.reason)}`
      : outcome._tag === "Completed"
        ? `completed${outcome.late ? " late" : ""}`
        : outcome.status

const texts = (result: GatherResult.GatherResult<unknown, unknown>): Array<string> => result.list.map(text)

const errorOf = (exit: Exit.Exit<unknown, unknown>): string => (Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "success")

const cleanup = (millis: number) => Effect.onInterrupt(Effect.never, () => Effect.sleep(millis))

const logged = <A, E, R>(lines: Array<string>, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(
    effect,
    Logger.CurrentLoggers,
    new Set([Logger.make(({ date, message }) => void lines.push(`${date.getTime()} ${String(message)}`))])
  )

describe("TaskGroup: limits of a task", () => {
  it("counts a task's time from its start, and stops it", () =>
    always(
      () =>
        TaskGroup.run({ concurrency: 1, taskTimeout: 10 }, (group: Group) =>
          Effect.gen(function* () {
            yield* group.spawn(Effect.sleep(8))
            yield* group.spawn(Effect.sleep(8))
            yield* group.spawn(Effect.never)
            yield* group.join
            return [...texts(yield* group.result), yield* now]
          })
        ),
      ["completed", "completed", "task 10ms", 26]
    ))

  it("takes the tighter of the task's own and the group's", () =>
    always(
      () =>
        TaskGroup.run({ taskTimeout: 10 }, (group: Group) =>
          Effect.gen(function* () {
            yield* group.spawn(Effect.never, { timeout: 5 })
            yield* group.spawn(Effect.never, { timeout: 20 })
            yield* group.spawn(Effect.never, { timeout: "Infinity" })
            yield* group.join
            return texts(yield* group.result)
          })
        ),
      ["task 5ms", "task 10ms", "task 10ms"]
    ))

  it("gives a task that has no time at all none", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            const handle = yield* group.spawn(Effect.never, { timeout: 0 })
            return [text(yield* handle.await), yield* now]
          })
        ),
      ["task 0", 0]
    ))

  it("lets the task win at an exact tie, whatever the order of events", () =>
    always(
      () =>
        TaskGroup.run({ taskTimeout: 10 }, (group: Group) =>
          Effect.gen(function* () {
            const task = Effect.andThen(Effect.sleep(4), Effect.andThen(Effect.yieldNow, Effect.sleep(6)))
            for (let i = 0; i < 3; i++) yield* group.spawn(task)
            yield* group.join
            return texts(yield* group.result)
          })
        ),
      ["completed", "completed", "completed"],
      300
    ))

  it("keeps a value that comes late", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.flatMap(group.spawn(Effect.uninterruptible(Effect.sleep(20)), { timeout: 10 }), (handle) => Effect.map(handle.await, text))
        ),
      "completed late"
    ))

  it("keeps how a task that was stopped then ended", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            const handle = yield* group.spawn(
              Effect.onInterrupt(Effect.never, () => Effect.die("broken cleanup")),
              { timeout: 10 }
            )
            const outcome = yield* handle.await
            return [text(outcome), Outcome.cause(outcome)?.reasons.map((reason) => reason._tag)]
          })
        ),
      ["task 10ms", ["Interrupt", "Die"]]
    ))

  it("lets a task move its own limit, also beyond the group's taskTimeout", () =>
    always(
      () =>
        TaskGroup.run({ taskTimeout: 10 }, (group: Group) =>
          Effect.gen(function* () {
            const more = Effect.andThen(Effect.sleep(5), Deadline.extend(30))
            yield* group.spawn(Effect.andThen(more, Effect.sleep(20)))
            yield* group.spawn(Effect.andThen(more, Effect.never))
            yield* group.join
            return [...texts(yield* group.result), yield* now]
          })
        ),
      ["completed", "task 40ms", 40]
    ))

  it("ends the wait for a limiter's permit too", () =>
    always(
      () =>
        Effect.gen(function* () {
          const limiter = yield* Limiter.make({ permits: 1 })
          return yield* TaskGroup.run({ taskTimeout: 10 }, (group: Group) =>
            Effect.gen(function* () {
              yield* group.spawn(limiter.withPermit(Effect.sleep(9)))
              yield* Effect.sleep(1)
              yield* group.spawn(limiter.withPermit(Effect.sleep(8)))
              yield* group.join
              const { waiting } = yield* limiter.stats
              return [...texts(yield* group.result), waiting]
            })
          )
        }),
      ["completed", "task 10ms", 0]
    ))

  it("does not bind what the task left behind", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            const handle = yield* group.spawn(Effect.forkDetach(Effect.andThen(Effect.sleep(20), Deadline.remaining)), { timeout: 10 })
            return (yield* Fiber.join(yield* Effect.orDie(handle.join)))._tag
          })
        ),
      "None"
    ))
})

describe("TaskGroup: queueTimeout", () => {
  it("counts from the spawn, and never runs what waited too long", () =>
    always(() => {
      let ran = 0
      return TaskGroup.run({ concurrency: 1, queueTimeout: 10 }, (group: Group) =>
        group.spawn(
          Effect.gen(function* () {
            const handles = yield* Effect.forEach([1, 2, 3], () => group.spawn(Effect.sync(() => void ran++)))
            yield* Effect.sleep(20)
            return yield* Effect.forEach(handles, (handle) => Effect.map(handle.await, text))
          })
        )
      ).pipe(
        Effect.flatMap((handle) => handle.join),
        Effect.map((seen) => [...seen, ran])
      )
    }, ["queue 10ms", "queue 10ms", "queue 10ms", 0]))

  it("does not count the time that the task runs", () =>
    always(
      () =>
        TaskGroup.run({ concurrency: 1, queueTimeout: 10 }, (group: Group) =>
          Effect.gen(function* () {
            yield* group.spawn(Effect.sleep(9))
            yield* group.spawn(Effect.sleep(50))
            yield* group.join
            return texts(yield* group.result)
          })
        ),
      ["completed", "completed"]
    ))

  it("frees a spawner that waits", () =>
    always(
      () =>
        TaskGroup.run({ concurrency: 1, queueTimeout: 10 }, (group: Group) =>
          Effect.gen(function* () {
            yield* group.spawn(Effect.sleep(50))
            const handle = yield* group.spawn(Effect.void)
            return [text(yield* handle.await), yield* now]
          })
        ),
      ["queue 10ms", 10]
    ))

  it("lets the task win that gets its turn at that very instant", () =>
    always(
      () =>
        TaskGroup.run({ concurrency: 1, queueTimeout: 10 }, (group: Group) =>
          Effect.gen(function* () {
            yield* group.spawn(Effect.sleep(10))
            return text(yield* (yield* group.spawn(Effect.void)).await)
          })
        ),
      "completed",
      200
    ))
})

describe("TaskGroup: timeout of the group", () => {
  it("stops the tasks, and returns the value of a body that then ends", () =>
    always(
      () =>
        TaskGroup.run({ timeout: 10, concurrency: 1 }, (group: Group) =>
          Effect.gen(function* () {
            yield* group.spawn(Effect.sleep(5))
            yield* group.spawn(Effect.never)
            yield* group.spawn(Effect.never)
            yield* group.join
            return [...texts(yield* group.result), yield* now]
          })
        ),
      ["completed", "call 10ms", "never: call timed out after 10ms", 10]
    ))

  it.each([
    ["waits for a task", (group: Group) => Effect.andThen(group.spawn(cleanup(5)), Effect.never), 1_015],
    ["has no tasks", () => Effect.never, 1_010],
    ["had tasks that have ended", (group: Group) => Effect.andThen(group.spawn(Effect.sleep(1)), Effect.never), 1_010]
  ])("gives a body that %s one second after that, and then fails with DeadlineExceeded", (_, body, at) =>
    always(
      () =>
        Effect.gen(function* () {
          const exit = yield* Effect.exit(TaskGroup.run({ timeout: 10 }, body))
          return [errorOf(exit), yield* now]
        }),
      ["DeadlineExceeded: 10ms were over before the work was done", at]
    )
  )

  it("is inherited as a deadline by what is inside", () =>
    always(
      () =>
        TaskGroup.run({ timeout: 10 }, (group: Group) =>
          Effect.gen(function* () {
            const handle = yield* group.spawn(Deadline.remaining)
            return (yield* Effect.orDie(handle.join)).pipe((left) => (left._tag === "Some" ? Duration.toMillis(left.value) : undefined))
          })
        ),
      10
    ))

  it("starts nothing when it is zero", () =>
    always(() => {
      let ran = false
      return TaskGroup.run({ timeout: 0 }, (group: Group) =>
        Effect.gen(function* () {
          yield* group.spawn(Effect.sync(() => void (ran = true)))
          return [ran, ...texts(yield* group.result)]
        })
      )
    }, [false, "never: call timed out after 0"]))

  it("can be moved by the body", () =>
    always(
      () =>
        TaskGroup.run({ timeout: 10 }, (group: Group) =>
          Effect.gen(function* () {
            yield* Deadline.extend(20)
            yield* group.spawn(Effect.sleep(25))
            yield* group.spawn(Effect.never)
            yield* group.join
            return texts(yield* group.result)
          })
        ),
      ["completed", "call 30ms"]
    ))

  it("stops the tasks of a group in a scope", () =>
    always(
      () =>
        Effect.scoped(
          Effect.gen(function* () {
            const group = yield* TaskGroup.make({ timeout: 10 })
            yield* group.spawn(Effect.never)
            yield* group.join
            return [...texts(yield* group.result), yield* now]
          })
        ),
      ["call 10ms", 10]
    ))
})

describe("TaskGroup: an inherited deadline", () => {
  const partial = (group: Group) =>
    Effect.gen(function* () {
      yield* group.spawn(Effect.sleep(5))
      yield* group.spawn(Effect.never)
      yield* group.join
      return texts(yield* group.result)
    })

  it("cuts the tasks, and the body has its moment to give what there is", () =>
    always(() => Deadline.within(TaskGroup.run({}, partial), 10), ["completed", "deadline 10ms"]))

  it("is answered from the inside out, through any number of groups", () =>
    always(() => {
      const outer = TaskGroup.run({}, (group: Group) =>
        Effect.gen(function* () {
          const handle = yield* group.spawn(
            TaskGroup.run({}, (inner: Group) => Effect.flatMap(inner.spawn(TaskGroup.run({}, partial)), (h) => Effect.orDie(h.join)))
          )
          const outcome = yield* handle.await
          return outcome._tag === "Completed" ? outcome.value : [text(outcome)]
        })
      )
      return Deadline.within(outer, 10)
    }, ["completed", "deadline 10ms"]))

  it("is answered from the inside out where it is a task's own limit", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            const handle = yield* group.spawn(TaskGroup.run({}, partial), { timeout: 10 })
            const outcome = yield* handle.await
            return outcome._tag === "Completed" ? outcome.value : [text(outcome)]
          })
        ),
      ["completed", "deadline 10ms"]
    ))

  it.each([
    ["a group without tasks", () => TaskGroup.run({}, () => Effect.never)],
    [
      "a group whose tasks have ended",
      () => TaskGroup.run({}, (group: Group) => Effect.andThen(group.spawn(Effect.sleep(1)), Effect.never))
    ],
    ["a group in a scope", () => Effect.scoped(Effect.andThen(TaskGroup.make(), Effect.never))],
    [
      "a group in a scope whose tasks have ended",
      () =>
        Effect.scoped(
          Effect.gen(function* () {
            const group = yield* TaskGroup.make()
            yield* group.spawn(Effect.sleep(1))
            return yield* Effect.never
          })
        )
    ]
  ])("is not held up by %s that has nothing to answer", (_, work) =>
    always(
      () =>
        Effect.gen(function* () {
          const exit = yield* Effect.exit(Deadline.within(work(), 10))
          return [errorOf(exit), yield* now]
        }),
      ["DeadlineExceeded: 10ms were over before the work was done", 1_010]
    )
  )

  it("that has been reached starts no task", () =>
    always(() => {
      let ran = false
      const late = TaskGroup.run({}, (group: Group) =>
        Effect.gen(function* () {
          yield* group.spawn(Effect.sync(() => void (ran = true)))
          return [ran, ...texts(yield* group.result).map((word) => word.replace(/ at .*/, ""))]
        })
      )
      return Deadline.within(Effect.andThen(TaskGroup.run({}, partial), late), 10)
    }, [false, "never: deadline reached"]))
})

describe("TaskGroup: grace", () => {
  const stuck = Effect.uninterruptible(Effect.as(Effect.sleep(100), "late"))

  it("abandons a task that does not end in time: the call returns, lists it, and its outcome stays", () =>
    always(
      () =>
        Effect.gen(function* () {
          const [handle, result] = yield* TaskGroup.run({ grace: 10 }, (group: Group) =>
            Effect.gen(function* () {
              const handle = yield* group.spawn(stuck, { name: "payment" })
              yield* Effect.sleep(1)
              yield* group.cancel("enough")
              return [handle, yield* group.result] as const
            })
          )
          const at = yield* now
          const [left] = result.abandoned
          const end = yield* left!.await
          const outcome = yield* handle.await
          return [at, left!.index, left!.name, outcome.status, outcome.abandoned, end, yield* now]
        }),
      [11, 0, "payment", "cancelled", true, Exit.succeed("late"), 100]
    ))

  it("keeps the place of an abandoned task taken until it really ends, and counts it", () =>
    always(
      () =>
        TaskGroup.run({ grace: 10, concurrency: 1 }, (group: Group) =>
          Effect.gen(function* () {
            const handle = yield* group.spawn(stuck)
            yield* Effect.sleep(1)
            yield* handle.cancel()
            const { abandoned, running } = yield* group.stats
            yield* group.spawn(Effect.void)
            return [abandoned, running, yield* now, (yield* group.stats).abandoned]
          })
        ),
      [1, 1, 100, 0]
    ))

  it("completes, late and abandoned, a task whose value is there and whose children do not end in time", () =>
    always(
      () =>
        Effect.gen(function* () {
          const outcome = yield* TaskGroup.run({ grace: 10 }, (group: Group) =>
            Effect.gen(function* () {
              const handle = yield* group.spawn(Effect.as(Effect.forkChild(stuck, { startImmediately: true }), "value"))
              yield* Effect.sleep(1)
              return yield* handle.cancel()
            })
          )
          const at = yield* now
          yield* Effect.sleep(200)
          return [text(outcome), outcome.abandoned, at]
        }),
      ["completed late", true, 11],
      1
    ))

  it("is waited for by an interruption of the owner, and not longer", () =>
    always(
      () =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(TaskGroup.run({ grace: 10 }, (group: Group) => group.spawn(stuck)))
          yield* Effect.sleep(1)
          yield* Fiber.interrupt(fiber)
          const at = yield* now
          yield* Effect.sleep(200)
          return at
        }),
      11
    ))

  it("is unlimited by default", () =>
    always(
      () =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(TaskGroup.run({}, (group: Group) => group.spawn(cleanup(5_000))))
          yield* Effect.sleep(1)
          yield* Fiber.interrupt(fiber)
          return yield* now
        }),
      5_001
    ))
})

describe("TaskGroup: slow cleanup", () => {
  it("is logged after 10 s, once, with the names of the tasks that are waited for", () =>
    always(() => {
      const lines: Array<string> = []
      return logged(
        lines,
        TaskGroup.run({ name: "crawl" }, (group: Group) =>
          Effect.gen(function* () {
            yield* group.spawn(cleanup(15_000), { name: "slow" })
            yield* group.spawn(cleanup(1_000), { name: "quick" })
            yield* group.spawn(cleanup(60_000))
            yield* Effect.sleep(1)
            yield* group.cancel()
          })
        )
      ).pipe(Effect.map(() => lines))
    }, ["10001 skein: crawl has waited 10 s for tasks that were asked to stop: slow, #2"]))

  it.each([
    ["without a grace", {}],
    ["before a longer grace is over", { grace: "1 minute" as const }]
  ])("of one cancelled task is logged %s", (_, options) =>
    always(() => {
      const lines: Array<string> = []
      return logged(
        lines,
        TaskGroup.run(options, (group: Group) =>
          Effect.gen(function* () {
            const handle = yield* group.spawn(cleanup(30_000), { name: "slow" })
            yield* Effect.sleep(1)
            return text(yield* handle.cancel())
          })
        )
      ).pipe(Effect.map((word) => [...lines, word]))
    }, ["10001 skein: a call has waited 10 s for tasks that were asked to stop: slow", "cancelled"])
  )

  it("of the body is logged too", () =>
    always(() => {
      const lines: Array<string> = []
      return logged(
        lines,
        Effect.exit(
          TaskGroup.run({ name: "crawl" }, (group: Group<string>) =>
            Effect.andThen(group.spawn(Effect.andThen(Effect.sleep(1), Effect.fail("boom"))), cleanup(30_000))
          )
        )
      ).pipe(Effect.map(() => lines))
    }, ["10001 skein: crawl has waited 10 s for its body, which was asked to stop"]))
})

describe("TaskGroup under TestClock", () => {
  effectIt.effect("times tasks and the group by the test's clock", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        TaskGroup.run({ timeout: "1 hour" }, (group: Group) =>
          Effect.gen(function* () {
            yield* group.spawn(Effect.never, { timeout: "1 minute" })
            yield* group.spawn(Effect.sleep("30 minutes"))
            yield* group.spawn(Effect.never)
            yield* group.join
            return texts(yield* group.result)
          })
        )
      )
      yield* TestClock.adjust("2 hours")
      expect(yield* Fiber.join(fiber)).toEqual(["task 1m", "completed", "call 1h"])
    })
  )
})
