/**
 * Bounds how many effects run at once.
 *
 * A `Limiter` owns a number of permits. An effect that runs under it holds one, or several, from its start to its end, however it ends; who finds none free
 * waits in line. The limiter owns no fibers: the fiber that asks is the fiber that waits and runs. It needs no scope and is collected when nobody refers to it.
 *
 * The module holds `make`, the `Limiter` with `withPermit`, `withPermits`, `resize`, `pause`, `resume` and `stats`, and `request`, which asks for permits without a fiber per
 * waiter.
 *
 * **When to use**
 *
 * Use to share one bound between calls that do not know of each other: connections, an API's quota, memory. To bound one loop, `concurrency` is simpler.
 *
 * **Guarantees**
 *
 * - Ownership: permits belong to the effect that runs with them. It gives them back when it ends, also when that takes long after it was interrupted.
 * - Interruption: wherever a fiber is interrupted (waiting, granted but not yet woken, running), it leaves the line or gives its permits back at
 *   once, and the next in line gets them.
 * - Failure: the effect's own failures pass unchanged. `LimiterError` is in the error type only where `queue.onFull: "reject"` or `queue.timeout` are set.
 * - Order: first in, first out within a priority. The head of the line is never overtaken by a later request of its own or a lower priority,
 *   however small.
 * - Fairness: `high` goes before `normal`, `normal` before `low`, without ageing: a steady stream of `high` starves `low`.
 * - Bounds: permits in use never exceed the size, except after a `resize` below what is in use and where a holder goes on while a descendant still uses its seat: then
 *   nobody is admitted until they are back under it.
 * - Nesting: work under a holder that asks for the same limiter runs on the holder's permits, one descendant at a time, while the holder waits for it. A wait across limiters that
 *   could never end is refused by a defect, `LimiterCycle`, that writes the cycle out.
 * - Cost: asking, releasing and being interrupted are O(1), whatever waits; `resize` is O(waiting) when it refuses requests, `stats` O(holders).
 *
 * **Gotchas**
 *
 * A fiber forked inside `withPermit` does not hold the permit: this bounds the forking, not the work.
 *
 * | program | runs `work` |
 * | --- | --- |
 * | `limiter.withPermit(Effect.forkChild(work))` | without bound |
 * | `Effect.forkChild(limiter.withPermit(work))` | bounded |
 *
 * A holder that waits for a descendant through a `Deferred`, a `Queue` or a `Latch` cannot be seen waiting, so its seat is not lent: if it holds the last permit, that hangs. Wait
 * with `Fiber.join`, `Effect.all`, `race`, `timeout`, or a `TaskGroup`.
 *
 * **Example** (At most two at a time)
 *
 * ```ts
 * import { Limiter } from "@skein/core"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const limiter = yield* Limiter.make({ permits: 2, name: "db" })
 *   const query = (n: number) => limiter.withPermit(Effect.as(Effect.yieldNow, n * n), { name: `query ${n}` })
 *   const squares = yield* Effect.forEach([1, 2, 3, 4, 5], query, { concurrency: "unbounded" })
 *   const { peak, running, waiting } = yield* limiter.stats
 *   return { squares, peak, running, waiting }
 * })
 *
 * const { peak, squares } = await Effect.runPromise(program)
 * console.log(squares.join(" ")) // => 1 4 9 16 25
 * console.log(peak) // => 2
 * ```
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as check from "./internal/check.ts"
import { current, type Node } from "./internal/lineage.ts"
import { onSeatWaits } from "./internal/limiterLending.ts"
import { withPermits } from "./internal/limiterPermit.ts"
import { pump } from "./internal/limiterAdmission.ts"
import * as requests from "./internal/limiterRequest.ts"
import { type Behaviour, levels, LimiterCore, Ticket as TicketImpl } from "./internal/limiterState.ts"
import { limiterText, plainNameOf } from "./internal/waitGraph.ts"

/**
 * Who goes first when several wait: `high` before `normal` before `low`.
 *
 * @category models
 * @since 0.1.0
 */
export type Priority = "high" | "normal" | "low"

