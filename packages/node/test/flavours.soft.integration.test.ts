// Real here: threads in loops that never wait, ended through the inspector, and the patience after which they are. The full size runs with SKEIN_SOAK=1.
import * as Workers from "@skein/node/Workers"
import { TaskRunner } from "@skein/parallel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as inspector from "node:inspector"
import { afterAll, describe, expect, it } from "vitest"
import { causeOf, folder, linesOf, open, runner, until } from "./fixtures/kit.ts"
import { Pool } from "../src/internal/pool/pool.ts"
import { flavourOf } from "../src/internal/pool/runner.ts"
import { bootOf, read } from "../src/internal/pool/settings.ts"
import * as softKill from "../src/internal/pool/softKill.ts"
import * as threadLink from "../src/internal/pool/threadLink.ts"
import * as softTasks from "./fixtures/softTasks.ts"
import * as tasks from "./fixtures/tasks.ts"
import * as work from "./fixtures/workTasks.ts"

const rounds = process.env["SKEIN_SOAK"] === "1" ? 5_000 : 200

const { file, remove } = folder()
afterAll(remove)

const worker = runner("worker")
const { events, numbers } = worker
const pool = worker.pool
/** Asked to stop, a function has 5 ms. */
const soft = { force: "call", grace: "5 millis" } as const
const run = <A, E>(effect: Effect.Effect<A, E>, options: Workers.Options = {}): Promise<A> =>
  worker.run(effect, { ...soft, ...options } as object)

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
const random = (seed: number) => {
  let state = seed * 0x9e3779b9
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Starts a call, waits until it runs, stops it, and gives its end. */
const stopped = <A, E>(call: (path: string) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const path = file()
    const fiber = yield* Effect.forkChild(call(path))
    yield* until(() => linesOf(path).length > 0 || fiber.pollUnsafe() !== undefined)
    yield* Fiber.interrupt(fiber)
    return yield* Fiber.await(fiber)
  })

/** Every thread that ends by itself writes its exit code to this file. */
const noting = (path: string): Workers.Options => ({
  size: 1,
  env: { NOTE_EXIT: path },
  execArgv: ["--import", new URL("./fixtures/noteExit.ts", import.meta.url).href]
})

const loop = stopped((path) => work.loop(path))
const why = (number: number): ReadonlyArray<string> =>
  events.flatMap((event) => (event.worker === number && "why" in event ? [`${event._tag} ${event.why}`] : []))

