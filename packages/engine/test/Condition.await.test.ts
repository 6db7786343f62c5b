import { Simulator } from "@skein/core/testing"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as TestClock from "effect/testing/TestClock"
import { describe, expect, it } from "vitest"
import * as Condition from "../src/Condition.ts"
import { alarms } from "../src/internal/alarms.ts"
import { hubOf } from "../src/internal/condition/hub.ts"

/** Runs under many schedules, and gives what was noted, the same each time. */
const always = async (
  program: (note: (what: string) => Effect.Effect<void>) => Effect.Effect<unknown, unknown>,
  expected: ReadonlyArray<string>
) => {
  let events: Array<string> = []
  await Simulator.check(
    () => {
      events = []
      return program((what) => Effect.map(Clock.currentTimeMillis, (at) => void events.push(`${what} at ${at}`)))
    },
    { seeds: 100, after: () => expect(events).toEqual(expected) }
  )
}

const zone = "UTC"
const hour = 3_600_000
const morning = Condition.window({ from: "06:00", to: "12:00", zone })
const failure = (exit: Exit.Exit<unknown, Condition.ConditionError>): string =>
  Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "success"

describe("Condition.await", () => {
  it("returns at once where it holds", () =>
    always((note) => Effect.andThen(Condition.await(Condition.always), note("done")), ["done at 0"]))

  it("returns at the instant at which it begins to hold, to the millisecond", () =>
    always(
      (note) => Effect.andThen(Condition.await(Condition.all(morning, Condition.after(7 * hour + 1))), note("done")),
      [`done at ${7 * hour + 1}`]
    ))

  it("waits for days on which nothing happens", () =>
    // 1970 began with a Thursday.
    always(
      (note) => Effect.andThen(Condition.await(Condition.all(morning, Condition.weekdays("mon", { zone }))), note("done")),
      [`done at ${4 * 24 * hour + 6 * hour}`]
    ))

  it("follows the TestClock, beyond the 24.8 days of Node's timers too", async () => {
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Condition.await(Condition.after("1970-04-11")), { startImmediately: true })
      yield* TestClock.adjust("99 days")
      const early = fiber.pollUnsafe() !== undefined
      yield* TestClock.adjust("1 day")
      return { early, late: Exit.isSuccess(yield* Fiber.await(fiber)) }
    })
    expect(await Effect.runPromise(Effect.scoped(Effect.provide(program, TestClock.layer())))).toEqual({ early: false, late: true })
  })

  it("wakes those who wait for one instant in the order in which they came", async () => {
    const order: Array<string> = []
    const program = Effect.gen(function* () {
      for (const name of ["first", "second", "third"]) {
        yield* Effect.forkChild(
          Effect.andThen(
            Condition.await(Condition.after(hour)),
            Effect.sync(() => order.push(name))
          )
        )
        yield* Effect.sleep(1)
      }
      yield* Effect.sleep(2 * hour)
    })
    // Seed 1 keeps the order of the live runtime.
    expect((await Simulator.run(program, { seed: 1 })).verdict).toBe("passed")
    expect(order).toEqual(["first", "second", "third"])
  })

  it("wakes up for a value", () =>
    always(
      (note) =>
        Effect.gen(function* () {
          const ref = yield* SubscriptionRef.make(0)
          const fiber = yield* Effect.forkChild(Effect.andThen(Condition.await(Condition.ref(ref, (n) => n >= 2)), note("done")))
          for (const n of [1, 2, 3]) {
            yield* Effect.sleep(10)
            yield* SubscriptionRef.set(ref, n)
          }
          yield* Fiber.join(fiber)
        }),
      ["done at 20"]
    ))

  it("listens once for all who wait for one value, and no longer than they wait", () =>
    always(
      (note) =>
        Effect.gen(function* () {
          const ref = yield* SubscriptionRef.make(0)
          const listening = (): string => `${ref.pubsub.subscribers.size} listening`
          const wait = (n: number) => Condition.await(Condition.ref(ref, (value) => value >= n))
          const fibers = yield* Effect.forEach([1, 1, 2, 2], (n) => Effect.forkChild(wait(n)))
          yield* Effect.sleep(1)
          yield* note(listening())
          yield* SubscriptionRef.set(ref, 1)
          yield* Effect.sleep(1)
          yield* note(`${listening()}, ${fibers.filter((fiber) => fiber.pollUnsafe() !== undefined).length} done`)
          yield* Fiber.interruptAll(fibers)
          yield* note(listening())
          // Whoever comes later is told all the same.
          yield* Effect.all([wait(3), Effect.andThen(Effect.sleep(1), SubscriptionRef.set(ref, 3))], { concurrency: 2 })
          yield* note(listening())
        }),
      ["1 listening at 1", "1 listening, 2 done at 2", "0 listening at 2", "0 listening at 3"]
    ))

  it("holds only while value and time hold together", () =>
    always(
      (note) =>
        Effect.gen(function* () {
          const ref = yield* SubscriptionRef.make(true)
          const condition = Condition.all(
            morning,
            Condition.ref(ref, (on) => on)
          )
          const fiber = yield* Effect.forkChild(Effect.andThen(Condition.await(condition), note("done")))
          yield* Effect.sleep(hour)
          yield* SubscriptionRef.set(ref, false)
          yield* Effect.sleep(6 * hour)
          yield* note("open, but off")
          yield* SubscriptionRef.set(ref, true)
          yield* Fiber.join(fiber)
        }),
      [`open, but off at ${7 * hour}`, `done at ${7 * hour}`]
    ))

  it("asks one's own condition when it is told to, and not otherwise", async () => {
    let asked = 0
    await always(
      (note) =>
        Effect.gen(function* () {
          asked = 0
          let open = false
          const hub = yield* PubSub.unbounded<void>({ replay: 1 })
          const condition = Condition.make({ holds: Effect.sync(() => (asked++, open)), changes: Stream.fromPubSub(hub) })
          const fiber = yield* Effect.forkChild(Effect.andThen(Condition.await(condition), note("done")))
          yield* Effect.sleep(hour)
          const before = asked
          open = true
          yield* Effect.sleep(hour)
          expect({ before, after: asked }).toEqual({ before: 1, after: 1 })
          yield* PubSub.publish(hub, undefined)
          yield* Fiber.join(fiber)
        }),
      [`done at ${2 * hour}`]
    )
    expect(asked).toBe(2)
  })

  it("loses no news that come while it asks", () =>
    always(
      (note) =>
        Effect.gen(function* () {
          let open = false
          const hub = yield* PubSub.unbounded<void>({ replay: 1 })
          // The answer is old when it comes.
          const holds = Effect.suspend(() => {
            const answer = open
            return Effect.as(Effect.sleep(10), answer)
          })
          const condition = Condition.make({ holds, changes: Stream.fromPubSub(hub) })
          const fiber = yield* Effect.forkChild(Effect.andThen(Condition.await(condition), note("done")))
          yield* Effect.sleep(5)
          open = true
          yield* PubSub.publish(hub, undefined)
          yield* Fiber.join(fiber)
        }),
      ["done at 20"]
    ))
})

