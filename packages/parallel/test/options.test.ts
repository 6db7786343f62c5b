import { Deadline, GatherResult, Limiter, Progress } from "@skein/core"
import { GatherTimeout, parallelGather, parallelMap } from "@skein/parallel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { describe, expect, it } from "vitest"
import { after, countedSignal, failsAfter, logged, Meter, rule, stubborn, told, word } from "./kit.ts"

// D-B12: an unknown word is refused, and before anything runs.
describe("Options: wrong values", () => {
  const bound = `a whole number of at least 1, or "unbounded"`
  const duration = "a duration that is not negative"
  const wrong: ReadonlyArray<readonly [option: string, value: unknown, expected: string, got: string]> = [
    ["concurrency", 0, bound, "0"],
    ["concurrency", -1, bound, "-1"],
    ["concurrency", 2.5, bound, "2.5"],
    ["concurrency", Number.NaN, bound, "NaN"],
    ["concurrency", "8", bound, `"8"`],
    ["concurrency", Infinity, bound, "Infinity"],
    ["concurrency", null, bound, "null"],
    ["concurrency", 2n, bound, "2n"],
    ...["timeout", "taskTimeout", "attemptTimeout", "queueTimeout", "grace"].flatMap((option) => [
      [option, -1, duration, "-1"] as const,
      [option, Number.NaN, duration, "NaN"] as const,
      [option, "-1 second", duration, `"-1 second"`] as const,
      [option, "soon", duration, `"soon"`] as const,
      [option, null, duration, "null"] as const,
      [option, -5n, duration, "-5n"] as const
    ]),
    ["onFailure", "collect", `"isolate" | "interrupt"`, `"collect"`],
    ["onFailure", true, `"isolate" | "interrupt"`, "true"],
    ["onTimeout", "throw", `"partial" | "fail"`, `"throw"`],
    ["priority", "urgent", `"normal" | "high" | "low"`, `"urgent"`],
    ["stop", {}, "an AbortSignal or an Effect", "an object"],
    ["stop", new AbortController(), "an AbortSignal or an Effect", "an object (AbortController)"],
    ["stop", null, "an AbortSignal or an Effect", "null"],
    ["limiter", 3, "a Limiter", "3"],
    ["limiter", null, "a Limiter", "null"],
    ["limiter", {}, "a Limiter", "an object"],
    ["onOutcome", "log", "a function", `"log"`],
    ["onProgress", {}, "a function", "an object"],
    ["name", 7, "a string", "7"],
    ["retry", 3, "a Schedule or an object", "3"],
    ["retry", {}, "bounded by times or by a schedule", "an object"]
  ]

  it.each(wrong)("refuses %s: %o at once", (option, value, expected, got) => {
    expect(() => parallelMap([1], () => Effect.void, { [option]: value })).toThrow(
      new RangeError(`parallelMap: ${option} must be ${expected}, got ${got}`)
    )
  })

  it.each([
    [{ times: -1 }, "retry.times must be a whole number of at least 0, got -1"],
    [{ times: 1.5 }, "retry.times must be a whole number of at least 0, got 1.5"],
    [{ times: 1, schedule: 5 }, "retry.schedule must be a Schedule, got 5"],
    [{ times: 1, while: true }, "retry.while must be a function, got true"],
    [{ times: 1, needs: -1 }, "retry.needs must be a duration that is not negative, got -1"]
  ])("refuses retry: %o at once", (retry, message) => {
    expect(() => parallelMap([1], () => Effect.void, { retry: retry as never })).toThrow(new RangeError(`parallelMap: ${message}`))
  })

  it("refuses an option that it does not know, and says which it knows", () => {
    const options = { concurency: 3 }
    expect(() => parallelMap([1], () => Effect.void, options as {})).toThrow(
      /^parallelMap: unknown option "concurency", known are name, concurrency, /
    )
    expect(() => parallelMap([1], () => Effect.void, { retry: { time: 3 } as never })).toThrow(/unknown option "time", known are times, /)
  })

  it.each([3, "fast", null, true])("refuses %o in the place of options", (options) => {
    expect(() => parallelMap([1], () => Effect.void, options as never)).toThrow(RangeError)
  })

  it.each([
    [undefined, "undefined"],
    [null, "null"],
    [7, "7"],
    [{}, "an object"]
  ])("refuses %o in the place of items", (items, got) => {
    expect(() => parallelMap(items as never, () => Effect.void)).toThrow(
      new TypeError(`parallelMap: items must be an iterable, an async iterable or a Stream, got ${got}`)
    )
  })

  it("refuses a mapper that is no function", () => {
    expect(() => parallelMap([1], Effect.void as never)).toThrow(new TypeError("parallelMap: f must be a function, got an object"))
  })

  it("names the function that was called", () => {
    expect(() => parallelGather([], { concurrency: 0 })).toThrow(/^parallelGather: concurrency must be /)
  })

  it("takes undefined for an option that was not given", async () => {
    const options = {
      concurrency: undefined,
      timeout: undefined,
      onFailure: undefined,
      retry: undefined,
      stop: undefined,
      limiter: undefined
    }
    expect(await Effect.runPromise(parallelMap([1], Effect.succeed, options))).toMatchObject({ completed: 1 })
  })
})

