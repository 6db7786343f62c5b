import { Deadline, Limiter, type Outcome } from "@skein/core"
import { Simulator } from "@skein/core/testing"
import { parallelMap } from "@skein/parallel"
import { parallelStream } from "@skein/parallel/parallelStream"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { after, failsAfter, logged, Meter, stubborn, tidiesUp } from "./kit.ts"

// Set by `pnpm soak`: the same suite at full size.
const soak = process.env["SKEIN_SOAK"] === "1"
const patience = soak ? 3_600_000 : 120_000

/** What a run of a program under test leaves behind for its checks. */
class State {
  readonly meter = new Meter()
  readonly outcomes = new Map<number, number>()
  readonly limiters: Array<Limiter.Limiter> = []
  bound = Infinity
  opened = 0
  closed = 0
  pulled = 0
  pulling = 0

  readonly count = ({ index }: { readonly index: number }): void => void this.outcomes.set(index, (this.outcomes.get(index) ?? 0) + 1)
  readonly work = (millis: number): Effect.Effect<number> => this.meter.count(Effect.andThen(Effect.yieldNow, after(millis % 4, millis)))

  /** Numbers from 1 by promises; `bad` is the one in whose place it throws. */
  async *async(last = Infinity, bad = Infinity): AsyncGenerator<number> {
    this.opened++
    try {
      for (let n = 1; n <= last; n++) {
        if (++this.pulling > 1) throw new Error("two pulls at once")
        await Promise.resolve()
        this.pulling--
        if (n === bad) throw new Error("torn")
        this.pulled++
        yield n
      }
    } finally {
      this.closed++
    }
  }

  /** The same as a Stream with a resource, in chunks. */
  stream(last = 1_000, chunk = 2): Stream.Stream<number> {
    const resource = Effect.acquireRelease(
      Effect.sync(() => this.opened++),
      () =>
        Effect.andThen(
          Effect.sleep(1),
          Effect.sync(() => this.closed++)
        )
    )
    return Stream.unwrap(
      Effect.as(
        resource,
        Stream.range(1, last).pipe(
          Stream.rechunk(chunk),
          Stream.tap(() => Effect.yieldNow)
        )
      )
    )
  }
}

const slowly = <A, E>(outcomes: Stream.Stream<Outcome.Outcome<A, E>, unknown>) => Stream.runForEach(outcomes, () => Effect.sleep(1))

const programs: Record<string, (state: State) => Effect.Effect<unknown, unknown>> = {
  "a map over an async generator": (state) => {
    state.bound = 2
    return parallelMap(state.async(4), state.work, { concurrency: 2, onOutcome: state.count })
  },
  "a map over an async generator that throws, under a limit": (state) => {
    state.bound = 2
    const call = parallelMap(state.async(9, 4), state.work, { concurrency: 2, timeout: 5, onOutcome: state.count })
    return Effect.exit(call)
  },
  "a map over an endless async generator under a deadline": (state) => {
    state.bound = 2
    return Deadline.within(parallelMap(state.async(), state.work, { concurrency: 2, grace: 20, onOutcome: state.count }), 5)
  },
  "a map over a Stream with a resource": (state) => {
    state.bound = 2
    return parallelMap(state.stream(5), state.work, { concurrency: 2, onOutcome: state.count })
  },
  "a map over a Stream that is told to stop, with retries": (state) => {
    state.bound = 2
    let tries = 0
    const task = (n: number) => Effect.flatMap(state.work(n), () => (++tries % 2 === 1 ? Effect.fail("flaky") : Effect.void))
    return parallelMap(state.stream(), task, {
      concurrency: 2,
      stop: after(5, 0),
      retry: { times: 1, schedule: Schedule.spaced(1) },
      onOutcome: state.count
    })
  },
  "a stream of outcomes over an async generator": (state) => {
    state.bound = 2
    return slowly(parallelStream(state.async(4), state.work, { concurrency: 2, buffer: 1, onOutcome: state.count }))
  },
  "a stream in input order, left early": (state) => {
    state.bound = 2
    return slowly(Stream.take(parallelStream(state.stream(), state.work, { concurrency: 2, order: "input", onOutcome: state.count }), 3))
  },
  "a stream that stops at the first failure": (state) => {
    state.bound = 3
    const task = (n: number) =>
      n === 3 ? state.meter.count(failsAfter(2, "no")) : n === 2 ? state.meter.count(tidiesUp(2, () => {})) : state.work(n)
    return Effect.exit(
      slowly(
        parallelStream(state.async(6), task, { concurrency: 3, buffer: 0, timeout: 50, onFailure: "interrupt", onOutcome: state.count })
      )
    )
  },
  "a stream under a limiter that its reader holds": (state) => {
    state.bound = 1
    return Effect.flatMap(Limiter.make({ permits: 1 }), (limiter) => {
      state.limiters.push(limiter)
      return limiter.withPermit(Stream.runDrain(parallelStream([1, 2, 3], state.work, { concurrency: 2, limiter, onOutcome: state.count })))
    })
  },
  "a stream of a stream": (state) =>
    slowly(
      parallelStream(parallelStream(state.async(4), state.work, { concurrency: 2 }), (outcome) => state.meter.count(stubborn(1, outcome)), {
        concurrency: 2,
        onOutcome: state.count
      })
    )
}

