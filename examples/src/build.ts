/**
 * A build that survives its process: jobs for four packages of this repository on a durable engine, which is killed by SIGKILL in the middle and goes on in another process.
 *
 * It has parallel branches under two limits, a lint that fails, what is skipped because of it, a fetch that is tried again, and a report that runs whatever happened. At the end the books are balanced: what had ended was not run again, what ran was.
 * `node examples/src/build.ts --help` lists its flags.
 *
 *     node examples/src/build.ts
 */
import { Command, Signals } from "@skein/node"
import * as JobOutput from "@skein/engine/JobOutput"
import type { JobStore, StoredRun } from "@skein/engine/JobStore"
import * as SqliteStore from "@skein/engine/SqliteStore"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { appendFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs"
import { mkdtemp, realpath, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Books, imbalances, readLedger } from "./build/books.ts"
import { limits, packages, runEngine } from "./build/engine.ts"
import { type Flags, help, read } from "./build/flags.ts"
import { draftIn, inboxIn, killed, ledgerIn, outputIn, releaseIn, sourcesIn, storeIn } from "./build/folder.ts"
import { formatBooks } from "./build/report.ts"

/** Something did not go as it has to here. */
class BuildBroke extends Data.TaggedError("BuildBroke")<{ readonly message: string }> {}

const folderFor = ({ keep }: Flags) =>
  Effect.acquireRelease(
    Effect.promise(async () => realpath(await mkdtemp(join(tmpdir(), "skein-build-")))),
    (path) => Effect.promise(async () => void (keep || (await rm(path, { recursive: true, force: true }))))
  )

/** A process with an engine. It is gone, with all that it runs, when the scope is closed. */
const startEngine = (folder: string) =>
  Command.start(
    Command.make(process.execPath, ["--disable-warning=ExperimentalWarning", fileURLToPath(import.meta.url), "--engine", folder], {
      stdout: "inherit",
      stderr: "inherit"
    })
  )

/** Waits until what a store keeps is so, whoever writes to it. */
const until = (store: JobStore, holds: (runs: ReadonlyMap<string, StoredRun>) => boolean) =>
  Effect.scoped(
    Effect.gen(function* () {
      const changes = yield* Queue.sliding<void>(1)
      yield* store.watch(() => void Queue.offerUnsafe(changes, undefined))
      for (let runs = yield* runsIn(store); !holds(runs); runs = yield* runsIn(store)) yield* Queue.take(changes)
    })
  )

const runsIn = (store: JobStore) => Effect.map(store.list(), (runs) => new Map(runs.map((run) => [run.id, run])))

/** The middle: the lint has failed, the fetch waits to be tried again, the key is waited for, and the branches are on their way. */
const isMiddle = (runs: ReadonlyMap<string, StoredRun>): boolean =>
  runs.get("lint")?.state === "failed" &&
  runs.get("fetch")?.state === "waiting" &&
  runs.get("fetch")?.attempts === 1 &&
  runs.get("key")?.state === "running" &&
  packages.some((name) => (runs.get(`pack-${name}`)?.attempts ?? 0) > 0)

const sourcesOf = (name: string): string => fileURLToPath(new URL(`../../packages/${name}/src`, import.meta.url))

/** What the world looks like at first: the sources, a folder for what others bring, and a script with a mistake. */
const prepare = (folder: string): void => {
  for (const path of [inboxIn(folder), releaseIn(folder)]) mkdirSync(path)
  for (const name of packages) cpSync(sourcesOf(name), join(sourcesIn(folder), name), { recursive: true })
  writeFileSync(draftIn(folder), "export const draft = (n) => {\n  return n +\n}\n")
}

/** The first process, until it is killed. */
const firstHalf = (folder: string, store: JobStore) =>
  Effect.scoped(
    Effect.gen(function* () {
      const child = yield* startEngine(folder)
      const tooSoon = Effect.flatMap(child.exit, ({ exitCode }) =>
        Effect.fail(new BuildBroke({ message: `the engine ended by itself, with ${exitCode}` }))
      )
      const tooLate = Effect.as(
        Effect.sleep("30 seconds"),
        Effect.fail(new BuildBroke({ message: "the build did not come to its middle" }))
      )
      yield* Effect.raceAllFirst([until(store, isMiddle), tooSoon, Effect.flatten(tooLate)])
      process.kill(child.pid, "SIGKILL")
      const { signal } = yield* child.exit
      if (signal !== "SIGKILL") return yield* new BuildBroke({ message: `the engine was not killed: ${signal}` })
      appendFileSync(ledgerIn(folder), `${killed}\n`)
    })
  )

/** The second process, until it has done the rest. */
const secondHalf = (folder: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const child = yield* startEngine(folder)
      const { exitCode, signal } = yield* child.exit
      if (exitCode !== 0) return yield* new BuildBroke({ message: `the second engine ended with ${signal ?? exitCode}` })
    })
  )

