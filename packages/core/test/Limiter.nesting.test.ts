import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Latch from "effect/Latch"
import { describe, expect, it } from "vitest"
import * as lineage from "../src/internal/lineage.ts"
import * as Limiter from "../src/Limiter.ts"
import { Simulator } from "../src/testing/index.ts"

const seeds = 150

/** Passes under many schedules, and gives the value of the first. */
const check = async <A, E>(program: () => Effect.Effect<A, E>): Promise<A> => {
  await Simulator.check(program, { seeds })
  const result = Simulator.runSync(program)
  if (result.exit === undefined || !Exit.isSuccess(result.exit)) throw new Error(result.report)
  return result.exit.value
}

/** A wait in one of Skein's own primitives, as a group's `join` is one. */
const skeinWait = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const end = lineage.enterWait(fiber, lineage.current(fiber), () => ({ what: "a member of its group", holders: () => [] }))
    return Effect.onExitPrimitive(self, () => {
      end()
      return undefined
    })
  })

const idle = { running: 0, waiting: 0, holders: [] }

const defectIn = <A, E>(exit: Exit.Exit<A, E>): unknown =>
  Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isDieReason)?.defect : undefined

describe("Limiter.withPermit inside itself", () => {
  it("runs on the permit that its own fiber holds already", () =>
    check(() => {
      const limiter = Limiter.makeUnsafe({ permits: 1 })
      const nest = (depth: number): Effect.Effect<number> =>
        limiter.withPermit(depth === 0 ? Effect.map(limiter.stats, (s) => s.running) : Effect.suspend(() => nest(depth - 1)))
      return Effect.gen(function* () {
        expect(yield* nest(20)).toBe(1)
        expect(yield* limiter.stats).toMatchObject({ ...idle, peak: 1 })
      })
    }))

  it("asks only for what is missing when the same fiber wants more", () =>
    check(() => {
      const limiter = Limiter.makeUnsafe({ permits: 3 })
      return Effect.gen(function* () {
        const inside = yield* limiter.withPermit(limiter.withPermits(3)(limiter.stats))
        expect(inside).toMatchObject({ running: 3, holders: [{ permits: 3 }] })
        expect(yield* limiter.withPermits(2)(Effect.andThen(limiter.withPermits(3)(Effect.void), limiter.stats))).toMatchObject({
          running: 2
        })
        expect(yield* limiter.stats).toMatchObject(idle)
      })
    }))

  it.each([
    ["Effect.timeout", (e: Effect.Effect<void>) => Effect.timeout(e, 1_000)],
    ["Effect.race", (e: Effect.Effect<void>) => Effect.race(e, Effect.never)],
    ["forEach", (e: Effect.Effect<void>) => Effect.forEach([1, 2, 3], () => e, { concurrency: "unbounded" })],
    ["Fiber.join of a child", (e: Effect.Effect<void>) => Effect.flatMap(Effect.forkChild(e), Fiber.join)],
    [
      "Fiber.await of a detached fiber",
      (e: Effect.Effect<void>) => Effect.flatMap(Effect.forkDetach(e, { startImmediately: true }), Fiber.await)
    ],
    [
      "a join long after the fork",
      (e: Effect.Effect<void>) => Effect.flatMap(Effect.forkChild(e), (fiber) => Effect.andThen(Effect.sleep(10), Fiber.join(fiber)))
    ],
    [
      "a FiberSet",
      (e: Effect.Effect<void>) =>
        Effect.scoped(Effect.flatMap(FiberSet.make<void>(), (set) => Effect.andThen(FiberSet.run(set, e), FiberSet.awaitEmpty(set))))
    ],
    [
      "two levels of fibers",
      (e: Effect.Effect<void>) =>
        Effect.timeout(
          Effect.forEach([1, 2], () => Effect.timeout(e, 1_000), { concurrency: 2 }),
          2_000
        )
    ]
  ])("borrows the seat of a holder that waits through %s", (_, wait) =>
    check(() => {
      const limiter = Limiter.makeUnsafe({ permits: 1 })
      let inside = 0
      let most = 0
      const work = limiter.withPermit(
        Effect.andThen(
          Effect.sync(() => void (most = Math.max(most, ++inside))),
          Effect.andThen(
            Effect.sleep(1),
            Effect.sync(() => void inside--)
          )
        )
      )
      return Effect.gen(function* () {
        yield* limiter.withPermit(wait(work))
        expect(most).toBe(1)
        expect(yield* limiter.stats).toMatchObject(idle)
      })
    })
  )

  it("borrows at once from a holder that waits in Skein's own primitives, one descendant at a time, in order", () =>
    check(() => {
      const limiter = Limiter.makeUnsafe({ permits: 1 })
      const log: Array<number> = []
      const member = (n: number) =>
        limiter.withPermit(
          Effect.andThen(
            Effect.sync(() => log.push(n)),
            Effect.sleep(1)
          )
        )
      return Effect.gen(function* () {
        const done = yield* Latch.make(false)
        let left = 3
        const spawn = (n: number) =>
          Effect.forkDetach(
            Effect.andThen(
              member(n),
              Effect.sync(() => --left === 0 && done.openUnsafe())
            ),
            { startImmediately: true }
          )
        yield* limiter.withPermit(Effect.andThen(Effect.forEach([1, 2, 3], spawn), skeinWait(done.await)))
        expect(log).toHaveLength(3)
        expect(yield* limiter.stats).toMatchObject({ ...idle, peak: 1 })
        return log
      })
    }).then((log) => expect(log).toEqual([1, 2, 3])))

  it("lends a borrowed seat further", () =>
    check(() => {
      const limiter = Limiter.makeUnsafe({ permits: 1 })
      const deep = (depth: number): Effect.Effect<void> =>
        depth === 0
          ? Effect.void
          : (limiter.withPermit(
              Effect.timeout(
                Effect.suspend(() => deep(depth - 1)),
                1_000
              )
            ) as Effect.Effect<void>)
      return Effect.gen(function* () {
        yield* Effect.forEach([1, 2, 3], () => deep(4), { concurrency: "unbounded" })
        expect(yield* limiter.stats).toMatchObject({ ...idle, peak: 1 })
      })
    }))

  it("borrows what the seat has and waits ahead of the line for the rest", () =>
    check(() => {
      const limiter = Limiter.makeUnsafe({ permits: 3 })
      return Effect.gen(function* () {
        const log: Array<string> = []
        const other = yield* Effect.forkChild(limiter.withPermit(Effect.sleep(10)), { startImmediately: true })
        const holder = yield* Effect.forkChild(
          limiter.withPermits(2)(
            Effect.andThen(Effect.sleep(5), Effect.timeout(limiter.withPermits(3)(Effect.sync(() => log.push("nested"))), 1_000))
          ),
          { startImmediately: true }
        )
        yield* Effect.sleep(1)
        const inLine = yield* Effect.forkChild(limiter.withPermits(2)(Effect.sync(() => log.push("in line"))), { startImmediately: true })
        yield* Fiber.joinAll([other, holder, inLine])
        expect(log).toEqual(["nested", "in line"])
        expect(yield* limiter.stats).toMatchObject(idle)
      })
    }))

  it("counts a loan once the holder goes on, and admits nobody until that has drained", () =>
    check(() => {
      const limiter = Limiter.makeUnsafe({ permits: 1 })
      return Effect.gen(function* () {
        const seen: Array<number> = []
        const stats = Effect.map(limiter.stats, (s) => seen.push(s.running))
        const background = yield* Deferred.make<Fiber.Fiber<void>>()
        const holder = yield* Effect.forkChild(
          limiter.withPermit(
            Effect.gen(function* () {
              const fiber = yield* Effect.forkDetach(limiter.withPermit(Effect.sleep(30)))
              yield* Deferred.succeed(background, fiber)
              // Waits for it, but not to its end.
              yield* Effect.ignore(Effect.timeout(Fiber.join(fiber), 10))
              yield* stats
              yield* Effect.sleep(10)
            })
          )
        )
        yield* Effect.sleep(1)
        const late = yield* Effect.forkChild(limiter.withPermit(Effect.void))
        yield* Fiber.join(holder)
        yield* stats
        expect((yield* limiter.stats).waiting).toBe(1)
        yield* Fiber.join(yield* Deferred.await(background))
        yield* Fiber.join(late)
        expect(seen).toEqual([2, 1])
        expect(yield* limiter.stats).toMatchObject({ ...idle, peak: 2 })
      })
    }))

  it("lets a permit go on with its borrower when the holder ends first", () =>
    check(() => {
      const limiter = Limiter.makeUnsafe({ permits: 1 })
      return Effect.gen(function* () {
        const child = yield* limiter.withPermit(
          Effect.gen(function* () {
            const fiber = yield* Effect.forkDetach(limiter.withPermit(Effect.sleep(30)))
            yield* skeinWait(Effect.sleep(10))
            return fiber
          })
        )
        expect(yield* limiter.stats).toMatchObject({ running: 1, holders: [{ borrowed: false }] })
        yield* Fiber.join(child)
        expect(yield* limiter.stats).toMatchObject(idle)
      })
    }))

  it("offers waiting descendants of an ended borrower to the next seat above", () =>
    check(() => {
      const limiter = Limiter.makeUnsafe({ permits: 1 })
      return Effect.gen(function* () {
        const left = yield* Deferred.make<void>()
        yield* limiter.withPermit(
          skeinWait(
            Effect.gen(function* () {
              // A borrower forks work that outlives it, and only the outer holder waits for that.
              yield* Effect.timeout(
                limiter.withPermit(Effect.forkDetach(Effect.andThen(limiter.withPermit(Effect.void), Deferred.succeed(left, undefined)))),
                100
              )
              yield* Deferred.await(left)
            })
          )
        )
        expect(yield* limiter.stats).toMatchObject(idle)
      })
    }))

  it("asks for a permit of its own when the holder above has ended", () =>
    check(() => {
      const limiter = Limiter.makeUnsafe({ permits: 2 })
      return Effect.gen(function* () {
        const fiber = yield* limiter.withPermit(
          Effect.forkDetach(Effect.andThen(Effect.sleep(10), limiter.withPermit(Effect.andThen(Effect.sleep(10), limiter.stats))))
        )
        expect(yield* Fiber.join(fiber)).toMatchObject({ running: 1, holders: [{ borrowed: false }] })
      })
    }))

  it("does not lend to what nobody waits for: background work takes its place in the line", () =>
    check(() => {
      const limiter = Limiter.makeUnsafe({ permits: 1 })
      return Effect.gen(function* () {
        const log: Array<string> = []
        const fiber = yield* limiter.withPermit(
          Effect.gen(function* () {
            const fiber = yield* Effect.forkDetach(limiter.withPermit(Effect.sync(() => log.push("background"))))
            yield* Effect.sleep(10)
            log.push("holder")
            return fiber
          })
        )
        yield* Fiber.join(fiber)
        expect(log).toEqual(["holder", "background"])
        expect(yield* limiter.stats).toMatchObject({ ...idle, peak: 1 })
      })
    }))

  it("lends during a pause: what runs can end", () =>
    expect(
      check(() => {
        const limiter = Limiter.makeUnsafe({ permits: 1 })
        return limiter.withPermit(Effect.andThen(limiter.pause, Effect.timeout(limiter.withPermit(limiter.resume), 1_000)))
      })
    ).resolves.toBeUndefined())

  it("keeps the bound of the queue for those outside, and exempts those inside", () =>
    expect(
      check(() => {
        const limiter = Limiter.makeUnsafe({ permits: 1, queue: { max: 0, onFull: "reject" } })
        return limiter.withPermit(Effect.forEach([1, 2, 3], () => limiter.withPermit(Effect.yieldNow), { concurrency: 3, discard: true }))
      })
    ).resolves.toBeUndefined())
})

