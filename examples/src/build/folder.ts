/** Where things lie in the folder of a build. The engine's process and the one that watches it have nothing else in common. */
import { join } from "node:path"

export const storeIn = (folder: string): string => join(folder, "jobs.db")

/** Where `skein jobs logs` looks for what the jobs of that store have written. */
export const outputIn = (folder: string): string => `${storeIn(folder)}.output`

/** A line for each start (`+id`) and each end (`-id`) of a task: it knows nothing of the store, so the two can be compared. */
export const ledgerIn = (folder: string): string => join(folder, "ledger.txt")

/** What others bring: a key, and the lock of a registry. */
export const inboxIn = (folder: string): string => join(folder, "inbox")

/** A copy of the packages' sources: they may be edited while the build runs. */
export const sourcesIn = (folder: string): string => join(folder, "sources")

export const draftIn = (folder: string): string => join(folder, "draft.mjs")

export const releaseIn = (folder: string): string => join(folder, "release")

export const publishedIn = (folder: string): string => join(folder, "published")

/** What the ledger says between two processes. */
export const killed = "killed"
