/** Lets signals end an engine: first what waits is given up and what runs ends by itself, then what runs is stopped. */
import type * as Engine from "@skein/engine/Engine"
import type * as Job from "@skein/engine/Job"
import * as Effect from "effect/Effect"
import type * as control from "../control.ts"
import type { Reason } from "../runner.ts"

export interface Steering extends control.Steered {
  readonly attach: (engine: Engine.Engine) => void
  /** Takes in a change of a run. */
  readonly changed: (run: Job.Run) => void
  /** The first signal that came. */
  readonly signal: () => NodeJS.Signals | undefined
}

export const steered = (): Steering => {
  let engine: Engine.Engine | undefined
  let phase: "running" | "draining" | "stopping" = "running"
  let signal: NodeJS.Signals | undefined
  const cancel = (which: string | Engine.Filter): void => {
    if (engine !== undefined) Effect.runFork(engine.cancel(which, signal))
  }
  const drain = (reason: Reason): void => {
    if (reason._tag === "Signal") signal ??= reason.signal
    if (phase !== "running") return
    phase = "draining"
    cancel({ state: "waiting" })
  }
  return {
    attach: (one) => {
      engine = one
    },
    changed: ({ id, state }) => {
      // A failed attempt is followed by none.
      if (phase !== "running" && state._tag === "Waiting") queueMicrotask(() => cancel(id))
    },
    signal: () => signal,
    phase: () => phase,
    drain,
    stop: (reason) => {
      drain(reason)
      phase = "stopping"
      cancel({})
    }
  }
}
