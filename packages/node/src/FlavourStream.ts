/**
 * Streams what becomes of the workers of a flavour.
 *
 * A stream owns one listener: from its first pull until it ends, is left early or is interrupted. It is an entry of its own because `effect/Stream` is heavy; the main entry does not load it.
 *
 * **Details**
 *
 * Events that come while the reader is busy wait for it, at most `buffer` of them; then the oldest is dropped for each new one, for workers do not wait for readers. For nothing to be missed use the option `onEvent` of
 * the layer, or `listen`.
 *
 * **Guarantees**
 *
 * - Ownership: when the stream is over, its listener is gone.
 * - Interruption: ends the wait for the next event; no task and no worker notices.
 * - Failure: none.
 * - Order: that of the events.
 * - Bounds: `buffer` events.
 *
 * **Gotchas**
 *
 * The stream does not end by itself, not even when the layer closes: read it in a fiber of the program that the layer is provided to, or cut it (`Stream.take`, `Stream.takeUntil`).
 *
 * **Example** (Seeing which workers start)
 *
 * ```ts
 * import { Workers } from "@skein/node"
 * import * as FlavourStream from "@skein/node/FlavourStream"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 *
 * const program = Effect.gen(function*() {
 *   const workers = yield* Workers.Workers
 *   return yield* FlavourStream.events(workers).pipe(Stream.take(2), Stream.runCollect)
 * })
 *
 * const seen = await Effect.runPromise(Effect.provide(program, Workers.layer({ size: 2, minimum: 2 })))
 * console.log(seen.map(({ _tag }) => _tag)) // => [ 'Started', 'Started' ]
 * ```
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Effect from "effect/Effect"
import type { Event, Flavour } from "./Flavour.ts"

/**
 * How events are kept for a reader that is busy.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * How many events wait for the reader at most: a whole number of at least 1. Of more, the oldest are dropped.
   *
   * @default 1024
   */
  readonly buffer?: number | undefined
}

/**
 * What becomes of the workers of a flavour, from the first pull on.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category streams
 * @since 0.1.0
 */
export const events = (flavour: Flavour, options: Options = {}): Stream.Stream<Event> => {
  const where = "FlavourStream.events"
  Settings.known(where, options, ["buffer"])
  const bufferSize = options.buffer === undefined ? 1_024 : Settings.whole(where, "buffer", options.buffer)
  return Stream.callback<Event>((queue) => Effect.asVoid(flavour.listen((event) => void Queue.offerUnsafe(queue, event))), {
    bufferSize,
    strategy: "sliding"
  })
}
