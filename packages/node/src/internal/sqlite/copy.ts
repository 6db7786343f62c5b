/** Copies a database while it is in use. */
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import * as fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { backup, type DatabaseSync } from "node:sqlite"
import * as failure from "./failure.ts"

/** All pages in one step, in one of Node's threads: in many steps, a writer elsewhere makes the copy start anew each time. */
const allPages = 2 ** 31 - 1

const attempt = <A>(path: string, work: () => Promise<A>): Effect.Effect<A, SqlError> =>
  // What the thread has begun it brings to its end; the lease must not be given on before.
  Effect.uninterruptible(Effect.tryPromise({ try: work, catch: (cause) => failure.of(cause, "backup", path) }))

/**
 * Writes a copy to a new file, which is there when it is complete. An old file is never replaced: its write-ahead log, if one is left, would be taken for the copy's.
 */
export const toFile = (db: DatabaseSync, path: string): Effect.Effect<void, SqlError> =>
  attempt(path, async () => {
    for (const leftover of [`${path}-wal`, `${path}-journal`]) {
      if (await isThere(leftover)) throw new Error(`${leftover} is there and belongs to another database`)
    }
    const part = `${path}.part-${process.pid}-${Math.random().toString(36).slice(2, 10)}`
    await (await fs.open(path, "wx")).close()
    try {
      await backup(db, part, { rate: allPages })
      await fs.rename(part, path)
    } catch (cause) {
      await Promise.allSettled([path, part, `${part}-journal`].map((name) => fs.rm(name, { force: true })))
      throw cause
    }
  })

const isThere = (path: string): Promise<boolean> =>
  fs.lstat(path).then(
    () => true,
    () => false
  )

/** The bytes of a copy. */
export const toBytes = (db: DatabaseSync): Effect.Effect<Uint8Array, SqlError> =>
  attempt(":memory:", async () => {
    const folder = await fs.mkdtemp(join(tmpdir(), "skein-sqlite-"))
    try {
      const file = join(folder, "copy.db")
      await backup(db, file, { rate: allPages })
      return new Uint8Array(await fs.readFile(file))
    } finally {
      await fs.rm(folder, { recursive: true, force: true })
    }
  })