/**
 * How a limiter is made.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<
  F extends "wait" | "reject" = "wait" | "reject",
  T extends Duration.Input | undefined = Duration.Input | undefined
> {
  /** How many permits there are: a whole number of at least 1. To let nobody in, use `pause`. */
  readonly permits: number
  /** Names it in messages and dumps. */
  readonly name?: string | undefined
  readonly queue?:
    | {
        /**
         * How many may wait. A request under a holder of this limiter is not refused: it is part of work that was admitted already. 0: nobody waits.
         * @default Infinity
         */
        readonly max?: number | undefined
        /**
         * What happens to a request that finds `max` waiting: `"reject"` fails it with `LimiterError` (`QueueFull`); `"wait"` lets it wait too, so that the
         * caller is held back and nothing is refused: `max` then has no effect.
         * @default "wait"
         */
        readonly onFull?: F | undefined
        /**
         * The longest wait. A request that has waited so long fails with `LimiterError` (`QueueTimeout`). Time with a permit does not count.
         * @default "Infinity"
         */
        readonly timeout?: T | undefined
      }
    | undefined
}

/**
 * How one request is made.
 *
 * @category options
 * @since 0.1.0
 */
export interface PermitOptions {
  /** @default "normal" */
  readonly priority?: Priority | undefined
  /**
   * Names the holder in `stats` and messages.
   * @default the name of the task, else of the span, else `fiber #id`
   */
  readonly name?: string | undefined
}

/**
 * What a limiter does at this moment.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  readonly permits: number
  /** Permits in use. Above `permits` for a while after a shrinking `resize`, or when holders went on before those they had lent to. */
  readonly running: number
  /** Requests that wait. */
  readonly waiting: number
  /** The most permits ever in use. */
  readonly peak: number
  /** Holders whose call is over: they were told to stop and have not ended. They keep their permits until they do. */
  readonly abandoned: number
  readonly paused: boolean
  /** Who holds, longest first. */
  readonly holders: ReadonlyArray<Holder>
}

/**
 * One holder, as `stats` shows it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Holder {
  readonly name: string
  readonly permits: number
  /** It runs on permits that a holder above it has lent. Those are counted once. */
  readonly borrowed: boolean
}

/**
 * A bound on how many effects run at once. `E` is what its options add to the errors of the effects: `LimiterError` or nothing.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limiter<out E = never> {
  readonly name: string | undefined
  /** Runs an effect with one permit. */
  readonly withPermit: <A, E2, R>(self: Effect.Effect<A, E2, R>, options?: PermitOptions) => Effect.Effect<A, E | E2, R>
  /**
   * Runs an effect with `permits` permits, all at once or not yet. More than the limiter has, or no whole number of at least 1, is refused by a
   * `RangeError` as a defect.
   */
  readonly withPermits: (
    permits: number,
    options?: PermitOptions
  ) => <A, E2, R>(self: Effect.Effect<A, E2, R>) => Effect.Effect<A, E | E2, R>
  /**
   * Sets the number of permits. More wakes those who wait at once; fewer takes nothing from those who run, and admits nobody until they are below
   * the new bound. A waiting request for more permits than there now are could wait for ever: it is refused by a `RangeError` as a defect.
   */
  readonly resize: (permits: number) => Effect.Effect<void>
  /** Admits nobody from now on. Those who run go on, and may still lend to their descendants. */
  readonly pause: Effect.Effect<void>
  /** Ends `pause`. */
  readonly resume: Effect.Effect<void>
  readonly stats: Effect.Effect<Stats>
}

/**
 * The queue was full. The work has not started; trying again later is safe.
 *
 * @category errors
 * @since 0.1.0
 */
export class QueueFull extends Data.TaggedError("QueueFull")<{
  readonly message: string
  readonly limiter: string | undefined
  readonly max: number
}> {}

/**
 * It waited longer than the queue's limit. The work has not started; trying again later is safe.
 *
 * @category errors
 * @since 0.1.0
 */
export class QueueTimeout extends Data.TaggedError("QueueTimeout")<{
  readonly message: string
  readonly limiter: string | undefined
  readonly after: Duration.Duration
}> {}

/**
 * A limiter refused a request: `reason` says why. Whatever the reason, the work has not started and trying again is safe.
 *
 * @category errors
 * @since 0.1.0
 */
export class LimiterError extends Data.TaggedError("LimiterError")<{
  readonly message: string
  readonly reason: QueueFull | QueueTimeout
}> {}

/**
 * The defect of a request that could never be granted: everybody who could free the permits waits, directly or through others, for the one
 * who asks. The message writes the cycle out. The work has not started.
 *
 * @category errors
 * @since 0.1.0
 */
export class LimiterCycle extends Error {
  override readonly name = "LimiterCycle"
}

const fail = (reason: QueueFull | QueueTimeout): LimiterError => new LimiterError({ reason, message: reason.message })

