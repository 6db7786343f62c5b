/** Shows what a stage does: how many blocks run in it, and how far it is ahead of the next one. */
import type { Outcome } from "@skein/core"
import * as Effect from "effect/Effect"

export class Gauge {
  readonly name: string
  readonly concurrency: number
  readonly buffer: number
  /** The stage that reads from this one. */
  private readonly next: Gauge | undefined
  private pulled = 0
  private done = 0
  running = 0
  /** The most that ran at once. */
  peak = 0
  /** The most blocks that had come in and not gone out. */
  mostAhead = 0
  /** The most blocks that were done and waited for the next stage. */
  mostWaiting = 0
  /** Blocks that took more than one attempt. */
  retried = 0
  /** Blocks that ended without a value. */
  lost = 0

  constructor(name: string, concurrency: number, buffer: number, next: Gauge | undefined) {
    this.name = name
    this.concurrency = concurrency
    this.buffer = buffer
    this.next = next
  }

  /** Counts an attempt while it runs. A block that is tried again has come in before; between two attempts it does not run. */
  readonly count = <A, E>(index: number, attempt: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      this.pulled = Math.max(this.pulled, index + 1)
      this.peak = Math.max(this.peak, ++this.running)
      this.mostAhead = Math.max(this.mostAhead, this.ahead)
      return Effect.ensuring(
        attempt,
        Effect.sync(() => this.running--)
      )
    })

  ended(outcome: Outcome.Outcome<unknown, unknown>): void {
    this.done++
    if (outcome._tag !== "Completed") this.lost++
    if (outcome.attempts > 1) this.retried++
    this.mostWaiting = Math.max(this.mostWaiting, this.waiting)
  }

  /** What has come in and has not gone out; of the last stage, what has not ended. */
  get ahead(): number {
    return this.pulled - (this.next === undefined ? this.done : this.next.pulled + this.lost)
  }

  /** What is done and waits for the next stage. */
  get waiting(): number {
    return this.next === undefined ? 0 : this.done - this.lost - this.next.pulled
  }

  get window(): number {
    return this.concurrency + this.buffer
  }
}
