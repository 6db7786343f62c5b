/** Causes as JSON: typed failures by the schema of the errors, defects as errors with their text, interruptions. Of the annotations only the mark of a worker that was killed is kept. */
import * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type { Json } from "../../JobStore.ts"
import type { Codec } from "../work.ts"
import { NotDecodable, NotEncodable } from "./codecError.ts"
import { isJson, jsonOrWords, listOf, numberOf, objectOf, present, textOf, wordsFor } from "./plain.ts"

/** How many errors are kept along the `cause` of an error. */
const deepest = 8

export const encodeValue = (what: "success" | "error", codec: Codec, value: unknown): Json => {
  let json: unknown
  try {
    json = codec.encode(value)
    if (isJson(json)) return json
  } catch (cause) {
    throw new NotEncodable({ what, cause })
  }
  throw new NotEncodable({ what, cause: new TypeError("its codec gives no JSON") })
}

/** Throws a `NotEncodable`. */
export const encode = (cause: Cause.Cause<unknown>, errors: Codec): Json =>
  write(cause, (error) => ({ fail: encodeValue("error", errors, error) }))

/** An error that cannot be written becomes a defect that says so. */
export const encodeAnyway = (cause: Cause.Cause<unknown>, errors: Codec): Json =>
  write(cause, (error) => {
    try {
      return { fail: encodeValue("error", errors, error) }
    } catch (refused) {
      return { die: encodeDefect(refused) }
    }
  })

const write = (cause: Cause.Cause<unknown>, fail: (error: unknown) => Json): Json => {
  const killed = TaskRunner.killedIn(cause)
  return present({
    reasons: cause.reasons.map((reason): Json => {
      switch (reason._tag) {
        case "Fail":
          return fail(reason.error)
        case "Die":
          return { die: encodeDefect(reason.defect) }
        case "Interrupt":
          return { interrupt: reason.fiberId ?? null }
      }
    }),
    killed: killed === undefined ? undefined : { flavour: killed.flavour, worker: killed.worker }
  })
}

const encodeDefect = (defect: unknown): Json => {
  if (isError(defect)) return { error: encodeError(defect, 1) }
  const json = jsonOrWords(defect)
  return json === defect ? { value: json } : { error: { name: "Error", message: wordsFor(defect) } }
}

const isError = (value: unknown): value is Error => {
  try {
    return value instanceof Error
  } catch {
    // A proxy whose target was revoked.
    return false
  }
}

const encodeError = (error: Error, depth: number): Json => {
  const cause = read(error, "cause")
  return present({
    name: asText(read(error, "name")) ?? "Error",
    message: asText(read(error, "message")) ?? "",
    stack: asText(read(error, "stack")),
    cause:
      cause === undefined || depth >= deepest ? undefined : isError(cause) ? { error: encodeError(cause, depth + 1) } : encodeDefect(cause)
  })
}

const asText = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)

/** Getters throw, in errors of all places. */
const read = (error: Error, field: "name" | "message" | "stack" | "cause"): unknown => {
  try {
    return error[field]
  } catch {
    return undefined
  }
}

/** Throws for what is no cause, and what the codec throws. */
export const decode = (json: Json, errors: Codec): Cause.Cause<unknown> => {
  const { killed, reasons } = objectOf(json, "a cause")
  const cause = Cause.fromReasons(
    listOf(reasons, "the reasons of a cause").map((reason): Cause.Reason<unknown> => {
      const { die, fail, interrupt } = objectOf(reason, "a reason")
      if (fail !== undefined) return Cause.makeFailReason(errors.decode(fail))
      if (die !== undefined) return Cause.makeDieReason(decodeDefect(die))
      return Cause.makeInterruptReason(interrupt === null ? undefined : numberOf(interrupt, "the fiber of an interruption"))
    })
  )
  if (killed === undefined) return cause
  const { flavour, worker } = objectOf(killed, "the mark of a kill")
  const mark = { flavour: textOf(flavour, "a flavour"), worker: numberOf(worker, "a worker") }
  const { annotations } = TaskRunner.killed(mark).reasons[0]!
  return Cause.annotate(cause, Context.makeUnsafe<never>(annotations))
}

/** What cannot be read stands there as a defect that says so. */
export const decodeAnyway = (json: Json, errors: Codec): Cause.Cause<unknown> => {
  try {
    return decode(json, errors)
  } catch (cause) {
    return Cause.die(new NotDecodable({ json, cause }))
  }
}

const decodeDefect = (json: Json): unknown => {
  const { error, value } = objectOf(json, "a defect")
  return error === undefined ? value : decodeError(error)
}

const decodeError = (json: Json): Error => {
  const { cause, message, name, stack } = objectOf(json, "an error")
  const error = new Error(textOf(message, "a message"))
  hide(error, "name", textOf(name, "a name"))
  // Where it was decoded tells nothing.
  hide(error, "stack", stack === undefined ? `${error.name}: ${error.message}` : textOf(stack, "a stack"))
  if (cause !== undefined) hide(error, "cause", decodeDefect(cause))
  return error
}

/** As in errors that were made here: these fields are not listed. */
const hide = (error: Error, field: string, value: unknown): void => {
  Object.defineProperty(error, field, { value, enumerable: false, configurable: true, writable: true })
}
