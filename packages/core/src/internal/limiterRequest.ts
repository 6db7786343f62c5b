/** The way into a limiter and out of it, the same for a fiber that waits and for an engine that queues tasks. */
import { mustBe } from "./check.ts"
import { admit, fits, join, leave, linkGraph, pump, refuseWaiting, startAge, use } from "./limiterAdmission.ts"
import { cycleError, giveBack, lend, offer, passOn, rehome, shrink } from "./limiterLending.ts"
import { front, type LimiterCore, seatsAbove, type Ticket, whereOf } from "./limiterState.ts"

/** Asks for the ticket's permits. Afterwards it is granted, or it waits, or it is refused; in any case `release` ends it. */
export const request = (ticket: Ticket): void => {
  const { core, weight } = ticket
  const held = ticket.parent === undefined ? undefined : seatsAbove(ticket.parent)
  const seat = held?.find((above) => above.core === core)
  if (!Number.isSafeInteger(weight) || weight < 1 || (weight > core.permits && weight > (seat?.size ?? 0))) {
    return refuse(ticket, impossible(core, whereOf(ticket), weight))
  }
  if (seat === undefined) {
    if (fits(core, ticket.level, weight)) return admit(ticket)
    if (core.waiting >= core.maxWaiting) return refuse(ticket, core.behaviour.queueFull(core))
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
  if (held !== undefined) {
    linkGraph(ticket, held)
    const cycle = cycleError(ticket)
    if (cycle !== undefined) {
      leave(ticket)
      return refuse(ticket, cycle)
    }
  }
  if (core.maxWait < Infinity) startAge(ticket)
}

const isGranted = (ticket: Ticket): boolean => ticket.state === "granted"

const refuse = (ticket: Ticket, error: unknown): void => {
  ticket.state = "refused"
  ticket.error = error
}

const impossible = (core: LimiterCore, where: string, weight: unknown): RangeError =>
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

/** Sets the size. Whoever waits for more than there will ever be is refused, and so is who could have gone in before and now waits in a cycle. */
export const resize = (core: LimiterCore, permits: number): void => {
  const shrinks = permits < core.permits
  core.permits = permits
  if (core.heavy > 0) {
    for (const line of core.lines) {
      for (let ticket = line.head; ticket !== undefined;) {
        const next: Ticket | undefined = ticket.next
        if (ticket.weight > permits) refuseWaiting(ticket, impossible(core, whereOf(ticket), ticket.weight))
        ticket = next
      }
    }
  }
  pump(core)
  if (shrinks && core.waiting > 0) refuseCycles(core)
}

/** Nested requests only can be stuck. The one that came last gives way. */
const refuseCycles = (core: LimiterCore): void => {
  const nested: Array<Ticket> = []
  for (const line of core.lines)
    for (let ticket = line.head; ticket !== undefined; ticket = ticket.next) if (ticket.held !== undefined) nested.push(ticket)
  for (const ticket of nested.reverse()) {
    const cycle = ticket.state === "waiting" ? cycleError(ticket) : undefined
    if (cycle !== undefined) refuseWaiting(ticket, cycle)
  }
  pump(core)
}
