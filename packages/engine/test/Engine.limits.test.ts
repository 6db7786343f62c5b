import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import { always, live, stands, tell } from "./engineKit.ts"

/** Notes who gets his limits and who ends, in the order in which the engine says so: works that start together take their first steps in any order. */
const watch =
  (log: Array<string>) =>
  ({ name, state }: Job.Run): void => {
    if (state._tag !== "Waiting") log.push(`${state._tag === "Running" ? "+" : "-"}${name}`)
  }

const starts = (log: ReadonlyArray<string>): string => log.filter((line) => line.startsWith("+")).join(" ")

describe("limits", () => {
  it("bound how many run at once", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 3 } })
          let [running, peak] = [0, 0]
          const run = Effect.acquireUseRelease(
            Effect.sync(() => (peak = Math.max(peak, ++running))),
            () => Effect.sleep(5),
            () => Effect.sync(() => running--)
          )
          for (let i = 0; i < 10; i++) yield* engine.submit(Job.make("a", { run }))
          yield* engine.awaitIdle
          return peak
        }),
      3
    ))

  it("are taken by weight", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make({ limits: { memory: 4 }, onChange: watch(log) })
          const make = (name: string, memory: number, millis: number) => Job.make(name, { needs: { memory }, run: Effect.sleep(millis) })
          yield* engine.submitAll([make("a", 3, 10), make("b", 2, 10), make("c", 1, 30)])
          yield* engine.awaitIdle
          return log.join(" ")
        }),
      "+a -a +b +c -b -c"
    ))

  it("let jobs start in the order in which they came", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make({ limits: { jobs: 1 }, onChange: watch(log) })
          for (const name of ["a", "b", "c", "d"]) yield* engine.submit(Job.make(name, { run: Effect.sleep(1) }))
          yield* engine.awaitIdle
          return starts(log)
        }),
      "+a +b +c +d"
    ))

  it("let higher priorities start first", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make({ limits: { jobs: 1 }, onChange: watch(log) })
          const make = (name: string, priority: "high" | "normal" | "low") => Job.make(name, { priority, run: Effect.sleep(1) })
          yield* engine.submitAll([make("first", "low"), make("l", "low"), make("n", "normal"), make("h", "high"), make("h2", "high")])
          yield* engine.awaitIdle
          return starts(log)
        }),
      "+first +h +h2 +n +l"
    ))

  it("let higher priorities start first also where they need more", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make({ limits: { gpu: 2 }, onChange: watch(log) })
          const make = (name: string, gpu: number, priority: "high" | "normal") =>
            Job.make(name, { priority, needs: { gpu }, run: Effect.sleep(1) })
          yield* engine.submitAll([make("first", 2, "normal"), make("n", 1, "normal"), make("h", 2, "high")])
          yield* engine.awaitIdle
          return starts(log)
        }),
      "+first +h +n"
    ))

  it("do not hold up a job that needs others", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make({ limits: { jobs: 3, gpu: 1 }, onChange: watch(log) })
          const make = (name: string, gpu: number, millis: number) => Job.make(name, { needs: { gpu }, run: Effect.sleep(millis) })
          yield* engine.submitAll([make("a", 1, 10), make("b", 1, 30), make("c", 0, 20), make("d", 0, 25)])
          yield* engine.awaitIdle
          return log.join(" ")
        }),
      "+a +c +d -a +b -c -d -b"
    ))

  it("are not overtaken by who needs less", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make({ limits: { gpu: 2 }, onChange: watch(log) })
          const make = (name: string, gpu: number, millis: number) => Job.make(name, { needs: { gpu }, run: Effect.sleep(millis) })
          yield* engine.submitAll([make("a", 1, 5), make("big", 2, 5), make("c", 1, 5), make("d", 1, 5)])
          yield* engine.awaitIdle
          return starts(log)
        }),
      "+a +big +c +d"
    ))

  it("are not kept from others by one that waits for another limit now", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make({ limits: { jobs: 2, gpu: 1 }, onChange: watch(log) })
          const make = (name: string, gpu: number, millis: number) => Job.make(name, { needs: { gpu }, run: Effect.sleep(millis) })
          yield* engine.submitAll([make("gpu", 1, 30), make("a", 0, 10), make("waits", 1, 5), make("b", 0, 10), make("c", 0, 5)])
          yield* engine.awaitIdle
          return log.join(" ")
        }),
      "+gpu +a -a +b -b +c -c -gpu +waits -waits"
    ))

  it("are all given back at the end", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 2, gpu: 2 } })
          yield* engine.submitAll([
            Job.make("a", { needs: { gpu: 2 }, run: Effect.fail("no") }),
            Job.make("b", { needs: { gpu: 1 }, run: Effect.die("no") }),
            Job.make("c", { timeout: 5, run: Effect.never }),
            Job.make("d", { run: Effect.void })
          ])
          yield* engine.awaitIdle
          return (yield* engine.stats).limits
        }),
      { jobs: { limit: 2, used: 0 }, gpu: { limit: 2, used: 0 } }
    ))

  it("may be left out of by a job that needs 0 of them", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          yield* engine.submit(Job.make("a", { run: Effect.sleep(50) }))
          const b = yield* engine.submit(Job.make("b", { needs: { jobs: 0 }, run: Effect.void }))
          yield* b.await
          return b.run.endedAt
        }),
      0
    ))

  it("go on to the next when the first of a queue is cancelled", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { gpu: 2 } })
          yield* engine.submit(Job.make("a", { needs: { gpu: 1 }, run: Effect.sleep(50) }))
          const big = yield* engine.submit(Job.make("big", { needs: { gpu: 2 }, run: Effect.void }))
          const small = yield* engine.submit(Job.make("small", { needs: { gpu: 1 }, run: Effect.void }))
          yield* Effect.sleep(5)
          yield* big.cancel()
          yield* small.await
          return small.run.endedAt
        }),
      5
    ))
})

