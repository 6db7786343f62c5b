/**
 * Finds waits across limiters that can never end, and writes the cycle out.
 *
 * The question is not "is there a cycle of waits" (with several permits a cycle may resolve) but "can everybody still finish": the reduction of
 * counting resources (Holt, *Some deadlock properties of computer systems*, 1972). Let every holder that does not stand still finish
 * and give back; let every head of line that then fits go in, finish and give back; again, until nothing moves. Who is left waits for ever.
 *
 * A holder stands still when its own fiber waits for a limiter, or when it is in a wait of ours (`waits > 0`) and a descendant waits for a limiter. All else is taken to end by
 * itself: plain Effect waits, pauses, work that runs. So what is refused is a deadlock as far as limiters can tell, and a deadlock through a plain
 * Effect wait between two limiters is not seen.
 *
 * **Cost.** Nothing for a request whose lineage holds nothing. Otherwise a walk over limiters, not requests, says whether a cycle is possible at all; with
 * one order of limiters throughout the program it never is. Only then are the lines walked.
 */
import { type AnyFiber, taskOf } from "./lineage.ts"
import { front, type LimiterCore, type Ticket } from "./limiterState.ts"

/** Whether `seat` cannot go on before `ticket`, which waits below it, has ended. */
const holdsUp = (ticket: Ticket, seat: Ticket): boolean => seat.waits > 0 || (ticket.ownFiber && ticket.fiber === seat.fiber)

/** The cycle that the waiting `ticket` closes, as text, or `undefined` if its wait can end. */
export const findCycle = (ticket: Ticket): string | undefined => {
  const { held } = ticket
  if (held === undefined || !mayCycle(ticket, held)) return undefined
  const stuck = reduce(ticket.core)
  return stuck.tickets.has(ticket) ? describe(ticket, stuck) : undefined
}

/** The holder `seat` has begun to wait: finds a ticket below it that can now never be served. */
export const findStuckBelow = (seat: Ticket): Ticket | undefined => {
  const below = seat.nest?.below
  if (below === undefined || below.size === 0) return undefined
  if (seat.core.lines[front].head === undefined && !reaches(seat.core, (core) => core === seat.core)) return undefined
  const { tickets } = reduce(seat.core)
  // The one that came last gives way: the others have waited longer.
  return [...below].reverse().find((ticket) => tickets.has(ticket))
}

const mayCycle = (ticket: Ticket, held: ReadonlyArray<Ticket>): boolean => {
  // On top of a seat of the same limiter: holders that all want more than there is left wait for each other.
  if (ticket.line === ticket.core.lines[front]) return true
  if (ticket.core.edges.size === 0) return false
  // A seat of the same limiter is lent sooner or later: it closes no cycle by itself.
  return reaches(ticket.core, (core) => core !== ticket.core && held.some((seat) => seat.core === core))
}

/** Whether a limiter that fulfils `goal` is reached from `start` along holders that may wait. Edges from a limiter to itself do not count. */
const reaches = (start: LimiterCore, goal: (core: LimiterCore) => boolean): boolean => {
  const seen = new Set<LimiterCore>()
  const open = [start]
  for (let core = open.pop(); core !== undefined; core = open.pop()) {
    for (const next of core.edges.keys()) {
      if (next === core) continue
      if (goal(next)) return true
      if (seen.has(next)) continue
      seen.add(next)
      open.push(next)
    }
  }
  return false
}

interface Stuck {
  readonly tickets: ReadonlySet<Ticket>
  /** Holders that cannot go on. */
  readonly seats: ReadonlySet<Ticket>
}

/** What a holder's end gives back: with what its fiber asked for in addition, and its own loan while the lender counts it. */
const permitsOf = (seat: Ticket): number => seat.size - seat.borrowed + countedLoan(seat)

/** What a waiting ticket has already: it waits for the rest. */
const partOf = (ticket: Ticket): number => ticket.own + countedLoan(ticket)

const countedLoan = (ticket: Ticket): number => (ticket.borrowed > 0 && ticket.seat?.nest?.counted === true ? ticket.borrowed : 0)

const reduce = (start: LimiterCore): Stuck => {
  const cores = new Set([start])
  for (const core of cores) for (const next of core.edges.keys()) cores.add(next)

  const tickets = new Set<Ticket>()
  const waitsFor = new Map<Ticket, number>()
  const free = new Map<LimiterCore, number>()
  for (const core of cores) {
    let room = core.permits
    for (const line of core.lines) {
      for (let t = line.head; t !== undefined; t = t.next) {
        tickets.add(t)
        room -= partOf(t)
      }
    }
    for (const seat of core.blocked) {
      let count = 0
      for (const ticket of seat.nest!.below) if (holdsUp(ticket, seat)) count++
      if (count === 0) continue
      waitsFor.set(seat, count)
      room -= permitsOf(seat)
    }
    free.set(core, room)
  }

  const finish = (ticket: Ticket): void => {
    tickets.delete(ticket)
    free.set(ticket.core, free.get(ticket.core)! + partOf(ticket))
    if (ticket.held === undefined) return
    for (const seat of ticket.held) {
      const count = waitsFor.get(seat)
      if (count === undefined || !holdsUp(ticket, seat)) continue
      if (count > 1) waitsFor.set(seat, count - 1)
      else {
        waitsFor.delete(seat)
        if (free.has(seat.core)) free.set(seat.core, free.get(seat.core)! + permitsOf(seat))
      }
    }
  }

  for (let before = -1; before !== tickets.size + waitsFor.size;) {
    before = tickets.size + waitsFor.size
    const closed = new Set<LimiterCore>()
    for (const ticket of [...tickets]) {
      // Sets keep their order, so the first of a limiter that is met here is the head of its lines.
      const { core } = ticket
      if (!closed.has(core) && ticket.need <= free.get(core)!) finish(ticket)
      else {
        closed.add(core)
        if (canBorrow(ticket, tickets, waitsFor)) finish(ticket)
      }
    }
  }
  return { tickets, seats: new Set(waitsFor.keys()) }
}

