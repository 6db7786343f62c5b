/** The folders that output lies in, and their files as others read them. */
import * as Effect from "effect/Effect"
import { createHash, randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { dirname, join } from "node:path"
import { errorOf, type OutputFileError } from "./failure.ts"

/** How much of the text is shown in the name. */
const shown = 60

export const folderName = (text: string): string => {
  const readable = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, shown)
    .replaceAll(/^-+|-+$/g, "")
  // In UTF-16, in which halves of characters differ, too.
  const digest = createHash("sha256").update(Buffer.from(text, "utf16le")).digest("hex").slice(0, 32)
  return readable === "" ? digest : `${readable}-${digest}`
}

const isFolderName = (name: string): boolean => /^(?:[a-z0-9-]+-)?[0-9a-f]{32}$/.test(name)
const isAside = (name: string): boolean => /^\.removed-[0-9a-f]{24}$/.test(name)

const attempt = <A>(path: string, call: () => Promise<A>): Effect.Effect<A, OutputFileError> =>
  Effect.uninterruptible(Effect.tryPromise({ try: call, catch: (error) => errorOf(path, error) }))

export const makeFolder = (path: string): Effect.Effect<void, OutputFileError> =>
  Effect.asVoid(attempt(path, () => fs.promises.mkdir(path, { recursive: true })))

export const removeFolder = (path: string): Effect.Effect<void, OutputFileError> =>
  attempt(path, () => fs.promises.rm(path, { recursive: true, force: true, maxRetries: 3 }))

/** In one step, so that whoever comes next finds the place free while what was there is being removed. */
export const moveAside = (path: string): Effect.Effect<string | undefined, OutputFileError> =>
  Effect.suspend(() => {
    const aside = join(dirname(path), `.removed-${randomBytes(12).toString("hex")}`)
    try {
      fs.renameSync(path, aside)
      return Effect.succeed(aside)
    } catch (error) {
      const failure = errorOf(path, error)
      const { code } = failure.reason
      return code === "ENOENT" || code === "ENOTDIR" ? Effect.undefined : Effect.fail(failure)
    }
  })

export const listFolders = (path: string): Effect.Effect<ReadonlyArray<string>, OutputFileError> =>
  attempt(path, () => fs.promises.readdir(path)).pipe(
    Effect.map((names) => names.filter((name) => isFolderName(name) || isAside(name)).toSorted()),
    Effect.catchIf(
      ({ reason }) => reason._tag === "NotFound",
      () => Effect.succeed([])
    )
  )

/**
 * The end of a file.
 *
 * @category models
 * @since 0.1.0
 */
export interface FileTail {
  readonly bytes: Uint8Array
  /** How long the whole file is. */
  readonly size: number
}

export const readTail = (path: string, bound: number): Effect.Effect<FileTail, OutputFileError> =>
  attempt(path, async () => {
    const handle = await fs.promises.open(path, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0))
    try {
      const { size } = await handle.stat()
      const from = Math.max(0, size - bound)
      const buffer = new Uint8Array(size - from)
      let length = 0
      while (length < buffer.length) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length, from + length)
        // It has been cut meanwhile.
        if (bytesRead === 0) break
        length += bytesRead
      }
      return { bytes: buffer.subarray(0, length), size }
    } finally {
      await handle.close()
    }
  })
