/**
 * The main job: thousands of real files, a bounded number at once, and an answer for every one of them, whatever happens to the others.
 *
 * `npm start` runs it; `npm start -- --help` lists its flags. The heart of it is `run`: one call of `parallelMap`.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { ProgressLine, Signals } from "@skein/node"
import { parallelMap } from "@skein/parallel"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { analyse, type Vocabulary } from "./main/analysis.ts"
import { type Flags, help, InvalidFlag, read } from "./main/flags.ts"
import { find, type Input, trouble } from "./main/inputs.ts"
import { format, formatRun } from "./main/report.ts"
import { summarize } from "./main/summary.ts"

/** Analyses all files and sums up what came of it. It never fails: what fails is a file, and that is part of the answer. */
const run = (inputs: ReadonlyArray<Input>, flags: Flags, stop: Signals.Stop) =>
  Effect.scoped(
    Effect.gen(function* () {
      const line = yield* ProgressLine.make({ total: inputs.length, unit: "files", mode: flags.quiet ? "off" : "auto" })
      const vocabulary: Vocabulary = new Map()
      const seen = { done: 0, failed: 0, timedOut: 0 }

      const result = yield* parallelMap(inputs, (input) => analyse(input, vocabulary), {
        concurrency: flags.concurrency,
        taskTimeout: flags.timeout, // no file may hang the rest
        timeout: flags.deadline, // by then, whatever is done is the answer
        stop: stop.signal, // Ctrl-C too
        grace: "1 second", // and that includes cleaning up
        onOutcome: ({ _tag }) => {
          if (_tag === "NotStarted") return
          seen.done++
          if (_tag === "Failed") seen.failed++
          if (_tag === "TimedOut") seen.timedOut++
          line.update({ done: seen.done, note: noteOf(seen) })
        }
      })

      return summarize(inputs, result, vocabulary)
    })
  )

const noteOf = (seen: { readonly failed: number; readonly timedOut: number }): string =>
  [
    [seen.failed, "failed"],
    [seen.timedOut, "timed out"]
  ]
    .filter(([n]) => n !== 0)
    .map((part) => part.join(" "))
    .join(", ")

/** The same files with one, eight and sixty-four at once: the digests must be equal. */
const verify = (inputs: ReadonlyArray<Input>, flags: Flags, stop: Signals.Stop) =>
  Effect.gen(function* () {
    const digests = new Set<string>()
    for (const concurrency of [1, 8, 64]) {
      const summary = yield* run(inputs, { ...flags, concurrency }, stop)
      if (stop.received() !== undefined) return 1
      digests.add(summary.digest)
      print(formatRun(concurrency, summary))
    }
    print(digests.size === 1 ? "the same answer each time\n" : "the answers differ\n")
    return digests.size === 1 ? 0 : 1
  })

const job = (flags: Flags) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const stop = yield* Signals.stopOn()
    const isFolder = yield* Effect.orElseSucceed(
      Effect.map(fs.stat(flags.dir), ({ type }) => type === "Directory"),
      () => false
    )
    if (!isFolder) return yield* new InvalidFlag({ message: `--dir must be a folder, got ${JSON.stringify(flags.dir)}` })

    const prepare = Effect.all([trouble, find(flags.dir, flags.limit)])
    const inputs = yield* Effect.raceFirst(
      Effect.map(prepare, (lists) => lists.flat()),
      Effect.as(stop.await, [])
    )

    let code = 0
    if (flags.verify) code = yield* verify(inputs, flags, stop)
    else {
      const summary = yield* run(inputs, flags, stop)
      print(format(summary, flags, stop.received()))
      if (flags.json !== undefined) {
        const { concurrency } = flags
        yield* fs.writeFileString(
          flags.json,
          `${JSON.stringify({ concurrency, stoppedBy: stop.received() ?? null, ...summary }, null, 2)}\n`
        )
      }
    }
    const signal = stop.received()
    return signal === undefined ? code : Signals.exitCode(signal)
  })

const print = (text: string): void => void process.stdout.write(text)

const main = Effect.gen(function* () {
  const flags = yield* read(process.argv.slice(2))
  if (!flags.help) return yield* Effect.scoped(job(flags))
  print(help)
  return 0
}).pipe(
  Effect.catchTags({
    InvalidFlag: ({ message }) => complain(2, `${message}\nnpm start -- --help lists the flags`),
    PlatformError: ({ message }) => complain(1, message)
  }),
  Effect.provide(NodeFileSystem.layer)
)

const complain = (code: number, text: string) =>
  Effect.sync(() => {
    process.stderr.write(`skein: ${text}\n`)
    return code
  })

// The reader of a pipe may have seen enough: `npm start | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1))

// The process is not told to exit: it ends because nothing is left of what it started.
process.exitCode = await Effect.runPromise(main)
