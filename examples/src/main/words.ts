/**
 * Counts the words of one text, and adds such counts up over many.
 */
import * as Effect from "effect/Effect"
import { Fingerprint } from "./fingerprint.ts"

/** How often each word was seen, over all files. */
export type Vocabulary = Map<string, number>

/**
 * The words of one file in the form in which they travel: a line of word and count for each. One text is cheaper on the way than an object or pairs, and unlike the keys of an object it may hold `__proto__`.
 */
export interface Words {
  readonly count: number
  readonly tally: string
  readonly fingerprint: string
}

const atOnce = 20_000

/** Counts words and identifiers. Yields now and then, some milliseconds apart: code that only computes can be neither stopped nor timed out between two yields. */
export const countWords = (text: string): Effect.Effect<Words> =>
  Effect.gen(function* () {
    const own: Vocabulary = new Map()
    const fingerprint = new Fingerprint()
    let count = 0
    for (const [word] of text.matchAll(/[\p{L}_$][\p{L}\p{N}_$]*/gu)) {
      own.set(word, (own.get(word) ?? 0) + 1)
      fingerprint.add(word)
      if (++count % atOnce === 0) yield* Effect.yieldNow
    }
    let tally = ""
    for (const [word, times] of own) tally += `${word} ${times}\n`
    return { count, tally, fingerprint: fingerprint.end() }
  })

/** Adds the words of one file. */
export const addWords = (vocabulary: Vocabulary, tally: string): void => {
  for (let from = 0; from < tally.length;) {
    const space = tally.indexOf(" ", from)
    const end = tally.indexOf("\n", space)
    const word = tally.slice(from, space)
    vocabulary.set(word, (vocabulary.get(word) ?? 0) + Number(tally.slice(space + 1, end)))
    from = end + 1
  }
}
