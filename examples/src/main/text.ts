/**
 * Writes numbers, names and columns for people. Colours only where standard output is a terminal and `NO_COLOR` is unset.
 */
import { styleText } from "node:util"

export type Style = Parameters<typeof styleText>[0]

export const paint = (style: Style, text: string): string => styleText(style, text, { stream: process.stdout })

export const count = (n: number): string => Math.round(n).toLocaleString("en")

export const time = (millis: number): string =>
  millis < 1000
    ? `${Math.round(millis)} ms`
    : millis < 60_000
      ? `${(millis / 1000).toFixed(2)} s`
      : `${Math.floor(millis / 60_000)} min ${Math.round((millis % 60_000) / 1000)} s`

export const size = (bytes: number): string => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`)

export const plural = (n: number, one: string): string => `${count(n)} ${one}${n === 1 ? "" : "s"}`

const widest = 68

/** `.pnpm/typescript@5.6.1/node_modules/typescript/lib/lib.d.ts` is known as `typescript/lib/lib.d.ts`. Of a long path the middle is left out. */
export const short = (name: string): string => {
  const folders = name.split("node_modules/").at(-1)!.split("/")
  const head = folders.splice(0, folders[0]!.startsWith("@") ? 2 : 1).join("/")
  const whole = folders.length
  while (folders.length > 1 && head.length + folders.join("/").length > widest - 3) folders.shift()
  return [head, ...(folders.length < whole ? ["…"] : []), ...folders].join("/")
}

/** Rows as aligned columns, below a head if there is one; a column of numbers is aligned to the right. */
export const table = (
  rows: ReadonlyArray<ReadonlyArray<string>>,
  styles: ReadonlyArray<Style | undefined> = [],
  head?: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const all = head === undefined ? rows : [head, ...rows]
  const width = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  const isNumber = (all[0] ?? []).map((_, column) => rows.every((row) => /^[\d–]|^$/.test(row[column]!)))
  return all.map((row) =>
    row
      .map((cell, column) => {
        const padded = isNumber[column] ? cell.padStart(width[column]!) : column === row.length - 1 ? cell : cell.padEnd(width[column]!)
        const style = row === head ? "dim" : styles[column]
        return style === undefined ? padded : paint(style, padded)
      })
      .join("  ")
  )
}
