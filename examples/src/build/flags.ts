/** Reads the command line. What is wrong with it is an `InvalidFlag` with a sentence for the user. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { parseArgs } from "node:util"

export interface Flags {
  /** The folder stays, with the store in it. */
  readonly keep: boolean
  /** The folder of the process with the engine: the program starts itself so. */
  readonly engine: string | undefined
  readonly help: boolean
}

export class InvalidFlag extends Data.TaggedError("InvalidFlag")<{ readonly message: string }> {}

export const help = `Builds packages of this repository on a durable engine that is killed by SIGKILL in the middle.

  node examples/src/build.ts

  --keep    leave the store there, and say how to look at it
  --smoke   as it is without: it is small
  --help    this text

Exit codes: 0 the books balance, 1 they do not, or it broke, 2 wrong flags, 130 or 143 stopped.
`

export const read = (args: ReadonlyArray<string>): Effect.Effect<Flags, InvalidFlag> =>
  Effect.try({
    try: () => {
      const { values } = parseArgs({
        args: [...args],
        strict: true,
        allowPositionals: false,
        options: {
          keep: { type: "boolean" },
          engine: { type: "string" },
          smoke: { type: "boolean" },
          help: { type: "boolean", short: "h" }
        }
      })
      return { keep: values.keep ?? false, engine: values.engine, help: values.help ?? false }
    },
    catch: (error) => new InvalidFlag({ message: (error as Error).message })
  })
