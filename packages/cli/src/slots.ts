/**
 * Runs programs in persistent shells, one for each slot: a fork and an exec for a program, and nothing else.
 *
 * The shells, what runs in them and a directory for captured output belong to the scope. They are gone when it closes, and when this process ends in any other way. What a job that ended by itself left running is left alone.
 *
 * A shell says less about an end than the system does (`slotScript.endOf`); what it cannot do at all (streams, much input, very long arguments) is run by another executor.
 */
import type { Branch, ProcessTree } from "@skein/node/ProcessTree"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { discard, empty, fromFiles, Litter, messageOf, noRoom } from "./capture.ts"
import type { Ended, Executor, Run, StopStep } from "./executor.ts"
import type { End, Program } from "./job.ts"
import { signalBelow } from "./slotChildren.ts"
import * as Directory from "./slotDirectory.ts"
import { cached, find } from "./slotPath.ts"
import { endOf, isName, numberOf, script } from "./slotScript.ts"
import { type Answer, Shell } from "./slotShell.ts"
import { Course, take, timerOf } from "./stopping.ts"

/** Slots cannot be had. */
export class SlotsFailed extends Data.TaggedError("SlotsFailed")<{ readonly message: string }> {}

export interface Settings {
  readonly tree: ProcessTree
  /** Runs what a shell cannot. */
  readonly exact: Executor
  /**
   * Where the directory for captured output is made.
   *
   * @default that of the system
   */
  readonly directory?: string | undefined
}

/** Input that is longer goes through a pipe, and not through a file. */
const inputInFile = 256 * 1024

/** A system takes at least this many bytes of arguments and environment together, and at most 128 kB in one. */
const argumentBytes = 96 * 1024

/** A shell that got SIGKILL is waited for no longer than this, in milliseconds: only who hangs in the kernel takes more than a few. */
const patience = 5_000

export const acquire = (settings: Settings): Effect.Effect<Executor, SlotsFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const env = { ...process.env }
    const shell = shellFor(env)
    if (shell === undefined) return settings.exact
    const own = yield* Directory.make(settings.directory ?? os.tmpdir())
    const directory = yield* Effect.try({
      try: own.path,
      catch: (error) => new SlotsFailed({ message: `no directory for the output of jobs can be made: ${messageOf(error)}` })
    })
    return yield* Effect.acquireRelease(
      Effect.sync(() => new Slots(settings, { directory, litter: new Litter(), env, shell })),
      (slots) => slots.close
    )
  })

/** `sh` forks fastest, but loses variables whose names it does not accept, such as functions that bash exported. */
const shellFor = (env: NodeJS.ProcessEnv): string | undefined =>
  Object.keys(env).every(isName) ? "/bin/sh" : ["/bin/bash", "/usr/bin/bash"].find((file) => fs.existsSync(file))

interface House {
  readonly directory: string
  readonly litter: Litter
  readonly env: NodeJS.ProcessEnv
  readonly shell: string
}

class Slots implements Executor {
  private readonly slots = new Map<number, Slot>()
  private readonly find = cached()
  private readonly settings: Settings
  private readonly house: House
  private jobs = 0

  constructor(settings: Settings, house: House) {
    this.settings = settings
    this.house = house
  }

  run(program: Program, run: Run): Effect.Effect<Ended> {
    return Effect.suspend(() => {
      if (needsMore(program, run)) return this.settings.exact.run(program, run)
      const searched = run.env?.["PATH"] ?? this.house.env["PATH"]
      const found = this.find(program.program, searched)
      if ("why" in found) return Effect.succeed(notStarted(found.why, found.message))
      let slot = this.slots.get(run.slot)
      if (slot === undefined) this.slots.set(run.slot, (slot = new Slot(this.settings.tree, this.house)))
      return slot.run({ ...program, program: found.exec }, run, ++this.jobs, () => find(program.program, searched))
    })
  }

  stop(slot: number, steps: ReadonlyArray<StopStep>, why: "stopped" | "timeout"): void {
    if (this.slots.get(slot)?.stop(steps, why) !== true) this.settings.exact.stop(slot, steps, why)
  }

  get close(): Effect.Effect<void> {
    return Effect.suspend(() => Effect.forEach(this.slots.values(), (slot) => slot.close, { concurrency: "unbounded", discard: true }))
  }
}

