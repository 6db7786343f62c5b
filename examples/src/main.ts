/**
 * The main job: thousands of real files, a bounded number at once, and an answer for every one of them, whatever happens to the others; in this fiber, in threads and in processes.
 *
 * `npm start` runs it; `npm start -- --help` lists its flags. The heart of it is one call of `parallelMap` in main/run.ts.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Signals } from "@skein/node"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { differences, verdict } from "./main/compare.ts"
import { type Flags, help, InvalidFlag, read } from "./main/flags.ts"
import { find, trouble } from "./main/inputs.ts"
import { format } from "./main/report.ts"
import { type Run, run, type Setting } from "./main/run.ts"
import { throughShell } from "./main/shell.ts"
import { formatDeath, formatRun, formatTable } from "./main/sideBySide.ts"

/** The long report about the first flavour, what is special about the others, and all of them side by side. */
const show = (flags: Flags, setting: Setting) =>
  Effect.gen(function* () {
    const { stop } = setting
    const runs: Array<Run> = []
    for (const flavour of flags.flavours) {
      const done = yield* run(flavour, flags, setting)
      runs.push(done)
      if (runs.length === 1) print(format(done, stop.received()))
      print(formatDeath(done))
      if (stop.received() !== undefined) break
    }
    if (runs.length > 1) print(`${formatTable(runs)}\n`)
    if (flags.json !== undefined) yield* writeJson(flags.json, runs, stop.received())
    // Where a clock or a person ended the first run, there is nothing to compare with.
    const shell = runs[0]!.summary.partial ? undefined : yield* throughShell(runs[0]!, flags, setting)
    print(shell?.line ?? "")
    return differences(runs).length === 0 && shell?.same !== false ? 0 : 1
  })

const writeJson = (path: string, runs: ReadonlyArray<Run>, stoppedBy: string | undefined) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const flavours = runs.map(({ answers: _, ...rest }) => rest)
    const { concurrency, summary } = runs[0]!
    yield* fs.writeFileString(path, `${JSON.stringify({ concurrency, stoppedBy: stoppedBy ?? null, ...summary, flavours }, null, 2)}\n`)
  })

/** The same files with one, eight and sixty-four at once on each flavour: the answers must be equal. */
const verify = (flags: Flags, setting: Setting) =>
  Effect.gen(function* () {
    const runs: Array<Run> = []
    for (const flavour of flags.flavours) {
      for (const concurrency of [1, 8, 64]) {
        const done = yield* run(flavour, { ...flags, concurrency }, setting)
        if (setting.stop.received() !== undefined) return 1
        runs.push(done)
        print(formatRun(done))
      }
    }
    print(`${verdict(runs)}\n`)
    return differences(runs).length === 0 ? 0 : 1
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
      Effect.map(prepare, ([{ failing, hanging }, found]) => [...failing, ...found, ...hanging]),
      Effect.as(stop.await, [])
    )
    const folder = yield* fs.makeTempDirectoryScoped({ prefix: "skein-notes-" })
    const code = yield* (flags.verify ? verify : show)(flags, { inputs, folder, stop })
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
