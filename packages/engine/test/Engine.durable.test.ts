import type * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { beforeEach, describe, it } from "vitest"
import * as Condition from "../src/Condition.ts"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import * as JobStore from "../src/JobStore.ts"
import { killed, session } from "./durableKit.ts"
import { always, reasonOf, tell } from "./engineKit.ts"
import { add, again, breaks, Broken, fails, lies, log, slow } from "./fixtures/jobTasks.ts"

beforeEach(() => {
  log.length = 0
})

/** The log of one program; each schedule of the simulator starts with an empty one. */
const fresh =
  <A, E>(program: (store: JobStore.JobStore) => Effect.Effect<A, E>) =>
  (): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      log.length = 0
      return program(JobStore.memory())
    })

const found = (engine: Engine.Engine, id: string): Effect.Effect<Job.Handle<unknown, unknown>> =>
  Effect.map(engine.get(id), Option.getOrThrow)

describe("a job in a store", () => {
  it("is there, with its value, when the store is opened again", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          yield* session(store, (engine) =>
            Effect.flatMap(engine.submit(Job.task(add, { a: 1, b: 2 }, { id: "sum", labels: { of: "numbers" } })), ({ join }) => join)
          )
          return yield* session(store, (engine) =>
            Effect.gen(function* () {
              const sum = yield* found(engine, "sum")
              return [yield* sum.join, sum.run.labels, sum.run.attempts, log]
            })
          )
        })
      ),
      [3, { of: "numbers" }, 1, ["add 1 2"]]
    ))

  it("keeps its typed error and its chain of reasons", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          const broken = Job.task(fails, "no luck", { id: "broken" })
          const next = Job.task(add, { a: 1, b: 1 }, { id: "next", after: broken })
          yield* session(store, (engine) => Effect.andThen(engine.submitAll([broken, next]), engine.awaitIdle))
          return yield* session(store, (engine) =>
            Effect.gen(function* () {
              const error = yield* Effect.flip((yield* found(engine, "broken")).join)
              return [error instanceof Broken && error.why, yield* tell(yield* found(engine, "next"))]
            })
          )
        })
      ),
      ["no luck", 'skipped: "fails" failed: Broken']
    ))

  it("that waits when its process is killed runs after that, with what its upstream gave before", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          const first = Job.task(add, { a: 1, b: 2 }, { id: "first" })
          const wait = Job.task(slow, { name: "wait", millis: 100 }, { id: "wait", onLost: "resume" })
          const last = Job.task(add, { a: Job.result(first), b: 10 }, { id: "last", after: wait })
          yield* killed(store, 50, (engine) => engine.submitAll([first, wait, last]), { limits: { jobs: 1 } })
          log.push("---")
          return yield* session(store, (engine) =>
            Effect.flatMap(found(engine, "last"), ({ join }) => Effect.map(join, (value) => [value, ...log]))
          )
        })
      ),
      [13, "add 1 2", "+wait", "---", "+wait", "-wait", "add 3 10"]
    ))

  it("that ran when its process was killed fails as lost, unless it may run again", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          yield* killed(store, 50, (engine) =>
            engine.submitAll([
              Job.task(slow, { name: "once", millis: 100 }, { id: "once" }),
              Job.task(again, { name: "again", millis: 100 }, { id: "again" })
            ])
          )
          return yield* session(store, (engine) =>
            Effect.gen(function* () {
              const once = yield* Effect.flip((yield* found(engine, "once")).join)
              const second = yield* found(engine, "again")
              return [
                (once as Job.JobLost)._tag,
                (once as Job.JobLost).attempt,
                yield* second.join,
                second.run.attempts,
                second.run.attemptCauses.length
              ]
            })
          )
        })
      ),
      ["JobLost", 1, "again", 2, 1]
    ))

  it("stays lost when the store is opened a third time", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          yield* killed(store, 50, (engine) => engine.submit(Job.task(slow, { name: "once", millis: 100 }, { id: "once" })))
          yield* session(store, (engine) => engine.awaitIdle)
          return yield* session(store, (engine) =>
            Effect.flatMap(found(engine, "once"), ({ join }) =>
              Effect.map(Effect.flip(join), (error) => [String((error as Job.JobLost)._tag), log])
            )
          )
        })
      ),
      ["JobLost", ["+once"]]
    ))

  it("that is lost three times fails", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          yield* killed(store, 50, (engine) => engine.submit(Job.task(again, { name: "again", millis: 100 }, { id: "again" })))
          for (let i = 0; i < 4; i++) yield* killed(store, 50, () => Effect.void)
          return yield* session(store, (engine) =>
            Effect.flatMap(found(engine, "again"), ({ join, run }) =>
              Effect.map(Effect.flip(join), (error) => [error, run.attempts, log.length])
            )
          )
        })
      ),
      [new Job.JobLost({ id: "again", attempt: 3 }), 3, 3]
    ))

  it("waits on in the store when the engine is closed", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          const said = yield* session(
            store,
            (engine) =>
              Effect.gen(function* () {
                const [, b] = yield* engine.submitAll([
                  Job.task(again, { name: "a", millis: 100 }, { id: "a" }),
                  Job.task(add, { a: 1, b: 1 }, { id: "b", after: "a" })
                ])
                yield* Effect.sleep(50)
                return b
              }),
            { onClose: "interrupt" }
          )
          const here = yield* tell(said)
          const kept = yield* store.list()
          yield* session(store, (engine) => engine.awaitIdle)
          const after = yield* store.list()
          return [here, kept.map(({ state }) => state), after.map(({ state }) => state)]
        })
      ),
      ["not started: group closed", ["waiting", "waiting"], ["completed", "completed"]]
    ))

  it("that runs ends first where the engine finishes, and what waits stays", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          yield* session(
            store,
            (engine) =>
              Effect.andThen(
                engine.submitAll([
                  Job.task(slow, { name: "a", millis: 100 }, { id: "a" }),
                  Job.task(slow, { name: "b", millis: 100 }, { id: "b" })
                ]),
                Effect.sleep(50)
              ),
            { onClose: "finish", limits: { jobs: 1 } }
          )
          return Effect.runSync(store.list()).map(({ state }) => state)
        })
      ),
      ["completed", "waiting"]
    ))

  it("that fails while the engine finishes is tried again by the next", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          const wrong = Job.task(breaks, 20, { id: "x", retry: { times: 1 } })
          yield* session(store, (engine) => Effect.andThen(engine.submit(wrong), Effect.sleep(10)), { onClose: "finish" })
          const between = Effect.runSync(store.list()).map(({ attempts, state }) => `${state} ${attempts}`)
          yield* session(store, (engine) => engine.awaitIdle)
          return [...between, ...Effect.runSync(store.list()).map(({ attempts, state }) => `${state} ${attempts}`)]
        })
      ),
      ["waiting 1", "failed 2"]
    ))

  it("that was lost waits, in the store too, until it has its limits again", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          const jobs = ["a", "b"].map((id) => Job.task(again, { name: id, millis: 100 }, { id }))
          yield* killed(store, 50, (engine) => engine.submitAll(jobs))
          return yield* session(
            store,
            (engine) =>
              Effect.gen(function* () {
                yield* engine.awaitState("a", "running")
                yield* Effect.sleep(1)
                return (yield* store.list()).map(({ attemptCauses, state }) => `${state}, lost ${attemptCauses.length}`)
              }),
            { limits: { jobs: 1 } }
          )
        })
      ),
      ["running, lost 1", "waiting, lost 1"]
    ))

  it("goes on to count its retries where its process died", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          const job = Job.task(fails, "never", { id: "f", retry: { times: 3, delay: "1 second" } })
          yield* killed(store, 1500, (engine) => engine.submit(job))
          return yield* session(store, (engine) =>
            Effect.flatMap(found(engine, "f"), (handle) =>
              Effect.map(handle.await, () => [handle.run.attempts, handle.run.attemptCauses.length])
            )
          )
        })
      ),
      [4, 3]
    ))

  it("whose value its schema does not accept fails, and its work is done", () =>
    always(
      fresh((store) =>
        session(store, (engine) =>
          Effect.gen(function* () {
            const handle = yield* engine.submit(Job.task(lies, undefined, { id: "lie" }))
            const end = yield* handle.await
            const [kept] = yield* store.list()
            return [end._tag, kept!.state]
          })
        )
      ),
      ["Failed", "failed"]
    ))

  it("runs again as a new run that points at the old one, also in another process", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          const first = Job.task(add, { a: 1, b: 2 }, { id: "first" })
          const second = Job.task(add, { a: Job.result(first), b: 1 }, { id: "second" })
          yield* session(store, (engine) => Effect.andThen(engine.submitAll([first, second]), engine.awaitIdle))
          return yield* session(store, (engine) =>
            Effect.gen(function* () {
              const rerun = yield* engine.rerun("second")
              return [yield* rerun.join, rerun.run.rerunOf, rerun.run.upstream]
            })
          )
        })
      ),
      [4, "second", ["first"]]
    ))

  it("is one with another that has its key, across processes", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          const job = (id: string) => Job.task(again, { name: id, millis: 100 }, { id, key: "nightly" })
          yield* killed(store, 50, (engine) => engine.submit(job("a")))
          return yield* session(store, (engine) => Effect.map(engine.submit(job("b")), ({ id }) => id))
        })
      ),
      "a"
    ))

  it("is forgotten by the store when the engine forgets it, but not before those that depend on it have ended", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          const first = Job.task(add, { a: 1, b: 2 }, { id: "first" })
          const last = Job.task(add, { a: Job.result(first), b: 1 }, { id: "last", after: "slow" })
          const ids = yield* session(
            store,
            (engine) =>
              Effect.gen(function* () {
                yield* engine.submit(Job.task(slow, { name: "s", millis: 100 }, { id: "slow" }))
                yield* engine.submitAll([first, last])
                yield* Effect.sleep(10)
                yield* engine.submit(Job.task(add, { a: 0, b: 0 }, { id: "other" }))
                yield* Effect.sleep(10)
                const isKept = Effect.map(store.get("first"), Option.isSome)
                const before = [yield* isKept, Option.isSome(yield* engine.get("first"))]
                yield* engine.awaitIdle
                return [before, yield* isKept, (yield* store.list()).length]
              }),
            { retention: 1 }
          )
          return ids
        })
      ),
      [[true, false], false, 1]
    ))
})

