import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import { describe, expect, expectTypeOf, it } from "vitest"
import * as Limiter from "../src/Limiter.ts"
import { Simulator } from "../src/testing/index.ts"

/** Runs it in virtual time under the schedule of the live runtime, and gives its value. It may leave nothing behind. */
const run = <A, E>(program: Effect.Effect<A, E>): A => {
  const result = Simulator.runSync(program)
  if (result.verdict !== "passed" || result.exit === undefined || !Exit.isSuccess(result.exit)) throw new Error(result.report)
  expect(result.timers).toEqual([])
  return result.exit.value
}

/** The defect an effect dies with. */
const defectOf = <A, E>(program: Effect.Effect<A, E>): unknown => {
  const exit = run(Effect.exit(program))
  if (Exit.isSuccess(exit)) throw new Error("it succeeded")
  const die = exit.cause.reasons.find(Cause.isDieReason)
  if (die === undefined) throw new Error("it did not die")
  return die.defect
}

/** Forks it and waits until it has started and cannot go on. */
const started = <A, E>(effect: Effect.Effect<A, E>) => Effect.tap(Effect.forkChild(effect), () => Effect.sleep(1))

describe("Limiter.make", () => {
  it.each([0, -1, 2.5, Number.NaN, Infinity, "2", undefined])("refuses a size of %s", (permits) => {
    const error = defectOf(Limiter.make({ permits: permits as number }))
    expect(error).toBeInstanceOf(RangeError)
    expect(String(error)).toContain("Limiter.make: permits must be a whole number of at least 1, got ")
  })

  it.each([
    [{ permits: 1, queue: { max: -1 } }, "Limiter.make: queue.max must be a whole number of at least 0, got -1"],
    [{ permits: 1, queue: { max: 1.5 } }, "Limiter.make: queue.max must be a whole number of at least 0, got 1.5"],
    [{ permits: 1, queue: { onFull: "drop" } }, `Limiter.make: queue.onFull must be "wait" | "reject", got "drop"`],
    [{ permits: 1, queue: { onFull: "reject" } }, `Limiter.make: queue.max must be given when queue.onFull is "reject", got undefined`],
    [{ permits: 1, queue: { timeout: -5 } }, "Limiter.make: queue.timeout must be a duration that is not negative, got -5"],
    [{ permits: 1, queue: 3 }, "Limiter.make: queue: options must be an object, got 3"],
    [{ permits: 1, size: 2 }, `Limiter.make: unknown option "size", known are permits, name, queue`],
    [{ permits: 1, name: 7 }, "Limiter.make: name must be a string, got 7"],
    [undefined, "Limiter.make: options must be an object, got null"]
  ])("refuses %j", (options, message) => {
    expect(defectOf(Limiter.make(options as never))).toMatchObject({ name: "RangeError", message })
  })

  it("adds LimiterError to the errors of effects only where an option does", () => {
    const never = () => Limiter.makeUnsafe({ permits: 1, name: "db", queue: { max: 3 } })
    const reject = () => Limiter.makeUnsafe({ permits: 1, queue: { max: 3, onFull: "reject" } })
    const timeout = () => Limiter.makeUnsafe({ permits: 1, queue: { timeout: "1 second" } })
    const widened = (options: Limiter.Options) => Limiter.makeUnsafe(options)
    expectTypeOf(never).returns.toEqualTypeOf<Limiter.Limiter>()
    expectTypeOf(reject).returns.toEqualTypeOf<Limiter.Limiter<Limiter.LimiterError>>()
    expectTypeOf(timeout).returns.toEqualTypeOf<Limiter.Limiter<Limiter.LimiterError>>()
    expectTypeOf(widened).returns.toEqualTypeOf<Limiter.Limiter<Limiter.LimiterError>>()
    expectTypeOf(never().withPermit(Effect.fail("no" as const))).toEqualTypeOf<Effect.Effect<never, "no">>()
    expect(never().name).toBe("db")
  })

  it("shares no state between two limiters", () => {
    const [a, b] = [Limiter.makeUnsafe({ permits: 1 }), Limiter.makeUnsafe({ permits: 1 })]
    expect(run(a.withPermit(b.withPermit(Effect.succeed("both"))))).toBe("both")
  })
})

