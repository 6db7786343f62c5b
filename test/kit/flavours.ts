/**
 * Runs pieces of work as portable tasks: inline, in worker threads, in child processes; through each kind of entry point. What happens is written to a file, for it happens in several threads and processes.
 *
 * The module is loaded in the workers too: it holds the tasks, and imports no test runner.
 */
import type * as GatherResult from "@skein/core/GatherResult"
import * as TaskGroup from "@skein/core/TaskGroup"
import * as Processes from "@skein/node/Processes"
import * as Workers from "@skein/node/Workers"
import type { Event, Flavour, Options } from "@skein/node/Flavour"
import { fanOut, Joiner, ParallelExecutor, parallelGather, parallelMap } from "@skein/parallel"
import * as Task from "@skein/parallel/Task"
import type { TaskRunnerError } from "@skein/parallel/TaskRunner"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const module = import.meta

/** A typed error of a piece of work. */
export class Bad extends Schema.TaggedError<Bad>()("Bad", { name: Schema.String }) {}

const Piece = Schema.Struct({
  name: Schema.String,
  /** Where it writes `a starts`, `a is asked to stop`, `a is clean`. */
  path: Schema.String,
  /** It ends when this file is there. Left out: at once. */
  gate: Schema.optionalKey(Schema.String),
  ends: Schema.optionalKey(Schema.Literals(["value", "fail", "die", "exit"])),
  cleanup: Schema.optionalKey(
    Schema.Struct({ gate: Schema.optionalKey(Schema.String), ends: Schema.optionalKey(Schema.Literals(["value", "fail", "die"])) })
  ),
  uninterruptible: Schema.optionalKey(Schema.Boolean)
})

/** What a piece of work does. */
export type Piece = typeof Piece.Type

const opened = (gate: string | undefined): Effect.Effect<void> =>
  Effect.suspend(() => (gate === undefined || existsSync(gate) ? Effect.void : Effect.andThen(Effect.sleep(2), opened(gate))))

const once = ({ cleanup, ends = "value", gate, name, path, uninterruptible }: Piece): Effect.Effect<string, Bad> => {
  const note = (text: string): Effect.Effect<void> => Effect.sync(() => appendFileSync(path, `${name} ${text}\n`))
  const end = Effect.suspend((): Effect.Effect<string, Bad> => {
    if (ends === "exit") process.exit(3)
    return ends === "fail"
      ? new Bad({ name })
      : ends === "die"
        ? Effect.die(new Error(`defect of ${name}`))
        : Effect.succeed(`value of ${name}`)
  })
  const clean = Effect.andThen(opened(cleanup?.gate), note("is clean"))
  const whole = Effect.andThen(note("starts"), Effect.andThen(opened(gate), end)).pipe(
    Effect.onExit((exit) => (Exit.hasInterrupts(exit) ? note("is asked to stop") : Effect.void)),
    Effect.onExit(() =>
      cleanup?.ends === "die" || cleanup?.ends === "fail" ? Effect.andThen(clean, Effect.die(new Error(`cleanup of ${name}`))) : clean
    )
  )
  return uninterruptible === true ? Effect.uninterruptible(whole) : whole
}

/** The task of all laws. */
export const piece = Task.make("piece", { module, payload: Piece, success: Schema.String, error: Bad, run: once })

/** Fails until it was called so many times. */
export const flaky = Task.make("flaky", {
  module,
  payload: Schema.Struct({ path: Schema.String, times: Schema.Number, how: Schema.Literals(["fail", "exit"]) }),
  success: Schema.String,
  error: Bad,
  run: ({ how, path, times }) =>
    Effect.suspend((): Effect.Effect<string, Bad> => {
      appendFileSync(path, "attempt\n")
      if (linesOf(path).length > times) return Effect.succeed("at last")
      if (how === "exit") process.exit(3)
      return new Bad({ name: "flaky" })
    })
})

/** Calls itself through each entry point, so many levels deep, two at a time; gives how many leaves there were. */
export const deep: Task.Task<number, number> = Task.make("deep", {
  module,
  payload: Schema.Number,
  success: Schema.Number,
  run: (levels: number): Effect.Effect<number> =>
    levels === 0 ? Effect.succeed(1) : Effect.map(Effect.orDie(throughAll(levels - 1)), (counts) => counts.reduce((a, b) => a + b, 0))
})

const throughAll = (levels: number): Effect.Effect<ReadonlyArray<number>, Error> =>
  Effect.gen(function* () {
    const executor = yield* ParallelExecutor.make({ concurrency: 1 })
    const mapped = yield* parallelMap([levels], deep, { onFailure: "interrupt" })
    const executed = yield* executor.map([levels], (n) => executor.map([n], deep, { onFailure: "interrupt" }), { onFailure: "interrupt" })
    const raced = yield* fanOut([deep(levels)], Joiner.all())
    const counts = [
      ...mapped.outcomes,
      ...executed.outcomes.flatMap((outcome) => (outcome._tag === "Completed" ? outcome.value.outcomes : []))
    ]
    return [...counts.map((outcome) => (outcome._tag === "Completed" ? outcome.value : 0)), ...raced]
  }).pipe(Effect.scoped) as Effect.Effect<ReadonlyArray<number>, Error>

