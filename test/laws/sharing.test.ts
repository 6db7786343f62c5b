/** The laws where calls share a bound: executors and limiters of every kind. */
import * as GatherResult from "@skein/core/GatherResult"
import type * as Limiter from "@skein/core/Limiter"
import { fanOut, Joiner, KeyedLimiter, parallelGather, ParallelExecutor, parallelMap } from "@skein/parallel"
import * as ParallelExecutorStream from "@skein/parallel/ParallelExecutorStream"
import { parallelStream } from "@skein/parallel/parallelStream"
import {
  cleanBeforeReturn,
  equal,
  equalWords,
  everywhere,
  fail,
  isTrue,
  limiters,
  recorder,
  toEffect,
  underEverySchedule,
  type Work
} from "@skein/test/kit"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { describe, it } from "vitest"

/** Counts what runs now; a task is in it until its cleanup is over. */
class Count {
  running = 0
  peak = 0
  total = 0
  task(ms: number): Effect.Effect<number> {
    return Effect.suspend(() => {
      let inside = 0
      const enter = Effect.suspend(() => {
        this.running += inside = 1
        this.total++
        this.peak = Math.max(this.peak, this.running)
        return Effect.as(Effect.sleep(ms), ms)
      })
      return Effect.onExit(enter, () =>
        Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => (this.running -= inside))
        )
      )
    })
  }
}

describe("law 4: calls that share a limiter never exceed it together, and leave it as it was", () => {
  const permits = 2
  const calls: Readonly<Record<string, (limiter: Limiter.Limiter, count: Count) => Effect.Effect<unknown, unknown>>> = {
    parallelMap: (limiter, count) => parallelMap([3, 1, 2], (ms) => count.task(ms), { limiter }),
    parallelGather: (limiter, count) => parallelGather([count.task(2), count.task(1)], { limiter, taskTimeout: 3 }),
    parallelStream: (limiter, count) => Stream.runDrain(parallelStream([1, 2], (ms) => count.task(ms), { limiter, order: "input" })),
    fanOut: (limiter, count) => fanOut([count.task(4), count.task(1), count.task(2)], Joiner.first(), { limiter })
  }
  for (const [name, make] of Object.entries(limiters)) {
    it(name, () => {
      let limiter = make(permits)
      let count = new Count()
      return everywhere(undefined, {
        program: () => {
          limiter = make(permits)
          count = new Count()
          return Effect.all(
            Object.values(calls).map((call) => Effect.exit(call(limiter, count))),
            { concurrency: "unbounded" }
          )
        },
        seeds: 400,
        invariant: () => {
          if (count.running > permits) fail(`${count.running} run at once`)
        },
        after: ({ interrupted }) => {
          const { holders, running, waiting } = Effect.runSync(limiter.stats)
          equal("permits in use", running + waiting + holders.length, 0)
          equal("tasks alive", count.running, 0)
          if (interrupted === undefined) equal("peak", count.peak, permits)
        }
      })
    })
  }

  it("KeyedLimiter, each call with a key of its own", () => {
    let keyed = KeyedLimiter.makeUnsafe({ permits, perKey: 1 })
    let counts: Array<Count> = []
    let all = new Count()
    const keys = ["a", "b", "c"]
    return everywhere(undefined, {
      program: () => {
        keyed = KeyedLimiter.makeUnsafe({ permits, perKey: 1 })
        counts = keys.map(() => new Count())
        all = new Count()
        return Effect.forEach(
          keys,
          (key, i) =>
            parallelMap(
              [2, 1],
              (ms) =>
                Effect.suspend(() => {
                  // Two frames of counting: of the key, and of all.
                  const own = counts[i]!
                  let inside = 0
                  return Effect.onExit(
                    Effect.suspend(() => {
                      own.running += inside = 1
                      return all.task(ms)
                    }),
                    () => Effect.sync(() => (own.running -= inside))
                  )
                }),
              { limiter: keyed.for(key) }
            ),
          { concurrency: "unbounded" }
        )
      },
      invariant: () => {
        if (all.running > permits) fail(`${all.running} run at once`)
        const over = counts.findIndex(({ running }) => running > 1)
        if (over >= 0) fail(`${counts[over]!.running} of key ${keys[over]} run at once`)
      },
      after: ({ interrupted }) => {
        const { keys: known, running, waiting } = Effect.runSync(keyed.stats)
        equal("permits in use, keys kept", running + waiting + known.size, 0)
        if (interrupted === undefined) equal("peak", all.peak, permits)
      }
    })
  })
})

type Executor = ParallelExecutor.ParallelExecutor

