import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { release, request } from "../src/internal/limiterRequest.ts"
import { type LimiterCore, Ticket } from "../src/internal/limiterState.ts"
import type * as lineage from "../src/internal/lineage.ts"
import * as Limiter from "../src/Limiter.ts"

/** Tickets moved by hand, without fibers: each step of lending and of the wait graph alone. */
const world = (permits: ReadonlyArray<number>) => {
  const base = Effect.runSync(Effect.withFiber(Effect.succeed))
  const tasks: Array<() => void> = []
  const newFiber = () =>
    Object.create(base, { currentDispatcher: { value: { scheduleTask: (task: () => void) => tasks.push(task) } } }) as lineage.AnyFiber
  const cores = permits.map(
    (permits, i) => (Limiter.makeUnsafe({ permits, name: `${i}` }) as unknown as { readonly core: LimiterCore }).core
  )
  class Own extends Ticket {
    get ownFiber(): boolean {
      return true
    }
  }
  return {
    cores,
    settle: () => {
      while (tasks.length > 0) tasks.shift()!()
    },
    /** A request of a fiber below `parent`: a new fiber, or the parent's own. */
    ask: (core: number, weight: number, parent?: Ticket, fiber: lineage.AnyFiber = newFiber()): Ticket => {
      const ticket = new Own(cores[core]!, fiber, parent, weight, 2, undefined, (ticket) => {
        // As a woken fiber does: a refused ticket may still have a part of what it asked for.
        if (ticket.state === "refused") ticket.release()
      })
      request(ticket)
      ticket.onSettled(ticket)
      return ticket
    },
    waits: (ticket: Ticket, waiting: boolean) => {
      ticket.waits += waiting ? 1 : -1
      if (ticket.waits === (waiting ? 1 : 0)) ticket.onWaits(waiting)
    }
  }
}

/** `used` is what the holders have, plus what waiting tickets have already, plus loans that are counted. */
const accounts = (core: LimiterCore): { readonly used: number; readonly loans: number } => {
  let used = 0
  let loans = 0
  for (let t = core.holders.head; t !== undefined; t = t.next) {
    used += t.size - t.borrowed
    if (t.nest?.counted === true) loans += t.nest.borrower!.borrowed
  }
  for (const line of core.lines) for (let t = line.head; t !== undefined; t = t.next) used += t.own
  return { used, loans }
}

