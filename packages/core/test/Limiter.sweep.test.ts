import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import type { LimiterCore } from "../src/internal/limiterState.ts"
import * as lineage from "../src/internal/lineage.ts"
import * as Limiter from "../src/Limiter.ts"
import { Simulator } from "../src/testing/index.ts"

/** A limiter under test, and what must hold for it at every step and in the end. */
const watched = (permits: number, queue?: { readonly timeout?: number }) => {
  const limiter = Limiter.makeUnsafe({ permits, name: "db", queue: queue === undefined ? undefined : { timeout: queue.timeout } })
  const state = { inside: 0, most: 0 }
  const work = (ms: number, n = 1) =>
    limiter.withPermits(n)(
      Effect.acquireUseRelease(
        Effect.sync(() => {
          state.inside += n
          state.most = Math.max(state.most, state.inside)
        }),
        () => (ms === 0 ? Effect.yieldNow : Effect.sleep(ms)),
        () => Effect.sync(() => void (state.inside -= n))
      )
    )
  /** Everything is back, and it still works. */
  const settled = Effect.gen(function* () {
    expect(yield* limiter.stats).toMatchObject({ running: 0, waiting: 0, holders: [] })
    expect(state.most).toBeLessThanOrEqual(permits)
    yield* Effect.timeout(limiter.withPermits(permits)(Effect.void), 1_000)
  })
  return { limiter, work, settled, state }
}

/** Each run has a world of its own; `after` looks at that of the last. */
const fresh = <W>(make: () => W) => {
  let world: W
  return { start: () => (world = make()), last: () => world }
}

const sweep = async (
  make: () => ReturnType<typeof watched>,
  program: (world: ReturnType<typeof watched>) => Effect.Effect<unknown, unknown>,
  options: { readonly seeds?: number } = {}
) => {
  const world = fresh(make)
  // What the sweep interrupts fails; its owner is not interested.
  return Simulator.sweep(() => program(world.start()), { seeds: options.seeds ?? 6, after: () => world.last().settled })
}

describe("Limiter interrupted at every step", () => {
  it("gives every permit back: permit lost between taking and installing the release (Effect#6081, #6910, #8391)", async () => {
    const { runs } = await sweep(
      () => watched(1),
      ({ work }) => Effect.all([work(0), work(0), work(0)], { concurrency: "unbounded" })
    )
    expect(runs).toBeGreaterThan(50)
  })

  it("gives weighted permits back", async () => {
    const { runs } = await sweep(
      () => watched(3),
      ({ work }) => Effect.all([work(1, 2), work(0, 3), work(1, 1), work(0, 2)], { concurrency: "unbounded" })
    )
    expect(runs).toBeGreaterThan(50)
  })

  it("leaves a working limiter when waiters run into the time limit of the queue", async () => {
    const { runs } = await sweep(
      () => watched(1, { timeout: 5 }),
      ({ work }) => Effect.forEach([3, 3, 3, 3], (ms) => Effect.exit(work(ms)), { concurrency: "unbounded" })
    )
    expect(runs).toBeGreaterThan(50)
  })

  it("gives lent seats back, however deep", async () => {
    const { runs } = await sweep(
      () => watched(1),
      ({ limiter }) => {
        const nest = (depth: number): Effect.Effect<void, Limiter.LimiterError> =>
          limiter.withPermit(
            depth === 0 ? Effect.yieldNow : Effect.asVoid(Effect.all([nest(depth - 1), nest(depth - 1)], { concurrency: 2 }))
          )
        return nest(2)
      },
      { seeds: 3 }
    )
    expect(runs).toBeGreaterThan(50)
  })

  it("gives loans back whose holder went on or ended first", async () => {
    const world = fresh(() => watched(2))
    const result = await Simulator.sweep(
      () => {
        const { limiter } = world.start()
        return Effect.gen(function* () {
          const fiber = yield* limiter.withPermit(
            Effect.gen(function* () {
              const fiber = yield* Effect.forkChild(Effect.exit(limiter.withPermits(2)(Effect.sleep(5))))
              yield* Effect.ignore(Effect.timeout(Fiber.join(fiber), 1))
              yield* Effect.yieldNow
              return fiber
            })
          )
          yield* Fiber.await(fiber)
        })
      },
      { seeds: 6, after: () => world.last().settled }
    )
    expect(result.runs).toBeGreaterThan(100)
  })
})

