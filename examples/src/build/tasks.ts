/**
 * The steps of the build: tasks with plain data in and out, so that a store can keep them.
 *
 * Each may be killed at any moment and run again: what it writes is complete under its name or not there.
 */
import * as Task from "@skein/parallel/Task"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { createHash, createHmac } from "node:crypto"
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, watch, writeFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { join } from "node:path"
import { promisify } from "node:util"
import { brotliCompress, constants } from "node:zlib"
import { inboxIn, ledgerIn, publishedIn, releaseIn } from "./folder.ts"

/** Who calls, and where the build lies. */
const Job = Schema.Struct({ id: Schema.String, folder: Schema.String })
type Job = typeof Job.Type

/** Writes the start and the end of a step into the ledger. A step that is killed has no end. */
const step = <A, E>({ folder, id }: Job, work: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  const note = (sign: string) => Effect.sync(() => appendFileSync(ledgerIn(folder), `${sign}${id}\n`))
  return Effect.acquireUseRelease(
    note("+"),
    () => work,
    () => note("-")
  )
}

const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex")

const writeWhole = (path: string, data: string | Uint8Array): void => {
  writeFileSync(`${path}.part`, data)
  renameSync(`${path}.part`, path)
}

const Scanned = Schema.Struct({ files: Schema.Array(Schema.String), lines: Schema.Number })

/** Finds the sources of a package and counts their lines. */
export const scan = Task.make("scan", {
  module: import.meta,
  payload: Schema.Struct({ job: Job, sources: Schema.String }),
  success: Scanned,
  idempotent: true,
  run: ({ job, sources }) =>
    step(
      job,
      Effect.gen(function* () {
        const files = readdirSync(sources, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))
        let lines = 0
        for (const file of files.sort()) {
          lines += readFileSync(join(sources, file), "utf8").split("\n").length - 1
          yield* Effect.yieldNow
        }
        return { files, lines }
      })
    )
})

const Compiled = Schema.Struct({ script: Schema.String, digest: Schema.String })

/** Takes the types out of each source, which finds what is no TypeScript, and writes all of them as one script. */
export const compile = Task.make("compile", {
  module: import.meta,
  payload: Schema.Struct({ job: Job, sources: Schema.String, script: Schema.String, scanned: Scanned }),
  success: Compiled,
  idempotent: true,
  run: ({ job, scanned, script, sources }) =>
    step(
      job,
      Effect.gen(function* () {
        const parts: Array<string> = []
        for (const file of scanned.files) {
          parts.push(`// ${file}\n`, stripTypeScriptTypes(readFileSync(join(sources, file), "utf8")))
          yield* Effect.yieldNow
        }
        const text = parts.join("")
        writeWhole(script, text)
        return { script, digest: sha256(text) }
      })
    )
})

const Archive = Schema.Struct({ path: Schema.String, bytes: Schema.Number, digest: Schema.String })

const compress = promisify(brotliCompress)

/** Compresses a script into an archive. */
export const pack = Task.make("pack", {
  module: import.meta,
  payload: Schema.Struct({ job: Job, compiled: Compiled }),
  success: Archive,
  idempotent: true,
  run: ({ compiled, job }) =>
    step(
      job,
      Effect.gen(function* () {
        const path = `${compiled.script}.br`
        const params = { [constants.BROTLI_PARAM_QUALITY]: 9 }
        const data = yield* Effect.promise(() => compress(readFileSync(compiled.script), { params }))
        writeWhole(path, data)
        return { path, bytes: data.length, digest: sha256(data) }
      })
    )
})

const Linked = Schema.Struct({ digest: Schema.String, archives: Schema.Array(Archive) })

/** Makes the release of all archives, and its digest. */
export const link = Task.make("link", {
  module: import.meta,
  payload: Schema.Struct({ job: Job, archives: Schema.Array(Archive) }),
  success: Linked,
  idempotent: true,
  run: ({ archives, job }) =>
    step(
      job,
      Effect.sync(() => {
        const linked = { digest: sha256(archives.map(({ digest }) => digest).join("\n")), archives }
        writeWhole(join(releaseIn(job.folder), "release.json"), JSON.stringify(linked))
        return linked
      })
    )
})

/** Waits until somebody has brought the key to sign with, for as long as that takes. */
export const key = Task.make("key", {
  module: import.meta,
  payload: Job,
  success: Schema.String,
  idempotent: true,
  run: (job) => {
    const path = join(inboxIn(job.folder), "signing.key")
    const brought = Effect.callback<void>((resume) => {
      const look = (): void => {
        if (!existsSync(path)) return
        watcher.close()
        resume(Effect.void)
      }
      const watcher = watch(inboxIn(job.folder), look)
      // It may have been there before anybody watched.
      look()
      return Effect.sync(() => watcher.close())
    })
    return step(
      job,
      Effect.map(brought, () => path)
    )
  }
})

/** Signs the release. */
export const sign = Task.make("sign", {
  module: import.meta,
  payload: Schema.Struct({ job: Job, release: Linked, key: Schema.String }),
  success: Schema.String,
  idempotent: true,
  run: ({ job, key, release }) =>
    step(
      job,
      Effect.sync(() => {
        const signature = createHmac("sha256", readFileSync(key)).update(release.digest).digest("hex")
        writeWhole(join(releaseIn(job.folder), "signature.txt"), `${signature}\n`)
        return signature
      })
    )
})

/** What is asked for is not there, and may be later. */
class NotThere extends Schema.TaggedError<NotThere>()("NotThere", { message: Schema.String }) {}

/** Fetches the version to publish under, which the registry gives with its lock. */
export const fetch = Task.make("fetch", {
  module: import.meta,
  payload: Job,
  success: Schema.String,
  error: NotThere,
  idempotent: true,
  run: (job) =>
    step(
      job,
      Effect.suspend(() => {
        const lock = join(inboxIn(job.folder), "registry.lock")
        return existsSync(lock)
          ? Effect.succeed(readFileSync(lock, "utf8").trim())
          : Effect.fail(new NotThere({ message: "registry.lock is not there yet" }))
      })
    )
})

/** Publishes the release. It must not happen twice, so a publish that was killed has failed. */
export const publish = Task.make("publish", {
  module: import.meta,
  payload: Schema.Struct({ job: Job, signature: Schema.String, version: Schema.String }),
  success: Schema.String,
  run: ({ job, version }) =>
    step(
      job,
      Effect.sync(() => {
        cpSync(releaseIn(job.folder), join(publishedIn(job.folder), version), { recursive: true })
        return version
      })
    )
})

/** Tells the world of what was published. */
export const announce = Task.make("announce", {
  module: import.meta,
  payload: Schema.Struct({ job: Job, version: Schema.String }),
  success: Schema.Void,
  run: ({ job, version }) =>
    step(
      job,
      Effect.sync(() => appendFileSync(join(publishedIn(job.folder), "news.txt"), `${version} is out\n`))
    )
})

/** Says what has been released and whether it was published, whatever has become of that. */
export const report = Task.make("report", {
  module: import.meta,
  payload: Job,
  success: Schema.String,
  idempotent: true,
  run: (job) =>
    step(
      job,
      Effect.sync(() => {
        mkdirSync(releaseIn(job.folder), { recursive: true })
        const archives = readdirSync(releaseIn(job.folder)).filter((file) => file.endsWith(".br"))
        const text = `${archives.length} archives, ${existsSync(publishedIn(job.folder)) ? "published" : "not published"}`
        writeWhole(join(job.folder, "report.txt"), `${text}\n`)
        return text
      })
    )
})
