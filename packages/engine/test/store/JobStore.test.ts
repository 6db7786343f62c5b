import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as JobStore from "../../src/JobStore.ts"
import * as SqliteStore from "../../src/SqliteStore.ts"
import { live } from "../engineKit.ts"
import { compare, ended, idsOf, type Open, owning, Paper, reasonOf, running, runOf, submitted } from "./storeKit.ts"

const stores: ReadonlyArray<{ readonly kind: string; readonly open: Open }> = [
  { kind: "in this process", open: Effect.sync(() => JobStore.memory()) },
  { kind: "of SQLite", open: Effect.suspend(() => SqliteStore.make({ path: ":memory:" })) }
]

const full = runOf("a#1", {
  name: "ä \u{1F9F6}",
  job: "a",
  description: { text: 'quote " and \u0000 and \ud800', deep: [[null, true, -1.5e300]], ["__proto__"]: { own: 1 } },
  state: "failed",
  key: "key",
  labels: { team: "blue", ["__proto__"]: "x", "": "" },
  upstream: ["b", "c"],
  rerunOf: "a",
  startedAt: 1_700_000_000_002.125,
  endedAt: 1_700_000_000_003.5,
  attempts: 17,
  attemptCauses: [{ reasons: [] }, null],
  end: null
})

describe.each(stores)("A job store $kind", ({ open }) => {
  const using = <A>(use: (store: JobStore.JobStore) => Effect.Effect<A, unknown, Scope.Scope>): Promise<A> =>
    live(Effect.flatMap(open, use))

  it("gives back what was submitted as it was, by its id and in a list", () =>
    using((store) =>
      owning(store, (owner) =>
        Effect.gen(function* () {
          yield* owner.append([{ type: "submitted", run: full }, submitted("other")])
          expect(yield* store.get("a#1")).toStrictEqual(Option.some(full))
          expect((yield* store.list())[0]).toStrictEqual(full)
          expect((yield* owner.load).runs[0]).toStrictEqual(full)
          expect(yield* store.get("nobody")).toStrictEqual(Option.none())
        })
      )
    ))

  it("keeps what it was given, whatever becomes of that and of what it gives", () =>
    using((store) =>
      owning(store, (owner) =>
        Effect.gen(function* () {
          const description = { list: [1] }
          const labels: Record<string, string> = { a: "b" }
          yield* owner.append([submitted("a", { description, labels })])
          description.list.push(2)
          labels["a"] = "c"
          const [given] = yield* store.list()
          ;(given!.description as typeof description).list.push(3)
          expect(yield* store.list()).toStrictEqual([runOf("a", { description: { list: [1] }, labels: { a: "b" } })])
        })
      )
    ))

  it("follows a run from its submission to its end", () =>
    using((store) =>
      owning(store, (owner) =>
        Effect.gen(function* () {
          const look = Effect.map(store.get("a"), (found) => {
            const { attemptCauses, attempts, end, endedAt, startedAt, state } = Option.getOrThrow(found)
            return [state, attempts, startedAt, attemptCauses, endedAt, end]
          })
          yield* owner.append([submitted("a")])
          expect(yield* look).toEqual(["waiting", 0, undefined, [], undefined, undefined])
          yield* owner.append([running("a", 1, 5)])
          expect(yield* look).toEqual(["running", 1, 5, [], undefined, undefined])
          yield* owner.append([{ type: "waiting", id: "a", attempts: 1, attemptCauses: ["lost"] }])
          expect(yield* look).toEqual(["waiting", 1, 5, ["lost"], undefined, undefined])
          yield* owner.append([running("a", 2, 5)])
          yield* owner.append([ended("a", { state: "timeout", endedAt: 9, attempts: 2, attemptCauses: ["lost"], end: { after: 3 } })])
          expect(yield* look).toEqual(["timeout", 2, 5, ["lost"], 9, { after: 3 }])
        })
      )
    ))

  it("keeps all changes of an append or none", () =>
    using((store) =>
      owning(store, (owner) =>
        Effect.gen(function* () {
          yield* owner.append([submitted("a"), submitted("b")])
          const before = yield* owner.load
          for (const wrong of [submitted("b"), submitted("c", { description: 1n as never })]) {
            const attempt = owner.append([
              running("a"),
              { type: "removed", id: "a" },
              { type: "schedule", name: "s", state: 1 },
              submitted("c"),
              wrong
            ])
            expect(yield* reasonOf(attempt)).toBe("Unavailable")
            expect(yield* owner.load).toStrictEqual(before)
          }
          expect((yield* Effect.flip(owner.append([submitted("c"), submitted("c")]))).message).toContain('run "c" is kept already')
          yield* owner.append([submitted("c")])
          expect(idsOf(yield* store.list())).toEqual(["a", "b", "c"])
        })
      )
    ))

  it("changes nothing for a run that is not there", () =>
    using((store) =>
      owning(store, (owner) =>
        Effect.gen(function* () {
          yield* owner.append([submitted("a"), { type: "removed", id: "a" }, running("a")])
          yield* owner.append([
            running("a"),
            ended("b"),
            { type: "removed", id: "c" },
            { type: "answered", request: 7, refusal: undefined },
            { type: "answered", request: 8, refusal: "no" },
            { type: "schedule", name: "d", state: undefined }
          ])
          expect(yield* store.list()).toEqual([])
          expect(yield* store.requests).toEqual([])
        })
      )
    ))

  it("takes a run in again after it was removed, as a new one at the end", () =>
    using((store) =>
      owning(store, (owner) =>
        Effect.gen(function* () {
          const labels = { team: "blue" }
          yield* owner.append([submitted("a", { labels, key: "k" }), submitted("b"), ended("a")])
          yield* owner.append([{ type: "removed", id: "a" }, submitted("a")])
          expect(yield* store.list()).toStrictEqual([runOf("b"), runOf("a")])
          expect(yield* store.list({ labels })).toEqual([])
          expect(yield* store.list({ key: "k" })).toEqual([])
        })
      )
    ))

  it("gives the newest where there is a limit, in the order of submission", () =>
    using((store) =>
      owning(store, (owner) =>
        Effect.gen(function* () {
          yield* owner.append(Array.from({ length: 200 }, (_, i) => submitted(`${i}`, { submittedAt: 1_000 - i })))
          expect(idsOf(yield* store.list({ limit: 3 }))).toEqual(["197", "198", "199"])
          expect(yield* store.list({ limit: 0 })).toEqual([])
          expect((yield* store.list()).length).toBe(200)
        })
      )
    ))

  it("refuses a question that means nothing", () =>
    using((store) =>
      Effect.gen(function* () {
        for (const [query, message] of [
          [{ limit: -1 }, "JobStore.list: limit must be a whole number of at least 0, got -1"],
          [{ limit: 1.5 }, "JobStore.list: limit must be a whole number of at least 0, got 1.5"],
          [{ ended: { from: Number.NaN } }, "JobStore.list: ended.from must be an instant in milliseconds, got NaN"],
          [{ label: {} } as JobStore.Query, 'JobStore.list: unknown option "label"']
        ] as const) {
          const exit = yield* Effect.exit(store.list(query))
          expect(Exit.isFailure(exit) ? (Cause.squash(exit.cause) as Error).message : "").toContain(message)
        }
      })
    ))

  it("gives requests numbers that increase, and forgets those that were carried out", () =>
    using((store) =>
      owning(store, (owner) =>
        Effect.gen(function* () {
          const asked: ReadonlyArray<JobStore.Request> = [
            { _tag: "Submit", jobs: [{ id: "a", name: "build", description: { b: 1 } }] },
            { _tag: "Cancel", id: "a", reason: "too late" },
            { _tag: "Rerun", id: "a", as: "a2" },
            { _tag: "Remove", id: "a" }
          ]
          const numbers: Array<number> = []
          for (const request of asked) numbers.push(yield* store.request(request))
          expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
          const kept = yield* store.requests
          expect(kept.map(({ number }) => number)).toEqual(numbers)
          expect(kept.map(({ request }) => request)).toEqual(asked)
          expect(kept.every(({ at, refusal }) => Math.abs(at - Date.now()) < 60_000 && refusal === undefined)).toBe(true)

          yield* owner.append([
            ...[numbers[0]!, numbers[1]!, numbers[3]!].map((request) => ({ type: "answered" as const, request, refusal: undefined })),
            { type: "answered", request: numbers[2]!, refusal: "it runs" }
          ])
          expect((yield* store.requests).map(({ number, refusal }) => [number, refusal])).toEqual([[numbers[2], "it runs"]])
          expect(yield* store.request(asked[0]!)).toBeGreaterThan(numbers[3]!)
        })
      )
    ))

  it("forgets the oldest of a thousand and more requests that were refused, and none that waits", () =>
    using((store) =>
      owning(store, (owner) =>
        Effect.gen(function* () {
          const first = yield* store.request({ _tag: "Remove", id: "waits" })
          const numbers: Array<number> = []
          for (let i = 0; i < 1_010; i++) numbers.push(yield* store.request({ _tag: "Remove", id: `${i}` }))
          yield* owner.append(numbers.map((request) => ({ type: "answered", request, refusal: "no" })))
          expect((yield* store.requests).map(({ number }) => number)).toEqual([first, ...numbers.slice(10)])
        })
      )
    ))

  it("has one owner at a time, each with a larger token", () =>
    using((store) =>
      Effect.gen(function* () {
        expect(yield* store.isOwned).toBe(false)
        const tokens: Array<number> = []
        for (let i = 0; i < 3; i++) {
          yield* owning(store, ({ token }) =>
            Effect.gen(function* () {
              tokens.push(token)
              expect(yield* store.isOwned).toBe(true)
              expect(yield* reasonOf(store.own)).toBe("Owned")
            })
          )
          expect(yield* store.isOwned).toBe(false)
        }
        expect(tokens[0]! < tokens[1]! && tokens[1]! < tokens[2]!).toBe(true)
      })
    ))

  it("is free again when its owner is interrupted", () =>
    using((store) =>
      Effect.gen(function* () {
        const has = yield* Deferred.make<void>()
        const fiber = yield* Effect.forkChild(owning(store, () => Effect.andThen(Deferred.succeed(has, undefined), Effect.never)))
        yield* Deferred.await(has)
        yield* Fiber.interrupt(fiber)
        yield* owning(store, (owner) => owner.append([submitted("a")]))
        expect(idsOf(yield* store.list())).toEqual(["a"])
      })
    ))

  it("takes nothing from an owner whose scope is closed", () =>
    using((store) =>
      Effect.gen(function* () {
        const old = yield* owning(store, Effect.succeed)
        expect(yield* reasonOf(old.append([submitted("a")]))).toBe("Fenced")
        yield* owning(store, () => Effect.map(reasonOf(old.append([submitted("a")])), (reason) => expect(reason).toBe("Fenced")))
        expect(yield* store.list()).toEqual([])
      })
    ))

  it("tells those who watch what may have changed, until their scope closes, whatever one of them throws", () =>
    using((store) =>
      owning(store, (owner) =>
        Effect.gen(function* () {
          const told: Array<string> = []
          const logged: Array<unknown> = []
          const scope = yield* Scope.make()
          const both = Effect.andThen(
            store.watch(() => {
              throw new Error("mine")
            }),
            store.watch((changed) => told.push(changed))
          )
          yield* Scope.provide(both, scope)
          const logger = Logger.make(({ message }) => void logged.push(message))
          yield* Effect.gen(function* () {
            yield* owner.append([submitted("a")])
            yield* store.request({ _tag: "Remove", id: "a" })
            yield* Effect.flip(owner.append([submitted("a")]))
            yield* owner.append([])
          }).pipe(Effect.provide(Logger.layer([logger])))
          expect(told).toEqual(["runs", "requests"])
          expect(logged).toEqual(Array.from({ length: 2 }, () => ["a listener of a job store threw", new Error("mine")]))
          yield* Scope.close(scope, Exit.void)
          yield* owner.append([running("a")])
          expect(told.length).toBe(2)
        })
      )
    ))

  it("keeps whatever changes come in whatever batches, and answers every question, as paper does", async () => {
    const id = fc.constantFrom("a", "b", "c", "d")
    const instant = fc.integer({ min: 0, max: 6 })
    const word = fc.constantFrom("x", "y")
    const labels = fc.dictionary(fc.constantFrom("l", "m"), word, { maxKeys: 2, noNullPrototype: true })
    const endWord = fc.constantFrom("completed", "failed", "timeout", "cancelled", "skipped")
    const causes = fc.array(fc.constantFrom("one", "two"), { maxLength: 2 })
    const attempts = fc.integer({ min: 0, max: 3 })
    const change: fc.Arbitrary<JobStore.StoredChange> = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          type: fc.constant("submitted" as const),
          run: fc
            .record({ id, name: word, labels, submittedAt: instant, key: fc.option(word, { nil: undefined }) })
            .map(({ id, ...more }) => runOf(id, more))
        })
      },
      { weight: 2, arbitrary: fc.record({ type: fc.constant("running" as const), id, attempts, startedAt: instant }) },
      fc.record({ type: fc.constant("waiting" as const), id, attempts, attemptCauses: causes }),
      {
        weight: 3,
        arbitrary: fc.record({
          type: fc.constant("ended" as const),
          id,
          state: endWord,
          endedAt: instant,
          attempts,
          attemptCauses: causes,
          end: fc.constantFrom(null, { v: 1 })
        })
      },
      fc.record({ type: fc.constant("removed" as const), id }),
      fc.record({ type: fc.constant("schedule" as const), name: word, state: fc.constantFrom(undefined, null, { at: 1 }) })
    )
    const range = fc.record({ from: instant, to: instant }, { requiredKeys: [] })
    const query: fc.Arbitrary<JobStore.Query> = fc.record(
      {
        name: word,
        key: word,
        labels,
        state: fc.subarray(["waiting", "running", "completed", "failed", "timeout", "cancelled", "skipped"] as const),
        submitted: range,
        ended: range,
        limit: fc.integer({ min: 0, max: 3 })
      },
      { requiredKeys: [] }
    )
    let found = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 5 }),
        fc.array(query, { maxLength: 8 }),
        (batches, queries) =>
          using((store) =>
            owning(store, (owner) =>
              Effect.gen(function* () {
                const paper = new Paper()
                for (const batch of batches) {
                  // To submit what is there is refused, which another test sees to.
                  const legal: Array<JobStore.StoredChange> = []
                  for (const one of batch) {
                    if (one.type === "submitted" && paper.runs.some((run) => run.id === one.run.id)) continue
                    // Nor does a run go on after its end.
                    if (
                      (one.type === "running" || one.type === "waiting") &&
                      paper.runs.some((run) => run.id === one.id && run.end !== undefined)
                    )
                      continue
                    paper.change(one)
                    legal.push(one)
                  }
                  yield* owner.append(legal)
                  yield* compare(store, owner, paper, queries)
                  for (const query of queries) found += paper.list(query).length
                }
              })
            )
          )
      ),
      { numRuns: 150 }
    )
    expect(found).toBeGreaterThan(0)
  })
})

describe("JobStore.memory", () => {
  it("refuses options that it does not know", () => {
    expect(() => JobStore.memory({ names: 1 } as never)).toThrow(RangeError)
    expect(() => JobStore.memory({ name: 1 } as never)).toThrow("JobStore.memory: name must be a string, got 1")
    expect(JobStore.memory({ name: "mine" }).name).toBe("mine")
  })
})
