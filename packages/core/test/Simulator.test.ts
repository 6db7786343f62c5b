import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import * as Semaphore from "effect/Semaphore"
import { readFile } from "node:fs/promises"
import { describe, expect, it } from "vitest"
import * as lineage from "../src/internal/lineage.ts"
import { Simulator } from "../src/testing/index.ts"

/** Two fibers that each read, yield and write: the second update may be lost. */
const lostUpdate = Effect.suspend(() => {
  let balance = 0
  const deposit = Effect.gen(function* () {
    const read = balance
    yield* Effect.yieldNow
    balance = read + 10
  })
  return Effect.map(Effect.all([deposit, deposit], { concurrency: 2 }), () => balance)
})

/** Two fibers that take two semaphores in opposite order. */
const oppositeOrder = Effect.suspend(() => {
  const a = Semaphore.makeUnsafe(1)
  const b = Semaphore.makeUnsafe(1)
  const both = (first: Semaphore.Semaphore, second: Semaphore.Semaphore) => first.withPermit(second.withPermit(Effect.void))
  return Effect.all([both(a, b), both(b, a)], { concurrency: 2, discard: true })
})

describe("Simulator.run", () => {
  it("gives the same trace for the same seed, in each style of schedule", async () => {
    for (let seed = 0; seed < 24; seed++) {
      const first = await Simulator.run(oppositeOrder, { seed, trace: true })
      const second = await Simulator.run(oppositeOrder, { seed, trace: true })
      expect(first.trace.length).toBeGreaterThan(0)
      expect(second).toEqual(first)
    }
  })

  it("gives different schedules for different seeds", async () => {
    const traces = new Set<string>()
    for (let seed = 0; seed < 60; seed++) traces.add((await Simulator.run(oppositeOrder, { seed, trace: true })).trace.join("\n"))
    expect(traces.size).toBeGreaterThan(20)
  })

  it("draws Effect's own random numbers from the seed", async () => {
    const roll = Effect.all([Random.next, Random.nextInt, Random.nextIntBetween(1, 7)])
    const [first, again, other] = [
      await Simulator.run(roll, { seed: 3 }),
      await Simulator.run(roll, { seed: 3 }),
      await Simulator.run(roll, { seed: 4 })
    ]
    expect(again.exit).toEqual(first.exit)
    expect(other.exit).not.toEqual(first.exit)
  })

  it("passes with the value of a program that succeeds", async () => {
    const run = await Simulator.run(Effect.succeed(42))
    expect([run.verdict, run.exit]).toEqual(["passed", Exit.succeed(42)])
  })

  it("fails with the cause of a program that fails or dies", async () => {
    const failed = await Simulator.run(Effect.fail("no"))
    expect([failed.verdict, failed.cause]).toEqual(["failed", Cause.fail("no")])
    const died = await Simulator.run(() => {
      throw new Error("the factory threw")
    })
    expect([died.verdict, died.report]).toEqual(["failed", expect.stringContaining("the factory threw")])
  })

  it("fails when something that the program left in the scheduler throws", async () => {
    const program = Effect.withFiber((fiber) => {
      fiber.currentDispatcher.scheduleTask(() => {
        throw new Error("uncaught")
      }, 0)
      return Effect.yieldNow
    })
    const run = await Simulator.run(program)
    expect([run.verdict, run.report]).toEqual(["failed", expect.stringContaining("uncaught")])
  })

  it("checks the invariant at every step and says at which it was violated", async () => {
    let n = 0
    const program = Effect.suspend(() => {
      n = 0
      return Effect.forEach([1, 2, 3], () => Effect.sync(() => void n++), { discard: true })
    })
    const run = await Simulator.run(program, {
      invariant: () => {
        if (n === 2) throw new Error("n is two")
      }
    })
    expect([run.verdict, run.exit, n]).toEqual(["failed", undefined, 2])
    expect(run.report).toMatch(/the invariant was violated, or an observer threw, at step \d+/)
    expect(run.report).toContain("n is two")
  })

  it("sees a violation by the last step of a fiber", async () => {
    let open = 0
    const program = Effect.sync(() => void (open = 1))
    const run = await Simulator.run(program, {
      invariant: () => {
        if (open === 1) throw new Error("left open")
      }
    })
    expect(run.verdict).toBe("failed")
  })
})

