/**
 * What is done with one file: read, hash, count lines and words.
 */
import { TextFile } from "@skein/node"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import type { Input } from "./inputs.ts"

export interface Analysis {
  readonly bytes: number
  readonly lines: number
  readonly words: number
  /** SHA-256 of the bytes, in hexadecimal. */
  readonly hash: string
}

/** Nobody wrote this by hand, so its words are not counted. */
export class Generated extends Data.TaggedError("Generated")<{ readonly message: string }> {}

export type AnalysisError = TextFile.TextFileError | Generated

/** How often each word was seen, over all files. */
export type Vocabulary = Map<string, number>

const longestLine = 20_000

/**
 * Analyses one file, and adds its words to the vocabulary of the run.
 *
 * They are added in one step with giving the result, at the very end: a file that fails or is stopped half-way has added nothing, so the sums agree with the outcomes.
 */
export const analyse = (input: Input, vocabulary: Vocabulary): Effect.Effect<Analysis, AnalysisError> =>
  Effect.gen(function* () {
    const { bytes, text } = yield* TextFile.read(input.path)
    const lines = yield* countLines(text)
    const own: Vocabulary = new Map()
    const words = yield* countWords(text, own)
    const hash = createHash("sha256").update(bytes).digest("hex")
    for (const [word, count] of own) vocabulary.set(word, (vocabulary.get(word) ?? 0) + count)
    return { bytes: bytes.length, lines, words, hash }
  })

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

const atOnce = 20_000

/** Counts the words and identifiers. Yields now and then, some milliseconds apart: code that only computes can be neither stopped nor timed out between two yields. */
const countWords = (text: string, vocabulary: Vocabulary): Effect.Effect<number> =>
  Effect.gen(function* () {
    let count = 0
    for (const [word] of text.matchAll(/[\p{L}_$][\p{L}\p{N}_$]*/gu)) {
      vocabulary.set(word, (vocabulary.get(word) ?? 0) + 1)
      if (++count % atOnce === 0) yield* Effect.yieldNow
    }
    return count
  })