describe("Options.timeout", () => {
  // D-B7, D-B17
  rule("cuts what runs, gives what is done, and tells what never began apart", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([5, 50, 5], (ms) => after(ms, ms), { concurrency: 1, timeout: 20 })
      expect(told(result)).toEqual(["completed 5", "timeout call Interrupt", "notStarted (call timed out after 20ms)"])
      expect(Duration.toMillis(result.elapsed)).toBe(20)
    })
  )

  rule("of 0 starts nothing", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1, 2], () => Effect.die("started"), { timeout: 0 })
      expect(told(result)).toEqual(Array(2).fill("notStarted (call timed out after 0)"))
    })
  )

  // D-B11: unlimited is what a call is when it says so.
  rule("of Infinity is none", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1], () => after(1e9, "at last"), { timeout: "Infinity", taskTimeout: Infinity })
      expect(told(result)).toEqual(["completed at last"])
    })
  )
})

describe("Options.onTimeout", () => {
  // D-B17
  rule("fails with the partial result when the time is over and something is not done", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        parallelMap([1, 2], (n) => (n === 1 ? after(1, n) : Effect.never), { timeout: 10, onTimeout: "fail" })
      )
      expect(error).toBeInstanceOf(GatherTimeout)
      expect(told(error.result)).toEqual(["completed 1", "timeout call Interrupt"])
      expect(error.message).toBe("1 of 2 tasks had completed when the time was over")
    })
  )

  rule("fails in the same way for a deadline around the call", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Deadline.within(
          parallelMap([1], () => Effect.never, { onTimeout: "fail" }),
          10
        )
      )
      expect(error._tag).toBe("GatherTimeout")
    })
  )

  rule("succeeds when all is done, though some of it late", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1, 2], (n) => stubborn(20, n), { timeout: 10, onTimeout: "fail" })
      expect(told(result)).toEqual(["completed 1 late", "completed 2 late"])
    })
  )

  rule("fails when a source was not read to its end, though all it gave is done", () =>
    Effect.gen(function* () {
      const endless = function* () {
        for (;;) yield 1
      }
      const error = yield* Effect.flip(parallelMap(endless(), (n) => stubborn(20, n), { concurrency: 2, timeout: 10, onTimeout: "fail" }))
      expect(error.result).toMatchObject({ completed: 2, total: 2, exhausted: false })
    })
  )

  rule("has nothing to say when a task's own time or `stop` ended it", () =>
    Effect.gen(function* () {
      const byTask = yield* parallelMap([1], () => Effect.never, { taskTimeout: 10, onTimeout: "fail" })
      const byStop = yield* parallelMap([1], () => Effect.never, { stop: Effect.sleep(10), onTimeout: "fail" })
      expect([byTask, byStop].map(told)).toEqual([["timeout task Interrupt"], ["cancelled (stopped) Interrupt"]])
    })
  )

  rule("lets a typed failure that came first be the error", () =>
    Effect.gen(function* () {
      const task = (n: number) => (n === 1 ? failsAfter(5, "typed") : stubborn(50, n))
      const error = yield* Effect.flip(parallelMap([1, 2], task, { timeout: 10, onTimeout: "fail", onFailure: "interrupt" }))
      expect(error).toBe("typed")
    })
  )
})