describe("Limiter.withPermit across limiters", () => {
  const named = () => ({ db: Limiter.makeUnsafe({ permits: 1, name: "db" }), disk: Limiter.makeUnsafe({ permits: 1, name: "disk" }) })

  it("refuses a wait that could never end, with the cycle written out", () => {
    const { db, disk } = named()
    const program = Effect.gen(function* () {
      const a = yield* Effect.forkChild(
        Effect.exit(db.withPermit(Effect.andThen(Effect.sleep(1), disk.withPermit(Effect.void)), { name: "a" }))
      )
      const b = yield* Effect.forkChild(
        Effect.exit(disk.withPermit(Effect.andThen(Effect.sleep(2), db.withPermit(Effect.void)), { name: "b" }))
      )
      return [yield* Fiber.join(a), yield* Fiber.join(b)] as const
    })
    const exit = Simulator.runSync(program).exit
    if (exit === undefined || !Exit.isSuccess(exit)) throw new Error("it hangs")
    expect(Exit.isSuccess(exit.value[0])).toBe(true)
    const defect = defectIn(exit.value[1])
    expect(defect).toBeInstanceOf(Limiter.LimiterCycle)
    expect((defect as Error).message).toBe(
      `Limiter.withPermit: waiting would never end: task "b" (holds limiter "disk") waits for limiter "db"` +
        ` → held by task "a", which waits for limiter "disk" → held by task "b"`
    )
  })

  it("refuses exactly one of a ring of any length, under every schedule", async () => {
    const found = await Simulator.check(
      () => {
        const limiters = [1, 2, 3, 4].map((n) => Limiter.makeUnsafe({ permits: 1, name: `${n}` }))
        return Effect.gen(function* () {
          const both = (i: number) =>
            limiters[i]!.withPermit(Effect.andThen(Effect.yieldNow, limiters[(i + 1) % 4]!.withPermit(Effect.yieldNow)))
          const exits = yield* Effect.forEach([0, 1, 2, 3], (i) => Effect.exit(both(i)), { concurrency: "unbounded" })
          for (const limiter of limiters) expect(yield* limiter.stats).toMatchObject(idle)
          const failed = exits.filter(Exit.isFailure)
          for (const exit of failed) expect(defectIn(exit)).toBeInstanceOf(Limiter.LimiterCycle)
          return failed.length
        })
      },
      { seeds: 400, reach: ["0", "1"] }
    )
    expect(Object.keys(found.labels).sort()).toEqual(["0", "1"])
  })

  it("finds a cycle through work that a holder waits for in Skein's own primitives, whichever wait comes last", async () => {
    const found = await Simulator.check(
      () => {
        const { db, disk } = named()
        return Effect.gen(function* () {
          const child = Effect.exit(disk.withPermit(Effect.void, { name: "a's child" }))
          const a = db.withPermit(
            Effect.flatMap(Effect.forkDetach(child, { startImmediately: true }), (fiber) =>
              Effect.andThen(Effect.yieldNow, skeinWait(Fiber.join(fiber)))
            ),
            { name: "a" }
          )
          const b = Effect.exit(disk.withPermit(Effect.andThen(Effect.yieldNow, db.withPermit(Effect.void)), { name: "b" }))
          const [fromA, fromB] = yield* Effect.all([a, b], { concurrency: 2 })
          for (const limiter of [db, disk]) expect(yield* limiter.stats).toMatchObject(idle)
          return [fromA, fromB].map((exit) => (Exit.isFailure(exit) ? "refused" : "ran")).join(" ")
        })
      },
      { seeds: 400, reach: ["ran ran", "refused ran", "ran refused"] }
    )
    expect(found.labels["refused refused"]).toBeUndefined()
  })

  it("refuses nothing where more permits let a cycle of waits resolve", () =>
    expect(
      check(() => {
        const db = Limiter.makeUnsafe({ permits: 2 })
        const disk = Limiter.makeUnsafe({ permits: 1 })
        return Effect.gen(function* () {
          // Somebody who wants nothing else holds the second permit for a while.
          yield* Effect.all(
            [
              db.withPermit(Effect.sleep(20)),
              db.withPermit(Effect.andThen(Effect.sleep(1), disk.withPermit(Effect.void))),
              disk.withPermit(Effect.andThen(Effect.sleep(2), db.withPermit(Effect.void)))
            ],
            { concurrency: "unbounded" }
          )
        })
      })
    ).resolves.toBeUndefined())

  it("refuses the second of two holders that both want the rest of one limiter", () =>
    check(() => {
      const limiter = Limiter.makeUnsafe({ permits: 2, name: "memory" })
      return Effect.gen(function* () {
        const grow = (name: string) =>
          Effect.exit(limiter.withPermits(1, { name })(Effect.andThen(Effect.sleep(1), limiter.withPermits(2)(Effect.void))))
        const exits = yield* Effect.all([grow("a"), grow("b")], { concurrency: 2 })
        const failed = exits.filter(Exit.isFailure)
        expect(failed).toHaveLength(1)
        expect(String(defectIn(failed[0]!))).toMatch(
          /^LimiterCycle: Limiter\.withPermits: waiting would never end: task "(a|b)" \(holds limiter "memory"\) waits for limiter "memory" → held by/
        )
        expect(yield* limiter.stats).toMatchObject(idle)
      })
    }))

  it("takes a pause as something that will end", () =>
    expect(
      check(() => {
        const { db, disk } = named()
        return Effect.gen(function* () {
          yield* disk.pause
          const a = yield* Effect.forkChild(db.withPermit(disk.withPermit(Effect.void)))
          yield* Effect.sleep(1)
          yield* disk.resume
          yield* Fiber.join(a)
        })
      })
    ).resolves.toBeUndefined())

  it("takes no longer for 20,000 requests that hold one limiter and queue for another", () => {
    const outer = Limiter.makeUnsafe({ permits: 100_000 })
    const inner = Limiter.makeUnsafe({ permits: 10 })
    const last = Limiter.makeUnsafe({ permits: 1 })
    const job = outer.withPermit(inner.withPermit(last.withPermit(Effect.void)))
    const started = performance.now()
    const result = Simulator.runSync(Effect.forEach(Array.from({ length: 20_000 }), () => job, { concurrency: "unbounded", discard: true }))
    expect(result.verdict).toBe("passed")
    // Quadratic work would be 200,000,000 visits; this is only there to notice that.
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})

describe("Limiter under the simulator", () => {
  it("says who waits for whose permit", async () => {
    const limiter = Limiter.makeUnsafe({ permits: 1, name: "db" })
    const result = await Simulator.run(
      Effect.gen(function* () {
        yield* Effect.forkChild(Effect.withSpan(limiter.withPermit(Effect.never), "holder"))
        yield* Effect.yieldNow
        yield* limiter.withPermit(Effect.void)
      })
    )
    expect(result.verdict).toBe("deadlock")
    expect(result.report).toContain(`main waits for a permit of limiter "db" (1 of 1 taken), held by fiber 2 "holder"`)
  })
})
