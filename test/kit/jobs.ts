/** What the laws for jobs share: a graph that has one of everything, and ends in words. */
import { Condition, Engine, Job } from "@skein/engine"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { equalWords } from "./expectations.ts"
import { underEverySchedule } from "./law.ts"
import type { Recorder } from "./recorder.ts"
import { toEffect, type Work } from "./work.ts"

type Program = Effect.Effect<ReadonlyArray<unknown>, unknown, Scope.Scope>

/** Under many schedules the program says these words. */
export const always = (program: () => Program, words: ReadonlyArray<unknown>, seeds = 200): Promise<unknown> => {
  let said: ReadonlyArray<unknown> = []
  return underEverySchedule(undefined, {
    program: () => Effect.map(Effect.scoped(program()), (all) => (said = all)),
    seeds,
    after: () => equalWords("said", said, words)
  })
}

/** How a job ended, with its reason. */
export const told = (end: Job.End<unknown, unknown>): string => {
  switch (end._tag) {
    case "Completed":
      return `completed${end.late ? " late" : ""}`
    case "Failed":
      return `failed: ${Cause.prettyErrors(end.cause)
        .map(({ message }) => message)
        .join(" + ")}`
    case "TimedOut":
      return `timeout ${end.limit}`
    case "Skipped":
      return `skipped: ${Job.formatBecause(end.because)}`
    default:
      return `${end.status} ${end.reason._tag}`
  }
}

export const tell = (handle: Job.Handle<unknown, unknown>): Effect.Effect<string> => Effect.map(handle.await, told)
export const tellAll = (handles: ReadonlyArray<Job.Handle<unknown, unknown>>): Effect.Effect<ReadonlyArray<string>> =>
  Effect.forEach(handles, tell)

/** Both ways of a graph that has one of everything: a slow one, one that fails and is tried again, one that is skipped, conditions, a choice. */
export const graph = (work: (work: Work) => Effect.Effect<string, string>, open: SubscriptionRef.SubscriptionRef<boolean>) => {
  const a = Job.make("a", { run: work({ name: "a", takes: 2, cleanup: { takes: 1 } }) })
  const b = Job.make("b", { input: { of: Job.result(a) }, run: () => work({ name: "b", takes: 1 }) })
  const c = Job.make("c", { after: a, retry: { times: 1, schedule: Schedule.spaced(2) }, run: work({ name: "c", ends: "fail" }) })
  const d = Job.make("d", { after: c, run: work({ name: "d" }) })
  const e = Job.make("e", { after: Job.afterAny([c, b]), when: Condition.ref(open, (isOpen) => isOpen), run: work({ name: "e" }) })
  const f = Job.make("f", { when: Condition.after(4), timeout: 3, run: work({ name: "f", takes: Infinity, cleanup: { takes: 1 } }) })
  return [a, b, c, d, e, f] as const
}

export const ends = ["completed", "completed", "failed: error of c", 'skipped: "c" failed: error of c', "completed", "timeout task"]

/** Runs that graph in an engine of its own, opening the condition on the way, and notes the return. */
export const whole = (record: Recorder, options: Engine.Options = {}) =>
  Effect.onExit(
    Effect.scoped(
      Effect.gen(function* () {
        const engine = yield* Engine.make({ limits: { jobs: 2 }, ...options })
        const open = yield* SubscriptionRef.make(false)
        const handles = yield* engine.submitAll(graph((work) => toEffect(work, record), open))
        yield* SubscriptionRef.set(open, true)
        return yield* tellAll(handles)
      })
    ),
    () => record.mark("returned")
  )
