/** A server of known capacity, in virtual time, and clients that press it: what adaptive limits are proven against. */
import { Simulator } from "@skein/core/testing"
import * as AdaptiveLimiter from "@skein/parallel/AdaptiveLimiter"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/** How the server takes more than it can. */
export type Overload = "slower" | "queue" | "reject"

export class Server {
  capacity: number
  /** What a call takes without load, in milliseconds. */
  base: number
  readonly overload: Overload
  /** Up to so much a call's own time differs from the base, both ways. */
  jitter = 0
  active = 0
  peak = 0
  done = 0
  rejected = 0
  /** When each place of a server that queues is free again. */
  private free: Array<number> = []
  private random = 1

  constructor(capacity: number, overload: Overload, base = 100) {
    this.capacity = capacity
    this.overload = overload
    this.base = base
  }

  readonly call: Effect.Effect<void, "overloaded"> = Effect.suspend(() => {
    if (this.overload === "reject" && this.active >= this.capacity) {
      this.rejected++
      return Effect.andThen(Effect.sleep(1), Effect.fail("overloaded" as const))
    }
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        this.peak = Math.max(this.peak, ++this.active)
      }),
      () =>
        Effect.flatMap(
          Effect.clockWith((clock) => Effect.succeed(clock.currentTimeMillisUnsafe())),
          (now) => Effect.sleep(this.takes(now))
        ),
      () =>
        Effect.sync(() => {
          this.active--
          this.done++
        })
    )
  })

  private takes(now: number): number {
    // A generator of its own, so that each run of a seed is the same.
    this.random = (this.random * 48271) % 2147483647
    const own = this.base * (1 + this.jitter * (2 * (this.random / 2147483647) - 1))
    if (this.overload === "slower") return own * Math.max(1, this.active / this.capacity)
    if (this.overload === "reject") return own
    // First come, first served by `capacity` places.
    this.free = this.free.filter((at) => at > now).sort((a, b) => a - b)
    const start = this.free.length < this.capacity ? now : this.free[this.free.length - this.capacity]!
    this.free.push(start + own)
    return start + own - now
  }
}

export interface Lab {
  readonly server: Server
  readonly limiter: AdaptiveLimiter.AdaptiveLimiter
  /** So many clients call for so long, one call after the other. */
  readonly press: (clients: number, millis: number) => Effect.Effect<void>
  /** The lowest and the highest limit over a time in which so many clients call. */
  readonly band: (clients: number, millis: number) => Effect.Effect<readonly [number, number]>
}

/** Runs a story with a server and a limiter in virtual time. */
export const story = async <A>(
  server: Server,
  options: AdaptiveLimiter.Options<"wait", undefined>,
  tell: (lab: Lab) => Effect.Effect<A>,
  seed = 1
): Promise<A> => {
  const run = await Simulator.run(
    () =>
      Effect.gen(function* () {
        const limiter = yield* AdaptiveLimiter.make(options)
        const client = Effect.forever(Effect.ignore(limiter.withPermit(server.call)), { disableYield: true })
        const press = (clients: number, millis: number): Effect.Effect<void> =>
          Effect.gen(function* () {
            const fibers: Array<Fiber.Fiber<never>> = []
            for (let n = 0; n < clients; n++) fibers.push(yield* Effect.forkChild(client))
            yield* Effect.sleep(millis)
            yield* Fiber.interruptAll(fibers)
          })
        const band = (clients: number, millis: number) =>
          Effect.gen(function* () {
            let low = Infinity
            let high = 0
            const pressing = yield* Effect.forkChild(press(clients, millis))
            for (let at = 0; at < millis; at += 50) {
              const limit = yield* limiter.limit
              low = Math.min(low, limit)
              high = Math.max(high, limit)
              yield* Effect.sleep(50)
            }
            yield* Fiber.join(pressing)
            return [low, high] as const
          })
        return yield* tell({ server, limiter, press, band })
      }),
    { seed, preemption: 0, maxSteps: 200_000_000, maxStepsPerInstant: 5_000_000 }
  )
  if (run.exit?._tag !== "Success") throw new Error(run.report)
  return run.exit.value
}
