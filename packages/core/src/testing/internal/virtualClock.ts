/**
 * Keeps virtual time: a clock that stands still until it is told to go to its next timer.
 *
 * Time is counted in nanoseconds from 1970-01-01T00:00:00Z in a double: exact for 104 days, and to two nanoseconds for the next 104.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { AnyFiber } from "../../internal/lineage.ts"

export interface Timer {
  readonly at: number
  /** Ties are listed in the order in which they were set; who runs first among them is the scheduler's choice. */
  readonly order: number
  readonly fiber: AnyFiber | undefined
  readonly resume: () => void
  /** Position in the heap, -1 when not in it. */
  position: number
}

export class VirtualClock implements Clock.Clock {
  private nanos = 0
  private set = 0
  private readonly heap: Array<Timer> = []
  /** Fibers that sleep without end. They hold no timer, so nothing keeps a deadlock from being seen. */
  readonly forever: Set<AnyFiber> = new Set()

  /** Milliseconds since the start, with fractions. */
  get now(): number {
    return this.nanos / 1e6
  }

  currentTimeMillisUnsafe(): number {
    return this.nanos / 1e6
  }
  readonly currentTimeMillis: Effect.Effect<number> = Effect.sync(() => this.currentTimeMillisUnsafe())

  currentTimeNanosUnsafe(): bigint {
    return BigInt(this.nanos)
  }
  readonly currentTimeNanos: Effect.Effect<bigint> = Effect.sync(() => this.currentTimeNanosUnsafe())

  monotonicTimeNanosUnsafe(): bigint {
    return BigInt(this.nanos)
  }
  readonly monotonicTimeNanos: Effect.Effect<bigint> = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    if (!(millis > 0)) return Effect.yieldNow
    if (millis === Infinity) return this.never
    return Effect.callback<void>((resume) => {
      const timer: Timer = {
        at: this.nanos + Math.round(millis * 1e6),
        order: this.set++,
        fiber: Fiber.getCurrent(),
        resume: () => resume(Effect.void),
        position: this.heap.length
      }
      this.heap.push(timer)
      this.up(timer)
      return Effect.sync(() => this.remove(timer))
    })
  }

  private readonly never: Effect.Effect<never> = Effect.callback<never>(() => {
    const fiber = Fiber.getCurrent()
    if (fiber === undefined) return
    this.forever.add(fiber)
    return Effect.sync(() => void this.forever.delete(fiber))
  })

  get pending(): ReadonlyArray<Timer> {
    return this.heap
  }

  /** Goes to the earliest timer and gives all that are due then; an empty list if there is none. */
  advance(): ReadonlyArray<Timer> {
    const due: Array<Timer> = []
    if (this.heap.length === 0) return due
    this.nanos = Math.max(this.nanos, this.heap[0]!.at)
    while (this.heap.length > 0 && this.heap[0]!.at <= this.nanos) {
      const timer = this.heap[0]!
      this.remove(timer)
      due.push(timer)
    }
    return due
  }

  private remove(timer: Timer): void {
    const { position } = timer
    if (position < 0) return
    timer.position = -1
    const last = this.heap.pop()!
    if (last === timer) return
    this.heap[position] = last
    last.position = position
    this.down(last)
    this.up(last)
  }

  private up(timer: Timer): void {
    let i = timer.position
    while (i > 0) {
      const p = (i - 1) >> 1
      const parent = this.heap[p]!
      if (!before(timer, parent)) break
      this.heap[i] = parent
      parent.position = i
      i = p
    }
    this.heap[i] = timer
    timer.position = i
  }

  private down(timer: Timer): void {
    let i = timer.position
    for (;;) {
      let c = 2 * i + 1
      if (c >= this.heap.length) break
      if (c + 1 < this.heap.length && before(this.heap[c + 1]!, this.heap[c]!)) c++
      const child = this.heap[c]!
      if (!before(child, timer)) break
      this.heap[i] = child
      child.position = i
      i = c
    }
    this.heap[i] = timer
    timer.position = i
  }
}

const before = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
