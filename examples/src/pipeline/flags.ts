/** Reads the command line. What is wrong with it is an `InvalidFlag` with a sentence for the user. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import type { Format } from "./records.ts"

export interface Flags {
  /** How much input to make, in bytes. */
  readonly size: number
  readonly format: Format
  readonly dir: string
  /** How many blocks are looked up at once. */
  readonly lookups: number
  /** How long the slowest lookup takes, in milliseconds. */
  readonly latency: number
  readonly quiet: boolean
  readonly help: boolean
}

export class InvalidFlag extends Data.TaggedError("InvalidFlag")<{ readonly message: string }> {}

export const help = `Streams a large file through three bounded stages: parse, look up, write.

  node examples/src/pipeline.ts                  100 MB of NDJSON, made of the files in node_modules
  node examples/src/pipeline.ts --format csv     the same records as CSV: the same digest
  node examples/src/pipeline.ts --lookups 1      the second stage holds up the others

  --size <MB>         how much input, 1 or more                    (100)
  --format <format>   ndjson or csv                                (ndjson)
  --dir <folder>      where the text of the records comes from     (node_modules)
  --lookups <n>       how many blocks are looked up at once        (8)
  --latency <ms>      how long the slowest lookup takes, 0 or more (8)
  --quiet             no progress line
  --smoke             small and quick; so does SKEIN_SMOKE=1
  --help              this text

Ctrl-C ends the input: what has been read goes through, and the output is whole up to there. A second Ctrl-C exits at once.
Exit codes: 0 done, 1 it broke, 2 wrong flags, 130 or 143 stopped.
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
          size: { type: "string" },
          format: { type: "string" },
          dir: { type: "string" },
          lookups: { type: "string" },
          latency: { type: "string" },
          quiet: { type: "boolean" },
          smoke: { type: "boolean" },
          help: { type: "boolean", short: "h" }
        }
      })
      const smoke = values.smoke === true || process.env["SKEIN_SMOKE"] === "1"
      return {
        size: whole("size", values.size, 1, smoke ? 6 : 100) * 1_000_000,
        format: formatOf(values.format),
        dir: values.dir ?? everything,
        lookups: whole("lookups", values.lookups, 1, 8),
        latency: whole("latency", values.latency, 0, 8),
        quiet: values.quiet === true,
        help: values.help === true
      }
    },
    // `parseArgs` explains at length how to pass positional arguments; there are none here.
    catch: (error) => new InvalidFlag({ message: error instanceof Error ? error.message.split(". ", 1)[0]! : String(error) })
  })

const whole = (flag: string, text: string | undefined, least: number, otherwise: number): number => {
  if (text === undefined) return otherwise
  const n = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(n >= least && n <= 100_000))
    throw new Error(`--${flag} must be a whole number from ${least} to 100,000, got ${JSON.stringify(text)}`)
  return n
}

const formatOf = (text: string | undefined): Format => {
  if (text === undefined || text === "ndjson" || text === "csv") return text ?? "ndjson"
  throw new Error(`--format must be ndjson or csv, got ${JSON.stringify(text)}`)
}
