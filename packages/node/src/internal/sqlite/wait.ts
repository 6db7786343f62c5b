/** Runs what may find the database locked by another process, and waits for the lock without holding up the event loop. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import * as failure from "./failure.ts"

/**
 * How long SQLite itself may wait for a lock, blocking the event loop: long enough to meet the gaps of another process that writes all the time, short enough not to be felt.
 */
export const nativeWait = 5

/** The longest time between two tries. A longer one would starve beside processes that ask more often. */
const longestPause = 25

export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export interface Tries {
  readonly operation: failure.Operation
  /** The statement, or the path of a file. */
  readonly what: string
  readonly busyMillis: number
  /** Makes the wait interruptible where it would not be. */
  readonly restore?: Restore | undefined
  /** Whether a further try makes sense; asked when the database was busy. */
  readonly mayTryAgain?: ((cause: unknown) => boolean) | undefined
}

const failed = (cause: unknown, tries: Tries, waited?: string): SqlError =>
  isSqlError(cause) ? cause : failure.of(cause, tries.operation, tries.what, waited)

/** `work` runs to its end in one piece, or throws. It is tried again as long as it throws that the database is busy. */
export const forLock = <A>(work: () => A, tries: Tries): Effect.Effect<A, SqlError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(work())
    } catch (cause) {
      return canWait(cause, tries) ? waiting(work, tries, cause) : Effect.fail(failed(cause, tries))
    }
  })

const canWait = (cause: unknown, tries: Tries): boolean =>
  failure.isBusy(cause) && tries.busyMillis > 0 && tries.mayTryAgain?.(cause) !== false

const waiting = Effect.fnUntraced(function* <A>(work: () => A, tries: Tries, first: unknown): Effect.fn.Return<A, SqlError> {
  const restore = tries.restore ?? ((effect) => effect)
  const until = (yield* Clock.currentTimeMillis) + tries.busyMillis
  let cause = first
  for (let pause = 1; ; pause = Math.min(pause * 2, longestPause)) {
    const left = until - (yield* Clock.currentTimeMillis)
    if (left <= 0) {
      return yield* Effect.fail(failed(cause, tries, `for ${Duration.format(Duration.millis(tries.busyMillis))}`))
    }
    // Two that wait for the same lock must not come at the same instants.
    const part = yield* Random.next
    yield* restore(Effect.sleep(Math.min(left, pause * (0.5 + part / 2))))
    try {
      return work()
    } catch (error) {
      if (!canWait(error, tries)) return yield* Effect.fail(failed(error, tries))
      cause = error
    }
  }
})