describe("Simulator.run, deadlocks", () => {
  it("finds two semaphores taken in opposite order under some seeds and not under others", async () => {
    const found = await Simulator.explore(oppositeOrder, { reach: ["passed", "deadlock"] })
    expect(found.verdicts.passed + found.verdicts.deadlock).toBe(200)
    const run = await Simulator.run(oppositeOrder, { seed: found.seeds["deadlock"] })
    expect(run.verdict).toBe("deadlock")
    expect(run.waits.map((fiber) => fiber.state)).toEqual(["is suspended", "is suspended", "is suspended"])
  })

  it("finds nested use of one semaphore under every seed", async () => {
    const nested = Effect.suspend(() => {
      const semaphore = Semaphore.makeUnsafe(1)
      return semaphore.withPermit(semaphore.withPermit(Effect.void))
    })
    expect((await Simulator.explore(nested)).verdicts.deadlock).toBe(200)
  })

  it("counts a sleep without end as a wait without end", async () => {
    const run = await Simulator.run(Effect.sleep("Infinity"))
    expect(run.report).toBe(
      "deadlock after 2 steps and 0 ms of virtual time: nothing can run and no timer is pending\n  main sleeps for ever"
    )
  })

  it("is not reported while a timer is pending", async () => {
    const program = Effect.gen(function* () {
      const door = yield* Deferred.make<void>()
      yield* Effect.forkChild(Effect.delay(Deferred.succeed(door, undefined), "1 day"))
      yield* Deferred.await(door)
    })
    expect((await Simulator.run(program)).verdict).toBe("passed")
  })

  it("names suspended fibers by their spans", async () => {
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.never.pipe(Effect.withSpan("billing")))
      return yield* Fiber.join(fiber)
    })
    const run = await Simulator.run(program)
    expect(run.waits.map((fiber) => fiber.label)).toEqual(["main", 'fiber 2 "billing"'])
  })

  it("says who waits for whom, and the ring, where the primitives tell", async () => {
    // What our own primitives do when they suspend, without one of them.
    const waitFor = (what: string, holder: () => Fiber.Fiber<unknown, unknown>) =>
      Effect.callback<never>(() => {
        const fiber = Fiber.getCurrent()!
        lineage.enterWait(fiber, lineage.current(fiber), () => ({ what, holders: () => [holder()] }))
      })
    const program = Effect.gen(function* () {
      const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
      fibers.push(yield* Effect.forkChild(waitFor('a permit of limiter "b"', () => fibers[1]!).pipe(Effect.withSpan("one"))))
      fibers.push(yield* Effect.forkChild(waitFor('a permit of limiter "a"', () => fibers[0]!).pipe(Effect.withSpan("two"))))
      yield* Fiber.joinAll(fibers)
    })
    const run = await Simulator.run(program)
    expect(run.report.split("\n").slice(1)).toEqual([
      "  main is suspended",
      '  fiber 2 "one" waits for a permit of limiter "b", held by fiber 3 "two"',
      '  fiber 3 "two" waits for a permit of limiter "a", held by fiber 2 "one"',
      '  ring: fiber 2 "one" → fiber 3 "two" → fiber 2 "one"'
    ])
  })

  it("forgets a wait that is over", async () => {
    const program = Effect.withFiber((fiber) => {
      const leave = lineage.enterWait(fiber, lineage.current(fiber), () => ({ what: "something", holders: () => [] }))
      leave()
      return Effect.never
    })
    expect((await Simulator.run(program)).waits.map((fiber) => fiber.state)).toEqual(["is suspended"])
  })
})

