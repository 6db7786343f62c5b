/** Laws 4 and 16: how many run at once, what is left at the end, and what it costs. */
import * as Limiter from "@skein/core/Limiter"
import * as TaskGroup from "@skein/core/TaskGroup"
import { Simulator } from "@skein/core/testing"
import { parallelMap } from "@skein/parallel"
import {
  equal,
  equalWords,
  everywhere,
  fail,
  isTrue,
  lawForAll,
  quiet,
  type Recorder,
  recorder,
  underEverySchedule,
  type Work,
  wordsOf
} from "@skein/test/kit"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"

/** Counts what runs now, by what the work itself notes. */
const counting = (): Recorder & { running: number; peak: number } => {
  const { events } = recorder()
  const count = {
    events,
    running: 0,
    peak: 0,
    note: (event: string): void => {
      events.push(event)
      if (event.endsWith(" starts")) count.peak = Math.max(count.peak, ++count.running)
      if (event.endsWith(" is clean")) count.running--
    },
    mark: (event: string) => Effect.sync(() => count.note(event))
  }
  return count
}

const six: ReadonlyArray<Work> = [
  { name: "a", takes: 3 },
  { name: "b", takes: 1, ends: "die" },
  { name: "c", takes: 2, cleanup: { takes: 2 } },
  { name: "d", takes: Infinity, cleanup: { takes: 3 } },
  { name: "e" },
  { name: "f", takes: 4, uninterruptible: true }
]

lawForAll("law 4: never more than the bound run at once, cleanup counted", (subject) => {
  let count = counting()
  return everywhere(subject, {
    program: () => subject.run(six, { concurrency: 2, taskTimeout: 6 }, (count = counting())),
    invariant: () => {
      if (count.running > 2) fail(`${count.running} run at once: ${count.events.join(", ")}`)
    },
    after: ({ interrupted }) => {
      equal("running at the end", count.running, 0)
      if (interrupted === undefined) equal("peak", count.peak, 2)
    }
  })
})

lawForAll("law 4: an abandoned task keeps its place until it really ends", (subject) => {
  let count = counting()
  let words: Array<string> = []
  return underEverySchedule(subject, {
    program: () =>
      Effect.gen(function* () {
        count = counting()
        const works: ReadonlyArray<Work> = [
          { name: "stubborn", takes: 20, uninterruptible: true },
          { name: "next", takes: 1 },
          { name: "last" }
        ]
        words = wordsOf((yield* subject.run(works, { concurrency: 1, taskTimeout: 5, grace: 2 }, count)).result)
      }),
    invariant: () => {
      if (count.running > 1) fail(`${count.running} run at once: ${count.events.join(", ")}`)
    },
    after: ({ elapsed }) => {
      equalWords("outcomes", words, ["timeout task abandoned", "completed", "completed"])
      equal("the next one waited for the real end", JSON.stringify(elapsed).includes("21"), true)
    }
  })
})

describe("law 4: a limiter", () => {
  it("never admits more than it has, across resize and nesting, and ends with all its permits", async () => {
    let limiter = Limiter.makeUnsafe({ permits: 1 })
    let running = 0
    let admitted: Array<number> = []
    const program = () =>
      Effect.suspend(() => {
        limiter = Limiter.makeUnsafe({ permits: 3 })
        running = 0
        admitted = []
        let size = 3
        // Who is admitted after a resize is bound by the new size; who runs already is not thrown out.
        const resize = (permits: number) => Effect.suspend(() => limiter.resize((size = permits)))
        const work = Effect.suspend(() => {
          let inside = 0
          const enter = Effect.suspend(() => {
            running += inside = 1
            admitted.push(running - size)
            return Effect.sleep(2)
          })
          return Effect.onExit(enter, () => Effect.sync(() => (running -= inside)))
        })
        // The inner request runs on the outer one's permit.
        const nested = limiter.withPermit(Effect.andThen(work, limiter.withPermit(Effect.yieldNow)))
        return Effect.all(
          [
            Effect.forEach([1, 2, 3, 4, 5], () => nested, { concurrency: "unbounded" }),
            Effect.andThen(Effect.sleep(1), resize(1)),
            Effect.andThen(Effect.sleep(5), resize(2))
          ],
          { concurrency: "unbounded", discard: true }
        )
      })
    const after = (run: Simulator.Run<unknown, unknown>) => {
      const { holders, running: used, waiting } = Effect.runSync(limiter.stats)
      equal("permits in use at the end", used + waiting + holders.length, 0)
      equal("running at the end", running, 0)
      if (run.interrupted === undefined) isTrue("all five ran", admitted.length === 5)
      const over = admitted.filter((n) => n > 0)
      if (over.length > 0) fail(`admitted ${over[0]} too many`)
    }
    await everywhere(undefined, { program, after })
  })

  it("counts the permit of an abandoned task until that ends", () => {
    let seen: Array<number> = []
    return underEverySchedule(undefined, {
      program: () =>
        Effect.gen(function* () {
          const limiter = yield* Limiter.make({ permits: 1 })
          const result = yield* parallelMap([1], () => Effect.uninterruptible(Effect.sleep(20)), { limiter, timeout: 2, grace: 3 })
          const during = yield* limiter.stats
          yield* result.abandoned[0]!.await
          yield* Effect.yieldNow
          const after = yield* limiter.stats
          seen = [during.running, during.abandoned, after.running, after.abandoned]
        }),
      after: () => equalWords("running and abandoned, during and after", seen, [1, 1, 0, 0])
    }).then(() => undefined)
  })
})

