/** Rings once; who waits then or later is told. */
import * as Effect from "effect/Effect"

export class Bell {
  private rung = false
  private readonly waiters = new Set<() => void>()

  ring(): void {
    this.rung = true
    for (const wake of this.waiters) wake()
  }

  readonly await: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (this.rung) return resume(Effect.void)
    const wake = (): void => resume(Effect.void)
    this.waiters.add(wake)
    return Effect.sync(() => void this.waiters.delete(wake))
  })
}