describe("Options.taskTimeout", () => {
  // D-B11
  rule("cuts each task that takes longer, counted from its own start, and leaves the others alone", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([10, 30, 10, 30], (ms) => after(ms, ms), { concurrency: 1, taskTimeout: 20 })
      expect(told(result)).toEqual(["completed 10", "timeout task Interrupt", "completed 10", "timeout task Interrupt"])
      expect(Duration.toMillis(result.elapsed)).toBe(60)
    })
  )

  // D-B11
  rule("is not confused with a time-out error of the task's own", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1], () => Effect.timeout(Effect.never, 10), { taskTimeout: 50 })
      expect(told(result)).toEqual(["failed Fail(Operation timed out after '10ms')"])
    })
  )

  rule("is waited for without a timer that is left behind", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1, 2, 3], (n) => after(n, n), { taskTimeout: 1000, concurrency: 1 })
      expect(result.completed).toBe(3)
    })
  )
})

describe("Options.queueTimeout", () => {
  rule("cuts a task that waits too long for a permit, and says that it was the queue", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      const result = yield* parallelMap([1, 2], (n) => after(30, n), { limiter, queueTimeout: 20, taskTimeout: 40 })
      const queued = result.list.find((outcome) => outcome._tag === "TimedOut")!
      expect(word(queued)).toBe("timeout queue Interrupt")
      expect([queued.attempts, queued.startedAt, Duration.toMillis(queued.queuedFor!)]).toEqual([0, undefined, 20])
    })
  )

  // D-B7
  rule("does not count against a task that has its permit, and running does not count waiting", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      const result = yield* parallelMap([1, 2, 3], (n) => after(30, n), { limiter, queueTimeout: 100, taskTimeout: 40 })
      expect(result.completed).toBe(3)
      const times = result.list.map(({ queuedFor, ranFor }) => [Duration.toMillis(queuedFor!), Duration.toMillis(ranFor!)])
      expect([...times].sort(([a], [b]) => a! - b!)).toEqual([
        [0, 30],
        [30, 30],
        [60, 30]
      ])
    })
  )
})

