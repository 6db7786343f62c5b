import type { Limiter } from "@skein/core"
import { parallelMap } from "@skein/parallel"
import * as KeyedLimiter from "@skein/parallel/KeyedLimiter"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { describe, expect, it } from "vitest"
import { after, Meter, rule } from "./kit.ts"

const rateLimiter = Effect.provide(RateLimiter.make, RateLimiter.layerStoreMemory)
const dead = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) ? String(exit.cause.reasons.map((reason) => (reason._tag === "Die" ? reason.defect : reason._tag))) : "no failure"

/** Asks for each in turn, 1 ms apart, and says in what order they ran. */
const served = (
  limiter: KeyedLimiter.KeyedLimiter,
  requests: ReadonlyArray<readonly [key: string, name: string, priority?: Limiter.Priority]>,
  takes = 10
) =>
  Effect.gen(function* () {
    const order: Array<string> = []
    const fibers: Array<Fiber.Fiber<void>> = []
    for (const [key, name, priority] of requests) {
      fibers.push(
        yield* Effect.forkChild(
          limiter.for(key).withPermit(
            Effect.andThen(
              Effect.sync(() => void order.push(name)),
              Effect.sleep(takes)
            ),
            { priority }
          )
        )
      )
      yield* Effect.sleep(1)
    }
    yield* Fiber.awaitAll(fibers)
    return order.join(" ")
  })

describe("KeyedLimiter.make", () => {
  it("refuses options that make no sense, at once and by name", () => {
    const limiter = Effect.runSync(rateLimiter)
    const rate = { limiter, limit: 1, window: 1 }
    const refused: ReadonlyArray<readonly [options: unknown, message: string]> = [
      [null, "KeyedLimiter.make: options must be an object, got null"],
      [{ permits: 1, size: 3 }, 'KeyedLimiter.make: unknown option "size", known are permits, perKey, rate, name, queue'],
      ...[0, -1, 2.5, NaN, "2", undefined].map(
        (value) =>
          [
            { permits: value },
            `KeyedLimiter.make: permits must be a whole number of at least 1, got ${typeof value === "string" ? '"2"' : value}`
          ] as const
      ),
      ...[0, -1, 2.5, NaN].flatMap((value) => [
        [{ permits: 1, perKey: value }, `KeyedLimiter.make: perKey must be a whole number of at least 1, got ${value}`] as const,
        [
          { permits: 1, rate: { ...rate, limit: value } },
          `KeyedLimiter.make: rate.limit must be a whole number of at least 1, got ${value}`
        ] as const
      ]),
      ...[-1, 2.5, NaN].flatMap((value) => [
        [{ permits: 1, queue: { max: value } }, `KeyedLimiter.make: queue.max must be a whole number of at least 0, got ${value}`] as const,
        [
          { permits: 1, queue: { maxPerKey: value } },
          `KeyedLimiter.make: queue.maxPerKey must be a whole number of at least 0, got ${value}`
        ] as const
      ]),
      [{ permits: 1, queue: { onFull: "drop" } }, 'KeyedLimiter.make: queue.onFull must be "wait" | "reject", got "drop"'],
      [
        { permits: 1, queue: { onFull: "reject" } },
        'KeyedLimiter.make: queue.max or queue.maxPerKey must be given when queue.onFull is "reject", got undefined'
      ],
      [{ permits: 1, queue: { timeout: 3 } }, 'KeyedLimiter.make (queue): unknown option "timeout", known are max, maxPerKey, onFull'],
      [{ permits: 1, name: 3 }, "KeyedLimiter.make: name must be a string, got 3"],
      [{ permits: 1, rate: 5 }, "KeyedLimiter.make: rate must be an object, got 5"],
      [{ permits: 1, rate: { ...rate, limiter: {} } }, "KeyedLimiter.make: rate.limiter must be a RateLimiter of Effect, got an object"],
      [
        { permits: 1, rate: { ...rate, key: "a" } },
        'KeyedLimiter.make (rate): unknown option "key", known are limiter, limit, window, algorithm, onStoreFailure'
      ],
      ...[0, -1, NaN].map(
        (value) =>
          [
            { permits: 1, rate: { ...rate, window: value } },
            `KeyedLimiter.make: rate.window must be a duration above 0, got ${value}`
          ] as const
      ),
      [{ permits: 1, rate: { ...rate, window: "Infinity" } }, "KeyedLimiter.make: rate.window must be a duration that ends, got Infinity"],
      [
        { permits: 1, rate: { ...rate, algorithm: "leaky" } },
        'KeyedLimiter.make: rate.algorithm must be "token-bucket" | "fixed-window", got "leaky"'
      ],
      [
        { permits: 1, rate: { ...rate, onStoreFailure: "retry" } },
        'KeyedLimiter.make: rate.onStoreFailure must be "fail" | "die" | "admit", got "retry"'
      ]
    ]
    for (const [options, message] of refused)
      expect(dead(Effect.runSyncExit(KeyedLimiter.make(options as never)))).toBe(`RangeError: ${message}`)
  })

  it("refuses keys that are no strings, and wrong sizes of all and of one key", () => {
    const limiter = KeyedLimiter.makeUnsafe({ permits: 1 })
    expect(() => limiter.for(3 as never)).toThrow(new TypeError("KeyedLimiter.for: key must be a string, got 3"))
    for (const value of [0, -1, 2.5, NaN]) {
      expect(dead(Effect.runSyncExit(limiter.resize(value)))).toBe(
        `RangeError: KeyedLimiter.resize: permits must be a whole number of at least 1, got ${value}`
      )
      expect(dead(Effect.runSyncExit(limiter.for("a").resize(value)))).toBe(
        `RangeError: KeyedLimiter.resize: permits must be a whole number of at least 1, got ${value}`
      )
      expect(dead(Effect.runSyncExit(limiter.for("a").withPermits(value)(Effect.void)))).toContain(
        "RangeError: Limiter.withPermits: permits must be"
      )
    }
    expect(Effect.runSync(limiter.stats)).toMatchObject({ running: 0, waiting: 0, keys: new Map() })
  })
})

