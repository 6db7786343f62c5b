// Real here: threads, processes, and their deaths. Tests wait for events and files, never for a time.
import * as Task from "@skein/parallel/Task"
import { TaskRunnerError } from "@skein/parallel/TaskRunner"
import type * as Outcome from "@skein/core/Outcome"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { afterAll, describe, expect, it } from "vitest"
import { folder, linesOf, names, open, runner, until } from "./fixtures/kit.ts"
import * as tasks from "./fixtures/mapTasks.ts"

const { file, remove } = folder()
afterAll(remove)

const reasonOf = (outcome: Outcome.Outcome<unknown, unknown>): TaskRunnerError["reason"] | undefined => {
  if (outcome._tag !== "Failed") return undefined
  const error = outcome.cause.reasons.find(Cause.isFailReason)?.error
  return error instanceof TaskRunnerError ? error.reason : undefined
}

const valuesOf = (outcomes: ReadonlyArray<Outcome.Outcome<unknown, unknown>>): ReadonlyArray<unknown> =>
  outcomes.map((outcome) => (outcome._tag === "Completed" ? outcome.value : outcome))

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

describe.each(names)("Task.map on the %s flavour", (flavour) => {
  const { events, pool, run } = runner(flavour)

  it.each([
    ["plain", tasks.plain],
    ["effect", tasks.effect]
  ])("gives each item one outcome and runs none twice, whoever dies (%s)", async (_, task) => {
    const path = file()
    const items = range(20_000).map((n) => ({ n, how: n % 2_500 === 1_234 ? ("exit" as const) : ("go" as const), path }))
    const result = await run(Task.map(task, items))
    expect(result.total).toBe(20_000)
    const lost = result.outcomes.filter((outcome) => outcome._tag !== "Completed")
    expect(lost.map(({ index }) => index)).toEqual(range(8).map((i) => i * 2_500 + 1_234))
    for (const outcome of lost) {
      expect(reasonOf(outcome)).toMatchObject({
        _tag: "Lost",
        culprit: true,
        ...(flavour === "worker" ? { exitCode: 3 } : { signal: "SIGKILL" })
      })
    }
    expect(result.outcomes.every((outcome, i) => outcome._tag !== "Completed" || outcome.value === i)).toBe(true)
    // Each has begun once, those that died among them.
    expect(
      linesOf(path)
        .map(Number)
        .toSorted((a, b) => a - b)
    ).toEqual(range(20_000))
    expect(events.filter(({ _tag }) => _tag === "Crashed").length).toBe(8)
  })

  it("keeps the clocks of each item", async () => {
    const before = Date.now()
    const { outcomes } = await run(Task.map(tasks.negate, range(3_000)))
    let order = 0
    for (const { endedAt, queuedAt, startedAt } of outcomes) {
      if (before - 1 <= queuedAt! && queuedAt! <= startedAt! && startedAt! <= endedAt! && endedAt! <= Date.now() + 1) order++
    }
    expect(order).toBe(3_000)
    expect(new Set(outcomes.map(({ startedAt }) => startedAt)).size).toBeGreaterThan(1)
  })

  it("carries numbers as they are", async () => {
    const odd = [0, -0, NaN, Infinity, -Infinity, 1e308, 5e-324, 0.1]
    const { outcomes } = await run(Task.map(tasks.negate, odd))
    expect(valuesOf(outcomes)).toEqual(odd.map((n) => -n))
    const halves = await run(Task.map(tasks.half, odd))
    // A plain function is given the text of what JSON has no number for.
    expect(valuesOf(halves.outcomes)).toEqual(odd.map((n) => n / 2))
  })

  it("carries values of all lengths, plain and not", async () => {
    const items = range(400).map((n) => ({ text: "ä€\n,!", times: n % 50 === 7 ? 20_000 : n % 13 }))
    const { outcomes } = await run(Task.map(tasks.repeat, items))
    expect(valuesOf(outcomes)).toEqual(
      items.map(({ text, times }) => ({ text: text.repeat(times), at: times % 2 === 0 ? undefined : new Date(times) }))
    )
  })

  it("gives memory away, and gets it back", async () => {
    const items = range(40).map((n) => Float64Array.of(n, n + 1))
    const { outcomes } = await run(Task.map(tasks.reverse, items))
    expect(valuesOf(outcomes)).toEqual(range(40).map((n) => Float64Array.of(n + 1, n)))
    if (flavour === "worker") expect(items.every(({ length }) => length === 0)).toBe(true)
  })

  it("carries typed arrays, of all lengths, and shared memory as such", async () => {
    const whole = Float64Array.from(range(64))
    const items = range(60).map((n) => whole.subarray(n, n + (n % 4)))
    const { outcomes } = await run(Task.map(tasks.twice, items))
    expect(valuesOf(outcomes)).toEqual(items.map((numbers) => numbers.map((n) => 2 * n)))
    expect(items[3]).toEqual(Float64Array.of(3, 4, 5))
    const wrong = await run(Task.map(tasks.twice, [items[1]!, new Uint8Array(1) as never, items[2]!]))
    expect(wrong.outcomes.map(({ status }) => status)).toEqual(["completed", "failed", "completed"])
    if (flavour === "process") return
    const shared = new Float64Array(new SharedArrayBuffer(8))
    await run(Task.map(tasks.mark, [shared as never]))
    expect(shared[0]).toBe(7)
  })

  it("ends an item that takes too long, by force if need be, and no other", async () => {
    const path = file()
    const items = range(200).map((n) => ({ n, how: n === 50 ? ("loop" as const) : n === 120 ? ("gate" as const) : ("go" as const), path }))
    for (const task of [tasks.plain, tasks.effect]) {
      const { outcomes } = await run(Task.map(task, items, { taskTimeout: 3_000 }), { grace: 300 })
      expect(outcomes.filter(({ status }) => status !== "completed").map(({ index, status }) => [index, status])).toEqual([
        [50, "timeout"],
        [120, "timeout"]
      ])
    }
    expect(linesOf(path).length).toBe(400)
  })

  it("keeps what has ended when it is interrupted by a limit, and starts nothing more", async () => {
    const path = file()
    const items = range(300).map((n) => ({ n, how: n < 100 ? ("go" as const) : ("gate" as const), path }))
    const stop = until(() => linesOf(path).length === 102)
    const { outcomes } = await run(Task.map(tasks.effect, items, { stop }))
    const statuses = outcomes.map(({ status }) => status)
    expect(statuses.slice(0, 100).every((status) => status === "completed")).toBe(true)
    expect(statuses.filter((status) => status === "cancelled").length).toBe(2)
    expect(statuses.filter((status) => status === "notStarted").length).toBe(198)
    expect(linesOf(path).length).toBe(102)
  })

  it("leaves no call behind when it is interrupted", async () => {
    const path = file()
    const items = range(300).map((n) => ({ n, how: "gate" as const, path }))
    const stats = await run(
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Task.map(tasks.plain, items))
        yield* until(() => linesOf(path).length === 2)
        yield* Fiber.interrupt(fiber)
        open(`${path}.open`)
        return yield* Effect.flatMap(pool, ({ stats }) => stats)
      })
    )
    expect([stats.queued, stats.sent]).toEqual([0, 0])
    expect(linesOf(path).length).toBe(2)
  })
})
