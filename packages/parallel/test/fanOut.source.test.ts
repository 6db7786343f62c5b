import { Deadline, GatherResult, type Outcome } from "@skein/core"
import { Simulator } from "@skein/core/testing"
import { SourceFailed } from "@skein/parallel"
import { fanOut } from "@skein/parallel/fanOut"
import * as Joiner from "@skein/parallel/Joiner"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Order from "effect/Order"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { after, failsAfter, logged, Meter, reasons, rule, tidiesUp, told } from "./kit.ts"

const millis = Effect.clockWith((clock) => clock.currentTimeMillis)

/** Effects one after the other, from each kind of source; notes what is asked of it. */
const kinds = {
  "an iterator": <A, E>(events: Array<string>, effects: ReadonlyArray<Effect.Effect<A, E>>, broken?: unknown) =>
    (function* () {
      try {
        for (const effect of effects) {
          events.push("pull")
          yield effect
        }
        if (broken !== undefined) throw broken
        events.push("end")
      } finally {
        events.push("closed")
      }
    })(),
  "an async iterator": <A, E>(events: Array<string>, effects: ReadonlyArray<Effect.Effect<A, E>>, broken?: unknown) =>
    (async function* () {
      try {
        for (const effect of effects) {
          events.push("pull")
          yield effect
        }
        if (broken !== undefined) throw broken
        events.push("end")
      } finally {
        events.push("closed")
      }
    })(),
  "a Stream": <A, E>(events: Array<string>, effects: ReadonlyArray<Effect.Effect<A, E>>, broken?: unknown) =>
    Stream.fromArray(effects).pipe(
      Stream.rechunk(1),
      Stream.tap(() => Effect.sync(() => void events.push("pull"))),
      Stream.concat(broken === undefined ? Stream.sync(() => void events.push("end")).pipe(Stream.drain) : Stream.fail(broken)),
      Stream.ensuring(Effect.sync(() => void events.push("closed")))
    )
} as const
const lazy = Object.entries(kinds) as ReadonlyArray<readonly [string, (typeof kinds)["an async iterator"]]>
const failing = lazy.filter(([kind]) => kind !== "an iterator")

/** What a joiner is told, in its order; it never decides. */
const witness = () => {
  const told: Array<string> = []
  const joiner = (start: Joiner.Start<unknown, unknown>): Joiner.Fold<unknown, unknown, ReadonlyArray<string>> => {
    told.push(`begins with ${start.total}`)
    return {
      onOutcome: (outcome) => (told.push(outcome.status), false),
      isPossible: (left) => (told.push(`${left} left`), true),
      onEnd: ({ exhausted, total }) => Effect.sync(() => (told.push(`${exhausted ? "all" : "not all"} of ${total}`), told))
    }
  }
  return { told, joiner }
}

describe.each(lazy)("fanOut over %s", (_, source) => {
  rule("tells the joiner how many are left when the source has ended, and not before", () =>
    Effect.gen(function* () {
      const { joiner } = witness()
      const events = yield* fanOut(source([], [after(1, 1), after(9, 2)]), joiner, { concurrency: 2 })
      expect(events.slice(0, 2)).toEqual(["begins with Infinity", "Infinity left"])
      // The end may be read before or after the first task ends.
      expect(events.filter((event) => event === "1 left").length).toBeGreaterThan(0)
      expect(events.slice(-2)).toEqual(["0 left", "all of 2"])
    })
  )

  rule("stops pulling when the joiner has decided, and closes the source after the losers' cleanup", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const effects = [tidiesUp(20, () => void events.push("cleaned up")), after(5, "quick"), after(50, "never asked for")]
      expect(yield* fanOut(source(events, effects), Joiner.first(), { concurrency: 2 })).toBe("quick")
      expect(events).toEqual(["pull", "pull", "cleaned up", "closed"])
      expect(yield* millis).toBe(25)
    })
  )

  rule("fails at once when the source ends with too few left for a quorum, and stops the rest", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const effects = [Effect.never, failsAfter(5, "no"), failsAfter(6, "no")]
      const error = yield* Effect.flip(fanOut(source(events, effects), Joiner.quorum(2)))
      expect(error).toMatchObject({ _tag: "JoinError", reason: { _tag: "TooFew", needed: 2, got: 0 } })
      // The end of the source was read in the first instant; the second failure decides.
      expect([yield* millis, events.at(-2)]).toEqual([6, "end"])
      expect((error as Joiner.JoinError<never, string>).result.list[0]).toMatchObject({ reason: { _tag: "Decided" } })
    })
  )

  rule("fails at once when it ends with fewer tasks than the quorum has, without waiting for them", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(fanOut(source([], [Effect.never, Effect.never]), Joiner.quorum(3)))
      expect([error._tag, yield* millis]).toEqual(["JoinError", 0])
    })
  )

  rule("takes an empty one for no input", () =>
    Effect.gen(function* () {
      expect(yield* fanOut(source([], []), Joiner.all())).toEqual([])
      expect(yield* Effect.flip(fanOut(source([], []), Joiner.first()))).toMatchObject({ reason: { _tag: "NoInput" } })
    })
  )

  rule("asks the joiner for its answer with what there is when the time is over", () =>
    Effect.gen(function* () {
      const effects = [after(5, 1), Effect.never, after(1, 2), after(1, 3)]
      expect(yield* fanOut(source([], effects), Joiner.best(Order.Number), { timeout: 9, concurrency: 2 })).toBe(3)
    })
  )

  rule("interrupts each task once and closes the source when the caller is interrupted, and asks nobody", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const { joiner, told: heard } = witness()
      const tasks = [tidiesUp(10, () => void events.push("cleaned up")), Effect.never]
      const call = yield* Effect.forkChild(fanOut(source(events, [...tasks, Effect.never]), joiner, { concurrency: 2 }))
      yield* Effect.sleep(5)
      yield* Fiber.interrupt(call)
      expect(events).toEqual(["pull", "pull", "cleaned up", "closed"])
      expect(heard.at(-1)).not.toMatch(/all of/)
    })
  )
})

