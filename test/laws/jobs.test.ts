/**
 * The laws for jobs of an engine, where they speak of more than a call: of jobs that depend on each other, wait for conditions, share limits and outlive who submitted them. As a bounded gather an engine is a subject of
 * all other laws (`test/kit/subjects/jobs.ts`). What a job cannot promise is shown in `jobs.table.test.ts`.
 *
 * Real here: the child processes of law 8.
 */
import * as Deadline from "@skein/core/Deadline"
import { Simulator } from "@skein/core/testing"
import { Condition, Engine, Job } from "@skein/engine"
import * as JobStore from "@skein/engine/JobStore"
import * as Task from "@skein/parallel/Task"
import {
  type Case,
  cleanBeforeReturn,
  equal,
  equalWords,
  everywhere,
  interruptAtEveryStep,
  isTrue,
  quiet,
  type Recorder,
  recorder,
  stoppedOnce,
  toEffect,
  underEverySchedule
} from "@skein/test/kit"
import { folder, piece, places } from "../kit/flavours.ts"
import { checkKept } from "../kit/kept.ts"
import { always, ends, graph, tell, tellAll, told, whole } from "../kit/jobs.ts"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { afterAll, describe, expect, it } from "vitest"

describe("law 1: no job outlives its engine", () => {
  const left = (record: Recorder) =>
    Effect.onExit(
      Effect.scoped(
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 }, onClose: "drain" })
          const open = yield* SubscriptionRef.make(true)
          yield* engine.submitAll(graph((work) => toEffect(work, record), open))
        })
      ),
      () => record.mark("returned")
    )
  it.each<[string, (record: Recorder) => Effect.Effect<unknown, unknown>]>([
    ["whose work is done", whole],
    ["whose time is over", (record) => Deadline.within(whole(record), 3)],
    ["whose owner goes on to something else", (record) => Effect.timeoutOption(whole(record), 3)],
    ["that is left at once, and drains", left]
  ])("%s", (_, program) => {
    let record = recorder()
    return everywhere(undefined, {
      program: () => Effect.andThen(Effect.exit(program((record = recorder()))), Effect.sleep(1_000)),
      seeds: 300,
      after: () => cleanBeforeReturn(record)
    })
  })

  it("and an abandoned one is counted until it has ended", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 }, grace: 2 })
          const stubborn = yield* engine.submit(Job.make("stubborn", { run: Effect.uninterruptible(Effect.sleep(20)) }))
          yield* Effect.sleep(1)
          const end = yield* stubborn.cancel()
          const next = yield* engine.submit(Job.make("next", { run: Effect.void }))
          const during = yield* engine.stats
          yield* next.await
          const after = yield* engine.stats
          return [
            end._tag !== "Skipped" && end.abandoned,
            during.abandoned,
            during.limits["jobs"]!.used,
            after.abandoned,
            next.run.startedAt
          ]
        }),
      [true, 1, 1, 0, 20]
    ))
})

describe("law 2: a job is asked to stop once", () => {
  it("whoever asks, and however often", () => {
    let record = recorder()
    return everywhere(undefined, {
      program: () =>
        Effect.scoped(
          Effect.gen(function* () {
            record = recorder()
            const engine = yield* Engine.make()
            const run = toEffect({ name: "a", takes: Infinity, cleanup: { takes: 5 } }, record)
            const handle = yield* engine.submit(Job.make("a", { run, timeout: 3 }))
            yield* Effect.forkChild(Effect.delay(handle.cancel("first"), 2))
            yield* Effect.forkChild(Effect.delay(engine.cancel({ name: "a" }, "second"), 3))
            yield* Effect.sleep(4)
          })
        ),
      seeds: 300,
      after: ({ interrupted }) => {
        stoppedOnce(record)
        if (interrupted === undefined) equalWords("events", record.events, ["a starts", "a is asked to stop", "a is clean"])
      }
    })
  })
})