const build = (flags: Flags, folder: string) =>
  Effect.gen(function* () {
    prepare(folder)
    print(`A build of ${packages.join(", ")} on a durable engine: ${limits.jobs} jobs at once, ${limits.disk} of them on the disk\n\n`)
    const store = yield* SqliteStore.make({ path: storeIn(folder) })
    const began = performance.now()
    yield* firstHalf(folder, store)
    const untilKill = performance.now() - began
    const before = yield* runsIn(store)

    // While nobody was there, others have brought what was asked for.
    writeFileSync(join(inboxIn(folder), "registry.lock"), "1.0.0\n")
    writeFileSync(join(inboxIn(folder), "signing.key"), "a key for examples\n")
    const again = performance.now()
    yield* secondHalf(folder)
    const untilEnd = performance.now() - again

    const lint = yield* JobOutput.read(outputIn(folder), "lint")
    const books: Books = { before, after: yield* store.list(), ledger: readLedger(folder), lint: lint.stderr.text }
    print(formatBooks(folder, books, { untilKill, untilEnd }))
    const wrong = imbalances(folder, books)
    if (wrong.length > 0) return yield* new BuildBroke({ message: `the books do not balance: ${wrong.join("; ")}` })
    print("The books balance: each job is there once, what had ended was not run again, what was lost was\n")
    return 0
  }).pipe(
    // Who waits for ever for a process that hangs learns nothing.
    Effect.timeoutOrElse({
      duration: "60 seconds",
      orElse: () => Effect.fail(new BuildBroke({ message: "it was not done after a minute" }))
    }),
    Effect.ensuring(Effect.sync(() => print(flags.keep ? `Look at it  $ skein jobs list --store ${storeIn(folder)}\n` : "")))
  )

const job = (flags: Flags) =>
  Effect.gen(function* () {
    const stop = yield* Signals.stopOn()
    const folder = yield* folderFor(flags)
    return yield* Effect.raceAllFirst([Effect.scoped(build(flags, folder)), Effect.map(stop.await, Signals.exitCode), readerGone])
  })

/** The reader of a pipe may have seen enough. The listener stays: what is still written has no reader either. */
const readerGone = Effect.callback<number>((resume) => {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code === "EPIPE" ? 0 : 1)))
})

const print = (text: string): void => void process.stdout.write(text)

const complain = (code: number, text: string) =>
  Effect.sync(() => {
    process.stderr.write(`skein: ${text}\n`)
    return code
  })

const main = Effect.gen(function* () {
  const flags = yield* read(process.argv.slice(2))
  if (flags.engine !== undefined) return yield* runEngine(flags.engine)
  if (!flags.help) return yield* Effect.scoped(job(flags))
  print(help)
  return 0
}).pipe(
  Effect.catchTags({
    InvalidFlag: ({ message }) => complain(2, `${message}\nnode examples/src/build.ts --help lists the flags`),
    BuildBroke: ({ message }) => complain(1, message),
    CommandError: ({ message }) => complain(1, message),
    StoreError: ({ message }) => complain(1, message),
    SubmitError: ({ message }) => complain(1, message)
  })
)

process.exitCode = await Effect.runPromise(main)
