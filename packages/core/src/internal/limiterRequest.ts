/** The way into a limiter and out of it, the same for a fiber that waits and for an engine that queues tasks. */
import { mustBe } from "./check.ts"
import { admit, fits, join, leave, linkGraph, pump, refuseWaiting, startAge, use } from "./limiterAdmission.ts"
import { giveBack, lend, offer, passOn, rehome, seatWaits, shrink } from "./limiterLending.ts"
import { front, hooks, seatsAbove, type LimiterCore, type Ticket } from "./limiterState.ts"
import { findCycle, findCycleBelow } from "./waitGraph.ts"

/** What a refused ticket carries, made where the public types are known. */
export interface Errors {
  readonly queueFull: (core: LimiterCore) => unknown
  readonly queueTimeout: (core: LimiterCore) => unknown
  readonly cycle: (text: string) => unknown
}

/**
 * Asks for the ticket's permits. Afterwards the ticket is granted, waits (and `onSettled` will be called), or is refused.
 */
export const request = (ticket: Ticket, errors: Errors, where: string): void => {
  const { core, weight } = ticket
  const held = ticket.parent === undefined ? undefined : seatsAbove(ticket.parent)
  const seat = held?.find((above) => above.core === core)
  if (!Number.isSafeInteger(weight) || weight < 1 || (weight > core.permits && weight > (seat?.size ?? 0))) {
    return refuse(ticket, impossible(core, where, weight))
  }
  if (seat === undefined) {
    if (fits(core, ticket.level, weight)) return admit(ticket)
    if (core.waiting >= core.maxWaiting) return refuse(ticket, errors.queueFull(core))
    join(ticket, core.lines[ticket.level])
  } else if (ticket.ownFiber && ticket.fiber === seat.fiber) {
    // The same fiber asks again. It has what it holds; only what is missing comes from the limiter.
    ticket.extra = true
    ticket.seat = seat
    ticket.need = Math.max(0, weight - seat.size)
    if (ticket.need === 0 || fits(core, front, ticket.need)) return admit(ticket)
    join(ticket, core.lines[front])
  } else {
    const certain = seat.waits > 0 && seat.nest?.borrower === undefined
    if (certain) lend(seat, ticket)
    else if (fits(core, ticket.level, weight)) admit(ticket)
    if (isGranted(ticket)) return
    join(ticket, core.lines[certain ? front : ticket.level])
    if (!certain) offer(seat, ticket)
  }
  ticket.state = "waiting"
  if (core.maxWait < Infinity) startAge(ticket, () => errors.queueTimeout(core))
  if (held === undefined) return
  linkGraph(ticket, held)
  const cycle = findCycle(ticket)
  if (cycle === undefined) return
  leave(ticket)
  if (ticket.borrowed > 0) giveBack(ticket)
  refuse(ticket, errors.cycle(`${where}: waiting would never end: ${cycle}`))
}

const isGranted = (ticket: Ticket): boolean => ticket.state === "granted"

const refuse = (ticket: Ticket, error: unknown): void => {
  ticket.state = "refused"
  ticket.error = error
}

export const impossible = (core: LimiterCore, where: string, weight: unknown): RangeError =>
  mustBe(where, "permits", `a whole number from 1 to ${core.permits}, the size of the limiter`, weight)

/** Gives up whatever the ticket is: leaves the line, or gives the permits back. Again and again does nothing. */
export const release = (ticket: Ticket): void => {
  const { core, state } = ticket
  if (state === "released") return
  ticket.state = "released"
  if (state === "idle") return
  if (state === "waiting") leave(ticket)
  if (state === "granted") {
    ticket.ended = true
    if (ticket.isAbandoned) core.abandoned--
    if (ticket.extra) shrink(ticket)
    else core.holders.remove(ticket)
    if (ticket.nest !== undefined) passOn(ticket)
  }
  // A refused ticket may still have a part: it waited for the rest of a lent seat.
  use(core, -ticket.own)
  ticket.own = 0
  if (ticket.borrowed > 0) giveBack(ticket)
  rehome(ticket)
  pump(core)
}

/** Sets the size. Whoever waits for more than there will ever be is refused. */
export const resize = (core: LimiterCore, permits: number): void => {
  core.permits = permits
  if (core.heavy > 0) {
    for (const line of core.lines) {
      for (let ticket = line.head; ticket !== undefined;) {
        const next: Ticket | undefined = ticket.next
        if (ticket.weight > permits) refuseWaiting(ticket, impossible(core, "Limiter.resize", ticket.weight))
        ticket = next
      }
    }
  }
  pump(core)
}

/** Says that the ticket's work did not end when it was told to. It keeps its permits and is counted until it does. */
export const abandon = (ticket: Ticket): void => {
  if (ticket.state !== "granted" || ticket.isAbandoned) return
  ticket.isAbandoned = true
  ticket.core.abandoned++
}

/** Follows a holder's waits: its seat is lendable during one, and a wait can close a cycle with what waits below. */
export const followWaits = (errors: Errors): void => {
  hooks.onSeatWaits = (seat, waiting) => {
    seatWaits(seat, waiting)
    if (!waiting) return
    const found = findCycleBelow(seat)
    if (found !== undefined) refuseWaiting(found[0], errors.cycle(`Limiter.withPermit: waiting would never end: ${found[1]}`))
  }
}
