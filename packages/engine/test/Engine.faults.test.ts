import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { describe, expect, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import * as JobStore from "../src/JobStore.ts"
import { killed, session } from "./durableKit.ts"
import { always, reasonOf, tell } from "./engineKit.ts"
import { add, again, log, slow, tasks } from "./fixtures/jobTasks.ts"

const fresh =
  <A, E>(program: (store: JobStore.JobStore) => Effect.Effect<A, E>) =>
  (): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      log.length = 0
      return program(JobStore.memory())
    })

const found = (engine: Engine.Engine, id: string): Effect.Effect<Job.Handle<unknown, unknown>> =>
  Effect.map(engine.get(id), Option.getOrThrow)

const statesIn = (store: JobStore.JobStore): Effect.Effect<ReadonlyArray<string>> =>
  Effect.orDie(Effect.map(store.list(), (runs) => runs.map(({ id, state }) => `${id} ${state}`)))

const sum = (id: string, options: Omit<Job.Options, "retry"> = {}): Job.Job<number, unknown> =>
  Job.task(add, { a: 1, b: 1 }, { id, ...options })

const slowly = (id: string, millis: number, options: Omit<Job.Options, "retry"> = {}): Job.Job<string, unknown> =>
  Job.task(again, { name: id, millis }, { id, ...options })

/** A store whose owner does as `append` says. */
const appending = (store: JobStore.JobStore, append: (owner: JobStore.Owner) => JobStore.Owner["append"]): JobStore.JobStore => ({
  ...store,
  own: Effect.map(store.own, (owner) => ({ ...owner, append: append(owner) }))
})

const full = new JobStore.StoreError({ store: "x", reason: { _tag: "Full" } })

describe("what an engine leaves in its store when it is closed", () => {
  it("keeps what it depends on, whatever the retention", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          const a = Job.task(add, { a: 1, b: 1 }, { id: "a" })
          const b = Job.task(add, { a: Job.result(a), b: 5 }, { id: "b" })
          const options: Engine.Options = { retention: 0, limits: { jobs: 1 } }
          yield* session(store, (engine) => Effect.andThen(engine.submitAll([a, slowly("busy", 100), b]), Effect.sleep(10)), options)
          const left = yield* statesIn(store)
          yield* session(store, (engine) => engine.awaitIdle, { retention: 10 })
          return [left, yield* statesIn(store)]
        })
      ),
      [
        ["a completed", "busy waiting", "b waiting"],
        ["a completed", "busy completed", "b completed"]
      ]
    ))

  it("does not count against the retention", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          yield* session(
            store,
            (engine) =>
              Effect.gen(function* () {
                yield* engine.submitAll([sum("a"), sum("b")])
                yield* engine.awaitIdle
                yield* engine.submitAll([slowly("c", 100), slowly("d", 100), slowly("e", 100)])
                yield* Effect.sleep(10)
              }),
            { retention: 2 }
          )
          return yield* statesIn(store)
        })
      ),
      ["a completed", "b completed", "c waiting", "d waiting", "e waiting"]
    ))

  it("is not what was cancelled", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          const late = appending(store, (owner) => (changes) => Effect.andThen(Effect.sleep(20), owner.append(changes)))
          yield* session(late, (engine) =>
            Effect.gen(function* () {
              yield* engine.submit(slowly("a", 1000))
              yield* Effect.sleep(50)
              yield* engine.submit(sum("b"))
              yield* Effect.forkChild(engine.submit(sum("c")))
              yield* Effect.sleep(1)
              yield* Effect.forkChild(engine.cancel("a", "enough"))
              yield* Effect.sleep(1)
            })
          )
          return (yield* statesIn(store))[0]
        })
      ),
      "a cancelled"
    ))

  it("is not what was abandoned, for that still runs here", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          const stubborn = Job.with(Job.task(again, { name: "s", millis: 100 }, { id: "s" }), {})
          yield* session(
            store,
            (engine) =>
              Effect.gen(function* () {
                yield* engine.submit(stubborn)
                yield* Effect.sleep(10)
              }),
            { grace: 0 }
          )
          return yield* statesIn(store)
        })
      ),
      ["s waiting"]
    ))
})