describe("law 4: at the end nothing is left", () => {
  it("takes its listener off an abort signal, however the call ends", () => {
    let listeners = 0
    const signal = () => {
      const { signal } = new AbortController()
      listeners = 0
      const add = signal.addEventListener.bind(signal)
      const remove = signal.removeEventListener.bind(signal)
      Object.defineProperty(signal, "addEventListener", { value: (...args: Parameters<typeof add>) => (listeners++, add(...args)) })
      Object.defineProperty(signal, "removeEventListener", {
        value: (...args: Parameters<typeof remove>) => (listeners--, remove(...args))
      })
      return signal
    }
    return everywhere(undefined, {
      program: () =>
        Effect.suspend(() =>
          Effect.exit(
            parallelMap([1, 2, 3], (n) => (n === 3 ? Effect.fail("three") : Effect.sleep(n)), {
              stop: signal(),
              onFailure: "interrupt",
              concurrency: 2
            })
          )
        ),
      after: () => equal("listeners", listeners, 0)
    })
  })

  it("a group whose tasks spawn tasks into it leaves none of them", () => {
    let live = 0
    return everywhere(undefined, {
      program: () => {
        live = 0
        return Effect.exit(
          TaskGroup.run({ concurrency: 2 }, (group: TaskGroup.TaskGroup<string>) => {
            const grow = (depth: number): Effect.Effect<void, string> =>
              Effect.suspend(() => {
                let inside = 0
                const enter = Effect.suspend((): Effect.Effect<void, string> => {
                  live += inside = 1
                  return depth === 0
                    ? Effect.andThen(Effect.sleep(1), Effect.fail("a leaf"))
                    : Effect.andThen(group.spawn(grow(depth - 1)), group.spawn(grow(depth - 1)))
                })
                return Effect.onExit(enter, () => Effect.sync(() => (live -= inside)))
              })
            return group.spawn(grow(3))
          })
        )
      },
      after: () => equal("tasks alive", live, 0)
    })
  })
})

/** Steps that a run takes: the fibers' primitives, a measure that no machine changes. */
const stepsOf = async (program: Effect.Effect<unknown, unknown>): Promise<number> => {
  const run = await Simulator.run(quiet(program))
  expect(run.verdict).toBe("passed")
  return run.steps
}

const many = (n: number, takes?: number): ReadonlyArray<Work> => Array.from({ length: n }, (_, i) => ({ name: `w${i}`, takes }))

lawForAll("law 16: start, finish and release cost the same for each task, however many there are", async (subject) => {
  const small = await stepsOf(subject.run(many(200), { concurrency: 4 }, recorder()))
  const large = await stepsOf(subject.run(many(1_600), { concurrency: 4 }, recorder()))
  expect(large / small).toBeLessThan(8.2)
})

lawForAll("law 16: waiting for cleanup costs nothing, however long", async (subject) => {
  const works = (ms: number): ReadonlyArray<Work> => [{ name: "slow", takes: Infinity, cleanup: { takes: ms } }, { name: "quick" }]
  const run = (ms: number) => stepsOf(Effect.timeoutOption(subject.run(works(ms), {}, recorder()), 1))
  expect(await run(86_400_000)).toBe(await run(20_000))
})

describe("law 16: cancelling", () => {
  it("costs steps for what runs and none for what is queued", async () => {
    const cancelled = (n: number) =>
      TaskGroup.run({ onFailure: "isolate", concurrency: 2 }, (group) =>
        Effect.gen(function* () {
          yield* group.spawn(Effect.forEach(Array.from({ length: n }), () => group.spawn(Effect.never), { discard: true }))
          yield* Effect.sleep(1)
          const before = yield* Effect.withFiber((fiber) => Effect.succeed(fiber))
          yield* group.cancel("enough")
          return before
        })
      )
    const without = (n: number) =>
      TaskGroup.run({ onFailure: "isolate", concurrency: 2 }, (group) =>
        group.spawn(Effect.forEach(Array.from({ length: n }), () => group.spawn(Effect.void), { discard: true }))
      )
    // Spawning costs steps, running them too: what is cancelled costs no more than that, and what one more queued task adds stays the same.
    const added = async (f: (n: number) => Effect.Effect<unknown>) => ((await stepsOf(f(2_000))) - (await stepsOf(f(1_000)))) / 1_000
    expect(await added(cancelled)).toBeLessThan(await added(without))
  })

  it("a waiter that leaves a limiter's line costs the others nothing", async () => {
    const left = (n: number) =>
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 1 })
        const holder = yield* Effect.forkChild(limiter.withPermit(Effect.never))
        yield* Effect.yieldNow
        const waiting = yield* Effect.forEach(Array.from({ length: n }), () => Effect.forkChild(limiter.withPermit(Effect.void)))
        yield* Effect.sleep(1)
        yield* Fiber.interruptAll(waiting)
        yield* Fiber.interrupt(holder)
        return Exit.void
      })
    const one = (await stepsOf(left(200))) / 200
    expect((await stepsOf(left(1_600))) / 1_600).toBeLessThan(one * 1.02)
  })
})
