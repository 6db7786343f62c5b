/** Laws 9, 10, 11 and 12: time. */
import * as Deadline from "@skein/core/Deadline"
import * as GatherResult from "@skein/core/GatherResult"
import * as Limiter from "@skein/core/Limiter"
import * as TaskGroup from "@skein/core/TaskGroup"
import { parallelMap } from "@skein/parallel"
import {
  type Answer,
  equal,
  equalWords,
  everywhere,
  fail,
  isTrue,
  lawForAll,
  recorder,
  underEverySchedule,
  valueOf,
  type Work,
  whichOf,
  wordsOf
} from "@skein/test/kit"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { describe, it } from "vitest"

const five: ReadonlyArray<Work> = [
  { name: "a", takes: 1 },
  { name: "b", takes: 2 },
  { name: "c", takes: 3 },
  { name: "endless", takes: Infinity, cleanup: { takes: 1 } },
  { name: "d" }
]
const finished = ["a", "b", "c", "d"].map(valueOf)
const valuesOf = (answer: Answer | undefined): ReadonlyArray<unknown> =>
  answer?.result === undefined ? [] : GatherResult.values(answer.result)

lawForAll("law 9: what completed by the deadline is in the result, and nothing starts after it", (subject) => {
  let record = recorder()
  let answer: Answer | undefined
  const works: ReadonlyArray<Work> = [
    { name: "a", takes: 3 },
    { name: "b", takes: 20 },
    { name: "c", takes: 3 },
    { name: "d", takes: Infinity },
    { name: "e" }
  ]
  return everywhere(subject, {
    program: () => {
      answer = undefined
      return Effect.map(subject.run(works, { concurrency: 2, timeout: 8 }, (record = recorder())), (a) => {
        answer = a
      })
    },
    after: ({ interrupted }) => {
      if (interrupted !== undefined) return
      equalWords("values", valuesOf(answer), [valueOf("a"), valueOf("c")])
      equalWords("started", whichOf(record.events, "starts").toSorted(), ["a", "b", "c", "d"])
      const rest = subject.size === "unknown" ? [] : ["notStarted CallTimeout"]
      equalWords("outcomes", wordsOf(answer?.result), ["completed", "timeout call", "completed", "timeout call", ...rest])
    }
  })
})

lawForAll("law 9: a task that completes although it was asked to stop is completed, and late", (subject) => {
  let words: Array<string> = []
  let record = recorder()
  const works: ReadonlyArray<Work> = [
    { name: "payment", takes: 9, uninterruptible: true },
    { name: "in time", takes: 2 },
    { name: "endless", takes: Infinity }
  ]
  return everywhere(subject, {
    program: () => {
      words = []
      return Effect.map(subject.run(works, { timeout: 5 }, (record = recorder())), ({ result }) => {
        words = wordsOf(result)
      })
    },
    after: ({ interrupted }) => {
      if (interrupted === undefined) equalWords("outcomes", words, ["completed late", "completed", "timeout call"])
      // Whoever else is interrupted: the payment, once made, is never called anything but completed.
      else if (words.length === 3 && record.events.includes("payment gives") && !words[0]!.startsWith("completed")) fail(words[0]!)
    }
  })
})

lawForAll("law 9: a task that is abandoned keeps its outcome, and its real end is told to who asks", (subject) => {
  let seen: Array<unknown> = []
  return underEverySchedule(subject, {
    program: () =>
      Effect.gen(function* () {
        const { result } = yield* subject.run([{ name: "payment", takes: 30, uninterruptible: true }], { timeout: 2, grace: 3 }, recorder())
        const before = result!.list[0]!
        const exit = yield* result!.abandoned[0]!.await
        seen = [before._tag, exit, result!.list[0] === before, result!.completed]
      }),
    after: () => {
      equal("outcome", seen[0], "TimedOut")
      isTrue("the real end is its value", Exit.isExit(seen[1]) && Exit.isSuccess(seen[1]) && seen[1].value === valueOf("payment"))
      equalWords("afterwards", seen.slice(2), [true, 0])
    }
  })
})

