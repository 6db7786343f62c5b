/** What the commands of `skein jobs` can be told. It is read before any of them is loaded, so it loads nothing itself. */
import type { Place } from "../commandLine.ts"
import { type Entry, flag, text, word } from "../flags.ts"

/** One command of `skein jobs`, as it is explained and split. */
export interface Subcommand {
  readonly entries: ReadonlyArray<Entry>
  readonly about: string
  readonly operands: string
  readonly flagsAre: Place
  readonly examples: ReadonlyArray<{ readonly command: string; readonly description: string }>
}

const store = text("store", "FILE", "the file that keeps the jobs (SKEIN_STORE, else .skein/jobs.db)")
const json = flag("json", "a line of JSON for each job")

/** How a job may stand, as `--state` names it; `ended` is any end. */
const states = ["waiting", "running", "ended", "completed", "failed", "timeout", "cancelled", "skipped", "refused"] as const

const filters: ReadonlyArray<Entry> = [
  { ...word("state", states, "only jobs that stand so; may be repeated", "s"), many: true },
  text("name", "NAME", "only jobs of this name", "n"),
  { ...text("label", "KEY=VALUE", "only jobs with this label; may be repeated", "l"), many: true },
  text("since", "TIME", "only jobs that were submitted since: 2h ago is 2h, or 2026-11-20, or 2026-11-20T08:00")
]

const timeout = (what: string): Entry => text("timeout", "TIME", `${what}: 30, 1.5s, 2m`)
const bound = text("jobs", "N", "how many run at once: 8, 50%, +1, -1, or 0 for as many as possible (one a core)", "j")
const limit: Entry = { ...text("limit", "NAME=N", "how much there is of something that jobs need; may be repeated"), many: true }
const display: ReadonlyArray<Entry> = [
  word(
    "progress",
    ["auto", "live", "plain", "off"],
    "show what runs on standard error (auto: a live table on a terminal, else plain lines)"
  ),
  word("on-stop", ["finish", "stop"], "what the first Ctrl-C or SIGTERM does to what runs; the second always stops it (finish)")
]

const submit: ReadonlyArray<Entry> = [
  store,
  text("name", "NAME", "what it is called (the program, or the function)", "n"),
  text("id", "ID", "what it is known by (a fresh one)"),
  { ...text("after", "ID", "start when this job has completed; may be repeated", "a"), many: true },
  { ...text("after-end", "ID", "start when this job has ended, however it ended; may be repeated"), many: true },
  word("on-upstream", ["skip", "run"], "what becomes of it when a job it comes after ended otherwise (skip)"),
  text("when", "TIME", "start then: 2026-11-20T08:00, +30m, 22:00-06:00, mon-fri, mon-fri 22:00-06:00, or a cron expression"),
  { ...text("label", "KEY=VALUE", "a word to find it by; may be repeated", "l"), many: true },
  text("key", "KEY", "submit nothing while a job with this key has not ended"),
  word("priority", ["high", "normal", "low"], "who starts first (normal)"),
  { ...text("need", "NAME=N", "how much of a limit it takes while it runs; may be repeated"), many: true },
  text("retries", "N", "try it so many times again when it fails (0)"),
  text("backoff", "TIME", "wait so long before trying again, twice as long each time (1s)"),
  timeout("stop it after this time, all attempts together"),
  text("directory", "DIR", "where the command runs (here)", "C"),
  text("payload", "JSON", "what the function gets"),
  word("flavour", ["worker", "process", "inline"], "where the function runs: worker threads, processes, or the engine's thread (worker)"),
  word("on-lost", ["fail", "resume"], "what becomes of it when the engine dies while it runs: it has failed, or it runs again (fail)"),
  text("file", "FILE", "submit the jobs of this file, all or none; the other flags stand in it", "f"),
  flag("wait", "wait for its end"),
  json
]