describe("Simulator.run, livelocks", () => {
  it("ends a fiber that yields for ever and names it", async () => {
    const spin = Effect.forever(Effect.yieldNow).pipe(Effect.withSpan("spinner"))
    const run = await Simulator.run(Effect.flatMap(Effect.forkChild(spin), Fiber.join), { maxStepsPerInstant: 10_000 })
    expect([run.verdict, run.busiest[0]?.label]).toEqual(["livelock", 'fiber 2 "spinner"'])
    expect(run.report).toContain("virtual time stands still")
  })

  it("ends a fiber that sleeps for zero for ever", async () => {
    const run = await Simulator.run(Effect.forever(Effect.sleep(0)), { maxStepsPerInstant: 10_000 })
    expect([run.verdict, Duration.toMillis(run.elapsed)]).toEqual(["livelock", 0])
  })

  it("ends a program that polls for ever when its budget of steps is used up", async () => {
    const run = await Simulator.run(Effect.forever(Effect.sleep("1 second")), { maxSteps: 10_000 })
    expect([run.verdict, run.steps]).toEqual(["livelock", 10_000])
  })

  it("lets a program take many steps as long as time moves", async () => {
    const program = Effect.repeat(Effect.sleep("1 second"), { times: 200 })
    const run = await Simulator.run(program, { maxStepsPerInstant: 100 })
    expect([run.verdict, run.steps > 500]).toEqual(["passed", true])
  })

  it("lets a fiber wait by spinning for one that will run", async () => {
    const program = Effect.gen(function* () {
      let ready = false
      yield* Effect.forkChild(Effect.sync(() => void (ready = true)))
      while (!ready) yield* Effect.yieldNow
    })
    expect((await Simulator.check(program)).verdicts.passed).toBe(200)
  })
})

describe("Simulator.run, virtual time", () => {
  it("runs a program of hours in no time", async () => {
    const started = performance.now()
    const run = await Simulator.run(Effect.forEach(Array.from({ length: 100 }), () => Effect.sleep("1 hour"), { discard: true }))
    expect([run.verdict, Duration.toHours(run.elapsed)]).toEqual(["passed", 100])
    expect(performance.now() - started).toBeLessThan(1_000)
  })

  it("tells the same time in all ways of asking", async () => {
    const ask = Effect.all([Clock.currentTimeMillis, Clock.currentTimeNanos, Clock.monotonicTimeNanos])
    const run = await Simulator.run(Effect.andThen(Effect.sleep("1500 micros"), ask))
    expect(run.exit).toEqual(Exit.succeed([1.5, 1_500_000n, 1_500_000n]))
  })

  it("wakes sleepers in order of time, whatever the seed", async () => {
    const program = Effect.suspend(() => {
      const order: Array<number> = []
      const sleepers = [30, 10, 40, 20].map((ms) => Effect.map(Effect.sleep(ms), () => void order.push(ms)))
      return Effect.map(Effect.all(sleepers, { concurrency: "unbounded" }), () => order.join(" "))
    })
    expect((await Simulator.check(program)).labels).toEqual({ "10 20 30 40": 200 })
  })

  it("wakes sleepers of one instant in every order", async () => {
    const program = Effect.suspend(() => {
      const order: Array<string> = []
      const sleepers = ["a", "b", "c"].map((name) => Effect.map(Effect.sleep(10), () => void order.push(name)))
      return Effect.map(Effect.all(sleepers, { concurrency: "unbounded" }), () => order.join(""))
    })
    const orders = ["abc", "acb", "bac", "bca", "cab", "cba"]
    expect(Object.keys((await Simulator.check(program, { reach: orders })).labels).sort()).toEqual(orders)
  })

  it("runs tasks of a higher priority number when no lower one is left, under every seed", async () => {
    const program = Effect.suspend(() => {
      const order: Array<string> = []
      const say = (word: string) => Effect.sync(() => void order.push(word))
      const late = Effect.andThen(Effect.andThen(Effect.sleep(10), Effect.yieldNowWith(1_000)), say("late"))
      const busy = Effect.gen(function* () {
        yield* Effect.sleep(10)
        for (let i = 0; i < 5; i++) yield* Effect.yieldNow
        yield* say("busy")
      })
      return Effect.map(Effect.all([late, busy, late], { concurrency: 3 }), () => order.join(" "))
    })
    expect((await Simulator.check(program)).labels).toEqual({ "busy late late": 200 })
  })

  it("takes back the timer of an interrupted sleep", async () => {
    const run = await Simulator.run(Effect.timeoutOption(Effect.sleep("1 hour"), "1 second"))
    expect([run.verdict, Duration.toSeconds(run.elapsed), run.timers, run.leaks]).toEqual(["passed", 1, [], []])
  })
})

