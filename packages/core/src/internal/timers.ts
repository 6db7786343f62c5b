/**
 * Keeps any number of instants behind one sleeping fiber per clock.
 *
 * An `Effect.timeout` a task costs five times the task (its race, its fiber, its timer); an entry in a heap costs a comparison.
 * The sleeping fiber goes through the `Clock` and the scheduler of whoever needs it, so virtual clocks work, and it is interrupted as
 * soon as no entry is left: nothing of ours keeps a process alive.
 *
 * **Ties.** Work that ends at the very instant of its deadline wins (law 9). So a due entry does not fire in the turn in which
 * the sleep ends, but after the other timers of that instant and one drain of what they woke: two passes through the scheduler at a
 * priority behind all ordinary work. The simulator runs higher numbers only when nothing lower is runnable; Node's immediates run after all due timers.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import { clockOf, type Now, nowOf } from "./clock.ts"
import type { AnyFiber } from "./lineage.ts"

/** The priority at which due timers fire; the runtime's own work has 0. */
const afterOrdinaryWork = 1_000

/** Half a microsecond, in milliseconds: absorbs the rounding between a clock's nanoseconds and our milliseconds. */
export const slack = 0.0005

/** The last step on the way to an instant, in milliseconds: a whole number of nanoseconds that is exact in binary, for the sum of both sleeps must be that instant. */
const step = 1 / 64

export interface Entry {
  at: number
  /** Which of several that are due at the same instant fires first: the one that was set first. */
  order: number
  readonly fire: () => void
  /** Position in the heap, -1 when not in it. */
  position: number
}

export class Timers {
  readonly now: Now
  private readonly clock: Clock.Clock
  private readonly context: Context.Context<never>
  private readonly heap: Array<Entry> = []
  private sleeper: Fiber.Fiber<void> | undefined
  private wakesAt = Infinity
  private set = 0
  /**
   * The clock is set by hand. Effect's `TestClock` wakes sleepers of one instant one after the other, in the order in which they went to sleep, and lets each finish what it does before it wakes the next: two
   * drains are nothing there. To be the last of an instant one has to be the last to go to sleep, so the last step of the way is a sleep of its own.
   */
  private readonly byHand: boolean
  private armed = 0

  constructor(clock: Clock.Clock, scheduler: Scheduler.Scheduler) {
    this.clock = clock
    this.byHand = "adjust" in clock
    this.now = nowOf(clock)
    // The sleeper's few steps never yield: who sets an alarm or takes one back is not overtaken by the rest of the program in the middle of it.
    this.context = Context.make(Clock.Clock, clock).pipe(
      Context.add(Scheduler.Scheduler, scheduler),
      Context.add(Scheduler.PreventSchedulerYield, true)
    ) as Context.Context<never>
  }

  /**
   * Calls `fire` at `at` (milliseconds on the clock's timeline), never before and never inside this call.
   *
   * To set an alarm starts a fiber, and a scheduler may let anything happen at a fiber's first step. Whoever may lose the entry to that keeps it first and sets it then:
   * `entry = add(Infinity, fire)`, `move(entry, at)`.
   */
  add(at: number, fire: () => void): Entry {
    const entry: Entry = { at, order: 0, fire, position: -1 }
    if (at < Infinity) this.insert(entry)
    return entry
  }

  /** Moves an entry, whether it is waiting, has fired or was cancelled. */
  move(entry: Entry, at: number): void {
    this.remove(entry)
    entry.at = at
    if (at < Infinity) this.insert(entry)
    else this.settle()
  }

  cancel(entry: Entry): void {
    // The instant says it too: an entry that is due in the same turn has left the heap already.
    entry.at = Infinity
    this.remove(entry)
    this.settle()
  }

  private insert(entry: Entry): void {
    entry.order = this.set++
    entry.position = this.heap.length
    this.heap.push(entry)
    this.up(entry)
    if (this.heap[0]!.at < this.wakesAt) this.arm()
  }

  private remove(entry: Entry): void {
    const { position } = entry
    if (position < 0) return
    entry.position = -1
    const last = this.heap.pop()!
    if (last === entry) return
    this.heap[position] = last
    last.position = position
    this.down(last)
    this.up(last)
  }