/** A candidate gets its whole weight from a seat whose holder waits, once the borrower before it is done. */
const canBorrow = (ticket: Ticket, tickets: ReadonlySet<Ticket>, waitsFor: ReadonlyMap<Ticket, number>): boolean => {
  const seat = ticket.candidateOf
  if (seat === undefined || seat.size < ticket.weight || !(seat.waits > 0 || seat.nest!.awaited.has(ticket))) return false
  const borrower = seat.nest!.borrower
  return borrower === undefined || !(tickets.has(borrower) || waitsFor.has(borrower))
}

// -----------------------------------------------------------------------------
// Text
// -----------------------------------------------------------------------------

/** Walks from the ticket over stuck holders back to a seat of its own, on the shortest way. */
const describe = (ticket: Ticket, stuck: Stuck): string => {
  const held = ticket.held!
  const { links, own } = pathBack(ticket, held, stuck)
  let text = `${nameOf(ticket)} (holds ${limiterText(own.core)}) waits for ${limiterText(ticket.core)}`
  for (const { seat, ticket } of links) text += ` → held by ${nameOf(seat)}, which waits for ${limiterText(ticket.core)}`
  return `${text} → held by ${nameOf(own)}`
}

/** A stuck holder and what it waits for. */
interface Link {
  readonly seat: Ticket
  readonly ticket: Ticket
  readonly before: Link | undefined
}

const pathBack = (
  from: Ticket,
  held: ReadonlyArray<Ticket>,
  stuck: Stuck
): { readonly links: ReadonlyArray<Link>; readonly own: Ticket } => {
  const seen = new Set<LimiterCore>()
  const open: Array<readonly [core: LimiterCore, before: Link | undefined]> = [[from.core, undefined]]
  // The array grows while it is walked: breadth first, each limiter once.
  for (const [core, before] of open) {
    // Of two holders of one limiter that want more of it, the other one is what to tell: the first step does not end at a seat of its own.
    const own = before === undefined ? undefined : held.find((seat) => seat.core === core && stuck.seats.has(seat))
    if (own !== undefined) {
      const links: Array<Link> = []
      for (let link = before; link !== undefined; link = link.before) links.unshift(link)
      return { links, own }
    }
    if (seen.has(core)) continue
    seen.add(core)
    for (const seat of core.blocked) {
      if (!stuck.seats.has(seat)) continue
      for (const ticket of seat.nest!.below) {
        if (ticket !== from && stuck.tickets.has(ticket) && holdsUp(ticket, seat)) open.push([ticket.core, { seat, ticket, before }])
      }
    }
  }
  return { links: [], own: held.find((seat) => stuck.seats.has(seat)) ?? held[0]! }
}

export const limiterText = (core: LimiterCore): string =>
  core.name === undefined ? "an unnamed limiter" : `limiter ${JSON.stringify(core.name)}`

/** Who holds or asks: the name given with the request, else of the task, else of the span it runs in, else its fiber. */
const nameOf = (ticket: Ticket): string => {
  const name = givenName(ticket)
  if (name !== undefined) return `task ${JSON.stringify(name)}`
  const span = spanOf(ticket.fiber)
  return span === undefined ? `fiber #${ticket.fiber.id}` : `span ${JSON.stringify(span)}`
}

/** The name alone, for lists. */
export const plainNameOf = (ticket: Ticket): string => givenName(ticket) ?? spanOf(ticket.fiber) ?? `fiber #${ticket.fiber.id}`

/** A name given with an outer request of the same fiber names the inner ones too. */
const givenName = (ticket: Ticket): string | undefined => {
  if (ticket.name !== undefined) return ticket.name
  for (let n = ticket.parent; n !== undefined && n.kind !== "task"; n = n.parent) {
    if (n.kind === "permit" && n.fiber === ticket.fiber && (n as Ticket).name !== undefined) return (n as Ticket).name
  }
  return taskOf(ticket.parent)?.name
}

const spanOf = (fiber: AnyFiber): string | undefined => {
  const { span } = fiber.cache
  return span !== undefined && span._tag === "Span" ? span.name : undefined
}
