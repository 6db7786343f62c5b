/**
 * Describes jobs that serve: a program or an effect that listens on a port until it is stopped.
 *
 * A served job runs a `ServedApp` of `@skein/node`: it is running while that serves, and the engine owns its processes, its fibers and its port, all of them gone when the job has ended. Whoever wants its address waits until it is ready.
 *
 * The module holds `make`, `submit`, `server`, `use`, and the `Server` with its `address`.
 *
 * **When to use**
 *
 * Use it where jobs need a server, and it is to be listed, limited, cancelled and tried again as they are. A server that a program just needs around itself is a `ServedApp` in a scope.
 *
 * **Details**
 *
 * | what happens | how the job ends |
 * | --- | --- |
 * | it is cancelled, or its engine closes | cancelled, after the app was stopped |
 * | the app ends well | completed with its exit code |
 * | the app dies, or is not ready in time | failed with `ServedAppError`, which has the last that it wrote; `retry` starts it again |
 *
 * **Guarantees**
 *
 * - Ownership: the app runs inside the job, and has been stopped before the job has ended.
 * - Interruption: who waits for the address takes nothing with him. `use` cancels the job that it submitted and waits for its end, however it is left.
 * - Failure: `address` fails with the reason for which the job does not serve, as `join` does.
 * - Bounds: it takes none of the limit `jobs` unless `needs` says so, for it would hold that for as long as it serves, and those who need it could not start.
 * - Nesting: a job that waits for an address lends what it holds of the limits meanwhile.
 *
 * **Gotchas**
 *
 * `after: server` waits for the server's end. Who needs it while it serves waits for its `address`, inside of the job or before it is submitted.
 *
 * A server never ends by itself, so an engine with `onClose: "drain"` waits for it. `use` ends it when it has done its work.
 *
 * A store does not keep it. On a durable engine say `durability: "ephemeral"`.
 *
 * **Example** (A job that asks a server)
 *
 * ```ts
 * import { Engine, Job } from "@skein/engine"
 * import * as ServedJob from "@skein/engine/ServedJob"
 * import * as Effect from "effect/Effect"
 *
 * const script = `require("http").createServer((_, r) => r.end("hello")).listen({port}, "{ip}")`
 * const hello = ServedJob.make("hello", { app: `"${process.execPath}" -e '${script}'` })
 *
 * const program = Effect.gen(function*() {
 *   const engine = yield* Engine.make({ limits: { jobs: 1 } })
 *   const ask = (url: string) => Job.make("ask", { run: Effect.promise(() => fetch(url).then((response) => response.text())) })
 *   const answer = yield* ServedJob.use(engine, hello, ({ url }) => Effect.flatMap(engine.submit(ask(url)), (handle) => handle.join))
 *   const [server] = yield* engine.list({ name: "hello" })
 *   console.log(answer, server?.state._tag) // => hello Ended
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import * as ServedApp from "@skein/node/ServedApp"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Engine from "./Engine.ts"
import type { Given } from "./internal/description.ts"
import { isOwn } from "./internal/launcher/own.ts"
import * as internal from "./internal/launcher/servedJob.ts"
import type * as Job from "./Job.ts"

declare const TypeId: unique symbol

/**
 * A job that serves.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServedJob<out R = never> extends Job.Job<ServedApp.Ended, ServedApp.ServedAppError, R> {
  readonly [TypeId]: typeof TypeId
}

/**
 * The options of a served job beside what it serves. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends Job.Options<ServedApp.ServedAppError> {
  /**
   * How it is served: its port, what says that it is ready, how long that may take.
   *
   * @default {}
   */
  readonly served?: ServedApp.Options | undefined
}

/**
 * Describes a job that serves a template or a function of a place, as `ServedApp.make` does.
 *
 * @throws RangeError if the template is wrong, or an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  /** Describes a job that serves a function of a place and an input. */
  <const I, E = never, R = never>(
    name: string,
    options: Options & {
      readonly input: I
      readonly app: (place: ServedApp.Place, input: Job.Resolved<I>) => Effect.Effect<unknown, E, R>
    }
  ): ServedJob<R>
  /** Describes a job that serves a template or a function of a place. */
  <E = never, R = never>(
    name: string,
    options: Options & {
      readonly input?: undefined
      readonly app: string | ((place: ServedApp.Place) => Effect.Effect<unknown, E, R>)
    }
  ): ServedJob<R>
} = ((name: string, options: Options & { readonly input?: unknown; readonly app: unknown }) => {
  const where = "ServedJob.make"
  Settings.known(where, options, internal.known)
  const { app, input, served, ...given } = options
  const serve = serverOf(where, name, app, input, served)
  return internal.make(where, name, serve, input, given as Given)
}) as never

