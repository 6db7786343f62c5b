/** `skein jobs run`: the jobs of a file in an engine of this process. Nothing is kept. */
import * as Command from "@skein/node/Command"
import * as Engine from "@skein/engine/Engine"
import * as Job from "@skein/engine/Job"
import type { Json } from "@skein/engine/JobStore"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { mkdtempSync } from "node:fs"
import * as fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isatty } from "node:tty"
import * as control from "../control.ts"
import { UsageError } from "../flags.ts"
import * as sink from "../sink.ts"
import * as sizes from "../sizes.ts"
import type { Bare, Handler } from "./desk.ts"
import { commandOf, type CommandWork, type JobSpec, type TaskWork } from "./jobSpec.ts"
import * as jobsFile from "./jobsFile.ts"
import { limitsOf } from "./limits.ts"
import * as liveView from "./liveView.ts"
import { loadTask } from "./loadTask.ts"
import { given, refusable } from "./reading.ts"
import { steered } from "./steering.ts"
import * as surroundings from "./surroundings.ts"
import { recordOfRun } from "./words.ts"

export const runFile: Handler<Bare> = (desk) =>
  Effect.gen(function* () {
    const { values, words } = desk
    const [path, ...more] = words
    if (path === undefined || more.length > 0)
      return yield* new UsageError({ message: "one file of jobs is expected, as in: skein jobs run build.json" })
    const text = yield* Effect.tryPromise({
      try: () => fs.readFile(path, "utf8"),
      catch: (error) => new UsageError({ message: (error as Error).message })
    })
    const file = yield* given(() => jobsFile.parse(text, { path, now: desk.look.now(), idOf: (name) => name, others: "refused" }))
    const limits = yield* given(() => limitsOf(values, file.limits))
    const timeout = yield* given(() => values.read("timeout", sizes.duration))

    const view = yield* liveView.make({ mode: values.word("progress", "auto" as "auto" | "live" | "plain" | "off") })
    const shares = (fd: 1 | 2): boolean => isatty(2) && isatty(fd)
    const stdout = yield* sink.make({ fd: 1, name: "standard output", around: shares(1) ? view.around : undefined })
    const stderr = yield* sink.make({ fd: 2, name: "standard error", around: shares(2) ? view.around : undefined })
    // Records are alone on standard output.
    const outputs = { stdout: values.has("json") ? stderr : stdout, stderr }
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "skein-jobs-"))),
      (folder) => Effect.promise(() => fs.rm(folder, { recursive: true, force: true }))
    )
    yield* surroundings.printAside(view)
    const jobs = yield* Effect.forEach(file.jobs, (spec, i) => jobOf(spec, join(folder, String(i)), outputs))
    const steering = steered()
    const changed = (run: Job.Run): void => {
      view.changed(run)
      steering.changed(run)
    }
    const engine = yield* Effect.provide(
      Engine.make({ limits, flavours: surroundings.flavours(), onChange: changed, onProgress: view.progressed }),
      surroundings.logger(view)
    )
    steering.attach(engine)
    const say = (line: string): void => view.log(`skein jobs: ${line}`)
    yield* control.onSignals(steering, {
      onStop: values.word("on-stop", "finish" as "finish" | "stop"),
      say,
      running: () => view.totals().running
    })
    // From here on a signal finds somebody who listens.
    const handles = yield* engine.submitAll(jobs.map(({ job }) => job))
    const idle = yield* timeout === undefined ? Effect.asSome(engine.awaitIdle) : Effect.timeoutOption(engine.awaitIdle, timeout)
    if (Option.isNone(idle)) {
      say("the time is over")
      yield* engine.cancel({}, "the time is over")
    }
    yield* stdout.flush
    yield* stderr.flush
    if (values.has("json")) {
      for (const [i, { run }] of handles.entries()) {
        const { valueOf, what } = jobs[i]!
        yield* desk.print(`${JSON.stringify(recordOfRun(run, what, valueOf(run)))}\n`)
      }
    }
    if (Option.isNone(idle)) return 124
    const signal = steering.signal()
    if (signal !== undefined) return control.codeOf(signal)
    const { failed, timeout: late, cancelled } = view.totals().ended
    return failed + late + cancelled > 0 ? 1 : 0
  })

interface Outputs {
  readonly stdout: sink.Sink
  readonly stderr: sink.Sink
}

interface Made {
  readonly job: Job.Job<unknown, unknown>
  /** What it does, on one line. */
  readonly what: string
  /** The value that it gave, as JSON. */
  readonly valueOf: (run: Job.Run) => Json
}

const jobOf = (spec: JobSpec, base: string, outputs: Outputs): Effect.Effect<Made, UsageError> =>
  spec.work.kind === "task" ? taskJob(spec, spec.work) : refusable(() => commandJob(spec, spec.work as CommandWork, base, outputs))

const taskJob = ({ id, name, options }: JobSpec, { export: exported, path, payload }: TaskWork): Effect.Effect<Made, UsageError> =>
  Effect.flatMap(loadTask(path, exported), (task) =>
    refusable(() => ({
      job: Job.task(task, task.json.payload.read(JSON.stringify(payload ?? null)) as never, { ...options, id, name }),
      what: `${path}#${exported}`,
      valueOf: ({ state }) =>
        state._tag === "Ended" && state.outcome._tag === "Completed"
          ? (JSON.parse(task.json.success.write(state.outcome.value) ?? "null") as Json)
          : null
    }))
  )

/** What a command writes is shown when it has ended, in one piece. */
const commandJob = ({ id, name, options }: JobSpec, work: CommandWork, base: string, outputs: Outputs): Made => {
  const files = { stdout: `${base}.out`, stderr: `${base}.err` }
  const command = commandOf(work, { stdout: { file: files.stdout }, stderr: { file: files.stderr } })
  const show = Effect.andThen(copy(files.stdout, outputs.stdout), copy(files.stderr, outputs.stderr))
  return {
    job: Job.make(name, { ...options, id, run: Effect.ensuring(command, Effect.ignore(show)) }),
    what: Command.display(command),
    valueOf: () => null
  }
}

const size = 64 * 1024

const copy = (path: string, to: sink.Sink): Effect.Effect<void, sink.OutputError> =>
  Effect.acquireUseRelease(
    // It is not there if the command could not be started.
    Effect.promise(() => fs.open(path, "r").catch(() => undefined)),
    (file) =>
      Effect.gen(function* () {
        while (file !== undefined) {
          const { buffer, bytesRead } = yield* Effect.promise(() => file.read(Buffer.allocUnsafe(size), 0, size))
          if (bytesRead === 0) return
          yield* to.write(buffer.subarray(0, bytesRead))
        }
      }),
    (file) => Effect.promise(async () => file?.close())
  )
