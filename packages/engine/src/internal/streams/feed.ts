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

/** Stands for whoever a producer waits for: as good as ended, so nobody finds a circle by it. */
const somebody = { id: "its reader or sender", end: {} } as Run

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
  private readonly settings: FeedSettings
  private value: unknown
  private readonly elements = new Fifo<unknown>()
  private readonly messages = new Fifo<unknown>()
  private hasBegun = false
  private isInboxOpen = true
  private isRead = false
  /** Jobs of its engine that read it or send to it. */
  private readonly partners = new Set<Run>()
  /** Counts what lets the producer look again: room, messages, readers that come and go. */
  private turns = 0
  private readonly forProducer = new Signal()
  private readonly forReader = new Signal()
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
    this.endInbox()
    this.forReader.tell()
  }

  private turn(): void {
    this.turns++
    this.forProducer.tell()
  }

  /** Notes that a job of the engine is at the other end. */
  private meet(fiber: Fiber.Fiber<unknown, unknown>): void {
    const job = jobOf(this.run.engine, fiber)
    if (job !== undefined && job !== this.run) this.partners.add(job)
  }

  // The producer

  /** Runs the stream of the job, inside of it. */
  produce(stream: Stream.Stream<unknown, unknown>): Effect.Effect<unknown, unknown> {
    if (this.hasBegun) throw new Error(`StreamJob: job ${this.run.id} cannot be tried again, for its elements have been given out`)
    this.hasBegun = true
    this.value = this.settings.initial()
    return Effect.ensuring(
      Effect.map(
        Stream.runForEachArray(stream, (elements) => this.putAll(elements, 0)),
        () => this.value
      ),
      Effect.sync(() => this.endInbox())
    )
  }

  private putAll(elements: ReadonlyArray<unknown>, from: number): Effect.Effect<void> {
    for (let i = from; i < elements.length; i++) {
      if (!this.makeRoom()) return Effect.flatMap(this.room, () => this.putAll(elements, i))
      this.value = this.settings.step(this.value as never, elements[i] as never)
      this.given++
      this.elements.push(elements[i])
      this.forReader.tell()
    }
    return Effect.void
  }

  /** Says whether there is room, and makes it where nobody reads and the oldest may give way. */
  private makeRoom(): boolean {
    if (this.elements.size < this.settings.buffer) return true
    if (this.isRead || this.settings.onUnread !== "drop") return false
    this.elements.shift()
    this.dropped++
    return true
  }

  /** Waits until there is room, for a reader that is slow or for one that has not come. */
  private get room(): Effect.Effect<void> {
    const { onUnread, patience } = this.settings
    if (patience === Infinity) return this.untilRoom
    return Effect.timeoutOrElse(this.untilRoom, {
      duration: patience,
      orElse: () => {
        if (this.makeRoom()) return Effect.void
        const howLong = Duration.format(Duration.millis(patience))
        if (!this.isRead && onUnread === "stop") return this.stop(`nobody read it for ${howLong}`)
        const why = this.isRead ? "its reader is slow" : "nobody reads it"
        return Effect.andThen(
          Effect.logWarning(`skein: job ${this.run.id} has waited for ${howLong}, for its buffer is full and ${why}`),
          this.untilRoom
        )
      }
    })
  }

  private readonly untilRoom: Effect.Effect<void> = Effect.suspend(() => {
    if (this.makeRoom()) return Effect.void
    return Effect.andThen(this.afterTurn(this.turns), this.untilRoom)
  })

  /**
   * Waits until something has happened, since `turns` were counted, that may let the producer go on. Where a job of its engine is at the other end it lends that what it holds.
   *
   * It is not said for whom it waits: that job may have a fiber that waits for this one and another that reads, which is no circle.
   */
  private afterTurn(turns: number): Effect.Effect<void> {
    const hasTurned = (): boolean => this.turns !== turns
    for (const partner of this.partners) if (partner.end !== undefined) this.partners.delete(partner)
    if (this.partners.size > 0)
      return Effect.withFiber((fiber) => suspend(this.run.engine, fiber, somebody, hasTurned, this.forProducer.subscribe))
    return Effect.callback<void>((resume) => {
      if (hasTurned()) return resume(Effect.void)
      return Effect.sync(this.forProducer.subscribe(() => resume(Effect.void)))
    })
  }

  private stop(reason: string): Effect.Effect<never> {
    return Effect.andThen(this.cancel(reason), Effect.interrupt)
  }

  private cancel(reason: string): Effect.Effect<unknown> {
    return this.run.engine.cancelRuns(() => [this.run], reason)
  }

  // The reader

  attach(fiber: Fiber.Fiber<unknown, unknown>): void {
    if (this.isRead) throw new Error(`StreamJob: job ${this.run.id} is being read by somebody else`)
    this.isRead = true
    this.meet(fiber)
    this.turn()
  }

  readonly detach: Effect.Effect<void> = Effect.suspend(() => {
    this.isRead = false
    this.turn()
    if (this.run.end !== undefined || this.settings.onUnread !== "stop") return Effect.void
    return Effect.asVoid(Effect.exit(this.cancel("its reader left")))
  })

  readonly pull: Effect.Effect<readonly [unknown], unknown> = Effect.withFiber((fiber) => {
    const hasMore = (): boolean => this.elements.size > 0
    if (hasMore()) {
      const element = this.elements.shift()
      this.turn()
      return Effect.succeed([element] as const)
    }
    if (this.run.told) return Effect.andThen(this.run.join, Cause.done())
    const wait = suspend(this.run.engine, fiber, this.run, () => hasMore() || this.run.told, this.forReader.subscribe)
    return Effect.andThen(wait, this.pull)
  })

  // The inbox

  endInbox(): void {
    if (!this.isInboxOpen) return
    this.isInboxOpen = false
    this.turn()
    this.forSender.tell()
  }

  send<E>(message: unknown, closed: () => E): Effect.Effect<void, E> {
    const mayGoOn = (): boolean => !this.isInboxOpen || this.messages.size < this.settings.inbox
    const loop: Effect.Effect<void, E> = Effect.withFiber((fiber) => {
      if (!this.isInboxOpen) return Effect.fail(closed())
      this.meet(fiber)
      if (!mayGoOn()) return Effect.andThen(suspend(this.run.engine, fiber, this.run, mayGoOn, this.forSender.subscribe), loop)
      this.messages.push(message)
      this.turn()
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
    return this.isInboxOpen ? Effect.andThen(this.afterTurn(this.turns), this.take) : Cause.done()
  })
}

/** The run that a fiber is the work of. */
export const runOf = (fiber: Fiber.Fiber<unknown, unknown>): Run => Context.get(fiber.context, CurrentJob)!
