/** What a pool and its threads share beside their rings. */
import type { Config } from "../../boot/host.ts"

/** What a thread is started with. */
export interface ThreadData {
  readonly calls: SharedArrayBuffer
  readonly answers: SharedArrayBuffer
  /** One word for each slot. */
  readonly slots: SharedArrayBuffer
  readonly config: Config
}

/** What a slot's word says. Whoever moves it away from `queued` has the call: the thread, to run it, or the pool, to take it back. */
export const slotState = { free: 0, queued: 1, running: 2, loading: 3, revoked: 4 } as const

/** A message to a thread: none at all wakes it. */
export type ToThread =
  | undefined
  | { readonly is: "beside"; readonly call: number; readonly text: string; readonly parts: ReadonlyArray<unknown> | undefined }
  | { readonly is: "interrupt"; readonly call: number }
  /** A running call was told something: it is in the ring. */
  | { readonly is: "look" }
  | { readonly is: "end" }
