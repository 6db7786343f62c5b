/**
 * Calls back at instants of the wall clock: any number of them behind one sleeping fiber per clock.
 *
 * Each alarm is an entry of a heap. The fiber sleeps until the first one through the `Clock` and the scheduler of whoever set it, so virtual clocks work, and it is gone as soon as no alarm is left: nothing of ours keeps a
 * process alive.
 *
 * **The wall clock is not the timer's.** It is set by people and by the network, and a machine that was suspended wakes up hours later while its timers believe that no time has passed. So nothing fires before the wall
 * clock says so, and on a live clock no sleep is longer than `look`: 100,000 waiters cost one look at the clock a minute, and a job that waits for six o'clock is a minute late at most after the lid was opened. Virtual clocks have one
 * time only and are slept through in one piece. The limit of Node's timers (24.8 days) is never reached on a live clock, and Effect's own clock splits beyond it.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"

/** The longest sleep on a live clock, in milliseconds. */
export const look = 60_000

interface Alarm {
  at: number
  /** Which of several of the same instant fires first: the one that was set first. */
  readonly order: number
  readonly fire: () => void
  /** Position in the heap, -1 when not in it. */
  position: number
}

export class Alarms {
  private readonly clock: Clock.Clock
  private readonly context: Context.Context<never>
  private readonly longest: number
  private readonly heap: Array<Alarm> = []
  private sleeper: Fiber.Fiber<void> | undefined
  private wakesAt = Infinity
  private set = 0
  private armed = 0

  constructor(clock: Clock.Clock, scheduler: Scheduler.Scheduler, longest: number = isLive(clock) ? look : Infinity) {
    this.clock = clock
    this.longest = longest
    // The sleeper's few steps never yield: who sets an alarm or takes one back is not overtaken by the rest of the program in the middle of it.
    this.context = Context.make(Clock.Clock, clock).pipe(
      Context.add(Scheduler.Scheduler, scheduler),
      Context.add(Scheduler.PreventSchedulerYield, true)
    ) as Context.Context<never>
  }

  /** How many are set. */
  get size(): number {
    return this.heap.length
  }

  /** Milliseconds since the Unix epoch. */
  now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  /**
   * Calls `fire` once when the wall clock shows `at` or more, and gives the way to take that back, which may be called at any time and any number of times. An instant of the past fires soon; `Infinity` never does.
   * `fire` must not throw.
   */
  readonly add = (at: number, fire: () => void): (() => void) => {
    if (at === Infinity) return () => {}
    const alarm: Alarm = { at, order: this.set++, fire, position: this.heap.length }
    this.heap.push(alarm)
    this.up(alarm)
    if (this.heap[0]!.at < this.wakesAt) this.arm()
    return () => {
      // The instant says it too: an alarm that is due in the same turn has left the heap already.
      alarm.at = Infinity
      this.remove(alarm)
      this.settle()
    }
  }

  /** Starts a fiber on the clock and the scheduler of these alarms that nobody owns but the caller. Its steps never yield. */
  fork<E>(effect: Effect.Effect<void, E>): Fiber.Fiber<void, E> {
    return Effect.runForkWith(this.context)(effect)
  }

  /** An empty heap gives its timer back; a later first alarm keeps the earlier awakening, which then only arms again. */
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
    this.wakesAt = Math.min(this.heap[0]!.at, this.now() + this.longest)
    const at = this.wakesAt
    // Both fibers take steps here, and in a step alarms may come and go: then whoever armed last counts.
    const mine = ++this.armed
    previous?.interruptUnsafe()
    if (mine !== this.armed) return
    const sleeper = this.fork(Effect.suspend(() => this.clock.sleep(Duration.millis(Math.max(0, at - this.now())))))
    if (mine !== this.armed) return sleeper.interruptUnsafe()
    this.sleeper = sleeper
    this.settle()
    // However it ended: a sleeper that a stranger interrupted is replaced.
    sleeper.addObserver(() => {
      if (this.sleeper !== sleeper) return
      this.sleeper = undefined
      this.wakesAt = Infinity
      this.fireDue()
    })
  }

  private fireDue(): void {
    // What is set by what fires waits for the next awakening, so a callback cannot keep this loop alive.
    const now = this.now()
    const due: Array<Alarm> = []
    while (this.heap.length > 0 && this.heap[0]!.at <= now) {
      const alarm = this.heap[0]!
      this.remove(alarm)
      due.push(alarm)
    }
    if (this.heap.length > 0) this.arm()
    // What fires is ours and does not throw. If it does, that is a bug which must be loud, and which the others that are due must not pay for.
    let bug: { readonly error: unknown } | undefined
    for (const alarm of due) {
      if (alarm.at > now) continue
      try {
        alarm.fire()
      } catch (error) {
        bug ??= { error }
      }
    }
    if (bug !== undefined) throw bug.error
  }

  private remove(alarm: Alarm): void {
    const { position } = alarm
    if (position < 0) return
    alarm.position = -1
    const last = this.heap.pop()!
    if (last === alarm) return
    this.heap[position] = last
    last.position = position
    this.down(last)
    this.up(last)
  }

  private up(alarm: Alarm): void {
    const { heap } = this
    let i = alarm.position
    while (i > 0) {
      const parent = heap[(i - 1) >> 1]!
      if (isBefore(parent, alarm)) break
      heap[i] = parent
      const above = parent.position
      parent.position = i
      i = above
    }
    heap[i] = alarm
    alarm.position = i
  }

  private down(alarm: Alarm): void {
    const { heap } = this
    let i = alarm.position
    for (;;) {
      const left = heap[2 * i + 1]
      if (left === undefined) break
      const right = heap[2 * i + 2]
      const child = right !== undefined && isBefore(right, left) ? right : left
      if (isBefore(alarm, child)) break
      const below = child.position
      heap[i] = child
      child.position = i
      i = below
    }
    heap[i] = alarm
    alarm.position = i
  }
}

const isBefore = (a: Alarm, b: Alarm): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

const LiveClock = Object.getPrototypeOf(Context.get(Context.empty(), Clock.Clock)) as object

const isLive = (clock: Clock.Clock): boolean => Object.getPrototypeOf(clock) === LiveClock

const byScheduler = new WeakMap<object, WeakMap<object, Alarms>>()

/** The alarms that belong to the clock and the scheduler of whoever runs this: shared by all who wait by them. */
export const alarms: Effect.Effect<Alarms> = Effect.map(Effect.zip(Clock.Clock, Scheduler.Scheduler), ([clock, scheduler]) => {
  let byClock = byScheduler.get(scheduler)
  if (byClock === undefined) byScheduler.set(scheduler, (byClock = new WeakMap()))
  let shared = byClock.get(clock)
  if (shared === undefined) byClock.set(clock, (shared = new Alarms(clock, scheduler)))
  return shared
})
