import * as Effect from "effect/Effect"
import * as Context from "effect/Context"
import { describe, expect, expectTypeOf, it } from "vitest"
import * as Engine from "../src/Engine.ts"
import * as Job from "../src/Job.ts"
import { live, told } from "./engineKit.ts"

const one = Job.make("one", { run: Effect.succeed(1) })
const word = Job.make("word", { run: () => Effect.succeed("w") })
const broken = Job.make("broken", { run: Effect.fail("no" as const) })

/** What `run` is given for an input that refers to `one`, `word` and `broken`. */
const given = <const I>(input: I): Promise<unknown> =>
  live(
    Effect.gen(function* () {
      const engine = yield* Engine.make()
      const [, , , last] = yield* engine.submitAll([
        one,
        word,
        broken,
        Job.make("last", { input, run: (got) => Effect.succeed<unknown>(got) })
      ])
      return yield* last.join
    })
  )

describe("Job.make", () => {
  it("takes an effect", async () => {
    expect(
      await live(
        Effect.flatMap(
          Effect.flatMap(Engine.make(), (e) => e.submit(one)),
          (h) => h.join
        )
      )
    ).toBe(1)
  })

  it("takes a function of nothing", async () => {
    expect(
      await live(
        Effect.flatMap(
          Effect.flatMap(Engine.make(), (e) => e.submit(word)),
          (h) => h.join
        )
      )
    ).toBe("w")
  })

  it("gives an input without references to run as it is", async () => {
    const input = { list: [1, 2], date: new Date(0) }
    expect(await given(input)).toBe(input)
  })

  it.each<[string, object, string]>([
    ["an unknown option", { run: Effect.void, retrys: 3 }, 'Job.make: unknown option "retrys"'],
    ["no work", {}, "Job.make: run must be an Effect or a function that gives one, got undefined"],
    ["an effect with an input", { run: Effect.void, input: 1 }, "Job.make: run must be a function of the input"],
    ["an empty id", { run: Effect.void, id: "" }, "Job.make: id must be a string that is not empty"],
    ["a negative need", { run: Effect.void, needs: { gpu: -1 } }, "Job.make: needs.gpu must be a whole number of at least 0, got -1"],
    ["a broken need", { run: Effect.void, needs: { gpu: 0.5 } }, "Job.make: needs.gpu must be a whole number of at least 0, got 0.5"],
    ["needs that are a list", { run: Effect.void, needs: ["gpu"] }, "Job.make: needs must be a record, got an array of 1"],
    [
      "a priority that is none",
      { run: Effect.void, priority: "urgent" },
      'Job.make: priority must be "high" | "normal" | "low", got "urgent"'
    ],
    ["a negative timeout", { run: Effect.void, timeout: -1 }, "Job.make: timeout must be a duration that is not negative, got -1"],
    ["a retry without a bound", { run: Effect.void, retry: {} }, "Job.make: retry must be bounded by times or by a schedule"],
    ["a word for onUpstream that is none", { run: Effect.void, onUpstream: true }, 'Job.make: onUpstream must be "skip" | "run", got true'],
    ["a label that is no text", { run: Effect.void, labels: { n: 1 } }, "Job.make: labels.n must be a string, got 1"],
    ["a condition that is none", { run: Effect.void, when: 5 }, "Job.make: when must be a condition, got 5"],
    ["something to wait for that is no job", { run: Effect.void, after: 5 }, "Job.make: after must be a Job, a handle or an id, got 5"]
  ])("refuses %s", (_, options, message) => {
    expect(() => Job.make("x", options as never)).toThrow(message)
  })

  it("refuses an empty name", () => {
    expect(() => Job.make("", { run: Effect.void })).toThrow("Job.make: name must be a string that is not empty")
  })

  it("refuses an input that contains itself", () => {
    const input: { self?: object } = {}
    input.self = input
    expect(() => Job.make("x", { input, run: () => Effect.void })).toThrow("Job.make: input must be free of circles")
  })
})

