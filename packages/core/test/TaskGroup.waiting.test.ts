import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { describe, expect, it } from "vitest"
import * as Limiter from "../src/Limiter.ts"
import type * as Outcome from "../src/Outcome.ts"
import * as TaskGroup from "../src/TaskGroup.ts"
import { Simulator } from "../src/testing/index.ts"
import { always, type Group } from "./groupKit.ts"

type Handle<A = unknown, E = unknown> = TaskGroup.Handle<A, E>

const defect = (exit: Exit.Exit<unknown, unknown>): string => (Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "success")

const now = Effect.clockWith((clock) => clock.currentTimeMillis)

describe("TaskGroup: waiting inside a task", () => {
  /** Tracks how many run at once, those that wait for a member left out. */
  const tracker = () => {
    let running = 0
    let most = 0
    const track = <A, E>(work: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.acquireUseRelease(
        Effect.sync(() => void (most = Math.max(most, ++running))),
        () => work,
        () => Effect.sync(() => void running--)
      )
    return { track, most: () => most }
  }

  const nested = (wait: (handle: Handle<number, never>) => Effect.Effect<unknown>) => () => {
    const { most, track } = tracker()
    return TaskGroup.run({ concurrency: 1 }, (group: Group) => {
      const level = (n: number): Effect.Effect<number> =>
        n === 0
          ? Effect.as(track(Effect.sleep(1)), 0)
          : Effect.gen(function* () {
              yield* track(Effect.sleep(1))
              yield* wait(yield* group.spawn(level(n - 1)))
              yield* track(Effect.sleep(1))
              return n
            })
      return group.spawn(level(3))
    }).pipe(
      Effect.flatMap((handle) => handle.join),
      Effect.map((value) => [value, most()])
    )
  }

  it.each([
    ["await", (handle: Handle<number, never>) => handle.await],
    ["join", (handle: Handle<number, never>) => Effect.orDie(handle.join)],
    ["a timeout around await", (handle: Handle<number, never>) => Effect.orDie(Effect.timeout(handle.await, "1 minute"))],
    ["await in a child", (handle: Handle<number, never>) => Effect.flatMap(Effect.forkChild(handle.await), Fiber.join)],
    ["two awaits at once", (handle: Handle<number, never>) => Effect.all([handle.await, handle.await], { concurrency: 2 })]
  ])("lends its place through %s, three levels deep in a group with one place", (_, wait) => always(nested(wait), [3, 1]))

  it("lends its limiter permit too", () =>
    always(() => {
      const limiter = Limiter.makeUnsafe({ permits: 1 })
      return TaskGroup.run({ concurrency: 1 }, (group: Group) => {
        const level = (n: number): Effect.Effect<string> =>
          limiter.withPermit(
            n === 0
              ? Effect.as(Effect.sleep(1), "bottom")
              : Effect.flatMap(group.spawn(level(n - 1)), (handle) => Effect.orDie(handle.join))
          )
        return Effect.flatMap(group.spawn(level(3)), (handle) => handle.join)
      })
    }, "bottom"))

  it("takes its place back before it goes on, ahead of what is queued", () =>
    always(() => {
      const events: Array<string> = []
      const note = (event: string) => Effect.sync(() => void events.push(event))
      return TaskGroup.run({ concurrency: 1 }, (group: Group) =>
        group.spawn(
          Effect.gen(function* () {
            const first = yield* group.spawn(note("first"))
            yield* group.spawn(note("second"))
            yield* first.await
            yield* note("back")
          })
        )
      ).pipe(Effect.map(() => events))
    }, ["first", "back", "second"]))

  it("waits for its place when the wait was cut short, and shows that wait in the dump", () =>
    always(
      () =>
        TaskGroup.run({ concurrency: 1, name: "g" }, (group: Group) =>
          Effect.gen(function* () {
            const waiter = yield* group.spawn(
              Effect.gen(function* () {
                const slow = yield* group.spawn(Effect.sleep(100))
                yield* Effect.timeoutOption(slow.await, 10)
                return yield* now
              }),
              { name: "waiter" }
            )
            yield* Effect.sleep(50)
            const dump = yield* group.dump
            return [dump.tasks[0]!.waits, yield* Effect.orDie(waiter.join)]
          })
        ),
      [["its place in group g back"], 100]
    ))

  it("does not wait for its place when it is cancelled", () =>
    always(
      () =>
        TaskGroup.run({ concurrency: 1 }, (group: Group) =>
          Effect.gen(function* () {
            const waiter = yield* group.spawn(
              Effect.gen(function* () {
                const slow = yield* group.spawn(Effect.sleep(100))
                yield* Effect.timeoutOption(slow.await, 10)
              })
            )
            yield* Effect.sleep(50)
            yield* waiter.cancel()
            return yield* now
          })
        ),
      50
    ))

  it("refuses to wait for its own end, which would never come", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            const self: { handle?: Handle } = {}
            self.handle = yield* group.spawn(
              Effect.andThen(
                Effect.sleep(1),
                Effect.suspend(() => Effect.exit(self.handle!.await))
              ),
              { name: "me" }
            )
            return defect((yield* Effect.orDie(self.handle.join)) as Exit.Exit<unknown>)
          })
        ),
      `Error: TaskGroup: task #0 "me" waits for its own end, which would never come`
    ))

  it("refuses to join the whole group, which would wait for itself", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            const handle = yield* group.spawn(Effect.exit(group.join))
            return defect(yield* Effect.orDie(handle.join))
          })
        ),
      "Error: TaskGroup.join: task #0 of the same group waits for the whole group and so for itself"
    ))

  it("shows two tasks that await each other as a deadlock with their names", async () => {
    const run = await Simulator.run(() =>
      TaskGroup.run({ name: "g" }, (group: Group) =>
        Effect.gen(function* () {
          const handles: Array<Handle> = []
          handles.push(
            yield* group.spawn(
              Effect.andThen(
                Effect.sleep(1),
                Effect.suspend(() => handles[1]!.await)
              ),
              { name: "a" }
            )
          )
          handles.push(
            yield* group.spawn(
              Effect.andThen(
                Effect.sleep(1),
                Effect.suspend(() => handles[0]!.await)
              ),
              { name: "b" }
            )
          )
        })
      )
    )
    expect(run.verdict).toBe("deadlock")
    expect(run.waits.map(({ label, state }) => `${label} ${state}`)).toEqual([
      "main waits for the tasks of group g",
      expect.stringMatching(/"a" waits for task #1 "b" of group g$/),
      expect.stringMatching(/"b" waits for task #0 "a" of group g$/)
    ])
  })
})