describe("law 3: each run ends once, and its end never changes", () => {
  it("also after the engine is gone", () => {
    let before: ReadonlyArray<unknown> = []
    let after: ReadonlyArray<unknown> = []
    let told = new Map<string, number>()
    return everywhere(undefined, {
      program: () =>
        Effect.gen(function* () {
          before = after = []
          told = new Map()
          let handles: ReadonlyArray<Job.Handle<unknown, unknown>> = []
          yield* Effect.exit(
            Effect.scoped(
              Effect.gen(function* () {
                const engine = yield* Engine.make({ limits: { jobs: 2 }, grace: 1 })
                engine.subscribe(({ id, state }) => (state._tag === "Ended" ? told.set(id, (told.get(id) ?? 0) + 1) : undefined))
                const open = yield* SubscriptionRef.make(true)
                handles = yield* engine.submitAll(graph((work) => toEffect(work, recorder()), open))
                yield* Effect.sleep(3)
                yield* engine.cancel({ name: "b" })
                before = handles.map(({ state }) => (state._tag === "Ended" ? state.outcome : undefined))
              })
            )
          )
          yield* Effect.sleep(20)
          after = handles.map(({ state }) => (state._tag === "Ended" ? state.outcome : undefined))
        }),
      seeds: 300,
      after: () => {
        if (after.length === 0) return
        isTrue(
          "an end changed",
          before.every((end, i) => end === undefined || end === after[i])
        )
        isTrue(
          "one has no end",
          after.every((end) => end !== undefined)
        )
        isTrue(
          "an end was told twice",
          [...told.values()].every((times) => times === 1)
        )
      }
    })
  })
})

describe("law 4: what runs never takes more of a limit than there is", () => {
  it("across resize, waits inside, retries and cancels", () => {
    let used = 0
    let limit = 3
    let over = 0
    let left: ReadonlyArray<unknown> = []
    return everywhere(undefined, {
      program: () =>
        Effect.gen(function* () {
          used = over = 0
          limit = 3
          left = []
          yield* Effect.scoped(
            Effect.gen(function* () {
              const engine = yield* Engine.make({ limits: { jobs: 3 } })
              // Who started under a larger limit is not thrown out.
              const busy = Effect.acquireUseRelease(
                Effect.sync(() => void (over = Math.max(over, ++used - Math.max(limit, used - 1)))),
                () => Effect.sleep(2),
                () => Effect.sync(() => used--)
              )
              const child = Job.make("child", { needs: { jobs: 2 }, run: busy })
              const parent = Job.make("parent", {
                run: Effect.andThen(
                  busy,
                  Effect.andThen(
                    Effect.flatMap(engine.submit(child), (handle) => handle.await),
                    busy
                  )
                )
              })
              let failures = 0
              const flaky = Job.make("flaky", {
                retry: { times: 2 },
                run: Effect.andThen(
                  busy,
                  Effect.suspend(() => (failures++ < 2 ? Effect.fail("no") : Effect.void))
                )
              })
              const heavy = Job.make("heavy", { needs: { jobs: 2 }, run: busy })
              yield* engine.submitAll([parent, flaky, heavy, Job.make("last", { run: busy })])
              yield* Effect.sleep(1)
              yield* engine.resize({ jobs: (limit = 2) })
              yield* Effect.sleep(3)
              yield* engine.cancel({ name: "heavy" })
              yield* engine.awaitIdle
              left = [(yield* engine.stats).limits["jobs"]!.used]
            })
          )
        }),
      invariant: () => {
        if (used > 3) throw new Error(`${used} run at once`)
      },
      seeds: 300,
      after: ({ interrupted }) => {
        equal("running at the end", used, 0)
        if (interrupted === undefined) equalWords("taken at the end", left, [0])
      }
    })
  })
})

describe("laws 5, 6 and 7: a failure is its own job's, and told once to each who depends on it", () => {
  it("whatever the others do", () => always(() => whole(recorder()), ends))

  it("whichever code of a job throws", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const thrower = (text: string) => (): never => {
            throw new Error(text)
          }
          const open = yield* SubscriptionRef.make(0)
          const handles = yield* engine.submitAll([
            Job.make("run", { run: thrower("run") as () => Effect.Effect<never> }),
            Job.make("when", { when: Condition.ref(open, thrower("when")), run: Effect.void }),
            Job.make("retry", { retry: { times: 2, while: thrower("retry") }, run: Effect.fail("first") }),
            Job.make("fine", { run: Effect.void })
          ])
          const words = yield* tellAll(handles)
          return words.map((word, i) => (word.includes(handles[i]!.name) ? "its own" : word))
        }),
      ["its own", "its own", "its own", "completed"]
    ))
})

