/** Those who want to know of changes to a store. What they throw is logged and stops nothing. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Changed } from "../../JobStore.ts"

type Listener = (changed: Changed) => void

export class Listeners {
  private readonly listeners = new Set<{ readonly call: Listener }>()

  get isEmpty(): boolean {
    return this.listeners.size === 0
  }

  /** `onLast` runs when nobody is left. */
  add(call: Listener, onLast: Effect.Effect<void> = Effect.void): Effect.Effect<void, never, Scope.Scope> {
    return Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => {
          // The same function may be added twice.
          const listener = { call }
          this.listeners.add(listener)
          return listener
        }),
        (listener) =>
          Effect.suspend(() => {
            this.listeners.delete(listener)
            return this.isEmpty ? onLast : Effect.void
          })
      )
    )
  }

  tell(changed: Changed): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.isEmpty) return Effect.void
      const thrown: Array<unknown> = []
      for (const { call } of [...this.listeners]) {
        try {
          call(changed)
        } catch (error) {
          thrown.push(error)
        }
      }
      return Effect.forEach(thrown, (error) => Effect.logWarning("a listener of a job store threw", error), { discard: true })
    })
  }
}
