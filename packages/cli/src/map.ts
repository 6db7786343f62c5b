/** `skein map`: a function of a module for each line of JSON, in threads or processes; a line of JSON for each, failures too. */
import * as Outcome from "@skein/core/Outcome"
import * as Processes from "@skein/node/Processes"
import * as ProgressLine from "@skein/node/ProgressLine"
import * as Workers from "@skein/node/Workers"
import { parallelStream } from "@skein/parallel/parallelStream"
import * as Task from "@skein/parallel/Task"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { isatty } from "node:tty"
import { pathToFileURL } from "node:url"
import type { Split } from "./commandLine.ts"
import * as control from "./control.ts"
import { map as entries, UsageError, valuesOf } from "./flags.ts"
import type { Input } from "./job.ts"
import type { InputError } from "./lines.ts"
import type { Reason } from "./runner.ts"
import * as settings from "./settings.ts"
import * as sink from "./sink.ts"
import * as sizes from "./sizes.ts"
import * as sources from "./sources.ts"
import { nearest } from "./suggest.ts"
import { type AnyTask, bootOf, isTask, load } from "./taskModule.ts"

/** A line that is no JSON, or that the function does not take. Nothing was run for it. */
class BadInput extends Schema.TaggedError<BadInput>()("BadInput", { message: Schema.String }) {}

/** What becomes of one line. */
interface Row {
  readonly index: number
  readonly status: Outcome.Status
  readonly value?: unknown
  readonly error?: unknown
}

const read = (split: Split) => {
  const values = valuesOf(entries, split.flags, [])
  if (values.text("jobs") === "0")
    throw new UsageError({ message: "--jobs of 0 is for programs: say how many threads or processes, such as 8 or 50%" })
  const timeout = values.read("timeout", sizes.duration)
  return {
    ...settings.readShared(values),
    file: values.text("arg-file"),
    maxLine: values.read("max-line", sizes.size, "16M"),
    flavour: values.word("flavour", "worker" as "worker" | "process" | "inline"),
    timeout,
    onStop: values.word("on-stop", "finish" as "finish" | "stop"),
    output: values.word("output", "records" as "records" | "values"),
    order: values.has("keep-order") ? ("input" as const) : ("completion" as const)
  }
}

/** So many lines are with each worker or on their way, that none waits for the next. */
const ahead = 16

/** Gives the exit code. Its failures have messages for people. */
export const map = (split: Split) =>
  Effect.gen(function* () {
    const given = yield* Effect.try({ try: () => read(split), catch: (error) => error as UsageError })
    if (split.groups.length + (given.file === undefined ? 0 : 1) > 1)
      return yield* new UsageError({ message: "one source of lines is expected, and several are named" })
    const task = yield* taskOf(split)
    const reading = new AbortController()
    const stop = yield* Deferred.make<void>()
    const bad: Array<InputError> = []
    const source = sources.make({
      groups: split.groups,
      files: given.file === undefined ? undefined : [given.file],
      maxLine: given.maxLine,
      empty: "skip",
      onBad: "skip",
      skipped: (error) => bad.push(error),
      signal: reading.signal
    })
    if (split.groups.length === 0 && given.file === undefined) sources.explainTerminal()
    yield* printAside
    const out = yield* sink.make({ fd: 1, name: "standard output" })
    const complaints = yield* sink.make({ fd: 2, name: "standard error" })
    const line = yield* ProgressLine.make({ unit: "lines", mode: given.progress === "auto" && !isatty(2) ? "off" : given.progress })
    const say = (text: string): void => void Effect.runFork(line.log(`skein: ${text}`))
    let phase: "running" | "draining" | "stopping" = "running"
    let reason: Reason | undefined
    const steered: control.Steered = {
      phase: () => phase,
      drain: (why) => {
        reason ??= why
        if (phase === "running") phase = "draining"
        reading.abort()
      },
      stop: (why) => {
        steered.drain(why)
        phase = "stopping"
        Deferred.doneUnsafe(stop, Effect.void)
      }
    }
    let started = 0
    let done = 0
    let failed = 0
    let exhausted = false
    let late = false
    yield* control.onSignals(steered, { onStop: given.onStop, say, running: () => started - done })

    const call = (input: Input): Effect.Effect<unknown, unknown> => {
      started++
      return Effect.flatMap(decode(task, input.values[0]!), (payload) => task(payload))
    }
    const inputs = stream(source).pipe(Stream.onEnd(Effect.sync(() => (exhausted = true))))
    const rows = parallelStream(inputs, call, {
      concurrency: given.jobs * ahead,
      order: given.order,
      stop: Deferred.await(stop),
      ...(given.timeout === undefined ? {} : { taskTimeout: given.timeout }),
      ...(given.deadline === undefined ? {} : { timeout: given.deadline }),
      ...(given.retries === 0
        ? {}
        : {
            retry: { times: given.retries, schedule: Schedule.exponential(given.backoff), while: (error) => !(error instanceof BadInput) }
          })
    })
    /** Lines that are no text at all, and so no input. */
    const writeBad = Effect.suspend(() => {
      const rows = bad.splice(0).map(({ line, message }) => ({ line, status: "failed", error: { _tag: "BadInput", message } }))
      done += rows.length
      failed += rows.length
      if (rows.length === 0) return Effect.void
      return (given.output === "values" ? complaints : out).write(Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join("")))
    })
    const write = (outcome: Outcome.Outcome<unknown, unknown>) =>
      Effect.suspend(() => {
        done++
        const row = rowOf(task, outcome)
        if (row.status !== "completed") failed++
        if (outcome._tag === "TimedOut" && outcome.limit === "call") late = true
        line.update({ done, note: failed === 0 ? undefined : `${failed} failed` })
        const bare = given.output === "values" && row.status === "completed"
        const text = `${JSON.stringify(bare ? (row.value ?? null) : row)}\n`
        return Effect.andThen(writeBad, (given.output === "values" && !bare ? complaints : out).write(Buffer.from(text)))
      })
    const ended = yield* rows.pipe(
      Stream.runForEach(write),
      Effect.andThen(writeBad),
      Effect.provide(given.flavour === "inline" ? Layer.empty : layerOf(given.flavour, given.jobs)),
      Effect.andThen(out.flush),
      Effect.result
    )
    reading.abort()
    if (Result.isFailure(ended)) {
      const error = ended.failure
      if (error._tag === "OutputError") return error.reason._tag === "Closed" ? 141 : yield* error
      return yield* new UsageError({ message: (error.cause as InputError).message })
    }
    if (reason?._tag === "Signal") return control.codeOf(reason.signal)
    if (late || !exhausted) {
      const well = done - failed
      yield* line.log(`skein: the deadline came first; ${well === 1 ? "1 line is" : `${well} lines are`} done`)
      return 124
    }
    return Math.min(failed, 101)
  }).pipe(Effect.scoped)

