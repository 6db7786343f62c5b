import { Deadline, GatherResult, Limiter } from "@skein/core"
import { Simulator } from "@skein/core/testing"
import { type Options, parallelGather, parallelMap, SourceFailed } from "@skein/parallel"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { after, failsAfter, Meter, reasons, stubborn, told } from "./kit.ts"

// Set by `pnpm soak`: the same suite at full size.
const soak = process.env["SKEIN_SOAK"] === "1"
const patience = soak ? 3_600_000 : 60_000

/** What a run of a program under test leaves behind for its checks. */
interface State {
  readonly meter: Meter
  readonly bound: number
  readonly limiters: Array<Limiter.Limiter>
  /** How often each index had an outcome. */
  readonly outcomes: Map<number, number>
  /** How many inputs there are, where that is known. */
  readonly inputs: number | undefined
  closed: number
}

/** Each task takes something that it must give back, in several steps. */
const work = (meter: Meter, millis: number) => meter.count(Effect.andThen(Effect.yieldNow, after(millis, millis)))

const programs: Record<string, (state: (given: Partial<State>) => State) => Effect.Effect<unknown, unknown>> = {
  "a plain map": (make) => {
    const { meter, outcomes } = make({ bound: 2, inputs: 4 })
    return parallelMap([3, 1, 2, 1], (ms) => work(meter, ms), { concurrency: 2, onOutcome: counted(outcomes) })
  },
  "a map with limits, retries and a limiter": (make) => {
    const { limiters, meter, outcomes } = make({ bound: 1, inputs: 3 })
    return Effect.flatMap(Limiter.make({ permits: 1 }), (limiter) => {
      limiters.push(limiter)
      let attempts = 0
      return parallelMap(
        [1, 2, 30],
        (ms) => Effect.flatMap(work(meter, ms), () => (++attempts % 2 === 1 ? Effect.fail("flaky") : Effect.void)),
        {
          limiter,
          taskTimeout: 20,
          attemptTimeout: 15,
          queueTimeout: 40,
          timeout: 50,
          retry: { times: 1, schedule: Schedule.spaced(1) },
          onOutcome: counted(outcomes)
        }
      )
    })
  },
  "a map that stops at the first failure": (make) => {
    const { meter, outcomes } = make({ bound: 3, inputs: 4 })
    return Effect.exit(
      parallelMap([1, 2, 3, 4], (n) => (n === 2 ? meter.count(failsAfter(2, "no")) : work(meter, n * 2)), {
        concurrency: 3,
        onFailure: "interrupt",
        onOutcome: counted(outcomes)
      })
    )
  },
  "nested maps under a deadline": (make) => {
    const { meter } = make({ bound: 4 })
    const inner = () => parallelMap([1, 50], (ms) => work(meter, ms), { concurrency: 2 })
    return Effect.exit(Deadline.within(parallelGather({ a: inner(), b: inner() }, { concurrency: 2 }), 10))
  },
  "a nested map that borrows its own permit": (make) => {
    const { limiters, meter } = make({ bound: 1 })
    return Effect.flatMap(Limiter.make({ permits: 1 }), (limiter) => {
      limiters.push(limiter)
      return parallelMap([1, 2], () => parallelMap([1, 2], (ms) => work(meter, ms), { limiter }), { limiter })
    })
  },
  "a generator that is told to stop": (make) => {
    const state = make({ bound: 2 })
    const endless = function* () {
      try {
        for (let n = 1; ; n++) yield n
      } finally {
        state.closed++
      }
    }
    return Effect.map(
      parallelMap(endless(), (n) => work(state.meter, n), { concurrency: 2, stop: after(5, "enough"), onOutcome: counted(state.outcomes) }),
      () => expect(state.closed).toBe(1)
    )
  },
  "children, scopes and uninterruptible regions": (make) => {
    const { meter, outcomes } = make({ bound: 9, inputs: 3 })
    const task = (n: number) =>
      Effect.gen(function* () {
        yield* Effect.forkChild(work(meter, 100), { startImmediately: true })
        yield* Effect.addFinalizer(() => Effect.sleep(1))
        yield* meter.count(stubborn(n, n))
        return n
      }).pipe(Effect.scoped)
    return parallelMap([1, 2, 3], task, { concurrency: 2, taskTimeout: 2, onOutcome: counted(outcomes) })
  }
}

