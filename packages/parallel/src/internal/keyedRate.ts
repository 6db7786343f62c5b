/** Takes tokens from one of Effect's rate limiters so that an interruption costs as little as can be. */
import * as Settings from "@skein/core/Settings"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { RateLimiter, RateLimiterError } from "effect/persistence/RateLimiter"

/** A rate as it was read and checked. */
export interface Rate {
  readonly limiter: RateLimiter
  readonly limit: number
  readonly window: Duration.Duration
  readonly algorithm: "token-bucket" | "fixed-window"
  readonly onStoreFailure: "fail" | "die" | "admit"
  readonly key: string | undefined
}

const known = ["limiter", "limit", "window", "algorithm", "onStoreFailure"]

export const read = (where: string, value: unknown, hasKey: boolean): Rate => {
  const place = (option: string): string => `rate.${option}`
  if (typeof value !== "object" || value === null) throw Settings.mustBe(where, "rate", "an object", value)
  const rate = value as { readonly [K in keyof Rate]?: unknown }
  Settings.known(`${where} (rate)`, rate, hasKey ? [...known, "key"] : known)
  const { limiter } = rate as { readonly limiter?: Partial<RateLimiter> }
  if (typeof limiter?.consume !== "function") throw Settings.mustBe(where, place("limiter"), "a RateLimiter of Effect", limiter)
  return {
    limiter: limiter as RateLimiter,
    limit: Settings.whole(where, place("limit"), rate.limit),
    window: Duration.millis(
      Settings.number(
        where,
        place("window"),
        Settings.positiveMillis(where, place("window"), rate.window),
        "a duration that ends",
        (ms) => ms < Infinity
      )
    ),
    algorithm: Settings.oneOf(where, place("algorithm"), rate.algorithm, ["token-bucket", "fixed-window"]),
    onStoreFailure: Settings.oneOf(where, place("onStoreFailure"), rate.onStoreFailure, ["fail", "die", "admit"]),
    key: Settings.text(where, place("key"), rate.key)
  }
}

/**
 * Waits for a token of `key` and takes it.
 *
 * It asks, is told how long to wait, waits, and asks again. The other way that the rate limiter has, `onExceeded: "delay"`, takes the token at once and says when it may be used: who is interrupted
 * while waiting has then spent it, and a hundred cancelled requests would block a rate of ten a second for ten seconds. The caller lets one fiber in at a time, so asking again is
 * cheap and in order.
 */
export const take = (rate: Rate, key: string): Effect.Effect<void, RateLimiterError> => {
  const { algorithm, limit, limiter, onStoreFailure, window } = rate
  const ask = Effect.suspend(() => limiter.consume({ key, limit, window, algorithm, onExceeded: "fail" }))
  const loop: Effect.Effect<void, RateLimiterError> = Effect.matchEffect(ask, {
    onSuccess: () => Effect.void,
    onFailure: (error) => {
      const { reason } = error
      // Whole milliseconds, and at least one: a timer that fires a fraction early would ask in vain, for ever on a clock that does not move in between.
      if (reason._tag === "RateLimitExceeded")
        return Effect.andThen(Effect.sleep(Math.max(1, Math.ceil(Duration.toMillis(reason.retryAfter)))), loop)
      return onStoreFailure === "fail" ? Effect.fail(error) : onStoreFailure === "die" ? Effect.die(error) : Effect.void
    }
  })
  return loop
}
