/**
 * One record for each line of each text file below a folder, as NDJSON or CSV; and back again, a block of whole lines at a time.
 */
import { TextFile } from "@skein/node"
import { parallelStream } from "@skein/parallel/parallelStream"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type FileHandle, open, readdir } from "node:fs/promises"
import { join } from "node:path"

export interface Record {
  /** Relative to the folder, so that it is the same on every machine. */
  readonly path: string
  readonly line: number
  readonly text: string
}

export type Format = "ndjson" | "csv"

const isText = /\.(?:[cm]?[jt]s|md)$/
const longest = 400 // characters of one line

/** Walks a folder in a fixed order and no further than it is asked to. Links are not followed, so there are no circles. */
async function* walk(dir: string, below = ""): AsyncGenerator<string> {
  const entries = await readdir(join(dir, below), { withFileTypes: true })
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) yield* walk(dir, path)
    else if (entry.isFile() && isText.test(entry.name)) yield path
  }
}

const quoted = (text: string): string => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

const writeRecord = {
  ndjson: (record: Record): string => `${JSON.stringify(record)}\n`,
  csv: ({ line, path, text }: Record): string => `${quoted(path)},${line},${quoted(text)}\n`
}

/** The text of the records of one file, and how long it is as NDJSON. What cannot be read, or is no text, has no records. */
const recordsOf = (dir: string, path: string, format: Format): Effect.Effect<{ readonly text: string; readonly size: number }> =>
  Effect.match(TextFile.read(join(dir, path), { maxBytes: 4_000_000 }), {
    onFailure: () => ({ text: "", size: 0 }),
    onSuccess: (file) => {
      let text = ""
      let size = 0
      let line = 0
      for (const raw of file.text.split("\n")) {
        line++
        const trimmed = raw.trim().slice(0, longest).toWellFormed()
        if (trimmed === "") continue
        text += writeRecord[format]({ path, line, text: trimmed })
        size += path.length + trimmed.length + 32
      }
      return { text, size }
    }
  })

/** What a file looks like whose writer was killed: the first records of every hundredth file are followed by half a line. */
const torn = '{"path":"torn\n'

/**
 * Makes a file of records: as many as take about `size` bytes as NDJSON, or all there are. Eight files are read ahead, in the order of the walk; when there is enough, the stream is left, and the walk ends where it is.
 */
export const generate = (dir: string, format: Format, size: number, out: FileHandle): Effect.Effect<void> =>
  Effect.suspend(() => {
    let made = 0
    return parallelStream(walk(dir), (path) => recordsOf(dir, path, format), { concurrency: 8, order: "input" }).pipe(
      Stream.runForEachWhile((outcome) => {
        const records = outcome._tag === "Completed" ? outcome.value : { text: "", size: 0 }
        made += records.size
        const text = outcome.index % 100 === 99 ? records.text + torn : records.text
        return Effect.as(
          Effect.promise(() => out.write(text)),
          made < size
        )
      }),
      Effect.orDie
    )
  })

/** Reads a file in blocks of whole lines. Holds one block, and reads the next when it is asked for. */
export async function* blocksOf(path: string, size = 65_536): AsyncGenerator<Buffer> {
  const file = await open(path)
  try {
    let rest = Buffer.alloc(0)
    for (;;) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(size), 0, size)
      if (bytesRead === 0) break
      const end = buffer.subarray(0, bytesRead).lastIndexOf(10) + 1
      if (end > 0) yield Buffer.concat([rest, buffer.subarray(0, end)])
      rest = end > 0 ? buffer.subarray(end, bytesRead) : Buffer.concat([rest, buffer.subarray(0, bytesRead)])
    }
    if (rest.length > 0) yield rest
  } finally {
    await file.close()
  }
}

/** The records of a block. A line that is no record is counted and left out. */
export const parse = (block: Buffer, format: Format): { readonly records: ReadonlyArray<Record>; readonly bad: number } => {
  const records: Array<Record> = []
  let bad = 0
  for (const line of block.toString().split("\n")) {
    if (line === "") continue
    const record = format === "ndjson" ? fromJson(line) : fromCsv(line)
    if (record === undefined) bad++
    else records.push(record)
  }
  return { records, bad }
}

const fromJson = (line: string): Record | undefined => {
  try {
    const { line: number, path, text } = JSON.parse(line) as Partial<Record>
    return typeof path === "string" && typeof number === "number" && typeof text === "string" ? { path, line: number, text } : undefined
  } catch {
    return undefined
  }
}

const fields = /(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g

const fromCsv = (text: string): Record | undefined => {
  const [path, line, content, ...more] = Array.from(text.matchAll(fields), ([, inQuotes, bare]) => inQuotes?.replaceAll('""', '"') ?? bare!)
  if (path === undefined || content === undefined || more.length > 0 || !/^\d+$/.test(line!)) return undefined
  return { path, line: Number(line), text: content }
}
