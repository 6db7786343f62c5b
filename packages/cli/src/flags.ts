/** What `skein run` and `skein map` can be told, and how such a table is written: from it flags are split, explained, completed and checked. */
import * as Flag from "effect/cli/Flag"
import * as Data from "effect/Data"
import * as Result from "effect/Result"
import type { FlagShape } from "./commandLine.ts"

/** One flag. Its value is a text, which somebody else reads. */
export interface Entry extends FlagShape {
  readonly alias?: string | undefined
  /** What its value is called in the help. */
  readonly metavar?: string | undefined
  /** All values that it may have. */
  readonly choices?: ReadonlyArray<string> | undefined
  readonly help: string
  /** May be given more than once. */
  readonly many?: true | undefined
}

/** Which of two flags cannot be meant together, and why. */
export type Conflict = readonly [one: string, other: string, why: string]

/** Words that mean nothing: the caller's mistake. */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly message: string }> {}

/** A flag without a value. */
export const flag = (name: string, help: string, alias?: string): Entry => ({ name, help, alias, value: "none" })
/** A flag with any text. */
export const text = (name: string, metavar: string, help: string, alias?: string): Entry => ({ name, metavar, help, alias, value: "one" })
/** A flag with one of some words. */
export const word = (name: string, choices: ReadonlyArray<string>, help: string, alias?: string): Entry => ({
  name,
  choices,
  help,
  alias,
  value: "one"
})

const input: ReadonlyArray<Entry> = [
  {
    ...text("arg-file", "FILE", "read inputs from this file, - is standard input; may be repeated, sources are then crossed", "a"),
    many: true
  },
  word("format", ["lines", "ndjson", "csv", "tsv"], "what the input holds; fields of records are used as {name} (lines)", "f"),
  flag("null", "inputs end with a NUL character, as find -print0 writes them", "0"),
  text("delimiter", "TEXT", "inputs end with this text instead of a newline", "d"),
  text("colsep", "REGEX", "cut each line into the values {1}, {2} …", "C"),
  word("header", ["names", "none"], "whether the first line names the columns (names for csv and tsv)"),
  word("trim", ["none", "left", "right", "both"], "take white space from the ends of each value (none)"),
  word("empty", ["keep", "skip"], "what to do with empty lines (keep)"),
  text("max-args", "N", "give each job so many inputs at once (1)", "n"),
  text("max-line", "SIZE", "the longest line that is accepted (16M)"),
  word("on-bad-input", ["stop", "skip"], "what to do at a line that cannot be read (stop)")
]

const bounds: ReadonlyArray<Entry> = [
  text(
    "jobs",
    "N",
    "how many run at once: 8, 50%, +1, -1, or 0 for as many as possible (one a core); SIGUSR1 adds one, SIGUSR2 takes one",
    "j"
  ),
  text("jobs-file", "FILE", "read --jobs from this file whenever it changes"),
  text("rate", "RATE", "start no more than so many in a time: 5, 100/s, 10/min"),
  text("max-load", "LOAD", "start nothing while the load average is above this: 1.5, or 80% of the cores"),
  text("min-memory", "SIZE", "start nothing while less memory than this is free: 2G"),
  flag("adaptive", "find out how many at once go best, up to --jobs")
]

const limits: ReadonlyArray<Entry> = [
  text("timeout", "TIME", "stop an attempt after this time: 30, 1.5s, 2m, or 300% of the median"),
  text("deadline", "TIME", "stop the whole after this time; what is done is kept"),
  text("retries", "N", "try a job that failed so many times again (0)"),
  text("backoff", "TIME", "wait so long before trying again, twice as long each time (1s)"),
  text("halt", "POLICY", "when to end early: never, now,fail=1, soon,fail=10%, now,success=1, soon,done=100 (never)"),
  text("stop-sequence", "STEPS", "how to stop a job: signals, and milliseconds to wait after each (TERM,1000,KILL)"),
  word("on-stop", ["finish", "stop"], "what the first Ctrl-C or SIGTERM does to what runs; the second always stops it (finish)")
]

const durable: ReadonlyArray<Entry> = [
  text("joblog", "FILE", "write a line for each job that is over"),
  word("joblog-format", ["parallel", "json"], "GNU parallel's format or JSON lines (by the file's name)"),
  word("joblog-sync", ["never", "each"], "whether each line is forced to the disk (never: it survives kill -9, not a power cut)"),
  flag("resume", "run only what is not in the job log"),
  flag("resume-failed", "run only what has not succeeded according to the job log"),
  text("report", "FILE", "write what became of it all as JSON"),
  text("timeline", "FILE", "write what ran when, for Perfetto or chrome://tracing")
]

const display: ReadonlyArray<Entry> = [
  word("progress", ["auto", "live", "plain", "off"], "show what runs on standard error (auto: live on a terminal)"),
  word("summary", ["auto", "always", "never"], "say at the end what became of it (auto: on a terminal, and where something went wrong)"),
  flag("quiet", "no progress and no summary", "q")
]

/** The flags of `skein run`. */
export const run: ReadonlyArray<Entry> = [
  ...input,
  text("replacement", "TEXT", "stands for the input instead of {}", "I"),
  {
    ...text("shell", "SHELL", "the command is a script for this shell (sh); inputs are passed as parameters and are never code"),
    value: "optional"
  },
  flag("to-stdin", "the command reads its input on standard input instead of finding it among its arguments"),
  flag("exact", "start each command as a child of its own: 128 + n and death by a signal are told apart"),
  flag("dry-run", "print the commands and run none"),
  ...bounds,
  ...limits,
  word(
    "output",
    ["group", "line", "json", "none", "inherit"],
    "how the output of jobs is shown: as a block, line by line, as JSON records, not at all, or unfiltered (group)",
    "o"
  ),
  flag("keep-order", "show output in the order of the input", "k"),
  flag("tag", "put the input before each line of output"),
  text("tagstring", "TEMPLATE", "put this before each line of output: {} {1} {#} …"),
  text("results", "DIR", "keep the output of each job in a directory of its own below this"),
  word("results-by", ["seq", "input"], "what those directories are named by (seq)"),
  ...display,
  ...durable
]

