/**
 * Keeps some lines at the bottom of a terminal, below whatever else is written to it.
 *
 * It owns nothing: it says which bytes to write. The cursor rests at the end of the last line. Output that ends within a line stays that line: the region hangs below it, and the next output goes on where it ended. (Where it ended in the very last column, a newline that follows shows as an empty line.)
 */
import { stripVTControlCharacters } from "node:util"
import { width } from "./terminalText.ts"

export interface Region {
  /** What shows these lines in the place of those that are shown; each must fit into the columns. */
  readonly show: (lines: ReadonlyArray<string>) => string
  /** What takes it off the screen, and leaves the cursor at the beginning of a line. */
  readonly end: () => string
  /** What writes these bytes above it. */
  readonly around: (bytes: Uint8Array) => Uint8Array
}

/** `columns` is asked each time: a window changes its size. */
export const make = (columns: () => number): Region => {
  let shown: ReadonlyArray<string> = []
  // What the output above has written since its last newline.
  let partial: Buffer = Buffer.alloc(0)
  let hang = 0

  const rows = (line: string): number => Math.max(1, Math.ceil(width(stripVTControlCharacters(line)) / columns()))

  const wipe = (): string => {
    if (shown.length === 0) return ""
    // A window that has become narrower has wrapped the lines.
    const up = shown.reduce((sum, line) => sum + rows(line), 0) - 1 + (hang > 0 ? 1 : 0)
    return `\r${up > 0 ? `\u001b[${up}A` : ""}${hang > 0 ? "\u001b[1B" : ""}\u001b[J${hang > 0 ? `\u001b[1A\u001b[${hang + 1}G` : ""}`
  }

  const draw = (): string => (shown.length === 0 ? "" : `${hang > 0 ? "\n" : ""}${shown.join("\n")}`)

  return {
    end: () => {
      const text = wipe() + (hang > 0 ? "\n" : "")
      shown = []
      partial = Buffer.alloc(0)
      hang = 0
      return text
    },
    show: (lines) => {
      const text = wipe()
      shown = lines
      return text + draw()
    },
    around: (bytes) => {
      const before = wipe()
      const end = bytes.lastIndexOf(10) + 1
      // Of a line longer than this, the column is a guess.
      partial = Buffer.concat([end > 0 ? partial.subarray(0, 0) : partial, bytes.subarray(end)]).subarray(-4096)
      hang = columnOf(partial.toString()) % columns()
      return shown.length === 0 ? bytes : Buffer.concat([Buffer.from(before), bytes, Buffer.from(draw())])
    }
  }
}

/** Where the cursor is after a text on one line. */
const columnOf = (text: string): number => {
  let column = 0
  for (const [index, part] of stripVTControlCharacters(text.slice(text.lastIndexOf("\r") + 1))
    .split("\t")
    .entries()) {
    if (index > 0) column += 8 - (column % 8)
    column += width(part)
  }
  return column
}
