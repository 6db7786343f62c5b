/**
 * What lies between a stream job and those who read it and send to it: one feed a run.
 *
 * The producer puts elements into a buffer and waits when that is full; the reader takes them one by one, so that a second reader finds the rest. Either may be a job of the same engine that holds what the other needs to go on: each lends it
 * while it waits for the other.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { CurrentJob, jobOf, suspend } from "../inside.ts"
import type { Run } from "../run.ts"
import { Fifo } from "./fifo.ts"
import { Signal } from "./signal.ts"

export interface FeedSettings {
  readonly buffer: number
  readonly inbox: number
  readonly onUnread: "stop" | "wait" | "drop"
  /** In milliseconds, `Infinity` for none. */
  readonly patience: number
  readonly initial: () => unknown
  readonly step: (value: never, element: never) => unknown
}

const feeds = new WeakMap<Run, Feed>()

export const feedOf = (run: Run, settings: FeedSettings): Feed => {
  let feed = feeds.get(run)
  if (feed === undefined) feeds.set(run, (feed = new Feed(run, settings)))
  return feed
}

export class Feed {
  readonly run: Run
  given = 0
  dropped = 0
  isInboxOpen = true
  private readonly settings: FeedSettings
  private value: unknown
  private readonly elements = new Fifo<unknown>()
  private readonly messages = new Fifo<unknown>()
  private begun = false
  /** Its reader has gone before the end. */
  private wasLeft = false
  /** The job that reads it, where a job of its engine does. */
  private reader: { readonly job: Run | undefined } | undefined
  /** Counts what lets the producer look again: room, and readers that come and go. */
  private turns = 0
  private readonly forReader = new Signal()
  private readonly forProducer = new Signal()
  private readonly forInbox = new Signal()
  private readonly forSender = new Signal()

  constructor(run: Run, settings: FeedSettings) {
    this.run = run
    this.settings = settings
    if (run.told) this.isInboxOpen = false
    else (run.waiters ??= new Set()).add(() => this.ended())
  }

  get waiting(): number {
    return this.elements.size
  }

  private ended(): void {
    this.closeInbox()
    this.forReader.tell()
  }

  // The producer

  /** Runs the stream of the job, inside of it. */
  produce(stream: Stream.Stream<unknown, unknown>): Effect.Effect<unknown, unknown> {
    if (this.begun) throw new Error(`StreamJob: job ${this.run.id} cannot be tried again, for its elements have been given out`)
    this.begun = true
    this.value = this.settings.initial()
    return Effect.ensuring(
      Effect.map(
        Stream.runForEachArray(stream, (elements) => this.putAll(elements, 0)),
        () => this.value
      ),
      Effect.sync(() => this.closeInbox())
    )
  }

  private putAll(elements: ReadonlyArray<unknown>, from: number): Effect.Effect<void> {
    for (let i = from; i < elements.length; i++) {
      if (!this.hasRoom) {
        return Effect.flatMap(this.room, () => this.putAll(elements, i))
      }
      this.value = this.settings.step(this.value as never, elements[i] as never)
      this.given++
      this.elements.push(elements[i])
      this.forReader.tell()
    }
    return Effect.void
  }

  private get hasRoom(): boolean {
    if (this.elements.size < this.settings.buffer) return true
    if (this.reader !== undefined || this.settings.onUnread !== "drop") return false
    this.elements.shift()
    this.dropped++
    return true
  }

  /** Waits until there is room, for a reader that is slow or for one that has not come. */
  private get room(): Effect.Effect<void> {
    const { onUnread, patience } = this.settings
    let hasWarned = false
    const loop: Effect.Effect<void> = Effect.withFiber((fiber) => {
      if (this.hasRoom) return Effect.void
      if (this.reader === undefined && this.wasLeft && onUnread === "stop") return this.stop("its reader left")
      const wait = this.untilTurn(fiber)
      if (hasWarned || patience === Infinity) return Effect.andThen(wait, loop)
      return Effect.timeoutOrElse(Effect.andThen(wait, loop), {
        duration: patience,
        orElse: () => {
          if (this.hasRoom) return Effect.void
          hasWarned = true
          if (this.reader === undefined && onUnread === "stop") return this.stop(`nobody read it for ${this.patienceText}`)
          const why = this.reader === undefined ? "nobody reads it" : "its reader is slow"
          return Effect.andThen(
            Effect.logWarning(`skein: job ${this.run.id} has waited for ${this.patienceText}, for its buffer is full and ${why}`),
            loop
          )
        }
      })
    })
    return loop
  }