const counted =
  (outcomes: Map<number, number>) =>
  ({ index }: { readonly index: number }): void =>
    void outcomes.set(index, (outcomes.get(index) ?? 0) + 1)

const fresh = (given: Partial<State>): State => ({
  meter: new Meter(),
  bound: Infinity,
  limiters: [],
  outcomes: new Map(),
  inputs: undefined,
  closed: 0,
  ...given
})

// Law 18: wherever a fiber is interrupted, at any step, nothing leaks. What the sweep itself checks: no fiber, no timer and no deadlock is left.
describe("interrupted at every step", () => {
  for (const [name, program] of Object.entries(programs)) {
    it(
      `${name}: gives back all that it took, within its bound, with at most one outcome per input`,
      async () => {
        let state = fresh({})
        const swept = await Simulator.sweep(() => program((given) => (state = fresh(given))), {
          seeds: soak ? 20 : 1,
          defects: "ignore",
          maxRuns: 20_000,
          invariant: () => {
            if (state.meter.running > state.bound) throw new Error(`${state.meter.running} run, ${state.bound} may`)
          },
          after: (run) =>
            Effect.gen(function* () {
              expect(state.meter.running).toBe(0)
              for (const limiter of state.limiters) expect(yield* limiter.stats).toMatchObject({ running: 0, waiting: 0, abandoned: 0 })
              expect([...state.outcomes.values()].filter((times) => times !== 1)).toEqual([])
              // Every input has one, unless the call was interrupted before it began.
              const begun = run.interrupted === undefined || state.outcomes.size > 0
              expect(state.outcomes.size).toBe(begun ? (state.inputs ?? state.outcomes.size) : 0)
            })
        })
        // It reached both: interrupted callers and interrupted tasks.
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
        let state = fresh({})
        await Simulator.check(() => program((given) => (state = fresh(given))), {
          seeds: soak ? 5000 : 200,
          label: () => "any",
          after: () => expect([state.meter.running, state.meter.peak <= state.bound]).toEqual([0, true]) as void
        })
      },
      patience
    )
  }
})

// -----------------------------------------------------------------------------
// Random programs against a reference
// -----------------------------------------------------------------------------

type Behaviour = "succeed" | "fail" | "die" | "interrupt" | "stubborn" | "never"
interface Item {
  readonly does: Behaviour
  /** A multiple of 10. */
  readonly millis: number
}
interface Case {
  readonly items: ReadonlyArray<Item>
  readonly concurrency: number
  /** Ends in 3: no task and no start is ever due at the instant of a task limit. */
  readonly taskTimeout: number | undefined
  /** Ends in .5: nothing else is due then. */
  readonly timeout: number | undefined
}

const effectOf = ({ does, millis }: Item): Effect.Effect<number, string> => {
  switch (does) {
    case "succeed":
      return after(millis, millis)
    case "fail":
      return failsAfter(millis, "no")
    case "die":
      return Effect.andThen(Effect.sleep(millis), Effect.die("bug"))
    case "interrupt":
      return Effect.andThen(Effect.sleep(millis), Effect.interrupt)
    case "stubborn":
      return stubborn(millis, millis)
    case "never":
      return Effect.never
  }
}

/** What must come out, by the plainest possible scheduler: each item takes the place that is free first. */
const reference = ({ concurrency, items, taskTimeout = Infinity, timeout = Infinity }: Case): ReadonlyArray<string> => {
  const free = Array.from({ length: concurrency }, () => 0)
  return items.map(({ does, millis }) => {
    const start = Math.min(...free)
    if (start >= timeout) return "notStarted"
    const ends = does === "never" ? Infinity : start + millis
    const cutAt = Math.min(start + taskTimeout, timeout)
    free[free.indexOf(start)] = does === "stubborn" ? ends : Math.min(ends, cutAt)
    if (ends > cutAt && does !== "stubborn") return `timeout ${cutAt === timeout ? "call" : "task"} Interrupt`
    switch (does) {
      case "succeed":
        return `completed ${millis}`
      case "fail":
        return "failed Fail(no)"
      case "die":
        return "failed Die(bug)"
      case "interrupt":
        return "cancelled (interrupted) Interrupt"
      default:
        return `completed ${millis}${ends > cutAt ? " late" : ""}`
    }
  })
}