/** Every way to run pieces of work in an executor. */
const calls: Readonly<
  Record<string, (executor: Executor, effects: ReadonlyArray<Effect.Effect<string, string>>) => Effect.Effect<unknown, unknown>>
> = {
  map: (executor, effects) => executor.map(effects, (effect) => effect),
  gather: (executor, effects) => executor.gather(effects),
  "gather of a record": (executor, effects) => executor.gather(Object.fromEntries(effects.map((effect, i) => [`k${i}`, effect]))),
  fanOut: (executor, effects) =>
    executor.fanOut(
      effects,
      Joiner.until(() => false)
    ),
  stream: (executor, effects) => Stream.runDrain(ParallelExecutorStream.stream(executor, effects, (effect) => effect))
}

describe("law 4: the calls of an executor never exceed its limit together", () => {
  it("whatever calls they are, across a resize, and three levels deep", () => {
    let count = new Count()
    return everywhere(undefined, {
      program: () =>
        Effect.scoped(
          Effect.gen(function* () {
            count = new Count()
            const executor = yield* ParallelExecutor.make({ concurrency: 3 })
            const leaf = (ms: number) => count.task(ms)
            const inner = executor.map([2, 1], leaf)
            yield* Effect.all(
              [
                executor.map([1, 2, 3], leaf),
                executor.gather([leaf(2), executor.map([0], () => inner), leaf(1)]),
                executor.fanOut([leaf(5), leaf(1)], Joiner.first()),
                Effect.andThen(Effect.sleep(2), executor.limiter.resize(1))
              ],
              { concurrency: "unbounded" }
            )
            equal("running at the end", (yield* executor.stats).running, 0)
          })
        ),
      seeds: 800,
      invariant: () => {
        if (count.running > 3) fail(`${count.running} run at once`)
      },
      after: ({ interrupted }) => {
        equal("tasks alive", count.running, 0)
        if (interrupted === undefined) equal("peak", count.peak, 3)
      }
    })
  })
})

describe("law 1: closing an executor ends its calls, and waits for their tasks", () => {
  for (const [name, call] of Object.entries(calls)) {
    it(name, () => {
      let record = recorder()
      const works: ReadonlyArray<Work> = [
        { name: "quick" },
        { name: "slow", takes: 9, cleanup: { takes: 4 } },
        { name: "payment", takes: 7, uninterruptible: true },
        { name: "queued", takes: 1 }
      ]
      return everywhere(undefined, {
        program: () => {
          record = recorder()
          const open = Effect.gen(function* () {
            const executor = yield* ParallelExecutor.make({ concurrency: 2 })
            yield* Effect.forkDetach(
              call(
                executor,
                works.map((work) => toEffect(work, record))
              )
            )
            yield* Effect.sleep(3)
          })
          return Effect.andThen(Effect.exit(Effect.onExit(Effect.scoped(open), () => record.mark("returned"))), Effect.sleep(1_000))
        },
        seeds: 400,
        after: () => cleanBeforeReturn(record)
      })
    })
  }
})

describe("law 15: after an executor was closed, each call fails with a typed error and nothing runs", () => {
  for (const [name, call] of Object.entries(calls)) {
    it(name, () => {
      let ran = 0
      let error: unknown
      return everywhere(undefined, {
        program: () =>
          Effect.gen(function* () {
            ran = 0
            error = undefined
            const executor = yield* Effect.scoped(ParallelExecutor.make({ name: "gone" }))
            const exit = yield* Effect.exit(call(executor, [Effect.sync(() => String(ran++))]))
            yield* Effect.sleep(100)
            error = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined
          }),
        seeds: 400,
        after: ({ interrupted }) => {
          equal("ran after close", ran, 0)
          if (interrupted === undefined) isTrue(`ExecutorClosed, not ${String(error)}`, error instanceof ParallelExecutor.ExecutorClosed)
        }
      })
    })
  }
})

describe("law 15: what a closed executor cut short fails with what it had", () => {
  it("and one that was complete succeeds", () => {
    let seen: Array<string> = []
    return underEverySchedule(undefined, {
      program: () =>
        Effect.gen(function* () {
          seen = []
          const [cut, whole] = yield* Effect.scoped(
            Effect.gen(function* () {
              const executor = yield* ParallelExecutor.make({ concurrency: 4 })
              const cut = yield* Effect.forkDetach(executor.map([1, 50], (ms) => Effect.as(Effect.sleep(ms), ms)))
              const whole = yield* Effect.forkDetach(executor.map([1], (ms) => Effect.uninterruptible(Effect.as(Effect.sleep(ms + 5), ms))))
              yield* Effect.sleep(3)
              return [cut, whole] as const
            })
          )
          const failed = yield* Effect.flip(Fiber.join(cut))
          seen = [failed._tag, GatherResult.values(failed.partial!).join(), GatherResult.values(yield* Fiber.join(whole)).join()]
        }),
      after: () => equalWords("the error, what it had, and the other", seen, ["ExecutorClosed", "1", "1"])
    })
  })
})