  /** An empty heap gives its timer back; a later first entry keeps the earlier alarm, which then only arms again. */
  private settle(): void {
    if (this.heap.length > 0 || this.sleeper === undefined) return
    const sleeper = this.sleeper
    this.sleeper = undefined
    this.wakesAt = Infinity
    sleeper.interruptUnsafe()
  }

  private arm(): void {
    const previous = this.sleeper
    this.sleeper = undefined
    const at = this.heap[0]!.at
    this.wakesAt = at
    // Both fibers take steps here, and in a step entries may come and go: then whoever armed last counts.
    const mine = ++this.armed
    previous?.interruptUnsafe()
    if (mine !== this.armed) return
    const sleeper: Fiber.Fiber<void> = Effect.runForkWith(this.context)(
      Effect.suspend(() => Effect.andThen(this.sleep(at - this.now()), twoDrains))
    )
    if (mine !== this.armed) return sleeper.interruptUnsafe()
    this.sleeper = sleeper
    this.settle()
    sleeper.addObserver(() => {
      if (this.sleeper !== sleeper) return
      this.sleeper = undefined
      this.wakesAt = Infinity
      this.fireDue()
    })
  }

  private sleep(millis: number): Effect.Effect<void> {
    return this.byHand && millis > step
      ? Effect.andThen(this.clock.sleep(Duration.millis(millis - step)), this.clock.sleep(Duration.millis(step)))
      : this.clock.sleep(Duration.millis(Math.max(0, millis)))
  }

  private fireDue(): void {
    // Entries added by what fires wait for the next alarm, so a callback cannot keep this loop alive.
    const now = this.now() + slack
    const due: Array<Entry> = []
    while (this.heap.length > 0 && this.heap[0]!.at <= now) {
      const entry = this.heap[0]!
      this.remove(entry)
      due.push(entry)
    }
    if (this.heap.length > 0 && this.heap[0]!.at < this.wakesAt) this.arm()
    // What fires is ours and does not throw. If it does, that is a bug which must be loud, and which the others that are due must not pay for.
    let bug: { readonly error: unknown } | undefined
    for (const entry of due) {
      if (entry.position >= 0 || entry.at > now) continue
      try {
        entry.fire()
      } catch (error) {
        bug ??= { error }
      }
    }
    if (bug !== undefined) throw bug.error
  }

  private up(entry: Entry): void {
    const { heap } = this
    let i = entry.position
    while (i > 0) {
      const p = (i - 1) >> 1
      const parent = heap[p]!
      if (isBefore(parent, entry)) break
      heap[i] = parent
      parent.position = i
      i = p
    }
    heap[i] = entry
    entry.position = i
  }

  private down(entry: Entry): void {
    const { heap } = this
    let i = entry.position
    for (;;) {
      let c = 2 * i + 1
      if (c >= heap.length) break
      if (c + 1 < heap.length && isBefore(heap[c + 1]!, heap[c]!)) c++
      const child = heap[c]!
      if (isBefore(entry, child)) break
      heap[i] = child
      child.position = i
      i = c
    }
    heap[i] = entry
    entry.position = i
  }
}

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

const twoDrains = Effect.andThen(Effect.yieldNowWith(afterOrdinaryWork), Effect.yieldNowWith(afterOrdinaryWork))

const byScheduler = new WeakMap<object, WeakMap<object, Timers>>()

/** The timers that belong to the clock and the scheduler of `fiber`. */
export const timersOf = (fiber: AnyFiber): Timers => timersFor(fiber.cache.scheduler, clockOf(fiber))

/** The timers that belong to a clock and a scheduler. */
export const timersFor = (scheduler: Scheduler.Scheduler, clock: Clock.Clock): Timers => {
  let byClock = byScheduler.get(scheduler)
  if (byClock === undefined) byScheduler.set(scheduler, (byClock = new WeakMap()))
  let timers = byClock.get(clock)
  if (timers === undefined) byClock.set(clock, (timers = new Timers(clock, scheduler)))
  return timers
}
