import * as Deadline from "@skein/core/Deadline"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import * as Condition from "../src/Condition.ts"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import { always, flaky, live, noted, reasonOf, stands, told } from "./engineKit.ts"

/** What became of three jobs, of which one runs, one waits for it and one for its limits, when the engine closes. */
const closing = (options: Engine.Options, log: Array<string>): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const engine = yield* Scope.provide(Engine.make({ ...options, limits: { jobs: 1 } }), scope)
    const a = Job.make("a", { run: noted(log, "a", 10) })
    const handles = yield* engine.submitAll([
      a,
      Job.make("b", { after: a, run: noted(log, "b", 10) }),
      Job.make("c", { run: noted(log, "c", 10) })
    ])
    yield* Effect.sleep(1)
    yield* Scope.close(scope, Exit.void)
    log.push("closed")
    return yield* Effect.map(
      Effect.forEach(handles, (handle) => handle.await),
      (ends) => ends.map(told)
    )
  }).pipe(Effect.orDie)

describe("closing an engine", () => {
  it("interrupts what runs and gives up what waits", () => {
    let log: Array<string> = []
    return always(
      () => Effect.map(closing({}, (log = [])), (ends) => [ends, log.join(" ")] as const),
      [["cancelled: group closed", "not started: group closed", "not started: group closed"], "+a -a closed"]
    )
  })

  it("lets all of it end when it drains", () => {
    let log: Array<string> = []
    return always(
      () =>
        Effect.map(
          closing({ onClose: "drain" }, (log = [])),
          (ends) => [ends.map((end) => end.split(" ")[0]), log.at(-1), log.length] as const
        ),
      [["completed", "completed", "completed"], "closed", 7]
    )
  })

  // Found by the model: the close ended before the observers had been told of the last end.
  it("ends after the observers have been told of the last end", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const scope = yield* Scope.make()
          const onChange = ({ state }: Job.Run): void => void log.push(stands(state))
          const engine = yield* Scope.provide(Engine.make({ onClose: "drain", onChange }), scope)
          const retry = { times: 3, while: (error: unknown) => error !== "no 2" }
          yield* engine.submit(Job.make("a", { retry, run: flaky(5) }))
          yield* Scope.close(scope, Exit.void)
          log.push("closed")
          return log.slice(-3)
        }),
      ["waiting retry", "failed", "closed"]
    ))

  it("gives up jobs that wait for a condition", () =>
    always(
      () =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const engine = yield* Scope.provide(Engine.make(), scope)
          const handle = yield* engine.submit(Job.make("a", { when: Condition.after("2100-01-01T00:00:00Z"), run: Effect.void }))
          yield* Effect.sleep(1)
          yield* Scope.close(scope, Exit.void)
          return told(yield* handle.await)
        }),
      "not started: group closed"
    ))

  it("refuses what is submitted afterwards", () =>
    always(
      () =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const engine = yield* Scope.provide(Engine.make(), scope)
          const handle = yield* engine.submit(Job.make("a", { run: Effect.void }))
          yield* handle.await
          yield* Scope.close(scope, Exit.void)
          return [yield* reasonOf(engine.submit(Job.make("b", { run: Effect.void }))), yield* reasonOf(engine.rerun(handle))]
        }),
      [{ _tag: "Closed" }, { _tag: "Closed" }]
    ))

  it("lets jobs submit what they need while it drains", () =>
    always(
      () =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const engine = yield* Scope.provide(Engine.make({ onClose: "drain" }), scope)
          const child = Job.make("child", { run: Effect.succeed("child") })
          const parent = Job.make("parent", {
            run: Effect.andThen(
              Effect.sleep(5),
              Effect.flatMap(engine.submit(child), (handle) => handle.join)
            )
          })
          const handle = yield* engine.submit(parent)
          yield* Scope.close(scope, Exit.void)
          return told(yield* handle.await)
        }),
      "completed child"
    ))

  it("does not wait for the job that closes it", () =>
    always(
      () =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const engine = yield* Scope.provide(Engine.make(), scope)
          const handle = yield* engine.submit(Job.make("a", { run: Scope.close(scope, Exit.void) }))
          return told(yield* handle.await)
        }),
      "completed undefined late"
    ))

  it("abandons what does not end within the grace", () =>
    always(
      () =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const engine = yield* Scope.provide(Engine.make({ grace: 10 }), scope)
          const handle = yield* engine.submit(Job.make("a", { run: Effect.uninterruptible(Effect.sleep(50)) }))
          yield* Effect.sleep(1)
          yield* Scope.close(scope, Exit.void)
          const end = yield* handle.await
          yield* Effect.sleep(100)
          return [end._tag, end._tag !== "Skipped" && end.abandoned]
        }),
      ["Cancelled", true]
    ))

  it("happens by itself when a deadline around the engine is over", () =>
    always(
      () =>
        Deadline.within(
          Effect.gen(function* () {
            const engine = yield* Engine.make({ limits: { jobs: 1 } })
            const a = yield* engine.submit(Job.make("a", { run: Effect.never }))
            const b = yield* engine.submit(Job.make("b", { run: Effect.never }))
            return [
              (yield* a.await)._tag,
              (yield* b.await)._tag,
              (yield* reasonOf(engine.submit(Job.make("c", { run: Effect.void }))))._tag
            ]
          }),
          10
        ),
      ["TimedOut", "NotStarted", "Closed"]
    ))

  it("is not asked for by a deadline around whoever submits", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const job = Job.make("a", { run: Effect.delay(Deadline.remaining, 50) })
          const seen: Array<boolean> = []
          const inside = Effect.flatMap(engine.submit(job), (handle) =>
            Effect.ensuring(
              handle.await,
              Effect.sync(() => seen.push(true))
            )
          )
          yield* Effect.exit(Deadline.within(inside, 10))
          const now = Job.make("now", { run: Deadline.remaining })
          const left = yield* Deadline.within(
            Effect.flatMap(engine.submit(now), (handle) => handle.join),
            10
          )
          yield* engine.awaitIdle
          const { ended } = yield* engine.stats
          return [Option.isNone(left), ended.completed, seen.length]
        }),
      [true, 2, 1]
    ))
})

describe("a program that ends", () => {
  it("leaves no job behind", async () => {
    const log: Array<string> = []
    await live(
      Effect.flatMap(Engine.make(), (engine) =>
        Effect.andThen(engine.submit(Job.make("a", { run: noted(log, "a", 60_000) })), Effect.sleep(20))
      )
    )
    expect(log).toEqual(["+a", "-a"])
  })
})
