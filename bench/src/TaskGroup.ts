/**
 * Measures spawning 100,000 promise tasks one by one and joining them, with 16 places and without a bound: `TaskGroup` against p-limit, p-queue and `FiberSet`.
 *
 * `TaskGroup` keeps an outcome with its times for each task; p-limit and p-queue give the values, `FiberSet` the exits of its fibers. From outside, `spawn` waits while the group is full; from inside a task it queues, as
 * p-limit and p-queue always do. `FiberSet` has no bound of its own.
 */
import type * as GatherResult from "@skein/core/GatherResult"
import * as TaskGroup from "@skein/core/TaskGroup"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import pLimit from "p-limit"
import PQueue from "p-queue"
import { type Comparison, main, size, type Subject } from "./kit/bench.ts"
import { checkAnswer, items, valuesOf, work } from "./kit/work.ts"

const n = size(100_000)
const input = items(n)

type Answer = ReadonlyArray<number> | ReadonlyArray<Fiber.Fiber<number>> | GatherResult.GatherResult<number>

const promise = (i: number): Effect.Effect<number> => Effect.promise(() => work(i))

const numbersOf = (answer: Answer): ReadonlyArray<number> => {
  if ("list" in answer) return valuesOf(answer)
  return answer.map((value) => {
    if (typeof value === "number") return value
    const exit = value.pollUnsafe()
    if (exit === undefined || Exit.isFailure(exit)) throw new Error("a fiber has not succeeded")
    return exit.value
  })
}

const resultOf = (group: TaskGroup.TaskGroup<never>): Effect.Effect<GatherResult.GatherResult<number>> =>
  Effect.andThen(group.join, group.result as Effect.Effect<GatherResult.GatherResult<number>>)

const spawnAll = (group: TaskGroup.TaskGroup<never>): Effect.Effect<void> =>
  Effect.forEach(input, (i) => group.spawn(promise(i)), { discard: true })

const outside = (concurrency: number | "unbounded"): Subject<Answer> => ({
  name: "TaskGroup",
  run: () =>
    Effect.runPromise(
      TaskGroup.run({ concurrency }, (group: TaskGroup.TaskGroup<never>) => Effect.andThen(spawnAll(group), resultOf(group)))
    )
})

/** The spawner is itself a task; its outcome, the first, is left out. It takes a place of its own until it has spawned all. */
const inside = (concurrency: number | "unbounded"): Subject<Answer> => ({
  name: "TaskGroup, spawned from inside",
  run: () =>
    Effect.runPromise(
      TaskGroup.run({ concurrency }, (group: TaskGroup.TaskGroup<never>) =>
        Effect.andThen(group.spawn(spawnAll(group)), Effect.map(resultOf(group), withoutFirst))
      )
    )
})

const withoutFirst = (result: GatherResult.GatherResult<number>): ReadonlyArray<number> => {
  const { list } = result
  return list.slice(1).map((outcome) => (outcome._tag === "Completed" ? outcome.value : Number.NaN))
}

const pLimitSubject = (concurrency: number): Subject<Answer> => ({
  name: "p-limit",
  run: () => {
    const limit = pLimit(concurrency)
    return Promise.all(input.map((i) => limit(work, i)))
  }
})

const pQueueSubject = (concurrency: number): Subject<Answer> => ({
  name: "p-queue",
  run: async () => {
    const queue = new PQueue({ concurrency })
    const values = input.map((i) => queue.add(() => work(i)))
    await queue.onIdle()
    return Promise.all(values)
  }
})

const fiberSet = (name: string): Subject<Answer> => ({
  name,
  run: () =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const set = yield* FiberSet.make<number>()
          const fibers = yield* Effect.forEach(input, (i) => FiberSet.run(set, promise(i)))
          yield* FiberSet.awaitEmpty(set)
          return fibers
        })
      )
    )
})

const comparison = (title: string, subjects: ReadonlyArray<Subject<Answer>>): Comparison<Answer> => ({
  title,
  n,
  baseline: "p-limit",
  check: (answer) => checkAnswer(numbersOf(answer), n),
  runs: 4,
  subjects
})

await main([
  comparison("16 places", [outside(16), inside(16), pLimitSubject(16), pQueueSubject(16), fiberSet("FiberSet (no bound)")]),
  comparison("no bound", [
    outside("unbounded"),
    inside("unbounded"),
    pLimitSubject(Number.POSITIVE_INFINITY),
    pQueueSubject(Number.POSITIVE_INFINITY),
    fiberSet("FiberSet")
  ])
])
