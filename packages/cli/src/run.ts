/** `skein run`: a command for each input, a bounded number at once. Puts the rooms together; what each does is said there. */
import * as Limiter from "@skein/core/Limiter"
import * as ProcessTree from "@skein/node/ProcessTree"
import * as AdaptiveLimiter from "@skein/parallel/AdaptiveLimiter"
import * as ThrottledLimiter from "@skein/parallel/ThrottledLimiter"
import * as Effect from "effect/Effect"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as CommandLine from "effect/process/CommandLine"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { availableParallelism } from "node:os"
import { isatty } from "node:tty"
import type { Split } from "./commandLine.ts"
import * as control from "./control.ts"
import * as exact from "./exact.ts"
import type { Executor } from "./executor.ts"
import { UsageError } from "./flags.ts"
import type { Input, Job, Observer } from "./job.ts"
import * as jobLog from "./jobLog.ts"
import * as jobs from "./jobs.ts"
import type { InputError } from "./lines.ts"
import * as outputs from "./outputs.ts"
import * as progress from "./progress.ts"
import * as report from "./report.ts"
import * as resume from "./resume.ts"
import * as runner from "./runner.ts"
import * as settings from "./settings.ts"
import * as sink from "./sink.ts"
import type { Rate } from "./sizes.ts"
import * as slots from "./slots.ts"
import * as sources from "./sources.ts"
import * as summary from "./summary.ts"
import * as tally from "./tally.ts"
import * as template from "./template.ts"
import * as timeline from "./timeline.ts"

/** Gives the exit code. Its failures have messages for people. */
export const run = (split: Split, argv: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const given = yield* Effect.try({ try: () => settings.read(split.flags), catch: (error) => error as UsageError })
    const result = yield* Effect.scoped(runJobs(given, split, argv))
    if (typeof result === "number") return result
    // The live region is gone by now.
    yield* Effect.sync(() => conclude(result, given, argv))
    return summary.exitCode(result)
  })

