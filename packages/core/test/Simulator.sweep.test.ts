import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as PartitionedSemaphore from "effect/PartitionedSemaphore"
import * as Queue from "effect/Queue"
import * as Semaphore from "effect/Semaphore"
import { describe, expect, it } from "vitest"
import { Simulator } from "../src/testing/index.ts"

const rejection = async (promise: Promise<unknown>): Promise<Simulator.SimulationError> => {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error
  )
  if (error instanceof Simulator.SimulationError) return error
  throw error ?? new Error("did not reject")
}

describe("Simulator.sweep", () => {
  it("interrupts the main fiber and its children, at every step, and finds nothing wrong with a semaphore", async () => {
    let semaphore: Semaphore.Semaphore
    const program = () => {
      semaphore = Semaphore.makeUnsafe(1)
      return Effect.all(
        [1, 2, 3].map(() => semaphore.withPermit(Effect.yieldNow)),
        { concurrency: 3, discard: true }
      )
    }
    const free = Effect.suspend(() => semaphore.takeIfAvailable(1))
    const swept = await Simulator.sweep(program, {
      after: () => Effect.flatMap(free, (ok) => (ok ? Effect.void : Effect.fail(new Error("a permit was lost"))))
    })
    expect(swept.every).toBe(1)
    expect(swept.interrupted.main).toBeGreaterThan(swept.steps * 2)
    expect(swept.interrupted.children).toBeGreaterThan(swept.steps * 2)
    expect(swept.verdicts.passed + swept.verdicts.failed).toBe(swept.runs)
  })

  it("finds the permit that Effect's PartitionedSemaphore loses when it is interrupted between taking it and noting it", async () => {
    let semaphore: PartitionedSemaphore.PartitionedSemaphore<string>
    const program = () => {
      semaphore = PartitionedSemaphore.makeUnsafe<string>({ permits: 1 })
      return semaphore.withPermit("a")(Effect.void)
    }
    const after = () =>
      Effect.flatMap(
        Effect.suspend(() => semaphore.available),
        (n) => (n === 1 ? Effect.void : Effect.fail(new Error(`${n} of 1 permit available`)))
      )
    const error = await rejection(Simulator.sweep(program, { after }))
    expect(error.message).toMatch(
      /^Simulator\.sweep: seed \d+, main interrupted before step \d+, left things wrong: 0 of 1 permit available/
    )
    // The message is enough to see it again.
    await Simulator.run(program, error.replay)
    expect(await Effect.runPromise(semaphore!.available)).toBe(0)
  })

  it("finds a permit that is taken before its release is installed", async () => {
    let free = 1
    const program = () => {
      free = 1
      const take = Effect.sync(() => void free--)
      const release = Effect.sync(() => void free++)
      return Effect.flatMap(take, () => Effect.ensuring(Effect.void, release))
    }
    const after = () => {
      if (free !== 1) throw new Error("a permit was lost")
    }
    expect((await rejection(Simulator.sweep(program, { after, moment: "during" }))).message).toContain("a permit was lost")
    expect((await rejection(Simulator.sweep(program, { after, moment: "before" }))).message).toContain("a permit was lost")
  })

  it("finds a waiter that is never woken when the one before it is interrupted", async () => {
    // Hands a token from the first child to the second without a finalizer: an interrupted first child keeps the second waiting.
    const program = () =>
      Effect.gen(function* () {
        const token = yield* Deferred.make<void>()
        const first = yield* Effect.forkChild(Effect.andThen(Effect.yieldNow, Deferred.succeed(token, undefined)))
        const second = yield* Effect.forkChild(Deferred.await(token))
        yield* Fiber.awaitAll([first, second])
      })
    const error = await rejection(Simulator.sweep(program, { target: "children" }))
    expect(error.run.verdict).toBe("deadlock")
    await Simulator.sweep(program, { target: "main" })
  })

  it("finds a fiber that survives the interruption of its owner", async () => {
    const program = () =>
      Effect.gen(function* () {
        const worker = yield* Effect.forkDetach(Effect.never)
        yield* Effect.yieldNow
        yield* Fiber.interrupt(worker)
      })
    const error = await rejection(Simulator.sweep(program))
    expect(error.message).toContain("left 1 fiber behind")
  })

  it("finds a finalizer that dies, unless defects are to be ignored", async () => {
    const program = () => Effect.onInterrupt(Effect.yieldNow, () => Effect.die(new Error("cleanup broke")))
    expect((await rejection(Simulator.sweep(program))).message).toContain("cleanup broke")
    await Simulator.sweep(program, { defects: "ignore" })
  })

  it("wants the schedule without an interruption to pass", async () => {
    expect((await rejection(Simulator.sweep(() => Effect.fail("no")))).message).toContain("seed 1 without an interruption gave failed")
  })

  it("waits for a region that cannot be interrupted", async () => {
    const events: Array<string> = []
    const program = () => {
      events.length = 0
      return Effect.uninterruptible(
        Effect.gen(function* () {
          events.push("paid")
          yield* Effect.sleep("1 second")
          events.push("booked")
        })
      )
    }
    const swept = await Simulator.sweep(program, {
      after: () => {
        // A fiber interrupted before it entered the region did nothing, which is right too.
        if (events.length === 1) throw new Error("paid and not booked")
      }
    })
    expect(swept.verdicts.failed).toBeGreaterThan(0)
  })

  it("sweeps programs that use promises", async () => {
    const program = () =>
      Effect.all(
        [1, 2].map(() => Effect.promise(async () => void (await Promise.resolve()))),
        { concurrency: 2, discard: true }
      )
    const swept = await Simulator.sweep(program, { seeds: 2 })
    expect(swept.interrupted.main).toBeGreaterThan(0)
  })

  it("interrupts at every second, third, … step of a long program and says so", async () => {
    const swept = await Simulator.sweep(() => Effect.forEach(Array.from({ length: 200 }), () => Effect.yieldNow, { discard: true }), {
      seeds: 1,
      maxRuns: 200
    })
    expect(swept.every).toBeGreaterThan(1)
    expect(swept.runs).toBeLessThanOrEqual(201)
  })
})

