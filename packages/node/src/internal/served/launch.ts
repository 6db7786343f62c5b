/** Starts an app: a command that runs until it ends, or an effect in a fiber. The scope owns it. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Command from "../../Command.ts"
import * as ProcessTree from "../../ProcessTree.ts"
import { read as readCommand } from "../command/options.ts"
import { Died, NotStarted, type Reason } from "./failure.ts"
import type { Family } from "./listeners.ts"
import { Output } from "./output.ts"
import { Processes, sleep } from "./tree.ts"

/** How an app ended. */
export interface End {
  readonly well: boolean
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly cause: Cause.Cause<unknown> | undefined
}

/** An app that was started. */
export interface Launched {
  readonly form: "command" | "function"
  readonly pid: number | undefined
  readonly output: Output
  /** Who is of it now. */
  readonly family: Family
  /** Waits until it has ended, and whoever it left behind. */
  readonly gone: Effect.Effect<End>
}

/** How long the last bytes are waited for when it has ended, in milliseconds: they are there already, unless somebody else has the pipe, too. */
const lastBytes = 250

/** How often those are looked for that a command has left, in milliseconds. */
const daemonPause = 250

export const launch = <E, R>(
  effect: Effect.Effect<unknown, E, R>,
  line: RegExp | undefined
): Effect.Effect<Launched, Reason, R | Scope.Scope> => (Command.isCommand(effect) ? command(effect, line) : program(effect))

const command = (it: Command.Command, line: RegExp | undefined): Effect.Effect<Launched, Reason, Scope.Scope> =>
  Effect.gen(function* () {
    const spec = readCommand("ServedApp.make", it.options)
    const processes = new Processes("hold")
    yield* Effect.addFinalizer(() => processes.stop(spec.stop))
    const tree = processes.within(yield* ProcessTree.Current)
    const running = yield* Effect.mapError(
      Effect.provideService(Command.start(it), ProcessTree.Current, tree),
      (error) => new NotStarted({ error })
    )
    const output = new Output(running.stdout, running.stderr, line)
    const ended = Effect.matchCauseEffect(running.exit, {
      onFailure: (cause): Effect.Effect<End> =>
        // It is the waiting that was interrupted.
        Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.succeed({ well: false, exitCode: null, signal: null, cause }),
      onSuccess: ({ exitCode, signal }): Effect.Effect<End> =>
        Effect.succeed({ well: exitCode !== null && spec.okCodes.includes(exitCode), exitCode, signal, cause: undefined })
    })
    const gone = Effect.gen(function* () {
      const end = yield* ended
      while (end.well && (yield* processes.count) > 0) yield* sleep(daemonPause)
      yield* drained(output)
      return end
    })
    return { form: "command", pid: running.pid, output, family: { root: running.pid, tags: processes.tags }, gone }
  })

const program = <E, R>(effect: Effect.Effect<unknown, E, R>): Effect.Effect<Launched, never, R | Scope.Scope> =>
  Effect.gen(function* () {
    // What its commands leave on purpose is left, as everywhere.
    const processes = new Processes("leave")
    const tree = processes.within(yield* ProcessTree.Current)
    const fiber = yield* Effect.forkScoped(Effect.provideService(effect, ProcessTree.Current, tree))
    const gone = Effect.map(Fiber.await(fiber), (exit): End => {
      const cause = Exit.isFailure(exit) ? exit.cause : undefined
      return { well: cause === undefined, exitCode: null, signal: null, cause }
    })
    const output = new Output(undefined, undefined, undefined)
    return { form: "function", pid: undefined, output, family: { root: process.pid, tags: processes.tags }, gone }
  })

const drained = (output: Output): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const done = (): void => {
      clearTimeout(timer)
      resume(Effect.void)
    }
    const timer = setTimeout(done, lastBytes)
    output.onEnd = () => {
      if (output.ended) done()
    }
    if (output.ended) done()
    return Effect.sync(() => clearTimeout(timer))
  })

export const died = (when: "starting" | "serving", { cause, exitCode, signal }: End, output: Output): Died =>
  new Died({ when, cause, exitCode, signal, ...output.tails })
