import { Simulator } from "@skein/core/testing"
import * as ServedApp from "@skein/node/ServedApp"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import type * as servedJob from "../src/internal/launcher/servedJob.ts"
import { make } from "../src/internal/launcher/servedJob.ts"
import * as Job from "../src/Job.ts"
import * as ServedJob from "../src/ServedJob.ts"
import { always as alwaysScoped, stands, told } from "./engineKit.ts"

// What serves here is no real server, for sockets cannot be simulated: it is ready after some time and serves until it is told to end. Real ones are in the integration test.

const died = new ServedApp.ServedAppError({
  app: "app",
  reason: new ServedApp.Late({ after: Duration.seconds(1), missing: "no answer", stdout: "", stderr: "" })
})

class StandIn {
  serving = 0
  most = 0
  starts = 0
  readonly end = Deferred.makeUnsafe<ServedApp.Ended, ServedApp.ServedAppError>()

  /** Is ready after so many milliseconds; the first so many starts fail. */
  serve(millis: number, failures = 0): Effect.Effect<servedJob.App, ServedApp.ServedAppError, Scope.Scope> {
    return Effect.suspend(() => {
      const port = 8_000 + ++this.starts
      const app: servedJob.App = {
        ip: "127.0.0.1",
        port,
        url: `http://127.0.0.1:${port}`,
        awaitReady: Effect.void,
        awaitEnd: Deferred.await(this.end)
      }
      const up = Effect.sync(() => void (this.most = Math.max(this.most, ++this.serving)))
      const down = Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => this.serving--)
      )
      const started = Effect.andThen(Effect.sleep(millis), this.starts <= failures ? Effect.fail(died) : Effect.succeed(app))
      return Effect.andThen(
        Effect.acquireRelease(up, () => down),
        started
      )
    })
  }

  job(millis = 5, options: Job.Options<ServedApp.ServedAppError> = {}, failures = 0): ServedJob.ServedJob {
    return make("ServedJob.make", "app", () => this.serve(millis, failures), undefined, options) as never
  }
}

/** Gives the same value under many schedules, beside an engine and an app. */
const always = <A>(
  program: (engine: Engine.Engine, app: StandIn) => Effect.Effect<A, unknown, Scope.Scope>,
  expected: NoInfer<A>,
  options: Engine.Options = {}
): Promise<void> => alwaysScoped(() => Effect.flatMap(Engine.make(options), (engine) => program(engine, new StandIn())), expected)

const missing = (server: ServedJob.Server): Effect.Effect<string, ServedJob.Address> =>
  Effect.map(Effect.flip(server.address), (error) => `${error._tag}: ${error.message}`)