describe("the fiber that listens for all", () => {
  it("is replaced where a stranger interrupts it, and gone when the last one leaves", async () => {
    const program = Effect.gen(function* () {
      const ref = yield* SubscriptionRef.make<unknown>(0)
      const shared = yield* alarms
      const forked: Array<Fiber.Fiber<unknown, unknown>> = []
      const fork = shared.fork.bind(shared)
      shared.fork = (effect) => {
        const fiber = fork(effect)
        forked.push(fiber)
        return fiber
      }
      let news = 0
      const leave = hubOf(ref, shared).join({ news: () => void news++, over: () => expect.unreachable() })
      yield* Effect.sleep(1)
      yield* Fiber.interrupt(forked[0]!)
      yield* Effect.sleep(1)
      const before = news
      yield* SubscriptionRef.set(ref, 1)
      yield* Effect.sleep(1)
      leave()
      leave()
      return `${news - before} more, ${forked.map((fiber) => fiber.pollUnsafe() !== undefined).join()}`
    })
    await Simulator.check(program, { seeds: 50, reach: ["1 more, true,true"] })
  })
})

describe("Condition.await fails", () => {
  const check = (condition: () => Condition.Condition, message: string, at = 0) =>
    always(
      (note) =>
        Effect.gen(function* () {
          const exit = yield* Effect.exit(Condition.await(condition()))
          yield* note(failure(exit))
        }),
      [`${message} at ${at}`]
    )

  it("where it can never hold", () => check(() => Condition.never, "ConditionError: never: can never hold any more"))

  it("when its time is over, though code still might say yes", () =>
    check(
      () =>
        Condition.all(
          Condition.before(hour),
          Condition.ref(Effect.runSync(SubscriptionRef.make(0)), () => false, { name: "a free place" })
        ),
      "ConditionError: before 1970-01-01T01:00:00.000Z and a free place: can never hold any more",
      hour
    ))

  it("when nobody can change its mind any more", () =>
    check(
      () => Condition.make({ holds: Effect.succeed(false), changes: Stream.succeed(1), name: "the vote" }),
      "ConditionError: the vote: can never hold any more"
    ))

  it("when one part has said no for ever, though another may still say yes", () =>
    check(
      () =>
        Condition.all(
          Condition.make({ holds: Effect.succeed(false), changes: Stream.empty, name: "the vote" }),
          Condition.ref(Effect.runSync(SubscriptionRef.make(0)), (n) => n > 0, { name: "a free place" })
        ),
      "ConditionError: the vote and a free place: can never hold any more"
    ))

  // B-B10: a condition that threw left its job pending for ever.
  it("when a predicate throws", () =>
    check(
      () =>
        Condition.ref(
          Effect.runSync(SubscriptionRef.make(0)),
          () => {
            throw new Error("no such field\nwith a second line")
          },
          { name: "a free place" }
        ),
      "ConditionError: a free place: failed with Error: no such field"
    ))

  it("when a predicate throws later, for a value", () =>
    always(
      (note) =>
        Effect.gen(function* () {
          const ref = yield* SubscriptionRef.make<{ readonly n: number } | undefined>({ n: 0 })
          const fiber = yield* Effect.forkChild(Effect.exit(Condition.await(Condition.ref(ref, (value) => value!.n > 0, { name: "n" }))))
          yield* Effect.sleep(10)
          yield* SubscriptionRef.set(ref, undefined)
          yield* note(failure(yield* Fiber.join(fiber)))
        }),
      ["ConditionError: n: failed with TypeError: Cannot read properties of undefined (reading 'n') at 10"]
    ))

  it("when a predicate says neither true nor false", () =>
    check(
      () => Condition.ref(Effect.runSync(SubscriptionRef.make(0)), () => "yes" as never, { name: "n" }),
      "ConditionError: n: failed with TypeError: n: must say true or false"
    ))

  it.each([
    ["an effect fails", Effect.fail("offline"), Stream.never],
    ["an effect dies", Effect.die("offline"), Stream.never],
    ["a stream fails", Effect.succeed(false), Stream.fail("offline")],
    ["a stream dies", Effect.succeed(false), Stream.die("offline")]
  ])("when %s", (_, holds, changes) =>
    check(() => Condition.make({ holds, changes, name: "the mirror" }), "ConditionError: the mirror: failed with offline")
  )

  it("when an effect interrupts itself", () =>
    always(
      (note) =>
        Effect.gen(function* () {
          const condition = Condition.make({ holds: Effect.interrupt, changes: Stream.never })
          const exit = yield* Effect.exit(Condition.await(condition))
          yield* note(Exit.isFailure(exit) && Cause.hasFails(exit.cause) ? "failed" : "not so")
        }),
      ["failed at 0"]
    ))
})