describe("Engine.resize", () => {
  it("lets more start at once", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const handles = yield* engine.submitAll([1, 2, 3].map((n) => Job.make(String(n), { run: Effect.sleep(10) })))
          yield* Effect.sleep(1)
          yield* engine.resize({ jobs: 3 })
          yield* engine.awaitIdle
          return handles.map((handle) => handle.run.startedAt)
        }),
      [0, 1, 1]
    ))

  it("stops nobody when there is less", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make({ limits: { jobs: 3 }, onChange: watch(log) })
          yield* engine.submitAll(["a", "b", "c", "d", "e"].map((name, i) => Job.make(name, { run: Effect.sleep(10 + i) })))
          yield* Effect.sleep(1)
          yield* engine.resize({ jobs: 1 })
          yield* engine.awaitIdle
          return log.join(" ")
        }),
      "+a +b +c -a -b -c +d -d +e -e"
    ))

  it("lets others by where a job needs more than there is now", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { gpu: 2 } })
          yield* engine.submit(Job.make("a", { needs: { gpu: 1 }, run: Effect.sleep(10) }))
          const big = yield* engine.submit(Job.make("big", { needs: { gpu: 2 }, run: Effect.void }))
          yield* engine.resize({ gpu: 1 })
          const small = yield* engine.submit(Job.make("small", { needs: { gpu: 1 }, run: Effect.void }))
          yield* small.await
          const before = stands(big.state)
          yield* engine.resize({ gpu: 2 })
          return [before, yield* tell(big)]
        }),
      ["waiting limit", "completed undefined"],
      10
    ))

  it("refuses a limit that the engine does not have", async () => {
    expect(
      String(await live(Effect.flatMap(Engine.make(), (engine) => Effect.exit(Effect.suspend(() => engine.resize({ gpu: 1 }))))))
    ).toContain("Engine.resize: limits must be of jobs")
  })
})

