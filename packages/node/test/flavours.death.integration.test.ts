// Real here: threads, processes, and their deaths. Tests wait for events and files, never for a time.
import { parallelMap } from "@skein/parallel"
import * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { afterAll, describe, expect, it } from "vitest"
import { causeOf, folder, isAlive, linesOf, names, open, reasonIn, reasonOf, runner, until, untilStats } from "./fixtures/kit.ts"
import * as tasks from "./fixtures/tasks.ts"
import * as work from "./fixtures/workTasks.ts"

const { file, remove } = folder()
afterAll(remove)

const pidOf = (place: string): number => Number(place.split("/")[0])

describe.each(names)("when a worker of the %s flavour dies", (flavour) => {
  const { events, numbers, pool, run } = runner(flavour)

  it("for want of memory, the task that ran is lost, and the next one runs", async () => {
    const program = Effect.gen(function* () {
      const error = yield* Effect.flip(tasks.end({ how: "out of memory", path: file() }))
      return [error, yield* tasks.add({ a: 1, b: 2 })] as const
    })
    const [error, sum] = await run(program, { size: 1, memory: { heap: 32 * 2 ** 20 } })
    expect(reasonOf(error)).toMatchObject({ _tag: "Lost", worker: 1, culprit: true })
    expect((error as Error).message).toMatch(
      flavour === "worker"
        ? /^task "end": worker 1 ended with exit code 1 \(out of memory\) while it ran$/
        : /^task "end": process 1 ended (by SIG|with exit code)/
    )
    expect(sum).toBe(3)
  })

  it("of a rejection that nobody handles, its message says so", async () => {
    const [path, gate] = [file(), file()]
    open(gate)
    const error = await run(Effect.flip(work.fatal({ path, gate, how: "reject" })))
    expect(reasonOf(error)).toMatchObject({ _tag: "Lost", exitCode: 1, culprit: true })
    if (flavour === "worker") expect((error as Error).message).toContain("RangeError: nobody handles this")
  })

  it("each of the tasks that ran in it is lost, none is called the culprit, and those that waited run elsewhere", async () => {
    const [path, gate, never, notes] = [file(), file(), file(), file()]
    const program = Effect.gen(function* () {
      const running = yield* Effect.forkChild(
        Effect.all(
          [work.hold({ path, gate: never }), work.hold({ path, gate: never }), work.fatal({ path, gate, how: "exit" })].map(Effect.exit),
          { concurrency: 3 }
        )
      )
      yield* until(() => linesOf(path).length === 3)
      const items = ["a", "b", "c", "d"]
      const waiting = yield* Effect.forkChild(parallelMap(items, (text) => work.note({ path: notes, text })))
      yield* untilStats(pool, ({ queued }) => queued === 4)
      open(gate)
      return [yield* Fiber.join(running), (yield* Fiber.join(waiting)).completed] as const
    })
    const [exits, completed] = await run(program, { size: 1, concurrency: 3 })
    for (const exit of exits) {
      expect(reasonIn(causeOf(exit))).toMatchObject({ _tag: "Lost", worker: 1, exitCode: 6, culprit: false })
      expect(String((causeOf(exit).reasons[0] as { readonly error?: unknown }).error)).toContain(
        `${flavour} 1 ended with exit code 6 while it ran, with others`
      )
    }
    expect(completed).toBe(4)
    expect(linesOf(notes).toSorted()).toEqual(["a", "b", "c", "d"])
  })

  it("because a neighbour had to be stopped by force, the others in it are lost, and are told why", async () => {
    const [path, never] = [file(), file()]
    const program = Effect.gen(function* () {
      const held = yield* Effect.forkChild(Effect.flip(work.hold({ path, gate: never })))
      yield* until(() => linesOf(path).length === 1)
      const loop = yield* Effect.forkChild(work.loop(path))
      yield* until(() => linesOf(path).length === 2)
      yield* Fiber.interrupt(loop)
      return [yield* Fiber.join(held), yield* Fiber.await(loop)] as const
    })
    const [error, loop] = await run(program, { size: 1, concurrency: 2 })
    expect(reasonOf(error)).toMatchObject({ _tag: "Lost", culprit: false, message: '"loop" did not stop when it was asked to' })
    expect((error as Error).message).toMatch(
      /ended (with exit code 1|by SIGTERM) \("loop" did not stop when it was asked to\) while it ran, with others$/
    )
    // Its own outcome is an interruption, which says that cleanup was skipped.
    expect(Exit.hasInterrupts(loop)).toBe(true)
    expect(TaskRunner.killedIn(causeOf(loop))).toEqual({ flavour, worker: 1 })
    expect(numbers("Killed")).toEqual([1])
  })

  it("again and again, an idempotent task among its neighbours is run again as often as it may be", async () => {
    const [path, never] = [file(), file()]
    const program = Effect.gen(function* () {
      const held = yield* Effect.forkChild(Effect.flip(work.holdAgain({ path, gate: never })))
      for (const round of [1, 2, 3]) {
        yield* until(() => linesOf(path).length === round)
        yield* Effect.flip(tasks.end({ how: "exit", path: file() }))
      }
      return yield* Fiber.join(held)
    })
    expect(reasonOf(await run(program, { size: 1, concurrency: 2, retryLost: 2 }))).toMatchObject({ _tag: "Lost", worker: 3 })
    expect(linesOf(path)).toHaveLength(3)
  })

  it("the stop of a task does not wait for it longer than it takes to die", async () => {
    const [path, gate] = [file(), file()]
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(work.fatal({ path, gate, how: "exit" }))
      yield* until(() => linesOf(path).length === 1)
      open(gate)
      yield* Fiber.interrupt(fiber)
      return yield* Fiber.await(fiber)
    })
    const exit = await run(program, { size: 1 })
    expect(Exit.isFailure(exit)).toBe(true)
    expect(events.some(({ _tag }) => _tag === "Stuck")).toBe(false)
  })
})

