/**
 * Keeps the results of a gather for another run, and gives them back. Whatever the store does, no result is lost by it: what goes wrong becomes a note.
 */
import type * as GatherResult from "@skein/core/GatherResult"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Store } from "../AgentGather.ts"
import { parallelMap } from "../parallelMap.ts"
import type { Entry } from "./agentEntry.ts"
import * as record from "./agentRecord.ts"
import { messageOf } from "./agentText.ts"

export interface Limits {
  /** How long a store may take for one answer, in milliseconds. */
  readonly time: number
  /** How long it may take to stop, in milliseconds. */
  readonly grace: number
}

const keyOf = (prefix: string, identity: string): string => prefix + record.hashOf(identity)

/** Looks for the results of an earlier run. It answers a deadline by itself, so that a gather that is cut off here has its answer all the same. */
export const recall = (
  store: Store,
  prefix: string,
  entries: ReadonlyArray<Entry>,
  { grace, time }: Limits,
  timeout: number
): Effect.Effect<ReadonlyArray<string>> => {
  const look = (entry: Entry): Effect.Effect<void, unknown> =>
    entry.identity === undefined || entry.outcome !== undefined
      ? Effect.void
      : Effect.map(store.get(keyOf(prefix, entry.identity)), (text) => {
          const found = text === undefined ? undefined : record.read(entry.identity!, text)
          if (found !== undefined) entry.resume(found.value)
        })
  const options = { timeout: Math.min(time, timeout), grace, name: "the store of an agent gather" }
  return Effect.map(parallelMap(entries, look, options), (result) => problemsOf(result, time))
}

const problemsOf = (result: GatherResult.GatherResult<unknown, unknown>, time: number): ReadonlyArray<string> => {
  const counted = new Map<string, number>()
  for (const outcome of result.list) {
    if (outcome._tag === "Completed") continue
    const why = outcome._tag === "Failed" ? causeText(outcome.cause) : slow(time)
    counted.set(why, (counted.get(why) ?? 0) + 1)
  }
  return [...counted].map(([why, n]) => `earlier results could not be read for ${n} of ${result.total} tasks: ${why}`)
}

/**
 * Keeps one result, and gives the problem if that did not work. The write has a fiber that no deadline reaches, only its own time limit; whoever waits here must not be interruptible.
 */
export const keep = (
  store: Store,
  prefix: string,
  identity: string,
  value: unknown,
  { grace, time }: Limits
): Effect.Effect<string | undefined> => {
  const problem = record.problemOf(value)
  if (problem !== undefined) return Effect.succeed(`it holds ${problem}, which JSON does not keep`)
  const write = Effect.suspend(() => store.set(keyOf(prefix, identity), record.write(identity, value)))
  return Effect.flatMap(Effect.forkDetach(write, { startImmediately: true }), (fiber) =>
    Effect.flatMap(Effect.timeoutOption(Fiber.await(fiber), time), (exit) => {
      if (Option.isSome(exit)) return Effect.succeed(Exit.isSuccess(exit.value) ? undefined : causeText(exit.value.cause))
      fiber.interruptUnsafe()
      return Effect.as(Effect.timeoutOption(Fiber.await(fiber), grace), slow(time))
    })
  )
}

const slow = (time: number): string => `the store did not answer within ${Duration.format(Duration.millis(time))}`

const causeText = (cause: Cause.Cause<unknown>): string => {
  const reason = cause.reasons.find((reason) => reason._tag !== "Interrupt")
  return messageOf(reason === undefined ? "interrupted" : Cause.isFailReason(reason) ? reason.error : (reason as Cause.Die).defect)
}