const needsMore = ({ args, program, stdin }: Program, { env = {}, output }: Run): boolean => {
  if (output === "inherit" || (typeof output === "object" && "onChunk" in output)) return true
  if (stdin !== undefined && stdin.length > inputInFile) return true
  let characters = 0
  for (const text of [program, ...args]) {
    if (text.includes("\0")) return true
    characters += text.length + 1
  }
  for (const name in env) {
    if (!isName(name) || env[name]!.includes("\0")) return true
    characters += name.length + env[name]!.length + 2
  }
  // Three bytes a character at most.
  return 3 * characters > argumentBytes
}

const now = (): number => performance.timeOrigin + performance.now()

const notStarted = (why: End["why"], message: string): Ended => {
  const at = now()
  return {
    why,
    exitCode: why === "denied" ? 126 : why === "not-found" ? 127 : 0,
    signal: 0,
    message,
    output: empty,
    received: 0,
    startedAt: at,
    endedAt: at
  }
}

interface Job {
  readonly branch: Branch
  readonly shell: Shell
  readonly startedAt: number
  readonly files: { readonly stdin: string | undefined; readonly stdout: string; readonly stderr: string; readonly captured: boolean }
  readonly course: Course
  answer: Answer | undefined
  endedAt: number
}

const nobody = "/dev/null"

/** Makes or empties a file. The shell will do so again, but its complaint would look like the program's own end. */
const empties = (file: string): void => {
  const { O_CREAT, O_NONBLOCK, O_TRUNC, O_WRONLY } = fs.constants
  try {
    fs.closeSync(fs.openSync(file, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, 0o666))
  } catch (error) {
    // A named pipe that nobody reads yet is waited for by the shell, not here.
    if ((error as NodeJS.ErrnoException).code !== "ENXIO") throw error
  }
}

/** Whether there is something in this file. */
const holds = (file: string): boolean => {
  try {
    const state = fs.statSync(file)
    return state.isFile() && state.size > 0
  } catch {
    return false
  }
}

class Slot {
  private readonly tree: ProcessTree
  private readonly house: House
  private shell: Shell | undefined
  /** Whoever carries the shell's own tag is the shell, or a fork of it that is not yet the job. */
  private branch: Branch | undefined
  private job: Job | undefined

  constructor(tree: ProcessTree, house: House) {
    this.tree = tree
    this.house = house
  }

