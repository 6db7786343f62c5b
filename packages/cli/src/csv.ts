/** Reads rows of comma- or tab-separated values from lines, a field that spans lines included. */
import { type Batch, inputError, type OnBad } from "./lines.ts"

export interface Row {
  /** The line that it begins at. */
  readonly line: number
  readonly cells: ReadonlyArray<string>
}

export interface RowOptions {
  /** Named in errors. */
  readonly source: string
  readonly separator: string
  /** `double`: as in RFC 4180, `""` inside quotes is one. `none`: a quote is a character like any other. */
  readonly quotes: "double" | "none"
  /** Of a row that spans lines, in characters. */
  readonly maxLine: number
  readonly onBad: OnBad
}

/** A row that has begun, and whose quotes are open. */
interface Open {
  readonly line: number
  readonly column: number
  readonly cells: Array<string>
  readonly parts: Array<string>
  size: number
}

/** One array for each batch. `\r` at the end of a row is no part of it, nor is a byte order mark at the beginning of all. Empty lines are rows of one empty cell. */
export async function* rows(batches: AsyncIterable<Batch>, options: RowOptions): AsyncGenerator<ReadonlyArray<Row>> {
  const { maxLine, onBad, quotes, separator, source } = options
  const bad = (what: string, line: number, column?: number) => onBad(inputError("syntax", what, source, line, column))
  let open: Open | undefined

  /** Reads the cells of a line from a place on; gives the row once it is whole. */
  const cells = (text: string, line: number): Row | undefined => {
    // Inside quotes a last `\r` belongs to the value, elsewhere to the end of the line.
    const limit = text.endsWith("\r") ? text.length - 1 : text.length
    let row: Array<string> = []
    let at = 0
    let begun = line
    if (open !== undefined) {
      const closed = quoted(text, 0, open.parts)
      if (closed === -1) {
        open.size += text.length + 1
        if (open.size > maxLine) {
          const { column, line } = open
          open = undefined
          bad(`a row of more than ${maxLine} characters; is the quote closed?`, line, column)
        }
        return undefined
      }
      row = open.cells
      row.push(open.parts.join("\n"))
      begun = open.line
      open = undefined
      const after = behind(text, closed, limit, line)
      if (after === undefined) return undefined
      at = after
    }
    while (at <= limit) {
      if (text[at] === '"') {
        const parts: Array<string> = []
        const closed = quoted(text, at + 1, parts)
        if (closed === -1) {
          open = { line: begun, column: at + 1, cells: row, parts, size: text.length }
          return undefined
        }
        row.push(parts.join("\n"))
        const after = behind(text, closed, limit, line)
        if (after === undefined) return undefined
        at = after
        continue
      }
      const found = text.indexOf(separator, at)
      const end = found === -1 ? limit : found
      const cell = text.slice(at, end)
      const quote = cell.indexOf('"')
      if (quote !== -1) {
        bad("a quote inside a value that does not begin with one", line, at + quote + 1)
        return undefined
      }
      row.push(cell)
      at = end + separator.length
      if (found === -1) break
    }
    return { line: begun, cells: row }
  }

  /** Reads to the closing quote, and gives the place behind it; -1 where the line ends before. */
  const quoted = (text: string, from: number, parts: Array<string>): number => {
    for (let at = from; ;) {
      const found = text.indexOf('"', at)
      if (found === -1) {
        parts.push(text.slice(from).replaceAll('""', '"'))
        return -1
      }
      if (text[found + 1] !== '"') {
        // Spaces behind the quote would be a row in some dialects; here they are an error, so that nothing is dropped.
        parts.push(text.slice(from, found).replaceAll('""', '"'))
        return found + 1
      }
      at = found + 2
    }
  }

  /** The place of the next cell behind a closing quote, or behind the end. */
  const behind = (text: string, at: number, limit: number, line: number): number | undefined => {
    if (at === limit) return at + 1
    if (text.startsWith(separator, at)) return at + separator.length
    bad("something between a closing quote and the next separator", line, at + 1)
    return undefined
  }

  let begun = false
  for await (const batch of batches) {
    const found: Array<Row> = []
    for (let i = 0; i < batch.lines.length; i++) {
      let text = batch.lines[i]!
      const line = batch.first + i
      if (!begun && text.startsWith("\uFEFF")) text = text.slice(1)
      begun = true
      if (open === undefined && (quotes === "none" || !text.includes('"'))) {
        found.push({ line, cells: (text.endsWith("\r") ? text.slice(0, -1) : text).split(separator) })
        continue
      }
      const row = cells(text, line)
      if (row !== undefined) found.push(row)
    }
    if (found.length > 0) yield found
  }
  if (open !== undefined) bad("a quote that is never closed", open.line, open.column)
}
