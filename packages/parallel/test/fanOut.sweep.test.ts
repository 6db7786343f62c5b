import { Deadline, Limiter, type Outcome } from "@skein/core"
import { Simulator } from "@skein/core/testing"
import { fanOut } from "@skein/parallel/fanOut"
import * as Joiner from "@skein/parallel/Joiner"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { after, failsAfter, Meter, stubborn } from "./kit.ts"

/** What a run leaves behind for its checks. */
interface State {
  readonly meter: Meter
  readonly limiters: Array<Limiter.Limiter>
  /** How often the joiner was asked for its answer. */
  asked: number
  /** Set when the joiner has decided: whatever starts after it starts too late. */
  decided: boolean
  startedLate: number
  closed: number
}

const fresh = (): State => ({ meter: new Meter(), limiters: [], asked: 0, decided: false, startedLate: 0, closed: 0 })

/** Takes something that it must give back, in several steps. */
const work = (state: State, millis: number) =>
  Effect.suspend(() => {
    if (state.decided) state.startedLate++
    return state.meter.count(Effect.andThen(Effect.yieldNow, after(millis, millis)))
  })

/** Decides at the nth value. */
const nth = (state: State, n: number) =>
  Joiner.make({
    initial: () => 0,
    onOutcome: (count, outcome: Outcome.Outcome<number, unknown>) => {
      const next = outcome._tag === "Completed" ? count + 1 : count
      if (next < n) return Joiner.next(next)
      state.decided = true
      return Joiner.decided(next)
    },
    onEnd: (count) =>
      Effect.sync(() => {
        state.asked++
        if (state.meter.running !== 0) throw new Error("asked before all was over")
        return count
      })
  })

const programs: Record<string, (state: State) => Effect.Effect<unknown, unknown>> = {
  "the first of four, two at once": (state) =>
    fanOut(
      [3, 1, 2, 1].map((ms) => work(state, ms)),
      nth(state, 1),
      { concurrency: 2 }
    ),
  "a quorum that cannot be met": (state) =>
    Effect.exit(fanOut([work(state, 9), failsAfter(1, "a"), state.meter.count(stubborn(4, 4)), failsAfter(2, "b")], Joiner.quorum(3))),
  "a lazy source and a stop of the caller's": (state) => {
    const endless = function* () {
      try {
        for (let n = 1; ; n++) yield work(state, n)
      } finally {
        state.closed++
      }
    }
    return fanOut(endless(), nth(state, 2), { concurrency: 2, stop: after(50, "enough") })
  },
  "a joiner that throws": (state) => {
    const broken = Joiner.make({
      initial: () => 0,
      onOutcome: (): Joiner.Step<number> => {
        throw new Error("bug")
      },
      onEnd: Effect.succeed
    })
    return Effect.exit(fanOut([work(state, 1), work(state, 9)], broken))
  },
  "nested under a deadline, with retries and a limiter": (state) =>
    Effect.flatMap(Limiter.make({ permits: 2 }), (limiter) => {
      state.limiters.push(limiter)
      let attempts = 0
      const flaky = Effect.flatMap(work(state, 2), (n) => (++attempts % 2 === 1 ? Effect.fail("flaky") : Effect.succeed(n)))
      const inner = fanOut([flaky, work(state, 30)], Joiner.first(), { limiter, retry: { times: 2 } })
      return Effect.exit(Deadline.within(fanOut([inner, work(state, 40)], nth(state, 2), { limiter }), 20))
    })
}

const clean = (state: State) =>
  Effect.gen(function* () {
    expect(state.meter.running).toBe(0)
    expect(state.asked).toBeLessThanOrEqual(1)
    for (const limiter of state.limiters) expect(yield* limiter.stats).toMatchObject({ running: 0, waiting: 0, abandoned: 0 })
  })

// Law 18
describe("fanOut, interrupted at every step", () => {
  for (const [name, program] of Object.entries(programs)) {
    it(`${name}: gives back all that it took, and asks its joiner once at most`, async () => {
      let state = fresh()
      const swept = await Simulator.sweep(() => program((state = fresh())), {
        seeds: 3,
        defects: "ignore",
        maxRuns: 3000,
        after: () => clean(state)
      })
      expect(swept.interrupted.main).toBeGreaterThan(0)
      expect(swept.interrupted.children).toBeGreaterThan(0)
      expect(swept.verdicts.passed).toBeGreaterThan(0)
    })
  }
})

describe("fanOut, under many schedules", () => {
  for (const [name, program] of Object.entries(programs)) {
    it(`${name}: is asked when all is over, starts nothing after it was decided, and leaves nothing behind`, async () => {
      let state = fresh()
      await Simulator.check(() => program((state = fresh())), {
        seeds: 2_000,
        label: () => "any",
        after: () =>
          Effect.andThen(
            clean(state),
            Effect.sync(() => {
              // A stop that is an effect acts when its fiber runs; a runner may have started one more task by then.
              expect(state.startedLate).toBeLessThanOrEqual(name.includes("stop of the caller's") ? 2 : 0)
              expect(state.closed).toBeLessThanOrEqual(1)
            })
          )
      })
    })
  }

  it("gives each of two values that arrive at once a chance to be the first", async () => {
    const { labels } = await Simulator.check(() => fanOut([after(5, "a"), after(5, "b")], Joiner.first()), {
      seeds: 2_000,
      reach: ["a", "b"]
    })
    expect(labels["a"]! + labels["b"]!).toBe(2_000)
  })

  it("meets a quorum or fails, and never both, when the last value and the last failure tie", async () => {
    const program = () =>
      Effect.map(Effect.exit(fanOut([after(5, 1), failsAfter(5, "no"), after(5, 2)], Joiner.quorum(2))), (exit) => exit._tag)
    expect((await Simulator.check(program, { seeds: 2_000 })).labels).toEqual({ Success: 2_000 })
  })
})