describe("Options.stop", () => {
  for (const reason of ["user closed the tab", new Error("an error"), 42, { own: "object" }, null]) {
    rule(`keeps the signal's own reason in the outcomes: ${String(reason)}`, () =>
      Effect.gen(function* () {
        const controller = new AbortController()
        yield* Effect.forkChild(
          Effect.andThen(
            Effect.sleep(10),
            Effect.sync(() => controller.abort(reason))
          )
        )
        const result = yield* parallelMap([1, 2, 3], (n) => (n === 1 ? Effect.succeed(n) : Effect.never), {
          concurrency: 1,
          stop: controller.signal
        })
        expect(result.list.map((outcome) => ("reason" in outcome ? outcome.reason : outcome.status))).toEqual([
          "completed",
          { _tag: "Aborted", value: reason },
          { _tag: "Aborted", value: reason }
        ])
      })
    )
  }

  rule("starts nothing when the signal was aborted before", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1, 2], () => Effect.die("started"), { stop: AbortSignal.abort("too late") })
      expect(told(result)).toEqual(["notStarted (aborted: too late)", "notStarted (aborted: too late)"])
    })
  )

  rule("starts nothing when the effect ends at once", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1], () => Effect.die("started"), { stop: Effect.void })
      expect(told(result)).toEqual(["notStarted (stopped)"])
    })
  )

  rule("listens to the signal as long as the call lasts, and no longer", () =>
    Effect.gen(function* () {
      const { listeners, signal } = countedSignal(new AbortController().signal)
      const during: Array<number> = []
      yield* parallelMap([1], () => after(1, 1), { stop: signal, onOutcome: () => void during.push(listeners()) })
      expect([during, listeners()]).toEqual([[1], 0])
    })
  )

  rule("interrupts the effect when the call is over, and waits for its cleanup", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const stop = Effect.onInterrupt(Effect.never, () =>
        Effect.andThen(
          Effect.sleep(10),
          Effect.sync(() => void events.push("stop is gone"))
        )
      )
      yield* parallelMap([1], () => after(1, 1), { stop })
      events.push("over")
      expect(events).toEqual(["stop is gone", "over"])
    })
  )

  rule("ends the call when the effect fails, and logs why", () =>
    Effect.gen(function* () {
      const [result, lines] = yield* logged(
        parallelMap([1], () => Effect.never, { stop: Effect.andThen(Effect.sleep(10), Effect.die("stop broke")), name: "crawl" })
      )
      expect([told(result), lines]).toEqual([["cancelled (stopped) Interrupt"], ["skein: crawl: its `stop` effect failed Die(stop broke)"]])
    })
  )

  rule("keeps the first reason when several things end the call", () =>
    Effect.gen(function* () {
      const result = yield* parallelMap([1, 2], () => stubborn(50, "late"), { concurrency: 1, stop: Effect.sleep(10), timeout: 20 })
      expect(told(result)).toEqual(["completed late late", "notStarted (stopped)"])
    })
  )

  rule("may be pulled by a mapper, a task or an observer", () =>
    Effect.gen(function* () {
      const by = (what: "mapper" | "task" | "observer") =>
        Effect.suspend(() => {
          const controller = new AbortController()
          return parallelMap(
            [1, 2, 3],
            (n) => {
              if (n === 2 && what === "mapper") controller.abort(what)
              return n === 2 && what === "task"
                ? Effect.andThen(
                    Effect.sync(() => controller.abort(what)),
                    Effect.never
                  )
                : after(n * 10, n)
            },
            {
              concurrency: 2,
              stop: controller.signal,
              onOutcome: ({ index }) => void (index === 0 && what === "observer" && controller.abort(what))
            }
          )
        })
      const [mapper, task, observer] = yield* Effect.all([by("mapper"), by("task"), by("observer")])
      const cut = (who: string) => [`cancelled (aborted: ${who}) Interrupt`, `notStarted (aborted: ${who})`]
      expect(told(mapper).slice(1)).toEqual(cut("mapper"))
      expect(told(task).slice(1)).toEqual(cut("task"))
      expect(told(observer)).toEqual(["completed 1", ...cut("observer")])
    })
  )
})

