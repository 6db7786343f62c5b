/**
 * Listens to a `SubscriptionRef` once for all who wait for it by one clock.
 *
 * A subscription of its own costs each waiter a fiber and seven kilobytes; a place in a set costs next to nothing. The one fiber starts with the first who joins and is interrupted when the last one leaves.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Alarms } from "../alarms.ts"

interface Listener {
  /** The value may be another one now. */
  readonly news: () => void
  /** There will be no more news. */
  readonly over: (exit: Exit.Exit<void>) => void
}

type AnyRef = SubscriptionRef.SubscriptionRef<unknown>

class Hub {
  private readonly ref: AnyRef
  private readonly alarms: Alarms
  private readonly listeners = new Set<Listener>()
  private fiber: Fiber.Fiber<void> | undefined
  private started = 0

  constructor(ref: AnyRef, alarms: Alarms) {
    this.ref = ref
    this.alarms = alarms
  }

  /** Who joins looks for himself first: only what changes from now on is news. Gives the way to leave. */
  join(listener: Listener): () => void {
    this.listeners.add(listener)
    if (this.fiber === undefined) this.start()
    return () => {
      if (this.listeners.delete(listener) && this.listeners.size === 0) this.stop()
    }
  }

  private start(): void {
    // Anything may happen in the steps that the fiber takes here, even that all leave: then whoever started or stopped last counts.
    const mine = ++this.started
    const fiber = this.alarms.fork(Stream.runForEach(SubscriptionRef.changes(this.ref), () => this.tell))
    if (mine !== this.started) return fiber.interruptUnsafe()
    this.fiber = fiber
    fiber.addObserver((exit) => {
      if (this.fiber !== fiber) return
      this.fiber = undefined
      if (Exit.isSuccess(exit) || !Cause.hasInterruptsOnly(exit.cause)) {
        for (const listener of this.listeners) listener.over(exit)
        return
      }
      // A stranger interrupted it. What it missed meanwhile is told by the new one, which begins with the value as it is.
      this.start()
    })
  }

  private stop(): void {
    const { fiber } = this
    this.started++
    this.fiber = undefined
    fiber?.interruptUnsafe()
  }

  private readonly tell = Effect.sync(() => {
    for (const listener of this.listeners) listener.news()
  })
}

const hubs = new WeakMap<AnyRef, WeakMap<Alarms, Hub>>()

export const hubOf = (ref: AnyRef, alarms: Alarms): Hub => {
  let byAlarms = hubs.get(ref)
  if (byAlarms === undefined) hubs.set(ref, (byAlarms = new WeakMap()))
  let hub = byAlarms.get(alarms)
  if (hub === undefined) byAlarms.set(alarms, (hub = new Hub(ref, alarms)))
  return hub
}
