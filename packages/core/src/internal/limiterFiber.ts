/**
 * Sees from outside whether some fiber awaits a fiber, and when a suspended fiber goes on.
 *
 * Waits in plain Effect (`timeout`, `race`, `forEach`, `join`) say nothing to us, yet a holder in one of them must be able to lend its seat, or
 * nested use would hang. All of them add an observer to the fiber they wait for. So: observers there already are read from `_observers`, later ones are seen
 * by standing in front of `addObserver` of that one fiber while it waits in our queue; and the holder is seen going on by standing in
 * front of its `evaluate`. Both are put back as soon as they are not needed. Only nested requests that would otherwise queue pay for this.
 *
 * `_observers` and `evaluate` are not in the public type of a fiber. Where they are missing, nobody is seen awaiting, and a holder counts as going on at once: nested use
 * under plain Effect then waits for a permit of its own. `Limiter.fiber.test.ts` fails if a new version of Effect renames them.
 *
 * Not chosen: polling (a timer per waiter), and lending to any descendant of a suspended holder (a holder that sleeps in its own work is using what it holds).
 */
import type { AnyFiber } from "./lineage.ts"

type Method = (this: unknown, ...args: Array<unknown>) => unknown

/** Whether somebody looks at the end of `fiber`. Supervisors do too (`forkIn`, `FiberSet`): this says yes more often than is true. */
export const isAwaited = (fiber: AnyFiber): boolean => {
  const observers = (fiber as { readonly _observers?: unknown })._observers
  return Array.isArray(observers) && observers.length > 0
}

/** Calls `f` whenever another observer is added. Gives the function that ends the watch. */
export const onAwaited = (fiber: AnyFiber, f: () => void): (() => void) => intercept(fiber, "addObserver", "after", f)

/** Calls `f` just before `fiber` goes on, perhaps twice (the runtime calls `evaluate` again to enter an async scope). `undefined` where that cannot be seen. */
export const onResumed = (fiber: AnyFiber, f: () => void): (() => void) | undefined =>
  typeof (fiber as { readonly evaluate?: unknown }).evaluate === "function" ? intercept(fiber, "evaluate", "before", f) : undefined

/** Watchers of one method of one fiber. The method is an own property of the fiber only while there are any. */
const intercepted = { addObserver: new WeakMap<object, Set<() => void>>(), evaluate: new WeakMap<object, Set<() => void>>() }

const intercept = (fiber: AnyFiber, method: "addObserver" | "evaluate", when: "before" | "after", f: () => void): (() => void) => {
  const byFiber = intercepted[method]
  let watchers = byFiber.get(fiber)
  if (watchers === undefined) {
    byFiber.set(fiber, (watchers = new Set()))
    const all = watchers
    const original = (fiber as unknown as Record<string, Method>)[method]!
    Object.defineProperty(fiber, method, {
      configurable: true,
      writable: true,
      value: (...args: Array<unknown>): unknown => {
        if (when === "before") for (const watcher of [...all]) watcher()
        const result = original.apply(fiber, args)
        if (when === "after") for (const watcher of [...all]) watcher()
        return result
      }
    })
  }
  const own = watchers
  own.add(f)
  return () => {
    if (!own.delete(f) || own.size > 0) return
    byFiber.delete(fiber)
    delete (fiber as unknown as Record<string, unknown>)[method]
  }
}
