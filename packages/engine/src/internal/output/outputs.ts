/** The output of the runs of one engine: who has which files, what is kept of it, and when it goes. */
import type * as OutputFile from "@skein/node/OutputFile"
import * as Settings from "@skein/core/Settings"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as JobOutput from "../../JobOutput.ts"
import { Channel, type Name, names } from "./channel.ts"
import { textOf } from "./tail.ts"

export type Files = typeof OutputFile

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
export const files: Effect.Effect<Files> = Effect.promise(() => import("@skein/node/OutputFile"))

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

export class Outputs {
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

export const pathOf = (files: Files, directory: string, id: string): string => files.absolutePath(`${directory}/${files.folderName(id)}`)

const fileNames: { readonly [N in Name]: string } = { stdout: "stdout.txt", stderr: "stderr.txt", log: "log.txt" }

const nothing: JobOutput.Stream = { text: "", size: 0, dropped: 0, path: undefined, failure: undefined }

/** The output of one run: a record, as long as nothing is written. */
export class RunOutput {
  readonly #outputs: Outputs
  readonly #id: string
  /** Whether what lies in the folder is its own. */
  #own: boolean
  #folder: string | undefined
  #channels: { [N in Name]?: Channel } | undefined
  #phase: "open" | "closing" | "ended" | "forgotten" = "open"
  #closing: Fiber.Fiber<unknown, unknown> | undefined

  constructor(outputs: Outputs, id: string, own: boolean) {
    this.#outputs = outputs
    this.#id = id
    this.#own = own
  }