describe("what a store cannot keep", () => {
  const refusalOf = (job: Job.Job<unknown, unknown>) =>
    fresh((store) =>
      session(store, (engine) => Effect.map(reasonOf(engine.submit(job)), (reason) => (reason as { readonly why?: string }).why))
    )

  it("is refused: a function of this process", () =>
    always(refusalOf(Job.make("x", { run: Effect.void })), "its work is a function of this process, and no task or command", 5))

  it("is refused: a condition over a ref", async () => {
    const ref = await Effect.runPromise(SubscriptionRef.make(0))
    const when = Condition.ref(ref, (n) => n > 0)
    await always(refusalOf(Job.task(add, { a: 1, b: 1 }, { when })), "its condition is no data: it holds a ref, or code", 5)
  })

  it("is refused: a Schedule", () =>
    always(
      refusalOf(Job.task(add, { a: 1, b: 1 }, { retry: Schedule.recurs(2) })),
      "its retries are no data: they hold a Schedule, or code",
      5
    ))

  it("is refused: an input that its schema does not accept", async () => {
    const bad = Job.task(add, { a: "one", b: 1 } as never)
    await always(
      fresh((store) => session(store, (engine) => Effect.map(reasonOf(engine.submit(bad)), ({ _tag }) => _tag))),
      "NotStorable",
      5
    )
  })

  it("is refused: what depends on an ephemeral job", () => {
    const here = Job.make("here", { id: "here", run: Effect.succeed(1), durability: "ephemeral" })
    return always(
      fresh((store) =>
        session(store, (engine) =>
          Effect.gen(function* () {
            yield* engine.submit(here)
            return yield* Effect.map(reasonOf(engine.submit(Job.task(add, { a: Job.result(here), b: 1 }))), (reason) => reason)
          })
        )
      ),
      { _tag: "NotStorable", job: "add", why: 'it depends on "here", which is ephemeral' },
      5
    )
  })

  it("may run as ephemeral, and depend on what is kept", () =>
    always(
      fresh((store) =>
        session(store, (engine) =>
          Effect.gen(function* () {
            const sum = Job.task(add, { a: 1, b: 2 }, { id: "sum" })
            const here = Job.make("here", { input: Job.result(sum), run: (n) => Effect.succeed(n * 2), durability: "ephemeral" })
            const [, handle] = yield* engine.submitAll([sum, here])
            const value = yield* handle.join
            return [value, (yield* store.list()).map(({ id }) => id)]
          })
        )
      ),
      [6, ["sum"]]
    ))
})