lawForAll("law 9: at an exact tie the task wins", (subject) => {
  let words: Array<string> = []
  const works: ReadonlyArray<Work> = [
    { name: "a", takes: 5 },
    { name: "b", takes: 5 },
    { name: "c", takes: 6 }
  ]
  return underEverySchedule(subject, {
    program: () => {
      words = []
      return Effect.map(subject.run(works, { timeout: 5, taskTimeout: 5 }, recorder()), ({ result }) => {
        words = wordsOf(result)
      })
    },
    label: () => words[2] ?? "",
    // Which of two limits of one instant stops the third is free, that one does is not.
    after: () => {
      equalWords("outcomes", words.slice(0, 2), ["completed", "completed"])
      isTrue(`stopped, not ${words[2]}`, words[2] === "timeout task" || words[2] === "timeout call")
    }
  })
})

describe("law 9: at an exact tie the task wins under Deadline.within", () => {
  it("whatever the order of timers", () =>
    underEverySchedule(undefined, {
      program: () => Effect.map(Deadline.within(Effect.as(Effect.sleep(5), "done"), 5), (value) => equal("value", value, "done")),
      after: () => undefined
    }).then(() => undefined))
})

lawForAll("law 10: a deadline around a call never loses what the call had", (subject) => {
  let answer: Answer | undefined
  return everywhere(subject, {
    program: () => {
      answer = undefined
      return Effect.map(Deadline.within(subject.run(five, {}, recorder()), 10), (a) => {
        answer = a
      })
    },
    after: ({ interrupted }) => {
      if (interrupted !== undefined) return
      equalWords("values", valuesOf(answer), finished)
      equal("the endless one", wordsOf(answer?.result)[3], "timeout deadline")
    }
  })
})

lawForAll("law 10: a limit of the task around a call is answered by the call, and the task's value is kept", (subject) => {
  let outer: GatherResult.GatherResult<ReadonlyArray<unknown>, unknown> | undefined
  return everywhere(subject, {
    program: () => {
      outer = undefined
      const inner = Effect.map(subject.run(five, {}, recorder()), valuesOf)
      return Effect.map(
        parallelMap([0, 1], (n) => (n === 0 ? inner : Effect.never), { taskTimeout: 10 }),
        (result) => {
          outer = result
        }
      )
    },
    after: ({ interrupted }) => {
      if (interrupted !== undefined) return
      const [first, second] = outer!.list
      isTrue("the second one has no answer", second!._tag === "TimedOut")
      equalWords("values", first!._tag === "Completed" ? first!.value : [first!._tag], finished)
    }
  })
})

lawForAll("law 10: of two limits the one that was reached first is the one that is told", (subject) => {
  let told: Array<string | undefined> = []
  const works: ReadonlyArray<Work> = [{ name: "endless", takes: Infinity }]
  return underEverySchedule(subject, {
    program: () =>
      Effect.gen(function* () {
        told = []
        const outer = yield* Deadline.within(subject.run(works, { timeout: 20, taskTimeout: 30 }, recorder()), 5)
        const inner = yield* Deadline.within(subject.run(works, { timeout: 5, taskTimeout: 30 }, recorder()), 20)
        const task = yield* Deadline.within(subject.run(works, { timeout: 20, taskTimeout: 5 }, recorder()), 30)
        told = [outer, inner, task].map(({ result }) => wordsOf(result)[0])
      }),
    after: () => equalWords("limits", told, ["timeout deadline", "timeout call", "timeout task"])
  })
})

lawForAll("law 10: through three levels, the innermost call answers first", (subject) => {
  let values: ReadonlyArray<unknown> = []
  return underEverySchedule(subject, {
    program: () => {
      values = []
      const level3 = Effect.map(subject.run(five, {}, recorder()), valuesOf)
      const level2 = Effect.map(
        parallelMap([0, 1], (n) => (n === 0 ? level3 : Effect.never)),
        (result) => GatherResult.values(result).flat()
      )
      const level1 = TaskGroup.run({ onFailure: "isolate" }, (group) =>
        Effect.gen(function* () {
          const handle = yield* group.spawn(level2)
          yield* group.spawn(Effect.never)
          return yield* handle.await
        })
      )
      return Effect.map(Deadline.within(level1, 10), (outcome) => {
        values = outcome._tag === "Completed" ? outcome.value : [outcome._tag]
      })
    },
    after: () => equalWords("values", values, finished)
  })
})

