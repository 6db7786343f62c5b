/** Reads how much there is of what jobs need. */
import { availableParallelism } from "node:os"
import { UsageError, type Values } from "../flags.ts"
import * as sizes from "../sizes.ts"

const shape = /^([^=]+)=(\d{1,15})$/

/** `gpu=2` and the like, of a flag that may be repeated. @throws UsageError */
export const amounts = (values: Values, flag: string, least: number): Readonly<Record<string, number>> =>
  Object.fromEntries(
    values.all(flag).map((text) => {
      const [, name, amount] = shape.exec(text) ?? []
      if (name === undefined || Number(amount) < least) {
        throw new UsageError({
          message: `--${flag} must be a name and a whole number of at least ${least}, such as gpu=2, got ${JSON.stringify(text)}`
        })
      }
      if (name === "jobs" && flag === "limit")
        throw new UsageError({ message: "--limit is for other things than jobs; --jobs says how many run at once" })
      return [name, Number(amount)]
    })
  )

/** The limits of an engine: of flags, and where they say nothing, of a file. @throws UsageError */
export const limitsOf = (values: Values, file: Readonly<Record<string, number>> = {}): Readonly<Record<string, number | "unbounded">> => {
  const mode = values.read("jobs", sizes.jobs)
  const jobs = mode === undefined ? (file["jobs"] ?? availableParallelism()) : sizes.jobsOn(mode, availableParallelism())
  return { ...file, ...amounts(values, "limit", 1), jobs: jobs === Infinity ? "unbounded" : jobs }
}