describe("a request that is left in a store", () => {
  const submit = (id: string, a: number): JobStore.Request => ({
    _tag: "Submit",
    jobs: [
      {
        id,
        name: "add",
        description: {
          form: 1,
          work: { kind: "task", name: "add", module: "", export: "add" },
          input: { a, b: 1 },
          createdAt: 0
        }
      }
    ]
  })

  it("is carried out by the engine that opens the store", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          yield* store.request(submit("x", 1))
          return yield* session(store, (engine) =>
            Effect.gen(function* () {
              yield* engine.awaitIdle
              return [yield* (yield* found(engine, "x")).join, (yield* store.requests).length]
            })
          )
        })
      ),
      [2, 0]
    ))

  it("is carried out by the engine that has the store", () =>
    always(
      fresh((store) =>
        session(store, (engine) =>
          Effect.gen(function* () {
            yield* store.request(submit("x", 1))
            yield* store.request(submit("y", 2))
            yield* engine.awaitIdle
            const kept = yield* store.list()
            return kept.map(({ id, state }) => `${id} ${state}`)
          })
        )
      ),
      ["x completed", "y completed"]
    ))

  it("is refused with its reason where it cannot be, and kept with that", () =>
    always(
      fresh((store) =>
        session(store, (engine) =>
          Effect.gen(function* () {
            yield* store.request(submit("x", 1))
            yield* store.request(submit("x", 1))
            yield* store.request({ _tag: "Cancel", id: "nobody", reason: undefined })
            yield* store.request({ _tag: "Submit", jobs: [{ id: "z", name: "z", description: { form: 2 } }] })
            yield* engine.awaitIdle
            return (yield* store.requests).map(({ refusal }) => refusal?.split("\n")[0])
          })
        )
      ),
      ['id "x" is taken', 'there is no job "nobody"', "Expected 1"]
    ))

  it("cancels, repeats and removes", () =>
    always(
      fresh((store) =>
        session(store, (engine) =>
          Effect.gen(function* () {
            yield* engine.submit(Job.task(slow, { name: "s", millis: 1000 }, { id: "s" }))
            yield* Effect.sleep(10)
            yield* store.request({ _tag: "Cancel", id: "s", reason: "enough" })
            yield* engine.awaitIdle
            const cancelled = yield* tell(yield* found(engine, "s"))
            yield* store.request({ _tag: "Rerun", id: "s", as: "s2" })
            yield* store.request({ _tag: "Cancel", id: "s2", reason: undefined })
            yield* engine.awaitIdle
            yield* store.request({ _tag: "Remove", id: "s" })
            yield* engine.awaitIdle
            return [cancelled, (yield* store.list()).map(({ id, rerunOf }) => `${id} of ${rerunOf}`), (yield* store.requests).length]
          })
        )
      ),
      ["cancelled: cancelled on request: enough", ["s2 of s"], 0]
    ))
})

