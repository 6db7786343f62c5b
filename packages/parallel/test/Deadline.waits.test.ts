import * as Deadline from "@skein/core/Deadline"
import { parallelMap } from "@skein/parallel"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import { rule } from "./kit.ts"

/** Waits for so long, and only then runs for so long; both in milliseconds. */
const waiting = (wait: number, run: number, waitsAgain = 0): Effect.Effect<string> =>
  Effect.withFiber((fiber) => {
    const waits = Deadline.waits(fiber)
    return Effect.sleep(wait).pipe(
      Effect.andThen(Effect.sync(() => waits?.(false))),
      Effect.andThen(Effect.sleep(run)),
      Effect.andThen(
        waitsAgain === 0
          ? Effect.void
          : Effect.sync(() => waits?.(true)).pipe(
              Effect.andThen(Effect.sleep(waitsAgain)),
              Effect.andThen(Effect.sync(() => waits?.(false))),
              Effect.andThen(Effect.sleep(run))
            )
      ),
      Effect.as("ran")
    )
  })

const ends = (
  title: string,
  effect: Effect.Effect<string>,
  options: { readonly taskTimeout?: number; readonly timeout?: number },
  as: string
): void =>
  rule(title, () =>
    Effect.map(
      parallelMap([effect], (task) => task, options),
      ({ outcomes: [outcome] }) => expect(outcome?._tag === "TimedOut" ? outcome.limit : outcome?.status).toBe(as)
    )
  )

describe("Deadline.waits", () => {
  ends("a wait longer than the limit does not count", waiting(500, 50), { taskTimeout: 100 }, "completed")
  ends("the run after a wait has the whole limit, and no more", waiting(500, 150), { taskTimeout: 100 }, "task")
  rule("the limit that is told is the one that was given", () =>
    Effect.map(
      parallelMap([waiting(333.3, 40, 71.7), Effect.never], (task) => task, { concurrency: 1, taskTimeout: 70 }),
      ({ outcomes }) => expect(outcomes.map((outcome) => outcome._tag === "TimedOut" && Duration.toMillis(outcome.after))).toEqual([70, 70])
    )
  )
  ends("a second wait does not count either", waiting(500, 40, 500), { taskTimeout: 100 }, "completed")
  ends("what ran before a second wait counts", waiting(500, 60, 500), { taskTimeout: 100 }, "task")
  ends("the limit of the call goes on", waiting(500, 50), { taskTimeout: 100, timeout: 200 }, "call")
  ends("a task without a limit waits and runs", waiting(500, 500), {}, "completed")
})
