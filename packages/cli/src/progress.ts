/**
 * Shows what runs and how far it is: a live region at the bottom of a terminal, a plain line now and then elsewhere.
 *
 * It lives in a scope and owns one fiber, which draws at its own pace whatever the pace of the jobs. The region takes no more than the window has; it is wiped when the scope closes, and where there is none a last plain line
 * says how it ended. Output on the same terminal must pass through `around`.
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { styleText } from "node:util"
import type { Job, Observer } from "./job.ts"
import { clock, count, percent, rate } from "./quantities.ts"
import { lastAttempt } from "./records.ts"
import * as region from "./region.ts"
import { fitted, oneLine, width } from "./terminalText.ts"

/** What it writes to: `process.stderr` is one. */
interface Stream {
  readonly write: (text: string) => unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  readonly hasColors?: (() => boolean) | undefined
}

export interface Options {
  /**
   * How many jobs there will be, where that is known from the start.
   *
   * @default unknown; `total` says it later
   */
  readonly total?: number | undefined
  /**
   * `auto`: live on a terminal that can do it and is nobody's CI, else off.
   *
   * @default "auto"
   */
  readonly mode?: Mode | "auto" | undefined
  /** @default process.stderr */
  readonly stream?: Stream | undefined
  /**
   * The time between two drawings.
   *
   * @default "100 millis" for the region, "5 seconds" for plain lines
   */
  readonly every?: Duration.Input | undefined
  /**
   * How many of the jobs that run longest are shown.
   *
   * @default 4
   */
  readonly slowest?: number | undefined
  /** @default process.env */
  readonly env?: Environment | undefined
}

type Mode = "live" | "plain" | "off"

type Environment = Readonly<Record<string, string | undefined>>

export interface Progress {
  readonly mode: Mode
  readonly observer: Observer
  /** There will be so many jobs, those included that an earlier run has done. */
  readonly total: (count: number) => void
  /** A job that an earlier run has done. */
  readonly skipped: () => void
  /** What must be written to the terminal so that these bytes pass above the region. Changes nothing where there is no region. */
  readonly around: (bytes: Uint8Array) => Uint8Array
  /** Writes a line of ours above the region, or simply writes it. */
  readonly log: (line: string) => Effect.Effect<void>
}

/** Shows it until the scope closes. */
export const make = (options: Options = {}): Effect.Effect<Progress, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { env = process.env, slowest = 4, stream = process.stderr as Stream } = options
    const mode = options.mode === undefined || options.mode === "auto" ? automatic(stream, env) : options.mode
    const every = options.every ?? (mode === "live" ? "100 millis" : "5 seconds")
    const state = counters(options.total)
    const { observer, skipped, total } = state
    if (mode === "off") {
      const log = (line: string): Effect.Effect<void> => Effect.sync(() => void stream.write(`${line}\n`))
      return { mode, observer, skipped, total, around: (bytes) => bytes, log }
    }
    const pace = paced(yield* Clock.currentTimeMillis)
    const columns = (): number => stream.columns || 80
    const bottom = region.make(columns)
    const paint = painter(stream, env)
    let drawn: string | undefined

    const draw = Effect.map(Clock.currentTimeMillis, (at) => {
      const view = { ...state.view(), perSecond: pace(at, state.view().done) }
      if (mode === "plain") return void stream.write(`${plainLine(view)}\n`)
      const lines = liveLines(view, at, { columns: columns() - 1, rows: (stream.rows || 24) - 1, slowest, paint })
      const text = `${columns()}${lines.join("\n")}`
      if (text !== drawn) stream.write(bottom.show(lines))
      drawn = text
    })
    const end = mode === "plain" ? draw : Effect.sync(() => void stream.write(bottom.end()))

    yield* Effect.addFinalizer(() => end)
    if (mode === "live") yield* draw
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(every), draw)))
    return {
      mode,
      observer,
      skipped,
      total,
      around: mode === "live" ? bottom.around : (bytes) => bytes,
      log: (line) =>
        Effect.sync(() => {
          stream.write(mode === "live" ? Buffer.from(bottom.around(Buffer.from(`${line}\n`))).toString() : `${line}\n`)
        })
    }
  })

const automatic = (stream: Stream, env: Environment): Mode =>
  stream.isTTY === true && env["TERM"] !== "dumb" && (env["CI"] ?? "") === "" ? "live" : "off"

interface Running {
  readonly job: Job
  readonly attempt: number
  readonly at: number
}

interface View {
  readonly total: number | undefined
  readonly done: number
  readonly skipped: number
  readonly failed: number
  readonly retries: number
  /** Those that run longest come first. */
  readonly running: ReadonlyMap<number, Running>
}

