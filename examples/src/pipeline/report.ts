/** Writes down what a run came to. */
import type { Gauge } from "./gauge.ts"
import type { Memory } from "./memory.ts"
import type { Totals } from "./stages.ts"

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

const number = (n: number): string => n.toLocaleString("en-US")

const columns = ["stage", "at once", "peak", "window", "most ahead", "most waiting", "retried", "lost"] as const

const row = (cells: ReadonlyArray<string | number>): string =>
  `  ${cells.map((cell, i) => (i === 0 ? String(cell).padEnd(10) : String(cell).padStart(columns[i]!.length + 3))).join("")}\n`

export const formatResult = (result: {
  readonly totals: Totals
  readonly gauges: ReadonlyArray<Gauge>
  readonly memory: Memory
  readonly size: number
  readonly seconds: number
  readonly stoppedBy: string | undefined
}): string => {
  const { gauges, memory, seconds, size, stoppedBy, totals } = result
  const most = [...totals.licences].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, 4)
  return [
    `through ${megabytes(totals.bytes)} in ${number(totals.blocks)} blocks, ${seconds.toFixed(1)} s: ${megabytes(totals.bytes / seconds)}/s\n\n`,
    row(columns),
    ...gauges.map((gauge) =>
      row([gauge.name, gauge.concurrency, gauge.peak, gauge.window, gauge.mostAhead, gauge.mostWaiting, gauge.retried, gauge.lost])
    ),
    `\nrecords ${number(totals.records)}, ${totals.bad} torn lines left out; ${most.map(([licence, n]) => `${licence} ${number(n)}`).join(", ")}\n`,
    `heap    ${memory.heap.map((heap) => heap.toFixed(0)).join(" ")} MB as it went, after a collection each time: ${memory.growth.toFixed(1)} MB growth at most\n`,
    stoppedBy === undefined
      ? `digest  ${totals.hash.digest("hex").slice(0, 16)}  the same whatever the limits and the format\n`
      : `stopped by ${stoppedBy} after ${megabytes(totals.bytes)} of ${megabytes(size)}: the output is whole up to there\n`
  ].join("")
}
