/** Task groups as subjects. */
import * as GatherResult from "@skein/core/GatherResult"
import * as TaskGroup from "@skein/core/TaskGroup"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { answer, type Subject } from "../subject.ts"
import { toEffect } from "../work.ts"

const group = (form: "run" | "make", onFailure: "isolate" | "interrupt" | "collect"): Subject => ({
  name: `TaskGroup.${form}, onFailure: ${onFailure}`,
  flavour: "inline",
  engine: "group",
  onFailure,
  kind: "group",
  size: "known",
  run: (works, options, recorder) =>
    Effect.suspend(() => {
      let group: TaskGroup.TaskGroup<string> | undefined
      const all: any = { ...options, onFailure }
      // All of them stand in line at once, as those of a gather do, however full the group is.
      const spawnAll = (face: TaskGroup.TaskGroup<string>): Effect.Effect<unknown> => {
        group = face
        return Effect.forEach(works, (work) => face.spawn(toEffect(work, recorder), { name: work.name }), {
          concurrency: "unbounded",
          discard: true
        })
      }
      const run: Effect.Effect<unknown, unknown> =
        form === "run"
          ? TaskGroup.run(all, spawnAll)
          : Effect.scoped(Effect.flatMap(TaskGroup.make<string>(all), (face) => Effect.andThen(spawnAll(face), face.join)))
      return Effect.flatMap(
        answer(run, (exit) => (Exit.isSuccess(exit) ? undefined : GatherResult.fromCause(exit.cause))),
        ({ exit, result }) =>
          result !== undefined || group === undefined
            ? Effect.succeed({ exit, result })
            : Effect.map(group.result, (result) => ({ exit, result }))
      )
    })
})

export const groups: ReadonlyArray<Subject> = [
  group("run", "isolate"),
  group("run", "interrupt"),
  group("run", "collect"),
  group("make", "isolate"),
  group("make", "interrupt"),
  group("make", "collect")
]