/** A gather in the task: its first item ends at once, its second never. */
export const gathers = Task.make("gathers", {
  module,
  payload: Schema.Null,
  success: Schema.Array(Schema.String),
  run: () =>
    Effect.map(
      parallelMap([0, 1], (n) => (n === 0 ? Effect.succeed("first") : Effect.never)),
      ({ outcomes }) =>
        outcomes.map((outcome) =>
          outcome._tag === "Completed" ? outcome.value : outcome._tag === "TimedOut" ? outcome.limit : outcome._tag
        )
    )
})

export type Errors = Bad | TaskRunnerError

/** What every entry point understands. */
export interface EntryOptions {
  readonly concurrency?: number | undefined
  readonly onOutcome?: ((outcome: unknown) => void) | undefined
}

/** An entry point that runs all pieces whatever becomes of one, and gives one outcome for each. */
export type Entry<E> = (pieces: ReadonlyArray<Piece>, options?: EntryOptions) => Effect.Effect<GatherResult.GatherResult<string, E>>

/** Entry points for pieces that are done in one way. */
export const entriesOf = <E>(work: (one: Piece) => Effect.Effect<string, E>): Readonly<Record<string, Entry<E>>> => ({
  parallelMap: (pieces, options) => parallelMap(pieces, work, options),
  parallelGather: (pieces, options) =>
    parallelGather(
      pieces.map((one) => work(one)),
      options
    ),
  "TaskGroup.run": (pieces, options) =>
    TaskGroup.run({ ...options, onFailure: "isolate" }, (group) =>
      Effect.gen(function* () {
        for (const one of pieces) yield* group.spawn(work(one))
        yield* group.join
        return (yield* group.result) as GatherResult.GatherResult<string, E>
      })
    ),
  "ParallelExecutor.map": (pieces, { concurrency, ...options } = {}) =>
    Effect.scoped(Effect.flatMap(ParallelExecutor.make({ concurrency }), (executor) => Effect.orDie(executor.map(pieces, work, options)))),
  fanOut: (pieces, options) =>
    fanOut(
      pieces.map((one) => work(one)),
      Joiner.until(() => false),
      options
    ) as Effect.Effect<GatherResult.GatherResult<string, E>>
})

export const entries: Readonly<Record<string, Entry<Errors>>> = {
  ...entriesOf<Errors>(piece),
  "Task.map": (pieces, options) => Task.map(piece, pieces, options)
}

/** What became of each, in a word or two. */
export const wordsOf = <E>(result: GatherResult.GatherResult<string, E>): ReadonlyArray<string> =>
  result.outcomes.map((outcome) => {
    if (outcome._tag === "Completed") return `${outcome.value}${outcome.late ? ", late" : ""}`
    if (outcome._tag === "Failed") return outcome.cause.reasons.map((reason) => reason._tag).join("+")
    return outcome._tag === "TimedOut" ? `timeout ${outcome.limit}` : `${outcome.status} ${outcome.reason._tag}`
  })

/** The most that ran at one moment, by the notes. */
export const peakOf = (lines: ReadonlyArray<string>): number => {
  let running = 0
  let peak = 0
  for (const line of lines) {
    if (line.endsWith(" starts")) peak = Math.max(peak, ++running)
    if (line.endsWith(" is clean")) running--
  }
  return peak
}

export type Name = "inline" | "worker" | "process"

/** Layers of a flavour, and its pool where it has one. */
export interface Place {
  readonly name: Name
  readonly layer: (options?: Options) => Layer.Layer<never>
  readonly pool: Effect.Effect<Flavour> | undefined
}

/** So long that no slow machine is taken for a task that does not stop. */
const patient = { size: 2, grace: "10 minutes" } as const

export const places: ReadonlyArray<Place> = [
  { name: "inline", layer: () => Layer.empty, pool: undefined },
  { name: "worker", layer: (options) => Workers.layer({ ...patient, ...options }) as Layer.Layer<never>, pool: Workers.Workers as never },
  {
    name: "process",
    layer: (options) => Processes.layer({ ...patient, ...options }) as Layer.Layer<never>,
    pool: Processes.Processes as never
  }
]

/** A folder of its own for a suite, and what it holds. */
export const folder = () => {
  const dir = mkdtempSync(join(tmpdir(), "laws-"))
  let files = 0
  return { file: (): string => join(dir, `${files++}.txt`), remove: (): void => rmSync(dir, { recursive: true }) }
}

export const linesOf = (path: string): ReadonlyArray<string> => {
  const text = existsSync(path) ? readFileSync(path, "utf8").trimEnd() : ""
  return text === "" ? [] : text.split("\n")
}

/** Lets go what waits for this file. */
export const open = (gate: string): void => writeFileSync(gate, "")

/** Waits for a condition, however long it takes. */
export const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.andThen(Effect.sleep(2), until(holds))))

/** Tries with more and more time until the try says that the machine was fast enough. */
export const inTime = <A, E>(attempt: (millis: number) => Effect.Effect<A, E>, was: (a: A) => boolean, millis = 50): Effect.Effect<A, E> =>
  Effect.flatMap(attempt(millis), (a) => (was(a) ? Effect.succeed(a) : inTime(attempt, was, millis * 2)))

export type { Event }
