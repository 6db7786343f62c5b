/**
 * Gives a call its items, one when a place is free, wherever they come from: an array, an iterable, an async iterable or a Stream.
 *
 * A source of the first two kinds is asked and answers. One of the other two is read by a fiber of the call, the puller, which asks for the next chunk when somebody wants an item and none is there, and
 * sleeps otherwise. It is gone when the source is over or, after `stop`, when the pull under way has ended.
 *
 * ```
 *            want                 chunk
 * asleep ───────────▶ pulling ───────────▶ asleep          stop: a pull under way is interrupted
 *                        │ end, failure                    close: an unfinished source is told to stop
 *                        ▼
 *                      over
 * ```
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"

export type Input<T> = Iterable<T> | AsyncIterable<T> | Stream.Stream<T, unknown, unknown>

export const none: unique symbol = Symbol("none")

/** What a source threw. `typed`: the call fails with it; else it is a defect. */
export interface Problem {
  readonly cause: unknown
  readonly typed: boolean
}

/** What a source needs of its call. */
export interface Caller {
  /** There are items, or the source is over, or a pull that had to be waited for has ended. */
  readonly wake: () => void
  /** The source was read to its end: every item it had has been taken. */
  readonly exhausted: () => void
  readonly fork: (effect: Effect.Effect<void, unknown>) => Fiber.Fiber<void, unknown>
  /** Notes a failure that has no place in the answer. */
  readonly note: (what: string, cause: Cause.Cause<unknown>) => void
}

const isFunction = (value: unknown): boolean => typeof value === "function"

/**
 * Whether a value is a Stream, without loading the module.
 *
 * A Stream is known by its type id and read by `channel.transform`, which is what `Channel.toTransform` gives; `asyncSource.stream.test.ts` fails if a new version of Effect renames them.
 */
const isStream = (value: unknown): value is Stream.Stream<unknown, unknown, unknown> =>
  typeof value === "object" && value !== null && "~effect/Stream" in value

export const isInput = (value: unknown): value is Input<unknown> =>
  value !== null &&
  value !== undefined &&
  (isFunction((value as Iterable<unknown>)[Symbol.iterator]) ||
    isStream(value) ||
    isFunction((value as AsyncIterable<unknown>)[Symbol.asyncIterator]))

/** What is both, iterable and async iterable, is read as an iterable: its type says then that the call cannot fail. */
export const make = <T>(items: Input<T>, caller: Caller): Source<T> => {
  if (Array.isArray(items)) return new ArraySource<T>(items)
  if (isFunction((items as Iterable<T>)[Symbol.iterator])) return new IterableSource(items as Iterable<T>, caller)
  if (isStream(items)) return new StreamSource(items as Stream.Stream<T, unknown, unknown>, caller)
  return new AsyncIterableSource(items as AsyncIterable<T>, caller)
}

export abstract class Source<T> {
  readonly size: number | undefined
  /** It was read to its end. */
  done = false
  /** What it threw when it was asked for an item. */
  problem: Problem | undefined = undefined
  /** What it threw when it was told that nothing more will be asked for. */
  closeProblem: Problem | undefined = undefined

  constructor(size: number | undefined) {
    this.size = size
  }

  /** Whether nothing more will come. */
  get over(): boolean {
    return this.done || this.problem !== undefined
  }

  /** Whether something of it runs that a stopped call has to wait for. */
  get ending(): boolean {
    return false
  }

  open(): void {}

  /** Whether `take` may have an item at once. */
  ready(): boolean {
    return !this.over
  }

  /** Gives an item that is there. Never throws. */
  abstract take(): T | typeof none

  /** Asks for an item that is not there; one pull at a time, however often. */
  want(): void {}

  /** Nothing more is wanted: interrupts a pull under way. */
  stop(_by: number): void {}

  /** A pull that was interrupted has not ended within the grace. */
  giveUp(): void {}

  /** Tells an unfinished source that it is; gives an effect if that has to be waited for, which must run in a region that cannot be interrupted. */
  close(_exit: Exit.Exit<void>): Effect.Effect<void> | undefined {
    return undefined
  }
}

/** Arrays are read by the call itself, by index: no iterator protocol, and no code of the user's between two tasks. */
class ArraySource<T> extends Source<T> {
  constructor(items: ReadonlyArray<T>) {
    super(items.length)
  }
  take(): typeof none {
    return none
  }
}

class IterableSource<T> extends Source<T> {
  private readonly items: Iterable<T>
  private readonly caller: Caller
  private iterator: Iterator<T> | undefined

