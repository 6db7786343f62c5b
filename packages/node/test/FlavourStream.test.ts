import type { Event, Flavour } from "@skein/node/Flavour"
import * as FlavourStream from "@skein/node/FlavourStream"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"

/** A flavour of which only the events are used. */
const make = () => {
  const listeners = new Set<(event: Event) => void>()
  const flavour = {
    listen: (listener: (event: Event) => void) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => listeners.add(listener)),
          () => Effect.sync(() => listeners.delete(listener))
        )
      )
  } as unknown as Flavour
  const start = (worker: number): void => {
    for (const listener of listeners) listener({ _tag: "Started", worker })
  }
  return { flavour, listeners, start }
}

const numbers = Stream.map(({ worker }: Event) => worker)

describe("FlavourStream.events", () => {
  it("gives the events in their order, and keeps those that come while the reader is busy", async () => {
    const { flavour, listeners, start } = make()
    const program = Effect.gen(function* () {
      const gate = yield* Latch.make()
      const fiber = yield* FlavourStream.events(flavour).pipe(
        numbers,
        Stream.tap(() => gate.await),
        Stream.take(5),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      while (listeners.size === 0) yield* Effect.yieldNow
      for (const n of [1, 2, 3, 4, 5, 6]) start(n)
      yield* gate.open
      return yield* Fiber.join(fiber)
    })
    expect(await Effect.runPromise(program)).toEqual([1, 2, 3, 4, 5])
    expect(listeners.size).toBe(0)
  })

  it("drops the oldest when more wait than the buffer has room for", async () => {
    const { flavour, listeners, start } = make()
    const program = Effect.gen(function* () {
      const gate = yield* Latch.make()
      const first = yield* Latch.make()
      const fiber = yield* FlavourStream.events(flavour, { buffer: 2 }).pipe(
        numbers,
        Stream.tap(() => Effect.andThen(first.open, gate.await)),
        Stream.take(3),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      while (listeners.size === 0) yield* Effect.yieldNow
      start(1)
      yield* first.await
      for (const n of [2, 3, 4, 5]) start(n)
      yield* gate.open
      return yield* Fiber.join(fiber)
    })
    expect(await Effect.runPromise(program)).toEqual([1, 4, 5])
  })

  it("listens from the first pull on, and no longer when it is interrupted", async () => {
    const { flavour, listeners } = make()
    const program = Effect.gen(function* () {
      const stream = FlavourStream.events(flavour)
      const before = listeners.size
      const fiber = yield* Effect.forkChild(Stream.runDrain(stream), { startImmediately: true })
      while (listeners.size === 0) yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      return [before, listeners.size]
    })
    expect(await Effect.runPromise(program)).toEqual([0, 0])
  })

  it.each([
    [{ buffer: 0 }, "buffer must be a whole number of at least 1, got 0"],
    [{ buffer: Number.NaN }, "buffer must be a whole number of at least 1, got NaN"]
  ])("refuses %o", (options, message) => {
    expect(() => FlavourStream.events(make().flavour, options)).toThrow(new RangeError(`FlavourStream.events: ${message}`))
  })
})