/** Standard output is for records: what a function prints goes to standard error. Threads print through this process. */
const printAside = Effect.acquireRelease(
  Effect.sync(() => {
    const { write } = process.stdout
    process.stdout.write = process.stderr.write.bind(process.stderr)
    return write
  }),
  (write) => Effect.sync(() => void (process.stdout.write = write))
)

const stream = (source: sources.Source) => Stream.fromAsyncIterable(source.inputs, (error) => error as InputError)

const layerOf = (flavour: "worker" | "process", size: number) =>
  flavour === "worker" ? Workers.layer({ size, ...bootOf("thread") }) : Processes.layer({ size, stdout: "stderr", ...bootOf("process") })

/** Finds what `./tasks.ts#name` names: a Task, or a plain function, which is made one. */
const taskOf = (split: Split): Effect.Effect<AnyTask, UsageError> =>
  Effect.gen(function* () {
    const [target, ...more] = split.command
    const expected = "say which function, as in: skein map ./tasks.ts#resize"
    if (target === undefined) return yield* new UsageError({ message: expected })
    if (more.length > 0) return yield* new UsageError({ message: `one function is expected, got also ${JSON.stringify(more[0])}` })
    const hash = target.lastIndexOf("#")
    if (hash === -1) return yield* new UsageError({ message: `${JSON.stringify(target)} names no function; ${expected}` })
    const path = target.slice(0, hash)
    const name = target.slice(hash + 1)
    const module = yield* load(path)
    const value = module[name]
    if (isTask(value)) return value
    if (typeof value === "function")
      return Task.make(name, {
        handler: { module: pathToFileURL(path), export: name },
        payload: Schema.Json,
        success: Schema.Json
      }) as AnyTask
    const functions = Object.keys(module).filter((key) => typeof module[key] === "function")
    const meant = nearest(name, functions)
    const hint = meant === undefined ? `it has ${functions.join(", ") || "none"}` : `did you mean ${path}#${meant}?`
    return yield* new UsageError({ message: `${path} exports no function ${JSON.stringify(name)}; ${hint}` })
  })

const decode = (task: AnyTask, text: string): Effect.Effect<unknown, BadInput> =>
  Effect.try({
    try: () => task.json.payload.read(text),
    catch: (error) => new BadInput({ message: error instanceof Error ? error.message : String(error) })
  })

const rowOf = (task: AnyTask, outcome: Outcome.Outcome<unknown, unknown>): Row => {
  const { index, status } = outcome
  switch (outcome._tag) {
    case "Completed":
      return { index, status, value: JSON.parse(task.json.success.write(outcome.value)) }
    case "TimedOut":
      return { index, status, error: { _tag: "TimedOut", limit: outcome.limit, millis: Duration.toMillis(outcome.after) } }
    case "Failed":
      return { index, status, error: errorOf(task, outcome.cause) }
    default:
      return { index, status, error: { _tag: outcome._tag, reason: Outcome.formatReason(outcome.reason) } }
  }
}

/** A typed error as its schema writes it; anything else by name and message. */
const errorOf = (task: AnyTask, cause: Cause.Cause<unknown>): unknown => {
  const error = Cause.squash(cause)
  if (cause.reasons.some(Cause.isFailReason) && !(error instanceof BadInput)) {
    const written = Result.try(() => JSON.parse(task.json.error.write(error)) as unknown)
    if (Result.isSuccess(written)) return written.success
  }
  const { _tag, message, name } = error as { readonly _tag?: string; readonly name?: string; readonly message?: string }
  return { _tag: _tag ?? name ?? "Error", message: message ?? String(error) }
}