describe("TaskGroup.next", () => {
  it("gives outcomes in the order of completion, and None when nothing is left", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            for (const millis of [30, 10, 20]) yield* group.spawn(Effect.sleep(millis), { name: String(millis) })
            const seen: Array<string | undefined> = []
            for (let next = yield* group.next; Option.isSome(next); next = yield* group.next) seen.push(next.value.name)
            return seen
          })
        ),
      ["10", "20", "30"]
    ))

  it("gives None at once in a group without tasks", () =>
    always(() => TaskGroup.run({}, (group: Group) => Effect.map(group.next, Option.isNone)), true))

  it("waits inside a task for the others, and gives None when only those are left that wait for it themselves", () =>
    always(
      () =>
        TaskGroup.run({ concurrency: 1 }, (group: Group) =>
          Effect.gen(function* () {
            const collector = yield* group.spawn(
              Effect.gen(function* () {
                for (const name of ["a", "b", "c"]) yield* group.spawn(Effect.sleep(1), { name })
                const seen: Array<string | undefined> = []
                for (let next = yield* group.next; Option.isSome(next); next = yield* group.next) seen.push(next.value.name)
                return seen
              })
            )
            return yield* Effect.orDie(collector.join)
          })
        ),
      ["a", "b", "c"]
    ))

  it("counts a task with two waiting fibers once: the other task's outcome still comes", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            yield* group.spawn(Effect.sleep(10), { name: "slow" })
            const collector = yield* group.spawn(Effect.all([group.next, group.next], { concurrency: 2 }))
            const both = yield* Effect.orDie(collector.join)
            return both.map((next) => (Option.isSome(next) ? next.value.name : "none")).sort()
          })
        ),
      ["none", "slow"]
    ))

  it("takes nothing for a caller that is interrupted while it waits", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            yield* group.spawn(Effect.sleep(10), { name: "a" })
            yield* Effect.timeoutOption(group.next, 10)
            const next = yield* group.next
            return Option.isSome(next) || (yield* group.stats).completed
          })
        ).pipe(Effect.map((seen) => seen === true || seen === 1)),
      true
    ))

  it("gives each outcome to one of those who wait", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            for (const name of ["a", "b", "c"]) yield* group.spawn(Effect.sleep(name.charCodeAt(0)), { name })
            const readers: Array<Fiber.Fiber<Option.Option<Outcome.Outcome<unknown, never>>>> = []
            for (let i = 0; i < 4; i++) {
              readers.push(yield* Effect.forkChild(group.next))
              yield* Effect.sleep(1)
            }
            const seen = yield* Effect.forEach(readers, Fiber.join)
            return seen.map((next) => (Option.isSome(next) ? next.value.name : "none")).sort()
          })
        ),
      ["a", "b", "c", "none"]
    ))
})