describe("Limiter.withPermit", () => {
  it("passes the value, the failure and the services of the effect", () => {
    class Port extends Context.Service<Port, number>()("Port") {}
    const limiter = Limiter.makeUnsafe({ permits: 1 })
    expect(run(Effect.provideService(limiter.withPermit(Port), Port, 8080))).toBe(8080)
    expect(run(Effect.flip(limiter.withPermit(Effect.fail("no"))))).toBe("no")
    expect(defectOf(limiter.withPermit(Effect.die("bug")))).toBe("bug")
    expect(run(limiter.stats)).toMatchObject({ running: 0, peak: 1 })
  })

  it("never runs more than its size at once, and that many when there is enough to do", () => {
    const limiter = Limiter.makeUnsafe({ permits: 3 })
    let running = 0
    let most = 0
    const work = Effect.acquireUseRelease(
      Effect.sync(() => {
        most = Math.max(most, ++running)
      }),
      () => Effect.sleep(10),
      () => Effect.sync(() => void running--)
    )
    const elapsed = Simulator.runSync(
      Effect.forEach(Array.from({ length: 10 }), () => limiter.withPermit(work), { concurrency: "unbounded" })
    ).elapsed
    expect(most).toBe(3)
    expect(Duration.toMillis(elapsed)).toBe(40)
    expect(run(limiter.stats)).toEqual({ permits: 3, running: 0, waiting: 0, peak: 3, abandoned: 0, paused: false, holders: [] })
  })

  it("serves first in, first out", () => {
    const order = run(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 1 })
        const order: Array<number> = []
        yield* Effect.forEach(
          [1, 2, 3, 4, 5],
          (n) =>
            limiter.withPermit(
              Effect.andThen(
                Effect.sync(() => order.push(n)),
                Effect.sleep(5 - n)
              )
            ),
          {
            concurrency: "unbounded"
          }
        )
        return order
      })
    )
    expect(order).toEqual([1, 2, 3, 4, 5])
  })

  it("serves higher priorities first, each in the order in which it asked", () => {
    const order = run(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 1 })
        const order: Array<string> = []
        const holder = yield* started(limiter.withPermit(Effect.sleep(10)))
        for (const priority of ["low", "normal", "high", "low", "normal", "high"] as const) {
          const name = `${priority} ${order.length}`
          yield* started(
            limiter.withPermit(
              Effect.sync(() => void order.push(name)),
              { priority }
            )
          )
        }
        yield* Fiber.join(holder)
        yield* Effect.sleep(20)
        return order.map((name) => name.split(" ")[0])
      })
    )
    expect(order).toEqual(["high", "high", "normal", "normal", "low", "low"])
  })

  it("lets high priority starve low priority, as documented", () => {
    const seen = run(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 1 })
        const seen: Array<string> = []
        const stream = (name: string, priority: Limiter.Priority) =>
          Effect.forever(
            limiter.withPermit(
              Effect.andThen(
                Effect.sync(() => seen.push(name)),
                Effect.sleep(1)
              ),
              { priority }
            )
          )
        const fibers = [
          yield* Effect.forkChild(stream("high 1", "high")),
          yield* Effect.forkChild(stream("high 2", "high")),
          yield* Effect.forkChild(stream("low", "low"))
        ]
        yield* Effect.sleep(50)
        yield* Fiber.interruptAll(fibers)
        return seen
      })
    )
    expect(seen.length).toBeGreaterThan(40)
    expect(seen).not.toContain("low")
  })

  it("refuses unknown options and priorities", () => {
    const limiter = Limiter.makeUnsafe({ permits: 1 })
    expect(defectOf(limiter.withPermit(Effect.void, { priority: "urgent" as never }))).toMatchObject({
      message: `Limiter.withPermit: priority must be "high" | "normal" | "low", got "urgent"`
    })
    expect(defectOf(limiter.withPermits(1, { weight: 2 } as never)(Effect.void))).toMatchObject({
      message: `Limiter.withPermits: unknown option "weight", known are priority, name`
    })
    expect(run(limiter.stats)).toMatchObject({ running: 0, peak: 0 })
  })

  it("restores the fiber's context, and keeps what the effect changed in it", () => {
    const Level = Context.Reference<string>("test/Level", { defaultValue: () => "unset" })
    const limiter = Limiter.makeUnsafe({ permits: 1 })
    const seen = run(
      Effect.gen(function* () {
        const before = yield* Effect.withFiber((fiber) => Effect.succeed(fiber.context))
        yield* limiter.withPermit(Effect.yieldNow)
        const after = yield* Effect.withFiber((fiber) => Effect.succeed(fiber.context))
        // A change that outlives the effect, as a service updated for the rest of a scope.
        yield* limiter.withPermit(
          Effect.withFiber((fiber) => Effect.sync(() => fiber.setContext(Context.add(fiber.context, Level, "set"))))
        )
        const level = yield* Level
        // The seat is not in it any more: this asks for a permit of its own.
        const { running } = yield* limiter.withPermit(limiter.stats)
        return { same: before === after, level, running }
      })
    )
    expect(seen).toEqual({ same: true, level: "set", running: 1 })
  })

  it("holds the permit until cleanup is over, however long that takes", () => {
    const log = run(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 1 })
        const log: Array<string> = []
        const slow = yield* started(
          limiter.withPermit(
            Effect.onInterrupt(Effect.never, () =>
              Effect.andThen(
                Effect.sleep(1_000),
                Effect.sync(() => log.push("cleaned up"))
              )
            )
          )
        )
        const next = yield* Effect.forkChild(limiter.withPermit(Effect.sync(() => log.push("next"))))
        yield* Fiber.interrupt(slow)
        yield* Fiber.join(next)
        return log
      })
    )
    expect(log).toEqual(["cleaned up", "next"])
  })

  it("waits uninterruptibly in a region that cannot be interrupted", () => {
    const exit = run(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 1 })
        const holder = yield* started(limiter.withPermit(Effect.sleep(100)))
        let ran = false
        const waiter = yield* started(Effect.uninterruptible(limiter.withPermit(Effect.sync(() => (ran = true)))))
        yield* Fiber.interrupt(waiter)
        yield* Fiber.join(holder)
        return { ran, after: yield* limiter.stats }
      })
    )
    expect(exit).toMatchObject({ ran: true, after: { running: 0, waiting: 0 } })
  })
})

