/**
 * Runs an effect for each item of a source, a bounded number at once, and gives one outcome per item in input order.
 *
 * The call owns every fiber it starts: it returns only after each task has ended with its finalizers run, or is listed as abandoned after the `grace`. Items are pulled
 * lazily, one when a place is free; the source may be an iterable, an async iterable or a Stream, and may be infinite.
 *
 * **When to use**
 *
 * Use for work on data where a failure, a hang or a deadline must not cost what is already done. If all you want is the plain array of values or the first failure, `Effect.forEach` is enough.
 *
 * **Details**
 *
 * | you want | option |
 * | --- | --- |
 * | at most n at once | `concurrency: n` |
 * | whatever is done by then | `timeout: "5 seconds"` |
 * | no item may hang the rest | `taskTimeout: "1 second"` |
 * | stop at the first failure | `onFailure: "interrupt"` |
 * | try again | `retry: { times: 3, schedule: Schedule.exponential("100 millis") }` |
 * | one bound shared with other work | `limiter` |
 * | names in outcomes and logs | `nameOf: (item) => item.id` |
 *
 * A mapper that throws, or returns something that is no effect, fails its item with that defect. A source that fails stops the pulling and lets running tasks end; then the call fails with `SourceFailed`, which holds
 * the partial result: in its error type for async iterables and Streams, as a defect for a `next` that throws.
 *
 * A source that was not read to its end is told so after the last task has ended: an iterator by `return`, a Stream by closing its scope. That is waited for, up to the grace. What is not waited for is the `return`
 * of an async iterator whose last `next` has not been answered, for an async generator that is stuck in an `await` would never answer.
 *
 * **Guarantees**
 *
 * - Ownership: no task outlives the call, abandoned ones aside, which are listed.
 * - Interruption: interrupting the call interrupts each running task once and waits for its cleanup, up to the grace.
 * - Failure: one outcome per item, whatever the others do; no cause is lost. With `onFailure: "interrupt"` the call fails with the original typed error alone, and the partial result is read with
 *   `GatherResult.fromCause`.
 * - Order: outcomes are in input order. Items start in input order.
 * - Bounds: at most `concurrency` tasks run, abandoned ones counted; no item is pulled before a place is free, and one pull is under way
 *   at a time. A Stream gives whole chunks; the rest of one waits and counts as not pulled.
 * - Cost: no fiber, timer or closure a task; see bench/README.md.
 *
 * **Gotchas**
 *
 * A failing task does not fail the call unless you ask for it: look at the result, or pass it to `GatherResult.toEffect`.
 *
 * **Example** (Gathering what succeeds)
 *
 * ```ts
 * import { GatherResult } from "@skein/core"
 * import { parallelMap } from "@skein/parallel"
 * import * as Effect from "effect/Effect"
 *
 * const check = (n: number) => n === 3 ? Effect.fail("three is broken") : Effect.succeed(n * 10)
 *
 * const result = await Effect.runPromise(parallelMap([1, 2, 3, 4], check, { concurrency: 2 }))
 * console.log(GatherResult.values(result)) // => [ 10, 20, 40 ]
 * console.log(result.outcomes.map((outcome) => outcome.status).join(" ")) // => completed completed failed completed
 * ```
 *
 * @since 0.1.0
 */
import type * as GatherResult from "@skein/core/GatherResult"
import type * as Effect from "effect/Effect"
import * as gather from "./internal/gather.ts"
import * as work from "./internal/work.ts"
import type { GatherTimeout, ItemOf, MapOptions, Source, SourceError, SourceServices } from "./Options.ts"

/**
 * Runs `f` for each item of a source, at most `concurrency` at once.
 *
 * @throws RangeError if an option is wrong or unknown; TypeError if `items` is not iterable, async iterable or a Stream, or `f` not a function
 * @category combinators
 * @since 0.1.0
 */
export const parallelMap = <
  Items extends Source<unknown>,
  A,
  E,
  R,
  F extends "isolate" | "interrupt" = "isolate",
  D extends "partial" | "fail" = "partial"
>(
  items: Items,
  f: (item: ItemOf<Items>, index: number) => Effect.Effect<A, E, R>,
  options?: MapOptions<ItemOf<Items>, NoInfer<A>, NoInfer<E>, F, D>
): Effect.Effect<
  GatherResult.GatherResult<A, E>,
  ("interrupt" extends F ? E : never) | ("fail" extends D ? GatherTimeout<A, E> : never) | SourceError<Items, A, E>,
  R | SourceServices<Items>
> => {
  const todo = work.ofItems("parallelMap", items, f)
  return gather.run(gather.plan("parallelMap", options, ["nameOf"]), todo)
}