describe("Options.limiter", () => {
  // D-B18
  rule("shares one bound between calls and other work", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 3 })
      const meter = new Meter()
      const work = meter.count(Effect.sleep(5))
      const call = parallelMap(Array(8).fill(0), () => work, { limiter })
      yield* Effect.all([call, call, limiter.withPermit(work)], { concurrency: "unbounded" })
      expect(meter).toMatchObject({ peak: 3, total: 17 })
      expect(yield* limiter.stats).toMatchObject({ running: 0, waiting: 0 })
    })
  )

  // D-B10
  rule("is lent to calls inside its own tasks", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      const meter = new Meter()
      const nested = (depth: number): Effect.Effect<number> =>
        depth === 0
          ? meter.count(after(1, 1))
          : Effect.map(
              parallelMap([1, 2], () => nested(depth - 1), { limiter }),
              (result) => GatherResult.values(result).reduce((a, b) => a + b, 0)
            )
      expect(yield* nested(3)).toBe(8)
      expect(meter.peak).toBe(1)
      expect(yield* limiter.stats).toMatchObject({ running: 0, waiting: 0, peak: 1 })
    })
  )

  // D-B10, law 14
  rule("is refused in a cycle with another one, with the cycle written out", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* Limiter.make({ permits: 1, name: "a" }), yield* Limiter.make({ permits: 1, name: "b" })]
      const inside = (first: typeof a, second: typeof a) =>
        Effect.flatMap(
          parallelMap(
            [1],
            () =>
              Effect.andThen(
                Effect.sleep(5),
                parallelMap([1], () => after(5, "done"), { limiter: second })
              ),
            { limiter: first }
          ),
          (result) => Effect.map(GatherResult.toEffect(result), ([inner]) => told(inner!))
        )
      const both = GatherResult.values(yield* parallelGather([inside(a, b), inside(b, a)])).flat()
      expect(both.filter((text) => text === "completed done").length).toBe(1)
      expect(both.find((text) => text.startsWith("failed"))).toMatch(/waiting would never end: .*limiter "[ab]".* waits for limiter "[ab]"/)
    })
  )

  rule("holds no permit for a task that waits for its next attempt, nor after the call", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      let attempts = 0
      const flaky = Effect.suspend(() => (++attempts < 3 ? Effect.fail("flaky") : Effect.succeed("done")))
      const free: Array<number> = []
      const look = Effect.flatMap(Effect.sleep(50), () => Effect.map(limiter.stats, ({ running }) => void free.push(running)))
      yield* Effect.forkChild(look)
      const result = yield* parallelMap([1], () => flaky, { limiter, retry: Schedule.spaced(100) })
      expect([told(result), free, (yield* limiter.stats).running]).toEqual([["completed done"], [0], 0])
    })
  )

  rule("takes nothing from a call that is stopped while it waits", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      yield* limiter.pause
      const result = yield* parallelMap([1, 2], () => Effect.die("started"), { limiter, timeout: 10 })
      yield* limiter.resume
      expect(told(result)).toEqual(Array(2).fill("notStarted (call timed out after 10ms)"))
      expect(yield* limiter.stats).toMatchObject({ running: 0, waiting: 0 })
    })
  )

  rule("keeps the late value of a task that holds a permit", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      const result = yield* parallelMap([1], () => stubborn(50, "paid"), { limiter, taskTimeout: 10 })
      expect([told(result), (yield* limiter.stats).running]).toEqual([["completed paid late"], 0])
    })
  )

  rule("shows the names of tasks, else of the call, as holders", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 3 })
      const look = Effect.andThen(Effect.sleep(5), limiter.stats)
      yield* Effect.forkChild(parallelGather({ user: Effect.sleep(10), news: Effect.sleep(10) }, { limiter, name: "page" }))
      yield* Effect.forkChild(parallelMap([1], () => Effect.sleep(10), { limiter, name: "crawl" }))
      expect((yield* look).holders.map(({ name }) => name).sort()).toEqual(["crawl", "news", "user"])
      yield* Effect.sleep(10)
    })
  )
})

describe("Options.priority", () => {
  // D-B18
  rule("lets the tasks of an urgent call in first", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      const order: Array<string> = []
      const call = (priority: Limiter.Priority) =>
        parallelMap(
          [1, 2],
          () =>
            Effect.andThen(
              Effect.sleep(10),
              Effect.sync(() => void order.push(priority))
            ),
          { limiter, priority }
        )
      yield* limiter.pause
      const calls = yield* Effect.forkChild(Effect.all([call("low"), call("normal"), call("high")], { concurrency: "unbounded" }))
      yield* Effect.sleep(1)
      yield* limiter.resume
      yield* Effect.sleep(100)
      expect(order).toEqual(["high", "high", "normal", "normal", "low", "low"])
      expect(calls.pollUnsafe()).toBeDefined()
    })
  )
})