describe("KeyedLimiter fairness", () => {
  rule("serves keys in turn, and within a key in order", () =>
    Effect.gen(function* () {
      const limiter = yield* KeyedLimiter.make({ permits: 1 })
      const order = yield* served(limiter, [
        ["x", "x"],
        ["a", "a0"],
        ["a", "a1"],
        ["a", "a2"],
        ["b", "b0"],
        ["b", "b1"],
        ["c", "c0"]
      ])
      expect(order).toBe("x a0 b0 c0 a1 b1 a2")
    })
  )

  rule("lets a key order its own requests by priority, and not get ahead of others by it", () =>
    Effect.gen(function* () {
      const limiter = yield* KeyedLimiter.make({ permits: 1 })
      const order = yield* served(limiter, [
        ["x", "x"],
        ["a", "a0"],
        ["a", "low", "low"],
        ["a", "high1", "high"],
        ["a", "high2", "high"],
        ["b", "b0"],
        ["c", "c0", "low"]
      ])
      expect(order).toBe("x a0 b0 c0 high1 high2 low")
    })
  )

  rule("makes a key that comes last wait for one start of each other key, whatever they have queued", () =>
    Effect.gen(function* () {
      const limiter = yield* KeyedLimiter.make({ permits: 2 })
      const starts: Array<string> = []
      const load = (key: string, count: number) =>
        parallelMap(
          Array.from({ length: count }, () => key),
          (name) =>
            Effect.andThen(
              Effect.sync(() => starts.push(name)),
              Effect.sleep(10)
            ),
          { concurrency: "unbounded", limiter: limiter.for(key) }
        )
      const loads = yield* Effect.forkChild(Effect.all([load("a", 60), load("b", 60), load("c", 60)], { concurrency: 3 }))
      yield* Effect.sleep(105)
      const before = starts.length
      yield* load("late", 3)
      const positions = starts.flatMap((name, n) => (name === "late" ? [n - before] : []))
      // Three other keys: at most three starts before each of its own, and the one after which it came again.
      expect(positions.map((at, n) => at <= 4 * (n + 1))).toEqual([true, true, true])
      yield* Fiber.join(loads)
      expect(starts.length).toBe(183)
    })
  )

  rule(
    "does not let nested work buy its key more turns",
    () =>
      Effect.gen(function* () {
        const limiter = yield* KeyedLimiter.make({ permits: 2 })
        const starts: Array<string> = []
        const leaf = (name: string) =>
          limiter.for(name).withPermit(
            Effect.andThen(
              Effect.sync(() => starts.push(name)),
              Effect.sleep(10)
            )
          )
        // Eight seats lent one below the other, and forty leaves.
        const grow = (depth: number): Effect.Effect<unknown> =>
          limiter
            .for("a")
            .withPermit(
              depth === 0
                ? parallelMap(Array(40).keys(), () => leaf("a"), { concurrency: "unbounded" })
                : parallelMap([0], () => grow(depth - 1))
            )
        const tree = yield* Effect.forkChild(grow(8))
        yield* Effect.sleep(25)
        const before = starts.length
        yield* Effect.all([leaf("b"), leaf("b"), leaf("b")], { concurrency: 3 })
        // One of the two permits is the tree's own, and is lent on within it. The other one changes hands in turn: 18 at worst of 400 schedules, 36 if each lent seat bought a turn.
        expect(starts.slice(before).lastIndexOf("b")).toBeLessThanOrEqual(20)
        yield* Fiber.join(tree)
      }),
    { seeds: 100 }
  )
})