describe("Simulator.sweep, calibrated on Effect", () => {
  // What the live runtime never does must not be reported: these are right, so a finding here is a fault of the simulator.
  const right: Readonly<Record<string, () => Effect.Effect<unknown, unknown>>> = {
    "a timeout": () => Effect.timeoutOption(Effect.sleep(10), 5),
    "a race": () => Effect.raceAll([Effect.sleep(3), Effect.sleep(5), Effect.yieldNow]),
    "a bounded forEach that fails": () =>
      Effect.exit(Effect.forEach([1, 2, 3, 4, 5], (n) => (n === 3 ? Effect.fail(n) : Effect.sleep(n)), { concurrency: 3 })),
    "weighted permits": () => {
      const semaphore = Semaphore.makeUnsafe(3)
      return Effect.all(
        [1, 2, 3, 1].map((n) => semaphore.withPermits(n)(Effect.sleep(1))),
        { concurrency: 4 }
      )
    },
    "a fiber in a scope that closes before it has started": () =>
      Effect.scoped(Effect.andThen(Effect.forkScoped(Effect.never), Effect.yieldNow)),
    "a bounded queue": () =>
      Effect.gen(function* () {
        const queue = yield* Queue.bounded<number>(2)
        yield* Effect.forkChild(Effect.forEach([1, 2, 3, 4, 5], (n) => Queue.offer(queue, n)))
        return yield* Effect.forEach([1, 2, 3, 4, 5], () => Queue.take(queue))
      }),
    "acquire, use, release": () =>
      Effect.acquireUseRelease(
        Effect.sleep(1),
        () => Effect.sleep(1),
        () => Effect.sleep(1)
      )
  }
  for (const [what, program] of Object.entries(right)) {
    it(`finds nothing wrong with ${what}`, async () => {
      expect((await Simulator.check(program)).verdicts.passed).toBe(200)
      const swept = await Simulator.sweep(program, { target: "main", seeds: 12 })
      expect(swept.interrupted.main).toBeGreaterThan(swept.steps * 10)
    })
  }
})

