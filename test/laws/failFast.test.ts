/** Law 5: fail-fast. */
import * as GatherResult from "@skein/core/GatherResult"
import {
  type Answer,
  cleanBeforeReturn,
  equalWords,
  errorOf,
  everywhere,
  fail,
  isTrue,
  law,
  recorder,
  valueOf,
  withPolicy,
  type Work,
  wordsOf
} from "@skein/test/kit"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

const works: ReadonlyArray<Work> = [
  { name: "done", takes: 1 },
  { name: "bad", takes: 3, ends: "fail" },
  { name: "messy", takes: Infinity, cleanup: { ends: "die" } },
  { name: "slow", takes: 9, cleanup: { takes: 4, ends: "fail" } },
  { name: "payment", takes: 6, uninterruptible: true },
  { name: "queued" }
]

law("law 5: fails with exactly one typed failure, the original, once the others are cleaned up", withPolicy("interrupt"), (subject) => {
  let record = recorder()
  let exit: Exit.Exit<unknown, unknown> | undefined
  return everywhere(subject, {
    program: () => {
      exit = undefined
      record = recorder()
      return Effect.onExit(
        Effect.map(subject.run(works, { concurrency: 4 }, record), (answer) => {
          exit = answer.exit
        }),
        () => record.mark("returned")
      )
    },
    after: ({ interrupted }) => {
      cleanBeforeReturn(record)
      if (exit === undefined) return
      if (Exit.isSuccess(exit)) return interrupted === undefined ? fail("it did not fail") : undefined
      const { reasons } = exit.cause
      if (interrupted !== undefined && !reasons.some(Cause.isFailReason)) return
      isTrue(`one reason, not ${String(exit)}`, reasons.length === 1 && Cause.isFailReason(reasons[0]!))
      if (interrupted === undefined) isTrue("the original", (reasons[0] as Cause.Fail<unknown>).error === errorOf("bad"))
    }
  })
})

law("law 5: Effect.catch sees the typed error whatever the others' cleanup does", withPolicy("interrupt"), (subject) => {
  let caught: unknown
  return everywhere(subject, {
    program: () => {
      caught = undefined
      return Effect.flatMap(subject.run(works, { concurrency: 4 }, recorder()), ({ exit }) => exit).pipe(
        Effect.catch((error) =>
          Effect.sync(() => {
            caught = error
          })
        )
      )
    },
    after: ({ interrupted }) => {
      if (interrupted === undefined && caught !== errorOf("bad")) fail(`caught ${String(caught)}`)
    }
  })
})

law(
  "law 5: nothing that was finished is lost, and a cancelled task is never called failed or timed out",
  withPolicy("interrupt"),
  (subject) => {
    let answer: Answer | undefined
    return everywhere(subject, {
      program: () => {
        answer = undefined
        return Effect.map(subject.run(works, { concurrency: 5 }, recorder()), (a) => {
          answer = a
        })
      },
      after: ({ interrupted }) => {
        if (interrupted !== undefined) return
        const { exit, result: partial } = answer!
        isTrue("it failed", Exit.isFailure(exit))
        // It rides on the cause. A stream has given it to its reader before.
        if (subject.engine !== "stream") isTrue("on the cause", Exit.isFailure(exit) && GatherResult.fromCause(exit.cause) === partial)
        equalWords("values", GatherResult.values(partial!), [valueOf("done"), valueOf("payment"), valueOf("queued")])
        equalWords("outcomes", wordsOf(partial), [
          "completed",
          "failed",
          "cancelled SiblingFailed",
          "cancelled SiblingFailed",
          "completed late",
          "completed"
        ])
        equalWords(
          "reasons name who failed",
          partial!.list.flatMap((outcome) => (outcome._tag === "Cancelled" ? [outcome.reason.index] : [])),
          [1, 1]
        )
      }
    })
  }
)

law("law 5: does not wait for those who would go on: it asks them to stop", withPolicy("interrupt"), (subject) => {
  return everywhere(subject, {
    program: () =>
      subject.run(
        [
          { name: "endless", takes: 100_000 },
          { name: "bad", takes: 2, ends: "fail" }
        ],
        {},
        recorder()
      ),
    after: ({ elapsed, interrupted }) => {
      if (interrupted === undefined && Duration.toMillis(elapsed) !== 2) fail(`took ${Duration.format(elapsed)}`)
    }
  })
})