describe("Simulator.run, promises", () => {
  it("lets promises settle before time moves and before a verdict", async () => {
    const program = Effect.promise(async () => {
      for (let i = 0; i < 100; i++) await Promise.resolve()
      return "settled"
    })
    expect((await Simulator.check(Effect.timeout(program, "1 milli"))).labels).toEqual({ settled: 200 })
  })

  it("counts ticks, microtasks and immediates as the program's own", async () => {
    const program = Effect.gen(function* () {
      yield* Effect.callback<void>((resume) => queueMicrotask(() => resume(Effect.void)))
      yield* Effect.callback<void>((resume) => process.nextTick(() => resume(Effect.void)))
      yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
    })
    expect((await Simulator.check(program, { seeds: 20 })).verdicts.passed).toBe(20)
  })

  it("lets chains of ticks and microtasks of any length settle", async () => {
    const program = Effect.callback<number>((resume) => {
      const link = (n: number): void => {
        if (n === 20) resume(Effect.succeed(n))
        else process.nextTick(() => queueMicrotask(() => link(n + 1)))
      }
      link(0)
    })
    expect((await Simulator.check(Effect.timeout(program, 1), { seeds: 20 })).labels).toEqual({ "20": 20 })
  })

  it("lets a promise settle that the one before it has led to", async () => {
    const program = Effect.callback<string>((resume) => queueMicrotask(() => resume(Effect.promise(async () => "second"))))
    expect((await Simulator.check(Effect.timeout(program, 1), { seeds: 20 })).labels).toEqual({ second: 20 })
  })

  it("runs a live fiber inside a promise to its end", async () => {
    const live = Effect.repeat(Effect.yieldNow, { times: 20 })
    const found = await Simulator.check(
      Effect.promise(() => Effect.runPromise(live)),
      { seeds: 20 }
    )
    expect(found.verdicts.passed).toBe(20)
  })

  it("gives the same trace for the same seed", async () => {
    const program = Effect.all(
      [1, 2, 3].map((n) =>
        Effect.andThen(
          Effect.promise(async () => void (await Promise.resolve())),
          Effect.sleep(n)
        )
      ),
      { concurrency: 3, discard: true }
    )
    for (let seed = 0; seed < 12; seed++) {
      const first = await Simulator.run(program, { seed, trace: true })
      expect(await Simulator.run(program, { seed, trace: true })).toEqual(first)
    }
  })

  it("calls a promise that nothing can settle a deadlock", async () => {
    expect((await Simulator.run(Effect.promise(() => new Promise<void>(() => {})))).verdict).toBe("deadlock")
  })

  it("calls a program that reads a file external, and lets it end", async () => {
    const run = await Simulator.run(Effect.promise(() => readFile(import.meta.filename)))
    expect(run.verdict).toBe("external")
    expect(run.exit !== undefined && Exit.isSuccess(run.exit)).toBe(true)
  })

  it("calls a program that waits for a real timer external", async () => {
    const run = await Simulator.run(Effect.promise(() => new Promise<void>((resolve) => void setTimeout(resolve, 5))))
    expect([run.verdict, run.report]).toEqual(["external", expect.stringContaining("something real woke it")])
  })

  it("does not wait for something real longer than it may, and cleans up behind itself", async () => {
    const events: Array<string> = []
    let handle: NodeJS.Timeout | undefined
    const program = Effect.callback<void>(() => {
      handle = setTimeout(() => {}, 60_000)
      return Effect.sync(() => {
        clearTimeout(handle)
        events.push("cleaned up")
      })
    })
    const run = await Simulator.run(program, { realTime: "20 millis" })
    expect([run.verdict, run.underWay, events]).toEqual(["external", ["Timeout"], ["cleaned up"]])
    expect(run.report).toContain("nothing came within 20 ms of real time")
  })
})

