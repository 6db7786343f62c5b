/**
 * Lends a holder's seat to its descendants, so that nested use of one limiter does not wait for itself.
 *
 * A seat is lent to one descendant at a time, when its holder waits for it:
 *
 * - *surely*, while the holder is in a wait of our own (`waits > 0`): to the first of all candidates;
 * - *as it seems*, when some fiber awaits the candidate through plain Effect: to the first of those, one pass of the scheduler later, for observers are attached after a child
 *   has begun to run.
 *
 * The loan costs the limiter nothing while the holder stands still. When the holder goes on and the borrower is not done, the loan is *counted*: it
 * uses permits like any other, even above the bound, and nobody is admitted until that has drained. So a seat is at most doubled, and only by work that its own holder left running.
 *
 * Candidates stand in the ordinary line at the same time: whichever comes first.
 */
import { admit, dropCandidate, fits, join, leave, pump, refuseWaiting, tidy, unjoin, unlinkBelow, use, wake } from "./limiterAdmission.ts"
import { isAwaited, onAwaited, onResumed } from "./limiterFiber.ts"
import { front, nestOf, seatsAbove, type Ticket, whereOf } from "./limiterState.ts"
import { findCycle, findStuckBelow } from "./waitGraph.ts"

/**
 * Gives `seat` to `ticket`, which is idle or waits as a candidate. What the seat is too small for is asked from the head of all lines: those who stand in them wait for this
 * holder anyway.
 */
export const lend = (seat: Ticket, ticket: Ticket): void => {
  const nest = nestOf(seat)
  const { core } = seat
  nest.borrower = ticket
  nest.counted = false
  ticket.seat = seat
  ticket.borrowed = Math.min(ticket.weight, seat.size)
  ticket.need = ticket.weight - ticket.borrowed
  if (seat.waits === 0) {
    nest.unwatch = onResumed(seat.fiber, () => count(seat, true))
    if (nest.unwatch === undefined) count(seat, true)
  }
  const waited = ticket.state === "waiting"
  if (ticket.need === 0 || fits(core, front, ticket.need)) {
    if (waited) leave(ticket)
    admit(ticket)
    if (waited) wake(ticket)
  } else if (waited) {
    dropCandidate(ticket)
    unjoin(ticket)
    join(ticket, core.lines[front])
    refuseCycle(ticket)
  }
}

/** Refuses a waiting ticket that can never be served. */
const refuseCycle = (ticket: Ticket): void => {
  const error = cycleError(ticket)
  if (error !== undefined) refuseWaiting(ticket, error)
}

export const cycleError = (ticket: Ticket): unknown => {
  const cycle = findCycle(ticket)
  return cycle === undefined ? undefined : ticket.core.behaviour.cycle(`${whereOf(ticket)}: waiting would never end: ${cycle}`)
}

/** Makes `ticket`, which waits in a line, a candidate for `seat`. */
export const offer = (seat: Ticket, ticket: Ticket): void => {
  const nest = nestOf(seat)
  nest.candidates.add(ticket)
  ticket.candidateOf = seat
  if (!ticket.ownFiber) return
  const { fiber } = ticket
  ticket.unwatch = onAwaited(fiber, () => recheck(ticket))
  if (isAwaited(fiber)) recheck(ticket)
}

/** Whoever adds an observer may be about to wait or may be a supervisor that goes on: by the next pass of the scheduler a waiting holder is suspended. */
const recheck = (ticket: Ticket): void => {
  ticket.fiber.currentDispatcher.scheduleTask(() => {
    const seat = ticket.candidateOf
    if (seat === undefined || !isAwaited(ticket.fiber)) return
    seat.nest!.awaited.add(ticket)
    lendNext(seat)
    tidy(seat.core)
  }, 0)
}

