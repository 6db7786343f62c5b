/**
 * One run: all files, a bounded number at once, on one flavour. The heart of it is one call of `parallelMap`, the same for every flavour.
 */
import { ProgressLine, type Signals } from "@skein/node"
import type { Event, Options } from "@skein/node/Flavour"
import { parallelMap } from "@skein/parallel"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import { analyse } from "./analysis.ts"
import type { Flags } from "./flags.ts"
import { deaths, type Flavour, layers, warmUp } from "./flavours.ts"
import type { Input } from "./inputs.ts"
import { takers } from "./poison.ts"
import { type Answers, summarize, type Summary } from "./summary.ts"
import { addWords, type Vocabulary } from "./words.ts"

/** What came of a run. */
export interface Run {
  readonly flavour: Flavour
  readonly concurrency: number
  /** How many threads or processes; 0 inline. */
  readonly size: number
  /** Until they were ready, in milliseconds. */
  readonly warmUp: number
  readonly summary: Summary
  readonly answers: Answers
  /** What became of the workers while it ran. */
  readonly events: ReadonlyArray<Event>
  /** The worker that was killed on purpose; absent if it did not come to that. */
  readonly death: Death | undefined
}

interface Death {
  /** The input that killed it. */
  readonly poisoned: string
  /** What else ran in it. */
  readonly others: ReadonlyArray<string>
  /** Who took up that input: the worker that died, then another. */
  readonly takers: ReadonlyArray<string>
}

/** What a run is given beside its flags. */
export interface Setting {
  readonly inputs: ReadonlyArray<Input>
  /** A folder for notes, which is removed in the end. */
  readonly folder: string
  readonly stop: Signals.Stop
}

let runs = 0

/** Analyses all files on a flavour, and kills one of its workers half-way. It never fails: what fails is a file, and that is part of the answer. */
export const run = (flavour: Flavour, flags: Flags, { folder, inputs, stop }: Setting): Effect.Effect<Run> => {
  const { concurrency } = flags
  const size = flavour === "inline" ? 0 : flags.size
  const how = deaths[flavour]
  const note = join(folder, `note-${runs++}`)
  const half = Math.floor(inputs.length / 2)
  const events: Array<Event> = []
  const vocabulary: Vocabulary = new Map()

  const answer = Effect.gen(function* () {
    const ready = size === 0 ? 0 : yield* Effect.raceFirst(warmUp(size, events), Effect.as(stop.await, 0))
    const line = yield* ProgressLine.make({ total: inputs.length, unit: "files", mode: flags.quiet ? "off" : "auto" })
    const seen = { done: 0, failed: 0, timedOut: 0 }

    const result = yield* parallelMap(
      inputs,
      ({ path }, index) =>
        Effect.map(analyse(index === half && how !== undefined ? { path, poison: { note, how } } : { path }), ({ tally, ...rest }) => {
          // In one step with giving the result: a file that fails or is stopped half-way has added nothing, so the sums agree with the outcomes.
          addWords(vocabulary, tally)
          return rest
        }),
      {
        concurrency,
        taskTimeout: flags.timeout, // no file may hang the rest
        timeout: flags.deadline, // by then, whatever is done is the answer
        stop: stop.signal, // Ctrl-C too
        grace: "1 second", // and that includes cleaning up
        onOutcome: ({ _tag }) => {
          if (_tag === "NotStarted") return
          seen.done++
          if (_tag === "Failed") seen.failed++
          if (_tag === "TimedOut") seen.timedOut++
          line.update({ done: seen.done, note: noteOf(flavour, seen) })
        }
      }
    )
    return { ready, result, happened: [...events] }
  })

  const options: Options = {
    size: Math.max(size, 1),
    minimum: Math.max(size, 1),
    concurrency: Math.ceil(concurrency / Math.max(size, 1)), // reading waits, so a worker has several at once
    grace: "1 second",
    // Once for the worker that is killed on purpose. On a loaded machine one that does not hear in time that a file has to stop is ended by force, too.
    retryLost: 3,
    onEvent: (event) => void events.push(event)
  }
  return Effect.scoped(answer).pipe(
    Effect.provide(layers[flavour](options)), // all that differs between the flavours
    Effect.map(({ happened, ready, result }) => ({
      flavour,
      concurrency,
      size,
      warmUp: ready,
      ...summarize(inputs, result, vocabulary),
      events: happened,
      death: deathOf(inputs, half, note)
    }))
  )
}

const deathOf = (inputs: ReadonlyArray<Input>, half: number, note: string): Death | undefined => {
  const all = takers(note)
  const poisoned = inputs[half]
  if (all[0] === undefined || poisoned === undefined) return undefined
  const others = all[0].paths.filter((path) => path !== poisoned.path)
  return {
    poisoned: poisoned.name,
    others: others.map((path) => inputs.find((input) => input.path === path)?.name ?? path),
    takers: all.map(({ who }) => who)
  }
}

const noteOf = (flavour: Flavour, { failed, timedOut }: { readonly failed: number; readonly timedOut: number }): string =>
  [flavour, ...(failed === 0 ? [] : [`${failed} failed`]), ...(timedOut === 0 ? [] : [`${timedOut} timed out`])].join(", ")
