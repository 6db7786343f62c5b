/**
 * Turns functions into functions that submit: called, they run as a job of the engine that is there, and give what the job gives.
 *
 * A launcher owns nothing and knows no engine. Each call looks for the service `Engine` of its fiber, so one launcher serves any number of engines, one after the other and side by side. The job belongs to the engine; a call that is
 * interrupted cancels the job that it submitted and waits for its end.
 *
 * The module holds `define` and the `Launcher`: a function with `submit`, `job`, `with` and `meta`.
 *
 * **When to use**
 *
 * Use it where callers want a function and the program wants jobs: limits, retries, time limits, and a list of what runs. A piece of work that is described once and has no arguments is a `Job`.
 *
 * **Details**
 *
 * | you have | write |
 * | --- | --- |
 * | a function that gives an effect | `run` |
 * | any other function: a built-in, a bound one, one that gives a promise | `call`; what it throws is a `Cause.UnknownError` |
 * | a portable task | `task`; runs where the `flavour` says, and a store keeps it |
 * | a command, or whatever has a constructor of its own | `job`: a function that gives the `Job`, as `(folder: string) => CommandJob.make("list", { program: "ls", args: [folder] })` |
 *
 * `Job.result(other)` may stand in the place of an argument, or anywhere inside of one. Then the job waits for the other one, and the function gets its value. A function of `job` is called at once, so it does with them what its
 * constructor does.
 *
 * **Guarantees**
 *
 * - Ownership: the job is the engine's. A call that has returned has left none behind that has not ended, unless it was told to.
 * - Interruption: of a call, its own job is cancelled and awaited; of `submit`, a job that was taken goes on. A call is not interrupted while a store takes its job in.
 * - Failure: a call fails with the job's own errors, with the error that says why there is no value, or with `SubmitError`.
 * - Nesting: inside a job a launcher finds the engine that was there at the submit, and the calling job lends what it holds of the limits while it waits.
 *
 * **Gotchas**
 *
 * Nobody can stop a promise. A job of `call` that is cancelled ends when its promise has settled; where the engine has a `grace` it is abandoned after that. What can be stopped is better written as `run`, with `Effect.tryPromise` and
 * its signal.
 *
 * With a `key` several calls may share one job, and none of them cancels it, unless `onInterrupt` says so.
 *
 * A function with type parameters loses them, as TypeScript has no way to keep them.
 *
 * **Example** (A function whose calls are jobs)
 *
 * ```ts
 * import { Engine, Launcher } from "@skein/engine"
 * import * as Effect from "effect/Effect"
 *
 * const resize = Launcher.define("resize", {
 *   run: (image: string, width = 100) => Effect.succeed(`${image} at ${width}`),
 *   description: "makes an image smaller",
 *   tags: ["images"],
 *   retry: { times: 2 }
 * })
 *
 * const program = Effect.gen(function*() {
 *   console.log(yield* resize("cat.png")) // => cat.png at 100
 *   const handle = yield* resize.submit("dog.png", 50)
 *   console.log(handle.id, yield* handle.join) // => resize#2 dog.png at 50
 *   console.log(resize.meta.calls) // => 2
 * })
 *
 * await Effect.runPromise(Effect.provide(program, Engine.layer({ limits: { jobs: 1 } })))
 * ```
 *
 * @since 0.1.0
 */
import type * as Task from "@skein/parallel/Task"
import type * as TaskRunner from "@skein/parallel/TaskRunner"
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type * as Engine from "./Engine.ts"
import * as internal from "./internal/launcher/define.ts"
import type * as Job from "./Job.ts"

/**
 * The options of a launcher beside what it runs: those of its jobs, and its own. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<in E = never> extends Omit<Job.Options<E>, "id"> {
  /**
   * Says in words what it does.
   *
   * @default none
   */
  readonly description?: string | undefined
  /**
   * Words to sort launchers by.
   *
   * @default []
   */
  readonly tags?: ReadonlyArray<string> | undefined
  /**
   * What an interrupted call does with the job that it submitted: cancels it and waits for its end, or leaves it.
   *
   * @default "cancel", with a `key` "leave"
   */
  readonly onInterrupt?: "cancel" | "leave" | undefined
}