/** Nothing is left of what it started when the scope closes. Gives the exit code itself where nothing was to be run. */
const runJobs = (given: settings.Settings, split: Split, argv: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    if (split.command.length === 0) return yield* new UsageError({ message: "which command? As in: skein run -- gzip {} ::: *.txt" })
    const reading = new AbortController()
    yield* Effect.addFinalizer(() => Effect.sync(() => reading.abort()))
    const view = yield* progress.make({ mode: given.output === "inherit" && given.progress === "auto" ? "off" : given.progress })
    const say = (text: string): void => void Effect.runFork(view.log(`skein: ${text}`))
    const leftOut = ({ message }: { readonly message: string }): void => say(`left out: ${message}`)
    const source = sources.make({
      ...given.source,
      groups: split.groups,
      signal: reading.signal,
      skipped: leftOut
    })
    const stdout = yield* sink.make({ fd: 1, name: "standard output", around: sharesTerminal(1) ? view.around : undefined })
    const stderr = yield* sink.make({ fd: 2, name: "standard error", around: sharesTerminal(2) ? view.around : undefined })
    const names = source.kind === "records" ? yield* namesOf(source) : undefined
    let total = source.total
    const counted = (count: number): void => {
      total = count
      view.total(count)
    }
    if (split.groups.length === 0 && given.source.files === undefined) sources.explainTerminal()
    const all = jobsOf(given, source, yield* fromResult(makerOf(given, split, source, names)), leftOut, counted)
    if (given.action === "print") return yield* print(all, stdout)

    const executor = yield* executorOf(given)
    const limiter = yield* limiterOf(given)
    const bounded = given.rate === undefined ? limiter : yield* throttled(limiter, given.rate)

    const done = given.resume === undefined ? undefined : resume.make(given.resume)
    const log =
      given.jobLog === undefined
        ? undefined
        : yield* jobLog.open({
            path: given.jobLog,
            format: given.jobLogFormat,
            existing: done === undefined ? "replace" : "append",
            sync: given.jobLogSync,
            onEntry: done?.add
          })
    for (const notice of log?.notices ?? []) say(notice)
    const trace = given.timeline === undefined ? undefined : yield* timeline.make(given.timeline)
    const counts = tally.make()
    const writer = given.report === undefined ? undefined : yield* report.make({ path: given.report, argv })
    const out = yield* outputs.make({
      stdout,
      stderr,
      mode: given.output === "inherit" ? "none" : given.output,
      order: given.order,
      tag: given.tag === undefined ? undefined : yield* fromResult(tagOf(given.tag, source, names)),
      results: given.results,
      resultsBy: given.resultsBy
    })

    const startedAt = Date.now()
    let skipped = 0
    let running = 0
    const observer = together([
      view.observer,
      counts.observer,
      ...(trace === undefined ? [] : [trace.observer]),
      { started: () => void running++, attempted: () => void running-- }
    ])
    const runs = runner.make({
      jobs: all,
      skip: (job) => {
        if (done === undefined || log === undefined || done.decide(job, log) === "run") return "run"
        skipped++
        view.skipped()
        return "skip"
      },
      executor,
      limiter: bounded,
      most: given.most,
      outputs: out,
      output: given.output === "inherit" ? "inherit" : "outputs",
      env: (job, slot) => ({ SKEIN_SEQ: String(job.seq), SKEIN_SLOT: String(slot) }),
      timeout: given.timeout,
      deadline: given.deadline,
      retries: given.retries,
      backoff: given.backoff,
      halt: given.halt,
      total: () => total,
      crowded: (running, message) => say(`there is no room for more, running up to ${running} at once from now on: ${message ?? ""}`),
      stop: given.stop,
      observer,
      record: (record) => (log === undefined ? Effect.void : log.append(record))
    })
    yield* control.onSignals(runs, { onStop: given.onStop, say, running: () => running })
    yield* control.jobs({ limiter, initial: given.jobs, most: given.most, file: given.jobsFile, say })
    yield* control.gates(limiter, { maxLoad: given.maxLoad, minMemory: given.minMemory, say })
    if (source.total !== undefined) view.total(source.total)

    const verdict = yield* Effect.result(runs.run)
    reading.abort()
    const totals = counts.totals()
    const traced = trace === undefined ? Result.void : yield* Effect.result(trace.end)
    const over = endingOf(verdict)
    const ending: summary.Ending =
      over._tag === "Done" && Result.isFailure(traced) ? { _tag: "Broken", message: traced.failure.message } : over
    const exhausted = Result.isSuccess(verdict) && verdict.success.exhausted
    const known = source.total ?? (exhausted ? totals.queued + skipped : undefined)
    const result: summary.Result = {
      ending,
      totals,
      skipped,
      notStarted: known === undefined ? undefined : known - skipped - totals.done - totals.stopped,
      slots: given.jobs,
      halt: given.halt,
      startedAt,
      endedAt: Date.now()
    }
    if (writer !== undefined) yield* writer.write(result)
    return result
  })

const fromResult = <A, E>(result: Result.Result<A, E>): Effect.Effect<A, E> =>
  Result.isFailure(result) ? Effect.fail(result.failure) : Effect.succeed(result.success)

const namesOf = (source: sources.Source) => Effect.tryPromise({ try: source.names, catch: (error) => error as InputError })

/** A template's own mistakes are known before anything is started. */
const makerOf = (given: settings.Settings, split: Split, { kind, width }: sources.Source, names: ReadonlyArray<string> | undefined) =>
  jobs.make({
    command: split.command,
    shell: given.shell,
    replacement: given.replacement,
    append: given.pass === "stdin" ? "nothing" : "input",
    kind,
    names,
    width
  })

const tagOf = (text: string, { kind, width }: sources.Source, names: ReadonlyArray<string> | undefined) =>
  Result.map(
    template.parse([text], { kind, names, width }, "nothing"),
    ({ render }) =>
      ({ input, seq }: Job): string =>
        render(input, seq, "").join(" ")
  )

/** What a job reads that does not find its input among its arguments: the values as lines, a record as JSON. */
const stdinOf = ({ fields, values }: Input): Uint8Array =>
  Buffer.from(fields === undefined ? values.map((value) => `${value}\n`).join("") : `${JSON.stringify(fields)}\n`)

const jobsOf = async function* (
  given: settings.Settings,
  source: sources.Source,
  make: jobs.MakeJob,
  skipped: (error: { readonly message: string }) => void,
  ended: (count: number) => void
): AsyncGenerator<Job> {
  let seq = 0
  for await (const input of source.inputs) {
    const made = make(input, ++seq)
    if (Result.isFailure(made)) {
      if (given.source.onBad === "stop") throw made.failure
      skipped(made.failure)
      continue
    }
    const job = made.success
    // Text and key are made late, by the job itself.
    yield given.pass === "arguments"
      ? job
      : Object.create(job, { program: { value: (slot: number) => ({ ...job.program(slot), stdin: stdinOf(input) }) } })
  }
  ended(seq)
}