describe("a process that somebody else", () => {
  const { events, numbers, run } = runner("process")

  it.each(["at once", "later"])("kills while it is idle costs no call that comes %s", async (when) => {
    const program = Effect.gen(function* () {
      const pid = pidOf(yield* work.place(null))
      process.kill(pid, "SIGKILL")
      if (when === "later") yield* until(() => numbers("Crashed").length === 1)
      return [pid, pidOf(yield* work.place(null))]
    })
    const [first, second] = await run(program, { size: 1 })
    expect(first).not.toBe(second)
    expect(events.find(({ _tag }) => _tag === "Crashed")).toEqual({
      _tag: "Crashed",
      worker: 1,
      exitCode: null,
      signal: "SIGKILL",
      message: undefined
    })
  })

  it("kills while it runs a task loses that task, with the signal in its message", async () => {
    const path = file()
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.flip(work.loop(path)))
      yield* until(() => linesOf(path).length === 1)
      process.kill(Number(linesOf(path)[0]), "SIGKILL")
      return yield* Fiber.join(fiber)
    })
    expect(String(await run(program))).toBe('TaskRunnerError: task "loop": process 1 ended by SIGKILL while it ran')
  })

  it("has stopped is ended when its task is interrupted", async () => {
    const [path, never] = [file(), file()]
    const program = Effect.gen(function* () {
      const pid = pidOf(yield* work.place(null))
      const fiber = yield* Effect.forkChild(work.hold({ path, gate: never }))
      yield* until(() => linesOf(path).length === 1)
      process.kill(pid, "SIGSTOP")
      yield* Fiber.interrupt(fiber)
      return [pid, isAlive(pid), yield* tasks.add({ a: 1, b: 1 })] as const
    })
    const [, alive, sum] = await run(program, { size: 1 })
    expect([alive, sum]).toEqual([false, 2])
  })

  it("kills takes the programs that it started with it", async () => {
    const path = file()
    const program = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.flip(work.sleeps(path)))
      yield* until(() => linesOf(path).length === 3)
      const [pid, plain, apart] = linesOf(path).map(Number) as [number, number, number]
      process.kill(pid, "SIGKILL")
      yield* Fiber.join(fiber)
      yield* until(() => !isAlive(plain))
      return apart
    })
    const apart = await run(program)
    await Effect.runPromise(until(() => !isAlive(apart)))
    expect(isAlive(apart)).toBe(false)
  })
})
