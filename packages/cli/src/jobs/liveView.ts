/**
 * Shows what an engine of this process does: a live table at the bottom of a terminal, a line for each start and each end elsewhere.
 *
 * It lives in a scope and owns one fiber, which draws at its own pace whatever the pace of the jobs. The table takes no more than the window has, and is wiped when the scope closes; a last line says how many ended how. Output on the same terminal must pass through `around`.
 */
import * as Job from "@skein/engine/Job"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { clock, count, counted, percent, time } from "../quantities.ts"
import * as region from "../region.ts"
import { fitted, oneLine, width } from "../terminalText.ts"
import type { Look, Style } from "./desk.ts"
import { make as makeLook, type Window } from "./look.ts"
import { endDetail, styleOf } from "./words.ts"

interface Stream extends Window {
  readonly write: (text: string) => unknown
  readonly rows?: number | undefined
}

export interface Options {
  /** `auto`: live on a terminal that can do it and is nobody's CI, else plain. */
  readonly mode: "auto" | "live" | "plain" | "off"
  /** @default process.stderr */
  readonly stream?: Stream | undefined
  /** @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
}

export interface LiveView {
  readonly mode: "live" | "plain" | "off"
  /** Takes in a change of a run. */
  readonly changed: (run: Job.Run) => void
  /** Takes in how far a run is. */
  readonly progressed: (run: Job.Run) => void
  /** What must be written to the terminal so that these bytes pass above the table. Changes nothing where there is none. */
  readonly around: (bytes: Uint8Array) => Uint8Array
  /** Writes a line of ours above the table, or simply writes it. */
  readonly log: (line: string) => void
  readonly totals: () => Totals
}

interface Totals {
  readonly running: number
  readonly waiting: number
  readonly ended: Readonly<Record<Job.EndWord, number>>
}

const every = "100 millis"

export const make = (options: Options): Effect.Effect<LiveView, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { env = process.env, stream = process.stderr as Stream } = options
    const mode = options.mode === "auto" ? (stream.isTTY === true && env["TERM"] !== "dumb" && !env["CI"] ? "live" : "plain") : options.mode
    const look = makeLook(stream, env)
    const columns = (): number => stream.columns || 80
    const bottom = region.make(columns)
    const seen = new Seen()
    const log = (line: string): void => {
      stream.write(mode === "live" ? Buffer.from(bottom.around(Buffer.from(`${line}\n`))).toString() : `${line}\n`)
    }
    if (mode !== "off") {
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          const ends = seen.conclusion()
          if (ends !== "") stream.write(`${ends}\n`)
        })
      )
    }
    if (mode === "live") {
      let drawn: string | undefined
      const draw = Effect.map(Clock.currentTimeMillis, (now) => {
        const lines = seen.lines(now, { columns: columns() - 1, rows: (stream.rows || 24) - 1, paint: look.paint })
        const text = `${columns()}${lines.join("\n")}`
        if (text !== drawn) stream.write(bottom.show(lines))
        drawn = text
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => void stream.write(bottom.end())))
      yield* draw
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(every), draw)))
    }
    return {
      mode,
      changed: (run) => {
        const line = seen.take(run, look)
        // In a live table what runs is seen; what went wrong would go by unseen.
        if (line !== undefined && (mode === "plain" || (mode === "live" && line.isTrouble))) log(line.text)
      },
      progressed: (run) => seen.progress(run),
      around: mode === "live" ? bottom.around : (bytes) => bytes,
      log,
      totals: () => seen.totals()
    }
  })

type Word = "waiting" | "running" | Job.EndWord

/** How far it is: `3 / 10  unpacking`. */
const farOf = ({ progress }: Job.Run): string => {
  if (progress === undefined) return ""
  const { done, message, total } = progress
  const counts = done === undefined ? "" : total === undefined ? count(done) : `${count(done)} / ${count(total)}`
  return [counts, message === undefined ? "" : oneLine(message)].filter((part) => part !== "").join("  ")
}

const wordOf = ({ state }: Job.Run): Word =>
  state._tag === "Waiting" ? "waiting" : state._tag === "Running" ? "running" : Job.endWord(state.outcome)

/** What is known of the runs: of those that wait and those that ended no more than how many there are. */
class Seen {
  /** By id; those that have run longest come first. */
  private readonly running = new Map<string, { readonly run: Job.Run; readonly at: number }>()
  private readonly waiting = new Set<string>()
  private readonly ended: Record<Job.EndWord, number> = { completed: 0, failed: 0, timeout: 0, cancelled: 0, skipped: 0 }

