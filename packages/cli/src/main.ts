#!/usr/bin/env node
/** The program: reads its words, runs the subcommand they name, and ends with the exit code that it gives. */
import { isUtf8 } from "node:buffer"
import { existsSync, readFileSync } from "node:fs"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Argument from "effect/cli/Argument"
import * as CliConfig from "effect/cli/CliConfig"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type Split, split } from "./commandLine.ts"
import * as flags from "./flags.ts"
import * as jobs from "./jobs/flags.ts"
import { map } from "./map.ts"
import { run } from "./run.ts"
import { nearest } from "./suggest.ts"
import { version } from "./version.ts"

/** What GNU parallel says when it could not do its work. */
const trouble = 255

interface Subcommand extends jobs.Subcommand {
  readonly handler: (split: Split, argv: ReadonlyArray<string>) => Effect.Effect<number, { readonly message: string }>
}

/** Some commands under one name. */
interface Family {
  readonly about: string
  readonly subcommands: Readonly<Record<string, Subcommand>>
}

const subcommands: Readonly<Record<string, Subcommand | Family>> = {
  run: {
    entries: flags.run,
    about:
      "Runs a command for each input, a bounded number at once. Inputs come from the words after :::, from files, or from standard input.",
    operands: "command",
    flagsAre: "before words",
    examples: [
      { command: "skein run -- gzip -9 {} ::: *.log", description: "Compress files, one job a core" },
      { command: "find . -name '*.png' -print0 | skein run -0 -j 50% -- optipng {}", description: "Names with any character in them" },
      {
        command: "skein run --retries 3 --timeout 30 --joblog log.tsv --resume -a urls.txt -- curl -sfO {}",
        description: "Try again, and go on after a crash"
      },
      {
        command: "skein run -f csv -a people.csv --shell -- 'echo \"Dear {name}\" | mail {email}'",
        description: "Records, and a script that they cannot break out of"
      },
      {
        command: "seq 100 | skein run --halt now,fail=1 --keep-order -- ./check {}",
        description: "Stop at the first failure; output in input order"
      }
    ],
    handler: run
  },
  map: {
    entries: flags.map,
    about: "Runs a function of a module for each line of JSON, in worker threads or processes, and writes a line of JSON for each.",
    operands: "module#name",
    flagsAre: "among words",
    examples: [
      { command: "skein map ./tasks.ts#resize < jobs.ndjson > done.ndjson", description: "One thread a core" },
      {
        command: "skein map --flavour process --timeout 10 ./tasks.ts#parse -a pages.ndjson",
        description: "In processes that survive crashes"
      }
    ],
    handler: map
  },
  jobs: {
    about: "Jobs that come after each other, wait for times and are kept in a file: submit, run, list, cancel and repeat them.",
    subcommands: Object.fromEntries(
      Object.entries(jobs.subcommands).map(([name, subcommand]) => [
        name,
        {
          ...subcommand,
          // What it needs is not for everybody to load.
          handler: (split, argv) =>
            Effect.flatMap(
              Effect.promise(() => import("./jobs/command.ts")),
              ({ run }) => run(name, split, argv)
            )
        }
      ])
    )
  }
}

const explanation = (name: string, entry: Subcommand | Family): Command.Command<string, unknown, unknown, never, never> => {
  if (isFamily(entry)) {
    return Command.make(name).pipe(
      Command.withDescription(entry.about),
      Command.withSubcommands(Object.entries(entry.subcommands).map(([word, one]) => explanation(word, one)) as never)
    ) as never
  }
  const { about, entries, examples, operands } = entry
  const words = operands === "" ? {} : { words: Argument.variadic(Argument.String(operands)) }
  return Command.make(name, { ...flags.described(entries), ...words } as never, () => Effect.void).pipe(
    Command.withDescription(about),
    Command.withExamples(examples)
  ) as never
}

const isFamily = (entry: Subcommand | Family): entry is Family => "subcommands" in entry

