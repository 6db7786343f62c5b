import { Progress } from "@skein/core"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { describe, expect, it } from "vitest"
import * as Condition from "../src/Condition.ts"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import { always, flaky, live, reasonOf, stands, tell } from "./engineKit.ts"

describe("Engine.rerun", () => {
  it("is a new run that points at the old one", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const first = yield* engine.submit(Job.make("a", { run: flaky(1) }))
          yield* first.await
          const second = yield* engine.rerun(first)
          return [
            yield* tell(second),
            yield* tell(first),
            second.run.rerunOf === first.id,
            second.run.attempts,
            second.run.attemptCauses.length
          ]
        }),
      ["completed at last", "failed no 1", true, 1, 0]
    ))

  it("uses what upstream gives now", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          let n = 0
          const a = Job.make("a", { run: Effect.sync(() => ++n) })
          const b = Job.make("b", { input: { n: Job.result(a) }, run: ({ n }) => Effect.succeed(n * 10) })
          const [one, two] = yield* engine.submitAll([a, b])
          const before = yield* two.join
          yield* (yield* engine.rerun(one)).await
          const again = yield* engine.rerun(two)
          return [before, yield* again.join, yield* two.join]
        }),
      [10, 20, 10]
    ))

  it("waits for an upstream job that is being run again", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          let n = 0
          const a = Job.make("a", {
            run: Effect.andThen(
              Effect.sleep(5),
              Effect.sync(() => ++n)
            )
          })
          const b = Job.make("b", { input: Job.result(a), run: (n) => Effect.succeed(n) })
          const [one, two] = yield* engine.submitAll([a, b])
          yield* two.await
          yield* engine.rerun(one)
          return yield* (yield* engine.rerun(two)).join
        }),
      2
    ))

  it("is refused while the job runs", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const handle = yield* engine.submit(Job.make("a", { run: Effect.sleep(5) }))
          return (yield* reasonOf(engine.rerun(handle)))._tag
        }),
      "AlreadyRunning"
    ))

  it("is refused for an id that is unknown", async () => {
    expect(await live(Effect.flatMap(Engine.make(), (engine) => reasonOf(engine.rerun("nobody"))))).toEqual({
      _tag: "UnknownJob",
      job: "nobody",
      by: undefined
    })
  })
})

describe("finding runs", () => {
  const three = Effect.gen(function* () {
    const engine = yield* Engine.make({ limits: { jobs: 1 } })
    const a = Job.make("a", { id: "a", labels: { team: "red" }, run: Effect.fail("no") })
    const b = Job.make("b", { id: "b", labels: { team: "red" }, after: a, run: Effect.void })
    const c = Job.make("c", { id: "c", key: "k", run: Effect.never })
    const handles = yield* engine.submitAll([a, b, c])
    yield* handles[1].await
    return engine
  })
  const ids = (filter: Engine.Filter | undefined): Effect.Effect<ReadonlyArray<string>, unknown, never> =>
    Effect.scoped(Effect.flatMap(three, (engine) => Effect.map(engine.list(filter), (runs) => runs.map(({ id }) => id))))

  it.each<[string, Engine.Filter | undefined, ReadonlyArray<string>]>([
    ["everything", undefined, ["a", "b", "c"]],
    ["a name", { name: "b" }, ["b"]],
    ["labels", { labels: { team: "red" } }, ["a", "b"]],
    ["labels and a state", { labels: { team: "red" }, state: "failed" }, ["a"]],
    ["several states", { state: ["failed", "skipped"] }, ["a", "b"]],
    ["any end", { state: "ended" }, ["a", "b"]],
    ["a key", { key: "k" }, ["c"]]
  ])("lists by %s", (_, filter, expected) => always(() => ids(filter), expected, 5))

  it("refuses a filter that nobody knows", async () => {
    expect(
      String(
        await live(Effect.flatMap(Engine.make(), (engine) => Effect.exit(Effect.suspend(() => engine.list({ status: "failed" } as never)))))
      )
    ).toContain('Engine.list: unknown option "status"')
  })

  it("gives a handle by its id", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* three
          return [Option.isSome(yield* engine.get("a")), Option.isSome(yield* engine.get("z"))]
        }),
      [true, false],
      5
    ))

  it("forgets the oldest that ended, whose handles keep what they have", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ retention: 2 })
          const handles: Array<Job.Handle<number>> = []
          for (let n = 0; n < 4; n++) {
            handles.push(yield* engine.submit(Job.make("a", { id: String(n), run: Effect.succeed(n) })))
            yield* handles.at(-1)!.await
          }
          return [(yield* engine.list()).map(({ id }) => id), yield* handles[0]!.join]
        }),
      [["2", "3"], 0]
    ))
})