describe("Condition.changes", () => {
  const collect = (condition: Condition.Condition, n: number, note: (what: string) => Effect.Effect<void>) =>
    Stream.runForEach(Stream.take(Condition.changes(condition), n), (truth) => note(String(truth)))

  it("says first how it is, and then each change once", () =>
    always(
      (note) => collect(morning, 5, note),
      ["false at 0", `true at ${6 * hour}`, `false at ${12 * hour}`, `true at ${30 * hour}`, `false at ${36 * hour}`]
    ))

  // B-B14: sentinels were level-triggered, 46 jobs in half a second.
  it("says nothing while a value changes without an edge", () =>
    always(
      (note) =>
        Effect.gen(function* () {
          const ref = yield* SubscriptionRef.make(0)
          const condition = Condition.ref(ref, (n) => n >= 10)
          const fiber = yield* Effect.forkChild(collect(condition, 3, note))
          for (let n = 1; n <= 20; n++) {
            yield* Effect.sleep(1)
            yield* SubscriptionRef.set(ref, n)
          }
          yield* SubscriptionRef.set(ref, 0)
          yield* Fiber.join(fiber)
        }),
      ["false at 0", "true at 10", "false at 20"]
    ))

  it("makes nothing up for a consumer who was busy", () =>
    always(
      (note) =>
        Stream.runForEach(Stream.take(Condition.changes(morning), 3), (truth) =>
          Effect.andThen(note(String(truth)), Effect.sleep(truth ? 48 * hour : 0))
        ),
      ["false at 0", `true at ${6 * hour}`, `false at ${60 * hour}`]
    ))

  it("ends when nothing can change any more", () =>
    always(
      (note) => Effect.andThen(collect(Condition.all(morning, Condition.before(40 * hour)), 100, note), note("end")),
      ["false at 0", `true at ${6 * hour}`, `false at ${12 * hour}`, `true at ${30 * hour}`, `false at ${36 * hour}`, `end at ${36 * hour}`]
    ))

  it("fails as await does", () =>
    always(
      (note) => {
        const condition = Condition.make({ holds: Effect.fail("offline"), changes: Stream.never, name: "the mirror" })
        return Effect.flatMap(Effect.exit(Stream.runDrain(Condition.changes(condition))), (exit) => note(failure(exit)))
      },
      ["ConditionError: the mirror: failed with offline at 0"]
    ))
})

