/** Turns groups of arguments, files and standard input into inputs, one at a time. Errors are thrown as `InputError`: what reads this is a loop. */
import type { Readable } from "node:stream"
import { collect, cross, link, pack } from "./combine.ts"
import type { Group } from "./commandLine.ts"
import { type Row, rows } from "./csv.ts"
import * as inputFile from "./inputFile.ts"
import type { Input } from "./job.ts"
import { type Batch, cut, type InputError, inputError, type OnBad } from "./lines.ts"
import * as ndjson from "./ndjson.ts"

/** What is in the files. Arguments on the command line are values, whatever the format. */
export type Format = "lines" | "ndjson" | "csv" | "tsv"

export interface Options {
  readonly groups: ReadonlyArray<Group>
  /** `-a`: each file is a source of its own, before the groups. `-` is standard input. Neither files nor groups: standard input. */
  readonly files?: ReadonlyArray<string> | undefined
  /** @default process.stdin */
  readonly stdin?: Readable | undefined
  /** @default "lines" */
  readonly format?: Format | undefined
  /**
   * What ends a line, where the format is `lines`; `"\0"` for `-0`.
   *
   * @default "\n"
   */
  readonly delimiter?: string | undefined
  /** Cuts each line into values, where the format is `lines`, and each argument. */
  readonly columns?: RegExp | undefined
  /**
   * `names`: the first line of each file names its columns.
   *
   * @default "names" for csv and tsv, "none" for lines
   */
  readonly header?: "names" | "none" | undefined
  /**
   * Takes white space from both ends of each value, or one.
   *
   * @default "none"
   */
  readonly trim?: "none" | "left" | "right" | "both" | undefined
  /**
   * `skip`: a line of nothing but white space is no input.
   *
   * @default "keep"
   */
  readonly empty?: "keep" | "skip" | undefined
  /**
   * So many inputs become one, with the values of all; the last may have fewer.
   *
   * @default 1
   */
  readonly perJob?: number | undefined
  /**
   * In bytes.
   *
   * @default 16 MiB
   */
  readonly maxLine?: number | undefined
  /**
   * `skip`: goes on behind a line that is bad in itself. What cannot be read at all always stops.
   *
   * @default "stop"
   */
  readonly onBad?: "stop" | "skip" | undefined
  /** Is told what was skipped. */
  readonly skipped?: ((error: InputError) => void) | undefined
  /** Ends the reading, also where it waits for a silent pipe: the iteration then ends as if the input had. */
  readonly signal?: AbortSignal | undefined
}

export interface Source {
  /** `records`: inputs have fields. */
  readonly kind: "values" | "records"
  /** How many inputs there will be, where that is known before reading. */
  readonly total: number | undefined
  /** How many values each input has, where that is known before reading. */
  readonly width: number | undefined
  /** The fields that every input has, where a header names them: reads it. Not known for NDJSON, whose records differ. Rejects with an `InputError`. */
  readonly names: () => Promise<ReadonlyArray<string> | undefined>
  /** Once. Throws an `InputError`. One line at a time is held, and what is crossed with the first source. */
  readonly inputs: AsyncIterable<Input>
}

const defaultMaxLine = 16 * 1024 * 1024

/** One source before it is combined with others. */
interface Single {
  readonly linked: boolean
  readonly total: number | undefined
  readonly width: number | undefined
  /** Reads the header, where there is one. */
  readonly names: () => Promise<ReadonlyArray<string> | undefined>
  readonly inputs: AsyncIterable<Input>
  /** Closes what was opened for the names, or for inputs that nobody took to the end. */
  readonly close: () => Promise<unknown>
}

const of = (single: Omit<Single, "names" | "close" | "inputs">, inputs: AsyncGenerator<Input>): Single => ({
  ...single,
  names: () => Promise.resolve(undefined),
  inputs,
  close: () => inputs.return(undefined)
})