/** The flags of `skein map`. */
export const map: ReadonlyArray<Entry> = [
  text("arg-file", "FILE", "read lines of JSON from this file instead of standard input", "a"),
  text("max-line", "SIZE", "the longest line that is accepted (16M)"),
  word(
    "flavour",
    ["worker", "process", "inline"],
    "where the function runs: worker threads, processes that survive crashes, or this thread (worker)"
  ),
  text("jobs", "N", "how many threads or processes: 8, 50%, +1, -1 (one a core)", "j"),
  text("timeout", "TIME", "stop a call after this time: 30, 1.5s, 2m"),
  text("deadline", "TIME", "stop the whole after this time; what is done is kept"),
  text("retries", "N", "try a call that failed so many times again (0)"),
  text("backoff", "TIME", "wait so long before trying again, twice as long each time (1s)"),
  word("on-stop", ["finish", "stop"], "what the first Ctrl-C or SIGTERM does to what runs; the second always stops it (finish)"),
  word(
    "output",
    ["records", "values"],
    "a record for each line of input, or the bare values, with records of what failed on standard error (records)",
    "o"
  ),
  flag("keep-order", "write results in the order of the input", "k"),
  ...display.filter(({ name }) => name !== "summary")
]

/** What effect/cli adds to every command. */
const builtIn: ReadonlyArray<FlagShape> = [
  { name: "help", alias: "h", value: "none" },
  { name: "version", alias: "v", value: "none" },
  { name: "completions", value: "one" }
]

/** What splitting needs to know. */
export const shapes = (entries: ReadonlyArray<Entry>): ReadonlyArray<FlagShape> => [...entries, ...builtIn]

/** For the help and the completions; values are not taken from there. */
export const described = (entries: ReadonlyArray<Entry>): Record<string, Flag.Flag<unknown>> =>
  Object.fromEntries(entries.map((entry) => [entry.name, describe(entry)]))

const describe = (entry: Entry): Flag.Flag<unknown> => {
  const named = <A>(self: Flag.Flag<A>): Flag.Flag<A> => {
    const told = Flag.withDescription(self, entry.help)
    return entry.alias === undefined ? told : Flag.withAlias(told, entry.alias)
  }
  if (entry.value === "none") return Flag.optional(named(Flag.withoutNegation(Flag.Boolean(entry.name))))
  if (entry.choices !== undefined) return Flag.optional(named(Flag.Literals(entry.name, entry.choices)))
  const value = named(Flag.withMetavar(Flag.String(entry.name), entry.metavar ?? "TEXT"))
  if (entry.value === "optional") return Flag.optional(Flag.withOptionalValue(value, "sh"))
  return entry.many === true ? Flag.atLeast(value, 0) : Flag.optional(value)
}

/** The values of flags by name, checked as far as the table goes. */
export class Values {
  private readonly values: ReadonlyMap<string, ReadonlyArray<string>>

  constructor(values: ReadonlyMap<string, ReadonlyArray<string>>) {
    this.values = values
  }

  has(name: string): boolean {
    return this.values.has(name)
  }

  /** The last one counts. */
  text(name: string): string | undefined {
    return this.values.get(name)?.at(-1)
  }

  all(name: string): ReadonlyArray<string> {
    return this.values.get(name) ?? []
  }

  /** One of the entry's choices. */
  word<const W extends string>(name: string, fallback: W): W {
    return (this.text(name) ?? fallback) as W
  }

  /** Read by one of the readers of `sizes.ts`. @throws UsageError */
  read<A>(name: string, reader: (text: string) => Result.Result<A, string>): A | undefined
  read<A>(name: string, reader: (text: string) => Result.Result<A, string>, fallback: string): A
  read<A>(name: string, reader: (text: string) => Result.Result<A, string>, fallback?: string): A | undefined {
    const value = this.text(name) ?? fallback
    if (value === undefined) return undefined
    const read = reader(value)
    if (Result.isFailure(read)) throw new UsageError({ message: `--${name} ${read.failure}` })
    return read.success
  }
}

/** Takes flags apart that were split by `shapes(entries)`. @throws UsageError */
export const valuesOf = (entries: ReadonlyArray<Entry>, flags: ReadonlyArray<string>, conflicts: ReadonlyArray<Conflict>): Values => {
  const byName = new Map(entries.map((entry) => [entry.name, entry]))
  const values = new Map<string, Array<string>>()
  for (const flag of flags) {
    const equals = flag.indexOf("=")
    const name = flag.slice(2, equals === -1 ? undefined : equals)
    const value = equals === -1 ? "" : flag.slice(equals + 1)
    const entry = byName.get(name)
    if (entry?.choices?.includes(value) === false)
      throw new UsageError({ message: `--${name} must be ${alternatives(entry.choices)}, got ${JSON.stringify(value)}` })
    const before = values.get(name)
    if (before !== undefined && entry?.many === true) before.push(value)
    else values.set(name, [value])
  }
  for (const [one, other, why] of conflicts)
    if (values.has(one) && values.has(other)) throw new UsageError({ message: `--${one} and --${other} cannot be used together: ${why}` })
  return new Values(values)
}

const alternatives = (words: ReadonlyArray<string>): string => `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`
