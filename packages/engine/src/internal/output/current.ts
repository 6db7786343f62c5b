/** What a job finds of its output: in the context of its fibers, and only there. */
import * as Context from "effect/Context"
import * as Logger from "effect/Logger"
import type { RunOutput } from "./runOutput.ts"

/** The output of the run that a fiber belongs to. */
export const CurrentOutput: Context.Reference<RunOutput | undefined> = Context.Reference<RunOutput | undefined>(
  "@skein/engine/CurrentOutput",
  { defaultValue: () => undefined }
)

/** One for all jobs: it writes to the log of the job whose fiber it is called by. */
const jobLogger = Logger.make<unknown, void>((options) => {
  const output = Context.get(options.fiber.context, CurrentOutput)
  if (output === undefined) return
  let line: string
  try {
    line = Logger.formatLogFmt.log(options)
  } catch (error) {
    line = `timestamp=${options.date.toISOString()} level=WARN message="this could not be written" cause=${JSON.stringify(String(error))}`
  }
  output.push("log", `${line}\n`)
})

type Loggers = ReadonlySet<Logger.Logger<unknown, any>>

const withJobLogger = new WeakMap<Loggers, Loggers>()

/** Puts the output of a run, and the logger that writes to it beside those that are there, into the context of a job. */
export const provide = (map: Map<string, any>, output: RunOutput): void => {
  const loggers: Loggers = Context.get(Context.makeUnsafe<never>(map), Logger.CurrentLoggers)
  let all = withJobLogger.get(loggers)
  if (all === undefined) withJobLogger.set(loggers, (all = new Set([...loggers, jobLogger])))
  map.set(Logger.CurrentLoggers.key, all)
  map.set(CurrentOutput.key, output)
}