const item = fc.record({
  does: fc.constantFrom<Behaviour>("succeed", "succeed", "fail", "die", "interrupt", "stubborn", "never"),
  millis: fc.integer({ min: 0, max: 9 }).map((n) => n * 10)
})
const limit = (ends: number) =>
  fc.option(
    fc.integer({ min: 0, max: 20 }).map((n) => n * 10 + ends),
    { nil: undefined }
  )
const anyCase = fc
  .record({
    items: fc.array(item, { maxLength: 12 }),
    concurrency: fc.integer({ min: 1, max: 5 }),
    taskTimeout: limit(3),
    timeout: limit(0.5)
  })
  // Something must end a task that never does.
  .map((given): Case => (given.taskTimeout === undefined && given.timeout === undefined ? { ...given, timeout: 60.5 } : given))
const seed = fc.nat({ max: 10_000 })

const succeeded = <A, E>(run: Simulator.Run<A, E>): A => {
  if (run.verdict !== "passed" || run.leaks.length > 0 || run.timers.length > 0) throw new Error(run.report)
  return (run.exit as Exit.Success<A, E>).value
}

describe("random items", () => {
  it("end as the reference says, under any schedule", () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(anyCase, seed, fc.boolean(), (given, seed, lazy) => {
        const { concurrency, taskTimeout, timeout } = given
        const expected = reference(given)
        const items = lazy ? given.items.values() : given.items
        const result = succeeded(Simulator.runSync(parallelMap(items, effectOf, { concurrency, taskTimeout, timeout }), { seed }))
        // A source of unknown size gives no outcome to what was never pulled.
        expect(told(result).map((text) => text.replace(/ \(call timed out after .*/, ""))).toEqual(
          lazy ? expected.filter((text) => text !== "notStarted") : expected
        )
        for (const text of expected) seen.add(text.split(" ")[0]! + (text.endsWith("late") ? " late" : ""))
      }),
      { numRuns: soak ? 50_000 : 1000 }
    )
    expect([...seen].sort()).toEqual(["cancelled", "completed", "completed late", "failed", "notStarted", "timeout"])
  })

  it("fail fast with one typed error, and lose nothing", () => {
    let failures = 0
    fc.assert(
      fc.property(anyCase, seed, ({ concurrency, items, taskTimeout, timeout }, seed) => {
        const options = { concurrency, taskTimeout, timeout, onFailure: "interrupt" } as const
        const exit = succeeded(Simulator.runSync(Effect.exit(parallelMap(items, effectOf, options)), { seed }))
        const cause = Exit.isFailure(exit) ? exit.cause : undefined
        const result = Exit.isSuccess(exit) ? exit.value : GatherResult.fromCause(exit.cause)!
        expect(result.total).toBe(items.length)
        expect(result.list.map(({ index }) => index)).toEqual(items.map((_, i) => i))
        if (cause !== undefined) failures++
        expect([cause?.reasons.length, ["Fail(no)", "Die(bug)"].includes(reasons(cause ?? Cause.empty)), result.failed > 0]).toEqual(
          cause === undefined ? [undefined, false, false] : [1, true, true]
        )
        // Each cause appears once: as many failures as there are outcomes that carry one.
        expect(GatherResult.errors(result).length).toBe(
          result.list.filter((outcome) => "cause" in outcome && !Cause.hasInterruptsOnly(outcome.cause)).length
        )
      }),
      { numRuns: 600 }
    )
    expect(failures).toBeGreaterThan(50)
  })

  it("are pulled, counted and closed in the same way by a source that breaks", () => {
    fc.assert(
      fc.property(anyCase, seed, fc.nat({ max: 12 }), ({ concurrency, items, taskTimeout, timeout }, seed, at) => {
        const source = function* () {
          for (const [index, item] of items.entries()) {
            if (index === at) throw new Error("next broke")
            yield item
          }
        }
        const options: Options<number, string, "isolate", "partial"> = { concurrency, taskTimeout, timeout }
        const found = succeeded(
          Simulator.runSync(
            Effect.catchDefect(parallelMap(source(), effectOf, options), (defect) =>
              defect instanceof SourceFailed ? Effect.succeed(defect.partial) : Effect.die(defect)
            ),
            { seed }
          )
        )
        expect(found.list.length).toBeLessThanOrEqual(at)
        expect(found.list.map(({ index }) => index)).toEqual(found.list.map((_, i) => i))
      }),
      { numRuns: 400 }
    )
  })
})
