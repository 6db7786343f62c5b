/**
 * Describes jobs whose results are a stream: read while they run, and sent to.
 *
 * A stream job runs until its stream ends, and holds what it needs of the engine's limits for that time. Between it and its reader lies a buffer that the job fills and the reader empties; when it is full the job waits. The engine owns the
 * job, the reader owns nothing of it: what happens when nobody reads, or the reader leaves, is the option `onUnread`.
 *
 * The module holds `make`, `submit`, `output`, and the `Output` with its `stream`, `send` and `counts`. It is an entry of its own because `effect/Stream` is heavy; the main entry does not load it.
 *
 * **When to use**
 *
 * Use it where results are wanted before the work is over, or where the work is steered by messages: a search, a crawl, a conversation. For a stream that is consumed by the one who makes it no job is needed.
 *
 * **Details**
 *
 * | `onUnread` | nobody has read when the buffer is full | the reader leaves before the end |
 * | --- | --- | --- |
 * | `"stop"` | after `patience` it is cancelled | it is cancelled at once |
 * | `"wait"` | it waits for a reader; after `patience` a warning is logged | it waits for another reader, who goes on where the first one left |
 * | `"drop"` | the oldest elements give way | the same |
 *
 * A reader that is there and slow is waited for, in each case, with a warning after `patience`.
 *
 * For other jobs, `Job.result(job)` is the number of its elements, or what `collect` makes of them. It has ended when all its elements are in the buffer; they can still be read then.
 *
 * **Guarantees**
 *
 * - Ownership: the stream of the job runs inside the job, with its finalizers, and ends with it.
 * - Interruption: a reader that is interrupted while it waits takes nothing. Cancelling the job interrupts its stream; what is in the buffer can be read.
 * - Failure: the reader gets what was given before the failure, and then the failure: the job's own, or the error that says why there is no more.
 * - Order: each element once, to one reader, in the order of the stream. Messages in the order in which they were taken.
 * - Bounds: `buffer` elements and `inbox` messages.
 * - Nesting: who reads and who sends may be a job of the same engine. Each lends the other what it holds of the limits while it waits, so they run by turns under a limit of 1.
 *
 * **Gotchas**
 *
 * Wait for the job only after reading it: one whose buffer is full does not end. Where nobody is to read it at all, say `onUnread: "drop"`.
 *
 * There is no `retry`, for an element that was given cannot be taken back. What may be tried again is the effect behind an element, or the stream as long as it gave nothing.
 *
 * A message that is sent after the stream has stopped looking stays in the inbox. `send` fails once the job has ended, not before.
 *
 * **Example** (Reading while it runs, and steering it)
 *
 * ```ts
 * import { Engine } from "@skein/engine"
 * import * as StreamJob from "@skein/engine/StreamJob"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const echo = StreamJob.make("echo", {
 *   run: (inbox: StreamJob.Inbox<string>) => Stream.map(inbox.stream, (word) => word.toUpperCase())
 * })
 *
 * const program = Effect.gen(function*() {
 *   const engine = yield* Engine.make()
 *   const { endInbox, job, send, stream } = yield* StreamJob.submit(engine, echo)
 *   yield* send("hello")
 *   yield* send("world")
 *   yield* endInbox
 *   console.log(yield* Stream.runCollect(stream)) // => [ 'HELLO', 'WORLD' ]
 *   console.log(yield* job.join) // => 2
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as Duration from "effect/Duration"
import type * as Engine from "./Engine.ts"
import * as internal from "./internal/streams/streamJob.ts"
import type * as Job from "./Job.ts"

declare const TypeId: unique symbol

/**
 * A job whose results are a stream of `A`, which is sent messages `M`; for other jobs its value is `B`.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamJob<out A, in M, out B, out E = never, out R = never> extends Job.Job<B, E, R> {
  readonly [TypeId]: { readonly _A: (_: never) => A; readonly _M: (_: M) => void }
}

/**
 * What a stream job is sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface Inbox<out M> {
  /** Waits for the next message; fails with `Done` when no more will come. */
  readonly take: Effect.Effect<M, Cause.Done>
  /** The messages, until no more will come. */
  readonly stream: Stream.Stream<M>
}

