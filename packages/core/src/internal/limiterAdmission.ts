/**
 * Decides who goes in: strictly from the head of the first line that is not empty, and by counters only, so a release costs the same
 * whether ten or a million wait.
 *
 * Nothing here runs user code. Whoever is granted or refused is put on the limiter's wake list, and one scheduled task wakes them, one after the other. A woken fiber
 * that releases at once grants the next, which joins the same list: a chain of a million short tasks needs no stack and no task each.
 */
import type { AnyFiber } from "./lineage.ts"
import { type Ages, type LimiterCore, nestOf, type Ticket, type TicketList } from "./limiterState.ts"
import { slack, timersOf } from "./timers.ts"

/** How many fibers one scheduled task wakes before it lets timers and I/O have their turn. */
const wakesPerTask = 128

/** Whether a request of this level may go in now: there is room, and nobody of its level or above waits. */
export const fits = (core: LimiterCore, level: number, permits: number): boolean =>
  !core.paused && core.used + permits <= core.permits && (core.waiting === 0 || nobodyAhead(core, level))

const nobodyAhead = (core: LimiterCore, level: number): boolean => {
  for (let i = 0; i <= level; i++) if (core.lines[i]!.head !== undefined) return false
  return true
}

/** Changes the permits in use. */
export const use = (core: LimiterCore, permits: number): void => {
  core.used += permits
  if (core.used > core.peak) core.peak = core.used
}

/** Takes what the ticket needs; the caller has seen that it fits. */
export const admit = (ticket: Ticket): void => {
  use(ticket.core, ticket.need)
  ticket.own += ticket.need
  ticket.need = 0
  ticket.state = "granted"
  // What makes a seat larger is no seat of its own: its permits are listed with the seat.
  if (ticket.extra) ticket.seat!.size += ticket.own
  else ticket.core.holders.append(ticket)
}

/** Lets in from the head of the lines for as long as the head fits. Never looks past a head that does not. */
export const pump = (core: LimiterCore): void => {
  while (core.waiting > 0 && !core.paused) {
    const ticket = headOf(core)!
    if (core.used + ticket.need > core.permits) break
    leave(ticket)
    admit(ticket)
    wake(ticket)
  }
  tidy(core)
}

const headOf = (core: LimiterCore): Ticket | undefined => {
  for (const line of core.lines) if (line.head !== undefined) return line.head
  return undefined
}

export const join = (ticket: Ticket, line: TicketList): void => {
  const { core } = ticket
  ticket.line = line
  line.append(ticket)
  core.waiting++
  if (ticket.weight > 1) core.heavy++
}

export const unjoin = (ticket: Ticket): void => {
  const { core } = ticket
  ticket.line!.remove(ticket)
  ticket.line = undefined
  core.waiting--
  if (ticket.weight > 1) core.heavy--
}

/** Takes a ticket out of everything that waiting put it into. O(1), however many wait; O(seats above it) for nested requests. */
export const leave = (ticket: Ticket): void => {
  const { core } = ticket
  unjoin(ticket)
  const { ages } = ticket
  if (ages !== undefined) {
    ticket.ages = undefined
    ages.tickets.delete(ticket)
    if (ages.tickets.size === 0) core.hasEmptyAges = true
  }
  if (ticket.held !== undefined) unlinkGraph(ticket)
  if (ticket.candidateOf !== undefined) dropCandidate(ticket)
  if (ticket.endWait !== undefined) {
    ticket.endWait()
    ticket.endWait = undefined
  }
}

export const dropCandidate = (ticket: Ticket): void => {
  const nest = ticket.candidateOf!.nest!
  nest.candidates.delete(ticket)
  nest.awaited.delete(ticket)
  ticket.candidateOf = undefined
  ticket.unwatch?.()
  ticket.unwatch = undefined
}

/** Ends a wait without a permit: the work has not started. */
export const refuseWaiting = (ticket: Ticket, error: unknown): void => {
  leave(ticket)
  ticket.state = "refused"
  ticket.error = error
  wake(ticket)
}

// -----------------------------------------------------------------------------
// Edges of the wait graph
// -----------------------------------------------------------------------------

/**
 * Notes that the seats above `ticket` may wait for it. Counts per pair of limiters are kept beside, so that asking "can there be a cycle at
 * all?" walks limiters and not tickets.
 */
export const linkGraph = (ticket: Ticket, held: ReadonlyArray<Ticket>): void => {
  ticket.held = held
  for (const seat of held) {
    nestOf(seat).below.add(ticket)
    seat.core.blocked.add(seat)
    addEdge(seat, ticket, 1)
  }
}

