import { Deadline, GatherResult, Limiter, Outcome } from "@skein/core"
import { SourceFailed } from "@skein/parallel"
import { fanOut, type FanOutOptions } from "@skein/parallel/fanOut"
import * as Joiner from "@skein/parallel/Joiner"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Order from "effect/Order"
import * as Schedule from "effect/Schedule"
import { getEventListeners } from "node:events"
import { describe, expect, it } from "vitest"
import { after, logged, Meter, reasons, rule, stubborn, tidiesUp, told, word } from "./kit.ts"

const millis = Effect.clockWith((clock) => clock.currentTimeMillis)

/** Runs an effect for its exit: the value, or the reasons of its cause in words with the partial result that rides on it. */
const answered = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    if (Exit.isSuccess(exit)) return [exit.value]
    const partial = GatherResult.fromCause(exit.cause)
    return [reasons(exit.cause), ...(partial === undefined ? ["no partial"] : told(partial))]
  })

describe("fanOut: an early decision", () => {
  // D-B2, D-B4
  rule("interrupts what still runs, and waits for its finalizers before it returns", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const loser = (ms: number) => tidiesUp(ms, () => void events.push(`cleaned up in ${ms}`))
      events.push(yield* fanOut([loser(20), after(5, "quick"), loser(10)], Joiner.first()))
      expect([...events, yield* millis]).toEqual(["cleaned up in 10", "cleaned up in 20", "quick", 25])
    })
  )

  rule("starts nothing more", () =>
    Effect.gen(function* () {
      const meter = new Meter()
      const tasks = Array.from({ length: 50 }, (_, n) => meter.count(after(1, n)))
      expect(yield* fanOut(tasks, Joiner.firstN(3), { concurrency: 1 })).toEqual([0, 1, 2])
      expect(meter.total).toBe(3)
    })
  )

  rule("pulls nothing more, and closes the source", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const endless = function* () {
        try {
          for (let n = 0; ; n++) {
            events.push(`pulled ${n}`)
            yield after(1, n)
          }
        } finally {
          events.push("closed")
        }
      }
      expect(yield* fanOut(endless(), Joiner.firstN(2), { concurrency: 1 })).toEqual([0, 1])
      expect(events).toEqual(["pulled 0", "pulled 1", "closed"])
    })
  )

  rule("shows the joiner no further outcome, and every observer all of them", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const joined: Array<number> = []
      const joiner = Joiner.make({
        initial: () => 0,
        onOutcome: (_, outcome: Outcome.Outcome<number>) => (joined.push(outcome.index), Joiner.decided(0)),
        onEnd: Effect.succeed
      })
      const tasks = [after(10, 1), after(5, 2), stubborn(20, 3)]
      yield* fanOut([...tasks, after(1, 4)], joiner, {
        concurrency: 3,
        onOutcome: (outcome) => void seen.push(`${outcome.index} ${word(outcome)}`)
      })
      const why = "(joiner decided)"
      expect(joined).toEqual([1])
      expect(seen).toEqual(["1 completed 2", `0 cancelled ${why} Interrupt`, "2 completed 3 late", `3 notStarted ${why}`])
    })
  )

  rule("leaves late values in the result and out of the answer", () =>
    Effect.gen(function* () {
      const late: Array<string> = []
      const joiner = Joiner.make({
        initial: () => 0,
        onOutcome: (_, outcome: Outcome.Outcome<number>) => Joiner.decided(outcome.index),
        onEnd: (index, result) => Effect.sync(() => (late.push(...told(result)), index))
      })
      expect(yield* fanOut([stubborn(20, 7), after(5, 8)], joiner)).toBe(1)
      expect(late).toEqual(["completed 7 late", "completed 8"])
    })
  )

  rule("asks once for each loser to stop, and tells its cleanup why", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const loser = Effect.onExit(Effect.never, (exit) =>
        Effect.sync(() => {
          const reason = Exit.isFailure(exit) ? Outcome.reasonFromCause(exit.cause) : undefined
          asked.push(reason === undefined ? "for no reason" : Outcome.formatReason(reason))
        })
      )
      yield* fanOut([loser, after(5, 0)], Joiner.first())
      expect(asked).toEqual(["joiner decided"])
    })
  )

  rule("lists as abandoned what does not stop within the grace", () =>
    Effect.gen(function* () {
      const result = yield* fanOut(
        [stubborn(60, 1), after(5, 2)],
        Joiner.until((outcome) => outcome._tag === "Completed"),
        { grace: 10 }
      )
      expect([yield* millis, ...result.abandoned.map(({ index }) => index)]).toEqual([15, 0])
      yield* result.abandoned[0]!.await
    })
  )
})