/**
 * What the value of a job is made of its elements by.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fold<in A, in out B> {
  readonly initial: () => B
  readonly step: (value: B, element: A) => B
}

/**
 * The options of a stream job beside its input and its work. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<in A = never, in out B = number> extends Omit<Job.Options, "retry" | "attemptTimeout"> {
  /**
   * What its value is for other jobs, and for `join`.
   *
   * @default the number of elements
   */
  readonly collect?: Fold<A, B> | undefined
  /**
   * How many elements may wait for the reader.
   *
   * @default 16
   */
  readonly buffer?: number | undefined
  /**
   * How many messages may wait for the job.
   *
   * @default 16
   */
  readonly inbox?: number | undefined
  /**
   * What happens when its buffer is full and nobody reads, and when its reader leaves before the end.
   *
   * @default "stop"
   */
  readonly onUnread?: "stop" | "wait" | "drop" | undefined
  /**
   * How long it may wait with a full buffer before it is cancelled, or before that is logged. `"Infinity"` for ever, in silence.
   *
   * @default "1 minute"
   */
  readonly patience?: Duration.Input | undefined
}

/**
 * Describes a job whose results are a stream.
 *
 * **Details**
 *
 * `run` is a stream, or a function of the inbox, or with an `input` of that and the inbox. Write the type of the inbox's messages at its parameter; otherwise nothing can be sent.
 *
 * @throws RangeError if an option is wrong or unknown; TypeError if `run` is no stream and no function
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  /** Describes a job whose results are a stream, with an input. */
  <const I, A, E = never, R = never, M = never, B = number>(
    name: string,
    options: Options<NoInfer<A>, B> & {
      readonly input: I
      readonly run: (input: Job.Resolved<I>, inbox: Inbox<M>) => Stream.Stream<A, E, R>
    }
  ): StreamJob<A, M, B, E, R>
  /** Describes a job whose results are a stream. */
  <A, E = never, R = never, M = never, B = number>(
    name: string,
    options: Options<NoInfer<A>, B> & {
      readonly input?: undefined
      readonly run: Stream.Stream<A, E, R> | ((inbox: Inbox<M>) => Stream.Stream<A, E, R>)
    }
  ): StreamJob<A, M, B, E, R>
} = internal.make as never

/**
 * A message was sent to a job that has ended, or whose inbox was ended. It was not taken.
 *
 * @category errors
 * @since 0.1.0
 */
export class InboxClosed extends Data.TaggedError("InboxClosed")<{ readonly id: string; readonly name: string }> {
  override get message(): string {
    return `job ${JSON.stringify(this.id)} takes no more messages`
  }
}

/**
 * One run of a stream job, to be read and sent to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Output<out A, in M, out B, out E = never> {
  /** The handle: to wait for it, to cancel it, to refer to it. */
  readonly job: Job.Handle<B, E>
  /** Its elements, from the first that nobody has read to its end. It has one reader at a time; a second one dies. */
  readonly stream: Stream.Stream<A, Effect.Error<Job.Handle<B, E>["join"]>>
  /** Sends a message, and waits while the inbox is full. */
  readonly send: (message: M) => Effect.Effect<void, InboxClosed>
  /** Says that no more messages will come. Those that wait are still taken. */
  readonly endInbox: Effect.Effect<void>
  readonly counts: () => Counts
}

/**
 * How many elements a run has given, and where they are.
 *
 * @category models
 * @since 0.1.0
 */
export interface Counts {
  readonly given: number
  readonly read: number
  /** In the buffer. */
  readonly waiting: number
  /** Gave way, for nobody read. */
  readonly dropped: number
}

/**
 * Gives what a run of a stream job is read and sent to by: for jobs that were submitted together with others, or run again.
 *
 * @throws TypeError if the job was not made by `make`, or the handle is that of another kind of job
 * @category constructors
 * @since 0.1.0
 */
export const output = <A, M, B, E, R>(job: StreamJob<A, M, B, E, R>, handle: Job.Handle<B, E>): Output<A, M, B, E> =>
  internal.of("StreamJob.output", job, handle, ({ id, name }) => new InboxClosed({ id, name })) as never

/**
 * Submits a stream job.
 *
 * @category running
 * @since 0.1.0
 */
export const submit = <A, M, B, E, R>(
  engine: Engine.Engine,
  job: StreamJob<A, M, B, E, R>
): Effect.Effect<Output<A, M, B, E>, Engine.SubmitError, R> => Effect.map(engine.submit<B, E, R>(job), (handle) => output(job, handle))