describe("Simulator.run, what is left behind", () => {
  it("reports a detached fiber that never ends", async () => {
    const run = await Simulator.run(Effect.forkDetach(Effect.never.pipe(Effect.withSpan("stray"))))
    expect([run.verdict, run.leaks.map((fiber) => fiber.label)]).toEqual(["passed", ['fiber 2 "stray"']])
  })

  it("reports a timer that nobody took back", async () => {
    const run = await Simulator.run(Effect.andThen(Effect.forkDetach(Effect.sleep("3 seconds")), Effect.yieldNow))
    expect([run.timers, run.leaks.map((fiber) => fiber.state)]).toEqual([[3_000], ["sleeps until 3,000 ms"]])
  })

  it("lets what can end without time passing end first, and tells it outlived the main fiber", async () => {
    const run = await Simulator.run(Effect.forkDetach(Effect.repeat(Effect.yieldNow, { times: 10 })), { preemption: 0, seed: 4 })
    expect([run.leaks, run.verdict]).toEqual([[], "passed"])
    const busy = await Simulator.run(Effect.andThen(Effect.forkDetach(Effect.repeat(Effect.yieldNow, { times: 10 })), Effect.yieldNow), {
      seed: 1
    })
    expect([busy.leaks, busy.outlived]).toEqual([[], ["fiber 2"]])
  })

  it("reports a detached fiber that spins for ever without losing the verdict", async () => {
    const run = await Simulator.run(Effect.forkDetach(Effect.forever(Effect.yieldNow)), { maxStepsPerInstant: 1_000 })
    expect([run.verdict, run.leaks.map((fiber) => fiber.state)]).toEqual(["passed", ["could go on"]])
  })

  it("lets no fiber take a step after the run is over", async () => {
    let resume: (() => void) | undefined
    let steps = 0
    const stray = Effect.flatMap(
      Effect.callback<void>((done) => {
        resume = () => done(Effect.void)
      }),
      () => {
        steps++
        return Effect.void
      }
    )
    expect((await Simulator.run(Effect.andThen(Effect.forkDetach(stray), Effect.yieldNow))).leaks.length).toBe(1)
    resume!()
    await new Promise((resolve) => setImmediate(resolve))
    expect(steps).toBe(0)
  })
})

describe("Simulator.runSync", () => {
  it("gives what run gives, at once", async () => {
    for (let seed = 0; seed < 12; seed++) {
      expect(Simulator.runSync(lostUpdate, { seed, trace: true })).toEqual(await Simulator.run(lostUpdate, { seed, trace: true }))
    }
  })

  it("says that it cannot wait for a promise", () => {
    const run = Simulator.runSync(Effect.promise(async () => 1))
    expect([run.verdict, run.report]).toEqual(["external", expect.stringContaining("use Simulator.run")])
  })

  it("cleans up behind a program that it could not carry to its end", () => {
    const events: Array<string> = []
    const program = Effect.onInterrupt(
      Effect.promise(async () => 1),
      () => Effect.sync(() => void events.push("cleaned up"))
    )
    Simulator.runSync(program)
    expect(events).toEqual(["cleaned up"])
  })

  it("can be used inside a simulated program", async () => {
    const inner = Effect.sync(() => Simulator.runSync(Effect.sleep("1 hour")).verdict)
    expect((await Simulator.check(inner, { seeds: 20 })).labels).toEqual({ passed: 20 })
  })
})

describe("Simulator.check", () => {
  it("rejects with the seed, the verdict and how to replay it", async () => {
    const error = await Simulator.check(oppositeOrder, { maxSteps: 5_000 }).then(
      () => undefined,
      (error: unknown) => error
    )
    if (!(error instanceof Simulator.SimulationError)) throw error
    expect(error.message.split("\n")).toEqual([
      `Simulator.check: seed ${error.run.seed} gave deadlock`,
      "",
      `deadlock after ${error.run.steps} steps and 0 ms of virtual time: nothing can run and no timer is pending`,
      "  main is suspended",
      "  fiber 2 is suspended",
      "  fiber 3 is suspended",
      "",
      `replay: Simulator.run(program, { maxSteps: 5000, seed: ${error.run.seed} })`
    ])
    const { report } = await Simulator.run(oppositeOrder, error.replay)
    expect(report).toBe(error.run.report)
  })

  it("carries what the program threw as its cause", async () => {
    const boom = new Error("boom")
    await expect(Simulator.check(Effect.die(boom))).rejects.toMatchObject({ cause: boom })
  })

  it("rejects when a fiber is left behind, unless that is to be ignored", async () => {
    const program = Effect.forkDetach(Effect.never)
    await expect(Simulator.check(program)).rejects.toThrow(/seed 1 left 1 fiber behind: fiber 2 is suspended/)
    await Simulator.check(program, { leaks: "ignore" })
  })

  it("runs one seed when it is given one, and counts up from it when it is given both", async () => {
    expect((await Simulator.check(lostUpdate, { seed: 7 })).runs).toBe(1)
    expect((await Simulator.check(lostUpdate, { seed: 7, seeds: 3 })).runs).toBe(3)
  })

  it("rejects when a label that had to be reached was not", async () => {
    await expect(Simulator.check(Effect.succeed(1), { seeds: 5, reach: ["1", "2"] })).rejects.toThrow(
      'Simulator.check: 5 runs never reached "2"; reached: 1 5'
    )
  })

  it("fails a run whose after check throws or fails", async () => {
    await expect(
      Simulator.check(Effect.void, {
        after: () => {
          throw new Error("not so")
        }
      })
    ).rejects.toThrow("after seed 1: not so")
    await expect(Simulator.check(Effect.void, { after: () => Effect.fail(new Error("nor so")) })).rejects.toThrow("nor so")
  })
})