describe("Engine.awaitState", () => {
  it("waits until a job runs", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          yield* engine.submit(Job.make("a", { run: Effect.sleep(10) }))
          const b = yield* engine.submit(Job.make("b", { run: Effect.sleep(10) }))
          const run = yield* engine.awaitState(b, "running")
          return [stands(run.state), run.startedAt === undefined || run.startedAt === 10]
        }),
      ["running 1", true]
    ))

  it("fails when the job ends otherwise", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          yield* engine.submit(Job.make("a", { id: "a", run: Effect.fail("no") }))
          return (yield* Effect.flip(engine.awaitState("a", "completed"))).message
        }),
      'job "a" is failed, not completed'
    ))

  it("fails when the time is over", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          yield* engine.submit(Job.make("a", { id: "a", run: Effect.sleep(50) }))
          return (yield* Effect.flip(engine.awaitState("a", "ended", { within: 10 }))).message
        }),
      'job "a" is still running after 10ms, not ended'
    ))

  it("fails for an id that is unknown", async () => {
    expect((await live(Effect.flatMap(Engine.make(), (engine) => Effect.flip(engine.awaitState("x", "ended"))))).message).toBe(
      'there is no job "x"'
    )
  })
})

describe("Engine.stats", () => {
  it("counts what waits, runs and has ended", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const ref = yield* SubscriptionRef.make(false)
          const a = Job.make("a", { run: Effect.sleep(100) })
          const done = Job.make("done", { run: Effect.void })
          yield* (yield* engine.submit(done)).await
          yield* engine.submitAll([
            a,
            Job.make("b", { run: Effect.void }),
            Job.make("c", { after: a, run: Effect.void }),
            Job.make("d", { when: Condition.ref(ref, (on) => on), run: Effect.void })
          ])
          yield* Effect.sleep(1)
          const { ended, limits, running, waiting } = yield* engine.stats
          return [waiting, running, ended.completed, limits["jobs"]]
        }),
      [{ upstream: 1, condition: 1, limit: 1, retry: 0 }, 1, 1, { limit: 1, used: 1 }]
    ))
})

describe("Engine.dump", () => {
  it("says what each job waits for", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ name: "nightly", limits: { jobs: 1 } })
          const a = Job.make("a", { id: "a", run: Effect.sleep(100) })
          yield* engine.submitAll([
            a,
            Job.make("b", { id: "b", run: Effect.void }),
            Job.make("c", { id: "c", after: a, run: Effect.void }),
            Job.make("d", { id: "d", when: Condition.after("2100-01-01T00:00:00Z"), run: Effect.void })
          ])
          yield* Effect.sleep(1)
          return Engine.format(yield* engine.dump).split("\n")
        }),
      [
        "nightly: jobs 1 of 1",
        "  a: running attempt 1",
        "  b: waiting, waits for 1 of jobs (1 of 1 taken)",
        "  c: waiting, waits for the end of a",
        "  d: waiting, waits for its condition: from 2100-01-01T00:00:00.000Z on"
      ]
    ))
})

describe("a job that runs", () => {
  it("may say how far it is, to the engine's observer and in its run", () =>
    always(
      () =>
        Effect.gen(function* () {
          const seen: Array<string> = []
          const engine = yield* Engine.make({
            onProgress: ({ id, progress }) => void seen.push(`${id} ${progress?.done} of ${progress?.total}`)
          })
          const run = Effect.gen(function* () {
            yield* Progress.report({ done: 1, total: 2 })
            yield* Effect.sleep(1)
            yield* Progress.report({ done: 2, total: 2 })
          })
          const [a] = yield* engine.submitAll([Job.make("a", { id: "a", run })])
          yield* a.join
          return [seen, a.run.progress]
        }),
      [["a 1 of 2", "a 2 of 2"], { done: 2, total: 2, message: undefined }]
    ))

  it("knows which it is, and which attempt", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const seen: Array<unknown> = []
          const run = Effect.flatMap(Job.current, (current) =>
            Effect.andThen(
              Effect.sync(() => seen.push(Option.getOrThrow(current))),
              Effect.fail("no")
            )
          )
          const job = yield* engine.submit(Job.make("a", { id: "x", run, retry: { times: 1 } }))
          yield* job.await
          return [...seen, Option.isNone(yield* Job.current)]
        }),
      [{ id: "x", name: "a", attempt: 1, token: 0 }, { id: "x", name: "a", attempt: 2, token: 0 }, true]
    ))
})