describe("Condition.await interrupted at every step", () => {
  const sweep = async (program: () => Effect.Effect<unknown, unknown>) => {
    const swept = await Simulator.sweep(() => Effect.exit(program()), { seeds: 4, maxRuns: 2_000 })
    expect(swept.interrupted.main).toBeGreaterThan(0)
    expect(swept.verdicts.failed).toBeGreaterThan(0)
  }

  it("leaves no timer behind", () => sweep(() => Condition.await(morning)))

  it("leaves nothing behind where several wait", () =>
    sweep(() =>
      Effect.all([Condition.await(morning), Condition.await(Condition.after(5)), Condition.await(Condition.after(5))], { concurrency: 3 })
    ))

  it("leaves no fiber that listens behind", () =>
    sweep(() =>
      Effect.gen(function* () {
        const ref = yield* SubscriptionRef.make(0)
        const condition = Condition.any(
          Condition.all(
            morning,
            Condition.ref(ref, (n) => n > 1)
          ),
          Condition.ref(ref, (n) => n > 2)
        )
        yield* Effect.all([Condition.await(condition), Effect.andThen(Effect.sleep(3), SubscriptionRef.set(ref, 3))], { concurrency: 2 })
      })
    ))

  it("leaves nothing of one's own conditions behind", () =>
    sweep(() =>
      Effect.gen(function* () {
        const latch = yield* Latch.make()
        const condition = Condition.make({
          holds: Effect.as(Effect.sleep(2), true),
          changes: Stream.concat(Stream.succeed(1), Stream.fromEffect(latch.await))
        })
        yield* Stream.runDrain(Stream.take(Condition.changes(Condition.all(condition, Condition.after(4))), 2))
      })
    ))
})