describe("Simulator.explore", () => {
  it("finds both results of a race and the first seed of each", async () => {
    const found = await Simulator.explore(lostUpdate, { reach: ["10", "20"] })
    expect(found.labels["10"]! + found.labels["20"]!).toBe(200)
    const [lost, kept] = [
      await Simulator.run(lostUpdate, { seed: found.seeds["10"] }),
      await Simulator.run(lostUpdate, { seed: found.seeds["20"] })
    ]
    expect([lost.exit, kept.exit]).toEqual([Exit.succeed(10), Exit.succeed(20)])
  })

  it("labels runs as it is told", async () => {
    const found = await Simulator.explore(lostUpdate, { seeds: 10, label: (run) => `seed is ${run.seed % 2 === 0 ? "even" : "odd"}` })
    expect(found.labels).toEqual({ "seed is odd": 5, "seed is even": 5 })
  })
})

describe("Simulator.explore, all schedules", () => {
  it("goes through every order in which fibers can start, once each", async () => {
    const program = Effect.suspend(() => {
      const order: Array<string> = []
      const say = (word: string) =>
        Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => void order.push(word))
        )
      return Effect.map(Effect.all([say("a"), say("b"), say("c")], { concurrency: 3 }), () => order.join(""))
    })
    const found = await Simulator.explore(program, { schedules: "all", preemptions: 0 })
    expect([found.complete, found.labels]).toEqual([true, { abc: 1, acb: 1, bac: 1, bca: 1, cab: 1, cba: 1 }])
  })

  it("proves that two semaphores taken in opposite order need a preemption to deadlock, and that one is enough", async () => {
    const without = await Simulator.explore(oppositeOrder, { schedules: "all", preemptions: 0 })
    expect([without.complete, without.verdicts.deadlock]).toEqual([true, 0])
    const one = await Simulator.explore(oppositeOrder, { schedules: "all", preemptions: 1, reach: ["passed", "deadlock"] })
    expect(one.complete).toBe(true)
  })

  it("replays a schedule it has reported", async () => {
    const error = await Simulator.check(oppositeOrder, { schedules: "all" }).then(
      () => undefined,
      (error: unknown) => error
    )
    if (!(error instanceof Simulator.SimulationError)) throw error
    expect(error.message).toMatch(/^Simulator\.check: schedule 1:[\d.]* gave deadlock/)
    const run = await Simulator.run(oppositeOrder, error.replay)
    expect([run.verdict, run.schedule, run.report]).toEqual(["deadlock", error.run.schedule, error.run.report])
  })

  it("says when it did not get through all of them", async () => {
    const found = await Simulator.explore(oppositeOrder, { schedules: "all", preemptions: 3, maxRuns: 50 })
    expect([found.runs, found.complete]).toEqual([50, false])
  })
})

