/** What a job of the command line is to do, before it is one of an engine or of a store. */
import * as Command from "@skein/node/Command"
import * as CommandJob from "@skein/engine/CommandJob"
import type * as Job from "@skein/engine/Job"
import type { Json } from "@skein/engine/JobStore"
import * as StoredJob from "@skein/engine/StoredJob"
import { pathToFileURL } from "node:url"

export interface JobSpec {
  readonly id: string
  readonly name: string
  readonly work: Work
  readonly options: Job.Options<unknown>
}

export type Work = CommandWork | TaskWork

export interface CommandWork {
  readonly kind: "command"
  readonly program: string
  readonly args: ReadonlyArray<string>
  /** The program is a script for this shell. */
  readonly shell: string | undefined
  readonly directory: string
  readonly env: Readonly<Record<string, string>> | undefined
}

export interface TaskWork {
  readonly kind: "task"
  readonly path: string
  readonly export: string
  readonly payload: Json | undefined
}

/** A module and a name of it: `./tasks.ts#resize`. */
export const taskOf = (text: string): { readonly path: string; readonly export: string } | undefined => {
  const [, path, name] = /^(.+)#([\p{L}\p{N}_$]+)$/u.exec(text) ?? []
  return path === undefined || name === undefined ? undefined : { path, export: name }
}

/** Where functions of modules may run. */
export const flavours = ["worker", "process", "inline"] as const

/** What jobs call it: nothing, for the thread of the engine. */
export const flavourOf = (word: (typeof flavours)[number] = "worker"): string | undefined => (word === "inline" ? undefined : word)

/** The command of a job; what it writes goes where `options` say. */
export const commandOf = (work: CommandWork, options: Command.Options = {}): Command.Command => {
  const { args, directory, env, program, shell } = work
  return Command.make(program, args, {
    ...options,
    directory,
    ...(env === undefined ? {} : { env }),
    ...(shell === undefined ? {} : { shell })
  })
}

/** As a request holds it. @throws RangeError for what the engine refuses */
export const storedOf = ({ id, name, options, work }: JobSpec): StoredJob.StoredJob & { readonly id: string } =>
  work.kind === "command"
    ? { id, ...StoredJob.of(CommandJob.make(name, commandOf(work), options as CommandJob.Options)) }
    : {
        id,
        ...StoredJob.ofTask({ module: pathToFileURL(work.path), export: work.export, payload: work.payload ?? null }, { ...options, name })
      }
