/**
 * Describes an entry point of Skein generically: something that runs pieces of work, a bounded number at once, and gives one outcome for each. A law is written once, over subjects; a
 * new entry point or flavour that wants to keep the laws is added here.
 */
import * as GatherResult from "@skein/core/GatherResult"
import type * as Outcome from "@skein/core/Outcome"
import * as TaskGroup from "@skein/core/TaskGroup"
import { parallelGather, parallelMap } from "@skein/parallel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Recorder } from "./recorder.ts"
import { toEffect, type Work } from "./work.ts"

/** Where the tasks run. Others come with their packages. */
export type Flavour = "inline"

/** What every subject understands; the words are those of Skein. */
export interface SubjectOptions {
  readonly concurrency?: number | "unbounded" | undefined
  readonly timeout?: number | undefined
  readonly taskTimeout?: number | undefined
  readonly queueTimeout?: number | undefined
  readonly grace?: number | undefined
  readonly onOutcome?: ((outcome: Outcome.Outcome<unknown, unknown>) => void) | undefined
}

/** What a subject came back with. */
export interface Answer {
  readonly exit: Exit.Exit<unknown, unknown>
  /** From the value, from the cause of the failure, or from the group itself. */
  readonly result: GatherResult.GatherResult<unknown, unknown> | undefined
}

export interface Subject {
  readonly name: string
  readonly flavour: Flavour
  readonly onFailure: "isolate" | "interrupt" | "collect"
  /** Whether it hands over one outcome for each piece of work also when it is interrupted: groups know only what was spawned. */
  readonly kind: "gather" | "group"
  /** Runs the work. Interrupting it interrupts the subject. */
  readonly run: (works: ReadonlyArray<Work>, options: SubjectOptions, recorder: Recorder) => Effect.Effect<Answer>
}

const answer = <A>(effect: Effect.Effect<A, unknown>, resultOf: (exit: Exit.Exit<A, unknown>) => Answer["result"]): Effect.Effect<Answer> =>
  Effect.catchCause(
    Effect.map(effect, (value): Answer => ({ exit: Exit.succeed(value), result: resultOf(Exit.succeed(value)) })),
    (cause) => Effect.succeed<Answer>({ exit: Exit.failCause(cause), result: resultOf(Exit.failCause(cause)) })
  )

const gatherResult = (exit: Exit.Exit<GatherResult.GatherResult<unknown, unknown, unknown>, unknown>): Answer["result"] =>
  Exit.isSuccess(exit) ? (exit.value as Answer["result"]) : GatherResult.fromCause(exit.cause)

type Form = "array" | "record" | "map" | "generator"

const gatherSubject = (form: Form, onFailure: "isolate" | "interrupt"): Subject => ({
  name: `${form === "map" || form === "generator" ? "parallelMap" : "parallelGather"} over ${form === "map" ? "an array" : form === "array" ? "an array" : `a ${form}`}, onFailure: ${onFailure}`,
  flavour: "inline",
  onFailure,
  kind: "gather",
  run: (works, options, recorder) =>
    Effect.suspend(() => {
      const effects = works.map((work) => toEffect(work, recorder))
      const all: any = { ...options, onFailure }
      const run: Effect.Effect<any, unknown> =
        form === "array"
          ? parallelGather(effects, all)
          : form === "record"
            ? parallelGather(Object.fromEntries(works.map(({ name }, i) => [name, effects[i]!])), all)
            : parallelMap(form === "map" ? works : works[Symbol.iterator](), (work: Work) => toEffect(work, recorder), all)
      return answer(run, gatherResult)
    })
})

const groupSubject = (form: "run" | "make", onFailure: "isolate" | "interrupt" | "collect"): Subject => ({
  name: `TaskGroup.${form}, onFailure: ${onFailure}`,
  flavour: "inline",
  onFailure,
  kind: "group",
  run: (works, options, recorder) =>
    Effect.suspend(() => {
      let group: TaskGroup.TaskGroup<string> | undefined
      const all: any = { ...options, onFailure }
      // All of them stand in line at once, as those of a gather do, however full the group is.
      const spawnAll = (face: TaskGroup.TaskGroup<string>): Effect.Effect<unknown> => {
        group = face
        return Effect.forEach(works, (work) => face.spawn(toEffect(work, recorder), { name: work.name }), {
          concurrency: "unbounded",
          discard: true
        })
      }
      const run: Effect.Effect<unknown, unknown> =
        form === "run"
          ? TaskGroup.run(all, spawnAll)
          : Effect.scoped(Effect.flatMap(TaskGroup.make<string>(all), (face) => Effect.andThen(spawnAll(face), face.join)))
      return Effect.flatMap(
        answer(run, (exit) => (Exit.isSuccess(exit) ? undefined : GatherResult.fromCause(exit.cause))),
        ({ exit, result }) =>
          result !== undefined || group === undefined
            ? Effect.succeed({ exit, result })
            : Effect.map(group.result, (result) => ({ exit, result }))
      )
    })
})

const inline: ReadonlyArray<Subject> = [
  gatherSubject("map", "isolate"),
  gatherSubject("map", "interrupt"),
  gatherSubject("generator", "isolate"),
  gatherSubject("array", "interrupt"),
  gatherSubject("record", "isolate"),
  groupSubject("run", "isolate"),
  groupSubject("run", "interrupt"),
  groupSubject("run", "collect"),
  groupSubject("make", "isolate"),
  groupSubject("make", "interrupt"),
  groupSubject("make", "collect")
]

/** All entry points in all flavours there are. */
export const subjects: ReadonlyArray<Subject> = inline

export const gathers: ReadonlyArray<Subject> = subjects.filter(({ kind }) => kind === "gather")

/** How many subjects stand on the same engine: they share the schedules of a law. */
export const sharers = (subject: Subject): number =>
  subjects.filter(({ flavour, kind }) => kind === subject.kind && flavour === subject.flavour).length

export const withPolicy = (...policies: ReadonlyArray<Subject["onFailure"]>): ReadonlyArray<Subject> =>
  subjects.filter(({ onFailure }) => policies.includes(onFailure))
