/** The one failure of stores. */
import * as Data from "effect/Data"
import type { StoreReason } from "../../JobStore.ts"

export class StoreError extends Data.TaggedError("StoreError")<{ readonly store: string; readonly reason: StoreReason }> {
  override get message(): string {
    const { reason, store } = this
    const what = `job store ${JSON.stringify(store)}`
    switch (reason._tag) {
      case "Owned":
        return `${what} is in use by another engine`
      case "Fenced":
        return `${what} was taken over by another engine`
      case "Newer":
        return `${what} has version ${reason.version}, and this program knows version ${reason.known} at most`
      case "NotAStore":
        return `${what} cannot be read: ${reason.detail}`
      case "Full":
        return `${what} is full`
      case "Unavailable":
        return `${what} cannot be used: ${reason.cause instanceof Error ? reason.cause.message : String(reason.cause)}`
    }
  }
}

export const unavailable = (store: string, cause: unknown): StoreError => new StoreError({ store, reason: { _tag: "Unavailable", cause } })
