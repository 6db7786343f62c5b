/**
 * Says what a worker answers when a task has not given a value, and reads it. Of one shape for effects, which have a cause, and for plain functions, which throw; it knows nothing of Effect.
 *
 * ```
 * { cause: [["fail", error] | ["die", defect] | ["interrupt"] …] }   an effect's cause; the error by its schema
 * { thrown: defect, own }                                            what a plain function threw, and its own fields as JSON
 * { refused: "Rejected" | "Unserializable", message }                the payload could not be read, the result not be written
 * ```
 */
import type { Answer } from "../TaskRunner.ts"
import * as defect from "./taskDefect.ts"

export type Reason = readonly ["fail", defect.Json] | readonly ["die", defect.Json] | readonly ["interrupt"]

export type Failure =
  | { readonly cause: ReadonlyArray<Reason> }
  | { readonly thrown: defect.Json; readonly fields: unknown }
  | { readonly refused: "Rejected" | "Unserializable"; readonly message: string }

/** The answer of a plain function that threw, or was stopped. */
export const thrown = (error: unknown): Answer => ({
  ok: false,
  text: JSON.stringify({ thrown: defect.encode(error), fields: fieldsOf(error) })
})

/** The answer where the payload could not be read, or the result not be written. */
export const refused = (reason: "Rejected" | "Unserializable", message: string): Answer => ({
  ok: false,
  text: JSON.stringify({ refused: reason, message })
})

/** What an error schema may find in a thrown value: its own fields, and name and message of an error. */
const fieldsOf = (error: unknown): unknown => {
  try {
    if (typeof error !== "object" || error === null || Array.isArray(error)) return JSON.parse(JSON.stringify(error) ?? "null")
    const fields: Record<string, unknown> = { ...error }
    if (error instanceof Error) {
      fields["message"] ??= error.message
      if (fields["_tag"] === undefined || fields["name"] === undefined) fields["name"] ??= error.name
    }
    return JSON.parse(JSON.stringify(fields))
  } catch {
    return undefined
  }
}

/** Reads an answer that is not ok; one that nobody of ours wrote is a defect that shows it. */
export const read = (answer: Answer): Failure => {
  try {
    const failure: unknown = JSON.parse(answer.text)
    if (typeof failure === "object" && failure !== null && ("refused" in failure || "cause" in failure || "thrown" in failure)) {
      return failure as Failure
    }
  } catch {
    // No JSON.
  }
  return { thrown: defect.encode(new Error(`a worker gave an answer of no known shape: ${answer.text.slice(0, 200)}`)), fields: undefined }
}
