/**
 * Holds what a limiter knows: its counters, its four lines, its holders, and one `Ticket` per request.
 *
 * Data only: who may go in is decided in `limiterAdmission.ts`, seats are lent in `limiterLending.ts`, cycles are found in `waitGraph.ts`, and
 * `limiterRequest.ts` is the way in and out.
 *
 * ```
 *          request                    admitted, or a seat is lent            release
 *   idle ──────────▶ waiting ─────────────────────────────────────▶ granted ─────────▶ released
 *     │ admitted at once │ time limit, cycle, resize                              ▲
 *     │                  ├────────────────▶ refused                               │
 *     │                  └─ release (the waiter was interrupted) ─────────────────┤
 *     └───────────────────────────────────────────────────────────────────────────┘
 * ```
 *
 * **Accounting.** `used` is the sum of `own` over all granted tickets and waiting ones that hold a part already, and of the loans that are
 * `counted`. Ownership moves when a permit is released, not when its next owner wakes: nobody can slip in between.
 */
import type * as Effect from "effect/Effect"
import type { AnyFiber, Node, PermitNode, WaitObserver } from "./lineage.ts"
import type { Entry, Timers } from "./timers.ts"

export type State = "idle" | "waiting" | "granted" | "refused" | "released"

/** Lines in the order in which they are served. `front` is for what a holder asks on top of the seat it has. */
export const front = 0
export const levels = { high: 1, normal: 2, low: 3 } as const

/** A doubly linked list through `prev` and `next`; a ticket is in at most one: a line while it waits, the holders afterwards. */
export class TicketList {
  head: Ticket | undefined = undefined
  tail: Ticket | undefined = undefined

  append(ticket: Ticket): void {
    const { tail } = this
    ticket.prev = tail
    if (tail === undefined) this.head = ticket
    else tail.next = ticket
    this.tail = ticket
  }

  remove(ticket: Ticket): void {
    const { next, prev } = ticket
    if (prev === undefined) this.head = next
    else prev.next = next
    if (next === undefined) this.tail = prev
    else next.prev = prev
    ticket.prev = ticket.next = undefined
  }
}

/** What a seat knows of its descendants that ask for the same limiter, or wait for any. Made when the first one comes. */
export interface Nest {
  /** The one descendant that the seat is lent to. */
  borrower: Ticket | undefined
  /** The holder goes on while its seat is lent: the loan counts as permits of its own until it is back. */
  counted: boolean
  /** Ends the watch over the holder's fiber. */
  unwatch: (() => void) | undefined
  /** Waiting descendants that could use the seat, first come first. They stand in an ordinary line too. */
  readonly candidates: Set<Ticket>
  /** Those of them that some fiber awaits, as far as could be seen. */
  readonly awaited: Set<Ticket>
  /** All waiting descendants, whatever limiter they wait for: the edges of the wait graph. */
  readonly below: Set<Ticket>
}

/** Waiting tickets of one clock, oldest first. Their limits are equal, so the oldest is the next to run out: one timer, O(1) each. */
export interface Ages {
  readonly timers: Timers
  entry: Entry | undefined
  readonly tickets: Set<Ticket>
}

/** What refused tickets carry, and what follows a holder's waits: given from above, so that data does not depend on behaviour. */
export interface Behaviour {
  readonly queueFull: (core: LimiterCore) => unknown
  readonly queueTimeout: (core: LimiterCore) => unknown
  readonly cycle: (message: string) => unknown
  /** Told by lineage when a holder begins and ends a wait. */
  readonly onSeatWaits: (seat: Ticket, waiting: boolean) => void
  readonly release: (ticket: Ticket) => void
  /** Ends the effect of a request that was refused: a typed failure, or a defect. */
  readonly refusal: (error: unknown) => Effect.Effect<never, unknown>
}

