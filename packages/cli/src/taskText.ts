/** Reads the payloads of a task and writes what becomes of its calls, by the codecs that it brings along: its schemas are those of the Effect that its module imports, and a parser reads no schema of another copy. */
import type * as Task from "@skein/parallel/Task"

/** A task whatever its types. */
export type AnyTask = Task.Task<unknown, unknown, unknown>

/** Both throw an `Error` for what does not fit. */
interface Codec {
  readonly fromPlainWire: (wire: { readonly text: string }) => unknown
  readonly write: (value: unknown) => string
}

interface Codecs {
  readonly payload: Codec
  readonly success: Codec
  readonly error: Codec
}

/** Where `Task.make` keeps them. */
const key = Symbol.for("@skein/parallel/Task/callee")

const codecsOf = (task: AnyTask): Codecs => (task as unknown as { readonly [key]: Codecs })[key]

/** Whether a value that a module exports is a task. */
export const isTask = (value: unknown): value is AnyTask => typeof value === "function" && "definition" in value && key in value

/** The payload that a line of JSON stands for. Throws an `Error` where it stands for none. */
export const payload = (task: AnyTask, text: string): unknown => codecsOf(task).payload.fromPlainWire({ text })

/** The JSON form of what a call gave. */
export const success = (task: AnyTask, value: unknown): unknown => JSON.parse(codecsOf(task).success.write(value))

/** The JSON form of a typed error; nothing where the schema of the task does not know it. */
export const error = (task: AnyTask, value: unknown): unknown => {
  try {
    return JSON.parse(codecsOf(task).error.write(value))
  } catch {
    return undefined
  }
}
