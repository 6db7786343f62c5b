/**
 * Writes the report a person reads. Colours only where standard output is a terminal and `NO_COLOR` is unset.
 */
import { styleText } from "node:util"
import type { Flags } from "./flags.ts"
import type { Group, Summary } from "./summary.ts"

type Style = Parameters<typeof styleText>[0]

const paint = (style: Style, text: string): string => styleText(style, text, { stream: process.stdout })

const count = (n: number): string => Math.round(n).toLocaleString("en")

const time = (millis: number): string =>
  millis < 1000
    ? `${Math.round(millis)} ms`
    : millis < 60_000
      ? `${(millis / 1000).toFixed(2)} s`
      : `${Math.floor(millis / 60_000)} min ${Math.round((millis % 60_000) / 1000)} s`

const size = (bytes: number): string => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`)

const plural = (n: number, one: string): string => `${count(n)} ${one}${n === 1 ? "" : "s"}`

const widest = 68

/** `.pnpm/typescript@5.6.1/node_modules/typescript/lib/lib.d.ts` is known as `typescript/lib/lib.d.ts`. Of a long path the middle is left out. */
const short = (name: string): string => {
  const folders = name.split("node_modules/").at(-1)!.split("/")
  const head = folders.splice(0, folders[0]!.startsWith("@") ? 2 : 1).join("/")
  const whole = folders.length
  while (folders.length > 1 && head.length + folders.join("/").length > widest - 3) folders.shift()
  return [head, ...(folders.length < whole ? ["…"] : []), ...folders].join("/")
}

/** Rows as aligned columns; those whose first row starts with a digit are aligned to the right. */
const table = (rows: ReadonlyArray<ReadonlyArray<string>>, styles: ReadonlyArray<Style | undefined> = []): ReadonlyArray<string> => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const isNumber = (rows[0] ?? []).map((_, column) => rows.every((row) => /^\d|^$/.test(row[column]!)))
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = column === row.length - 1 && !isNumber[column]! ? 0 : widths[column]!
        const padded = isNumber[column]! ? cell.padStart(width) : cell.padEnd(width)
        const style = styles[column]
        return style === undefined ? padded : paint(style, padded)
      })
      .join("  ")
  )
}

const barWidth = 44

const outcomes = (summary: Summary): ReadonlyArray<string> => {
  const kinds: ReadonlyArray<readonly [string, number, Style]> = [
    ["completed", summary.completed, "green"],
    ["failed", summary.failed, "red"],
    ["timed out", summary.timedOut, "yellow"],
    ["cancelled", summary.cancelled, "yellow"],
    ["not started", summary.notStarted, "dim"]
  ]
  const width = count(summary.total).length
  return kinds
    .filter(([_, n]) => n > 0)
    .map(([what, n, style]) => {
      // Whatever there is can be seen, however little it is.
      const bar = "█".repeat(Math.max(1, Math.round((barWidth * n) / summary.total)))
      return `${what.padEnd(11)}  ${paint("bold", count(n).padStart(width))}  ${paint(style, bar)}`
    })
}

const failures = (groups: ReadonlyArray<Group>): ReadonlyArray<string> =>
  groups.flatMap(({ kind, names, why }) => {
    const shown = names.slice(0, 3).map(short)
    const more = names.length - shown.length
    return [
      `${paint(kind === "TimedOut" || kind === "Cancelled" ? "yellow" : "red", kind.padEnd(11))}  ${paint("bold", count(names.length).padStart(3))}  ${why}`,
      ...shown.map((name) => `${" ".repeat(18)}${paint("dim", name)}`),
      ...(more > 0 ? [`${" ".repeat(18)}${paint("dim", `and ${count(more)} more`)}`] : [])
    ]
  })

const statuses: Record<string, string> = { completed: "", timeout: "timed out" }

export const format = (summary: Summary, flags: Flags, stoppedBy: string | undefined): string => {
  const { bytes, completed, digest, languages, lines, millis, slowest, total, topWords, words } = summary
  const seconds = Math.max(millis, 1) / 1000
  // Two columns, to be read downwards.
  const half = Math.ceil(topWords.length / 2)
  const cells = (top: Summary["topWords"][number] | undefined) => (top === undefined ? ["", ""] : [count(top.count), top.word])
  const pairs = topWords.slice(0, half).map((top, i) => [...cells(top), ...cells(topWords[i + half])])
  const sections: Array<readonly [string, ReadonlyArray<string>]> = [
    ["How they ended", outcomes(summary)],
    ["What failed, and why", failures(summary.failures)],
    [
      "Slowest, from start to end",
      table(
        slowest.map((file) => [
          time(file.millis),
          file.bytes === undefined ? "" : size(file.bytes),
          `${short(file.name)}${statuses[file.status] === "" ? "" : `  (${statuses[file.status] ?? file.status})`}`
        ]),
        ["bold", "dim"]
      )
    ],
    ["What was read", table(languages.map((sum) => [sum.language, plural(sum.files, "file"), size(sum.bytes), plural(sum.lines, "line")]))],
    ["Most frequent words", table(pairs, ["bold", undefined, "bold", undefined])]
  ]
  const title =
    stoppedBy !== undefined
      ? paint(
          ["bold", "yellow"],
          `Stopped by ${stoppedBy}: ${total === 0 ? "still looking for files" : `${count(completed)} of ${plural(total, "file")} done`}`
        )
      : summary.partial
        ? paint(["bold", "yellow"], `Time is over: ${count(completed)} of ${plural(total, "file")} done`)
        : paint("bold", `${plural(total, "file")}, ${count(flags.concurrency)} at once`)
  const body = sections
    .filter(([_, rows]) => rows.length > 0)
    .map(([heading, rows]) => `${paint("cyan", heading)}\n${rows.map((row) => `  ${row}`.trimEnd()).join("\n")}`)
  const rates = `${count(completed / seconds)} files/s, ${(bytes / 1e6 / seconds).toFixed(1)} MB/s`
  const sums = `${plural(completed, "file")}, ${size(bytes)}, ${plural(lines, "line")}, ${plural(words, "word")} in ${time(millis)}: ${paint("bold", rates)}`
  const note = summary.partial ? "of what was done" : "the same whatever the concurrency; see --verify"
  return `\n${[title, ...body, `${sums}\ndigest ${paint("bold", digest.slice(0, 16))}  ${paint("dim", note)}`].join("\n\n")}\n\n`
}

/** One line a run, for `--verify`. */
export const formatRun = (concurrency: number, { completed, digest, millis }: Summary): string =>
  `${count(concurrency).padStart(4)} at once  ${time(millis).padStart(8)}  ${count((completed * 1000) / Math.max(millis, 1)).padStart(6)} files/s  digest ${digest.slice(0, 16)}\n`