const print = (all: AsyncIterable<Job>, out: sink.Sink) =>
  Stream.fromAsyncIterable(all, (error) => error as InputError).pipe(
    Stream.runForEach((job) => out.write(Buffer.from(`${job.text}\n`))),
    Effect.andThen(out.flush),
    Effect.as(0),
    Effect.catch((error) => (error._tag === "OutputError" && error.reason._tag === "Closed" ? Effect.succeed(141) : Effect.fail(error)))
  )

const executorOf = (given: settings.Settings): Effect.Effect<Executor, slots.SlotsFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const direct = yield* exact.acquire()
    if (given.start === "exact") return direct
    return yield* slots.acquire({ tree: yield* ProcessTree.make(), exact: direct })
  })

/** Rates are kept in steps of some milliseconds: a finer clock than that of timers is not to be had. */
const rateStep = 10 // ms

const throttled = (limiter: Limiter.Limiter, rate: Rate) =>
  Effect.gen(function* () {
    const limit = Math.max(1, Math.round((rate.count / rate.perMillis) * rateStep))
    const window = (limit * rate.perMillis) / rate.count
    return yield* ThrottledLimiter.make({
      limiter,
      rate: { limiter: yield* RateLimiter.make, key: "skein", limit, window, onStoreFailure: "die" }
    })
  }).pipe(Effect.provide(RateLimiter.layerStoreMemory))

const limiterOf = ({ jobs, limit }: settings.Settings): Effect.Effect<Limiter.Limiter> =>
  limit === "fixed"
    ? Limiter.make({ permits: jobs, name: "jobs" })
    : AdaptiveLimiter.make({ initial: Math.min(jobs, availableParallelism()), max: jobs, name: "jobs" })

const together = (observers: ReadonlyArray<Observer>): Observer => ({
  queued: (job, at) => observers.forEach((one) => one.queued?.(job, at)),
  started: (job, attempt, slot, at) => observers.forEach((one) => one.started?.(job, attempt, slot, at)),
  attempted: (job, attempt) => observers.forEach((one) => one.attempted?.(job, attempt)),
  finished: (record) => observers.forEach((one) => one.finished?.(record))
})

/** The live region and our own output would overwrite each other. */
const sharesTerminal = (fd: 1 | 2): boolean => isatty(2) && isatty(fd)

/** What a person is told at the end. What went wrong with the whole is always said. */
const conclude = (result: summary.Result, given: settings.Settings, argv: ReadonlyArray<string>): void => {
  // Whoever has read enough, as `head` has, is no case for a report.
  const worthIt = (isatty(2) || summary.exitCode(result) !== 0) && result.ending._tag !== "Closed"
  const wanted = given.summary === "always" || (given.summary === "auto" && worthIt)
  if (wanted) {
    const left = result.ending._tag !== "Done" || result.totals.failed > 0
    const plain = process.env["NO_COLOR"] !== undefined || process.env["TERM"] === "dumb"
    const color = isatty(2) && !plain ? "always" : "never"
    const resume = left && given.jobLog !== undefined ? resumeWith(argv, result.totals.failed > 0) : undefined
    process.stderr.write(`${summary.text(result, { color, columns: process.stderr.columns, resume })}\n`)
  } else if (result.ending._tag === "Broken") process.stderr.write(`skein run: ${result.ending.message}\n`)
}

/** The same words with the flag that goes on where this run ended. */
const resumeWith = (argv: ReadonlyArray<string>, failed: boolean): string => {
  const flag = failed ? "--resume-failed" : "--resume"
  const [name, ...rest] = argv.filter((word) => word !== "--resume" && word !== "--resume-failed")
  return CommandLine.display(["skein", name!, flag, ...rest])
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const endingOf = (verdict: Result.Result<runner.Verdict, runner.InputFailed>): summary.Ending => {
  if (Result.isFailure(verdict)) return { _tag: "Broken", message: messageOf(verdict.failure.cause) }
  const { reason } = verdict.success
  if (reason === undefined) return { _tag: "Done" }
  if (reason._tag !== "Failed") return reason
  const { error } = reason
  return error._tag === "OutputError" && error.reason._tag === "Closed" ? { _tag: "Closed" } : { _tag: "Broken", message: error.message }
}
