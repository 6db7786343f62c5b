/** Fits text into the columns of a terminal. */
import { stripVTControlCharacters } from "node:util"

/** Names and commands come from anywhere: what would move the cursor or colour the window becomes a visible sign. */
export const oneLine = (text: string): string =>
  stripVTControlCharacters(text)
    .replace(/[\n\r\t]+/g, "⏎")
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "�")

const wide =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u
const none = /\p{Mn}|\p{Me}|[\u200b-\u200f]|[\ufe00-\ufe0f]/u

/** Columns that a text takes, without control sequences. */
export const width = (text: string): number => {
  let columns = 0
  for (const letter of text) columns += none.test(letter) ? 0 : wide.test(letter) ? 2 : 1
  return columns
}

/** At most so many columns; what was cut off shows as an ellipsis. */
export const fitted = (text: string, columns: number): string => {
  // Every letter takes two columns at most, so a long command is not measured to its end.
  const start = text.slice(0, 2 * Math.max(0, columns) + 2)
  if (start.length === text.length && width(start) <= columns) return text
  let fits = ""
  let left = columns - 1
  for (const letter of start) {
    left -= width(letter)
    if (left < 0) break
    fits += letter
  }
  return columns < 1 ? "" : `${fits}…`
}