describe("law 8: a worker that dies fails the job that ran in it", () => {
  const { file, remove } = folder()
  afterAll(remove)

  it.each(places.filter(({ pool }) => pool !== undefined))("and no other, in flavour $name", async ({ layer }) => {
    const path = file()
    const names = Array.from({ length: 7 }, (_, i) => `p${i}`)
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make({ limits: { jobs: 3 } })
      const jobs = names.map((name) => Job.make(name, { run: piece({ name, path, ...(name === "p3" ? { ends: "exit" } : {}) }) }))
      const after = Job.make("after", { after: jobs[3]!, run: Effect.void })
      const handles = yield* engine.submitAll([...jobs, after])
      yield* engine.awaitIdle
      return yield* Effect.forEach(handles, (handle): Effect.Effect<Job.End<unknown, unknown>> => handle.await)
    })
    const all = await Effect.runPromise(Effect.provide(Effect.scoped(program), layer()))
    expect(all.map(Job.endWord)).toEqual([...names.map((name) => (name === "p3" ? "failed" : "completed")), "skipped"])
    const died = all[3]!
    expect(died._tag === "Failed" && Cause.squash(died.cause)).toMatchObject({ reason: { _tag: "Lost", exitCode: 3 } })
  })
})

describe("law 11: a job has a clock of its own for each thing that it waits for", () => {
  it("time in the line from when it may start, time for its attempts from its first start", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const slow = Job.make("slow", { run: Effect.sleep(10) })
          const waits = { after: slow, queueTimeout: 3 }
          const handles = yield* engine.submitAll([
            slow,
            // Ten milliseconds for the slow one are no time in the line, the two for the short one are.
            Job.make("short", { after: slow, run: Effect.sleep(2) }),
            Job.make("next", { ...waits, timeout: 4, run: Effect.sleep(4) }),
            Job.make("late", { ...waits, run: Effect.void }),
            Job.make("long", { after: slow, timeout: 4, run: Effect.sleep(5) }),
            Job.make("tries", { after: slow, attemptTimeout: 2, timeout: 5, retry: { times: 9 }, run: Effect.never })
          ])
          return yield* tellAll(handles)
        }),
      ["completed", "completed", "completed", "timeout queue", "timeout task", "timeout task"]
    ))
})

describe("law 12: a retry is part of its job", () => {
  it("waits and dependents hear of the last attempt, and the limits are free in between", () =>
    always(
      () =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          let failures = 0
          const run = Effect.suspend(() => {
            log.push("attempt")
            return failures++ < 2 ? Effect.fail(`no ${failures}`) : Effect.void
          })
          const flaky = Job.make("flaky", { run, retry: { times: 2, schedule: Schedule.spaced(5) } })
          const other = Job.make("other", { run: Effect.sync(() => log.push("other")) })
          const after = Job.make("after", { after: flaky, run: Effect.sync(() => log.push("after")) })
          const [handle] = yield* engine.submitAll([flaky, other, after])
          yield* handle.await
          yield* engine.awaitIdle
          return [...log, handle.run.attempts, ...handle.run.attemptCauses.map(Cause.squash)]
        }),
      ["attempt", "other", "attempt", "attempt", "after", 3, "no 1", "no 2"]
    ))
})

describe("law 13: who looks on changes nothing, and sees every end", () => {
  it("of jobs that never started, and of those that were skipped, too", () => {
    let seen: Array<string> = []
    let given: ReadonlyArray<string> = []
    return underEverySchedule(undefined, {
      program: () => {
        seen = []
        const onChange = ({ name, state }: Job.Run): void => {
          if (state._tag === "Ended") seen.push(`${name} ${Job.endWord(state.outcome)}`)
          throw new Error("a bad observer")
        }
        return Effect.map(whole(recorder(), { onChange }), (words) => (given = words))
      },
      seeds: 200,
      after: () => {
        equalWords("ends", given, ends)
        equalWords("seen", seen.toSorted(), ["a completed", "b completed", "c failed", "d skipped", "e completed", "f timeout"])
      }
    })
  })
})

