/** Cuts bytes into lines: valid UTF-8, no longer than a bound, one batch for each piece that was read. */
import * as Data from "effect/Data"
import { isUtf8 } from "node:buffer"

/** An input that cannot be read, or cannot be what was asked for. The message names the place. */
export class InputError extends Data.TaggedError("InputError")<{
  /**
   * `unreadable`: the file cannot be opened or read. `too-long`: a line above the bound. `encoding`: bytes that are no UTF-8, or a NUL, neither of which an argument can carry. `syntax`: no JSON, no CSV, another
   * number of columns. `usage`: sources that contradict each other.
   */
  readonly reason: "unreadable" | "too-long" | "encoding" | "syntax" | "usage"
  /** As it was named; `-` is standard input. */
  readonly source: string
  /** From 1. */
  readonly line?: number | undefined
  /** From 1, in characters. */
  readonly column?: number | undefined
  readonly message: string
}> {}

/** Is told of a line that is bad in itself. It throws the error, or returns, and the line is skipped. */
export type OnBad = (error: InputError) => void

/** How a place is written for people. */
const place = (source: string, line?: number, column?: number): string => {
  const name = source === "-" ? "standard input" : source
  if (line === undefined) return name
  return column === undefined ? `${name}, line ${line}` : `${name}, line ${line}, column ${column}`
}

/** An error whose message begins with its place. */
export const inputError = (reason: InputError["reason"], what: string, source: string, line?: number, column?: number): InputError =>
  new InputError({ reason, source, line, column, message: `${place(source, line, column)}: ${what}` })

/** Lines that follow each other. */
export interface Batch {
  /** The number of the first. */
  readonly first: number
  readonly lines: ReadonlyArray<string>
}

export interface CutOptions {
  /** Named in errors. */
  readonly source: string
  /** At least one character. */
  readonly delimiter: string
  /** In bytes, without the delimiter. */
  readonly maxLine: number
  readonly onBad: OnBad
}

const why = (line: Uint8Array, delimiter: string): string | undefined => {
  if (!isUtf8(line)) return "bytes that are no UTF-8; an argument cannot carry them"
  if (delimiter !== "\0" && line.includes(0)) return "a NUL byte; an argument cannot carry it, and -0 cuts at it"
  return undefined
}

/** A last line without its delimiter counts; an empty input has no line. Holds one piece and one unfinished line. */
export async function* cut(pieces: AsyncIterable<Uint8Array>, options: CutOptions): AsyncGenerator<Batch> {
  const { delimiter, maxLine, onBad, source } = options
  const mark = Buffer.from(delimiter)
  let number = 1
  let kept: Array<Uint8Array> = []
  let keptBytes = 0
  /** The rest of a line that was too long is thrown away. */
  let skipping = false

  const tooLong = () => onBad(inputError("too-long", `a line of more than ${maxLine} bytes (--max-line)`, source, number))

  /** Where the last delimiter of the piece ends. One that may overlap itself has to be looked for from the left, as cutting does. */
  const endOf = (piece: Buffer): number => {
    if (mark.length === 1) return piece.lastIndexOf(mark[0]!) + 1
    let end = 0
    for (let at = piece.indexOf(mark); at !== -1; at = piece.indexOf(mark, end)) end = at + mark.length
    return end
  }

  /** Whole lines, joined by delimiters. */
  const batches = function* (block: Buffer): Generator<Batch> {
    if (block.length <= maxLine && why(block, delimiter) === undefined) {
      const lines = block.toString().split(delimiter)
      yield { first: number, lines }
      number += lines.length
      return
    }
    // Something in it is bad, or may be: line by line.
    let first = number
    let lines: Array<string> = []
    for (let at = 0; at <= block.length; number++) {
      const found = block.indexOf(mark, at)
      const end = found === -1 ? block.length : found
      const line = block.subarray(at, end)
      at = end + mark.length
      const bad = why(line, delimiter)
      if (line.length <= maxLine && bad === undefined) {
        lines.push(line.toString())
        continue
      }
      if (lines.length > 0) yield { first, lines }
      lines = []
      first = number + 1
      if (bad === undefined || line.length > maxLine) tooLong()
      else onBad(inputError("encoding", bad, source, number))
    }
    if (lines.length > 0) yield { first, lines }
  }

  for await (const read of pieces) {
    let piece = Buffer.from(read.buffer, read.byteOffset, read.byteLength)
    if (mark.length > 1 && keptBytes > 0) {
      // The delimiter may begin in what is kept.
      const before = Buffer.concat(kept)
      const tail = Math.min(mark.length - 1, before.length)
      piece = Buffer.concat([before.subarray(before.length - tail), piece])
      kept = [before.subarray(0, before.length - tail)]
      keptBytes -= tail
    }
    if (skipping) {
      const found = piece.indexOf(mark)
      if (found === -1) {
        if (mark.length > 1) {
          kept = [piece.subarray(Math.max(0, piece.length - mark.length + 1))]
          keptBytes = kept[0]!.length
        }
        continue
      }
      skipping = false
      kept = []
      keptBytes = 0
      number++
      piece = piece.subarray(found + mark.length)
    }
    const end = endOf(piece)
    if (end > 0) {
      const block = piece.subarray(0, end - mark.length)
      const whole = keptBytes === 0 ? block : Buffer.concat([...kept, block])
      kept = []
      keptBytes = 0
      yield* batches(whole)
    }
    if (end < piece.length) {
      const rest = piece.subarray(end)
      // A copy, where the rest is small: it would keep the whole piece alive for as long as nothing follows.
      kept.push(rest.length * 4 < piece.length ? Buffer.from(rest) : rest)
      keptBytes += rest.length
    }
    // A delimiter of several bytes may still be the end of what is kept.
    if (keptBytes >= maxLine + mark.length) {
      tooLong()
      skipping = true
      kept = mark.length > 1 ? [Buffer.concat(kept).subarray(1 - mark.length)] : []
      keptBytes = mark.length - 1
    }
  }
  if (!skipping && keptBytes > 0) yield* batches(Buffer.concat(kept))
}
