import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import * as GatherResult from "../src/GatherResult.ts"
import * as TaskGroup from "../src/TaskGroup.ts"
import { always, failLater, type Group, logged, reasonOf, reasons, words } from "./groupKit.ts"

describe("TaskGroup.make", () => {
  it("cancels its tasks and awaits them when the scope closes", () =>
    always(() => {
      const events: Array<string> = []
      return Effect.gen(function* () {
        const handle = yield* Effect.scoped(
          Effect.gen(function* () {
            const group = yield* TaskGroup.make()
            const clean = Effect.andThen(
              Effect.sleep(5),
              Effect.sync(() => void events.push("clean"))
            )
            return yield* Effect.tap(group.spawn(Effect.onInterrupt(Effect.never, () => clean)), Effect.sleep(1))
          })
        )
        return [...events, reasonOf(yield* handle.await)]
      })
    }, ["clean", "group closed"]))

  it("lets join wait for all, and fail as the policy says", () =>
    always(
      () =>
        Effect.scoped(
          Effect.gen(function* () {
            const group = yield* TaskGroup.make<string>()
            yield* group.spawn(Effect.never)
            yield* group.spawn(failLater("boom"))
            const exit = yield* Effect.exit(group.join)
            return [...reasons(exit), ...(Exit.isFailure(exit) ? words(GatherResult.fromCause(exit.cause)) : [])]
          })
        ),
      ["fail boom", "0 cancelled", "1 failed"]
    ))

  it.each([
    [
      "spawn",
      (group: Group) =>
        Effect.map(
          Effect.flatMap(group.spawn(Effect.succeed(1)), (handle) => handle.await),
          reasonOf
        )
    ],
    ["next", (group: Group) => Effect.map(group.next, (next) => next._tag)],
    ["join", (group: Group) => Effect.as(group.join, "joined")],
    ["cancel", (group: Group) => Effect.as(group.cancel(), "cancelled")]
  ])("answers %s after it was closed, and nothing runs later", (word, use) =>
    always(
      () =>
        Effect.gen(function* () {
          const group = yield* Effect.scoped(TaskGroup.make())
          return yield* use(group)
        }),
      { spawn: "group closed", next: "None", join: "joined", cancel: "cancelled" }[word]!
    )
  )

  it("never runs queued work after the close (effectionx#260), and lets no spawner wait (p-limit#25)", () =>
    always(() => {
      let ran = 0
      return Effect.gen(function* () {
        const scope = yield* Scope.make()
        const group = yield* Scope.provide(TaskGroup.make({ concurrency: 1 }), scope)
        yield* group.spawn(Effect.never)
        const spawners = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(group.spawn(Effect.sync(() => void ran++))))
        yield* Effect.sleep(1)
        yield* Scope.close(scope, Exit.void)
        const handles = yield* Effect.forEach(spawners, Fiber.join)
        yield* Effect.sleep(10)
        return [ran, ...(yield* Effect.forEach(handles, (handle) => Effect.map(handle.await, reasonOf)))]
      })
    }, [0, "group closed", "group closed", "group closed"]))

  it("does not wait for itself when a task closes the group's scope", () =>
    always(
      () =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const group = yield* Scope.provide(TaskGroup.make(), scope)
          const closer = yield* group.spawn(Effect.andThen(Scope.close(scope, Exit.void), Effect.never))
          const other = yield* group.spawn(Effect.never)
          return [reasonOf(yield* closer.await), reasonOf(yield* other.await)]
        }),
      ["group closed", "group closed"]
    ))

  it("logs failures that nobody joined when the scope closes", () =>
    always(() => {
      const lines: Array<string> = []
      return logged(
        lines,
        Effect.scoped(
          Effect.gen(function* () {
            const group = yield* TaskGroup.make<string>({ name: "pool", onFailure: "collect" })
            yield* group.spawn(failLater("one", 1))
            yield* group.spawn(failLater("two", 2))
            yield* Effect.sleep(3)
          })
        )
      ).pipe(Effect.map(() => lines))
    }, ["Error | skein: 2 tasks of pool failed and nobody joined | one | two"]))

  it.each([
    ["joined the group", (group: Group<string>) => Effect.exit(group.join)],
    ["took the outcome from next", (group: Group<string>) => group.next]
  ])("logs nothing when somebody %s", (_, see) =>
    always(() => {
      const lines: Array<string> = []
      return logged(
        lines,
        Effect.scoped(
          Effect.gen(function* () {
            const group = yield* TaskGroup.make<string>({ onFailure: "collect" })
            yield* group.spawn(Effect.fail("one"))
            yield* see(group)
          })
        )
      ).pipe(Effect.map(() => lines))
    }, [])
  )

  it.each(["await", "join"] as const)("logs nothing when somebody used the handle's %s", (how) =>
    always(() => {
      const lines: Array<string> = []
      return logged(
        lines,
        Effect.scoped(
          Effect.gen(function* () {
            const group = yield* TaskGroup.make<string>()
            const handle = yield* group.spawn(failLater("one"))
            yield* Effect.exit<unknown, unknown, never>(handle[how])
          })
        )
      ).pipe(Effect.map(() => lines))
    }, [])
  )
})