lawForAll("law 10: nested calls with the same limit lose nothing, although the inner ones began a little later", (subject) => {
  let values: ReadonlyArray<unknown> = []
  return underEverySchedule(subject, {
    program: () => {
      values = []
      const later = <A, E, R>(call: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => Effect.delay(call, 1)
      // The code behind an answer takes longer than the time by which the limits differ.
      const level3 = Effect.tap(Effect.map(subject.run(five, {}, recorder()), valuesOf), () => Effect.sleep(5))
      const level2 = Effect.map(
        parallelMap([0, 1], (n) => (n === 0 ? later(level3) : Effect.never), { timeout: 10 }),
        (result) => GatherResult.values(result).flat()
      )
      const level1 = parallelMap([0, 1], (n) => (n === 0 ? later(level2) : Effect.never), { timeout: 10 })
      return Effect.map(level1, (result) => {
        values = GatherResult.values(result).flat()
      })
    },
    after: () => equalWords("values", values, finished)
  })
})

describe("law 10: the bound is still a bound", () => {
  it("code that goes on for more than a second after a partial answer is interrupted", () =>
    everywhere(undefined, {
      program: () =>
        parallelMap([1, 2], (n) => (n === 1 ? Effect.succeed(n) : Effect.never)).pipe(
          Effect.andThen(Effect.never),
          Deadline.within(10),
          Effect.exit
        ),
      after: ({ elapsed, interrupted }) => {
        if (interrupted === undefined) equal("elapsed", Duration.toMillis(elapsed), 1_010)
      }
    }))
})

lawForAll("law 11: a task's time counts from its start, not from its turn in the queue", (subject) => {
  let seen: Array<string> = []
  const works: ReadonlyArray<Work> = [
    { name: "a", takes: 4 },
    { name: "b", takes: 4 },
    { name: "c", takes: 4 }
  ]
  return underEverySchedule(subject, {
    program: () => {
      seen = []
      return Effect.map(subject.run(works, { concurrency: 1, taskTimeout: 5 }, recorder()), ({ result }) => {
        seen = result!.list.map(
          (outcome) =>
            `${outcome.status} ${outcome.queuedFor === undefined ? "?" : Duration.toMillis(outcome.queuedFor)} ${outcome.ranFor === undefined ? "?" : Duration.toMillis(outcome.ranFor)}`
        )
      })
    },
    after: () =>
      // An item of a lazy source is queued from its pull, which is when there is a place.
      equalWords(
        "status, queued for, ran for",
        seen,
        subject.kind === "gather"
          ? ["completed 0 4", "completed 0 4", "completed 0 4"]
          : ["completed 0 4", "completed 4 4", "completed 8 4"]
      )
  })
})

describe("law 11: a queue limit", () => {
  it("counts from the submission, and is told as such", () => {
    let words: Array<string> = []
    return underEverySchedule(undefined, {
      program: () => {
        words = []
        return TaskGroup.run(
          {
            onFailure: "isolate",
            concurrency: 1,
            queueTimeout: 5,
            onOutcome: (outcome) => words.push(`${outcome.index} ${outcome._tag === "TimedOut" ? outcome.limit : outcome.status}`)
          },
          (group) =>
            group.spawn(
              Effect.andThen(
                Effect.forEach([1, 2], () => group.spawn(Effect.sleep(3)), { discard: true }),
                Effect.sleep(4)
              )
            )
        )
      },
      after: () => equalWords("outcomes", words, ["0 completed", "2 queue", "1 completed"])
    }).then(() => undefined)
  })

  it("counts the wait for a shared limiter, from the pull", () => {
    let words: Array<string> = []
    return everywhere(undefined, {
      program: () =>
        Effect.gen(function* () {
          words = []
          const limiter = yield* Limiter.make({ permits: 1 })
          words = wordsOf(yield* parallelMap([1, 2, 3], () => Effect.sleep(4), { limiter, queueTimeout: 5, taskTimeout: 5 }))
        }),
      after: ({ interrupted }) => {
        // Which of them is last in the limiter's line is the schedule's choice.
        if (interrupted === undefined) equalWords("outcomes", words.toSorted(), ["completed", "completed", "timeout queue"])
      }
    })
  })
})

describe("law 12: a retry is part of its task", () => {
  it("waits end after the last attempt, and each attempt's cause is listed", () => {
    let seen: Array<unknown> = []
    return everywhere(undefined, {
      program: () =>
        Effect.suspend(() => {
          seen = []
          let n = 0
          return Effect.map(
            parallelMap([1], () => Effect.suspend(() => Effect.fail(`attempt ${++n}`)), {
              retry: { times: 3, schedule: Schedule.spaced(10) }
            }),
            ({ list: [outcome] }) => {
              if (outcome!._tag !== "Failed") return
              const causes = [...outcome!.attemptCauses, outcome!.cause].flatMap((cause) =>
                cause.reasons.filter(Cause.isFailReason).map((reason) => reason.error)
              )
              seen = [outcome!.attempts, Duration.toMillis(outcome!.ranFor!), ...causes]
            }
          )
        }),
      after: ({ interrupted }) => {
        if (interrupted === undefined)
          equalWords("attempts, time, causes", seen, [4, 30, "attempt 1", "attempt 2", "attempt 3", "attempt 4"])
      }
    })
  })

  it("keeps the causes of the last sixteen attempts", () => {
    let seen: Array<unknown> = []
    return underEverySchedule(undefined, {
      program: () =>
        Effect.map(
          parallelMap([1], () => Effect.fail("no"), { retry: { times: 20 } }),
          ({ list: [outcome] }) => {
            seen = [outcome!.attempts, outcome!.attemptCauses.length]
          }
        ),
      after: () => equalWords("attempts and causes", seen, [21, 16])
    }).then(() => undefined)
  })

  it("gives the place and the permit back during back-off", () => {
    let events: Array<string> = []
    return underEverySchedule(undefined, {
      program: () =>
        Effect.gen(function* () {
          events = []
          const limiter = yield* Limiter.make({ permits: 1 })
          let tried = false
          yield* parallelMap(
            ["flaky", "other"],
            (name) =>
              Effect.suspend(() => {
                events.push(name)
                if (name === "other" || tried) return Effect.sleep(2)
                tried = true
                return Effect.fail("not yet")
              }),
            { concurrency: 1, limiter, retry: { times: 1, schedule: Schedule.spaced(10) } }
          )
        }),
      after: () => equalWords("order", events, ["flaky", "other", "flaky"])
    }).then(() => undefined)
  })

  it("starts no attempt that would begin after the deadline, or with less time than it needs", () => {
    let starts: Array<number> = []
    return everywhere(undefined, {
      program: () => {
        starts = []
        const attempt = Effect.flatMap(Clock.currentTimeMillis, (now) => {
          starts.push(now)
          return Effect.fail("no")
        })
        return parallelMap([1], () => attempt, { timeout: 100, retry: { schedule: Schedule.spaced(30), needs: 20 } })
      },
      after: ({ interrupted }) => {
        if (interrupted === undefined) equalWords("starts", starts, [0, 30, 60])
      }
    })
  })

  it("an attempt's own limit is not the task's: taskTimeout spans all attempts", () => {
    let words: Array<string> = []
    return everywhere(undefined, {
      program: () => {
        words = []
        return Effect.map(
          parallelMap([1, 2], () => Effect.never, { taskTimeout: 25, attemptTimeout: 10, retry: { times: 9 } }),
          (result) => {
            words = result.list.map((outcome) => `${outcome._tag === "TimedOut" ? outcome.limit : outcome._tag} after ${outcome.attempts}`)
          }
        )
      },
      after: ({ elapsed, interrupted }) => {
        if (interrupted !== undefined) return
        equalWords("outcomes", words, ["task after 3", "task after 3"])
        equal("elapsed", Duration.toMillis(elapsed), 25)
      }
    })
  })
})

describe("law 9: a deadline is readable, inherited and extended", () => {
  it("the tighter of outer and inner wins, and extending the inner one does not move the outer", () => {
    let seen: Array<number | undefined> = []
    const left = Effect.map(Deadline.remaining, (remaining) => (Option.isNone(remaining) ? undefined : Duration.toMillis(remaining.value)))
    return underEverySchedule(undefined, {
      program: () =>
        Effect.gen(function* () {
          seen = [yield* left]
          yield* Deadline.within(
            Effect.gen(function* () {
              seen.push(yield* left)
              yield* Deadline.within(
                Effect.gen(function* () {
                  seen.push(yield* left)
                  yield* Deadline.extend(100)
                  seen.push(yield* left)
                }),
                10
              )
              yield* Deadline.within(
                Effect.flatMap(left, (ms) => Effect.sync(() => seen.push(ms))),
                500
              )
            }),
            50
          )
        }),
      after: () => equalWords("remaining", seen, [undefined, 50, 10, 50, 50])
    }).then(() => undefined)
  })
})