describe("waiting inside a job", () => {
  it("lends what the job holds, so that one place is enough", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const depth = (
            n: number
          ): Job.Job<number, Engine.SubmitError | Job.JobCancelled | Job.JobSkipped | Job.JobTimedOut | Job.JobLost> =>
            Job.make(`depth ${n}`, {
              run:
                n === 0 ? Effect.succeed(0) : Effect.flatMap(engine.submit(depth(n - 1)), (handle) => Effect.map(handle.join, (m) => m + 1))
            })
          return yield* (yield* engine.submit(depth(5))).join
        }),
      5
    ))

  it("never lets more run than there is room for", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 2 } })
          let [running, peak] = [0, 0]
          const busy = Effect.acquireUseRelease(
            Effect.sync(() => (peak = Math.max(peak, ++running))),
            () => Effect.sleep(3),
            () => Effect.sync(() => running--)
          )
          const parent = (name: string) =>
            Job.make(name, {
              run: Effect.gen(function* () {
                yield* busy
                const children = yield* engine.submitAll([1, 2].map((n) => Job.make(`${name}.${n}`, { run: busy })))
                yield* Effect.forEach(children, (child) => child.await, { concurrency: "unbounded" })
                yield* busy
              })
            })
          yield* engine.submitAll([parent("a"), parent("b"), parent("c")])
          yield* engine.awaitIdle
          return [peak, (yield* engine.stats).limits["jobs"]?.used]
        }),
      [2, 0]
    ))

  it("takes back what was lent when the wait is interrupted", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const child = Job.make("child", { run: Effect.sleep(20) })
          const parent = yield* engine.submit(
            Job.make("parent", {
              run: Effect.gen(function* () {
                const handle = yield* engine.submit(child)
                yield* Effect.timeoutOption(handle.await, 5)
                return (yield* engine.stats).limits["jobs"]?.used
              })
            })
          )
          const used = yield* parent.join
          return [used, parent.run.endedAt, (yield* engine.stats).limits["jobs"]?.used]
        }),
      [1, 20, 0]
    ))

  it("lets a job be cancelled that has lent what it holds", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const child = Job.make("child", { id: "child", run: Effect.sleep(20) })
          const parent = yield* engine.submit(Job.make("parent", { run: Effect.flatMap(engine.submit(child), (handle) => handle.await) }))
          yield* Effect.sleep(5)
          const end = yield* parent.cancel("stop")
          const at = parent.run.endedAt
          yield* engine.awaitIdle
          return [Job.endWord(end), at, (yield* engine.stats).limits["jobs"]?.used]
        }),
      ["cancelled", 5, 0]
    ))

  // Found by the model: an abandoned job that still holds its limits waited for one that needs them.
  it("lends also what an abandoned job holds", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 }, grace: 0 })
          const child = Job.make("child", { run: Effect.sleep(5) })
          const run = Effect.uninterruptible(
            Effect.andThen(
              Effect.sleep(10),
              Effect.flatMap(engine.submit(child), (handle) => handle.await)
            )
          )
          const parent = yield* engine.submit(Job.make("parent", { timeout: 1, run }))
          const end = yield* tell(parent)
          yield* Effect.sleep(20)
          const { abandoned, ended, limits } = yield* engine.stats
          return [end, ended.completed, abandoned, limits["jobs"]?.used]
        }),
      ["timed out by its task limit", 1, 0, 0]
    ))

  it("is refused where the other waits for this job, with the circle written out", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const gate = yield* Deferred.make<Job.Handle<unknown, unknown>>()
          const a = Job.make("a", { id: "a", run: Effect.flatMap(Deferred.await(gate), (handle) => handle.await) })
          const b = Job.make("b", { id: "b", after: a, run: Effect.void })
          const c = Job.make("c", { id: "c", after: b, run: Effect.void })
          const handles = yield* engine.submitAll([a, b, c])
          yield* Deferred.succeed(gate, handles[2])
          return yield* tell(handles[0])
        }),
      "failed jobs wait for each other: a → c → b → a"
    ))

  it("is refused where two jobs wait for each other", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const other = (id: string) =>
            Effect.andThen(
              Effect.sleep(1),
              Effect.flatMap(engine.awaitState(id, "ended"), () => Effect.succeed("went on"))
            )
          const [a, b] = yield* engine.submitAll([Job.make("a", { id: "a", run: other("b") }), Job.make("b", { id: "b", run: other("a") })])
          const told = [yield* tell(a), yield* tell(b)]
          return told.filter((text) => text.includes("wait for each other")).length
        }),
      1
    ))

  it("is allowed where the other has another way to go on", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const slow = Job.make("slow", { run: Effect.sleep(10) })
          const a = Job.make("a", { id: "a", run: engine.awaitState("either", "ended") })
          const either = Job.make("either", { id: "either", after: Job.afterAny([a, slow]), run: Effect.void })
          const handles = yield* engine.submitAll([slow, a, either])
          return Job.endWord(yield* handles[1].await)
        }),
      "completed"
    ))

  it("dies where a job waits for itself", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          return yield* tell(yield* engine.submit(Job.make("a", { id: "a", run: engine.awaitState("a", "ended") })))
        }),
      "failed jobs wait for each other: a → a"
    ))

  it("dies where a job waits until all jobs have ended", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          return yield* tell(yield* engine.submit(Job.make("a", { id: "a", run: engine.awaitIdle })))
        }),
      "failed jobs wait for each other: a → a"
    ))

  it("comes back where a limit is smaller now than what was lent", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { gpu: 2 } })
          const child = Job.make("child", { needs: { gpu: 1 }, run: Effect.sleep(5) })
          const parent = yield* engine.submit(
            Job.make("parent", {
              needs: { gpu: 2 },
              run: Effect.flatMap(engine.submit(child), (handle) => Effect.andThen(engine.resize({ gpu: 1 }), handle.await))
            })
          )
          return Job.endWord(yield* parent.await)
        }),
      "completed",
      20
    ))
})
