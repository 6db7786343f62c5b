import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import * as Deadline from "../src/Deadline.ts"
import * as Limiter from "../src/Limiter.ts"
import type * as Outcome from "../src/Outcome.ts"
import * as TaskGroup from "../src/TaskGroup.ts"
import * as TaskGroupStream from "../src/TaskGroupStream.ts"
import { Simulator } from "../src/testing/index.ts"

type Group = TaskGroup.TaskGroup<string>

/** Watches one run: what of it is alive, which outcomes each group gave, and that no group exceeds its bound. */
class Watch {
  alive = 0
  private readonly outcomes = new Map<object, Map<number, number>>()
  private readonly groups: Array<{ readonly group: Pick<Group, "stats">; readonly bound: number }> = []
  private readonly handles: Array<TaskGroup.Handle<any, any>> = []

  /** Counts an effect while it is alive, its cleanup included. */
  readonly live = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(
      Effect.sync(() => void this.alive++),
      () => effect,
      () => Effect.sync(() => void this.alive--)
    )

  options<const O extends object>(options: O): O & { readonly onOutcome: (outcome: Outcome.Outcome<unknown, unknown>) => void } {
    const seen = new Map<number, number>()
    this.outcomes.set(seen, seen)
    return { ...options, onOutcome: ({ index }) => void seen.set(index, (seen.get(index) ?? 0) + 1) }
  }

  readonly bounded = <G extends Pick<Group, "stats">>(group: G, bound: number): G => {
    this.groups.push({ group, bound })
    return group
  }

  readonly spawn = <A, E extends string>(
    group: Group,
    effect: Effect.Effect<A, E>,
    options?: TaskGroup.SpawnOptions
  ): Effect.Effect<TaskGroup.Handle<A, E>> =>
    Effect.tap(group.spawn(this.live(effect), options), (handle) => Effect.sync(() => this.handles.push(handle)))

  readonly invariant = (): void => {
    for (const { bound, group } of this.groups) {
      const { running } = Effect.runSync(group.stats)
      if (running > bound) throw new Error(`${running} of ${bound} run`)
    }
  }

  readonly after = (): void => {
    expect(this.alive).toBe(0)
    for (const seen of this.outcomes.values()) {
      expect([...seen.values()].every((n) => n === 1)).toBe(true)
      expect([...seen.keys()].sort((a, b) => a - b)).toEqual(Array.from(seen.keys(), (_, i) => i))
    }
    for (const handle of this.handles) expect(["pending", "running"]).not.toContain(handle.status)
  }
}

/** Sweeps a program, and demands that it was reached by interruptions of the main fiber and of children. */
const sweep = async (
  program: (watch: Watch) => Effect.Effect<unknown, unknown>,
  options: { readonly seeds?: number; readonly defects?: "fail" | "ignore" } = {}
): Promise<void> => {
  let watch = new Watch()
  const swept = await Simulator.sweep(
    () => {
      watch = new Watch()
      return program(watch)
    },
    { seeds: 2, maxRuns: 1_000, ...options, invariant: () => watch.invariant(), after: () => watch.after() }
  )
  expect(swept.interrupted.main).toBeGreaterThan(0)
  expect(swept.interrupted.children).toBeGreaterThan(0)
  expect(swept.verdicts.passed).toBeGreaterThan(0)
  expect(swept.verdicts.failed).toBeGreaterThan(0)
}

const cleanup = (millis: number) => Effect.onInterrupt(Effect.never, () => Effect.sleep(millis))

