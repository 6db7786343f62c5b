import { Deadline, GatherResult } from "@skein/core"
import { parallelMap } from "@skein/parallel"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describe, expect } from "vitest"
import { failsAfter, rule, told } from "./kit.ts"

describe("nameOf", () => {
  rule("names tasks in outcomes and reasons", () =>
    Effect.gen(function* () {
      const task = (n: number) => (n === 2 ? failsAfter(1, "no") : Effect.never)
      const exit = yield* Effect.exit(
        parallelMap([1, 2, 3], task, { concurrency: 2, onFailure: "interrupt", nameOf: (n, index) => `${n}@${index}` })
      )
      const result = GatherResult.fromCause(Exit.isFailure(exit) ? exit.cause : Cause.empty)!
      expect(result.list.map(({ name }) => name)).toEqual(["1@0", "2@1", "3@2"])
      expect(told(result)).toEqual([
        'cancelled (sibling 1 "2@1" failed) Interrupt',
        "failed Fail(no)",
        'notStarted (sibling 1 "2@1" failed)'
      ])
    })
  )

  rule("fails its item, and only that, when it throws or gives no string, however often it is tried", () =>
    Effect.gen(function* () {
      const nameOf = (n: number): string => {
        if (n === 2) throw new Error("no name")
        return n === 3 ? (3 as never) : `${n}`
      }
      const result = yield* parallelMap([1, 2, 3, 4], (n) => Effect.succeed(n), { nameOf, retry: { times: 2 } })
      expect(told(result)).toEqual([
        "completed 1",
        "failed Die(no name)",
        "failed Die(parallelMap: what nameOf gives must be a string, got 3)",
        "completed 4"
      ])
    })
  )
})

describe("GatherResult.stopped", () => {
  rule("is undefined where the call came to its own end, also with failures", () =>
    Effect.gen(function* () {
      expect((yield* parallelMap([1, 2], () => Effect.fail("no"))).stopped).toBeUndefined()
    })
  )

  rule("says who stopped the call", () =>
    Effect.gen(function* () {
      const stopped = (options: object) =>
        Effect.map(
          parallelMap([1, 2], () => Effect.never, options),
          (result) => result.stopped?._tag
        )
      expect([yield* stopped({ timeout: 5 }), yield* stopped({ stop: Effect.sleep(5) }), yield* Deadline.within(stopped({}), 5)]).toEqual([
        "CallTimeout",
        "Stopped",
        "DeadlineReached"
      ])
    })
  )
})
