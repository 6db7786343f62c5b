/** The output of the runs of one engine: who has which files, what is kept of it, and when it goes. */
import type * as OutputFile from "@skein/node/OutputFile"
import * as Settings from "@skein/core/Settings"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type * as JobOutput from "../../JobOutput.ts"
import { type Files, type Home, read, RunOutput } from "./runOutput.ts"

export { provide } from "./current.ts"
export type { RunOutput } from "./runOutput.ts"

export interface OutputSettings {
  readonly directory: string | undefined
  /** In bytes, for each stream. */
  readonly tail: number
  /** How many bytes the tails of ended runs may take together, where they are in no file. */
  readonly kept: number
}

export const optionNames = ["directory", "outputTail"] as const

export const readSettings = (where: string, options: { readonly [K in (typeof optionNames)[number]]?: unknown }): OutputSettings => {
  const directory = Settings.text(where, "directory", options.directory)
  if (directory === "") throw Settings.mustBe(where, "directory", "a string that is not empty", directory)
  const tail = options.outputTail === undefined ? 64 * 1024 : Settings.whole(where, "outputTail", options.outputTail, 0)
  return { directory, tail, kept: 64 * 1024 * 1024 }
}

/** The files are of Node, which an engine without a directory does not need. */
const files: Effect.Effect<Files> = Effect.promise(() => import("@skein/node/OutputFile"))

/** Opened before the engine, so that its scope closes it afterwards: then everything is written. */
export const openOutputs = (settings: OutputSettings): Effect.Effect<Outputs, never, Scope.Scope> =>
  Effect.flatMap(settings.directory === undefined ? Effect.undefined : files, (files) =>
    Effect.acquireRelease(
      Effect.map(Effect.context<never>(), (context) => new Outputs(absolute(settings, files), files, context)),
      (outputs) => outputs.close
    )
  )

/** A program may change its working directory later. */
const absolute = (settings: OutputSettings, files: Files | undefined): OutputSettings =>
  files === undefined ? settings : { ...settings, directory: files.absolutePath(settings.directory!) }

export class Outputs implements Home {
  readonly settings: OutputSettings
  readonly files: Files | undefined
  readonly #context: Context.Context<never>
  readonly #pending = new Set<Fiber.Fiber<unknown, unknown>>()
  /** Runs that have written something and not ended. */
  readonly #open = new Set<RunOutput>()
  /** Runs that have ended, oldest first, with the memory that their tails take. */
  readonly #kept = new Map<RunOutput, number>()
  #keptBytes = 0

  constructor(settings: OutputSettings, files: Files | undefined, context: Context.Context<never>) {
    this.settings = settings
    this.files = files
    this.#context = context
  }

  /** The output of a run. A `fresh` run finds no folder; one that goes on after a crash, or ended in another process, finds its own. */
  of(id: string, found: "fresh" | "kept"): RunOutput {
    return new RunOutput(this, id, found === "kept")
  }

  folderOf(id: string): string | undefined {
    return this.files === undefined ? undefined : pathOf(this.files, this.settings.directory!, id)
  }

  /** Removes the folders of runs that are none of these: of an engine whose process died while it removed them. */
  sweep(ids: Iterable<string>): Effect.Effect<void> {
    const { files, settings } = this
    if (files === undefined) return Effect.void
    const known = new Set(Array.from(ids, (id) => files.folderName(id)))
    const directory = settings.directory!
    return files.listFolders(directory).pipe(
      Effect.flatMap((found) =>
        Effect.forEach(
          found.filter((name) => !known.has(name)),
          (name) => files.removeFolder(`${directory}/${name}`),
          { discard: true }
        )
      ),
      Effect.catch((error) => this.#tell("could not remove the folders of runs that are gone", error))
    )
  }

  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      for (const output of this.#open) output.end()
      const [first] = this.#pending
      return first === undefined ? Effect.void : Effect.andThen(Fiber.await(first), this.close)
    })
  }

  opened(output: RunOutput): void {
    this.#open.add(output)
  }

  /** Has something done that nobody waits for but the close. */
  fork(effect: Effect.Effect<void, OutputFile.OutputFileError>, what: string): Fiber.Fiber<void> {
    const fiber = Effect.runForkWith(this.#context)(Effect.catch(effect, (error) => this.#tell(what, error)))
    if (fiber.pollUnsafe() !== undefined) return fiber
    this.#pending.add(fiber)
    fiber.addObserver(() => this.#pending.delete(fiber))
    return fiber
  }

  ended(output: RunOutput, bytes: number): void {
    this.#open.delete(output)
    if (bytes === 0) return
    this.#kept.set(output, bytes)
    this.#keptBytes += bytes
    for (const old of this.#kept.keys()) {
      if (this.#keptBytes <= this.settings.kept || old === output) return
      this.forgotten(old)
      old.drop()
    }
  }

  forgotten(output: RunOutput): void {
    this.#open.delete(output)
    this.#keptBytes -= this.#kept.get(output) ?? 0
    this.#kept.delete(output)
  }

  #tell(what: string, error: OutputFile.OutputFileError): Effect.Effect<void> {
    return Effect.logWarning(`skein: ${what}: ${error.message}`)
  }
}

const pathOf = (files: Files, directory: string, id: string): string => files.absolutePath(`${directory}/${files.folderName(id)}`)

/** Reads the output of a run that another engine has, or had. */
export const readOutput = (directory: string, id: string, bytes: number): Effect.Effect<JobOutput.JobOutput> =>
  Effect.flatMap(files, (files) => read(files, pathOf(files, directory, id), bytes))