describe("law 14: everything may be called from inside a job", () => {
  it("submit, wait, cancel, rerun, resize and list, in an engine of one place", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const leaf = Job.make("leaf", { run: Effect.succeed(1) })
          const inner = Job.make("inner", { run: Effect.flatMap(engine.submit(leaf), (handle) => handle.join) })
          const outer = Job.make("outer", {
            run: Effect.gen(function* () {
              const handle = yield* engine.submit(inner)
              const first = yield* handle.join
              const again = yield* engine.rerun<number>("leaf#3")
              const endless = yield* engine.submit(Job.make("endless", { run: Effect.never }))
              yield* engine.cancel({ name: "endless" }, "enough")
              yield* engine.resize({ jobs: 2 })
              return [first + (yield* again.join), told(yield* endless.await), (yield* engine.list({ state: "running" })).length]
            })
          })
          return yield* (yield* engine.submit(outer)).join
        }),
      [2, "notStarted Requested", 1],
      100
    ))

  it("and a wait that could never end is refused with the circle written out", () =>
    always(
      () =>
        Effect.gen(function* () {
          const engine = yield* Engine.make()
          const self = Effect.map(engine.get("self#1"), Option.getOrThrow)
          const waits = yield* engine.submit(Job.make("self", { run: Effect.flatMap(self, (handle) => handle.await) }))
          const circle = yield* Effect.flip(
            engine.submitAll([
              Job.make("a", { id: "a", after: "b", run: Effect.void }),
              Job.make("b", { id: "b", after: "a", run: Effect.void })
            ])
          )
          const big = yield* Effect.flip(engine.submit(Job.make("big", { needs: { gpu: 1 }, run: Effect.void })))
          return [yield* tell(waits), circle.message, big.message]
        }),
      [
        "failed: jobs wait for each other: self#1 → self#1",
        "jobs wait for each other: a → b → a",
        'job "big" needs "gpu", which is no limit of this engine: jobs'
      ]
    ))
})

describe("law 15: after its close an engine answers, and runs nothing", () => {
  it("to submit, rerun, wait, cancel and list", () =>
    always(
      () =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const engine = yield* Scope.provide(Engine.make(), scope)
          const handle = yield* engine.submit(Job.make("a", { run: Effect.never }))
          yield* Effect.sleep(1)
          yield* Scope.close(scope, Exit.void)
          let ran = false
          const later = Job.make("later", { run: Effect.sync(() => (ran = true)) })
          const refused = [yield* Effect.flip(engine.submit(later)), yield* Effect.flip(engine.rerun(handle))]
          yield* engine.awaitIdle
          const cancelled = yield* engine.cancel({})
          yield* Effect.sleep(10)
          return [...refused.map(({ reason }) => reason._tag), yield* tell(handle), cancelled, (yield* engine.list()).length, ran]
        }),
      ["Closed", "Closed", "cancelled Closed", 0, 1, false]
    ))
})

describe("law 16: a job costs the same, however many there are", () => {
  const stepsOf = async (program: Effect.Effect<unknown, unknown>): Promise<number> => {
    const run = await Simulator.run(quiet(program))
    expect(run.verdict).toBe("passed")
    return run.steps
  }

  it.each<[string, (n: number) => ReadonlyArray<Job.Job<unknown>>]>([
    [
      "in a chain",
      (n) => {
        const jobs = [Job.make("first", { run: Effect.void })]
        while (jobs.length < n) jobs.push(Job.make("next", { after: jobs.at(-1)!, run: Effect.void }))
        return jobs
      }
    ],
    [
      "all behind one",
      (n) => {
        const first = Job.make("first", { run: Effect.sleep(1) })
        return [first, ...Array.from({ length: n }, () => Job.make("next", { after: first, run: Effect.void }))]
      }
    ],
    ["in line for a limit", (n) => Array.from({ length: n }, () => Job.make("next", { needs: { jobs: 2 }, run: Effect.sleep(1) }))]
  ])("%s", async (_, jobs) => {
    const program = (n: number) =>
      Effect.scoped(
        Effect.flatMap(Engine.make({ limits: { jobs: 2 } }), (engine) => Effect.andThen(engine.submitAll(jobs(n)), engine.awaitIdle))
      )
    expect((await stepsOf(program(1_600))) / (await stepsOf(program(200)))).toBeLessThan(8.2)
  })

  it("and nothing while it waits, however long", async () => {
    const program = (millis: number) =>
      Effect.scoped(
        Effect.gen(function* () {
          const engine = yield* Engine.make({ limits: { jobs: 1 } })
          const slow = Job.make("slow", { run: Effect.sleep(millis) })
          yield* engine.submitAll([slow, Job.make("limit", { run: Effect.void }), Job.make("after", { after: slow, run: Effect.void })])
          yield* engine.submit(Job.make("when", { when: Condition.after(millis), run: Effect.void }))
          yield* engine.awaitIdle
        })
      )
    expect(await stepsOf(program(86_400_000))).toBe(await stepsOf(program(1_000)))
  })
})