describe("Workers.layer({ force: 'call' })", () => {
  it("ends a loop, and its thread lives on to end by itself", async () => {
    const path = file()
    const exit = await run(
      Effect.tap(loop, () => until(() => why(1).length === 2)),
      noting(path)
    )
    expect(Exit.isFailure(exit) && Exit.hasInterrupts(exit)).toBe(true)
    expect(TaskRunner.killedIn(causeOf(exit))).toEqual({ flavour: "worker", worker: 1 })
    expect(why(1)).toEqual(["Recycled dirty", "Ended recycled"])
    expect(linesOf(path)[0]).toBe("0")
  })

  it("ends it without its catch and finally", async () => {
    let path = ""
    const exit = await run(stopped((own) => softTasks.clings((path = own))))
    expect(TaskRunner.killedIn(causeOf(exit))).toEqual({ flavour: "worker", worker: 1 })
    expect(linesOf(path)).toEqual(["started"])
    expect(numbers("Killed")).toEqual([])
  })

  it("gives the calls that waited in that thread to another one", async () => {
    const values = await run(
      Effect.gen(function* () {
        // Short ones are given to a worker ahead.
        for (let n = 0; n < 50; n++) yield* tasks.addByHandler({ a: n, b: 1 })
        const path = file()
        const fiber = yield* Effect.forkChild(work.loop(path))
        const adds = Array.from({ length: 20 }, (_, n) => tasks.addByHandler({ a: n, b: 1 }))
        const others = yield* Effect.forkChild(Effect.all(adds, { concurrency: "unbounded" }))
        yield* until(() => linesOf(path).length > 0)
        yield* Fiber.interrupt(fiber)
        const values = yield* Fiber.join(others)
        yield* until(() => numbers("Ended").includes(1))
        return values
      }),
      { size: 1 }
    )
    expect(values).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
    expect(why(1)).toEqual(["Recycled dirty", "Ended recycled"])
    expect(numbers("Started")).toEqual([1, 2])
  })

  it("leaves the last word to force: for a loop behind an await", async () => {
    const exit = await run(stopped((path) => softTasks.loopsLater(path)))
    expect(TaskRunner.killedIn(causeOf(exit))).toEqual({ flavour: "worker", worker: 1 })
    expect(why(1)).toEqual([`Killed "loopsLater" did not stop when it was asked to`, "Ended killed"])
  })

  it("and for one inside an AsyncResource, which Node does not forgive; not for one after it", async () => {
    await run(stopped((path) => softTasks.loopsInside(path)))
    expect(why(1)).toEqual([`Killed "loopsInside" did not stop when it was asked to`, "Ended killed"])
    await run(
      Effect.tap(
        stopped((path) => softTasks.loopsAfter(path)),
        () => until(() => why(1).length === 2)
      )
    )
    expect(why(1)).toEqual(["Recycled dirty", "Ended recycled"])
  })

  it("and for an effect", async () => {
    await run(stopped((path) => tasks.busyEffect({ millis: 1e9, path })))
    expect(why(1)).toEqual([`Killed "busyEffect" did not stop when it was asked to`, "Ended killed"])
  })

  it("waits, with a function that has returned meanwhile, for the end that is on its way", async () => {
    const order: Array<string> = []
    let subject = ""
    const real = softKill.make()!
    const slow: softKill.SoftKill = {
      isFree: real.isFree,
      cut: (thread, done) => {
        order.push("condemned")
        open(`${subject}.gate`)
        const timer = setTimeout(() => {
          order.push("ended")
          real.cut(thread, done)
        }, 300)
        return () => clearTimeout(timer)
      }
    }
    const plan = read("test", "worker", { size: 1, grace: 5 }, [])
    const pool = new Pool(plan, (worker, listener) =>
      threadLink.open(worker, { boot: bootOf("thread", plan), plan, memory: {}, soft: slow }, listener)
    )
    const program = Effect.gen(function* () {
      yield* stopped((path) => softTasks.loopsUntil((subject = path)))
      order.push("over")
      yield* pool.close
    })
    await Effect.runPromise(Effect.provideService(program, TaskRunner.TaskRunner, flavourOf(plan, pool).runner))
    expect(order).toEqual(["condemned", "ended", "over"])
  })

  it("is off while a debugger is attached", async () => {
    inspector.open(0)
    try {
      await run(loop)
    } finally {
      inspector.close()
    }
    expect(why(1)).toEqual([`Killed "loop" did not stop when it was asked to`, "Ended killed"])
  })

  it("is off while coverage is collected", async () => {
    const { NODE_V8_COVERAGE: before } = process.env
    process.env["NODE_V8_COVERAGE"] = "/nowhere"
    try {
      await run(loop, { env: {} })
    } finally {
      if (before === undefined) delete process.env["NODE_V8_COVERAGE"]
      else process.env["NODE_V8_COVERAGE"] = before
    }
    expect(why(1)).toEqual([`Killed "loop" did not stop when it was asked to`, "Ended killed"])
  })

  it.each([
    [{ force: 1 }, 'force must be "worker" | "call", got 1'],
    [{ force: "call", concurrency: 2 }, 'force must be "worker" where concurrency is above 1, got "call"']
  ])("refuses %o", (options, message) => {
    expect(() => Workers.layer(options as Workers.Options)).toThrow(new RangeError(`Workers.layer: ${message}`))
  })

  it(`hits nothing else in ${rounds} rounds at random moments`, async () => {
    const draw = random(1)
    const path = file()
    let loops = 0
    const stats = await run(
      Effect.gen(function* () {
        for (let round = 0; round < rounds; round++) {
          const value = (n: number): number => (n % 7 === 6 ? 0.3 : round + n)
          const count = Math.floor(draw() * 30)
          const neighbours = (from: number) =>
            Effect.all(
              Array.from({ length: count }, (_, i) => i + from).map((n) =>
                n % 7 === 6 ? tasks.spin({ millis: 0.3 }) : tasks.addByHandler({ a: round, b: n })
              ),
              { concurrency: "unbounded" }
            )
          const before = yield* Effect.forkChild(neighbours(0))
          const endless = draw() < 0.5
          const own = file()
          // The others return at about the time at which they would be ended.
          const subject = yield* Effect.forkChild(endless ? work.loop(own) : tasks.spin({ path: own, millis: draw() * 12 }))
          const after = yield* Effect.forkChild(neighbours(100))
          yield* until(() => linesOf(own).length > 0)
          yield* Fiber.interrupt(subject)
          const exit = yield* Fiber.await(subject)
          if (endless) {
            loops++
            expect(TaskRunner.killedIn(causeOf(exit))?.flavour).toBe("worker")
          }
          const values = [...(yield* Fiber.join(before)), ...(yield* Fiber.join(after))]
          expect(values).toEqual([0, 100].flatMap((from) => Array.from({ length: count }, (_, n) => value(from + n))))
        }
        yield* until(() => numbers("Recycled").every((number) => numbers("Ended").includes(number)))
        return yield* Effect.flatMap(pool, (flavour) => flavour.stats)
      }),
      { ...noting(path), size: 2 }
    )
    expect([stats.lost, stats.failed, stats.crashed]).toEqual([0, 0, 0])
    // A function that has just returned, and was not heard of, may still cost its thread; a loop never does.
    expect(events.filter((event) => event._tag === "Killed" && event.why.includes("loop"))).toEqual([])
    const dirty = numbers("Recycled")
    expect(dirty.length).toBeGreaterThanOrEqual(loops)
    expect(dirty.length + numbers("Killed").length).toBeLessThanOrEqual(rounds)
    const [exits, byThemselves] = [linesOf(path), dirty.filter((number) => !numbers("Killed").includes(number)).length]
    expect(new Set(exits)).toEqual(new Set(["0"]))
    expect(exits.length).toBeGreaterThanOrEqual(byThemselves)
  }, 600_000)
})