describe("an engine on a store", () => {
  it("is the only one", () =>
    always(
      fresh((store) => session(store, () => Effect.map(Effect.flip(Effect.scoped(Engine.make({ store }))), ({ reason }) => reason._tag))),
      "Owned",
      5
    ))

  it("stops when its store fails, and says why", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          const full = new JobStore.StoreError({ store: "x", reason: { _tag: "Full" } })
          let isFull = false
          const filling: JobStore.JobStore = {
            ...store,
            own: Effect.map(store.own, (owner) => ({
              ...owner,
              append: (changes) => Effect.suspend(() => (isFull ? Effect.fail(full) : owner.append(changes)))
            }))
          }
          return yield* session(filling, (engine) =>
            Effect.gen(function* () {
              const job = yield* engine.submit(Job.task(slow, { name: "s", millis: 50 }, { id: "s" }))
              isFull = true
              const refused = yield* Effect.flip(engine.submit(Job.task(add, { a: 1, b: 1 })))
              const why = yield* engine.awaitFailure
              yield* job.await
              return [refused.reason._tag, why.reason._tag, (yield* store.list()).map(({ id }) => id)]
            })
          )
        })
      ),
      ["NotRecorded", "Full", ["s"]],
      20
    ))

  it("forgets what is pruned, in the store too", () =>
    always(
      fresh((store) =>
        session(store, (engine) =>
          Effect.gen(function* () {
            yield* engine.submitAll([Job.task(add, { a: 1, b: 1 }, { id: "a" }), Job.task(fails, "x", { id: "f" })])
            yield* engine.awaitIdle
            const pruned = yield* engine.prune({ state: "completed" })
            return [pruned, (yield* store.list()).map(({ id }) => id)]
          })
        )
      ),
      [1, ["f"]]
    ))

  it("shows a value that its task cannot read any more as unreadable, and joins of it die", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          yield* session(store, (engine) => Effect.andThen(engine.submit(Job.task(fails, "", { id: "date" })), engine.awaitIdle))
          const other = Object.assign((() => Effect.void) as never as typeof fails, add, { definition: fails.definition })
          return yield* session(
            store,
            (engine) =>
              Effect.gen(function* () {
                const date = yield* found(engine, "date")
                const end = yield* date.await
                const joined = yield* Effect.exit(date.join)
                return [
                  end._tag === "Completed" && end.value instanceof Job.Unreadable && end.value.json,
                  joined._tag === "Failure" && joined.cause.reasons.some(Cause.isDieReason)
                ]
              }),
            { tasks: [other] }
          )
        })
      ),
      ["1970-01-01T00:00:00.000Z", true],
      5
    ))

  it("fails a job whose task is not to be found, and says why", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          yield* killed(store, 10, (engine) => engine.submit(Job.task(add, { a: 1, b: 1 }, { id: "a", when: Condition.after(1000) })))
          const [kept] = yield* store.list()
          const description = { ...(kept!.description as object), work: { kind: "task", name: "gone", module: "", export: "gone" } }
          yield* store.request({ _tag: "Submit", jobs: [{ id: "b", name: "b", description }] })
          return yield* session(store, (engine) =>
            Effect.flatMap(found(engine, "b"), ({ join }) =>
              Effect.map(Effect.flip(join), (error) => (error as TaskRunner.TaskRunnerError).reason._tag)
            )
          )
        })
      ),
      "ModuleNotFound",
      5
    ))
})
