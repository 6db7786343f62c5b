/** Loads a task of a module. */
import type * as Task from "@skein/parallel/Task"
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { UsageError } from "../flags.ts"
import { nearest } from "../suggest.ts"

export type AnyTask = Task.Task<unknown, unknown, unknown>

/** By what it shows, since it comes from the module's own copy of its class. */
const isTask = (value: unknown): value is AnyTask => typeof value === "function" && "definition" in value && "json" in value

export const loadTask = (path: string, name: string): Effect.Effect<AnyTask, UsageError> =>
  Effect.gen(function* () {
    if (!existsSync(path)) return yield* new UsageError({ message: `there is no file ${JSON.stringify(path)}` })
    const module = yield* Effect.tryPromise({
      try: () => import(pathToFileURL(path).href) as Promise<Readonly<Record<string, unknown>>>,
      catch: (error) => new UsageError({ message: `${path} cannot be loaded: ${error instanceof Error ? error.message : String(error)}` })
    })
    const value = module[name]
    if (isTask(value)) return value
    const tasks = Object.keys(module).filter((key) => isTask(module[key]))
    const meant = nearest(name, tasks)
    const hint = meant === undefined ? `it has ${tasks.join(", ") || "none"}` : `did you mean ${meant}?`
    return yield* new UsageError({ message: `${path} exports no task ${JSON.stringify(name)}; ${hint}` })
  })
