import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import * as lineage from "../src/internal/lineage.ts"
import * as Outcome from "../src/Outcome.ts"
import * as TaskGroup from "../src/TaskGroup.ts"
import { Simulator } from "../src/testing/index.ts"
import { always, type Group } from "./groupKit.ts"

type Handle<A = unknown, E = unknown> = TaskGroup.Handle<A, E>

const reasonOf = (outcome: Outcome.Outcome<unknown, unknown>): string =>
  outcome._tag === "Cancelled" || outcome._tag === "NotStarted" ? Outcome.formatReason(outcome.reason) : outcome.status

/** How many nodes lie above the running fiber. */
const depth = Effect.withFiber((fiber) => {
  let n = 0
  for (let node = lineage.current(fiber); node !== undefined; node = node.parent) n++
  return Effect.succeed(n)
})

const now = Effect.clockWith((clock) => clock.currentTimeMillis)

describe("TaskGroup.spawn", () => {
  it("waits outside while the group is full", () =>
    always(
      () =>
        TaskGroup.run({ concurrency: 1 }, (group: Group) =>
          Effect.gen(function* () {
            yield* group.spawn(Effect.sleep(10))
            const before = yield* now
            yield* group.spawn(Effect.sleep(10))
            return [before, yield* now]
          })
        ),
      [0, 10]
    ))

  it("never waits inside a task: the new one is queued", () =>
    always(
      () =>
        TaskGroup.run({ concurrency: 1 }, (group: Group) =>
          Effect.gen(function* () {
            const handle = yield* group.spawn(
              Effect.gen(function* () {
                const handles = yield* Effect.forEach([1, 2, 3], () => group.spawn(Effect.void))
                return handles.map((handle) => handle.status)
              })
            )
            return yield* Effect.orDie(handle.join)
          })
        ),
      ["pending", "pending", "pending"]
    ))

  it("takes the task back when the spawner is interrupted while it waits", () =>
    always(() => {
      let ran = false
      return TaskGroup.run({ concurrency: 1 }, (group: Group) =>
        Effect.gen(function* () {
          yield* group.spawn(Effect.sleep(10))
          yield* Effect.timeoutOption(group.spawn(Effect.sync(() => void (ran = true))), 5)
          yield* group.join
          const { list } = yield* group.result
          return [ran, ...list.map(reasonOf)]
        })
      )
    }, [false, "completed", "caller interrupted"]))

  it("makes a task of its own of each run of the same spawn effect", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            let n = 0
            const spawn = group.spawn(
              Effect.sync(() => ++n),
              { name: "again" }
            )
            const handles = [yield* spawn, yield* spawn, yield* spawn]
            yield* group.join
            const values = yield* Effect.forEach(handles, (handle) => Effect.orDie(handle.join))
            return [...values.sort(), ...handles.map(({ index, name }) => `${index} ${name}`)]
          })
        ),
      [1, 2, 3, "0 again", "1 again", "2 again"]
    ))

  it.each([
    ["a sibling failed", Effect.fail("boom"), "sibling 0 failed"],
    ["the group was cancelled", (group: Group<string>) => Effect.asVoid(group.cancel("enough")), "cancelled on request: enough"]
  ])("gives a handle whose outcome is NotStarted after %s", (_, stop, expected) =>
    always(() => {
      let ran = false
      const seen: Array<string> = []
      return Effect.exit(
        TaskGroup.run({}, (group: Group<string>) =>
          Effect.gen(function* () {
            yield* group.spawn(Effect.isEffect(stop) ? stop : stop(group))
            yield* Effect.sleep(1)
          }).pipe(
            Effect.ensuring(
              Effect.gen(function* () {
                const handle = yield* group.spawn(Effect.sync(() => void (ran = true)))
                seen.push(reasonOf(yield* handle.await))
              })
            )
          )
        )
      ).pipe(Effect.map(() => [ran, ...seen]))
    }, [false, expected])
  )

  it("does not keep the tasks before it alive in a chain of tasks that each spawn the next", () =>
    always(
      () => {
        const depths: Array<number> = []
        return TaskGroup.run({}, (group: Group) => {
          const link = (n: number): Effect.Effect<unknown> =>
            Effect.gen(function* () {
              // By now the one before has ended.
              yield* Effect.sleep(1)
              if (n > 0) yield* group.spawn(link(n - 1))
              depths.push(yield* depth)
            })
          return group.spawn(link(50))
        }).pipe(Effect.map(() => depths.filter((depth) => depth > 5)))
      },
      [],
      20
    ))

  it("treats what a task left behind as outside of the group", () =>
    always(() => {
      let most = 0
      return TaskGroup.run({ concurrency: 1 }, (group: Group) => {
        let running = 0
        const work = Effect.acquireUseRelease(
          Effect.sync(() => void (most = Math.max(most, ++running))),
          () => Effect.sleep(10),
          () => Effect.sync(() => void running--)
        )
        return Effect.gen(function* () {
          const handle = yield* group.spawn(
            Effect.forkDetach(
              Effect.andThen(
                Effect.sleep(5),
                Effect.flatMap(group.spawn(work), (h) => h.await)
              )
            )
          )
          yield* group.spawn(work)
          const daemon = yield* Effect.orDie(handle.join)
          const before = yield* now
          yield* Fiber.join(daemon)
          return [before, yield* now, most]
        })
      })
    }, [0, 20, 1]))
})