describe("an id", () => {
  it("that is forgotten, and which the store still has, is taken", () =>
    always(
      fresh((store) =>
        session(
          store,
          (engine) =>
            Effect.gen(function* () {
              const a = sum("a")
              yield* engine.submitAll([a, slowly("slow", 50), sum("b", { after: [a, "slow"] })])
              yield* Effect.sleep(10)
              const gone = Option.isNone(yield* engine.get("a"))
              const refused = yield* reasonOf(engine.submit(sum("a")))
              yield* engine.awaitIdle
              yield* engine.submit(sum("a"))
              yield* engine.awaitIdle
              return [gone, refused._tag]
            }),
          { retention: 0 }
        )
      ),
      [true, "DuplicateId"]
    ))

  it("of a job that was removed while its rerun is kept is taken", () =>
    always(
      fresh((store) =>
        session(store, (engine) =>
          Effect.gen(function* () {
            yield* engine.submit(sum("a"))
            yield* engine.awaitIdle
            yield* (yield* engine.rerun("a")).await
            yield* store.request({ _tag: "Remove", id: "a" })
            yield* engine.awaitIdle
            const refused = yield* reasonOf(engine.submit(sum("a")))
            return [(yield* store.list()).length, refused._tag]
          })
        )
      ),
      [1, "DuplicateId"]
    ))

  it("of one that others refer to cannot come back by their rerun", () =>
    always(
      fresh((store) =>
        session(store, (engine) =>
          Effect.gen(function* () {
            const a = sum("a")
            yield* engine.submitAll([a, sum("b", { after: a })])
            yield* engine.awaitIdle
            yield* engine.prune({ name: "add", state: "completed", ended: { to: 0 } })
            yield* store.request({ _tag: "Remove", id: "a" })
            yield* engine.awaitIdle
            return yield* reasonOf(engine.rerun("b"))
          })
        )
      ),
      { _tag: "UnknownJob", job: "a", by: "b" }
    ))

  it("is well-formed text", () => {
    expect(() => Job.make("x", { id: "\ud800", run: Effect.void })).toThrow("Job.make: id must be well-formed text")
    expect(() => Job.make("x", { labels: { "\udc00": "y" }, run: Effect.void })).toThrow("Job.make: labels must be well-formed text")
  })

  it.each(["labels", "needs"])("is no %s called __proto__", (option) => {
    const options = { run: Effect.void, [option]: JSON.parse('{"__proto__": 1}') as never }
    expect(() => Job.make("x", options)).toThrow(`Job.make: ${option} must be a record without __proto__`)
  })
})

describe("a store that fails", () => {
  it("lets nobody hear of an end that it does not have", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          let writes = 0
          const filling = appending(store, (owner) => (changes) => (++writes > 1 ? Effect.fail(full) : owner.append(changes)))
          const told = yield* session(filling, (engine) => Effect.flatMap(engine.submit(slowly("a", 10)), tell))
          return [told, yield* statesIn(store)]
        })
      ),
      ['failed job store "x" is full', ["a running"]]
    ))

  it("fails what is kept beside jobs", () =>
    always(
      fresh((store) =>
        session(
          appending(store, () => () => Effect.fail(full)),
          (engine) => Effect.map(Effect.flip(engine.memory("x").save(1)), ({ reason }) => reason._tag)
        )
      ),
      "Full"
    ))

  it("by throwing stops the engine as by failing", () =>
    always(
      fresh((store) =>
        session(
          appending(store, () => () => {
            throw new Error("a bug")
          }),
          (engine) => Effect.map(reasonOf(engine.submit(sum("a"))), (reason) => reason._tag)
        )
      ),
      "NotRecorded"
    ))

  it("is free again when it could not be opened", () =>
    always(
      fresh((store) =>
        Effect.scoped(
          Effect.gen(function* () {
            const broken = { ...store, watch: () => Effect.fail(full) }
            const first = yield* Effect.flip(Engine.make({ store: broken, tasks }))
            const second = yield* Engine.make({ store, tasks })
            return [first.reason._tag, yield* (yield* second.submit(sum("a"))).join]
          })
        )
      ),
      ["Full", 2]
    ))

  it("once, when requests are read, is asked again", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          let failures = 0
          const flaky: JobStore.JobStore = {
            ...store,
            requests: Effect.suspend(() => (failures-- > 0 ? Effect.fail(full) : store.requests))
          }
          return yield* session(flaky, (engine) =>
            Effect.gen(function* () {
              yield* engine.submit(slowly("a", 100_000))
              failures = 2
              yield* store.request({ _tag: "Cancel", id: "a", reason: undefined })
              return (yield* (yield* found(engine, "a")).await)._tag === "Completed"
            })
          )
        })
      ),
      false,
      10
    ))
})

describe("an engine that lacks what a stored job needs", () => {
  it("fails that job, and opens", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          yield* session(store, (engine) => Effect.andThen(engine.submit(slowly("gpu", 50, { needs: { gpu: 1 } })), Effect.sleep(1)), {
            limits: { gpu: 1 }
          })
          return yield* session(store, (engine) => Effect.flatMap(found(engine, "gpu"), tell))
        })
      ),
      'failed job "gpu" needs "gpu", which is no limit of this engine: jobs'
    ))

  it("waits where there is only too little of it", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          yield* session(store, (engine) => Effect.andThen(engine.submit(slowly("gpu", 50, { needs: { gpu: 3 } })), Effect.sleep(1)), {
            limits: { gpu: 3 }
          })
          return yield* session(
            store,
            (engine) =>
              Effect.gen(function* () {
                yield* Effect.sleep(1)
                const { waiting } = yield* engine.stats
                yield* engine.resize({ gpu: 3 })
                yield* engine.awaitIdle
                return waiting.limit
              }),
            { limits: { gpu: 2 } }
          )
        })
      ),
      1
    ))
})

