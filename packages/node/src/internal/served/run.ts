/**
 * Serves an app: starts it, waits until it is ready, sees how it ends, and starts it again if it is to be.
 *
 * starting ──ready──▶ ready ──death──▶ waiting ──the schedule──▶ starting
 *    │                  │                 │
 *    └──────────────────┴──▶ ended ◀──────┘   by an end, a failure that nobody mends, or the scope
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { freePort, isTaken, urlOf } from "./address.ts"
import { Closed, Died, PortTaken, type Reason, ServedAppError } from "./failure.ts"
import { died, type End, launch, type Launched } from "./launch.ts"
import { available, listeners } from "./listeners.ts"
import type { Spec, Status } from "./options.ts"
import { holderOf, ready } from "./readiness.ts"

/**
 * Where an app is to listen.
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  readonly ip: string
  /** 0 if it is to choose one. */
  readonly port: number
  readonly url: string
  /** Says which port it chose. */
  readonly listensOn: (port: number) => void
}

/**
 * How an app ended that ended well.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ended {
  /** Of a command. */
  readonly exitCode: number | undefined
}

/**
 * An app that serves.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServedApp {
  readonly ip: string
  /** The same for its whole life, however often it is started. */
  readonly port: number
  readonly url: string
  readonly status: () => Status
  /** The last 64 kB of each stream of its command, since its last start. */
  readonly output: () => { readonly stdout: string; readonly stderr: string }
  /** Waits until it is ready, which it is unless it died and is to be started again. */
  readonly awaitReady: Effect.Effect<void, ServedAppError>
  /** Waits until it has ended and is not started again. Fails if it did not end well, or was stopped with its scope. */
  readonly awaitEnd: Effect.Effect<Ended, ServedAppError>
}

/** How often another port is tried when somebody was faster than the app. */
const attempts = 5

export const serve = <E, R>(
  name: string,
  spec: Spec,
  app: (place: Place) => Effect.Effect<unknown, E, R>
): Effect.Effect<ServedApp, ServedAppError, R | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const server = new Server(name, spec, app)
      // Added first, so it comes last: who waits hears of the end when nothing is left.
      yield* Scope.addFinalizer(scope, server.closed)
      yield* Effect.forkIn(restore(Effect.provideService(server.life, Scope.Scope, scope)), scope)
      yield* Effect.onError(restore(server.first), (cause) => Scope.close(scope, Exit.failCause(cause)))
      return server.value
    })
  )

class Server<E, R> {
  readonly first: Effect.Effect<void, ServedAppError>
  readonly #name: string
  readonly #spec: Spec
  readonly #app: (place: Place) => Effect.Effect<unknown, E, R>
  readonly #end = Deferred.makeUnsafe<Ended, ServedAppError>()
  readonly #isReady = Latch.makeUnsafe(false)
  #status: Status = { state: "starting", pid: undefined, restarts: 0, error: undefined }
  #port = 0
  #wasReady = false
  #launched: Launched | undefined

