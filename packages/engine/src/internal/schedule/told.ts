/** Something that changes and ends, and tells those who follow it. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Status } from "./model.ts"

export abstract class Told {
  private version = 0
  private readonly listeners = new Set<() => void>()

  abstract readonly status: Status

  /** Tells all who follow it. */
  protected tell(): void {
    this.version++
    for (const listener of [...this.listeners]) listener()
  }

  protected until(is: () => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (is()) return resume(Effect.void)
      const look = (): void => {
        if (!is()) return
        this.listeners.delete(look)
        resume(Effect.void)
      }
      this.listeners.add(look)
      return Effect.sync(() => void this.listeners.delete(look))
    })
  }

  get changes(): Stream.Stream<Status> {
    return Stream.unfold<number | undefined, Status, never, never>(-1, (seen) => {
      // The last element was that of the end.
      if (seen === undefined) return Effect.undefined
      const news = this.until(() => this.version !== seen)
      return Effect.map(news, () => {
        const { status } = this
        return [status, status.state === "ended" ? undefined : this.version] as const
      })
    })
  }
}
