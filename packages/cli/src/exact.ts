/** Runs programs one by one, each as a `Command`: with streams, and with the end as the system tells it. */
import * as Command from "@skein/node/Command"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as os from "node:os"
import * as path from "node:path"
import type { Readable } from "node:stream"
import { type Captured, empty, messageOf, noRoom, recorder } from "./capture.ts"
import type { Ended, Executor, Output, Run, StopStep, Which } from "./executor.ts"
import type { End, Program } from "./job.ts"
import * as Directory from "./slotDirectory.ts"
import { numberOf } from "./slotScript.ts"
import { Course, take, timerOf } from "./stopping.ts"

export interface Settings {
  /**
   * Where the directory for long output is made.
   *
   * @default that of the system
   */
  readonly directory?: string | undefined
}

/** The directory is made when the first long output comes. */
export const acquire = (settings: Settings = {}): Effect.Effect<Executor, never, Scope.Scope> =>
  Effect.map(Directory.make(settings.directory ?? os.tmpdir()), (directory) => new Exact(directory))

/** Whatever code a program exits with, it ended by itself: what it left running is left alone. */
const anyCode = Array.from({ length: 256 }, (_, code) => code)

/** How long the last bytes are waited for, in milliseconds, when the program has ended and somebody else still has its pipes. */
const lastBytes = 250

class Exact implements Executor {
  private readonly directory: Directory.Directory
  private readonly courses = new Map<number, Course>()
  private jobs = 0

  constructor(directory: Directory.Directory) {
    this.directory = directory
  }

  stop(slot: number, steps: ReadonlyArray<StopStep>, why: "stopped" | "timeout"): void {
    this.courses.get(slot)?.ask(steps, why)
  }

  run(program: Program, run: Run): Effect.Effect<Ended> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.scopedWith((scope) =>
        Effect.gen({ self: this }, function* () {
          const { slot } = run
          if (this.courses.has(slot)) return yield* Effect.die(new RangeError(`Exact.run: slot must be free, got ${slot}`))
          const startedAt = now()
          const started = yield* Effect.exit(Scope.provide(start(program, run), scope))
          if (Exit.isFailure(started)) return { ...refused(started), output: empty, received: 0, startedAt, endedAt: now() }
          const running = started.value
          const course = new Course()
          this.courses.set(slot, course)
          const taker = this.takerOf(run.output)
          const reading = yield* Scope.provide(read(running, taker), scope)
          let end: Exit.Exit<Command.Ended, Command.CommandError> | undefined
          let endedAt = 0
          yield* Effect.forkIn(
            Effect.onExit(running.exit, (exit) =>
              Effect.sync(() => {
                end = exit
                endedAt = now()
                course.end()
              })
            ),
            scope,
            { startImmediately: true }
          )
          const timer = timerOf(course, run)
          const waited = yield* Effect.exit(restore(course.wait()))
          clearTimeout(timer)
          if (Exit.isFailure(waited)) course.ask(run.stop, "stopped")
          if (course.asked !== undefined) {
            yield* take(course, { signal: running.signal, late: () => 0, count: running.signal("SIGCONT") })
            yield* running.stop
            yield* course.wait(lastBytes)
          }
          // Whoever is interrupted wants no output; nobody is left who could write more of it.
          const drained = Exit.isFailure(waited) ? waited : yield* Effect.exit(restore(reading.drained))
          this.courses.delete(slot)
          const output = taker.end()
          if (Exit.isFailure(drained)) {
            output.dispose()
            return yield* Effect.failCause(drained.cause)
          }
          const asked = course.asked
          const ended: End = asked === undefined ? endOf(end) : { ...endOf(end), why: asked.why, message: undefined }
          const failure = taker.failure()
          return {
            ...(failure === undefined ? ended : broken(failure)),
            output,
            received: reading.received(),
            startedAt,
            endedAt: endedAt || now()
          }
        })
      )
    )
  }

  private takerOf(output: Output): Taker {
    if (typeof output === "object" && "onChunk" in output) return { add: output.onChunk, end: () => empty, failure: () => undefined }
    const number = ++this.jobs
    return recorder((which) => path.join(this.directory.path(), `${number}${which}`))
  }
}

const now = (): number => performance.timeOrigin + performance.now()

/** Where the chunks go. */
interface Taker {
  readonly add: (which: Which, bytes: Uint8Array) => Effect.Effect<void> | void
  readonly failure: () => string | undefined
  readonly end: () => Captured
}

