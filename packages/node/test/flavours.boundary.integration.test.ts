// Real here: threads and processes, and so the time that things take. Where a deadline has to be met, a try that the machine was too slow for is made again with twice the time.
import { Deadline, GatherResult, type Progress } from "@skein/core"
import { parallelMap } from "@skein/parallel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, describe, expect, it } from "vitest"
import * as tasks from "./fixtures/boundaryTasks.ts"
import { folder, linesOf, names, open, reasonOf, runner, until } from "./fixtures/kit.ts"
import * as work from "./fixtures/workTasks.ts"

const { file, remove } = folder()
afterAll(remove)

/** Tries with more and more time until the try says that it was in time. */
const inTime = <A, E>(attempt: (millis: number) => Effect.Effect<A, E>, was: (a: A) => boolean, millis = 50): Effect.Effect<A, E> =>
  Effect.flatMap(attempt(millis), (a) => (was(a) ? Effect.succeed(a) : inTime(attempt, was, millis * 2)))

describe.each(names)("between a caller and a worker of the %s flavour", (flavour) => {
  const { events, run } = runner(flavour)

  it("progress passes, in order, with the index and the name of the calling task", async () => {
    const seen: Array<Progress.Progress> = []
    await run(parallelMap([3], tasks.reports, { onProgress: (report) => void seen.push(report), nameOf: () => "upload" }))
    expect(seen).toEqual([1, 2, 3].map((done) => ({ done, total: 3, message: `part ${done}`, index: 0, name: "upload" })))
  })

  it("log lines pass, with level, message and annotations, as far as the caller's level asks for them", async () => {
    const lines: Array<unknown> = []
    const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
      lines.push([logLevel, message, { ...Context.get(fiber.context, References.CurrentLogAnnotations) }])
    })
    const call = Effect.annotateLogs(tasks.speaks("hello"), { outside: 1 })
    const logged = Effect.provideService(call, Logger.CurrentLoggers, new Set([logger]))
    await run(Effect.andThen(logged, Effect.provideService(logged, References.MinimumLogLevel, "Debug")))
    const info = [
      ["Info", ["hello", { n: 1 }], { outside: 1 }],
      ["Error", ["bad"], { outside: 1, inside: true }]
    ]
    expect(lines).toEqual([...info, ["Debug", ["only for the curious"], { outside: 1 }], ...info])
  })

  it("the span around the call is the parent there", async () => {
    const ids = Effect.map(Effect.currentSpan, ({ spanId, traceId }) => ({ spanId, traceId }))
    const [outside, inside] = await run(Effect.withSpan(Effect.all([Effect.orDie(ids), tasks.span(null)]), "outer"))
    expect(inside).toEqual(outside)
  })

  describe("a deadline passes:", () => {
    it("law 10: a gather in the worker answers it, and what it had arrives", async () => {
      const attempt = (millis: number) =>
        Effect.catchTag(Deadline.within(tasks.gathers(null), millis), "DeadlineExceeded", () => Effect.succeed(["too late", "too late"]))
      const [first, second] = await run(inTime(attempt, (words) => words[0] === "first"))
      expect([first, second]).toEqual(["first", "timeout deadline"])
    })

    it("it can be moved from the inside, for both", async () => {
      const attempt = (millis: number) =>
        Effect.gen(function* () {
          const [path, gate] = [file(), file()]
          const fiber = yield* Effect.forkChild(Effect.exit(Deadline.within(tasks.extending({ path, gate }), millis)))
          yield* until(() => linesOf(path).length === 1 || fiber.pollUnsafe() !== undefined)
          yield* Effect.sleep(2 * millis)
          open(gate)
          return yield* Fiber.join(fiber)
        })
      const exit = await run(inTime(attempt, ({ _tag }) => _tag === "Success"))
      expect(exit).toMatchObject({ value: "done" })
    })

    it("it can be moved from the outside, and the worker sees it", async () => {
      const attempt = (millis: number) =>
        Effect.gen(function* () {
          const [path, gate] = [file(), file()]
          const body = Effect.gen(function* () {
            const fiber = yield* Effect.forkChild(tasks.remaining({ path, gate }))
            yield* until(() => linesOf(path).length === 1)
            yield* Deadline.extend("1 hour")
            yield* Effect.sleep(2 * millis)
            open(gate)
            return yield* Fiber.join(fiber)
          })
          return yield* Effect.exit(Deadline.within(body, millis))
        })
      const exit = await run(inTime(attempt, ({ _tag }) => _tag === "Success"))
      const left = exit._tag === "Success" ? exit.value : 0
      expect(left).toBeGreaterThan(60_000)
      expect(left).toBeLessThanOrEqual(3_600_000)
    })

    it("without one there is none in the worker", async () => {
      const gate = file()
      open(gate)
      expect(await run(tasks.remaining({ path: file(), gate }))).toBe(-1)
    })
  })

  it("law 9: a success that comes although the task was asked to stop is kept, and marked late", async () => {
    const attempt = (millis: number) =>
      Effect.gen(function* () {
        const [path, gate] = [file(), file()]
        const fiber = yield* Effect.forkChild(parallelMap([{ path, gate }], tasks.pays, { taskTimeout: millis }))
        yield* until(() => linesOf(path).length === 1)
        yield* Effect.sleep(2 * millis)
        open(gate)
        return (yield* Fiber.join(fiber)).outcomes[0]
      })
    const outcome = await run(
      inTime(attempt, (outcome) => outcome?._tag === "Completed" && outcome.late),
      { grace: "10 minutes" }
    )
    expect(outcome).toMatchObject({ _tag: "Completed", value: "paid", late: true })
  })

  describe("what cannot travel", () => {
    it.each([
      ["a function", { a: [() => 1] }, '["a"][0]'],
      ["an instance of a class", { at: new (class Point {})() }, '["at"]'],
      ["a symbol", [Symbol("s")], "[0]"],
      ["a Map", { m: new Map() }, '["m"]']
    ])("is refused before it leaves, with its place in the payload: %s", async (_, payload, place) => {
      const error = await run(Effect.flip(tasks.anything(payload)))
      expect(reasonOf(error)).toMatchObject({ _tag: "Rejected", message: expect.stringContaining(place) })
      expect(events).toEqual([])
    })

    it("is refused where it does not fit its schema", async () => {
      const error = await run(Effect.flip(tasks.copies("bytes" as never)))
      expect([reasonOf(error)._tag, error.mayHaveRun, events.length]).toEqual(["Rejected", "no", 0])
    })

    it("fails the task whose result it is, with its place there, and no other", async () => {
      const payloads = [1, "a function", 2, "an instance", 3]
      const { outcomes } = await run(parallelMap(payloads, (payload) => Effect.result(tasks.anything(payload))))
      const told = outcomes.map((outcome) => (outcome._tag !== "Completed" ? outcome : outcome.value))
      expect(told.map((result) => result._tag)).toEqual(["Success", "Failure", "Success", "Failure", "Success"])
      for (const [index, place] of [
        [1, '["list"][1]'],
        [3, '["at"]']
      ] as const) {
        const { failure } = told[index] as unknown as { readonly failure: Error }
        expect(reasonOf(failure)).toMatchObject({ _tag: "Unserializable", message: expect.stringContaining(place) })
        expect(failure).toMatchObject({ mayHaveRun: "yes" })
      }
    })
  })

  it("values pass that JSON has no words for", async () => {
    const value = {
      nothing: undefined,
      numbers: [Number.NaN, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.1, Number.MAX_SAFE_INTEGER],
      when: new Date(86_400_001),
      large: 2n ** 100n,
      text: 'ÄÖ\u0000\n\t"\\ 漢字 👩‍👩‍👧 \u2028 \ud800'
    }
    const got = await run(tasks.values(value))
    expect(got).toEqual(value)
    expect(Object.is(got.numbers[1], -0)).toBe(true)
  })

  it("text of any size passes both ways, ASCII or not", async () => {
    const lengths = [0, 1, 100, 10_000, 11_000, 30_000, 40_000, 66_000, 130_000, 10 * 2 ** 20]
    const texts = lengths.flatMap((length) => ["a", "é", "漢"].map((letter) => letter.repeat(length)))
    const result = await run(parallelMap(texts, (text) => Effect.map(tasks.long(text), (got) => got === `${text}!`), { concurrency: 5 }))
    expect(GatherResult.values(result)).toEqual(texts.map(() => true))
  })

  describe("memory", () => {
    const size = 10 * 2 ** 20

    it("is copied, and of a view only the part that it shows", async () => {
      const bytes = new Uint8Array(size).fill(1)
      const [all, part] = await run(Effect.all([tasks.copies(bytes), tasks.copies(bytes.subarray(5, 8))], { concurrency: 2 }))
      expect([bytes.length, all.length, all[0], all[size - 1], bytes[0]]).toEqual([size, size, 2, 2, 1])
      expect(part).toEqual(new Uint8Array([2, 2, 2]))
    })

    it(flavour === "worker" ? "can be given away: the sender has it no more" : "that is given away is copied, and stays", async () => {
      const bytes = new Uint8Array(size).fill(3)
      const got = await run(tasks.moves(bytes))
      expect([got.length, got[size - 1], bytes.length]).toEqual([size, 4, flavour === "worker" ? 0 : size])
    })

    it("that is given away does not wait behind another call in a worker, from which it could not come back", async () => {
      const payloads = Array.from({ length: 40 }, (_, i) => new Uint8Array(8).fill(i))
      const path = file()
      const program = Effect.gen(function* () {
        // Both are known to be short, so that calls are sent ahead; then one of them is not.
        for (const bytes of payloads.slice(0, 20)) {
          yield* work.strikes({ path, n: 0, how: "" })
          yield* tasks.moves(bytes)
        }
        const long = yield* Effect.forkChild(Effect.exit(work.strikes({ path, n: 1, how: "exit" })))
        const result = yield* parallelMap(payloads.slice(20), tasks.moves, { concurrency: 20 })
        yield* Fiber.join(long)
        return result
      })
      const result = await run(program, { size: 1 })
      expect(GatherResult.values(result).map(([byte]) => byte)).toEqual(Array.from({ length: 20 }, (_, i) => i + 21))
    })

    it("that was given away already is refused", async () => {
      const bytes = new Uint8Array(8)
      structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
      expect(reasonOf(await run(Effect.flip(tasks.moves(bytes))))).toMatchObject({ _tag: "Rejected" })
    })

    it("that is shared is seen by both threads, and refused by processes", async () => {
      const memory = new SharedArrayBuffer(8)
      const result = await run(Effect.result(tasks.shares(memory)))
      expect([result._tag, new Int32Array(memory)[0]]).toEqual(flavour === "worker" ? ["Success", 7] : ["Failure", 0])
      if (result._tag === "Failure") expect([reasonOf(result.failure)._tag, result.failure.mayHaveRun]).toEqual(["Rejected", "no"])
    })

    it("in many calls at once arrives where it belongs", async () => {
      const items = Array.from({ length: 100 }, (_, i) => new Uint8Array(1_000).fill(i))
      const result = await run(parallelMap(items, tasks.copies, { concurrency: 30 }))
      expect(GatherResult.values(result).map((bytes) => bytes[999])).toEqual(items.map((_, i) => i + 1))
    })
  })

  it("a task's layer is built once in each worker that runs the task, and released when that ends in good order", async () => {
    const [path, gate] = [file(), file()]
    const program = Effect.gen(function* () {
      const both = yield* Effect.forkChild(Effect.all([tasks.served(gate), tasks.served(gate)], { concurrency: 2 }))
      yield* until(() => linesOf(path).length === 2)
      open(gate)
      yield* Fiber.join(both)
      const places = yield* Effect.forEach(Array.from({ length: 20 }), () => tasks.served(""), { concurrency: 8 })
      return [new Set(places), linesOf(path)] as const
    })
    const [places, before] = await run(program, { env: { ...(process.env as Record<string, string>), SKEIN_TEST_FILE: path } })
    expect(before).toHaveLength(2)
    for (const place of places) expect(before).toContain(`built ${place}`)
    expect(linesOf(path).slice(2).toSorted()).toEqual(before.map((line) => line.replace("built", "released")).toSorted())
  })

  describe("a task that is defined in the module that starts the program", () => {
    const start = async (program: URL) => (await promisify(execFile)(process.execPath, [fileURLToPath(program), flavour])).stdout

    it("is refused, for each worker would start the program again", async () => {
      expect(await start(new URL("./fixtures/mainUnguarded.ts", import.meta.url))).toMatch(
        /^MainModule task "here": it is defined in file:.*mainUnguarded\.ts, which starts the program: move it to a module of its own, or guard the start by import\.meta\.main\n$/
      )
    })

    it("runs where the module looks whether it is the one that is started", async () => {
      expect(await start(new URL("./fixtures/mainGuarded.ts", import.meta.url))).toBe("2\n")
    })
  })

  it("a call that has ended is not told of any more", async () => {
    const [path, gate] = [file(), file()]
    open(gate)
    const reports: Array<unknown> = []
    const late = parallelMap([{ path, gate }], work.hold, { onProgress: (report) => void reports.push(report) })
    expect((await run(late)).completed).toBe(1)
    expect(reports).toEqual([])
  })
})