export class LimiterCore {
  readonly behaviour: Behaviour
  readonly name: string | undefined
  permits: number
  used = 0
  peak = 0
  paused = false
  waiting = 0
  /** Waiting requests for more than one permit: a shrinking `resize` looks at the lines only if there are any. */
  heavy = 0
  readonly lines: readonly [TicketList, TicketList, TicketList, TicketList] = [
    new TicketList(),
    new TicketList(),
    new TicketList(),
    new TicketList()
  ]
  readonly holders = new TicketList()
  /** The most that may wait before a request is refused; `Infinity` unless the policy is to refuse. */
  readonly maxWaiting: number
  /** The most milliseconds that a request may wait. */
  readonly maxWait: number
  readonly ages = new Map<Timers, Ages>()
  /** Of those, some may be empty: their timers are to be given back. */
  hasEmptyAges = false

  /** Who is to be woken, from `wokenFrom` on, and the scheduler that is going to do it. */
  readonly toWake: Array<Ticket | undefined> = []
  wokenFrom = 0
  wakingOn: object | undefined = undefined

  // The limiter's part of the wait graph: holders with waiting descendants, and how many of those wait for which limiter.
  readonly blocked = new Set<Ticket>()
  readonly edges = new Map<LimiterCore, number>()

  constructor(behaviour: Behaviour, name: string | undefined, permits: number, maxWaiting: number, maxWait: number) {
    this.behaviour = behaviour
    this.name = name
    this.permits = permits
    this.maxWaiting = maxWaiting
    this.maxWait = maxWait
  }
}

/**
 * What most tickets never need. A hundred thousand of them may wait at once, and how long they take is mostly how much memory they are: this part is made when it
 * is first written to.
 */
class Rare {
  error: unknown = undefined
  isAbandoned = false
  endWait: (() => void) | undefined = undefined
  seat: Ticket | undefined = undefined
  borrowed = 0
  extra = false
  candidateOf: Ticket | undefined = undefined
  unwatch: (() => void) | undefined = undefined
  nest: Nest | undefined = undefined
  held: ReadonlyArray<Ticket> | undefined = undefined
  ages: Ages | undefined = undefined
  expires = Infinity
}

const nothing: Readonly<Rare> = new Rare()

/** One request, and while it is granted the seat (`PermitNode`) that its work finds in its lineage. */
export abstract class Ticket implements PermitNode {
  declare readonly kind: "permit"
  readonly parent: Node | undefined
  ended = false
  waits = 0
  /** The holder. Until an engine says who that is, the fiber that asked. */
  fiber: AnyFiber

  readonly core: LimiterCore
  readonly weight: number
  readonly level: 1 | 2 | 3
  readonly name: string | undefined
  /** Called later, by the scheduler, when the ticket is no longer waiting. */
  onSettled: (ticket: Ticket) => void
  state: State = "idle"
  /** Permits of the limiter that are counted for this ticket. */
  own = 0
  /** Permits it still needs from the limiter while it waits. */
  need: number
  /** What descendants may borrow: the weight, more while the holder's fiber has asked for more. */
  size: number
  prev: Ticket | undefined = undefined
  next: Ticket | undefined = undefined
  line: TicketList | undefined = undefined
  private rare: Rare | undefined = undefined

  constructor(
    core: LimiterCore,
    fiber: AnyFiber,
    parent: Node | undefined,
    weight: number,
    level: 1 | 2 | 3,
    name: string | undefined,
    onSettled: (ticket: Ticket) => void
  ) {
    this.core = core
    this.fiber = fiber
    this.parent = parent
    this.weight = this.need = this.size = weight
    this.level = level
    this.name = name
    this.onSettled = onSettled
  }

  /** Asked by the fiber that is going to hold it: waits of that fiber are waits of the holder. Not so for an engine's tasks. */
  abstract get ownFiber(): boolean

  get observer(): WaitObserver | undefined {
    return this.parent === undefined ? undefined : this.parent.observer
  }