/** effect/cli explains, completes and tells the version. It never sees the words of a command, which are not ours to read. */
const explained = (args: ReadonlyArray<string>) => {
  const root = Command.make("skein").pipe(
    Command.withDescription("Programs and tasks over many inputs, a bounded number at once."),
    Command.withSubcommands(Object.entries(subcommands).map(([name, entry]) => explanation(name, entry)) as never)
  )
  return Command.runWith(root, { version })(args).pipe(
    Effect.provide([CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }), NodeServices.layer]),
    Effect.as(0),
    // It has said what it had to say.
    Effect.catch(() => Effect.succeed(trouble))
  )
}

const about = /^--(?:help|version|completions(?:=.*)?)$/

/** Node makes a replacement character of what is no UTF-8, and another name of a file: that is not to be run on in silence. */
const unreadable = (argv: ReadonlyArray<string>): boolean => {
  if (!argv.some((word) => word.includes("\uFFFD")) || !existsSync("/proc/self/cmdline")) return false
  return !isUtf8(readFileSync("/proc/self/cmdline"))
}

const main = (argv: ReadonlyArray<string>): Effect.Effect<number> => {
  if (unreadable(argv))
    return complain("skein: an argument is no UTF-8, and cannot be passed on as it is; give such inputs to a shell of your own")
  return dispatch([], argv, subcommands, argv)
}

/** `path` are the words that were read: the names of commands, the family first. */
const dispatch = (
  path: ReadonlyArray<string>,
  [name, ...rest]: ReadonlyArray<string>,
  known: Readonly<Record<string, Subcommand | Family>>,
  argv: ReadonlyArray<string>
): Effect.Effect<number> => {
  const program = ["skein", ...path].join(" ")
  if (name === undefined) return Effect.as(explained([...path, "--help"]), trouble)
  if (name.startsWith("-")) {
    if (name === "-h" || name === "-v" || about.test(name)) return explained([...path, name, ...rest])
    const meant = name.startsWith("--") ? nearest(name.slice(2), ["help", "version", "completions"]) : undefined
    return complain(
      `${program}: unknown flag ${name}${meant === undefined ? "" : `; did you mean --${meant}?`}\n${program} --help lists them`
    )
  }
  const found = Object.hasOwn(known, name) ? known[name] : undefined
  if (found === undefined) {
    const meant = nearest(name, Object.keys(known))
    const hint = meant === undefined ? "" : `; did you mean ${program} ${meant}?`
    return complain(`${program}: there is no command ${JSON.stringify(name)}${hint}\n${program} --help lists them`)
  }
  return isFamily(found) ? dispatch([...path, name], rest, found.subcommands, argv) : start([...path, name], found, rest, argv)
}

const start = (
  path: ReadonlyArray<string>,
  subcommand: Subcommand,
  rest: ReadonlyArray<string>,
  argv: ReadonlyArray<string>
): Effect.Effect<number> => {
  const program = ["skein", ...path].join(" ")
  const words = split(rest, flags.shapes(subcommand.entries), subcommand.flagsAre)
  if (Result.isFailure(words)) return complain(`${program}: ${words.failure.message}\n${program} --help lists the flags`)
  const asked = words.success.flags.find((flag) => about.test(flag))
  if (asked !== undefined) return explained([...path, asked])
  return subcommand.handler(words.success, argv).pipe(
    Effect.catch(({ message }) => complain(`${program}: ${message}`)),
    Effect.catchDefect((defect) => complain(`skein: this is a fault of skein, please report it\n${Cause.pretty(Cause.die(defect))}`))
  )
}

const complain = (text: string): Effect.Effect<number> =>
  Effect.sync(() => {
    process.stderr.write(`${text}\n`)
    return trouble
  })

// Whoever reads our messages may have gone; that is no reason to die.
process.stderr.on("error", () => {})

process.exitCode = await Effect.runPromise(main(process.argv.slice(2)))
// Input that nobody waits for any more would keep the process.
process.stdin.unref?.()
