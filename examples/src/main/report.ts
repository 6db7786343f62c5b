/**
 * Writes the long report about one run.
 */
import type { Run } from "./run.ts"
import type { Group, Summary } from "./summary.ts"
import { count, paint, plural, short, size, type Style, table, time } from "./text.ts"

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

const places = { inline: "in this fiber", worker: "in threads", process: "in processes" }

const statuses: Record<string, string> = { completed: "", timeout: "timed out" }

export const format = ({ concurrency, flavour, summary }: Run, stoppedBy: string | undefined): string => {
  const { bytes, completed, compressed, copies, digest, languages, lines, slowest, topWords, total, words, working } = summary
  const seconds = Math.max(working, 1) / 1000
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
        : paint("bold", `${plural(total, "file")}, ${count(concurrency)} at once, ${places[flavour]}`)
  const body = sections
    .filter(([_, rows]) => rows.length > 0)
    .map(([heading, rows]) => `${paint("cyan", heading)}\n${rows.map((row) => `  ${row}`.trimEnd()).join("\n")}`)
  const rates = `${count(completed / seconds)} files/s, ${(bytes / 1e6 / seconds).toFixed(1)} MB/s`
  const sums = `${plural(completed, "file")}, ${size(bytes)}, ${plural(lines, "line")}, ${plural(words, "word")}, ${size(compressed)} after gzip, ${count(copies)} nearly copies of others\nin ${time(working)}: ${paint("bold", rates)}`
  const note = summary.partial ? "of what was done" : "the same whatever the concurrency and the flavour; see --verify"
  return `\n${[title, ...body, `${sums}\ndigest ${paint("bold", digest.slice(0, 16))}  ${paint("dim", note)}`].join("\n\n")}\n\n`
}