describe("TaskGroup.Handle", () => {
  it("says pending, running, and then how the task ended", () =>
    always(
      () =>
        TaskGroup.run({ concurrency: 1 }, (group: Group) =>
          Effect.gen(function* () {
            const outer = yield* group.spawn(
              Effect.gen(function* () {
                const handle = yield* group.spawn(Effect.sleep(5))
                const pending = handle.status
                yield* Effect.timeoutOption(handle.await, 2)
                return [pending, handle] as const
              })
            )
            yield* Effect.sleep(1)
            const running = outer.status
            const [pending, handle] = yield* Effect.orDie(outer.join)
            return [pending, running, handle.status, outer.status]
          })
        ),
      ["pending", "running", "completed", "completed"]
    ))

  it("joins with the value, the task's own error, or TaskNotCompleted with the outcome in words", () =>
    always(
      () =>
        TaskGroup.run({ onFailure: "isolate" }, (group) =>
          Effect.gen(function* () {
            const good = yield* group.spawn(Effect.succeed("value"))
            const bad = yield* group.spawn(Effect.fail("boom"))
            const late = yield* group.spawn(Effect.never, { timeout: 1, name: "late" })
            const cut = yield* group.spawn(Effect.never)
            yield* cut.cancel("no need")
            const join = (handle: Handle) => Effect.match(handle.join, { onFailure: String, onSuccess: String })
            return yield* Effect.forEach([good, bad, late, cut], join)
          })
        ),
      [
        "value",
        "boom",
        `TaskNotCompleted: task 2 "late" hit its task limit`,
        "TaskNotCompleted: task 3 was cancelled: cancelled on request: no need"
      ]
    ))

  it("is awaited by any number of fibers, before and after the end, with the one same outcome", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            const handle = yield* group.spawn(Effect.sleep(5))
            const early = yield* Effect.all([handle.await, handle.await, handle.await], { concurrency: 3 })
            return new Set([...early, yield* handle.await]).size
          })
        ),
      1
    ))

  it("is never woken too late by a task that ends between two steps of the one who awaits it", async () => {
    const checked = await Simulator.check(
      () =>
        TaskGroup.run({ concurrency: 1 }, (group: Group) =>
          Effect.gen(function* () {
            const first = yield* group.spawn(Effect.yieldNow)
            const second = yield* group.spawn(Effect.yieldNow)
            yield* Effect.all([first.await, second.await, group.join], { concurrency: 3 })
          })
        ),
      { schedules: "all", preemptions: 2, maxRuns: 4_000 }
    )
    expect(checked.verdicts.passed).toBe(checked.runs)
  })

  describe("cancel", () => {
    it("interrupts the task, waits for its cleanup and gives the outcome with the reason; the others go on", () =>
      always(
        () =>
          TaskGroup.run({}, (group: Group) =>
            Effect.gen(function* () {
              const slow = Effect.onInterrupt(Effect.never, () => Effect.sleep(5))
              const handle = yield* group.spawn(slow)
              const other = yield* group.spawn(Effect.sleep(20))
              yield* Effect.sleep(1)
              const outcome = yield* handle.cancel("user closed the tab")
              return [reasonOf(outcome), yield* now, other.status]
            })
          ),
        ["cancelled on request: user closed the tab", 6, "running"]
      ))

    it("takes a queued task out: it never runs, and whoever waits for it is told", () =>
      always(() => {
        let ran = false
        return TaskGroup.run({ concurrency: 1 }, (group: Group) =>
          group.spawn(
            Effect.gen(function* () {
              const handle = yield* group.spawn(Effect.sync(() => void (ran = true)))
              return [reasonOf(yield* handle.cancel("not needed")), ran]
            })
          )
        ).pipe(Effect.flatMap((handle) => handle.join))
      }, ["cancelled on request: not needed", false]))

    it("frees the one who waits for the place of the task it takes out (p-limit#25)", () =>
      always(
        () =>
          TaskGroup.run({ concurrency: 1 }, (group: Group) =>
            Effect.gen(function* () {
              yield* group.spawn(Effect.sleep(10))
              const spawner = yield* Effect.forkChild(group.spawn(Effect.never))
              yield* Effect.sleep(1)
              yield* Effect.forkChild(group.cancel("all"))
              const handle = yield* Fiber.join(spawner)
              return [reasonOf(yield* handle.await), (yield* now) < 10]
            })
          ),
        ["cancelled on request: all", true]
      ))

    it("counts once: the first reason stands", () =>
      always(
        () =>
          TaskGroup.run({}, (group: Group) =>
            Effect.gen(function* () {
              const handle = yield* group.spawn(Effect.onInterrupt(Effect.never, () => Effect.sleep(5)))
              yield* Effect.sleep(1)
              const first = yield* Effect.forkChild(handle.cancel("first"), { startImmediately: true })
              yield* Effect.sleep(1)
              const second = yield* handle.cancel("second")
              return [reasonOf(yield* Fiber.join(first)), reasonOf(second)]
            })
          ),
        ["cancelled on request: first", "cancelled on request: first"]
      ))

    it("changes nothing about a task that has ended", () =>
      always(
        () =>
          TaskGroup.run({}, (group: Group) =>
            Effect.gen(function* () {
              const handle = yield* group.spawn(Effect.succeed("value"))
              yield* handle.await
              return reasonOf(yield* handle.cancel())
            })
          ),
        "completed"
      ))

    it("gives the late value of a task that cannot be interrupted", () =>
      always(
        () =>
          TaskGroup.run({}, (group: Group) =>
            Effect.gen(function* () {
              const handle = yield* group.spawn(Effect.uninterruptible(Effect.as(Effect.sleep(10), "paid")))
              yield* Effect.sleep(1)
              const outcome = yield* handle.cancel()
              return outcome._tag === "Completed" ? [outcome.value, outcome.late] : []
            })
          ),
        ["paid", true]
      ))

    it("keeps the value of a task whose code had ended and whose children were still cleaning up", () =>
      always(
        () =>
          TaskGroup.run({}, (group: Group) =>
            Effect.gen(function* () {
              const handle = yield* group.spawn(
                Effect.as(
                  Effect.forkChild(
                    Effect.onInterrupt(Effect.never, () => Effect.sleep(10)),
                    { startImmediately: true }
                  ),
                  "value"
                )
              )
              yield* Effect.sleep(5)
              const outcome = yield* handle.cancel()
              return outcome._tag === "Completed" ? [outcome.value, outcome.late, yield* now] : []
            })
          ),
        ["value", true, 10],
        // Under other seeds the child may be interrupted before its cleanup is installed.
        1
      ))

    it("keeps the error of a task whose code had ended and whose children were still cleaning up", () =>
      always(
        () =>
          TaskGroup.run({ onFailure: "isolate" }, (group) =>
            Effect.gen(function* () {
              const slow = Effect.forkChild(
                Effect.onInterrupt(Effect.never, () => Effect.sleep(10)),
                { startImmediately: true }
              )
              const handle = yield* group.spawn(Effect.andThen(slow, Effect.fail("boom")))
              yield* Effect.sleep(5)
              const outcome = yield* handle.cancel()
              return [outcome.status, Outcome.cause(outcome)?.reasons.map((reason) => reason._tag)]
            })
          ),
        ["cancelled", ["Fail"]],
        1
      ))

    it("interrupts a task that cancels itself at once, also where it cannot be interrupted", () =>
      always(() => {
        const events: Array<string> = []
        return TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            const cancelSelf = (wrap: <A>(self: Effect.Effect<A>) => Effect.Effect<A>) =>
              Effect.gen(function* () {
                const self: { handle?: Handle } = {}
                self.handle = yield* group.spawn(
                  wrap(
                    Effect.gen(function* () {
                      yield* Effect.sleep(1)
                      yield* self.handle!.cancel("done")
                      events.push("not reached")
                    })
                  )
                )
                const outcome = yield* self.handle.await
                return `${reasonOf(outcome)}, ${Outcome.cause(outcome)!.reasons.every((reason) => reason._tag === "Interrupt")}`
              })
            return [yield* cancelSelf((self) => self), yield* cancelSelf(Effect.uninterruptible), ...events]
          })
        )
      }, ["cancelled on request: done, true", "cancelled on request: done, true"]))
  })
})