/** White space as `\s` has it, so that all of them agree. */
const blank = /^\s*$/

const trimmer = (trim: Options["trim"]): ((text: string) => string) | undefined => {
  switch (trim) {
    case "left":
      return (text) => text.trimStart()
    case "right":
      return (text) => text.trimEnd()
    case "both":
      return (text) => text.trim()
    default:
      return undefined
  }
}

/** `split` would put what the groups of the expression caught between the values. */
const splitter = (columns: RegExp): ((text: string) => ReadonlyArray<string>) => {
  const caught = new RegExp(`${columns.source}|`, columns.flags).exec("")!.length - 1
  return caught === 0 ? (text) => text.split(columns) : (text) => text.split(columns).filter((_, i) => i % (caught + 1) === 0)
}

/** With columns, a word is cut as a line is; a header it has not. */
const ofWords = (words: ReadonlyArray<string>, linked: boolean, options: Options): Single => {
  const trim = trimmer(options.trim)
  const cut = options.columns === undefined ? undefined : splitter(options.columns)
  const kept = words.filter((word) => options.empty !== "skip" || !blank.test(word))
  const inputs = async function* (): AsyncGenerator<Input> {
    for (const word of kept) {
      const values = cut === undefined ? [word] : cut(word)
      yield { values: trim === undefined ? values : values.map(trim) }
    }
  }
  return of({ linked, total: kept.length, width: cut === undefined ? 1 : undefined }, inputs())
}

async function* linesAsRows(
  batches: AsyncIterable<Batch>,
  cells: (text: string) => ReadonlyArray<string>
): AsyncGenerator<ReadonlyArray<Row>> {
  for await (const { first, lines } of batches) yield lines.map((text, i) => ({ line: first + i, cells: cells(text) }))
}

interface Reading {
  readonly options: Options
  readonly format: Format
  readonly onBad: OnBad
  readonly stdin: () => Readable
}

const ofFile = (source: string, linked: boolean, reading: Reading): Single => {
  const { format, onBad, options } = reading
  const delimiter = format === "lines" ? (options.delimiter ?? "\n") : "\n"
  const maxLine = options.maxLine ?? defaultMaxLine
  const columns = format === "lines" ? options.columns : undefined
  const trim = trimmer(options.trim)
  const skipEmpty = options.empty === "skip"
  const bytes = inputFile.read(source, reading.stdin, options.signal)
  const batches = cut(bytes, { source, delimiter, maxLine, onBad })

  if (format === "ndjson") return of({ linked, total: undefined, width: undefined }, objects(batches, source, onBad))

  const table = format === "csv" || format === "tsv"
  if (!table && columns === undefined && options.header !== "names") {
    return of({ linked, total: undefined, width: 1 }, plain(batches, trim, skipEmpty))
  }

  const quotes = format === "csv" ? "double" : "none"
  const read = table
    ? rows(batches, { source, separator: format === "csv" ? "," : "\t", quotes, maxLine, onBad })
    : linesAsRows(batches, columns === undefined ? (text) => [text] : splitter(columns))
  const sheet = new Sheet(read, { source, header: options.header ?? (table ? "names" : "none"), trim, skipEmpty, skipBlank: table, onBad })
  return { linked, total: undefined, width: undefined, names: () => sheet.names(), inputs: sheet.inputs(), close: () => sheet.close() }
}

async function* plain(
  batches: AsyncIterable<Batch>,
  trim: ((text: string) => string) | undefined,
  skipEmpty: boolean
): AsyncGenerator<Input> {
  for await (const { lines } of batches) {
    for (const line of lines) {
      if (skipEmpty && blank.test(line)) continue
      yield { values: [trim === undefined ? line : trim(line)] }
    }
  }
}