describe("TaskGroup.dump", () => {
  const nested = TaskGroup.run({ name: "crawl", concurrency: 2 }, (group: Group) =>
    Effect.gen(function* () {
      const page = TaskGroup.run({ name: "page" }, (inner: Group) => inner.spawn(Effect.sleep(100), { name: "image" }))
      const first = yield* group.spawn(page, { name: "/" })
      const second = yield* group.spawn(first.await, { name: "/about" })
      yield* group.spawn(
        Effect.onInterrupt(Effect.never, () => Effect.sleep(100)),
        { name: "stubborn" }
      )
      yield* Effect.sleep(20)
      const cancelled = yield* Effect.forkChild(second.cancel())
      yield* Effect.sleep(20)
      const dump = yield* group.dump
      yield* Fiber.join(cancelled)
      yield* group.cancel()
      return dump
    })
  )

  it("is the live tree of names, states, waits and nested calls, as data", () =>
    always(
      () =>
        Effect.map(nested, (dump) => ({
          name: dump.name,
          running: dump.running,
          tasks: dump.tasks.map(({ calls, name, ranFor, state }) => [
            name,
            state,
            ranFor,
            calls.map((call) => call.tasks.map((task) => task.name))
          ])
        })),
      {
        name: "crawl",
        running: 2,
        tasks: [
          ["/", "running", 40, [["image"]]],
          ["stubborn", "running", 40, []]
        ]
      }
    ))

  it("is an indented text with one task a line", () =>
    always(
      () =>
        TaskGroup.run({ name: "crawl", concurrency: 1 }, (group: Group) =>
          Effect.gen(function* () {
            const page = TaskGroup.run({ name: "page" }, (inner: Group) => inner.spawn(Effect.sleep(100), { name: "image" }))
            const root = yield* group.spawn(
              Effect.gen(function* () {
                const handle = yield* group.spawn(page, { name: "/about" })
                yield* group.spawn(Effect.void)
                yield* handle.await
              }),
              { name: "/" }
            )
            yield* Effect.sleep(20)
            const text = TaskGroup.format(yield* group.dump)
            yield* root.cancel()
            return text.split("\n")
          })
        ),
      [
        "crawl: running, 1 running",
        `  #0 /: running for 20 ms, waits for task #1 "/about" of group crawl`,
        "  #1 /about: running for 20 ms, waits for the tasks of group page",
        "    page: running, 1 running",
        "      #0 image: running for 20 ms",
        "  #2: queued"
      ]
    ))

  it("lists 1,000 queued tasks and counts the rest", () =>
    always(
      () =>
        TaskGroup.run({ concurrency: 1 }, (group: Group) =>
          Effect.gen(function* () {
            const spawner = yield* group.spawn(
              Effect.andThen(
                Effect.forEach(Array.from({ length: 1_500 }), () => group.spawn(Effect.void), { discard: true }),
                group.dump
              )
            )
            const { more, tasks } = yield* Effect.orDie(spawner.join)
            return [tasks.length, more]
          })
        ),
      [1_001, 500],
      2
    ))
})