const serverOf = (where: string, name: string, app: unknown, input: unknown, served: ServedApp.Options | undefined): internal.Serve => {
  if (typeof app === "string") {
    if (input !== undefined) throw new TypeError(Settings.mustBe(where, "app", "a function of the place and the input", app).message)
    const server = ServedApp.make(app, served)
    return () => server
  }
  if (typeof app !== "function") throw new TypeError(Settings.mustBe(where, "app", "a template or a function", app).message)
  const serve: internal.Serve = (input) => {
    const at = (place: ServedApp.Place): Effect.Effect<unknown, unknown> => app(place, input) as Effect.Effect<unknown, unknown>
    // Errors and logs call an app by the name of its function.
    return ServedApp.make(Object.defineProperty(at, "name", { value: app.name === "" ? name : app.name }), served)
  }
  // Refuses wrong options now: to make it starts nothing.
  void serve(undefined)
  return serve
}

/**
 * Where a job serves.
 *
 * @category models
 * @since 0.1.0
 */
export interface Address {
  readonly ip: string
  readonly port: number
  readonly url: string
}

/**
 * A served job was asked for its address when its app had ended well.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotServing extends Data.TaggedError("NotServing")<{ readonly id: string; readonly name: string }> {
  override get message(): string {
    return `job ${JSON.stringify(this.id)} does not serve any more`
  }
}

/**
 * Why there is no address: the job's own error, why it has no value, or its end.
 *
 * @category errors
 * @since 0.1.0
 */
export type AddressError = NotServing | Effect.Error<Job.Handle<never, ServedApp.ServedAppError>["join"]>

/**
 * One run of a served job.
 *
 * @category models
 * @since 0.1.0
 */
export interface Server {
  /** The handle: to wait for it, to cancel it, to refer to it. */
  readonly job: Job.Handle<ServedApp.Ended, ServedApp.ServedAppError>
  /** Waits until it is ready, also while it is started again, and fails when it has ended. */
  readonly address: Effect.Effect<Address, AddressError>
}

/**
 * Gives what tells the address of a run: for jobs that were submitted together with others, or run again.
 *
 * @throws TypeError if the job was not made by `make`, or the handle is that of another kind of job
 * @category constructors
 * @since 0.1.0
 */
export const server = <R>(job: ServedJob<R>, handle: Job.Handle<ServedApp.Ended, ServedApp.ServedAppError>): Server => ({
  job: handle,
  address: internal.of("ServedJob.server", job, handle, notServing).address as Effect.Effect<Address, AddressError>
})

const notServing = ({ id, name }: { readonly id: string; readonly name: string }): NotServing => new NotServing({ id, name })

/**
 * Submits a served job.
 *
 * @category running
 * @since 0.1.0
 */
export const submit = <R>(engine: Engine.Engine, job: ServedJob<R>): Effect.Effect<Server, Engine.SubmitError, R> =>
  Effect.map(engine.submit<ServedApp.Ended, ServedApp.ServedAppError, R>(job), (handle) => server(job, handle))

/**
 * Submits a served job, does something with its address when it is ready, and then cancels it and waits for its end. If the job ends before, what is done is interrupted, and it fails with the reason. A job that was there already, by its `key`, is left to who submitted it.
 *
 * @category running
 * @since 0.1.0
 */
export const use = <A, E, R, R2>(
  engine: Engine.Engine,
  job: ServedJob<R>,
  f: (address: Address) => Effect.Effect<A, E, R2>
): Effect.Effect<A, E | AddressError | Engine.SubmitError, R | R2> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(engine.submit<ServedApp.Ended, ServedApp.ServedAppError, R>(job), (handle) => {
      const { address, ended } = internal.of("ServedJob.use", job, handle, notServing)
      const using = Effect.flatMap(address as Effect.Effect<Address, AddressError>, (address) =>
        Effect.raceFirst(f(address), ended as Effect.Effect<never, AddressError>)
      )
      return isOwn(job, handle) ? Effect.ensuring(restore(using), handle.cancel("its work is done")) : restore(using)
    })
  )
