/** What an executor promises to code without Effect. Real promises and timers: what is asserted is order and outcome. */
import { setImmediate as turn } from "node:timers/promises"
import {
  createExecutor,
  ExecutorClosed,
  fanOut,
  first,
  parallelMap,
  resultOf,
  type TaskContext,
  TaskStopped
} from "@skein/parallel/promise"
import { afterEach, describe, expect, it, vi } from "vitest"
import { forEver, gate, rejection, turns, watchRejections } from "./promise.kit.ts"

watchRejections()

/** Counts what runs. */
class Meter {
  running = 0
  peak = 0
  readonly run = async <A>(value: A): Promise<A> => {
    this.peak = Math.max(this.peak, ++this.running)
    await turn()
    this.running--
    return value
  }
}

describe("createExecutor", () => {
  it("bounds runs and calls of all kinds together", async () => {
    const meter = new Meter()
    const executor = createExecutor({ concurrency: 3 })
    const read = async (): Promise<number> => {
      let n = 0
      for await (const _ of executor.stream([1, 2, 3, 4], meter.run)) n++
      return n
    }
    const [runs, mapped, gathered, joined, streamed] = await Promise.all([
      Promise.all(Array.from({ length: 10 }, (_, i) => executor.run(() => meter.run(i)))),
      executor.map(
        Array.from({ length: 10 }, (_, i) => i),
        meter.run
      ),
      executor.gather({ a: () => meter.run("a"), b: () => meter.run("b") }),
      executor.fanOut([() => meter.run("first")], first()),
      read()
    ])
    expect(runs).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect([mapped.completed, gathered.values, joined, streamed]).toEqual([10, { a: "a", b: "b" }, "first", 4])
    expect(meter.peak).toBe(3)
    const { peak, running, tasks, waiting } = executor.stats
    expect([peak, running, waiting, tasks.completed]).toEqual([3, 0, 0, 27])
    await executor.close()
  })

  it("a small run behind a huge call waits for a turn or two, not for all of it", async () => {
    await using executor = createExecutor({ concurrency: 2 })
    let done = 0
    const huge = executor.map(
      Array.from({ length: 1_000 }),
      async () => {
        await turn()
        done++
      },
      { concurrency: "unbounded" }
    )
    await turns(3)
    await executor.run(() => {})
    expect(done).toBeLessThan(20)
    expect((await huge).completed).toBe(1_000)
  })

  it("priority goes before arrival, for runs and calls alike", async () => {
    await using executor = createExecutor({ concurrency: 1 })
    const order: Array<string> = []
    executor.pause()
    const all = [
      executor.run(() => void order.push("low"), { priority: -1 }),
      executor.map(["a", "b"], (name) => void order.push(name)),
      executor.run(() => void order.push("normal")),
      executor.map(["x", "y"], (name) => void order.push(name), { priority: 5 })
    ]
    executor.resume()
    await Promise.all(all)
    expect(order.slice(0, 2)).toEqual(["x", "a"])
    expect(order.at(-1)).toBe("low")
    expect([...order].sort()).toEqual(["a", "b", "low", "normal", "x", "y"])
  })

  it("a task that calls its own executor gives its place to it: three deep, one place", async () => {
    const executor = createExecutor({ concurrency: 1 })
    const deep = await executor.run(async (a) => {
      const below = await executor.map(
        [1, 2],
        async (n, _i, b) => {
          const inner = await executor.gather([async () => n, (c) => executor.run(() => n * 10, { within: c })], { within: b })
          return inner.outcomes.map(({ status }) => status).join()
        },
        { within: a }
      )
      return below.outcomes.map((outcome) => (outcome.status === "completed" ? outcome.value : outcome.status))
    })
    expect(deep).toEqual(["completed,completed", "completed,completed"])
    expect([executor.stats.peak, executor.stats.running]).toEqual([1, 0])
    await executor.close()
  })

  it("many nested calls at once under one place all come back, and never two tasks compute at once", async () => {
    const executor = createExecutor({ concurrency: 1 })
    const meter = new Meter()
    const { values } = await executor.map([1, 2, 3], async (n, _i, task) => {
      const [a, b] = await Promise.all([
        executor.run(() => meter.run(n), { within: task }),
        executor.map([n, n], (m) => meter.run(m), { within: task })
      ])
      return a + b.completed
    })
    expect(values).toEqual([3, 4, 5])
    expect(meter.peak).toBe(1)
    expect(executor.stats.running).toBe(0)
    await executor.close()
  })

  it("a signal asks a run to stop, waits for it, and keeps a value that comes all the same", async () => {
    await using executor = createExecutor({ concurrency: 1 })
    const events: Array<string> = []
    const controller = new AbortController()
    const run = executor.run(
      async (task) => {
        await forEver(task).catch(() => {})
        await turns(2)
        events.push("clean")
        throw task.signal.reason
      },
      { signal: controller.signal }
    )
    await turn()
    controller.abort("enough")
    expect(await rejection(run)).toBe("enough")
    expect(events).toEqual(["clean"])
    const paid = gate<string>()
    const late = new AbortController()
    const paying = executor.run(() => paid.promise, { signal: late.signal })
    await turn()
    late.abort()
    paid.resolve("paid")
    expect(await paying).toBe("paid")
  })

  it("time limits: of a task, of an attempt with retries, in the queue", async () => {
    await using executor = createExecutor({ concurrency: 1, taskTimeout: 10, queueTimeout: 5, grace: 5 })
    const task = await rejection(executor.run(forEver, { name: "slow" }))
    expect(task).toBeInstanceOf(TaskStopped)
    expect([task.name, task.limit, task.started]).toEqual(["TimeoutError", "task", true])
    const held = gate()
    const holding = executor.run(() => held.promise, { taskTimeout: "1 hour" })
    const queued = await rejection(executor.run(() => "never"))
    expect([queued.name, queued.limit, queued.started]).toEqual(["TimeoutError", "queue", false])
    const mapped = await executor.map([1], () => "never")
    expect(mapped.outcomes[0]).toMatchObject({ status: "timeout", limit: "queue" })
    held.resolve()
    await holding
    await using patient = createExecutor({ attemptTimeout: 10, retry: { times: 1 } })
    expect(await patient.run((task) => (task.attempt === 1 ? forEver(task) : "again"))).toBe("again")
    const stubborn = await rejection(executor.run(() => new Promise(() => {})))
    expect(stubborn.limit).toBe("task")
    // Its place stays taken: it has not ended.
    expect(executor.stats.running).toBe(1)
  })

  it("options of the executor are the defaults of its calls", async () => {
    await using executor = createExecutor({ retry: { times: 2 }, taskTimeout: "1 hour", name: "api" })
    const attempts = async (_n: number, _i: number, { attempt }: TaskContext) => {
      if (attempt < 3) throw new Error("again")
      return attempt
    }
    expect((await executor.map([1], attempts)).values).toEqual([3])
    expect((await executor.map([1], attempts, { retry: { times: 0 } })).failed).toBe(1)
    expect((await executor.map([1], attempts, { retry: undefined })).values).toEqual([3])
    expect(executor.name).toBe("api")
    let asked: unknown
    await executor.run(({ remaining }) => (asked = remaining()))
    expect(asked).toBeLessThanOrEqual(3_600_000)
  })

  it("between two attempts a run gives its place to others, and can be called off", async () => {
    await using executor = createExecutor({ concurrency: 1, retry: { times: 5, delay: "1 hour" } })
    const controller = new AbortController()
    const run = executor.run(() => Promise.reject(new Error("no")), { signal: controller.signal })
    expect(await executor.run(() => "next")).toBe("next")
    controller.abort("called off")
    expect(await rejection(run)).toBe("called off")
  })

  it("closing asks what runs, waits for it, and settles everything else with ExecutorClosed", async () => {
    const executor = createExecutor({ concurrency: 2, name: "jobs" })
    const events: Array<string> = []
    const tidy = async (task: TaskContext): Promise<never> => {
      await forEver(task).catch(() => {})
      await turns(3)
      events.push("clean")
      throw task.signal.reason
    }
    const running = rejection(executor.run(tidy))
    const mapped = rejection(executor.map([1, 2, 3], (n, _i, task) => (n === 1 ? n : tidy(task)), { concurrency: 1 }))
    await turns(2)
    const queued = rejection(executor.run(() => events.push("never")))
    await executor.close().then(() => events.push("closed"))
    expect(events).toEqual(["clean", "clean", "closed"])
    for (const error of await Promise.all([running, mapped, queued])) expect(error).toBeInstanceOf(ExecutorClosed)
    expect(resultOf(await mapped)!.values).toEqual([1])
    expect((await mapped).message).toBe('executor "jobs" is closed; 1 of 3 tasks had completed')
    for (const after of [executor.run(() => 1), executor.map([1], () => 1), executor.gather([]), executor.fanOut([() => 1], first())]) {
      expect(await rejection(after)).toBeInstanceOf(ExecutorClosed)
    }
    const reading = (async () => {
      for await (const _ of executor.stream([1], () => 1)) events.push("streamed")
    })()
    expect(await rejection(reading)).toBeInstanceOf(ExecutorClosed)
    expect([executor.stats.closed, executor.stats.running, executor.stats.waiting]).toEqual([true, 0, 0])
    await executor.close()
  })

  it("`await using` closes it", async () => {
    let outer
    {
      await using executor = createExecutor()
      outer = executor
      expect(await executor.run(() => 1)).toBe(1)
    }
    expect(outer.stats.closed).toBe(true)
  })

  it("a paused executor starts nothing, not of calls either, and its waits tell the truth", async () => {
    await using executor = createExecutor({ concurrency: 2 })
    const started: Array<unknown> = []
    executor.pause()
    const mapped = executor.map([1, 2, 3], (n) => started.push(n))
    const run = executor.run(() => started.push("run"))
    await turns(3)
    expect([started, executor.stats.paused, executor.stats.running]).toEqual([[], true, 0])
    let idle = false
    const waiting = executor.whenIdle().then(() => (idle = true))
    await executor.whenRunningBelow(1)
    expect(idle).toBe(false)
    executor.resume()
    await Promise.all([mapped, run, waiting, executor.whenWaitingBelow(1)])
    expect(started).toHaveLength(4)
  })

  it("`clear` takes single runs off the queue and leaves calls alone", async () => {
    await using executor = createExecutor({ concurrency: 1 })
    const door = gate()
    const running = executor.run(() => door.promise)
    const mapped = executor.map([1, 2], (n) => n)
    const queued = [executor.run(() => 1), executor.run(() => 2)].map(rejection)
    await turn()
    expect(executor.clear("not today")).toBe(2)
    expect(await Promise.all(queued)).toEqual(["not today", "not today"])
    door.resolve()
    await running
    expect((await mapped).values).toEqual([1, 2])
  })

  it("shrinks while it works: what runs goes on, and no more starts until there is room", async () => {
    await using executor = createExecutor({ concurrency: 3 })
    const doors = Array.from({ length: 5 }, () => gate())
    const all = doors.map(({ promise }) => executor.run(() => promise))
    executor.resize(1)
    doors[0]!.resolve()
    await turns(2)
    expect([executor.stats.running, executor.stats.waiting]).toEqual([2, 2])
    for (const { resolve } of doors) resolve()
    await Promise.all(all)
    expect(executor.stats.concurrency).toBe(1)
    executor.resize("unbounded")
    expect(executor.stats.concurrency).toBe(Infinity)
  })

  it("a rate holds for runs and calls together, and leaves no timer behind", async () => {
    const executor = createExecutor({ concurrency: 8, rate: { limit: 3, per: "1 hour" } })
    const started: Array<unknown> = []
    const controller = new AbortController()
    const mapped = executor.map([1, 2], (n) => started.push(n), { signal: controller.signal })
    for (let i = 0; i < 4; i++) void executor.run(() => started.push("run")).catch(() => {})
    await turns(3)
    expect(started).toHaveLength(3)
    controller.abort()
    executor.clear()
    await mapped
    await executor.whenIdle()
    await executor.close()
    expect(started).toHaveLength(3)
  })

  it("runs keep the async context of their callers, and so do calls", async () => {
    const { AsyncLocalStorage } = await import("node:async_hooks")
    const storage = new AsyncLocalStorage<string>()
    await using executor = createExecutor({ concurrency: 1 })
    const here = async (): Promise<string | undefined> => (await turn(), storage.getStore())
    const [a, b, c] = await Promise.all([
      storage.run("a", () => executor.run(here)),
      storage.run("b", () => executor.map([1, 2], here)),
      storage.run("c", () => executor.run(here))
    ])
    expect([a, b.values, c]).toEqual(["a", ["b", "b"], "c"])
    const free = await storage.run("d", () => parallelMap([1, 2, 3], here, { concurrency: 1 }))
    expect(free.values).toEqual(["d", "d", "d"])
  })

  it("100,000 runs in the queue are dropped one by one without leaving anything", async () => {
    await using executor = createExecutor({ concurrency: 1 })
    const door = gate()
    const first = executor.run(() => door.promise)
    const controllers = Array.from({ length: 5_000 }, () => new AbortController())
    const all = controllers.map(({ signal }) => executor.run(() => 1, { signal }).catch(() => "dropped"))
    for (const controller of controllers) controller.abort()
    expect(new Set(await Promise.all(all))).toEqual(new Set(["dropped"]))
    expect(executor.stats.waiting).toBe(0)
    door.resolve()
    await first
    expect(await executor.run(() => "next")).toBe("next")
  })

  it("what a finished task left behind lends nobody's place", async () => {
    await using executor = createExecutor({ concurrency: 1 })
    let old: TaskContext | undefined
    const meter = new Meter()
    let third: Promise<number> | undefined
    const first = executor.run(async (task) => void (old = task))
    // It runs right after the first, in the same runner.
    const second = executor.run(() => {
      third = executor.run(() => meter.run(3), { within: old })
      return meter.run(2)
    })
    await first
    expect([await second, await third]).toEqual([2, 3])
    expect(meter.peak).toBe(1)
  })

  it("who gave a place away goes on only when he has one again", async () => {
    await using executor = createExecutor({ concurrency: 1 })
    const meter = new Meter()
    const nests = async (task: TaskContext): Promise<void> => {
      await meter.run(1)
      await executor.run(() => meter.run(2), { within: task })
      await meter.run(3)
      await executor.map([4, 5], meter.run, { within: task })
      await meter.run(6)
    }
    await Promise.all([executor.run(nests), executor.run(nests), executor.map([1, 2], (_n, _i, task) => nests(task))])
    expect([meter.peak, executor.stats.peak]).toEqual([1, 1])
  })

  it("who gave a place away has it back before those in the queue", async () => {
    await using executor = createExecutor({ concurrency: 1 })
    let done = 0
    let doneAtReturn = -1
    const outer = executor.run(async (task) => {
      await executor.run(() => turn(), { within: task, priority: 1 })
      doneAtReturn = done
    })
    const mapped = executor.map(Array.from({ length: 100 }), async () => void done++)
    const runs = Array.from({ length: 100 }, () => executor.run(() => void done++))
    await Promise.all([outer, mapped, ...runs])
    expect(done).toBe(200)
    expect(doneAtReturn).toBeLessThan(5)
  })

  it("refuses wrong options by name", async () => {
    const refused = (make: () => unknown, message: string): void => expect(make).toThrow(new RangeError(message))
    refused(
      () => createExecutor({ concurrency: 0 }),
      'createExecutor: concurrency must be a whole number of at least 1, or "unbounded", got 0'
    )
    refused(() => createExecutor({ rate: { limit: 0, per: 1 } }), "createExecutor: rate.limit must be a whole number of at least 1, got 0")
    refused(() => createExecutor({ rate: { limit: 1, per: 0 } }), "createExecutor: rate.per must be a duration above 0, got 0")
    await using executor = createExecutor()
    refused(() => executor.run(() => 1, { priority: NaN }), "executor.run: priority must be a number, got NaN")
    refused(() => executor.run(() => 1, { signal: 3 as never }), "executor.run: signal must be an AbortSignal, got 3")
    refused(() => executor.resize(1.5), "executor.resize: concurrency must be a whole number of at least 1, got 1.5")
    refused(
      () => executor.map([1], () => 1, { within: {} as never }),
      "executor.map: within must be the context that a task was given, got an object"
    )
    expect(() => executor.run(1 as never)).toThrow(new TypeError("executor.run: f must be a function, got 1"))
    expect(() => fanOut([() => 1], 1 as never)).toThrow("fanOut: joiner must be a function, got 1")
  })
})

describe("an executor that waits for itself", () => {
  afterEach(() => vi.restoreAllMocks())

  it("says so once, after ten seconds in which nobody could start", async () => {
    const said = vi.spyOn(console, "log").mockImplementation(() => {})
    const lines = (): string => said.mock.calls.flat().join(" ")
    const stop = new AbortController()
    const executor = createExecutor({ concurrency: 1, name: "api" })
    const stuck = executor.run(() => executor.run(() => "inner", { signal: stop.signal })).catch(() => "stopped")
    await vi.waitFor(() => expect(lines()).toContain('executor "api": 1 wait, and none of its 1 place has come free for 10 s'), {
      timeout: 50_000,
      interval: 100
    })
    expect(lines().match(/none of its/g)).toHaveLength(1)
    stop.abort()
    expect(await stuck).toBe("stopped")
    await executor.close()
  })

  it("keeps no timer when nobody waits any more", async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
    const before = timers()
    const executor = createExecutor({ concurrency: 1 })
    await Promise.all([executor.run(() => turn()), executor.run(() => turn()), executor.run(() => turn())])
    await turns(5)
    expect(timers()).toBe(before)
    await executor.close()
  })
})
