/** Calls of executors as subjects: alone, and three levels deep under one limit. */
import type * as Outcome from "@skein/core/Outcome"
import { Joiner, ParallelExecutor } from "@skein/parallel"
import * as ParallelExecutorStream from "@skein/parallel/ParallelExecutorStream"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { answer, type Answer, gatherResult, resultOf, type Subject, type SubjectOptions } from "../subject.ts"
import { toEffect, type Work } from "../work.ts"
import type { Recorder } from "../recorder.ts"

/** What an executor is made with, of the options of one call: where a call has no bound, more than any law has work. */
const permitsOf = ({ concurrency }: SubjectOptions): number =>
  concurrency === undefined ? 8 : concurrency === "unbounded" ? 64 : concurrency

/** The bound is the executor's, everything else the call's. */
const callOf = ({ concurrency: _, ...options }: SubjectOptions): any => options

const subject = (
  name: string,
  onFailure: "isolate" | "interrupt",
  run: (executor: ParallelExecutor.ParallelExecutor, works: ReadonlyArray<Work>, options: any, recorder: Recorder) => Effect.Effect<Answer>,
  levels = 1
): Subject => ({
  name,
  flavour: "inline",
  engine: "executor",
  onFailure,
  kind: "gather",
  size: "known",
  levels,
  run: (works, options, recorder) =>
    Effect.scoped(
      Effect.flatMap(ParallelExecutor.make({ concurrency: permitsOf(options), name: "executor" }), (executor) =>
        run(executor, works, callOf(options), recorder)
      )
    )
})

const map = (onFailure: "isolate" | "interrupt"): Subject =>
  subject(`ParallelExecutor.map, onFailure: ${onFailure}`, onFailure, (executor, works, options, recorder) =>
    answer(executor.map(works, (work) => toEffect(work, recorder), { ...options, onFailure }) as Effect.Effect<any, unknown>, gatherResult)
  )

const gather: Subject = subject("ParallelExecutor.gather, onFailure: isolate", "isolate", (executor, works, options, recorder) =>
  answer(
    executor.gather(
      works.map((work) => toEffect(work, recorder)),
      options
    ) as Effect.Effect<any, unknown>,
    gatherResult
  )
)

const fanOut: Subject = subject("ParallelExecutor.fanOut, Joiner.until", "isolate", (executor, works, options, recorder) =>
  answer(
    executor.fanOut(
      works.map((work) => toEffect(work, recorder)),
      Joiner.until(() => false),
      options
    ) as Effect.Effect<any, unknown>,
    gatherResult
  )
)

const stream: Subject = subject(
  "ParallelExecutorStream.stream over an array, onFailure: isolate",
  "isolate",
  (executor, works, options, recorder) =>
    Effect.suspend(() => {
      const outcomes: Array<Outcome.Outcome<unknown, unknown>> = []
      const given = ParallelExecutorStream.stream(executor, works, (work) => toEffect(work, recorder), options)
      const read = Stream.runForEach(given, (outcome) => Effect.sync(() => outcomes.push(outcome)))
      return answer(read as Effect.Effect<void, unknown>, () => resultOf(outcomes, works.length))
    })
)

/** The two calls around have one task each, and lend its permit: what is inside has the whole bound to itself, also where that is 1. */
const nested = (onFailure: "isolate" | "interrupt"): Subject =>
  subject(
    `ParallelExecutor.map, three levels deep, onFailure: ${onFailure}`,
    onFailure,
    (executor, works, options, recorder) => {
      let inner: Answer | undefined
      const level3 = Effect.map(
        answer(
          executor.map(works, (work) => toEffect(work, recorder), { ...options, onFailure }) as Effect.Effect<any, unknown>,
          gatherResult
        ),
        (answer) => {
          inner = answer
        }
      )
      const level2 = executor.map([0], () => level3)
      return Effect.flatMap(Effect.exit(executor.map([0], () => level2)), (exit) =>
        inner === undefined ? Effect.succeed({ exit, result: undefined }) : Effect.succeed(inner)
      )
    },
    3
  )

export const executors: ReadonlyArray<Subject> = [
  map("isolate"),
  map("interrupt"),
  gather,
  fanOut,
  stream,
  nested("isolate"),
  nested("interrupt")
]
