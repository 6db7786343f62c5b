import { GatherResult, Outcome } from "@skein/core"
import { Simulator } from "@skein/core/testing"
import { fanOut, type FanOutOptions } from "@skein/parallel/fanOut"
import * as Joiner from "@skein/parallel/Joiner"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Order from "effect/Order"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { after, failsAfter, reasons, rule, stubborn, tidiesUp, told } from "./kit.ts"

/** Ten tasks at once, each ending at an instant of its own. */
const numbers = [after(30, 30), failsAfter(5, "a"), after(10, 10), failsAfter(15, "b"), after(20, 20)]

const join = <B, E2>(joiner: Joiner.Joiner<number, string, B, E2>, options?: FanOutOptions<number, string>) =>
  fanOut(numbers, joiner, options)

/** What a failed join says: its message, and the causes by index. */
const failed = <A, E>(effect: Effect.Effect<unknown, Joiner.JoinError<A, E>>) =>
  Effect.map(Effect.flip(effect), (error) => [
    error.message.split(";")[0]!,
    ...error.causes.map(({ cause, index }) => `${index} ${reasons(cause)}`),
    ...told(error.result)
      .filter((text) => !text.startsWith("failed"))
      .map((text) => text.split(" ")[0]!)
  ])

const millis = Effect.clockWith((clock) => clock.currentTimeMillis)

const timed = <A, E>(effect: Effect.Effect<A, E>) => Effect.all([effect, Effect.suspend(() => millis)])

describe("Joiner.all", () => {
  rule("gives all values in input order, whatever the order of arrival", () =>
    Effect.gen(function* () {
      expect(yield* fanOut([after(3, "a"), after(1, "b"), after(2, "c")], Joiner.all())).toEqual(["a", "b", "c"])
    })
  )

  rule("stops the rest at the first task that does not complete, and fails with what there was", () =>
    Effect.gen(function* () {
      const [told, at] = yield* timed(failed(join(Joiner.all())))
      expect([at, ...told]).toEqual([5, "all: not all values", "1 Fail(a)", "cancelled", "cancelled", "cancelled", "cancelled"])
    })
  )

  rule("counts a task that times out as one that does not complete", () =>
    Effect.gen(function* () {
      const told = yield* failed(fanOut([after(9, 1), after(5, 2)], Joiner.all(), { taskTimeout: 7 }))
      expect(told).toEqual(["all: not all values", "timeout", "completed"])
    })
  )

  rule("lets all run to their end when asked to collect, and fails with every cause", () =>
    Effect.gen(function* () {
      const [told, at] = yield* timed(failed(join(Joiner.all({ onFailure: "collect" }))))
      expect([at, ...told]).toEqual([30, "all: not all values", "1 Fail(a)", "3 Fail(b)", "completed", "completed", "completed"])
    })
  )

  rule("gives an empty array for no input", () => Effect.map(fanOut([], Joiner.all()), (values) => expect(values).toEqual([])))

  rule("fails where the source was not read to its end", () =>
    Effect.gen(function* () {
      const source = function* () {
        yield stubborn(5, 1)
        yield after(9, 2)
      }
      const told = yield* failed(fanOut(source(), Joiner.all(), { concurrency: 1, stop: Effect.sleep(1) }))
      expect(told).toEqual(["all: not all values", "completed"])
    })
  )
})

describe("Joiner.first", () => {
  // D-B2
  rule("gives the first value to arrive, not the first that started, and waits for no other", () =>
    Effect.gen(function* () {
      expect(yield* timed(fanOut([after(500, "slow"), failsAfter(1, "no"), after(10, "quick")], Joiner.first()))).toEqual(["quick", 10])
    })
  )

  // D-B2
  rule("fails with every cause when no task completes", () =>
    Effect.gen(function* () {
      const told = yield* failed(fanOut([failsAfter(2, "a"), Effect.die(new Error("b")), after(50, 0)], Joiner.first(), { taskTimeout: 9 }))
      expect(told).toEqual(["first: 0 of the 1 values needed", "0 Fail(a)", "1 Die(b)", "timeout"])
    })
  )

  rule("fails at once for no input", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(fanOut([], Joiner.first()))
      expect([error._tag, error.reason._tag, error.message]).toEqual(["JoinError", "NoInput", "first: there was no input"])
    })
  )
})