async function* objects(batches: AsyncIterable<Batch>, source: string, onBad: OnBad): AsyncGenerator<Input> {
  for await (const { first, lines } of batches) {
    for (let i = 0; i < lines.length; i++) {
      const number = first + i
      const line = number === 1 && lines[i]!.startsWith("\uFEFF") ? lines[i]!.slice(1) : lines[i]!
      if (blank.test(line)) continue
      const read = ndjson.read(line)
      if (read === undefined) onBad(inputError("syntax", "an empty array, which holds no value", source, number))
      else if ("what" in read) onBad(inputError("syntax", read.what, source, number, read.column))
      else yield read
    }
  }
}

interface SheetOptions {
  readonly source: string
  readonly header: "names" | "none"
  readonly trim: ((text: string) => string) | undefined
  readonly skipEmpty: boolean
  /** A line with nothing on it is no row, where rows have more than one cell. */
  readonly skipBlank: boolean
  readonly onBad: OnBad
}

/** Rows whose header can be read before they are. */
class Sheet {
  private readonly rows: AsyncGenerator<ReadonlyArray<Row>>
  private readonly options: SheetOptions
  private header: Promise<ReadonlyArray<string> | undefined> | undefined
  /** What came in one batch with the header. */
  private rest: ReadonlyArray<Row> = []

  constructor(rows: AsyncGenerator<ReadonlyArray<Row>>, options: SheetOptions) {
    this.rows = rows
    this.options = options
  }

  names(): Promise<ReadonlyArray<string> | undefined> {
    return (this.header ??= this.options.header === "names" ? this.readHeader() : Promise.resolve(undefined))
  }

  async *inputs(): AsyncGenerator<Input> {
    try {
      const names = await this.names()
      yield* this.of(this.rest, names)
      this.rest = []
      for await (const rows of this.rows) yield* this.of(rows, names)
    } finally {
      await this.close()
    }
  }

  close(): Promise<unknown> {
    return this.rows.return(undefined)
  }

  private async readHeader(): Promise<ReadonlyArray<string>> {
    const first = await this.rows.next()
    if (first.done === true) return []
    const [header, ...rest] = first.value
    const { cells, line } = header!
    this.rest = rest
    const names = cells.map((cell) => cell.trim())
    const seen = new Set<string>()
    for (const name of names) {
      // A table without a usable header is no table: this is not a bad line that could be skipped.
      if (name !== "" && seen.has(name)) {
        await this.close()
        throw inputError("syntax", `two columns are called ${JSON.stringify(name)}`, this.options.source, line)
      }
      seen.add(name)
    }
    return names
  }

