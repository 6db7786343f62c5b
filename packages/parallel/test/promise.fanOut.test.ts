/** What gathers and joiners of `@skein/parallel/promise` promise to code without Effect. Real promises and timers: what is asserted is order and outcome. */
import { setImmediate as turn } from "node:timers/promises"
import {
  all,
  backoff,
  best,
  decided,
  fanOut,
  first,
  firstN,
  GatherIncomplete,
  JoinError,
  make,
  merge,
  next,
  parallelGather,
  parallelMap,
  quorum,
  reduce,
  resultOf,
  skip,
  type TaskContext,
  until,
  unwrap
} from "@skein/parallel/promise"
import { describe, expect, it } from "vitest"
import { forEver, rejection, soon, throws, watchRejections } from "./promise.kit.ts"

watchRejections()

describe("parallelGather", () => {
  it("keeps tuples and records", async () => {
    const tuple = await parallelGather([() => 1, async () => "two"])
    expect(tuple.values).toEqual([1, "two"])
    const record = await parallelGather({ user: async () => "ada", bad: throws("no"), none: () => skip })
    expect(record.values).toEqual({ user: "ada" })
    expect([record.outcomes.user.status, record.outcomes.bad.status, record.outcomes.none.status]).toEqual([
      "completed",
      "failed",
      "skipped"
    ])
    expect(record.list.map(({ name }) => name)).toEqual(["user", "bad", "none"])
    expect(unwrap(await parallelGather({ a: () => 1, b: () => 2 }))).toEqual({ a: 1, b: 2 })
  })

  it("odd keys are keys like any other", async () => {
    const functions = JSON.parse('{"__proto__":1,"toString":2}')
    for (const key of Object.keys(functions)) {
      Object.defineProperty(functions, key, { value: () => key, enumerable: true })
    }
    const { outcomes, values } = await parallelGather(functions as Record<string, () => string>)
    expect(Object.keys(values)).toEqual(["__proto__", "toString"])
    expect(Object.getOwnPropertyDescriptor(outcomes, "__proto__")?.value).toMatchObject({ status: "completed", value: "__proto__" })
  })

  it("the same function twice is two tasks, and what is no function fails alone", async () => {
    const f = ({ index }: TaskContext) => index
    const result = await parallelGather([f, f, Promise.resolve(3) as never])
    expect(result.values).toEqual([0, 1])
    expect(String(result.errors[0]!.error)).toBe("TypeError: parallelGather: task 2 must be a function, got 3")
  })
})