  private get patienceText(): string {
    return Duration.format(Duration.millis(this.settings.patience))
  }

  private untilTurn(fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<void> {
    const { turns } = this
    const hasTurned = (): boolean => this.turns !== turns
    const job = this.reader?.job
    if (job !== undefined && job.end === undefined) return suspend(this.run.engine, fiber, job, hasTurned, this.forProducer.subscribe)
    return plainly(hasTurned, this.forProducer)
  }

  private turn(): void {
    this.turns++
    this.forProducer.tell()
  }

  private stop(reason: string): Effect.Effect<never> {
    return Effect.andThen(this.cancel(reason), Effect.interrupt)
  }

  private cancel(reason: string): Effect.Effect<unknown> {
    return this.run.engine.cancelRuns(() => [this.run], reason)
  }

  // The reader

  attach(fiber: Fiber.Fiber<unknown, unknown>): void {
    if (this.reader !== undefined) throw new Error(`StreamJob: job ${this.run.id} is being read by somebody else`)
    this.reader = { job: jobOf(this.run.engine, fiber) }
    this.turn()
  }

  readonly detach: Effect.Effect<void> = Effect.suspend(() => {
    this.reader = undefined
    this.turn()
    if (this.run.end !== undefined) return Effect.void
    this.wasLeft = true
    return this.settings.onUnread === "stop" ? Effect.exit(this.cancel("its reader left")) : Effect.void
  })

  readonly pull: Effect.Effect<readonly [unknown], unknown> = Effect.withFiber((fiber) => {
    if (this.elements.size > 0) {
      const element = this.elements.shift()
      this.turn()
      return Effect.succeed([element] as const)
    }
    if (this.run.told) return Effect.andThen(this.run.join, Cause.done())
    const wait = suspend(this.run.engine, fiber, this.run, () => this.elements.size > 0 || this.run.told, this.forReader.subscribe)
    return Effect.andThen(wait, this.pull)
  })

  // The inbox

  closeInbox(): void {
    if (!this.isInboxOpen) return
    this.isInboxOpen = false
    this.forInbox.tell()
    this.forSender.tell()
  }

  send<E>(message: unknown, closed: () => E): Effect.Effect<void, E> {
    const mayGoOn = (): boolean => !this.isInboxOpen || this.messages.size < this.settings.inbox
    const loop: Effect.Effect<void, E> = Effect.withFiber((fiber) => {
      if (!this.isInboxOpen) return Effect.fail(closed())
      if (!mayGoOn()) return Effect.andThen(suspend(this.run.engine, fiber, this.run, mayGoOn, this.forSender.subscribe), loop)
      this.messages.push(message)
      this.forInbox.tell()
      return Effect.void
    })
    return loop
  }

  readonly take: Effect.Effect<unknown, Cause.Done> = Effect.suspend(() => {
    if (this.messages.size > 0) {
      const message = this.messages.shift()
      this.forSender.tell()
      return Effect.succeed(message)
    }
    if (!this.isInboxOpen) return Cause.done()
    return Effect.andThen(
      plainly(() => this.messages.size > 0 || !this.isInboxOpen, this.forInbox),
      this.take
    )
  })
}

const plainly = (ready: () => boolean, signal: Signal): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (ready()) return resume(Effect.void)
    return Effect.sync(signal.subscribe(() => resume(Effect.void)))
  })

/** The run that a fiber is the work of. */
export const runOf = (fiber: Fiber.Fiber<unknown, unknown>): Run => Context.get(fiber.context, CurrentJob)!