  run(program: Program, run: Run, number: number, look: () => ReturnType<typeof find>): Effect.Effect<Ended> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        if (this.job !== undefined) return Effect.die(new RangeError(`Slots.run: slot must be free, got ${run.slot}`))
        let job: Job
        try {
          job = this.begin(program, run, number)
        } catch (error) {
          const why = noRoom.has((error as NodeJS.ErrnoException).code) ? "no-room" : "broken"
          return Effect.succeed(notStarted(why, `it cannot be started: ${messageOf(error)}`))
        }
        const { course } = job
        const timer = timerOf(course, run)
        return Effect.flatMap(Effect.exit(restore(course.wait())), (exit) => {
          clearTimeout(timer)
          const interrupted = Exit.isFailure(exit)
          if (interrupted) course.ask(run.stop, "stopped")
          const byItself = course.asked === undefined && job.answer !== undefined && "status" in job.answer
          if (byItself && !interrupted) return Effect.succeed(this.finish(job, look))
          return Effect.flatMap(byItself ? Effect.void : this.stopping(job), () => {
            const ended = this.finish(job, look)
            if (!interrupted) return Effect.succeed(ended)
            ended.output.dispose()
            return Effect.failCause(exit.cause)
          })
        })
      })
    )
  }

  stop(steps: ReadonlyArray<StopStep>, why: "stopped" | "timeout"): boolean {
    const { job } = this
    job?.course.ask(steps, why)
    return job !== undefined
  }

  /** Nothing runs here any more, unless whoever ran it went away without its end. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { job, shell } = this
      const ending = shell === undefined || shell.dead ? Effect.void : Effect.promise(() => shell.quit())
      return Effect.andThen(
        job === undefined ? Effect.void : this.kill(job),
        Effect.andThen(
          ending,
          Effect.sync(() => this.branch?.release())
        )
      )
    })
  }

  private begin({ args, program, stdin }: Program, { env = {}, output }: Run, number: number): Job {
    const captured = output === "capture"
    const base = path.join(this.house.directory, String(number))
    const files = {
      stdin: stdin === undefined || stdin.length === 0 ? undefined : `${base}i`,
      captured,
      ...(captured ? { stdout: `${base}o`, stderr: `${base}e` } : (output as { stdout: string; stderr: string }))
    }
    if (!captured) [files.stdout, files.stderr].forEach(empties)
    if (files.stdin !== undefined) fs.writeFileSync(files.stdin, stdin!, { mode: 0o600, flag: "wx" })
    if (this.shell === undefined || this.shell.dead) {
      this.branch?.release()
      this.branch = this.tree.branch()
      this.shell = new Shell(this.house.shell, { ...this.house.env, [this.branch.variable[0]]: this.branch.variable[1] })
    }
    const branch = this.tree.branch()
    const job: Job = { branch, shell: this.shell, startedAt: now(), files, course: new Course(), answer: undefined, endedAt: 0 }
    this.job = job
    const variables = Object.entries(env)
    variables.push([branch.variable[0], branch.variable[1]])
    this.shell.run(
      script({ env: variables, program, args, stdin: files.stdin ?? nobody, stdout: files.stdout, stderr: files.stderr }),
      (answer) => {
        job.endedAt = now()
        job.answer = answer
        job.course.end()
      }
    )
    return job
  }

  /** Takes the steps, then kills. Nobody of the job's tree is left after it. */
  private stopping(job: Job): Effect.Effect<void> {
    const { branch, shell } = job
    const patient = take(job.course, {
      signal: (signal) => branch.signal(signal, groupOf(job)),
      // Not yet a program, or one that has cleared its environment.
      late: (signal) => (shell.pid === undefined ? 0 : signalBelow(shell.pid, signal)),
      count: branch.count
    })
    return Effect.flatMap(patient, (gone) => (gone ? Effect.void : this.kill(job)))
  }

  /** The shell first: whoever it would still have started is gone with it, and the job's own tag then finds all the others. */
  private kill(job: Job): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      if (job.answer === undefined) {
        if (job.shell.pid !== undefined) signalBelow(job.shell.pid, "SIGKILL")
        yield* this.branch!.kill(groupOf(job))
      }
      yield* job.branch.kill()
      yield* job.course.wait(patience)
      // It hangs in the kernel, and is never asked again.
      if (job.answer === undefined) this.shell = undefined
    })
  }

  private finish(job: Job, look: () => ReturnType<typeof find>): Ended {
    const { answer, branch, files, startedAt } = job
    const { asked } = job.course
    this.job = undefined
    branch.release()
    if (files.stdin !== undefined) discard(files.stdin, files.stdin)
    const at = { startedAt, endedAt: job.endedAt || now() }
    let end: End =
      answer === undefined
        ? killed
        : "status" in answer
          ? { why: "exit", ...endOf(answer.status) }
          : answer.signal === null
            ? // It could not be started, or could not start the job: it ends by itself for no other reason.
              { why: "no-room", exitCode: 0, signal: 0, message: answer.lost }
            : { ...killed, signal: numberOf(answer.signal), message: answer.lost }
    if (end.signal > 0) end = { ...end, why: "signal" }
    if (asked !== undefined) end = { ...end, why: asked.why, message: undefined }
    else if (end.exitCode === 126 || end.exitCode === 127) {
      const found = look()
      if ("why" in found) {
        if (files.captured) discard(files.stdout, files.stderr)
        return { ...notStarted(found.why, found.message), ...at }
      }
    }
    if (!files.captured) {
      const cut = [files.stdout, files.stderr].some((file) => holds(file) && Directory.isFull(file))
      return { ...(cut ? notStarted("broken", full) : { ...end, output: empty, received: 0 }), ...at }
    }
    try {
      const output = fromFiles(files.stdout, files.stderr, this.house.litter)
      if (output.size > 0 && Directory.isFull(this.house.directory)) {
        output.dispose()
        return { ...notStarted("broken", full), ...at }
      }
      return { ...end, output, received: output.size, ...at }
    } catch (error) {
      // A job that was stopped may not have got as far as its files.
      if (asked !== undefined || end.why !== "exit") return { ...end, output: empty, received: 0, ...at }
      return { ...notStarted("broken", `its output cannot be kept: ${messageOf(error)}`), ...at }
    }
  }
}

/** Where tags cannot be read there is only the process group, which the shell and what its earlier jobs left behind belong to as well. */
const groupOf = (job: Job): number | undefined => (process.platform === "linux" ? undefined : job.shell.pid)

const killed: End = { why: "signal", exitCode: 0, signal: numberOf("SIGKILL") }

const full = "its output cannot be kept: no room is left"