describe("Job.result", () => {
  it("is replaced in a record", async () => {
    expect(await given({ n: Job.result(one), rest: true })).toEqual({ n: 1, rest: true })
  })

  it("is replaced in a tuple", async () => {
    expect(await given([Job.result(one), "and", Job.result(word)])).toEqual([1, "and", "w"])
  })

  it("is replaced at any depth", async () => {
    expect(await given({ a: [{ b: [Job.result(one)] }], c: { d: { e: Job.result(word) } } })).toEqual({
      a: [{ b: [1] }],
      c: { d: { e: "w" } }
    })
  })

  it("is replaced as the whole input", async () => {
    expect(await given(Job.result(word))).toBe("w")
  })

  it("may stand in two places", async () => {
    const place = Job.result(one)
    expect(await given([place, { again: place }])).toEqual([1, { again: 1 }])
  })

  it("does not change the input it stands in", async () => {
    const input = { n: Job.result(one) }
    await given(input)
    expect(input.n).not.toBe(1)
  })

  it("leaves class instances and maps as they are", async () => {
    const map = new Map([["k", Job.result(one)]])
    const got = (await given({ map, n: Job.result(one) })) as { readonly map: unknown }
    expect(got.map).toBe(map)
  })

  it("takes a key called __proto__ for a key", async () => {
    const got = (await given(JSON.parse('{"__proto__": {"x": 1}, "n": 2}'))) as object
    expect(Object.keys(got)).toEqual(["__proto__", "n"])
  })

  it("is typed", () => {
    const job = Job.make("typed", {
      input: { n: Job.result(one), all: [Job.result(word), { end: Job.outcome(broken) }], plain: new Date(0) },
      run: (input) => {
        expectTypeOf(input.n).toEqualTypeOf<number>()
        expectTypeOf(input.all[0]).toEqualTypeOf<string>()
        expectTypeOf(input.all[1].end).toEqualTypeOf<Job.End<never, "no">>()
        expectTypeOf(input.plain).toEqualTypeOf<Date>()
        return Effect.fail(new Error("x"))
      }
    })
    expectTypeOf(job).toEqualTypeOf<Job.Job<never, Error>>()
  })

  it("refuses what is no job", () => {
    expect(() => Job.result(5 as never)).toThrow("Job.result: other must be a Job, a handle or an id, got 5")
  })
})

describe("Job.outcome", () => {
  it("is replaced by the end, whichever it is", async () => {
    const got = (await given([Job.outcome(one), Job.outcome(broken)])) as ReadonlyArray<Job.End<unknown, unknown>>
    expect(got.map(told)).toEqual(["completed 1", "failed no"])
  })
})

describe("Job.on", () => {
  it("refuses a word that is no end", () => {
    expect(() => Job.on(one, "done" as never)).toThrow('Job.on: ends must be "completed" | "failed" | "timeout" | "cancelled" | "skipped"')
  })

  it("refuses no words", () => {
    expect(() => Job.on(one, [])).toThrow("Job.on: ends must be at least one word")
  })
})

describe("Job.afterAny", () => {
  it("refuses no jobs", () => {
    expect(() => Job.afterAny([])).toThrow("Job.afterAny: others must be an array of at least one job")
  })

  it("refuses a choice inside a choice", () => {
    expect(() => Job.afterAny([Job.afterAny([one, word])])).toThrow("Job.afterAny: others must be jobs or what Job.on gives")
  })
})

describe("services", () => {
  const Base = Context.Service<{ readonly n: number }>("test/Base")

  it("are those of the place where the job is submitted", async () => {
    const job = Job.make("uses", { run: Effect.map(Base, ({ n }) => n) })
    const program = Effect.gen(function* () {
      const engine = yield* Engine.make()
      const handle = yield* Effect.provideService(engine.submit(job), Base, { n: 7 })
      return yield* handle.join
    })
    expect(await live(program)).toBe(7)
  })
})