const behaviour: Behaviour = {
  queueFull: (core) =>
    fail(
      new QueueFull({
        message: `${limiterText(core)}: the queue is full (${core.maxWaiting} waiting); the work has not started, trying again is safe`,
        limiter: core.name,
        max: core.maxWaiting
      })
    ),
  queueTimeout: (core) => {
    const after = Duration.millis(core.maxWait)
    return fail(
      new QueueTimeout({
        message: `${limiterText(core)}: no permit within ${Duration.format(after)}; the work has not started, trying again is safe`,
        limiter: core.name,
        after
      })
    )
  },
  cycle: (message) => new LimiterCycle(message),
  refusal: (error) => (error instanceof LimiterError ? Effect.fail(error) : Effect.die(error)),
  onSeatWaits,
  release: requests.release
}

class LimiterImpl implements Limiter<LimiterError> {
  readonly core: LimiterCore
  readonly withPermit: Limiter<LimiterError>["withPermit"]
  readonly withPermits: Limiter<LimiterError>["withPermits"]
  readonly resize: (permits: number) => Effect.Effect<void>
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
  readonly stats: Effect.Effect<Stats>

  constructor(core: LimiterCore) {
    this.core = core
    this.withPermit = (self, options) =>
      options === undefined
        ? withPermits(core, self, 1, levels.normal, undefined)
        : Effect.suspend(() => withPermits(core, self, 1, levelOf("Limiter.withPermit", options), nameOf("Limiter.withPermit", options)))
    this.withPermits = (permits, options) => (self) =>
      options === undefined
        ? withPermits(core, self, permits, levels.normal, undefined)
        : Effect.suspend(() =>
            withPermits(core, self, permits, levelOf("Limiter.withPermits", options), nameOf("Limiter.withPermits", options))
          )
    this.resize = (permits) => Effect.sync(() => requests.resize(core, check.positiveInt("Limiter.resize", "permits", permits)))
    this.pause = Effect.sync(() => {
      core.paused = true
    })
    this.resume = Effect.sync(() => {
      core.paused = false
      pump(core)
    })
    this.stats = Effect.sync(() => statsOf(core))
  }

  get name(): string | undefined {
    return this.core.name
  }
}

const permitOptions = new Set(["priority", "name"])

const levelOf = (where: string, options: PermitOptions): 1 | 2 | 3 => {
  check.options(where, options, permitOptions)
  return options.priority === undefined ? levels.normal : levels[check.word(where, "priority", options.priority, ["high", "normal", "low"])]
}

const nameOf = (where: string, options: { readonly name?: string | undefined }): string | undefined => {
  if (options.name !== undefined && typeof options.name !== "string") throw check.mustBe(where, "name", "a string", options.name)
  return options.name
}

const statsOf = (core: LimiterCore): Stats => {
  const holders: Array<Holder> = []
  let abandoned = 0
  for (let ticket = core.holders.head; ticket !== undefined; ticket = ticket.next) {
    holders.push({ name: plainNameOf(ticket), permits: ticket.size, borrowed: ticket.borrowed > 0 })
    if (ticket.isAbandoned || isOrphan(ticket.parent)) abandoned++
  }
  return { permits: core.permits, running: core.used, waiting: core.waiting, peak: core.peak, abandoned, paused: core.paused, holders }
}

/** Whether the call or task that the work belongs to is over. */
const isOrphan = (node: Node | undefined): boolean => {
  for (let n = node; n !== undefined; n = n.parent) if ((n.kind === "call" || n.kind === "task") && n.ended) return true
  return false
}

/**
 * Makes a limiter. The errors of its effects are widened by `LimiterError` only if `queue.onFull` is `"reject"` or `queue.timeout` is set.
 *
 * **Example** (Refusing instead of queueing without end)
 *
 * ```ts
 * import { Limiter } from "@skein/core"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const limiter = yield* Limiter.make({ permits: 1, name: "api", queue: { max: 0, onFull: "reject" } })
 *   return yield* limiter.withPermit(Effect.never).pipe(
 *     Effect.race(Effect.flip(limiter.withPermit(Effect.void)))
 *   )
 * })
 *
 * const error = await Effect.runPromise(program)
 * console.log(error.reason._tag) // => QueueFull
 * console.log(error.message) // => limiter "api": the queue is full (0 waiting); the work has not started, trying again is safe
 * ```
 *
 * @throws A `RangeError`, as a defect, for options that make no sense.
 * @category constructors
 * @since 0.1.0
 */
export const make = <const F extends "wait" | "reject" = "wait", T extends Duration.Input | undefined = undefined>(
  options: Options<F, T>
): Effect.Effect<Limiter<ErrorOf<F, T>>> => Effect.sync(() => makeUnsafe(options))