describe.each(failing)("fanOut over %s that fails", (_, source) => {
  rule("lets running tasks end, shows them to the joiner, and fails with the source's failure and all there is", () =>
    Effect.gen(function* () {
      const { joiner, told: heard } = witness()
      const exit = yield* Effect.exit(fanOut(source([], [after(10, 1), failsAfter(20, "no")], "torn"), joiner))
      const cause = Exit.isFailure(exit) ? exit.cause : undefined
      expect(reasons(cause!)).toBe("Fail(the source of items failed after 2 items: torn)")
      expect(told(GatherResult.fromCause(cause!)!)).toEqual(["completed 1", "failed Fail(no)"])
      // It was shown what ended, never that nothing more would come, and was not asked for an answer.
      expect(heard.filter((event) => !event.endsWith("left"))).toEqual(["begins with Infinity", "completed", "failed"])
      expect(heard.filter((event) => event.endsWith("left"))).toEqual(["Infinity left", "Infinity left", "Infinity left"])
      expect(yield* millis).toBe(20)
    })
  )

  rule("gives the answer that its tasks decide all the same, and logs what the source failed with", () =>
    Effect.gen(function* () {
      const call = fanOut(source([], [after(10, "found"), Effect.never], "torn"), Joiner.first(), { name: "mirrors" })
      const [value, lines] = yield* logged(call)
      expect([value, yield* millis]).toEqual(["found", 10])
      expect(lines).toEqual([
        "skein: mirrors: its source failed, and its joiner had decided Fail(the source of items failed after 2 items: torn)"
      ])
    })
  )

  rule("fails with both when the joiner throws after it", () =>
    Effect.gen(function* () {
      const broken = Joiner.reduce(
        () => 0,
        (): number => {
          throw new Error("bug")
        }
      )
      const exit = yield* Effect.exit(fanOut(source([], [after(10, 1)], "torn"), broken))
      expect(Exit.isFailure(exit) && reasons(exit.cause)).toBe("Die(bug)+Fail(the source of items failed after 1 items: torn)")
    })
  )
})

describe("fanOut over a source that is told to stop", () => {
  const stuck = (close: () => Promise<never>): AsyncIterable<Effect.Effect<number>> => ({
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.resolve({ done: false, value: after(5, 1) }),
      return: close
    })
  })

  rule("an answer that was decided stands when the source fails at its closing, which is logged", () =>
    Effect.gen(function* () {
      const items = stuck(() => Promise.reject(new Error("stuck lid")))
      const [value, lines] = yield* logged(fanOut(items, Joiner.firstN(2), { concurrency: 1 }))
      expect(value).toEqual([1, 1])
      expect(lines).toEqual([expect.stringMatching(/^skein: fanOut: its source failed, and its joiner had decided Fail\(.*stuck lid\)$/)])
    })
  )

  rule("a generator whose cleanup throws is a defect, whatever was decided, and carries what there was", () =>
    Effect.gen(function* () {
      const items = function* () {
        try {
          for (;;) yield after(5, 1)
        } finally {
          // oxlint-disable-next-line no-unsafe-finally
          throw new Error("stuck lid")
        }
      }
      const exit = yield* Effect.exit(fanOut(items(), Joiner.first(), { concurrency: 1 }))
      expect(Exit.isFailure(exit) && reasons(exit.cause)).toBe("Die(the source of items failed after 1 items: stuck lid)")
      expect(Exit.isFailure(exit) && told(GatherResult.fromCause(exit.cause)!)).toEqual(["completed 1"])
    })
  )

  rule("waits for a return that never resolves no longer than the grace", () =>
    Effect.gen(function* () {
      const items = stuck(() => new Promise<never>(() => {}))
      const [value] = yield* logged(fanOut(items, Joiner.first(), { concurrency: 1, grace: 50 }))
      expect([value, yield* millis]).toEqual([1, 55])
    })
  )

  rule("decides while the source has nothing to say", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const items: AsyncIterable<Effect.Effect<number>> = {
        [Symbol.asyncIterator]: () => ({
          next: () => (asked.push("next"), asked.length > 1 ? new Promise(() => {}) : Promise.resolve({ done: false, value: after(5, 7) })),
          return: () => (asked.push("return"), new Promise(() => {}))
        })
      }
      expect(yield* fanOut(items, Joiner.first())).toBe(7)
      expect([asked, yield* millis]).toEqual([["next", "next", "return"], 5])
    })
  )

  // Law 10
  rule("answers a deadline with what there is, while the source has nothing to say", () =>
    Effect.gen(function* () {
      const items = Stream.concat(Stream.make(after(5, 3)), Stream.never)
      const best = fanOut(items, Joiner.best(Order.Number))
      expect(yield* Deadline.within(best, 20)).toBe(3)
    })
  )
})