// Law 18. What the sweep itself checks: no fiber, no timer and no deadlock is left.
describe("interrupted at every step", () => {
  for (const [name, program] of Object.entries(programs)) {
    it(
      `${name}: gives back all that it took, closes its source, and has at most one outcome per item`,
      async () => {
        let state = new State()
        const swept = await Simulator.sweep(() => logged(program((state = new State()))), {
          seeds: soak ? 20 : 1,
          defects: "ignore",
          maxRuns: 20_000,
          invariant: () => {
            if (state.meter.running > state.bound) throw new Error(`${state.meter.running} run, ${state.bound} may`)
          },
          after: () =>
            Effect.gen(function* () {
              // What was told to stop while it had something to say is not waited for.
              yield* Effect.promise(() => Promise.resolve().then(() => {}))
              expect([state.meter.running, state.opened - state.closed]).toEqual([0, 0])
              for (const limiter of state.limiters) expect(yield* limiter.stats).toMatchObject({ running: 0, waiting: 0 })
              expect([...state.outcomes.values()].filter((times) => times !== 1)).toEqual([])
            })
        })
        expect(swept.interrupted.main).toBeGreaterThan(0)
        expect(swept.interrupted.children).toBeGreaterThan(0)
        expect(swept.verdicts.passed).toBeGreaterThan(0)
      },
      patience
    )
  }
})

describe("under many schedules", () => {
  for (const [name, program] of Object.entries(programs)) {
    it(
      `${name}: keeps its bound, and leaves nothing behind`,
      async () => {
        let state = new State()
        await Simulator.check(() => logged(program((state = new State()))), {
          seeds: soak ? 5_000 : 200,
          label: () => "any",
          after: () =>
            expect([state.meter.running, state.meter.peak <= state.bound, state.opened - state.closed]).toEqual([0, true, 0]) as void
        })
      },
      patience
    )
  }

  it(
    "gives each item one outcome, in the order asked for, with never more than the window pulled and not consumed",
    () => {
      let seed = 0
      let full = 0
      fc.assert(
        fc.property(
          fc.array(fc.nat({ max: 5 }), { maxLength: 12 }),
          fc.record({
            concurrency: fc.integer({ min: 1, max: 4 }),
            buffer: fc.option(fc.nat({ max: 4 }), { nil: undefined }),
            order: fc.constantFrom("completion" as const, "input" as const)
          }),
          fc.nat({ max: 3 }),
          fc.constantFrom("generator" as const, "stream" as const),
          (millis, options, pause, kind) => {
            const window = options.concurrency + (options.buffer ?? options.concurrency)
            const meter = new Meter()
            let pulled = 0
            let consumed = 0
            let most = 0
            const generator = function* () {
              for (const ms of millis) {
                most = Math.max(most, ++pulled - consumed)
                yield ms
              }
            }
            const items = kind === "generator" ? generator() : Stream.fromIterable(generator()).pipe(Stream.rechunk(1))
            const indices: Array<number> = []
            const program = Stream.runForEachArray(
              parallelStream(items, (ms) => meter.count(after(ms, ms)), options),
              (chunk) =>
                Effect.andThen(
                  Effect.sleep(pause),
                  Effect.sync(() => {
                    consumed += chunk.length
                    indices.push(...chunk.map(({ index }) => index))
                  })
                )
            )
            const run = Simulator.runSync(program, { seed: ++seed })
            if (run.verdict !== "passed") throw new Error(run.report)
            if (most === window) full++
            // `Stream.fromIterable` reads ahead by itself.
            if (kind === "generator") expect(most).toBeLessThanOrEqual(window)
            expect(meter.peak).toBeLessThanOrEqual(options.concurrency)
            const all = millis.map((_, index) => index)
            expect(options.order === "input" ? indices : [...indices].sort((a, b) => a - b)).toEqual(all)
          }
        ),
        { numRuns: soak ? 50_000 : 2_500 }
      )
      // It reached the bound it is about.
      expect(full).toBeGreaterThan(100)
    },
    patience
  )
})
