// Real here: threads, processes, and the time they take. Nothing is asserted of that time: tests wait for events, files and counts.
import * as GatherResult from "@skein/core/GatherResult"
import type { Event } from "@skein/node/Flavour"
import { parallelMap } from "@skein/parallel"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { afterAll, describe, expect, it } from "vitest"
import { folder, linesOf, names, open, reasonOf, runner, until, untilStats } from "./fixtures/kit.ts"
import * as tasks from "./fixtures/tasks.ts"
import * as work from "./fixtures/workTasks.ts"

const { file, remove } = folder()
afterAll(remove)

const bytes = 2 ** 20
const broken = ["--import", "data:text/javascript,process.exit(4)"]
const hanging = ["--import", "data:text/javascript,setInterval(()=>{},1000);await new Promise(()=>{})"]

describe.each(names)("the workers of the %s flavour", (flavour) => {
  const { events, numbers, pool, run } = runner(flavour)
  const places = (n: number) => Effect.forEach(Array.from({ length: n }), () => work.place(null))

  describe("are replaced", () => {
    it("after so many tasks, and each has run so many", async () => {
      const where = await run(places(7), { recycle: { tasks: 3 }, size: 1 })
      expect(where).toEqual([0, 0, 0, 1, 1, 1, 2].map((worker) => where[worker * 3]))
      expect(new Set(where).size).toBe(3)
      expect(events.filter(({ _tag }) => _tag === "Recycled")).toEqual([1, 2].map((worker) => ({ _tag: "Recycled", worker, why: "tasks" })))
      expect(events.filter(({ _tag }) => _tag === "Ended").map((event) => (event as { readonly why: string }).why)).toEqual([
        "recycled",
        "recycled",
        "closed"
      ])
    })

    it("while calls are on their way to them, of which none is lost and none runs twice", async () => {
      const path = file()
      // A worker takes 25, and at most the 29 others that are on their way by then: of 240 calls four workers at least are replaced.
      const items = Array.from({ length: 240 }, (_, i) => String(i))
      const program = parallelMap(items, (text) => work.note({ path, text }), { concurrency: 30 })
      const result = await run(program, { recycle: { tasks: 25 } })
      expect(result.completed).toBe(240)
      expect(linesOf(path).toSorted()).toEqual(items.toSorted())
      expect(numbers("Recycled").length).toBeGreaterThanOrEqual(4)
      expect(numbers("Crashed")).toEqual([])
    })

    it("at an age", async () => {
      const where = await run(places(3), { recycle: { age: "1 millis" }, size: 1 })
      expect(new Set(where).size).toBe(3)
      expect(events.find(({ _tag }) => _tag === "Recycled")).toEqual({ _tag: "Recycled", worker: 1, why: "age" })
    })

    it("when their heap has grown", async () => {
      const program = Effect.gen(function* () {
        const first = yield* work.place(null)
        // The heap is looked at every now and then.
        while (numbers("Recycled").length === 0) yield* Effect.andThen(Effect.sleep(20), work.place(null))
        return [first, yield* work.place(null)]
      })
      const [first, second] = await run(program, { recycle: { heap: bytes }, size: 1 })
      expect(first).not.toBe(second)
      expect(events.find(({ _tag }) => _tag === "Recycled")).toMatchObject({ why: "heap" })
    })

    it("but what runs in them ends first", async () => {
      const [path, gate] = [file(), file()]
      const program = Effect.gen(function* () {
        const held = yield* Effect.forkChild(work.hold({ path, gate }))
        yield* until(() => linesOf(path).length === 1)
        yield* work.place(null)
        yield* until(() => numbers("Recycled").length === 1)
        const elsewhere = yield* work.place(null)
        open(gate)
        return [yield* Fiber.join(held), elsewhere]
      })
      const [held, elsewhere] = await run(program, { recycle: { tasks: 1 }, size: 1, concurrency: 2 })
      expect(held).not.toBe(elsewhere)
      expect(numbers("Crashed")).toEqual([])
    })
  })

  it("are followed by a spare one, which was ready before it was needed", async () => {
    const program = Effect.gen(function* () {
      yield* work.place(null)
      yield* until(() => numbers("Started").includes(2))
      const path = file()
      const dies = () => Effect.flip(tasks.end({ how: "exit", path }))
      const first = yield* dies()
      const second = yield* dies()
      yield* until(() => numbers("Started").includes(3))
      return [first, second].map((error) => (reasonOf(error) as { readonly worker: number }).worker)
    })
    expect(await run(program, { size: 1, spare: 1 })).toEqual([1, 2])
    const started = (worker: number): number => events.findIndex((event) => event._tag === "Started" && event.worker === worker)
    expect(started(2)).toBeLessThan(events.findIndex(({ _tag }) => _tag === "Crashed"))
  })

  it("start at once where there is a minimum, and no others do", async () => {
    const program = Effect.gen(function* () {
      yield* untilStats(pool, ({ idle }) => idle === 2)
      return yield* Effect.flatMap(pool, ({ stats }) => stats)
    })
    expect(await run(program, { size: 3, minimum: 2 })).toMatchObject({ idle: 2, busy: 0, starting: 0, sent: 0 })
    expect(numbers("Started").toSorted()).toEqual([1, 2])
  })

  it("end when they were idle for a while, but for the minimum", async () => {
    const [path, gate] = [file(), file()]
    const program = Effect.gen(function* () {
      const both = yield* Effect.forkChild(Effect.all([work.hold({ path, gate }), work.hold({ path, gate })], { concurrency: 2 }))
      yield* until(() => linesOf(path).length === 2)
      open(gate)
      yield* Fiber.join(both)
      yield* until(() => numbers("Ended").length === 1)
      yield* Effect.sleep(100)
      const left = yield* Effect.flatMap(pool, ({ stats }) => stats)
      yield* work.place(null)
      return left
    })
    expect(await run(program, { minimum: 1, idleTimeToLive: "20 millis" })).toMatchObject({ idle: 1, leaving: 0 })
    expect(events.find(({ _tag }) => _tag === "Ended")).toMatchObject({ why: "idle" })
    expect(numbers("Started")).toHaveLength(2)
  })

  it("start again when there is work after all of them have ended", async () => {
    const program = Effect.gen(function* () {
      const first = yield* work.place(null)
      yield* until(() => numbers("Ended").length === 1)
      return [first, yield* work.place(null)]
    })
    const [first, second] = await run(program, { size: 1, idleTimeToLive: 0 })
    expect(first).not.toBe(second)
  })

  describe("that never become ready", () => {
    it.each([
      ["because they end", broken, {}, "exit code 4"],
      ["because they hang", hanging, { readyTimeout: "250 millis" }, "it was not ready after 250 ms"]
    ] as const)("%s: calls that wait fail after three of them, and the next call tries again", async (_, execArgv, options, text) => {
      const attempt = Effect.gen(function* () {
        const result = yield* parallelMap([1, 2], () => Effect.flip(work.place(null)))
        return [GatherResult.values(result), numbers("Crashed").length] as const
      })
      const [[first, boots], [second, more]] = await run(Effect.all([attempt, attempt]), { execArgv, size: 1, ...options })
      for (const error of [...first, ...second]) {
        expect(reasonOf(error)._tag).toBe("NotReady")
        expect([error.message, error.mayHaveRun]).toEqual([expect.stringContaining(text), "no"])
      }
      expect([boots, more]).toEqual([3, 6])
    })

    it("do not keep the layer from closing", async () => {
      const program = Effect.gen(function* () {
        const fiber = yield* Effect.forkDetach(Effect.flip(work.place(null)))
        yield* Effect.sleep(10)
        return fiber
      })
      const fiber = await run(program, { execArgv: hanging, size: 1, readyTimeout: "1 hour" })
      expect(reasonOf(await Effect.runPromise(Fiber.join(fiber)))).toEqual({ _tag: "Closed" })
    })
  })

  it("get the environment and the flags of the options, and no others", async () => {
    const env = { PATH: process.env["PATH"]!, SKEIN_TEST: "given" }
    const program = Effect.all([work.environment("SKEIN_TEST"), work.environment("HOME")])
    const [[given, flags], [other]] = await run(program, { env, execArgv: ["--no-warnings"], size: 1 })
    expect([given, other]).toEqual(["given", null])
    expect(flags).toContain("--no-warnings")
  })

  describe("have a queue", () => {
    it("that takes so many and refuses the next", async () => {
      const [path, gate] = [file(), file()]
      const program = Effect.gen(function* () {
        const held = yield* Effect.forkChild(work.hold({ path, gate }))
        yield* until(() => linesOf(path).length === 1)
        const waiting = yield* Effect.forkChild(Effect.all([work.place(null), work.place(null)], { concurrency: 2 }))
        yield* untilStats(pool, ({ queued }) => queued === 2)
        const refused = yield* Effect.flip(work.place(null))
        open(gate)
        return [refused, (yield* Fiber.join(waiting)).length, typeof (yield* Fiber.join(held))]
      })
      const [refused, ...rest] = await run(program, { size: 1, queue: { max: 2, onFull: "reject" } })
      expect(reasonOf(refused)).toEqual({ _tag: "Full", queued: 2 })
      expect(String(refused)).toContain(`task "place": the queue of the ${flavour} flavour is full with 2 calls`)
      expect(rest).toEqual([2, "string"])
    })

    it("in which any number may wait if it is not asked to refuse", async () => {
      const program = parallelMap(Array.from({ length: 9 }), () => work.place(null), { concurrency: 9 })
      expect((await run(program, { size: 1, queue: { max: 1, onFull: "wait" } })).completed).toBe(9)
    })

    it("that gives high before normal before low, and each in its order", async () => {
      const [path, gate] = [file(), file()]
      const priorities = ["low", "normal", "high"] as const
      const calls = [1, 2, 3].flatMap((n) => priorities.map((priority) => ({ priority, text: `${priority} ${n}` })))
      const program = Effect.gen(function* () {
        const held = yield* Effect.forkChild(work.hold({ path, gate }))
        yield* until(() => linesOf(path).length === 1)
        const all = yield* Effect.forkChild(
          Effect.all(
            calls.map(({ priority, text }) => work.note({ path, text }, { priority })),
            { concurrency: 9 }
          )
        )
        yield* untilStats(pool, ({ queued }) => queued === 9)
        open(gate)
        yield* Fiber.join(all)
        yield* Fiber.join(held)
      })
      await run(program, { size: 1 })
      expect(linesOf(path)).toEqual(["started", ...["high", "normal", "low"].flatMap((name) => [1, 2, 3].map((n) => `${name} ${n}`))])
    })
  })

  it("are counted, with what became of the calls", async () => {
    const [path, gate] = [file(), file()]
    const program = Effect.gen(function* () {
      yield* work.place(null)
      yield* Effect.flip(tasks.refuses(1))
      yield* Effect.flip(tasks.noModule(null))
      yield* Effect.flip(tasks.end({ how: "exit", path: file() }))
      const held = yield* Effect.forkChild(work.hold({ path, gate }))
      yield* until(() => linesOf(path).length === 1)
      const waiting = yield* Effect.forkChild(work.place(null))
      yield* untilStats(pool, ({ queued }) => queued === 1)
      const during = yield* Effect.flatMap(pool, ({ stats }) => stats)
      yield* Fiber.interrupt(waiting)
      yield* Fiber.interrupt(held)
      return { during, after: yield* Effect.flatMap(pool, ({ stats }) => stats), stats: (yield* pool).stats }
    })
    const { after, during, stats } = await run(program, { size: 1 })
    const soFar = { completed: 2, failed: 1, lost: 1, crashed: 1, recycled: 0, killed: 0, spare: 0, leaving: 0, starting: 0 }
    expect(during).toEqual({ ...soFar, cancelled: 0, busy: 1, idle: 0, queued: 1, sent: 1, closed: false })
    expect(after).toEqual({ ...soFar, cancelled: 2, busy: 0, idle: 1, queued: 0, sent: 0, closed: false })
    expect(await Effect.runPromise(stats)).toMatchObject({ closed: true, idle: 0, busy: 0, leaving: 0 })
  })

  it("are told of to those who listen, until their scope closes, whatever they throw", async () => {
    const heard: Array<Event> = []
    const program = Effect.gen(function* () {
      const listening = Effect.gen(function* () {
        const { listen } = yield* pool
        yield* listen(() => {
          throw new Error("a bad listener")
        })
        yield* listen((event) => void heard.push(event))
        yield* work.place(null)
      })
      yield* Effect.scoped(listening)
      yield* Effect.flip(tasks.end({ how: "exit", path: file() }))
    })
    await run(program, { size: 1 })
    expect(heard).toEqual([{ _tag: "Started", worker: 1 }])
    expect(events.slice(0, 3)).toMatchObject([
      { _tag: "Started", worker: 1 },
      { _tag: "Crashed", worker: 1, exitCode: 7, signal: null },
      { _tag: "Ended", worker: 1, why: "crashed" }
    ])
  })
})