describe("a served job", () => {
  it("runs while it serves, and gives its address when it is ready", () =>
    always(
      (engine, app) =>
        Effect.gen(function* () {
          const server = yield* ServedJob.submit(engine, app.job())
          const address = yield* server.address
          return [address, stands(server.job.state), app.serving]
        }),
      [{ ip: "127.0.0.1", port: 8_001, url: "http://127.0.0.1:8001" }, "running 1", 1]
    ))

  it("is cancelled as any job, after its app was stopped", () =>
    always(
      (engine, app) =>
        Effect.gen(function* () {
          const server = yield* ServedJob.submit(engine, app.job())
          yield* server.address
          const end = told(yield* server.job.cancel("enough"))
          return [end, app.serving, yield* missing(server)]
        }),
      ["cancelled: cancelled on request: enough", 0, 'JobCancelled: job "app#1" was cancelled: cancelled on request: enough']
    ))

  it("completes when its app ends well, and then serves no more", () =>
    always(
      (engine, app) =>
        Effect.gen(function* () {
          const server = yield* ServedJob.submit(engine, app.job())
          yield* server.address
          yield* Deferred.succeed(app.end, { exitCode: 0 })
          const { exitCode } = yield* server.job.join
          return [exitCode, app.serving, yield* missing(server)]
        }),
      [0, 0, 'NotServing: job "app#1" does not serve any more']
    ))

  it("fails when its app dies, as its address does", () =>
    always(
      (engine, app) =>
        Effect.gen(function* () {
          const server = yield* ServedJob.submit(engine, app.job(5, {}, 1))
          return [yield* missing(server), told(yield* server.job.await)]
        }),
      ["ServedAppError: app: no answer within 1s", "failed app: no answer within 1s"]
    ))

  it("is tried again, and those who wait for its address wait on", () =>
    always(
      (engine, app) =>
        Effect.gen(function* () {
          const server = yield* ServedJob.submit(engine, app.job(5, { retry: { times: 3, delay: 10 } }, 2))
          const { port } = yield* server.address
          return [port, server.job.run.attempts]
        }),
      [8_003, 3]
    ))

  it("fails those who wait for its address where it never starts", () =>
    always(
      (engine, app) =>
        Effect.gen(function* () {
          const failed = yield* engine.submit(Job.make("failed", { run: Effect.fail("no") }))
          const server = yield* ServedJob.submit(engine, app.job(5, { after: failed }))
          return [yield* missing(server), app.starts]
        }),
      ['JobSkipped: job "app#2" was skipped: "failed" failed: no', 0]
    ))

  it("takes no place of those who need it, unless it is told to", () =>
    always(
      (engine, app) =>
        Effect.gen(function* () {
          const server = yield* ServedJob.submit(engine, app.job(5, { needs: { ports: 1 } }))
          const user = Job.make("user", { run: Effect.map(server.address, ({ port }) => port) })
          const port = yield* (yield* engine.submit(user)).join
          const { limits } = yield* engine.stats
          const heavy = yield* ServedJob.submit(engine, app.job(5, { needs: { jobs: 1 } }))
          yield* heavy.address
          return [port, limits["jobs"], limits["ports"], (yield* engine.stats).limits["jobs"]]
        }),
      [8_001, { limit: 1, used: 0 }, { limit: 2, used: 1 }, { limit: 1, used: 1 }],
      { limits: { jobs: 1, ports: 2 } }
    ))

  it("has an address of its own for each run", () =>
    always(
      (engine, app) =>
        Effect.gen(function* () {
          const job = app.job()
          const first = yield* ServedJob.submit(engine, job)
          const before = yield* first.address
          yield* first.job.cancel()
          const second = ServedJob.server(job, yield* engine.rerun(first.job))
          return [before.port, (yield* second.address).port]
        }),
      [8_001, 8_002]
    ))
})

describe("ServedJob.use", () => {
  it("hands over the address, and ends the job when its work is done", () =>
    always(
      (engine, app) =>
        Effect.gen(function* () {
          const port = yield* ServedJob.use(engine, app.job(), (address) => Effect.succeed(address.port))
          const [run] = yield* engine.list()
          return [port, app.serving, stands(run!.state)]
        }),
      [8_001, 0, "cancelled"]
    ))

  it("ends the job when its work fails", () =>
    always(
      (engine, app) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(ServedJob.use(engine, app.job(), () => Effect.fail("no")))
          return [error, app.serving]
        }),
      ["no", 0]
    ))

  it("interrupts its work when the server dies, and fails with why", () =>
    always(
      (engine, app) =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const work = Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push("interrupted")))
          yield* Effect.forkChild(
            Effect.andThen(
              Effect.sleep(50),
              Effect.suspend(() => Deferred.fail(app.end, died))
            )
          )
          const error = yield* Effect.flip(ServedJob.use(engine, app.job(), () => work))
          return [error._tag, log]
        }),
      ["ServedAppError", ["interrupted"]]
    ))

  it("keeps the place of the job that it is used in while its work goes on", () =>
    always(
      (engine, app) =>
        Effect.gen(function* () {
          let running = 0
          let most = 0
          const work = Effect.acquireUseRelease(
            Effect.sync(() => (most = Math.max(most, ++running))),
            () => Effect.sleep(20),
            () => Effect.sync(() => running--)
          )
          const other = Job.make("other", { run: work })
          const user = Job.make("user", { run: ServedJob.use(engine, app.job(), () => Effect.andThen(engine.submit(other), work)) })
          yield* engine.submit(user)
          yield* engine.awaitIdle
          return most
        }),
      1,
      { limits: { jobs: 1 } }
    ))

  it("leaves a job that was there already, by its key", () =>
    always(
      (engine, app) =>
        Effect.gen(function* () {
          const first = yield* ServedJob.submit(engine, app.job(5, { key: "db" }))
          const port = yield* ServedJob.use(engine, app.job(5, { key: "db" }), (address) => Effect.succeed(address.port))
          return [port, stands(first.job.state)]
        }),
      [8_001, "running 1"]
    ))
})

