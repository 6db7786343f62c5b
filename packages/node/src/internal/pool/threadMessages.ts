/** What a pool and its threads share beside their rings. */
import type { Config } from "../../boot/host.ts"

/** What a thread is started with. */
export interface ThreadData {
  readonly calls: SharedArrayBuffer
  readonly answers: SharedArrayBuffer
  /** One word for each slot. */
  readonly slots: SharedArrayBuffer
  readonly config: Config
  /** Whether functions may be ended by the inspector. */
  readonly soft: boolean
}

/**
 * What a slot's word says. Whoever moves it away from `queued` has the call: the thread, to run it, or the pool, to take it back.
 *
 * In a thread whose functions may be ended by the inspector it is `inside` while such a function has the stack. The thread moves it back to `running` when the function has returned, the pool to `condemned` to end it. If the
 * pool was first, the thread waits where it is until it is ended: so nothing else can be hit.
 */
export const slotState = { free: 0, queued: 1, running: 2, loading: 3, revoked: 4, inside: 5, condemned: 6 } as const

/** A message to a thread: none at all wakes it. */
export type ToThread =
  | undefined
  | { readonly is: "beside"; readonly call: number; readonly text: string; readonly parts: ReadonlyArray<unknown> | undefined }
  | { readonly is: "interrupt"; readonly call: number }
  /** A running call was told something: it is in the ring. */
  | { readonly is: "look" }
  /** The same, where the ring has no room for it. */
  | { readonly is: "tell"; readonly call: number; readonly text: string }
  | { readonly is: "end" }
  /** The function of this call was ended. */
  | { readonly is: "cut"; readonly call: number; readonly slot: number }
