import * as Processes from "@skein/node/Processes"
import * as Workers from "@skein/node/Workers"
import type { Event, Options } from "@skein/node/Flavour"
import { parallelMap } from "@skein/parallel"
import type { TaskRunnerError } from "@skein/parallel/TaskRunner"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import * as tasks from "./fixtures/tasks.ts"

const flavours: ReadonlyArray<readonly [name: "worker" | "process", layer: (options: Options) => Layer.Layer<never>]> = [
  ["worker", Workers.layer as never],
  ["process", Processes.layer as never]
]

const dir = mkdtempSync(join(tmpdir(), "flavours-"))
afterAll(() => rmSync(dir, { recursive: true }))
let files = 0
const file = (): string => join(dir, `${files++}.txt`)
const linesOf = (path: string): ReadonlyArray<string> => (existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n") : [])
const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (holds() ? Effect.void : Effect.andThen(Effect.sleep(2), until(holds))))

const reasonOf = (error: unknown): TaskRunnerError["reason"] => (error as TaskRunnerError).reason

describe.each(flavours)("the %s flavour", (flavour, layer) => {
  const events: Array<Event> = []
  const run = <A, E>(effect: Effect.Effect<A, E>, options: Options = {}): Promise<A> => {
    events.length = 0
    return Effect.runPromise(Effect.provide(effect, layer({ size: 2, onEvent: (event) => events.push(event), ...options })))
  }

  it("gives the value of an effect task and of a plain function", async () => {
    expect(await run(Effect.all([tasks.add({ a: 1, b: 2 }), tasks.addByHandler({ a: 3, b: 4 })]))).toEqual([3, 7])
  })

  it("runs tasks elsewhere: in a thread of this process, or in another process", async () => {
    const pid = await run(tasks.pid(null))
    expect(pid === process.pid).toBe(flavour === "worker")
  })

  it("gives typed errors as instances of their class, with their fields", async () => {
    const error = await run(Effect.flip(tasks.refuses(12)))
    expect(error).toBeInstanceOf(tasks.TooLarge)
    expect(error).toMatchObject({ _tag: "TooLarge", size: 12, at: new Date(0) })
  })

  it("keeps name, message, cause and fields of a defect", async () => {
    const exit = await run(Effect.exit(tasks.fails("bread")))
    const defect = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isDieReason)?.defect : undefined
    expect(defect).toMatchObject({ name: "TypeError", message: "no bread", code: "E_NO", cause: { message: "deeper" } })
  })

  it("answers a thousand calls at once, each with its own answer, whatever its size", async () => {
    const items = Array.from({ length: 1_000 }, (_, a) => a)
    const result = await run(parallelMap(items, (a) => tasks.add({ a, b: 1 }), { concurrency: 200 }))
    expect(result.outcomes.map((outcome) => outcome._tag === "Completed" && outcome.value)).toEqual(items.map((a) => a + 1))
  })

  it("brings all that a task says before its answer, in order, however long it is", async () => {
    const lengths = [1, 200_000, 2, 300_000, 3]
    const heard: Array<number | undefined> = []
    const result = await run(
      parallelMap([lengths], (payload) => tasks.says(payload), { onProgress: ({ message }) => heard.push(message?.length) })
    )
    expect(result.completed).toBe(1)
    expect(heard).toEqual(lengths)
  })

  it("runs a task that calls itself, three deep, with one worker", async () => {
    expect(await run(tasks.nested(3), { size: 1 })).toBe(3)
  })

  describe("a module that cannot be used", () => {
    it.each([
      ["that is not there", tasks.noModule, "none.ts"],
      ["that throws at import", tasks.badModule, "bad at import"],
      ["that ends the worker at import", tasks.exitingModule, "exit code 9"],
      ["without the function", tasks.noExport, "nowhere"],
      ["with something else of that name", tasks.noFunction, "notAFunction"]
    ])("%s: the call fails at once, and others go on", async (_, broken, text) => {
      const [error, sum] = await run(Effect.all([Effect.flip(broken(null)), tasks.add({ a: 1, b: 2 })], { concurrency: 2 }))
      expect(reasonOf(error)._tag).toBe("ModuleNotFound")
      expect((error as Error).message).toContain(text)
      expect(sum).toBe(3)
    })
  })

  describe("a worker that dies", () => {
    const ways = [
      ["exit", { exitCode: 7 }],
      ["throw later", flavour === "worker" ? { message: "Error: nobody catches this" } : { exitCode: 1 }],
      ...(flavour === "process"
        ? ([
            ["kill", { signal: "SIGKILL" }],
            ["abort", { signal: "SIGABRT" }]
          ] as const)
        : [])
    ] as const
    it.each(ways)("by %s fails the task that ran, and only that one", async (how, what) => {
      const path = file()
      const program = Effect.gen(function* () {
        const lost = yield* Effect.forkChild(Effect.flip(tasks.end({ how, path })))
        const others = yield* parallelMap(
          Array.from({ length: 20 }, (_, a) => a),
          (a) => tasks.add({ a, b: 0 }),
          { concurrency: 20 }
        )
        return [yield* Fiber.join(lost), others.completed] as const
      })
      const [error, completed] = await run(program)
      expect(reasonOf(error)).toMatchObject({ _tag: "Lost", culprit: true, ...what })
      expect(completed).toBe(20)
      expect(linesOf(path)).toEqual([how])
    })

    it("runs an idempotent task again if asked to, and no other", async () => {
      const path = file()
      const error = await run(Effect.flip(tasks.endAgain({ how: "exit", path })), { retryLost: 2 })
      expect(reasonOf(error)._tag).toBe("Lost")
      expect(linesOf(path)).toEqual(["exit", "exit", "exit"])
      const other = file()
      await run(Effect.flip(tasks.end({ how: "exit", path: other })), { retryLost: 2 })
      expect(linesOf(other)).toEqual(["exit"])
    })

    it("loses no call and runs none twice, however many die", async () => {
      const path = file()
      const items = Array.from({ length: 400 }, (_, n) => n)
      const every = 40
      const result = await run(parallelMap(items, (n) => tasks.marks({ path, n, every }), { concurrency: 32 }))
      const lost = result.outcomes.filter((outcome) => outcome._tag === "Failed").map(({ index }) => index)
      expect(lost).toEqual(items.filter((n) => n % every === every - 1))
      expect(result.completed).toBe(items.length - lost.length)
      expect(
        linesOf(path)
          .map(Number)
          .sort((a, b) => a - b)
      ).toEqual(items)
    })
  })

  describe("a call that is interrupted", () => {
    it("runs its finalizers and waits for them", async () => {
      const path = file()
      const program = Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(tasks.tidy({ path, cleanup: 300 }))
        yield* until(() => linesOf(path).length === 1)
        yield* Fiber.interrupt(fiber)
        return linesOf(path)
      })
      expect(await run(program)).toEqual(["started", "cleaned"])
      expect(events.some(({ _tag }) => _tag === "Killed")).toBe(false)
    })

    it("ends its worker when its cleanup takes longer than the grace", async () => {
      const path = file()
      const program = Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(tasks.tidy({ path, cleanup: 600_000 }))
        yield* until(() => linesOf(path).length === 1)
        yield* Fiber.interrupt(fiber)
        return yield* tasks.add({ a: 1, b: 1 })
      })
      expect(await run(program, { grace: "400 millis" })).toBe(2)
      expect(events.some(({ _tag }) => _tag === "Killed")).toBe(true)
      expect(linesOf(path)).toEqual(["started"])
    })

    it.each([
      ["a loop that never waits", tasks.spin],
      ["an effect that never waits", tasks.busyEffect]
    ])("ends the worker of %s; calls behind it run elsewhere", async (_, task) => {
      const path = file()
      const program = Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(task({ millis: 600_000, path }))
        const behind = yield* Effect.forkChild(parallelMap([1, 2, 3], (a) => tasks.add({ a, b: 1 })))
        yield* until(() => linesOf(path).length === 1)
        yield* Fiber.interrupt(fiber)
        return (yield* Fiber.join(behind)).completed
      })
      expect(await run(program, { size: 1 })).toBe(3)
      expect(events.filter(({ _tag }) => _tag === "Killed")).toHaveLength(1)
    })

    it("aborts the signal of a plain function, whose worker goes on", async () => {
      const program = Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(tasks.patient(null))
        yield* tasks.add({ a: 0, b: 0 })
        yield* Effect.sleep(50)
        yield* Fiber.interrupt(fiber)
        return yield* tasks.add({ a: 1, b: 1 })
      })
      expect(await run(program)).toBe(2)
      expect(events.some(({ _tag }) => _tag === "Killed")).toBe(false)
    })

    it("is dropped if it has not started", async () => {
      const path = file()
      const program = Effect.gen(function* () {
        const busy = yield* Effect.forkChild(tasks.spin({ millis: 200, path }))
        yield* until(() => linesOf(path).length === 1)
        const queued = yield* Effect.forkChild(tasks.end({ how: "never", path }))
        yield* Effect.sleep(10)
        yield* Fiber.interrupt(queued)
        return yield* Fiber.join(busy)
      })
      expect(await run(program, { size: 1 })).toBe(200)
      expect(linesOf(path)).toEqual(["started"])
    })
  })

  describe("the time limit of a task", () => {
    it("does not count the wait for a worker", async () => {
      // One after the other they take more than the limit.
      const program = parallelMap([1, 2, 3, 4, 5, 6], () => tasks.spin({ millis: 500 }), { concurrency: 6, taskTimeout: "2 seconds" })
      const result = await run(program, { size: 1 })
      expect(result.outcomes.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => "completed"))
    })

    it("counts from when a worker runs it", async () => {
      const result = await run(
        parallelMap([1, 2], () => tasks.deaf(null), { taskTimeout: "50 millis" }),
        { size: 1 }
      )
      expect(result.outcomes.map((outcome) => outcome._tag === "TimedOut" && outcome.limit)).toEqual(["task", "task"])
    })
  })

  describe("the queue", () => {
    it("refuses what it has no room for, if asked to", async () => {
      const program = parallelMap([1, 2, 3, 4], () => tasks.spin({ millis: 100 }), { concurrency: 4 })
      const result = await run(program, { size: 1, queue: { max: 1, onFull: "reject" } })
      const tags = result.outcomes.map((outcome) => (outcome._tag === "Failed" ? reasonOf(Cause.squash(outcome.cause))._tag : outcome._tag))
      expect(tags.filter((tag) => tag === "Full").length).toBeGreaterThan(0)
      expect(tags.filter((tag) => tag === "Completed").length).toBeGreaterThan(0)
    })
  })

  it("stops what runs and refuses what waits when the layer closes", async () => {
    const program = Effect.gen(function* () {
      const path = file()
      const running = yield* Effect.forkDetach(Effect.flip(tasks.spin({ millis: 600_000, path })))
      yield* until(() => linesOf(path).length === 1)
      const queued = yield* Effect.forkDetach(Effect.flip(tasks.spin({ millis: 1 })))
      yield* Effect.sleep(1)
      return [running, queued] as const
    })
    const fibers = await run(program, { size: 1 })
    const errors = await Promise.all(fibers.map((fiber) => Effect.runPromise(Fiber.join(fiber))))
    expect(errors.map((error) => reasonOf(error)._tag)).toEqual(["Lost", "Closed"])
  })
})
