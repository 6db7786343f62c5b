/**
 * Gives the best answer that can be had by a deadline: gathers inside gathers, each answering with what it has.
 *
 * A search asks three shops, each of which has four shelves; some are slow, one hangs. `Effect.timeout` throws away what has come in; `Deadline.within` brings it back, from the inside out.
 *
 *     node examples/src/deadline.ts
 */
import { Deadline, GatherResult } from "@skein/core"
import { parallelGather, parallelMap } from "@skein/parallel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** How long each shelf takes, in milliseconds. */
const shops = {
  corner: [20, 30, 40, 50],
  market: [60, 90, 700, 120],
  harbour: [100, 900, 110, Infinity]
}

const look = (shop: string, millis: number, shelf: number) =>
  (millis === Infinity ? Effect.never : Effect.sleep(millis)).pipe(Effect.as(`${shop} ${shelf + 1}`))

/** A shop answers with the shelves it could look at. It knows nothing of deadlines; it inherits the one around it. */
const ask = (shop: keyof typeof shops) =>
  Effect.gen(function* () {
    const shelves = yield* parallelMap(shops[shop], (millis, shelf) => look(shop, millis, shelf))
    return { found: GatherResult.values(shelves), missing: shelves.total - shelves.completed }
  })

const search = parallelGather({ corner: ask("corner"), market: ask("market"), harbour: ask("harbour") })

const roughly = (duration: Duration.Duration) => Duration.millis(Math.round(Duration.toMillis(duration) / 50) * 50)

const program = Effect.gen(function* () {
  const [lostAfter, lost] = yield* Effect.timed(Effect.exit(Effect.timeout(search, "250 millis")))
  console.log(`Effect.timeout gives ${Exit.isSuccess(lost) ? "everything" : "nothing"} after ${Duration.format(roughly(lostAfter))}`)

  const [after, answer] = yield* Effect.timed(Deadline.within(search, "250 millis"))
  console.log(`Deadline.within gives this after ${Duration.format(roughly(after))}`)
  for (const [shop, outcome] of Object.entries(answer.outcomes)) {
    const text =
      outcome._tag === "Completed"
        ? `${outcome.value.found.length} shelves${outcome.value.missing === 0 ? "" : `, ${outcome.value.missing} did not answer in time`}`
        : outcome.status
    console.log(`  ${shop.padEnd(8)} ${text}`)
  }

  // A deadline can be read: do not begin what cannot be finished.
  const careful = Effect.gen(function* () {
    const left = yield* Deadline.remaining
    return left._tag === "Some" && Duration.toMillis(left.value) < 200 ? "from the cache" : "computed"
  })
  console.log(`with 100 ms left the result is ${yield* careful.pipe(Deadline.within("100 millis"))}`)
  console.log(`with a minute left it is ${yield* careful.pipe(Deadline.within("1 minute"))}`)
})

await Effect.runPromise(program)
