/** What `@skein/parallel/promise` promises to code without Effect. Real promises and timers: what is asserted is order and outcome. */
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises"
import {
  GatherTimeout,
  parallelMap,
  resultOf,
  skip,
  SourceFailed,
  stop,
  type TaskContext,
  TasksFailed,
  TaskStopped,
  unwrap
} from "@skein/parallel/promise"
import { describe, expect, it } from "vitest"
import { forEver, gate, rejection, soon, throws, watchRejections } from "./promise.kit.ts"

watchRejections()

const hour = 3_600_000

describe("parallelMap", () => {
  it("gives one outcome per item in input order, whatever becomes of the others", async () => {
    const error = new Error("two")
    const result = await parallelMap(["a", "b", "c"], async (item, index) => {
      if (index === 1) throw error
      return item + index
    })
    expect(result.outcomes.map(({ index, status }) => [index, status])).toEqual([
      [0, "completed"],
      [1, "failed"],
      [2, "completed"]
    ])
    expect(result.values).toEqual(["a0", "c2"])
    expect(result.errors).toEqual([{ index: 1, name: undefined, error }])
    expect([result.total, result.completed, result.failed, result.allSucceeded, result.exhausted]).toEqual([3, 2, 1, false, true])
    expect(result.successRate).toBe(2 / 3)
  })

  it("an outcome is a plain object that says when and how often", async () => {
    const { outcomes } = await parallelMap([1], async () => (await turn(), "x"), { nameOf: (n) => `item ${n}` })
    const [outcome] = outcomes
    expect(Object.getPrototypeOf(outcome)).toBe(Object.prototype)
    expect(JSON.parse(JSON.stringify(outcome))).toMatchObject({ status: "completed", value: "x", name: "item 1", attempts: 1, late: false })
    expect(outcome!.queuedAt).toBeLessThanOrEqual(outcome!.startedAt!)
    expect(outcome!.startedAt).toBeLessThanOrEqual(outcome!.endedAt!)
    expect(outcome!.ranFor).toBe(outcome!.endedAt! - outcome!.startedAt!)
    expect(structuredClone(outcome)).toEqual(outcome)
  })

  it("an empty input is a success", async () => {
    const result = await parallelMap([], () => 1)
    expect([result.total, result.allSucceeded, result.successRate, result.values]).toEqual([0, true, 0, []])
  })

  it("a throw, a value and a thenable are taken as what they are", async () => {
    const thenable = { then: (done: (value: string) => void) => (done("first"), done("second")) }
    const bad = { then: throws("then threw") }
    const given: ReadonlyArray<() => unknown> = [throws("thrown"), () => "plain", () => thenable, () => bad, () => undefined]
    const { list, values } = await parallelMap(given, (f) => f())
    expect(values).toEqual(["plain", "first", undefined])
    expect(list.flatMap((outcome) => (outcome.status === "failed" ? [outcome.error] : []))).toEqual(["thrown", "then threw"])
  })

  it("what tasks throw is kept as it is, whatever it is", async () => {
    const odd = [undefined, null, 0, "text", { a: 1 }]
    const { errors } = await parallelMap(odd, async (value) => {
      throw value
    })
    expect(errors.map(({ error }) => error)).toEqual(odd)
  })

  it("a task is asked through its signal, with the reason, and waited for", async () => {
    const events: Array<string> = []
    const controller = new AbortController()
    const reason = { user: "closed the tab" }
    let seen: unknown
    const mapped = parallelMap(
      [1],
      async (_n, _i, { signal }) => {
        await forEver({ signal }).catch((error: unknown) => void (seen = error))
        events.push("asked")
        for (let i = 0; i < 5; i++) await turn()
        events.push("clean")
        throw seen
      },
      { signal: controller.signal }
    ).then((result) => (events.push("returned"), result))
    await turn()
    controller.abort(reason)
    const { outcomes, stopped } = await mapped
    expect(events).toEqual(["asked", "clean", "returned"])
    expect(seen).toBe(reason)
    expect(outcomes[0]).toMatchObject({ status: "cancelled", reason: { _tag: "Aborted", value: reason } })
    expect(outcomes[0]).not.toHaveProperty("error")
    expect(stopped).toEqual({ _tag: "Aborted", value: reason })
  })

  it("a signal that is read for the first time after it fired has fired", async () => {
    const controller = new AbortController()
    const door = gate()
    const mapped = parallelMap(
      [1],
      async (_n, _i, task) => {
        await door.promise
        return [task.signal.aborted, task.signal.reason, task.signal === task.signal]
      },
      { signal: controller.signal }
    )
    controller.abort("enough")
    door.resolve()
    expect((await mapped).values).toEqual([[true, "enough", true]])
  })

  it("a signal that was aborted before: nothing starts, and the source is not asked for items", async () => {
    const started: Array<number> = []
    const result = await parallelMap([1, 2], (n) => void started.push(n), { signal: AbortSignal.abort(7) })
    expect(started).toEqual([])
    expect(result.outcomes.map(({ status }) => status)).toEqual(["notStarted", "notStarted"])
    expect(result.stopped).toEqual({ _tag: "Aborted", value: 7 })
    expect(await rejection(parallelMap([1], () => 1, { signal: AbortSignal.abort(7), onAbort: "fail" }))).toBe(7)
  })

  it("a signal that fires when all is done changes nothing", async () => {
    const controller = new AbortController()
    const mapped = parallelMap([1], async (n) => n, { signal: controller.signal, onAbort: "fail" })
    const result = await mapped
    controller.abort()
    expect(result.values).toEqual([1])
  })

  it("a value that comes after the task was asked to stop is kept, and late", async () => {
    const controller = new AbortController()
    const paid = gate<string>()
    const mapped = parallelMap([1, 2], () => paid.promise, { signal: controller.signal, concurrency: 1 })
    await turn()
    controller.abort("too late")
    paid.resolve("paid")
    const { outcomes, values } = await mapped
    expect(values).toEqual(["paid"])
    expect(outcomes[0]).toMatchObject({ status: "completed", late: true })
    expect(outcomes[1]!.status).toBe("notStarted")
  })

  it("an error of its own while it is being stopped is in its outcome, and among the errors", async () => {
    const mapped = parallelMap(
      [1],
      async (_n, _i, { signal }) => {
        await forEver({ signal }).catch(() => {})
        throw new Error("cleanup broke")
      },
      { timeout: soon }
    )
    const { errors, outcomes } = await mapped
    expect(outcomes[0]).toMatchObject({ status: "timeout", limit: "call", after: soon })
    expect(errors.map(({ error, index }) => [index, String(error)])).toEqual([[0, "Error: cleanup broke"]])
  })

  it("a promise that never settles is abandoned after the grace and listed; its real end is told to who asks", async () => {
    const door = gate<string>()
    const result = await parallelMap([1, 2], async (n) => (n === 1 ? door.promise : "quick"), { timeout: soon, grace: 5 })
    expect(result.outcomes[0]).toMatchObject({ status: "timeout", abandoned: true })
    expect(result.values).toEqual(["quick"])
    expect(result.abandoned.map(({ index }) => index)).toEqual([0])
    const ended = result.abandoned[0]!.ended
    door.resolve("at last")
    expect(await ended).toEqual({ status: "fulfilled", value: "at last" })
    // What was returned never changes.
    expect(result.outcomes[0]!.status).toBe("timeout")
    expect(result.values).toEqual(["quick"])
  })

  it("without a `grace` of its own a call waits for 5 seconds, and no longer", async () => {
    // Real seconds, for there is no other clock here; it asserts that the call comes back at all.
    const result = await parallelMap([1], () => new Promise(() => {}), { timeout: soon })
    expect(result.outcomes[0]).toMatchObject({ status: "timeout", abandoned: true })
    expect(result.elapsed).toBeGreaterThanOrEqual(5_000)
  })

  it("an abandoned promise that rejects later harms nobody", async () => {
    const door = gate()
    const result = await parallelMap([1], () => door.promise, { timeout: soon, grace: 1 })
    door.reject(new Error("long after"))
    expect(await result.abandoned[0]!.ended).toMatchObject({ status: "rejected", reason: new Error("long after") })
  })

  it("`taskTimeout` stops one task and no other; its signal says TimeoutError", async () => {
    let reason: any
    const { outcomes } = await parallelMap(
      [1, 2],
      (n, _i, task) => {
        if (n === 2) return "fine"
        task.signal.addEventListener("abort", () => (reason = task.signal.reason))
        return forEver(task)
      },
      { taskTimeout: 10 }
    )
    expect(outcomes.map(({ status }) => status)).toEqual(["timeout", "completed"])
    expect(outcomes[0]).toMatchObject({ limit: "task", after: 10 })
    expect(reason).toBeInstanceOf(TaskStopped)
    expect([reason.name, reason.limit, reason.reason._tag]).toEqual(["TimeoutError", "task", "TaskTimeout"])
  })

  it("`timeout` returns what there is, or fails with it", async () => {
    const work = (n: number, _i: number, task: TaskContext) => (n === 2 ? forEver(task) : n)
    const result = await parallelMap([1, 2, 3, 4], work, { timeout: soon, concurrency: 2 })
    expect(result.values).toEqual([1, 3, 4])
    expect(result.stopped).toEqual({ _tag: "CallTimeout", after: soon })
    const error = await rejection(parallelMap([1, 2], work, { timeout: soon, onTimeout: "fail" }))
    expect(error).toBeInstanceOf(GatherTimeout)
    expect([error.name, error.result.completed, resultOf(error)]).toEqual(["TimeoutError", 1, error.result])
    const nothing = await parallelMap([1, 2], work, { timeout: 0 })
    expect(nothing.notStarted).toBe(2)
  })

  it("`interrupt` rejects with the first error itself when the others have stopped; what was done is not lost", async () => {
    const error = new Error("three")
    const events: Array<string> = []
    const mapped = parallelMap(
      [1, 2, 3],
      async (n, _i, { signal }) => {
        if (n === 1) return "done"
        await turn()
        if (n === 3) throw error
        await forEver({ signal }).catch(() => {})
        await turn()
        events.push("2 is clean")
        throw signal.reason
      },
      { onFailure: "interrupt" }
    )
    expect(await rejection(mapped)).toBe(error)
    expect(events).toEqual(["2 is clean"])
    const result = resultOf(error)!
    expect(result.values).toEqual(["done"])
    expect(result.list.map(({ status }) => status)).toEqual(["completed", "cancelled", "failed"])
    expect(result.list[1]).toMatchObject({ reason: { _tag: "SiblingFailed", index: 2 } })
  })

  it("`collect` does everything, then rejects with all errors in input order", async () => {
    const doors = [gate(), gate()]
    const mapped = rejection(
      parallelMap(
        [0, 1, 2],
        async (n) => {
          if (n === 2) return n
          await doors[n]!.promise
          throw new Error(`error ${n}`)
        },
        { onFailure: "collect" }
      )
    )
    doors[1]!.resolve()
    await turn()
    doors[0]!.resolve()
    const error = await mapped
    expect(error).toBeInstanceOf(TasksFailed)
    expect(error).toBeInstanceOf(AggregateError)
    expect(error.errors.map((e: Error) => e.message)).toEqual(["error 0", "error 1"])
    expect(error.result.values).toEqual([2])
  })

  it("skipped items have no value; a stop ends the call like a break", async () => {
    const result = await parallelMap([1, 2, 3], (n) => (n === 2 ? skip : n))
    expect([result.values, result.skipped, result.completed, result.allSucceeded]).toEqual([[1, 3], 1, 2, true])
    const started: Array<number> = []
    const slow = gate()
    const broken = parallelMap(
      [0, 1, 2, 3, 4, 5],
      async (n, _i, task) => {
        started.push(n)
        if (n < 2) await slow.promise
        if (n === 2) return stop
        return n === 3 ? forEver(task) : n
      },
      { concurrency: 4 }
    )
    await turn()
    slow.resolve()
    const ended = await broken
    expect(started).toEqual([0, 1, 2, 3])
    expect(ended.outcomes.map(({ status }) => status)).toEqual([
      "completed",
      "completed",
      "skipped",
      "cancelled",
      "notStarted",
      "notStarted"
    ])
    expect([ended.values, ended.stoppedAt]).toEqual([[0, 1], 2])
    // Those before it were left alone.
    expect(ended.outcomes.map((outcome) => "late" in outcome && outcome.late)).toEqual([false, false, false, false, false, false])
    expect(unwrap(ended)).toEqual([0, 1])
  })

  it("of two stops the earlier one counts, whichever comes first", async () => {
    const both = await parallelMap([0, 1], (n, _i, task) => (n === 0 ? turn().then(() => stop) : forEver(task).catch(() => stop)))
    expect([both.stoppedAt, both.skipped]).toEqual([0, 2])
    const late = gate()
    const ended = parallelMap([0, 1, 2], async (n) => {
      if (n === 1) return stop
      if (n === 0) return late.promise.then(() => stop)
      return n
    })
    await turn()
    late.resolve()
    expect((await ended).stoppedAt).toBe(0)
  })

  it("tries again as told, and lists what went before", async () => {
    const asked: Array<[number, string]> = []
    const delay = (attempts: number, error: unknown) => (asked.push([attempts, String(error)]), 0)
    const { outcomes } = await parallelMap(
      [1],
      async (_n, _i, { attempt }) => {
        if (attempt < 3) throw new Error(`attempt ${attempt}`)
        return attempt
      },
      { retry: { times: 5, delay } }
    )
    expect(outcomes[0]).toMatchObject({ status: "completed", value: 3, attempts: 3 })
    expect(outcomes[0]!.attemptErrors.map(String)).toEqual(["Error: attempt 1", "Error: attempt 2"])
    expect(asked).toEqual([
      [1, "Error: attempt 1"],
      [2, "Error: attempt 2"]
    ])
  })

  it("`while` chooses, also among attempts that took too long, each of which has a signal of its own", async () => {
    const errors: Array<unknown> = []
    const signals = new Set<AbortSignal>()
    const { outcomes } = await parallelMap(
      [1],
      (_n, _i, task) => (signals.add(task.signal), task.attempt === 1 ? forEver(task) : "second"),
      {
        attemptTimeout: 10,
        retry: { while: (error) => (errors.push(error), true) }
      }
    )
    expect(outcomes[0]).toMatchObject({ status: "completed", value: "second", attempts: 2 })
    expect([...signals].map(({ aborted }) => aborted)).toEqual([true, false])
    expect(errors).toHaveLength(1)
    expect(errors[0]).toBeInstanceOf(TaskStopped)
    expect((errors[0] as TaskStopped).name).toBe("TimeoutError")
    const refused = await parallelMap([1], throws("no"), { retry: { times: 5, while: () => false } })
    expect(refused.outcomes[0]!.attempts).toBe(1)
  })

  it("a `while` or a `delay` that throws ends the retrying, and is not lost", async () => {
    const { outcomes } = await parallelMap([1], throws("task"), { retry: { while: throws("while") } })
    expect(outcomes[0]).toMatchObject({ status: "failed", error: "task", otherErrors: ["while"] })
    const odd = await parallelMap([1], throws("task"), { retry: { times: 2, delay: () => -1 } })
    expect(odd.outcomes[0]).toMatchObject({ status: "failed", error: "task", attempts: 1 })
  })

  it("retries without end stop with the call, by its time or by a signal; the last 16 are listed", async () => {
    const again = async (): Promise<never> => (await turn(), Promise.reject(new Error("again")))
    const timed = await parallelMap([1], again, { retry: { while: () => true }, timeout: soon })
    // Cut in the middle of an attempt, or between two, where no other would have had time.
    expect(["timeout", "failed"]).toContain(timed.outcomes[0]!.status)
    const controller = new AbortController()
    const work = (_n: number, _i: number, task: TaskContext) => {
      if (task.attempt < 20) return again()
      controller.abort("enough")
      return forEver(task)
    }
    const { outcomes } = await parallelMap([1], work, { retry: { while: () => true }, signal: controller.signal })
    expect(outcomes[0]).toMatchObject({ status: "cancelled", attempts: 20, reason: { value: "enough" } })
    expect(outcomes[0]!.attemptErrors).toHaveLength(16)
  })

  it("a source that throws midway: running tasks end, and what they gave is on the error", async () => {
    const door = gate()
    const source = {
      async *[Symbol.asyncIterator]() {
        yield 1
        yield 2
        throw new Error("source")
      }
    }
    const mapped = rejection(parallelMap(source, async (n) => (n === 1 ? (await door.promise, n) : n)))
    for (let i = 0; i < 5; i++) await turn()
    door.resolve()
    const error = await mapped
    expect(error).toBeInstanceOf(SourceFailed)
    expect([String(error.cause), error.pulled, error.result.values]).toEqual(["Error: source", 2, [1, 2]])
    function* broken() {
      yield 1
      throw "sync"
    }
    expect((await rejection(parallelMap(broken(), (n) => n))).cause).toBe("sync")
  })

  it("a source that never ends, or never answers, is left when the time is over, and closed", async () => {
    let closed = 0
    async function* endless() {
      try {
        for (let n = 0; ; n++) {
          await turn()
          yield n
        }
      } finally {
        closed++
      }
    }
    const result = await parallelMap(endless(), (n) => n, { timeout: soon })
    // Its last answer is not waited for, for it might never come: it is told all the same.
    for (let i = 0; i < 3; i++) await turn()
    expect([result.exhausted, closed]).toEqual([false, 1])
    const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }
    expect((await parallelMap(silent, (n) => n, { timeout: soon })).total).toBe(0)
  })

  it("pulls lazily, one item when a place is free", async () => {
    const events: Array<string> = []
    function* source() {
      for (let n = 1; n <= 3; n++) {
        events.push(`pull ${n}`)
        yield n
      }
    }
    await parallelMap(
      source(),
      async (n) => {
        events.push(`start ${n}`)
        await turn()
        events.push(`end ${n}`)
      },
      { concurrency: 1 }
    )
    expect(events).toEqual(["pull 1", "start 1", "end 1", "pull 2", "start 2", "end 2", "pull 3", "start 3", "end 3"])
  })

  it("promises among the items that reject before their turn are the failures of their tasks", async () => {
    const items = [sleep(5, "first"), Promise.reject(new Error("second")), Promise.reject(new Error("third"))]
    const { list } = await parallelMap(items, (item) => item, { concurrency: 1 })
    expect(list.map(({ status }) => status)).toEqual(["completed", "failed", "failed"])
    const never = await parallelMap([Promise.reject(new Error("never started"))], () => 1, { signal: AbortSignal.abort() })
    expect(never.notStarted).toBe(1)
  })

  it("observers see every outcome and change none, whatever they do", async () => {
    const seen: Array<string> = []
    const { completed } = await parallelMap([1, 2, 3], (n) => n, {
      signal: AbortSignal.abort(),
      onOutcome: ({ index, status }) => {
        seen.push(`${index} ${status}`)
      }
    })
    expect([seen, completed]).toEqual([["0 notStarted", "1 notStarted", "2 notStarted"], 0])
    const log = console.log
    console.log = () => {}
    try {
      const bad = await parallelMap([1, 2], (n, _i, { report }) => (report({ done: n }), n), {
        onOutcome: throws("observer"),
        onProgress: throws("progress"),
        nameOf: (n) => (n === 2 ? throws("name")() : "one")
      })
      expect(bad.outcomes.map(({ status }) => status)).toEqual(["completed", "failed"])
      expect((await parallelMap([1], (n) => n, { onOutcome: async () => Promise.reject(new Error("later")) })).values).toEqual([1])
      await turn()
    } finally {
      console.log = log
    }
  })

  it("reports reach `onProgress` with the task's name, and not after its end", async () => {
    const reports: Array<unknown> = []
    let late: (() => void) | undefined
    await parallelMap(
      [1],
      async (_n, _i, { report }) => {
        report({ done: 1, total: 2, message: "half" })
        late = () => report({ done: 2 })
      },
      { onProgress: (progress) => reports.push(progress), nameOf: () => "job" }
    )
    late!()
    expect(reports).toEqual([{ done: 1, total: 2, message: "half", index: 0, name: "job" }])
  })

  it("a task knows what time it has left, of all limits around it", async () => {
    const { values } = await parallelMap(
      [1],
      async (_n, _i, outer) => {
        const own = outer.remaining()
        const inner = await parallelMap([1], (_m, _j, task) => task.remaining(), { within: outer, timeout: 2 * hour })
        return [own, unwrap(inner)[0]!]
      },
      { taskTimeout: hour, timeout: 3 * hour, attemptTimeout: 4 * hour }
    )
    expect(values[0]![0]).toBeLessThanOrEqual(hour)
    expect(values[0]![1]).toBeLessThanOrEqual(values[0]![0]!)
    expect(values[0]![1]).toBeGreaterThan(0)
    expect((await parallelMap([1], (_n, _i, { remaining }) => remaining())).values).toEqual([Infinity])
  })

  it("a call `within` a task is ended with it, and what it had is kept", async () => {
    const result = await parallelMap(
      [1],
      async (_n, _i, outer) => {
        const inner = await parallelMap([1, 2], (m, _j, task) => (m === 1 ? "inner" : forEver(task)), { within: outer })
        return inner.values
      },
      { timeout: soon }
    )
    expect(result.outcomes[0]).toMatchObject({ status: "completed", value: ["inner"], late: true })
  })
})