const counters = (known: number | undefined) => {
  let total = known
  let [done, skipped, failed, retries] = [0, 0, 0, 0]
  const running = new Map<number, Running>()
  const observer: Observer = {
    started: (job, attempt, _slot, at) => {
      if (attempt > 1) retries++
      running.set(job.seq, { job, attempt, at })
    },
    attempted: (job) => void running.delete(job.seq),
    finished: (record) => {
      done++
      if (!record.ok && lastAttempt(record).why !== "stopped") failed++
    }
  }
  return {
    observer,
    total: (count: number): void => {
      total = count
    },
    skipped: (): void => {
      skipped++
    },
    view: (): View => ({ total, done, skipped, failed, retries, running })
  }
}

/** The rate is that of the last ten seconds, where so much happened in them that it says something; else that of the whole time. */
const paced = (startedAt: number): ((at: number, done: number) => number) => {
  const samples: Array<readonly [at: number, done: number]> = [[startedAt, 0]]
  return (at, done) => {
    samples.push([at, done])
    while (samples.length > 2 && samples[1]![0] <= at - 10_000) samples.shift()
    const [since, before] = samples[0]!
    const recent = done - before >= 5
    const elapsed = at - (recent ? since : startedAt)
    // Less than a fifth of a second says nothing yet.
    return elapsed < 200 ? 0 : ((recent ? done - before : done) * 1000) / elapsed
  }
}

interface Paced extends View {
  /** 0 while it is unknown. */
  readonly perSecond: number
}

const left = ({ done, perSecond, skipped, total }: Paced): string | undefined => {
  if (total === undefined || perSecond <= 0 || done + skipped >= total) return undefined
  return clock(Math.ceil((total - done - skipped) / perSecond) * 1000)
}

/** For logs: words, no bar. */
const plainLine = (view: Paced): string => {
  const { done, failed, perSecond, retries, running, skipped, total } = view
  const all = done + skipped
  const remaining = left(view)
  return [
    total === undefined ? `${count(all)} jobs done` : `${count(all)} of ${count(total)} jobs done (${percent(all, total)})`,
    skipped > 0 ? `${count(skipped)} of them earlier` : "",
    perSecond > 0 ? rate(perSecond) : "",
    remaining === undefined ? "" : `about ${remaining} left`,
    failed > 0 ? `${count(failed)} failed` : "",
    retries > 0 ? `${count(retries)} tried again` : "",
    running.size > 0 ? `${count(running.size)} running` : ""
  ]
    .filter((part) => part !== "")
    .join(", ")
}

type Style = "bold" | "cyan" | "dim" | "red" | "yellow"
type Paint = (style: Style, text: string) => string

interface Room {
  readonly columns: number
  readonly rows: number
  readonly slowest: number
  readonly paint: Paint
}

/** A line of its own is for those only that one would wait for. */
const slow = 1000 // ms

/** For eyes: what does not fit is left out, the least important first. */
const liveLines = (view: Paced, at: number, room: Room): ReadonlyArray<string> => {
  const { columns, paint, rows, slowest } = room
  const lines = [headLine(view, columns, paint)]
  for (const { at: since, attempt, job } of view.running.values()) {
    if (lines.length > slowest || lines.length >= rows || at - since < slow) break
    const before = `${clock(at - since).padStart(7)}  `
    const again = attempt > 1 ? `  (attempt ${attempt})` : ""
    const command = fitted(oneLine(job.text), columns - width(before) - width(again))
    lines.push(command === "" ? fitted(before, columns) : `${paint("dim", before)}${command}${paint("yellow", again)}`)
  }
  return lines
}

const headLine = (view: Paced, columns: number, paint: Paint): string => {
  const { done, failed, perSecond, retries, running, skipped, total } = view
  const all = done + skipped
  const remaining = left(view)
  let free = columns
  let text = ""
  const add = (style: Style, part: string | undefined, gap = "   "): void => {
    if (part === undefined || gap.length + part.length > free) return
    free -= gap.length + part.length
    text += gap + paint(style, part)
  }
  const counts =
    total === undefined
      ? `${count(all)} done`
      : `${count(all).padStart(count(total).length)} / ${count(total)}  ${percent(all, total).padStart(4)}`
  add("bold", counts, "")
  add("red", failed > 0 ? `${count(failed)} failed` : undefined)
  add("dim", remaining === undefined ? undefined : `${remaining} left`)
  add("dim", perSecond > 0 ? rate(perSecond) : undefined)
  add("dim", `${count(running.size)} running`)
  add("yellow", retries > 0 ? `${count(retries)} tried again` : undefined)
  add("dim", skipped > 0 ? `${count(skipped)} done earlier` : undefined)
  const length = Math.min(30, free - 3)
  if (total === undefined || length < 8) return text
  const filled = Math.round(total === 0 ? length : (length * Math.min(all, total)) / total)
  return `${paint("cyan", "━".repeat(filled))}${paint("dim", "─".repeat(length - filled))}   ${text}`
}

const painter = (stream: Stream, env: Environment): Paint => {
  const colors = stream.isTTY === true && !env["NO_COLOR"] && (stream.hasColors?.() ?? true)
  return (style, text) => (colors && text !== "" ? styleText(style, text, { validateStream: false }) : text)
}
