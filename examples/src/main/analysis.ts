/**
 * What is done with one file, as a portable task: read, parse, compress, hash. Each worker loads this module, so it imports little and starts nothing.
 */
import * as TextFile from "@skein/node/TextFile"
import * as Task from "@skein/parallel/Task"
import type { TaskRunnerError } from "@skein/parallel/TaskRunner"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { gzipSync } from "node:zlib"
import { Poison, take } from "./poison.ts"
import { countWords } from "./words.ts"

/** What is known of a file in the end. The text itself stays where it was read. */
const Analysis = Schema.Struct({
  bytes: Schema.Number,
  /** The length of the bytes after gzip. */
  compressed: Schema.Number,
  lines: Schema.Number,
  words: Schema.Number,
  /** A line of word and count for each word; see words.ts. */
  tally: Schema.String,
  /** Nearly the same for texts that are nearly the same; see fingerprint.ts. */
  fingerprint: Schema.String,
  /** SHA-256 of the bytes, in hexadecimal. */
  hash: Schema.String
})
export type Analysis = typeof Analysis.Type

/** Nobody wrote this by hand, so its words are not counted. */
export class Generated extends Schema.TaggedError<Generated>()("Generated", { message: Schema.String }) {}

/** The file has no text to give; `kind` is the reason's tag in a `TextFileError`, which itself cannot leave its thread: its class has no schema. */
export class NoText extends Schema.TaggedError<NoText>()("NoText", {
  kind: Schema.Literals(["NotFound", "Denied", "NotAFile", "Binary", "TooLarge", "Busy", "Unreadable"]),
  message: Schema.String
}) {}

export type AnalysisError = NoText | Generated | TaskRunnerError

/** Analyses one file. To do so twice does no harm, so a flavour may do it again after it lost a worker. */
export const analyse = Task.make("analyse", {
  module: import.meta,
  payload: Schema.Struct({ path: Schema.String, poison: Schema.optional(Poison) }),
  success: Analysis,
  error: Schema.Union([NoText, Generated]),
  idempotent: true,
  run: ({ path, poison }) =>
    Effect.gen(function* () {
      running.add(path)
      if (poison !== undefined) yield* take(poison, running)
      const { bytes, text } = yield* Effect.mapError(TextFile.read(path), noText)
      const lines = yield* countLines(text)
      const { count, fingerprint, tally } = yield* countWords(text)
      const compressed = gzipSync(bytes, { level: 9 }).length
      const hash = createHash("sha256").update(bytes).digest("hex")
      return { bytes: bytes.length, compressed, lines, words: count, tally, fingerprint, hash }
    }).pipe(Effect.ensuring(Effect.sync(() => running.delete(path))))
})

/** What is analysed in this thread at this moment, so that whoever kills it can say what else was lost. */
const running = new Set<string>()

const noText = ({ reason }: TextFile.TextFileError): NoText => new NoText({ kind: reason._tag, message: reason.message })

const longestLine = 20_000

const countLines = (text: string): Effect.Effect<number, Generated> => {
  let lines = 0
  for (let from = 0; from < text.length; lines++) {
    const end = text.indexOf("\n", from)
    const to = end === -1 ? text.length : end
    if (to - from > longestLine)
      return Effect.fail(new Generated({ message: `a line of more than ${longestLine.toLocaleString("en")} characters` }))
    from = to + 1
  }
  return Effect.succeed(lines)
}
