import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import { always, live, noted, tell } from "./engineKit.ts"

/** Jobs that end in each of the five ways. */
const ends = {
  completed: Job.make("completed", { run: Effect.as(Effect.sleep(1), 1) }),
  failed: Job.make("failed", { run: Effect.andThen(Effect.sleep(1), Effect.fail("no")) }),
  timeout: Job.make("timeout", { timeout: 1, run: Effect.never }),
  cancelled: Job.make("cancelled", { id: "cancelled", run: Effect.never }),
  skipped: Job.make("skipped", { after: "cancelled", run: Effect.void })
}
const words = ["completed", "failed", "timeout", "cancelled", "skipped"] as const

/** How a job ended that came after all of these. */
const afterThem = (make: () => Job.Job<unknown, unknown>): Effect.Effect<string> =>
  Effect.scoped(
    Effect.gen(function* () {
      const engine = yield* Engine.make()
      const { job } = yield* Effect.orDie(engine.submitAll({ ...ends, job: make() }))
      yield* Effect.sleep(2)
      yield* engine.cancel("cancelled", "enough")
      return yield* tell(job)
    })
  )

const ran = Effect.succeed("ran")

describe("Job.on", () => {
  for (const end of words) {
    for (const wanted of words) {
      it(`${end === wanted ? "lets" : "does not let"} a job run that waits for "${wanted}" when the other was ${end}`, () =>
        always(
          () =>
            Effect.map(
              afterThem(() => Job.make("job", { after: Job.on(ends[end], wanted), run: ran })),
              (text) => text.split(" ")[0]
            ),
          end === wanted ? "completed" : "skipped:",
          3
        ))
    }
    it(`takes "ended" for ${end}`, () =>
      always(() => afterThem(() => Job.make("job", { after: Job.on(ends[end], "ended"), run: ran })), "completed ran", 3))
  }

  it("takes several words", () =>
    always(() => afterThem(() => Job.make("job", { after: Job.on(ends.timeout, ["failed", "timeout"]), run: ran })), "completed ran"))
})

