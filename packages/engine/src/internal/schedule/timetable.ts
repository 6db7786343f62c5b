/** A recurrence whose ticks lie on a grid: says which of them are due, which were missed, and what becomes of those. */
import * as Effect from "effect/Effect"
import type { Json } from "../../JobStore.ts"
import { type Grid, none, type Ticks } from "./grid.ts"
import { timeOf } from "./ids.ts"
import type { Shared } from "./options.ts"
import { type Around, type Fault, Recurrence } from "./recurrence.ts"

export interface TimetableSettings extends Shared {
  readonly grid: Grid
  readonly catchUp: "skip" | "last" | "all"
  /** In milliseconds. */
  readonly jitter: number
  readonly lateAfter: number
}

/** What is kept over a restart. */
export interface Kept {
  /** All ticks up to this instant have had their turn. */
  readonly last: number
  readonly runs: number
  readonly paused: boolean
}

/** A clock that was set back by more than this begins anew, in milliseconds; by less it is waited for, so that no tick comes twice. */
const farBack = 3 * 3_600_000

export class Timetable<F> extends Recurrence<F> {
  protected override readonly settings: TimetableSettings
  protected readonly begin = Effect.void
  /** All ticks up to this instant have been taken in. */
  private horizon: number
  /** The tick that comes next, and when it is due. */
  private upcoming: { readonly tick: number; readonly at: number } | undefined
  private readonly random: () => number
  private readonly write: (state: Json) => Effect.Effect<void, F>
  private readonly faultOf: (fault: Fault) => F

  constructor(
    around: Around,
    settings: TimetableSettings,
    random: () => number,
    kept: Kept | undefined,
    write: (state: Json) => Effect.Effect<void, F>,
    faultOf: (fault: Fault) => F
  ) {
    super(around, settings)
    this.settings = settings
    this.random = random
    this.write = write
    this.faultOf = faultOf
    const now = this.alarms.now()
    this.horizon = kept === undefined || kept.last > now + farBack ? now - 1 : kept.last
    if (kept === undefined) this.mustSave()
    else {
      this.runs = kept.runs
      this.paused = kept.paused
    }
  }

  protected fault(fault: Fault): F {
    return this.faultOf(fault)
  }

  protected get isOver(): boolean {
    return this.arm().tick === Infinity
  }

  protected wakesAt(): number {
    return this.arm().at
  }

  protected next(now: number): number | undefined {
    const next = this.settings.grid.after(Math.max(this.horizon, now - 1))
    return next === Infinity ? undefined : next
  }

  private arm(): { readonly tick: number; readonly at: number } {
    return (this.upcoming ??= this.draw(this.settings.grid.after(this.horizon)))
  }

  /** Draws how much later a tick is due, never later than the next one. */
  private draw(tick: number): { readonly tick: number; readonly at: number } {
    return { tick, at: this.settings.jitter === 0 ? tick : tick + Math.floor(this.random() * this.spread(tick)) }
  }

  private spread(tick: number): number {
    const { grid, jitter } = this.settings
    return jitter === 0 ? 0 : Math.min(jitter, grid.after(tick) - tick)
  }

  /** Takes the ticks that are due at `now`. */
  private take(now: number, keep: number): Ticks {
    const next = this.arm()
    if (now < next.at) return none
    const { grid, jitter } = this.settings
    let to = now
    if (jitter > 0) {
      // Only the newest can still be before its time.
      const newest = grid.between(this.horizon, now, 1).newest[0]!
      if (newest !== next.tick) this.upcoming = this.draw(newest)
      if (this.upcoming!.at > now) to = newest - 1
    }
    const due = grid.between(this.horizon, to, keep)
    this.horizon = due.newest.at(-1)!
    if (this.upcoming!.tick <= this.horizon) this.upcoming = undefined
    return due
  }

  protected collect(now: number): void {
    const { catchUp, lateAfter, queueLimit } = this.settings
    const { count, newest } = this.take(now, catchUp === "all" ? queueLimit : 1)
    const last = newest.at(-1)
    if (last === undefined) return
    const isOnTime = now - last - this.spread(last) <= lateAfter
    const kept = catchUp === "skip" && !isOnTime ? [] : newest
    this.missed += count - kept.length
    const ticks = kept.map((at) => this.tickAt(at, at === last && isOnTime ? "due" : "late"))
    if (ticks.length > 1) {
      this.catchingUp = true
      this.waiting = ticks
    } else this.arrive(ticks, 0)
    if (ticks.length === 0) this.tell()
  }

  protected pass(now: number): void {
    const { overlap, queueLimit } = this.settings
    const { count, newest } = this.take(now - 1, overlap === "queue" || this.catchingUp ? queueLimit : 1)
    const ticks = newest.map((at) => this.tickAt(at, "due"))
    this.arrive(ticks, count - ticks.length)
  }

  protected forget(now: number): void {
    this.skipped += this.take(now - 1, 1).count
  }

  protected get save(): Effect.Effect<void, F> {
    return Effect.suspend(() => {
      const [first] = this.waiting
      const last = first === undefined ? this.horizon : Math.min(this.horizon, first.at - 1)
      return this.write({ last: timeOf(last), runs: this.runs, paused: this.paused })
    })
  }
}

/** Reads what was kept; nothing where it is something else. */
export const readKept = (state: Json): Kept | undefined => {
  if (typeof state !== "object" || state === null || Array.isArray(state)) return undefined
  const { last, paused, runs } = state as { readonly [key: string]: Json }
  const at = typeof last === "string" ? Date.parse(last) : NaN
  if (Number.isNaN(at) || typeof paused !== "boolean" || !(Number.isSafeInteger(runs) && (runs as number) >= 0)) return undefined
  return { last: at, runs: runs as number, paused }
}