describe("fanOut", () => {
  const give =
    <A>(value: A) =>
    async (): Promise<A> =>
      value
  const fail = async (): Promise<never> => Promise.reject(new Error("no"))

  it("stops the rest when it has decided, and waits for it", async () => {
    const events: Array<string> = []
    const slow = async (task: TaskContext): Promise<string> => {
      await forEver(task).catch(() => {})
      await turn()
      events.push("slow is clean")
      throw task.signal.reason
    }
    expect(await fanOut([slow, give("quick")], first())).toBe("quick")
    expect(events).toEqual(["slow is clean"])
  })

  it("each joiner does what its namesake does", async () => {
    expect(await fanOut([give(1), give(2)], all())).toEqual([1, 2])
    expect(await fanOut([fail, give(1), give(2)], firstN(5))).toEqual([1, 2])
    expect(await fanOut([fail, give(1), give(2)], quorum(2))).toEqual([1, 2])
    expect(
      await fanOut(
        [give(1), fail, give(4)],
        merge((values, { failed }) => [values, failed])
      )
    ).toEqual([[1, 4], 1])
    expect(
      await fanOut(
        [give(1), fail],
        reduce(
          () => "",
          (so, { status }) => `${so} ${status}`
        )
      )
    ).toBe(" completed failed")
    expect(
      await fanOut(
        [give(3), give(7), fail],
        best((a: number, b: number) => a - b)
      )
    ).toBe(7)
    expect(
      (
        await fanOut(
          [give(1), give(2), give(3)],
          until(({ index }) => index === 1),
          { concurrency: 1 }
        )
      ).completed
    ).toBe(2)
    const sum = make({
      initial: () => 0,
      onOutcome: (so: number, outcome: { readonly status: string; readonly value?: number }) => {
        const now = so + (outcome.value ?? 0)
        return now > 3 ? decided(now) : next(now)
      },
      onEnd: async (so) => `sum ${so}`
    })
    expect(await fanOut([give(2), give(2), give(2)], sum, { concurrency: 1 })).toBe("sum 4")
  })

  it("what cannot be met any more fails at once, with every error, and starts nothing else", async () => {
    let started = 0
    const counted = async (task: TaskContext) => (started++, forEver(task))
    const error = await rejection(fanOut([fail, fail, counted, counted], quorum(3), { concurrency: 2 }))
    expect(error).toBeInstanceOf(JoinError)
    expect([error.joiner, error.reason, error.errors.length]).toEqual(["quorum(3)", "TooFew", 2])
    expect(started).toBeLessThanOrEqual(1)
    expect((await rejection(fanOut([give(1)], quorum(2)))).result.notStarted).toBe(1)
    expect((await rejection(fanOut([give(1), fail], all({ onFailure: "collect" })))).reason).toBe("Incomplete")
  })

  it("no input is defined for each", async () => {
    const none: ReadonlyArray<() => Promise<number>> = []
    expect(await fanOut(none, all())).toEqual([])
    expect(
      await fanOut(
        none,
        reduce(
          () => 5,
          (so) => so
        )
      )
    ).toBe(5)
    expect(
      (
        await fanOut(
          none,
          until(() => true)
        )
      ).total
    ).toBe(0)
    for (const joiner of [first(), best((a: number, b: number) => a - b)]) {
      expect((await rejection(fanOut(none, joiner))).reason).toBe("NoInput")
    }
    for (const joiner of [firstN(1), quorum(1)]) expect((await rejection(fanOut(none, joiner))).reason).toBe("NoInput")
    expect(
      (
        await rejection(
          fanOut(
            none,
            merge((values) => values)
          )
        )
      ).reason
    ).toBe("NoInput")
  })

  it("a joiner that throws stops everything, is waited for, and is what the call rejects with", async () => {
    const events: Array<string> = []
    const slow = (task: TaskContext) => forEver(task).finally(() => events.push("clean"))
    const broken = reduce(() => 0, throws(new Error("joiner")))
    const error = await rejection(fanOut([slow, give(1)], broken))
    expect([String(error), events]).toEqual(["Error: joiner", ["clean"]])
    expect(resultOf(error)!.completed).toBe(1)
    expect(await rejection(fanOut([give(1)], throws("begin")))).toBe("begin")
    expect(await rejection(fanOut([give(1)], merge(throws("merge"))))).toBe("merge")
    expect(
      await rejection(
        fanOut(
          [give(1)],
          merge(async () => Promise.reject(new Error("async")))
        )
      )
    ).toEqual(new Error("async"))
    expect(String(await rejection(fanOut([give(1)], first as never)))).toMatch(/joiner must be a joiner/)
  })

  it("takes a lazy source of unknown size, and asks the joiner when it has ended", async () => {
    function* two() {
      yield give(1)
      yield fail
    }
    expect((await rejection(fanOut(two(), quorum(2)))).reason).toBe("TooFew")
    expect(await fanOut(two(), first())).toBe(1)
  })

  it("a joiner sees what never started, too", async () => {
    const seen = reduce(
      () => "",
      (so, { status }) => `${so} ${status}`
    )
    expect(await fanOut([give(1), give(2)], seen, { signal: AbortSignal.abort() })).toBe(" notStarted notStarted")
  })

  it("with a timeout it answers from what there is", async () => {
    expect(
      await fanOut(
        [give(1), give(3), forEver],
        best((a: number, b: number) => a - b),
        { timeout: soon }
      )
    ).toBe(3)
  })
})

describe("unwrap and backoff", () => {
  it("unwrap gives the values or throws with all errors", async () => {
    const result = await parallelMap([1, 2], (n) => (n === 2 ? throws("two")() : n))
    let error: any
    try {
      unwrap(result)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(GatherIncomplete)
    expect([error.message, error.errors, error.result]).toEqual(["1 of 2 tasks completed (1 failed)", ["two"], result])
    expect(() => unwrap(undefined as never)).toThrow("unwrap: result must be a GatherResult, got undefined")
  })

  it("backoff grows up to its end", () => {
    const wait = backoff({ from: 100, factor: 3, max: "1 second", jitter: 0 })
    expect([1, 2, 3, 4].map(wait)).toEqual([100, 300, 900, 1_000])
    const random = backoff()
    for (let i = 1; i < 50; i++) {
      const full = Math.min(30_000, 100 * 2 ** (i - 1))
      expect(random(i)).toBeLessThanOrEqual(full)
      expect(random(i)).toBeGreaterThanOrEqual(full / 2)
    }
    expect(() => backoff({ factor: 0.5 })).toThrow("backoff: factor must be a number of at least 1, got 0.5")
  })
})
