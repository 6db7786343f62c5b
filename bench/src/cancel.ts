/**
 * Measures cancelling 100,000 queued tasks: a `TaskGroup` and a `parallelMap` that is stopped, outcomes listed and read, against interrupting `Effect.forEach` over as many.
 *
 * Only the cancelling is timed, from asking until everything has ended and each task's outcome was read. `Effect.forEach` keeps nothing to list: with 16 at once it has 16 fibers to interrupt, without a bound
 * 100,000. p-limit and p-queue can drop what is queued and then never settle its promises, so they are no match.
 */
import type * as GatherResult from "@skein/core/GatherResult"
import * as TaskGroup from "@skein/core/TaskGroup"
import { parallelMap } from "@skein/parallel/parallelMap"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { type Comparison, main, size, type Subject, type Watch } from "./kit/bench.ts"
import { items } from "./kit/work.ts"

const n = size(100_000)
const input = items(n)
const concurrency = 16

/** How many tasks ended how; of what keeps no outcomes, how many fibers were seen to be interrupted. */
interface Answer {
  readonly cancelled: number
  readonly notStarted: number
}

const read = (result: GatherResult.GatherResult<unknown, unknown>): Answer => {
  let cancelled = 0
  let notStarted = 0
  for (const outcome of result.list) {
    if (outcome._tag === "Cancelled" && outcome.reason._tag !== "SiblingFailed") cancelled++
    else if (outcome._tag === "NotStarted" && outcome.attempts === 0) notStarted++
  }
  return { cancelled, notStarted }
}

/** A task that hangs, and counts when it is interrupted. */
const hang = (onStop: () => void): Effect.Effect<never> => Effect.onInterrupt(Effect.never, () => Effect.sync(onStop))

const group: Subject<Answer> = {
  name: "TaskGroup.cancel",
  run: (watch) =>
    Effect.runPromise(
      TaskGroup.run({ concurrency, onFailure: "isolate" }, (group) =>
        Effect.gen(function* () {
          const task = Effect.never
          const spawner = Effect.forEach(input, () => group.spawn(task), { discard: true })
          const handle = yield* group.spawn(spawner)
          yield* handle.await
          yield* Effect.promise(settled)
          watch.start()
          yield* group.cancel("enough")
          const answer = read(yield* group.result)
          watch.stop()
          return answer
        })
      )
    )
}

const map: Subject<Answer> = {
  name: "parallelMap, stopped",
  run: async (watch) => {
    const controller = new AbortController()
    const running = Effect.runPromise(parallelMap(input, () => Effect.never, { concurrency, stop: controller.signal }))
    await settled()
    watch.start()
    controller.abort("enough")
    const answer = read(await running)
    watch.stop()
    return answer
  }
}

const forEach = (name: string, concurrency: number | "unbounded"): Subject<Answer> => ({
  name,
  run: async (watch: Watch) => {
    let stopped = 0
    const task = hang(() => stopped++)
    const fiber = Effect.runFork(Effect.forEach(input, () => task, { concurrency, discard: true }))
    await settled()
    watch.start()
    await Effect.runPromise(Fiber.interrupt(fiber))
    watch.stop()
    return { cancelled: stopped, notStarted: n - stopped }
  }
})

/** Lets what can start do so. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 8; turn++) await new Promise((resume) => setImmediate(resume))
}

const comparison: Comparison<Answer> = {
  title: "cancel with 100,000 queued",
  n,
  unit: "ns a queued task",
  baseline: "Effect.forEach, unbounded, interrupted",
  runs: 7,
  check: ({ cancelled, notStarted }, { name }) => {
    const running = name.includes("unbounded") ? n : concurrency
    if (cancelled !== running) return `${cancelled} tasks were stopped instead of ${running}`
    return notStarted === n - running ? undefined : `${notStarted} never started instead of ${n - running}`
  },
  subjects: [
    group,
    map,
    forEach("Effect.forEach, 16 at once, interrupted", concurrency),
    forEach("Effect.forEach, unbounded, interrupted", "unbounded")
  ]
}

await main([comparison])