describe("fanOut: limits and stops", () => {
  rule("asks the joiner for its answer with what there is when the time is over", () =>
    Effect.gen(function* () {
      const offers = [after(10, 3), after(20, 9), after(30, 12)]
      expect(yield* fanOut(offers, Joiner.best(Order.Number), { timeout: 25 })).toBe(9)
      expect(yield* answered(fanOut(offers, Joiner.all(), { timeout: 15 }))).toEqual([
        "Fail(all: not all values; 1 of 3 tasks completed (1 completed, 2 timed out); first: task 1 hit the call limit of 15ms)",
        "completed 3",
        "timeout call Interrupt",
        "timeout call Interrupt"
      ])
    })
  )

  // Law 10
  rule("answers a deadline around it with what there is", () =>
    Effect.gen(function* () {
      const call = fanOut(
        [after(10, "a"), Effect.never],
        Joiner.merge((values) => values.join())
      )
      expect(yield* Deadline.within(call, 20)).toBe("a")
      expect(yield* millis).toBe(20)
    })
  )

  rule("counts a value that arrives although its task was asked to stop", () =>
    Effect.map(fanOut([stubborn(20, "paid")], Joiner.first(), { timeout: 5 }), (value) => expect(value).toBe("paid"))
  )

  rule("obeys the caller's own stop, be it a signal or an effect, with its reason", () =>
    Effect.gen(function* () {
      const controller = new AbortController()
      yield* Effect.forkChild(
        Effect.andThen(
          Effect.sleep(5),
          Effect.sync(() => controller.abort("enough"))
        )
      )
      const tasks = [after(1, "a"), Effect.never]
      const join = (options: FanOutOptions<string, never>) =>
        Effect.map(
          fanOut(
            tasks,
            Joiner.until(() => false),
            options
          ),
          told
        )
      expect(yield* join({ stop: controller.signal })).toEqual(["completed a", "cancelled (aborted: enough) Interrupt"])
      expect(yield* join({ stop: Effect.sleep(5) })).toEqual(["completed a", "cancelled (stopped) Interrupt"])
      expect(yield* join({ stop: AbortSignal.abort(42) })).toEqual(["notStarted (aborted: 42)", "notStarted (aborted: 42)"])
    })
  )

  rule("still decides early beside a stop of the caller's, and leaves neither listener nor fiber with it", () =>
    Effect.gen(function* () {
      const { signal } = new AbortController()
      const tasks = [after(5, "a"), Effect.never]
      expect(yield* fanOut(tasks, Joiner.first(), { stop: signal })).toBe("a")
      expect(getEventListeners(signal, "abort").length).toBe(0)
      expect(yield* fanOut(tasks, Joiner.first(), { stop: Effect.never })).toBe("a")
      expect(yield* millis).toBe(10)
    })
  )

  rule("gives a retried task one outcome, that of its last attempt", () =>
    Effect.gen(function* () {
      let attempts = 0
      const flaky = Effect.suspend(() => (++attempts < 3 ? Effect.fail("no luck") : Effect.succeed(attempts)))
      expect(yield* fanOut([flaky, Effect.fail("no luck")], Joiner.first(), { retry: { times: 4, schedule: Schedule.spaced(1) } })).toBe(3)
    })
  )

  rule("runs its tasks under a shared limiter", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      const meter = new Meter()
      const tasks = [1, 2, 3].map((n) => meter.count(after(1, n)))
      yield* Effect.all([fanOut(tasks, Joiner.all(), { limiter }), fanOut(tasks, Joiner.quorum(2), { limiter })], { concurrency: 2 })
      expect([meter.peak, (yield* limiter.stats).running]).toEqual([1, 0])
    })
  )

  rule("nests, and provides services", () =>
    Effect.gen(function* () {
      class Name extends Context.Service<Name, string>()("test/Name") {}
      const inner = fanOut([Effect.never, Effect.flatMap(Name, (name) => after(2, name))], Joiner.first())
      const outer = fanOut([inner, after(9, "slow")], Joiner.first())
      expect(yield* Effect.provideService(outer, Name, "ada")).toBe("ada")
    })
  )
})

