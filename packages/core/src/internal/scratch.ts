/** The one record that all outcomes of a call are copied from: at 100,000 outcomes a record each would be a tenth of the time. */
import type * as Cause from "effect/Cause"
import type * as Outcome from "../Outcome.ts"
import type { Task } from "./task.ts"

export class Scratch {
  index = 0
  name: string | undefined = undefined
  attempts = 0
  attemptCauses: ReadonlyArray<Cause.Cause<unknown>> | undefined = undefined
  abandoned = false
  readonly stamp: { -readonly [K in keyof Outcome.Stamp]: Outcome.Stamp[K] }

  constructor(startedAt: number) {
    this.stamp = { origin: { at: startedAt }, queued: -1, started: -1, ended: -1 }
  }

  /** What an outcome is to know of `task`; good until the next call. `ended` in microseconds since the pump was made, -1 for never. */
  of(task: Task<any, any>, ended: number): Outcome.Info {
    this.index = task.index
    this.name = task.name
    this.attempts = task.attempts
    this.attemptCauses = task.attemptCauses
    this.abandoned = task.abandoned
    const { stamp } = this
    stamp.queued = task.queued
    stamp.started = task.started
    stamp.ended = ended
    return this
  }
}
