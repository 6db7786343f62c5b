/** Maps, gathers and streams of outcomes as subjects, over each kind of source. */
import type * as Outcome from "@skein/core/Outcome"
import { parallelGather, parallelMap } from "@skein/parallel"
import { parallelStream } from "@skein/parallel/parallelStream"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { answer, gatherResult, resultOf, type Subject } from "../subject.ts"
import { toEffect, type Work } from "../work.ts"

type Form = "array" | "record" | "map" | "generator" | "async iterable" | "Stream"

const forms: Readonly<Record<Form, string>> = {
  array: "parallelGather over an array",
  record: "parallelGather over a record",
  map: "parallelMap over an array",
  generator: "parallelMap over a generator",
  "async iterable": "parallelMap over an async iterable",
  Stream: "parallelMap over a Stream"
}

async function* asynchronously<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items
}

/** What the form makes of the pieces of work, for a map. */
const sourceOf = (form: Form, works: ReadonlyArray<Work>): Iterable<Work> | AsyncIterable<Work> | Stream.Stream<Work> =>
  form === "generator"
    ? works[Symbol.iterator]()
    : form === "async iterable"
      ? asynchronously(works)
      : form === "Stream"
        ? Stream.fromIterable(works, { chunkSize: 2 })
        : works

const gather = (form: Form, onFailure: "isolate" | "interrupt"): Subject => ({
  name: `${forms[form]}, onFailure: ${onFailure}`,
  flavour: "inline",
  engine: form === "async iterable" || form === "Stream" ? "source" : "gather",
  onFailure,
  kind: "gather",
  size: form === "generator" || form === "async iterable" || form === "Stream" ? "unknown" : "known",
  run: (works, options, recorder) =>
    Effect.suspend(() => {
      const effects = works.map((work) => toEffect(work, recorder))
      const all: any = { ...options, onFailure }
      const run: Effect.Effect<any, unknown> =
        form === "array"
          ? parallelGather(effects, all)
          : form === "record"
            ? parallelGather(Object.fromEntries(works.map(({ name }, i) => [name, effects[i]!])), all)
            : parallelMap(sourceOf(form, works) as Iterable<Work>, (work: Work) => toEffect(work, recorder), all)
      return answer(run, gatherResult)
    })
})

/** The result is made of the outcomes that were read, also where the stream failed after them. */
const stream = (form: "map" | "generator", order: "completion" | "input", onFailure: "isolate" | "interrupt"): Subject => ({
  name: `parallelStream over ${form === "map" ? "an array" : "a generator"} in ${order} order, onFailure: ${onFailure}`,
  flavour: "inline",
  engine: "stream",
  onFailure,
  kind: "gather",
  size: form === "map" ? "known" : "unknown",
  run: (works, options, recorder) =>
    Effect.suspend(() => {
      const outcomes: Array<Outcome.Outcome<unknown, unknown>> = []
      const given = parallelStream(sourceOf(form, works) as Iterable<Work>, (work: Work) => toEffect(work, recorder), {
        ...options,
        onFailure,
        order
      })
      const read = Stream.runForEach(given, (outcome) => Effect.sync(() => outcomes.push(outcome)))
      return answer(read as Effect.Effect<void, unknown>, () => resultOf(outcomes, works.length))
    })
})

export const gathers: ReadonlyArray<Subject> = [
  gather("map", "isolate"),
  gather("map", "interrupt"),
  gather("generator", "isolate"),
  gather("array", "interrupt"),
  gather("record", "isolate")
]

export const sources: ReadonlyArray<Subject> = [
  gather("async iterable", "isolate"),
  gather("async iterable", "interrupt"),
  gather("Stream", "isolate"),
  gather("Stream", "interrupt")
]

export const streams: ReadonlyArray<Subject> = [
  stream("map", "completion", "isolate"),
  stream("map", "input", "isolate"),
  stream("generator", "completion", "interrupt"),
  stream("map", "input", "interrupt")
]