/** Lends a free seat to the next candidate that may have it. */
const lendNext = (seat: Ticket): void => {
  const { nest } = seat
  if (nest === undefined || nest.borrower !== undefined || seat.ended) return
  if (seat.waits > 0) {
    for (const ticket of nest.candidates) return lend(seat, ticket)
  } else {
    for (const ticket of nest.awaited) {
      if (isAwaited(ticket.fiber)) return lend(seat, ticket)
      nest.awaited.delete(ticket)
    }
  }
}

/** Counts what the seat has lent as permits in use, or stops counting it. */
const count = (seat: Ticket, counted: boolean): void => {
  const nest = seat.nest!
  nest.unwatch?.()
  nest.unwatch = undefined
  if (nest.borrower === undefined || nest.counted === counted) return
  nest.counted = counted
  use(seat.core, counted ? nest.borrower.borrowed : -nest.borrower.borrowed)
  if (!counted) pump(seat.core)
}

/** The holder begins or ends a wait of our own: its seat is lendable during one, and a wait can close a cycle with what waits below it. */
export const onSeatWaits = (seat: Ticket, waiting: boolean): void => {
  const { nest } = seat
  if (nest === undefined || seat.ended) return
  if (nest.borrower !== undefined) count(seat, !waiting)
  else if (waiting) lendNext(seat)
  if (!waiting) return
  const stuck = findStuckBelow(seat)
  if (stuck !== undefined) refuseCycle(stuck)
  tidy(seat.core)
}

/** The borrower is done with the seat. */
export const giveBack = (ticket: Ticket): void => {
  const seat = ticket.seat!
  const nest = seat.nest!
  nest.unwatch?.()
  nest.unwatch = undefined
  if (nest.counted) use(seat.core, -ticket.borrowed)
  nest.borrower = undefined
  nest.counted = false
  ticket.seat = undefined
  ticket.borrowed = 0
  lendNext(seat)
}

/**
 * The holder is done while its seat is lent: the permits go on with the borrower. `seat.own` is left with what remains to be released,
 * and a seat that was itself borrowed is handed on for the part that the borrower uses.
 */
export const passOn = (seat: Ticket): void => {
  const nest = seat.nest!
  const borrower = nest.borrower
  if (borrower !== undefined) {
    const lender = seat.seat
    if (nest.counted) use(seat.core, -borrower.borrowed)
    nest.unwatch?.()
    nest.unwatch = undefined
    nest.borrower = undefined
    const moved = Math.min(borrower.borrowed, seat.own)
    seat.own -= moved
    borrower.own += moved
    borrower.borrowed -= moved
    borrower.seat = undefined
    if (borrower.borrowed > 0) {
      // What is left was borrowed from further up: the borrower takes this seat's place there.
      const outer = lender!.nest!
      if (outer.counted) use(seat.core, borrower.borrowed - seat.borrowed)
      outer.borrower = borrower
      borrower.seat = lender
      seat.seat = undefined
      seat.borrowed = 0
    }
  }
  unlinkBelow(seat)
}

/** A seat shrinks back by what its fiber had asked for in addition; what is lent of that goes on with the borrower. */
export const shrink = (extra: Ticket): void => {
  const seat = extra.seat!
  seat.size -= extra.own
  const borrower = seat.nest?.borrower
  if (borrower === undefined || borrower.borrowed <= seat.size) return
  const moved = borrower.borrowed - seat.size
  borrower.borrowed -= moved
  borrower.own += moved
  extra.own -= moved
  if (seat.nest!.counted) use(seat.core, -moved)
}

/** Candidates of a seat that is over may have the next seat above it, and stay in their line in any case. */
export const rehome = (seat: Ticket): void => {
  const { nest } = seat
  if (nest === undefined || nest.candidates.size === 0) return
  for (const ticket of [...nest.candidates]) {
    dropCandidate(ticket)
    const next = seatsAbove(seat.parent)?.find((above) => above.core === seat.core)
    if (next === undefined) continue
    offer(next, ticket)
    if (next.waits > 0) lendNext(next)
  }
}