describe("ServedJob.make", () => {
  const refusalOf = (make: () => unknown): string => {
    try {
      make()
      return "taken"
    } catch (error) {
      return String(error).replace(/known are.*/, "")
    }
  }

  it("refuses what cannot be, at once", () => {
    const app = "server {ip} {port}"
    const all: ReadonlyArray<unknown> = [
      undefined,
      {},
      { app: 1 },
      { app: "server" },
      { app, input: 1 },
      { app, served: { port: 0 } },
      { app: () => Effect.never, served: { prt: 80 } },
      { app, port: 80 },
      { app, timeout: -1 },
      { app, needs: 1 }
    ]
    expect(all.map((options) => refusalOf(() => ServedJob.make("app", options as never)))).toEqual([
      "RangeError: ServedJob.make: options must be an object, got undefined",
      "TypeError: ServedJob.make: app must be a template or a function, got undefined",
      "TypeError: ServedJob.make: app must be a template or a function, got 1",
      "RangeError: ServedApp.make: app must be a template with {ip} and {port}, got one without {ip} and {port}",
      'TypeError: ServedJob.make: app must be a function of the place and the input, got "server {ip} {port}"',
      'RangeError: ServedApp.make: port must be a whole number from 1 to 65535, "free" or "own", got 0',
      'RangeError: ServedApp.make: unknown option "prt", ',
      'RangeError: ServedJob.make: unknown option "port", ',
      "RangeError: ServedJob.make: timeout must be a duration that is not negative, got -1",
      "RangeError: ServedJob.make: needs must be a record, got 1"
    ])
  })

  it("knows its runs among others", () =>
    always(
      (engine, app) =>
        Effect.gen(function* () {
          const plain = Job.make("plain", { run: Effect.never })
          const handle = yield* engine.submit(plain)
          return [
            refusalOf(() => ServedJob.server(plain as never, handle as never)),
            refusalOf(() => ServedJob.server(app.job(), handle as never))
          ]
        }),
      [
        "TypeError: ServedJob.server: job must be made by ServedJob.make, got an object (Description)",
        "TypeError: ServedJob.server: handle must be the handle of a served job, got an object (Run)"
      ]
    ))
})

describe("a served job whose user is interrupted at any step", () => {
  it("leaves nothing behind", async () => {
    let app = new StandIn()
    let left: Array<string> = []
    const ways = new Set<string>()
    const sweep = await Simulator.sweep(
      () => {
        app = new StandIn()
        left = []
        return Effect.scoped(
          Effect.gen(function* () {
            const engine = yield* Engine.make({ limits: { jobs: 1 } })
            const user = Effect.map(
              ServedJob.use(engine, app.job(2), ({ port }) => Effect.as(Effect.sleep(2), port)),
              String
            )
            const exit = yield* Fiber.await(yield* Effect.forkChild(user))
            ways.add(Exit.isSuccess(exit) ? "ended" : "interrupted")
            left = (yield* engine.list()).filter((run) => run.state._tag !== "Ended").map((run) => run.id)
            // The engine goes on, and another one may use it.
            yield* ServedJob.use(engine, app.job(1), () => Effect.void)
          })
        )
      },
      {
        seeds: 2,
        maxRuns: 1_500,
        after: () => {
          expect(app.serving).toBe(0)
          expect(app.most).toBeLessThanOrEqual(1)
          expect(left).toEqual([])
        }
      }
    )
    expect(sweep.runs).toBeGreaterThan(50)
    expect([...ways].toSorted()).toEqual(["ended", "interrupted"])
  }, 60_000)
})
