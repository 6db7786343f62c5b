import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { describe, it } from "vitest"
import type * as Engine from "../src/Engine.ts"
import { make } from "../src/internal/engine.ts"
import { type Journal, JournalError } from "../src/internal/journal.ts"
import * as Job from "../src/Job.ts"
import { always, stands, tell } from "./engineKit.ts"

const engineOn = (journal: Journal): Effect.Effect<Engine.Engine, never, Scope.Scope> => Effect.orDie(make("Engine.make", {}, journal))

/** Takes some time for each turn, and notes what it was given and when it was done. */
const slow = (log: Array<string>, millis: number): Journal => ({
  append: (changes) =>
    Effect.suspend(() => {
      const words = changes.flatMap((change) =>
        change.type === "other" ? [] : [`${change.type} ${change.run.id} ${stands(change.run.state)}`]
      )
      return Effect.andThen(
        Effect.sleep(millis),
        Effect.sync(() => void log.push(...words))
      )
    })
})

describe("the journal of an engine", () => {
  it("has a job before submit answers, and each state before it is acted upon", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* engineOn(slow(log, 5))
          const handle = yield* engine.submit(Job.make("a", { id: "a", run: Effect.sync(() => log.push("works")) }))
          log.push("submitted")
          yield* handle.await
          log.push("ended")
          return log
        }),
      ["submitted a running 1", "state a running 1", "submitted", "works", "state a completed", "ended"]
    ))

  it("is written once for what changed meanwhile", () =>
    always(
      () =>
        Effect.gen(function* () {
          let appends = 0
          const engine = yield* engineOn({
            append: () =>
              Effect.andThen(
                Effect.sleep(5),
                Effect.sync(() => void appends++)
              )
          })
          const jobs = Array.from({ length: 10 }, (_, i) => Job.make(String(i), { run: Effect.void }))
          yield* Effect.forEach(jobs, (job) => engine.submit(job), { concurrency: "unbounded" })
          return appends
        }),
      1
    ))

  it("refuses the job and stops the engine when it fails", () =>
    always(
      () =>
        Effect.gen(function* () {
          const full = yield* Deferred.make<void>()
          const engine = yield* engineOn({
            append: () =>
              Effect.flatMap(Deferred.isDone(full), (isFull) =>
                isFull ? Effect.fail(new JournalError({ cause: new Error("disk full") })) : Effect.void
              )
          })
          const first = yield* engine.submit(Job.make("a", { run: Effect.never }))
          yield* Effect.sleep(1)
          yield* Deferred.succeed(full, undefined)
          const refused = yield* Effect.exit(engine.submit(Job.make("b", { run: Effect.void })))
          const next = yield* Effect.flip(engine.submit(Job.make("c", { run: Effect.void })))
          return [Exit.isFailure(refused) ? String(refused.cause).includes("disk full") : false, yield* tell(first), next.reason._tag]
        }),
      [true, "cancelled: group closed", "Closed"],
      10
    ))
})