/** The commands, in the order in which they are explained. */
export const subcommands: Readonly<Record<string, Subcommand>> = {
  submit: {
    entries: submit,
    about: "Leaves a job in a store: a command, a function of a module, or the jobs of a file. An engine runs it, now or later.",
    operands: "command",
    flagsAre: "before words",
    examples: [
      { command: "skein jobs submit -- make -j2", description: "A command; its id is printed" },
      { command: "skein jobs submit --after x3f9k2 --retries 3 -- ./deploy.sh", description: "After another job" },
      { command: `skein jobs submit ./tasks.ts#resize --payload '{"width":80}'`, description: "A function of a module" }
    ]
  },
  work: {
    entries: [store, bound, limit, flag("until-idle", "end when nothing is left to do"), ...display],
    about: "Runs the jobs of a store in this process, as long as it lives.",
    operands: "",
    flagsAre: "among words",
    examples: [{ command: "skein jobs work -j4 --until-idle", description: "Until all is done" }]
  },
  run: {
    entries: [bound, limit, timeout("end after this time, whatever still runs"), json, ...display],
    about: "Runs the jobs of a file in this process, in the order that they ask for. Nothing is kept.",
    operands: "file",
    flagsAre: "among words",
    examples: [{ command: "skein jobs run build.json", description: "A graph of commands" }]
  },
  list: {
    entries: [store, ...filters, text("limit", "N", "the newest so many, 0 for all (50; all with --json)"), json],
    about: "Lists jobs, the newest last.",
    operands: "",
    flagsAre: "among words",
    examples: [
      { command: "skein jobs list --state failed --since 2d", description: "What went wrong since the day before yesterday" },
      { command: "skein jobs list --json | jq .id", description: "For programs" }
    ]
  },
  show: {
    entries: [store, json],
    about: "Shows all that is known of jobs.",
    operands: "id",
    flagsAre: "among words",
    examples: []
  },
  logs: {
    entries: [
      store,
      flag("follow", "go on until the job has ended", "f"),
      text("tail", "N", "only so many of the last lines", "n"),
      word("stream", ["both", "stdout", "stderr", "log"], "what is shown; standard error goes to standard error (both)")
    ],
    about: "Writes what a job has written.",
    operands: "id",
    flagsAre: "among words",
    examples: [{ command: "skein jobs logs -f x3f9k2", description: "While it runs" }]
  },
  wait: {
    entries: [store, timeout("stop waiting after this time"), json],
    about: "Waits for the ends of jobs. The exit code is 0 if all completed, 1 if not, 124 when the time is over.",
    operands: "id",
    flagsAre: "among words",
    examples: [{ command: "skein jobs wait --timeout 10m x3f9k2 && ./deploy.sh", description: "Go on only if it completed" }]
  },
  cancel: {
    entries: [store, text("reason", "TEXT", "why, for those who look at it later"), flag("wait", "wait for the ends")],
    about: "Asks the engine to cancel jobs.",
    operands: "id",
    flagsAre: "among words",
    examples: []
  },
  retry: {
    entries: [store, flag("wait", "wait for the ends"), json],
    about: "Runs jobs again that have ended, each as a new job whose id is printed.",
    operands: "id",
    flagsAre: "among words",
    examples: []
  },
  graph: {
    entries: [store, ...filters, flag("mermaid", "as a Mermaid diagram"), json],
    about: "Shows what comes after what: of all jobs, or of those named and all that they are linked with.",
    operands: "id",
    flagsAre: "among words",
    examples: [{ command: "skein jobs graph --mermaid > jobs.mmd", description: "For a document" }]
  },
  prune: {
    entries: [
      store,
      ...filters.filter(({ name }) => name !== "since"),
      text("older-than", "TIME", "only jobs that ended so long ago: 12h, 7d (0)"),
      flag("dry-run", "say what would be removed, and remove nothing")
    ],
    about: "Forgets jobs that have ended, and removes what they have written. What a job that has not ended comes after is kept.",
    operands: "",
    flagsAre: "among words",
    examples: [{ command: "skein jobs prune --older-than 7d --state completed", description: "What went well last week" }]
  }
}
