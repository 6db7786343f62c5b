/** Runs one command of `skein jobs`. It is loaded when the first word is `jobs`, for it brings the engine with it. */
import * as SqliteStore from "@skein/engine/SqliteStore"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { mkdirSync, existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { type Split, split as splitWords } from "../commandLine.ts"
import { shapes, UsageError, valuesOf } from "../flags.ts"
import * as sink from "../sink.ts"
import type { Bare, Handler } from "./desk.ts"
import { subcommands } from "./flags.ts"
import { graph } from "./graph.ts"
import { taskOf } from "./jobSpec.ts"
import { list } from "./list.ts"
import { logs } from "./logs.ts"
import * as look from "./look.ts"
import { prune } from "./prune.ts"
import { given } from "./reading.ts"
import { cancel, retry } from "./requests.ts"
import { runFile } from "./runFile.ts"
import { show } from "./show.ts"
import { submit } from "./submit.ts"
import { wait } from "./wait.ts"
import { work } from "./work.ts"

/** What a command does with the store: makes it where there is none, or leaves something in it, or reads it. */
interface Command {
  readonly access: "make" | "write" | "read"
  readonly handler: Handler
}

const commands: Readonly<Record<string, Command>> = {
  list: { access: "read", handler: list },
  show: { access: "read", handler: show },
  logs: { access: "read", handler: logs },
  wait: { access: "read", handler: wait },
  graph: { access: "read", handler: graph },
  cancel: { access: "write", handler: cancel },
  retry: { access: "write", handler: retry },
  prune: { access: "write", handler: prune },
  submit: { access: "make", handler: submit },
  work: { access: "make", handler: work }
}

/** Those that have no store. */
const bare: Readonly<Record<string, Handler<Bare>>> = { run: runFile }

const defaultPath = join(".skein", "jobs.db")

/** Gives the exit code. Its failures have messages for people. */
export const run = (name: string, split: Split, argv: ReadonlyArray<string>): Effect.Effect<number, { readonly message: string }> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { entries } = subcommands[name]!
      const { dashed, flags, words } = yield* wordsBehind(name, split, argv)
      const values = yield* given(() => valuesOf(entries, flags, []))
      const stdout = yield* sink.make({ fd: 1, name: "standard output" })
      const stderr = yield* sink.make({ fd: 2, name: "standard error" })
      const desk: Bare = {
        values,
        words,
        dashed,
        look: look.make(process.stdout),
        write: (which, bytes) => (which === "stdout" ? stdout : stderr).write(bytes),
        print: (text) => stdout.write(Buffer.from(text)),
        say: (line) => Effect.ignore(stderr.write(Buffer.from(`skein jobs: ${line}\n`)))
      }
      const code = yield* answer(name, desk)
      yield* stdout.flush
      return code
    })
  ).pipe(
    Effect.catch((error) =>
      error instanceof sink.OutputError && error.reason._tag === "Closed" ? Effect.succeed(141) : Effect.fail(error)
    )
  )

/** What cuts the words of other commands is a word like any other here. */
const wordsOf = ({ command, groups }: Split): ReadonlyArray<string> => [
  ...command,
  ...groups.flatMap(({ kind, linked, words }) => [`${kind === "files" ? "::::" : ":::"}${linked ? "+" : ""}`, ...words])
]

/** The flags and the words. A function of a module has no flags of its own, so that those behind it are ours. */
const wordsBehind = (name: string, split: Split, argv: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const all = wordsOf(split)
    const [first, ...rest] = all
    const dashed = argv[argv.length - all.length - 1] === "--"
    const isTask = name === "submit" && !dashed && first !== undefined && taskOf(first) !== undefined
    if (!isTask || rest.length === 0) return { dashed, flags: split.flags, words: all }
    const more = splitWords(rest, shapes(subcommands[name]!.entries), "among words")
    if (Result.isFailure(more)) return yield* new UsageError({ message: more.failure.message })
    return { dashed, flags: [...split.flags, ...more.success.flags], words: [first, ...wordsOf(more.success)] }
  })

const answer = (name: string, desk: Bare) =>
  Effect.gen(function* () {
    const without = bare[name]
    if (without !== undefined) return yield* without(desk)
    const { access, handler } = commands[name]!
    const path = desk.values.text("store") ?? (process.env["SKEIN_STORE"] || defaultPath)
    return yield* handler({ ...desk, path, store: yield* open(path, access) })
  })

const open = (path: string, access: Command["access"]) =>
  Effect.gen(function* () {
    if (path === "" || path === ":memory:" || path.startsWith("file:")) {
      return yield* new UsageError({ message: `--store must be the name of a file, got ${JSON.stringify(path)}` })
    }
    if (access === "make") {
      yield* Effect.try({
        try: () => mkdirSync(dirname(path), { recursive: true }),
        catch: (error) => new UsageError({ message: `there can be no job store at ${path}: ${(error as Error).message}` })
      })
    } else if (!existsSync(path)) {
      return yield* new UsageError({
        message: `there is no job store at ${path}; skein jobs submit makes one, --store or SKEIN_STORE names another`
      })
    }
    return yield* SqliteStore.make({ path, access: access === "read" ? "read" : "write" })
  })
