/**
 * Measures how much heap a queued and a finished task take: bytes that are still there after a collection, divided by the number of tasks.
 *
 * A queued task of any library keeps what it is to run, so the effects (or functions) themselves are the baseline. A finished task keeps its value; all values here are small integers, which cost one slot of an
 * array.
 */
import * as TaskGroup from "@skein/core/TaskGroup"
import { parallelMap } from "@skein/parallel/parallelMap"
import * as Effect from "effect/Effect"
import pLimit from "p-limit"
import pMap from "p-map"
import PQueue from "p-queue"
import { collect, type Comparison, main, size, type Subject, type Watch } from "./kit/bench.ts"
import { items, work } from "./kit/work.ts"

const n = size(100_000)
const input = items(n)
const concurrency = 16

/** How many tasks are queued or finished in what was measured. */
type Answer = number

/** Fills a heap with what `fill` gives and records what it takes. What is measured must be held until it has been. */
const measure = async (
  watch: Watch,
  fill: () => Promise<{ readonly held: unknown; readonly count: number; readonly end: () => unknown }>
): Promise<Answer> => {
  await settle()
  collect()
  const before = process.memoryUsage().heapUsed
  const filled = await fill()
  await settle()
  collect()
  watch.record(process.memoryUsage().heapUsed - before)
  await filled.end()
  return filled.held === undefined ? 0 : filled.count
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 8; turn++) await new Promise((resume) => setImmediate(resume))
}

const nothing = (): void => {}

/** A promise task as an effect, with a closure of its own, as in real code. */
const promise = (i: number): Effect.Effect<number> => Effect.promise(() => work(i))

/** A gate that 16 running tasks wait for, so that all others stay queued. */
const gate = (): { readonly open: () => void; readonly opened: Promise<number> } => {
  const { promise, resolve } = Promise.withResolvers<number>()
  return { open: () => resolve(0), opened: promise }
}

const closures: Subject<Answer> = {
  name: "the effects alone",
  run: (watch) =>
    measure(watch, async () => {
      const held = input.map(promise)
      return { held, count: held.length, end: nothing }
    })
}

/** The first task spawns all others from inside, which queues them, and then waits with the first places taken. */
const groupQueue = (name: string, keepHandles: boolean): Subject<Answer> => ({
  name,
  run: (watch) =>
    measure(watch, async () => {
      const { open, opened } = gate()
      const kept: Array<unknown> = []
      const queued = Promise.withResolvers<number>()
      const done = Effect.runPromise(
        TaskGroup.run({ concurrency, onFailure: "isolate" }, (group) => {
          const blocker = Effect.promise(() => opened)
          const spawner = Effect.gen(function* () {
            for (let i = 1; i < concurrency; i++) yield* group.spawn(blocker)
            yield* Effect.promise(settle)
            for (const i of input) {
              const handle = yield* group.spawn(promise(i))
              if (keepHandles) kept.push(handle)
            }
            queued.resolve((yield* group.stats).queued)
            yield* blocker
          })
          return Effect.andThen(group.spawn(spawner), group.join)
        })
      )
      const count = await queued.promise
      return {
        held: kept,
        count,
        end: () => {
          open()
          return done
        }
      }
    })
})

const limitQueue: Subject<Answer> = {
  name: "p-limit",
  run: (watch) =>
    measure(watch, async () => {
      const { open, opened } = gate()
      const limit = pLimit(concurrency)
      const blockers = Array.from({ length: concurrency }, () => limit(() => opened))
      const held = input.map((i) => limit(() => work(i)))
      await settle()
      const count = limit.pendingCount
      return {
        held,
        count,
        end: () => {
          open()
          return Promise.all([...blockers, ...held])
        }
      }
    })
}

const pQueueQueue: Subject<Answer> = {
  name: "p-queue",
  run: (watch) =>
    measure(watch, async () => {
      const { open, opened } = gate()
      const queue = new PQueue({ concurrency })
      const blockers = Array.from({ length: concurrency }, () => queue.add(() => opened))
      const held = input.map((i) => queue.add(() => work(i)))
      const count = queue.size
      return {
        held,
        count,
        end: () => {
          open()
          return Promise.all([...blockers, ...held])
        }
      }
    })
}

const finished = (name: string, run: () => Promise<{ readonly list: ReadonlyArray<unknown> }>): Subject<Answer> => ({
  name,
  run: (watch) =>
    measure(watch, async () => {
      const held = await run()
      return { held, count: held.list.length, end: nothing }
    })
})

const check = (count: Answer): string | undefined => (count === n ? undefined : `${count} tasks instead of ${n}`)
const shared = { n, unit: "bytes a task", check, warmUps: 2, runs: 3 } as const

const queued: Comparison<Answer> = {
  ...shared,
  title: "a queued task",
  baseline: "the effects alone",
  subjects: [closures, groupQueue("TaskGroup", false), groupQueue("TaskGroup, handles kept", true), limitQueue, pQueueQueue]
}

const done: Comparison<Answer> = {
  ...shared,
  title: "a finished task",
  baseline: "p-map, values",
  subjects: [
    finished("parallelMap, outcomes", () => Effect.runPromise(parallelMap(input, promise, { concurrency }))),
    finished("TaskGroup, outcomes", () =>
      Effect.runPromise(
        TaskGroup.run({ concurrency, onFailure: "isolate" }, (group) =>
          Effect.andThen(
            Effect.forEach(input, (i) => group.spawn(promise(i)), { discard: true }),
            Effect.andThen(group.join, group.result)
          )
        )
      )
    ),
    finished("Effect.forEach + Effect.exit, exits", async () => ({
      list: await Effect.runPromise(Effect.forEach(input, (i) => Effect.exit(promise(i)), { concurrency }))
    })),
    finished("p-limit + allSettled, results", async () => {
      const limit = pLimit(concurrency)
      return { list: await Promise.allSettled(input.map((i) => limit(work, i))) }
    }),
    finished("p-map, values", async () => ({ list: await pMap(input, work, { concurrency }) }))
  ]
}

await main([queued, done])
