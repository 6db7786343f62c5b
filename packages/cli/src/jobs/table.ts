/** Lays out rows in columns. What does not fit into the window is cut from the columns that say so, the last one first. */
import { stripVTControlCharacters } from "node:util"
import type { Look, Style } from "./desk.ts"
import { fitted, oneLine, width } from "../terminalText.ts"

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  readonly style?: ((row: Row) => Style | undefined) | undefined
  /** @default "left" */
  readonly align?: "left" | "right" | undefined
  /** It may be cut to so many columns where there is no room. */
  readonly atLeast?: number | undefined
}

const gap = 2

/** The lines, without newlines. Columns that are empty in all rows are left out. */
export const lines = <Row>(rows: ReadonlyArray<Row>, columns: ReadonlyArray<Column<Row>>, look: Look): ReadonlyArray<string> => {
  const parts = columns
    .map((column) => ({ column, cells: rows.map((row) => oneLine(column.cell(row))) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ""))
  const widths = parts.map(({ cells, column }) => cells.reduce((most, cell) => Math.max(most, width(cell)), width(column.title)))
  const cut = shrunk(
    widths,
    parts.map(({ column }) => column.atLeast),
    look.columns
  )
  const line = (texts: ReadonlyArray<string>, styles: ReadonlyArray<Style | undefined>): string => {
    const cells = texts.map((text, i) => {
      const room = cut[i]!
      const shown = fitted(text, room)
      const space = " ".repeat(Math.max(0, room - width(shown)))
      const style = styles[i]
      const painted = style === undefined ? shown : look.paint(style, shown)
      return parts[i]!.column.align === "right" ? space + painted : painted + space
    })
    return trimmed(cells.join(" ".repeat(gap)))
  }
  return [
    line(
      parts.map(({ column }) => column.title),
      parts.map(() => "dim")
    ),
    ...rows.map((row, at) =>
      line(
        parts.map(({ cells }) => cells[at]!),
        parts.map(({ column }) => column.style?.(row))
      )
    )
  ]
}

const trimmed = (line: string): string => (stripVTControlCharacters(line).endsWith(" ") ? line.replace(/ +$/, "") : line)

const shrunk = (
  widths: ReadonlyArray<number>,
  least: ReadonlyArray<number | undefined>,
  columns: number | undefined
): ReadonlyArray<number> => {
  const cut = [...widths]
  let over = columns === undefined ? 0 : cut.reduce((sum, one) => sum + one + gap, -gap) - columns
  for (let i = cut.length - 1; i >= 0 && over > 0; i--) {
    const spare = Math.min(over, cut[i]! - Math.min(cut[i]!, least[i] ?? cut[i]!))
    cut[i]! -= spare
    over -= spare
  }
  return cut
}
