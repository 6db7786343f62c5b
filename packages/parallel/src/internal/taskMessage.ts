/**
 * Says what a running call and its caller tell each other. Messages are small JSON arrays that begin with a word; it knows nothing of Effect.
 */
import type * as defect from "./taskDefect.ts"

/** From the work to its caller. */
export type Up =
  /** A progress report. */
  | readonly [
      "progress",
      { readonly done?: number | undefined; readonly total?: number | undefined; readonly message?: string | undefined }
    ]
  /** A log line. */
  | readonly ["log", LogLine]
  /** The work moved its deadline by so many milliseconds. */
  | readonly ["extend", number]
  /** Something inside would answer the deadline, or no longer. */
  | readonly ["answering", boolean]
  /** A batch of a stream: its number, counted from 0, its elements in their JSON form, and the places of those that must be decoded although the schema is plain. */
  | readonly ["some", number, ReadonlyArray<unknown>, ReadonlyArray<number>?]
  /** So many batches were sent, and there are no more. */
  | readonly ["end", number]

/** From the caller to the work. */
export type Down =
  /** So many milliseconds are left before the deadline. */
  | readonly ["left", number]
  /** The deadline has come. */
  | readonly ["deadline"]
  /** So many more elements of a stream may be sent. */
  | readonly ["want", number]
  /** All batches of a stream have come. */
  | readonly ["got"]

/** What only the reader of a stream says. */
export type FromReader = Extract<Down, readonly ["want" | "got", ...Array<unknown>]>

export interface LogLine {
  readonly level: string
  readonly message: ReadonlyArray<defect.Json>
  readonly annotations?: defect.Json
  readonly spans?: ReadonlyArray<readonly [string, number]>
  readonly cause?: string
}

export const write = (message: Up | Down): string => JSON.stringify(message)

export const read = <Message extends Up | Down>(text: string): Message => JSON.parse(text) as Message
