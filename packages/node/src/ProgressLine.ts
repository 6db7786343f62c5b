/**
 * Shows how far a piece of work is: one line that is redrawn on a terminal, a plain line now and then elsewhere.
 *
 * A `ProgressLine` lives in a `Scope` and owns one fiber, which draws at its own pace whatever the pace of the updates. When the scope closes, the fiber is gone and the terminal's line is wiped;
 * where there is no terminal, a last plain line says how it ended.
 *
 * The module holds `make` and the `ProgressLine` with `update` and `log`.
 *
 * **When to use**
 *
 * Use it beside a gather: call `update` in `onOutcome`.
 *
 * **Details**
 *
 * | the stream | what it gets |
 * | --- | --- |
 * | a terminal | a bar, counts, rate and time left, ten times a second, no wider than the window |
 * | a file or a pipe, or `TERM=dumb` | `2431 of 5072 files (48%), 1480 files/s, about 2 s left`, once a second |
 *
 * The rate is that of the last five seconds. Colours appear on a terminal when `NO_COLOR` is unset.
 *
 * **Guarantees**
 *
 * - Ownership: one fiber, gone when the scope is closed.
 * - Interruption: closing the scope interrupts the fiber and wipes the line.
 * - Failure: a stream that breaks is no concern of the work; its errors are the stream's own.
 * - Cost: an update stores two fields; drawing costs the same however many updates came between.
 *
 * **Gotchas**
 *
 * What others write to the same terminal breaks the line. Use `log`, or write to the other stream.
 *
 * **Example** (Following a map)
 *
 * ```ts
 * import { ProgressLine } from "@skein/node"
 * import { parallelMap } from "@skein/parallel"
 * import * as Effect from "effect/Effect"
 *
 * const stream = { write: (text: string) => console.log(text.trimEnd()) } // => 3 of 3 files (100%), one was slow
 *
 * const program = Effect.gen(function*() {
 *   const line = yield* ProgressLine.make({ total: 3, unit: "files", stream })
 *   let done = 0
 *   yield* parallelMap(["a", "b", "c"], () => Effect.void, { onOutcome: () => line.update({ done: ++done, note: "one was slow" }) })
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { styleText } from "node:util"

/**
 * What a progress line writes to: any stream of Node.
 *
 * @category models
 * @since 0.1.0
 */
export interface Output {
  readonly write: (text: string) => unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly hasColors?: (() => boolean) | undefined
}

/**
 * How a progress line is made.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * How many there are to do; without it there is no bar and no time left.
   *
   * @default unknown
   */
  readonly total?: number | undefined
  /**
   * What is counted, in the plural.
   *
   * @default "done"
   */
  readonly unit?: string | undefined
  /** @default process.stderr */
  readonly stream?: Output | undefined
  /**
   * `live` redraws one line, `plain` writes lines, `off` writes nothing, `auto` looks at the stream.
   *
   * @default "auto"
   */
  readonly mode?: "auto" | "live" | "plain" | "off" | undefined
  /**
   * The time between two drawings.
   *
   * @default "100 millis" for live lines, "1 second" for plain ones
   */
  readonly every?: Duration.Input | undefined
}

/**
 * How far the work is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Update {
  readonly done: number
  /** Said at the end of the line: what went wrong so far, say. */
  readonly note?: string | undefined
}

/**
 * A line that shows progress until its scope closes.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProgressLine {
  /** Says how far the work is. May be called as often as you like, from anywhere; it draws nothing itself. */
  readonly update: (update: Update) => void
  /** Writes a text on lines of its own, above the live line. */
  readonly log: (text: string) => Effect.Effect<void>
}

/** The rate is measured over the last drawings, within this time. */
const window = 5000 // ms

const wipe = "\r\u001b[2K"

/**
 * Makes a line that is drawn until the scope closes.
 *
 * @throws RangeError if `total` is negative or no number, `mode` another word, or `every` no positive duration
 * @category constructors
 * @since 0.1.0
 */
