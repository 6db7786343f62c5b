import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import * as Progress from "../src/Progress.ts"
import * as TaskGroup from "../src/TaskGroup.ts"

type Group<E = never> = TaskGroup.TaskGroup<E>

const collect = (body: (group: Group) => Effect.Effect<unknown, unknown>) => {
  const seen: Array<Progress.Progress> = []
  return Effect.runPromise(
    Effect.as(
      TaskGroup.run({ onProgress: (progress) => void seen.push(progress) }, (group: Group) => Effect.orDie(body(group))),
      seen
    )
  )
}

describe("Progress.report", () => {
  it("reaches the observer of the task's group, with the task's index and name", async () => {
    const seen = await collect((group) =>
      Effect.gen(function* () {
        yield* group.spawn(Progress.report({ done: 1, total: 2, message: "half" }), { name: "copy" })
        yield* group.spawn(Progress.report({ done: 7 }))
      })
    )
    expect(seen).toEqual([
      { done: 1, total: 2, message: "half", index: 0, name: "copy" },
      { done: 7, index: 1, name: undefined }
    ])
  })

  it("reaches it from the task's children too", async () => {
    const seen = await collect((group) =>
      group.spawn(Effect.flatMap(Effect.forkChild(Progress.report({ done: 1 })), Fiber.join), { name: "parent" })
    )
    expect(seen).toEqual([{ done: 1, index: 0, name: "parent" }])
  })

  it("goes to the nearest group only", async () => {
    const seen = await collect((group) => group.spawn(TaskGroup.run({}, (inner: Group) => inner.spawn(Progress.report({ done: 1 })))))
    expect(seen).toEqual([])
  })

  it("goes nowhere outside of a task", async () => {
    expect(await collect(() => Progress.report({ done: 1 }))).toEqual([])
    await Effect.runPromise(Progress.report({ done: 1 }))
  })

  it("goes nowhere when its task has ended", async () => {
    const seen = await collect((group) =>
      Effect.gen(function* () {
        const handle = yield* group.spawn(Effect.forkDetach(Effect.andThen(Effect.yieldNow, Progress.report({ done: 1 }))))
        yield* Fiber.join(yield* handle.join)
      })
    )
    expect(seen).toEqual([])
  })

  it("is not hurt by an observer that throws", async () => {
    const program = TaskGroup.run(
      {
        name: "g",
        onProgress: () => {
          throw new Error("observer")
        }
      },
      (group: Group) => Effect.flatMap(group.spawn(Effect.as(Progress.report({}), "value")), (handle) => handle.join)
    )
    expect(await Effect.runPromise(Effect.provideService(program, (await import("effect/Logger")).CurrentLoggers, new Set()))).toBe("value")
  })
})
