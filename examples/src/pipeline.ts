/**
 * A data pipeline: a file of any size goes through three stages, each with a bound of its own, in constant memory.
 *
 * First it makes the file: a record for each line of the sources in `node_modules`. Then it parses the records, looks up the licence of the package each belongs to, which is slow, and writes them out in the order in which they came.
 * `node examples/src/pipeline.ts --help` lists its flags; `docs/guide/pipelines.md` walks through it.
 *
 *     node examples/src/pipeline.ts
 */
import { ProgressLine, Signals } from "@skein/node"
import * as Effect from "effect/Effect"
import { mkdtemp, open, rm, stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Flags, help, InvalidFlag, read } from "./pipeline/flags.ts"
import { Memory } from "./pipeline/memory.ts"
import { generate } from "./pipeline/records.ts"
import { formatResult, megabytes } from "./pipeline/report.ts"
import { pipeline } from "./pipeline/stages.ts"

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "skein-pipeline-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

const toWrite = (path: string) =>
  Effect.acquireRelease(
    Effect.promise(() => open(path, "w")),
    (file) => Effect.promise(() => file.close())
  )

const seconds = (from: number): number => (performance.now() - from) / 1000

const job = (flags: Flags) =>
  Effect.gen(function* () {
    const stop = yield* Signals.stopOn()
    const isFolder = yield* Effect.promise(() =>
      stat(flags.dir).then(
        (found) => found.isDirectory(),
        () => false
      )
    )
    if (!isFolder) return yield* new InvalidFlag({ message: `--dir must be a folder, got ${JSON.stringify(flags.dir)}` })
    const dir = yield* folder
    const input = join(dir, `input.${flags.format}`)

    const from = performance.now()
    yield* Effect.raceFirst(
      Effect.scoped(Effect.flatMap(toWrite(input), (file) => generate(flags.dir, flags.format, flags.size, file))),
      stop.await
    )
    const { size } = yield* Effect.promise(() => stat(input))
    print(`input   ${megabytes(size)} of ${flags.format} made in ${seconds(from).toFixed(1)} s\n`)

    const memory = new Memory(size)
    const began = performance.now()
    const done = yield* Effect.scoped(
      Effect.gen(function* () {
        const line = yield* ProgressLine.make({ total: Math.round(size / 1e6), unit: "MB", mode: flags.quiet ? "off" : "auto" })
        const out = yield* toWrite(join(dir, "output.tsv"))
        const { gauges, run, totals } = pipeline(input, out, flags, stop.signal)
        const note = (): string =>
          gauges.map(({ ahead, name, running, window }) => `${name} ${running} running, ${ahead}/${window} ahead`).join("; ")
        const look = Effect.sync(() => {
          memory.look(totals.bytes)
          line.update({ done: Math.round(totals.bytes / 1e6), note: note() })
        })
        yield* Effect.raceFirst(run, Effect.forever(Effect.delay(look, 20)))
        yield* look
        return { totals, gauges }
      })
    )
    print(formatResult({ ...done, memory, size, seconds: seconds(began), stoppedBy: stop.received() }))
    // A stage that came further than its window would be a bug, and this program would be the first to know.
    const beyond = done.gauges.find(({ concurrency, mostAhead, peak, window }) => mostAhead > window || peak > concurrency)
    if (beyond !== undefined) return yield* complain(1, `the stage "${beyond.name}" came further than its bound`)
    const signal = stop.received()
    return signal === undefined ? 0 : Signals.exitCode(signal)
  })

const print = (text: string): void => void process.stdout.write(text)

const complain = (code: number, text: string) =>
  Effect.sync(() => {
    process.stderr.write(`skein: ${text}\n`)
    return code
  })

const main = Effect.gen(function* () {
  const flags = yield* read(process.argv.slice(2))
  if (!flags.help) return yield* Effect.scoped(job(flags))
  print(help)
  return 0
}).pipe(Effect.catchTag("InvalidFlag", ({ message }) => complain(2, `${message}\nnode examples/src/pipeline.ts --help lists the flags`)))

// The reader of a pipe may have seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1))

process.exitCode = await Effect.runPromise(main)
