/**
 * Asks a fiber to stop without losing what it still finishes.
 *
 * A region that cannot be interrupted runs to its end after the fiber was asked to stop. Effect then puts the interruption in the place of
 * the region's result, even if nothing of the task was left to run: the value of a payment that went through is gone. Law 9 wants it kept.
 *
 * `interrupt` therefore hides the pending interruption from one reader: the frame that leaves the uninterruptible region when that frame is the last
 * of the task. Anything the task still had to do meets the interruption as usual. This reads fields of the runtime's fiber
 * that are not in its public type (`interruptible`, `_stack`, `_interruptedCause`, `_children`). Where they are missing the fiber is interrupted plainly, and the one
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
  readonly _children?: ReadonlySet<unknown> | undefined
  readonly _running?: boolean
  _interruptedCause?: Cause.Cause<never> | undefined
}

/**
 * Interrupts `fiber`, whose task started when its stack was `base` deep. If the task ends inside an uninterruptible region, its own exit is kept.
 */
export const interrupt = (fiber: AnyFiber, by: number, base: number, annotations?: Context.Context<never>): void => {
  const runtime = fiber as unknown as RuntimeFiber
  const known = Array.isArray(runtime._stack) && "_interruptedCause" in runtime
  const bottom = base === 0 ? undefined : runtime._stack?.[0]
  if (known && runtime.interruptible === false) hideAtTheEnd(runtime, base, bottom)
  fiber.interruptUnsafe(by, annotations)
  // Its cleanup may still fail, and its children be waited for after that: the wait must not put the interruption in the place of the failure.
  if (known && runtime._running === false && fiber.pollUnsafe() === undefined) hideAtTheEnd(runtime, base, bottom)
}

/** `bottom` is the frame that lies under everything as long as the task lasts, where there is one. */
const hideAtTheEnd = (fiber: RuntimeFiber, base: number, bottom: unknown): void => {
  // Asked twice: the first accessor still stands.
  if (Object.getOwnPropertyDescriptor(fiber, "_interruptedCause")?.get !== undefined) return
  let pending = fiber._interruptedCause
  // Once the task has ended the interruption stays hidden: the runtime may still wait for the task's children, on a stack of its own, before it ends the fiber.
  let over = false
  // Interrupted once more after that, by a stranger: then it is interrupted like any other fiber.
  let again = false
  const ended = (): boolean => onlyFinalizersLeft(fiber._stack!, base) || (bottom !== undefined && fiber._stack![0] !== bottom)
  Object.defineProperty(fiber, "_interruptedCause", {
    configurable: true,
    enumerable: true,
    get: () => ((over ||= ended()) && !again ? undefined : pending),
    set: (cause: Cause.Cause<never> | undefined) => {
      again = over
      pending = cause
    }
  })
}

/**
 * Whether the code of a task has ended and its fiber only waits for the children that it forked. `frame` is what the fiber runs, and so at the bottom of its stack for as
 * long as the task lasts. An interruption would now take the place of the task's own end, which is why there must be none.
 */
export const hasLeft = (fiber: AnyFiber, frame: unknown): boolean => {
  const { _stack } = fiber as unknown as RuntimeFiber
  return Array.isArray(_stack) && _stack[0] !== frame
}

const frameKind = "~effect/Effect/identifier"

/** Only finalizers are left of the task (of spans, of provided services, of `ensuring`): they run uninterrupted and hand the value on. */
const onlyFinalizersLeft = (stack: ReadonlyArray<unknown>, base: number): boolean => {
  for (let i = base; i < stack.length; i++) if ((stack[i] as Record<string, unknown>)[frameKind] !== "OnExit") return false
  return true
}

/** How deep the stack of a running fiber is. */
export const depth = (fiber: AnyFiber): number => (fiber as unknown as RuntimeFiber)._stack?.length ?? 0

/** Whether a fiber has forked children that live: the runtime interrupts and awaits them when the fiber ends. */
export const hasChildren = (fiber: AnyFiber): boolean => {
  const children = (fiber as unknown as RuntimeFiber)._children
  return children !== undefined && children.size > 0
}