  constructor(items: Iterable<T>, caller: Caller) {
    super(items instanceof Set || items instanceof Map ? items.size : undefined)
    this.items = items
    this.caller = caller
  }

  override open(): void {
    try {
      this.iterator = this.items[Symbol.iterator]()
    } catch (cause) {
      this.problem = { cause, typed: false }
    }
  }

  take(): T | typeof none {
    if (this.over) return none
    try {
      const next = this.iterator!.next()
      if (next.done !== true) return next.value
      this.done = true
    } catch (cause) {
      this.problem = { cause, typed: false }
      return none
    }
    this.caller.exhausted()
    return none
  }

  override close(): undefined {
    if (this.iterator === undefined || this.over) return
    try {
      this.iterator.return?.()
    } catch (cause) {
      this.closeProblem = { cause, typed: false }
    }
  }
}

type Pull<T> = Effect.Effect<ReadonlyArray<T> | undefined, unknown>

/** How many pulls that never had to wait may follow each other before timers and other fibers get a turn; promises that are settled already would keep them from it for ever. */
const turn = 1_024

abstract class PulledSource<T> extends Source<T> {
  protected readonly caller: Caller
  private chunk: ReadonlyArray<T> = []
  private at = 0
  private pulls = 0
  private wanted = false
  private stoppedBy: number | undefined
  private asleep: (() => void) | undefined
  private puller: Fiber.Fiber<void, unknown> | undefined
  protected opened = false
  private alive = false
  protected stopping = false

  constructor(caller: Caller) {
    super(undefined)
    this.caller = caller
  }

  protected abstract begin(): Effect.Effect<Pull<T>, unknown>
  protected abstract read(cause: Cause.Cause<unknown>): Problem | undefined

  override get ending(): boolean {
    return this.alive
  }

  override ready(): boolean {
    return this.at < this.chunk.length
  }

  take(): T | typeof none {
    if (this.at >= this.chunk.length) return none
    const item = this.chunk[this.at]!
    if (++this.at === this.chunk.length) this.chunk = []
    return item
  }

  override want(): void {
    if (this.wanted || this.over || this.stopping) return
    this.wanted = true
    const { asleep } = this
    this.asleep = undefined
    if (asleep !== undefined) asleep()
    else if (!this.opened) this.start()
  }

  private start(): void {
    this.opened = this.alive = true
    const puller = (this.puller = this.caller.fork(
      Effect.flatMap(
        Effect.suspend(() => this.begin()),
        (pull) => this.loop(pull)
      )
    ))
    // The call may have ended while the puller took its first steps, in which it was not known yet.
    if (this.stopping) puller.interruptUnsafe(this.stoppedBy)
    puller.addObserver((exit) => this.ended(exit))
  }

  /** A pull that answers at once goes round in this loop: `want` only leaves a note for it. */
  private loop(pull: Pull<T>): Effect.Effect<void, unknown> {
    const later = Effect.andThen(Effect.yieldNow, pull)
    const next = Effect.suspend(() => (++this.pulls % turn === 0 ? later : pull))
    const whenWanted = Effect.flatMap(
      Effect.callback<void>((resume) => {
        // It may have been wanted since the loop looked.
        if (this.wanted) resume(Effect.void)
        else this.asleep = () => resume(Effect.void)
      }),
      () => next
    )
    return Effect.whileLoop<ReadonlyArray<T> | undefined, unknown, never>({
      while: () => !this.done && !this.stopping,
      body: () => (this.wanted ? next : whenWanted),
      step: (chunk) => {
        if (chunk === undefined) this.done = true
        else if (chunk.length > 0) {
          this.wanted = false
          this.chunk = chunk
          this.at = 0
          this.caller.wake()
        }
      }
    })
  }

  private ended(exit: Exit.Exit<void, unknown>): void {
    const waited = this.alive
    this.alive = false
    this.asleep = undefined
    if (Exit.isFailure(exit)) {
      const problem = this.read(exit.cause)
      if (problem !== undefined) {
        if (!waited) this.caller.note("its source failed long after it was told to stop", exit.cause)
        else if (this.stopping) this.closeProblem ??= problem
        else this.problem = problem
      }
    }
    if (!waited) return
    // Said here and not where it is read: whoever is told may stop the call, and with it the puller, in that very turn.
    if (this.done) this.caller.exhausted()
    this.caller.wake()
  }

  override stop(by: number): void {
    if (this.stopping) return
    this.stopping = true
    this.stoppedBy = by
    if (this.alive) this.puller?.interruptUnsafe(by)
  }

  override giveUp(): void {
    this.alive = false
  }
}

