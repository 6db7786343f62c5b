/** Jobs of an engine as subjects: submitted together, each behind another job, and kept in a store. */
import * as Deadline from "@skein/core/Deadline"
import * as Outcome from "@skein/core/Outcome"
import { Engine, Job } from "@skein/engine"
import * as JobStore from "@skein/engine/JobStore"
import * as Task from "@skein/parallel/Task"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { checkKept } from "../kept.ts"
import { answer, type Answer, resultOf, type Subject, type SubjectOptions } from "../subject.ts"
import { toEffect } from "../work.ts"

type Told = Outcome.Outcome<unknown, unknown>

/** An engine knows no calls: the deadline of its owner stands for the limit of one, and what it says is put in the words of a call. */
const inWordsOfACall = (timeout: number | undefined, startedAt: number): ((end: Job.End<unknown, unknown>) => Told) => {
  const told = new Map<unknown, Told>()
  const translated = (end: Told): Told => {
    if (timeout === undefined) return end
    const after = Duration.millis(timeout)
    if (end._tag === "TimedOut" && end.limit === "deadline" && Duration.equals(end.after, after)) {
      return new Outcome.TimedOut(end, "call", after, end.cause)
    }
    return end._tag === "NotStarted" && end.reason._tag === "DeadlineReached" && end.reason.at === startedAt + timeout
      ? new Outcome.NotStarted(end, { _tag: "CallTimeout", after })
      : end
  }
  return (end) => {
    if (end._tag === "Skipped") throw new Error("no job of these is ever skipped")
    const known = told.get(end) ?? translated(end)
    told.set(end, known)
    return known
  }
}

type How = "together" | "behind another" | "kept"

const jobs = (name: string, how: How): Subject => ({
  name,
  flavour: "inline",
  engine: "engine",
  onFailure: "isolate",
  kind: "group",
  size: "known",
  run: (works, { concurrency = "unbounded", grace, onOutcome, queueTimeout, taskTimeout, timeout }: SubjectOptions, recorder) =>
    Effect.clockWith((clock) => {
      let handles: ReadonlyArray<Job.Handle<unknown, unknown>> = []
      const told = inWordsOfACall(timeout, clock.currentTimeMillisUnsafe())
      const gate = Job.make("gate", { needs: { jobs: 0 }, run: Effect.void })
      const task = Task.make("work", {
        payload: Schema.Number,
        success: Schema.String,
        error: Schema.String,
        run: (i) => toEffect(works[i]!, recorder)
      })
      const described = works.map((work, i): Job.Job<unknown, unknown> => {
        const limits = { timeout: taskTimeout, queueTimeout }
        if (how === "kept") return Job.task(task, i, { ...limits, name: work.name })
        return Job.make(work.name, {
          run: toEffect(work, recorder),
          ...limits,
          ...(how === "together" ? {} : { after: Job.on(gate, "ended") })
        })
      })
      const store = how === "kept" ? JobStore.memory() : undefined
      const all = Effect.scoped(
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: concurrency }, grace, store, tasks: [task] })
          if (onOutcome !== undefined) {
            engine.subscribe(({ name, state }) => (state._tag === "Ended" && name !== "gate" ? onOutcome(told(state.outcome)) : undefined))
          }
          const submitted = yield* engine.submitAll(how === "behind another" ? [...described, gate] : described)
          handles = submitted.slice(0, works.length)
          yield* Effect.forEach(handles, (handle) => handle.await, { discard: true })
        })
      )
      const outcomes = (): ReadonlyArray<Told> => handles.flatMap(({ state }) => (state._tag === "Ended" ? [told(state.outcome)] : []))
      const seen = (): Answer["result"] => {
        if (store !== undefined) checkKept(store, handles)
        return resultOf(outcomes(), works.length)
      }
      return answer(timeout === undefined ? all : Deadline.within(all, timeout), seen)
    })
})

export const engines: ReadonlyArray<Subject> = [
  jobs("Engine.submitAll", "together"),
  jobs("Engine.submitAll, each job behind another one", "behind another"),
  jobs("Engine.submitAll, kept in a store", "kept")
]
