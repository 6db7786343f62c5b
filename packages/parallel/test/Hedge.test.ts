import { Deadline, GatherResult, Limiter } from "@skein/core"
import { Simulator } from "@skein/core/testing"
import * as Hedge from "@skein/parallel/Hedge"
import * as ParallelExecutor from "@skein/parallel/ParallelExecutor"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import { after, failsAfter, logged, Meter, reasons, rule, stubborn, tidiesUp, told } from "./kit.ts"

const millis = Effect.clockWith((clock) => clock.currentTimeMillis)

/** Work whose nth run does as the nth entry says; notes when each run starts. */
const work = <A, E>(...runs: ReadonlyArray<Effect.Effect<A, E>>) => {
  const starts: Array<number> = []
  const effect = Effect.flatMap(millis, (now) => {
    starts.push(now)
    return runs[starts.length - 1] ?? (Effect.die(new Error("one copy too many")) as Effect.Effect<never>)
  })
  return { effect, starts }
}

describe("Hedge.run", () => {
  rule("runs one copy when it answers in time", () =>
    Effect.gen(function* () {
      const { effect, starts } = work(after(19, "quick"))
      expect(yield* Hedge.run(effect, { after: 20 })).toBe("quick")
      expect([...starts, yield* millis]).toEqual([0, 19])
    })
  )

  rule("starts another copy when the first has not answered, and takes the first success", () =>
    Effect.gen(function* () {
      const { effect, starts } = work(after(500, "slow"), after(5, "quick"))
      expect(yield* Hedge.run(effect, { after: 20 })).toBe("quick")
      expect([...starts, yield* millis]).toEqual([0, 20, 25])
    })
  )

  rule("takes the first copy's answer where that comes first after all", () =>
    Effect.gen(function* () {
      const { effect, starts } = work(after(30, "first"), after(50, "second"))
      expect(yield* Hedge.run(effect, { after: 20 })).toBe("first")
      expect([...starts, yield* millis]).toEqual([0, 20, 30])
    })
  )

  rule("interrupts the losers once, and waits for their cleanup before it returns", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const { effect } = work(
        tidiesUp(10, () => void events.push("cleaned up 1")),
        tidiesUp(30, () => void events.push("cleaned up 2")),
        after(5, "third")
      )
      events.push(yield* Hedge.run(effect, { after: 20, copies: 3 }))
      expect([...events, yield* millis]).toEqual(["cleaned up 1", "cleaned up 2", "third", 75])
    })
  )

  rule("never runs more than its copies, and starts them at equal distances", () =>
    Effect.gen(function* () {
      const { effect, starts } = work(after(90, 1), after(95, 2), after(95, 3), after(95, 4))
      expect(yield* Hedge.run(effect, { after: 20, copies: 4 })).toBe(1)
      expect(starts).toEqual([0, 20, 40, 60])
      const never = work(after(500, 1))
      expect(yield* Hedge.run(never.effect, { after: 1, copies: 1 })).toBe(1)
      const infinite = work(after(500, 1))
      expect(yield* Hedge.run(infinite.effect, { after: "Infinity", copies: 9 })).toBe(1)
      const meter = new Meter()
      expect(yield* Hedge.run(meter.count(after(5, 1)), { after: 0, copies: 3 })).toBe(1)
      expect(meter.peak).toBe(3)
    })
  )

  rule("leaves a deadline around it what it is", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const { effect } = work(
        tidiesUp(3, () => void events.push("cleaned up")),
        Effect.never
      )
      const error = yield* Effect.flip(Deadline.within(Hedge.run(effect, { after: 20 }), 50))
      expect([error._tag, ...events, yield* millis]).toEqual(["DeadlineExceeded", "cleaned up", 53])
    })
  )

  rule("interrupted, interrupts each copy once and waits for its cleanup", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const { effect } = work(
        tidiesUp(10, () => void events.push("cleaned up 1")),
        tidiesUp(5, () => void events.push("cleaned up 2"))
      )
      const call = yield* Effect.forkChild(Hedge.run(effect, { after: 20 }))
      yield* Effect.sleep(30)
      yield* Fiber.interrupt(call)
      expect([...events, yield* millis]).toEqual(["cleaned up 2", "cleaned up 1", 40])
    })
  )
})

