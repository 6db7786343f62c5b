import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import * as fiberState from "../../src/internal/fiberState.ts"

/** Runs an effect in a loop of one round, as a runner does, and gives the fiber, the loop and the value. */
const start = <A>(effect: Effect.Effect<A, unknown>) => {
  const seen: { value?: A } = {}
  let rounds = 0
  const frame = Effect.whileLoop({
    while: () => rounds++ === 0,
    body: () => effect,
    step: (value) => {
      seen.value = value
    }
  })
  const fiber = Effect.runFork(frame)
  return { fiber, frame, seen }
}

const never = Effect.never
const slowChild = Effect.forkChild(
  Effect.onInterrupt(Effect.never, () => Effect.sleep(5)),
  { startImmediately: true }
)

describe("fiberState: what it reads of Effect's fibers", () => {
  // These fail when a version of Effect renames a field. Then fiberState falls back to plain interruption: late values are lost, and nothing else.
  it("is there: interruptible, _stack, _interruptedCause and _children", () => {
    const { fiber } = start(Effect.andThen(slowChild, Effect.uninterruptible(never)))
    const fields = fiber as unknown as Record<string, unknown>
    expect(fields["interruptible"]).toBe(false)
    expect(Array.isArray(fields["_stack"])).toBe(true)
    expect("_interruptedCause" in fields).toBe(true)
    expect(fields["_children"]).toBeInstanceOf(Set)
  })

  it("holds an interruption of a region that cannot be interrupted in _interruptedCause", () => {
    const { fiber } = start(Effect.uninterruptible(never))
    fiber.interruptUnsafe()
    expect((fiber as unknown as { _interruptedCause: { reasons: ReadonlyArray<unknown> } })._interruptedCause.reasons).toHaveLength(1)
  })

  it("keeps the loop that a fiber runs at the bottom of its stack", () => {
    const { fiber, frame } = start(Effect.andThen(never, never))
    expect((fiber as unknown as { _stack: ReadonlyArray<unknown> })._stack[0]).toBe(frame)
  })
})

describe("fiberState.interrupt", () => {
  const end = async (effect: Effect.Effect<unknown, unknown>) => {
    const { fiber, seen } = start(effect)
    fiberState.interrupt(fiber, 0, 1)
    const exit = await Effect.runPromise(Fiber.await(fiber))
    return [Exit.isSuccess(exit), seen.value]
  }

  it("keeps the value of a region that cannot be interrupted and ends the task", async () => {
    expect(await end(Effect.uninterruptible(Effect.as(Effect.sleep(1), "paid")))).toEqual([true, "paid"])
  })

  it("keeps it through nested regions", async () => {
    expect(await end(Effect.uninterruptible(Effect.uninterruptible(Effect.as(Effect.sleep(1), "paid"))))).toEqual([true, "paid"])
  })

  it("interrupts what the task still had to do after the region", async () => {
    expect(await end(Effect.andThen(Effect.uninterruptible(Effect.sleep(1)), Effect.succeed("more")))).toEqual([false, undefined])
  })

  it("interrupts a region inside that may be interrupted", async () => {
    expect(await end(Effect.uninterruptibleMask((restore) => restore(Effect.as(Effect.sleep(10_000), "x"))))).toEqual([false, undefined])
  })

  it("keeps the value when it is asked twice", async () => {
    const { fiber, seen } = start(Effect.uninterruptible(Effect.as(Effect.sleep(1), "paid")))
    fiberState.interrupt(fiber, 0, 1)
    fiberState.interrupt(fiber, 0, 1)
    await Effect.runPromise(Fiber.await(fiber))
    expect(seen.value).toBe("paid")
  })

  it("interrupts plainly where the fields are missing", () => {
    const asked: Array<unknown> = []
    const strange = { interruptUnsafe: (by: number) => void asked.push(by) }
    fiberState.interrupt(strange as never, 7, 1)
    expect(asked).toEqual([7])
  })
})

describe("fiberState.hasLeft", () => {
  it("is false while the task's code runs, however it waits", () => {
    for (const effect of [never, Effect.uninterruptible(never), Effect.andThen(slowChild, never)]) {
      const { fiber, frame } = start(effect)
      expect(fiberState.hasLeft(fiber, frame)).toBe(false)
    }
  })

  it.each([
    ["a value", Effect.succeed(1)],
    ["a failure", Effect.fail("no")]
  ])("is true when the code has ended with %s and only children are waited for", async (_, last) => {
    const { fiber, frame } = start(Effect.andThen(slowChild, last))
    expect(fiber.pollUnsafe()).toBe(undefined)
    expect(fiberState.hasLeft(fiber, frame)).toBe(true)
    await Effect.runPromise(Fiber.await(fiber))
  })

  it("is false where the stack cannot be read: the fiber is then interrupted plainly", () => {
    expect(fiberState.hasLeft({} as never, undefined)).toBe(false)
  })
})

describe("fiberState.hasChildren", () => {
  it("tells whether forked children live", async () => {
    const seen: Array<boolean> = []
    await Effect.runPromise(
      Effect.gen(function* () {
        const look = Effect.withFiber((fiber) => Effect.sync(() => void seen.push(fiberState.hasChildren(fiber))))
        yield* look
        const child = yield* Effect.forkChild(never)
        yield* look
        yield* Fiber.interrupt(child)
        yield* look
      })
    )
    expect(seen).toEqual([false, true, false])
  })
})

describe("fiberState.depth", () => {
  it("counts the frames under the running code", () => {
    const seen: Array<number> = []
    const look = Effect.withFiber((fiber) => Effect.sync(() => void seen.push(fiberState.depth(fiber))))
    Effect.runSync(look)
    Effect.runSync(Effect.flatMap(look, () => Effect.void))
    expect(seen[1]! - seen[0]!).toBe(1)
    expect(fiberState.depth({} as never)).toBe(0)
  })
})
