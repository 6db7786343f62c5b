/**
 * Carries a cause: typed failures through the schema of the errors, defects as `taskDefect.ts` keeps them, interruptions without the fiber's number, which means nothing elsewhere.
 */
import * as Cause from "effect/Cause"
import type { Answer } from "../TaskRunner.ts"
import type * as answer from "./taskAnswer.ts"
import { type Codec, Misfit } from "./taskCodec.ts"
import * as defect from "./taskDefect.ts"
import * as parts from "./taskParts.ts"

/** A typed error that does not fit the schema the task gave for its errors. */
export const misfitOf = (task: string, error: unknown, reason: string): Error =>
  new Error(`task ${JSON.stringify(task)} failed with an error that does not fit its error schema: ${reason}`, { cause: error })

/** The answer of an effect that did not succeed. */
export const toAnswer = (task: string, cause: Cause.Cause<unknown>, errors: Codec): Answer => {
  const wire = parts.collect(() => `{"cause":[${cause.reasons.map((reason) => textOf(task, reason, errors)).join(",")}]}`)
  return { ...wire, ok: false }
}

const textOf = (task: string, reason: Cause.Reason<unknown>, errors: Codec): string => {
  switch (reason._tag) {
    case "Fail": {
      try {
        return `["fail",${errors.write(reason.error)}]`
      } catch (error) {
        return JSON.stringify(["die", defect.encode(misfitOf(task, reason.error, error instanceof Error ? error.message : String(error)))])
      }
    }
    case "Die":
      return JSON.stringify(["die", defect.encode(reason.defect)])
    case "Interrupt":
      return `["interrupt"]`
  }
}

/** The cause in an answer. */
export const fromReasons = (task: string, reasons: ReadonlyArray<answer.Reason>, errors: Codec): Cause.Cause<unknown> =>
  Cause.fromReasons(
    reasons.map((reason) => {
      switch (reason[0]) {
        case "fail":
          try {
            return Cause.makeFailReason(errors.read(reason[1]))
          } catch (error) {
            return Cause.makeDieReason(misfitOf(task, reason[1], error instanceof Misfit ? error.message : String(error)))
          }
        case "die":
          return Cause.makeDieReason(defect.decode(reason[1]))
        case "interrupt":
          return Cause.makeInterruptReason()
      }
    })
  )

/** What a plain function threw: the typed error where the schema of the errors accepts its fields, else a defect. */
export const fromThrown = (thrown: defect.Json, fields: unknown, errors: Codec): Cause.Cause<unknown> => {
  if (fields !== undefined) {
    try {
      return Cause.fail(errors.read(fields))
    } catch {
      // It is no typed error then.
    }
  }
  return Cause.die(defect.decode(thrown))
}