const start = ({ args, program, stdin }: Program, { env, output }: Run) =>
  Effect.suspend(() => {
    const target = (which: Which): Command.Stdout =>
      output === "inherit" ? "inherit" : typeof output === "object" && "stdout" in output ? { file: output[which] } : "capture"
    return Command.start(
      Command.make(program, args, {
        env,
        stdin: stdin === undefined ? "ignore" : { bytes: stdin },
        stdout: target("stdout"),
        stderr: target("stderr"),
        okCodes: anyCode,
        // The steps are taken here; what is left to do then is to kill.
        stop: []
      })
    )
  })

const broken = (message: string): End => ({ why: "broken", exitCode: 0, signal: 0, message })

const refused = (exit: Exit.Failure<unknown, Command.CommandError>): End => {
  const reason = exit.cause.reasons[0]
  if (reason?._tag !== "Fail") return broken(reason?._tag === "Die" ? messageOf(reason.defect) : "it was not started")
  return failureOf(reason.error)
}

const failureOf = ({ reason }: Command.CommandError): End => {
  const { message } = reason
  if (reason._tag === "NotFound") return { why: "not-found", exitCode: 127, signal: 0, message }
  if (reason._tag === "PermissionDenied") return { why: "denied", exitCode: 126, signal: 0, message }
  return reason._tag === "SpawnFailed" && noRoom.has(reason.code) ? { ...broken(message), why: "no-room" } : broken(message)
}

const endOf = (exit: Exit.Exit<Command.Ended, Command.CommandError> | undefined): End => {
  if (exit === undefined) return { why: "signal", exitCode: 0, signal: numberOf("SIGKILL") }
  if (Exit.isFailure(exit)) return refused(exit)
  const { exitCode, signal } = exit.value
  return signal === null ? { why: "exit", exitCode: exitCode ?? 0, signal: 0 } : { why: "signal", exitCode: 0, signal: numberOf(signal) }
}

interface Reading {
  /** Waits for the last bytes of a program that has ended: until both streams are over, or bring nothing for a while since somebody else has them, too. */
  readonly drained: Effect.Effect<void>
  readonly received: () => number
}

/** Reads both streams, one chunk of each at a time, until the scope closes. */
const read = (running: Command.Running, taker: Taker): Effect.Effect<Reading, never, Scope.Scope> =>
  Effect.gen(function* () {
    let received = 0
    let open = 0
    let busy = 0
    let wake = (): void => {}
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    const taken = new Set<Fiber.Fiber<void>>()
    yield* Effect.addFinalizer(() => Fiber.interruptAll(taken))
    const pump = (which: Which, stream: Readable | undefined): void => {
      if (stream === undefined) return
      // A stream that is paused flows again when its program ends: what comes while a chunk is being taken waits here.
      const waiting: Array<Uint8Array> = []
      let taking = false
      const take = (bytes: Uint8Array): void => {
        const effect = taker.add(which, bytes)
        if (effect === undefined) return
        taking = true
        busy++
        stream.pause()
        const fiber = fork(effect)
        taken.add(fiber)
        fiber.addObserver(() => {
          taken.delete(fiber)
          taking = false
          busy--
          while (!taking && waiting.length > 0) take(waiting.shift()!)
          if (!taking) stream.resume()
          wake()
        })
      }
      open++
      stream.on("data", (bytes: Uint8Array) => {
        received += bytes.length
        if (taking) waiting.push(bytes)
        else take(bytes)
      })
      stream.once("close", () => {
        open--
        wake()
      })
    }
    pump("stdout", running.stdout)
    pump("stderr", running.stderr)
    return {
      received: () => received,
      drained: Effect.callback((resume) => {
        let before = received
        let timer: NodeJS.Timeout | undefined
        let over = false
        const stop = (): void => {
          over = true
          clearTimeout(timer)
          wake = () => {}
        }
        const look = (): void => {
          if (open === 0 && busy === 0) {
            stop()
            resume(Effect.void)
          }
        }
        // This process may have been held up for longer than that: what is there is read in the next turn.
        const quiet = (): void => void setImmediate(() => setImmediate(still))
        const still = (): void => {
          if (over) return
          if (received === before && busy === 0) {
            stop()
            return resume(Effect.void)
          }
          before = received
          timer = setTimeout(quiet, lastBytes)
        }
        wake = look
        timer = setTimeout(quiet, lastBytes)
        look()
        return Effect.sync(stop)
      })
    }
  })
