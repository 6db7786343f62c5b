/**
 * Says how a chunk of a bulk call travels, and how what became of its items comes back.
 *
 * The items of a chunk run one after the other. What becomes of one has left the worker before the next begins, so that a worker that dies takes with it the item that ran, and nothing else. Threads write it into a journal
 * in shared memory, which costs nothing that is worth counting; where there is none it is sent, a message for each item. What does not fit ends the chunk, and travels with its end. It knows nothing of Effect.
 */
import type { Answer } from "../TaskRunner.ts"

/** What became of an item. */
export const state = {
  /** A number, as it is. */
  number: 1,
  /** A value, as text. */
  value: 2,
  /** A cause, as text. */
  failure: 3,
  /** A value, as text that is read by the schema although that is plain. */
  coded: 4,
  /** It was asked to stop before it ended. */
  asked: 16
} as const

const isValue = (kind: number): boolean => kind === state.value || kind === state.coded

/** One item's end, read from wherever it came from. */
export interface Ended {
  readonly index: number
  /** One of `state`, with or without `asked`. */
  readonly state: number
  /** Milliseconds since the Unix epoch, on the worker's clock. */
  readonly started: number
  readonly ended: number
  readonly answer: Answer | number
}

/** Words at the start of a journal: how many items have ended, and which one runs, counted from 1. */
const countAt = 0
const runningAt = 1
const headWords = 4
/** The items of a journal at most; a chunk is never larger. */
export const largest = 1_024
const unitsEach = 64
const least = 4_096

/** A text that is longer ends its chunk: to write it would take longer than to send it. */
const longest = 16_384

const round = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(n, 16)))

/** The memory of one chunk at a time: numbers in, and all that comes back. One side writes, the other reads what was counted. */
export class Journal {
  readonly memory: SharedArrayBuffer
  readonly capacity: number
  readonly given: Float64Array
  readonly numbers: Float64Array
  readonly started: Float64Array
  readonly ended: Float64Array
  private readonly words: Int32Array
  private readonly states: Int32Array
  /** Where the text of an item ends, in units of UTF-16. */
  private readonly ends: Int32Array
  private readonly units: Uint16Array

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.words = new Int32Array(memory, 0, headWords)
    const capacity = (this.capacity = this.words[2]!)
    let at = headWords * 4
    const doubles = (): Float64Array => {
      const view = new Float64Array(memory, at, capacity)
      at += capacity * 8
      return view
    }
    this.given = doubles()
    this.numbers = doubles()
    this.started = doubles()
    this.ended = doubles()
    this.states = new Int32Array(memory, at, capacity)
    this.ends = new Int32Array(memory, at + capacity * 4, capacity)
    this.units = new Uint16Array(memory, at + capacity * 8)
  }

  static make(items: number): Journal {
    const capacity = Math.min(round(items), largest)
    const memory = new SharedArrayBuffer(headWords * 4 + capacity * 40 + (capacity * unitsEach + least) * 2)
    new Int32Array(memory, 0, headWords)[2] = capacity
    return new Journal(memory)
  }

  /** How many have ended. */
  get count(): number {
    return Atomics.load(this.words, countAt)
  }

  /** The item that runs, -1 if none does. */
  get running(): number {
    return Atomics.load(this.words, runningAt) - 1
  }

  clear(): void {
    Atomics.store(this.words, countAt, 0)
    Atomics.store(this.words, runningAt, 0)
  }

  begin(index: number, now: number): void {
    this.started[index] = now
    Atomics.store(this.words, runningAt, index + 1)
  }

  /** Writes the end of an item; false if there is no room for its text. */
  end(index: number, stateOf: number, ended: number, value: number | string): boolean {
    const from = index === 0 ? 0 : this.ends[index - 1]!
    if (typeof value === "number") {
      this.numbers[index] = value
      this.ends[index] = from
    } else {
      const { units } = this
      const { length } = value
      // A comma follows each text, so that many are read as one list.
      if (length > longest || from + length + 1 > units.length) return false
      for (let i = 0; i < length; i++) units[from + i] = value.charCodeAt(i)
      units[from + length] = comma
      this.ends[index] = from + length + 1
    }
    this.states[index] = stateOf
    this.ended[index] = ended
    Atomics.store(this.words, runningAt, 0)
    Atomics.store(this.words, countAt, index + 1)
    return true
  }

  stateOf(index: number): number {
    return this.states[index]!
  }

  endOf(index: number): Ended {
    const stateOf = this.states[index]!
    const kind = stateOf & ~state.asked
    const answer = kind === state.number ? this.numbers[index]! : { ok: isValue(kind), text: this.textOf(index, index + 1) }
    return { index, state: stateOf, started: this.started[index]!, ended: this.ended[index]!, answer }
  }

  /** Up to where the items from `from` on have ended like that one, to `to` at most. */
  alike(from: number, to: number): number {
    const { states } = this
    const first = states[from]
    let at = from + 1
    while (at < to && states[at] === first) at++
    return at
  }

  /** The texts of the items from `from` to `to`, with commas between. */
  textOf(from: number, to: number): string {
    const start = from === 0 ? 0 : this.ends[from - 1]!
    const end = this.ends[to - 1]! - 1
    const { units } = this
    if (end - start <= 32) {
      let text = ""
      for (let at = start; at < end; at++) text += String.fromCharCode(units[at]!)
      return text
    }
    // Decoders do not read shared memory.
    return utf16.decode(units.slice(start, end))
  }
}