describe("Limiter lending", () => {
  it("keeps its accounts whatever is asked below whom, waits, goes on and ends in whatever order", () => {
    const step = fc.record({
      op: fc.integer({ min: 0, max: 9 }),
      pick: fc.nat(30),
      weight: fc.integer({ min: 1, max: 3 }),
      own: fc.boolean()
    })
    const seen = { lent: 0, counted: 0, handedOn: 0 }
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 50, size: "max" }), (permits, steps) => {
        const { ask, cores, settle, waits } = world([permits])
        const core = cores[0]!
        const tickets: Array<Ticket> = []
        for (const { op, own, pick, weight } of steps) {
          const granted = tickets.filter((t) => t.state === "granted" && !t.extra)
          const one = granted[pick % Math.max(1, granted.length)]
          if (op < 2 || one === undefined) tickets.push(ask(0, weight))
          else if (op < 5) {
            tickets.push(ask(0, weight, one, own ? one.fiber : undefined))
          } else if (op < 7) waits(one, one.waits === 0)
          else {
            const any = tickets[pick % tickets.length]!
            // What a fiber asked for in addition ends before what it holds.
            const extras = tickets.filter((t) => t.extra && t.fiber === any.fiber && t !== any)
            for (const t of extras) release(t)
            const before = any.nest?.borrower
            if (before !== undefined && any.borrowed > 0) seen.handedOn++
            release(any)
          }
          settle()
          const { loans, used } = accounts(core)
          if (loans > 0) seen.counted++
          if (tickets.some((t) => t.state === "granted" && t.borrowed > 0)) seen.lent++
          if (core.used !== used + loans || used > core.permits)
            throw new Error(`${core.used} in use are ${used} and ${loans} lent, of ${core.permits}`)
        }
        for (const t of tickets.toReversed()) release(t)
        expect([core.used, core.waiting, core.blocked.size, core.edges.size, core.holders.head]).toEqual([0, 0, 0, 0, undefined])
      }),
      { numRuns: 1_500, seed: 1 }
    )
    expect(Math.min(seen.lent, seen.counted, seen.handedOn)).toBeGreaterThan(10)
  })

  it("puts what a lent seat is too small for ahead of all lines", () => {
    const { ask, waits } = world([3])
    const [holder, other] = [ask(0, 2), ask(0, 1)]
    const inLine = ask(0, 1)
    waits(holder, true)
    const nested = ask(0, 3, holder)
    release(other)
    expect([nested.state, inLine.state]).toEqual(["granted", "waiting"])
  })

  it("hands a borrowed seat on for the part that its borrower uses", () => {
    const { ask, cores, waits } = world([2])
    const holder = ask(0, 2)
    waits(holder, true)
    const borrower = ask(0, 2, holder)
    waits(borrower, true)
    const nested = ask(0, 1, borrower)
    waits(holder, false)
    expect(cores[0]!.used).toBe(4)
    release(borrower)
    expect([cores[0]!.used, nested.borrowed, nested.seat === holder]).toEqual([3, 1, true])
    release(nested)
    release(holder)
    expect(cores[0]!.used).toBe(0)
  })

  it("leaves what was lent of an enlarged seat with the borrower when the seat shrinks back", () => {
    const { ask, cores, waits } = world([3])
    const holder = ask(0, 1)
    const extra = ask(0, 3, holder, holder.fiber)
    waits(holder, true)
    const nested = ask(0, 3, holder)
    waits(holder, false)
    release(extra)
    // One permit of the holder's own, one on loan, two that went with the borrower.
    expect([cores[0]!.used, holder.size, nested.borrowed, nested.own]).toEqual([4, 1, 1, 2])
    release(nested)
    expect(cores[0]!.used).toBe(1)
    release(holder)
    expect(cores[0]!.used).toBe(0)
  })
})

describe("Limiter wait graph", () => {
  it("sees that a candidate will get its seat when the borrower before it is done", () => {
    const { ask, waits } = world([2, 1])
    const [lender, blocked] = [ask(0, 1), ask(0, 1)]
    waits(lender, true)
    ask(0, 1, lender)
    expect(ask(0, 1, lender).state).toBe("waiting")
    const disk = ask(1, 1)
    waits(blocked, true)
    ask(1, 1, blocked)
    // Waits for limiter 0: `blocked` cannot end before this one, but `lender` can.
    expect(ask(0, 1, disk, disk.fiber).state).toBe("waiting")
  })

  it("counts what a waiting ticket has already", () => {
    const { ask, waits } = world([3])
    const [holder, other] = [ask(0, 2), ask(0, 1)]
    waits(holder, true)
    const nested = ask(0, 3, holder)
    release(holder)
    expect([nested.state, nested.own]).toEqual(["waiting", 2])
    // Each has what the other needs.
    const stuck = ask(0, 3, other, other.fiber)
    expect(String(stuck.error)).toContain("LimiterCycle")
  })

  it("gives back in its reckoning what a waiting ticket had already", () => {
    const { ask, waits } = world([4])
    const [holder, a, b] = [ask(0, 2), ask(0, 1), ask(0, 1)]
    waits(holder, true)
    const nested = ask(0, 3, holder)
    release(holder)
    expect([nested.state, nested.own]).toEqual(["waiting", 2])
    // `b` runs and will end; then `nested` is served, ends, and leaves enough for `a`.
    expect(ask(0, 4, a, a.fiber).state).toBe("waiting")
    expect(b.state).toBe("granted")
  })

  it("refuses a candidate that is lent a seat too small for it while the rest can never come", () => {
    const { ask, settle, waits } = world([2])
    const [holder, other] = [ask(0, 1), ask(0, 1)]
    waits(holder, true)
    const first = ask(0, 1, holder)
    expect(ask(0, 2, other, other.fiber).state).toBe("waiting")
    const second = ask(0, 2, holder)
    expect(second.state).toBe("waiting")
    release(first)
    settle()
    expect(String(second.error)).toContain("LimiterCycle")
  })
})
