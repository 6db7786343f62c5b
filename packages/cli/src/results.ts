/**
 * Keeps what each job wrote in a directory of its own: `stdout`, `stderr`, and `job.json`, which comes last and so says that the others are whole.
 *
 * A directory that holds the results of another job is never written into: the next free name is taken, `7~2` after `7`. What the same job left there is replaced.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { join } from "node:path"
import type { Part } from "./capture.ts"
import { digestCounts } from "./digests.ts"
import type { Which } from "./executor.ts"
import type { Job, JobRecord } from "./job.ts"
import { endOf, inputOf, refusal } from "./records.ts"
import { NotWritten, OutputError } from "./sink.ts"

export interface Results {
  readonly folder: (job: Job) => Effect.Effect<Folder, OutputError>
}

/** A job's directory. */
export interface Folder {
  readonly path: string
  /** Adds to what a stream brought. The first piece begins the file anew. */
  readonly append: (which: Which, bytes: Uint8Array) => Effect.Effect<void, OutputError>
  /** Throws away what the streams brought so far. */
  readonly clear: () => void
  /** Writes the parts, where there are any, and the record. */
  readonly finish: (
    record: JobRecord,
    parts: { readonly stdout: Part; readonly stderr: Part } | undefined
  ) => Effect.Effect<void, OutputError>
  /** Closes what is open. */
  readonly close: () => void
}

export const make = (directory: string, by: "seq" | "input"): Effect.Effect<Results, OutputError> => {
  const used = digestCounts()
  return Effect.as(
    attempt(directory, () => fs.mkdirSync(directory, { recursive: true })),
    {
      folder: (job) =>
        Effect.map(
          attempt(directory, () => place(directory, by === "seq" ? String(job.seq) : fileName(job.input.values), job, used.add)),
          folder
        )
    }
  )
}

/** Finds or makes the directory of a job. */
const place = (directory: string, name: string, job: Job, count: (name: string) => number): string => {
  for (let number = count(name); ; number++) {
    const path = join(directory, number === 1 ? name : `${name}~${number}`)
    try {
      fs.mkdirSync(path)
      return path
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
    }
    const key = keyIn(path)
    if (key === undefined || key === job.key) return path
  }
}

const keyIn = (path: string): unknown => {
  try {
    return (JSON.parse(fs.readFileSync(join(path, "job.json"), "utf8")) as { readonly key?: unknown }).key
  } catch {
    return undefined
  }
}

/** A name that no two inputs share, safe in any directory: what is neither letter, digit nor one of `. _ = @ + -` becomes `%XX`; long ones end in a hash. */
const fileName = (values: ReadonlyArray<string>): string => {
  const name = values.map(escaped).join(",") || "%"
  if (Buffer.byteLength(name) <= 200) return name
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 16)
  return `${Array.from(name).slice(0, 40).join("")}~${digest}`
}

const escaped = (value: string): string => value.replace(/[^\p{L}\p{N}._=@+-]|^\./gu, percent)

const percent = (text: string): string =>
  Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("")

const folder = (path: string): Folder => {
  const open = new Map<Which, number>()
  const descriptor = (which: Which): number => {
    const fd = open.get(which) ?? fs.openSync(join(path, which), "w")
    open.set(which, fd)
    return fd
  }
  const close = (): void => {
    for (const fd of open.values()) fs.closeSync(fd)
    open.clear()
  }
  const append = (which: Which, bytes: Uint8Array): Effect.Effect<void, OutputError> =>
    attempt(path, () => {
      const fd = descriptor(which)
      for (let at = 0; at < bytes.length;) at += fs.writeSync(fd, bytes, at)
    })
  const copy = (which: Which, part: Part | undefined): Effect.Effect<void, OutputError> =>
    part === undefined || part.size === 0
      ? attempt(path, () => void descriptor(which))
      : Effect.catchTag(
          part.writeTo((bytes) => append(which, bytes)),
          "CaptureLost",
          (reason) => Effect.fail(new OutputError({ target: path, reason }))
        )
  return {
    path,
    append,
    close,
    clear: () => {
      for (const fd of open.values()) fs.ftruncateSync(fd, 0)
      close()
    },
    finish: (record, parts) =>
      Effect.gen(function* () {
        yield* copy("stdout", parts?.stdout)
        yield* copy("stderr", parts?.stderr)
        yield* attempt(path, () => {
          const draft = join(path, ".job.json")
          fs.writeFileSync(draft, `${JSON.stringify(described(record), undefined, 2)}\n`)
          fs.renameSync(draft, join(path, "job.json"))
        })
      }).pipe(Effect.ensuring(Effect.sync(close)))
  }
}

const described = (record: JobRecord) => ({
  seq: record.job.seq,
  key: record.job.key,
  command: record.job.text,
  input: inputOf(record.job),
  ...endOf(record),
  attempts: record.attempts.length,
  received: record.received
})

const attempt = <A>(target: string, run: () => A): Effect.Effect<A, OutputError> =>
  Effect.try({
    try: run,
    catch: (error) => {
      const { code, detail } = refusal(error)
      return new OutputError({ target, reason: new NotWritten({ message: detail, code }) })
    }
  })