class AsyncIterableSource<T> extends PulledSource<T> {
  private readonly items: AsyncIterable<T>
  private iterator: AsyncIterator<T> | undefined
  /** A `next` has not been answered. */
  private unanswered = false
  private broken = false

  constructor(items: AsyncIterable<T>, caller: Caller) {
    super(caller)
    this.items = items
  }

  protected begin(): Effect.Effect<Pull<T>, unknown> {
    // What the source throws may be anything, and is kept as it is.
    return Effect.suspend((): Effect.Effect<Pull<T>, unknown> => {
      try {
        this.iterator = this.items[Symbol.asyncIterator]()
        return Effect.succeed(this.pull)
      } catch (cause) {
        return Effect.fail(cause)
      }
    })
  }

  private readonly pull: Pull<T> = Effect.callback((resume) => {
    const failed = (cause: unknown): void => {
      this.unanswered = false
      this.broken = true
      if (this.stopping) this.caller.note("its source failed after it was told to stop", Cause.fail(cause))
      else resume(Effect.fail(cause))
    }
    const answered = (next: IteratorResult<T>): void => {
      this.unanswered = false
      if (typeof next !== "object" || next === null)
        failed(new TypeError(`an async iterator gave ${String(next)} where it should give an object`))
      else resume(Effect.succeed(next.done === true ? undefined : [next.value]))
    }
    try {
      this.unanswered = true
      // As in `for await`, an answer that is no promise is taken as it is.
      void Promise.resolve(this.iterator!.next()).then(answered, failed)
    } catch (cause) {
      failed(cause)
    }
  })

  protected read(cause: Cause.Cause<unknown>): Problem | undefined {
    if (Cause.hasInterruptsOnly(cause) && this.stopping) return undefined
    return { cause: Cause.squash(cause), typed: true }
  }

  override close(): Effect.Effect<void> | undefined {
    if (this.iterator === undefined || this.done || this.broken) return undefined
    let closed: Promise<unknown>
    try {
      closed = Promise.resolve(this.iterator.return?.())
    } catch (cause) {
      this.closeProblem = { cause, typed: true }
      return undefined
    }
    // An async generator that is stuck in an `await` answers its `return` when it has left it: perhaps never.
    if (this.unanswered) {
      closed.catch((cause: unknown) => this.caller.note("its source failed when it was told to stop", Cause.fail(cause)))
      return undefined
    }
    return Effect.interruptible(
      Effect.callback<void>((resume) => {
        closed.then(
          () => resume(Effect.void),
          (cause: unknown) => {
            this.closeProblem ??= { cause, typed: true }
            resume(Effect.void)
          }
        )
      })
    )
  }
}

interface Transform<T> {
  readonly transform?: (
    upstream: Effect.Effect<never, Cause.Done>,
    scope: Scope.Scope
  ) => Effect.Effect<Effect.Effect<ReadonlyArray<T>, unknown>, unknown>
}

class StreamSource<T> extends PulledSource<T> {
  private readonly stream: Stream.Stream<T, unknown, unknown>
  private readonly scope = Scope.makeUnsafe()

  constructor(stream: Stream.Stream<T, unknown, unknown>, caller: Caller) {
    super(caller)
    this.stream = stream
  }

  protected begin(): Effect.Effect<Pull<T>, unknown> {
    const channel = this.stream.channel as unknown as Transform<T>
    if (typeof channel.transform !== "function")
      throw new TypeError("skein does not know how to read a Stream of this version of Effect: please report it")
    return channel.transform(Cause.done(), this.scope)
  }

  protected read(cause: Cause.Cause<unknown>): Problem | undefined {
    const isEnd = (reason: Cause.Reason<unknown>): boolean => Cause.isFailReason(reason) && Cause.isDone(reason.error)
    const rest = cause.reasons.filter((reason) => !isEnd(reason) && !(this.stopping && Cause.isInterruptReason(reason)))
    if (rest.length === 0) {
      if (cause.reasons.some(isEnd)) this.done = true
      return undefined
    }
    const failure = rest.find(Cause.isFailReason)
    // One failure goes out with its type; what came with it must not be lost either.
    if (rest.length > 1) this.caller.note("its source failed in more than one way", Cause.fromReasons(rest))
    return failure === undefined ? { cause: Cause.squash(Cause.fromReasons(rest)), typed: false } : { cause: failure.error, typed: true }
  }

  override close(exit: Exit.Exit<void>): Effect.Effect<void> | undefined {
    if (!this.opened) return undefined
    return Effect.catchCause(Scope.close(this.scope, exit), (cause) => {
      this.closeProblem ??= { cause: Cause.squash(cause), typed: false }
      return Effect.void
    })
  }
}