describe("Hedge.run: failures", () => {
  rule("a failure with no other copy running fails at once: hedging is no retry", () =>
    Effect.gen(function* () {
      const { effect, starts } = work(failsAfter(5, "no"))
      expect(yield* Effect.flip(Hedge.run(effect, { after: 20, copies: 3 }))).toBe("no")
      expect([...starts, yield* millis]).toEqual([0, 5])
    })
  )

  rule("a failure while another copy runs waits for that one", () =>
    Effect.gen(function* () {
      expect(yield* Hedge.run(work(failsAfter(25, "no"), after(30, "second")).effect, { after: 20 })).toBe("second")
      expect(yield* millis).toBe(50)
      expect(yield* Hedge.run(work(after(60, "first"), failsAfter(5, "no")).effect, { after: 20 })).toBe("first")
    })
  )

  rule("further copies start as planned while any copy runs", () =>
    Effect.gen(function* () {
      const { effect, starts } = work(failsAfter(25, "no"), failsAfter(100, "no"), after(1, "third"))
      expect(yield* Hedge.run(effect, { after: 20, copies: 3 })).toBe("third")
      expect(starts).toEqual([0, 20, 40])
    })
  )

  // Laws 5 and 6
  rule("fails with the first copy's failure alone, whichever was last, and lists how each copy ended", () =>
    Effect.gen(function* () {
      const { effect } = work<never, string>(
        failsAfter(30, "original"),
        failsAfter(5, "second"),
        Effect.andThen(Effect.sleep(20), Effect.die(new Error("third")))
      )
      const exit = yield* Effect.exit(Hedge.run(effect, { after: 20, copies: 3, name: "read" }))
      expect(Exit.isFailure(exit) && reasons(exit.cause)).toBe("Fail(original)")
      const result = Exit.isFailure(exit) ? GatherResult.fromCause(exit.cause) : undefined
      expect(result?.list.map(({ index, name }) => `${name} ${index}`)).toEqual(["read 0", "read 1"])
      expect(told(result!)).toEqual(["failed Fail(original)", "failed Fail(second)"])
    })
  )

  rule("a defect is a failure of its copy, and is logged when its answer was not needed", () =>
    Effect.gen(function* () {
      const dies = (ms: number) => Effect.andThen(Effect.sleep(ms), Effect.die(new Error("bug")))
      const dirty = Effect.onInterrupt(Effect.never, () => Effect.die(new Error("cleanup broke")))
      const call = Hedge.run(work(dies(25), dirty, after(5, "third")).effect, { after: 20, copies: 3, name: "read" })
      expect(yield* logged(call)).toEqual(["third", ["skein: read: a copy whose answer was not needed died Die(bug)+Die(cleanup broke)"]])
      const [exit, lines] = yield* logged(Effect.exit(Hedge.run(work(dies(5)).effect, { after: 20 })))
      expect([Exit.isFailure(exit) && reasons(exit.cause), ...lines]).toEqual(["Die(bug)"])
    })
  )

  rule("a copy that interrupts itself has failed", () =>
    Effect.gen(function* () {
      expect(yield* Hedge.run(work(Effect.andThen(Effect.sleep(25), Effect.interrupt), after(9, 2)).effect, { after: 20 })).toBe(2)
      const exit = yield* Effect.exit(Hedge.run(work(Effect.interrupt).effect, { after: 20 }))
      expect(Exit.isFailure(exit) && reasons(exit.cause)).toBe("Interrupt")
    })
  )
})

describe("Hedge.budget", () => {
  rule("lets at most min + ratio × calls be hedged, to the copy", () =>
    Effect.gen(function* () {
      const budget = yield* Hedge.budget({ ratio: 0.1, min: 0 })
      let copies = 0
      const slow = Effect.suspend(() => (copies++, Effect.sleep(10)))
      for (let call = 1; call <= 200; call++) yield* Hedge.run(slow, { after: 1, budget })
      expect(copies - 200).toBe(20)
      const { calls, credit, hedges, refused } = yield* budget.stats
      expect([calls, hedges, refused, Math.round(credit * 1e6)]).toEqual([200, 20, 180, 0])
    })
  )

  rule("is shared by calls at once, begins with its min and saves up no more than its max", () =>
    Effect.gen(function* () {
      const budget = yield* Hedge.budget({ ratio: 1, min: 2, max: 3 })
      for (let call = 0; call < 50; call++) yield* Hedge.run(Effect.void, { after: 10, budget })
      expect((yield* budget.stats).credit).toBe(3)
      // Each of these earns what it could spend, but nothing above the three.
      yield* Effect.all(
        Array.from({ length: 9 }, () => Hedge.run(Effect.sleep(20), { after: 10, budget })),
        { concurrency: "unbounded" }
      )
      expect(yield* budget.stats).toEqual({ calls: 59, hedges: 3, refused: 6, credit: 0 })
    })
  )

  rule("is not charged for copies that never start", () =>
    Effect.gen(function* () {
      const budget = yield* Hedge.budget({ ratio: 0.5, min: 5 })
      yield* Hedge.run(after(5, 1), { after: 10, copies: 4, budget })
      yield* Effect.flip(Hedge.run(failsAfter(5, "no"), { after: 10, copies: 4, budget }))
      expect(yield* budget.stats).toEqual({ calls: 2, hedges: 0, refused: 0, credit: 6 })
    })
  )
})