describe("Simulator.sweep, hand-over", () => {
  it("never cancels a waiter that was resumed, as the live runtime never does", async () => {
    const events: Array<string> = []
    const program = () => {
      events.length = 0
      let resume: (effect: Effect.Effect<void>) => void = () => {}
      const waiter = Effect.callback<void>((done) => {
        resume = done
        return Effect.sync(() => void events.push("cancelled"))
      })
      return Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Effect.andThen(waiter, Effect.yieldNow))
        yield* Effect.yieldNow
        yield* Effect.sync(() => {
          events.push("handed over")
          resume(Effect.void)
        })
        yield* Fiber.interrupt(fiber)
      })
    }
    const seen = new Set<string>()
    await Simulator.sweep(program, { after: () => void seen.add(events.join(", ")) })
    expect([...seen].sort()).toEqual(["", "cancelled", "cancelled, handed over", "handed over"])
  })
})

describe("Simulator.run with an interrupt", () => {
  it("interrupts before a primitive is evaluated, or after it and before what follows", async () => {
    const events: Array<string> = []
    const program = Effect.suspend(() => {
      events.length = 0
      return Effect.flatMap(
        Effect.sync(() => void events.push("taken")),
        () => Effect.sync(() => void events.push("noted"))
      )
    })
    const seen = async (moment: "before" | "during"): Promise<ReadonlyArray<string>> => {
      const all = new Set<string>()
      for (let step = 1; step <= 5; step++) {
        await Simulator.run(program, { interrupt: { step, moment } })
        all.add(events.join(" "))
      }
      return [...all]
    }
    expect(await seen("before")).toEqual(["", "taken", "taken noted"])
    expect(await seen("during")).toEqual(["", "taken", "taken noted"])
  })

  it("interrupts no later for an earlier step", async () => {
    const events: Array<string> = []
    const child = Effect.forEach([1, 2, 3, 4, 5], (n) => Effect.sync(() => void events.push(String(n))), { discard: true })
    const program = Effect.suspend(() => {
      events.length = 0
      return Effect.onInterrupt(Effect.flatMap(Effect.forkDetach(child), Fiber.join), () =>
        Effect.sync(() => void events.push("interrupted"))
      )
    })
    const { steps } = await Simulator.run(program)
    const positions: Array<number> = []
    for (let step = 1; step <= steps; step++) {
      await Simulator.run(program, { interrupt: { step } })
      positions.push(events.indexOf("interrupted"))
    }
    // Too early for the handler, then 0 to 5 events before it, then too late.
    const seen = positions.slice(
      positions.findIndex((at) => at >= 0),
      positions.findLastIndex((at) => at >= 0) + 1
    )
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    expect([...new Set(seen)]).toEqual([0, 1, 2, 3, 4, 5])
  })

  it("interrupts before the first step", async () => {
    let ran = false
    const run = await Simulator.run(
      Effect.sync(() => void (ran = true)),
      { interrupt: { step: 1 } }
    )
    expect([run.verdict, ran]).toEqual(["failed", false])
  })

  it("says which fiber it hit, and nothing when there was none", async () => {
    const alone = await Simulator.run(Effect.yieldNow, { interrupt: { step: 1, target: "other" } })
    expect(alone.interrupted).toBeUndefined()
    const child = await Simulator.run(Effect.flatMap(Effect.forkChild(Effect.never.pipe(Effect.withSpan("child"))), Fiber.await), {
      interrupt: { step: 5, target: "running" }
    })
    expect([child.verdict, child.interrupted]).toEqual(["passed", expect.stringContaining("fiber 2")])
  })
})