describe("a request that nobody can carry out", () => {
  const odd: ReadonlyArray<readonly [string, unknown]> = [
    ["nothing", null],
    ["a number", 7],
    ["an unknown word", { _tag: "Explode" }],
    ["a submission of nothing", { _tag: "Submit" }],
    ["a submission of no jobs", { _tag: "Submit", jobs: [] }],
    ["a job that is none", { _tag: "Submit", jobs: [null] }],
    ["jobs that are no list", { _tag: "Submit", jobs: {} }],
    ["an id that is no text", { _tag: "Cancel", id: {} }],
    ["an empty id", { _tag: "Submit", jobs: [{ id: "", name: "x", description: {} }] }],
    ["a description that is none", { _tag: "Submit", jobs: [{ id: "x", name: "x", description: 1 }] }],
    [
      "a module that throws what cannot be shown",
      {
        _tag: "Submit",
        jobs: [
          {
            id: "x",
            name: "x",
            description: {
              form: 1,
              work: { kind: "task", name: "x", module: "data:text/javascript,throw Object.create(null)", export: "x" },
              createdAt: 0
            }
          }
        ]
      }
    ]
  ]

  it.each(odd)("is refused: %s; and the next is carried out, also by an engine that finds it", async (_, request) => {
    const program = Effect.gen(function* () {
      const store = JobStore.memory()
      yield* store.request(request as JobStore.Request)
      const seen: Array<unknown> = []
      for (let i = 0; i < 2; i++) {
        yield* session(store, (engine) =>
          Effect.gen(function* () {
            yield* store.request(request as JobStore.Request)
            yield* store.request({ _tag: "Cancel", id: "nobody", reason: undefined })
            yield* engine.awaitIdle
            yield* (yield* engine.submit(sum(`ok ${i}`))).join
            const requests = yield* store.requests
            seen.push(requests.every(({ refusal }) => refusal !== undefined))
          })
        )
      }
      return seen
    })
    const seen = await Effect.runPromise(program)
    // What a job of a module that cannot be loaded comes to is an end, and no refusal.
    expect(seen).toEqual([true, true])
  })

  it("is refused: two jobs with one key", () =>
    always(
      fresh((store) =>
        session(store, (engine) =>
          Effect.gen(function* () {
            const description = { form: 1, work: { kind: "task", name: "add", module: "", export: "add" }, key: "k", createdAt: 0 }
            const jobs = ["x", "y"].map((id) => ({ id, name: id, description }))
            yield* store.request({ _tag: "Submit", jobs })
            yield* engine.awaitIdle
            return (yield* store.requests).map(({ refusal }) => refusal)
          })
        )
      ),
      ['key "k" is that of another of this request, which has not ended; y was not taken']
    ))
})

describe("retention", () => {
  it("keeps so many also after some were pruned", () =>
    always(
      fresh((store) =>
        session(
          store,
          (engine) =>
            Effect.gen(function* () {
              for (const id of ["a", "b"]) yield* (yield* engine.submit(sum(id))).await
              yield* store.request({ _tag: "Remove", id: "b" })
              yield* engine.awaitIdle
              yield* (yield* engine.submit(sum("c"))).await
              return (yield* engine.list()).map(({ id }) => id)
            }),
          { retention: 2 }
        )
      ),
      ["a", "c"]
    ))

  it("counts one that was lost once", () =>
    always(
      fresh((store) =>
        Effect.gen(function* () {
          yield* killed(store, 20, (engine) =>
            Effect.gen(function* () {
              yield* engine.submit(sum("a"))
              yield* engine.submit(Job.task(slow, { name: "lost", millis: 100 }, { id: "lost" }))
            })
          )
          return yield* session(store, (engine) => Effect.map(engine.list(), (runs) => runs.map(({ id }) => id)), { retention: 2 })
        })
      ),
      ["a", "lost"]
    ))
})

describe("a rerun", () => {
  it("of a job whose key another holds is refused", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const first = yield* engine.submit(Job.make("x", { id: "first", key: "k", run: Effect.void }))
          yield* first.await
          yield* engine.submit(Job.make("x", { id: "second", key: "k", run: Effect.never }))
          return yield* reasonOf(engine.rerun(first))
        }),
      { _tag: "AlreadyRunning", id: "second" }
    ))
})
