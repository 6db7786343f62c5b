/** Loads the modules that hold people's functions, and says where such functions run in a bundle. */
import type * as Task from "@skein/parallel/Task"
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { UsageError } from "./flags.ts"

export type AnyTask = Task.Task<unknown, unknown, unknown>

/** By what it shows, since it comes from the module's own copy of its class. */
export const isTask = (value: unknown): value is AnyTask => typeof value === "function" && "definition" in value && "json" in value

/** What a module exports, by its path. */
export const load = (path: string): Effect.Effect<Readonly<Record<string, unknown>>, UsageError> => {
  if (!existsSync(path)) return Effect.fail(new UsageError({ message: `there is no file ${JSON.stringify(path)}` }))
  return Effect.tryPromise({
    try: () => import(pathToFileURL(path).href) as Promise<Readonly<Record<string, unknown>>>,
    catch: (error) => new UsageError({ message: `${path} cannot be loaded: ${error instanceof Error ? error.message : String(error)}` })
  })
}

/** What workers start with. A bundle has that beside itself. */
export const bootOf = (name: "thread" | "process"): { readonly boot?: URL } =>
  import.meta.url.endsWith(".ts") ? {} : { boot: new URL(`./boot/${name}.js`, import.meta.url) }