  take(run: Job.Run, look: Look): { readonly text: string; readonly isTrouble: boolean } | undefined {
    const word = wordOf(run)
    this.running.delete(run.id)
    this.waiting.delete(run.id)
    const label = `${look.paint("bold", run.id)}${run.id === run.name ? "" : `  ${oneLine(run.name)}`}`
    switch (word) {
      case "waiting": {
        this.waiting.add(run.id)
        const again = run.state._tag === "Waiting" && run.state.for === "retry"
        return again ? { text: `${label}  failed, is tried again`, isTrouble: false } : undefined
      }
      case "running":
        this.running.set(run.id, { run, at: Date.now() })
        return { text: `${label}  ${run.attempts > 1 ? `started, attempt ${run.attempts}` : "started"}`, isTrouble: false }
      default: {
        this.ended[word]++
        const detail = run.state._tag === "Ended" ? oneLine(endDetail(run.state.outcome)) : ""
        const took = run.startedAt === undefined || run.endedAt === undefined ? "" : ` in ${time(run.endedAt - run.startedAt)}`
        const style: Style = styleOf({ state: word }) ?? "bold"
        return { text: `${label}  ${look.paint(style, word)}${took}${detail === "" ? "" : `: ${detail}`}`, isTrouble: word !== "completed" }
      }
    }
  }

  progress(run: Job.Run): void {
    const known = this.running.get(run.id)
    if (known !== undefined) this.running.set(run.id, { ...known, run })
  }

  totals(): Totals {
    return { running: this.running.size, waiting: this.waiting.size, ended: this.ended }
  }

  /** How many ended how; empty where none did. */
  conclusion(): string {
    const ends = Object.entries(this.ended).filter(([, ended]) => ended > 0)
    const all = ends.reduce((sum, [, ended]) => sum + ended, 0)
    return all === 0 ? "" : `${counted(all, "job")}: ${ends.map(([word, ended]) => `${count(ended)} ${word}`).join(", ")}`
  }

  /** What does not fit is left out, the least important first. */
  lines(now: number, room: { readonly columns: number; readonly rows: number; readonly paint: Look["paint"] }): ReadonlyArray<string> {
    const { columns, paint, rows } = room
    const lines = [this.head(columns, paint)]
    const shown = Math.max(0, Math.min(this.running.size, rows - 2))
    const names = [...this.running.values()].slice(0, shown)
    const ids = names.reduce((most, { run }) => Math.max(most, width(oneLine(run.id))), 0)
    for (const { at, run } of names) {
      const before = `${clock(now - at).padStart(8)}  `
      const id = fitted(oneLine(run.id), Math.min(ids, columns - before.length))
      const rest = run.id === run.name ? "" : oneLine(run.name)
      const again = run.attempts > 1 ? `attempt ${run.attempts}` : ""
      const text = fitted([rest, again, farOf(run)].filter((part) => part !== "").join("  "), columns - before.length - ids - 2)
      lines.push(`${paint("dim", before)}${paint("cyan", id)}${text === "" ? "" : `${" ".repeat(ids - width(id) + 2)}${text}`}`)
    }
    if (this.running.size > shown) lines.push(paint("dim", fitted(`          and ${count(this.running.size - shown)} more`, columns)))
    return lines
  }

  private head(columns: number, paint: Look["paint"]): string {
    const { cancelled, completed, failed, skipped, timeout } = this.ended
    const done = completed + failed + timeout + cancelled + skipped
    const total = done + this.running.size + this.waiting.size
    let free = columns
    let text = ""
    const add = (style: Style, part: string, gap = "   "): void => {
      if (gap.length + part.length > free) return
      free -= gap.length + part.length
      text += gap + paint(style, part)
    }
    add("bold", total === 0 ? "no jobs" : `${count(done)} / ${count(total)}  ${percent(done, total)}`, "")
    if (failed + timeout > 0) add("red", `${count(failed + timeout)} failed`)
    add("cyan", `${count(this.running.size)} running`)
    if (this.waiting.size > 0) add("dim", `${count(this.waiting.size)} waiting`)
    if (cancelled > 0) add("yellow", `${count(cancelled)} cancelled`)
    if (skipped > 0) add("dim", `${count(skipped)} skipped`)
    const length = Math.min(30, free - 3)
    if (total === 0 || length < 8) return text
    const filled = Math.round((length * done) / total)
    return `${paint("cyan", "━".repeat(filled))}${paint("dim", "─".repeat(length - filled))}   ${text}`
  }
}
