import * as AgentFunction from "@skein/parallel/AgentFunction"
import * as AgentGather from "@skein/parallel/AgentGather"
import { describe, expect, it } from "vitest"

// Promises need real time. Nothing here depends on how fast it passes: limits are either never reached, or are all that can end what they end.

/** A promise that its signal rejects, and nothing else. */
const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }))

const told = ({ reports }: AgentFunction.Account): ReadonlyArray<string> => reports.map(({ id, status, why }) => `${id} ${status}: ${why}`)

/** A promise and the function that resolves it. */
const latch = (): { readonly open: () => void; readonly opened: Promise<void> } => {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { open, opened }
}

describe("AgentFunction.create", () => {
  it("runs async functions and agents by name, and reports each", async () => {
    await using agents = AgentFunction.create({
      timeout: "200 millis",
      agents: { upper: (input) => String(input).toUpperCase(), hang: (_, { signal }) => untilAborted(signal) }
    })
    const error = new Error("no route")
    const account = await agents.gather<unknown>([
      { agent: "upper", input: "oak" },
      { agent: "hang" },
      { id: "fails", run: () => Promise.reject(error) },
      {
        id: "throws",
        run: () => {
          throw new TypeError("bug")
        }
      },
      { id: "plain", input: 20, run: (input) => Number(input) + 1 }
    ])
    expect(told(account)).toEqual([
      "upper-1 completed: finished",
      "hang-2 timeout: still running when the time was over, and stopped",
      "fails failed: failed: no route",
      "throws failed: failed: bug",
      "plain completed: finished"
    ])
    expect([account.values, account.completed, account.missing]).toEqual([["OAK", 21], 2, 3])
    expect(account.reports[2]!.error).toBe(error)
    expect([account.reports[0]!.attempts, typeof account.reports[0]!.ranFor, typeof account.elapsed]).toEqual([1, "number", "number"])
    expect(agents.stats()).toMatchObject({ running: 0, waiting: 0, gathers: 0, permits: 8 })
  })

  // D-B10
  it("serves three levels with a limit of 1, where tasks use the gather they are given", async () => {
    await using agents = AgentFunction.create({ concurrency: 1, timeout: "Infinity" })
    let running = 0
    let peak = 0
    const level =
      (depth: number) =>
      async (_: unknown, { gather }: AgentFunction.TaskContext): Promise<number> => {
        if (depth === 0) {
          peak = Math.max(peak, ++running)
          await new Promise((resolve) => setTimeout(resolve, 1))
          running--
          return 1
        }
        const { values } = await gather<number>([{ run: level(depth - 1) }, { run: level(depth - 1) }])
        return values.reduce((a, b) => a + b, 0)
      }
    const account = await agents.gather([{ run: level(3) }, { run: level(3) }])
    expect([account.values, peak, agents.stats().peak]).toEqual([[8, 8], 1, 1])
  })

  it("a gather inside answers when the time of the one outside is over, and its task can use the answer", async () => {
    await using agents = AgentFunction.create({ timeout: "Infinity" })
    const account = await agents.gather(
      [
        {
          id: "boss",
          run: async (_, { gather }) => {
            const inner = await gather([{ run: () => "quick" }, { run: (_, { signal }) => untilAborted(signal) }])
            return inner.values
          }
        }
      ],
      { timeout: 50 }
    )
    expect([account.values, account.reports[0]!.missing]).toEqual([[["quick"]], 1])
  })

  it("stops a gather that its task did not wait for, with the task", async () => {
    await using agents = AgentFunction.create()
    const events: Array<string> = []
    const account = await agents.gather([
      {
        run: async (_, { gather }) => {
          const inner = gather([{ run: (_, { signal }) => untilAborted(signal).finally(() => events.push("stopped")) }])
          inner.catch(() => events.push("rejected"))
          return "did not wait"
        }
      }
    ])
    expect(account.values).toEqual(["did not wait"])
    await Promise.resolve()
    expect(events).toContain("stopped")
    expect(agents.stats()).toMatchObject({ running: 0, gathers: 0 })
  })

  // Law 1, D-B4
  it("waits for a promise that it has stopped, and keeps a value that comes even then", async () => {
    await using agents = AgentFunction.create({ grace: "Infinity" })
    const cleaned: Array<string> = []
    const paid = latch()
    const controller = new AbortController()
    const call = agents.gather(
      [
        {
          id: "pay",
          run: async (_, { signal }) => {
            await untilAborted(signal).catch(() => paid.opened)
            return "paid"
          }
        },
        {
          id: "tidy",
          run: async (_, { signal }) => {
            try {
              return await untilAborted(signal)
            } finally {
              await paid.opened
              cleaned.push("cleaned up")
            }
          }
        },
        { id: "breaks", run: (_, { signal }) => untilAborted(signal).catch(() => Promise.reject(new Error("cannot clean up"))) }
      ],
      { signal: controller.signal }
    )
    setTimeout(() => controller.abort("enough"), 5)
    setTimeout(paid.open, 20)
    const account = await call
    expect(told(account)).toEqual([
      "pay completed: finished, though it had been asked to stop",
      "tidy cancelled: cancelled: enough",
      "breaks cancelled: cancelled: enough; when it was stopped it failed: cannot clean up"
    ])
    expect([account.values, cleaned]).toEqual([["paid"], ["cleaned up"]])
  })

  it("leaves behind a promise that ignores its signal, and says so", async () => {
    const agents = AgentFunction.create({ timeout: 10, grace: 10, concurrency: 1 })
    const end = latch()
    const account = await agents.gather([{ id: "deaf", run: () => end.opened }])
    expect(told(account)).toEqual([
      "deaf timeout: still running when the time was over, and stopped; it did not stop within 10ms and may still be running"
    ])
    expect(agents.stats()).toMatchObject({ running: 1, abandoned: 1 })
    end.open()
    while (agents.stats().running > 0) await new Promise((resolve) => setTimeout(resolve, 1))
    await agents.close()
  })

  it("gives tasks the reason of the signal as it is, and starts nothing when it has fired already", async () => {
    await using agents = AgentFunction.create()
    const reason = { code: 7 }
    const seen: Array<unknown> = []
    const controller = new AbortController()
    const run = (_: unknown, { signal }: AgentFunction.TaskContext): Promise<never> => {
      queueMicrotask(() => controller.abort(reason))
      return untilAborted(signal).catch((error: unknown) => {
        seen.push(error)
        throw error
      })
    }
    const account = await agents.gather([{ id: "a", run }], { signal: controller.signal })
    expect([seen[0] === reason, told(account)]).toEqual([true, ['a cancelled: cancelled: {"code":7}']])
    const nothing = await agents.gather([{ id: "a", run }], { signal: controller.signal })
    expect([nothing.reports[0]!.status, seen.length]).toEqual(["notStarted", 1])
  })

  it("cancels one task by its path and lets the others go on", async () => {
    await using agents = AgentFunction.create()
    const started = latch()
    const cancelled = latch()
    const inner = { id: "x", run: (_: unknown, { signal }: AgentFunction.TaskContext) => (started.open(), untilAborted(signal)) }
    const call = agents.gather([
      { id: "one", run: async (_, { gather }) => (await gather([inner])).reports[0]!.why },
      { id: "two", run: () => cancelled.opened.then(() => "went on") }
    ])
    await started.opened
    const report = await agents.cancel("one/x", "not needed")
    expect([report.status, report.why]).toEqual(["cancelled", "cancelled: not needed"])
    cancelled.open()
    expect((await call).values).toEqual(["cancelled: not needed", "went on"])
    await expect(agents.cancel("one/x")).rejects.toThrow('no task "one/x" is running')
  })

  it("tries again as it is told", async () => {
    await using agents = AgentFunction.create({ retry: { times: 3, while: (error) => error !== "fatal" } })
    let tries = 0
    const flaky = { run: () => (++tries < 3 ? Promise.reject(new Error("flaky")) : Promise.resolve("third time")) }
    const account = await agents.gather<unknown>([flaky, { run: () => Promise.reject("fatal") }])
    expect(account.reports.map(({ attempts, status }) => [status, attempts])).toEqual([
      ["completed", 3],
      ["failed", 1]
    ])
  })

  it("keeps results in a Map or any store, and resumes from it", async () => {
    const map = new Map<string, string>()
    const ran: Array<string> = []
    const agent = (works: boolean) => (input: unknown) => {
      ran.push(String(input))
      return input === "b" && !works ? Promise.reject(new Error("down")) : Promise.resolve({ input })
    }
    const tasks = ["a", "b"].map((input) => ({ agent: "reader", input }))
    for (const works of [false, true]) {
      await using agents = AgentFunction.create({ store: map, agents: { reader: agent(works) } })
      const account = await agents.gather(tasks, { resume: "k" })
      expect(account.missing).toBe(works ? 0 : 1)
    }
    expect([ran, map.size]).toEqual([["a", "b", "b"], 2])
    const broken = AgentFunction.create({
      store: { get: () => Promise.reject("offline"), set: () => Promise.reject(new Error("offline")) }
    })
    const account = await broken.gather([{ id: "a", run: () => 1 }], { resume: "k" })
    expect([account.values, account.notes]).toEqual([
      [1],
      ["earlier results could not be read for 1 of 1 tasks: offline", "the result of a was not kept: offline"]
    ])
  })

  // Law 15
  it("closes: what runs is stopped, and every later gather is refused in words", async () => {
    const agents = AgentFunction.create()
    const started = latch()
    const call = agents.gather([
      { id: "a", run: () => 1 },
      { id: "b", run: (_, { signal }) => (started.open(), untilAborted(signal)) }
    ])
    const refused = call.catch((error: unknown) => (error as Error).message)
    await started.opened
    await agents.close()
    expect(await refused).toBe("the agent gather is closed; 1 of 2 tasks had finished")
    await expect(agents.gather([{ run: () => 1 }])).rejects.toThrow("the agent gather is closed; nothing has started")
  })

  it("tells a model's mistakes by a rejection, and throws the programmer's at once", async () => {
    const agents = AgentFunction.create({ agents: { reader: () => 1 } })
    const error = await agents.gather([{ agent: "reader" }, { agent: "writer" }]).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(AgentGather.AgentGatherError)
    expect((error as Error).message).toBe('there is no agent "writer", the agents are reader; nothing has started')
    await expect(agents.gather([{ agent: "constructor" }])).rejects.toThrow(/^there is no agent "constructor"/)
    expect(() => agents.gather([], { timeout: -1 })).toThrow(
      new RangeError("AgentFunction.gather: timeout must be a duration that is not negative, got -1")
    )
    expect(() => agents.gather([], { signal: 3 } as never)).toThrow(
      new RangeError("AgentFunction.gather: signal must be an AbortSignal, got 3")
    )
    expect(() => agents.gather([], { stop: 3 } as never)).toThrow(/^AgentFunction.gather: unknown option "stop"/)
    expect(() => AgentFunction.create({ concurrency: 0 })).toThrow(/^AgentFunction.create: concurrency must be /)
    expect(() => AgentFunction.create({ agents: { a: 1 } } as never)).toThrow(
      new RangeError("AgentFunction.create: agents.a must be a function, got 1")
    )
  })

  it("takes what models write in the place of names and of nothing", async () => {
    const agents = AgentFunction.create({ agents: { reader: (page) => page } })
    const tasks = JSON.parse(
      '[{"id":7,"agent":"reader","input":null},{"id":null,"agent":"reader"},{"id":"","agent":"reader","input":"oak"}]'
    )
    const account = await agents.gather(tasks as ReadonlyArray<AgentFunction.Task>)
    expect(account.reports.map(({ id }) => id)).toEqual(["7", "reader-2", "reader-3"])
    expect(account.text.split("\n").at(-1)).toBe("- reader-3 (reader): oak")
    await expect(agents.gather(JSON.parse('[{"agent":3}]') as [])).rejects.toThrow(
      'there is no agent "3", the agents are reader; nothing has started'
    )
  })

  it("shows reports to an observer without Effect's types", async () => {
    const agents = AgentFunction.create()
    const seen: Array<AgentFunction.Report<number>> = []
    const account = await agents.gather([{ id: "a", run: () => 1 }], { onReport: (report) => void seen.push(report) })
    expect(seen).toEqual(account.reports)
    expect("outcome" in seen[0]!).toBe(false)
  })
})