describe("Joiner.firstN", () => {
  rule("gives the first n values in the order of arrival", () =>
    Effect.map(timed(join(Joiner.firstN(2))), (got) => expect(got).toEqual([[10, 20], 20]))
  )

  rule("gives fewer when fewer come", () => Effect.map(join(Joiner.firstN(9)), (got) => expect(got).toEqual([10, 20, 30])))

  rule("fails with every cause when no task completes, and at once for no input", () =>
    Effect.gen(function* () {
      expect(yield* failed(fanOut([failsAfter(1, "a")], Joiner.firstN(3)))).toEqual(["firstN(3): 0 of the 1 values needed", "0 Fail(a)"])
      expect(yield* failed(fanOut([], Joiner.firstN(3)))).toEqual(["firstN(3): there was no input"])
    })
  )
})

describe("Joiner.quorum", () => {
  rule("gives n values in the order of arrival, as soon as they are there", () =>
    Effect.map(timed(join(Joiner.quorum(2))), (got) => expect(got).toEqual([[10, 20], 20]))
  )

  // p-some#5
  rule("fails with every cause as soon as n values can no longer come", () =>
    Effect.gen(function* () {
      const [told, at] = yield* timed(failed(join(Joiner.quorum(4))))
      expect([at, ...told]).toEqual([
        15,
        "quorum(4): 1 of the 4 values needed",
        "1 Fail(a)",
        "3 Fail(b)",
        "cancelled",
        "completed",
        "cancelled"
      ])
    })
  )

  rule("starts nothing when there are fewer inputs than it needs", () =>
    Effect.gen(function* () {
      let started = 0
      const task = Effect.sync(() => started++)
      const told = yield* failed(fanOut([task, task], Joiner.quorum(3)))
      expect([started, ...told]).toEqual([0, "quorum(3): 0 of the 3 values needed", "notStarted", "notStarted"])
      expect(yield* failed(fanOut(new Set([task, Effect.void]), Joiner.quorum(3)))).toContain("notStarted")
      expect(yield* failed(fanOut([], Joiner.quorum(1)))).toEqual(["quorum(1): there was no input"])
    })
  )

  rule("notices that a source of unknown size has ended too early for it", () =>
    Effect.gen(function* () {
      const source = function* () {
        yield after(50, 1)
        yield failsAfter(5, "no")
      }
      expect(yield* timed(failed(fanOut(source(), Joiner.quorum(3))))).toEqual([
        ["quorum(3): 0 of the 3 values needed", "cancelled", "cancelled"],
        0
      ])
    })
  )
})

describe("Joiner.merge", () => {
  // D-B12
  rule("merges the values there are in input order, and shows what is missing", () =>
    Effect.gen(function* () {
      const merged = yield* join(Joiner.merge((values, result) => `${values.join("+")}, ${result.failed} missing`))
      expect(merged).toBe("30+10+20, 2 missing")
    })
  )

  rule("insists on at least one value, and on as many as it is told", () =>
    Effect.gen(function* () {
      const sum = (values: Array<number>) => values.reduce((a, b) => a + b, 0)
      expect(yield* failed(fanOut([Effect.fail("a")], Joiner.merge(sum)))).toEqual(["merge: 0 of the 1 values needed", "0 Fail(a)"])
      expect(yield* failed(fanOut([], Joiner.merge(sum)))).toEqual(["merge: there was no input"])
      expect(yield* fanOut([], Joiner.merge(sum, { atLeast: 0 }))).toBe(0)
      const [told, at] = yield* timed(failed(join(Joiner.merge(sum, { atLeast: 4 }))))
      expect([told[0], at]).toEqual(["merge: 1 of the 4 values needed", 15])
    })
  )
})

