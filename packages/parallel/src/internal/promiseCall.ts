/**
 * One attempt of a task that is an async function: calls it, waits for its promise, and tells it to stop.
 *
 * The promise cannot be interrupted, so the fiber that waits for it is not either: it is asked through its signal, and waited for up to the engine's grace (law 1). A value that comes in spite of that is the task's value,
 * marked late (law 9).
 *
 * A task costs this one object: the signal is made when somebody reads it, and a function that gives a value at once never meets the scheduler.
 */
import * as Settings from "@skein/core/Settings"
import type * as TaskPump from "@skein/core/TaskPump"
import * as Effect from "effect/Effect"
import { stopError } from "./promiseResult.ts"
import type { Progress, Report, TaskContext } from "./promiseTypes.ts"

/** The place of a task on an executor, which it can give to calls that it waits for. */
export interface Seat {
  readonly owner: object
  lend(): void
  /** `resume` is called when the place is there again. */
  takeBack(resume: () => void): void
}

/** What an attempt asks of the call that it belongs to. */
export interface Caller {
  readonly pump: TaskPump.TaskPump<any, unknown>
  /** When the call's own time is over, on the clock of the pump; `Infinity` for never. */
  readonly endsAt: number
  readonly within: TaskContext | undefined
  readonly onProgress: ((progress: Progress) => void) | undefined
  /** Finds the place of a running task on an executor. */
  readonly seatOf: ((task: TaskPump.Task<any, unknown>) => Seat | undefined) | undefined
}

export class Call implements TaskContext {
  readonly index: number
  readonly name: string | undefined
  readonly attempt: number
  /** What the work is made from, for another attempt. */
  readonly item: unknown
  readonly #caller: Caller
  readonly #task: TaskPump.Task<any, unknown>
  readonly #endsAt: number
  #controller: AbortController | undefined
  #cut: TaskPump.Cut | undefined
  #over = false

  constructor(caller: Caller, task: TaskPump.Task<any, unknown>, item: unknown) {
    this.index = task.index
    this.name = task.name
    this.attempt = task.attempts
    this.item = item
    this.#caller = caller
    this.#task = task
    const { attemptTimeout } = caller.pump.settings
    this.#endsAt = attemptTimeout < Infinity ? caller.pump.now() + attemptTimeout : Infinity
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#cut !== undefined) this.#controller.abort(stopError(this.#cut, true))
    }
    return this.#controller.signal
  }

  /** Its place on an executor, as long as it runs. */
  get seat(): Seat | undefined {
    return this.#over ? undefined : this.#caller.seatOf?.(this.#task)
  }

  // Bound when they are read, so that a task may take its context apart, and pays for what it reads.
  get remaining(): () => number {
    return () => this.#remaining()
  }

  get report(): (report: Report) => void {
    return (report) => {
      // What a task left behind when it ended does not speak for it any more.
      if (!this.#over) this.#caller.onProgress?.({ ...report, index: this.index, name: this.name })
    }
  }

  #remaining(): number {
    const { endsAt, pump, within } = this.#caller
    const at = Math.min(endsAt, this.#endsAt, this.#over ? Infinity : pump.taskLimit(this.#task))
    return Math.max(0, Math.min(at - pump.now(), within === undefined ? Infinity : within.remaining()))
  }

  /** The engine has asked this attempt to stop. */
  ask(cut: TaskPump.Cut): void {
    if (this.#over || this.#cut !== undefined) return
    this.#cut = cut
    this.#controller?.abort(stopError(cut, true))
  }

  /** Runs `f`; an item that is a promise is waited for first, inside the task. */
  run(f: (item: unknown, index: number, task: TaskContext) => unknown): Effect.Effect<any, unknown> {
    const { item } = this
    let given: unknown
    try {
      given = isThenable(item) ? Promise.resolve(item).then((value) => this.#begin(f, value)) : f(item, this.index, this)
    } catch (error) {
      this.#over = true
      return Effect.fail(error)
    }
    if (isThenable(given)) return Effect.uninterruptible(this.#wait(given))
    this.#over = true
    return Effect.succeed(given)
  }

  #begin(f: (item: unknown, index: number, task: TaskContext) => unknown, value: unknown): unknown {
    // It was asked to stop before it had begun.
    if (this.#cut !== undefined) throw this.signal.reason
    return f(value, this.index, this)
  }

  #wait(given: PromiseLike<unknown>): Effect.Effect<any, unknown> {
    return Effect.callback((resume) => {
      // A promise of the platform is taken as it is; of another thenable this makes one that settles once, whatever its `then` does.
      Promise.resolve(given).then(
        (value) => {
          this.#over = true
          resume(Effect.succeed(value))
        },
        (error: unknown) => {
          this.#over = true
          resume(this.#obeys(error) ? Effect.interrupt : Effect.fail(error))
        }
      )
    })
  }

  /** Whether an error only says that the task did what it was asked to: what `fetch` and others throw for the signal's sake is no failure. */
  #obeys(error: unknown): boolean {
    if (this.#cut === undefined) return false
    if (this.#controller !== undefined && error === this.#controller.signal.reason) return true
    return error instanceof Error && (error.name === "AbortError" || error.name === "TimeoutError")
  }
}

export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  ((typeof value === "object" && value !== null) || typeof value === "function") &&
  typeof (value as PromiseLike<unknown>).then === "function"

/** Keeps promises that wait for their turn from being reported as unhandled: each is handled by its task, later. */
export const handleLater = (value: unknown): void => {
  if (value instanceof Promise) value.catch(() => {})
}

export const mustBeFunction = (where: string, option: string, value: unknown): void => {
  if (typeof value !== "function") throw new TypeError(Settings.mustBe(where, option, "a function", value).message)
}