describe("Options.onOutcome", () => {
  // D-B18
  rule("sees each outcome once, as soon as it is known, and at the end those that never started", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const result = yield* parallelMap([20, 10, 99, 1], (ms) => after(ms, ms), {
        concurrency: 2,
        timeout: 50,
        onOutcome: (outcome) => void seen.push(`${outcome.index} ${word(outcome)}`)
      })
      expect(seen).toEqual(["1 completed 10", "0 completed 20", "3 completed 1", "2 timeout call Interrupt"])
      expect(result.total).toBe(4)
    })
  )

  rule("sees the very outcomes of the result", () =>
    Effect.gen(function* () {
      const seen = new Map<number, unknown>()
      const result = yield* parallelMap([1, 2, 3], () => Effect.never, {
        concurrency: 1,
        timeout: 10,
        onOutcome: (outcome) => void seen.set(outcome.index, outcome)
      })
      expect(result.list.map((outcome) => seen.get(outcome.index) === outcome)).toEqual([true, true, true])
    })
  )

  // D-B18, law 13
  rule("is logged when it throws, and changes nothing", () =>
    Effect.gen(function* () {
      const [result, lines] = yield* logged(
        parallelMap([1, 2], (n) => (n === 1 ? Effect.succeed(n) : Effect.fail("no")), {
          name: "crawl",
          onOutcome: () => {
            throw new Error("observer broke")
          }
        })
      )
      expect(told(result)).toEqual(["completed 1", "failed Fail(no)"])
      expect(lines).toEqual(Array(2).fill("skein: onOutcome of crawl threw Die(observer broke)"))
    })
  )

  rule("is logged when it is asynchronous and rejects, and changes nothing", () =>
    Effect.gen(function* () {
      const [result, lines] = yield* logged(
        Effect.tap(
          parallelMap([1], Effect.succeed, {
            onOutcome: async () => {
              throw new Error("observer broke")
            }
          }),
          () => Effect.promise(() => Promise.resolve())
        )
      )
      expect([told(result), lines]).toEqual([["completed 1"], ["skein: onOutcome of a call threw Die(observer broke)"]])
    })
  )
})

describe("Options.onProgress", () => {
  // D-B18
  rule("sees what tasks report, with their index and name", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const report = (done: number) => Effect.andThen(Effect.sleep(done), Progress.report({ done, total: 2, message: "pages" }))
      yield* parallelGather(
        { a: report(1), b: report(2) },
        {
          onProgress: ({ done, index, message, name, total }) => void seen.push(`${index} ${name}: ${done} of ${total} ${message}`)
        }
      )
      expect(seen).toEqual(["0 a: 1 of 2 pages", "1 b: 2 of 2 pages"])
    })
  )

  rule("is logged when it throws, and changes nothing", () =>
    Effect.gen(function* () {
      const [result, lines] = yield* logged(
        parallelMap([1], () => Effect.as(Progress.report({ done: 1 }), "done"), {
          onProgress: () => {
            throw new Error("observer broke")
          }
        })
      )
      expect([told(result), lines]).toEqual([["completed done"], ["skein: onProgress of a call threw Die(observer broke)"]])
    })
  )
})

describe("the two clocks", () => {
  rule("count the wait for a permit as queueing, also for a task that follows another in the same place", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      const result = yield* parallelMap([0, 1, 2, 3], () => Effect.sleep(50), { concurrency: 2, limiter, taskTimeout: 80 })
      expect(result.list.map((outcome) => [outcome.status, Duration.toMillis(outcome.ranFor!)])).toEqual(Array(4).fill(["completed", 50]))
    })
  )
})

describe("a second reason to stop", () => {
  rule("that comes while the first is being told changes nothing for those who have not been told yet", () =>
    Effect.gen(function* () {
      const controller = new AbortController()
      const result = yield* parallelGather([Effect.never, Effect.never], {
        timeout: 10,
        stop: controller.signal,
        onOutcome: () => controller.abort("seen")
      })
      expect(told(result)).toEqual(Array(2).fill("timeout call Interrupt"))
    })
  )
})