describe("Limiter.withPermits", () => {
  it.each([0, -1, 2.5, Number.NaN, Infinity, 4, "1" as never])("refuses %s permits of 3 at once, and runs nothing", (permits) => {
    const limiter = Limiter.makeUnsafe({ permits: 3 })
    const error = defectOf(limiter.withPermits(permits)(Effect.die("it ran")))
    expect(error).toBeInstanceOf(RangeError)
    expect(String(error)).toContain("permits must be a whole number from 1 to 3, the size of the limiter, got ")
  })

  it("never lets a small request overtake a large one that waits at the head", () => {
    const order = run(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 3 })
        const order: Array<string> = []
        const job = (name: string, permits: number, priority?: Limiter.Priority) =>
          started(
            limiter.withPermits(permits, { priority })(
              Effect.andThen(
                Effect.sync(() => order.push(name)),
                Effect.sleep(100)
              )
            )
          )
        yield* job("first", 2)
        yield* job("large", 3)
        yield* job("small", 1)
        yield* job("small and low", 1, "low")
        // Allowed: a higher priority goes before the line.
        yield* job("small and high", 1, "high")
        yield* Effect.sleep(500)
        return order
      })
    )
    expect(order).toEqual(["first", "small and high", "large", "small", "small and low"])
  })

  it("serves a large request that a stream of small ones would starve in a scan for what fits", () => {
    const position = run(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 4 })
        let served = 0
        const small = limiter.withPermit(
          Effect.andThen(
            Effect.sleep(3),
            Effect.sync(() => served++)
          )
        )
        yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 100 }), (_, i) => Effect.andThen(Effect.sleep(i), small), { concurrency: "unbounded" })
        )
        yield* Effect.sleep(10)
        const position = yield* limiter.withPermits(4)(Effect.sync(() => served))
        yield* Effect.sleep(200)
        return position
      })
    )
    expect(position).toBeLessThan(15)
  })
})