describe("law 17: misuse of jobs and engines is refused at once, in words", () => {
  const bounds: ReadonlyArray<unknown> = [0, -1, 2.5, NaN, Infinity, "8", null, {}, 2n]
  const times: ReadonlyArray<unknown> = [-1, NaN, "soon", {}, null, "-1 seconds", true]
  const job = (options: object): unknown => Job.make("a", { run: Effect.void, ...options } as never)
  const rows: ReadonlyArray<readonly [where: string, option: string, values: ReadonlyArray<unknown>, make: (value: any) => unknown]> = [
    ["Engine.make", "limits.jobs", bounds, (jobs) => Engine.make({ limits: { jobs } })],
    ["Engine.make", "grace", times, (grace) => Engine.make({ grace })],
    ["Engine.make", "onClose", ["abandon", true], (onClose) => Engine.make({ onClose })],
    ["Engine.make", "retention", [-1, 2.5, NaN, "8"], (retention) => Engine.make({ retention })],
    ["Engine.layer", "onChange", ["log", 1], (onChange) => Engine.layer({ onChange })],
    ["Job.make", "name", ["", 7, undefined], (name) => Job.make(name, { run: Effect.void })],
    ["Job.make", "timeout", times, (timeout) => job({ timeout })],
    ["Job.make", "attemptTimeout", times, (attemptTimeout) => job({ attemptTimeout })],
    ["Job.make", "queueTimeout", times, (queueTimeout) => job({ queueTimeout })],
    ["Job.make", "needs.gpu", [-1, 2.5, NaN, "8"], (gpu) => job({ needs: { gpu } })],
    ["Job.make", "priority", ["urgent", 1], (priority) => job({ priority })],
    ["Job.make", "onUpstream", ["ignore", true], (onUpstream) => job({ onUpstream })],
    ["Job.make", "when", ["tomorrow", true, {}], (when) => job({ when })],
    ["Job.make", "id", ["", 7], (id) => job({ id })]
  ]
  it.each(rows)("%s: wrong values of %s", (where, option, values, make) => {
    for (const value of values) {
      expect(() => make(value)).toThrow(RangeError)
      expect(() => make(value)).toThrow(new RegExp(`^${`${where}: ${option}`.replaceAll(".", "\\.")} must be .+, got .+`))
    }
  })

  it("and an unknown option is named", () => {
    expect(() => job({ retrys: 3 })).toThrow(/retrys/)
    expect(() => Engine.make({ maxJobs: 3 } as never)).toThrow(/maxJobs/)
  })
})

describe("law 18: wherever anybody is interrupted, nothing leaks", () => {
  it("of a graph with conditions, retries and waits, and every job has an end", async () => {
    let record = recorder()
    let engine: Engine.Engine | undefined
    const text: Case = {
      program: () =>
        Effect.suspend(() => {
          record = recorder()
          engine = undefined
          return Effect.onExit(
            Effect.scoped(
              Effect.gen(function* () {
                engine = yield* Engine.make({ limits: { jobs: 2 } })
                const open = yield* SubscriptionRef.make(true)
                const handles = yield* engine.submitAll(graph((work) => toEffect(work, record), open))
                yield* engine.submit(Job.make("waits", { run: tellAll(handles) }))
                yield* engine.awaitIdle
              })
            ),
            () => record.mark("returned")
          )
        }),
      after: () => {
        cleanBeforeReturn(record)
        if (engine === undefined) return
        const { limits, running, waiting } = Effect.runSync(engine.stats)
        equalWords("left", [limits["jobs"]!.used, running, ...Object.values(waiting)], [0, 0, 0, 0, 0, 0])
      }
    }
    const swept = await interruptAtEveryStep(undefined, text)
    expect(swept.interrupted.children).toBeGreaterThan(0)
  })

  it("and a store has of each job what was told of it", () => {
    let store = JobStore.memory()
    let handles: ReadonlyArray<Job.Handle<unknown, unknown>> = []
    const tasks = (["a", "b", "c", "d"] as const).map((name) =>
      Task.make(name, {
        payload: Schema.Number,
        success: Schema.Number,
        error: Schema.String,
        run: (n) => Effect.andThen(Effect.sleep(n), n === 2 ? Effect.fail("two") : Effect.succeed(n))
      })
    )
    return everywhere(undefined, {
      program: () =>
        Effect.suspend(() => {
          store = JobStore.memory()
          handles = []
          return Effect.scoped(
            Effect.gen(function* () {
              const engine = yield* Engine.make({ store, tasks, limits: { jobs: 2 } })
              const [a, b, c, d] = tasks.map((task, n) => Job.task(task, n, { retry: { times: 1, delay: 1 } }))
              const last = Job.with(d!, { after: [a!, b!], onUpstream: "run" })
              handles = yield* engine.submitAll([a!, b!, c!, last, Job.task(tasks[0]!, 7, { after: c! })])
              yield* engine.awaitIdle
            })
          )
        }),
      after: () => checkKept(store, handles)
    })
  })
})