const comma = 44
const utf16 = new TextDecoder("utf-16le", { ignoreBOM: true })

/** The message of an item that has ended, where there is no journal. */
export const writeEnd = (index: number, stateOf: number, started: number, ended: number, value: number | string): string =>
  `#${index} ${stateOf} ${started} ${ended}\n${typeof value === "number" ? numberText(value) : value}`

const numberText = (value: number): string => (Object.is(value, -0) ? "-0" : String(value))

/** The message of an item that begins: only where somebody has to know, for its time is limited. */
export const writeBegin = (index: number, now: number): string => `@${index} ${now}`

/** A message of what runs inside an item. */
export const writeSaid = (index: number, text: string): string => `>${index}\n${text}`

/** A message to a chunk: the item shall stop, and no further one begin. */
export const writeStop = (index: number): string => `#${index}`

export const readStop = (text: string): number | undefined => (text.startsWith("#") ? Number(text.slice(1)) : undefined)

export type Message =
  | { readonly is: "ended"; readonly ended: Ended }
  | { readonly is: "begun"; readonly index: number; readonly at: number }
  | { readonly is: "said"; readonly index: number; readonly text: string }

export const readMessage = (text: string): Message => {
  const newline = text.indexOf("\n")
  switch (text.charCodeAt(0)) {
    case 35 /* # */:
      return { is: "ended", ended: endedOf(text, 1, newline, undefined) }
    case 64 /* @ */: {
      const [index, at] = text.slice(1).split(" ")
      return { is: "begun", index: Number(index), at: Number(at) }
    }
    default:
      return { is: "said", index: Number(text.slice(1, newline)), text: text.slice(newline + 1) }
  }
}

const endedOf = (text: string, from: number, newline: number, parts: Answer["parts"]): Ended => {
  const [index, stateOf, started, ended] = text.slice(from, newline).split(" ").map(Number) as [number, number, number, number]
  const rest = text.slice(newline + 1)
  const kind = stateOf & ~state.asked
  const answer = kind === state.number ? Number(rest) : { ok: isValue(kind), text: rest, parts }
  return { index, state: stateOf, started, ended, answer }
}

/** The end of a chunk: with the end of the item that did not fit elsewhere, if there is one. */
export const writeLast = (last: Ended | undefined): Answer => {
  if (last === undefined) return { ok: true, text: "" }
  const answer = last.answer as Answer
  return {
    ok: true,
    text: writeEnd(last.index, last.state, last.started, last.ended, answer.text),
    parts: answer.parts,
    transfer: answer.transfer
  }
}

export const readLast = ({ parts, text }: Answer): Ended | undefined =>
  text === "" ? undefined : endedOf(text, 1, text.indexOf("\n"), parts)
