/** The output of one run: its streams while it runs, and what is left of them when it has ended. */
import type * as OutputFile from "@skein/node/OutputFile"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as JobOutput from "../../JobOutput.ts"
import { Channel, type Name, names } from "./channel.ts"
import { textOf } from "./tail.ts"

export type Files = typeof OutputFile

/** What all runs of an engine share. */
export interface Home {
  /** There with a directory. */
  readonly files: Files | undefined
  readonly settings: { readonly tail: number }
  readonly folderOf: (id: string) => string | undefined
  /** A run has begun to write. */
  readonly opened: (output: RunOutput) => void
  /** It writes no more; its tails take so much memory. */
  readonly ended: (output: RunOutput, bytes: number) => void
  readonly forgotten: (output: RunOutput) => void
  /** Has something done that nobody waits for but the close of the engine; `what` is told if it fails. */
  readonly fork: (effect: Effect.Effect<void, OutputFile.OutputFileError>, what: string) => Fiber.Fiber<void>
}

const fileNames: { readonly [N in Name]: string } = { stdout: "stdout.txt", stderr: "stderr.txt", log: "log.txt" }

const nothing: JobOutput.Stream = { text: "", size: 0, dropped: 0, path: undefined, failure: undefined }

/** The output of one run: a record, as long as nothing is written. */
export class RunOutput {
  readonly #home: Home
  readonly #id: string
  /** Whether what lies in the folder is its own. */
  #own: boolean
  #folder: string | undefined
  #channels: { [N in Name]?: Channel } | undefined
  #phase: "open" | "closing" | "ended" | "forgotten" = "open"
  #closing: Fiber.Fiber<unknown, unknown> | undefined

  constructor(home: Home, id: string, own: boolean) {
    this.#home = home
    this.#id = id
    this.#own = own
  }

  /** The channel of that name, until the run has ended, if anything is kept. */
  channel(name: Name): Channel | undefined {
    if (this.#phase !== "open" || (this.#home.settings.tail === 0 && this.#home.files === undefined)) return undefined
    const channels = (this.#channels ??= {})
    let channel = channels[name]
    if (channel === undefined) {
      const { files, settings } = this.#home
      const file = files?.makeUnsafe(`${this.#prepared()!}/${fileNames[name]}`)
      channels[name] = channel = new Channel(settings.tail, file)
      this.#home.opened(this)
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
      return folder === undefined ? Effect.succeedNone : Effect.as(this.#home.files!.makeFolder(folder), Option.some(folder))
    })
  }

  get flush(): Effect.Effect<void, OutputFile.OutputFileError> {
    return Effect.suspend(() => Effect.forEach(Object.values(this.#channels ?? {}), (channel) => channel.flush, { discard: true }))
  }

  /** Notes in the log why an attempt failed, where somebody may read it after the process has ended. */
  failed(at: number, attempt: number, cause: Cause.Cause<unknown>): void {
    if (this.#home.files === undefined) return
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
    this.#closing = this.#home.fork(closing, `output of job ${this.#id} is lost`)
  }

  /** The engine forgets the run: its folder goes. What is in memory stays with who has the handle. */
  forget(): void {
    this.end()
    const { files } = this.#home
    this.#home.forgotten(this)
    if (files === undefined) return
    this.#phase = "forgotten"
    this.drop()
    if (this.#own) this.#remove(files, this.#home.folderOf(this.#id)!)
    this.#folder = undefined
  }

  /** Its tails go. */
  drop(): void {
    this.#channels = undefined
  }

  /** What it has written: the tails as they are now, or as the files have them. */
  get view(): Effect.Effect<JobOutput.JobOutput> {
    return Effect.suspend(() => {
      if (this.#phase === "closing") return Effect.andThen(Fiber.await(this.#closing!), this.view)
      const { files, settings } = this.#home
      const folder = this.#own && this.#phase !== "forgotten" ? this.#home.folderOf(this.#id) : undefined
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
    const { files } = this.#home
    if (files === undefined) return undefined
    this.#folder ??= this.#home.folderOf(this.#id)!
    if (!this.#own) this.#remove(files, this.#folder)
    this.#own = true
    return this.#folder
  }

  /** Out of the way at once, so that a run of the same id may follow; the rest takes its time. */
  #remove(files: Files, folder: string): void {
    const aside = Effect.runSyncExit(files.moveAside(folder))
    if (Exit.isSuccess(aside) && aside.value === undefined) return
    const removal = Exit.isSuccess(aside) ? files.removeFolder(aside.value!) : aside
    this.#home.fork(removal, `could not remove the folder of job ${this.#id}`)
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
      if (this.#home.files !== undefined && channel.failure === undefined) delete this.#channels![name]
      else bytes += channel.kept
    }
    this.#home.ended(this, bytes)
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

/** What lies in a folder, whoever has put it there. */
export const read = (files: Files, folder: string, bytes: number): Effect.Effect<JobOutput.JobOutput> =>
  Effect.map(
    Effect.forEach(names, (name) => streamOf(files, folder, name, bytes)),
    ([stdout, stderr, log]) => ({ directory: folder, stdout: stdout!, stderr: stderr!, log: log! })
  )