// Law 18
describe("fanOut over sources, at every step", () => {
  interface State {
    readonly meter: Meter
    opened: number
    closed: number
    asked: number
    /** How often the joiner was bothered after it had been asked for its answer. */
    late: number
  }
  const fresh = (): State => ({ meter: new Meter(), opened: 0, closed: 0, asked: 0, late: 0 })
  const second = (state: State) =>
    Joiner.make({
      initial: () => 0,
      onOutcome: (n, outcome: Outcome.Outcome<number, string>) => {
        const next = outcome._tag === "Completed" ? n + 1 : n
        return next === 2 ? Joiner.decided(next) : Joiner.next(next)
      },
      isPossible: (n, left) => {
        state.late += state.asked
        return n + left >= 2
      },
      onEnd: (n) =>
        Effect.sync(() => {
          state.asked++
          if (state.meter.running !== 0) throw new Error("asked before all was over")
          return n
        })
    })
  const work = (state: State, ms: number) => state.meter.count(Effect.andThen(Effect.yieldNow, after(ms, ms)))
  const numbers = async function* (state: State, last: number) {
    state.opened++
    try {
      for (let n = 1; n <= last; n++) yield work(state, n)
    } finally {
      state.closed++
    }
  }
  const oneByOne = async function* <T>(items: ReadonlyArray<T>) {
    yield* items
  }
  const programs: Record<string, (state: State) => Effect.Effect<unknown, unknown>> = {
    "an async source that is decided early": (state) => fanOut(numbers(state, 9), second(state), { concurrency: 2 }),
    "an async source that ends too soon": (state) => fanOut(numbers(state, 1), second(state), { concurrency: 2 }),
    "an async source that ends when its last task does": (state) => {
      const tasks = [0, 1, 2].map((n) => state.meter.count(n === 0 ? Effect.yieldNow : Effect.succeed(n)))
      const joiner = Joiner.make({
        initial: () => 0,
        onOutcome: (n: number) => Joiner.next(n),
        isPossible: () => {
          state.late += state.asked
          return true
        },
        onEnd: () => Effect.sync(() => state.asked++)
      })
      return fanOut(oneByOne(tasks), joiner, { concurrency: 2 })
    },
    "a Stream that fails": (state) =>
      Effect.exit(
        fanOut(
          Stream.concat(Stream.fromIterable([work(state, 1), Effect.fail("no"), work(state, 3)]), Stream.fail("torn")).pipe(
            Stream.onStart(Effect.sync(() => void state.opened++)),
            Stream.ensuring(Effect.sync(() => void state.closed++))
          ),
          second(state),
          { concurrency: 2 }
        )
      )
  }
  const clean = (state: State) =>
    Effect.sync(() => {
      expect(state.meter.running).toBe(0)
      expect(state.asked).toBeLessThanOrEqual(1)
      expect(state.late).toBe(0)
      expect(state.closed).toBeLessThanOrEqual(1)
    })
  for (const [name, program] of Object.entries(programs)) {
    it(`${name}: gives back all that it took when it is interrupted`, async () => {
      let state = fresh()
      const swept = await Simulator.sweep(() => logged(program((state = fresh()))), {
        seeds: 3,
        defects: "ignore",
        maxRuns: 3_000,
        after: () => clean(state)
      })
      expect(swept.interrupted.main).toBeGreaterThan(0)
      expect(swept.interrupted.children).toBeGreaterThan(0)
      expect(swept.verdicts.passed).toBeGreaterThan(0)
    })
    it(`${name}: leaves nothing behind, under many schedules`, async () => {
      let state = fresh()
      const { verdicts } = await Simulator.check(() => logged(program((state = fresh()))), {
        seeds: 1_000,
        label: () => "any",
        after: () =>
          Effect.andThen(
            clean(state),
            Effect.sync(() => expect(state.closed).toBe(state.opened))
          )
      })
      expect(verdicts.passed).toBeGreaterThan(0)
    })
  }
})

it("knows a failure of a source by its class, from wherever it is caught", async () => {
  const call = fanOut(kinds["an async iterator"]([], [after(1, 1)], "torn"), Joiner.all())
  const error = await Effect.runPromise(Effect.flip(Effect.catchTag(call, "JoinError", Effect.succeed)))
  expect(error).toBeInstanceOf(SourceFailed)
  expect(error).toMatchObject({ cause: "torn", partial: { completed: 1, total: 1 } })
})