describe("Joiner.reduce", () => {
  rule("folds every outcome in the order of arrival, and never fails", () =>
    Effect.gen(function* () {
      const words = yield* join(
        Joiner.reduce(
          () => "",
          (text, outcome) => `${text} ${outcome._tag === "Completed" ? outcome.value : outcome.status}`
        ),
        { timeout: 25 }
      )
      expect(words).toBe(" failed 10 failed 20 timeout")
      expect(
        yield* fanOut(
          [],
          Joiner.reduce(
            () => 7,
            () => 8
          )
        )
      ).toBe(7)
    })
  )
})

describe("Joiner.best", () => {
  rule("gives the greatest value by the order, and of equals that of the earliest input", () =>
    Effect.gen(function* () {
      expect(yield* join(Joiner.best(Order.Number))).toBe(30)
      const byLength = Order.mapInput(Order.Number, (text: string) => text.length)
      expect(yield* fanOut([after(9, "bb"), after(1, "cc"), after(2, "a")], Joiner.best(byLength))).toBe("bb")
    })
  )

  rule("gives the best answer by the deadline", () =>
    Effect.map(timed(join(Joiner.best(Order.Number), { timeout: 25 })), (got) => expect(got).toEqual([20, 25]))
  )

  rule("fails with every cause when no task completes, and at once for no input", () =>
    Effect.gen(function* () {
      expect(yield* failed(fanOut([failsAfter(1, "a")], Joiner.best(Order.Number)))).toEqual([
        "best: 0 of the 1 values needed",
        "0 Fail(a)"
      ])
      expect(yield* failed(fanOut([], Joiner.best(Order.Number)))).toEqual(["best: there was no input"])
    })
  )
})

describe("Joiner.until", () => {
  rule("stops at the first outcome that is accepted, and gives the whole result", () =>
    Effect.gen(function* () {
      let failures = 0
      const [result, at] = yield* timed(join(Joiner.until((outcome) => outcome._tag === "Failed" && ++failures === 2)))
      expect([at, ...result.list.map(({ status }) => status)]).toEqual([15, "cancelled", "failed", "completed", "failed", "cancelled"])
      expect(
        (yield* fanOut(
          [],
          Joiner.until(() => true)
        )).total
      ).toBe(0)
    })
  )
})

describe("Joiner.make", () => {
  const counting = Joiner.make({
    initial: () => ({ seen: [] as Array<number>, left: [] as Array<number> }),
    onOutcome: (state, outcome: Outcome.Outcome<number, string>) => {
      state.seen.push(outcome.index)
      return Joiner.next(state)
    },
    isPossible: (state, left) => state.left.push(left) > 0,
    onEnd: Effect.succeed
  })

  rule("shows each outcome once, with the number of those that may still come", () =>
    Effect.gen(function* () {
      expect(yield* join(counting)).toEqual({ seen: [1, 2, 3, 4, 0], left: [5, 4, 3, 2, 1, 0] })
      expect(yield* fanOut(numbers.slice(0, 3).values(), counting, { concurrency: 1 })).toEqual({
        seen: [0, 1, 2],
        left: [Infinity, Infinity, Infinity, Infinity, 0]
      })
    })
  )

  rule("has a state of its own in each of many calls at once", () =>
    Effect.gen(function* () {
      const all = yield* Effect.all([join(Joiner.firstN(1)), join(Joiner.firstN(1)), join(counting), join(counting)], { concurrency: 4 })
      expect(all.map((got) => ("seen" in got ? got.seen.length : got.length))).toEqual([1, 1, 5, 5])
      const shared = Joiner.firstN(2)
      expect(yield* Effect.all([join(shared), join(shared)], { concurrency: 2 })).toEqual([
        [10, 20],
        [10, 20]
      ])
    })
  )

  rule("is a function that may be written by hand, and takes an Exit for an answer", () =>
    Effect.gen(function* () {
      const exit = () => ({ onOutcome: () => true, isPossible: () => true, onEnd: () => Exit.succeed(1) })
      expect(yield* fanOut([Effect.void], exit)).toBe(1)
    })
  )
})