describe("Simulator options", () => {
  const refused: ReadonlyArray<readonly [string, () => unknown, string]> = [
    [
      "a seed below zero",
      () => Simulator.run(Effect.void, { seed: -1 }),
      "Simulator.run: seed must be a whole number of at least 0, got -1"
    ],
    [
      "a seed that is no number",
      () => Simulator.runSync(Effect.void, { seed: NaN }),
      "Simulator.runSync: seed must be a whole number of at least 0, got NaN"
    ],
    ["no seeds", () => Simulator.check(Effect.void, { seeds: 0 }), "Simulator.check: seeds must be a whole number of at least 1, got 0"],
    [
      "half a seed",
      () => Simulator.explore(Effect.void, { seeds: 2.5 }),
      "Simulator.explore: seeds must be a whole number of at least 1, got 2.5"
    ],
    ["no steps", () => Simulator.run(Effect.void, { maxSteps: 0 }), "Simulator.run: maxSteps must be a whole number of at least 1, got 0"],
    [
      "no steps in an instant",
      () => Simulator.run(Effect.void, { maxStepsPerInstant: -1 }),
      "Simulator.run: maxStepsPerInstant must be a whole number of at least 1, got -1"
    ],
    [
      "a preemption above one",
      () => Simulator.run(Effect.void, { preemption: 2 }),
      "Simulator.run: preemption must be a number from 0 to 1, got 2"
    ],
    [
      "a negative wait",
      () => Simulator.run(Effect.void, { realTime: -1 }),
      "Simulator.run: realTime must be a duration that is not negative, got -1"
    ],
    [
      "an interrupt before the first step",
      () => Simulator.run(Effect.void, { interrupt: { step: 0 } }),
      "Simulator.run: interrupt.step must be a whole number of at least 1, got 0"
    ],
    [
      "an unknown target",
      () => Simulator.sweep(() => Effect.void, { target: "everyone" as "all" }),
      'Simulator.sweep: target must be "main" | "children" | "all", got "everyone"'
    ],
    [
      "no runs",
      () => Simulator.sweep(() => Effect.void, { maxRuns: 0 }),
      "Simulator.sweep: maxRuns must be a whole number of at least 1, got 0"
    ],
    [
      "nothing to reach",
      () => Simulator.explore(Effect.void, { reach: [] }),
      "Simulator.explore: reach must be an array of labels that is not empty, got an array of 0"
    ],
    [
      "a schedule that is not one",
      () => Simulator.run(Effect.void, { schedule: "first a, then b" }),
      'Simulator.run: schedule must be a schedule such as "1:0.2", got "first a, then b"'
    ],
    [
      "an unknown option",
      () => Simulator.run(Effect.void, { sed: 1 } as Simulator.RunOptions),
      'Simulator.run: unknown option "sed", known are seed, schedule, interrupt, maxSteps, maxStepsPerInstant, preemption, invariant, trace, realTime'
    ]
  ]
  for (const [what, call, message] of refused) {
    it(`refuses ${what} at once`, () => {
      expect(call).toThrow(new RangeError(message))
    })
  }
})

describe("Simulator as a scheduler", () => {
  it("never preempts a fiber that forbids it", async () => {
    const program = Effect.suspend(() => {
      const order: Array<number> = []
      const block = (n: number) =>
        Effect.forEach([1, 2, 3], () => Effect.sync(() => void order.push(n)), { discard: true }).pipe(
          Effect.provideService(Scheduler.PreventSchedulerYield, true)
        )
      const late = (n: number) => Effect.andThen(Effect.yieldNow, block(n))
      return Effect.map(Effect.all([late(1), late(2)], { concurrency: 2 }), () => order.join(""))
    })
    expect(Object.keys((await Simulator.check(program, { reach: ["111222", "222111"] })).labels).sort()).toEqual(["111222", "222111"])
  })

  it("keeps the order of the live runtime under seed 1", async () => {
    const program = Effect.suspend(() => {
      const order: Array<string> = []
      const worker = (name: string) =>
        Effect.gen(function* () {
          for (let i = 0; i < 3; i++) {
            order.push(name + i)
            yield* Effect.yieldNow
          }
        })
      return Effect.map(Effect.all([worker("a"), worker("b"), worker("c")], { concurrency: 3 }), () => order.join(" "))
    })
    const live = await Effect.runPromise(program)
    expect((await Simulator.run(program, { seed: 1 })).exit).toEqual(Exit.succeed(live))
  })

  it("forgets the fibers that have ended and none of those that have not", async () => {
    const short = Effect.forEach(Array.from({ length: 10_000 }), () => Effect.yieldNow, { concurrency: 4, discard: true })
    const run = await Simulator.run(
      Effect.andThen(Effect.forkDetach(Effect.never.pipe(Effect.withSpan("old"))), Effect.andThen(Effect.yieldNow, short)),
      {
        seed: 2
      }
    )
    expect([run.verdict, run.leaks.map((fiber) => fiber.name)]).toEqual(["passed", ["old"]])
  })
})