  private *of(rows: ReadonlyArray<Row>, names: ReadonlyArray<string> | undefined): Generator<Input> {
    const { onBad, skipBlank, skipEmpty, source, trim } = this.options
    for (const { cells, line } of rows) {
      if (skipBlank && cells.length === 1 && cells[0] === "" && names?.length !== 1) continue
      if (skipEmpty && cells.every((cell) => blank.test(cell))) continue
      const values = trim === undefined ? cells : cells.map(trim)
      if (names === undefined) {
        yield { values }
        continue
      }
      if (cells.length !== names.length) {
        const what = `${counted(cells.length, "value")}, where the header has ${counted(names.length, "name")}`
        onBad(inputError("syntax", what, source, line))
        continue
      }
      const fields: Record<string, string> = Object.create(null)
      for (let i = 0; i < names.length; i++) if (names[i] !== "") fields[names[i]!] = values[i]!
      yield { values, fields }
    }
  }
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`

const throwIt: OnBad = (error) => {
  throw error
}

/**
 * Throws nothing itself: sources that contradict each other are an error of the first input, or of the names. Nothing is opened before one of these is asked for; what was opened is closed when the iteration ends. Without
 * an iteration, `names` leaves its files open: iterate, or abort.
 */
export const make = (options: Options): Source => {
  const { files = [], format = "lines", groups, perJob = 1, skipped } = options
  const reading: Reading = {
    options,
    format,
    onBad: options.onBad === "skip" ? (error) => skipped?.(error) : throwIt,
    stdin: () => options.stdin ?? inputFile.standardInput()
  }
  const singles: Array<Single> = []
  const readFiles: Array<string> = []
  const addFile = (file: string, linked: boolean): void => {
    readFiles.push(file)
    singles.push(ofFile(file, linked, reading))
  }
  for (const file of files) addFile(file, false)
  for (const { kind, linked, words } of groups) {
    // A `::::` without files is as empty as a `:::` without words.
    if (kind === "arguments" || words.length === 0) singles.push(ofWords(words, linked, options))
    else for (const file of words) addFile(file, linked)
  }
  if (groups.length === 0 && files.length === 0) addFile("-", false)

  const kind = readFiles.length > 0 && (format === "ndjson" || headed(options, format)) ? "records" : "values"
  const usage =
    readFiles.filter((file) => file === "-").length > 1
      ? inputError("usage", "it is named twice, and can be read only once", "-")
      : kind === "records" && perJob > 1
        ? inputError("usage", "records have names, so only one fits into a job; leave out -n, -N and --max-args", readFiles[0]!)
        : undefined

  const sets = linkedSets(singles)
  const totals = sets.map((set) =>
    all(
      set.map(({ total }) => total),
      Math.min
    )
  )
  const total = all(totals, (a, b) => a * b)
  const width = all(
    singles.map((single) => single.width),
    (a, b) => a + b
  )
  return {
    kind,
    total: total === undefined ? undefined : Math.ceil(total / perJob),
    width: width === undefined ? undefined : width * perJob,
    names: async () => {
      if (usage !== undefined) throw usage
      if (format === "ndjson") return undefined
      const headers = await Promise.all(singles.map((single) => single.names()))
      const found = headers.filter((header) => header !== undefined)
      return found.length === 0 ? undefined : [...new Set(found.flat())].filter((name) => name !== "")
    },
    inputs: usage === undefined ? combined(sets, perJob) : refused(usage)
  }
}

const headed = (options: Options, format: Format): boolean => (options.header ?? (format === "lines" ? "none" : "names")) === "names"

/** What of all of them, where all are known. */
const all = (numbers: ReadonlyArray<number | undefined>, join: (a: number, b: number) => number): number | undefined =>
  numbers.reduce((a, b) => (a === undefined || b === undefined ? undefined : join(a, b)))

const linkedSets = (singles: ReadonlyArray<Single>): ReadonlyArray<ReadonlyArray<Single>> => {
  const sets: Array<Array<Single>> = []
  for (const single of singles) {
    if (single.linked && sets.length > 0) sets[sets.length - 1]!.push(single)
    else sets.push([single])
  }
  return sets
}

async function* refused(error: InputError): AsyncGenerator<Input> {
  throw error
}

async function* combined(sets: ReadonlyArray<ReadonlyArray<Single>>, perJob: number): AsyncGenerator<Input> {
  const streams = sets.map((set) => set.map((single) => single.inputs).reduce(link))
  const [outer, ...others] = streams
  let inputs = outer!
  try {
    // All but the first are read before anything runs, so that what is wrong with them is known by then.
    let inner: ReadonlyArray<Input> | undefined
    for (const other of others) {
      const held = await collect(other)
      inner = inner === undefined ? held : await collect(cross(each(inner), held))
    }
    if (inner !== undefined) inputs = cross(outer!, inner)
    if (perJob > 1) inputs = pack(inputs, perJob)
    yield* inputs
  } finally {
    for (const set of sets) for (const single of set) await single.close()
  }
}

async function* each(inputs: ReadonlyArray<Input>): AsyncGenerator<Input> {
  yield* inputs
}

/** A program that waits for a terminal without a word looks as if it hung. */
export const explainTerminal = (): void => {
  if (process.stdin.isTTY) process.stderr.write("skein: reading inputs from the terminal, one a line, until Ctrl-D\n")
}