describe("Limiter, bugs that others shipped", () => {
  it("passes on a permit that was granted to a waiter interrupted in the same tick", async () => {
    const found = await Simulator.check(
      () => {
        const { limiter, settled, work } = watched(1)
        return Effect.gen(function* () {
          const holder = yield* Effect.forkChild(work(1))
          const doomed = yield* Effect.forkChild(work(1))
          const next = yield* Effect.forkChild(work(1))
          yield* Effect.yieldNow
          yield* Fiber.interrupt(holder)
          const granted = (yield* limiter.stats).running
          yield* Fiber.interrupt(doomed)
          const exit = yield* Fiber.await(doomed)
          yield* Fiber.join(next)
          yield* settled
          return `${granted} ${Exit.isSuccess(exit)}`
        })
      },
      { seeds: 400, reach: ["1 false"] }
    )
    expect(found.runs).toBe(400)
  })

  it("never exceeds the limit between release and wake (anyio#1170: over-granting)", async () => {
    const world = fresh(() => watched(2))
    await Simulator.check(
      () => {
        const { work } = world.start()
        // Newcomers ask at the very moment in which permits are released and their next owners are not awake yet.
        return Effect.forEach(Array.from({ length: 12 }), (_, i) => Effect.andThen(i % 3 === 0 ? Effect.void : Effect.yieldNow, work(0)), {
          concurrency: "unbounded",
          discard: true
        })
      },
      { seeds: 400, invariant: () => expect(world.last()?.state.inside ?? 0).toBeLessThanOrEqual(2), after: () => world.last().settled }
    )
  })

  it("takes a cancelled waiter out of the queue, so that later releases wake the others (anyio#1145, cockatiel#112, piscina#805)", () =>
    Simulator.check(
      () => {
        const { limiter, settled, work } = watched(1)
        return Effect.gen(function* () {
          const fibers = yield* Effect.forEach([0, 1, 2, 3, 4, 5], () => Effect.forkChild(work(1)))
          yield* Effect.sleep(0)
          for (const i of [1, 2, 4]) yield* Fiber.interrupt(fibers[i]!)
          expect((yield* limiter.stats).waiting).toBeLessThanOrEqual(2)
          for (const i of [0, 3, 5]) yield* Fiber.join(fibers[i]!)
          yield* settled
        })
      },
      { seeds: 300 }
    ))

  it("leaves nobody waiting when all waiters are cleared away by their owner (p-limit#25)", () =>
    Simulator.check(
      () => {
        const { limiter, settled, work } = watched(1)
        return Effect.gen(function* () {
          const owner = yield* Effect.forkChild(Effect.forEach([1, 2, 3, 4], () => work(10), { concurrency: "unbounded" }))
          yield* Effect.sleep(1)
          yield* Fiber.interrupt(owner)
          expect(yield* limiter.stats).toMatchObject({ running: 0, waiting: 0 })
          yield* settled
        })
      },
      { seeds: 200 }
    ))

  it("does not spin while somebody waits (anyio#1111)", async () => {
    const { work } = watched(1)
    const run = await Simulator.run(Effect.all([work(1_000_000), work(1_000_000)], { concurrency: "unbounded" }))
    expect([run.verdict, run.steps < 100]).toEqual(["passed", true])
  })

  it("keeps the limit when the fibers that ask are pulled from an async source (p-map#76)", async () => {
    const { runs } = await Simulator.check(
      () => {
        const { settled, work } = watched(3)
        const pull = (left: number): Effect.Effect<unknown, Limiter.LimiterError> =>
          left === 0
            ? Effect.void
            : Effect.andThen(
                Effect.promise(() => Promise.resolve()),
                Effect.all([work(1), Effect.suspend(() => pull(left - 1))], { concurrency: 2 })
              )
        return Effect.andThen(pull(8), settled)
      },
      { seeds: 60 }
    )
    expect(runs).toBe(60)
  })

  it("serves all 10,000 waiters of one release chain without growing the stack", async () => {
    const limiter = Limiter.makeUnsafe({ permits: 1 })
    let served = 0
    await Effect.runPromise(
      Effect.gen(function* () {
        const holder = yield* Effect.forkChild(limiter.withPermit(Effect.sleep(1)))
        yield* Effect.yieldNow
        yield* Effect.forEach(Array.from({ length: 10_000 }), () => limiter.withPermit(Effect.sync(() => served++)), {
          concurrency: "unbounded",
          discard: true
        })
        yield* Fiber.join(holder)
      })
    )
    expect(served).toBe(10_000)
  })
})

/** A small generator of its own: the program is fixed by the seed, its schedule by the simulator. */
const generator = (seed: number) => {
  let x = Math.imul(seed, 2654435761) | 0
  return (n: number) => {
    x = (Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0
    return ((x >>> 0) >>> 8) % n
  }
}

/** A wait in one of Skein's own primitives, as a group's `join` is one. */
const skeinWait = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const end = lineage.enterWait(fiber, lineage.current(fiber), () => ({ what: "its group", holders: () => [] }))
    return Effect.onExitPrimitive(self, () => {
      end()
      return undefined
    })
  })

/** A random tree of effects that wait for each other in all ways that a limiter can see. */
const tree = (random: (n: number) => number, limit: (inner: Effect.Effect<unknown, unknown>) => Effect.Effect<unknown, unknown>) => {
  const build = (depth: number): Effect.Effect<unknown, unknown> => {
    if (depth === 0) return [Effect.void, Effect.yieldNow, Effect.sleep(random(4)), Effect.fail("no")][random(4)]!
    const inner = build(depth - 1)
    switch (random(9)) {
      case 0:
      case 1:
      case 2:
        return limit(inner)
      case 3:
        return Effect.all([inner, build(depth - 1)], { concurrency: 2 })
      case 4:
        return Effect.timeout(inner, 1 + random(5))
      case 5:
        return skeinWait(Effect.all([Effect.exit(inner), Effect.exit(build(depth - 1))], { concurrency: 2 }))
      case 6:
        return Effect.flatMap(Effect.forkChild(inner), (fiber) =>
          Effect.andThen(Effect.sleep(random(2)), random(2) === 0 ? Fiber.join(fiber) : Fiber.interrupt(fiber))
        )
      case 7:
        return Effect.andThen(Effect.exit(inner), build(depth - 1))
      default:
        return Effect.onExit(inner, () => Effect.sleep(random(2)))
    }
  }
  return build
}