const unlinkGraph = (ticket: Ticket): void => {
  for (const seat of ticket.held!) unlinkSeat(seat, ticket)
  ticket.held = undefined
}

const unlinkSeat = (seat: Ticket, ticket: Ticket): void => {
  const below = seat.nest?.below
  if (below === undefined || !below.delete(ticket)) return
  if (below.size === 0) seat.core.blocked.delete(seat)
  addEdge(seat, ticket, -1)
}

/** A seat is over: what waits below it does not hold it up any more. */
export const unlinkBelow = (seat: Ticket): void => {
  for (const ticket of seat.nest!.below) unlinkSeat(seat, ticket)
}

const addEdge = (seat: Ticket, ticket: Ticket, change: 1 | -1): void => {
  const { edges } = seat.core
  const count = (edges.get(ticket.core) ?? 0) + change
  if (count === 0) edges.delete(ticket.core)
  else edges.set(ticket.core, count)
}

// -----------------------------------------------------------------------------
// The limit on waiting time
// -----------------------------------------------------------------------------

/** Starts the ticket's time in the queue. The last step of a request: an alarm starts a fiber, and whatever runs with it may already serve this ticket. */
export const startAge = (ticket: Ticket): void => {
  const { core } = ticket
  const timers = timersOf(ticket.fiber)
  ticket.expires = timers.now() + core.maxWait
  let ages = core.ages.get(timers)
  if (ages === undefined) core.ages.set(timers, (ages = { timers, entry: undefined, tickets: new Set() }))
  ticket.ages = ages
  ages.tickets.add(ticket)
  const current = ages
  if (ages.entry === undefined) {
    ages.entry = timers.add(ticket.expires, () => expire(core, current))
    tidy(core)
  }
}

/**
 * Gives the timers of empty queues back. At the end of what changes the lines and never in the middle: it ends a fiber, and other code
 * may run with that, which must find everything in order (found by the sweep: a holder interrupted while a waiter set its alarm).
 *
 * A timer that is needed stays at the time of a ticket that is gone. When it fires, it moves to the oldest of those that are left.
 */
export const tidy = (core: LimiterCore): void => {
  if (!core.hasEmptyAges) return
  core.hasEmptyAges = false
  for (const ages of [...core.ages.values()]) {
    if (ages.tickets.size > 0) continue
    if (ages.entry === undefined) {
      // It is being added right now, and whoever does that calls here again.
      core.hasEmptyAges = true
      continue
    }
    core.ages.delete(ages.timers)
    ages.timers.cancel(ages.entry)
  }
}

const expire = (core: LimiterCore, ages: Ages): void => {
  const now = ages.timers.now() + slack
  for (const ticket of ages.tickets) {
    if (ticket.expires > now) {
      ages.timers.move(ages.entry!, ticket.expires)
      break
    }
    // Its part of a lent seat goes back when the woken fiber leaves its frame.
    refuseWaiting(ticket, core.behaviour.queueTimeout(core))
  }
  pump(core)
}

// -----------------------------------------------------------------------------
// Waking
// -----------------------------------------------------------------------------

/** Has `onSettled` called by the scheduler of the ticket's fiber, in the order of these calls. */
export const wake = (ticket: Ticket): void => {
  const { core, fiber } = ticket
  const { scheduler } = fiber.cache
  if (core.wakingOn === undefined) {
    core.wakingOn = scheduler
    schedule(fiber, () => drain(core))
  } else if (core.wakingOn !== scheduler) {
    // One limiter under two schedulers (a test's and the outside's): each fiber runs on its own.
    schedule(fiber, () => ticket.onSettled(ticket))
    return
  }
  core.toWake.push(ticket)
}

const schedule = (fiber: AnyFiber, task: () => void): void => fiber.currentDispatcher.scheduleTask(task, 0)

const drain = (core: LimiterCore): void => {
  const { toWake } = core
  let left = wakesPerTask
  try {
    while (core.wokenFrom < toWake.length && left-- > 0) {
      const ticket = toWake[core.wokenFrom]!
      toWake[core.wokenFrom++] = undefined
      ticket.onSettled(ticket)
    }
  } finally {
    // Also after a throw out of an engine's callback: the others must not wait for ever because of it.
    if (core.wokenFrom === toWake.length) {
      toWake.length = core.wokenFrom = 0
      core.wakingOn = undefined
    } else {
      // The woken part is cut off when it is the larger one: amortised O(1), and a chain that never pauses does not grow.
      if (core.wokenFrom * 2 > toWake.length) {
        toWake.splice(0, core.wokenFrom)
        core.wokenFrom = 0
      }
      schedule(toWake[core.wokenFrom]!.fiber, () => drain(core))
    }
  }
}