describe("TaskGroup: what observers see", () => {
  it("shows onOutcome each outcome once, those that never started too", () =>
    always(() => {
      const seen: Array<string> = []
      return Effect.exit(
        TaskGroup.run({ concurrency: 1, onOutcome: ({ index, status }) => void seen.push(`${index} ${status}`) }, (group: Group<string>) =>
          group.spawn(
            Effect.gen(function* () {
              yield* group.spawn(Effect.never)
              return yield* Effect.fail("boom")
            })
          )
        )
      ).pipe(Effect.map(() => seen))
    }, ["0 failed", "1 notStarted"]))

  it.each([
    [
      "throws",
      () => {
        throw new Error("observer")
      }
    ],
    ["gives a promise that rejects", () => Promise.reject(new Error("observer"))]
  ])("logs an observer that %s, and changes nothing", async (_, onOutcome) => {
    const lines: Array<string> = []
    const program = logged(
      lines,
      Effect.andThen(
        TaskGroup.run({ name: "g", onOutcome }, (group: Group) =>
          Effect.flatMap(group.spawn(Effect.succeed("value")), (handle) => Effect.orDie(handle.join))
        ),
        Effect.as(
          Effect.promise(() => Promise.resolve()),
          "value"
        )
      )
    )
    expect(await Effect.runPromise(program)).toBe("value")
    expect(lines).toEqual(["Warn | skein: onOutcome of g threw | Die"])
  })

  it("counts what is queued, running and settled", () =>
    always(
      () =>
        TaskGroup.run({ concurrency: 2, onFailure: "isolate" }, (group) =>
          Effect.gen(function* () {
            yield* group.spawn(Effect.succeed(1))
            yield* group.spawn(Effect.fail("no"))
            yield* group.spawn(Effect.sleep(5), { timeout: 1 })
            yield* Effect.sleep(2)
            const a = yield* group.spawn(Effect.never)
            yield* group.spawn(Effect.sleep(10))
            const c = yield* Effect.forkChild(group.spawn(Effect.never))
            yield* Effect.sleep(1)
            const before = yield* group.stats
            yield* Fiber.interrupt(c)
            yield* a.cancel()
            return [before, yield* group.stats]
          })
        ),
      [
        { queued: 1, running: 2, completed: 1, failed: 1, timedOut: 1, cancelled: 0, notStarted: 0, abandoned: 0 },
        { queued: 0, running: 1, completed: 1, failed: 1, timedOut: 1, cancelled: 1, notStarted: 1, abandoned: 0 }
      ]
    ))

  it("gives outcomes in the order of spawning, and says that some are missing", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            yield* group.spawn(Effect.sleep(5))
            yield* group.spawn(Effect.sleep(1))
            yield* Effect.sleep(2)
            const early = yield* group.result
            yield* group.join
            const late = yield* group.result
            return [words(early), early.exhausted, words(late), late.exhausted]
          })
        ),
      [["1 completed"], false, ["0 completed", "1 completed"], true]
    ))

  it("knows when each task was queued, started and ended", () =>
    always(
      () =>
        TaskGroup.run({ concurrency: 1 }, (group: Group) =>
          Effect.gen(function* () {
            yield* Effect.sleep(3)
            yield* group.spawn(Effect.sleep(5))
            yield* group.spawn(Effect.sleep(7))
            yield* group.join
            return (yield* group.result).list.map(({ endedAt, queuedAt, startedAt }) => [queuedAt, startedAt, endedAt])
          })
        ),
      [
        [3, 3, 8],
        [3, 8, 15]
      ]
    ))

  it("keeps no outcomes with outcomes drop, but still those that the group fails with", () =>
    always(
      () =>
        Effect.exit(
          TaskGroup.run({ outcomes: "drop", onFailure: "collect" }, (group: Group<string>) =>
            Effect.gen(function* () {
              yield* group.spawn(Effect.succeed(1))
              yield* group.spawn(Effect.fail("boom"))
            })
          )
        ).pipe(Effect.map((exit) => [...reasons(exit), ...(Exit.isFailure(exit) ? words(GatherResult.fromCause(exit.cause)) : [])])),
      ["fail boom", "1 failed"]
    ))

  it("refuses next with outcomes drop", () =>
    always(
      () =>
        Effect.map(
          TaskGroup.run({ outcomes: "drop" }, (group: Group) => Effect.exit(group.next)),
          reasons
        ),
      [`die RangeError: TaskGroup.next: outcomes must be "keep", got "drop"`]
    ))

  it("keeps the causes of all failures out of an interruption's cause, where nobody failed", () =>
    always(
      () =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(
            TaskGroup.run({ onFailure: "isolate" }, (group) => Effect.andThen(group.spawn(Effect.fail("nobody's concern")), Effect.never))
          )
          yield* Effect.sleep(1)
          yield* Fiber.interrupt(fiber)
          const exit = yield* Fiber.await(fiber)
          return Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
        }),
      true
    ))
})