/**
 * What is known of a launcher.
 *
 * @category models
 * @since 0.1.0
 */
export interface Meta {
  readonly name: string
  readonly description: string | undefined
  readonly tags: ReadonlyArray<string>
  /** Which of the four options says what it runs. */
  readonly kind: "run" | "call" | "task" | "job"
  /** How often an engine has taken a job of it, or of what `with` made of it. */
  readonly calls: number
}

/**
 * Arguments, with the results of other jobs in any of their places.
 *
 * @category models
 * @since 0.1.0
 */
export type Arguments<Args extends ReadonlyArray<unknown>> = { readonly [K in keyof Args]: Job.Placed<Args[K]> }

/**
 * The errors of a call beside those of the job's work: why the engine did not take it, and why there is no value.
 *
 * @category errors
 * @since 0.1.0
 */
export type CallError = Engine.SubmitError | Effect.Error<Job.Handle<never>["join"]>

/**
 * A function whose calls are jobs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Launcher<Args extends ReadonlyArray<unknown>, A, E, R> {
  /** Submits a job and waits for its value. */
  (...args: Args): Effect.Effect<A, E | CallError, R | Engine.Engine>
  readonly name: string
  readonly meta: Meta
  /** Submits a job and gives its handle. */
  readonly submit: (...args: Args) => Effect.Effect<Job.Handle<A, E>, Engine.SubmitError, R | Engine.Engine>
  /** Describes the job of a call, to be submitted by hand, together with others say, or to be referred to. */
  readonly job: (...args: Args) => Job.Job<A, E, R>
  /** Gives the same function with other options of its jobs, which go before its own: an id for one call, a priority, what to wait for. */
  readonly with: (options: Job.Options<E>) => Launcher<Args, A, E, R>
}

/**
 * Defines a function whose calls are jobs.
 *
 * **Example** (Giving the result of one call to another, and options to one call)
 *
 * ```ts
 * import { Engine, Job, Launcher } from "@skein/engine"
 * import * as Effect from "effect/Effect"
 *
 * const largest = Launcher.define("largest", { call: Math.max })
 *
 * const program = Effect.gen(function*() {
 *   const first = yield* largest.submit(1, 2, 3)
 *   return yield* largest.with({ id: "second", priority: "high" })(Job.result(first), 2)
 * })
 *
 * console.log(await Effect.runPromise(Effect.provide(program, Engine.layer()))) // => 3
 * ```
 *
 * @throws RangeError if an option is wrong or unknown; TypeError if what it is to run is none
 * @category constructors
 * @since 0.1.0
 */
export const define: {
  /** Defines a function whose calls are jobs, from one that gives an effect. */
  <Args extends ReadonlyArray<unknown>, A, E = never, R = never>(
    name: string,
    options: { readonly run: (...args: Args) => Effect.Effect<A, E, R> } & Options<E>
  ): Launcher<Arguments<Args>, A, E, R>
  /** Defines a function whose calls are jobs, from one that gives a value or a promise. */
  <Args extends ReadonlyArray<unknown>, A>(
    name: string,
    options: { readonly call: (...args: Args) => A } & Options<Cause.UnknownError>
  ): Launcher<Arguments<Args>, Awaited<A>, Cause.UnknownError, never>
  /** Defines a function whose calls are jobs, from a portable task. */
  <P, A, E>(
    name: string,
    options: { readonly task: Task.Task<P, A, E> } & Options<E | TaskRunner.TaskRunnerError>
  ): Launcher<readonly [payload: Job.Placed<P>], A, E | TaskRunner.TaskRunnerError, never>
  /** Defines a function whose calls are jobs, from one that gives the job. */
  <Args extends ReadonlyArray<unknown>, A, E, R>(
    name: string,
    options: { readonly job: (...args: Args) => Job.Job<A, E, R> } & Options<E>
  ): Launcher<Args, A, E, R>
} = internal.define as never
