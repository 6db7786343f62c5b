/**
 * The laws as users of promises see them: 1 to 7, 9, 13, 15 and 17, over `@skein/parallel/promise`.
 *
 * Real microtasks, immediates and timers, in schedules drawn from a seed. What is asserted is order and counts, which hold however slow the machine is; no schedule has a limit that it could miss.
 */
import { setImmediate as turn } from "node:timers/promises"
import {
  createExecutor,
  ExecutorClosed,
  type GatherResult,
  type Outcome,
  parallelGather,
  parallelMap,
  parallelStream,
  resultOf,
  type TaskContext
} from "@skein/parallel/promise"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const soak = process.env["SKEIN_SOAK"] === "1"
const schedules = soak ? 10_000 : 400

/** A small generator of numbers: mulberry32. */
const randomOf = (seed: number) => {
  let state = seed >>> 0
  return (below: number): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

/** What one task does: waits, then ends in some way. When it is asked to stop it may obey, take its time, give its value all the same, or fail. */
interface Script {
  readonly waits: number
  readonly ends: "value" | "error" | "throw" | "never"
  readonly asked: "obeys" | "tidies" | "value" | "error"
}

const scriptsOf = (random: (below: number) => number, mayHang: boolean): Array<Script> =>
  Array.from({ length: random(9) }, () => ({
    waits: random(4),
    ends: (["value", "value", "error", "throw", mayHang ? "never" : "value"] as const)[random(5)]!,
    asked: (["obeys", "tidies", "value", "error"] as const)[random(4)]!
  }))

/** Counts what runs, how often each was asked, and what is left. */
class Witness {
  running = 0
  peak = 0
  readonly asked: Array<number> = []
  readonly started: Array<number> = []
  readonly ended = new Set<number>()

  readonly play = (script: Script, index: number, task: Pick<TaskContext, "signal">): unknown => {
    this.started.push(index)
    this.peak = Math.max(this.peak, ++this.running)
    if (script.ends === "throw" && script.waits === 0) {
      this.end(index)
      throw new Error(`error ${index}`)
    }
    return this.playOn(script, index, task).finally(() => this.end(index))
  }

  private end(index: number): void {
    this.running--
    this.ended.add(index)
  }

  private async playOn({ asked, ends, waits }: Script, index: number, { signal }: Pick<TaskContext, "signal">): Promise<string> {
    const stopped = new Promise<"stopped">((resolve) => {
      const hear = (): void => {
        this.asked.push(index)
        resolve("stopped")
      }
      if (signal.aborted) hear()
      else signal.addEventListener("abort", hear)
    })
    for (let i = 0; i < waits && !signal.aborted; i++) await turn()
    if (ends === "never" || signal.aborted) {
      await stopped
      if (asked === "obeys") throw signal.reason
      await turn()
      if (asked === "tidies") throw signal.reason
      if (asked === "error") throw new Error(`cleanup error ${index}`)
      return `late value ${index}`
    }
    if (ends === "value") return `value ${index}`
    throw new Error(`error ${index}`)
  }
}

const unhandled: Array<unknown> = []
const note = (error: unknown): void => void unhandled.push(error)
beforeAll(() => void process.on("unhandledRejection", note))
afterAll(async () => {
  for (let i = 0; i < 5; i++) await turn()
  process.off("unhandledRejection", note)
  expect(unhandled).toEqual([])
})

const law = (title: string, play: (random: (below: number) => number, seed: number) => Promise<void>): void => {
  it(`${title}, under ${schedules} schedules`, async () => {
    const from = Number(process.env["SKEIN_SEED"] ?? 1)
    for (let seed = from; seed < from + schedules; seed++) {
      try {
        await play(randomOf(seed), seed)
      } catch (error) {
        throw new Error(`SKEIN_SEED=${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
      }
    }
    expect(schedules).toBeGreaterThan(0)
  }, 600_000)
}

/** Some call, which is ended by a signal after some turns, or not at all where all tasks end by themselves. */
const someCall = async (random: (below: number) => number) => {
  const cut = random(3) > 0
  const scripts = scriptsOf(random, cut)
  const concurrency = 1 + random(4)
  const witness = new Witness()
  const controller = new AbortController()
  const seen: Array<Outcome<unknown>> = []
  const options = { concurrency, signal: controller.signal, onOutcome: (outcome: Outcome<unknown>) => void seen.push(outcome) }
  const turns = random(6)
  if (cut)
    void (async () => {
      for (let i = 0; i < turns; i++) await turn()
      controller.abort("cut")
    })()
  const how = (["map", "lazy", "gather", "stream", "executor"] as const)[random(5)]!
  const result = await call(how, scripts, witness, options)
  return {
    concurrency,
    controller,
    cut,
    how,
    result,
    scripts,
    seen,
    witness,
    atReturn: { running: witness.running, started: witness.started.length }
  }
}

type Options = NonNullable<Parameters<typeof parallelMap<Script, unknown>>[2]>
type Part = Pick<GatherResult<unknown>, "list" | "errors"> & { readonly whole?: GatherResult<unknown> }

const call = async (how: string, scripts: ReadonlyArray<Script>, witness: Witness, options: Options): Promise<Part> => {
  switch (how) {
    case "map": {
      const whole = await parallelMap(scripts, witness.play, options)
      return { list: whole.list, errors: whole.errors, whole }
    }
    case "lazy": {
      const lazy = (function* () {
        yield* scripts
      })()
      const whole = await parallelMap(lazy, witness.play, options)
      return { list: whole.list, errors: whole.errors, whole }
    }
    case "gather": {
      const whole = await parallelGather(
        scripts.map((script, i) => (task: TaskContext) => witness.play(script, i, task)),
        options as never
      )
      return { list: whole.list, errors: whole.errors, whole: whole as GatherResult<unknown> }
    }
    case "stream": {
      const list: Array<Outcome<unknown>> = []
      const { onFailure: _f, onTimeout: _t, onAbort: _a, ...own } = options
      for await (const outcome of parallelStream(scripts, witness.play, { ...own, order: "input" })) list.push(outcome)
      const errors = list.flatMap((outcome) =>
        "error" in outcome ? [{ index: outcome.index, name: undefined, error: outcome.error }] : []
      )
      return { list, errors }
    }
    default: {
      await using executor = createExecutor({ concurrency: options.concurrency as number })
      const whole = await executor.map(scripts, witness.play, options)
      expect(executor.stats.running).toBe(0)
      return { list: whole.list, errors: whole.errors, whole }
    }
  }
}

describe("the laws, for promises", () => {
  law("1 and 4: no task outlives its call, and never more run than may", async (random) => {
    const { atReturn, concurrency, witness } = await someCall(random)
    expect(atReturn.running).toBe(0)
    expect(witness.peak).toBeLessThanOrEqual(concurrency)
    await turn()
    expect(witness.started.length).toBe(atReturn.started)
  })

  law("2: a task is asked once, and only if it was running", async (random) => {
    const { controller, witness } = await someCall(random)
    expect(new Set(witness.asked).size).toBe(witness.asked.length)
    if (!controller.signal.aborted) expect(witness.asked).toEqual([])
    for (const index of witness.asked) expect(witness.ended.has(index)).toBe(true)
  })

  law("3: one outcome per input, in input order, which observers saw once each", async (random) => {
    const { how, result, scripts, seen } = await someCall(random)
    const { list, whole } = result
    if (how !== "lazy") expect(list.length).toBe(scripts.length)
    else if (list.length < scripts.length) expect(whole!.exhausted).toBe(false)
    expect(list.map(({ index }) => index)).toEqual(list.map((_, i) => i))
    expect(seen.map(({ index }) => index).sort((a, b) => a - b)).toEqual(list.map((_, i) => i))
    for (const outcome of seen) expect(outcome.status).toBe(list[outcome.index]!.status)
    const before = JSON.stringify(list)
    await turn()
    expect(JSON.stringify(list)).toBe(before)
    if (whole !== undefined) {
      const { cancelled, completed, failed, notStarted, skipped, timedOut, total } = whole
      expect(completed + skipped + failed + timedOut + cancelled + notStarted).toBe(total)
    }
  })

  law("6, 7 and 9: each ends as its script says, whatever the others do; no failure and no success is lost", async (random) => {
    const { controller, result, scripts, witness } = await someCall(random)
    const asked = new Set(witness.asked)
    const errors = new Map(result.errors.map(({ error, index }) => [index, String(error)]))
    expect(errors.size).toBe(result.errors.length)
    for (const outcome of result.list) {
      const { index, status } = outcome
      const script = scripts[index]!
      if (status === "notStarted") {
        expect(controller.signal.aborted && !witness.started.includes(index)).toBe(true)
        continue
      }
      expect(witness.started.filter((i) => i === index)).toHaveLength(1)
      switch (status) {
        case "completed":
          expect(outcome.value).toMatch(asked.has(index) && outcome.late ? /^(late )?value/ : /^value/)
          expect(errors.has(index)).toBe(false)
          break
        case "failed":
          expect([script.ends === "error" || script.ends === "throw", errors.get(index)]).toEqual([true, `Error: error ${index}`])
          break
        case "cancelled":
          expect(outcome.reason).toMatchObject({ _tag: "Aborted", value: "cut" })
          if (errors.has(index)) expect(errors.get(index)).toMatch(/error \d$/)
          break
        default:
          expect(status).toBe("one of the above")
      }
    }
  })

  law("5: fail-fast rejects with the one error, when the others have stopped, and loses nothing", async (random) => {
    const scripts = [...scriptsOf(random, false), { waits: random(3), ends: "error", asked: "obeys" } as const]
    const witness = new Witness()
    const error: unknown = await parallelMap(scripts, witness.play, { concurrency: 1 + random(4), onFailure: "interrupt" }).catch(
      (e: unknown) => e
    )
    expect(witness.running).toBe(0)
    expect(String(error)).toMatch(/^Error: error \d$/)
    const result = resultOf(error)!
    const failed = result.list.filter(({ status }) => status === "failed")
    expect(failed.map((outcome) => "error" in outcome && outcome.error)).toEqual([error])
    for (const outcome of result.list) {
      if (outcome.status === "cancelled") expect(outcome.reason).toMatchObject({ _tag: "SiblingFailed", index: failed[0]!.index })
    }
    expect(result.list.length).toBe(scripts.length)
  })

  law("13: an observer that throws changes nothing", async (random, seed) => {
    const told = (list: ReadonlyArray<Outcome<unknown>>) =>
      list.map((outcome) => `${outcome.status} ${"value" in outcome ? outcome.value : ""}`)
    const scripts = scriptsOf(random, false)
    const concurrency = 1 + random(3)
    const log = console.log
    console.log = () => {}
    try {
      const plain = await parallelMap(scripts, new Witness().play, { concurrency })
      const watched = await parallelMap(scripts, new Witness().play, {
        concurrency,
        onOutcome: () => {
          if (seed % 2 === 0) throw new Error("observer")
          return Promise.reject(new Error("observer")) as never
        }
      })
      expect(told(watched.list)).toEqual(told(plain.list))
      await turn()
    } finally {
      console.log = log
    }
  })

  law("4: an executor keeps its bound and ends with nothing, whatever is nested, resized, paused and called off", async (random) => {
    const executor = createExecutor({ concurrency: 3 })
    let computing = 0
    let peak = 0
    const compute = async <A>(value: A): Promise<A> => {
      peak = Math.max(peak, ++computing)
      await turn()
      computing--
      return value
    }
    const nested = async (task: TaskContext, depth: number): Promise<void> => {
      await compute(0)
      if (task.signal.aborted) throw task.signal.reason
      if (depth > 0) {
        if (random(2) === 0) await executor.run((inner) => nested(inner, depth - 1), { within: task, priority: random(3) })
        else await executor.map([1, 2], (_n, _i, inner) => nested(inner, depth - 1), { within: task })
      }
      await compute(1)
    }
    const controllers = Array.from({ length: 6 }, () => new AbortController())
    const ended: Array<unknown> = []
    const all = controllers.map(({ signal }, i) => {
      const end = (how: unknown): void => void (ended[i] = how)
      const options = { signal, priority: random(3) - 1 }
      if (random(3) > 0) return executor.run((task) => nested(task, random(3)), options).then(() => end("done"), end)
      return executor.map([1, 2, 3], (_n, _i, task) => nested(task, random(2)), options).then(({ total }) => end(total), end)
    })
    for (let i = random(12); i > 0; i--) {
      await turn()
      const what = random(6)
      if (what === 0) executor.resize(1 + random(3))
      else if (what === 1) executor.pause()
      else if (what < 4) executor.resume()
      else controllers[random(6)]!.abort("called off")
    }
    executor.resume()
    await Promise.all(all)
    await executor.whenIdle()
    for (const how of ended) expect(["done", "called off", 3]).toContain(how)
    expect(peak).toBeLessThanOrEqual(3)
    const { calls, running, waiting } = executor.stats
    expect([computing, calls, running, waiting]).toEqual([0, 0, 0, 0])
    await executor.close()
  })

  law("15: after close everything is refused, and nothing runs", async (random) => {
    const witness = new Witness()
    const executor = createExecutor({ concurrency: 1 + random(3) })
    const scripts = scriptsOf(random, true)
    const runs = scripts.map((script, i) => executor.run((task) => witness.play(script, i, task)).catch((error: unknown) => error))
    const mapped = executor.map(scripts, witness.play).catch((error: unknown) => error)
    for (let i = random(5); i > 0; i--) await turn()
    await executor.close()
    expect(witness.running).toBe(0)
    const { length } = witness.started
    await Promise.all([...runs, mapped])
    expect(await executor.run(() => 1).catch((error: unknown) => error)).toBeInstanceOf(ExecutorClosed)
    await turn()
    expect(witness.started.length).toBe(length)
    expect([executor.stats.running, executor.stats.waiting, executor.stats.calls]).toEqual([0, 0, 0])
  })

  it("17: misuse is refused at once, and the message says what it must be and what it was", async () => {
    await using executor = createExecutor()
    const makers: Record<string, (options: any) => unknown> = {
      parallelMap: (options) => parallelMap([1], () => 1, options),
      parallelGather: (options) => parallelGather([() => 1], options),
      parallelStream: (options) => parallelStream([1], () => 1, options),
      createExecutor: (options) => createExecutor(options),
      "executor.map": (options) => executor.map([1], () => 1, options)
    }
    const wrong: ReadonlyArray<readonly [string, ReadonlyArray<unknown>]> = [
      ["concurrency", [0, -1, 2.5, NaN, Infinity, "8", null, {}]],
      ["taskTimeout", [-1, NaN, "soon", {}, null]],
      ["grace", [-1, NaN, "soon", {}, null]],
      ["name", [7]],
      ["retry", [3, {}, null]]
    ]
    for (const [where, make] of Object.entries(makers)) {
      for (const [option, values] of wrong) {
        for (const value of values) {
          expect(() => make({ [option]: value }), `${where} ${option} ${String(value)}`).toThrow(
            new RegExp(`^${where}: ${option} must be .+, got .+`)
          )
        }
      }
      expect(() => make({ concurency: 2 })).toThrow(new RegExp(`^${where}: unknown option "concurency"`))
      expect(() => make({ limiter: 2 })).toThrow(RangeError)
      expect(() => make({ retry: { times: -1 } })).toThrow(/retry.times must be a whole number of at least 0, got -1/)
    }
    for (const [option, value] of [
      ["onFailure", "ignore"],
      ["onTimeout", "x"],
      ["onAbort", "x"],
      ["signal", 1],
      ["within", 1],
      ["onOutcome", 1]
    ]) {
      expect(() => parallelMap([1], () => 1, { [option as string]: value } as never)).toThrow(new RegExp(`^parallelMap: ${option} must be`))
    }
    expect(() => parallelMap(3 as never, () => 1)).toThrow("parallelMap: items must be iterable or async iterable, got 3")
    expect(() => parallelMap([1], 3 as never)).toThrow("parallelMap: f must be a function, got 3")
    expect(() => parallelGather(3 as never)).toThrow(
      "parallelGather: functions must be an iterable of functions, or a record of them, got 3"
    )
    expect(executor.stats.tasks.completed).toBe(0)
  })
})
