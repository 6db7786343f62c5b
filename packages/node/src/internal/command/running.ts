/** Starts a command for somebody who wants to talk to it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Readable, Writable } from "node:stream"
import * as failure from "./failure.ts"
import { feed } from "./feed.ts"
import { closeOf, ended, hide, launch, Trouble, watch } from "./launch.ts"
import { longestTimer } from "./options.ts"
import type { Line } from "./plan.ts"

/**
 * How a program ended: one of the two is not null.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ended {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
}

/**
 * A program that runs, until its scope closes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Running {
  readonly pid: number
  /** There with `stdin: "pipe"`. That the program reads no more shows as the stream's error and is thrown at nobody. */
  readonly stdin: Writable | undefined
  /** There with `stdout: "capture"`. Read it: a program whose output nobody reads stands still when the pipe is full. */
  readonly stdout: Readable | undefined
  /** There with `stderr: "capture"`. */
  readonly stderr: Readable | undefined
  /** Waits for its end, whatever that is; fails with `TimedOut`, `StdinFailed` or `Lost`. What it wrote may still be on its way. */
  readonly exit: Effect.Effect<Ended, failure.CommandError>
  /** Sends a signal to everybody in its tree; gives how many there were. */
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<number>
  /** Stops it as the option `stop` says, and waits for that. Afterwards nobody of its tree is left. */
  readonly stop: Effect.Effect<void>
}

export const start = (line: Line): Effect.Effect<Running, failure.CommandError, Scope.Scope> =>
  Effect.gen(function* () {
    const { spec } = line
    const trouble = new Trouble()
    const life = yield* Effect.acquireRelease(Effect.mapError(launch(line), hide(line)), closeOf)
    const { stderr, stdin, stdout } = life.child
    if (spec.stdin !== "pipe" && stdin !== null) {
      const feeding = feed(stdin, spec.stdin, (cause) => trouble.is(({ ended }) => new failure.StdinFailed({ cause, ended })))
      yield* Effect.addFinalizer(() => Effect.promise(feeding.end))
    }
    const watched = spec.timeout <= longestTimer || typeof spec.stdin === "object"
    if (watched) {
      yield* Effect.forkScoped(watch(life, spec.timeout, trouble), { startImmediately: true })
    }
    const exit = Effect.flatMap(ended(life), (end): Effect.Effect<Ended, failure.Reason> => {
      // Afterwards nobody is left, which the stop that is under way sees to.
      const { reason } = trouble
      if (reason !== undefined) {
        const fail = Effect.suspend(() => Effect.fail(reason({ ended: life.stopped, stdout: "", stderr: "" })))
        return Effect.andThen(life.stop, fail)
      }
      if (end.lost !== undefined) return Effect.andThen(life.kill, Effect.fail(new failure.Lost({ message: end.lost })))
      return Effect.succeed({ exitCode: end.exitCode, signal: end.signal })
    })
    return {
      pid: life.child.pid,
      stdin: spec.stdin === "pipe" ? (stdin ?? undefined) : undefined,
      stdout: stdout ?? undefined,
      stderr: stderr ?? undefined,
      exit: Effect.mapError(exit, hide(line)),
      signal: (name) => life.signal(name),
      stop: life.stop
    } satisfies Running
  })
