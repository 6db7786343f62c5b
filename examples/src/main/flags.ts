/**
 * Reads the command line. What is wrong with it is an `InvalidFlag` with a sentence for the user.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { type Flavour, flavours } from "./flavours.ts"

export interface Flags {
  /** The first one has the long report, and the others are compared with it. */
  readonly flavours: readonly [Flavour, ...ReadonlyArray<Flavour>]
  /** How many threads or processes. */
  readonly size: number
  readonly concurrency: number
  readonly dir: string
  readonly limit: number
  readonly timeout: Duration.Duration
  readonly deadline: Duration.Duration | undefined
  readonly json: string | undefined
  readonly quiet: boolean
  readonly verify: boolean
  readonly help: boolean
}

export class InvalidFlag extends Data.TaggedError("InvalidFlag")<{ readonly message: string }> {}

export const help = `Reads, parses, compresses and hashes thousands of files, a bounded number at once: in one fiber, in threads, in processes.
Half-way, one thread and one process are killed on purpose; no file is lost.

  npm start                        every TypeScript and Markdown file in node_modules
  npm start -- --flavour worker    in threads only
  npm start -- --concurrency 64    the same answer, see its digest
  npm start -- --deadline 1s       what can be had in a second

  --flavour <where>   inline, worker, process, or all in turn      (all)
  --size <n>          how many threads or processes                (one a core)
  --concurrency <n>   how many files at once, 1 or more            (8)
  --dir <folder>      where to look                                (node_modules)
  --limit <n>         at most n text files, evenly picked          (3,000; all on one flavour)
  --timeout <time>    for one file: 500ms, 2s, 1m                  (2s)
  --deadline <time>   for each run; shows what is done then        (none)
  --json <file>       write the report there, too
  --verify            run each with 1, 8 and 64 at once and compare
  --quiet             no progress line
  --smoke             small and quick; so does SKEIN_SMOKE=1
  --help              this text

Ctrl-C stops it and shows what is done; a second Ctrl-C exits at once.
Exit codes: 0 done, 1 it broke or answers differ, 2 wrong flags, 130 or 143 stopped.
`

const everything = fileURLToPath(new URL("../../../node_modules", import.meta.url))

export const read = (args: ReadonlyArray<string>): Effect.Effect<Flags, InvalidFlag> =>
  Effect.try({
    try: () => {
      const { values } = parseArgs({
        args: [...args],
        strict: true,
        allowPositionals: false,
        options: {
          flavour: { type: "string" },
          size: { type: "string" },
          concurrency: { type: "string" },
          dir: { type: "string" },
          limit: { type: "string" },
          timeout: { type: "string" },
          deadline: { type: "string" },
          json: { type: "string" },
          quiet: { type: "boolean" },
          verify: { type: "boolean" },
          smoke: { type: "boolean" },
          help: { type: "boolean", short: "h" }
        }
      })
      const smoke = values.smoke === true || process.env["SKEIN_SMOKE"] === "1"
      const where = places(values.flavour)
      return {
        flavours: where,
        size: whole("size", values.size, 100) ?? availableParallelism(),
        concurrency: whole("concurrency", values.concurrency) ?? 8,
        dir: values.dir ?? everything,
        limit: whole("limit", values.limit) ?? (smoke ? 300 : where.length > 1 ? 3000 : Infinity),
        timeout: time("timeout", values.timeout) ?? Duration.millis(smoke ? 1000 : 2000),
        deadline: time("deadline", values.deadline),
        json: values.json,
        quiet: values.quiet === true,
        verify: values.verify === true,
        help: values.help === true
      }
    },
    // `parseArgs` explains at length how to pass positional arguments; there are none here.
    catch: (error) => new InvalidFlag({ message: error instanceof Error ? error.message.split(". ", 1)[0]! : String(error) })
  })

const places = (text = "all"): Flags["flavours"] => {
  if (text === "all") return flavours
  const flavour = flavours.find((one) => one === text)
  if (flavour === undefined) throw new Error(`--flavour must be ${flavours.join(", ")} or all, got ${JSON.stringify(text)}`)
  return [flavour]
}

const whole = (flag: string, text: string | undefined, most = 1_000_000): number | undefined => {
  if (text === undefined) return undefined
  const n = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(n >= 1 && n <= most))
    throw new Error(`--${flag} must be a whole number from 1 to ${most.toLocaleString("en")}, got ${JSON.stringify(text)}`)
  return n
}

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000 }

const time = (flag: string, text: string | undefined): Duration.Duration | undefined => {
  if (text === undefined) return undefined
  const [, amount, unit] = /^(\d+(?:\.\d+)?) ?(ms|s|m)$/.exec(text) ?? []
  const millis = Number(amount) * units[unit ?? "ms"]!
  if (!(millis > 0)) throw new Error(`--${flag} must be a time such as 500ms, 2s or 1m, got ${JSON.stringify(text)}`)
  return Duration.millis(millis)
}