describe("Limiter.resize", () => {
  it("wakes those who wait at once when it grows", () => {
    const log = run(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 1 })
        const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(limiter.withPermit(Effect.sleep(100))))
        yield* Effect.sleep(1)
        const before = yield* limiter.stats
        yield* limiter.resize(2)
        const after = yield* limiter.stats
        yield* Fiber.joinAll(fibers)
        return [before.running, before.waiting, after.running, after.waiting, after.permits]
      })
    )
    expect(log).toEqual([1, 2, 2, 1, 2])
  })

  it("takes nothing from those who run when it shrinks, and admits nobody until they are below it", () => {
    const log = run(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 3 })
        const log: Array<number> = []
        yield* Effect.forEach([10, 20, 30], (ms) => Effect.forkChild(limiter.withPermit(Effect.sleep(ms))))
        yield* Effect.sleep(1)
        yield* limiter.resize(1)
        const late = yield* Effect.forkChild(limiter.withPermit(Effect.void))
        for (let i = 0; i < 3; i++) {
          log.push((yield* limiter.stats).running)
          yield* Effect.sleep(10)
        }
        yield* Fiber.join(late)
        return log
      })
    )
    expect(log).toEqual([3, 2, 1])
  })

  it("refuses waiting requests for more than there now are, and lets the others through", () => {
    const { error, served, stats } = run(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 3 })
        const holder = yield* started(limiter.withPermits(3)(Effect.sleep(10)))
        const large = yield* started(Effect.exit(limiter.withPermits(3)(Effect.void)))
        const small = yield* started(limiter.withPermits(2)(Effect.succeed("served")))
        yield* limiter.resize(2)
        const exit = yield* Fiber.join(large)
        yield* Fiber.join(holder)
        return {
          error: Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined,
          served: yield* Fiber.join(small),
          stats: yield* limiter.stats
        }
      })
    )
    expect(error).toMatchObject({
      name: "RangeError",
      message: "Limiter.withPermits: permits must be a whole number from 1 to 2, the size of the limiter, got 3"
    })
    expect(served).toBe("served")
    expect(stats).toMatchObject({ running: 0, waiting: 0 })
  })

  it.each([0, -1, 2.5, Number.NaN])("refuses %s and changes nothing", (permits) => {
    const limiter = Limiter.makeUnsafe({ permits: 2 })
    expect(String(defectOf(limiter.resize(permits)))).toContain("Limiter.resize: permits must be a whole number of at least 1, got ")
    expect(run(limiter.stats).permits).toBe(2)
  })
})

describe("Limiter.pause", () => {
  it("admits nobody until resume, and stops nobody", () => {
    const log = run(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 2 })
        const log: Array<string> = []
        const runner = yield* started(
          limiter.withPermit(
            Effect.andThen(
              Effect.sleep(10),
              Effect.sync(() => log.push("runner done"))
            )
          )
        )
        yield* limiter.pause
        const waiter = yield* Effect.forkChild(limiter.withPermit(Effect.sync(() => log.push("admitted"))))
        yield* Fiber.join(runner)
        yield* Effect.sleep(10)
        log.push(`paused with ${(yield* limiter.stats).waiting} waiting`)
        yield* limiter.resume
        yield* Fiber.join(waiter)
        return log
      })
    )
    expect(log).toEqual(["runner done", "paused with 1 waiting", "admitted"])
  })
})

describe("Limiter queue", () => {
  it("refuses beyond its bound with a typed error that says trying again is safe", () => {
    const error = run(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 1, name: "api", queue: { max: 1, onFull: "reject" } })
        yield* started(limiter.withPermit(Effect.sleep(10)))
        yield* started(limiter.withPermit(Effect.void))
        const error = yield* Effect.flip(limiter.withPermit(Effect.die("it ran")))
        yield* Effect.sleep(20)
        // There is room again.
        yield* limiter.withPermit(Effect.void)
        return error
      })
    )
    expect(error).toMatchObject({ _tag: "LimiterError", reason: { _tag: "QueueFull", limiter: "api", max: 1 } })
    expect(error.message).toBe(`limiter "api": the queue is full (1 waiting); the work has not started, trying again is safe`)
  })

  it("lets callers wait beyond its bound when the policy is to wait", () => {
    const limiter = Limiter.makeUnsafe({ permits: 1, queue: { max: 1, onFull: "wait" } })
    const values = run(Effect.forEach([1, 2, 3, 4], (n) => limiter.withPermit(Effect.as(Effect.sleep(1), n)), { concurrency: "unbounded" }))
    expect(values).toEqual([1, 2, 3, 4])
  })

  it("refuses whoever has waited longer than its time limit, and counts no running time", () => {
    const log = run(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 1, queue: { timeout: "100 millis" } })
        const job = (ms: number) => Effect.timed(Effect.result(limiter.withPermit(Effect.as(Effect.sleep(ms), "ran"))))
        const results = yield* Effect.all([job(90), job(500), job(1), job(1)], { concurrency: "unbounded" })
        return results.map(
          ([time, result]) => `${Duration.toMillis(time)} ${result._tag === "Success" ? result.success : result.failure.reason._tag}`
        )
      })
    )
    expect(log).toEqual(["90 ran", "590 ran", "100 QueueTimeout", "100 QueueTimeout"])
  })

  it("keeps no timer for a queue that is empty", () => {
    const result = Simulator.runSync(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 1, queue: { timeout: "1 hour" } })
        const job = limiter.withPermit(Effect.sleep(10))
        const interrupted = yield* Effect.forkChild(Effect.andThen(Effect.sleep(1), job))
        yield* Effect.forkChild(Effect.andThen(Effect.sleep(5), Fiber.interrupt(interrupted)))
        yield* Effect.all([job, job, job], { concurrency: "unbounded" })
      })
    )
    expect([result.verdict, Duration.toMillis(result.elapsed), result.timers]).toEqual(["passed", 30, []])
  })

  it("serves a permit that comes at the very instant of the time limit", () => {
    const limiter = Limiter.makeUnsafe({ permits: 1, queue: { timeout: 100 } })
    const job = limiter.withPermit(Effect.sleep(100))
    expect(run(Effect.all([job, job], { concurrency: "unbounded", discard: true }))).toBeUndefined()
  })

  it("lets the next in line through when the head runs out of time", () => {
    const log = run(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 2, queue: { timeout: 10 } })
        yield* started(limiter.withPermit(Effect.sleep(100)))
        yield* started(Effect.ignore(limiter.withPermits(2)(Effect.void)))
        yield* Effect.sleep(5)
        const [time] = yield* Effect.timed(limiter.withPermit(Effect.void))
        return Duration.toMillis(time)
      })
    )
    expect(log).toBe(4)
  })
})

