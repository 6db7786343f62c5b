/**
 * Serves keys in turn, out of ordinary limiters:
 *
 * ```
 *            line of key a ──▶ ┐
 *            line of key b ──▶ ├──▶ common line ──▶ run
 *            line of key c ──▶ ┘
 * ```
 *
 * The line of a key is a limiter with *one place more than the key has running*: one request of each key stands in the common line, first in, first out, and the rest of the key
 * stands behind it. So the common line holds each key once, which is round robin. A request keeps its place in both until its run ends.
 *
 * All waiting is in limiters of the core, so nested use lends seats, and cycles are found. Not chosen: a ring of queues of our own in front of one limiter; nobody could see through it.
 */
import type * as Limiter from "@skein/core/Limiter"
import * as Effect from "effect/Effect"

/** What is known of a key while it has requests, or settings of its own. */
export interface Key {
  readonly id: string
  readonly line: Limiter.Limiter<never>
  /** How many may run at once. */
  bound: number
  /** The number of places in the line. */
  places: number
  /** Requests that asked and have not ended, nested ones aside. */
  inside: number
  running: number
  /** Requests that have a place in the line and none in the common one. */
  entering: number
  /** Nested requests. They run on seats that were lent to them, or on their own: only the line knows. */
  nested: number
  peak: number
  paused: boolean
  /** `bound` was set for this key. */
  own: boolean
}

/** One request. */
export interface Visit {
  readonly keys: Keys
  readonly parent: Visit | undefined
  /** The key in whose line it stands. */
  key: Key | undefined
  /** It is part of a run of that key, and not of the count of requests. */
  nested: boolean
  step: "idle" | "queued" | "entering" | "running" | "over"
}

export class Keys {
  readonly map = new Map<string, Key>()
  private readonly lineOf: (id: string) => Limiter.Limiter<never>
  readonly bound: number
  permits: number
  paused = false
  inside = 0
  running = 0
  /** How many requests would run if permits were no object: those of each key up to its bound. */
  private eager = 0

  constructor(permits: number, bound: number, lineOf: (id: string) => Limiter.Limiter<never>) {
    this.permits = permits
    this.bound = bound
    this.lineOf = lineOf
  }

  /** The key of a name. Whoever asks must join it, or tidy it, in the same step. */
  get(id: string): Key {
    let key = this.map.get(id)
    if (key === undefined) {
      const line = this.lineOf(id)
      key = { id, line, bound: this.bound, places: 1, inside: 0, running: 0, entering: 0, nested: 0, peak: 0, paused: false, own: false }
      this.map.set(id, key)
    }
    return key
  }

  /** Forgets a key of which nothing is left. */
  tidy(key: Key): void {
    if (key.inside === 0 && key.nested === 0 && !key.paused && !key.own) this.map.delete(key.id)
  }

  /** Whether a further request of the key would have to wait. */
  wouldWait(key: Key, weight: number): boolean {
    return this.paused || key.paused || key.inside >= key.bound || this.eager + weight > this.permits
  }

  join(visit: Visit, key: Key): void {
    visit.key = key
    visit.step = "queued"
    if (visit.nested) {
      key.nested++
      return
    }
    if (key.inside++ < key.bound) this.eager++
    this.inside++
  }

  enter(visit: Visit): void {
    visit.step = "entering"
    visit.key!.entering++
  }

  start(visit: Visit): void {
    const key = visit.key!
    visit.step = "running"
    key.entering--
    if (!visit.nested) {
      this.running++
      if (++key.running > key.peak) key.peak = key.running
    }
    this.setPlaces(key)
  }

  /** The request has lost its place in the common line, and is about to lose the one in the key's. */
  end(visit: Visit): void {
    const key = visit.key!
    if (visit.step === "entering") key.entering--
    else if (visit.step === "running" && !visit.nested) {
      this.running--
      key.running--
    }
    visit.step = "over"
    this.setPlaces(key)
  }

  /** The request is over, wherever it was. */
  leave(visit: Visit): void {
    const { key } = visit
    visit.step = "over"
    if (key === undefined) return
    if (visit.nested) key.nested--
    else {
      if (--key.inside < key.bound) this.eager--
      this.inside--
    }
    this.tidy(key)
  }

  setBound(key: Key, bound: number): void {
    this.eager += Math.min(key.inside, bound) - Math.min(key.inside, key.bound)
    key.bound = bound
    key.own = bound !== this.bound
    this.setPlaces(key)
  }

  /** `resize` and `stats` are one synchronous step each; run at once, so that no other request comes in between. */
  private setPlaces(key: Key): void {
    // A nested request may have a place of its own or a lent one. Lent ones must not count, or a deep tree would buy its key further turns in the common line.
    const busy = key.nested === 0 ? key.running : Effect.runSync(key.line.stats).running - key.entering
    const places = Math.min(key.bound, Math.max(1, busy + 1))
    if (places === key.places) return
    key.places = places
    Effect.runSync(key.line.resize(places))
  }
}