describe("a job after others", () => {
  it("starts when all of them have completed", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make()
          const a = Job.make("a", { run: noted(log, "a", 5) })
          const b = Job.make("b", { run: noted(log, "b", 10) })
          const c = Job.make("c", { after: [a, b], run: noted(log, "c", 1) })
          const d = Job.make("d", { after: Job.afterAll([a, b]), run: Effect.void })
          const { c: last, d: same } = yield* engine.submitAll({ a, b, c, d })
          yield* last.await
          yield* same.await
          return [log.slice(2), last.run.startedAt, same.run.startedAt]
        }),
      [["-a", "-b", "+c", "-c"], 10, 10]
    ))

  it("starts when the first of a choice has completed", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const bad = Job.make("bad", { run: Effect.fail("no") })
          const slow = Job.make("slow", { run: Effect.sleep(50) })
          const quick = Job.make("quick", { run: Effect.sleep(10) })
          const job = Job.make("job", { after: Job.afterAny([bad, slow, quick]), run: ran })
          const handles = yield* engine.submitAll([bad, slow, quick, job])
          return [yield* tell(handles[3]), handles[3].run.startedAt]
        }),
      ["completed ran", 10]
    ))

  it("is skipped when none of a choice can complete any more", () =>
    always(
      () => afterThem(() => Job.make("job", { after: Job.afterAny([ends.failed, ends.skipped]), run: ran })),
      'skipped: "skipped" was skipped ← "cancelled" was cancelled: cancelled on request: enough'
    ))

  it("takes a choice of different ends", () =>
    always(
      () =>
        afterThem(() =>
          Job.make("job", { after: Job.afterAny([Job.on(ends.completed, "failed"), Job.on(ends.failed, "failed")]), run: ran })
        ),
      "completed ran"
    ))

  it("is skipped at once, not when the others have ended too", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const bad = Job.make("bad", { run: Effect.fail("no") })
          const slow = Job.make("slow", { run: Effect.sleep(50) })
          const handles = yield* engine.submitAll([bad, slow, Job.make("job", { after: [bad, slow], run: ran })])
          return [yield* tell(handles[2]), handles[2].run.endedAt, handles[2].run.attempts]
        }),
      ['skipped: "bad" failed: no', 0, 0]
    ))

  it("names the chain down to the root", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const root = Job.make("root", { run: Effect.fail(new Error("disk full")) })
          const a = Job.make("a", { after: root, run: ran })
          const b = Job.make("b", { input: Job.result(a), run: () => ran })
          const c = Job.make("c", { after: Job.on(b, "failed"), run: ran })
          const handles = yield* engine.submitAll([root, a, b, c])
          return yield* tell(handles[3])
        }),
      'skipped: "b" was skipped ← "a" was skipped ← "root" failed: disk full'
    ))

  it("says that the other completed where it should not have", () =>
    always(
      () => afterThem(() => Job.make("job", { after: Job.on(ends.completed, ["failed", "timeout"]), run: ran })),
      'skipped: "completed" completed, not failed or timeout'
    ))

  it("runs by opt-in when all is decided", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const bad = Job.make("bad", { run: Effect.fail("no") })
          const slow = Job.make("slow", { run: Effect.sleep(50) })
          const handles = yield* engine.submitAll([bad, slow, Job.make("job", { after: [bad, slow], onUpstream: "run", run: ran })])
          return [yield* tell(handles[2]), handles[2].run.startedAt]
        }),
      ["completed ran", 50]
    ))

  it("is skipped all the same when it needs a result that there is not", () =>
    always(
      () => afterThem(() => Job.make("job", { input: Job.result(ends.failed), onUpstream: "run", run: () => ran })),
      'skipped: "failed" failed: no'
    ))

  it("may come when the others have ended", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const good = Job.make("good", { run: Effect.succeed(20) })
          const bad = Job.make("bad", { id: "bad", run: Effect.fail("no") })
          const handles = yield* engine.submitAll([good, bad])
          yield* engine.awaitIdle
          const sum = yield* engine.submit(
            Job.make("sum", { input: [Job.result(good), Job.result(handles[0])], run: ([a, b]) => Effect.succeed(a + b) })
          )
          const never = yield* engine.submit(Job.make("never", { after: "bad", run: ran }))
          return [yield* tell(sum), yield* tell(never)]
        }),
      ["completed 40", 'skipped: "bad" failed: no']
    ))

  // Found by the model: a job that is skipped as it is submitted told its dependents twice, and a choice of two was decided by one of them.
  it("counts a job of its own submission once that is skipped there", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const bad = yield* engine.submit(Job.make("bad", { run: Effect.fail("no") }))
          yield* bad.await
          const skipped = Job.make("skipped", { after: bad, run: ran })
          const good = Job.make("good", { run: Effect.sleep(10) })
          const job = Job.make("job", { after: Job.afterAny([skipped, good]), onUpstream: "run", run: ran })
          const handles = yield* engine.submitAll([skipped, good, job])
          yield* handles[2].await
          return handles[2].run.startedAt
        }),
      10
    ))

  it("gives the limits of a skipped job to others, for it has taken none", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const bad = Job.make("bad", { run: Effect.fail("no") })
          const handles = yield* engine.submitAll([bad, Job.make("a", { after: bad, run: ran }), Job.make("b", { run: ran })])
          const { limits } = yield* Effect.andThen(engine.awaitIdle, engine.stats)
          return [yield* tell(handles[2]), limits["jobs"]?.used]
        }),
      ["completed ran", 0]
    ))

  it("is skipped when a work dies that tries to end everything", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const exits = Job.make("exits", { run: Effect.interrupt })
          const handles = yield* engine.submitAll([exits, Job.make("a", { after: exits, run: ran }), Job.make("b", { run: ran })])
          return [yield* tell(handles[1]), yield* tell(handles[2])]
        }),
      ['skipped: "exits" was cancelled: interrupted', "completed ran"]
    ))

  it("dies with a function that throws", async () => {
    const job = Job.make("throws", {
      run: (): Effect.Effect<void> => {
        throw new Error("sync")
      }
    })
    expect(await live(Effect.flatMap(Engine.make(), (engine) => Effect.flatMap(engine.submit(job), tell)))).toBe("failed sync")
  })

  it("dies with a function that gives no effect", async () => {
    const job = Job.make("promise", { run: () => Promise.resolve(1) as never })
    expect(await live(Effect.flatMap(Engine.make(), (engine) => Effect.flatMap(engine.submit(job), tell)))).toContain(
      "Job.make: run must be a function that gives an Effect"
    )
  })
})