describe("TaskGroup interrupted at every step", () => {
  it("leaves nothing behind when tasks are spawned through a full group", () =>
    sweep((w) =>
      TaskGroup.run(w.options({ concurrency: 2 }), (group: Group) =>
        Effect.gen(function* () {
          w.bounded(group, 2)
          for (let i = 0; i < 5; i++) yield* w.spawn(group, i % 2 === 0 ? Effect.sleep(i) : Effect.yieldNow)
          yield* group.join
        })
      )
    ))

  it("leaves nothing behind when tasks spawn and await each other in one place", () =>
    sweep((w) =>
      TaskGroup.run(w.options({ concurrency: 1 }), (group: Group) => {
        w.bounded(group, 1)
        const level = (n: number): Effect.Effect<number> =>
          n === 0
            ? Effect.as(Effect.sleep(1), 0)
            : Effect.flatMap(w.spawn(group, level(n - 1)), (handle) =>
                Effect.map(handle.await, (outcome) => (outcome._tag === "Completed" ? outcome.value + 1 : 0))
              )
        return Effect.flatMap(w.spawn(group, level(3)), (handle) => handle.await)
      })
    ))

  it("leaves nothing behind when waits for members time out", () =>
    sweep((w) =>
      TaskGroup.run(w.options({ concurrency: 1 }), (group: Group) => {
        w.bounded(group, 1)
        return w.spawn(
          group,
          Effect.gen(function* () {
            const slow = yield* w.spawn(group, Effect.sleep(20))
            const quick = yield* w.spawn(group, Effect.sleep(1))
            yield* Effect.exit(Effect.timeout(slow.await, 5))
            yield* Effect.all([quick.await, slow.await], { concurrency: 2 })
          })
        )
      })
    ))

  it("leaves nothing behind when tasks are cancelled while they are queued, run and clean up", () =>
    sweep((w) =>
      TaskGroup.run(w.options({ concurrency: 2, queueTimeout: 100 }), (group: Group) =>
        Effect.gen(function* () {
          w.bounded(group, 2)
          const a = yield* w.spawn(group, cleanup(5), { name: "a" })
          const b = yield* w.spawn(group, cleanup(1), { name: "b" })
          const c = yield* Effect.forkChild(w.spawn(group, Effect.never, { name: "c" }))
          yield* Effect.sleep(1)
          yield* Effect.all([a.cancel("one"), a.cancel("two"), b.cancel()], { concurrency: 3 })
          yield* Effect.flatMap(Fiber.join(c), (handle) => handle.cancel())
        })
      )
    ))

  it("leaves nothing behind when a task fails", () =>
    sweep((w) =>
      Effect.exit(
        TaskGroup.run(w.options({ concurrency: 2 }), (group: Group) =>
          Effect.gen(function* () {
            w.bounded(group, 2)
            yield* w.spawn(group, cleanup(3))
            yield* w.spawn(group, Effect.andThen(Effect.sleep(1), Effect.fail("boom")))
            yield* w.spawn(group, Effect.never)
            return yield* Effect.sleep(100)
          })
        ).pipe(Deadline.within(200))
      )
    ))

  it.each(["collect", "isolate"] as const)("leaves nothing behind with onFailure %s", (onFailure) =>
    sweep((w) =>
      Effect.exit(
        TaskGroup.run(w.options({ onFailure: onFailure as "collect" }), (group: Group) =>
          Effect.gen(function* () {
            yield* w.spawn(group, Effect.fail("one"))
            yield* w.spawn(group, Effect.andThen(Effect.sleep(1), Effect.fail("two")))
            yield* w.spawn(group, Effect.sleep(2))
            yield* Effect.exit(group.join)
          })
        )
      )
    )
  )

  it("leaves nothing behind when tasks, the group and deadlines time out", () =>
    sweep((w) =>
      Effect.exit(
        TaskGroup.run(w.options({ concurrency: 2, taskTimeout: 5, timeout: 12 }), (group: Group) =>
          Effect.gen(function* () {
            w.bounded(group, 2)
            yield* w.spawn(group, cleanup(2), { timeout: 1 })
            yield* w.spawn(group, Effect.sleep(3))
            yield* w.spawn(group, cleanup(30))
            yield* Effect.exit(Deadline.within(cleanup(1), 2))
            yield* w.spawn(group, Effect.sleep(1))
            return yield* Effect.never
          })
        )
      )
    ))

  it("leaves nothing behind in nested groups under a deadline", () =>
    sweep((w) => {
      const inner = (name: string) =>
        TaskGroup.run(w.options({ name }), (group: Group) =>
          Effect.gen(function* () {
            yield* w.spawn(group, Effect.sleep(1))
            const slow = yield* w.spawn(group, cleanup(2))
            return yield* slow.await
          })
        )
      return Effect.exit(
        TaskGroup.run(w.options({ name: "outer" }), (group: Group) =>
          Effect.gen(function* () {
            yield* w.spawn(group, inner("a"))
            yield* w.spawn(group, inner("b"), { timeout: 4 })
            yield* group.join
          })
        ).pipe(Deadline.within(10))
      )
    }))

  it("leaves nothing behind when a scope closes", () =>
    sweep((w) =>
      Effect.scoped(
        Effect.gen(function* () {
          const group = w.bounded(yield* TaskGroup.make<string>(w.options({ concurrency: 2 })), 2)
          yield* w.spawn(group, cleanup(2))
          const waits = yield* Effect.forkChild(group.join)
          yield* w.spawn(group, Effect.sleep(1))
          yield* Effect.forkChild(w.spawn(group, Effect.never))
          yield* Effect.sleep(2)
          return waits
        })
      )
    ))

  it("leaves nothing behind when a task cancels its group, or itself, at once", () =>
    sweep((w) =>
      TaskGroup.run(w.options({ concurrency: 2 }), (group: Group) =>
        Effect.gen(function* () {
          w.bounded(group, 2)
          const self: { handle?: TaskGroup.Handle<unknown, unknown> } = {}
          self.handle = yield* w.spawn(
            group,
            Effect.andThen(
              Effect.sleep(1),
              Effect.suspend(() => self.handle!.cancel("myself"))
            )
          )
          yield* w.spawn(group, cleanup(1))
          yield* w.spawn(group, Effect.andThen(group.cancel("all"), Effect.never))
          yield* w.spawn(group, Effect.sleep(50))
        })
      ).pipe(Deadline.within(100), Effect.ignore)
    ))

  it("gives each outcome to one reader of next, whoever is interrupted", () =>
    sweep((w) =>
      TaskGroup.run(w.options({ concurrency: 2 }), (group: Group) =>
        Effect.gen(function* () {
          w.bounded(group, 2)
          yield* w.spawn(
            group,
            Effect.gen(function* () {
              yield* w.spawn(group, Effect.sleep(1))
              yield* w.spawn(group, Effect.sleep(3))
              yield* Effect.exit(Effect.timeout(group.next, 2))
              let next = yield* group.next
              while (Option.isSome(next)) next = yield* group.next
            })
          )
          yield* Stream.runDrain(TaskGroupStream.outcomes(group))
        })
      )
    ))

  it("gives limiter permits back that were lent while members were awaited", () =>
    sweep((w) =>
      Effect.suspend(() => {
        const limiter = Limiter.makeUnsafe({ permits: 1, name: "db" })
        return TaskGroup.run(w.options({ concurrency: 1 }), (group: Group) => {
          w.bounded(group, 1)
          return Effect.flatMap(
            w.spawn(
              group,
              limiter.withPermit(Effect.flatMap(w.spawn(group, limiter.withPermit(Effect.sleep(1))), (handle) => handle.await))
            ),
            (handle) => handle.await
          )
        }).pipe(
          Effect.ensuring(
            Effect.flatMap(limiter.stats, ({ running, waiting }) =>
              running + waiting === 0 ? Effect.void : Effect.die(new Error("a permit was lost"))
            )
          )
        )
      })
    ))

  it("abandons what does not end within the grace, and has it listed until it ends", () =>
    sweep((w) =>
      Effect.gen(function* () {
        const stuck = Effect.uninterruptible(Effect.sleep(50))
        yield* Effect.exit(
          TaskGroup.run(w.options({ grace: 5, concurrency: 2 }), (group: Group) =>
            Effect.gen(function* () {
              w.bounded(group, 2)
              const a = yield* w.spawn(group, stuck)
              const b = yield* w.spawn(group, cleanup(1))
              yield* Effect.sleep(1)
              yield* Effect.all([a.cancel(), b.cancel()], { concurrency: 2 })
              yield* w.spawn(group, Effect.sleep(1))
            })
          )
        ).pipe(Effect.ensuring(Effect.sleep(60)))
      })
    ))

  it("keeps the children of a task inside it", () =>
    sweep((w) =>
      TaskGroup.run(w.options({}), (group: Group) =>
        Effect.gen(function* () {
          const task = Effect.gen(function* () {
            yield* Effect.forkChild(w.live(cleanup(2)))
            yield* Effect.forkChild(w.live(Effect.sleep(1)))
            yield* Effect.sleep(1)
            return "value"
          })
          const a = yield* w.spawn(group, task)
          const b = yield* w.spawn(group, task, { timeout: 2 })
          yield* Effect.all([a.await, b.await])
        })
      )
    ))

  it("keeps a defect of the cleanup in the cause of the interruption", async () => {
    let dies = 0
    await sweep(
      (w) =>
        TaskGroup.run(w.options({}), (group: Group) =>
          Effect.gen(function* () {
            yield* w.spawn(
              group,
              Effect.onInterrupt(Effect.sleep(5), () => Effect.die(new Error("cleanup")))
            )
            yield* Effect.sleep(5)
          })
        ).pipe(Effect.tapCause((cause) => Effect.sync(() => void (Cause.hasDies(cause) && dies++)))),
      { defects: "ignore" }
    )
    expect(dies).toBeGreaterThan(0)
  })
})
