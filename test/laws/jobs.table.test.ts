/** What a job cannot promise: each cell of the table for jobs in docs/laws.md. */
import * as Deadline from "@skein/core/Deadline"
import { Condition, Engine, Job } from "@skein/engine"
import * as JobStore from "@skein/engine/JobStore"
import * as Task from "@skein/parallel/Task"
import { always, tell, tellAll } from "../kit/jobs.ts"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { describe, it } from "vitest"

describe("a job", () => {
  it("does not end with who submitted it or waits for it, but with its engine", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const job = Job.make("a", { run: Effect.as(Effect.sleep(10), "done") })
          const waiter = yield* Effect.forkChild(Effect.flatMap(engine.submit(job), (handle) => handle.await))
          yield* Effect.sleep(5)
          yield* Fiber.interrupt(waiter)
          yield* engine.awaitIdle
          return (yield* engine.list()).map(({ endedAt, state }) => `${state._tag} ${endedAt}`)
        }),
      ["Ended 10"]
    ))

  it("does not know the deadline of who submits it", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const job = Job.make("a", { run: Effect.map(Deadline.remaining, Option.isNone) })
          return [
            yield* Deadline.within(
              Effect.flatMap(engine.submit(job), (handle) => handle.join),
              50
            )
          ]
        }),
      [true]
    ))

  it("is not stopped by the failure of another, but skipped where it depends on it", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const bad = Job.make("bad", { run: Effect.fail("no") })
          const handles = yield* engine.submitAll([
            bad,
            Job.make("other", { run: Effect.sleep(10) }),
            Job.make("after", { after: bad, run: Effect.void }),
            Job.make("anyway", { after: bad, onUpstream: "run", run: Effect.void })
          ])
          return yield* tellAll(handles)
        }),
      ["failed: no", "completed", 'skipped: "bad" failed: no', "completed"]
    ))

  it("loses the value that comes after it was abandoned", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ grace: 2 })
          const handle = yield* engine.submit(Job.make("payment", { run: Effect.uninterruptible(Effect.as(Effect.sleep(20), "paid")) }))
          yield* Effect.sleep(1)
          yield* handle.cancel()
          yield* Effect.sleep(50)
          return [yield* tell(handle), (yield* engine.stats).abandoned]
        }),
      ["cancelled Requested", 0]
    ))

  it("lends what it holds while it waits for another", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const note = (name: string) => Effect.sync(() => log.push(name))
          const child = Job.make("child", { run: note("child") })
          const parent = Job.make("parent", {
            run: Effect.andThen(
              Effect.flatMap(engine.submit(child), (handle) => handle.await),
              note("parent")
            )
          })
          yield* engine.submitAll([parent, Job.make("other", { run: note("other") })])
          yield* engine.awaitIdle
          return log
        }),
      ["other", "child", "parent"]
    ))

  it("starts although its condition, which held, does not hold any more", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const open = yield* SubscriptionRef.make(true)
          yield* engine.submit(Job.make("slow", { run: Effect.sleep(10) }))
          const handle = yield* engine.submit(
            Job.make("a", { when: Condition.ref(open, (isOpen) => isOpen), run: SubscriptionRef.get(open) })
          )
          yield* Effect.sleep(5)
          yield* SubscriptionRef.set(open, false)
          return [yield* handle.join]
        }),
      [false]
    ))

  it("starves behind others of a higher priority as long as they come", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const high = (n: number): Job.Job<unknown, Engine.SubmitError> =>
            Job.make("high", { priority: "high", run: Effect.andThen(n === 0 ? Effect.void : engine.submit(high(n - 1)), Effect.sleep(1)) })
          yield* engine.submit(high(20))
          const low = yield* engine.submit(Job.make("low", { priority: "low", run: Effect.void }))
          yield* low.await
          return [low.run.startedAt]
        }),
      [21],
      50
    ))

  it("is forgotten by its engine when enough others have ended after it, and kept by its handle", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ retention: 2 })
          const [first] = yield* engine.submitAll([1, 2, 3].map((n) => Job.make("a", { run: Effect.as(Effect.sleep(n), n) })))
          yield* engine.awaitIdle
          return [Option.isNone(yield* engine.get(first!.id)), yield* first!.join]
        }),
      [true, 1]
    ))
})

describe("a job that is kept in a store", () => {
  it("is no function of this process", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ store: JobStore.memory() })
          const refused = yield* Effect.flip(engine.submit(Job.make("a", { run: Effect.void })))
          const ephemeral = yield* engine.submit(Job.make("a", { durability: "ephemeral", run: Effect.succeed(1) }))
          return [refused.reason._tag, yield* ephemeral.join]
        }),
      ["NotStorable", 1]
    ))

  it("has its value as its schema writes and reads it, once it comes from the store", () =>
    always(
      () =>
        Effect.gen(function* () {
          const store = JobStore.memory()
          const value = { at: new Date(0) }
          const gives = Task.make("gives", {
            payload: Schema.Null,
            success: Schema.Struct({ at: Schema.Date }),
            run: () => Effect.succeed(value)
          })
          const open = Engine.make({ store, tasks: [gives] })
          const first = yield* Effect.scoped(
            Effect.flatMap(open, (engine) => Effect.flatMap(engine.submit(Job.task(gives, null, { id: "a" })), (handle) => handle.join))
          )
          const handle = Option.getOrThrow(yield* Effect.flatMap(open, (engine) => engine.get("a")))
          const second = (yield* handle.join) as typeof value
          return [first === value, second === value, second.at.getTime()]
        }),
      [true, false, 0]
    ))

  it("that ran when its engine was closed runs again where it may, and else has been cancelled", () =>
    always(
      () =>
        Effect.gen(function* () {
          const store = JobStore.memory()
          const starts: Array<string> = []
          const slow = Task.make("slow", {
            payload: Schema.String,
            success: Schema.String,
            run: (name) =>
              Effect.as(
                Effect.andThen(
                  Effect.sync(() => starts.push(name)),
                  Effect.sleep(10)
                ),
                name
              )
          })
          const open = Engine.make({ store, tasks: [slow] })
          yield* Effect.scoped(
            Effect.gen(function* () {
              const engine = yield* open
              for (const onLost of ["resume", "fail"] as const) yield* engine.submit(Job.task(slow, onLost, { id: onLost, onLost }))
              yield* Effect.sleep(5)
            })
          )
          const engine = yield* open
          yield* engine.awaitIdle
          const ends = (yield* engine.list()).map(({ id, state }) => `${id} ${state._tag === "Ended" ? Job.endWord(state.outcome) : ""}`)
          return [...ends.toSorted(), starts.filter((name) => name === "resume").length, starts.filter((name) => name === "fail").length]
        }),
      ["fail cancelled", "resume completed", 2, 1]
    ))
})
