/**
 * The pipeline: three calls of `parallelStream`, each reading from the one before it, each with a bound of its own.
 *
 * Nobody pushes. The writer asks the second stage for a block when it has written one, that stage asks the first when it has a place free, and the first reads the file when it has one: so the slowest stage sets the pace, and what is
 * in memory is bounded by the windows of the stages, whatever the size of the file.
 */
import type { Outcome } from "@skein/core"
import { parallelStream, type StreamOptions } from "@skein/parallel/parallelStream"
import type { ItemOf, Source, SourceError } from "@skein/parallel"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { type FileHandle, readFile } from "node:fs/promises"
import { join } from "node:path"
import type { Flags } from "./flags.ts"
import { Gauge } from "./gauge.ts"
import { blocksOf, parse, type Record } from "./records.ts"

/** What the lookup says when it has too much to do. Trying again is safe. */
class ServiceBusy extends Data.TaggedError("ServiceBusy")<{ readonly block: number }> {}

/** What passed through all stages, in the order of the input. */
export class Totals {
  blocks = 0
  bytes = 0
  records = 0
  bad = 0
  readonly licences = new Map<string, number>()
  readonly hash = createHash("sha256")
}

/** One stage: a stream of outcomes of which the values go on, in the order of the input, and of which nothing is kept. */
const stage = <Items extends Source<unknown>, A, E>(
  gauge: Gauge,
  items: Items,
  f: (item: ItemOf<Items>, index: number) => Effect.Effect<A, E>,
  options: StreamOptions<ItemOf<Items>, A, E, "isolate">
): Stream.Stream<A, SourceError<Items, A, E>, never> => {
  const { buffer, concurrency, name } = gauge
  const counted = (item: ItemOf<Items>, index: number): Effect.Effect<A, E> => gauge.count(index, f(item, index))
  const onOutcome = (outcome: Outcome.Outcome<A, E>): void => gauge.ended(outcome)
  const outcomes = parallelStream(items, counted, { ...options, name, concurrency, buffer, order: "input", onOutcome })
  return Stream.filterMap(outcomes, (outcome) =>
    outcome._tag === "Completed" ? Result.succeed(outcome.value) : Result.fail(outcome)
  ) as Stream.Stream<A, SourceError<Items, A, E>, never>
}

interface Running {
  readonly gauges: readonly [parse: Gauge, lookUp: Gauge, write: Gauge]
  readonly totals: Totals
  readonly run: Effect.Effect<void>
}

export const pipeline = (input: string, out: FileHandle, flags: Flags, stop: AbortSignal): Running => {
  const totals = new Totals()
  const writing = new Gauge("write", 1, 0, undefined)
  const lookingUp = new Gauge("look up", flags.lookups, flags.lookups, writing)
  const parsing = new Gauge("parse", 2, 4, lookingUp)

  const parsed = stage(
    parsing,
    blocksOf(input),
    (block) => Effect.sync(() => ({ bytes: block.length, ...parse(block, flags.format) })),
    { stop } // the end of the input: what has been read goes on through the other stages
  )

  const services = lookups(flags)
  const lookedUp = stage(
    lookingUp,
    parsed,
    (block, index) => Effect.map(services(block.records, index), (licences) => ({ ...block, licences })),
    { retry: { times: 3, schedule: Schedule.spaced("5 millis") }, taskTimeout: "10 seconds" }
  )

  const written = stage(
    writing,
    lookedUp,
    ({ bad, bytes, licences, records }) =>
      Effect.promise(() => {
        let text = ""
        for (const { line, path, text: content } of records) {
          const licence = licences.get(packageOf(path)) ?? "unknown"
          text += `${path}\t${line}\t${licence}\t${content.length}\n`
          totals.licences.set(licence, (totals.licences.get(licence) ?? 0) + 1)
        }
        totals.blocks++
        totals.bytes += bytes
        totals.records += records.length
        totals.bad += bad
        totals.hash.update(text)
        return out.write(text)
      }),
    {}
  )
  return { gauges: [parsing, lookingUp, writing], totals, run: Effect.orDie(Stream.runDrain(written)) }
}

/** The folder of the package that a file belongs to. */
const packageOf = (path: string): string => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+|^(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? ""

/** A service on the network, or something as slow: it knows the licences of packages, takes its time, and is too busy for every twentieth block at first. */
const lookups = ({ dir, latency }: Flags) => {
  const refused = new Set<number>()
  const licenceOf = (folder: string): Effect.Effect<string> =>
    Effect.promise(() => readFile(join(dir, folder, "package.json"), "utf8")).pipe(
      Effect.map((text) => (JSON.parse(text) as { readonly license?: unknown }).license),
      Effect.map((licence) => (typeof licence === "string" ? licence : "unknown")),
      Effect.catchCause(() => Effect.succeed("unknown"))
    )
  return (records: ReadonlyArray<Record>, block: number): Effect.Effect<ReadonlyMap<string, string>, ServiceBusy> =>
    Effect.gen(function* () {
      yield* Effect.sleep((latency * ((block % 4) + 1)) / 4)
      if (block % 20 === 19 && !refused.has(block)) {
        refused.add(block)
        return yield* new ServiceBusy({ block })
      }
      refused.delete(block)
      const licences = new Map<string, string>()
      for (const { path } of records) {
        const folder = packageOf(path)
        if (!licences.has(folder)) licences.set(folder, yield* licenceOf(folder))
      }
      return licences
    })
}
