import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as order from "../src/order.ts"

const run = <A, E>(effect: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(effect)

const noted = () => {
  const notes: Array<number> = []
  return { notes, note: (seq: number) => Effect.sync(() => void notes.push(seq)) }
}

describe("order.done", () => {
  it("lets out in the order of the numbers, whatever the order of the ends", async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8], { minLength: 8 }), async (ends) => {
        const line = order.make<never>(100)
        const { note, notes } = noted()
        const seen: Array<number> = []
        for (const [index, seq] of ends.entries()) {
          await run(line.done(seq, note(seq)))
          const over = new Set(ends.slice(0, index + 1))
          let next = 1
          while (over.has(next)) next++
          seen.push(next - 1)
          expect(notes).toEqual(Array.from({ length: seen.at(-1)! }, (_, n) => n + 1))
        }
      })
    )
  })

  it("does not wait for those that are skipped", async () => {
    const line = order.make<never>(100)
    const { note, notes } = noted()
    await run(line.done(3, note(3)))
    await run(line.skip(1))
    await run(line.skip(2))
    expect(notes).toEqual([3])
  })

  it("runs one at a time, and leaves what comes meanwhile to the fiber that is at it", async () => {
    const notes = await run(
      Effect.gen(function* () {
        const line = order.make<never>(100)
        const { note, notes } = noted()
        const gate = yield* Deferred.make<void>()
        const first = yield* Effect.forkChild(line.done(1, Effect.andThen(Deferred.await(gate), note(1))), { startImmediately: true })
        yield* line.done(2, note(2))
        expect(notes).toEqual([])
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(first)
        return notes
      })
    )
    expect(notes).toEqual([1, 2])
  })

  it("fails for all once one has failed, and drops what waits and what comes", async () => {
    const line = order.make<string>(100)
    const { note, notes } = noted()
    const dropped: Array<number> = []
    const done = (seq: number, out: Effect.Effect<void, string>) => Effect.exit(line.done(seq, out, () => void dropped.push(seq)))
    await run(done(2, note(2)))
    const exits = [await run(done(1, Effect.fail("full"))), await run(done(3, note(3))), await run(Effect.exit(line.end))]
    expect(exits).toEqual([Exit.fail("full"), Exit.fail("full"), Exit.fail("full")])
    expect([notes, dropped]).toEqual([[], [2, 3]])
    await run(line.admit(10_000))
  })

  it("goes on after one that was interrupted", async () => {
    const notes = await run(
      Effect.gen(function* () {
        const line = order.make<never>(100)
        const { note, notes } = noted()
        const first = yield* Effect.forkChild(line.done(1, Effect.never), { startImmediately: true })
        yield* line.done(2, note(2))
        yield* Fiber.interrupt(first)
        yield* line.done(3, note(3))
        return notes
      })
    )
    expect(notes).toEqual([2, 3])
  })
})

describe("order.admit", () => {
  it("admits so many jobs that are not out, and the next when the oldest one is", async () => {
    const admitted = await run(
      Effect.gen(function* () {
        const line = order.make<never>(2)
        const admitted: Array<number> = []
        const admit = (seq: number) => Effect.map(line.admit(seq), () => void admitted.push(seq))
        yield* admit(1)
        yield* admit(2)
        const third = yield* Effect.forkChild(admit(3), { startImmediately: true })
        yield* line.done(2, Effect.void)
        expect(admitted).toEqual([1, 2])
        yield* line.done(1, Effect.void)
        yield* Fiber.join(third)
        return admitted
      })
    )
    expect(admitted).toEqual([1, 2, 3])
  })

  it("lets go of one that is interrupted while it waits", async () => {
    const ended = await run(
      Effect.gen(function* () {
        const line = order.make<never>(1)
        const second = yield* Effect.forkChild(line.admit(2), { startImmediately: true })
        yield* Fiber.interrupt(second)
        yield* line.done(1, Effect.void)
        return "ended"
      })
    )
    expect(ended).toBe("ended")
  })
})

describe("order.end", () => {
  it("lets out what waits, past the gaps", async () => {
    const line = order.make<never>(100)
    const { note, notes } = noted()
    for (const seq of [7, 3, 4, 9]) await run(line.done(seq, note(seq)))
    await run(line.end)
    expect(notes).toEqual([3, 4, 7, 9])
  })

  it("waits for what is on its way out", async () => {
    const notes = await run(
      Effect.gen(function* () {
        const line = order.make<never>(100)
        const { note, notes } = noted()
        const gate = yield* Deferred.make<void>()
        yield* Effect.forkChild(line.done(1, Effect.andThen(Deferred.await(gate), note(1))), { startImmediately: true })
        const end = yield* Effect.forkChild(line.end, { startImmediately: true })
        expect(end.pollUnsafe()).toBeUndefined()
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(end)
        return [...notes]
      })
    )
    expect(notes).toEqual([1])
  })
})