describe("Hedge.run with a limiter", () => {
  rule("runs each copy with a permit, a further one only where one is free", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 2 })
      const budget = yield* Hedge.budget({ ratio: 1, min: 5 })
      const one = work(after(50, "slow"), after(5, "quick"))
      expect(yield* Hedge.run(one.effect, { after: 20, limiter, budget })).toBe("quick")
      const other = yield* Effect.forkChild(limiter.withPermit(Effect.sleep(200)), { startImmediately: true })
      yield* Effect.sleep(1)
      const two = work(after(50, "slow"), after(5, "quick"))
      expect(yield* Hedge.run(two.effect, { after: 20, limiter, budget })).toBe("slow")
      yield* Fiber.join(other)
      expect([(yield* limiter.stats).peak, one.starts.length, two.starts.length, (yield* budget.stats).hedges]).toEqual([2, 2, 1, 1])
    })
  )

  // Law 11
  rule("does not count the time in which the first copy waits for its permit", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 2 })
      yield* Effect.forkChild(limiter.withPermits(2)(Effect.sleep(100)), { startImmediately: true })
      yield* Effect.sleep(1)
      const { effect, starts } = work(after(50, "slow"), after(5, "quick"))
      expect(yield* Hedge.run(effect, { after: 20, limiter })).toBe("quick")
      expect(starts).toEqual([100, 120])
    })
  )

  rule("switches itself off under load, and on again after it", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 4 })
      let runs = 0
      const service = Effect.suspend(() => (runs++, Effect.sleep(30)))
      const calls = (n: number) =>
        Effect.all(
          Array.from({ length: n }, () => Hedge.run(service, { after: 10, limiter })),
          { concurrency: "unbounded" }
        )
      yield* calls(40)
      const underLoad = runs - 40
      runs = 0
      yield* calls(2)
      // Only the last calls of the rush find room.
      expect([underLoad, runs - 2, (yield* limiter.stats).peak]).toEqual([0, 2, 4])
    })
  )

  rule("runs inside of a holder of the same limiter, and inside of an executor", () =>
    Effect.gen(function* () {
      const executor = yield* ParallelExecutor.make({ concurrency: 1 })
      const { limiter } = executor
      const hedged = () => Hedge.run(after(30, 1), { after: 10, copies: 3, limiter })
      expect(yield* limiter.withPermit(hedged())).toBe(1)
      expect(told(yield* executor.map([1, 2], hedged))).toEqual(["completed 1", "completed 1"])
      expect(yield* limiter.stats).toMatchObject({ running: 0, waiting: 0, peak: 1 })
    }).pipe(Effect.scoped)
  )
})

