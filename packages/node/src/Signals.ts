/**
 * Turns SIGINT and SIGTERM into a request to stop that work can answer with what it has.
 *
 * `stopOn` owns the process's handlers for these signals from the moment it runs until its `Scope` closes; then the signals do again what they did before. Until then it keeps the process alive, so
 * that work which waits for nothing but a signal can wait. It starts no fiber.
 *
 * The module holds `stopOn`, the `Stop` it gives, and `exitCode`.
 *
 * **When to use**
 *
 * Use it around gathers whose partial result is worth showing: give `stop.signal` to their `stop` option. `NodeRuntime.runMain` of Effect interrupts the main fiber instead, which runs every
 * finalizer but brings no result; if that is all you want, use it.
 *
 * **Details**
 *
 * The first signal aborts `stop.signal`, with the signal's name as the reason. A second one means that somebody does not want to wait: the process exits at once with that signal's code. A copy of the
 * same signal within 100 ms is not a second one: package managers forward what the terminal has already sent to everybody.
 *
 * **Guarantees**
 *
 * - Ownership: the handlers, and the timer that keeps the process alive, are gone when the scope is closed.
 * - Interruption: nothing to interrupt; no fiber is started, and `await` only listens.
 * - Failure: it cannot fail. Signals that the system does not know never come.
 *
 * **Gotchas**
 *
 * While the event loop is busy no signal is seen: long computations must yield (`Effect.yieldNow`) for Ctrl-C to work.
 *
 * **Example** (Answering Ctrl-C with what is done)
 *
 * ```ts
 * import { GatherResult } from "@skein/core"
 * import { Signals } from "@skein/node"
 * import { parallelMap } from "@skein/parallel"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const stop = yield* Signals.stopOn()
 *   const pressCtrlC = Effect.sync(() => process.kill(process.pid, "SIGINT"))
 *   const work = (n: number) => n < 3 ? Effect.succeed(n) : Effect.andThen(pressCtrlC, Effect.never)
 *   const result = yield* parallelMap([1, 2, 3, 4], work, { concurrency: 1, stop: stop.signal })
 *   return { result, received: stop.received() }
 * })
 *
 * const { received, result } = await Effect.runPromise(Effect.scoped(program))
 * console.log(GatherResult.values(result), received, Signals.exitCode("SIGINT")) // => [ 1, 2 ] SIGINT 130
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { constants } from "node:os"

/**
 * The name of a signal that a program can listen for. Written out, so that the declarations need no types of Node's in the user's project.
 *
 * @category models
 * @since 0.1.0
 */
export type Signal = "SIGINT" | "SIGTERM" | "SIGHUP" | "SIGQUIT" | "SIGBREAK" | "SIGUSR1" | "SIGUSR2" | "SIGWINCH" | "SIGPIPE"

/**
 * A request to stop that may come.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stop {
  /** Aborted by the first signal, whose name is the reason. */
  readonly signal: AbortSignal
  /** Waits for the first signal, and gives its name. */
  readonly await: Effect.Effect<Signal>
  /** The signal that came, `undefined` until one does. */
  readonly received: () => Signal | undefined
}

/**
 * How to listen.
 *
 * @category options
 * @since 0.1.0
 */
export interface StopOptions {
  /**
   * The signals that mean stop.
   *
   * @default ["SIGINT", "SIGTERM"]
   */
  readonly signals?: ReadonlyArray<Signal> | undefined
  /**
   * What a second signal does.
   *
   * @default "exit"
   */
  readonly onSecond?: "exit" | "ignore" | undefined
  /** Called by the first signal before anything is stopped. */
  readonly onFirst?: ((signal: Signal) => void) | undefined
}

/** A person needs longer than this to press a key twice. */
const copyWithin = 100 // ms

/**
 * Listens for signals until the scope closes.
 *
 * @throws RangeError if `onSecond` is another word or `signals` is empty or holds a name that no system knows
 * @category constructors
 * @since 0.1.0
 */
export const stopOn = (options?: StopOptions): Effect.Effect<Stop, never, Scope.Scope> => {
  const signals = options?.signals ?? ["SIGINT", "SIGTERM"]
  const onSecond = options?.onSecond ?? "exit"
  if (onSecond !== "exit" && onSecond !== "ignore") {
    throw new RangeError(`Signals.stopOn: onSecond must be "exit" or "ignore", got ${JSON.stringify(onSecond)}`)
  }
  if (signals.length === 0 || signals.some((signal) => !(signal in constants.signals))) {
    throw new RangeError(`Signals.stopOn: signals must be names of signals, got ${JSON.stringify(signals)}`)
  }
  return Effect.acquireRelease(
    Effect.sync(() => {
      const controller = new AbortController()
      let first: Signal | undefined
      let lastAt = -Infinity
      const onSignal = (signal: Signal): void => {
        const now = performance.now()
        const isCopy = signal === first && now - lastAt < copyWithin
        lastAt = now
        if (first === undefined) {
          first = signal
          options?.onFirst?.(signal)
          controller.abort(signal)
        } else if (!isCopy && onSecond === "exit") process.exit(exitCode(signal))
      }
      for (const signal of signals) process.on(signal, onSignal)
      // Handlers of signals alone do not keep Node's event loop alive.
      const alive = setInterval(() => {}, 2 ** 31 - 1)
      const stop: Stop = {
        signal: controller.signal,
        await: Effect.callback((resume) => {
          const done = (): void => resume(Effect.succeed(first!))
          if (controller.signal.aborted) return done()
          controller.signal.addEventListener("abort", done, { once: true })
          return Effect.sync(() => controller.signal.removeEventListener("abort", done))
        }),
        received: () => first
      }
      return { stop, onSignal, alive }
    }),
    ({ alive, onSignal }) =>
      Effect.sync(() => {
        clearInterval(alive)
        for (const signal of signals) process.removeListener(signal, onSignal)
      })
  ).pipe(Effect.map(({ stop }) => stop))
}

/**
 * Gives the exit code that shells expect of a process that a signal ended: 128 and its number.
 *
 * @category getters
 * @since 0.1.0
 */
export const exitCode = (signal: Signal): number => 128 + constants.signals[signal]