  /** Why it was refused. */
  get error(): unknown {
    return (this.rare ?? nothing).error
  }
  set error(value: unknown) {
    ;(this.rare ??= new Rare()).error = value
  }

  /** Its work did not end when it was told to. */
  get isAbandoned(): boolean {
    return (this.rare ?? nothing).isAbandoned
  }
  set isAbandoned(value: boolean) {
    ;(this.rare ??= new Rare()).isAbandoned = value
  }

  /** Takes back what was noted of its wait for `dump` and the simulator. */
  get endWait(): (() => void) | undefined {
    return (this.rare ?? nothing).endWait
  }
  set endWait(value: (() => void) | undefined) {
    ;(this.rare ??= new Rare()).endWait = value
  }

  /** The seat it borrows from; or, with `extra`, the seat of the same fiber that it makes larger. */
  get seat(): Ticket | undefined {
    return (this.rare ?? nothing).seat
  }
  set seat(value: Ticket | undefined) {
    ;(this.rare ??= new Rare()).seat = value
  }

  get borrowed(): number {
    return (this.rare ?? nothing).borrowed
  }
  set borrowed(value: number) {
    ;(this.rare ??= new Rare()).borrowed = value
  }

  get extra(): boolean {
    return (this.rare ?? nothing).extra
  }
  set extra(value: boolean) {
    ;(this.rare ??= new Rare()).extra = value
  }

  /** The seat it could use while it stands in a line. */
  get candidateOf(): Ticket | undefined {
    return (this.rare ?? nothing).candidateOf
  }
  set candidateOf(value: Ticket | undefined) {
    ;(this.rare ??= new Rare()).candidateOf = value
  }

  get unwatch(): (() => void) | undefined {
    return (this.rare ?? nothing).unwatch
  }
  set unwatch(value: (() => void) | undefined) {
    ;(this.rare ??= new Rare()).unwatch = value
  }

  get nest(): Nest | undefined {
    return (this.rare ?? nothing).nest
  }
  set nest(value: Nest | undefined) {
    ;(this.rare ??= new Rare()).nest = value
  }

  /** Seats of all limiters at or above it, while it waits. */
  get held(): ReadonlyArray<Ticket> | undefined {
    return (this.rare ?? nothing).held
  }
  set held(value: ReadonlyArray<Ticket> | undefined) {
    ;(this.rare ??= new Rare()).held = value
  }

  get ages(): Ages | undefined {
    return (this.rare ?? nothing).ages
  }
  set ages(value: Ages | undefined) {
    ;(this.rare ??= new Rare()).ages = value
  }

  get expires(): number {
    return (this.rare ?? nothing).expires
  }
  set expires(value: number) {
    ;(this.rare ??= new Rare()).expires = value
  }

  onWaits(waiting: boolean): void {
    this.core.behaviour.onSeatWaits(this, waiting)
  }

  release(): void {
    this.core.behaviour.release(this)
  }

  assign(fiber: AnyFiber): void {
    this.fiber = fiber
  }

  abandon(): void {
    if (this.state === "granted") this.isAbandoned = true
  }
}

Object.defineProperty(Ticket.prototype, "kind", { value: "permit" })

/** The call that messages about this request name. */
export const whereOf = (ticket: Ticket): string =>
  ticket.ownFiber ? (ticket.weight === 1 ? "Limiter.withPermit" : "Limiter.withPermits") : "Limiter.request"

export const nestOf = (seat: Ticket): Nest =>
  (seat.nest ??= {
    borrower: undefined,
    counted: false,
    unwatch: undefined,
    candidates: new Set(),
    awaited: new Set(),
    below: new Set()
  })

/** The seats at or above `node` that are still held, nearest first. */
export const seatsAbove = (node: Node | undefined): ReadonlyArray<Ticket> | undefined => {
  let seats: Array<Ticket> | undefined
  for (let n = node; n !== undefined; n = n.parent) if (n.kind === "permit" && !n.ended) (seats ??= []).push(n as Ticket)
  return seats
}