const isCycle = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && exit.cause.reasons.some((reason) => reason._tag === "Die" && reason.defect instanceof Limiter.LimiterCycle)

const assertIdle = (seed: number, limiter: Limiter.Limiter<unknown>) => {
  const { running, waiting, holders } = Effect.runSync(limiter.stats)
  if (running !== 0 || waiting !== 0 || holders.length > 0)
    throw new Error(`seed ${seed}: ${JSON.stringify({ running, waiting, holders })}`)
}

/** What is in use is what holders have, plus loans whose holder went on, plus what waiting tickets have already; over the bound only by such loans and a resize. */
const assertAccounts = (limiter: Limiter.Limiter<unknown>, resized: boolean): void => {
  const { core } = limiter as unknown as { readonly core: LimiterCore }
  let used = 0
  let loans = 0
  for (let t = core.holders.head; t !== undefined; t = t.next) {
    used += t.size - t.borrowed
    if (t.state !== "granted") throw new Error(`a holder is ${t.state}`)
    if (t.nest?.counted === true) loans += t.nest.borrower!.borrowed
  }
  let waiting = 0
  for (const line of core.lines) {
    for (let t = line.head; t !== undefined; t = t.next) {
      used += t.own
      waiting++
      if (t.state !== "waiting") throw new Error(`in line is a ticket that is ${t.state}`)
    }
  }
  if (core.used !== used + loans || core.waiting !== waiting) {
    throw new Error(`${core.used} in use are ${used} and ${loans} lent, ${core.waiting} waiting are ${waiting}`)
  }
  if (!resized && used > core.permits) throw new Error(`${used} in use of ${core.permits}`)
}

describe("Limiter, random programs", () => {
  it("never hangs on one limiter, however it is nested, and refuses nothing", () => {
    let nested = 0
    for (let seed = 1; seed <= 1_500; seed++) {
      const random = generator(seed)
      const limiter = Limiter.makeUnsafe({ permits: 1 + random(2) })
      const build = tree(random, (inner) => limiter.withPermit(inner))
      const run = Simulator.runSync(
        Effect.forEach([1, 2, 3], () => Effect.exit(build(5)), { concurrency: "unbounded" }),
        { seed, invariant: () => assertAccounts(limiter, false) }
      )
      if (run.verdict !== "passed" || run.exit === undefined || !Exit.isSuccess(run.exit)) throw new Error(`seed ${seed}: ${run.report}`)
      expect(run.exit.value.some(isCycle)).toBe(false)
      assertIdle(seed, limiter)
      if (Effect.runSync(limiter.stats).peak > 0) nested++
    }
    expect(nested).toBeGreaterThan(1_000)
  })

  it("gives everything back across limiters and weights, under resize and pause, and refuses what it sees cannot end", () => {
    const seen = { refused: 0, ran: 0 }
    for (let seed = 1; seed <= 1_000; seed++) {
      const random = generator(seed)
      const queue = random(2) === 0 ? undefined : { timeout: 1 + random(4) }
      const limiters = [1, 2, 3].map((permits) => Limiter.makeUnsafe({ permits, name: `${permits}`, queue }))
      const build = tree(random, (inner) => {
        const which = random(3)
        return limiters[which]!.withPermits(1 + random(which + 1))(inner)
      })
      const meddle = Effect.gen(function* () {
        for (let i = 0; i < 4; i++) {
          const limiter = limiters[random(3)]!
          yield* Effect.sleep(random(3))
          if (random(2) === 0) yield* limiter.resize(1 + random(3))
          else yield* Effect.andThen(limiter.pause, Effect.andThen(Effect.sleep(1), limiter.resume))
        }
      })
      // Plain Effect waits between two limiters can deadlock unseen: each task has a time limit.
      const tasks = Effect.forEach([1, 2, 3, 4], () => Effect.exit(Effect.timeout(build(4), 60_000)), { concurrency: "unbounded" })
      const run = Simulator.runSync(
        Effect.map(Effect.all([tasks, meddle], { concurrency: 2 }), ([exits]) => exits),
        { seed, invariant: () => limiters.forEach((limiter) => assertAccounts(limiter, true)) }
      )
      if (run.verdict !== "passed" || run.exit === undefined || !Exit.isSuccess(run.exit)) throw new Error(`seed ${seed}: ${run.report}`)
      for (const limiter of limiters) assertIdle(seed, limiter)
      seen[run.exit.value.some(isCycle) ? "refused" : "ran"]++
    }
    expect(seen.refused).toBeGreaterThan(5)
    expect(seen.ran).toBeGreaterThan(500)
  })
})