describe("Joiner: bad input", () => {
  const whole = "a whole number of at least 1"
  const make = { initial: () => 0, onOutcome: () => Joiner.next(0), onEnd: () => Effect.void }
  const wrong: ReadonlyArray<readonly [run: () => unknown, error: Error]> = [
    ...[0, -1, 2.5, Number.NaN, Infinity, "2", null, 2n].flatMap((n) => [
      [() => Joiner.quorum(n as number), new RangeError(`Joiner.quorum: n must be ${whole}, got ${shown(n)}`)] as const,
      [() => Joiner.firstN(n as number), new RangeError(`Joiner.firstN: n must be ${whole}, got ${shown(n)}`)] as const
    ]),
    [() => Joiner.merge(() => 0, { atLeast: -1 }), new RangeError("Joiner.merge: atLeast must be a whole number of at least 0, got -1")],
    [
      () => Joiner.merge(() => 0, { atLeast: Number.NaN }),
      new RangeError("Joiner.merge: atLeast must be a whole number of at least 0, got NaN")
    ],
    [() => Joiner.merge(() => 0, { min: 1 } as never), new RangeError('Joiner.merge: unknown option "min", known are atLeast')],
    // D-B12: at once, before anything runs.
    [() => Joiner.merge(undefined as never), new TypeError("Joiner.merge: f must be a function, got undefined")],
    [
      () => Joiner.all({ onFailure: "isolate" as never }),
      new RangeError('Joiner.all: onFailure must be "interrupt" | "collect", got "isolate"')
    ],
    [() => Joiner.all(3 as never), new RangeError("Joiner.all: options must be an object, got 3")],
    [() => Joiner.reduce(0 as never, (n) => n), new TypeError("Joiner.reduce: initial must be a function, got 0")],
    [() => Joiner.reduce(() => 0, 1 as never), new TypeError("Joiner.reduce: f must be a function, got 1")],
    [() => Joiner.best({} as never), new TypeError("Joiner.best: order must be a function, got an object")],
    [() => Joiner.until(true as never), new TypeError("Joiner.until: predicate must be a function, got true")],
    [() => Joiner.make(undefined as never), new RangeError("Joiner.make: options must be an object, got undefined")],
    [() => Joiner.make({ ...make, initial: 0 } as never), new TypeError("Joiner.make: initial must be a function, got 0")],
    [() => Joiner.make({ ...make, onOutcome: 0 } as never), new TypeError("Joiner.make: onOutcome must be a function, got 0")],
    [() => Joiner.make({ ...make, onEnd: 0 } as never), new TypeError("Joiner.make: onEnd must be a function, got 0")],
    [() => Joiner.make({ ...make, isPossible: 0 } as never), new TypeError("Joiner.make: isPossible must be a function, got 0")],
    [() => Joiner.make({ ...make, name: 0 } as never), new RangeError("Joiner.make: name must be a string, got 0")],
    [
      () => Joiner.make({ ...make, onend: 0 } as never),
      new RangeError('Joiner.make: unknown option "onend", known are name, initial, onOutcome, isPossible, onEnd')
    ]
  ]

  it.each(wrong.map(([run, error]) => [error.message, run, error] as const))("says: %s", (_, run, error) => {
    expect(run).toThrow(error)
  })
})

const shown = (n: unknown): string => (typeof n === "string" ? JSON.stringify(n) : typeof n === "bigint" ? `${n}n` : String(n))

// -----------------------------------------------------------------------------
// Random inputs against a reference
// -----------------------------------------------------------------------------

interface Input {
  /** An instant of its own, or never. */
  readonly at: number
  readonly does: "succeed" | "fail" | "never"
}

const inputs = fc
  .array(
    fc.record({
      at: fc.integer({ min: 1, max: 40 }),
      does: fc.constantFrom("succeed" as const, "fail" as const, "succeed" as const, "never" as const)
    }),
    {
      maxLength: 9
    }
  )
  .map((list): ReadonlyArray<Input> => list.map(({ at, does }, i) => ({ at: does === "never" ? Infinity : at * 16 + i, does })))