describe("KeyedLimiter bounds", () => {
  rule("runs at most perKey of one key and permits of all, and no fewer where there is work", () =>
    Effect.gen(function* () {
      const limiter = yield* KeyedLimiter.make({ permits: 5, perKey: 2 })
      const all = new Meter()
      const of = { a: new Meter(), b: new Meter(), c: new Meter() }
      const load = (key: keyof typeof of) =>
        parallelMap(Array(12).keys(), () => all.count(of[key].count(Effect.sleep(10))), {
          concurrency: "unbounded",
          limiter: limiter.for(key)
        })
      yield* load("a")
      expect([all.peak, of.a.peak]).toEqual([2, 2])
      yield* Effect.all([load("a"), load("b"), load("c")], { concurrency: 3 })
      expect([all.peak, of.a.peak, of.b.peak, of.c.peak]).toEqual([5, 2, 2, 2])
    })
  )

  rule("gives one key everything while no other asks", () =>
    Effect.gen(function* () {
      const limiter = yield* KeyedLimiter.make({ permits: 4 })
      const meter = new Meter()
      yield* parallelMap(Array(20).keys(), () => meter.count(Effect.sleep(10)), { concurrency: "unbounded", limiter: limiter.for("only") })
      expect(meter.peak).toBe(4)
    })
  )

  rule("runs nested work of any key on the seat of the run around it", () =>
    Effect.gen(function* () {
      const limiter = yield* KeyedLimiter.make({ permits: 1, perKey: 1 })
      const nest = (keys: ReadonlyArray<string>): Effect.Effect<number> =>
        limiter.for(keys[0]!).withPermit(
          keys.length === 1
            ? Effect.succeed(1)
            : Effect.map(
                parallelMap([1, 2], () => nest(keys.slice(1)), {}),
                ({ completed }) => completed
              )
        )
      // Two trees at once, each with the other's keys inside.
      const trees = yield* Effect.all([nest(["a", "b", "a"]), nest(["b", "a", "c"])], { concurrency: 2 })
      expect(trees).toEqual([2, 2])
      expect(yield* limiter.stats).toMatchObject({ running: 0, waiting: 0, keys: new Map() })
    })
  )

  rule("uses every permit for the nested work of one run", () =>
    Effect.gen(function* () {
      const limiter = yield* KeyedLimiter.make({ permits: 4 })
      const meter = new Meter()
      yield* limiter
        .for("a")
        .withPermit(
          parallelMap(Array(20).keys(), () => meter.count(Effect.sleep(10)), { concurrency: "unbounded", limiter: limiter.for("a") })
        )
      expect(meter.peak).toBe(4)
    })
  )

  rule("takes weighted requests, and follows a resize of all and of one key", () =>
    Effect.gen(function* () {
      const limiter = yield* KeyedLimiter.make({ permits: 4 })
      expect(yield* limiter.for("a").withPermits(3)(Effect.map(limiter.stats, ({ running }) => running))).toBe(3)
      yield* limiter.resize(2)
      yield* limiter.for("a").resize(1)
      const meters = { a: new Meter(), b: new Meter() }
      const load = (key: "a" | "b") => parallelMap([1, 2, 3, 4], (n) => meters[key].count(after(10, n)), { limiter: limiter.for(key) })
      yield* load("a")
      yield* load("b")
      expect([meters.a.peak, meters.b.peak]).toEqual([1, 2])
    })
  )
})

describe("KeyedLimiter queue", () => {
  rule("refuses what would wait beyond maxPerKey or max, with a typed error, and nothing else", () =>
    Effect.gen(function* () {
      const limiter = yield* KeyedLimiter.make({ permits: 1, name: "db", queue: { max: 3, maxPerKey: 2, onFull: "reject" } })
      const ask = (key: string) =>
        Effect.andThen(Effect.forkChild(limiter.for(key).withPermit(Effect.sleep(10))), (fiber) => Effect.as(Effect.sleep(1), fiber))
      const reason = (key: string) => Effect.map(Effect.flip(limiter.for(key).withPermit(Effect.void)), (error) => error.message)
      const fibers = [yield* ask("a"), yield* ask("a"), yield* ask("a")]
      expect(yield* reason("a")).toBe(
        'limiter "db", key "a": the queue is full (2 waiting); the work has not started, trying again is safe'
      )
      fibers.push(yield* ask("b"))
      expect(yield* reason("c")).toBe(
        'limiter "db", all keys: the queue is full (3 waiting); the work has not started, trying again is safe'
      )
      for (const fiber of fibers) yield* Fiber.join(fiber)
      yield* limiter.for("c").withPermit(Effect.void)
      expect((yield* limiter.stats).keys.size).toBe(0)
    })
  )

  rule("refuses nobody for whom there is a permit, in however many steps at once, and no nested work", () =>
    Effect.gen(function* () {
      const limiter = yield* KeyedLimiter.make({ permits: 4, queue: { max: 0, onFull: "reject" } })
      const work = limiter.for("a").withPermit(limiter.for("b").withPermit(Effect.sleep(10)))
      yield* Effect.all([work, work, limiter.for("c").withPermit(work), work], { concurrency: "unbounded" })
    })
  )
})