  constructor(name: string, spec: Spec, app: (place: Place) => Effect.Effect<unknown, E, R>) {
    this.#name = name
    this.#spec = spec
    this.#app = app
    // An end before it was ready is a failure already.
    this.first = Effect.raceFirst(this.#isReady.await, Effect.asVoid(Deferred.await(this.#end)))
  }

  get value(): ServedApp {
    const { ip, scheme } = this.#spec
    return {
      ip,
      port: this.#port,
      url: urlOf(scheme, ip, this.#port),
      status: () => this.#status,
      output: () => this.#launched?.output.kept ?? { stdout: "", stderr: "" },
      awaitReady: Effect.suspend(() =>
        this.#status.state === "ended" ? this.#noMore : Effect.raceFirst(this.#isReady.await, this.#noMore)
      ),
      awaitEnd: Deferred.await(this.#end)
    }
  }

  get closed(): Effect.Effect<void> {
    return Effect.sync(() => this.#finish(Exit.fail(this.#error(new Closed()))))
  }

  /** From the first start to the last end. */
  get life(): Effect.Effect<void, never, R | Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const { restart } = this.#spec
      const next = restart === undefined ? undefined : yield* Schedule.toStepWithSleep(restart)
      let result = yield* Effect.result(this.#begin)
      while (result._tag === "Failure" && this.#wasReady && next !== undefined) {
        const error = this.#error(result.failure)
        this.#is({ state: "waiting", pid: undefined, error })
        const again = yield* Effect.exit(next(error))
        if (Exit.isFailure(again)) break
        this.#is({ state: "starting", restarts: this.#status.restarts + 1 })
        result = yield* Effect.result(this.#again)
      }
      this.#finish(result._tag === "Success" ? Exit.succeed(result.success) : Exit.fail(this.#error(result.failure)))
    }).pipe(
      // A defect of ours, or of what was given to us, must not leave anybody waiting.
      Effect.catchCause((cause) => (Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.sync(() => this.#finish(Exit.failCause(cause)))))
    )
  }

  /** The first start: with a port that is free, it tries several if others are faster. */
  get #begin(): Effect.Effect<Ended, Reason, R | Scope.Scope> {
    const { ip, port } = this.#spec
    if (port === "own") return this.#run(0)
    if (port !== "free") return this.#fixed(port)
    const attempt = (left: number): Effect.Effect<Ended, Reason, R | Scope.Scope> =>
      Effect.flatMap(freePort(ip), (port) =>
        Effect.catchIf(
          this.#run(port),
          (reason) => left > 1 && !this.#wasReady && lost(reason, port),
          () => attempt(left - 1)
        )
      )
    return attempt(attempts)
  }

  get #again(): Effect.Effect<Ended, Reason, R> {
    return Effect.suspend(() => this.#fixed(this.#port))
  }

  #fixed(port: number): Effect.Effect<Ended, Reason, R> {
    const { ip } = this.#spec
    return Effect.flatMap(isTaken(ip, port), (taken) =>
      taken ? Effect.fail(new PortTaken({ ip, port, by: holderOf(ip, port) })) : this.#run(port)
    )
  }

  /** From a start to its end. Whatever failure is seen, nobody of the app is left. */
  #run(port: number): Effect.Effect<Ended, Reason, R> {
    const { ip } = this.#spec
    const whenDead = (reason: Reason): Effect.Effect<never, Reason> => {
      if (reason._tag !== "Died" || reason.when === "serving" || port === 0) return Effect.fail(reason)
      // Those of the app are gone: whoever listens now is who it lost its port to.
      return Effect.flatMap(isTaken(ip, port), (taken) => Effect.fail(taken ? new PortTaken({ ip, port, by: holderOf(ip, port) }) : reason))
    }
    return Effect.catch(Effect.scoped(this.#once(port)), whenDead)
  }

  #once(port: number): Effect.Effect<Ended, Reason, R | Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const spec = this.#spec
      let chosen = port === 0 ? undefined : port
      const listensOn = (own: number): void => {
        if (!(Number.isInteger(own) && own > 0 && own < 65_536))
          throw new RangeError(`ServedApp.make: listensOn must be given a whole number from 1 to 65535, got ${String(own)}`)
        if (port === 0) chosen = own
      }
      const before = new Set(port === 0 && available ? listeners().map(({ inode }) => inode) : [])
      this.#is({ state: "starting" })
      const line = typeof spec.ready === "object" && "line" in spec.ready ? spec.ready.line : undefined
      const place: Place = { ip: spec.ip, port, url: urlOf(spec.scheme, spec.ip, port), listensOn }
      const effect = yield* called(() => this.#app(place))
      const app = yield* launch(effect, line)
      if (line !== undefined && app.form === "function")
        return yield* Effect.die(
          new RangeError(`ServedApp.make: ready must be "port" or { path } where app makes no Command, got { line }`)
        )
      this.#launched = app
      this.#is({ pid: app.pid })
      const early = Effect.flatMap(app.gone, (end) => Effect.fail(died("starting", end, app.output)))
      this.#port = yield* Effect.raceFirst(ready(spec, { now: () => chosen, before }, app), early)
      this.#wasReady = true
      this.#is({ state: "ready" })
      this.#isReady.openUnsafe()
      const end = yield* Effect.ensuring(
        app.gone,
        Effect.sync(() => this.#isReady.closeUnsafe())
      )
      return yield* end.well ? Effect.succeed(endedOf(end)) : Effect.fail(died("serving", end, app.output))
    })
  }

  get #noMore(): Effect.Effect<never, ServedAppError> {
    return Effect.flatMap(Deferred.await(this.#end), ({ exitCode = null }) =>
      Effect.fail(
        this.#error(
          new Died({
            when: "serving",
            exitCode,
            signal: null,
            cause: undefined,
            ...(this.#launched?.output.tails ?? { stdout: "", stderr: "" })
          })
        )
      )
    )
  }

  /** The first end counts. Whoever waits for it finds the status changed. */
  #finish(exit: Exit.Exit<Ended, ServedAppError>): void {
    if (this.#status.state === "ended") return
    const error = Exit.isFailure(exit) ? exit.cause.reasons.find((reason) => reason._tag === "Fail")?.error : undefined
    this.#is({ state: "ended", pid: undefined, error: error?.reason._tag === "Closed" ? this.#status.error : error })
    Deferred.doneUnsafe(this.#end, exit)
  }

  #error(reason: Reason): ServedAppError {
    return new ServedAppError({ app: this.#name, reason })
  }

  #is(change: Partial<Status>): void {
    const status = { ...this.#status, ...change }
    const same = (Object.keys(status) as Array<keyof Status>).every((key) => status[key] === this.#status[key])
    this.#status = status
    if (same && this.#status.state !== "starting") return
    try {
      this.#spec.onStatus?.(status)
    } catch {
      // An observer changes nothing.
    }
  }
}

/** An app that throws in the place of giving an effect has died. */
const called = <E, R>(app: () => Effect.Effect<unknown, E, R>): Effect.Effect<Effect.Effect<unknown, E, R>> =>
  Effect.sync(() => {
    try {
      return app()
    } catch (error) {
      return Effect.die(error)
    }
  })

const endedOf = ({ exitCode }: End): Ended => ({ exitCode: exitCode ?? undefined })

/** It died because somebody was faster, who may have gone by now. That a port is named keeps those out who miss another. */
const lost = (reason: Reason, port: number): boolean => {
  if (reason._tag === "PortTaken") return true
  if (reason._tag !== "Died") return false
  const text = `${reason.stderr}${reason.stdout}${reason.cause === undefined ? "" : reason.message}`
  return /EADDRINUSE|address already in use/i.test(text) && text.includes(String(port))
}
