/** The files that hold what the jobs of a store have written. */
import * as OutputFile from "@skein/node/OutputFile"
import * as Effect from "effect/Effect"
import { join } from "node:path"

/** The folder with a folder for each job that has written something, beside the store. */
export const folder = (store: string): string => `${store}.output`

/** What a job writes, and the file for it in its folder. */
export const channels = { stdout: "stdout.txt", stderr: "stderr.txt", log: "log.txt" } as const

export type Channel = keyof typeof channels

/** The folder of a job. */
export const folderOf = (store: string, id: string): string => join(folder(store), OutputFile.folderName(id))

/** Removes what jobs have written. */
export const remove = (store: string, ids: ReadonlyArray<string>): Effect.Effect<void, OutputFile.OutputFileError> =>
  Effect.forEach(ids, (id) => OutputFile.removeFolder(folderOf(store, id)), { concurrency: 8, discard: true })