  /** The channel of that name, until the run has ended. */
  channel(name: Name): Channel | undefined {
    if (this.#phase !== "open") return undefined
    const channels = (this.#channels ??= {})
    let channel = channels[name]
    if (channel === undefined) {
      const { files, settings } = this.#outputs
      const file = files?.makeUnsafe(`${this.#prepared()!}/${fileNames[name]}`)
      channels[name] = channel = new Channel(settings.tail, file)
      this.#outputs.opened(this)
    }
    return channel
  }

  write(name: Name, data: string | Uint8Array): Effect.Effect<void> {
    return Effect.suspend(() => this.channel(name)?.write(data) ?? Effect.void)
  }

  push(name: Name, data: string | Uint8Array): void {
    this.channel(name)?.push(data)
  }

  /** Its folder, for somebody who makes it. */
  get folder(): string | undefined {
    return this.#phase === "open" ? this.#prepared() : this.#folder
  }

  /** Its folder, which is there. */
  get directory(): Effect.Effect<Option.Option<string>, OutputFile.OutputFileError> {
    return Effect.suspend(() => {
      const { folder } = this
      return folder === undefined ? Effect.succeedNone : Effect.as(this.#outputs.files!.makeFolder(folder), Option.some(folder))
    })
  }

  get flush(): Effect.Effect<void, OutputFile.OutputFileError> {
    return Effect.suspend(() => Effect.forEach(Object.values(this.#channels ?? {}), (channel) => channel.flush, { discard: true }))
  }

  /** Notes in the log why an attempt failed, where somebody may read it after the process has ended. */
  failed(at: number, attempt: number, cause: Cause.Cause<unknown>): void {
    if (this.#outputs.files === undefined) return
    const time = new Date(at).toISOString()
    this.push("log", `timestamp=${time} level=ERROR message="attempt ${attempt} failed" cause=${JSON.stringify(Cause.pretty(cause))}\n`)
  }

  /** The run has ended: what is left is written, and then the files are closed. */
  end(): void {
    if (this.#phase !== "open") return
    const channels = Object.values(this.#channels ?? {})
    this.#phase = "ended"
    const closes = channels.flatMap((channel) => channel.close() ?? [])
    if (closes.length === 0) return this.#ended()
    this.#phase = "closing"
    const closing = Effect.andThen(
      Effect.all(closes, { discard: true }),
      Effect.suspend(() => this.#closed())
    )
    this.#closing = this.#outputs.fork(closing, `output of job ${this.#id} is lost`)
  }

  /** The engine forgets the run: its folder goes. */
  forget(): void {
    this.end()
    const { files } = this.#outputs
    const folder = this.#own ? this.#outputs.folderOf(this.#id) : undefined
    this.#phase = "forgotten"
    this.drop()
    this.#outputs.forgotten(this)
    if (files !== undefined && folder !== undefined) this.#remove(files, folder)
  }

  /** Its tails go. */
  drop(): void {
    this.#channels = undefined
  }

  /** What it has written: the tails as they are now, or as the files have them. */
  get view(): Effect.Effect<JobOutput.JobOutput> {
    return Effect.suspend(() => {
      if (this.#phase === "closing") return Effect.andThen(Fiber.await(this.#closing!), this.view)
      const { files, settings } = this.#outputs
      const folder = this.#own && this.#phase !== "forgotten" ? this.#outputs.folderOf(this.#id) : undefined
      const streams = Effect.forEach(names, (name) => {
        const channel = this.#channels?.[name]
        if (channel !== undefined) return Effect.succeed(told(channel))
        return folder === undefined ? Effect.succeed(nothing) : streamOf(files!, folder, name, settings.tail)
      })
      return Effect.map(streams, ([stdout, stderr, log]) => ({ directory: folder, stdout: stdout!, stderr: stderr!, log: log! }))
    })
  }

  /** A fresh run takes the place of another one with its id, of a process that has ended, or of a run that was forgotten. */
  #prepared(): string | undefined {
    const { files } = this.#outputs
    if (files === undefined) return undefined
    this.#folder ??= this.#outputs.folderOf(this.#id)!
    if (!this.#own) this.#remove(files, this.#folder)
    this.#own = true
    return this.#folder
  }

  /** Out of the way at once, so that a run of the same id may follow; the rest takes its time. */
  #remove(files: Files, folder: string): void {
    const aside = Effect.runSyncExit(files.moveAside(folder))
    if (Exit.isSuccess(aside) && aside.value === undefined) return
    const removal = Exit.isSuccess(aside) ? files.removeFolder(aside.value!) : aside
    this.#outputs.fork(removal, `could not remove the folder of job ${this.#id}`)
  }

  #closed(): Effect.Effect<void, OutputFile.OutputFileError> {
    const failed = Object.values(this.#channels ?? {}).find((channel) => channel.failure !== undefined)
    if (this.#phase === "closing") this.#phase = "ended"
    this.#ended()
    return failed === undefined ? Effect.void : Effect.fail(failed.failure!)
  }

  /** What is in a file is read from there; what no file has stays in memory. */
  #ended(): void {
    let bytes = 0
    for (const name of names) {
      const channel = this.#channels?.[name]
      if (channel === undefined) continue
      if (this.#outputs.files !== undefined && channel.failure === undefined) delete this.#channels![name]
      else bytes += channel.kept
    }
    this.#outputs.ended(this, bytes)
  }
}

const told = (channel: Channel): JobOutput.Stream => {
  const { failure, kept, path, size, text } = channel
  return { text, size, dropped: size - kept, path, failure }
}

/** What a file has of a stream. */
const streamOf = (files: Files, folder: string, name: Name, bytes: number): Effect.Effect<JobOutput.Stream> => {
  const path = `${folder}/${fileNames[name]}`
  return Effect.match(files.readTail(path, { bytes }), {
    onSuccess: (tail) => {
      const dropped = tail.size - tail.bytes.length
      return { text: textOf(tail.bytes, dropped > 0), size: tail.size, dropped, path, failure: undefined }
    },
    onFailure: (failure) => (failure.reason._tag === "NotFound" ? nothing : { ...nothing, path, failure })
  })
}

/** Reads the output of a run that another engine has, or had. */
export const readOutput = (directory: string, id: string, bytes: number): Effect.Effect<JobOutput.JobOutput> =>
  Effect.flatMap(files, (files) => {
    const folder = pathOf(files, directory, id)
    const streams = Effect.forEach(names, (name) => streamOf(files, folder, name, bytes))
    return Effect.map(streams, ([stdout, stderr, log]) => ({ directory: folder, stdout: stdout!, stderr: stderr!, log: log! }))
  })

// What a job finds

/** The output of the run that a fiber belongs to. */
export const CurrentOutput: Context.Reference<RunOutput | undefined> = Context.Reference<RunOutput | undefined>(
  "@skein/engine/CurrentOutput",
  { defaultValue: () => undefined }
)

/** One for all jobs: it writes to the log of the job whose fiber it is called by. */
const jobLogger = Logger.make<unknown, void>((options) => {
  const output = Context.get(options.fiber.context, CurrentOutput)
  if (output === undefined) return
  let line: string
  try {
    line = Logger.formatLogFmt.log(options)
  } catch (error) {
    line = `timestamp=${options.date.toISOString()} level=WARN message="this could not be written" cause=${JSON.stringify(String(error))}`
  }
  output.push("log", `${line}\n`)
})

type Loggers = ReadonlySet<Logger.Logger<unknown, any>>

const withJobLogger = new WeakMap<Loggers, Loggers>()

/** Puts the output of a run, and the logger that writes to it beside those that are there, into the context of a job. */
export const provide = (map: Map<string, any>, output: RunOutput): void => {
  const loggers: Loggers = Context.get(Context.makeUnsafe<never>(map), Logger.CurrentLoggers)
  let all = withJobLogger.get(loggers)
  if (all === undefined) withJobLogger.set(loggers, (all = new Set([...loggers, jobLogger])))
  map.set(Logger.CurrentLoggers.key, all)
  map.set(CurrentOutput.key, output)
}