describe("law 14: calls inside of calls, at every size", () => {
  for (const concurrency of [1, 2, 3]) {
    it(`an executor with ${concurrency} at once, three levels of three`, () => {
      let leaves = 0
      return everywhere(undefined, {
        program: () => {
          leaves = 0
          const leaf = Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => leaves++)
          )
          return Effect.scoped(
            Effect.flatMap(ParallelExecutor.make({ concurrency }), (executor) => {
              const level = (depth: number): Effect.Effect<unknown, unknown> =>
                depth === 0 ? leaf : executor.map([1, 2, 3], () => level(depth - 1))
              return level(3)
            })
          )
        },
        seeds: 300,
        after: ({ interrupted }) => (interrupted === undefined ? equal("leaves", leaves, 27) : undefined)
      })
    })
  }
})

describe("law 16: a small call behind a huge one waits for a turn or two, not for all of it", () => {
  type Call = (items: number, task: (n: number) => Effect.Effect<void>) => Effect.Effect<unknown, unknown>
  const permits = 2
  const kinds: Readonly<Record<string, (name: string) => Call>> = {
    "of one executor": (name) => (items, task) => {
      const call = Effect.suspend(() =>
        executor.map(
          Array.from({ length: items }, (_, i) => i),
          task
        )
      )
      if (name !== "huge") return call
      return Effect.scoped(
        Effect.flatMap(ParallelExecutor.make({ concurrency: permits }), (made) => {
          executor = made
          return call
        })
      )
    },
    "of two keys of one KeyedLimiter, with everything in line at once": (name) => (items, task) =>
      Effect.suspend(() => {
        if (name === "huge") keyed = KeyedLimiter.makeUnsafe({ permits })
        return parallelMap(Array.from({ length: items }).keys(), task, { concurrency: "unbounded", limiter: keyed.for(name) })
      })
  }
  let executor = Effect.runSync(Effect.scoped(ParallelExecutor.make()))
  let keyed = KeyedLimiter.makeUnsafe({ permits })

  for (const [kind, call] of Object.entries(kinds)) {
    it(kind, () => {
      const served: Array<string> = []
      return underEverySchedule(undefined, {
        program: () =>
          Effect.gen(function* () {
            served.length = 0
            const work = (name: string) => () =>
              Effect.andThen(
                Effect.sleep(1),
                Effect.sync(() => void served.push(name))
              )
            yield* Effect.all([call("huge")(60, work("huge")), Effect.andThen(Effect.sleep(3), call("small")(3, work("small")))], {
              concurrency: 2
            })
          }),
        seeds: 200,
        after: () => {
          equal("served", served.length, 63)
          // Three instants had passed before it came; then each of its tasks has a place among so many.
          const last = served.lastIndexOf("small")
          if (last > permits * 3 + 12) fail(`the last small one was served as number ${last + 1} of ${served.length}`)
        }
      })
    })
  }
})

describe("law 11: the wait for a shared executor is queueing, and no task's own time", () => {
  it("taskTimeout does not count it, queueTimeout does", () => {
    let words: Array<string> = []
    return underEverySchedule(undefined, {
      program: () =>
        Effect.scoped(
          Effect.gen(function* () {
            words = []
            const executor = yield* ParallelExecutor.make({ concurrency: 1 })
            const busy = yield* Effect.forkChild(executor.map([1], () => Effect.sleep(10)))
            yield* Effect.sleep(1)
            const patient = yield* Effect.forkChild(executor.map([1], () => Effect.sleep(4), { taskTimeout: 5 }))
            yield* Effect.sleep(1)
            const hurried = yield* executor.map([1], () => Effect.void, { queueTimeout: 3 })
            yield* Fiber.join(busy)
            const [waited] = (yield* Fiber.join(patient)).list
            const [outcome] = hurried.list
            words = [
              `${waited!.status} ${Duration.toMillis(waited!.queuedFor!)} ${Duration.toMillis(waited!.ranFor!)}`,
              outcome!._tag === "TimedOut" ? outcome!.limit : outcome!._tag
            ]
          })
        ),
      after: () => equalWords("the patient one, the hurried one", words, ["completed 9 4", "queue"])
    })
  })
})