const effectOf = ({ at, does }: Input): Effect.Effect<number, string> =>
  does === "never" ? tidiesUp(3, () => undefined) : does === "fail" ? failsAfter(at, "no") : after(at, at)

/** The plainest possible answers, for tasks that all start at once and a call that ends at `limit`. */
const reference = (given: ReadonlyArray<Input>, n: number, limit: number) => {
  const ended = given.filter(({ at }) => at < limit).sort((a, b) => a.at - b.at)
  const arrived = ended.filter(({ does }) => does === "succeed").map(({ at }) => at)
  const failures = ended.filter(({ does }) => does === "fail")
  const kept = given.filter(({ at, does }) => does === "succeed" && at < limit).map(({ at }) => at)
  return {
    all: arrived.length === given.length ? kept : undefined,
    first: arrived[0],
    firstN: arrived.length === 0 ? undefined : arrived.slice(0, n),
    quorum: arrived.length < n ? undefined : arrived.slice(0, n),
    merge: kept.length === 0 ? undefined : kept,
    best: arrived.length === 0 ? undefined : Math.max(...arrived),
    /** When a quorum that fails is known to fail. */
    lostAt: given.length < n ? 0 : (failures[given.length - n]?.at ?? limit)
  }
}

describe("Joiners of random inputs", () => {
  it("answer as the reference says, under any schedule, each in its time", () => {
    const seen = { met: 0, lost: 0 }
    fc.assert(
      fc.property(inputs, fc.integer({ min: 1, max: 5 }), fc.nat({ max: 10_000 }), fc.boolean(), (given, n, seed, lazy) => {
        const limit = 400.5
        const expected = reference(given, n, limit)
        const effects = given.map(effectOf)
        const run = <B>(joiner: Joiner.Joiner<number, string, B, Joiner.JoinError<number, string>>) => {
          const options = { concurrency: "unbounded", timeout: limit } as const
          const found = Simulator.runSync(timed(Effect.option(fanOut(lazy ? effects.values() : effects, joiner, options))), { seed })
          if (found.verdict !== "passed" || found.leaks.length > 0 || found.timers.length > 0) throw new Error(found.report)
          const [answer, at] = (found.exit as Exit.Success<readonly [{ _tag: string; value?: B }, number]>).value
          return { answer: answer._tag === "Some" ? answer.value : undefined, at }
        }
        expect(run(Joiner.all()).answer).toEqual(expected.all)
        expect(run(Joiner.all({ onFailure: "collect" })).answer).toEqual(expected.all)
        expect(run(Joiner.first()).answer).toEqual(expected.first)
        expect(run(Joiner.firstN(n)).answer).toEqual(expected.firstN)
        expect(run(Joiner.merge((values) => values)).answer).toEqual(expected.merge)
        expect(run(Joiner.best(Order.Number)).answer).toEqual(expected.best)
        const quorum = run(Joiner.quorum(n))
        expect(quorum.answer).toEqual(expected.quorum)
        // Three milliseconds is what the cleanup of those takes that never end.
        const decidedAt = expected.quorum === undefined ? expected.lostAt : expected.quorum[n - 1]!
        expect([decidedAt, decidedAt + 3]).toContain(quorum.at)
        seen[expected.quorum === undefined ? "lost" : "met"]++
      }),
      { numRuns: 400 }
    )
    expect(Math.min(seen.met, seen.lost)).toBeGreaterThan(50)
  })
})

describe("JoinError", () => {
  rule("holds every outcome, and rides on the cause as well", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(join(Joiner.quorum(5)))
      const cause = exit._tag === "Failure" ? exit.cause : Cause.empty
      const error = cause.reasons.find(Cause.isFailReason)?.error as Joiner.JoinError<number, string>
      expect(GatherResult.fromCause(cause)).toBe(error.result)
      expect(error.result.list.every((outcome) => outcome instanceof Outcome.Failed || outcome instanceof Outcome.Cancelled)).toBe(true)
      expect(error.message).toBe(
        "quorum(5): 0 of the 5 values needed; 0 of 5 tasks completed (1 failed, 4 cancelled); first: task 0 was cancelled: joiner decided"
      )
    })
  )
})