describe("TaskGroup.cancel", () => {
  it("stops all, waits for their cleanup, starts no more and gives the reason to each", () =>
    always(
      () =>
        TaskGroup.run({ concurrency: 1 }, (group: Group) =>
          Effect.gen(function* () {
            yield* group.spawn(
              Effect.andThen(
                group.spawn(Effect.void),
                Effect.onInterrupt(Effect.never, () => Effect.sleep(5))
              )
            )
            yield* Effect.sleep(1)
            yield* group.cancel("enough")
            return [...(yield* group.result).list.map((outcome) => `${outcome.status}: ${reasonOf(outcome)}`), yield* now]
          })
        ),
      ["cancelled: cancelled on request: enough", "notStarted: cancelled on request: enough", 6]
    ))

  it("does not wait inside a task, which is stopped with the others", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            const a = yield* group.spawn(Effect.never)
            const b = yield* group.spawn(Effect.andThen(group.cancel("from inside"), Effect.never))
            return [reasonOf(yield* a.await), reasonOf(yield* b.await)]
          })
        ),
      ["cancelled on request: from inside", "cancelled on request: from inside"]
    ))

  it("reaches a child that cancels its group before its first suspension (cpython#155418)", () =>
    always(() => {
      let escaped = false
      return TaskGroup.run({}, (group: Group) =>
        Effect.gen(function* () {
          const eager = yield* group.spawn(
            Effect.gen(function* () {
              yield* group.cancel("eager")
              yield* Effect.sleep(1)
              escaped = true
            })
          )
          const second = yield* group.spawn(Effect.never)
          return [reasonOf(yield* eager.await), reasonOf(yield* second.await), escaped]
        })
      )
    }, ["cancelled on request: eager", "cancelled on request: eager", false]))
})
