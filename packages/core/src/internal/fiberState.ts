/**
 * Asks a fiber to stop without losing what it still finishes.
 *
 * A region that cannot be interrupted runs to its end after the fiber was asked to stop. Effect then puts the interruption in the place of
 * the region's result, even if nothing of the task was left to run: the value of a payment that went through is gone. Law 9 wants it kept.
 *
 * `interrupt` therefore hides the pending interruption from one reader: the frame that leaves the uninterruptible region when that frame is the last
 * of the task. Anything the task still had to do meets the interruption as usual. This reads three fields of the runtime's fiber
 * that are not in its public type (`interruptible`, `_stack`, `_interruptedCause`). Where they are missing the fiber is interrupted plainly, and the one
 * thing lost is the late value; `fiberState.test.ts` fails if a new version of Effect renames them.
 *
 * Not chosen: a scheduler that interrupts at the first interruptible step (a `provide` inside the task puts the old scheduler back, and then
 * the interruption never comes), and rewriting the frame in place (frames are shared between fibers).
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import type { AnyFiber } from "./lineage.ts"

interface RuntimeFiber {
  readonly interruptible?: boolean
  readonly _stack?: ReadonlyArray<unknown>
  _interruptedCause?: Cause.Cause<never> | undefined
}

/**
 * Interrupts `fiber`, whose task started with `frame` on top of the stack (`undefined`: the task is the whole fiber). If the task ends inside an
 * uninterruptible region, its own exit reaches `frame`.
 */
export const interrupt = (
  fiber: AnyFiber,
  by: number,
  frame?: unknown,
  annotations?: Context.Context<never>
): void => {
  const runtime = fiber as unknown as RuntimeFiber
  if (runtime.interruptible === false && Array.isArray(runtime._stack) && "_interruptedCause" in runtime) {
    const base = frame === undefined ? 0 : runtime._stack.lastIndexOf(frame) + 1
    if (base > 0 || frame === undefined) hideAtTheEnd(runtime, base)
  }
  fiber.interruptUnsafe(by, annotations)
}

const hideAtTheEnd = (fiber: RuntimeFiber, base: number): void => {
  // Asked twice: the first accessor still stands.
  if (Object.getOwnPropertyDescriptor(fiber, "_interruptedCause")?.get !== undefined) return
  let pending = fiber._interruptedCause
  Object.defineProperty(fiber, "_interruptedCause", {
    configurable: true,
    enumerable: true,
    get: () => fiber._stack!.length <= base ? undefined : pending,
    set: (cause: Cause.Cause<never> | undefined) => {
      pending = cause
    }
  })
}

/** Whether the fiber is inside a region that cannot be interrupted, as far as can be seen. */
export const isUninterruptible = (fiber: AnyFiber): boolean => (fiber as unknown as RuntimeFiber).interruptible === false
