/** Waits that grow from attempt to attempt. */
import * as Settings from "@skein/core/Settings"
import type { Time } from "./promiseTypes.ts"

/**
 * Makes a `retry.delay` that grows: `from`, then `factor` times as long after each further attempt, at most `max`. Half of it is left to chance, so that many who failed together do not come back together.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category options
 * @since 0.1.0
 */
export const backoff = (options?: {
  /** @default "100 millis" */
  readonly from?: Time | undefined
  /** A number of at least 1. @default 2 */
  readonly factor?: number | undefined
  /** @default "30 seconds" */
  readonly max?: Time | undefined
  /** How much is left to chance, from 0 (nothing) to 1. @default 0.5 */
  readonly jitter?: number | undefined
}): ((attempts: number) => number) => {
  const where = "backoff"
  Settings.known(where, options ?? {}, ["from", "factor", "max", "jitter"])
  const { factor = 2, from = 100, jitter = 0.5, max = 30_000 } = options ?? {}
  const first = Settings.millis(where, "from", from)
  const most = Settings.millis(where, "max", max)
  Settings.number(where, "factor", factor, "a number of at least 1", (n) => n >= 1 && n < Infinity)
  Settings.number(where, "jitter", jitter, "a number from 0 to 1", (n) => n >= 0 && n <= 1)
  return (attempts) => Math.min(most, first * factor ** (attempts - 1)) * (1 - jitter * Math.random())
}