describe("fanOut: interruption", () => {
  rule("interrupts each task once, waits for its cleanup, and does not ask the joiner", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const joiner = Joiner.make({
        initial: () => 0,
        onOutcome: () => Joiner.next(0),
        onEnd: () => Effect.sync(() => void events.push("asked"))
      })
      const child = yield* Effect.forkChild(
        fanOut(
          [20, 10].map((ms) => tidiesUp(ms, () => void events.push(`cleaned up in ${ms}`))),
          joiner
        )
      )
      yield* Effect.sleep(5)
      yield* Fiber.interrupt(child)
      expect(events).toEqual(["cleaned up in 10", "cleaned up in 20"])
    })
  )
})

describe("fanOut: what breaks", () => {
  const tasks = (events: Array<string>) => [after(5, 1), tidiesUp(10, () => void events.push("cleaned up")), after(30, 2)]
  const fine = { initial: () => 0, onOutcome: () => Joiner.next(0), onEnd: () => Effect.void }
  const cut = "(joiner threw: Error: bug)"
  const bug = (): never => {
    throw new Error("bug")
  }

  rule("a joiner that throws at an outcome is a defect that carries the partial result, after all is cleaned up", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      expect(yield* answered(fanOut(tasks(events), Joiner.make({ ...fine, onOutcome: bug })))).toEqual([
        "Die(bug)",
        "completed 1",
        `cancelled ${cut} Interrupt`,
        `cancelled ${cut} Interrupt`
      ])
      expect([...events, yield* millis]).toEqual(["cleaned up", 15])
    })
  )

  rule("a joiner that throws before anything starts lets nothing start", () =>
    Effect.gen(function* () {
      const expected = ["Die(bug)", `notStarted ${cut}`, `notStarted ${cut}`, `notStarted ${cut}`]
      expect(yield* answered(fanOut(tasks([]), Joiner.make({ ...fine, initial: bug })))).toEqual(expected)
      expect(yield* answered(fanOut(tasks([]), Joiner.make({ ...fine, isPossible: bug })))).toEqual(expected)
    })
  )

  rule("a joiner that throws at the end carries what was there", () =>
    Effect.gen(function* () {
      for (const onEnd of [bug, () => Effect.die(new Error("bug"))]) {
        expect(yield* answered(fanOut([after(1, 1)], Joiner.make({ ...fine, onEnd })))).toEqual(["Die(bug)", "completed 1"])
      }
      const never = () => Joiner.until<number, never>(bug)
      expect(yield* answered(fanOut([after(1, 1)], never()))).toEqual(["Die(bug)", "completed 1"])
      expect(
        yield* answered(
          fanOut(
            [after(1, 1)],
            Joiner.reduce(() => 0, bug)
          )
        )
      ).toEqual(["Die(bug)", "completed 1"])
      // D-B12: a merge function that throws.
      expect(yield* answered(fanOut([after(1, 1)], Joiner.merge(bug)))).toEqual(["Die(bug)", "completed 1"])
      expect(yield* answered(fanOut([after(1, 1), after(2, 2)], Joiner.best<number>(bug)))).toEqual([
        "Die(bug)",
        "completed 1",
        "completed 2"
      ])
    })
  )

  rule("a joiner that gives something else than it may is a defect that says what", () =>
    Effect.gen(function* () {
      expect(yield* answered(fanOut([after(1, 1)], Joiner.make({ ...fine, name: "mine", onOutcome: () => true as never })))).toEqual([
        "Die(mine: what onOutcome gives must be Joiner.next(state) or Joiner.decided(state), got true)",
        "completed 1"
      ])
      expect(yield* answered(fanOut([after(1, 1)], Joiner.make({ ...fine, onEnd: () => 3 as never })))).toEqual([
        "Die(fanOut: what the joiner's onEnd gives must be an Effect, got 3)",
        "completed 1"
      ])
      expect(yield* answered(fanOut([after(1, 1)], Joiner.first as never))).toEqual([
        "Die(fanOut: joiner must be a Joiner, got function first)",
        "notStarted (joiner threw: TypeError: fanOut: joiner must be a Joiner, got function first)"
      ])
    })
  )

  rule("a source that throws is a defect with the partial result, and loses no defect of the joiner's", () =>
    Effect.gen(function* () {
      const source = function* () {
        yield after(5, 1)
        throw new Error("next broke")
      }
      const exit = yield* Effect.exit(fanOut(source(), Joiner.make({ ...fine, onOutcome: bug })))
      const defects = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason).map(({ defect }) => defect) : []
      expect(defects.map((defect) => (defect instanceof SourceFailed ? told(defect.partial) : (defect as Error).message))).toEqual([
        "bug",
        ["completed 1"]
      ])
    })
  )

  rule("an element that is no effect fails as the task it is", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(fanOut([3 as never as Effect.Effect<number>], Joiner.first()))
      expect(error.causes.map(({ cause }) => reasons(cause))).toEqual(["Die(fanOut: each task must be an Effect, got 3 for item 0)"])
    })
  )

  // Law 13
  rule("an observer that throws is logged and changes nothing", () =>
    Effect.gen(function* () {
      const [value, lines] = yield* logged(fanOut([after(1, 1)], Joiner.first(), { name: "mirrors", onOutcome: bug }))
      yield* Effect.yieldNow
      expect([value, ...lines]).toEqual([1, "skein: onOutcome of mirrors threw Die(bug)"])
    })
  )
})