describe("Hedge: bad input", () => {
  const run = (options: object) => () => Hedge.run(Effect.void, options as Hedge.Options)
  const budget = (options: object) => () => Hedge.budget(options as { readonly ratio: number })
  const wrong: ReadonlyArray<readonly [message: string, make: () => unknown]> = [
    ...[-1, Number.NaN, "soon", null, undefined].map(
      (n) =>
        [
          `Hedge.run: after must be a duration that is not negative, got ${typeof n === "string" ? `"${n}"` : n}`,
          run({ after: n })
        ] as const
    ),
    ...[0, -1, 2.5, Number.NaN, "2", null, Infinity].map(
      (n) =>
        [
          `Hedge.run: copies must be a whole number of at least 1, got ${typeof n === "string" ? `"${n}"` : n}`,
          run({ after: 1, copies: n })
        ] as const
    ),
    ["Hedge.run: budget must be a Budget, got 0.1", run({ after: 1, budget: 0.1 })],
    ["Hedge.run: limiter must be a Limiter, got 3", run({ after: 1, limiter: 3 })],
    ["Hedge.run: name must be a string, got 3", run({ after: 1, name: 3 })],
    ["Hedge.run: options must be an object, got undefined", run(undefined as never)],
    ['Hedge.run: unknown option "delay", known are after, copies, budget, limiter, name', run({ after: 1, delay: 2 })],
    ...[0, -1, 1.5, Number.NaN, "1", undefined].map(
      (n) =>
        [
          `Hedge.budget: ratio must be a number above 0 and at most 1, got ${typeof n === "string" ? `"${n}"` : n}`,
          budget({ ratio: n })
        ] as const
    ),
    ...[-1, 2.5, Number.NaN].map(
      (n) => [`Hedge.budget: min must be a whole number of at least 0, got ${n}`, budget({ ratio: 1, min: n })] as const
    ),
    ["Hedge.budget: max must be a whole number of at least 1, got 0", budget({ ratio: 1, min: 0, max: 0 })],
    ["Hedge.budget: max must be a whole number of at least 5, got 4", budget({ ratio: 1, min: 5, max: 4 })],
    ['Hedge.budget: unknown option "per", known are ratio, min, max', budget({ ratio: 1, per: 2 })]
  ]
  it.each(wrong)("says: %s", (message, make) => {
    expect(make).toThrow(new RangeError(message))
  })
  it("refuses what is no effect", () => {
    expect(() => Hedge.run((() => Effect.void) as never, { after: 1 })).toThrow(/^Hedge.run: effect must be an Effect, got /)
  })
})

// Law 18
const programs: Record<string, (meter: Meter, limiters: Array<Limiter.Limiter>) => Effect.Effect<unknown, unknown>> = {
  "a slow first copy": (meter) => {
    const runs = [meter.count(tidiesUp(3, () => {})), meter.count(after(9, 2)), meter.count(after(1, 3))]
    return Hedge.run(
      Effect.suspend(() => runs.shift()!),
      { after: 5, copies: 3 }
    )
  },
  "copies that fail, one that will not stop": (meter) => {
    const runs = [meter.count(failsAfter(6, "a")), meter.count(stubborn(8, 2)), meter.count(failsAfter(1, "c"))]
    return Effect.exit(
      Hedge.run(
        Effect.suspend(() => runs.shift()!),
        { after: 5, copies: 3 }
      )
    )
  },
  "two calls with a budget and a limiter": (meter, limiters) =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 2 })
      limiters.push(limiter)
      const budget = yield* Hedge.budget({ ratio: 0.5 })
      const call = (ms: number) => Hedge.run(meter.count(after(ms, ms)), { after: 3, copies: 3, limiter, budget })
      yield* Effect.all([call(5), call(7), call(9)], { concurrency: 3 })
    })
}

describe("Hedge, interrupted at every step", () => {
  for (const [name, program] of Object.entries(programs)) {
    let meter = new Meter()
    let limiters: Array<Limiter.Limiter> = []
    const fresh = () => program((meter = new Meter()), (limiters = []))
    const clean = () =>
      Effect.gen(function* () {
        expect(meter.running).toBe(0)
        for (const limiter of limiters) expect(yield* limiter.stats).toMatchObject({ running: 0, waiting: 0, abandoned: 0 })
      })

    it(`${name}: gives back all that it took`, async () => {
      const swept = await Simulator.sweep(fresh, { seeds: 3, defects: "ignore", maxRuns: 6000, after: clean })
      expect(swept.interrupted.main).toBeGreaterThan(0)
      expect(swept.interrupted.children).toBeGreaterThan(0)
      expect(swept.verdicts.passed).toBeGreaterThan(0)
    })

    it(`${name}: leaves nothing behind, under many schedules`, async () => {
      await Simulator.check(fresh, { seeds: 2_000, label: () => "any", after: clean })
    })
  }

  it("takes either of two answers that tie, and only one", async () => {
    const program = () => Hedge.run(work(after(30, "first"), after(10, "second")).effect, { after: 20 })
    const { labels } = await Simulator.check(program, { seeds: 2_000, reach: ["first", "second"] })
    expect(labels["first"]! + labels["second"]!).toBe(2_000)
  })
})
