/** Loads a task of a module. */
import * as Effect from "effect/Effect"
import { UsageError } from "../flags.ts"
import { nearest } from "../suggest.ts"
import { type AnyTask, isTask, load } from "../taskModule.ts"

export const loadTask = (path: string, name: string): Effect.Effect<AnyTask, UsageError> =>
  Effect.gen(function* () {
    const module = yield* load(path)
    const value = module[name]
    if (isTask(value)) return value
    const tasks = Object.keys(module).filter((key) => isTask(module[key]))
    const meant = nearest(name, tasks)
    const hint = meant === undefined ? `it has ${tasks.join(", ") || "none"}` : `did you mean ${meant}?`
    return yield* new UsageError({ message: `${path} exports no task ${JSON.stringify(name)}; ${hint}` })
  })