describe("fanOut: bad input", () => {
  const bound = `a whole number of at least 1, or "unbounded"`
  const wrong: ReadonlyArray<readonly [options: object, message: string]> = [
    ...[0, -1, 2.5, Number.NaN, "8", null].map(
      (n) => [{ concurrency: n }, `concurrency must be ${bound}, got ${typeof n === "string" ? `"${n}"` : n}`] as const
    ),
    [{ timeout: -1 }, "timeout must be a duration that is not negative, got -1"],
    [{ onFailure: "interrupt" }, 'onFailure must be left out, for the joiner decides that, got "interrupt"'],
    [{ onTimeout: "fail" }, 'onTimeout must be left out, for the joiner decides that, got "fail"'],
    [{ stop: {} }, "stop must be an AbortSignal or an Effect, got an object"],
    [{ onOutcome: 1 }, "onOutcome must be a function, got 1"]
  ]
  it.each(wrong)("refuses %o at once", (options, message) => {
    expect(() => fanOut([Effect.void], Joiner.first(), options)).toThrow(new RangeError(`fanOut: ${message}`))
  })

  it("refuses an unknown option, and what is neither effects nor a joiner, at once", () => {
    expect(() => fanOut([Effect.void], Joiner.first(), { aggregation: "all" } as never)).toThrow(
      /^fanOut: unknown option "aggregation", known are name, /
    )
    expect(() => fanOut([Effect.void], "first" as never)).toThrow(new TypeError('fanOut: joiner must be a Joiner, got "first"'))
    expect(() => fanOut([Effect.void], undefined as never)).toThrow(new TypeError("fanOut: joiner must be a Joiner, got undefined"))
    for (const effects of [undefined, null, 3, {}]) expect(() => fanOut(effects as never, Joiner.first())).toThrow(TypeError)
    expect(() => fanOut(Effect.void as never, Joiner.first())).toThrow(
      /^fanOut: effects must be an iterable, an async iterable or a Stream of effects, got /
    )
  })
})