describe("Limiter.stats", () => {
  it("names the holders: by option, else by span, else by fiber", () => {
    const names = run(
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 5 })
        const open = yield* Latch.make(false)
        yield* started(limiter.withPermits(2, { name: "billing" })(open.await))
        yield* started(Effect.withSpan(limiter.withPermit(open.await), "Orders.load"))
        const fiber = yield* started(limiter.withPermit(open.await))
        const { holders } = yield* limiter.stats
        yield* open.open
        yield* Effect.sleep(1)
        return holders.map((h) => `${h.name.replace(String(fiber.id), "N")} ${h.permits}`)
      })
    )
    expect(names).toEqual(["billing 2", "Orders.load 1", "fiber #N 1"])
  })
})

describe("Limiter.request", () => {
  it("answers at once where it can, later where it cannot, and never from inside a call", () => {
    const log = run(
      Effect.withFiber((fiber) => {
        const limiter = Limiter.makeUnsafe({ permits: 1 })
        const log: Array<string> = []
        const ask = (name: string) => Limiter.request(limiter, fiber, { name, onSettled: (ticket) => log.push(`${name} ${ticket.state}`) })
        const [a, b, c] = [ask("a"), ask("b"), ask("c")]
        log.push(a.state, b.state, c.state)
        b.release()
        a.release()
        a.release()
        log.push(c.state)
        return Effect.gen(function* () {
          yield* Effect.sleep(1)
          c.release()
          return [...log, (yield* limiter.stats).running]
        })
      })
    )
    expect(log).toEqual(["granted", "waiting", "waiting", "granted", "c granted", 0])
  })

  it("counts abandoned work until it ends, and keeps its permit", () => {
    const seen = run(
      Effect.withFiber((fiber) => {
        const limiter = Limiter.makeUnsafe({ permits: 1 })
        const ticket = Limiter.request(limiter, fiber, { onSettled: () => {} })
        ticket.abandon()
        return Effect.gen(function* () {
          const during = yield* limiter.stats
          ticket.release()
          return [during.abandoned, during.running, (yield* limiter.stats).abandoned, (yield* limiter.stats).running]
        })
      })
    )
    expect(seen).toEqual([1, 1, 0, 0])
  })

  it("goes on with the others when a callback throws", () => {
    const limiter = Limiter.makeUnsafe({ permits: 1 })
    const seen = run(
      Effect.gen(function* () {
        const done = yield* Deferred.make<string>()
        const fiber = yield* Effect.withFiber(Effect.succeed)
        const first = Limiter.request(limiter, fiber, { onSettled: () => {} })
        const tasks: Array<() => void> = []
        // A dispatcher of our own, so that the throw does not end the simulation's loop.
        const caught = Object.create(fiber, {
          currentDispatcher: { value: { scheduleTask: (task: () => void) => tasks.push(task) } }
        }) as Fiber.Fiber<unknown>
        const throwing = Limiter.request(limiter, caught, {
          onSettled: (ticket) => {
            ticket.release()
            throw new Error("a bug in an engine")
          }
        })
        Limiter.request(limiter, caught, { onSettled: (ticket) => (ticket.release(), Deferred.doneUnsafe(done, Effect.succeed("served"))) })
        first.release()
        expect(() => tasks.shift()!()).toThrow("a bug in an engine")
        while (tasks.length > 0) tasks.shift()!()
        expect(throwing.state).toBe("released")
        return yield* Deferred.await(done)
      })
    )
    expect(seen).toBe("served")
  })
})
