/** What goes wrong between values and what is kept of them. */
import * as Data from "effect/Data"
import type { Json } from "../../JobStore.ts"
import { wordsFor } from "./plain.ts"

const because = (cause: unknown): string => (cause instanceof Error ? cause.message : wordsFor(cause))

/** What a job gave, or what it failed with, is nothing that its schema can write as JSON. */
export class NotEncodable extends Data.TaggedError("NotEncodable")<{ readonly what: "success" | "error"; readonly cause: unknown }> {
  override get message(): string {
    return `${this.what === "success" ? "the result" : "the error"} of the job cannot be kept: ${because(this.cause)}`
  }
}

/** What is kept does not fit: the schema has changed since, say. */
export class NotDecodable extends Data.TaggedError("NotDecodable")<{ readonly json: Json; readonly cause: unknown }> {
  override get message(): string {
    return `what is kept of the job cannot be read: ${because(this.cause)}`
  }
}