export const make = (options?: Options): Effect.Effect<ProgressLine, never, Scope.Scope> => {
  const { total, unit = "done" } = options ?? {}
  const output: Output = options?.stream ?? process.stderr
  const mode = modeOf(options?.mode ?? "auto", output)
  const every = Duration.toMillis(Duration.fromInputUnsafe(options?.every ?? (mode === "live" ? 100 : 1000)))
  if (total !== undefined && !(total >= 0))
    throw new RangeError(`ProgressLine.make: total must be a number of at least 0, got ${String(total)}`)
  if (!(every > 0)) throw new RangeError(`ProgressLine.make: every must be a positive duration, got ${String(options?.every)}`)
  if (mode === "off") return Effect.succeed({ update: () => {}, log: (text) => Effect.sync(() => void output.write(`${text}\n`)) })
  const live = mode === "live"
  return Effect.gen(function* () {
    let now: Update = { done: 0 }
    let drawn: string | undefined
    const samples: Array<Sample> = []

    const draw = Effect.map(Clock.currentTimeMillis, (at) => {
      // The oldest sample is kept until a younger one is old enough to stand for the whole window.
      samples.push({ at, done: now.done })
      while (samples.length > 2 && samples[1]!.at <= at - window) samples.shift()
      const state: State = { ...now, total, unit, rate: rateOf(samples) }
      const text = live ? `${wipe}${liveText(state, (output.columns ?? 80) - 1, hasColors(output))}` : `${plainText(state)}\n`
      if (text === drawn) return
      drawn = text
      output.write(text)
    })
    const end = live ? Effect.sync(() => void output.write(wipe)) : draw

    samples.push({ at: yield* Clock.currentTimeMillis, done: 0 })
    yield* Effect.addFinalizer(() => end)
    if (live) yield* draw
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(every), draw)))
    return {
      update: (update) => {
        now = update
      },
      log: (text) =>
        Effect.sync(() => {
          output.write(live ? `${wipe}${text}\n${drawn ?? ""}` : `${text}\n`)
        })
    }
  })
}

const modeOf = (mode: string, output: Output): "live" | "plain" | "off" => {
  if (mode === "auto") return output.isTTY === true && process.env["TERM"] !== "dumb" ? "live" : "plain"
  if (mode === "live" || mode === "plain" || mode === "off") return mode
  throw new RangeError(`ProgressLine.make: mode must be "auto", "live", "plain" or "off", got ${JSON.stringify(mode)}`)
}

interface Sample {
  readonly at: number
  readonly done: number
}

interface State extends Update {
  readonly total: number | undefined
  readonly unit: string
  /** A second; 0 while it is unknown. */
  readonly rate: number
}

const rateOf = (samples: ReadonlyArray<Sample>): number => {
  const first = samples[0]!
  const last = samples[samples.length - 1]!
  // Less than a fifth of a second says nothing yet.
  return last.at - first.at < 200 ? 0 : ((last.done - first.done) * 1000) / (last.at - first.at)
}

const left = ({ done, rate, total }: State): string | undefined => {
  if (total === undefined || rate <= 0 || done >= total) return undefined
  const seconds = Math.ceil((total - done) / rate)
  return seconds < 100 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`
}

const number = (n: number): string => n.toLocaleString("en", { maximumFractionDigits: n < 10 ? 1 : 0 })

const percent = (done: number, total: number): string => `${total === 0 ? 100 : Math.floor((100 * done) / total)}%`

/** For logs: words, no bar. */
const plainText = (state: State): string => {
  const { done, note, rate, total, unit } = state
  const time = left(state)
  const parts = [total === undefined ? `${done} ${unit}` : `${done} of ${total} ${unit} (${percent(done, total)})`]
  if (rate > 0) parts.push(`${number(rate)} ${unit}/s`)
  if (time !== undefined) parts.push(`about ${time} left`)
  if (note !== undefined && note !== "") parts.push(note)
  return parts.join(", ")
}

/** For eyes: what does not fit in the window is left out, the least important first. */
const liveText = (state: State, columns: number, colors: boolean): string => {
  const { done, note, rate, total, unit } = state
  const time = left(state)
  const counts =
    total === undefined
      ? `${number(done)} ${unit}`
      : `${number(done).padStart(number(total).length)} / ${number(total)} ${unit}  ${percent(done, total).padStart(4)}`
  let text = ""
  let room = columns
  const add = (part: string | undefined, style: Style, gap = "   "): void => {
    if (part === undefined || part === "" || gap.length + part.length > room) return
    room -= gap.length + part.length
    text += gap + paint(style, part, colors)
  }
  add(counts, "bold", "")
  add(rate > 0 ? `${number(rate)}/s` : undefined, "dim")
  add(time === undefined ? undefined : `${time} left`, "dim")
  add(note, "yellow")
  const width = Math.min(30, room - 3)
  if (total === undefined || width < 8) return text
  const filled = Math.round(total === 0 ? width : (width * Math.min(done, total)) / total)
  return `${paint("cyan", "━".repeat(filled), colors)}${paint("dim", "─".repeat(width - filled), colors)}   ${text}`
}

type Style = "bold" | "cyan" | "dim" | "yellow"

// A terminal's own `hasColors` knows `NO_COLOR`, too, but an output need not have one.
const hasColors = (output: Output): boolean => output.isTTY === true && !process.env["NO_COLOR"] && (output.hasColors?.() ?? true)

const paint = (style: Style, text: string, colors: boolean): string =>
  text === "" || !colors ? text : styleText(style, text, { validateStream: false })
