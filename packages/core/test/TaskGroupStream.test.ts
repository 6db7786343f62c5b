import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import * as TaskGroup from "../src/TaskGroup.ts"
import * as TaskGroupStream from "../src/TaskGroupStream.ts"
import { Simulator } from "../src/testing/index.ts"

type Group<E = never> = TaskGroup.TaskGroup<E>

/** Gives the same value under many schedules. */
const always = async <A>(program: () => Effect.Effect<A, unknown>, expected: NoInfer<A>, seeds = 60): Promise<void> => {
  await Simulator.check(program, {
    seeds,
    after: (run) => expect(run.exit !== undefined && Exit.isSuccess(run.exit) ? run.exit.value : run.exit).toEqual(expected)
  })
}

const names = (group: Group) =>
  TaskGroupStream.outcomes(group).pipe(
    Stream.map((outcome) => outcome.name),
    Stream.runCollect
  )

describe("TaskGroupStream.outcomes", () => {
  it("gives outcomes in the order of completion and ends when nothing is left", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            for (const millis of [30, 10, 20]) yield* group.spawn(Effect.sleep(millis), { name: String(millis) })
            return yield* names(group)
          })
        ),
      ["10", "20", "30"]
    ))

  it("ends at once for a group without tasks", () => always(() => TaskGroup.run({}, names), []))

  it("waits for tasks that tasks spawn meanwhile", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) => {
          const level = (n: number): Effect.Effect<unknown> =>
            Effect.andThen(Effect.sleep(1), n === 0 ? Effect.void : group.spawn(level(n - 1), { name: String(n - 1) }))
          return Effect.andThen(group.spawn(level(3), { name: "3" }), names(group))
        }),
      ["3", "2", "1", "0"]
    ))

  it("does not fail with a task: a failure is an outcome like any other", () =>
    always(
      () =>
        TaskGroup.run({ onFailure: "isolate" }, (group) =>
          Effect.gen(function* () {
            yield* group.spawn(Effect.fail("boom"))
            return yield* TaskGroupStream.outcomes(group).pipe(
              Stream.map((outcome) => outcome.status),
              Stream.runCollect
            )
          })
        ),
      ["failed"]
    ))

  it("lends the place of a task that reads it, and ends when only readers are left", () =>
    always(
      () =>
        TaskGroup.run({ concurrency: 1 }, (group: Group) =>
          Effect.gen(function* () {
            const reader = yield* group.spawn(
              Effect.gen(function* () {
                yield* group.spawn(Effect.sleep(1), { name: "a" })
                yield* group.spawn(Effect.sleep(1), { name: "b" })
                return yield* names(group)
              })
            )
            return yield* Effect.orDie(reader.join)
          })
        ),
      ["a", "b"]
    ))

  it("leaves the rest to the next reader when it is not read to its end", () =>
    always(
      () =>
        TaskGroup.run({}, (group: Group) =>
          Effect.gen(function* () {
            for (const millis of [1, 2, 3]) yield* group.spawn(Effect.sleep(millis), { name: String(millis) })
            const first = yield* TaskGroupStream.outcomes(group).pipe(Stream.take(1), Stream.runCollect)
            return [first.map((outcome) => outcome.name), yield* names(group)]
          })
        ),
      [["1"], ["2", "3"]]
    ))

  it("is not loaded by the main entry", async () => {
    const main = await import("../src/index.ts")
    expect(Object.keys(main)).not.toContain("TaskGroupStream")
  })
})