describe("KeyedLimiter keys", () => {
  rule("forgets a key with its last request, also one that was refused, failed or interrupted", () =>
    Effect.gen(function* () {
      const limiter = yield* KeyedLimiter.make({ permits: 1, queue: { max: 1, onFull: "reject" } })
      const sizes: Array<number> = []
      const look = Effect.map(limiter.stats, ({ keys }) => void sizes.push(keys.size))
      const holder = yield* Effect.forkChild(limiter.for("a").withPermit(Effect.never))
      yield* Effect.sleep(1)
      const waiter = yield* Effect.forkChild(limiter.for("b").withPermit(Effect.void))
      yield* Effect.sleep(1)
      yield* Effect.flip(limiter.for("c").withPermit(Effect.void))
      yield* look
      yield* Fiber.interrupt(waiter)
      yield* look
      yield* Fiber.interrupt(holder)
      yield* look
      for (let n = 0; n < 200; n++) yield* Effect.ignore(limiter.for(`key ${n}`).withPermit(Effect.fail("no")))
      yield* look
      expect(sizes).toEqual([2, 1, 0, 0])
    })
  )

  rule("remembers a key that is paused or has a bound of its own until that is undone", () =>
    Effect.gen(function* () {
      const limiter = yield* KeyedLimiter.make({ permits: 2, perKey: 2 })
      const one = limiter.for("a")
      yield* one.pause
      const waiting = yield* Effect.forkChild(one.withPermit(Effect.succeed("went")))
      yield* limiter.for("b").withPermit(Effect.sleep(5))
      expect([yield* one.stats, [...(yield* limiter.stats).keys.keys()]]).toMatchObject([{ paused: true, waiting: 1, running: 0 }, ["a"]])
      yield* one.resume
      expect(yield* Fiber.join(waiting)).toBe("went")
      yield* one.resize(1)
      expect([...(yield* limiter.stats).keys]).toEqual([["a", { bound: 1, running: 0, waiting: 0, peak: 0, paused: false }]])
      yield* one.resize(2)
      expect((yield* limiter.stats).keys.size).toBe(0)
    })
  )

  rule("shows each key and its holders", () =>
    Effect.gen(function* () {
      const limiter = yield* KeyedLimiter.make({ permits: 2, perKey: 1, name: "db" })
      for (const [key, name] of [
        ["a", "first"],
        ["a", "second"],
        ["b", "third"],
        ["c", "fourth"]
      ] as const) {
        yield* Effect.forkChild(limiter.for(key).withPermit(Effect.sleep(10), { name }))
        yield* Effect.sleep(1)
      }
      const stats = yield* limiter.stats
      expect(stats).toMatchObject({ permits: 2, running: 2, waiting: 2, holders: [{ name: "first" }, { name: "third" }] })
      expect([...stats.keys].map(([key, { bound, running, waiting }]) => [key, bound, running, waiting])).toEqual([
        ["a", 1, 1, 1],
        ["b", 1, 1, 0],
        ["c", 1, 0, 1]
      ])
      const view = limiter.for("a")
      expect([view.name, yield* view.stats]).toMatchObject([
        "db/a",
        { permits: 1, running: 1, waiting: 1, peak: 1, holders: [{ name: "first" }] }
      ])
      expect(yield* limiter.for("nobody").stats).toMatchObject({ permits: 1, running: 0, holders: [] })
      yield* Effect.sleep(100)
    })
  )
})

describe("KeyedLimiter rate", () => {
  rule("bounds the starts of each key by its own rate, while throttled keys hold no permit", () =>
    Effect.gen(function* () {
      const limiter = yield* KeyedLimiter.make({
        permits: 1,
        rate: { limiter: yield* rateLimiter, limit: 2, window: 1_000, onStoreFailure: "die" }
      })
      const starts: Array<string> = []
      const load = (key: string, count: number) =>
        parallelMap(
          Array(count).keys(),
          () => Effect.clockWith((clock) => Effect.sync(() => void starts.push(`${key}${clock.currentTimeMillisUnsafe() - begin}`))),
          { limiter: limiter.for(key) }
        )
      const begin = yield* Effect.clockWith((clock) => Effect.succeed(clock.currentTimeMillisUnsafe()))
      yield* Effect.all([load("a", 4), Effect.delay(load("b", 2), 700)], { concurrency: 2 })
      expect(starts).toEqual(["a0", "a0", "a500", "b700", "b700", "a1000"])
    })
  )
})
