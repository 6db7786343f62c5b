// Real here: threads, processes, and their deaths. Tests wait for events and files, never for a time.
import { killedIn } from "@skein/parallel/TaskRunner"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { afterAll, describe, expect, it } from "vitest"
import { causeOf, folder, linesOf, names, reasonOf, runner, until } from "./fixtures/kit.ts"
import * as tasks from "./fixtures/streamTasks.ts"

const { file, remove } = folder()
afterAll(remove)

/** Reads a stream; gives what came, and what it failed with. */
const read = <A, E>(stream: Stream.Stream<A, E>) => {
  const came: Array<A> = []
  const ran = Stream.runForEach(stream, (element) => Effect.sync(() => void came.push(element)))
  return Effect.map(Effect.flip(ran), (error) => ({ came, error }))
}

describe.each(names)("a stream task on the %s flavour", (flavour) => {
  const { events, pool, run } = runner(flavour)

  it.each([1, 64, 4_096])("gives 20,000 elements, each once and in order (buffer %i)", async (buffer) => {
    const all = await run(Stream.runCollect(tasks.range(20_000, { buffer })))
    expect(all.length).toBe(20_000)
    expect(all.every((n, i) => n === i)).toBe(true)
  })

  it("gives elements of all lengths, plain and not, then its own error", async () => {
    const { came, error } = await run(read(tasks.records(400)))
    expect(came.length).toBe(400)
    expect(came).toEqual(
      Array.from({ length: 400 }, (_, n) => ({
        text: "ä€\n".repeat(n % 50 === 7 ? 40_000 : n % 13),
        at: n % 2 === 0 ? undefined : new Date(n)
      }))
    )
    expect(error).toBeInstanceOf(tasks.Torn)
    expect(error).toEqual(new tasks.Torn({ at: 400 }))
  })

  it("gives several streams at once their own elements", async () => {
    const all = await run(
      Effect.forEach([500, 700, 900], (n) => Stream.runCollect(tasks.range(n, { buffer: 8 })), { concurrency: "unbounded" })
    )
    expect(all.map((one) => [one.length, one.every((n, i) => n === i)])).toEqual([
      [500, true],
      [700, true],
      [900, true]
    ])
  })

  it("makes no more than its reader has room for", async () => {
    const path = file()
    let handed = 0
    let most = 0
    const slow = tasks.noted(path, { buffer: 10 }).pipe(
      Stream.rechunk(1),
      Stream.tap(() => {
        handed++
        // It has made all that there is room for. Had it made more, the file would say so.
        return Effect.andThen(
          until(() => linesOf(path).length >= handed),
          Effect.sync(() => (most = Math.max(most, linesOf(path).length - handed)))
        )
      }),
      Stream.take(50)
    )
    await run(Stream.runDrain(slow))
    expect(handed).toBe(50)
    // Up to `buffer` were handed over in one chunk, and as many were on their way.
    expect(most).toBeLessThanOrEqual(20)
    expect(linesOf(path).length).toBeLessThanOrEqual(50 + 20 + 1)
  })

  it("stops for a reader that takes nothing more", async () => {
    const path = file()
    const fiber = Stream.runForEachArray(tasks.noted(path, { buffer: 10 }), () => Effect.never)
    const lines = await run(
      Effect.gen(function* () {
        const reader = yield* Effect.forkChild(fiber)
        yield* until(() => linesOf(path).length >= 10)
        // Another call goes to a worker and back while this one has no room.
        yield* Stream.runDrain(tasks.range(2_000))
        const stopped = linesOf(path).length
        yield* Fiber.interrupt(reader)
        return stopped
      })
    )
    expect(lines).toBeLessThanOrEqual(20)
    expect(linesOf(path).at(-1)).toBe("end")
  })

  it("runs its finalizers before a reader that leaves early goes on", async () => {
    const path = file()
    const first = await run(tasks.noted(path).pipe(Stream.take(3), Stream.runCollect))
    expect(first).toEqual([0, 1, 2])
    expect(linesOf(path).at(-1)).toBe("end")
    expect(events.some(({ _tag }) => _tag === "Crashed")).toBe(false)
  })

  it("runs its finalizers before a reader that is interrupted is gone, and leaves no call behind", async () => {
    const path = file()
    const [exit, stats] = await run(
      Effect.gen(function* () {
        const reader = yield* Effect.forkChild(Stream.runDrain(tasks.silent(path)))
        yield* until(() => linesOf(path).length === 1)
        yield* Fiber.interrupt(reader)
        const told = linesOf(path)
        expect(told).toEqual(["begun", "end"])
        return [yield* Fiber.await(reader), yield* Effect.flatMap(pool, ({ stats }) => stats)] as const
      })
    )
    expect(Exit.hasInterrupts(exit)).toBe(true)
    expect([stats.queued, stats.sent]).toEqual([0, 0])
  })

  it("ends its worker by force where it does not stop, which a reader that is interrupted is told", async () => {
    const path = file()
    const loops = until(() => linesOf(path).length === 1)
    const cause = await run(
      Effect.gen(function* () {
        const reader = yield* Effect.forkChild(Stream.runDrain(tasks.stuck(path)))
        yield* loops
        yield* Fiber.interrupt(reader)
        return causeOf(yield* Fiber.await(reader))
      }),
      { grace: 300 }
    )
    expect(killedIn(cause)).toMatchObject({ flavour })
    expect(linesOf(path)).toEqual(["loops"])
    const other = file()
    const first = tasks.stuck(other).pipe(
      Stream.tap(() => until(() => linesOf(other).length === 1)),
      Stream.take(1),
      Stream.runCollect
    )
    expect(await run(first, { grace: 300 })).toEqual([1])
    expect(linesOf(other)).toEqual(["loops"])
  })

  it.each([0, 1, 30, 200])("gives all that was sent before its worker died (%i elements)", async (count) => {
    const { came, error } = await run(read(tasks.dies(count, { buffer: 16 })))
    expect(came).toEqual(Array.from({ length: count }, (_, i) => i))
    expect(reasonOf(error)).toMatchObject({ _tag: "Lost", exitCode: 3, culprit: true })
  })
})