/**
 * Makes a limiter at once, outside of an effect.
 *
 * @throws A `RangeError` for options that make no sense.
 * @category constructors
 * @since 0.1.0
 */
export const makeUnsafe = <const F extends "wait" | "reject" = "wait", T extends Duration.Input | undefined = undefined>(
  options: Options<F, T>
): Limiter<ErrorOf<F, T>> => {
  const where = "Limiter.make"
  check.options(where, options ?? null, makeOptions)
  const { queue } = options
  const permits = check.positiveInt(where, "permits", options.permits)
  const name = nameOf(where, options)
  let maxWaiting = Infinity
  let maxWait = Infinity
  if (queue !== undefined) {
    check.options(`${where}: queue`, queue, queueOptions)
    if (queue.max !== undefined && queue.max !== Infinity) check.positiveInt(where, "queue.max", queue.max, 0)
    if (queue.onFull !== undefined && check.word(where, "queue.onFull", queue.onFull, ["wait", "reject"]) === "reject") {
      if (queue.max === undefined) throw check.mustBe(where, "queue.max", `given when queue.onFull is "reject"`, undefined)
      maxWaiting = queue.max
    }
    if (queue.timeout !== undefined) maxWait = check.millis(where, "queue.timeout", queue.timeout)
  }
  return new LimiterImpl(new LimiterCore(behaviour, name, permits, maxWaiting, maxWait)) as Limiter<never>
}

/**
 * What the options of a limiter add to the errors of its effects.
 *
 * @category models
 * @since 0.1.0
 */
export type ErrorOf<F extends "wait" | "reject", T extends Duration.Input | undefined> =
  | ("reject" extends F ? LimiterError : never)
  | ([T] extends [undefined] ? never : LimiterError)

const makeOptions = new Set(["permits", "name", "queue"])
const queueOptions = new Set(["max", "onFull", "timeout"])

/**
 * A request for permits that no fiber waits in, made by `request`.
 *
 * **Details**
 *
 * `waiting → granted | refused`, and from any of them `released`. `release` must be called for each ticket in the end.
 *
 * @category advanced
 * @since 0.1.0
 */
export interface Ticket {
  readonly state: "waiting" | "granted" | "refused" | "released" | "idle"
  /** Why it was refused: `LimiterError`, or a defect (`LimiterCycle`, `RangeError`). */
  readonly error: unknown
  /** Says which fiber runs with the permits, once that is known: waits of that fiber make its seat lendable. */
  readonly assign: (fiber: Fiber.Fiber<unknown, unknown>) => void
  /** Says that the work was told to stop and has not: it keeps its permits and is counted in `stats.abandoned`. */
  readonly abandon: () => void
  /** Gives up whatever it is: leaves the line, or gives the permits back. Calling it again does nothing. */
  readonly release: () => void
}

class EngineTicket extends TicketImpl {
  get ownFiber(): boolean {
    return false
  }
}

/**
 * Asks for permits on behalf of work that has no fiber yet: for engines that queue tasks, where a fiber per waiter would cost too much.
 *
 * **Details**
 *
 * The answer may be there at once (`state` is `granted` or `refused`), and then `onSettled` is not called. Otherwise the ticket is `waiting`, and `onSettled` is called once,
 * later, by the scheduler of `fiber`, never from inside a call to the limiter, unless the ticket is released before. It may release, request and fork; it should not throw.
 *
 * The work must run with the ticket as `Current` in its context (it is a `PermitNode` below `lineage`), or what is nested in it will not find its seat.
 *
 * @category advanced
 * @since 0.1.0
 */
export const request = (
  limiter: Limiter<unknown>,
  fiber: Fiber.Fiber<unknown, unknown>,
  options: {
    /** @default 1 */
    readonly permits?: number | undefined
    /** @default "normal" */
    readonly priority?: Priority | undefined
    readonly name?: string | undefined
    /**
     * The place in the tree of the work that will run.
     * @default that of `fiber`
     */
    readonly lineage?: Node | undefined
    readonly onSettled: (ticket: Ticket) => void
  }
): Ticket => {
  const level = options.priority === undefined ? levels.normal : levels[options.priority]
  const lineage = options.lineage ?? current(fiber)
  const ticket = new EngineTicket((limiter as LimiterImpl).core, fiber, lineage, options.permits ?? 1, level, options.name, (ticket) => {
    if (ticket.state !== "released") options.onSettled(ticket)
  })
  requests.request(ticket)
  return ticket
}
